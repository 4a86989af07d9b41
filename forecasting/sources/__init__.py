"""Where prices come from: one registry of sources, each a frozen description with the verb ``load``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources.files import FileSource
from forecasting.sources.options import ReadOptions
from forecasting.sources.samples import SAMPLES, SampleSource

__all__ = ["SAMPLES", "SOURCES", "FileSource", "ReadOptions", "SampleSource", "Source", "source"]


class Source(Protocol):
    """Anything that prices can be loaded from."""

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series, oldest bar first; SourceError where there is none to be had."""
        ...


def _yahoo(ticker: str, _options: ReadOptions) -> Source:
    """Return the Yahoo source; its module may use this one, so it is imported late."""
    from forecasting.sources.yahoo import YahooSource

    return YahooSource(ticker)


#: Kind of source, written before the colon of a reference, to the source itself.
SOURCES: dict[str, Callable[[str, ReadOptions], Source]] = {
    "file": FileSource,
    "yahoo": _yahoo,
    "sample": lambda name, _options: SampleSource(name),
}


def source(reference: str, options: ReadOptions | None = None) -> Source:
    """Return the source that a reference names.

    Parameters
    ----------
    reference : str
        ``yahoo:TICKER``, ``sample:NAME``, or the path of a file.
    options : ReadOptions, optional
        How a file is to be read; other sources need none.

    Raises
    ------
    SourceError
        An empty reference, or an address: only local files are opened.
    """
    reference = reference.strip()
    if not reference:
        raise SourceError("No source is named.", "Give a file, yahoo:TICKER or sample:NAME.")
    kind, colon, rest = reference.partition(":")
    if rest.startswith("//"):
        raise SourceError(f"{reference} is an address; only files on this computer are opened.", "Download it first, then open the file.")
    chosen = options or ReadOptions()
    if colon and kind.lower() in SOURCES:
        return SOURCES[kind.lower()](rest.strip(), chosen)
    return FileSource(reference, chosen)
