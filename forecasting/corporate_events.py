"""Dividends, splits and earnings reports of a series: found among its further columns, and put on
its bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from forecasting.series import Dates, ExogColumn, Floats, PriceSeries

EventKind = Literal["dividends", "splits", "earnings"]

#: Also the name of the column of each kind, which may be chosen as input.
EVENT_KINDS: tuple[EventKind, ...] = ("dividends", "splits", "earnings")
#: What files call the columns, in small letters and with blanks for other signs.
_NAMES: dict[str, EventKind] = {
    **dict.fromkeys(
        (
            "dividends", "dividend", "dividend amount", "cash dividend", "cash dividends",
            "div cash", "divcash", "ex dividend", "exdividend", "dividende", "dividenden",
        ),
        "dividends",
    ),
    **dict.fromkeys(
        (
            "splits", "split", "stock splits", "stock split", "split ratio", "split coefficient",
            "split factor", "splitfactor", "aktiensplit",
        ),
        "splits",
    ),
    **dict.fromkeys(
        (
            "earnings", "earnings date", "earnings dates", "earnings day", "earnings report",
            "is earnings",
        ),
        "earnings",
    ),
}  # fmt: skip
#: Largest share of bars of a day or less that can have an event, and bars from which on this is
#: looked at: a column that is filled more often is a figure of another kind, such as the dividends
#: of a year.
_RARELY, _ENOUGH = 0.2, 60
_LONG_BARS = ("1W", "1M")
#: "4:1", "4 for 1", "4/1".
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?|to)\s*(\d+(?:\.\d+)?)")
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class CorporateEvent:
    """One event of a company.

    Attributes
    ----------
    kind : str
    ds : datetime64[us]
        Ex-date of a dividend, first date at the new count of shares, or the first bar after a
        report.
    value : float
        Amount a share, new shares for an old one, or 1.
    """

    kind: EventKind
    ds: np.datetime64
    value: float


def event_kind(name: str) -> EventKind | None:
    """Return of which kind the events of a column are by its name, None for other columns."""
    words = re.sub(r"[\W_\d]+", " ", name).split()
    return _NAMES.get(" ".join(words).lower())


def events_of(series: PriceSeries) -> tuple[CorporateEvent, ...]:
    """Return the events that a series carries among its further columns, oldest first.

    Of several columns of a kind the first counts. A column that has a value on many bars is a
    figure of another kind and gives none.
    """
    if not any(map(event_kind, series.extra_names)):
        return ()
    columns: dict[EventKind, ExogColumn] = {}
    for column in series.extras:
        kind = event_kind(column.name)
        if kind is not None and column.form != "date" and not column.source:
            columns.setdefault(kind, column)
    most = _most_events(series)
    found = [event for kind, column in columns.items() for event in _events(kind, column, most)]
    return tuple(sorted(found, key=lambda event: (event.ds, event.kind)))


def _most_events(series: PriceSeries) -> float:
    """Return how many events of a kind a series can have."""
    often = series.freq in _LONG_BARS or len(series) < _ENOUGH
    return np.inf if often else _RARELY * len(series)


def _events(kind: EventKind, column: ExogColumn, most: float) -> list[CorporateEvent]:
    values = _amounts(column)
    if kind == "earnings" and column.form != "flag":
        return []
    with np.errstate(invalid="ignore"):
        there = np.isfinite(values) & (values > 0)
    if kind == "splits":
        there &= values != 1
    if np.count_nonzero(there) > most:
        return []
    pairs = zip(column.ds[there], values[there].tolist(), strict=True)
    return [CorporateEvent(kind, ds, value) for ds, value in pairs]


def _amounts(column: ExogColumn) -> Floats:
    """Return the values of a column; texts such as 4:1 as ratios, NaN for others."""
    if column.form != "category":
        return column.values
    found = [_RATIO.fullmatch(label.strip()) for label in column.labels]
    ratios = [
        float(item[1]) / float(item[2]) if item and float(item[2]) else np.nan for item in found
    ]
    there = np.isfinite(column.values)
    index = np.where(there, column.values, 0).astype(np.int64)
    return np.where(there, np.array(ratios)[index], np.nan)


def event_column(kind: EventKind, bars: Dates, events: Iterable[CorporateEvent]) -> ExogColumn:
    """Return the events of a kind as a column with a value at each bar, 0 without an event.

    A bar has what happened since the bar before; a date without a bar counts at the next. Earnings
    reports are 1, also after the last bar as far as they are announced, and unknown (NaN) before
    the first. After the last one half the usual distance of two reports is taken to be free of
    them.

    Parameters
    ----------
    kind : str
    bars : ndarray of datetime64[us], shape [T]
    events : iterable of CorporateEvent
        In any order; those of other kinds are left out.
    """
    own = sorted((item for item in events if item.kind == kind), key=lambda item: item.ds)
    dates = np.array([item.ds for item in own], "datetime64[us]")
    amounts = np.array([item.value for item in own], np.float64)
    index = np.searchsorted(bars, dates)
    within = index < len(bars)
    values = np.zeros(len(bars))
    if kind == "splits":
        factors = np.ones(len(bars))
        np.multiply.at(factors, index[within], amounts[within])
        values = np.where(factors == 1, 0.0, factors)
    elif kind == "dividends":
        np.add.at(values, index[within], amounts[within])
    else:
        return _reports(bars, dates, index)
    return ExogColumn(kind, bars, values)


def _reports(bars: Dates, dates: Dates, index: np.ndarray) -> ExogColumn:
    """Return reports as yes and no, up to where they are announced."""
    flags = np.full(len(bars), np.nan)
    if not dates.size:
        return ExogColumn("earnings", bars, flags, "flag")
    flags[bars >= dates[0]] = 0.0
    flags[index[index < len(bars)]] = 1.0
    ahead = dates[dates > bars[-1]].astype("datetime64[D]").astype("datetime64[us]")
    ends = [dates[-1]]
    if dates.size >= 3:
        ends.append(dates[-1] + np.median(np.diff(dates)) // 2)
    free = np.append(ahead + _DAY, max(ends).astype("datetime64[D]").astype("datetime64[us]"))
    free = np.setdiff1d(free[free > bars[-1]], ahead)
    later = np.concatenate([ahead, free])
    more = np.repeat([1.0, 0.0], [ahead.size, free.size])
    order = np.argsort(later)
    ds = np.concatenate([bars, later[order]])
    return ExogColumn("earnings", ds, np.concatenate([flags, more[order]]), "flag")


def with_events(
    series: PriceSeries, kinds: Sequence[EventKind], events: Sequence[CorporateEvent]
) -> PriceSeries:
    """Return a series with columns of some kinds of events, in place of those that it has."""
    others = tuple(column for column in series.extras if column.name not in EVENT_KINDS)
    columns = (event_column(kind, series.ds, events) for kind in kinds)
    return replace(series, extras=(*others, *columns))


def kinds_of(series: PriceSeries) -> tuple[EventKind, ...]:
    """Return the kinds of which a series has a column of its own, whether there are events or
    not.
    """
    names = {column.name for column in series.extras}
    return tuple(kind for kind in EVENT_KINDS if kind in names)


def on_joined_bars(series: PriceSeries, bars: Dates) -> tuple[ExogColumn, ...]:
    """Return the further columns of a series for coarser bars: events are those since the bar
    before, other columns stay as they are.

    Parameters
    ----------
    series : PriceSeries
    bars : ndarray of datetime64[us], shape [T]
        Of the coarser bars.
    """
    found = []
    most = _most_events(series)
    for column in series.extras:
        kind = event_kind(column.name)
        events = _events(kind, column, most) if kind and column.form != "date" else []
        if kind and events:
            column = replace(event_column(kind, bars, events), name=column.name)
        found.append(column)
    return tuple(found)
