"""A disk that fails at the n-th thing that is asked of it: full, forbidden, broken, or gone."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

#: What a disk can say, by what people call it.
ERRORS = {
    "full": errno.ENOSPC,
    "forbidden": errno.EACCES,
    "broken": errno.EIO,
    "gone": errno.ENOENT,
}


@dataclass
class Disk:
    """Counts what is asked of a folder, and refuses one of it and all that comes after.

    Attributes
    ----------
    folder : Path
        Only files below it count.
    error : int
    place : int
        Which of what is asked is refused; asking stops being possible from there on, but for
        looking and deleting.
    asked : list of str
        What was asked until then.
    """

    folder: Path
    error: int
    place: int
    asked: list[str] = field(default_factory=list)
    failed: bool = False

    def ask(self, what: str, path: object) -> None:
        """Count, and refuse where it is time."""
        if isinstance(path, (str, bytes, os.PathLike)) and not os.fsdecode(path).startswith(
            str(self.folder)
        ):
            return
        self.asked.append(what)
        if len(self.asked) > self.place:
            self.failed = True
            raise OSError(
                self.error,
                os.strerror(self.error),
                os.fsdecode(path) if not isinstance(path, int) else None,
            )


class _File:
    """A file whose writing is counted."""

    def __init__(self, file: Any, disk: Disk, path: object) -> None:
        self._file, self._disk, self._path = file, disk, path

    def write(self, data: Any) -> int:
        with contextlib.suppress(TypeError):
            self._file.write(data[: len(data) // 2])  # some of it arrives
        self._disk.ask("write", self._path)
        with contextlib.suppress(TypeError):
            data = data[len(data) // 2 :]
        return int(self._file.write(data))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextlib.contextmanager
def failing(folder: Path, error: int, place: int) -> Iterator[Disk]:
    """Let the n-th opening, writing, pushing to disk, renaming or making of a folder fail below
    a folder.
    """
    disk, opened, os_open, fsync, replace, mkdir, rename = (
        Disk(folder, error, place), io.open, os.open, os.fsync, os.replace, os.mkdir, os.rename,
    )  # fmt: skip
    numbers: set[int] = set()

    def open_(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        if set(mode) & set("wxa+") and not isinstance(file, int):
            disk.ask("open", file)
            real = opened(file, mode, *given, **named)
            return _File(real, disk, file) if str(file).startswith(str(folder)) else real
        return opened(file, mode, *given, **named)

    def open_number(path: Any, flags: int, *given: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            disk.ask("open", path)
        number = os_open(path, flags, *given, **named)
        if str(path).startswith(str(folder)):
            numbers.add(number)
        return number

    def push(number: Any) -> None:
        if number in numbers:
            disk.ask("fsync", number)
        fsync(number)

    def asking(what: str, real: Any, which: int) -> Any:
        def asked(*given: Any, **named: Any) -> Any:
            disk.ask(what, given[which])
            return real(*given, **named)

        return asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", open_)
        patch.setattr(builtins, "open", open_)
        patch.setattr(os, "open", open_number)
        patch.setattr(os, "fsync", push)
        patch.setattr(os, "replace", asking("replace", replace, 1))
        patch.setattr(os, "rename", asking("rename", rename, 1))
        patch.setattr(os, "mkdir", asking("mkdir", mkdir, 0))
        yield disk
