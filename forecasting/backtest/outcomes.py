"""Forecasts from past cutoffs beside what happened, for networks and baselines alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from forecasting.baselines import NO_INPUTS, NO_NETWORK, find_baseline
from forecasting.cancellation import GRACE_S, CancelledWorkError, cancellable, check_cancelled
from forecasting.conformal import Calibrated
from forecasting.events import MEAN_LEVELS, Predictor, mean_of
from forecasting.series import Origins, Outcomes, Panel, Point
from forecasting.spikes import impossible_bars, without_spikes

if TYPE_CHECKING:
    from forecasting.training import TrainedNetwork
    from forecasting.training.trained_network import PanelWindows

#: Values forecast at once, N x H x Q: bounds the memory of one prediction.
_AT_ONCE = 20_000_000
#: Bars that are still forecast of a panel once a stop was asked for; where there are many times as
#: many, nothing is finished by going on for some seconds.
_MOST_STOPPED, _HOPELESS = 100_000, 4


def outcomes_of(
    predictor: Predictor,
    panel: Panel,
    origins: Origins,
    horizon: int,
    quantiles: tuple[float, ...],
    point: Point = "median",
    beside: Outcomes | None = None,
) -> Outcomes:
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
    point : str
        ``mean`` forecasts the mean too, for point metrics to judge.
    beside : Outcomes, optional
        Those of another model from the same origins: what happened is shared with them.

    Returns
    -------
    Outcomes
        In price units. What was forecast from a bar that is no price, or of one, counts as not
        known: a model is not judged by a mistyped number.
    """
    chunk = max(1, _AT_ONCE // (horizon * max(len(quantiles), len(MEAN_LEVELS))))
    parts = [slice(first, first + chunk) for first in range(0, len(origins), chunk)]
    check_cancelled()
    if isinstance(predictor, Calibrated) or len(parts) == 1:
        # One that learns from its past follows it once, and divides the origins by itself.
        values = predictor.predict(panel, origins, quantiles)
    else:
        values = np.empty((len(origins), horizon, len(quantiles)))
        for part in parts:
            check_cancelled()
            values[part] = predictor.predict(panel, origins.take(part), quantiles)
    means = [np.empty(0)]
    if point == "mean":
        means = [mean_of(predictor, panel, origins.take(part)) for part in parts]
    return replace(
        beside or _happened(panel, origins, horizon),
        model=predictor.name,
        quantiles=quantiles,
        values=values,
        mean=np.concatenate(means),
    )


def _happened(panel: Panel, origins: Origins, horizon: int) -> Outcomes:
    """Return what happened after each origin, beside no forecast."""
    ahead = np.arange(1, horizon + 1)
    n = len(origins)
    ds, y0, y = np.empty((n, horizon), "datetime64[us]"), np.empty(n), np.empty((n, horizon))
    scale, rms_scale = np.full(n, np.nan), np.full(n, np.nan)
    for index, mine, bars in origins.by_series():
        check_cancelled()
        series = panel[index]
        due = bars[:, None] + ahead
        y0[mine], ds[mine] = series.y[bars], series.ds[due]
        wrong = impossible_bars(series)
        y[mine] = np.where(wrong[bars][:, None] | wrong[due], np.nan, series.y[due])
        [held] = without_spikes(Panel((series,)), [int(bars[0]) + 1])
        changes = np.diff(held.y[: bars[0] + 1])
        if len(changes):
            scale[mine], rms_scale[mine] = np.abs(changes).mean(), np.sqrt((changes**2).mean())
    return Outcomes(
        "",
        np.array(panel.symbols)[origins.series],
        origins.cutoffs(panel),
        ds,
        y0,
        y,
        (),
        np.empty((n, horizon, 0)),
        scale,
        rms_scale,
    )


def unaided(
    forecaster: TrainedNetwork,
    aided: Outcomes,
    shared: PanelWindows,
    origins: Origins,
    point: Point,
    should_stop: Callable[[], bool],
    stride: int = 1,
    grace_s: float = GRACE_S,
) -> dict[str, Outcomes]:
    """Forecast from the same origins with the network left at zero: scale, shape and a calibration
    of its own.

    Parameters
    ----------
    forecaster : TrainedNetwork
    aided : Outcomes
        What it forecasts with its network, calibrated.
    shared : PanelWindows
        Those of the panel.
    origins, point
        As of :func:`outcomes_of`.
    should_stop : callable
        ``grace_s`` seconds after it turned true, the work is given up.
    stride : int
        Bands learn from every so many-th date.

    Returns
    -------
    dict of str to Outcomes
        By :data:`NO_NETWORK`, and by :data:`NO_INPUTS` where the user's inputs are read; one that
        was given up is left out.
    """
    found: dict[str, Outcomes] = {}
    with_inputs = forecaster.covariates is not None and forecaster.covariate_shrinkage > 0

    def judged(bare: Predictor) -> Outcomes:
        task = (aided.horizon, aided.quantiles, point)
        return outcomes_of(bare, shared.panel, origins, *task, beside=aided)

    try:
        with cancellable(should_stop, grace_s):
            plain = judged(forecaster.without_inputs(shared, stride)) if with_inputs else aided
            bare = (
                plain
                if forecaster.trust == 0
                else judged(forecaster.without_network(shared, stride))
            )
            found[NO_NETWORK] = replace(bare, model=NO_NETWORK)
            if forecaster.covariates is not None:
                found[NO_INPUTS] = replace(plain, model=NO_INPUTS)
    except CancelledWorkError:
        return found
    return found


def fit_baselines(
    panel: Panel, insample: Sequence[int], horizon: int, names: Sequence[str]
) -> list[Predictor]:
    """Fit baselines on the first ``insample[s]`` bars of each series; unlike the network they
    need no validation part.
    """
    return [find_baseline(name).fit(panel, insample, horizon) for name in names]


def compared(
    network: Predictor,
    names: Sequence[str],
    panel: Panel,
    origins: Origins,
    insample: Sequence[int],
    horizon: int,
    quantiles: tuple[float, ...],
    point: Point,
    should_stop: Callable[[], bool],
    *,
    whole: bool = True,
    grace_s: float = GRACE_S,
) -> tuple[list[Predictor], dict[str, Outcomes], tuple[str, ...]]:
    """Forecast from the same origins with the network and the baselines.

    Parameters
    ----------
    network : Predictor
    names : sequence of str
        Baselines; the first one is always judged.
    panel, origins, horizon, quantiles, point
        As of :func:`outcomes_of`.
    insample : sequence of int
        First bars of each series that the baselines are fitted to.
    should_stop : callable
        ``grace_s`` seconds after it turned true, baselines that are not done are left out.
    whole : bool
        Whether the network and the first baseline are judged however long that takes.

    Raises
    ------
    CancelledWorkError
        Not ``whole``, and a stop was asked for before these two were judged.

    Returns
    -------
    predictors : list of Predictor
        The baselines that were judged.
    outcomes : dict of str to Outcomes
        By model, the network first.
    left_out : tuple of str
        Names of baselines that were not judged.
    """
    judged: list[Predictor] = []
    task = (horizon, quantiles, point)
    with cancellable(should_stop, grace_s):
        check_cancelled()  # the time that the network takes counts, too
        with cancellable(_never) if whole else nullcontext():
            outcomes = {network.name: outcomes_of(network, panel, origins, *task)}
        for index, name in enumerate(names):
            try:
                with cancellable(_never) if whole and not index else nullcontext():
                    check_cancelled()
                    (rival,) = fit_baselines(panel, insample, horizon, [name])
                    outcomes[rival.name] = outcomes_of(
                        rival, panel, origins, *task, beside=outcomes[network.name]
                    )
            except CancelledWorkError:
                if not judged:
                    raise
                return judged, outcomes, tuple(names[index:])
            judged.append(rival)
    return judged, outcomes, ()


class Evaluation(NamedTuple):
    """How a network and its baselines did from the same origins.

    Attributes
    ----------
    network : Predictor
        Calibrated.
    baselines : list of Predictor
        Those that were judged.
    outcomes : dict of str to Outcomes
        By model, the network first.
    left_out : tuple of str
        Names of baselines that were not judged before a stop.
    stride : int
        Of a large panel that was stopped only every so many-th date was judged and learned from.
    """

    network: Predictor
    baselines: list[Predictor]
    outcomes: dict[str, Outcomes]
    left_out: tuple[str, ...]
    stride: int = 1


def evaluated(
    forecaster: TrainedNetwork,
    names: Sequence[str],
    panel: Panel,
    origins: Origins,
    insample: Sequence[int],
    quantiles: tuple[float, ...],
    should_stop: Callable[[], bool],
    *,
    parts: bool = True,
) -> Evaluation:
    """Forecast from the same origins with the network, the network left at zero, and the baselines.

    Where a stop is asked for and a large panel takes more than some seconds from then on, fewer
    dates of it are judged, and the calibration learns from fewer.

    Parameters
    ----------
    forecaster : TrainedNetwork
    names, panel, origins, insample, quantiles, should_stop
        As of :func:`compared`.
    parts : bool
        Whether the network left at zero is judged, too.
    """
    task = forecaster.config.task
    facts = (insample, task.horizon, quantiles, task.point, should_stop)
    stopped, stride, shared = should_stop(), 1, forecaster.windows(panel, origins)
    hopeless = len(origins) * task.horizon > _HOPELESS * _MOST_STOPPED
    grace_s = 0.0 if hopeless else GRACE_S
    if not stopped:
        network = forecaster.calibrated(shared)
        with suppress(CancelledWorkError):
            found = compared(network, names, panel, origins, *facts, whole=False, grace_s=grace_s)
            ours = found[1][network.name]
            if not parts:
                return Evaluation(network, found[0], found[1], found[2])
            bare = unaided(
                forecaster, ours, shared, origins, task.point, should_stop, grace_s=grace_s
            )
            return Evaluation(network, found[0], found[1] | bare, found[2])
    stride = max(1, len(origins) * task.horizon // _MOST_STOPPED)
    network, few = forecaster.calibrated(shared, stride), every(panel, origins, stride)
    judged, outcomes, left_out = compared(
        network, names if stopped else names[:1], panel, few, *facts
    )
    outcomes |= unaided(
        forecaster, outcomes[network.name], shared, few, task.point, should_stop, stride
    )
    left_out = tuple(name for name in names if name not in outcomes)
    return Evaluation(network, judged, outcomes, left_out, stride)


def _never() -> bool:
    return False


def every(panel: Panel, origins: Origins, step_size: int) -> Origins:
    """Keep the origins of every ``step_size``-th date of the panel, counted from the first
    origin.
    """
    dates = origins.cutoffs(panel)
    return origins.take(np.isin(dates, np.unique(dates)[::step_size]))


def joined(outcomes: Sequence[Mapping[str, Outcomes]]) -> dict[str, Outcomes]:
    """Join the outcomes of several folds, model by model; a model that one of them lacks is left
    out.

    A fold lacks those that were not judged when it was stopped, or that its version of the program
    did not know.
    """
    common = [name for name in outcomes[0] if all(name in fold for fold in outcomes)]
    return {name: _concatenate([fold[name] for fold in outcomes]) for name in common}


def _concatenate(parts: Sequence[Outcomes]) -> Outcomes:
    first = parts[0]
    if len(parts) == 1:
        return first
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
        np.concatenate([p.rms_scale for p in parts]),
        np.concatenate([p.mean for p in parts]),
    )
