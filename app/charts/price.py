"""The price chart: what hands do with it, and what is read off it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from app.charts.level_lines import Grip, price_at
from app.charts.overlay import in_words, read_bar, read_forecast, read_past
from app.charts.plot import Columns
from app.charts.price_scene import PriceScene
from app.charts.price_table import price_table
from app.number_format import number
from app.preferences import Scale
from forecasting.series import Floats, PriceSeries, within

#: Pixels within which a price catches the crosshair.
_CATCH = 12.0


class PriceChart(PriceScene):
    """Candles, bars, line or area of one series with volume, split shades, cutoff, forecast, past
    forecasts and indicators.

    x is the bar index, so that nights, week-ends and holidays leave no gap. The view follows new
    data until the user moves it, and never moves by itself afterwards; y follows the visible bars
    until the user scales it.

    Signals
    -------
    readout : str
        What lies under the crosshair, for a status bar; "" when the pointer leaves.
    legend_changed
        The user hid or showed something.
    line_dragged : int, float, float, bool
        Number of a line of levels, where it starts and ends now, and whether it was let go.
    date_dragged : int, bool
        Step that the odds are to run to, and whether it was let go.
    """

    readout = Signal(str)
    legend_changed = Signal()
    line_dragged = Signal(int, float, float, bool)
    date_dragged = Signal(int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._pointed: int | None = None
        self._grip: Grip | None = None
        #: Tells the odds of a price at a bar, "" where there are none.
        self.odds_of: Callable[[int, float], str] = lambda _bar, _price: ""
        super().__init__(parent)
        self._price.drag_taken = self._drag_line
        self._base_action = QAction(
            QCoreApplication.translate("PriceChart", "Count &percent from this bar"), self
        )
        self._base_action.setShortcut(QKeySequence("B"))
        self._base_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._base_action.setEnabled(False)
        self._base_action.triggered.connect(self._choose_base)
        self.addAction(self._base_action)
        self._view.scene().sigMouseMoved.connect(self._pointer_moved)
        self._view.scene().sigMouseClicked.connect(self._clicked)

    def show_series(self, series: PriceSeries | None) -> None:
        """Show a series, or none; the split, forecasts and view of the one before are forgotten."""
        if series is not self._series:
            self._point(None)
            self._pointed = None
        super().show_series(series)

    def set_scale(self, scale: Scale) -> None:
        """Show prices linearly, by their logarithms, or as changes in percent; B then chooses
        from which bar.
        """
        super().set_scale(scale)
        self._base_action.setEnabled(scale == "percent")

    def table(self) -> Columns:
        """Return the bars in view with the forecasts over and after them and the shown
        indicators, one row a date.
        """
        if self._series is None:
            return {}
        low, high = self._price.viewRange()[0]
        first, last = math.ceil(low), math.floor(high)
        forecasts = [
            item
            for item in (self._forecast, self._baseline)
            if item is not None and item.symbol == self._series.symbol
        ]
        columns = price_table(self._series, forecasts, first, last)
        bars = slice(max(first, 0), max(last + 1, 0))
        rows = np.searchsorted(columns["ds"], self._series.ds[bars])
        for study in self._seen_studies():
            for name, line in study.lines.items():
                values: Floats = np.full(columns["ds"].size, np.nan)
                values[rows] = line.values[bars]
                columns[
                    study.indicator.label
                    if len(study.lines) == 1
                    else f"{study.indicator.label} {name}"
                ] = values
        return columns

    # What the user does

    def _pointer_moved(self, index: QPointF) -> None:
        pane = next(
            (p for p in self._panes if p.isVisible() and p.sceneBoundingRect().contains(index)),
            None,
        )
        if pane is None or self._series is None:
            self._point(None)
            return
        inside = pane.mapFromScene(index)
        (low, high), (bottom, top) = pane.viewRange()
        bar = round(low + inside.x() / max(pane.width(), 1) * (high - low))
        y = top - inside.y() / max(pane.height(), 1) * (top - bottom)
        if pane is not self._price:
            self._point(bar)
            return
        self._view.viewport().setCursor(self._cursor_at(inside))
        free = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier)
        near = (
            []
            if free
            else [
                at
                for at in self._prices_at(bar)
                if abs(at - y) <= _CATCH * (top - bottom) / max(pane.height(), 1)
            ]
        )
        caught = min(near, key=lambda at: abs(at - y), default=None)
        self._point(bar, y if caught is None else caught, caught is not None)

    def _cursor_at(self, point: QPointF) -> Qt.CursorShape:
        """Return the shape of the pointer over the legend, a line of levels, or anything else."""
        if self._legend.key_at(point):
            return Qt.CursorShape.PointingHandCursor
        grip = self._levels.grip(self._price.frame(), point)
        if grip is None:
            return Qt.CursorShape.ArrowCursor
        return Qt.CursorShape.SizeHorCursor if grip.part == "date" else Qt.CursorShape.SizeVerCursor

    def _drag_line(self, event: Any) -> bool:
        """Move the line, its end or the date that a drag began on; False where it began on none."""
        frame = self._price.frame()
        if event.isStart():
            self._grip = self._levels.grip(frame, event.buttonDownPos())
        grip, done = self._grip, bool(event.isFinish())
        if grip is None:
            return False
        if done:
            self._grip = None
        if grip.part == "date":
            bar = round(frame.x[0] + event.pos().x() / frame.bar_width)
            step = min(max(bar - (self._levels.cutoff or 0), 1), self._levels.steps)
            self.date_dragged.emit(step, done)
            return True
        line = grip.moved(price_at(frame, event.pos().y()))
        self.line_dragged.emit(grip.number, line.start, line.end, done)
        return True

    def _prices_at(self, bar: int) -> list[float]:
        """Return the places on the axis that catch the crosshair at a bar: its prices, or what
        is foreseen for it.
        """
        series, fan = self._series, self._fan.fan
        prices: list[float] = []
        if series is not None and 0 <= bar < len(series):
            candles = series.has_range and self._prices.style in ("candles", "bars")
            prices = [
                float(series[name][bar])
                for name in (("open", "high", "low", "close") if candles else ("close",))
            ]
        if fan is not None and fan.cutoff < bar <= fan.last:
            limits = [limit for pair in fan.bands.values() for limit in pair]
            prices += [float(line[bar - fan.cutoff]) for line in (fan.point, *limits)]
        return [
            self._place(price)
            for price in prices
            if np.isfinite(price) and (price > 0 or not self._price.log)
        ]

    def _pointer_left(self) -> None:
        self._point(None)

    def _point(self, bar: int | None, y: float | None = None, caught: bool = False) -> None:
        """Put the crosshair on a bar, or away."""
        if bar is not None:
            bar = self._pointed = min(max(bar, 0), len(self._timeline) - 1)
        for crosshair in self._crosshairs:
            crosshair.bar = bar
        self._dates.pointer = bar
        self._crosshairs[0].y, self._crosshairs[0].caught = y, caught
        self._price_axis.pointer = y
        if self._studies:
            self._legend.entries = self._entries()
        self.readout.emit("" if bar is None else self._read_with_odds(bar, y))
        self.repaint_panes()

    def _read_with_odds(self, bar: int, y: float | None) -> str:
        """Return what is known of a bar, and the odds of the price at the pointer."""
        price = None if y is None else 10**y if self._price.log else y
        odds = "" if price is None else self.odds_of(bar, price)
        return "   ".join(filter(None, (self._read(bar), odds)))

    def _read(self, bar: int) -> str:
        """Return what is known of a bar: its prices, and what was forecast for it."""
        series, fan = self._series, self._fan.fan
        assert series is not None
        foreseen = fan is not None and self._forecast is not None and fan.cutoff < bar <= fan.last
        if bar < len(series):
            past = self._origin.read(bar)
            if not past and foreseen and fan is not None and self._forecast is not None:
                past = read_past(fan, self._forecast.model, bar)
            return "   ".join(filter(None, (read_bar(series, self._timeline, bar), past)))
        if foreseen and fan is not None and self._forecast is not None:
            return read_forecast(fan, self._forecast.model, self._timeline, bar)
        return self._timeline.text(bar)

    def _choose_base(self) -> None:
        """Count percent from the bar at the crosshair; from the first in view where it is that
        already.
        """
        bar = (
            None
            if self._pointed is None or self._series is None
            else min(self._pointed, len(self._series) - 1)
        )
        self.set_base(None if bar == self._base.bar else bar)
        self.refresh()

    def _clicked(self, event: Any) -> None:
        """Hide or show what was clicked in the legend."""
        if (
            event.button() == Qt.MouseButton.LeftButton
            and not event.double()
            and self._price.sceneBoundingRect().contains(event.scenePos())
        ):
            key = self._legend.key_at(self._price.mapFromScene(event.scenePos()))
            if key:
                event.accept()
                self.toggle(key)

    def toggle(self, key: str) -> None:
        """Hide or show what has a key in the legend, as the user does."""
        self.hide_entries(self.hidden ^ {key})
        self.legend_changed.emit()
        self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """As in every view of bars; with Shift the arrows move the crosshair; L goes to the
        legend, where Space hides and shows.
        """
        key, step = (
            event.key(),
            {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0),
        )
        if key == Qt.Key.Key_L and self._series is not None:
            self._choose(0 if self._legend.chosen is None else None)
        elif self._legend.chosen is not None and (step or key == Qt.Key.Key_Space):
            keys = [entry.key for entry in self._legend.entries if entry.key]
            index = keys.index(self._legend.chosen) if self._legend.chosen in keys else 0
            if not step and keys:
                self.toggle(keys[index])
            self._choose(index + step)
        elif (
            step
            and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            and self._series is not None
        ):
            here = self._crosshairs[0].bar
            bar = min(
                max((len(self._series) - 1 if here is None else here) + step, 0),
                len(self._timeline) - 1,
            )
            prices = self._prices_at(bar)
            self._point(
                bar, prices[-1] if bar < len(self._series) and prices else None, bool(prices)
            )
        else:
            super().keyPressEvent(event)

    def _choose(self, index: int | None) -> None:
        """Put the keyboard on an entry of the legend, or away from it, and say which."""
        entries = [entry for entry in self._legend.entries if entry.key]
        if index is None or not entries:
            self._legend.chosen = None
            self.readout.emit("")
        else:
            entry = entries[index % len(entries)]
            self._legend.chosen = entry.key
            shown = (
                "hidden; Space shows it" if entry.key in self.hidden else "shown; Space hides it"
            )
            text = f"Legend: {entry.label} is {shown}. Arrow keys go on, L leaves."
            self.readout.emit(text)
            self.setAccessibleDescription(text)
        self.repaint_panes()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leave the legend."""
        self._legend.chosen = None
        super().focusOutEvent(event)
        self.repaint_panes()

    # In words

    def summary(self) -> str:
        """Return what the chart shows in a few sentences."""
        model = (
            ""
            if self._forecast is None
            else self._forecast.model
            if self._final
            else f"{self._forecast.model} (still training)"
        )
        parts = [in_words(self._series, self._timeline, self._fan.fan, model)]
        if self._series is None:
            return parts[0]
        if self._truth.known and self._truth.fan is not None:
            low, high = (limit[1:] for limit in self._truth.fan.widest())
            known = np.isfinite(self._truth.closes)
            held = int(within(low, self._truth.closes, high)[known].sum())
            parts.append(
                f"Of {int(known.sum())} bars that are known by now, {held} lie within its "
                "widest band."
            )
        if self._scale == "percent" and self._price_axis.base is not None:
            since = (
                "the first bar in view"
                if self._base.bar is None
                else self._timeline.text(self._base.bar)
            )
            parts.append(
                f"The scale is in percent from {since}, "
                f"{number(self._price_axis.base, self._price_axis.decimals)}."
            )
        drawn = [
            entry
            for entry in self._study_entries(len(self._series) - 1)
            if entry.key not in self.hidden
        ]
        texts = [f"{entry.label} {entry.value}".rstrip() for entry in drawn]
        if texts:
            parts.append(f"Indicators at the last bar: {'; '.join(texts)}.")
        away = [entry.label for entry in self._legend.entries if entry.key in self.hidden]
        if away:
            parts.append(f"Hidden: {', '.join(away)}.")
        return " ".join(parts)
