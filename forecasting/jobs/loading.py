"""Files, tickers and samples become a panel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forecasting.errors import CandlecastError, DataError, is_text
from forecasting.events import Notice, NotLoaded, Progress, SeriesLoaded, TickersHeld
from forecasting.jobs.job import Job, never
from forecasting.series import Panel, PriceSeries
from forecasting.source_registry import examples

if TYPE_CHECKING:
    from forecasting.sources import ReadOptions, Request, TickerOptions


def load(
    references: Sequence[str | Request],
    options: ReadOptions | None = None,
    should_stop: Callable[[], bool] = never,
    refresh: Literal["auto", "always", "never"] = "auto",
    ticker: TickerOptions | None = None,
) -> Job:
    """Load files, tickers and samples into one panel.

    Parameters
    ----------
    references : sequence of str or Request
        ``path``, ``yahoo:TICKER`` or ``sample:NAME``; several make a panel. A request carries
        options of its own.
    options : ReadOptions, optional
        How files are to be read, where the reader's own reading is not wanted; calendar and
        distance of bars of any source.
    should_stop : callable
        Polled between references; once true the panel holds what was loaded so far.
    refresh : str
        Whether tickers held in the price cache are brought up to date: ``auto`` (when they are
        old), ``always`` or ``never`` (work offline).
    ticker : TickerOptions, optional
        How much of a ticker is fetched, and in which form.

    Yields
    ------
    Progress, NotLoaded, SeriesLoaded
        Of several references one that fails costs a :class:`NotLoaded`, not the others. The panel
        comes as soon as it is read, and a second time where its dates, compared with the sessions
        of all exchanges, tell its exchange, or show gaps.

    Raises
    ------
    CandlecastError
        The only reference cannot be loaded, or none of several.
    """
    from forecasting.sources.quality import with_session_gaps
    from forecasting.sources.trading_hours import with_exchange

    wanted = _requests(references, options, ticker)
    found: list[PriceSeries] = []
    indices: list[int] = []
    refusals: list[CandlecastError] = []
    for index, request in enumerate(wanted):
        if should_stop():
            break
        yield Progress(index, len(wanted), f"Loading {request.reference}")
        try:
            series = _series_of(request, refresh, {item.symbol for item in found})
        except CandlecastError as error:
            refusals.append(error)
            if len(wanted) > 1:
                suggestions = getattr(error, "suggestions", ())
                yield NotLoaded(
                    error.message,
                    error.hint,
                    index,
                    suggestions=suggestions,
                    remedies=error.remedies,
                )
            continue
        found.extend(series)
        indices.extend([index] * len(series))
    if refusals and not found:
        raise refusals[0]
    yield SeriesLoaded(Panel(tuple(found)), tuple(indices))
    yield Progress(len(wanted), len(wanted), "Comparing with the exchange's sessions")
    compared = tuple(
        with_session_gaps(with_exchange(item, wanted[index].read))
        for item, index in zip(found, indices, strict=True)
    )
    if any(new is not old for new, old in zip(compared, found, strict=True)):
        yield SeriesLoaded(Panel(compared), tuple(indices))


def _requests(
    references: Sequence[str | Request], options: ReadOptions | None, ticker: TickerOptions | None
) -> list[Request]:
    """Return what is asked for; a name that cannot be one is refused before anything is read."""
    from forecasting.sources.options import AS_FOUND, LONGEST_REFERENCE, USUAL, Request

    for item in references:
        if isinstance(item, str) and not 0 < len(item) <= LONGEST_REFERENCE:
            raise DataError(
                f"A source is named with {len(item):,} letters: {item[:60]!r}.",
                f"Give {examples()}.",
            )
        if isinstance(item, str) and not is_text(item):
            raise DataError(f"The name {item} is no text of this system.", "Rename the file.")
    usual = {"read": options or AS_FOUND, "ticker": ticker or USUAL}
    return [
        item if isinstance(item, Request) else Request(reference=item, **usual)
        for item in references
    ]


def _series_of(
    request: Request, refresh: Literal["auto", "always", "never"], taken: Collection[str]
) -> tuple[PriceSeries, ...]:
    """Load one reference in the shape that is wanted; a name that another series has already is
    refused.
    """
    from forecasting import store
    from forecasting.sources import source
    from forecasting.sources.resample import shaped
    from forecasting.sources.unfinished_bar import without_running_bar

    loaded = store.load(source(request.reference, request.read, request.ticker), refresh)
    series = tuple(without_running_bar(shaped(item, request.read)) for item in loaded)
    double = next((item.symbol for item in series if item.symbol in taken), "")
    if double:
        raise DataError(
            f"{request.reference}: a series called {double} is there already.",
            "Load each symbol once, or give this one a name.",
        )
    return series


def understand(path: str | Path, options: ReadOptions | None = None) -> Job:
    """Tell how a file is read, or why it cannot be, without loading it; quick for files of any
    size.

    Yields
    ------
    FileUnderstood
    """
    from forecasting.sources.files.preview import preview

    yield preview(path, options)


def cached_tickers() -> Job:
    """Tell which tickers the price cache holds; none where there is no cache.

    Yields
    ------
    TickersHeld
    """
    from forecasting.store import PriceStore, store_path

    if not store_path().is_file():
        yield TickersHeld(())
        return
    with PriceStore() as store:
        yield TickersHeld(tuple(dict.fromkeys(item.symbol for item in store.held())))
        yield from (Notice(finding.message) for finding in store.findings)
