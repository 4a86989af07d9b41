"""Numbers and times as the window writes them: in English whatever the system's locale is, with
as many decimals as their size asks for.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QDateTime

#: Decimals of the smallest number that is written without an exponent.
_MOST_DECIMALS = 18


#: Sizes below this have more than four zeros after the point, which nobody counts at a glance.
_LEAST_FIXED = 1e-5


#: Sizes from which a number has more digits before the point than it holds.
_MOST_FIXED = 1e15
#: Sizes from which nobody quotes cents.
_WHOLE = 1e9
#: A whole number with commas between its thousands.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def read_decimal(text: str) -> float | None:
    """Read a number as people type it, with a decimal point or a decimal comma; None where it is
    none.

    "0,005" is 0.005. With both marks the later one is the decimal mark: "1,234.5" and "1.234,5" are
    one number.
    """
    marks = [letter for letter in text if letter in ".,"]
    if len(marks) > 1:
        decimal = marks[-1] if marks.count(marks[-1]) == 1 else ""
        text = "".join(
            "." if letter == decimal else letter
            for letter in text
            if letter not in ".," or letter == decimal
        )
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_whole(text: str) -> int | None:
    """Read a whole number, perhaps with commas between thousands; None for everything else, such
    as "0,005" or "1.5".
    """
    bare = text.replace(",", "") if _GROUPED.fullmatch(text) else text
    return int(bare) if re.fullmatch(r"[+-]?[0-9]+", bare) else None


def price_decimals(price: float) -> int:
    """Return the decimals in which a price of this size is quoted: cents, below 2 as many as give
    five digits, and none from a thousand millions on.
    """
    size = abs(price)
    if size >= _WHOLE and math.isfinite(size):
        return 0
    if size >= 2 or size == 0 or not math.isfinite(size):
        return 2
    return min(_MOST_DECIMALS, 4 - math.floor(math.log10(size)))


def use_english() -> None:
    """Make English the locale of every number, date and month name of the window.

    The window's texts are in English. A decimal comma or a point between thousands beside them,
    as the system's locale may ask for, would be misread: 53.174 windows, but a loss of 0.33849.
    """
    from PySide6.QtCore import QLocale

    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))


def moment(when: QDateTime) -> str:
    """Write a date and time as the clock on the wall shows it: "29 Nov 2026, 14:51"."""
    from PySide6.QtCore import QLocale

    return QLocale().toString(when.toLocalTime(), "d MMM yyyy, HH:mm")


def number(value: float, decimals: int) -> str:
    """Write a number in the locale of the window; what rounds to zero has no sign, and a tiny
    number has an exponent instead of its zeros, such as 8.07e-10.
    """
    from PySide6.QtCore import QLocale  # tables of exports are written without Qt

    nothing = round(float(value), decimals) == 0
    return _with_exponent(float(value), decimals) or QLocale().toString(
        0.0 if nothing else float(value), "f", decimals
    )


def plain_number(value: float, decimals: int) -> str:
    """Write a number as :func:`number` does, in English and without Qt."""
    return _with_exponent(float(value), decimals) or f"{value:,.{decimals}f}"


def _with_exponent(value: float, decimals: int) -> str:
    """Write a tiny number with the digits that so many decimals leave, and a huge one with six; ""
    for every other one.
    """
    if _MOST_FIXED <= abs(value) < math.inf:
        return f"{value:.5e}"
    if not abs(value) < _LEAST_FIXED or round(value, decimals) == 0:  # also of no number
        return ""
    digits = decimals + math.floor(math.log10(abs(value)))
    return f"{value:.{max(0, digits)}e}"


def signed(percent: float, decimals: int) -> str:
    """Write a change in percent with its sign, "+1.50 %"; what rounds to nothing has none."""
    text = number(abs(percent), decimals)
    sign = "" if float(f"{abs(percent):.{decimals}f}") == 0 else "+" if percent > 0 else "−"
    return f"{sign}{text} %"


def short_number(value: float) -> str:
    """Write a large number short: 950, 1.2K, 3.4M, 5.6B, 7.8T."""
    for size, sign in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            part = value / size
            digits = next(d for d in (0, 1, 2) if d == 2 or abs(round(part, d) - part) < 0.005)
            return number(part, digits) + sign
    return number(value, 0)


def significant(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits; with an exponent where it is too small, a
    dash where there is none.
    """
    if not math.isfinite(value):
        return "–"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 1
    if decimals > _MOST_DECIMALS:
        return f"{value:.{digits - 1}e}"
    return number(value, decimals)


def duration(seconds: float) -> str:
    """Write a time span for people: ``8 s``, ``2:05 min``, ``1:02 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
