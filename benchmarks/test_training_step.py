"""What a training step of each network costs, and what watching the gradients and keeping the
training cost beside it.

Run as a script it prints the share of a training's CPU time that each of the two takes (medians of
some runs):

    python -m benchmarks.test_training_step [RUNS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch

from forecasting.config import RunConfig
from forecasting.models import MODELS, Ensemble
from forecasting.series import Panel, PriceSeries
from forecasting.training import AdamW, fit
from forecasting.training.checkpoint import Autosave
from forecasting.training.gradients import GradientProbe
from forecasting.windows import split_panel


@pytest.mark.parametrize("model", MODELS)
def test_step(benchmark: Any, model: str) -> None:
    torch.set_num_threads(1)
    network = Ensemble(RunConfig().changed(model=model, hidden_size=32).model, 6, 20, 60)
    optimiser, window = AdamW(network.parameters(), 0.0), torch.randn(64, 60, 6)

    def step() -> None:
        network(window).square().sum().backward()
        optimiser.step(1e-3)

    benchmark(step)


def walk(bars: int = 8000) -> Panel:
    draw = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, bars)))
    ds = np.busday_offset("1990-01-01", np.arange(bars), roll="forward").astype("datetime64[us]")
    return Panel((PriceSeries("WALK", ds, ("close",), close[:, None]),))


@contextmanager
def timed(owner: type, name: str) -> Iterator[list[float]]:
    """Collect the CPU seconds that each call of a method takes."""
    spent: list[float] = []
    method = getattr(owner, name)

    def wrapped(*args: Any) -> Any:
        started = time.process_time()
        try:
            return method(*args)
        finally:
            spent.append(time.process_time() - started)

    setattr(owner, name, wrapped)
    try:
        yield spent
    finally:
        setattr(owner, name, method)


def main(runs: int) -> None:
    panel = walk()
    for model, layers, lookback, epochs in (
        ("lstm", 1, 60, 8),
        ("lstm", 2, 250, 2),
        ("gru", 1, 60, 2),
        ("transformer", 2, 60, 2),
    ):
        config = RunConfig().changed(
            model=model,
            layers=layers,
            input_size=lookback,
            epochs=epochs,
            patience=epochs,
            device="cpu",
        )
        shares = []
        for _ in range(runs):
            with (
                TemporaryDirectory() as folder,
                timed(GradientProbe, "look") as looks,
                timed(Autosave, "save") as saves,
            ):
                started = time.process_time()
                for _ in fit(
                    panel,
                    split_panel(panel, config.task),
                    config,
                    lambda: False,
                    autosave=Path(folder) / "kept.training",
                ):
                    pass
                total = time.process_time() - started
            shares.append((total, len(looks), sum(looks) / total, len(saves), sum(saves) / total))
        total, looked, looking, saved, saving = (
            median(column) for column in zip(*shares, strict=True)
        )
        print(
            f"{model}, {layers} layers, lookback {lookback}: {total:.1f} CPU s; "
            f"{looked:.0f} looks at the gradients {looking:.2%}, {saved:.0f} savings {saving:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
