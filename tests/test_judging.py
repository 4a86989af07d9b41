"""Judgements as a person reads them: tabs, plots that say what the metrics say, tables that are
copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QScrollArea

from app import theme
from app.charts.canvas import Chart
from app.charts.evaluation import CalibrationChart, CoverageChart, ResidualChart, StepChart
from app.features.evaluation.details import detail_of
from app.features.evaluation.evaluation_view import EvaluationView
from app.features.evaluation.panel import ResultsPanel
from app.features.evaluation.score_table import ScoreTable
from app.widgets.table_view import TableView
from forecasting.config import QUANTILES
from forecasting.events import Verdict
from forecasting.metrics import METRICS, coverage, crps_bp, residuals
from forecasting.series import Outcomes

N, H = 60, 4
VERDICT = Verdict("ties", "GRU ties with doing nothing.", 0.0, 0.5, "random-walk", ("A note.",))


def outcomes(model: str, spread: float, seed: int = 0) -> Outcomes:
    """Forecasts of a random walk, whose bands are ``spread`` times as wide as they should be."""
    from statistics import NormalDist

    draw = np.random.default_rng(seed)
    y0 = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, N)))
    y = y0[:, None] * np.exp(np.cumsum(draw.normal(0, 0.01, (N, H)), axis=1))
    sd = 0.01 * spread * np.sqrt(np.arange(1, H + 1))
    z = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])
    values = y0[:, None, None] * np.exp(sd[:, None] * z)
    cutoff = np.busday_offset("2020-01-01", np.arange(N), roll="forward").astype("datetime64[us]")
    ds = np.stack(
        [np.busday_offset(cutoff.astype("M8[D]"), k + 1, roll="forward") for k in range(H)], axis=1
    ).astype("datetime64[us]")
    return Outcomes(
        model, np.full(N, "walk"), cutoff, ds, y0, y, QUANTILES, values, np.ones(N), np.ones(N)
    )


JUDGED = {"GRU": outcomes("GRU", 1.0), "random-walk": outcomes("random-walk", 0.3)}


@pytest.fixture
def view(qtbot: Any) -> EvaluationView:
    """A judgement on screen, with its details worked out at once."""
    made = EvaluationView()
    qtbot.addWidget(made)
    made.detail_requested.connect(lambda wanted: made.show_detail(detail_of(wanted)))
    made.set_theme(theme.LIGHT)
    made.resize(700, 300)
    made.show()
    made.show_judged(
        VERDICT, {"GRU": {"crps": 1.0}, "random-walk": {"crps": 1.1}}, JUDGED, "2 epochs."
    )
    return made


def test_every_tab_shows_what_the_metrics_say(view: EvaluationView) -> None:
    table = dict(view.steps.chart.table())
    assert view.steps.metrics.currentData() == "crps_bp"
    assert list(table) == ["step", "GRU", "Random walk"]
    assert table["GRU"] == pytest.approx(crps_bp(JUDGED["GRU"], 0))
    view.steps.metrics.setCurrentIndex(view.steps.metrics.findData("coverage_80"))
    assert view.steps.chart.table()["Random walk"] == pytest.approx(
        coverage(JUDGED["random-walk"], 0)
    )
    assert [line.guide for line in view.steps.chart._lines] == [False, False, True]
    stated = view.calibration.chart.table()
    assert stated["stated %"].tolist() == [50, 80, 90, 95]  # type: ignore[union-attr]
    assert stated["Random walk"][1] < 50 < stated["GRU"][1]  # type: ignore[operator]
    shown = view.calibration.table.sheet
    low, high = (np.asarray(shown[name], float) for name in ("From %", "To %"))
    assert (low < np.asarray(shown["GRU"], float)).all()
    assert (high > np.asarray(shown["GRU"], float)).all()
    assert "95 % interval" in [line.name for line in view.calibration.chart._lines], (
        "intervals are drawn"
    )
    view.unfold_button.setChecked(True)
    for index in range(view.tabs.count()):
        view.tabs.setCurrentIndex(index)
        view.refresh()
        view.grab()
    assert not any(chart._faults for chart in view.charts)


def test_residuals_follow_the_step_and_tell_what_the_band_missed(view: EvaluationView) -> None:
    view.residuals.step.setValue(3)
    table = view.residuals.chart.table()
    left, relative = residuals(JUDGED["GRU"], 3)
    assert relative
    assert table["residual %"] == pytest.approx(left)
    figures = view.residuals.table.sheet
    assert list(figures["Model"]) == ["GRU", "Random walk"]
    assert figures["Mean"][0] == pytest.approx(left.mean())
    assert view.residuals.step.maximum() == H
    view.residuals.chart.show_residuals(outcomes("GRU", 0.1))
    assert {line.mark for line in view.residuals.chart._lines} == {"dots", "rings", "dashed"}
    below_zero = Outcomes(
        "a",
        JUDGED["GRU"].symbol,
        JUDGED["GRU"].cutoff,
        JUDGED["GRU"].ds,
        -JUDGED["GRU"].y0,
        JUDGED["GRU"].y,
        QUANTILES,
        JUDGED["GRU"].values,
    )
    assert not residuals(below_zero, 1)[1]


def test_details_of_other_outcomes_are_passed_over(view: EvaluationView) -> None:
    before = dict(view.steps.chart.table())
    other = {"GRU": outcomes("GRU", 2.0)}
    view.show_detail(detail_of(other))
    assert list(view.steps.chart.table()) == list(before)


def test_the_results_panel_begins_with_what_to_do(qtbot: Any) -> None:
    panel = ResultsPanel()
    qtbot.addWidget(panel)
    panel.set_theme(theme.DARK)
    assert panel.currentIndex() == 0
    panel.show_result(None)
    assert panel.currentIndex() == 0


@pytest.mark.parametrize("make", [StepChart, CalibrationChart, ResidualChart, CoverageChart])
def test_an_empty_plot_says_so_and_has_no_table(qtbot: Any, make: type[Chart]) -> None:
    chart = make()  # type: ignore[call-arg]
    qtbot.addWidget(chart)
    chart.resize(300, 200)
    chart.show()
    chart.grab()
    assert chart.table() == {}
    assert chart.summary()
    assert not chart._faults


def test_a_plot_is_read_by_keys(view: EvaluationView, qtbot: Any) -> None:
    view.unfold_button.setChecked(True)
    view.tabs.setCurrentIndex(1)
    chart = view.steps.chart
    told: list[str] = []
    chart.readout.connect(told.append)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_End, Qt.Key.Key_Right):
        qtbot.keyClick(chart, key)
    assert [text.split("   ")[0] for text in told] == ["step 1", "step 2", "step 4", "step 4"]
    assert "GRU" in told[0]


def test_coverage_over_time_stands_beside_what_was_stated(qtbot: Any) -> None:
    chart = CoverageChart()
    qtbot.addWidget(chart)
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-11"))
    chart.show_coverage(days, {80.0: np.linspace(60, 82, 10), 95.0: np.linspace(90, 96, 10)})
    chart.refresh()
    chart.grab()
    table = chart.table()
    assert table["day"].tolist() == days.astype("datetime64[us]").tolist()  # type: ignore[union-attr]
    assert "80 % band" in table
    assert sorted(float(line.y[0]) for line in chart._lines if line.guide) == [80, 95]


def test_a_table_lines_up_its_decimals_and_says_what_an_empty_one_is_for(qtbot: Any) -> None:
    table = TableView("Numbers", empty="Nothing stood out yet.")
    qtbot.addWidget(table)
    assert table.accessibleDescription() == "Nothing stood out yet."
    table.resize(400, 200)
    table.grab()
    table.show_sheet(
        {
            "Rule": ["a", "b", "c"],
            "Sharpe": np.array([0.873, -0.5583, np.nan]),
            "CRPS": np.array([26.718, 112.345, 58.4]),
            "Drift %": np.array([-1.25, 12.0, 0.0]),
            "Trades": np.array([3.0, 12.0, np.nan]),
        }
    )
    model = table.model()
    shown = [[model.index(row, column).data() for row in range(3)] for column in range(1, 5)]
    assert shown == [
        ["0.8730", "−0.5583", "–"],
        ["26.72", "112.34", "58.40"],
        ["−1.3", "12.0", "0.0"],
        ["3", "12", "–"],
    ]
    assert table.accessibleDescription() == ""
    table.show_sheet({"Message": ["It moves twice as much as before it was watched."]})
    told = table.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "It moves twice as much" in told


def test_a_table_sorts_by_value_and_copies_what_is_selected(qtbot: Any) -> None:
    chosen: list[int] = []
    table = TableView("Numbers", chosen.append)
    qtbot.addWidget(table)
    table.show_sheet(
        {
            "name": ["=a", "b", "c"],
            "value": np.array([10.0, 9.0, np.nan]),
            "day": np.array(["2024-01-02"] * 3, "M8[us]"),
        }
    )
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    model = table.model()
    assert [model.index(row, 1).data() for row in range(3)] == ["–", "9", "10"]
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "name\tvalue\tday\nb\t9.0\t2024-01-02\n"
    table.activated.emit(model.index(1, 0))
    assert chosen == [1]


def test_titles_give_way_where_the_figures_need_the_width(qapp: object) -> None:
    table = ScoreTable("scores")
    table.show_scores(
        {
            model: dict.fromkeys(METRICS, 123.4)
            for model in ("GRU", "random-walk", "drift", "garch-t", "har")
        }
    )
    table.resize(900, 200)
    table.show()
    QApplication.processEvents()
    wide, first = table.columnWidth(0), table.item(0, 0)
    table.resize(table.minimumWidth(), 200)
    QApplication.processEvents()
    assert table.columnWidth(0) < wide
    assert sum(table.columnWidth(column) for column in range(6)) <= table.viewport().width(), (
        "nothing is out of sight"
    )
    assert first is not None
    assert first.toolTip().startswith(first.text())
    table.close()
    around = QScrollArea()
    around.setWidgetResizable(True)
    around.setWidget(table)
    around.resize(table.minimumWidth() // 2, 200)
    around.show()
    table.spread()
    QApplication.processEvents()
    assert table.columnWidth(0) == wide, "what has to be scrolled anyway is not shortened"
    around.close()


def test_no_best_is_marked_where_too_few_origins_decide(view: EvaluationView) -> None:
    scores = {"GRU": {"crps": 1.0}, "random-walk": {"crps": 1.1}}
    view.show_judged(replace(VERDICT, independent=250.0), scores, JUDGED, "")
    assert view.table.item(0, 1).text().startswith("★")  # type: ignore[union-attr]
    view.show_judged(replace(VERDICT, independent=2.0), scores, JUDGED, "")
    assert "★" not in view.table.item(0, 1).text()  # type: ignore[union-attr]
    assert view._badge.text() == "TOO FEW"
    assert view.table.horizontalHeaderItem(2).text() == "Random walk"  # type: ignore[union-attr]
