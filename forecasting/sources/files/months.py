"""Tables with a row a year and a column a month or a quarter, or the other way round: turned into
one row a month or quarter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from forecasting.series import Finding
from forecasting.sources.files.grid import Grid, cell_kind
from forecasting.sources.files.labels import date_part
from forecasting.sources.files.vocabulary import months, plain

#: Fewest months that are named: a table may lack some.
_FEWEST = 6
_YEAR = re.compile(r"(1[5-9]|2[01])\d\d(?:\.0*)?")
_QUARTER = re.compile(
    r"(?:q|t|qtr|quarter|quartal|trimestre|trim) ?([1-4])|([1-4]) ?(?:q|t|quartal)"
)
#: Names of the columns of a table without any: a year and its months.
_BARE = ("year", *map(str, range(1, 13)))
#: Fewest years that tell such a table.
_FEWEST_YEARS = 5


@dataclass(frozen=True)
class _Table:
    """Cells as text, with their names."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, index: int) -> list[str]:
        """Return the cells of a column."""
        return [row[index] for row in self.rows]


@dataclass(frozen=True)
class _Turned:
    """Dates and values in order of time, and the name of what tells several series apart."""

    dates: list[str]
    values: list[str]
    keys: list[str]
    key: str
    message: str


def by_month(grid: Grid) -> Grid:
    """Return a table of years by months or quarters, in either orientation, as one of a date and a
    value; any other table as it is.

    What stands beside years and months, such as yearly means and totals, is left out; a column of
    words that tells rows of one year apart is kept, for one series each.
    """
    if len(grid.header) > 1 or grid.rows == 0 or len(grid.columns) < 2:
        return grid
    names = grid.header[0] if grid.header else tuple(_cells(grid, 1)[0])
    bare = not grid.header and len(names) == len(_BARE) and _is_year(names[0])
    if not bare and not _period_numbers(names) and sum(map(_is_year, names)) < 2:
        return grid
    rows = tuple(map(tuple, _cells(grid, grid.rows)))
    table = _Table(names, rows if grid.header else rows[1:])
    turned = _years_down(table) or _years_across(table)
    if turned is None and bare and _are_years(rows):
        turned = _years_down(_Table(_BARE, tuple(row for row in rows if any(row[2:]))))
    if turned is None:
        return grid
    import pyarrow as pa

    columns = [turned.dates, turned.keys, turned.values] if turned.key else []
    columns = columns or [turned.dates, turned.values]
    header = ("date", turned.key, "value") if turned.key else ("date", "value")
    note = Finding("months_in_columns", turned.message, len(table.rows), "info", "turned")
    return replace(
        grid,
        columns=tuple(pa.array(column, pa.string()) for column in columns),
        header=(header,),
        findings=(*grid.findings, note),
        block=None,
    )


def _cells(grid: Grid, count: int) -> list[list[str]]:
    """Return the first rows of a grid as text."""
    import pyarrow as pa

    columns = [
        column.slice(0, count).cast(pa.string()).fill_null("").to_pylist()
        for column in grid.columns
    ]
    return [[cell.strip() for cell in row] for row in zip(*columns, strict=True)]


def _is_year(cell: str) -> bool:
    return _YEAR.fullmatch(cell.strip()) is not None


def _are_years(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether rows without names are years, one after the other, with twelve numbers each;
    short rows around them are notes.
    """
    whole = [row for row in rows if all(row)]
    years = [int(float(row[0])) for row in whole if _is_year(row[0])]
    steps = {after - before for before, after in pairwise(years)}
    numbers = all(cell_kind(cell) == "N" for row in whole for cell in row)
    return len(years) == len(whole) >= _FEWEST_YEARS and numbers and steps in ({1}, {-1})


def _period_numbers(names: Sequence[str]) -> list[int]:
    """Return for each name the month in which its period begins, 0 for other names; nothing where
    these are no months or quarters, each once.
    """
    known = months()
    found = [known.get(plain(name), 0) for name in names]
    if _once(found) >= _FEWEST:
        return found
    found = [int(name) if name.isdigit() and 1 <= int(name) <= 12 else 0 for name in names]
    if _once(found) == 12:
        return found
    quarters = [_QUARTER.fullmatch(plain(name)) for name in names]
    found = [3 * int(item[1] or item[2]) - 2 if item else 0 for item in quarters]
    return found if _once(found) == 4 else []


def _once(numbers: Sequence[int]) -> int:
    """Return how many numbers there are beside zeros; 0 where one is there twice."""
    there = [number for number in numbers if number]
    return len(there) if len(set(there)) == len(there) else 0


def _years_down(table: _Table) -> _Turned | None:
    """Read a table with a row a year."""
    numbers = _period_numbers(table.names)
    year = _year_column(table, numbers)
    if year is None:
        return None
    rows = [row for row in table.rows if _is_year(row[year])]
    periods = sorted((number, index) for index, number in enumerate(numbers) if number)
    key = _key_column(table, rows, year, numbers)
    rows.sort(key=lambda row: row[year][:4])
    cells = [(row, number, index) for row in rows for number, index in periods]
    period = "quarters" if len(periods) == 4 else "months"
    return _Turned(
        [f"{row[year][:4]}-{number:02d}-01" for row, number, _ in cells],
        [row[index] for row, _, index in cells],
        [row[key] for row, _, _ in cells] if key is not None else [],
        table.names[key] or "series" if key is not None else "",
        f"Each row is a year; its {period} are read as {len(cells)} rows.",
    )


def _year_column(table: _Table, numbers: Sequence[int]) -> int | None:
    """Return the column of years: one of that name, or the first one where it has none."""
    if not numbers:
        return None
    named = [index for index, name in enumerate(table.names) if date_part((name,)) == "year"]
    plain_numbers = all(table.names[index].isdigit() for index, item in enumerate(numbers) if item)
    unnamed = [0] if not table.names[0] and not numbers[0] and not plain_numbers else []
    for index in [*named, *unnamed]:
        cells = [cell for cell in table.column(index) if cell_kind(cell) == "N"]
        if cells and all(map(_is_year, cells)):
            return index
    return None


def _key_column(
    table: _Table, rows: Sequence[Sequence[str]], year: int, numbers: Sequence[int]
) -> int | None:
    """Return the column of words that tells rows of one year apart; None where none has to."""
    years = [row[year] for row in rows]
    if len(set(years)) == len(years):
        return None
    for index, number in enumerate(numbers):
        pairs = {(row[year], row[index]) for row in rows}
        words = all(cell_kind(row[index]) == "T" for row in rows)
        if index != year and not number and words and len(pairs) == len(rows):
            return index
    return None


def _years_across(table: _Table) -> _Turned | None:
    """Read a table with a row a month or quarter and a column a year."""
    years = sorted((name[:4], index) for index, name in enumerate(table.names) if _is_year(name))
    first = table.column(0)
    numbers = _period_numbers(first)
    if len(years) < 2 or years[0][1] == 0 or len({year for year, _ in years}) < len(years):
        return None
    digits = all(cell.isdigit() for cell, number in zip(first, numbers, strict=False) if number)
    if not numbers or (digits and date_part((table.names[0],)) != "month"):
        return None
    rows = sorted((number, row) for number, row in zip(numbers, table.rows, strict=True) if number)
    cells = [(year, number, row[index]) for year, index in years for number, row in rows]
    period = "quarter" if len(rows) == 4 else "month"
    return _Turned(
        [f"{year}-{number:02d}-01" for year, number, _ in cells],
        [cell for _, _, cell in cells],
        [],
        "",
        f"Each row is a {period}, each column a year; they are read as {len(cells)} rows.",
    )
