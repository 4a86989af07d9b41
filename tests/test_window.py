"""The real window, driven as a person drives it: load, train, stop, export, close; and what it
says when things go wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QWidget,
)
from window_bench import exported, rested

from app import dialogs, theme
from app.preferences import SPANS, Preferences
from app.widgets.chart_header import bars_in
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.baselines import model_title
from forecasting.config import RunConfig
from forecasting.events import EngineReady
from forecasting.files.atomic import data_folder
from forecasting.series import PriceSeries
from forecasting.sources import source

ROOT = Path(__file__).resolve().parents[1]
TINY = RunConfig().changed(
    model="gru", hidden_size=4, input_size=10, horizon=3, epochs=2, batch_size=128
)
ENDLESS = TINY.changed(epochs=100_000, patience=100_000)

_warm: list[EngineReady] = []


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small price file: 300 bars of a random walk."""
    steps = np.random.default_rng(0).normal(0, 0.01, 300)
    close = 100 * np.exp(np.cumsum(steps))
    days = np.datetime64("2020-01-01") + np.arange(300)
    rows = [
        f"{day},{c * 0.999:.4f},{c * 1.01:.4f},{c * 0.99:.4f},{c:.4f},1000"
        for day, c in zip(days, close, strict=True)
    ]
    path = tmp_path_factory.mktemp("prices") / "walk.csv"
    path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]))
    path.with_name("other.csv").write_text(path.read_text())
    return path


def opened(preferences: Preferences, *references: str) -> MainWindow:
    """Open a window of the smallest promised size."""
    theme.apply(QApplication.instance(), theme.LIGHT)  # type: ignore[arg-type]
    window = MainWindow(preferences, references)
    window.resize(1024, 700)
    window.show()
    return window


def closed(window: MainWindow) -> None:
    """Close a window whatever it does, and wait for all of it to be gone."""
    if window.bench:
        window.bench.session.close(60_000)
        window.bench.session.unsaved = False
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def furnished(window: MainWindow) -> Workbench:
    """Wait for prices and engine; the engine is warmed once for all tests."""
    bench = window.furnish()
    if _warm:
        bench.session.engine = _warm[0]
    wait(
        lambda: (
            bench.session.panel is not None
            and bench.session.engine is not None
            and bench.session.threads == 0
        )
    )
    assert bench.session.engine is not None
    _warm[:] = [bench.session.engine]
    bench.model.show_config(TINY)
    # a recovery copy would be written some time later, in the middle of another test
    bench.project_controller.close()
    return bench


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Let events happen until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        QApplication.processEvents()
        time.sleep(0.002)


@pytest.fixture(scope="module")
def shared(
    qapp: QApplication, prices: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """One window for all tests that leave it open."""
    window = opened(
        Preferences(tmp_path_factory.mktemp("settings") / "preferences.json"), str(prices)
    )
    yield furnished(window)
    closed(window)


@pytest.fixture
def bench(shared: Workbench, prices: Path) -> Iterator[Workbench]:
    """The shared window as if it had just been opened on the small file."""
    shared.load([str(prices)])
    wait(idle(shared))
    shared.model.show_config(TINY)
    yield shared
    shared.cancel()
    rested(shared)


@pytest.fixture
def own(qapp: QApplication, prices: Path) -> Iterator[Workbench]:
    """A window for one test, which may close it."""
    window = opened(Preferences(), str(prices))
    yield furnished(window)
    closed(window)


def trained(qtbot: Any, bench: Workbench) -> None:
    bench.actions["train"].trigger()
    wait(lambda: bench.session.finished is not None and bench.session.state == "idle")


def idle(bench: Workbench) -> Callable[[], bool]:
    return lambda: bench.session.state == "idle"


def live(bench: Workbench) -> Callable[[], bool]:
    return lambda: bench.session.state == "training" and len(bench.session.history) > 2


def texts(widget: QWidget) -> str:
    QApplication.processEvents()
    return " ".join(
        child.text()
        for child in widget.findChildren(QWidget)
        if hasattr(child, "text") and child.isVisibleTo(widget)
    )


def test_the_first_start_shows_the_sample(qapp: QApplication) -> None:
    window = opened(Preferences())
    wait(lambda: window.bench is not None)
    bench = window.bench
    assert bench is not None
    wait(lambda: bench.session.panel is not None and bench.session.state == "idle")
    assert bench.session.references == ("sample:sp500",)
    assert "sp500" in window.windowTitle()
    assert "S&P 500" in texts(bench.data)
    assert bench.model.train_button.isEnabled()
    wait(lambda: bench.session.engine is not None)
    closed(window)


def test_training_two_epochs_ends_with_scores_and_a_sentence(qtbot: Any, bench: Workbench) -> None:
    trained(qtbot, bench)
    finished = bench.session.finished
    assert finished is not None
    assert [item.epoch for item in bench.session.history] == [0, 1, 2]
    wait(lambda: bench.results.judged.summary is not None)
    assert bench.results.judged.summary.sentence in texts(bench.results)
    assert bench.results.judged.summary.sentence in bench.help_controller._about_judging()
    bench.results.judged.unfold_button.setChecked(True)
    assert finished.result.verdict.sentence in texts(bench.results)
    bench.results.judged.unfold_button.setChecked(False)
    table = bench.results.table
    models = [table.horizontalHeaderItem(column).text() for column in range(1, table.columnCount())]
    assert models == [model_title(model) for model in finished.result.scores]
    assert len(models) >= 3
    cells = [
        table.item(row, column).text()
        for row in range(table.rowCount())
        for column in range(1, len(models) + 1)
    ]
    assert not any("★" in cell for cell in cells), (
        "too few independent origins to call one model best"
    )
    assert bench.window.isWindowModified()
    assert bench.model.train_button.isEnabled()
    assert not bench.model.stop_button.isEnabled()


def test_stop_keeps_the_best_network_so_far(qtbot: Any, bench: Workbench) -> None:
    bench.model.show_config(ENDLESS)
    qtbot.mouseClick(bench.model.train_button, Qt.MouseButton.LeftButton)
    wait(live(bench))
    assert not bench.model.train_button.isEnabled()
    assert not bench.actions["open"].isEnabled()
    qtbot.mouseClick(bench.model.stop_button, Qt.MouseButton.LeftButton)
    wait(idle(bench))
    finished = bench.session.finished
    assert finished is not None
    assert finished.result.info.stopped == "user"
    wait(lambda: "stopped by you" in texts(bench.results))


@pytest.mark.slow
def test_cancel_brings_the_result_before_it_back(qtbot: Any, bench: Workbench) -> None:
    trained(qtbot, bench)
    first = bench.session.finished
    bench.model.show_config(ENDLESS)
    bench.train()
    wait(live(bench))
    bench.actions["cancel"].trigger()
    assert bench.session.state == "idle"
    assert bench.session.finished is first
    assert first is not None
    wait(lambda: bench.results.judged.verdict is first.result.verdict)
    assert "Finished" in texts(bench.training)
    wait(lambda: bench.session.threads == 0)


@pytest.mark.slow
def test_the_window_stays_responsive_while_it_trains(qtbot: Any, bench: Workbench) -> None:
    bench.model.show_config(ENDLESS)
    bench.train()
    wait(live(bench))
    before = len(bench.session.history)
    bench.actions["style-line"].trigger()
    bench.actions["scale-log"].trigger()
    bench.actions["span-6M"].trigger()
    bench.actions["theme-dark"].trigger()
    wait(lambda: len(bench.session.history) > before + 2)
    wait(lambda: bench.window.windowTitle().startswith("["))
    bench.actions["theme-light"].trigger()
    bench.cancel()
    wait(lambda: bench.session.threads == 0)


@pytest.mark.slow
def test_every_format_is_exported_and_the_model_is_saved(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    assert exported(bench, tmp_path / "prices.png")
    assert not exported(bench, tmp_path / "nothing.csv")
    assert bench.banner.text
    assert not bench.actions["save_model"].isEnabled()
    trained(qtbot, bench)
    assert bench.actions["save_model"].isEnabled()
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF", ".csv": b"unique_id"}
    for suffix, start in starts.items():
        path = tmp_path / f"plot{suffix}"
        assert exported(bench, path)
        assert path.read_bytes().startswith(start)
    assert bench.window.isWindowModified(), "a picture is no copy of the network"
    assert bench.save_model(tmp_path / "net.candlecast")
    assert not bench.window.isWindowModified()
    assert (tmp_path / "net.candlecast").read_bytes().startswith(b"PK")


def test_a_file_name_gets_the_suffix_of_the_chosen_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = {"plot": "plot.svg", "plot.PNG": "plot.PNG", "plot.v2": "plot.v2.svg", "": ""}
    kinds = {".png": "PNG image", ".svg": "SVG drawing"}
    preferences = Preferences(tmp_path / "preferences.json")
    for name, expected in chosen.items():
        answer = (str(tmp_path / name) if name else "", "SVG drawing (*.svg)")
        monkeypatch.setattr(
            "PySide6.QtWidgets.QFileDialog.getSaveFileName", lambda *_args, answer=answer: answer
        )
        found = dialogs.ask_save_path(None, preferences, "Export", "stem", kinds)  # type: ignore[arg-type]
        assert found == (str(tmp_path / expected) if expected else "")
    assert preferences.folder == str(tmp_path)


@pytest.mark.slow
def test_an_export_that_cannot_be_written_is_told_in_the_banner(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    trained(qtbot, bench)
    assert not exported(bench, tmp_path / "missing" / "plot.png")
    assert "plot.png" in bench.banner.text
    assert bench.window.isWindowModified()


@pytest.mark.parametrize(
    "answer",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("continue", "discard", "keep")),
        "later",
    ],
)
def test_closing_in_mid_training_asks(
    qtbot: Any,
    own: Workbench,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answer: dialogs.Answer,
) -> None:
    model_file = tmp_path / "kept.candlecast"
    monkeypatch.setattr(dialogs, "ask_close_while_training", lambda parent: answer)
    monkeypatch.setattr(
        "PySide6.QtWidgets.QFileDialog.getSaveFileName",
        lambda *_args: (str(model_file), "Candlecast (*.candlecast)"),
    )
    own.model.show_config(ENDLESS)
    own.train()
    wait(live(own))
    closed = own.window.close()
    assert closed == (answer in ("discard", "later"))
    if answer == "continue":
        assert own.session.state == "training"
        return
    wait(lambda: not own.window.isVisible())
    assert own.session.threads == 0
    assert model_file.exists() == (answer == "keep")
    left = list((data_folder() / "unfinished").glob("*.training"))
    assert len(left) == (answer == "later"), (
        "what is to go on is offered at the next start, and nothing else"
    )
    for path in left:
        path.unlink()


def test_a_bad_file_is_told_in_the_banner_and_nothing_is_lost(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("this is,not\na price,file\n")
    bench.load([str(bad)])
    wait(idle(bench))
    assert "bad.csv" in bench.banner.text
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("walk",)
    dismiss = next(
        item
        for item in bench.banner.findChildren(QAbstractButton)
        if item.accessibleName() == "Dismiss"
    )
    qtbot.mouseClick(dismiss, Qt.MouseButton.LeftButton)
    assert bench.banner.text == ""


@pytest.mark.slow
def test_too_little_history_is_told_with_the_next_step(qtbot: Any, bench: Workbench) -> None:
    bench.model.show_config(TINY.changed(input_size=5000))
    bench.train()
    wait(idle(bench))
    assert "5000" in bench.banner.text.replace(",", "")
    assert bench.session.finished is None


def test_a_forecast_is_made_from_any_bar_of_the_chart(qtbot: Any, bench: Workbench) -> None:
    trained(qtbot, bench)
    said: list[str] = []
    bench.from_here.notified.connect(lambda message, _hint: said.append(message))
    bench.from_here.show(100)
    wait(lambda: bench.chart.origin == 100)
    assert any("learned from" in text for text in said)
    assert bench.layout.stepper.isVisible()
    finished = bench.session.finished
    assert finished is not None
    outcomes = next(iter(finished.result.outcomes.values()))
    series = bench.session.series
    assert series is not None
    judged = int(np.searchsorted(series.ds, outcomes.cutoff.min()))
    bench.from_here.show(judged)
    wait(lambda: bench.chart.origin == judged)
    assert f"(1 of {len(outcomes)})" in bench.layout.stepper.text
    bench.past_forecasts.leave()


def test_a_forecast_is_made_from_a_bar_of_a_series_whose_exchange_was_found_late(
    qtbot: Any, bench: Workbench, tmp_path: Path
) -> None:
    (sample,) = source("sample:sp500").load()
    file = tmp_path / "exchange.csv"
    sample.to_frame().tail(400).to_csv(file)
    bench.load([str(file)])
    wait(idle(bench))
    assert bench.session.series is not None
    assert bench.session.series.calendar == "XNYS"
    trained(qtbot, bench)
    bench.from_here.show(100)
    wait(lambda: bench.chart.origin == 100)


def test_an_unexpected_fault_is_shown_once_with_everything(qtbot: Any, bench: Workbench) -> None:
    for _ in range(3):
        bench.window.faulted.emit(ZeroDivisionError("planted"))
    found = [
        item
        for item in QApplication.topLevelWidgets()
        if isinstance(item, QDialog) and item.isVisible()
    ]
    assert len(found) == 1
    copy = next(
        item for item in found[0].findChildren(QAbstractButton) if item.text() == "Copy details"
    )
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert "ZeroDivisionError: planted" in QApplication.clipboard().text()
    assert "torch" in QApplication.clipboard().text()
    found[0].close()
    assert "planted" in bench.banner.text


def test_a_dropped_file_is_loaded(qtbot: Any, bench: Workbench, prices: Path) -> None:
    other = prices.with_name("other.csv")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(other))])
    buttons, keys, action = (
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.DropAction.CopyAction,
    )
    hint = bench.window.findChild(QWidget, "drop")
    QApplication.sendEvent(
        bench.window, QDragEnterEvent(QPointF(50, 50).toPoint(), action, data, buttons, keys)
    )
    assert hint.isVisible()
    QApplication.sendEvent(bench.window, QDropEvent(QPointF(50, 50), action, data, buttons, keys))
    assert not hint.isVisible()
    wait(lambda: bench.session.panel is not None and bench.session.panel.symbols == ("other",))


def test_tickers_become_references(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        bench.session,
        "load",
        lambda requests, *_more: asked.append(tuple(item.reference for item in requests)),
    )
    bench.actions["ticker"].trigger()
    field = bench.actions.ticker_field
    qtbot.keyClicks(field, "aapl, ^gspc aapl")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert asked == [("yahoo:AAPL", "yahoo:^GSPC")]


@pytest.mark.slow
def test_several_files_make_a_panel_to_choose_from(
    qtbot: Any, bench: Workbench, prices: Path
) -> None:
    other = prices.with_name("other.csv")
    bench.load([str(prices), str(other)])
    wait(idle(bench))
    trained(qtbot, bench)
    bench.data.series_chosen.emit(1)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "other"
    assert bench.window.windowTitle().startswith("other")
    assert bench.session.finished is not None


@pytest.mark.slow
def test_choices_are_remembered(qtbot: Any, own: Workbench, prices: Path) -> None:
    own.actions["style-area"].trigger()
    own.actions["span-5Y"].trigger()
    own.actions["theme-dark"].trigger()
    own.actions["theme-light"].trigger()
    own.model.show_config(TINY.changed(layers=3))
    assert own.window.close()
    again = Preferences()
    assert (again.style, again.span, again.theme) == ("area", "5Y", "light")
    assert again.recent == (str(prices),)
    assert RunConfig.from_json(again.run).model.layers == 3
    assert not again.bytes("geometry").isEmpty()
    assert not again.bytes("state").isEmpty()


DAMAGE = [
    ("window.ini", "[%General]\ntheme=@Invalid()"),
    ("window.ini", "theme=purple\nrun={\n[chart]\nspan=@Variant(\\0)\n[window]\nstate=7"),
    ("window.ini", "\0\xff"),
    (
        "preferences.json",
        '{"theme": "purple", "span": 5, "recent": {}, "state": 7, "run": "\\ud800"}',
    ),
    ("preferences.json", "[" * 10**5),
    ("preferences.json", "\0\xff"),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGE)
def test_damaged_settings_read_as_defaults(
    qtbot: Any, own_folders: Path, name: str, damage: str
) -> None:
    (own_folders / name).write_text(damage, encoding="latin-1")
    found = Preferences()
    assert (found.theme, found.style, found.scale, found.span) == (
        "system",
        "candles",
        "linear",
        "1Y",
    )
    assert found.recent == ()
    assert found.bytes("state").isEmpty()
    assert MainWindow(found).size().width() > 500


def test_everything_that_can_be_pressed_has_a_name_and_every_command_a_tip(
    qtbot: Any, bench: Workbench
) -> None:
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox)
    for item in bench.window.findChildren(QWidget):
        if isinstance(item, kinds) and not item.objectName().startswith("qt_") and item.isVisible():
            named = item.accessibleName() or (
                item.text() if isinstance(item, QAbstractButton) else ""
            )
            assert named, f"{type(item).__name__} {item.objectName()} in {item.parent()}"
    for name, action in bench.actions.named.items():
        assert action.toolTip(), name
    keys = [text for _name, text in bench.actions.shortcuts()]
    assert len(keys) == len(set(keys))
    assert {"Ctrl+T", "Esc", "Ctrl+E", "Ctrl+O", "Ctrl+Q", "F1"} <= set(keys)


@pytest.mark.parametrize("name", ["shortcuts", "about"])
def test_help_opens_and_closes(qtbot: Any, bench: Workbench, name: str) -> None:
    bench.actions[name].trigger()
    found = [
        item
        for item in QApplication.topLevelWidgets()
        if isinstance(item, QDialog) and item.isVisible()
    ]
    assert len(found) == 1
    found[0].close()


def test_nothing_is_clipped_in_a_small_window(qtbot: Any, bench: Workbench) -> None:
    bench.window.resize(1024, 700)
    QApplication.processEvents()
    assert (bench.window.width(), bench.window.height()) == (1024, 700)
    for item in bench.window.findChildren(QAbstractButton):
        if item.isVisible() and item.text() and not item.objectName().startswith("qt_"):
            assert item.width() >= item.minimumSizeHint().width(), item.text()
    for button in (bench.model.train_button, bench.model.stop_button):
        assert bench.window.rect().contains(button.mapTo(bench.window, button.rect().bottomRight()))


def test_spans_count_bars() -> None:
    ds = np.arange(np.datetime64("2015-01-01"), np.datetime64("2020-03-01")).astype(
        "datetime64[us]"
    )
    series = PriceSeries("a", ds, ("close",), np.ones((ds.size, 1)))
    found = {span: bars_in(series, span) for span in SPANS}
    assert found == {"1M": 32, "3M": 93, "6M": 185, "YTD": 60, "1Y": 366, "5Y": 1827, "All": None}
    assert bars_in(series.head(1), "1M") == 1


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**kept, **environment},
        check=False,
    )


FIRST_PAINT = """
import builtins, json, os, sys
python = set(sys.modules)
import PySide6.QtSvg, PySide6.QtWidgets
qt = set(sys.modules) - python
import app.__main__ as start
from app.window import MainWindow
def stop(self):
    modules = sorted(set(sys.modules) - python - qt)
    print(json.dumps({"modules": modules, "wrapped": builtins.__import__ is not builtins.__orig_import__}), flush=True)
    os._exit(0)
MainWindow._painted = stop
start.main([])
"""
#: Our own modules that the first paint needs, and how many others may come with them (13 with
#: Python 3.11 on Linux).
PAINTED_BY = {
    "app",
    "app.__main__",
    "app.log",
    "app.number_format",
    "app.preferences",
    "app.theme",
    "app.window",
    "forecasting",
    "forecasting.errors",
}
PAINTED_BY |= {
    "app.interrupts",
    "app.number_format",
    "forecasting.files",
    "forecasting.files.closing",
    "forecasting.files.bounded_read",
    "forecasting.files.atomic",
}
MOST_OTHERS = 24


def test_the_first_paint_comes_before_anything_heavy() -> None:
    done = run(FIRST_PAINT, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ours = {name for name in found["modules"] if name.split(".")[0] in ("app", "forecasting")}
    assert ours == PAINTED_BY
    others = set(found["modules"]) - ours
    assert not others & {
        "numpy",
        "pydantic",
        "pyqtgraph",
        "platform",
        "logging.handlers",
        "socket",
        "pickle",
        "subprocess",
        "hashlib",
    }
    assert len(others) <= MOST_OTHERS, sorted(others)
    assert not found["wrapped"], (
        "with PySide's wrapper every import reads the source of what it imports"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":4321"}, {"QT_QPA_PLATFORM": "nonsense"}])
def test_without_a_display_the_commands_are_named(environment: dict[str, str]) -> None:
    done = run("import sys; from app.__main__ import main; sys.exit(main([]))", **environment)
    assert done.returncode == 2
    assert "candlecast forecast" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["first", "loading", "training"])
def test_the_program_ends_cleanly_whenever_it_is_closed(moment: str) -> None:
    code = f"""
import sys
import app.__main__ as start
from app.window import MainWindow
from app import dialogs
from PySide6.QtCore import QTimer
dialogs.ask_close_while_training = lambda parent: "discard"
moment, step = {moment!r}, QTimer()
def look():
    window = next(one for one in start_windows())
    bench, session = window.bench, window.bench and window.bench.session
    ready = moment == "first" or (session and (moment == "loading" or (session.state == "training" and len(session.history) > 1)))
    if session and moment == "training" and session.panel and session.state == "idle":
        bench.train()
    if ready:
        step.stop(); window.close()
def start_windows():
    from PySide6.QtWidgets import QApplication
    return [one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow)]
step.timeout.connect(look)
init = MainWindow.__init__
def started(self, *args):
    init(self, *args); step.start(20)
MainWindow.__init__ = started
sys.exit(start.main([]))
"""
    done = run(code, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    assert "QThread" not in done.stderr
    assert "Traceback" not in done.stderr
