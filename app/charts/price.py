"""The price chart: history, split, forecast and what one reads off them, painted only when asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from app.charts.axis import PriceAxis, SessionAxis, Tag, Timeline, number, price_decimals
from app.charts.bands import BaselineArtist, CutoffArtist, Fan, ForecastArtist, PastArtist, SplitArtist, SplitNames
from app.charts.bars import PriceArtist, Style, VolumeArtist
from app.charts.canvas import Chart, Divider, EmptyText, Grid, Pane
from app.charts.compare import CompareArtist, Compared
from app.charts.origin import OriginArtist
from app.charts.overlay import CrosshairArtist, Entry, LastPriceArtist, LegendArtist, in_words, read_bar, read_forecast
from app.charts.plots import Columns
from app.charts.price_table import price_table
from app.charts.pyramid import Pyramid
from forecasting.events import SplitMade
from forecasting.series import Forecast, Outcomes, PriceSeries

#: Fewest bars in view, so that one cannot get lost inside a candle.
_CLOSEST = 8.0
_VOLUME_SHARE = 0.17


class PriceChart(Chart):
    """Candles, bars, line or area of one series with volume, split shades, cutoff, forecast and past forecasts.

    x is the bar index, so that nights, week-ends and holidays leave no gap. The view follows new data until the user
    moves it, and never moves by itself afterwards; y follows the visible bars until the user scales it.

    Signals
    -------
    readout : str
        What lies under the crosshair, for a status bar; "" when the pointer leaves.
    """

    readout = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Price chart", parent)
        self.setMinimumSize(280, 130)
        self._series: PriceSeries | None = None
        self._pyramid: Pyramid | None = None
        self._split: tuple[np.datetime64, np.datetime64] | None = None
        self._forecast: Forecast | None = None
        self._baseline: Forecast | None = None
        self._final = True
        self._outcomes: Outcomes | None = None
        self._before_origin: tuple[float, float, bool] | None = None
        self._compared: tuple[Compared, ...] = ()
        self._past_of: tuple[PriceSeries | None, Outcomes | None] = (None, None)
        self._timeline = Timeline()
        self._scale: Literal["linear", "log"] = "linear"
        self._bars: int | None = 0  # bars of history in the followed view; 0 as many as look well, None all
        self._follows = True
        self._auto_y = True
        self._build_artists()
        self._build_panes()
        self._apply_look()
        self.refresh()

    def _build_artists(self) -> None:
        self._grid_lines, self._empty = Grid(), EmptyText("Open a price file, or try the sample", "A CSV file, or a ticker such as AAPL.")
        self._splits = (SplitArtist(), SplitArtist())
        self._cutoffs = (CutoffArtist(), CutoffArtist(label=False))
        self._prices, self._volumes = PriceArtist(), VolumeArtist()
        self._past, self._fan, self._base_fan = PastArtist(), ForecastArtist(), BaselineArtist()
        self._compare, self._last, self._legend = CompareArtist(), LastPriceArtist(), LegendArtist()
        self._crosshairs = (CrosshairArtist(), CrosshairArtist())
        self._origin = OriginArtist()

    def _build_panes(self) -> None:
        self._price, self._volume = Pane(), Pane()
        self._dates, self._price_axis, self._volume_axis = SessionAxis(), PriceAxis(), PriceAxis(short=True, rows=26)
        self._price.x_axis = self._volume.x_axis = self._dates
        self._price.y_axis, self._volume.y_axis = self._price_axis, self._volume_axis
        self._price.artists = [
            self._splits[0], self._grid_lines, self._past, self._base_fan, self._fan, self._compare, self._origin.below, self._last,
            self._prices, SplitNames(self._splits[0]), self._cutoffs[0], self._origin, self._legend,
            self._crosshairs[0], self._empty,
        ]  # fmt: skip
        self._volume.artists = [self._splits[1], self._grid_lines, Divider(), self._volumes, self._cutoffs[1], self._crosshairs[1]]
        for row, (pane, axis) in enumerate(((self._price, self._price_axis), (self._volume, self._volume_axis))):
            self._grid.addItem(pane, row, 0)
            self._grid.addItem(axis, row, 1)
            axis.linkToView(pane)
            pane.panned.connect(self._pan)
            pane.zoomed.connect(self._zoom)
            pane.fit_wanted.connect(self.fit)
        self._grid.addItem(self._dates, 2, 0)
        self._dates.linkToView(self._price)
        self._price.scaled.connect(self._scale_y)
        self._price.sigResized.connect(self._resized)
        self._panes = [self._price, self._volume]
        self._view.scene().sigMouseMoved.connect(self._pointer_moved)

    # What is shown

    def show_series(self, series: PriceSeries | None) -> None:
        """Show a series, or none; the split, forecasts and view of the one before are forgotten."""
        if series is self._series:
            return
        self._series, self._pyramid = series, None
        self._split = self._forecast = self._baseline = self._outcomes = self._origin.forecast = self._before_origin = None
        self._bars, self._follows, self._auto_y = 0, True, True
        self._point(None)
        self.mark_dirty()

    def show_split(self, split: SplitMade | None, index: int = 0) -> None:
        """Shade training, validation and test part; they begin at the same dates for all series, whatever the ``index`` in the panel."""
        self._split = None if split is None else (split.val_start, split.test_start)
        self.mark_dirty()

    def show_forecast(self, forecast: Forecast | None, baseline: Forecast | None = None, final: bool = True) -> None:
        """Show a forecast of the shown series with the baseline's beside it; ``final`` is False while training.

        A forecast of another symbol is not drawn.
        """
        self._forecast, self._baseline, self._final = forecast, baseline, final
        self.mark_dirty()

    def show_outcomes(self, outcomes: Outcomes | None) -> None:
        """Draw past forecasts faintly over what then happened."""
        self._outcomes = outcomes
        self.mark_dirty()

    def show_origin(self, forecast: Forecast | None) -> None:
        """Show one past forecast of the shown series against what happened, in place of all; None shows all again, as before.

        The view comes close at first, and then moves only where a forecast would be out of sight.
        """
        if forecast is None and self._before_origin is not None and not self._follows:
            low, high, self._follows = self._before_origin
            self._price.setXRange(low, high, padding=0)
        if forecast is None:
            self._before_origin = None
        self._origin.forecast = forecast
        self.mark_dirty()
        if forecast is not None and self._series is not None and forecast.symbol == self._series.symbol:
            self._reach(int(np.searchsorted(self._series.ds, forecast.cutoff)), len(forecast))

    def show_compared(self, compared: tuple[Compared, ...]) -> None:
        """Draw the forecasts of other runs beside the shown one; those of other series are not drawn."""
        self._compared = compared
        self.mark_dirty()

    def set_style(self, style: Style) -> None:
        """Draw candles, bars, a line or an area; a series without open, high and low is always a line or an area."""
        self._prices.style = self._wanted_style = style
        self.mark_dirty()

    _wanted_style: Style = "candles"

    def set_scale(self, scale: Literal["linear", "log"]) -> None:
        """Show prices linearly or by their logarithms; see :attr:`can_log`."""
        self._scale = scale
        self._auto_y = True
        self.mark_dirty()

    @property
    def can_log(self) -> bool:
        """Whether all prices are positive, so that a logarithmic scale can show them."""
        if self._pyramid is None and self._series is not None:
            self._pyramid = Pyramid(self._series)
        return self._pyramid is None or self._pyramid.lowest > 0

    def show_range(self, bars: int | None) -> None:
        """Show the last ``bars`` bars and the forecast; None shows all."""
        self._bars, self._follows, self._auto_y = bars, True, True
        self.mark_dirty()

    @property
    def view(self) -> tuple[tuple[float, float], tuple[float, float] | None] | None:
        """The bars that the user moved to and, where he scaled them, the prices; None while the chart follows."""
        if self._follows and self._auto_y:
            return None
        (low, high), (bottom, top) = self._price.viewRange()
        return (low, high), None if self._auto_y else (bottom, top)

    def show_view(self, bars: tuple[float, float], prices: tuple[float, float] | None = None) -> None:
        """Show these bars, and prices where they are given, until the user moves on; see :attr:`view`."""
        self._follows, self._auto_y = False, prices is None
        self._price.setXRange(*bars, padding=0)
        if prices is not None:
            self._price.setYRange(*prices, padding=0)
        self.mark_dirty()

    def fit(self) -> None:
        """Return to the first view: the latest bars and the forecast, y fitted to them."""
        self.show_range(0)

    def table(self) -> Columns:
        """Return the bars in view with the forecasts over and after them, one row a date."""
        if self._series is None:
            return {}
        low, high = self._price.viewRange()[0]
        forecasts = [one for one in (self._forecast, self._baseline) if one is not None and one.symbol == self._series.symbol]
        return price_table(self._series, forecasts, math.ceil(low), math.floor(high))

    def _hold_view(self) -> Callable[[], None]:
        """Keep the bars in view, whether the chart follows or not."""
        follows, self._follows = self._follows, False

        def release() -> None:
            self._follows = follows

        return release

    # Bringing it onto the scene

    def _update_scene(self) -> None:
        series = self._series
        self._empty.visible = series is None
        shown = series is not None
        for axis in (self._dates, self._price_axis, self._volume_axis):
            axis.setVisible(shown)
        if self._pyramid is None and series is not None:
            self._pyramid = Pyramid(series)
        self._prices.pyramid = self._volumes.pyramid = self._pyramid
        if series is not None and not series.has_range and self._wanted_style in ("candles", "bars"):
            self._prices.style = "line"
        else:
            self._prices.style = self._wanted_style
        self._price.log = self._price_axis.log = self._scale == "log" and self.can_log
        self._update_rows()
        self._update_forecasts()
        self._update_split()
        self._update_words()
        self._apply_range()

    def _update_rows(self) -> None:
        """Give the volume its pane where there is volume."""
        has_volume = self._pyramid is not None and self._pyramid.has_volume
        layout = self._grid.layout
        for item in (self._volume, self._volume_axis):
            item.setVisible(has_volume)
        layout.setRowStretchFactor(0, round(100 * (1 - _VOLUME_SHARE)))
        layout.setRowStretchFactor(1, round(100 * _VOLUME_SHARE) if has_volume else 0)
        layout.setRowMaximumHeight(1, 16_000_000.0 if has_volume else 0.0)
        self._dates.setHeight(round(self._font.pixelSize() * 1.4) + 12)

    def _update_forecasts(self) -> None:
        """Place the forecasts on bar indices, and their dates on the axis."""
        series = self._series
        fans: list[Fan | None] = [None, None]
        future = np.empty(0, "datetime64[us]")
        if series is not None:
            known = Timeline(series.ds) if self._timeline.bars != len(series) else self._timeline
            for place, forecast in enumerate((self._forecast, self._baseline)):
                cutoff = -1 if forecast is None else int(known.index(np.array([forecast.cutoff]))[0])
                if forecast is None or forecast.symbol != series.symbol or cutoff < 0:
                    continue
                fans[place] = Fan.of(forecast, cutoff)
                if place == 0:
                    future = forecast.ds[len(series) - 1 - cutoff :]
            compared = self._compare.show(self._compared, series, known)
            future = compared if compared.size > future.size else future
            if self._timeline.bars != len(series) or not np.array_equal(self._timeline.ds[len(series) :], future):
                self._timeline = Timeline(series.ds, future)
        else:
            self._timeline = Timeline()
        self._fan.fan, self._base_fan.fan = fans
        self._origin.place(series, self._timeline)
        self._past.hidden = self._origin.fan is not None
        self._fan.final = self._final
        self._dates.timeline = self._timeline
        if self._past_of[0] is not series or self._past_of[1] is not self._outcomes:
            self._past_of = (series, self._outcomes)
            outcomes = self._outcomes if series is not None else None
            cutoffs = self._timeline.index(outcomes.cutoff) if outcomes is not None else np.empty(0, np.int64)
            self._past.show(outcomes, series.symbol if series is not None else "", cutoffs)

    def _update_split(self) -> None:
        """Place split and cutoff."""
        series, fan = self._series, self._fan.fan
        starts: tuple[int | None, int | None] = (None, None)
        if series is not None and self._split is not None:
            val, test = np.searchsorted(series.ds, np.array(self._split, "datetime64[us]"))
            starts = (int(val), int(test))
        for split, cutoff in zip(self._splits, self._cutoffs, strict=True):
            split.val, split.test = starts
            split.end = len(series) if series is not None else 0
            cutoff.bar = None if fan is None else fan.cutoff
            cutoff.text = "" if fan is None else f"Cutoff {self._timeline.text(fan.cutoff, weekday=False)}"

    def _update_words(self) -> None:
        """Write legend, tags and the last price."""
        series, theme = self._series, self.theme
        self._legend.entries = self._entries()
        self._legend.note = "" if self.can_log or self._scale == "linear" else "A log scale needs positive prices: the scale is linear."
        self._last.price = None if series is None else float(series.y[-1])
        if series is None:
            self._price_axis.tags = ()
            return
        self._price_axis.decimals = decimals = price_decimals(float(series.y[-1]))
        ends = [(float(series.y[-1]), theme.price)]
        if self._fan.fan is not None:
            ends.append((float(self._fan.fan.point[-1]), theme.forecast))
        self._price_axis.tags = [Tag(self._place(price), number(price, decimals), color) for price, color in ends]

    def _entries(self) -> list[Entry]:
        """Return the legend of what is drawn."""
        entries, theme = [], self.theme
        if self._fan.fan is not None and self._forecast is not None:
            name = self._forecast.model if self._final else f"{self._forecast.model} (training)"
            entries.append(Entry(f"{name} median", theme.forecast, "dashed"))
            marks = {80: "band", 95: "wide-band"}
            entries += [Entry(f"{level} %", theme.forecast, marks[level]) for level in sorted(self._fan.fan.bands)]  # type: ignore[arg-type]
        if self._base_fan.fan is not None and self._baseline is not None:
            bands = self._base_fan.fan.bands
            entries.append(
                Entry(f"{self._baseline.model.replace('-', ' ')}{f' {max(bands)} %' if bands else ''}", theme.baseline, "dotted")
            )
        if self._past.shown:
            entries.append(Entry("past forecasts", theme.forecast, "past"))
        return entries + self._origin.entries(theme) + self._compare.entries(theme)

    def _place(self, price: float) -> float:
        """Return where a price stands on the axis."""
        return float(np.log10(max(price, 1e-300))) if self._price.log else price

    # The view

    def _apply_range(self) -> None:
        """Set x where the chart still follows, then y."""
        if self._series is None:
            return
        low, high = self._home() if self._follows else self._price.viewRange()[0]
        self._set_x(low, high)

    def _home(self) -> tuple[float, float]:
        """Return the followed view: the wanted number of bars, the forecast, and some air at the right."""
        total, fan = self._total(), self._fan.fan
        if self._bars is None:
            return -0.5 - 0.01 * total, total - 0.5 + max(2.0, 0.02 * total)
        ahead = total - self._timeline.bars
        bars = self._bars or max(120, min(250, int(self._price.width() / 5)), 3 * (0 if fan is None else fan.x.size))
        bars = min(bars, self._timeline.bars)
        return self._timeline.bars - bars - 0.5, self._timeline.bars + ahead - 0.5 + max(2.0, 0.03 * (bars + ahead))

    def _total(self) -> int:
        """Return the number of bars with the forecast's."""
        fans = [fan for fan in (self._fan.fan, *(fan for _, fan in self._compare.fans)) if fan is not None]
        return max([self._timeline.bars, *(fan.last + 1 for fan in fans)])

    def _set_x(self, low: float, high: float) -> None:
        """Show a range of bars, kept within reach of the series; y follows if it is to."""
        total = max(self._total(), 1)
        wide = min(max(high - low, _CLOSEST), max(total * 1.1, 40.0))
        if abs((high - low) - wide) > 1e-9:
            high = low + wide
        # At least a fifth of the view shows bars.
        left = min(max(low, -0.8 * wide), total - 0.2 * wide)
        for pane in (self._price, self._volume):
            pane.setXRange(left, left + wide, padding=0)
        self._apply_y()

    def _apply_y(self) -> None:
        """Fit y to what is in view, and the axes to their labels."""
        pyramid = self._pyramid
        if pyramid is None:
            return
        low, high = self._price.viewRange()[0]
        start, stop = int(np.floor(low)), int(np.ceil(high)) + 1
        if self._auto_y:
            extent = self._extent(start, stop)
            if extent is not None:
                self._price.setYRange(*self._with_air(*extent), padding=0)
        if pyramid.has_volume:
            self._volume.setYRange(0, max(pyramid.top_volume(start, stop), 1.0) * 1.12, padding=0)
        needed = max(axis.needed_width() for axis in ((self._price_axis, self._volume_axis) if pyramid.has_volume else (self._price_axis,)))
        if not needed <= self._price_axis.maximumWidth() <= needed + 8:
            self._price_axis.setWidth(needed)
            self._volume_axis.setWidth(needed)

    def _extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return the lowest and highest price in view, forecasts included."""
        assert self._pyramid is not None
        closes_only = self._prices.style in ("line", "area")
        parts = [self._pyramid.extent(start, stop, closes_only)]
        past = self._past.in_view(start, stop, self._price.width() / max(stop - start, 1))
        fans = [self._fan.fan, self._base_fan.fan, self._origin.fan, *past, *(fan for _, fan in self._compare.fans)]
        for fan in fans:
            if fan is not None:
                seen = (fan.x >= start) & (fan.x <= stop)
                if seen.any():
                    low, high = fan.widest()
                    parts.append((float(low[seen].min()), float(high[seen].max())))
        known = [part for part in parts if part is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None

    def _with_air(self, low: float, high: float) -> tuple[float, float]:
        """Return a y range that leaves room for the legend above and the names of the parts below."""
        if self._price.log:
            low, high = self._place(max(low, high * 1e-6)), self._place(high)
        if high - low < abs(high) * 1e-9 + 1e-12:
            low, high = low - max(abs(low) * 0.01, 1e-6), high + max(abs(high) * 0.01, 1e-6)
        height = max(self._price.height(), 60.0)
        top, bottom = min(self._legend.height(self._font, self._price.width()) + 8, height * 0.3), min(30.0, height * 0.15)
        unit = (high - low) / (height - top - bottom)
        return low - bottom * unit, high + top * unit

    def _reach(self, cutoff: int, horizon: int) -> None:
        """Move the view until it shows a forecast and some bars before it; at first so near that the forecast can be read."""
        low, high = self._home() if self._follows else self._price.viewRange()[0]
        wide = high - low
        if self._before_origin is None:
            self._before_origin = (low, high, self._follows)
            wide = min(wide, max(60.0, 8.0 * horizon))
        before = min(0.3 * wide, max(10.0, 2.0 * horizon))
        if wide < high - low or low > cutoff - before or high < cutoff + horizon + 1:
            self._follows = False
            left = cutoff + horizon - 0.7 * wide
            self._price.setXRange(left, left + wide, padding=0)

    def _resized(self) -> None:
        """Fit the view to another size; before the first refresh there is nothing to fit."""
        if self._timeline.bars:
            self._apply_range()

    # What the user does

    def _pan(self, bars: float, prices: float) -> None:
        self._follows = False
        low, high = self._price.viewRange()[0]
        if not self._auto_y and self.sender() is not self._volume:
            bottom, top = self._price.viewRange()[1]
            self._price.setYRange(bottom + prices, top + prices, padding=0)
        self._set_x(low + bars, high + bars)

    def _zoom(self, factor: float, centre: float) -> None:
        self._follows = False
        low, high = self._price.viewRange()[0]
        most = max(self._total() * 1.1, 40.0)
        factor = min(max(factor, _CLOSEST / (high - low)), most / (high - low))
        self._set_x(centre + (low - centre) * factor, centre + (high - centre) * factor)

    def _scale_y(self, factor: float, centre: float) -> None:
        self._auto_y = False
        low, high = self._price.viewRange()[1]
        self._price.setYRange(centre + (low - centre) * factor, centre + (high - centre) * factor, padding=0)

    def _pointer_moved(self, place: QPointF) -> None:
        pane = next((p for p in self._panes if p.isVisible() and p.sceneBoundingRect().contains(place)), None)
        if pane is None or self._series is None:
            self._point(None)
            return
        inside = pane.mapFromScene(place)
        (low, high), (bottom, top) = pane.viewRange()
        bar = round(low + inside.x() / max(pane.width(), 1) * (high - low))
        y = top - inside.y() / max(pane.height(), 1) * (top - bottom)
        self._point(bar, y if pane is self._price else None)

    def _pointer_left(self) -> None:
        self._point(None)

    def _point(self, bar: int | None, y: float | None = None) -> None:
        """Put the crosshair on a bar, or away."""
        if bar is not None:
            bar = min(max(bar, 0), len(self._timeline) - 1)
        self._crosshairs[0].bar = self._crosshairs[1].bar = self._dates.pointer = bar
        self._crosshairs[0].y = self._price_axis.pointer = y
        self.readout.emit("" if bar is None else self._read(bar))
        self.repaint_panes()

    def _read(self, bar: int) -> str:
        """Return what is known of a bar: its forecast where it lies in the future, else its prices."""
        series, fan = self._series, self._fan.fan
        assert series is not None
        if bar < len(series):
            return "   ".join(filter(None, (read_bar(series, self._timeline, bar), self._origin.read(bar))))
        if fan is not None and self._forecast is not None and fan.cutoff < bar <= fan.last:
            return read_forecast(fan, self._forecast.model, self._timeline, bar)
        return self._timeline.text(bar)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows pan, with Shift move the crosshair; + and - zoom; Home and End go to the ends; A fits y."""
        low, high = self._price.viewRange()[0]
        wide, key = high - low, event.key()
        if self._series is None:
            event.ignore()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            sign = -1 if key == Qt.Key.Key_Left else 1
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                here = self._crosshairs[0].bar
                self._point((len(self._series) - 1 if here is None else here) + sign)
            else:
                self._pan(sign * wide * 0.1, 0.0)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Up, Qt.Key.Key_Minus, Qt.Key.Key_Down):
            self._zoom(1 / 0.8 if key in (Qt.Key.Key_Minus, Qt.Key.Key_Down) else 0.8, high - wide * 0.1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._pan(-low - 0.5 if key == Qt.Key.Key_Home else self._home()[1] - high, 0.0)
        elif key == Qt.Key.Key_A:
            self._auto_y = True
            self._apply_y()
        else:
            event.ignore()

    # In words

    def summary(self) -> str:
        """Return what the chart shows in a few sentences."""
        model = "" if self._forecast is None else self._forecast.model if self._final else f"{self._forecast.model} (still training)"
        return in_words(self._series, self._timeline, self._fan.fan, model)
