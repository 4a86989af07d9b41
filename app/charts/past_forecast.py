"""One past forecast of the price chart against what happened: its fan, its cutoff, and the
closes that came after it.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter

from app.charts.axis import Timeline
from app.charts.bands import CutoffArtist, ForecastArtist, ForecastBand, TruthArtist
from app.charts.bar_mapping import BarMapping
from app.charts.canvas import Frame
from app.charts.legend import Entry, words
from app.charts.overlay import read_past
from app.theme import Theme
from forecasting.series import Forecast, PriceSeries


def truth_entries(theme: Theme) -> list[Entry]:
    """Return the legend of what happened after a forecast."""
    return [
        Entry(words("what happened"), theme.text, "dots"),
        Entry(words("outside the band"), theme.down, "rings"),
    ]


class FutureCover:
    """Covers all bars after the cutoff of a past forecast, where they are to be hidden.

    Parameters
    ----------
    origin : PastForecastArtist
        Has the forecast.
    """

    def __init__(self, origin: PastForecastArtist) -> None:
        self._origin = origin

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the ground over what came after."""
        fan = self._origin.fan
        if fan is None or not self._origin.hides_future:
            return
        left = frame.column(fan.cutoff + 0.5)
        box = QRectF(left, 0.0, max(frame.width - left, 0.0) + 8.0, frame.height)
        painter.fillRect(box, QColor(frame.theme.surface))


class PastForecastArtist:
    """The cutoff of a past forecast and what happened after it; the fan is painted by
    :attr:`below`.

    Attributes
    ----------
    forecast : Forecast or None
        What is looked at.
    below : ForecastArtist
        Belongs under the prices.
    cover : FutureCover
        Belongs over the bars of the other panes.
    hides_future : bool
        Whether the prices after the cutoff are covered, as they were not known then.
    """

    def __init__(self) -> None:
        self.forecast: Forecast | None = None
        self.hides_future = False
        self.cover = FutureCover(self)
        self.below = ForecastArtist()
        self._truth = TruthArtist()
        self._cutoff = CutoffArtist(
            lines=2
        )  # clear of that of the forecast itself, on whichever side it is

    @property
    def fan(self) -> ForecastBand | None:
        """The forecast in bar indices, None where there is nothing to see."""
        return self.below.fan

    def locate(self, series: PriceSeries | None, timeline: Timeline, mapping: BarMapping) -> None:
        """Put the forecast, if it is one of this series, on the bars of the chart; ``series`` and
        ``timeline`` have those that were loaded.
        """
        forecast = self.forecast
        self.below.fan = self._truth.fan = self._cutoff.x = None
        if forecast is None or series is None or forecast.symbol != series.symbol:
            return
        cutoff = int(timeline.index(np.array([forecast.cutoff]))[0])
        if cutoff < 0:
            return
        self.below.fan = fan = ForecastBand.of(forecast, cutoff).mapped(mapping)
        day = timeline.text(cutoff, weekday=False)
        self._cutoff.x = fan.edge
        self._cutoff.text = words("Forecast of {day}").format(day=day)
        self._truth.show(fan, series.y, cutoff)

    def entries(self, theme: Theme) -> list[Entry]:
        """Return what the legend says of it."""
        if self.fan is None:
            return []
        return truth_entries(theme)[: 2 if self.fan.bands else 1]

    def read(self, bar: int) -> str:
        """Return what was forecast for a bar, "" for bars that it does not reach."""
        fan = self.fan
        if fan is None or self.forecast is None or not fan.step(bar):
            return ""
        return read_past(fan, self.forecast.model, bar)

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the cutoff, and the closes that are known."""
        if self.fan is None:
            return
        if self.hides_future:
            self.cover.paint(painter, frame)
            self.below.paint(painter, frame)
            self._cutoff.paint(painter, frame)
            return
        self._cutoff.paint(painter, frame)
        self._truth.paint(painter, frame)
