"""The tools that draw, in a narrow column beside the chart."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

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
#: Pixels of a gap.
_GAP = 8


class DrawingToolbar(QWidget):
    """One button for each tool; a tool that is chosen stays pressed until it has drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Drawing tools"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 2, 4)
        self._column.setSpacing(2)

    def show_actions(self, actions: Actions) -> None:
        """Add the buttons of the commands."""
        for name in _TOOLS:
            if name == "-":
                self._column.addSpacing(_GAP)
                continue
            button = QToolButton()
            button.setDefaultAction(actions[name])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            button.setIconSize(QSize(18, 18))
            button.setAutoRaise(True)
            button.setAccessibleName(actions[name].iconText())
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._column.addWidget(button)
        self._column.addStretch(1)
