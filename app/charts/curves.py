"""Plots of lines over steps, levels or dates: one pane, a legend, and a read-out at the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.charts.axis import CountAxis, PriceAxis, SessionAxis, Timeline
from app.charts.bars import line_pen, polygon
from app.charts.canvas import Chart, EmptyText, Frame, Grid, Pane
from app.charts.epochs import Curve
from app.charts.legend import Entry, LegendArtist
from app.charts.overlay import CrosshairArtist
from app.charts.plot import Columns
from app.number_format import number
from forecasting.series import Dates, Floats

LineMark = Literal["line", "dashed", "dotted", "dashdot", "dots", "rings"]

#: Distance of dots and spaces for each kind of line.
_DASHES: dict[str, tuple[float, ...]] = {
    "line": (),
    "dashed": (6.0, 3.0),
    "dotted": (2.0, 3.0),
    "dashdot": (8.0, 3.0, 2.0, 3.0),
}
#: Radius of points that are not joined.
#: Largest part of a plot's height that its legend takes.
_LEGEND = 0.45
_RADIUS = {"dots": 1.8, "rings": 3.2}


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plot.

    Attributes
    ----------
    name : str
        In legend, read-out and table.
    x, y : ndarray, shape [n]
    color : str
        Name of a colour of the theme.
    mark : str
        How it is drawn; ``dots`` and ``rings`` join nothing.
    guide : bool
        Whether it only shows where things ought to be: left out of read-out and table.
    width : float
        In pixels.
    """

    name: str
    x: Floats
    y: Floats
    color: str
    mark: LineMark = "line"
    guide: bool = False
    width: float = 1.6


class _Dots:
    """Points that are not joined, filled or hollow."""

    def __init__(self, x: Floats, y: Floats, color: str, size: float, ring: bool) -> None:
        self.x, self.y, self.color, self.size, self.ring = x, y, color, size, ring

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the points that are known."""
        known = np.isfinite(self.y)
        indices = polygon(frame.px(self.x[known]), frame.py(self.y[known]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if not self.ring:
            painter.setPen(
                QPen(
                    QColor(self.color),
                    2 * self.size,
                    Qt.PenStyle.SolidLine,
                    Qt.PenCapStyle.RoundCap,
                )
            )
            painter.drawPoints(indices)
            return
        painter.setPen(line_pen(self.color, 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for index in indices.toList():
            painter.drawEllipse(index, self.size, self.size)


class CurveChart(Chart):
    """Lines over whole numbers or dates.

    Parameters
    ----------
    name : str
        For those who cannot see it.
    x_name : str
        What is counted at the bottom; with dates, their heading in the table.
    empty : EmptyText
        Shown while there is no line.
    dates : bool
        Whether x counts the dates given to :meth:`show_lines`.

    Signals
    -------
    readout : str
        The numbers under the pointer; "" when it leaves.
    picked : float, float
        A place was clicked, or chosen with Enter: its x, and the value there, NaN by key.
    """

    readout = Signal(str)
    picked = Signal(float, float)

    def __init__(
        self,
        name: str,
        x_name: str,
        empty: EmptyText,
        *,
        dates: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(name, parent)
        self.setMinimumSize(160, 64)
        self._x_name, self._by_date, self._hint = x_name, dates, empty.hint
        self._lines: tuple[Line, ...] = ()
        self._timeline = Timeline()
        self._unit = ""
        self._at: int | None = None
        self._empty, self._legend, self._crosshair, self._ground = (
            empty,
            LegendArtist(_LEGEND),
            CrosshairArtist(),
            Grid(),
        )
        self._below = SessionAxis() if dates else CountAxis(x_name)
        self._pane, self._values = Pane(), PriceAxis(rows=30)
        self._pane.x_axis, self._pane.y_axis = self._below, self._values
        self._grid.addItem(self._pane, 0, 0)
        self._grid.addItem(self._values, 0, 1)
        self._grid.addItem(self._below, 1, 0)
        self._values.linkToView(self._pane)
        self._below.linkToView(self._pane)
        self._panes = [self._pane]
        self._pane.artists = [self._ground, empty]
        self._pane.sigResized.connect(self._set_range)
        self._view.scene().sigMouseMoved.connect(self._pointer_moved)
        self._view.scene().sigMouseClicked.connect(self._clicked)
        self._apply_look()
        self.refresh()

    def show_lines(self, lines: Sequence[Line], unit: str = "", ds: Dates | None = None) -> None:
        """Show these lines instead.

        Parameters
        ----------
        lines : sequence of Line
            Those that come first are drawn on top.
        unit : str
            Written behind the numbers of the read-out.
        ds : ndarray of datetime64, optional
            The dates that x counts.
        """
        self._lines, self._unit = tuple(lines), unit
        self._timeline = Timeline() if ds is None else Timeline(ds)
        self._point(None)
        self.mark_dirty()

    def say_lacking(self, why: str) -> None:
        """Say, while there is no line, why there is none; "" says what was given at first."""
        self._empty.hint = why or self._hint
        self.mark_dirty()

    def table(self) -> Columns:
        """Return the numbers behind the lines."""
        texts = self._spoken()
        if not texts:
            return {}
        x = self._grid_x()
        first = self._timeline.ds[x.astype(np.int64)] if self._by_date else x
        return {self._x_name: first, **{line.name: _at(line, x) for line in texts}}

    def summary(self) -> str:
        """Return what the lines say at their end in one sentence."""
        text = self._spoken()
        if not text:
            return f"{self._empty.title}."
        x = self._grid_x()
        ends = f"from {self._words(0)} to {self._words(x.size - 1)}"
        return f"{self.accessibleName()}, {ends}. {self._read(x.size - 1)}."

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right read one point after the other, Home and End the first and last, Enter
        picks it.
        """
        last = self._grid_x().size - 1
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._at is not None:
            self.picked.emit(float(self._grid_x()[self._at]), math.nan)
            return
        here = last + 1 if self._at is None else self._at
        indices = {
            Qt.Key.Key_Left: here - 1,
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        index = indices.get(Qt.Key(event.key()))
        if index is None or last < 0:
            event.ignore()
            return
        self._point(min(max(index, 0), last))

    def _spoken(self) -> list[Line]:
        """Return the lines that carry numbers."""
        return [line for line in self._lines if not line.guide]

    def _grid_x(self) -> Floats:
        """Return the places at which any line has a number, increasing."""
        texts = self._spoken()
        return np.unique(np.concatenate([line.x for line in texts])) if texts else np.empty(0)

    def _update_scene(self) -> None:
        shown = bool(self._lines)
        self._empty.visible = not shown
        for axis in (self._below, self._values):
            axis.setVisible(shown)
        self._below.setHeight(round(self._font.pixelSize() * 1.4) + 10)
        if isinstance(self._below, SessionAxis):
            self._below.timeline = self._timeline
        drawn = [self._artist(line) for line in reversed(self._lines)]
        self._pane.artists = [self._ground, *drawn, self._legend, self._crosshair, self._empty]
        self._legend.entries = [self._entry(line) for line in self._lines if line.name]
        self._set_range()

    def _entry(self, line: Line) -> Entry:
        color = getattr(self.theme, line.color)
        if line.mark == "dashdot":
            return Entry(line.name, color, "dashed", _DASHES[line.mark])
        return Entry(line.name, color, line.mark)

    def _artist(self, line: Line) -> Curve | _Dots:
        color = getattr(self.theme, line.color)
        if line.mark in _RADIUS:
            return _Dots(line.x, line.y, color, _RADIUS[line.mark], ring=line.mark == "rings")
        return Curve(color, line.width, _DASHES[line.mark], line.x, line.y, dots=not line.guide)

    def _set_range(self) -> None:
        """Show all lines, with room for the legend."""
        if not self._lines:
            return
        x, y = (np.concatenate([getattr(line, side) for line in self._lines]) for side in "xy")
        known = np.isfinite(x) & np.isfinite(y)
        if not known.any():
            x, y, known = np.zeros(1), np.zeros(1), np.ones(1, bool)
        left, right = float(x[known].min()), float(x[known].max())
        air = max(0.03 * (right - left), 0.02 if right > left else 0.5)
        self._pane.setXRange(left - air, right + air, padding=0)
        low, high = float(y[known].min()), float(y[known].max())
        if high - low < 1e-9 * max(1.0, abs(high)):
            low, high = low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6
        height = max(self._pane.height(), 60.0)
        top, bottom = (
            min(self._legend.height(self._font, self._pane.width()) + 6, height * _LEGEND),
            min(14.0, height * 0.1),
        )
        unit = (high - low) / (height - top - bottom)
        self._pane.setYRange(low - bottom * unit, high + top * unit, padding=0)
        self._values.fit_width()

    def _pointer_moved(self, index: QPointF) -> None:
        x = self._grid_x()
        if not x.size or not self._pane.sceneBoundingRect().contains(index):
            self._point(None)
            return
        (low, high), _ = self._pane.viewRange()
        at = low + self._pane.mapFromScene(index).x() / max(self._pane.width(), 1) * (high - low)
        self._point(int(np.argmin(np.abs(x - at))))

    def _pointer_left(self) -> None:
        self._point(None)

    def _clicked(self, event: Any) -> None:
        """Pick the place under the pointer."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._pointer_moved(event.scenePos())
        if self._at is not None:
            _, (low, high) = self._pane.viewRange()
            height = max(self._pane.height(), 1)
            share = 1 - self._pane.mapFromScene(event.scenePos()).y() / height
            self.picked.emit(float(self._grid_x()[self._at]), low + share * (high - low))

    def _point(self, index: int | None) -> None:
        """Put the crosshair on one of the places, or away."""
        self._at = index
        self._crosshair.bar = None if index is None else int(self._grid_x()[index])
        self._legend.note = "" if index is None else self._read(index)
        self.readout.emit(self._legend.note)
        self.repaint_panes()

    def _words(self, index: int) -> str:
        x = float(self._grid_x()[index])
        return (
            self._timeline.text(int(x))
            if self._by_date
            else f"{self._x_name} {number(x, 0 if x == round(x) else 1)}"
        )

    def _read(self, index: int) -> str:
        """Return the numbers at one of the places."""
        x = self._grid_x()[index : index + 1]
        texts = [(line.name, float(_at(line, x)[0])) for line in self._spoken()]
        largest = max((abs(value) for _, value in texts if np.isfinite(value)), default=1.0)
        decimals = int(np.clip(3 - np.floor(np.log10(largest or 1.0)), 0, 6))
        parts = [
            f"{name} {number(value, decimals)}{self._unit}"
            for name, value in texts
            if np.isfinite(value)
        ]
        return "   ".join([self._words(index), *parts])


def _at(line: Line, x: Floats) -> Floats:
    """Return the values of a line at some places, NaN where it has none, shape of ``x``."""
    values = np.full(x.size, np.nan)
    order = np.argsort(line.x, kind="stable")
    if not order.size:
        return values
    index = np.minimum(np.searchsorted(line.x[order], x), line.x.size - 1)
    there = line.x[order][index] == x
    values[there] = line.y[order][index[there]]
    return values
