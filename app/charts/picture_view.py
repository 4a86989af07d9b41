"""Paint pictures of numbers: axes, lines, bars, maps and diagrams, in any theme and on any
painter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.charts.axis import log_steps, round_steps
from app.charts.bars import line_pen, polygon
from app.charts.epochs import short
from app.charts.memory import color_of
from app.charts.picture import COLORS, Line, Panel, Picture
from app.charts.plot import Columns
from app.charts.shapes import ShapePicture
from app.theme import LIGHT, Theme, mixed
from forecasting.series import Floats

_GAP, _MARGIN = 14.0, 8.0
#: Room at the ends of an axis, as a share of it.
_ROOM = 0.06
#: Decades that a logarithmic axis shows at most.
_DECADES = 12.0


class PictureView(QWidget):
    """A picture on screen; a :class:`app.charts.plot.Plot`, so that it can be exported."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = LIGHT
        self._picture = Picture("", ())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Picture"))
        self.setMinimumSize(240, 160)

    @property
    def picture(self) -> Picture:
        """What is shown."""
        return self._picture

    def show_picture(self, picture: Picture) -> None:
        """Show a picture."""
        self._picture = picture
        self.setAccessibleName(picture.title or self.tr("Picture"))
        self.setAccessibleDescription(picture.summary)
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size in which every panel can be read."""
        return QSize(640, 300 * max(1, self._picture.rows))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture on its ground."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.surface))
        size = max(10, round(QFontInfo(QApplication.font()).pixelSize() * 0.95))
        paint(painter, QRectF(self.rect()), self._picture, self.theme, size)
        painter.end()

    def paint_plot(self, painter: QPainter, rect: QRectF, theme: Theme, font_px: int = 0) -> None:
        """Paint into a rectangle, without a ground."""
        paint(painter, rect, self._picture, theme, font_px or 12)

    def table(self) -> Columns:
        """Return the numbers that are drawn."""
        return self._picture.table()

    def summary(self) -> str:
        """Return what is to be seen."""
        return self._picture.summary or self._picture.title


def paint(
    painter: QPainter, rect: QRectF, picture: Picture, theme: Theme, font_px: int = 12
) -> None:
    """Paint a picture into a rectangle of any painter."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    font = QFont(QApplication.font())
    font.setPixelSize(font_px)
    painter.setFont(font)
    count = len(picture.panels)
    columns = max(1, min(picture.columns, count))
    rows = max(1, picture.rows)
    wide = (rect.width() - 2 * _MARGIN - (columns - 1) * _GAP) / columns
    tall = (rect.height() - 2 * _MARGIN - (rows - 1) * _GAP) / rows
    for index, panel in enumerate(picture.panels):
        row, column = divmod(index, columns)
        left = rect.left() + _MARGIN + column * (wide + _GAP)
        top = rect.top() + _MARGIN + row * (tall + _GAP)
        _Painter(painter, QRectF(left, top, wide, tall), panel, theme).paint()
    painter.restore()


class _Painter:
    """Paints one panel.

    Parameters
    ----------
    painter : QPainter
    rect : QRectF
    panel : Panel
    theme : Theme
    """

    def __init__(self, painter: QPainter, rect: QRectF, panel: Panel, theme: Theme) -> None:
        self.painter, self.rect, self.panel, self.theme = painter, rect, panel, theme
        self.metrics = QFontMetricsF(painter.font())
        self.line = self.metrics.height()

    def paint(self) -> None:
        """Paint title, legend, axes and lines, or what stands in their place."""
        panel, inner = self.panel, self._title()
        if panel.text:
            self._pen(self.theme.text)
            wrap = int(Qt.TextFlag.TextWordWrap)
            self.painter.drawText(inner, wrap, panel.text)
        elif panel.diagram is not None:
            picture = ShapePicture()
            picture.set_theme(self.theme)
            picture.draw(self.painter, inner, panel.diagram)
            picture.deleteLater()
        elif panel.grid is not None:
            self._map(inner)
        else:
            self._plot(inner)

    def _title(self) -> QRectF:
        """Write the title; return the room below it."""
        rect = self.rect
        if not self.panel.title:
            return rect
        font = QFont(self.painter.font())
        font.setWeight(QFont.Weight.DemiBold)
        self.painter.save()
        self.painter.setFont(font)
        self._pen(self.theme.text)
        text = QFontMetricsF(font).elidedText(
            self.panel.title, Qt.TextElideMode.ElideRight, rect.width()
        )
        self.painter.drawText(QPointF(rect.left(), rect.top() + self.metrics.ascent()), text)
        self.painter.restore()
        return rect.adjusted(0, self.line + 3, 0, 0)

    def _plot(self, rect: QRectF) -> None:
        rect = self._legend(rect)
        ranges = self._ranges()
        if ranges is None:
            self._pen(self.theme.muted)
            text = "Nothing to draw: no gradient arrives." if self.panel.log else "Nothing to draw."
            self.painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
            return
        (self.x0, self.x1), (self.y0, self.y1) = ranges
        labels = list(self._y_ticks(rect))
        left = max((self.metrics.horizontalAdvance(text) for _, text in labels), default=0) + 6
        bottom = self.line * (2 if self.panel.x_label else 1) + 4
        self.area = rect.adjusted(left, 2, -6, -bottom)
        self._axes(labels)
        self.painter.save()
        self.painter.setClipRect(self.area.adjusted(-2, -2, 2, 2))
        for line in self.panel.lines:
            self._line(line)
        for name, value in self.panel.limits:
            self._limit(name, value)
        self.painter.restore()

    def _legend(self, rect: QRectF) -> QRectF:
        """Name the lines in rows above the plot; return the room below."""
        left, row = rect.left(), rect.top()
        named = [line for line in self.panel.lines if line.label]
        for line in named:
            width = self.metrics.horizontalAdvance(line.label) + 34
            if left > rect.left() and left + width > rect.right():
                left, row = rect.left(), row + self.line
            middle = row + self.line / 2
            self.painter.setPen(self._line_pen(line))
            self.painter.drawLine(QPointF(left, middle), QPointF(left + 18, middle))
            self._pen(self.theme.text)
            index = QPointF(left + 23, row + self.metrics.ascent())
            room = rect.right() - left - 23
            text = self.metrics.elidedText(line.label, Qt.TextElideMode.ElideRight, room)
            self.painter.drawText(index, text)
            left += width
        return rect.adjusted(0, row - rect.top() + (self.line + 4 if named else 0), 0, 0)

    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the ranges of x, and of y or its logarithm; None where there is nothing."""
        xs = [line.x for line in self.panel.lines if len(line.x)]
        ys = [part for line in self.panel.lines for part in (line.y, line.low)]
        values = np.concatenate(ys) if ys else np.empty(0)
        values = values[np.isfinite(values) & ((values > 0) | (not self.panel.log))]
        if not xs or not values.size:
            return None
        low, high = self.panel.y_range or (float(values.min()), float(values.max()))
        for _, value in self.panel.limits:
            if math.isfinite(value) and (value > 0 or not self.panel.log):
                low, high = min(low, value), max(high, value)
        if any(line.kind == "bars" for line in self.panel.lines):
            low, high = min(low, 0.0), max(high, 0.0)
        if self.panel.log:
            low, high = math.log10(low), math.log10(high)
            low = max(low, high - _DECADES)
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        room = _ROOM * (high - low)
        every = np.concatenate(xs)
        x0, x1 = float(every.min()), float(every.max())
        edge = 0.6 if self.panel.names else max(1e-9, 0.01 * (x1 - x0))
        return (x0 - edge, x1 + edge), (low - room, high + room)

    def _y_ticks(self, rect: QRectF) -> Iterator[tuple[float, str]]:
        count = max(2.0, rect.height() / (2.2 * self.line))
        if self.panel.log:
            for value in log_steps(10.0**self.y0, 10.0**self.y1, count):
                yield math.log10(value), short(float(value))
            return
        for value in round_steps(self.y0, self.y1, count):
            yield float(value), short(float(value) if abs(value) > 1e-12 else 0.0)

    def _axes(self, labels: list[tuple[float, str]]) -> None:
        area = self.area
        for value, text in labels:
            row = self._row(value)
            self._pen(self.theme.grid)
            self.painter.drawLine(QPointF(area.left(), row), QPointF(area.right(), row))
            self._pen(self.theme.muted)
            left = area.left() - 5 - self.metrics.horizontalAdvance(text)
            self.painter.drawText(QPointF(left, row + self.metrics.ascent() / 2 - 1), text)
        below = area.bottom() + self.metrics.ascent() + 3
        self._pen(self.theme.muted)
        for value, text in self._x_ticks():
            width = self.metrics.horizontalAdvance(text)
            middle = self._column(value)
            left = min(max(middle - width / 2, self.rect.left()), self.rect.right() - width)
            self.painter.drawText(QPointF(left, below), text)
        if self.panel.x_label:
            width = self.metrics.horizontalAdvance(self.panel.x_label)
            left = area.center().x() - width / 2
            self.painter.drawText(QPointF(left, below + self.line), self.panel.x_label)
        if self.panel.y_label:
            index = QPointF(area.left() + 4, area.top() + self.metrics.ascent())
            self.painter.drawText(index, self.panel.y_label)

    def _x_ticks(self) -> Iterator[tuple[float, str]]:
        names = self.panel.names
        if names:
            room = self.area.width() / len(names)
            for index, name in enumerate(names):
                elide = Qt.TextElideMode.ElideRight
                yield float(index), self.metrics.elidedText(name, elide, room - 4)
            return
        count = max(2.0, self.area.width() / (4.5 * self.line))
        steps = round_steps(self.x0, self.x1, count)
        whole = steps[steps == np.round(steps)]
        for value in whole if whole.size > 1 else steps:
            yield float(value), short(float(value) if abs(value) > 1e-12 else 0.0)

    def _line(self, line: Line) -> None:
        if not len(line.x):
            return
        draw = {"bars": self._bars, "band": self._band, "dots": self._dots}.get(line.kind)
        if draw is not None:
            draw(line)
            return
        known = self._known(line.y)
        columns = self._columns(line.x)
        rows = self._rows(np.where(known, line.y, 1.0))
        self.painter.setPen(self._line_pen(line))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        for part in np.split(np.arange(len(known)), np.flatnonzero(np.diff(known.astype(int))) + 1):
            if known[part[0]] and len(part) > 1:
                self.painter.drawPolyline(polygon(columns[part], rows[part]))
            elif known[part[0]]:
                self.painter.drawEllipse(QPointF(columns[part[0]], rows[part[0]]), 2, 2)
        self._not_finite(line, columns)
        if self.panel.log:
            self._zeros(line, columns)

    def _not_finite(self, line: Line, columns: Floats) -> None:
        """Mark with a cross at the upper edge where a value was infinite."""
        for column in columns[np.isposinf(line.y)][:50]:
            top = self.area.top() + 5
            for side in (-4, 4):
                self.painter.drawLine(
                    QPointF(column - 4, top - side), QPointF(column + 4, top + side)
                )

    def _zeros(self, line: Line, columns: Floats) -> None:
        """Mark at the lower edge where a value was zero, which has no logarithm."""
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(QColor(self._color(line)))
        for column in columns[line.y == 0.0][:400]:
            self.painter.drawEllipse(QPointF(float(column), self.area.bottom() - 2), 1.6, 1.6)

    def _bars(self, line: Line) -> None:
        others = [item for item in self.panel.lines if item.kind == "bars"]
        share = 0.8 / len(others)
        unit = self.area.width() / (self.x1 - self.x0)
        base = self._row(0.0)
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(QColor(self._color(line)))
        number = next(index for index, item in enumerate(others) if item is line)
        for x, y in zip(line.x, line.y, strict=True):
            if not math.isfinite(y):
                continue
            left = self._column(float(x)) + (number * share - 0.4) * unit
            row = self._row(float(y))
            bar = QRectF(left, min(row, base), share * unit * 0.92, max(1.0, abs(base - row)))
            self.painter.drawRect(bar)

    def _band(self, line: Line) -> None:
        columns = self._columns(line.x)
        upper, lower = self._rows(line.y), self._rows(line.low)
        color = QColor(mixed(self.theme.surface, self._color(line), 0.3))
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(color)
        outline = polygon(np.r_[columns, columns[::-1]], np.r_[upper, lower[::-1]])
        self.painter.drawPolygon(outline)

    def _dots(self, line: Line) -> None:
        known = self._known(line.y)
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(QColor(self._color(line)))
        rows = self._rows(np.where(known, line.y, 1.0))
        for column, row in zip(self._columns(line.x)[known], rows[known], strict=True):
            self.painter.drawEllipse(QPointF(float(column), float(row)), 3.5, 3.5)

    def _limit(self, name: str, value: float) -> None:
        if not math.isfinite(value) or (self.panel.log and value <= 0):
            return
        row = self._row(math.log10(value) if self.panel.log else value)
        self.painter.setPen(line_pen(self.theme.text, 1.3, (6.0, 3.0)))
        self.painter.drawLine(QPointF(self.area.left(), row), QPointF(self.area.right(), row))
        self._pen(self.theme.text)
        left = self.area.right() - self.metrics.horizontalAdvance(name) - 3
        self.painter.drawText(QPointF(left, row - 3), name)

    def _map(self, rect: QRectF) -> None:
        """Paint shares as cells, each row a query, each column a bar."""
        grid = self.panel.grid
        assert grid is not None
        area = rect.adjusted(0, 0, -4, -(self.line * 2 + 2 if self.panel.x_label else 2))
        rows, columns = grid.shape
        most = float(np.nanmax(grid)) or 1.0
        tall, wide = area.height() / max(rows, 1), area.width() / max(columns, 1)
        for row in range(rows):
            for column in range(columns):
                cell = QRectF(
                    area.left() + column * wide, area.top() + row * tall, wide + 0.4, tall + 0.4
                )
                self.painter.fillRect(cell, color_of(float(grid[row, column]) / most))
        self._pen(self.theme.muted)
        below = QRectF(area.left(), area.bottom() + 2, area.width(), self.line * 2)
        wrap = int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap)
        self.painter.drawText(below, wrap, self.panel.x_label)

    def _known(self, values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = np.isfinite(values)
        return known & (values > 0) if self.panel.log else known

    def _columns(self, x: Floats) -> Floats:
        found: Floats = self.area.left() + (x - self.x0) * self.area.width() / (self.x1 - self.x0)
        return found

    def _rows(self, y: Floats) -> Floats:
        values = np.log10(np.maximum(y, 1e-300)) if self.panel.log else y
        share = (values - self.y0) / (self.y1 - self.y0)
        found: Floats = self.area.bottom() - share * self.area.height()
        return found

    def _column(self, x: float) -> float:
        return self.area.left() + (x - self.x0) * self.area.width() / (self.x1 - self.x0)

    def _row(self, value: float) -> float:
        """Return the pixel row of a value, or of its logarithm on a logarithmic axis."""
        return self.area.bottom() - (value - self.y0) * self.area.height() / (self.y1 - self.y0)

    def _color(self, line: Line) -> str:
        color: str = getattr(self.theme, COLORS[line.color % len(COLORS)])
        return color

    def _line_pen(self, line: Line) -> QPen:
        return line_pen(self._color(line), 1.8, (6.0, 3.0) if line.dashed else ())

    def _pen(self, color: str) -> None:
        self.painter.setPen(QColor(color))
