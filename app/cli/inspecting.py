"""``candlecast inspect``: how a source is understood, and what it holds beside prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import AsJson, BaseRate, Refresh, Sources
from app.cli.flags import flagged, joined_sources
from app.cli.loading import load
from app.cli.terminal import show
from forecasting.config import InputConfig
from forecasting.exog import quoted
from forecasting.sources.options import ReadOptions, TickerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forecasting.series import ExogColumn, PriceSeries

#: Most columns that are listed in a terminal.
_MOST_LISTED = 60

InputFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--inputs",
        metavar="SOURCE",
        help="List the columns of this file, ticker or sample too, as they would be joined. "
        "Repeatable.",
    ),
]


@flagged(ReadOptions, TickerOptions)
def inspect(
    sources: Sources,
    inputs: InputFiles = None,
    base_rate: BaseRate = False,
    as_json: AsJson = False,
    refresh: Refresh = None,
    **settings: Any,
) -> None:
    """Say how a source is understood, what is noticeable in its data, and which of its columns
    may be inputs.
    """
    from forecasting.base_rates import rise_rate

    loaded = load(sources, settings, refresh)
    joined = InputConfig(exog_sources=joined_sources(inputs or []))
    columns = {series.symbol: _columns(series, joined) for series in loaded.panel}
    if as_json:
        from app.cli import documents

        found = []
        for series in loaded.panel:
            item = documents.inspection(series, loaded.refused)
            item["inputs"] = [
                documents.candidate(column, series) for column in columns[series.symbol].values()
            ]
            if base_rate:
                item["base_rate"] = documents.base_rate(rise_rate((series,), 1))
            found.append(item)
        show(documents.to_json(found if len(found) > 1 else found[0]))
        return
    from app.cli.tables import show_series

    for series in loaded.panel:
        show_series(series)
        _show_columns(series, columns[series.symbol])
        if base_rate:
            show(f"  {rise_rate((series,), 1).sentence}")


def _columns(series: PriceSeries, inputs: InputConfig) -> Mapping[str, ExogColumn]:
    """Return the columns that may be inputs of a series, by name."""
    from forecasting.jobs.exog import candidates_of

    return candidates_of(series, inputs)


def _show_columns(series: PriceSeries, columns: Mapping[str, ExogColumn]) -> None:
    """Print the columns that may be inputs, and how each is chosen."""
    from app.cli.documents import candidate

    if not columns:
        return
    show("  May be inputs (--input NAME, --ahead NAME, --static NAME):")
    for name, column in list(columns.items())[:_MOST_LISTED]:
        item = candidate(column, series)
        span = f"{str(item['first_ds'])[:10]} to {str(item['last_ds'])[:10]}"
        count = item["values"]
        parts = [f"{count:,} value{'' if count == 1 else 's'}"]
        if item["first_ds"]:
            parts.append(span)
        if item["missing"]:
            parts.append(f"{item['missing']:.0%} missing")
        if item["ahead"]:
            parts.append(f"{item['ahead']:,} after the last bar")
        if item["labels"]:
            parts.append(", ".join(item["labels"][:5]))
        show(f"    {quoted(name)}: {item['form']}, {', '.join(parts)}")
    if len(columns) > _MOST_LISTED:
        show(f"    and {len(columns) - _MOST_LISTED:,} more: --json has all of them")
