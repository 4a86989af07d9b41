"""Where there is nothing to find: the network, the baselines and the verdict on simulated random
walks and GARCH paths.

Usage: python benchmarks/accuracy/simulated.py [--seeds 5] [--bars 1500] [--series 1 10] [--horizon
1 5] [--json FILE]
       [--set NAME=VALUE ...]

Each seed simulates a panel anew, trains the network on the first part and judges the last 15 % of
it. The yardstick is the model that is true of the simulation: the random walk, and GARCH(1,1)-t for
paths with volatility in clusters, where any model of volatility beats a random walk and rightly so.
Skill of the network against the truth should be 0 +- 0.3 %, and the verdict "ties". The verdict is
given against the best of all baselines on the very dates, which may be better than the truth with
its estimated parameters: it is the harder one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.audit import simulated_walk
from forecasting.events import BacktestFinished
from forecasting.verdict import compare

#: Of daily stock returns, about: shares of the last squared shock and the last variance in the
#: next, degrees of freedom, deviation.
ALPHA, BETA, FREEDOMS, DEVIATION = 0.08, 0.90, 6.0, 0.012
_BURN = 500
#: Points within a day from which its high and low are taken.
_POINTS = 32


def garch_path(bars: int, seed: int) -> PriceSeries:
    """Return a path of GARCH(1,1) with Student-t shocks (Bollerslev 1987), with open, high and
    low of a Brownian bridge within each day.
    """
    draw = np.random.default_rng(10_000 + seed)
    shocks = draw.standard_t(FREEDOMS, bars + _BURN) * np.sqrt(1 - 2 / FREEDOMS)
    deviations, returns = np.empty(bars + _BURN), np.empty(bars + _BURN)
    variance = 1.0
    for t, shock in enumerate(shocks):
        deviations[t] = np.sqrt(variance)
        returns[t] = deviations[t] * shock
        variance = 1 - ALPHA - BETA + ALPHA * returns[t] ** 2 + BETA * variance
    change, sd = DEVIATION * returns[_BURN:], DEVIATION * deviations[_BURN:]
    share = np.arange(1, _POINTS + 1) / _POINTS
    walk = np.cumsum(draw.normal(0.0, 1 / np.sqrt(_POINTS), (bars, _POINTS)), axis=1)
    within = sd[:, None] * (walk - share * walk[:, -1:]) + share * change[:, None]
    start = np.concatenate([[0.0], np.cumsum(change)[:-1]])
    opened, prices = 100 * np.exp(start), 100 * np.exp(start[:, None] + within)
    table = [
        opened,
        np.maximum(prices.max(1), opened),
        np.minimum(prices.min(1), opened),
        prices[:, -1],
    ]
    ds = np.busday_offset("2000-01-03", np.arange(bars), roll="forward").astype("datetime64[us]")
    return PriceSeries(
        f"GARCH-{seed}", ds, ("open", "high", "low", "close"), np.stack(table, axis=1)
    )


#: Each kind of simulation: how a path is made, and the baseline that is true of it.
KINDS = {"random walk": (simulated_walk, "random-walk"), "GARCH": (garch_path, "garch-t")}


def judged(
    kind: str, series: int, bars: int, horizon: int, seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """Simulate a panel, train and judge; return the row of the table."""
    path, truth = KINDS[kind]
    panel = Panel(tuple(path(bars, 1000 * (seed + 1) + n) for n in range(series)))
    config = RunConfig().changed(**{"horizon": horizon, "seed": seed, **settings})
    *_, last = jobs.backtest(panel, config)
    assert isinstance(last, BacktestFinished)
    ours = next(iter(last.outcomes.values()))
    return {
        "kind": kind,
        "series": series,
        "horizon": horizon,
        "seed": seed,
        "skill": 100 * compare(ours, last.outcomes[truth]).skill,
        "verdict": last.verdict.outcome,
        "best": last.verdict.reference,
        "skill_best": 100 * last.verdict.skill,
        "p": last.verdict.p_value,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--bars", type=int, default=1500)
    parser.add_argument("--series", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--horizon", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    rows = []
    for kind, (_, truth) in KINDS.items():
        for series in asked.series:
            for horizon in asked.horizon:
                some = [
                    judged(kind, series, asked.bars, horizon, seed, settings)
                    for seed in range(asked.seeds)
                ]
                skills = np.array([row["skill"] for row in some])
                words = " ".join(
                    f"{row['verdict']}({row['best']} {row['skill_best']:+.2f} %)" for row in some
                )
                print(
                    f"{kind} x {series}, h={horizon}: skill against {truth} "
                    f"{skills.mean():+.2f} % (sd {skills.std():.2f})  {words}",
                    flush=True,
                )
                rows += some
    if asked.json:
        asked.json.write_text(
            json.dumps({"settings": settings, "bars": asked.bars, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
