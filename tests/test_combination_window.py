"""Models combined in the real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, rested, wait, window

from app.cli import main
from app.theme import DARK, LIGHT
from app.window.workbench import Workbench
from forecasting.store import Journal


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with window(tmp_path_factory.mktemp("combination")) as made:
        yield made
        rested(made)


def test_models_are_combined_judged_and_entered(bench: Workbench, tmp_path: Path) -> None:
    controller = bench.features["combination"]
    bench.watchlist_controller.load([price_file(tmp_path / "one.csv", bars=400)])
    idle(bench)
    bench.actions["combine"].trigger()
    dialog = controller.dialog
    assert dialog.isVisible()
    assert dialog.chosen() == ["har", "garch-t"]
    for row in range(dialog.models.count()):
        dialog.models.item(row).setCheckState(Qt.CheckState.Unchecked)
    dialog.combine_button.click()
    assert "needs two or more" in dialog.summary() or "Combining" in dialog.summary()
    wait(lambda: "needs two or more" in dialog.summary())
    keys = [dialog.models.item(row).data(Qt.ItemDataRole.UserRole) for row in range(4)]
    for name in ("har", "drift"):
        dialog.models.item(keys.index(name)).setCheckState(Qt.CheckState.Checked)
    dialog.combine_button.click()
    wait(lambda: controller.result is not None, 60)
    assert "the combination's range" in dialog.summary()
    assert "weights" in dialog.summary()
    assert "network" not in dialog.summary()
    assert list(dialog.scores.sheet["Model"])[:2] == ["Combination", "Random walk"]
    for theme in (LIGHT, DARK):
        controller.set_theme(theme)
        assert not dialog.grab().isNull()
    dialog.journal_button.click()
    with Journal() as journal:
        assert [entry.forecast.model for entry in journal.entries()] == ["Combination"]
    dialog.close()


def test_kept_runs_and_files_of_forecasts_are_offered(bench: Workbench, tmp_path: Path) -> None:
    prices = str(price_file(tmp_path / "two.csv", bars=400))
    small = ["--epochs", "1", "--hidden-size", "4", "--horizon", "2", "--input-size", "20"]
    assert main(["forecast", prices, *small]) == 0
    bench.watchlist_controller.load([prices])
    idle(bench)
    controller = bench.features["combination"]
    bench.actions["combine"].trigger()
    dialog = controller.dialog
    wait(lambda: dialog.models.findItems("LSTM, two", Qt.MatchFlag.MatchStartsWith))
    series = bench.session.series
    table = {
        "ds": series.ds[101:].astype("datetime64[D]"),
        "cutoff": series.ds[100:-1].astype("datetime64[D]"),
        "TFT-lo-80": series.y[100:-1] * 0.985,
        "TFT-hi-80": series.y[100:-1] * 1.015,
    }
    path = tmp_path / "others.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    controller.add_file(str(path))
    items = [dialog.models.item(row) for row in range(dialog.models.count())]
    for item in items:
        item.setCheckState(Qt.CheckState.Unchecked)
    for item in items:
        if item.text() in ("others.csv", "HAR volatility"):
            item.setCheckState(Qt.CheckState.Checked)
    controller.result = None
    dialog.combine_button.click()
    wait(lambda: controller.result is not None, 60)
    assert {"TFT", "HAR volatility"} <= set(dialog.scores.sheet["Model"])
    dialog.close()
