"""How far a series moves: causal variances of bars, and the scale of its next h bars.

Everything the network learns is measured in these units, so calm and wild times weigh alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from forecasting.cancellation import check_cancelled
from forecasting.seasonality import anchors, is_seasonal
from forecasting.series import Floats, Ints, Panel, PriceSeries
from forecasting.spikes import as_known, without_spikes

Target = Literal["log-return", "difference", "seasonal"]

#: Smallest variance of a bar's log return that is believed; below it a quote is stale, not calm.
FLOOR = 1e-7
#: Bars over which the regressors of the HAR model average the variance.
HAR_BARS: tuple[int, ...] = (1, 5, 22, 250)
#: Index of those whose mean over a panel is a regressor, too.
_WEEK = 1
#: Decays of the EWMAs of squared moves among its regressors; the first alone is the scale where
#: there is too little to fit. The quicker one makes room for volatility that answers single moves,
#: as GARCH has it.
_EWMA = (0.97, 0.9)
_MOST_STEPS = 24
_YEAR, _PRIOR_BARS = 250, 60
#: Weight below which the past of an exponentially weighted mean does not count.
_FORGOTTEN = 1e-40
#: A bar's range is believed up to so many usual variances of a bar, or so many squared moves of its
#: close: a wrong high is neither.
_MOST_RANGE, _MOST_MOVE = 400.0, 9.0
#: Moves beyond so many scales count as that many; the mean size of a standard normal draw.
_CRASH, _NORMAL_MEAN = 6.0, float(np.sqrt(2 / np.pi))
#: Bars in a row without any move from which a price stands still; bars of trading in a row without
#: which standing still is usual.
_STILL_BARS, _TRADING_BARS = 22, 60
#: Weight of the prior that variance is the same at all times, in rows; few rows would else make
#: large coefficients.
_PRIOR_ROWS = 10.0
#: How far beyond the fitted variances the regression is believed, in logs: a factor of two in the
#: deviation.
BEYOND = float(np.log(4.0))


def resolve_target(
    panel: Panel, wanted: str = "auto", insample: Sequence[int] | None = None
) -> Target:
    """Choose what moves are measured from: the last value (log returns, differences) or past
    seasons.

    Parameters
    ----------
    panel : Panel
        Whether all values are positive is taken from every bar: it is a property of the data, not
        fitted.
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
    """Return the path whose increments are forecast, shape [T]: log of the close, or the close
    itself.
    """
    return np.log(series.y) if target == "log-return" else np.array(series.y)


def moves(series: PriceSeries, target: Target) -> Floats:
    """Return the increments of the path, shape [T]; the first is 0."""
    line = path(series, target)
    return np.diff(line, prepend=line[:1])


def panel_moves(panel: Panel, target: Target) -> Iterator[Floats]:
    """Yield the moves of each series, shape [T]: increments, or the one-bar errors of the seasonal
    forecast.
    """
    if target != "seasonal":
        yield from (moves(s, target) for s in panel)
        return
    for series, anchor in zip(panel, anchors(panel, 1), strict=True):
        yield np.concatenate([[0.0], series.y[1:] - anchor[:-1, 0]])


def known_moves(panel: Panel, target: Target) -> Iterator[Floats]:
    """Yield the moves as of :func:`panel_moves` as they were known at each bar, [T] a series:
    spikes that were over by then are clipped.
    """
    if target == "seasonal":
        return panel_moves(panel, target)
    return (as_known(s, lambda version: moves(version, target)) for s in panel)


def panel_variances(panel: Panel, target: Target) -> tuple[Floats, ...]:
    """Return the variance of each bar's move, shape [T] a series; element t looks at bars up to t
    only.
    """
    if target != "seasonal":
        return tuple(bar_variance(s, target) for s in panel)
    return tuple(
        np.maximum(m**2, _floor(s, target))
        for s, m in zip(panel, panel_moves(panel, target), strict=True)
    )


def bar_variance(series: PriceSeries, target: Target = "log-return") -> Floats:
    """Estimate the variance of each bar's move from that bar alone.

    With open, high and low it is the squared overnight move plus the estimator of Garman and Klass,
    ``0.5 ln(H/L)^2 - (2 ln 2 - 1) ln(C/O)^2``, otherwise the squared move. So it is where the range
    is beyond belief: 20 usual deviations of the last 250 bars, and 3 times the move of the close.

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
            ranged = (
                overnight + 0.5 * np.log(h / low) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
            )
        usable = np.isfinite(ranged) & (h >= low)
        squared = np.where(usable & _credible(ranged, squared, usable), ranged, squared)
    return np.maximum(squared, _floor(series, target))


def _credible(
    ranged: Floats, squared: Floats, usable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return where range-based variances [T] are plausible beside the usual one and the squared
    move; looks back only.
    """
    logs = np.log(np.maximum(np.where(usable, ranged, squared), FLOOR))
    # Logs are shifted to be positive, as the mean asks; one wrong bar moves their mean by little.
    usual = np.exp(trailing_mean(logs - np.log(FLOOR) + 1.0, _YEAR) - 1.0 + np.log(FLOOR))
    return np.asarray(ranged <= np.maximum(_MOST_RANGE * usual, _MOST_MOVE * squared), np.bool_)


def _floor(series: PriceSeries, target: Target) -> Floats:
    if target == "log-return":
        return np.full(len(series), FLOOR)
    return np.maximum(FLOOR * np.cumsum(series.y**2) / np.arange(1, len(series) + 1), 1e-12)


def still_bars(variance: Floats, floor: Floats) -> npt.NDArray[np.bool_]:
    """Return which bars belong to a standstill of the price: at least 22 bars in a row without a
    move.

    Parameters
    ----------
    variance : ndarray, shape [T]
        Of each bar, as of :func:`bar_variance`.
    floor : ndarray, shape [T]
        Least variance of each bar.

    Returns
    -------
    ndarray of bool, shape [T]
        All False where it never traded for 60 bars in a row: standing still is then what the series
        does.
    """
    at_floor = variance <= floor * (1 + 1e-9)
    still = np.zeros(len(variance), np.bool_)
    for first, end in _runs(at_floor):
        still[first:end] = end - first >= _STILL_BARS
    longest = max((end - first for first, end in _runs(~still)), default=0)
    return still if longest >= _TRADING_BARS else np.zeros_like(still)


def _runs(chosen: npt.NDArray[np.bool_]) -> Ints:
    """Return first bar and end of each run of True, [N, 2]."""
    edges = np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]]))
    return np.flatnonzero(edges).reshape(-1, 2)


def clear_bars(series: PriceSeries, target: Target, known: int) -> Ints:
    """Return how many bars after each of the first ``known`` bars are free of a standstill, shape
    [known].

    A move of h bars from bar t is one of a time of trading where element t is at least h; it is -1
    within a standstill and the 22 bars after it, while averages fill anew. Bars from ``known`` on
    are not looked at and count as trading.
    """
    variance = bar_variance(series, target)[:known]
    still = still_bars(variance, _floor(series, target)[:known])
    indices = np.where(still, np.arange(known), 2 * len(series))
    # The next bar of a standstill, from behind.
    coming = np.minimum.accumulate(indices[::-1])[::-1]
    clear = coming - np.arange(known) - 1
    for _, end in _runs(still):
        clear[end : end + _STILL_BARS] = -1
    return np.asarray(clear, np.int64)


def ewma(values: Floats, decay: float) -> Floats:
    """Return the exponentially weighted moving average up to each bar, shape [T].

    The weights of a bar k bars back are ``decay**k``, normalised from the first bar on, so that
    early values are not drawn to an arbitrary start.
    """
    return np.asarray(_decayed_sum(values, decay) / _total_weight(len(values), decay), np.float64)


@lru_cache(maxsize=32)
def _total_weight(bars: int, decay: float) -> Floats:
    return _decayed_sum(np.ones(bars), decay)


def _decayed_sum(values: Floats, decay: float) -> Floats:
    """Return the sum of past values weighted by ``decay**k``, [T], by repeated doubling of the
    reach.

    The filter of scipy does the same, and imports its statistics first, which takes a second.
    """
    total, reach = np.array(values, np.float64), 1
    while reach < len(total) and decay**reach > _FORGOTTEN:
        total[reach:] += decay**reach * total[:-reach]
        reach *= 2
    return total


def trailing_mean(values: Floats, bars: int) -> Floats:
    """Return the mean of the last ``bars`` positive values at each bar (of fewer at the start),
    shape [T].
    """
    total = np.cumsum(values)
    out = total.copy()
    out[bars:] -= total[:-bars]
    mean = out / np.minimum(np.arange(1, len(values) + 1), bars)
    # A jump of many orders of magnitude cancels digits of the sum: no mean lies below the least
    # value seen.
    return np.maximum(mean, np.minimum.accumulate(values))


def smoothed_steps(table: Floats) -> Floats:
    """Smooth the rows of [H, ...] over neighbouring steps, so that intervals do not jump from one
    step to the next.
    """
    total = np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)])
    steps = np.arange(1, len(table) + 1)
    reach = np.minimum(steps // 3, len(table) - steps)
    first, last = steps - reach - 1, steps + reach
    count = (last - first).reshape(-1, *[1] * (table.ndim - 1))
    return np.asarray((total[last] - total[first]) / count, np.float64)


@dataclass(frozen=True, eq=False)
class Har:
    """Heterogeneous autoregression of log variance, pooled over a panel: the scale of the next h
    bars.

    For moves from past seasons the scale is the same at every step: the EWMA volatility.
    Otherwise the log of the variance summed over the next h bars is regressed on the logs of its
    means over the last 1, 5, 22 and 250 bars, the logs of two EWMAs of squared moves, the log of
    the panel's mean variance over 5 bars (panels only) and a constant. Times in which a price
    stands still, without a move for at least 22 bars, are left out of the fit. Variances far
    outside those that were fitted are scaled to where they begin, and the forecast back: a
    logarithm is no guide beyond what it was fitted to.

    Attributes
    ----------
    target : str
        Unit of the moves.
    coefficients : ndarray, shape [P, H]
        Of the log variance of the h-bar move; P regressors, the constant last.
    pooled : bool
        Whether the panel's own mean is among the regressors.
    feedback : float
        How far the scale follows its own misses: where a series' moves of the last 250 bars were k
        times as large as the scale said, beside the mean of all, it is multiplied by
        ``k**feedback``. 0 is the plain model.
    fitted : ndarray, shape [2, P - 1], optional
        Least and largest value of each regressor but the constant in the fit; None: nothing is held
        within them.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """

    target: Target
    coefficients: Floats
    pooled: bool
    feedback: float = 0.0
    fitted: Floats | None = None

    def checked(self) -> Har:
        """Return itself; raise ValueError where the coefficients do not match the regressors, as
        those of an older version.
        """
        needed = len(HAR_BARS) + len(_EWMA) + self.pooled + 1
        if self.coefficients.ndim != 2 or len(self.coefficients) != needed:
            raise ValueError(
                f"the volatility has coefficients of shape {list(self.coefficients.shape)}; "
                f"{needed} a step are needed"
            )
        if self.fitted is not None and self.fitted.shape != (2, needed - 1):
            raise ValueError(
                f"the volatility has limits of shape {list(self.fitted.shape)}; [2, "
                f"{needed - 1}] is needed"
            )
        return self

    @classmethod
    def fit(
        cls,
        panel: Panel,
        insample: Sequence[int],
        horizon: int,
        target: Target = "log-return",
        feedback: float = 0.0,
    ) -> Har:
        """Fit by least squares on the first ``insample[s]`` bars of each series; no later bar is
        looked at.

        Spikes that were over by then are held. Where there are fewer than 250 usable bars in all,
        or prices that never moved, the regression would be noise: the scale is then the EWMA
        volatility times the square root of h.
        """
        pooled = len(panel) > 4
        steps = _steps(horizon)
        if target != "seasonal":
            panel = without_spikes(panel, insample)
        width = len(HAR_BARS) + len(_EWMA) + pooled + 1
        if target == "seasonal":
            return cls(target, _constant(width, horizon), pooled, feedback)
        sums = _normal_equations(panel, insample, target, pooled, steps)
        if sums.count < 250 or not sums.varies:
            law = _constant(width, horizon)
            law[-1] = np.log(np.arange(1, horizon + 1))
            return cls(target, law, pooled, feedback)
        ridge = (1e-4 * sums.count + _PRIOR_ROWS) * np.eye(width)
        ridge[-1, -1] = 0.0
        solved = np.linalg.solve(sums.gram + ridge, sums.cross)
        every = np.stack(
            [np.interp(np.log(np.arange(1, horizon + 1)), np.log(steps), row) for row in solved]
        )
        return cls(target, every, pooled, feedback, np.stack([sums.least, sums.most])[:, :-1])

    def log_scale(
        self, panel: Panel, market: Sequence[Floats] | None = None
    ) -> tuple[Iterator[Floats], Floats]:
        """Return regressors X of each series, [T, P], one after the other, and weights W, [P, H]:
        the log of the scale is X W.

        Row t of X looks at bars up to t of the panel only. ``market`` is :func:`market_variance`
        of a panel that has these series among others; by default that of the panel itself.
        """
        weights = 0.5 * self.coefficients
        if self.fitted is not None:
            weights = np.vstack([weights, np.full((1, weights.shape[1]), 0.5)])
        if not self.feedback:
            return self._designs(panel, weights, market), weights
        feedback = np.full((1, weights.shape[1]), self.feedback)
        return self._designs(panel, weights, market), np.vstack([weights, feedback])

    def _designs(
        self, panel: Panel, weights: Floats, market: Sequence[Floats] | None
    ) -> Iterator[Floats]:
        """Yield the regressors of each series, [T, P]; the weights are those without feedback."""
        width = len(self.coefficients)
        room = (self.fitted is not None) + bool(self.feedback)
        designs = _regressors(panel, self.target, self.pooled, room, market)
        if not self.feedback:
            for design in designs:
                self._hold(design, width)
                yield design
            return
        for move, design in zip(known_moves(panel, self.target), designs, strict=True):
            self._hold(design, width)
            design[:, -1] = _misses(move, np.exp(design[:, :-1] @ weights[:, 0]))
            yield design

    def _hold(self, design: Floats, width: int) -> None:
        """Hold regressors within those that were fitted, and write behind them by how much."""
        if self.fitted is not None:
            design[:, width] = _hold_within(design[:, : width - 1], *self.fitted)

    def scale(self, panel: Panel, steps: int | None = None) -> tuple[Floats, ...]:
        """Return each series' scale of the next h-bar move seen from bar t, shape [T, H], in
        units of the moves; H may be cut to fewer.
        """
        designs, weights = self.log_scale(panel)
        return tuple(np.exp(x @ weights[:, :steps]) for x in designs)

    def scale_of(self, panel: Panel, index: int) -> Floats:
        """Return the scale of one series of a panel, shape [T, H], as :meth:`scale` does; what
        depends on the whole panel is computed once.
        """
        if self.target == "seasonal":
            return self.scale(panel)[index]
        market = None
        if self.pooled:
            market = [market_variance(panel, self.target)[index]]
        [design], weights = self.log_scale(Panel((panel[index],)), market)
        return np.asarray(np.exp(design @ weights), np.float64)


@dataclass
class _Sums:
    """Normal equations of least squares, summed over series, so that their rows are never in memory
    together.

    ``gram`` [P, P], ``cross`` [P, steps], the number of rows, and the least and largest regressors
    [P].
    """

    gram: Floats
    cross: Floats
    count: int
    least: Floats
    most: Floats

    @property
    def varies(self) -> bool:
        """Whether any regressor varies, as those of moving prices do."""
        return bool((self.most > self.least + 1e-9).any())

    def add(self, rows: Floats, answers: Floats) -> None:
        """Add the rows [N, P] and responses [N, steps] of a series."""
        if not len(rows):
            return
        self.gram += rows.T @ rows
        self.cross += rows.T @ answers
        self.count += len(rows)
        self.least = np.minimum(self.least, rows.min(axis=0))
        self.most = np.maximum(self.most, rows.max(axis=0))


def _normal_equations(
    panel: Panel, insample: Sequence[int], target: Target, pooled: bool, steps: Ints
) -> _Sums:
    """Accumulate the regression of the log variance of the next steps on the first ``insample[s]``
    bars of each series.
    """
    width = len(HAR_BARS) + len(_EWMA) + pooled + 1
    found = _Sums(
        np.zeros((width, width)),
        np.zeros((width, len(steps))),
        0,
        np.full(width, np.inf),
        np.full(width, -np.inf),
    )
    longest = int(steps[-1])
    designs = _regressors(panel, target, pooled)
    for series, design, known in zip(panel, designs, insample, strict=True):
        check_cancelled()
        total = np.concatenate([[0.0], np.cumsum(bar_variance(series, target)[:known])])
        first = min(22, known // 4)
        bars = np.arange(first, max(first, known - longest))
        bars = bars[clear_bars(series, target, known)[bars] >= longest]
        found.add(
            design[bars],
            np.log(np.stack([total[bars + 1 + h] - total[bars + 1] for h in steps], axis=1)),
        )
    return found


def _hold_within(table: Floats, least: Floats, most: Floats) -> Floats:
    """Clip log variances [T, P] to the fitted range, in place; return by how much each row was
    moved, [T].

    A row whose variances are all below is moved up as a whole, one whose mean of 22 bars is above
    is moved down: scaled so, the forecast is that of a calmer or wilder series. What is still below
    then is held.
    """
    own, month = len(HAR_BARS) + len(_EWMA), HAR_BARS.index(22)
    below = least[:own].max() - BEYOND - table[:, :own].max(axis=1)
    above = table[:, month] - most[month] - BEYOND
    moved: Floats = np.where(below > 0, -below, np.maximum(above, 0.0))
    table[:, :own] -= moved[:, None]
    np.maximum(table, least - BEYOND, out=table)
    return moved


def _misses(move: Floats, scale: Floats) -> Floats:
    """Return the log of the mean ratio of moves to their scale over the last 250 bars, [T]."""
    known = np.concatenate([scale[:1], scale[:-1]])
    ratio = np.minimum(np.abs(move) / known, _CRASH) + 1e-3
    # The first bars' mean is drawn to that of a normal, until there is something to average.
    seen = np.minimum(np.arange(1, len(move) + 1), _YEAR)
    return np.asarray(
        np.log(
            (seen * trailing_mean(ratio, _YEAR) + _PRIOR_BARS * _NORMAL_MEAN) / (seen + _PRIOR_BARS)
        ),
        np.float64,
    )


def _steps(horizon: int) -> Ints:
    """Return the horizons that are fitted; those between are interpolated in log h."""
    return np.unique(np.geomspace(1, horizon, min(horizon, _MOST_STEPS)).round().astype(np.int64))


def _constant(regressors: int, horizon: int) -> Floats:
    """Return coefficients under which the variance at every step is the EWMA of squared moves."""
    coefficients = np.zeros((regressors, horizon))
    coefficients[len(HAR_BARS)] = 1.0
    return coefficients


def _regressors(
    panel: Panel,
    target: Target,
    pooled: bool,
    room: int = 0,
    market: Sequence[Floats] | None = None,
) -> Iterator[Floats]:
    """Yield the regressors of each series, [T, P], with ``room`` more columns behind them; known
    spikes are clipped. ``market`` as of :meth:`Har.log_scale`.
    """
    own = len(HAR_BARS) + len(_EWMA)

    def design(columns: Floats, market: Floats | None) -> Floats:
        table = np.ones((len(columns), own + pooled + 1 + room))
        table[:, :own] = columns
        if market is not None:
            table[:, own] = market
        return table

    if target == "seasonal":
        # What past seasons say is of the whole panel.
        parts = zip(panel, panel_variances(panel, target), panel_moves(panel, target), strict=True)
        columns = [_own_regressors(v, move, _floor(s, target)) for s, v, move in parts]
        means = (
            mean_by_date(panel, [c[:, _WEEK] for c in columns]) if pooled else [None] * len(panel)
        )
        yield from map(design, columns, means)
        return
    if pooled and market is None:
        market = market_variance(panel, target)
    for index, series in enumerate(panel):
        own_columns = as_known(
            series,
            lambda item: _own_regressors(
                bar_variance(item, target), moves(item, target), _floor(item, target)
            ),
        )
        yield design(own_columns, market[index] if pooled and market is not None else None)


#: Market variance of panels by the unit of the moves, for as long as the panel lives.
_markets: WeakKeyDictionary[Panel, dict[Target, list[Floats]]] = WeakKeyDictionary()


def market_variance(panel: Panel, target: Target) -> list[Floats]:
    """Return, at each bar of each series, the mean over the panel of the log variance of the last
    5 bars, [T] a series; element t looks at bars up to its date only. Computed once a panel.
    """
    known = _markets.setdefault(panel, {})
    if target not in known:
        known[target] = mean_by_date(
            panel,
            (
                as_known(
                    series,
                    lambda item: np.log(trailing_mean(bar_variance(item, target), HAR_BARS[_WEEK])),
                )
                for series in panel
            ),
        )
    return known[target]


def _own_regressors(variance: Floats, move: Floats, floor: Floats) -> Floats:
    """Return the regressors of one series, [T, P], from variance, move and least variance of each
    bar, [T] each.
    """
    squared = np.maximum(move**2, floor)
    squared[0] = variance[0]
    means = [trailing_mean(variance, bars) for bars in HAR_BARS]
    return np.log(np.stack([*means, *(ewma(squared, decay) for decay in _EWMA)], axis=1))


def mean_by_date(panel: Panel, columns: Iterable[Floats]) -> list[Floats]:
    """Return, at each bar, the mean of the columns [T, ...] of all series at the same date, one
    array [T, ...] a series; series with the same dates share one.
    """
    dates, indices = panel.calendar
    total, count = np.zeros(0), np.zeros(len(dates), np.int64)
    for index, column in zip(indices, columns, strict=True):
        if not total.size:
            total = np.zeros((len(dates), *column.shape[1:]))
        total[index] += column
        count[index] += 1
    mean = total / count.reshape(-1, *[1] * (total.ndim - 1))
    shared = {id(index): index for index in indices}
    means = {key: mean[index] for key, index in shared.items()}
    return [means[id(index)] for index in indices]
