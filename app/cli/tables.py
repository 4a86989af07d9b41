"""Results as tables for people who read them in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cli.documents import LEVELS, stamps

if TYPE_CHECKING:
    from forecasting.events import Verdict
    from forecasting.series import Forecast, Panel, PriceSeries

#: Metrics of the score table; ``--json`` has them all.
SHOWN = ("crps_bp", "mae", "rmse", "mase", "coverage_80", "coverage_95", "directional_accuracy")
_MOST_ROWS = 40


def show_series(series: PriceSeries) -> None:
    """Print what a series holds, and its findings."""
    out, stamp = Console(), stamps(series)
    form = price_format(float(series.y[-1]))
    facts = Table(title=escape(series.symbol), title_justify="left", show_header=False, box=None)
    rows = {
        "Bars": f"{len(series):,}",
        "From": f"{stamp(series.ds[0])}, close {form(series.y[0])}",
        "To": f"{stamp(series.ds[-1])}, close {form(series.y[-1])}",
        "Columns": ", ".join(series.columns),
        "Frequency": series.freq or "irregular",
        "Time zone": series.tz or "unknown",
        "Calendar": series.calendar,
        "Prices": series.provenance.adjusted,
        "Source": series.provenance.source,
    }
    for name, value in rows.items():
        facts.add_row(name, escape(value))
    out.print(facts)
    for finding in series.findings:
        out.print(f"  {finding.severity}: {finding.message} ({finding.action})", markup=False)
    if not series.findings:
        out.print("  No findings.")


def show_forecasts(forecasts: Sequence[Forecast], panel: Panel) -> None:
    """Print the next sessions of each series."""
    out = Console()
    for fcst, series in zip(forecasts, panel, strict=True):
        stamp, form = stamps(series), price_format(fcst.y0)
        title = f"{fcst.symbol}: {fcst.model} from {stamp(fcst.cutoff).removesuffix(' 00:00:00')}, close {form(fcst.y0)}"
        table = Table("Session", "Median", *(f"{level} % band" for level in LEVELS), title=escape(title), title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        bands = [fcst.band(level) for level in LEVELS]
        for step in range(min(len(fcst), _MOST_ROWS)):
            limits = (f"{form(low[step])} - {form(high[step])}" for low, high in bands)
            table.add_row(stamp(fcst.ds[step]).removesuffix(" 00:00:00"), form(fcst.median[step]), *limits)
        out.print(table)
        if len(fcst) > _MOST_ROWS:
            out.print(f"  and {len(fcst) - _MOST_ROWS:,} more: --json or --export FILE.csv has all of them")


def show_judgement(scores: Mapping[str, Mapping[str, float]], verdict: Verdict) -> None:
    """Print the scores of the network beside the baselines, and the verdict in words."""
    from forecasting.metrics import METRICS

    out = Console()
    names = [name for name in SHOWN if name in METRICS]
    table = Table("Model", *(_heading(METRICS[name].label, METRICS[name].unit) for name in names), title="Test part", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for model, values in scores.items():
        table.add_row(escape(model), *(f"{values[name]:,.4g}" if math.isfinite(values[name]) else "-" for name in names))
    out.print(table)
    for sentence in (verdict.sentence, *verdict.notes):
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _heading(label: str, unit: str) -> str:
    return label if unit in ("", "price") or unit in label else f"{label} ({unit})"


def price_format(typical: float) -> Callable[[float], str]:
    """Return how prices of about this size are written: with some five figures, and at least cents."""
    size = math.floor(math.log10(abs(typical))) if typical and math.isfinite(typical) else 0
    decimals = min(max(4 - size, 2), 10)
    return lambda value: f"{value:,.{decimals}f}"
