"""Names of columns in several lines, as merged cells and the MultiIndex of pandas make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from forecasting.imported_forecasts.names import read_name
from forecasting.sources.files.grid import Grid

#: Most lines that name the columns together.
_MOST_LINES = 3


def lines_of_names(grid: Grid) -> str:
    """Return the lines that name the columns, as ``2-3`` counted from 1; "" where it is the one
    that was found.

    A line above belongs to them where it has several cells, and names of the found line are
    lacking, are there twice, or are limits of a band that do not say which.
    """
    if len(grid.header_rows) != 1 or not grid.above:
        return ""
    line, names = grid.header_rows[0], [cell.strip() for cell in grid.header[0]]
    first = line
    for row in reversed(grid.above):
        cells = [*(cell.strip() for cell in row), *[""] * len(names)][: len(names)]
        if sum(map(bool, cells)) < 2 or line - first + 2 > _MOST_LINES or not _open(names, cells):
            break
        names = [f"{above} {name}".strip() for above, name in zip(cells, names, strict=True)]
        first -= 1
    return f"{first + 1}-{line + 1}" if first < line else ""


def _open(names: Sequence[str], above: Sequence[str]) -> bool:
    """Whether names need the line above them."""
    lacking = any(cell and not name for name, cell in zip(names, above, strict=True))
    filled = [name for name in names if name]
    read = [read_name(name) for name in filled]
    limits = any(name.kind in ("lower", "upper") and not name.level for name in read)
    return lacking or len(set(filled)) < len(filled) or limits


def spanned(grid: Grid) -> Grid:
    """Return a table in which a name above several columns, as that of a merged cell, names all
    of them: as far as the line below has names.
    """
    header = [list(row) for row in grid.header]
    for row, below in pairwise(header):
        for index in range(1, len(row)):
            if not row[index].strip() and below[index].strip() and below[index - 1].strip():
                row[index] = row[index - 1]
    return replace(grid, header=tuple(map(tuple, header)))
