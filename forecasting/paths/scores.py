"""Scores of joint forecasts and of probabilities, and tests of value at risk and expected
shortfall.

References
----------
Gneiting and Raftery (2007), Strictly proper scoring rules. Scheuerer and Hamill (2015),
Variogram-based proper scoring rules. Kupiec (1995), Techniques for verifying the accuracy of risk
measurement models. Christoffersen (1998), Evaluating interval forecasts. Acerbi and Szekely (2014),
Backtesting expected shortfall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.series import Floats

Hits = npt.NDArray[np.bool_]


def sample_crps(samples: Floats, y: Floats) -> Floats:
    """Return the CRPS of samples [..., K] beside outcomes [...], same unit; lower is better."""
    ordered = np.sort(samples, axis=-1)
    count = ordered.shape[-1]
    index = 2 * np.arange(1, count + 1) - count - 1
    spread = (ordered * index).sum(axis=-1) / count**2
    return np.asarray(np.abs(samples - y[..., None]).mean(axis=-1) - spread, np.float64)


def energy_score(samples: Floats, y: Floats) -> float:
    """Return the energy score of joint samples [D, K] beside an outcome [D]; pairs are taken of
    neighbouring samples.
    """
    distance = np.sqrt(((samples - y[:, None]) ** 2).sum(axis=0)).mean()
    half = samples.shape[1] // 2
    apart = np.sqrt(((samples[:, :half] - samples[:, half : 2 * half]) ** 2).sum(axis=0)).mean()
    return float(distance - apart / 2)


def variogram_score(samples: Floats, y: Floats, power: float = 0.5) -> float:
    """Return the variogram score of joint samples [D, K] beside an outcome [D], a mean over
    pairs of dimensions.
    """
    size = len(y)
    total = 0.0
    for d in range(size - 1):
        expected = (np.abs(samples[d] - samples[d + 1 :]) ** power).mean(axis=1)
        seen = np.abs(y[d] - y[d + 1 :]) ** power
        total += float(((seen - expected) ** 2).sum())
    return total / max(size * (size - 1) / 2, 1)


def brier(probability: Floats, happened: Hits) -> float:
    """Return the mean squared difference of probabilities [N] from what happened [N]; 0 is
    perfect, .25 a coin.
    """
    return float(((probability - happened) ** 2).mean())


def ranked_probability_score(probability: Floats, share: Floats) -> Floats:
    """Return the ranked probability score of groups [N, R] beside the group that came (share in
    each, [N, R]), shape [N].

    It is the mean over the groups of the squared difference of the cumulated probabilities, as in
    the M6 competition.
    """
    gap = np.cumsum(probability, axis=1) - np.cumsum(share, axis=1)
    return np.asarray((gap**2).mean(axis=1), np.float64)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predicted probabilities in tenths: how many, their mean, and the share that happened; NaN
    where there are none.
    """

    count: Floats
    predicted: Floats
    realised: Floats


def reliability(probability: Floats, happened: Hits, bins: int = 10) -> Reliability:
    """Compare probabilities [N] with what happened [N], in bins of equal width."""
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(index, probability, bins) / count
        realised = np.bincount(index, happened.astype(np.float64), bins) / count
    return Reliability(count, predicted, realised)


def kupiec(hits: Hits, rate: float) -> float:
    """Return the p-value of the unconditional coverage test: whether losses beyond the VaR come
    at a rate; NaN without outcomes.
    """
    count, beyond = hits.size, int(hits.sum())
    if not count:
        return math.nan
    seen = beyond / count
    ratio = 2 * (
        _log_likelihood(count - beyond, beyond, seen)
        - _log_likelihood(count - beyond, beyond, rate)
    )
    return _chi_square(ratio, 1)


def christoffersen(hits: Hits, rate: float) -> float:
    """Return the p-value of the conditional coverage test: rate and independence of hits [N] in
    order of time.

    Hits are to be of forecasts that do not overlap.
    """
    if hits.size < 2:
        return math.nan
    before, after = hits[:-1], hits[1:]
    n00, n01 = int((~before & ~after).sum()), int((~before & after).sum())
    n10, n11 = int((before & ~after).sum()), int((before & after).sum())
    after_miss = n01 / max(n00 + n01, 1)
    after_hit = n11 / max(n10 + n11, 1)
    free = _log_likelihood(n00, n01, after_miss) + _log_likelihood(n10, n11, after_hit)
    bound = _log_likelihood(n00 + n10, n01 + n11, rate)
    return _chi_square(2 * (free - bound), 2)


def acerbi_szekely(
    outcome: Floats, samples: Floats, level: float, trials: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the second statistic of Acerbi and Szekely and its p-value: whether losses in the tail
    are larger than the ES says.

    Parameters
    ----------
    outcome : ndarray, shape [N]
        Changes of value.
    samples : ndarray, shape [N, K]
        Forecast of each.
    level : float
        Of VaR and ES, in percent.
    trials : int
        Histories drawn from the forecasts, for the p-value.

    Returns
    -------
    statistic : float
        0 is expected, negative where the shortfall was understated.
    p_value : float
        Share of the drawn histories whose statistic is as low.
    """
    alpha = 1 - level / 100
    ordered = np.sort(samples, axis=1)
    count = max(1, round(alpha * ordered.shape[1]))
    threshold = np.quantile(ordered, alpha, axis=1)
    shortfall = -ordered[:, :count].mean(axis=1)
    usable = shortfall > 0
    if not usable.any():
        return math.nan, math.nan
    threshold, shortfall, ordered = threshold[usable], shortfall[usable], ordered[usable]
    scale = len(shortfall) * alpha

    def statistic(changes: Floats) -> Floats:
        return np.asarray(
            (np.where(changes < threshold, changes, 0.0) / shortfall).sum(axis=-1) / scale + 1
        )

    seen = float(statistic(outcome[usable]))
    rng = np.random.default_rng(seed)
    drawn = np.empty(trials)
    rows = np.arange(len(shortfall))
    for trial in range(trials):
        drawn[trial] = statistic(ordered[rows, rng.integers(ordered.shape[1], size=rows.size)])
    return seen, float((drawn <= seen).mean())


def _log_likelihood(misses: int, hits: int, rate: float) -> float:
    found = 0.0
    if misses:
        found += misses * math.log(max(1 - rate, 1e-300))
    if hits:
        found += hits * math.log(max(rate, 1e-300))
    return found


def _chi_square(ratio: float, freedom: int) -> float:
    """Return the upper tail of the chi-square distribution of 1 or 2 degrees of freedom."""
    ratio = max(ratio, 0.0)
    return math.erfc(math.sqrt(ratio / 2)) if freedom == 1 else math.exp(-ratio / 2)
