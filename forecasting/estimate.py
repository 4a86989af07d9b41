"""What a training would cost, told before it is begun: windows, weights, and about how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from forecasting.backtest import Work, folds_of
from forecasting.config import RunConfig
from forecasting.events import BacktestPlanned, CostEstimated
from forecasting.features import feature_names
from forecasting.series import Panel
from forecasting.training import build
from forecasting.windows import bars_before, split_panel


def estimate(panel: Panel, config: RunConfig) -> CostEstimated:
    """Count windows and weights, and guess the seconds of all epochs on this kind of CPU, within a
    factor of about two.

    Building the network draws from torch's random numbers: not to be called while another thread
    trains.

    Parameters
    ----------
    panel : Panel
    config : RunConfig

    Raises
    ------
    DataError
        The panel is too short for one window of each part.
    """
    split = split_panel(panel, config.task)
    parameters = sum(
        weights.numel() for weights in build(config, _unfitted(panel, config)).parameters()
    )
    return CostEstimated(
        len(split.train),
        parameters,
        config.train.epochs * _epoch(config, len(split.train), parameters),
    )


def plan_of(work: Work) -> BacktestPlanned:
    """Count folds and origins of a walk-forward test, and guess the seconds of its trainings; see
    :func:`estimate`.

    Raises
    ------
    DataError
        Too few bars for the parts, or no origin in the test part.
    """
    folds = folds_of(work)
    before = [sum(bars_before(work.panel, fold.test_start)) for fold in folds]
    most = work.plan.window * len(work.panel) if work.plan.window else max(before)
    share = sum(min(bars, most) for bars in before) / max(before[0], 1)
    origins = sum(len(np.unique(fold.origins.cutoffs(work.panel))) for fold in folds)
    return BacktestPlanned(
        len(folds), origins, work.plan.refit, share * estimate(work.panel, work.config).seconds
    )


def _epoch(config: RunConfig, windows: int, parameters: int) -> float:
    """Return about how many seconds one epoch takes."""
    task, model, train = config.task, config.model, config.train
    read = 1 + task.input_size / train.chunk if train.supervision == "sequence" else task.input_size
    read += task.horizon if model.strategy != "direct" else 0
    spec = model.spec
    directions = 2 if model.bidirectional and spec.recurrent else 1
    passes = model.layers * model.members * directions
    return windows * read * (spec.seconds_per_bar * passes + spec.seconds_per_weight * parameters)


def _unfitted(panel: Panel, config: RunConfig) -> Any:
    """Return what a network's size depends on of a scaling that is not fitted yet."""
    names = panel.symbols if config.model.embedding else ()
    return SimpleNamespace(mean=feature_names(config.inputs), symbols=names, inputs=config.inputs)
