"""What people do once a network is trained: its runs, its replay, its file and the journal, each
by mouse and keys.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hands import (
    activated,
    answered,
    assert_alive,
    assert_sound,
    click,
    drag,
    press_keys,
    settled,
    started,
    type_text,
    wait_until,
)
from program_states import TINY
from PySide6.QtCore import QAbstractItemModel, QPoint, QTimer
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget
from window_bench import price_file

from app.window.workbench import Workbench

FOLDER = Path(__file__).resolve().parent
#: First of 400 weekdays that end before today, so that what is forecast is still open.
FIRST = str(np.busday_offset(np.datetime64("today"), -400, roll="forward"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the window of all these tests keeps what it keeps."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(autouse=True)
def _same_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all tests use one store, as the one window does."""
    monkeypatch.setenv("CANDLECAST_HOME", str(folder))


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[Workbench]:
    """Return one window with a network that it has trained itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        QApplication.instance() or QApplication([])
        prices = price_file(folder / "AAA.csv", 400, first=FIRST)
        with started(folder / "home", prices, size=(1600, 1000), engine=True) as bench:
            bench.model.show_config(TINY)
            press_keys("ctrl+t")
            wait_until(lambda: bench.session.finished is not None, "the network is trained")
            settled(bench)
            yield bench
            bench.session.unsaved = False


def brought_forward(bench: Workbench, name: str) -> None:
    """Bring a panel to the front, as the View menu does."""
    bench.layout.presets.open(name)
    wait_until(
        lambda: not bench.layout.docks[name].visibleRegion().isEmpty(), f"{name} is in front"
    )


def row_of(view: QAbstractItemView, row: int, column: int = 0) -> QPoint:
    """Return the middle of a cell."""
    model: QAbstractItemModel = view.model()
    return view.visualRect(model.index(row, column)).center()


def test_the_slider_replays_how_the_forecast_formed(bench: Workbench) -> None:
    brought_forward(bench, "training")
    slider = bench.training.scrubber.slider
    final = bench.chart.summary()
    click(slider, QPoint(slider.width() - 8, slider.height() // 2))
    wait_until(slider.hasFocus, "the slider has the keyboard")
    press_keys("Home")
    wait_until(lambda: bench.training.scrubber.place == 0, "the first epoch is chosen")
    wait_until(lambda: bench.chart.summary() != final, "and its forecast is drawn")
    assert_sound(bench.window, "replay")
    press_keys("End")
    wait_until(lambda: bench.training.scrubber.place is None, "the newest is chosen")
    wait_until(lambda: bench.chart.summary() == final, "and drawn again")
    assert_alive(bench)


def test_the_judgement_page_leads_to_its_days(bench: Workbench) -> None:
    brought_forward(bench, "results")
    view, stepper = bench.results.judged, bench.layout.stepper
    assert_sound(bench.window, "judgement-page")
    chart = view.page.chart
    click(chart, QPoint(chart.width() // 3, chart.height() // 2))
    wait_until(stepper.isVisible, "the day that was clicked is on the chart")
    clicked = bench.chart.forecasts.origin.forecast
    assert clicked is not None
    click(stepper.slider, QPoint(stepper.slider.width() // 2, stepper.slider.height() // 2))
    wait_until(stepper.slider.hasFocus, "the slider has the keyboard")
    press_keys("Home")
    wait_until(lambda: "(1 of" in stepper.text, "the first day is shown")
    press_keys("ctrl+shift+space")
    wait_until(lambda: stepper.slider.value() >= 2, "it plays")
    press_keys("ctrl+shift+space")
    wait_until(lambda: not stepper.playing, "and waits")
    assert_sound(bench.window, "bar-replay")
    click(view.unfold_button)
    wait_until(view.tabs.isVisible, "all figures are unfolded")
    view.tabs.setCurrentWidget(view.earned)
    wait_until(lambda: view.earned.judged is not None, "the rules were traded")
    assert_sound(bench.window, "earned")
    click(view.unfold_button)
    wait_until(view.page.isVisible, "the first page is back")
    click(stepper.buttons["cancel"])
    wait_until(lambda: not stepper.isVisible(), "all past forecasts are shown")
    assert_alive(bench)


def choose_bars(bench: Workbench, index: int) -> None:
    """Choose a distance of the bars in the menu above the chart."""
    button = bench.header._interval
    menu = button.menu()
    # The menu has an event loop of its own until it closes.
    QTimer.singleShot(500, lambda: click(menu, menu.actionGeometry(menu.actions()[index]).center()))
    click(button)
    wait_until(lambda: not menu.isVisible(), "the menu is closed")
    settled(bench)


def test_the_forecast_stays_where_bars_are_joined(bench: Workbench) -> None:
    daily = bench.chart.forecasts.fan.fan
    assert daily is not None
    choose_bars(bench, 1)
    wait_until(lambda: bench.chart.series.freq == "1W", "the bars are weeks")
    weekly = bench.chart.forecasts.fan.fan
    assert weekly is not None
    assert weekly.horizon == daily.horizon
    assert weekly.last - weekly.cutoff < daily.horizon
    assert_sound(bench.window, "weekly-forecast")
    press_keys("alt+Left")
    wait_until(bench.layout.stepper.isVisible, "a past forecast is shown on weeks")
    assert bench.chart.forecasts.origin.fan is not None
    assert_sound(bench.window, "weekly-replay")
    click(bench.layout.stepper.buttons["cancel"])
    choose_bars(bench, 0)
    wait_until(lambda: bench.chart.series is bench.session.series, "the bars are as loaded")
    assert_alive(bench)


def test_a_saved_network_dropped_on_the_window_forecasts(bench: Workbench, tmp_path: Path) -> None:
    saved = tmp_path / "gru.candlecast"

    def name_it(_dialog: QWidget) -> None:
        press_keys("ctrl+a")
        type_text(str(saved))
        press_keys("Return")

    answered(lambda: press_keys("ctrl+shift+m"), name_it)
    wait_until(saved.exists, "the network is saved")
    with file_manager(saved) as at:
        drag(at, bench.layout.chart)
        wait_until(
            lambda: bench.banner.isVisible() and "gru.candlecast" in bench.banner.text,
            "the dropped network forecasts",
        )
    settled(bench)
    activated(bench.window)
    assert_sound(bench.window, "network-dropped")
    assert bench.actions["export"].isEnabled()
    bench.banner.set_active(False)
    assert_alive(bench)


def test_a_deleted_run_comes_back(bench: Workbench) -> None:
    brought_forward(bench, "runs")
    panel = bench.layout.runs
    wait_until(lambda: len(panel.model.runs) == 1, "the run is kept")
    kept = panel.model.runs
    for way in ("button", "keys"):
        click(panel.table.viewport(), row_of(panel.table, 0))
        wait_until(lambda: panel.chosen, "the run is selected")
        press_keys("Delete")
        wait_until(lambda: not panel.model.runs, "it is deleted")
        assert_sound(bench.window, f"run-deleted-{way}")
        if way == "button":
            click(panel._undo_line.undo)
        else:
            press_keys("ctrl+z")
        wait_until(
            lambda: [run.key for run in panel.model.runs] == [run.key for run in kept],
            f"it comes back by {way}",
        )
        settled(bench)
        assert_alive(bench)


def test_a_run_is_reproduced(bench: Workbench) -> None:
    brought_forward(bench, "runs")
    panel = bench.layout.runs
    bench.model.show_config(TINY.changed(horizon=5))
    click(panel.table.viewport(), row_of(panel.table, 0))
    wait_until(lambda: panel.acts["reproduce"].isEnabled(), "a run is selected")
    click(panel.buttons["reproduce"])
    wait_until(lambda: bench.model.config() == TINY, "its settings are in the form")
    wait_until(
        lambda: bench.banner.isVisible() and "unchanged" in bench.banner.text,
        "its prices are told to be unchanged",
    )
    settled(bench)
    assert_sound(bench.window, "reproduced")
    bench.banner.set_active(False)
    assert_alive(bench)


def test_a_run_is_shown_again_by_a_double_click(bench: Workbench) -> None:
    brought_forward(bench, "runs")
    table = bench.layout.runs.table
    click(table.viewport(), row_of(table, 0, 1), double=True)
    wait_until(lambda: bench.session.recalled is not None, "the run is shown")
    settled(bench)
    assert_sound(bench.window, "run-shown")
    assert bench.actions["export"].isEnabled()
    bench.banner.set_active(False)
    assert_alive(bench)


def test_a_forecast_of_the_journal_is_shown_in_the_chart(bench: Workbench) -> None:
    brought_forward(bench, "journal")
    panel = bench.layout.journal
    wait_until(lambda: panel.table.model().rowCount(), "the forecast is in the journal")
    settled(bench)
    assert_sound(bench.window, "journal-of-one")
    click(panel.table.viewport(), row_of(panel.table, 0), double=True)
    wait_until(bench.layout.stepper.isVisible, "the forecast is shown against what happened")
    assert_sound(bench.window, "journal-shown")
    bench.past_forecasts.leave()
    assert_alive(bench)


def test_look_what_happened_reads_the_prices_again(bench: Workbench) -> None:
    brought_forward(bench, "journal")
    panel, before = bench.layout.journal, bench.session.series
    wait_until(panel.update_button.isEnabled, "a forecast is open")
    click(panel.update_button)
    wait_until(
        lambda: bench.session.series is not None and bench.session.series is not before,
        "the file is read again",
    )
    settled(bench)
    assert_sound(bench.window, "journal-later")
    click(panel.table.viewport(), row_of(panel.table, 0), double=True)
    wait_until(bench.layout.stepper.isVisible, "the forecast is shown")
    bench.past_forecasts.leave()
    assert_alive(bench)


def test_a_file_of_prices_dropped_on_the_window_is_loaded(bench: Workbench, tmp_path: Path) -> None:
    other = Path(price_file(tmp_path / "BBB.csv", 200, seed=4))
    with file_manager(other) as at:
        drag(at, bench.layout.chart)
        wait_until(
            lambda: bench.session.series is not None and bench.session.series.symbol == "BBB",
            "the dropped file is loaded",
        )
    settled(bench)
    activated(bench.window)
    assert_sound(bench.window, "prices-dropped")
    assert_alive(bench)


@contextlib.contextmanager
def file_manager(file: Path) -> Iterator[tuple[int, int]]:
    """Show a file in a window of another program; yields the point of the screen to drag it
    from.
    """
    command = [sys.executable, str(FOLDER / "drag_source.py"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline().strip() == "ready"
            yield 60, 30
        finally:
            program.terminate()
