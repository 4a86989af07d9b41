"""Draw the unrolled network of an input/output shape: inputs, hidden states and outputs, one column
a time step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import LIGHT, Theme, mixed
from forecasting.shapes import Arrow, Cell, Diagram

#: Rows from the top; inputs stand a row lower where a convolution comes between.
_ROWS = {"output": 0, "state": 1, "gap": 1, "convolution": 2, "input": 2}
#: Length of an arrow's head, width of a gap, and of a cell at most, in pixels.
_HEAD, _GAP, _WIDEST = 4.0, 18.0, 96.0
#: Least size of labels in pixels.
_SMALLEST = 8


class ShapePicture(QWidget):
    """Draw a :class:`Diagram` of an unrolled network: outputs at the top, hidden states in the
    middle, inputs below, time from left to right.

    Attributes
    ----------
    clicked : Signal
        The picture was clicked, or Enter or the space bar pressed on it.
    cell_clicked : Signal
        Before that: kind of the box that was clicked, "" where it was none.
    """

    clicked = Signal()
    cell_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.theme = LIGHT
        self._diagram: Diagram | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Picture of the shape"))

    def show_diagram(self, diagram: Diagram) -> None:
        """Show a shape."""
        self._diagram = diagram
        self.setToolTip(diagram.sentence)
        self.setAccessibleDescription(diagram.sentence)
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell of a click."""
        if self.rect().contains(event.position().toPoint()):
            self.cell_clicked.emit(self._kind_at(event.position()))
            self.clicked.emit()

    def cell_boxes(self, kind: str) -> list[QRectF]:
        """Return where the cells of a kind are drawn, from left to right."""
        diagram, rect = self._diagram, QRectF(self.rect())
        if diagram is None:
            return []
        return [self._box(rect, cell, diagram) for cell in diagram.cells if cell.kind == kind]

    def _kind_at(self, at: QPointF) -> str:
        """Return the kind of the box at a point, "" where there is none."""
        kinds = ("input", "convolution", "state", "output")
        return next(
            (kind for kind in kinds if any(box.contains(at) for box in self.cell_boxes(kind))), ""
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter and the space bar for a click."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.cell_clicked.emit("")
            self.clicked.emit()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        """Return the size that shows all rows."""
        return QSize(220, 150 if self._diagram is not None and self._diagram.convolution else 112)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture."""
        painter = QPainter(self)
        if self._diagram is not None:
            self.draw(painter, QRectF(self.rect()), self._diagram)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def draw(self, painter: QPainter, rect: QRectF, diagram: Diagram) -> None:
        """Paint a shape into a rectangle of any painter."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        font = self.font()
        rows = 4 if diagram.convolution else 3
        font.setPixelSize(max(9, round(min(rect.height() / (3.3 * rows), 11))))
        boxes = [self._box(rect, cell, diagram) for cell in diagram.cells]
        font.setPixelSize(self._fitting(font, boxes, diagram))
        painter.setFont(font)
        for arrow in diagram.arrows:
            self._arrow(painter, boxes[arrow.start], boxes[arrow.end], arrow)
        metrics = QFontMetricsF(font)
        for cell, box in zip(diagram.cells, boxes, strict=True):
            if cell.kind == "state" and diagram.members > 1:
                self._members(painter, box)
            self._cell(painter, box, cell, metrics)

    @staticmethod
    def _fitting(font: QFont, boxes: Sequence[QRectF], diagram: Diagram) -> int:
        """Return the size in pixels at which every label is inside its box, where one is."""
        metrics = QFontMetricsF(font)
        part = min(
            (box.width() - 6) / max(metrics.horizontalAdvance(cell.label), 1)
            for cell, box in zip(diagram.cells, boxes, strict=True)
            if cell.label != "…"
        )
        return max(_SMALLEST, min(font.pixelSize(), int(font.pixelSize() * part)))

    def _members(self, painter: QPainter, box: QRectF) -> None:
        """Paint further boxes behind a state: networks that are trained side by side."""
        color = mixed(self.theme.surface, self.theme.baseline, 0.5)
        painter.setPen(QPen(QColor(color), 1.0))
        painter.setBrush(QColor(self.theme.surface))
        for off in (6, 3):
            painter.drawRoundedRect(box.translated(off, -off), 4, 4)

    @staticmethod
    def _box(rect: QRectF, cell: Cell, diagram: Diagram) -> QRectF:
        wide, tall = (
            rect.width() / diagram.columns,
            rect.height() / (4 if diagram.convolution else 3),
        )
        row = 3 if diagram.convolution and cell.kind == "input" else _ROWS[cell.kind]
        left, top = rect.left() + cell.column * wide, rect.top() + row * tall
        across = _GAP if cell.label == "…" else min(max(wide * 0.7, wide - 10), _WIDEST)
        return QRectF(left + (wide - across) / 2, top + tall * 0.2, across, tall * 0.6)

    def _cell(self, painter: QPainter, box: QRectF, cell: Cell, metrics: QFontMetricsF) -> None:
        theme = self.theme
        if cell.kind != "gap" and cell.label != "…":
            colors = {
                "input": theme.price,
                "convolution": theme.val_loss,
                "state": theme.baseline,
                "output": theme.forecast,
            }
            color = colors[cell.kind]
            painter.setPen(
                QPen(
                    QColor(color),
                    1.2,
                    Qt.PenStyle.DashLine if cell.decoder else Qt.PenStyle.SolidLine,
                )
            )
            painter.setBrush(QColor(mixed(theme.surface, color, 0.16)))
            painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(theme.text))
        text = metrics.elidedText(cell.label, Qt.TextElideMode.ElideRight, box.width() + 12)
        painter.drawText(box.adjusted(-8, 0, 8, 0), Qt.AlignmentFlag.AlignCenter, text)

    def _arrow(self, painter: QPainter, start: QRectF, end: QRectF, arrow: Arrow) -> None:
        color = self.theme.val_loss if arrow.kind == "fed back" else self.theme.muted
        if abs(start.center().x() - end.center().x()) < 1:
            up = end.center().y() < start.center().y()
            a, b = (
                QPointF(start.center().x(), start.top() if up else start.bottom()),
                QPointF(end.center().x(), end.bottom() if up else end.top()),
            )
        elif abs(start.center().y() - end.center().y()) < 1:
            right = end.center().x() > start.center().x()
            lift = 4.0 if arrow.kind == "carries back" else -4.0 if arrow.kind == "carries" else 0.0
            a = QPointF(start.right() if right else start.left(), start.center().y() + lift)
            b = QPointF(end.left() if right else end.right(), end.center().y() + lift)
        else:
            a, b = QPointF(start.right(), start.bottom() - 3), QPointF(end.left(), end.top() + 3)
        paint_arrow(painter, a, b, color, _HEAD)


def paint_arrow(painter: QPainter, start: QPointF, end: QPointF, color: str, head: float) -> None:
    """Paint a line that ends in a head of so many pixels."""
    painter.setPen(QPen(QColor(color), 1.2))
    painter.drawLine(start, end)
    angle = math.atan2(end.y() - start.y(), end.x() - start.x())
    wings = [
        QPointF(end.x() - head * math.cos(angle + turn), end.y() - head * math.sin(angle + turn))
        for turn in (0.5, -0.5)
    ]
    painter.setBrush(QColor(color))
    painter.drawPolygon(QPolygonF([end, *wings]))
