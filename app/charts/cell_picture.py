"""Draw the parts of a cell as boxes that can be clicked, each with what it is at now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.charts.cell_parts import CellPart
from app.charts.shapes import paint_arrow
from app.theme import LIGHT, Theme, mixed

#: Share of its field that a box takes, and length of an arrow's head in pixels.
_WIDE, _TALL, _HEAD = 0.72, 0.66, 5.0


class CellPicture(QWidget):
    """The parts of a cell, time from left to right; one of them is chosen.

    Attributes
    ----------
    chosen : Signal
        Name of the part that was clicked, or reached with the arrow keys.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = LIGHT
        self._parts: tuple[CellPart, ...] = ()
        self._values: Mapping[str, str] = {}
        self._name = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 210)
        self.setAccessibleName(self.tr("Parts of the cell"))

    @property
    def part(self) -> CellPart | None:
        """The part that is chosen."""
        return next((part for part in self._parts if part.name == self._name), None)

    def show_parts(self, parts: Sequence[CellPart], values: Mapping[str, str], name: str) -> None:
        """Draw parts, each with a short value by its name, and mark one of them."""
        self._parts, self._values = tuple(parts), dict(values)
        self._name = name if any(part.name == name for part in parts) else ""
        part = self.part
        words = [f"{item.title} {values.get(item.name, '')}".strip() for item in parts]
        chosen = self.tr("{part} is chosen.").format(part=part.title) if part else ""
        self.setAccessibleDescription(f"{', '.join(words)}. {chosen}".strip())
        self.update()

    def box(self, name: str) -> QRectF:
        """Return where a part is drawn; empty for one that is not."""
        part = next((item for item in self._parts if item.name == name), None)
        if part is None:
            return QRectF()
        columns = max(item.column for item in self._parts) + 1
        rows = max(item.row for item in self._parts) + 1
        wide, tall = self.width() / columns, self.height() / rows
        return QRectF(
            (part.column + (1 - _WIDE) / 2) * wide,
            (part.row + (1 - _TALL) / 2) * tall,
            wide * _WIDE,
            tall * _TALL,
        )

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size in which all parts can be read."""
        return QSize(560, 260)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose the part that was clicked."""
        for part in self._parts:
            if self.box(part.name).contains(event.position()):
                self.chosen.emit(part.name)
                return

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next part, or the one before, with the arrow keys."""
        steps = {
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
        }
        by = steps.get(Qt.Key(event.key()))
        if by is None or not self._parts:
            super().keyPressEvent(event)
            return
        names = [part.name for part in self._parts]
        index = names.index(self._name) + by if self._name in names else 0
        self.chosen.emit(names[index % len(names)])

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint arrows, then boxes."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        for part in self._parts:
            for name in part.feeds:
                self._arrow(painter, self.box(part.name), self.box(name))
        for part in self._parts:
            self._box(painter, part)
        painter.end()

    def _box(self, painter: QPainter, part: CellPart) -> None:
        theme, box, chosen = self.theme, self.box(part.name), part.name == self._name
        colors = {
            "input": theme.price,
            "new": theme.muted,
            "gate": theme.val_loss,
            "state": theme.baseline,
            "attention": theme.val_loss,
            "output": theme.forecast,
        }
        color = colors[part.kind]
        painter.setPen(QPen(QColor(theme.accent if chosen else color), 2.6 if chosen else 1.2))
        painter.setBrush(QColor(mixed(theme.surface, color, 0.28 if chosen else 0.16)))
        painter.drawRoundedRect(box, 5, 5)
        if chosen and self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-4, -4, 4, 4), 6, 6)
        value = self._values.get(part.name, "")
        text = f"{part.title}\n{value}" if value else part.title
        painter.setPen(QColor(theme.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    def _arrow(self, painter: QPainter, start: QRectF, end: QRectF) -> None:
        """Paint an arrow from the edge of a box to that of another one."""
        if start.isEmpty() or end.isEmpty():
            return
        a, b = start.center(), end.center()
        a, b = _edge(start, b), _edge(end, a)
        paint_arrow(painter, a, b, self.theme.muted, _HEAD)


def _edge(box: QRectF, towards: QPointF) -> QPointF:
    """Return where the line from the middle of a box towards a point leaves it."""
    middle = box.center()
    off = towards - middle
    shares = [
        half / abs(length)
        for half, length in ((box.width() / 2, off.x()), (box.height() / 2, off.y()))
        if abs(length) > 1e-9
    ]
    return middle + off * min(shares, default=0.0)
