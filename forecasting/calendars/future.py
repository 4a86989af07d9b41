"""The dates of the future: without the exchange's own sessions a forecast has no days to stand
on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.calendars.exchange import (
    UNITS_US,
    US_A_DAY,
    Exchange,
    crosses_midnight,
    exchange_clock,
    exchange_for,
    rezoned,
    sessions_between,
)
from forecasting.calendars.remembered import remembered
from forecasting.calendars.week import (
    DAY,
    WORKDAYS,
    WORKWEEK,
    Mask,
    TradingWeek,
    trading_week,
    weekday_of,
)
from forecasting.errors import DataError
from forecasting.series import Dates, PriceSeries


def future_sessions(series: PriceSeries, horizon: int) -> Dates:
    """Return the dates of the bars that will follow; only dates of the series are looked at, never
    its values.

    Daily bars fall on the sessions of the calendar and keep their time of day. Weekly bars keep
    their weekday. Monthly bars keep their convention: first day, last day, first or last session,
    or the same day of the month. Intraday bars take the times of day that the series has shown in
    its last 60 sessions, on the next sessions, and end at the close of half days; with ``24/7``
    they step on. Irregular bars step on by the median of their last 250 distances, in whole days
    where that is a day or more.

    ``weekdays`` means the trading week that the newest bars of the series show (Monday to Friday
    where it is too short to tell), without the holidays that come back every year in it
    (:class:`TradingWeek`). Beyond what exchange_calendars knows of an exchange (see
    :func:`known_until`), the trading week and the yearly holidays of the exchange's last known
    years are continued.

    Parameters
    ----------
    series : PriceSeries
    horizon : int
        Number of bars H.

    Returns
    -------
    ndarray of datetime64[us], shape [H]
        Strictly increasing, strictly after the last bar, wall-clock in the zone of the series.

    Raises
    ------
    DataError
        One irregular bar (its distance is unknown), an unknown calendar or an unknown frequency.
    """
    if horizon <= 0:
        return np.empty(0, "datetime64[us]")
    key = ("future", series.freq, series.tz, series.calendar, horizon)
    return remembered(series.ds, key, lambda: _future_sessions(series, horizon)).copy()


def _future_sessions(series: PriceSeries, horizon: int) -> Dates:
    count, unit = parsed(series.freq)
    if unit == "":
        return _step_on(series.ds, median_step(series), horizon)
    if unit == "M":
        return _next_months(series, count, horizon)
    if unit == "W":
        anchor = usual_weekday_near(series.ds)
        return _step_on(
            np.array([anchor + (series.ds[-1] - series.ds[-1].astype("datetime64[D]"))]),
            7 * count * DAY,
            horizon,
        )
    if unit == "D":
        return _next_days(series, count, horizon)
    step = np.timedelta64(count * UNITS_US[unit], "us")
    if series.calendar == "24/7":
        return _next_steps(series, step, horizon)
    return _next_intraday(series, step, horizon)


def missing_sessions(series: PriceSeries) -> Dates:
    """Return the sessions between the first and the last bar that have no bar.

    Daily and intraday series: days of the calendar without any bar. Intraday with ``24/7``: each
    step without a bar. Weekly and monthly: each week (by its usual weekday) or month (by its first
    day) without a bar. Irregular: nothing is missing.

    Returns
    -------
    ndarray of datetime64[us]
        Oldest first, wall-clock in the zone of the series; empty where nothing is missing.

    Raises
    ------
    DataError
        An unknown calendar or an unknown frequency.
    """
    count, unit = parsed(series.freq)
    if unit == "" or len(series) < 2:
        return np.empty(0, "datetime64[us]")
    if unit == "M":
        months = series.ds.astype("datetime64[M]")
        return _missing_of(np.arange(months[0], months[-1], np.timedelta64(count, "M")), months)
    if unit == "W":
        anchor, step = usual_weekday_near(series.ds), 7 * count
        weeks = np.round((series.ds.astype("datetime64[D]") - anchor) / (step * DAY)).astype(
            np.int64
        )
        return (anchor + step * _missing_of(np.arange(weeks[0], weeks[-1]), weeks) * DAY).astype(
            "datetime64[us]"
        )
    if unit != "D" and series.calendar == "24/7":
        stamps = rezoned(series.ds, series.tz, "UTC")
        step_us = np.timedelta64(count * UNITS_US[unit], "us")
        gone = _missing_of(
            np.arange((stamps[-1] - stamps[0]) // step_us), (stamps - stamps[0]) // step_us
        )
        # The hour that summer time repeats has one wall-clock time for two moments: it is there if
        # either is.
        due = np.unique(rezoned(stamps[0] + gone * step_us, "UTC", series.tz))
        return _missing_of(due, series.ds)
    days = exchange_clock(series)[0].astype("datetime64[D]")
    return _missing_of(
        sessions_between(series.calendar, days[0], days[-1], trading_week(np.unique(days))), days
    )


def _missing_of(expected: npt.NDArray[Any], seen: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what is expected, increasing, and was not seen.

    ``setdiff1d`` takes .8 s for a million integers, and holds Python's lock meanwhile.
    """
    if (seen[1:] < seen[:-1]).any():
        seen = np.sort(seen)
    index = np.minimum(np.searchsorted(seen, expected), seen.size - 1)
    missing: npt.NDArray[Any] = expected[seen[index] != expected]
    return missing.astype("datetime64[us]") if missing.dtype.kind == "M" else missing


def parsed(freq: str) -> tuple[int, str]:
    """Return count and unit of a frequency (``5min`` is 5, ``min``); 0 and "" where bars are
    irregular.

    Raises
    ------
    DataError
        An unknown frequency.
    """
    if not freq:
        return 0, ""
    match = re.fullmatch(r"(\d*)(s|min|h|D|W|M)", freq)
    if match is None or match[1] == "0":
        raise DataError(
            f"The frequency '{freq}' is unknown.", "Frequencies look like 5min, 1h, 1D, 1W or 1M."
        )
    return int(match[1] or 1), match[2]


def _step_on(ds: Dates, step: np.timedelta64, horizon: int) -> Dates:
    ahead: Dates = ds[-1] + step * np.arange(1, horizon + 1)
    return ahead.astype("datetime64[us]")


def median_step(series: PriceSeries) -> np.timedelta64:
    """Return the median of the last 250 distances of bars, in whole days where it is a day or more.

    Raises
    ------
    DataError
        A single bar.
    """
    if len(series) < 2:
        raise DataError(
            f"{series.symbol} has 1 bar of unknown frequency; 2 are needed to date the next one.",
            "Load more history.",
        )
    step = int(np.median(np.diff(series.ds[-251:]).astype(np.int64)))
    if step >= US_A_DAY:
        step = round(step / US_A_DAY) * US_A_DAY
    return np.timedelta64(step, "us")


def most_frequent(values: npt.NDArray[Any]) -> Any:
    """Return the value that occurs most often."""
    kinds, counts = np.unique(values, return_counts=True)
    return kinds[counts.argmax()]


def usual_weekday_near(ds: Dates) -> np.datetime64:
    """Return the usual weekday nearest to the last weekly bar: a Thursday before Good Friday
    stands for that Friday.
    """
    days = ds.astype("datetime64[D]")
    weekday = int(most_frequent(weekday_of(days[-53:])))
    shift = (weekday - int(weekday_of(days[-1])) + 3) % 7 - 3
    anchor: np.datetime64 = days[-1] + shift * DAY
    return anchor


def _next_days(series: PriceSeries, count: int, horizon: int) -> Dates:
    ds, back = exchange_clock(series)
    days = ds.astype("datetime64[D]")
    clock = most_frequent((ds - days)[-20:])
    week = trading_week(np.unique(days))
    span = np.timedelta64(2 * count * horizon + 30, "D")
    while True:
        found = sessions_between(series.calendar, days[-1] + DAY, days[-1] + span, week)[
            count - 1 :: count
        ]
        if found.size >= horizon:
            return back((found[:horizon] + clock).astype("datetime64[us]"))
        span = span * 2


def _next_steps(series: PriceSeries, step: np.timedelta64, horizon: int) -> Dates:
    """Step on in real time; where the zone's clock is set back, stamps that would repeat are
    left out.
    """
    start = rezoned(series.ds[-1:], series.tz, "UTC")
    twice_an_hour = horizon + int(np.timedelta64(3, "h") // step) + 1
    ds = rezoned(_step_on(start, step, twice_an_hour + horizon // 100), "UTC", series.tz)
    # Where clocks are set back, two moments get one stamp.
    distinct: Dates = np.unique(ds[ds > series.ds[-1]])
    return distinct[:horizon]


def _next_intraday(series: PriceSeries, step: np.timedelta64, horizon: int) -> Dates:
    ds, back = exchange_clock(series)
    days = ds.astype("datetime64[D]")
    clocks = _clocks(ds, step)
    week = trading_week(np.unique(days))
    most = max(times.size for times in clocks)
    span = np.timedelta64(3 * (horizon // most) + 15, "D")
    while True:
        stamps = _stamps_between(series.calendar, days[-1], days[-1] + span, clocks, week)
        stamps = stamps[stamps > ds[-1]]
        moved: Dates = np.unique(back(stamps))
        moved = moved[moved > series.ds[-1]]
        if moved.size >= horizon:
            return moved[:horizon].astype("datetime64[us]")
        span = span * 2


def intraday_stamps(series: PriceSeries, step: np.timedelta64, horizon: int) -> Dates:
    """Return the times at which intraday bars are due, from the first day to at least ``horizon``
    bars after the last bar.

    In the exchange's wall-clock. Times of day are those of the last 60 days.
    """
    ds, _ = exchange_clock(series)
    days = ds.astype("datetime64[D]")
    clocks = _clocks(ds, step)
    week = trading_week(np.unique(days))
    span = np.timedelta64(3 * (horizon // max(times.size for times in clocks)) + 15, "D")
    while True:
        stamps = _stamps_between(series.calendar, days[0], days[-1] + span, clocks, week)
        if (stamps > ds[-1]).sum() > horizon:
            return stamps
        span = span * 2


def _stamps_between(
    calendar: str,
    first: np.datetime64,
    last: np.datetime64,
    clocks: list[npt.NDArray[np.timedelta64]],
    week: TradingWeek,
) -> Dates:
    sessions = _intraday_days(calendar, first, last, week)
    stamps = np.concatenate(
        [day + clocks[weekday_of(day)] for day in sessions] or [np.empty(0, "datetime64[us]")]
    )
    return _until_close(
        stamps,
        exchange_for(calendar, first, last),
        max(times.max() for times in clocks if times.size),
    )


def _intraday_days(
    calendar: str, first: np.datetime64, last: np.datetime64, week: TradingWeek
) -> Iterable[np.datetime64]:
    """Return the sessions and those weekdays that the series has but the calendar never: futures
    open on Sunday evening.
    """
    sessions = sessions_between(calendar, first, last, week)
    always = np.bincount(weekday_of(sessions), minlength=7) > 0
    others = week.weekdays(first, last)
    return np.union1d(sessions, others[~(always | WORKWEEK)[weekday_of(others)]])


def _clocks(ds: Dates, step: np.timedelta64) -> list[npt.NDArray[np.timedelta64]]:
    """Return for each weekday the times of day at which bars occur, from the last 60 days that have
    bars.

    Days before the last lasting change of the opening are left out: clocks that do not follow the
    exchange's summer time open an hour later in winter, and the two belong to no common day. A time
    counts when at least a tenth of the days have it.

    A weekday with fewer than three days in sight takes the times of all working days, because the
    one that is there may have been a half day; and where fewer than five days are there and bars go
    on through the night, all times of day.
    """
    days = ds.astype("datetime64[D]")
    recent = days >= _last_opening(ds, np.unique(days)[-60:])
    days, clock = days[recent], (ds - days)[recent]
    weekday = weekday_of(days)
    pooled = _frequent_times(days, clock, weekday < 5)
    if np.unique(days).size < 5 and crosses_midnight(ds):
        pooled = np.arange(clock[0] % step, DAY.astype("timedelta64[us]"), step)
    clocks = []
    for day in range(7):
        own = weekday == day
        enough = np.unique(days[own]).size >= (3 if day < 5 else 1)
        clocks.append(_frequent_times(days, clock, own) if enough else pooled)
    return clocks


def _last_opening(ds: Dates, days: Dates) -> np.datetime64:
    """Return the first of ``days`` since which sessions open at the present time of day.

    An opening counts as changed after three days of another one in a row, an hour apart, to the
    present one: late openings of single days are no change, nor are sessions that go on through the
    night.
    """
    first: np.datetime64 = days[0]
    if days.size < 6 or crosses_midnight(ds):
        return first
    starts = ds[np.searchsorted(ds, days.astype(ds.dtype))]
    clock = (starts - starts.astype("datetime64[D]")).astype(np.int64)
    weekly = clock[weekday_of(days) < 5]
    days = days[weekday_of(days) < 5]
    if weekly.size < 6:
        return first
    present = int(most_frequent(weekly[-5:]))
    other = np.abs(weekly - present) == UNITS_US["h"]
    run = np.flatnonzero(other[2:] & other[1:-1] & other[:-2])
    return days[run[-1] + 3] if run.size and run[-1] + 3 < days.size else first


def _frequent_times(
    days: Dates, clock: npt.NDArray[np.timedelta64], chosen: Mask
) -> npt.NDArray[np.timedelta64]:
    if not chosen.any():
        return np.empty(0, "timedelta64[us]")
    times, counts = np.unique(clock[chosen], return_counts=True)
    return times[counts >= 0.1 * np.unique(days[chosen]).size]


def _until_close(stamps: Dates, exchange: Exchange | None, latest: np.timedelta64) -> Dates:
    """Drop what lies after the close of half days.

    Bars named by their start end before the close, bars named by their end may stand on it. Where
    the series has bars after the regular close (futures, extended hours), the close does not bound
    it.
    """
    if exchange is None or not stamps.size:
        return stamps
    regular = most_frequent(exchange.closes - exchange.days.astype("datetime64[us]"))
    if latest > regular:
        return stamps
    days = stamps.astype("datetime64[D]")
    index = np.clip(np.searchsorted(exchange.days, days), 0, exchange.days.size - 1)
    close = np.where(exchange.days[index] == days, exchange.closes[index], days + regular)
    return stamps[(stamps <= close) if latest == regular else (stamps < close)]


def _next_months(series: PriceSeries, count: int, horizon: int) -> Dates:
    days = series.ds.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    # The last bar may be that of a month still under way, dated today: it does not tell the
    # convention.
    recent = days[-25:-1] if days.size > 2 else days
    clock = most_frequent((series.ds - days)[-25:])
    dated = month_convention(series.calendar, recent)
    ahead: Dates = dated(months[-1] + count * np.arange(1, horizon + 1)) + clock
    return ahead.astype("datetime64[us]")


def month_convention(calendar: str, days: Dates) -> Callable[[Dates], Dates]:
    """Return the way from months to dates that at least 80 % of ``days`` follow, otherwise their
    usual day of the month.
    """

    def first(months: Dates) -> Dates:
        return months.astype("datetime64[D]")

    def last(months: Dates) -> Dates:
        days: Dates = np.subtract(first(months + np.timedelta64(1, "M")), DAY)
        return days

    def last_session(months: Dates) -> Dates:
        sessions = sessions_between(calendar, first(months[:1])[0], last(months[-1:])[0], WORKDAYS)
        return sessions[np.searchsorted(sessions, first(months + np.timedelta64(1, "M"))) - 1]

    def first_session(months: Dates) -> Dates:
        sessions = sessions_between(calendar, first(months[:1])[0], last(months[-1:])[0], WORKDAYS)
        return sessions[np.searchsorted(sessions, first(months))]

    months = days.astype("datetime64[M]")
    for convention in (first, last, last_session, first_session):
        if np.mean(convention(months) == days) >= 0.8:
            return convention
    usual = most_frequent(days - first(months))

    def same_day(months: Dates) -> Dates:
        shifted: Dates = np.minimum(first(months) + usual, last(months))
        return shifted

    return same_day
