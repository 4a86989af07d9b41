"""The native kernel beside torch, taking turns: gradient steps, whole trainings, walk-forward tests.

Usage: python -m benchmarks.native_kernel steps|training|walk [PANEL.csv.gz] [--rounds 5]
[--models lstm gru rnn] [--series 20] [--refit 50] [--epochs N] [--horizon H]

One thread, one process; CPU seconds. Each round measures ``CANDLECAST_KERNEL=off`` and then ``on``
(steps: a bare torch loop before them); ratios are those of neighbours. Trainings say their best
epoch and loss too: these must agree.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import torch

from benchmarks.peers import ours
from forecasting import Panel, RunConfig, native
from forecasting.config import QUANTILES
from forecasting.models.native_pass import read_setting
from forecasting.sources import source
from forecasting.training.step_norms import Rows
from forecasting.windows import split_panel

SIZES = ((64, 8), (32, 32), (256, 64))


def timed(choice: str, work: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU seconds of some work with a choice of the kernel, and what it returned."""
    os.environ[native.VARIABLE] = choice
    read_setting()
    started = time.process_time()
    found = work()
    return time.process_time() - started, found


def quartiles_of(over: list[float], under: list[float]) -> str:
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    if len(ratios) < 3:
        return " ".join(f"{ratio:.2f}" for ratio in ratios)
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def steps(arguments: Any) -> None:
    for model in arguments.models:
        for batch, hidden in SIZES:
            loop = ours.Steps(arguments.panel, model, batch, hidden, 60, arguments.horizon, 1)
            count = 60 if batch * hidden < 5000 else 8
            rounds: dict[str, list[float]] = {"bare": [], "off": [], "on": []}
            for number in range(arguments.rounds + 1):
                for name, took in rounds.items():
                    run = loop.bare if name == "bare" else loop.ours
                    seconds, _ = timed("on" if name == "on" else "off", lambda: run(count))  # noqa: B023
                    if number:  # the first warms up
                        took.append(1e3 * seconds / count)
                loop.run.seen = Rows()
            means = ", ".join(f"{name} {median(took):.2f} ms" for name, took in rounds.items())
            print(
                f"{model} {batch} x {hidden}: {means}; on / bare {quartiles_of(rounds['on'], rounds['bare'])}, "
                f"on / off {quartiles_of(rounds['on'], rounds['off'])}, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def pairs(rounds: int, work: Callable[[], object]) -> None:
    work()
    took: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(rounds):
        for choice, seconds in took.items():
            used, found = timed(choice, work)
            seconds.append(used)
            print(f"  {choice}: {used:.2f} CPU s {found or ''}", flush=True)
    print(
        f"on / off {quartiles_of(took['on'], took['off'])}, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def training(arguments: Any) -> None:
    panel = Panel(source(arguments.panel).load()[: arguments.series])
    for model in arguments.models:
        config = RunConfig().changed(model=model, horizon=arguments.horizon, device="cpu")
        if arguments.epochs:
            config = config.changed(epochs=arguments.epochs)

        def work(config: RunConfig = config) -> str:
            last = ours.drained(panel, split_panel(panel, config.task), config)[0].history[-1]
            return f"best epoch {last.best_epoch} of {last.epoch}, loss {last.best_loss:.8f}"

        print(model)
        pairs(arguments.rounds, work)


def walk(arguments: Any) -> None:
    epochs = arguments.epochs or 2
    settings = {"input_size": 60, "hidden_size": 8, "batch_size": 128}
    settings |= {"epochs": epochs, "patience": epochs}

    def work() -> None:
        ours.walk(
            arguments.panel,
            arguments.series,
            arguments.horizon,
            249 + arguments.horizon,
            arguments.refit,
            settings,
            list(QUANTILES),
        )

    pairs(arguments.rounds, work)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("what", choices=["steps", "training", "walk"])
    made.add_argument("panel", nargs="?", default="sample:sp500")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--models", nargs="+", default=["lstm", "gru", "rnn"])
    made.add_argument("--series", type=int, default=20)
    made.add_argument("--refit", type=int, default=50)
    made.add_argument("--epochs", type=int, default=0)
    made.add_argument("--horizon", type=int, default=5)
    arguments = made.parse_args()
    torch.set_num_threads(1)
    {"steps": steps, "training": training, "walk": walk}[arguments.what](arguments)


if __name__ == "__main__":
    main()
