"""Whose value a row holds: one column of symbols, or several keys that name a series together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from forecasting.series import Finding
from forecasting.sources.files.columns import Column, free, has_role

#: Most columns that name a series together, and most that are looked at.
_MOST_KEYS, _MOST_LOOKED_AT = 3, 10
#: Share of the rows that a date and the keys have to tell apart.
_UNIQUE = 0.99


def assign_symbol(columns: Sequence[Column], header: bool, findings: list[Finding]) -> None:
    """Find the columns that tell whose bar a row is."""
    if has_role(columns, "symbol"):
        return
    dates = _dates(columns)
    named = _named_symbol(columns)
    if named is not None:
        named.role = "symbol"
        if _share_apart(dates, [named]) > 0.8:
            return
    keys = _keys(columns, dates, [named] if named else [])
    if keys is None:
        if named is None:
            _only_text(columns, header)
        return
    for column in keys:
        column.role = "symbol"
    both = [*([named] if named else []), *keys]
    if len(both) > 1:
        names = " and ".join(column.name for column in both)
        message = (
            f"Each date comes several times; there is one series for each combination of {names}."
        )
        findings.append(Finding("keys", message, len(both), "info", "told apart"))


def _dates(columns: Sequence[Column]) -> list[tuple[object, ...]]:
    """Return what tells the time of each row."""
    parts = [
        column
        for column in columns
        if column.role
        in (
            "date",
            "time",
            "year",
            "quarter",
            "month",
            "week",
            "day",
            "dayofyear",
            "hour",
            "minute",
        )
    ]
    return list(zip(*(column.cells.to_pylist() for column in parts), strict=True))


def _named_symbol(columns: Sequence[Column]) -> Column | None:
    named = sorted(
        (rank, c.index) for c in free(columns) if (rank := c.label.rank_as("symbol")) is not None
    )
    for _, index in named:
        column = columns[index]
        if len(column.filled) and not column.counter and (column.numeric < 0.5 or _repeats(column)):
            return column
    return None


def _repeats(column: Column) -> bool:
    return column.distinct == 1 or column.distinct <= 0.5 * len(column.filled)


def _share_apart(dates: Sequence[tuple[object, ...]], keys: Sequence[Column]) -> float:
    """Return how many different rows there are by date and keys, as a share of all rows."""
    cells = [column.cells.to_pylist() for column in keys]
    return len(set(zip(dates, *cells, strict=True))) / max(1, len(dates))


def _keys(
    columns: Sequence[Column], dates: Sequence[tuple[object, ...]], named: list[Column]
) -> list[Column] | None:
    """Return the fewest columns that, with the date and what is named, tell nearly all rows
    apart; None where none do.
    """
    if _share_apart(dates, []) > 0.95:
        return None
    likely = [column for column in free(columns) if _may_be_key(column)][:_MOST_LOOKED_AT]
    likely.sort(key=lambda column: (not column.key_named, column.typed, column.index))
    for count in range(1, _MOST_KEYS + 1):
        for some in combinations(likely, count):
            if _share_apart(dates, [*named, *some]) >= _UNIQUE and (
                count > 1 or some[0].numeric < 0.1 or some[0].key_named
            ):
                return sorted(some, key=lambda column: column.index)
    return None


def _may_be_key(column: Column) -> bool:
    """Tell whether a column may name what a row is about: text, or whole numbers of such a name,
    that come again and again.
    """
    if (
        len(column.filled) < 0.9 * len(column.cells)
        or column.counter
        or column.distinct > max(1, 0.5 * len(column.cells))
    ):
        return False
    if column.distinct < 2 or column.label.role in (
        "open",
        "high",
        "low",
        "close",
        "adj_close",
        "volume",
        "bid",
        "ask",
        "ignored",
    ):
        return False
    return (not column.typed and column.numeric <= 0.1) or (column.key_named and column.whole)


def _only_text(columns: Sequence[Column], header: bool) -> None:
    """Take a text that is the same in all rows of a file without a header for its symbol."""
    if header:
        return
    for column in free(columns):
        if (
            column.typed
            or column.label.role
            or column.numeric > 0.1
            or len(column.filled) < 0.9 * len(column.cells)
        ):
            continue
        if column.distinct == 1:
            column.role = "symbol"
            return
