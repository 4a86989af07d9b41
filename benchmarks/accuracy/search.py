"""What the search for settings finds where there is nothing, and where there is something.

Usage: python benchmarks/accuracy/search.py correction [--draws 2000]
       python benchmarks/accuracy/search.py walks [--seeds 20] [--trials 8]
       python benchmarks/accuracy/search.py planted [--seeds 20] [--trials 16] [--epochs 30]
       python benchmarks/accuracy/search.py short [--seeds 12] [--trials 16] [--epochs 30]
       python benchmarks/accuracy/search.py speed [--trials 16] [--epochs 8]

``correction`` simulates losses alone: M trials that are worth nothing, correlated by a common part,
of which the least is chosen on N dates and tested on the same dates (the worst case, in which a
choice is judged where it was made). It prints how often that is called better than the defaults at
5 %: without a correction, with Sidak's for M tries, for the effective number of tries, and by
White's and Hansen's tests. ``walks`` runs whole searches on random walks; ``planted`` on series whose next return is higher
after a large move of either sign five bars ago and lower after a small one, where the defaults read
four bars: no linear model and no shorter lookback sees that. ``short`` runs them on panels of short
monthly series (level, trend, season, noise; 22 to 108 points, as of CIF 2016). ``speed`` compares
trials a CPU minute with trainings a CPU minute in this process, and with calls of
``candlecast forecast``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.audit import simulated_walk
from forecasting.search import (
    Budget,
    SearchFinished,
    SearchPlan,
    effective_tries,
    reality_check,
)
from forecasting.search.space import space_from
from forecasting.verdict import diebold_mariano

_DATES = 120
_LAG = 5
_SIZE, _MEDIAN_MOVE = 0.008, 0.00674
SPACE = {
    "input_size": [2, 4, 8, 16],
    "model": ["rnn", "lstm", "gru", "transformer"],
    "hidden_size": [4, 8, 16, 32],
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "dropout": [0.0, 0.3],
}
#: Settings that matter for short series.
SHORT = {
    "input_size": [2, 4, 8, 12],
    "model": ["rnn", "lstm", "gru", "transformer"],
    "hidden_size": [2, 4, 8, 16],
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "dropout": [0.0, 0.3],
    "target": ["auto", "seasonal"],
}


def correction(draws: int, rng: np.random.Generator) -> None:
    print("trials  alike  tries  none  all M  effective  White  Hansen   (false alarms, %)")
    for trials in (5, 20, 50):
        for alike in (0.0, 0.5, 0.9, 0.99):
            print(_false_alarms(trials, alike, draws, rng), flush=True)


def _false_alarms(trials: int, alike: float, draws: int, rng: np.random.Generator) -> str:
    """Return a line of false alarms among ``draws`` panels of worthless trials."""
    hits, tries = np.zeros(5), 0.0
    for _ in range(draws):
        common = rng.normal(size=(_DATES, 1))
        own = rng.normal(size=(_DATES, trials))
        gains = np.sqrt(alike) * common + np.sqrt(1 - alike) * own
        best = gains[:, int(np.argmax(gains.mean(axis=0)))]
        p = diebold_mariano(best) if best.mean() > 0 else 1.0
        count = float(np.ceil(effective_tries(gains)))
        check = reality_check(gains, draws=400, seed=int(rng.integers(2**31)))
        sidak = [1 - (1 - p) ** m for m in (1, trials, count)]
        hits += np.array([*sidak, check.white, check.hansen]) < 0.05
        tries += count / draws
    rates = "  ".join(f"{100 * rate:6.1f}" for rate in hits / draws)
    return f"{trials:6d}  {alike:5.2f}  {tries:5.1f}  {rates}"


def planted(seed: int, bars: int = 1500) -> PriceSeries:
    """Return a series whose next return is higher after a large move of either sign five bars
    ago, and lower after a small one: no linear model and no shorter lookback sees it.
    """
    rng = np.random.default_rng(5_000 + seed)
    returns = 0.01 * rng.normal(size=bars)
    for t in range(_LAG, bars):
        returns[t] += _SIZE if abs(returns[t - _LAG]) > _MEDIAN_MOVE else -_SIZE
    ds = np.datetime64("2018-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return PriceSeries("PLANTED", ds, ("close",), 100 * np.exp(np.cumsum(returns))[:, None])


def short_panel(seed: int, count: int = 12) -> Panel:
    """Return monthly series of level, trend, season and noise, of 22 to 108 points each."""
    rng = np.random.default_rng(9_000 + seed)
    made = []
    for number in range(count):
        bars = int(rng.integers(60, 109)) if number else 108
        t = np.arange(bars)
        level, trend = rng.uniform(50, 500), rng.normal(0, 0.004)
        season = rng.uniform(0.02, 0.2) * np.sin(2 * np.pi * (t % 12) / 12 + rng.uniform(0, 6.3))
        noise = rng.uniform(0.01, 0.06) * rng.normal(size=bars)
        values = level * np.exp(trend * t + season + noise)
        months = np.datetime64("2010-01", "M") + t
        ds = months.astype("datetime64[D]").astype("datetime64[us]")
        made.append(PriceSeries(f"M{number:02}", ds, ("close",), values[:, None], freq="1M"))
    return Panel(tuple(made))


def speed(trials: int, epochs: int) -> None:
    config = RunConfig().changed(
        horizon=1, input_size=10, device="cpu", baselines="drift", epochs=epochs
    )
    space = space_from(SPACE, config)
    panel = Panel((simulated_walk(600, 0),))
    list(jobs.train(panel, config.changed(epochs=1)))
    started = time.process_time()
    plan = SearchPlan(Budget(trials=trials), sampler="random")
    found = next(
        e for e in jobs.search(panel, config, plan, space) if isinstance(e, SearchFinished)
    )
    searched = time.process_time() - started
    started = time.process_time()
    configs = [trial.config for trial in found.trials.items[1:]]
    for each in configs:
        list(jobs.train(panel, each))
    trained = time.process_time() - started
    called = _forecast_call(panel[0], epochs)
    for name, seconds in (
        ("search, with both final trainings", searched / trials),
        ("jobs.train in one process", trained / len(configs)),
        ("candlecast forecast, a process each", called),
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


def searches(
    make: Callable[[int], PriceSeries | Panel],
    seeds: range,
    trials: int,
    space: dict[str, Any] = SPACE,
    **settings: Any,
) -> None:
    usual = {"horizon": 1, "input_size": 4, "device": "cpu", "baselines": "drift"}
    config = RunConfig().changed(**{**usual, **settings})
    searched = space_from(space, config)
    won, walk, done = 0, 0, 0
    started = time.process_time()
    for seed in seeds:
        plan = SearchPlan(Budget(trials=trials))
        made = make(seed)
        panel = made if isinstance(made, Panel) else Panel((made,))
        job = jobs.search(panel, config.changed(seed=seed), plan, searched)
        found = next(e for e in _quiet(job) if isinstance(e, SearchFinished))
        verdict = found.verdict
        won += verdict.outcome == "beats"
        walk += verdict.baselines is not None and verdict.baselines.outcome == "beats"
        done += verdict.trials
        print(
            f"{seed:3d}  {verdict.outcome:6s} p = {verdict.p_value:.3f} "
            f"(uncorrected {verdict.p_value_uncorrected:.3f}), skill {100 * verdict.skill:+.2f} %, "
            f"tries {verdict.tries:g}, White {verdict.white:.2f}, Hansen {verdict.hansen:.2f}, "
            f"best {dict(found.best.values)}",
            flush=True,
        )
    seconds = time.process_time() - started
    print(
        f"Better than the defaults: {won} of {len(seeds)}; than the best baseline: {walk} of {len(seeds)}; "
        f"{done} trials, {60 * done / seconds:.1f} a CPU minute."
    )


def _quiet(job: Iterator[Any]) -> Iterator[Any]:
    yield from job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("correction", "walks", "planted", "short", "speed"))
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    if chosen.what == "correction":
        correction(chosen.draws, np.random.default_rng(0))
    elif chosen.what == "walks":
        searches(
            lambda seed: simulated_walk(600, seed),
            seeds,
            chosen.trials,
            epochs=chosen.epochs,
        )
    elif chosen.what == "speed":
        speed(chosen.trials, chosen.epochs)
    elif chosen.what == "short":
        settings = {"epochs": chosen.epochs, "horizon": 6, "input_size": 12, "test_size": 18}
        searches(short_panel, seeds, chosen.trials, SHORT, val_size=12, **settings)
    else:
        settings = {
            "epochs": chosen.epochs,
            "dropout": 0.0,
            "hidden_size": 16,
            "learning_rate": 3e-3,
        }
        searches(planted, seeds, chosen.trials, **settings)


if __name__ == "__main__":
    main()
