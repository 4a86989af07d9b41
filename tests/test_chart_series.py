"""What the chart shows beside the series as loaded: joined bars, and other series in percent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from test_charts import fan, shown, walk
from window_bench import idle, price_file, rested, window

from app import dialogs
from app.charts.level_lines import LevelLine
from app.charts.overlay_series import OverlayLine
from app.charts.price import PriceChart
from app.features.project.project_file import read_project
from app.window.workbench import Workbench
from forecasting.attribution import Explanation
from forecasting.sources.resample import coarser, resample


def test_another_series_begins_at_the_price_of_the_shown_one(qapp: QApplication) -> None:
    main, other = walk(500), walk(300, first="2016-03-01", seed=4)
    line = OverlayLine(other, main)
    first = int(np.searchsorted(main.ds, other.ds[0]))
    line.rebase(0)
    assert line.line.values[first] * line.factor == pytest.approx(main.y[first])
    assert np.isnan(line.line.values[first - 1])
    line.rebase(first + 50)
    assert line.change(first + 50) == pytest.approx(0)
    gain = 100 * (other.y[60] / other.y[50] - 1)
    assert line.change(first + 60) == pytest.approx(gain)
    last = int(np.searchsorted(main.ds, other.ds[-1]))
    assert np.isnan(line.line.values[last + 1 :]).all()


def test_a_forecast_stays_where_its_dates_are_when_bars_are_joined(qapp: QApplication) -> None:
    series = walk(598)  # ends on a Wednesday
    made = fan(series)
    chart = PriceChart()
    try:
        weekly = resample(series, "1W", unfinished=True)
        chart.show_series(weekly, loaded=series)
        chart.show_forecast(made)
        chart.show_levels([LevelLine(90.0, 90.0)], made.cutoff, made.ds, len(made))
        chart.refresh()
        band, last = chart.forecasts.fan.fan, len(weekly) - 1
        assert band is not None
        assert any("median" in entry.label for entry in chart.entries)
        assert (band.cutoff, band.horizon) == (last, len(made))
        assert (np.diff(band.x) > 0).all()
        assert made.ds[band.step(last + 1) - 1].item().isoweekday() == 5, "the week's last close"
        assert "step 7 of 20" in chart._read(last + 1)
        step = band.step(last + 1)
        assert chart._place(float(band.point[step])) in chart._prices_at(last + 1)
        assert chart._timeline.ds[band.last] == made.ds[-1]
        assert chart.forecasts.ahead < len(made)
        assert chart._levels.last == band.last
        shown(chart, series).show_forecast(made)
        chart.refresh()
        plain = chart.forecasts.fan.fan
        assert plain is not None
        assert plain.x.tolist() == (597 + np.arange(21.0)).tolist()
        np.testing.assert_array_equal(plain.point, band.point)
    finally:
        chart.deleteLater()


def test_a_past_forecast_and_what_happened_lie_within_joined_bars(qapp: QApplication) -> None:
    series = walk(600)
    made = fan(series, cutoff=402)
    chart = PriceChart()
    try:
        chart.show_series(resample(series, "1M", unfinished=True), loaded=series)
        chart.show_origin(made)
        chart.refresh()
        band, truth = chart.forecasts.origin.fan, chart.forecasts.origin._truth
        assert band is not None
        np.testing.assert_array_equal(truth.closes, series.y[403:423])
        assert band.x[0] < band.cutoff + 1
        assert band.x[-1] - band.x[0] < 2
        assert chart.mapping.bar(float(band.x[0])) == 402
        assert chart.shown_bars[0] < band.cutoff < chart.shown_bars[1]
    finally:
        chart.deleteLater()


def test_what_moved_the_forecast_is_summed_over_joined_bars(qapp: QApplication) -> None:
    series, bars = walk(598), 23
    median = np.arange(2.0 * bars).reshape(bars, 2)
    nothing = np.zeros((1, 0))
    found = Explanation(
        series.symbol, "GRU", series.ds[-1], 1, 0.01, series.ds[-bars:], ("close", "volume"),
        median, median, (), nothing, nothing, 0.0, 0.0, float(median.sum()), 0.0, 2.0,
    )  # fmt: skip
    chart = PriceChart()
    try:
        chart.show_series(resample(series, "1W", unfinished=True), loaded=series)
        chart.show_why(found)
        chart.refresh()
        assert chart.why.visible
        assert chart.why._bars.tolist() == [115, 116, 117, 118, 119]
        assert chart.why._values[-1] == pytest.approx(median[-3:].sum()), "Monday to Wednesday"
        assert chart.why._values.sum() == pytest.approx(median.sum())
        assert "moved the median" in chart.why.read(119)
        assert f"Of the {bars} bars" in chart.why.summary()
    finally:
        chart.deleteLater()


@pytest.fixture(scope="module")
def opened(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialogs, "ask_save_project", lambda *_: "discard")
        with window(tmp_path_factory.mktemp("chart-series")) as bench:
            yield bench


@pytest.fixture
def bench(opened: Workbench, tmp_path: Path) -> Iterator[Workbench]:
    """The window on two series of 300 bars, the second one shown."""
    opened.session.remove(range(len(opened.session.watchlist)))
    files = [
        price_file(tmp_path / f"{name}.csv", bars=300, seed=seed)
        for seed, name in enumerate(("one", "two"))
    ]
    opened.watchlist_controller.load(files)
    idle(opened)
    opened.session.select(0)
    opened._show_series()
    yield opened
    opened.view_controller.interval_controller.choose("")
    opened.features["compare"].clear()
    opened.features["chart_grid"].take(1, ())
    rested(opened)


def test_the_chart_joins_bars_and_training_does_not(bench: Workbench) -> None:
    series, intervals = bench.session.series, bench.view_controller.interval_controller
    assert series is not None
    menu = bench.actions.submenus["Bars in the chart"]
    texts = [action.text() for action in menu.actions()]
    assert texts == ["As loaded (daily)", "Weekly", "Monthly"]
    menu.actions()[1].trigger()
    assert bench.chart.series is not None
    assert bench.chart.series.freq == "1W"
    assert bench.session.series is series
    assert bench.session.panel is not None
    assert all(len(item) == 300 for item in bench.session.panel)
    bench.session.select(1)
    bench._show_series()
    assert bench.chart.series.freq == "1W"
    assert intervals.freq in coarser(series)
    menu.actions()[0].trigger()
    assert bench.chart.series is bench.session.series


def test_a_series_is_compared_in_percent(bench: Workbench) -> None:
    menu = bench.actions.submenus["Compare with"]
    (action,) = [item for item in menu.actions() if item.isCheckable()]
    assert action.text() == "two"
    action.trigger()
    bench.chart.refresh()
    assert bench.actions["scale-percent"].isChecked()
    assert [entry.label for entry in bench.chart.entries] == ["two"]
    assert bench.chart.entries[0].value.endswith("%")
    bench.session.select(1)
    bench._show_series()
    assert bench.chart.overlaid == ()
    bench.session.select(0)
    bench._show_series()
    assert [item.symbol for item in bench.chart.overlaid] == ["two"]
    bench.features["compare"].clear()
    assert bench.actions["scale-linear"].isChecked()


def test_two_charts_share_a_crosshair_and_drawings(bench: Workbench) -> None:
    bench.actions["charts-2"].trigger()
    (cell,) = bench.layout.grid.shown_cells
    series = cell.chart.series
    assert series is not None
    assert series.symbol == "two"
    bench.session.request_repaint()
    cell.chart.refresh()
    bench.chart.pointed.emit(series.ds[250])
    assert cell.chart.pointed_bar == 250
    bench.chart.pointed.emit(None)
    assert cell.chart.pointed_bar is None
    cell.chart.drawings.at("horizontal", 290, 90.0)
    assert [item.kind for item in bench.features["drawings"].drawings.of("two")] == ["horizontal"]
    bench.actions["undo"].trigger()
    assert bench.features["drawings"].drawings.of("two") == ()
    bench.actions["style-line"].trigger()
    bench.view_controller.interval_controller.choose("1W")
    assert cell.chart.series is not None
    assert cell.chart.series.freq == "1W"
    bench.features["chart_grid"].choose_symbol(cell, "one")
    assert cell.chart.series is not None
    assert cell.chart.series.symbol == "one"
    bench.actions["style-candles"].trigger()
    bench.actions["charts-1"].trigger()
    assert bench.layout.grid.shown_cells == []


def test_a_cell_without_a_series_says_what_to_do_and_repeats_none(bench: Workbench) -> None:
    def shown() -> list[str]:
        series = [cell.chart.series for cell in bench.layout.grid.shown_cells]
        return ["" if item is None else item.symbol for item in series]

    bench.actions["charts-4"].trigger()
    assert shown() == ["two", "", ""]
    last = bench.layout.grid.shown_cells[-1]
    assert last.empty.isVisible()
    assert not last.chart.isVisible()
    bench.session.select(1)
    assert shown() == ["one", "", ""], "the main chart shows the other one by now"
    bench.features["chart_grid"].choose_symbol(last, "two")
    assert shown() == ["one", "", "two"], "chosen by hand"
    assert last.chart.isVisible()


def test_a_project_holds_all_of_it(bench: Workbench, tmp_path: Path) -> None:
    bench.view_controller.interval_controller.choose("1W")
    bench.features["compare"].add("two")
    bench.features["chart_grid"].take(2, ("two",))
    path = tmp_path / "both.candleproject"
    assert bench.project_controller.save_to(path)
    view = read_project(path).view
    assert (view.interval, view.overlays) == ("1W", ("two",))
    assert (view.charts, view.cells) == (2, ("two",))
    bench.view_controller.interval_controller.choose("")
    bench.features["compare"].clear()
    bench.features["chart_grid"].take(1, ())
    bench.project_controller.open(path)
    idle(bench)
    assert len(bench.layout.grid.shown_cells) == 1
    assert [item.symbol for item in bench.chart.overlaid] == ["two"]
    assert bench.chart.series is not None
    assert bench.chart.series.freq == "1W"
    bench.project_controller.new()
    idle(bench)
