"""Numbers as people and vendors write them: currency signs, K/M/B, either decimal mark, any
thousands mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.series import Floats

#: Cells (in lower case) that say that there is no value.
MISSING: tuple[str, ...] = (
    "", "-", "--", "---", "–", "—", "null", "none", "nan", "na", "n/a", "n.a.", "n.v.", "n.d.",
    "#n/a", "#n/a n/a", "#na", "<na>", "nil",
    "nat", ".", "..", "?", "b/d", "k. a.", "inf", "-inf", "-nan", "nan%", "#value!", "#div/0!",
    "#ref!", "\\n",
)  # fmt: skip

_PLAIN = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$"
_CODES = (
    r"(?i)\p{Sc}|\b(?:usd|eur|gbp|gbx|jpy|chf|cad|aud|inr|rs\.?|cny|rmb|hkd|brl|rub|pln|sek|nok|dkk|czk|huf|try|krw|twd|sgd|zar|mxn|btc"
    r"|eth|usdt|pts?)\b|r\$|zł|\bkr\b|руб\.?|元|円|원|kč|pkt\.?"
)
_SCALES: dict[str, float] = {
    "k": 1e3, "tsd": 1e3, "tys": 1e3, "тыс": 1e3, "m": 1e6, "mn": 1e6, "mm": 1e6, "mio": 1e6,
    "mln": 1e6, "mil": 1e6, "млн": 1e6, "м": 1e6,
    "к": 1e3, "b": 1e9, "bn": 1e9, "bil": 1e9, "mrd": 1e9, "mld": 1e9, "md": 1e9, "g": 1e9,
    "млрд": 1e9, "б": 1e9, "t": 1e12, "tn": 1e12,
    "cr": 1e7, "万": 1e4, "億": 1e8, "亿": 1e8, "%": 1.0,
}  # fmt: skip
_SCALED = r"(?i)^(?P<n>.*?\d[.,]?)\s*(?P<s>k|tsd|tys|тыс|m|mn|mm|mio|mln|mil|млн|м|к|b|bn|bil|mrd|mld|md|g|млрд|б|t|tn|cr|万|億|亿|%)\.?$"

#: Cells that only one decimal mark explains, and those that both do, after currency, scale and
#: blanks are gone.
_ONLY_DOT = (
    r"^[-+]?(?:\d*\.(?:\d{1,2}|\d{4,})|0*\.\d+|0+\.\d{3}|\d{4,}\.\d{3}|\d{1,3}(?:,\d{2,3})*,\d{3}\.\d+|\d{1,3}(?:,\d{3}){2,}"
    r"|\d+\.\d+[eE][-+]?\d+)$"
)
_ONLY_COMMA = (
    r"^[-+]?(?:\d*,(?:\d{1,2}|\d{4,})|0*,\d+|0+,\d{3}|\d{4,},\d{3}|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d+,\d+[eE][-+]?\d+)$"
)
_EITHER_DOT = r"^[-+]?[1-9]\d{0,2}\.\d{3}$"
_EITHER_COMMA = r"^[-+]?[1-9]\d{0,2},\d{3}$"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers as read: ``values`` [T] with NaN where there is none, ``bad`` [T]
    where a cell is neither number nor missing.
    """

    values: Floats
    bad: npt.NDArray[np.bool_]

    @property
    def readable(self) -> float:
        """Share of the cells that are numbers or missing."""
        return 1.0 - float(np.mean(self.bad)) if self.bad.size else 1.0


@dataclass(frozen=True)
class MarkEvidence:
    """How many cells speak for each decimal mark; ``either_...`` are cells such as 1.234 that
    both explain.
    """

    dot: int = 0
    comma: int = 0
    either_dot: int = 0
    either_comma: int = 0

    def __add__(self, other: MarkEvidence) -> MarkEvidence:
        return MarkEvidence(
            self.dot + other.dot,
            self.comma + other.comma,
            self.either_dot + other.either_dot,
            self.either_comma + other.either_comma,
        )


def read_numbers(column: Any, decimal: str = ".") -> NumberColumn:
    """Read a column of numbers.

    Parameters
    ----------
    column : pyarrow.Array
        Text or numbers, length T.
    decimal : str
        ``.`` or ``,``; the other one, blanks and apostrophes are thousands marks.

    Returns
    -------
    NumberColumn
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = (
            column.cast(pa.float64(), safe=False)
            .to_numpy(zero_copy_only=False)
            .astype(np.float64, copy=False)
        )
        return NumberColumn(values, np.zeros(values.size, bool))
    if not pa.types.is_string(kind):
        return NumberColumn(
            np.full(len(column), np.nan), column.is_valid().to_numpy(zero_copy_only=False)
        )
    if decimal == "." and (quick := all_plain(column)) is not None:
        return NumberColumn(quick, np.zeros(quick.size, bool))
    text = pc.utf8_trim_whitespace(column.fill_null(""))
    values = np.full(len(text), np.nan)
    missing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(MISSING)).to_numpy(
        zero_copy_only=False
    )
    done = missing.copy()
    if decimal == ".":
        plain = pc.match_substring_regex(text, _PLAIN).to_numpy(zero_copy_only=False) & ~missing
        values[plain] = text.filter(pa.array(plain)).cast(pa.float64()).to_numpy()
        done |= plain
    group, mark = (",", r"\.") if decimal == "." else (r"\.", ",")
    if not done.all():
        known = pc.match_substring_regex(
            text, rf"^-?(?:\d{{1,3}}(?:{group}\d{{3}})*|\d+)(?:{mark}\d+)?$"
        )
        grouped = known.to_numpy(zero_copy_only=False) & ~done
        values[grouped] = _cast(text.filter(pa.array(grouped)), decimal)
        done |= grouped
    left = np.flatnonzero(~done)
    bad = np.zeros(len(text), bool)
    if left.size:
        values[left], bad[left] = _unusual(text.take(pa.array(left)), decimal)
    return NumberColumn(values, bad)


def all_plain(column: Any) -> Floats | None:
    """Return a column of text in which every cell is a number as programs write it; None where one
    needs a closer look.
    """
    import pyarrow as pa

    if column.null_count:
        return None
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return values if np.isfinite(values).all() else None


def mark_evidence(column: Any) -> MarkEvidence:
    """Count the cells of a text column that speak for a decimal point, a decimal comma or
    either.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return MarkEvidence()
    text = pc.utf8_trim_whitespace(column.drop_null())
    if not pc.all(pc.match_substring_regex(text, r"^[-+]?[\d.,]*$")).as_py():
        text, _ = _bare(text)

    def count(pattern: str) -> int:
        return int(pc.sum(pc.match_substring_regex(text, pattern)).as_py() or 0)

    return MarkEvidence(
        count(_ONLY_DOT), count(_ONLY_COMMA), count(_EITHER_DOT), count(_EITHER_COMMA)
    )


def _bare(text: Any) -> tuple[Any, Floats]:
    """Strip currency, sign forms, scale and blanks between digits; return the bare cells and
    their scales.
    """
    import pyarrow.compute as pc

    if not pc.all(pc.string_is_ascii(text), min_count=0).as_py():
        text = pc.utf8_normalize(text, form="NFKC")
        text = pc.replace_substring_regex(text, "[\u2212\u2013\u2010\u2011\ufe63]", "-")
        text = pc.replace_substring_regex(text, "[\u2019\u2018\u00b4\u066c]", "'")
        text = pc.replace_substring(text, "\u066b", ".")
        text = _western_digits(text)
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, _CODES, ""))
    text = pc.replace_substring_regex(text, r"^\((.*\d.*)\)$", r"-\1")
    text = pc.replace_substring_regex(text, r"^(\d.*)-$", r"-\1")
    scale = np.ones(len(text))
    found = pc.extract_regex(text, _SCALED)
    hit = found.is_valid().to_numpy(zero_copy_only=False)
    if hit.any():
        units = pc.utf8_lower(pc.struct_field(found, "s")).to_numpy(zero_copy_only=False)
        scale[hit] = [_SCALES[unit] for unit in units[hit]]
        text = pc.if_else(found.is_valid(), pc.struct_field(found, "n"), text)
    grouped = pc.match_substring_regex(text, r"^[-+]?\s?\d{1,3}(?:[ '_]\d{2,3})*(?:[.,]\d*)?$")
    return pc.if_else(grouped, pc.replace_substring_regex(text, r"[ '_]", ""), text), scale


def _western_digits(text: Any) -> Any:
    """Translate digits of other scripts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(text, r"[^\x00-\x7f]")).as_py():
        return text
    cells = [
        "".join(str(int(sign)) if sign.isdecimal() else sign for sign in cell)
        for cell in text.to_pylist()
    ]
    return pa.array(cells, pa.string())


def _unusual(text: Any, decimal: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Read cells that are not plain numbers; return values and which of them are no numbers at
    all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text, scale = _bare(text)
    mark, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    sound = pc.match_substring_regex(
        text,
        rf"^[-+]?(?:\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}(?:{mark}\d*)?|\d+{mark}?\d*|{mark}\d+)(?:[eE][-+]?\d+)?$",
    ).to_numpy(zero_copy_only=False)
    values = np.full(len(text), np.nan)
    if sound.any():
        values[sound] = _cast(text.filter(pa.array(sound)), decimal) * scale[sound]
    return values, ~sound


def _cast(text: Any, decimal: str) -> Floats:
    """Return numbers that hold nothing but digits, signs and the two marks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = pc.replace_substring(text, "," if decimal == "." else ".", "")
    if decimal == ",":
        bare = pc.replace_substring(bare, ",", ".")
    numbers: Floats = bare.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers
