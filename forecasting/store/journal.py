"""The forecast journal: what was forecast, kept before it is known, and compared with what
happened once it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from forecasting.config import RunConfig
from forecasting.evidence import UNKNOWN, Share, clopper_pearson, disjoint
from forecasting.files.archive import check_crc32, crc32
from forecasting.series import Dates, Floats, Forecast, Ints, Panel, PriceSeries, Provenance, within
from forecasting.store.database import Database, date_of, text_of

Mask = npt.NDArray[np.bool_]

_DAY = np.timedelta64(1, "D")
#: Where the zone is unknown: from UTC to the zones where days begin first and last.
_EARLIEST, _LATEST = -np.timedelta64(14, "h"), np.timedelta64(12, "h")
#: Closes up to the cutoff that are kept, by which the series is known again.
PAST = 21
_ENTRY = """key, made_at, symbol, model, freq, tz, cutoff, y0, quantiles, fcst, past, config, source, adjusted, retrieved_at, content_hash,
            note, checksum"""
_INSERT_ENTRY = f"INSERT OR IGNORE INTO journal_entry ({_ENTRY}) VALUES ({', '.join('?' * 18)})"  # noqa: S608 - names of our own
_SELECT_ENTRIES = f"SELECT id, {_ENTRY} FROM journal_entry"  # noqa: S608
_SELECT_STEPS = "SELECT ds, counts, y FROM journal_step WHERE entry = ? ORDER BY step"


@dataclass(frozen=True, eq=False)
class Entry:
    """One forecast of the journal.

    Attributes
    ----------
    forecast : Forecast
        As it was made.
    made_at : datetime64[us]
        In UTC.
    freq, tz : str
        Those of the series.
    provenance : Provenance
        Of the prices that it was made from.
    config : str
        The run's settings as JSON, for ``RunConfig.from_json``; empty for a forecast that another
        program made.
    counts : ndarray of bool, shape [H]
        Whether the bar's close was still unknown when the forecast was made.
    y : ndarray of float64, shape [H]
        What happened, in the price units of the forecast (also after a split); NaN where that is
        not known yet.
    volatility : float
        Standard deviation of the last 20 log returns before the cutoff; NaN where there are too
        few, or where closes are not positive.
    """

    forecast: Forecast
    made_at: np.datetime64
    freq: str
    tz: str
    provenance: Provenance
    config: str
    counts: Mask
    y: Floats
    volatility: float = float("nan")

    @property
    def known(self) -> Mask:
        """Which bars count and are known, shape [H]."""
        return self.counts & np.isfinite(self.y)

    @property
    def state(self) -> Literal["open", "closed", "past"]:
        """``open``: its last bar is still to come; ``closed``: it is known; ``past``: it was
        known at the time, which never counts.
        """
        if not self.counts.any():
            return "past"
        return "closed" if np.isfinite(self.y[self.counts][-1]) else "open"

    def hits(self, level: float) -> Mask:
        """Return which known bars lay in the central band of ``level`` percent, shape [H];
        KeyError where there is no such band.
        """
        low, high = self.forecast.band(level)
        return self.known & within(low, self.y, high)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often what happened lay in the band of ``level`` percent.

    Attributes
    ----------
    level : float
        Stated coverage, in percent.
    ds : ndarray of datetime64[D], shape [N]
        Days on which forecast bars fell and are known, increasing.
    hits, bars : ndarray of int64, shape [N]
        Bars of that day in the band, and all.
    independent : int
        Most forecasts among them whose known bars do not overlap in time: series move together, so
        that forecasts of several series, or of several networks, from one day count once.
    """

    level: float
    ds: Dates
    hits: Ints
    bars: Ints
    independent: int = 0

    @property
    def held(self) -> Share:
        """Realised coverage with its interval on the independent forecasts."""
        if not self.bars.size:
            return UNKNOWN
        low, high = clopper_pearson(self.share / 100, self.independent)
        return Share(self.share, 100 * low, 100 * high, self.independent)

    @property
    def share(self) -> float:
        """Realised coverage in percent; NaN where nothing is known yet."""
        return (
            100 * float(self.hits.sum()) / float(self.bars.sum())
            if self.bars.size
            else float("nan")
        )

    @property
    def running(self) -> Floats:
        """Realised coverage in percent of all days up to each, shape [N]."""
        return np.asarray(100 * np.cumsum(self.hits) / np.cumsum(self.bars), np.float64)


class Journal(Database):
    """The journal in the store's file; parameters and errors as of :class:`Database`.

    A forecast of the same series, cutoff, network and settings is kept once, as it was made first.
    Only bars whose close was unknown when the forecast was made count.
    """

    def add(
        self,
        forecasts: Sequence[Forecast],
        panel: Panel,
        config: RunConfig | None,
        made_at: np.datetime64 | None = None,
    ) -> int:
        """Keep forecasts, all of them or none; of closes only, with which they are compared later.

        Parameters
        ----------
        forecasts : sequence of Forecast
            Final ones, each made from the last bar of its series.
        panel : Panel
            Holds the series by their symbols.
        config : RunConfig, optional
            Settings of the training; None for forecasts that another program made.
        made_at : datetime64, optional
            In UTC; now where it is left out.

        Returns
        -------
        int
            How many are new.
        """
        if config is not None and config.task.target_column != "close":
            return 0
        series = {item.symbol: item for item in panel}
        now = _now() if made_at is None else made_at
        rows = [_row(fcst, series[fcst.symbol], config, now) for fcst in forecasts]
        return self._guarded(lambda: self._insert(rows))

    def reconcile(self, panel: Panel, now: np.datetime64 | None = None) -> int:
        """Enter what happened, as far as the panel knows it.

        A series is one of the journal if symbol, frequency and the moves before the cutoff agree.
        What happened is taken as the ratio to the close at the cutoff in the panel, so that prices
        adjusted anew for splits and dividends tell the same story. A last bar whose session may not
        be over is left for later. What was entered stays.

        Parameters
        ----------
        panel : Panel
        now : datetime64, optional
            In UTC; the present where it is left out.

        Returns
        -------
        int
            Bars that are newly known.
        """
        moment = _now() if now is None else now
        return sum(self._guarded(partial(self._enter, series, moment)) for series in panel)

    def entries(self, symbol: str | None = None) -> tuple[Entry, ...]:
        """Return the forecasts, latest first, of one symbol if wanted; a damaged one is left
        out, and :attr:`findings` says so.
        """
        where, values = ("", ()) if symbol is None else ("WHERE symbol = ?", (symbol,))
        found = self._guarded(
            lambda: list(self._read(f"{where} ORDER BY made_at DESC, id DESC", values))
        )
        return tuple(entry for _, entry, _ in found)

    def coverage(self, level: float, symbol: str | None = None) -> Coverage:
        """Return how often what happened lay in the band of ``level`` percent, of one symbol if
        wanted.

        Forecasts without such a band are left out.
        """
        days: list[Dates] = []
        hits: list[Mask] = []
        spans: list[tuple[np.datetime64, np.datetime64]] = []
        for entry in self.entries(symbol):
            try:
                inside = entry.hits(level)
            except KeyError:
                continue
            if not entry.known.any():
                continue
            spans.append((entry.forecast.cutoff, entry.forecast.ds[entry.known][-1]))
            days.append(entry.forecast.ds[entry.known].astype("datetime64[D]"))
            hits.append(inside[entry.known])
        if not days:
            return Coverage(
                level, np.empty(0, "datetime64[D]"), np.empty(0, np.int64), np.empty(0, np.int64)
            )
        ds, index = np.unique(np.concatenate(days), return_inverse=True)
        inside = np.concatenate(hits)
        begin, end = np.array(spans, "datetime64[us]").T
        return Coverage(
            level,
            ds,
            np.bincount(index[inside], minlength=ds.size),
            np.bincount(index, minlength=ds.size),
            disjoint(begin, end),
        )

    def _insert(self, rows: Sequence[tuple[tuple[Any, ...], Dates, Mask]]) -> int:
        added = 0
        with self._writing() as db:
            for about, ds, counts in rows:
                made = db.execute(_INSERT_ENTRY, about)
                if not made.rowcount:
                    continue
                added += 1
                steps = zip(
                    range(ds.size), ds.astype(np.int64).tolist(), counts.tolist(), strict=True
                )
                number = made.lastrowid
                db.executemany(
                    "INSERT INTO journal_step (entry, step, ds, counts) VALUES (?, ?, ?, ?)",
                    ((number, *item) for item in steps),
                )
        return added

    def _read(self, where: str, values: tuple[str, ...]) -> Iterator[tuple[int, Entry, Floats]]:
        """Yield number, entry and the closes up to the cutoff [K, 2] of each forecast that is
        asked for.
        """
        with self._reading() as db:
            rows = db.execute(f"{_SELECT_ENTRIES} {where}", values).fetchall()
            steps = [db.execute(_SELECT_STEPS, row[:1]).fetchall() for row in rows]
        for (number, *about), mine in zip(rows, steps, strict=True):
            name = about[2] if isinstance(about[2], str) else "an unknown symbol"
            text = f"A forecast of {name} in the journal is damaged and is left out."
            found = self._decoded(partial(_entry, about, mine), "journal_damaged", text)
            if found is not None:
                yield number, *found

    def _enter(self, series: PriceSeries, now: np.datetime64) -> int:
        waiting = (
            "WHERE symbol = ? AND freq = ? AND id IN (SELECT entry FROM journal_step WHERE "
            "y IS NULL)"
        )
        found = list(self._read(waiting, (series.symbol, series.freq)))
        known = _finished(series, now) if found else 0
        news = []
        for number, entry, past in found:
            text = _told(entry, past, series, known)
            steps = np.flatnonzero(np.isfinite(text) & ~np.isfinite(entry.y))
            news += [(float(text[step]), number, int(step)) for step in steps]
        if news:
            with self._writing() as db:
                db.executemany(
                    "UPDATE journal_step SET y = ? WHERE entry = ? AND step = ? AND y IS NULL", news
                )
        return len(news)


def _row(
    fcst: Forecast, series: PriceSeries, config: RunConfig | None, now: np.datetime64
) -> tuple[tuple[Any, ...], Dates, Mask]:
    cutoff = int(np.searchsorted(series.ds, fcst.cutoff))
    first = max(0, cutoff + 1 - PAST)
    past = np.stack(
        [
            series.ds[first : cutoff + 1].astype(np.int64).astype(np.float64),
            series.y[first : cutoff + 1],
        ],
        axis=1,
    )
    values, closes = fcst.values.astype("<f8").tobytes(), past.astype("<f8").tobytes()
    stored = "" if config is None else config.to_json()
    shared = None if config is None else config.changed(device="auto", baselines="auto")
    settings = "" if shared is None else shared.to_json()
    identity = [
        fcst.symbol,
        series.freq,
        fcst.model,
        str(fcst.cutoff),
        [str(item) for item in fcst.ds],
        list(fcst.quantiles),
        settings,
    ]
    levels = json.dumps(fcst.quantiles)
    text = series.provenance
    about = (
        hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        int(now.astype("datetime64[us]").astype(np.int64)), fcst.symbol,
        fcst.model, series.freq, series.tz,
        int(fcst.cutoff.astype("datetime64[us]").astype(np.int64)), fcst.y0, levels, values, closes,
        stored, text.source, text.adjusted, text.retrieved_at, text.content_hash,
        text.note, crc32(levels, values, closes),
    )  # fmt: skip
    return about, fcst.ds, now < _known_from(series, fcst.ds)


def _entry(
    about: Sequence[Any], steps: Sequence[tuple[int, int, float | None]]
) -> tuple[Entry, Floats]:
    """Return an entry and its past as they were written; any error where a column does not hold
    what it should.
    """
    (
        _,
        made_at,
        symbol,
        model,
        freq,
        tz,
        cutoff,
        y0,
        levels,
        values,
        closes,
        config,
        *source,
        checksum,
    ) = about
    text_of(symbol, model, freq, tz, levels, config, *source)
    check_crc32(checksum, levels, values, closes)
    quantiles = tuple(float(level) for level in json.loads(levels))
    ds = np.array([date_of(step[0]) for step in steps], "datetime64[us]")
    table = np.frombuffer(values, "<f8").astype(np.float64).reshape(ds.size, len(quantiles))
    y = np.array([np.nan if step[2] is None else step[2] for step in steps], np.float64)
    past = np.frombuffer(closes, "<f8").astype(np.float64).reshape(-1, 2)
    if (
        not np.isfinite([y0, *table.ravel(), *past.ravel()]).all()
        or np.isinf(y).any()
        or not ds.size
    ):
        raise ValueError("numbers that are not finite")
    counts = np.array([bool(int(step[1])) for step in steps])
    fcst = Forecast(symbol, model, date_of(cutoff), float(y0), ds, quantiles, table)
    _ = fcst.median
    about_it = (freq, tz, Provenance(*source), config, counts, y, _volatility(past[:, 1]))
    return Entry(fcst, date_of(made_at), *about_it), past


def _volatility(closes: Floats) -> float:
    if closes.size < 10 or not (closes > 0).all():
        return float("nan")
    return float(np.std(np.diff(np.log(closes))))


def _told(entry: Entry, past: Floats, series: PriceSeries, known: int) -> Floats:
    """Return what the first ``known`` bars of a series say of the forecast bars, in the
    forecast's units, shape [H]; NaN elsewhere.
    """
    y, fcst = np.full(len(entry.forecast), np.nan), entry.forecast
    stamps, wanted = (comparable(ds, series.freq) for ds in (series.ds[:known], fcst.ds))
    cutoff = _place(stamps, comparable(np.array([fcst.cutoff]), series.freq))[0]
    if cutoff < 0 or not same_series(past, stamps, series):
        return y
    index = _bars_of(series, stamps, int(cutoff), wanted)
    there = index >= 0
    now = series.y[cutoff]
    if fcst.y0 > 0 and now > 0:
        y[there] = (
            series.y[index[there]] * _unsplit(series, index[there], int(cutoff)) * (fcst.y0 / now)
        )
    else:
        y[there] = series.y[index[there]]
    return y


def _bars_of(series: PriceSeries, stamps: Dates, cutoff: int, wanted: Dates) -> Ints:
    """Return the bar of each forecast date [H]; -1 where it is not known.

    The h-th date of a daily forecast stands for the h-th session after the cutoff. Where a date
    turned out to be a holiday, it and the dates after it are those of the next sessions. Sessions
    are those of the exchange, or the bars where none is known.
    """
    index = _place(stamps, wanted)
    if series.freq != "1D" or not stamps.size or not ((index < 0) & (wanted < stamps[-1])).any():
        return index
    from forecasting.calendars.exchange import exchange_for, sessions_between
    from forecasting.calendars.week import WORKDAYS

    bars = stamps[cutoff + 1 :].astype("datetime64[D]")
    first, last = stamps[cutoff].astype("datetime64[D]") + _DAY, stamps[-1].astype("datetime64[D]")
    known = series.calendar == "24/7" or exchange_for(series.calendar, first, last) is not None
    due = (
        np.union1d(bars, sessions_between(series.calendar, first, last, WORKDAYS))
        if known
        else bars
    )
    moved = np.full(wanted.size, -1)
    count = min(due.size, wanted.size)
    moved[:count] = _place(stamps, due[:count].astype("datetime64[us]"))
    return moved


def same_series(past: Floats, stamps: Dates, series: PriceSeries) -> bool:
    """Tell whether moves of the past are those of a series; a few may differ, as at a split, all
    others by little.

    Parameters
    ----------
    past : ndarray, shape [K, 2]
        Stamps in microseconds, and closes.
    stamps : ndarray, shape [T] or less
        Those of the series' first bars that may be looked at, from :func:`comparable`.
    series : PriceSeries
    """
    index = _place(
        stamps, comparable(past[:, 0].astype(np.int64).view("datetime64[us]"), series.freq)
    )
    there = index >= 0
    if there.sum() < min(3, len(past)):
        return False
    old, new = past[there, 1], series.y[index[there]]
    if (old > 0).all() and (new > 0).all():
        old, new = np.log(old), np.log(new)
    before, after = np.diff(old), np.diff(new)
    if not before.size:
        return bool(np.allclose(old, new))
    near = np.abs(after - before) <= 0.25 * np.std(before) + 1e-9 * (1 + np.abs(old).max())
    return bool(near.mean() >= 0.8)


def _unsplit(series: PriceSeries, bars: Ints, cutoff: int) -> Floats:
    """Return the factors [n] that undo splits since the cutoff, of which a series with closes as
    traded tells by its adjusted ones.

    Adjusted closes that move by less than a fifth against the others do so because of dividends,
    which were never forecast.
    """
    if "adj_close" not in series:
        return np.ones(bars.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = series["adj_close"] / series.y
        since = factor[bars] / factor[cutoff]
        split = np.isfinite(since) & (np.abs(np.log(since)) > np.log(1.2))
    return np.where(split, since, 1.0)


def comparable(ds: Dates, freq: str) -> Dates:
    """Return stamps [T] at which bars of two sources meet: days, unless bars have a time."""
    return (
        ds
        if freq.endswith(("min", "h", "s"))
        else ds.astype("datetime64[D]").astype("datetime64[us]")
    )


def _place(stamps: Dates, wanted: Dates) -> Ints:
    """Return the bar of each wanted stamp, shape [n]; -1 where there is none."""
    index = np.minimum(np.searchsorted(stamps, wanted), max(stamps.size - 1, 0))
    if not stamps.size:
        return np.full(wanted.size, -1)
    return np.where(stamps[index] == wanted, index, -1)


def closed_bars(series: PriceSeries, now: np.datetime64) -> int:
    """Return how many bars have ended, so that a forecast may start from the last of them.

    The end of a daily bar is that of its session, or of its day where no exchange is known; where
    the zone is unknown, too, it has ended as soon as the day is over anywhere. An intraday bar ends
    its usual distance after its stamp.

    Parameters
    ----------
    series : PriceSeries
    now : datetime64
        In UTC.
    """
    from forecasting.checks import usual_distance

    days = series.freq == "1D"
    step = np.timedelta64(int(usual_distance(series)), "us")
    if days or step >= _DAY:
        step = _DAY
    bars = int(np.searchsorted(series.ds, now + _DAY, side="right"))
    first = max(0, bars - 10)
    ds = series.ds[first:bars]
    ends = _or(_session_closes(series, ds), _in_utc(ds + step, series.tz, _EARLIEST))
    return first + int(np.searchsorted(ends, now, side="right"))


def _finished(series: PriceSeries, now: np.datetime64) -> int:
    """Return how many bars of a series have surely ended; of bars that are no days the last one
    never has.
    """
    bars = int(np.searchsorted(series.ds, now - _EARLIEST, side="right"))
    if not bars or series.freq != "1D":
        return max(0, bars - 1)
    last = series.ds[bars - 1 : bars]
    over = _or(_session_closes(series, last), _in_utc(last + _DAY, series.tz, _LATEST))
    return bars - int(over[0] > now)


def _known_from(series: PriceSeries, ds: Dates) -> Dates:
    """Return the moment in UTC from which the close of each bar may be known: the end of the
    session, or else its stamp.
    """
    return _or(_session_closes(series, ds), _in_utc(ds, series.tz, _EARLIEST))


def _session_closes(series: PriceSeries, ds: Dates) -> Dates:
    """Return when the sessions of daily bars end, in UTC; NaT where no exchange tells, and for
    other bars.
    """
    from forecasting.calendars.exchange import exchange_for, rezoned

    closes = np.full(ds.size, np.datetime64("NaT", "us"))
    if series.freq != "1D":
        return closes
    days = ds.astype("datetime64[D]")
    if series.calendar == "24/7":
        ends: Dates = (days + _DAY).astype("datetime64[us]")
        return _in_utc(ends, series.tz, 0 * _DAY)
    exchange = exchange_for(series.calendar, days.min(), days.max())
    if exchange is not None:
        index = np.minimum(np.searchsorted(exchange.days, days), exchange.days.size - 1)
        there = exchange.days[index] == days
        closes[there] = rezoned(exchange.closes[index[there]], exchange.tz, "UTC")
    return closes


def _in_utc(ds: Dates, tz: str, unknown: np.timedelta64) -> Dates:
    """Move wall-clock times to UTC; those of an unknown zone by ``unknown``."""
    from forecasting.calendars.exchange import rezoned

    return rezoned(ds, tz, "UTC") if tz else ds + unknown


def _or(first: Dates, second: Dates) -> Dates:
    return np.where(np.isnat(first), second, first)


def _now() -> np.datetime64:
    return np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
