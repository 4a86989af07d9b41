"""From rows to series: what is no bar is set aside, bars are put in order, and all of it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

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
from forecasting.sources.quality import Bars, examine, shown

Mask = npt.NDArray[np.bool_]

#: Bars from which the distance of bars and the calendar are told: the newest, since the future continues them.
_RECENT = 50_000

_PIECE = 8192


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
    undated = _undated(grid, dated)
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


def _undated(grid: Grid, dated: Mask) -> Finding | None:
    """Tell of the filled rows that have no date: repeated headers, footers, notes."""
    if dated.all():
        return None
    rows = np.flatnonzero(~dated)
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
    groups: list[tuple[str, Any]]
    if place is not None:
        groups = _groups(grid.columns[place], dated, name)
    else:
        named = next((c.symbol for c in roles.columns if c.symbol), "")
        groups = [(named or name, slice(None) if dated.all() else np.flatnonzero(dated))]
    for symbol, take in groups:
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
    whole: Any = slice(None) if keep.all() else keep
    some = {name: _finite(values[name][whole]) for name in COLUMNS if name in values}
    columns = {name: column for name, column in some.items() if column is not None}
    ds, columns, order = _in_order(rows.ds[whole], columns)
    findings.extend(order)
    refused = [finding for finding in findings if finding.action in ("dropped", "sorted") and finding.code in _REPAIRS]
    if refused and not options.repair:
        raise SourceError(f"{rows.symbol}: {refused[0].message}", "Repairs are switched off; switch them on, or correct the file.")
    recent = ds[-_RECENT:]
    freq = infer_freq(recent)
    symbol = options.symbol if options.symbol and roles.layout == "single" else rows.symbol
    return PriceSeries(
        symbol=symbol,
        ds=ds,
        columns=tuple(columns),
        values=_table(list(columns.values())),
        freq=freq,
        tz=read.tz,
        calendar=infer_calendar(symbol, recent, freq, read.tz),
        provenance=replace(about, adjusted=_adjusted(tuple(columns), made)),
        findings=(*findings, *examine(Bars(ds, columns, freq, read.tz))),
    )


def _finite(column: Floats) -> Floats | None:
    """Return a column without infinities, or None where it holds no number at all."""
    if np.isfinite(column.sum()):
        return column
    finite = np.isfinite(column)
    return np.where(finite, column, np.nan) if finite.any() else None


def _table(columns: list[Floats]) -> Floats:
    """Return columns side by side, shape [T, C]; filled piece by piece, which spares the memory's time."""
    table = np.empty((columns[0].size, len(columns)))
    for start in range(0, columns[0].size, _PIECE):
        for place, column in enumerate(columns):
            table[start : start + _PIECE, place] = column[start : start + _PIECE]
    return table


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
        findings.append(Finding("not_bars", message, text.size, "warning" if severe else "info", "dropped", shown(rows.ds[text])))
    if empty.size:
        message = f"{empty.size} rows have a date but no close."
        findings.append(Finding("missing_close", message, empty.size, "warning", "dropped", shown(rows.ds[empty])))
    return findings


def _in_order(ds: Dates, columns: dict[str, Floats]) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Return bars oldest first, each date once; of several rows of one date one is kept."""
    findings: list[Finding] = []
    steps = np.diff(ds).astype(np.int64)
    if steps.size == 0 or steps.min() > 0:
        return ds, columns, findings
    backwards = bool(steps.max() <= 0)
    order: Any = slice(None)
    if backwards:
        findings.append(Finding("newest_first", "The file begins with the newest bar.", ds.size, "info", "reversed"))
        order = slice(None, None, -1)
    elif steps.min() < 0:
        mostly_up = np.count_nonzero(steps < 0) <= steps.size / 2
        back = np.flatnonzero(steps < 0 if mostly_up else steps > 0)
        backwards = not mostly_up
        findings.append(
            Finding("unsorted", f"Bars are out of order at {back.size} places.", back.size, "warning", "sorted", shown(ds[back + 1]))
        )
        order = np.argsort(ds, kind="stable")
    ds = ds[order]
    columns = {name: np.ascontiguousarray(column[order]) for name, column in columns.items()}
    double = np.flatnonzero(np.diff(ds) == np.timedelta64(0, "us"))
    if double.size:
        findings.append(_duplicates(ds, columns, double, backwards))
        keep = np.ones(ds.size, bool)
        keep[double] = False
        ds, columns = ds[keep], {name: column[keep] for name, column in columns.items()}
    return ds, columns, findings


def _duplicates(ds: Dates, columns: dict[str, Floats], double: npt.NDArray[np.int64], reversed_: bool) -> Finding:
    pairs = [(column[double], column[double + 1]) for column in columns.values()]
    same = np.all([(one == other) | (np.isnan(one) & np.isnan(other)) for one, other in pairs], axis=0)
    unlike = int(np.count_nonzero(~same))
    place = "first" if reversed_ else "last"
    told = f"{unlike} of them with other values; the row that stands {place} in the file is kept" if unlike else "all with the same values"
    message = f"{double.size} bars repeat a date, {told}."
    return Finding("duplicates", message, int(double.size), "warning" if unlike else "info", "dropped", shown(ds[double]))


def _adjusted(columns: tuple[str, ...], made: str) -> Literal["adjusted", "raw", "unknown"]:
    """Tell whether closes are adjusted, as far as the columns do."""
    if made == "adjusted":
        return "adjusted"
    return "raw" if "adj_close" in columns else "unknown"
