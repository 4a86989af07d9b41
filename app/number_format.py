"""Numbers as people of the window's locale read them, with the decimals that their size asks for."""

from __future__ import annotations

import math

#: Decimals of the smallest number that is written without an exponent.
_MOST_DECIMALS = 18


def price_decimals(price: float) -> int:
    """Return the decimals in which a price of this size is quoted: cents, and below 2 as many as give five digits."""
    size = abs(price)
    if size >= 2 or size == 0 or not math.isfinite(size):
        return 2
    return min(_MOST_DECIMALS, 4 - math.floor(math.log10(size)))


def number(value: float, decimals: int) -> str:
    """Write a number in the user's locale."""
    from PySide6.QtCore import QLocale  # tables of exports are written without Qt

    return QLocale().toString(float(value), "f", decimals)


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
    """Write a number with so many significant digits; with an exponent where it is too small, a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 1
    if decimals > _MOST_DECIMALS:
        return f"{value:.{digits - 1}e}"
    return number(value, decimals)
