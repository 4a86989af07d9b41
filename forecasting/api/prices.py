"""Prices from wherever they are: files, tickers, samples, data frames."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from forecasting.api.progress import CandlecastWarning, Progress, finish
from forecasting.checks import check_findings
from forecasting.config import validated
from forecasting.errors import ConfigError, DataError
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
        jobs.load(names, read_options(options), refresh=refresh, ticker=ticker),
        SeriesLoaded,
        progress,
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

    Warns
    -----
    CandlecastWarning
        For each kind of finding that is more than information.
    """
    panel = _read(data, options)
    if not accept_findings:
        check_findings(
            panel, "Look at series.findings. accept_findings=True goes on with the data as it is."
        )
    _warn(panel)
    return panel


def read_options(options: Any) -> ReadOptions | None:
    """Return how prices are read, also from a mapping.

    Raises
    ------
    ConfigError
        No such option, or a value that it does not take.
    """
    if options is None or isinstance(options, ReadOptions):
        return options
    if isinstance(options, Mapping):
        return validated(ReadOptions, dict(options))
    raise ConfigError(
        f"options = {options!r}: these are no options.",
        'Write options=ReadOptions(trading_calendar="XNYS").',
    )


def _warn(panel: Panel) -> None:
    """Warn of what was dropped, left unused or is odd in the data, once a kind of finding."""
    texts: dict[str, tuple[str, int]] = {}
    for series in panel:
        for finding in series.findings:
            if finding.severity != "info" or finding.code == "columns_unused":
                first, count = texts.get(finding.code, (f"{series.symbol}: {finding.message}", 0))
                texts[finding.code] = first, count + 1
    for message, count in texts.values():
        more = f" The same kind of finding in {count - 1:,} more series." if count > 1 else ""
        warnings.warn(f"{message}{more}", CandlecastWarning, stacklevel=4)


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
