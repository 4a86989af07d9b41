"""Small plain files of daily prices, read without pandas and pyarrow: a start would wait for
their import.

What is plain leaves nothing to be found out: commas, the usual English header, days of one form in
order, prices within their ranges, no cell empty. Every other file is read by
:mod:`forecasting.sources.files.reader`, with the same result for those that are plain.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.series import Dates, Floats, PriceSeries, Provenance
from forecasting.sources.files.rows import Rows, SharedReading, name_after, series_of
from forecasting.sources.options import AS_FOUND, ReadOptions

#: Most bytes of a file, unpacked, and fewest bars: beyond these the careful reader is as quick, or
#: has to look twice.
_MOST_BYTES, _FEWEST_BARS = 2 << 20, 30
_GZIP = b"\x1f\x8b"
#: Headers by what stands in them, with roles and lower-case names in the order of the columns.
_PRICES = ("open", "high", "low", "close")
_HEADERS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("date", *_PRICES, *more): (*_PRICES, *(name.replace(" ", "_") for name in more))
    for more in ((), ("volume",), ("adj close",), ("adj close", "volume"))
}
_NUMBER = r"\d{1,15}(?:\.\d{1,12})?"
#: Forms of days by the date format that settles them; the first one needs none.
_DAYS = {
    "": r"(?:19|20)\d\d-\d\d-\d\d",
    "ymd": r"(?:19|20)\d\d-\d\d-\d\d",
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
    text, digest = found
    head, _, body = text.partition("\n")
    roles = _HEADERS.get(tuple(name.strip().lower() for name in head.split(",")))
    if roles is None or not _is_plain(body, days, len(roles)):
        return None
    cells = [line.split(",") for line in body.splitlines()]
    dates, *numbers = zip(*cells, strict=True)
    ds = _days(dates)
    values = {
        role: np.array(column, np.float64) for role, column in zip(roles, numbers, strict=True)
    }
    if ds is None or not _is_sound(ds, values, numbers):
        return None
    none = np.zeros(ds.size, bool)
    rows = Rows(options.symbol or name_after(path), ds, values, none, 0, slice(None))
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    about = Provenance(str(path.expanduser()), "unknown", now, digest)
    series = series_of(rows, SharedReading(ds, "", (), options, about, "", None))
    return None if series is None else (series,)


def _content(path: Path) -> tuple[str, str] | None:
    """Return the text of a small file and the SHA-256 of its bytes; None for any other."""
    path = path.expanduser()
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        packed = path.read_bytes()
        content = packed
        if packed.startswith(_GZIP):
            with gzip.open(path) as file:
                content = file.read(_MOST_BYTES + 1)
        text = content.decode("ascii")
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    if len(text) > _MOST_BYTES:
        return None
    return text.replace("\r\n", "\n"), hashlib.sha256(packed).hexdigest()


def _is_plain(body: str, days: str, columns: int) -> bool:
    """Whether every line is a day and so many numbers."""
    line = re.compile(rf"{days}(?:,{_NUMBER}){{{columns}}}")
    lines = body.splitlines()
    return len(lines) >= _FEWEST_BARS and all(map(line.fullmatch, lines))


def _days(cells: Sequence[str]) -> Dates | None:
    """Return days as datetime64[us], shape [T]; None where one is not in the calendar."""
    if "/" in cells[0]:
        parts = (cell.split("/") for cell in cells)
        cells = [f"{year}-{month:0>2}-{day:0>2}" for month, day, year in parts]
    try:
        return np.array(cells, "datetime64[D]").astype("datetime64[us]")
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
    parts = [cell.partition(".") for cell in cells if "." in cell]
    return not parts or any(len(after) != 3 or len(before) > 3 for before, _, after in parts)
