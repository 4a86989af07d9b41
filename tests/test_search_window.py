"""The search in the real window: trials as they come, a pause, the way back, and what is done with
a trial.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, rested, wait, window

from app.charts.parallel_coordinates import ParallelCoordinates
from app.charts.search import BestSoFarChart, ImportanceBars, TrialPoint
from app.features.search.choice import SearchBudget, SearchScope
from app.features.search.controller import SearchController
from app.features.search.panel import SearchPanel
from app.features.search.table import TrialsTable
from app.theme import DARK
from app.window.workbench import Workbench
from forecasting.config import RunConfig
from forecasting.search import TrialEnded
from forecasting.search.importance import importance
from forecasting.search.trials import State

TINY = RunConfig().changed(
    model="lstm",
    hidden_size=2,
    input_size=6,
    horizon=1,
    epochs=1,
    batch_size=128,
    test_size=40,
    baselines="drift",
)


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    from forecasting import jobs
    from forecasting.events import EngineReady

    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("CANDLECAST_HOME", str(folder))
        bench = stack.enter_context(window(folder, price_file(folder / "walk.csv", bars=260)))
        bench.session.engine = next(e for e in jobs.warm_up() if isinstance(e, EngineReady))
        bench.layout.presets.open("search")
        yield bench


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    opened.model.show_config(TINY)
    panel(opened).show_choice(SearchBudget(minutes=0, trials=3, blocks=2), SearchScope())
    yield opened
    opened.cancel()
    rested(opened)


def panel(bench: Workbench) -> SearchPanel:
    found = bench.layout.panels["search"]
    assert isinstance(found, SearchPanel)
    return found


def controller(bench: Workbench) -> SearchController:
    found = bench.features["search"]
    assert isinstance(found, SearchController)
    return found


def ended(bench: Workbench) -> None:
    """Wait for the end of a search, which takes its time on a busy machine."""
    wait(lambda: bench.session.state == "idle", 120)
    idle(bench)


def test_a_search_is_followed_and_its_settings_are_used(bench: Workbench) -> None:
    shown = panel(bench)
    bench.actions["search"].trigger()
    ended(bench)
    found = controller(bench).result
    assert found is not None, (bench.banner.text, shown.summary(), controller(bench).trials)
    assert len(controller(bench).trials) == 4
    assert "defaults" in shown.summary()
    sheet = shown.table.sheet
    assert list(sheet["State"]).count("baseline") == 2
    assert {"defaults", "trial 1"} <= set(sheet["Trial"])
    assert "Lookback" in sheet
    assert len(shown.parallel.table()["Trial"]) >= 3
    assert "Best loss" in shown.best.summary()
    whole = next(t for t in controller(bench).trials if t.number and t.losses)
    shown.table.choose(whole.number)
    QTest.mouseClick(shown.use_button, Qt.MouseButton.LeftButton)
    used, wanted = (
        c.changed(device="auto").to_json() for c in (bench.model.config(), whole.config)
    )
    assert json.loads(used) == json.loads(wanted)
    shown.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    controller(bench)._show_trials()
    assert shown.table.number == whole.number, "what is selected stays while trials come"
    assert shown.table.horizontalHeader().sortIndicatorSection() == 2


@pytest.mark.slow
def test_a_search_that_is_left_is_gone_on_with(bench: Workbench) -> None:
    shown = panel(bench)
    shown.show_choice(SearchBudget(minutes=0, trials=4, blocks=2), SearchScope())
    shown.search_button.click()
    wait(lambda: len(controller(bench).trials) >= 2, 120)
    bench.actions["cancel"].trigger()
    ended(bench)
    wait(lambda: not shown.resume_button.isHidden())
    before = [t.number for t in controller(bench).trials]
    shown.resume_button.click()
    ended(bench)
    assert controller(bench).result is not None
    numbers = [t.number for t in controller(bench).trials]
    assert sorted(numbers) == [0, 1, 2, 3, 4]
    assert numbers[: len(before)] == before
    wait(lambda: shown.resume_button.isHidden())


@pytest.mark.slow
def test_a_pause_holds_a_search_and_a_trial_opens_as_a_run(bench: Workbench) -> None:
    shown = panel(bench)
    shown.search_button.click()
    shown.pause_button.setChecked(True)
    wait(lambda: "Paused" in shown.summary() or bool(controller(bench).result), 120)
    held = len(controller(bench).trials)
    assert controller(bench).live
    shown.pause_button.setChecked(False)
    ended(bench)
    assert len(controller(bench).trials) == 4 > held
    shown.table.choose(0)
    runs = bench.layout.runs
    before = len(runs.model.runs)
    assert shown.open_button.isEnabled(), (shown.table.number, shown._states, shown._ready)
    bench.banner.pass_on()
    shown.open_button.click()
    wait(lambda: len(runs.model.runs) > before or bool(bench.banner.text), 120)
    assert len(runs.model.runs) > before, bench.banner.text
    ended(bench)
    run = runs.model.runs[0]
    assert "Trial 0 of a search" in run.notes
    start = np.datetime64(run.record.test_start)
    result = bench.session.result
    assert result is not None
    last = max(item.ds.max() for item in result.outcomes.values())
    series = bench.session.series
    assert series is not None
    assert start < last < series.ds[-40], "the test part is not looked at"
    bench.runs.repeat(run.key, 2)
    wait(lambda: len(runs.model.runs) == before + 3, 120)
    ended(bench)
    assert "2 seeds: skill" in bench.banner.text
    assert max(runs.groups.sheet["Runs"]) >= 2


def test_nothing_to_search_is_refused_in_words(bench: Workbench) -> None:
    none = dict.fromkeys(SearchScope.model_fields, False)
    panel(bench).show_choice(SearchBudget(), SearchScope(**none))
    panel(bench).search_button.click()
    assert "Nothing is to be searched" in bench.banner.text
    panel(bench).show_choice(SearchBudget(minutes=0, trials=0), SearchScope())
    panel(bench).search_button.click()
    assert "would not end" in bench.banner.text
    bench.banner.pass_on()


# Plots, without a window


def points() -> list[TrialPoint]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(12):
        values: dict[str, Any] = {
            "Lookback": int(rng.choice([5, 20, 80])),
            "Network": str(rng.choice(["GRU", "LSTM"])),
            "Learning rate": float(rng.uniform(1e-4, 1e-2)),
        }
        loss = 80.0 - 2.0 * (values["Lookback"] == 20) + 0.1 * rng.normal()
        made.append(TrialPoint(number, loss, number % 3 != 1, number / 2, values, loss))
    return made


def test_the_setting_that_decides_matters_most() -> None:
    trials = points()
    shares = importance([t.values for t in trials], [t.loss for t in trials])
    assert next(iter(shares)) == "Lookback"
    assert shares["Lookback"] > 0.5
    assert all(0 <= share <= 1 for share in shares.values())
    assert importance([t.values for t in trials[:5]], [t.loss for t in trials[:5]]) == {}


def test_a_trial_that_was_given_up_is_compared_on_its_own_blocks(qapp: QApplication) -> None:
    def ended(number: int, state: State, *losses: float) -> TrialEnded:
        best, values = 50.0, {"input_size": 8 + number}
        return TrialEnded(number, state, losses[-1], best, values, losses, TINY, 1.5, 1.0)

    table = TrialsTable("Trials")
    table.show_trials(
        [ended(0, "complete", 40.0, 50.0), ended(1, "pruned", 44.0)], {"HAR": 55}, "bp"
    )
    gains = dict(zip(table.sheet["Trial"], table.sheet["Beside defaults %"], strict=True))
    assert gains == {"defaults": 0, "trial 1": pytest.approx(-10), "HAR": pytest.approx(-10)}
    heads = list(table.sheet)
    shown = [[table.model().index(row, c).data() for c in range(len(heads))] for row in range(3)]
    assert [row[heads.index("Lookback")] for row in shown] == ["8", "–", "9"], "counts are whole"
    assert [row[heads.index("Seconds")] for row in shown] == ["1.500", "–", "1.500"]
    table.deleteLater()


def test_plots_tell_their_numbers_and_a_click_chooses_a_trial(qapp: QApplication) -> None:
    trials = points()
    best = BestSoFarChart(by_time=True)
    best.show_trials(trials, {"HAR": 79.0}, "bp")
    best.refresh()
    assert "best so far" in best.summary()
    bars = ImportanceBars()
    bars.show_importance({"Lookback": 0.7, "Network": 0.1})
    assert "Lookback 70 %" in bars.summary()
    chart = ParallelCoordinates()
    chart.set_theme(DARK)
    chart.resize(600, 300)
    chart.show_trials(trials, "bp")
    chosen: list[int] = []
    chart.chosen.connect(chosen.append)
    chart.show()
    QTest.keyClick(chart, Qt.Key.Key_Down)
    order = sorted(trials, key=lambda t: t.first_loss)
    assert chosen == [order[1].number]
    at = QPointF(600 - 46, 0)
    for y in range(30, 300):
        at.setY(y)
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert set(chosen) >= {t.number for t in (order[0], order[-1])}
    assert f"Trial {chosen[-1]}" in chart.summary()
    assert len(chart.table()["Trial"]) == len(trials)
    chart.close()
