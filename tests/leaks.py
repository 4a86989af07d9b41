"""What a test may not leave behind: threads, timers, processes and windows, found so cheaply
that every test is looked after.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QEvent, QEventLoop, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QWidget
from shiboken6 import getCppPointer, isValid

#: Seconds in which what ends by itself may end: a window that stays open for the next test comes to
#: rest, too.
_PATIENCE_S = 4.0
#: Processes that Python keeps for as long as it lives once it has needed them.
_KEPT = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
#: Threads that Dask keeps for the next cluster, by the beginning of their names.
_DASKS = ("Dask-Offload", "IO loop")


class Leaks:
    """What there is before a test, to be compared with what there is after it.

    Parameters
    ----------
    patch : pytest.MonkeyPatch
        Has the starts of Qt's threads and timers told here for as long as it holds.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._started: list[weakref.ref[QObject]] = []
        self._record(patch, QThread)
        self._record(patch, QTimer)
        self._windows, self._threads, self._children = set(_windows()), set(_threads()), _children()

    def settle(self, *, qt: bool) -> None:
        """Let what ends by itself end; ``qt`` tells of a test that has used Qt, even where
        nothing was started.
        """
        if qt or self._started or self._new_windows():
            # Wrappers of widgets that Qt has already deleted go with the collector, not with the
            # last reference.
            gc.collect()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        app, end = QApplication.instance(), time.monotonic() + _PATIENCE_S
        while self._unrest() and time.monotonic() < end:
            self._hasten(end)
            if app:
                app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
            time.sleep(0.005)

    def found(self) -> list[str]:
        """Return what was not there before, in words."""
        left = [
            f"{type(item).__name__} {item.objectName()!r} of {item.parent()!r} still runs"
            for item in self._active()
        ]
        left += [f"thread {item.name!r} still runs" for item in self._new_threads()]
        left += [f"process {_told(pid)} still runs" for pid in self._new_children()]
        return left + [f"window {name} is still there" for name in self._new_windows()]

    def _record(self, patch: pytest.MonkeyPatch, cls: type[QObject]) -> None:
        start: Callable[..., None] = cls.start  # type: ignore[attr-defined]

        def wrapper(item: QObject, *args: Any) -> None:
            self._started.append(weakref.ref(item))
            start(item, *args)

        patch.setattr(cls, "start", wrapper)

    def _hasten(self, end: float) -> None:
        """Let happen now what waits for a pause and would be over in time."""
        left_ms = 1000 * (end - time.monotonic())
        for item in self._active():
            if isinstance(item, QTimer) and item.isSingleShot() and item.remainingTime() <= left_ms:
                item.stop()
                item.timeout.emit()

    def _unrest(self) -> bool:
        return bool(self._active() or self._new_threads() or self._new_children())

    def _active(self) -> list[QObject]:
        found = {
            id(item): item
            for reference in self._started
            if (item := reference()) is not None and isValid(item)
        }
        return [
            item
            for item in found.values()
            if (item.isRunning() if isinstance(item, QThread) else item.isActive())
        ]  # type: ignore[attr-defined]

    def _new_windows(self) -> list[str]:
        return [name for address, name in _windows().items() if address not in self._windows]

    def _new_threads(self) -> list[threading.Thread]:
        return [item for item in _threads() if item not in self._threads]

    def _new_children(self) -> list[int]:
        return [
            pid
            for pid in _children() - self._children
            if not any(name in _told(pid) for name in _KEPT)
        ]


def _threads() -> list[threading.Thread]:
    """Return Python's threads; those of Qt and of C, of which Python only knows when they pass
    by, are none of them, nor are Dask's.
    """
    return [
        item
        for item in threading.enumerate()
        if not isinstance(item, threading._DummyThread) and not item.name.startswith(_DASKS)
    ]


def _children() -> set[int]:
    """Return the processes that this one has started and not yet heard the end of; asking is
    free while there are none.
    """
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return set()
    try:
        return {
            int(pid)
            for task in Path("/proc/self/task").iterdir()
            for pid in (task / "children").read_text().split()
        }
    except OSError:  # not Linux, or a thread that has ended meanwhile
        return {item.pid for item in psutil.Process().children()}


def _told(pid: int) -> str:
    try:
        return f"{pid} {' '.join(psutil.Process(pid).cmdline())}"
    except psutil.ZombieProcess:
        return f"{pid}, which has ended and was not waited for,"
    except psutil.Error:
        return str(pid)


def _windows() -> dict[int, str]:
    """Return windows by their addresses: those that are seen, and hidden ones of the program
    that nobody owns.
    """
    app = QApplication.instance()
    found = app.topLevelWidgets() if isinstance(app, QApplication) else []
    return {
        getCppPointer(item)[
            0
        ]: f"{type(item).__name__} {item.objectName()!r}{'' if item.isVisible() else ' (hidden)'}"
        for item in found
        if item.isVisible() or (item.parent() is None and _is_ours(item))
    }


def _is_ours(item: QWidget) -> bool:
    """Whether a hidden window is a leak where it stays: menus and tool tips are kept by Qt and
    pyqtgraph for the next time.
    """
    return isinstance(item, QDialog | QMainWindow) or type(item).__module__.startswith("app.")
