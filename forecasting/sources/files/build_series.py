"""From rows to series: what is no bar is set aside, bars are put in order, and all of it is
told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forecasting.errors import SourceError
from forecasting.series import Finding, PriceSeries, Provenance
from forecasting.sources.files.assign_columns import Roles
from forecasting.sources.files.convert import Converted
from forecasting.sources.files.extras import Extras, extras_of
from forecasting.sources.files.grid import Grid, cell_kind
from forecasting.sources.files.rows import Mask, Rows, SharedReading, series_of
from forecasting.sources.files.vocabulary import plain, role_ranks
from forecasting.sources.options import ReadOptions

#: Most series of a file: as many as the list of the window keeps.
MAX_SERIES = 5000

#: What stands between the keys in the name of a series.
_BETWEEN_KEYS = " / "


def assemble(
    grid: Grid, roles: Roles, read: Converted, options: ReadOptions, about: Provenance, name: str
) -> tuple[PriceSeries, ...]:
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
    shared = [*grid.findings, *roles.findings, *read.findings, *_undated(grid, roles, dated)]
    groups = list(_by_symbol(grid, roles, read, dated, name))
    if options.symbol:
        groups = _chosen(groups, options.symbol)
    mostly = 2 * sum(rows.ds.size for rows in groups) >= grid.rows
    about_all = SharedReading(
        read.ds,
        read.tz,
        tuple(shared),
        options,
        about,
        _currency(grid),
        grid.block if mostly else None,  # a single series does not hold the memory of all
        _extras(grid, roles, read),
    )
    if len(groups) > MAX_SERIES:
        raise SourceError(
            f"The file holds {len(groups):,} symbols; at most {MAX_SERIES:,} are read.",
            "Split the file, or name a symbol.",
        )
    found = [item for rows in groups if (item := series_of(rows, about_all)) is not None]
    if not found:
        raise SourceError(
            "No row has both a date and a close.",
            "Say which column is the close: columns close=NAME.",
        )
    return tuple(found)


def _extras(grid: Grid, roles: Roles, read: Converted) -> Extras | None:
    """Return the columns that are no prices; those of a wide table are series of their own."""
    return None if roles.layout == "wide" else extras_of(grid, roles, read)


def _chosen(groups: list[Rows], symbol: str) -> list[Rows]:
    """Return the series that is wanted; the only one of a file is given the name instead."""
    found = [rows for rows in groups if rows.symbol.casefold() == symbol.casefold()]
    if not found and len(groups) == 1:
        return [replace(groups[0], symbol=symbol)]
    if not found:
        names = ", ".join(rows.symbol for rows in groups[:12]) + (
            ", ..." if len(groups) > 12 else ""
        )
        raise SourceError(f"There is no symbol '{symbol}'.", f"The file holds: {names}.")
    return found


def _undated(grid: Grid, roles: Roles, dated: Mask) -> list[Finding]:
    """Tell of the filled rows that have no date: repeated headers, footers and notes, or dates
    that cannot be read.
    """
    if dated.all():
        return []
    index = next(iter(roles.date_parts.values()), roles.index("date"))
    assert index is not None
    rows = np.flatnonzero(~dated)
    looked = rows[:1000].tolist()
    texts = {row: text for row in looked if (text := _row_text(grid, row))}
    blank = len(looked) - len(texts)
    names = {plain(cell) for row in grid.header for cell in row if cell}
    odd = [row for row in texts if cell_kind(str(grid.columns[index][row].as_py() or "")) == "D"]
    heads = [
        row for row in texts if names and {plain(part) for part in texts[row].split(" | ")} <= names
    ]
    _check_single(grid, index, [row for row in texts if row not in heads])
    rest = int(rows.size) - blank - len(odd)
    findings = []
    if odd:
        example = grid.columns[index][odd[0]].as_py()
        message = (
            f"Dates that cannot be read like the others: {len(odd)}, such as {example!r}; "
            "their rows are left out."
        )
        findings.append(Finding("unreadable_dates", message, len(odd), "warning", "dropped"))
    if rest > 0:
        what = "repeat the header" if len(heads) == rest else "have no date"
        example = (
            next(text for row, text in texts.items() if row not in odd)
            if len(texts) > len(odd)
            else ""
        )
        many = rest > 5 and rest > 0.05 * dated.size and len(heads) < rest
        message = f"Rows that {what} and are no bars: {rest}, such as: {example[:80]}"
        findings.append(
            Finding("not_bars", message, rest, "warning" if many else "info", "dropped")
        )
    return findings


def _check_single(grid: Grid, index: int, rows: Sequence[int]) -> None:
    """Refuse a file in which the header of another table stands among the rows: its dates come
    twice, and what is below is something else.
    """
    ranks = role_ranks()
    for row in rows:
        cells = [plain(str(column[row].as_py() or "")) for column in grid.columns]
        others = [cell for at, cell in enumerate(cells) if cell and at != index]
        dates = any(role == "date" for role, _ in ranks.get(cells[index], ()))
        if dates and others and all(cell_kind(cell) == "T" for cell in others):
            raise SourceError(
                f"A second table begins below the first: {_row_text(grid, row)[:80]}",
                "Save each table in a file of its own.",
            )


def _row_text(grid: Grid, row: int) -> str:
    cells = (column[row].as_py() for column in grid.columns[:12])
    return " | ".join(
        str(cell).strip()
        for cell in cells
        if cell is not None and str(cell).strip() and cell == cell
    )


def _by_symbol(grid: Grid, roles: Roles, read: Converted, dated: Mask, name: str) -> Iterator[Rows]:
    """Yield the rows of each series."""
    if roles.layout == "wide":
        yield from _wide(roles, read, dated)
        return
    columns = {c.role: read.numbers[c.index] for c in roles.columns if c.index in read.numbers}
    indices = roles.indexes("symbol")
    close = next(role for role in ("close", "adj_close", "bid", "bid_close") if role in columns)
    groups: list[tuple[str, Any]]
    if indices:
        groups = _groups([grid.columns[index] for index in indices], dated, name)
    else:
        named = next((c.symbol for c in roles.columns if c.symbol), "")
        groups = [(named or name, slice(None) if dated.all() else np.flatnonzero(dated))]
    odd = [column for role, column in columns.items() if role != close and column.bad.any()]
    for symbol, take in groups:
        values = {role: column.values[take] for role, column in columns.items()}
        bad = columns[close].bad[take]
        other = sum(int(np.count_nonzero(column.bad[take] & ~bad)) for column in odd)
        yield Rows(symbol, read.ds[take], values, bad, other, take)


def _groups(columns: Sequence[Any], dated: Mask, name: str) -> list[tuple[str, Any]]:
    """Return each symbol with its rows, in order of first appearance: a slice where they stand
    together. A file of ``BTC/USD`` and ``BTCUSD`` holds one.
    """
    encoded = _encoded(columns)
    names = [text or name for text in encoded.dictionary.to_pylist()]
    index = encoded.indices.to_numpy(zero_copy_only=False)
    if len({"".join(sign for sign in text.casefold() if sign.isalnum()) for text in names}) == 1:
        index, names = np.zeros_like(index), names[:1]
    first = np.concatenate([[0], np.flatnonzero(index[1:] != index[:-1]) + 1])
    if len(first) <= len(names) and len(set(index[first].tolist())) == len(first) and dated.all():
        rows = map(slice, first.tolist(), [*first[1:].tolist(), index.size])
        return [(names[code], take) for code, take in zip(index[first], rows, strict=True)]
    index = np.where(dated, index, len(names))
    order_of_rows = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order_of_rows], np.arange(len(names) + 1))
    groups = [
        (names[code], order_of_rows[starts[code] : starts[code + 1]]) for code in range(len(names))
    ]
    return [(symbol, rows) for symbol, rows in groups if rows.size]


def _encoded(columns: Sequence[Any]) -> Any:
    """Return the symbols of all rows, joined from several columns of keys where there are, as a
    dictionary array whose texts all differ.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(columns) == 1 and pa.types.is_dictionary(columns[0].type):
        texts = _key_text(columns[0].dictionary)
        if columns[0].null_count == 0 and pc.count_distinct(texts).as_py() == len(texts):
            return pa.DictionaryArray.from_arrays(columns[0].indices, texts)
    parts = [_key_text(cells) for cells in columns]
    joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _BETWEEN_KEYS)
    return joined.dictionary_encode()


def _key_text(cells: Any) -> Any:
    """Return a column of symbols or keys as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(cells.type):
        cells = cells.cast(pa.int64(), safe=False)
    return pc.utf8_trim_whitespace(cells.cast(pa.string()).fill_null(""))


def _wide(roles: Roles, read: Converted, dated: Mask) -> Iterator[Rows]:
    """Yield the rows of each symbol of a wide panel; a symbol begins with its first value and
    ends with its last.
    """
    symbols = list(dict.fromkeys(c.symbol for c in roles.columns if c.symbol))
    rows = np.flatnonzero(dated)
    for symbol in symbols:
        columns = {
            c.role: read.numbers[c.index]
            for c in roles.columns
            if c.symbol == symbol and c.index in read.numbers
        }
        close = next(
            (role for role in ("close", "adj_close", "bid", "bid_close") if role in columns), ""
        )
        if not close:
            continue
        alive = np.flatnonzero(np.isfinite(columns[close].values[rows]))
        if alive.size == 0:
            continue
        first, last = int(alive[0]), int(alive[-1]) + 1
        take = rows[first:last]
        values = {role: column.values[take] for role, column in columns.items()}
        bad = columns[close].bad[take]
        other = sum(int(np.count_nonzero(column.bad[take] & ~bad)) for column in columns.values())
        yield Rows(symbol, read.ds[take], values, bad, other, take)


def _currency(grid: Grid) -> str:
    """Return the currency that a note above the header or a column of that name gives, or ""."""
    for row in grid.above:
        filled = [cell for cell in row if cell]
        if len(filled) == 2 and plain(filled[0]) == "currency":
            return filled[1] if re.fullmatch("[A-Z]{3}", filled[1]) else ""
    for name, column in zip(grid.names, grid.columns, strict=True):
        if plain(name) == "currency":
            codes = {str(code) for code in column.slice(0, 1000).to_pylist()}
            return (
                codes.pop()
                if len(codes) == 1 and re.fullmatch("[A-Z]{3}", next(iter(codes)))
                else ""
            )
    return ""
