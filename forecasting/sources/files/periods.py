"""Tables with a row a series and a column a date, such as years in columns: turned so that each
row is a date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from forecasting.errors import SourceError
from forecasting.series import Finding
from forecasting.sources.files.grid import MAX_COLUMNS, Grid, cell_kind, dated_cells
from forecasting.sources.files.numbers import MISSING
from forecasting.sources.files.vocabulary import months, plain

#: Rows of which the leading cells are looked at: where they are dates, the header has none.
_TOP = 20
#: A value of Eurostat with the letters behind it that tell how it came about, or a colon for none.
_FLAGGED = re.compile(r"\s*(?P<value>:|-?\d[\d.]*(?:[eE][-+]?\d+)?)(?:\s+[a-z]{1,4})?\s*")


def by_date(grid: Grid) -> Grid:
    """Return a table whose header holds dates, with a row a series, as one with a row a date and a
    column a series; any other table as it is.

    A series is named by the first of its leading cells that tell it from the others. Rows without a
    value, such as notes below the table, are left out.

    Raises
    ------
    SourceError
        More rows than columns of a table are read.
    """
    import pyarrow as pa

    if len(grid.header) != 1 or grid.rows == 0:
        return grid
    first, last = dated_cells(grid.header[0])
    top = [column.slice(0, _TOP).cast(pa.string()).to_pylist() for column in grid.columns[:first]]
    if first < 1 or any(cell and cell_kind(cell) == "D" for cells in top for cell in cells):
        return grid
    texts = [column.cast(pa.string()).fill_null("").to_pylist() for column in grid.columns]
    rows = [[column[row] for column in texts[first:last]] for row in range(grid.rows)]
    flagged = "\\" in grid.header[0][first - 1]
    if flagged:
        rows = [[_without_flag(cell) for cell in row] for row in rows]
    filled_rows = [row for row, cells in enumerate(rows) if any(map(_is_value, cells))]
    keys = [[column[row].strip() for column in texts[:first]] for row in filled_rows]
    if flagged:
        keys = [[part for cell in key for part in cell.split(",")] for key in keys]
    if not filled_rows or len({len(key) for key in keys}) > 1 or _are_months(keys):
        return grid
    if len(filled_rows) > MAX_COLUMNS:
        raise SourceError(
            f"The table has {len(filled_rows):,} rows of series; at most {MAX_COLUMNS:,} are read.",
            "Keep only the rows needed.",
        )
    names = _names(keys)
    if len(set(names)) < len(names):
        return grid
    days = [_date_in(name) for name in grid.header[0][first:last]]
    message = f"Each row is a series, each column a date; {len(filled_rows)} series are read."
    finding = Finding("dates_in_columns", message, len(filled_rows), "info", "turned")
    values = [pa.array(rows[row], pa.string()) for row in filled_rows]
    return replace(
        grid,
        columns=(pa.array(days, pa.string()), *values),
        header=(("date", *names),),
        findings=(*grid.findings, finding),
        block=None,
    )


def _date_in(name: str) -> str:
    """Return the date of a column's name: of ``1960 [YR1960]`` what stands before the bracket."""
    return name.split("[")[0].strip()


def _without_flag(cell: str) -> str:
    found = _FLAGGED.fullmatch(cell)
    return ("" if found["value"] == ":" else found["value"]) if found else cell


def _is_value(cell: str) -> bool:
    return cell.strip().lower() not in MISSING


def _are_months(keys: Sequence[Sequence[str]]) -> bool:
    """Tell whether rows are months: such tables have one series, not twelve."""
    return all(any(plain(cell) in months() for cell in key) for key in keys)


def _names(keys: Sequence[Sequence[str]]) -> list[str]:
    """Return a name a row: the first leading cells that tell all rows apart, text that is filled
    in each row before numbers, and both before others.
    """
    kinds = [{cell_kind(cell) for cell in cells} for cells in zip(*keys, strict=True)]
    ranks = [2 if "E" in found else int("N" in found) for found in kinds]
    chosen: list[int] = []
    groups = 1
    for index in sorted(range(len(ranks)), key=ranks.__getitem__):
        count = len({tuple(key[at] for at in (*chosen, index)) for key in keys})
        if count > groups:
            chosen, groups = [*chosen, index], count
    return [" / ".join(key[at] for at in chosen or [0] if key[at]) for key in keys]
