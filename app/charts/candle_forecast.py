"""Candles that are forecast: the median of open, high, low and close of each bar to come, with the
80 % bands of high and low.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.charts.bands import ForecastBand
from app.charts.bars import line_pen
from app.charts.canvas import Frame
from app.charts.legend import Entry, words
from app.number_format import number, price_decimals
from app.theme import Theme
from forecasting.series import Floats, Forecast

if TYPE_CHECKING:
    from forecasting.paths.candles import Candles

#: Key under which they can be hidden.
CANDLES_KEY = "candles"
_OPEN, _HIGH, _LOW, _CLOSE = range(4)
#: Widest body in pixels, and the least room for a bar at which candles are painted.
_WIDEST, _LEAST = 15.0, 3.0
_EXACT = 1e-6


class CandleForecastArtist:
    """Candles in the colour of the forecast, dashed, so that none is taken for one of the past.

    Attributes
    ----------
    candles : Candles or None
        Quantiles of the next candles of a series.
    hidden : frozenset of str
        Keys of what the legend has hidden.
    """

    def __init__(self) -> None:
        self.candles: Candles | None = None
        self.hidden: frozenset[str] = frozenset()
        self._bars: Floats = np.empty(0)

    def show(self, candles: Candles | None) -> None:
        """Take candles, which are drawn once they are located; None takes them away."""
        self.candles, self._bars = candles, np.empty(0)

    def locate(self, forecast: Forecast | None, band: ForecastBand | None) -> None:
        """Put the candles on the bars of the forecast they were made of; nothing is drawn beside
        another forecast, or where the chart has joined the bars.
        """
        made = self.candles
        same = (
            made is not None
            and forecast is not None
            and (made.symbol, made.cutoff) == (forecast.symbol, forecast.cutoff)
            and np.array_equal(made.ds, forecast.ds)
        )
        whole = band is not None and bool((np.abs(np.diff(band.x) - 1) < _EXACT).all())
        self._bars = band.x[1:] if same and whole and band is not None else np.empty(0)

    @property
    def known(self) -> bool:
        """Whether there are candles to draw, hidden or not."""
        return self._bars.size > 0

    def _part(self, part: int, level: float) -> Floats:
        """Return a quantile of a part of the candle, shape [H]."""
        assert self.candles is not None
        found: Floats = self.candles.values[part, :, self.candles.levels.index(level)]
        return found

    def extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return the lowest and the highest price over bars ``[start, stop]``."""
        if not self.known or CANDLES_KEY in self.hidden:
            return None
        seen: npt.NDArray[np.bool_] = (self._bars >= start) & (self._bars <= stop)
        if not seen.any():
            return None
        low, high = self._part(_LOW, 0.1)[seen], self._part(_HIGH, 0.9)[seen]
        return float(low.min()), float(high.max())

    def entries(self, theme: Theme, bar: int = -1) -> list[Entry]:
        """Return the legend of the candles, with that of a bar where it has one."""
        if not self.known:
            return []
        value = self.value(bar)
        return [Entry(words("candles"), theme.forecast, "line", (3.0, 2.0), CANDLES_KEY, value)]

    def _step(self, bar: int) -> int:
        """Return the step of a bar, counted from 0; -1 where no candle is foreseen or shown."""
        step = int(np.searchsorted(self._bars, bar - _EXACT))
        if CANDLES_KEY in self.hidden or step >= self._bars.size:
            return -1
        return step if abs(self._bars[step] - bar) <= _EXACT else -1

    def _numbers(self, step: int, part: int, *levels: float) -> list[str]:
        assert self.candles is not None
        decimals = price_decimals(self.candles.y0)
        return [number(float(self._part(part, level)[step]), decimals) for level in levels]

    def value(self, bar: int) -> str:
        """Return the medians of a bar for the legend, "" where none are foreseen."""
        step = self._step(bar)
        if step < 0:
            return ""
        letters = zip("OHLC", (_OPEN, _HIGH, _LOW, _CLOSE), strict=True)
        return "  ".join(f"{name} {self._numbers(step, part, 0.5)[0]}" for name, part in letters)

    def read(self, bar: int) -> str:
        """Return the 80 % bands of high and low of a bar, "" where none are foreseen."""
        step = self._step(bar)
        if step < 0:
            return ""
        high, low = (self._numbers(step, part, 0.1, 0.9) for part in (_HIGH, _LOW))
        text = words("high 80 % {high}   low 80 % {low}")
        return text.format(high=" – ".join(high), low=" – ".join(low))

    def columns(self) -> dict[str, Floats]:
        """Return medians of open, high and low, and the 80 % bands of high and low, [H] each,
        for the table of the chart.
        """
        if not self.known or self.candles is None or CANDLES_KEY in self.hidden:
            return {}
        model = self.candles.model
        found = {
            f"{model}-{name}-median": self._part(part, 0.5)
            for name, part in (("open", _OPEN), ("high", _HIGH), ("low", _LOW))
        }
        for name, part in (("high", _HIGH), ("low", _LOW)):
            found[f"{model}-{name}-lo-80"] = self._part(part, 0.1)
            found[f"{model}-{name}-hi-80"] = self._part(part, 0.9)
        return found

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the candles in view, as far as there is room for them."""
        if not self.known or CANDLES_KEY in self.hidden or frame.bar_width < _LEAST:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        body = min(0.68 * frame.bar_width, _WIDEST)
        parts = [frame.py(self._part(part, 0.5)) for part in range(4)]
        bands = [
            (frame.py(self._part(part, 0.1)), frame.py(self._part(part, 0.9)))
            for part in (_HIGH, _LOW)
        ]
        columns = frame.px(self._bars)
        for step in np.flatnonzero((columns > -body) & (columns < frame.width + body)):
            column = float(columns[step])
            for low, high in bands:
                self._paint_band(painter, frame, column, body, float(low[step]), float(high[step]))
            rows = [float(part[step]) for part in parts]
            self._paint_candle(painter, frame, column, body, rows)

    @staticmethod
    def _paint_band(
        painter: QPainter, frame: Frame, column: float, body: float, low: float, high: float
    ) -> None:
        """Paint where high or low lies in 80 % of the cases."""
        color = QColor(frame.theme.forecast)
        color.setAlphaF(0.30)
        painter.fillRect(QRectF(column - 0.28 * body, high, 0.56 * body, max(low - high, 1)), color)

    @staticmethod
    def _paint_candle(
        painter: QPainter, frame: Frame, column: float, body: float, rows: list[float]
    ) -> None:
        """Paint the median: hollow where the close is not below the open, filled where it is."""
        opened, high, low, close = rows
        painter.setPen(line_pen(frame.theme.forecast, 1.3))
        painter.drawLine(QPointF(column, high), QPointF(column, min(opened, close)))
        painter.drawLine(QPointF(column, max(opened, close)), QPointF(column, low))
        painter.setPen(line_pen(frame.theme.forecast, 1.3, (3.0, 2.0)))
        rising = close <= opened
        painter.setBrush(QColor(frame.theme.surface if rising else frame.theme.forecast))
        height = max(abs(close - opened), 1.0)
        painter.drawRect(QRectF(column - body / 2, min(opened, close), body, height))
        painter.setBrush(Qt.BrushStyle.NoBrush)
