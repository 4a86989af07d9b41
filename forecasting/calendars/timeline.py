"""The dates on which bars are due, past and to come: what a calendar knows ahead, whichever bars
turned out to be missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecasting.calendars.exchange import UNITS_US, exchange_clock, rezoned, sessions_between
from forecasting.calendars.future import (
    intraday_stamps,
    median_step,
    month_convention,
    most_frequent,
    parsed,
    usual_weekday_near,
)
from forecasting.calendars.week import DAY, trading_week
from forecasting.series import Dates, Ints, PriceSeries


@dataclass(frozen=True, eq=False)
class Timeline:
    """Dates on which bars of a series are due.

    Attributes
    ----------
    ds : ndarray of datetime64[us], shape [N]
        Increasing, in the wall-clock of the series (of its exchange where bars have a time).
    place : ndarray of int64, shape [T]
        Where each bar of the series stands: the h-th bar after bar t is due on
        ``ds[place[t] + h]``. A bar off the calendar stands where
        the last due one before it does.
    """

    ds: Dates
    place: Ints

    def ahead(self, bars: Ints, horizon: int) -> Dates:
        """Return the dates on which the next bars after each of ``bars`` [n] are due, shape [n,
        H].
        """
        due: Dates = self.ds[self.place[bars][:, None] + np.arange(1, horizon + 1)]
        return due


@lru_cache(maxsize=8)
def timeline(series: PriceSeries, horizon: int) -> Timeline:
    """Return the dates on which bars are due, from the first bar to ``horizon`` bars after the
    last.

    Sessions, closing days and times of day are those of the series' calendar, as in
    :func:`future_sessions`; which weekdays and
    times of day it has is taken from the whole series, as its calendar is. Whether a bar was there
    later makes no difference.

    Raises
    ------
    DataError
        As of :func:`future_sessions`.
    """
    count, unit = parsed(series.freq)
    if unit == "":
        step = median_step(series)
        return _stepping(
            series.ds[0]
            + step * np.arange(int((series.ds[-1] - series.ds[0]) // step) + horizon + 2),
            series.ds,
        )
    if unit == "M":
        return _months(series, count, horizon)
    if unit == "W":
        anchor, step = usual_weekday_near(series.ds), 7 * count * DAY
        weeks = np.round((series.ds.astype("datetime64[D]") - anchor) / step).astype(np.int64)
        grid = anchor + step * np.arange(weeks[0], weeks[-1] + horizon + 1)
        return Timeline(
            (grid + (series.ds[-1] - series.ds[-1].astype("datetime64[D]"))).astype(
                "datetime64[us]"
            ),
            weeks - weeks[0],
        )
    if unit == "D":
        return _days(series, count, horizon)
    step = np.timedelta64(count * UNITS_US[unit], "us")
    if series.calendar == "24/7":
        stamps = rezoned(series.ds, series.tz, "UTC")
        due = stamps[0] + step * np.arange(int((stamps[-1] - stamps[0]) // step) + horizon + 2)
        found = _stepping(due, stamps)
        return Timeline(rezoned(found.ds, "UTC", series.tz), found.place)
    ds, _ = exchange_clock(series)
    return _stepping(intraday_stamps(series, step, horizon), ds)


def _stepping(due: Dates, ds: Dates) -> Timeline:
    return Timeline(
        due.astype("datetime64[us]"), np.maximum(np.searchsorted(due, ds, side="right") - 1, 0)
    )


def _days(series: PriceSeries, count: int, horizon: int) -> Timeline:
    ds, _ = exchange_clock(series)
    days = ds.astype("datetime64[D]")
    week = trading_week(np.unique(days))
    span = np.timedelta64(2 * count * horizon + 30, "D")
    while True:
        due = sessions_between(series.calendar, days[0], days[-1] + span, week)
        due = due[due > days[-1]][count - 1 :: count]
        if due.size >= horizon:
            break
        span = span * 2
    known = sessions_between(series.calendar, days[0], days[-1], week)[::-1][::count][::-1]
    grid = np.unique(np.concatenate([days[:1], known, due[:horizon]]))
    clock = most_frequent((ds - days)[-20:])
    return Timeline(
        (grid + clock).astype("datetime64[us]"), np.searchsorted(grid, days, side="right") - 1
    )


def _months(series: PriceSeries, count: int, horizon: int) -> Timeline:
    days = series.ds.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    recent = days[-25:-1] if days.size > 2 else days
    index = ((months - months[0]).astype(np.int64)) // count
    due = month_convention(series.calendar, recent)(
        months[0] + count * np.arange(index[-1] + horizon + 1)
    )
    return Timeline((due + most_frequent((series.ds - days)[-25:])).astype("datetime64[us]"), index)
