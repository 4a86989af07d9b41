"""Every network of the registry in every shape, with every strategy and supervision that goes with
it: cost, picture, training, file.

A new entry of the registry is tested by being there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_networks import fitted, settings, waves

from forecasting.config import SHAPES, ModelConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.estimate import estimate
from forecasting.events import EpochEnd, ForecastMade, GradientByLag
from forecasting.model_registry import MODELS, specific_settings
from forecasting.models import Network
from forecasting.series import Origins, Panel
from forecasting.shapes import describe
from forecasting.training import TrainedNetwork

#: What else decides how a network is trained, beside model, shape and strategy.
WAYS: dict[str, dict[str, Any]] = {
    "window": {},
    "sequence": {"supervision": "sequence", "chunk": 40},
    "free running": {"teacher_forcing": False},
    "both ways": {"bidirectional": True},
    "two layers, two members": {"layers": 2, "members": 2},
}
#: The combination that is tried of every network each time; all others are slow for being many.
QUICK = ("many-to-one", "direct", "window")


def product() -> Iterator[Any]:
    """Yield every combination that the settings allow."""
    for model in MODELS:
        for shape, rule in SHAPES.items():
            for strategy in rule.strategies:
                for way, more in WAYS.items():
                    values = {
                        "model": model,
                        "shape": shape,
                        "decoding": strategy,
                        "hidden_size": 5,
                        "epochs": 1,
                        **more,
                    }
                    if allowed(values):
                        marks = () if (shape, strategy, way) == QUICK else pytest.mark.slow
                        yield pytest.param(
                            values, id=f"{model}, {shape}, {strategy}, {way}", marks=marks
                        )


def allowed(values: dict[str, Any]) -> bool:
    try:
        settings(**values)
    except ConfigError:
        return False
    return True


def test_no_network_is_without_a_shape_and_no_strategy_without_a_network() -> None:
    tried = [param.values[0] for param in product()]
    assert {values["model"] for values in tried} == set(MODELS)
    for model in MODELS:
        mine = {
            (values["shape"], values["decoding"]) for values in tried if values["model"] == model
        }
        assert mine == {
            (shape, strategy) for shape, rule in SHAPES.items() for strategy in rule.strategies
        }


@pytest.mark.parametrize("values", list(product()))
def test_a_network_is_estimated_drawn_trained_and_saved(
    values: dict[str, Any], tmp_path: Path
) -> None:
    config, panel = settings(**values), Panel((waves(),))
    again = RunConfig.from_json(config.to_json())
    assert again == config

    cost = estimate(panel, config)
    assert cost.windows > 0
    assert 0 < cost.seconds < math.inf
    picture = describe(config)
    assert picture.sentence
    assert picture.layers == config.model.layers

    events, done = fitted(panel, config)
    network = done.forecaster
    assert network.name == config.model.title
    assert sum(weights.numel() for weights in network.network.parameters()) == cost.parameters
    assert [event.epoch for event in events if isinstance(event, EpochEnd)] == [0, 1]
    assert all(math.isfinite(event.val_loss) for event in events if isinstance(event, EpochEnd))
    assert all(
        np.isfinite(event.norms).all() for event in events if isinstance(event, GradientByLag)
    )
    assert any(isinstance(event, ForecastMade) for event in events)

    origins = Origins([0, 0], [len(panel[0]) - 1, 300])
    values_made = network.predict(panel, origins, (0.1, 0.5, 0.9))
    assert values_made.shape == (2, config.task.horizon, 3)
    assert np.isfinite(values_made).all()
    assert (np.diff(values_made, axis=2) >= 0).all()

    network.save(tmp_path / "m.candlecast")
    loaded = TrainedNetwork.load(tmp_path / "m.candlecast", "cpu")
    assert loaded.config == config
    np.testing.assert_allclose(
        loaded.predict(panel, origins, (0.1, 0.5, 0.9)), values_made, rtol=1e-6
    )


#: Another value of every setting that belongs to some networks only.
OTHERS: dict[str, dict[str, Any]] = {
    "activation": {"activation": "relu"},
    "recurrent_gain": {"recurrent_gain": 1.0},
    "memory": {"memory": 30},
    "layer_norm": {"layer_norm": True},
    "residual": {"residual": True},
    "heads": {"heads": 4},
    "positions": {"positions": "learned"},
}


def said(**values: Any) -> torch.Tensor:
    """What a network with random weights answers to one window."""
    torch.manual_seed(1)
    network = Network(ModelConfig(hidden_size=8, layers=2, **values), 4, 3, 17).eval()
    with torch.no_grad():
        for weights in network.head.parameters():
            torch.nn.init.normal_(weights, generator=torch.Generator().manual_seed(2))
        answer: torch.Tensor = network(torch.linspace(-1, 1, 68).reshape(1, 17, 4))
    return answer


@pytest.mark.parametrize("model", MODELS)
def test_a_network_reads_the_settings_that_its_entry_names_and_no_others(model: str) -> None:
    assert specific_settings() <= OTHERS.keys(), "add another value of the new setting to OTHERS"
    usual = said(model=model)
    for name, other in OTHERS.items():
        reads = name in MODELS[model].settings
        assert torch.allclose(said(model=model, **other), usual, atol=1e-6) != reads, (
            f"{model} and {name}"
        )
