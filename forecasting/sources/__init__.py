"""Where prices come from: one registry of sources, each a frozen description with the verb ``load``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.sources.files import FileSource
from forecasting.sources.options import ReadOptions, Request, TickerOptions
from forecasting.sources.samples import SAMPLES, SampleSource

__all__ = ["SAMPLES", "SOURCES", "FileSource", "ReadOptions", "Request", "SampleSource", "Source", "TickerOptions", "source"]


class Source(Protocol):
    """Anything that prices can be loaded from."""

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series, oldest bar first; SourceError where there is none to be had."""
        ...


def _yahoo(ticker: str, _read: ReadOptions, wanted: TickerOptions) -> Source:
    """Return the Yahoo source; its module may use this one, so it is imported late."""
    from forecasting.sources.yahoo import YahooSource

    return YahooSource(ticker, period=wanted.period, interval=wanted.interval, auto_adjust=not wanted.raw)


#: Kind of source, written before the colon of a reference, to the source itself.
SOURCES: dict[str, Callable[[str, ReadOptions, TickerOptions], Source]] = {
    "file": lambda path, read, _ticker: FileSource(path, read),
    "yahoo": _yahoo,
    "sample": lambda name, _read, _ticker: SampleSource(name),
}


def source(reference: str, options: ReadOptions | None = None, ticker: TickerOptions | None = None) -> Source:
    """Return the source that a reference names.

    Parameters
    ----------
    reference : str
        ``yahoo:TICKER``, ``sample:NAME``, or the path of a file.
    options : ReadOptions, optional
        How a file is to be read; other sources need none.
    ticker : TickerOptions, optional
        How much of a ticker is fetched, and in which form.

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
        return SOURCES[kind.lower()](rest.strip(), chosen, ticker or TickerOptions())
    return FileSource(reference, chosen)
