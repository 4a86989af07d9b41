"""CRPS on a panel of daily stocks: the network beside every baseline, trained on what lies before a
year, judged on that year.

Usage: python benchmarks/accuracy/panel.py PANEL.csv.gz --year 2016 --horizon 1 5 [--seeds 5] [--set
hidden_size=8 ...]

Settings are chosen on earlier years (the development split); the year that is reported is opened
once. CRPS is that of the h-day log return at exactly h days, over the levels .01 ... .99, in basis
points.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping

import numpy as np

from forecasting import Panel, RunConfig, jobs
from forecasting.config import BacktestConfig
from forecasting.events import BacktestFinished
from forecasting.metrics import coverage, crps_bp
from forecasting.series import Outcomes
from forecasting.sources import source

LEVELS = tuple(np.round(np.arange(1, 100) / 100, 2))


def known_by(panel: Panel, year: int) -> Panel:
    """Return the panel as it was at the end of a year; series that had under 300 bars before it
    are left out.
    """
    first, end = np.datetime64(f"{year}-01-01"), np.datetime64(f"{year + 1}-01-01")
    kept = [
        s.head(int(np.searchsorted(s.ds, end)))
        for s in panel
        if np.searchsorted(s.ds, first) >= 300
    ]
    return Panel(tuple(kept))


def of_levels(outcomes: Outcomes) -> Outcomes:
    """Keep the levels .01 ... .99 that CRPS is taken over; a test adds those of the bands."""
    kept = [any(abs(q - level) < 1e-9 for level in LEVELS) for q in outcomes.quantiles]
    return dataclasses.replace(outcomes, quantiles=LEVELS, values=outcomes.values[:, :, kept])


def at_horizon(outcomes: Outcomes) -> Outcomes:
    """Keep the last step only: the h-day return itself."""
    return dataclasses.replace(
        outcomes, ds=outcomes.ds[:, -1:], y=outcomes.y[:, -1:], values=outcomes.values[:, -1:]
    )


def by_tercile(outcomes: Outcomes, level: float) -> list[float]:
    """Return the coverage in each third of the origins by the width of the band: calm, usual,
    wild.
    """
    width = (outcomes.quantile(0.9) - outcomes.quantile(0.1))[:, -1] / outcomes.y0
    parts = np.array_split(np.argsort(width), 3)
    fields = ("symbol", "cutoff", "ds", "y0", "y", "values", "scale", "rms_scale")
    taken = [
        dataclasses.replace(outcomes, **{f: getattr(outcomes, f)[p] for f in fields}) for p in parts
    ]
    return [float(coverage(t, level=level)) for t in taken]


def run(
    panel: Panel, config: RunConfig, first: np.datetime64
) -> tuple[Mapping[str, Outcomes], float]:
    """Train before a date and forecast from every later origin; return the outcomes and the CPU
    seconds.
    """
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    config = config.changed(test_size=int((dates >= first).sum()))
    started = time.process_time()
    *_, last = jobs.backtest(panel, config, BacktestConfig(), LEVELS)
    assert isinstance(last, BacktestFinished)
    return last.outcomes, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("panel")
    parser.add_argument("--year", type=int, required=True)
    parser.add_argument("--horizon", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    panel = known_by(Panel(source(asked.panel).load()), asked.year)
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    for horizon in asked.horizon:
        for seed in range(asked.seeds):
            config = RunConfig().changed(
                **{"horizon": horizon, "batch_size": 256, "seed": seed, **settings}
            )
            outcomes, cpu = run(panel, config, np.datetime64(f"{asked.year}-01-01"))
            for name, found in outcomes.items():
                if seed and name != next(iter(outcomes)):
                    continue
                last = at_horizon(found)
                score = float(crps_bp(of_levels(last)))
                thirds = " ".join(f"{c:.1f}" for c in by_tercile(last, 80))
                print(
                    f"h={horizon} seed={seed} {name:12s} CRPS {score:8.3f} bp  80 % "
                    f"{float(coverage(last, level=80)):5.1f}"
                    f" ({thirds})  95 % {float(coverage(last, level=95)):5.1f}"
                    + (f"  {cpu:.0f} CPU s, all models" if not seed else ""),
                    flush=True,
                )


if __name__ == "__main__":
    main()
