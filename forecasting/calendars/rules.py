"""Sessions and closes from the rules of an exchange_calendars calendar: building one is slow,
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
_NO_DAY = np.datetime64("NaT", "D")


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
    every: Dates = np.concatenate(
        [_days(bare.adhoc_holidays), _yearly(bare.regular_holidays, first, last)]
    )
    return every[(every >= first) & (every <= last)]


def _yearly(holidays: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the days of all rules of a holiday calendar of pandas, in no order; ``holidays`` may
    be None.
    """
    if holidays is None:
        return _days(())
    if not holidays.rules:  # a calendar that computes its days in its own way
        from pandas import Timestamp

        return _days(holidays.holidays(Timestamp(first), Timestamp(last)))
    return np.concatenate(
        [
            _feast(rule, first, last) if _foreign(rule) else _regular(rule, first, last)
            for rule in holidays.rules
        ]
    )


def _days(stamps: Any) -> Dates:
    """Return the days of stamps of pandas or numpy, or of texts."""
    return np.array([_as_day(item, _NO_DAY) for item in stamps], "datetime64[D]")


def _regular(rule: Any, first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the days of a rule that pandas computes; those of one date a year are computed here,
    which takes a tenth of the time.

    Asked of the calendar as a whole, pandas would give each day the name of its holiday, which
    takes most of the time.
    """
    from pandas.tseries.holiday import Holiday

    moved = rule.offset or rule.observance or rule.year or rule.exclude_dates is not None
    computed_elsewhere = type(rule).dates is not Holiday.dates
    if moved or computed_elsewhere:
        days: Dates = rule.dates(str(first), str(last)).to_numpy().astype("datetime64[D]")
        return days
    years = np.arange(first.astype("datetime64[Y]"), last.astype("datetime64[Y]") + 1)
    months = years.astype("datetime64[M]") + (rule.month - 1)
    days = months.astype("datetime64[D]") + (rule.day - 1)
    inside = (days >= _as_day(rule.start_date, first)) & (days <= _as_day(rule.end_date, last))
    if rule.days_of_week is not None:
        inside &= np.isin(weekday_of(days), rule.days_of_week)
    return days[inside]


def closes_by_rule(bare: Any, days: Dates) -> Dates:
    """Return the closes [N] of sessions in wall-clock, half days and shifted days included."""
    closes = np.empty(days.size, "datetime64[us]")
    for start, time in bare.close_times:
        since = days >= _as_day(start, np.datetime64("0001-01-01"))
        closes[since] = days[since] + bare.close_offset * DAY + _after_midnight(time)
    # Seoul closes later on the day of the entrance examination.
    for *_, delay, when in getattr(bare, "special_offsets_adhoc", ()):
        closes[_is_on(when, days)] += np.timedelta64(delay)
    # Of several rules for a day the first one counts, and those of single days come first.
    special = [*bare.special_closes_adhoc, *bare.special_closes]
    for time, when in reversed(special):
        there = _is_on(when, days)
        closes[there] = days[there] + _after_midnight(time)
    return closes


def _after_midnight(time: Any) -> np.timedelta64:
    return np.timedelta64(60 * time.hour + time.minute, "m")


def _is_on(when: Any, days: Dates) -> Mask:
    """Return which days [N] are named by a weekday, a holiday calendar or a list of stamps."""
    if not days.size:
        return np.zeros(0, bool)
    if isinstance(when, int):
        on_weekday: Mask = weekday_of(days) == when
        return on_weekday
    named = _yearly(when, days[0], days[-1]) if hasattr(when, "rules") else _days(when)
    return np.isin(days, named)


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
