"""Open, high, low, close and volume told by content, where no names tell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from forecasting.series import Finding, Floats
from forecasting.sources.files.columns import Column
from forecasting.sources.files.labels import PRICE_ROLES
from forecasting.sources.files.vocabulary import plain

#: Share of the rows in which one column has to be the highest and another the lowest.
_ALWAYS = 0.98
#: An open lies nearer to the close before than to the open before: at most this share of the
#: distance.
_CONTINUOUS = 0.8
#: The one way of telling open from close has to be this many times better than the other to be
#: sure.
_SURE = 1.2
#: Most columns that are looked at.
_MOST = 8

#: Names that number columns and say nothing of their content.
_NUMBERED = re.compile(
    r"(?:col(?:umn)?|var|v|x|f|field|feld|p|price|s|series|unnamed|spalte|_|kol|attr|value)?\s*\d*|[a-z]"
)


@dataclass(frozen=True)
class _Bars:
    """Four columns read as bars: their roles, and how sure it is which of two is the open."""

    roles: tuple[str, ...]
    straight: float
    crossed: float
    own: float

    @property
    def sure(self) -> bool:
        """Whether open and close are clearly told apart by time."""
        return max(self.straight, self.crossed) > _SURE * min(self.straight, self.crossed)

    @property
    def continuous(self) -> bool:
        """Whether each bar begins near the end of the one before."""
        return min(self.straight, self.crossed) < _CONTINUOUS * self.own

    @property
    def reversed_likelier(self) -> bool:
        """Whether the first of the two is likelier to be the close."""
        return self.straight > _SURE * self.crossed


def says_nothing(name: str) -> bool:
    """Tell whether the name of a column only numbers it."""
    return _NUMBERED.fullmatch(plain(name)) is not None


def assign_by_content(
    columns: Sequence[Column], findings: list[Finding], header: bool, backwards: bool
) -> bool:
    """Find open, high, low and close by low <= open, close <= high, and the volume after them.

    Parameters
    ----------
    columns : sequence of Column
        Columns of numbers without a role, in file order.
    findings : list of Finding
        What was decided is appended.
    header : bool
        The columns have names. Unless these only number them, four neighbours have to move as bars
        do, too: columns that merely lie one above the other are a panel, such as yields by their
        maturity.
    backwards : bool
        The rows are newest first.

    Returns
    -------
    bool
        Whether four columns were given roles.
    """
    if len(columns) < 4:
        return False
    for four in combinations(columns[:_MOST], 4):
        telling = header and not all(says_nothing(column.name) for column in four)
        if telling and four[-1].index - four[0].index != 3:
            continue
        bars = _bars_of([column.values[::-1] if backwards else column.values for column in four])
        if bars is None or (telling and not bars.continuous):
            continue
        for column, role in zip(four, bars.roles, strict=True):
            column.role = role
        volume = _assign_volume(columns, four)
        _tell(findings, four, volume, bars, header)
        return True
    return False


def _tell(
    findings: list[Finding],
    four: Sequence[Column],
    volume: Column | None,
    bars: _Bars,
    header: bool,
) -> None:
    shown = ", ".join(
        f"{column.role} = {column.name}" for column in (*four, *([volume] if volume else []))
    )
    message = (
        f"The names do not tell the columns apart; by low <= open, close <= high they are {shown}."
    )
    usual = bars.roles == PRICE_ROLES[:4] and not header
    doubtful = usual and bars.reversed_likelier
    if doubtful:
        message += f" The moves would fit the close in {four[0].name} better."
        message += f" If that is so, set columns open={four[3].index},close={four[0].index}."
    text = usual and not doubtful and (bars.sure or bars.straight <= bars.crossed)
    findings.append(
        Finding("columns_by_content", message, 4, "info" if text else "warning", "read as OHLC")
    )


def _bars_of(values: Sequence[Floats]) -> _Bars | None:
    """Return the roles of four columns, None where no two of them are always the highest and the
    lowest.

    Where high and low stand second and third, the others are open and close in this order, as in
    every usual file. Else time tells them: an open is near the close before. The rows must be
    oldest first.
    """
    rows = np.column_stack(values)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if rows.shape[0] == 0 or rows.max() <= 0 or np.ptp(rows) == 0:
        return None
    slack = 1e-9 * np.abs(rows).max(axis=1, keepdims=True)
    top = (rows >= rows.max(axis=1, keepdims=True) - slack).mean(axis=0)
    bottom = (rows <= rows.min(axis=1, keepdims=True) + slack).mean(axis=0)
    pairs = ((1, 2), *permutations(range(4), 2))
    high, low = next(
        (
            (item, other)
            for item, other in pairs
            if top[item] >= _ALWAYS and bottom[other] >= _ALWAYS
        ),
        (-1, -1),
    )
    usual = np.median(rows, axis=0)
    if high < 0 or usual[low] <= 0 or usual[high] > 2 * usual[low]:
        return None
    first, second = (index for index in range(4) if index not in (high, low))
    straight = float(np.abs(rows[1:, first] - rows[:-1, second]).sum())
    crossed = float(np.abs(rows[1:, second] - rows[:-1, first]).sum())
    own = float(np.abs(np.diff(rows[:, [first, second]], axis=0)).sum() / 2)
    roles = ["", "", "", ""]
    roles[high], roles[low] = "high", "low"
    in_order = (high, low) == (1, 2) or straight <= crossed
    roles[first], roles[second] = ("open", "close") if in_order else ("close", "open")
    return _Bars(tuple(roles), straight, crossed, own)


def _assign_volume(columns: Sequence[Column], four: Sequence[Column]) -> Column | None:
    """Give the role of the volume to the first column after four prices that is neither price
    nor time, and find an adjusted close.
    """
    close = next(column for column in four if column.role == "close")
    for column in columns:
        if (
            column.role
            or column.index < four[-1].index
            or bool(np.any(column.known < 0))
            or column.known.size == 0
        ):
            continue
        kind = _beside(column, close)
        if kind == "adj_close":
            column.role = kind
        elif kind == "volume" and not _is_clock(column):
            column.role = kind
            return column
    return None


def _beside(column: Column, close: Column) -> str:
    """Return ``volume``, ``adj_close`` for a price in steady proportion to the close, or "" for
    another price.
    """
    with np.errstate(all="ignore"):
        ratio = np.log(column.values / close.values)
        moves = np.abs(np.diff(np.log(close.values)))
    ratio, moves = ratio[np.isfinite(ratio)], moves[np.isfinite(moves)]
    if ratio.size < 3 or moves.size == 0 or np.ptp(ratio) > 3:
        return "volume"
    jumps = np.abs(np.diff(ratio))
    if np.median(jumps) > 3 * np.median(moves) or abs(np.median(ratio)) > 3:
        return "volume"
    return "adj_close" if np.median(jumps) < 0.05 * np.median(moves) else ""


def _is_clock(column: Column) -> bool:
    """Tell whether numbers are epochs that go one way, such as the time at which a bar closes."""
    if not column.dates.form.startswith("epoch"):
        return False
    steps = np.diff(column.known)
    return bool(steps.size) and max(float(np.mean(steps > 0)), float(np.mean(steps < 0))) > 0.95


def is_bid_and_ask(first: Floats, second: Floats) -> bool:
    """Tell whether the second is never below the first, and close to it."""
    known = np.isfinite(first) & np.isfinite(second) & (first > 0)
    if not known.any() or np.mean(second[known] >= first[known]) < _ALWAYS:
        return False
    return bool(np.median(second[known] / first[known]) < 1.05)
