"""Rows of the watchlist under one heading: the series of a file, or of a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.number_format import number
from app.watchlist import Row

#: Most letters of a key, and most keys, that are remembered.
_LONGEST, _MOST = 500, 2_000


@dataclass(frozen=True)
class Section:
    """Rows under a heading.

    Attributes
    ----------
    key : str
        By which it is remembered as folded.
    text : str
        The heading.
    start, count : int
        Place of its first row among the rows that are shown, and how many it has.
    """

    key: str
    text: str
    start: int
    count: int


def sections_of(rows: Sequence[Row], order: str = "") -> tuple[Section, ...]:
    """Return the sections of rows as they are shown: files of several series, or groups; none
    where one file makes the whole list, or where rows are sorted by a number.
    """
    if order not in ("", "group"):
        return ()
    kind, of = ("group", _group) if order else ("file", _reference)
    runs = [(value, tuple(members)) for value, members in groupby(rows, of)]
    if (not order and len(runs) < 2) or (order and not any(row.group for row in rows)):
        return ()
    found, start = [], 0
    for value, members in runs:
        if order or len(members) > 1:
            name = value or _nameless() if order else file_name(members[0])
            heading = f"{name} · {_count(len(members))}"
            found.append(Section(f"{kind}:{value}", heading, start, len(members)))
        start += len(members)
    return tuple(found)


def remembered(keys: Sequence[str]) -> frozenset[str]:
    """Return the keys of folded sections, as they are kept in the settings."""
    return frozenset(key for key in keys[-_MOST:] if len(key) <= _LONGEST)


def file_name(row: Row) -> str:
    """Return what the source of a row is called."""
    return Path(row.request.reference).name if row.request.spec.is_path else row.request.reference


def _group(row: Row) -> str:
    return row.group


def _reference(row: Row) -> str:
    return row.request.reference


def _nameless() -> str:
    return QCoreApplication.translate("SeriesList", "No group")


def _count(rows: int) -> str:
    return QCoreApplication.translate("SeriesList", "{n} series").format(n=number(rows, 0))
