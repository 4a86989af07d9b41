"""Forecasts of several runs on one chart, told apart by hue, by dash and by a number at their
end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.axis import Timeline
from app.charts.bands import ForecastBand
from app.charts.bar_mapping import BarMapping
from app.charts.bars import line_pen, polygon
from app.charts.canvas import Frame
from app.charts.legend import Entry
from app.theme import Theme
from forecasting.series import Dates, Forecast, PriceSeries

#: Hues for compared forecasts in the light and in the dark theme; none is that of prices, of the
#: forecast or of the baseline.
_HUES = {
    False: ("#A8437F", "#7D6200", "#5B4FC4", "#8A4B1F", "#17202B"),
    True: ("#E79AC6", "#F0E442", "#B3A8FF", "#E0A878", "#E6EAF0"),
}
#: Dashes that go with them, so that colour is not the only cue.
_DASHES: tuple[tuple[float, ...], ...] = (
    (9.0, 3.0),
    (2.0, 2.0),
    (8.0, 3.0, 2.0, 3.0),
    (4.0, 4.0),
    (14.0, 3.0, 2.0, 3.0, 2.0, 3.0),
)
#: Most forecasts that can be told apart.
MOST = len(_DASHES)
_WIDTH = 1.6


def hue(place: int, theme: Theme) -> str:
    """Return the colour of a place among the compared forecasts."""
    return _HUES[theme.is_dark][place % MOST]


@dataclass(frozen=True, eq=False)
class Compared:
    """A forecast that is drawn for comparison.

    Attributes
    ----------
    forecast : Forecast
    label : str
        For the legend.
    place : int
        Which hue, dash and number it has, below :data:`MOST`.
    """

    forecast: Forecast
    label: str
    place: int

    @property
    def key(self) -> str:
        """Under which it can be hidden."""
        return f"compared-{self.place + 1}"


class CompareArtist:
    """Medians as lines with a number at their end, between the faint limits of their 80 % bands."""

    def __init__(self) -> None:
        self.fans: list[tuple[Compared, ForecastBand]] = []
        self.hidden: frozenset[str] = frozenset()

    @property
    def seen(self) -> list[tuple[Compared, ForecastBand]]:
        """What is drawn."""
        return [(item, fan) for item, fan in self.fans if item.key not in self.hidden]

    def show(
        self, compared: tuple[Compared, ...], series: PriceSeries | None, known: Timeline
    ) -> Dates:
        """Take the forecasts of a series, and return the dates [F] behind its last bar that
        they need.
        """
        self.fans = []
        future = np.empty(0, "datetime64[us]")
        for item in compared if series is not None else ():
            assert series is not None
            cutoff = int(known.index(np.array([item.forecast.cutoff]))[0])
            if item.forecast.symbol != series.symbol or not 0 <= cutoff < len(series):
                continue
            self.fans.append((item, ForecastBand.of(item.forecast, cutoff)))
            ahead = item.forecast.ds[len(series) - 1 - cutoff :]
            future = ahead if ahead.size > future.size else future
        return future

    def map_to_chart(self, mapping: BarMapping) -> None:
        """Bring the forecasts that were taken onto the bars of the chart."""
        self.fans = [(item, fan.mapped(mapping)) for item, fan in self.fans]

    def entries(self, theme: Theme) -> list[Entry]:
        """Return the legend of what is drawn."""
        return [
            Entry(
                f"{item.place + 1}  {item.label}",
                hue(item.place, theme),
                "dashed",
                _DASHES[item.place],
                item.key,
            )
            for item, _ in self.fans
        ]

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint lines first, numbers over them."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        for item, fan in self.seen:
            color, x = hue(item.place, frame.theme), frame.px(fan.x)
            if 80 in fan.bands:
                pale = QColor(color)
                pale.setAlphaF(0.45)
                pen = line_pen(color, 1.0, (1.0, 3.0))
                pen.setColor(pale)
                painter.setPen(pen)
                for limit in fan.bands[80]:
                    painter.drawPolyline(polygon(x, frame.py(limit)))
            painter.setPen(line_pen(color, _WIDTH, _DASHES[item.place]))
            painter.drawPolyline(polygon(x, frame.py(fan.point)))
        metrics = QFontMetricsF(frame.font)
        size = metrics.height() * 0.95
        for item, fan in self.seen:
            end = QPointF(float(frame.px(fan.x)[-1]), float(frame.py(fan.point)[-1]))
            left = min(end.x() + 3 + item.place % 2 * size, frame.width - size - 2)
            disc = QRectF(max(left, end.x() - size), end.y() - size / 2, size, size)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(hue(item.place, frame.theme)))
            painter.drawEllipse(disc)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(frame.theme.surface))
            painter.drawText(
                disc,
                int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip),
                str(item.place + 1),
            )  # SVG clips to nothing
