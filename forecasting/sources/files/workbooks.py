"""Whether a workbook may be handed to calamine, which allocates what it claims: the rectangle of
its cells, and a text for each of them.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.errors import SourceError
from forecasting.files.bounded_read import open_zip
from forecasting.series import Ints
from forecasting.sources.files import container

#: Most cells of a sheet, counted as the rectangle that holds them: calamine allocates all of it.
MAX_CELLS = 20_000_000
#: A rectangle of more cells than this has to be filled in part.
_SPARSE, _FILLED = 1_000_000, 1 / 20
#: Most times that a part may be larger than it is packed, once it has more bytes than this.
_RATIO, _FREE_BYTES = 100, 16 * 2**20
#: Longest text of a cell, in bytes of XML: Excel allows 32,767 letters; and most bytes of the texts
#: of all cells.
_LONGEST_TEXT, _TEXT_BYTES, _SHORT_TEXT = 400_000, 192 * 2**20, 1000
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")
_REFERENCE = re.compile(
    rb"""\bt\s*=\s*["']s["'][^>]*>\s*(?:<f[^>]*>[^<]*</f>\s*)?<(?:\w+:)?v>\s*(\d{1,9})"""
)
#: A formula whose result nobody has worked out, as libraries write it that do not calculate.
_UNCALCULATED = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^<>]*/>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</)"
)


def uncalculated_formulas(path: Path) -> int:
    """Return about how many formulas of a file have no result; 0 where it is no workbook, or one
    that is not read.
    """
    try:
        opened = container.inspect_file(path)
        data = container.whole_file(opened)[0] if opened.kind == "excel" else b""
        if not data.startswith(b"PK"):
            return 0
        check_workbook(data, path.name)
    except SourceError:
        return 0
    with open_zip(io.BytesIO(data)) as archive:
        sheets = (item for item in archive.infolist() if "/worksheets/" in item.filename.lower())
        pieces = (text for sheet in sheets for text in _pieces(archive, sheet))
        return sum(len(_UNCALCULATED.findall(text)) for text in pieces)


def check_workbook(data: bytes, name: str) -> None:
    """Refuse a workbook that would take far more memory than it has bytes.

    Raises
    ------
    SourceError
        It is damaged, unpacks to more than :func:`container.most_bytes`, or its sheets claim more
        cells or texts than are read.
    """
    if not data.startswith(b"PK"):
        _check_chains(data, name)
        return
    try:
        with open_zip(io.BytesIO(data)) as archive:
            _check(archive, name)
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        EOFError,
        ValueError,
        OSError,
        zlib.error,
    ) as error:
        raise SourceError(
            f"{name} is a damaged workbook: {error}.", "Save it again, or as CSV."
        ) from error


def _check(archive: zipfile.ZipFile, name: str) -> None:
    infos = archive.infolist()
    dense = next(
        (item for item in infos if item.file_size > max(_FREE_BYTES, _RATIO * item.compress_size)),
        None,
    )
    size, most = sum(info.file_size for info in infos), container.most_bytes()
    if dense is not None or size > most:
        what = (
            f"packs {dense.filename} more than {_RATIO}-fold"
            if dense
            else f"unpacks to more than {most >> 20:,} MB"
        )
        raise SourceError(f"{name} {what}.", "Save the sheet with the prices as CSV.")
    texts = next(
        (
            _lengths(archive, item, name)
            for item in infos
            if item.filename.lower() == "xl/sharedstrings.xml"
        ),
        np.zeros(0, np.int64),
    )
    for info in infos:
        if info.filename.lower().endswith((".rels", "sharedstrings.xml", "styles.xml")):
            continue
        sheet = Extent()
        for text in _pieces(archive, info):
            sheet.note(text)
            if texts.size and sheet.letters(text, texts) > _TEXT_BYTES:
                raise SourceError(
                    f"{name}: the texts of a sheet have more than {_TEXT_BYTES >> 20} MB.",
                    "Save the prices alone as CSV.",
                )
        cells = sheet.rows * sheet.columns
        if cells > MAX_CELLS or (cells > _SPARSE and sheet.cells < _FILLED * cells):
            message = (
                f"{name}: a sheet spans {sheet.rows:,} rows and {sheet.columns:,} columns, and "
                f"has {sheet.cells:,} cells."
            )
            raise SourceError(message, "Save the table alone as CSV.")


@dataclass
class Extent:
    """How far a sheet reaches at most, from as much of it as was seen; cells and rows that name
    no place follow the last one.
    """

    last_row: int = 0
    last_column: int = 1
    loose_rows: int = 0
    widest: int = 0
    running: int = 0
    cells: int = 0
    size: int = 0

    @property
    def rows(self) -> int:
        """Rows of the rectangle."""
        return self.last_row + self.loose_rows

    @property
    def columns(self) -> int:
        """Columns of the rectangle."""
        return self.last_column + self.widest

    def note(self, text: bytes) -> None:
        """Take in a piece of the sheet's XML."""
        found = _PLACE.findall(text)
        for letters, digits in set(found):
            self.last_row = max(self.last_row, int(digits))
            self.last_column = max(self.last_column, _column_number(letters))
        placed = sum(bool(letters) for letters, _ in found)
        cells = _cells(text)
        self.cells += cells
        self.loose_rows += max(0, text.count(b"<row") + text.count(b":row") - (len(found) - placed))
        if cells > placed:
            first, *rest = text.split(b"<row")
            counts = [self.running + _cells(first), *map(_cells, rest)]
            self.widest, self.running = max(self.widest, *counts), counts[-1]

    def letters(self, text: bytes, lengths: Ints) -> int:
        """Return how many bytes the texts have that cells name, those of a piece added to those
        before.
        """
        named = np.array(_REFERENCE.findall(text), np.int64)
        self.size += int(lengths[named[named < lengths.size]].sum())
        return self.size


def _cells(text: bytes) -> int:
    return sum(text.count(mark) for mark in (b"<c ", b"<c>", b"<c/", b":c ", b":c>"))


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a part in pieces of whole tags; no more than it states is unpacked."""
    rest = b""
    with archive.open(info) as part:
        while block := part.read(1 << 20):
            text = rest + block
            cut = text.rfind(b"<")
            cut = cut if cut > 0 else len(text)
            yield text[:cut]
            rest = text[cut:]
    yield rest


def _lengths(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Ints:
    """Return the bytes of each shared text; none where all are short."""
    lengths: list[int] = []
    running = 0
    for text in _pieces(archive, info):
        first, *rest = text.split(b"<si")
        sizes = [running + len(first), *map(len, rest)]
        lengths += sizes[:-1]
        running = sizes[-1]
        if max(sizes) > _LONGEST_TEXT:
            raise SourceError(
                f"{name} holds a text of more than {_LONGEST_TEXT:,} bytes.",
                "Save the sheet with the prices as CSV.",
            )
    lengths.append(running)
    found = np.array(lengths[1:], np.int64)
    return found if found.size and found.max() > _SHORT_TEXT else np.zeros(0, np.int64)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _check_chains(data: bytes, name: str) -> None:
    """Refuse an old workbook whose sectors are chained in a circle: calamine would walk it for
    ever.
    """
    if len(data) < 1024 or data[30] not in (9, 12):
        raise SourceError(f"{name} is a damaged workbook.", "Save it again, or as CSV.")
    words = np.frombuffer(data, "<u4", len(data) // 4).astype(np.int64)
    size = 1 << data[30]
    per, count = size // 4, -(-len(data) // size) - 1
    tables, further = list(words[19:128]), int(words[17])
    for _ in range(count + 1):
        if not 0 <= further < count:
            break
        *more, further = [
            int(word) for word in words[(further + 1) * per : (further + 2) * per]
        ] or [-1]
        tables += more
    else:
        raise SourceError(
            f"{name} is damaged: the list of its sectors goes in a circle.",
            "Save it again, or as .xlsx.",
        )
    following = _joined(words, per, [int(table) for table in tables if table < count])
    small: list[int] = []
    index = int(words[15])
    while len(small) <= following.size and index < min(count, following.size):
        small.append(index)
        index = int(following[index])
    if _circles(following) or _circles(_joined(words, per, small)):
        raise SourceError(
            f"{name} is damaged: its sectors go in a circle.", "Save it again, or as .xlsx."
        )


def _joined(words: Ints, per: int, sectors: list[int]) -> Ints:
    """Return the words of some sectors behind each other."""
    return np.concatenate(
        [
            np.zeros(0, np.int64),
            *(words[(sector + 1) * per : (sector + 2) * per] for sector in sectors),
        ]
    )


def _circles(following: Ints) -> bool:
    """Whether some chain never ends, of sectors that each name the next; numbers beyond all
    sectors are ends.
    """
    end = following.size
    ahead = np.append(np.where(following < end, following, end), end)
    for _ in range(end.bit_length() + 1):
        ahead = ahead[ahead]
    return bool((ahead != end).any())
