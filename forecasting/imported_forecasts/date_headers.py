"""Tables whose columns are dates made long: a row for each date, and for each cutoff or series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecasting.errors import SourceError
from forecasting.imported_forecasts.names import read_name
from forecasting.series import Finding
from forecasting.sources.files.dates import read_dates
from forecasting.sources.files.grid import Grid

#: Fewest columns of dates, and most columns beside them.
_LEAST, _MOST_OTHERS = 3, 4
#: Most rows that become columns, and most cells of the table that is made.
_MOST_ROWS, _MOST_CELLS = 60, 20_000_000
#: Names that are numbers, but for days as 20240131.
_NUMBER = re.compile(r"(?!(?:19|20)\d{6}$)[-+]?\d*(?:[.,]\d+)?%?")
#: Days without a year: 27-Feb, Feb 27, 27.2.
_NO_YEAR = re.compile(
    r"(?i)\d{1,2}(?:st|nd|rd|th)?[-/. ]*[a-z]{3,9}\.?|[a-z]{3,9}\.?[-/. ]*\d{1,2}(?:st|nd|rd|th)?"
    r"|\d{1,2}[./]\d{1,2}\.?"
)
#: Kinds of names that say what the numbers of a row are.
_TELLING = ("y", "price", "point", "mean", "quantile", "lower", "upper", "path")


@dataclass(frozen=True)
class _Shape:
    """Which columns are dates, and which stand beside them."""

    dates: tuple[int, ...]
    others: tuple[int, ...]


def with_dates_in_rows(grid: Grid) -> Grid:
    """Return a table whose columns are dates with a row for each date; any other as it is.

    Rows that are named by what they hold (actual, LSTM, Lower 80%, 0.1) become columns. Rows that
    are named by dates are forecasts made on those dates, if every cell lies after its row's date.
    Other names of rows (series, models, quantiles) are repeated beside the dates.

    Raises
    ------
    SourceError
        Dates without a year, or rows and columns of dates of which either may be the cutoffs.
    """
    shape = _shape(grid)
    if shape is None:
        return grid
    cells = [_texts(grid.columns[index]) for index in shape.dates]
    labels = [_texts(grid.columns[index]) for index in shape.others]
    if len(cells) * grid.rows > _MOST_CELLS:
        raise SourceError(f"The table holds {grid.rows:,} rows of {len(cells)} dates.", "Split it.")
    days = [grid.names[index] for index in shape.dates]
    names = [grid.names[index] for index in shape.others]
    if len(labels) == 1 and _dated(labels[0]):
        made = _by_cutoff(labels[0], days, cells)
    else:
        telling = next(
            (n for n, column in enumerate(labels) if _names_values(names[n], column)), None
        )
        made = (
            _long(names, labels, days, cells)
            if telling is None
            else _turned(telling, names, labels, days, cells)
        )
    message = f"The columns {', '.join(days[:3])} ... are dates: each cell is read as a row."
    finding = Finding("dates_in_columns", message, len(days), "info", "assumed")
    return replace(
        grid,
        columns=tuple(made.values()),
        header=(tuple(made),),
        findings=(*grid.findings, finding),
        block=None,
    )


def _shape(grid: Grid) -> _Shape | None:
    names = [name.strip() for name in grid.names]
    dates = _dates_among(names)
    others = tuple(index for index in range(len(names)) if index not in dates)
    if len(dates) >= _LEAST and len(others) <= _MOST_OTHERS:
        return _Shape(dates, others)
    bare = [name for name in names if _NO_YEAR.fullmatch(name) and not read_name(name).level]
    bare = [name for name in bare if read_name(name).kind == "unknown"]
    if len(bare) >= _LEAST and len(names) - len(bare) <= 1 and _rises(bare):
        raise SourceError(
            f"The columns are named by days without a year: {', '.join(bare[:4])}, ...",
            "Write them with their year, as 2024-01-31, or give the table a column of dates.",
        )
    return None


def is_date(name: str) -> bool:
    """Tell whether the name of a column is a date with a year."""
    return bool(_dates_among([name]))


def _dates_among(names: Sequence[str]) -> tuple[int, ...]:
    """Return which names are dates with a year; those that differ in their digits alone are read
    together, as reading takes long.
    """
    import pyarrow as pa

    alike: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if re.search(r"\d", name) and not _NUMBER.fullmatch(name):
            alike.setdefault(re.sub(r"\d", "0", name), []).append(index)
    found: list[int] = []
    for indices in alike.values():
        read = read_dates(pa.array([names[index] for index in indices])).ds
        found += [index for index, date in zip(indices, read, strict=True) if not np.isnat(date)]
    return tuple(sorted(found))


def _rises(names: Sequence[str]) -> bool:
    """Whether names are days that follow each other, once a year stands beside them."""
    import pyarrow as pa

    days = [re.sub(r"[./]+$", "", name) for name in names]
    for form in ("{}-2024", "{}.2024", "{}/2024"):
        found = read_dates(pa.array([form.format(day) for day in days]))
        if found.readable == 1:
            return True
    return False


def _texts(column: Any) -> list[str]:
    """Return the cells of a column as text, empty ones as ""."""
    cells = column.to_pylist()
    return ["" if cell is None or cell != cell else str(cell).strip() for cell in cells]


def _dated(labels: Sequence[str]) -> bool:
    import pyarrow as pa

    there = [label for label in labels if label]
    return len(there) > 1 and bool(read_dates(pa.array(there)).readable == 1)


def _names_values(name: str, labels: Sequence[str]) -> bool:
    """Whether the labels of rows say what their numbers are."""
    distinct = {label for label in labels if label}
    if not 0 < len(distinct) <= _MOST_ROWS:
        return False
    kinds = {read_name(label).kind for label in distinct}
    few = len(distinct) == len(labels) and read_name(name).kind not in ("unique_id", "model")
    return "y" in kinds or kinds <= set(_TELLING) or (few and bool(kinds & set(_TELLING)))


def _turned(
    telling: int,
    names: Sequence[str],
    labels: Sequence[list[str]],
    days: Sequence[str],
    cells: Sequence[list[str]],
) -> dict[str, Any]:
    """Return a row for each date and each of the other labels, and a column for each label that
    says what the numbers are.
    """
    import pyarrow as pa

    others = [n for n in range(len(labels)) if n != telling]
    keys = list(zip(*(labels[n] for n in others), strict=True)) or [()] * len(labels[telling])
    distinct = list(dict.fromkeys(keys))
    columns: dict[str, list[str]] = {label: [] for label in dict.fromkeys(labels[telling]) if label}
    if len(set(zip(keys, labels[telling], strict=True))) < len(keys):
        raise SourceError(
            f"Several rows are called the same in {names[telling] or 'the first column'}.",
            "Give each row a name of its own.",
        )
    rows = {pair: n for n, pair in enumerate(zip(keys, labels[telling], strict=True))}
    for key in distinct:
        for label, column in columns.items():
            row = rows.get((key, label))
            column += ["" if row is None else cell[row] for cell in cells]
    made = {
        names[n] or "unique_id": pa.array(np.repeat([key[at] for key in distinct], len(days)))
        for at, n in enumerate(others)
    }
    made["ds"] = pa.array(list(days) * len(distinct))
    return made | {label: pa.array(column) for label, column in columns.items()}


def _long(
    names: Sequence[str],
    labels: Sequence[list[str]],
    days: Sequence[str],
    cells: Sequence[list[str]],
) -> dict[str, Any]:
    """Return a row for each row and date, with the labels beside it."""
    import pyarrow as pa

    kinds = {read_name(name).kind for name in names}
    filled = [
        (row, day) for row in range(len(cells[0])) for day in range(len(days)) if cells[day][row]
    ]
    made: dict[str, Any] = {}
    for name, column in zip(names, labels, strict=True):
        made[name or "unique_id"] = pa.array([column[row] for row, _ in filled])
    made["ds"] = pa.array([days[day] for _, day in filled])
    value = "value" if kinds & {"level", "sample"} else "forecast"
    made[value] = pa.array([cells[day][row] for row, day in filled])
    return made


def _by_cutoff(
    labels: Sequence[str], days: Sequence[str], cells: Sequence[list[str]]
) -> dict[str, Any]:
    """Return a row for each cell of a table of dates by dates."""
    import pyarrow as pa

    rows, columns = (read_dates(pa.array(list(texts))).ds for texts in (labels, days))
    filled = [
        (row, day) for row in range(len(labels)) for day in range(len(days)) if cells[day][row]
    ]
    if not filled:
        raise SourceError("The table of dates by dates is empty.", "Fill in its forecasts.")
    later = np.array([columns[day] > rows[row] for row, day in filled])
    if 0 < later.sum() < later.size:
        raise SourceError(
            "Rows and columns of the table are dates, and either may be those of the forecasts.",
            "Make it long: a column of cutoffs, one of dates, and one of forecasts.",
        )
    made_on, of = (0, 1) if later.all() else (1, 0)
    texts = [(labels[row], days[day]) for row, day in filled]
    return {
        "cutoff": pa.array([pair[made_on] for pair in texts]),
        "ds": pa.array([pair[of] for pair in texts]),
        "forecast": pa.array([cells[day][row] for row, day in filled]),
    }
