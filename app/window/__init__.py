"""The main window as it is first painted: empty and at once; the workbench that fills it is
imported after that.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QScrollArea,
    QTabBar,
    QWidget,
)

from app import theme
from app.preferences import Preferences

if TYPE_CHECKING:
    from app.window.workbench import Workbench

#: Least and largest size in pixels of a first window, where the screen has the room.
_FIRST_SIZE, _LARGEST_FIRST = (1280, 820), (1760, 1100)
#: Pixels across and down that a title bar and borders take, about.
_FRAME = (12, 40)
_SMALLEST = (900, 600)
#: What the workbench needs, in pieces that each take a tenth of a second at most.
_IMPORTS = (
    *(
        "numpy",
        "pydantic",
        "forecasting.config",
        "forecasting.events",
        "forecasting.sources",
        "pyqtgraph",
        "app.charts.price",
    ),
    *(
        "app.session",
        "app.widgets.form_builder",
        "app.features.model.panel",
        "app.features.training.panel",
        "app.features.evaluation.panel",
        "app.features.backtest.panel",
    ),
    *("app.window.layout", "app.window.workbench"),
)


class _FirstPaint(QLabel):
    """What is seen until the workbench is there."""

    painted = Signal()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self.painted.emit()


class MainWindow(QMainWindow):
    """The window of Candlecast.

    Parameters
    ----------
    preferences : Preferences
        What was remembered.
    references : sequence of str
        What to load at the start; without any, what was shown last, or the sample.

    Attributes
    ----------
    bench : Workbench or None
        All that the window holds, once the first paint is over.
    faulted : Signal
        An unexpected error, emitted from any thread.
    painted : Signal
        The window was seen for the first time; what is not needed for that waits until then.
    """

    faulted = Signal(object)
    painted = Signal()

    def __init__(self, preferences: Preferences, references: Sequence[str] = ()) -> None:
        super().__init__()
        self.bench: Workbench | None = None
        self._preferences = preferences
        self._references = tuple(references)
        self._imports = list(_IMPORTS)
        self.setObjectName("main")
        self.setWindowTitle("Candlecast")
        self.setAcceptDrops(True)
        self.setMinimumSize(*_SMALLEST)
        self._place()
        first = _FirstPaint(self.tr("Opening…"))
        first.setAlignment(Qt.AlignmentFlag.AlignCenter)
        first.setProperty("role", "muted")
        first.painted.connect(self._painted, Qt.ConnectionType.SingleShotConnection)
        self.setCentralWidget(first)
        self._drop_hint = QLabel(self.tr("Drop to load"), self)
        self._drop_hint.setObjectName("drop")
        self._drop_hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._drop_hint.hide()

    def furnish(self) -> Workbench:
        """Build the workbench, if it is not there yet, and start it."""
        if self.bench is None:
            from app.window.workbench import Workbench

            self.bench = Workbench(self, self._preferences)
            self.faulted.connect(self.bench.report)
            self.bench.start(self._references)
        return self.bench

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask where something would be lost, end all threads, remember the place."""
        if self.bench and not self.bench.may_close():
            event.ignore()
            return
        self._preferences.keep_bytes("geometry", self.saveGeometry())
        self._preferences.told = _say_in_the_end
        self._preferences.save()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept local files, and show that they are."""
        if self.bench and dropped_files(event.mimeData()):
            event.acceptProposedAction()
            self._show_drop(shown=True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Take the highlight away."""
        self._show_drop(shown=False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Load what was dropped."""
        self._show_drop(shown=False)
        files = dropped_files(event.mimeData())
        if self.bench and files:
            event.acceptProposedAction()
            self.bench.open_files(files)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Pass by what lies behind other panels, and scroll to what has the focus: out of sight
        it helps nobody.
        """
        first = QApplication.focusWidget()
        while super().focusNextPrevChild(forward):
            now = QApplication.focusWidget()
            if now is None or now is first or not _is_behind(now):
                _scroll_to(now)
                return True
            first = first or now
        return False

    def open_file(self, path: str) -> None:
        """Open a file that the system hands over, as at a double click: at once, or as soon as
        the window is furnished.
        """
        if self.bench:
            self.bench.load([path])
        else:
            self._references = (path,)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the highlight over the whole window."""
        super().resizeEvent(event)
        self._drop_hint.setGeometry(self.rect().adjusted(6, 6, -6, -6))

    def _painted(self) -> None:
        self.painted.emit()
        self.setWindowIcon(theme.app_icon())
        QTimer.singleShot(0, self._prepare)

    def _prepare(self) -> None:
        """Import what the workbench needs, piece by piece, so that the window answers in
        between; then build it.
        """
        if self._imports:
            importlib.import_module(self._imports.pop(0))
            QTimer.singleShot(0, self._prepare)
        else:
            gc.freeze()  # no garbage among what was imported
            gc.enable()
            self.furnish().help_controller.welcome()

    def _place(self) -> None:
        """Take the remembered place, or a sensible one on this screen."""
        self.resize(*_FIRST_SIZE)
        if self.restoreGeometry(self._preferences.bytes("geometry")):
            return
        room = QApplication.primaryScreen().availableGeometry()
        width, height = first_size(room.width(), room.height())
        self.resize(width, height)
        frame = self.geometry()
        frame.moveCenter(room.center())
        self.move(frame.topLeft())

    def _show_drop(self, *, shown: bool) -> None:
        colors = theme.current(self._preferences.theme)
        self._drop_hint.setStyleSheet(
            f"background: {_veil(colors.accent)}; border: 2px dashed {colors.accent}; "
            "border-radius: 10px;"
            f"color: {colors.text}; font-size: 20px; font-weight: 600;"
        )
        self._drop_hint.setVisible(shown)
        self._drop_hint.raise_()


def _is_behind(widget: QWidget | None) -> bool:
    """Whether a widget is in a panel that another one covers, or is the tabs of hidden panels."""
    if isinstance(widget, QTabBar) and widget.visibleRegion().isEmpty():
        return True
    while widget is not None and not isinstance(widget, QDockWidget):
        widget = widget.parentWidget()
    return widget is not None and widget.visibleRegion().isEmpty()


def _scroll_to(widget: QWidget | None) -> None:
    """Scroll the area that a widget is in, if it is in one."""
    area = widget
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if area is not None and widget is not None and area is not widget:
        area.ensureWidgetVisible(widget)


def _say_in_the_end(message: str, hint: str) -> None:
    """Tell of settings that could not be kept once there is no window to tell it in."""
    from app import log

    log.note("the settings could not be kept")
    print(f"{message} {hint}".rstrip(), file=sys.stderr, flush=True)


def first_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of a first window on a screen with so much room in pixels: four fifths of it,
    within limits.

    The window manager's frame has room around it on any screen.
    """
    across = max(_FIRST_SIZE[0], min(width * 4 // 5, _LARGEST_FIRST[0]))
    down = max(_FIRST_SIZE[1], min(height * 4 // 5, _LARGEST_FIRST[1]))
    return min(across, width - _FRAME[0]), min(down, height - _FRAME[1])


def dropped_files(data: QMimeData) -> list[str]:
    """Return the local files among what is dragged, in their order."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def _veil(color: str) -> str:
    red, green, blue = (int(color[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 40)"
