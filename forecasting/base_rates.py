"""How often something happened by itself: the share that a forecast of it is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from forecasting.series import Floats, Outcomes, Panel, PriceSeries

#: Windows of one series that are looked at together, at most: the latest ones.
_MOST_WINDOWS = 200_000


@dataclass(frozen=True)
class RiseRate:
    """The share of stretches of bars that ended higher than they began.

    Attributes
    ----------
    rises : float
        Share, 0 to 1; NaN where nothing is known.
    windows : int
        Stretches that were looked at; they overlap.
    horizon : int
        Bars of a stretch.
    """

    rises: float
    windows: int
    horizon: int

    @property
    def sentence(self) -> str:
        """The rate in words."""
        bars = "one bar" if self.horizon == 1 else f"{self.horizon} bars"
        if not self.windows:
            return f"There are too few bars to say how often {bars} ended higher."
        return (
            f"Of {self.windows:,} past stretches of {bars}, "
            f"{100 * self.rises:.1f} % ended higher than they began."
        )


def rise_rate(panel: Panel | tuple[PriceSeries, ...], horizon: int) -> RiseRate:
    """Return how often ``horizon`` bars of the series ended higher, over all of their history."""
    higher, count = 0, 0
    for series in panel:
        change = series.y[horizon:] - series.y[:-horizon]
        higher += int((change > 0).sum())
        count += change.size
    return RiseRate(higher / count if count else math.nan, count, horizon)


def held_rate(members: Sequence[PriceSeries], weights: Sequence[float], horizon: int) -> RiseRate:
    """Return how often series that were held together for ``horizon`` bars were worth more.

    Parameters
    ----------
    members : sequence of PriceSeries
    weights : sequence of float
        Share of the capital in each series.
    horizon : int
        Bars of the dates that all series have.
    """
    dates = reduce(np.intersect1d, [series.ds for series in members])
    gain = np.zeros(max(0, dates.size - horizon))
    for series, weight in zip(members, weights, strict=True):
        y = series.y[np.searchsorted(series.ds, dates)]
        gain += weight * (y[horizon:] / y[: gain.size] - 1) if gain.size else 0.0
    return RiseRate(float((gain > 0).mean()) if gain.size else math.nan, gain.size, horizon)


def outcome_rate(outcomes: Outcomes) -> RiseRate:
    """Return how often the last step of the outcomes that are judged was above the value at the
    cutoff.
    """
    last = outcomes.y[:, -1]
    known = np.isfinite(last)
    count = int(known.sum())
    higher = int((last[known] > outcomes.y0[known]).sum())
    return RiseRate(higher / count if count else math.nan, count, outcomes.horizon)


@dataclass(frozen=True, eq=False)
class LevelRate:
    """How often closes of the past were as far away as a level.

    Attributes
    ----------
    change : float
        Of the level from the value at the cutoff, as a share.
    above : ndarray of float64, shape [H]
        Share of stretches that were above such a level at each step.
    touch : ndarray of float64, shape [H]
        Share in which some close up to each step was at it or beyond.
    windows : int
        Stretches that were looked at; they overlap.
    """

    change: float
    above: Floats
    touch: Floats
    windows: int

    @property
    def sentence(self) -> str:
        """The rate in words."""
        steps = self.touch.size
        bars = "one bar" if steps == 1 else f"{steps} bars"
        if not self.windows:
            return f"There are too few bars to say how often such a change came within {bars}."
        return (
            f"Of {self.windows:,} past stretches of {bars}, {100 * self.touch[-1]:.1f} % had a "
            f"close at or beyond a level {self.change:+.2%} away; "
            f"{100 * self.above[-1]:.1f} % ended above it."
        )


def level_rate(series: PriceSeries, change: float, horizon: int) -> LevelRate:
    """Return how often a level at some distance was exceeded and touched in the past.

    Parameters
    ----------
    series : PriceSeries
    change : float
        Distance of the level from the value at the cutoff, as a share of it.
    horizon : int
        Steps H.
    """
    y = series.y[-_MOST_WINDOWS:]
    starts = y[: max(0, y.size - horizon)]
    if not starts.size or not (y > 0).all():
        empty = np.full(horizon, np.nan)
        return LevelRate(change, empty, empty, 0)
    above, touch = np.empty(horizon), np.empty(horizon)
    level = starts * (1 + change)
    touched = np.zeros(starts.size, bool)
    for step in range(1, horizon + 1):
        closes = y[step : step + starts.size]
        touched |= closes >= level if change >= 0 else closes <= level
        above[step - 1] = (closes > level).mean()
        touch[step - 1] = touched.mean()
    return LevelRate(change, above, touch, starts.size)
