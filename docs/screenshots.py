"""Make the pictures of the documents: drives the real window on a sample, without a display.

Run it from the top of a checkout: ``python docs/screenshots.py [FOLDER]`` (``docs/images`` by default).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["CANDLECAST_HOME"] = tempfile.mkdtemp(prefix="candlecast-pictures-")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PySide6.QtCore import QLocale
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QWidget

from app import theme
from app.charts.shapes import ShapePicture
from app.settings import Preferences
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import SHAPES, RunConfig
from forecasting.shapes import describe

SIZE = (1280, 820)
SMALL = (1024, 700)
SETTINGS = {"model": "lstm", "epochs": 12, "horizon": 20, "patience": 12}


def wait(condition: Callable[[], object], seconds: float = 300) -> None:
    """Let the program run until a condition holds, and a moment more for it to be painted."""
    end = time.monotonic() + seconds
    settled = 0
    while settled < 20:
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents()
        time.sleep(0.01)
        settled = settled + 1 if settled or condition() else 0


def opened(name: str, size: tuple[int, int]) -> Workbench:
    """Open a window of a size in a theme, with the sample in it and the engine ready."""
    preferences = Preferences()
    preferences.clear()
    preferences.theme = name
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    theme.apply(app, theme.current(name))
    window = MainWindow(preferences, ["sample:sp500"])
    window.resize(*size)
    window.show()
    bench = window.furnish()
    wait(lambda: bench.session.panel and bench.session.engine and not bench.session.busy)
    bench.model.show_config(bench.model.config().changed(**SETTINGS))
    return bench


def compared(bench: Workbench) -> QPixmap:
    """Train two more networks and return a picture of all three on one chart, with the table of runs."""
    for other in ({"model": "gru", "horizon": 30}, {"model": "rnn", "horizon": 40}):
        bench.model.show_config(bench.model.config().changed(**other, epochs=3))
        bench.train()
        wait(lambda: not bench.session.busy and bench.session.threads == 0)
    bench.runs.compare([run.key for run in bench.layout.runs.model.runs[:3]])
    bench.layout.docks["runs"].raise_()
    bench.banner.hide()
    wait(lambda: len(bench.chart._compare.fans) == 3)
    return bench.window.grab()


def pictures(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size, suffix in (("light", SIZE, ""), ("dark", SIZE, "-dark"), ("light", SMALL, "-small")):
        bench = opened(name, size)
        session = bench.session
        bench.train()
        wait(lambda session=session: len(session.history) > 5 or not session.busy)
        if name == "light" and not suffix:
            bench.window.grab().save(str(folder / "window-training.png"))
        wait(lambda session=session: not session.busy)
        if session.finished is None:
            raise RuntimeError(f"the training failed: {bench.banner.text}")
        bench.window.grab().save(str(folder / f"window{suffix}.png"))
        if name == "light" and not suffix:
            compared(bench).save(str(folder / "runs.png"))
        closed(bench)


#: The memory test of docs/networks.md.
MEMORY = {"input_size": 80, "horizon": 1, "hidden_size": 16, "learning_rate": 0.01, "dropout": 0.0, "weight_decay": 0.0}
EXPLODING = {
    "model": "rnn", "activation": "relu", "hidden_size": 16, "optimiser": "sgd", "learning_rate": 10.0, "clip": "off",
    "schedule": "constant", "epochs": 14, "patience": 14,
}  # fmt: skip


def closed(bench: Workbench) -> None:
    """Close a window and wait for all of it to be gone."""
    bench.session.unsaved = False
    bench.window.close()
    bench.session.close()
    bench.window.deleteLater()


def trained(bench: Workbench, **settings: object) -> None:
    """Train with these settings, the training panel in front."""
    bench.model.show_config(RunConfig().changed(**settings))
    bench.train()
    wait(lambda: not bench.session.busy)
    if bench.session.finished is None:
        raise RuntimeError(f"the training failed: {bench.banner.text}")
    bench.layout.docks["training"].raise_()


def pictures_of_networks(folder: Path) -> None:
    """Write the pictures that explain the networks."""
    bench = opened("light", SIZE)
    bench.load(["sample:memory"])
    wait(lambda: not bench.session.busy)
    trained(bench, model="rnn", **MEMORY)
    advice = next(one for one in bench.session.seen.advice if one.topic == "vanishing")
    bench.banner.show_notice(advice.message, advice.hint)
    bench.training.show_view(2)
    wait(lambda: True)
    bench.window.grab().save(str(folder / "networks-memory-rnn.png"))
    trained(bench, model="lstm", memory=80, **MEMORY)
    bench.banner.hide()
    bench.training.memory.curves.setChecked(True)
    wait(lambda: True)
    bench.window.grab().save(str(folder / "networks-memory-lstm.png"))
    closed(bench)
    bench = opened("light", SIZE)
    trained(bench, **EXPLODING)
    caught = next(one for one in bench.session.seen.advice if "went back" in one.message)
    bench.banner.show_notice(caught.message, caught.hint)
    bench.training.show_view(3)
    wait(lambda: True)
    bench.window.grab().save(str(folder / "networks-exploding.png"))
    closed(bench)
    shapes(folder / "networks-shapes.png")


def shapes(path: Path) -> None:
    """Draw every shape beside its sentence."""
    sheet = QWidget()
    sheet.setStyleSheet(f"background: {theme.LIGHT.surface}")
    rows = QGridLayout(sheet)
    rows.setContentsMargins(20, 16, 20, 16)
    rows.setHorizontalSpacing(24)
    rows.setVerticalSpacing(18)
    for row, name in enumerate(SHAPES):
        diagram = describe(RunConfig().changed(shape=name))
        picture, words = ShapePicture(), QLabel(f"<b>{name}</b><br>{diagram.sentence}")
        picture.show_diagram(diagram)
        picture.setFixedSize(400, 120)
        words.setWordWrap(True)
        words.setFixedWidth(320)
        rows.addWidget(picture, row, 0)
        rows.addWidget(words, row, 1)
    sheet.adjustSize()
    sheet.grab().save(str(path))


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    QLocale.setDefault(QLocale(QLocale.Language.English))
    images = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "images"
    pictures(images)
    pictures_of_networks(images)
