"""What the live plots cost: CPU seconds of a training in the real window, with and without drawing
them.

Run it from the top of a checkout; runs take turns (with, without, with, ...), so that a busy
machine is busy for both:

    python -m benchmarks.live_plots [PAIRS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["CANDLECAST_HOME"] = tempfile.mkdtemp(prefix="candlecast-plots-")

from PySide6.QtWidgets import QApplication

from app import theme
from app.features.training.run_view import RunView
from app.preferences import Preferences
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import RunConfig

CONFIG = RunConfig().changed(model="lstm", epochs=12, patience=12)
#: Views of the training panel by their place.
VIEWS = {"loss": 0, "gradients": 1, "memory": 2}


def wait(condition: Callable[[], object], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents()
        time.sleep(0.005)


def opened() -> Workbench:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, theme.LIGHT)
    window = MainWindow(Preferences(), ["sample:sp500"])
    window.resize(1440, 900)
    window.show()
    bench = window.furnish()
    wait(lambda: bench.session.panel and bench.session.engine and not bench.session.threads)
    return bench


def cost(bench: Workbench, view: str, drawn: bool) -> float:
    """Return the CPU seconds of the process from the start of a training to the end of its last
    epoch.
    """
    draw = RunView.draw
    if not drawn:
        RunView.draw = lambda self: None  # type: ignore[method-assign]
    bench.training.show_view(VIEWS[view])
    bench.session.unsaved = False
    started = time.process_time()
    bench.session.train(CONFIG)
    wait(lambda: len(bench.session.history) > CONFIG.train.epochs)
    spent = time.process_time() - started
    RunView.draw = draw  # type: ignore[method-assign]
    bench.cancel()
    wait(lambda: not bench.session.threads)
    return spent


def main(pairs: int) -> None:
    bench = opened()
    cost(bench, "loss", drawn=True)
    for view in VIEWS:
        found = [
            (cost(bench, view, drawn=True), cost(bench, view, drawn=False)) for _ in range(pairs)
        ]
        shown, hidden = (median(side) for side in zip(*found, strict=True))
        ratios = sorted(item / other for item, other in found)
        print(
            f"{view:<10} with {shown:6.2f} s   without {hidden:6.2f} s   ratio "
            f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
            flush=True,
        )
    bench.session.close()
    bench.window.close()


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
