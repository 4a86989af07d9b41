"""The exchange whose holidays and hours explain the dates of a series best, among all that
exchange_calendars knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from forecasting.calendars.exchange import crosses_midnight, rezoned
from forecasting.calendars.future import most_frequent, parsed
from forecasting.calendars.rules import bare_of, calendar_class, quiet, sessions_by_rule
from forecasting.calendars.table_cache import Tables, cached
from forecasting.calendars.week import (
    DAY,
    Mask,
    TradingWeek,
    learned_holidays,
    trading_week,
    without_holes,
)
from forecasting.series import Dates, Floats, Ints, PriceSeries

#: Days of which the holidays of all exchanges are held.
FIRST_DAY, _LAST = np.datetime64("1990-01-01"), np.datetime64("2035-12-31")
#: Newest days that are compared.
_WINDOW = np.timedelta64(10 * 366, "D")
#: Chance of a bar on a holiday, as vendors' files have them now and then.
_STRAY = 0.003
#: Largest share of an exchange's holidays that may have bars.
_STRAYS = 0.15
#: Log-likelihood by which an exchange must explain the dates better than a plain trading week, and
#: better than a rival.
_CLEAR, _RIVAL = 6.0, 3.0
#: Log-likelihood for a series in the exchange's own zone; for sessions that begin together, at the
#: opening, and end at the close.
_ZONE, _TOGETHER, _OPENING, _CLOSING = 4.0, 20.0, 6.0, 3.0
#: Pause between bars that ends a session: longer than any lunch, shorter than any night.
_NIGHT = np.timedelta64(5 * 60, "m")
#: Of exchanges that fit alike, the first here is taken.
_PREFERRED = (
    "XNYS", "XLON", "XFRA", "XPAR", "XTKS", "XHKG", "XSHG", "XTSE", "XASX", "XBOM", "BVMF", "XSWX",
    "XAMS", "XMIL", "XMAD", "XSTO",
    "XKRX", "XTAI", "XSES", "XTAE", "XSAU",
)  # fmt: skip
#: Not candidates: no exchanges, or the same holidays under another name.
_LEFT_OUT = ("24/7", "24/5", "us_futures", "IEPA")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Sessions and hours of all exchanges.

    Attributes
    ----------
    codes, zones : tuple of str, length C
    trading : ndarray of bool, shape [C, N]
        Whether each day from 1990 to 2035 is a session.
    known : ndarray of int64, shape [C, 2]
        First and last place in ``trading`` that exchange_calendars knows.
    opens, closes : tuple of tuple of int, length C
        Minutes after midnight at which sessions have begun and ended in the years known.
    """

    codes: tuple[str, ...]
    zones: tuple[str, ...]
    trading: Mask
    known: Ints
    opens: tuple[tuple[int, ...], ...]
    closes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Recognised:
    """What the dates of a series tell of its exchange.

    Attributes
    ----------
    calendar : str
        Code of exchange_calendars; "" where none explains the dates clearly.
    file_zone : str
        Zone in which the times of the series are written; "" where dates alone were compared.
    explained, missing : int
        Days of the trading week without a bar that are holidays of the exchange, and all.
    rivals : tuple of str
        Exchanges that explain the dates as well but will trade on other days.
    alike : tuple of str
        Exchanges that explain the dates as well and trade on the same days.
    """

    calendar: str
    file_zone: str = ""
    explained: int = 0
    missing: int = 0
    rivals: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def candidates() -> Candidates:
    """Return sessions and hours of all exchanges; computed once for each version of
    exchange_calendars, then read from the cache.
    """
    return _from_tables(cached("exchanges", lambda: _tables(_computed()), _from_tables))


def _tables(made: Candidates) -> Tables:
    """Return the candidates as arrays without objects."""
    hours = [
        [";".join(map(str, sorted(item))) for item in part] for part in (made.opens, made.closes)
    ]
    return {
        "codes": np.array(made.codes),
        "zones": np.array(made.zones),
        "trading": np.packbits(made.trading, axis=1),
        "known": made.known,
        "hours": np.array(hours),
    }


def _from_tables(found: Tables) -> Candidates:
    """Return the candidates of :func:`_tables`; ValueError or KeyError where they are none."""
    size = int((_LAST - FIRST_DAY).astype(np.int64)) + 1
    codes, zones = tuple(found["codes"].tolist()), tuple(found["zones"].tolist())
    trading = np.unpackbits(found["trading"], axis=1, count=size).astype(bool)
    known = found["known"].astype(np.int64)
    opens, closes = (
        tuple(tuple(int(item) for item in text.split(";")) for text in row)
        for row in found["hours"].tolist()
    )
    if not (
        len(codes) == len(zones) == len(trading) == len(known) == len(opens) == len(closes) > 0
        and known.shape[1] == 2
    ):
        raise ValueError("the arrays are not of one length")
    return Candidates(codes, zones, trading, known, opens, closes)


def _computed() -> Candidates:
    """Compute the table from the rules of the calendars alone: building each calendar would take
    seconds.
    """
    import exchange_calendars

    size = int((_LAST - FIRST_DAY).astype(np.int64)) + 1
    names = exchange_calendars.get_calendar_names(include_aliases=False)
    rows = []
    for code in sorted(
        (item for item in names if item not in _LEFT_OUT), key=lambda item: (_rank(item), item)
    ):
        try:
            with quiet():
                rows.append((code, *_rules_of(calendar_class(code), size)))
        except (ValueError, NotImplementedError, AttributeError, TypeError):
            continue
    codes, zones, trading, known, opens, closes = zip(*rows, strict=True)
    return Candidates(codes, zones, np.stack(trading), np.array(known), opens, closes)


def _rank(code: str) -> int:
    return _PREFERRED.index(code) if code in _PREFERRED else len(_PREFERRED)


def _rules_of(
    kind: Any, size: int
) -> tuple[str, Mask, tuple[int, int], tuple[int, ...], tuple[int, ...]]:
    """Return zone, sessions [N], known range and hours of one calendar class."""
    bare = bare_of(kind)
    trading = np.zeros(size, bool)
    trading[(sessions_by_rule(bare, FIRST_DAY, _LAST) - FIRST_DAY).astype(np.int64)] = True
    known = max(0, _place(kind.bound_min(), 0)), min(size - 1, _place(kind.bound_max(), size - 1))
    return str(bare.tz), trading, known, _minutes(bare.open_times), _minutes(bare.close_times)


def _place(stamp: Any, otherwise: int) -> int:
    if stamp is None:
        return otherwise
    distance = np.datetime64(stamp.date(), "D").astype(np.int64) - FIRST_DAY.astype(np.int64)
    return int(distance)


def _minutes(times: Any) -> tuple[int, ...]:
    return tuple({60 * time.hour + time.minute for _, time in times})


@dataclass(frozen=True, eq=False)
class _Sessions:
    """First and last stamp of each session of a series, in its own clock, shape [S]; ``step`` in
    minutes, 0 for daily bars.
    """

    starts: Dates
    ends: Dates
    step: int
    tz: str
    timed: bool


def recognise(series: PriceSeries) -> Recognised:
    """Find the exchange of a daily or intraday series from its dates and times; values are not
    looked at.

    For each exchange, days are taken as sessions (a bar is missing at the rate at which bars are
    missing) or holidays (a bar is there by mistake in three of a thousand); the likelihood of the
    dates must be clearly above that of a plain trading week without holidays. Intraday sessions
    must in addition begin together in the exchange's clock, which tells UTC from local time across
    a change to summer time. At most the newest ten years are compared.

    Returns
    -------
    Recognised
        Without a calendar where the evidence is not clear: fewer than two holidays explained, many
        holidays left unexplained, or rivals with other days.
    """
    count, unit = parsed(series.freq)
    if unit in ("", "W", "M") or len(series) < 2:
        return Recognised("")
    sessions = _sessions_of(series, count, unit)
    if sessions is None:
        return Recognised("")
    key = (
        sessions.starts.tobytes(),
        sessions.ends.tobytes(),
        sessions.step,
        sessions.tz,
        sessions.timed,
    )
    return _recognised(_Key(key, sessions))


class _Key:
    """Sessions as the key of a cache: panels have many series with the same dates."""

    def __init__(self, key: tuple[Any, ...], sessions: _Sessions) -> None:
        self.key, self.sessions = key, sessions

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.key == self.key


def _sessions_of(series: PriceSeries, count: int, unit: str) -> _Sessions | None:
    """Return the sessions of a series; None where bars go on through the night."""
    ds = series.ds[series.ds >= max(series.ds[-1] - _WINDOW, FIRST_DAY)]
    if ds.size < 2:
        return None
    if unit == "D":
        timed = bool((ds - ds.astype("datetime64[D]")).any())
        return _Sessions(ds, ds, 0, series.tz if timed else "", timed and bool(series.tz))
    if crosses_midnight(ds) and not (np.diff(ds) >= _NIGHT).mean() > 0.02:
        return None
    cuts = np.flatnonzero(np.diff(ds) >= _NIGHT)
    starts, ends = np.append(0, cuts + 1), np.append(cuts, ds.size - 1)
    step = count * {"s": 1, "min": 60, "h": 3600}[unit] // 60
    return _Sessions(ds[starts], ds[ends], max(step, 1), series.tz, True)


@dataclass(frozen=True, eq=False)
class _Scores:
    """How well each candidate explains the dates when the file's clock is ``zone``:
    log-likelihoods above a plain week, [C].
    """

    zone: str
    gain: Floats
    hours: Floats
    explained: Ints
    missing: Ints


@lru_cache(maxsize=256)
def _recognised(key: _Key) -> Recognised:
    sessions, table = key.sessions, candidates()
    intraday = sessions.step > 0
    scored = list(_hypotheses(sessions, table))
    total = np.stack([item.gain + item.hours for item in scored])
    index, best = np.unravel_index(int(total.argmax()), total.shape)
    won = scored[int(index)]
    explained, missing = int(won.explained[best]), int(won.missing[best])
    last = int((sessions.starts[-1].astype("datetime64[D]") - FIRST_DAY).astype(np.int64))
    near = np.unique(np.nonzero(total >= total.max() - _RIVAL)[1])
    ahead = table.trading[:, last + 1 : last + 400]
    same = [int(item) for item in near if (ahead[item] == ahead[best]).all()]
    chosen = min(same)
    rivals = tuple(table.codes[item] for item in near if int(item) not in same)
    found = Recognised(
        table.codes[chosen],
        "",
        explained,
        missing,
        rivals,
        tuple(table.codes[item] for item in same if item != chosen),
    )
    if intraday:
        clocks = [
            item
            for item, row in zip(scored, total, strict=True)
            if row[chosen] >= total.max() - _RIVAL
        ]
        found = replace(found, file_zone=_zone_of(clocks[0], table.zones[chosen]))
    clear = total.max() >= _CLEAR and (
        explained >= 2 or (intraday and not rivals) or (explained >= 1 and not rivals)
    )
    if clear and missing and not _explains(table, chosen, sessions, won.zone, explained, missing):
        clear = False
    return found if clear else Recognised("", missing=missing, rivals=(found.calendar, *rivals)[:4])


def _zone_of(scores: _Scores, own: str) -> str:
    return scores.zone or own


def _hypotheses(sessions: _Sessions, table: Candidates) -> Iterator[_Scores]:
    """Yield the scores under each clock that the file may have: its own zone; else the
    exchange's ("") first, then UTC.
    """
    if not sessions.timed:
        yield _scores(sessions, table, "", False)
    elif sessions.tz:
        yield _scores(sessions, table, sessions.tz, True)
    else:
        yield _scores(sessions, table, "", True)
        yield _scores(sessions, table, "UTC", True)


def _scores(sessions: _Sessions, table: Candidates, zone: str, timed: bool) -> _Scores:
    """Score all candidates when the file's clock is ``zone``; "" for that of each candidate."""
    size = len(table.codes)
    gain, hours = np.zeros(size), np.zeros(size)
    explained, missing = np.zeros(size, np.int64), np.zeros(size, np.int64)
    plain = _together(sessions.starts) if sessions.step else 0.0
    for own in dict.fromkeys(table.zones if timed and zone else ("",)):
        rows = np.array([not own or item == own for item in table.zones])
        starts, ends = (
            rezoned(ds, zone, own) if own else ds for ds in (sessions.starts, sessions.ends)
        )
        gain[rows], explained[rows], missing[rows] = _day_scores(
            np.unique(starts.astype("datetime64[D]")), table, rows
        )
        if sessions.step:
            for row in np.flatnonzero(rows):
                hours[row] = (
                    _hour_score(starts, ends, table, int(row), sessions.step) - _TOGETHER * plain
                )
    if sessions.tz:
        gain += _ZONE * np.array([item == sessions.tz for item in table.zones])
    return _Scores(zone, gain, hours, explained, missing)


def _day_scores(days: Dates, table: Candidates, rows: Mask) -> tuple[Floats, Ints, Ints]:
    """Return gain over a plain week, days explained and days missing, of the chosen candidates."""
    week = trading_week(days)
    due = week.weekdays(days[0], days[-1])
    kept, gone = without_holes(due, ~np.isin(due, days))
    looked = np.union1d(kept, days)
    index = (looked - FIRST_DAY).astype(np.int64)
    inside = (index >= 0) & (index < table.trading.shape[1])
    looked, index = looked[inside], index[inside]
    present, plain = np.isin(looked, days), np.isin(looked, kept)
    trading = table.trading[rows][:, index]
    known = table.known[rows]
    unknown = (index < known[:, :1]) | (index > known[:, 1:])
    trading = np.where(unknown, plain, trading)
    base = _loglik(plain[None], present)[0]
    explained = (plain & ~present & ~trading).sum(axis=1)
    stray = (~trading & present).sum(axis=1)
    gain = np.where(
        stray <= _STRAYS * (explained + stray), _loglik(trading, present) - base, -np.inf
    )
    return gain, explained, np.full(len(known), int(gone.sum()))


def _loglik(trading: Mask, present: Mask) -> Floats:
    """Return the log-likelihood of bars [N] for each row of sessions [C, N]."""
    sessions = trading.sum(axis=1)
    lost = (trading & ~present).sum(axis=1)
    stray = (~trading & present).sum(axis=1)
    rest = (~trading).sum(axis=1) - stray
    rate = (lost + 0.5) / (sessions + 1)
    found: Floats = (
        lost * np.log(rate)
        + (sessions - lost) * np.log1p(-rate)
        + stray * np.log(_STRAY)
        + rest * np.log1p(-_STRAY)
    )
    return found


def _together(starts: Dates) -> float:
    """Return the share of sessions that begin at the usual time of day."""
    clock = starts - starts.astype("datetime64[D]")
    return float(np.mean(clock == most_frequent(clock)))


def _hour_score(starts: Dates, ends: Dates, table: Candidates, row: int, step: int) -> float:
    """Return how well the sessions fit the hours of an exchange, in its clock."""
    minute = np.timedelta64(1, "m")
    begin, end = (
        int(most_frequent((ds - ds.astype("datetime64[D]")) // minute)) for ds in (starts, ends)
    )
    opening = any(0 <= begin - item <= step for item in table.opens[row])
    closing = any(-step - 5 <= end - item <= 5 for item in table.closes[row])
    return (
        _TOGETHER * _together(starts)
        + (_OPENING if opening else -_OPENING)
        + (_CLOSING if closing else 0.0)
    )


def _explains(
    table: Candidates, row: int, sessions: _Sessions, zone: str, explained: int, missing: int
) -> bool:
    """Tell whether an exchange leaves no holidays of the series unexplained: what else is
    missing must not come back every year.
    """
    if explained >= 0.8 * missing:
        return True
    if explained < 0.5 * missing:
        return False
    starts = rezoned(sessions.starts, zone, table.zones[row]) if zone else sessions.starts
    days = np.unique(starts.astype("datetime64[D]"))
    index = np.arange(
        int((days[0] - FIRST_DAY).astype(np.int64)),
        int((days[-1] - FIRST_DAY).astype(np.int64)) + 1,
    )
    closed = FIRST_DAY + index[~table.trading[row, index]] * DAY
    week = TradingWeek(np.union1d(days, closed))
    return not learned_holidays(week.seen, week).rules
