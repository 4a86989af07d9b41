"""Every kind of plot that a run can be shown as: one dict, so that exports, reports, menus and
tests treat all of them alike.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.charts.plot import Plot
from forecasting.events import Prediction, RunResult
from forecasting.generators import run_to_end

# Qt and pyqtgraph are imported by whoever builds a plot: the list of kinds is read by commands that
# draw nothing.
if TYPE_CHECKING:
    from app.charts.price import PriceChart

#: Past forecasts that one plot shows at most: more would be mere specks.
_FANS = 60
#: Past bars beside the candles of a forecast.
_CANDLE_BARS = 60


@dataclass(frozen=True)
class PlotSpec:
    """All that the program knows of one kind of plot.

    Attributes
    ----------
    title : str
        Its name in menus and over exported pictures.
    build : callable
        Given a finished run and the symbol of one of its series, returns a new plot of it that was
        never shown, or None where the run has nothing of the kind.
    caption : str
        What it shows, in one sentence, over its drawing in a report; "" where a report has no
        drawing of it.
    per_series : bool
        Whether it is of one series rather than of the whole run.
    predict : callable or None
        Builds it from the forecast of a saved network, which was not judged; None where such a
        forecast has nothing of the kind.
    """

    title: str
    build: Callable[[RunResult, str], Plot | None]
    caption: str = ""
    per_series: bool = False
    predict: Callable[[Prediction, str], Plot | None] | None = None


def build(kind: str, result: RunResult | Prediction, symbol: str) -> Plot | None:
    """Return a new plot of a run, never shown; None where there is nothing of the kind, as in
    all but prices of an unjudged forecast.
    """
    with _undisturbed():
        spec = PLOTS[kind]
        if isinstance(result, Prediction):
            plot = spec.predict(result, symbol) if spec.predict else None
        else:
            plot = spec.build(result, symbol)
    if plot is not None and hasattr(plot, "refresh"):
        plot.refresh()  # charts show nothing, and have nothing to say, before they are asked to
    return plot


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Python's cycle collector away: Qt crashes where an earlier plot is freed while an
    item of the next one is half made.
    """
    automatic = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if automatic:
            gc.enable()


def _foreseen(result: RunResult | Prediction, symbol: str) -> PriceChart:
    from app.charts.price import PriceChart

    chart = PriceChart()
    chart.show_series(next(series for series in result.panel if series.symbol == symbol))
    chart.show_forecast(next((item for item in result.forecasts if item.symbol == symbol), None))
    return chart


def _candles(result: RunResult | Prediction, symbol: str) -> Plot | None:
    """Return the last bars and the candles of the forecast; None where none can be made."""
    from forecasting.errors import DataError
    from forecasting.jobs import candles_of

    forecast = next((item for item in result.forecasts if item.symbol == symbol), None)
    series = next(series for series in result.panel if series.symbol == symbol)
    if forecast is None:
        return None
    try:
        made = run_to_end(candles_of(series, forecast))
    except DataError:
        return None
    chart = _foreseen(result, symbol)
    chart.show_candles(made)
    chart.show_range(_CANDLE_BARS)
    return chart


def _price(result: RunResult, symbol: str) -> Plot:
    chart = _foreseen(result, symbol)
    forecast = next((item for item in result.forecasts if item.symbol == symbol), None)
    chart.show_split(result.split)
    chart.show_forecast(
        forecast, next((item for item in result.baseline_forecasts if item.symbol == symbol), None)
    )
    return chart


def _past(result: RunResult, symbol: str) -> Plot | None:
    outcomes = next(iter(result.outcomes.values()), None)
    if outcomes is None or symbol not in outcomes.symbol:
        return None
    from app.charts.price import PriceChart

    chart = PriceChart()
    series = next(series for series in result.panel if series.symbol == symbol)
    chart.show_series(series)
    chart.set_style("line")
    chart.show_split(result.split)
    chart.show_outcomes(outcomes)
    judged = int((series.ds >= outcomes.cutoff.min()).sum()) + outcomes.horizon
    chart.show_range(min(judged, _FANS * outcomes.horizon))
    return chart


def _happened(result: RunResult, symbol: str) -> Plot | None:
    outcomes = next(iter(result.outcomes.values()), None)
    if outcomes is None or symbol not in outcomes.symbol:
        return None
    from app.charts.happened import HappenedChart

    chart = HappenedChart()
    chart.show_outcomes(outcomes.of(symbol))
    return chart


def _loss(result: RunResult, symbol: str) -> Plot | None:
    if not result.history:
        return None
    from app.charts.loss import LossChart

    chart = LossChart()
    chart.show_history(result.history)
    return chart


def _gradient(result: RunResult, symbol: str) -> Plot | None:
    if len(result.history) < 2:
        return None
    from app.charts.gradient import GradientChart

    chart = GradientChart()
    chart.show_history(result.history)
    return chart


def _calibration(result: RunResult, symbol: str) -> Plot | None:
    from app.charts.evaluation import CalibrationChart
    from forecasting.metrics import calibration

    found = {name: item.calibration for name, item in result.profiles.items()}
    found = found or {name: calibration(item) for name, item in result.outcomes.items()}
    if not found:
        return None
    chart = CalibrationChart()
    chart.show_calibration(found)
    return chart


def _by_step(metric: str) -> Callable[[RunResult, str], Plot | None]:
    def build(result: RunResult, symbol: str) -> Plot | None:
        from app.charts.evaluation import StepChart
        from forecasting.metrics import METRICS

        known = METRICS[metric]
        values = {name: item.steps[metric] for name, item in result.profiles.items()}
        values = values or {name: known.compute(item, 0) for name, item in result.outcomes.items()}
        if not any(np.isfinite(item).any() for item in values.values()):
            return None
        chart = StepChart()
        chart.show_metric(
            values, known.unit, None if isinstance(known.better, str) else known.better
        )
        return chart

    return build


def _first_of(
    *makers: Callable[[RunResult, str], Plot | None],
) -> Callable[[RunResult, str], Plot | None]:
    """Return what the first of several can make."""
    return lambda result, symbol: next(
        (plot for make in makers if (plot := make(result, symbol)) is not None), None
    )


def _residuals(result: RunResult, symbol: str) -> Plot | None:
    from app.charts.evaluation import ResidualChart

    outcomes = next(iter(result.outcomes.values()), None)
    if outcomes is None:
        return None
    chart = ResidualChart()
    chart.show_residuals(outcomes)
    return chart


#: Every plot by name, in the order of menus and reports. A new plot is a new entry.
PLOTS: dict[str, PlotSpec] = {
    "price": PlotSpec("Prices and forecast", _price, per_series=True, predict=_foreseen),
    "candles": PlotSpec(
        "The next bars as candles",
        _candles,
        per_series=True,
        predict=_candles,
    ),
    "past": PlotSpec(
        "Past forecasts",
        _past,
        "Forecasts from the test part, end to end, over what then happened.",
        per_series=True,
    ),
    "happened": PlotSpec(
        "What happened",
        _happened,
        "The range forecast as far ahead as possible, and what then happened: dots inside it, "
        "rings outside.",
        per_series=True,
    ),
    "steps": PlotSpec(
        "CRPS by step ahead",
        _first_of(_by_step("crps_bp"), _by_step("crps")),
        "How far off the forecast is, by bars ahead. Lower is better.",
    ),
    "step_coverage": PlotSpec(
        "Coverage of the 80 % band by step ahead",
        _by_step("coverage_80"),
        "How often the 80 % band held, by bars ahead. It should hold in 80 % of all cases.",
    ),
    "calibration": PlotSpec(
        "Stated and realised coverage",
        _calibration,
        "How often each band held beside how often it said it would. On the diagonal it is honest; "
        "below, too narrow. Where the interval crosses the diagonal, the band may be right.",
    ),
    "residuals": PlotSpec(
        "Residuals one bar ahead",
        _residuals,
        "What the forecast missed by one bar ahead, over time. Rings lie outside the 95 % band.",
    ),
    "loss": PlotSpec(
        "Loss by epoch",
        _loss,
        "The loss by epoch. Epoch 0 is the untrained network, which is the baseline.",
    ),
    "gradient": PlotSpec("Gradient norm by epoch", _gradient, "The size of the gradient by epoch."),
}
