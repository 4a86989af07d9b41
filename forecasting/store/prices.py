"""The price cache: what was fetched once opens again at once, and without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.corporate_events import (
    EVENT_KINDS,
    CorporateEvent,
    events_of,
    kinds_of,
    with_events,
)
from forecasting.errors import Remedy, SourceError
from forecasting.files.archive import check_crc32, crc32
from forecasting.series import COLUMNS, Dates, Finding, Floats, PriceSeries, Provenance
from forecasting.store.database import Database, date_of, text_of

Refresh = Literal["auto", "always", "never"]

#: Bars fetched again with each tail, to see whether the past still is what it was.
OVERLAP = 6
#: Prices younger than this are not asked for again.
MAX_AGE_S = 900.0
#: Yahoo's adjusted closes wobble by about 1e-6; a dividend of a cent on a hundred moves them by
#: 1e-4.
_SAME = 2e-5

_SELECT_SERIES = """SELECT id, symbol, columns, freq, tz, currency, calendar, source, adjusted, retrieved_at, note, findings, checksum, event_kinds
                    FROM price_series WHERE key = ?"""
_INSERT_SERIES = """INSERT INTO price_series (key, symbol, columns, freq, tz, currency, calendar, source, adjusted, retrieved_at, note,
                    findings, checksum, event_kinds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT_BARS = (
    "SELECT ds, open, high, low, close, adj_close, volume FROM price_bar WHERE series "
    "= ? ORDER BY ds"
)
_INSERT_BAR = (
    "INSERT INTO price_bar (series, ds, open, high, low, close, adj_close, volume) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SELECT_EVENTS = "SELECT kind, ds, value FROM price_event WHERE series = ? ORDER BY kind, ds"
_INSERT_EVENT = "INSERT INTO price_event (series, kind, ds, value) VALUES (?, ?, ?, ?)"


@runtime_checkable
class Refreshable(Protocol):
    """A source whose bars can be kept and brought up to date, such as
    ``sources.yahoo.YahooSource``.
    """

    @property
    def key(self) -> str:
        """Name under which the bars are kept."""
        ...

    def download(self, since: np.datetime64 | None = None) -> PriceSeries:
        """Return all bars, or those from a day on."""
        ...

    def finish(self, series: PriceSeries) -> PriceSeries:
        """Return what the user asked for out of the bars."""
        ...


@runtime_checkable
class WithEarnings(Protocol):
    """A source that tells when a company reports, beside its prices."""

    def add_earnings(
        self, series: PriceSeries, known: Sequence[CorporateEvent] = ()
    ) -> tuple[PriceSeries, tuple[Finding, ...]]:
        """Return the bars with earnings dates, and what is to be told of them."""
        ...


class Loadable(Protocol):
    """Any source."""

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """One series in the cache: what a list of recent tickers shows.

    ``first`` and ``last`` are datetime64[us].
    """

    key: str
    symbol: str
    bars: int
    first: np.datetime64
    last: np.datetime64
    retrieved_at: str


def load(
    source: Loadable, refresh: Refresh = "auto", path: Path | None = None
) -> tuple[PriceSeries, ...]:
    """Load from a source, through the price cache where the source can be refreshed.

    A cache that cannot be opened (a full or read-only disk, a store of a newer version) costs a
    finding, not the prices.

    Parameters
    ----------
    source : Loadable
        Files and samples are loaded as they are; a :class:`Refreshable` goes through the cache.
    refresh : {"auto", "always", "never"}
        As of :meth:`PriceStore.load`.
    path : Path, optional
        The store's file; :func:`store_path` where it is left out.

    Raises
    ------
    SourceError
        What the source raises, where the cache has nothing to offer instead.
    """
    if not isinstance(source, Refreshable):
        return source.load()
    try:
        store = PriceStore(path)
    except SourceError as error:
        if refresh == "never":
            raise
        series, findings = _with_earnings(source, source.download(), None)
        return (_noted(source.finish(series), *findings, _not_kept(error.message)),)
    with store:
        return (store.load(source, refresh),)


class PriceStore(Database):
    """The price cache: one transaction a series; parameters and errors as of :class:`Database`."""

    def load(
        self, source: Refreshable, refresh: Refresh = "auto", max_age_s: float = MAX_AGE_S
    ) -> PriceSeries:
        """Return a series from the cache, from the network, or from both.

        Only the bars after the last one kept are fetched, and a few before it. Where those differ
        from what was kept, a split or dividend has changed past prices, and the whole history is
        fetched again. Where nothing can be fetched, the kept bars are returned, and a finding says
        how old they are and why.

        Parameters
        ----------
        source : Refreshable
        refresh : {"auto", "always", "never"}
            ``auto`` asks the network for what is older than ``max_age_s``, ``never`` works offline.
        max_age_s : float
            In seconds.

        Raises
        ------
        SourceError
            Nothing is kept, and nothing can be fetched.
        """
        kept = self._guarded(lambda: self._read(source.key))
        age = _age_s(kept) if kept is not None else np.inf
        if kept is None and refresh == "never":
            hint = "Load it once with a connection to the internet."
            raise SourceError(
                f"{source.key} is not in the cache.", hint, remedies=self._stored(source.key)
            )
        if kept is not None and (
            refresh == "never" or (refresh == "auto" and 0 <= age < max_age_s)
        ):
            return self._told(source.finish(kept), _cached(kept))
        try:
            fresh, text = _refreshed(source, kept)
        except SourceError as error:
            if kept is None:
                error.remedies += self._stored(source.key)
                raise
            return self._told(source.finish(kept), _outdated(kept, error))
        fresh, more = _with_earnings(source, fresh, kept)
        text += more
        return self._told(source.finish(fresh), *text, *self._keep(source.key, fresh))

    def _stored(self, key: str) -> tuple[Remedy, ...]:
        """Return the remedy that takes other bars of a ticker, the last fetched ones, where the
        cache holds some.
        """
        name = key.rpartition(":")[0]
        found = [item.key.rpartition(":") for item in self.held() if item.key != key]
        interval = next((interval for held, _, interval in found if held == name), "")
        return (Remedy("stored", (("interval", interval),)),) if interval else ()

    def held(self) -> tuple[Held, ...]:
        """Return what the cache holds, latest fetched first."""
        query = """SELECT key, symbol, count(*), min(ds), max(ds), retrieved_at FROM price_series JOIN price_bar ON series = id
                   GROUP BY id ORDER BY retrieved_at DESC, key"""
        rows = self._guarded(lambda: self._db.execute(query).fetchall())
        text = "A series in the price cache is damaged and is left out."
        found = (self._decoded(partial(_held, row), "kept_damaged", text) for row in rows)
        return tuple(item for item in found if item is not None)

    def forget(self, key: str) -> None:
        """Drop one series from the cache; a key that is not there is no error."""
        self._guarded(lambda: self._drop(key))

    def _drop(self, key: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM price_series WHERE key = ?", (key,))

    def _told(self, series: PriceSeries, *findings: Finding) -> PriceSeries:
        return _noted(series, *findings, *self.findings)

    def _keep(self, key: str, series: PriceSeries) -> tuple[Finding, ...]:
        """Write a series; what goes wrong with that is a finding, because the prices are there."""
        try:
            self._guarded(lambda: self._write(key, series))
        except SourceError as error:
            return (_not_kept(error.message),)
        return ()

    def _read(self, key: str) -> PriceSeries | None:
        with self._reading() as db:
            row = db.execute(_SELECT_SERIES, (key,)).fetchone()
            bars = db.execute(_SELECT_BARS, (row[0],)).fetchall() if row else []
            events = db.execute(_SELECT_EVENTS, (row[0],)).fetchall() if row else []
        if row is None:
            return None
        name = row[1] if isinstance(row[1], str) else key
        text = f"The kept prices of {name} are damaged and were not used."
        return self._decoded(lambda: _series(row, bars, events), "kept_damaged", text)

    def _write(self, key: str, series: PriceSeries) -> None:
        provenance = series.provenance
        about = (
            key, series.symbol, json.dumps(series.columns), series.freq, series.tz, series.currency,
            series.calendar, provenance.source,
            provenance.adjusted, provenance.retrieved_at, provenance.note,
            json.dumps([asdict(item) for item in series.findings]),
            crc32(*_bytes(series.ds, series.values)), json.dumps(kinds_of(series)),
        )  # fmt: skip
        bars = np.full((len(series), len(COLUMNS)), np.nan)
        bars[:, [COLUMNS.index(name) for name in series.columns]] = series.values
        with self._writing() as db:
            db.execute("DELETE FROM price_series WHERE key = ?", (key,))
            number = db.execute(_INSERT_SERIES, about).lastrowid
            stamps = series.ds.astype(np.int64).tolist()
            db.executemany(
                _INSERT_BAR,
                ((number, stamp, *bar) for stamp, bar in zip(stamps, bars.tolist(), strict=True)),
            )
            db.executemany(
                _INSERT_EVENT,
                (
                    (number, event.kind, int(event.ds.astype(np.int64)), event.value)
                    for event in events_of(series)
                ),
            )


def _held(row: Sequence[Any]) -> Held:
    """Return what a row of the cache's list says; any error where a column does not hold what it
    should.
    """
    key, symbol, bars, first, last, at = row
    text_of(key, symbol, at)
    return Held(key, symbol, bars, date_of(first), date_of(last), at)


def _series(
    row: Sequence[Any], bars: Sequence[Sequence[Any]], events: Sequence[Sequence[Any]]
) -> PriceSeries:
    """Return a series as it was written; any error where a column does not hold what it should."""
    (
        _,
        symbol,
        names,
        freq,
        tz,
        currency,
        calendar,
        source,
        adjusted,
        at,
        note,
        findings,
        checksum,
        kinds,
    ) = row
    text_of(symbol, names, freq, tz, currency, calendar, source, adjusted, at, note, findings)
    text_of(kinds)
    columns = tuple(json.loads(names))
    stamps = np.array([bar[0] for bar in bars], np.int64)
    for extreme in (stamps.min(), stamps.max()):
        date_of(int(extreme))
    ds = stamps.view("datetime64[us]")
    indices = [COLUMNS.index(name) for name in columns]
    values = np.array([bar[1:] for bar in bars], np.float64).reshape(len(bars), len(COLUMNS))[
        :, indices
    ]
    check_crc32(checksum, *_bytes(ds, values))
    texts = tuple(
        Finding(
            **{**finding, **{name: tuple(finding.get(name, ())) for name in ("dates", "remedy")}}
        )
        for finding in json.loads(findings)
    )
    for item in texts:
        text_of(item.code, item.message, item.severity, item.action, *item.dates, *item.remedy)
    series = PriceSeries(
        symbol,
        ds,
        columns,
        values,
        freq,
        tz,
        currency,
        calendar,
        Provenance(source, adjusted, at, "", note),
        texts,
    )
    if tz:
        ZoneInfo(tz)
    return _decoded_events(series, json.loads(kinds), events)


def _decoded_events(
    series: PriceSeries, kinds: Any, events: Sequence[Sequence[Any]]
) -> PriceSeries:
    """Return a series with its events; ValueError where a column does not hold what it should."""
    found = []
    for kind, ds, value in events:
        if kind not in kinds or not isinstance(value, float) or not 0 < value < np.inf:
            raise ValueError("an event is of no kind or has no value")
        found.append(CorporateEvent(kind, date_of(ds), value))
    if not set(kinds) <= set(EVENT_KINDS):
        raise ValueError("there is no such kind of events")
    return with_events(series, kinds, found) if kinds else series


def _with_earnings(
    source: Refreshable, fresh: PriceSeries, stored: PriceSeries | None
) -> tuple[PriceSeries, tuple[Finding, ...]]:
    """Return fetched bars with earnings dates, where the source tells any."""
    if not isinstance(source, WithEarnings):
        return fresh, ()
    events = events_of(stored) if stored is not None else ()
    return source.add_earnings(fresh, [item for item in events if item.kind == "earnings"])


def _refreshed(
    source: Refreshable, kept: PriceSeries | None
) -> tuple[PriceSeries, tuple[Finding, ...]]:
    """Fetch what is missing and return the whole, with what is to be told about it."""
    if kept is None:
        return source.download(), ()
    since = kept.ds[-min(OVERLAP, len(kept))].astype("datetime64[D]")
    tail = source.download(since)
    change = _change(kept, tail)
    if change is not None and change <= _SAME:
        return _joined(kept, tail), ()
    whole = source.download()
    texts = []
    if change is not None:
        text = (
            f"Past prices changed by {change:.2%} since {_day(kept)}, as after a dividend or "
            "split: the whole history was fetched again."
        )
        texts.append(Finding("readjusted", text, action="fetched again"))
    if whole.ds[0] > kept.ds[0]:
        gone = int((kept.ds < whole.ds[0]).sum())
        text = (
            f"{gone} older bars are no longer to be had and do not join the new ones; the "
            "series begins later than before."
        )
        texts.append(Finding("older_bars_gone", text, gone, "warning", "dropped"))
    return whole, tuple(texts)


def _change(kept: PriceSeries, tail: PriceSeries) -> float | None:
    """Return the largest relative change of a price between two fetches; None where they have no
    bar in common, or other columns.

    The last kept bar is left out: its close may have been corrected after the session.
    """
    common, old, new = np.intersect1d(kept.ds[:-1], tail.ds, return_indices=True)
    if kept.columns != tail.columns or kinds_of(kept) != kinds_of(tail) or not common.size:
        return None
    prices = [index for index, name in enumerate(kept.columns) if name != "volume"]
    before, after = kept.values[old][:, prices], tail.values[new][:, prices]
    change = np.abs(after - before) / np.maximum(np.abs(before), np.finfo(float).tiny)
    return float(np.nanmax(change, initial=0.0))


def _joined(kept: PriceSeries, tail: PriceSeries) -> PriceSeries:
    """Return the kept bars before the tail, and the tail."""
    head = kept.ds < tail.ds[0]
    recent = tuple(
        item
        for item in tail.findings
        if item.code == "unfinished" or (item.dates and item.dates[-1] > str(kept.ds[-1]))
    )
    lasting = tuple(item for item in kept.findings if item.code != "unfinished")
    events = [item for item in events_of(kept) if item.ds < tail.ds[0]]
    joined = replace(
        kept,
        ds=np.concatenate([kept.ds[head], tail.ds]),
        values=np.concatenate([kept.values[head], tail.values]),
        currency=tail.currency,
        provenance=tail.provenance,
        findings=lasting + recent,
    )
    return with_events(joined, kinds_of(tail), [*events, *events_of(tail)])


def _noted(series: PriceSeries, *findings: Finding) -> PriceSeries:
    return replace(series, findings=series.findings + findings) if findings else series


def _not_kept(reason: str) -> Finding:
    return Finding(
        "not_kept", f"The prices could not be kept for the next time. {reason}", severity="warning"
    )


def _cached(kept: PriceSeries) -> Finding:
    return Finding(
        "cached", f"Fetched {_age(kept)} ({_day(kept)}); from the cache of this computer."
    )


def _outdated(kept: PriceSeries, error: SourceError) -> Finding:
    text = (
        f"These prices were fetched {_age(kept)} ({_day(kept)}). Newer ones could not be "
        f"fetched: {error.message}"
    )
    return Finding("outdated", text, severity="warning", action="read from the cache")


def _day(kept: PriceSeries) -> str:
    """Return when the bars were fetched: ``2026-11-22 19:04 UTC``."""
    return kept.provenance.retrieved_at[:16].replace("T", " ") + " UTC"


def _age_s(kept: PriceSeries) -> float:
    try:
        then = datetime.fromisoformat(kept.provenance.retrieved_at)
    except ValueError:
        return np.inf
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return (datetime.now(UTC) - then).total_seconds()


def _age(kept: PriceSeries) -> str:
    """Return the age in words: ``5 minutes ago``."""
    seconds = _age_s(kept)
    if not np.isfinite(seconds):
        return "at an unknown time"
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return "just now"


def _bytes(ds: Dates, values: Floats) -> tuple[bytes, bytes]:
    # SQLite knows neither minus zero nor kinds of NaN.
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return ds.astype("<M8[us]").tobytes(), plain.astype("<f8").tobytes()
