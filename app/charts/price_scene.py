"""What the price chart draws: history, split, forecasts and indicators, brought onto the scene
only when asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.charts.axis import PriceAxis, Tag, Timeline
from app.charts.bar_mapping import BarMapping
from app.charts.bars import PriceArtist, Style, VolumeArtist
from app.charts.barview import BarView, Row
from app.charts.canvas import Divider, EmptyText, Grid, Pane
from app.charts.compare import Compared
from app.charts.downsampling import BarPyramid
from app.charts.forecast_layers import ForecastLayers
from app.charts.indicators import HUES, LARGE, IndicatorArtist, IndicatorSeries, PaneName
from app.charts.legend import Entry, LegendArtist, words
from app.charts.level_lines import LevelLine, LevelLinesArtist
from app.charts.overlay import BaseArtist, CrosshairArtist, LastPriceArtist
from app.charts.overlay_series import OverlayArtist, OverlayLine
from app.charts.why_strip import WhyStrip
from app.number_format import price_decimals
from app.preferences import Scale
from forecasting.attribution import Explanation
from forecasting.events import SplitMade
from forecasting.indicators import Indicator
from forecasting.series import Dates, Floats, Forecast, Outcomes, PriceSeries
from forecasting.sources.resample import joined_dates

if TYPE_CHECKING:
    from forecasting.paths.candles import Candles

_VOLUME_SHARE, _STUDY_SHARE = 0.17, 0.24
#: Below this height in pixels a legend tells names only.
_BRIEF = 130


class PriceScene(BarView):
    """Candles, bars, line or area of one series with volume, split shades, cutoff, forecast,
    past forecasts and indicators.
    """

    #: Style, scale, indicators or what is hidden has changed.
    look_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._build_artists()
        self.price_pane, self._volume = Pane(), Pane()
        self._volume_axis = PriceAxis(short=True, rows=26)
        price, volume = (
            Row(self.price_pane, PriceAxis(), 1 - _VOLUME_SHARE),
            Row(self._volume, self._volume_axis, _VOLUME_SHARE),
        )
        super().__init__("Price chart", (price, volume, self.why.row), parent)
        self.setMinimumSize(280, 84)
        self._series: PriceSeries | None = None
        self._pyramid: BarPyramid | None = None
        self._indicators: tuple[Indicator, ...] = ()
        self._studies: list[IndicatorSeries] = []
        self._timeline = Timeline()
        #: The series as loaded, the dates of its bars, and where these are on the chart.
        self._loaded: PriceSeries | None = None
        self._loaded_dates = Timeline()
        self.mapping = BarMapping()
        self._dates_of: PriceSeries | None = None
        self._overlaid: tuple[PriceSeries, ...] = ()
        self._scale: Scale = "linear"
        self._fill_panes()
        self._apply_look()
        self.refresh()

    def _build_artists(self) -> None:
        title = words("Open a price file, or try the sample")
        self._grid_lines = Grid()
        self._empty = EmptyText(title, words("A CSV file, or a ticker such as AAPL."))
        self._prices, self._volumes = PriceArtist(), VolumeArtist()
        self.forecasts = ForecastLayers()
        self._last, self._base, self._legend = LastPriceArtist(), BaseArtist(), LegendArtist()
        self._over = IndicatorArtist()
        #: One for each pane of indicators, made when it is first used.
        self._below: list[IndicatorArtist] = []
        self._crosshairs = [CrosshairArtist() for _ in range(3)]
        self.why = WhyStrip()
        self._levels = LevelLinesArtist()
        self._overlays = OverlayArtist()

    def _fill_panes(self) -> None:
        layers = self.forecasts
        self.price_pane.artists = [
            layers.shades[0], self._grid_lines, self._base, *layers.behind,
            self._last, self._overlays, self._prices, self._over, *layers.before,
            self._levels, self._legend, self._crosshairs[0], self._empty,
        ]  # fmt: skip
        self._volume.artists = [
            layers.shades[1], self._grid_lines, Divider(), self._volumes,
            layers.origin.cover, layers.cutoff_below, self._crosshairs[1],
        ]  # fmt: skip
        self.why.row.pane.artists = [
            layers.shades[1], Divider(), self.why, layers.cutoff_below, self._crosshairs[2],
        ]  # fmt: skip

    def _add_pane(self) -> None:
        """Add a pane for indicators below the others."""
        artist, crosshair = IndicatorArtist(), CrosshairArtist()
        crosshair.bar = self._crosshairs[0].bar
        row = Row(Pane(), PriceAxis(rows=20), _STUDY_SHARE)
        row.pane.artists = [
            self.forecasts.shades[1], self._grid_lines, Divider(), artist,
            self.forecasts.origin.cover, PaneName(artist), self.forecasts.cutoff_below, crosshair,
        ]  # fmt: skip
        self._add_row(row)
        self._below.append(artist)
        self._crosshairs.append(crosshair)
        self._apply_look()

    # What is shown

    def show_series(self, series: PriceSeries | None, loaded: PriceSeries | None = None) -> None:
        """Show a series, or none; the split, forecasts and view of the one before are forgotten.

        Parameters
        ----------
        series : PriceSeries or None
        loaded : PriceSeries, optional
            The same with the bars as they were loaded, where those of ``series`` were joined for
            the chart alone. Forecasts count these.
        """
        if series is self._series:
            return
        self._series, self._pyramid = series, None
        self._loaded = series if loaded is None else loaded
        self.forecasts.clear()
        self._before_origin = None
        self._bars, self._follows, self._auto_y = 0, True, True
        self._base.bar = None
        self._levels.cutoff = self._levels.paths = self._levels.extremes = None
        self._levels.ds = self._levels.ds[:0]
        self._tell_range()
        self._make_studies()
        self._make_overlays()
        self.mark_dirty()

    @property
    def series(self) -> PriceSeries | None:
        """What is shown."""
        return self._series

    @property
    def loaded(self) -> PriceSeries | None:
        """The same with its bars as they were loaded, which are those that are forecast."""
        return self._loaded

    @property
    def origin(self) -> int | None:
        """Bar of the past forecast that is shown alone, None where none is."""
        alone = self.forecasts.origin.fan
        return None if alone is None else alone.cutoff

    def show_indicators(self, indicators: Sequence[Indicator]) -> None:
        """Draw these indicators, and no others; each is computed when it is in view for the
        first time.
        """
        self._indicators = tuple(indicators)
        self._make_studies()
        self.mark_dirty()
        self.look_changed.emit()

    @property
    def hidden(self) -> frozenset[str]:
        """Keys of what the legend has hidden."""
        return self._legend.hidden

    def hide_entries(self, keys: frozenset[str]) -> None:
        """Hide what has these keys in the legend, and nothing else."""
        self._legend.hidden = keys
        self.mark_dirty()
        self.look_changed.emit()

    @property
    def entries(self) -> Sequence[Entry]:
        """What the legend lists, hidden or not, as of the last :meth:`refresh`."""
        return self._legend.entries

    def show_split(self, split: SplitMade | None, index: int = 0) -> None:
        """Shade training, validation and test part; they begin at the same dates for all series,
        whatever the ``index`` in the panel.
        """
        self.forecasts.show_split(split)
        self.mark_dirty()

    def show_forecast(
        self, forecast: Forecast | None, baseline: Forecast | None = None, final: bool = True
    ) -> None:
        """Show a forecast of the shown series with the baseline's beside it; ``final`` is False
        while training.

        A forecast of another symbol is not drawn.
        """
        layers = self.forecasts
        layers.forecast, layers.baseline, layers.final = forecast, baseline, final
        self.mark_dirty()

    def show_outcomes(self, outcomes: Outcomes | None) -> None:
        """Draw past forecasts faintly over what then happened."""
        self.forecasts.outcomes = outcomes
        self.mark_dirty()

    def show_origin(self, forecast: Forecast | None) -> None:
        """Show one past forecast of the shown series against what happened, in place of all; None
        shows all again, as before.

        The view comes close at first, and then moves only where a forecast would be out of sight.
        """
        if forecast is None:
            self._return()
        self.forecasts.origin.forecast = forecast
        self.mark_dirty()
        loaded = self._loaded
        if forecast is not None and loaded is not None and forecast.symbol == loaded.symbol:
            self._update_forecasts()
            fan = self.forecasts.origin.fan
            if fan is not None:
                self._reach(fan.cutoff, fan.last - fan.cutoff)

    def hide_future(self, hidden: bool) -> None:
        """Cover the prices after a past forecast that is looked at, or show them."""
        self.forecasts.origin.hides_future = hidden
        self.repaint_panes()

    def show_levels(
        self, lines: Sequence[LevelLine], cutoff: np.datetime64 | None, ds: Dates, until: int
    ) -> None:
        """Draw lines of levels from a cutoff of the shown series over the bars ``ds`` [H] to come.

        ``until`` is the step that their odds run to. Without a cutoff nothing is drawn.
        """
        loaded = self._loaded
        bar, count = None, len(self._levels.lines)
        if loaded is not None and cutoff is not None:
            bar = int(np.searchsorted(loaded.ds, cutoff))
        levels = self._levels
        levels.lines, levels.cutoff, levels.steps, levels.until = tuple(lines), bar, ds.size, until
        if not np.array_equal(levels.ds, ds if bar is not None and lines else ds[:0]):
            levels.ds = ds if bar is not None and lines else ds[:0]
            self.mark_dirty()
        if count != len(levels.lines):
            self.mark_dirty()
        self.repaint_panes()

    def show_paths(self, paths: Floats | None, extremes: Floats | None = None) -> None:
        """Draw sample paths [n, 1 + H] from the cutoff of the levels on, and limits [m, 1 + H]."""
        self._levels.paths, self._levels.extremes = paths, extremes
        self.repaint_panes()

    def show_compared(self, compared: tuple[Compared, ...]) -> None:
        """Draw the forecasts of other runs beside the shown one; those of other series are not
        drawn.
        """
        self.forecasts.compared = compared
        self.mark_dirty()

    def show_candles(self, candles: Candles | None) -> None:
        """Draw whole candles of the shown forecast; None takes them away."""
        self.forecasts.candles.show(candles)
        self.mark_dirty()

    def show_why(self, explanation: Explanation | None) -> None:
        """Show in a strip how much each bar moved the median; None takes it away."""
        self.why.explanation = explanation
        self.mark_dirty()

    def show_overlays(self, overlays: Sequence[PriceSeries]) -> None:
        """Draw other series over the prices; all begin at the shown one's close at the first bar in
        view, or at the bar from which percent are counted.
        """
        self._overlaid = tuple(overlays)
        self._make_overlays()
        self.mark_dirty()

    @property
    def overlaid(self) -> tuple[PriceSeries, ...]:
        """The other series that are drawn."""
        return self._overlaid

    def set_style(self, style: Style) -> None:
        """Draw candles, bars, a line or an area; a series without open, high and low is always a
        line or an area.
        """
        self._prices.style = self._requested_style = style
        self.mark_dirty()
        self.look_changed.emit()

    _requested_style: Style = "candles"

    def set_scale(self, scale: Scale) -> None:
        """Show prices linearly, by their logarithms (see :attr:`can_log`), or linearly as changes
        in percent.

        Percent are counted from the first bar in view, or from the one that was chosen.
        """
        if (scale == "log") != (self._scale == "log"):
            self._auto_y = True
        self._scale = scale
        self.mark_dirty()
        self.look_changed.emit()

    def follow_look(self, other: PriceScene) -> None:
        """Take style, scale, indicators and what is hidden from another chart."""
        self.set_style(other._requested_style)
        self.set_scale(other._scale)
        if self._indicators != other._indicators:
            self.show_indicators(other._indicators)
        self.hide_entries(other.hidden)

    def set_base(self, bar: int | None) -> None:
        """Count percent from a bar; None counts from the first in view, whichever that is."""
        self._base.bar = bar
        self.mark_dirty()

    @property
    def can_log(self) -> bool:
        """Whether all prices are positive, so that a logarithmic scale can show them."""
        if self._pyramid is None and self._series is not None:
            self._pyramid = BarPyramid(self._series)
        return self._pyramid is None or self._pyramid.lowest > 0

    # Bringing it onto the scene

    def _make_studies(self) -> None:
        """Prepare the indicators of the series; those that stay keep what they computed."""
        series, kept = (
            self._series,
            {study.indicator: study for study in self._studies if study.series is self._series},
        )
        self._studies = []
        if series is None:
            return
        panes: Counter[str] = Counter()
        for index, item in enumerate(self._indicators):
            study = kept.get(item) or IndicatorSeries(item, series)
            study.hue = index
            # Over the prices the colours come again, with other dashes.
            study.stroke = panes[study.pane] + (0 if study.pane else index // len(HUES[False]))
            panes[study.pane] += 1
            self._studies.append(study)

    def _make_overlays(self) -> None:
        """Put the other series on the bars of the shown one."""
        shown = self._series
        others = [item for item in self._overlaid if shown and item.symbol != shown.symbol]
        self._overlays.lines = tuple(OverlayLine(item, shown) for item in others if shown)

    def _base_bar(self) -> int:
        """Return the bar at which percent begin: the chosen one, or the first in view."""
        assert self._series is not None
        first = min(max(math.ceil(self.shown_bars[0]), 0), len(self._series) - 1)
        return first if self._base.bar is None else self._base.bar

    def _seen_studies(self) -> list[IndicatorSeries]:
        return [study for study in self._studies if study.key not in self.hidden]

    def _update_scene(self) -> None:
        series = self._series
        self._empty.visible = series is None
        for axis in (self._dates, *(row.axis for row in self._rows)):
            axis.setVisible(series is not None)
        if self._pyramid is None and series is not None:
            self._pyramid = BarPyramid(series)
        self._prices.pyramid = self._volumes.pyramid = self._pyramid
        closes_only = series is not None and not series.has_range
        ranged = self._requested_style in ("candles", "bars")
        self._prices.style = "line" if closes_only and ranged else self._requested_style
        self.price_pane.log = self.price_axis.log = self._scale == "log" and self.can_log
        seen = self._seen_studies()
        self._over.studies = [study for study in seen if not study.pane and not study.missing]
        names = list(dict.fromkeys(study.pane for study in seen if study.pane))
        while len(self._below) < len(names):
            self._add_pane()
        for name, artist in zip_longest(names, self._below, fillvalue=""):
            assert isinstance(artist, IndicatorArtist)
            artist.studies = [study for study in seen if study.pane and study.pane == name]
        self._show_row(1, self._pyramid is not None and self._pyramid.has_volume)
        for index, artist in enumerate(self._below, start=3):
            self._show_row(index, bool(artist.studies))
        below = round(self._font.pixelSize() * 1.4) + 12
        self._dates.setHeight(below)
        self._corner.setMaximumHeight(below)
        self._update_forecasts()
        self.why.locate(self._loaded, self._loaded_dates, self.mapping)
        self._show_row(2, self.why.visible)
        self._update_words()
        self._apply_range()

    def _update_forecasts(self) -> None:
        """Put the forecasts on bar indices, and their dates on the axis."""
        series, loaded, layers = self._series, self._loaded, self.forecasts
        self._overlays.hidden = self.hidden
        if series is None or loaded is None:
            self._timeline = self._loaded_dates = Timeline()
            self.mapping = BarMapping()
            layers.locate(None, self._timeline, self.hidden)
        else:
            anew = self._dates_of is not series
            known = Timeline(loaded.ds, zone=loaded.tz) if anew else self._loaded_dates
            future = self._levels.beyond(loaded, layers.locate(loaded, known, self.hidden))
            if anew or not np.array_equal(known.ds[len(loaded) :], future):
                self._set_dates(series, loaded, future)
        self._dates_of = series
        self._levels.mapping = self.mapping
        layers.map_to_chart(loaded, self._loaded_dates, self.mapping, self.hidden)
        self._dates.timeline = self._timeline

    def _set_dates(self, series: PriceSeries, loaded: PriceSeries, future: Dates) -> None:
        """Take the dates of the bars, and of those that were loaded where they are joined."""
        self._timeline = self._loaded_dates = Timeline(loaded.ds, future, loaded.tz)
        self.mapping = BarMapping()
        if series is not loaded:
            names, ends = joined_dates(loaded, series.freq, future[future > loaded.ds[-1]])
            self._timeline = Timeline(series.ds, names[len(series) :], series.tz)
            self.mapping = BarMapping(ends)

    def _update_words(self) -> None:
        """Write legend, tags and the last price."""
        series, theme = self._series, self.theme
        self._legend.entries = self._entries()
        self._last.price = None if series is None else float(series.y[-1])
        if series is None:
            self.price_axis.tags = ()
            return
        self.price_axis.decimals = price_decimals(float(series.y[-1]))
        ends = [(float(series.y[-1]), theme.price)]
        end = self.forecasts.end(self.hidden)
        if end is not None:
            ends.append((end, theme.forecast))
        self.price_axis.tags = [Tag(self._place(price), color) for price, color in ends]

    def _moved(self) -> None:
        """Count percent from the first bar in view, unless another was chosen, and say where a
        scale cannot be had.
        """
        series, axis, base = self._series, self.price_axis, None
        if series is not None and self._overlays.lines:
            self._overlays.rebase(self._base_bar())
            self._legend.entries = self._entries()
        if series is not None and self._scale == "percent":
            price = float(series.y[self._base_bar()])
            base = price if price > 0 else None
        if base != axis.base:
            axis.base = base
            axis.update()
        self._base.price = base
        refused = self._scale == "percent" and base is None and series is not None
        self._legend.note = (
            words("Percent need a positive first price: the scale is linear.") if refused else ""
        )
        if self._scale == "log" and not self.can_log:
            self._legend.note = words("A log scale needs positive prices: the scale is linear.")

    def _entries(self) -> list[Entry]:
        """Return the legend of what is drawn or hidden."""
        room = self.price_pane.height() >= _BRIEF
        pointed = self._crosshairs[0].bar if room else None
        entries = self.forecasts.entries(self.theme, -1 if pointed is None else pointed)
        entries += self._overlays.entries(self.theme, self._legend_bar())
        return entries + self._study_entries(self._legend_bar())

    def _legend_bar(self) -> int:
        """Return the bar whose values the legend tells: that at the crosshair, or the last; -1
        where there is no room for values.
        """
        if self._series is None or self.price_pane.height() < _BRIEF:
            return -1
        last = len(self._series) - 1
        return last if self._crosshairs[0].bar is None else min(self._crosshairs[0].bar, last)

    def _study_entries(self, bar: int) -> list[Entry]:
        """Return the legend of the indicators, with their values at a bar; -1 for none."""
        if self._series is None:
            return []
        decimals = price_decimals(float(self._series.y[-1]))
        return [
            study.entry(self.theme, -1 if study.key in self.hidden else bar, decimals)
            for study in self._studies
        ]

    # The view

    def _known(self) -> int:
        return self._timeline.bars

    def _ahead(self) -> int:
        return max(self.forecasts.ahead, self._levels.ahead)

    def _total(self) -> int:
        return max(self._timeline.bars, self._levels.last + 1, self.forecasts.last + 1)

    def _head_room(self) -> float:
        return self._legend.height(self._font, self.price_pane.width()) + 8

    def _fit_rows(self, start: int, stop: int) -> None:
        if self._pyramid is not None and self._pyramid.has_volume:
            self._volume.setYRange(
                0, max(self._pyramid.top_volume(start, stop), 1.0) * 1.12, padding=0
            )
        for index, artist in enumerate(self._below, start=3):
            row = self._rows[index]
            limits = artist.limits(start, stop)
            row.axis.short = False
            if limits is None:
                continue
            row.pane.setYRange(*limits, padding=0)
            largest = max(abs(limit) for limit in limits)
            row.axis.short = not artist.bounded and largest >= LARGE
            row.axis.decimals = 0 if artist.bounded else price_decimals(largest)

    def _extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return the lowest and highest price in view, forecasts and indicators included."""
        if self._pyramid is None:
            return None
        self._overlays.rebase(self._base_bar())
        closes_only = self._prices.style in ("line", "area")
        parts = [
            self._pyramid.extent(start, stop, closes_only),
            *(study.extent(start, stop) for study in self._over.studies),
            self._levels.extent(stop),
            *self._overlays.extents(start, stop),
        ]
        bar_width = self.price_pane.width() / max(stop - start, 1)
        parts += self.forecasts.extents(start, stop, bar_width, self.hidden)
        known = [part for part in parts if part is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None
