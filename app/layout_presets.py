"""Presets of the layout: Look (the chart has all the room), Train (its training below it) and
Judge (its results below it).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow

#: Docks of the left column, in their order; all others stand below the chart.
LEFT = ("data", "model")
#: Width in pixels of a window from which Training stands beside the other lower docks.
_WIDE = 1700
#: Width in pixels of the left column, and height of all bars together.
_COLUMN, _BARS = 290, 140


@dataclass(frozen=True)
class Preset:
    """One preset: which docks stand in front, and the share of the height that those below the
    chart get; 0 hides them.
    """

    fronts: tuple[str, ...]
    lower: float


PRESETS: Mapping[str, Preset] = {
    "look": Preset(("data",), 0.0),
    "train": Preset(("model", "training"), 0.40),
    "judge": Preset(("results",), 0.47),
}


class LayoutPresets(QObject):
    """Arranges the docks: as asked, or by what is done, but never against the user.

    Before anything was trained the docks below the chart are held back. They come when one of them
    is needed. Whoever has moved, closed or resized a dock keeps that; whoever has chosen a preset
    keeps it until the next start.

    Parameters
    ----------
    window : QMainWindow
    docks : mapping of str to QDockWidget
        All of :data:`LEFT`, and those below the chart in their order.
    size : callable
        Gives all docks the sizes of the preset, also after the next changes of the window's size.

    Attributes
    ----------
    docks : mapping of str to QDockWidget
    lower : tuple of str
        Names of the docks below the chart, in their order.
    name : str
        The preset at hand, or "" for an arrangement of the user's own.
    changed : Signal
        :attr:`name` may be another one.
    """

    changed = Signal()

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, QDockWidget], size: Callable[[], None]
    ) -> None:
        super().__init__(window)
        self._window = window
        self.docks = docks
        self.lower = tuple(name for name in docks if name not in LEFT)
        self._size = size
        self.name = ""
        self._held: set[str] = set()
        self._chosen = False
        self._arranging = False
        window.installEventFilter(self)
        for dock in docks.values():
            dock.installEventFilter(self)
            dock.topLevelChanged.connect(self._touched)
            dock.toggleViewAction().triggered.connect(self._touched)

    def state(self) -> QByteArray:
        """Return where the docks are, for :meth:`take_state`."""
        return self._window.saveState(self._version)

    def take_state(self, state: QByteArray) -> bool:
        """Put the docks where they were; False for the state of a program with other docks,
        whose places would not fit.
        """
        with self.arranging():
            return self._window.restoreState(state, self._version)

    @property
    def _version(self) -> int:
        return zlib.crc32(" ".join(self.docks).encode()) & 0x7FFF

    def begin(self) -> None:
        """Arrange a window that has no memory of an arrangement: the chart alone, and the form
        of the model beside it.
        """
        with self.arranging():
            for name in self.lower:
                self.docks[name].hide()
            self._held = set(self.lower)
            QTimer.singleShot(0, self.docks["model"], self.docks["model"].raise_)
        self._name("look")

    def choose(self, name: str) -> None:
        """Arrange the docks as the user asks, wherever they are; nothing changes that by itself
        in this session.
        """
        preset = PRESETS[name]
        with self.arranging():
            self._bring_home()
            for dock in self.lower:
                self.docks[dock].setVisible(preset.lower > 0)
            self._held.clear()
            self._raise(preset.fronts)
        self._chosen = True
        self._name(name)
        self._size()

    def follow(self, name: str) -> None:
        """Arrange the docks for what is done now, as far as that changes nothing that the user
        has arranged.
        """
        preset = PRESETS[name]
        if self._chosen:
            return
        if preset.lower:
            self.bring(preset.fronts[-1])
        if not self.name:
            return
        with self.arranging():
            if not preset.lower:
                self._hold_back()
            self._raise(preset.fronts)
        self._name(name)
        QTimer.singleShot(0, self, self._size_lower)

    def bring(self, name: str) -> None:
        """Bring a dock to the front, with those that were held back, unless the user has closed
        it.
        """
        with self.arranging():
            revealed = name in self._held
            if revealed:
                self._reveal()
            if not self.docks[name].isHidden():
                self.docks[name].raise_()
        if revealed:
            QTimer.singleShot(0, self, self._size_lower)

    def open(self, name: str) -> None:
        """Show a dock that is asked for, and bring it to the front."""
        self.bring(name)
        self.docks[name].show()
        self.docks[name].raise_()

    def text(self) -> str:
        """Return what :meth:`restore` needs at the next start."""
        return f"{self.name}:{','.join(sorted(self._held))}"

    def restore(self, text: str) -> None:
        """Go on with the preset of an earlier session; a version without presets left none, and
        its arrangement is the user's own.
        """
        name, _, held = text.partition(":")
        self._held = {
            item for item in held.split(",") if item in self.lower and self.docks[item].isHidden()
        }
        self._name(name if name in PRESETS else "")

    def adopt(self) -> None:
        """Take the arrangement of a project for the user's own; where it has nothing below the
        chart, that is held back.
        """
        self._held = {name for name in self.lower if self.docks[name].isHidden()}
        if len(self._held) < len(self.lower):
            self._held.clear()
        self._name("look" if self._held else "")

    @contextmanager
    def arranging(self) -> Iterator[None]:
        """Let docks move without taking that for the user's doing."""
        before, self._arranging = self._arranging, True
        try:
            yield
        finally:
            self._arranging = before

    @property
    def lower_share(self) -> float:
        """Share of the window's height for the docks below the chart."""
        return (PRESETS[self.name].lower if self.name else 0.0) or PRESETS["train"].lower

    def share_room(self) -> None:
        """Give all docks that are in their places the sizes of the preset."""
        left = [self.docks[name] for name in LEFT if self._in_place(name)]
        self._window.resizeDocks(left, [_COLUMN] * len(left), Qt.Orientation.Horizontal)
        training, results = self.docks["training"], self.docks["results"]
        if (
            self._in_place("training")
            and self._in_place("results")
            and results not in self._window.tabifiedDockWidgets(training)
        ):
            width = self._window.width() - _COLUMN
            self._window.resizeDocks(
                [training, results],
                [width * 45 // 100, width * 55 // 100],
                Qt.Orientation.Horizontal,
            )
        self._size_lower()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice when the user closes a dock, or takes hold of the line between two: no widget
        lies there.
        """
        if (
            watched is self._window
            and event.type() == QEvent.Type.MouseButtonPress
            and isinstance(event, QMouseEvent)
            and self._window.childAt(event.position().toPoint()) is None
        ) or (watched is not self._window and event.type() == QEvent.Type.Close):
            self._touched()
        return super().eventFilter(watched, event)

    def _touched(self) -> None:
        """Leave the arrangement to the user from now on."""
        if self._arranging:
            return
        self._held = {name for name in self._held if self.docks[name].isHidden()}
        self._name("")

    def _name(self, name: str) -> None:
        self.name = name
        self.changed.emit()

    def _in_place(self, name: str) -> bool:
        return not self.docks[name].isHidden() and not self.docks[name].isFloating()

    def _hold_back(self) -> None:
        for name in self.lower:
            if self._in_place(name):
                self.docks[name].hide()
                self._held.add(name)

    def _reveal(self) -> None:
        """Show what was held back: side by side where there is room for two, else behind tabs."""
        # Tabs of docks that are shown already would leave their bar behind in the window.
        if self._window.width() < _WIDE and self._held == set(self.lower):
            self._tabify(self.lower)
        for name in self.lower:
            if name in self._held:
                self.docks[name].show()
        self._held.clear()

    def _bring_home(self) -> None:
        """Put every dock where it is at a first start; those that are there stay, as moving them
        leaves their old tabs behind.
        """
        tabs = self.lower if self._window.width() < _WIDE else self.lower[1:]
        left, below = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
        for names, area, together in ((LEFT, left, LEFT), (self.lower, below, tabs)):
            if not self._at_home(names, area, together):
                for name in names:
                    self.docks[name].setFloating(False)
                    self._window.addDockWidget(area, self.docks[name])
                self._tabify(together)
            for name in names:
                self.docks[name].show()

    def _at_home(
        self, names: tuple[str, ...], area: Qt.DockWidgetArea, together: tuple[str, ...]
    ) -> bool:
        """Whether docks are in an area, and some of them, and no others, behind the same tabs."""
        docks = [self.docks[name] for name in names]
        tabbed = {
            dock.objectName() for dock in self._window.tabifiedDockWidgets(self.docks[together[0]])
        }
        there = all(
            self._window.dockWidgetArea(dock) == area and not dock.isFloating() for dock in docks
        )
        return there and tabbed == set(together[1:])

    def _tabify(self, names: tuple[str, ...]) -> None:
        for before, after in pairwise(names):
            self._window.tabifyDockWidget(self.docks[before], self.docks[after])

    def _raise(self, names: tuple[str, ...]) -> None:
        for name in names:
            if not self.docks[name].isHidden():
                self.docks[name].raise_()

    def _size_lower(self) -> None:
        """Give the docks below the chart their share of the height."""
        lower = [self.docks[name] for name in self.lower if self._in_place(name)]
        height = round((self._window.height() - _BARS) * self.lower_share)
        self._window.resizeDocks(lower, [height] * len(lower), Qt.Orientation.Vertical)
