"""Dates written as numbers: epochs, yyyymmdd, Excel serials; read column-wise by numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates
from forecasting.sources.files.eras import in_our_years, other_calendar

Numbers = npt.NDArray[Any]
Whole = npt.NDArray[np.int64]

#: Microseconds from 1970-01-01 back to 1899-12-30, which is day 0 of Excel.
_EXCEL_DAY_0 = -25_569 * 86_400_000_000
#: Days from 1970 to 2000: days of Excel from here to today would be of 1930 to now less 70 years.
_DAYS_TO_2000 = 10_957
_DAY_NS = 86_400_000_000_000
#: Seconds from the day from which Windows and .NET count tenths of microseconds to 1970.
_SINCE = {"filetime": 11_644_473_600, "ticks": 62_135_596_800}


def stamps(year: Whole, month: Whole, day: Whole) -> Dates:
    """Return midnights as datetime64[us]; NaT where the calendar has no such day or the year is
    outside 1000-2261.
    """
    sound = (
        (year >= 1000) & (year <= 2261) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    )
    first = (np.where(sound, year, 1970) - 1970).astype("datetime64[Y]").astype(
        "datetime64[M]"
    ) + np.where(sound, month - 1, 0)
    days = first.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    sound &= days.astype("datetime64[M]") == first
    ds = days.astype("datetime64[us]")
    ds[~sound] = np.datetime64("NaT")
    return ds


def full_year(year: Whole) -> Whole:
    """Return four-digit years: those of two digits are of this century unless that lies in the
    future, where no bar can be.
    """
    latest = datetime.now(UTC).year - 2000 + 1
    return np.where(year <= latest, year + 2000, np.where(year < 100, year + 1900, year))


def strangeness(ds: Dates, *, clocked: bool = False) -> float:
    """Return how little a column in file order looks like a price history: jumps back, uneven
    steps, weekends; where bars have times of day (``clocked``), days that are far apart as well.
    """
    days = ds[~np.isnat(ds)].astype("datetime64[D]").astype(np.int64)
    steps = np.diff(days)
    steps = steps[steps != 0]
    if steps.size == 0:
        return 0.0
    back = min(float(np.mean(steps < 0)), float(np.mean(steps > 0)))
    weekend = float(np.mean((days + 3) % 7 >= 5))
    apart = float(np.log(np.median(np.abs(steps)))) if clocked else 0.0
    return 10 * back + float(np.std(np.log(np.abs(steps)))) + weekend + apart


def read_serials(value: Numbers, form: str = "") -> tuple[Dates, str, str]:
    """Read numbers as dates.

    Parameters
    ----------
    value : ndarray, shape [T]
        Integers, or floats with NaN where there is none.
    form : str
        One of :data:`FORMS`; "" takes the form that fits most cells.

    Returns
    -------
    ds : ndarray of datetime64[us], shape [T]
        NaT where a number is no date.
    form, alternative : str
        The form taken, and another one that fits as well or "".
    """
    known = np.ones(value.shape, bool)
    if not np.issubdtype(value.dtype, np.integer):
        known = np.isfinite(value) & (np.abs(value) < 9e18)
        value = np.where(known, value, 0)
    best: Dates = np.full(value.shape, np.datetime64("NaT", "us"))
    chosen, most = "", 0
    for name in (form,) if form else _GUESSED:
        ds = _READERS[name](value)
        ds[~known] = np.datetime64("NaT")
        count = int(np.count_nonzero(~np.isnat(ds)))
        if count > most:
            best, chosen, most = ds, name, count
    if chosen == "epoch":
        chosen = _epoch_name(float(np.median(np.abs(value[known]))))
    if chosen == "epoch-ns" and not form and (counted := _since(value[known])):
        return _READERS[counted](value), counted, ""
    if chosen == "yymmdd" and not form and _counts_years(value[known]):
        return _year(value), "year", ""
    if chosen == "excel" and not form and _counts_from_1970(value[known]):
        return _epoch_days(value), "unix-days", "excel"
    if chosen == "yyyymm" and not form:
        other = _yymmdd(value)
        if np.count_nonzero(~np.isnat(other)) == most:
            rival = strangeness(other) < strangeness(best)
            return (other, "yymmdd", "yyyymm") if rival else (best, "yyyymm", "yymmdd")
    return best, chosen, ""


def _counts_years(value: Numbers) -> bool:
    """Tell whether numbers of four digits go up or down by one."""
    steps = np.abs(np.diff(value))
    return bool(steps.size and value.min() >= 1000 and value.max() < 2262 and np.all(steps == 1))


def _counts_from_1970(value: Numbers) -> bool:
    """Tell whether days may be counted from 1970: all lie between 2000 and now then."""
    today = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    return bool(value.min() >= _DAYS_TO_2000 and value.max() <= today + 1)


def _epoch_name(value: float) -> str:
    return next(
        name
        for limit, name in (
            (1e11, "epoch-s"),
            (1e14, "epoch-ms"),
            (1e17, "epoch-us"),
            (np.inf, "epoch-ns"),
        )
        if value < limit
    )


def _groups(value: Numbers, *bases: int) -> list[Whole]:
    """Split whole numbers into digit groups from the right; fractions give impossible groups."""
    whole = value.astype(np.int64)
    whole = np.where(whole == value, whole, -1)
    groups = []
    for base in bases:
        groups.append(whole % base)
        whole = whole // base
    return [*groups, whole]


def _within(year: Whole, low: int = 1500) -> Whole:
    return np.where((year >= low) & (year < 2200), year, 0)


def _yyyymmdd(value: Numbers) -> Dates:
    """Read 20240131, 202401310930 and 20240131093000."""
    whole = value.astype(np.int64)
    middle = (whole >= 180_001_010_000) & (whole < 220_000_000_000)
    timed = middle | ((whole >= 18_000_101_000_000) & (whole < 22_000_000_000_000))
    second, minute, hour, rest = _groups(np.where(middle, whole * 100, whole), 100, 100, 100)
    day, month, year = _groups(np.where(timed, rest, np.where(whole == value, whole, 0)), 100, 100)
    ds = stamps(_within(year), month, day)
    clock = ((hour * 60 + minute) * 60 + second) * 1_000_000
    ds += np.where(timed, clock, 0).astype("timedelta64[us]")
    ds[timed & ((hour > 24) | (minute > 59) | (second > 59))] = np.datetime64("NaT")
    return ds


def _yymmdd(value: Numbers) -> Dates:
    day, month, year = _groups(value, 100, 100)
    return stamps(np.where(year < 100, full_year(year), 0), month, day)


def _ddmmyyyy(value: Numbers) -> Dates:
    year, month, day = _groups(value, 10_000, 100)
    return stamps(_within(year, 1900), month, day)


def _yyyymm(value: Numbers) -> Dates:
    month, year = _groups(value, 100)
    return stamps(_within(year), month, np.ones_like(month))


def _year(value: Numbers) -> Dates:
    (year,) = _groups(value)
    item = np.ones_like(year)
    return stamps(_within(year, 1000), item, item)


def _year_and_month(value: Numbers) -> Dates:
    """Read 1990.01 as January and 1990.1, where a number has lost its last zero, as October."""
    year = np.floor(value).astype(np.int64)
    hundredths = (value - year) * 100
    month = np.round(hundredths).astype(np.int64)
    written = np.abs(hundredths - month) < 1e-4
    ds = stamps(_within(year, 1000), np.where(written, month, 0), np.ones_like(month))
    return (
        ds
        if written.all() and _in_steps_of_months(ds)
        else np.full(value.shape, np.datetime64("NaT", "us"))
    )


def _in_steps_of_months(ds: Dates) -> bool:
    """Tell whether dates go month by month, one way."""
    months = ds[~np.isnat(ds)].astype("datetime64[M]").astype(np.int64)
    steps = np.diff(months)
    return bool(months.size > 1 and np.mean(np.abs(steps) == 1) > 0.9)


def _decimal_year(value: Numbers) -> Dates:
    """Read years with a fraction that is a month's beginning or middle: 1990.0833 and 1990.125
    are February.
    """
    year = np.floor(value).astype(np.int64)
    twelfths = (value - year) * 12
    halves = np.round(twelfths * 2) / 2
    written = np.abs(twelfths - halves) < 0.03
    whole = bool(np.all(value == year))
    month = np.floor(halves + 1e-9).astype(np.int64)
    year, month = np.where(month > 11, year + 1, year), month % 12 + 1
    ds = stamps(_within(year, 1000), month, np.ones_like(month))
    steps = np.abs(np.diff(ds[~np.isnat(ds)].astype("datetime64[M]").astype(np.int64)))
    usual = steps.size > 0 and bool(np.isin(steps, (1, 3, 6)).mean() > 0.9)
    return (
        ds
        if written.all() and usual and not whole
        else np.full(value.shape, np.datetime64("NaT", "us"))
    )


def _in_calendar(calendar: str, value: Numbers) -> Dates:
    """Read yyyymmdd, of Taiwan yyymmdd, with the years of another calendar."""
    day, month, year = _groups(value, 100, 100)
    likely = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    known = likely & (year > 0)
    if not known.any() or other_calendar(year[known], month[known], day[known]) != calendar:
        return np.full(value.shape, np.datetime64("NaT", "us"))
    return stamps(*in_our_years(calendar, np.where(known, year, 0), month, day))


def _excel(value: Numbers) -> Dates:
    """Read serial days since 1899-12-30, to the millisecond, which is what a float holds."""
    sound = (value >= 10_000) & (value < 80_000)
    ms: Whole = np.round(np.where(sound, value, 0) * 86_400_000).astype(np.int64)
    ds: Dates = (ms * 1000 + _EXCEL_DAY_0).astype("datetime64[us]")
    ds[~sound] = np.datetime64("NaT")
    return ds


def _epoch_days(value: Numbers) -> Dates:
    """Read days since 1970, as R, Arrow and periods of pandas count them."""
    return _excel(value + 25_569)


def _ticks(value: Numbers, since: str) -> Dates:
    """Read tenths of microseconds since 1601 (Windows) or year 1 (.NET), of years 1900 to 2200."""
    whole = np.where(value < 9e18, value, 0).astype(np.int64)
    us = whole // 10 - _SINCE[since] * 1_000_000
    ds = us.astype("datetime64[us]")
    years = ds.astype("datetime64[Y]").astype(np.int64) + 1970
    ds[(years < 1900) | (years > 2200)] = np.datetime64("NaT")
    return ds


def _since(value: Numbers) -> str:
    """Return what else numbers count that could be nanoseconds since 1970, or "": dates from 1990
    to now, which as nanoseconds were all of one winter, and no whole days.
    """
    latest = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "D") + 1
    for name in _SINCE:
        ds = _ticks(value, name)
        if np.all((ds >= np.datetime64("1990")) & (ds <= latest)) and np.any(value % _DAY_NS):
            return name
    return ""


def _epoch(value: Numbers, unit: str = "") -> Dates:
    """Read seconds, ms, us or ns since 1970; without a unit each cell's own magnitude tells
    (files mix them).
    """
    ds = np.full(value.shape, np.datetime64("NaT", "us"))
    for name, low, scale in (
        ("s", 1e8, 1_000_000.0),
        ("ms", 1e11, 1000.0),
        ("us", 1e14, 1.0),
        ("ns", 1e17, 0.001),
    ):
        limits = (-6.2e9 * low / 1e8, 4.2e9 * low / 1e8)
        cells = (value >= (limits[0] if unit else low)) & (value < limits[1]) & (unit in ("", name))
        if cells.any():
            chosen = value[cells]
            exact = np.issubdtype(chosen.dtype, np.integer)
            us = (
                (chosen // 1000 if name == "ns" else chosen * int(scale))
                if exact
                else np.round(chosen * scale)
            )
            ds[cells] = us.astype(np.int64).astype("datetime64[us]")
    return ds


_READERS: dict[str, Callable[[Numbers], Dates]] = {
    "yyyymmdd": _yyyymmdd,
    "epoch": _epoch,
    "excel": _excel,
    "yyyymm": _yyyymm,
    "yymmdd": _yymmdd,
    "ddmmyyyy": _ddmmyyyy,
    "year": _year,
    "yyyy.mm": _year_and_month,
    "decimal-year": _decimal_year,
    "buddhist": lambda value: _in_calendar("buddhist", value),
    "persian": lambda value: _in_calendar("persian", value),
    "roc": lambda value: _in_calendar("roc", value),
    "filetime": lambda value: _ticks(value, "filetime"),
    "ticks": lambda value: _ticks(value, "ticks"),
    "unix-days": _epoch_days,
    "epoch-s": lambda value: _epoch(value, "s"),
    "epoch-ms": lambda value: _epoch(value, "ms"),
    "epoch-us": lambda value: _epoch(value, "us"),
    "epoch-ns": lambda value: _epoch(value, "ns"),
}

#: Forms that are looked for where none is named, in order: of several that fit as many numbers, the
#: first is taken.
_GUESSED = (
    "yyyymmdd", "epoch", "excel", "yyyymm", "yymmdd", "ddmmyyyy", "year", "yyyy.mm", "decimal-year",
    "buddhist", "persian", "roc",
)  # fmt: skip

#: Numeric forms that a user may name.
FORMS: tuple[str, ...] = tuple(name for name in _READERS if name != "epoch")
