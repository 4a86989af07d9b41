"""What a search for settings costs, and what the cheaper search gives away.

Usage: python benchmarks/accuracy/search_cost.py grid --data FILE [--series 10] [--bars 400]
                                                      [--first 0] [--epochs 4] [--batch 128]
                                                      [--seed 0] --save GRID.pickle
       python benchmarks/accuracy/search_cost.py replay --save GRID.pickle [--trials 60]
                                                        [--searches 8]
       python benchmarks/accuracy/search_cost.py speed [--trials 16] [--epochs 8]
       python benchmarks/accuracy/search_cost.py workers [--trials 16] [--epochs 8]

``grid`` judges every point of a grid of 200 on all validation blocks, and saves losses and CPU
seconds; ``replay`` searches among these points, with a seed a search, and compares the best loss and
the CPU seconds. What is trained for the same settings and block is the same training in both, so
that a replay takes its losses and seconds from the file. Its own seconds are added.
``speed`` compares trials a CPU minute with trainings a CPU minute in this process, and with calls
of ``candlecast forecast``. ``workers`` compares one process with two.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.audit import simulated_walk
from forecasting.backtest.folds import folds_of, run_fold
from forecasting.backtest.work import Fold, Work
from forecasting.errors import CandlecastError
from forecasting.events import EpochEnd, Event
from forecasting.generators import run_to_end
from forecasting.search import (
    Budget,
    Crew,
    Means,
    SavedSearch,
    SearchPlan,
    SearchSpace,
    Trial,
    TrialEnded,
    Trials,
    blocks_before_test,
    make_sampler,
    run_trials,
)
from forecasting.search.blocks import BlockResult, EarlyCheck, OriginLosses
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


def last_bars(path: str, first: int, series: int, bars: int) -> Panel:
    """Return the last bars of some series of a file."""
    found = tuple(source(path).load())[first : first + series]
    return Panel(tuple(replace(s, ds=s.ds[-bars:], values=s.values[-bars:]) for s in found))


def grid(panel: Panel, config: RunConfig, path: Path) -> None:
    """Judge the defaults and every point on all blocks, in an order drawn at random, and save what
    came out.
    """
    blocks = blocks_before_test(panel, config, 3)
    points = [*itertools.product(*GRID.values())]
    order = np.random.default_rng(0).permutation(len(points))
    judged: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for point in [(), *(points[index] for index in order)]:
        work = blocks.work(config.changed(**dict(zip(GRID, point, strict=False))))
        judged[point] = [trained(work, fold) for fold in folds_of(work)]
        if len(judged) % 10 == 1:
            print(f"{len(judged) - 1} of {len(points)} points", flush=True)
            path.write_bytes(pickle.dumps((panel, config, judged)))


def trained(work: Work, fold: Fold) -> dict[str, Any]:
    """Train and judge one block; return its losses, and validation losses and CPU seconds by
    epoch.
    """
    started, validation, seconds = time.process_time(), [], []

    def see(event: Event) -> None:
        if isinstance(event, EpochEnd):
            validation.append(event.val_loss)
            seconds.append(time.process_time() - started)

    run = run_to_end(run_fold(work, fold, lambda: False), see)
    losses = OriginLosses.of(next(iter(run.outcomes.values())))
    spent = time.process_time() - started
    return {"losses": losses, "validation": validation, "at": seconds, "seconds": spent}


class Replay(Crew):
    """Answers with what was saved of a grid, and adds up what it cost."""

    def __init__(self, config: RunConfig, judged: dict[tuple[Any, ...], Any]) -> None:
        self._judged, self._defaults = judged, config.changed(test_size=0).to_json()
        self.seconds = 0.0

    def submit(
        self, work: Work, number: int, should_stop: Any, check: EarlyCheck | None = None
    ) -> Future[BlockResult]:
        """Return the block of the grid that these settings name."""
        config, there = work.config.changed(test_size=0), self._judged
        values = (config.task.input_size, config.model.model, config.model.hidden_size)
        point = (*values, config.train.learning_rate)
        row = there[() if config.to_json() == self._defaults else point][number]
        least = np.minimum.accumulate(row["validation"]) / row["validation"][0]
        unit, checked, given_up = f"{row['validation'][0]:.6g}", 0.0, False
        spent = row["seconds"]
        if check is not None and check.epoch < len(least) - 1:
            checked = float(least[check.epoch])
            given_up = not check.passes(unit, checked)
            if given_up:
                spent -= row["at"][-1] - row["at"][check.epoch]
        self.seconds += spent
        losses, ratio = {"network": row["losses"]}, float(least[-1])
        future: Future[BlockResult] = Future()
        future.set_result(BlockResult(losses, False, unit, ratio, checked, given_up))
        return future

    def close(self) -> None:
        """Leave nothing."""


def replay(path: Path, trials: int, searches: int) -> None:
    panel, config, judged = pickle.loads(path.read_bytes())
    space, blocks = space_from(GRID, config), blocks_before_test(panel, config, 3)
    everything = Trials(blocks)
    for number, (point, rows) in enumerate(judged.items()):
        blank = np.full(len(blocks.dates), np.nan)
        trial = Trial(number, dict(zip(GRID, point, strict=False)), config, blank)
        everything.items.append(trial)
        try:
            for block, row in enumerate(rows):
                everything.record(trial, block, BlockResult({"network": row["losses"]}, False))
        except CandlecastError as error:  # as in a search, where such a trial fails
            everything.items.remove(trial)
            print(f"{point}: {error.message}")
    losses = np.array([trial.loss for trial in everything.items[1:]])
    least, whole = losses.min(), sum(row["seconds"] for rows in judged.values() for row in rows)
    print(
        f"grid of {len(losses)}: {whole:.0f} CPU s, best {least:.5f} {everything.unit}, behind it "
        f"in %: tenth {behind(np.sort(losses)[9], least):.3f}, median "
        f"{behind(float(np.median(losses)), least):.3f}, worst {behind(losses.max(), least):.3f}"
    )
    for seed in range(searches):
        started = time.process_time()
        crew, found = Replay(config, judged), Trials(blocks)
        sampler = make_sampler("auto", space, seed)
        budget = Budget(trials=trials)
        list(run_trials(found, Means(config, space, sampler, budget, crew, (), SavedSearch(None))))
        spent = crew.seconds + time.process_time() - started
        reached = [sum(len(t.ratios) > n for t in found.items[1:]) for n in range(blocks.count)]
        print(
            f"search {seed} of {trials} trials: {behind(found.best.loss, least):+.3f} % behind, "
            f"{spent / whole:.3f} of the CPU s, trained to the end of block 1, 2, 3: {reached}, "
            f"{dict(found.best.values)}"
        )


def behind(loss: float, best: float) -> float:
    """Return by how many percent a loss is above the best."""
    return 100 * (loss / best - 1)


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
    parser.add_argument("what", choices=("grid", "replay", "speed", "workers"))
    parser.add_argument("--data", default="")
    parser.add_argument("--save", type=Path, default=Path("grid.pickle"))
    for name, default in (
        ("first", 0), ("series", 10), ("bars", 400), ("trials", 16), ("epochs", 8), ("batch", 128),
        ("seed", 0), ("searches", 8),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    if chosen.what == "grid":
        panel = last_bars(chosen.data, chosen.first, chosen.series, chosen.bars)
        config = RunConfig().changed(
            horizon=5, input_size=20, device="cpu", baselines="drift", epochs=chosen.epochs,
            batch_size=chosen.batch, learning_rate=1e-3, dropout=0.1, seed=chosen.seed,
        )  # fmt: skip
        grid(panel, config, chosen.save)
    elif chosen.what == "replay":
        replay(chosen.save, chosen.trials, chosen.searches)
    else:
        act: Any = speed if chosen.what == "speed" else workers
        act(chosen.trials, chosen.epochs)


if __name__ == "__main__":
    main()
