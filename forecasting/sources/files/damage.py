"""Numbers that a spreadsheet has damaged: they cannot be mended, and are refused in words."""

from __future__ import annotations

from typing import Any

from forecasting.errors import SourceError
from forecasting.sources.files.columns import Roles
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.labels import PRICE_ROLES
from forecasting.sources.files.numbers import all_plain
from forecasting.sources.files.vocabulary import months, pattern_for, plain

_PRICES = tuple(role for role in PRICE_ROLES if role != "volume")

#: Cells of a price that has lost its decimal mark: so many groups of three digits that it is beyond
#: all prices.
_GROUPED = r"^[-+]?\d{1,3}(?:\.\d{3}){4,}$"
_GROUPED_SHORT = r"^[-+]?\d{1,3}(?:\.\d{3}){2,}$"
_DECIMAL = r"^[-+]?\d+\.(?:\d{1,2}|\d{4,})$"
#: A number that a spreadsheet took for a day and a month, or for a month and a year.
_DAY = r"^(?:\d{1,2}[-. /]+\p{L}{3,9}\.?|\p{L}{3,9}\.?[-. /]+\d{2,4})$"


def refuse_damaged(grid: Grid, roles: Roles) -> None:
    """Refuse prices that a spreadsheet has damaged.

    Parameters
    ----------
    grid : Grid
        All rows.
    roles : Roles

    Raises
    ------
    SourceError
        A column of prices has numbers that have lost their decimal marks, or that became dates.
    """
    import pyarrow as pa

    for column in roles.columns:
        cells = grid.columns[column.index]
        text = column.role in _PRICES and pa.types.is_string(cells.type)
        if text and all_plain(cells) is None:
            example = _lost_mark(cells) or _became_date(cells)
            if example:
                raise SourceError(
                    f"The numbers in {column.name} are damaged, such as {example!r}: a "
                    "spreadsheet has taken them for something else.",
                    "Fetch the file again and load it without opening it in a spreadsheet, or "
                    "choose sound columns: "
                    "columns close=NAME,unused=NAME.",
                )


def _lost_mark(cells: Any) -> str:
    """Return a cell whose points stand in the wrong places, "" where there is none."""
    import pyarrow.compute as pc

    grouped = pc.match_substring_regex(cells, _GROUPED_SHORT)
    if not pc.any(grouped).as_py():
        return ""
    with_decimals = pc.any(pc.match_substring_regex(cells, _DECIMAL)).as_py()
    long = cells.filter(pc.match_substring_regex(cells, _GROUPED))
    if with_decimals:
        return str(cells.filter(grouped)[0].as_py())
    return str(long[0].as_py()) if len(long) else ""


def _became_date(cells: Any) -> str:
    """Return a cell that is a day and a month where a number should be, "" where there is none."""
    import pyarrow.compute as pc

    like = cells.filter(pc.match_substring_regex(cells, pattern_for(cells, _DAY)))
    known = months()
    for cell in like.unique().to_pylist()[:100]:
        words = [word for word in plain(cell).split() if not word.isdigit()]
        if len(words) == 1 and words[0] in known:
            return str(cell)
    return ""
