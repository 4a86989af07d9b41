"""Holdings read from a small CSV file. Nothing of it leaves the machine."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from forecasting.errors import DataError
from forecasting.files.bounded_read import read_regular_file
from forecasting.series import Panel

_SYMBOLS = ("symbol", "ticker", "unique_id", "name")
_VALUES = ("value", "market value", "marketvalue", "amount", "weight", "share")
_QUANTITIES = ("quantity", "shares", "qty", "units", "position")
_MOST_BYTES = 2**20


def read_holdings(path: Path, panel: Panel) -> dict[str, float]:
    """Return the share of each series in the value of the holdings; negative where it is short.

    Parameters
    ----------
    path : Path
        CSV with a column of symbols and one of values, or of quantities, which are taken at the
        last close.
    panel : Panel

    Raises
    ------
    DataError
        A file that cannot be read so, a symbol that is not loaded, or holdings worth nothing.
    """
    text = read_regular_file(path, _MOST_BYTES).decode("utf-8-sig", errors="replace")
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = [
        row
        for row in csv.reader(io.StringIO(text), delimiter=delimiter)
        if any(cell.strip() for cell in row)
    ]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    symbol = _column(header, _SYMBOLS)
    value, quantity = _column(header, _VALUES), _column(header, _QUANTITIES)
    if symbol is None or (value is None and quantity is None):
        raise DataError(
            f"{path.name} has the columns {', '.join(header) or 'of no header'}; holdings need "
            "symbol and value, or symbol and quantity.",
            "Name the columns in the first line.",
        )
    closes = {series.symbol: float(series.y[-1]) for series in panel}
    worth: dict[str, float] = {}
    for number, row in enumerate(rows[1:], start=2):
        name = row[symbol].strip() if symbol < len(row) else ""
        if name not in closes:
            raise DataError(
                f"{path.name}, line {number}: '{name}' is not loaded.",
                "Load its prices, or leave it out.",
            )
        column = value if value is not None else quantity
        assert column is not None
        amount = _amount(row[column] if column < len(row) else "", path.name, number)
        worth[name] = worth.get(name, 0.0) + amount * (1.0 if value is not None else closes[name])
    total = float(np.sum(np.abs(list(worth.values()))))
    if not total > 0:
        raise DataError(
            f"The holdings of {path.name} are worth nothing.", "Give values above zero."
        )
    net = float(np.sum(list(worth.values())))
    capital = net if net > 0 else total
    return {name: amount / capital for name, amount in worth.items()}


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _amount(text: str, file: str, number: int) -> float:
    cleaned = text.strip().replace("'", "").replace(" ", "").removesuffix("%")
    if "," in cleaned and "." not in cleaned:
        head, _, tail = cleaned.rpartition(",")
        cleaned = f"{head.replace(',', '')}.{tail}" if len(tail) != 3 else cleaned.replace(",", "")
    try:
        found = float(cleaned.replace(",", ""))
    except ValueError:
        found = float("nan")
    if not np.isfinite(found):
        raise DataError(
            f"{file}, line {number}: '{text.strip()}' is no amount.", "Write it as 1250.50."
        )
    return found
