"""Forecasts over the bars of a series: split and cutoff, the forecast beside its baseline, past
forecasts, one of them alone, and the forecasts of other runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.charts.axis import Timeline
from app.charts.bands import (
    POINT_KEY,
    BaselineArtist,
    CutoffArtist,
    ForecastArtist,
    ForecastBand,
    PastArtist,
    SplitArtist,
    SplitNames,
    TruthArtist,
    band_key,
)
from app.charts.bar_mapping import BarMapping
from app.charts.candle_forecast import CandleForecastArtist
from app.charts.canvas import Artist
from app.charts.compare import CompareArtist, Compared
from app.charts.legend import Entry, Mark, words
from app.charts.overlay import read_forecast, read_past
from app.charts.past_forecast import PastForecastArtist, truth_entries
from app.model_titles import model_title
from app.theme import Theme
from forecasting.events import SplitMade
from forecasting.series import Dates, Forecast, Outcomes, PriceSeries


class ForecastLayers:
    """What is forecast of the shown series, as artists of a chart; a part of the price chart.

    Attributes
    ----------
    forecast, baseline : Forecast or None
    final : bool
        False while a training still changes the forecast.
    outcomes : Outcomes or None
        Past forecasts.
    compared : tuple of Compared
        Forecasts of other runs.
    fan, candles, base_fan, past, truth, compare, origin
        The artists.
    """

    def __init__(self) -> None:
        self.forecast: Forecast | None = None
        self.baseline: Forecast | None = None
        self.final = True
        self.outcomes: Outcomes | None = None
        self.compared: tuple[Compared, ...] = ()
        self.fan, self.base_fan = ForecastArtist(), BaselineArtist()
        self.past, self.truth = PastArtist(), TruthArtist()
        self.compare, self.origin = CompareArtist(), PastForecastArtist()
        self.candles = CandleForecastArtist()
        self._split: tuple[np.datetime64, np.datetime64] | None = None
        self._splits = (SplitArtist(), SplitArtist())
        self._cutoffs = (CutoffArtist(), CutoffArtist(label=False))
        self.names = SplitNames(self._splits[0])
        self._bands: list[ForecastBand | None] = [None, None]
        self._cutoff_bar = -1
        self._past_of: tuple[PriceSeries | None, Outcomes | None, BarMapping | None]
        self._past_of = (None, None, None)

    # The artists, from the ground up

    @property
    def shades(self) -> tuple[SplitArtist, SplitArtist]:
        """Shades of the parts: for the pane of the prices, and for those below it."""
        return self._splits

    @property
    def behind(self) -> list[Artist]:
        """What lies behind the prices."""
        return [self.past, self.base_fan, self.fan, self.candles, self.compare, self.origin.below]

    @property
    def before(self) -> list[Artist]:
        """What lies over the prices."""
        return [self.names, self.truth, self._cutoffs[0], self.origin]

    @property
    def cutoff_below(self) -> CutoffArtist:
        """The cutoff in the panes below the prices."""
        return self._cutoffs[1]

    # What is shown

    def clear(self) -> None:
        """Forget all but the forecasts of other runs: another series is shown."""
        self._split = self.forecast = self.baseline = self.outcomes = self.origin.forecast = None

    def show_split(self, split: SplitMade | None) -> None:
        """Shade training, validation and test part."""
        self._split = None if split is None else (split.val_start, split.test_start)

    # Bringing it onto the bars

    def locate(self, series: PriceSeries | None, known: Timeline, hidden: frozenset[str]) -> Dates:
        """Find the bars of a series that the forecasts begin at.

        Parameters
        ----------
        series : PriceSeries or None
            With the bars as they were loaded.
        known : Timeline
            Dates of its bars.
        hidden : frozenset of str
            Keys of what the legend has hidden.

        Returns
        -------
        ndarray of datetime64
            Dates after the last bar that the forecasts need.
        """
        future = np.empty(0, "datetime64[us]")
        self._bands, self._cutoff_bar = [None, None], -1
        for index, forecast in enumerate((self.forecast, self.baseline)):
            if series is None or forecast is None or forecast.symbol != series.symbol:
                continue
            cutoff = int(known.index(np.array([forecast.cutoff]))[0])
            if cutoff < 0:
                continue
            self._bands[index] = ForecastBand.of(forecast, cutoff)
            if index == 0:
                self._cutoff_bar = cutoff
                future = forecast.ds[len(series) - 1 - cutoff :]
        compared = self.compare.show(self.compared, series, known)
        self.base_fan.hidden = "baseline" in hidden
        self.fan.hidden = self.compare.hidden = hidden
        self.fan.final = self.final
        return compared if compared.size > future.size else future

    def map_to_chart(
        self,
        series: PriceSeries | None,
        timeline: Timeline,
        mapping: BarMapping,
        hidden: frozenset[str],
    ) -> None:
        """Put all forecasts, and what came of them, on the bars of the chart.

        Parameters
        ----------
        series : PriceSeries or None
            As given to :meth:`locate`.
        timeline : Timeline
            Dates of its bars and of those to come.
        mapping : BarMapping
            Where these are on the chart.
        hidden : frozenset of str
        """
        bands = [None if band is None else band.mapped(mapping) for band in self._bands]
        self.fan.fan, self.base_fan.fan = bands
        self.candles.hidden = hidden
        self.candles.locate(self.forecast if self.final else None, self.fan.fan)
        self.compare.map_to_chart(mapping)
        self.origin.locate(series, timeline, mapping)
        alone = self.origin.fan is not None
        self.past.hidden = alone or "past" in hidden
        closes = np.empty(0) if series is None else series.y
        self.truth.show(None if alone else self.fan.fan, closes, self._cutoff_bar)
        known = (series, self.outcomes, mapping)
        if any(new is not old for new, old in zip(known, self._past_of, strict=True)):
            self._past_of = known
            outcomes = None if series is None else self.outcomes
            cutoffs = np.empty(0, np.int64)
            if outcomes is not None:
                cutoffs = timeline.index(outcomes.cutoff)
            symbol = "" if series is None else series.symbol
            self.past.show(outcomes, symbol, cutoffs, mapping)
        self._locate_split(series, timeline, mapping)

    def _locate_split(
        self, series: PriceSeries | None, timeline: Timeline, mapping: BarMapping
    ) -> None:
        starts: tuple[int | None, int | None] = (None, None)
        end = 0
        if series is not None:
            bars = [len(series) - 1]
            if self._split is not None:
                bars += np.searchsorted(series.ds, np.array(self._split, "datetime64[us]")).tolist()
            end, *first = np.ceil(mapping.position(np.array(bars)) - 1e-6).astype(int).tolist()
            end += 1
            starts = (first[0], first[1]) if first else starts
        band = self.fan.fan
        text = ""
        if band is not None:
            day = timeline.text(self._cutoff_bar, weekday=False)
            text = words("Cutoff {day}").format(day=day)
        for split, cutoff in zip(self._splits, self._cutoffs, strict=True):
            split.val, split.test = starts
            split.end = end
            cutoff.x = None if band is None else band.edge
            cutoff.text = text

    # What is told of it

    @property
    def ahead(self) -> int:
        """Bars that a view should make room for."""
        fan = self.fan.fan
        return 0 if fan is None else fan.last - fan.cutoff + 1

    @property
    def last(self) -> int:
        """Last bar that is forecast, -1 without a forecast."""
        bands = [self.fan.fan, *(band for _, band in self.compare.fans)]
        return max((band.last for band in bands if band is not None), default=-1)

    def extents(
        self, start: int, stop: int, bar_width: float, hidden: frozenset[str]
    ) -> list[tuple[float, float]]:
        """Return lowest and highest values over bars ``[start, stop]`` of all that is drawn."""
        past = self.past.in_view(start, stop, bar_width)
        limits = [(band, band.seen(hidden)) for band in (self.fan.fan,) if band is not None]
        others = [
            None if self.base_fan.hidden else self.base_fan.fan,
            self.origin.fan,
            *past,
            *(band for _, band in self.compare.seen),
        ]
        limits += [(band, band.widest()) for band in others if band is not None]
        found = []
        for band, limit in limits:
            seen = (band.x >= start) & (band.x <= stop)
            if limit is not None and seen.any():
                found.append((float(limit[0][seen].min()), float(limit[1][seen].max())))
        candles = self.candles.extent(start, stop)
        return found if candles is None else [*found, candles]

    def end(self, hidden: frozenset[str]) -> float | None:
        """Return the last forecast price, None where none is drawn."""
        band = self.fan.fan
        return None if band is None or POINT_KEY in hidden else float(band.point[-1])

    def entries(self, theme: Theme, bar: int = -1) -> list[Entry]:
        """Return the legend of what is drawn or hidden, with the candle of a bar to come."""
        entries: list[Entry] = []
        if self.fan.fan is not None and self.forecast is not None:
            text = words("{model} {point}") if self.final else words("{model} (training) {point}")
            name = text.format(model=self.forecast.model, point=words(self.fan.fan.point_name))
            entries.append(Entry(name, theme.forecast, "dashed", key=POINT_KEY))
            marks: dict[int, Mark] = {80: "band", 95: "wide-band"}
            entries += [
                Entry(f"{level} %", theme.forecast, marks[level], key=band_key(level))
                for level in sorted(self.fan.fan.bands)
            ]
            entries += self.candles.entries(theme, bar)
        if self.base_fan.fan is not None and self.baseline is not None:
            bands = self.base_fan.fan.bands
            name = f"{model_title(self.baseline.model)}{f' {max(bands)} %' if bands else ''}"
            entries.append(Entry(name, theme.baseline, "dotted", key="baseline"))
        if self.past.known and self.origin.fan is None:
            entries.append(Entry(words("past forecasts"), theme.forecast, "past", key="past"))
        if self.truth.known:
            entries += truth_entries(theme)
        return entries + self.origin.entries(theme) + self.compare.entries(theme)

    def read(self, bar: int, timeline: Timeline) -> str:
        """Return what was or is forecast for a bar, with its date where it is to come."""
        band = self.fan.fan
        if band is None or self.forecast is None or not band.step(bar):
            return self.origin.read(bar) if bar < timeline.bars else ""
        if bar >= timeline.bars:
            parts = (
                read_forecast(band, self.forecast.model, timeline, bar),
                self.candles.read(bar),
            )
            return "   ".join(filter(None, parts))
        return self.origin.read(bar) or read_past(band, self.forecast.model, bar)

    def of(self, symbol: str) -> Sequence[Forecast]:
        """Return forecast and baseline of a series, where there are any."""
        both = (self.forecast, self.baseline)
        return [item for item in both if item is not None and item.symbol == symbol]
