"""Which rows of the watchlist are shown, and in which order; the list itself stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication

from app.watchlist import Row

#: Orders by name: "" is the user's own.
ORDERS = ("", "name", "change", "skill", "coverage", "group")
#: Orders in which the largest comes first.
_LARGEST_FIRST = ("change", "skill", "coverage")
#: What a row can show beside its name.
COLUMNS = ("line", "price", "verdict", "skill", "coverage")
USUAL_COLUMNS = ("line", "price", "verdict")


def order_words() -> dict[str, str]:
    """Return what each order is called."""
    tr = QCoreApplication.translate
    return {
        "": tr("RowOrder", "My order"),
        "name": tr("RowOrder", "Name"),
        "change": tr("RowOrder", "Change"),
        "skill": tr("RowOrder", "Skill"),
        "coverage": tr("RowOrder", "Coverage"),
        "group": tr("RowOrder", "Group"),
    }


def column_words() -> dict[str, str]:
    """Return what each column is called."""
    tr = QCoreApplication.translate
    return {
        "line": tr("RowOrder", "Line of the last closes"),
        "price": tr("RowOrder", "Price and change"),
        "verdict": tr("RowOrder", "Verdict mark"),
        "skill": tr("RowOrder", "Skill against the best baseline"),
        "coverage": tr("RowOrder", "Share held by the 80 % band"),
    }


def shown_rows(
    rows: Sequence[Row], search: str = "", order: str = "", *, reverse: bool = False
) -> list[int]:
    """Return the indices of the rows to show.

    Parameters
    ----------
    rows : sequence of Row
    search : str
        Every word of it must be in the symbol, the reference or the group, whatever the case.
    order : str
        One of :data:`ORDERS`. Rows that do not have what is sorted by come last; equal ones stay in
        the user's order.
    reverse : bool
        The other way round.
    """
    terms = search.casefold().split()
    found = [index for index, row in enumerate(rows) if _matches(row, terms)]
    if not order:
        return found[::-1] if reverse else found
    if order in ("name", "group"):
        text = _TEXTS[order]
        found.sort(key=lambda index: text(rows[index]), reverse=reverse)
        if order == "group":
            found.sort(key=lambda index: not rows[index].group)
        return found
    number = _NUMBERS[order]
    values = {index: number(rows[index]) for index in found}
    sign = 1 if (order in _LARGEST_FIRST) == reverse else -1
    found.sort(key=lambda index: (math.isnan(values[index]), sign * _plain(values[index])))
    return found


def _matches(row: Row, terms: Sequence[str]) -> bool:
    if not terms:
        return True
    text = f"{row.symbol}\n{row.request.reference}\n{row.group}".casefold()
    return all(term in text for term in terms)


def _change(row: Row) -> float:
    change = row.glimpse.change if row.glimpse else None
    return math.nan if change is None else change


def _skill(row: Row) -> float:
    value = row.judgement.skill if row.judgement else None
    return math.nan if value is None else value


def _coverage(row: Row) -> float:
    value = row.judgement.held if row.judgement else None
    return math.nan if value is None else value


def _plain(value: float) -> float:
    return 0.0 if math.isnan(value) else value


_NUMBERS: dict[str, Callable[[Row], float]] = {
    "change": _change,
    "skill": _skill,
    "coverage": _coverage,
}
_TEXTS: dict[str, Callable[[Row], tuple[str, ...]]] = {
    "name": lambda row: (row.symbol.casefold(), row.request.reference),
    "group": lambda row: (row.group.casefold(), row.symbol.casefold()),
}
