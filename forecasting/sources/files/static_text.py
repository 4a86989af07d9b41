"""Delimited text that holds a row for each symbol and no dates: sectors, listing exchanges."""

from __future__ import annotations

import csv
import io
from collections import Counter

from forecasting.errors import SourceError
from forecasting.sources.files.container import Opened, whole_file
from forecasting.sources.files.grid import Grid
from forecasting.sources.files.tables import grid_of
from forecasting.sources.files.text import detect_encoding
from forecasting.sources.files.vocabulary import plain, role_ranks

_DELIMITERS = ",;\t|"
#: Most bytes of such a file, and most columns.
_MOST_BYTES, _MOST_COLUMNS = 20_000_000, 1000


def read_static(opened: Opened, encoding: str = "") -> tuple[Grid, str] | None:
    """Return the table of a text file whose first line names a column of symbols, and the digest of
    the file; None for any other.

    Raises
    ------
    SourceError
        A symbol that stands in several rows.
    """
    import pyarrow as pa

    if opened.path.stat().st_size > _MOST_BYTES:
        return None
    data, digest = whole_file(opened)
    text = data.decode(encoding or detect_encoding(data, whole=True)[0], errors="replace")
    lines = text.splitlines()
    if not lines:
        return None
    mark = max(_DELIMITERS, key=lines[0].count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=mark) if any(row)]
    header = [name.strip() for name in rows[0]]
    naming = [index for index, name in enumerate(header) if _names_symbols(name)]
    whole = all(len(row) == len(header) for row in rows)
    if not naming or not whole or not 1 < len(header) <= _MOST_COLUMNS or len(rows) < 2:
        return None
    symbols = [row[naming[0]].strip() for row in rows[1:]]
    double, count = Counter(symbols).most_common(1)[0]
    if count > 1:
        raise SourceError(
            f"The table has no dates, and several rows of {double}.",
            "Give one row for each symbol, or a column of dates.",
        )
    columns = {
        name or f"column {index + 1}": pa.array([row[index].strip() or None for row in rows[1:]])
        for index, name in enumerate(header)
    }
    return grid_of(pa.table(columns), "The table"), digest


def _names_symbols(name: str) -> bool:
    return any(role == "symbol" for role, _ in role_ranks().get(plain(name), ()))
