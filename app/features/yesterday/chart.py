"""The lines one step ahead: truth, forecast and yesterday's value; the forecast can be dragged."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from app.charts.picture import Line, Panel, Picture
from app.charts.picture_view import PictureView
from forecasting.next_bar import NextBar

#: Fewest bars in view, and the usual number.
_FEWEST, _USUAL = 10, 60
#: Farthest that the line can be moved, in bars.
_FARTHEST = 20


class YesterdayChart(PictureView):
    """Zoomed with the wheel or + and -, moved through time with Page Up and Page Down; a drag, or
    the arrow keys, move the line of the forecast.

    Attributes
    ----------
    shifted : Signal
        Bars by which the line is moved to the left.
    """

    shifted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._found: NextBar | None = None
        self._end, self._count, self.shift = 0, _USUAL, 0
        self._drag: tuple[float, int] | None = None

    def show_steps(self, found: NextBar | None, name: str) -> None:
        """Show the steps of a training under its name, the last bars first."""
        self._found, self._name = found, name
        self._end = 0
        self.move_line(0)

    def move_line(self, shift: int) -> None:
        """Move the line of the forecast so many bars to the left."""
        self.shift = max(-_FARTHEST, min(_FARTHEST, shift))
        self._draw()
        self.shifted.emit(self.shift)

    @property
    def bars(self) -> int:
        """Bars in view."""
        return self._count

    def zoom(self, factor: float) -> None:
        """Show fewer bars (below 1) or more."""
        most = len(self._found.truth) if self._found else _USUAL
        self._count = int(max(_FEWEST, min(most, round(self._count * factor))))
        self._draw()

    def travel(self, bars: int) -> None:
        """Go back in time by so many bars; forth with a negative number."""
        most = len(self._found.truth) - self._count if self._found else 0
        self._end = max(0, min(most, self._end + bars))
        self._draw()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        self.zoom(0.85 ** (event.angleDelta().y() / 120))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the line."""
        self._drag = (event.position().x(), self.shift)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the line with the pointer, bar by bar."""
        if self._drag is None:
            return
        start, shift = self._drag
        bar = max(self.width() / max(self._count, 1), 1.0)
        moved = shift + round((start - event.position().x()) / bar)
        if moved != self.shift:
            self.move_line(moved)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the line go."""
        self._drag = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the line, zoom, or go through time."""
        key = event.key()
        keys = Qt.Key
        moves = {keys.Key_Left: 1, keys.Key_Right: -1}
        if key in moves:
            self.move_line(self.shift + moves[keys(key)])
        elif key in (keys.Key_Plus, keys.Key_Minus):
            self.zoom(0.8 if key == keys.Key_Plus else 1.25)
        elif key in (keys.Key_PageUp, keys.Key_PageDown):
            self.travel((1 if key == keys.Key_PageUp else -1) * max(1, self._count // 2))
        else:
            super().keyPressEvent(event)

    def _draw(self) -> None:
        found = self._found
        if found is None:
            text = self.tr("Train a network: its forecasts one step ahead are shown here.")
            self.show_picture(Picture("", (Panel("", text=text),), 1, text))
            return
        count = len(found.truth)
        last = count - self._end
        first = max(0, last - self._count)
        index = np.arange(first, last)
        x = (index - (count - 1)).astype(float)
        known = np.clip(index + self.shift, 0, count - 1)
        inside = known == index + self.shift
        line = np.where(inside, found.forecast[known], np.nan)
        dates = found.ds[[first, last - 1]].astype("datetime64[D]")
        panel = Panel(
            self._name,
            (
                Line(self.tr("what came"), x, found.truth[index]),
                Line(self.tr("forecast of it"), x, line, color=2),
                Line(self.tr("yesterday"), x, found.yesterday[index], color=3, dashed=True),
            ),
            self.tr("bars from the last one, {first} to {last}").format(
                first=dates[0], last=dates[1]
            ),
        )
        self.show_picture(Picture(self._name, (panel,), 1, self.tr("One step ahead.")))
