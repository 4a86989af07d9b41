"""Bounded reads of untrusted files: regular files only, at most so many bytes, and no zip archive
with endless names.
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from pathlib import Path
from typing import BinaryIO

#: Most bytes of the directory of a zip archive: some ten thousand names, each of which costs time
#: and memory before anything is read.
_MOST_DIRECTORY = 2**20
_TAIL = 2**16 + 22 + 20
_END, _END_64, _LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"


def regular_file(path: Path) -> Path:
    """Return the path of a regular file; a pipe would block, and a device never ends.

    Raises
    ------
    OSError
        Nothing is there, or something else.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name holds a NUL") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not an ordinary file")
    return path


def read_regular_file(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    Raises
    ------
    OSError
        As of :func:`regular_file`, and where it holds more than ``most`` bytes.
    """
    with regular_file(path).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than the {most:,} bytes that it may have")
    return data


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip archive for reading, if its directory is not too large.

    Raises
    ------
    zipfile.BadZipFile
        No zip archive, or one of far too many names.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(-min(size, _TAIL), os.SEEK_END)
    tail = file.read(_TAIL)
    index = tail.rfind(_END)
    directory = int.from_bytes(tail[index + 12 : index + 16], "little") if index >= 0 else 0
    locator = tail.rfind(_LOCATOR_64, 0, max(index, 0))
    if locator >= 0:
        file.seek(min(size, int.from_bytes(tail[locator + 8 : locator + 16], "little")))
        record = file.read(56)
        directory = max(
            directory if directory < 2**32 - 1 else 0,
            int.from_bytes(record[40:48], "little") if record[:4] == _END_64 else 0,
        )
    if directory > _MOST_DIRECTORY:
        raise zipfile.BadZipFile(
            f"its list of files has {directory:,} bytes; at most {_MOST_DIRECTORY:,} are read"
        )
    file.seek(0)
    return zipfile.ZipFile(file)
