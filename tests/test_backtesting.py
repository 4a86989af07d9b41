"""Backtests, audits and past forecasts in the real window, as a person uses them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, rested, texts, wait, window

from app import dialogs
from app.features.backtest.controller import _make_room
from app.features.evaluation.days import Day
from app.window.workbench import Workbench
from forecasting.config import BacktestConfig, RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import AuditFinished, Check, Progress
from forecasting.metrics import crps_bp

TINY = RunConfig().changed(
    model="gru", hidden_size=4, input_size=10, horizon=3, epochs=1, batch_size=128, test_size=45
)
PLAN = BacktestConfig(step_size=4, refit=4)


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One window on 300 bars for all tests; its engine is warmed by the first of them."""
    folder = tmp_path_factory.mktemp("backtests")
    with window(folder, price_file(folder / "walk.csv", bars=300)) as bench:
        bench.session.engine = warm()
        yield bench


def warm() -> Any:
    """Import the engine here: what is tested is not how it gets ready."""
    from forecasting import jobs
    from forecasting.events import EngineReady

    return next(item for item in jobs.warm_up() if isinstance(item, EngineReady))


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    """The window with the settings of a small test."""
    opened.model.show_config(TINY)
    opened.layout.backtest.show_plan(PLAN)
    yield opened
    opened.cancel()
    rested(opened)


def stop_after_one_fold(bench: Workbench) -> None:
    wait(lambda: len(bench.backtest_controller._folds) >= 1)
    bench.actions["stop"].trigger()
    idle(bench)


@pytest.mark.slow
def test_a_backtest_is_stopped_gone_on_with_and_judged(qtbot: Any, bench: Workbench) -> None:
    panel, folder = bench.layout.backtest, bench.backtest_controller._folder
    assert "Press Backtest" in texts(panel)
    qtbot.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    assert not panel.start_button.isEnabled()
    assert panel.stop_button.isEnabled()
    assert not bench.model.train_button.isEnabled()
    stop_after_one_fold(bench)
    assert bench.backtest_controller.tested is not None
    assert bench.backtest_controller.tested.result.info.stopped == "user"
    assert "the folds so far" in texts(bench.results.tested)
    assert bench.results.currentWidget() is bench.results.late_tested
    done = len(bench.backtest_controller.tested.folds)
    assert 1 <= done < 3

    assert panel.start_button.text() == "Go on"
    assert panel.fresh_button.isVisibleTo(panel)
    bench.model.show_config(TINY.changed(hidden_size=5))
    assert panel.start_button.text() == "Backtest"
    bench.model.show_config(TINY)
    assert panel.start_button.text() == "Go on"
    bench.actions["backtest"].trigger()
    wait(lambda: bench.session.state == "backtesting")
    idle(bench)
    tested = bench.backtest_controller.tested
    assert tested.result.info.stopped != "user"
    assert [fold.fold for fold in sorted(tested.folds, key=lambda item: item.fold)] == [1, 2, 3]
    assert f"{done} of 3 folds were finished before" in bench.banner.text
    assert not any(folder.iterdir())
    assert panel.start_button.text() == "Backtest"
    assert tested.result.verdict.sentence in texts(panel)
    assert bench.results.tested.summary.sentence in texts(bench.results.tested)
    assert list(panel.folds.sheet["Fold"]) == [1, 2, 3]
    assert list(bench.results.tested.steps.chart.table()["step"]) == [1, 2, 3]
    assert BacktestConfig.model_validate_json(bench.preferences.plan) == PLAN


def test_folds_and_time_are_told_before_and_during_a_test(qtbot: Any, bench: Workbench) -> None:
    panel = bench.layout.backtest
    bench.layout.presets.open("backtest")
    bench.layout.backtest.show_plan(BacktestConfig(step_size=4, refit=200))
    panel.changed.emit()
    wait(lambda: "in 1 fold" in texts(panel))
    assert "Refit every 200 origins is more than there are" in texts(panel)
    panel.show_folds(())
    panel.show_state("Testing through history…")
    assert "No fold is finished yet" in texts(panel)


def test_past_forecasts_are_stepped_through_and_left(qtbot: Any, bench: Workbench) -> None:
    if bench.backtest_controller.tested is None:
        bench.backtest_controller.start()
        idle(bench)
    tested, stepper, chart = bench.backtest_controller.tested, bench.layout.stepper, bench.chart
    assert tested is not None
    outcomes = next(iter(tested.result.outcomes.values()))
    assert chart.forecasts.past.known
    before = chart.shown_bars
    bench.actions["past_previous"].trigger()
    wait(lambda: chart.forecasts.origin.fan is not None)
    assert stepper.isVisible()
    assert f"({len(outcomes)} of {len(outcomes)})" in stepper.text
    assert "in the 80 % band" in stepper.text
    assert chart.forecasts.past.hidden
    assert chart.forecasts.origin._truth.closes == pytest.approx(
        outcomes.y[outcomes.cutoff.argmax()]
    )
    assert "median" in chart._read(chart.forecasts.origin.fan.cutoff + 1)  # type: ignore[union-attr]
    buttons = stepper.buttons
    qtbot.mouseClick(buttons["previous"], Qt.MouseButton.LeftButton)
    assert f"({len(outcomes) - 1} of" in stepper.text
    for _ in range(len(outcomes)):
        bench.actions["past_previous"].trigger()
    assert "(1 of" in stepper.text
    wait(
        lambda: (
            chart.forecasts.origin.fan is not None
            and chart.forecasts.origin.fan.cutoff < chart.shown_bars[1]
        )
    )
    assert chart.forecasts.origin.fan.cutoff > chart.shown_bars[0]  # type: ignore[union-attr]
    assert not buttons["previous"].isEnabled()
    bench.window.grab()
    qtbot.mouseClick(buttons["cancel"], Qt.MouseButton.LeftButton)
    wait(lambda: chart.forecasts.past.known)
    assert not stepper.isVisible()
    assert chart.shown_bars == pytest.approx(before)
    bench.actions["past_next"].trigger()
    assert not stepper.isVisible()


def test_past_forecasts_are_played_and_jumped_through(qtbot: Any, bench: Workbench) -> None:
    if bench.backtest_controller.tested is None:
        bench.backtest_controller.start()
        idle(bench)
    tested, stepper, chart = bench.backtest_controller.tested, bench.layout.stepper, bench.chart
    assert tested is not None
    outcomes = next(iter(tested.result.outcomes.values()))
    bench.results.choose("backtest")
    for _ in range(3):
        stepper._next_pace()
    bench.actions["past_play"].trigger()
    assert stepper.playing
    assert "(1 of" in stepper.text
    wait(lambda: stepper.slider.value() >= 2)
    bench.actions["past_play"].trigger()
    assert not stepper.playing
    stepper.slider.setValue(len(outcomes) - 1)
    assert f"({len(outcomes)} of {len(outcomes)})" in stepper.text
    bench.actions["past_worst"].trigger()
    wait(lambda: chart.forecasts.origin.fan is not None)
    worst = outcomes.cutoff[crps_bp(outcomes, 1).argmax()]
    assert chart.forecasts.origin.forecast is not None
    assert chart.forecasts.origin.forecast.cutoff == worst
    assert stepper.jumps.currentData() == "worst"
    stepper.jumps.setCurrentIndex(0)
    stepper.jumps.activated.emit(0)
    assert chart.forecasts.origin.forecast.cutoff == worst, "all days go on from the day at hand"
    hide = stepper.buttons["draw-hide"]
    hide.click()
    assert chart.forecasts.origin.hides_future
    bench.window.grab()
    hide.click()
    bench.results.tested.day_chosen.emit(Day("walk", outcomes.cutoff.min()))
    assert "(1 of" in stepper.text
    bench.results.tested.day_chosen.emit(Day("walk", outcomes.cutoff.max()))
    assert chart.forecasts.origin.forecast.cutoff == outcomes.cutoff.max()
    qtbot.mouseClick(stepper.buttons["cancel"], Qt.MouseButton.LeftButton)
    assert not stepper.isVisible()


@pytest.mark.slow
def test_cancel_brings_the_judgement_before_it_back(bench: Workbench) -> None:
    if bench.backtest_controller.tested is None:
        bench.backtest_controller.start()
        idle(bench)
    before = bench.backtest_controller.tested
    bench.model.show_config(TINY.changed(epochs=100_000, patience=100_000))
    bench.backtest_controller.start()
    wait(lambda: bench.session.state == "backtesting" and bench.session.progress is not None)
    bench.actions["cancel"].trigger()
    idle(bench)
    assert bench.backtest_controller.tested is before
    assert bench.results.currentWidget() is bench.results.late_tested


@pytest.mark.slow
def test_a_folder_that_cannot_be_used_costs_a_notice_not_the_test(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(bench.backtest_controller, "_folder", tmp_path / "file" / "tests")
    bench.layout.backtest.show_plan(BacktestConfig(step_size=20))
    bench.backtest_controller.start()
    idle(bench)
    assert "cannot be kept" in bench.banner.text
    assert bench.backtest_controller.tested is not None
    assert len(bench.backtest_controller.tested.folds) == 1


def test_what_does_not_fit_is_told(bench: Workbench) -> None:
    bench.model.show_config(TINY.changed(input_size=5000))
    bench.backtest_controller.start()
    idle(bench)
    assert "5000" in bench.banner.text.replace(",", "")


def test_closing_in_mid_test_asks(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        dialogs, "ask_close_while_testing", lambda parent: bool(asked.append(parent))
    )
    bench.model.show_config(TINY.changed(epochs=100_000, patience=100_000))
    bench.backtest_controller.start()
    wait(lambda: bench.session.state == "backtesting")
    assert not bench.window.close()
    assert asked


def test_the_audit_tells_each_check_in_words_and_can_be_stopped(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checks(_panel: object, _config: object, should_stop: Any) -> Iterator[Any]:
        yield Progress(0, 2, "Audit: inputs at past bars")
        while not should_stop():
            pass
        yield AuditFinished((Check("Inputs at past bars", True, "Nothing changed."),))

    monkeypatch.setattr("forecasting.jobs.audit", checks)
    dialog = bench.features["audit"].dialog
    qtbot.mouseClick(bench.layout.backtest.audit_button, Qt.MouseButton.LeftButton)
    wait(lambda: "inputs at past bars" in dialog.text)
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert not dialog.start_button.isEnabled()
    qtbot.mouseClick(dialog.stop_button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert "No leak in the 1 checks" in dialog.text
    assert "Inputs at past bars: passed" in texts(dialog)
    failed = AuditFinished(
        (Check("Forecast", False, "It changed."), Check("Inputs", True, "Nothing changed."))
    )
    monkeypatch.setattr("forecasting.jobs.audit", lambda *_args: iter([failed]))
    qtbot.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
    idle(bench)
    assert "1 of 2 checks failed" in dialog.text
    assert "Forecast: FAILED" in texts(dialog)
    dialog.close()


def test_begin_anew_drops_the_folds_of_this_test_and_those_left_long_ago(tmp_path: Path) -> None:
    for index in range(8):
        folder = tmp_path / f"test-{index}"
        folder.mkdir()
        (folder / "fold-00001.npz").write_bytes(b"")
        (folder / "backtest.json").write_bytes(b"{}")
        os.utime(folder, (index, index))
    _make_room(tmp_path / "test-7", resume=True)
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "test-3",
        "test-4",
        "test-5",
        "test-6",
        "test-7",
    ]
    _make_room(tmp_path / "test-7", resume=False)
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "test-3",
        "test-4",
        "test-5",
        "test-6",
    ]


def test_a_folder_of_someone_else_is_not_dropped(tmp_path: Path) -> None:
    for index in range(9):
        folder = tmp_path / f"photos-{index}"
        folder.mkdir()
        (folder / "backtest.json").write_bytes(b"{}")
        (folder / "picture.png").write_bytes(b"")
    _make_room(tmp_path / "test", resume=True)
    assert len(list(tmp_path.iterdir())) == 9


@pytest.mark.slow
def test_the_real_audit_passes(bench: Workbench) -> None:
    bench.actions["audit"].trigger()
    wait(lambda: bench.session.state == "auditing")
    idle(bench)
    assert "checks passed" in bench.features["audit"].dialog.text
    bench.features["audit"].dialog.close()


def test_nothing_begins_while_something_runs(bench: Workbench) -> None:
    bench.model.show_config(TINY.changed(epochs=100_000, patience=100_000))
    bench.backtest_controller.start()
    refused: list[CandlecastError] = []
    bench.features["audit"].refused.connect(refused.append)
    bench.features["audit"].start()
    assert "still at work" in refused[0].message
    assert not bench.actions["audit"].isEnabled()
    assert not bench.actions["backtest"].isEnabled()


@pytest.mark.slow
def test_a_training_ends_in_the_journal(bench: Workbench) -> None:
    bench.actions["train"].trigger()
    idle(bench)
    finished = bench.session.finished
    assert finished is not None
    sheet = bench.layout.journal.table.sheet
    assert list(sheet["Symbol"]) == ["walk"]
    assert list(sheet["Model"]) == [finished.result.forecasts[0].model]
    assert bench.results.judged.steps.chart.table()
    assert bench.past_forecasts._outcomes is next(iter(finished.result.outcomes.values()))
