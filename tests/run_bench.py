"""Runs that end in a window without having been trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from test_runs import LEVELS, result
from window_bench import idle

from app.window.workbench import Workbench
from forecasting.events import RunFinished
from forecasting.series import Forecast, Outcomes, PriceSeries


def tested(series: PriceSeries, model: str, horizon: int, wide: float) -> Outcomes:
    """Forecast "no change" from the last bars of a series, and look what happened."""
    bars = np.arange(len(series) - 10 - horizon, len(series) - horizon)
    ahead = bars[:, None] + np.arange(1, horizon + 1)
    values = (
        series.y[bars][:, None, None]
        + wide * np.linspace(-1, 1, len(LEVELS)) * np.arange(1, horizon + 1)[:, None]
    )
    symbol, ones = np.full(bars.size, series.symbol), np.ones(bars.size)
    return Outcomes(
        model,
        symbol,
        series.ds[bars],
        series.ds[ahead],
        series.y[bars],
        series.y[ahead],
        LEVELS,
        values,
        ones,
        ones,
    )


def finished(bench: Workbench, horizon: int = 4, seed: int = 0, skill: float = 0.02) -> None:
    """Let a run on the checked series end, and wait until it is kept."""
    made, panel = result(horizon, seed, skill), bench.session.panel
    assert panel is not None
    series = panel[0]

    def moved(item: Forecast) -> Forecast:
        return Forecast(
            series.symbol,
            item.model,
            series.ds[-1],
            float(series.y[-1]),
            series.ds[-1] + (item.ds - item.cutoff),
            item.quantiles,
            item.values,
        )

    split = replace(made.split, val_start=series.ds[40], test_start=series.ds[50])
    forecasts, baselines = (
        tuple(map(moved, made.forecasts)),
        tuple(map(moved, made.baseline_forecasts)),
    )
    made = replace(
        made, panel=panel, split=split, forecasts=forecasts, baseline_forecasts=baselines
    )
    made = replace(
        made,
        outcomes={
            model: tested(series, model, horizon, wide)
            for model, wide in (("GRU", 0.5), ("random walk", 0.7))
        },
    )
    bench.session._keep(RunFinished(made, None))  # type: ignore[arg-type]
    bench.session.event_received.emit(bench.session.finished)
    idle(bench)
    bench.session.unsaved = False
    bench.running.show_run()
