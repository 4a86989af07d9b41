"""Statistical evidence of a score: independent origins, confidence intervals, and a decision of
three.

Every share that the program reports (coverage, direction) is judged by the rules of this module, so
that verdict, tables, plots, journal and report agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates, Floats

#: Fewer independent origins than this never tell two forecasts apart.
MIN_ORIGINS = 20
#: Fewer independent origins than this say nothing about a share, whatever its interval.
LEAST_ORIGINS = 5
#: A share within this many points of the stated one is right, however certain the difference is.
CLOSE = 1.0
#: An interval that leaves room for a larger error than this many points does not show that a share
#: is right.
FAR = 10.0

Answer = Literal["right", "low", "high", "few"]


@dataclass(frozen=True)
class Share:
    """A share of outcomes with its confidence interval.

    Attributes
    ----------
    percent : float
        NaN where nothing is known.
    low, high : float
        Limits of the 95 % interval, in percent (Clopper & Pearson 1934, on the independent
        origins).
    independent : float
        Independent observations that the share rests on.
    """

    percent: float
    low: float
    high: float
    independent: float

    @property
    def told(self) -> bool:
        """Whether there are enough independent origins for a meaningful interval."""
        return self.independent >= LEAST_ORIGINS

    def stands(self, stated: float) -> Answer:
        """Compare with a stated share in percent.

        ``low`` and ``high`` where the interval excludes it and the difference is more than
        :data:`CLOSE` points; ``right``
        where the interval holds no share farther away than the share of misses that was stated, or
        :data:`FAR`
        points; otherwise ``few``: too few independent origins to tell.
        """
        if not self.told or not math.isfinite(self.percent):
            return "few"
        close = abs(self.percent - stated) <= CLOSE
        if not close and self.high < stated:
            return "low"
        if not close and self.low > stated:
            return "high"
        room = min(100 - stated, FAR)
        return "right" if stated - room <= self.low and self.high <= stated + room else "few"


#: Of nothing.
UNKNOWN = Share(math.nan, math.nan, math.nan, 0.0)


def share_of(hits: Floats, counts: Floats, cutoff: Dates, end: Dates) -> Share:
    """Return the share of hits among outcomes, with an interval on the number of independent
    origins.

    Series move together, so that a cutoff date is one observation. Origins whose outcomes overlap
    are not independent either. From :data:`MIN_ORIGINS` independent dates on, the variance between
    dates says what they are worth: less where hits come in clusters, more where a panel's series or
    the steps ahead are surprised one by one.

    Parameters
    ----------
    hits, counts : ndarray, shape [N]
        Hits, and known outcomes, of each origin.
    cutoff, end : ndarray of datetime64, shape [N]
        When each origin's outcomes begin, and the date of the last one that counts.
    """
    known = np.asarray(counts) > 0
    if not known.any():
        return UNKNOWN
    dates, index = np.unique(cutoff[known], return_inverse=True)
    right = np.bincount(index, np.asarray(hits, np.float64)[known])
    count = np.bincount(index, np.asarray(counts, np.float64)[known])
    share = float(right.sum() / count.sum())
    later = overlap(cutoff[known], end[known])
    independent = dates.size / (later + 1)
    if independent >= MIN_ORIGINS and 0 < share < 1:
        surprise = (right - share * count) / count.mean()
        independent = min(_worth(share, surprise, later), float(count.sum()))
    low, high = clopper_pearson(share, independent)
    return Share(100 * share, 100 * low, 100 * high, independent)


def overlap(cutoff: Dates, end: Dates) -> int:
    """Return how many later origin dates lie before the end of an origin's outcomes.

    It is the number that nine of ten origins do not exceed: those at the end have fewer dates after
    them.

    Parameters
    ----------
    cutoff, end : ndarray of datetime64, shape [N], N at least 1
    """
    dates, index = np.unique(cutoff, return_inverse=True)
    return max(0, int(np.quantile(np.searchsorted(dates, end) - index - 1, 0.9, method="higher")))


def disjoint(cutoff: Dates, end: Dates) -> int:
    """Return the largest number of origins whose outcomes do not overlap, for origins at
    irregular dates.
    """
    count, last = 0, np.datetime64("NaT", "us")
    for index in np.argsort(end, kind="stable"):
        if np.isnat(last) or cutoff[index] >= last:
            count += 1
            last = end[index]
    return count


def clopper_pearson(share: float, trials: float, level: float = 95) -> tuple[float, float]:
    """Return the limits of the exact binomial interval of a share, 0 to 1; ``trials`` need not be
    whole.

    References
    ----------
    Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of
    the binomial.
    """
    from scipy.special import betaincinv

    if not (math.isfinite(share) and trials > 0):
        return 0.0, 1.0
    tail = (1 - level / 100) / 2
    hits = share * trials
    misses = max(trials - hits, 0.0)
    low = float(betaincinv(hits, misses + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses > 0 else 1.0
    return low, high


def mean_variances(values: Floats, later: int = 0) -> list[tuple[float, float]]:
    """Return estimates of the variance of a mean over dates, each with the degrees of freedom of
    its t statistic.

    The first is Newey & West's (1987) over 1.3 sqrt(N) lags, enlarged as fixed-b theory asks
    (Kiefer & Vogelsang 2005; Lazarus et al. 2018): it sees that calm and wild days come in
    clusters. The second sums the autocovariances of overlapping outcomes, with the small-sample
    factor of Harvey, Leybourne & Newbold (1997) and as many degrees of freedom as there are
    outcomes that do not overlap; it is left out where it is not positive.

    Parameters
    ----------
    values : ndarray, shape [N]
        One value a date, in time order.
    later : int
        Later dates that an outcome overlaps with.
    """
    n, steps = values.size, later + 1
    centred = values - values.mean()
    lags = min(n, max(2 * later + 3, math.ceil(1.3 * math.sqrt(n)) + 1))
    covariances = np.array([centred[lag:] @ centred[: n - lag] for lag in range(lags)]) / n
    wide = float(covariances[0] + 2 * (1 - np.arange(1, lags) / lags) @ covariances[1:])
    share = lags / n
    critical = (1.96 + 2.9694 * share + 0.416 * share**2 - 0.5324 * share**3) / 1.96
    found = [(wide / n * critical**2, float(n - 1))]
    narrow = float(covariances[0] + 2 * covariances[1:steps].sum())
    factor = max(n + 1 - 2 * steps + steps * (steps - 1) / n, 0.0) / n
    if narrow > 0 and factor > 0:
        found.append((narrow / n / factor, max(n / steps - 1, 1.0)))
    return found


def _worth(share: float, surprise: Floats, later: int) -> float:
    """Return the number of independent outcomes that gives a share its observed variance."""
    from scipy.special import stdtrit

    worth = math.inf
    for variance, freedom in mean_variances(surprise, later):
        if variance > 0:
            wider = float(stdtrit(freedom, 0.975)) / 1.959964
            worth = min(worth, share * (1 - share) / (variance * wider**2))
    return worth if math.isfinite(worth) else surprise.size / (later + 1)


def counted(mask: npt.NDArray[Any]) -> Floats:
    """Count the true elements of each origin, [N, H] to [N]."""
    return np.asarray(mask.sum(axis=1), np.float64)
