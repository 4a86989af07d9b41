"""Dates of the future and of the gaps: on real sessions, strictly after the last bar, in the
clock of the exchange.
"""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import exchange_calendars
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forecasting.calendars import (
    exchange,
    future_sessions,
    infer_calendar,
    infer_freq,
    inference,
    known_until,
    missing_sessions,
)
from forecasting.errors import DataError
from forecasting.files.archive import write_archive
from forecasting.series import PriceSeries

DAY = np.timedelta64(1, "D")
#: Days on which clocks are set in one of the zones.
CHANGES = ("2024-03-10", "2024-11-03", "2024-03-31", "2024-10-27", "2024-04-07", "2024-10-06")
MINUTE = np.timedelta64(1, "m")


def series(ds: np.ndarray, freq: str, calendar: str = "XNYS", tz: str = "") -> PriceSeries:
    return PriceSeries(
        "S",
        ds.astype("datetime64[us]"),
        ("close",),
        np.ones((ds.size, 1)),
        freq,
        tz,
        calendar=calendar,
    )


def sessions(first: str, last: str, code: str = "XNYS") -> np.ndarray:
    """Return what exchange_calendars itself says, the judge of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        calendar = exchange_calendars.get_calendar(code, start=first, end=last)
    return calendar.sessions.to_numpy().astype("datetime64[D]")


def days(texts: np.ndarray) -> list[str]:
    return [str(item) for item in texts.astype("datetime64[D]")]


def hours(day_list: np.ndarray, first: int, step: int, count: int) -> np.ndarray:
    """Return ``count`` stamps a day, the first ``first`` minutes after midnight."""
    return (
        day_list.astype("datetime64[m]")[:, None] + (first + step * np.arange(count)) * MINUTE
    ).ravel()


YEARS = sessions("1998-01-01", "2018-12-31")


# --- frequency


@pytest.mark.parametrize(
    ("ds", "freq"),
    [
        (YEARS, "1D"),
        (YEARS[:2], "1D"),
        (np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"), "1D"),
        (np.busday_offset("2020-01-06", 5 * np.arange(60), roll="preceding"), "1W"),
        (YEARS[np.flatnonzero(np.diff(YEARS.astype("datetime64[W]").astype(int)))], "1W"),
        (YEARS[np.flatnonzero(np.diff(YEARS.astype("datetime64[M]").astype(int)))], "1M"),
        (np.arange("2000-01", "2003-01", dtype="datetime64[M]"), "1M"),
        (np.arange("2000-01", "2012-01", 3, dtype="datetime64[M]"), "3M"),
        (np.arange("1950", "2000", dtype="datetime64[Y]"), "12M"),
        (hours(YEARS[:20], 570, 60, 7), "1h"),
        (hours(YEARS[:20], 570, 5, 78), "5min"),
        (hours(YEARS[:5], 570, 1, 390), "1min"),
        (hours(YEARS[:60], 570, 240, 2), "4h"),
        (hours(np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]"), 0, 240, 6), "4h"),
        (
            np.datetime64("2020-01-01T00:00:00") + 30 * np.arange(100).astype("timedelta64[s]"),
            "30s",
        ),
        (YEARS[::7], ""),
        (YEARS[:1], ""),
        (YEARS[:0], ""),
        (
            np.datetime64("2020-01-01T00:00:00")
            + np.cumsum(np.arange(1, 60) ** 2).astype("timedelta64[s]"),
            "",
        ),
    ],
)
def test_frequency(ds: np.ndarray, freq: str) -> None:
    assert infer_freq(ds) == freq


STEPS = {"1min": 1, "5min": 5, "15min": 15, "1h": 60, "4h": 240}


@given(freq=st.sampled_from(sorted(STEPS)), seed=st.integers(0, 2**32), lost=st.floats(0, 0.3))
def test_lost_bars_do_not_change_the_frequency(freq: str, seed: int, lost: float) -> None:
    ds = np.datetime64("2021-03-01T00:00") + STEPS[freq] * MINUTE * np.arange(400)
    kept = np.random.default_rng(seed).random(400) >= lost
    assert infer_freq(ds[kept]) == freq


def test_daily_bars_stamped_at_the_close_in_utc_are_daily_across_summer_time() -> None:
    utc = YEARS.astype("datetime64[h]") + np.where(
        np.isin(YEARS.astype("datetime64[M]").astype(int) % 12, range(3, 10)), 20, 21
    )
    assert infer_freq(utc) == "1D"


# --- calendar


@pytest.mark.parametrize(
    ("symbol", "calendar"),
    [
        ("BTC-USD", "24/7"), ("eth-eur", "24/7"), ("EURUSD=X", "weekdays"), ("ES=F", "CMES"),
        ("SAP.DE", "XFRA"), ("VOD.L", "XLON"),
        ("MC.PA", "XPAR"), ("PKO.WA", "XWAR"), ("7203.T", "XTKS"), ("0700.HK", "XHKG"), ("RY.TO",
        "XTSE"), ("BHP.AX", "XASX"),
        ("^GSPC", "XNYS"), ("^N225", "XTKS"), ("aapl.us", "XNYS"), ("BRK-B", "weekdays"),
    ],
)  # fmt: skip
def test_the_ticker_names_the_calendar(symbol: str, calendar: str) -> None:
    no_holiday = np.busday_offset("2020-03-02", np.arange(10))
    assert infer_calendar(symbol, no_holiday, "1D") == calendar


@pytest.mark.slow
def test_every_code_that_can_be_inferred_is_known_to_exchange_calendars() -> None:
    codes = {*inference.SUFFIXES.values(), *inference.INDICES.values(), "CMES"}
    assert [
        code for code in sorted(codes) if not known_until(code) > np.datetime64("2026-12-01")
    ] == []


@pytest.mark.parametrize("freq", ["1D", "1h"])
def test_american_holidays_give_america_away(freq: str) -> None:
    us = YEARS[-300:]
    europe = sessions("2017-10-01", "2018-12-31", "XFRA")
    canada = sessions("2017-10-01", "2018-12-31", "XTSE")
    every = np.busday_offset("2018-01-01", np.arange(250))
    spread = (lambda ds: hours(ds, 570, 60, 7)) if freq == "1h" else (lambda ds: ds)
    found = [infer_calendar("prices", spread(ds), freq) for ds in (us, europe, canada, every)]
    assert found == ["XNYS", "weekdays", "weekdays", "weekdays"]


def test_weekends_mean_always_open_whatever_the_name() -> None:
    assert (
        infer_calendar("SAP.DE", np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"), "1D")
        == "24/7"
    )
    assert (
        infer_calendar(
            "gold", np.arange("2020-01-05", "2022-01-01", 7, dtype="datetime64[D]"), "1W"
        )
        == "weekdays"
    ), "weeks dated Sunday"


def test_minutes_that_fill_a_sunday_never_close_those_that_touch_it_do() -> None:
    coin = np.arange(np.datetime64("2023-01-01T08:00"), np.datetime64("2023-01-02T00:40"), MINUTE)
    pair = np.arange(np.datetime64("2023-01-01T22:00"), np.datetime64("2023-01-03T00:40"), MINUTE)
    tel_aviv = hours(np.arange("2023-01-01", "2023-01-05", dtype="datetime64[D]"), 600, 15, 29)
    assert [infer_calendar("x", ds, "1min") for ds in (coin, pair, tel_aviv)] == [
        "24/7",
        "weekdays",
        "weekdays",
    ]


def test_a_zone_decides_only_where_the_dates_do_not() -> None:
    short = np.busday_offset("2020-03-02", np.arange(10))
    every = np.busday_offset("2018-01-01", np.arange(250))
    assert infer_calendar("AAPL", short, "1D", "America/New_York") == "XNYS"
    assert infer_calendar("AAPL", every, "1D", "America/New_York") == "weekdays"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param("1953-01-01", "1968-06-01", marks=pytest.mark.slow),
        ("1967-01-01", "1974-12-31"),
        pytest.param("2018-01-01", "2024-12-31", marks=pytest.mark.slow),
    ],
)
def test_every_age_has_its_american_holidays(first: str, last: str) -> None:
    everyday = np.arange(first, last, dtype="datetime64[D]")
    nothing = series(everyday[[0, -1]], "1D")
    assert infer_calendar("dow", missing_sessions(nothing), "1D") == "XNYS"


# --- the future, by days


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, YEARS.size - 120), horizon=st.integers(1, 100))
def test_daily_forecasts_stand_on_the_very_next_sessions(cut: int, horizon: int) -> None:
    assert np.array_equal(
        future_sessions(series(YEARS[:cut], "1D"), horizon),
        YEARS[cut : cut + horizon].astype("datetime64[us]"),
    )


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(
    calendar="24/7", freq="5min", tz="America/New_York", start=-1161, horizon=1, seed=0
)  # an hour comes twice in it
@given(
    calendar=st.sampled_from(
        ["XNYS", "XLON", "XTKS", "XHKG", "XSHG", "XTAE", "XSAU", "CMES", "24/7", "weekdays"]
    ),
    freq=st.sampled_from(["5min", "1h", "4h", "1D", "1W", "1M", "3M", ""]),
    tz=st.sampled_from(
        ["", "UTC", "America/New_York", "Asia/Tokyo", "Europe/London", "Australia/Sydney"]
    ),
    start=st.integers(-20_000, 60_000),
    horizon=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_dates_are_strictly_increasing_and_after_the_last_bar(
    calendar: str, freq: str, tz: str, start: int, horizon: int, seed: int
) -> None:
    first = np.datetime64(start, "D")
    number = {"1W": 40, "1M": 30, "3M": 30, "1D": 60}.get(freq, 20)
    if freq.endswith("M"):
        ds = (first.astype("datetime64[M]") + int(freq[0]) * np.arange(number)).astype(
            "datetime64[D]"
        ) + start % 28
    elif freq in ("1D", "1W"):
        ds = first + (7 if freq == "1W" else 1) * np.arange(number)
    elif freq:
        step = STEPS[freq]
        ds = hours(
            np.busday_offset(first, np.arange(number), roll="forward"), 540, step, 480 // step
        )
    else:
        ds = first + np.cumsum(np.random.default_rng(seed).integers(1, 30, number))
    item = series(ds, freq, calendar, tz)
    future = future_sessions(item, horizon)
    assert future.shape == (horizon,)
    assert future.dtype == np.dtype("datetime64[us]")
    assert future[0] > item.ds[-1]
    assert (np.diff(future) > np.timedelta64(0)).all()
    assert (np.diff(missing_sessions(item)) > np.timedelta64(0)).all()


@pytest.mark.parametrize(
    ("last", "calendar", "expected"),
    [
        ("2018-12-21", "XNYS", ["2018-12-24", "2018-12-26"]),
        ("2018-12-04", "XNYS", ["2018-12-06", "2018-12-07"]),  # the funeral of President Bush
        ("2001-09-10", "XNYS", ["2001-09-17", "2001-09-18"]),
        ("2012-10-26", "XNYS", ["2012-10-31", "2012-11-01"]),  # hurricane Sandy
        ("2022-06-17", "XNYS", ["2022-06-21", "2022-06-22"]),  # Juneteenth
        ("2015-04-02", "XLON", ["2015-04-07", "2015-04-08"]),  # Easter
        ("2019-04-26", "XTKS", ["2019-05-07", "2019-05-08"]),  # ten days for the new emperor
        ("2024-02-08", "XSHG", ["2024-02-19", "2024-02-20"]),  # Spring Festival
        ("2015-12-24", "weekdays", ["2015-12-25", "2015-12-28"]),
        ("2015-12-24", "24/7", ["2015-12-25", "2015-12-26"]),
        ("1962-07-03", "XNYS", ["1962-07-05", "1962-07-06"]),
        ("2210-12-24", "XNYS", ["2210-12-26", "2210-12-27"]),
    ],
)
def test_known_holidays(last: str, calendar: str, expected: list[str]) -> None:
    ds = np.datetime64(last) - np.arange(3)[::-1] * DAY
    assert days(future_sessions(series(ds, "1D", calendar), 2)) == expected


@pytest.mark.parametrize(
    ("last", "calendar", "expected"),
    [
        ("2299-12-29", "XNYS", ["2300-01-02", "2300-01-03"]),  # nanoseconds end in 2262
        ("2099-12-31", "XSHG", ["2100-01-04", "2100-01-05"]),
        ("2026-12-31", "XBOM", ["2027-01-01", "2027-01-04"]),
        (
            "2027-01-25",
            "XBOM",
            ["2027-01-27", "2027-01-28"],
        ),  # Republic Day, which comes back every year
        (
            "2027-03-25",
            "XSES",
            ["2027-03-29", "2027-03-30"],
        ),  # Good Friday; Singapore has no Easter Monday
        (
            "1990-04-27",
            "XTKS",
            ["1990-04-30", "1990-05-01"],
        ),  # exchange_calendars knows Tokyo from 1997 on
    ],
)
def test_beyond_what_is_known_the_last_known_years_go_on(
    last: str, calendar: str, expected: list[str]
) -> None:
    assert (
        days(future_sessions(series(np.array([np.datetime64(last)]), "1D", calendar), 2))
        == expected
    )


def test_a_forecast_that_crosses_the_end_of_knowledge_keeps_the_holidays() -> None:
    future = future_sessions(series(np.array([np.datetime64("2259-12-23")]), "1D"), 8)
    assert days(future) == [
        "2259-12-27",
        "2259-12-28",
        "2259-12-29",
        "2259-12-30",
        "2260-01-03",
        "2260-01-04",
        "2260-01-05",
        "2260-01-06",
    ]


def test_a_week_from_sunday_to_thursday_is_learnt_from_the_series() -> None:
    ds = np.arange("2020-01-05", "2020-03-05", dtype="datetime64[D]")
    ds = ds[np.isin((ds.astype(int) + 3) % 7, [6, 0, 1, 2, 3])]
    future = future_sessions(series(ds, "1D", "weekdays"), 10)
    assert days(future)[:3] == ["2020-03-05", "2020-03-08", "2020-03-09"]
    assert not np.isin((future.astype("datetime64[D]").astype(int) + 3) % 7, [4, 5]).any()


def test_daily_bars_keep_their_time_of_day() -> None:
    future = future_sessions(series(YEARS[-30:].astype("datetime64[h]") + 16, "1D"), 2)
    assert [str(item)[:16] for item in future] == ["2019-01-02T16:00", "2019-01-03T16:00"]


def test_midnight_of_tokyo_written_in_utc_follows_tokyo() -> None:
    tokyo = sessions("2019-03-01", "2019-04-26", "XTKS")
    future = future_sessions(series(tokyo.astype("datetime64[h]") - 9, "1D", "XTKS", "UTC"), 2)
    assert [str(item)[:16] for item in future] == ["2019-05-06T15:00", "2019-05-07T15:00"]


# --- the future, by weeks and months


def test_weeks_keep_their_weekday_even_after_a_short_week() -> None:
    fridays = np.arange("2018-01-05", "2018-04-06", 7, dtype="datetime64[D]")
    fridays[-1] = np.datetime64("2018-03-29")  # the Thursday before Good Friday
    assert days(future_sessions(series(fridays, "1W"), 2)) == ["2018-04-06", "2018-04-13"]
    mondays = np.arange("2018-01-01", "2018-05-29", 7, dtype="datetime64[D]")
    mondays[-1] = np.datetime64("2018-05-29")  # the Tuesday after Memorial Day
    assert days(future_sessions(series(mondays, "1W"), 2)) == ["2018-06-04", "2018-06-11"]


def _month_ends(months: np.ndarray) -> np.ndarray:
    return (months + np.timedelta64(1, "M")).astype("datetime64[D]") - DAY


def _last_sessions(months: np.ndarray) -> np.ndarray:
    return YEARS[
        np.searchsorted(YEARS, (months + np.timedelta64(1, "M")).astype("datetime64[D]")) - 1
    ]


def _first_sessions(months: np.ndarray) -> np.ndarray:
    return YEARS[np.searchsorted(YEARS, months.astype("datetime64[D]"))]


@pytest.mark.parametrize(
    "dated",
    [
        lambda months: months.astype("datetime64[D]"),
        _month_ends,
        _last_sessions,
        _first_sessions,
        lambda months: months.astype("datetime64[D]") + 14,
        lambda months: np.minimum(months.astype("datetime64[D]") + 29, _month_ends(months)),
    ],
    ids=[
        "first day",
        "last day",
        "last session",
        "first session",
        "the 15th",
        "the 30th, or the end",
    ],
)
@pytest.mark.parametrize("step", [1, 3])
def test_months_keep_their_convention(dated: Callable[[np.ndarray], np.ndarray], step: int) -> None:
    months = np.arange("2008-01", "2018-12", step, dtype="datetime64[M]")
    past, coming = dated(months[:-12]), dated(months[-12:])
    assert days(future_sessions(series(past, f"{step}M"), 12)) == days(coming)


def test_a_month_under_way_does_not_hide_the_convention() -> None:
    ds = np.append(
        _month_ends(np.arange("2017-01", "2018-06", dtype="datetime64[M]")),
        np.datetime64("2018-06-12"),
    )
    assert days(future_sessions(series(ds, "1M"), 2)) == ["2018-07-31", "2018-08-31"]


# --- the future, within the day


def test_hours_end_early_on_half_days() -> None:
    past = hours(sessions("2018-11-01", "2018-11-21"), 570, 60, 7)
    future = future_sessions(series(past, "1h", tz="America/New_York"), 12)
    friday = [str(item)[11:16] for item in future if str(item).startswith("2018-11-23")]
    assert friday == ["09:30", "10:30", "11:30", "12:30"], (
        "the day after Thanksgiving ends at 13:00"
    )
    assert str(future[4])[:16] == "2018-11-26T09:30"


def test_bars_named_by_their_end_may_stand_on_the_close() -> None:
    past = hours(sessions("2018-11-01", "2018-11-21"), 600, 30, 13)
    future = future_sessions(series(past, "30min", tz="America/New_York"), 20)
    friday = [str(item)[11:16] for item in future if str(item).startswith("2018-11-23")]
    assert friday[-1] == "13:00"


def test_the_rest_of_a_begun_day_comes_first() -> None:
    past = hours(sessions("2018-10-01", "2018-10-31"), 570, 60, 7)[:-3]
    future = future_sessions(series(past, "1h"), 4)
    assert [str(item)[5:16] for item in future] == [
        "10-31T13:30",
        "10-31T14:30",
        "10-31T15:30",
        "11-01T09:30",
    ]


@pytest.mark.parametrize("winter_days", [4, 20])
def test_openings_of_summer_and_winter_are_not_put_together(winter_days: int) -> None:
    all_days = np.busday_offset("2024-09-02", np.arange(60))
    past = np.concatenate(
        [
            hours(all_days[:-winter_days], 13 * 60 + 30, 60, 7),
            hours(all_days[-winter_days:], 14 * 60 + 30, 60, 7),
        ]
    )
    future = future_sessions(series(past, "1h", "weekdays"), 14)
    assert sorted({str(item)[11:16] for item in future}) == [f"{hour}:30" for hour in range(14, 21)]


def test_lunch_is_kept() -> None:
    tokyo = sessions("2018-06-01", "2018-06-29", "XTKS")
    past = np.sort(np.concatenate([hours(tokyo, 540, 30, 5), hours(tokyo, 750, 30, 5)]))
    future = future_sessions(series(past, "30min", "XTKS", "Asia/Tokyo"), 10)
    assert [str(item)[11:16] for item in future] == [
        f"{m // 60:02d}:{m % 60:02d}" for m in (*range(540, 690, 30), *range(750, 900, 30))
    ]


def test_hours_written_in_utc_move_with_summer_time() -> None:
    past = hours(
        sessions("2019-02-19", "2019-03-08"), 570 + 300, 60, 7
    )  # winter: New York is five hours behind
    future = future_sessions(series(past, "1h", tz="UTC"), 7)
    assert [str(item)[:16] for item in future[:2]] == ["2019-03-11T13:30", "2019-03-11T14:30"]


def test_currencies_open_on_sunday_evening_and_close_on_friday() -> None:
    week = np.arange(
        np.datetime64("2020-01-05T22:00"), np.datetime64("2020-01-10T22:00"), 60 * MINUTE
    )
    past = np.concatenate([week + 7 * k * DAY for k in range(8)])
    future = future_sessions(series(past, "1h", "weekdays"), 24)
    assert np.array_equal(future, (week[:24] + 56 * DAY).astype("datetime64[us]"))


def test_a_day_and_a_half_of_a_currency_goes_on_through_the_clock() -> None:
    pair = np.arange(
        np.datetime64("2023-01-02T08:00"), np.datetime64("2023-01-03T00:40"), 5 * MINUTE
    )
    future = future_sessions(series(pair, "5min", "weekdays"), 288)
    assert np.array_equal(
        future, (pair[-1] + 5 * MINUTE * np.arange(1, 289)).astype("datetime64[us]")
    )


def test_futures_open_on_sunday_evening_except_on_holidays() -> None:
    week = np.arange(
        np.datetime64("2019-10-06T17:00"), np.datetime64("2019-10-11T16:00"), 60 * MINUTE
    )
    past = np.concatenate([week + 7 * k * DAY for k in range(8)])
    future = future_sessions(series(past, "1h", "CMES", "America/Chicago"), 3)
    assert [str(item)[:16] for item in future] == [
        "2019-12-01T17:00",
        "2019-12-01T18:00",
        "2019-12-01T19:00",
    ]


@pytest.mark.parametrize(
    ("last", "tz", "expected"),
    [
        ("2021-03-27T23:00", "UTC", ["03-28T00:00", "03-28T01:00", "03-28T02:00", "03-28T03:00"]),
        (
            "2021-03-28T00:00",
            "Europe/Berlin",
            ["03-28T01:00", "03-28T03:00", "03-28T04:00", "03-28T05:00"],
        ),
        (
            "2021-10-31T00:00",
            "Europe/Berlin",
            ["10-31T01:00", "10-31T02:00", "10-31T03:00", "10-31T04:00"],
        ),
    ],
)
def test_what_never_closes_steps_on_through_summer_time(
    last: str, tz: str, expected: list[str]
) -> None:
    ds = np.datetime64(last) - np.arange(20)[::-1] * 60 * MINUTE
    assert [
        str(item)[5:16] for item in future_sessions(series(ds, "1h", "24/7", tz), 4)
    ] == expected


def test_irregular_bars_step_by_their_median() -> None:
    ds = np.array(["2020-01-01", "2020-01-03", "2020-01-07", "2020-01-09"], "datetime64[D]")
    assert days(future_sessions(series(ds, "", "weekdays"), 2)) == ["2020-01-11", "2020-01-13"]
    with pytest.raises(DataError, match="has 1 bar of unknown frequency"):
        future_sessions(series(ds[:1], "", "weekdays"), 2)


# --- what is missing


@settings(max_examples=30, deadline=None)
@given(gone=st.sets(st.integers(1, 998), max_size=40))
def test_missing_days_are_found_exactly(gone: set[int]) -> None:
    all_days = YEARS[:1000]
    missing = missing_sessions(series(np.delete(all_days, sorted(gone)), "1D"))
    assert days(missing) == days(all_days[sorted(gone)])


def test_missing_weeks_months_and_steps() -> None:
    weeks = np.arange("2018-01-05", "2018-06-01", 7, dtype="datetime64[D]")
    assert days(missing_sessions(series(np.delete(weeks, [3, 4]), "1W"))) == days(weeks[[3, 4]])
    months = np.arange("2018-01", "2019-01", dtype="datetime64[M]")
    assert days(missing_sessions(series(np.delete(months, 5), "1M"))) == ["2018-06-01"]
    steps = np.datetime64("2020-01-01T00:00") + 5 * MINUTE * np.arange(1000)
    assert np.array_equal(
        missing_sessions(series(np.delete(steps, [7, 500]), "5min", "24/7", "UTC")), steps[[7, 500]]
    )
    assert missing_sessions(series(YEARS[::7], "")).size == 0
    assert missing_sessions(series(YEARS[:1], "1D")).size == 0


def test_summer_time_is_no_gap() -> None:
    utc = np.arange(
        np.datetime64("2021-03-27T00:00"), np.datetime64("2021-03-29T00:00"), 60 * MINUTE
    )
    berlin = utc + np.where(utc < np.datetime64("2021-03-28T01:00"), 60, 120) * MINUTE
    assert missing_sessions(series(berlin, "1h", "24/7", "Europe/Berlin")).size == 0


def test_a_day_without_any_bar_is_missing_from_hours_a_half_day_is_not() -> None:
    some = sessions("2018-11-12", "2018-11-30")
    past = hours(np.delete(some, 4), 570, 60, 7)
    assert days(missing_sessions(series(past, "1h", tz="America/New_York"))) == [str(some[4])]


def test_decades_before_1970_have_no_false_gaps() -> None:
    fridays = np.array(["1963-11-15", "1963-11-18", "1963-11-29"], "datetime64[D]")
    missing = days(missing_sessions(series(fridays, "1D")))
    assert missing == [
        "1963-11-19",
        "1963-11-20",
        "1963-11-21",
        "1963-11-22",
        "1963-11-26",
        "1963-11-27",
    ], "neither funeral nor Thanksgiving"


# --- errors and cost


def test_what_is_known_has_an_end() -> None:
    assert np.isnat(known_until("weekdays"))
    assert known_until("XNYS") > np.datetime64("2200-01-01")
    assert known_until("XSHG") < np.datetime64("2100-01-01")
    with pytest.raises(DataError, match="The calendar 'XXXX' is unknown"):
        known_until("XXXX")


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Dublin", "Pacific/Auckland", "Asia/Kolkata", "UTC"]
)
def test_a_few_times_move_between_zones_as_many_do(zone: str) -> None:
    rng = np.random.default_rng(1)
    span = [np.datetime64(day, "us").astype(np.int64) for day in ("1950-01-01", "2037-12-31")]
    ds = rng.integers(*span, 80).astype("datetime64[us]")
    nights = [f"{day}T{hour}:15" for day in CHANGES for hour in ("01", "02", "03")]
    few = np.sort(np.concatenate([ds, np.array(nights, "datetime64[us]")]))
    many = np.tile(few, 5)
    for source, target in ((zone, "Europe/London"), ("Europe/London", zone)):
        moved = exchange.rezoned(few, source, target)
        assert moved.dtype == few.dtype
        np.testing.assert_array_equal(moved, exchange.rezoned(many, source, target)[: few.size])


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path))
    exchange._exchange.cache_clear()
    exchange._end_known.cache_clear()
    return tmp_path / "cache"


def test_sessions_of_before_need_neither_exchange_calendars_nor_pandas(empty_cache: Path) -> None:
    first, last = np.datetime64("2021-01-04"), np.datetime64("2024-12-31")
    made = exchange.exchange_for("XNYS", first, last)
    assert made is not None
    code = (
        "import sys; import numpy as np; from forecasting.calendars import exchange, known_until\n"
        f"made = exchange.exchange_for('XNYS', np.datetime64('{first}'), np.datetime64('{last}'))\n"
        "print(made.days.astype(int).sum(), made.closes.astype(int).sum(), made.tz, made.first,"
        " made.last, known_until('XNYS'), {'exchange_calendars', 'pandas'} & set(sys.modules))"
    )
    known = known_until("XNYS")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    expected = (made.days, made.closes)
    sums = " ".join(str(item.astype(int).sum()) for item in expected)
    assert done.stdout.strip() == f"{sums} {made.tz} {made.first} {made.last} {known} set()"


def test_damaged_sessions_are_computed_anew(empty_cache: Path) -> None:
    found = known_until("XNYS")
    (file,) = empty_cache.iterdir()
    other = io.BytesIO()
    write_archive(other, {}, {"other": np.zeros(1)})
    for damaged in (b"", file.read_bytes()[:-40], other.getvalue()):
        file.write_bytes(damaged)
        exchange._end_known.cache_clear()
        assert known_until("XNYS") == found
        assert file.read_bytes() != damaged


def test_a_calendar_of_the_program_itself_is_not_kept(empty_cache: Path) -> None:
    exchange_calendars.register_calendar_alias("MINE", "XLON")
    try:
        assert known_until("MINE") == known_until("XLON")
    finally:
        exchange_calendars.deregister_calendar("MINE")
    assert [file.name.split("-")[1] for file in empty_cache.iterdir()] == ["XLON"]


def test_unknown_names_are_errors_in_words() -> None:
    with pytest.raises(DataError, match="The calendar 'XXXX' is unknown"):
        future_sessions(series(YEARS[:5], "1D", "XXXX"), 3)
    with pytest.raises(DataError, match="The frequency 'often' is unknown"):
        future_sessions(series(YEARS[:5], "often"), 3)
    assert future_sessions(series(YEARS[:5], "1D"), 0).size == 0


def test_inferring_imports_neither_pandas_nor_exchange_calendars() -> None:
    code = """
import sys, numpy as np
from forecasting.calendars import infer_calendar, infer_freq
ds = np.busday_offset("2018-01-01", np.arange(600))
assert infer_calendar("AAPL", ds, infer_freq(ds)) == "weekdays"
heavy = {"pandas", "exchange_calendars", "torch"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=__file__.rpartition("tests")[0])
