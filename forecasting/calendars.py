"""The dates of the future: without the exchange's own sessions a forecast has no days to stand on."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import DataError
from forecasting.series import Dates, Ints, PriceSeries

Mask = npt.NDArray[np.bool_]

_DAY = np.timedelta64(1, "D")
_US_A_DAY = 86_400_000_000
_UNITS_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
_WORKWEEK = np.array([True] * 5 + [False] * 2)

#: exchange_calendars codes by the suffix of a ticker: Yahoo's, and Stooq's .US, .UK and .JP.
SUFFIXES: dict[str, str] = {
    "US": "XNYS", "L": "XLON", "IL": "XLON", "UK": "XLON", "DE": "XFRA", "F": "XFRA", "BE": "XFRA", "MU": "XFRA", "SG": "XFRA",
    "HM": "XFRA", "DU": "XFRA", "PA": "XPAR", "AS": "XAMS", "BR": "XBRU", "LS": "XLIS", "IR": "XDUB", "MI": "XMIL", "MC": "XMAD",
    "SW": "XSWX", "VI": "XWBO", "ST": "XSTO", "HE": "XHEL", "CO": "XCSE", "OL": "XOSL", "IC": "XICE", "RG": "XRIS", "TL": "XTAL",
    "VS": "XLIT", "WA": "XWAR", "PR": "XPRA", "BD": "XBUD", "IS": "XIST", "T": "XTKS", "JP": "XTKS", "HK": "XHKG",
    "SS": "XSHG", "SZ": "XSHG", "TW": "XTAI", "TWO": "XTAI", "KS": "XKRX", "KQ": "XKRX", "SI": "XSES", "KL": "XKLS", "BK": "XBKK",
    "JK": "XIDX", "PS": "XPHS", "NS": "XBOM", "BO": "XBOM", "AX": "XASX", "NZ": "XNZE", "TO": "XTSE", "V": "XTSE", "NE": "XTSE",
    "CN": "XTSE", "MX": "XMEX", "SA": "BVMF", "BA": "XBUE", "SN": "XSGO", "JO": "XJSE", "SR": "XSAU",
}  # fmt: skip

_INDICES: dict[str, str] = {
    "^FTSE": "XLON", "^FTMC": "XLON", "^GDAXI": "XFRA", "^MDAXI": "XFRA", "^STOXX50E": "XFRA", "^FCHI": "XPAR", "^AEX": "XAMS",
    "^IBEX": "XMAD", "^SSMI": "XSWX", "^N225": "XTKS", "^HSI": "XHKG", "^KS11": "XKRX", "^TWII": "XTAI", "^AXJO": "XASX",
    "^NZ50": "XNZE", "^GSPTSE": "XTSE", "^BVSP": "BVMF", "^MXX": "XMEX", "^BSESN": "XBOM", "^NSEI": "XBOM", "^STI": "XSES",
    "^GSPC": "XNYS", "^DJI": "XNYS", "^IXIC": "XNYS", "^NDX": "XNYS", "^RUT": "XNYS", "^VIX": "XNYS",
}  # fmt: skip

_CRYPTO = re.compile(r"[A-Z0-9]{2,15}-(USD|USDT|USDC|EUR|GBP|JPY|CAD|AUD|CHF|KRW|INR|CNY|BTC|ETH)")


def infer_freq(ds: Dates) -> str:
    """Tell the distance of the bars from their dates alone.

    Parameters
    ----------
    ds : ndarray of datetime64, shape [T]
        Strictly increasing.

    Returns
    -------
    str
        ``30s``, ``1min``, ``5min``, ``1h``, ``4h``, ``1D``, ``1W``, ``1M``, ``3M``, ... or "" for fewer than two bars and for
        bars without one common distance. Missing bars, weekends, holidays and nights do not matter: the most
        frequent distance decides, and at least 30 % of the distances must have it.
    """
    stamps = np.asarray(ds).astype("datetime64[us]")
    if stamps.size < 2:
        return ""
    days = np.unique(stamps.astype("datetime64[D]"))
    return _day_freq(days) if days.size > 0.9 * stamps.size else _clock_freq(stamps)


def _day_freq(days: Dates) -> str:
    """Tell days, weeks or months from distinct calendar days; holidays move weekly and monthly bars by a few days."""
    gaps = np.diff(days).astype(np.int64)
    middle = int(np.median(gaps))
    if np.mean(np.busday_count(days[:-1], days[1:]) == 1 if middle > 1 else gaps == 1) >= 0.3 and middle <= 3:
        return "1D"
    weeks = round(middle / 7)
    if weeks in (1, 2) and np.mean(np.abs(gaps - 7 * weeks) <= 3) >= 0.7:
        return f"{weeks}W"
    months = np.diff(days.astype("datetime64[M]")).astype(np.int64)
    month = int(np.median(months))
    if middle >= 26 and month >= 1 and np.mean(months == month) >= 0.7:
        return f"{month}M"
    return ""


def _clock_freq(stamps: Dates) -> str:
    gaps, counts = np.unique(np.diff(stamps).astype(np.int64), return_counts=True)
    step, share = int(gaps[counts.argmax()]), counts.max() / counts.sum()
    if share < 0.3 or step <= 0 or step >= _US_A_DAY:
        return ""
    for unit in ("h", "min", "s"):
        if step % _UNITS_US[unit] == 0:
            return f"{step // _UNITS_US[unit]}{unit}"
    return ""


def infer_calendar(symbol: str, ds: Dates, freq: str, tz: str = "") -> str:
    """Tell on which days a series trades, from its name and its own dates; exchange_calendars is not imported.

    In this order: bars on Saturdays *and* Sundays mean ``24/7``; then the ticker decides (``-USD`` crypto, ``=X`` currency, ``=F``
    future, suffixes of Yahoo, well-known indices); then the holidays that only the United States keep: bars on ordinary weekdays
    but none on those days mean ``XNYS``. Where the dates do not tell (weekly bars, a short stretch without such a day), a
    New York time zone does. Everything else is ``weekdays``.

    Parameters
    ----------
    symbol : str
        Ticker or name of the series.
    ds : ndarray of datetime64, shape [T]
    freq : str
        As of :func:`infer_freq`.
    tz : str
        IANA zone of the exchange where it is known.

    Returns
    -------
    str
        ``24/7``, ``weekdays`` or an exchange_calendars code.
    """
    days = np.unique(np.asarray(ds).astype("datetime64[D]"))
    dense = bool(freq) and freq[-1] not in "WM"
    if dense and _trades_weekends(days):
        return "24/7"
    named = _calendar_of_ticker(symbol.strip().upper())
    if named:
        return named
    evidence = _keeps_us_holidays(days) if dense else None
    if evidence is None:
        evidence = tz == "America/New_York"
    return "XNYS" if evidence else "weekdays"


def _calendar_of_ticker(ticker: str) -> str:
    if _CRYPTO.fullmatch(ticker):
        return "24/7"
    if ticker.endswith("=X"):
        return "weekdays"
    if ticker.endswith("=F"):
        return "CMES"
    return _INDICES.get(ticker) or SUFFIXES.get(ticker.rpartition(".")[2] if "." in ticker else "", "")


def _trades_weekends(days: Dates) -> bool:
    weekday = _weekday(days)
    return all(np.mean(weekday == day) >= 0.07 for day in (5, 6))


def _keeps_us_holidays(days: Dates) -> bool | None:
    """Tell whether weekdays have bars and US holidays have none; None where the stretch holds no such holiday."""
    first, last = days[0], days[-1]
    holidays = _us_holidays(int(str(first)[:4]), int(str(last)[:4]))
    holidays = holidays[(holidays > first) & (holidays < last)]
    if not holidays.size:
        return None
    everyday = _days_between(first, last, _WORKWEEK)
    present = np.isin(everyday, days)
    holiday = np.isin(everyday, holidays)
    return bool(present[~holiday].mean() >= 0.9 and present[holiday].mean() <= 0.1)


def _us_holidays(first_year: int, last_year: int) -> Dates:
    """Return Presidents', Memorial, Independence, Labor and Thanksgiving days: no other large market rests on all of them.

    Monday holidays count from 1971 on (https://www.nyse.com/markets/hours-calendars).
    """
    days: list[np.datetime64] = []
    for year in range(first_year, last_year + 1):
        independence = np.datetime64(f"{year:04d}-07-04")
        shift = {5: -1, 6: 1}.get(int(_weekday(independence)), 0)
        days += [independence + shift * _DAY, _nth_weekday(year, 11, 3, 4), _nth_weekday(year, 9, 0, 1)]
        if year >= 1971:
            memorial = _nth_weekday(year, 6, 0, 1) - 7 * _DAY
            days += [_nth_weekday(year, 2, 0, 3), memorial]
    return np.sort(np.array(days, dtype="datetime64[D]"))


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> np.datetime64:
    first = np.datetime64(f"{year:04d}-{month:02d}-01")
    day: np.datetime64 = first + (int((weekday - _weekday(first)) % 7) + 7 * (nth - 1)) * _DAY
    return day


def future_sessions(series: PriceSeries, horizon: int) -> Dates:
    """Return the dates of the bars that will follow; only dates of the series are looked at, never its values.

    Daily bars fall on the sessions of the calendar and keep their time of day. Weekly bars keep their weekday. Monthly bars keep
    their convention: first day, last day, first or last session, or the same day of the month. Intraday bars take the times of day
    that the series has shown in its last 60 sessions, on the next sessions, and end at the close of half days; with ``24/7`` they
    step on. Irregular bars step on by the median of their last 250 distances, in whole days where that is a day or more.

    Where a date lies outside of what exchange_calendars knows of an exchange (see :func:`known_until`), the weekdays seen in the
    series stand in for sessions. ``weekdays`` means the same: Monday to Friday where the series is too short to tell, otherwise
    the weekdays it has.

    Parameters
    ----------
    series : PriceSeries
    horizon : int
        Number of bars H.

    Returns
    -------
    ndarray of datetime64[us], shape [H]
        Strictly increasing, strictly after the last bar, wall-clock in the zone of the series.

    Raises
    ------
    DataError
        One irregular bar (its distance is unknown), an unknown calendar or an unknown frequency.
    """
    if horizon <= 0:
        return np.empty(0, "datetime64[us]")
    count, unit = _parsed(series.freq)
    if unit == "":
        return _step_on(series.ds, _median_step(series), horizon)
    if unit == "M":
        return _next_months(series, count, horizon)
    if unit == "W":
        anchor = _anchor_day(series.ds)
        return _step_on(np.array([anchor + (series.ds[-1] - series.ds[-1].astype("datetime64[D]"))]), 7 * count * _DAY, horizon)
    if unit == "D":
        return _next_days(series, count, horizon)
    step = np.timedelta64(count * _UNITS_US[unit], "us")
    if series.calendar == "24/7":
        return _next_steps(series, step, horizon)
    return _next_intraday(series, horizon)


def known_until(calendar: str) -> np.datetime64:
    """Return the last day [D] whose sessions are known; beyond it weekdays stand in.

    NaT for ``24/7`` and ``weekdays``, which have no end. The day before all others, 0001-01-01, for a calendar that
    exchange_calendars has but cannot build. Some exchanges publish a year at a time: ``XSHG`` and ``XBOM`` end soon.

    Raises
    ------
    DataError
        An unknown calendar.
    """
    if calendar in ("24/7", "weekdays"):
        return np.datetime64("NaT", "D")
    kind = _kind(calendar)
    return np.datetime64("0001-01-01") if kind is None else _as_day(kind.bound_max(), "2259-12-31")


def missing_sessions(series: PriceSeries) -> Dates:
    """Return the sessions between the first and the last bar that have no bar.

    Daily and intraday series: days of the calendar without any bar. Intraday with ``24/7``: each step without a bar. Weekly and
    monthly: each week (by its usual weekday) or month (by its first day) without a bar. Irregular: nothing is missing.

    Returns
    -------
    ndarray of datetime64[us]
        Oldest first, wall-clock in the zone of the series; empty where nothing is missing.

    Raises
    ------
    DataError
        An unknown calendar or an unknown frequency.
    """
    count, unit = _parsed(series.freq)
    if unit == "" or len(series) < 2:
        return np.empty(0, "datetime64[us]")
    if unit == "M":
        months = series.ds.astype("datetime64[M]")
        return _missing_of(np.arange(months[0], months[-1], np.timedelta64(count, "M")), months)
    if unit == "W":
        anchor, step = _anchor_day(series.ds), 7 * count
        weeks = np.round((series.ds.astype("datetime64[D]") - anchor) / (step * _DAY)).astype(np.int64)
        return (anchor + step * _missing_of(np.arange(weeks[0], weeks[-1]), weeks) * _DAY).astype("datetime64[us]")
    if unit != "D" and series.calendar == "24/7":
        stamps = _rezoned(series.ds, series.tz, "UTC")
        step_us = np.timedelta64(count * _UNITS_US[unit], "us")
        gone = _missing_of(np.arange((stamps[-1] - stamps[0]) // step_us), (stamps - stamps[0]) // step_us)
        return _rezoned(stamps[0] + gone * step_us, "UTC", series.tz)
    days = _exchange_clock(series)[0].astype("datetime64[D]")
    return _missing_of(_sessions(series.calendar, days[0], days[-1], _weekdays_seen(days)), days)


def _missing_of(expected: npt.NDArray[Any], seen: npt.NDArray[Any]) -> npt.NDArray[Any]:
    missing = np.setdiff1d(expected, seen)
    return missing.astype("datetime64[us]") if missing.dtype.kind == "M" else missing


def _parsed(freq: str) -> tuple[int, str]:
    if not freq:
        return 0, ""
    match = re.fullmatch(r"(\d*)(s|min|h|D|W|M)", freq)
    if match is None or match[1] == "0":
        raise DataError(f"The frequency '{freq}' is unknown.", "Frequencies look like 5min, 1h, 1D, 1W or 1M.")
    return int(match[1] or 1), match[2]


def _weekday(days: Dates | np.datetime64) -> Ints:
    """Return 0 for Monday ... 6 for Sunday."""
    return (np.asarray(days).astype("datetime64[D]").astype(np.int64) + 3) % 7


def _weekdays_seen(days: Dates) -> Mask:
    """Return which weekdays have bars [7]; Monday to Friday count as seen where fewer than 20 days are there to tell."""
    shares = np.bincount(_weekday(np.unique(days)), minlength=7) / max(np.unique(days).size, 1)
    return shares >= 0.05 if np.unique(days).size >= 20 else (shares > 0) | _WORKWEEK


def _days_between(first: np.datetime64, last: np.datetime64, mask: Mask) -> Dates:
    days: Dates = np.arange(first, last + _DAY, dtype="datetime64[D]")
    return days[mask[_weekday(days)]]


@dataclass(frozen=True)
class _Exchange:
    """What exchange_calendars knows of one exchange: sessions [N] as days, their closes [N] as wall-clock, and the zone."""

    days: Dates
    closes: Dates
    tz: str
    first: np.datetime64
    last: np.datetime64


@lru_cache(maxsize=64)
def _kind(code: str) -> Any:
    """Return the class of an exchange's calendar; None where exchange_calendars cannot build it, such as XTAE and ASEX in 4.13."""
    import exchange_calendars

    try:
        with _quiet():
            return type(exchange_calendars.get_calendar(code))
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise DataError(f"The calendar '{code}' is unknown.", "Choose 24/7, weekdays or a code such as XNYS.") from error
    except (ValueError, NotImplementedError):
        return None


@lru_cache(maxsize=64)
def _exchange(code: str, first_decade: int, last_decade: int) -> _Exchange | None:
    """Return the sessions of whole decades (196 is 1960-1969); None where exchange_calendars knows nothing of them."""
    kind = _kind(code)
    if kind is None:
        return None
    # Nanosecond stamps, which exchange_calendars uses, end in 2262.
    start = max(np.datetime64(f"{max(first_decade, 168):03d}0-01-01"), _as_day(kind.bound_min(), "1680-01-01"))
    end = min(np.datetime64(f"{min(last_decade, 225):03d}9-12-31"), _as_day(kind.bound_max(), "2259-12-31"))
    if start > end:
        return None
    with _quiet():
        calendar = kind(start=str(start), end=str(end))
        days = calendar.sessions.to_numpy().astype("datetime64[D]")
        closes = calendar.closes.dt.tz_convert(calendar.tz).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        real = ~np.isin(days, _forgotten_holidays(calendar, start, end))
    return _Exchange(days[real], closes[real], str(calendar.tz), start, end)


def _forgotten_holidays(calendar: Any, start: np.datetime64, end: np.datetime64) -> Dates:
    """Return the yearly holidays outside of 1970-2200, which exchange_calendars leaves out (pandas computes them for 1970-2200 only)."""
    inside = start >= np.datetime64("1970-01-01") and end <= np.datetime64("2200-12-31")
    if inside or calendar.regular_holidays is None:
        return np.empty(0, "datetime64[D]")
    days: Dates = calendar.regular_holidays.holidays(str(start), str(end)).to_numpy().astype("datetime64[D]")
    return days


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the deprecations of pandas 3.1 that exchange_calendars 4.13 makes use of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _as_day(stamp: Any, otherwise: str) -> np.datetime64:
    return np.datetime64(otherwise if stamp is None else stamp.date(), "D")


def _exchange_for(calendar: str, first: np.datetime64, last: np.datetime64) -> _Exchange | None:
    if calendar in ("24/7", "weekdays"):
        return None
    return _exchange(calendar, *(int(str(day.astype("datetime64[Y]"))) // 10 for day in (first, last)))


def _sessions(calendar: str, first: np.datetime64, last: np.datetime64, mask: Mask) -> Dates:
    """Return the sessions from ``first`` to ``last``, both included, as days; ``mask`` [7] where no exchange tells."""
    if calendar == "24/7":
        return _days_between(first, last, np.ones(7, bool))
    exchange = _exchange_for(calendar, first, last)
    if exchange is None:
        return _days_between(first, last, mask)
    known = exchange.days[(exchange.days >= first) & (exchange.days <= last)]
    before = _days_between(first, min(last, exchange.first - _DAY), mask)
    after = _days_between(max(first, exchange.last + _DAY), last, mask)
    return np.concatenate([before, known, after])


def _exchange_clock(series: PriceSeries) -> tuple[Dates, Callable[[Dates], Dates]]:
    """Return the stamps in the exchange's own wall-clock, and the way back.

    Dates at midnight are names of days, not moments, and stay as they are.
    """
    exchange = _exchange_for(series.calendar, series.ds[-1], series.ds[-1] + 40 * _DAY)
    plain = not (series.ds - series.ds.astype("datetime64[D]")).any()
    if plain or exchange is None or series.tz in ("", exchange.tz):
        return series.ds, lambda ds: ds
    return _rezoned(series.ds, series.tz, exchange.tz), lambda ds: _rezoned(ds, exchange.tz, series.tz)


def _rezoned(ds: Dates, source: str, target: str) -> Dates:
    """Move wall-clock times to another zone; an hour that happens twice is taken as its first, one that does not exist moves on."""
    if not source or not target or source == target:
        return ds.astype("datetime64[us]")
    import pandas as pd

    there = pd.DatetimeIndex(ds).tz_localize(source, ambiguous=np.ones(len(ds), bool), nonexistent="shift_forward").tz_convert(target)
    return there.tz_localize(None).to_numpy().astype("datetime64[us]")


def _step_on(ds: Dates, step: np.timedelta64, horizon: int) -> Dates:
    ahead: Dates = ds[-1] + step * np.arange(1, horizon + 1)
    return ahead.astype("datetime64[us]")


def _median_step(series: PriceSeries) -> np.timedelta64:
    if len(series) < 2:
        raise DataError(f"{series.symbol} has 1 bar of unknown frequency; 2 are needed to date the next one.", "Load more history.")
    step = int(np.median(np.diff(series.ds[-251:]).astype(np.int64)))
    if step >= _US_A_DAY:
        step = round(step / _US_A_DAY) * _US_A_DAY
    return np.timedelta64(step, "us")


def _most_frequent(values: npt.NDArray[Any]) -> Any:
    kinds, counts = np.unique(values, return_counts=True)
    return kinds[counts.argmax()]


def _anchor_day(ds: Dates) -> np.datetime64:
    """Return the usual weekday nearest to the last weekly bar: a Thursday before Good Friday stands for that Friday."""
    days = ds.astype("datetime64[D]")
    weekday = int(_most_frequent(_weekday(days[-53:])))
    shift = (weekday - int(_weekday(days[-1])) + 3) % 7 - 3
    anchor: np.datetime64 = days[-1] + shift * _DAY
    return anchor


def _next_days(series: PriceSeries, count: int, horizon: int) -> Dates:
    ds, back = _exchange_clock(series)
    days = ds.astype("datetime64[D]")
    clock = _most_frequent((ds - days)[-20:])
    mask, span = _weekdays_seen(days), np.timedelta64(2 * count * horizon + 30, "D")
    while True:
        found = _sessions(series.calendar, days[-1] + _DAY, days[-1] + span, mask)[count - 1 :: count]
        if found.size >= horizon:
            return back((found[:horizon] + clock).astype("datetime64[us]"))
        span = span * 2


def _next_steps(series: PriceSeries, step: np.timedelta64, horizon: int) -> Dates:
    """Step on in real time; where the zone's clock is set back, stamps that would repeat are left out."""
    start = _rezoned(series.ds[-1:], series.tz, "UTC")
    twice_an_hour = horizon + int(np.timedelta64(3, "h") // step) + 1
    ds = _rezoned(_step_on(start, step, twice_an_hour + horizon // 100), "UTC", series.tz)
    # Where clocks are set back, two moments get one stamp.
    distinct: Dates = np.unique(ds[ds > series.ds[-1]])
    return distinct[:horizon]


def _next_intraday(series: PriceSeries, horizon: int) -> Dates:
    ds, back = _exchange_clock(series)
    days = ds.astype("datetime64[D]")
    clocks = _clocks(ds)
    mask = _weekdays_seen(days)
    most = max(times.size for times in clocks)
    span = np.timedelta64(3 * (horizon // most) + 15, "D")
    while True:
        last = days[-1] + span
        sessions = _intraday_days(series.calendar, days[-1], last, mask)
        stamps = np.concatenate([day + clocks[_weekday(day)] for day in sessions] or [np.empty(0, "datetime64[us]")])
        stamps = stamps[stamps > ds[-1]]
        stamps = _until_close(stamps, _exchange_for(series.calendar, days[-1], last), max(times.max() for times in clocks if times.size))
        moved: Dates = np.unique(back(stamps))
        moved = moved[moved > series.ds[-1]]
        if moved.size >= horizon:
            return moved[:horizon].astype("datetime64[us]")
        span = span * 2


def _intraday_days(calendar: str, first: np.datetime64, last: np.datetime64, mask: Mask) -> Iterable[np.datetime64]:
    """Return the sessions and those weekdays that the series has but the calendar never: futures open on Sunday evening."""
    sessions = _sessions(calendar, first, last, mask)
    always = np.bincount(_weekday(sessions), minlength=7) > 0
    return np.union1d(sessions, _days_between(first, last, mask & ~always & ~_WORKWEEK))


def _clocks(ds: Dates) -> list[npt.NDArray[np.timedelta64]]:
    """Return for each weekday the times of day at which bars occur, from the last 60 days that have bars.

    A time counts when at least a tenth of the days have it. A weekday with fewer than three days in sight takes the times of all
    working days, because the one that is there may have been a half day.
    """
    days = ds.astype("datetime64[D]")
    recent = days >= np.unique(days)[-60:][0]
    days, clock = days[recent], (ds - days)[recent]
    weekday = _weekday(days)
    pooled = _frequent_times(days, clock, weekday < 5)
    clocks = []
    for day in range(7):
        own = weekday == day
        enough = np.unique(days[own]).size >= (3 if day < 5 else 1)
        clocks.append(_frequent_times(days, clock, own) if enough else pooled)
    return clocks


def _frequent_times(days: Dates, clock: npt.NDArray[np.timedelta64], chosen: Mask) -> npt.NDArray[np.timedelta64]:
    if not chosen.any():
        return np.empty(0, "timedelta64[us]")
    times, counts = np.unique(clock[chosen], return_counts=True)
    return times[counts >= 0.1 * np.unique(days[chosen]).size]


def _until_close(stamps: Dates, exchange: _Exchange | None, latest: np.timedelta64) -> Dates:
    """Drop what lies after the close of half days.

    Bars named by their start end before the close, bars named by their end may stand on it. Where the series has bars after the
    regular close (futures, extended hours), the close does not bound it.
    """
    if exchange is None or not stamps.size:
        return stamps
    regular = _most_frequent(exchange.closes - exchange.days.astype("datetime64[us]"))
    if latest > regular:
        return stamps
    days = stamps.astype("datetime64[D]")
    place = np.clip(np.searchsorted(exchange.days, days), 0, exchange.days.size - 1)
    close = np.where(exchange.days[place] == days, exchange.closes[place], days + regular)
    return stamps[(stamps <= close) if latest == regular else (stamps < close)]


def _next_months(series: PriceSeries, count: int, horizon: int) -> Dates:
    days = series.ds.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    # The last bar may be that of a month still under way, dated today: it does not tell the convention.
    recent = days[-25:-1] if days.size > 2 else days
    clock = _most_frequent((series.ds - days)[-25:])
    dated = _month_convention(series.calendar, recent)
    ahead: Dates = dated(months[-1] + count * np.arange(1, horizon + 1)) + clock
    return ahead.astype("datetime64[us]")


def _month_convention(calendar: str, days: Dates) -> Callable[[Dates], Dates]:
    """Return the way from months to dates that at least 80 % of ``days`` follow, otherwise their usual day of the month."""

    def first(months: Dates) -> Dates:
        return months.astype("datetime64[D]")

    def last(months: Dates) -> Dates:
        days: Dates = np.subtract(first(months + np.timedelta64(1, "M")), _DAY)
        return days

    def last_session(months: Dates) -> Dates:
        sessions = _sessions(calendar, first(months[:1])[0], last(months[-1:])[0], _WORKWEEK)
        return sessions[np.searchsorted(sessions, first(months + np.timedelta64(1, "M"))) - 1]

    def first_session(months: Dates) -> Dates:
        sessions = _sessions(calendar, first(months[:1])[0], last(months[-1:])[0], _WORKWEEK)
        return sessions[np.searchsorted(sessions, first(months))]

    months = days.astype("datetime64[M]")
    for convention in (first, last, last_session, first_session):
        if np.mean(convention(months) == days) >= 0.8:
            return convention
    usual = _most_frequent(days - first(months))

    def same_day(months: Dates) -> Dates:
        shifted: Dates = np.minimum(first(months) + usual, last(months))
        return shifted

    return same_day
