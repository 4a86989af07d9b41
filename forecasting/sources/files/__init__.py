"""Any price file: what is in it is read, what was understood is said, and the rest is refused
clearly.

The stages, in order: ``opening`` (limits, packing, kind), ``text`` or ``tables`` (cells), ``grid``
(header and data), ``labels`` and ``roles`` (which column is what), ``dates``, ``serials`` and
``numbers`` (what cells mean), ``convert`` (marks, zones), ``build_series`` (one series a symbol),
``rows`` (bars in order). ``fast_csv`` is the short cut for large plain CSV files, ``plain_csv`` the
one for small files that leave nothing to be found out; the stages are imported where it does not
serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.lazy import from_modules
from forecasting.series import PriceSeries
from forecasting.sources.files.plain_csv import read_plain
from forecasting.sources.options import AS_FOUND, ReadOptions, TickerOptions

if TYPE_CHECKING:
    from forecasting.sources.files.columns import ROLES
    from forecasting.sources.files.reader import understand
    from forecasting.sources.files.report import Reading


__all__ = ["ROLES", "FileSource", "Reading", "read", "understand"]

__getattr__ = from_modules(
    __name__,
    {
        "columns": "ROLES",
        "reader": "understand",
        "report": "Reading",
    },
)


def read(path: str | Path, options: ReadOptions | None = None) -> tuple[PriceSeries, ...]:
    """Read all series of a file; as :func:`forecasting.sources.files.reader.read`, to which every
    file goes that is not plain.
    """
    options = options or AS_FOUND
    plain = read_plain(Path(path), options)
    if plain is not None:
        return plain
    from forecasting.sources.files import reader

    return reader.read(path, options)


@dataclass(frozen=True)
class FileSource:
    """A file on this computer; its verb is :meth:`load`."""

    path: str
    options: ReadOptions = AS_FOUND

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series of the file; SourceError where it cannot be read."""
        return read(Path(self.path), self.options)


def from_request(path: str, read: ReadOptions, _wanted: TickerOptions) -> FileSource:
    """Return the source of a file."""
    return FileSource(path, read)
