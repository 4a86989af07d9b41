"""What a column's name says: its role, how surely, and the symbol that may stand beside the
role.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from forecasting.sources.files.vocabulary import (
    DATE_PARTS,
    DERIVED_WORDS,
    UNIT_WORDS,
    VETO_WORDS,
    plain,
    role_ranks,
    words_of,
)

#: Roles of columns that hold prices or volumes.
PRICE_ROLES = ("open", "high", "low", "close", "adj_close", "volume", "bid", "ask")

#: Words that name a role only when nothing stands beside them.
_ALONE = words_of(
    "first start last max min day rate level target quote value spot index name code time date "
    "y ult usd series son nap data"
)

_IGNORED = words_of(
    """change chg var variation fark zmiana изм 涨跌幅 変化率 verandering perubahan muutos odchylka variazione variacion variacao
    difference openint"""
) | {"open interest", "open int", "otwarte pozycje"}


@dataclass(frozen=True)
class Label:
    """What a name says.

    Attributes
    ----------
    role : str
        A role, "" where the name says none, or ``ignored`` for a name that is known not to matter.
    rank : int
        0 for the likeliest name of the role.
    symbol : str
        The rest of the name, which may be a symbol; "" where nothing or only a unit is left.
    roles : tuple of (str, int)
        Every role that the name can mean, with ranks.
    """

    role: str = ""
    rank: int = 999
    symbol: str = ""
    roles: tuple[tuple[str, int], ...] = ()

    def rank_as(self, role: str) -> int | None:
        """Return the rank of the name for a role, None where it does not mean that role."""
        return next((rank for name, rank in self.roles if name == role), None)


def read_label(texts: Sequence[str]) -> Label:
    """Tell what the header texts of one column, top to bottom, say."""
    filled = [level for text in texts for level in levels_of(text) if level.strip()]
    if len(filled) < 2:
        return _read_one(filled[0]) if filled else Label()
    labels = [_read_one(text) for text in filled]
    date = next(
        (label for label in labels if label.rank_as("date") is not None and label.role == "date"),
        None,
    )
    if date is not None:
        return date
    sure = [
        index
        for index, label in enumerate(labels)
        if label.role in PRICE_ROLES and not label.symbol
    ]
    if not sure:
        return _read_one(" ".join(filled))
    role = labels[sure[0]]
    rest = " ".join(
        text for index, text in enumerate(filled) if index != sure[0] and not _is_unit(text)
    )
    return Label(role.role, role.rank, rest, role.roles)


def levels_of(name: str) -> tuple[str, ...]:
    """Return the levels of a column name: pandas writes ``('Close', 'AAPL')``, and
    ``__index_level_0__`` for a nameless index.
    """
    if name.startswith("__index_level_"):
        return ("",)
    if name.startswith("(") and name.endswith(")"):
        try:
            levels = ast.literal_eval(name)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (name,)
        return tuple(str(level) for level in levels) if isinstance(levels, tuple) else (name,)
    return (name,)


def _read_one(text: str) -> Label:
    known = role_ranks()
    text = re.sub(r"(?<=[A-Za-z])\.\d{1,3}$", "", text)
    name = plain(text)
    for side in ("bid", "ask"):
        inner = known.get(name.removeprefix(side).strip()) or known.get(
            name.removesuffix(side).strip(), ()
        )
        if side in name and inner and inner[0][0] in PRICE_ROLES[:4]:
            return Label(
                f"{side}_{inner[0][0]}", inner[0][1], "", ((f"{side}_{inner[0][0]}", inner[0][1]),)
            )
    middle = known.get(name.removeprefix("mid "), ()) if name.startswith("mid ") else ()
    if middle and middle[0][0] in PRICE_ROLES[:4]:
        return Label(middle[0][0], middle[0][1], "", middle)
    for candidate, malus in (
        (text, 0),
        (re.sub(r"[(\[{](?!Currency).*?[)\]}]", "", text, flags=re.IGNORECASE), 100),
    ):
        name = plain(candidate)
        roles = known.get(name) or known.get(name.replace(" ", ""), ())
        if roles:
            roles = tuple((role, rank + malus) for role, rank in roles)
            return Label(roles[0][0], roles[0][1], "", roles)
    name = plain(text)
    if (
        not name
        or "%" in text
        or name in _IGNORED
        or set(name.split()) & {"change", "percent", "pct"}
    ):
        return Label("ignored" if name or "%" in text else "")
    return _with_rest(text, name.split())


def _with_rest(text: str, words: list[str]) -> Label:
    """Look for a role word at either end of a name: ``AAPL Close``, ``Volume BTC``,
    ``close_msft``.
    """
    known = role_ranks()
    for size in range(len(words) - 1, 0, -1):
        for piece, rest in ((words[:size], words[size:]), (words[-size:], words[:-size])):
            phrase = " ".join(piece)
            roles = known.get(phrase, ())
            if not roles or roles[0][0] not in PRICE_ROLES or phrase in _ALONE or len(phrase) < 3:
                continue
            if set(rest) & VETO_WORDS or any(
                word.rstrip("0123456789") in VETO_WORDS for word in rest
            ):
                return Label("ignored")
            symbol = "" if set(rest) <= UNIT_WORDS else _cut(text, piece)
            return Label(
                roles[0][0],
                roles[0][1] + 100,
                symbol,
                tuple((role, rank + 100) for role, rank in roles),
            )
    return (
        Label("ignored") if set(words) & VETO_WORDS and set(words) & set(PRICE_ROLES) else Label()
    )


def _cut(text: str, piece: list[str]) -> str:
    """Return a name without a role, in its own spelling."""
    pattern = r"[\W_]*".join(map(re.escape, piece))
    rest = re.sub(
        rf"^{pattern}(?=[\W_])|(?<=[\W_]){pattern}[\W_]*$", "", text.strip(), flags=re.IGNORECASE
    )
    return rest.strip(" _-./|:()[]'\",")


def date_part(texts: Sequence[str]) -> str:
    """Return the part of a date that the header texts of a column name, "" where they name none."""
    name = plain(" ".join(text for text in texts if text))
    name = re.sub(r"^(?:date|calendar|fiscal) | ?(?:of year|number|no|num|nr)$", "", name).replace(
        " ", ""
    )
    return next((part for part, words in DATE_PARTS.items() if name in words), "")


def is_derived(name: str) -> bool:
    """Tell whether a name is that of an indicator, a lag or a return, which are worked out from
    prices.
    """
    words = plain(name).split()
    return any(
        word in DERIVED_WORDS or word.rstrip("0123456789") in DERIVED_WORDS for word in words
    )


def _is_unit(text: str) -> bool:
    return set(plain(text).split()) <= UNIT_WORDS
