"""Marks of dates at the foot of a price chart: the user's own, or events of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app.charts.axis import Timeline
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.charts.drawing import positions
from app.charts.indicators import HUES
from forecasting.series import Ints

#: Radius of a mark, and pixels between two of them below which they are one.
_RADIUS, _APART = 7.0, 16.0
#: What the marks take of the foot of a chart, in pixels.
MARKS_HEIGHT = 2 * _RADIUS + 4
#: Texts that are told of one bar.
_MOST_TEXTS = 4


@dataclass(frozen=True)
class Mark:
    """A mark at a date.

    Attributes
    ----------
    ds : datetime64
        In the clock of the series. The mark stands at the first bar at or after it.
    letter : str
        What stands in it.
    text : str
        What is told of it at the crosshair.
    color : int
        Number of a colour, as drawings have them.
    """

    ds: np.datetime64
    letter: str
    text: str
    color: int = 0


class MarksArtist:
    """Paints marks; those that would overlap are one, with their number.

    Attributes
    ----------
    pointed : int or None
        Bar at the crosshair: its marks are written out.
    """

    def __init__(self) -> None:
        self.pointed: int | None = None
        self._groups: dict[str, tuple[Mark, ...]] = {}
        self._marks: tuple[Mark, ...] = ()
        self._timeline = Timeline()
        self._bars: Ints = np.empty(0, np.int64)

    def show(self, group: str, marks: Sequence[Mark]) -> None:
        """Show marks in place of those of the same group."""
        self._groups[group] = tuple(marks)
        marks = [mark for marks in self._groups.values() for mark in marks]
        self._marks = tuple(sorted(marks, key=lambda mark: mark.ds))
        self._find_bars()

    def set_timeline(self, timeline: Timeline) -> None:
        """Take other dates of the bars."""
        if timeline is not self._timeline:
            self._timeline = timeline
            self._find_bars()

    @property
    def groups(self) -> Mapping[str, tuple[Mark, ...]]:
        """The marks by group."""
        return self._groups

    def _find_bars(self) -> None:
        dates = np.array([mark.ds for mark in self._marks], "datetime64[us]")
        self._bars = np.ceil(positions(self._timeline, dates) - 1e-9).astype(np.int64)

    def at(self, bar: int) -> tuple[Mark, ...]:
        """Return the marks of a bar."""
        first, last = np.searchsorted(self._bars, [bar, bar + 1])
        return self._marks[first:last]

    def read(self, bar: int) -> str:
        """Return what is told of the marks of a bar, "" without one."""
        texts = [mark.text or mark.letter for mark in self.at(bar)]
        more = f" (+{len(texts) - _MOST_TEXTS})" if len(texts) > _MOST_TEXTS else ""
        return "; ".join(texts[:_MOST_TEXTS]) + more

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the marks in view."""
        first, last = np.searchsorted(
            self._bars, [np.floor(frame.x[0]), np.floor(frame.x[1]) + 1], side="left"
        )
        if first == last:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        font = QFont(frame.font)
        font.setPixelSize(max(8, round(frame.font.pixelSize() * 0.8)))
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        row = frame.height - _RADIUS - 3
        for begin, end in self._clusters(frame, int(first), int(last)):
            column = frame.column(float(self._bars[begin]))
            mark, count = self._marks[begin], end - begin
            letter = mark.letter[:1] if count == 1 else str(count) if count < 100 else "…"
            color = QColor(HUES[frame.theme.is_dark][mark.color % len(HUES[False])])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            disc = QRectF(column - _RADIUS, row - _RADIUS, 2 * _RADIUS, 2 * _RADIUS)
            painter.drawEllipse(disc)
            painter.setPen(QColor(frame.theme.surface))
            painter.drawText(
                disc, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip), letter
            )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        self._write(painter, frame, row)

    def _clusters(self, frame: Frame, first: int, last: int) -> list[tuple[int, int]]:
        """Return where marks that would overlap begin and end, from left to right."""
        apart = max(_APART / frame.bar_width, 1.0)
        cells = (
            self._bars[first:last] // int(np.ceil(apart)) if apart > 1 else self._bars[first:last]
        )
        starts = first + np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        ends = [*starts[1:].tolist(), last]
        return list(zip(starts.tolist(), ends, strict=True))

    def _write(self, painter: QPainter, frame: Frame, row: float) -> None:
        """Write the texts of the bar at the crosshair over its mark."""
        text = "" if self.pointed is None else self.read(self.pointed)
        if not text or self.pointed is None or not frame.on_screen:
            return
        painter.setFont(frame.font)
        metrics = QFontMetricsF(frame.font)
        column = frame.column(self.pointed)
        width = min(metrics.horizontalAdvance(text), frame.width - 24)
        left = min(max(column - width / 2 - 6, 4), frame.width - width - 16)
        box = QRectF(left, row - _RADIUS - metrics.height() - 10, width + 12, metrics.height() + 6)
        painter.setPen(line_pen(frame.theme.control, 1.0))
        painter.setBrush(QColor(frame.theme.raised))
        painter.drawRoundedRect(box, 4, 4)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawLine(QPointF(column, box.bottom()), QPointF(column, row - _RADIUS))
        painter.setPen(QColor(frame.theme.text))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width + 2)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)
