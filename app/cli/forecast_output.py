"""What ``forecast`` prints: forecasts, scores and verdict, and what was asked for beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.cli.explaining import ablation_document, show_ablation, show_explanation
from app.cli.explaining import document as explanation_document
from app.cli.terminal import show
from forecasting.base_rates import rise_rate
from forecasting.checks import ended

if TYPE_CHECKING:
    from app.cli.documents import Document
    from app.cli.loading import Loaded
    from forecasting.attribution import Ablated, Explanation
    from forecasting.events import RunResult
    from forecasting.series import Forecast, PriceSeries


@dataclass(frozen=True)
class Details:
    """What is shown beside a forecast.

    Attributes
    ----------
    target : str
        What is forecast: ``close``, or another column.
    by_step : bool
    base_rate : bool
    explained : mapping of str to Explanation
        By symbol; empty where it was not asked for.
    ablated : Ablated, optional
    """

    target: str = "close"
    by_step: bool = False
    base_rate: bool = False
    explained: Mapping[str, Explanation] = field(default_factory=dict)
    ablated: Ablated | None = None


def show_made(
    forecasts: Sequence[Forecast],
    loaded: Loaded,
    result: RunResult | None,
    as_json: bool,
    details: Details,
) -> None:
    """Print forecasts, as text or as one document; ``result`` has the judgement on a training."""
    panel = {series.symbol: series for series in loaded.panel}
    left_out = {**loaded.left_out, **ended(loaded.panel)}
    if as_json:
        from app.cli import documents

        series = [panel[item.symbol] for item in forecasts]
        made = documents.forecasts(forecasts, series, result, loaded.refused, details.by_step)
        found = [
            item
            | {"left_out": documents.left_out(left_out)}
            | _beside(item, panel[item["symbol"]], details)
            for item in made
        ]
        show(documents.to_json(found if len(found) > 1 else found[0]))
        return
    from app.cli.tables import show_findings, show_forecasts, show_judgement, show_left_out

    show_findings(loaded.panel)
    show_forecasts(forecasts, [panel[item.symbol] for item in forecasts], details.target)
    show_left_out(left_out)
    for symbol, why in details.explained.items():
        show_explanation(why, panel[symbol])
    if details.ablated is not None:
        show_ablation(details.ablated)
    for fcst in forecasts if details.base_rate else ():
        show(f"{fcst.symbol}: {rise_rate((panel[fcst.symbol],), len(fcst)).sentence}")
    if result is not None:
        from forecasting.metrics import profile

        levels = next(iter(result.outcomes.values())).scored_levels
        steps = {name: profile(item) for name, item in result.outcomes.items()}
        show_judgement(result.scores, result.verdict, steps if details.by_step else None, levels)


def _beside(item: Document, series: PriceSeries, details: Details) -> Document:
    """Return what was asked for beside the forecast of a series."""
    from app.cli.documents import base_rate

    found: Document = {}
    if details.explained:
        why = details.explained.get(series.symbol)
        found["explanation"] = why and explanation_document(why, series)
    if details.ablated is not None:
        found["ablation"] = ablation_document(details.ablated)
    if details.base_rate:
        found["base_rate"] = base_rate(rise_rate((series,), len(item["forecast"])))
    return found
