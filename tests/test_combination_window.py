"""Models combined in the real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, rested, wait, window

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
    assert "Combination" in dialog.summary()
    assert "weights" in dialog.summary()
    assert list(dialog.scores.sheet["Model"])[:2] == ["Combination", "Random walk"]
    for theme in (LIGHT, DARK):
        controller.set_theme(theme)
        assert not dialog.grab().isNull()
    dialog.journal_button.click()
    with Journal() as journal:
        assert [entry.forecast.model for entry in journal.entries()] == ["Combination"]
    dialog.close()
