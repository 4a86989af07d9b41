"""Measure between two points of a price chart: change, percent, bars and time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.attached import Drag
from app.charts.axis import Timeline
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.charts.drawing import date_at
from app.charts.legend import words
from app.number_format import number, price_decimals, signed

_FILL = 0.12
_HOUR, _DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")


class MeasureTool:
    """Measures while Shift is held in a drag, or after it was chosen.

    Attributes
    ----------
    chosen : bool
        Whether the next drag or the next two clicks measure without Shift.
    timeline : Timeline
        Dates of the bars.
    ended : callable
        Is called when a chosen measure is complete.
    """

    def __init__(self, snap: Callable[[QPointF, bool], tuple[int, float]]) -> None:
        self.chosen = False
        self.timeline = Timeline()
        self.ended: Callable[[], None] = lambda: None
        self._snap = snap
        self._start: tuple[int, float] | None = None
        self._end: tuple[int, float] | None = None
        self._follows = self._dragging = False

    @property
    def shown(self) -> bool:
        """Whether a measure is drawn."""
        return self._start is not None

    @property
    def busy(self) -> bool:
        """Whether Escape has something to leave."""
        return self.chosen or self.shown

    def clear(self) -> None:
        """Take the measure away and the tool with it."""
        self._start = self._end = None
        self._follows = self.chosen = False

    def start(self, bar: int, index: float) -> None:
        """Measure from a bar and a position on the price axis; the end follows the pointer."""
        self._start = self._end = (bar, index)
        self._follows = True

    def follow(self, bar: int, index: float) -> bool:
        """Move the end while it follows the pointer; False where it does not."""
        if self._follows:
            self._end = (bar, index)
        return self._follows

    def finish(self) -> None:
        """Let the end stay where it is."""
        self._follows = False
        if self.chosen:
            self.chosen = False
            self.ended()

    def click(self, point: QPointF, free: bool) -> bool:
        """Set the start, then the end; a click afterwards takes the measure away."""
        if self._follows:
            self.finish()
        elif self.chosen:
            self.start(*self._snap(point, free))
        elif self.shown:
            self.clear()
        else:
            return False
        return True

    def drag(self, frame: Frame, drag: Drag) -> bool:
        """Measure from where a drag with Shift began to where it is."""
        if drag.begins:
            if not (drag.shift or self.chosen):
                return False
            self._follows = False
            self._start = self._snap(drag.start, drag.control)
            self._dragging = True
        elif not self._dragging:
            return False
        self._end = self._snap(drag.now, drag.control)
        if drag.ends:
            self._dragging = False
            self.finish()
        return True

    def cursor(self, frame: Frame, point: QPointF) -> Qt.CursorShape | None:
        """Return a cross while measuring."""
        return Qt.CursorShape.CrossCursor if self.chosen else None

    def text(self, log: bool) -> str:
        """Return change, percent, bars and time between both ends, "" without a measure."""
        if self._start is None or self._end is None:
            return ""
        (first, low), (last, high) = self._start, self._end
        before, after = (10**low, 10**high) if log else (low, high)
        return measured(self.timeline, (first, before), (last, after))

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the field between both ends, arrows and the text."""
        if self._start is None or self._end is None or not frame.on_screen:
            return
        (first, low), (last, high) = self._start, self._end
        start = QPointF(frame.column(first), frame.row(low))
        end = QPointF(frame.column(last), frame.row(high))
        color = frame.theme.up if high >= low else frame.theme.down
        fill = QColor(color)
        fill.setAlphaF(_FILL)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        box = QRectF(start, end).normalized()
        painter.fillRect(box, fill)
        painter.setPen(line_pen(color, 1.0, (4.0, 3.0)))
        painter.drawRect(box)
        painter.setPen(line_pen(color, 1.4))
        middle = box.center()
        _arrow(painter, QPointF(middle.x(), start.y()), QPointF(middle.x(), end.y()))
        _arrow(painter, QPointF(start.x(), middle.y()), QPointF(end.x(), middle.y()))
        self._write(painter, frame, box, end.y() <= start.y())

    def _write(self, painter: QPainter, frame: Frame, box: QRectF, above: bool) -> None:
        metrics = QFontMetricsF(frame.font)
        text = self.text(frame.log)
        width, height = metrics.horizontalAdvance(text) + 14, metrics.height() + 8
        left = min(max(box.center().x() - width / 2, 4), max(frame.width - width - 4, 4))
        top = box.top() - height - 6 if above else box.bottom() + 6
        top = min(max(top, 4), max(frame.height - height - 4, 4))
        painter.setPen(line_pen(frame.theme.control, 1.0))
        painter.setBrush(QColor(frame.theme.raised))
        field = QRectF(left, top, width, height)
        painter.drawRoundedRect(field, 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(frame.theme.text))
        painter.drawText(field, Qt.AlignmentFlag.AlignCenter, text)


def measured(timeline: Timeline, first: tuple[int, float], last: tuple[int, float]) -> str:
    """Return change, percent, bars and time between two points (bar, price)."""
    (start, before), (end, after) = first, last
    change = after - before
    decimals = price_decimals(max(abs(before), abs(after)))
    parts = [f"{'+' if change >= 0 else '−'}{number(abs(change), decimals)}"]
    if before > 0:
        parts[0] += f" ({signed(100 * change / before, 2)})"
    bars = end - start
    parts.append(words("{n} bar" if abs(bars) == 1 else "{n} bars").format(n=bars))
    span = abs(np.datetime64(date_at(timeline, end)) - np.datetime64(date_at(timeline, start)))
    parts.append(_span(span))
    return "  ·  ".join(parts)


def _span(span: np.timedelta64) -> str:
    """Return a span of time in days, or in hours and minutes below a day."""
    days = int(span // _DAY)
    rest = span - days * _DAY
    hours, minutes = int(rest // _HOUR), int((rest % _HOUR) // np.timedelta64(1, "m"))
    if days:
        text = words("{n} day" if days == 1 else "{n} days").format(n=days)
        return f"{text} {hours} h" if hours else text
    if hours or minutes:
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return words("0 days")


def _arrow(painter: QPainter, start: QPointF, end: QPointF) -> None:
    """Paint a line with a head; it runs along one axis."""
    painter.drawLine(start, end)
    way = end - start
    length = abs(way.x()) + abs(way.y())
    if length < 8:
        return
    along = way / length
    side = QPointF(-along.y(), along.x())
    for turn in (1, -1):
        painter.drawLine(end, end - along * 6 + side * (3.5 * turn))
