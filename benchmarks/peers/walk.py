"""A walk-forward test over some stocks: ours beside neuralforecast's cross_validation and Darts'
historical_forecasts, taking turns.

Usage: python -m benchmarks.peers.walk PANEL.csv.gz [--series 20] [--origins 250] [--refit 0 50]
[--epochs 2] [--rounds 3] [--out FOLDER]

The same series, origins, horizon, lookback 60 and levels; one LSTM layer of 8 and batches of 128;
the peers take, in each fit, the mean number of gradient steps that ours takes (ours cannot stop
early, and validates each epoch besides); no baselines. One thread and one process each. All train
over all series together; Darts trains once a fold and forecasts from its origins with
historical_forecasts.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.peers.environment import Contestant, deliver, parser, python_of
from forecasting.config import QUANTILES
from forecasting.sources import source

LOOKBACK, HIDDEN, BATCH = 60, 8, 128


def compete(asked: Any, refit: int) -> list[dict[str, Any]]:
    """Return the runs of each contestant, round after round."""
    test = asked.origins + asked.horizon - 1
    series = source(asked.panel).load()[: asked.series]
    settings = {
        "input_size": LOOKBACK,
        "hidden_size": HIDDEN,
        "batch_size": BATCH,
        "epochs": asked.epochs,
        "patience": asked.epochs,
    }
    steps, runs = 0, []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        symbols, lengths = np.array([s.symbol for s in series]), np.array([len(s) for s in series])
        np.savez(data, symbols=symbols, lengths=lengths, y=np.concatenate([s.y for s in series]))
        same = {"h": asked.horizon, "test": test, "refit": refit, "levels": QUANTILES}
        theirs = {**same, "data": str(data), "lookback": LOOKBACK, "hidden": HIDDEN}
        ours = {**same, "panel": asked.panel, "series": asked.series, "settings": settings}
        indices = {
            "Candlecast": (Path(sys.executable), "ours.py", ours),
            "neuralforecast": (python_of(asked.env), "peer_neuralforecast.py", theirs),
            "Darts": (python_of(asked.env), "peer_darts.py", theirs),
        }
        for number in range(asked.rounds):
            for name, (python, script, words) in indices.items():
                with Contestant(python, script) as contestant:
                    found = contestant.ask(
                        "walk", **words, **({} if name == "Candlecast" else {"max_steps": steps})
                    )
                steps = round(found.get("steps", steps))
                runs.append(
                    {
                        "name": name,
                        "refit": refit,
                        "round": number,
                        "load": os.getloadavg()[0],
                        **found,
                    }
                )
                print(runs[-1], file=sys.stderr, flush=True)
    return runs


def rows_of(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for name, refit in dict.fromkeys((run["name"], run["refit"]) for run in runs):
        mine = [run["run"] for run in runs if (run["name"], run["refit"]) == (name, refit)]
        ours = [run["run"] for run in runs if (run["name"], run["refit"]) == ("Candlecast", refit)]
        row: dict[str, Any] = {
            "refit": f"every {refit}" if refit else "never",
            "": name,
            "rounds": len(mine),
        }
        for kind in ("cpu", "wall"):
            values = [run[kind] for run in mine]
            row[f"{kind} s"] = f"{median(values):.1f} ({min(values):.1f}-{max(values):.1f})"
            row[f"ours / this, {kind}"] = (
                f"{median(a[kind] / b[kind] for a, b in zip(ours, mine, strict=True)):.2f}"
            )
        rows.append(row)
    return rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("panel", type=lambda path: str(Path(path).resolve()))
    made.add_argument("--series", type=int, default=20)
    made.add_argument("--origins", type=int, default=250)
    made.add_argument("--refit", type=int, nargs="+", default=[0, 50])
    made.add_argument("--horizon", type=int, default=5)
    made.add_argument("--epochs", type=int, default=2, help="Of ours in each fit")
    made.add_argument("--rounds", type=int, default=3)
    asked = made.parse_args()
    runs = [run for refit in asked.refit for run in compete(asked, refit)]
    deliver(
        "walk",
        {"epochs": asked.epochs, "horizon": asked.horizon, "runs": runs},
        rows_of(runs),
        asked.out,
    )


if __name__ == "__main__":
    main()
