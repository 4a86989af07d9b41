"""The memory chart: how much of the loss's gradient reaches each layer from each bar of the
past, as a map or as curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.axis import Axis, CountAxis, Tick
from app.charts.bands import mark_column, write_on
from app.charts.bars import line_pen
from app.charts.canvas import Artist, Chart, EmptyText, Frame, Grid, Pane
from app.charts.epochs import Curve
from app.charts.legend import Entry, LegendArtist, words
from app.charts.overlay import CrosshairArtist
from app.charts.plot import Columns
from forecasting.events import GradientByLag
from forecasting.series import Floats, Ints

View = Literal["map", "curves"]

#: Powers of ten, below the strongest gradient, over which colours and curves go; the share below
#: which a bar teaches nothing.
_DECADES, _LEAST = 6, 1e-3
#: A perceptually even map that the colour-blind can read (van der Walt and Smith 2015).
_MAP = "viridis"
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True, eq=False)
class Trace:
    """The gradients of one training under a name."""

    name: str
    memory: GradientByLag

    @property
    def shares(self) -> Floats:
        """Norms as a share of the largest of their layer, [layers, K]."""
        return self.memory.shares

    @property
    def strongest(self) -> Floats:
        """The share of the layer that gets most at each lag, [K]."""
        found: Floats = self.shares.max(axis=0)
        return found


def power(exponent: int) -> str:
    """Write a power of ten short: 1, 1/10, 1/1000, 10⁻⁶."""
    if -3 <= exponent <= 0:
        return "1" if exponent == 0 else f"1/{10**-exponent}"
    return f"10{str(exponent).translate(_RAISED)}"


def share_text(share: float) -> str:
    """Write a share for people: 40 %, 1.2 %, 0.3 %, 3.1e-05."""
    return f"{share:.2g}" if share < 0.001 else f"{share * 100:.{0 if share >= 0.1 else 1}f} %"


class PowerAxis(Axis):
    """Powers of ten at the right of curves."""

    def __init__(self) -> None:
        super().__init__("right")

    def _version(self) -> object:
        return None

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        step = max(1, int(np.ceil((high - low) / max(1.0, pixels / 26.0))))
        return [
            Tick(float(index), power(index))
            for index in range(0, int(np.floor(low)) - 1, -step)
            if low <= index <= high
        ]

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        view = self.linkedView()
        low, high = view.viewRange()[1]
        shown = self.mapRectFromItem(view, view.rect())
        painter.setPen(QColor(self.theme.muted))
        for tick in self.ticks():
            middle = shown.bottom() - (tick.place - low) * shown.height() / (high - low)
            if shown.top() + metrics.height() / 2 <= middle + 2:
                painter.drawText(QPointF(9, middle + metrics.ascent() / 2 - 1.5), tick.label)


class ColorBar(Axis):
    """What the colours of the map mean: a bar with shares and words."""

    def __init__(self) -> None:
        super().__init__("right")

    def _version(self) -> object:
        return None

    def _find(self, low: float, high: float, pixels: float) -> list[Tick]:
        return []

    def _paint(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        view = self.linkedView()
        shown = self.mapRectFromItem(view, view.rect())
        half = metrics.height() / 2
        bar = QRectF(10, shown.top() + half, 12, max(shown.height() - 2 * half, 1.0))
        gradient = QLinearGradient(bar.topLeft(), bar.bottomLeft())
        for index in np.linspace(0, 1, 9):
            gradient.setColorAt(float(index), color_of(float(1 - index)))
        painter.fillRect(bar, gradient)
        painter.setPen(QColor(self.theme.muted))
        words = {0: "strongest", -3: "1/1000", -_DECADES: "nothing"}
        if bar.height() < 5 * half:
            words.pop(-3)
        for exponent, text in words.items():
            row = bar.top() - exponent / _DECADES * bar.height()
            painter.drawLine(QPointF(bar.right(), row), QPointF(bar.right() + 3, row))
            painter.drawText(QPointF(bar.right() + 7, row + metrics.ascent() / 2 - 1.5), text)

    def needed_width(self) -> float:
        """Return the width of bar and words."""
        return 36.0 + QFontMetricsF(self.label_font).horizontalAdvance("strongest")


def color_of(level: float) -> QColor:
    """Return the colour of a level from 0 (nothing) to 1 (strongest)."""
    colors: Any = pg.colormap.get(_MAP)
    return QColor(*(int(part) for part in colors.map([level], mode=pg.ColorMap.BYTE)[0]))


def levels(shares: Floats) -> Floats:
    """Return the place of shares on the colour map, 0 to 1, by their powers of ten."""
    found: Floats = np.clip(1 + np.log10(np.maximum(shares, 1e-300)) / _DECADES, 0.0, 1.0)
    return found


def edges(lags: Ints) -> Floats:
    """Return where the cells of lags begin and end: half-way to their neighbours, [K + 1]."""
    indices = lags.astype(np.float64)
    found: Floats = np.r_[indices[0] - 0.5, (indices[1:] + indices[:-1]) / 2, indices[-1] + 0.5]
    return found


class _Map:
    """Rows of coloured cells, one for each layer of each trace."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Ints, Floats]] = []
        self.visible = True

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the cells, and the name of each row over them."""
        if not self.visible or not self.rows:
            return
        tall = frame.height / len(self.rows)
        colors: Any = pg.colormap.get(_MAP)
        for number, (name, lags, shares) in enumerate(self.rows):
            top, gap = number * tall, 2.0 if number else 0.0
            columns = frame.px(edges(lags))
            for left, right, color in zip(
                columns[:-1],
                columns[1:],
                colors.map(levels(shares), mode=pg.ColorMap.BYTE),
                strict=True,
            ):
                painter.fillRect(
                    QRectF(left, top + gap, right - left + 0.5, tall - gap),
                    QColor(*(int(part) for part in color)),
                )
            left = frame.width - QFontMetricsF(frame.font).horizontalAdvance(name) - 8
            write_on(
                painter,
                frame,
                QPointF(left, top + tall / 2 + frame.font.pixelSize() / 2 - 1),
                name,
                frame.theme.surface,
            )


@dataclass(frozen=True)
class Reach:
    """The farthest bar that still teaches a network something, and the part of the height that
    belongs to this network.

    Attributes
    ----------
    text : str
    lag : int
    top, bottom : float
        From 0 (top of the pane) to 1.
    """

    text: str
    lag: int
    top: float
    bottom: float


class _Reaches:
    """A mark for each network, inside its own strip."""

    def __init__(self) -> None:
        self.marks: tuple[Reach, ...] = ()

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint an upright line and its words at the foot of each strip; strips that overlap
        share the foot, line above line.
        """
        pen = line_pen(frame.theme.text, 1.4, (4.0, 3.0))
        for index, mark in enumerate(self.marks):
            column = frame.column(mark.lag + 0.5, crisp=True)
            below = sum(other.bottom == mark.bottom for other in self.marks[index + 1 :])
            top, bottom = mark.top * frame.height, mark.bottom * frame.height
            mark_column(painter, frame, column, mark.text, pen, (top, bottom), lines=below)


class MemoryChart(Chart):
    """Norm of the gradient by lag and layer, live, with that of another run beside it.

    Signals
    -------
    readout : str
        The numbers of the lag under the pointer; "" when it leaves.
    """

    readout = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Memory: gradient by lag", parent)
        self._traces: tuple[Trace, ...] = ()
        self._view_of: View = "map"
        self._map, self._reaches, self._crosshair, self._legend = (
            _Map(),
            _Reaches(),
            CrosshairArtist(),
            LegendArtist(),
        )
        self._curves = (Curve(width=1.8), Curve(width=1.6, dash=(5.0, 3.0)))
        self._level, self._lines = Curve(width=1.2, dash=(2.0, 3.0)), Grid()
        self._empty = EmptyText(
            words("No gradients yet"),
            words("While a network trains, this shows how far back it learns."),
        )
        self._pane, self._lags, self._powers, self._bar = (
            Pane(),
            CountAxis("bars back"),
            PowerAxis(),
            ColorBar(),
        )
        self._pane.x_axis, self._pane.y_axis = self._lags, self._powers
        self._grid.addItem(self._pane, 0, 0)
        self._grid.addItem(self._powers, 0, 1)
        self._grid.addItem(self._bar, 0, 2)
        self._grid.addItem(self._lags, 1, 0)
        for axis in (self._powers, self._lags, self._bar):
            axis.linkToView(self._pane)
        self._panes = [self._pane]
        self._pane.sigResized.connect(self._set_range)
        self._view.scene().sigMouseMoved.connect(self._pointer_moved)
        self._apply_look()
        self.refresh()

    def show_traces(self, traces: Sequence[Trace]) -> None:
        """Show the gradients of a training, and of one to compare it with."""
        self._traces = tuple(traces)
        self.mark_dirty()

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """How far back each network learns, one mark each: in the map within the strip of its
        layers.
        """
        layers = [len(trace.memory.norms) for trace in self._traces]
        ends = np.cumsum([0, *layers]) / max(sum(layers), 1)
        many = len(layers) > 1
        marks = []
        for trace, top, bottom in zip(
            self._traces, ends[:-1].tolist(), ends[1:].tolist(), strict=True
        ):
            text = (
                f"{trace.name} reaches {trace.memory.reach} bars"
                if many
                else f"reaches {trace.memory.reach} bars"
            )
            index = (top, bottom) if self._view_of == "map" else (0.0, 1.0)
            marks.append(Reach(text, trace.memory.reach, *index))
        return tuple(marks)

    def set_view(self, view: View) -> None:
        """Show colours by layer and lag, or curves against the lag."""
        self._view_of = view
        self.mark_dirty()

    def table(self) -> Columns:
        """Return lags and norms, a row for each layer and lag of each run."""
        if not self._traces:
            return {}
        rows = [
            (trace, number, row)
            for trace in self._traces
            for number, row in enumerate(trace.memory.norms, 1)
        ]
        lengths = [len(row) for _, _, row in rows]
        return {
            "run": np.repeat([trace.name for trace, _, _ in rows], lengths),
            "layer": np.repeat([number for _, number, _ in rows], lengths),
            "lag": np.concatenate([trace.memory.lags for trace, _, _ in rows]),
            "norm": np.concatenate([row for _, _, row in rows]),
        }

    def _apply_look(self) -> None:
        super()._apply_look()
        if hasattr(self, "_bar"):
            self._bar.set_look(self.theme, self._font)
            self._bar.faults = self._faults

    def _update_scene(self) -> None:
        shown, mapped = bool(self._traces), self._view_of == "map"
        self._empty.visible = not shown
        self._lags.setVisible(shown)
        self._powers.setVisible(shown and not mapped)
        self._bar.setVisible(shown and mapped)
        self._powers.setWidth(56 if shown and not mapped else 0)
        self._bar.setWidth(self._bar.needed_width() if shown and mapped else 0)
        self._lags.setHeight(round(self._font.pixelSize() * 1.4) + 10)
        artists: list[Artist] = (
            [self._map] if mapped else [self._lines, self._level, *reversed(self._curves)]
        )
        self._pane.artists = [*artists, self._reaches, self._legend, self._crosshair, self._empty]
        self._pane.log = not mapped
        self._reaches.marks = self.reaches
        self._update_map()
        self._update_curves()
        self._set_range()

    def _update_map(self) -> None:
        many = len(self._traces) > 1
        self._map.rows = [
            (f"{trace.name + ', ' if many else ''}layer {number}", trace.memory.lags, shares)
            for trace in self._traces
            for number, shares in enumerate(trace.shares, 1)
        ]

    def _update_curves(self) -> None:
        colors = (self.theme.forecast, self.theme.val_loss)
        entries = []
        for index, curve in enumerate(self._curves):
            trace = self._traces[index] if index < len(self._traces) else None
            curve.color = colors[index]
            curve.x = trace.memory.lags.astype(np.float64) if trace else np.empty(0)
            curve.y = np.maximum(trace.strongest, 1e-300) if trace else np.empty(0)
            if trace:
                entries.append(Entry(trace.name, colors[index], "dashed" if index else "line"))
        self._level.color = self.theme.baseline
        self._level.x = np.array([-1.0, 2.0 * self._longest() + 2])
        self._level.y = np.full(2, _LEAST)
        if entries:
            entries.append(Entry(words("below: learns nothing"), self.theme.baseline, "dotted"))
        self._legend.entries = entries if self._view_of == "curves" else []

    def _longest(self) -> int:
        return max((int(trace.memory.lags[-1]) for trace in self._traces), default=1)

    def _set_range(self) -> None:
        if not self._traces:
            return
        longest = self._longest()
        if self._view_of == "map":
            self._pane.setXRange(-0.5, longest + 0.5, padding=0)
            self._pane.setYRange(-_DECADES, 0, padding=0)
            return
        self._pane.setXRange(-0.02 * longest, longest * 1.02, padding=0)
        lowest = min(
            float(np.log10(np.maximum(trace.strongest, 1e-12)).min()) for trace in self._traces
        )
        height = max(self._pane.height(), 60.0)
        room = min(self._legend.height(self._font, self._pane.width()) + 6, height * 0.45)
        low = min(lowest, -4.0) - 0.5
        self._pane.setYRange(low, -low * room / (height - room), padding=0)

    def _pointer_moved(self, index: QPointF) -> None:
        if not self._traces or not self._pane.sceneBoundingRect().contains(index):
            self._point(None)
            return
        (low, high), _ = self._pane.viewRange()
        inside = self._pane.mapFromScene(index)
        self._point(
            low + inside.x() / max(self._pane.width(), 1) * (high - low),
            inside.y() / max(self._pane.height(), 1),
        )

    def _pointer_left(self) -> None:
        self._point(None)

    def _point(self, lag: float | None, height: float = 0.0) -> None:
        """Put the crosshair on the nearest lag that was measured, or away."""
        if lag is None or not self._traces:
            self._crosshair.bar, self._legend.note = None, ""
        else:
            trace, layer = self._at(height)
            index = int(np.argmin(np.abs(trace.memory.lags - lag)))
            self._crosshair.bar = int(trace.memory.lags[index])
            self._legend.note = (
                self._read(index) if layer is None else self._read_cell(trace, layer, index)
            )
        self.readout.emit(self._legend.note)
        self.repaint_panes()

    def _at(self, height: float) -> tuple[Trace, int | None]:
        """Return the trace and the layer at a height from 0 (top) to 1; in curves no layer is
        meant.
        """
        if self._view_of == "curves":
            return self._traces[0], None
        rows = [
            (trace, layer) for trace in self._traces for layer in range(len(trace.memory.norms))
        ]
        return rows[min(max(int(height * len(rows)), 0), len(rows) - 1)]

    def _read(self, index: int) -> str:
        lag = int(self._traces[0].memory.lags[index])
        parts = [f"{lag} bars back"]
        for trace in self._traces:
            near = int(np.argmin(np.abs(trace.memory.lags - lag)))
            parts.append(f"{trace.name} {share_text(float(trace.strongest[near]))}")
        return "   ".join(parts)

    @staticmethod
    def _read_cell(trace: Trace, layer: int, index: int) -> str:
        share, norm = float(trace.shares[layer, index]), float(trace.memory.norms[layer, index])
        lag = int(trace.memory.lags[index])
        return (
            f"{trace.name}, layer {layer + 1}   {lag} bars back   {share_text(share)} of the "
            f"strongest   norm {norm:.2g}"
        )

    def summary(self) -> str:
        """Return how far back the shown runs learn, in one sentence each."""
        if not self._traces:
            return "No gradients yet."
        texts = []
        for trace in self._traces:
            last, first = int(trace.memory.lags[-1]), float(trace.strongest[-1])
            texts.append(
                f"{trace.name}: learns from the last {trace.memory.reach} bars; {last} bars "
                f"back {share_text(first)} arrives."
            )
        return " ".join(texts)
