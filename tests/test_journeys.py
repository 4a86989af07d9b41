"""Ways through the program as people go them: from the first start on, with the keyboard alone,
and through every command once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fabricated
import numpy as np
import pytest
from fabricated import forecast
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox, QWidget
from run_bench import finished
from window_bench import exported, idle, price_file, rested, texts, wait, window

from app import dialogs
from app.features.help.command_palette import Palette, distance
from app.preferences import Preferences
from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.bundle import write_bundle
from forecasting.config import RunConfig
from forecasting.errors import ModelFileError
from forecasting.events import EngineReady, Event, ForecastMade, Notice, RunFinished
from forecasting.series import Panel
from forecasting.store import Journal

TINY = {
    "epochs": 2, "hidden_size": 4, "members": 1, "input_size": 10, "horizon": 3, "val_size": 40,
    "test_size": 40, "baselines": "drift",
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, qapp: object) -> Iterator[Workbench]:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv", 80)) as bench:
        yield bench
        bench.session.unsaved = False


def palette(bench: Workbench, typed: str = "") -> Palette:
    bench.actions["palette"].trigger()
    shown = next(
        item
        for item in QApplication.topLevelWidgets()
        if isinstance(item, Palette) and item.isVisible()
    )
    QTest.keyClicks(shown.field, typed)
    return shown


# The tour


def area(widget: QWidget) -> QRect:
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


@pytest.mark.slow
def test_the_tour_comes_once(tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv")) as bench:
        tour = bench.help_controller.tour
        bench.help_controller.welcome()
        assert not tour.card.isHidden()
        assert "Load prices" in texts(tour.card)
        QTest.keyClick(tour.card.next, Qt.Key.Key_Space)
        assert "Train a network" in texts(tour.card)
        tour.card.next.click()
        assert "Not financial advice" in texts(tour.card)
        assert not bench.layout.results.visibleRegion().isEmpty(), "what is told of is in front"
        tour.card.back.click()
        QTest.keyClick(tour.card.next, Qt.Key.Key_Escape)
        assert tour.card.isHidden()
        bench.help_controller.welcome()
        assert tour.card.isHidden(), "who has left it is left in peace"
        bench.actions["tour"].trigger()
        assert tour.card.isVisible(), "and may see it again"
    assert Preferences(tmp_path / "settings" / "preferences.json").toured


@pytest.mark.slow
def test_the_tour_goes_on_with_a_file_of_ones_own(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", "sample:memory") as bench:
        tour = bench.help_controller.tour
        bench.help_controller.welcome()
        idle(bench)
        assert "Load prices" in texts(tour.card), "the sample is not what the step is about"
        assert "is loaded" in texts(tour.card)
        bench.load([str(tmp_path / "nothing.csv")])
        idle(bench)
        assert "Load prices" in texts(tour.card)
        assert "no file" in bench.banner.text, "what went wrong is told beside the tour"
        wait(lambda: not area(tour.card).intersects(area(bench.banner)))
        bench.load([price_file(tmp_path / "MINE.csv")])
        idle(bench)
        assert "Train a network" in texts(tour.card)
        assert "MINE is loaded: 60 bars, 2024-01-01 to" in texts(tour.card)
        result = fabricated.run(fabricated.walk("MINE"))
        bench.session.finished = RunFinished(result, None)  # type: ignore[arg-type]
        bench.session.event_received.emit(bench.session.finished)
        wait(lambda: "Judge it" in texts(tour.card))
        sentence = (
            "On days it never saw, this network's range was as good as the best simple method."
        )
        assert sentence in texts(tour.card)
        tour.card.next.click()
        assert "Save the picture" in texts(tour.card)
        bench.help_controller.exported()
        assert not tour.shown
        bench.session.forget_run()


@pytest.mark.slow
def test_the_tour_stays_inside_the_window_and_in_safe_mode_away(bench: Workbench) -> None:
    bench.help_controller.tour.begin()
    for size in ((1600, 1000), (900, 600)):
        bench.window.resize(*size)
        for _ in range(4):
            QApplication.processEvents()
            assert bench.window.rect().contains(bench.help_controller.tour.card.geometry())
            bench.help_controller.tour.card.next.click()
        bench.help_controller.tour.begin()
    bench.help_controller.tour.end()
    bench.preferences.toured, bench.preferences.safe = False, True
    bench.help_controller.welcome()
    assert not bench.help_controller.tour.shown


@pytest.mark.slow
def test_the_focus_never_goes_where_nothing_is_seen(bench: Workbench) -> None:
    bench.window.activateWindow()
    bench.layout.docks["results"].raise_()
    bench.chart.setFocus()
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        met = set()
        for _ in range(60):
            QApplication.processEvents()
            focus = QApplication.focusWidget()
            assert focus is not None
            assert not focus.visibleRegion().isEmpty() or focus.window() is not bench.window, (
                focus.accessibleName() or focus.property("text")
            )
            met.add(focus)
            QTest.keyClick(focus, key)
        assert {bench.chart, bench.layout.model.train_button} <= met, "and round it goes"


# The palette


def test_what_is_typed_finds_what_is_meant() -> None:
    assert distance("train", "Train") == 0
    near = [
        distance(typed, "Logarithmic scale", "exponential")
        for typed in ("log", "scale log", "losc", "expo", "arith")
    ]
    assert None not in near
    assert near == sorted(near, key=lambda item: item or 0), "the looser the farther"
    assert distance("xyz", "Train") is None
    assert distance("rsi", "Forecast with a saved network") is None, (
        "letters that lie apart mean nothing"
    )
    assert distance("macd", "West Texas Intermediate crude oil") is None
    assert distance("", "anything") == 0


def test_the_palette_finds_by_any_word_and_does_by_keyboard(bench: Workbench) -> None:
    others = {
        "rsi": "Relative strength index",
        "macd": "Moving average convergence divergence",
        "ema": "Exponential moving average",
        "exit": "Quit",
        "night": "Dark",
        "png": "Export",
        "candlestick": "Candles",
        "walk forward": "Backtest",
    }
    for typed, first in others.items():
        shown = palette(bench, typed)
        assert shown.found[0].text.startswith(first), typed
        shown.close()

    shown = palette(bench, "loga")
    assert shown.found[0].text == "Logarithmic scale"
    assert "Ctrl+Shift+G" in shown.field.accessibleDescription(), (
        "what is chosen is told to screen readers"
    )
    QTest.keyClick(shown.field, Qt.Key.Key_Return)
    assert bench.actions["scale-log"].isChecked()
    assert not shown.isVisible()

    shown = palette(bench)
    offered = {item.text for item in shown.found}
    assert {"S&P 500 index, daily, 1999-2018", "Open", "Results"} <= offered
    assert any("AAA.csv" in item.text for item in shown.found), "what was open lately is there, too"
    QTest.keyClick(shown.field, Qt.Key.Key_Down)
    assert shown.list.currentRow() == 1
    QTest.keyClick(shown.field, Qt.Key.Key_Escape)
    assert not shown.isVisible()

    shown = palette(bench, "train longer")
    assert (shown.found[0].text, shown.found[0].why) == ("Train longer", "train first")
    QTest.keyClick(shown.field, Qt.Key.Key_Return)
    assert shown.isVisible(), "what cannot be done is not done"
    shown.field.setText("no such thing")
    assert "Nothing is called" in texts(shown)
    shown.close()

    bench.layout.docks["training"].raise_()
    shown = palette(bench, "runs")
    QTest.keyClick(shown.field, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert not bench.layout.runs.visibleRegion().isEmpty(), (
        "a panel that stood behind comes to the front, and none goes away"
    )


@pytest.mark.slow
def test_full_screen_and_back(bench: Workbench) -> None:
    bench.actions["full_screen"].trigger()
    assert bench.window.isFullScreen()
    bench.actions["full_screen"].trigger()
    assert not bench.window.isFullScreen()


# A saved network


def network_file(folder: Path) -> Path:
    path = folder / "gru.candlecast"
    write_bundle(
        path,
        {
            "kind": "candlecast-forecaster",
            "config": RunConfig().changed(model="gru", horizon=10).model_dump(mode="json"),
        },
        {},
    )
    return path


def foreseen(panel: Panel, _file: object, _device: str = "auto") -> Iterator[Event]:
    yield Notice("The network was not trained on AAA: taken for the mean of its series.")
    yield ForecastMade(tuple(forecast(item) for item in panel), epoch=0, final=True)


@pytest.fixture
def engine(bench: Workbench) -> None:
    bench.session.engine = EngineReady({"cpu": "CPU"}, {}, 0.0)


@pytest.mark.slow
def test_a_saved_network_forecasts_what_is_dropped_beside_it(
    bench: Workbench, engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "predict", foreseen)
    bench.load([price_file(tmp_path / "BBB.csv", 90, seed=3), str(network_file(tmp_path))])
    wait(lambda: bench.session.predicted is not None)
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "BBB", "prices come first, then the network"
    assert "GRU (saved)" in bench.chart.summary()
    assert "gru.candlecast" in bench.banner.text
    assert "not trained on" in bench.banner.text
    assert "not judged" in bench.banner.text
    assert "Not judged" in texts(bench.results)
    with Journal() as journal:
        assert [entry.forecast.symbol for entry in journal.entries()] == ["BBB"]
    target = tmp_path / "fan.csv"
    assert exported(bench, target)
    assert "GRU-median" in target.read_text()
    bench.load([price_file(tmp_path / "CCC.csv", 70)])
    idle(bench)
    assert bench.session.predicted is None, "other prices, no forecast"


@pytest.mark.slow
def test_a_damaged_network_is_refused_in_words(
    bench: Workbench, engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_panel: Panel, file: Path, _device: str = "auto") -> Iterator[Event]:
        if file:
            raise ModelFileError(
                f"{file} is not a Candlecast model.", "Choose a file written by 'Save model'."
            )
        yield Notice("unheard")

    finished(bench)
    before = bench.session.result
    monkeypatch.setattr(jobs, "predict", refused)
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *_a, **_k: (str(tmp_path / "bad.candlecast"), "")
    )
    bench.actions["use_model"].trigger()
    wait(lambda: "not a Candlecast model" in bench.banner.text)
    idle(bench)
    assert bench.session.result is before, "what was shown stays"


# Every command


@contextmanager
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every question and window that a command opens, by the user thinking better of it."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_a, **_k: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_a, **_k: ([], ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: ("", ""))
    monkeypatch.setattr(QMessageBox, "exec", lambda _self: 0)
    monkeypatch.setattr(dialogs, "show_folder", lambda *_a: None)
    monkeypatch.setattr(
        "app.features.project.controller.dialogs.ask_save_project", lambda *_a: "discard"
    )
    yield


def leaves(bench: Workbench) -> list[QAction]:
    return [
        action
        for name, action in bench.actions.named.items()
        if name not in ("quit", "new_project")
    ]


@pytest.mark.slow
def test_every_command_works_with_a_result_at_hand(
    bench: Workbench, engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(bench)
    bench.session.unsaved = False
    started: list[str] = []
    monkeypatch.setattr(bench.session, "begin", lambda task, _make: started.append(task))
    with answered(monkeypatch):
        for action in leaves(bench):
            was = action.isEnabled()
            action.trigger()
            QApplication.processEvents()
            for item in QApplication.topLevelWidgets():
                if isinstance(item, QDialog) and item.isVisible():
                    item.close()
            idle(bench)
            assert "Something went wrong" not in bench.banner.text, (
                f"{action.objectName()} (enabled: {was})"
            )
    assert {"training", "backtesting", "auditing"} <= set(started)
    bench.actions["autosave"].setChecked(False)
    bench.help_controller.tour.end()
    rested(bench)


@pytest.mark.slow
def test_every_command_has_somebody_who_listens(bench: Workbench) -> None:
    for name, action in bench.actions.named.items():
        assert action.receivers("2triggered(bool)") > (1 if action.actionGroup() else 0), (
            f"{name} does nothing"
        )


# Whole ways


def keyboard(bench: Workbench, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    """Press keys in the window, as a person does who has no mouse."""
    bench.window.activateWindow()
    wait(lambda: QApplication.activeWindow() is bench.window)
    held = Qt.KeyboardModifier.NoModifier
    for item in modifiers:
        held |= item
    QTest.keyClick(QApplication.focusWidget() or bench.window, key, held)
    QApplication.processEvents()


CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.mark.slow
def test_panels_and_chart_are_reached_by_keyboard_alone(bench: Workbench) -> None:
    keyboard(bench, Qt.Key.Key_B, CTRL, SHIFT)
    assert bench.actions["style-bars"].isChecked()
    keyboard(bench, Qt.Key.Key_G, CTRL, SHIFT)
    assert bench.actions["scale-log"].isChecked()
    keyboard(bench, Qt.Key.Key_K, CTRL)
    shown = next(
        item
        for item in QApplication.topLevelWidgets()
        if isinstance(item, Palette) and item.isVisible()
    )
    QTest.keyClicks(shown.field, "journal")
    QTest.keyClick(shown.field, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert not bench.layout.journal.visibleRegion().isEmpty()
    keyboard(bench, Qt.Key.Key_L, CTRL)
    assert bench.actions.ticker_field.hasFocus()
    keyboard(bench, Qt.Key.Key_F1)
    listed = next(
        item
        for item in QApplication.topLevelWidgets()
        if isinstance(item, QDialog) and item.isVisible()
    )
    assert "Ctrl+K" in texts(listed)
    QTest.keyClick(listed, Qt.Key.Key_Escape)
    assert not listed.isVisible()


@pytest.mark.slow
def test_from_the_first_start_to_an_export_and_the_saved_network_used_again(
    bench: Workbench, engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.help_controller.welcome()
    for _ in range(4):
        QTest.keyClick(bench.help_controller.tour.card.next, Qt.Key.Key_Space)
    bench.load(["sample:wti"])
    idle(bench)
    bench.model.show_config(RunConfig().changed(**TINY))
    keyboard(bench, Qt.Key.Key_T, CTRL)
    wait(lambda: bench.session.finished is not None, 240)
    idle(bench)
    assert "random walk" in texts(bench.results)
    for suffix in (".png", ".svg", ".pdf", ".csv", ".html"):
        assert exported(bench, tmp_path / f"forecast{suffix}")
        assert (tmp_path / f"forecast{suffix}").stat().st_size > 200
    made = bench.session.finished
    assert made is not None
    network = tmp_path / "oil.candlecast"
    assert bench.save_model(network)
    bench.load([str(network)])
    wait(lambda: bench.session.predicted is not None, 120)
    idle(bench)
    again = bench.session.predicted
    assert again is not None
    np.testing.assert_allclose(
        again.forecasts[0].values, made.result.forecasts[0].values, rtol=1e-5
    )
    assert "oil.candlecast" in bench.banner.text
    damaged = tmp_path / "hostile.candlecast"
    damaged.write_bytes(network.read_bytes()[: network.stat().st_size // 2])
    bench.load([str(damaged)])
    wait(lambda: "hostile.candlecast" in bench.banner.text, 60)
    idle(bench)
    assert bench.session.predicted is again, "a damaged file takes nothing away"


@pytest.mark.slow
def test_a_watchlist_of_five_becomes_one_global_model(
    bench: Workbench, engine: None, tmp_path: Path
) -> None:
    bench.load(
        [
            price_file(tmp_path / f"{name}.csv", 260, seed=index)
            for index, name in enumerate(("A1", "B2", "C3", "D4", "E5"))
        ]
    )
    idle(bench)
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("A1", "B2", "C3", "D4", "E5")
    bench.model.show_config(RunConfig().changed(**TINY))
    bench.actions["train"].trigger()
    wait(lambda: bench.session.finished is not None, 240)
    idle(bench)
    assert bench.session.finished is not None
    assert [item.symbol for item in bench.session.finished.result.forecasts] == [
        "A1",
        "B2",
        "C3",
        "D4",
        "E5",
    ]
    for index, symbol in enumerate(("A1", "B2", "C3", "D4", "E5")):
        bench.watchlist_controller.select(index + 1)
        idle(bench)
        assert bench.chart.summary().startswith(symbol)
        assert "forecast" in bench.chart.summary()
    bench.watchlist_controller.select(0)
    idle(bench)
    assert bench.chart.summary().startswith("AAA")
    assert "forecast" not in bench.chart.summary(), "what was not trained has none"
