"""What the panels of the window say belongs together: ranges, rows, trainings and results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from window_bench import idle, price_file, texts, wait, window

from app.panels.header import bars_in, fitting, ranges
from app.panels.results import named
from app.window.workbench import Workbench
from forecasting.events import EngineReady, EpochEnd, Event, Progress, SplitMade
from forecasting.series import PriceSeries


def every(step: str, bars: int) -> PriceSeries:
    first = np.datetime64("2012-01-01").astype(f"datetime64[{step}]")
    ds = (first + np.arange(bars)).astype("datetime64[us]")
    return PriceSeries(step, ds, ("close",), np.linspace(50, 60, bars)[:, None])


@pytest.fixture(scope="module")
def bench(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("truth")
    files = [price_file(folder / f"{name}.csv", 400, seed) for seed, name in enumerate(("first", "second"))]
    with window(folder, *files) as before:
        before.session.check([1], False)
    with window(folder) as opened:
        yield opened


def key(text: str) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Plus if text == "+" else 0, Qt.KeyboardModifier.NoModifier, text)


def lit(bench: Workbench) -> tuple[str, list[str]]:
    """Return the range that is lit above the chart, and those that are checked in the menu."""
    bench.chart.refresh()
    return bench.header.span, [name for name, action in bench.actions.choices("span").items() if action.isChecked()]


def test_a_range_has_enough_bars() -> None:
    daily, weekly, monthly = every("D", 3000), every("W", 500), every("M", 117)
    assert fitting(daily, "1M") == "1M"
    assert fitting(weekly, "1M") == "3M"
    assert fitting(monthly, "3M") == fitting(monthly, "YTD") == "1Y"
    assert set(ranges(monthly)) == {"1Y", "5Y", "All"}
    assert min(bars or 12 for one in (daily, weekly, monthly) for bars in ranges(one).values()) >= 12
    assert fitting(monthly.head(9), "5Y") == "All"
    assert bars_in(monthly.head(9), "All") is None


def test_the_range_that_is_lit_is_the_one_in_view(bench: Workbench) -> None:
    bench.viewing.set_span("3M")
    assert lit(bench) == ("3M", ["3M"])
    bench.chart.keyPressEvent(key("+"))
    assert lit(bench) == ("", [])
    bench.actions["span-1Y"].trigger()
    assert lit(bench) == ("1Y", ["1Y"])
    bench.viewing.fit()
    assert lit(bench) == ("", [])
    bench.viewing.set_span("3M")
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


def test_all_panels_agree_on_the_row_that_is_shown_while_another_one_is_trained(bench: Workbench) -> None:
    """A row that is not loaded is named everywhere, the training says whose it is, and the row is loaded once that has ended."""
    bench.viewing.set_span("1Y")
    first, second = (row.symbol for row in bench.session.watchlist.rows)
    bench.session.engine = EngineReady({"cpu": "CPU"}, {}, 0.0)  # it is not needed: nothing is learned
    bench.session.begin("training", lambda _panel: training)
    wait(lambda: "5 of 30 epochs done" in texts(bench.training))
    assert first not in texts(bench.training)
    bench.watching.select(1)
    assert bench.session.series is None
    assert second in bench.window.windowTitle()
    assert not bench.header.isVisible()
    assert f"{second} is not loaded" in texts(bench.window.centralWidget())
    assert f"{first}: 5 of 30 epochs done" in texts(bench.training)
    bench.watching.select(0)
    assert f"{first}: " not in texts(bench.training)
    bench.watching.select(1)
    bench.session.stop()
    bench.session.engine = None
    wait(lambda: bench.session.series is not None)
    idle(bench)
    assert bench.session.series.symbol == second
    assert second in texts(bench.header)


def test_results_say_whose_they_are() -> None:
    assert named(["IBM"]) == "IBM"
    assert named(["A", "B", "C"]) == "A and 2 more"
