"""Settings searched for before the test part, and judged on it once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.events import Event, Notice, Progress, RunInfo
from forecasting.generators import relay
from forecasting.jobs.engine import run_versions
from forecasting.jobs.evaluation import count_tries, start_words
from forecasting.jobs.job import Job, never
from forecasting.jobs.preparing import prepared
from forecasting.memory import check_memory
from forecasting.series import Outcomes, Panel

if TYPE_CHECKING:
    from forecasting.backtest import FoldRun
    from forecasting.search import Blocks, Sampler, SearchPlan, SearchSpace, Trials


def search(
    panel: Panel,
    config: RunConfig,
    plan: SearchPlan | None = None,
    space: SearchSpace | None = None,
    should_stop: Callable[[], bool] = never,
    should_pause: Callable[[], bool] = never,
) -> Job:
    """Search for settings on validation blocks before the test part, then look at the test part
    once.

    Every trial is written to the store after each block, so that a search that was killed goes on
    with ``plan.resume``.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        The defaults that the settings found have to beat; what is not searched stays so. Its seed
        is that of the search, too.
    plan : SearchPlan, optional
        Budget, blocks, sampler and processes; ten minutes where it is left out. A program that asks
        for more than one process needs the usual ``if __name__ == "__main__":`` around it.
    space : SearchSpace, optional
        What is searched; by default lookback, network, size, layers, dropout, learning rate, inputs
        and target. Without effect in the arena.
    should_stop : callable
        Once true the search ends with the best so far, which is then looked at on the test part.
    should_pause : callable
        While true no further block is begun, and the time does not count.

    Yields
    ------
    SearchBegan, Progress, Notice, BaselinesJudged, TrialEnded, SearchFinished

    Raises
    ------
    CandlecastError
        Too few bars, defaults that fail, a sampler that is not installed, nothing to resume, or a
        stop before the defaults were judged.
    """
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    from forecasting.baselines import chosen_baselines
    from forecasting.search import (
        Means,
        SearchFinished,
        SearchPlan,
        Trials,
        blocks_before_test,
        make_crew,
        open_saved,
        run_trials,
    )

    started = time.perf_counter()
    plan = plan or SearchPlan()
    panel, _ = yield from prepared(panel, config)
    blocks = blocks_before_test(panel, config, plan.blocks)
    space, sampler = _space_and_sampler(blocks, config, plan, space)
    if plan.sampler == "auto" and sampler.title == "random search":
        yield Notice(
            "Settings are drawn at random: Optuna, which learns from earlier trials, is not "
            "installed.",
            "pip install optuna adds it; ./run of a checkout has it.",
        )
    names = chosen_baselines(panel, config.task.baselines)
    trials = Trials(blocks)
    saved = open_saved(blocks, config, space, plan, sampler.title)
    with make_crew(blocks.panel, plan.workers, plan.cluster) as crew:
        means = Means(
            config, space, sampler, plan.budget, crew, names, saved, should_stop, should_pause
        )
        seconds = yield from run_trials(trials, means)
    if should_stop():
        yield Notice(
            "Stopped: the best settings so far and the defaults are looked at on the test part."
        )
    for event in _looked(panel, config, trials, names, sampler.title, started, should_stop()):
        if isinstance(event, SearchFinished):
            saved.finish(event.verdict, event.best.number, seconds)
            event = replace(event, key=saved.key)
        yield event


def _space_and_sampler(
    blocks: Blocks, config: RunConfig, plan: SearchPlan, space: SearchSpace | None
) -> tuple[SearchSpace, Sampler]:
    from forecasting.search import ListSampler, arena, default_space, make_sampler
    from forecasting.search.space import limited

    if plan.arena:
        space, candidates = arena(config, blocks.panel)
        return space, ListSampler(candidates)
    usual = space or default_space(config, blocks.panel, blocks.longest_lookback)
    space = limited(usual, plan.only)
    parallel = plan.workers > 1 or bool(plan.cluster)
    return space, make_sampler(plan.sampler, space, config.train.seed, parallel)


def train_trial(
    panel: Panel,
    config: RunConfig,
    trial: RunConfig,
    blocks: int,
    should_stop: Callable[[], bool] = never,
) -> Job:
    """Train the settings of a trial once more, as a run that is judged on the validation blocks.

    The run is given the bars before the test part and no other, so that no look at the test part
    is spent on it.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        The defaults of the search, which say where the test part begins.
    trial : RunConfig
    blocks : int
        Validation blocks of the search.
    should_stop : callable

    Yields
    ------
    Event
        Those of :func:`forecasting.jobs.train`.

    Raises
    ------
    CandlecastError
        As of the training.
    """
    from forecasting.jobs.training import train
    from forecasting.search import blocks_before_test

    panel, _ = yield from prepared(panel, config)
    laid = blocks_before_test(panel, config, blocks)
    yield from train(laid.panel, trial.changed(test_size=laid.size), should_stop)


def _looked(
    panel: Panel,
    config: RunConfig,
    trials: Trials,
    names: tuple[str, ...],
    sampler: str,
    started: float,
    stopped: bool,
) -> Job:
    """Look at the test part with the settings found and with the defaults."""
    from forecasting.search import effective_tries, reality_check
    from forecasting.search.verdict import DEFAULTS, SearchFinished, judge_search
    from forecasting.verdict import judge

    best, overlap = trials.best, trials.blocks.overlap
    yield Progress(0, 0, "Looking at the test part: the defaults")
    base_run = yield from _run(panel, config, names)
    run = base_run
    if best.number:
        yield Progress(0, 0, "Looking at the test part: the settings found")
        run = yield from _run(panel, best.config, ())
    base, ours = _aligned(_network(base_run), _network(run))
    rivals = {k: v for k, v in _judged(base_run).items() if k != _network(base_run).model}
    yield Progress(0, 0, "Correcting for the search")
    there = yield from count_tries(panel, config, base)
    if best.number:
        there = yield from count_tries(panel, best.config, ours)
    looks = max(0, there - (2 if best.number else 1))
    gains = trials.gains
    tries = looks + math.ceil(effective_tries(gains, overlap) - 1e-9)
    rivals = {name: _aligned(base, item)[1] for name, item in rivals.items()}
    model = ours.model
    own = {model: ours, **rivals}
    searched = len(trials.items)
    verdict = judge(own, model, tries=tries, start=start_words("", run.base), searched=searched)
    second = reality_check(gains, overlap, seed=config.train.seed)
    found = judge_search(
        ours, base, len(trials.items) - 1, tries, second, verdict, same=not best.number
    )
    info = RunInfo(
        time.perf_counter() - started,
        run.epochs,
        run.best_epoch,
        run.device,
        config.train.seed,
        "user" if stopped else "epochs",
        run_versions(run.device),
    )
    outcomes = {**own, DEFAULTS: replace(base, model=DEFAULTS)}
    yield SearchFinished(trials, found, outcomes, info, sampler)


def _run(
    panel: Panel, config: RunConfig, names: tuple[str, ...]
) -> Generator[Event, None, FoldRun]:
    """Train on all that lies before the test part and forecast from its origins; pass on what
    the user should know.
    """
    from forecasting.backtest import Work, folds_of, run_fold

    work = Work(panel, config, BacktestConfig(), QUANTILES, names)
    [fold] = folds_of(work)
    return (yield from relay(run_fold(work, fold, never), _plain))


def _plain(event: Event) -> Event:
    """Return the events of a training that concern a search, and progress for the others."""
    if isinstance(event, Notice | Progress):
        return event
    return Progress(0, 0, "Looking at the test part")


def _network(run: FoldRun) -> Outcomes:
    return next(iter(run.outcomes.values()))


def _judged(run: FoldRun) -> dict[str, Outcomes]:
    """Return the outcomes without those that tell what parts of the network add."""
    from forecasting.baselines import PARTS

    return {name: item for name, item in run.outcomes.items() if name not in PARTS}


def _aligned(one: Outcomes, other: Outcomes) -> tuple[Outcomes, Outcomes]:
    """Return the origins that both have, in the same order: a longer lookback may have fewer."""
    first, second = _keys(one), _keys(other)
    _, left, right = np.intersect1d(first, second, return_indices=True)
    return one.take(np.sort(left)), other.take(right[np.argsort(left)])


def _keys(outcomes: Outcomes) -> Any:
    """Return one key an origin, [N]."""
    stamps = outcomes.cutoff.astype(np.int64).astype(str)
    return np.char.add(np.char.add(outcomes.symbol.astype(str), "\t"), stamps)
