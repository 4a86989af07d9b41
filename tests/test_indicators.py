from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from test_charts import count, fan, picture, shown, walk, x_range, y_range
from window_bench import window

from app.charts.axis import PriceAxis, Timeline
from app.charts.downsampling import LinePyramid
from app.charts.indicators import HUES
from app.charts.price import PriceChart
from app.preferences import Preferences
from app.theme import DARK, LIGHT, contrast
from forecasting.errors import ConfigError
from forecasting.indicators import INDICATORS, Indicator
from forecasting.series import PriceSeries


@pytest.fixture(autouse=True)
def plain_numbers() -> Iterator[None]:
    QLocale.setDefault(QLocale.c())
    yield
    QLocale.setDefault(QLocale.system())


@pytest.fixture
def chart(qapp: QApplication, qtbot: Any) -> Iterator[PriceChart]:
    chart = PriceChart()
    chart.resize(900, 600)
    chart.show()
    qtbot.waitExposed(chart)
    shown(chart, walk(1000))
    QApplication.processEvents()
    yield chart
    chart.hide()
    chart.deleteLater()


# What they compute


def bars(count: int, **columns: Any) -> PriceSeries:
    """A walk with open, high, low, close and volume; ``columns`` replace its own."""
    close = walk(count).y
    draw = np.random.default_rng(5)
    found = {
        "open": close * 1.001,
        "high": close * (1.002 + draw.uniform(0, 0.01, count)),
        "low": close * (0.998 - draw.uniform(0, 0.01, count)),
        "close": close,
        "volume": draw.integers(1, 1000, count).astype(float),
        **columns,
    }
    return PriceSeries("BARS", walk(count).ds, tuple(found), np.stack(list(found.values()), axis=1))


def closes(values: Any) -> PriceSeries:
    return PriceSeries(
        "CLOSES", walk(len(values)).ds, ("close",), np.asarray(values, float)[:, None]
    )


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_no_value_knows_of_later_bars(name: str) -> None:
    series, cut = bars(300), 200
    values = series.values.copy()
    values[cut:] *= 3
    changed = replace(series, values=values)
    assert not Indicator(name).missing(series)
    for line, before in Indicator(name).lines(series).items():
        after = Indicator(name).lines(changed)[line]
        np.testing.assert_array_equal(before[:cut], after[:cut])
        assert not np.array_equal(before[cut:], after[cut:]), line
        assert np.isfinite(before[100:]).all()


def test_lines_are_what_their_definitions_say() -> None:
    series = bars(120)
    close = series.y
    bands = Indicator("bollinger", (20, 2.5)).lines(series)
    window = close[80:100]
    assert bands["middle"][99] == pytest.approx(window.mean())
    assert bands["upper"][99] == pytest.approx(window.mean() + 2.5 * window.std())
    assert np.isnan(bands["upper"][:19]).all()
    smooth = float(close[:10].mean())
    for value in close[10:]:
        smooth += 2 / 11 * (value - smooth)
    assert Indicator("ema", (10,)).lines(series)["ema"][-1] == pytest.approx(smooth)
    assert Indicator("rsi").lines(series)["rsi"][-1] == pytest.approx(_rsi(close))
    fast, slow = (Indicator("ema", (size,)).lines(series)["ema"] for size in (12, 26))
    macd = Indicator("macd").lines(series)
    np.testing.assert_allclose(macd["macd"], fast - slow, rtol=0, atol=1e-9)
    np.testing.assert_allclose(macd["histogram"], macd["macd"] - macd["signal"], rtol=0, atol=1e-9)
    assert Indicator("rsi").lines(closes(np.full(60, 5.0)))["rsi"][-1] == 50
    assert all(
        np.isnan(line).all() for line in Indicator("macd").lines(closes(close[:20])).values()
    )


def _rsi(close: np.ndarray[Any, Any]) -> float:
    moves = np.diff(close)
    up, down = (float(np.maximum(sign * moves[:14], 0).mean()) for sign in (1, -1))
    for move in moves[14:]:
        up, down = (13 * up + max(move, 0)) / 14, (13 * down + max(-move, 0)) / 14
    return 100 * up / (up + down)


def test_indicators_of_all_columns_are_what_their_definitions_say() -> None:
    series = bars(120)
    high, low, close, volume = (series[name] for name in ("high", "low", "close", "volume"))
    channel = Indicator("donchian", (20,)).lines(series)
    assert (channel["upper"][99], channel["lower"][99]) == (high[80:100].max(), low[80:100].min())
    gain = np.sign(np.diff(close, prepend=close[0]))
    obv = Indicator("obv").lines(series)["obv"]
    np.testing.assert_allclose(np.diff(obv), (gain * volume)[1:])
    before = close[:-1]
    ranges = np.maximum.reduce(
        [high[1:] - low[1:], np.abs(high[1:] - before), np.abs(low[1:] - before)]
    )
    true_range = float(ranges[:14].mean())
    for size in ranges[14:]:
        true_range += (size - true_range) / 14
    assert Indicator("atr").lines(series)["atr"][-1] == pytest.approx(true_range, rel=1e-3)
    keltner = Indicator("keltner").lines(series)
    np.testing.assert_allclose(
        keltner["upper"] - keltner["middle"], keltner["middle"] - keltner["lower"]
    )
    fast = 100 * (close[99] - low[86:100].min()) / (high[86:100].max() - low[86:100].min())
    assert Indicator("stochastic", (14, 3, 1)).lines(series)["k"][99] == pytest.approx(fast)
    month = series.ds.astype("datetime64[M]")
    here = np.flatnonzero(month == month[99])
    here = here[here <= 99]
    typical = (high + low + close) / 3
    assert Indicator("vwap").lines(series)["vwap"][99] == pytest.approx(
        np.average(typical[here], weights=volume[here])
    )


def visible_rows(chart: PriceChart) -> list[Any]:
    return [row for row in chart._rows if row.pane.isVisible()]


def test_an_indicator_that_needs_other_columns_says_so(chart: PriceChart) -> None:
    series = closes(walk(200).y)
    assert Indicator("atr").missing(series) == ("high", "low")
    assert Indicator("atr").lines(series) == {}
    shown(chart, series)
    chart.show_indicators([Indicator("atr"), Indicator("keltner"), Indicator("rsi")])
    chart.refresh()
    told = {entry.label: entry.value for entry in chart.entries}
    assert told["ATR 14"] == "needs high, low"
    assert told["Keltner 20, 2"] == "needs high, low"
    assert len(visible_rows(chart)) == 2, "the prices and the RSI"


def test_panes_are_made_when_they_are_used_and_as_many_as_are_requested(chart: PriceChart) -> None:
    made = len(chart._rows)
    shown(chart, bars(300))
    chart.show_indicators([Indicator(name) for name in INDICATORS])
    chart.refresh()
    QApplication.processEvents()
    panes = sum(spec.scale is not None for spec in INDICATORS.values())
    assert len(chart._rows) == made + panes
    assert len(visible_rows(chart)) == 2 + panes
    chart.show_indicators([Indicator("macd"), Indicator("rsi"), Indicator("rsi", (7,))])
    chart.refresh()
    assert len(visible_rows(chart)) == 4
    assert {"RSI 14", "RSI 7"} <= chart.table().keys()


def test_large_values_are_written_short_and_their_pane_follows_them(chart: PriceChart) -> None:
    shown(chart, bars(300, volume=np.full(300, 1e9) + np.arange(300)))
    chart.show_indicators([Indicator("obv"), Indicator("macd")])
    chart.refresh()
    values = Indicator("obv").lines(chart.series)["obv"]
    told = {entry.label: entry.value for entry in chart.entries}
    assert told["OBV"].endswith("B")
    obv, macd = visible_rows(chart)[2:]
    start, stop = (int(edge) for edge in x_range(chart))
    low, high = obv.pane.viewRange()[1]
    assert low < values[max(start, 0) : stop].min()
    assert values[max(start, 0) : stop].max() < high
    assert obv.axis.words(2.5e9) == "2.5B"
    assert macd.pane.viewRange()[1][0] < 0 < macd.pane.viewRange()[1][1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smart:3",
        "sma:0",
        "sma:2.5",
        "sma:x",
        "sma:nan",
        "bollinger:20",
        "sma:1:2",
        "macd:26:12:9",
    ],
)
def test_an_indicator_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Indicator.parse(text)


def test_an_indicator_is_written_and_read_again() -> None:
    for name in INDICATORS:
        assert Indicator.parse(Indicator(name).text) == Indicator(name)
    assert Indicator("bollinger", (20, 2.5)).label == "Bollinger 20, 2.5"


def test_a_merged_line_covers_the_whole_line() -> None:
    values = np.r_[np.full(19, np.nan), np.random.default_rng(0).normal(size=5000)]
    line = LinePyramid(values)
    for step in (1, 4, 32, 256):
        x, low, high = line.points(0, values.size, step)
        assert x[0] >= 19 // step * step
        assert low.min() == np.nanmin(values)
        assert high.max() == np.nanmax(values)
        assert x.size == -(-values.size // step) - 19 // step
    assert line.extent(0, 10) is None
    assert line.extent(100, 200) == (values[100:200].min(), values[100:200].max())


# What is drawn


def test_colours_can_be_told_from_their_ground() -> None:
    for theme in (LIGHT, DARK):
        assert min(contrast(color, theme.surface) for color in HUES[theme.is_dark]) >= 3
        assert not {theme.price, theme.forecast, theme.up, theme.down} & set(HUES[theme.is_dark])


def test_indicators_are_drawn_in_view_and_in_panes_of_their_own(chart: PriceChart) -> None:
    height = chart.price_pane.height()
    chart.show_indicators([Indicator("bollinger"), Indicator("rsi"), Indicator("macd")])
    chart.refresh()
    QApplication.processEvents()
    assert chart.price_pane.height() < height
    assert len(visible_rows(chart)) == 4
    assert visible_rows(chart)[2].pane.viewRange()[1] == [0, 100]
    lower, upper = y_range(chart)
    bands = Indicator("bollinger").lines(chart.series)
    start, stop = (int(edge) for edge in x_range(chart))
    assert lower < np.nanmin(bands["lower"][start:stop])
    assert upper > np.nanmax(bands["upper"][start:stop])
    image = picture(chart, 900, 600)
    for index in range(3):
        assert count(image, HUES[False][index]) > 30
    chart.show_range(None)  # every bar: lines are merged
    chart.refresh()
    assert count(picture(chart, 900, 600), HUES[False][1]) > 30
    table = chart.table()
    assert table["RSI 14"][-1] == pytest.approx(Indicator("rsi").lines(chart.series)["rsi"][-1])
    chart.show_indicators([])
    chart.refresh()
    QApplication.processEvents()
    assert chart.price_pane.height() == pytest.approx(height)


def _click(chart: PriceChart, key: str) -> None:
    rect = next(rect for rect, name in chart._legend._places if name == key)
    index = chart._view.mapFromScene(chart.price_pane.mapToScene(rect.center()))
    QTest.mouseClick(chart._view.viewport(), Qt.MouseButton.LeftButton, pos=index)


def test_a_click_in_the_legend_hides_and_shows(chart: PriceChart) -> None:
    chart.show_indicators([Indicator("sma")])
    chart.show_forecast(fan(chart.series, spread=0.05))
    chart.refresh()
    chart._view.viewport().repaint()
    before, wide = count(picture(chart, 900, 600), HUES[False][0]), y_range(chart)
    _click(chart, "sma:20")
    assert chart.hidden == {"sma:20"}
    assert count(picture(chart, 900, 600), HUES[False][0]) < 0.2 * before
    assert "Hidden: SMA 20." in chart.accessibleDescription()
    _click(chart, "sma:20")
    assert chart.hidden == frozenset()
    for key in ("band-95", "band-80"):
        _click(chart, key)
        assert y_range(chart)[1] < wide[1]  # what is hidden takes no room
    chart.show_forecast(fan(chart.series, spread=0.05), final=False)
    chart.refresh()
    assert chart.hidden == {"band-80", "band-95"}  # an update of the training shows nothing again


def test_the_legend_is_worked_by_keyboard(chart: PriceChart) -> None:
    told: list[str] = []
    chart.readout.connect(told.append)
    chart.show_indicators([Indicator("sma"), Indicator("ema")])
    chart.refresh()
    first = x_range(chart)
    QTest.keyClick(chart, Qt.Key.Key_L)
    assert told[-1].startswith("Legend: SMA 20 is shown")
    QTest.keyClick(chart, Qt.Key.Key_Right)
    QTest.keyClick(chart, Qt.Key.Key_Space)
    assert chart.hidden == {"ema:20"}
    assert told[-1].startswith("Legend: EMA 20 is hidden")
    assert x_range(chart) == first
    QTest.keyClick(chart, Qt.Key.Key_L)
    QTest.keyClick(chart, Qt.Key.Key_Right)
    assert x_range(chart) != first or chart._legend.chosen is None


# Percent, crosshair, truth


def test_percent_are_counted_from_the_first_bar_in_view_or_a_chosen_one(chart: PriceChart) -> None:
    series = chart.series
    drawn = y_range(chart)
    chart.set_scale("percent")
    chart.refresh()
    assert y_range(chart) == drawn  # only the words change
    first = int(np.ceil(x_range(chart)[0]))
    assert chart.price_axis.base == series.y[first]
    assert chart.price_axis.words(series.y[first] * 1.05) == "+5.00 %"
    assert chart.price_axis.words(series.y[first] * 0.95) == "−5.00 %"
    assert all(tick.label.endswith("%") for tick in chart.price_axis.ticks())
    chart._pan(-100.0, 0.0)
    assert chart.price_axis.base == series.y[first - 100]
    chart._point(950)
    QTest.keyClick(chart, Qt.Key.Key_B)
    assert chart.price_axis.base == series.y[950]
    assert f"percent from {chart._timeline.text(950)}" in chart.accessibleDescription()
    QTest.keyClick(chart, Qt.Key.Key_B)
    assert chart.price_axis.base == series.y[first - 100]
    moved, scaled = x_range(chart), None
    chart._scale_y(0.5, 100.0)
    scaled = y_range(chart)
    for epoch in range(3):
        chart.show_forecast(fan(series, spread=0.02 + epoch / 50), final=False)
        chart.refresh()
        assert (x_range(chart), y_range(chart)) == (moved, scaled)


def test_percent_need_a_positive_price(chart: PriceChart) -> None:
    closes = np.linspace(-5, 50, 100)
    shown(chart, PriceSeries("OIL", walk(100).ds, ("close",), closes[:, None]))
    chart.set_scale("percent")
    chart.refresh()
    assert chart.price_axis.base is None
    assert "positive" in chart._legend.note
    chart.set_base(90)
    chart.refresh()
    assert chart.price_axis.base == closes[90]
    assert chart._legend.note == ""


def _over(chart: PriceChart, bar: int, price: float) -> QPoint:
    (low, high), (bottom, top) = chart.price_pane.viewRange()
    inside = QPointF(
        (bar - low) / (high - low) * chart.price_pane.width(),
        (top - price) / (top - bottom) * chart.price_pane.height(),
    )
    return chart._view.mapFromScene(chart.price_pane.mapToScene(inside))


def test_prices_and_quantiles_catch_the_crosshair(chart: PriceChart) -> None:
    chart.show_forecast(fan(chart.series, spread=0.03))
    chart.refresh()
    close, high = float(chart.series.y[950]), float(chart.series["high"][950])
    port = chart._view.viewport()

    def move(index: QPoint) -> None:
        QTest.qWait(15)  # pyqtgraph looks at the mouse 100 times a second at most
        QTest.mouseMove(port, index)
        QApplication.processEvents()

    move(_over(chart, 950, high) - QPoint(0, 4))
    assert chart._crosshairs[0].bar == 950
    assert chart._crosshairs[0].y == high
    move(_over(chart, 950, close * 1.08))
    assert not chart._crosshairs[0].caught
    median = chart.forecasts.fan.fan.point[15]
    move(_over(chart, 999 + 15, median) + QPoint(0, 2))
    assert chart._crosshairs[0].y == median


def test_double_click_on_the_price_axis_lets_y_follow_again_and_keeps_the_bars(
    chart: PriceChart,
) -> None:
    chart._pan(-200.0, 0.0)
    free, bars = y_range(chart), x_range(chart)
    axis = chart._view.mapFromScene(chart.price_axis.sceneBoundingRect().center())
    port = chart._view.viewport()
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=axis)
    for down in (10, 25, 40):
        QTest.mouseMove(port, axis + QPoint(0, down))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=axis + QPoint(0, 40))
    assert y_range(chart) != free
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, pos=axis)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=axis)
    assert y_range(chart) == pytest.approx(free)
    assert x_range(chart) == bars
    QTest.keyClick(chart, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert y_range(chart) != free
    QTest.keyClick(chart, Qt.Key.Key_A)
    assert y_range(chart) == pytest.approx(free)


def test_a_forecast_of_the_past_stands_beside_what_happened(chart: PriceChart) -> None:
    told: list[str] = []
    chart.readout.connect(told.append)
    forecast = fan(chart.series, cutoff=989)
    chart.show_forecast(forecast)
    chart.refresh()
    low, high = forecast.band(95)
    held = int(((chart.series.y[990:] >= low[:10]) & (chart.series.y[990:] <= high[:10])).sum())
    assert f"Of 10 bars that are known by now, {held} lie within" in chart.accessibleDescription()
    assert "what happened" in [entry.label for entry in chart.entries]
    chart._point(992)
    assert f"C {chart.series.y[992]:.2f}" in told[-1]
    assert f"GRU median {forecast.median[2]:.2f}" in told[-1]


def test_times_tell_their_zone() -> None:
    ds = np.array(
        ["2024-07-01T10:00", "2024-07-01T11:00", "2024-07-01T12:00", "2024-12-02T10:00"],
        "datetime64[us]",
    )
    assert Timeline(ds, zone="America/New_York").text(0).endswith("10:00 EDT")
    assert Timeline(ds, zone="America/New_York").zone(3) == "EST"
    assert Timeline(ds, zone="Asia/Dubai").zone(0) == "UTC+04"
    assert Timeline(ds).text(0).endswith("10:00")
    assert Timeline(walk(10).ds, zone="UTC").zone(0) == ""
    assert PriceAxis().words(3.0) == "3.00"


# In the window


@pytest.mark.slow
def test_indicators_are_chosen_in_the_menu_and_remembered(qtbot: Any, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    series = walk(150)
    prices.write_text(
        "Date,Close\n"
        + "".join(f"{str(ds)[:10]},{y:.2f}\n" for ds, y in zip(series.ds, series.y, strict=True))
    )
    with window(tmp_path, str(prices)) as bench:
        indicator_controller, menu = (
            bench.view_controller.indicator_controller,
            bench.actions.submenus["Indicators"],
        )
        indicator_controller.fill()
        add = next(item for item in menu.actions() if item.text() == "&Add").menu()
        next(item for item in add.actions() if item.text().startswith("Simple")).trigger()
        form = indicator_controller.form
        form.fields[0].setValue(30)
        QTest.keyClick(form, Qt.Key.Key_Return)
        assert [item.text for item in indicator_controller.indicators] == ["sma:30"]
        indicator_controller.fill()
        menu.actions()[0].trigger()
        assert bench.chart.hidden == {"sma:30"}
        bench.actions["scale-percent"].trigger()
        view = bench.project_controller._view()
        indicator_controller.take((), frozenset())
        bench.project_controller._apply_view(view)  # as a project does that is opened
        assert ([item.text for item in indicator_controller.indicators], bench.chart.hidden) == (
            ["sma:30"],
            {"sma:30"},
        )
        form = indicator_controller.ask(Indicator("macd"))
        form.fields[0].setValue(50)
        assert not form._accept.isEnabled()
        form.reject()
    kept = Preferences(tmp_path / "preferences.json")
    assert (kept.indicators, kept.hidden, kept.scale) == (
        ("sma:30",),
        frozenset({"sma:30"}),
        "percent",
    )
    with window(tmp_path) as bench:
        assert [
            entry.label for entry in bench.chart.entries if entry.key in bench.chart.hidden
        ] == ["SMA 30"]


def test_the_prices_keep_most_of_a_low_chart(qapp: object) -> None:
    chart = PriceChart()
    chart.show_series(walk(300))
    chart.show_indicators([Indicator("rsi"), Indicator("macd")])
    chart.resize(600, 230)
    chart.show()
    chart.refresh()
    QApplication.processEvents()
    first, *others = (row.pane.height() for row in chart._rows)
    assert first > 2 * max(others)
    assert first >= 0.45 * (first + sum(others))
    chart.close()
