"""Artists of what is known and foreseen around the price: split shades, cutoff, forecasts,
baseline, past forecasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen

from app.charts.bar_mapping import BarMapping
from app.charts.bars import line_pen, polygon
from app.charts.canvas import Frame
from app.charts.legend import words
from forecasting.series import Floats, Forecast, Ints, Outcomes, Point, within

#: Levels of the bands, in percent, widest first.
LEVELS: tuple[int, ...] = (95, 80)
#: Places on a chart that are nearer than this are the same.
_EXACT = 1e-6
#: Pixels below which a forecast is too narrow to be read as a fan.
_NARROW = 14.0


#: Under which the line of the forecast can be hidden.
POINT_KEY = "forecast"


def band_key(level: int) -> str:
    """Return under which a band of the forecast can be hidden."""
    return f"band-{level}"


@dataclass(frozen=True, eq=False)
class ForecastBand:
    """A forecast in bar indices: it begins at its cutoff and opens from there.

    Attributes
    ----------
    x : ndarray of float64, shape [H + 1]
        Bar indices; the first is the cutoff. Between two bars where the chart has joined them.
    point : ndarray of float64, shape [H + 1]
        The median, or the mean where the forecast has one; the first is the value at the cutoff.
    bands : dict of int to tuple of ndarray
        Level in percent to lower and upper limit, each [H + 1]; only levels that the forecast has.
    point_name : str
        Which of the two ``point`` is.
    """

    x: Floats
    point: Floats
    bands: dict[int, tuple[Floats, Floats]]
    point_name: Point = "median"

    @classmethod
    def of(cls, forecast: Forecast, cutoff: int) -> ForecastBand:
        """Place a forecast whose cutoff is bar ``cutoff``."""
        bands = {}
        for level in LEVELS:
            try:
                low, high = forecast.band(level)
            except KeyError:
                continue
            bands[level] = (np.r_[forecast.y0, low], np.r_[forecast.y0, high])
        return cls(
            cutoff + np.arange(len(forecast) + 1.0),
            np.r_[forecast.y0, forecast.point],
            bands,
            forecast.point_name,
        )

    def mapped(self, mapping: BarMapping) -> ForecastBand:
        """Return the forecast of bars as they were loaded on those of a chart."""
        return replace(self, x=mapping.position(self.x))

    @property
    def horizon(self) -> int:
        """Steps ahead, H."""
        return int(self.x.size) - 1

    @property
    def cutoff(self) -> int:
        """Index of the last whole bar that the model saw."""
        return math.floor(float(self.x[0]) + _EXACT)

    @property
    def edge(self) -> float:
        """Where what the model saw ends: half a bar behind the last bar, or half a step behind
        the cutoff inside a joined one.
        """
        whole = self.x[0] - self.cutoff <= _EXACT
        return self.cutoff + 0.5 if whole else float(self.x[0] + self.x[1]) / 2

    @property
    def last(self) -> int:
        """Index of the bar in which the forecast ends."""
        return math.ceil(float(self.x[-1]) - _EXACT)

    def step(self, bar: int) -> int:
        """Return the last step inside a bar, which is the close that is forecast of it; 0 where
        there is none.
        """
        step = int(np.searchsorted(self.x, bar + _EXACT, side="right")) - 1
        return step if step > 0 and self.x[step] > bar - 1 + _EXACT else 0

    def widest(self) -> tuple[Floats, Floats]:
        """Return the limits of the widest band, or the point forecast twice."""
        return self.bands[max(self.bands)] if self.bands else (self.point, self.point)

    def seen(self, hidden: frozenset[str]) -> tuple[Floats, Floats] | None:
        """Return the limits of what is drawn while some of it is hidden, None where nothing is;
        see :func:`band_key`.
        """
        levels = [level for level in self.bands if band_key(level) not in hidden]
        if levels:
            return self.bands[max(levels)]
        return None if POINT_KEY in hidden else (self.point, self.point)


class SplitArtist:
    """Shades behind the validation and the test part."""

    def __init__(self) -> None:
        self.val: int | None = None
        self.test: int | None = None
        self.end = 0

    def spans(self, frame: Frame) -> list[tuple[str, str, float, float]]:
        """Return name, shade, and the pixels from which to which each part is in view; nothing
        without a split.
        """
        if self.val is None or self.test is None:
            return []
        edges = [frame.column(bar - 0.5) for bar in (0, self.val, self.test, self.end)]
        parts = (("Train", ""), ("Validation", frame.theme.val), ("Test", frame.theme.test))
        spans = zip(parts, edges[:-1], edges[1:], strict=True)
        seen = [
            (words(name), shade, max(start, 0.0), min(stop, frame.width))
            for (name, shade), start, stop in spans
        ]
        return [span for span in seen if span[3] > span[2]]

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the shades and where they begin."""
        for _, shade, left, right in self.spans(frame):
            if shade:
                painter.fillRect(QRectF(left, 0, right - left, frame.height), QColor(shade))
                if left > 0:
                    painter.setPen(line_pen(frame.theme.muted, 1.0, (1.0, 3.0)))
                    painter.drawLine(QPointF(left, 0), QPointF(left, frame.height))


class SplitNames:
    """The names of the parts over their shades: a word says what a colour only hints at.

    Attributes
    ----------
    lift : float
        Pixels at the foot that are left to something else.
    """

    def __init__(self, split: SplitArtist) -> None:
        self._split = split
        self.lift = 0.0

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Write each name where it fits."""
        metrics = QFontMetricsF(frame.font)
        for name, shade, left, right in self._split.spans(frame):
            if right - left > metrics.horizontalAdvance(name) + 14:
                write_on(
                    painter,
                    frame,
                    QPointF(left + 7, frame.height - 8 - self.lift),
                    name,
                    shade or frame.theme.train,
                )


def write_on(painter: QPainter, frame: Frame, place: QPointF, text: str, ground: str) -> None:
    """Write small text on a patch of its own, so that it stays readable over lines and bars."""
    metrics = QFontMetricsF(frame.font)
    patch = QColor(ground)
    patch.setAlpha(215)
    wide = metrics.horizontalAdvance(text)
    if not frame.theme.see_through:
        painter.fillRect(
            QRectF(place.x() - 3, place.y() - metrics.ascent() - 1, wide + 6, metrics.height() + 2),
            patch,
        )
    painter.setPen(QColor(frame.theme.muted))
    painter.drawText(place, text)


def mark_column(
    painter: QPainter,
    frame: Frame,
    column: float,
    text: str,
    pen: QPen,
    rows: tuple[float, float] | None = None,
    lines: int = 0,
) -> None:
    """Paint an upright line at a column (pixels), with words at its foot on the side where there is
    room.

    Parameters
    ----------
    painter : QPainter
    frame : Frame
    column : float
    text : str
    pen : QPen
    rows : tuple of float, optional
        Pixels from which to which the line goes; over the whole height without it.
    lines : int
        How many lines of text the words stand above the foot.
    """
    top, bottom = rows or (0.0, frame.height)
    painter.setPen(pen)
    painter.drawLine(QPointF(column, top), QPointF(column, bottom))
    metrics = QFontMetricsF(frame.font)
    wide = metrics.horizontalAdvance(text)
    left = column + 8 if column + wide + 14 < frame.width else column - wide - 8
    painter.setPen(Qt.PenStyle.NoPen)
    write_on(
        painter,
        frame,
        QPointF(left, bottom - 8 - lines * (metrics.height() + 4)),
        text,
        frame.theme.surface,
    )


class CutoffArtist:
    """The end of what the model saw, as an upright line with its date, ``lines`` above where
    the last one's stands.
    """

    def __init__(self, label: bool = True, lines: int = 0) -> None:
        self.x: float | None = None
        self.text = ""
        self._label, self._lines = label, lines

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the line."""
        if self.x is None:
            return
        column = frame.column(self.x, crisp=True)
        if not 0 <= column <= frame.width:
            return
        painter.setPen(line_pen(frame.theme.muted, 1.0, (5.0, 4.0)))
        painter.drawLine(QPointF(column, 0), QPointF(column, frame.height))
        if not self._label or not self.text:
            return
        metrics = QFontMetricsF(frame.font)
        wide = metrics.horizontalAdvance(self.text)
        at_right = column + wide + 12 < frame.width
        # At the left it would cover the name of the last part, so it stands a line higher there.
        lines = self._lines or (0 if at_right else 1)
        left = column + 7 if at_right else column - wide - 7
        write_on(
            painter,
            frame,
            QPointF(left, frame.height - 8 - lines * (metrics.height() + 4)),
            self.text,
            frame.theme.surface,
        )


class ForecastArtist:
    """The network's forecast: dashed median between an 80 and a 95 % band; while training paler,
    with dotted limits.
    """

    def __init__(self) -> None:
        self.fan: ForecastBand | None = None
        self.final = True
        self.hidden: frozenset[str] = frozenset()

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the fan."""
        fan = self.fan
        if fan is None or fan.last < frame.x[0] - 1 or fan.cutoff > frame.x[1] + 1:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        x = frame.px(fan.x)
        theme = frame.theme
        if x[-1] - x[0] < _NARROW:
            self._paint_end(painter, frame, fan, float(x[-1]))
            return
        for level, share in ((95, 0.16), (80, 0.24)):
            if level not in fan.bands or band_key(level) in self.hidden:
                continue
            low, high = (frame.py(limit) for limit in fan.bands[level])
            fill_between(
                painter, x, low, high, theme.forecast, share if self.final else share * 0.6
            )
            painter.setPen(line_pen(theme.forecast, 1.0, () if self.final else (1.5, 2.5)))
            painter.drawPolyline(polygon(x, low))
            painter.drawPolyline(polygon(x, high))
        if POINT_KEY in self.hidden:
            return
        painter.setPen(line_pen(theme.forecast, 2.0, (6.0, 3.0)))
        painter.drawPolyline(polygon(x, frame.py(fan.point)))

    def _paint_end(self, painter: QPainter, frame: Frame, fan: ForecastBand, column: float) -> None:
        """Paint the last bar of a forecast that is too narrow for a fan: a box for each band,
        wide enough to be seen, and a bar.
        """
        theme = frame.theme
        for level, share, half in ((95, 0.16, 0.5 * _NARROW), (80, 0.24, 0.35 * _NARROW)):
            if level not in fan.bands or band_key(level) in self.hidden:
                continue
            low, high = (float(frame.py(limit)[-1]) for limit in fan.bands[level])
            box = QRectF(column - half, high, 2 * half, max(low - high, 1.0))
            _fill_box(painter, box, theme.forecast, share if self.final else share * 0.6)
            painter.setPen(line_pen(theme.forecast, 1.0, () if self.final else (1.5, 2.5)))
            painter.drawRect(box)
        if POINT_KEY not in self.hidden:
            row = float(frame.py(fan.point)[-1])
            painter.setPen(line_pen(theme.forecast, 2.5))
            painter.drawLine(
                QPointF(column - 0.5 * _NARROW, row), QPointF(column + 0.5 * _NARROW, row)
            )


class TruthArtist:
    """What happened after a forecast: a dot at each close that its widest band held, a ring at each
    that it missed; dots alone where the forecast has no band.

    Attributes
    ----------
    fan : ForecastBand or None
    closes : ndarray, shape [H]
        What happened, NaN where that is not known.
    """

    def __init__(self) -> None:
        self.fan: ForecastBand | None = None
        self.closes: Floats = np.empty(0)

    def show(self, fan: ForecastBand | None, y: Floats, cutoff: int) -> None:
        """Compare a forecast with the closes of its series, ``y`` [T], after bar ``cutoff``."""
        self.fan = fan
        if fan is not None:
            ahead = y[cutoff + 1 : cutoff + 1 + fan.horizon]
            self.closes = np.r_[ahead, np.full(fan.horizon - ahead.size, np.nan)]

    @property
    def known(self) -> bool:
        """Whether anything of it has happened."""
        return self.fan is not None and bool(np.isfinite(self.closes).any())

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the closes that are known."""
        if self.fan is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        low, high = (limit[1:] for limit in self.fan.widest())
        columns, rows = frame.px(self.fan.x[1:]), frame.py(self.closes)
        hits = within(low, self.closes, high) | (not self.fan.bands)
        for index in np.flatnonzero(np.isfinite(self.closes)):
            inside = bool(hits[index])
            painter.setPen(
                line_pen(
                    frame.theme.surface if inside else frame.theme.down, 1.0 if inside else 1.8
                )
            )
            painter.setBrush(QColor(frame.theme.text) if inside else Qt.BrushStyle.NoBrush)
            radius = 3.0 if inside else 4.0
            painter.drawEllipse(QPointF(float(columns[index]), float(rows[index])), radius, radius)


class BaselineArtist:
    """The baseline's band, faint: what doing nothing would have said."""

    def __init__(self) -> None:
        self.fan: ForecastBand | None = None
        self.hidden = False

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint dotted limits and a dotted median."""
        fan = self.fan
        if fan is None or self.hidden or fan.last < frame.x[0] - 1 or fan.cutoff > frame.x[1] + 1:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        x = frame.px(fan.x)
        color = frame.theme.baseline
        painter.setPen(line_pen(color, 1.0, (2.0, 3.0)))
        for limit in (*fan.widest(), fan.point):
            painter.drawPolyline(polygon(x, frame.py(limit)))


class PastArtist:
    """Past forecasts over what then happened, faint and end to end, so that one can see how
    often the band held.
    """

    def __init__(self) -> None:
        self.hidden = False
        self._fans: list[ForecastBand] = []
        self._starts: Ints = np.empty(0, np.int64)

    def show(
        self, outcomes: Outcomes | None, symbol: str, cutoffs: Ints, mapping: BarMapping
    ) -> None:
        """Choose the forecasts of one symbol that follow each other without overlap, the latest
        first.

        Parameters
        ----------
        outcomes : Outcomes or None
        symbol : str
        cutoffs : ndarray of int64, shape [N]
            Bar of each origin, among those that were loaded.
        mapping : BarMapping
            Where those are on the chart.
        """
        self._fans = []
        if outcomes is not None:
            mine = np.flatnonzero((outcomes.symbol == symbol) & (cutoffs >= 0))
            mine = mine[np.argsort(cutoffs[mine], kind="stable")]
            bars, index = cutoffs[mine], mine.size - 1
            while index >= 0:
                fan = ForecastBand.of(_forecast(outcomes, int(mine[index])), int(bars[index]))
                self._fans.append(fan.mapped(mapping))
                index = int(np.searchsorted(bars, bars[index] - outcomes.horizon, side="right")) - 1
            self._fans.reverse()
        self._starts = np.array([fan.cutoff for fan in self._fans], np.int64)

    @property
    def known(self) -> bool:
        """Whether there is anything that could be seen."""
        return bool(self._fans)

    def in_view(self, low: float, high: float, bar_width: float) -> list[ForecastBand]:
        """Return the fans that cross a range of bars; none where they would be mere specks that
        cannot be joined.
        """
        if self.hidden or not self._fans or (self._specks(bar_width) and self._fans[0].x.size > 2):
            return []
        first = max(0, int(np.searchsorted(self._starts, low)) - 1)
        return self._fans[first : int(np.searchsorted(self._starts, high))]

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the fans in view."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        fans = self.in_view(*frame.x, frame.bar_width)
        if fans and self._specks(frame.bar_width):
            self._paint_joined(painter, frame, fans)
            return
        for fan in fans:
            x = frame.px(fan.x)
            low, high = (frame.py(limit) for limit in fan.widest())
            fill_between(painter, x, low, high, frame.theme.forecast, 0.10)
            painter.setPen(line_pen(frame.theme.forecast, 1.0, (3.0, 2.0)))
            painter.drawPolyline(polygon(x, frame.py(fan.point)))

    def _specks(self, bar_width: float) -> bool:
        """Whether the fans are too narrow to be seen one by one."""
        return bar_width * float(np.ptp(self._fans[0].x)) < 6

    def _paint_joined(self, painter: QPainter, frame: Frame, fans: list[ForecastBand]) -> None:
        """Paint forecasts of one bar as one band: what was said each day of the next."""
        x = frame.px(np.array([fan.x[-1] for fan in fans]))
        limits = [fan.widest() for fan in fans]
        low, high = (frame.py(np.array([pair[side][-1] for pair in limits])) for side in (0, 1))
        middle = frame.py(np.array([fan.point[-1] for fan in fans]))
        for part in np.split(
            np.arange(x.size), np.flatnonzero(np.diff(x) > 3 * frame.bar_width) + 1
        ):
            fill_between(painter, x[part], low[part], high[part], frame.theme.forecast, 0.16)
            painter.setPen(line_pen(frame.theme.forecast, 1.0, (3.0, 2.0)))
            painter.drawPolyline(polygon(x[part], middle[part]))


def _forecast(outcomes: Outcomes, index: int) -> Forecast:
    """Return one of the outcomes as a forecast."""
    y0, ds, values = float(outcomes.y0[index]), outcomes.ds[index], outcomes.values[index]
    mean = outcomes.mean[index] if outcomes.mean.size else None
    return Forecast(
        str(outcomes.symbol[index]),
        outcomes.model,
        outcomes.cutoff[index],
        y0,
        ds,
        outcomes.quantiles,
        values,
        mean,
    )


def _fill_box(painter: QPainter, box: QRectF, color: str, share: float) -> None:
    """Fill a rectangle with a tint."""
    fill = QColor(color)
    fill.setAlphaF(share)
    painter.fillRect(box, fill)


def fill_between(
    painter: QPainter, x: Floats, low: Floats, high: Floats, color: str, share: float
) -> None:
    """Fill the area between two lines."""
    fill = QColor(color)
    fill.setAlphaF(share)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(fill))
    painter.drawPolygon(polygon(np.r_[x, x[::-1]], np.r_[high, low[::-1]]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
