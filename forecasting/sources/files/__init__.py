"""Any price file: what is in it is read, what was understood is said, and the rest is refused
clearly.

The stages, in order: ``opening`` (limits, packing, kind), ``text`` or ``tables`` (cells), ``grid``
(header and data), ``labels`` and ``roles`` (which column is what), ``dates``, ``serials`` and
``numbers`` (what cells mean), ``convert`` (marks, zones), ``assemble`` (bars in order, one series a
symbol). ``swift`` is the short cut for large plain CSV files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forecasting.series import PriceSeries
from forecasting.sources.files.assign_columns import ROLES, ColumnReading
from forecasting.sources.files.reader import read, understand
from forecasting.sources.files.report import Reading
from forecasting.sources.options import AS_FOUND, ReadOptions, TickerOptions

__all__ = ["ROLES", "ColumnReading", "FileSource", "Reading", "read", "understand"]


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
