"""What the panels of the window say belongs together: ranges, rows, trainings and results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import run, walk
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget
from window_bench import idle, price_file, texts, wait, window

from app.charts.evaluation import _RIVALS
from app.features.evaluation.panel import named
from app.widgets.chart_header import bars_in, fitting, ranges
from app.window.workbench import Workbench
from forecasting.config import InputConfig
from forecasting.events import EngineReady, EpochEnd, Event, Progress, SplitMade
from forecasting.features import features
from forecasting.series import Panel, PriceSeries


def every(step: str, bars: int) -> PriceSeries:
    first = np.datetime64("2012-01-01").astype(f"datetime64[{step}]")
    ds = (first + np.arange(bars)).astype("datetime64[us]")
    return PriceSeries(step, ds, ("close",), np.linspace(50, 60, bars)[:, None])


@pytest.fixture(scope="module")
def bench(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("truth")
    files = [
        price_file(folder / f"{name}.csv", 400, seed)
        for seed, name in enumerate(("first", "second"))
    ]
    with window(folder, *files) as before:
        before.session.check([1], False)
    with window(folder) as opened:
        yield opened


def key(text: str) -> QKeyEvent:
    return QKeyEvent(
        QEvent.Type.KeyPress,
        Qt.Key.Key_Plus if text == "+" else 0,
        Qt.KeyboardModifier.NoModifier,
        text,
    )


def lit(bench: Workbench) -> tuple[str, list[str]]:
    """Return the range that is lit above the chart, and those that are checked in the menu."""
    bench.chart.refresh()
    return bench.header.span, [
        name for name, action in bench.actions.choices("span").items() if action.isChecked()
    ]


def test_a_range_has_enough_bars() -> None:
    daily, weekly, monthly = every("D", 3000), every("W", 500), every("M", 117)
    assert fitting(daily, "1M") == "1M"
    assert fitting(weekly, "1M") == "3M"
    assert fitting(monthly, "3M") == fitting(monthly, "YTD") == "1Y"
    assert set(ranges(monthly)) == {"1Y", "5Y", "All"}
    assert (
        min(bars or 12 for item in (daily, weekly, monthly) for bars in ranges(item).values()) >= 12
    )
    assert fitting(monthly.head(9), "5Y") == "All"
    assert bars_in(monthly.head(9), "All") is None


@pytest.mark.slow
def test_the_range_that_is_lit_is_the_one_in_view(bench: Workbench) -> None:
    bench.view_controller.set_span("3M")
    assert lit(bench) == ("3M", ["3M"])
    bench.chart.keyPressEvent(key("+"))
    assert lit(bench) == ("", [])
    bench.actions["span-1Y"].trigger()
    assert lit(bench) == ("1Y", ["1Y"])
    bench.view_controller.fit()
    assert lit(bench) == ("", [])
    bench.view_controller.set_span("3M")
    bench.chart.show_view((0.0, 90.0))
    assert lit(bench) == ("", [])


def training(should_stop: Callable[[], bool]) -> Iterator[Event]:
    """Train until it is stopped, without an engine."""
    day = np.datetime64("2024-03-01")
    yield SplitMade(day, day, {"train": 9, "val": 9, "test": 9}, 100, "cpu")
    yield EpochEnd(0, 30, float("nan"), 0.5, 0, 0.5, 1e-3, 0.0, 0.0, 0.0)
    yield Progress(5, 30, "5 of 30 epochs done")
    while not should_stop():
        time.sleep(0.005)


def test_all_panels_agree_on_the_row_that_is_shown_while_another_one_is_trained(
    bench: Workbench,
) -> None:
    """A row that is not loaded is named everywhere, the training says whose it is, and the row
    is loaded once that has ended.
    """
    bench.view_controller.set_span("1Y")
    first, second = (row.symbol for row in bench.session.watchlist.rows)
    bench.session.engine = EngineReady(
        {"cpu": "CPU"}, {}, 0.0
    )  # it is not needed: nothing is learned
    bench.session.begin("training", lambda _panel: training)
    wait(lambda: "5 of 30 epochs done" in texts(bench.training))
    assert first not in texts(bench.training)
    bench.watchlist_controller.select(1)
    assert bench.session.series is None
    assert second in bench.window.windowTitle()
    assert not bench.header.isVisible()
    assert f"{second} is not loaded" in texts(bench.window.centralWidget())
    assert f"{first}: 5 of 30 epochs done" in texts(bench.training)
    bench.watchlist_controller.select(0)
    assert f"{first}: " not in texts(bench.training)
    bench.watchlist_controller.select(1)
    bench.session.stop()
    bench.session.engine = None
    wait(lambda: bench.session.series is not None)
    idle(bench)
    assert bench.session.series.symbol == second
    assert second in texts(bench.header)


def test_results_say_whose_they_are() -> None:
    assert named(["IBM"]) == "IBM"
    assert named(["A", "B", "C"]) == "A and 2 more"


class Overlaps(QObject):
    """Notes whatever is painted while it lies over something else beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.paints = 0
        self.found: list[tuple[str, str]] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget):
            self.paints += 1
            direct = watched.parentWidget().findChildren(
                QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly
            )
            parts = [part for part in direct if part.isVisible()]
            pairs = [
                (item, other) for index, item in enumerate(parts) for other in parts[index + 1 :]
            ]
            self.found += [
                (type(item).__name__, type(other).__name__)
                for item, other in pairs
                if item.geometry().intersects(other.geometry())
            ]
        return False


def test_results_are_painted_when_their_layout_has_settled(bench: Workbench) -> None:
    overlaps, results = Overlaps(), bench.layout.results
    page = results.table.parentWidget()
    for part in page.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        part.installEventFilter(overlaps)
    result = run(walk("ACME"), sentence="The GRU ties with the random walk. " * 8)
    notes = tuple("This note is so long that it is wrapped. " * 6 for _ in range(5))
    bench.layout.docks["results"].raise_()
    results.judged.unfold_button.setChecked(True)
    results.show_result(replace(result, verdict=replace(result.verdict, notes=notes)))
    wait(lambda: overlaps.paints > 0)
    idle(bench)
    assert overlaps.found == []
    results.judged.unfold_button.setChecked(False)
    assert "ACME: 30 epochs" in texts(results)
    results.show_result(None)


def test_prices_without_a_range_are_shown_as_the_line_that_they_are(bench: Workbench) -> None:
    bench.view_controller.set_style("candles")
    styles = bench.actions.choices("style")
    shown = bench.session.watchlist.rows[bench.session.selected].series
    assert shown is not None
    assert styles["candles"].isChecked()
    closes = PriceSeries("closes", shown.ds, ("close",), shown.y[:, None])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(bench.session), "series", closes)
        bench.view_controller.mark_style()
        assert styles["line"].isChecked()
        assert not styles["candles"].isEnabled()
    bench.view_controller.mark_style()
    assert styles["candles"].isChecked()
    assert styles["candles"].isEnabled()


def test_no_two_baselines_of_a_plot_look_alike() -> None:
    assert len(set(_RIVALS)) == len(_RIVALS) >= 8


def test_features_of_prices_at_zero_are_finite_and_warn_of_nothing() -> None:
    y = np.abs(np.random.default_rng(3).normal(5, 4, 300)).round()
    series = PriceSeries("counts", every("D", 300).ds, ("close",), y[:, None])
    for target in ("log-return", "difference", "level"):
        [table] = features(
            Panel((series,)), [np.full(300, 0.01)], target, InputConfig(indicators=True)
        )
        assert np.isfinite(table).all()


def test_a_project_keeps_the_theme_of_the_window(bench: Workbench, tmp_path: Path) -> None:
    before = bench.view_controller.theme.name
    bench.preferences.theme = "dark" if before == "light" else "light"
    bench.view_controller.set_style("area")
    assert bench.project_controller.save_to(tmp_path / "mine.candleproject")
    bench.preferences.theme = before
    bench.view_controller.set_style("line")
    bench.load([str(tmp_path / "mine.candleproject")])
    idle(bench)
    assert bench.actions.choices("style")["area"].isChecked()
    assert (bench.view_controller.theme.name, bench.preferences.theme) == (before, before)
