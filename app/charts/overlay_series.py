"""Other series over the prices of a chart, all of them begun at the same level."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QPainter

from app.charts.bars import LineStrokes, line_pen, step_for
from app.charts.canvas import Frame
from app.charts.downsampling import LinePyramid
from app.charts.legend import Entry
from app.number_format import signed
from app.theme import Theme
from forecasting.series import Floats, PriceSeries

#: Hues in the light and in the dark theme; none is that of prices, forecast or baseline.
_HUES = {
    False: ("#A8437F", "#7D6200", "#5B4FC4", "#8A4B1F", "#1F6F8B", "#17202B"),
    True: ("#E79AC6", "#F0E442", "#B3A8FF", "#E0A878", "#8FD3DB", "#E6EAF0"),
}
#: Dashes that go with them once the hues come again.
_DASHES: tuple[tuple[float, ...], ...] = ((), (7.0, 3.0), (3.0, 2.0), (9.0, 3.0, 2.0, 3.0))
#: Most series that can be told apart.
MOST_OVERLAYS = len(_HUES[False]) * len(_DASHES)


class OverlayLine:
    """The closes of another series on the bars of the shown one.

    Each bar has the latest close that was known by then; before the first and after the last close
    there is none.

    Parameters
    ----------
    series : PriceSeries
    shown : PriceSeries
        Has the bars.
    """

    def __init__(self, series: PriceSeries, shown: PriceSeries) -> None:
        self.series = series
        index = np.searchsorted(series.ds, shown.ds, side="right") - 1
        closes: Floats = series.y[np.maximum(index, 0)].astype(np.float64)
        closes[(index < 0) | (shown.ds > series.ds[-1])] = np.nan
        self.line = LinePyramid(closes)
        self._shown = shown
        self._start = -1
        self.factor = float("nan")

    @property
    def key(self) -> str:
        """Under which it can be hidden."""
        return f"series:{self.series.symbol}"

    def rebase(self, bar: int) -> None:
        """Begin at the shown series' close at a bar, or at the first one after it that has both."""
        if bar == self._start:
            return
        self._start = bar
        known = np.flatnonzero(np.isfinite(self.line.values[bar:]) & (self.line.values[bar:] > 0))
        self.factor = float("nan")
        if known.size:
            first = bar + int(known[0])
            self.factor = float(self._shown.y[first] / self.line.values[first])

    def change(self, bar: int) -> float:
        """Return the change in percent from the base to a bar; NaN where there is none."""
        base = self._shown.y[self._start]
        return float(100 * (self.factor * self.line.values[bar] / base - 1)) if base > 0 else np.nan


class OverlayArtist:
    """Paints the other series.

    Attributes
    ----------
    lines : tuple of OverlayLine
    hidden : frozenset of str
        Keys of those that are not drawn.
    """

    def __init__(self) -> None:
        self.lines: tuple[OverlayLine, ...] = ()
        self.hidden: frozenset[str] = frozenset()
        self._strokes = LineStrokes()

    def rebase(self, bar: int) -> None:
        """Let all begin at a bar."""
        for line in self.lines:
            line.rebase(bar)

    def extents(self, start: int, stop: int) -> list[tuple[float, float] | None]:
        """Return lowest and highest drawn price of each over bars ``[start, stop)``."""
        found: list[tuple[float, float] | None] = []
        for line in self.lines:
            extent = line.line.extent(start, stop)
            if extent is not None and np.isfinite(line.factor) and line.key not in self.hidden:
                found.append((extent[0] * line.factor, extent[1] * line.factor))
        return found

    def entries(self, theme: Theme, bar: int) -> list[Entry]:
        """Return the legend, with the change in percent at a bar; -1 for none."""
        entries = []
        for index, line in enumerate(self.lines):
            change = line.change(bar) if bar >= 0 else float("nan")
            value = signed(change, 2) if np.isfinite(change) else ""
            color, dash = _look(index, theme)
            entries.append(Entry(line.series.symbol, color, "line", dash, line.key, value))
        return entries

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the part in view."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        step = step_for(frame, 1.0)
        start, stop = int(np.ceil(frame.x[0] - 1)), int(np.floor(frame.x[1] + 1)) + 1
        for index, line in enumerate(self.lines):
            if line.key in self.hidden or not np.isfinite(line.factor):
                continue
            x, low, high = line.line.points(start, stop, step)
            if x.size < 2:
                continue
            color, dash = _look(index, frame.theme)
            painter.setPen(line_pen(color, 1.4, () if step > 1 else dash))
            lower = low * line.factor
            upper = high * line.factor if step > 1 else lower
            self._strokes.paint(painter, frame, x, lower, upper, whole=False)


def _look(index: int, theme: Theme) -> tuple[str, tuple[float, ...]]:
    """Return colour and dash of a series by its number."""
    hues = _HUES[theme.is_dark]
    return hues[index % len(hues)], _DASHES[index // len(hues) % len(_DASHES)]
