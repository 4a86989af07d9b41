"""A network trained and judged, what was cut short gone on with, and what a training would cost."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.checks import cautions, check_distances, check_sizes, drop_short_series, living
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import (
    EpochEnd,
    Event,
    ForecastMade,
    Notice,
    Progress,
    RunFinished,
    RunInfo,
    RunResult,
    SplitMade,
    TrainingKept,
    Verdict,
)
from forecasting.files.atomic import FileLock
from forecasting.generators import relay
from forecasting.jobs.engine import run_versions
from forecasting.jobs.evaluation import count_tries, start_words
from forecasting.jobs.exog import check_horizon
from forecasting.jobs.explaining import TrainingExplainer
from forecasting.jobs.job import Job, never, noting
from forecasting.jobs.predicting import future
from forecasting.jobs.preparing import prepared, told_ended
from forecasting.memory import check_memory
from forecasting.sentences import tell
from forecasting.series import Origins, Panel

if TYPE_CHECKING:
    from forecasting.backtest.outcomes import Evaluation
    from forecasting.training import Fitted, TrainedNetwork
    from forecasting.windows import Split

#: Trainings of the same prices and settings that are kept at once, each in a program of its own.
_AT_ONCE = 9
#: Most bars that are forecast to judge a training, so that scoring stays quick.
_MOST_JUDGED = 2_000_000


def train(
    panel: Panel,
    config: RunConfig,
    should_stop: Callable[[], bool] = never,
    *,
    should_pause: Callable[[], bool] = never,
    resume: Path | None = None,
    autosave: Path | None = None,
    keep: Path | None = None,
    should_leave: Callable[[], bool] = never,
    counted: bool = True,
    explained: Callable[[], str] = str,
) -> Job:
    """Train a network, score it beside the baselines on the test part, forecast the real future.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
    should_stop : callable
        Polled every batch; once true the best weights so far are scored and delivered.
    should_pause : callable
        Polled every batch; training waits for as long as it is true.
    resume : Path, optional
        File of a training of the same prices and settings (``epochs`` and ``patience`` may be
        others) that was cut short: it goes on there, and on the CPU of the same machine ends with
        the numbers of one that never was.
    autosave : Path, optional
        File (see :func:`autosave_path`) in which the training is kept while it goes on: at most a
        minute old, and newer after each best epoch. It is removed once the consumer asks for more
        than the last event, or closes the job, and left where a fault cuts the training short, or
        the consumer throws one because the result could not be written.
    keep : Path, optional
        File in which the training is left at its end: given to ``resume`` with more ``epochs`` it
        is trained for longer.
    should_leave : callable
        Asked when the consumer closes the job; once true ``autosave`` is left, to go on from there
        another time.
    counted : bool
        Whether the training counts among the tries on its test part; those of a lesson do not.
    explained : callable
        Returns the symbol of the series whose forecast is explained as it changes, "" for none;
        polled after each epoch.

    Yields
    ------
    SplitMade, Progress, EpochEnd, StepNorms, ForecastMade, GradientByLag, CellStates, Diagnosis,
    Explained, Notice, RunFinished

    Raises
    ------
    ConfigError
        The file to go on from was made of other prices or settings.
    ModelFileError
        That file is damaged, or something else.
    """
    if resume is not None and resume != keep and resume.is_file() and FileLock.is_taken(resume):
        raise ConfigError(
            "This training goes on in another Candlecast already.",
            "Wait for its end, or train anew.",
        )
    index, claim = _claimed(autosave)
    one_of_ours = (
        index is not None
        and resume is not None
        and resume != keep
        and resume.parent == index.parent
    )
    kept = (index, resume if one_of_ours else None)
    try:
        yield from _train(
            panel,
            config,
            should_stop,
            should_pause,
            resume,
            index,
            keep,
            counted=counted,
            explained=explained,
        )
        _remove(*kept)
    except GeneratorExit:
        if not should_leave():
            _remove(*kept)
        raise
    finally:
        if claim is not None:
            claim.release()


def finished_training(
    panel: Panel, config: RunConfig, should_stop: Callable[[], bool]
) -> Generator[Event, None, RunFinished]:
    """Train as :func:`train`, and return the run instead of yielding it."""
    finished: RunFinished | None = None
    for event in train(panel, config, should_stop):
        if isinstance(event, RunFinished):
            finished = event
        else:
            yield event
    if finished is None:
        raise ConfigError("The training ended without a network.", "Train again.")
    return finished


def _claimed(autosave: Path | None) -> tuple[Path | None, FileLock | None]:
    """Return where a training is kept, and what says that it goes on; one that goes on in
    another program keeps its file.
    """
    if autosave is None:
        return None, None
    for number in range(1, _AT_ONCE + 1):
        index = autosave if number == 1 else autosave.with_stem(f"{autosave.stem}-{number}")
        claim = FileLock(index)
        if claim.take():
            return index, claim
        if not FileLock.is_taken(index):
            break
    return autosave, None  # where nothing can be written, keeping it fails in words


def _remove(*paths: Path | None) -> None:
    for path in paths:
        # In a folder that cannot be used nothing was kept either, and a Notice has said so.
        with contextlib.suppress(OSError):
            if path is not None:
                path.unlink(missing_ok=True)


def _train(
    panel: Panel,
    config: RunConfig,
    should_stop: Callable[[], bool],
    should_pause: Callable[[], bool],
    resume: Path | None,
    autosave: Path | None,
    keep: Path | None,
    *,
    counted: bool,
    explained: Callable[[], str],
) -> Job:
    check_memory()
    from forecasting.baselines import chosen_baselines
    from forecasting.baselines.challengers import introduce
    from forecasting.metrics import score
    from forecasting.training import TrainingState, fit
    from forecasting.windows import split_panel

    started = time.perf_counter()
    state = TrainingState.load(resume) if resume else None
    panel, short = yield from prepared(panel, config)
    check_horizon(living(panel), config.inputs, config.task.horizon)
    yield from (Notice(caution, "Raise the lookback, or lower it.") for caution in cautions(config))
    split, names = split_panel(panel, config.task), chosen_baselines(panel, config.task.baselines)
    yield from map(Notice, introduce(names, config.task.horizon))
    gone = yield from told_ended(
        panel, "It is learned from, and judged where it has bars in the test part."
    )
    made: list[SplitMade] = []
    training = fit(
        panel,
        split,
        config,
        should_stop,
        should_pause=should_pause,
        resume=state,
        autosave=autosave,
        keep=keep,
        observe=TrainingExplainer(panel, explained),
    )
    fitted = yield from noting(_forecasting_others(training, gone), made)
    found = yield from _score(fitted.forecaster, names, panel, split, should_stop)
    network, outcomes = found.network, found.outcomes
    tries = (yield from count_tries(panel, config, outcomes[network.name])) if counted else 1
    horizon, point = config.task.horizon, config.task.point
    forecasts = future(network, panel, horizon, point)
    yield ForecastMade(forecasts, fitted.history[-1].best_epoch, final=True)
    result = RunResult(
        config=config,
        panel=panel,
        split=made[0],
        history=fitted.history,
        forecasts=forecasts,
        baseline_forecasts=future(found.baselines[0], panel, horizon, point),
        outcomes=outcomes,
        scores={name: score(o) for name, o in outcomes.items()},
        verdict=_judged(fitted.forecaster, found, tries),
        info=_info(config, [fitted], time.perf_counter() - started),
        left_out={**short, **gone},
    )
    yield RunFinished(result, fitted.forecaster.with_training_facts(panel))


def _score(
    forecaster: TrainedNetwork,
    names: Sequence[str],
    panel: Panel,
    split: Split,
    should_stop: Callable[[], bool],
) -> Generator[Event, None, Evaluation]:
    """Score a network and the baselines on the test part; say what a stop has left out."""
    from forecasting.backtest import evaluated
    from forecasting.baselines import model_title
    from forecasting.windows import bars_before

    yield Progress(0, 0, "Scoring against the baselines")
    origins = _thinned(panel, split, forecaster.config.task.horizon)
    insample = bars_before(panel, split.test_start)
    found = evaluated(forecaster, names, panel, origins, insample, QUANTILES, should_stop)
    if found.left_out:
        lacking = ", ".join(map(model_title, found.left_out))
        yield Notice(
            f"Stopped before these baselines were judged: {lacking}.",
            "Train again to compare with them, too.",
        )
    if found.stride > 1:
        yield Notice(
            f"Stopped: of this large panel only one in {found.stride} dates was judged, and bands "
            "have learned from as few.",
            "Train again to judge all of them.",
        )
    return found


def _judged(forecaster: TrainedNetwork, found: Evaluation, tries: int) -> Verdict:
    """Judge a network beside the baselines; ``tries`` trainings were judged on this test part."""
    from forecasting.verdict import judge

    scaling = forecaster.scaling
    start = start_words(scaling.target, scaling.base)
    verdict = judge(found.outcomes, found.network.name, tries=tries, start=start)
    return replace(verdict, notes=(*_learned(forecaster), *verdict.notes))


def _forecasting_others(
    training: Generator[Event, None, Fitted], gone: Collection[str]
) -> Generator[Event, None, Fitted]:
    """Pass on the events of a training, without the forecasts of series that ended before the
    others.
    """

    def without(event: Event) -> Event:
        if not gone or not isinstance(event, ForecastMade):
            return event
        others = tuple(item for item in event.forecasts if item.symbol not in gone)
        return replace(event, forecasts=others)

    return relay(training, without)


def _thinned(panel: Panel, split: Split, horizon: int) -> Origins:
    """Return the test origins, of large panels every k-th date, so that at most so many bars are
    forecast.
    """
    from forecasting.backtest import every

    step = math.ceil(len(split.test) * horizon / _MOST_JUDGED)
    return every(panel, split.test, step)


def _info(config: RunConfig, fitted: Sequence[Fitted], seconds: float) -> RunInfo:
    last: EpochEnd = fitted[-1].history[-1]
    epochs = sum(len(f.history) - 1 for f in fitted)
    device = str(fitted[-1].forecaster.device)
    return RunInfo(
        seconds,
        epochs,
        last.best_epoch,
        device,
        config.train.seed,
        fitted[-1].stopped,
        run_versions(device),
    )


def _learned(forecaster: TrainedNetwork) -> Iterator[str]:
    """Yield what the network learned, and from what it started where that was chosen on the
    validation part.
    """
    trust = forecaster.trust
    yield tell("learned", trust=f"{trust:.0%}".replace("%", " %")) if trust else tell("not-learned")
    if forecaster.scaling.base == "smoothed":
        yield tell("smoothed")


def check_saving(path: Path, config: RunConfig) -> None:
    """Refuse what cannot be saved as the suffix asks for, before a training rather than after it.

    Raises
    ------
    ConfigError
        A network of these settings is not written so, or packages for it are not installed.
    """
    if path.suffix.lower() == ".onnx":
        from forecasting.training.onnx_export import check_exportable

        check_exportable(config)


def autosave_path(panel: Panel, config: RunConfig) -> Path:
    """Return the file in which a training of these prices with these settings is kept, in the
    folder for user data.
    """
    from forecasting.training import run_name

    return _kept_folder() / run_name(panel, config)


def _kept_folder() -> Path:
    from forecasting.store import store_path

    return store_path().parent / "unfinished"


def unfinished() -> Job:
    """Tell which trainings were cut short and can go on, latest first; not those that go on now,
    and no files that cannot be read.

    Yields
    ------
    TrainingKept
    """
    from forecasting.bundle import read_bundle

    found = []
    for path in _kept_folder().glob("*.training"):
        if FileLock.is_taken(path):
            continue
        try:
            manifest, _ = read_bundle(path)
            facts = manifest["facts"]
            config = RunConfig.model_validate(manifest["config"])
            symbols, sources = tuple(manifest["prices"]), tuple(manifest["sources"])
            found.append(
                TrainingKept(
                    path,
                    config,
                    sources,
                    symbols,
                    len(facts["history"]) - 1,
                    str(manifest["saved_at"]),
                )
            )
        except (CandlecastError, KeyError, TypeError, ValueError):
            continue
    yield from sorted(found, key=lambda kept: kept.saved_at, reverse=True)


def estimate(panel: Panel, config: RunConfig) -> Job:
    """Tell what a training would cost. Not to be run while one goes on: it draws from the same
    random numbers.

    Yields
    ------
    CostEstimated
    """
    from forecasting.estimate import estimate as cost

    check_sizes(config.task)
    panel, _ = drop_short_series(panel, config.task.input_size)
    check_distances(panel)
    yield cost(panel, config)


def find_learning_rate(
    panel: Panel, config: RunConfig, should_stop: Callable[[], bool] = never
) -> Job:
    """Try ever larger learning rates and suggest one.

    Yields
    ------
    Progress, Notice, LearningRatesTried
    """
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    from forecasting.training import find_learning_rate as find
    from forecasting.windows import split_panel

    panel, _ = yield from prepared(panel, config)
    yield from find(panel, split_panel(panel, config.task), config, should_stop)
