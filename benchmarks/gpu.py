"""A gradient step on a GPU: ours, a bare cuDNN loop, and the recurrent layer alone, taking turns;
and on a panel of many series.

Usage: python -m benchmarks.gpu [--device cuda] [--models lstm gru] [--sizes 256x64 1024x128]
[--series 10000] [--rounds 7] [--out FOLDER]

Prices are synthetic random walks. Lookback 60, horizon 5, float32, wall milliseconds with the
device waited for at both ends. The bare loop is torch.nn, a gather of the same windows, a linear
head, the pinball loss and torch's fused AdamW; the layer alone runs forwards and backwards on a
fixed batch. Goal: ours at most 1.15 times the layer alone. With --device cpu it runs anywhere, to
see that it runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.memory import synthetic
from benchmarks.peers.environment import deliver
from forecasting.config import RunConfig
from forecasting.series import Panel
from forecasting.training.checkpoint import Autosave
from forecasting.training.step_norms import Rows
from forecasting.training.trainer import TRAIN_LEVELS, Trainer, untrained
from forecasting.windows import split_panel

CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
BARS, STEPS = 300, 20


class Contestants:
    """Three ways to take the same steps."""

    def __init__(
        self, panel: Panel, model: str, batch: int, hidden: int, device: torch.device
    ) -> None:
        config = RunConfig().changed(
            model=model,
            hidden_size=hidden,
            batch_size=batch,
            input_size=60,
            horizon=5,
            device=str(device),
        )
        split = split_panel(panel, config.task)
        started = time.perf_counter()
        windows, forecaster = untrained(panel, split, config, device)
        self.prepared = time.perf_counter() - started
        self.run = Trainer(
            forecaster, windows, split, panel, lambda: False, lambda: False, Autosave(None)
        )
        self.run.network.train()
        drawn = self.run.objective.sample_epoch(torch.Generator().manual_seed(0))
        self.batches = [some for some in drawn.split(batch)[: STEPS + 1] if len(some) == batch]
        self.cell = CELLS[model](windows.inputs, hidden, batch_first=True).to(device)
        self.head = nn.Linear(hidden, 5 * len(TRAIN_LEVELS)).to(device)
        self.levels = torch.tensor(TRAIN_LEVELS, device=device)
        self.optimiser = torch.optim.AdamW(
            [*self.cell.parameters(), *self.head.parameters()], lr=5e-4, fused=True
        )
        self.fixed = windows.window(self.batches[0])

    def ours(self, some: Tensor) -> None:
        self.run.step(some, 5e-4)
        self.run._is_not_finite(last=False)

    def bare(self, some: Tensor) -> None:
        outputs, _ = self.cell(self.run.windows.window(some))
        error = self.run.windows.target(some).unsqueeze(-1) - self.head(outputs[:, -1]).view(
            len(some), -1, len(self.levels)
        )
        loss: Tensor = torch.maximum(self.levels * error, (self.levels - 1) * error).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def layer(self, some: Tensor) -> None:
        outputs, _ = self.cell(self.fixed)
        torch.autograd.grad(outputs[:, -1].sum(), list(self.cell.parameters()))

    def timed(self, step: Callable[[Tensor], None]) -> float:
        """Return the wall milliseconds of a step."""
        waited = torch.cuda.synchronize if self.fixed.device.type == "cuda" else lambda: None
        waited()
        started = time.perf_counter()
        for number in range(STEPS):
            step(self.batches[number % len(self.batches)])
        waited()
        self.run.seen = Rows()
        return 1e3 * (time.perf_counter() - started) / STEPS


def row(
    name: str, model: str, batch: int, hidden: int, contestants: Contestants, rounds: int
) -> dict[str, Any]:
    """Let the three take turns; the first round warms up."""
    ways = (contestants.ours, contestants.bare, contestants.layer)
    taken = [[contestants.timed(way) for way in ways] for _ in range(rounds + 1)][1:]
    ours, bare, layer = (median(column) for column in zip(*taken, strict=True))
    return {
        "panel": name,
        "network": model.upper(),
        "batch, hidden": f"{batch}, {hidden}",
        "ours, ms": f"{ours:.2f}",
        "bare loop": f"{bare:.2f}",
        "layer alone": f"{layer:.2f}",
        "ours / bare": f"{median(item[0] / item[1] for item in taken):.2f}",
        "ours / layer": f"{median(item[0] / item[2] for item in taken):.2f}",
        "scales and windows, s": f"{contestants.prepared:.1f}",
    }


def main() -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--device", default="cuda")
    made.add_argument("--models", nargs="+", default=["lstm", "gru"])
    made.add_argument("--sizes", nargs="+", default=["256x64", "1024x128"], metavar="BATCHxHIDDEN")
    made.add_argument(
        "--series", type=int, default=10_000, help="Of the large panel; 0 leaves it out"
    )
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--out", type=Path)
    asked = made.parse_args()
    if asked.device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit(
            "There is no CUDA device here. --device cpu runs the same, to see that it runs."
        )
    device, rows = torch.device(asked.device), []
    for count in filter(None, (20, asked.series)):
        panel = synthetic(count, BARS)
        for model in asked.models:
            for batch, hidden in (map(int, size.split("x")) for size in asked.sizes):
                contestants = Contestants(panel, model, batch, hidden, device)
                rows.append(
                    row(f"{count:,} series", model, batch, hidden, contestants, asked.rounds)
                )
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    deliver("gpu", {"device": name}, rows, asked.out)


if __name__ == "__main__":
    main()
