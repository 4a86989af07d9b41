"""Opening a file safely: by its content, within limits, never by its name and never an address."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar, cast

from forecasting.errors import SourceError

#: Largest file, packed and unpacked, that is opened.
MAX_BYTES = 512 * 2**20

#: Most cells of a sheet, counted as the rectangle that holds them: calamine allocates all of it.
MAX_CELLS = 20_000_000

Kind = Literal["text", "excel", "parquet"]
Taken = TypeVar("Taken")
_PACKED: dict[str, bytes] = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00"}
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "Export the table as CSV first."),
    (b"\x89PNG", "a picture", "Choose a file with prices."),
    (b"\xff\xd8\xff", "a picture", "Choose a file with prices."),
    (b"GIF8", "a picture", "Choose a file with prices."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV first."),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV or Parquet first."),
    (b"ARROW1", "an Arrow file", "Save it as Parquet or CSV."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard", "Unpack it first."),
    (b"\x80\x04\x95", "a Python pickle, which can run code", "Save the data as CSV or Parquet."),
    (b"\x80\x05\x95", "a Python pickle, which can run code", "Save the data as CSV or Parquet."),
)


@dataclass(frozen=True)
class Opened:
    """What a file is, found from its content.

    Attributes
    ----------
    path : Path
    kind : str
        ``text``, ``excel`` or ``parquet``: what is inside, once unpacked.
    packing : str
        ``gzip``, ``bzip2``, ``xz``, ``zip`` or "".
    member : str
        The file inside a zip archive, else "".
    head : bytes
        First bytes, unpacked.
    """

    path: Path
    kind: Kind
    packing: str
    member: str
    head: bytes


class _Hashing(io.RawIOBase):
    """A file that hashes the bytes that are read from it, front to back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._hashed = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: object, /) -> int:
        place = self._file.tell()
        count = cast("io.BufferedReader", self._file).readinto(buffer)  # type: ignore[arg-type]
        new = place + count - self._hashed
        if new > 0 and place <= self._hashed:
            self._digest.update(memoryview(buffer)[count - new : count])  # type: ignore[arg-type]
            self._hashed += new
        return count

    def hexdigest(self) -> str:
        """Return the SHA-256 of the whole file, reading what nobody has read."""
        self._file.seek(self._hashed)
        while block := self._file.read(1 << 20):
            self._digest.update(block)
            self._hashed += len(block)
        return self._digest.hexdigest()


class Unpacked:
    """The unpacked bytes of a file, counted against :data:`MAX_BYTES`; ``hexdigest`` is of the file as it lies on disk."""

    def __init__(self, stream: BinaryIO, hashing: _Hashing, name: str) -> None:
        self._stream, self._hashing, self._name = stream, hashing, name
        self._count = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes (all that is left for -1); SourceError beyond the limit or for damaged packing."""
        block = self._tried(lambda: self._stream.read(size if size >= 0 else MAX_BYTES + 1 - self._count))
        self._note(len(block))
        return block

    def fill(self, view: memoryview) -> int:
        """Read into a buffer until it is full or the file ends; return the number of bytes; errors as :meth:`read`."""
        filled = 0
        stream = cast("io.BufferedReader", self._stream)
        while filled < len(view) and (count := self._tried(partial(stream.readinto, view[filled:]))):
            filled += count
        self._note(filled)
        return filled

    def _tried(self, take: Callable[[], Taken]) -> Taken:
        try:
            return take()
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise SourceError(f"{self._name} is damaged: {error}.", "Fetch the file again, or unpack it by hand.") from error

    def _note(self, count: int) -> None:
        self._count += count
        if self._count > MAX_BYTES:
            raise SourceError(
                f"{self._name} unpacks to more than {MAX_BYTES >> 20} MB.", "Split the file, or keep only the columns needed."
            )

    def hexdigest(self) -> str:
        """Return the SHA-256 (hex) of the file on disk."""
        return self._hashing.hexdigest()


def inspect_file(path: str | Path, member: str = "") -> Opened:
    """Find out what a file is.

    Parameters
    ----------
    path : str or Path
        A file on this computer.
    member : str
        The file to take from a zip archive that holds several.

    Raises
    ------
    SourceError
        No such file, too large, empty, or nothing that holds a table.
    """
    path = _checked(path)
    try:
        with path.open("rb") as file:
            first = file.read(8)
            file.seek(-min(4, path.stat().st_size), os.SEEK_END)
            last = file.read(4)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check the permissions of the file.") from error
    if first[:4] == b"PAR1" and last == b"PAR1":
        return Opened(path, "parquet", "", "", first)
    if first[:4] == b"\xd0\xcf\x11\xe0":
        return Opened(path, "excel", "", "", first)
    packing = next((name for name, magic in _PACKED.items() if first.startswith(magic)), "")
    if first[:4] == b"PK\x03\x04":
        packing, member = "zip", _zip_member(path, member)
        if not member:
            return Opened(path, "excel", "", "", first)
    opened = Opened(path, "text", packing, member, b"")
    with unpacked(opened) as stream:
        head = stream.read(1 << 18)
    _refuse(path, head)
    return Opened(path, "text", packing, member, head)


@contextmanager
def unpacked(opened: Opened) -> Iterator[Unpacked]:
    """Open a file for reading its unpacked bytes once, front to back."""
    with opened.path.open("rb") as file:
        hashing = _Hashing(file)
        name = opened.path.name
        if opened.packing == "gzip":
            yield Unpacked(cast("BinaryIO", gzip.GzipFile(fileobj=hashing, mode="rb")), hashing, name)
        elif opened.packing == "bzip2":
            yield Unpacked(cast("BinaryIO", bz2.BZ2File(cast("BinaryIO", hashing))), hashing, name)
        elif opened.packing == "xz":
            with lzma.LZMAFile(cast("BinaryIO", hashing)) as xz:
                yield Unpacked(cast("BinaryIO", xz), hashing, name)
        elif opened.packing == "zip":
            with opened.path.open("rb") as other, zipfile.ZipFile(other) as archive, archive.open(opened.member) as inner:
                yield Unpacked(cast("BinaryIO", inner), hashing, name)
        else:
            yield Unpacked(cast("BinaryIO", hashing), hashing, name)


def whole_file(opened: Opened) -> tuple[bytes, str]:
    """Return all unpacked bytes and the SHA-256 of the file on disk."""
    with unpacked(opened) as stream:
        return stream.read(), stream.hexdigest()


def check_workbook(data: bytes, name: str) -> None:
    """Refuse a workbook whose sheets claim more cells than :data:`MAX_CELLS` or unpack to more than :data:`MAX_BYTES`.

    calamine allocates the whole rectangle up to the last cell, and a failed allocation ends the process.
    """
    if not data.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
            raise SourceError(f"{name} unpacks to more than {MAX_BYTES >> 20} MB.", "Save the sheet with the prices as CSV.")
        for info in archive.infolist():
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", info.filename):
                rows, columns = _extent(archive, info)
                if rows * columns > MAX_CELLS:
                    raise SourceError(f"{name}: a sheet spans {rows:,} rows and {columns:,} columns.", "Save the table alone as CSV.")


def _extent(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Return the last row and column that the cells of a sheet name."""
    last_row, columns, rest, total = 0, {"A"}, b"", 0
    with archive.open(info) as sheet:
        while block := sheet.read(1 << 20):
            total += len(block)
            if total > MAX_BYTES:
                raise SourceError(f"{info.filename} unpacks to more than {MAX_BYTES >> 20} MB.", "Save the table as CSV.")
            text = rest + block
            for letters, digits in set(re.findall(rb"""\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""", text)):
                last_row = max(last_row, int(digits))
                columns.add(letters.decode().upper() or "A")
            rest = text[-40:]
    return last_row, max(_column_number(letters) for letters in columns)


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _checked(path: str | Path) -> Path:
    """Return the path of an existing file of bearable size."""
    if re.match(r"^[A-Za-z][A-Za-z0-9+.\-]+:/", str(path)) or "\0" in str(path):
        raise SourceError(f"{path} is an address; only files on this computer are opened.", "Download it first, then open the file.")
    path = Path(path).expanduser()
    try:
        if path.is_dir():
            raise SourceError(f"{path} is a folder.", "Choose a file in it.")
        if not path.exists():
            ticker = path.name if re.fullmatch(r"[A-Z0-9^][A-Z0-9.\-=^]{0,24}", path.name) and "." not in path.name else ""
            hint = f"Did you mean yahoo:{ticker}?" if ticker else "Check the path."
            raise SourceError(f"There is no file {path}.", hint)
        if not path.is_file():
            raise SourceError(f"{path} is not an ordinary file.", "Choose a file with prices.")
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    if size == 0:
        raise SourceError(f"{path.name} is empty.", "Choose a file with a date column and prices.")
    if size > MAX_BYTES:
        raise SourceError(
            f"{path.name} has {size >> 20} MB; at most {MAX_BYTES >> 20} MB are read.", "Split the file by symbol or by year."
        )
    return path


def _zip_member(path: Path, member: str) -> str:
    """Return the text file to read from a zip archive; "" for a workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX")]
    except zipfile.BadZipFile as error:
        raise SourceError(f"{path.name} is a damaged zip file: {error}.", "Fetch the file again.") from error
    if any(name.startswith("xl/") for name in names):
        if "xl/workbook.bin" in names:
            raise SourceError(f"{path.name} is a binary workbook (.xlsb).", "Save it as .xlsx or CSV.")
        return ""
    if "content.xml" in names:
        raise SourceError(f"{path.name} is an OpenDocument file.", "Save it as .xlsx or CSV.")
    wanted = [name for name in names if member in ("", name)]
    if len(wanted) != 1:
        shown = ", ".join(names[:8]) or "none"
        raise SourceError(f"{path.name} holds {len(names)} files: {shown}.", "Unpack it, or name one of them as the sheet.")
    return wanted[0]


def _refuse(path: Path, head: bytes) -> None:
    """Refuse content that is known to be no table of text."""
    if not head.strip():
        raise SourceError(f"{path.name} is empty.", "Choose a file with a date column and prices.")
    for magic, what, hint in _REFUSED:
        if head.startswith(magic):
            raise SourceError(f"{path.name} is {what}.", hint)
    start = head[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<body")):
        raise SourceError(
            f"{path.name} is a web page or XML, not a table.", "Use the download button of the site, or save the table as CSV."
        )
    if start.startswith((b"{", b"[{", b"[[")):
        begin = " ".join(start[:120].decode("utf-8", "replace").split())
        raise SourceError(f"{path.name} is JSON, not a table: {begin}", "If that is an answer of a data service, it says what went wrong.")
