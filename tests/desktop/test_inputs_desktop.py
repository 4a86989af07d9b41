"""Inputs and events as people meet them: chosen while a file is imported, and read off the chart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hands import (
    assert_alive,
    assert_sound_in_themes,
    click,
    dialog_shown,
    hover,
    press_keys,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtCore import QPoint
from window_bench import price_file

from app.charts.event_marks import EVENTS
from app.features.importing.dialog import ImportDialog
from forecasting import RunConfig


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Return a file of prices as yfinance writes them, with 40 further columns."""
    days = pd.bdate_range("2023-01-02", periods=300)
    close = 50 + np.cumsum(np.random.default_rng(0).normal(0, 0.5, 300))
    frame = pd.DataFrame({"Date": days, "Close": close, "Dividends": 0.0, "Stock Splits": 0.0})
    frame.loc[[240, 290], "Dividends"] = 0.24
    frame.loc[270, "Stock Splits"] = 4.0
    for number in range(40):
        frame[f"factor {number}"] = np.sin(np.arange(300.0) * (number + 1) / 40)
    frame.to_csv(tmp_path / "WIDE.csv", index=False)
    return tmp_path / "WIDE.csv"


def test_inputs_are_found_and_chosen_among_forty_columns(
    tmp_path: Path, qapp: object, wide: Path
) -> None:
    with started(tmp_path / "home", "sample:wti", size=(1024, 700)) as bench:
        bench.importer.open(str(wide))
        dialog = dialog_shown(ImportDialog)
        assert isinstance(dialog, ImportDialog)
        wait_until(dialog.load.isEnabled, "the file is understood")
        press_keys("alt+i")
        wait_until(dialog.inputs.table.isVisible, "the list is shown by its key")
        assert_sound_in_themes(bench, dialog, "inputs-import")
        click(dialog.inputs.search)
        type_text("factor 7")
        row = 9
        wait_until(lambda: dialog.inputs.table.isRowHidden(8), "the list is searched")
        press_keys("Tab", "Tab", "Down")
        kind = dialog.inputs.table.cellWidget(row, 1)
        assert kind is not None
        wait_until(lambda: kind.currentData() == "hist", "a key chooses the kind")
        click(dialog.load)
        wait_until(lambda: bench.importer.dialog is None, "it is loaded")
        settled(bench)
        assert bench.model.config().inputs.hist_exog == "factor 7"
        assert_alive(bench)


def test_events_are_read_hidden_and_shown_again(tmp_path: Path, qapp: object, wide: Path) -> None:
    with started(tmp_path / "home", str(wide)) as bench:
        settled(bench)
        chart = bench.chart
        pane = chart.price_pane
        point = pane.mapToScene(pane.frame().at(290, float(chart.series.y[290])))
        hover(chart._view.viewport(), chart._view.mapFromScene(point) + QPoint(0, 2))
        wait_until(lambda: chart.pointed_bar == 290, "the crosshair is there")
        assert chart.marks.read(290).startswith("Dividend 0.24 on ")
        assert_sound_in_themes(bench, bench.window, "events")
        press_keys("alt+shift+d")
        wait_until(lambda: not chart.marks.groups[EVENTS], "the marks are hidden by their key")
        press_keys("alt+shift+d")
        wait_until(lambda: len(chart.marks.groups[EVENTS]) == 3, "and shown again")
        assert_alive(bench)


def test_the_forecast_is_drawn_as_candles_by_a_key(tmp_path: Path, qapp: object) -> None:
    settings = {"epochs": 2, "patience": 2, "hidden_size": 4, "layers": 1, "input_size": 8}
    bars = price_file(tmp_path / "AAA.csv", 200)
    with started(tmp_path / "home", bars, size=(1440, 900), engine=True) as bench:
        settled(bench)
        bench.model.show_config(
            RunConfig().changed(model="gru", horizon=5, baselines="drift", **settings)
        )
        press_keys("alt+shift+k")
        wait_until(bench.model.candles_box.isChecked, "the box in the form follows the key")
        press_keys("ctrl+t")
        chart = bench.chart
        wait_until(lambda: chart.forecasts.candles.known, "the candles are drawn")
        settled(bench)
        pane = chart.price_pane
        first = len(chart.series)
        point = pane.mapToScene(pane.frame().at(first + 1, float(chart.series.y[-1])))
        hover(chart._view.viewport(), chart._view.mapFromScene(point))
        wait_until(
            lambda: any(entry.key == "candles" and "H " in entry.value for entry in chart.entries),
            "the legend tells the candle at the pointer",
        )
        assert_sound_in_themes(bench, bench.window, "candles")
        click(bench.model.candles_box)
        wait_until(lambda: not chart.forecasts.candles.known, "and taken away by the box")
        assert_alive(bench)
