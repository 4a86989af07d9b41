"""What the program remembers between starts: prices fetched once open again at once, and without a network."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import COLUMNS, Dates, Finding, Floats, PriceSeries, Provenance

Refresh = Literal["auto", "always", "never"]
_Value = TypeVar("_Value")

#: Bars fetched again with each tail, to see whether the past still is what it was.
OVERLAP = 6
#: Prices younger than this are not asked for again.
MAX_AGE_S = 900.0
#: Yahoo's adjusted closes wobble by about 1e-6; a dividend of a cent on a hundred moves them by 1e-4.
_SAME = 2e-5

#: The schema by version: entry n brings a store of version n to n + 1. Entries are only ever added, each for the tables of one room.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE price_series (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL, columns TEXT NOT NULL, freq TEXT NOT NULL,
            tz TEXT NOT NULL, currency TEXT NOT NULL, calendar TEXT NOT NULL, source TEXT NOT NULL, adjusted TEXT NOT NULL,
            retrieved_at TEXT NOT NULL, note TEXT NOT NULL, findings TEXT NOT NULL, checksum INTEGER NOT NULL)""",
        """CREATE TABLE price_bar (
            series INTEGER NOT NULL REFERENCES price_series (id) ON DELETE CASCADE,
            ds INTEGER NOT NULL, open REAL, high REAL, low REAL, close REAL NOT NULL, adj_close REAL, volume REAL,
            PRIMARY KEY (series, ds)) WITHOUT ROWID""",
    ),
)

_SELECT_SERIES = """SELECT id, symbol, columns, freq, tz, currency, calendar, source, adjusted, retrieved_at, note, findings, checksum
                    FROM price_series WHERE key = ?"""
_INSERT_SERIES = """INSERT INTO price_series (key, symbol, columns, freq, tz, currency, calendar, source, adjusted, retrieved_at, note,
                    findings, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT_BARS = "SELECT ds, open, high, low, close, adj_close, volume FROM price_bar WHERE series = ? ORDER BY ds"
_INSERT_BAR = "INSERT INTO price_bar (series, ds, open, high, low, close, adj_close, volume) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


@runtime_checkable
class Refreshable(Protocol):
    """A source whose bars can be kept and brought up to date, such as ``sources.yahoo.YahooSource``."""

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


class Loadable(Protocol):
    """Any source."""

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """One series in the cache: what a list of recent tickers shows. ``first`` and ``last`` are datetime64[us]."""

    key: str
    symbol: str
    bars: int
    first: np.datetime64
    last: np.datetime64
    retrieved_at: str


def load(source: Loadable, refresh: Refresh = "auto", path: Path | None = None) -> tuple[PriceSeries, ...]:
    """Load from a source, through the price cache where the source can be refreshed.

    A cache that cannot be opened (a full or read-only disk, a store of a newer version) costs a finding, not the prices.

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
        return (_noted(source.finish(source.download()), _not_kept(error.message)),)
    with store:
        return (store.load(source, refresh),)


def store_path() -> Path:
    """Return the file of the store: in ``$CANDLECAST_HOME`` where that is set, else in the system's folder for user data."""
    import platformdirs

    home = os.environ.get("CANDLECAST_HOME")
    folder = Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)
    return folder / "candlecast.sqlite"


class PriceStore:
    """The price cache in SQLite: write-ahead log, one transaction a series, readable after a kill at any moment.

    Belongs to the thread that opened it; any number of threads and processes may each open their own.

    Parameters
    ----------
    path : Path, optional
        The store's file; :func:`store_path` where it is left out. A damaged file is set aside under a new name, never deleted, and
        :attr:`findings` says so.

    Raises
    ------
    SourceError
        A folder or file that cannot be used, or a store written by a newer version of the program.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or store_path()
        self.findings: tuple[Finding, ...] = ()
        self._db = self._opened()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def load(self, source: Refreshable, refresh: Refresh = "auto", max_age_s: float = MAX_AGE_S) -> PriceSeries:
        """Return a series from the cache, from the network, or from both.

        Only the bars after the last one kept are fetched, and a few before it. Where those differ from what was kept, a split or
        dividend has changed past prices, and the whole history is fetched again. Where nothing can be fetched, the kept bars are
        returned, and a finding says how old they are and why.

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
            raise SourceError(f"{source.key} is not in the cache.", "Load it once with a connection to the internet.")
        if kept is not None and (refresh == "never" or (refresh == "auto" and 0 <= age < max_age_s)):
            return self._told(source.finish(kept), _cached(kept))
        try:
            fresh, told = _refreshed(source, kept)
        except SourceError as error:
            if kept is None:
                raise
            return self._told(source.finish(kept), _outdated(kept, error))
        return self._told(source.finish(fresh), *told, *self._keep(source.key, fresh))

    def held(self) -> tuple[Held, ...]:
        """Return what the cache holds, latest fetched first."""
        query = """SELECT key, symbol, count(*), min(ds), max(ds), retrieved_at FROM price_series JOIN price_bar ON series = id
                   GROUP BY id ORDER BY retrieved_at DESC, key"""
        rows = self._guarded(lambda: self._db.execute(query).fetchall())
        return tuple(Held(key, symbol, bars, _date(first), _date(last), at) for key, symbol, bars, first, last, at in rows)

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
        row = self._db.execute(_SELECT_SERIES, (key,)).fetchone()
        if row is None:
            return None
        number, symbol, names, freq, tz, currency, calendar, source, adjusted, at, note, findings, checksum = row
        columns = tuple(json.loads(names))
        bars = self._db.execute(_SELECT_BARS, (number,)).fetchall()
        ds = np.array([bar[0] for bar in bars], np.int64).view("datetime64[us]")
        places = [COLUMNS.index(name) for name in columns]
        values = np.array([bar[1:] for bar in bars], np.float64).reshape(len(bars), len(COLUMNS))[:, places]
        if _checksum(ds, values) != checksum:
            text = f"The kept prices of {symbol} do not match their checksum and were not used."
            self.findings += (Finding("kept_damaged", text, len(bars), "warning", "fetched again"),)
            return None
        told = tuple(Finding(**{**finding, "dates": tuple(finding["dates"])}) for finding in json.loads(findings))
        provenance = Provenance(source, adjusted, at, "", note)
        return PriceSeries(symbol, ds, columns, values, freq, tz, currency, calendar, provenance, told)

    def _write(self, key: str, series: PriceSeries) -> None:
        provenance = series.provenance
        about = (
            key, series.symbol, json.dumps(series.columns), series.freq, series.tz, series.currency, series.calendar, provenance.source,
            provenance.adjusted, provenance.retrieved_at, provenance.note, json.dumps([asdict(one) for one in series.findings]),
            _checksum(series.ds, series.values),
        )  # fmt: skip
        bars = np.full((len(series), len(COLUMNS)), np.nan)
        bars[:, [COLUMNS.index(name) for name in series.columns]] = series.values
        with self._writing() as db:
            db.execute("DELETE FROM price_series WHERE key = ?", (key,))
            number = db.execute(_INSERT_SERIES, about).lastrowid
            stamps = series.ds.astype(np.int64).tolist()
            db.executemany(_INSERT_BAR, ((number, stamp, *bar) for stamp, bar in zip(stamps, bars.tolist(), strict=True)))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the one writer its turn; all or nothing is written."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"The folder {self.path.parent} cannot be used: {error.strerror}.", _ELSEWHERE) from error
        try:
            return _connected(self.path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise SourceError(f"The store {self.path} cannot be opened: {error}.", _ELSEWHERE) from error
            self._set_aside()
            return _connected(self.path)

    def _guarded(self, work: Callable[[], _Value]) -> _Value:
        """Do the work; where the file turns out to be damaged, set it aside and do the work on an empty one."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise SourceError(f"The store {self.path} cannot be used: {error}.", _ELSEWHERE) from error
            self._db.close()
            self._set_aside()
            self._db = _connected(self.path)
            return work()

    def _set_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        aside = self.path.with_name(f"{self.path.stem}.damaged-{stamp}{self.path.suffix}")
        for tail in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + tail)
            try:
                file.rename(aside.with_name(aside.name + tail))
            except FileNotFoundError:  # no such companion, or another process was first
                continue
            except OSError as error:
                raise SourceError(f"The store {self.path} is damaged and cannot be set aside: {error.strerror}.", _ELSEWHERE) from error
        text = f"The store {self.path} was damaged; it was set aside as {aside.name}, and a new one was begun."
        self.findings += (Finding("store_damaged", text, severity="warning", action="set aside"),)


_ELSEWHERE = "Set CANDLECAST_HOME to a folder that can be written."


def _connected(path: Path) -> sqlite3.Connection:
    """Open the file and bring its schema up to date."""
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        if (have := _version(db)) > (know := len(_MIGRATIONS)):
            raise SourceError(f"{path} is of version {have}; this program knows versions up to {know}.", "Update Candlecast.")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        if have < know:
            _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _migrate(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been first.
        for version in range(_version(db), len(_MIGRATIONS)):
            for statement in _MIGRATIONS[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell damage from a file that is locked, full or forbidden."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _refreshed(source: Refreshable, kept: PriceSeries | None) -> tuple[PriceSeries, tuple[Finding, ...]]:
    """Fetch what is missing and return the whole, with what is to be told about it."""
    if kept is None:
        return source.download(), ()
    since = kept.ds[-min(OVERLAP, len(kept))].astype("datetime64[D]")
    tail = source.download(since)
    change = _change(kept, tail)
    if change is not None and change <= _SAME:
        return _joined(kept, tail), ()
    whole = source.download()
    told = []
    if change is not None:
        text = f"Past prices changed by {change:.2%} since {_day(kept)}, as after a dividend or split: the whole history was fetched again."
        told.append(Finding("readjusted", text, action="fetched again"))
    if whole.ds[0] > kept.ds[0]:
        gone = int((kept.ds < whole.ds[0]).sum())
        text = f"{gone} older bars are no longer to be had and do not join the new ones; the series begins later than before."
        told.append(Finding("older_bars_gone", text, gone, "warning", "dropped"))
    return whole, tuple(told)


def _change(kept: PriceSeries, tail: PriceSeries) -> float | None:
    """Return the largest relative change of a price between two fetches; None where they have no bar in common.

    The last kept bar is left out: its close may have been corrected after the session.
    """
    common, old, new = np.intersect1d(kept.ds[:-1], tail.ds, return_indices=True)
    if kept.columns != tail.columns or not common.size:
        return None
    prices = [place for place, name in enumerate(kept.columns) if name != "volume"]
    before, after = kept.values[old][:, prices], tail.values[new][:, prices]
    change = np.abs(after - before) / np.maximum(np.abs(before), np.finfo(float).tiny)
    return float(np.nanmax(change, initial=0.0))


def _joined(kept: PriceSeries, tail: PriceSeries) -> PriceSeries:
    """Return the kept bars before the tail, and the tail."""
    head = kept.ds < tail.ds[0]
    recent = tuple(one for one in tail.findings if one.code == "unfinished" or (one.dates and one.dates[-1] > str(kept.ds[-1])))
    lasting = tuple(one for one in kept.findings if one.code != "unfinished")
    return replace(
        kept,
        ds=np.concatenate([kept.ds[head], tail.ds]),
        values=np.concatenate([kept.values[head], tail.values]),
        currency=tail.currency,
        provenance=tail.provenance,
        findings=lasting + recent,
    )


def _noted(series: PriceSeries, *findings: Finding) -> PriceSeries:
    return replace(series, findings=series.findings + findings) if findings else series


def _not_kept(reason: str) -> Finding:
    return Finding("not_kept", f"The prices could not be kept for the next time. {reason}", severity="warning")


def _cached(kept: PriceSeries) -> Finding:
    return Finding("cached", f"Fetched {_age(kept)} ({_day(kept)}); from the cache of this computer.")


def _outdated(kept: PriceSeries, error: SourceError) -> Finding:
    text = f"These prices were fetched {_age(kept)} ({_day(kept)}). Newer ones could not be fetched: {error.message}"
    return Finding("outdated", text, severity="warning", action="read from the cache")


def _day(kept: PriceSeries) -> str:
    """Return when the bars were fetched: ``2026-11-22 19:04 UTC``."""
    return kept.provenance.retrieved_at[:16].replace("T", " ") + " UTC"


def _age_s(kept: PriceSeries) -> float:
    try:
        then = datetime.fromisoformat(kept.provenance.retrieved_at)
    except ValueError:
        return np.inf
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


def _checksum(ds: Dates, values: Floats) -> int:
    # SQLite knows neither minus zero nor kinds of NaN.
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return zlib.crc32(plain.astype("<f8").tobytes(), zlib.crc32(ds.astype("<M8[us]").tobytes()))


def _date(microseconds: int) -> np.datetime64:
    return np.datetime64(microseconds, "us")
