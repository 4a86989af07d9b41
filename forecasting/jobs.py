"""The verbs of the program, each a generator of events that a window, a terminal or a test iterates.

torch and all that needs it is imported inside the jobs, so that importing this module is cheap and
the time it takes is spent where it can be shown.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.errors import CandlecastError, ConfigError, DataError, is_text
from forecasting.events import (
    AuditFinished,
    BacktestFinished,
    EngineReady,
    EpochEnd,
    Event,
    FoldEnd,
    ForecastMade,
    Notice,
    NotLoaded,
    Predictor,
    Progress,
    RunFinished,
    RunInfo,
    RunResult,
    SeriesLoaded,
    SplitMade,
    TickersHeld,
    TrainingKept,
    mean_of,
)
from forecasting.series import Forecast, Origins, Outcomes, Panel, Point, PriceSeries
from forecasting.writing import Claim

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from forecasting.backtest import FoldRun
    from forecasting.sources import ReadOptions, Request, TickerOptions
    from forecasting.training import Fitted
    from forecasting.windows import Split

Job = Iterator[Event]


#: Trainings of the same prices and settings that are kept at once, each in a program of its own.
_AT_ONCE = 9


def _never() -> bool:
    return False


def _load_libraries() -> None:
    """Load torch's largest libraries before ``import`` does, which would hold up the window's thread for as long as that takes.

    Python keeps its lock while it loads an extension module, and .2 s of torch's import are spent there without a break. A function of C
    that is called through ctypes runs without the lock. Where a library is not found, nothing is lost.
    """
    if sys.platform == "win32":
        return
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for name in ("libtorch_cpu", "libtorch_python"):
        load(os.fsencode(Path(spec.origin).parent / "lib" / f"{name}.{suffix}"), os.RTLD_NOW)


def warm_up() -> Job:
    """Import torch and take one small training step, so that the user's first one is not the slow one.

    Yields
    ------
    Progress, EngineReady
    """
    started = time.perf_counter()
    yield Progress(0, 0, "Preparing the engine")
    _load_libraries()
    import torch

    from forecasting.models import Network
    from forecasting.training import AdamW, devices

    network = Network(RunConfig().model, 4, 2, 8)
    network(torch.zeros(8, 8, 4)).sum().backward()
    AdamW(network.parameters(), 0.0).step(1e-3)
    yield EngineReady(devices(), versions(), time.perf_counter() - started)


def load(
    references: Sequence[str | Request],
    options: ReadOptions | None = None,
    should_stop: Callable[[], bool] = _never,
    refresh: Literal["auto", "always", "never"] = "auto",
    ticker: TickerOptions | None = None,
) -> Job:
    """Load files, tickers and samples into one panel.

    Parameters
    ----------
    references : sequence of str or Request
        ``path``, ``yahoo:TICKER`` or ``sample:NAME``; several make a panel. A request carries options of its own.
    options : ReadOptions, optional
        How files are to be read, where the reader's own reading is not wanted; calendar and distance of bars of any source.
    should_stop : callable
        Polled between references; once true the panel holds what was loaded so far.
    refresh : str
        Whether tickers held in the price cache are brought up to date: ``auto`` (when they are old),
        ``always`` or ``never`` (work offline).
    ticker : TickerOptions, optional
        How much of a ticker is fetched, and in which form.

    Yields
    ------
    Progress, NotLoaded, SeriesLoaded
        Of several references one that fails costs a :class:`NotLoaded`, not the others. The panel comes as soon as it is read,
        and a second time where its bars, compared with the sessions of their exchanges, turn out to have gaps.

    Raises
    ------
    CandlecastError
        The only reference cannot be loaded, or none of several.
    """
    from forecasting.sources.options import AS_FOUND, LONGEST_REFERENCE, USUAL, Request
    from forecasting.sources.quality import with_session_gaps

    for one in references:
        if isinstance(one, str) and not 0 < len(one) <= LONGEST_REFERENCE:
            raise DataError(f"A source is named with {len(one):,} letters: {one[:60]!r}.", "Give a file, yahoo:TICKER or sample:NAME.")
        if isinstance(one, str) and not is_text(one):
            raise DataError(f"The name {one} is no text of this system.", "Rename the file.")
    wanted = [
        one if isinstance(one, Request) else Request(reference=one, read=options or AS_FOUND, ticker=ticker or USUAL) for one in references
    ]
    found: list[PriceSeries] = []
    places: list[int] = []
    refusals: list[CandlecastError] = []
    for place, request in enumerate(wanted):
        if should_stop():
            break
        yield Progress(place, len(wanted), f"Loading {request.reference}")
        try:
            series = _series_of(request, refresh, {one.symbol for one in found})
        except CandlecastError as error:
            refusals.append(error)
            if len(wanted) > 1:
                yield NotLoaded(error.message, error.hint, place)
            continue
        found.extend(series)
        places.extend([place] * len(series))
    if refusals and not found:
        raise refusals[0]
    yield SeriesLoaded(Panel(tuple(found)), tuple(places))
    yield Progress(len(wanted), len(wanted), "Comparing with the exchange's sessions")
    compared = tuple(with_session_gaps(one) for one in found)
    if any(new is not old for new, old in zip(compared, found, strict=True)):
        yield SeriesLoaded(Panel(compared), tuple(places))


def _series_of(request: Request, refresh: Literal["auto", "always", "never"], taken: Collection[str]) -> tuple[PriceSeries, ...]:
    """Load one reference in the shape that is wanted; a name that another series has already is refused."""
    from forecasting import store
    from forecasting.sources import source
    from forecasting.sources.resample import shaped

    loaded = store.load(source(request.reference, request.read, request.ticker), refresh)
    series = tuple(shaped(one, request.read) for one in loaded)
    double = next((one.symbol for one in series if one.symbol in taken), "")
    if double:
        raise DataError(
            f"{request.reference}: a series called {double} is there already.", "Load each symbol once, or give this one a name."
        )
    return series


def understand(path: str | Path, options: ReadOptions | None = None) -> Job:
    """Tell how a file is read, or why it cannot be, without loading it; quick for files of any size.

    Yields
    ------
    FileUnderstood
    """
    from forecasting.sources.files.preview import preview

    yield preview(path, options)


def held_tickers() -> Job:
    """Tell which tickers the price cache holds; none where there is no cache.

    Yields
    ------
    TickersHeld
    """
    from forecasting.store import PriceStore, store_path

    if not store_path().is_file():
        yield TickersHeld(())
        return
    with PriceStore() as store:
        yield TickersHeld(tuple(dict.fromkeys(one.symbol for one in store.held())))
        yield from (Notice(finding.message) for finding in store.findings)


def train(
    panel: Panel,
    config: RunConfig,
    should_stop: Callable[[], bool] = _never,
    *,
    should_pause: Callable[[], bool] = _never,
    resume: Path | None = None,
    autosave: Path | None = None,
    keep: Path | None = None,
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
        File of a training of the same prices and settings (``epochs`` and ``patience`` may be others) that was cut short: it goes
        on there, and on the CPU of the same machine ends with the numbers of one that never was.
    autosave : Path, optional
        File (see :func:`autosave_path`) in which the training is kept while it goes on: at most a minute old, and
        newer after each best epoch. It is removed once the consumer asks for more than the last event, or closes the job, and
        left where a fault cuts the training short, or the consumer throws one because the result could not be written.
    keep : Path, optional
        File in which the training is left at its end: given to ``resume`` with more ``epochs`` it is trained for longer.

    Yields
    ------
    SplitMade, Progress, EpochEnd, ForecastMade, MemorySeen, Advice, Notice, RunFinished

    Raises
    ------
    ConfigError
        The file to go on from was made of other prices or settings.
    ModelFileError
        That file is damaged, or something else.
    """
    if resume is not None and resume != keep and resume.is_file() and Claim.is_taken(resume):
        raise ConfigError("This training goes on in another Candlecast already.", "Wait for its end, or train anew.")
    place, claim = _claimed(autosave)
    one_of_ours = place is not None and resume is not None and resume != keep and resume.parent == place.parent
    kept = (place, resume if one_of_ours else None)
    try:
        yield from _train(panel, config, should_stop, should_pause, resume, place, keep)
        _remove(*kept)
    except GeneratorExit:
        _remove(*kept)
        raise
    finally:
        if claim is not None:
            claim.release()


def _claimed(autosave: Path | None) -> tuple[Path | None, Claim | None]:
    """Return where a training is kept, and what says that it goes on; one that goes on in another program keeps its file."""
    if autosave is None:
        return None, None
    for number in range(1, _AT_ONCE + 1):
        place = autosave if number == 1 else autosave.with_stem(f"{autosave.stem}-{number}")
        claim = Claim(place)
        if claim.take():
            return place, claim
        if not Claim.is_taken(place):
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
) -> Job:
    from forecasting.backtest import fit_baselines, outcomes_of
    from forecasting.baselines import chosen_baselines
    from forecasting.metrics import score
    from forecasting.training import TrainingState, fit
    from forecasting.verdict import judge
    from forecasting.windows import bars_before, split_panel

    started = time.perf_counter()
    state = TrainingState.load(resume) if resume else None
    panel, left_out = long_enough(panel, config.task.input_size)
    for why in left_out.values():
        yield Notice(why, "Load more of its history, or choose a shorter lookback.")
    split, names = split_panel(panel, config.task), chosen_baselines(panel, config.task.baselines)
    made: list[SplitMade] = []
    training = fit(panel, split, config, should_stop, should_pause=should_pause, resume=state, autosave=autosave, keep=keep)
    fitted = yield from _noting(training, made)
    yield Progress(0, 0, "Scoring against the baselines")
    horizon = config.task.horizon
    rivals = fit_baselines(panel, bars_before(panel, split.test_start), horizon, names)
    network = fitted.forecaster.calibrated(panel)
    origins = _thinned(panel, split, horizon)
    outcomes = {p.name: outcomes_of(p, panel, origins, horizon, QUANTILES, config.task.point) for p in (network, *rivals)}
    tries = yield from _tries(panel, config, outcomes[network.name])
    judged = judge(outcomes, network.name, tries=tries)
    verdict = replace(judged, notes=(_learned(fitted.forecaster.trust), *judged.notes))
    forecasts = future(network, panel, horizon, config.task.point)
    yield ForecastMade(forecasts, fitted.history[-1].best_epoch, final=True)
    result = RunResult(
        config=config,
        panel=panel,
        split=made[0],
        history=fitted.history,
        forecasts=forecasts,
        baseline_forecasts=future(rivals[0], panel, horizon, config.task.point),
        outcomes=outcomes,
        scores={name: score(o) for name, o in outcomes.items()},
        verdict=verdict,
        info=_info(config, [fitted], time.perf_counter() - started),
    )
    yield RunFinished(result, fitted.forecaster)


def long_enough(panel: Panel, lookback: int) -> tuple[Panel, dict[str, str]]:
    """Leave out the series that nothing could be forecast of; all are kept where none is long enough, to be refused.

    Parameters
    ----------
    panel : Panel
    lookback : int
        Bars that a forecast reads.

    Returns
    -------
    panel : Panel
    left_out : dict of str to str
        Why, by symbol.
    """
    usable = tuple(series for series in panel if len(series) >= lookback)
    if not usable or len(usable) == len(panel):
        return panel, {}
    short = (series for series in panel if len(series) < lookback)
    why = {s.symbol: f"{s.symbol} has {len(s)} bars; the lookback of {lookback} needs more. It is left out." for s in short}
    return replace(panel, series=usable), why


def autosave_path(panel: Panel, config: RunConfig) -> Path:
    """Return the file in which a training of these prices with these settings is kept, in the folder for user data."""
    from forecasting.training import run_name

    return _kept_folder() / run_name(panel, config)


def _kept_folder() -> Path:
    from forecasting.store import store_path

    return store_path().parent / "unfinished"


def unfinished() -> Job:
    """Tell which trainings were cut short and can go on, latest first; not those that go on now, and no files that cannot be read.

    Yields
    ------
    TrainingKept
    """
    from forecasting.bundle import read_bundle

    found = []
    for path in _kept_folder().glob("*.training"):
        if Claim.is_taken(path):
            continue
        try:
            manifest, _ = read_bundle(path)
            facts = manifest["facts"]
            config = RunConfig.model_validate(manifest["config"])
            symbols, sources = tuple(manifest["prices"]), tuple(manifest["sources"])
            found.append(TrainingKept(path, config, sources, symbols, len(facts["history"]) - 1, str(manifest["saved_at"])))
        except (CandlecastError, KeyError, TypeError, ValueError):
            continue
    yield from sorted(found, key=lambda kept: kept.saved_at, reverse=True)


def estimate(panel: Panel, config: RunConfig) -> Job:
    """Tell what a training would cost. Not to be run while one goes on: it draws from the same random numbers.

    Yields
    ------
    CostEstimated
    """
    from forecasting.estimate import estimate as cost

    yield cost(panel, config)


def find_learning_rate(panel: Panel, config: RunConfig, should_stop: Callable[[], bool] = _never) -> Job:
    """Try ever larger learning rates and suggest one.

    Yields
    ------
    Progress, Notice, LearningRatesTried
    """
    yield Progress(0, 0, "Preparing the engine")
    from forecasting.training import find_learning_rate as find
    from forecasting.windows import split_panel

    yield from find(panel, split_panel(panel, config.task), config, should_stop)


def backtest(
    panel: Panel,
    config: RunConfig,
    plan: BacktestConfig = BacktestConfig(),  # noqa: B008 - frozen
    quantiles: tuple[float, ...] = QUANTILES,
    should_stop: Callable[[], bool] = _never,
    *,
    workers: int = 1,
    cluster: str = "",
    executor: Executor | None = None,
    resume: Path | None = None,
) -> Job:
    """Walk forward through the test part, network and baselines from the same origins.

    The numbers do not depend on where folds are run.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
    plan : BacktestConfig
    quantiles : tuple of float
        Levels to be forecast, increasing; 0.5 and the limits of the bands are added for the scores.
    should_stop : callable
        Once true, folds at hand are given up and those finished are judged; a first fold in this process is finished with the
        weights so far.
    workers : int
        Processes among which folds are shared out; 1 stays in this one, 0 takes one a core where that pays. A program that asks
        for more than one needs the usual ``if __name__ == "__main__":`` around it.
    cluster : str
        Address of a Dask scheduler (``tcp://host:8786``) that folds are handed to instead.
    executor : Executor, optional
        Any executor of ``concurrent.futures`` that folds are handed to instead; it is not shut down.
    resume : Path, optional
        Folder in which finished folds are kept; those of the same test that are there are not run again.

    Yields
    ------
    Progress, Notice, FoldEnd, BacktestFinished
        Nothing is finished where it was stopped before the first fold was.
    """
    yield Progress(0, 0, "Preparing the engine")
    from forecasting.backtest import Work, hired
    from forecasting.baselines import chosen_baselines

    started = time.perf_counter()
    work = Work(panel, config, plan, tuple(sorted({*quantiles, *QUANTILES})), chosen_baselines(panel, config.task.baselines))
    with hired(work, workers, cluster, executor) or nullcontext() as crew:
        from forecasting.backtest import walk_forward  # imports torch, as other processes do by now

        if workers > 1 and not plan.refit:
            yield Notice("There is one fold only, so that several workers have nothing to share.", "--refit N trains anew every N origins.")
        runs = yield from walk_forward(work, should_stop, crew, resume, spread=workers == 0)
    if runs:
        yield from _backtested(panel, config, runs, time.perf_counter() - started)


def _backtested(panel: Panel, config: RunConfig, runs: Sequence[FoldRun], seconds: float) -> Job:
    from forecasting.backtest import joined
    from forecasting.metrics import score
    from forecasting.verdict import judge

    outcomes = joined([run.outcomes for run in runs])
    last = runs[-1]
    stopped = "user" if len(runs) < last.folds else last.stopped
    epochs = sum(run.epochs for run in runs)
    info = RunInfo(seconds, epochs, last.best_epoch, last.device, config.train.seed, stopped, versions())
    model = next(iter(outcomes))
    tries = yield from _tries(panel, config, outcomes[model])
    verdict = judge(outcomes, model, tries=tries)
    yield BacktestFinished(config, outcomes, {name: score(o) for name, o in outcomes.items()}, verdict, info)


def _tries(panel: Panel, config: RunConfig, outcomes: Outcomes) -> Generator[Event, None, int]:
    """Count the configuration among those that were judged on this test part, and return how many there are."""
    from forecasting.store import Tries

    try:
        with Tries() as tally:
            count = tally.add(panel, config, outcomes.cutoff.min(), outcomes.ds.max())
            yield from (Notice(finding.message) for finding in tally.findings)
            return count
    except CandlecastError as error:
        yield Notice(f"Tries on this test part cannot be counted: {error.message}", error.hint)
        return 1


def audit(panel: Panel, config: RunConfig, should_stop: Callable[[], bool] = _never) -> Job:
    """Look for leaks: change the future and see whether the past notices, learn from noise and see whether it pays.

    Yields
    ------
    Progress, AuditFinished
    """
    yield Progress(0, 0, "Preparing the engine")
    from forecasting.audit import audit as checks
    from forecasting.baselines import chosen_baselines

    found = yield from checks(panel, config, chosen_baselines(panel, config.task.baselines), should_stop)
    yield AuditFinished(tuple(found))


def predict(panel: Panel, model_file: str | Path, device: str = "auto") -> Job:
    """Forecast the real future with a saved model, without training.

    Yields
    ------
    Notice, ForecastMade
    """
    yield Progress(0, 0, "Preparing the engine")
    from forecasting.training import Forecaster

    forecaster = Forecaster.load(model_file, device)
    known = forecaster.scaling.symbols
    strange = [symbol for symbol in panel.symbols if symbol not in known] if known else []
    if strange:
        yield Notice(
            f"The network was not trained on {', '.join(strange[:5])}{' ...' * (len(strange) > 5)}: taken for the mean of its series."
        )
    task = forecaster.config.task
    yield ForecastMade(future(forecaster.calibrated(panel), panel, task.horizon, task.point), epoch=0, final=True)


def future(predictor: Predictor, panel: Panel, horizon: int, point: Point = "median") -> tuple[Forecast, ...]:
    """Forecast the next ``horizon`` sessions of each series from its last bar; with their means where ``point`` is the mean."""
    from forecasting.calendars import future_sessions
    from forecasting.training import forecasts_from

    last = Origins.last(panel)
    values = predictor.predict(panel, last, QUANTILES)
    means = mean_of(predictor, panel, last) if point == "mean" else None
    symbol = next((one for one, value in zip(panel.symbols, values.sum(axis=(1, 2)), strict=True) if not math.isfinite(value)), "")
    if symbol:
        raise DataError(f"The forecast of {symbol} by {predictor.name} is no number.", "Check its prices, or train another network.")
    return forecasts_from(values, predictor.name, panel, [future_sessions(s, horizon) for s in panel], QUANTILES, means)


def _learned(trust: float) -> str:
    if trust == 0:
        return "On the validation part the network did no better than the baseline it starts from, so the forecast is the baseline's."
    return f"On the validation part the network did better than the baseline it starts from; its changes to it count {trust:.0%}."


def versions() -> dict[str, str]:
    """Return the versions that decide whether numbers repeat."""
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy", "pandas")}}


def _noting(job: Generator[Event, None, Any], notes: list[Any]) -> Generator[Event, None, Any]:
    """Pass a job's events on, keeping those that its successor needs; return what the job returns."""
    while True:
        try:
            event = next(job)
        except StopIteration as finished:
            return finished.value
        if isinstance(event, SplitMade | FoldEnd):
            notes.append(event)
        yield event


def _thinned(panel: Panel, split: Split, horizon: int) -> Origins:
    """Return the test origins, of large panels every k-th date, so that scoring stays quick."""
    from forecasting.backtest import every

    if not len(split.test):
        raise CandlecastError("The test part holds no origin to score.", "Use a larger test size.")
    step = max(1, len(split.test) * horizon // 2_000_000)
    return every(panel, split.test, step)


def _info(config: RunConfig, fitted: Sequence[Fitted], seconds: float) -> RunInfo:
    last: EpochEnd = fitted[-1].history[-1]
    epochs = sum(len(f.history) - 1 for f in fitted)
    return RunInfo(seconds, epochs, last.best_epoch, str(fitted[-1].forecaster.device), config.train.seed, fitted[-1].stopped, versions())
