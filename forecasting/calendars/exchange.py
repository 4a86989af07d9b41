"""What is known of exchanges: their sessions, their closes, their clocks, and where that knowledge ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.errors import DataError
from forecasting.series import Dates, Ints, PriceSeries

Mask = npt.NDArray[np.bool_]

DAY = np.timedelta64(1, "D")
WORKWEEK = np.array([True] * 5 + [False] * 2)
UNITS_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
US_A_DAY = 86_400_000_000


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


def weekday_of(days: Dates | np.datetime64) -> Ints:
    """Return 0 for Monday ... 6 for Sunday."""
    return (np.asarray(days).astype("datetime64[D]").astype(np.int64) + 3) % 7


def weekdays_seen(days: Dates) -> Mask:
    """Return which weekdays have bars [7]; Monday to Friday count as seen where fewer than 20 days are there to tell."""
    shares = np.bincount(weekday_of(np.unique(days)), minlength=7) / max(np.unique(days).size, 1)
    return shares >= 0.05 if np.unique(days).size >= 20 else (shares > 0) | WORKWEEK


def crosses_midnight(ds: Dates) -> bool:
    """Tell whether intraday bars go on through the night: the usual distance across midnight is no longer than three bars."""
    gaps = np.diff(ds)
    nights = np.diff(ds.astype("datetime64[D]")) == DAY
    return bool(nights.any() and np.median(gaps[nights].astype(np.int64)) <= 3 * np.median(gaps.astype(np.int64)))


def days_between(first: np.datetime64, last: np.datetime64, mask: Mask) -> Dates:
    """Return the days from ``first`` to ``last``, both included, whose weekday is in ``mask`` [7]."""
    days: Dates = np.arange(first, last + DAY, dtype="datetime64[D]")
    return days[mask[weekday_of(days)]]


@dataclass(frozen=True)
class Exchange:
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
def _exchange(code: str, first_decade: int, last_decade: int) -> Exchange | None:
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
    return Exchange(days[real], closes[real], str(calendar.tz), start, end)


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


def exchange_for(calendar: str, first: np.datetime64, last: np.datetime64) -> Exchange | None:
    """Return the exchange with all sessions from ``first`` to ``last`` that are known; None where weekdays are all there is."""
    if calendar in ("24/7", "weekdays"):
        return None
    return _exchange(calendar, *(int(str(day.astype("datetime64[Y]"))) // 10 for day in (first, last)))


def sessions_between(calendar: str, first: np.datetime64, last: np.datetime64, mask: Mask) -> Dates:
    """Return the sessions from ``first`` to ``last``, both included, as days; ``mask`` [7] where no exchange tells."""
    if calendar == "24/7":
        return days_between(first, last, np.ones(7, bool))
    exchange = exchange_for(calendar, first, last)
    if exchange is None:
        return days_between(first, last, mask)
    known = exchange.days[(exchange.days >= first) & (exchange.days <= last)]
    before = days_between(first, min(last, exchange.first - DAY), mask)
    after = days_between(max(first, exchange.last + DAY), last, mask)
    return np.concatenate([before, known, after])


def exchange_clock(series: PriceSeries) -> tuple[Dates, Callable[[Dates], Dates]]:
    """Return the stamps in the exchange's own wall-clock, and the way back.

    Dates at midnight are names of days, not moments, and stay as they are.
    """
    exchange = exchange_for(series.calendar, series.ds[-1], series.ds[-1] + 40 * DAY)
    plain = not (series.ds - series.ds.astype("datetime64[D]")).any()
    if plain or exchange is None or series.tz in ("", exchange.tz):
        return series.ds, lambda ds: ds
    return rezoned(series.ds, series.tz, exchange.tz), lambda ds: rezoned(ds, exchange.tz, series.tz)


def rezoned(ds: Dates, source: str, target: str) -> Dates:
    """Move wall-clock times to another zone; an hour that happens twice is taken as its first, one that does not exist moves on."""
    if not source or not target or source == target:
        return ds.astype("datetime64[us]")
    import pandas as pd

    there = pd.DatetimeIndex(ds).tz_localize(source, ambiguous=np.ones(len(ds), bool), nonexistent="shift_forward").tz_convert(target)
    return there.tz_localize(None).to_numpy().astype("datetime64[us]")
