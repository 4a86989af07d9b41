"""Lines of levels over the price that are dragged, the date of their odds, and sample paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.attached import Drag, price_at
from app.charts.bar_mapping import BarMapping
from app.charts.bars import line_pen, polygon
from app.charts.canvas import Frame
from forecasting.series import Dates, Floats, PriceSeries

#: Pixels within which a line, its end, or the date is taken hold of.
_REACH, _END_REACH = 6.0, 9.0
#: Radius of the end of a line, by which it is sloped.
_END_RADIUS = 4.5
_PATH_ALPHA = 70

Part = Literal["body", "end", "date"]


@dataclass(frozen=True)
class LevelLine:
    """One line: a price at the cutoff and one at the last step; equal for a level one.

    Attributes
    ----------
    start, end : float
        In price units.
    text : str
        What is written at the line.
    """

    start: float
    end: float
    text: str = ""


@dataclass(frozen=True)
class Grip:
    """What a drag holds: which part of which line, and from where."""

    part: Part
    number: int
    line: LevelLine
    price: float

    def moved(self, price: float) -> LevelLine:
        """Return the line with its part at a price: as a whole, or tilted by its end."""
        if self.part == "end":
            return replace(self.line, end=price)
        change = price - self.price
        return replace(self.line, start=self.line.start + change, end=self.line.end + change)


class LevelLinesArtist:
    """Paints lines, the date, and paths, and lets them be dragged; an
    :class:`~app.charts.attached.Attached`.

    Attributes
    ----------
    lines : tuple of LevelLine
    cutoff : int or None
        Bar, as it was loaded, from which the odds are counted; None where there are none.
    mapping : BarMapping
        Where loaded bars are on the chart.
    steps : int
        Bars ahead at which the lines end.
    until : int
        Bars ahead that the odds run to: the date line.
    paths : ndarray, shape [n, 1 + H], or None
        Sample paths from the cutoff on.
    extremes : ndarray, shape [m, 1 + H], or None
        Limits of the lowest and highest close so far.
    ds : ndarray of datetime64[us], shape [H]
        Dates of the steps; empty without lines.
    line_moved : callable
        Takes the number of a dragged line, where it starts and ends now, and whether it was let go.
    date_moved : callable
        Takes the step of the dragged date, and whether it was let go.
    """

    def __init__(self) -> None:
        self.lines: tuple[LevelLine, ...] = ()
        self.cutoff: int | None = None
        self.mapping = BarMapping()
        self.steps = 0
        self.until = 0
        self.paths: Floats | None = None
        self.extremes: Floats | None = None
        self.ds: Dates = np.empty(0, "datetime64[us]")
        self.line_moved: Callable[[int, float, float, bool], None] = lambda *_: None
        self.date_moved: Callable[[int, bool], None] = lambda *_: None
        self._grip: Grip | None = None

    @property
    def chosen(self) -> bool:
        """Whether it takes every drag: never."""
        return False

    def _x_of(self, steps: int) -> Floats:
        """Return the places on the chart of the cutoff and the steps after it, [1 + steps]."""
        return self.mapping.position((self.cutoff or 0) + np.arange(steps + 1.0))

    @property
    def last(self) -> int:
        """Bar of the chart in which the lines end, -1 where there are none."""
        if self.cutoff is None or not self.ds.size:
            return -1
        return math.ceil(float(self._x_of(self.ds.size)[-1]) - 1e-6)

    @property
    def ahead(self) -> int:
        """Bars of the chart that the lines reach ahead, 0 where there are none."""
        return 0 if self.last < 0 else math.ceil(self.last - self._x_of(0)[0])

    def extent(self, stop: int) -> tuple[float, float] | None:
        """Return the lowest and highest price of the lines, where bars up to ``stop`` show them."""
        if self.cutoff is None or not self.lines or stop <= self._x_of(0)[0]:
            return None
        prices = [price for line in self.lines for price in (line.start, line.end)]
        return min(prices), max(prices)

    def beyond(self, series: PriceSeries, future: Dates) -> Dates:
        """Return the dates after the last bar that the axis needs: those of the lines where they
        reach farther.
        """
        ahead = self.ds[self.ds > series.ds[-1]]
        return ahead if ahead.size > future.size else future

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint paths, date and lines."""
        if self.cutoff is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        self._paint_paths(painter, frame)
        if self.lines:
            column = frame.column(float(self._x_of(self.until)[-1]), crisp=True)
            painter.setPen(line_pen(frame.theme.accent, 1.0, (2.0, 3.0)))
            painter.drawLine(QPointF(column, 0), QPointF(column, frame.height))
        for line in self.lines:
            self._paint_line(painter, frame, line)

    def _paint_paths(self, painter: QPainter, frame: Frame) -> None:
        if self.paths is not None:
            x = frame.px(self._x_of(self.paths.shape[1] - 1))
            color = QColor(frame.theme.forecast)
            color.setAlpha(_PATH_ALPHA)
            painter.setPen(line_pen(color.name(QColor.NameFormat.HexArgb), 1.0))
            for path in self.paths:
                painter.drawPolyline(polygon(x, frame.py(path)))
        if self.extremes is not None:
            x = frame.px(self._x_of(self.extremes.shape[1] - 1))
            painter.setPen(line_pen(frame.theme.forecast, 1.2, (6.0, 3.0)))
            for limit in self.extremes:
                painter.drawPolyline(polygon(x, frame.py(limit)))

    def _paint_line(self, painter: QPainter, frame: Frame, line: LevelLine) -> None:
        x = self._x_of(self.steps)
        start, end = frame.at(float(x[0]), line.start), frame.at(float(x[-1]), line.end)
        painter.setPen(line_pen(frame.theme.accent, 1.6))
        painter.drawLine(start, end)
        painter.setPen(line_pen(frame.theme.accent, 1.0, (4.0, 4.0)))
        painter.drawLine(QPointF(0, start.y()), start)
        painter.drawLine(end, QPointF(max(frame.width, end.x()), end.y()))
        painter.setPen(line_pen(frame.theme.accent, 1.6))
        painter.setBrush(QColor(frame.theme.surface))
        painter.drawEllipse(end, _END_RADIUS, _END_RADIUS)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if line.text:
            self._write(painter, frame, line.text, start.y())

    def _write(self, painter: QPainter, frame: Frame, text: str, row: float) -> None:
        """Write over a line at the left, on a ground that keeps it readable."""
        metrics = QFontMetricsF(frame.font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(frame.width - 24, 20))
        above = row - metrics.height() - 3
        top = above if above > 0 else row + 3
        box = QRectF(8, top, metrics.horizontalAdvance(shown) + 8, metrics.height())
        ground = QColor(frame.theme.surface)
        ground.setAlpha(215)
        painter.fillRect(box, ground)
        painter.setPen(QColor(frame.theme.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)

    def cursor(self, frame: Frame, point: QPointF) -> Qt.CursorShape | None:
        """Return the shape of the pointer over a line or the date."""
        grip = self.grip(frame, point)
        if grip is None:
            return None
        return Qt.CursorShape.SizeHorCursor if grip.part == "date" else Qt.CursorShape.SizeVerCursor

    def drag(self, frame: Frame, drag: Drag) -> bool:
        """Move the line, its end or the date that a drag began on; False where it began on none."""
        if drag.begins:
            self._grip = self.grip(frame, drag.start)
        grip = self._grip
        if grip is None:
            return False
        if drag.ends:
            self._grip = None
        if grip.part == "date":
            position = frame.x[0] + drag.now.x() / frame.bar_width
            step = int(np.abs(self._x_of(self.steps)[1:] - position).argmin()) + 1
            self.date_moved(step, drag.ends)
            return True
        line = grip.moved(price_at(frame, drag.now.y()))
        self.line_moved(grip.number, line.start, line.end, drag.ends)
        return True

    def grip(self, frame: Frame, point: Any) -> Grip | None:
        """Return what lies under a pixel of the pane, ends before lines before the date."""
        if self.cutoff is None or not self.lines:
            return None
        price = price_at(frame, point.y())
        x = self._x_of(self.steps)
        first, last = float(x[0]), float(x[-1])
        for number, line in enumerate(self.lines):
            end = frame.at(last, line.end)
            if abs(end.x() - point.x()) <= _END_REACH and abs(end.y() - point.y()) <= _END_REACH:
                return Grip("end", number, line, price)
        bar = frame.x[0] + point.x() / frame.bar_width
        share = min(max((bar - first) / max(last - first, 1e-9), 0.0), 1.0)
        for number, line in enumerate(self.lines):
            row = frame.at(bar, line.start + share * (line.end - line.start)).y()
            if abs(row - point.y()) <= _REACH:
                return Grip("body", number, line, price)
        if abs(frame.column(float(x[self.until])) - point.x()) <= _REACH:
            return Grip("date", 0, self.lines[0], price)
        return None
