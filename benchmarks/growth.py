"""How cost grows with the lookback, the size of the network, the number of series and that of bars.

Usage: python -m benchmarks.growth [--rounds 3] [--models rnn lstm gru] [--out FOLDER]

On synthetic random walks with open, high, low, close and volume, one thread. Lookback and hidden
size: CPU milliseconds of one gradient step (batch 64), the median of rounds in which all sizes take
turns. Series and bars: CPU seconds of a whole fit of two epochs, features, volatility, baseline and
validation included. The exponent is that of a power law through all points (by least squares of
logarithms), at the end that between the two largest; ten times as much costs what stands beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.memory import synthetic
from benchmarks.peers.environment import deliver
from forecasting.config import RunConfig
from forecasting.events import SplitMade
from forecasting.series import Panel
from forecasting.training import fit
from forecasting.training.checkpoint import Autosave
from forecasting.training.step_norms import Rows
from forecasting.training.trainer import Trainer, untrained
from forecasting.windows import split_panel

LOOKBACKS, HIDDEN = (15, 30, 60, 120, 240, 600), (8, 16, 32, 80, 160)
SERIES, BARS = (3, 10, 30, 100), (300, 1000, 3000, 10000)
STEPS = 10


class Steps:
    """Gradient steps of one network on prices of its own."""

    def __init__(self, **settings: Any) -> None:
        panel, config = (
            synthetic(3, 1500),
            RunConfig().changed(**settings, batch_size=64, horizon=5, device="cpu"),
        )
        split = split_panel(panel, config.task)
        windows, forecaster = untrained(panel, split, config, torch.device("cpu"))
        self.run = Trainer(
            forecaster, windows, split, panel, lambda: False, lambda: False, Autosave(None)
        )
        self.run.network.train()
        self.batch = self.run.objective.sample_epoch(torch.Generator().manual_seed(0))[:64]

    def __call__(self) -> float:
        """Return the CPU milliseconds of a step."""
        started = time.process_time()
        for _ in range(STEPS):
            self.run.step(self.batch, 5e-4)
        self.run.seen = Rows()
        return 1e3 * (time.process_time() - started) / STEPS


def fitted(panel: Panel, model: str) -> float:
    """Return the CPU seconds of a fit of two epochs."""
    config = RunConfig().changed(model=model, epochs=2, horizon=5, device="cpu")
    split = split_panel(panel, config.task)
    started = time.process_time()
    for event in fit(panel, split, config, lambda: False):
        if isinstance(event, SplitMade):
            torch.set_num_threads(1)
    return time.process_time() - started


def turns(contestants: dict[int, Callable[[], float]], rounds: int) -> dict[int, float]:
    """Let all sizes take turns; return the median of each, the first round left out."""
    taken: dict[int, list[float]] = {size: [] for size in contestants}
    for _ in range(rounds + 1):
        for size, measure in contestants.items():
            taken[size].append(measure())
    return {size: median(values[1:]) for size, values in taken.items()}


def exponent(costs: dict[int, float]) -> tuple[float, float]:
    """Return the power with which cost grows: over all sizes, and between the two largest."""
    sizes, spent = np.log(np.array(list(costs))), np.log(np.array(list(costs.values())))
    return float(np.polyfit(sizes, spent, 1)[0]), float(
        (spent[-1] - spent[-2]) / (sizes[-1] - sizes[-2])
    )


def row(what: str, model: str, unit: str, costs: dict[int, float]) -> dict[str, Any]:
    whole, last = exponent(costs)
    base = next(size for size in costs if 10 * size in costs)
    return {
        "grows": what,
        "network": model.upper(),
        "cost": unit,
        "at": ", ".join(f"{size}: {cost:.3g}" for size, cost in costs.items()),
        "exponent": f"{whole:.2f}",
        "at the end": f"{last:.2f}",
        "ten times": f"{base} to {10 * base}: {costs[10 * base] / costs[base]:.1f} x",
    }


def main() -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--models", nargs="+", default=["rnn", "lstm", "gru"])
    made.add_argument("--out", type=Path)
    asked = made.parse_args()
    torch.set_num_threads(1)
    rows, found = [], []

    def note(what: str, model: str, unit: str, costs: dict[int, float]) -> None:
        rows.append(row(what, model, unit, costs))
        found.append({"what": what, "model": model, "unit": unit, "costs": costs})
        print(rows[-1], file=sys.stderr, flush=True)

    for model in asked.models:
        by_lookback = {
            size: Steps(model=model, input_size=size, hidden_size=8) for size in LOOKBACKS
        }
        note("lookback (hidden 8)", model, "CPU ms a step", turns(by_lookback, asked.rounds))
        by_hidden = {size: Steps(model=model, input_size=60, hidden_size=size) for size in HIDDEN}
        note("hidden size (lookback 60)", model, "CPU ms a step", turns(by_hidden, asked.rounds))
    by_series = {size: partial(fitted, synthetic(size, 500), "lstm") for size in SERIES}
    note("series of 500 bars", "lstm", "CPU s a fit", turns(by_series, 1))
    by_bars = {size: partial(fitted, synthetic(2, size), "lstm") for size in BARS}
    note("bars of 2 series", "lstm", "CPU s a fit", turns(by_bars, 1))
    deliver("growth", {"found": found}, rows, asked.out)


if __name__ == "__main__":
    main()
