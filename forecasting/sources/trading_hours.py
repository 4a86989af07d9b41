"""When a series trades: the exchange that its dates tell, the zone of its times, and what is
assumed where they do not tell.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from forecasting.calendars import known_until
from forecasting.calendars.changes import strangers_of, week_change, week_changes, week_in_words
from forecasting.calendars.exchange import continued, crosses_midnight, rezoned
from forecasting.calendars.future import parsed
from forecasting.calendars.inference import calendar_of_ticker
from forecasting.calendars.recognition import FIRST_DAY, Recognised, candidates, recognise
from forecasting.calendars.week import WORKWEEK, TradingWeek, trading_week, weekday_of
from forecasting.errors import DataError
from forecasting.series import Dates, Finding, PriceSeries
from forecasting.source_registry import source_spec
from forecasting.sources.options import ReadOptions

#: Days before the end of a calendar's knowledge from which forecasts may cross it.
_NEAR_THE_END = np.timedelta64(366, "D")
#: Trading days in a year: fewer do not show all holidays.
_A_YEAR = 250
#: Fewest days with bars that show a trading week.
_LEAST_DAYS = 20


def with_timezone(series: PriceSeries, zone: str) -> PriceSeries:
    """Return a series whose times are in a zone: times that named none are taken as written in it,
    others are converted.

    Parameters
    ----------
    series : PriceSeries
    zone : str
        ``UTC`` or an IANA name such as ``America/New_York``.

    Raises
    ------
    DataError
        An unknown zone.
    """
    from zoneinfo import ZoneInfo

    name = zone.strip()
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(
            f"The time zone '{name}' is unknown.", "Write UTC or a name such as America/New_York."
        ) from error
    daily = not (series.ds - series.ds.astype("datetime64[D]")).any()
    if not series.tz or daily:
        return replace(series, tz=name)
    moved = rezoned(series.ds, series.tz, name)
    # The hour that comes twice in autumn has one wall-clock time for two moments: such series stay
    # in their zone.
    return replace(series, ds=moved, tz=name) if (moved[1:] > moved[:-1]).all() else series


def with_exchange(series: PriceSeries, options: ReadOptions) -> PriceSeries:
    """Return a series with the exchange that its own dates tell, and findings on what is known and
    what is assumed of its sessions.

    The dates are asked only where neither the options, nor the ticker, nor the sample name an
    exchange. This imports exchange_calendars, and asking takes seconds once, until the sessions of
    all exchanges are cached.
    """
    parts = parsed(series.freq)
    if parts[1] in ("", "W", "M") or series.calendar == "24/7":
        return series
    if not _is_named(series, options):
        series = _asked_of_dates(series)
    checks = (_end_of_calendar, _changed_week, _contradicted)
    found = [finding for check in checks if (finding := check(series)) is not None]
    return replace(series, findings=(*series.findings, *found)) if found else series


def _is_named(series: PriceSeries, options: ReadOptions) -> bool:
    """Tell whether the exchange is known without asking the dates."""
    spec = source_spec(series.provenance.source)
    of_source = spec.names_exchange and series.calendar != "weekdays"
    of_ticker = bool(calendar_of_ticker(series.symbol.strip().upper()))
    return bool(options.trading_calendar) or of_ticker or of_source


def _asked_of_dates(series: PriceSeries) -> PriceSeries:
    days = np.unique(series.ds.astype("datetime64[D]"))
    week = trading_week(days)
    intraday = parsed(series.freq)[1] != "D"
    found = recognise(series) if intraday or week.missing.size else Recognised("")
    if not found.calendar:
        if series.calendar != "weekdays":
            return series
        finding = _assumed(series, week, intraday)
        return replace(series, findings=(*series.findings, finding)) if finding else series
    strangers, _ = strangers_of(replace(series, calendar=found.calendar))
    if strangers.size and week.periods[-1][1][weekday_of(strangers)].all():
        findings = (*series.findings, _left(found.calendar, week, strangers))
        return replace(series, calendar="weekdays", findings=findings)
    text = _recognised(series, found)
    if found.file_zone and not series.tz:
        series = replace(series, tz=found.file_zone)
    return replace(series, calendar=found.calendar, findings=(*series.findings, text))


def _recognised(series: PriceSeries, found: Recognised) -> Finding:
    """Tell which exchange was recognised, by what, and which others fit as well."""
    holidays = f"{found.explained} of {found.missing} missing days are its holidays"
    hours = "they begin and end with its hours"
    parts = [f"Bars fit the sessions of {found.calendar}: {holidays if found.missing else hours}."]
    if found.rivals:
        others = ", ".join(found.rivals[:6])
        parts.append(
            f"{others} fit as well and have some other holidays; name the exchange with the "
            "setting Calendar."
        )
    if found.file_zone and not series.tz:
        parts.append(f"Times that name no zone are read as {found.file_zone}.")
    severity: Literal["info", "warning"] = "warning" if found.rivals else "info"
    return Finding(
        "calendar", " ".join(parts), found.explained, severity, f"read as {found.calendar}"
    )


def _left(calendar: str, week: TradingWeek, days: Dates) -> Finding:
    """Tell that the last bars have left the sessions of the exchange that was recognised."""
    names = week_in_words(week.periods[-1][1])
    message = (
        f"Bars fit the sessions of {calendar}, but no longer the last ones: what is known of it "
        f"may be out of date. The trading week of the last bars is assumed ({names}). To keep "
        f"to the sessions of {calendar}, name it with the setting Calendar."
    )
    return Finding(
        "calendar", message, int(days.size), "warning", "assumed", tuple(map(str, days[-5:]))
    )


def _changed_week(series: PriceSeries) -> Finding | None:
    """Tell that the trading week of the exchange, or of one that trades on the same days, changes
    within a year after the last bar.
    """
    last = series.ds[-1].astype("datetime64[D]")
    if series.calendar != "weekdays":
        change = week_change(series.calendar, last)
        if change is None:
            return None
        message = f"The trading week of {series.calendar} changes: {change}. Forecasts follow it."
        return Finding("calendar_week", message, 1, "info", "followed", (str(change.day),))
    week = trading_week(np.unique(series.ds.astype("datetime64[D]")))
    if (week.periods[-1][1] == WORKWEEK).all() or week.seen.size < _LEAST_DAYS:
        return None
    found = week_changes(candidates(), FIRST_DAY, week)
    if not found:
        return None
    code, words = next(iter(found.items()))
    message = (
        f"Bars are dated {week_in_words(week.periods[-1][1])}, as those of {', '.join(found)} "
        f"were, whose trading week changes: {words}. Forecasts do not follow that; where the "
        f"series is of that exchange, name it with the setting Calendar ({code})."
    )
    return Finding("calendar_week", message, 1, "warning", "assumed")


def _contradicted(series: PriceSeries) -> Finding | None:
    """Tell that many of the last bars are on days that are no sessions of the exchange."""
    if series.calendar in ("24/7", "weekdays"):
        return None
    days, looked = strangers_of(series)
    if not days.size:
        return None
    kinds = week_in_words(np.bincount(weekday_of(days), minlength=7) > 0.15 * days.size)
    message = (
        f"Of the last {looked} days with bars {days.size} are no sessions of {series.calendar} "
        f"({kinds}); forecasts fall on its sessions only. To follow the bars, set Calendar to "
        "weekdays, or to 24/7 where they have every day."
    )
    return Finding(
        "calendar_contradicted",
        message,
        int(days.size),
        "warning",
        "kept",
        tuple(map(str, days[-5:])),
    )


def _assumed(series: PriceSeries, week: TradingWeek, intraday: bool) -> Finding | None:
    """Tell what is assumed of the sessions to come where no exchange was recognised; None where
    the dates tell it themselves.
    """
    names = week.holidays.names
    short = week.seen.size < _A_YEAR
    night = intraday and crosses_midnight(series.ds)
    if not intraday and not week.missing.size and not short:
        return None
    parts = ["No exchange is known by these dates."]
    if names:
        parts.append(
            "The trading week of the last bars is assumed, without the holidays that come "
            f"back: {', '.join(names)}."
        )
    else:
        parts.append("The trading week of the last bars is assumed, without holidays.")
    if intraday and not series.tz:
        parts.append(
            "The times name no zone: future bars keep the last times of day."
            + (" They go on through the night." if night else "")
        )
    parts.append(
        "Name the exchange with the setting Calendar"
        + (" and the zone with Time zone." if intraday and not series.tz else ".")
    )
    severity: Literal["info", "warning"] = "warning" if week.missing.size or intraday else "info"
    return Finding("calendar", " ".join(parts), int(week.missing.size), severity, "assumed")


def _end_of_calendar(series: PriceSeries) -> Finding | None:
    """Tell where the knowledge of the exchange's sessions ends, if a forecast may cross it."""
    end = known_until(series.calendar)
    if np.isnat(end) or end > series.ds[-1] + _NEAR_THE_END:
        return None
    week = continued(series.calendar)
    names = week.holidays.names if week else ()
    assumed = (
        f"its trading week without {', '.join(names)}"
        if names
        else "its trading week without holidays"
    )
    message = (
        f"Sessions of {series.calendar} are known up to {end}; after that {assumed} is assumed."
    )
    return Finding(
        "calendar_end",
        message,
        1,
        "warning" if end < series.ds[-1] + _NEAR_THE_END // 6 else "info",
        "assumed",
        (str(end),),
    )
