"""The record of the journal over time: how well forecasts were scored, beside doing nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting.series import Dates, Floats, Ints
from forecasting.store import Entry


@dataclass(frozen=True, eq=False)
class ScoreRecord:
    """Skill over time.

    Attributes
    ----------
    ds : ndarray of datetime64[D], shape [N]
        Days on which forecast bars fell and are known, increasing.
    skill : ndarray of float64, shape [N]
        By how much, in percent, the mean pinball loss of all bars up to each day is smaller than
        that of a random walk with the volatility of the 20 bars before the cutoff.
    """

    ds: Dates
    skill: Floats


def score_record(entries: Iterable[Entry]) -> ScoreRecord:
    """Score the known bars of forecasts against a random walk.

    The random walk knows what the forecast knew: the close at the cutoff and the closes before it.
    Losses are relative to that close, so that prices of any size count alike. Forecasts whose past
    is too short to know its volatility are left out.

    References
    ----------
    Gneiting & Raftery (2007), Strictly proper scoring rules, prediction, and estimation.
    """
    days: list[Dates] = []
    losses: list[Floats] = []
    for entry in entries:
        known = np.flatnonzero(entry.known)
        found = losses_of(entry, known)
        if known.size and found is not None:
            losses.append(np.stack(found[:2]))
            days.append(entry.forecast.ds[known].astype("datetime64[D]"))
    if not days:
        return ScoreRecord(np.empty(0, "datetime64[D]"), np.empty(0))
    ds, index = np.unique(np.concatenate(days), return_inverse=True)
    both = np.concatenate(losses, axis=1)
    total = [np.cumsum(np.bincount(index, row, ds.size)) for row in both]
    return ScoreRecord(ds, np.asarray(100 * (1 - total[0] / total[1]), np.float64))


def losses_of(entry: Entry, steps: Ints) -> tuple[Floats, Floats, Floats] | None:
    """Return the losses of a forecast beside those of a random walk.

    Parameters
    ----------
    entry : Entry
    steps : ndarray of int64, shape [n]
        Known bars of the forecast.

    Returns
    -------
    tuple of ndarray, or None
        Losses [n] of the forecast and of the random walk, relative to the close at the cutoff, and
        the largest difference [n] that they could have; None where the past is too short to know
        its volatility.
    """
    fcst, y0 = entry.forecast, entry.forecast.y0
    if not entry.volatility > 0 or not y0 > 0:
        return None
    levels, values, y = np.array(fcst.quantiles), fcst.values[steps], entry.y[steps]
    spread = entry.volatility * np.sqrt(steps + 1.0)
    walk = y0 * np.exp(spread[:, None] * _normal(fcst.quantiles))
    largest = (np.maximum(levels, 1 - levels) * np.abs(values - walk)).mean(axis=1)
    ours, theirs = _pinball(y, values, levels), _pinball(y, walk, levels)
    return ours / y0, theirs / y0, largest / y0


def _normal(quantiles: tuple[float, ...]) -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf(level) for level in quantiles])


def _pinball(y: Floats, values: Floats, levels: Floats) -> Floats:
    """Return the mean pinball loss of quantiles [N, Q] for outcomes [N]."""
    miss = y[:, None] - values
    return np.asarray(np.maximum(levels * miss, (levels - 1) * miss).mean(axis=1), np.float64)
