"""From cells to dates and numbers: decimal marks, time zones and the order of day and month are
settled here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from forecasting.errors import SourceError
from forecasting.series import Dates, Finding
from forecasting.sources.files.assign_columns import Roles
from forecasting.sources.files.damage import refuse_damaged
from forecasting.sources.files.dates import (
    NO_ZONE,
    ORDERS,
    DateColumn,
    iso_week,
    read_dates,
    read_times,
)
from forecasting.sources.files.eras import CALENDAR_NAMES
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.numbers import (
    MarkEvidence,
    NumberColumn,
    mark_evidence,
    read_numbers,
)
from forecasting.sources.files.serials import FORMS, full_year, stamps
from forecasting.sources.files.vocabulary import DATE_PARTS, months, plain
from forecasting.sources.options import ReadOptions

_NAT = np.datetime64("NaT", "us")

#: Zones that offsets in a file are compared with, the most usual exchanges first.
_ZONES = (
    "America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Asia/Tokyo",
    "Asia/Hong_Kong", "Asia/Shanghai",
    "Asia/Kolkata", "Asia/Singapore", "Asia/Seoul", "Australia/Sydney", "America/Toronto",
    "America/Sao_Paulo", "Europe/Helsinki",
    "Europe/Moscow",
    "Europe/Istanbul", "Africa/Johannesburg", "Asia/Taipei", "Asia/Jerusalem",
    "America/Los_Angeles", "America/Denver", "Pacific/Auckland",
)  # fmt: skip

_ORDER_WORDS = {
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "ymd": "year/month/day",
    "ydm": "year/day/month",
    "unix-days": "days since 1970",
    "excel": "days of Excel, since 1900",
}


@dataclass(frozen=True)
class Converted:
    """The used columns of a table as arrays, one entry a row of the file, in file order.

    Attributes
    ----------
    ds : ndarray of datetime64[us], shape [T]
        NaT where the row has no date.
    tz : str
        IANA zone, or "" where unknown.
    numbers : dict of int to NumberColumn
        By index of the column.
    marks : dict of int to str
        Decimal mark of each text column of numbers.
    dates : DateColumn
        How dates are written.
    findings : tuple of Finding
    """

    ds: Dates
    tz: str
    numbers: dict[int, NumberColumn]
    marks: dict[int, str]
    dates: DateColumn
    findings: tuple[Finding, ...]


def convert(
    grid: Grid, roles: Roles, options: ReadOptions, sample: Grid, delimiter: str = ""
) -> Converted:
    """Read dates and numbers of the columns that have a role.

    Parameters
    ----------
    grid : Grid
        All rows.
    roles : Roles
    options : ReadOptions
        ``date_format`` and ``decimal`` settle what they name.
    sample : Grid
        Some rows of ``grid``, from which the decimal marks are told where they suffice.
    delimiter : str
        Of a text file: with ``;`` a decimal comma is likelier.

    Raises
    ------
    SourceError
        Fewer than half of the rows have a date that can be read.
    """
    findings: list[Finding] = []
    if roles.index("date") is None and not roles.date_parts:  # a table of static inputs
        none = np.full(grid.rows, _NAT)
        return Converted(none, "", {}, {}, DateColumn(none, ""), ())
    found, ds, tz = _dates(grid, roles, options, findings)
    used = [
        c.index for c in roles.columns if c.role not in ("", "date", "time", "symbol", *DATE_PARTS)
    ]
    refuse_damaged(grid, roles)
    marks = _marks(grid, sample, used, roles.foreign, delimiter, options.decimal, findings)
    numbers = {index: read_numbers(grid.columns[index], marks.get(index, ".")) for index in used}
    return Converted(ds, tz, numbers, marks, found, tuple(findings))


def _dates(
    grid: Grid, roles: Roles, options: ReadOptions, findings: list[Finding]
) -> tuple[DateColumn, Dates, str]:
    form = options.date_format
    if form and "%" not in form and form not in (*ORDERS, *FORMS):
        raise SourceError(
            f"There is no date format {form!r}.",
            f"Use a pattern such as %d.%m.%Y, or one of {', '.join((*ORDERS, *FORMS))}.",
        )
    parts = roles.date_parts
    if parts:
        ds = _from_parts(grid, parts)
        _check_dates(grid, parts["year"], ds, options)
        return DateColumn(ds, " ".join(parts)), ds, ""
    index = roles.index("date")
    assert index is not None
    found = read_dates(
        grid.columns[index], options.date_format, "dmy" if roles.foreign else "", roles.era
    )
    ds = found.ds
    time, hour = roles.index("time"), roles.index("hour")
    if time is not None:
        ds = ds + read_times(grid.columns[time])
    elif hour is not None:
        ds = ds + _whole(grid.columns[hour]).astype("timedelta64[h]")
    _check_dates(grid, index, ds, options, found.calendar)
    if found.calendar:
        message = (
            f"The years are those of {CALENDAR_NAMES[found.calendar]}; they are read as "
            "years of our own."
        )
        findings.append(
            Finding("other_calendar", message, int(ds.size), "info", f"read as {found.calendar}")
        )
    if found.alternative and not options.date_format:
        chosen = _ORDER_WORDS.get(found.order or found.form, found.form)
        other = _ORDER_WORDS.get(found.alternative, found.alternative)
        message = (
            f"Every date fits {chosen} and {other}; read as {chosen}. If that is wrong, set "
            f"the date format to {found.alternative}."
        )
        settled = ("date_format", found.alternative)
        findings.append(
            Finding(
                "date_order",
                message,
                int(ds.size),
                "warning",
                f"read as {found.order or found.form}",
                remedy=settled,
            )
        )
    ds, tz = _settle_zone(ds, found, findings)
    ds, tz = _in_zone_of_table(ds, tz, found, grid.zone)
    if not tz and {"utc", "gmt"} & set(plain(grid.names[index]).split()):
        tz = "UTC"
    return found, ds, tz


def _in_zone_of_table(ds: Dates, tz: str, found: DateColumn, named: str) -> tuple[Dates, str]:
    """Return dates by the clock of the zone that a document names beside its table; epochs of a
    day each lose their time of day.
    """
    zone = _zone(named) if named else None
    if zone is None or found.offset is not None or tz not in ("", "UTC"):
        return ds, tz
    if not found.form.startswith("epoch"):
        return ds, tz or named
    import pandas as pd

    local = (
        pd.DatetimeIndex(ds)
        .tz_localize("UTC")
        .tz_convert(zone)
        .tz_localize(None)
        .to_numpy()
        .astype("datetime64[us]")
    )
    days = local.astype("datetime64[D]")
    apart = np.unique(days).size == days.size and days.size > 1
    return (days.astype("datetime64[us]"), "") if apart else (local, named)


def _from_parts(grid: Grid, parts: dict[str, int]) -> Dates:
    """Return dates [T] from columns of years, months or quarters or weeks, days, hours and
    minutes; NaT where one is missing.
    """
    number = {part: _whole(grid.columns[index]) for part, index in parts.items()}
    if "month" in parts:
        number["month"] = np.where(
            number["month"] > 0, number["month"], _month_names(grid.columns[parts["month"]])
        )
    year = full_year(number["year"])
    item = np.ones_like(year)
    if "week" in parts:
        ds = iso_week(year, number["week"], item)
    elif "dayofyear" in parts:
        ds = stamps(year, item, item) + (number["dayofyear"] - 1).astype("timedelta64[D]")
    else:
        month = 3 * number["quarter"] - 2 if "quarter" in parts else number.get("month", item)
        ds = stamps(year, month, number.get("day", item))
    for part, unit in (("hour", "h"), ("minute", "m")):
        if part in parts:
            ds = ds + np.maximum(number[part], 0).astype(f"timedelta64[{unit}]")
    return ds


def _whole(column: Any) -> npt.NDArray[np.int64]:
    """Return the whole numbers of a column, shape [T]; -1 where there is none."""
    values = read_numbers(column).values
    sound = np.isfinite(values) & (np.abs(values) < 1e6)
    return np.where(sound, np.round(np.where(sound, values, 0)), -1).astype(np.int64)


def _month_names(column: Any) -> npt.NDArray[np.int64]:
    """Return the numbers of months that are written as names, shape [T]; 0 for anything else."""
    known = months()
    return np.array(
        [known.get(plain(str(cell)).replace(" ", ""), 0) for cell in column.to_pylist()], np.int64
    )


def _check_dates(
    grid: Grid, index: int, ds: Dates, options: ReadOptions, calendar: str = ""
) -> None:
    """Refuse a date column of which less than half can be read."""
    unread = np.flatnonzero(np.isnat(ds))
    if unread.size == 0:
        return
    cells = grid.columns[index]
    filled = [row for row in unread[:2000].tolist() if str(cells[row].as_py() or "").strip()]
    if len(filled) > 0.5 * max(1, ds.size - (unread[:2000].size - len(filled))):
        examples = ", ".join(repr(str(cells[row].as_py())) for row in filled[:3])
        tried = (
            f"the date format {options.date_format}" if options.date_format else "every known form"
        )
        if calendar == "islamic":
            tried += f" (the years are of {CALENDAR_NAMES[calendar]})"
        raise SourceError(
            f"{len(filled)} of {ds.size} dates in {grid.names[index]} cannot be read with "
            f"{tried}, such as {examples}.",
            "Give the date format: a pattern such as %d.%m.%Y, one of dmy, mdy, ymd, or one "
            f"of {', '.join(FORMS)}.",
        )


def _settle_zone(ds: Dates, found: DateColumn, findings: list[Finding]) -> tuple[Dates, str]:
    """Return wall-clock dates and their zone; dates whose offsets fit no zone are turned into
    UTC.
    """
    if found.form.startswith("epoch"):
        findings.append(
            Finding(
                "time_zone",
                "Times are counted from 1970 and shown as UTC; no zone is named.",
                1,
                "info",
                "read as UTC",
            )
        )
    if found.offset is None:
        return ds, found.zone if found.zone in ("", "UTC") or _zone(found.zone) else ""
    offset = found.offset.copy()
    bare = (offset == NO_ZONE) & ~np.isnat(ds)
    if bare.any():
        known, counts = np.unique(offset[offset != NO_ZONE], return_counts=True)
        offset[offset == NO_ZONE] = known[np.argmax(counts)]
        message = (
            f"{int(bare.sum())} dates name no time zone while others do; they are taken to "
            "be in the most frequent one."
        )
        findings.append(Finding("time_zone", message, int(bare.sum()), "warning", "kept"))
    utc = ds - offset.astype("timedelta64[m]")
    if not offset.any():
        return ds, "UTC"
    tz = found.zone or next((name for name in _ZONES if _fits(name, utc, offset)), "")
    ordered = np.sort(ds[~np.isnat(ds)])
    folded = np.unique(ordered).size < np.unique(utc[~np.isnat(utc)]).size
    if tz and not folded:
        return ds, tz
    fixed = np.unique(offset)
    if not folded and fixed.size == 1 and fixed[0] % 60 == 0:
        return ds, f"Etc/GMT{-fixed[0] // 60:+d}"
    why = (
        "wall-clock times come twice when summer time ends"
        if folded
        else "the offsets fit no known zone"
    )
    findings.append(
        Finding(
            "time_zone",
            f"Dates carry UTC offsets, and {why}; they are shown in UTC.",
            int(ds.size),
            "info",
            "read as UTC",
        )
    )
    return utc, "UTC"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _fits(name: str, utc: Dates, offset: npt.NDArray[np.int16]) -> bool:
    """Tell whether a zone has exactly these offsets at these times; up to 500 of them are looked
    at.
    """
    import datetime as dt

    zone = _zone(name)
    known = np.flatnonzero(~np.isnat(utc))
    if zone is None or known.size == 0:
        return False
    turns = known[1:][np.diff(offset[known]) != 0]
    picked = np.unique(
        np.concatenate(
            [
                known[np.linspace(0, known.size - 1, 200).astype(int)],
                turns[:150],
                np.maximum(turns[:150] - 1, 0),
            ]
        )
    )
    for index in picked.tolist():
        moment = utc[index]
        if np.isnat(moment):
            continue
        local = moment.astype("datetime64[us]").item().replace(tzinfo=dt.UTC).astimezone(zone)
        if local.utcoffset() != dt.timedelta(minutes=int(offset[index])):
            return False
    return True


def _marks(
    grid: Grid,
    sample: Grid,
    used: Sequence[int],
    foreign: bool,
    delimiter: str,
    decimal: str,
    findings: list[Finding],
) -> dict[int, str]:
    """Return the decimal mark of each text column: its own if its cells tell, else that of the
    file.
    """
    import pyarrow as pa

    text = [index for index in used if pa.types.is_string(grid.columns[index].type)]
    if decimal:
        if decimal not in (".", ","):
            raise SourceError(f"The decimal mark is {decimal!r}; it must be '.' or ','.", "")
        return dict.fromkeys(text, decimal)
    other = [
        c
        for index, c in enumerate(sample.columns)
        if index not in used and pa.types.is_string(c.type)
    ][:40]
    evidence = {index: mark_evidence(sample.columns[index]) for index in text}
    total = sum(evidence.values(), MarkEvidence())
    if total.dot == total.comma:
        total = sum((_percentages(column) for column in other), total)
    if total.dot == total.comma and (total.either_dot or total.either_comma):
        evidence = {index: mark_evidence(grid.columns[index]) for index in text}
        total = sum(evidence.values(), MarkEvidence())
    sure = total.dot != total.comma
    if sure:
        mark = "." if total.dot > total.comma else ","
    elif not (total.either_dot or total.either_comma):
        mark = "."
    else:
        mark = _likelier_mark(grid, text, evidence, foreign, delimiter)
        if total.either_comma or (total.either_dot and (foreign or delimiter not in (",", ""))):
            _note_mark(mark, total, findings)
    return {
        index: mark if (e := evidence[index]).dot == e.comma else ("." if e.dot > e.comma else ",")
        for index in text
    }


def _percentages(column: Any) -> MarkEvidence:
    """Return what a column of percentages says about the decimal mark; other columns say
    nothing.
    """
    import pyarrow.compute as pc

    share = (
        pc.mean(
            pc.match_substring_regex(column.fill_null(""), r"\d\s?%\s*$").cast("float64")
        ).as_py()
        or 0.0
    )
    return mark_evidence(column) if share > 0.5 else MarkEvidence()


def _likelier_mark(
    grid: Grid,
    text: Sequence[int],
    evidence: dict[int, MarkEvidence],
    foreign: bool,
    delimiter: str,
) -> str:
    """Choose a mark where each cell with one has exactly three digits after it: by continuity,
    then by language and delimiter.
    """
    unclear = [
        index for index in text if evidence[index].either_dot or evidence[index].either_comma
    ]
    rough = {}
    for mark in (".", ","):
        values = [read_numbers(grid.columns[index], mark).values for index in unclear]
        with np.errstate(all="ignore"):
            steps = [np.abs(np.diff(np.log(value[value > 0]))) for value in values]
        rough[mark] = float(sum(np.mean(step) for step in steps if step.size))
    if abs(rough["."] - rough[","]) > 0.05 * max(rough.values(), default=0.0) and min(
        rough.values()
    ) < 0.5 * max(rough.values()):
        return min(rough, key=lambda mark: rough[mark])
    dots = sum(e.either_dot for e in evidence.values()) > sum(
        e.either_comma for e in evidence.values()
    )
    if dots:
        return "." if not (foreign and delimiter == ";") else ","
    return "," if delimiter == ";" or (foreign and delimiter != ",") else "."


def _note_mark(mark: str, total: MarkEvidence, findings: list[Finding]) -> None:
    count = total.either_dot + total.either_comma
    sign = "." if total.either_dot >= total.either_comma else ","
    what, other = (
        ("the decimal mark", "a thousands mark")
        if sign == mark
        else ("a thousands mark", "the decimal mark")
    )
    rival = "," if mark == "." else "."
    message = (
        f"In {count} numbers such as 1{sign}234 the '{sign}' is read as {what}; as {other} it "
        "would fit as well. "
        f"Set the decimal mark to '{rival}' for that."
    )
    findings.append(Finding("decimal_mark", message, count, "warning", f"decimal mark {mark}"))
