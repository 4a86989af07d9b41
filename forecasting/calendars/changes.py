"""Where the bars of a series and an exchange's calendar part: a trading week that changes ahead,
and last bars on days that are no sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from forecasting.calendars.exchange import exchange_clock, exchange_for
from forecasting.calendars.future import parsed
from forecasting.calendars.recognition import Candidates
from forecasting.calendars.remembered import remembered
from forecasting.calendars.week import DAY, WEEKDAYS, Mask, TradingWeek, weekday_of
from forecasting.series import Dates, PriceSeries

#: Days around the last bar in which a change of the trading week is looked for.
_BEFORE, _AHEAD = 120 * DAY, 366 * DAY
#: Last days with bars that are compared with a calendar; share of them, and fewest, that may not be
#: its sessions.
_LAST_DAYS, _STRAYS, _FEW = 60, 0.1, 2


@dataclass(frozen=True, eq=False)
class WeekChange:
    """A trading week that changes for good.

    Attributes
    ----------
    day : datetime64[D]
        First day of the new one.
    before, after : ndarray of bool, shape [7]
        Monday first.
    """

    day: np.datetime64
    before: Mask
    after: Mask

    def __str__(self) -> str:
        """Return the change in words."""
        old, new = week_in_words(self.before), week_in_words(self.after)
        return f"{old} until then, {new} from {self.day} on"


def week_in_words(week: Mask) -> str:
    """Return a trading week [7] in words: ``Sunday to Thursday``."""
    days = np.flatnonzero(week)
    first = [day for day in days if not week[day - 1]]
    if len(first) == 1 and days.size > 2:
        return f"{WEEKDAYS[first[0]]} to {WEEKDAYS[(first[0] + days.size - 1) % 7]}"
    return ", ".join(WEEKDAYS[day] for day in days) if days.size < 7 else "every day"


@lru_cache(maxsize=256)
def week_change(calendar: str, last: np.datetime64) -> WeekChange | None:
    """Return the change of an exchange's trading week within a year after a day; None where its
    week goes on, or nothing is known.
    """
    exchange = exchange_for(calendar, last - _BEFORE, last + _AHEAD)
    return None if exchange is None else _change_of(exchange.days, last)


def _change_of(days: Dates, last: np.datetime64) -> WeekChange | None:
    """Return the change after ``last`` among sessions."""
    near = days[(days >= last - _BEFORE) & (days <= last + _AHEAD)]
    periods = TradingWeek(near).periods
    for (_, before), (start, after) in pairwise(periods):
        if start > last:
            return WeekChange(start, before, after)
    return None


def week_changes(table: Candidates, first: np.datetime64, week: TradingWeek) -> dict[str, str]:
    """Return the exchanges that trade on the same weekdays as a series up to its last bar and
    change them within a year after it, with the change in words, by code.

    Parameters
    ----------
    table : Candidates
        Of all exchanges.
    first : datetime64[D]
        Day of its first column.
    week : TradingWeek
        Of the series.
    """
    last, mask = week.seen[-1], week.periods[-1][1]
    index = int((last - first).astype(np.int64))
    found = {}
    for code, trading in zip(table.codes, table.trading, strict=True):
        begin = max(index - int(_BEFORE.astype(np.int64)), 0)
        near = trading[begin : index + int(_AHEAD.astype(np.int64))]
        change = _change_of(first + (begin + np.flatnonzero(near)) * DAY, last)
        if change is not None and (change.before == mask).all():
            found[code] = str(change)
    return found


def strangers_of(series: PriceSeries) -> tuple[Dates, int]:
    """Return the days among the last ones with bars that are no sessions of the series' exchange,
    and how many days were looked at; no days where they are few.

    Weekdays that an exchange never trades on are not counted for intraday bars: futures open on
    Sunday evening, and their forecasts do.
    """
    key = ("strangers", series.freq, series.tz, series.calendar)
    return remembered(series.ds, key, lambda: _strangers_of(series))


def _strangers_of(series: PriceSeries) -> tuple[Dates, int]:
    """Return what :func:`strangers_of` does."""
    days = np.unique(exchange_clock(series)[0].astype("datetime64[D]"))[-_LAST_DAYS:]
    none = days[:0]
    exchange = exchange_for(series.calendar, days[0], days[-1])
    if exchange is None:
        return none, 0
    looked = days[(days >= exchange.first) & (days <= exchange.last)]
    strange = np.setdiff1d(looked, exchange.days)
    if parsed(series.freq)[1] != "D":
        traded = np.bincount(weekday_of(exchange.days), minlength=7) > 0
        strange = strange[traded[weekday_of(strange)]]
    many = strange.size > max(_STRAYS * looked.size, _FEW)
    return (strange if many else none), int(looked.size)
