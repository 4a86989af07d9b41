"""The reader itself: a file goes in, an account of how it was understood and its series come
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.errors import SourceError
from forecasting.memory import trim_after
from forecasting.series import ExogColumn, Finding, PriceSeries, Provenance
from forecasting.sources.files.arrow_tables import read_arrow
from forecasting.sources.files.assign_columns import Roles, assign_dates, assign_roles
from forecasting.sources.files.build_series import assemble
from forecasting.sources.files.container import Opened, inspect_file, whole_file
from forecasting.sources.files.convert import Converted, convert
from forecasting.sources.files.extras import extras_at, extras_of
from forecasting.sources.files.fast_csv import SMALL, read_swiftly, sample_grid
from forecasting.sources.files.grid import Grid, dated_cells, sample_rows
from forecasting.sources.files.json_tables import read_json
from forecasting.sources.files.months import by_month
from forecasting.sources.files.periods import by_date
from forecasting.sources.files.report import Reading
from forecasting.sources.files.rows import name_after
from forecasting.sources.files.sqlite_tables import (
    has_unwritten_changes,
    read_sqlite,
    sqlite_tables,
)
from forecasting.sources.files.static_text import read_static
from forecasting.sources.files.tables import Workbook, grid_of, read_parquet
from forecasting.sources.files.text import Dialect, detect_encoding, read_dialect, read_text
from forecasting.sources.files.workbooks import uncalculated_formulas
from forecasting.sources.options import AS_FOUND, ReadOptions
from forecasting.sources.quality import shown

_PREVIEW = 20
#: Most tables of one file that are tried.
_MOST_TABLES = 50
#: What finds the roles of columns in a sample of the rows.
Assign = Callable[[Grid, ReadOptions], Roles]


@dataclass(frozen=True)
class _Understood:
    """All that the stages found about one file."""

    opened: Opened
    grid: Grid
    roles: Roles
    read: Converted
    digest: str
    dialect: Dialect | None = None
    sheet: str = ""
    sheets: tuple[str, ...] = ()


def read(path: str | Path, options: ReadOptions | None = None) -> tuple[PriceSeries, ...]:
    """Read all series of a file.

    Parameters
    ----------
    path : str or Path
        CSV or other delimited text, JSON (both also packed by gzip, bzip2, xz or zip), Excel,
        Parquet, Feather or SQLite; told by content, not by name.
    options : ReadOptions, optional
        What is settled beforehand; the rest is found in the file.

    Returns
    -------
    tuple of PriceSeries
        At least one. Each carries as findings what was ambiguous, repaired or odd.

    Raises
    ------
    SourceError
        No such file, no table, no dates or no prices in it: the message says what was found and
        what was tried.
    """
    options = options or AS_FOUND
    with _naming(Path(path)):
        found = _series(_understand(Path(path), options), options)
    trim_after(sum(series.values.nbytes for series in found))
    return found


def read_table(
    table: Any, options: ReadOptions, about: Provenance, name: str
) -> tuple[PriceSeries, ...]:
    """Read all series of an Arrow table, as if a Parquet file held it.

    Parameters
    ----------
    table : pyarrow.Table
    options : ReadOptions
    about : Provenance
    name : str
        Name of a series that no column names.

    Raises
    ------
    SourceError
        No dates or no prices in it.
    """
    grid, roles, read = _read_cells(grid_of(table, "The data frame"), options)
    return assemble(grid, roles, read, options, about, grid.symbol or name)


@dataclass(frozen=True)
class InputTable:
    """Columns of a file that may be inputs: those of all series under "", those of single ones
    by symbol; ``dated`` unless static.
    """

    columns: Mapping[str, tuple[ExogColumn, ...]]
    dated: bool
    digest: str


def read_inputs(path: str | Path) -> InputTable:
    """Read a file of inputs: dates with any columns beside them, per symbol where a column names
    it, or symbols with static columns.

    Raises
    ------
    SourceError
        No such file, no table in it, or neither dates nor symbols.
    """
    with _naming(Path(path)):
        try:
            found = _understand(Path(path), AS_FOUND, assign_dates)
        except SourceError:
            static = _understand_static(Path(path), AS_FOUND)
            if static is None:
                raise
            found = static
        dated = found.roles.index("date") is not None or bool(found.roles.date_parts)
        extras = extras_of(found.grid, found.roles, found.read).columns
        index = found.roles.index("symbol")
        symbols = [""] * found.grid.rows
        if index is not None:
            symbols = [
                "" if item is None else str(item).strip()
                for item in found.grid.columns[index].to_pylist()
            ]
        named = np.array(symbols, dtype=object)
        ds = found.read.ds if dated else np.full(found.grid.rows, np.datetime64(0, "us"))
        columns = {}
        for symbol in dict.fromkeys(symbols):
            rows = np.flatnonzero((named == symbol) & ~np.isnat(ds))
            columns[symbol] = tuple(
                replace(item, source=f"{path}\n{found.read.tz}")
                for item in extras_at(extras, ds[rows], rows)
            )
        return InputTable(columns, dated, found.digest)


def _understand_static(path: Path, options: ReadOptions) -> _Understood | None:
    """Read a text file that has symbols and no dates; None for any other file."""
    opened = inspect_file(path, options.sheet)
    static = read_static(opened, options.encoding) if opened.kind == "text" else None
    return _finish(opened, *static, options, assign=assign_dates) if static else None


def understand(path: str | Path, options: ReadOptions | None = None) -> Reading:
    """Tell how a file is read, for people to check and correct; parameters and errors as
    :func:`read`.
    """
    options = options or AS_FOUND
    with _naming(Path(path)):
        found = _understand(Path(path), options)
        series = _series(found, options)
    order, rows = found.read.dates.order, found.grid.rows
    head, tail = range(min(_PREVIEW, rows)), range(max(0, rows - _PREVIEW), rows)
    marks = list(found.read.marks.values())
    shared = [
        finding
        for finding in series[0].findings
        if all(finding in item.findings for item in series)
    ]
    return Reading(
        path=str(path),
        kind=found.opened.kind,
        packing=found.opened.packing,
        encoding=found.dialect.encoding if found.dialect else "",
        delimiter=found.dialect.delimiter if found.dialect else "",
        decimal=max(marks, key=marks.count) if marks else ".",
        date_format=found.read.dates.form,
        date_order=order,
        timezone=found.read.tz,
        layout=found.roles.layout,
        sheet=found.sheet or found.opened.member,
        sheets=found.sheets,
        header_rows=found.grid.header_rows,
        first_row=found.grid.first_row,
        rows=found.grid.rows,
        columns=found.roles.columns,
        first=_raw(found.grid, head),
        last=_raw(found.grid, tail),
        first_read=_read(found, head),
        last_read=_read(found, tail),
        symbols=tuple(item.symbol for item in series),
        bars=tuple(len(item) for item in series),
        spans=tuple((stamp_text(item.ds[0]), stamp_text(item.ds[-1])) for item in series),
        findings=tuple(shared),
        options=options,
        inputs=tuple({c.name: c for item in reversed(series) for c in item.extras}.values()),
    )


def _raw(grid: Grid, rows: range) -> tuple[tuple[str, ...], ...]:
    cells = [[_shown(column[row].as_py()) for row in rows] for column in grid.columns]
    return tuple(zip(*cells, strict=True))


def _read(found: _Understood, rows: range) -> tuple[tuple[str, ...], ...]:
    """Return some rows as they were understood: dates and numbers in one form, "" where there is
    none, the rest as it stands.
    """
    cells = [[_shown(column[row].as_py()) for row in rows] for column in found.grid.columns]
    position = found.roles.index("date")
    position = found.roles.date_parts.get("year") if position is None else position
    for index, numbers in found.read.numbers.items():
        cells[index] = [
            f"{numbers.values[row]:.12g}" if np.isfinite(numbers.values[row]) else ""
            for row in rows
        ]
    if position is not None:
        stamps = found.read.ds[rows.start : rows.stop].astype("datetime64[s]")
        days = stamps.astype("datetime64[D]")
        plain = bool((np.isnat(stamps) | (stamps == days)).all())
        cells[position] = [
            "" if np.isnat(item) else str(item).replace("T", " ")
            for item in (days if plain else stamps)
        ]
    return tuple(zip(*cells, strict=True))


def stamp_text(stamp: np.datetime64) -> str:
    """Return a date as ISO text, without its time of day where that is midnight."""
    return shown(np.array([stamp]))[0]


def _shown(cell: Any) -> str:
    return "" if cell is None or cell != cell else str(cell)


def _series(found: _Understood, options: ReadOptions) -> tuple[PriceSeries, ...]:
    about = Provenance(
        str(found.opened.path),
        "unknown",
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        found.digest,
    )
    return assemble(
        found.grid, found.roles, found.read, options, about, _name_of(found.opened, found.grid)
    )


def _name_of(opened: Opened, grid: Grid) -> str:
    """Return the name of a series that no column names: a note above the header, else the name
    of the file.
    """
    if grid.symbol:
        return grid.symbol
    for row in grid.above:
        filled = [cell for cell in row if cell]
        if len(filled) == 2 and filled[0].rstrip(":").strip().lower() in (
            "symbol",
            "ticker",
            "security",
            "instrument",
            "code",
        ):
            return filled[1]
    return name_after(opened.path)


def _understand(path: Path, options: ReadOptions, assign: Assign = assign_roles) -> _Understood:
    """Run the stages: open, split into cells, find roles, read dates and numbers."""
    opened = inspect_file(path, options.sheet)
    if opened.kind == "text":
        return _understand_text(opened, options, assign)
    if opened.kind == "excel":
        book = Workbook(opened, options.date_format, options.header)
        return _first_table(
            opened, book.names, book.grid, book.digest, options, "sheet", book.filled, assign=assign
        )
    if opened.kind == "sqlite":
        names, digest = sqlite_tables(opened)
        found = _first_table(
            opened,
            names,
            lambda name: read_sqlite(opened, name),
            digest,
            options,
            "table",
            assign=assign,
        )
        return _with_finding(found, _unwritten()) if has_unwritten_changes(opened) else found
    if opened.kind == "json":
        tables, digest = read_json(opened)
        named = {
            table.name or f"table {index}": table for index, table in enumerate(tables, start=1)
        }
        return _first_table(
            opened,
            tuple(named),
            lambda name: named[name].grid(),
            digest,
            options,
            "table",
            assign=assign,
        )
    grid, digest = read_arrow(opened) if opened.kind == "arrow" else read_parquet(opened)
    return _finish(opened, grid, digest, options, assign=assign)


def _first_table(
    opened: Opened,
    names: tuple[str, ...],
    grid_of: Callable[[str], Grid],
    digest: str,
    options: ReadOptions,
    what: str,
    filled: Callable[[str], bool] = lambda _name: True,
    assign: Assign = assign_roles,
) -> _Understood:
    """Read the table that is wanted, or the first one of a file that holds prices; a finding names
    the others.

    Raises
    ------
    SourceError
        No such table, or none with dates and prices.
    """
    file, wanted = opened.path.name, options.sheet if options.sheet != opened.member else ""
    if wanted and wanted not in names:
        raise SourceError(
            f"{file} has no {what} '{wanted}'.", f"There are: {', '.join(names[:20])}."
        )
    failures: list[tuple[str, SourceError]] = []
    for name in (wanted,) if wanted else names[:_MOST_TABLES]:
        try:
            found = _finish(
                opened, grid_of(name), digest, options, sheet=name, sheets=names, assign=assign
            )
        except SourceError as error:
            failures.append((name, error))
            continue
        failed = {name for name, _ in failures}
        left = [other for other in names if other != name and other not in failed and filled(other)]
        return found if wanted or not left else _with_finding(found, _left(what, name, left))
    text = " ".join(
        f"{name}: {failure.message}" if len(names) > 1 else failure.message
        for name, failure in failures[:3]
    )
    hint = failures[0][1].hint if len(failures) == 1 else ""
    raise SourceError(
        f"{file} holds no price table. {text}",
        hint or f"Choose a {what} with a date column and prices.",
    )


def _left(what: str, taken: str, left: Sequence[str]) -> Finding:
    names = ", ".join(left[:8]) + (", ..." if len(left) > 8 else "")
    message = (
        f"Of several {what}s, {taken} is read. Not read: {names}. Choose another one as the "
        f"{what}: --sheet NAME."
    )
    return Finding("tables_left", message, len(left), "info", f"read {taken}")


def _unwritten() -> Finding:
    message = (
        "Another program has changes in a -wal file beside the database that are not part "
        "of it yet; they are not read."
    )
    return Finding("unwritten_changes", message, 1, "warning", "left out")


def _with_finding(found: _Understood, finding: Finding) -> _Understood:
    return replace(found, grid=replace(found.grid, findings=(*found.grid.findings, finding)))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the name of the file into every complaint about it, and the formulas without results that
    may be its cause; numbers beyond all bounds are told as findings, not by NumPy.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except SourceError as error:
        formulas = uncalculated_formulas(path)
        if path.name in error.message and not formulas:
            raise
        message = error.message if path.name in error.message else f"{path.name}: {error.message}"
        hint = error.hint
        if formulas:
            message += f" About {formulas:,} formulas of the workbook have no result."
            hint = (
                "Open it in a spreadsheet program and save it there, so that they are calculated."
            )
        raise SourceError(message, hint) from error


def _understand_text(opened: Opened, options: ReadOptions, assign: Assign) -> _Understood:
    dialect, rows = read_dialect(
        opened.head, options.encoding, options.date_format, options.delimiter, options.header
    )
    if opened.path.stat().st_size >= SMALL and not options.exog and assign is assign_roles:
        swift = _understand_swiftly(opened, options, dialect, sample_grid(rows, dialect))
        if swift is not None:
            return swift
    try:
        grid, digest = read_text(opened, dialect)
    except UnicodeError as error:
        if options.encoding:
            raise SourceError(
                f"The text is not {options.encoding}: {error}.", "Name another encoding."
            ) from error
        name, _ = (
            detect_encoding(whole_file(opened)[0], whole=True)
            if dialect.encoding.startswith("utf-8")
            else (dialect.encoding, True)
        )
        dialect = replace(dialect, encoding=name, guessed=True)
        grid, digest = read_text(opened, dialect, errors="replace")
    if dialect.guessed:
        message = f"The text is no UTF-8; it is read as {dialect.encoding}."
        grid = replace(
            grid,
            findings=(
                *grid.findings,
                Finding("encoding", message, 1, "info", f"read as {dialect.encoding}"),
            ),
        )
    return _finish(opened, grid, digest, options, dialect, assign=assign)


def _understand_swiftly(
    opened: Opened, options: ReadOptions, dialect: Dialect, sample: Grid
) -> _Understood | None:
    """Try the short cut for large files; None where the careful way is needed."""
    if sample.header and any(dated_cells(sample.header[0])):
        return None
    try:
        roles = assign_roles(sample, options)
    except SourceError:
        return None
    swift = read_swiftly(opened, dialect, roles, sample)
    if swift is None:
        return None
    grid, digest = swift
    return _Understood(
        opened,
        grid,
        roles,
        convert(grid, roles, options, sample, dialect.delimiter),
        digest,
        dialect,
    )


def _finish(
    opened: Opened,
    grid: Grid,
    digest: str,
    options: ReadOptions,
    dialect: Dialect | None = None,
    sheet: str = "",
    sheets: tuple[str, ...] = (),
    assign: Assign = assign_roles,
) -> _Understood:
    """Read the cells of a file."""
    grid, roles, read = _read_cells(grid, options, dialect.delimiter if dialect else "", assign)
    return _Understood(opened, grid, roles, read, digest, dialect, sheet, sheets)


def _read_cells(
    grid: Grid, options: ReadOptions, delimiter: str = "", assign: Assign = assign_roles
) -> tuple[Grid, Roles, Converted]:
    """Find roles from the first rows and some of the others, then read all rows."""
    grid = by_date(by_month(grid))
    sample = grid.taken(sample_rows(grid.rows))
    roles = assign(sample, options)
    return grid, roles, convert(grid, roles, options, sample, delimiter)
