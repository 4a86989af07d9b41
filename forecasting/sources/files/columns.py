"""The columns of a table: what the name and the content of each say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from forecasting.series import Finding, Floats
from forecasting.sources.files.dates import DateColumn, read_dates
from forecasting.sources.files.eras import CALENDARS
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.labels import PRICE_ROLES, Label, date_part, read_label
from forecasting.sources.files.numbers import MISSING, all_plain, mark_evidence, read_numbers
from forecasting.sources.files.vocabulary import DATE_PARTS, KEY_WORDS, plain

#: Every role that a user may give to a column.
ROLES = ("date", "time", "symbol", *PRICE_ROLES, *DATE_PARTS)

#: What a user calls columns that are to play no role; several are told apart by ``|``.
UNUSED = "unused"

#: Roles that hold prices or volumes, those of bid and ask included.
VALUE_ROLES = (
    *PRICE_ROLES,
    *(f"{side}_{role}" for side in ("bid", "ask") for role in PRICE_ROLES[:4]),
)

#: Smallest and largest number of each part of a date.
_PART_LIMITS = {"year": (1000, 2261), "quarter": (1, 4), "month": (1, 12), "week": (1, 53),
    "day": (1, 31), "dayofyear": (1, 366),
    "hour": (0, 24), "minute": (0, 59)}  # fmt: skip

#: Cells by which a column of fractions is told at once, and what is one whatever the decimal mark.
_BEGIN = 8
_FRACTION = re.compile(r"-?\d+\.(?!\d{3}$)\d*[1-9]\d*")

#: Days between the date of a row and a time stamp beside it that belongs to the same bar.
_SAME_TIME_DAYS = 400


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """One column as understood: where it stands, its name, its role ("" where it is not used)
    and, in a wide panel, its symbol.
    """

    index: int
    name: str
    role: str = ""
    symbol: str = ""


@dataclass(frozen=True)
class Roles:
    """The roles of all columns.

    Attributes
    ----------
    columns : tuple of ColumnReading
    layout : str
        ``single``, ``long`` (one or several symbol columns) or ``wide`` (one or several columns a
        symbol).
    foreign : bool
        Names are not English, which makes day before month and decimal commas likelier.
    findings : tuple of Finding
        What was decided by content or left out.
    era : str
        Calendar that years of two digits are counted in, told by the language of the names, or "".
    """

    columns: tuple[ColumnReading, ...]
    layout: Literal["single", "long", "wide"]
    foreign: bool = False
    findings: tuple[Finding, ...] = ()
    era: str = ""

    def index(self, role: str) -> int | None:
        """Return where the first column of a role stands, None where there is none."""
        return next((column.index for column in self.columns if column.role == role), None)

    def indexes(self, role: str) -> tuple[int, ...]:
        """Return where the columns of a role stand."""
        return tuple(column.index for column in self.columns if column.role == role)

    @property
    def date_parts(self) -> dict[str, int]:
        """Where the parts of a date stand that has no column of its own; empty where it has one."""
        if self.index("date") is not None:
            return {}
        return {role: index for role in DATE_PARTS if (index := self.index(role)) is not None}


@dataclass(eq=False)
class Column:
    """A column of the sample with what its name and content say, the latter worked out when
    asked for.
    """

    index: int
    cells: Any
    texts: tuple[str, ...]
    label: Label
    name: str
    role: str = ""
    symbol: str = ""
    form: str = ""
    era: str = ""

    @cached_property
    def filled(self) -> Any:
        """The cells that are not missing, trimmed where they are text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        cells = self.cells.drop_null()
        if not pa.types.is_string(cells.type) or self.plain_numbers is not None:
            return cells
        text = pc.utf8_trim_whitespace(cells)
        return text.filter(pc.invert(pc.is_in(pc.utf8_lower(text), value_set=pa.array(MISSING))))

    @cached_property
    def plain_numbers(self) -> Floats | None:
        """The cells as numbers, shape [N], where all are numbers as programs write them."""
        return all_plain(self.cells) if not self.typed else None

    @cached_property
    def typed(self) -> bool:
        """Whether the cells are numbers or time stamps already."""
        import pyarrow as pa

        return not pa.types.is_string(self.cells.type)

    @cached_property
    def dates(self) -> DateColumn:
        """The filled cells read as dates."""
        return read_dates(self.filled, self.form, era=self.era)

    @cached_property
    def numeric(self) -> float:
        """Share of the filled cells that are numbers; 1 for a column without any filled cell."""
        import pyarrow as pa

        if pa.types.is_temporal(self.cells.type):
            return 0.0
        if self.plain_numbers is not None:
            return 1.0
        point = read_numbers(self.filled, ".").readable
        return point if point == 1.0 else max(point, read_numbers(self.filled, ",").readable)

    @cached_property
    def values(self) -> Floats:
        """The cells read as numbers, shape [N]."""
        if self.plain_numbers is not None:
            return self.plain_numbers
        evidence = mark_evidence(self.filled)
        return read_numbers(self.cells, "," if evidence.comma > evidence.dot else ".").values

    @cached_property
    def known(self) -> Floats:
        """The finite ones of :attr:`values`."""
        return self.values[np.isfinite(self.values)]

    @cached_property
    def whole(self) -> bool:
        """Whether all numbers are whole."""
        if any(_FRACTION.fullmatch(str(cell)) for cell in self.filled.slice(0, _BEGIN).to_pylist()):
            return False
        return self.numeric == 1.0 and self.known.size > 0 and not bool(np.any(self.known % 1))

    @cached_property
    def distinct(self) -> int:
        """Number of different filled cells."""
        return len(set(self.filled.to_pylist()))

    @cached_property
    def counter(self) -> bool:
        """Whether the column only counts rows."""
        if self.label.role in PRICE_ROLES or len(self.filled) < 3:
            return False
        return _may_count(self.filled[0].as_py(), self.filled[-1].as_py()) and _counts(self.known)

    @cached_property
    def part(self) -> str:
        """The part of a date that name and content say, or ""."""
        part = date_part(self.texts)
        if not part or not len(self.filled):
            return ""
        if part == "month" and self.numeric < 0.5:
            return part if read_months(self.filled) >= 0.9 else ""
        low, high = _PART_LIMITS[part]
        return part if self.whole and low <= self.known.min() and self.known.max() <= high else ""

    @property
    def key_named(self) -> bool:
        """Whether the name says that the column tells whose value a row holds."""
        return bool(set(plain(self.name).split()) & KEY_WORDS)

    def stamps_of(self, date: Column) -> bool:
        """Tell whether numbers are time stamps of the rows' own dates, such as when a bar was
        closed or received.
        """
        if not self.whole or self.numeric < 1.0 or len(self.filled) < 0.9 * len(self.cells):
            return False
        if not self.dates.form.startswith(("epoch", "yyyymmdd")) or len(self.filled) != len(
            date.filled
        ):
            return False
        distance = np.abs(self.dates.ds - date.dates.ds)
        known = distance[~np.isnat(distance)]
        return known.size > 0 and bool(np.mean(known < np.timedelta64(_SAME_TIME_DAYS, "D")) > 0.9)


def described(sample: Grid, form: str, era: str) -> list[Column]:
    """Return the columns of a sample with what their names say."""
    texts = list(zip(*sample.header, strict=True)) if sample.header else [()] * len(sample.columns)
    columns = [
        Column(
            index,
            cells,
            texts[index],
            read_label(texts[index]),
            name,
            form=form if "%" in form or form in CALENDARS else "",
            era=era,
        )
        for index, (cells, name) in enumerate(zip(sample.columns, sample.names, strict=True))
    ]
    letters = {plain(column.name) for column in columns}
    if len(letters & set("ohlc")) < 3:
        for column in columns:
            if column.label.role in PRICE_ROLES and plain(column.name) in tuple("ohlcv"):
                column.label = Label()
    return columns


def counts_rows(cells: Sequence[str]) -> bool:
    """Tell whether cells that all are plain numbers only count the rows; ValueError for others."""
    return (
        len(cells) > 2 and _may_count(cells[0], cells[-1]) and _counts(np.array(cells, np.float64))
    )


def _may_count(first: Any, last: Any) -> bool:
    """Tell whether cells may count rows by the first and the last of them."""
    return bool({str(cell).removesuffix(".0") for cell in (first, last)} & {"0", "1"})


def _counts(numbers: Floats) -> bool:
    """Tell whether numbers count: whole ones from 0 or 1 on, most one beside the next."""
    if numbers.size < 3 or numbers.min() > 1 or np.any(numbers % 1):
        return False
    return bool(np.mean(np.abs(np.diff(numbers)) == 1) > 0.7)


def unused_columns(names: Sequence[str]) -> Finding:
    """Tell of the columns beside the prices."""
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    message = f"Columns beside the prices, read where chosen as inputs: {shown}."
    return Finding("columns_unused", message, len(names), "info", "kept")


def free(columns: Sequence[Column]) -> list[Column]:
    """Return the columns that have no role yet."""
    return [column for column in columns if not column.role]


def has_role(columns: Sequence[Column], role: str) -> bool:
    """Tell whether a column has a role."""
    return any(column.role == role for column in columns)


def read_months(cells: Any) -> float:
    """Return which share of some cells of text are names of months."""
    from forecasting.sources.files.vocabulary import months

    texts = [plain(cell).replace(" ", "") for cell in cells.to_pylist()]
    return sum(text in months() for text in texts) / max(1, len(texts))
