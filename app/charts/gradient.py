"""The gradient chart: whether steps explode, vanish or are cut, epoch by epoch."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.canvas import Artist, EmptyText, Frame
from app.charts.epochs import Curve, EpochChart, short
from app.charts.legend import Entry, words
from app.number_format import number
from app.theme import mixed
from forecasting.events import EpochEnd
from forecasting.series import Floats


class _ClippedShare:
    """The share of steps whose gradient was cut, as columns: the full height is 100 %."""

    def __init__(self) -> None:
        self.x: Floats = np.empty(0)
        self.share: Floats = np.empty(0)

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the columns."""
        wide = max(1.0, min(frame.bar_width * 0.7, 24.0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(mixed(frame.theme.surface, frame.theme.baseline, 0.35)))
        for column, share in zip(frame.px(self.x), self.share, strict=True):
            if np.isfinite(share) and share > 0:
                tall = float(share) * frame.height
                painter.drawRect(QRectF(float(column) - wide / 2, frame.height - tall, wide, tall))


class GradientChart(EpochChart):
    """Mean norm of the gradient before and after clipping, and the share of steps that were
    clipped.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self._norm, self._after, self._clipped = (
            Curve(width=1.6),
            Curve(width=1.6, dash=(5.0, 3.0)),
            _ClippedShare(),
        )
        super().__init__(
            "Gradient norm by epoch",
            EmptyText(
                words("No gradients yet"), words("They are measured at every step of a training.")
            ),
            parent,
        )

    def _artists(self) -> list[Artist]:
        return [self._clipped, self._after, self._norm]

    def _update_curves(self) -> None:
        trained = np.array([epoch.epoch > 0 and epoch.complete for epoch in self._history], bool)
        epochs = self._column("epoch")[trained]
        for curve, name, color in (
            (self._norm, "grad_norm", self.theme.price),
            (self._after, "grad_norm_after", self.theme.val_loss),
        ):
            curve.color, curve.x, curve.y = color, epochs, self._column(name)[trained]
        self._use_log(self._norm.y, self._after.y)
        self._clipped.x, self._clipped.share = epochs, self._column("clipped")[trained]
        entries = [
            Entry(words("before clipping"), self.theme.price, "line"),
            Entry(words("after"), self.theme.val_loss, "dashed"),
            Entry(words("clipped steps (of 100 %)"), self.theme.baseline, "band"),
        ]
        self._legend.entries = entries if self._history else []

    def _extent(self) -> tuple[float, float] | None:
        norms = np.concatenate([self._norm.y, self._after.y])
        norms = norms[np.isfinite(norms)]
        return (
            (float(norms.min()) if self._pane.log else 0.0, float(norms.max()))
            if norms.size
            else None
        )

    def _read(self, epoch: EpochEnd) -> str:
        text = f"epoch {epoch.epoch}   norm {short(epoch.grad_norm)}"
        after = (
            f"   after clipping {short(epoch.grad_norm_after)}"
            if np.isfinite(epoch.grad_norm_after)
            else ""
        )
        return f"{text}{after}   clipped {number(epoch.clipped * 100, 0)} %"

    def summary(self) -> str:
        """Return the last gradient norm in one sentence."""
        if not self._norm.y.size:
            return "No gradients yet."
        last = self._history[-1]
        return (
            f"Epoch {last.epoch}: gradient norm {number(last.grad_norm, 3)}, "
            f"{number(last.clipped * 100, 0)} % of the steps clipped."
        )
