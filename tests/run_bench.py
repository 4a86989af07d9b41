"""Runs that end in a window without having been trained."""

from __future__ import annotations

from dataclasses import replace

from test_runs import result
from window_bench import idle

from app.window.workbench import Workbench
from forecasting.events import RunFinished
from forecasting.series import Forecast


def finished(bench: Workbench, horizon: int = 4, seed: int = 0, skill: float = 0.02) -> None:
    """Let a run on the checked series end, and wait until it is kept."""
    made, panel = result(horizon, seed, skill), bench.session.panel
    assert panel is not None
    series = panel[0]

    def moved(one: Forecast) -> Forecast:
        return Forecast(
            series.symbol, one.model, series.ds[-1], float(series.y[-1]), series.ds[-1] + (one.ds - one.cutoff), one.quantiles, one.values
        )

    split = replace(made.split, val_start=series.ds[40], test_start=series.ds[50])
    forecasts, baselines = tuple(map(moved, made.forecasts)), tuple(map(moved, made.baseline_forecasts))
    made = replace(made, panel=panel, split=split, forecasts=forecasts, baseline_forecasts=baselines)
    bench.session._keep(RunFinished(made, None))  # type: ignore[arg-type]
    bench.session.delivered.emit(bench.session.finished)
    idle(bench)
    bench.session.unsaved = False
    bench.running.show_run()
