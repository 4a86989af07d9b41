"""The gradient microscope: every step's norm, openings of gates, attention, the guard switched off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from forecasting.config import ModelConfig, RunConfig
from forecasting.events import CellStates, Diagnosis, EpochEnd, Event, StepNorms
from forecasting.generators import run_to_end
from forecasting.models.lstm import LstmLayer
from forecasting.series import Panel, PriceSeries
from forecasting.training import Fitted, fit
from forecasting.windows import split_panel


def quick(**values: Any) -> RunConfig:
    usual = {"input_size": 12, "horizon": 2, "hidden_size": 4, "epochs": 2, "batch_size": 32}
    return RunConfig().changed(**(usual | values))


def fitted(config: RunConfig) -> tuple[list[Event], Fitted]:
    draw = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, 400)))
    ds = np.busday_offset("2015-01-05", np.arange(400), roll="forward").astype("datetime64[us]")
    panel = Panel((PriceSeries("WALK", ds, ("close",), close[:, None]),))
    events: list[Event] = []
    job = fit(panel, split_panel(panel, config.task), config, lambda: False)
    return events, run_to_end(job, events.append)


def test_the_norm_of_every_step_is_recorded_by_layer_and_changes_nothing() -> None:
    config = quick(model="lstm", layers=2, epochs=2, clip="norm", clip_norm=0.05)
    events, _ = fitted(config)
    epochs = [event for event in events if isinstance(event, EpochEnd)][1:]
    steps = [event for event in events if isinstance(event, StepNorms)]
    assert [item.epoch for item in steps] == [item.epoch for item in epochs] == [1, 2]
    for epoch, item in zip(epochs, steps, strict=True):
        assert item.before.mean() == pytest.approx(epoch.grad_norm, rel=1e-4)
        assert item.after.max() <= 0.05 * 1.001
        assert item.limit == 0.05
        assert item.layers == ("layer 1", "layer 2", "head")
        whole = np.sqrt((item.by_layer**2).sum(axis=1))
        np.testing.assert_allclose(whole, item.before, rtol=1e-3)


def test_without_the_guard_a_ruined_training_ends_and_says_why() -> None:
    config = quick(
        model="rnn", activation="relu", recurrent_gain=3.0, input_size=60, clip="off",
        guard=False, learning_rate=1.0, optimiser="sgd", epochs=3,
    )  # fmt: skip
    events, result = fitted(config)
    steps = [event for event in events if isinstance(event, StepNorms)]
    assert max(item.largest for item in steps) > 1e3
    assert not steps[-1].clipping
    advice = [event for event in events if isinstance(event, Diagnosis)]
    assert advice[0].topic == "learning-rate"
    assert advice[0].rank == 0
    assert "it explodes" in advice[0].message
    assert dict(advice[0].remedies[0].values) == {"learning_rate": 0.1}
    weights = next(iter(result.forecaster.network.parameters())).detach().numpy()
    assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    ("model", "gates"),
    [("lstm", ("input", "forget", "output")), ("gru", ("reset", "update")), ("rnn", ())],
)
def test_openings_of_gates_are_those_of_the_cell(model: str, gates: tuple[str, ...]) -> None:
    events, _ = fitted(quick(model=model, epochs=1, layers=2, input_size=12))
    seen = [event for event in events if isinstance(event, CellStates)][-1]
    assert seen.gates == gates
    assert seen.openings.shape == (2, len(gates), 12)
    assert seen.state.shape == (2, 12)
    assert ((seen.openings >= 0) & (seen.openings <= 1)).all()
    assert seen.lags.tolist() == list(range(11, -1, -1))


def test_the_cell_state_that_is_shown_is_that_of_torch() -> None:
    torch.manual_seed(3)
    layer = LstmLayer(ModelConfig(model="lstm", hidden_size=4), 3, False)
    read = torch.randn(2, 9, 3)
    outputs, (_, cell) = layer.cell(read)
    _, states = layer.openings(read, outputs)
    torch.testing.assert_close(states[:, -1], cell[0])


def test_the_attention_of_a_transformer_is_shown_and_adds_up_to_one() -> None:
    events, _ = fitted(quick(model="transformer", epochs=1, input_size=12))
    seen = [event for event in events if isinstance(event, CellStates)][-1]
    assert seen.attention.shape == (1, 12, 12)
    np.testing.assert_allclose(seen.attention.sum(axis=2), 1.0, rtol=1e-5)
    assert seen.attention[0, 0, 1:].max() == 0.0
