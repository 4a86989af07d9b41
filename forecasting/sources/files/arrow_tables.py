"""Feather files and Arrow IPC streams: checked before they are unpacked, and validated before
they are used.
"""

from __future__ import annotations

import struct
from typing import Any

from forecasting.errors import SourceError
from forecasting.sources.files.container import MAX_RATIO, Opened, whole_file
from forecasting.sources.files.grid import MAX_COLUMNS, Grid, too_many
from forecasting.sources.files.tables import explained, grid_of, text_bytes, unpacked_limit

#: Kinds of messages that hold data: a dictionary and a batch of records.
_DICTIONARY, _BATCH = 2, 3
#: Most buffers of a batch: a column has few.
_MOST_BUFFERS = 8 * MAX_COLUMNS


def read_arrow(opened: Opened) -> tuple[Grid, str]:
    """Read a Feather file or an Arrow stream; an index that pandas wrote is a column like any
    other.

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

    data, digest = whole_file(opened)
    name, most = opened.path.name, unpacked_limit(data)
    with explained(name, "Arrow"):
        reader = (
            pa.ipc.open_file(pa.BufferReader(data))
            if data.startswith(b"ARROW1")
            else pa.ipc.open_stream(pa.BufferReader(data))
        )
        width = len(reader.schema)
        if width > MAX_COLUMNS:
            raise SourceError(
                f"{name} has {width:,} columns.", f"At most {MAX_COLUMNS:,} are read."
            )
        if _unpacked_bytes(data) > most:
            raise SourceError(
                f"{name} packs its columns more than {MAX_RATIO}-fold.", "Save the prices as CSV."
            )
        table = _validated(reader, name, most)
    return grid_of(table, name), digest


def _validated(reader: Any, name: str, most: int) -> Any:
    """Return all batches as one table whose every offset lies within its buffers.

    Raises
    ------
    SourceError
        More rows or texts than are read.
    """
    import pyarrow as pa

    batches, rows, size = [], 0, 0
    count = getattr(reader, "num_record_batches", None)
    batch_at = (
        (reader.get_batch(index) for index in range(count)) if count is not None else iter(reader)
    )
    for batch in batch_at:
        batch.validate(full=True)
        rows += batch.num_rows
        size += sum(text_bytes(pa.chunked_array([column])) for column in batch.columns)
        if too_many(rows) or size > most or rows * 8 * batch.num_columns > most:
            raise SourceError(
                f"{name} has {rows:,} rows or more, or texts of {size >> 20} MB.",
                "Keep only the rows and columns needed.",
            )
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def _unpacked_bytes(data: bytes) -> int:
    """Return how many bytes the packed buffers of all batches say that they have once unpacked."""
    index = 8 if data.startswith(b"ARROW1") else 0
    total = 0
    while index + 8 <= len(data):
        mark, size = struct.unpack_from("<Ii", data, index)
        start = index + 8
        if mark != 0xFFFFFFFF:
            size, start = mark, index + 4
        if size <= 0 or start + size > len(data):
            break
        message = _Message(data, start)
        body = start + size
        total += message.unpacked_bytes(body)
        index = body + message.body_size + (-message.body_size % 8)
    return total


class _Message:
    """The head of an Arrow message, as a flat buffer: only what tells the size of its body."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        table = start + self._number("<I", start)
        kind = self._field(table, 1)
        head = self._field(table, 2)
        body = self._field(table, 3)
        self.kind = self._number("<B", kind) if kind else 0
        self.body_size = max(0, self._number("<q", body)) if body else 0
        self._head = head + self._number("<I", head) if head else 0

    def unpacked_bytes(self, body: int) -> int:
        """Return the bytes of the packed buffers once unpacked, 0 where none is packed; ``body``
        is where the buffers begin.
        """
        batch = self._head
        if self.kind == _DICTIONARY and batch:
            inner = self._field(batch, 1)
            batch = inner + self._number("<I", inner) if inner else 0
        if self.kind not in (_DICTIONARY, _BATCH) or not batch or not self._field(batch, 3):
            return 0
        buffers = self._field(batch, 2)
        if not buffers:
            return 0
        vector = buffers + self._number("<I", buffers)
        count = self._number("<I", vector)
        if count > _MOST_BUFFERS:
            raise ValueError(f"a batch has {count:,} buffers")
        total = 0
        for index in range(count):
            offset, length = struct.unpack_from("<qq", self._data, vector + 4 + 16 * index)
            if length >= 8:
                total += max(length, self._number("<q", body + offset))
        return total

    def _field(self, table: int, number: int) -> int:
        """Return where a field of a flat buffer's table stands, 0 where it is left out."""
        fields = table - self._number("<i", table)
        if 4 + 2 * number >= self._number("<H", fields):
            return 0
        offset = self._number("<H", fields + 4 + 2 * number)
        return table + offset if offset else 0

    def _number(self, form: str, index: int) -> int:
        if index < 0:
            raise ValueError("an offset points before the file")
        return int(struct.unpack_from(form, self._data, index)[0])
