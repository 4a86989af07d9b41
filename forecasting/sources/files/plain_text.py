"""Delimited text of moderate size without quotes: split by pyarrow, which is many times faster
than line by line where there are many columns.
"""

from __future__ import annotations

import codecs
from typing import Any

from forecasting.sources.files.container import Opened, whole_file

#: Sizes in bytes of the files that are split so: smaller ones take no time worth saving.
_LEAST, _MOST = 1 << 16, 8 << 20


def split_plain(
    opened: Opened, encoding: str, delimiter: str, first_row: int, width: int, longest: int
) -> tuple[list[list[str]], list[Any], str] | None:
    """Split a file all of whose data rows have the same number of cells.

    Parameters
    ----------
    opened : Opened
    encoding, delimiter : str
    first_row : int
        Where the first data row stands, counted from 0.
    width : int
        Cells of a data row.
    longest : int
        Bytes of a line beyond which it is not read.

    Returns
    -------
    (list of rows, list of pyarrow.Array, str) or None
        The rows above the data, the columns as text, and the SHA-256 of the file; None where the
        file has to be split line by line.
    """
    if (
        encoding not in ("utf-8", "utf-8-sig")
        or opened.packing
        or width < 2
        or not _LEAST <= opened.path.stat().st_size <= _MOST
    ):
        return None
    data, digest = whole_file(opened)
    data = data.removeprefix(codecs.BOM_UTF8)
    if b'"' in data or b"\0" in data or (b"\r" in data and not _windows_ends(data)):
        return None
    begin = 0
    top = []
    for _ in range(first_row):
        end = data.find(b"\n", begin) + 1
        line = data[begin:end].decode("utf-8", "replace").rstrip("\r\n")
        top.append(line.split(delimiter) if line.strip() else [])
        begin = end
    if not _lines_end(data, longest // 2):
        return None
    columns = _columns(memoryview(data)[begin:], delimiter, width)
    return None if columns is None else (top, columns, digest)


def _lines_end(data: bytes, every: int) -> bool:
    """Tell whether a line ends in each stretch of so many bytes: none is twice as long then."""
    starts = range(0, len(data) - every, every)
    return all(data.find(b"\n", start, start + every) >= 0 for start in starts)


def _windows_ends(data: bytes) -> bool:
    """Tell whether all carriage returns belong to ends of lines."""
    return data.count(b"\r") == data.count(b"\r\n")


def _columns(data: memoryview, delimiter: str, width: int) -> list[Any] | None:
    """Return the columns of some rows as text; None where rows have another number of cells or
    bytes that are no UTF-8.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = [str(index) for index in range(width)]
    try:
        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(
                column_names=names, block_size=len(data) + 1, use_threads=False
            ),
            parse_options=csv.ParseOptions(
                delimiter=delimiter, quote_char=False, double_quote=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException:
        return None
    return [column.combine_chunks() for column in table.columns] if table.num_rows else None
