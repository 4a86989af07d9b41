"""The table of runs in the window, as a person uses it: found, compared, noted, deleted, shown and made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from run_bench import finished
from test_runs import result
from window_bench import idle, price_file, texts, wait, window

from app.charts.compare import MOST, hue
from app.panels.differences import DifferenceDialog
from app.panels.run_table import COLUMNS
from app.theme import DARK, LIGHT, contrast
from app.window.workbench import Workbench
from forecasting.events import BacktestFinished
from forecasting.series import Outcomes
from forecasting.store import store_path


@pytest.fixture
def bench(tmp_path: Path, qapp: object) -> Iterator[Workbench]:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv")) as bench:
        yield bench
        bench.session.unsaved = False


def cell(bench: Workbench, row: int, title: str) -> str:
    index = bench.layout.runs.table.model().index(row, [column.title for column in COLUMNS].index(title))
    return str(index.data())


def choose(bench: Workbench, *rows: int) -> None:
    table = bench.layout.runs.table
    table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in rows:
        table.selectionModel().select(table.model().index(row, 0), flags)


def test_hues_can_be_told_from_their_ground() -> None:
    for theme in (LIGHT, DARK):
        hues = [hue(place, theme) for place in range(MOST)]
        assert len(set(hues)) == MOST
        assert all(contrast(color, theme.surface) > 4.5 for color in hues), "numbers stand on them, too"


def test_runs_are_found_compared_told_apart_noted_and_deleted(bench: Workbench) -> None:
    panel = bench.layout.runs
    assert "Every training that ends is kept here" in texts(panel)
    finished(bench, horizon=4, seed=1, skill=0.01)
    finished(bench, horizon=6, seed=2, skill=0.03)
    finished(bench, horizon=6, seed=3, skill=float("nan"))
    assert [cell(bench, row, "Seed") for row in range(3)] == ["3", "2", "1"], "the latest first"
    panel.table.sortByColumn(5, Qt.SortOrder.DescendingOrder)
    assert [cell(bench, row, "Skill") for row in range(3)] == ["3.0 %", "1.0 %", "–"], "what is unknown comes last"
    panel.table.sortByColumn(5, Qt.SortOrder.AscendingOrder)
    assert [cell(bench, row, "Skill") for row in range(3)] == ["1.0 %", "3.0 %", "–"]

    choose(bench, 0)
    panel.table.setCurrentIndex(panel.table.model().index(1, 0))
    QTest.keyClick(panel.table, Qt.Key.Key_Space)
    idle(bench)
    assert len(bench.runs.compared) == 1
    assert any("GRU 6" in entry.label for entry in bench.chart._entries())

    choose(bench, 0, 1)
    panel.acts["difference"].trigger()
    dialog = next(one for one in QApplication.topLevelWidgets() if isinstance(one, DifferenceDialog))
    told = [[item.text() for column in range(3) if (item := dialog.table.item(row, column))] for row in range(dialog.table.rowCount())]
    assert told == [["Horizon", "4", "6"], ["Seed", "1", "2"]]
    dialog.close()

    panel.model.setData(panel.table.model().mapToSource(panel.table.model().index(0, 10)), "the small one", Qt.ItemDataRole.EditRole)
    idle(bench)
    assert cell(bench, 0, "Notes") == "the small one"
    panel.search.setText("small gru")
    assert panel.table.model().rowCount() == 1
    panel.search.clear()

    choose(bench, 0, 1)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    idle(bench)
    assert panel.table.model().rowCount() == 1
    assert bench.runs.compared == (), "what is deleted is no longer drawn"
    panel._undo.click()
    idle(bench)
    assert panel.table.model().rowCount() == 3
    assert "the small one" in [cell(bench, row, "Notes") for row in range(3)]


@pytest.mark.slow
def test_no_more_runs_are_drawn_than_can_be_told_apart(bench: Workbench) -> None:
    for seed in range(MOST + 1):
        finished(bench, seed=seed)
    table = bench.layout.runs.table
    for row in range(MOST + 1):
        table.setCurrentIndex(table.model().index(row, 0))
        QTest.keyClick(table, Qt.Key.Key_Space)
    assert len(bench.runs.compared) == MOST
    assert f"{MOST} runs are drawn already" in bench.banner.text
    idle(bench)


@pytest.mark.slow
def test_an_earlier_run_is_shown_and_made_again(bench: Workbench, tmp_path: Path) -> None:
    finished(bench, horizon=7)
    bench.load(["sample:sp500"])
    idle(bench)
    bench.session.remove([0])
    assert bench.session.result is None
    choose(bench, 0)
    bench.layout.runs.acts["show"].trigger()
    wait(lambda: bench.session.result is not None)
    idle(bench)
    assert bench.session.result is not None
    assert bench.session.result.config.task.horizon == 7
    assert "ties with the random walk" in texts(bench.results)
    assert "unchanged" in bench.banner.text
    assert not bench.actions["save_model"].isEnabled(), "its network is not kept"
    price_file(tmp_path / "AAA.csv", bars=61)
    bench.layout.runs.acts["reproduce"].trigger()
    idle(bench)
    assert bench.model.config().task.horizon == 7
    assert "The prices of AAA have changed" in bench.banner.text
    assert "60 bars" in bench.banner.text


@pytest.mark.slow
def test_a_run_that_cannot_be_kept_stays_in_memory(bench: Workbench) -> None:
    finished(bench, seed=1)
    store_path().unlink()
    for tail in ("-wal", "-shm"):
        store_path().with_name(store_path().name + tail).unlink(missing_ok=True)
    store_path().mkdir()
    finished(bench, seed=2)
    assert "could not be kept" in bench.banner.text
    assert bench.layout.runs.table.model().rowCount() == 2
    assert cell(bench, 0, "Seed") == "2"
    store_path().rmdir()


@pytest.mark.slow
def test_a_backtest_is_kept_with_the_series_it_went_through(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    bench.watching.load([price_file(tmp_path / "other" / "AAA.csv", bars=80)], "also")
    idle(bench)
    made, series = result(), bench.session.panel
    assert series is not None
    one = Outcomes(
        "GRU", np.array(["AAA"]), series[0].ds[:1], series[0].ds[None, :4], np.ones(1), np.ones((1, 4)), (0.5,), np.ones((1, 4, 1))
    )
    bench.runs._take(BacktestFinished(made.config, {"GRU": one}, made.scores, made.verdict, made.info))
    idle(bench)
    assert cell(bench, 0, "Network") == "GRU · backtest"
    (run,) = bench.runs._runs.values()
    assert run.record.series[0].fingerprint == series[0].fingerprint, "of two series of one name the one that was checked"
    choose(bench, 0)
    assert not bench.layout.runs.acts["show"].isEnabled()
    assert bench.layout.runs.acts["reproduce"].isEnabled()
