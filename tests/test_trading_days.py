"""Which exchange a file is of, told by its own dates: holidays, hours and weeks of
exchange_calendars are the judge.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from forecasting import jobs
from forecasting.calendars import future_sessions, missing_sessions, recognition
from forecasting.calendars.exchange import exchange_for
from forecasting.calendars.recognition import recognise
from forecasting.calendars.table_cache import cache_file
from forecasting.calendars.week import TradingWeek, easter, orthodox_easter
from forecasting.errors import DataError
from forecasting.events import SeriesLoaded
from forecasting.series import PriceSeries
from forecasting.sources import ReadOptions
from forecasting.sources.unfinished_bar import without_running_bar

DAY = np.timedelta64(1, "D")
MINUTE = np.timedelta64(1, "m")


@lru_cache(maxsize=64)
def _judge(code: str) -> exchange_calendars.ExchangeCalendar:
    """Return what exchange_calendars itself says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return exchange_calendars.get_calendar(code, start="2021-06-01", end="2025-06-30")


def _sessions(code: str) -> np.ndarray:
    if code in ("XTAE", "ASEX", "XMOS"):  # exchange_calendars gets them wrong under pandas 3
        found = exchange_for(code, np.datetime64("2021-06-01"), np.datetime64("2025-06-30"))
        assert found is not None
        return found.days[
            (found.days >= np.datetime64("2021-06-01"))
            & (found.days <= np.datetime64("2025-06-30"))
        ]
    return _judge(code).sessions.to_numpy().astype("datetime64[D]")


def _hours(code: str, step: int, bars: int, zone: str) -> np.ndarray:
    """Return stamps of bars named by their start, the last 260 sessions and some before, in a
    zone.
    """
    judge = _judge(code)
    chosen = judge.schedule.loc["2023-06-01":"2025-06-30"]  # type: ignore[misc]
    stamps = []
    for _, row in chosen.iterrows():
        times = pd.date_range(row["open"], row["close"], freq=f"{step}min", inclusive="left")
        lunch = pd.notna(row["break_start"])
        kept = times[(times < row["break_start"]) | (times >= row["break_end"])] if lunch else times
        stamps.append(kept)
    every = stamps[0].append(stamps[1:]).tz_convert(zone).tz_localize(None)
    return every.to_numpy().astype("datetime64[us]")


def _write(folder: Path, ds: np.ndarray, name: str = "prices.csv", suffix: str = "") -> Path:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, ds.size)))
    daily = not (ds - ds.astype("datetime64[D]")).any()
    texts = ds.astype("datetime64[D]" if daily else "datetime64[s]").astype(str)
    rows = [
        f"{day.replace('T', ' ')}{suffix},{value:.4f}"
        for day, value in zip(texts, close, strict=True)
    ]
    path = folder / name
    path.write_text("Date,Close\n" + "\n".join(rows) + "\n")
    return path


def _load(path: Path, **options: str) -> PriceSeries:
    events = list(jobs.load([str(path)], ReadOptions(**options)))
    return next(event for event in reversed(events) if isinstance(event, SeriesLoaded)).panel[0]


def _codes(series: PriceSeries) -> dict[str, str]:
    return {finding.code: finding.message for finding in series.findings}


def _days(ds: np.ndarray) -> list[str]:
    return [str(day) for day in ds.astype("datetime64[D]")]


FEW = ("XNYS", "XLON", "XTKS", "XSHG", "XSAU", "XTAE")
MANY = (
    "XNYS", "XLON", "XETR", "XPAR", "XSWX", "XMIL", "XMAD", "XSTO", "XOSL", "XCSE", "XHEL", "XWAR",
    "XPRA", "XBUD", "ASEX", "XIST",
    "XTAE", "XSAU", "XJSE", "XBOM", "XTKS", "XHKG", "XSHG", "XKRX", "XTAI", "XSES", "XKLS", "XBKK",
    "XIDX", "XASX", "XNZE", "XTSE",
    "XMEX", "BVMF", "XBUE", "XSGO", "XBOG", "XLIM", "CMES", "XMOS",
)  # fmt: skip


def _check_days(code: str, cut: str) -> None:
    sessions = _sessions(code)
    index = int(np.searchsorted(sessions, np.datetime64(cut)))
    past = sessions[max(0, index - 620) : index]
    plain = PriceSeries(
        "prices", past.astype("datetime64[us]"), ("close",), np.ones((past.size, 1)), "1D"
    )
    found = recognise(plain)
    assert found.calendar, f"{code} is not recognised"
    own = PriceSeries("prices", plain.ds, ("close",), plain.values, "1D", calendar=found.calendar)
    assert _days(future_sessions(own, 30)) == _days(sessions[index : index + 30]) or found.rivals, (
        code
    )


@pytest.mark.parametrize(
    ("code", "open_on", "closed_on"),
    [
        (
            "ASEX",
            ["2024-03-28", "2024-05-02"],
            ["2024-03-18", "2024-05-03", "2024-05-06", "2024-06-24"],
        ),
        (
            "XTAE",
            ["2024-04-21", "2024-03-31"],
            ["2024-04-22", "2024-04-23", "2024-04-29", "2024-05-14", "2024-10-03", "2024-10-17"],
        ),
        ("XMOS", ["2024-04-27", "2024-11-02", "2024-12-28"], ["2024-05-09", "2024-11-04"]),
        ("XBOM", ["2024-01-20", "2025-02-01"], ["2024-01-26", "2024-01-27"]),
    ],
)
def test_calendars_that_go_wrong_under_pandas_3_are_mended(
    code: str, open_on: list[str], closed_on: list[str]
) -> None:
    found = exchange_for(code, np.datetime64("2024-01-01"), np.datetime64("2025-12-31"))
    assert found is not None
    assert np.isin(np.array(open_on, "datetime64[D]"), found.days).all()
    assert not np.isin(np.array(closed_on, "datetime64[D]"), found.days).any()
    assert found.closes.shape == found.days.shape
    assert (found.closes > found.days).all()


@pytest.mark.parametrize(
    ("code", "close"),
    [
        ("XNYS", "2024-07-03T13:00"),
        ("XHKG", "2024-02-09T12:00"),
        ("XKRX", "2012-11-08T16:00"),  # the day of the entrance examination
        ("XTAE", "2024-04-24T14:15"),
        ("XTAE", "2024-06-02T15:40"),  # a Sunday
    ],
)
def test_half_days_and_shifted_days_end_when_they_end(code: str, close: str) -> None:
    stamp = np.datetime64(close, "us")
    found = exchange_for(code, stamp, stamp)
    assert found is not None
    assert found.closes[found.days == stamp.astype("datetime64[D]")] == stamp


@pytest.mark.slow
@pytest.mark.parametrize("code", sorted(set(MANY) - {"ASEX", "XTAE", "XMOS", "XBOM", "XKRX"}))
def test_sessions_and_closes_are_those_of_exchange_calendars(code: str) -> None:
    judge = _judge(code)
    found = exchange_for(code, np.datetime64("2021-06-01"), np.datetime64("2025-06-30"))
    assert found is not None
    inside = (found.days >= np.datetime64("2021-06-01")) & (
        found.days <= np.datetime64("2025-06-30")
    )
    assert np.array_equal(found.days[inside], judge.sessions.to_numpy().astype("datetime64[D]"))
    closes = judge.closes.dt.tz_convert(judge.tz).dt.tz_localize(None)
    assert np.array_equal(found.closes[inside], closes.to_numpy().astype("datetime64[us]"))


@pytest.mark.slow
def test_a_damaged_table_of_exchanges_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path))
    path = cache_file("exchanges")
    assert path is not None
    before = recognition.candidates()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK\3\4" + bytes(500))
    recognition.candidates.cache_clear()
    made = recognition.candidates()
    recognition.candidates.cache_clear()
    read = recognition.candidates()
    for table in (made, read):
        assert table.codes == before.codes
        assert table.zones == before.zones
        assert np.array_equal(table.trading, before.trading)
        assert np.array_equal(table.known, before.known)
        assert [set(item) for item in table.opens] == [set(item) for item in before.opens]


@pytest.mark.parametrize("code", FEW)
def test_an_exchange_is_told_by_its_holidays(code: str) -> None:
    _check_days(code, "2024-12-20")


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["2024-03-15", "2024-04-25", "2024-09-20", "2024-12-20"])
@pytest.mark.parametrize("code", MANY)
def test_every_large_exchange_is_told_by_its_holidays(code: str, cut: str) -> None:
    _check_days(code, cut)


def _check_hours(code: str, zone: str, named: bool, folder: Path) -> None:
    own = str(_judge(code).tz)
    stamps = _hours(code, 60, 7, zone or own)
    cut = int(np.searchsorted(stamps, np.datetime64("2025-03-06T12:00")))
    cut = int(np.searchsorted(stamps.astype("datetime64[D]"), stamps[cut].astype("datetime64[D]")))
    path = _write(folder, stamps[:cut], suffix="Z" if named else "")
    series = _load(path)
    assert np.array_equal(future_sessions(series, 60), stamps[cut : cut + 60]), (
        code,
        zone,
        series.calendar,
        series.tz,
    )


@pytest.mark.parametrize(
    ("code", "zone", "named"), [("XNYS", "UTC", True), ("XLON", "UTC", False), ("XTKS", "", False)]
)
def test_hours_of_an_exchange_go_on_in_its_clock(
    code: str, zone: str, named: bool, tmp_path: Path
) -> None:
    _check_hours(code, zone, named, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "named"), [("UTC", True), ("UTC", False), ("", False)])
@pytest.mark.parametrize(
    "code",
    [
        "XNYS",
        "XLON",
        "XETR",
        "XTKS",
        "XHKG",
        "XSHG",
        "XTSE",
        "XASX",
        "XBOM",
        "BVMF",
        "XSWX",
        "XSTO",
        "XJSE",
        "XKRX",
    ],
)
def test_hours_of_every_large_exchange(code: str, zone: str, named: bool, tmp_path: Path) -> None:
    _check_hours(code, zone, named, tmp_path)


def test_hours_in_utc_open_on_the_half_day_after_thanksgiving(tmp_path: Path) -> None:
    stamps = _hours("XNYS", 60, 7, "UTC")
    past = stamps[(stamps > np.datetime64("2024-09-05")) & (stamps < np.datetime64("2024-11-28"))]
    series = _load(_write(tmp_path, past, suffix="Z"))
    assert series.calendar == "XNYS"
    assert [str(item)[5:16] for item in future_sessions(series, 5)] == [
        "11-29T14:30", "11-29T15:30", "11-29T16:30", "11-29T17:30", "12-02T14:30",
    ]  # fmt: skip


def test_xetra_rests_over_christmas_and_a_rival_is_named(tmp_path: Path) -> None:
    sessions = _sessions("XETR")
    past = sessions[
        (sessions >= np.datetime64("2022-08-22")) & (sessions <= np.datetime64("2024-12-20"))
    ]
    series = _load(_write(tmp_path, past))
    assert series.calendar == "XFRA"
    assert _days(future_sessions(series, 4)) == [
        "2024-12-23",
        "2024-12-27",
        "2024-12-30",
        "2025-01-02",
    ]
    assert "XPAR" in _codes(series)["calendar"]
    assert "gaps" not in _codes(series)


def test_an_unknown_exchange_skips_the_holidays_that_its_file_shows(tmp_path: Path) -> None:
    days = np.arange("2018-01-01", "2024-12-20", dtype="datetime64[D]")
    days = days[(days.astype(np.int64) + 3) % 7 < 5]
    years = np.arange(2018, 2025)
    closed = [
        f"{year}-{day}" for year in years for day in ("01-01", "12-25", "03-17", "08-05", "10-09")
    ]
    feast = easter(years) - 2 * DAY
    moving = [
        f"{2018 + index}-{day}"
        for index, day in enumerate(("06-05", "05-29", "05-19", "05-11", "04-28", "04-20", "04-09"))
    ]
    series = _load(
        _write(
            tmp_path,
            days[
                ~np.isin(days, np.array([*closed, *moving], "datetime64[D]"))
                & ~np.isin(days, feast)
            ],
        )
    )
    assert series.calendar == "weekdays"
    message = _codes(series)["calendar"]
    assert "25 December" in message
    assert "Good Friday" in message
    assert "17 March" in message
    assert "2024-12-25" not in _days(future_sessions(series, 6))
    future = _days(future_sessions(series, 90))
    assert not {"2025-01-01", "2025-03-17", "2025-04-18"} & set(future)
    assert "2025-01-02" in future


def test_a_plain_week_without_holidays_says_nothing(tmp_path: Path) -> None:
    days = np.arange("2021-01-01", "2024-12-20", dtype="datetime64[D]")
    series = _load(_write(tmp_path, days[(days.astype(np.int64) + 3) % 7 < 5]))
    assert "calendar" not in _codes(series)
    assert _days(future_sessions(series, 4))[-1] == "2024-12-25"


def test_random_gaps_are_no_holidays(tmp_path: Path) -> None:
    days = np.arange("2018-01-01", "2024-12-20", dtype="datetime64[D]")
    days = days[(days.astype(np.int64) + 3) % 7 < 5]
    kept = days[np.random.default_rng(3).random(days.size) > 0.04]
    series = _load(_write(tmp_path, kept))
    assert series.calendar == "weekdays"
    assert TradingWeek(kept).holidays.rules == ()


def test_gaps_do_not_hide_an_exchange() -> None:
    sessions = _sessions("XTKS")[-800:]
    kept = sessions[np.random.default_rng(3).random(sessions.size) > 0.03]
    found = recognise(
        PriceSeries("x", kept.astype("datetime64[us]"), ("close",), np.ones((kept.size, 1)), "1D")
    )
    assert found.calendar == "XTKS"


# --- the trading week


@pytest.mark.parametrize("weeks", [6, 30, 150])
def test_the_week_of_the_newest_bars_goes_on(weeks: int) -> None:
    every = np.arange("2019-01-06", "2022-01-01", dtype="datetime64[D]")
    before = every[np.isin((every.astype(np.int64) + 3) % 7, (6, 0, 1, 2, 3))]
    after = np.arange(np.datetime64("2022-01-03"), np.datetime64("2022-01-03") + 7 * weeks * DAY)
    after = after[(after.astype(np.int64) + 3) % 7 < 5]
    days = np.concatenate([before, after])
    series = PriceSeries(
        "dubai", days.astype("datetime64[us]"), ("close",), np.ones((days.size, 1)), "1D"
    )
    ahead = future_sessions(series, 10)
    assert set(((ahead.astype("datetime64[D]").astype(np.int64) + 3) % 7).tolist()) == {
        0,
        1,
        2,
        3,
        4,
    }
    assert missing_sessions(series).size == 0


def test_saturdays_of_long_ago_are_over() -> None:
    days = np.arange("1945-01-01", "1960-01-01", dtype="datetime64[D]")
    week = (days.astype(np.int64) + 3) % 7
    days = days[(week < 5) | ((week == 5) & (days < np.datetime64("1952-06-01")))]
    series = PriceSeries(
        "dow", days.astype("datetime64[us]"), ("close",), np.ones((days.size, 1)), "1D"
    )
    assert (week_of(future_sessions(series, 20)) < 5).all()
    assert missing_sessions(series).size == 0


def week_of(ds: np.ndarray) -> np.ndarray:
    return (ds.astype("datetime64[D]").astype(np.int64) + 3) % 7


def test_easter_of_both_churches() -> None:
    years = np.array([1961, 2000, 2024, 2025, 2038])
    assert _days(easter(years)) == [
        "1961-04-02",
        "2000-04-23",
        "2024-03-31",
        "2025-04-20",
        "2038-04-25",
    ]
    assert _days(orthodox_easter(years)) == [
        "1961-04-09",
        "2000-04-30",
        "2024-05-05",
        "2025-04-20",
        "2038-04-25",
    ]


# --- what is known of an exchange, and what its last bars say


def test_a_week_that_changes_ahead_is_told_and_followed_where_the_exchange_is_known(
    tmp_path: Path,
) -> None:
    exchange = exchange_for("XTAE", np.datetime64("2021-01-01"), np.datetime64("2026-12-31"))
    assert exchange is not None
    every = np.arange("2021-01-03", "2025-12-19", dtype="datetime64[D]")
    for days, known in (
        (np.intersect1d(every, exchange.days), True),
        (every[np.isin(week_of(every), (6, 0, 1, 2, 3))], False),
    ):
        series = _load(_write(tmp_path, days.astype("datetime64[us]")))
        assert (series.calendar == "XTAE") == known
        assert "Monday to Friday from 2026-01-05 on" in _codes(series)["calendar_week"]
        (finding,) = (item for item in series.findings if item.code == "calendar_week")
        assert finding.severity == ("info" if known else "warning")
        ahead = future_sessions(series, 40).astype("datetime64[D]")
        new = ahead[ahead >= np.datetime64("2026-01-05")]
        assert (6 in week_of(new)) != known
        assert ("Calendar (XTAE)" in finding.message) != known


@pytest.mark.parametrize("named", [True, False])
def test_last_bars_that_contradict_a_calendar_are_told_or_followed(
    named: bool, tmp_path: Path
) -> None:
    every = np.arange("2021-06-01", "2025-07-01", dtype="datetime64[D]")
    days = np.union1d(
        _sessions("XNYS"), every[(week_of(every) == 5) & (every > np.datetime64("2025-05-16"))]
    )
    path = _write(tmp_path, days.astype("datetime64[us]"))
    series = _load(path, trading_calendar="XNYS") if named else _load(path)
    found = _codes(series)
    ahead = week_of(future_sessions(series, 10))
    if named:
        assert "are no sessions of XNYS (Saturday)" in found["calendar_contradicted"]
        assert 5 not in ahead
    else:
        assert "no longer the last ones" in found["calendar"]
        assert 5 in ahead


# --- the end of knowledge, the zone


def test_the_end_of_a_calendar_is_said(tmp_path: Path) -> None:
    days = np.arange("2025-06-02", "2026-11-28", dtype="datetime64[D]")
    path = _write(tmp_path, days[(days.astype(np.int64) + 3) % 7 < 5])
    series = _load(path, trading_calendar="XBOM")
    message = _codes(series)["calendar_end"]
    assert "2026-12-31" in message
    assert "26 January" in message
    assert "2027-01-26" not in _days(future_sessions(series, 60))


def test_a_zone_can_be_named(tmp_path: Path) -> None:
    stamps = _hours("XNYS", 60, 7, "UTC")[-70:-7]
    series = _load(_write(tmp_path, stamps), timezone="UTC", trading_calendar="XNYS")
    assert series.tz == "UTC"
    assert str(future_sessions(series, 1)[0]) == str(_hours("XNYS", 60, 7, "UTC")[-7])[:26]
    with pytest.raises(DataError, match="The time zone 'Mars' is unknown"):
        _load(_write(tmp_path, stamps), timezone="Mars")


def test_short_stretches_without_a_zone_ask(tmp_path: Path) -> None:
    stamps = _hours("XNYS", 60, 7, "UTC")[-70:]
    message = _codes(_load(_write(tmp_path, stamps)))["calendar"]
    assert "Name the exchange" in message


# --- weeks and months that are not over


def _bars(ds: np.ndarray, freq: str, columns: tuple[str, ...] = ("close",)) -> PriceSeries:
    return PriceSeries(
        "x", ds.astype("datetime64[us]"), columns, np.ones((ds.size, len(columns))), freq
    )


MONDAYS = np.arange("2024-01-01", "2024-10-22", 7, dtype="datetime64[D]")
FRIDAYS = np.arange("2024-01-05", "2024-10-19", 7, dtype="datetime64[D]")
MONTHS = np.arange("2020-01", "2024-10", dtype="datetime64[M]").astype("datetime64[D]")
ENDS = np.arange("2020-02", "2024-10", dtype="datetime64[M]").astype("datetime64[D]") - DAY
QUARTERS = np.arange("2010-01", "2024-09", 3, dtype="datetime64[M]").astype("datetime64[D]")
PAST = np.datetime64("2025-06-01")


@pytest.mark.parametrize(
    ("ds", "last", "freq", "dropped"),
    [
        (MONDAYS, "2024-10-25", "1W", True),
        (MONDAYS, "2024-10-22", "1W", True),
        (MONDAYS, "2024-10-31", "1W", True),
        (MONDAYS, "2024-10-28", "1W", False),
        (MONDAYS, "2024-10-29", "1W", False),  # after a holiday on Monday
        (FRIDAYS, "2024-10-22", "1W", True),
        (FRIDAYS, "2024-10-25", "1W", False),
        (FRIDAYS, "2024-10-24", "1W", False),  # before a holiday on Friday
        (MONTHS, "2024-09-20", "1M", True),
        (MONTHS, "2024-10-18", "1M", True),
        (MONTHS, "2024-10-01", "1M", False),
        (MONTHS, "2024-10-03", "1M", False),
        (ENDS, "2024-10-18", "1M", True),
        (ENDS, "2024-10-31", "1M", False),
        (ENDS, "2024-10-29", "1M", False),
        (QUARTERS, "2024-08-20", "3M", True),
        (QUARTERS, "2024-11-20", "3M", True),
        (QUARTERS, "2024-10-01", "3M", False),
    ],
)  # fmt: skip
def test_a_bar_that_is_not_over_is_dropped(
    ds: np.ndarray, last: str, freq: str, dropped: bool
) -> None:
    series = without_running_bar(_bars(np.append(ds, np.datetime64(last)), freq), PAST)
    assert len(series) == ds.size + (not dropped)
    assert [finding.code for finding in series.findings] == ["unfinished"] * dropped


def test_a_week_on_its_monday_is_over_on_saturday() -> None:
    series = _bars(MONDAYS, "1W", ("open", "high", "low", "close"))
    assert len(without_running_bar(series, np.datetime64("2024-10-24"))) == MONDAYS.size - 1
    assert len(without_running_bar(series, np.datetime64("2024-10-26"))) == MONDAYS.size
    assert (
        len(without_running_bar(_bars(MONDAYS, "1W"), np.datetime64("2024-10-24"))) == MONDAYS.size
    )


# --- the hour that comes twice


@pytest.mark.parametrize(
    ("zone", "around"), [("America/New_York", "2024-11-03"), ("Europe/Berlin", "2024-10-27")]
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_repeated_hour_in_autumn_is_no_duplicate(
    zone: str, around: str, newest_first: bool, tmp_path: Path
) -> None:
    utc = pd.date_range(
        pd.Timestamp(around) - pd.Timedelta(days=8), periods=48 * 12, freq="30min", tz="UTC"
    )
    local = utc.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[us]")
    series = _load(_write(tmp_path, local[::-1] if newest_first else local))
    assert len(series) == local.size
    assert series.tz == "UTC"
    assert np.array_equal(series.ds, utc.tz_localize(None).to_numpy().astype("datetime64[us]"))
    assert zone in _codes(series)["time_zone"]
    assert "duplicates" not in _codes(series)


def test_other_repeated_times_stay_duplicates(tmp_path: Path) -> None:
    local = np.arange("2024-06-03T00:00", "2024-06-12T00:00", 60, dtype="datetime64[m]").astype(
        "datetime64[us]"
    )
    series = _load(_write(tmp_path, np.sort(np.append(local, local[50:52]))))
    assert len(series) == local.size
    assert "duplicates" in _codes(series)


def test_exports_keep_the_zone() -> None:
    import io

    import pyarrow.parquet as pq

    from app.charts.price_table import price_table
    from app.export.tables import csv_bytes, parquet_bytes

    ds = np.array(["2024-11-01T09:30", "2024-11-04T09:30"], "datetime64[us]")
    table = price_table(
        PriceSeries("S", ds, ("close",), np.ones((2, 1)), "1D", "America/New_York"), (), 0, 1
    )
    assert [row.split(",")[1] for row in csv_bytes(table).decode().splitlines()[1:]] == [
        "2024-11-01T09:30:00-04:00", "2024-11-04T09:30:00-05:00",
    ]  # fmt: skip
    read = pq.read_table(io.BytesIO(parquet_bytes(table)))
    assert read.schema.field("ds").type.tz == "America/New_York"
    assert [item.hour for item in read["ds"].to_pylist()] == [9, 9]
