"""What a frame costs with drawings on the price chart.

    python -m benchmarks.drawings [--bars 1000000] [--drawings 100] [--rounds 5] [--out FOLDER]

The chart is 1200 x 700 pixels of candles, offscreen. "pan" moves the view of 2,000 bars by 5 bars,
"all" goes from 2,000 bars to all there are, "pointer" moves the crosshair, and "drag" moves one
drawing. Rounds without and with drawings take turns in one process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.turns import table, write

#: Most milliseconds of a frame that the goal allows.
GOAL_MS = 16.0
_VIEW, _FRAMES = 2000, 40


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=1_000_000)
    parser.add_argument("--drawings", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    found = measure(given.bars, given.drawings, given.rounds)
    rows = []
    for what in ("pan", "all", "pointer", "drag"):
        for count in (0, given.drawings):
            walls = found.get((what, count), {}).get("wall", [])
            if walls:
                cpu = found[what, count]["cpu"]
                figures = (
                    statistics.median(walls),
                    float(np.quantile(walls, 0.95)),
                    statistics.median(cpu),
                    float(np.quantile(cpu, 0.1)),
                )
                rows.append((what, count, *(f"{figure:.1f}" for figure in figures)))
    head = (
        "what",
        "drawings",
        "wall ms, median",
        "wall ms, 95 %",
        "CPU ms, median",
        "CPU ms, 10 %",
    )
    runs = {f"{what} {count}": times for (what, count), times in found.items()}
    write(given.out, "drawings", runs, table(head, rows))


def measure(bars: int, drawings: int, rounds: int) -> dict[tuple[str, int], dict[str, list[float]]]:
    """Return milliseconds by what was done and the number of drawings."""
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    from app.charts.price import PriceChart
    from forecasting.series import PriceSeries

    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, bars)))
    opened = close * (1 + rng.normal(0, 5e-4, bars))
    high, low = np.maximum(opened, close) * 1.0004, np.minimum(opened, close) * 0.9996
    minutes = np.datetime64("2015-01-01") + np.arange(bars) * np.timedelta64(60_000_000, "us")
    columns = ("open", "high", "low", "close")
    series = PriceSeries("X", minutes, columns, np.stack([opened, high, low, close], axis=1))
    chart = PriceChart()
    chart.show_series(series)
    chart.resize(1200, 700)
    chart.show()
    chart.refresh()
    application.processEvents()
    middle = bars // 2
    items = tuple(_scattered(close, minutes, middle, drawings))
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    for _ in range(rounds):
        for count in (0, drawings):
            chart.drawings.show("X", items[:count])
            for what, steps in _steps(chart, middle, bool(count)).items():
                times = found.setdefault((what, count), {"wall": [], "cpu": []})
                chart.show_view((middle, middle + _VIEW))
                chart.refresh()
                application.processEvents()
                for number, step in enumerate(steps):
                    wall, cpu = time.perf_counter(), time.process_time()
                    step()
                    chart.refresh()
                    chart._view.viewport().repaint()
                    if number > 2 and (what != "all" or number % 2):
                        times["wall"].append(1e3 * (time.perf_counter() - wall))
                        times["cpu"].append(1e3 * (time.process_time() - cpu))
    return found


def _scattered(close, dates, middle: int, count: int) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """Make drawings of every kind, all of them in view."""
    from app.charts.drawing import KINDS, Anchor, Drawing

    rng = np.random.default_rng(1)
    kinds = list(KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        bars = np.sort(rng.integers(middle, middle + _VIEW, KINDS[kind].anchors))
        anchors = tuple(
            Anchor(ds=dates[bar].item(), price=float(close[bar] * rng.normal(1, 0.005)))
            for bar in bars
        )
        text = f"Drawing {number}: look again" if kind in ("note", "rectangle") else ""
        yield Drawing(symbol="X", kind=kind, anchors=anchors, text=text, color=number % 6)


def _steps(chart, middle: int, drawn: bool) -> dict[str, list[Callable[[], object]]]:  # type: ignore[no-untyped-def]
    """Return what is done in each frame, by name."""
    from PySide6.QtCore import QPointF

    def point(number: int) -> None:
        chart._pointer_moved(chart._price.mapToScene(QPointF(200 + 15 * number, 200 + number)))

    def drag(number: int) -> None:
        editor = chart.drawings
        moved = editor._shifted(editor.drawings[0], 1, 0.0, log=False)
        editor.show("X", (moved, *editor.drawings[1:]))

    steps: dict[str, list[Callable[[], object]]] = {
        "pan": [lambda: chart._price.panned.emit(5.0, 0.0)] * _FRAMES,
        "all": [
            lambda: chart.show_view((middle, middle + _VIEW)),
            lambda: chart.show_range(None),
        ]
        * (_FRAMES // 4),
        "pointer": [lambda number=number: point(number) for number in range(_FRAMES)],
    }
    if drawn:
        steps["drag"] = [lambda number=number: drag(number) for number in range(_FRAMES)]
    return steps


if __name__ == "__main__":
    main()
