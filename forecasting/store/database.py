"""The SQLite file of the store: opened, brought up to date, and set aside where it is damaged."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from forecasting.errors import SourceError
from forecasting.series import Finding

_Value = TypeVar("_Value")

#: The schema by version: entry n brings a store of version n to n + 1. Entries are only ever added, each for the tables of one room.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
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
    (
        """CREATE TABLE journal_entry (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at INTEGER NOT NULL, symbol TEXT NOT NULL, model TEXT NOT NULL,
            freq TEXT NOT NULL, tz TEXT NOT NULL, cutoff INTEGER NOT NULL, y0 REAL NOT NULL, quantiles TEXT NOT NULL,
            fcst BLOB NOT NULL, past BLOB NOT NULL, config TEXT NOT NULL, source TEXT NOT NULL, adjusted TEXT NOT NULL,
            retrieved_at TEXT NOT NULL, content_hash TEXT NOT NULL, note TEXT NOT NULL, checksum INTEGER NOT NULL)""",
        "CREATE INDEX journal_symbol ON journal_entry (symbol, freq)",
        """CREATE TABLE journal_step (
            entry INTEGER NOT NULL REFERENCES journal_entry (id) ON DELETE CASCADE,
            step INTEGER NOT NULL, ds INTEGER NOT NULL, counts INTEGER NOT NULL, y REAL,
            PRIMARY KEY (entry, step)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE tried (
            panel TEXT NOT NULL, settings TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, past BLOB NOT NULL,
            tried_at INTEGER NOT NULL, PRIMARY KEY (panel, settings, first, last)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE run (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at TEXT NOT NULL, record TEXT NOT NULL, curves BLOB NOT NULL,
            notes TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    ),
)


def store_path() -> Path:
    """Return the file of the store: in ``$CANDLECAST_HOME`` where that is set, else in the system's folder for user data."""
    import platformdirs

    home = os.environ.get("CANDLECAST_HOME")
    folder = Path(home) if home else platformdirs.user_data_path("candlecast", appauthor=False)
    return folder / "candlecast.sqlite"


class Database:
    """The store's file: write-ahead log, all or nothing written, readable after a kill at any moment.

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

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Read the file as it is at one moment, whatever others write meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield self._db
        finally:
            self._db.execute("ROLLBACK")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the one writer its turn; all or nothing is written."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it by itself
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
        if (have := _version(db)) > (know := len(MIGRATIONS)):
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
        for version in range(_version(db), len(MIGRATIONS)):
            for statement in MIGRATIONS[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell damage from a file that is locked, full or forbidden."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
