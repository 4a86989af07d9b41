"""A real window without the engine: tests of lists and dialogs need no torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app import theme
from app.preferences import Preferences
from app.session import Session
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import RunConfig


def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Let events happen until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        QApplication.processEvents()
        time.sleep(0.004)


def idle(bench: Workbench) -> None:
    """Wait until nothing runs any more."""
    wait(
        lambda: (
            bench.session.state == "idle"
            and bench.session.threads == 0
            and not bench.session.pulsing
        )
    )


def exported(bench: Workbench, path: Path) -> bool:
    """Export what is shown, and wait for the file; False where it is refused."""
    refused: list[object] = []

    def refuse(fault: object) -> None:
        refused.append(fault)

    bench.export_controller.refused.connect(refuse)
    started = bench.export(path)
    wait(lambda: not bench.export_controller.writing)
    bench.export_controller.refused.disconnect(refuse)
    return started and not refused


def rested(bench: Workbench) -> None:
    """Wait until nothing runs and nothing waits for a pause in the typing: what a window that
    stays open must leave to the next test.
    """
    idle(bench)
    while hastened(bench):
        idle(bench)


def hastened(bench: Workbench) -> bool:
    """Let what waits for a pause in the typing, or for the chart, happen now; False where nothing
    does.
    """
    timers = [
        timer
        for owner in (bench.window, bench.session)
        for timer in owner.findChildren(QTimer)
        if timer.isSingleShot() and timer.isActive()
    ]
    for timer in timers:
        timer.stop()
        timer.timeout.emit()
    return bool(timers)


@contextmanager
def window(folder: Path, *references: str, recovery: bool = False) -> Iterator[Workbench]:
    """Open a window that keeps its settings and its list in a folder; without recovery copies
    nothing begins by itself some time later.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, theme.LIGHT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "warm_up", lambda _self: None)
        shown = MainWindow(Preferences(folder / "preferences.json"), references)
        shown.resize(1024, 700)
        shown.show()
        bench = shown.furnish()
        rested(bench)
        if not recovery:
            bench.project_controller.close()
        try:
            yield bench
        finally:
            bench.session.close(60_000)
            shown.close()
            shown.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def texts(widget: QWidget) -> str:
    """Return all that can be read in a widget."""
    QApplication.processEvents()
    parts: list[Any] = [
        child
        for child in widget.findChildren(QWidget)
        if hasattr(child, "text") and child.isVisibleTo(widget)
    ]
    return " ".join(part.text() for part in parts)


def price_file(path: Path, bars: int = 60, seed: int = 0, first: str = "2024-01-01") -> str:
    """Write weekdays of a random walk with everything a bar has, and return the path."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars)))
    days = np.busday_offset(first, np.arange(bars), roll="forward")
    rows = [
        f"{day},{c:.4f},{c * 1.01:.4f},{c * 0.99:.4f},{c:.4f},1000"
        for day, c in zip(days, close, strict=True)
    ]
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]))
    return str(path)


def restored(opened: Workbench) -> Iterator[Workbench]:
    """Yield a window that several tests share with the usual settings; put its list back after."""
    before = opened.session.watchlist
    opened.model.show_config(RunConfig())
    yield opened
    opened.session.forget_run()
    opened.session.relist(before, 0)
    opened.banner.pass_on()
    rested(opened)
