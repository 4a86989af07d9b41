"""Series of different calendars on the dates that all of them have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from forecasting.errors import DataError
from forecasting.series import Dates, Panel, PriceSeries

_LEAST = 30


def on_common_dates(panel: Panel) -> tuple[Panel, str]:
    """Keep the bars of the dates that every calendar in a panel has, so that step h is one date for
    all series.

    A date belongs to a calendar where most of the series of that calendar which had begun and not
    ended have a bar. A move over dates that are left out counts to the next bar that is kept.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    panel : Panel
        The same one where all series share a calendar, and end on one date.
    note : str
        What was left out, in words; "" where nothing was.

    Raises
    ------
    DataError
        Hardly any date in common.
    """
    groups = _by_calendar(panel)
    last = min(s.ds[-1] for s in panel)
    if len(groups) == 1 and all(s.ds[-1] == last for s in panel):
        return panel, ""
    common = _common(groups.values(), last)
    fewest = min(groups.values(), key=lambda members: max(_recent(s) for s in members))[0]
    found = tuple(_on(series, common, fewest.calendar) for series in panel)
    short = next((s for s in found if len(s) < _LEAST), None)
    if short is not None:
        raise DataError(
            f"{short.symbol} has {len(short)} dates in common with the others; {_LEAST} are "
            "needed.",
            "Load series of the same days, or join their bars with --resample.",
        )
    lost = max(len(s) - len(item) for s, item in zip(panel, found, strict=True))
    if not lost:
        return Panel(found), ""
    return (
        Panel(found),
        f"Series are held together on the {common.size:,} dates that all have, up to "
        f"{str(common[-1])[:10]}.",
    )


def strangers(panel: Panel) -> dict[str, str]:
    """Tell which series have hardly any date in common with the others, by symbol, and why; none
    where that is true of most.

    The series of the largest calendar are the others; dates are those that most of these have.
    """
    groups = sorted(_by_calendar(panel).values(), key=len, reverse=True)
    largest = groups[0]
    dates = np.unique(np.concatenate([s.ds for s in largest]))
    usual = dates[_sessions(largest, dates)]
    shared = {s.symbol: int(np.isin(s.ds, usual).sum()) for s in panel}
    apart = {
        symbol: (
            f"{symbol} has {count:,} dates in common with the others; {_LEAST} are needed. "
            "It is left out."
        )
        for symbol, count in shared.items()
        if count < _LEAST
    }
    return apart if len(apart) * 2 < len(panel) else {}


def _by_calendar(panel: Panel) -> dict[tuple[str, str], list[PriceSeries]]:
    groups: dict[tuple[str, str], list[PriceSeries]] = {}
    for series in panel:
        groups.setdefault((series.calendar, series.tz), []).append(series)
    return groups


def _common(groups: Iterable[list[PriceSeries]], last: np.datetime64) -> Dates:
    """Return the dates up to ``last`` that every calendar has."""
    members = list(groups)
    dates = np.unique(np.concatenate([s.ds for group in members for s in group]))
    shared = dates <= last
    for group in members:
        shared &= _sessions(group, dates)
    found: Dates = dates[shared]
    return found


def _recent(series: PriceSeries) -> float:
    """Return bars in a day of the last year of a series."""
    span = series.ds >= series.ds[-1] - np.timedelta64(365, "D")
    return float(span.sum())


def _sessions(members: list[PriceSeries], dates: Dates) -> np.ndarray:
    """Tell which dates [D] most living members have; dates at which none lives count as had."""
    alive, there = np.zeros(dates.size, np.int64), np.zeros(dates.size, np.int64)
    for series in members:
        alive += (dates >= series.ds[0]) & (dates <= series.ds[-1])
        there += np.isin(dates, series.ds)
    return np.asarray((there * 2 > alive) | (alive == 0))


def _on(series: PriceSeries, common: Dates, calendar: str) -> PriceSeries:
    mine = np.isin(series.ds, common)
    if mine.all():
        return series
    if not mine.any():
        raise DataError(
            f"{series.symbol} has no date in common with the others.",
            "Load series of the same days.",
        )
    if {"open", "high", "low"} <= set(series.columns) and calendar != series.calendar:
        return _closes(series, mine, calendar)
    return replace(series, ds=series.ds[mine], values=series.values[mine])


def _closes(series: PriceSeries, mine: np.ndarray, calendar: str) -> PriceSeries:
    """Keep the closes alone: the range of one bar is not that of the move since the bar kept
    before.
    """
    return replace(
        series,
        ds=series.ds[mine],
        columns=("close",),
        values=series.y[mine][:, None],
        calendar=calendar,
    )
