"""Training on windows beside training on sequences: CPU seconds until the same validation loss, and
the accuracy of both in the end.

Usage: python -m benchmarks.sequence PANEL.csv.gz [--series 20] [--models lstm gru] [--horizons 1 5]
[--seeds 3] [--out FOLDER]

One pass over a chunk of 64 bars answers at each of them, after as many bars of run-up as the
lookback has; a window answers once. The mark is the best validation loss of the training on windows
with the settings as shipped. Sequences get the same settings, and once more four times as many
epochs (and patience), for an epoch has an eighth of the steps. The last 250 dates are the test
part: CRPS of calibrated forecasts of the log return, in basis points. One thread; contestants take
turns, seed by seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.peers.environment import deliver
from forecasting import Panel, RunConfig
from forecasting.backtest import outcomes_of
from forecasting.events import EpochEnd, SplitMade
from forecasting.series import Outcomes
from forecasting.sources import source
from forecasting.training import Fitted, fit
from forecasting.windows import Split, split_panel

TEST = 250
LEVELS = tuple(k / 100 for k in range(1, 100))
#: Settings that differ, by name.
CONTESTANTS: dict[str, dict[str, Any]] = {
    "windows": {},
    "sequences": {"supervision": "sequence"},
    "sequences, 4 x the epochs": {"supervision": "sequence", "epochs": 120, "patience": 32},
}


def trained(
    panel: Panel, split: Split, config: RunConfig
) -> tuple[Fitted, list[tuple[float, float]]]:
    """Train to the end in one thread; return what came out, and CPU seconds and validation loss
    after each epoch.
    """
    started, curve = time.process_time(), []
    training = fit(panel, split, config, lambda: False)
    try:
        while True:
            event = next(training)
            if isinstance(event, SplitMade):
                torch.set_num_threads(1)
            elif isinstance(event, EpochEnd):
                curve.append((time.process_time() - started, event.val_loss))
    except StopIteration as finished:
        return finished.value, curve


def of_log_returns(outcomes: Outcomes) -> float:
    """Return the CRPS of the log return up to the last step, in basis points."""
    y, values = (
        np.log(outcomes.y[:, -1] / outcomes.y0),
        np.log(outcomes.values[:, -1] / outcomes.y0[:, None]),
    )
    error = y[:, None] - values
    levels = np.array(outcomes.quantiles)
    return float(2e4 * np.maximum(levels * error, (levels - 1) * error).mean())


def once(panel: Panel, model: str, horizon: int, seed: int) -> list[dict[str, Any]]:
    """Train every contestant once; return their curves and accuracy."""
    found, mark = [], float("nan")
    for name, settings in CONTESTANTS.items():
        same = {
            "model": model,
            "horizon": horizon,
            "seed": seed,
            "test_size": TEST,
            "device": "cpu",
        }
        config = RunConfig().changed(**same, **settings)
        split = split_panel(panel, config.task)
        fitted, curve = trained(panel, split, config)
        best = min(loss for _, loss in curve)
        mark = best if name == "windows" else mark
        outcomes = outcomes_of(
            fitted.forecaster.calibrated(panel), panel, split.test, horizon, LEVELS
        )
        reached = [seconds for seconds, loss in curve if loss <= mark]
        found.append(
            {
                "name": name,
                "model": model,
                "horizon": horizon,
                "seed": seed,
                "baseline": curve[0][1],
                "best": best,
                "cpu": curve[-1][0],
                "reached": reached[0] if reached else None,
                "epochs": len(curve) - 1,
                "crps": of_log_returns(outcomes),
                "curve": curve,
            }
        )
        print(
            {key: value for key, value in found[-1].items() if key != "curve"},
            file=sys.stderr,
            flush=True,
        )
    return found


def rows_of(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for model, horizon, name in dict.fromkeys(
        (run["model"], run["horizon"], run["name"]) for run in runs
    ):
        mine, windows = (
            [
                run
                for run in runs
                if (run["model"], run["horizon"], run["name"]) == (model, horizon, who)
            ]
            for who in (name, "windows")
        )
        there = [
            (run["reached"], other["reached"])
            for run, other in zip(mine, windows, strict=True)
            if run["reached"] is not None
        ]
        rows.append(
            {
                "network": model.upper(),
                "h": horizon,
                "": name,
                "epochs": f"{median(run['epochs'] for run in mine):.0f}",
                "gain over the baseline, %": f"{median(100 * (1 - run['best'] / run['baseline']) for run in mine):.3f}",
                "CRPS, bp": f"{median(run['crps'] for run in mine):.2f}",
                "fit, CPU s": f"{median(run['cpu'] for run in mine):.1f}",
                "reached the mark": f"{len(there)} of {len(mine)}",
                "until there, CPU s": f"{median(ours for ours, _ in there):.1f}" if there else "-",
                "beside windows": f"{median(ours / theirs for ours, theirs in there):.2f}"
                if there
                else "-",
            }
        )
    return rows


def main() -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("panel")
    made.add_argument("--series", type=int, default=20)
    made.add_argument("--models", nargs="+", default=["lstm", "gru"])
    made.add_argument("--horizons", type=int, nargs="+", default=[1, 5])
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--out", type=Path)
    asked = made.parse_args()
    panel = Panel(source(asked.panel).load()[: asked.series])
    plan = [
        (model, horizon, seed)
        for model in asked.models
        for horizon in asked.horizons
        for seed in range(asked.seeds)
    ]
    runs = [run for model, horizon, seed in plan for run in once(panel, model, horizon, seed)]
    deliver(f"sequence-{asked.series}", {"runs": runs}, rows_of(runs), asked.out)


if __name__ == "__main__":
    main()
