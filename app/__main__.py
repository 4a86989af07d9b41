"""The ``candlecast`` command: a window where nothing else is asked for, painted before anything
heavy is imported.
"""

from __future__ import annotations

from app.interrupts import SIGNALS, end_at_signals

if __name__ == "__main__":
    end_at_signals()

import gc
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from PySide6.QtCore import QMessageLogContext, QtMsgType
    from PySide6.QtWidgets import QApplication

    from app.window import MainWindow
    from forecasting.files.atomic import TempFolder

#: What may stand beside references when the window is opened.
_SWITCHES = ("--safe-mode", "--reset-settings")
_CLOSE_MS = 2_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window, or run a command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; by default those of the process. Without any, or with
        nothing but files and references (and ``--safe-mode`` or ``--reset-settings``), the window
        opens; everything else is for :mod:`app.cli`.

    Returns
    -------
    int
        2 where there is no display to open a window on; a window that was open ends the process
        itself. For commands see :func:`app.cli.main`.
    """
    if arguments is None:
        end_at_signals()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "--safe-mode" in words:
        from forecasting.plugins import SAFE_MODE

        os.environ[SAFE_MODE] = "1"
    if all(word in _SWITCHES or _is_reference(word) for word in words):
        return _open_window(
            [word for word in words if word not in _SWITCHES],
            {word for word in words if word in _SWITCHES},
        )
    from app.cli import main as run_command

    return run_command(words)


def _is_reference(word: str) -> bool:
    """Whether a word names prices rather than a command: a prefix, an existing file, or the look
    of a path.
    """
    if word.startswith("-"):
        return False
    from forecasting.source_registry import is_prefixed

    return is_prefixed(word) or Path(word).suffix != "" or os.sep in word or Path(word).is_file()


def _open_window(references: Sequence[str], switches: Collection[str] = ()) -> int:
    if sys.platform == "win32":
        _load_c10()
    try:
        from PySide6.QtCore import qInstallMessageHandler

        _import_plainly()
        gc.disable()  # what imports make stays; the window enables it once it is furnished
        from PySide6.QtWidgets import QApplication  # noqa: F401 - fails where a system library is missing
    except ImportError as error:
        return _no_window(str(error))
    if sys.platform == "linux" and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        return _no_window("neither DISPLAY nor WAYLAND_DISPLAY is set")
    qInstallMessageHandler(_explainer())
    app = _application()
    qInstallMessageHandler(None)
    return _run(app, references, switches)


def _import_plainly() -> None:
    """Take PySide's wrapper off ``import``: it reads, and keeps, the source of every module to see
    whether it uses ``__feature__``.

    Nothing here does. With it, importing pandas takes a third longer, and the window holds 75 MB
    more once torch is there.
    """
    import builtins

    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)


def _load_c10() -> None:
    """Load torch's first library before Qt: the other way round Windows may refuse it
    (pytorch#166628); torch itself comes later.
    """
    import ctypes
    from contextlib import suppress
    from importlib.util import find_spec

    spec = find_spec("torch")
    if spec and spec.origin:
        with suppress(OSError):
            ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "c10.dll"))


def _run(app: object, references: Sequence[str], switches: Collection[str]) -> NoReturn:
    from PySide6.QtWidgets import QApplication

    from app import log, theme
    from app.number_format import use_english
    from app.preferences import Preferences
    from app.window import MainWindow

    assert isinstance(app, QApplication)
    app.setApplicationName("candlecast")
    app.setApplicationDisplayName("Candlecast")
    app.setDesktopFileName("candlecast")
    use_english()
    for signum in SIGNALS:  # Qt's event loop lets no handler of Python's run
        signal.signal(signum, signal.SIG_DFL)
    if "--reset-settings" in switches:
        print(_reset(), file=sys.stderr, flush=True)
    safe = "--safe-mode" in switches
    log.catch_crashes()
    folder = _safe_folder() if safe else None
    preferences = (
        Preferences(folder.path / "preferences.json", safe=True) if folder else Preferences()
    )
    theme.apply(app, theme.current(preferences.theme))
    window = MainWindow(preferences, references)
    app.window = window  # type: ignore[attr-defined]
    window.painted.connect(lambda: log.begin(len(references), safe=safe))
    _catch_faults(window)
    window.show()
    status = app.exec()
    log.end()
    ended = window.bench is None or window.bench.session.close(_CLOSE_MS)
    if folder:
        folder.close()
    _end(app if ended else None, status)


def _end(app: QApplication | None, status: int) -> NoReturn:
    """End the process at once: to take torch, pandas and Qt apart piece by piece takes Python
    seconds, for nothing.

    Where a job that cannot be interrupted still runs, such as the import of torch, ``app`` is left
    alone, too: nothing is to be saved.
    """
    if app is not None:
        app.shutdown()  # hands the clipboard over
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)


def _application() -> QApplication:
    """Return the application; what the system asks the running program to open reaches its
    ``window``, as on macOS at a double click.
    """
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFileOpenEvent
    from PySide6.QtWidgets import QApplication

    class Application(QApplication):
        window: MainWindow | None = None

        def event(self, event: QEvent) -> bool:
            if isinstance(event, QFileOpenEvent) and event.file() and self.window is not None:
                self.window.open_file(event.file())
                return True
            return super().event(event)

    return Application([sys.argv[0]])


def _reset() -> str:
    """Set the settings aside and say so; the watchlist, projects and the store are no settings."""
    from app.preferences import reset_preferences

    try:
        kept = reset_preferences()
    except OSError as error:
        return f"The settings {error.filename} cannot be reset: {error.strerror}."
    if kept is None:
        return "There are no settings yet: nothing to reset."
    return (
        f"The settings were reset; those of before are in {kept}. Watchlist, projects, runs "
        "and prices are untouched."
    )


def _safe_folder() -> TempFolder:
    """Return a folder for settings that goes away with the program: nothing of before is read,
    and nothing of it overwritten.
    """
    from forecasting.files.atomic import TempFolder

    return TempFolder()


def _catch_faults(window: MainWindow) -> None:
    """Send every error that nobody caught to the window, from whichever thread; the terminal
    gets it, too.
    """

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if issubclass(kind, Exception):
            if window.bench is None:
                from app import log
                from app.background import Failure

                log.begin(0, safe=False)
                log.fault(Failure.of(error).details)
            window.faulted.emit(error)

    sys.excepthook = hook


def _explainer() -> Callable[[QtMsgType, QMessageLogContext, str | None], None]:
    """Return a handler that says in words why no window can be opened; without it Qt aborts the
    process.
    """
    from PySide6.QtCore import QtMsgType

    texts: list[str] = []

    def handler(kind: QtMsgType, _context: QMessageLogContext, message: str | None) -> None:
        texts.extend((message or "").strip().splitlines()[:1])
        if kind is QtMsgType.QtFatalMsg:
            os._exit(_no_window(texts[0]))

    return handler


def _no_window(reason: str) -> int:
    print(f"Candlecast cannot open a window: {reason}", file=sys.stderr)
    print(
        "Without a display, use the commands: candlecast forecast sample:sp500 --export "
        "forecast.png",
        file=sys.stderr,
        flush=True,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
