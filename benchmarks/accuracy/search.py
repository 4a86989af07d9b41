"""What the search for settings finds where there is nothing, and where there is something.

Usage: python benchmarks/accuracy/search.py correction [--draws 2000]
       python benchmarks/accuracy/search.py walks [--seeds 20] [--trials 8]
       python benchmarks/accuracy/search.py planted [--seeds 10] [--trials 12]

``correction`` simulates losses alone: M trials that are worth nothing, correlated by a common part,
of which the least is chosen on N dates and tested on the same dates (the worst case, in which a
choice is judged where it was made). It prints how often that is called better than the defaults at
5 %: without a correction, with Sidak's for M tries, for the effective number of tries, and by
White's and Hansen's tests. ``walks`` runs whole searches on random walks; ``planted`` on series
whose next return hangs on the sign of the return some 30 bars ago, beyond the lookback of the
defaults.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
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
_LAG = 30
SPACE = {
    "input_size": [5, 10, 40],
    "model": ["rnn", "lstm", "gru"],
    "hidden_size": [4, 8, 16],
    "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "dropout": [0.0, 0.3],
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


def planted(seed: int, bars: int = 900) -> PriceSeries:
    """Return a series whose next return has the sign of the one of 30 bars ago, three times in
    four.
    """
    rng = np.random.default_rng(5_000 + seed)
    returns = 0.01 * rng.normal(size=bars)
    for t in range(_LAG, bars):
        follows = 1.0 if rng.random() < 0.85 else -1.0
        returns[t] = follows * np.sign(returns[t - _LAG]) * abs(returns[t])
    ds = np.datetime64("2018-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return PriceSeries("PLANTED", ds, ("close",), 100 * np.exp(np.cumsum(returns))[:, None])


def searches(make: Callable[[int], PriceSeries], seeds: int, trials: int, **settings: Any) -> None:
    config = RunConfig().changed(
        horizon=1, input_size=10, device="cpu", baselines="drift", **settings
    )
    space = space_from(SPACE, config)
    won, walk, done = 0, 0, 0
    started = time.process_time()
    for seed in range(seeds):
        plan = SearchPlan(Budget(trials=trials))
        job = jobs.search(Panel((make(seed),)), config.changed(seed=seed), plan, space)
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
        f"Better than the defaults: {won} of {seeds}; than the best baseline: {walk} of {seeds}; "
        f"{done} trials, {60 * done / seconds:.1f} a CPU minute."
    )


def _quiet(job: Iterator[Any]) -> Iterator[Any]:
    yield from job


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("correction", "walks", "planted"))
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=8)
    chosen = parser.parse_args()
    if chosen.what == "correction":
        correction(chosen.draws, np.random.default_rng(0))
    elif chosen.what == "walks":
        searches(
            lambda seed: simulated_walk(600, seed),
            chosen.seeds,
            chosen.trials,
            epochs=chosen.epochs,
        )
    else:
        settings = {"epochs": chosen.epochs, "weight_decay": 0.01, "dropout": 0.0}
        searches(planted, chosen.seeds, chosen.trials, **settings)


if __name__ == "__main__":
    main()
