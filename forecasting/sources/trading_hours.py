"""When a series trades: the exchange that its dates tell, the zone of its times, and what is
assumed where they do not tell.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from forecasting.calendars import known_until
from forecasting.calendars.exchange import continued, crosses_midnight, rezoned
from forecasting.calendars.future import parsed
from forecasting.calendars.inference import calendar_of_ticker
from forecasting.calendars.recognition import Recognised, recognise
from forecasting.calendars.week import TradingWeek, trading_week
from forecasting.errors import DataError
from forecasting.series import Finding, PriceSeries
from forecasting.source_registry import source_spec
from forecasting.sources.options import ReadOptions

#: Days before the end of a calendar's knowledge from which forecasts may cross it.
_NEAR_THE_END = np.timedelta64(366, "D")
#: Trading days in a year: fewer do not show all holidays.
_A_YEAR = 250


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
    end = _end_of_calendar(series)
    return replace(series, findings=(*series.findings, end)) if end else series


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
