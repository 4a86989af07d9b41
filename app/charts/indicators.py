"""Indicators on the price chart: lines over the prices, or in a pane of their own below them."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.charts.bands import write_on
from app.charts.bars import LineStrokes, line_pen, polygon, step_for
from app.charts.canvas import Frame
from app.charts.downsampling import LinePyramid
from app.charts.legend import Entry, words
from app.number_format import number, short_number
from app.theme import Theme
from forecasting.indicators import Indicator
from forecasting.series import Floats, PriceSeries

#: Hues for the light and the dark theme; none is that of prices, of the forecast or of the
#: baseline.
HUES = {
    False: ("#7B4FB5", "#8C5A2B", "#C2408A", "#5F6B00", "#1F6F8B", "#A33B2A"),
    True: ("#C3A6F2", "#D9A77A", "#F08CC4", "#D3D86B", "#8FD3DB", "#FF9E8A"),
}
#: Dashes that go with them, so that colour is not the only cue.
_DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (7.0, 3.0),
    (3.0, 2.0),
    (9.0, 3.0, 2.0, 3.0),
    (5.0, 2.0, 1.0, 2.0),
    (12.0, 3.0),
)
#: Dashes of lines that go with another one.
_LINE_DASHES: dict[str, tuple[float, ...]] = {
    "signal": (3.0, 2.0),
    "-di": (1.0, 2.0),
    "base": (6.0, 3.0),
    "span B": (2.0, 2.0),
}
#: Values from which on numbers are written short, as those of on-balance volume.
LARGE = 1e6


class IndicatorSeries:
    """One indicator of one series, computed when it is drawn for the first time.

    Parameters
    ----------
    indicator : Indicator
    series : PriceSeries

    Attributes
    ----------
    hue, stroke : int
        Which colour and which dash it has; the first dash of a pane has no gaps.
    """

    def __init__(self, indicator: Indicator, series: PriceSeries) -> None:
        self.indicator, self.series = indicator, series
        self.hue = self.stroke = 0

    @property
    def pane(self) -> str:
        """The pane that it shares with others of its name; "" where it lies over the prices, or
        has nothing to draw.
        """
        return "" if self.indicator.spec.scale is None or self.missing else self.indicator.name

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Columns that it needs and the series lacks."""
        return self.indicator.missing(self.series)

    @cached_property
    def lines(self) -> dict[str, LinePyramid]:
        """Its lines by name."""
        return {
            name: LinePyramid(values) for name, values in self.indicator.lines(self.series).items()
        }

    @property
    def key(self) -> str:
        """Under which it can be hidden."""
        return self.indicator.text

    def color(self, theme: Theme) -> str:
        """Return its hue."""
        return HUES[theme.is_dark][self.hue % len(_DASHES)]

    @property
    def dash(self) -> tuple[float, ...]:
        """Its dash, () for a line without gaps."""
        return _DASHES[self.stroke % len(_DASHES)]

    def extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return its lowest and highest value over bars ``[start, stop)``, or None where it has
        none.
        """
        known = [
            part for line in self.lines.values() if (part := line.extent(start, stop)) is not None
        ]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None

    def entry(self, theme: Theme, bar: int, decimals: int) -> Entry:
        """Return what a legend says of it, with its values at a bar."""
        if self.missing:
            text = words("needs {columns}").format(columns=", ".join(self.missing))
            return Entry(self.indicator.label, self.color(theme), "line", self.dash, self.key, text)
        own = self.indicator.spec.scale
        digits = decimals if own is None or not np.isfinite(own[0]) else 1
        values = (
            [float(line.values[bar]) for line in self.lines.values()]
            if 0 <= bar < len(self.series)
            else []
        )
        text = " / ".join(
            short_number(value) if abs(value) >= LARGE else number(value, digits)
            for value in values
            if np.isfinite(value)
        )
        return Entry(self.indicator.label, self.color(theme), "line", self.dash, self.key, text)


class IndicatorArtist:
    """The indicators of one pane.

    Attributes
    ----------
    studies : list of Study
        What is drawn, the last on top.
    """

    def __init__(self) -> None:
        self.studies: list[IndicatorSeries] = []
        self._strokes = LineStrokes()
        self._columns = PrimitiveArray(QRectF, 4)

    @property
    def bounded(self) -> bool:
        """Whether the scale has limits of its own, such as 0 to 100."""
        scale = self.studies[0].indicator.spec.scale if self.studies else None
        return scale is not None and bool(np.isfinite(scale[0]))

    def limits(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return the range of the pane for bars ``[start, stop)``, with some air; None where there
        is nothing to show.
        """
        spec = self.studies[0].indicator.spec if self.studies else None
        if spec is not None and spec.scale is not None and self.bounded:
            return spec.scale
        known = [part for item in self.studies if (part := item.extent(start, stop)) is not None]
        if spec is None or not known:
            return None
        low = min(*spec.guides, *(low for low, _ in known), math.inf)
        high = max(*spec.guides, *(high for _, high in known), -math.inf)
        air = 0.12 * max(high - low, 1e-9)
        return low - air, high + air

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the part in view."""
        for study in self.studies:
            for level in study.indicator.spec.guides:
                painter.setPen(line_pen(frame.theme.muted, 1.0, (1.0, 3.0)))
                row = frame.row(level, crisp=True)
                painter.drawLine(QPointF(0, row), QPointF(frame.width, row))
        for study in self.studies:
            color, lines = study.color(frame.theme), study.lines
            if "histogram" in lines:
                self._histogram(painter, frame, lines["histogram"], frame.theme.volume)
            filled = [lines[name] for name in study.indicator.spec.fill if name in lines]
            if len(filled) == 2:
                self._ground(painter, frame, filled[0], filled[1], color)
            for index, (name, line) in enumerate(lines.items()):
                if name != "histogram":
                    thin = name in study.indicator.spec.fill
                    self._line(
                        painter,
                        frame,
                        line,
                        color,
                        1.0 if thin or index else 1.4,
                        _LINE_DASHES.get(name, study.dash),
                    )

    def _line(
        self,
        painter: QPainter,
        frame: Frame,
        line: LinePyramid,
        color: str,
        width: float,
        dash: tuple[float, ...],
    ) -> None:
        x, low, high, step = _visible(line, frame, 1.0)
        if x.size < 2:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        thinned = step > 1
        painter.setPen(line_pen(color, width, () if thinned else dash))
        high = high if thinned else low
        self._strokes.paint(painter, frame, x, low, high, whole=bool(dash) and not thinned)

    def _ground(
        self, painter: QPainter, frame: Frame, lower: LinePyramid, upper: LinePyramid, color: str
    ) -> None:
        lower_x, low, _, _ = _visible(lower, frame, 1.0)
        upper_x, _, high, _ = _visible(upper, frame, 1.0)
        x = np.intersect1d(lower_x, upper_x, assume_unique=True)
        if x.size < 2:
            return
        low = low[np.searchsorted(lower_x, x)]
        high = high[np.searchsorted(upper_x, x)]
        fill = QColor(color)
        fill.setAlphaF(0.08)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        column = frame.px(x)
        painter.drawPolygon(
            polygon(np.r_[column, column[::-1]], np.r_[frame.py(high), frame.py(low)[::-1]])
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _histogram(self, painter: QPainter, frame: Frame, line: LinePyramid, color: str) -> None:
        x, low, high, step = _visible(line, frame, 2.4)
        if not x.size:
            return
        value: Floats = np.where(np.abs(low) > np.abs(high), low, high)
        wide = max(1.0, frame.bar_width * step * 0.6)
        top, floor = frame.py(np.maximum(value, 0.0)), frame.py(np.minimum(value, 0.0))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(color))
        self._columns.resize(x.size)
        for index, part in enumerate(
            (frame.px(x) - wide / 2, top, np.full(x.size, wide), np.maximum(floor - top, 1.0))
        ):
            self._columns.ndarray()[:, index] = part
        painter.drawRects(*self._columns.drawargs())
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _visible(line: LinePyramid, frame: Frame, dense: float) -> tuple[Floats, Floats, Floats, int]:
    """Return centres, lows and highs of a line in view, and how many bars each stands for."""
    step = step_for(frame, dense)
    start, stop = int(np.ceil(frame.x[0] - 1 + 1e-9)), int(np.floor(frame.x[1] + 1 - 1e-9)) + 1
    return (*line.points(start, stop, step), step)


class PaneName:
    """What a pane of its own shows, at its top left."""

    def __init__(self, artist: IndicatorArtist) -> None:
        self._artist = artist

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Write the names of the indicators."""
        names = "   ".join(study.indicator.label for study in self._artist.studies)
        if names:
            write_on(
                painter,
                frame,
                QPointF(8, QFontMetricsF(frame.font).ascent() + 5),
                names,
                frame.theme.surface,
            )
