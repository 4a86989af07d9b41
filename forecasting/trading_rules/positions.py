"""The three rules: positions decided at the close of each origin, from its forecast alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting.errors import DataError
from forecasting.series import Dates, Floats, Ints, Outcomes
from forecasting.trading_rules.options import RuleOptions

#: The band whose width sizes the third rule.
_BAND = (0.1, 0.9)


@dataclass(frozen=True, eq=False)
class Market:
    """The closes over which the rules trade, and where they decide.

    Attributes
    ----------
    symbols : tuple of str, length S
    ds : ndarray of datetime64[us], shape [T]
        Dates of all series, increasing.
    close : ndarray of float64, shape [T, S]
        The last known close of each series; NaN before its first.
    row, column : ndarray of int64, shape [N]
        Where each origin that decides stands in ``close``.
    ends : ndarray of bool, shape [T, S]
        Where a position ends because the forecast reaches no farther.
    step : int
        Bars between two decisions, at most the horizon: the bar ahead that the rules look at.
    origins : ndarray of int64, shape [N]
        Those of the outcomes that decide, by series and time.
    """

    symbols: tuple[str, ...]
    ds: Dates
    close: Floats
    row: Ints
    column: Ints
    ends: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    step: int
    origins: Ints

    def targets(self, positions: Floats) -> Floats:
        """Return the positions of the origins [N] at their bars [T, S]; 0 where one ends, NaN
        where nothing is decided.
        """
        targets = np.where(self.ends, 0.0, np.nan)
        targets[self.row, self.column] = positions
        targets[-1] = 0.0
        return targets


def market(outcomes: Outcomes) -> Market:
    """Lay out the closes between the first cutoff and the end of the last position.

    A position is held until the next origin of its series, and no longer than the forecast
    reaches: H bars. Bars that are no price are left out, and so is an origin at one.

    Raises
    ------
    DataError
        No outcome is known, or a price is not above zero.
    """
    symbols = tuple(dict.fromkeys(str(symbol) for symbol in outcomes.symbol))
    usable = np.asarray(np.isfinite(outcomes.y).any(axis=1))
    if not usable.any():
        raise DataError(
            "No outcome of the backtest is known, so no rule can have earned anything.",
            "Test over bars whose next ones are known.",
        )
    index = {symbol: column for column, symbol in enumerate(symbols)}
    column = np.array([index[str(symbol)] for symbol in outcomes.symbol])
    order = np.lexsort((outcomes.cutoff, column))
    order = order[usable[order]]
    reach, final = _reach(outcomes, order, column)
    step = int(np.median(reach[~final])) if (~final).any() else 1
    reach[final] = min(step, outcomes.horizon)
    return _laid_out(outcomes, symbols, order, column[order], reach, step)


def _reach(
    outcomes: Outcomes, order: Ints, column: Ints
) -> tuple[Ints, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Return for how many bars each position is held [N], and which one is the last of its
    series.
    """
    cutoff, series = outcomes.cutoff[order], column[order]
    final = np.append(series[1:] != series[:-1], True)
    following = np.append(cutoff[1:], cutoff[-1:])
    bars = (outcomes.ds[order] <= following[:, None]).sum(axis=1)
    return np.where(final, 1, np.maximum(bars, 1)), final


def _laid_out(
    outcomes: Outcomes,
    symbols: tuple[str, ...],
    order: Ints,
    column: Ints,
    reach: Ints,
    step: int,
) -> Market:
    cutoff, due, y = outcomes.cutoff[order], outcomes.ds[order], outcomes.y[order]
    held = np.arange(outcomes.horizon) < reach[:, None]
    last = due[np.arange(order.size), reach - 1]
    known = held & np.isfinite(y)
    ds = np.unique(np.concatenate([cutoff, due[known], last]))
    close = np.full((ds.size, len(symbols)), np.nan)
    row = np.searchsorted(ds, cutoff)
    close[np.searchsorted(ds, due[known]), np.repeat(column, known.sum(axis=1))] = y[known]
    close[row, column] = outcomes.y0[order]
    bad = np.flatnonzero((close <= 0).any(axis=0))
    if bad.size:
        raise DataError(
            f"{symbols[bad[0]]} has values that are not above zero: that is no price to trade.",
            "Leave the series out, or leave out --rules.",
        )
    ends = np.zeros(close.shape, bool)
    ends[np.searchsorted(ds, last), column] = True
    for index in range(len(symbols)):
        close[:, index] = _carried(close[:, index])
    return Market(symbols, ds, close, row, column, ends, step, order)


def _carried(close: Floats) -> Floats:
    """Carry the last known close on, shape [T]."""
    index = np.maximum.accumulate(np.where(np.isfinite(close), np.arange(close.size), -1))
    return np.where(index >= 0, close[np.maximum(index, 0)], np.nan)


def chance_of_rise(outcomes: Outcomes, step: int) -> Floats:
    """Return the forecast probability that the value ``step`` bars ahead is above that of the
    cutoff, shape [N].

    Between two quantiles the normal score of the probability is linear in the logarithm of the
    value; beyond the outermost ones it is theirs.
    """
    scores = np.array([NormalDist().inv_cdf(q) for q in outcomes.quantiles])
    order = np.argsort(scores)
    values = outcomes.values[:, step - 1][:, order]
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.where(values > 0, np.log(np.maximum(values, 1e-300)), -np.inf)
    below = np.array(
        [
            NormalDist().cdf(_score(np.log(y0), row, scores[order]))
            for y0, row in zip(outcomes.y0, logs, strict=True)
        ]
    )
    return 1.0 - below


def _score(value: float, quantiles: Floats, scores: Floats) -> float:
    """Return the normal score of a value among quantiles: where several are equal to it, the
    middle of theirs.
    """
    low = float(np.interp(value, quantiles, scores))
    same = np.abs(quantiles - value) < 1e-12
    return float(scores[same].mean()) if same.any() else low


def by_median(outcomes: Outcomes, where: Market, options: RuleOptions) -> Floats:
    """Long where the median is above the close, short where it is below, shape [N]."""
    own = outcomes.take(where.origins)
    rise = own.quantile(0.5)[:, where.step - 1] / own.y0 - 1.0
    return np.where(np.abs(rise) < 1e-12, 0.0, np.sign(rise))


def by_chance(outcomes: Outcomes, where: Market, options: RuleOptions) -> Floats:
    """Long where the chance of a rise is above the threshold, otherwise out, shape [N]."""
    chance = chance_of_rise(outcomes.take(where.origins), where.step)
    return np.where(chance > options.up_threshold, 1.0, 0.0)


def by_width(outcomes: Outcomes, where: Market, options: RuleOptions) -> Floats:
    """Long by the usual width of the 80 % band over the width at hand, at most all, shape [N].

    The usual width is the median of the series' widths up to and with that origin: nothing later.
    Sizes are whole percents, so that a trifle moves nothing.
    """
    own = outcomes.take(where.origins)
    low, high = (own.quantile(q)[:, where.step - 1] for q in _BAND)
    width = np.maximum((high - low) / own.y0, 1e-12)
    sizes = np.empty(width.size)
    for index in range(len(where.symbols)):
        mine = where.column == index
        share = np.minimum(1.0, _running_median(width[mine]) / width[mine])
        sizes[mine] = np.round(share, 2)
    return sizes


def _running_median(values: Floats) -> Floats:
    """Return the median of the values up to each, shape [N]."""
    from bisect import insort

    seen: list[float] = []
    found = np.empty(values.size)
    for index, value in enumerate(values.tolist()):
        insort(seen, value)
        middle = len(seen) // 2
        found[index] = seen[middle] if len(seen) % 2 else (seen[middle - 1] + seen[middle]) / 2
    return found


#: Name, title, and what decides the positions of each rule.
RULES: dict[str, tuple[str, Callable[[Outcomes, Market, RuleOptions], Floats]]] = {
    "median": ("Sign of the median", by_median),
    "chance": ("Chance of a rise", by_chance),
    "width": ("Size by width", by_width),
}
