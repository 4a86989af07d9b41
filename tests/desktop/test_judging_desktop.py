"""A file of forecasts on a real desktop: dropped, settled, judged, followed to a day, saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hands import (
    activated,
    answered,
    assert_alive,
    assert_sound_in_themes,
    click,
    dialog_shown,
    drag,
    gone,
    painted,
    picture,
    press_keys,
    resized,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QComboBox, QWidget
from test_after_a_training import file_manager
from window_bench import price_file

from app.features.judge.dialog import JudgeDialog
from app.features.judge.panel import JudgementWindow
from app.window.workbench import Workbench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        QApplication.instance() or QApplication([])
        prices = price_file(folder / "04_alphavantage_daily_adjusted_2002-2020.csv", 400)
        with started(folder / "home", prices, size=(1024, 700), engine=True) as bench:
            yield bench
            bench.session.unsaved = False


@pytest.fixture
def file(bench: Workbench, tmp_path: Path) -> Path:
    """Return forecasts of the loaded prices, with limits that do not say what they hold."""
    series = bench.session.panel[0]
    y, noise = series.y, np.random.default_rng(1).normal(0, 0.004, len(series))
    table = {
        "Date": series.ds[1:].astype("datetime64[D]").astype(str),
        "Actual": y[1:],
        "Model A": y[:-1] * np.exp(noise[1:]),
        "lower": y[:-1] * 0.985,
        "upper": y[:-1] * 1.015,
    }
    path = tmp_path / "notebook.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def dropped(bench: Workbench, file: Path) -> JudgeDialog:
    """Drag a file from another program onto the chart."""
    with file_manager(file) as at:
        drag(at, bench.layout.chart)
        dialog = dialog_shown(JudgeDialog)
    assert isinstance(dialog, JudgeDialog)
    wait_until(lambda: dialog.text, "the file is read")
    return dialog


def settle_by_mouse_and_keys(dialog: JudgeDialog) -> None:
    """Say what the bands hold, rename a model by typing, and leave a column out by the mouse."""
    wait_until(lambda: "Level of bands" in dialog.text, "the level is asked for")
    assert not dialog.judge.isEnabled()
    click(dialog.level)
    press_keys("ctrl+a")
    type_text("80")
    press_keys("Tab")
    wait_until(dialog.judge.isEnabled, "everything is settled")
    field = dialog.table.cellWidget(2, 2)
    assert isinstance(field, QComboBox)
    click(field, QPoint(40, field.height() // 2))
    press_keys("ctrl+a")
    type_text("LSTM")
    press_keys("Tab")
    wait_until(lambda: "LSTM" in dialog.text, "the model has another name")
    for row in (3, 4):
        field = dialog.table.cellWidget(row, 2)
        dialog.table.scrollToItem(dialog.table.item(row, 0))
        click(field, QPoint(field.width() - 10, field.height() // 2))
        wait_until(field.view().isVisible, "the roles are offered")
        press_keys("Home", "Return")
        wait_until(gone(field.view()), "the list is closed")
    wait_until(lambda: "Model A" not in dialog.text, "the band is left out")
    assert [dialog.table.role(row) for row in (2, 3, 4)] == ["LSTM", "unused", "unused"]
    wait_until(dialog.judge.isEnabled, "the file is read again")


def judged_by_keys(bench: Workbench) -> JudgementWindow:
    """Press Return in the dialog, and wait for the judgement."""
    press_keys("Return")
    feature = bench.features["judge"]
    wait_until(lambda: feature.dialog is None and feature.shown.isVisible(), "it is judged")
    window: JudgementWindow = feature.shown
    activated(window)
    settled(bench)
    return window


def test_a_dropped_file_of_forecasts_from_drop_to_report(
    bench: Workbench, file: Path, tmp_path: Path
) -> None:
    resized(bench, 1024, 700)
    dialog = dropped(bench, file)
    assert_sound_in_themes(bench, dialog, "judge-dialog-asks")
    settle_by_mouse_and_keys(dialog)
    assert_sound_in_themes(bench, dialog, "judge-dialog")
    click(dialog.baselines)
    window = judged_by_keys(bench)
    window.resize(1000, 660)
    painted(window)
    assert_sound_in_themes(bench, window, "judgement")
    view = window.late.content
    chart = view.page.chart
    click(chart, QPoint(chart.width() // 3, chart.height() // 2))
    wait_until(bench.layout.stepper.isVisible, "the day that was clicked is on the chart")
    activated(bench.window)
    origin = bench.chart.forecasts.origin.forecast
    assert origin is not None
    assert origin.model == "LSTM"
    settled(bench)
    assert bench.chart.series is bench.session.series
    assert bench.chart.series.symbol == origin.symbol
    assert_sound_in_themes(bench, bench.window, "judgement-day")
    bench.actions["judgement"].trigger()
    activated(window)
    click(view.unfold_button)
    wait_until(view.tabs.isVisible, "all figures are unfolded")
    picture(window, "judgement-figures")
    for button, name in ((window.report, "report.html"), (window.export, "rows.csv")):
        saved_as(button, tmp_path / name)
    assert "LSTM" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "LSTM" in (tmp_path / "rows.csv").read_text(encoding="utf-8")
    click(view.unfold_button)
    wait_until(view.page.isVisible, "the first page is back")
    press_keys("Escape")
    wait_until(gone(window), "the judgement is closed")
    click(bench.layout.stepper.buttons["cancel"])
    wait_until(gone(bench.layout.stepper), "the own forecasts are shown again")
    assert_alive(bench)


def saved_as(button: QWidget, path: Path) -> None:
    """Press a button, and type a path into the dialog that it opens."""

    def answer(_dialog: QWidget) -> None:
        press_keys("ctrl+a")
        type_text(str(path))
        press_keys("Return")

    answered(lambda: click(button), answer)
    wait_until(path.exists, f"{path.name} is written")
