"""The next sessions, as a network sees them."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecasting.checks import drop_short_series, living
from forecasting.config import QUANTILES
from forecasting.errors import DataError
from forecasting.events import Event, ForecastMade, Notice, Predictor, Progress, mean_of
from forecasting.jobs.exog import check_horizon, with_inputs
from forecasting.jobs.job import Job
from forecasting.jobs.preparing import told, told_ended
from forecasting.jobs.targets import with_target
from forecasting.memory import check_memory
from forecasting.series import Floats, Forecast, Origins, Panel, Point

if TYPE_CHECKING:
    from forecasting.training import TrainedNetwork

#: Levels that differ by less are the same.
_SAME = 1e-9


def predict(
    panel: Panel,
    model: str | Path | TrainedNetwork,
    device: str = "auto",
    *,
    quantiles: Sequence[float] = (),
    calibrated: bool = True,
    exog_sources: str = "",
) -> Job:
    """Forecast the real future with a trained network, without training.

    Parameters
    ----------
    panel : Panel
    model : str, Path or TrainedNetwork
        A model file, or what was read from one.
    device : str
        Where a model file is computed.
    quantiles : sequence of float
        Levels that are wanted beside those that every forecast carries.
    calibrated : bool
        Whether bands learn from their own past misses.
    exog_sources : str
        Files of inputs, as of the setting of that name, instead of those that the model was trained
        with.

    Yields
    ------
    LeftOut, Notice, ForecastMade
        Of series that are too short for the network or ended before the others there is no
        forecast.

    Raises
    ------
    DataError
        Bars of another distance than the network learned, or values for which its target has no
        meaning.
    ModelFileError
        The file is damaged, foreign, or of a newer version.
    """
    yield Progress(0, 0, "Preparing the engine")
    forecaster, panel = yield from load_network(panel, model, device, exog_sources)
    task = forecaster.config.task
    yield from told_ended(panel)
    check_horizon(living(panel), forecaster.config.inputs, task.horizon)
    predictor = forecaster.calibrated(panel) if calibrated else forecaster
    yield ForecastMade(
        future(predictor, panel, task.horizon, task.point, quantiles), epoch=0, final=True
    )


def load_network(
    panel: Panel,
    model: str | Path | TrainedNetwork,
    device: str = "auto",
    exog_sources: str = "",
) -> Generator[Event, None, tuple[TrainedNetwork, Panel]]:
    """Read a trained network, and leave out the series that it cannot forecast.

    Parameters, events and errors are those of :func:`predict`.
    """
    check_memory()
    from forecasting.training import TrainedNetwork

    forecaster = model if isinstance(model, TrainedNetwork) else TrainedNetwork.load(model, device)
    task = forecaster.config.task
    inputs = forecaster.config.inputs
    if exog_sources:
        inputs = inputs.model_copy(update={"exog_sources": exog_sources})
    loaded = panel
    panel = with_target(panel, task.target_column, inputs)
    panel = with_inputs(panel, inputs, loaded)
    panel, short = drop_short_series(panel, task.input_size)
    yield from told(short, "Load more of its history, or use a network with a shorter lookback.")
    yield from (Notice(note) for note in forecaster.checked(panel))
    known = forecaster.scaling.symbols
    strange = [symbol for symbol in panel.symbols if symbol not in known] if known else []
    if strange:
        yield Notice(
            "The network was not trained on "
            f"{', '.join(strange[:5])}{' ...' * (len(strange) > 5)}: taken for the mean of its "
            "series."
        )
    return forecaster, panel


def future(
    predictor: Predictor,
    panel: Panel,
    horizon: int,
    point: Point = "median",
    more: Sequence[float] = (),
) -> tuple[Forecast, ...]:
    """Forecast the next ``horizon`` sessions of each series from its last bar; with their means
    where ``point`` is the mean.

    Series that ended before the others are passed over. Levels in ``more`` do not change the values
    at :data:`QUANTILES`.
    """
    from forecasting.calendars import future_sessions
    from forecasting.training import forecasts_from

    current = living(panel)
    symbols = set(current.symbols)
    indices = [index for index, series in enumerate(panel) if series.symbol in symbols]
    last = Origins.last(panel).take(np.array(indices))
    values, levels = predictor.predict(panel, last, QUANTILES), QUANTILES
    means = mean_of(predictor, panel, last) if point == "mean" else None
    symbol = next(
        (
            item
            for item, value in zip(current.symbols, values.sum(axis=(1, 2)), strict=True)
            if not math.isfinite(value)
        ),
        "",
    )
    if symbol:
        raise DataError(
            f"The forecast of {symbol} by {predictor.name} is no number.",
            "Check its prices, or train another network.",
        )
    if others := tuple(q for q in more if not any(abs(q - have) < _SAME for have in QUANTILES)):
        levels = tuple(sorted({*QUANTILES, *others}))
        values = _between(values, predictor.predict(panel, last, levels), levels)
    return forecasts_from(
        values,
        predictor.name,
        current,
        [future_sessions(s, horizon) for s in current],
        levels,
        means,
    )


def _between(values: Floats, wide: Floats, levels: Sequence[float]) -> Floats:
    """Put the values [N, H, Q] at :data:`QUANTILES` in place of those that were read at more
    levels, whose other ones stay between.
    """
    found = wide.copy()
    indices = [levels.index(q) for q in QUANTILES]
    found[..., indices] = values
    for index in (index for index in range(len(levels)) if index not in indices):
        below = [at for at in indices if at < index]
        above = [at for at in indices if at > index]
        low = found[..., below[-1]] if below else -np.inf
        high = found[..., above[0]] if above else np.inf
        found[..., index] = np.clip(found[..., index], low, high)
    return found
