"""A file of forecasts goes in; its rows and an account of how it was understood come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecasting.errors import SourceError
from forecasting.imported_forecasts.columns import (
    ForecastColumn,
    ForecastColumns,
    assign_columns,
    suggest_columns,
)
from forecasting.imported_forecasts.date_headers import with_dates_in_rows
from forecasting.imported_forecasts.documents import document_grid
from forecasting.imported_forecasts.header_lines import lines_of_names, spanned
from forecasting.imported_forecasts.list_cells import read_list_cells
from forecasting.imported_forecasts.names import LONGEST_NAME
from forecasting.imported_forecasts.options import AS_FOUND, ForecastOptions
from forecasting.imported_forecasts.reshape import reshaped
from forecasting.imported_forecasts.rows import ForecastRows, RowKeys, TableRows, read_rows
from forecasting.series import Finding
from forecasting.sources.files.cells import Tables, read_tables
from forecasting.sources.files.container import inspect_file
from forecasting.sources.files.grid import Grid

_PREVIEW = 8
_MOST_TABLES = 30
#: Most rows of a file of forecasts.
MOST_ROWS = 5_000_000
_SUFFIXES = (
    ".gz",
    ".bz2",
    ".xz",
    ".zip",
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".jsonl",
    ".parquet",
    ".xlsx",
    ".feather",
)


@dataclass(frozen=True, eq=False)
class ImportedForecasts:
    """Forecasts that somebody else made.

    Attributes
    ----------
    path : str
    options : ForecastOptions
        As they were read.
    columns : ForecastColumns
    rows : TableRows
    first : tuple of tuple of str
        The first rows as they stand in the file.
    sheet : str
        Table of a workbook, database or document that was read, or "".
    findings : tuple of Finding
        What was assumed or odd.
    """

    path: str
    options: ForecastOptions
    columns: ForecastColumns
    rows: TableRows
    first: tuple[tuple[str, ...], ...]
    sheet: str = ""
    findings: tuple[Finding, ...] = ()


def read_forecasts(path: str | Path, options: ForecastOptions = AS_FOUND) -> ImportedForecasts:
    """Read a file of forecasts.

    Parameters
    ----------
    path : str or Path
        Delimited text, JSON, Excel, Parquet, Feather or SQLite; told by content, not by name.
    options : ForecastOptions
        What is settled beforehand; the rest is found in the file.

    Raises
    ------
    SourceError
        No such file, no forecasts in it, or columns or dates that may be read in two ways.
    """
    path = Path(path)
    with _naming(path):
        grid, columns, sheet, left = _understood(path, options)
        if grid.rows > MOST_ROWS:
            raise SourceError(
                f"The file has {grid.rows:,} rows; at most {MOST_ROWS:,} are read.",
                "Split it by series or by year.",
            )
        rows = read_rows(grid, columns, options.date_format, options.name or _stem(path))
    findings = (*grid.findings, *columns.findings, *rows.findings, *left)
    return ImportedForecasts(str(path), options, columns, rows, _first(grid), sheet, findings)


def _first(grid: Grid) -> tuple[tuple[str, ...], ...]:
    """Return the first rows as they stand in the file."""
    rows = range(min(_PREVIEW, grid.rows))
    cells = [[_shown(column[row].as_py()) for row in rows] for column in grid.columns]
    return tuple(zip(*cells, strict=True))


@dataclass(frozen=True, eq=False)
class ForecastsPreview:
    """How a file of forecasts is understood, for people to check and correct.

    Attributes
    ----------
    path : str
    options : ForecastOptions
    columns : tuple of ForecastColumn
        Empty where the file is no table at all.
    first : tuple of tuple of str
        The first rows as they stand in the file.
    models : tuple of str
        Models whose forecasts are found; none where something has to be settled first.
    rows : int
        Forecasts in the file.
    has_truth : bool
        Whether the file holds actual values of its own.
    symbols : tuple of str
    findings : tuple of Finding
    message, hint : str
        Why the file cannot be read as it is, and what settles it.
    """

    path: str
    options: ForecastOptions
    columns: tuple[ForecastColumn, ...] = ()
    first: tuple[tuple[str, ...], ...] = ()
    models: tuple[str, ...] = ()
    rows: int = 0
    has_truth: bool = False
    symbols: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    message: str = ""
    hint: str = ""


def preview_forecasts(path: str | Path, options: ForecastOptions = AS_FOUND) -> ForecastsPreview:
    """Tell how a file of forecasts is read, or why it cannot be; parameters as
    :func:`read_forecasts`.
    """
    try:
        found = read_forecasts(path, options)
    except SourceError as error:
        preview = ForecastsPreview(str(path), options, message=error.message, hint=error.hint)
        return _suggested(preview, Path(path))
    models = found.rows.models
    symbols = sorted({str(symbol) for model in models for symbol in np.unique(model.keys.symbol)})
    return ForecastsPreview(
        str(path),
        options,
        found.columns.columns,
        found.first,
        tuple(model.model for model in models),
        sum(len(model.keys) for model in models),
        bool(np.isfinite(found.rows.truth.y).any()),
        tuple(symbol for symbol in symbols if symbol),
        found.findings,
    )


def _suggested(preview: ForecastsPreview, path: Path) -> ForecastsPreview:
    """Add the columns whose roles are not in doubt, where the file is a table."""
    try:
        with _naming(path):
            tables = _tables(path, preview.options)
            name = preview.options.sheet or tables.names[0]
            grid = reshaped(_grid(path, tables, name, preview.options), preview.options.cutoff)
            columns = suggest_columns(grid, preview.options)
    except SourceError:
        return preview
    return replace(preview, columns=columns, first=_first(grid))


def _understood(
    path: Path, options: ForecastOptions
) -> tuple[Grid, ForecastColumns, str, tuple[Finding, ...]]:
    """Return the first table that holds forecasts, with its columns and its name, and a finding
    on tables that are left.
    """
    opened = inspect_file(path, options.sheet)
    document = document_grid(opened) if opened.kind == "json" and not options.sheet else None
    if opened.kind == "text" and b"[" in opened.head:
        document = read_list_cells(opened)
    if document is not None:
        return document, assign_columns(document, options), "", ()
    tables = _tables(path, options)
    wanted = options.sheet if options.sheet != tables.opened.member else ""
    if wanted and wanted not in tables.names:
        raise SourceError(
            f"There is no table '{wanted}'.", f"There are: {', '.join(tables.names[:20])}."
        )
    failures: list[SourceError] = []
    found: list[tuple[Grid, ForecastColumns, str]] = []
    for name in (wanted,) if wanted else tables.names[:_MOST_TABLES]:
        try:
            grid = reshaped(_grid(path, tables, name, options), options.cutoff)
            found.append((grid, assign_columns(grid, options), name))
        except SourceError as error:
            failures.append(error)
    if not found:
        raise failures[0]
    left = [name for _, _, name in found[1:]]
    message = (
        f"Of several tables with forecasts, {found[0][2]} is read. Not read: {', '.join(left[:8])}."
    )
    finding = Finding(
        "tables_left",
        message,
        len(left),
        "warning",
        f"read {found[0][2]}",
        remedy=("sheet", left[0] if left else ""),
    )
    return (*found[0], (finding,) if left else ())


def _tables(path: Path, options: ForecastOptions) -> Tables:
    """Return the tables of a file, the first line as its header where none is found and the
    cells are no data.
    """
    reading = options.reading()
    try:
        tables = read_tables(path, reading)
    except SourceError:
        if reading.header or inspect_file(path).kind != "text":
            raise
        return read_tables(path, reading.model_copy(update={"header": "1"}))
    if tables.opened.kind != "text" or reading.header:
        return tables
    try:
        grid = tables.grid("")
    except SourceError:
        return tables
    if not grid.header:
        return read_tables(path, reading.model_copy(update={"header": "1"}))
    named = [name for name in grid.names if not name.startswith("column ")]
    if len(grid.header) == 1 and not grid.above and len(set(named)) < len(named):
        return read_tables(path, reading.model_copy(update={"header": "1-2"}))
    return tables


def _grid(path: Path, tables: Tables, name: str, options: ForecastOptions) -> Grid:
    """Return a table; with the first line for its header where nothing else makes it one and the
    line holds dates, and with as many lines as its names take.
    """
    reading = options.reading()
    try:
        grid = tables.grid(name)
    except SourceError:
        if reading.header:
            raise
        first = read_tables(path, reading.model_copy(update={"header": "1"})).grid(name)
        if with_dates_in_rows(first) is first:
            raise
        return first
    lines = "" if reading.header else lines_of_names(grid)
    if not lines:
        return _with_short_names(grid)
    reading = reading.model_copy(update={"header": lines})
    return _with_short_names(spanned(read_tables(path, reading).grid(name)))


def _with_short_names(grid: Grid) -> Grid:
    """Return the table with the names of its columns cut to what is read of them."""
    header = tuple(tuple(name[:LONGEST_NAME] for name in row) for row in grid.header)
    return grid if header == grid.header else replace(grid, header=header)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the name of the file into every complaint about it."""
    try:
        with np.errstate(all="ignore"):
            yield
    except SourceError as error:
        if path.name in error.message:
            raise
        raise SourceError(f"{path.name}: {error.message}", error.hint) from error


def _stem(path: Path) -> str:
    """Return the name of a file without its suffixes."""
    name = path.name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name[:80]


def _shown(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell)[:60]


def renamed(found: ImportedForecasts, symbols: tuple[str, ...]) -> ImportedForecasts:
    """Return forecasts whose "models" are names of known series as forecasts of these series, as
    Darts writes several components.
    """
    folded = {symbol.casefold(): symbol for symbol in symbols}
    models = found.rows.models
    if not models or any(
        model.keys.symbol[:1].tolist() != [""] or model.model.casefold() not in folded
        for model in models
    ):
        return found
    if len(models) < 2 and len(symbols) < 2:
        return found
    name = found.options.name or _stem(Path(found.path))
    kept = []
    for model in models:
        symbol = np.full(len(model.keys), folded[model.model.casefold()])
        kept.append(replace(model, model=name, keys=replace(model.keys, symbol=symbol)))
    message = (
        f"{', '.join(model.model for model in models)} are names of series: all are read as "
        f"forecasts of {name}."
    )
    finding = Finding("series_columns", message, len(models), "info", "assumed")
    return replace(
        found, rows=replace(found.rows, models=_joined(kept)), findings=(*found.findings, finding)
    )


def _joined(models: Sequence[ForecastRows]) -> tuple[ForecastRows, ...]:
    """Return the rows of several series as those of one model; SourceError where their quantiles
    differ.
    """
    first = models[0]
    if any(
        model.levels != first.levels or bool(model.mean.size) != bool(first.mean.size)
        for model in models
    ):
        raise SourceError("The series have other quantiles each.", "Judge one series at a time.")
    keys = [model.keys for model in models]
    joined = RowKeys(
        *(
            np.concatenate([getattr(key, name) for key in keys])
            for name in ("symbol", "cutoff", "start", "ds", "step")
        )
    )
    values, mean = (
        np.concatenate([model.values for model in models]),
        np.concatenate([model.mean for model in models]),
    )
    return (replace(first, keys=joined, values=values, mean=mean),)
