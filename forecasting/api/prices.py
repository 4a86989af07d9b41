"""Prices from wherever they are: files, tickers, samples, data frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from forecasting.api.progress import Progress, finish
from forecasting.checks import check_findings
from forecasting.errors import DataError
from forecasting.events import SeriesLoaded
from forecasting.series import Panel, PriceSeries
from forecasting.sources.options import ReadOptions, TickerOptions


def load_prices(
    *references: str | Path,
    options: ReadOptions | None = None,
    ticker: TickerOptions | None = None,
    refresh: Literal["auto", "always", "never"] = "auto",
    progress: Progress = None,
) -> Panel:
    """Load files, tickers and samples into one panel.

    Parameters
    ----------
    *references : str or Path
        ``path``, ``yahoo:TICKER`` or ``sample:NAME``.
    options : ReadOptions, optional
        How files are read, where that is not to be inferred; calendar and distance of bars of any
        source.
    ticker : TickerOptions, optional
        Period and interval of a ticker.
    refresh : {"auto", "always", "never"}
        Whether tickers in the price cache are brought up to date; ``never`` works offline.
    progress : callable, optional
        ``progress(done, total, message)`` or ``tqdm.tqdm``.

    Raises
    ------
    CandlecastError
        The only reference cannot be loaded, or none of several. Of several, one that fails is a
        warning.
    """
    from forecasting import jobs

    if not references:
        raise DataError("No prices are named.", "Give a file, yahoo:TICKER or sample:NAME.")
    names = [
        str(Path(item).resolve()) if Path(item).is_file() else str(item) for item in references
    ]
    return finish(
        jobs.load(names, options, refresh=refresh, ticker=ticker), SeriesLoaded, progress
    ).panel


def panel_of(
    data: Any, options: ReadOptions | None = None, *, accept_findings: bool = True
) -> Panel:
    """Return a panel of anything that holds or names prices.

    Parameters
    ----------
    data : DataFrame, PriceSeries, Panel, str, Path, or a sequence of series or references
    options : ReadOptions, optional
        How frames and files are read.
    accept_findings : bool
        Go on with data that has errors.

    Raises
    ------
    CandlecastError
        No prices in it, or errors that are not accepted.
    """
    panel = _read(data, options)
    if not accept_findings:
        check_findings(
            panel, "Look at series.findings. accept_findings=True goes on with the data as it is."
        )
    return panel


def _read(data: Any, options: ReadOptions | None) -> Panel:
    if isinstance(data, Panel):
        return data
    if isinstance(data, PriceSeries):
        return Panel((data,))
    if isinstance(data, str | Path):
        return load_prices(data, options=options)
    if isinstance(data, Sequence) and data and all(isinstance(item, PriceSeries) for item in data):
        return Panel(tuple(data))
    if isinstance(data, Sequence) and data and all(isinstance(item, str | Path) for item in data):
        return load_prices(*data, options=options)
    return Panel.from_frame(data, options)
