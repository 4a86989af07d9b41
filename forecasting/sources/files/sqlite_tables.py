"""Tables of an SQLite database: opened for reading alone, with nothing in it allowed to run, and
within limits.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from forecasting.errors import SourceError
from forecasting.sources.files.container import Opened
from forecasting.sources.files.grid import MAX_COLUMNS, Grid
from forecasting.sources.files.labels import PRICE_ROLES, read_label
from forecasting.sources.files.typed import column_of, raw_bytes

#: Most rows and cells of a table, and most tables that are looked at: values of Python take many
#: times their room in the file.
MAX_SQLITE_ROWS, MAX_SQLITE_CELLS, MAX_TABLES = 2_000_000, 12_000_000, 200
#: Most bytes of a value, and of all texts of a table.
_LONGEST_VALUE, _TEXT_BYTES = 10_000, 64 * 2**20
#: Steps of SQLite's machine between two looks at the limit, and how many such looks a query has:
#: damaged files go in circles.
_STEPS, _MOST_LOOKS = 1_000_000, 2_000
_BLOCK = 20_000
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)


def sqlite_tables(opened: Opened) -> tuple[tuple[str, ...], str]:
    """Return the names of the tables of a database, without views and what SQLite keeps for itself,
    and the SHA-256 of the file.

    Raises
    ------
    SourceError
        A damaged database, or one without tables.
    """
    with _reading(opened.path) as base:
        rows = base.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
        ).fetchmany(10 * MAX_TABLES)
    names = tuple(
        name
        for name, made in rows
        if isinstance(name, str)
        and isinstance(made, str)
        and not name.startswith("sqlite_")
        and not made.upper().startswith("CREATE VIRTUAL")
    )
    if not names:
        raise SourceError(
            f"{opened.path.name} is an SQLite database without tables.",
            "Choose a database with a table of prices.",
        )
    with opened.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return names[:MAX_TABLES], digest


def read_sqlite(opened: Opened, table: str) -> Grid:
    """Read a table of a database.

    Raises
    ------
    SourceError
        A damaged table, more rows or columns than are read, or prices that are raw bytes.
    """
    name = opened.path.name
    with _reading(opened.path) as base:
        described = base.execute(
            "SELECT name, hidden FROM pragma_table_xinfo(?)", (table,)
        ).fetchmany(MAX_COLUMNS + 1)
        columns = [
            column for column, hidden in described if hidden == 0 and isinstance(column, str)
        ]
        if not columns or len(columns) > MAX_COLUMNS:
            raise SourceError(
                f"The table {table} has {len(columns)} columns.", f"1 to {MAX_COLUMNS:,} are read."
            )
        base.set_authorizer(_allow_reading)
        picked = ", ".join(_quoted(column) for column in columns)
        cursor = base.execute(f"SELECT {picked} FROM {_quoted(table)}")  # noqa: S608 - the names are quoted
        parts: list[list[object]] = [[] for _ in columns]
        size = 0
        while rows := cursor.fetchmany(_BLOCK):
            for cells, more in zip(parts, zip(*rows, strict=True), strict=True):
                cells.extend(more)
                size += sum(len(cell) for cell in more if isinstance(cell, (str, bytes)))
            count = len(parts[0])
            if (
                count > MAX_SQLITE_ROWS
                or count * len(columns) > MAX_SQLITE_CELLS
                or size > _TEXT_BYTES
            ):
                raise SourceError(
                    f"{name}: the table {table} has more than {MAX_SQLITE_ROWS:,} rows, "
                    f"{MAX_SQLITE_CELLS:,} cells or "
                    f"{_TEXT_BYTES >> 20} MB of text.",
                    "Save the rows that you need as CSV or Parquet.",
                )
    for column, cells in zip(columns, parts, strict=True):
        if (
            any(isinstance(cell, bytes) for cell in cells)
            and read_label((column,)).role in PRICE_ROLES
        ):
            raise raw_bytes(name, column)
    if not parts[0]:
        raise SourceError(f"The table {table} has no rows.", "Choose another table.")
    return Grid(tuple(column_of(cells) for cells in parts), (tuple(columns),))


def has_unwritten_changes(opened: Opened) -> bool:
    """Tell whether a journal lies beside the database, with changes that a program has not
    written into it yet.
    """
    journal = opened.path.with_name(opened.path.name + "-wal")
    try:
        return journal.stat().st_size > 0
    except OSError:
        return False


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database so that nothing is written beside it and nothing in it is trusted."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return int(looks > _MOST_LOOKS)

    base = None
    try:
        base = sqlite3.connect(address, uri=True, cached_statements=0)
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
        base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        base.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
        base.set_progress_handler(look, _STEPS)
        base.text_factory = _text
        for setting in (
            "trusted_schema = OFF",
            "query_only = ON",
            "cell_size_check = ON",
            "mmap_size = 0",
        ):
            base.execute(f"PRAGMA {setting}")
        yield base
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        raise SourceError(
            f"{path.name} is no SQLite database that can be read: {error}.",
            "Save the table as CSV.",
        ) from error
    finally:
        if base is not None:
            base.close()


def _text(raw: bytes) -> str:
    return raw[:_LONGEST_VALUE].decode("utf-8", "replace")


def _allow_reading(
    action: int, _first: str | None, _second: str | None, _base: str | None, _trigger: str | None
) -> int:
    """Let a query read columns and do nothing else: no function, no view, no trigger."""
    return sqlite3.SQLITE_OK if action in _ALLOWED and _trigger is None else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
