"""From rows to series: what is no bar is set aside, bars are put in order, and all of it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.calendars import infer_calendar, infer_freq
from forecasting.errors import SourceError
from forecasting.series import COLUMNS, Dates, Finding, Floats, PriceSeries, Provenance
from forecasting.sources.files.convert import Converted, close_of
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.roles import Roles
from forecasting.sources.files.vocabulary import plain
from forecasting.sources.options import ReadOptions
from forecasting.sources.quality import quality_report

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Rows:
    """The rows of one series: dates and columns by role, in file order; ``bad`` marks closes that are text."""

    symbol: str
    ds: Dates
    values: dict[str, Floats]
    bad_close: Mask
    bad_other: int


def assemble(grid: Grid, roles: Roles, read: Converted, options: ReadOptions, about: Provenance, name: str) -> tuple[PriceSeries, ...]:
    """Make series of the rows that are bars.

    Parameters
    ----------
    grid, roles, read
        The table, the roles of its columns, and its dates and numbers.
    options : ReadOptions
        ``symbol`` picks or names a series; ``repair`` off turns repairs into errors.
    about : Provenance
        Where the file lies, when it was read, its hash.
    name : str
        Name for a series that the file does not name.

    Raises
    ------
    SourceError
        No bars, no such symbol, or something to repair while repairs are off.
    """
    dated = ~np.isnat(read.ds)
    shared = [*grid.findings, *roles.findings, *read.findings]
    undated = _undated(grid, roles, dated)
    if undated is not None:
        shared.append(undated)
    series = []
    for rows in _by_symbol(grid, roles, read, dated, name):
        if options.symbol and roles.layout != "single" and rows.symbol.casefold() != options.symbol.casefold():
            continue
        series.append(_series(rows, roles, read, tuple(shared), options, about))
    found = [one for one in series if one is not None]
    if options.symbol and not found:
        names = ", ".join(sorted({rows.symbol for rows in _by_symbol(grid, roles, read, dated, name)})[:12])
        raise SourceError(f"There is no symbol '{options.symbol}'.", f"The file holds: {names}.")
    if not found:
        raise SourceError("No row has both a date and a close.", "Say which column is the close: columns close=NAME.")
    return tuple(found)


def _undated(grid: Grid, roles: Roles, dated: Mask) -> Finding | None:
    """Tell of the filled rows that have no date: repeated headers, footers, notes."""
    rows = np.flatnonzero(~dated)
    place = roles.index("date")
    if rows.size == 0 or place is None:
        return None
    texts = [_row_text(grid, int(row)) for row in rows[:200]]
    filled = [text for text in texts if text]
    count = rows.size - (len(texts) - len(filled))
    if count <= 0:
        return None
    names = {plain(cell) for row in grid.header for cell in row if cell}
    heads = sum(bool(names) and {plain(part) for part in text.split(" | ")} <= names for text in filled)
    what = "repeat the header" if heads == len(filled) else "have no date that can be read"
    kept = max(1, dated.size - rows.size)
    severe = count > 0.05 * kept and count > 5 and heads < len(filled)
    message = f"{count} rows {what} and are no bars, such as: {filled[0][:80]}"
    return Finding("not_bars", message, int(count), "warning" if severe else "info", "dropped")


def _row_text(grid: Grid, row: int) -> str:
    cells = (column[row].as_py() for column in grid.columns[:12])
    return " | ".join(str(cell).strip() for cell in cells if cell is not None and str(cell).strip() and cell == cell)


def _by_symbol(grid: Grid, roles: Roles, read: Converted, dated: Mask, name: str) -> Iterator[_Rows]:
    """Yield the rows of each series."""
    if roles.layout == "wide":
        yield from _wide(roles, read, dated)
        return
    columns = {c.role: read.numbers[c.index] for c in roles.columns if c.index in read.numbers}
    place = roles.index("symbol")
    close = "close" if "close" in columns else next(iter(columns))
    groups: Any = [(name, np.flatnonzero(dated))]
    if place is not None:
        groups = _groups(grid.columns[place], dated, name)
    else:
        named = next((c.symbol for c in roles.columns if c.symbol), "")
        groups = [(named or name, np.flatnonzero(dated))]
    whole = dated.all() and len(groups) == 1
    for symbol, rows in groups:
        take: Any = slice(None) if whole else rows
        values = {role: column.values[take] for role, column in columns.items()}
        bad = columns[close].bad[take]
        other = sum(int(np.count_nonzero(column.bad[take] & ~bad)) for role, column in columns.items() if role != close)
        yield _Rows(symbol, read.ds[take], values, bad, other)


def _groups(cells: Any, dated: Mask, name: str) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """Return each symbol with its rows, in order of first appearance; spellings that differ in signs only are one symbol."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(cells.type):
        cells = cells.cast(pa.int64(), safe=False)
    encoded = pc.utf8_trim_whitespace(cells.cast(pa.string()).fill_null("")).dictionary_encode()
    names = [text or name for text in encoded.dictionary.to_pylist()]
    keys = ["".join(sign for sign in text.casefold() if sign.isalnum()) or text for text in names]
    index = encoded.indices.to_numpy(zero_copy_only=False)
    merged = {key: names[keys.index(key)] for key in keys}
    if len(merged) < len(names):
        order = list(merged)
        index = np.array([order.index(key) for key in keys])[index]
        names = list(merged.values())
    index = np.where(dated, index, len(names))
    order_of_rows = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order_of_rows], np.arange(len(names) + 1))
    groups = [(names[code], order_of_rows[starts[code] : starts[code + 1]]) for code in range(len(names))]
    return [(symbol, rows) for symbol, rows in groups if rows.size]


def _wide(roles: Roles, read: Converted, dated: Mask) -> Iterator[_Rows]:
    """Yield the rows of each symbol of a wide panel; a symbol begins with its first value and ends with its last."""
    symbols = list(dict.fromkeys(c.symbol for c in roles.columns if c.symbol))
    rows = np.flatnonzero(dated)
    for symbol in symbols:
        columns = {c.role: read.numbers[c.index] for c in roles.columns if c.symbol == symbol and c.index in read.numbers}
        close = "close" if "close" in columns else next(iter(columns))
        alive = np.flatnonzero(np.isfinite(columns[close].values[rows]))
        if alive.size == 0:
            continue
        first, last = int(alive[0]), int(alive[-1]) + 1
        take = rows[first:last]
        values = {role: column.values[take] for role, column in columns.items()}
        bad = columns[close].bad[take]
        other = sum(int(np.count_nonzero(column.bad[take] & ~bad)) for column in columns.values())
        yield _Rows(symbol, read.ds[take], values, bad, other)


def _series(
    rows: _Rows, roles: Roles, read: Converted, shared: tuple[Finding, ...], options: ReadOptions, about: Provenance
) -> PriceSeries | None:
    """Set aside rows without a close, put bars in order, drop duplicates, and report."""
    findings = list(shared)
    values, made = close_of(rows.values)
    if made == "mid":
        findings.append(Finding("mid_price", "Prices are the middle of bid and ask.", rows.ds.size, "info", "computed"))
    keep = np.isfinite(values["close"])
    if not keep.any():
        return None
    if not keep.all():
        findings.extend(_without_close(rows, keep))
    if rows.bad_other:
        message = f"{rows.bad_other} cells beside the close are no numbers and count as missing."
        findings.append(Finding("unreadable_cells", message, rows.bad_other, "warning", "emptied"))
    columns = tuple(name for name in COLUMNS if name in values and np.isfinite(values[name]).any())
    ds = rows.ds if keep.all() else rows.ds[keep]
    table = np.empty((ds.size, len(columns)))
    for place, column in enumerate(columns):
        table[:, place] = values[column] if keep.all() else values[column][keep]
    if not keep.all() or not np.isfinite(table).all():
        table[np.isinf(table)] = np.nan
    ds, table, order = _in_order(ds, table)
    findings.extend(order)
    refused = [finding for finding in findings if finding.action in ("dropped", "sorted") and finding.code in _REPAIRS]
    if refused and not options.repair:
        raise SourceError(f"{rows.symbol}: {refused[0].message}", "Repairs are switched off; switch them on, or correct the file.")
    freq = infer_freq(ds)
    symbol = options.symbol if options.symbol and roles.layout == "single" else rows.symbol
    series = PriceSeries(
        symbol, ds, columns, table, freq, read.tz, "", infer_calendar(symbol, ds, freq, read.tz), _adjusted(about, columns, table, made)
    )
    report = (*findings, *quality_report(series))
    return PriceSeries(series.symbol, series.ds, columns, series.values, freq, series.tz, "", series.calendar, series.provenance, report)


#: Findings about repairs: things done to the bars that a user can forbid.
_REPAIRS = ("unsorted", "duplicates", "missing_close", "unreadable_close")


def _without_close(rows: _Rows, keep: Mask) -> list[Finding]:
    """Tell of the dated rows that have no close: events, text, or nothing."""
    lost = np.flatnonzero(~keep)
    text = lost[rows.bad_close[lost]]
    empty = lost[~rows.bad_close[lost]]
    findings = []
    if text.size:
        message = f"{text.size} rows have text where the close should be (dividends, splits, notes); they are no bars."
        severe = text.size > 0.05 * keep.size
        findings.append(Finding("not_bars", message, text.size, "warning" if severe else "info", "dropped", _shown(rows.ds[text])))
    if empty.size:
        message = f"{empty.size} rows have a date but no close."
        findings.append(Finding("missing_close", message, empty.size, "warning", "dropped", _shown(rows.ds[empty])))
    return findings


def _in_order(ds: Dates, table: Floats) -> tuple[Dates, Floats, list[Finding]]:
    """Return bars oldest first, each date once; of several rows of one date the last in the file is kept."""
    findings: list[Finding] = []
    steps = np.diff(ds.astype(np.int64))
    if steps.size == 0 or steps.min() > 0:
        return ds, table, findings
    if steps.max() <= 0:
        ds, table = ds[::-1], table[::-1]
        if steps.max() < 0:
            findings.append(Finding("newest_first", "The file begins with the newest bar.", ds.size, "info", "reversed"))
            return ds, table, findings
        findings.append(Finding("newest_first", "The file begins with the newest bar.", ds.size, "info", "reversed"))
    elif steps.min() < 0:
        back = np.flatnonzero(steps < 0) if np.count_nonzero(steps < 0) <= steps.size / 2 else np.flatnonzero(steps > 0)
        message = f"Bars are out of order at {back.size} places."
        findings.append(Finding("unsorted", message, back.size, "warning", "sorted", _shown(ds[back + 1])))
        order = np.argsort(ds, kind="stable")
        ds, table = ds[order], table[order]
    double = np.flatnonzero(np.diff(ds) == np.timedelta64(0, "us"))
    if double.size:
        findings.append(_duplicates(ds, table, double))
        keep = np.ones(ds.size, bool)
        keep[double] = False
        ds, table = ds[keep], table[keep]
    return ds, table, findings


def _duplicates(ds: Dates, table: Floats, double: npt.NDArray[np.int64]) -> Finding:
    same = np.all((table[double] == table[double + 1]) | (np.isnan(table[double]) & np.isnan(table[double + 1])), axis=1)
    unlike = int(np.count_nonzero(~same))
    told = f"{unlike} of them with other values; the last one is kept" if unlike else "all with the same values"
    severity = "warning" if unlike else "info"
    return Finding("duplicates", f"{double.size} bars repeat a date, {told}.", int(double.size), severity, "dropped", _shown(ds[double]))


def _shown(ds: Dates, count: int = 5) -> tuple[str, ...]:
    """Return the first few dates as ISO text, without the time of day where it is midnight."""
    return tuple(str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ") for stamp in ds[:count])


def _adjusted(about: Provenance, columns: tuple[str, ...], table: Floats, made: str) -> Provenance:
    """Note whether closes are adjusted, as far as the columns tell."""
    kind = "unknown"
    if made == "adjusted":
        kind = "adjusted"
    elif "adj_close" in columns:
        kind = "raw"
    return Provenance(about.source, kind, about.retrieved_at, about.content_hash, about.note)  # type: ignore[arg-type]
