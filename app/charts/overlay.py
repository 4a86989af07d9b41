"""What is written over the price, and what is read off it: last price, crosshair, read-out,
summary.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter

from app.charts.axis import Timeline
from app.charts.bands import ForecastBand
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.number_format import number, price_decimals, short_number, signed
from forecasting.series import PriceSeries


def read_bar(series: PriceSeries, timeline: Timeline, bar: int) -> str:
    """Return date, prices, change from the bar before (in price and in percent) and volume of
    one bar, as one line.
    """
    decimals = price_decimals(float(series.y[bar]))
    names = (
        (("O", "open"), ("H", "high"), ("L", "low"), ("C", "close"))
        if series.has_range
        else (("", "close"),)
    )
    parts = [timeline.text(bar)]
    parts += [
        f"{short} {number(series[column][bar], decimals)}".strip()
        for short, column in names
        if np.isfinite(series[column][bar])
    ]
    if bar > 0:
        before = float(series.y[bar - 1])
        move = float(series.y[bar]) - before
        share = f" ({signed(100 * move / before, 2)})" if before > 0 else ""
        parts.append(f"{'+' if move >= 0 else '−'}{number(abs(move), decimals)}{share}")
    if "volume" in series and np.isfinite(series["volume"][bar]) and series["volume"][bar] > 0:
        parts.append(f"Vol {short_number(float(series['volume'][bar]))}")
    return "   ".join(parts)


def read_forecast(fan: ForecastBand, model: str, timeline: Timeline, bar: int) -> str:
    """Return date, median and bands of one forecast bar, as one line."""
    return (
        f"{timeline.text(bar)}  (step {fan.step(bar)} of {fan.horizon})   "
        f"{read_past(fan, model, bar)}"
    )


def read_past(fan: ForecastBand, model: str, bar: int) -> str:
    """Return median and bands of one forecast bar, as one line."""
    step = fan.step(bar)
    decimals = price_decimals(float(fan.point[0]))
    parts = [f"{model} {fan.point_name} {number(fan.point[step], decimals)}"]
    for level in sorted(fan.bands):
        low, high = fan.bands[level]
        parts.append(f"{level} % {number(low[step], decimals)} – {number(high[step], decimals)}")
    return "   ".join(parts)


def in_words(
    series: PriceSeries | None, timeline: Timeline, fan: ForecastBand | None, model: str
) -> str:
    """Return what a price chart shows in a few sentences, for those who cannot see it."""
    if series is None:
        return "No prices are loaded. Open a price file, or try the sample."
    decimals = price_decimals(float(series.y[-1]))
    last, dates = (
        number(series.y[-1], decimals),
        f"{timeline.text(0)} to {timeline.text(len(series) - 1)}",
    )
    text = f"{series.symbol}: {len(series)} bars from {dates}, last close {last}."
    if fan is None:
        return text
    ends = [f"{fan.point_name} {number(fan.point[-1], decimals)}"]
    for level, (low, high) in sorted(fan.bands.items()):
        ends.append(
            f"{level} % between {number(low[-1], decimals)} and {number(high[-1], decimals)}"
        )
    return (
        f"{text} {model} forecast for {fan.horizon} bars to {timeline.text(fan.last)}: "
        f"{', '.join(ends)}."
    )


class LastPriceArtist:
    """A dotted line at the last close."""

    def __init__(self) -> None:
        self.price: float | None = None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the line over the whole width."""
        if self.price is None or (frame.log and self.price <= 0):
            return
        row = frame.row(float(np.log10(self.price)) if frame.log else self.price, crisp=True)
        if 0 <= row <= frame.height:
            painter.setPen(line_pen(frame.theme.price, 1.0, (1.0, 3.0)))
            painter.drawLine(QPointF(0, row), QPointF(frame.width, row))


class CrosshairArtist:
    """Lines through the pointer: upright at the nearest bar, level where the pointer is, with a
    dot where a price caught it.
    """

    def __init__(self) -> None:
        self.bar: int | None = None
        self.y: float | None = None
        self.caught = False

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the lines that are in view."""
        painter.setPen(line_pen(frame.theme.muted, 1.0, (4.0, 3.0)))
        if self.bar is not None and frame.x[0] <= self.bar <= frame.x[1]:
            column = frame.column(self.bar, crisp=True)
            painter.drawLine(QPointF(column, 0), QPointF(column, frame.height))
        if self.y is not None and frame.y[0] <= self.y <= frame.y[1]:
            row = frame.row(self.y, crisp=True)
            painter.drawLine(QPointF(0, row), QPointF(frame.width, row))
            if self.caught and self.bar is not None:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
                painter.setPen(line_pen(frame.theme.surface, 1.0))
                painter.setBrush(QColor(frame.theme.text))
                painter.drawEllipse(QPointF(frame.column(self.bar), frame.row(self.y)), 3.0, 3.0)


class BaseArtist:
    """The price from which a percent scale counts: a level line, and a ring at its bar where one
    was chosen.
    """

    def __init__(self) -> None:
        self.price: float | None = None
        self.bar: int | None = None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the line, and the ring where the bar is in view."""
        if self.price is None:
            return
        row = frame.row(self.price, crisp=True)
        if not 0 <= row <= frame.height:
            return
        painter.setPen(line_pen(frame.theme.muted, 1.0, (6.0, 4.0)))
        painter.drawLine(QPointF(0, row), QPointF(frame.width, row))
        if self.bar is not None and frame.x[0] <= self.bar <= frame.x[1]:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            painter.setPen(line_pen(frame.theme.text, 1.8))
            painter.drawEllipse(QPointF(frame.column(self.bar), row), 4.0, 4.0)
