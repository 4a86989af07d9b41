"""Random rules that trade as much as a rule does: what luck alone would have earned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.series import Floats, Ints
from forecasting.trading_rules.account import trade
from forecasting.trading_rules.positions import Market
from forecasting.trading_rules.results import latest

#: Values that a rule of one series has at most for its spells to be drawn anew.
_MOST_VALUES = 3
#: Accounts that are traded at once, and elements of their targets: bounds the memory.
_ACCOUNTS = 200_000
_ELEMENTS = 20_000_000


def random_results(
    where: Market, positions: Floats, rate: float, count: int, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return final equity and turnover of random rules, shape [count] each.

    A random rule has the exposure and the turnover of the rule, but knows nothing: of one series
    with few positions the rule's spells keep their number and order, and their lengths are drawn
    anew, with the same total for each position. Otherwise the positions of all dates are turned
    together by a random number of dates, half of the time backwards, so that series that move
    together stay together.

    Parameters
    ----------
    where : Market
    positions : ndarray, shape [N]
        Those of the rule.
    rate : float
        Costs as a share of what is traded.
    count : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    drawn = (
        spells(positions, rng)
        if len(where.symbols) == 1 and np.unique(positions).size <= _MOST_VALUES
        else turned(where, positions, rng)
    )
    size = min(_ACCOUNTS // len(where.symbols), _ELEMENTS // max(where.close.size, 1), count)
    equity, turnover = [], []
    for start in range(0, count, max(size, 1)):
        part = [next(drawn) for _ in range(min(max(size, 1), count - start))]
        found = trade(where.close, np.stack([where.targets(item) for item in part]), rate)
        equity.append(found.equity[:, -1])
        turnover.append(found.turnover)
    return np.concatenate(equity), np.concatenate(turnover)


def timing_p_value(where: Market, targets: Floats) -> float:
    """Return the one-sided p-value of positions that have nothing to do with the next return.

    Each position less the mean of those up to it, times the next return, is a martingale difference
    where returns are a random walk, with drift or without; its mean over bars is tested with a
    variance that knows calm and wild times. Random rules of the same exposure alone flatter a rule
    that goes against the past: its exposure is smaller the more the market happened to rise.

    Parameters
    ----------
    where : Market
    targets : ndarray, shape [T, S]
        NaN where nothing is decided.

    Returns
    -------
    float
        1 where the position never differs from its mean.
    """
    from scipy.special import stdtr

    close = where.close
    held = np.stack([latest(column) for column in targets.T], axis=1)
    known = np.isfinite(close)
    counts = np.maximum(np.cumsum(known, axis=0), 1)
    centred = held - np.cumsum(np.where(known, held, 0.0), axis=0) / counts
    returns = np.nan_to_num(close[1:] / close[:-1] - 1)
    gains = (centred[:-1] * returns).mean(axis=1)
    spread = float(np.sqrt((gains**2).sum()))
    if spread <= 0:
        return 1.0
    return float(stdtr(max(gains.size - 1, 1), -gains.sum() / spread))


def spells(positions: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Draw positions [N] with as many spells in the same or the opposite order, and as many
    origins at each position, for ever.
    """
    starts = np.flatnonzero(np.append(True, np.diff(positions) != 0))
    values = positions[starts]
    lengths = np.diff(np.append(starts, positions.size))
    totals = {value: int(lengths[values == value].sum()) for value in np.unique(values)}
    while True:
        order = values if rng.random() < 0.5 else values[::-1]
        sizes = np.empty(order.size, np.int64)
        for value, total in totals.items():
            mine = order == value
            sizes[mine] = _parts(total, int(mine.sum()), rng)
        yield np.repeat(order, sizes)


def _parts(total: int, count: int, rng: np.random.Generator) -> Ints:
    """Cut a number of origins into so many parts of at least one, all ways equally likely."""
    cuts = np.sort(rng.choice(total - 1, count - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [total]])).astype(np.int64)


def turned(where: Market, positions: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Draw positions [N] by turning the dates of all series together, for ever."""
    dates, date = np.unique(where.row, return_inverse=True)
    grid = np.full((dates.size, len(where.symbols)), np.nan)
    grid[date, where.column] = positions
    held = _filled(grid)
    while True:
        moved = np.roll(held, int(rng.integers(dates.size)), axis=0)
        if rng.random() < 0.5:
            moved = moved[::-1]
        yield moved[date, where.column]


def _filled(grid: Floats) -> Floats:
    """Carry each series' last position on over dates at which it decides nothing, [D, S]."""
    index = np.where(np.isfinite(grid), np.arange(grid.shape[0])[:, None], -1)
    index = np.maximum.accumulate(index, axis=0)
    columns = np.arange(grid.shape[1])
    return np.where(index >= 0, grid[np.maximum(index, 0), columns], 0.0)
