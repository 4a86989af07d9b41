"""Paint the drawings of a series, and find which of them lies under a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.axis import Timeline
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.charts.drawing import Drawing, positions
from app.charts.indicators import HUES
from app.number_format import number, price_decimals
from forecasting.series import Floats

#: Pixels within which a line and a handle are taken hold of.
_REACH, _HANDLE_REACH = 6.0, 9.0
_HANDLE_RADIUS = 4.5
_FILL = 0.10
#: Grip of a whole drawing, in place of the number of a handle.
WHOLE = -1
#: Widest text of a note in pixels.
_NOTE_WIDTH = 260.0


@dataclass(frozen=True)
class DrawingGrip:
    """What lies under a pixel: a drawing, and which of its handles, or :data:`WHOLE`."""

    index: int
    handle: int


def clipped(
    start: QPointF, end: QPointF, width: float, height: float, reach: tuple[float, float]
) -> tuple[QPointF, QPointF] | None:
    """Return the part of a line inside a rectangle at the origin, or None (Liang and Barsky 1984).

    Parameters
    ----------
    start, end : QPointF
    width, height : float
    reach : tuple of float
        How far the line goes, in lengths from start to end: (0, 1) for a segment, (0, inf) for a
        ray.
    """
    dx, dy = end.x() - start.x(), end.y() - start.y()
    low, high = reach
    for step, room in (
        (-dx, start.x()),
        (dx, width - start.x()),
        (-dy, start.y()),
        (dy, height - start.y()),
    ):
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            low = max(low, room / step)
        else:
            high = min(high, room / step)
    if low > high or not math.isfinite(low + high):
        return None
    return (
        QPointF(start.x() + low * dx, start.y() + low * dy),
        QPointF(start.x() + high * dx, start.y() + high * dy),
    )


class DrawingLayer:
    """Paints drawings over the prices.

    Attributes
    ----------
    selected : int or None
        Drawing that shows its handles.
    draft : Drawing or None
        What is being drawn.
    hidden : bool
    """

    def __init__(self) -> None:
        self.selected: int | None = None
        self.draft: Drawing | None = None
        self.hidden = False
        self._drawings: tuple[Drawing, ...] = ()
        self._timeline = Timeline()
        self._bars: Floats = np.empty((0, 2))
        self._prices: Floats = np.empty((0, 2))
        self._notes: dict[int, QRectF] = {}

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """What is drawn."""
        return self._drawings

    def show(self, drawings: tuple[Drawing, ...], timeline: Timeline) -> None:
        """Draw these over the bars of a timeline."""
        if drawings is self._drawings and timeline is self._timeline:
            return
        self._drawings, self._timeline = drawings, timeline
        self._bars, self._prices = _points(drawings, timeline)
        self._notes.clear()
        if self.selected is not None and self.selected >= len(drawings):
            self.selected = None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint what is in view; handles and draft on screen only."""
        if self.hidden or (not self._drawings and self.draft is None):
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        columns, rows = _pixels(frame, self._bars, self._prices)
        for index, drawing in enumerate(self._drawings):
            points = _corners(columns[index], rows[index])
            selected = frame.on_screen and index == self.selected
            self._paint_item(painter, frame, drawing, points, selected, index)
        if self.draft is not None and frame.on_screen:
            columns, rows = _pixels(frame, *_points((self.draft,), self._timeline))
            self._paint_item(painter, frame, self.draft, _corners(columns[0], rows[0]), True, -1)

    def _paint_item(
        self,
        painter: QPainter,
        frame: Frame,
        drawing: Drawing,
        points: list[QPointF],
        selected: bool,
        index: int,
    ) -> None:
        color = HUES[frame.theme.is_dark][drawing.color]
        painter.setPen(line_pen(color, 2.2 if selected else 1.5))
        if drawing.kind == "note":
            self._paint_note(painter, frame, drawing, points[0], index, selected)
        elif drawing.kind == "rectangle":
            _paint_rectangle(painter, frame, points, color, drawing.text)
        else:
            line = _segment(frame, drawing, points)
            if line is not None:
                painter.drawLine(*line)
                _label(painter, frame, drawing, line)
        if selected:
            painter.setPen(line_pen(color, 1.6))
            painter.setBrush(QColor(frame.theme.surface))
            for point in _handles(frame, drawing, points):
                painter.drawEllipse(point, _HANDLE_RADIUS, _HANDLE_RADIUS)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_note(
        self,
        painter: QPainter,
        frame: Frame,
        drawing: Drawing,
        point: QPointF,
        index: int,
        selected: bool,
    ) -> None:
        if not (-_NOTE_WIDTH <= point.x() <= frame.width and -40 <= point.y() <= frame.height + 40):
            self._notes.pop(index, None)
            return
        color = HUES[frame.theme.is_dark][drawing.color]
        metrics = QFontMetricsF(frame.font)
        text = drawing.text or "…"
        wrap = int(Qt.TextFlag.TextWordWrap)
        box = metrics.boundingRect(QRectF(0, 0, _NOTE_WIDTH, 2000), wrap, text)
        box.moveTo(point.x() + 10, point.y() - box.height() - 12)
        if box.top() < 4:
            box.moveTop(point.y() + 12)
        if box.right() > frame.width - 4:
            box.moveRight(min(point.x() - 10, frame.width - 8))
        edge = box.adjusted(-5, -3, 5, 3)
        painter.drawLine(point, QPointF(edge.center().x(), edge.center().y()))
        painter.setBrush(QColor(frame.theme.surface))
        painter.setPen(line_pen(color, 2.0 if selected else 1.2))
        painter.drawRoundedRect(edge, 4, 4)
        painter.setBrush(QColor(color))
        painter.drawEllipse(point, 3.0, 3.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(frame.theme.text))
        painter.drawText(box, wrap, text)
        if frame.on_screen and index >= 0:
            self._notes[index] = edge

    def grip(self, frame: Frame, point: QPointF) -> DrawingGrip | None:
        """Return what lies under a pixel: handles of the selected drawing first, then the drawings
        from the top down.
        """
        if self.hidden or not self._drawings:
            return None
        columns, rows = _pixels(frame, self._bars, self._prices)
        order = [index for index in reversed(range(len(self._drawings))) if index != self.selected]
        if self.selected is not None:
            order.insert(0, self.selected)
        for index in order:
            drawing, points = self._drawings[index], _corners(columns[index], rows[index])
            if index == self.selected:
                handles = _handles(frame, drawing, points)
                for number_, handle in enumerate(handles):
                    if _distance(handle, point) <= _HANDLE_REACH:
                        return DrawingGrip(index, number_)
            if self._touches(frame, index, points, point):
                return DrawingGrip(index, WHOLE)
        return None

    def _touches(self, frame: Frame, index: int, points: list[QPointF], point: QPointF) -> bool:
        """Tell whether a drawing passes under a pixel."""
        drawing = self._drawings[index]
        if drawing.kind == "note":
            box = self._notes.get(index)
            inside = box is not None and box.contains(point)
            return inside or _distance(points[0], point) <= _HANDLE_REACH
        if drawing.kind == "rectangle":
            first, second = points[0], points[1]
            corners = [
                first,
                QPointF(second.x(), first.y()),
                second,
                QPointF(first.x(), second.y()),
            ]
            edges = zip(corners, [*corners[1:], corners[0]], strict=True)
            return any(_from_segment(point, a, b) <= _REACH for a, b in edges)
        line = _segment(frame, drawing, points)
        return line is not None and _from_segment(point, *line) <= _REACH


def _points(drawings: tuple[Drawing, ...], timeline: Timeline) -> tuple[Floats, Floats]:
    """Return bars and prices of all anchors, [N, 2] each; a single anchor stands twice."""
    pairs = [(item.anchors[0], item.anchors[-1]) for item in drawings]
    dates = np.array([anchor.ds for pair in pairs for anchor in pair], "datetime64[us]")
    prices = np.array([anchor.price for pair in pairs for anchor in pair], np.float64)
    return positions(timeline, dates).reshape(-1, 2), prices.reshape(-1, 2)


def _pixels(
    frame: Frame, bars: Floats, prices: Floats
) -> tuple[list[list[float]], list[list[float]]]:
    """Return columns and rows of all anchors; exact far outside of the pane, too."""
    indices = np.log10(np.maximum(prices, 1e-300)) if frame.log else prices
    rows = frame.height - (indices - frame.y[0]) * (frame.height / (frame.y[1] - frame.y[0]))
    return frame.px(bars).tolist(), rows.tolist()


def _corners(columns: list[float], rows: list[float]) -> list[QPointF]:
    return [QPointF(columns[0], rows[0]), QPointF(columns[1], rows[1])]


def _segment(
    frame: Frame, drawing: Drawing, points: list[QPointF]
) -> tuple[QPointF, QPointF] | None:
    """Return the visible part of a line, None where there is none."""
    start, end = points
    if drawing.kind == "horizontal":
        return _across(frame, start.y())
    if drawing.kind == "vertical":
        column = start.x()
        inside = 0 <= column <= frame.width
        return (QPointF(column, 0), QPointF(column, frame.height)) if inside else None
    reach = (0.0, math.inf) if drawing.kind == "ray" else (0.0, 1.0)
    return clipped(start, end, frame.width, frame.height, reach)


def _across(frame: Frame, row: float) -> tuple[QPointF, QPointF] | None:
    inside = 0 <= row <= frame.height
    return (QPointF(0, row), QPointF(frame.width, row)) if inside else None


def _handles(frame: Frame, drawing: Drawing, points: list[QPointF]) -> list[QPointF]:
    """Return where a drawing is taken hold of; the first ones are its anchors."""
    if drawing.kind == "rectangle":
        first, second = points
        return [first, second, QPointF(first.x(), second.y()), QPointF(second.x(), first.y())]
    if drawing.kind == "horizontal":
        column = points[0].x()
        return [QPointF(column if 0 <= column <= frame.width else frame.width / 2, points[0].y())]
    if drawing.kind == "vertical":
        return [QPointF(points[0].x(), frame.height / 2)]
    return points[: len(drawing.anchors)]


def _paint_rectangle(
    painter: QPainter, frame: Frame, points: list[QPointF], color: str, text: str
) -> None:
    room = QRectF(-10, -10, frame.width + 20, frame.height + 20)
    box = QRectF(points[0], points[1]).normalized().intersected(room)
    if box.isEmpty():
        return
    fill = QColor(color)
    fill.setAlphaF(_FILL)
    # Whole pixels without antialiasing are filled several times faster.
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(box.toRect() if frame.on_screen else box, fill)
    painter.drawRect(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    if text:
        metrics = QFontMetricsF(frame.font)
        painter.setPen(QColor(frame.theme.text))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(box.width() - 8, 20))
        left = max(box.left(), 0.0) + 4
        painter.drawText(QPointF(left, max(box.top(), 0.0) + 3 + metrics.ascent()), shown)


def _label(
    painter: QPainter, frame: Frame, drawing: Drawing, line: tuple[QPointF, QPointF]
) -> None:
    """Write the text of a line at its right end, and the price of a horizontal one."""
    text = drawing.text
    if drawing.kind == "horizontal":
        price = drawing.anchors[0].price
        text = f"{text}  {number(price, price_decimals(price))}".strip()
    if not text:
        return
    metrics = QFontMetricsF(frame.font)
    width = metrics.horizontalAdvance(text)
    right = line[0] if drawing.kind == "vertical" else max(line, key=lambda point: point.x())
    left = min(max(right.x() - width - 8, 4), frame.width - width - 4)
    base = right.y() - 4
    if drawing.kind == "vertical":
        beside = right.x() + 5
        left = beside if beside + width < frame.width else right.x() - width - 5
        base = frame.height - 22
    base = min(max(base, metrics.ascent() + 2), frame.height - 4)
    if not frame.theme.see_through:
        ground = QColor(frame.theme.surface)
        ground.setAlpha(200)
        painter.fillRect(
            QRectF(left - 2, base - metrics.ascent(), width + 4, metrics.height()), ground
        )
    painter.setPen(QColor(HUES[frame.theme.is_dark][drawing.color]))
    painter.drawText(QPointF(left, base), text)


def _distance(point: QPointF, other: QPointF) -> float:
    return math.hypot(point.x() - other.x(), point.y() - other.y())


def _from_segment(point: QPointF, start: QPointF, end: QPointF) -> float:
    """Return the distance of a point from a segment."""
    dx, dy = end.x() - start.x(), end.y() - start.y()
    square = dx * dx + dy * dy
    share = (
        0.0
        if square == 0
        else ((point.x() - start.x()) * dx + (point.y() - start.y()) * dy) / square
    )
    share = min(max(share, 0.0), 1.0)
    return _distance(point, QPointF(start.x() + share * dx, start.y() + share * dy))
