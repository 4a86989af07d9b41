"""From rows to series: what is no bar is set aside, bars are put in order, and all of it is
told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from forecasting.calendars import infer_calendar, infer_freq
from forecasting.errors import SourceError, presentable
from forecasting.series import COLUMNS, Dates, ExogColumn, Finding, Floats, PriceSeries, Provenance
from forecasting.sources.files.assign_columns import Roles
from forecasting.sources.files.autumn import unfolded
from forecasting.sources.files.convert import Converted, close_of
from forecasting.sources.files.ends import without_zero_ends
from forecasting.sources.files.extras import Extra, extras_at, read_extras
from forecasting.sources.files.grid import Grid, cell_kind
from forecasting.sources.files.ticks import join_ticks
from forecasting.sources.files.vocabulary import plain, role_ranks
from forecasting.sources.options import ReadOptions
from forecasting.sources.quality import Bars, examine, lone_gaps, shown

Mask = npt.NDArray[np.bool_]

#: Bars from which the distance of bars and the calendar are told: the newest, since the future
#: continues them.
_RECENT = 50_000

_PIECE = 8192

#: Most series of a file: as many as the list of the window keeps.
MAX_SERIES = 5000
_LONGEST_SYMBOL = 100

#: What stands between the keys in the name of a series.
_BETWEEN_KEYS = " / "


@dataclass(frozen=True)
class _Rows:
    """The rows of one series: dates and columns by role, in file order; ``bad`` marks closes that
    are text.

    ``take`` has the places of these rows in the file.
    """

    symbol: str
    ds: Dates
    values: dict[str, Floats]
    bad_close: Mask
    bad_other: int
    take: Any


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
    about_all = _Context(
        read, tuple(shared), options, about, _currency(grid), grid.block, _extras(grid, roles, read)
    )
    groups = list(_by_symbol(grid, roles, read, dated, name))
    if options.symbol:
        groups = _chosen(groups, options.symbol)
    if len(groups) > MAX_SERIES:
        raise SourceError(
            f"The file holds {len(groups):,} symbols; at most {MAX_SERIES:,} are read.",
            "Split the file, or name a symbol.",
        )
    found = [item for rows in groups if (item := _series(rows, about_all)) is not None]
    if not found:
        raise SourceError(
            "No row has both a date and a close.",
            "Say which column is the close: columns close=NAME.",
        )
    return tuple(found)


def _extras(grid: Grid, roles: Roles, read: Converted) -> tuple[Extra, ...]:
    """Return the columns that are no prices; those of a wide table are series of their own."""
    return () if roles.layout == "wide" else read_extras(grid, roles, read)


def _chosen(groups: list[_Rows], symbol: str) -> list[_Rows]:
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


def _by_symbol(
    grid: Grid, roles: Roles, read: Converted, dated: Mask, name: str
) -> Iterator[_Rows]:
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
    for symbol, take in groups:
        values = {role: column.values[take] for role, column in columns.items()}
        bad = columns[close].bad[take]
        other = sum(
            int(np.count_nonzero(column.bad[take] & ~bad))
            for role, column in columns.items()
            if role != close
        )
        yield _Rows(symbol, read.ds[take], values, bad, other, take)


def _groups(
    columns: Sequence[Any], dated: Mask, name: str
) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """Return each symbol with its rows, in order of first appearance; a file of ``BTC/USD`` and
    ``BTCUSD`` holds one.
    """
    import pyarrow.compute as pc

    texts = [_key_text(cells) for cells in columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, _BETWEEN_KEYS)
    encoded = joined.dictionary_encode()
    names = [text or name for text in encoded.dictionary.to_pylist()]
    index = encoded.indices.to_numpy(zero_copy_only=False)
    if len({"".join(sign for sign in text.casefold() if sign.isalnum()) for text in names}) == 1:
        index, names = np.zeros_like(index), names[:1]
    index = np.where(dated, index, len(names))
    order_of_rows = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order_of_rows], np.arange(len(names) + 1))
    groups = [
        (names[code], order_of_rows[starts[code] : starts[code + 1]]) for code in range(len(names))
    ]
    return [(symbol, rows) for symbol, rows in groups if rows.size]


def _key_text(cells: Any) -> Any:
    """Return a column of symbols or keys as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(cells.type):
        cells = cells.cast(pa.int64(), safe=False)
    return pc.utf8_trim_whitespace(cells.cast(pa.string()).fill_null(""))


def _wide(roles: Roles, read: Converted, dated: Mask) -> Iterator[_Rows]:
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
        yield _Rows(symbol, read.ds[take], values, bad, other, take)


@dataclass(frozen=True)
class _Context:
    """What all series of a file share."""

    read: Converted
    findings: tuple[Finding, ...]
    options: ReadOptions
    provenance: Provenance
    currency: str
    block: Floats | None
    extras: tuple[Extra, ...] = ()


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


def _series(rows: _Rows, shared: _Context) -> PriceSeries | None:
    """Set aside rows without a close, put bars in order, drop duplicates, and report."""
    read, options = shared.read, shared.options
    findings = list(shared.findings)
    values, made = close_of(rows.values)
    if made == "mid":
        findings.append(
            Finding(
                "mid_price",
                "Prices are the middle of bid and ask.",
                rows.ds.size,
                "info",
                "computed",
            )
        )
    values["close"], zeros = without_zero_ends(rows.ds, values["close"])
    findings.extend(zeros)
    keep = np.isfinite(values["close"])
    if not keep.any():
        return None
    if not keep.all():
        findings.extend(_without_close(rows, keep, zeros))
    if rows.bad_other:
        message = f"{rows.bad_other} cells beside the close are no numbers and count as missing."
        findings.append(Finding("unreadable_cells", message, rows.bad_other, "warning", "emptied"))
    whole: Any = slice(None) if keep.all() else keep
    some = {name: _finite(values[name][whole]) for name in COLUMNS if name in values}
    columns = {name: column for name, column in some.items() if column is not None}
    ds, columns, joined = join_ticks(rows.ds[whole], columns)
    findings.extend(joined)
    ds, tz, folded = unfolded(ds, read.tz, options.timezone)
    findings.extend(folded)
    ds, columns, order = _in_order(ds, columns)
    findings.extend(order)
    ds, columns, gaps = _priced(ds, columns)
    findings.extend(gaps)
    refused = [
        finding
        for finding in findings
        if finding.action in ("dropped", "sorted") and finding.code in _REPAIRS
    ]
    if refused and not options.repair:
        raise SourceError(
            f"{rows.symbol}: {refused[0].message}",
            "Repairs are switched off; switch them on, or correct the file.",
        )
    recent = ds[-_RECENT:]
    freq = infer_freq(recent)
    findings.extend(
        examine(Bars(ds, columns, freq, tz))
    )  # before the table is made: its scratch memory is used again for that
    return PriceSeries(
        symbol=presentable(rows.symbol, _LONGEST_SYMBOL).replace("\n", " "),
        ds=ds,
        columns=tuple(columns),
        values=_table(list(columns.values()), shared.block),
        freq=freq,
        tz=tz,
        currency=shared.currency,
        calendar=infer_calendar(rows.symbol, recent, freq, tz),
        provenance=replace(shared.provenance, adjusted=_adjusted(tuple(columns), made)),
        findings=tuple(findings),
        extras=_beside(rows, shared, keep, folded),
    )


def _beside(
    rows: _Rows, shared: _Context, keep: Mask, folded: Sequence[Finding]
) -> tuple[ExogColumn, ...]:
    """Return the further columns of a series, rows without a close included: what is known ahead
    stands there.
    """
    if not shared.extras:
        return ()
    indices = np.arange(shared.read.ds.size)[rows.take]
    ds = rows.ds
    if folded:  # moments in UTC are known of the rows that are bars
        indices, ds = (
            indices[keep],
            unfolded(rows.ds[keep], shared.read.tz, shared.options.timezone)[0],
        )
    return tuple(extras_at(shared.extras, ds, indices))


def _finite(column: Floats) -> Floats | None:
    """Return a column without infinities, or None where it holds no number at all."""
    if np.isfinite(column.sum()):
        return column
    finite = np.isfinite(column)
    return np.where(finite, column, np.nan) if finite.any() else None


def _table(columns: list[Floats], block: Floats | None) -> Floats:
    """Return columns side by side, shape [T, C]; those that already are the rows of ``block``
    are not copied.
    """
    if block is not None and len(columns) == len(block):
        same = (
            item.ctypes.data == other.ctypes.data and item.size == other.size
            for item, other in zip(columns, block, strict=True)
        )
        if all(same):
            return block.T
    table = np.empty((columns[0].size, len(columns)))
    for start in range(0, columns[0].size, _PIECE):
        for index, column in enumerate(columns):
            table[start : start + _PIECE, index] = column[start : start + _PIECE]
    return table


#: Findings about repairs: things done to the bars that a user can forbid.
_REPAIRS = ("unsorted", "duplicates", "missing_close", "unreadable_close")


def _without_close(rows: _Rows, keep: Mask, zeros: Sequence[Finding]) -> list[Finding]:
    """Tell of the dated rows that have no close: events, text, or nothing; of zeros at the ends
    is told already.
    """
    lost = np.flatnonzero(~keep)
    text = lost[rows.bad_close[lost]]
    empty = lost[~rows.bad_close[lost]]
    findings = []
    if text.size:
        message = (
            "Rows with text where the close should be (dividends, splits, notes), which "
            f"are no bars: {text.size}."
        )
        severe = text.size > 0.05 * keep.size
        findings.append(
            Finding(
                "not_bars",
                message,
                text.size,
                "warning" if severe else "info",
                "dropped",
                shown(rows.ds[text]),
            )
        )
    if empty.size > sum(item.count for item in zeros):
        message = f"Rows with a date but no close: {empty.size}."
        findings.append(
            Finding(
                "missing_close", message, empty.size, "warning", "dropped", shown(rows.ds[empty])
            )
        )
    return findings


def _in_order(
    ds: Dates, columns: dict[str, Floats]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Return bars oldest first, each date once; of several rows of one date one is kept."""
    findings: list[Finding] = []
    if bool((ds[1:] > ds[:-1]).all()):
        return ds, columns, findings
    steps = np.diff(ds.view(np.int64))
    backwards = bool(steps.max() <= 0)
    order: Any = slice(None)
    if backwards:
        findings.append(
            Finding(
                "newest_first", "The file begins with the newest bar.", ds.size, "info", "reversed"
            )
        )
        order = slice(None, None, -1)
    elif steps.min() < 0:
        mostly_up = np.count_nonzero(steps < 0) <= steps.size / 2
        back = np.flatnonzero(steps < 0 if mostly_up else steps > 0)
        backwards = not mostly_up
        findings.append(
            Finding(
                "unsorted",
                f"Bars are out of order at {back.size} places.",
                back.size,
                "warning",
                "sorted",
                shown(ds[back + 1]),
            )
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


def _priced(
    ds: Dates, columns: dict[str, Floats]
) -> tuple[Dates, dict[str, Floats], list[Finding]]:
    """Leave out the bars, in order of time, whose close of zero or below is how a vendor writes
    a missing price.
    """
    lone = lone_gaps(columns["close"])
    if not lone.any():
        return ds, columns, []
    count = int(np.count_nonzero(lone))
    example = columns["close"][np.argmax(lone)]
    message = (
        "Closes of zero, or with the sign flipped, among positive prices, taken as "
        f"missing: {count}, such as {example:g}."
    )
    finding = Finding("missing_close", message, count, "warning", "dropped", shown(ds[lone]))
    return ds[~lone], {name: column[~lone] for name, column in columns.items()}, [finding]


def _duplicates(
    ds: Dates, columns: dict[str, Floats], double: npt.NDArray[np.int64], reversed_: bool
) -> Finding:
    pairs = [(column[double], column[double + 1]) for column in columns.values()]
    same = np.all(
        [(item == other) | (np.isnan(item) & np.isnan(other)) for item, other in pairs], axis=0
    )
    unlike = int(np.count_nonzero(~same))
    index = "first" if reversed_ else "last"
    text = (
        f"{unlike} of them with other values; the row that stands {index} in the file is kept"
        if unlike
        else "all with the same values"
    )
    message = f"Bars that repeat a date: {double.size}, {text}."
    stacked = unlike > 0.2 * ds.size
    if stacked:
        message += (
            " The file may hold several series one below the other, without a column that "
            "tells them apart."
        )
    severity: Literal["info", "warning", "error"] = (
        "error" if stacked else "warning" if unlike else "info"
    )
    return Finding("duplicates", message, int(double.size), severity, "dropped", shown(ds[double]))


def _adjusted(columns: tuple[str, ...], made: str) -> Literal["adjusted", "raw", "unknown"]:
    """Tell whether closes are adjusted, as far as the columns do."""
    if made == "adjusted":
        return "adjusted"
    return "raw" if "adj_close" in columns else "unknown"
