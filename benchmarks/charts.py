"""What repainting and panning charts costs, beside pyqtgraph's own plots and finplot.

    python -m benchmarks.charts [--rounds 5] [--finplot PYTHON] [--out FOLDER]

``PYTHON`` is the interpreter of an environment that has finplot, which is under the GPL and
therefore no part of ours. All charts are 1200 x 700 pixels, offscreen. A pan moves the view by 5
bars and paints; "all" goes from 2,000 bars to all there are. Peers keep their defaults; pyqtgraph
draws the line with ``clipToView`` and peak downsampling, which its manual advises for long lines,
and the candles of its own example (one picture of all).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.turns import Figures, ratio, table, turns, write

_COMMON = """
import json, statistics, sys, time
import numpy as np
count, style = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, count)))
opened = close * (1 + rng.normal(0, 5e-4, count))
high, low = np.maximum(opened, close) * 1.0004, np.minimum(opened, close) * 0.9996
minutes = np.datetime64("2015-01-01") + np.arange(count) * np.timedelta64(60_000_000, "us")
VIEW = 2000

def measure(show, all_of, paints, process, size=60):
    result = {}
    for name, steps in (("pan", [lambda at=at: show(at, at + VIEW) for at in range(count // 2, count // 2 + 5 * size, 5)]),
                        ("all", [one for _ in range(size // 4) for one in (lambda: show(0, VIEW), all_of)])):
        walls, cpus = [], []
        for place, step in enumerate(steps):
            before, wall, cpu = paints[0], time.perf_counter(), time.process_time()
            step()
            while paints[0] == before:
                process()
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        kept = slice(1, None, 2) if name == "all" else slice(5, None)
        result[name + "_ms"] = statistics.median(walls[kept]) * 1e3
        result[name + "_cpu"] = statistics.median(cpus[kept]) * 1e3
        result[name + "_p95"] = sorted(walls[kept])[int(len(walls[kept]) * 0.95)] * 1e3
    print(json.dumps(result), flush=True)
"""

_OURS = """
from PySide6.QtWidgets import QApplication
application = QApplication([])
from app.__main__ import _import_plainly
_import_plainly()
from app.charts.price import PriceChart
from forecasting.series import PriceSeries
columns = ("open", "high", "low", "close")
series = PriceSeries("X", minutes, columns, np.stack([opened, high, low, close], axis=1))
chart = PriceChart()
chart.set_style(style)
chart.show_series(series)
chart.resize(1200, 700)
chart.show()
paints = [0]
chart._view.painted.connect(lambda: paints.__setitem__(0, paints[0] + 1))
chart.refresh()
application.processEvents()

def show(first, last):
    (low, high), _ = chart.view or ((0, 0), None)
    if high - low == last - first:
        chart._price.panned.emit(first - low, 0.0)  # what dragging does
    else:
        chart.show_view((first, last))
        chart.refresh()

def everything():
    chart.show_range(None)
    chart.refresh()

measure(show, everything, paints, application.processEvents)
import os; os._exit(0)
"""

_PLOT = """
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPicture

application = pg.mkQApp()
paints = [0]

class Plot(pg.PlotWidget):
    def paintEvent(self, event):
        super().paintEvent(event)
        paints[0] += 1

class Candles(pg.GraphicsObject):
    def __init__(self):
        super().__init__()
        self.picture = QPicture()
        painter = QPainter(self.picture)
        for x, o, h, l, c in zip(range(count), opened, high, low, close):
            painter.setPen(pg.mkPen("b" if c >= o else "r"))
            painter.setBrush(pg.mkBrush("b" if c >= o else "r"))
            painter.drawLine(QPointF(x, l), QPointF(x, h))
            painter.drawRect(QRectF(x - 0.3, o, 0.6, c - o))
        painter.end()

    def paint(self, painter, *_):
        painter.drawPicture(0, 0, self.picture)

    def boundingRect(self):
        return QRectF(self.picture.boundingRect())

plot = Plot()
plot.resize(1200, 700)
if style == "line":
    line = pg.PlotDataItem(np.arange(count), close)
    plot.addItem(line)
    line.setClipToView(True)
    line.setDownsampling(auto=True, method="peak")
else:
    plot.addItem(Candles())
plot.show()
plot.setYRange(float(low.min()), float(high.max()))
application.processEvents()

def show(first, last):
    plot.setXRange(first, last, padding=0)
    plot.setYRange(float(low[first:last].min()), float(high[first:last].max()), padding=0)
    plot.viewport().update()

measure(show, lambda: show(0, count), paints, application.processEvents, 60 if style == "line" or count <= 10_000 else 12)
import os; os._exit(0)
"""

_FINPLOT = """
import finplot, pandas
from pyqtgraph.Qt import QtWidgets
frame = pandas.DataFrame({"o": opened, "c": close, "h": high, "l": low}, index=pandas.DatetimeIndex(minutes))
axis = finplot.create_plot("X", init_zoom_periods=VIEW)
if style == "line":
    finplot.plot(frame["c"], ax=axis)
else:
    finplot.candlestick_ochl(frame, ax=axis)
finplot.show(qt_exec=False)
window = axis.vb.win
window.resize(1200, 700)
paints = [0]
view = type(window) if hasattr(window, "viewport") else None
target = window if hasattr(window, "viewport") else window.centralWidget() if hasattr(window, "centralWidget") else window
painted = type(target).paintEvent
def paint(self, event):
    painted(self, event)
    paints[0] += 1
type(target).paintEvent = paint
application = QtWidgets.QApplication.instance()
application.processEvents()

def show(first, last):
    axis.vb.update_y_zoom(first, last)
    target.viewport().update()

measure(show, lambda: show(0, count), paints, application.processEvents, 60 if count <= 100_000 else 12)
import os; os._exit(0)
"""

#: Most milliseconds that a goal allows, by style, bars and what is done.
GOALS = {
    ("line", 1_000_000, "pan"): 5,
    ("candles", 1_000_000, "pan"): 5,
    ("candles", 100_000, "pan"): 4,
    ("candles", 1_000_000, "all"): 20,
}
GOALS |= {("line", 1_000_000, "all"): 20, ("candles", 100_000, "all"): 4}


def compare(style: str, count: int, rounds: int, finplot: str) -> dict[str, list[Figures]]:
    """Measure all contestants on as many bars."""
    words = (str(count), style)
    commands = {"Candlecast": [sys.executable, "-P", "-c", _COMMON + _OURS, *words]}
    if (
        style == "line" or count <= 100_000
    ):  # the picture of a million candles takes minutes to make
        commands["pyqtgraph"] = [sys.executable, "-P", "-c", _COMMON + _PLOT, *words]
    if finplot:
        commands["finplot"] = [finplot, "-P", "-c", _COMMON + _FINPLOT, *words]
    return turns(commands, rounds)


def main() -> None:
    """Run all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--finplot", default="")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bars", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    runs, rows = {}, []
    for style in ("line", "candles"):
        for count in given.bars:
            found = runs[f"{style} {count}"] = compare(style, count, given.rounds, given.finplot)
            for what in ("pan", "all"):
                row: list[object] = [style, f"{count:,}", what]
                ours = [item[f"{what}_cpu"] for item in found["Candlecast"]]
                row.append(f"{sorted(ours)[len(ours) // 2]:.1f}")
                row.append(GOALS.get((style, count, what), ""))
                for peer in ("pyqtgraph", "finplot"):
                    theirs = [item[f"{what}_cpu"] for item in found.get(peer, [])]
                    row += (
                        [f"{sorted(theirs)[len(theirs) // 2]:.1f}", ratio(ours, theirs)]
                        if theirs
                        else ["", ""]
                    )
                rows.append(row)
    head = (
        "drawn as",
        "bars",
        "what",
        "ours, CPU ms",
        "goal",
        "pyqtgraph",
        "ours / it",
        "finplot",
        "ours / it",
    )
    write(given.out, "charts", runs, table(head, rows))


if __name__ == "__main__":
    main()
