"""Recovery copies: one for each program that runs, found again when that program ended without being closed."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from PySide6.QtCore import QLockFile

from app.project import SUFFIX
from forecasting.writing import sweep


class Recovery:
    """The folder of recovery copies, and the copy of this program.

    Each copy has a lock that belongs to the program that writes it: where that program is gone, so is the hold on the lock.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    file : Path
        Where this program keeps its copy.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / f"{secrets.token_hex(6)}{SUFFIX}"
        self._lock = _lock(self.file)
        self._found: dict[Path, QLockFile] = {}

    def hold(self) -> bool:
        """Claim this program's copy before it is first written; False where the folder cannot be used."""
        if self._lock.isLocked():
            return True
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return self._lock.tryLock(0)

    def left_behind(self) -> list[Path]:
        """Return the copies of programs that are gone, latest first; no other program is offered them meanwhile."""
        mine = [path for path in self._folder.glob(f"*{SUFFIX}") if path != self.file]
        sweep(self._folder)
        for file in self._folder.glob("*.lock"):
            lock = _lock(file)
            if file.with_suffix(SUFFIX) not in (*mine, self.file) and lock.tryLock(0):
                lock.unlock()  # of a program that is gone and left no copy
        for path in mine:
            lock = _lock(path)
            if path not in self._found and lock.tryLock(0):
                self._found[path] = lock
        return sorted(self._found, key=_written, reverse=True)

    def remove(self, path: Path | None = None) -> None:
        """Delete a copy that was left behind, or that of this program."""
        lock = self._found.pop(path, None) if path else self._lock
        with contextlib.suppress(OSError):
            (path or self.file).unlink(missing_ok=True)
        if lock is not None and lock.isLocked():
            lock.unlock()

    def put_aside(self, path: Path) -> Path:
        """Give a copy that cannot be read a name under which it is not offered again, and return that; OSError where nothing allows it."""
        aside = path.with_suffix(".damaged")
        path.rename(aside)
        self.remove(path)
        return aside

    def leave(self, path: Path) -> None:
        """Let go of a copy that was left behind, for another program."""
        lock = self._found.pop(path, None)
        if lock is not None:
            lock.unlock()

    def close(self) -> None:
        """Delete this program's copy, and leave those of others for the next start."""
        self.remove()
        for lock in self._found.values():
            lock.unlock()
        self._found.clear()


def _lock(file: Path) -> QLockFile:
    lock = QLockFile(str(file.with_suffix(".lock")))
    lock.setStaleLockTime(0)  # a lock ends with its program, however long that runs
    return lock


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
