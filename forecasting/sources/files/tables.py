"""Workbooks and Parquet files: tables whose cells have types already."""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from forecasting.errors import SourceError
from forecasting.sources.files.container import MAX_RATIO, Opened, whole_file
from forecasting.sources.files.grid import (
    MAX_COLUMNS,
    Grid,
    find_frame,
    fit_header,
    most_rows,
    too_many,
)
from forecasting.sources.files.labels import PRICE_ROLES, levels_of, read_label
from forecasting.sources.files.typed import raw_bytes
from forecasting.sources.files.workbooks import check_workbook

#: Most bytes of a name or of metadata in a Parquet file.
_THRIFT_BYTES = 16 * 2**20
#: Seconds from 1970 to the first and the last day that calendars have.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
#: Workbooks of fewer bytes are looked at whole for the sheets that are filled.
_SMALL_WORKBOOK = 4 * 2**20
#: Bytes that a packed table may always fill.
FREE_BYTES = 64 * 2**20


class Workbook:
    """The sheets of an Excel workbook.

    Parameters
    ----------
    opened : Opened
    form : str
        Known strptime pattern of dates that are text, or "".
    header : str
        Known rows of the header, as of :func:`forecasting.sources.files.grid.header_lines`.

    Attributes
    ----------
    names : tuple of str
        All sheets.
    digest : str
        SHA-256 (hex) of the file.

    Raises
    ------
    SourceError
        A damaged, protected or oversized workbook.
    """

    def __init__(self, opened: Opened, form: str = "", header: str = "") -> None:
        import python_calamine as calamine

        self._form, self._header = form, header
        data, self.digest = whole_file(opened)
        name = opened.path.name
        check_workbook(data, name)
        try:
            self._book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        except calamine.PasswordError as error:
            raise SourceError(
                f"{name} is protected by a password.", "Save it without one, or as CSV."
            ) from error
        except (calamine.CalamineError, OSError, ValueError, OverflowError) as error:
            raise SourceError(
                f"{name} is no workbook that can be read: {error}.", "Save it as .xlsx or CSV."
            ) from error
        self.names: tuple[str, ...] = tuple(self._book.sheet_names)
        self._small = len(data) < _SMALL_WORKBOOK

    def grid(self, sheet: str) -> Grid:
        """Return the table of a sheet; SourceError where it holds none."""
        import python_calamine as calamine

        try:
            rows = self._book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
            return _sheet_grid(rows, self._form, self._header)
        except (calamine.CalamineError, ValueError, OverflowError) as error:
            raise SourceError(f"The sheet cannot be read: {error}.", "Save it as CSV.") from error

    def filled(self, sheet: str) -> bool:
        """Tell whether a sheet has cells, as far as it takes no long time to find out."""
        import python_calamine as calamine

        try:
            return not self._small or bool(self._book.get_sheet_by_name(sheet).total_height)
        except (calamine.CalamineError, ValueError, OverflowError):
            return False


def _sheet_grid(rows: Sequence[Sequence[Any]], form: str, named: str = "") -> Grid:
    """Return the cells of a sheet; a column that holds numbers only, or dates only, keeps its
    type.
    """
    sample = [[_as_text(cell) for cell in row] for row in rows[:400]]
    frame = find_frame(sample, form, named)
    body = [row for row in rows[frame.first_row :] if any(cell not in ("", None) for cell in row)]
    columns = tuple(_typed(list(cells)) for cells in zip(*body, strict=True))[: frame.width]
    above_rows = [sample[index] for index in frame.header_rows]
    first = _as_text(body[0][0]) if body and body[0] else ""
    header = fit_header(above_rows, len(columns), True, first)
    above = tuple(
        tuple(row) for row in sample[: min((*frame.header_rows, frame.first_row))] if any(row)
    )
    return Grid(columns, header, above, frame.header_rows, frame.first_row)


def _as_text(cell: Any) -> str:
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    return "" if cell is None else str(cell).strip()


def _typed(cells: list[Any]) -> Any:
    import pyarrow as pa

    filled = [cell for cell in cells if cell not in ("", None)]
    if filled and all(
        isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in filled
    ):
        return pa.array(
            [None if cell in ("", None) else float(cell) for cell in cells], pa.float64()
        )
    if filled and all(isinstance(cell, dt.date) for cell in filled):
        return pa.array(
            [None if cell in ("", None) else _midnight(cell) for cell in cells], pa.timestamp("us")
        )
    return pa.array([_as_text(cell) for cell in cells], pa.string())


def _midnight(cell: dt.date) -> dt.datetime:
    return cell if isinstance(cell, dt.datetime) else dt.datetime(cell.year, cell.month, cell.day)


def read_parquet(opened: Opened) -> tuple[Grid, str]:
    """Read a Parquet file; an index that pandas wrote is a column like any other.

    Returns
    -------
    grid : Grid
    digest : str
        SHA-256 (hex) of the file.

    Raises
    ------
    SourceError
        A damaged file, or more rows or columns than are read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data, digest = whole_file(opened)
    name, most = opened.path.name, unpacked_limit(data)
    with explained(name, "Parquet"):
        about = pq.ParquetFile(
            pa.BufferReader(data),
            thrift_string_size_limit=_THRIFT_BYTES,
            thrift_container_size_limit=100_000,
        )
        rows, width = about.metadata.num_rows, about.metadata.num_columns
        if too_many(rows) or width > MAX_COLUMNS:
            raise SourceError(
                f"{name} has {rows:,} rows and {width:,} columns.",
                f"With the memory that is free now at most {most_rows():,} and "
                f"{MAX_COLUMNS:,} are read.",
            )
        if rows * width * 8 > most or _unpacked_bytes(about.metadata) > most:
            raise SourceError(
                f"{name} packs {rows:,} rows of {width:,} columns more than {MAX_RATIO}-fold.",
                "Save the prices as CSV.",
            )
        texts = [
            column.path
            for column in about.schema
            if column.physical_type == "BYTE_ARRAY" and column.max_repetition_level == 0
        ]
        table = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts).read()
        if sum(text_bytes(column) for column in table.columns) > most:
            raise SourceError(
                f"{name} holds texts of more than {most >> 20} MB.", "Keep only the columns needed."
            )
    return grid_of(table, name), digest


def unpacked_limit(data: bytes) -> int:
    """Return the most bytes that a file of columns may hold once it is unpacked."""
    return max(FREE_BYTES, MAX_RATIO * len(data))


@contextmanager
def explained(name: str, form: str) -> Iterator[None]:
    """Turn whatever a damaged file of columns makes of the library that reads it into a
    :class:`SourceError`.
    """
    import pyarrow as pa

    try:
        yield
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        struct.error,
        MemoryError,
        RecursionError,
    ) as error:
        raise SourceError(
            f"{name} is no {form} file that can be read: {error}.",
            "Write it again, or save it as CSV.",
        ) from error


def grid_of(table: Any, name: str) -> Grid:
    """Return an Arrow table as cells.

    Raises
    ------
    SourceError
        No rows, a single column, or prices that are no numbers but raw bytes or lists.
    """
    import pyarrow as pa

    if table.num_rows == 0 or table.num_columns < 2:
        raise SourceError(
            f"{name} has {table.num_rows} rows and {table.num_columns} columns.",
            "A date column and a value are needed.",
        )
    for field in table.schema:
        binary = (
            pa.types.is_binary(field.type)
            or pa.types.is_large_binary(field.type)
            or pa.types.is_fixed_size_binary(field.type)
        )
        if (binary or pa.types.is_nested(field.type)) and read_label(
            (field.name,)
        ).role in PRICE_ROLES:
            raise raw_bytes(name, field.name)
    labels = [levels_of(column) for column in table.column_names]
    depth = max(map(len, labels))
    header = tuple(
        tuple(label[level] if level < len(label) else "" for label in labels)
        for level in range(depth)
    )
    with explained(name, "Arrow"):
        columns = [_stored(table.column(index), table.field(index)) for index in range(len(labels))]
    return Grid(tuple(map(_plain, columns)), header)


def _unpacked_bytes(about: Any) -> int:
    groups = (about.row_group(index) for index in range(about.num_row_groups))
    return sum(
        int(group.column(index).total_uncompressed_size)
        for group in groups
        for index in range(group.num_columns)
    )


def text_bytes(column: Any) -> int:
    """Return how large a column of texts becomes where each cell has its own; 0 for other
    columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if not pa.types.is_dictionary(kind) or not (
        pa.types.is_string(kind.value_type) or pa.types.is_binary(kind.value_type)
    ):
        return 0
    sizes = (
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )
    return sum(int(size) for size in sizes)


def _in_calendar(column: Any) -> Any:
    """Return time stamps, those beyond the years 1 to 9999 missing: no calendar has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 0}[
        column.type.unit
    ]  # all nanoseconds of 64 bits lie within
    ticks = column.cast(pa.int64())
    known = pc.and_(
        pc.greater_equal(ticks, _FIRST_S * scale), pc.less_equal(ticks, _LAST_S * scale)
    )
    return pc.if_else(known, column, None) if scale else column


def _stored(column: Any, field: Any) -> Any:
    """Return a column of an extension type as what it is stored as; periods of pandas, counted
    from 1970 in units of their own, as time stamps.
    """
    import pyarrow as pa

    about = field.metadata or {}
    name, facts = (about.get(b"ARROW:extension:" + key, b"") for key in (b"name", b"metadata"))
    if isinstance(column.type, pa.BaseExtensionType):
        name, facts = column.type.extension_name.encode(), column.type.__arrow_ext_serialize__()
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, column.type.storage_type)
    if name != b"pandas.period":
        return column
    import pandas as pd

    freq = json.loads(facts)["freq"]
    ordinals = column.cast(pa.int64())
    known = ordinals.fill_null(0).to_numpy()
    index = pd.PeriodIndex.from_ordinals(known, freq=freq)  # type: ignore[attr-defined]
    stamps = index.to_timestamp()
    missing = ordinals.is_null().combine_chunks().to_numpy(zero_copy_only=False)
    return pa.chunked_array([pa.array(stamps.to_numpy("datetime64[us]"), mask=missing)])


def _plain(column: Any) -> Any:
    """Return a column as one array of text, numbers or time stamps."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif pa.types.is_timestamp(kind):
        column = _in_calendar(column)
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    elif (
        pa.types.is_nested(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        column = pa.chunked_array([pa.nulls(len(column), pa.string())])
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
