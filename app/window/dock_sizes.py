"""Sizes of the docks, kept as shares of the window, so that they survive a restart on whatever
screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar

#: Least share of the window's height that a chart has where only an older version's state is known:
#: that version squeezed the chart itself, so a smaller share was not chosen by anybody.
_LEAST_CHART = 0.3

Share = Annotated[float, Field(gt=0, le=1)]


class DockShares(BaseModel):
    """Sizes as they are kept.

    Attributes
    ----------
    window : tuple of int
        Width and height in pixels of the window they were taken in.
    docks : dict of str to tuple of float
        Width and height of each docked dock by its object name, as shares of the window's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    window: tuple[int, int]
    docks: dict[str, tuple[Share, Share]]


class DockSizes(QObject):
    """Restores the sizes of docks once the window has its final size.

    A window manager grants a window its size (maximised, for one) some time after it is shown.
    ``QMainWindow.restoreState`` before that stretches the docks instead of the chart. So sizes are
    applied again after each change of the window's size, until it has the size they were taken in,
    or until the user moves a dock or a separator.

    Parameters
    ----------
    window : QMainWindow
    docks : mapping of str to QDockWidget
    default : callable
        Gives the docks the sizes of a first start.
    """

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, QDockWidget], default: Callable[[], None]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._docks = docks
        self._default = default
        self._shares: DockShares | None = None
        self._restore_state: Callable[[], bool] | None = None
        self._pending = False
        window.installEventFilter(self)
        for dock in docks.values():
            dock.topLevelChanged.connect(self.settle)
            dock.toggleViewAction().triggered.connect(self.settle)

    def begin(self, kept: str, restore_state: Callable[[], bool] | None) -> None:
        """Apply sizes from now on until the window has its final size.

        Parameters
        ----------
        kept : str
            What :meth:`text` returned at the end of an earlier session, or "".
        restore_state : callable, optional
            Restores the places of the docks, for sessions of versions that kept no shares; None
            where no places are known.
        """
        try:
            self._shares = DockShares.model_validate_json(kept)
        except ValidationError:
            self._shares = None
        self._restore_state = restore_state
        self._pending = True
        QTimer.singleShot(0, self, self._apply)

    def settle(self) -> None:
        """Leave the sizes to the user, and to Qt, from now on."""
        self._pending = False

    def text(self) -> str:
        """Return the sizes for the next session, as JSON."""
        if self._pending and self._shares is not None:
            return self._shares.model_dump_json()
        width, height = self._window.width(), self._window.height()
        shares = {}
        for name, dock in self._docks.items():
            front = self._front(dock)
            if front is not None:
                shares[name] = (
                    min(front.width() / width, 1.0),
                    min(self._height(front) / height, 1.0),
                )
        return DockShares(window=(width, height), docks=shares).model_dump_json()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size, and notice when a separator is taken hold of: no widget lies
        there.
        """
        if self._pending and watched is self._window:
            if event.type() == QEvent.Type.Resize:
                QTimer.singleShot(0, self, self._apply)
            elif (
                event.type() == QEvent.Type.MouseButtonPress
                and isinstance(event, QMouseEvent)
                and self._window.childAt(event.position().toPoint()) is None
            ):
                self.settle()
        return super().eventFilter(watched, event)

    def _apply(self) -> None:
        if not self._pending:
            return
        if self._shares is not None:
            self._take(self._shares)
            if (self._window.width(), self._window.height()) == self._shares.window:
                self.settle()
        elif self._restore_state is not None:
            self._restore_older(self._restore_state)
        else:
            self._default()

    def _take(self, shares: DockShares) -> None:
        """Give each dock in front its share of the window."""
        fronts = [
            dock
            for dock in self._docks.values()
            if dock.objectName() in shares.docks and self._front(dock) is dock
        ]
        kept = [shares.docks[dock.objectName()] for dock in fronts]
        width, height = self._window.width(), self._window.height()
        if fronts:
            self._window.resizeDocks(
                fronts, [round(share[0] * width) for share in kept], Qt.Orientation.Horizontal
            )
            self._window.resizeDocks(
                fronts, [round(share[1] * height) for share in kept], Qt.Orientation.Vertical
            )

    def _restore_older(self, restore_state: Callable[[], bool]) -> None:
        """Restore the sizes in pixels of a version that kept no shares, without changing which
        tab is in front.
        """
        fronts = [dock for dock in self._docks.values() if self._front(dock) is dock]
        restore_state()
        for dock in fronts:
            dock.raise_()
        middle = self._window.centralWidget()
        if middle is not None and middle.height() < _LEAST_CHART * self._window.height():
            self._default()

    def _height(self, dock: QDockWidget) -> int:
        """Return the height of a dock with the tabs below it, as ``resizeDocks`` counts it."""
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        for bar in self._window.findChildren(QTabBar, options=direct):
            if bar.isVisible() and dock.windowTitle() in (
                bar.tabText(index) for index in range(bar.count())
            ):
                return dock.height() + bar.height()
        return dock.height()

    def _front(self, dock: QDockWidget) -> QDockWidget | None:
        """Return the dock in front of the tabs that a dock is among; None for one that floats or
        is hidden.
        """
        if dock.isFloating() or dock.isHidden():
            return None
        tabs = [dock, *self._window.tabifiedDockWidgets(dock)]
        inside = self._window.rect()
        return next(
            (item for item in tabs if not item.isFloating() and inside.intersects(item.geometry())),
            None,
        )
