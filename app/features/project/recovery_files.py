"""Recovery copies: one for each program that runs, found again when that program ended without
being closed.
"""

from __future__ import annotations

import contextlib
import secrets
from datetime import datetime
from pathlib import Path

from app.features.project.project_file import SUFFIX
from forecasting.files.atomic import FileLock, remove_stale


class Recovery:
    """The folder of recovery copies, and the copy of this program.

    Each copy is claimed by the program that writes it: where that program is gone, so is its claim.

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
        self._claim = FileLock(self.file)
        self._found: dict[Path, FileLock] = {}

    def hold(self) -> bool:
        """Claim this program's copy before it is first written; False where the folder cannot be
        used.
        """
        return self._claim.take()

    def left_behind(self) -> list[Path]:
        """Return the copies of programs that are gone, latest first; no other program is offered
        them meanwhile.
        """
        remove_stale(self._folder)
        for path in self._folder.glob(f"*{SUFFIX}"):
            claim = FileLock(path)
            if path != self.file and path not in self._found and claim.take():
                self._found[path] = claim
        return sorted(self._found, key=_written, reverse=True)

    def remove(self, path: Path | None = None) -> None:
        """Delete a copy that was left behind, or that of this program."""
        claim = self._found.pop(path, None) if path else self._claim
        with contextlib.suppress(OSError):
            (path or self.file).unlink(missing_ok=True)
        if claim is not None:
            claim.release()

    def put_aside(self, path: Path) -> Path:
        """Give a copy that cannot be read a name under which it is not offered again, and return
        that; OSError where nothing allows it.
        """
        aside = path.with_suffix(".damaged")
        path.rename(aside)
        self.remove(path)
        return aside

    def leave(self, path: Path) -> None:
        """Let go of a copy that was left behind, for another program."""
        claim = self._found.pop(path, None)
        if claim is not None:
            claim.release()

    def close(self) -> list[Path]:
        """Delete this program's copy, keep those that were offered in vain under another name, and
        return these.

        They are not offered again: a program that was closed in order has nothing to recover.
        """
        self.remove()
        kept = [path for path in map(self._keep_aside, list(self._found)) if path is not None]
        for claim in self._found.values():
            claim.release()
        self._found.clear()
        return kept

    def _keep_aside(self, path: Path) -> Path | None:
        """Move a copy where it is not offered; None, and it stays, where nothing allows that."""
        when = datetime.fromtimestamp(_written(path)).strftime("%Y-%m-%d %H.%M")
        kept = path.parent / "kept" / f"recovered {when} {path.stem[:4]}{SUFFIX}"
        try:
            kept.parent.mkdir(exist_ok=True)
            return path.replace(kept)
        except OSError:
            return None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
