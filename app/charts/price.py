"""The price chart: what hands do with it, and what is read off it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from app.charts.attached import AttachedParts, Drag, bar_at, index_at
from app.charts.drawing_editor import DrawingEditor, described, holds_drawing
from app.charts.event_marks import EVENTS, event_marks, events_in_words
from app.charts.legend_keys import LegendKeys
from app.charts.marks import MARKS_HEIGHT, Mark, MarksArtist
from app.charts.measure import MeasureTool
from app.charts.overlay import in_words, read_bar
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
    pointed : object
        The date (datetime64) at the crosshair, None when the pointer leaves.
    menu_requested : QMenu, int, float
        The context menu opens at a bar and a price: others add their entries.

    Attributes
    ----------
    drawings : DrawingEditor
        Lines, rectangles and notes, and the tools that draw them.
    measure : MeasureTool
    marks : MarksArtist
        Marks of dates at the foot.
    magnet : bool
        Whether prices near the pointer catch it; Ctrl does the opposite.
    """

    readout = Signal(str)
    legend_changed = Signal()
    line_dragged = Signal(int, float, float, bool)
    date_dragged = Signal(int, bool)
    pointed = Signal(object)
    menu_requested = Signal(object, int, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._pointed: int | None = None
        self._events: tuple[Mark, ...] = ()
        self._events_of: PriceSeries | None = None
        self.magnet = True
        #: Tells the odds of a price at a bar as it was loaded, "" where there are none.
        self.odds_of: Callable[[int, float], str] = lambda _bar, _price: ""
        self.drawings, self.measure = DrawingEditor(self._snap), MeasureTool(self._snap)
        self.marks = MarksArtist()
        super().__init__(parent)
        self.drawings.setParent(self)
        self._levels.line_moved = self.line_dragged.emit
        self._levels.date_moved = self.date_dragged.emit
        self._legend_keys = LegendKeys(self._legend, self.toggle, self.solo, self._say)
        self._parts = AttachedParts((self.measure, self._levels, self.drawings))
        for artist in (self.marks, self.drawings):
            self.price_pane.artists.insert(self.price_pane.artists.index(self._legend), artist)
        self.price_pane.artists.insert(
            self.price_pane.artists.index(self._crosshairs[0]), self.measure
        )
        self.price_pane.drag_taken = self._drag
        self.price_pane.double_click_taken = self._edit_text
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

    def show_series(self, series: PriceSeries | None, loaded: PriceSeries | None = None) -> None:
        """Show a series, or none; see :meth:`PriceScene.show_series`."""
        if series is not self._series:
            self._point(None)
            self._pointed = None
            self.measure.clear()
        super().show_series(series, loaded)

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
        low, high = self.shown_bars
        first, last = math.ceil(low), math.floor(high)
        forecasts = self.forecasts.of(self._series.symbol)
        columns = price_table(
            self._series, forecasts, first, last, self.forecasts.candles.columns()
        )
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
        if pane is not self.price_pane:
            self._point(bar_at(pane.frame(), inside.x()))
            return
        self._view.viewport().setCursor(self._cursor_at(inside))
        free = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier)
        bar, y = self._snap(inside, free)
        self.measure.follow(bar, y)
        self.drawings.hover(self.price_pane.frame(), inside, free)
        self._point(bar, y, y in self._prices_at(bar))

    def _cursor_at(self, point: QPointF) -> Qt.CursorShape:
        """Return the shape of the pointer over the legend, an attached part, or anything else."""
        if self._legend.key_at(point):
            return Qt.CursorShape.PointingHandCursor
        return self._parts.cursor(self.price_pane.frame(), point)

    def _drag(self, event: Any) -> bool:
        """Let an attached part take a drag; False where it began on none."""
        taken = self._series is not None and self._parts.drag(
            self.price_pane.frame(), Drag.of(event)
        )
        if taken:
            self._pointer_moved(event.scenePos())
        return taken

    def _snap(self, point: QPointF, free: bool) -> tuple[int, float]:
        """Return the bar under a pixel, and the position on the price axis: that of a price of the
        bar where one is near and the magnet is on.
        """
        frame = self.price_pane.frame()
        bar, index = bar_at(frame, point.x()), index_at(frame, point.y())
        caught = None if free == self.magnet else self._caught(bar, index)
        return bar, index if caught is None else caught

    def _caught(self, bar: int, index: float) -> float | None:
        """Return the price of a bar, on the axis, that is so near that it catches the pointer."""
        bottom, top = self.price_pane.viewRange()[1]
        reach = _CATCH * (top - bottom) / max(self.price_pane.height(), 1)
        near = [price for price in self._prices_at(bar) if abs(price - index) <= reach]
        return min(near, key=lambda price: abs(price - index), default=None)

    def _prices_at(self, bar: int) -> list[float]:
        """Return the places on the axis that catch the crosshair at a bar: its prices, or what
        is foreseen for it.
        """
        series, fan = self._series, self.forecasts.fan.fan
        prices: list[float] = []
        if series is not None and 0 <= bar < len(series):
            candles = series.has_range and self._prices.style in ("candles", "bars")
            prices = [
                float(series[name][bar])
                for name in (("open", "high", "low", "close") if candles else ("close",))
            ]
        step = 0 if fan is None else fan.step(bar)
        if fan is not None and step:
            limits = [limit for pair in fan.bands.values() for limit in pair]
            prices += [float(line[step]) for line in (fan.point, *limits)]
        return [
            self._place(price)
            for price in prices
            if np.isfinite(price) and (price > 0 or not self.price_pane.log)
        ]

    def _pointer_left(self) -> None:
        self._point(None)

    def _point(self, bar: int | None, y: float | None = None, caught: bool = False) -> None:
        """Put the crosshair on a bar, or away."""
        if bar is not None:
            bar = self._pointed = min(max(bar, 0), len(self._timeline) - 1)
        for crosshair in self._crosshairs:
            crosshair.bar = bar
        self._dates.pointer = self.marks.pointed = bar
        self._crosshairs[0].y, self._crosshairs[0].caught = y, caught
        self.price_axis.pointer = y
        if self._studies or self._overlaid or self.forecasts.candles.known:
            self._legend.entries = self._entries()
        self.readout.emit("" if bar is None else self._read_with_odds(bar, y))
        self.pointed.emit(None if bar is None else self._timeline.ds[bar])
        self.repaint_panes()

    def point_at(self, date: np.datetime64 | None) -> None:
        """Put the crosshair on the bar of a date, as another chart has it; None puts it away."""
        bar = None if date is None or not len(self._timeline) else self._bar_of(date)
        for crosshair in self._crosshairs:
            crosshair.bar = bar
        self._crosshairs[0].y = self.price_axis.pointer = None
        self._dates.pointer = bar
        if self._studies or self._overlaid or self.forecasts.candles.known:
            self._legend.entries = self._entries()
        self.repaint_panes()

    def _bar_of(self, date: np.datetime64) -> int | None:
        """Return the last bar at or before a date, None before the first and after the last one."""
        bar = int(self._timeline.index(np.array([date]))[0])
        ended = date > self._timeline.ds[-1] + self._timeline.step
        return None if bar < 0 or ended else bar

    def _read_with_odds(self, bar: int, y: float | None) -> str:
        """Return what is measured, what is known of a bar, and the odds of the price at the
        pointer.
        """
        odds = "" if y is None else self.odds_of(self.mapping.bar(bar), self._price_of(y))
        parts = (
            self.measure.text(self.price_pane.log),
            self._read(bar),
            self.marks.read(bar),
            odds,
        )
        return "   ".join(filter(None, parts))

    def _price_of(self, index: float) -> float:
        """Return the price at a position on the axis."""
        return float(10**index) if self.price_pane.log else index

    @property
    def pointed_bar(self) -> int | None:
        """Bar at the crosshair, None while it is away."""
        return self._crosshairs[0].bar

    @property
    def crosshair(self) -> tuple[int, float] | None:
        """Bar and price at the crosshair, None while it is away."""
        bar, y = self._crosshairs[0].bar, self._crosshairs[0].y
        return None if bar is None or y is None else (bar, self._price_of(y))

    def _read(self, bar: int) -> str:
        """Return what is known of a bar: its prices, and what was forecast for it."""
        assert self._series is not None
        forecast = self.forecasts.read(bar, self._timeline)
        if bar < len(self._series):
            parts = (read_bar(self._series, self._timeline, bar), forecast, self.why.read(bar))
            return "   ".join(filter(None, parts))
        return forecast or self._timeline.text(bar)

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
        """Hide or show what was clicked in the legend, or let a tool take the click."""
        if (
            event.button() != Qt.MouseButton.LeftButton
            or event.double()
            or self._series is None
            or not self.price_pane.sceneBoundingRect().contains(event.scenePos())
        ):
            return
        point = self.price_pane.mapFromScene(event.scenePos())
        keys = event.modifiers()
        free = bool(keys & Qt.KeyboardModifier.ControlModifier)
        key = self._legend.key_at(point)
        if key and self.drawings.tool is None:
            event.accept()
            change = self.solo if keys & Qt.KeyboardModifier.ShiftModifier else self.toggle
            change(key)
        elif self.measure.click(point, free) or self.drawings.click(
            self.price_pane.frame(), point, free
        ):
            event.accept()
        self.price_pane.repaint()

    def _edit_text(self, event: Any) -> bool:
        """Ask for the text of the drawing under a double click; False where there is none."""
        return self._series is not None and self.drawings.double_click(
            self.price_pane.frame(), event.pos()
        )

    def toggle(self, key: str) -> None:
        """Hide or show what has a key in the legend, as the user does."""
        self.hide_entries(self.hidden ^ {key})
        self.legend_changed.emit()
        self.refresh()

    def solo(self, key: str) -> None:
        """Hide all of the legend but one entry; show all where it is alone already."""
        keys = frozenset(entry.key for entry in self._legend.entries if entry.key)
        others = keys - {key}
        alone = key not in self.hidden and others <= self.hidden
        self.hide_entries(self.hidden - keys if alone else (self.hidden | others) - {key})
        self.legend_changed.emit()
        self.refresh()

    def fill_menu(self, menu: QMenu, position: QPoint) -> None:
        """Let others add entries to the context menu that opens at a place of the screen.

        Parameters
        ----------
        menu : QMenu
        position : QPoint
            In pixels of the screen; beside the price pane the crosshair counts.
        """
        if self._series is None:
            return
        point = self.price_pane.mapFromScene(
            self._view.mapToScene(self._view.mapFromGlobal(position))
        )
        inside = self.price_pane.rect().contains(point)
        if inside:
            bar, index = self._snap(point, free=False)
            grip = self.drawings.layer.grip(self.price_pane.frame(), point)
            if grip is not None:
                self.drawings.select(grip.index)
            self.menu_requested.emit(menu, bar, self._price_of(index))
        elif self.crosshair is not None:
            self.menu_requested.emit(menu, *self.crosshair)
        else:
            last = len(self._series) - 1
            self.menu_requested.emit(menu, last, float(self._series.y[last]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """As in every view of bars; with Shift the arrows move the crosshair; L goes to the
        legend, where Space hides and shows; D goes through the drawings, M measures.
        """
        key, step = (
            event.key(),
            {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0),
        )
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        crossing = bool(step) and shift and self.drawings.layer.selected is None
        if self._series is not None and not crossing and self._key_of_part(event):
            self.price_pane.repaint()
        elif self._series is not None and self._legend_keys.key(key, shift):
            self.repaint_panes()
        elif crossing and self._series is not None:
            here = self._crosshairs[0].bar
            bar = min(
                max((len(self._series) - 1 if here is None else here) + step, 0),
                len(self._timeline) - 1,
            )
            prices = self._prices_at(bar)
            y = prices[-1] if bar < len(self._series) and prices else None
            if y is not None:
                self.measure.follow(bar, y)
                self.drawings.follow_crosshair(bar, self._price_of(y))
            self._point(bar, y, bool(prices))
        else:
            super().keyPressEvent(event)

    def _key_of_part(self, event: QKeyEvent) -> bool:
        """Let an attached part take a key; False where none does."""
        if event.key() == Qt.Key.Key_Escape and self.measure.busy:
            self.measure.clear()
            self.measure.ended()
            return True
        if event.key() == Qt.Key.Key_M and not event.modifiers():
            self.measure_from_crosshair()
            return True
        return self.drawings.key(event, self.price_pane.frame(), self.crosshair)

    def measure_from_crosshair(self) -> None:
        """Measure from the crosshair on; where a measure is under way, end it, and where one is
        shown, take it away.
        """
        if self.measure.shown:
            self.measure.click(QPointF(), free=False)
        elif self.crosshair is not None:
            self.measure_from(*self.crosshair)
        self.price_pane.repaint()

    def measure_from(self, bar: int, price: float) -> None:
        """Measure from a bar and a price to the pointer."""
        self.measure.start(bar, self._place(price))
        self.setFocus()
        self.price_pane.repaint()

    def event(self, event: QEvent) -> bool:
        """Keep Escape from the window's commands while a tool, a measure or a selection uses it,
        and Ctrl+V while a drawing is on the clipboard.
        """
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            leaves = self.drawings.busy or self.measure.busy
            pastes = event.matches(QKeySequence.StandardKey.Paste) and holds_drawing()
            if pastes or (leaves and event.key() == Qt.Key.Key_Escape):
                event.accept()
                return True
        return bool(super().event(event))

    def _update_scene(self) -> None:
        super()._update_scene()
        self._mark_events()
        for part in (self.drawings, self.marks):
            part.set_timeline(self._timeline)
        self.measure.timeline = self._timeline

    def _mark_events(self) -> None:
        """Mark what the company did, unless that is hidden."""
        if self._series is not self._events_of:
            self._events_of = self._series
            self._events = () if self._series is None else event_marks(self._series)
        shown = () if EVENTS in self.hidden else self._events
        if self.marks.groups.get(EVENTS) is not shown:
            self.marks.show(EVENTS, shown)
        self.forecasts.names.lift = MARKS_HEIGHT if any(self.marks.groups.values()) else 0.0

    def _say(self, text: str) -> None:
        """Say where the keyboard is."""
        self.readout.emit(text)
        if text:
            self.setAccessibleDescription(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Leave the legend."""
        self._legend_keys.leave()
        super().focusOutEvent(event)
        self.repaint_panes()

    # In words

    def summary(self) -> str:
        """Return what the chart shows in a few sentences."""
        layers = self.forecasts
        model = "" if layers.forecast is None else layers.forecast.model
        if model and not layers.final:
            model = f"{model} (still training)"
        parts = [in_words(self._series, self._timeline, layers.fan.fan, model)]
        if self._series is None:
            return parts[0]
        truth = layers.truth
        if truth.known and truth.fan is not None:
            low, high = (limit[1:] for limit in truth.fan.widest())
            known = np.isfinite(truth.closes)
            held = int(within(low, truth.closes, high)[known].sum())
            parts.append(
                f"Of {int(known.sum())} bars that are known by now, {held} lie within its "
                "widest band."
            )
        if self._scale == "percent" and self.price_axis.base is not None:
            since = (
                "the first bar in view"
                if self._base.bar is None
                else self._timeline.text(self._base.bar)
            )
            parts.append(
                f"The scale is in percent from {since}, "
                f"{number(self.price_axis.base, self.price_axis.decimals)}."
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
        events = () if EVENTS in self.hidden else self._events
        parts += filter(None, (self.why.summary(), events_in_words(events)))
        if self.drawings.drawings:
            parts.append(described(self.drawings.drawings))
        return " ".join(parts)
