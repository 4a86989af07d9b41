"""Read dates with their texts from a CSV or text file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from app.charts.drawing import LONGEST_TEXT, MOST_DATES, MarkedDate
from forecasting.errors import DataError
from forecasting.files.bounded_read import read_regular_file

_MOST_BYTES = 8 * 2**20
#: Names of columns, in lower case.
_COLUMNS = {
    "ds": {"ds", "date", "day", "time", "datetime", "timestamp", "when"},
    "text": {"text", "event", "name", "title", "label", "note", "description", "what"},
    "symbol": {"symbol", "ticker", "unique_id", "series"},
}
_HINT = "Write one date a line, such as 2024-02-01, then a comma and its text."
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})$")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})$")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})$")


def read_dates(path: Path) -> tuple[MarkedDate, ...]:
    """Read dates: one a line, with a text and a symbol where there are such columns.

    Parameters
    ----------
    path : Path
        CSV with comma, semicolon or tab; a first line without a date names the columns. Dates are
        ISO, ``1.2.2024`` (day first), ``2024/2/1``, or ``13/2/2024`` where day and month cannot be
        confused in the whole file.

    Raises
    ------
    DataError
        The file cannot be read, a line has no date, or days and months can be confused.
    """
    try:
        data = read_regular_file(path, _MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    text = _decoded(data)
    delimiter = next((mark for mark in "\t;" if mark in text.partition("\n")[0]), ",")
    lines = [
        (number, [cell.strip() for cell in cells])
        for number, cells in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), start=1)
        if any(cell.strip() for cell in cells)
    ]
    if not lines:
        raise DataError(f"{path.name} holds no dates.", _HINT)
    columns = {"ds": 0, "text": 1, "symbol": 2}
    if not _is_date(lines[0][1][0]):
        columns = _named(lines[0][1])
        lines = lines[1:]
    if len(lines) > MOST_DATES:
        raise DataError(
            f"{path.name} holds {len(lines):,} dates; {MOST_DATES:,} can be marked.",
            "Leave the older ones out.",
        )
    day_first = _day_first(path, [(number, _cell(cells, columns["ds"])) for number, cells in lines])
    return tuple(_marked(path, number, cells, columns, day_first) for number, cells in lines)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _cell(cells: Sequence[str], index: int) -> str:
    return cells[index] if 0 <= index < len(cells) else ""


def _named(header: Sequence[str]) -> dict[str, int]:
    """Return the index of each column by the names in a first line, -1 where it is missing."""
    names = [cell.casefold() for cell in header]
    found = {
        column: next((index for index, name in enumerate(names) if name in known), -1)
        for column, known in _COLUMNS.items()
    }
    if found["ds"] < 0:
        found["ds"] = 0
    return found


def _is_date(text: str) -> bool:
    return any(pattern.match(text) for pattern in (_SLASHED, _DOTTED, _YEAR_FIRST)) or bool(
        _iso(text)
    )


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _day_first(path: Path, cells: Iterable[tuple[int, str]]) -> bool:
    """Tell whether dates with slashes have the day first."""
    pairs = [
        (number, match[0], int(match[1]), int(match[2]))
        for number, text in cells
        if (match := _SLASHED.match(text))
    ]
    days_first = any(first > 12 for _, _, first, _ in pairs)
    months_first = any(second > 12 for _, _, _, second in pairs)
    if pairs and days_first == months_first:
        number, text, _, _ = pairs[0]
        raise DataError(
            f"{path.name}, line {number}: {text} has its day and month in an unknown order.",
            "Write the dates as 2024-02-01.",
        )
    return days_first


def _marked(
    path: Path, number: int, cells: Sequence[str], columns: dict[str, int], day_first: bool
) -> MarkedDate:
    text = _cell(cells, columns["ds"])
    date = _date(text, day_first)
    if date is None:
        raise DataError(f"{path.name}, line {number}: {text!r} is no date.", _HINT)
    if date.tzinfo is not None:
        raise DataError(
            f"{path.name}, line {number}: {text} names a time zone.",
            "Write the times in the clock of the series.",
        )
    return MarkedDate(
        ds=date,
        text=_cell(cells, columns["text"])[:LONGEST_TEXT],
        symbol=_cell(cells, columns["symbol"])[:400],
    )


def _date(text: str, day_first: bool) -> datetime | None:
    """Return the date that a text says, None for none."""
    parts: tuple[str, str, str] | None = None
    if match := _YEAR_FIRST.match(text):
        parts = (match[1], match[2], match[3])
    elif match := _DOTTED.match(text):
        parts = (match[3], match[2], match[1])
    elif match := _SLASHED.match(text):
        day, month = (match[1], match[2]) if day_first else (match[2], match[1])
        parts = (match[3], month, day)
    if parts is None:
        return _iso(text)
    try:
        return datetime(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        return None
