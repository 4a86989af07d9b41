"""Whether a file holds forecasts rather than prices, told by the names of its columns alone."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forecasting.errors import CandlecastError
from forecasting.imported_forecasts.date_headers import is_date
from forecasting.imported_forecasts.header_lines import lines_of_names, spanned
from forecasting.imported_forecasts.names import is_actual_name, is_model_name, read_name
from forecasting.sources.files.container import Opened, inspect_file
from forecasting.sources.files.text import detect_encoding

#: Largest workbook that is looked into.
_SMALL_WORKBOOK = 2**20
_LINES = 12
#: Keys of documents that hold forecasts.
_KEYS = re.compile(rb'"(?:prediction_results|predictions|quantiles|samples|forecast|cutoff)"\s*:')
#: Names that nothing but a table of fable has; fewest columns of steps ahead.
_FABLE, _LEAST_STEPS = {".model", ".mean"}, 5


def holds_forecasts(path: str | Path) -> bool:
    """Tell whether a file surely holds forecasts; quick, and False where that is not sure.

    Parameters
    ----------
    path : str or Path
    """
    try:
        opened = inspect_file(path)
        if opened.kind == "json" and _KEYS.search(opened.head[:20_000]):
            return True
        return any(map(names_say_forecasts, _headers(opened)))
    except (CandlecastError, OSError, ValueError):
        return False


def names_say_forecasts(names: Sequence[str]) -> bool:
    """Tell whether the names of columns are those of forecasts.

    They are where quantiles or bands have levels, where a cutoff stands beside other dates, where a
    forecast or a well-known model stands beside what happened, and where limits stand beside what
    is said to have happened.
    """
    kinds = Counter(read_name(name).kind for name in names if name.strip())
    texts = [name for name in map(read_name, names) if name.kind in ("quantile", "lower", "upper")]
    levels = sum(name.level > 0 for name in texts)
    dated = kinds["ds"] + kinds["target_ds"] + (not names[0].strip() if names else 0)
    steps = sum(re.fullmatch(r"(?i)f\d{1,2}", name.strip()) is not None for name in names)
    forecast = kinds["point"] + kinds["mean"]
    actual, model = any(map(is_actual_name, names)), any(map(is_model_name, names))
    return bool(
        (levels > 1 and (dated or kinds["step"]))
        or (kinds["cutoff"] and dated)
        or (kinds["level"] and kinds["value"] and dated)
        or (forecast and kinds["y"])
        or (model and dated and (kinds["y"] or kinds["price"]))
        or (actual and dated and kinds["lower"] and kinds["upper"])
        or set(names) >= _FABLE
        or (steps >= _LEAST_STEPS and (kinds["unique_id"] or dated))
    )


def _headers(opened: Opened) -> list[Sequence[str]]:
    """Return the rows that may name the columns of a file."""
    if opened.kind == "parquet":
        import pyarrow.parquet as pq

        return [pq.ParquetFile(opened.path).schema_arrow.names]
    if opened.kind == "excel":
        return _sheet_rows(opened)
    if opened.kind == "json":
        return [re.findall(r'"([^"\\]{1,60})"\s*:', opened.head[:4000].decode("utf-8", "replace"))]
    if opened.kind != "text":
        return []
    encoding, _ = detect_encoding(opened.head)
    lines = opened.head[:65_536].decode(encoding, "replace").splitlines()[:_LINES]
    marks = [mark for mark in ",;\t|" if any(mark in line for line in lines)]
    found: list[Sequence[str]] = []
    for mark in marks:
        rows = [row for row in csv.reader(lines, delimiter=mark) if len(row) > 2]
        found += [*rows, _of_dated_columns(rows)]
    return found


def _of_dated_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return what the columns of a table with dates for columns are called once it is turned: by
    the names of its rows; nothing for any other table.
    """
    if len(rows) < 2 or not all(map(is_date, rows[0][1:_LINES])):
        return []
    labels = [row[0] for row in rows[1:] if row[0].strip()]
    return ["ds", "cutoff"] if labels and all(map(is_date, labels)) else ["ds", *labels]


def _sheet_rows(opened: Opened) -> list[Sequence[str]]:
    from forecasting.sources.files.cells import Tables, read_tables
    from forecasting.sources.options import ReadOptions

    if opened.path.stat().st_size > _SMALL_WORKBOOK:
        return []
    tables: Tables = read_tables(opened.path, ReadOptions())
    found: list[Sequence[str]] = []
    for name in tables.names[:8]:
        try:
            grid = tables.grid(name)
        except CandlecastError:
            continue
        lines = lines_of_names(grid).split("-")
        above = grid.above[-(int(lines[1]) - int(lines[0])) :] if len(lines) > 1 else ()
        found.append(spanned(replace(grid, header=(*above, *grid.header))).names)
    return found
