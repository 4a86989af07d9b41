"""How far a series moves: causal variances of bars, and the scale of its next h bars.

Everything the network learns is measured in these units, so calm and wild times weigh alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from forecasting.seasonal import anchors, is_seasonal
from forecasting.series import Floats, Ints, Panel, PriceSeries
from forecasting.spikes import as_known, without_spikes

Target = Literal["log-return", "difference", "seasonal"]

#: Smallest variance of a bar's log return that is believed; below it a quote is stale, not calm.
FLOOR = 1e-7
#: Bars over which the regressors of the HAR model average the variance.
HAR_BARS: tuple[int, ...] = (1, 5, 22, 250)
#: Decays of the EWMAs of squared moves among its regressors; the first alone is the scale where there is too little to fit.
#: The quicker one makes room for volatility that answers single moves, as GARCH has it.
_EWMA = (0.97, 0.9)
_MOST_STEPS = 24
_YEAR, _PRIOR_BARS = 250, 60
#: Weight below which the past of an exponentially weighted mean does not count.
_FORGOTTEN = 1e-40
#: A bar's range is believed up to so many usual variances of a bar, or so many squared moves of its close: a wrong high is neither.
_MOST_RANGE, _MOST_MOVE = 400.0, 9.0
#: Moves beyond so many scales count as that many; the mean size of a standard normal draw.
_CRASH, _NORMAL_MEAN = 6.0, float(np.sqrt(2 / np.pi))


def resolve_target(panel: Panel, wanted: str = "auto", insample: Sequence[int] | None = None) -> Target:
    """Choose what moves are measured from: the last value (log returns, differences) or past seasons.

    Parameters
    ----------
    panel : Panel
        Whether all values are positive is taken from every bar: it is a property of the data, not fitted.
    wanted : str
        ``auto``, or one of the targets, which is returned unchanged.
    insample : sequence of int, optional
        Bars of each series in which ``auto`` looks for seasons; without it none are looked for.
    """
    if wanted != "auto":
        return cast(Target, wanted)
    if insample is not None and is_seasonal(panel, insample):
        return "seasonal"
    return "log-return" if all(bool((s.y > 0).all()) for s in panel) else "difference"


def path(series: PriceSeries, target: Target) -> Floats:
    """Return the path whose increments are forecast, shape [T]: log of the close, or the close itself."""
    return np.log(series.y) if target == "log-return" else np.array(series.y)


def moves(series: PriceSeries, target: Target) -> Floats:
    """Return the increments of the path, shape [T]; the first is 0."""
    return np.diff(path(series, target), prepend=path(series, target)[:1])


def panel_moves(panel: Panel, target: Target) -> tuple[Floats, ...]:
    """Return each series' moves, shape [T]: increments, or by how much each bar missed what past seasons said one bar before."""
    if target != "seasonal":
        return tuple(moves(s, target) for s in panel)
    said = anchors(panel, 1)
    return tuple(np.concatenate([[0.0], s.y[1:] - a[:-1, 0]]) for s, a in zip(panel, said, strict=True))


def known_moves(panel: Panel, target: Target) -> tuple[Floats, ...]:
    """Return the moves as of :func:`panel_moves` as they were known at each bar: spikes that were over then are held, [T] a series."""
    if target == "seasonal":
        return panel_moves(panel, target)
    return tuple(as_known(s, lambda version: moves(version, target)) for s in panel)


def panel_variances(panel: Panel, target: Target) -> tuple[Floats, ...]:
    """Return each series' variance of each bar's move, shape [T]; element t looks at bars up to t only."""
    if target != "seasonal":
        return tuple(bar_variance(s, target) for s in panel)
    return tuple(np.maximum(m**2, _floor(s, target)) for s, m in zip(panel, panel_moves(panel, target), strict=True))


def bar_variance(series: PriceSeries, target: Target = "log-return") -> Floats:
    """Estimate the variance of each bar's move from that bar alone.

    With open, high and low it is the squared overnight move plus the estimator of Garman and Klass,
    ``0.5 ln(H/L)^2 - (2 ln 2 - 1) ln(C/O)^2``, otherwise the squared move. So it is where the range is
    beyond belief: 20 usual deviations of the last 250 bars, and 3 times the move of the close.

    Parameters
    ----------
    series : PriceSeries
    target : str
        Unit of the variance: squared log return, or squared difference of the close.

    Returns
    -------
    ndarray of float64, shape [T]
        Element t looks at bar t and the close of bar t-1. At least :data:`FLOOR` for log returns;
        for differences at least the same share of the squared size of the closes seen so far.

    References
    ----------
    Garman and Klass (1980), On the estimation of security price volatilities from historical data.
    """
    squared = moves(series, target) ** 2
    if target == "log-return" and series.has_range:
        o, h, low, c = (series[name] for name in ("open", "high", "low", "close"))
        with np.errstate(divide="ignore", invalid="ignore"):
            overnight = np.log(o / np.concatenate([o[:1], c[:-1]])) ** 2
            ranged = overnight + 0.5 * np.log(h / low) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
        usable = np.isfinite(ranged) & (h >= low)
        squared = np.where(usable & _credible(ranged, squared, usable), ranged, squared)
    return np.maximum(squared, _floor(series, target))


def _credible(ranged: Floats, squared: Floats, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which variances from ranges [T] are not far beyond the usual one and the squared move; each looks back only."""
    logs = np.log(np.maximum(np.where(usable, ranged, squared), FLOOR))
    # Logs are shifted to be positive, as the mean asks; one wrong bar moves their mean by little.
    usual = np.exp(trailing_mean(logs - np.log(FLOOR) + 1.0, _YEAR) - 1.0 + np.log(FLOOR))
    return np.asarray(ranged <= np.maximum(_MOST_RANGE * usual, _MOST_MOVE * squared), np.bool_)


def _floor(series: PriceSeries, target: Target) -> Floats:
    if target == "log-return":
        return np.full(len(series), FLOOR)
    return np.maximum(FLOOR * np.cumsum(series.y**2) / np.arange(1, len(series) + 1), 1e-12)


def ewma(values: Floats, decay: float) -> Floats:
    """Return the exponentially weighted mean of what was seen so far, shape [T].

    The weights of a bar k bars back are ``decay**k``, normalised from the first bar on, so that
    early values are not drawn to an arbitrary start.
    """
    return np.asarray(_decayed_sum(values, decay) / _total_weight(len(values), decay), np.float64)


@lru_cache(maxsize=32)
def _total_weight(bars: int, decay: float) -> Floats:
    return _decayed_sum(np.ones(bars), decay)


def _decayed_sum(values: Floats, decay: float) -> Floats:
    """Return the sum of what was seen so far, weighted by ``decay**k``, [T]: each pass doubles how far back it reaches.

    The filter of scipy does the same, and imports its statistics first, which takes a second.
    """
    total, reach = np.array(values, np.float64), 1
    while reach < len(total) and decay**reach > _FORGOTTEN:
        total[reach:] += decay**reach * total[:-reach]
        reach *= 2
    return total


def trailing_mean(values: Floats, bars: int) -> Floats:
    """Return the mean of the last ``bars`` positive values at each bar (of those there are, at first), shape [T]."""
    total = np.cumsum(values)
    out = total.copy()
    out[bars:] -= total[:-bars]
    mean = out / np.minimum(np.arange(1, len(values) + 1), bars)
    # A jump of many orders of magnitude cancels digits of the sum: no mean lies below the least value seen.
    return np.maximum(mean, np.minimum.accumulate(values))


def smoothed_steps(table: Floats) -> Floats:
    """Average each step's row of [H, ...] with those of similar h, so that bands of neighbouring steps do not jump."""
    total = np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)])
    steps = np.arange(1, len(table) + 1)
    reach = np.minimum(steps // 3, len(table) - steps)
    first, last = steps - reach - 1, steps + reach
    count = (last - first).reshape(-1, *[1] * (table.ndim - 1))
    return np.asarray((total[last] - total[first]) / count, np.float64)


@dataclass(frozen=True, eq=False)
class Har:
    """Heterogeneous autoregression of log variance, pooled over a panel: the scale of the next h bars.

    For moves from past seasons the scale is the same at every step: the EWMA volatility.
    Otherwise the log of the variance summed over the next h bars is regressed on the logs of its means over
    the last 1, 5, 22 and 250 bars, the logs of two EWMAs of squared moves, the log of the panel's mean
    variance over 5 bars (panels only) and a constant.

    Attributes
    ----------
    target : str
        Unit of the moves.
    coefficients : ndarray, shape [P, H]
        Of the log variance of the h-bar move; P regressors, the constant last.
    pooled : bool
        Whether the panel's own mean is among the regressors.
    feedback : float
        How far the scale follows its own misses: where a series' moves of the last 250 bars were k times
        as large as the scale said, beside the mean of all, it is multiplied by ``k**feedback``. 0 is the plain model.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """

    target: Target
    coefficients: Floats
    pooled: bool
    feedback: float = 0.0

    def checked(self) -> Har:
        """Return itself; raises ValueError for coefficients that are not those of the regressors, such as those of an older program."""
        needed = len(HAR_BARS) + len(_EWMA) + self.pooled + 1
        if self.coefficients.ndim != 2 or len(self.coefficients) != needed:
            raise ValueError(f"the volatility has coefficients of shape {list(self.coefficients.shape)}; {needed} a step are needed")
        return self

    @classmethod
    def fit(cls, panel: Panel, insample: Sequence[int], horizon: int, target: Target = "log-return", feedback: float = 0.0) -> Har:
        """Fit by least squares on the first ``insample[s]`` bars of each series; no later bar is looked at.

        Spikes that were over by then are held. Where there are fewer than 250 usable bars in all, the
        regression would be noise: the scale is then the EWMA volatility times the square root of h.
        """
        pooled = len(panel) > 4
        steps = _steps(horizon)
        if target != "seasonal":
            panel = without_spikes(panel, insample)
        designs = _regressors(panel, target, pooled)
        if target == "seasonal":
            return cls(target, _constant(designs[0].shape[1], horizon), pooled, feedback)
        # Sums over the series, so that all their rows need not be side by side.
        width, count = designs[0].shape[1], 0
        gram, cross = np.zeros((width, width)), np.zeros((width, len(steps)))
        for variance, design, known in zip(panel_variances(panel, target), designs, insample, strict=True):
            total = np.concatenate([[0.0], np.cumsum(variance[:known])])
            first = min(22, known // 4)
            bars = np.arange(first, max(first, known - int(steps[-1])))
            rows, answers = design[bars], np.log(np.stack([total[bars + 1 + h] - total[bars + 1] for h in steps], axis=1))
            gram, cross, count = gram + rows.T @ rows, cross + rows.T @ answers, count + len(rows)
        if count < 250:
            law = _constant(width, horizon)
            law[-1] = np.log(np.arange(1, horizon + 1))
            return cls(target, law, pooled, feedback)
        ridge = 1e-4 * count * np.eye(width)
        ridge[-1, -1] = 0.0
        solved = np.linalg.solve(gram + ridge, cross)
        every = np.stack([np.interp(np.log(np.arange(1, horizon + 1)), np.log(steps), row) for row in solved])
        return cls(target, every, pooled, feedback)

    def log_scale(self, panel: Panel) -> tuple[tuple[Floats, ...], Floats]:
        """Return regressors X of each series, [T, P], and weights W, [P, H]: the log of the scale is X W.

        Row t of X looks at bars up to t of the panel only.
        """
        weights = 0.5 * self.coefficients
        designs = _regressors(panel, self.target, self.pooled, room=1 if self.feedback else 0)
        if not self.feedback:
            return tuple(designs), weights
        for move, design in zip(known_moves(panel, self.target), designs, strict=True):
            design[:, -1] = _misses(move, np.exp(design[:, :-1] @ weights[:, 0]))
        return tuple(designs), np.vstack([weights, np.full((1, weights.shape[1]), self.feedback)])

    def scale(self, panel: Panel, steps: int | None = None) -> tuple[Floats, ...]:
        """Return each series' scale of the next h-bar move seen from bar t, shape [T, H], in units of the moves; H may be cut to fewer."""
        designs, weights = self.log_scale(panel)
        return tuple(np.exp(x @ weights[:, :steps]) for x in designs)


def _misses(move: Floats, scale: Floats) -> Floats:
    """Return the log of how large moves were beside their scale, a mean over the last 250 bars, shape [T]."""
    known = np.concatenate([scale[:1], scale[:-1]])
    ratio = np.minimum(np.abs(move) / known, _CRASH) + 1e-3
    # The first bars' mean is drawn to that of a normal, until there is something to average.
    seen = np.minimum(np.arange(1, len(move) + 1), _YEAR)
    return np.asarray(np.log((seen * trailing_mean(ratio, _YEAR) + _PRIOR_BARS * _NORMAL_MEAN) / (seen + _PRIOR_BARS)), np.float64)


def _steps(horizon: int) -> Ints:
    """Return the horizons that are fitted; those between are interpolated in log h."""
    return np.unique(np.geomspace(1, horizon, min(horizon, _MOST_STEPS)).round().astype(np.int64))


def _constant(regressors: int, horizon: int) -> Floats:
    """Return coefficients that take the EWMA of squared moves as the variance at every step."""
    coefficients = np.zeros((regressors, horizon))
    coefficients[len(HAR_BARS)] = 1.0
    return coefficients


def _regressors(panel: Panel, target: Target, pooled: bool, room: int = 0) -> list[Floats]:
    """Return the regressors of each series, [T, P], behind them ``room`` for further columns; spikes are held where known."""
    own, ends = len(HAR_BARS) + len(_EWMA), np.cumsum([len(s) for s in panel])
    # One block for all: many small ones would leave holes where they were.
    designs = np.split(np.ones((ends[-1], own + pooled + 1 + room)), ends[:-1])
    if target == "seasonal":
        # What past seasons say is of the whole panel.
        for series, variance, move, design in zip(panel, panel_variances(panel, target), panel_moves(panel, target), designs, strict=True):
            design[:, :own] = _own_regressors(variance, move, _floor(series, target))
    else:
        for series, design in zip(panel, designs, strict=True):
            design[:, :own] = as_known(
                series, lambda one: _own_regressors(bar_variance(one, target), moves(one, target), _floor(one, target))
            )
    if pooled:
        for design, market in zip(designs, mean_by_date(panel, [d[:, 1] for d in designs]), strict=True):
            design[:, own] = market
    return designs


def _own_regressors(variance: Floats, move: Floats, floor: Floats) -> Floats:
    """Return the regressors that are a series' own, [T, P], from variance, move and least variance of each bar, [T] each."""
    squared = np.maximum(move**2, floor)
    squared[0] = variance[0]
    means = [trailing_mean(variance, bars) for bars in HAR_BARS]
    return np.log(np.stack([*means, *(ewma(squared, decay) for decay in _EWMA)], axis=1))


def mean_by_date(panel: Panel, columns: Sequence[Floats]) -> list[Floats]:
    """Return, at each bar, the mean of the columns [T] of all series at the same date, one array [T] a series."""
    dates, place = np.unique(np.concatenate([s.ds for s in panel]), return_inverse=True)
    values = np.concatenate(columns)
    mean = np.bincount(place, values, len(dates)) / np.bincount(place, minlength=len(dates))
    ends = np.cumsum([len(s) for s in panel])
    return [mean[part] for part in np.split(place, ends[:-1])]
