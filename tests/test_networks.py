"""One contract for every network and option: starts at the baseline, finite, seed-stable, saved
as it is, no leak, learns.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forecasting.config import QUANTILES, SHAPES, ModelConfig, RunConfig, choices
from forecasting.events import EpochEnd, Event
from forecasting.model_registry import MODELS, specific_settings
from forecasting.models import Network, fused, gru, rnn
from forecasting.models.decoding import accumulate_steps, sampled_feedback
from forecasting.models.heads import apply_shape
from forecasting.models.input_layers import CausalConv
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import AdamW, Fitted, TrainedNetwork, fit
from forecasting.training.gradients import clip_gradients
from forecasting.training.objective import Pinball, supervision
from forecasting.training.trainer import untrained
from forecasting.windows import Windows, split_panel

PERIOD, BARS = 24, 360
OPTIONS: dict[str, dict[str, Any]] = {
    "rnn": {"model": "rnn"},
    "rnn relu": {"model": "rnn", "activation": "relu"},
    "lstm": {"model": "lstm"},
    "gru": {"model": "gru"},
    "transformer": {"model": "transformer"},
    "bidirectional rnn, norm": {"model": "rnn", "bidirectional": True, "layer_norm": True},
    "bidirectional lstm, members": {"model": "lstm", "bidirectional": True, "members": 2},
    "deep lstm, norm, residual": {
        "model": "lstm",
        "layers": 3,
        "layer_norm": True,
        "residual": True,
        "hidden_size": 6,
    },
    "deep gru, residual, convolution": {
        "model": "gru",
        "layers": 2,
        "residual": True,
        "conv_kernel": 4,
    },
    "lstm, initial memory, convolution": {
        "model": "lstm",
        "memory": 24,
        "conv_kernel": 3,
        "conv_channels": 5,
    },
    "bidirectional gru, initial memory": {"model": "gru", "memory": 24, "bidirectional": True},
    "transformer, learned positions": {
        "model": "transformer",
        "positions": "learned",
        "heads": 3,
        "layers": 2,
    },
    "transformer, both ways, convolution": {
        "model": "transformer",
        "bidirectional": True,
        "conv_kernel": 3,
        "hidden_size": 7,
    },
}
#: The networks that are trained every time; all of them read windows in the other tests.
TRAINED = (
    *MODELS,
    "deep lstm, norm, residual",
    "bidirectional gru, initial memory",
    "transformer, learned positions",
)

#: Every way from inputs to outputs: shape, decoding, what is learned from.
WAYS: dict[str, dict[str, Any]] = {
    "one to one": {"shape": "one-to-one"},
    "one to many, recursive": {"shape": "one-to-many"},
    "one to many, recursive, from what it said": {"shape": "one-to-many", "teacher_forcing": False},
    "one to many, direct": {"shape": "one-to-many", "decoding": "direct"},
    "one to many, decoder": {"shape": "one-to-many", "decoding": "seq2seq"},
    "many to one, recursive": {"decoding": "recursive"},
    "many to one, recursive, from what it said": {
        "decoding": "recursive",
        "teacher_forcing": False,
    },
    "many to many": {"shape": "many-to-many"},
    "many to many, recursive": {"shape": "many-to-many", "decoding": "recursive"},
    "encoder-decoder": {"shape": "encoder-decoder"},
    "encoder-decoder, from what it said": {"shape": "encoder-decoder", "teacher_forcing": False},
    "sequences": {"supervision": "sequence", "chunk": 40},
    "sequences, recursive": {"supervision": "sequence", "chunk": 40, "decoding": "recursive"},
}
#: The ways that are tried every time, each with another network; the others are slow for being
#: many.
USUAL = {
    "one to one": {"model": "rnn"},
    "one to many, recursive": {"model": "gru", "layers": 2},
    "many to one, recursive": {"model": "transformer", "positions": "learned", "conv_kernel": 3},
    "many to one, recursive, from what it said": {"model": "lstm", "conv_kernel": 3},
    "many to many": {"model": "gru"},
    "encoder-decoder": {"model": "lstm", "bidirectional": True, "layers": 2, "members": 2},
    "encoder-decoder, from what it said": {"model": "transformer"},
    "sequences": {"model": "lstm"},
}
EVERY = [
    pytest.param(
        {**network, **way},
        id=f"{kind}, {name}",
        marks=() if (kind, name) == ("usual", "encoder-decoder") else pytest.mark.slow,
    )
    for kind, pairs in (
        ("usual", [(name, WAYS[name], network) for name, network in USUAL.items()]),
        *(
            (model, [(name, way, {"model": model}) for name, way in WAYS.items()])
            for model in MODELS
        ),
    )
    for name, way, network in pairs
    if not (network["model"] == "transformer" and "supervision" in way)
]


def waves(seed: int = 0) -> PriceSeries:
    """Prices whose volatility follows a sine: what a network can learn and the baseline's
    averages cannot follow.
    """
    draw = np.random.default_rng(seed)
    sd = 0.01 * np.exp(1.2 * np.sin(2 * np.pi * np.arange(BARS) / PERIOD))
    close = 50 * np.exp(np.cumsum(draw.normal(0, 1, BARS) * sd))
    ds = np.busday_offset("2015-01-05", np.arange(BARS), roll="forward").astype("datetime64[us]")
    return PriceSeries("WAVES", ds, ("close",), close[:, None])


def settings(**values: Any) -> RunConfig:
    item = SHAPES[values.get("shape", "many-to-one")]
    return RunConfig().changed(
        **{
            "input_size": PERIOD if PERIOD in item.lookback else 1,
            "horizon": 2 if 2 in item.horizon else 1,
            "epochs": 2,
            "batch_size": 32,
            "learning_rate": 0.01,
            "dropout": 0.1,
            "device": "cpu",
            **values,
        }
    )


def fitted(panel: Panel, config: RunConfig, **more: Any) -> tuple[list[Event], Fitted]:
    events: list[Event] = []
    training = fit(panel, split_panel(panel, config.task, **more), config, lambda: False)
    while True:
        try:
            events.append(next(training))
        except StopIteration as end:
            return events, end.value


def with_other_future(series: PriceSeries, cutoff: int) -> PriceSeries:
    values = np.array(series.values)
    values[cutoff + 1 :] *= np.exp(
        np.cumsum(np.random.default_rng(9).normal(0, 0.2, (len(series) - cutoff - 1, 1)), axis=0)
    )
    return dataclasses.replace(series, values=values)


def forward_sequence(network: Network, window: torch.Tensor) -> torch.Tensor:
    """What is said of the next bar, or of the first of all steps, at each bar."""
    return network.forward_sequence(window)[:, :, 0]


def test_the_registry_holds_what_the_settings_offer() -> None:
    assert tuple(MODELS) == choices(ModelConfig.model_fields["model"])
    assert specific_settings() <= ModelConfig.model_fields.keys()
    assert {option["model"] for option in OPTIONS.values()} == set(MODELS)


@pytest.mark.parametrize(
    "option",
    [
        *(
            pytest.param(option, id=name, marks=() if name in TRAINED else pytest.mark.slow)
            for name, option in OPTIONS.items()
        ),
        *EVERY,
    ],
)
def test_every_network_keeps_the_contract(option: dict[str, Any], tmp_path: Path) -> None:
    config, cutoff = settings(**option), 300
    panel = Panel((waves(),))
    changed = Panel((with_other_future(panel[0], cutoff),))
    start = {"test_start": panel[0].ds[cutoff] + np.timedelta64(1, "us")}
    origins = Origins([0, 0], [cutoff, 200])
    (events, first), (_, second) = (fitted(item, config, **start) for item in (panel, changed))
    forecast = first.forecaster.predict(panel, origins)
    # Equal numbers from a panel with another future: the same seed gives the same weights, and
    # nothing leaks.
    assert np.array_equal(forecast, second.forecaster.predict(changed, origins)), (
        "the future leaks, or the seed does not decide"
    )
    assert np.isfinite(forecast).all()
    assert (np.diff(forecast, axis=2) >= 0).all(), "quantiles cross"
    losses = [e.train_loss for e in events if isinstance(e, EpochEnd)]
    assert losses[2] < losses[1], "the loss on a series that can be learned does not fall"
    first.forecaster.save(tmp_path / "model")
    assert np.array_equal(
        TrainedNetwork.load(tmp_path / "model", "cpu").predict(panel, origins), forecast
    )


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_a_window_is_read_whole_and_what_is_kept_of_it_changes_nothing(
    option: dict[str, Any],
) -> None:
    torch.manual_seed(0)
    length, config = 17, ModelConfig(**{**option, "members": 1})
    network = Network(config, 4, 3, length).eval()
    window = torch.randn(5, length, 4, requires_grad=True)
    assert not network(window).any(), "an untrained head must be exactly the baseline"
    torch.nn.init.normal_(network.head.residual.weight)
    shape, layers = network.forward_with_states(window, [0, 6, 11, length - 1])
    torch.testing.assert_close(shape, network(window), atol=1e-5, rtol=1e-5)
    assert len(layers) == config.layers
    [gradient] = torch.autograd.grad(network(window).sum(), [window])
    assert (gradient.abs().sum(2) > 0).all(), "a bar of the window is not read"


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_kept_states_carry_the_whole_gradient(model: str, bidirectional: bool) -> None:
    """A nudge of a state moves the outcome by its gradient: compared with a recurrence that is
    written out.
    """
    torch.manual_seed(0)
    config = ModelConfig(model=model, bidirectional=bidirectional, layers=2, hidden_size=3)
    network = Network(config, 2, 1, 9).eval().double()
    torch.nn.init.normal_(network.head.residual.weight)
    window, cuts = torch.randn(1, 9, 2, dtype=torch.float64), list(range(9))
    shape, layers = network.forward_with_states(window, cuts)
    every = [state for states in layers for state in states]
    gradients = torch.autograd.grad(shape.sum(), every)
    coarse, fewer = network.forward_with_states(window, [2, 5, 8])
    some = torch.autograd.grad(coarse.sum(), [state for states in fewer for state in states])
    each = 2 if bidirectional else 1
    for layer in range(2):
        for index, cut in enumerate((2, 5, 8)):
            for direction in range(each):
                torch.testing.assert_close(
                    some[(layer * 3 + index) * each + direction],
                    gradients[(layer * 9 + cut) * each + direction],
                )
    if model == "rnn" and not bidirectional:
        weight = network.body.layers[1].cell.weight_hh_l0
        states = layers[1]
        for t in range(8):
            ahead = gradients[9 + t + 1] * (1 - states[t + 1] ** 2) @ weight
            torch.testing.assert_close(gradients[9 + t], ahead)


LAYERS: dict[str, tuple[type[fused.FusedLayer], dict[str, Any]]] = {
    "rnn": (rnn.RnnLayer, {}),
    "rnn relu": (rnn.RnnLayer, {"activation": "relu"}),
    "gru": (gru.GruLayer, {}),
}


@pytest.mark.parametrize("at_once", [1, 35, 1 << 16])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_fused_pass_gives_what_torch_gives(
    name: str, bidirectional: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outputs and last states, and the gradients that each of them and both give, with blocks of
    one, two and all bars.
    """
    monkeypatch.setattr(fused, "_AT_ONCE", at_once)
    torch.manual_seed(0)
    kind, more = LAYERS[name]
    layer = kind(ModelConfig(hidden_size=5, bidirectional=bidirectional, **more), 4, False)
    read, start = (
        torch.randn(3, 9, 4, requires_grad=True),
        torch.randn(1 + bidirectional, 3, 5, requires_grad=True),
    )

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        outputs, (state,) = layer.run_torch(read, (start,))
        return outputs, state

    assert layer.fuses(read)
    theirs, ours, again = layer.cell(read, start), run(), run()
    weights = [torch.randn_like(item) for item in theirs]
    for some in (slice(0, 1), slice(1, 2), slice(0, 2)):
        torch.testing.assert_close(ours[some], theirs[some], atol=1e-5, rtol=1e-5)
        found = [
            torch.autograd.grad(
                item[some],
                [read, start, *layer.cell.parameters()],
                weights[some],
                retain_graph=True,
            )
            for item in (ours, theirs, again)
        ]
        torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
        assert all(torch.equal(a, b) for a, b in zip(found[0], found[2], strict=True)), (
            "not the same numbers every time"
        )
    torch.testing.assert_close(
        layer.run_torch(read, None)[0], layer.cell(read)[0], atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradients_of_a_fused_pass_are_those_of_its_outputs(name: str) -> None:
    torch.manual_seed(0)
    kind, more = LAYERS[name]
    layer = kind(ModelConfig(hidden_size=4, **more), 3, False)
    weights = [
        weight.double().detach().requires_grad_() for weight in layer.weights(backward=False)
    ]
    read, start = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((6, 2, 3), (2, 4))
    )
    assert torch.autograd.gradcheck(
        lambda bars, start, *given: layer.fused(bars, start, list(given)), (read, start, *weights)
    )


@pytest.mark.parametrize("model", MODELS)
def test_bars_read_one_by_one_are_read_as_if_at_once(model: str) -> None:
    torch.manual_seed(0)
    network = Network(ModelConfig(model=model, layers=2, decoding="recursive"), 3, 4, 9).eval()
    torch.nn.init.normal_(network.head.residual.weight)
    bars = torch.randn(5, 12, 3)
    whole, carried = network.body.read(bars[:, :7])
    pieces = [whole]
    for index in range(7, 12):
        said, carried = network.body.read(bars[:, index : index + 1], carried)
        pieces.append(said)
    torch.testing.assert_close(torch.cat(pieces, dim=1), network.body.read(bars)[0])
    later = bars.clone()
    later[:, 8:] += 1
    assert torch.equal(
        forward_sequence(network, bars)[:, :8], forward_sequence(network, later)[:, :8]
    ), "an answer looks at later bars"
    torch.testing.assert_close(
        forward_sequence(network, bars[:, :9])[:, -1], network(bars[:, :9])[:, 0]
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_decoder_that_is_taught_knows_the_moves_before_a_step_and_no_others(model: str) -> None:
    torch.manual_seed(0)
    network = Network(ModelConfig(model=model, shape="encoder-decoder"), 3, 5, 9).eval()
    torch.nn.init.normal_(network.head.residual.weight)
    window, moves = torch.randn(4, 9, 3), torch.randn(4, 4)
    other = moves.clone()
    other[:, 2:] += 1
    item, two = (
        network.forward_teacher_forced(window, moves),
        network.forward_teacher_forced(window, other),
    )
    assert torch.equal(item[:, :3], two[:, :3])
    assert not torch.equal(item[:, 3], two[:, 3])
    torch.testing.assert_close(network(window)[:, :1], item[:, 0])


def test_steps_add_up_as_independent_moves_do() -> None:
    steps = torch.tensor([[0.1, 0.2, -0.3], [0.2, 0.0, -0.3], [0.3, -0.2, -0.3]])
    found = accumulate_steps(steps)
    for h in range(1, 4):
        assert found[h - 1, 0].item() == pytest.approx(steps[:h, 0].sum().item() / h**0.5)
        assert found[h - 1, 1].exp().item() == pytest.approx(
            steps[:h, 1].mul(2).exp().mean().sqrt().item()
        )
        assert found[h - 1, 2].item() == pytest.approx(-0.3)
    assert not accumulate_steps(torch.zeros(2, 7, 3)).any(), (
        "steps that say nothing must be exactly the baseline"
    )


def test_what_is_fed_back_is_a_move_of_usual_size() -> None:
    """A network that answers a wild bar with a wide band must not calm down for being told its
    own median.
    """
    said, up = torch.tensor([[0.1, 0.5, 0.7], [0.1, 0.5, 0.7]]), torch.tensor([1.0, -1.0])
    (high, wide), (low, _) = sampled_feedback(said, up).tolist()
    assert high == pytest.approx(0.1 + 0.65 * np.exp(0.7))
    assert low == pytest.approx(0.1 - 0.65 * np.exp(0.5))
    assert wide == pytest.approx(0.6)


def test_chunks_answer_each_training_origin_once_from_its_own_series() -> None:
    long, short = waves(), waves(1)
    panel = Panel((long, dataclasses.replace(short.head(250), symbol="SHORT")))
    config = settings(supervision="sequence", chunk=50)
    split = split_panel(panel, config.task)
    windows, forecaster = untrained(panel, split, config, torch.device("cpu"))
    objective = supervision(windows, split.train, config)
    draw = torch.Generator().manual_seed(3)
    for _ in range(3):
        chunks = objective.sample_epoch(draw)
        answered = torch.cat([torch.arange(int(first), int(last) + 1) for _, first, last in chunks])
        assert sorted(answered.tolist()) == sorted(windows.rows(split.train).tolist())
        assert (chunks[:, 2] - chunks[:, 1] < 50).all()
    happened, counts = objective.targets(chunks)
    assert int(counts.sum()) == len(split.train)
    rows = torch.cat([torch.arange(int(last) - 49, int(last) + 1) for _, _, last in chunks]).view(
        len(chunks), 50
    )
    assert torch.equal(happened[counts], windows.target(rows[counts])), (
        "the same targets as those of windows"
    )
    # Another future, and another series before it, change nothing of what is learned from.
    other = [
        with_other_future(series, bars - 1)
        for series, bars in zip(panel, split.insample, strict=True)
    ]
    changed = Windows(Panel(tuple(other)), forecaster.scaling, config.task, torch.device("cpu"))
    again = supervision(changed, split.train, config)
    torch.nn.init.normal_(forecaster.network.members[0].head.residual.weight)
    forecaster.network.eval()
    said, same = (item.forward(forecaster.network, chunks) for item in (objective, again))
    assert torch.equal(said[:, counts], same[:, counts])
    assert torch.equal(happened[counts], again.targets(chunks)[0][counts])


@pytest.mark.parametrize("way", ["many to one, recursive", "many to many", "encoder-decoder"])
def test_what_is_learned_step_by_step_ends_before_the_validation_part(way: str) -> None:
    panel, config = Panel((waves(),)), settings(**{**WAYS[way], "horizon": 5})
    split = split_panel(panel, config.task)
    windows, forecaster = untrained(panel, split, config, torch.device("cpu"))
    other = with_other_future(panel[0], split.insample[0] - 1)
    changed = Windows(Panel((other,)), forecaster.scaling, config.task, torch.device("cpu"))
    torch.nn.init.normal_(forecaster.network.members[0].head.residual.weight)
    forecaster.network.eval()
    told = []
    for item in (windows, changed):
        objective = supervision(item, split.train, config)
        happened, counts = objective.targets(objective.rows)
        kept = slice(None) if counts is None else counts
        told += [objective.forward(forecaster.network, objective.rows)[:, kept], happened[kept]]
    assert torch.equal(told[0], told[2])
    assert torch.equal(told[1], told[3])


def test_a_causal_convolution_looks_at_no_later_bar() -> None:
    conv, window = CausalConv(3, 4, 5), torch.randn(2, 12, 3)
    later = window.clone()
    later[:, 7:] += 1
    assert torch.equal(conv(window)[:, :7], conv(later)[:, :7])
    assert not torch.equal(conv(window)[:, 7], conv(later)[:, 7])


def test_a_causal_transformer_looks_at_no_later_bar_and_the_other_one_does() -> None:
    torch.manual_seed(0)
    for both in (False, True):
        body = (
            MODELS["transformer"]
            .load()(ModelConfig(model="transformer", bidirectional=both), 3, 12)
            .eval()
        )
        window = torch.randn(2, 12, 3)
        later = window.clone()
        later[:, 7:] += 1
        item, other = (body.layers[0](body.embed(w) + body.place)[:, :7] for w in (window, later))
        assert torch.equal(item, other) is not both


def test_an_initial_memory_makes_gates_that_keep() -> None:
    torch.manual_seed(0)
    for model in ("lstm", "gru"):
        reach = []
        for memory in (0, 100):
            body = MODELS[model].load()(
                ModelConfig(model=model, memory=memory, hidden_size=8), 2, 80
            )
            window = torch.randn(4, 80, 2, requires_grad=True)
            [gradient] = torch.autograd.grad(body(window).square().sum(), [window])
            norms = gradient.norm(dim=(0, 2))
            reach.append(float(norms[0] / norms[-1]))
        assert reach[1] > 1e-3 > 1e-6 > reach[0]


@pytest.mark.parametrize("scale", [1e3, -1e3])
def test_quantiles_cannot_cross_whatever_the_head_says(scale: float) -> None:
    network = Network(ModelConfig(), 2, 4, 6).eval()
    torch.nn.init.constant_(network.head.residual.bias, scale)
    baseline = torch.linspace(-2, 2, len(QUANTILES)).expand(4, -1)
    values = apply_shape(network(torch.randn(3, 6, 2)), baseline, baseline[:, len(QUANTILES) // 2])
    assert (values.diff(dim=-1) > 0).all()


def test_the_loss_of_a_stretched_baseline_is_the_pinball_loss_written_out() -> None:
    torch.manual_seed(0)
    levels = torch.tensor([0.05, 0.3, 0.5, 0.7, 0.95], dtype=torch.float64)
    baseline = torch.randn(3, 5, dtype=torch.float64).sort(1).values
    median, target = baseline[:, 2].clone(), torch.randn(7, 3, dtype=torch.float64)
    said = torch.randn(7, 3, 3, dtype=torch.float64, requires_grad=True)
    shift, left, right = (said[..., k : k + 1] for k in range(3))
    apart = baseline - median[:, None]
    values = median[:, None] + shift + torch.where(apart < 0, left, right).exp() * apart
    error = target[..., None] - values
    written = torch.maximum(levels * error, (levels - 1) * error).mean((-2, -1))
    losses = Pinball(levels, baseline, median)(said, target)
    torch.testing.assert_close(apply_shape(said, baseline, median), values)
    torch.testing.assert_close(losses, written)
    torch.testing.assert_close(
        *(torch.autograd.grad(item.sum(), said)[0] for item in (losses, written))
    )


def remembered(model: str, memory: int, steps: int, lag: int = 80) -> tuple[float, float]:
    """Train to name the sign of the marked bar ``lag`` bars back.

    Returns the share of the gradient that gets there before anything is learned, and the share
    named rightly at the end.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Network(
        ModelConfig(model=model, hidden_size=16, memory=memory, dropout=0.0), 2, 1, lag + 1
    )
    optimiser, draw = AdamW(network.parameters(), 0.0), torch.Generator().manual_seed(1)
    outputs, [states] = network.body.forward_with_states(torch.randn(64, lag + 1, 2), [0, lag])
    last = network.body.last(outputs)
    far, near = (gradient.norm().item() for gradient in torch.autograd.grad(last.sum(), states))
    right = []
    for _ in range(steps):
        window = torch.zeros(64, lag + 1, 2)
        window[:, :, 0] = torch.randint(0, 2, (64, lag + 1), generator=draw) * 2.0 - 1
        window[:, 0, 1] = 1
        sign = window[:, 0, 0]
        said = network(window)[:, 0, 0]
        (said - sign).square().mean().backward()
        clip_gradients(
            [p.grad for p in network.parameters() if p.grad is not None], RunConfig().train, 1
        )
        optimiser.step(0.01)
        right.append((said.sign() == sign).float().mean().item())
    return far / near, float(np.mean(right[-10:]))


@pytest.mark.slow
def test_gated_networks_remember_a_sign_80_bars_back_and_a_plain_rnn_does_not() -> None:
    for model, memory, steps in (("lstm", 80, 200), ("gru", 80, 150)):
        gradient, right = remembered(model, memory, steps)
        assert gradient > 1e-3
        assert right > 0.99
    gradient, right = remembered("rnn", 0, 200)
    assert gradient < 1e-6
    assert right < 0.65


@pytest.mark.slow
def test_shapes_are_compared_without_the_compiler_of_torch() -> None:
    code = """
import sys, torch
from forecasting.config import RunConfig
from forecasting.model_registry import MODELS
from forecasting.models import Ensemble
before = set(sys.modules)
for name in MODELS:
    with torch.device("meta"):
        Ensemble(RunConfig().changed(model=name).model, 3, 5, 20, 2, 4)
print(sorted(name for name in set(sys.modules) - before if not name.startswith("forecasting.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sympy" not in done.stdout
