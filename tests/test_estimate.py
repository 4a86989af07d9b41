"""The cost that is told before a training is that of the training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.events import CostEstimated, SplitMade
from forecasting.series import Panel, PriceSeries

SMALL = {"input_size": 8, "horizon": 3, "hidden_size": 4}
SETTINGS: list[dict[str, Any]] = [
    {"model": "rnn"},
    {"model": "gru", "bidirectional": True, "layers": 2, "layer_norm": True},
    {"model": "transformer", "positions": "learned"},
    {"shape": "encoder-decoder", "dates": True},
    {"members": 2, "conv_kernel": 3, "indicators": True},
    {"embedding": 2},
]


def walk(symbol: str, seed: int) -> PriceSeries:
    close = 50 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 200)))
    ds = np.busday_offset("2020-01-01", np.arange(200), roll="forward").astype("datetime64[us]")
    return PriceSeries(symbol, ds, ("close",), close[:, None])


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: "-".join(one))
def test_windows_and_weights_are_counted_rightly(settings: dict[str, Any]) -> None:
    panel, config = Panel((walk("A", 0), walk("B", 1))), RunConfig().changed(**SMALL, **settings)
    [cost] = jobs.estimate(panel, config)
    assert isinstance(cost, CostEstimated)
    split = next(event for event in jobs.train(panel, config) if isinstance(event, SplitMade))
    assert (cost.windows, cost.parameters) == (split.windows["train"], split.parameters)
    assert cost.seconds > 0


def test_more_of_anything_takes_longer() -> None:
    panel = Panel((walk("A", 0),))

    def seconds(**values: Any) -> float:
        [cost] = jobs.estimate(panel, RunConfig().changed(**{**SMALL, **values}))
        assert isinstance(cost, CostEstimated)
        return cost.seconds

    base = seconds()
    for more in (
        {"epochs": 60},
        {"layers": 2},
        {"members": 3},
        {"hidden_size": 64},
        {"model": "gru"},
        {"input_size": 30},
    ):
        assert seconds(**more) > base
