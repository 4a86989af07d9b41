"""Tables that leave the program: CSV, Parquet, and text for the clipboard, none of which a
spreadsheet takes for formulas.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.charts.plot import Columns
from app.charts.price_table import LEVELS, forecast_columns, zoned
from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.files.atomic import atomic_write
from forecasting.series import Dates

__all__ = [
    "LEVELS",
    "TABLES",
    "clipboard_text",
    "csv_bytes",
    "forecasts",
    "iso",
    "parquet_bytes",
    "write_table",
]


def forecasts(result: RunResult | Prediction | None) -> Columns:
    """Return the forecasts of all series, one row a bar, columns as Nixtla's libraries name them.

    Dates of bars with a time and a known zone are aware datetimes.

    Raises
    ------
    ExportError
        There is no forecast.
    """
    if result is None or not result.forecasts:
        raise ExportError("There is no forecast to write.", "Train a network first.")
    made = result.forecasts
    parts = [forecast_columns(item) for item in made]
    zones = {series.symbol: series.tz for series in result.panel}
    dates = [zoned(item.ds, zones.get(item.symbol, "")) for item in made]
    mixed = len({item.dtype.kind for item in dates}) > 1
    table: dict[str, Any] = {
        "unique_id": np.concatenate([np.full(len(item), item.symbol) for item in made]).astype(
            object
        ),
        "ds": np.concatenate([item.ds for item in made] if mixed else dates),
    }
    return table | {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def write_table(path: str | Path, columns: Columns) -> None:
    """Write a table to a file whose suffix, a key of :data:`TABLES`, decides on the format.

    Raises
    ------
    ExportError
        An unknown suffix, an empty table, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in TABLES:
        raise ExportError(
            f"{path.name}: there is no format '{path.suffix}'.", f"Tables are {', '.join(TABLES)}."
        )
    if not columns:
        raise ExportError("There is no data to write.", "Wait until something is drawn.")
    atomic_write(path, TABLES[path.suffix.lower()][1](columns))


def csv_bytes(columns: Columns) -> bytes:
    """Return a table as CSV in UTF-8: ISO dates, decimal points, an empty cell for what is unknown.

    Dates of a known zone carry their offset.
    """
    return _separated(columns, ",").encode("utf-8")


def clipboard_text(columns: Columns) -> str:
    """Return a table with tabs between its cells, which spreadsheets paste as cells."""
    return _separated(columns, "\t")


def parquet_bytes(columns: Columns) -> bytes:
    """Return a table as a Parquet file: numbers as doubles or integers, dates as timestamps, in
    their zone where it is known.

    Dates of several zones are kept in UTC.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    def column(values: Any) -> pa.Array:
        array = np.asarray(values)
        if array.dtype.kind == "M":
            return pa.array(array.astype("datetime64[us]"))
        if _is_aware(array):
            zones = {str(item.tzinfo) for item in array}
            utc = [item.astimezone(UTC) for item in array]
            return pa.array(utc, pa.timestamp("us", tz=zones.pop() if len(zones) == 1 else "UTC"))
        return pa.array(array if array.dtype.kind in "fiub" else [str(item) for item in array])

    buffer = io.BytesIO()
    pq.write_table(
        pa.table({name: column(values) for name, values in columns.items()}),
        buffer,
        compression="zstd",
    )
    return buffer.getvalue()


def _is_aware(array: npt.NDArray[Any]) -> bool:
    return (
        array.dtype == object
        and array.size > 0
        and all(isinstance(item, datetime) for item in array)
    )


def iso(ds: Dates) -> list[str]:
    """Return ISO dates, with times where any bar has one."""
    days = ds.astype("datetime64[D]")
    if (days == ds).all():
        return [str(day) for day in days]
    seconds = ds.astype("datetime64[s]")
    return [str(stamp) for stamp in (seconds if (seconds == ds).all() else ds)]


#: Formats of tables by suffix: what people call them, and what makes the bytes.
TABLES: dict[str, tuple[str, Callable[[Columns], bytes]]] = {
    ".csv": ("CSV table", csv_bytes),
    ".parquet": ("Parquet table", parquet_bytes),
}


def _separated(columns: Columns, delimiter: str) -> str:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow([cell_text(name) for name in columns])
    table.writerows(zip(*(_cells(values) for values in columns.values()), strict=True))
    return text.getvalue()


def _cells(values: Any) -> Iterator[str]:
    """Write the cells of a column: shortest decimals that read back as the same number."""
    array = np.asarray(values)
    if array.dtype.kind == "M":
        return iter(iso(array))
    if _is_aware(array):
        return (item.isoformat() for item in array)
    if array.dtype.kind == "f":
        return ("" if np.isnan(item) else repr(float(item)) for item in array)
    if array.dtype.kind in "iu":
        return (str(int(item)) for item in array)
    return (cell_text(str(item)) for item in array)


def cell_text(text: str) -> str:
    """Keep a text from being read as a formula by spreadsheets (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0")) else text
