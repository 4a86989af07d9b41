"""When a source is to be loaded: at most once a day of the computer's calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np


def local_day(moment: np.datetime64) -> date:
    """Return the day on the computer's calendar of a moment in UTC.

    Days are compared instead of hours, so that a schedule at the same time of day finds a new day
    at each of its runs, also where the clocks are put forward or back between two of them.
    """
    seconds = moment.astype("datetime64[us]").astype(np.int64) / 1e6
    return datetime.fromtimestamp(float(seconds), UTC).astimezone().date()


def is_due(loaded_at: np.datetime64, now: np.datetime64) -> bool:
    """Return whether a source is to be loaded: it never was, or not today, or the clock has been
    set back since.
    """
    if np.isnat(loaded_at) or loaded_at > now:
        return True
    return local_day(loaded_at) != local_day(now)


def utc_now() -> np.datetime64:
    """Return the present in UTC."""
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
