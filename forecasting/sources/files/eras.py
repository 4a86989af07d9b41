"""Years that are not counted from the birth of Christ: Japanese eras, Taiwan, Thailand and Iran."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates

Whole = npt.NDArray[np.int64]

#: Calendars that a user may name as the form of the dates.
CALENDARS = ("roc", "buddhist", "persian")

#: What a calendar is called in sentences.
CALENDAR_NAMES = {
    "roc": "the calendar of Taiwan (year 1 is 1912)",
    "buddhist": "the Buddhist calendar of Thailand (year 2543 is 2000)",
    "persian": "the Persian calendar (year 1400 begins in March 2021)",
    "japanese": "Japanese eras",
    "islamic": "the Islamic or the Persian calendar",
}

#: The year before the first one of each Japanese era, by its names.
_ERAS = {
    "明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018, "M": 1867, "T": 1911, "S": 1925,
    "H": 1988, "R": 2018,
}  # fmt: skip
_ERA_DATE = r"^(?P<e>明治|大正|昭和|平成|令和|[MTSHR])\s?(?P<y>元|\d{1,2})\s?[-./年]\s?(?P<m>\d{1,2})\s?[-./月]\s?(?P<d>\d{1,2})\s?日?$"
JAPANESE = re.compile(_ERA_DATE)

#: Years of the 33-year cycle that have 366 days.
_PERSIAN_LEAPS = (1, 5, 9, 13, 17, 22, 26, 30)
#: Days from 1970-01-01 to the first day of the Persian year 1349, which was 1970-03-21.
_PERSIAN_1349 = 79


def without_eras(text: Any) -> tuple[Any, bool]:
    """Write dates of Japanese eras with years of our own.

    Parameters
    ----------
    text : pyarrow.Array of str

    Returns
    -------
    (pyarrow.Array of str, bool)
        The cells, ``令和5年3月1日`` and ``R5.3.1`` as ``2023-3-1``, and whether there were any.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(
        pc.match_substring_regex(text, r"^[明大昭平令MTSHR]\S?\s?[\d元]"), min_count=0
    ).as_py():
        return text, False
    cells = [_without_era(cell) for cell in text.to_pylist()]
    changed = any(new != old for new, old in zip(cells, text.to_pylist(), strict=True))
    return pa.array(cells, pa.string()), changed


def _without_era(cell: str) -> str:
    found = JAPANESE.fullmatch(cell)
    if not found:
        return cell
    year = 1 if found["y"] == "元" else int(found["y"])
    return f"{_ERAS[found['e']] + year}-{found['m']}-{found['d']}"


def other_calendar(year: Whole, month: Whole, day: Whole) -> str:
    """Tell in which calendar all of some dates are; "" for our own.

    Parameters
    ----------
    year, month, day : ndarray of int, shape [N]

    Returns
    -------
    str
        One of :data:`CALENDARS`, ``islamic`` where the years fit two calendars, or "".
    """
    if year.size == 0:
        return ""
    low, high = int(year.min()), int(year.max())
    if low >= 2400 and high < 2700:
        return "buddhist"
    if 100 <= high < 200:
        return "roc"
    if low >= 1250 and high < 1500 and int(np.ptp(year)) < 150:
        return (
            "persian"
            if bool(np.any((day == 31) & (month <= 6))) and not np.any((day > 30) & (month > 6))
            else "islamic"
        )
    return ""


def in_our_years(
    calendar: str, year: Whole, month: Whole, day: Whole
) -> tuple[Whole, Whole, Whole]:
    """Return dates of another calendar as years, months and days of our own; shapes [N]."""
    if calendar == "buddhist":
        return year - 543, month, day
    if calendar == "roc":
        return year + 1911, month, day
    if calendar != "persian":
        return np.zeros_like(year), month, day
    ds = _from_persian(year, month, day)
    months = ds.astype("datetime64[M]")
    years = ds.astype("datetime64[Y]").astype(np.int64) + 1970
    sound = ~np.isnat(ds)
    return (
        np.where(sound, years, 0),
        np.where(sound, months.astype(np.int64) % 12 + 1, 0),
        np.where(sound, (ds - months.astype("datetime64[D]")).astype(np.int64) + 1, 0),
    )


def _from_persian(year: Whole, month: Whole, day: Whole) -> Dates:
    """Return days as datetime64[D], NaT where the Persian calendar has no such day; right for
    the years 1244 to 1472.
    """
    leap = np.isin(year % 33, _PERSIAN_LEAPS)
    longest = np.where(month <= 6, 31, np.where((month <= 11) | leap, 30, 29))
    sound = (
        (year >= 1244)
        & (year <= 1472)
        & (month >= 1)
        & (month <= 12)
        & (day >= 1)
        & (day <= longest)
    )
    known = np.arange(1244, 1474)
    length = 365 + np.isin(known % 33, _PERSIAN_LEAPS)
    starts = np.concatenate(([0], np.cumsum(length)[:-1]))
    starts += _PERSIAN_1349 - starts[1349 - 1244]
    begins = starts[np.clip(year, 1244, 1473) - 1244]
    inside = np.where(month <= 7, 31 * (month - 1), 186 + 30 * (month - 7))
    days: Dates = (begins + inside + day - 1).astype("datetime64[D]")
    days[~sound] = np.datetime64("NaT")
    return days


def era_of_names(names: Iterable[str]) -> str:
    """Return the calendar in which years of two digits are counted where columns are named as in
    Taiwan or Thailand, else "".
    """
    text = "".join(names)
    if re.search(r"[\u0e00-\u0e7f]", text):
        return "buddhist"
    return "roc" if re.search("[盤價額]", text) and not re.search(r"[\u3040-\u30ff]", text) else ""
