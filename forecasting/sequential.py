"""Sequential change detection: whether the outcomes of forecasts still fall where the forecasts
said, and whether the forecasts are still as good as others, looked at after every bar without
paying for looking often.
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
#: Bars after an alarm in which there is no second one.
PAUSE = 63
#: Returns before the first forecast that later ones are compared with: fewest and most.
LEAST_REFERENCE, MOST_REFERENCE = 250, 1000
#: Levels between which returns are told apart; finer at the ends than those of forecasts.
_RETURN_LEVELS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
#: Changes that are looked for: what they concern, by how much the scale changes, and the weight.
CHANGES: tuple[tuple[Literal["bands", "returns"], float, float], ...] = (
    ("bands", 2.0, 0.30),
    ("bands", 0.5, 0.10),
    ("returns", 2.0, 0.60),
)
#: Shares of the largest difference that is possible by which bets on larger losses are placed.
STAKES = (0.05, 0.1, 0.2, 0.4, 0.8)

#: The bands are too narrow or too wide, the prices move more than they did, or the losses are
#: larger than those of other forecasts.
Kind = Literal["narrow", "wide", "volatility", "losses"]


@dataclass(frozen=True)
class Alarm:
    """A change was found.

    Attributes
    ----------
    step : int
        Index of the bar at which the statistic passed the threshold.
    change : {"narrow", "wide", "volatility", "losses"}
    statistic : float
        The value that passed the threshold.
    since : int
        Index of the bar from which on the change is most likely.
    """

    step: int
    change: Kind
    statistic: float
    since: int = 0


@dataclass(frozen=True, eq=False)
class Reference:
    """Returns before a record, which later ones are compared with.

    Attributes
    ----------
    limits : ndarray, shape [R]
        Some of these returns, increasing.
    levels : tuple of float, length R
        Probability that another return of the same distribution lies below each: k / (n + 1) for
        the k-th smallest of n, whatever the distribution is.
    """

    limits: Floats
    levels: tuple[float, ...]

    @classmethod
    def of(cls, returns: Floats) -> Reference | None:
        """Return the reference that a past [N] gives; None where it is too short."""
        past = returns[np.isfinite(returns)][-MOST_REFERENCE:]
        if past.size < LEAST_REFERENCE:
            return None
        ranks = np.rint(np.array(_RETURN_LEVELS) * (past.size + 1)).astype(np.int64)
        levels = ranks / (past.size + 1)
        return cls(np.sort(past)[ranks - 1].astype(np.float64), tuple(levels.tolist()))


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


def scan(
    bands: Ints,
    quantiles: Sequence[float],
    limit: float,
    returns: Ints | None = None,
    levels: Sequence[float] = (),
) -> Scan:
    """Run the Shiryaev-Roberts procedure over a record; only earlier bars are looked at.

    Outcomes are known only by the interval between two stated quantiles into which they fell. Their
    probabilities under the null hypothesis are then exact whatever the distribution of prices is,
    so each likelihood ratio has the mean 1, and the weighted sum of the statistics less the number
    of bars is a martingale: the mean number of bars before a false alarm is at least ``limit``.

    Parameters
    ----------
    bands : ndarray of int64, shape [N]
        Interval of the forecast's quantiles into which each close fell; -1 where none is known.
    quantiles : sequence of float, length Q
        Their levels.
    limit : float
        Threshold, in bars.
    returns : ndarray of int64, shape [N], optional
        Interval of a :class:`Reference` into which each return fell; -1 where it is not known.
    levels : sequence of float, length R
        Those of the reference.

    References
    ----------
    Roberts (1966), A comparison of some control chart procedures; Pollak (1985), Optimal detection
    of a change in distribution; Shin, Ramdas & Rinaldo (2023), E-detectors.
    """
    sources = {"bands": (bands, tuple(quantiles))}
    if returns is not None:
        sources["returns"] = (returns, tuple(levels))
    changes = [change for change in CHANGES if change[0] in sources]
    factors = np.ones((bands.size, len(changes)))
    for column, (kind, scale, _) in enumerate(changes):
        index, of = sources[kind]
        known = index >= 0
        factors[known, column] = likelihood_ratios(kind, of, scale)[index[known]]
    return _detect(factors, [change[2] for change in changes], _kinds(changes), limit)


def scan_losses(excess: Floats, limit: float) -> Scan:
    """Look for the time from which on the losses of forecasts are larger than those of others.

    The null hypothesis is that no loss is expected to be larger than the other forecast's at the
    time when both are made. Then each bet has at most the mean 1, whatever the distribution of
    prices is, and the mean number of bars before a false alarm is at least ``limit``.

    Parameters
    ----------
    excess : ndarray of float64, shape [N]
        Each loss less that of the other forecast, as a share of the largest difference that was
        possible when both were made: between -1 and 1. NaN where it is not known.
    limit : float
        Threshold, in bars.

    References
    ----------
    Henzi & Ziegel (2022), Valid sequential inference on probability forecast performance; Shin,
    Ramdas & Rinaldo (2023), E-detectors.
    """
    share = np.nan_to_num(np.clip(excess, -1.0, 1.0))
    factors = 1 + share[:, None] * np.array(STAKES)
    kinds: list[Kind] = ["losses"] * len(STAKES)
    return _detect(factors, [1 / len(STAKES)] * len(STAKES), kinds, limit)


def _detect(factors: Floats, weights: Sequence[float], kinds: Sequence[Kind], limit: float) -> Scan:
    """Run the procedure over the factors [N, K] by which the evidence for K changes grows."""
    share = np.array(weights)
    statistic = np.zeros(len(factors))
    state = np.zeros(share.size)
    alarms: list[Alarm] = []
    begin = 0
    for step, factor in enumerate(factors):
        if step < begin:
            continue
        state = np.minimum((1 + state) * factor, 1e12)
        parts = share * state
        statistic[step] = parts.sum()
        if statistic[step] >= limit:
            found = int(parts.argmax())
            growth = np.cumsum(np.log(factors[begin : step + 1, found]))
            since = begin + int(np.argmin(np.append(0.0, growth[:-1])))
            alarms.append(Alarm(step, kinds[found], float(statistic[step]), since))
            state = np.zeros(share.size)
            begin = step + 1 + PAUSE
    return Scan(tuple(alarms), statistic, limit)


@lru_cache(maxsize=32)
def likelihood_ratios(
    kind: Literal["bands", "returns"], quantiles: tuple[float, ...], scale: float
) -> Floats:
    """Return the likelihood ratio of each interval, shape [Q + 1], of outcomes whose scale is
    ``scale`` times the stated one: normal ones for bands, Student's t with 4 degrees of freedom
    for returns, whose tails are as fat as those of many prices.
    """
    cdf, inv_cdf = _NORMAL if kind == "bands" else (_t4_cdf, _t4_inv_cdf)
    limits = [inv_cdf(level) / scale for level in quantiles]
    changed = np.diff([0.0, *(cdf(limit) for limit in limits), 1.0])
    stated = np.diff([0.0, *quantiles, 1.0])
    found: Floats = changed / stated
    found.setflags(write=False)
    return found


def _kinds(changes: Sequence[tuple[str, float, float]]) -> list[Kind]:
    return [
        "volatility" if kind == "returns" else "narrow" if scale > 1 else "wide"
        for kind, scale, _ in changes
    ]


_NORMAL = (NormalDist().cdf, NormalDist().inv_cdf)


def _t4_cdf(value: float) -> float:
    """Return the distribution function of Student's t with 4 degrees of freedom."""
    share = 1 + value**2 / 4
    return 0.5 + 0.375 * value / math.sqrt(share) * (1 - value**2 / (12 * share))


def _t4_inv_cdf(level: float) -> float:
    """Return the quantile of Student's t with 4 degrees of freedom; Shaw (2006), Sampling
    Student's t distribution.
    """
    root = math.sqrt(4 * level * (1 - level))
    size = 2 * math.sqrt(max(math.cos(math.acos(min(root, 1.0)) / 3) / root - 1, 0.0))
    return math.copysign(size, level - 0.5)


def bars_a_year(step_us: float) -> float:
    """Return how many bars a year has, from their usual distance in microseconds.

    Of a daily bar the sessions of an exchange are counted; a day of intraday bars counts in full,
    which errs on the side of fewer false alarms.
    """
    day = 86_400_000_000.0
    if not step_us > 0 or math.isnan(step_us):
        return 252.0
    return 252.0 if step_us == day else 365.0 * day / step_us
