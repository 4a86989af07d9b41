"""Walk-forward judgement: forecasts from past cutoffs beside what happened, for networks and baselines alike."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence

import numpy as np

from forecasting.baselines import BASELINES
from forecasting.config import BacktestConfig, RunConfig
from forecasting.errors import DataError
from forecasting.events import Event, FoldEnd, Predictor, Progress
from forecasting.series import Origins, Outcomes, Panel
from forecasting.training import Fitted, StopAsked, fit
from forecasting.windows import Split, bars_before, split_panel

#: Values forecast at once, N x H x Q: bounds the memory of one prediction.
_AT_ONCE = 20_000_000


def outcomes_of(predictor: Predictor, panel: Panel, origins: Origins, horizon: int, quantiles: tuple[float, ...]) -> Outcomes:
    """Forecast from each origin and put what happened beside it.

    Parameters
    ----------
    predictor : Predictor
        Looks at bars up to each cutoff only.
    panel : Panel
    origins : Origins, N of them
        Each with at least ``horizon`` bars after it.
    horizon : int
        Bars ahead, H.
    quantiles : tuple of float, length Q

    Returns
    -------
    Outcomes
        In price units.
    """
    chunk = max(1, _AT_ONCE // (horizon * len(quantiles)))
    parts = [predictor.predict(panel, origins.take(slice(n, n + chunk)), quantiles) for n in range(0, len(origins), chunk)]
    ahead = np.arange(1, horizon + 1)
    n = len(origins)
    cutoff, ds = np.empty(n, "datetime64[us]"), np.empty((n, horizon), "datetime64[us]")
    y0, y, scale = np.empty(n), np.empty((n, horizon)), np.empty(n)
    for place in np.unique(origins.series):
        series, mine = panel[int(place)], origins.series == place
        bars = origins.bar[mine]
        cutoff[mine], y0[mine] = series.ds[bars], series.y[bars]
        ds[mine], y[mine] = series.ds[bars[:, None] + ahead], series.y[bars[:, None] + ahead]
        scale[mine] = np.abs(np.diff(series.y[: bars[0] + 1])).mean() if bars[0] else np.nan
    symbol = np.array(panel.symbols)[origins.series]
    return Outcomes(predictor.name, symbol, cutoff, ds, y0, y, quantiles, np.concatenate(parts), scale)


def fit_baselines(panel: Panel, insample: Sequence[int], horizon: int, names: Sequence[str]) -> list[Predictor]:
    """Fit baselines on the first ``insample[s]`` bars of each series; unlike the network they need no validation part."""
    return [BASELINES[name].fit(panel, insample, horizon) for name in names]


def every(panel: Panel, origins: Origins, step_size: int) -> Origins:
    """Keep the origins of every ``step_size``-th date of the panel, counted from the first origin."""
    dates = np.empty(len(origins), "datetime64[us]")
    for place in np.unique(origins.series):
        mine = origins.series == place
        dates[mine] = panel[int(place)].ds[origins.bar[mine]]
    kept = np.unique(dates)[::step_size]
    return origins.take(np.isin(dates, kept))


def walk_forward(
    panel: Panel,
    config: RunConfig,
    plan: BacktestConfig,
    quantiles: tuple[float, ...],
    baselines: Sequence[str],
    should_stop: StopAsked,
) -> Generator[Event, None, list[Fitted]]:
    """Move through the test part: train on what lies before each fold, forecast from its origins.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
        ``task.test_size`` dates are the test part.
    plan : BacktestConfig
        ``step_size`` dates between origins; with ``refit`` = k the network and the baselines are fitted
        anew before every k-th origin date, on bars up to that origin only.
    quantiles : tuple of float
    baselines : sequence of str
        Names in ``BASELINES``, judged on the same origins.
    should_stop : callable
        Polled; once true, the fold at hand is finished with the weights so far, and no further one begins.

    Yields
    ------
    Event
        Progress, and a FoldEnd a fold.

    Returns
    -------
    list of Fitted
        One a fold.
    """
    whole = split_panel(panel, config.task)
    origins = every(panel, whole.test, plan.step_size)
    if not len(origins):
        raise DataError(
            f"A test part of {config.task.test_size or 'automatic'} bars has no origin with {config.task.horizon} bars after it.",
            "Use a larger --test-size or a smaller horizon.",
        )
    folds = _folds(panel, origins, plan.refit)
    fitted = []
    for number, fold in enumerate(folds, start=1):
        split = whole if number == 1 else _before(panel, config, fold)
        done = yield from _fit_fold(panel, split, config, should_stop, number, len(folds))
        fitted.append(done)
        yield Progress(number - 1, len(folds), f"Fold {number} of {len(folds)}: forecasting from {len(fold):,} origins")
        rivals = fit_baselines(panel, bars_before(panel, split.test_start), config.task.horizon, baselines)
        predictors: list[Predictor] = [done.forecaster, *rivals]
        outcomes = {p.name: outcomes_of(p, panel, fold, config.task.horizon, quantiles) for p in predictors}
        yield FoldEnd(number, len(folds), outcomes)
        if should_stop():
            break
    return fitted


def _fit_fold(
    panel: Panel, split: Split, config: RunConfig, should_stop: StopAsked, number: int, folds: int
) -> Generator[Event, None, Fitted]:
    """Train one fold; of its events only the progress is passed on, as a share of all folds."""
    training = fit(panel, split, config, should_stop)
    started = time.perf_counter()
    while True:
        try:
            event = next(training)
        except StopIteration as finished:
            result: Fitted = finished.value
            return result
        if isinstance(event, Progress):
            share = event.done / max(event.total, 1)
            spent = time.perf_counter() - started
            eta = spent / share * (1 - share) + (folds - number) * spent / share if share else None
            yield Progress(int(1000 * (number - 1 + share)), 1000 * folds, f"Fold {number} of {folds}: {event.message.lower()}", eta)


def _folds(panel: Panel, origins: Origins, refit: int) -> list[Origins]:
    """Cut origins into runs of ``refit`` dates each; 0 makes one fold of all."""
    if not refit:
        return [origins]
    dates = np.array([panel[int(s)].ds[b] for s, b in zip(origins.series, origins.bar, strict=True)])
    distinct = np.unique(dates)
    return [origins.take(np.isin(dates, distinct[n : n + refit])) for n in range(0, len(distinct), refit)]


def _before(panel: Panel, config: RunConfig, fold: Origins) -> Split:
    """Split the bars up to a fold's first cutoff into training and validation parts."""
    first = min(panel[int(s)].ds[b] for s, b in zip(fold.series, fold.bar, strict=True))
    return split_panel(panel, config.task, test_start=first + np.timedelta64(1, "us"))


def joined(outcomes: Sequence[Mapping[str, Outcomes]]) -> dict[str, Outcomes]:
    """Join the outcomes of several folds, model by model."""
    return {name: _concatenate([fold[name] for fold in outcomes]) for name in outcomes[0]}


def _concatenate(parts: Sequence[Outcomes]) -> Outcomes:
    first = parts[0]
    return Outcomes(
        first.model,
        np.concatenate([p.symbol for p in parts]),
        np.concatenate([p.cutoff for p in parts]),
        np.concatenate([p.ds for p in parts]),
        np.concatenate([p.y0 for p in parts]),
        np.concatenate([p.y for p in parts]),
        first.quantiles,
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.scale for p in parts]),
    )
