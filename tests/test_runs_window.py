"""The table of runs in the window, as a person uses it: found, compared, noted, deleted, shown
and made again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from run_bench import finished
from test_runs import result
from window_bench import idle, price_file, texts, wait, window

from app import dialogs
from app.charts.compare import MOST, hue
from app.features.runs.columns import COLUMNS
from app.features.runs.difference_dialog import DifferenceDialog
from app.features.runs.loss_dialog import LossDialog
from app.theme import DARK, LIGHT, contrast
from app.window.workbench import Workbench
from forecasting.errors import SourceError
from forecasting.events import BacktestFinished
from forecasting.series import Outcomes
from forecasting.store import RunStore, store_path


@pytest.fixture
def bench(tmp_path: Path, qapp: object) -> Iterator[Workbench]:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv")) as bench:
        yield bench
        bench.session.unsaved = False


def cell(bench: Workbench, row: int, title: str) -> str:
    index = bench.layout.runs.table.model().index(
        row, [column.title for column in COLUMNS].index(title)
    )
    return str(index.data())


def choose(bench: Workbench, *rows: int) -> None:
    table = bench.layout.runs.table
    table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in rows:
        table.selectionModel().select(table.model().index(row, 0), flags)


def test_hues_can_be_told_from_their_ground() -> None:
    for theme in (LIGHT, DARK):
        hues = [hue(index, theme) for index in range(MOST)]
        assert len(set(hues)) == MOST
        assert all(contrast(color, theme.surface) > 4.5 for color in hues), (
            "numbers stand on them, too"
        )


def test_runs_are_found_compared_told_apart_noted_and_deleted(bench: Workbench) -> None:
    panel = bench.layout.runs
    assert "Every training that ends is kept here" in texts(panel)
    finished(bench, horizon=4, seed=1, skill=0.01)
    finished(bench, horizon=6, seed=2, skill=0.03)
    finished(bench, horizon=6, seed=3, skill=float("nan"))
    assert [cell(bench, row, "Seed") for row in range(3)] == ["3", "2", "1"], "the latest first"
    panel.table.sortByColumn(5, Qt.SortOrder.DescendingOrder)
    assert [cell(bench, row, "Skill") for row in range(3)] == ["3.0 %", "1.0 %", "–"], (
        "what is unknown comes last"
    )
    panel.table.sortByColumn(5, Qt.SortOrder.AscendingOrder)
    assert [cell(bench, row, "Skill") for row in range(3)] == ["1.0 %", "3.0 %", "–"]

    choose(bench, 1)
    idle(bench)
    assert len(bench.runs.compared) == 1
    assert any("GRU 6" in entry.label for entry in bench.chart._entries())
    assert not panel.acts["difference"].isEnabled()
    assert "select two runs" in panel.acts["difference"].toolTip()
    choose(bench, 1)  # whatever keys an earlier test left down
    panel.table.selectionModel().setCurrentIndex(
        panel.table.model().index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate
    )
    QTest.keyClick(panel.table, Qt.Key.Key_Space)
    panel.acts["difference"].trigger()
    dialog = next(
        one for one in QApplication.topLevelWidgets() if isinstance(one, DifferenceDialog)
    )
    told = [
        [item.text() for column in range(3) if (item := dialog.table.item(row, column))]
        for row in range(dialog.table.rowCount())
    ]
    assert told == [["Horizon", "4", "6"], ["Seed", "1", "2"]]
    dialog.close()

    panel.model.setData(
        panel.table.model().mapToSource(panel.table.model().index(0, len(COLUMNS) - 1)),
        "the small one",
        Qt.ItemDataRole.EditRole,
    )
    idle(bench)
    assert cell(bench, 0, "Notes") == "the small one"
    panel.search.setText("small gru")
    assert panel.table.model().rowCount() == 1
    panel.search.clear()

    choose(bench, 0, 1)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    idle(bench)
    assert panel.table.model().rowCount() == 1
    assert not panel.drawn, "what is deleted is no longer drawn"
    panel._undo_line.undo.click()
    idle(bench)
    bench.actions["redo"].trigger()
    idle(bench)
    assert panel.table.model().rowCount() == 1
    bench.actions["undo"].trigger()
    idle(bench)
    assert panel.table.model().rowCount() == 3
    assert "the small one" in [cell(bench, row, "Notes") for row in range(3)]


@pytest.mark.slow
def edit(bench: Workbench, row: int, title: str, text: str) -> None:
    panel = bench.layout.runs
    column = [item.title for item in panel.model.columns].index(title)
    index = panel.table.model().mapToSource(panel.table.model().index(row, column))
    assert panel.model.setData(index, text, Qt.ItemDataRole.EditRole)
    idle(bench)


def test_runs_have_names_tags_and_columns_of_settings_and_are_grouped(bench: Workbench) -> None:
    panel = bench.layout.runs
    for seed, skill in ((1, 0.01), (2, 0.03)):
        finished(bench, horizon=6, seed=seed, skill=skill)
    finished(bench, horizon=4, seed=1, skill=0.05)
    edit(bench, 0, "Name", "short one")
    edit(bench, 0, "Tags", "best, good best")
    assert (cell(bench, 0, "Name"), cell(bench, 0, "Tags")) == ("short one", "best good")
    panel.search.setText("good")
    assert panel.table.model().rowCount() == 1
    panel.search.clear()

    panel.columns_button.menu().aboutToShow.emit()
    panel._choose("train.learning_rate", True)
    panel._choose("verdict", False)
    titles = [column.title for column in panel.model.columns]
    assert "Learning rate" in titles
    assert "Verdict" not in titles
    assert titles[-1] == "Notes"
    assert "train.learning_rate" in bench.preferences.run_columns
    rate = titles.index("Learning rate")
    assert float(panel.table.model().index(0, rate).data()) > 0
    panel.table.sortByColumn(rate, Qt.SortOrder.AscendingOrder)

    panel.group_by("seeds")
    sheet = panel.groups.sheet
    assert list(sheet["Runs"]) == [2, 1]
    assert sheet["Skill %"][0] == pytest.approx(2.0)
    assert sheet["± Skill %"][0] == pytest.approx(2**0.5)
    panel.groups.selectRow(0)
    assert panel.table.model().rowCount() == 2
    panel.group_by("tags")
    assert set(panel.groups.sheet["tag"]) == {"best", "good", "no tag"}
    panel.group_by("")
    assert panel.groups.isHidden()
    assert panel.table.model().rowCount() == 3

    choose(bench, 0, 1, 2)
    panel.acts["losses"].trigger()
    wait(lambda: any(isinstance(one, LossDialog) for one in QApplication.topLevelWidgets()))
    dialog = next(one for one in QApplication.topLevelWidgets() if isinstance(one, LossDialog))
    assert "mean of 2 seeds" in dialog.chart.table()
    assert sum("seed" in name for name in dialog.chart.table()) == 4
    dialog.close()
    panel.acts["delete"].trigger()
    idle(bench)
    bench.runs.put_back()
    idle(bench)
    assert "short one" in [cell(bench, row, "Name") for row in range(3)] or "short one" in [
        run.name for run in panel.model.runs
    ]


@pytest.mark.slow
def test_no_more_runs_are_drawn_than_can_be_told_apart(bench: Workbench) -> None:
    for seed in range(MOST + 1):
        finished(bench, seed=seed)
    panel = bench.layout.runs
    choose(bench, 0)
    first = dict(panel.drawn)
    panel.table.selectAll()
    assert len(bench.runs.compared) == MOST + 1, "what commands act on"
    assert len(panel.drawn) == MOST
    assert first.items() <= panel.drawn.items(), "what was drawn keeps its hue"
    assert f"{MOST + 1} selected" in panel._count.text()
    assert f"{MOST} drawn" in panel._count.text()
    idle(bench)


@pytest.mark.slow
def test_mouse_and_keyboard_select_alike_and_the_shown_run_is_marked(bench: Workbench) -> None:
    panel = bench.layout.runs
    for seed in (1, 2, 3):
        finished(bench, seed=seed)
    panel.resize(900, 260)
    bench.layout.presets.open("runs")
    QApplication.processEvents()
    table = panel.table

    def click(
        row: int, x: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        position = table.visualRect(table.model().index(row, 0))
        QTest.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, modifier, position.topLeft() + QPoint(x, 8)
        )

    def checked() -> list[int]:
        states = [
            table.model().index(row, 0).data(Qt.ItemDataRole.CheckStateRole) for row in range(3)
        ]
        return [
            row for row, state in enumerate(states) if Qt.CheckState(state) is Qt.CheckState.Checked
        ]

    def selected() -> list[int]:
        return sorted(index.row() for index in table.selectionModel().selectedRows())

    click(1, 60)
    assert checked() == selected() == [1]
    click(2, 8)
    assert checked() == selected() == [1, 2], "a box adds a run"
    click(1, 8)
    assert checked() == selected() == [2], "and takes it out"
    click(0, 60)
    assert checked() == selected() == [0], "a click elsewhere selects one alone"
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert checked() == selected() == [0, 1]
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(table, Qt.Key.Key_Space)
    assert checked() == selected() == [0, 1, 2]
    assert set(panel.drawn) == set(panel.chosen[1:]), "the latest is on the chart already"
    click(1, 60)
    QTest.keyClick(table, Qt.Key.Key_Return)
    wait(lambda: bench.session.result is not None and bench.session.state == "idle")
    idle(bench)
    assert bench.runs.last is not None
    assert panel.chosen == (bench.runs.last.key,)
    assert panel.drawn == {}, "it is on the chart already"
    bold = [
        row
        for row in range(3)
        if (font := table.model().index(row, 0).data(Qt.ItemDataRole.FontRole)) and font.bold()
    ]
    assert bold == [1]
    finished(bench, seed=4)
    assert selected() == [2], "a new run leaves the selection"


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
    bench.results.judged.unfold_button.setChecked(True)
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
def test_a_backtest_is_kept_with_the_series_it_went_through(
    bench: Workbench, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    bench.watchlist_controller.load([price_file(tmp_path / "other" / "AAA.csv", bars=80)], "also")
    idle(bench)
    made, series = result(), bench.session.panel
    assert series is not None
    item = Outcomes(
        "GRU",
        np.array(["AAA"]),
        series[0].ds[:1],
        series[0].ds[None, :4],
        np.ones(1),
        np.ones((1, 4)),
        (0.5,),
        np.ones((1, 4, 1)),
    )
    bench.runs._take(
        BacktestFinished(made.config, {"GRU": item}, made.scores, made.verdict, made.info)
    )
    idle(bench)
    assert cell(bench, 0, "Network") == "GRU · backtest"
    (run,) = bench.runs._runs.values()
    assert run.record.series[0].fingerprint == series[0].fingerprint, (
        "of two series of one name the one that was checked"
    )
    bench.load(["sample:sp500"])
    idle(bench)
    choose(bench, 0)
    assert bench.layout.runs.drawn == {}, "it has no forecast to draw"
    assert bench.layout.runs.acts["reproduce"].isEnabled()
    bench.layout.runs.acts["show"].trigger()
    wait(lambda: bench.backtest_controller.tested is not None)
    idle(bench)
    judged = bench.results.tested
    assert not judged.calibration.chart.table(), "one quantile has no band"
    assert judged.residuals.table.sheet["Model"] == ["GRU"]
    assert bench.past_forecasts._latest() is not None, "its forecasts are on the chart"
    assert bench.chart.series is bench.session.series is series[0], "and so are its prices"
    assert "An earlier test" in texts(bench.layout.backtest)


def tabs(bench: Workbench) -> list[dict[str, list[str]]]:
    """Return all that the tabs of the judgement say, for each metric and each step."""
    idle(bench)
    judged, found = bench.results.judged, []
    for index in range(judged.steps.metrics.count()):
        judged.steps.metrics.setCurrentIndex(index)
        found.append(judged.steps.table.sheet)
    found.append(judged.calibration.table.sheet)
    for step in range(1, judged.residuals.step.maximum() + 1):
        judged.residuals.step.setValue(step)
        found += [judged.residuals.table.sheet, judged.residuals.chart.table()]
    return [
        {
            head: [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values]
            for head, values in item.items()
        }
        for item in found
    ]


def show_first(bench: Workbench) -> None:
    bench.session.forget_run()
    bench.running.show_run()
    assert bench.results.currentIndex() == 0
    choose(bench, 0)
    bench.layout.runs.acts["show"].trigger()
    wait(lambda: bench.session.recalled is not None)
    idle(bench)


@pytest.mark.slow
def test_an_earlier_run_has_the_tabs_that_it_had(bench: Workbench) -> None:
    finished(bench, horizon=3)
    before = tabs(bench)
    assert len(before) > 10
    assert all(before[:5])
    show_first(bench)
    assert tabs(bench) == before
    assert bench.actions["past_previous"].isEnabled(), "its past forecasts can be gone through"
    bench.session.forget_run()
    finished(bench, horizon=5, seed=1)
    assert tabs(bench) != before


def spoil(statement: str) -> None:
    """Change the store behind the program's back."""
    with sqlite3.connect(store_path()) as db:
        db.execute(statement)
    db.close()


@pytest.mark.slow
def test_a_run_of_an_earlier_version_says_why_its_tabs_are_empty(bench: Workbench) -> None:
    finished(bench)
    spoil("DELETE FROM run_outcomes")
    show_first(bench)
    assert "earlier version" in bench.banner.text
    for chart in bench.results.judged.charts:
        assert "earlier version" in chart._empty.hint
    bench.session.forget_run()
    finished(bench, seed=1)
    assert all("earlier version" not in chart._empty.hint for chart in bench.results.judged.charts)


@pytest.mark.slow
def test_outcomes_that_are_damaged_are_told_and_the_run_is_shown(bench: Workbench) -> None:
    finished(bench)
    spoil("UPDATE run_outcomes SET told = x'00'")
    show_first(bench)
    assert "do not match their checksum" in bench.banner.text
    assert bench.session.result is not None
    assert bench.session.result.forecasts


@pytest.mark.slow
def test_a_run_that_is_not_in_the_store_has_its_tabs_too(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SourceError("The disk is full.")

    monkeypatch.setattr(RunStore, "add", refuse)
    finished(bench)
    before = tabs(bench)
    show_first(bench)
    assert tabs(bench) == before


@pytest.mark.slow
def test_a_project_brings_back_the_tabs_of_its_run_from_the_store(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(bench)
    before = tabs(bench)
    path = tmp_path / "mine.candleproject"
    assert bench.project_controller.save_to(path)
    bench.session.forget_run()
    monkeypatch.setattr(dialogs, "ask_save_project", lambda *_: "discard")
    bench.load([str(path)])
    wait(lambda: bench.session.recalled is not None and bool(bench.session.recalled.profiles))
    idle(bench)
    assert tabs(bench) == before
