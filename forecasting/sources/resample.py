"""Coarser bars out of finer ones, and the calendar that a person knows better than the dates
tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.calendars import future_sessions, known_until
from forecasting.calendars.exchange import US_A_DAY, crosses_midnight, exchange_clock
from forecasting.calendars.week import DAY
from forecasting.checks import distance_of, usual_distance
from forecasting.corporate_events import on_joined_bars
from forecasting.errors import DataError
from forecasting.series import Dates, Finding, Floats, Ints, PriceSeries
from forecasting.sources.options import ReadOptions
from forecasting.sources.quality import Bars, examine
from forecasting.sources.trading_hours import with_timezone

#: Distances of bars that a series can be brought to, with what they are called.
RESAMPLES: dict[str, str] = {
    "1min": "1 minute", "5min": "5 minutes", "15min": "15 minutes", "30min": "30 minutes",
    "1h": "1 hour", "2h": "2 hours",
    "4h": "4 hours", "1D": "Daily", "1W": "Weekly", "1M": "Monthly",
}  # fmt: skip

#: Findings that speak of the number or the distance of bars, and so do not outlive it.
_OF_THE_BARS = ("short", "mixed_frequency", "dst")


def shaped(series: PriceSeries, options: ReadOptions) -> PriceSeries:
    """Return a series with the zone, the calendar and the distance of bars that the options ask
    for, in this order.
    """
    if options.timezone:
        series = with_timezone(series, options.timezone)
    if options.trading_calendar:
        series = with_calendar(series, options.trading_calendar)
    return resample(series, options.resample) if options.resample else series


def with_calendar(series: PriceSeries, calendar: str) -> PriceSeries:
    """Return a series with another calendar.

    Parameters
    ----------
    series : PriceSeries
    calendar : str
        ``24/7``, ``weekdays`` or a code of exchange_calendars such as ``XNYS``, in any case.

    Raises
    ------
    DataError
        An unknown calendar.
    """
    name = calendar.strip()
    name = name.lower() if name.lower() in ("24/7", "weekdays") else name.upper()
    known_until(name)
    return replace(series, calendar=name)


def resample(series: PriceSeries, freq: str, *, unfinished: bool = False) -> PriceSeries:
    """Join bars into coarser ones: first open, highest high, lowest low, last close, summed volume.

    Bars of minutes and hours are counted from the usual first bar of the trading day (from midnight
    where trading goes through the night) and named by their start. Days, weeks (from Monday) and
    months are those of the exchange's clock and named by the day of their last bar: the day on
    which their close was known. A last bar that is not over, since the next session of the calendar
    belongs to it too, is left out with a finding: its close would be that of another bar.

    Parameters
    ----------
    series : PriceSeries
    freq : str
        One of :data:`RESAMPLES`; the distance that the series has already leaves it as it is.
    unfinished : bool
        Whether a last bar that is not over is kept, for looking only.

    Returns
    -------
    PriceSeries
        The same columns. A joined bar looks at the bars that it is made of and at no other.

    Raises
    ------
    DataError
        An unknown distance, one finer than that of the series or no multiple of it, or too few bars
        for a whole one.
    """
    _check(series, freq)
    if freq == series.freq:
        return series
    clock, back = exchange_clock(series)
    groups, name = _grouping(clock, freq)
    ahead = exchange_clock(
        replace(series, ds=future_sessions(series, 1), values=series.values[-1:])
    )[0]
    keys = np.maximum.accumulate(groups(np.append(clock, ahead)))
    starts = np.flatnonzero(np.diff(keys[:-1], prepend=keys[0] - 1))
    ends = np.append(starts[1:], len(series)) - 1
    findings = [item for item in series.findings if item.code not in _OF_THE_BARS]
    if keys[-1] == keys[-2] and not unfinished:
        findings.append(_unfinished(series, freq, starts))
        starts, ends = starts[:-1], ends[:-1]
    if starts.size == 0:
        message = f"{series.symbol} holds no whole bar of the distance {freq}."
        raise DataError(message, "Load more history, or choose a shorter distance.")
    stop = int(ends[-1]) + 1
    values = {column: _JOINED[column](series[column][:stop], starts) for column in series.columns}
    ds = back(name(clock[:stop], starts, ends)).astype("datetime64[us]")
    note = f"resampled from {series.freq or 'irregular bars'} to {freq}"
    note = f"{series.provenance.note}; {note}" if series.provenance.note else note
    return replace(
        series,
        ds=ds,
        values=np.column_stack([values[column] for column in series.columns]),
        freq=freq,
        provenance=replace(series.provenance, note=note),
        findings=_with_joined(findings, Bars(ds, values, freq, series.tz), stop),
        extras=on_joined_bars(series, ds),
    )


def _with_joined(findings: Sequence[Finding], joined: Bars, count: int) -> tuple[Finding, ...]:
    """Return findings, and those on bars that ``count`` ones were joined into."""
    message = (
        f"{count:,} bars were joined into {joined.ds.size:,} of the distance {joined.freq}: first "
        "open, highest high, lowest low, last close."
    )
    found = (*findings, Finding("resampled", message, count, "info", "joined"))
    codes = {item.code for item in found}
    return (*found, *(item for item in examine(joined) if item.code not in codes))


def joined_dates(series: PriceSeries, freq: str, future: Dates) -> tuple[Dates, Ints]:
    """Return the names of joined bars, and which bars they end with.

    Parameters
    ----------
    series : PriceSeries
        With the bars as they were loaded.
    freq : str
        One of :data:`RESAMPLES`, coarser than the series.
    future : ndarray of datetime64[us], shape [F]
        Dates of bars to come. Those that belong to a last joined bar that is not over begin none.

    Returns
    -------
    names : ndarray of datetime64[us], shape [G]
        As :func:`resample` names them; the last known bar counts also where it is not over.
    ends : ndarray of int64, shape [G]
        Index of the last member of each, among the bars of the series and then those to come.
    """
    bars = len(series)
    dates = np.concatenate([series.ds, future])
    values = np.broadcast_to(series.values[-1], (dates.size, len(series.columns)))
    clock, back = exchange_clock(replace(series, ds=dates, values=values))
    groups, name = _grouping(clock[:bars], freq)
    keys = np.maximum.accumulate(groups(clock))
    ends = np.flatnonzero(np.diff(keys, append=keys[-1] + 1))
    known, come = ends[ends < bars - 1], ends[ends >= bars]
    ends = np.concatenate([known, [bars - 1], come[keys[come] > keys[bars - 1]]])
    starts = np.searchsorted(keys, keys[ends])
    return back(name(clock, starts, ends)).astype("datetime64[us]"), ends


def coarser(series: PriceSeries) -> tuple[str, ...]:
    """Return the distances of :data:`RESAMPLES` that the bars of a series can be joined to."""
    return tuple(freq for freq in RESAMPLES if freq != series.freq and _fits(series, freq))


def _check(series: PriceSeries, freq: str) -> None:
    if freq not in RESAMPLES:
        raise DataError(
            f"Bars cannot be joined to the distance '{freq}'.",
            f"Possible are {', '.join(RESAMPLES)}.",
        )
    if freq == series.freq or _fits(series, freq):
        return
    possible = coarser(series)
    message = (
        f"The bars of {series.symbol} ({series.freq or 'irregular'}) cannot be joined to "
        f"the distance {freq}."
    )
    raise DataError(
        message,
        f"Possible are {', '.join(possible)}." if possible else "Choose a source with finer bars.",
    )


def _fits(series: PriceSeries, freq: str) -> bool:
    """Tell whether bars of a distance consist of whole bars of the series; weeks do not fill
    months.
    """
    have, wanted = usual_distance(series), distance_of(freq)
    whole = (
        wanted % have == 0
        if wanted < US_A_DAY and series.freq
        else not (freq == "1M" and series.freq.endswith("W"))
    )
    return have < wanted and whole


def _grouping(
    clock: Dates, freq: str
) -> tuple[Callable[[Dates], Ints], Callable[[Dates, Ints, Ints], Dates]]:
    """Return what gives each stamp [T] the number of its bar, and what names the bars from their
    first and last members.
    """
    if freq in ("1D", "1W", "1M"):
        return lambda stamps: _days(stamps, freq), _named_by_last
    step = np.timedelta64(distance_of(freq), "us")
    first = _opening(clock)

    def starts_of(stamps: Dates) -> Dates:
        days = stamps.astype("datetime64[D]")
        started: Dates = days + first + (stamps - days - first) // step * step
        return started

    return lambda stamps: starts_of(stamps).astype(
        np.int64
    ), lambda stamps, starts, _ends: starts_of(stamps[starts])


def _days(stamps: Dates, freq: str) -> Ints:
    """Return the number of the day, of the week from Monday or of the month, counted from 1970."""
    if freq == "1M":
        return stamps.astype("datetime64[M]").astype(np.int64)
    days = stamps.astype("datetime64[D]").astype(np.int64)
    return days if freq == "1D" else (days + 3) // 7


def _named_by_last(stamps: Dates, _starts: Ints, ends: Ints) -> Dates:
    """Name bars by their last member: its stamp where there is one bar a day, else its day."""
    days = stamps.astype("datetime64[D]")
    daily = bool((days[1:] > days[:-1]).all())
    return stamps[ends] if daily else days[ends]


def _opening(clock: Dates) -> np.timedelta64:
    """Return the usual time of day of a day's first bar; midnight where bars go on through the
    night.
    """
    days = clock.astype("datetime64[D]")
    if clock.size < 2 or crosses_midnight(clock):
        return np.timedelta64(0, "us")
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - DAY))
    times, counts = np.unique(clock[firsts] - days[firsts], return_counts=True)
    usual: np.timedelta64 = times[counts.argmax()]
    return usual


def _unfinished(series: PriceSeries, freq: str, starts: Ints) -> Finding:
    left = len(series) - int(starts[-1])
    message = (
        f"The last {left} bars are the beginning of a bar of the distance {freq} that is not over."
    )
    return Finding(
        "unfinished_group",
        message,
        left,
        "info",
        "dropped",
        (str(series.ds[starts[-1]].astype("datetime64[s]")),),
    )


def _first(column: Floats, starts: Ints) -> Floats:
    """Return the first known value of each group, NaN where none is known."""
    indices = np.minimum.reduceat(
        np.where(np.isfinite(column), np.arange(column.size), column.size), starts
    )
    return np.where(indices < column.size, column[np.minimum(indices, column.size - 1)], np.nan)


def _last(column: Floats, starts: Ints) -> Floats:
    """Return the last known value of each group, NaN where none is known."""
    indices = np.maximum.reduceat(np.where(np.isfinite(column), np.arange(column.size), -1), starts)
    return np.where(indices >= 0, column[np.maximum(indices, 0)], np.nan)


def _sum(column: Floats, starts: Ints) -> Floats:
    """Return the sum of the known values of each group, NaN where none is known."""
    known = np.isfinite(column)
    total = np.add.reduceat(np.where(known, column, 0.0), starts)
    return np.where(np.logical_or.reduceat(known, starts), total, np.nan)


_JOINED: dict[str, Callable[[Floats, Ints], Any]] = {
    "open": _first,
    "high": np.fmax.reduceat,
    "low": np.fmin.reduceat,
    "close": _last,
    "adj_close": _last,
    "volume": _sum,
}
