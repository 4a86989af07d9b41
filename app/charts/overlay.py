"""What is written over the price, and what is read off it: legend, last price, crosshair, read-out, summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from app.charts.axis import Timeline, number, price_decimals, short_number
from app.charts.bands import Fan
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from forecasting.series import PriceSeries

#: How a legend shows what it names.
Mark = Literal["line", "dashed", "dotted", "dots", "rings", "band", "wide-band", "past"]


def read_bar(series: PriceSeries, timeline: Timeline, bar: int) -> str:
    """Return date, prices, change from the bar before and volume of one bar, as one line."""
    decimals = price_decimals(float(series.y[bar]))
    names = (("O", "open"), ("H", "high"), ("L", "low"), ("C", "close")) if series.has_range else (("", "close"),)
    parts = [timeline.text(bar)]
    parts += [f"{short} {number(series[column][bar], decimals)}".strip() for short, column in names if np.isfinite(series[column][bar])]
    if bar > 0 and series.y[bar - 1] > 0:
        share = series.y[bar] / series.y[bar - 1] - 1
        parts.append(f"{'+' if share >= 0 else '−'}{number(abs(share) * 100, 2)} %")
    if "volume" in series and np.isfinite(series["volume"][bar]) and series["volume"][bar] > 0:
        parts.append(f"Vol {short_number(float(series['volume'][bar]))}")
    return "   ".join(parts)


def read_forecast(fan: Fan, model: str, timeline: Timeline, bar: int) -> str:
    """Return date, median and bands of one forecast bar, as one line."""
    return f"{timeline.text(bar)}  (bar {bar - fan.cutoff} of {fan.x.size - 1})   {read_past(fan, model, bar)}"


def read_past(fan: Fan, model: str, bar: int) -> str:
    """Return median and bands of one forecast bar, as one line."""
    step = bar - fan.cutoff
    decimals = price_decimals(float(fan.point[0]))
    parts = [f"{model} {fan.point_name} {number(fan.point[step], decimals)}"]
    for level in sorted(fan.bands):
        low, high = fan.bands[level]
        parts.append(f"{level} % {number(low[step], decimals)} – {number(high[step], decimals)}")
    return "   ".join(parts)


def in_words(series: PriceSeries | None, timeline: Timeline, fan: Fan | None, model: str) -> str:
    """Return what a price chart shows in a few sentences, for those who cannot see it."""
    if series is None:
        return "No prices are loaded. Open a price file, or try the sample."
    decimals = price_decimals(float(series.y[-1]))
    last, dates = number(series.y[-1], decimals), f"{timeline.text(0)} to {timeline.text(len(series) - 1)}"
    text = f"{series.symbol}: {len(series)} bars from {dates}, last close {last}."
    if fan is None:
        return text
    ends = [f"{fan.point_name} {number(fan.point[-1], decimals)}"]
    for level, (low, high) in sorted(fan.bands.items()):
        ends.append(f"{level} % between {number(low[-1], decimals)} and {number(high[-1], decimals)}")
    return f"{text} {model} forecast for {fan.x.size - 1} bars to {timeline.text(fan.last)}: {', '.join(ends)}."


@dataclass(frozen=True)
class Entry:
    """One entry of a legend; ``dash`` where the line has one of its own."""

    label: str
    color: str
    mark: Mark
    dash: tuple[float, ...] = ()


class LegendArtist:
    """What the lines and bands are, at the top left, and a note where something needs saying."""

    def __init__(self) -> None:
        self.entries: Sequence[Entry] = ()
        self.note = ""

    def height(self, font: QFont, width: float) -> float:
        """Return the height that is taken from the top of a pane of this width."""
        metrics = QFontMetricsF(font)
        return 8 + (metrics.height() + 5) * (len(self._rows(metrics, width)) + bool(self.note))

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Write entries and note."""
        metrics, top = QFontMetricsF(frame.font), 8.0
        for row in self._rows(metrics, frame.width):
            self._ground(painter, frame, QRectF(6, top - 2, sum(self._width(metrics, entry) for entry in row) - 4, metrics.height() + 4))
            left = 10.0
            for entry in row:
                self._mark(painter, frame, QRectF(left, top, 22, metrics.height()), entry)
                painter.setPen(QColor(frame.theme.muted))
                painter.drawText(QPointF(left + 28, top + metrics.ascent()), entry.label)
                left += self._width(metrics, entry)
            top += metrics.height() + 5
        if self.note:
            self._ground(painter, frame, QRectF(6, top - 2, metrics.horizontalAdvance(self.note) + 8, metrics.height() + 4))
            painter.setPen(QColor(frame.theme.muted))
            painter.drawText(QPointF(10, top + metrics.ascent()), self.note)

    @staticmethod
    def _width(metrics: QFontMetricsF, entry: Entry) -> float:
        """Return what one entry takes of its row."""
        return 28 + metrics.horizontalAdvance(entry.label) + 14

    def _rows(self, metrics: QFontMetricsF, width: float) -> list[list[Entry]]:
        """Break the entries into rows that fit."""
        rows: list[list[Entry]] = []
        room = 0.0
        for entry in self.entries:
            room -= self._width(metrics, entry)
            if room < 0:
                rows.append([])
                room = width - 12 - self._width(metrics, entry)
            rows[-1].append(entry)
        return rows

    @staticmethod
    def _ground(painter: QPainter, frame: Frame, rect: QRectF) -> None:
        """Dim what lies below, so that text stays readable."""
        ground = QColor(frame.theme.surface)
        ground.setAlpha(205)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, 4, 4)

    @staticmethod
    def _mark(painter: QPainter, frame: Frame, rect: QRectF, entry: Entry) -> None:
        """Paint a line or a piece of band as the chart does."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        middle = rect.center().y() + 0.5
        if entry.mark in ("dots", "rings"):
            painter.setPen(line_pen(entry.color, 1.4))
            painter.setBrush(QColor(entry.color) if entry.mark == "dots" else Qt.BrushStyle.NoBrush)
            radius = 1.8 if entry.mark == "dots" else 3.2
            painter.drawEllipse(QPointF(rect.center().x(), middle), radius, radius)
            return
        if entry.mark in ("band", "wide-band", "past"):
            fill = QColor(entry.color)
            fill.setAlphaF({"band": 0.40, "wide-band": 0.16, "past": 0.12}[entry.mark])
            painter.setPen(Qt.PenStyle.NoPen if entry.mark == "past" else line_pen(entry.color))
            painter.setBrush(fill)
            painter.drawRect(QRectF(rect.left() + 0.5, middle - 5, rect.width() - 1, 10))
            if entry.mark != "past":
                return
        dash = entry.dash or {"dashed": (6.0, 3.0), "dotted": (2.0, 3.0), "past": (3.0, 2.0), "line": ()}[entry.mark]
        painter.setPen(line_pen(entry.color, {"dashed": 2.0, "past": 1.0}.get(entry.mark, 1.5), dash))
        painter.drawLine(QPointF(rect.left(), middle), QPointF(rect.right(), middle))


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
    """Lines through the pointer: upright at the nearest bar, level where the pointer is."""

    def __init__(self) -> None:
        self.bar: int | None = None
        self.y: float | None = None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the lines that are in view."""
        painter.setPen(line_pen(frame.theme.muted, 1.0, (4.0, 3.0)))
        if self.bar is not None and frame.x[0] <= self.bar <= frame.x[1]:
            column = frame.column(self.bar, crisp=True)
            painter.drawLine(QPointF(column, 0), QPointF(column, frame.height))
        if self.y is not None and frame.y[0] <= self.y <= frame.y[1]:
            row = frame.row(self.y, crisp=True)
            painter.drawLine(QPointF(0, row), QPointF(frame.width, row))
