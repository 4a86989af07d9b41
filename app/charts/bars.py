"""Artists of the price itself: candles, OHLC bars, line, area and volume, all from the visible
slice only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPen, QPolygonF

from app.charts.canvas import Frame
from app.charts.downsampling import BarPyramid, Bars
from forecasting.series import Floats

#: Ways to draw a series.
Style = Literal["candles", "bars", "line", "area"]

#: Below this distance of bars, in pixels, neighbours are merged into one upright line a column.
_DENSE = 2.4


def line_pen(color: str, width: float = 1.0, dash: tuple[float, ...] = ()) -> QPen:
    """Return a pen; ``dash`` in pixels: stroke, gap, stroke, gap, ..."""
    pen = QPen(QColor(color), width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if dash:
        pen.setDashPattern([part / width for part in dash])
    return pen


def polygon(x: Floats, y: Floats) -> QPolygonF:
    """Return points as a polygon."""
    result: QPolygonF = pg.functions.arrayToQPolygonF(x, y)
    return result


class LineStrokes:
    """Paints long lines in short pieces: Qt strokes a wide polyline far slower."""

    def __init__(self) -> None:
        self._pieces = PrimitiveArray(QLineF, 4)

    def paint(
        self, painter: QPainter, frame: Frame, x: Floats, low: Floats, high: Floats, *, whole: bool
    ) -> None:
        """Paint a line with the pen that is set.

        Parameters
        ----------
        painter : QPainter
        frame : Frame
        x, low, high : ndarray of float64, shape [N]
            Bars, and the extremes of what each stands for: both are visited where they differ, the
            nearer one to the bar before first.
        whole : bool
            Paint one polyline, as dashes and vector graphics need it.
        """
        column, row = frame.px(x), frame.py(low)
        if high is not low:
            rising = np.diff(low, prepend=low[:1]) >= 0
            pairs = np.stack([np.where(rising, low, high), np.where(rising, high, low)], axis=1)
            column, row = np.repeat(column, 2), frame.py(pairs.ravel())
        if whole or not frame.on_screen:
            painter.drawPolyline(polygon(column, row))
            return
        self._pieces.resize(column.size - 1)
        for index, part in enumerate((column[:-1], row[:-1], column[1:], row[1:])):
            self._pieces.ndarray()[:, index] = part
        painter.drawLines(*self._pieces.drawargs())


class PriceArtist:
    """The prices of the series in one of four styles."""

    def __init__(self) -> None:
        self.pyramid: BarPyramid | None = None
        self.style: Style = "candles"
        self._lines = PrimitiveArray(QLineF, 4)
        self._rects = PrimitiveArray(QRectF, 4)

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the visible bars."""
        if self.pyramid is None:
            return
        bars = (
            visible(self.pyramid, frame, dense=1.0)
            if self.style in ("line", "area")
            else visible(self.pyramid, frame, _DENSE, 0.5)
        )
        if bars.x.size == 0:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, frame.scale != round(frame.scale))
        if self.style in ("line", "area"):
            self._closes(painter, frame, bars)
        elif bars.step > 1:
            self._ranges(painter, frame, bars)
        else:
            draw: Callable[[QPainter, Frame, Bars], None] = (
                self._candles if self.style == "candles" else self._ohlc
            )
            draw(painter, frame, bars)

    def _candles(self, painter: QPainter, frame: Frame, bars: Bars) -> None:
        """Paint bodies and wicks: hollow where the close is not below the open, filled where it
        is.
        """
        body = min(_odd(frame.bar_width * 0.68, frame.scale), 15.0)
        fine = frame.scale != 1
        pen = max(0.7, min(1.4, body / 5)) if fine else 1.0
        x = frame.snap(frame.px(bars.x))
        top, bottom = (
            frame.py(np.maximum(bars.open, bars.close)),
            frame.py(np.minimum(bars.open, bars.close)),
        )
        high, low = frame.py(bars.high), frame.py(bars.low)
        rising = bars.close >= bars.open
        thin = body < (1.8 if fine else 3)
        for part, color in ((rising, frame.theme.up), (~rising, frame.theme.down)):
            painter.setPen(line_pen(color, pen))
            if thin:
                self._draw_lines(painter, x[part], high[part], x[part], low[part])
                continue
            self._draw_lines(painter, x[part], high[part], x[part], top[part])
            self._draw_lines(painter, x[part], bottom[part], x[part], low[part])
            painter.setBrush(Qt.BrushStyle.NoBrush if part is rising else QColor(color))
            height = np.maximum(bottom[part] - top[part], 0.01)
            inset = pen / 2 if fine else 0.5
            self._draw_rects(
                painter,
                x[part] - body / 2 + inset,
                top[part],
                np.full(height.size, body - 2 * inset),
                height,
            )

    def _ohlc(self, painter: QPainter, frame: Frame, bars: Bars) -> None:
        """Paint a stroke from low to high, with the open at its left and the close at its right."""
        tick = max(1.0, min(frame.bar_width * 0.38, 7.0))
        width = 1.0 if frame.bar_width < 10 else 2.0 if frame.scale == 1 else 1.5
        x = frame.snap(frame.px(bars.x))
        high, low, opened, close = (
            frame.py(column) for column in (bars.high, bars.low, bars.open, bars.close)
        )
        rising = bars.close >= bars.open
        for part, color in ((rising, frame.theme.up), (~rising, frame.theme.down)):
            painter.setPen(line_pen(color, width))
            self._draw_lines(painter, x[part], high[part], x[part], low[part])
            self._draw_lines(painter, x[part] - tick, opened[part], x[part], opened[part])
            self._draw_lines(painter, x[part], close[part], x[part] + tick, close[part])

    def _ranges(self, painter: QPainter, frame: Frame, bars: Bars) -> None:
        """Paint merged bars: the range of each column, and the closes through them."""
        x = frame.snap(frame.px(bars.x))
        high, low = frame.py(bars.high), frame.py(bars.low)
        rising = bars.close >= bars.open
        for part, color in ((rising, frame.theme.up), (~rising, frame.theme.down)):
            painter.setPen(line_pen(color))
            self._draw_lines(
                painter, x[part], high[part], x[part], np.maximum(low[part], high[part] + 1)
            )

    def _closes(self, painter: QPainter, frame: Frame, bars: Bars) -> None:
        """Paint the line of closes, with a shade below for an area."""
        x, y = frame.px(bars.x), frame.py(bars.close)
        if bars.step > 1:  # both extremes of each column, in the order in which the column went
            rising = bars.close >= bars.open
            first = np.where(rising, bars.close_low, bars.close_high)
            second = np.where(rising, bars.close_high, bars.close_low)
            x, y = np.repeat(x, 2), frame.py(np.stack([first, second], axis=1).ravel())
        if self.style == "area":
            painter.setRenderHint(
                QPainter.RenderHint.Antialiasing, not frame.on_screen
            )  # the line hides the edge
            shade = QLinearGradient(QPointF(0, float(y.min())), QPointF(0, frame.height))
            for index, alpha in ((0.0, 90), (1.0, 8)):
                color = QColor(frame.theme.price)
                color.setAlpha(alpha)
                shade.setColorAt(index, color)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawPolygon(
                polygon(np.r_[x[0], x, x[-1]], np.r_[frame.height, y, frame.height])
            )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        pen = line_pen(frame.theme.price, 1.6 if bars.step == 1 else 1.1)
        if frame.on_screen:  # Qt strokes a wide polyline 10 to 20 times slower than its pieces
            pen.setCapStyle(Qt.PenCapStyle.SquareCap)
            painter.setPen(pen)
            self._draw_lines(painter, x[:-1], y[:-1], x[1:], y[1:])
        else:
            painter.setPen(pen)
            painter.drawPolyline(polygon(x, y))

    def _draw_lines(
        self, painter: QPainter, x0: Floats, y0: Floats, x1: Floats, y1: Floats
    ) -> None:
        if x0.size:
            self._lines.resize(x0.size)
            for index, column in enumerate((x0, y0, x1, y1)):
                self._lines.ndarray()[:, index] = column
            painter.drawLines(*self._lines.drawargs())

    def _draw_rects(
        self, painter: QPainter, x: Floats, y: Floats, width: Floats, height: Floats
    ) -> None:
        if x.size:
            self._rects.resize(x.size)
            for index, column in enumerate((x, y, width, height)):
                self._rects.ndarray()[:, index] = column
            painter.drawRects(*self._rects.drawargs())


class VolumeArtist:
    """Volume as columns from the floor of its own pane."""

    def __init__(self) -> None:
        self.pyramid: BarPyramid | None = None
        self._rects = PrimitiveArray(QRectF, 4)

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the visible columns."""
        if self.pyramid is None or not self.pyramid.has_volume:
            return
        bars = visible(self.pyramid, frame, _DENSE, 0.5)
        known: npt.NDArray[np.bool_] = np.isfinite(bars.volume) & (bars.volume > 0)
        if not known.any():
            return
        wide = (
            min(_odd(frame.bar_width * 0.68, frame.scale), 15.0)
            if bars.step == 1
            else max(1.0, frame.bar_width * bars.step * 0.8)
        )
        x, top = frame.snap(frame.px(bars.x[known])), frame.py(bars.volume[known])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, frame.scale != round(frame.scale))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(frame.theme.volume))
        self._rects.resize(x.size)
        for index, column in enumerate(
            (x - wide / 2, top, np.full(x.size, wide), frame.height - top)
        ):
            self._rects.ndarray()[:, index] = column
        painter.drawRects(*self._rects.drawargs())


def visible(pyramid: BarPyramid, frame: Frame, dense: float, reach: float = 1.0) -> Bars:
    """Return the bars in view, merged until their distance is at least one pixel where it is below
    ``dense`` pixels.

    ``reach`` is how many bars beyond the view still touch it: half a bar's own width, or the next
    point of a line.
    """
    start, stop = (
        int(np.ceil(frame.x[0] - reach + 1e-9)),
        int(np.floor(frame.x[1] + reach - 1e-9)) + 1,
    )
    return pyramid.bars(start, stop, step_for(frame, dense))


def step_for(frame: Frame, dense: float) -> int:
    """Return how many bars to merge so that their distance is at least one pixel where it is
    below ``dense`` pixels.
    """
    return (
        1 if frame.bar_width >= dense else int(2 ** max(1, np.ceil(np.log2(1.0 / frame.bar_width))))
    )


def _odd(width: float, scale: float) -> float:
    """Return a width that is symmetric about a device pixel's centre: an odd number of them."""
    if scale <= 0:
        return max(width, 1.0)
    pixels = max(1, int(width * scale))
    pixels += (pixels % 2) != (round(scale) % 2)
    return pixels / scale
