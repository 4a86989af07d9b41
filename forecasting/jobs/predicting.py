"""The next sessions, as a network sees them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from forecasting.checks import living, long_enough
from forecasting.config import QUANTILES
from forecasting.errors import DataError
from forecasting.events import ForecastMade, Notice, Predictor, Progress, mean_of
from forecasting.jobs.job import Job
from forecasting.jobs.preparing import told, told_ended
from forecasting.series import Forecast, Origins, Panel, Point


def predict(panel: Panel, model_file: str | Path, device: str = "auto") -> Job:
    """Forecast the real future with a saved model, without training.

    Yields
    ------
    LeftOut, Notice, ForecastMade
        Of series that are too short for the network or ended before the others there is no forecast.

    Raises
    ------
    DataError
        Bars of another distance than the network learned, or values for which its target has no meaning.
    ModelFileError
        The file is damaged, foreign, or of a newer version.
    """
    yield Progress(0, 0, "Preparing the engine")
    from forecasting.training import Forecaster

    forecaster = Forecaster.load(model_file, device)
    task = forecaster.config.task
    panel, short = long_enough(panel, task.input_size)
    yield from told(short, "Load more of its history, or use a network with a shorter lookback.")
    yield from (Notice(note) for note in forecaster.checked(panel))
    known = forecaster.scaling.symbols
    strange = [symbol for symbol in panel.symbols if symbol not in known] if known else []
    if strange:
        yield Notice(
            f"The network was not trained on {', '.join(strange[:5])}{' ...' * (len(strange) > 5)}: taken for the mean of its series."
        )
    yield from told_ended(panel)
    yield ForecastMade(future(forecaster.calibrated(panel), panel, task.horizon, task.point), epoch=0, final=True)


def future(predictor: Predictor, panel: Panel, horizon: int, point: Point = "median") -> tuple[Forecast, ...]:
    """Forecast the next ``horizon`` sessions of each series from its last bar; with their means where ``point`` is the mean.

    Series that ended before the others are passed over.
    """
    from forecasting.calendars import future_sessions
    from forecasting.training import forecasts_from

    current = living(panel)
    places = [place for place, series in enumerate(panel) if series.symbol in current.symbols]
    last = Origins.last(panel).take(np.array(places))
    values = predictor.predict(panel, last, QUANTILES)
    means = mean_of(predictor, panel, last) if point == "mean" else None
    symbol = next((one for one, value in zip(current.symbols, values.sum(axis=(1, 2)), strict=True) if not math.isfinite(value)), "")
    if symbol:
        raise DataError(f"The forecast of {symbol} by {predictor.name} is no number.", "Check its prices, or train another network.")
    return forecasts_from(values, predictor.name, current, [future_sessions(s, horizon) for s in current], QUANTILES, means)
