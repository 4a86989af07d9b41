"""The journal in the real window: entered in a worker, compared with what happened, filtered,
and seen in the chart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, rested, texts, wait, window

import forecasting.store.journal
from app.window.workbench import Workbench
from forecasting.config import QUANTILES, RunConfig
from forecasting.series import Forecast, PriceSeries
from forecasting.store import store_path

Z = np.array([-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96])
CONFIG = RunConfig()


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One window for all tests; each test has a store of its own."""
    with window(tmp_path_factory.mktemp("journal")) as bench:
        bench.layout.docks["journal"].raise_()
        yield bench


@pytest.fixture
def bench(opened: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """The window on the first 60 bars of a series, and an empty journal."""
    opened.session.remove(range(len(opened.session.watchlist)))
    opened.watchlist_controller.load([price_file(tmp_path / "walk.csv", bars=60)])
    idle(opened)
    opened.layout.journal.only.setChecked(False)
    opened.journal_controller.read()
    idle(opened)
    yield opened
    rested(opened)


def forecast(series: PriceSeries, sd: float = 0.02) -> Forecast:
    """A lognormal band over the next four weekdays."""
    ds = np.busday_offset(series.ds[-1].astype("M8[D]"), np.arange(1, 5)).astype("datetime64[us]")
    y0 = float(series.y[-1])
    return Forecast(
        series.symbol,
        "LSTM",
        series.ds[-1],
        y0,
        ds,
        QUANTILES,
        y0 * np.exp(sd * np.sqrt(np.arange(1, 5))[:, None] * Z),
    )


def kept(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> PriceSeries:
    """Enter a forecast as if it were made on the evening of the last bar."""
    series, panel = bench.session.series, bench.session.panel
    assert series is not None
    assert panel is not None
    with monkeypatch.context() as then:
        then.setattr(
            forecasting.store.journal, "_now", lambda: series.ds[-1] + np.timedelta64(20, "h")
        )
        bench.journal_controller.keep((forecast(series),), panel, CONFIG)
        idle(bench)
    return series


@pytest.mark.slow
def test_the_journal_begins_with_what_to_do(bench: Workbench) -> None:
    assert "No forecasts kept yet" in texts(bench.layout.journal)
    assert "Every forecast is entered here" in texts(bench.layout.journal)


def test_a_forecast_is_kept_and_compared_with_what_happened(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    panel = bench.layout.journal
    before = kept(bench, monkeypatch)
    sheet = panel.table.sheet
    assert list(sheet["Symbol"]) == ["walk"]
    assert list(sheet["State"]) == ["open"]
    assert list(sheet["Known"]) == [0]
    assert "Nothing that was forecast is known yet" in texts(panel)
    assert panel.update_button.isEnabled()
    assert panel.open_sources == (str(tmp_path / "walk.csv"),)

    price_file(tmp_path / "walk.csv", bars=63)
    qtbot.mouseClick(panel.update_button, Qt.MouseButton.LeftButton)
    idle(bench)
    after = bench.session.series
    assert after is not None
    assert len(after) == 63
    sheet, fcst, known = panel.table.sheet, forecast(before), 3
    assert list(sheet["Known"]) == [known]
    low, high = fcst.band(80)
    inside = (low[:known] <= after.y[60 : 60 + known]) & (after.y[60 : 60 + known] <= high[:known])
    assert sheet["In 80 %"][0] == pytest.approx(100 * inside.mean())
    assert sheet["Miss %"][0] == pytest.approx(
        100 * (after.y[59 + known] - fcst.median[known - 1]) / fcst.y0
    )
    assert f"Of {known} bars forecast before they happened" in texts(panel)
    assert list(panel.chart.table()) == ["day", "80 % band", "95 % band"]

    panel.table.activated.emit(panel.table.model().index(0, 0))
    wait(lambda: bench.chart.forecasts.origin.fan is not None)
    assert f"of {known} in the 80 % band" in bench.layout.stepper.text
    bench.window.grab()


@pytest.mark.slow
def test_only_the_shown_series_is_listed_where_that_is_requested(
    qtbot: Any, bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    panel = bench.layout.journal
    kept(bench, monkeypatch)
    bench.watchlist_controller.load([price_file(tmp_path / "other.csv", seed=1)], "also")
    idle(bench)
    assert bench.session.series is not None
    assert bench.session.series.symbol == "other"
    panel.only.setChecked(True)
    idle(bench)
    assert "No forecast of other is kept yet" in texts(panel)
    bench.watchlist_controller.select(0)
    idle(bench)
    assert list(panel.table.sheet["Symbol"]) == ["walk"]
    bench.watchlist_controller.select(1)
    idle(bench)
    qtbot.mouseClick(panel._show_all, Qt.MouseButton.LeftButton)
    idle(bench)
    assert not panel.only.isChecked()
    assert list(panel.table.sheet["Symbol"]) == ["walk"]


def test_a_locked_store_costs_a_notice_only(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(bench, monkeypatch)
    series, panel = bench.session.series, bench.session.panel
    assert series is not None
    assert panel is not None
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **more: connect(path, **{**more, "timeout": 0.05})
    )
    other = connect(store_path(), isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        bench.journal_controller.keep((forecast(series, 0.03),), panel, RunConfig().changed(seed=7))
        idle(bench)
    finally:
        other.close()
    assert "was not entered in the journal" in bench.banner.text
    assert list(bench.layout.journal.table.sheet["Symbol"]) == ["walk"]


@pytest.mark.slow
def test_a_forecast_of_a_series_that_is_not_loaded_says_so(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept(bench, monkeypatch)
    bench.watchlist_controller.load([price_file(tmp_path / "other.csv", seed=1)], "only")
    idle(bench)
    bench.session.remove(
        [index for index, row in enumerate(bench.session.watchlist.rows) if row.symbol == "walk"]
    )
    idle(bench)
    bench.layout.journal.table.activated.emit(bench.layout.journal.table.model().index(0, 0))
    assert "walk is not loaded" in bench.banner.text


def test_places_of_docks_that_another_version_wrote_are_not_taken(bench: Workbench) -> None:
    state = bench.layout.presets.state()
    assert bench.layout.presets.take_state(state)
    assert not bench.layout.presets.take_state(bench.window.saveState())
    assert not bench.layout.presets.take_state(state.left(20))


def test_the_forecasts_of_one_run_are_one_row_until_unfolded(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.watchlist_controller.load([price_file(tmp_path / "other.csv", bars=60, seed=1)], "also")
    idle(bench)
    panel = bench.session.panel
    assert panel is not None
    table = bench.layout.journal.table
    bench.journal_controller.keep(tuple(map(forecast, panel)), panel, CONFIG)
    idle(bench)
    assert list(table.sheet["Symbol"]) == ["▸ 2 series"]
    assert list(table.sheet["Bars"]) == [8]
    assert "No forecast is open" in bench.layout.journal.update_button.toolTip(), (
        "a disabled button says why"
    )
    table.activated.emit(table.model().index(0, 0))
    assert sorted(table.sheet["Symbol"]) == ["other", "walk", "▾ 2 series"]
    table.activated.emit(table.model().index(0, 0))
    assert list(table.sheet["Symbol"]) == ["▸ 2 series"]
