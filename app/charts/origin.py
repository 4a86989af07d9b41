"""One past forecast of the price chart against what happened: its fan, its cutoff, and the closes that came after it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter

from app.charts.axis import Timeline
from app.charts.bands import CutoffArtist, Fan, ForecastArtist
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.charts.overlay import Entry, read_past
from app.theme import Theme
from forecasting.series import Floats, Forecast, PriceSeries


class OriginArtist:
    """A dot at each close that the widest band held, a ring at each that it missed; the fan is painted by :attr:`below`.

    Attributes
    ----------
    forecast : Forecast or None
        What is looked at.
    below : ForecastArtist
        Belongs under the prices.
    closes : ndarray, shape [H]
        What happened, NaN where that is not known.
    """

    def __init__(self) -> None:
        self.forecast: Forecast | None = None
        self.below = ForecastArtist()
        self.closes: Floats = np.empty(0)
        self._cutoff = CutoffArtist()

    @property
    def fan(self) -> Fan | None:
        """The forecast in bar indices, None where there is nothing to see."""
        return self.below.fan

    def place(self, series: PriceSeries | None, timeline: Timeline) -> None:
        """Put the forecast, if it is one of this series, on its bars."""
        forecast = self.forecast
        self.below.fan, self._cutoff.bar = None, None
        if forecast is None or series is None or forecast.symbol != series.symbol:
            return
        cutoff = int(timeline.index(np.array([forecast.cutoff]))[0])
        if cutoff < 0:
            return
        self.below.fan = fan = Fan.of(forecast, cutoff)
        self._cutoff.bar, self._cutoff.text = cutoff, f"Forecast of {timeline.text(cutoff, weekday=False)}"
        ahead = series.y[cutoff + 1 : fan.last + 1]
        self.closes = np.r_[ahead, np.full(fan.last - cutoff - ahead.size, np.nan)]

    def entries(self, theme: Theme) -> list[Entry]:
        """Return what the legend says of it."""
        return [] if self.fan is None else [Entry("what happened", theme.text, "dots"), Entry("outside the band", theme.down, "rings")]

    def read(self, bar: int) -> str:
        """Return what was forecast for a bar, "" for bars that it does not reach."""
        fan = self.fan
        if fan is None or self.forecast is None or not fan.cutoff < bar <= fan.last:
            return ""
        return read_past(fan, self.forecast.model, bar)

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the cutoff, and the closes that are known."""
        if self.fan is None:
            return
        self._cutoff.paint(painter, frame)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        low, high = (limit[1:] for limit in self.fan.widest())
        columns, rows = frame.px(self.fan.x[1:]), frame.py(self.closes)
        for place in np.flatnonzero(np.isfinite(self.closes)):
            inside = low[place] <= self.closes[place] <= high[place]
            painter.setPen(line_pen(frame.theme.surface if inside else frame.theme.down, 1.0 if inside else 1.8))
            painter.setBrush(QColor(frame.theme.text) if inside else Qt.BrushStyle.NoBrush)
            radius = 3.0 if inside else 4.0
            painter.drawEllipse(QPointF(float(columns[place]), float(rows[place])), radius, radius)
