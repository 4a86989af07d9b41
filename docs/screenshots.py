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
from PySide6.QtWidgets import QApplication

from app import theme
from app.settings import Preferences
from app.window import MainWindow
from app.window.workbench import Workbench

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
        session.unsaved = False
        bench.window.close()
        session.close()
        bench.window.deleteLater()


if __name__ == "__main__":
    application = QApplication(sys.argv[:1])
    QLocale.setDefault(QLocale(QLocale.Language.English))
    pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "images")
