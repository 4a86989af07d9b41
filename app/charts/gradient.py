"""The gradient chart: whether steps explode, vanish or are cut, step by step."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.canvas import Artist, EmptyText, Frame
from app.charts.epochs import Curve, EpochChart, short
from app.charts.legend import Entry, words
from app.charts.picture import COLORS
from app.number_format import number
from app.theme import mixed
from forecasting.events import EpochEnd, StepNorms
from forecasting.series import Floats

#: Points that a line is drawn through at most; of more the largest of neighbours are.
_MOST_POINTS = 3000
#: Parts of a network that have a line of their own.
_MOST_LAYERS = 8


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
    """Norm of the gradient at every step, before and after clipping where there is any, with the
    limit as a line, and the share of steps that were clipped; of runs whose steps are not known
    the mean of each epoch.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self._norm, self._after, self._clipped = (
            Curve(width=1.6),
            Curve(width=1.6, dash=(5.0, 3.0)),
            _ClippedShare(),
        )
        self._steps: tuple[StepNorms, ...] = ()
        self._by_layer = False
        self._limit = Curve(width=1.3, dash=(8.0, 3.0), dots=False)
        self._layers = [Curve(width=1.4, dots=False) for _ in range(_MOST_LAYERS)]
        super().__init__(
            "Gradient norm by step",
            EmptyText(
                words("No gradients yet"), words("They are measured at every step of a training.")
            ),
            parent,
        )
        self._log = True

    def show_steps(self, steps: tuple[StepNorms, ...]) -> None:
        """Show the norms of every step; none where they are not known."""
        if len(steps) != len(self._steps) or steps[-1:] != self._steps[-1:]:
            self._steps = steps
            self.mark_dirty()

    def set_by_layer(self, on: bool) -> None:
        """Show a line for each part of the network."""
        self._by_layer = on
        self.mark_dirty()

    @property
    def clipping(self) -> bool:
        """Whether gradients are clipped, as far as that is known."""
        if self._steps:
            return self._steps[-1].clipping
        return any(epoch.clipped > 0 for epoch in self._history)

    def _artists(self) -> list[Artist]:
        return [self._clipped, *self._layers, self._after, self._norm, self._limit]

    def _show_every_step(self) -> None:
        """Draw the steps that are known in the place of the means of epochs."""
        x = np.concatenate([epochs_of(item) for item in self._steps])
        self._norm.x, self._norm.y = peaks(x, np.concatenate([s.before for s in self._steps]))
        after = np.concatenate([item.after for item in self._steps])
        self._after.x, self._after.y = peaks(x, after)
        self._norm.dots = self._after.dots = False
        limit = self._steps[-1].limit
        if np.isfinite(limit):
            self._limit.x, self._limit.y = x[[0, -1]], np.array([limit, limit])
        layers = self._steps[-1].layers
        if not self._by_layer or any(item.layers != layers for item in self._steps):
            return
        values = np.concatenate([item.by_layer for item in self._steps])
        for column, curve in enumerate(self._layers[: len(layers)]):
            curve.x, curve.y = peaks(x, values[:, column])
            curve.color = getattr(self.theme, COLORS[column % len(COLORS)])
        self._norm.x = self._norm.y = np.empty(0)

    def _forget_steps(self) -> None:
        """Empty all that is drawn of steps."""
        for curve in (self._limit, *self._layers):
            curve.x = curve.y = np.empty(0)
        self._limit.color = self.theme.text
        self._norm.dots = self._after.dots = True

    def _update_curves(self) -> None:
        self._forget_steps()
        trained = np.array([epoch.epoch > 0 and epoch.complete for epoch in self._history], bool)
        epochs = self._column("epoch")[trained]
        for curve, name, color in (
            (self._norm, "grad_norm", self.theme.price),
            (self._after, "grad_norm_after", self.theme.val_loss),
        ):
            curve.color, curve.x, curve.y = color, epochs, self._column(name)[trained]
        if self._steps and self._history:
            self._show_every_step()
        if not self.clipping or self._by_layer:
            self._after.x = self._after.y = np.empty(0)
        self._use_log(*(_positive(curve.y) for curve in self._drawn))
        self._clipped.x, self._clipped.share = epochs, self._column("clipped")[trained]
        self._legend.entries = self._entries() if self._history else []

    @property
    def _drawn(self) -> tuple[Curve, ...]:
        return (self._norm, self._after, self._limit, *self._layers)

    def _entries(self) -> list[Entry]:
        """Name the lines that are drawn."""
        if self._by_layer and self._steps:
            entries = [
                Entry(name, curve.color, "line")
                for name, curve in zip(self._steps[-1].layers, self._layers, strict=False)
            ]
        elif self.clipping:
            entries = [
                Entry(words("before clipping"), self.theme.price, "line"),
                Entry(words("after"), self.theme.val_loss, "dashed"),
            ]
        else:
            entries = [Entry(words("norm of each step, clipping is off"), self.theme.price, "line")]
        if self._limit.y.size:
            entries.append(Entry(words("clip limit"), self.theme.text, "dashed"))
        if self.clipping:
            text = words("clipped steps (of 100 %)")
            entries.append(Entry(text, self.theme.baseline, "band"))
        return entries

    def _extent(self) -> tuple[float, float] | None:
        norms = np.concatenate([curve.y for curve in self._drawn])
        norms = norms[np.isfinite(norms) & ((norms > 0) | (not self._pane.log))]
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


def epochs_of(norms: StepNorms) -> Floats:
    """Return how many epochs are done at each step, [N]."""
    count = max(len(norms.before), 1)
    found: Floats = norms.epoch - 1 + norms.share * (np.arange(len(norms.before)) + 1) / count
    return found


def peaks(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return at most so many points as a line is drawn through: the largest of neighbours."""
    step = -(-len(x) // _MOST_POINTS)
    if step <= 1:
        return x, y
    starts = np.arange(0, len(x), step)
    largest: Floats = np.fmax.reduceat(y, starts)
    return x[starts], largest


def _positive(values: Floats) -> Floats:
    """Leave out what a logarithmic scale has no place for, so that it does not hinder the rest."""
    found: Floats = values[~(values <= 0)]
    return found
