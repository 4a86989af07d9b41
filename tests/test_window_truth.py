"""What the panels of the window say belongs together: ranges, rows, trainings and results."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from window_bench import price_file, window

from app.panels.header import bars_in, fitting, ranges
from app.window.workbench import Workbench
from forecasting.series import PriceSeries


def every(step: str, bars: int) -> PriceSeries:
    first = np.datetime64("2012-01-01").astype(f"datetime64[{step}]")
    ds = (first + np.arange(bars)).astype("datetime64[us]")
    return PriceSeries(step, ds, ("close",), np.linspace(50, 60, bars)[:, None])


@pytest.fixture(scope="module")
def bench(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("truth")
    with window(folder, price_file(folder / "first.csv", 400)) as opened:
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
