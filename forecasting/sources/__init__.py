"""Where prices come from: files, tickers and samples, each a frozen description with the verb
``load``.
"""

from __future__ import annotations

from typing import Protocol

from forecasting.errors import SourceError
from forecasting.series import PriceSeries
from forecasting.source_registry import examples, split_reference
from forecasting.sources.options import ReadOptions, Request, TickerOptions
from forecasting.sources.samples import SAMPLES, SampleSource

__all__ = [
    "SAMPLES",
    "ReadOptions",
    "Request",
    "SampleSource",
    "TickerOptions",
    "source",
]


class Source(Protocol):
    """Anything that prices can be loaded from."""

    def load(self) -> tuple[PriceSeries, ...]:
        """Return the series, oldest bar first; SourceError where there is none to be had."""
        ...


def source(
    reference: str, options: ReadOptions | None = None, ticker: TickerOptions | None = None
) -> Source:
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
        raise SourceError("No source is named.", f"Give {examples()}.")
    if reference.partition(":")[2].startswith("//"):
        raise SourceError(
            f"{reference} is an address; only files on this computer are opened.",
            "Download it first, then open the file.",
        )
    spec, name = split_reference(reference)
    opened: Source = spec.load_opener()(name, options or ReadOptions(), ticker or TickerOptions())
    return opened
