"""What the search for settings finds where there is nothing, and where there is something.

Usage: python benchmarks/accuracy/search.py correction [--draws 2000]
       python benchmarks/accuracy/search.py walks [--first 0] [--seeds 20] [--trials 8] [--bars 600]
       python benchmarks/accuracy/search.py planted [--first 0] [--seeds 20] [--bars 1500]
       python benchmarks/accuracy/search.py short [--first 0] [--seeds 12] [--trials 16]

``correction`` simulates losses alone: M trials that are worth nothing, correlated by a common part,
of which the least is chosen on N dates and tested on the same dates (the worst case, in which a
choice is judged where it was made). It prints how often that is called better than the defaults at
5 %: without a correction, with Sidak's for M tries, for the effective number of tries, and by
White's and Hansen's tests. ``walks`` runs whole searches on random walks; ``planted`` on series
whose next return is higher after a large move of either sign five bars ago and lower after a small
one, where the defaults read four bars: no linear model and no shorter lookback sees that. ``short``
runs them on the monthly panels of ``general.py`` (level, trend, season, noise; 22 to 108 points, as
of CIF 2016): from the target of prices, from the defaults for daily bars, and from those that suit
months. ``start`` is the default for months before its training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from general import simulated

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.audit import simulated_walk
from forecasting.evidence import clopper_pearson
from forecasting.search import (
    Budget,
    SearchFinished,
    SearchPlan,
    effective_tries,
    reality_check,
)
from forecasting.search.blocks import OriginLosses
from forecasting.search.space import SearchSpace, space_from
from forecasting.search.verdict import DEFAULTS
from forecasting.series import Outcomes
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
#: Series of a panel of short ones.
_SHORT_SERIES = 36


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


def short(seeds: range, trials: int, epochs: int) -> None:
    """Search on short monthly series from several settings, and print losses on the test part: of
    the settings at the start, of what was found from each, and of the best baseline.
    """
    shares: dict[str, list[float]] = {}
    for seed in seeds:
        panel = Panel(tuple(simulated("monthly", seed))[:_SHORT_SERIES])
        daily = RunConfig().changed(horizon=6, input_size=15, test_size=18, val_size=12)
        daily = daily.changed(device="cpu", epochs=epochs, baselines="auto,ets", seed=seed)
        monthly = jobs.suited(panel, daily)[0]
        losses = _losses_from("prices", panel, daily.changed(target="log-return"), trials)
        losses |= _losses_from("daily", panel, daily, trials)
        losses |= _losses_from("monthly", panel, monthly, trials)
        still = _search(panel, monthly.changed(epochs=1, learning_rate=1e-9), 1, None)
        losses["start"] = _scaled(still.outcomes[DEFAULTS])
        print(f"{seed:3d}  " + ", ".join(f"{k} {v:.4f}" for k, v in losses.items()), flush=True)
        for name, loss in losses.items():
            shares.setdefault(name, []).append(100 * loss / losses["monthly defaults"])
    print("Mean share of the loss of the defaults for months, in %, and its standard error:")
    for name, found in shares.items():
        error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
        print(f"  {name}: {np.mean(found):.2f} ({error:.2f})")


def _scaled(outcomes: Outcomes) -> float:
    """Return mean CRPS in units of the MASE scale."""
    return float(OriginLosses.of(outcomes).scaled.mean())


def _losses_from(name: str, panel: Panel, config: RunConfig, trials: int) -> dict[str, float]:
    """Return mean CRPS on the test part, in units of the MASE scale, of the defaults, of what a
    search finds from them, and of the best baseline.
    """
    found = _search(panel, config, trials, None)
    losses = {key: _scaled(outcomes) for key, outcomes in found.outcomes.items()}
    ours, *rivals = [key for key in losses if key != DEFAULTS]
    best = min(rivals, key=lambda key: losses[key])
    print(
        f"     from {name}: {found.verdict.outcome}, p = {found.verdict.p_value:.3f}, "
        f"{dict(found.best.values)}, best baseline {best}",
        flush=True,
    )
    return {
        f"{name} defaults": losses[DEFAULTS],
        f"found from {name}": losses[ours],
        "best baseline": losses[best],
    }


def _search(
    panel: Panel, config: RunConfig, trials: int, space: SearchSpace | None
) -> SearchFinished:
    job = jobs.search(panel, config, SearchPlan(Budget(trials=trials)), space)
    return next(event for event in job if isinstance(event, SearchFinished))


def searches(
    make: Callable[[int], PriceSeries], seeds: range, trials: int, least: int = 0, **settings: Any
) -> None:
    """Search on a series a seed, and count how often the settings found are called better;
    ``least`` is the lookback from which they can see a planted signal.
    """
    usual = {"horizon": 1, "input_size": 4, "device": "cpu", "baselines": "drift"}
    config = RunConfig().changed(**{**usual, **settings})
    space = space_from(SPACE, config)
    won, walk, named, done = 0, 0, 0, 0
    started = time.process_time()
    for seed in seeds:
        found = _search(Panel((make(seed),)), config.changed(seed=seed), trials, space)
        verdict = found.verdict
        won += verdict.outcome == "beats"
        walk += verdict.baselines is not None and verdict.baselines.outcome == "beats"
        named += verdict.outcome == "beats" and found.best.config.task.input_size >= least
        done += verdict.trials
        print(
            f"{seed:3d}  {verdict.outcome:6s} p = {verdict.p_value:.3f} "
            f"(uncorrected {verdict.p_value_uncorrected:.3f}), skill {100 * verdict.skill:+.2f} %, "
            f"tries {verdict.tries:g}, White {verdict.white:.2f}, Hansen {verdict.hansen:.2f}, "
            f"best {dict(found.best.values)}",
            flush=True,
        )
    seconds = time.process_time() - started
    print(f"Better than the defaults: {_interval(won, len(seeds))}")
    print(f"  with a lookback of {least} bars or more: {_interval(named, len(seeds))}")
    print(f"Better than the best baseline: {_interval(walk, len(seeds))}")
    print(f"{done} trials, {60 * done / seconds:.1f} a CPU minute.")


def _interval(hits: int, count: int) -> str:
    """Return a count with its share and the exact 95 % interval of that."""
    low, high = clopper_pearson(hits / count, count)
    return f"{hits} of {count}, {100 * hits / count:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("correction", "walks", "planted", "short"))
    for name, default in (
        ("draws", 500), ("seeds", 20), ("trials", 8), ("epochs", 8), ("first", 0), ("bars", 0)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    if chosen.what == "correction":
        correction(chosen.draws, np.random.default_rng(0))
    elif chosen.what == "short":
        short(seeds, chosen.trials, chosen.epochs)
    elif chosen.what == "walks":
        bars = chosen.bars or 600
        searches(
            lambda seed: simulated_walk(bars, seed), seeds, chosen.trials, epochs=chosen.epochs
        )
    else:
        settings = {"dropout": 0.0, "hidden_size": 16, "learning_rate": 3e-3}
        settings["epochs"] = chosen.epochs
        bars = chosen.bars or 1500
        searches(lambda seed: planted(seed, bars), seeds, chosen.trials, _LAG + 1, **settings)


if __name__ == "__main__":
    main()
