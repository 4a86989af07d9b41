"""Choose the starting point of a network: the usual baseline of its target, or exponential
smoothing where that forecasts better.
"""

from __future__ import annotations

import numpy as np
import torch

from forecasting.baselines import suits_smoothing
from forecasting.config import RunConfig
from forecasting.errors import DataError
from forecasting.series import Floats, Panel
from forecasting.training.trained_network import TrainedNetwork, build
from forecasting.windows import Scaling, Split, Windows

#: Levels of the loss by which starts are compared; the most values that are forecast for it.
_LEVELS = tuple(np.round(np.arange(1, 10) / 10, 1))
_MOST_COMPARED = 500_000
#: Bars beyond the horizon that one series at least has before the validation part, for its errors
#: to be known.
_LEAST_KNOWN = 20


def fitted_scaling(panel: Panel, split: Split, config: RunConfig, device: torch.device) -> Scaling:
    """Fit scale and baseline on the bars before ``split.val_start``, and choose the starting point.

    It is chosen where target and season are automatic, steps are forecast at once, and the series
    suit exponential smoothing (see :func:`forecasting.baselines.suits_smoothing`): the one with the
    lower quantile loss on the validation part, without a network. No bar from ``split.test_start``
    on is read.

    Raises
    ------
    DataError
        As of :meth:`Scaling.fit`.
    """
    usual = Scaling.fit(panel, split.insample, config.task, config.inputs)
    free = (
        config.task.target == "auto"
        and config.task.season == "auto"
        and config.model.strategy == "direct"
    )
    if not free or not suits_smoothing(panel, seasonal=usual.target == "seasonal"):
        return usual
    if max(split.insample) < config.task.horizon + _LEAST_KNOWN:
        return usual
    other = Scaling.fit(panel, split.insample, config.task, config.inputs, base="smoothed")
    lost = [_loss(panel, split, item, config, device) for item in (usual, other)]
    return other if lost[1] < lost[0] else usual


def _loss(
    panel: Panel, split: Split, scaling: Scaling, config: RunConfig, device: torch.device
) -> float:
    """Return the pinball loss of an untrained network on the validation part, in units of each
    series' changes.
    """
    step = max(1, len(split.val) * config.task.horizon // _MOST_COMPARED)
    origins = split.val.take(slice(None, None, step))
    try:
        forecaster = TrainedNetwork(
            config, scaling, build(config, scaling).to(device), device, split.val_start
        )
        windows = Windows(panel, scaling, config.task, device)
        outputs = forecaster.predict_windows(windows, panel, origins, _LEVELS)
    except DataError:
        return np.inf
    happened, start = _truth(panel, origins.series, origins.bar, config.task.horizon)
    error = happened[:, :, None] - outputs
    loss = np.maximum(np.array(_LEVELS) * error, (np.array(_LEVELS) - 1) * error).mean(axis=(1, 2))
    moved = np.abs(happened - start[:, None]).mean(axis=1)
    count = np.bincount(origins.series)
    of_series = count > 0
    losses = np.bincount(origins.series, loss)[of_series]
    return float(
        np.mean(losses / np.maximum(np.bincount(origins.series, moved)[of_series], 1e-300))
    )


def _truth(
    panel: Panel, series: np.ndarray, bars: np.ndarray, horizon: int
) -> tuple[Floats, Floats]:
    """Return the values after each origin, [N, H], and the value at it, [N]."""
    happened, start = np.empty((len(bars), horizon)), np.empty(len(bars))
    for index in np.unique(series):
        mine = series == index
        y = panel[int(index)].y
        start[mine] = y[bars[mine]]
        happened[mine] = y[bars[mine][:, None] + np.arange(1, horizon + 1)]
    return happened, start
