"""The quality report: each oddity is found, counted and dated, an honest series has none, and
nothing is changed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.series import Dates, Finding, PriceSeries
from forecasting.sources.quality import Bars, examine, lone_gaps, missing_codes, session_gaps

NAMES = ("open", "high", "low", "close", "volume")


def quality_report(series: PriceSeries, *, sessions: bool = False) -> tuple[Finding, ...]:
    """Return what is found in a series; compared with the sessions of its exchange, too."""
    columns = {name: np.ascontiguousarray(series[name]) for name in series.columns}
    found = examine(Bars(series.ds, columns, series.freq, series.tz))
    gaps = session_gaps(series) if sessions else None
    return found if gaps is None else (*found, gaps)


def weekdays(count: int, start: str = "2015-01-05") -> Dates:
    days = np.datetime64(start, "D") + np.arange(count * 7 // 5 + 7)
    return days[(days.astype(np.int64) + 3) % 7 < 5][:count].astype("datetime64[us]")


def prices(
    count: int = 500, seed: int = 0, freq: str = "1D", ds: Dates | None = None
) -> PriceSeries:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    first = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.002, count))
    high, low = np.maximum(first, close) * 1.003, np.minimum(first, close) * 0.997
    values = np.column_stack(
        [first, high, low, close, rng.integers(1000, 9000, count).astype(float)]
    )
    return PriceSeries(
        "X", weekdays(count) if ds is None else ds, NAMES, values, freq, calendar="weekdays"
    )


def changed(
    series: PriceSeries,
    column: str,
    rows: list[int] | slice,
    value: float | np.ndarray,
    factor: bool = False,
) -> PriceSeries:
    values = series.values.copy()
    index = series.columns.index(column)
    values[rows, index] = values[rows, index] * value if factor else value
    return replace(series, values=values)


def closes(values: np.ndarray) -> PriceSeries:
    return PriceSeries("X", weekdays(len(values)), ("close",), values[:, None], "1D")


def one(series: PriceSeries, code: str) -> Finding:
    (finding,) = [found for found in quality_report(series) if found.code == code]
    assert finding.action == "kept"
    return finding


def test_an_honest_series_has_no_findings() -> None:
    for seed in range(20):
        assert quality_report(prices(seed=seed)) == ()
    minutes = np.datetime64("2024-01-02T09:30", "us") + np.arange(300) * np.timedelta64(60, "s")
    assert quality_report(prices(300, freq="1min", ds=minutes)) == ()


def test_short() -> None:
    assert one(prices(50), "short").count == 50
    assert quality_report(prices(100)) == ()


def test_nonpositive_prices() -> None:
    series = changed(changed(prices(), "low", [10], 0.0), "open", [20], -3.0)
    finding = one(series, "nonpositive")
    assert (finding.count, finding.severity) == (2, "warning")
    assert finding.dates == (str(series.ds[10])[:10], str(series.ds[20])[:10])


def test_values_that_are_no_prices_may_be_negative() -> None:
    series = PriceSeries(
        "temperature", weekdays(200), ("close",), np.random.default_rng(0).normal(0, 5, (200, 1))
    )
    assert one(series, "nonpositive").severity == "info"


def test_high_below_low_and_closes_outside() -> None:
    series = prices()
    crossed = changed(series, "high", [5], 1.0)
    outside = changed(crossed, "close", [300], 1.01, factor=True)
    finding = one(outside, "high_below_low")
    assert (finding.count, finding.severity) == (2, "warning")
    assert "low (1)" in finding.message
    assert one(changed(series, "high", slice(0, 200), 1.0), "high_below_low").severity == "error"
    nearly = changed(series, "high", slice(0, 500), 1 - 1e-9, factor=True)
    assert quality_report(nearly) == ()


def test_missing_cells_are_no_crossed_bars() -> None:
    assert quality_report(changed(prices(), "high", [5, 6], np.nan)) == ()


def test_stale_runs() -> None:
    series = changed(
        changed(prices(), "close", slice(100, 115), 100.0), "volume", slice(100, 115), 0.0
    )
    finding = one(series, "stale")
    assert (finding.count, finding.severity, finding.dates) == (
        15,
        "info",
        (str(series.ds[100])[:10],),
    )
    traded = changed(prices(), "close", slice(100, 115), 100.0)
    assert "stale" not in {found.code for found in quality_report(traded)}
    closes = PriceSeries("y", series.ds, ("close",), series.values[:, 3:4])
    assert one(closes, "stale").count == 15
    assert "stale" not in {
        found.code for found in quality_report(changed(prices(), "close", slice(100, 105), 100.0))
    }


@pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0, 7.0, 10.0, 1.5])
def test_splits(ratio: float) -> None:
    series = prices()
    values = series.values.copy()
    values[250:, :4] /= ratio
    finding = one(replace(series, values=values), "split_like")
    assert (finding.count, finding.dates) == (1, (str(series.ds[250])[:10],))
    assert (
        one(
            replace(series, values=np.vstack([series.values[:250], series.values[250:] * ratio])),
            "split_like",
        ).count
        == 1
    )


@pytest.mark.parametrize("day", [-0.09, 0.07])
def test_a_split_is_found_on_a_day_that_moves_by_itself(day: float) -> None:
    series = prices()
    values = series.values.copy()
    values[250:, :4] /= 2
    values[250:, 3] *= np.exp(day)
    values[251:, :3] *= np.exp(day)
    closes = PriceSeries("X", series.ds, ("close",), values[:, 3:4])
    assert one(closes, "split_like").dates == (str(series.ds[250])[:10],)


def test_the_open_tells_a_split_from_the_move_of_its_day() -> None:
    series = prices()
    for ratio, day, there in (
        (1.5, 0.1, True),
        (1.5, -0.12, True),
        (2.0, -0.2, True),
        (1.0, -0.47, False),
    ):
        values = series.values.copy()
        values[250:, :4] /= ratio
        values[250:, 1:4] *= np.exp(day)
        values[251:, 0] *= np.exp(day)
        found = {item.code for item in quality_report(replace(series, values=values))}
        assert ("split_like" in found) is there


def test_a_crash_that_adjusted_closes_share_is_no_split() -> None:
    series = prices()
    values = np.column_stack([series.values[:, :4], series["close"], series["volume"]])
    values[250:, :5] /= 2
    crash = PriceSeries(
        "X", series.ds, ("open", "high", "low", "close", "adj_close", "volume"), values
    )
    assert "split_like" not in {found.code for found in quality_report(crash)}
    values[250:, 4] *= 2
    split = PriceSeries("X", series.ds, crash.columns, values)
    assert one(split, "split_like").count == 1


def test_typos() -> None:
    series = prices()
    for factor in (10.0, 0.1, 2.0, 100.0):
        wrong = changed(series, "close", [250], factor, factor=True)
        assert one(wrong, "outliers").dates == (str(series.ds[250])[:10],)
        assert "split_like" not in {found.code for found in quality_report(wrong)}


@pytest.mark.parametrize(
    ("factor", "impossible"), [(10.0, True), (0.01, True), (2.0, True), (1.35, False)]
)
def test_a_spike_warns_and_says_whether_it_is_judged_by(factor: float, impossible: bool) -> None:
    wrong = changed(prices(), "close", [250, 251], factor, factor=True)
    finding = (
        one(wrong, "outliers")
        if factor != 1.35
        else one(changed(prices(), "close", [250], factor, factor=True), "outliers")
    )
    assert finding.severity == "warning"
    assert ("no forecast is judged by them" in finding.message) is impossible
    assert finding.dates[0] == str(wrong.ds[250])[:10]
    if impossible:
        assert finding.count == 2
        assert f"such as {wrong.y[250]:.6g} after {wrong.y[249]:.6g}" in finding.message
        assert finding.message.endswith(
            "nothing is fitted to them, and no forecast is judged by them."
        )


def test_a_stretch_with_the_wrong_sign_is_told() -> None:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.01, 400)))
    close[300:320] *= -1
    finding = one(closes(close), "jumps")
    assert (finding.count, finding.severity) == (2, "warning")
    yields = np.cumsum(np.random.default_rng(3).standard_t(4, 400)) / 100
    assert "jumps" not in {item.code for item in quality_report(closes(yields))}


def test_spikes_of_a_yield_and_of_oil() -> None:
    rng = np.random.default_rng(4)
    y = np.cumsum(rng.normal(0, 0.05, 500)) + np.linspace(2.0, -1.0, 500)
    typed = y.copy()
    typed[100] = 10 * y[100]
    rates = [PriceSeries("rate", weekdays(500), ("close",), one[:, None]) for one in (y, typed)]
    assert "outliers" not in {finding.code for finding in quality_report(rates[0])}
    assert "no forecast is judged by them" in one(rates[1], "outliers").message
    oil = changed(changed(prices(), "close", [250], -37.63), "close", [251], 10.0)
    assert "no forecast is judged" not in one(oil, "outliers").message, "oil has been below zero"


def test_missing_prices_written_as_zero() -> None:
    close = np.array(prices().y)
    assert not lone_gaps(close).any()
    for indices, values in (
        ([100], 0.0),
        ([100, 101, 300], 0.0),
        ([499], 0.0),
        ([0], 0.0),
        ([200], -close[200]),
    ):
        wrong = close.copy()
        wrong[indices] = values
        assert np.flatnonzero(lone_gaps(wrong)).tolist() == indices
    oil = close.copy()
    oil[200] = -37.63
    rate = np.round(np.abs(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 500))), 2)
    short_rate = np.maximum(rate, 0.01)
    short_rate[50 + np.argmin(short_rate[50:])] = 0.0
    sold = np.random.default_rng(2).poisson(3.0, 500).astype(float)
    ended = close.copy()
    ended[480:] = 0.0
    for legitimate in (oil, rate, short_rate, sold, ended, np.zeros(50)):
        assert not lone_gaps(legitimate).any()


def test_zeros_at_the_ends_and_prices_that_stopped() -> None:
    ended = changed(prices(), "close", slice(480, 500), 0.0)
    assert (one(ended, "zero_padding").severity, one(ended, "zero_padding").count) == ("error", 20)
    assert one(changed(prices(), "close", slice(0, 9), 0.0), "zero_padding").count == 9
    sold = PriceSeries(
        "sold",
        weekdays(200),
        ("close",),
        np.random.default_rng(2).poisson(0.7, (200, 1)).astype(float),
    )
    assert "zero_padding" not in {finding.code for finding in quality_report(sold)}
    stopped = one(changed(prices(), "close", slice(470, 500), 99.0), "constant_tail")
    assert (stopped.severity, stopped.count) == ("warning", 30)
    constant = PriceSeries("c", weekdays(200), ("close",), np.full((200, 1), 10.0))
    assert "constant_tail" not in {finding.code for finding in quality_report(constant)}


def test_a_day_written_twice_and_a_last_close_of_another_size() -> None:
    series = prices()
    values = series.values.copy()
    values[300] = values[299]
    assert one(replace(series, values=values), "repeated").dates == (str(series.ds[300])[:10],)
    finding = one(changed(series, "close", [499], 10.0, factor=True), "last_jump")
    assert (finding.severity, finding.dates) == ("error", (str(series.ds[499])[:10],))


def test_a_wild_series_is_not_full_of_typos() -> None:
    rng = np.random.default_rng(1)
    wild = PriceSeries(
        "coin",
        weekdays(2000),
        ("close",),
        100 * np.exp(np.cumsum(rng.normal(0, 0.12, (2000, 1)), axis=0)),
    )
    assert quality_report(wild) == ()


def test_sessions_across_midnight_are_no_days_of_one_bar() -> None:
    sundays_to_thursdays = [day for day in range(140) if day % 7 < 5]
    openings = np.datetime64("2023-12-31T23:00", "us") + np.array(
        sundays_to_thursdays
    ) * np.timedelta64(1, "D")
    ds = (openings[:, None] + np.arange(6) * np.timedelta64(1, "h")).ravel()
    assert "mixed_frequency" not in {
        found.code for found in quality_report(prices(ds.size, freq="1h", ds=ds))
    }


def test_mixed_frequency() -> None:
    weeks = np.datetime64("2000-01-03", "us") + np.arange(200) * np.timedelta64(7, "D")
    ds = np.concatenate([weeks, weekdays(300, "2003-11-03")])
    finding = one(prices(500, ds=ds), "mixed_frequency")
    assert "from 1 to 7 days" in finding.message
    assert one(prices(500, freq=""), "mixed_frequency").severity == "warning"
    minutes = np.concatenate(
        [
            day + np.timedelta64(570, "m") + np.arange(20) * np.timedelta64(60, "s")
            for day in weekdays(20)
        ]
    )
    alone = weekdays(30, "2014-11-03") + np.timedelta64(570, "m")
    assert (
        one(prices(430, freq="1min", ds=np.concatenate([alone, minutes])), "mixed_frequency").count
        == 30
    )


def test_a_clock_that_does_not_follow_summer_time() -> None:
    days = weekdays(400, "2022-01-03")
    month = days.astype("datetime64[M]").astype(int) % 12 + 1
    summer = (month >= 4) & (month <= 10)
    opens = days + np.where(summer, 13 * 60 + 30, 14 * 60 + 30).astype("timedelta64[m]")
    ds = (opens[:, None] + np.arange(6) * np.timedelta64(1, "h")).ravel()
    series = replace(prices(ds.size, freq="1h", ds=ds), tz="UTC")
    finding = one(series, "dst")
    assert "13:30 and 14:30" in finding.message
    assert "UTC" in finding.message
    local = (
        days[:, None] + np.timedelta64(570, "m") + np.arange(6) * np.timedelta64(1, "h")
    ).ravel()
    assert quality_report(prices(local.size, freq="1h", ds=local)) == ()


def test_gaps_only_where_asked() -> None:
    series = prices()
    keep = np.ones(len(series), bool)
    keep[[100, 101, 200]] = False
    holes = replace(series, ds=series.ds[keep], values=series.values[keep])
    assert quality_report(holes) == ()
    (finding,) = quality_report(holes, sessions=True)
    assert (finding.code, finding.count, finding.severity) == ("gaps", 3, "info")
    assert finding.dates == tuple(str(ds)[:10] for ds in series.ds[~keep])
    assert session_gaps(series) is None


def test_gaps_of_an_exchange() -> None:
    days = weekdays(260, "2024-01-01")
    holidays = np.array(
        [
            "2024-01-01",
            "2024-01-15",
            "2024-02-19",
            "2024-03-29",
            "2024-05-27",
            "2024-06-19",
            "2024-07-04",
            "2024-09-02",
            "2024-11-28",
            "2024-12-25",
        ],
        "datetime64[us]",
    )
    series = replace(prices(249, ds=days[~np.isin(days, holidays)][:249]), calendar="XNYS")
    assert session_gaps(series) is None
    keep = np.arange(249) != 100
    finding = session_gaps(replace(series, ds=series.ds[keep], values=series.values[keep]))
    assert finding is not None
    assert (finding.count, finding.dates) == (1, (str(series.ds[100])[:10],))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60),
    st.sampled_from(["1D", "1min", "", "1M"]),
)
def test_any_finite_series_can_be_looked_over(values: list[float], freq: str) -> None:
    ds = np.datetime64("2020-01-01", "us") + np.arange(len(values)) * np.timedelta64(1, "D")
    column = np.array(values)
    series = PriceSeries(
        "any", ds, ("open", "high", "low", "close"), np.column_stack([column] * 4), freq
    )
    before = series.values.copy()
    for finding in quality_report(series):
        assert finding.message
        assert 0 < finding.count <= len(values)
    np.testing.assert_array_equal(before, series.values)
    assert examine(Bars(ds, {"close": column}, freq)) is not None


def _bill_yields(seed: int, decimals: int, count: int = 1500) -> PriceSeries:
    """Return a yield between .01 and .3 per cent that moves by hundredths, as those of treasury
    bills did from 2009 to 2015.
    """
    draw = np.random.default_rng(seed)
    level, levels = 0.08, []
    for shock in 0.012 * draw.standard_t(5, count):
        level = 0.02 + abs(level - 0.02 + 0.01 * (0.08 - level) + shock)
        levels.append(level - 0.015)
    close = np.maximum(np.round(np.minimum(levels, 0.3), decimals), 10.0**-decimals)
    return PriceSeries("DTB3", weekdays(count), ("close",), close[:, None], "1D")


@pytest.mark.parametrize("decimals", [2, 3, 4])
def test_a_yield_near_zero_has_neither_splits_nor_mistyped_bars(decimals: int) -> None:
    for seed in range(10):
        yields = _bill_yields(seed, decimals)
        assert yields.y.min() < 0.03
        ratio = yields.y[1:] / yields.y[:-1]
        assert max(ratio.max(), 1 / ratio.min()) > 1.9
        told = {found.code for found in quality_report(yields)}
        assert not told & {"split_like", "outliers", "last_jump"}
    ended = replace(yields, values=np.vstack([yields.values[:-2], [[0.02], [0.11]]]))
    assert "last_jump" not in {found.code for found in quality_report(ended)}


def test_a_mistyped_yield_near_zero_is_found() -> None:
    yields = _bill_yields(1, 2)
    wrong = changed(yields, "close", [700], float(yields.y[699]) + 6.0)
    assert one(wrong, "outliers").dates == (str(wrong.ds[700])[:10],)


@pytest.mark.parametrize("deviation", [0.005, 0.015])
@pytest.mark.parametrize(
    ("ratio", "at"), [(0.5, 20), (0.5, 480), (4.0, 250), (0.1, 250), (100.0, 490)]
)
def test_a_split_is_found_in_calm_and_wild_prices_of_any_size(
    deviation: float, ratio: float, at: int
) -> None:
    draw = np.random.default_rng(5)
    for start in (0.003, 30.0, 4e5):
        close = start * np.exp(np.cumsum(draw.normal(0, deviation, 500)))
        close[at:] *= ratio
        series = PriceSeries("X", weekdays(500), ("close",), close[:, None], "1D")
        assert one(series, "split_like").dates == (str(series.ds[at])[:10],)


def test_returns_are_told_from_prices_and_yields() -> None:
    moves = np.random.default_rng(0).normal(0, 0.01, 300)
    for values, code in (
        (moves, {"returns"}),
        (100 * moves, {"returns"}),
        (np.cumsum(moves), set()),
    ):
        series = PriceSeries("X", weekdays(300), ("close",), values[:, None], "1D")
        assert {item.code for item in quality_report(series)} & {"returns"} == code


def test_a_step_to_another_level_is_no_split_and_near_the_end_an_error() -> None:
    level = np.ones(500)
    level[200:] = 1 / 2750
    assert one(changed(prices(), "close", slice(None), level, factor=True), "jumps").count == 1
    ended = changed(closes(prices()["close"]), "close", [497, 498, 499], 0.01)
    finding = one(ended, "last_jump")
    assert (finding.severity, finding.count) == ("error", 3)
    recent = np.ones(500)
    recent[:497] = 20.0
    split = changed(closes(prices()["close"]), "close", slice(None), recent, factor=True)
    assert not {"last_jump", "jumps"} & {item.code for item in quality_report(split)}


@pytest.mark.parametrize(
    ("code", "rows", "missing"),
    [
        (-9999, [5, 80, 199], True),
        (-999.9, [7], True),
        (-99.9, [7, 90, 199], True),
        (99999, [7, 90], True),
        (9999, [199], False),
    ],
)
def test_a_number_of_nines_far_beyond_all_others_is_no_close(
    code: float, rows: list[int], missing: bool
) -> None:
    close = prices(200)["close"].copy()
    close[rows] = code
    assert np.flatnonzero(missing_codes(close)).tolist() == (rows if missing else [])


def test_a_mistyped_high_or_low_is_found() -> None:
    for column, value in (("high", 1e5), ("low", 0.1)):
        wrong = changed(prices(), column, [300], value)
        assert one(wrong, "far_range").dates == (str(wrong.ds[300])[:10],)
    assert "far_range" not in {item.code for item in quality_report(prices())}
