"""What a training step costs beside time: facts that a machine's load does not change, each
against a written ceiling.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forecasting import native
from forecasting.config import RunConfig
from forecasting.events import EpochEnd, Event
from forecasting.series import Panel, PriceSeries
from forecasting.training import fit
from forecasting.training.checkpoint import Autosave
from forecasting.training.trainer import Trainer, untrained
from forecasting.windows import split_panel

#: What each network makes in one step (32 windows of 60 bars): calls of Python and C functions,
#: operations, and tensors with memory.
TODAY = {"rnn": (586, 1380, 111), "lstm": (253, 421, 117), "gru": (973, 3052, 115)}
#: The same through the native kernel, whatever the network.
NATIVE = (544, 195, 42)
#: Room for another Python or torch; a loop over bars that was not there, or a second look at each
#: step, takes more.
ROOM = 1.15


def walk(bars: int = 300) -> Panel:
    close = 50 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, bars)))
    ds = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[us]")
    return Panel((PriceSeries("WALK", ds, ("close",), close[:, None]),))


def settings(model: str, **more: Any) -> RunConfig:
    return RunConfig().changed(
        model=model, input_size=60, hidden_size=8, batch_size=32, device="cpu", **more
    )


class Step:
    """One gradient step of a training, to be taken again and again."""

    def __init__(self, model: str) -> None:
        panel, config = walk(), settings(model)
        split = split_panel(panel, config.task)
        windows, forecaster = untrained(panel, split, config, torch.device("cpu"))
        self.run = Trainer(
            forecaster, windows, split, panel, lambda: False, lambda: False, Autosave(None)
        )
        self.run.network.train()
        self.batch = self.run.objective.sample_epoch(torch.Generator().manual_seed(0))[:32]

    def __call__(self) -> None:
        self.run.step(self.batch, 5e-4)
        self.run._is_not_finite(last=False)


def profiled(work: Callable[[], object], seen: Callable[[Any, str, Any], None]) -> None:
    """Do some work, and tell of each call in it."""
    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)


def calls_of(step: Step) -> int:
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    profiled(step, seen)
    return count


@pytest.fixture(params=["off", "on"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Compute by torch, and by the native kernel where there is one."""
    chosen = str(request.param)
    if chosen == "on" and isinstance(native.load(), str):
        pytest.skip(f"no native kernel: {native.load()}")
    monkeypatch.setenv(native.VARIABLE, chosen)
    return chosen


@pytest.mark.parametrize("model", TODAY)
def test_a_step_makes_no_more_calls_and_tensors_than_it_did(kernel: str, model: str) -> None:
    step = Step(model)
    for _ in range(2):  # what is made once is made by now
        step()
    calls = calls_of(step)
    # Of torch's profilers the one that does not import its compiler, which takes seconds.
    profiler = pytest.importorskip("torch.autograd.profiler_legacy")
    with profiler.profile(profile_memory=True) as recorded:
        step()
    events = recorded.function_events
    allocated = sum(event.self_cpu_memory_usage > 0 for event in events)
    found = (calls, sum(event.name.startswith("aten::") for event in events), allocated)
    for name, now, then in zip(
        ("calls", "operations", "tensors allocated"),
        found,
        TODAY[model] if kernel == "off" else NATIVE,
        strict=True,
    ):
        assert now <= ROOM * then, (
            f"A step of {model} makes {now} {name}; it made {then}. All: {found}"
        )


def test_the_gate_tells_one_more_operation_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from forecasting.models import fused

    monkeypatch.setenv(native.VARIABLE, "off")
    honest = fused.state_buffer

    def wasteful(start: torch.Tensor, length: int) -> torch.Tensor:
        for _ in range(length):
            start = start + 0
        return honest(start, length)

    monkeypatch.setattr(fused, "state_buffer", wasteful)
    with pytest.raises(AssertionError, match="A step of rnn makes"):
        test_a_step_makes_no_more_calls_and_tensors_than_it_did("off", "rnn")


def of_the_compiler(work: Callable[[], object]) -> set[str]:
    """Do some work; return which functions of torch's compiler, or of what imports it, were
    called.
    """
    found = set()

    def seen(frame: Any, event: str, argument: Any) -> None:
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith(("torch._dynamo", "torch._compile")):
            found.add(f"{name}.{frame.f_code.co_qualname}")

    profiled(work, seen)
    return found


def test_training_does_without_torchs_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    # Once another test has imported the compiler, it stands around this one.
    monkeypatch.setattr(torch, "manual_seed", torch.random.manual_seed)
    panel, config = walk(), settings("lstm", epochs=1)
    split, events = split_panel(panel, config.task), list[Event]()
    assert not of_the_compiler(lambda: events.extend(fit(panel, split, config, lambda: False)))
    assert sum(isinstance(event, EpochEnd) for event in events) == 2
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)

    def optimiser() -> None:
        with pytest.raises(ImportError):
            torch._compile._disable_dynamo(len)([])  # as torch's own optimisers are wrapped

    assert of_the_compiler(optimiser)


def test_numbers_near_zero_are_flushed_in_a_step_and_nowhere_else() -> None:
    step, seen = Step("lstm"), []
    tiny = torch.tensor([1e-30])
    loss = step.run.objective.loss

    def looking(*args: Any) -> torch.Tensor:
        seen.append(float(tiny * 1e-10))
        return loss(*args)

    step.run.objective.loss = looking  # type: ignore[method-assign]
    step()
    afterwards = float(tiny * 1e-10)
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot")
    assert seen == [0.0]
    assert afterwards > 0


def test_the_comparison_with_bare_torch_takes_steps_of_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The benchmark reaches into the trainer; nothing else runs it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks" / "peers"))
    ours = importlib.import_module("ours")
    network = {"cell": "lstm", "batch": 8, "hidden": 2, "lookback": 5, "h": 1}
    words = {"panel": "sample:sp500", "threads": torch.get_num_threads(), **network}
    for who in ("ours", "bare"):
        assert ours.steps(key="one", who=who, few=1, many=2, **words).keys() >= {"cpu", "wall"}
