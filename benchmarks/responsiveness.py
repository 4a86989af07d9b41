"""Whether the window answers at any time: gaps between beats of a 10 ms timer in the real window,
whatever goes on.

    python -m benchmarks.responsiveness [--repeats 3] [--rows 1000000] [--out FOLDER]

A gap is the time between two beats: 10 ms at best. Each action counts from its beginning to its
end. A window that is busy for as long as a gap answers only after it. Other work on the machine
makes gaps longer: "CPU ms" is the most CPU time that the process, all threads together, used within
one gap, which is about what the gap would be on a machine of its own. "Longest turn" is the most CPU
time that the window's own thread used in one turn of the event loop, whatever else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "CANDLECAST_HOME" not in os.environ:
    os.environ["CANDLECAST_HOME"] = tempfile.mkdtemp(prefix="candlecast-beats-")

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from app import theme
from app.__main__ import _import_plainly
from app.preferences import Preferences
from app.session import Session
from app.window import MainWindow
from benchmarks.turns import Figures, run, table, write

#: Most milliseconds between two beats: 99 of 100, and all.
GOALS = {"at rest": (25, 100), "training": (25, 50)}
_GOAL = (25, 100)
_FORMATS = ("png", "svg", "pdf", "html", "csv", "parquet")


class Heart:
    """Beats every 10 ms and keeps the gaps."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.busy: list[float] = []
        self.turns: list[float] = []
        self._last, self._cpu = time.perf_counter(), time.process_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(10)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now, cpu = time.perf_counter(), time.process_time()
        self.gaps.append((now - self._last) * 1e3)
        self.busy.append((cpu - self._cpu) * 1e3)
        self._last, self._cpu = now, cpu

    def during(
        self,
        act: Callable[[], object],
        over: Callable[[], object],
        least: float = 0.0,
        most: float = 600.0,
    ) -> Figures:
        """Return the gaps from the call of an action until a condition holds and some seconds
        are over.
        """
        self._wait(lambda: True, 0.1)
        self.gaps.clear()
        self.busy.clear()
        self.turns.clear()
        started = time.perf_counter()
        QTimer.singleShot(0, act)
        self._wait(over, least, most)
        self._wait(lambda: True, 0.05)
        gaps = sorted(self.gaps)
        index = min(len(gaps) - 1, int(len(gaps) * 0.99))
        busy = max(min(gap, cpu) for gap, cpu in zip(self.gaps, self.busy, strict=True))
        return {
            "p99_ms": gaps[index],
            "max_ms": gaps[-1],
            "busy_ms": busy,
            "turn_ms": max(self.turns),
            "over_50": sum(gap > 50 for gap in gaps),
            "seconds": time.perf_counter() - started,
        }

    def _wait(self, condition: Callable[[], object], least: float, most: float = 600.0) -> None:
        """Let the event loop run as it does in the program: it sleeps between events."""
        started = time.perf_counter()
        first = True
        while first or time.perf_counter() - started < least or not condition():
            first = False
            if time.perf_counter() - started > most:
                raise TimeoutError("the window did not get there")
            cpu = time.thread_time()
            QApplication.processEvents()
            self.turns.append((time.thread_time() - cpu) * 1e3)
            time.sleep(0.0005)


def act(file: str) -> dict[str, Figures]:
    """Go through all actions in one window; return the gaps of each."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    _import_plainly()
    theme.apply(application, theme.LIGHT)
    found: dict[str, Figures] = {}
    heart, window = Heart(), MainWindow(Preferences(), ["sample:sp500"])
    window.resize(1440, 900)
    warm_up = Session.warm_up
    Session.warm_up = lambda _self: None  # type: ignore[method-assign]
    found["start, until prices are shown"] = heart.during(
        window.show,
        lambda: window.bench and window.bench.session.panel and not window.bench.session.threads,
    )
    Session.warm_up = warm_up  # type: ignore[method-assign]
    bench = window.bench
    assert bench is not None
    session = bench.session
    found["at rest"] = heart.during(lambda: None, lambda: True, 5.0)
    found["starting the engine"] = heart.during(
        session.warm_up, lambda: session.engine is not None and not session.threads, 1.0
    )

    def trained(epochs: int, least: float) -> Figures:
        config = bench.model.config().changed(model="lstm", epochs=epochs, patience=epochs)
        return heart.during(
            lambda: session.train(config),
            lambda: session.finished is not None and session.state == "idle",
            least,
        )

    found["first training, with its imports"] = trained(2, 0.0)
    session.unsaved = False
    session.finished = None
    found["training"] = trained(15, 5.0)
    session.unsaved = False
    folder = Path(tempfile.mkdtemp(prefix="candlecast-beats-"))
    for name in _FORMATS:
        for again in ("first ", ""):
            path = folder / f"{again}x.{name}"
            found[f"{again}export .{name}"] = heart.during(
                lambda path=path: bench.export_controller.export(path), path.exists
            )
    found["loading a million rows"] = heart.during(
        lambda: bench.load([file]),
        lambda: session.series is not None and len(session.series) > 10_000 and not session.threads,
        1.0,
    )
    return found


def main() -> None:
    """Repeat in fresh processes; print the median and the worst of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.file:
        print(json.dumps(act(given.file)), flush=True)
        os._exit(0)
    from benchmarks.test_csv import write_prices

    runs: list[dict[str, Figures]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = write_prices(Path(folder) / "prices.csv", given.rows)
        for _ in range(given.repeats):
            told = run(
                [sys.executable, "-P", "-m", "benchmarks.responsiveness", "--file", str(file)], 900
            )
            runs.append({name: item for name, item in told.items() if isinstance(item, dict)})  # type: ignore[misc]
    rows = []
    for name in runs[0]:
        middle = {
            key: sorted(item[name][key] for item in runs)[len(runs) // 2] for key in runs[0][name]
        }
        goal = GOALS.get(name, _GOAL)
        worst = max(item[name]["max_ms"] for item in runs)
        rows.append(
            [
                name,
                *(f"{middle[key]:.0f}" for key in ("p99_ms", "max_ms", "busy_ms", "turn_ms")),
                f"{worst:.0f}",
                f"{middle['over_50']:.0f}",
                f"{middle['seconds']:.1f}",
                f"{goal[0]}, {goal[1]}",
            ]
        )
    write(
        given.out,
        "responsiveness",
        runs,
        table(
            (
                "what goes on",
                "p99, ms",
                "largest gap, ms",
                "largest, CPU ms",
                "longest turn, ms",
                "worst of all runs",
                "gaps > 50 ms",
                "seconds",
                "goal",
            ),
            rows,
        ),
    )


if __name__ == "__main__":
    main()
