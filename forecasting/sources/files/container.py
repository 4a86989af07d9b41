"""Opening a file safely: by its content, within limits, never by its name and never an address."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Literal, TypeVar, cast

from forecasting.errors import RETRY, SourceError, is_text
from forecasting.files.bounded_read import open_zip
from forecasting.memory import available_bytes

#: Largest file, packed and unpacked, that is opened however little memory is free; where there is
#: more of it, a file may take this share.
MAX_BYTES, _SHARE = 512 * 2**20, 3

#: Most times that a packed file may be larger than it lies on disk, once it unpacks to more than
#: :data:`FREE_BYTES`. Prices pack ten-fold.
MAX_RATIO = 30
FREE_BYTES = 8 * 2**20

#: What damaged packing makes Python's readers raise.
DAMAGED = (
    *(OSError, EOFError, ValueError, LookupError, OverflowError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile, zipfile.LargeZipFile),
)

Kind = Literal["text", "excel", "parquet", "arrow", "sqlite", "json"]
Taken = TypeVar("Taken")
_PACKED: dict[str, bytes] = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00"}
SQLITE = b"SQLite format 3\0"
#: How an Arrow stream begins: a mark, and the length of the first message.
_ARROW_STREAM = re.compile(rb"\xff\xff\xff\xff[\x00-\xff]{2}[\x00-\x7f]\x00")
#: How JSON begins that may hold a table: an object, or a list of objects, lists, numbers or texts.
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\[{\"\]]|-?\d|null|$))")
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "Export the table as CSV first."),
    (b"\x89PNG", "a picture", "Choose a file with prices."),
    (b"\xff\xd8\xff", "a picture", "Choose a file with prices."),
    (b"GIF8", "a picture", "Choose a file with prices."),
    (SQLITE, "a packed SQLite database", "Unpack it first."),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV or Parquet first."),
    (b"ARROW1", "a packed Arrow file", "Unpack it first."),
    (
        b"FEA1",
        "a Feather file of the first version",
        "Write it again with pandas: to_feather makes the second one.",
    ),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard", "Unpack it first."),
    *(
        (
            bytes((0x80, protocol)),
            "a Python pickle, which can run code",
            "Save the data as CSV or Parquet.",
        )
        for protocol in range(2, 6)
    ),
)


@dataclass(frozen=True)
class Opened:
    """What a file is, found from its content.

    Attributes
    ----------
    path : Path
    kind : str
        ``text``, ``excel``, ``parquet``, ``arrow``, ``sqlite`` or ``json``: what is inside, once
        unpacked.
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
        index = self._file.tell()
        count = cast("io.BufferedReader", self._file).readinto(buffer)  # type: ignore[arg-type]
        new = index + count - self._hashed
        if new > 0 and index <= self._hashed:
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
    """The unpacked bytes of a file, counted against :func:`most_bytes`; ``hexdigest`` is of the
    file as it lies on disk.
    """

    def __init__(self, stream: BinaryIO, hashing: _Hashing, name: str) -> None:
        self._stream, self._hashing, self._name = stream, hashing, name
        self._count = 0
        hashing.seek(0, os.SEEK_END)
        likely = max(FREE_BYTES, MAX_RATIO * hashing.tell())
        self._most = likely if likely <= MAX_BYTES else min(likely, most_bytes())
        hashing.seek(0)

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes (all that is left for -1); SourceError beyond the limit or
        for damaged packing.
        """
        block = self._tried(
            lambda: self._stream.read(size if size >= 0 else self._most + 1 - self._count)
        )
        self._note(len(block))
        return block

    def fill(self, view: memoryview) -> int:
        """Read into a buffer until it is full or the file ends; return the number of bytes;
        errors as :meth:`read`.
        """
        filled = 0
        stream = cast("io.BufferedReader", self._stream)
        while filled < len(view) and (
            count := self._tried(partial(stream.readinto, view[filled:]))
        ):
            filled += count
        self._note(filled)
        return filled

    def _tried(self, take: Callable[[], Taken]) -> Taken:
        try:
            return take()
        except DAMAGED as error:
            raise SourceError(
                f"{self._name} is damaged: {error}.", "Fetch the file again, or unpack it by hand."
            ) from error

    def _note(self, count: int) -> None:
        self._count += count
        if self._count > self._most:
            raise SourceError(
                f"{self._name} unpacks to more than {self._most >> 20} MB.",
                "Split the file, keep only the columns needed, or free memory.",
            )

    def refuse_bomb(self) -> None:
        """Look a little further, and to the end where that is packed more densely than prices
        are; errors as of :meth:`read`.
        """
        while self._count < FREE_BYTES // 2 and self.read(1 << 20):
            pass
        if self._count > MAX_RATIO * self._hashing.tell():
            while self.read(1 << 20):
                pass

    def hexdigest(self) -> str:
        """Return the SHA-256 (hex) of the file on disk."""
        return self._hashing.hexdigest()


def most_bytes() -> int:
    """Return the largest file, packed and unpacked, that is opened with the memory that is free."""
    return max(MAX_BYTES, available_bytes() // _SHARE)


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
            first = file.read(16)
            file.seek(-min(4, path.stat().st_size), os.SEEK_END)
            last = file.read(4)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}.",
            "Check the permissions of the file.",
            remedies=(RETRY,),
        ) from error
    if first[:4] == b"PAR1" and last == b"PAR1":
        return Opened(path, "parquet", "", "", first)
    if first[:6] == b"ARROW1" or _ARROW_STREAM.match(first):
        return Opened(path, "arrow", "", "", first)
    if first == SQLITE:
        return Opened(path, "sqlite", "", "", first)
    if first[:4] == b"\xd0\xcf\x11\xe0":
        return Opened(path, "excel", "", "", first)
    packing = next((name for name, magic in _PACKED.items() if first.startswith(magic)), "")
    if first[:4] == b"PK\x03\x04":
        packing, member = "zip", _zip_member(path, member)
        if not member:
            return Opened(path, "excel", "", "", first)
    member = member if packing == "zip" else ""
    opened = Opened(path, "text", packing, member, b"")
    with unpacked(opened) as stream:
        head = stream.read(1 << 18)
        _refuse(path, head)
        if packing:
            stream.refuse_bomb()
    return Opened(path, "json" if _is_json(head) else "text", packing, member, head)


def _is_json(head: bytes) -> bool:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return _JSON.match(head[2:400].replace(b"\0", b"") if wide else head[:200]) is not None


@contextmanager
def unpacked(opened: Opened) -> Iterator[Unpacked]:
    """Open a file for reading its unpacked bytes once, front to back."""
    with opened.path.open("rb") as file:
        hashing = _Hashing(file)
        name = opened.path.name
        if opened.packing == "gzip":
            yield Unpacked(
                cast("BinaryIO", gzip.GzipFile(fileobj=hashing, mode="rb")), hashing, name
            )
        elif opened.packing == "bzip2":
            yield Unpacked(cast("BinaryIO", bz2.BZ2File(cast("BinaryIO", hashing))), hashing, name)
        elif opened.packing == "xz":
            with lzma.LZMAFile(cast("BinaryIO", hashing)) as xz:
                yield Unpacked(cast("BinaryIO", xz), hashing, name)
        elif opened.packing == "zip":
            with (
                opened.path.open("rb") as other,
                open_zip(other) as archive,
                _member(archive, opened) as inner,
            ):
                yield Unpacked(cast("BinaryIO", inner), hashing, name)
        else:
            yield Unpacked(cast("BinaryIO", hashing), hashing, name)


def _member(archive: zipfile.ZipFile, opened: Opened) -> IO[bytes]:
    try:
        return archive.open(opened.member)
    except DAMAGED as error:
        raise SourceError(
            f"{opened.path.name}: {opened.member} cannot be unpacked: {error}.",
            "Unpack it by hand.",
        ) from error


def whole_file(opened: Opened) -> tuple[bytes, str]:
    """Return all unpacked bytes and the SHA-256 of the file on disk."""
    if not opened.packing:
        data = opened.path.read_bytes()
        return data, hashlib.sha256(data).hexdigest()
    with unpacked(opened) as stream:
        return stream.read(), stream.hexdigest()


def _checked(path: str | Path) -> Path:
    """Return the path of an existing file of bearable size."""
    if re.match(r"^[A-Za-z][A-Za-z0-9+.\-]+:/", str(path)) or "\0" in str(path):
        raise SourceError(
            f"{path} is an address; only files on this computer are opened.",
            "Download it first, then open the file.",
        )
    if str(path).startswith("\\\\"):
        raise SourceError(
            f"{path} lies on another computer, or is a device.",
            "Give the folder a drive letter, or copy the file.",
        )
    if not is_text(str(path)):
        raise SourceError(f"The name {path} is no text of this system.", "Rename the file.")
    try:
        path = Path(path).expanduser()
        if path.is_dir():
            raise SourceError(f"{path} is a folder.", "Choose a file in it.")
        if not path.exists():
            ticker = (
                path.name
                if re.fullmatch(r"[A-Z0-9^][A-Z0-9.\-=^]{0,24}", path.name) and "." not in path.name
                else ""
            )
            hint = f"Did you mean yahoo:{ticker}?" if ticker else "Check the path."
            raise SourceError(
                f"There is no file {path}.", hint, remedies=() if ticker else (RETRY,)
            )
        if not path.is_file():
            raise SourceError(f"{path} is not an ordinary file.", "Choose a file with prices.")
        size = path.stat().st_size
    except (OSError, RuntimeError) as error:
        text = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{path} cannot be read: {text}.", "Check the path.", remedies=(RETRY,)
        ) from error
    if size == 0:
        raise SourceError(
            f"{path.name} is empty.",
            "Choose a file with a date column and prices.",
            remedies=(RETRY,),
        )
    if size > MAX_BYTES and size > (most := most_bytes()):
        raise SourceError(
            f"{path.name} has {size >> 20:,} MB; with the memory that is free now at most "
            f"{most >> 20:,} MB are read.",
            "Close other programs, or split the file by symbol or by year.",
        )
    return path


def _zip_member(path: Path, member: str) -> str:
    """Return the text file to read from a zip archive; "" for a workbook."""
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            sizes = {
                info.filename: (info.file_size, info.compress_size) for info in archive.infolist()
            }
            names = members_of(archive)
    except DAMAGED as error:
        raise SourceError(
            f"{path.name} is a damaged zip file: {error}.", "Fetch the file again."
        ) from error
    if any(name.startswith("xl/") for name in names):
        if "xl/workbook.bin" in names:
            raise SourceError(
                f"{path.name} is a binary workbook (.xlsb).", "Save it as .xlsx or CSV."
            )
        return ""
    if "content.xml" in names:
        raise SourceError(f"{path.name} is an OpenDocument file.", "Save it as .xlsx or CSV.")
    wanted = [name for name in names if member in ("", name)]
    if len(wanted) != 1:
        shown = ", ".join(names[:8]) or "none"
        raise SourceError(
            f"{path.name} holds {len(names)} files: {shown}.",
            "Unpack it, or name one of them as the sheet.",
        )
    unpacked_size, packed_size = sizes[wanted[0]]
    if unpacked_size > max(FREE_BYTES, MAX_RATIO * packed_size):
        raise SourceError(
            f"{path.name} packs {wanted[0]} more than {MAX_RATIO}-fold, which no prices are.",
            "Fetch the file again.",
        )
    return wanted[0]


def members_of(archive: zipfile.ZipFile) -> list[str]:
    """Return the files in a zip archive, without folders and what macOS adds."""
    names = (info.filename for info in archive.infolist())
    return [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX")]


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
            f"{path.name} is a web page or XML, not a table.",
            "Use the download button of the site, or save the table as CSV.",
        )
