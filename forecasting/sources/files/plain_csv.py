"""Small plain files of daily or intraday prices, read without pandas and pyarrow: a start would
wait for their import.

What is plain leaves nothing to be found out: commas, the usual English header, days or times of one
form, without a zone, in order, prices within their ranges, none missing; behind the prices further
columns of numbers and words may stand, which are read when they are first asked for. Every other
file is read by :mod:`forecasting.sources.files.reader`, with the same result for those that are
plain.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.series import Dates, Finding, Floats, PriceSeries, Provenance
from forecasting.sources.files.rows import Rows, SharedReading, name_after, series_of
from forecasting.sources.options import AS_FOUND, ReadOptions

if TYPE_CHECKING:
    from forecasting.sources.files.extras import Extras

#: Most bytes of a file, unpacked, and fewest bars: beyond these the careful reader is as quick, or
#: has to look twice.
_MOST_BYTES, _FEWEST_BARS = 2 << 20, 30
_GZIP = b"\x1f\x8b"
_LONGEST_HEAD = 1 << 16
#: Signs of numbers and of words, and what stands between them, to be taken away.
_SIGNS = str.maketrans("", "", f"0123456789.,-_{ascii_letters}")
#: Names of the columns beside the dates, in lower case and in any order.
_PRICES = ("open", "high", "low", "close")
_HEADERS = frozenset(
    frozenset((*_PRICES, *more))
    for more in ((), ("volume",), ("adj close",), ("adj close", "volume"))
)
_NUMBER = r"\d{1,15}(?:\.\d{1,12})?"
#: Names of the column of dates, in lower case.
_DATES = ("date", "datetime", "timestamp")
_ISO = r"(?:19|20)\d\d-\d\d-\d\d"
_TIME = re.compile(rf"\n{_ISO}([ T])\d\d:\d\d(:\d\d)?,")
#: Forms of days by the date format that settles them; the first one needs none.
_DAYS = {
    "": _ISO,
    "ymd": _ISO,
    "mdy": r"\d{1,2}/\d{1,2}/(?:19|20)\d\d",
}


def read_plain(path: Path, options: ReadOptions = AS_FOUND) -> tuple[PriceSeries, ...] | None:
    """Read a plain file.

    Parameters
    ----------
    path : Path
        CSV, also packed by gzip.
    options : ReadOptions
        Only the date format and the name of the series may be settled.

    Returns
    -------
    tuple of PriceSeries, or None
        None where the careful reader is needed: for anything that is not plain, and to tell what
        is wrong with a file.
    """
    days = _DAYS.get(options.date_format)
    about_bars = {"trading_calendar": "", "resample": ""}
    settled = {"date_format": "", "symbol": "", **about_bars}
    if days is None or options.model_copy(update=settled) != AS_FOUND:
        return None
    found = _content(path)
    if found is None:
        return None
    packed, content = found
    head = content.partition("\n")[0]
    names = tuple(name.strip() for name in head.split(","))
    roles = _roles_of(names)
    if not roles:
        return None
    further = names[1 + len(roles) :]
    body = content[len(head) :]
    cells = _cells(body, days + _time_of(body), len(roles), len(further))
    if cells is None:
        return None
    dates, *numbers = zip(*cells, strict=True)
    rests = numbers.pop() if further else ()
    ds = _days(dates)
    values = {
        role: np.array(column, np.float64) for role, column in zip(roles, numbers, strict=True)
    }
    if ds is None or not _is_sound(ds, values, numbers):
        return None
    beside = _Beside(further, rests, 1 + len(roles))
    findings = beside.findings()
    if findings is None:
        return None
    about = _provenance(path, packed)
    shared = SharedReading(ds, "", findings, options, about, "", None, beside.extras())
    none = np.zeros(ds.size, bool)
    rows = Rows(options.symbol or name_after(path), ds, values, none, 0, slice(None))
    series = series_of(rows, shared)
    return None if series is None else (series,)


def _provenance(path: Path, packed: bytes) -> Provenance:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    digest = hashlib.sha256(packed).hexdigest()
    return Provenance(str(path.expanduser()), "unknown", now, digest)


def _content(path: Path) -> tuple[bytes, str] | None:
    """Return the bytes of a small file and its text; None for any other."""
    path = path.expanduser()
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        packed = path.read_bytes()
        content = packed
        if packed.startswith(_GZIP):
            with gzip.open(path) as file:
                content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES or not _is_known(content):
            return None
        text = content.decode("ascii")
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    return packed, text.replace("\r\n", "\n") if "\r" in text else text


def _is_known(content: bytes) -> bool:
    """Whether a file begins like one of the usual headers."""
    head = content[:_LONGEST_HEAD].partition(b"\n")[0].lower()
    dates = head.partition(b",")[0].decode("latin-1")
    return dates in _DATES and all(name.encode() in head for name in _PRICES)


def _roles_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the roles of the columns beside the dates; further columns may stand behind them
    under names that mean nothing else. Empty for any other header.
    """
    lower = tuple(name.lower() for name in names)
    size = next((size for size in (7, 6, 5) if frozenset(lower[1:size]) in _HEADERS), 0)
    if not size or lower[0] not in _DATES or len(set(lower)) < len(lower):
        return ()
    further = names[size:]
    if further:
        from forecasting.sources.files.labels import Label, date_part, read_label
        from forecasting.sources.files.vocabulary import plain

        named = any(read_label((name,)) != Label() or date_part((name,)) for name in further)
        if named or "" in further or "currency" in map(plain, further):
            return ()
    return tuple(name.replace(" ", "_") for name in lower[1:size])


def _time_of(body: str) -> str:
    """Return the form of the time of day behind the first day; "" where there is none."""
    found = _TIME.match(body)
    if found is None:
        return ""
    return rf"{found[1]}\d\d:\d\d" + (r":\d\d" if found[2] else "")


def _cells(body: str, days: str, columns: int, further: int) -> list[tuple[str, ...]] | None:
    """Return the cells of each line, those of further columns as one text; None where a line is
    no day with so many numbers and cells. The body begins with the end of the line above it.
    """
    behind = r",(.*[^,\n])" if further else ""
    line = re.compile(rf"\n({days}){f',({_NUMBER})' * columns}{behind}(?=\n|\Z)")
    cells = line.findall(body) if line.match(body) else []
    if len(cells) < _FEWEST_BARS or len(cells) != body.count("\n") - body.endswith("\n"):
        return None
    if further:
        sound = all(row[-1].count(",") == further - 1 for row in cells)
        if not sound or '"' in body or "\r" in body:
            return None
    return cells


@dataclass(frozen=True)
class _Beside:
    """The columns beside the prices: names, the cells of each row as one text, and the place of
    the first in the file.
    """

    names: Sequence[str]
    rows: Sequence[str]
    first: int

    def cells(self) -> list[tuple[str, ...]]:
        """Return the cells of each column."""
        return list(zip(*(row.split(",") for row in self.rows), strict=True))

    def findings(self) -> tuple[Finding, ...] | None:
        """Tell of the columns; None where a cell looks like a number and is none."""
        if not self.names:
            return ()
        from forecasting.sources.files.columns import counts_rows, unused_columns
        from forecasting.sources.files.grid import sample_rows
        from forecasting.sources.files.numbers import MISSING

        missing = frozenset(MISSING)
        picked = [self.rows[row] for row in sample_rows(len(self.rows))]
        if "".join(picked).translate(_SIGNS):
            return None
        listed = []
        for name, cells in zip(self.names, replace(self, rows=picked).cells(), strict=True):
            filled = list(cells)
            if not missing.isdisjoint(map(str.lower, cells)):
                filled = [cell for cell in cells if cell.lower() not in missing]
            try:
                if filled and not counts_rows(filled):
                    listed.append(name)
            except ValueError:
                return None
        return (unused_columns(listed),) if listed else ()

    def extras(self) -> Extras | None:
        """Return the columns, to be read when one is asked for."""
        if not self.names:
            return None
        from forecasting.sources.files.extras import Extras

        return Extras(tuple(enumerate(self.names, self.first)), self._as_arrays, ".")

    def _as_arrays(self) -> list[Any]:
        import pyarrow as pa

        return [pa.array(cells, pa.string()) for cells in self.cells()]


def _days(cells: Sequence[str]) -> Dates | None:
    """Return days or times as datetime64[us], shape [T]; None where one is not in the calendar."""
    if "/" in cells[0]:
        parts = (cell.split("/") for cell in cells)
        cells = [f"{year}-{month:0>2}-{day:0>2}" for month, day, year in parts]
    try:
        return np.array(cells, "datetime64").astype("datetime64[us]")
    except ValueError:
        return None


def _is_sound(ds: Dates, values: dict[str, Floats], cells: Sequence[Sequence[str]]) -> bool:
    """Whether days go up, prices lie within their bars, and a point marks decimals beyond doubt."""
    low, high = values["low"], values["high"]
    inside = [(low <= values[name]) & (values[name] <= high) for name in ("open", "close")]
    return bool(
        (ds[1:] > ds[:-1]).all()
        and low.min() > 0
        and np.all(inside)
        and all(map(_has_decimal_points, cells))
    )


def _has_decimal_points(cells: Sequence[str]) -> bool:
    """Whether the points of a column cannot be marks of thousands."""
    parts = (cell.partition(".") for cell in cells if "." in cell)
    doubtful = False
    for before, _, after in parts:
        if len(after) != 3 or len(before) > 3:
            return True
        doubtful = True
    return not doubtful
