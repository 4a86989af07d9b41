"""Large plain CSV files at the speed of pyarrow: blocks are parsed side by side, and any
surprise hands over to the careful reader.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from forecasting.series import COLUMNS, Floats
from forecasting.sources.files.assign_columns import Roles
from forecasting.sources.files.container import Opened, Unpacked, unpacked
from forecasting.sources.files.grid import Grid, fit_header, most_rows, pad, too_many
from forecasting.sources.files.numbers import MISSING
from forecasting.sources.files.text import MAX_LINE, Dialect, Splitter

#: Files below this size are read carefully at once: that takes no time worth saving.
SMALL = 2 << 20

#: Bytes that are parsed at a time; larger blocks leave the processor's cache and take half again as
#: long.
_BLOCK = 1 << 20
_NULLS = [
    spelling
    for word in MISSING
    for spelling in dict.fromkeys((word, word.upper(), word.capitalize()))
] + ["NaN", "-NaN", "<NA>"]


def read_swiftly(
    opened: Opened, dialect: Dialect, roles: Roles, sample: Grid
) -> tuple[Grid, str] | None:
    """Read a file whose numbers all have decimal points and whose cells need no cleaning.

    Parameters
    ----------
    opened, dialect
        The file and how its first rows are written.
    roles : Roles
        Only columns with a role are read.
    sample : Grid
        The first rows.

    Returns
    -------
    (Grid, str) or None
        Typed columns and the SHA-256 of the file; None where the file needs the careful reader.
    """
    if not _eligible(opened, dialect, roles, sample):
        return None
    import pyarrow as pa

    types = {c.index: _type_of(c.role, sample.columns[c.index]) for c in roles.columns if c.role}
    try:
        columns, block, digest = _parsed(opened, dialect, types, _in_series_order(roles))
    except (pa.ArrowException, ValueError):
        return None
    whole = tuple(
        columns[index] if index in columns else pa.nulls(block.shape[1])
        for index in range(dialect.frame.width)
    )
    return Grid(
        whole, sample.header, sample.above, sample.header_rows, sample.first_row, block=block
    ), digest


def _in_series_order(roles: Roles) -> list[int]:
    """Return the columns of numbers, those of a series in the order in which it keeps them."""
    indices = [c.index for c in roles.columns if c.role not in ("", "date", "time", "symbol")]
    kinds = {c.index: c.role for c in roles.columns}
    return sorted(
        indices,
        key=lambda index: COLUMNS.index(kinds[index]) if kinds[index] in COLUMNS else len(COLUMNS),
    )


def _eligible(opened: Opened, dialect: Dialect, roles: Roles, sample: Grid) -> bool:
    """Tell whether the first rows are plain throughout."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if (
        dialect.encoding not in ("utf-8", "utf-8-sig")
        or dialect.splitter != Splitter(dialect.delimiter)
        or dialect.delimiter == " "
        or b"\n" not in opened.head
    ):
        return False
    if any(line.count(b'"') % 2 for line in opened.head.split(b"\n", 30)[:30]):
        return False
    if roles.layout == "single" and any(
        not c.role and _is_text(sample.columns[c.index]) for c in roles.columns
    ):
        return False
    missing = pa.array(MISSING)
    for column in roles.columns:
        if column.role in ("", "date", "time", "symbol"):
            continue
        cells = sample.columns[column.index]
        plain = pc.or_(
            pc.match_substring_regex(cells, r"^\s*-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$"),
            pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(cells)), value_set=missing),
        )
        unclear = (
            pc.all(pc.match_substring_regex(cells, r"^[1-9]\d{0,2}\.\d{3}$")).as_py()
            and dialect.delimiter != ","
        )
        if unclear or not pc.all(plain).as_py():
            return False
    return True


def _is_text(cells: Any) -> bool:
    """Tell whether most cells of an unused column are neither numbers nor empty: it may be the
    symbol of a panel.
    """
    import pyarrow.compute as pc

    letters = pc.match_substring_regex(cells.fill_null(""), r"^\s*\p{L}")
    return bool((pc.sum(letters).as_py() or 0) > 0.5 * len(cells))


def _type_of(role: str, cells: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if role not in ("date", "time", "symbol"):
        return pa.float64()
    if role == "date":
        for pattern, kind in (
            (r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?$", pa.timestamp("us")),
            (r"^[1-9]\d{7,17}$", pa.int64()),
        ):
            if pc.all(pc.match_substring_regex(cells, pattern)).as_py():
                return kind
    return pa.dictionary(pa.int32(), pa.string()) if role == "symbol" else pa.string()


class _Sink:
    """The used columns of a file, growing block by block in place: pages of fresh memory cost as
    much as parsing.

    Numbers stand together in one array [C, T], in the order in which a series keeps its columns.
    """

    def __init__(self, types: dict[int, Any], numbers: list[int], capacity: int) -> None:
        self.rows = 0
        self._numbers = numbers
        self._others: dict[int, list[Any]] = {index: [] for index in types if index not in numbers}
        self._block = np.empty((len(numbers), max(1, capacity)))

    def add(self, part: dict[int, Any]) -> None:
        """Append the columns of a block of lines."""
        end = self.rows + len(next(iter(part.values())))
        if end > self._block.shape[1]:
            grown = np.empty((len(self._numbers), end + end // 4))
            grown[:, : self.rows] = self._block[:, : self.rows]
            self._block = grown
        for row, index in enumerate(self._numbers):
            self._block[row, self.rows : end] = part[index]
        for index, pieces in self._others.items():
            pieces.append(part[index])
        self.rows = end

    def finish(self) -> tuple[dict[int, Any], Floats]:
        """Return all columns as pyarrow arrays, and the numbers as one array [C, T] whose memory
        those share.
        """
        import pyarrow as pa

        block = self._block[:, : self.rows]
        columns: dict[int, Any] = {
            index: pa.array(block[row]) for row, index in enumerate(self._numbers)
        }
        for index, pieces in self._others.items():
            columns[index] = (
                pa.array(np.concatenate(pieces))
                if isinstance(pieces[0], np.ndarray)
                else pa.chunked_array(pieces).unify_dictionaries().combine_chunks()
            )
        return columns, block


def _parsed(
    opened: Opened, dialect: Dialect, types: dict[int, Any], numbers: list[int]
) -> tuple[dict[int, Any], Floats, str]:
    """Parse the file block by block in a few threads; return the used columns, their numbers
    together, and the hash of the file.
    """
    from pyarrow import csv

    options = {
        "parse_options": csv.ParseOptions(delimiter=dialect.delimiter),
        "convert_options": csv.ConvertOptions(
            column_types={str(index): kind for index, kind in types.items()},
            include_columns=[str(index) for index in types],
            null_values=_NULLS,
            strings_can_be_null=False,
            timestamp_parsers=[csv.ISO8601],
        ),
    }
    names = [str(index) for index in range(dialect.frame.width)]
    workers = min(4, os.cpu_count() or 1)
    waiting: deque[tuple[bytearray, Future[dict[int, Any]]]] = deque()
    sink = _Sink(types, numbers, _likely_rows(opened))
    buffers = deque(bytearray(_BLOCK + MAX_LINE) for _ in range(workers + 3))

    def take() -> None:
        buffer, future = waiting.popleft()
        sink.add(future.result())
        buffers.append(buffer)
        if too_many(sink.rows):
            raise ValueError(f"{sink.rows} rows are too many")

    with unpacked(opened) as stream, ThreadPoolExecutor(workers) as pool:
        for buffer, begin, end in _blocks(stream, dialect.frame.first_row, buffers):
            waiting.append(
                (buffer, pool.submit(_parse_block, memoryview(buffer)[begin:end], names, options))
            )
            while len(waiting) > workers:
                take()
        while waiting:
            take()
        if sink.rows == 0:
            raise ValueError("there are no rows")
        return *sink.finish(), stream.hexdigest()


def _likely_rows(opened: Opened) -> int:
    """Return somewhat more rows than the file probably has, from the length of its first lines."""
    length = len(opened.head) / max(1, opened.head.count(b"\n"))
    packed = 4 if opened.packing else 1
    likely = int(1.1 * packed * opened.path.stat().st_size / length)
    return min(likely, most_rows()) if too_many(likely) else likely


def _blocks(
    stream: Unpacked, skip: int, buffers: deque[bytearray]
) -> Iterator[tuple[bytearray, int, int]]:
    """Yield blocks of whole lines, as a buffer and where they begin and end in it, without the
    first ``skip`` lines.

    Buffers are taken from ``buffers``, to which they are to be given back: fresh memory costs as
    much as parsing. ValueError for a line that is too long.
    """
    buffer, rest = buffers.popleft(), 0
    while count := stream.fill(memoryview(buffer)[rest : rest + _BLOCK]):
        begin, filled = 0, rest + count
        end = filled if count < _BLOCK else buffer.rfind(b"\n", 0, filled) + 1
        rest = filled - end
        if end == 0 or rest > MAX_LINE:
            raise ValueError("a line is too long")
        for _ in range(skip):
            begin = buffer.find(b"\n", begin, end) + 1
        skip = 0
        following = buffers.popleft()
        following[:rest] = buffer[end:filled]
        if end - begin > 4096 or buffer[begin:end].strip():
            yield buffer, begin, end
        buffer = following
    if buffer[:rest].strip():
        yield buffer, 0, rest


def _parse_block(block: memoryview, names: list[str], options: dict[str, Any]) -> dict[int, Any]:
    """Return the columns of a block: numbers and dates as numpy arrays, text as pyarrow arrays."""
    import pyarrow as pa
    from pyarrow import csv

    read = csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False)
    table = csv.read_csv(pa.BufferReader(block), read_options=read, **options)
    parts: dict[int, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        kind = column.type
        if column.num_chunks != 1:
            raise ValueError("there are no rows")
        if pa.types.is_floating(kind):
            parts[int(name)] = column.chunk(0).to_numpy(zero_copy_only=False)
        elif pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
            if column.null_count:
                raise ValueError("dates are missing")
            parts[int(name)] = column.chunk(0).to_numpy(zero_copy_only=False)
        else:
            parts[int(name)] = column.chunk(0)
    return parts


def sample_grid(rows: list[list[str]], dialect: Dialect) -> Grid:
    """Return the first rows of a text file as a grid."""
    import pyarrow as pa

    frame = dialect.frame
    body = [pad(row, frame.width) for row in rows[frame.first_row :] if row]
    columns = tuple(pa.array(cells, pa.string()) for cells in zip(*body, strict=True))
    last_filled = any(row[-1] for row in body)
    above_rows = [rows[index] for index in frame.header_rows]
    header = fit_header(above_rows, frame.width, last_filled, body[0][0] if body else "")
    above = tuple(
        tuple(cell.strip() for cell in row)
        for row in rows[: min((*frame.header_rows, frame.first_row))]
        if row
    )
    return Grid(columns, header, above, frame.header_rows, frame.first_row)
