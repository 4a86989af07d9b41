"""Days of a test worth looking at: the worst and best forecasts, and those outside a band."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from forecasting.metrics import crps, crps_bp, residuals
from forecasting.series import Floats, Ints, Outcomes, within

#: How many of the worst and of the best days are gone through.
_MOST = 20
_BAND = 80.0


class Day(NamedTuple):
    """A past forecast: its series and its cutoff."""

    symbol: str
    cutoff: np.datetime64


def day_of(outcomes: Outcomes, index: int) -> Day:
    """Return the day of an origin."""
    return Day(str(outcomes.symbol[index]), outcomes.cutoff[index])


def nearest_residual(outcomes: Outcomes, step: int, cutoff: np.datetime64, value: float) -> Day:
    """Return the origin of a date whose residual is nearest to a value, or the largest of them
    where the value is no number.
    """
    mine = np.flatnonzero(outcomes.cutoff == cutoff)
    left = residuals(outcomes, step)[0][mine]
    distance = -np.abs(left) if np.isnan(value) else np.abs(left - value)
    return day_of(
        outcomes, int(mine[np.nanargmin(distance)] if np.isfinite(left).any() else mine[0])
    )


def worst_at(outcomes: Outcomes, step: int) -> Day | None:
    """Return the origin whose forecast missed most at one step ahead; None where nothing of it
    is known.
    """
    left = np.abs(residuals(outcomes, step)[0])
    return day_of(outcomes, int(np.nanargmax(left))) if np.isfinite(left).any() else None


def outside(outcomes: Outcomes, level: float) -> Ints:
    """Return the origins with an outcome outside the band of a level, in order of time."""
    try:
        low, high = (outcomes.quantile(0.5 + side * level / 200) for side in (-1, 1))
    except KeyError:
        return np.empty(0, np.int64)
    missed = np.isfinite(outcomes.y) & ~within(low, outcomes.y, high)
    return _in_time(outcomes, np.flatnonzero(missed.any(axis=1)))


def _errors(outcomes: Outcomes) -> Floats:
    """Return the error of each origin [N]: CRPS of returns where prices allow."""
    found = crps_bp(outcomes, 1)
    return found if np.isfinite(found).any() else crps(outcomes, 1)


def _ranked(outcomes: Outcomes, sign: float) -> Ints:
    errors = _errors(outcomes)
    known = np.flatnonzero(np.isfinite(errors))
    return known[np.argsort(sign * errors[known], kind="stable")][:_MOST]


def _worst(outcomes: Outcomes) -> Ints:
    return _ranked(outcomes, -1.0)


def _best(outcomes: Outcomes) -> Ints:
    return _ranked(outcomes, 1.0)


def _beyond(outcomes: Outcomes) -> Ints:
    return outside(outcomes, _BAND)


def _in_time(outcomes: Outcomes, index: Ints) -> Ints:
    return index[np.argsort(outcomes.cutoff[index], kind="stable")]


#: What can be jumped to, by name: origins of outcomes in the order in which they are gone through.
JUMPS: Mapping[str, Callable[[Outcomes], Ints]] = {
    "worst": _worst,
    "best": _best,
    "outside": _beyond,
}
