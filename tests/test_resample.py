"""Coarser bars: made of whole bars only, named so that nothing is known too early, refused where
they cannot be made.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting import jobs
from forecasting.calendars import future_sessions
from forecasting.errors import CandlecastError, DataError
from forecasting.events import SeriesLoaded
from forecasting.series import COLUMNS, PriceSeries
from forecasting.sources import ReadOptions
from forecasting.sources.resample import RESAMPLES, joined_dates, resample, with_calendar


def bars(ds: np.ndarray, freq: str, seed: int = 0, **more: str) -> PriceSeries:
    """A random walk with everything a bar can have."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, ds.size)))
    first = close * np.exp(rng.normal(0, 0.002, ds.size))
    high, low = np.maximum(first, close) * 1.001, np.minimum(first, close) * 0.999
    values = np.column_stack(
        [first, high, low, close, close * 0.9, rng.integers(1, 100, ds.size).astype(float)]
    )
    return PriceSeries("A", ds.astype("datetime64[us]"), COLUMNS, values, freq, **more)  # type: ignore[arg-type]


def weekdays(first: str, count: int) -> np.ndarray:
    return np.busday_offset(first, np.arange(count), roll="forward")


def minutes(days: np.ndarray, opens: int = 570, count: int = 390, step: int = 1) -> np.ndarray:
    clock = (opens + step * np.arange(count // step)) * np.timedelta64(60, "s")
    return (days[:, None].astype("datetime64[s]") + clock).ravel()


def expected(series: PriceSeries, keys: np.ndarray) -> pd.DataFrame:
    """The same by pandas."""
    frame = pd.DataFrame(series.values, columns=series.columns)
    how = {
        "open": "first",
        "high": "max",
        "low": "min",
        "close": "last",
        "adj_close": "last",
        "volume": "sum",
    }
    return frame.groupby(keys, sort=False).agg(how)[list(series.columns)]


def test_weeks_hold_first_highest_lowest_last_and_sum() -> None:
    series = bars(weekdays("2024-01-01", 60), "1D")
    found = resample(series, "1W")
    keys = series.ds.astype("datetime64[D]").astype(np.int64) + 3
    np.testing.assert_allclose(found.values, expected(series, keys // 7).to_numpy())
    assert (found.freq, found.columns, len(found)) == ("1W", COLUMNS, 12)
    assert found.ds[0] == np.datetime64("2024-01-05"), (
        "named by the day on which the close was known"
    )
    assert [item.code for item in found.findings if item.code != "short"] == ["resampled"]
    assert "resampled from 1D to 1W" in found.provenance.note


def test_a_week_that_is_not_over_is_left_out_unless_only_a_holiday_is_missing() -> None:
    upto_wednesday = bars(weekdays("2024-01-01", 58), "1D")
    found = resample(upto_wednesday, "1W")
    assert (len(found), found.ds[-1]) == (11, np.datetime64("2024-03-15"))
    left = next(item for item in found.findings if item.code == "unfinished_group")
    assert (left.count, left.action, left.dates) == (3, "dropped", ("2024-03-18T00:00:00",))
    before_good_friday = bars(weekdays("2024-01-01", 64), "1D", calendar="XNYS")
    assert before_good_friday.ds[-1] == np.datetime64("2024-03-28")
    assert resample(before_good_friday, "1W").ds[-1] == np.datetime64("2024-03-28")
    assert resample(replace(before_good_friday, calendar="weekdays"), "1W").ds[-1] == np.datetime64(
        "2024-03-22"
    )


def test_months_and_days_out_of_minutes() -> None:
    series = bars(
        minutes(weekdays("2024-01-02", 44), step=30),
        "30min",
        tz="America/New_York",
        calendar="XNYS",
    )
    days = resample(series, "1D")
    np.testing.assert_allclose(
        days.values, expected(series, series.ds.astype("datetime64[D]")).to_numpy()
    )
    assert days.ds[0] == np.datetime64("2024-01-02"), "days have no time of day"
    months = resample(days, "1M")
    np.testing.assert_allclose(months.values, resample(series, "1M").values)
    assert [str(day)[:10] for day in months.ds] == ["2024-01-31", "2024-02-29"]


def test_hours_are_counted_from_the_opening_of_the_exchange() -> None:
    series = bars(
        minutes(weekdays("2024-01-02", 3)), "1min", tz="America/New_York", calendar="XNYS"
    )
    hours = resample(series, "1h")
    assert [str(item)[11:16] for item in hours.ds[:7]] == [
        "09:30",
        "10:30",
        "11:30",
        "12:30",
        "13:30",
        "14:30",
        "15:30",
    ]
    np.testing.assert_allclose(hours["volume"][0], series["volume"][:60].sum())
    np.testing.assert_allclose(hours["volume"][6], series["volume"][360:390].sum())
    ending = bars(minutes(weekdays("2024-01-02", 3), opens=571), "1min", calendar="XNYS")
    np.testing.assert_allclose(resample(ending, "1h").values, hours.values)


def test_bars_in_utc_belong_to_the_days_of_their_exchange() -> None:
    local = minutes(weekdays("2024-03-04", 10), step=30)  # the clocks change on 10 March
    utc = (
        pd.DatetimeIndex(local)
        .tz_localize("America/New_York")
        .tz_convert("UTC")
        .tz_localize(None)
        .to_numpy()
    )
    series = bars(utc, "30min", tz="UTC", calendar="XNYS")
    days = resample(series, "1D")
    np.testing.assert_allclose(
        days.values, expected(series, local.astype("datetime64[D]")).to_numpy()
    )
    assert resample(series, "1h").ds[0] == np.datetime64("2024-03-04T14:30")
    assert resample(series, "1h").ds[-7] == np.datetime64("2024-03-15T13:30")


def test_round_the_clock_bars_are_counted_from_midnight() -> None:
    ds = np.datetime64("2024-01-01T03:00", "s") + np.arange(24 * 20) * np.timedelta64(3600, "s")
    series = bars(ds, "1h", calendar="24/7")
    found = resample(series, "4h")
    assert found.ds[1] == np.datetime64("2024-01-01T04:00")
    assert resample(series, "1D").ds[-1] == np.datetime64("2024-01-20"), (
        "21 January has three hours only"
    )


def test_no_joined_bar_looks_at_a_later_one() -> None:
    series = bars(weekdays("2024-01-01", 200), "1D", seed=3)
    for stop in range(20, 200, 7):
        part = resample(series.head(stop), "1W")
        whole = resample(series, "1W")
        assert part.ds[-1] <= series.ds[stop - 1]
        np.testing.assert_array_equal(part.values, whole.values[: len(part)])


def test_unknown_values_do_not_spoil_their_group() -> None:
    series = bars(weekdays("2024-01-01", 15), "1D")
    values = series.values.copy()
    values[0, 0] = values[6, 1] = values[9, 4] = np.nan
    values[5:10, 5] = np.nan
    values[10:15, 0] = np.nan
    found = resample(replace(series, values=values), "1W")
    assert found["open"][0] == values[1, 0]
    assert np.isnan(found["open"][2])
    assert found["high"][1] == np.nanmax(values[5:10, 1])
    assert found["adj_close"][1] == values[8, 4]
    assert np.isnan(found["volume"]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("freq", "wanted"),
    [("1W", "1D"), ("1W", "1M"), ("15min", "5min"), ("1D", "1h"), ("1D", "3D"), ("1M", "1W")],
)
def test_what_cannot_be_made_is_refused_with_what_can(freq: str, wanted: str) -> None:
    with pytest.raises(DataError, match="cannot be joined") as told:
        resample(bars(weekdays("2024-01-01", 40), freq), wanted)
    assert "Possible are" in told.value.hint or "finer bars" in told.value.hint


def test_too_few_bars_for_a_whole_one_are_refused() -> None:
    with pytest.raises(DataError, match="no whole bar"):
        resample(bars(weekdays("2024-01-02", 5), "1D"), "1M")


def test_the_same_distance_changes_nothing_and_all_distances_are_named() -> None:
    series = bars(weekdays("2024-01-01", 40), "1D")
    assert resample(series, "1D") is series
    assert all(RESAMPLES.values())


def test_a_calendar_is_checked() -> None:
    series = bars(weekdays("2024-01-01", 40), "1D")
    assert with_calendar(series, " xnys ").calendar == "XNYS"
    assert with_calendar(series, "24/7").calendar == "24/7"
    with pytest.raises(DataError, match="'MOON' is unknown"):
        with_calendar(series, "moon")


def test_samples_are_shaped_like_files() -> None:
    *_, loaded = (
        item
        for item in jobs.load(
            ["sample:nasdaq"], ReadOptions(resample="1M", trading_calendar="xlon")
        )
        if isinstance(item, SeriesLoaded)
    )
    (series,) = loaded.panel
    assert (series.freq, series.calendar, loaded.places) == ("1M", "XLON", (0,))
    with pytest.raises(CandlecastError, match="cannot be joined"):
        list(jobs.load(["sample:nasdaq"], ReadOptions(resample="1h")))


@pytest.mark.parametrize(
    ("series", "freq"),
    [
        (bars(weekdays("2024-01-01", 58), "1D"), "1W"),
        (bars(weekdays("2024-01-01", 58), "1D", calendar="XNYS"), "1M"),
        (bars(minutes(weekdays("2024-01-01", 3), step=5)[:-7], "5min"), "1h"),
        (bars(minutes(weekdays("2024-01-01", 3), step=5)[:-7], "5min"), "1D"),
    ],
)
def test_names_of_joined_bars_go_on_into_the_future(series: PriceSeries, freq: str) -> None:
    joined = resample(series, freq, unfinished=True)
    assert joined.y[-1] == series.y[-1], "a bar that is not over is kept for looking"
    future = future_sessions(series, 40)
    names, ends = joined_dates(series, freq, future)
    np.testing.assert_array_equal(names[: len(joined)], joined.ds)
    assert ends[len(joined) - 1] == len(series) - 1
    np.testing.assert_array_equal(series.y[ends[: len(joined)]], joined.y)
    whole = resample(bars(np.r_[series.ds, future], series.freq), freq, unfinished=True)
    np.testing.assert_array_equal(
        names[len(joined) :], whole.ds[len(whole) - names.size + len(joined) :]
    )
    assert (np.diff(ends) > 0).all()
