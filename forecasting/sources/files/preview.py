"""A look at a file before it is loaded: quick for any size, and with something to look at where
it cannot be read yet.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from forecasting.errors import SourceError
from forecasting.events import Event
from forecasting.files.atomic import TempFolder
from forecasting.files.bounded_read import open_zip, regular_file
from forecasting.sources.files.assign_columns import ColumnReading
from forecasting.sources.files.container import Opened, inspect_file, members_of
from forecasting.sources.files.fast_csv import SMALL
from forecasting.sources.files.grid import Frame, header_lines, pad
from forecasting.sources.files.reader import understand
from forecasting.sources.files.report import Reading
from forecasting.sources.files.text import Splitter, first_lines, read_dialect
from forecasting.sources.options import AS_FOUND, ReadOptions

#: Bytes at the end of a large file that are looked at beside the first 256 KiB.
_TAIL = 1 << 17
_ROWS = 20
#: Findings about the bars themselves, which mean nothing where the middle of the file is left out.
_OF_BARS = (
    *(
        "short",
        "zero_padding",
        "nonpositive",
        "high_below_low",
        "stale",
        "constant_tail",
        "repeated",
    ),
    *("split_like", "outliers", "last_jump", "mixed_frequency", "dst"),
)


@dataclass(frozen=True)
class FileUnderstood(Event):
    """How a file is read, or with ``problem`` (and ``hint``) why it cannot be: the reading then
    holds its raw cells only.
    """

    reading: Reading
    problem: str = ""
    hint: str = ""


def preview(path: str | Path, options: ReadOptions | None = None) -> FileUnderstood:
    """Tell how a file is read, or would have to be.

    Of text files of 2 MB and more, and of packed ones, only the beginning and (where it can be
    reached) the end are looked at.

    Parameters
    ----------
    path : str or Path
    options : ReadOptions, optional
        What is settled beforehand.

    Raises
    ------
    SourceError
        Nothing of the file can be shown: it is missing, too large, or holds no table at all.
    """
    options, path = options or AS_FOUND, Path(path)
    members = _members(path)
    if len(members) > 1 and options.sheet not in members:
        text = f"{path.name} holds {len(members)} files."
        return FileUnderstood(
            replace(_empty(path, options), sheets=members, packing="zip"),
            text,
            "Choose the one to read.",
        )
    opened = inspect_file(path, options.sheet)
    with _excerpt(opened) as (small, share):
        try:
            found = FileUnderstood(understand(small, options))
        except SourceError as error:
            found = FileUnderstood(
                _raw_cells(inspect_file(small, options.sheet), options), error.message, error.hint
            )
    reading = replace(found.reading, path=str(path), packing=opened.packing)
    if members:
        reading = replace(reading, sheet=opened.member, sheets=members)
    return replace(found, reading=reading if share == 1 else _estimated(reading, share))


def _members(path: Path) -> tuple[str, ...]:
    """Return the files in a zip archive; none for anything else, a workbook included."""
    try:
        with regular_file(path).open("rb") as file, open_zip(file) as archive:
            names = members_of(archive)
    except (OSError, zipfile.BadZipFile):
        return ()
    return (
        ()
        if any(name.startswith("xl/") or name == "content.xml" for name in names)
        else tuple(names)
    )


@contextmanager
def _excerpt(opened: Opened) -> Iterator[tuple[Path, float | None]]:
    """Hand out a file to look at and its share of the whole (None where unknown): itself, or
    beginning and end under the same name.
    """
    size = opened.path.stat().st_size
    if opened.kind != "text" or (not opened.packing and size < SMALL):
        yield opened.path, 1.0
        return
    head, _, torn = opened.head.rpartition(b"\n")
    part = head + b"\n" if head and torn else opened.head
    if not opened.packing and 0 not in opened.head[:4096]:
        with opened.path.open("rb") as file:
            file.seek(-_TAIL, os.SEEK_END)
            part += file.read(_TAIL).partition(b"\n")[2]
    whole = len(opened.head) < 1 << 18
    with TempFolder() as folder:
        small = folder.path / opened.path.name
        small.write_bytes(part)
        yield small, 1.0 if whole else None if opened.packing else len(part) / size


def _estimated(reading: Reading, share: float | None) -> Reading:
    """Return the reading of an excerpt as one of the whole file, without what the missing middle
    may have faked.
    """
    findings = tuple(item for item in reading.findings if item.code not in _OF_BARS)
    bars = tuple(round(count / (share or 1)) for count in reading.bars)
    return replace(
        reading, sampled=True, rows=round(reading.rows / (share or 1)), bars=bars, findings=findings
    )


def _raw_cells(opened: Opened, options: ReadOptions) -> Reading:
    """Return the first rows as cells, without any role, as far as the file can be split into
    cells.
    """
    empty = _empty(opened.path, options)
    if opened.kind != "text":
        return replace(empty, kind=opened.kind)
    try:
        dialect, rows = read_dialect(
            opened.head, options.encoding, options.date_format, options.delimiter, options.header
        )
        frame, encoding, splitter = dialect.frame, dialect.encoding, dialect.splitter
    except SourceError:
        encoding, _, lines = first_lines(opened.head, options.encoding)
        splitter = Splitter(
            options.delimiter
            if len(options.delimiter) == 1
            else max(",;\t|", key="".join(lines).count)
        )
        rows = splitter.rows(lines)
        named = (
            header_lines(options.header)
            if options.header.strip().replace("-", "").isdigit()
            else ()
        )
        frame = Frame(
            named or (),
            (named or (-1,))[-1] + 1,
            min(max((len(row) for row in rows), default=1), 64),
        )
    names = [
        " ".join(rows[index][column] for index in frame.header_rows if column < len(rows[index]))
        for column in range(frame.width)
    ]
    return replace(
        empty,
        encoding=encoding,
        delimiter=splitter.delimiter,
        header_rows=frame.header_rows,
        first_row=frame.first_row,
        rows=len(rows) - frame.first_row,
        columns=tuple(
            ColumnReading(index, name or f"column {index + 1}") for index, name in enumerate(names)
        ),
        first=tuple(pad(row, frame.width) for row in rows[frame.first_row :] if row)[:_ROWS],
    )


def _empty(path: Path, options: ReadOptions) -> Reading:
    return Reading(
        str(path),
        "text",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "single",
        "",
        (),
        (),
        0,
        0,
        (),
        (),
        (),
        (),
        (),
        options,
    )
