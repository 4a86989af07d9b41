"""Sessions from the rules of an exchange_calendars calendar, where building the calendar is slow,
fails or goes wrong.

exchange_calendars 4.13 under pandas 3 cannot compute Orthodox Easter (``ASEX``, ``XBEL``, ``XBSE``,
``XCYS``), takes Western Easter for all Jewish holidays (``XTAE``) and ignores the weeks of
calendars whose week changed (``XTAE``, ``XBOM``, ``XMOS``, ``XKRX``).
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from forecasting.calendars.week import DAY, Mask, orthodox_easter, weekday_of
from forecasting.errors import DataError
from forecasting.series import Dates

#: First and last year in which feasts of other religions are computed: before and after, calendars
#: have none.
_YEARS = (1970, 2200)


_silent = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the deprecations of pandas 3.1 that exchange_calendars 4.13 makes use of, in one
    thread at a time: the filters of warnings belong to the whole process.
    """
    with _silent, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def calendar_class(code: str) -> Any:
    """Return the class of an exchange's calendar.

    Raises
    ------
    DataError
        An unknown calendar.
    """
    import exchange_calendars
    from exchange_calendars import calendar_utils

    try:
        with quiet():
            name = exchange_calendars.resolve_alias(code)
            # Building a calendar to ask for its class would take twenty years of sessions.
            known = getattr(calendar_utils, "_default_calendar_factories", {}).get(name)
            return known or type(exchange_calendars.get_calendar(name))
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise DataError(
            f"The calendar '{code}' is unknown.", "Choose 24/7, weekdays or a code such as XNYS."
        ) from error


def is_built_in(code: str) -> bool:
    """Tell whether a code is exchange_calendars' own, not one that a program has registered."""
    from exchange_calendars import calendar_utils

    return code in getattr(calendar_utils, "_default_calendar_factories", {})


def bare_of(kind: Any) -> Any:
    """Return a calendar without sessions: its rules, hours and zone do not need them."""
    return kind.__new__(kind)


def needs_rules(bare: Any) -> bool:
    """Tell whether exchange_calendars gets the sessions of a calendar wrong under pandas 3."""
    if getattr(bare, "special_weekmasks", ()):
        return True
    rules = [] if bare.regular_holidays is None else bare.regular_holidays.rules
    return any(_foreign(rule) for rule in rules)


def sessions_by_rule(bare: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the sessions of a calendar from ``first`` to ``last``, both included, by its week
    and its holidays.
    """
    days: Dates = np.arange(first, last + DAY, dtype="datetime64[D]")
    trading = _of_week(bare.weekmask, days)
    for start, end, mask in getattr(bare, "special_weekmasks", ()):
        inside = (days >= _as_day(start, first)) & (days <= _as_day(end, last))
        trading[inside] = _of_week(mask, days[inside])
    return days[trading & ~np.isin(days, holidays_by_rule(bare, first, last))]


def holidays_by_rule(bare: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the holidays of a calendar from ``first`` to ``last``, regular ones and single
    ones, in no order.
    """
    single = np.array([_as_day(item, first) for item in bare.adhoc_holidays], "datetime64[D]")
    rules = [] if bare.regular_holidays is None else bare.regular_holidays.rules
    regular = [
        _feast(rule, first, last) if _foreign(rule) else _regular(rule, first, last)
        for rule in rules
    ]
    every: Dates = np.concatenate([single, *regular])
    return every[(every >= first) & (every <= last)]


def _regular(rule: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the days of a rule that pandas computes.

    Asked of the calendar as a whole, pandas would give each day the name of its holiday, which
    takes most of the time.
    """
    days: Dates = rule.dates(str(first), str(last)).to_numpy().astype("datetime64[D]")
    return days


def usual_closes(bare: Any, days: Dates) -> Dates:
    """Return the closes [N] of days in wall-clock by the exchange's hours alone, without half
    days.
    """
    closes = np.empty(days.size, "datetime64[us]")
    for start, time in bare.close_times:
        since = days >= _as_day(start, np.datetime64("0001-01-01"))
        closes[since] = days[since] + np.timedelta64(60 * time.hour + time.minute, "m")
    return closes


def _foreign(rule: Any) -> bool:
    """Tell whether a rule stands on an offset of exchange_calendars' own, which pandas 3
    computes wrongly or not at all.
    """
    offset = rule.offset[0] if isinstance(rule.offset, list) and rule.offset else None
    return offset is not None and type(offset).__module__.startswith("exchange_calendars.")


def _feast(rule: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the days of a rule that stands on Orthodox Easter or on a Jewish holiday."""
    years = np.arange(max(int(str(first)[:4]), _YEARS[0]), min(int(str(last)[:4]), _YEARS[1]) + 1)
    feast, *shifts = rule.offset
    if hasattr(feast, "holiday"):
        days = np.array([feast.holiday(int(year)).to_pydate() for year in years], "datetime64[D]")
    else:
        days = orthodox_easter(years)
    days = days + sum(int(item.n) for item in shifts) * DAY
    if type(feast).__name__.endswith("EveObserved"):
        days = days - DAY
        days = days - np.maximum(weekday_of(days) - 4, 0) * DAY
    inside = (days >= _as_day(rule.start_date, first)) & (days <= _as_day(rule.end_date, last))
    return days[inside]


def _of_week(mask: str, days: Dates) -> Mask:
    """Return whether each day is in a weekly mask such as 1111100, Monday first."""
    week = np.array([letter == "1" for letter in mask])
    return week[weekday_of(days)]


def _as_day(stamp: Any, otherwise: np.datetime64) -> np.datetime64:
    """Return the day of a stamp of pandas or numpy, or of a text."""
    if stamp is None:
        return otherwise
    return np.datetime64(stamp.date() if hasattr(stamp, "date") else stamp, "D")
