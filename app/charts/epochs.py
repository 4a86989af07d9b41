"""What the charts over epochs share: one pane, whole numbers below it, curves, and a read-out at
the pointer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.axis import CountAxis, PriceAxis, Tick, log_steps, round_steps
from app.charts.bars import line_pen, polygon
from app.charts.canvas import Artist, Chart, EmptyText, Frame, Grid, Pane
from app.charts.legend import LegendArtist
from app.charts.overlay import CrosshairArtist
from app.charts.plot import Columns
from forecasting.events import EpochEnd
from forecasting.series import Floats


@dataclass(eq=False)
class Curve:
    """Values over epochs as a line; what is not finite leaves a gap."""

    color: str = "#000000"
    width: float = 1.6
    dash: tuple[float, ...] = ()
    x: Floats = field(default_factory=lambda: np.empty(0))
    y: Floats = field(default_factory=lambda: np.empty(0))
    dots: bool = True

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the line, with dots while there are few epochs, if wanted."""
        known = np.isfinite(self.y) & ((self.y > 0) | (not frame.log))
        if not known.any():
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        x, y = frame.px(self.x), frame.py(np.where(known, self.y, 1.0))
        painter.setPen(line_pen(self.color, self.width, self.dash))
        for part in np.split(np.arange(x.size), np.flatnonzero(np.diff(known.astype(int))) + 1):
            if known[part[0]] and part.size > 1:
                painter.drawPolyline(polygon(x[part], y[part]))
        if self.dots and x.size <= 40:
            painter.setPen(line_pen(self.color, 0.0001))
            painter.setBrush(QColor(self.color))
            for column, row in zip(x[known], y[known], strict=True):
                painter.drawEllipse(
                    QPointF(float(column), float(row)), self.width + 0.7, self.width + 0.7
                )


def short(value: float) -> str:
    """Write a number of any size with at most four digits: 0.012, 1250, 3e-07."""
    return f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


class ValueAxis(PriceAxis):
    """Round numbers of any size at the right, linear or logarithmic."""

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        count = max(2.0, pixels / self._rows)
        if not self.log:
            return [Tick(float(value), short(value)) for value in round_steps(low, high, count)]
        return [
            Tick(float(np.log10(value)), short(value))
            for value in log_steps(10.0**low, 10.0**high, count)
        ]


class EpochChart(Chart):
    """Base of the loss and the gradient chart.

    Signals
    -------
    readout : str
        The numbers of the epoch under the pointer; "" when it leaves.
    """

    readout = Signal(str)

    def __init__(self, name: str, empty: EmptyText, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._history: tuple[EpochEnd, ...] = ()
        self._log = False
        self._empty, self._legend, self._crosshair = empty, LegendArtist(), CrosshairArtist()
        self._pane, self._epochs, self._values = Pane(), CountAxis("epoch"), ValueAxis(rows=34)
        self._pane.x_axis, self._pane.y_axis = self._epochs, self._values
        self._grid.addItem(self._pane, 0, 0)
        self._grid.addItem(self._values, 0, 1)
        self._grid.addItem(self._epochs, 1, 0)
        self._values.linkToView(self._pane)
        self._epochs.linkToView(self._pane)
        self._panes = [self._pane]
        self._pane.artists = [Grid(), *self._artists(), self._legend, self._crosshair, empty]
        self._pane.sigResized.connect(self._set_range)
        self._view.scene().sigMouseMoved.connect(self._pointer_moved)
        self._apply_look()
        self.refresh()

    def show_history(self, history: tuple[EpochEnd, ...]) -> None:
        """Show the epochs so far; epoch 0 is the untrained network.

        Curves leave out epochs that were stopped within.
        """
        if history != self._history:
            self._history = history
            self.mark_dirty()

    def set_log(self, on: bool) -> None:
        """Show values by their logarithms, where all are positive."""
        self._log = on
        self.mark_dirty()

    def table(self) -> Columns:
        """Return every number of every epoch, a column each."""
        return (
            {item.name: self._column(item.name) for item in fields(EpochEnd)}
            if self._history
            else {}
        )

    def _artists(self) -> list[Artist]:
        """Return what is painted between grid and legend."""
        raise NotImplementedError

    def _update_curves(self) -> None:
        """Bring the history into the artists."""
        raise NotImplementedError

    def _extent(self) -> tuple[float, float] | None:
        """Return the lowest and highest value to show, None where there is none."""
        raise NotImplementedError

    def _read(self, epoch: EpochEnd) -> str:
        """Return the numbers of an epoch in words."""
        raise NotImplementedError

    @property
    def _complete(self) -> npt.NDArray[np.bool_]:
        """Which epochs a curve goes through: those that learned from all windows."""
        return np.array([epoch.complete for epoch in self._history], np.bool_)

    def _column(self, name: str) -> Floats:
        """Return one number of every epoch."""
        return np.array([getattr(epoch, name) for epoch in self._history], np.float64)

    def _use_log(self, *columns: Floats) -> None:
        """Take a logarithmic scale where that is wanted and all values are positive."""
        known = np.concatenate(columns)
        known = known[np.isfinite(known)]
        self._pane.log = self._values.log = self._log and known.size > 0 and bool((known > 0).all())

    def _update_scene(self) -> None:
        self._empty.visible = not self._history
        for axis in (self._epochs, self._values):
            axis.setVisible(bool(self._history))
        self._epochs.setHeight(round(self._font.pixelSize() * 1.4) + 10)
        self._update_curves()
        self._set_range()

    def _set_range(self) -> None:
        """Show all epochs, and the values with room for the legend."""
        if not self._history:
            return
        last = max(self._history[-1].epoch, 4)
        self._pane.setXRange(-0.02 * last, last * 1.03, padding=0)
        extent = self._extent()
        if extent is None:
            return
        low, high = (float(np.log10(value)) for value in extent) if self._pane.log else extent
        if high - low < 1e-9:
            low, high = low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6
        height = max(self._pane.height(), 60.0)
        top, bottom = (
            min(self._legend.height(self._font, self._pane.width()) + 6, height * 0.4),
            min(26.0, height * 0.15),
        )
        unit = (high - low) / (height - top - bottom)
        self._pane.setYRange(low - bottom * unit, high + top * unit, padding=0)
        self._values.fit_width()

    def _pointer_moved(self, index: QPointF) -> None:
        if not self._history or not self._pane.sceneBoundingRect().contains(index):
            self._point(None)
            return
        (low, high), _ = self._pane.viewRange()
        at = low + self._pane.mapFromScene(index).x() / max(self._pane.width(), 1) * (high - low)
        self._point(int(np.argmin(np.abs(self._column("epoch") - at))))

    def _pointer_left(self) -> None:
        self._point(None)

    def _point(self, index: int | None) -> None:
        """Put the crosshair on an epoch, or away."""
        epoch = None if index is None else self._history[index]
        self._crosshair.bar = None if epoch is None else epoch.epoch
        self._legend.note = "" if epoch is None else self._read(epoch)
        self.readout.emit(self._legend.note)
        self.repaint_panes()
