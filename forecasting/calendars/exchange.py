"""What is known of exchanges: their sessions, their closes, their clocks, and where that
knowledge ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial
from typing import Any

import numpy as np

from forecasting.calendars.rules import (
    bare_of,
    calendar_class,
    closes_by_rule,
    is_built_in,
    quiet,
    sessions_by_rule,
)
from forecasting.calendars.table_cache import Tables, cached
from forecasting.calendars.week import DAY, TradingWeek
from forecasting.series import Dates, PriceSeries

UNITS_US = {"s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
US_A_DAY = 86_400_000_000
#: Times that are moved to another zone one by one.
_FEW = 100
_MICROSECOND = timedelta(microseconds=1)


def known_until(calendar: str) -> np.datetime64:
    """Return the last day [D] whose sessions are known; beyond it weekdays stand in.

    NaT for ``24/7`` and ``weekdays``, which have no end. Some exchanges publish a year at a time:
    ``XSHG`` and ``XBOM`` end soon.

    Raises
    ------
    DataError
        An unknown calendar.
    """
    return np.datetime64("NaT", "D") if calendar in ("24/7", "weekdays") else _end_known(calendar)


@lru_cache(maxsize=64)
def _end_known(code: str) -> np.datetime64:
    """Return the last day that exchange_calendars knows of an exchange."""

    def compute() -> Tables:
        return {"end": np.array([_as_day(calendar_class(code).bound_max(), "2259-12-31")])}

    def read(found: Tables) -> np.datetime64:
        day: np.datetime64 = found["end"].astype("datetime64[D]")[0]
        return day

    return read(cached(f"end-{code}", compute, read, partial(is_built_in, code)))


def crosses_midnight(ds: Dates) -> bool:
    """Tell whether intraday bars go on through the night: the usual distance across midnight is
    no longer than three bars.
    """
    gaps = np.diff(ds)
    nights = np.diff(ds.astype("datetime64[D]")) == DAY
    return bool(
        nights.any()
        and np.median(gaps[nights].astype(np.int64)) <= 3 * np.median(gaps.astype(np.int64))
    )


@dataclass(frozen=True)
class Exchange:
    """What exchange_calendars knows of one exchange: sessions [N] as days, their closes [N] as
    wall-clock, and the zone.
    """

    days: Dates
    closes: Dates
    tz: str
    first: np.datetime64
    last: np.datetime64


@lru_cache(maxsize=64)
def _exchange(code: str, first_decade: int, last_decade: int) -> Exchange | None:
    """Return the sessions of whole decades (196 is 1960-1969); None where exchange_calendars
    knows nothing of them.
    """

    def compute() -> Tables:
        return _tables(_computed(code, first_decade, last_decade))

    name = f"sessions-{code}-{first_decade}-{last_decade}"
    return _from_tables(cached(name, compute, _from_tables, partial(is_built_in, code)))


def _tables(made: Exchange | None) -> Tables:
    """Return an exchange as arrays without objects; no ends where nothing is known."""
    if made is None:
        return {"ends": np.empty(0, "datetime64[D]")}
    return {
        "days": made.days,
        "closes": made.closes,
        "tz": np.array(made.tz),
        "ends": np.array([made.first, made.last]),
    }


def _from_tables(found: Tables) -> Exchange | None:
    """Return the exchange of :func:`_tables`; ValueError or KeyError where it is none."""
    if not found["ends"].size:
        return None
    first, last = found["ends"].astype("datetime64[D]")
    days, closes = found["days"].astype("datetime64[D]"), found["closes"].astype("datetime64[us]")
    if days.shape != closes.shape:
        raise ValueError("the arrays are not of one length")
    return Exchange(days, closes, str(found["tz"]), first, last)


def _computed(code: str, first_decade: int, last_decade: int) -> Exchange | None:
    """Compute the sessions of whole decades from the rules of the calendar."""
    kind = calendar_class(code)
    # Nanosecond stamps, which exchange_calendars uses, end in 2262.
    start = max(
        np.datetime64(f"{max(first_decade, 168):03d}0-01-01"),
        _as_day(kind.bound_min(), "1680-01-01"),
    )
    end = min(
        np.datetime64(f"{min(last_decade, 225):03d}9-12-31"),
        _as_day(kind.bound_max(), "2259-12-31"),
    )
    if start > end:
        return None
    with quiet():
        bare = bare_of(kind)
        days = sessions_by_rule(bare, start, end)
        closes = closes_by_rule(bare, days)
    return Exchange(days, closes, str(bare.tz), start, end)


def _as_day(stamp: Any, otherwise: str) -> np.datetime64:
    return np.datetime64(otherwise if stamp is None else stamp.date(), "D")


def exchange_for(calendar: str, first: np.datetime64, last: np.datetime64) -> Exchange | None:
    """Return the exchange with all sessions from ``first`` to ``last`` that are known; None
    where weekdays are all there is.
    """
    if calendar in ("24/7", "weekdays"):
        return None
    return _exchange(
        calendar, *(int(str(day.astype("datetime64[Y]"))) // 10 for day in (first, last))
    )


def sessions_between(
    calendar: str, first: np.datetime64, last: np.datetime64, week: TradingWeek
) -> Dates:
    """Return the sessions from ``first`` to ``last``, both included, as days.

    Where no exchange tells, the trading week of the series stands in. After the last day that an
    exchange_calendars calendar knows, the exchange's own last trading week and yearly holidays are
    continued.
    """
    if calendar == "24/7":
        return np.arange(first, last + DAY, dtype="datetime64[D]")
    exchange = exchange_for(calendar, first, last)
    if exchange is None:
        return (
            (continued(calendar) or week).sessions(first, last)
            if first > _end_of(calendar)
            else week.sessions(first, last)
        )
    known = exchange.days[(exchange.days >= first) & (exchange.days <= last)]
    before = week.sessions(first, min(last, exchange.first - DAY))
    after = known[:0]
    if last > exchange.last:
        after = (continued(calendar) or week).sessions(max(first, exchange.last + DAY), last)
    return np.concatenate([before, known, after])


def _end_of(calendar: str) -> np.datetime64:
    """Return the last day known; the last of all days where there is no end."""
    end = known_until(calendar)
    return np.datetime64("9999-12-31") if np.isnat(end) else end


@lru_cache(maxsize=64)
def continued(calendar: str) -> TradingWeek | None:
    """Return the trading week and yearly holidays of an exchange's last known years; None where
    nothing is known.
    """
    end = known_until(calendar)
    if np.isnat(end):
        return None
    exchange = exchange_for(calendar, end - np.timedelta64(8 * 366, "D"), end)
    return None if exchange is None else TradingWeek(exchange.days)


def exchange_clock(series: PriceSeries) -> tuple[Dates, Callable[[Dates], Dates]]:
    """Return the stamps in the exchange's own wall-clock, and the way back.

    Dates at midnight are names of days, not moments, and stay as they are.
    """
    exchange = exchange_for(series.calendar, series.ds[-1], series.ds[-1] + 40 * DAY)
    plain = not (series.ds - series.ds.astype("datetime64[D]")).any()
    if plain or exchange is None or series.tz in ("", exchange.tz):
        return series.ds, lambda ds: ds
    return rezoned(series.ds, series.tz, exchange.tz), lambda ds: rezoned(
        ds, exchange.tz, series.tz
    )


def _few_rezoned(ds: Dates, source: str, target: str) -> Dates | None:
    """Move a few times without pandas, whose import takes longer; None where one of them is not in
    Python's calendar, or a zone is none of the IANA's.
    """
    from zoneinfo import ZoneInfo

    try:
        zones = ZoneInfo(source), ZoneInfo(target)
        stamps = [_moved(stamp, *zones) for stamp in ds.astype("datetime64[us]").tolist()]
    except (AttributeError, TypeError, KeyError, ValueError, OSError, OverflowError):
        return None
    return np.array(stamps, "datetime64[us]")


def _moved(stamp: datetime, source: tzinfo, target: tzinfo) -> datetime:
    """Move one time; one that does not exist becomes the moment at which clocks were set."""
    moment = stamp.replace(tzinfo=source).astimezone(UTC)
    if moment.astimezone(source).replace(tzinfo=None) != stamp:
        late, early = moment, moment - timedelta(days=1)
        offset = late.astimezone(source).utcoffset()
        while late - early > _MICROSECOND:
            middle = early + (late - early) // 2
            if middle.astimezone(source).utcoffset() == offset:
                late = middle
            else:
                early = middle
        moment = late
    return moment.astimezone(target).replace(tzinfo=None)


def rezoned(ds: Dates, source: str, target: str) -> Dates:
    """Move wall-clock times to another zone; an hour that happens twice is taken as its first,
    one that does not exist moves on.
    """
    if not source or not target or source == target:
        return ds.astype("datetime64[us]")
    if ds.size <= _FEW:
        moved = _few_rezoned(ds, source, target)
        if moved is not None:
            return moved
    import pandas as pd

    there = (
        pd.DatetimeIndex(ds)
        .tz_localize(source, ambiguous=np.ones(len(ds), bool), nonexistent="shift_forward")
        .tz_convert(target)
    )
    return there.tz_localize(None).to_numpy().astype("datetime64[us]")
