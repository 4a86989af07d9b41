"""Tables in which one cell holds a whole forecast, a number for each step, made long."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from forecasting.errors import SourceError
from forecasting.imported_forecasts.names import read_name
from forecasting.series import Finding
from forecasting.sources.files.container import Opened, whole_file
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.text import detect_encoding

#: Most cells of the table that is made; largest text that is looked into.
_MOST_CELLS, _LARGEST = 20_000_000, 200_000_000
_LINES = 20
#: Two numbers in a cell are the limits of a band.
_PAIR = 2
_LIST = re.compile(r"^\s*[\[(].*[\])]\s*$", re.DOTALL)
#: ``np.float64(1.5)`` and ``tensor(1.5)``, as arrays print their numbers.
_WRAPPED = re.compile(r"(?:np\.)?(?:float|int)\d*\(([^()]*)\)|tensor\(([^()]*)\)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|None")


def read_list_cells(opened: Opened) -> Grid | None:
    """Return the table of a text file as :func:`list_grid` does; its first lines decide."""
    encoding, _ = detect_encoding(opened.head)
    try:
        head = opened.head.decode(encoding, "replace")
        if list_grid(head[: head.rfind("\n") + 1]) is None:
            return None
        data, _ = whole_file(opened)
        return list_grid(data.decode(encoding, "replace"))
    except csv.Error:
        return None


def list_grid(text: str) -> Grid | None:
    """Return a table whose cells hold lists of numbers with a row for each number; None for any
    other text.

    Each list is one forecast: its first number is one step after the date of the row.

    Raises
    ------
    SourceError
        Lists of different lengths in one row.
    """
    mark = next((mark for mark in ",;\t|" if _lists(_rows(text[:65_536], mark)[1:])), "")
    if not mark or len(text) > _LARGEST:
        return None
    header, *body = _rows(text, mark)
    body = [row for row in body if len(row) == len(header)]
    lists = _lists(body)
    return _made(header, body, lists)


def _rows(text: str, mark: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text), delimiter=mark))
    return [row for row in rows if any(cell.strip() for cell in row)]


def _lists(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns whose first cells are all lists of three numbers or more."""
    some = rows[:_LINES]
    if not some or len({len(row) for row in some[:-1] or some}) != 1:
        return []
    width = min(map(len, some))
    return [
        index
        for index in range(width)
        if all(len(_numbers(row[index]) or ()) > _PAIR for row in some[:-1] or some)
    ]


def _numbers(cell: str) -> list[str] | None:
    """Return the numbers of a list as text, None for any other cell."""
    if not _LIST.match(cell):
        return None
    inner = _WRAPPED.sub(lambda found: found[1] or found[2] or "", cell.strip()[1:-1])
    items = [item for item in re.split(r"[,\s]+", inner.strip(" [](),")) if item]
    return items if items and all(_NUMBER.fullmatch(item) for item in items) else None


def _made(header: Sequence[str], body: Sequence[Sequence[str]], lists: Sequence[int]) -> Grid:
    import pyarrow as pa

    names = [name.strip() for name in header]
    dated = [index for index, name in enumerate(names) if read_name(name).kind == "ds"]
    if not any(read_name(name).kind == "cutoff" for name in names) and len(dated) == 1:
        names[dated[0]] = "cutoff"
    for index in lists:
        if read_name(names[index]).kind == "price":
            names[index] = "y"
    columns: list[list[str]] = [[] for _ in names]
    steps: list[str] = []
    for row in body:
        found = {index: _numbers(row[index]) or [] for index in lists}
        lengths = {len(items) for items in found.values()}
        if len(lengths) != 1:
            raise SourceError(
                f"A row holds lists of {' and '.join(map(str, sorted(lengths)))} numbers.",
                "Give every list of a row one number for each step.",
            )
        count = lengths.pop()
        if (len(steps) + count) * len(names) > _MOST_CELLS:
            raise SourceError("The lists hold too many numbers.", "Split the file.")
        for index, column in enumerate(columns):
            column += found.get(index) or [row[index]] * count
        steps += [str(step) for step in range(1, count + 1)]
    listed = ", ".join(header[index] for index in lists[:4])
    message = f"Cells of {listed} hold a number for each step after the date of their row."
    finding = Finding("list_cells", message, len(body), "info", "assumed")
    arrays = tuple(pa.array(column) for column in (*columns, steps))
    return Grid(arrays, ((*names, "step"),), findings=(finding,))
