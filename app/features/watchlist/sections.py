"""Rows of the watchlist under one heading: the series of a file, or of a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    if order == "group":
        found = _runs(rows, "group", lambda row: row.group)
        return found if any(row.group for row in rows) else ()
    if order:
        return ()
    found = _runs(rows, "file", lambda row: row.request.reference)
    return tuple(item for item in found if item.count > 1) if len(found) > 1 else ()


def remembered(keys: Sequence[str]) -> frozenset[str]:
    """Return the keys of folded sections, as they are kept in the settings."""
    return frozenset(key for key in keys[-_MOST:] if len(key) <= _LONGEST)


def file_name(row: Row) -> str:
    """Return what the source of a row is called."""
    return Path(row.request.reference).name if row.request.spec.is_path else row.request.reference


def _runs(rows: Sequence[Row], kind: str, of: Callable[[Row], str]) -> tuple[Section, ...]:
    """Return each run of rows for which a text is the same."""
    text = QCoreApplication.translate("SeriesList", "{name} · {n} series")
    nameless = QCoreApplication.translate("SeriesList", "No group")
    found, start = [], 0
    for value, members in groupby(rows, of):
        together = tuple(members)
        name = file_name(together[0]) if kind == "file" else value or nameless
        heading = text.format(name=name, n=number(len(together), 0))
        found.append(Section(f"{kind}:{value}", heading, start, len(together)))
        start += len(together)
    return tuple(found)
