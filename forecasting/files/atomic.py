"""Atomic writes, file locks and temporary folders, and the removal of what killed programs left.

A file is written under a temporary name beside its target, flushed to disk and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from forecasting.errors import RETRY, ExportError
from forecasting.files.closing import Closing

#: Names of temporary files that only this program uses: they may be removed where its process is
#: gone.
_PART = re.compile(r"^\.(?P<name>.+)\.[0-9a-f]{8}\.candlecast-part$", re.DOTALL)
_SCRATCH, _ALIVE, _LOCK = "candlecast-", ".candlecast-alive", ".candlecast-lock"
#: Characters of the target's name in that of its temporary file, which must not become too long.
_NAME = 40
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_GONE = (errno.ENOENT, errno.ENOTDIR)
_POLL_S = 0.02


@contextmanager
def atomic_open(path: Path) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path, and rename it to ``path`` at the end of the
    block.

    On any error the old file stays unchanged and the temporary one is removed; after a kill it is
    removed when ``path`` is next written.

    Raises
    ------
    ExportError
        The file cannot be written; the message names file, reason and next step.
    """
    part, held = path, None
    try:
        target = Path(os.path.realpath(path))  # a link stays a link
        mode = _mode_of(target)
        remove_stale(target.parent, target.name)
        part = target.with_name(f".{target.name[:_NAME]}.{os.urandom(4).hex()}.candlecast-part")
        _unfinished.add(part)
        held = _hold(part)
        yield part
        if mode is not None:
            with contextlib.suppress(OSError):
                part.chmod(mode)
        assert held is not None
        os.fsync(held)
        os.close(held)
        held = None
        os.replace(part, target)
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error.strerror or error}.",
            next_step(error),
            remedies=(RETRY,),
        ) from error
    finally:
        if held is not None:
            os.close(held)
        if part != path:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        _unfinished.discard(part)


#: Temporary files and folders that this process has in use.
_unfinished: set[Path] = set()


def abandon() -> None:
    """Remove the temporary files and folders of this process, which is about to end."""
    for path in tuple(_unfinished):
        with contextlib.suppress(OSError):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def atomic_write(path: Path, data: bytes) -> None:
    """Write bytes atomically: the file is complete or absent; errors as of :func:`atomic_open`."""
    with atomic_open(path) as part:
        part.write_bytes(data)


def quarantine(path: Path) -> Path:
    """Rename a damaged file to :func:`quarantine_name` and return that path; OSError where this
    fails.
    """
    target = quarantine_name(path)
    path.rename(target)
    return target


def quarantine_name(path: Path) -> Path:
    """Return an unused path for a damaged file, in the same folder."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    return path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")


def next_step(error: OSError) -> str:
    """Return the hint for a user: how to solve an error of writing a file or folder."""
    if error.errno in _FULL:
        return "Free some space there, or choose another folder."
    if error.errno in _FORBIDDEN:
        return "Choose a folder and a name that you may write to."
    if error.errno in _GONE:
        return (
            "The folder is not there: connect its drive or network again, or choose another folder."
        )
    if error.errno == errno.ENAMETOOLONG:
        return "Choose a shorter name."
    return "Choose another folder or free some space."


def data_folder() -> Path:
    """Return the program's data folder: ``$CANDLECAST_HOME``, or the platform's folder for user
    data.
    """
    import platformdirs

    home = os.environ.get("CANDLECAST_HOME")
    return Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)


def cache_folder() -> Path:
    """Return the program's folder for what can be made again: ``$CANDLECAST_HOME/cache``, or the
    platform's folder for caches.
    """
    import platformdirs

    home = os.environ.get("CANDLECAST_HOME")
    if home:
        return Path(home) / "cache"
    return platformdirs.user_cache_path("candlecast", appauthor=False)


def remove_stale(folder: Path, name: str = "") -> None:
    """Remove the temporary files of killed programs from a folder; files of running programs stay.

    Parameters
    ----------
    folder : Path
        A missing folder is no error.
    name : str, optional
        Only the temporary files of this file: for folders that belong to the user.
    """
    try:
        with os.scandir(folder) as entries:
            found = [
                entry.name
                for entry in entries
                if (part := _PART.match(entry.name)) and (not name or part["name"] == name[:_NAME])
            ]
    except OSError:
        return
    for item in found:
        with contextlib.suppress(OSError):
            _drop_if_left(folder / item)


def remove_own_stale(folder: Path) -> None:
    """Remove the temporary files of killed programs from the data folder, its folders down to two
    levels, and the temporary folders of the program.
    """
    indices = [folder]
    for _ in range(2):
        indices += [item for index in indices for item in _folders_in(index) if item not in indices]
    for index in indices:
        remove_stale(index)
        for claim in _claims_in(index):
            _is_held(claim)
    _remove_stale_folders()


class FileLock:
    """File lock: marks a file or folder as in use by this process; the system releases it at the
    latest when the process ends.

    Parameters
    ----------
    path : Path
        The file or folder to lock; the lock is an empty file beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}{_LOCK}")
        self._held: int | None = None

    def take(self, wait_s: float = 0.0) -> bool:
        """Acquire the lock; False where another process holds it for longer than ``wait_s``
        seconds, or where the folder is not writable.
        """
        give_up = time.monotonic() + wait_s
        while self._held is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._held = _hold(self.path)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    return False
                time.sleep(_POLL_S)
            except OSError:
                return False
        return True

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._held is not None:
            with contextlib.suppress(OSError):
                if sys.platform != "win32":
                    self.path.unlink(missing_ok=True)
            os.close(self._held)
            self._held = None
            if sys.platform == "win32":
                with contextlib.suppress(OSError):
                    self.path.unlink(missing_ok=True)

    @classmethod
    def is_taken(cls, path: Path) -> bool:
        """Return whether a running process holds the lock; remove the lock file of a dead one."""
        return _is_held(cls(path).path)


class TempFolder(Closing):
    """A temporary folder; that of a killed program is removed when the next one is made, or at the
    next start.
    """

    def __init__(self) -> None:
        _remove_stale_folders()
        self._folder = tempfile.TemporaryDirectory(prefix=_SCRATCH, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)
        _unfinished.add(self.path)
        self._alive: int | None = _hold(self.path / _ALIVE)

    def close(self) -> None:
        """Remove the folder and its contents."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None
        self._folder.cleanup()
        _unfinished.discard(self.path)


def _mode_of(target: Path) -> int | None:
    """Return the permissions of the file to replace; None where there is none, PermissionError
    where it is read-only.
    """
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return mode


def _hold(path: Path) -> int:
    """Open or create a file and lock it for this process; return its descriptor, BlockingIOError
    where another process holds it.
    """
    if sys.platform == "win32":  # an open file cannot be deleted there, so being open is the claim
        with contextlib.suppress(FileNotFoundError):
            try:
                path.unlink()
            except PermissionError as error:
                raise BlockingIOError(errno.EAGAIN, "in use") from error
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_BINARY)
    while True:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(held, or_without=True)
        except OSError:
            os.close(held)
            raise
        if os.fstat(held).st_nlink:
            return held
        os.close(held)  # swept away between the two


def _drop_if_left(path: Path) -> None:
    """Delete a file whose process is gone; BlockingIOError where it still runs, OSError where the
    lock cannot be tested.
    """
    if sys.platform == "win32":
        try:
            path.unlink(missing_ok=True)
        except PermissionError as error:
            raise BlockingIOError(errno.EAGAIN, "in use") from error
        return
    try:
        held = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        _lock(held)
        path.unlink(missing_ok=True)
    finally:
        os.close(held)


def _is_held(path: Path) -> bool:
    """Return whether a running process holds a file; otherwise remove the file."""
    try:
        _drop_if_left(path)
    except BlockingIOError:
        return True
    except OSError:
        return os.path.exists(path)
    return False


def _lock(held: int, *, or_without: bool = False) -> None:
    """Lock an open file with ``flock``, released when the process ends; ``or_without`` ignores
    file systems without locks.
    """
    import fcntl

    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        if not or_without:
            raise


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _claims_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [
                folder / entry.name
                for entry in entries
                if entry.name.endswith(_LOCK) and not entry.stat().st_size
            ]
    except OSError:
        return []


def _remove_stale_folders() -> None:
    """Remove the temporary folders of killed programs: those whose lock nobody holds. Those of
    other users, which cannot be looked into, stay.
    """
    for folder in _folders_in(Path(tempfile.gettempdir())):
        alive = folder / _ALIVE
        if folder.name.startswith(_SCRATCH) and os.path.isfile(alive) and not _is_held(alive):
            shutil.rmtree(folder, ignore_errors=True)
