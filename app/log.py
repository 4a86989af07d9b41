"""The log file of the window: when it started, what it loaded and which faults it met; never a
price.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import platformdirs

from forecasting import __version__
from forecasting.errors import presentable

#: Bytes of a log file, and how many older ones are kept.
MOST_BYTES, KEPT = 512 * 1024, 3
_log = logging.getLogger("candlecast")
#: The file that a crash of the process writes its stack to, while there is one.
_crashes: list[TextIO] = []
#: What writes the log, while it is open.
_writers: list[logging.Handler] = []
_KIND = re.compile(r"^([A-Za-z_][\w.]*)(: .*)?$")
_WHOLE = re.compile(
    r"^(Traceback|The above|During|Python "
    r"|(candlecast|PySide6-Essentials|pyqtgraph|numpy|pandas|torch) \S+$)"
)


def log_folder() -> Path:
    """Return the folder of the log: in ``$CANDLECAST_HOME`` where that is set, else where the
    system wants logs.
    """
    home = os.environ.get("CANDLECAST_HOME")
    return Path(home) / "log" if home else platformdirs.user_log_path("candlecast", appauthor=False)


def catch_crashes() -> None:
    """Let a crash of the process leave its stack in the folder of the log; where that cannot be
    used the program goes on without.
    """
    with suppress(OSError):
        log_folder().mkdir(parents=True, exist_ok=True)
        _crashes.append((log_folder() / "crash.log").open("a", encoding="utf-8"))
        faulthandler.enable(_crashes[-1])


def begin(words: int, *, safe: bool) -> None:
    """Open the log and note a start; where the folder cannot be used the program goes on without.

    What rotates files is imported here: it brings sockets and pickles along, and the window is
    painted before.

    Parameters
    ----------
    words : int
        How many files and references were given.
    safe : bool
        Whether this is a start in safe mode.
    """
    if _writers:
        return
    import platform
    from logging.handlers import RotatingFileHandler

    _log.propagate = False
    _log.disabled = False  # a library that sets up logging for itself silences all that is there
    _log.setLevel(logging.INFO)
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            log_folder() / "candlecast.log", maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8"
        )
    except OSError:
        _add(logging.NullHandler())
        return
    handler.handleError = _unwritten  # type: ignore[method-assign]
    handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(message)s"))
    _add(handler)
    versions = (
        f"Candlecast {__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    _log.info("start: %s, %d given%s", versions, words, ", safe mode" * safe)


def _add(handler: logging.Handler) -> None:
    _writers.append(handler)
    _log.addHandler(handler)


class _Plain(logging.Formatter):
    """Lines without control characters: what a file holds must not steer the terminal in which
    the log is read.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines of a record."""
        text = super().format(record)
        return presentable(text, len(text) + 1)


def _unwritten(record: logging.LogRecord) -> None:
    """Go on where a line cannot be written, as on a full disk: what a person has to know is told
    in the window.
    """


def end() -> None:
    """Note the end, and close the log."""
    _log.info("end")
    if _crashes:
        faulthandler.disable()
        _crashes.pop().close()
    while _writers:
        handler = _writers.pop()
        _log.removeHandler(handler)
        handler.close()
    _log.propagate = True


def note(text: str) -> None:
    """Write a line; whoever writes it sees to it that no price is in it."""
    _log.info("%s", " ".join(text.splitlines()))


def fault(details: str) -> None:
    """Write a fault with its traceback and versions, without its message: that may quote the
    user's data.
    """
    _log.error("fault:\n%s", without_values(details))


def without_values(details: str) -> str:
    """Return a traceback without what its exceptions say: places, lines of the program, kinds of
    exceptions, versions.
    """
    found, inside = [], False
    for line in details.splitlines():
        kind = _KIND.match(line)
        if line.startswith("  File ") or (inside and line.startswith("    ")) or _WHOLE.match(line):
            found.append(line)
        elif kind and (inside or not found):
            found.append(kind[1])
        inside = line.startswith("  File ") or (inside and line.startswith("    "))
    return "\n".join(found)
