"""One fold of a walk-forward test: what it is made of, and the work it takes, which is the same
wherever it is done.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
import scipy.linalg  # noqa: F401 - has a thread pool of its own, which can be limited only once it is there
import torch
from threadpoolctl import threadpool_limits

from forecasting.backtest.outcomes import Evaluation, evaluated, every
from forecasting.backtest.work import Fold, FoldRun, Work
from forecasting.config import RunConfig
from forecasting.errors import DataError
from forecasting.events import Event, SplitMade
from forecasting.generators import relay
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import Fitted, StopAsked, fit
from forecasting.windows import Split, bars_before, split_panel

_JUST_AFTER = np.timedelta64(1, "us")


def folds_of(work: Work) -> tuple[Fold, ...]:
    """Cut the test part into folds.

    Raises
    ------
    DataError
        Too few bars for the parts, or no origin in the test part.
    """
    task, plan = work.config.task, work.plan
    whole = split_panel(work.panel, task)
    origins = every(work.panel, whole.test, plan.step_size)
    if not len(origins):
        raise DataError(
            f"A test part of {task.test_size or 'automatic'} bars has no origin with "
            f"{task.horizon} bars after it.",
            "Use a larger --test-size or a smaller horizon.",
        )
    dates = origins.cutoffs(work.panel)
    distinct = np.unique(dates)
    size = plan.refit or len(distinct)
    starts = range(0, len(distinct), size)
    return tuple(
        Fold(
            number,
            len(starts),
            origins.take(np.isin(dates, distinct[start : start + size])),
            distinct[start] + _JUST_AFTER if start else whole.test_start,
        )
        for number, start in enumerate(starts, start=1)
    )


def run_fold(
    work: Work, fold: Fold, should_stop: StopAsked, trained_enough: StopAsked = lambda: False
) -> Generator[Event, None, FoldRun]:
    """Train on what lies before a fold, then forecast from its origins with the network and the
    baselines.

    Parameters
    ----------
    work : Work
    fold : Fold
        One of :func:`folds_of` this work.
    should_stop : callable
        Polled; once true, training ends and the weights so far forecast.
    trained_enough : callable
        The same for the training alone: what follows is not hurried.

    Yields
    ------
    Event
        Those of the training.

    Returns
    -------
    FoldRun
        The same numbers in whichever process, because a fold always trains in one thread.
    """
    # Sums in several threads differ in their last digits (and GARCH's optimiser makes them larger),
    # and folds that run side by side have a core each.
    with threadpool_limits(1):
        panel, origins = _within(work, fold)
        split = _split(work, fold, panel)
        fitted = yield from _trained(
            panel, split, work.config, lambda: should_stop() or trained_enough()
        )
        found = _judged(work, panel, origins, split, fitted, should_stop)
    partial = bool(found.left_out) or found.stride > 1
    last, device = fitted.history[-1], str(fitted.forecaster.device)
    return FoldRun(
        fold.number,
        fold.folds,
        found.outcomes,
        len(fitted.history) - 1,
        last.best_epoch,
        device,
        "user" if partial else fitted.stopped,
        fitted.forecaster.scaling.base,
    )


def _judged(
    work: Work, panel: Panel, origins: Origins, split: Split, fitted: Fitted, should_stop: StopAsked
) -> Evaluation:
    insample = bars_before(panel, split.test_start)
    return evaluated(
        fitted.forecaster,
        work.baselines,
        panel,
        origins,
        insample,
        work.quantiles,
        should_stop,
        parts=work.parts,
    )


def _trained(
    panel: Panel, split: Split, config: RunConfig, should_stop: StopAsked
) -> Generator[Event, None, Fitted]:

    def one_thread(event: Event) -> Event:
        if isinstance(event, SplitMade):
            torch.set_num_threads(1)  # whatever suits a single training
        return event

    return relay(fit(panel, split, config, should_stop, observe=None), one_thread)


def _split(work: Work, fold: Fold, panel: Panel) -> Split:
    """Split the bars before the fold's first forecast bar into training and validation parts."""
    if fold.number == 1 and not work.plan.window:
        return split_panel(panel, work.config.task)
    return split_panel(panel, work.config.task, test_start=fold.test_start)


def _within(work: Work, fold: Fold) -> tuple[Panel, Origins]:
    """Return the panel without the bars before a rolling window, and the fold's origins in it.

    Series that have no bar in the window, or too few up to an origin for the lookback, are left out
    from there.
    """
    panel, origins, window = work.panel, fold.origins, work.plan.window
    if not window:
        return panel, origins
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    before = int(np.searchsorted(dates, fold.test_start))
    first = [int(np.searchsorted(s.ds, dates[max(0, before - window)])) for s in panel]
    kept = [index for index, series in enumerate(panel) if first[index] < len(series)]
    renamed = np.full(len(panel), -1)
    renamed[kept] = np.arange(len(kept))
    bars = origins.bar - np.array(first)[origins.series]
    usable = (renamed[origins.series] >= 0) & (bars >= work.config.task.input_size - 1)
    found = Origins(renamed[origins.series][usable], bars[usable])
    if not len(found):
        raise DataError(
            f"A window of {window:,} bars leaves no origin of fold {fold.number} the "
            f"{work.config.task.input_size} bars of the lookback.",
            "Use a larger --window or a smaller lookback.",
        )
    return Panel(tuple(_from(panel[index], first[index]) for index in kept)), found


def _from(series: PriceSeries, bar: int) -> PriceSeries:
    return replace(series, ds=series.ds[bar:], values=series.values[bar:])
