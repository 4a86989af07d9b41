"""Dates in every usual form, read column-wise, with the order of day and month decided from the
whole column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates
from forecasting.sources.files.eras import CALENDARS, in_our_years, other_calendar, without_eras
from forecasting.sources.files.serials import FORMS, full_year, read_serials, stamps, strangeness
from forecasting.sources.files.vocabulary import ZONES, months, pattern_for, plain

#: Offset of a cell that names no time zone.
NO_ZONE = -32768

#: Orders of the fields that a user may name.
ORDERS = ("ymd", "ydm", "dmy", "mdy")

_NAT = np.datetime64("NaT", "us")
_CLOCK = r"(?P<h>\d{1,2}):(?P<n>\d{2})(?::(?P<s>\d{2})(?:[.,:](?P<f>\d{1,9}))?)?\s*(?P<p>[AaPp]\.?\s?[Mm]\.?)?"
_ZONE = r"(?P<z>[Zz]|(?:UTC|GMT)?\s?[+-]\d{1,2}(?::?\d{2})?|[A-Z]{3,4}|[A-Z][A-Za-z]+/[A-Za-z_/]+)?(?:\s[A-Z]{3,4})?"
_TAIL = rf"(?:(?:[T ,]|\s-\s)+{_CLOCK})?\s*{_ZONE}$"
#: A period from one date or time of day to another, which is dated by its beginning.
_DAY, _TIME = r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}", r"\d{1,2}:\d{2}(?::\d{2})?"
_PERIODS = rf"^(?:({_DAY} {_TIME})(?: - |/)(?:{_DAY} )?{_TIME}|({_DAY})(?: - |/){_DAY})$"
_WEEKDAY = r"^(?:\p{L}{2,}\.?,?\s+)?"
_MONTH = r"(?P<b>\p{L}[\p{L}\p{M}]+)"

#: The commonest pattern of all, without optional blanks: RE2 matches it several times faster than
#: its general form.
_SWIFT = (
    r"^(?P<a>\d{1,4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,4})"
    r"(?:[T ](?P<h>\d{1,2}):(?P<n>\d{2})(?::(?P<s>\d{2})(?:[.](?P<f>\d{1,9}))?)?)?$"
)

#: Patterns of text dates by the fields they hold: d, m, y are digits, M is a name, abc are digits
#: in an order to be found.
_PATTERNS: dict[str, str] = {
    "abc": rf"{_WEEKDAY}(?P<a>\d{{1,4}})\s?[-/. ]\s?(?P<b>\d{{1,2}})\s?[-/. "
    rf"]\s?(?P<c>\d{{1,4}})\.?{_TAIL}",
    "dMy": rf"{_WEEKDAY}(?P<a>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?[-/.\s]*(?:de\s+)?{_MONTH}\.?,?[-/.\s]*(?:de\s+)?"
    rf"'?(?P<c>\d{{4}}|\d{{2}}){_TAIL}",
    "Mdy": rf"{_WEEKDAY}{_MONTH}\.?[-/.\s]*(?P<a>\d{{1,2}})(?:st|nd|rd|th)?,?[-/.\s]+'?(?P<c>\d{{4}}|\d{{2}}){_TAIL}",
    "yMd": rf"^(?P<c>\d{{4}})[-/.\s]+{_MONTH}\.?[-/.\s]+(?P<a>\d{{1,2}}){_TAIL}",
    "My": rf"^{_MONTH}\.?,?[-/.\s']*(?P<c>\d{{4}}|\d{{2}})$",
    "yM": rf"^(?P<c>\d{{4}})[-/.\s]*{_MONTH}\.?$",
    "ym": r"^(?P<c>\d{4})[-/](?P<b>\d{1,2})$",
    "my": r"^(?P<b>\d{1,2})[-/](?P<c>\d{4})$",
    "yQ": r"(?i)^(?P<c>\d{4})\s?[-/.:_]?\s?(?:q|t|k|quarter\s?|qtr\s?)(?P<b>[1-4])$",
    "Qy": r"(?i)^(?:q|t|quarter\s?|qtr\s?)(?P<b>[1-4])[-/.:_,'\s]*(?P<c>\d{4}|\d{2})$",
    "nQy": r"(?i)^(?P<b>[1-4])(?:st|nd|rd|th|\.)?\s?(?:q|t|quarter|qtr|trim|kw?artal)\.?[-/.:_,'\s]*(?P<c>\d{4}|\d{2})$",
    "yxm": r"(?i)^(?P<c>\d{4})[-\s]?m(?P<b>\d{1,2})$",
    "yW": r"(?i)^(?P<c>\d{4})[-\s]?w(?P<b>\d{1,2})(?:-?(?P<a>[1-7]))?$",
    "ymd": r"^(?P<c>(?:1[6-9]|2[01])\d{2})(?P<b>\d{2})(?P<a>\d{2})[T; "
    r"-]+(?P<h>\d{1,2}):?(?P<n>\d{2})"
    rf"(?::?(?P<s>\d{{2}})(?:[.,]?(?P<f>\d{{1,9}}))?)?\s*{_ZONE}$",
}
_LAYOUTS = tuple(_PATTERNS)
_SHOWN = {
    "dMy": "%d %b %Y",
    "Mdy": "%b %d, %Y",
    "yMd": "%Y %b %d",
    "My": "%b %Y",
    "yM": "%Y %b",
    "ym": "%Y-%m",
    "my": "%m/%Y",
    "yQ": "quarters",
    "Qy": "quarters",
    "nQy": "quarters",
    "yxm": "%YM%m",
    "yW": "weeks",
    "ymd": "%Y%m%d",
}


@dataclass(frozen=True)
class DateColumn:
    """A column of dates as read.

    Attributes
    ----------
    ds : ndarray of datetime64[us], shape [T]
        Wall-clock times as written; NaT where a cell is no date.
    form : str
        How dates are written, to be shown.
    order : str
        Order of the fields where all are digits, else "".
    alternative : str
        Another order or form that fits as well, else "".
    zone : str
        IANA name written in the cells, ``UTC`` for epochs, else "".
    offset : ndarray of int16, shape [T], or None
        Minutes east of UTC that a cell names; :data:`NO_ZONE` where it names none. None where no
        cell does.
    calendar : str
        Calendar that the years are counted in, as of
        :func:`forecasting.sources.files.eras.other_calendar`; "" for our own.
        ``islamic`` leaves every date unread.
    """

    ds: Dates
    form: str = ""
    order: str = ""
    alternative: str = ""
    zone: str = ""
    offset: npt.NDArray[np.int16] | None = None
    calendar: str = ""

    @property
    def readable(self) -> float:
        """Share of the cells that are dates."""
        return float(np.mean(~np.isnat(self.ds))) if self.ds.size else 0.0


def read_dates(column: Any, form: str = "", prefer: str = "", era: str = "") -> DateColumn:
    """Read a column of dates.

    Parameters
    ----------
    column : pyarrow.Array
        Text, numbers or time stamps, length T.
    form : str
        Known order, numeric form or strptime pattern; "" decides from the whole column.
    prefer : str
        Order to take when nothing in the column tells ``dmy`` from ``mdy``.
    era : str
        Calendar that years of two digits are of, as far as the language of the file tells, or "".

    Returns
    -------
    DateColumn
        Cells that are no dates are NaT; nothing is raised for them.
    """
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        return _from_stamps(column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        numbers = column if column.null_count == 0 else column.cast(pa.float64())
        ds, name, rival = read_serials(
            numbers.to_numpy(zero_copy_only=False), form if form in FORMS else ""
        )
        return DateColumn(ds, name, alternative=rival, calendar=name if name in CALENDARS else "")
    if not pa.types.is_string(column.type):
        return DateColumn(np.full(len(column), _NAT))
    encoded = column.fill_null("").dictionary_encode()
    index = encoded.indices.to_numpy(zero_copy_only=False)
    cells, eras = without_eras(_cleaned(encoded.dictionary))
    found = _from_text(cells, index, form, prefer, era)
    if eras:
        found = replace(found, calendar="japanese")
    return replace(
        found, ds=found.ds[index], offset=None if found.offset is None else found.offset[index]
    )


def read_times(column: Any) -> npt.NDArray[np.timedelta64]:
    """Return times of day as timedelta64[us], NaT where a cell is none: 15:30, 15:30:00.5,
    153000, 930, 3:30 PM.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_time(column.type):
        us: npt.NDArray[np.int64] = (
            column.cast(pa.time64("us")).cast(pa.int64()).to_numpy(zero_copy_only=False)
        )
        return us.astype("timedelta64[us]")
    if not pa.types.is_string(column.type):
        column = pc.round(column).cast(pa.int64(), safe=False).cast(pa.string())
    text = pc.utf8_trim_whitespace(column.fill_null(""))
    times = np.full(len(text), np.timedelta64("NaT", "us"))
    hit, clock = _groups(text, rf"^{_CLOCK}$")
    times[hit] = _time_of_day(clock)
    digits = pc.match_substring_regex(text, r"^\d{1,6}$").to_numpy(zero_copy_only=False)
    if digits.any():
        number = text.filter(pa.array(digits)).cast(pa.int64()).to_numpy()
        longest = pc.max(pc.utf8_length(text.filter(pa.array(digits)))).as_py()
        number = number if longest > 4 else number * 100
        hour, minute, second = number // 10_000, number // 100 % 100, number % 100
        us = (((hour * 60 + minute) * 60 + second) * 1_000_000).astype("timedelta64[us]")
        us[(hour > 24) | (minute > 59) | (second > 59)] = np.timedelta64("NaT")
        times[digits] = us
    return times


def _from_stamps(column: Any) -> DateColumn:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return DateColumn(np.full(len(column), _NAT))
    zone = getattr(column.type, "tz", None) or ""
    stamped = column.cast(pa.timestamp("us", tz=zone or None), safe=False)
    ds = stamped.to_numpy(zero_copy_only=False).astype("datetime64[us]", copy=False)
    if not zone or zone == "UTC":
        return DateColumn(ds, "time stamps", zone=zone)
    local = pc.local_timestamp(stamped).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    offset = ((local - ds) // np.timedelta64(1, "m")).astype(np.int16)
    return DateColumn(local, "time stamps", zone=zone if "/" in zone else "", offset=offset)


def _cleaned(text: Any) -> Any:
    """Return trimmed cells in which foreign date signs are plain separators."""
    import pyarrow.compute as pc

    text = pc.utf8_trim_whitespace(text)
    if not pc.all(pc.string_is_ascii(text)).as_py():
        text = pc.utf8_normalize(text, form="NFKC")
        text = pc.replace_substring_regex(text, r"^(?:中華)?民國\s*", "")
        text = pc.replace_substring_regex(text, r"\s*[年月년월]\s*", "-")
        text = pc.replace_substring_regex(text, r"\s*[日일]\.?|-$", "")
    if pc.any(pc.match_substring_regex(text, r"[()\t']|\s\s")).as_py():
        text = pc.replace_substring_regex(text, r"\s*\([^)]*\)\s*$|^'", "")
        text = pc.replace_substring_regex(text, r"\s+", " ")
    if pc.any(pc.match_substring_regex(text, _PERIODS)).as_py():
        text = pc.replace_substring_regex(text, _PERIODS, r"\1\2")
    return text


def _from_text(
    text: Any, index: npt.NDArray[np.int64], form: str, prefer: str, era: str
) -> DateColumn:
    """Read the distinct cells ``text``; ``index`` tells in which order they stand in the file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if "%" in form:
        return _by_pattern(text, form)
    plain = pc.match_substring_regex(text, r"^[-+]?\d*[.,]?\d*$").to_numpy(zero_copy_only=False)
    serial = form in FORMS and (form not in CALENDARS or bool(plain.all()))
    found = (
        DateColumn(np.full(len(text), _NAT))
        if serial or plain.all()
        else _by_layouts(text, ~plain, index, form, prefer, era)
    )
    left = (
        pc.match_substring_regex(text, r"^\d+(?:\.\d*)?$").to_numpy(zero_copy_only=False)
        if plain.any()
        else plain
    )
    if form in ORDERS or not left.any() or (form in CALENDARS and not serial):
        return found
    numbers = text.filter(pa.array(left))
    whole = not pc.any(pc.match_substring_regex(numbers, r"\.|^\d{19}")).as_py()
    value = numbers.cast(pa.int64() if whole else pa.float64()).to_numpy()
    ds, name, rival = read_serials(value, form)
    if found.readable < 0.5:
        found = replace(
            found,
            form=name,
            alternative=rival,
            calendar=name if name in CALENDARS else found.calendar,
        )
    both = found.ds.copy()
    both[left] = ds
    return replace(found, ds=both)


def _by_pattern(text: Any, form: str) -> DateColumn:
    """Read with a strptime pattern that the user gave."""
    import pandas as pd

    try:
        read = pd.to_datetime(
            pd.Series(text.to_pylist(), dtype="str"), format=form, errors="coerce", utc="%z" in form
        )
    except ValueError:
        return DateColumn(np.full(len(text), _NAT), form)
    ds = (read.dt.tz_localize(None) if "%z" in form else read).to_numpy().astype("datetime64[us]")
    return DateColumn(ds, form, zone="UTC" if "%z" in form else "")


@dataclass
class _Parts:
    """What the patterns found, cell by cell: layout, date fields, time of day, zone offset."""

    size: int
    zone: str = ""
    layout: npt.NDArray[np.int8] = field(init=False)
    a: npt.NDArray[np.int64] = field(init=False)
    b: npt.NDArray[np.int64] = field(init=False)
    c: npt.NDArray[np.int64] = field(init=False)
    year_first: bool = False
    time: npt.NDArray[np.timedelta64] = field(init=False)
    offset: npt.NDArray[np.int16] = field(init=False)

    def __post_init__(self) -> None:
        self.layout = np.full(self.size, -1, np.int8)
        self.a, self.b, self.c = (np.zeros(self.size, np.int64) for _ in range(3))
        self.time = np.zeros(self.size, "timedelta64[us]")
        self.offset = np.full(self.size, NO_ZONE, np.int16)


def _by_layouts(
    text: Any,
    chosen: npt.NDArray[np.bool_],
    index: npt.NDArray[np.int64],
    form: str,
    prefer: str,
    era: str,
) -> DateColumn:
    """Read the chosen cells by the patterns, then settle the order of those that are all digits."""
    parts = _Parts(len(text))
    for layout, pattern in (("abc", _SWIFT), *_PATTERNS.items()):
        rest = np.flatnonzero((parts.layout < 0) & chosen)
        if rest.size == 0:
            break
        _match(text, rest, layout, pattern, parts)
    found = DateColumn(np.full(len(text), _NAT), _shown(text, parts), zone=parts.zone)
    named = parts.layout > 0
    fields = parts.c[named], parts.b[named], parts.a[named]
    calendar = other_calendar(*fields)
    found.ds[named] = stamps(*(in_our_years(calendar, *fields) if calendar else fields))
    found = replace(found, calendar=calendar)
    if (parts.layout == 0).any():
        found = _settle_order(found, parts, index, form, prefer, era)
    offset = parts.offset if (parts.offset != NO_ZONE).any() else None
    return replace(found, ds=found.ds + parts.time, offset=offset)


def _match(
    text: Any, rest: npt.NDArray[np.int64], layout: str, pattern: str, parts: _Parts
) -> None:
    """Try one pattern on the cells that none has matched, and note what it finds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    hit, groups = _groups(text.take(pa.array(rest)), pattern)
    where = rest[hit]
    if where.size == 0:
        return
    month = _month_numbers(groups["b"]) if "M" in layout else _ints(groups["b"])
    parts.layout[where] = (
        np.where(month > 0, _LAYOUTS.index(layout), -1) if "M" in layout else _LAYOUTS.index(layout)
    )
    parts.b[where] = month
    parts.a[where] = _ints(groups["a"]) if "a" in groups else 1
    year = _ints(groups["c"])
    parts.c[where] = year if layout == "abc" else full_year(year)
    if layout == "abc":
        parts.year_first |= pc.max(pc.utf8_length(groups["a"])).as_py() > 2
    if "Q" in layout:
        parts.b[where] = 3 * parts.b[where] - 2
    if "W" in layout:
        _to_mondays(parts, where)
    if "h" in groups:
        parts.time[where] = _time_of_day(groups)
    if "z" in groups:
        _note_zones(groups["z"], where, parts)


def _to_mondays(parts: _Parts, where: npt.NDArray[np.int64]) -> None:
    """Turn years and ISO weeks, which stand where months do, into the date of the Monday or of
    the weekday named.
    """
    ds = iso_week(parts.c[where], parts.b[where], np.maximum(parts.a[where], 1))
    months = ds.astype("datetime64[M]")
    sound = ~np.isnat(ds)
    parts.c[where] = np.where(sound, ds.astype("datetime64[Y]").astype(np.int64) + 1970, 0)
    parts.b[where] = np.where(sound, months.astype(np.int64) % 12 + 1, 0)
    parts.a[where] = np.where(
        sound, (ds.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1, 0
    )


def iso_week(
    year: npt.NDArray[np.int64], week: npt.NDArray[np.int64], weekday: npt.NDArray[np.int64]
) -> Dates:
    """Return the days of ISO weeks as datetime64[us], weekday 1 for Monday; NaT where the week
    is not 1 to 53.
    """
    fourth = stamps(year, np.ones_like(year), np.full_like(year, 4)).astype("datetime64[D]")
    monday = fourth - (fourth.astype(np.int64) + 3) % 7
    ds = (monday + 7 * (week - 1) + weekday - 1).astype("datetime64[us]")
    ds[(week < 1) | (week > 53)] = _NAT
    return ds


def _month_numbers(names: Any) -> npt.NDArray[np.int64]:
    """Return month numbers by name in any language known, 0 for other words."""
    encoded = names.dictionary_encode()
    known = months()
    numbers = np.array(
        [known.get(plain(name).replace(" ", ""), 0) for name in encoded.dictionary.to_pylist()],
        np.int64,
    )
    index: npt.NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False)
    return numbers[index]


def _note_zones(zones: Any, where: npt.NDArray[np.int64], parts: _Parts) -> None:
    """Translate zone texts into offsets; a cell with an unknown zone is no date."""
    encoded = zones.dictionary_encode()
    index = encoded.indices.to_numpy(zero_copy_only=False)
    for position, zone in enumerate(encoded.dictionary.to_pylist()):
        if zone == "":
            continue
        minutes = _offset_of(zone)
        if minutes is not None:
            parts.offset[where[index == position]] = minutes
        elif "/" in zone:
            parts.zone = zone
        else:
            parts.layout[where[index == position]] = -1


def _offset_of(zone: str) -> int | None:
    """Return the minutes east of UTC that a zone text means, or None."""
    known = ZONES.get(zone.upper())
    if known is not None:
        return known
    found = re.fullmatch(r"(?:UTC|GMT)?\s?([+-])(\d{1,2}):?(\d{2})?", zone)
    if not found or int(found[2]) > 14:
        return None
    return (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


def _settle_order(
    found: DateColumn, parts: _Parts, index: npt.NDArray[np.int64], form: str, prefer: str, era: str
) -> DateColumn:
    """Choose the order of day, month and year that the whole column speaks for."""
    numeric = parts.layout == 0
    fields = parts.a[numeric], parts.b[numeric], parts.c[numeric]
    if form in ORDERS:
        candidates: tuple[str, ...] = (form,)
    elif parts.year_first:
        candidates = ("ymd", "ydm")
    else:
        candidates = ("dmy", "mdy") if (fields[2] > 31).any() else ("dmy", "mdy", "ymd")
    calendars = {order: _calendar_of(order, fields, form, era) for order in candidates}
    readings = {order: _in_order(order, calendars[order], *fields) for order in candidates}
    valid = {order: int(np.count_nonzero(~np.isnat(ds))) for order, ds in readings.items()}
    fitting = [order for order in candidates if valid[order] == max(valid.values())]
    if len(fitting) > 1 and not parts.year_first:
        position = np.full(numeric.size, -1, np.int64)
        position[numeric] = np.arange(fields[0].size)
        rows = position[index]
        rows = rows[rows >= 0]
        prefer = prefer or ("mdy" if "/" in found.form else "dmy")
        clocked = np.unique(parts.time[numeric]).size > 1
        odd = {o: strangeness(readings[o][rows], clocked=clocked) for o in fitting}
        fitting.sort(key=lambda order: (round(odd[order], 6), order != prefer))
    order = fitting[0]
    ds = found.ds.copy()
    ds[numeric] = readings[order]
    rival = fitting[1] if len(fitting) > 1 and not parts.year_first else ""
    shown = found.form
    for place_, letter in enumerate(order, start=1):
        shown = shown.replace(f"%{place_}", {"y": "%Y", "m": "%m", "d": "%d"}[letter])
    return replace(
        found,
        ds=ds,
        order=order,
        form=shown,
        alternative=rival,
        calendar=calendars[order] or found.calendar,
    )


def _calendar_of(order: str, fields: tuple[npt.NDArray[np.int64], ...], form: str, era: str) -> str:
    """Return the calendar of dates whose fields stand in an order: the one named, the one that
    the years tell, or that of the language.
    """
    part = dict(zip(order, fields, strict=True))
    if form in CALENDARS:
        return form
    text = other_calendar(part["y"], part["m"], part["d"])
    if text or not era or part["y"].max(initial=0) > 99:
        return text
    return (
        era if era == "buddhist" or (order == "ymd" and int(part["y"].min(initial=99)) > 31) else ""
    )


def _in_order(order: str, calendar: str, *fields: npt.NDArray[np.int64]) -> Dates:
    part = dict(zip(order, fields, strict=True))
    if not calendar:
        return stamps(full_year(part["y"]), part["m"], part["d"])
    year = part["y"] + 2500 * ((calendar == "buddhist") & (part["y"] < 100))
    return stamps(*in_our_years(calendar, year, part["m"], part["d"]))


def _groups(text: Any, pattern: str) -> tuple[npt.NDArray[np.bool_], dict[str, Any]]:
    """Return which cells match a pattern, and its named groups for those cells ("" where
    absent).
    """
    import pyarrow.compute as pc

    found = pc.extract_regex(text, pattern_for(text, pattern))
    hit = found.is_valid().to_numpy(zero_copy_only=False)
    found = found.drop_null()
    return hit, {
        found.type.field(index).name: pc.struct_field(found, [index])
        for index in range(found.type.num_fields)
    }


def _ints(text: Any) -> npt.NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    ints: npt.NDArray[np.int64] = (
        pc.if_else(pc.equal(text, ""), "0", text).cast(pa.int64()).to_numpy(zero_copy_only=False)
    )
    return ints


def _time_of_day(groups: dict[str, Any]) -> npt.NDArray[np.timedelta64]:
    """Return timedelta64[us]; NaT where hours or minutes are impossible, 0 where the cell has no
    time.
    """
    import pyarrow.compute as pc

    hour, minute, second = (_ints(groups[name]) for name in "hns")
    if "p" in groups and pc.any(pc.not_equal(groups["p"], "")).as_py():
        half = pc.utf8_lower(groups["p"])
        pm, am = (pc.starts_with(half, letter).to_numpy(zero_copy_only=False) for letter in "pa")
        minute = np.where((pm | am) & (hour > 12), 99, minute)
        hour = np.where(pm & (hour < 12), hour + 12, np.where(am & (hour == 12), 0, hour))
    fraction = _ints(pc.utf8_slice_codeunits(pc.utf8_rpad(groups["f"], 6, "0"), 0, 6))
    us = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    times = us.astype("timedelta64[us]")
    times[(us > 86_400_000_000) | (minute > 59) | (second > 59)] = np.timedelta64("NaT")
    return times


def _shown(text: Any, parts: _Parts) -> str:
    """Return how the first cell that was read is written, the order of an all-digit date still
    open as %1 %2 %3.
    """
    read = np.flatnonzero(parts.layout >= 0)
    if read.size == 0:
        return ""
    layout, cell = _LAYOUTS[parts.layout[read[0]]], str(text[int(read[0])].as_py())
    between = re.search(r"\d{1,4}(\s?[-/. ]\s?)\d{1,2}(\s?[-/. ]\s?)\d{1,4}", cell)
    date = (
        f"%1{between[1]}%2{between[2]}%3" if layout == "abc" and between else _SHOWN.get(layout, "")
    )
    clock = re.search(r"([T ,]+)\d{1,2}:\d{2}(:\d{2})?([.,]\d+)?(\s*[AaPp]\.?[Mm])?", cell)
    if clock:
        half = bool(clock[4])
        date += (
            clock[1]
            + ("%I" if half else "%H")
            + ":%M"
            + (":%S" if clock[2] else "")
            + (".%f" if clock[3] else "")
            + " %p" * half
        )
    return date + ("%z" if parts.offset[read[0]] != NO_ZONE else "")
