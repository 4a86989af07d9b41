"""A table as cells: which rows are data, which name the columns, and which stand above both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from forecasting.errors import SourceError
from forecasting.memory import available_bytes
from forecasting.series import Finding, Floats, Ints
from forecasting.sources.files.eras import JAPANESE
from forecasting.sources.files.numbers import MISSING
from forecasting.sources.files.vocabulary import months, plain, role_ranks

#: Widest table that is read; a wide panel has one column a symbol.
MAX_COLUMNS = 5000

#: Most rows that are read however little memory is free, and bytes of it that each row more needs.
MAX_ROWS, _A_ROW = 20_000_000, 250

_DATE_DIGITS = re.compile(
    r"\W?(?:[^\W\d]{2,}\.?,?\s+)?\d{1,4}\s?[-/. ]\s?\d{1,2}\s?[-/. ]\s?\d{1,4}(?!\d|[.,]\d)"
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_DATE_SIGNS = re.compile(r"[\w\s\-/.,:'()+º]{5,60}")
_DATE_SERIAL = re.compile(
    r"(?:1[5-9]|20|21)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:(?:[ T;-]*\d{4,9}|[ "
    r"T;-]+\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|[12]\d{9}(?:\d{3}){0,3}(?:\.\d*)?"
)
_DATE_MONTH = re.compile(
    r"(?:1[0-9]|20|21)\d{2}[-/](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[-/](?:1[0-9]|20|21)\d{2}"
)
_DATE_PERIOD = re.compile(
    r"(?i)(?:1\d|2[01])\d\d\s?[-/.:_]?\s?(?:(?:q|t|k|quarter\s?|qtr\s?)[1-4]|m(?:0?[1-9]|1[0-2])|w[0-5]?\d(?:-?[1-7])?)"
    r"|(?:(?:q|t|quarter\s?|qtr\s?)[1-4]|[1-4](?:st|nd|rd|th|\.)?\s?(?:q|t|quarter|qtr|trim|kw?artal)\.?)[-/.:_,'\s]*(?:\d{4}|\d{2})"
)
#: Blanks, and signs of the line under the names of a table that is written as text.
_RULE = " \t-:=+"
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_NUMBER = re.compile(
    r"[^\w\s]{0,3}\s?(?:[A-Za-z]{1,4}\$?\s)?\(?[-+−]?\s?\d[\d.,'’_\s]*(?:[eE][-+]?\d+)?\)?\s?(?:%|[^\W\d_]{1,4}\.?|\W)?"
)


def most_rows() -> int:
    """Return the most rows of a table that are read with the memory that is free."""
    return max(MAX_ROWS, available_bytes() // _A_ROW)


def too_many(rows: int) -> bool:
    """Tell whether a table has more rows than are read; memory is looked at for large ones only."""
    return rows > MAX_ROWS and rows > most_rows()


@dataclass(frozen=True)
class Grid:
    """The cells of a table.

    Attributes
    ----------
    columns : tuple of pyarrow.Array, each of length T
        The rows from the first data row on: text, or numbers and time stamps where the file has
        types.
    header : tuple of tuple of str
        The rows that name the columns, top to bottom, each as wide as the table; empty where there
        is none.
    above : tuple of tuple of str
        Rows above the header: titles, symbols, notes.
    header_rows : tuple of int
        Where the header stands, counted from 0.
    first_row : int
        Where the first data row stands, counted from 0.
    findings : tuple of Finding
        What was odd about the rows.
    block : ndarray of float64, shape [C, T], or None
        The numbers of several columns together in memory, where they are.
    zone : str
        IANA zone that a document names beside the table, or "".
    symbol : str
        Symbol that a document names beside the table, or "".
    """

    columns: tuple[Any, ...]
    header: tuple[tuple[str, ...], ...] = ()
    above: tuple[tuple[str, ...], ...] = ()
    header_rows: tuple[int, ...] = ()
    first_row: int = 0
    findings: tuple[Finding, ...] = ()
    block: Floats | None = None
    zone: str = ""
    symbol: str = ""

    @property
    def rows(self) -> int:
        """Return the number of data rows T."""
        return len(self.columns[0]) if self.columns else 0

    @property
    def names(self) -> tuple[str, ...]:
        """Return one name a column: its header texts in one line, or ``column 1`` where there is
        none.
        """
        texts = [
            " ".join(part for part in parts if part) for parts in zip(*self.header, strict=True)
        ] or [""] * len(self.columns)
        return tuple(text or f"column {index}" for index, text in enumerate(texts, start=1))

    def taken(self, rows: Any) -> Grid:
        """Return the grid with some of its data rows, given by index or mask (pyarrow or numpy)."""
        import pyarrow as pa

        index = pa.array(rows)
        picked = [
            column.filter(index) if pa.types.is_boolean(index.type) else column.take(index)
            for column in self.columns
        ]
        return replace(self, columns=tuple(picked))


@dataclass(frozen=True)
class Frame:
    """Where the parts of a table stand, found from its first rows: row numbers from 0 and the
    width in cells.
    """

    header_rows: tuple[int, ...]
    first_row: int
    width: int


#: Rows from the first on, and rows spread over the others, from which roles are told.
_FIRST, _SPREAD = 300, 100


def sample_rows(rows: int) -> Ints:
    """Return which of so many rows the roles of columns are told from."""
    if rows <= _FIRST + _SPREAD:
        return np.arange(rows)
    spread = np.linspace(_FIRST, rows - 1, _SPREAD).astype(np.int64)
    return np.concatenate([np.arange(_FIRST), spread])


def cell_kind(cell: str, form: str = "") -> str:
    """Return what a cell looks like: ``D`` date, ``N`` number, ``E`` empty or missing, ``T`` text.

    ``form`` is a strptime pattern that dates are known to have; "" for none.
    """
    cell = cell.strip()
    if "%" not in form and len(cell) <= 60 and _PLAIN.fullmatch(cell):
        return "D" if _DATE_SERIAL.fullmatch(cell) else "N"
    if cell.lower() in MISSING:
        return "E"
    if len(cell) > 60:
        return "T"
    if "%" in form:
        try:
            return "D" if datetime.strptime(cell, form) else "T"
        except ValueError:
            pass
        if _PLAIN.fullmatch(cell):
            return "D" if _DATE_SERIAL.fullmatch(cell) else "N"
    if any(mark in cell for mark in "\t;|"):
        return "D" if _DATE_SERIAL.fullmatch(cell) else "T"
    possible = _DATE_SIGNS.fullmatch(cell) is not None
    if (
        (possible and (_DATE_DIGITS.match(cell) or re.match(r"(?:民國\s?)?\d{2,4}\s?[年년]", cell)))
        or _DATE_SERIAL.fullmatch(cell)
        or _DATE_MONTH.fullmatch(cell)
        or _DATE_PERIOD.fullmatch(cell)
        or JAPANESE.fullmatch(cell)
    ):
        return "D"
    named = possible and any(
        plain(word).replace(" ", "") in months() for word in _WORD.findall(cell)
    )
    if _NUMBER.fullmatch(cell) and not named:
        return "N"
    return "D" if named and any(sign.isdigit() for sign in cell) else "T"


def header_lines(text: str) -> tuple[int, ...] | None:
    """Read what a user says of the header: rows counted from 0, none of them for ``none``; None
    where nothing is said.

    Raises
    ------
    SourceError
        Anything but ``none``, a number from 1 on, or two of them as ``1-2``.
    """
    if not text.strip():
        return None
    if text.strip().lower() == "none":
        return ()
    numbers = re.fullmatch(r"(\d{1,4})(?:\s*[-,]\s*(\d{1,4}))?", text.strip())
    first, last = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (0, 0)
    if not 1 <= first <= last <= first + 9:
        raise SourceError(
            f"The header is given as {text!r}.",
            "Give the line of the names, counted from 1, two as 1-2, or none.",
        )
    return tuple(range(first - 1, last))


#: Years, months and quarters as names of columns, and how many dates make a header of dates.
_PERIOD = re.compile(r"(?:1[89]|20|21)\d\d(?:-?(?:Q[1-4]|M?(?:0[1-9]|1[0-2])))?(?:\s*\[\w+\])?")
_LEAST_PERIODS, _MOST_KEYS, _MOST_BEHIND = 5, 12, 3


def _is_period(cell: str) -> bool:
    return _PERIOD.fullmatch(cell) is not None or cell_kind(cell) == "D"


def dated_cells(header: Sequence[str]) -> tuple[int, int]:
    """Return the first of the cells of a header that are dates, in order, and the one after the
    last; (0, 0) where there are no such dates behind the names of a few other columns.
    """
    cells = [cell.strip() for cell in _trimmed(header)]
    start = cells[: _MOST_KEYS + _LEAST_PERIODS]  # the others of a wide panel take long
    if sum(map(_is_period, start)) < _LEAST_PERIODS:
        return 0, 0
    dated = [_is_period(cell) for cell in cells]
    first, last = dated.index(True), len(cells) - dated[::-1].index(True)
    dates = cells[first:last]
    few = 0 < first <= _MOST_KEYS and len(cells) - last <= _MOST_BEHIND
    if not few or not all(cells[1:first]) or not all(dated[first:last]):
        return 0, 0
    ordered = dates in (sorted(dates), sorted(dates, reverse=True))
    if len(set(dates)) < len(dates) or not (ordered or not all(map(_PERIOD.fullmatch, dates))):
        return 0, 0
    return first, last


def _under_dates(rows: Sequence[Sequence[str]], kinds: Sequence[Sequence[str]]) -> int:
    """Return which row is a header of dates over rows of numbers that are no dates; -1 if none."""
    for index, row in enumerate(rows[:_LEAST_ROWS]):
        first, last = dated_cells(row)
        below = [cells for cells in kinds[index + 1 :] if len(cells) > first]
        if first and below:
            keyed = sum("D" in cells[:first] for cells in below)
            texts = [cells[first:last].count("T") / max(1, len(cells) - first) for cells in below]
            valued = sum(share < 0.5 for share in texts)
            return index if keyed == 0 and valued >= 0.5 * len(below) else -1
    return -1


#: Rows that are looked at to find the header at least, and cells about which that many rows do.
_LEAST_ROWS, _MOST_CELLS = 60, 2400


def find_frame(rows: Sequence[Sequence[str]], form: str = "", header: str = "") -> Frame:
    """Find header and first data row.

    Parameters
    ----------
    rows : sequence of rows of cells
        The first few hundred rows of the table, blank ones included.
    form : str
        Known strptime pattern of the dates, or "".
    header : str
        Known rows of the header, as of :func:`header_lines`.

    Raises
    ------
    SourceError
        No row has a date and a number, or two numbers; or the table is too wide.
    """
    known = header_lines(header)
    widest = max((len(row) for row in rows[:_LEAST_ROWS]), default=1)
    rows = rows[: max(_LEAST_ROWS, _MOST_CELLS // max(widest, 1))]
    kinds = [[cell_kind(cell, form) for cell in row[:64]] for row in rows]
    dated = _under_dates(rows, kinds) if known is None else -1
    if 0 <= dated < len(rows) - 1:
        return Frame((dated,), dated + 1, len(_trimmed(rows[dated])))
    below = known[-1] if known else -1
    column = _date_column(kinds[below + 1 :])
    data = [index for index, row in enumerate(kinds) if index > below and _is_data(row, column)]
    if not data:
        raise SourceError(
            f"No row{f' below line {below + 1}' if known else ''} has both a date and a number.", ""
        )
    widths = Counter(len(_trimmed(rows[index])) for index in data)
    width = max(widths, key=lambda size: (widths[size] >= 0.05 * len(data), size))
    if width > MAX_COLUMNS:
        raise SourceError(
            f"The table has {width:,} columns; at most {MAX_COLUMNS:,} are read.",
            "Keep only the columns needed.",
        )
    first = data[0]
    while first - 1 > below and _is_numeric(kinds[first - 1], kinds[first]):
        first -= 1
    header_rows = _header_above(rows, kinds, first) if known is None else known
    widest = max((len(_trimmed(rows[index])) for index in header_rows), default=0)
    as_wide = sum(len(rows[index]) >= widest for index in data) >= 0.9 * len(data)
    return Frame(header_rows, first, max(width, widest if widest <= width + 1 or as_wide else 0, 1))


def _date_column(kinds: Sequence[Sequence[str]]) -> int:
    """Return the column in which most rows have a date, -1 where less than a third of the rows
    has one.
    """
    votes = Counter(
        index for row in kinds for index, kind in enumerate(row) if kind == "D" and len(row) > 1
    )
    most = max(votes.values(), default=0)
    if most == 0 or most < 0.3 * sum(len(row) > 1 for row in kinds):
        return -1
    return min(index for index, count in votes.items() if count >= 0.9 * most)


def _is_data(row: Sequence[str], column: int) -> bool:
    if column < 0:
        numbers = row.count("N")
        return numbers >= 2 and numbers >= (len(row) - row.count("E")) / 2
    if column >= len(row) or row[column] != "D" or len(row) < 2:
        return False
    others = [kind for index, kind in enumerate(row) if index != column]
    return "N" in others or others.count("D") >= 2 or all(kind == "E" for kind in others)


def _is_numeric(row: Sequence[str], below: Sequence[str]) -> bool:
    """Tell whether a row right above the data belongs to them: as wide, and nothing but numbers
    (early epochs look like no dates).
    """
    return len(row) == len(below) and "T" not in row and row.count("N") + row.count("D") >= 2


def _trimmed(row: Sequence[str]) -> Sequence[str]:
    """Return a row without the empty cells at its end."""
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]


def _header_above(
    rows: Sequence[Sequence[str]], kinds: Sequence[Sequence[str]], first: int
) -> tuple[int, ...]:
    """Return the rows that name the columns: the nearest above the data, and its fellows where
    names take several.
    """
    filled = [index for index in range(first) if any(cell.strip(_RULE) for cell in rows[index])]
    if not filled or first - filled[-1] > 3:
        return ()
    nearest = filled[-1]
    if sum(bool(cell.strip()) for cell in rows[nearest]) == 1 and len(_trimmed(rows[first])) > 1:
        fellows = [
            index for index in filled[-4:-1] if sum(bool(cell.strip()) for cell in rows[index]) > 1
        ]
        return (*fellows, nearest) if fellows else ()
    if "T" not in kinds[nearest]:
        return ()
    above = filled[-2] if len(filled) > 1 and filled[-2] == nearest - 1 else -1
    if above >= 0:
        roles = _roles_in(rows[nearest])
        if (len(roles) < 2 <= len(_roles_in(rows[above]))) or (
            len(roles) > len(set(roles)) and len(rows[above]) >= len(rows[nearest]) - 1 > 2
        ):
            return (above, nearest)
    return (nearest,)


def _roles_in(row: Sequence[str]) -> list[str]:
    known = role_ranks()
    return [known[plain(cell)][0][0] for cell in row if plain(cell) in known]


def pad(row: Sequence[str], width: int) -> tuple[str, ...]:
    """Return a row of exactly ``width`` stripped cells."""
    return tuple(cell.strip() for cell in row[:width]) + ("",) * (width - len(row))


def _filled_right(row: Sequence[str]) -> list[str]:
    """Return a header row in which a merged cell names all the columns that it spans."""
    filled, last = [], ""
    for cell in row:
        last = cell.strip() or last
        filled.append(last)
    return filled


def fit_header(
    header: Sequence[Sequence[str]], width: int, last_filled: bool, first: str
) -> tuple[tuple[str, ...], ...]:
    """Return header rows as wide as the data; a header that lacks one name lacks the first (row
    numbers of R), unless its first one is that of a date and such stand first in the rows.

    Parameters
    ----------
    header : sequence of sequence of str
    width : int
        Cells of the rows.
    last_filled : bool
        Whether some row has something in its last cell.
    first : str
        First cell of the first row.

    Raises
    ------
    SourceError
        The data have more columns than the header names: cells are split that should not be.
    """
    fitted = []
    named = max((len(_trimmed(row)) for row in header), default=width)
    dates_first = cell_kind(first) == "D" and "date" in _roles_in(header[0][:1] if header else ())
    unnamed_first = len(header) == 1 and not dates_first
    if last_filled and 1 < named < width - unnamed_first:
        raise SourceError(
            f"Rows have {width} cells, but the header names {named} columns.",
            "Decimal commas or thousands marks that are not quoted split numbers in two: "
            "export with ; or with quotes. A column without a name needs one.",
        )
    merged = len(header) > 1 and len(roles := _roles_in(header[-1])) > len(set(roles))
    for index, row in enumerate(header):
        cells = list(_trimmed(row))
        if merged and index < len(header) - 1:
            cells = _filled_right([*cells, *[""] * (width - len(cells))])
        if (
            len(cells) == width - 1
            and last_filled
            and (len(header) == 1)
            and cells
            and cells[0].strip()
        ):
            cells = ["", *cells]
        fitted.append(pad(cells, width))
    return tuple(fitted)
