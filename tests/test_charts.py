from __future__ import annotations

import itertools
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QLocale, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app.charts.axis import Timeline, log_steps, round_steps, session_ticks
from app.charts.canvas import Chart, Frame
from app.charts.downsampling import BarPyramid
from app.charts.gradient import GradientChart
from app.charts.legend import Entry, LegendArtist
from app.charts.loss import LossChart
from app.charts.memory import MemoryChart, Trace
from app.charts.price import PriceChart
from app.features.training.views import LossView
from app.number_format import price_decimals, short_number
from app.theme import DARK, LIGHT
from forecasting.config import QUANTILES
from forecasting.events import EpochEnd, GradientByLag, SplitMade
from forecasting.series import Dates, Forecast, Outcomes, PriceSeries


@pytest.fixture(autouse=True)
def plain_numbers() -> Iterator[None]:
    QLocale.setDefault(QLocale.c())
    yield
    QLocale.setDefault(QLocale.system())


def weekdays(first: str, count: int) -> Dates:
    return np.busday_offset(np.datetime64(first, "D"), np.arange(count), roll="forward").astype(
        "datetime64[us]"
    )


def walk(count: int, first: str = "2016-01-04", seed: int = 0, volume: bool = True) -> PriceSeries:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    opened = np.r_[close[:1], close[:-1]]
    high = np.maximum(opened, close) * (1 + rng.uniform(0, 0.01, count))
    low = np.minimum(opened, close) * (1 - rng.uniform(0, 0.01, count))
    columns = [opened, high, low, close] + ([rng.lognormal(14, 0.5, count)] if volume else [])
    names = ("open", "high", "low", "close", "volume")[: len(columns)]
    return PriceSeries("WALK", weekdays(first, count), names, np.stack(columns, axis=1))


def fan(
    series: PriceSeries,
    horizon: int = 20,
    spread: float = 0.01,
    model: str = "GRU",
    cutoff: int | None = None,
) -> Forecast:
    cutoff = len(series) - 1 if cutoff is None else cutoff
    z = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])
    ahead = np.sqrt(np.arange(1, horizon + 1))[:, None]
    ds = np.r_[series.ds, weekdays(str(series.ds[-1] + np.timedelta64(1, "D"))[:10], horizon)][
        cutoff + 1 : cutoff + 1 + horizon
    ]
    values = series.y[cutoff] * np.exp(spread * ahead * z)
    return Forecast(
        series.symbol, model, series.ds[cutoff], float(series.y[cutoff]), ds, QUANTILES, values
    )


def split(series: PriceSeries) -> SplitMade:
    return SplitMade(
        series.ds[len(series) * 7 // 10], series.ds[len(series) * 17 // 20], {}, 1000, "cpu"
    )


@pytest.fixture
def chart(qapp: QApplication) -> Iterator[PriceChart]:
    chart = PriceChart()
    chart.lay_out(900, 500)
    yield chart
    chart.deleteLater()


def shown(chart: PriceChart, series: PriceSeries) -> PriceChart:
    chart.show_series(series)
    chart.refresh()
    return chart


def x_range(chart: PriceChart) -> tuple[float, float]:
    return chart.shown_bars


def y_range(chart: PriceChart) -> tuple[float, float]:
    low, high = chart.price_pane.viewRange()[1]
    return low, high


def picture(chart: Chart, width: int = 900, height: int = 500) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(chart.theme.surface))
    painter = QPainter(image)
    try:
        chart.draw(painter, QRectF(0, 0, width, height))
    finally:
        painter.end()
    return image


def count(image: QImage, color: str, within: int = 24) -> int:
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(
        image.height(), image.bytesPerLine() // 4, 4
    )
    near = np.ones(pixels.shape[:2], bool)
    for channel, index in enumerate((5, 3, 1)):  # stored as blue, green, red
        near &= (
            np.abs(pixels[..., channel].astype(np.int16) - int(color[index : index + 2], 16))
            <= within
        )
    return int(near.sum())


# Pyramid


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 9), st.data())
def test_pyramid_is_what_merging_the_bars_by_hand_gives(
    bars: int, power: int, data: st.DataObject
) -> None:
    series, step = walk(bars), 2**power
    start = data.draw(st.integers(0, bars - 1))
    stop = data.draw(st.integers(start + 1, bars))
    merged = BarPyramid(series).bars(start, stop, step)
    groups = [np.arange(i, min(i + step, bars)) for i in range(start // step * step, stop, step)]
    assert merged.x.tolist() == [g[0] + (step - 1) / 2 for g in groups]
    assert merged.open.tolist() == [series["open"][g[0]] for g in groups]
    assert merged.high.tolist() == [series["high"][g].max() for g in groups]
    assert merged.low.tolist() == [series["low"][g].min() for g in groups]
    assert merged.close.tolist() == [series.y[g[-1]] for g in groups]
    assert merged.close_high.tolist() == [series.y[g].max() for g in groups]
    assert merged.close_low.tolist() == [series.y[g].min() for g in groups]
    assert merged.volume.tolist() == [series["volume"][g].max() for g in groups]


def test_pyramid_draws_what_is_missing_at_the_close_and_knows_no_volume() -> None:
    series = walk(50, volume=False)
    values = series.values.copy()
    values[7, 0] = values[9, 1] = np.nan
    pyramid = BarPyramid(PriceSeries("X", series.ds, series.columns, values))
    bars = pyramid.bars(0, 50)
    assert bars.open[7] == series.y[7]
    assert bars.high[9] == series.y[9]
    assert not pyramid.has_volume
    assert np.isnan(bars.volume).all()
    assert pyramid.lowest == np.nanmin(values[:, 2])


# Axes


def measure(text: str) -> float:
    return 7.0 * len(text)


def minutes(days: int) -> Dates:
    day = np.arange(days) + np.datetime64("2024-11-25")
    day = day[np.is_busday(day)]
    opens = day.astype("datetime64[m]") + np.timedelta64(570, "m")
    return (
        (opens[:, None] + np.arange(390) * np.timedelta64(1, "m")).ravel().astype("datetime64[us]")
    )


CALENDARS = {
    "days": weekdays("1999-01-04", 5000),
    "minutes": minutes(60),
    "months": np.arange(np.datetime64("1980-01"), np.datetime64("2020-01")).astype(
        "datetime64[us]"
    ),
    "weeks": (np.datetime64("2000-01-03") + 7 * np.arange(900)).astype("datetime64[us]"),
}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(CALENDARS)),
    st.floats(0, 1),
    st.floats(0.7, 5000),
    st.integers(200, 3000),
)
def test_date_labels_never_overlap_and_stand_on_bars(
    kind: str, place: float, wide: float, pixels: int
) -> None:
    timeline = Timeline(CALENDARS[kind])
    low = place * len(timeline) - wide / 2
    ticks = session_ticks(timeline, low, low + wide, pixels, measure)
    per_bar = pixels / wide
    for left, right in itertools.pairwise(ticks):
        assert (right.place - left.place) * per_bar >= (
            measure(left.label) + measure(right.label)
        ) / 2
    for tick in ticks:
        middle = (tick.place - low) * per_bar
        assert tick.place == int(tick.place)
        assert 0 <= tick.place < len(timeline)
        assert measure(tick.label) / 2 <= middle <= pixels - measure(tick.label) / 2
    assert len({tick.label for tick in ticks}) > 1 or len(ticks) <= 1


@pytest.mark.parametrize(
    ("kind", "low", "high", "labels"),
    [
        ("days", 0, 5000, ["2000", "2002", "2004", "2006", "2008", "2010", "2012", "2014", "2016"]),
        ("days", 4740, 4999, ["Apr", "Jul", "Oct", "2018"]),
        ("days", 4830, 4850, None),
        ("minutes", 0, 780, None),
    ],
)
def test_date_labels_fit_the_zoom(kind: str, low: int, high: int, labels: list[str] | None) -> None:
    ticks = session_ticks(Timeline(CALENDARS[kind]), low, high, 900, measure)
    assert 3 <= len(ticks) <= 14
    if labels is not None:
        assert [tick.label for tick in ticks if tick.label in labels] == labels
    # Whatever the zoom, a static picture tells the year.
    assert any(
        char.isdigit() and len(word) == 4
        for tick in ticks
        for word in tick.label.replace(",", "").split()
        for char in word[:1]
    )


def test_every_label_is_the_first_bar_of_what_it_names() -> None:
    timeline = Timeline(CALENDARS["days"])
    for tick in session_ticks(timeline, 0, 1500, 1200, measure):
        bar = int(tick.place)
        if tick.label.isdigit():
            assert str(timeline.ds[bar])[:4] == tick.label
            assert bar == 0 or str(timeline.ds[bar - 1])[:4] != tick.label
        else:
            assert bar == 0 or timeline.ds[bar].astype("M8[M]") != timeline.ds[bar - 1].astype(
                "M8[M]"
            )


def test_future_sessions_are_labelled_too() -> None:
    series = walk(300)
    forecast = fan(series, 60)
    timeline = Timeline(series.ds, forecast.ds)
    assert timeline.text(359) == Timeline(forecast.ds).text(59)
    assert timeline.text(360) == ""
    ticks = session_ticks(timeline, 295, 365, 900, measure)
    assert max(tick.place for tick in ticks) > 320
    assert timeline.index(np.array([series.ds[0], series.ds[-1], forecast.ds[0]])).tolist() == [
        0,
        299,
        300,
    ]
    assert timeline.index(np.array([series.ds[0] - np.timedelta64(1, "D")])).tolist() == [-1]


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e9), st.integers(2, 20))
def test_round_steps_are_inside_even_and_not_too_many(low: float, wide: float, most: int) -> None:
    steps = round_steps(low, low + wide, most)
    assert steps.size <= most + 1
    assert steps.size >= 1 or most < 5
    if steps.size > 2:
        gap = np.diff(steps)
        assert gap == pytest.approx(gap[0], rel=1e-5)
        mantissa = gap[0] / 10 ** np.floor(np.log10(gap[0]) + 1e-9)
        assert min(abs(mantissa - n) for n in (1, 2, 2.5, 5, 10)) < 1e-3


def test_numbers_of_axes() -> None:
    assert log_steps(1, 1000, 8).tolist() == [1, 3, 10, 30, 100, 300, 1000]
    assert log_steps(90, 130, 5).tolist() == [90, 100, 110, 120, 130]
    assert round_steps(5, 5, 4).size == 0
    assert [price_decimals(price) for price in (2506.85, 12.3, 1.0832, 0.00002314, 0.0, -37.6)] == [
        2,
        2,
        4,
        9,
        2,
        2,
    ]
    assert [short_number(n) for n in (950, 1200, 2_500_000, 3_442_870_000, 1e13)] == [
        "950",
        "1.2K",
        "2.5M",
        "3.44B",
        "10T",
    ]


# The price chart


def test_first_view_holds_the_latest_bars_and_then_the_forecast(chart: PriceChart) -> None:
    series = walk(1000)
    shown(chart, series)
    low, high = x_range(chart)
    assert 100 <= high - low <= 270
    assert high > 999
    chart.show_forecast(fan(series))
    chart.refresh()
    assert x_range(chart)[1] > 1019
    lower, upper = y_range(chart)
    limits = fan(series).band(95)
    assert lower < limits[0].min()
    assert upper > limits[1].max()


def test_training_never_steals_the_zoom(chart: PriceChart) -> None:
    series = walk(1000)
    shown(chart, series)
    chart._zoom(0.4, 990.0)
    before = x_range(chart)
    chart.show_forecast(fan(series), final=False)
    chart.refresh()
    assert x_range(chart) == before
    chart._pan(-300.0, 0.0)
    before = x_range(chart)
    for epoch in range(5):
        chart.show_forecast(fan(series, spread=0.01 + 0.005 * epoch), final=False)
        chart.refresh()
        assert x_range(chart) == before
    chart._scale_y(2.0, 100.0)
    scaled = y_range(chart)
    chart.show_forecast(fan(series, spread=0.2))
    chart.refresh()
    assert (x_range(chart), y_range(chart)) == (before, scaled)
    chart.fit()
    chart.refresh()
    assert x_range(chart)[1] > 1019
    assert y_range(chart) != scaled


def test_nothing_is_done_before_refresh(chart: PriceChart) -> None:
    series = shown(chart, walk(300))._series
    before = x_range(chart)
    chart.show_range(20)
    chart.set_scale("log")
    assert x_range(chart) == before
    assert not chart.price_pane.log
    chart.refresh()
    assert x_range(chart) != before
    assert chart.price_pane.log
    assert chart.series is series


def test_range_buttons_show_that_many_bars_or_all(chart: PriceChart) -> None:
    series = walk(2000)
    shown(chart, series)
    chart.show_forecast(fan(series))
    chart.show_range(60)
    chart.refresh()
    low, high = x_range(chart)
    assert low == pytest.approx(1939.5)
    assert 2019 < high < 2030
    chart.show_range(None)
    chart.refresh()
    low, high = x_range(chart)
    assert low <= 0
    assert high >= 2019


def test_y_follows_the_visible_bars_until_it_is_scaled(chart: PriceChart) -> None:
    series = walk(1000)
    shown(chart, series)
    for start in (0, 400, 800):
        chart._set_x(start, start + 100)
        lower, upper = y_range(chart)
        seen = slice(start, start + 101)
        assert lower <= series["low"][seen].min()
        assert upper >= series["high"][seen].max()
        assert upper - lower < 1.5 * (series["high"][seen].max() - series["low"][seen].min())
    chart._scale_y(1.5, 100.0)
    kept = y_range(chart)
    chart._pan(-300.0, 0.0)
    assert y_range(chart) == kept
    QTest.keyClick(chart, Qt.Key.Key_A)
    assert y_range(chart) != kept


def test_view_cannot_be_lost(chart: PriceChart) -> None:
    shown(chart, walk(500))
    for move in (-1e6, 1e6):
        chart._pan(move, 0.0)
        low, high = x_range(chart)
        assert min(high, 500) - max(low, 0) >= 0.15 * (high - low)
    chart._zoom(1e-9, 250.0)
    assert x_range(chart)[1] - x_range(chart)[0] == pytest.approx(8)
    chart._zoom(1e9, 250.0)
    assert x_range(chart)[1] - x_range(chart)[0] < 600


def test_another_series_forgets_what_belonged_to_the_one_before(chart: PriceChart) -> None:
    first, second = (
        walk(400),
        PriceSeries("OTHER", walk(300).ds, ("close",), walk(300, seed=3).y[:, None]),
    )
    shown(chart, first)
    chart.show_split(split(first))
    chart.show_forecast(fan(first))
    chart.refresh()
    shown(chart, second)
    assert chart.forecasts.fan.fan is None
    assert chart.forecasts.shades[0].val is None
    chart.show_forecast(fan(first))  # of another symbol
    chart.refresh()
    assert chart.forecasts.fan.fan is None
    chart.show_series(None)
    chart.refresh()
    assert chart.summary().startswith("No prices are loaded")
    picture(chart)


def test_readout_tells_prices_and_the_forecast(chart: PriceChart) -> None:
    series, told = walk(300), []
    chart.readout.connect(told.append)
    shown(chart, series)
    forecast = fan(series)
    chart.show_forecast(forecast)
    chart.refresh()
    chart._point(100)
    change = (series.y[100] / series.y[99] - 1) * 100
    stamp = series.ds[100].item()
    for words in (
        f"{stamp.day} {stamp:%b} {stamp.year}",
        f"C {series.y[100]:.2f}",
        f"{abs(change):.2f} %",
        "Vol ",
    ):
        assert words in told[-1]
    chart._point(302)
    low, high = forecast.band(80)
    for words in (
        "step 3 of 20",
        f"median {forecast.median[2]:.2f}",
        f"80 % {low[2]:.2f} – {high[2]:.2f}",
        "95 %",
    ):
        assert words in told[-1]
    chart._point(999)
    assert "step 20 of 20" in told[-1]
    chart._pointer_left()
    assert told[-1] == ""


def test_summary_says_what_is_seen(chart: PriceChart) -> None:
    series = walk(300)
    shown(chart, series)
    assert (
        f"300 bars from Mon 4 Jan 2016 to {Timeline(series.ds).text(299)}, last close "
        f"{series.y[-1]:.2f}"
    ) in chart.summary()
    chart.show_forecast(fan(series), final=False)
    chart.refresh()
    assert "still training" in chart.summary()
    assert "95 % between" in chart.accessibleDescription()


def test_series_without_ohlc_is_a_line_and_logs_need_positive_prices(chart: PriceChart) -> None:
    closes = np.linspace(-5, 50, 200)
    shown(chart, PriceSeries("OIL", weekdays("2019-01-01", 200), ("close",), closes[:, None]))
    assert chart._prices.style == "line"
    chart.set_scale("log")
    chart.refresh()
    assert not chart.can_log
    assert not chart.price_pane.log
    assert "positive" in chart._legend.note
    chart.set_style("area")
    chart.refresh()
    assert chart._prices.style == "area"


def test_past_forecasts_are_end_to_end(chart: PriceChart) -> None:
    series = walk(400)
    shown(chart, series)
    fans = [fan(series, 10, cutoff=c) for c in range(300, 389)]
    other = np.array(["WALK"] * 80 + ["OTHER"] * 9)
    past = Outcomes(
        "GRU", other, series.ds[300:389], np.array([f.ds for f in fans]), series.y[300:389],
        np.array([series.y[c + 1 : c + 11] for c in range(300, 389)]), QUANTILES,
        np.array([f.values for f in fans]),
    )  # fmt: skip
    chart.show_outcomes(past)
    chart.refresh()
    assert [f.cutoff for f in chart.forecasts.past._fans] == [
        309,
        319,
        329,
        339,
        349,
        359,
        369,
        379,
    ]
    assert [f.cutoff for f in chart.forecasts.past.in_view(335, 350, 10.0)] == [329, 339, 349]
    assert "past forecasts" in [entry.label for entry in chart._legend.entries]


def test_a_forecast_of_one_bar_can_be_seen_over_a_year(chart: PriceChart) -> None:
    series = walk(500)
    shown(chart, series)
    chart.show_range(260)
    chart.refresh()
    without = count(picture(chart), chart.theme.forecast)
    item = fan(series, 1, spread=0.02)
    chart.show_forecast(item)
    chart.refresh()
    assert (
        count(picture(chart), chart.theme.forecast) > without + 20
    )  # a bar of 14 by 2.5 pixels, not a speck
    cutoffs = np.arange(300, 498)
    fans = [fan(series, 1, cutoff=int(c)) for c in cutoffs]
    past = Outcomes(
        "GRU", np.repeat(["WALK"], cutoffs.size), series.ds[cutoffs],
        np.array([f.ds for f in fans]), series.y[cutoffs],
        series.y[cutoffs + 1][:, None], QUANTILES, np.array([f.values for f in fans]),
    )  # fmt: skip
    chart.show_outcomes(past)
    chart.refresh()
    assert len(chart.forecasts.past.in_view(240, 500, 3.0)) == cutoffs.size
    assert count(picture(chart), chart.theme.forecast) > without + 40


# What is painted


def test_rising_bars_are_hollow_and_falling_ones_filled(chart: PriceChart) -> None:
    def ink(opened: float, close: float, color: str) -> int:
        values = np.array([[opened, max(opened, close) + 0.1, min(opened, close) - 0.1, close]] * 9)
        shown(
            chart,
            PriceSeries(
                f"S{opened}", weekdays("2020-01-01", 9), ("open", "high", "low", "close"), values
            ),
        )
        return count(picture(chart), color)

    hollow, filled = ink(10, 11, LIGHT.up), ink(11, 10, LIGHT.down)
    assert hollow > 200
    assert filled > 3 * hollow


@pytest.mark.parametrize("style", ["candles", "bars", "line", "area"])
def test_every_style_shows_prices_bands_and_volume(chart: PriceChart, style: str) -> None:
    series = walk(600)
    chart.lay_out(500, 300)
    shown(chart, series)
    chart.show_split(split(series))
    chart.show_forecast(fan(series), fan(series, spread=0.012, model="random walk"))
    chart.set_style(style)  # type: ignore[arg-type]
    for theme, scale, bars in itertools.product((LIGHT, DARK), ("linear", "log"), (60, 250, None)):
        chart.set_theme(theme)
        chart.set_scale(scale)  # type: ignore[arg-type]
        chart.show_range(bars)
        chart.refresh()
        image = picture(chart, 500, 300)
        ink = count(image, theme.up) + count(image, theme.down) + count(image, theme.price)
        assert ink > 150, (theme.name, scale, bars)
        assert count(image, theme.volume) > 150, (theme.name, scale, bars)
        if bars is not None:
            assert count(image, theme.forecast) > 100, (theme.name, scale, bars)


@pytest.mark.parametrize("style", ["candles", "bars", "line", "area"])
def test_tiny_and_flat_series_are_drawn(chart: PriceChart, style: str) -> None:
    chart.set_style(style)  # type: ignore[arg-type]
    for bars in (1, 2, 3):
        series = PriceSeries(
            "FLAT",
            weekdays("2020-01-01", bars),
            ("open", "high", "low", "close", "volume"),
            np.full((bars, 5), 42.0),
        )
        shown(chart, series)
        chart.show_forecast(
            Forecast(
                "FLAT",
                "GRU",
                series.ds[-1],
                42.0,
                weekdays("2020-02-03", 1),
                (0.5,),
                np.array([[42.0]]),
            )
        )
        chart.refresh()
        picture(chart)
        lower, upper = y_range(chart)
        assert lower < 42 < upper


@pytest.mark.parametrize("size", [1e-9, 1e12])
def test_very_small_and_very_large_prices(chart: PriceChart, size: float) -> None:
    series = walk(300)
    shown(chart, PriceSeries("BIG", series.ds, series.columns[:4], series.values[:, :4] * size))
    for scale in ("linear", "log"):
        chart.set_scale(scale)  # type: ignore[arg-type]
        chart.refresh()
        assert count(picture(chart), LIGHT.up) > 100
        assert len(chart.price_axis.ticks()) >= 3


def test_painting_faults_are_told_and_do_not_end_the_process(
    chart: PriceChart, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(chart, walk(100))

    def broken(*_: object) -> None:
        raise ValueError("broken artist")

    monkeypatch.setattr(chart._prices, "paint", broken)
    with pytest.raises(ValueError, match="broken artist"):
        picture(chart)


def test_painting_faults_on_screen_reach_the_hook(
    chart: PriceChart, qtbot: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart._dates, "_paint", lambda *_: 1 / 0)
    shown(chart, walk(100))
    chart.show()
    with qtbot.captureExceptions() as caught:  # type: ignore[attr-defined]
        qtbot.waitUntil(lambda: bool(caught), timeout=2000)  # type: ignore[attr-defined]
        chart._view.viewport().repaint()
        qtbot.wait(20)  # type: ignore[attr-defined]
    chart.hide()
    assert [error[0] for error in caught] == [ZeroDivisionError]


# Hands


@pytest.fixture
def on_screen(chart: PriceChart, qtbot: object) -> Iterator[PriceChart]:
    chart.resize(900, 500)
    chart.show()
    qtbot.waitExposed(chart)  # type: ignore[attr-defined]
    shown(chart, walk(1000))
    QApplication.processEvents()
    yield chart
    chart.hide()


def _at(chart: PriceChart, share: float) -> QPoint:
    rect = chart.price_pane.sceneBoundingRect()
    return chart._view.mapFromScene(QPointF(rect.left() + share * rect.width(), rect.center().y()))


def _wheel(
    chart: PriceChart,
    index: QPoint,
    turns: int,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    port = chart._view.viewport()
    event = QWheelEvent(
        QPointF(index), QPointF(port.mapToGlobal(index)), QPoint(), QPoint(0, 120 * turns),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(port, event)


def test_wheel_zooms_at_the_cursor(on_screen: PriceChart) -> None:
    low, high = x_range(on_screen)
    under = low + 0.25 * (high - low)
    _wheel(on_screen, _at(on_screen, 0.25), 2)
    nearer = x_range(on_screen)
    assert nearer[1] - nearer[0] < 0.8 * (high - low)
    assert nearer[0] + 0.25 * (nearer[1] - nearer[0]) == pytest.approx(under, abs=1)
    _wheel(on_screen, _at(on_screen, 0.25), 1, Qt.KeyboardModifier.ShiftModifier)
    moved = x_range(on_screen)
    assert moved[0] < nearer[0]
    assert moved[1] - moved[0] == pytest.approx(nearer[1] - nearer[0])


def test_drag_pans_and_a_double_click_fits(on_screen: PriceChart) -> None:
    port, first = on_screen._view.viewport(), x_range(on_screen)
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=_at(on_screen, 0.5))
    for share in (0.55, 0.6, 0.7):
        QTest.mouseMove(port, _at(on_screen, share))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=_at(on_screen, 0.7))
    panned = x_range(on_screen)
    assert panned[0] < first[0] - 20
    assert panned[1] - panned[0] == pytest.approx(first[1] - first[0])
    QTest.mouseDClick(port, Qt.MouseButton.LeftButton, pos=_at(on_screen, 0.5))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=_at(on_screen, 0.5))
    on_screen.refresh()
    assert x_range(on_screen) == pytest.approx(first)


def test_pointer_shows_the_nearest_bar_until_it_leaves(on_screen: PriceChart) -> None:
    told: list[str] = []
    on_screen.readout.connect(told.append)
    low, high = x_range(on_screen)
    QTest.mouseMove(on_screen._view.viewport(), _at(on_screen, 0.5))
    QApplication.processEvents()
    bar = on_screen._crosshairs[0].bar
    assert bar == pytest.approx((low + high) / 2, abs=1)
    assert told[-1].startswith(on_screen._timeline.text(bar))
    on_screen._view.left.emit()
    assert on_screen._crosshairs[0].bar is None


def test_keyboard_alone_is_enough(on_screen: PriceChart) -> None:
    first = x_range(on_screen)
    QTest.keyClick(on_screen, Qt.Key.Key_Left)
    assert x_range(on_screen)[0] < first[0]
    QTest.keyClick(on_screen, Qt.Key.Key_Plus)
    assert x_range(on_screen)[1] - x_range(on_screen)[0] < first[1] - first[0]
    QTest.keyClick(on_screen, Qt.Key.Key_Home)
    assert x_range(on_screen)[0] == pytest.approx(-0.5)
    QTest.keyClick(on_screen, Qt.Key.Key_End)
    assert x_range(on_screen)[1] == pytest.approx(first[1])
    QTest.keyClick(on_screen, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert on_screen._crosshairs[0].bar == 998


# Loss and gradients


def history(epochs: int) -> tuple[EpochEnd, ...]:
    losses = [0.5] + [0.47 + 0.002 * abs(n - 4) for n in range(1, epochs + 1)]
    made = []
    for n, loss in enumerate(losses):
        best = int(np.argmin(losses[: n + 1]))
        norm, clipped = (float("nan"), float("nan")) if n == 0 else (0.8, 0.25)
        made.append(
            EpochEnd(n, 30, 0.55 - 0.01 * n, loss, best, losses[best], 1e-3, norm, clipped, 1.0)
        )
    return tuple(made)


@pytest.mark.parametrize("cls", [LossChart, GradientChart])
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_charts_over_epochs(
    qapp: QApplication, cls: type[LossChart | GradientChart], theme: object
) -> None:
    chart = cls()
    chart.set_theme(theme)  # type: ignore[arg-type]
    chart.lay_out(500, 240)
    assert chart.summary().startswith("No ")
    color = chart.theme.val_loss if cls is LossChart else chart.theme.price
    assert count(picture(chart, 500, 240), color) == 0
    for epochs in (0, 1, 12):
        chart.show_history(history(epochs))
        chart.refresh()
        image = picture(chart, 500, 240)
        assert count(image, color) > (-1, 5, 60)[min(epochs, 2)]
    chart.deleteLater()


def test_loss_chart_marks_best_epoch_and_baseline(qapp: QApplication) -> None:
    chart = LossChart()
    chart.lay_out(500, 240)
    chart.show_history(history(10))
    chart.refresh()
    assert chart._best.epoch == 4
    assert chart._level.y.tolist() == [0.5, 0.5]
    assert chart.summary().endswith("best 0.47000 at epoch 4; the baseline has 0.50000.")
    told: list[str] = []
    chart.readout.connect(told.append)
    chart._point(3)
    assert told == ["epoch 3   validation 0.47200   training 0.52000"]
    chart.set_log(True)
    chart.refresh()
    assert chart._pane.log
    assert chart._pane.viewRange()[1][0] < np.log10(0.45)
    chart.show_history(())
    chart.refresh()
    assert chart._empty.visible
    chart.deleteLater()


def test_an_unfinished_epoch_is_not_drawn_as_one(qapp: QApplication) -> None:
    told: list[str] = []
    cut = EpochEnd(7, 30, 0.1, 0.46, 7, 0.46, 1e-3, 0.8, 0.25, 1.0, share=0.25)
    for chart in (LossChart(), GradientChart()):
        chart.lay_out(500, 240)
        chart.show_history((*history(6), cut))
        chart.refresh()
        curves = (
            [chart._train, chart._val]
            if isinstance(chart, LossChart)
            else [chart._norm, chart._after]
        )
        assert all(curve.x[-1] == 6 for curve in curves)
        chart.readout.connect(told.append)
        chart._point(7)
        assert len(chart.table()["epoch"]) == 8
        chart.deleteLater()
    assert told[0] == "epoch 7   validation 0.46000   stopped after 25 % of the epoch"


def test_each_network_has_its_own_mark_in_the_memory_map(qapp: QApplication) -> None:
    lags = np.arange(80)
    near, far = (GradientByLag(5, lags, np.exp(-lags / length)[None]) for length in (2.0, 40.0))
    chart = MemoryChart()
    chart.lay_out(500, 240)
    chart.show_traces([Trace("#7 LSTM", far), Trace("#6 RNN", near)])
    chart.refresh()
    lstm, rnn = chart.reaches
    assert (lstm.text, lstm.top, lstm.bottom) == ("#7 LSTM reaches 79 bars", 0.0, 0.5)
    assert (rnn.text, rnn.top, rnn.bottom) == ("#6 RNN reaches 13 bars", 0.5, 1.0)
    picture(chart, 500, 240)
    chart.set_view("curves")
    assert {(item.top, item.bottom) for item in chart.reaches} == {(0.0, 1.0)}
    chart.show_traces([Trace("#6 RNN", near)])
    assert [item.text for item in chart.reaches] == ["reaches 13 bars"]
    chart.deleteLater()


def test_what_was_not_measured_is_a_dash(qapp: QApplication) -> None:
    view = LossView()
    view.show_history((EpochEnd(0, 30, float("nan"), 0.5, 0, 0.5, 1e-3, 0.0, 0.0, 0.0),))
    view.chart.refresh()
    texts = [label.text() for label in view.findChildren(QLabel)]
    assert "– / 0.50000" in texts
    assert not any("nan" in text for text in (*texts, view.chart.summary()))
    view.deleteLater()


def test_not_finite_losses_leave_a_gap(qapp: QApplication) -> None:
    good = history(6)
    bad = EpochEnd(7, 30, float("inf"), float("nan"), 4, 0.47, 1e-3, float("inf"), 1.0, 1.0)
    for chart in (LossChart(), GradientChart()):
        chart.lay_out(400, 200)
        chart.show_history((*good, bad))
        chart.refresh()
        picture(chart, 400, 200)
        assert np.isfinite(chart._pane.viewRange()).all()
        chart.deleteLater()


# Speed: figures of the design on a quiet machine, with room for a busy one.


@pytest.mark.slow
def test_a_million_bars_stay_fluid(chart: PriceChart) -> None:
    import time

    bars = 1_000_000
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 2e-4, bars)))
    values = np.stack([close, close * 1.001, close * 0.999, close, np.ones(bars)], axis=1)
    ds = np.datetime64("2015-01-02", "us") + np.arange(bars) * np.timedelta64(60_000_000, "us")
    shown(chart, PriceSeries("MILLION", ds, ("open", "high", "low", "close", "volume"), values))
    chart.resize(1200, 700)
    chart.show()

    def milliseconds(do: object) -> float:
        spent = []
        for _ in range(25):
            start = time.process_time()
            do()  # type: ignore[operator]
            chart._view.viewport().repaint()
            spent.append(1e3 * (time.process_time() - start))
        return float(np.median(spent))

    chart._set_x(500_000, 502_000)
    assert milliseconds(lambda: chart._pan(7.0, 0.0)) < 15
    chart._set_x(0, bars)
    assert milliseconds(lambda: None) < 20
    chart.hide()


def test_a_legend_leaves_a_small_plot_its_room(qapp: QApplication) -> None:
    names = [f"model {index}" for index in range(9)]
    legend = LegendArtist(0.45)
    legend.entries = [Entry(name, "#000000", "line", key=name) for name in names]

    def painted(height: float) -> tuple[list[str], float]:
        canvas = QImage(110, 600, QImage.Format.Format_RGB32)
        canvas.fill(QColor("white"))
        frame = Frame(110, height, (0, 1), (0, 1), False, LIGHT, qapp.font(), on_screen=True)
        painter = QPainter(canvas)
        legend.paint(painter, frame)
        painter.end()
        found = {legend.key_at(QPointF(30, y)) for y in range(600)} - {""}
        inked = [
            y
            for y in range(600)
            if any(canvas.pixelColor(x, y) != QColor("white") for x in range(110))
        ]
        return sorted(found), max(inked)

    assert painted(600)[0] == names
    few, low = painted(150)
    assert 0 < len(few) < len(names)
    assert low < 0.5 * 150
