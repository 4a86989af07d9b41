"""Sequential change detection: whether the outcomes of forecasts still fall where the forecasts
said, looked at after every bar without paying for looking often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Literal

import numpy as np

from forecasting.series import Floats, Ints

#: Smallest mean number of bars between two false alarms: more than a year of sessions.
RUN_LENGTH = 400.0
#: How many years must lie between two false alarms on average, where a year has more bars.
_YEARS = 1.5
#: Below this the statistic tells of no change.
_SMALL = 4.0
#: Bars after an alarm in which there is no second one.
PAUSE = 63
#: Returns before the first forecast that later ones are compared with: fewest and most.
LEAST_REFERENCE, MOST_REFERENCE = 250, 1000
#: Changes that are looked for: what they concern, by how much the scale changes, and the weight.
CHANGES: tuple[tuple[Literal["bands", "returns"], float, float], ...] = (
    ("bands", 2.0, 0.45),
    ("bands", 0.5, 0.10),
    ("returns", 2.0, 0.45),
)


@dataclass(frozen=True)
class Alarm:
    """A change was found.

    Attributes
    ----------
    step : int
        Index of the bar at which the statistic passed the threshold.
    change : {"narrow", "wide", "volatility"}
        The bands are too narrow or too wide, or the prices move more than they did.
    statistic : float
        The value that passed the threshold.
    since : int
        Index of the first bar after the statistic was last small: about where the change began.
    """

    step: int
    change: Literal["narrow", "wide", "volatility"]
    statistic: float
    since: int = 0


@dataclass(frozen=True)
class Scan:
    """All alarms of a record and the statistic after each bar, shape [N]."""

    alarms: tuple[Alarm, ...]
    statistic: Floats
    threshold: float


def threshold(bars_a_year: float) -> float:
    """Return the threshold that keeps false alarms below one a year, for bars of any distance."""
    return max(RUN_LENGTH, _YEARS * bars_a_year)


def bins(values: Floats, limits: Floats) -> Ints:
    """Return between which limits each value lies.

    Parameters
    ----------
    values : ndarray, shape [N]
        NaN where nothing is known.
    limits : ndarray, shape [Q] or [N, Q]
        Quantiles, non-decreasing along Q.

    Returns
    -------
    ndarray of int64, shape [N]
        0 below the first limit, Q above the last one, -1 where the value is not known.
    """
    found = (values[:, None] > np.broadcast_to(limits, (values.size, limits.shape[-1]))).sum(axis=1)
    return np.where(np.isfinite(values), found, -1).astype(np.int64)


def scan(bands: Ints, returns: Ints, quantiles: Sequence[float], limit: float) -> Scan:
    """Run the Shiryaev-Roberts procedure over a record; only earlier bars are looked at.

    Outcomes are known only by the interval between two stated quantiles into which they fell. Their
    probabilities under the null hypothesis are then exact whatever the distribution of prices is,
    so each likelihood ratio has the mean 1, and the weighted sum of the statistics less the number
    of bars is a martingale: the mean number of bars before a false alarm is at least ``limit``.

    Parameters
    ----------
    bands : ndarray of int64, shape [N]
        Interval of the forecast's quantiles into which each close fell; -1 where none is known.
    returns : ndarray of int64, shape [N]
        Interval of the quantiles of the returns before the record; -1 where there are too few.
    quantiles : sequence of float, length Q
        Levels of both.
    limit : float
        Threshold, in bars.

    References
    ----------
    Roberts (1966), A comparison of some control chart procedures; Pollak (1985), Optimal detection
    of a change in distribution; Shin, Ramdas & Rinaldo (2023), E-detectors.
    """
    levels = tuple(quantiles)
    ratios = [likelihood_ratios(levels, scale) for _, scale, _ in CHANGES]
    weights = np.array([weight for _, _, weight in CHANGES])
    sources = [bands if kind == "bands" else returns for kind, _, _ in CHANGES]
    statistic = np.zeros(bands.size)
    state = np.zeros(len(CHANGES))
    alarms: list[Alarm] = []
    quiet = 0
    for step in range(bands.size):
        if step < quiet:
            continue
        factors = [
            float(ratio[source[step]]) if source[step] >= 0 else 1.0
            for ratio, source in zip(ratios, sources, strict=True)
        ]
        state = np.minimum((1 + state) * factors, 1e12)
        parts = weights * state
        statistic[step] = parts.sum()
        if statistic[step] >= limit:
            small = np.flatnonzero(statistic[:step] <= _SMALL)
            since = int(small[-1]) + 1 if small.size else 0
            change = _change(int(parts.argmax()))
            alarms.append(Alarm(step, change, float(statistic[step]), since))
            state = np.zeros(len(CHANGES))
            quiet = step + 1 + PAUSE
    return Scan(tuple(alarms), statistic, limit)


@lru_cache(maxsize=32)
def likelihood_ratios(quantiles: tuple[float, ...], scale: float) -> Floats:
    """Return the likelihood ratio of each interval, shape [Q + 1], of normal outcomes whose
    standard deviation is ``scale`` times the stated one.
    """
    normal = NormalDist()
    limits = [normal.inv_cdf(level) / scale for level in quantiles]
    changed = np.diff([0.0, *(normal.cdf(limit) for limit in limits), 1.0])
    stated = np.diff([0.0, *quantiles, 1.0])
    found: Floats = changed / stated
    found.setflags(write=False)
    return found


def reference_limits(returns: Floats, quantiles: Sequence[float]) -> Floats | None:
    """Return the quantiles [Q] of the last returns of a past; None where it is too short."""
    past = returns[np.isfinite(returns)][-MOST_REFERENCE:]
    if past.size < LEAST_REFERENCE:
        return None
    return np.asarray(np.quantile(past, quantiles), np.float64)


def bars_a_year(step_us: float) -> float:
    """Return how many bars a year has, from their usual distance in microseconds.

    Of a daily bar the sessions of an exchange are counted; a day of intraday bars counts in full,
    which errs on the side of fewer false alarms.
    """
    day = 86_400_000_000.0
    if not step_us > 0 or math.isnan(step_us):
        return 252.0
    return 252.0 if step_us == day else 365.0 * day / step_us


def _change(index: int) -> Literal["narrow", "wide", "volatility"]:
    kind, scale, _ = CHANGES[index]
    if kind == "returns":
        return "volatility"
    return "narrow" if scale > 1 else "wide"
