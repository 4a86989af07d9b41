"""What paths say of events: levels reached and touched, drawdowns, ranges, ranks.

Touch means: some close reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import ConfigError
from forecasting.paths.sampling import Paths
from forecasting.series import Dates, Floats


@dataclass(frozen=True, eq=False)
class LevelOdds:
    """The odds of one level for one series.

    Attributes
    ----------
    symbol, model : str
    cutoff : datetime64[us]
    y0 : float
        Value at the cutoff.
    ds : ndarray of datetime64[us], shape [H]
    level : ndarray of float64, shape [H]
        The level at each step: the same throughout, or a sloped line.
    p_above : ndarray of float64, shape [H]
        Probability that the close of a step is above the level.
    p_touch : ndarray of float64, shape [H]
        Probability that some close up to a step is at the level or beyond it, seen from the last
        value.
    first_touch : ndarray of float64, shape [H]
        Probability that the step is the first to touch.
    n_paths : int
    """

    symbol: str
    model: str
    cutoff: np.datetime64
    y0: float
    ds: Dates
    level: Floats
    p_above: Floats
    p_touch: Floats
    first_touch: Floats
    n_paths: int

    @property
    def first_touch_median(self) -> int | None:
        """Median number of bars to the first touch, among the paths that touch; None where none
        does.
        """
        total = self.p_touch[-1]
        return None if total <= 0 else int(np.searchsorted(self.p_touch, total / 2)) + 1

    @property
    def likeliest_touch(self) -> int | None:
        """Number of bars after which the first touch is likeliest; None where no path touches."""
        return None if self.p_touch[-1] <= 0 else int(np.argmax(self.first_touch)) + 1


def level_odds(paths: Paths, series: int, level: float | Floats) -> LevelOdds:
    """Return the odds of a level, or of one that moves from step to step.

    Parameters
    ----------
    paths : Paths
    series : int
        Index.
    level : float or ndarray, shape [H]
        In price units.

    Raises
    ------
    ConfigError
        A level that is no number.
    """
    line = np.broadcast_to(np.asarray(level, np.float64), (paths.horizon,))
    if not np.isfinite(line).all():
        raise ConfigError(f"The level {level} is no number.", "Give a price.")
    samples = paths.samples[series]
    beyond = reached(samples, line, upward=bool(line[0] >= paths.y0[series]))
    by_step = np.logical_or.accumulate(beyond, axis=0)
    p_touch = by_step.mean(axis=1)
    return LevelOdds(
        paths.symbols[series],
        paths.model,
        paths.cutoff[series],
        float(paths.y0[series]),
        paths.ds[series],
        line,
        (samples > line[:, None]).mean(axis=1),
        p_touch,
        np.diff(p_touch, prepend=0.0),
        paths.n_paths,
    )


def reached(samples: Floats, level: Floats, *, upward: bool) -> Floats:
    """Tell which closes [H, K] are at a level [H] or beyond it, coming from below or from above."""
    line = level[:, None]
    return np.asarray(samples >= line if upward else samples <= line)


def corridor(samples: Floats, low: Floats, high: Floats) -> Floats:
    """Return the probability that all closes up to each step lie between two levels [H], shape
    [H].
    """
    inside = (samples >= low[:, None]) & (samples <= high[:, None])
    return np.asarray(np.logical_and.accumulate(inside, axis=0).mean(axis=1), np.float64)


def maximum_drawdown(samples: Floats, y0: float) -> Floats:
    """Return the largest fall of each path [H, K] from its highest close so far, as a share, [H,
    K]. The cutoff counts.
    """
    peak = np.maximum.accumulate(np.maximum(samples, y0), axis=0)
    return np.asarray(np.maximum.accumulate(1 - samples / peak, axis=0), np.float64)


def extremes(samples: Floats, y0: float) -> tuple[Floats, Floats]:
    """Return the lowest and the highest close of each path [H, K] so far, the cutoff among them,
    both [H, K].
    """
    low = np.minimum.accumulate(np.minimum(samples, y0), axis=0)
    high = np.maximum.accumulate(np.maximum(samples, y0), axis=0)
    return low, high


def rank_probabilities(growth: Floats, ranks: int) -> Floats:
    """Return the probability that each series lands in each group by its growth, lowest first.

    Parameters
    ----------
    growth : ndarray, shape [S, K]
        Of each series in each path, over the same time.
    ranks : int
        Groups of equal size: 5 for quintiles.

    Returns
    -------
    ndarray of float64, shape [S, ranks]
        Rows add to 1. A series that lies on the border of two groups counts in both, by its share.

    Raises
    ------
    ConfigError
        Fewer series than groups.
    """
    count = len(growth)
    if not 2 <= ranks <= count:
        hint = f"Choose 2 to {count}, or load more series." if count > 1 else "Load more series."
        raise ConfigError(f"{ranks} ranks of {count} series are not possible.", hint)
    index = np.argsort(np.argsort(growth, axis=0, kind="stable"), axis=0)
    share = membership(count, ranks)
    found = np.zeros((count, ranks))
    for series in range(count):
        found[series] = share[index[series]].mean(axis=0)
    return found


def membership(count: int, ranks: int) -> Floats:
    """Return how much of each place among ``count`` belongs to each of so many equal groups,
    [count, ranks].
    """
    edges = np.linspace(0.0, count, ranks + 1)
    index = np.arange(count)[:, None]
    return np.asarray(
        np.clip(np.minimum(edges[1:], index + 1) - np.maximum(edges[:-1], index), 0.0, 1.0),
        np.float64,
    )


def chance_in_words(probability: float, n_paths: int) -> str:
    """Write a probability for people: ``31 %``, ``fewer than 1 in 1,000 paths``,
    ``more than 999 in 1,000 paths``.
    """
    if probability <= 0:
        return f"fewer than 1 in {n_paths:,} paths"
    if probability >= 1:
        return f"more than {n_paths - 1:,} in {n_paths:,} paths"
    percent = 100 * probability
    decimals = 0 if 1 <= percent <= 99 else 1 if 0.1 <= percent <= 99.9 else 2
    return f"{percent:.{decimals}f} %"


def level_table(
    paths: Paths, series: int, changes: Sequence[float] = (-0.1, -0.05, 0.05, 0.1)
) -> list[LevelOdds]:
    """Return the odds of round levels within the paths and of some changes in percent, lowest
    level first.
    """
    y0 = float(paths.y0[series])
    levels = {round(y0 * (1 + change), 10) for change in changes} if y0 > 0 else set()
    levels |= set(round_levels(paths.samples[series]))
    return [level_odds(paths, series, level) for level in sorted(levels)]


def round_levels(samples: Floats, most: int = 8) -> list[float]:
    """Return the round numbers that lie between the outer hundredths of the last step, at most
    so many.
    """
    low, high = np.quantile(samples[-1], [0.01, 0.99])
    spread = float(high - low)
    if not spread > 0:
        return []
    unit = 10.0 ** np.floor(np.log10(spread / most))
    step = next(unit * k for k in (1, 2, 2.5, 5, 10, 20) if spread / (unit * k) <= most)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [round(k * step, 10) for k in range(first, last + 1)]
