"""The archive of what is stored: facts as JSON beside arrays, compressed numbers, checksums; none
of it holds code or unpacks to more than it may.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from forecasting.files.bounded_read import open_zip


def write_archive(
    file: BinaryIO, facts: Mapping[str, Any], arrays: Mapping[str, Any], *, compress: bool = False
) -> None:
    """Write facts, which JSON can hold, and arrays as one .npz archive."""
    save = np.savez_compressed if compress else np.savez
    save(file, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)


def read_archive(file: BinaryIO, most: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the facts and arrays of an archive; any error where it is damaged, or unpacks to more
    than ``most`` bytes: those of the file, as of one that is not compressed, unless given.
    """
    size = file.seek(0, os.SEEK_END)
    with open_zip(file) as archive:
        if sum(info.file_size for info in archive.infolist()) > (size if most is None else most):
            raise ValueError("it unpacks to more than it may")
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        arrays = dict(found)
    return json.loads(str(arrays.pop("facts", "{}"))), arrays


def inflated(data: bytes, size: int) -> bytes:
    """Return what zlib has compressed; ValueError unless that is exactly ``size`` bytes."""
    raw = zlib.decompressobj().decompress(data, size + 1)
    if len(raw) != size:
        raise ValueError("another number of them")
    return raw


def crc32(*parts: str | bytes) -> int:
    """Return the checksum of texts and bytes, one after the other."""
    total = 0
    for part in parts:
        total = zlib.crc32(part.encode() if isinstance(part, str) else part, total)
    return total


def check_crc32(checksum: int, *parts: str | bytes) -> None:
    """Raise ValueError where the checksum of what was stored is another one."""
    if crc32(*parts) != checksum:
        raise ValueError("it does not match its checksum")
