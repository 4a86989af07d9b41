"""Columns of values that have types already: of JSON and of databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecasting.errors import SourceError

_LONGEST_WHOLE = 2**63 - 1


def column_of(cells: Sequence[Any]) -> Any:
    """Return a column as a pyarrow array.

    Parameters
    ----------
    cells : sequence of None, bool, int, float or str, length T
        Anything else counts as missing.

    Returns
    -------
    pyarrow.Array
        Whole numbers, numbers or text; text where the cells are of several types.
    """
    import pyarrow as pa

    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds and kinds <= {int, float}:
        if kinds == {int} and all(cell is None or abs(cell) <= _LONGEST_WHOLE for cell in cells):
            return pa.array(cells, pa.int64())
        return pa.array([None if cell is None else _number(cell) for cell in cells], pa.float64())
    return pa.array([cell if isinstance(cell, str) else _text(cell) for cell in cells], pa.string())


def _number(cell: float) -> float:
    try:
        return float(cell)
    except OverflowError:
        return float("inf")


def _text(cell: Any) -> str | None:
    return str(cell) if isinstance(cell, (bool, int, float)) else None


def raw_bytes(name: str, column: str) -> SourceError:
    """Return the refusal of a price that is not stored as a number."""
    return SourceError(
        f"{name}: the column {column} holds raw bytes or lists and no numbers.",
        "Write the prices as numbers, with the program that made the file, and load that.",
    )
