"""The loss chart: how well the network does epoch by epoch, beside what it had to beat."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.bands import write_on
from app.charts.bars import line_pen
from app.charts.canvas import Artist, EmptyText, Frame
from app.charts.epochs import Curve, EpochChart
from app.charts.legend import Entry, words
from app.number_format import number
from forecasting.events import EpochEnd


def loss_text(loss: float) -> str:
    """Write a loss with five decimals; a dash where it was not measured."""
    return number(loss, 5) if np.isfinite(loss) else "–"


class _BestMark:
    """The epoch whose weights are kept: a ring on the validation curve and its number."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.loss = float("nan")
        self.complete = True

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint an upright line, the ring and the words."""
        if self.epoch is None or not np.isfinite(self.loss) or (frame.log and self.loss <= 0):
            return
        index = frame.at(self.epoch, self.loss)
        painter.setPen(line_pen(frame.theme.muted, 1.0, (2.0, 3.0)))
        painter.drawLine(QPointF(index.x(), 0), QPointF(index.x(), frame.height))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(line_pen(frame.theme.val_loss, 2.0))
        painter.setBrush(QColor(frame.theme.surface))
        painter.drawEllipse(index, 5.0, 5.0)
        text = (
            f"best: epoch {self.epoch}" if self.complete else f"best: stopped in epoch {self.epoch}"
        )
        wide = QFontMetricsF(frame.font).horizontalAdvance(text)
        left = index.x() + 9 if index.x() + wide + 14 < frame.width else index.x() - wide - 9
        painter.setPen(Qt.PenStyle.NoPen)
        write_on(painter, frame, QPointF(left, frame.height - 7), text, frame.theme.surface)


class LossChart(EpochChart):
    """Training and validation loss by epoch, the best epoch, and the baseline's level as a
    dashed line.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self._train, self._val, self._level, self._best = (
            Curve(dash=(5.0, 3.0), width=1.4),
            Curve(width=1.8),
            Curve(),
            _BestMark(),
        )
        empty = EmptyText(
            words("No epoch yet"),
            words("The loss is drawn here as the network learns, epoch by epoch."),
        )
        super().__init__("Loss by epoch", empty, parent)

    def _artists(self) -> list[Artist]:
        return [self._level, self._train, self._val, self._best]

    def _update_curves(self) -> None:
        theme, whole = self.theme, self._complete
        epochs = self._column("epoch")[whole]
        losses = {name: self._column(name)[whole] for name in ("train_loss", "val_loss")}
        self._use_log(*losses.values())
        self._train.color, self._val.color, self._level.color = (
            theme.train_loss,
            theme.val_loss,
            theme.baseline,
        )
        self._train.x = self._val.x = epochs
        self._train.y, self._val.y = losses["train_loss"], losses["val_loss"]
        self._level.dash, self._level.width = (2.0, 3.0), 1.2
        start = self._baseline()
        last = max(float(epochs[-1]), 4.0) if epochs.size else 0.0
        self._level.x = np.array([-1.0, last * 2]) if start is not None else np.empty(0)
        self._level.y = np.full(self._level.x.size, start if start is not None else 0.0)
        latest = self._history[-1] if self._history else None
        self._best.epoch = latest.best_epoch if latest else None
        self._best.loss = latest.best_loss if latest else float("nan")
        self._best.complete = all(
            epoch.complete for epoch in self._history if epoch.epoch == self._best.epoch
        )
        entries = [
            Entry(words("validation"), theme.val_loss, "line"),
            Entry(words("training"), theme.train_loss, "dashed"),
        ]
        if start is not None:
            entries.append(Entry(words("baseline (epoch 0)"), theme.baseline, "dotted"))
        self._legend.entries = entries if self._history else []

    def _baseline(self) -> float | None:
        """Return the validation loss of epoch 0, at which the untrained network is exactly the
        baseline.
        """
        first = self._history[0] if self._history else None
        return (
            first.val_loss
            if first is not None and first.epoch == 0 and np.isfinite(first.val_loss)
            else None
        )

    def _extent(self) -> tuple[float, float] | None:
        values = np.concatenate([self._train.y, self._val.y, [self._best.loss]])
        values = values[np.isfinite(values)]
        return (float(values.min()), float(values.max())) if values.size else None

    def _read(self, epoch: EpochEnd) -> str:
        text = f"epoch {epoch.epoch}   validation {loss_text(epoch.val_loss)}"
        if not epoch.complete:
            return f"{text}   stopped after {number(100 * epoch.share, 0)} % of the epoch"
        return f"{text}   training {loss_text(epoch.train_loss)}"

    def summary(self) -> str:
        """Return the state of the training in one sentence."""
        if not self._history:
            return "No epoch yet."
        last = self._history[-1]
        text = f"Epoch {last.epoch} of {last.epochs}: "
        if not last.complete:
            text += f"stopped after {number(100 * last.share, 0)} % of it, "
        elif np.isfinite(last.train_loss):
            text += f"training loss {loss_text(last.train_loss)}, "
        text += (
            f"validation loss {loss_text(last.val_loss)}, best {loss_text(last.best_loss)} at "
            f"epoch {last.best_epoch}"
        )
        start = self._baseline()
        return f"{text}; the baseline has {number(start, 5)}." if start is not None else f"{text}."
