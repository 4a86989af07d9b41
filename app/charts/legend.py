"""The legend of a chart: what its lines and bands are, what they are worth at the pointer, and a
click that hides each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.charts.bars import line_pen
from app.charts.canvas import Frame

#: How a legend shows what it names.
Mark = Literal["line", "dashed", "dotted", "dots", "rings", "band", "wide-band", "past", "none"]
_ICON, _GAP, _VALUE = 28.0, 14.0, 6.0


def words(text: str) -> str:
    """Return words of a chart in the language of the user."""
    return QCoreApplication.translate("Chart", text)


@dataclass(frozen=True)
class Entry:
    """One entry of a legend.

    Attributes
    ----------
    label, color, mark
        What it is called and how it looks.
    dash : tuple of float
        Where the line has one of its own.
    key : str
        Under which it can be hidden; "" where it cannot.
    value : str
        What it is worth at the pointer.
    """

    label: str
    color: str
    mark: Mark
    dash: tuple[float, ...] = ()
    key: str = ""
    value: str = ""


class LegendArtist:
    """What the lines and bands are, at the top left, and a note where something needs saying.

    Attributes
    ----------
    entries : sequence of Entry
    note : str
    hidden : frozenset of str
        Keys of what is not drawn: struck through on screen, left out elsewhere.
    chosen : str or None
        Key of the entry that the keyboard is at.
    share : float
        Largest part of a pane's height that the rows may take: the last row that fits says how
        many entries are left out.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.entries: Sequence[Entry] = ()
        self.note = ""
        self.hidden: frozenset[str] = frozenset()
        self.chosen: str | None = None
        self._places: list[tuple[QRectF, str]] = []

    def height(self, font: QFont, width: float) -> float:
        """Return the height that is taken from the top of a pane of this width."""
        metrics = QFontMetricsF(font)
        return 8 + (metrics.height() + 5) * (
            len(self._rows(self.entries, metrics, width)) + bool(self.note)
        )

    def key_at(self, place: QPointF) -> str:
        """Return the key of the entry at a place of the pane, as it was painted last; "" where
        there is none.
        """
        return next((key for rect, key in self._places if rect.contains(place)), "")

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Write entries and note."""
        metrics, top = QFontMetricsF(frame.font), 8.0
        entries = (
            self.entries
            if frame.on_screen
            else [entry for entry in self.entries if entry.key not in self.hidden]
        )
        indices: list[tuple[QRectF, str]] = []
        rows = self._rows(entries, metrics, frame.width)
        fitting = max(1, int((self.share * frame.height - 8) // (metrics.height() + 5)))
        for row in _shortened(rows, fitting):
            self._ground(
                painter,
                frame,
                QRectF(
                    6,
                    top - 2,
                    sum(self._width(metrics, entry) for entry in row) - 4,
                    metrics.height() + 4,
                ),
            )
            left = 10.0
            for entry in row:
                wide = self._width(metrics, entry)
                self._entry(painter, frame, QRectF(left, top, wide - _GAP, metrics.height()), entry)
                if entry.key:
                    indices.append(
                        (
                            QRectF(left - 4, top - 2, wide - _GAP + 8, metrics.height() + 4),
                            entry.key,
                        )
                    )
                left += wide
            top += metrics.height() + 5
        if frame.on_screen:
            self._places = indices
        if self.note:
            self._ground(
                painter,
                frame,
                QRectF(6, top - 2, metrics.horizontalAdvance(self.note) + 8, metrics.height() + 4),
            )
            painter.setPen(QColor(frame.theme.muted))
            painter.drawText(QPointF(10, top + metrics.ascent()), self.note)

    def _entry(self, painter: QPainter, frame: Frame, rect: QRectF, entry: Entry) -> None:
        """Write one entry: mark, name, value; struck through where it is hidden, framed where
        the keyboard is.
        """
        hidden, metrics = bool(entry.key) and entry.key in self.hidden, QFontMetricsF(frame.font)
        if not hidden:
            self._mark(painter, frame, QRectF(rect.left(), rect.top(), 22, rect.height()), entry)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        font = QFont(frame.font)
        font.setStrikeOut(hidden)
        painter.setFont(font)
        painter.setPen(QColor(frame.theme.muted))
        base = rect.top() + metrics.ascent()
        painter.drawText(QPointF(rect.left() + _ICON, base), entry.label)
        if entry.value and not hidden:
            painter.setPen(QColor(frame.theme.text))
            painter.drawText(
                QPointF(
                    rect.left() + _ICON + metrics.horizontalAdvance(entry.label) + _VALUE, base
                ),
                entry.value,
            )
        if frame.on_screen and entry.key and entry.key == self.chosen:
            painter.setPen(QPen(QColor(frame.theme.accent), 1.5))
            painter.drawRoundedRect(rect.adjusted(-4, -2, 4, 2), 3, 3)

    @staticmethod
    def _width(metrics: QFontMetricsF, entry: Entry) -> float:
        """Return what one entry takes of its row."""
        value = _VALUE + metrics.horizontalAdvance(entry.value) if entry.value else 0.0
        return _ICON + metrics.horizontalAdvance(entry.label) + value + _GAP

    def _rows(
        self, entries: Sequence[Entry], metrics: QFontMetricsF, width: float
    ) -> list[list[Entry]]:
        """Break the entries into rows that fit."""
        rows: list[list[Entry]] = []
        room = 0.0
        for entry in entries:
            room -= self._width(metrics, entry)
            if room < 0:
                rows.append([])
                room = width - 12 - self._width(metrics, entry)
            rows[-1].append(entry)
        return rows

    @staticmethod
    def _ground(painter: QPainter, frame: Frame, rect: QRectF) -> None:
        """Dim what lies below, so that text stays readable."""
        if frame.theme.see_through:
            return
        ground = QColor(frame.theme.surface)
        ground.setAlpha(205)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, 4, 4)

    @staticmethod
    def _mark(painter: QPainter, frame: Frame, rect: QRectF, entry: Entry) -> None:
        """Paint a line or a piece of band as the chart does."""
        if entry.mark == "none":
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        middle = rect.center().y() + 0.5
        if entry.mark in ("dots", "rings"):
            painter.setPen(line_pen(entry.color, 1.4))
            painter.setBrush(QColor(entry.color) if entry.mark == "dots" else Qt.BrushStyle.NoBrush)
            radius = 1.8 if entry.mark == "dots" else 3.2
            painter.drawEllipse(QPointF(rect.center().x(), middle), radius, radius)
            return
        if entry.mark in ("band", "wide-band", "past"):
            fill = QColor(entry.color)
            fill.setAlphaF({"band": 0.40, "wide-band": 0.16, "past": 0.12}[entry.mark])
            painter.setPen(Qt.PenStyle.NoPen if entry.mark == "past" else line_pen(entry.color))
            painter.setBrush(fill)
            painter.drawRect(QRectF(rect.left() + 0.5, middle - 5, rect.width() - 1, 10))
            if entry.mark != "past":
                return
        dash = (
            entry.dash
            or {"dashed": (6.0, 3.0), "dotted": (2.0, 3.0), "past": (3.0, 2.0), "line": ()}[
                entry.mark
            ]
        )
        painter.setPen(
            line_pen(entry.color, {"dashed": 2.0, "past": 1.0}.get(entry.mark, 1.5), dash)
        )
        painter.drawLine(QPointF(rect.left(), middle), QPointF(rect.right(), middle))


def _shortened(rows: list[list[Entry]], most: int) -> list[list[Entry]]:
    """Return the first rows, with the number of all other entries in place of the last one."""
    if len(rows) <= most:
        return rows
    *last, out = rows[most - 1]
    left = 1 + sum(len(row) for row in rows[most:])
    more = Entry(words("and {n} more").format(n=left), out.color, "none")
    return [*rows[: most - 1], [*last, more]]
