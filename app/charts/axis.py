"""Axes of the charts: session dates under bar indices, and round prices beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLocale, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.number_format import number, short_number, signed
from app.theme import LIGHT, Theme, contrast
from forecasting.series import Dates, Floats, Ints

#: Distances of date labels, coarse to fine: numpy unit and count. "W" means Mondays.
_LADDER: tuple[tuple[str, int], ...] = (
    *(("Y", n) for n in (100, 50, 20, 10, 5, 2, 1)),
    *(("M", n) for n in (6, 3, 1)),
    *(("W", 2), ("W", 1), ("D", 1)),
    *(("h", n) for n in (12, 6, 3, 1)),
    *(("m", n) for n in (30, 15, 5, 1)),
    *(("s", n) for n in (30, 15, 5, 1)),
)
#: Units that a label may speak of, coarse to fine.
_RANKS: tuple[str, ...] = ("Y", "M", "D", "m", "s")
_EMPTY: Dates = np.empty(0, "datetime64[us]")
_GAP = 14.0
#: Widths of texts that an axis keeps at most.
_MOST_WIDTHS = 2_000


@dataclass(frozen=True)
class Tick:
    """One mark of an axis: place in the units of the view, text, and whether it begins a coarser
    unit.
    """

    place: float
    label: str
    strong: bool = False


@dataclass(frozen=True)
class Tag:
    """A price marked on the axis in a filled box: the last close, the forecast."""

    place: float
    color: str


class Timeline:
    """The dates under the bar indices 0, 1, 2, ...: the bars of a series, then the future sessions
    of a forecast.

    Parameters
    ----------
    ds : ndarray of datetime64, shape [T]
    future : ndarray of datetime64, shape [H]
        Sessions after the last bar.
    zone : str
        IANA name of the zone of the dates, "" where it is not known.
    """

    def __init__(self, ds: Dates = _EMPTY, future: Dates = _EMPTY, zone: str = "") -> None:
        self._zone = zone
        self.bars = int(ds.size)
        self.ds: Dates = (
            np.concatenate([ds, future]).astype("datetime64[us]")
            if future.size
            else ds.astype("datetime64[us]", copy=False)
        )
        steps = np.diff(self.ds[:1000])
        self.step: np.timedelta64 = (
            np.median(steps).astype(steps.dtype)
            if steps.size
            else np.timedelta64(1, "D").astype("m8[us]")
        )
        self.intraday = bool(self.step < np.timedelta64(20, "h"))

    def __len__(self) -> int:
        """Return the number of bars with a date, T + H."""
        return int(self.ds.size)

    def index(self, dates: Dates) -> Ints:
        """Return, for each date, the last bar at or before it (-1 before the first), shape of
        ``dates``.
        """
        return (
            np.searchsorted(self.ds, dates.astype("datetime64[us]"), side="right").astype(np.int64)
            - 1
        )

    def text(self, bar: int, weekday: bool = True) -> str:
        """Return the date of a bar in words of the user's locale, "" where there is none."""
        if not 0 <= bar < len(self):
            return ""
        stamp = self.ds[bar].item()
        day = _words(self.ds[bar], "D", year=True)
        if weekday:
            day = f"{QLocale().dayName(stamp.isoweekday(), QLocale.FormatType.ShortFormat)} {day}"
        return f"{day}  {stamp:%H:%M} {self.zone(bar)}".rstrip() if self.intraday else day

    def zone(self, bar: int) -> str:
        """Return the zone in which the time of a bar is written, such as EST or EDT; "" for days
        and where it is not known.
        """
        if not self.intraday or not self._zone or not 0 <= bar < len(self):
            return ""
        try:
            zone = ZoneInfo(self._zone)
        except (ZoneInfoNotFoundError, ValueError):
            return self._zone
        name: str | None = self.ds[bar].item().replace(tzinfo=zone).tzname()
        return self._zone if name is None else f"UTC{name}" if name[0] in "+-" else name


def session_ticks(
    timeline: Timeline, low: float, high: float, pixels: float, measure: Callable[[str], float]
) -> list[Tick]:
    """Choose the date labels of a view: as fine as fits, coarser units first, never overlapping.

    Parameters
    ----------
    timeline : Timeline
    low, high : float
        Visible bar indices.
    pixels : float
        Width of the view.
    measure : callable
        Width of a text in pixels.

    Returns
    -------
    list of Tick
        By place. Without a year among them, the first of the coarsest carries the full date.
    """
    first, last = max(0, math.ceil(low)), min(len(timeline) - 1, math.floor(high))
    if last < first or pixels <= 0 or high <= low:
        return []
    per_bar = pixels / (high - low)
    room = max(40.0, measure("00 Mmm") + 2 * _GAP)
    bars = _finest(timeline, first, last, max(1, int((last - first + 1) * per_bar / room) + 1))
    ranks = [_rank(timeline, bar) for bar in bars]
    kept: dict[int, tuple[str, str]] = {}

    def inside(bar: int, text: str) -> bool:
        middle, half = (bar - low) * per_bar, measure(text) / 2
        return half <= middle <= pixels - half

    for bar, rank in sorted(
        zip(bars, ranks, strict=True), key=lambda pair: (_RANKS.index(pair[1]), pair[0])
    ):
        text = _words(timeline.ds[bar], rank)
        if inside(bar, text) and _free(kept, bar, text, per_bar, measure):
            kept[bar] = (rank, text)
    if kept and not any(rank == "Y" for rank, _ in kept.values()):
        _name_the_year(timeline, kept, inside, per_bar, measure)
    finest = max((_RANKS.index(rank) for rank, _ in kept.values()), default=0)
    return [
        Tick(float(bar), text, _RANKS.index(rank) < finest)
        for bar, (rank, text) in sorted(kept.items())
    ]


def _finest(timeline: Timeline, first: int, last: int, most: int) -> list[int]:
    """Return the bars at the boundaries of the finest unit that gives at most ``most`` of them."""
    best: list[int] = []
    for unit, count in _LADDER:
        bars = _boundaries(timeline, first, last, unit, count)
        if unit == "W":  # Mondays do not fall on first days of months, which must stay marked
            bars = sorted({*bars, *_boundaries(timeline, first, last, "M", 1)})
        if len(bars) > most:
            break
        best = bars
        if len(bars) == last - first + 1:
            break
    return best or [first]


def _boundaries(timeline: Timeline, first: int, last: int, unit: str, count: int) -> list[int]:
    """Return the first bar of each period of ``count`` units that begins between two bars."""
    # A period may begin some time before the first bar of the series (holidays), but not months
    # before.
    begin = (
        timeline.ds[first - 1] + np.timedelta64(1, "us")
        if first
        else timeline.ds[0] - 4 * timeline.step
    )
    offset = {"Y": 1970, "W": -4}.get(
        unit, 0
    )  # numpy counts years from 1970 and days from a Thursday
    base, size = ("D", 7 * count) if unit == "W" else (unit, count)
    low = (begin.astype(f"datetime64[{base}]").astype(np.int64) + offset) // size
    high = (timeline.ds[last].astype(f"datetime64[{base}]").astype(np.int64) + offset) // size
    edges = (
        (np.arange(low, high + 1) * size - offset)
        .astype(f"datetime64[{base}]")
        .astype("datetime64[us]")
    )
    edges = edges[edges >= begin]
    bars = first + np.searchsorted(timeline.ds[first : last + 1], edges)
    fresh = np.ones(bars.size, np.bool_)
    fresh[1:] = bars[1:] != bars[:-1]
    found: list[int] = bars[fresh & (bars <= last)].tolist()
    return found


def _rank(timeline: Timeline, bar: int) -> str:
    """Return the coarsest unit that a bar begins."""
    now = timeline.ds[bar]
    before = timeline.ds[bar - 1] if bar else now - 4 * timeline.step
    for unit in _RANKS:
        if now.astype(f"datetime64[{unit}]") != before.astype(f"datetime64[{unit}]"):
            return unit
    return _RANKS[-1]


def _words(date: np.datetime64, rank: str, year: bool = False) -> str:
    """Write a date: "2019", "Mar", "14" as its rank says, or in full with the year."""
    stamp = date.astype("datetime64[us]").item()
    month = QLocale().standaloneMonthName(stamp.month, QLocale.FormatType.ShortFormat).rstrip(".")
    clock = f"{stamp:%H:%M:%S}" if rank == "s" else f"{stamp:%H:%M}"
    if year:
        day = f"{stamp.day} {month} {stamp.year}"
        return {"M": f"{month} {stamp.year}", "D": day}.get(rank, f"{day}, {clock}")
    return {"Y": str(stamp.year), "M": month, "D": f"{stamp.day} {month}"}.get(rank, clock)


def _free(
    kept: dict[int, tuple[str, str]],
    bar: int,
    text: str,
    per_bar: float,
    measure: Callable[[str], float],
) -> bool:
    """Tell whether a label finds room between those that are kept."""
    half = measure(text) / 2
    return all(
        abs(bar - other) * per_bar >= half + measure(label) / 2 + _GAP
        for other, (_, label) in kept.items()
    )


def _name_the_year(
    timeline: Timeline,
    kept: dict[int, tuple[str, str]],
    inside: Callable[[int, str], bool],
    per_bar: float,
    measure: Callable[[str], float],
) -> None:
    """Let the first label of the coarsest unit carry the full date, and drop those that it then
    covers.
    """
    coarsest = min(kept.values(), key=lambda entry: _RANKS.index(entry[0]))[0]
    for bar in sorted(bar for bar, (rank, _) in kept.items() if rank == coarsest):
        text = _words(timeline.ds[bar], coarsest, year=True)
        if inside(bar, text):
            for other in [
                b for b in kept if b != bar and not _free({b: kept[b]}, bar, text, per_bar, measure)
            ]:
                del kept[other]
            kept[bar] = (coarsest, text)
            return


def round_steps(low: float, high: float, count: float) -> Floats:
    """Return round numbers (1, 2, 2.5 or 5 times a power of ten apart) within ``[low, high]``,
    at most about ``count``.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return np.empty(0)
    raw = (high - low) / max(count, 1.0)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(
        power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * (1 - 1e-9)
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return np.arange(first, last + 1, dtype=np.float64) * step


def log_steps(low: float, high: float, count: float) -> Floats:
    """Return round numbers for a logarithmic axis from ``low`` to ``high`` (both positive), at
    most about ``count``.
    """
    if high / low < 4:
        return round_steps(low, high, count)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        steps = np.array([factor * 10.0**power for power in decades for factor in factors])
        steps = steps[(steps >= low) & (steps <= high)]
        if steps.size <= count:
            return steps
    return steps[:: max(1, math.ceil(steps.size / max(count, 1)))]


def decimals_of(values: Floats) -> int:
    """Return the decimals that tell the values of an axis apart."""
    if values.size < 2:
        return 2
    gap = float(np.diff(values).min())
    digits = max(0, -math.floor(math.log10(gap) + 1e-9))
    return digits + (0 if abs(round(gap, digits) - gap) < gap * 1e-6 else 1)


class Axis(pg.AxisItem):  # type: ignore[misc]
    """An axis that paints itself directly: pyqtgraph's QPicture would be scaled wrongly on
    printers.
    """

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.theme = LIGHT
        self.label_font = QFont()
        self.faults: list[Exception] = []
        self._cache: tuple[object, list[Tick]] = (None, [])
        self.setStyle(tickLength=0, hideOverlappingLabels=True)
        self.setZValue(
            -200
        )  # painted before the panes: QSvgGenerator lets a pane's clip last until the next one

    def set_look(self, theme: Theme, font: QFont) -> None:
        """Take colours and the font of the labels."""
        self.theme, self.label_font = theme, font
        self._cache = (None, [])
        self.update()

    def ticks(self) -> list[Tick]:
        """Return the marks of the present view; found once for each view."""
        view = self.linkedView()
        if view is None:
            return []
        low, high = view.viewRange()[0 if self.orientation in ("bottom", "top") else 1]
        key = (low, high, view.width(), view.height(), self._version())
        if self._cache[0] != key:
            pixels = view.width() if self.orientation in ("bottom", "top") else view.height()
            self._cache = (key, self._find(low, high, pixels))
        return self._cache[1]

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Paint the axis; an exception here would end the process, so it is kept for the chart
        to raise.
        """
        painter.save()
        try:
            painter.setFont(self.label_font)
            self._paint(painter, QFontMetricsF(self.label_font))
        except Exception as error:
            self.faults.append(error)
        finally:
            painter.restore()

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Paint the axis."""
        raise NotImplementedError

    def _version(self) -> object:
        """Return what else the marks depend on."""
        raise NotImplementedError

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        """Return the marks of a view from ``low`` to ``high`` over ``pixels``."""
        raise NotImplementedError

    def _box(self, painter: QPainter, rect: QRectF, text: str, color: str) -> None:
        """Write a text in a filled, rounded box."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(color))
        painter.drawRoundedRect(rect, 3, 3)
        light, dark = "#FFFFFF", "#0F1217"
        painter.setPen(QColor(light if contrast(light, color) >= contrast(dark, color) else dark))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


class SessionAxis(Axis):
    """Dates under the bars, without gaps for nights, week-ends and holidays."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._widths: dict[str, float] = {}
        self._timeline = Timeline()
        self.pointer: int | None = None

    @property
    def timeline(self) -> Timeline:
        """The dates that are shown."""
        return self._timeline

    @timeline.setter
    def timeline(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.update()

    def _version(self) -> object:
        return self._timeline

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        return session_ticks(self._timeline, low, high, pixels, self._width)

    def _width(self, text: str) -> float:
        """Return the width of a text; the same few hundred are asked for again and again while
        the view moves.
        """
        known = self._widths.get(text)
        if known is None:
            if len(self._widths) > _MOST_WIDTHS:
                self._widths.clear()
            known = self._widths[text] = QFontMetricsF(self.label_font).horizontalAdvance(text)
        return known

    def set_look(self, theme: Theme, font: QFont) -> None:
        """Take colours and the font of the labels."""
        self._widths.clear()
        super().set_look(theme, font)

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Write the dates, and the date under the pointer."""
        view = self.linkedView()
        low, high = view.viewRange()[0]
        shown = self.mapRectFromItem(view, view.rect())
        scale = shown.width() / (high - low)
        painter.setPen(QColor(self.theme.line))
        painter.drawLine(QPointF(shown.left(), 0.5), QPointF(shown.right(), 0.5))
        for tick in self.ticks():
            middle, half = (
                shown.left() + (tick.place - low) * scale,
                metrics.horizontalAdvance(tick.label) / 2,
            )
            painter.setPen(QColor(self.theme.text if tick.strong else self.theme.muted))
            painter.drawText(QPointF(middle - half, 8 + metrics.ascent()), tick.label)
        text = "" if self.pointer is None else self._timeline.text(self.pointer)
        if text and self.pointer is not None and low <= self.pointer <= high:
            width = metrics.horizontalAdvance(text) + 14
            left = min(
                max(shown.left() + (self.pointer - low) * scale - width / 2, 0),
                self.size().width() - width,
            )
            self._box(painter, QRectF(left, 3, width, metrics.height() + 6), text, self.theme.text)


class ZoneCorner(pg.GraphicsWidget):  # type: ignore[misc]
    """The zone of the times, in the corner between both axes."""

    def __init__(self, dates: SessionAxis) -> None:
        super().__init__()
        self._dates = dates

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Write the zone of the last bar in view; an exception here would end the process, so it
        is kept for the chart to raise.
        """
        dates = self._dates
        view = dates.linkedView()
        if view is None or not dates.isVisible():
            return
        try:
            text = dates.timeline.zone(
                min(math.floor(view.viewRange()[0][1]), len(dates.timeline) - 1)
            )
            painter.setFont(dates.label_font)
            painter.setPen(QColor(dates.theme.muted))
            metrics = QFontMetricsF(dates.label_font)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.size().width() - 10)
            painter.drawText(QPointF(9, 8 + metrics.ascent()), shown)
        except Exception as error:
            dates.faults.append(error)


class CountAxis(Axis):
    """Whole numbers at the bottom: epochs."""

    def __init__(self, name: str) -> None:
        super().__init__("bottom")
        self._name = name

    def _version(self) -> object:
        return None

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        steps = round_steps(low, high, max(2.0, min(pixels / 56.0, high - low)))
        return [Tick(float(step), number(step, 0)) for step in steps if step == round(step)]

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Write the numbers, and what they count at the right."""
        view = self.linkedView()
        low, high = view.viewRange()[0]
        shown = self.mapRectFromItem(view, view.rect())
        painter.setPen(QColor(self.theme.line))
        painter.drawLine(QPointF(shown.left(), 0.5), QPointF(shown.right(), 0.5))
        painter.setPen(QColor(self.theme.muted))
        end = shown.right() - metrics.horizontalAdvance(self._name) - 4
        painter.drawText(QPointF(end, 8 + metrics.ascent()), self._name)
        for tick in self.ticks():
            half = metrics.horizontalAdvance(tick.label) / 2
            middle = max(shown.left() + (tick.place - low) * shown.width() / (high - low), half + 2)
            if middle + half < end - 8:
                painter.drawText(QPointF(middle - half, 8 + metrics.ascent()), tick.label)


class PriceAxis(Axis):
    """Round prices at the right, linear, logarithmic or in percent, with tags for the last close
    and the pointer.

    Attributes
    ----------
    log : bool
        Whether places are decimal logarithms of prices.
    base : float or None
        The price from which changes in percent are written in place of prices.
    """

    auto_requested = Signal()

    def __init__(self, short: bool = False, rows: float = 42.0) -> None:
        super().__init__("right")
        self.log = False
        self.base: float | None = None
        self.decimals = 2
        self.tags: Sequence[Tag] = ()
        self.pointer: float | None = None
        self.short, self._rows = short, rows

    def words(self, place: float) -> str:
        """Write the price at a place of the view."""
        if self.base is not None:
            return signed(100 * (place / self.base - 1), 2)
        price = 10.0**place if self.log else place
        return short_number(price) if self.short else number(price, self.decimals)

    def _version(self) -> object:
        return (self.log, self.decimals, self.base, self.short)

    def mouseClickEvent(self, event: Any) -> None:
        """Ask on a double click for a range that follows what is in view."""
        if event.double() and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.auto_requested.emit()

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        count = max(2.0, pixels / self._rows)
        if self.base is not None:
            shares = round_steps(100 * (low / self.base - 1), 100 * (high / self.base - 1), count)
            decimals = decimals_of(shares) if shares.size > 1 else 0
            return [
                Tick(float(self.base * (1 + share / 100)), signed(share, decimals))
                for share in shares
            ]
        if not self.log:
            values = round_steps(low, high, count)
            indices = values
        else:
            values = log_steps(10.0**low, 10.0**high, count)
            indices = np.log10(values)
        decimals = decimals_of(values)
        texts = [short_number(v) if self.short else number(v, decimals) for v in values]
        return [Tick(float(index), text) for index, text in zip(indices, texts, strict=True)]

    def fit_width(self) -> None:
        """Take the width that the labels need; a little more than that is left alone, so that
        the pane does not jump.
        """
        needed = self.needed_width()
        if not needed <= self.maximumWidth() <= needed + 8:
            self.setWidth(needed)

    def needed_width(self) -> float:
        """Return the width that the labels need, in steps of 8 pixels so that it seldom changes."""
        metrics = QFontMetricsF(self.label_font)
        texts = [tick.label for tick in self.ticks()] + [self.words(tag.place) for tag in self.tags]
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=30.0)
        return math.ceil((widest + 18) / 8) * 8

    def _placed(
        self, shown: QRectF, low: float, high: float, height: float
    ) -> Iterator[tuple[QRectF, Tag]]:
        """Put the tags beside their prices, moved apart where they would overlap."""
        scale = shown.height() / (high - low)
        bottom = -math.inf
        for tag in sorted(self.tags, key=lambda tag: -tag.place):
            middle = shown.bottom() - (tag.place - low) * scale
            if shown.top() <= middle <= shown.bottom():
                top = max(middle - height / 2, bottom + 1)
                bottom = top + height
                yield QRectF(3, top, self.size().width() - 6, height), tag

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """Write the prices, then the tags, then the price at the pointer."""
        view = self.linkedView()
        low, high = view.viewRange()[1]
        shown = self.mapRectFromItem(view, view.rect())
        scale = shown.height() / (high - low)
        height = metrics.height() + 4
        boxes = list(self._placed(shown, low, high, height))
        painter.setPen(QColor(self.theme.muted))
        for tick in self.ticks():
            middle = shown.bottom() - (tick.place - low) * scale
            if middle - height / 2 < shown.top() or middle + height / 2 > shown.bottom() + 2:
                continue
            if not any(
                box.top() - 2 < middle + height / 2 and middle - height / 2 < box.bottom() + 2
                for box, _ in boxes
            ):
                painter.drawText(QPointF(9, middle + metrics.ascent() / 2 - 1.5), tick.label)
        for box, tag in boxes:
            self._box(painter, box, self.words(tag.place), tag.color)
        if self.pointer is not None and low <= self.pointer <= high:
            middle = shown.bottom() - (self.pointer - low) * scale
            box = QRectF(3, middle - height / 2, self.size().width() - 6, height)
            self._box(painter, box, self.words(self.pointer), self.theme.text)
