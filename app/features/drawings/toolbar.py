"""The tools that draw, in a narrow column beside the chart."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolBar

from app.actions import Actions
from app.charts.drawing import KINDS

#: Names of the commands from top to bottom; "-" is a line between them.
_TOOLS = (
    *(f"draw-{kind}" for kind in KINDS),
    "-",
    "draw-measure",
    "-",
    "draw-magnet",
    "draw-hide",
    "draw-clear",
)


class DrawingToolbar(QToolBar):
    """One button for each tool; a tool that is chosen stays pressed until it has drawn. What finds
    no room stands in a menu at its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setOrientation(Qt.Orientation.Vertical)
        self.setMovable(False)
        self.setIconSize(QSize(18, 18))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setStyleSheet("QToolBar { padding: 2px; border: none; spacing: 1px; }")
        self.setAccessibleName(self.tr("Drawing tools"))
        self.setProperty("overflows", True)

    def show_actions(self, actions: Actions) -> None:
        """Add the buttons of the commands."""
        for name in _TOOLS:
            if name == "-":
                self.addSeparator()
                continue
            self.addAction(actions[name])
            button = self.widgetForAction(actions[name])
            button.setAccessibleName(actions[name].iconText())
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
