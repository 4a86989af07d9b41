"""What part of a series a chart shows, and how hands move it: rows of panes over one axis of
sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.charts.axis import PriceAxis, SessionAxis, ZoneCorner
from app.charts.canvas import Chart, Pane

#: Fewest bars in view, so that one cannot get lost inside a candle.
_CLOSEST = 8.0
#: Heights in pixels of the first row and of one below it; what a chart has more or less is shared
#: out.
_TALL, _LOW = 80.0, 28.0
#: Row of the dates: below all others, which may become more.
_DATES_ROW = 100


@dataclass(frozen=True, eq=False)
class Row:
    """A pane with its axis, and its share of the height while it is shown."""

    pane: Pane
    axis: PriceAxis
    share: float


class BarView(Chart):
    """A chart over bar indices. Its view follows what is new until the user moves it, and never
    moves by itself afterwards.

    y of the first row follows what is in view until the user scales it. Other rows always fit.

    Attributes
    ----------
    price_pane : Pane
    price_axis : PriceAxis
        The first row and its axis.

    Signals
    -------
    range_moved : bool
        What is in view has changed: whether it is the range that was asked for by
        :meth:`show_range`.
    """

    range_moved = Signal(bool)

    def __init__(self, name: str, rows: tuple[Row, ...], parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._rows: list[Row] = []
        self._dates = SessionAxis()
        self.price_pane, self.price_axis = rows[0].pane, rows[0].axis
        self._bars: int | None = (
            0  # bars of history in the followed view; 0 as many as look well, None all
        )
        self._follows = True
        self._auto_y = True
        self._before_origin: tuple[float, float, bool] | None = None
        for row in rows:
            self._add_row(row)
        self._grid.addItem(self._dates, _DATES_ROW, 0)
        self._corner = ZoneCorner(self._dates)
        self._grid.addItem(self._corner, _DATES_ROW, 1)
        self._show_row(0, True)
        self._dates.linkToView(self.price_pane)
        self.price_pane.scaled.connect(self._scale_y)
        self.price_pane.sigResized.connect(self._resized)

    def _add_row(self, row: Row) -> None:
        """Add a row below the others."""
        index = len(self._rows)
        row.pane.x_axis, row.pane.y_axis = self._dates, row.axis
        for item in (row.pane, row.axis):
            item.setPreferredHeight(_LOW if index else _TALL)
        self._grid.addItem(row.pane, index, 0)
        self._grid.addItem(row.axis, index, 1)
        row.axis.linkToView(row.pane)
        row.pane.panned.connect(self._pan)
        row.pane.zoomed.connect(self._zoom)
        row.pane.fit_requested.connect(self.fit)
        row.axis.auto_requested.connect(self.fit_prices)
        self._rows.append(row)
        self._panes.append(row.pane)

    # What the charts tell

    def _known(self) -> int:
        """Return how many bars there are, 0 without a series."""
        raise NotImplementedError

    def _total(self) -> int:
        """Return how many there are with the forecast's."""
        raise NotImplementedError

    def _ahead(self) -> int:
        """Return the length of the forecast that a view should make room for, 0 without one."""
        raise NotImplementedError

    def _extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return the lowest and highest price in view."""
        raise NotImplementedError

    def _head_room(self) -> float:
        """Return the pixels at the top that prices should leave free."""
        raise NotImplementedError

    def _fit_rows(self, start: int, stop: int) -> None:
        """Fit the rows below the first to what is in view."""
        raise NotImplementedError

    def _moved(self) -> None:
        """Bring what depends on the first bar in view up to date."""

    # What others ask for

    def show_range(self, bars: int | None) -> None:
        """Show the last ``bars`` bars and the forecast; None shows all."""
        self._bars, self._follows, self._auto_y = bars, True, True
        self._pointer_left()
        self.mark_dirty()
        self._tell_range()

    @property
    def in_range(self) -> bool:
        """Whether a number of bars that was asked for is in view, and the user has not moved
        away from it.
        """
        return self._follows and self._bars != 0

    @property
    def shown_bars(self) -> tuple[float, float]:
        """The first and the last bar in view, and the parts of bars beside them."""
        low, high = self.price_pane.viewRange()[0]
        return low, high

    def _tell_range(self) -> None:
        self.range_moved.emit(self.in_range)

    @property
    def view(self) -> tuple[tuple[float, float], tuple[float, float] | None] | None:
        """The bars that the user moved to and, where he scaled them, the prices; None while the
        chart follows.
        """
        if self._follows and self._auto_y:
            return None
        (low, high), (bottom, top) = self.price_pane.viewRange()
        return (low, high), None if self._auto_y else (bottom, top)

    def show_view(
        self, bars: tuple[float, float], prices: tuple[float, float] | None = None
    ) -> None:
        """Show these bars, and prices where they are given, until the user moves on; see
        :attr:`view`.
        """
        self._follows, self._auto_y = False, prices is None
        self._tell_range()
        self.price_pane.setXRange(*bars, padding=0)
        if prices is not None:
            self.price_pane.setYRange(*prices, padding=0)
        self.mark_dirty()

    def fit(self) -> None:
        """Return to the first view: the latest bars and the forecast, y fitted to them."""
        self.show_range(0)

    def fit_prices(self) -> None:
        """Let y follow the visible bars again."""
        self._auto_y = True
        if self._known():
            self._apply_y()

    def _hold_view(self) -> Callable[[], None]:
        """Keep the bars in view, whether the chart follows or not."""
        follows, self._follows = self._follows, False

        def release() -> None:
            self._follows = follows

        return release

    # The range

    def _show_row(self, index: int, shown: bool) -> None:
        """Give a row its share of the height, or none; the first has what is left."""
        layout, row = self._grid.layout, self._rows[index]
        for item in (row.pane, row.axis):
            item.setVisible(shown)
        layout.setRowStretchFactor(index, round(100 * row.share) if shown else 0)
        layout.setRowMaximumHeight(index, 16_000_000.0 if shown else 0.0)

    def _apply_range(self) -> None:
        """Set x where the chart still follows, then y."""
        if self._known():
            self._set_x(*(self._home() if self._follows else self.shown_bars))

    def _home(self) -> tuple[float, float]:
        """Return the followed view: the wanted number of bars, the forecast, and some air at the
        right.
        """
        total, known = self._total(), self._known()
        if self._bars is None:
            return -0.5 - 0.01 * total, total - 0.5 + max(2.0, 0.02 * total)
        bars = self._bars or max(120, min(250, int(self.price_pane.width() / 5)), 3 * self._ahead())
        bars = min(bars, known)
        return known - bars - 0.5, total - 0.5 + max(2.0, 0.03 * (bars + total - known))

    def _set_x(self, low: float, high: float) -> None:
        """Show a range of bars, kept within reach of the series; y follows if it is to."""
        total = max(self._total(), 1)
        wide = min(max(high - low, _CLOSEST), max(total * 1.1, 40.0))
        if abs((high - low) - wide) > 1e-9:
            high = low + wide
        # At least a fifth of the view shows bars.
        left = min(max(low, -0.8 * wide), total - 0.2 * wide)
        for pane in self._panes:
            pane.setXRange(left, left + wide, padding=0)
        self._apply_y()

    def _apply_y(self) -> None:
        """Fit y to what is in view, and the axes to their labels."""
        low, high = self.shown_bars
        start, stop = int(np.floor(low)), int(np.ceil(high)) + 1
        if self._auto_y:
            extent = self._extent(start, stop)
            if extent is not None:
                self.price_pane.setYRange(*self._with_air(*extent), padding=0)
        self._moved()
        self._fit_rows(start, stop)
        axes = [row.axis for row in self._rows if row.pane.isVisible()]
        needed = max((axis.needed_width() for axis in axes), default=0.0)
        if not needed <= self.price_axis.maximumWidth() <= needed + 8:
            for row in self._rows:
                row.axis.setWidth(needed)

    def _with_air(self, low: float, high: float) -> tuple[float, float]:
        """Return a y range that leaves room for the legend above and the names of the parts
        below.
        """
        if self.price_pane.log:
            low, high = self._place(max(low, high * 1e-6)), self._place(high)
        if high - low < abs(high) * 1e-9 + 1e-12:
            low, high = low - max(abs(low) * 0.01, 1e-6), high + max(abs(high) * 0.01, 1e-6)
        height = max(self.price_pane.height(), 60.0)
        top, bottom = min(self._head_room(), height * 0.3), min(30.0, height * 0.15)
        unit = (high - low) / (height - top - bottom)
        return low - bottom * unit, high + top * unit

    def _place(self, price: float) -> float:
        """Return where a price stands on the axis."""
        return float(np.log10(max(price, 1e-300))) if self.price_pane.log else price

    def _reach(self, cutoff: int, horizon: int) -> None:
        """Move the view until it shows a forecast and some bars before it; at first so near that
        the forecast can be read.
        """
        low, high = self._home() if self._follows else self.shown_bars
        wide = high - low
        if self._before_origin is None:
            self._before_origin = (low, high, self._follows)
            wide = min(wide, max(60.0, 8.0 * horizon))
        before = min(0.3 * wide, max(10.0, 2.0 * horizon))
        if wide < high - low or low > cutoff - before or high < cutoff + horizon + 1:
            self._follows = False
            self._tell_range()
            left = cutoff + horizon - 0.7 * wide
            self.price_pane.setXRange(left, left + wide, padding=0)

    def _return(self) -> None:
        """Go back to where the view was before it reached for a forecast, unless it follows
        again.
        """
        if self._before_origin is not None and not self._follows:
            low, high, self._follows = self._before_origin
            self._tell_range()
            self.price_pane.setXRange(low, high, padding=0)
        self._before_origin = None

    def _resized(self) -> None:
        """Fit the view to another size; before the first refresh there is nothing to fit."""
        if self._known():
            self._apply_range()

    # What the user does

    def _pan(self, bars: float, prices: float) -> None:
        self._follows = False
        self._tell_range()
        low, high = self.shown_bars
        if not self._auto_y and self.sender() in (self, self.price_pane, None):
            bottom, top = self.price_pane.viewRange()[1]
            self.price_pane.setYRange(bottom + prices, top + prices, padding=0)
        self._set_x(low + bars, high + bars)

    def _zoom(self, factor: float, centre: float) -> None:
        self._follows = False
        self._tell_range()
        low, high = self.shown_bars
        most = max(self._total() * 1.1, 40.0)
        factor = min(max(factor, _CLOSEST / (high - low)), most / (high - low))
        self._set_x(centre + (low - centre) * factor, centre + (high - centre) * factor)

    def _scale_y(self, factor: float, centre: float) -> None:
        self._auto_y = False
        low, high = self.price_pane.viewRange()[1]
        self.price_pane.setYRange(
            centre + (low - centre) * factor, centre + (high - centre) * factor, padding=0
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows pan, + and - zoom, with Shift they scale y; Home and End go to the ends; A lets
        y follow.
        """
        low, high = self.shown_bars
        wide, key = high - low, event.key()
        sense = _SENSE.get(Qt.Key(key), "")
        if not self._known():
            event.ignore()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._pan((-0.1 if key == Qt.Key.Key_Left else 0.1) * wide, 0.0)
        elif (
            sense
            and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            and key in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        ):
            bottom, top = self.price_pane.viewRange()[1]
            self._scale_y(0.9 if sense == "nearer" else 1 / 0.9, (bottom + top) / 2)
        elif sense:
            self._zoom(0.8 if sense == "nearer" else 1 / 0.8, high - wide * 0.1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._pan(-low - 0.5 if key == Qt.Key.Key_Home else self._home()[1] - high, 0.0)
        elif key == Qt.Key.Key_A:
            self.fit_prices()
        else:
            event.ignore()


_SENSE: dict[Qt.Key, Literal["nearer", "farther"]] = {
    Qt.Key.Key_Plus: "nearer",
    Qt.Key.Key_Equal: "nearer",
    Qt.Key.Key_Up: "nearer",
    Qt.Key.Key_Minus: "farther",
    Qt.Key.Key_Down: "farther",
}
