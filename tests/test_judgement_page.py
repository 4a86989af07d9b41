"""The first page of a judgement: what it says in plain words, and the days that it leads to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from test_judging import JUDGED, H, outcomes

from app import theme
from app.charts.happened import HappenedChart
from app.features.evaluation.days import JUMPS, nearest_residual, outside, worst_at
from app.features.evaluation.details import detail_of
from app.features.evaluation.evaluation_view import EvaluationView
from app.features.evaluation.panel import ResultsPanel
from app.features.evaluation.summary_page import SummaryPage
from forecasting.baselines import NO_NETWORK
from forecasting.events import BacktestFinished, NetworkAdds, RunInfo, Verdict
from forecasting.metrics import residuals, score
from forecasting.summary import TERMS, summarise
from forecasting.verdict import compare, judge

SCORES = {
    "GRU": {"crps_bp": 90.0, "coverage_80": 79.6},
    "random-walk": {"crps_bp": 100.0},
    "har": {"crps_bp": 90.2},
}
HAR = "GRU ties with HAR volatility: CRPS 0.20 % lower on 250 origins (p = 0.60)."
HELD = "The 80 % band held 79.6 % of outcomes (interval 75.1 to 83.5 %): about right."
NOTHING = "The network adds nothing: its forecast is that of the volatility model."


def verdict(outcome: Any = "ties", walk: str = "beats", **changes: Any) -> Verdict:
    made = Verdict(
        outcome,
        f"{HAR} It {walk} the random walk: CRPS 10.0 % lower (p < 0.001).",
        0.002,
        0.6,
        "har",
        (NOTHING, HELD),
        1,
        250.0,
        NetworkAdds(0.0, float("nan")),
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("outcome", "walk", "end"),
    [
        ("ties", "beats", "as good as the best simple method, and better than a random walk."),
        ("ties", "loses to", "as good as the best simple method, but worse than a random walk."),
        ("loses", "beats", "worse than the best simple method, but better than a random walk."),
        ("beats", "beats", "better than the best simple method, and better than a random walk."),
        ("loses", "loses to", "worse than the best simple method, and worse than a random walk."),
    ],
)
def test_the_sentence_has_no_jargon(outcome: str, walk: str, end: str) -> None:
    found = summarise(verdict(outcome, walk), SCORES, freq="1D")
    assert found.sentence == f"On days it never saw, this network's range was {end}"
    assert "CRPS" not in " ".join((found.sentence, *found.reasons))


def test_three_reasons_and_four_numbers_follow_from_verdict_and_scores() -> None:
    found = summarise(verdict(), SCORES, freq="15min")
    assert found.sentence.startswith("On bars it never saw")
    assert len(found.reasons) == 3
    assert "0.20 % smaller than that of HAR volatility" in found.reasons[0]
    assert "held 79.6: about right" in found.reasons[1]
    assert "Without the network the forecast is as good" in found.reasons[2]
    numbers = {item.name: item for item in found.numbers}
    assert list(numbers) == ["best", "walk", "held", "network"]
    assert numbers["best"].value == pytest.approx(0.2)
    assert numbers["walk"].value == pytest.approx(10)
    assert [item.standing for item in found.numbers] == ["even", "good", "good", "even"]
    assert all(item.explanation for item in found.numbers)
    assert set(found.document()) == {"sentence", "standing", "reasons", "numbers"}


def test_few_days_say_so_and_know_nothing() -> None:
    found = summarise(verdict(independent=7.0, skill=float("nan")), SCORES, freq="1W")
    assert found.standing == "open"
    assert "too few weeks" in found.sentence
    assert "About 7" in found.reasons[0]
    assert found.numbers[0].text == "–"


def test_the_page_agrees_with_the_judge() -> None:
    models = JUDGED | {NO_NETWORK: outcomes("GRU", 1.0)}
    made = judge(models, "GRU")
    found = summarise(made, {name: score(item) for name, item in models.items()})
    test = compare(models["GRU"], models["random-walk"])
    assert found.numbers[1].value == pytest.approx(100 * test.skill)
    assert "that the price stays where it is" in found.sentence or made.few


def test_days_worth_a_look_are_found() -> None:
    item = JUDGED["GRU"]
    left = np.abs(residuals(item, 2)[0])
    worst = worst_at(item, 2)
    assert worst is not None
    assert worst.cutoff == item.cutoff[left.argmax()]
    at = nearest_residual(item, 1, item.cutoff[7], float("nan"))
    assert at == ("walk", item.cutoff[7])
    missed = outside(item, 80)
    assert 0 < missed.size < outside(JUDGED["random-walk"], 80).size
    assert (np.diff(item.cutoff[missed]) > np.timedelta64(0)).all()
    assert not outside(item, 33).size
    assert {name: find(item).size > 0 for name, find in JUMPS.items()} == dict.fromkeys(JUMPS, True)
    assert set(JUMPS["worst"](item)[:3]).isdisjoint(JUMPS["best"](item)[:3])


@pytest.fixture
def view(qtbot: Any) -> EvaluationView:
    made = EvaluationView()
    qtbot.addWidget(made)
    made.detail_requested.connect(lambda wanted: made.show_detail(detail_of(wanted)))
    made.set_theme(theme.DARK)
    made.resize(900, 320)
    made.show()
    made.show_judged(verdict(), SCORES, JUDGED, "2 epochs.", freq="1D")
    return made


def test_the_page_comes_first_and_unfolds(view: EvaluationView) -> None:
    assert view.page.isVisible()
    assert not view.tabs.isVisible()
    assert len(view.page.reasons) == 3
    assert "HAR volatility" in view.page.tiles[0].accessibleName()
    assert all(TERMS["held"] in tile.toolTip() for tile in view.page.tiles[2:3])
    assert all(tile.accessibleDescription() for tile in view.page.tiles)
    view.unfold_button.click()
    assert view.tabs.isVisible()
    view.refresh()
    view.unfold_button.click()
    assert view.page.isVisible()
    view.refresh()
    assert view.page.chart.summary().startswith("What happened")
    assert not any(chart._faults for chart in view.charts)


def test_a_point_leads_to_its_day_by_mouse_and_by_key(view: EvaluationView, qtbot: Any) -> None:
    chosen: list[Any] = []
    view.day_chosen.connect(chosen.append)
    chart = view.page.chart
    view.refresh()
    chart.setFocus()
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Return):
        qtbot.keyClick(chart, key)
    assert chosen[-1] == ("walk", JUDGED["GRU"].cutoff[1])
    view.residuals.chart.picked.emit(5.0, float("nan"))
    assert chosen[-1] == ("walk", JUDGED["GRU"].cutoff[5])
    view.calibration.table.activated.emit(view.calibration.table.model().index(1, 0))
    first = chosen[-1]
    view.calibration.chart.picked.emit(80.0, 70.0)
    assert chosen[-1] != first, "the next day outside the band"
    view.steps.table.activated.emit(view.steps.table.model().index(H - 1, 0))
    assert chosen[-1] == worst_at(JUDGED["GRU"], H)


def test_what_happened_is_drawn_inside_and_outside_the_band(qtbot: Any) -> None:
    chart = HappenedChart()
    qtbot.addWidget(chart)
    chart.show_outcomes(JUDGED["GRU"], 2)
    chart.refresh()
    table = chart.table()
    came, low, high = (np.asarray(table[name]) for name in ("change %", "80 % from", "to"))
    missed = (came < low) | (came > high)
    rings = next(line for line in chart._lines if line.mark == "rings")
    assert rings.x.size == missed.sum() > 0
    chart.show_outcomes(None)
    assert chart.table() == {}


def test_training_and_backtest_share_one_page(qtbot: Any) -> None:
    from fabricated import run, walk

    panel = ResultsPanel()
    qtbot.addWidget(panel)
    panel.resize(900, 300)
    panel.show()
    result = run(walk("ACME"))
    panel.show_result(result)
    assert panel.currentWidget() is panel.late
    info = RunInfo(1.0, 1, 1, "cpu", 0, "epochs")
    finished = BacktestFinished(result.config, JUDGED, SCORES, verdict(), info)
    panel.show_tested(finished, result.panel, "60 forecasts of 1 fold.")
    assert panel.currentWidget() is panel.late_tested
    switch = panel._switches["backtest"]
    qtbot.mouseClick(switch.buttons["training"], Qt.MouseButton.LeftButton)
    assert panel.currentWidget() is panel.late
    panel.show_result(result)
    panel.show_tested(finished, result.panel, "60 forecasts of 1 fold.")
    assert panel.currentWidget() is panel.late, "what was chosen stays"
    panel.show_result(None)
    assert panel.currentWidget() is panel.late_tested
    panel.show_tested(None)
    assert panel.currentIndex() == 0


def test_reports_begin_with_the_page(tmp_path: Any, qapp: object) -> None:
    from fabricated import run, walk

    from app.export.backtest_report import write_backtest_report
    from forecasting.trading_rules import judge_rules

    series = walk("ACME")
    result = run(series)
    info = RunInfo(1.0, 1, 1, "cpu", 0, "epochs")
    finished = BacktestFinished(result.config, result.outcomes, result.scores, verdict(), info)
    rules = judge_rules(next(iter(result.outcomes.values())), random_rules=9)
    write_backtest_report(tmp_path / "b.html", finished, result.panel, rules)
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    order = [
        "as good as the best simple method",
        "What the network adds",
        "<svg",
        "The verdict in full",
        "What it would have earned",
        "Not advice",
        "Scores on the test part",
    ]
    assert sorted(order, key=text.index) == order
    assert text.count("<abbr title=") == 4
    assert "<script" not in text


def test_rules_are_traded_when_the_tab_is_seen(qtbot: Any, tmp_path: Any) -> None:
    from app.features.evaluation.earned_tab import EarnedTab, trade_rules

    tab = EarnedTab()
    qtbot.addWidget(tab)
    tab.trading_requested.connect(lambda trading: tab.show_rules(trade_rules(trading)))
    tab.show_outcomes(JUDGED, 1)
    assert tab.judged is None
    assert not tab.export_button.isEnabled()
    tab.show()
    assert tab.judged is not None
    assert list(tab.table.sheet["Rule"])[-1] == "Buy and hold"
    assert "cannot be told" in tab.text
    tab.chart.refresh()
    assert "Buy and hold" in tab.chart.table()
    before = tab.judged
    tab.fields["costs"].setValue(50)
    qtbot.waitUntil(lambda: tab.judged is not before)
    assert tab.judged.options.costs == 50
    tab.show_fault("X has values that are not above zero.", "Leave it out.")
    assert tab.judged is None
    assert "above zero" in tab.text


def test_all_numbers_are_seen_where_there_is_little_room(qtbot: Any) -> None:
    page = SummaryPage()
    qtbot.addWidget(page)
    page.resize(709, 208)  # of a window of 1024 x 700
    page.show_summary(summarise(verdict(), SCORES, freq="1D"), "Two epochs in 2 s.")
    page.show()
    for tile in page.tiles:
        assert tile.visibleRegion().boundingRect() == tile.rect()
