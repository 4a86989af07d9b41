"""The tools that draw, in a narrow column beside the chart."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from app.actions import Actions
from app.charts.drawing import KINDS

#: Names of the commands from top to bottom; "-" is a gap between them.
_TOOLS = (
    *(f"draw-{kind}" for kind in KINDS),
    "-",
    "draw-measure",
    "-",
    "draw-magnet",
    "draw-hide",
    "draw-clear",
)
#: Pixels of a gap, and between two buttons.
_GAP, _SPACING = 8, 2


class DrawingToolbar(QWidget):
    """One button for each tool; a tool that is chosen stays pressed until it has drawn.

    Where the chart is low, the last tools go into the menu of a button at the end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Drawing tools"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 2, 4)
        self._column.setSpacing(_SPACING)
        self._column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        self._tools: list[tuple[QToolButton, int]] = []
        self._others = QMenu(self)
        self._more = QToolButton()
        self._more.setText("…")
        self._more.setToolTip(self.tr("More drawing tools"))
        self._more.setAccessibleName(self.tr("More drawing tools"))
        self._more.setMenu(self._others)
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._more.setAutoRaise(True)
        self._more.hide()

    def show_actions(self, actions: Actions) -> None:
        """Add the buttons of the commands."""
        gap = 0
        for name in _TOOLS:
            if name == "-":
                gap = _GAP
                self._column.addSpacing(gap)
                continue
            button = QToolButton()
            button.setDefaultAction(actions[name])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setIconSize(QSize(18, 18))
            button.setAutoRaise(True)
            button.setAccessibleName(actions[name].iconText())
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._column.addWidget(button)
            self._tools.append((button, gap))
            gap = 0
        self._column.addWidget(self._more)
        self._column.addStretch(1)

    def sizeHint(self) -> QSize:
        """Return a width for one column; the height is what the chart has."""
        return QSize(self._column.sizeHint().width(), 0)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the column, and next to no height."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the tools that there is room for, and the others in a menu."""
        super().resizeEvent(event)
        margins = self._column.contentsMargins()
        room = self.height() - margins.top() - margins.bottom()
        shown = self._count(room)
        if shown < len(self._tools):
            shown = self._count(room - self._more.sizeHint().height() - _SPACING)
        self._others.clear()
        for index, (button, _gap) in enumerate(self._tools):
            button.setVisible(index < shown)
            if index >= shown:
                self._others.addAction(button.defaultAction())
        self._more.setVisible(shown < len(self._tools))

    def _count(self, room: int) -> int:
        """Return how many tools have room in a height of so many pixels."""
        for index, (button, gap) in enumerate(self._tools):
            room -= button.sizeHint().height() + gap + _SPACING
            if room < 0:
                return index
        return len(self._tools)
