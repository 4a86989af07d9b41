"""The SQLite file of the store: opened, brought up to date, and set aside where it is damaged."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from forecasting.errors import RETRY, SourceError
from forecasting.files.atomic import FileLock, data_folder, quarantine_name
from forecasting.files.closing import Closing
from forecasting.series import Finding

_Value = TypeVar("_Value")

#: The schema by version: entry n brings a store of version n to n + 1. Entries are only ever added,
#: each for the tables of one room.
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
    (
        """CREATE TABLE run_outcomes (
            run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE, told BLOB NOT NULL, checksum INTEGER NOT NULL)""",
    ),
    (
        "CREATE TABLE watch_pass (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)",
        """CREATE TABLE watch_source (
            source TEXT PRIMARY KEY, loaded_at INTEGER, asked_at TEXT NOT NULL, asked_day TEXT NOT NULL, problem TEXT NOT NULL)""",
        """CREATE TABLE watch_bar (
            source TEXT NOT NULL, symbol TEXT NOT NULL, ds INTEGER NOT NULL, y REAL NOT NULL, since INTEGER NOT NULL,
            PRIMARY KEY (source, symbol)) WITHOUT ROWID""",
        """CREATE TABLE watch_alert (
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
            symbol TEXT NOT NULL, ds INTEGER NOT NULL, message TEXT NOT NULL, hint TEXT NOT NULL)""",
        "CREATE INDEX watch_topic ON watch_alert (topic, ds)",
        """CREATE TABLE watch_shown (
            alert INTEGER NOT NULL REFERENCES watch_alert (id) ON DELETE CASCADE, channel TEXT NOT NULL,
            PRIMARY KEY (alert, channel)) WITHOUT ROWID""",
        """CREATE TABLE watch_choice (
            id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, symbol TEXT NOT NULL, model TEXT NOT NULL,
            UNIQUE (request, symbol))""",
    ),
    (
        """CREATE TABLE search (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL,
            seconds REAL NOT NULL, description TEXT NOT NULL, shared BLOB NOT NULL, result TEXT NOT NULL, checksum INTEGER NOT NULL)""",
        "CREATE INDEX search_digest ON search (digest)",
        """CREATE TABLE search_trial (
            search TEXT NOT NULL REFERENCES search (key) ON DELETE CASCADE, number INTEGER NOT NULL,
            record TEXT NOT NULL, losses BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (search, number)) WITHOUT ROWID""",
        """CREATE TABLE run_label (
            run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE, name TEXT NOT NULL, tags TEXT NOT NULL)""",
    ),
    (
        "ALTER TABLE price_series ADD COLUMN event_kinds TEXT NOT NULL DEFAULT '[]'",
        """CREATE TABLE price_event (
            series INTEGER NOT NULL REFERENCES price_series (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, ds INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (series, kind, ds)) WITHOUT ROWID""",
    ),
    ("CREATE TABLE run_candles (run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE)",),
)


def store_path() -> Path:
    """Return the file of the store: in ``$CANDLECAST_HOME`` where that is set, else in the
    system's folder for user data.
    """
    return data_folder() / "candlecast.sqlite"


class Database(Closing):
    """The store's file: write-ahead log, all or nothing written, readable after a kill at any
    moment.

    Belongs to the thread that opened it; any number of threads and processes may each open their
    own.

    Parameters
    ----------
    path : Path, optional
        The store's file; :func:`store_path` where it is left out. A damaged file is set aside under
        a new name, never deleted, and
        :attr:`findings` says so.

    Raises
    ------
    SourceError
        A folder or file that cannot be used, or a store written by a newer version of the program.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or store_path()
        self.findings: tuple[Finding, ...] = ()
        self._file: tuple[int, int] | None = None
        self._db = self._opened()

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
            _roll_back(self._db)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the one writer its turn; all or nothing is written."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            _roll_back(self._db)
            raise

    def _decoded(self, decode: Callable[[], _Value], code: str, text: str) -> _Value | None:
        """Return what a row holds; of a row that holds anything else, None and a finding that it is
        left out.

        Parameters
        ----------
        decode : callable
            May raise whatever damaged values make it raise.
        code, text : str
            Of the finding.
        """
        try:
            return decode()
        except Exception:  # a damaged row can hold values of any type
            if not any(finding.message == text for finding in self.findings):
                self.findings += (Finding(code, text, severity="warning", action="left out"),)
            return None

    def _opened(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(
                f"The folder {self.path.parent} cannot be used: {error.strerror}.", _ELSEWHERE
            ) from error
        with self._explained("opened"):
            try:
                return self._connected()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside()
                return self._connected()

    def _guarded(self, work: Callable[[], _Value]) -> _Value:
        """Do the work; where the file turns out to be damaged, set it aside and do the work on
        an empty one.
        """
        with self._explained("used"):
            try:
                return work()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._db.close()
                self._set_aside()
                self._db = self._connected()
                return work()

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Tell what SQLite refuses in words, with what can be done about it."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            hint = _NEXT.get(code, _ELSEWHERE)
            remedies = (RETRY,) if hint == _AGAIN else ()
            raise SourceError(
                f"The store {self.path} cannot be {what}: {error}.", hint, remedies=remedies
            ) from error

    def _connected(self) -> sqlite3.Connection:
        """Open the file, bring its schema up to date, and remember which file it was."""
        self._file = _identity(self.path)
        db = _connect(self.path)
        self._file = self._file or _identity(self.path)
        return db

    def _set_aside(self) -> None:
        """Give the damaged file another name, unless another program was first: then its new
        file stays.
        """
        claim = FileLock(self.path)
        if not claim.take(_PATIENCE_S):
            raise SourceError(
                f"The store {self.path} is damaged and cannot be set aside: it is in use.", _AGAIN
            )
        try:
            if self._file is None or self._file == _identity(self.path):
                self._rename()
        finally:
            claim.release()

    def _rename(self) -> None:
        aside = quarantine_name(self.path)
        for tail in (
            "-wal",
            "-shm",
            "",
        ):  # the store itself last: without it, what is in the others would be thrown away
            file = self.path.with_name(self.path.name + tail)
            try:
                file.rename(aside.with_name(aside.name + tail))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceError(
                    f"The store {self.path} is damaged and cannot be set aside: {error.strerror}.",
                    _ELSEWHERE,
                ) from error
        text = (
            f"The store {self.path} was damaged; it was set aside as {aside.name}, and a new "
            "one was begun."
        )
        self.findings += (Finding("store_damaged", text, severity="warning", action="set aside"),)


def text_of(*values: object) -> None:
    """Check that columns hold text; ValueError otherwise."""
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a column does not hold text")


def date_of(microseconds: object) -> np.datetime64:
    """Return a date of a column of microseconds since 1970; ValueError for anything that is no
    date in the years 1 to 9999.
    """
    if not isinstance(microseconds, int) or not _FIRST <= microseconds <= _LAST:
        raise ValueError("a column does not hold a date")
    return np.datetime64(microseconds, "us")


#: The first and the last date there is, in microseconds since 1970.
_FIRST, _LAST = (
    int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-01", "9999-12-31")
)

_ELSEWHERE = "Set CANDLECAST_HOME to a folder that can be written."
_AGAIN = "Another Candlecast is writing to it: try again in a moment."
#: What can be done, by what SQLite says.
_NEXT = {
    sqlite3.SQLITE_BUSY: _AGAIN,
    sqlite3.SQLITE_LOCKED: _AGAIN,
    sqlite3.SQLITE_FULL: "Free some space there, or set CANDLECAST_HOME to a folder on another "
    "disk.",
    sqlite3.SQLITE_IOERR: "Check that its disk or network is there, or set CANDLECAST_HOME to "
    "another folder.",
}
#: Seconds that another program is waited for.
_PATIENCE_S = 5.0
#: Seconds between two tries.
_RETRY_S = 0.01


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file and bring its schema up to date."""
    db = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
    try:
        if (have := _version(db)) > (know := len(MIGRATIONS)):
            raise SourceError(
                f"{path} is of version {have}; this program knows versions up to {know}.",
                "Update Candlecast.",
            )
        _use_write_ahead_log(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        if have < know:
            _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait by itself where another connection opens
    or closes the file at the same moment.
    """
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
        time.sleep(_RETRY_S)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one that has taken its name; None where there is
    none.
    """
    try:
        text = path.stat()
    except OSError:
        return None
    return text.st_dev, text.st_ino


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:  # a full or failing disk has ended it by itself
        db.execute("ROLLBACK")


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
        db.execute("COMMIT")
    except BaseException:
        _roll_back(db)
        raise


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell damage from a file that is locked, full or forbidden."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
