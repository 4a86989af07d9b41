"""The native kernel beside torch: functions, gradients, layers, whole trainings, and a machine
without it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from app.cli.doctor import kernel_in_use
from forecasting import native
from forecasting.config import ModelConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.jobs.engine import run_versions
from forecasting.models import Ensemble, native_pass
from forecasting.models.heads import QuantileHead
from forecasting.native import build
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import Fitted, TrainedNetwork, fit
from forecasting.training.gradients import clip_gradients
from forecasting.training.objective import Pinball
from forecasting.windows import split_panel

needs_kernel = pytest.mark.skipif(
    isinstance(native.load(), str), reason=f"no native kernel: {native.load()}"
)
MODULES = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": nn.RNN,
    "relu": lambda *sizes, **more: nn.RNN(*sizes, nonlinearity="relu", **more),
}
#: Windows, bars, inputs, hidden units: tiles and vectors that are full, partly filled and empty but
#: for one lane; hidden units that are no multiple of four.
SHAPES = [
    (1, 1, 1, 1),
    (3, 5, 2, 3),
    (16, 9, 6, 8),
    (17, 30, 7, 13),
    (64, 60, 6, 8),
    (33, 12, 40, 36),
]


@pytest.fixture(params=["fastest", "plain"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the pass use each kind of code that is compiled."""
    if request.param == "plain":
        load = native.load
        monkeypatch.setattr(native, "load", lambda kind="f32": load(kind, "plain"))
    return str(request.param)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Let the next test read the environment anew."""
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(native.VARIABLE, raising=False)
        native_pass.read_setting()


def choose(monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    monkeypatch.setenv(native.VARIABLE, choice)
    native_pass.read_setting()


def weights_of(cell: Any) -> native_pass.Weights:
    return native_pass.Weights(*cell.parameters())


def both(
    kind: str, shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float32
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return results and gradients of everything, of the kernel and of torch."""
    batch, length, inputs, hidden = shape
    torch.manual_seed(batch + length)
    cell = MODULES[kind](inputs, hidden, batch_first=True).to(dtype)
    bars = torch.randn(length, batch, inputs, dtype=dtype).transpose(0, 1).requires_grad_()
    state = [torch.randn(batch, hidden, dtype=dtype, requires_grad=True) for _ in range(2)]
    if kind != "lstm":
        del state[1]
    theirs, after = cell(bars, tuple(x[None] for x in state) if kind == "lstm" else state[0][None])
    ours = native_pass.native_pass(
        kind, bars, (state[0], state[1] if kind == "lstm" else None), weights_of(cell)
    )
    reference = [theirs, *(x[0] for x in (after if kind == "lstm" else (after,)))]
    results = [x for x in ours if x is not None]
    weigh = [torch.randn_like(x) for x in reference]
    leaves = [bars, *state, *cell.parameters()]
    for found in (results, reference):
        loss = torch.stack([(x * w).sum() for x, w in zip(found, weigh, strict=True)]).sum()
        found += torch.autograd.grad(loss, leaves)
    return [x.detach() for x in results], [x.detach() for x in reference]


@needs_kernel
def test_the_gates_functions_keep_their_stated_errors(processor: str) -> None:
    kernel = native.load()
    assert not isinstance(kernel, str)
    x = np.concatenate([np.linspace(-100, 100, 80_000), np.linspace(-1, 1, 16_000)]).astype(
        np.float32
    )
    gates, bent = np.empty_like(x), np.empty_like(x)
    kernel.activations(x.ctypes.data, len(x), gates.ctypes.data, bent.ctypes.data)
    exact = x.astype(np.float64)
    usual = np.abs(x) < 80
    assert np.abs(gates * (1 + np.exp(-exact)) - 1)[usual].max() < 5e-7
    assert np.abs(bent - np.tanh(exact)).max() < 5e-7
    assert np.abs(bent / np.where(x == 0, 1, np.tanh(exact)) - (x != 0)).max() < 5e-7
    strange = np.array([np.nan, np.inf, -np.inf, 3e38] * 2, np.float32)
    kernel.activations(strange.ctypes.data, 8, gates.ctypes.data, bent.ctypes.data)
    assert np.isnan([gates[0], bent[0]]).all()
    assert gates[1:4] == pytest.approx([1, 0, 1], abs=1e-30)
    assert bent[1:4].tolist() == [1, -1, 1]


@needs_kernel
@pytest.mark.parametrize("kind", native.KINDS)
@pytest.mark.parametrize("size", [1e4, 1e6])
def test_the_gradient_of_a_saturated_state_vanishes_as_torchs_does(
    processor: str, kind: str, size: float
) -> None:
    """Large weights saturate a state; nothing but 0 may come from it, however often it is
    multiplied by them.
    """
    torch.manual_seed(0)
    cell = MODULES[kind](3, 8, batch_first=True)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.copy_(size * (1 + weight.abs()) * (1 if kind == "relu" else weight.sign()))
    bars = torch.rand(16, 40 if kind != "relu" else 3, 3) + 0.5
    reference = cell(bars)[0][:, -1]
    last = native_pass.native_pass(kind, bars, (None, None), weights_of(cell), outputs=False)[1]
    grads = [torch.autograd.grad(x.sum(), list(cell.parameters())) for x in (last, reference)]
    for ours, theirs in zip(*grads, strict=True):
        assert torch.isfinite(ours).all()
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@needs_kernel
@pytest.mark.parametrize("kind", native.KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_results_and_gradients_are_torchs(
    processor: str, kind: str, shape: tuple[int, int, int, int]
) -> None:
    for ours, theirs in zip(*both(kind, shape), strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-5 * max(1, float(theirs.abs().max()))


@needs_kernel
@pytest.mark.parametrize("kind", native.KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    torch.manual_seed(1)
    cell = MODULES[kind](2, 3, batch_first=True).double()
    states = [torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    bars = torch.randn(5, 4, 2, dtype=torch.float64, requires_grad=True)

    def run(
        bars: torch.Tensor, hidden: torch.Tensor, held: torch.Tensor, *weights: torch.Tensor
    ) -> Any:
        state = (hidden, held if kind == "lstm" else None)
        found = native_pass.native_pass(kind, bars, state, native_pass.Weights(*weights))
        return tuple(x for x in found if x is not None)

    assert torch.autograd.gradcheck(run, (bars, *states, *cell.parameters()))
    for ours, theirs in zip(*both(kind, (9, 7, 3, 5), torch.float64), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@needs_kernel
def test_the_last_state_alone_threads_and_a_second_way_back_change_nothing() -> None:
    torch.manual_seed(0)
    cell, bars = nn.GRU(4, 32, batch_first=True), torch.randn(300, 40, 4)
    found = []
    before = torch.get_num_threads()
    try:
        for threads, outputs in ((1, True), (1, False), (3, False)):
            torch.set_num_threads(threads)
            states, last, _ = native_pass.native_pass(
                "gru", bars, (None, None), weights_of(cell), outputs=outputs
            )
            loss = (states[:, -1] if states is not None else last).square().sum()
            once = torch.autograd.grad(loss, list(cell.parameters()), retain_graph=True)
            again = torch.autograd.grad(loss, list(cell.parameters()))
            assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
            found.append(torch.cat([x.flatten() for x in once]))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-4, atol=1e-4)


@needs_kernel
def test_weights_that_change_before_the_way_back_are_refused() -> None:
    cell = nn.LSTM(2, 4, batch_first=True)
    _, last, _ = native_pass.native_pass(
        "lstm", torch.randn(3, 5, 2), (None, None), weights_of(cell), outputs=False
    )
    with torch.no_grad():
        cell.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        last.sum().backward()


def head_and_loss(steps: int, members: int) -> list[torch.Tensor]:
    """Return outputs, losses and gradients of a head and the pinball loss."""
    torch.manual_seed(steps)
    head = QuantileHead(7, steps)
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    state = torch.randn(members, 13, 7, requires_grad=True)
    levels = torch.tensor([0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.975, 0.99])
    baseline = torch.randn(steps, 10).sort(dim=1).values
    shapes = head(state)
    losses = Pinball(levels, baseline, baseline[:, 4].clone())(shapes, torch.randn(13, steps))
    weighed = (losses * torch.linspace(1, 2, losses.numel()).view(losses.shape)).sum()
    found = [shapes, losses, *torch.autograd.grad(weighed, [state, *head.parameters()])]
    return [x.detach() for x in found]


@needs_kernel
@pytest.mark.parametrize(("steps", "members"), [(1, 1), (5, 1), (20, 3)])
def test_head_and_loss_are_torchs(
    steps: int, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for choice in ("off", "on"):
        choose(monkeypatch, choice)
        found.append(head_and_loss(steps, members))
    for ours, theirs in zip(found[1], found[0], strict=True):
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max()) <= 3e-6 * float(theirs.abs().max())


@needs_kernel
@pytest.mark.parametrize("limit", [0.0, 0.5, 100.0])
def test_gradients_are_clipped_as_torch_clips_them(
    limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    start = [torch.randn(5, 3), torch.randn(7)]
    config = RunConfig().changed(clip_norm=limit).train
    found = []
    for choice in ("off", "on"):
        choose(monkeypatch, choice)
        gradients = [x.clone() for x in start]
        *norms, parts = clip_gradients(gradients, config, members=2)
        found.append(torch.cat([torch.stack(norms), parts, *(x.flatten() for x in gradients)]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-7)


@needs_kernel
@pytest.mark.parametrize(
    "options",
    [
        {"model": "lstm", "bidirectional": True, "layers": 2, "members": 2},
        {"model": "lstm", "layers": 3, "layer_norm": True, "residual": True, "hidden_size": 6},
        {"model": "gru", "layers": 2, "conv_kernel": 4},
        {"model": "gru", "decoding": "recursive"},
        {"model": "rnn", "bidirectional": True, "layer_norm": True},
        {"model": "rnn", "activation": "relu"},
        {"model": "lstm", "shape": "encoder-decoder", "decoding": "seq2seq"},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_networks_give_the_same_with_and_without(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    config = RunConfig().changed(**options, horizon=4, input_size=20, dropout=0.0)
    network = Ensemble(config.model, 3, 4, 20)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.4, 0.4)
    found = []
    for choice in ("off", "on"):
        choose(monkeypatch, choice)
        network.zero_grad()
        shapes = network(torch.linspace(-2, 2, 18 * 20 * 3).sin().view(18, 20, 3))
        shapes.square().sum().backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append(torch.cat([shapes.detach().flatten(), *gradients]))
    torch.testing.assert_close(found[1], found[0], rtol=2e-4, atol=2e-5)


def noise(bars: int = 300) -> Panel:
    draw = np.random.default_rng(7)
    moves = draw.normal(0, 0.01, bars) * (1 + 0.5 * np.sin(np.arange(bars) / 15))
    close = 80 * np.exp(np.cumsum(moves))
    ds = np.busday_offset("2010-01-01", np.arange(bars), roll="forward").astype("datetime64[us]")
    return Panel((PriceSeries("N", ds, ("close",), close[:, None]),))


def trained(panel: Panel, config: RunConfig) -> Fitted:
    training = fit(panel, split_panel(panel, config.task), config, lambda: False)
    while True:
        try:
            next(training)
        except StopIteration as finished:
            found: Fitted = finished.value
            return found


@needs_kernel
@pytest.mark.parametrize("model", ["lstm", "gru", "rnn"])
def test_a_training_ends_the_same_and_its_model_opens_on_either_path(
    model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    panel = noise()
    config = RunConfig().changed(model=model, epochs=3, input_size=12, horizon=3, device="cpu")
    ends, forecasts = [], []
    for choice in ("off", "on"):
        monkeypatch.setenv(native.VARIABLE, choice)
        fitted = trained(panel, config)
        last = fitted.history[-1]
        ends.append((last.best_epoch, last.best_loss))
        fitted.forecaster.save(tmp_path / choice)
    for choice in ("off", "on"):
        monkeypatch.setenv(native.VARIABLE, choice)
        for path in ("off", "on"):
            again = TrainedNetwork.load(tmp_path / path, "cpu")
            forecasts.append(again.predict(panel, Origins.last(panel), (0.1, 0.5, 0.9)))
    assert ends[0][0] == ends[1][0]
    assert ends[1][1] == pytest.approx(ends[0][1], rel=1e-6)
    for forecast in forecasts[1:]:
        np.testing.assert_allclose(forecast, forecasts[0], rtol=1e-5, atol=1e-6)


@needs_kernel
def test_the_setting_chooses_and_every_run_names_what_was_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(native.VARIABLE, raising=False)
    assert native_pass.in_use().startswith("native (")
    assert run_versions("cpu")["kernel"] == native_pass.in_use()
    assert run_versions("cuda:0")["kernel"] == "torch"
    assert "its numbers are torch's (CANDLECAST_KERNEL = auto)" in kernel_in_use()
    monkeypatch.setenv(native.VARIABLE, "off")
    assert run_versions("cpu")["kernel"] == "torch"
    assert kernel_in_use().startswith("torch computes")


def test_the_kernel_is_tried_on_the_cpu_where_a_model_file_is_opened_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(native.VARIABLE, raising=False)
    native_pass.fault.cache_clear()
    with torch.device("meta"):  # shapes in a model file are checked there
        chosen = native_pass.in_use()
    native_pass.fault.cache_clear()
    assert native_pass.in_use() == chosen


def test_a_setting_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.VARIABLE, "fast")
    with pytest.raises(ConfigError, match=r"CANDLECAST_KERNEL = 'fast'.*auto, off or on"):
        native_pass.in_use()


@pytest.fixture
def no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Let nothing be built yet."""
    monkeypatch.setattr(build, "BUILT", tmp_path / "built")
    for remembered in (build.library_path, native.load, native_pass.fault):
        remembered.cache_clear()
    yield build
    for remembered in (build.library_path, native.load, native_pass.fault):
        remembered.cache_clear()


def test_without_a_compiler_torch_computes_and_the_reason_is_given(
    no_library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: None)
    assert not no_library.is_due()
    assert no_library.build() == "there is no C compiler"
    monkeypatch.setenv(native.VARIABLE, "auto")
    assert native_pass.in_use() == "torch"
    assert Ensemble(ModelConfig(), 3, 2, 12)(torch.randn(2, 12, 3)).shape == (1, 2, 2, 3)
    monkeypatch.setenv(native.VARIABLE, "on")
    with pytest.raises(ConfigError, match="there is no C compiler; install one"):
        native_pass.in_use()


def test_a_library_that_was_merely_never_built_says_how_to_build_it(
    no_library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: "/usr/bin/cc")
    reason = native_pass.fault()
    assert "not been built yet" in reason
    assert str(no_library.SOURCES / "build.py") in reason


@pytest.mark.skipif(not Path("/bin/false").exists(), reason="needs a command that fails")
def test_a_compiler_that_fails_is_not_asked_again(
    no_library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "compiler", lambda: "/bin/false")
    assert no_library.is_due()
    assert "ended with 1" in no_library.build()
    assert not no_library.is_due()
    assert native_pass.in_use() == "torch"
    assert "could not be compiled" in native_pass.fault()


def test_a_library_that_is_damaged_is_not_loaded(no_library: ModuleType) -> None:
    no_library.BUILT.mkdir()
    no_library.library_path().write_bytes(b"nothing")
    assert "cannot be loaded" in native_pass.fault()
    assert native_pass.in_use() == "torch"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_compiler_at_hand_builds_it(no_library: ModuleType) -> None:
    assert no_library.build() == ""
    assert [path.suffix for path in no_library.BUILT.iterdir()] == [
        no_library.library_path().suffix
    ]
    assert native_pass.fault() == ""
