"""The plots of a search: best loss so far, loss by time, and what each setting matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.canvas import EmptyText, PaintedPlot
from app.charts.curves import CurveChart, Line, LineMark
from app.charts.legend import words
from app.charts.plot import Columns
from app.number_format import number
from app.theme import Theme

NOTHING = ("No trial yet", "Press Search or Try all: each trial is drawn as it ends.")
#: Baselines that are drawn as lines.
_MOST_BASELINES = 2
_ROW, _GAP = 24.0, 8.0


@dataclass(frozen=True)
class TrialPoint:
    """A trial as plots need it.

    Attributes
    ----------
    number : int
        0 for the defaults.
    loss : float
        Mean validation loss; NaN where there is none. Of a trial that was given up, as if it had
        differed from the defaults by as much on all blocks as on those that it was run.
    complete : bool
        Whether all blocks were run.
    minutes : float
        Of the search at which it ended.
    values : mapping of str to Any
        Searched settings by title.
    first_loss : float
        Loss on the first block, which every trial that was run has.
    """

    number: int
    loss: float
    complete: bool
    minutes: float
    values: Mapping[str, Any] = field(default_factory=dict)
    first_loss: float = float("nan")


class BestSoFarChart(CurveChart):
    """Validation loss of each trial, and the least so far, by trial or by time.

    Parameters
    ----------
    by_time : bool
        Whether minutes are at the bottom, else trials.
    """

    def __init__(self, by_time: bool = False, parent: QWidget | None = None) -> None:
        self._by_time = by_time
        name, below = ("Loss by time", "minute") if by_time else ("Best loss so far", "trial")
        super().__init__(name, below, EmptyText(*map(words, NOTHING)), parent=parent)

    def show_trials(
        self, trials: Sequence[TrialPoint], baselines: Mapping[str, float], unit: str
    ) -> None:
        """Show trials in the order in which they ended; baselines are level lines."""
        known = [trial for trial in trials if np.isfinite(trial.loss)]
        if not known:
            self.show_lines([])
            return
        x = np.array([self._x(trial, index) for index, trial in enumerate(known)])
        loss = np.array([trial.loss for trial in known])
        whole = np.array([trial.complete for trial in known])
        best = np.fmin.accumulate(np.where(whole, loss, np.nan))
        lines = [
            Line(words("best so far"), x, best, "forecast", width=2.0),
            Line(words("trial"), x, np.where(whole, loss, np.nan), "price", "dots"),
            Line(words("given up"), x, np.where(whole, np.nan, loss), "baseline", "rings"),
        ]
        ends = np.array([float(x.min()), max(float(x.max()), float(x.min()) + 1e-9)])
        defaults = next((t for t in known if t.number == 0), None)
        if defaults is not None:
            lines.append(_level(words("defaults"), ends, defaults.loss, "val_loss", "dashed"))
        for name, level in sorted(baselines.items(), key=lambda i: i[1])[:_MOST_BASELINES]:
            lines.append(_level(name, ends, level, "baseline", "dotted"))
        self.show_lines([line for line in lines if np.isfinite(line.y).any()], f" {unit}")

    def _x(self, trial: TrialPoint, index: int) -> float:
        return trial.minutes if self._by_time else float(index)


def _level(name: str, ends: Any, level: float, color: str, mark: LineMark) -> Line:
    return Line(name, ends, np.full(2, level), color, mark, guide=True)


class ImportanceBars(PaintedPlot):
    """A bar for each searched setting: the share of the differences between trials that it
    explains by itself.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: dict[str, float] = {}
        self._note = words(NOTHING[0])
        self.setMinimumSize(160, 60)
        self.setAccessibleName(words("Importance of settings"))

    def show_importance(self, shares: Mapping[str, float], note: str = "") -> None:
        """Show shares from 0 to 1 by title; ``note`` says why there are none."""
        self._shares, self._note = dict(shares), note or words(NOTHING[0])
        self.setAccessibleDescription(self.summary())
        self.update()

    def _paint(self, painter: QPainter, rect: QRectF, theme: Theme) -> None:
        painter.setPen(QColor(theme.muted))
        if not self._shares:
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(rect.adjusted(12, 0, -12, 0), flags, self._note)
            return
        metrics = painter.fontMetrics()
        left = max(metrics.horizontalAdvance(name) for name in self._shares) + 2 * _GAP
        left = min(left, rect.width() / 2)
        high = min(_ROW, (rect.height() - _GAP) / len(self._shares))
        width = rect.width() - left - metrics.horizontalAdvance("100 %") - 3 * _GAP
        for row, (name, share) in enumerate(self._shares.items()):
            top = rect.top() + _GAP / 2 + row * high
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.setPen(QColor(theme.text))
            painter.drawText(QRectF(rect.left(), top, left - _GAP, high), side, name)
            bar = QRectF(rect.left() + left, top + high * 0.2, width * share, high * 0.6)
            painter.fillRect(bar, QColor(theme.accent))
            text = QPointF(bar.right() + _GAP, top + (high + metrics.ascent()) / 2 - 2)
            painter.drawText(text, f"{number(100 * share, 0)} %")

    def table(self) -> Columns:
        """Return settings and shares."""
        if not self._shares:
            return {}
        shares = 100 * np.array(list(self._shares.values()))
        return {words("Setting"): list(self._shares), words("Explains %"): shares}

    def summary(self) -> str:
        """Return the shares in a sentence."""
        if not self._shares:
            return self._note
        texts = (f"{name} {number(100 * share, 0)} %" for name, share in self._shares.items())
        return words("Share of the differences between trials: {list}.").format(
            list=", ".join(texts)
        )
