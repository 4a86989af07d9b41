"""What a search for settings costs, and what the cheaper search gives away.

Usage: python benchmarks/accuracy/search_cost.py grid --data FILE [--series 10] [--bars 400]
                                                      [--trials 40] [--epochs 4] [--searches 3]
       python benchmarks/accuracy/search_cost.py speed [--trials 16] [--epochs 8]
       python benchmarks/accuracy/search_cost.py workers [--trials 16] [--epochs 8]

``grid`` judges every point of a grid of 200 on all validation blocks, and compares the best loss
and the CPU seconds with those of searches among the same points, each with a seed of its own.
``speed`` compares trials a CPU minute with trainings a CPU minute in this process, and with calls
of ``candlecast forecast``. ``workers`` compares one process with two.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.audit import simulated_walk
from forecasting.search import (
    Budget,
    SearchPlan,
    SearchSpace,
    Trial,
    TrialEnded,
    Trials,
    blocks_before_test,
)
from forecasting.search.blocks import run_block
from forecasting.search.space import space_from
from forecasting.sources import source

GRID = {
    "input_size": [5, 10, 20, 30, 40],
    "model": ["rnn", "lstm", "gru", "transformer"],
    "hidden_size": [2, 4, 8, 16, 32],
    "learning_rate": [1e-3, 5e-3],
}
SPACE = {
    "input_size": [2, 4, 8, 16],
    "model": ["rnn", "lstm", "gru", "transformer"],
    "hidden_size": [4, 8, 16, 32],
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "dropout": [0.0, 0.3],
}


def last_bars(path: str, series: int, bars: int) -> Panel:
    """Return the last bars of the first series of a file."""
    found = tuple(source(path).load())[:series]
    return Panel(tuple(replace(s, ds=s.ds[-bars:], values=s.values[-bars:]) for s in found))


def grid(panel: Panel, trials: int, epochs: int, searches: int) -> None:
    config = RunConfig().changed(
        horizon=5, input_size=20, device="cpu", baselines="drift", epochs=epochs,
        batch_size=128, learning_rate=1e-3, dropout=0.1,
    )  # fmt: skip
    space = space_from(GRID, config)
    whole, seconds = judged_grid(panel, config, space)
    losses = np.sort([trial.loss for trial in whole.items[1:]])
    best = min(whole.items[1:], key=lambda trial: trial.loss)
    print(
        f"grid of {len(losses)}: {seconds:.0f} CPU s, best {losses[0]:.4f} {whole.unit} "
        f"{dict(best.values)}, median {np.median(losses):.4f}, "
        f"tenth {losses[len(losses) // 20 - 1]:.4f}, worst {losses[-1]:.4f}",
        flush=True,
    )
    for seed in range(searches):
        loss, spent = searched(panel, config.changed(seed=seed), space, trials)
        print(
            f"search {seed} of {trials} trials: {loss:.4f}, {100 * (loss / losses[0] - 1):+.3f} % "
            f"beside the best of the grid, {spent:.0f} CPU s, {spent / seconds:.3f} of the grid's",
            flush=True,
        )


def judged_grid(panel: Panel, config: RunConfig, space: SearchSpace) -> tuple[Trials, float]:
    """Judge the defaults and every point on all blocks; return the trials and CPU seconds."""
    blocks = blocks_before_test(panel, config, 3)
    whole = Trials(blocks)
    names = [dimension.name for dimension in space.dimensions]
    points = itertools.product(*(dimension.choices for dimension in space.dimensions))
    started = time.process_time()
    for number, point in enumerate([(), *points]):
        values = dict(zip(names, point, strict=False))
        trial = Trial(number, values, config.changed(**values), np.full(len(blocks.dates), np.nan))
        whole.items.append(trial)
        for block in range(blocks.count):
            whole.record(trial, block, run_block(blocks.work(trial.config), block))
        trial.state = "complete"
    return whole, time.process_time() - started


def searched(
    panel: Panel, config: RunConfig, space: SearchSpace, trials: int, workers: int = 1
) -> tuple[float, float]:
    """Search without the look at the test part; return the least loss and CPU seconds."""
    started = time.process_time()
    job = jobs.search(panel, config, SearchPlan(Budget(trials=trials), workers=workers), space)
    ended = (event for event in job if isinstance(event, TrialEnded))
    *_, last = itertools.islice(ended, trials + 1)
    spent = time.process_time() - started
    job.close()
    return last.best_loss, spent


def small(epochs: int) -> tuple[Panel, RunConfig, SearchSpace]:
    """Return a random walk, settings and a space."""
    config = RunConfig().changed(
        horizon=1, input_size=10, device="cpu", baselines="drift", epochs=epochs
    )
    return Panel((simulated_walk(600, 0),)), config, space_from(SPACE, config)


def speed(trials: int, epochs: int) -> None:
    panel, config, space = small(epochs)
    list(jobs.train(panel, config.changed(epochs=1)))
    started = time.process_time()
    plan = SearchPlan(Budget(trials=trials), sampler="random")
    tried = [e for e in jobs.search(panel, config, plan, space) if isinstance(e, TrialEnded)][1:]
    search_s = time.process_time() - started
    started = time.process_time()
    for trial in tried:
        list(jobs.train(panel, trial.config))
    train_s = time.process_time() - started
    for name, seconds in (
        ("search, with both final trainings", search_s / trials),
        ("jobs.train in one process", train_s / len(tried)),
        ("candlecast forecast, a process each", _forecast_call(panel[0], epochs)),
    ):
        print(f"{name}: {seconds:.2f} CPU s each, {60 / seconds:.0f} a CPU minute")


def _forecast_call(series: PriceSeries, epochs: int) -> float:
    """Return CPU seconds of a call of the command line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "WALK.csv"
        dates = [str(date)[:10] for date in series.ds]
        rows = "\n".join(f"{d},{v:.6f}" for d, v in zip(dates, series.y, strict=True))
        path.write_text(f"Date,Close\n{rows}\n")
        words = [
            *("forecast", str(path), "--horizon", "1", "--input-size", "10", "--device", "cpu"),
            *("--baselines", "drift", "--epochs", str(epochs), "--no-journal"),
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        env = {**os.environ, "CANDLECAST_HOME": folder}
        subprocess.run(
            [sys.executable, "-m", "app", *words], env=env, check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def workers(trials: int, epochs: int) -> None:
    """Print wall seconds from the first trial's end to the last one's, and CPU seconds."""
    for count in (1, 2, 1, 2):
        panel, config, space = small(epochs)
        plan = SearchPlan(Budget(trials=trials), sampler="random", workers=count)
        before, ends = _cpu(), []
        job = jobs.search(panel, config, plan, space)
        for event in job:
            if isinstance(event, TrialEnded):
                ends.append(time.monotonic())
            if len(ends) == trials + 1:
                break
        job.close()
        wall, cpu = ends[-1] - ends[0], _cpu() - before
        print(
            f"{count} processes: {60 * trials / wall:.0f} trials a minute of the clock, "
            f"{cpu / trials:.3f} CPU s a trial with the start of the processes",
            flush=True,
        )


def _cpu() -> float:
    """Return CPU seconds of this process and of the children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("grid", "speed", "workers"))
    parser.add_argument("--data", default="")
    for name, default in (
        ("series", 10), ("bars", 400), ("trials", 16), ("epochs", 8), ("searches", 3)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    if chosen.what == "grid":
        panel = last_bars(chosen.data, chosen.series, chosen.bars)
        grid(panel, chosen.trials, chosen.epochs, chosen.searches)
    else:
        act: Any = speed if chosen.what == "speed" else workers
        act(chosen.trials, chosen.epochs)


if __name__ == "__main__":
    main()
