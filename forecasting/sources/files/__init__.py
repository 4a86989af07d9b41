"""Any price file: what is in it is read, what was understood is said, and the rest is refused clearly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forecasting.series import PriceSeries
from forecasting.sources.files.first import read
from forecasting.sources.options import ReadOptions


@dataclass(frozen=True)
class FileSource:
    """A file on this computer; its verb is :meth:`load`."""

    path: str
    options: ReadOptions = ReadOptions()

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series of the file; SourceError where it cannot be read."""
        return read(Path(self.path), self.options)
