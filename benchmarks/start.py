"""How soon the window is seen, shows prices and can train, and how long a command takes, beside the
least that Qt and torch need.

    python -m benchmarks.start [--rounds 15] [--out FOLDER]

Every contestant is a fresh process, offscreen, with settings of a first start. Bare windows are the
leanest that can be written: a label; pyqtgraph with a line of the closes of the same file, read by
pandas.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.test_csv import write_prices
from benchmarks.turns import ROOT, Figures, median, ratio, table, turns, write

_MARK = """
import json, os, sys, time
marks = {}
def mark(name, last=False):
    marks[name + "_wall"], marks[name + "_cpu"] = time.time() - float(os.environ["CANDLECAST_BEGUN"]), time.process_time()
    if last:
        print(json.dumps(marks), flush=True)
        os._exit(0)
"""

_OURS = """
import app.__main__ as start
import PySide6.QtCore
start._import_plainly()  # as the program does, before it imports anything else
from app.window import MainWindow

class Watched(MainWindow):
    def __init__(self, *given):
        super().__init__(*given)
        self.painted.connect(lambda: mark("painted", last="painted" in sys.argv))

    def furnish(self):
        bench = super().furnish()
        if "chart_wall" not in marks and not hasattr(self, "watching"):
            self.watching = True
            bench.chart._view.painted.connect(self.look)
            bench.session.frame_due.connect(self.engine)
            if "rest" in sys.argv:
                from PySide6.QtCore import QTimer
                self.looking = QTimer(self, interval=200)
                self.looking.timeout.connect(self.rest)
                self.looking.start()
        return bench

    def all_built(self):
        from app.widgets.late import Late
        features = self.bench.features
        return len(features.made) == len(list(features)) and all(
            part.is_built for part in self.findChildren(Late)
        )

    def look(self):
        if self.bench.session.series is not None and not self.bench.chart._dirty and "chart_wall" not in marks:
            import psutil
            mark("chart")
            marks["chart_mb"] = psutil.Process().memory_info().rss / 2**20
            if "chart" in sys.argv:
                mark("chart", last=True)

    def rest(self):
        session = self.bench.session
        at_rest = session.state == "idle" and not session.threads
        if "chart_wall" in marks and at_rest and self.all_built():
            import psutil
            memory = psutil.Process().memory_full_info()
            for name in ("rss", "pss", "uss"):
                marks[f"rest_{name}"] = getattr(memory, name, 0) / 2**20
            mark("rest", last=True)

    def engine(self):
        if self.bench.session.engine is not None:
            mark("engine", last=True)

if "rest" in sys.argv:
    from app.session import Session
    Session.warm_up = lambda self: None
import app.window
app.window.MainWindow = Watched
start.main(["sample:sp500"])
"""

#: The window of a later start: what an earlier one computed is in the cache folder.
_AGAIN = """
import os
os.environ["CANDLECAST_HOME"] = sys.argv[-1]
"""

_BARE = """
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

class Label(QLabel):
    def paintEvent(self, event):
        super().paintEvent(event)
        mark("painted", last=True)

application = QApplication([])
window = QMainWindow()
window.resize(1280, 820)
label = Label("Opening")
label.setAlignment(Qt.AlignmentFlag.AlignCenter)
window.setCentralWidget(label)
window.show()
application.exec()
"""

_PLOT = """
import pandas
import pyqtgraph
from PySide6.QtCore import QTimer

application = pyqtgraph.mkQApp()
plot = pyqtgraph.PlotWidget(axisItems={"bottom": pyqtgraph.DateAxisItem()})
plot.resize(1280, 820)
plot.show()
prices = pandas.read_csv(sys.argv[-1], parse_dates=["Date"])
plot.plot(prices["Date"].astype("int64").to_numpy() / 1e6, prices["Close"].to_numpy())

def drawn():
    plot.repaint()
    plot.viewport().repaint()
    mark("chart")
    import psutil
    memory = psutil.Process().memory_full_info()
    for name in ("rss", "pss", "uss"):
        marks[f"rest_{name}"] = getattr(memory, name, 0) / 2**20
    mark("rest", last=True)

QTimer.singleShot(0, drawn)
application.exec()
"""

#: What ``./run`` does before it becomes the program.
_LAUNCH = "import importlib.machinery as m, importlib.util as u; l = m.SourceFileLoader('launch', {path!r}); \
s = u.spec_from_loader('launch', l); launch = u.module_from_spec(s); l.exec_module(launch); launch.prepare()"

_ROWS = 500


def _python(code: str, *words: str) -> list[str]:
    return [sys.executable, "-P", "-c", code, *words]


def window(rounds: int) -> tuple[dict[str, list[Figures]], str]:
    """Compare the first paint, the first chart and the time until the engine is ready."""
    from forecasting.sources.samples import _data_folder

    file = str(_data_folder() / "sp500/sp500.csv.gz")
    home = TemporaryDirectory(prefix="candlecast-bench-")
    found = turns(
        {
            "bare": _python(_MARK + _BARE),
            "painted": _python(_MARK + _OURS, "painted"),
            "launcher": [sys.executable, "-c", _LAUNCH.format(path=str(ROOT / "run"))],
            "nothing": [sys.executable, "-c", ""],
            "plot": _python(_MARK + _PLOT, file),
            "chart": _python(_MARK + _OURS, "chart"),
            "torch": _python("import torch"),
            "engine": _python(_MARK + _OURS),
            "rest": _python(_MARK + _OURS, "rest"),
            "again": _python(_MARK + _AGAIN + _OURS, "rest", home.name),
        },
        rounds,
    )
    home.cleanup()

    def line(what: str, ours: str, theirs: str, mark: str, other: str, goal: str) -> list[str]:
        cells = [what]
        for kind in ("cpu", "wall"):
            mine, peer = f"{mark}_{kind}", f"{other}_{kind}"
            cells += [f"{median(found[ours], mine):.2f}", f"{median(found[theirs], peer):.2f}"]
            cells.append(
                ratio([item[mine] for item in found[ours]], [item[peer] for item in found[theirs]])
            )
        return [*cells, goal]

    rows = [
        line(
            "first paint, beside a bare PySide6 window",
            "painted",
            "bare",
            "painted",
            "painted",
            "1.3",
        ),
        line(
            "chart, beside PySide6, pyqtgraph and pandas", "chart", "plot", "chart", "chart", "1.2"
        ),
        line("engine ready, beside `import torch`", "engine", "torch", "engine", "whole", ""),
    ]
    extra = median(found["launcher"], "whole_cpu") - median(found["nothing"], "whole_cpu")
    start = median(found["nothing"], "whole_cpu")
    text = table(
        ("", "ours, CPU s", "peer", "ratio", "ours, wall s", "peer", "ratio", "goal"), rows
    )
    text += (
        f"\n\n`./run` adds a second start of Python ({start:.3f} CPU s) and {extra:.3f} CPU s "
        "of its own."
    )
    text += f" Memory with the first chart: {median(found['chart'], 'chart_mb'):.0f} MB;"
    names = {"a first start": "rest", "a later start": "again", "the peer of the chart": "plot"}
    memory = [
        [what, *(f"{median(found[name], f'rest_{key}'):.0f}" for key in ("rss", "pss", "uss"))]
        for what, name in names.items()
    ]
    text += "\n\n" + table(("at rest before the engine, MB", "RSS", "PSS", "USS"), memory)
    return found, text


def command(rounds: int) -> tuple[dict[str, list[Figures]], str]:
    """Compare a whole ``forecast`` of a small file with one epoch, and a mere ``--help``, with
    the import of torch.
    """
    with TemporaryDirectory() as folder:
        file = str(write_prices(Path(folder) / "small.csv", _ROWS))
        found = turns(
            {
                "`import torch`": _python("import torch"),
                "`import torch, arch.univariate` (GARCH, one of the baselines)": _python(
                    "import torch, arch.univariate"
                ),
                "`candlecast forecast`": [
                    sys.executable,
                    "-P",
                    "-m",
                    "app",
                    "forecast",
                    file,
                    "--epochs",
                    "1",
                ],
                "`candlecast forecast --baselines random-walk,har`": [
                    *(
                        sys.executable,
                        "-P",
                        "-m",
                        "app",
                        "forecast",
                        file,
                        "--epochs",
                        "1",
                        "--baselines",
                        "random-walk,har",
                    )
                ],
                "`candlecast --help`": [sys.executable, "-P", "-m", "app", "--help"],
            },
            rounds,
        )
    torch, rows = found["`import torch`"], []
    for name, runs in found.items():
        row = [name]
        for key in ("whole_cpu", "whole_wall"):
            row += [
                f"{median(runs, key):.2f}",
                ratio([item[key] for item in runs], [item[key] for item in torch]),
            ]
        rows.append(row)
    return found, table(("process", "CPU s", "/ torch", "wall s", "/ torch"), rows)


def main() -> None:
    """Run all and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=("window", "command"))
    given = parser.parse_args()
    for name, compare in (("window", window), ("command", command)):
        if given.only in (None, name):
            runs, text = compare(given.rounds)
            write(given.out, f"start_{name}", runs, text)


if __name__ == "__main__":
    main()
