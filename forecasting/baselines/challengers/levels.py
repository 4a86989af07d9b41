"""Quantiles of the levels that are wanted, from those that a model of others has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.baselines.baseline import normal_quantiles
from forecasting.series import Floats


def at_levels(values: Floats, known: Sequence[float], wanted: Sequence[float]) -> Floats:
    """Return quantiles at other levels.

    Between two levels, and beyond the outermost ones, they are straight in the standard normal
    score of the level: exact for a normal distribution. Logarithms are taken where all values are
    positive.

    Parameters
    ----------
    values : ndarray, shape [N, H, K]
        K at least 2; sorted along the levels where they cross.
    known : sequence of float, length K
        Increasing.
    wanted : sequence of float, length Q

    Returns
    -------
    ndarray of float64, shape [N, H, Q]
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=2)
    positive = bool((ordered > 0).all())
    path = np.log(ordered) if positive else ordered
    scores = normal_quantiles(known)
    at = normal_quantiles(wanted)
    right = np.clip(np.searchsorted(scores, at), 1, scores.size - 1)
    weight = (at - scores[right - 1]) / (scores[right] - scores[right - 1])
    found = (1 - weight) * path[:, :, right - 1] + weight * path[:, :, right]
    return np.asarray(np.exp(found) if positive else found, np.float64)
