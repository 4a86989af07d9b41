"""A strip under the candles: how much each bar of the lookback moved the median of the forecast."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.axis import PriceAxis, Timeline
from app.charts.bands import write_on
from app.charts.bar_mapping import BarMapping
from app.charts.bars import line_pen
from app.charts.barview import Row
from app.charts.canvas import Frame, Pane
from app.charts.drawing import positions
from app.number_format import number, price_decimals
from forecasting.attribution import Explanation
from forecasting.series import Floats, Ints, PriceSeries

#: Share of the height, and the smallest half of the range: less than this moves nothing.
_SHARE, _LEAST = 0.12, 1e-6


def _tr(text: str) -> str:
    return QCoreApplication.translate("WhyStrip", text)


class WhyStrip:
    """Columns up and down from a line, one a bar of the lookback.

    Attributes
    ----------
    row : Row
        The pane and its axis.
    explanation : Explanation or None
        What is drawn while the series that it explains is shown.
    visible : bool
    """

    def __init__(self) -> None:
        self.row = Row(Pane(), PriceAxis(rows=20), _SHARE)
        self.explanation: Explanation | None = None
        self.visible = False
        self._bars: Ints = np.empty(0, np.int64)
        self._values: Floats = np.empty(0)

    def locate(self, series: PriceSeries | None, timeline: Timeline, mapping: BarMapping) -> None:
        """Put the columns on the bars of the chart; none where the series is another one. A joined
        bar has the sum of those that it is made of.

        Parameters
        ----------
        series : PriceSeries or None
            With the bars as they were loaded.
        timeline : Timeline
            Dates of its bars.
        mapping : BarMapping
            Where these are on the chart.
        """
        found = self.explanation
        symbol = "" if series is None else series.symbol
        self.visible = found is not None and symbol == found.symbol
        if not self.visible or found is None:
            return
        loaded = np.round(positions(timeline, found.ds))
        bars = np.ceil(mapping.position(loaded) - 1e-6).astype(np.int64)
        self._bars, index = np.unique(bars, return_inverse=True)
        self._values = np.bincount(index, found.by_bar(), self._bars.size).astype(np.float64)
        largest = max(float(np.abs(self._values).max(initial=0.0)), _LEAST)
        self.row.axis.decimals = price_decimals(largest)
        self.row.pane.setYRange(-1.15 * largest, 1.15 * largest, padding=0)

    def read(self, bar: int) -> str:
        """Return how much a bar moved the median, "" for one that was not read."""
        index = int(np.searchsorted(self._bars, bar))
        if not self.visible or index >= self._bars.size or self._bars[index] != bar:
            return ""
        return _tr("moved the median by {move} usual moves").format(
            move=_signed(float(self._values[index]))
        )

    def summary(self) -> str:
        """Return which bar moved the median most, in a sentence; "" while nothing is shown."""
        if not self.visible or self.explanation is None:
            return ""
        if not self._values.any():
            return _tr("No bar of the lookback moved the median of the forecast.")
        values = self.explanation.by_bar()
        index = int(np.abs(values).argmax())
        return _tr(
            "Of the {n} bars of the lookback, {day} moved the median most: by {move} usual moves."
        ).format(
            n=values.size,
            day=str(self.explanation.ds[index])[:10],
            move=_signed(float(values[index])),
        )

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the columns in view and the line that they start from."""
        if not self.visible:
            return
        zero = frame.row(0.0)
        painter.setPen(line_pen(frame.theme.control, 1.0))
        painter.drawLine(QPointF(0, zero), QPointF(frame.width, zero))
        first, last = np.searchsorted(self._bars, [np.floor(frame.x[0]), np.ceil(frame.x[1]) + 1])
        wide = max(1.0, 0.7 * frame.bar_width)
        for bar, value in zip(self._bars[first:last], self._values[first:last], strict=True):
            end = frame.row(float(value))
            color = frame.theme.up if value >= 0 else frame.theme.down
            column = frame.column(float(bar))
            box = QRectF(column - wide / 2, min(zero, end), wide, max(abs(end - zero), 0.5))
            painter.fillRect(box, QColor(color))
        text = _tr("What moved the median, bar by bar")
        if not self._values.any():
            text = _tr("No bar moved the median")
        at = QPointF(8, QFontMetricsF(frame.font).ascent() + 5)
        write_on(painter, frame, at, text, frame.theme.surface)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value, price_decimals(value) if value else 2)
