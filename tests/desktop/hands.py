"""Mouse and keyboard of the X server, and windows as a person opens and leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QWidget,
)
from soundness import faults

from app import theme
from app.number_format import use_english
from app.preferences import Preferences
from app.session import Session
from app.window import MainWindow
from app.window.workbench import Workbench

#: Longest wait in seconds for anything: far beyond what a loaded machine needs.
PATIENCE_S = float(os.environ.get("CANDLECAST_PATIENCE_S", "60"))


def wait_until(condition: Callable[[], object], what: str = "") -> None:
    """Let events happen until a condition holds.

    Raises
    ------
    AssertionError
        It did not come to hold; ``what`` names it.
    """
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what or condition}"
        QApplication.processEvents()
        time.sleep(0.002)


def settled(bench: Workbench) -> None:
    """Wait until nothing runs, nothing is animated and nothing waits to be laid out or painted."""
    session = bench.session
    wait_until(
        lambda: session.state == "idle" and session.threads == 0, "the session comes to rest"
    )
    wait_until(
        lambda: not any(timer.isActive() for timer in bench.window.findChildren(QTimer)),
        "timers end",
    )
    painted(bench.window)


def painted(window: QWidget) -> None:
    """Wait until a window has the geometry and the paint that its last changes ask for."""
    before = QRect()
    calm = 0

    def still() -> bool:
        nonlocal before, calm
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        calm = calm + 1 if before == window.geometry() else 0
        before = window.geometry()
        return calm > 3

    wait_until(still, "the window keeps its geometry")


def _xdotool(*words: str | int) -> None:
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=PATIENCE_S)


def press_keys(*keys: str) -> None:
    """Press keys one after the other, each by its X name, such as ``ctrl+k``."""
    _xdotool("key", "--clearmodifiers", *keys)


def type_text(text: str) -> None:
    """Type a text into whatever has the focus."""
    _xdotool("type", "--clearmodifiers", text)


def _move_to(widget: QWidget, at: QPoint | None) -> tuple[str | int, ...]:
    """Return the words that move the mouse to a point of a widget, by default its centre.

    The server reckons from its own window: right after a window has moved, Qt may still believe in
    its old place.
    """
    window = widget.window()
    point = widget.mapTo(window, at if at is not None else widget.rect().center())
    ratio = widget.devicePixelRatioF()
    return (
        "mousemove",
        "--window",
        int(window.winId()),
        round(point.x() * ratio),
        round(point.y() * ratio),
    )


#: Where clicks are counted at the moment.
_COUNTS: list[list[QWidget]] = []


@contextmanager
def counted_clicks() -> Iterator[list[QWidget]]:
    """Yield a list that gets the widget of every click, of each of a double click."""
    made: list[QWidget] = []
    _COUNTS.append(made)
    try:
        yield made
    finally:
        _COUNTS.remove(made)


def click(
    widget: QWidget, at: QPoint | None = None, *, double: bool = False, button: int = 1
) -> None:
    """Click a widget with the server's mouse; whatever lies above it there gets the click
    instead.
    """
    for count in _COUNTS:
        count.extend([widget] * (1 + double))
    wait_until(widget.isVisible, f"{widget.objectName() or widget} is shown")
    _come_to_rest(widget)
    repeat = ("--repeat", 2, "--delay", 30) if double else ()
    _xdotool(*_move_to(widget, at), "click", *repeat, button)
    QApplication.processEvents()


def hover(widget: QWidget, at: QPoint) -> None:
    """Move the pointer to a point of a widget."""
    _xdotool(*_move_to(widget, at))
    _let_happen()


def drag_over(widget: QWidget, *points: QPoint, held: str = "") -> None:
    """Drag with the left button over points of a widget, with a key held where one is named."""
    if held:
        _xdotool("keydown", held)
    try:
        _xdotool(*_move_to(widget, points[0]), "mousedown", 1)
        _let_happen()
        for point in points[1:]:
            hover(widget, point)
        _xdotool("mouseup", 1)
        _let_happen()
    finally:
        if held:
            _xdotool("keyup", held)


def _come_to_rest(widget: QWidget) -> None:
    """Wait until a widget stays where it is: nobody clicks what is still being laid out."""
    before = None
    while (now := widget.mapToGlobal(widget.rect().center())) != before:
        before = now
        _let_happen(0.04)


def drag(start: tuple[int, int], target: QWidget) -> None:
    """Drag whatever lies at a point of the screen into the middle of a widget, in steps as a
    hand moves, and drop it there.
    """
    window = target.window()
    end = target.mapTo(window, target.rect().center())
    _xdotool("mousemove", *start, "mousedown", 1)
    for step in (8, 16, 24):
        _xdotool("mousemove", start[0] + step, start[1] + step)
        _let_happen()
    for shift in (-20, -10, 0):
        _xdotool("mousemove", "--window", int(window.winId()), end.x() + shift, end.y() + shift)
        _let_happen()
    _xdotool("mouseup", 1)


def _let_happen(seconds: float = 0.15) -> None:
    """Let the program go on for a moment, such as in a dialogue between two windows."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def activated(window: QWidget) -> None:
    """Wait until a window is seen and has the keyboard."""
    handle = window.windowHandle()
    wait_until(
        lambda: handle is not None and handle.isExposed(), f"{window.windowTitle()!r} is exposed"
    )
    wait_until(lambda: QApplication.activeWindow() is window, f"{window.windowTitle()!r} is active")


def dialog_shown(kind: type[QDialog] = QDialog) -> QDialog:
    """Wait for a dialog that has the keyboard, and return it."""
    found: list[QDialog] = []

    def there() -> bool:
        found[:] = [
            item
            for item in QApplication.topLevelWidgets()
            if isinstance(item, kind) and item.isVisible()
        ]
        return bool(found)

    wait_until(there, f"a {kind.__name__} opens")
    activated(found[-1])
    return found[-1]


def gone(widget: QWidget) -> Callable[[], bool]:
    """Return the condition that a widget is hidden or deleted."""
    from shiboken6 import isValid

    return lambda: not isValid(widget) or not widget.isVisible()


class _Presses(QObject):
    """Counts the presses of the mouse that reach a widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        self.count += event.type() == QEvent.Type.MouseButtonPress
        return False


def assert_alive(bench: Workbench) -> None:
    """Prove that a click and a typed letter still reach the window through the X server."""
    field: QLineEdit = bench.actions.ticker_field
    if isinstance(
        QApplication.activeWindow(), QDockWidget
    ):  # some managers give a floating panel the keyboard
        click(bench.window.statusBar())
    activated(bench.window)
    chart = bench.layout.chart if bench.layout.chart.isVisible() else bench.window.statusBar()
    for widget in (chart, field) if field.isEnabled() else (chart,):
        presses = _Presses(widget)
        click(widget)
        wait_until(
            lambda presses=presses: presses.count,
            f"a click lands on {widget.accessibleName() or widget}",
        )  # type: ignore[misc]
        widget.removeEventFilter(presses)
        presses.deleteLater()
    if not field.isEnabled():  # while something runs
        for letter, style in (("b", "bars"), ("k", "candles")):
            press_keys(f"ctrl+shift+{letter}")
            wait_until(bench.actions[f"style-{style}"].isChecked, f"keys draw {style}")
        return
    wait_until(field.hasFocus, "the clicked field has the focus")
    type_text("q")
    wait_until(lambda: field.text() == "q", "a typed letter lands")
    press_keys("BackSpace")
    wait_until(lambda: field.text() == "", "and is taken away again")


def picture(bench_or_widget: Workbench | QWidget, name: str) -> Path:
    """Keep a picture of the whole screen, as the X server shows it, and return its path."""
    widget = bench_or_widget.window if isinstance(bench_or_widget, Workbench) else bench_or_widget
    folder = Path(
        os.environ.get("CANDLECAST_PICTURES")
        or Path(__file__).resolve().parents[2] / "build" / "desktop"
    )
    folder.mkdir(parents=True, exist_ok=True)
    QApplication.processEvents()
    path = folder / f"{name}.png"
    frame = widget.frameGeometry()
    screen = widget.screen()
    screen.grabWindow(0, frame.x(), frame.y(), frame.width(), frame.height()).save(str(path))
    return path


def assert_sound(window: QWidget, name: str) -> None:
    """Keep a picture of a state, and fail where anything in it is clipped, covered or outside
    its place.
    """
    painted(window)
    path = picture(window, name)
    # A training may have told of another epoch while the picture was taken.
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    found = faults(window)
    assert not found, f"{name} ({path}):\n" + "\n".join(found)


def assert_sound_in_themes(bench: Workbench, window: QWidget, name: str) -> None:
    """Keep a picture of a state in each theme, and fail as :func:`assert_sound` does."""
    for theme_name in ("dark", "light"):
        bench.set_theme(theme_name)
        assert_sound(window, f"{name}-{theme_name}")


@contextmanager
def started(
    home: Path,
    *references: str,
    size: tuple[int, int] | None = (1280, 820),
    toured: bool = True,
    engine: bool = False,
) -> Iterator[Workbench]:
    """Start the window as the program does, and close it as a person does, by its close button.

    Parameters
    ----------
    home : Path
        Folder of its settings; the same one at the next start means the same person.
    references : str
        What to load.
    size : pair of int, optional
        Size to give it; None leaves it at what it chose itself.
    toured : bool
        Whether the tour was seen before.
    engine : bool
        Whether torch is to be imported.
    """
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    home.mkdir(exist_ok=True)
    use_english()
    theme.apply(app, theme.LIGHT)
    with pytest.MonkeyPatch.context() as patch:
        if not engine:
            patch.setattr(Session, "warm_up", lambda _self: None)
        preferences = Preferences(home / "preferences.json")
        if toured:
            preferences.toured = True
        window = MainWindow(preferences, references)
        if size:
            window.resize(*size)
        window.show()
        try:
            wait_until(lambda: window.bench is not None, "the window is furnished")
            bench = window.bench
            assert bench is not None
            wait_until(
                QApplication.activeWindow, "the window, or a floating panel of it, is active"
            )
            settled(bench)
            yield bench
        except BaseException:
            if window.bench is not None:  # nothing may ask a question that nobody answers
                window.bench.session.unsaved = False
                window.bench.session.close(60_000)
            raise
        finally:
            leave(window)


def leave(window: QMainWindow) -> None:
    """Close a window and wait for its threads."""
    bench = getattr(window, "bench", None)
    if window.isVisible():
        window.close()
    if bench is not None:
        bench.session.close(60_000)
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()


def resized(bench: Workbench, width: int, height: int) -> None:
    """Give the window a size, and wait until the window manager has granted it."""
    bench.window.showNormal()
    wait_until(lambda: not bench.window.isMaximized(), "the window is not maximised")
    bench.window.resize(width, height)
    wait_until(
        lambda: (bench.window.width(), bench.window.height()) == (width, height),
        f"the window has {width}x{height}",
    )
    settled(bench)


def maximised(bench: Workbench) -> None:
    """Maximise the window, and wait until the window manager has done it."""
    bench.window.showMaximized()
    room = bench.window.screen().availableGeometry()
    wait_until(
        lambda: (
            bench.window.isMaximized() and bench.window.frameGeometry().width() >= room.width() - 4
        ),
        "the window is maximised",
    )
    settled(bench)


def on_xcb() -> bool:
    """Whether Qt draws to an X server."""
    return (
        os.environ.get("QT_QPA_PLATFORM") == "xcb"
        and bool(os.environ.get("DISPLAY"))
        and sys.platform.startswith("linux")
    )


def mouse_to_corner() -> None:
    """Move the mouse where it hovers over nothing."""
    size = (
        QGuiApplication.primaryScreen().geometry().size()
        * QGuiApplication.primaryScreen().devicePixelRatio()
    )
    _xdotool("mousemove", size.width() - 1, size.height() - 1)


def answered(
    begin: Callable[[], object], answer: Callable[[QWidget], object], beyond: QWidget | None = None
) -> None:
    """Do what opens a dialog that blocks, and answer it from inside its own loop of events.

    Parameters
    ----------
    begin : callable
        Opens the dialog, now or a little later.
    answer : callable
        Gets the dialog once it has the keyboard, and closes it.
    beyond : QWidget, optional
        A dialog that is open already, and from which the other one is opened.
    """
    end = time.monotonic() + PATIENCE_S
    failed: list[BaseException] = []
    done: list[bool] = []
    timer = QTimer()
    timer.setInterval(10)

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None or dialog is beyond or QApplication.activeWindow() is not dialog:
            if (
                time.monotonic() > end and dialog is not None
            ):  # else its loop of events would never end
                dialog.close()
            return
        timer.stop()
        try:
            answer(dialog)
            wait_until(gone(dialog), f"{dialog.windowTitle()!r} closes")
        except BaseException as error:
            failed.append(error)
            dialog.close()
        done.append(True)

    timer.timeout.connect(look)
    timer.start()
    try:
        begin()
        wait_until(lambda: done, "the dialog is answered")
    finally:
        timer.stop()
    if failed:
        raise failed[0]


def button_of(dialog: QWidget, *names: str) -> QAbstractButton:
    """Return the button of a dialog with one of these texts."""
    buttons = [item for item in dialog.findChildren(QAbstractButton) if item.isVisible()]
    texts = {item.text().replace("&", ""): item for item in buttons}
    found = next((texts[name] for name in names if name in texts), None)
    assert found is not None, f"{dialog.windowTitle()!r} has {sorted(texts)}"
    return found
