"""Results as tables for people who read them in a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cli.documents import LEVELS, stamps
from forecasting import metrics

if TYPE_CHECKING:
    from forecasting.events import LearningRatesTried, Verdict
    from forecasting.series import Forecast, Outcomes, Panel, PriceSeries

#: Metrics of the score table with headings that fit a terminal; ``--json`` has every metric.
SHOWN = {
    "crps_bp": "CRPS bp",
    "mae": "MAE",
    "rmse": "RMSE",
    "mase": "MASE",
    "coverage_80": "in 80 %",
    "coverage_95": "in 95 %",
    "directional_accuracy": "up/down %",
}
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


def show_learning_rates(tried: LearningRatesTried) -> None:
    """Print the rates tried, some of them, with the loss beside the baseline's, and the suggestion."""
    out = Console()
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("learning rate", "loss / baseline's"):
        table.add_column(heading, justify="right")
    step = max(1, len(tried.rates) // 20)
    for rate, loss in zip(tried.rates[::step], tried.losses[::step], strict=True):
        table.add_row(f"{rate:.1e}", f"{loss:.4f}")
    out.print(table)
    out.print(f"Suggested: --learning-rate {tried.suggestion:.1e}", markup=False, highlight=False)


def show_forecasts(forecasts: Sequence[Forecast], panel: Panel) -> None:
    """Print the next sessions of each series."""
    out = Console()
    for fcst, series in zip(forecasts, panel, strict=True):
        stamp, form = stamps(series), price_format(fcst.y0)
        title = f"{fcst.symbol}: {fcst.model} from {stamp(fcst.cutoff).removesuffix(' 00:00:00')}, close {form(fcst.y0)}"
        table = _table(title, "Session", [fcst.point_name.capitalize(), *(f"{level} % band" for level in LEVELS)])
        bands = [fcst.band(level) for level in LEVELS]
        for step in range(min(len(fcst), _MOST_ROWS)):
            limits = (f"{form(low[step])} - {form(high[step])}" for low, high in bands)
            table.add_row(stamp(fcst.ds[step]).removesuffix(" 00:00:00"), form(fcst.point[step]), *limits)
        out.print(table)
        if len(fcst) > _MOST_ROWS:
            out.print(f"  and {len(fcst) - _MOST_ROWS:,} more: --json or --export FILE.csv has all of them")


def show_judgement(scores: Mapping[str, Mapping[str, float]], verdict: Verdict, by_step: Mapping[str, Outcomes] | None = None) -> None:
    """Print the scores of the network beside the baselines, those of the network for each bar ahead if wanted, and the verdict in words."""
    out = Console()
    table = _table("Test part", "Model", list(SHOWN.values()))
    for model, values in scores.items():
        table.add_row(escape(model), *(_figure(values[name]) for name in SHOWN))
    out.print(table)
    if by_step:
        _show_steps(out, by_step)
    for sentence in (verdict.sentence, *verdict.notes):
        out.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _show_steps(out: Console, outcomes: Mapping[str, Outcomes]) -> None:
    """Print the network's scores for each bar ahead, and the coverage that each model's bands stated and had."""
    model = next(iter(outcomes))
    scores = metrics.by_step(outcomes[model])
    table = _table(f"{model} by bar ahead", "Bar", list(SHOWN.values()))
    for step in range(min(outcomes[model].horizon, _MOST_ROWS)):
        table.add_row(str(step + 1), *(_figure(scores[name][step]) for name in SHOWN))
    out.print(table)
    if outcomes[model].horizon > _MOST_ROWS:
        out.print(f"  and {outcomes[model].horizon - _MOST_ROWS:,} more: --json has all of them")
    coverage = {name: metrics.calibration(one) for name, one in outcomes.items()}
    table = _table("Outcomes inside the bands, in percent", "Model", [f"{level:g} % band" for level in coverage[model].level])
    for name, found in coverage.items():
        table.add_row(escape(name), *(_figure(share) for share in found.realised))
    out.print(table)


def _figure(value: float) -> str:
    return f"{value:,.4g}" if math.isfinite(value) else "-"


def _table(title: str, first: str, numbers: Sequence[str]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def price_format(typical: float) -> Callable[[float], str]:
    """Return how prices of about this size are written: with some five figures, and at least cents."""
    size = math.floor(math.log10(abs(typical))) if typical and math.isfinite(typical) else 0
    decimals = min(max(4 - size, 2), 10)
    return lambda value: f"{value:,.{decimals}f}"
