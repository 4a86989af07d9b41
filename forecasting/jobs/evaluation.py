"""Settings tested through history, and looked through for leaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.checks import check_distances, check_sizes, drop_short_series, not_judged
from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import AuditFinished, BacktestFinished, Event, Notice, Progress, RunInfo
from forecasting.jobs.engine import run_versions
from forecasting.jobs.job import Job, never
from forecasting.jobs.preparing import prepared, told
from forecasting.memory import check_memory, check_room
from forecasting.series import Outcomes, Panel

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from forecasting.backtest import FoldRun, Work


def backtest(
    panel: Panel,
    config: RunConfig,
    plan: BacktestConfig = BacktestConfig(),  # noqa: B008 - frozen
    quantiles: tuple[float, ...] = QUANTILES,
    should_stop: Callable[[], bool] = never,
    *,
    workers: int = 1,
    cluster: str = "",
    executor: Executor | None = None,
    resume: Path | None = None,
    also: tuple[float, ...] = (),
) -> Job:
    """Walk forward through the test part, network and baselines from the same origins.

    The numbers do not depend on where folds are run.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
    plan : BacktestConfig
    quantiles : tuple of float
        Levels to be forecast, over which CRPS and pinball loss are averaged; 0.5 and the limits of
        the bands are added for the other scores.
    should_stop : callable
        Once true, folds at hand are given up and those finished are judged; a first fold in this
        process is finished with the weights so far.
    workers : int
        Processes among which folds are shared out; 1 stays in this one, 0 takes one a core where
        that pays. A program that asks for more than one needs the usual ``if __name__ ==
        "__main__":`` around it.
    cluster : str
        Address of a Dask scheduler (``tcp://host:8786``) that folds are handed to instead.
    executor : Executor, optional
        Any executor of ``concurrent.futures`` that folds are handed to instead; it is not shut
        down.
    resume : Path, optional
        Folder in which finished folds are kept; those of the same test that are there are not run
        again.
    also : tuple of float
        Further levels to be forecast, which no score is averaged over.

    Yields
    ------
    Progress, Notice, BacktestPlanned, FoldEnd, BacktestFinished
        Nothing is finished where it was stopped before the first fold was.
    """
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    from forecasting.backtest import Work, make_executor
    from forecasting.baselines import chosen_baselines
    from forecasting.baselines.challengers import introduce

    started = time.perf_counter()
    panel, short = yield from prepared(panel, config)
    work = Work(
        panel,
        config,
        plan,
        _levels(*quantiles, *QUANTILES, *also),
        chosen_baselines(panel, config.task.baselines),
    )
    yield from map(Notice, introduce(work.baselines, config.task.horizon))
    _check_room(work)
    with make_executor(work, workers, cluster, executor) or nullcontext() as crew:
        from forecasting.backtest import walk_forward  # imports torch, as other processes do by now
        from forecasting.estimate import plan_of

        yield plan_of(work)
        if workers > 1 and not plan.refit:
            yield Notice(
                "There is one fold only, so that several workers have nothing to share.",
                "--refit N trains anew every N origins.",
            )
        runs = yield from walk_forward(work, should_stop, crew, resume, spread=workers == 0)
    if runs:
        yield from _backtested(work, runs, quantiles, time.perf_counter() - started, short)


def _check_room(work: Work) -> None:
    """Refuse a test whose forecasts do not fit into memory, before the first training.

    Raises
    ------
    TooLittleMemoryError
    """
    from forecasting.backtest import folds_of

    folds = folds_of(work)
    forecasts = sum(len(fold.origins) for fold in folds) * work.config.task.horizon
    models = len(work.baselines) + 2  # the network, and its forecast without it
    copies = 2 if len(folds) > 1 else 1  # those of the folds, and all of them together
    check_room(
        8.0 * forecasts * len(work.quantiles) * models * copies,
        f"{forecasts * models:,} forecasts of {len(work.quantiles)} quantiles take",
        "Forecast from fewer dates (--step-size), fewer quantiles or fewer series, or beside fewer "
        "baselines.",
    )


def _levels(*quantiles: float) -> tuple[float, ...]:
    """Return levels in order, each once; those that differ by rounding count as one, the first."""
    found: list[float] = []
    for q in quantiles:
        if not any(abs(q - have) < 1e-9 for have in found):
            found.append(q)
    return tuple(sorted(found))


def plan_backtest(panel: Panel, config: RunConfig, plan: BacktestConfig) -> Job:
    """Tell how many folds a backtest has and about how long it takes. Not to be run while a network
    is trained: it draws random numbers.

    Yields
    ------
    BacktestPlanned
    """
    from forecasting.backtest import Work
    from forecasting.baselines import chosen_baselines
    from forecasting.estimate import plan_of

    check_sizes(config.task)
    panel, _ = drop_short_series(panel, config.task.input_size)
    check_distances(panel)
    yield plan_of(
        Work(panel, config, plan, QUANTILES, chosen_baselines(panel, config.task.baselines))
    )


def _backtested(
    work: Work,
    runs: Sequence[FoldRun],
    quantiles: tuple[float, ...],
    seconds: float,
    short: Mapping[str, str],
) -> Job:
    from forecasting.backtest import joined
    from forecasting.metrics import score
    from forecasting.verdict import judge

    panel, config = work.panel, work.config
    levels = tuple(sorted(set(quantiles)))
    outcomes = {
        name: replace(item, scored=levels)
        for name, item in joined([run.outcomes for run in runs]).items()
    }
    last = runs[-1]
    stopped = "user" if len(runs) < last.folds else last.stopped
    epochs = sum(run.epochs for run in runs)
    info = RunInfo(
        seconds,
        epochs,
        last.best_epoch,
        last.device,
        config.train.seed,
        stopped,
        run_versions(last.device),
    )
    model = next(iter(outcomes))
    tries = yield from count_tries(panel, config, outcomes[model])
    verdict = judge(
        outcomes,
        model,
        tries=tries,
        start=start_words(_target(panel, config, outcomes[model]), last.base),
    )
    unjudged = {} if stopped == "user" else not_judged(panel, {*outcomes[model].symbol.tolist()})
    yield from told(unjudged, "")
    scores = {name: score(item) for name, item in outcomes.items()}
    yield BacktestFinished(config, outcomes, scores, verdict, info, {**short, **unjudged})


def start_words(target: str, base: str = "usual") -> str:
    """Return what a network of a target starts from, in words; ``base`` as of
    :class:`forecasting.windows.Scaling`.
    """
    if base == "smoothed":
        return "exponential smoothing"
    known = {"seasonal": "the past seasons", "level": "the mean of the lookback"}
    return known.get(target, "the volatility model")


def _target(panel: Panel, config: RunConfig, outcomes: Outcomes) -> str:
    """Return the target of the first fold, which its past decides where the settings leave it
    open.
    """
    from forecasting.volatility import resolve_target
    from forecasting.windows import bars_before

    task = config.task
    if task.target != "auto":
        return task.target
    insample = bars_before(panel, outcomes.cutoff.min()) if task.season == "auto" else None
    return resolve_target(panel, "auto", insample)


def audit(panel: Panel, config: RunConfig, should_stop: Callable[[], bool] = never) -> Job:
    """Look for leaks: change the future and see whether the past notices, learn from noise and see
    whether it pays.

    Yields
    ------
    Progress, AuditFinished
    """
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    from forecasting.audit import audit as checks
    from forecasting.baselines import chosen_baselines

    panel, _ = yield from prepared(panel, config)
    found = yield from checks(
        panel, config, chosen_baselines(panel, config.task.baselines), should_stop
    )
    yield AuditFinished(tuple(found))


def count_tries(
    panel: Panel, config: RunConfig, outcomes: Outcomes, *further: object
) -> Generator[Event, None, int]:
    """Count the configuration among those that were judged on this test part, and return how
    many there are.

    ``further`` makes another configuration of the same settings, such as what it is combined with.
    """
    from forecasting.store import Trials

    try:
        with Trials() as tally:
            count = tally.add(panel, config, outcomes.cutoff.min(), outcomes.ds.max(), further)
            yield from (Notice(finding.message) for finding in tally.findings)
            return count
    except CandlecastError as error:
        yield Notice(f"Tries on this test part cannot be counted: {error.message}", error.hint)
        return 1
