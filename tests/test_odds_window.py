"""Odds and portfolios in the real window: lines dragged, undone and kept, series held together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication, QMenu
from window_bench import idle, price_file, rested, wait, window

from app import dialogs
from app.features.odds.lines import OddsLine, OddsLines
from app.features.portfolio.holding import Holding
from app.features.project.project_file import read_project
from app.window.workbench import Workbench


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogs, "ask_save_project", lambda *_: "discard")
        with window(tmp_path_factory.mktemp("odds")) as bench:
            yield bench


@pytest.fixture
def bench(opened: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """The window on two series of 300 bars, without lines and with equal weights."""
    opened.session.remove(range(len(opened.session.watchlist)))
    opened.features["odds"].take(OddsLines())
    opened.features["portfolio"].take(Holding(model="random-walk", horizon=3))
    files = [price_file(tmp_path / f"{name}.csv", bars=300) for name in ("one", "two")]
    opened.watchlist_controller.load(files)
    idle(opened)
    opened.session.check((0, 1), checked=True)
    yield opened
    rested(opened)


def add_line(bench: Workbench) -> None:
    before = len(bench.features["odds"].kept.lines)
    bench.actions["add_line"].trigger()
    wait(lambda: len(bench.features["odds"].kept.lines) > before)


def test_a_line_tells_the_odds_of_its_level(bench: Workbench) -> None:
    add_line(bench)
    panel, series = bench.layout.panels["odds"], bench.session.series
    assert series is not None
    (line,) = bench.features["odds"].kept.of(series.symbol)
    assert line.start == line.end > series.y[-1]
    assert "to close above" in panel.summary()
    assert "to touch it by then" in panel.summary()
    levels = np.asarray(panel.table.sheet["Level"])
    assert levels[0] == pytest.approx(line.start)
    assert (np.diff(levels[1:]) > 0).all()
    add_line(bench)
    assert "stays between" in panel.summary()


def test_a_drag_moves_a_line_and_undo_puts_it_back(bench: Workbench) -> None:
    add_line(bench)
    series, chart = bench.session.series, bench.chart
    assert series is not None
    (line,) = bench.features["odds"].kept.of(series.symbol)
    before = bench.layout.panels["odds"].summary()
    chart.line_dragged.emit(0, line.start * 1.01, line.end * 1.01, False)
    assert bench.layout.panels["odds"].summary() != before
    chart.line_dragged.emit(0, line.start * 1.02, line.end * 1.05, True)
    (moved,) = bench.features["odds"].kept.of(series.symbol)
    assert moved.end == pytest.approx(line.end * 1.05)
    bench.actions["undo"].trigger()
    assert bench.features["odds"].kept.of(series.symbol) == (line,)
    bench.actions["redo"].trigger()
    assert bench.features["odds"].kept.of(series.symbol) == (moved,)
    bench.actions["undo"].trigger()
    chart.date_dragged.emit(4, True)
    assert bench.features["odds"].kept.until == 4
    assert bench.layout.panels["odds"].until.value() == 4
    chart.line_dragged.emit(0, -5.0, line.end, True)
    (moved,) = bench.features["odds"].kept.of(series.symbol)
    assert moved.start == 0  # no price is below zero


def test_the_odds_of_a_drawn_line_are_told(bench: Workbench) -> None:
    odds, series, editor = bench.features["odds"], bench.session.series, bench.chart.drawings
    assert series is not None
    editor.at("trend", 280, 100.0)
    editor.click_at(290, 101.0)
    drawn = len(editor.drawings) - 1
    assert editor.price_at(drawn, 300) == pytest.approx(102)
    menu = QMenu()
    bench.features["drawings"].fill_menu(bench.chart, menu, 285, 100.5)
    below = next(item.menu() for item in menu.actions() if item.text().startswith("&Drawing"))
    assert isinstance(below, QMenu)
    next(item for item in below.actions() if item.text() == "&Odds of this line").trigger()
    wait(lambda: bool(odds.kept.of(series.symbol)))
    (line,) = odds.kept.of(series.symbol)
    assert line.name == "Trend line"
    assert line.start == pytest.approx(101.9)
    assert line.end > line.start
    bench.features["drawings"].clear()


class _Drag:
    """What a pane is told of a drag with the left button."""

    def __init__(self, start: QPointF, now: QPointF, last: QPointF, step: str) -> None:
        self._start, self._now, self._last, self._step = start, now, last, step

    def button(self) -> Qt.MouseButton:
        return Qt.MouseButton.LeftButton

    def scenePos(self) -> QPointF:  # noqa: N802
        return self._now

    def modifiers(self) -> Qt.KeyboardModifier:
        return Qt.KeyboardModifier.NoModifier

    def accept(self) -> None:
        pass

    def buttonDownPos(self) -> QPointF:  # noqa: N802
        return self._start

    def pos(self) -> QPointF:
        return self._now

    def lastPos(self) -> QPointF:  # noqa: N802
        return self._last

    def isStart(self) -> bool:  # noqa: N802
        return self._step == "start"

    def isFinish(self) -> bool:  # noqa: N802
        return self._step == "finish"


def test_a_drag_on_a_line_moves_it_and_not_the_view(bench: Workbench) -> None:
    add_line(bench)
    chart, series = bench.chart, bench.session.series
    assert series is not None
    price = float(series.y[-1])
    line = OddsLine(symbol=series.symbol, start=price, end=price)  # in view wherever that is
    bench.features["odds"].take(OddsLines(lines=(line,)))
    chart.refresh()
    QApplication.processEvents()
    pane = chart.price_pane
    span, (bottom, top) = pane.viewRange()
    row = (top - chart._place(price)) / (top - bottom) * pane.height()
    start = QPointF(pane.width() / 2, row)
    last = start
    for step, down in (("start", 5), ("", 12), ("finish", 20)):
        now = start + QPointF(0, down)
        pane.mouseDragEvent(_Drag(start, now, last, step))
        last = now
    (moved,) = bench.features["odds"].kept.of(series.symbol)
    unit = (top - bottom) / pane.height()
    assert moved.start == pytest.approx(price - 20 * unit, rel=1e-6)
    assert pane.viewRange()[0] == pytest.approx(span)
    away = QPointF(pane.width() / 2, row - 60)
    pane.mouseDragEvent(_Drag(away, away + QPointF(30, 0), away, "start"))
    assert bench.features["odds"].kept.of(series.symbol) == (moved,)
    assert pane.viewRange()[0] != pytest.approx(span)


def test_lines_are_named_removed_and_kept_in_a_project(bench: Workbench, tmp_path: Path) -> None:
    add_line(bench)
    bench.layout.panels["odds"].renamed.emit(0, "Take profit")
    assert "Take profit" in bench.layout.panels["odds"].summary()
    path = tmp_path / "kept.candleproject"
    assert bench.project_controller.save_to(path)
    kept = read_project(path).odds
    assert kept == bench.features["odds"].kept
    assert kept.lines[0].name == "Take profit"
    bench.layout.panels["odds"].remove_requested.emit(0)
    assert bench.features["odds"].kept.lines == ()
    bench.actions["undo"].trigger()
    assert bench.features["odds"].kept == kept


def test_paths_and_limits_are_drawn_on_demand(bench: Workbench) -> None:
    add_line(bench)
    levels = bench.chart._levels
    assert levels.paths is None
    bench.layout.panels["odds"].paths_box.setChecked(True)
    bench.layout.panels["odds"].extremes_box.setChecked(True)
    assert levels.paths is not None
    assert levels.paths.shape == (20, 21)
    assert levels.extremes is not None
    assert (np.diff(levels.extremes[-1]) >= 0).all()
    bench.layout.panels["odds"].paths_box.setChecked(False)
    bench.layout.panels["odds"].extremes_box.setChecked(False)


def test_the_pointer_reads_the_odds_of_its_price(bench: Workbench) -> None:
    add_line(bench)
    series = bench.session.series
    assert series is not None
    last = len(series) - 1
    assert "to close above" in bench.chart.odds_of(last + 3, float(series.y[-1]))
    assert bench.chart.odds_of(last, float(series.y[-1])) == ""


def test_a_series_has_at_most_twelve_lines() -> None:
    line = OddsLine(symbol="A", start=1.0, end=1.0)
    with pytest.raises(ValueError, match="at most 12"):
        OddsLines(lines=(line,) * 13)


def value(bench: Workbench) -> None:
    before = bench.features["portfolio"].valued
    bench.layout.panels["portfolio"].value_button.click()
    wait(lambda: bench.features["portfolio"].valued is not before)
    idle(bench)


def test_the_checked_series_are_valued_together(bench: Workbench) -> None:
    panel = bench.layout.panels["portfolio"]
    value(bench)
    panel.refresh()
    assert "value at risk" in panel.summary()
    assert "cutoffs" in panel.summary()  # where its own bands held, and how often
    assert panel.histogram.table()
    assert panel.drawdown.table()
    shares = np.asarray(panel.contributions.sheet["Weight %"])
    assert shares == pytest.approx([50, 50])
    assert "Correlations" in panel.correlation.summary()
    assert panel.correlation.table()


def test_a_series_that_is_too_short_is_left_out_and_named(bench: Workbench, tmp_path: Path) -> None:
    bench.watchlist_controller.load([price_file(tmp_path / "young.csv", bars=20)])
    idle(bench)
    bench.session.check((0, 1, 2), checked=True)
    value(bench)
    assert "young has 20 bars" in bench.layout.panels["portfolio"].summary()
    shares = np.asarray(bench.layout.panels["portfolio"].contributions.sheet["Weight %"])
    assert shares == pytest.approx([50, 50])


def test_weights_are_typed_read_and_kept(bench: Workbench, tmp_path: Path) -> None:
    panel, controller = bench.layout.panels["portfolio"], bench.features["portfolio"]
    cell = panel.weights.item(0, 1)
    assert cell is not None
    cell.setText("0.9")
    value(bench)
    assert max(np.asarray(panel.contributions.sheet["Weight %"])) == pytest.approx(90)
    held = tmp_path / "held.csv"
    symbols = list(panel.typed())
    held.write_text(f"symbol,value\n{symbols[0]},1\n{symbols[1]},3\n")
    controller.read_file(held)
    assert controller.holding.weights == {symbols[0]: 0.25, symbols[1]: 0.75}
    path = tmp_path / "kept.candleproject"
    assert bench.project_controller.save_to(path)
    assert read_project(path).portfolio == controller.holding
    cell = panel.weights.item(0, 1)
    assert cell is not None
    cell.setText("much")
    panel.value_button.click()
    assert "is no number" in bench.banner.text


@pytest.mark.slow
def test_a_portfolio_is_judged_on_demand(bench: Workbench) -> None:
    panel = bench.layout.panels["portfolio"]
    panel.backtest_box.setChecked(True)
    value(bench)
    panel.refresh()
    assert "held" in panel.summary()
    assert panel.judged.table()
    panel.backtest_box.setChecked(False)
