"""The tables of a file as cells, before anybody says which column is what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from forecasting.errors import SourceError
from forecasting.sources.files.arrow_tables import read_arrow
from forecasting.sources.files.container import Opened, inspect_file, whole_file
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.json_tables import read_json
from forecasting.sources.files.sqlite_tables import read_sqlite, sqlite_tables
from forecasting.sources.files.tables import Workbook, read_parquet
from forecasting.sources.files.text import detect_encoding, read_dialect, read_text
from forecasting.sources.options import ReadOptions


@dataclass(frozen=True)
class Tables:
    """The tables of one file.

    Attributes
    ----------
    opened : Opened
        What the file is.
    names : tuple of str
        Sheets, or tables of a database or document; one empty name for a file that is a table
        itself.
    grid : callable
        Return the cells of a table by its name; SourceError where it has none.
    digest : str
        SHA-256 (hex) of the file.
    delimiter : str
        Of a text file, else "".
    """

    opened: Opened
    names: tuple[str, ...]
    grid: Callable[[str], Grid]
    digest: str
    delimiter: str = ""


def read_tables(path: str | Path, options: ReadOptions) -> Tables:
    """Read the cells of a file, whatever its format.

    Parameters
    ----------
    path : str or Path
        Delimited text, JSON, Excel, Parquet, Feather or SQLite; told by content, not by name.
    options : ReadOptions
        Delimiter, encoding, header, date format and sheet, where they are settled.

    Raises
    ------
    SourceError
        No such file, too large, or no table in it.
    """
    opened = inspect_file(path, options.sheet)
    if opened.kind == "text":
        return _text(opened, options)
    if opened.kind == "excel":
        book = Workbook(opened, options.date_format, options.header)
        return Tables(opened, book.names, book.grid, book.digest)
    if opened.kind == "sqlite":
        names, digest = sqlite_tables(opened)
        return Tables(opened, names, lambda name: read_sqlite(opened, name), digest)
    if opened.kind == "json":
        tables, digest = read_json(opened)
        named = {
            table.name or f"table {index}": table for index, table in enumerate(tables, start=1)
        }
        return Tables(opened, tuple(named), lambda name: named[name].grid(), digest)
    grid, digest = read_arrow(opened) if opened.kind == "arrow" else read_parquet(opened)
    return Tables(opened, ("",), lambda _name: grid, digest)


def _text(opened: Opened, options: ReadOptions) -> Tables:
    """Split a text file into cells; one that fits no encoding is read with replacement signs."""
    dialect, _ = read_dialect(
        opened.head, options.encoding, options.date_format, options.delimiter, options.header
    )
    try:
        grid, digest = read_text(opened, dialect)
    except UnicodeError as error:
        if options.encoding:
            raise SourceError(
                f"The text is not {options.encoding}: {error}.", "Name another encoding."
            ) from error
        name, _ = detect_encoding(whole_file(opened)[0], whole=True)
        grid, digest = read_text(opened, replace(dialect, encoding=name), errors="replace")
    return Tables(opened, ("",), lambda _name: grid, digest, dialect.delimiter)
