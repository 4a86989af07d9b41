"""Parallel coordinates: an upright axis for each setting and the loss, a line for each trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.charts.canvas import PaintedPlot
from app.charts.epochs import short
from app.charts.legend import words
from app.charts.plot import Columns
from app.charts.search import NOTHING, TrialPoint
from app.number_format import significant
from app.theme import Theme, mixed
from forecasting.series import Floats

#: Ratio of the ends of a range from which it is drawn by logarithms.
_LOG_FROM = 20.0
#: Pixels from a line within which a click chooses it.
_NEAR = 8.0
_SIDE, _TOP, _BOTTOM = 46.0, 34.0, 12.0
#: Least distance of two axes in pixels.
_AXIS = 84.0
#: Most values of an axis that are written beside it.
_MOST_TICKS = 6


@dataclass(frozen=True)
class ParallelAxis:
    """One axis.

    Attributes
    ----------
    title : str
    texts : tuple of str
        Names of its values from below; empty for numbers.
    low, high : float
        Ends of a range of numbers.
    log : bool
    """

    title: str
    texts: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    @classmethod
    def of(cls, title: str, values: Sequence[Any]) -> ParallelAxis:
        """Make the axis that suits values."""
        numeric = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numeric) < len(values) or not values:
            return cls(title, tuple(sorted({str(value) for value in values})))
        low, high = float(min(numeric)), float(max(numeric))
        return cls(title, (), low, high, low > 0 and high / low >= _LOG_FROM)

    def share(self, value: Any) -> float:
        """Return where a value lies, 0 at the lower end and 1 at the upper one."""
        if self.texts:
            index = self.texts.index(str(value))
            return index / (len(self.texts) - 1) if len(self.texts) > 1 else 0.5
        if not self.high > self.low:
            return 0.5
        ends = (self.low, self.high, float(value))
        low, high, at = map(math.log, ends) if self.log else ends
        return (at - low) / (high - low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return places and texts of the values that are written."""
        if self.texts:
            step = max(1, math.ceil(len(self.texts) / _MOST_TICKS))
            return [(self.share(text), text) for text in self.texts[::step]]
        ends = [self.low, self.high] if self.high > self.low else [self.low]
        return [(self.share(value), short(value)) for value in ends]


class ParallelCoordinates(PaintedPlot):
    """Every trial that was run as a line over its settings to its loss; better ones are stronger.

    A click chooses the nearest line, Up and Down the next better and the next worse trial.

    Signals
    -------
    chosen : int
        Number of a trial.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trials: tuple[TrialPoint, ...] = ()
        self._axes: tuple[ParallelAxis, ...] = ()
        self._selected: int | None = None
        self.setMinimumSize(200, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(words("Settings and loss of each trial"))

    def show_trials(self, trials: Sequence[TrialPoint], unit: str) -> None:
        """Show trials; those without a loss are left out."""
        known = [trial for trial in trials if np.isfinite(trial.first_loss) and trial.values]
        self._trials = tuple(sorted(known, key=lambda trial: trial.first_loss, reverse=True))
        self._axes = ()
        if known:
            titles = [t for t in known[0].values if all(t in trial.values for trial in known)]
            columns = [(title, [trial.values[title] for trial in known]) for title in titles]
            losses = [trial.first_loss for trial in known]
            columns.append((words("Block 1 ({unit})").format(unit=unit), losses))
            self._axes = tuple(ParallelAxis.of(title, values) for title, values in columns)
        self.setMinimumWidth(round(2 * _SIDE + _AXIS * max(len(self._axes) - 1, 0)))
        self.setAccessibleDescription(self.summary())
        self.update()

    def select(self, number: int | None) -> None:
        """Emphasise a trial."""
        self._selected = number
        self.setAccessibleDescription(self.summary())
        self.update()

    def paintEvent(self, event: object) -> None:
        """Paint the axes and lines, and a frame where the keyboard is."""
        super().paintEvent(event)
        painter = QPainter(self)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._theme.accent), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint(self, painter: QPainter, rect: QRectF, theme: Theme) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if not self._axes:
            painter.setPen(QColor(theme.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(rect, flags, "\n".join(map(words, NOTHING)))
            return
        for trial, strength in zip(self._trials, self._strengths(), strict=True):
            color = QColor(mixed(theme.line, theme.forecast, strength))
            painter.setPen(QPen(color, 0.8 + 1.4 * strength**3))
            painter.drawPolyline(self._line(trial, rect))
        picked = next((t for t in self._trials if t.number == self._selected), None)
        if picked is not None:
            painter.setPen(QPen(QColor(theme.val_loss), 2.6))
            painter.drawPolyline(self._line(picked, rect))
        for index in range(len(self._axes)):
            self._paint_axis(painter, theme, index, rect)

    def _strengths(self) -> Floats:
        """Return how strong each line is, from 0 for the worst tenth of the trials to 1."""
        losses = np.array([trial.first_loss for trial in self._trials])
        best, bad = float(losses.min()), float(np.quantile(losses, 0.9))
        if not bad > best:
            return np.ones(losses.size)
        return np.clip((bad - losses) / (bad - best), 0.0, 1.0)

    def _paint_axis(self, painter: QPainter, theme: Theme, index: int, rect: QRectF) -> None:
        axis, x = self._axes[index], self._x(index, rect)
        top, bottom = rect.top() + _TOP, rect.bottom() - _BOTTOM
        painter.setPen(QPen(QColor(theme.control), 1))
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        metrics = painter.fontMetrics()
        room = self._room(rect)
        title = metrics.elidedText(axis.title, Qt.TextElideMode.ElideRight, int(room))
        painter.setPen(QColor(theme.text))
        center = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(x - room / 2, rect.top() + 2, room, _TOP - 8), center, title)
        last = index == len(self._axes) - 1
        for share, text in axis.ticks():
            y = bottom - share * (bottom - top)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room - 8))
            wide = metrics.horizontalAdvance(shown)
            left = x - wide - 5 if last else x + 5
            ground = QRectF(left - 1, y - metrics.height() / 2, wide + 2, metrics.height())
            painter.fillRect(ground, QColor(theme.surface))
            painter.drawText(ground, center, shown)

    def _room(self, rect: QRectF) -> float:
        return (rect.width() - 2 * _SIDE) / max(len(self._axes) - 1, 1)

    def _x(self, index: int, rect: QRectF) -> float:
        return rect.left() + _SIDE + index * self._room(rect)

    def _line(self, trial: TrialPoint, rect: QRectF) -> QPolygonF:
        high = rect.height() - _TOP - _BOTTOM
        values = [*(trial.values[axis.title] for axis in self._axes[:-1]), trial.first_loss]
        shares = (axis.share(value) for axis, value in zip(self._axes, values, strict=True))
        bottom = rect.bottom() - _BOTTOM
        return QPolygonF(
            [QPointF(self._x(n, rect), bottom - share * high) for n, share in enumerate(shares)]
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the line that is nearest to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton and self._axes:
            rect, at = QRectF(self.rect()), event.position()
            found = [(_distance(self._line(t, rect), at), t.number) for t in self._trials]
            nearest = min(found, default=(math.inf, 0))
            if nearest[0] <= _NEAR:
                self._choose(nearest[1])
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the next better or worse trial by Up and Down."""
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()), 0)
        if not step or not self._trials:
            super().keyPressEvent(event)
            return
        numbers = [trial.number for trial in self._trials]
        here = numbers.index(self._selected) if self._selected in numbers else len(numbers) - 1
        self._choose(numbers[min(max(here + step, 0), len(numbers) - 1)])

    def _choose(self, number: int) -> None:
        self.select(number)
        self.chosen.emit(number)

    def table(self) -> Columns:
        """Return one row a trial."""
        if not self._axes:
            return {}
        sheet: dict[str, Any] = {words("Trial"): np.array([t.number for t in self._trials])}
        for axis in self._axes[:-1]:
            sheet[axis.title] = [_text(trial.values[axis.title]) for trial in self._trials]
        sheet[self._axes[-1].title] = np.array([trial.first_loss for trial in self._trials])
        return sheet

    def summary(self) -> str:
        """Return the best trial, or the one that is chosen, in a sentence."""
        if not self._trials:
            return words(NOTHING[0])
        best = next((t for t in self._trials if t.number == self._selected), self._trials[-1])
        texts = ", ".join(f"{title} {_text(value)}" for title, value in best.values.items())
        return words("{n} trials. Trial {number}: {texts}, loss {loss}.").format(
            n=len(self._trials), number=best.number, texts=texts, loss=significant(best.first_loss)
        )


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _distance(line: QPolygonF, at: QPointF) -> float:
    """Return the least distance of a point from a polyline in pixels."""
    points = np.array([(point.x(), point.y()) for point in line.toList()])
    if len(points) < 2:
        return math.inf
    start, step = points[:-1], np.diff(points, axis=0)
    target = np.array([at.x(), at.y()])
    share = ((target - start) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
    nearest = start + np.clip(share, 0, 1)[:, None] * step
    return float(np.hypot(*(nearest - target).T).min())
