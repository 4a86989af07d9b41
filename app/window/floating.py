"""Floating panels that were restored: kept on a screen, and off the message bar."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow

from app.widgets.message_bar import MessageBarStack

#: Pixels between a panel and the bar that it makes room for.
_GAP = 8


class FloatingPanels(QObject):
    """Moves panels that were left floating until the user takes hold of them.

    A panel may have been left on a screen that is gone, or where a message bar stands now, whose
    buttons it would hide. What the user moves stays where it is put.

    Parameters
    ----------
    window : QMainWindow
    docks : mapping of str to QDockWidget
    bars : MessageBarStack
    """

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, QDockWidget], bars: MessageBarStack
    ) -> None:
        super().__init__(window)
        self._window, self._bars = window, bars
        self._docks = tuple(docks.values())
        self._restored: set[QDockWidget] = set()
        bars.arranged.connect(self._soon)
        for watched in (window, *self._docks):
            watched.installEventFilter(self)

    def begin(self) -> None:
        """Look after the panels that float now."""
        self._restored = {dock for dock in self._docks if dock.isFloating()}
        self._soon()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave a panel alone once the user takes hold of it; look again where the window moves."""
        holds = (QEvent.Type.MouseButtonPress, QEvent.Type.NonClientAreaMouseButtonPress)
        if event.type() in holds and isinstance(watched, QDockWidget):
            self._restored.discard(watched)
        elif watched is self._window and event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._soon()
        return super().eventFilter(watched, event)

    def _soon(self) -> None:
        """Look once the bar has its place."""
        if self._restored:
            QTimer.singleShot(0, self, self._make_room)

    def _make_room(self) -> None:
        bar = self._bars.shown
        taken = QRect(bar.mapToGlobal(QPoint(0, 0)), bar.size()) if bar is not None else QRect()
        for dock in self._restored:
            if not dock.isFloating() or dock.isHidden():
                continue
            frame = dock.frameGeometry()
            screen = QGuiApplication.screenAt(frame.center()) or self._window.screen()
            index = clear_place(frame, taken, screen.availableGeometry())
            if index != frame.topLeft():
                dock.move(dock.pos() + index - frame.topLeft())


def clear_place(panel: QRect, bar: QRect, screen: QRect) -> QPoint:
    """Return where a panel is to stand: on the screen, and off a bar where there is room.

    Parameters
    ----------
    panel : QRect
        The panel with its frame, where it stands.
    bar : QRect
        May be empty.
    screen : QRect
        What of the screen can be used.

    Returns
    -------
    QPoint
        The upper left corner: the place it has, if that is clear; else the nearest one below,
        right of, left of or above the bar that lies on the screen.
    """
    held = QRect(_inside(panel, screen), panel.size())
    if bar.isEmpty() or not held.intersects(bar):
        return held.topLeft()
    corners = (
        QPoint(held.left(), bar.bottom() + 1 + _GAP),
        QPoint(bar.right() + 1 + _GAP, held.top()),
        QPoint(bar.left() - _GAP - held.width(), held.top()),
        QPoint(held.left(), bar.top() - _GAP - held.height()),
    )
    clear = (corner for corner in corners if screen.contains(QRect(corner, held.size())))
    below = QPoint(held.left(), bar.bottom() + 1 + _GAP)
    return min(clear, key=lambda corner: (corner - held.topLeft()).manhattanLength(), default=below)


def _inside(panel: QRect, screen: QRect) -> QPoint:
    """Return the nearest corner at which a panel lies on a screen, its title first."""
    left = max(screen.left(), min(panel.left(), screen.right() + 1 - panel.width()))
    top = max(screen.top(), min(panel.top(), screen.bottom() + 1 - panel.height()))
    return QPoint(left, top)
