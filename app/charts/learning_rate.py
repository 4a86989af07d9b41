"""The curve of a search for the learning rate: how the loss goes as the rate rises, and the rate
that is taken.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.axis import CountAxis, Tick
from app.charts.bands import mark_column
from app.charts.bars import line_pen
from app.charts.canvas import Chart, EmptyText, Frame, Grid, Pane
from app.charts.epochs import Curve, ValueAxis
from app.charts.legend import Entry, LegendArtist, words
from app.charts.plot import Columns
from forecasting.events import LearningRatesTried

#: How far above the baseline losses are shown: so many times the best gain, and at least this
#: share.
_ABOVE, _LEAST = 3.0, 0.01


class _RateAxis(CountAxis):
    """Powers of ten below the curve."""

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        return [
            Tick(float(index), f"1e{index:d}")
            for index in range(int(np.ceil(low)), int(np.floor(high)) + 1)
        ]


class _Chosen:
    """The rate that is taken, as an upright line with its number."""

    def __init__(self) -> None:
        self.rate = 0.0

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint line and number."""
        if self.rate <= 0:
            return
        column = frame.column(float(np.log10(self.rate)), crisp=True)
        mark_column(painter, frame, column, f"{self.rate:.2g}", line_pen(frame.theme.accent, 1.6))


class LearningRateChart(Chart):
    """Loss by learning rate; a click, or the arrow keys, take another rate than the one suggested.

    Signals
    -------
    chosen : float
        The rate that is taken now.
    """

    chosen = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Loss by learning rate", parent)
        self.setMinimumSize(360, 200)
        self._tried: LearningRatesTried | None = None
        self._curve, self._level, self._mark, self._legend = (
            Curve(width=1.8),
            Curve(width=1.2, dash=(2.0, 3.0)),
            _Chosen(),
            LegendArtist(),
        )
        self._empty = EmptyText(words("Nothing tried yet"))
        self._pane, self._rates, self._losses = (
            Pane(),
            _RateAxis("learning rate"),
            ValueAxis(rows=34),
        )
        self._pane.x_axis, self._pane.y_axis = self._rates, self._losses
        self._pane.artists = [
            Grid(),
            self._level,
            self._curve,
            self._mark,
            self._legend,
            self._empty,
        ]
        self._grid.addItem(self._pane, 0, 0)
        self._grid.addItem(self._losses, 0, 1)
        self._grid.addItem(self._rates, 1, 0)
        for axis in (self._rates, self._losses):
            axis.linkToView(self._pane)
        self._panes = [self._pane]
        self._pane.sigResized.connect(self._set_range)
        self._view.scene().sigMouseClicked.connect(self._clicked)
        self._apply_look()
        self.refresh()

    @property
    def rate(self) -> float:
        """The rate that is taken."""
        return self._mark.rate

    def show_tried(self, tried: LearningRatesTried) -> None:
        """Show a search and its suggestion."""
        self._tried = tried
        self.mark_dirty()
        self._take(tried.current if tried.suggestion is None else tried.suggestion)

    def table(self) -> Columns:
        """Return rates and losses."""
        return (
            {}
            if self._tried is None
            else {"learning_rate": self._tried.rates, "loss": self._tried.losses}
        )

    def _update_scene(self) -> None:
        tried = self._tried
        self._empty.visible = tried is None
        for axis in (self._rates, self._losses):
            axis.setVisible(tried is not None)
        self._rates.setHeight(round(self._font.pixelSize() * 1.4) + 10)
        self._curve.color, self._level.color = self.theme.price, self.theme.baseline
        self._curve.x = np.log10(tried.rates) if tried else np.empty(0)
        self._curve.y = tried.losses if tried else np.empty(0)
        self._level.x, self._level.y = np.array([-12.0, 4.0]), np.ones(2)
        ours, theirs = words("loss beside the baseline's"), words("the baseline")
        entries = [
            Entry(ours, self.theme.price, "line"),
            Entry(theirs, self.theme.baseline, "dotted"),
        ]
        self._legend.entries = entries if tried else []
        self._set_range()

    def _set_range(self) -> None:
        if self._tried is None or not len(self._tried.rates):
            return
        x, lowest = self._curve.x, min(float(self._tried.losses.min()), 1.0)
        self._pane.setXRange(float(x[0]) - 0.1, float(x[-1]) + 0.1, padding=0)
        low, high = (
            lowest,
            min(
                max(float(self._tried.losses.max()), 1.0),
                1.0 + max(_ABOVE * (1.0 - lowest), _LEAST),
            ),
        )
        height = max(self._pane.height(), 60.0)
        unit = max(high - low, 1e-3) / (height * 0.75)
        self._pane.setYRange(low - height * 0.12 * unit, high + height * 0.2 * unit, padding=0)
        self._losses.setWidth(self._losses.needed_width())

    def _clicked(self, event: object) -> None:
        index = event.scenePos()  # type: ignore[attr-defined]
        if self._tried is not None and self._pane.sceneBoundingRect().contains(index):
            low, high = self._pane.viewRange()[0]
            self._take(
                10.0
                ** (
                    low
                    + self._pane.mapFromScene(index).x() / max(self._pane.width(), 1) * (high - low)
                )
            )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right take a lower or a higher rate."""
        if self._tried is None or event.key() not in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()
            return
        self._take(self.rate * 10.0 ** (0.05 if event.key() == Qt.Key.Key_Right else -0.05))

    def _take(self, rate: float) -> None:
        if self._tried is not None and len(self._tried.rates) and np.isfinite(rate):
            lowest, highest = float(self._tried.rates[0]), float(self._tried.rates[-1])
            self._mark.rate = float(f"{min(max(rate, lowest), highest):.2g}")
            self.setAccessibleDescription(self.summary())
            self.chosen.emit(self._mark.rate)
            self.repaint_panes()

    def summary(self) -> str:
        """Return the suggestion and what is taken in one sentence."""
        if self._tried is None:
            return "Nothing tried yet."
        return (
            f"{len(self._tried.rates)} learning rates were tried. {self._tried.finding} "
            f"Chosen: {self.rate:.2g}."
        )
