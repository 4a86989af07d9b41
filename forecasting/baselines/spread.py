"""Spreads that a few wrong bars cannot set."""

from __future__ import annotations

import numpy as np

from forecasting.series import Floats

#: Changes beyond so many robust deviations count as that many. A normal's never are; of a Student t
#: with 4 degrees of freedom one in 400 is, so that a clean spread is that of the plain formula,
#: next to.
MOST_DEVIATIONS = 6.0
_PER_MEDIAN = 1.4826


def winsorised(changes: Floats, most: float = MOST_DEVIATIONS) -> Floats:
    """Return changes with those far outside drawn in to so many robust deviations.

    The robust deviation is 1.4826 times the median size of the changes that are not 0: bars that
    only repeat a price tell nothing of how far it moves.

    Parameters
    ----------
    changes : ndarray, shape [N, W]
        The last axis holds the changes that are looked at together.
    most : float
        Robust deviations.

    Returns
    -------
    ndarray of float64, shape [N, W]

    References
    ----------
    Huber (1981), Robust statistics.
    """
    size = np.abs(changes)
    usual = np.median(size, axis=-1)
    stale = np.flatnonzero((size == 0).any(axis=-1))
    if stale.size:
        some = np.where(size[stale] > 0, size[stale], np.nan)
        moved = np.isfinite(some).any(axis=-1)
        usual[stale[moved]] = np.nanmedian(some[moved], axis=-1)
    limit = (most * _PER_MEDIAN * usual)[..., None]
    return np.asarray(np.clip(changes, -limit, limit), np.float64)


def robust_deviation(changes: Floats) -> Floats:
    """Return the standard deviation of the winsorised changes [N, W] about their mean, shape
    [N].
    """
    return np.asarray(winsorised(changes).std(axis=-1, ddof=1), np.float64)
