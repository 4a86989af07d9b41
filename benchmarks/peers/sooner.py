"""Time to accuracy: how long ours trains until its CRPS is the one that neuralforecast's LSTM ends
at.

Usage: python -m benchmarks.peers.sooner PANEL.csv.gz --out FOLDER [--year 2017] [--epochs 1 2 4 8
16 30]

FOLDER holds the runs of benchmarks.peers.accuracy: their CRPS is the mark, and their training is
what ours is beside. Ours is trained anew with 1, 2, 4 ... epochs and all else as shipped, from the
same origins, until it reaches the mark; both clocks run over all of fit().
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.accuracy.panel import LEVELS, known_by
from benchmarks.peers.accuracy import LOOKBACK, judged
from benchmarks.peers.environment import Contestant, deliver, parser
from forecasting import Panel
from forecasting.metrics import crps_bp
from forecasting.sources import source


def ours(asked: Any, panel: Panel, horizon: int, epochs: int) -> dict[str, Any]:
    """Train so many epochs; return the CRPS and the seconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Contestant(Path(sys.executable), "ours.py") as contestant,
    ):
        into = Path(folder) / "found.npz"
        settings = {"horizon": horizon, "input_size": LOOKBACK, "epochs": epochs}
        took = contestant.ask(
            "forecast",
            panel=asked.panel,
            into=str(into),
            year=asked.year,
            settings=settings,
            levels=LEVELS,
        )
        return {
            "horizon": horizon,
            "epochs": epochs,
            "crps_bp": float(crps_bp(judged(panel, horizon, into, "prices", ""))),
            **took,
        }


def compete(asked: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the trainings of ours, and a row for each mark."""
    panel = known_by(Panel(source(asked.panel).load()), asked.year)
    peers = [
        run
        for run in json.loads((asked.out / "accuracy.runs.json").read_text(encoding="utf-8"))[
            "runs"
        ]
        if "neural" in run["name"]
    ]
    tried: dict[tuple[int, int], dict[str, Any]] = {}
    rows = []
    for name, horizon in sorted({(run["name"], run["horizon"]) for run in peers}):
        theirs = [run for run in peers if (run["name"], run["horizon"]) == (name, horizon)]
        mark = mean(run["crps_bp"] for run in theirs)
        for epochs in asked.epochs:
            if (horizon, epochs) not in tried:
                tried[horizon, epochs] = ours(asked, panel, horizon, epochs)
            if tried[horizon, epochs]["crps_bp"] <= mark:
                break
        found = tried[horizon, epochs]
        row: dict[str, Any] = {
            "h": horizon,
            "mark": name,
            "CRPS, bp": f"{mark:.2f}",
            "ours, bp": f"{found['crps_bp']:.2f}",
        }
        row["epochs"] = epochs if found["crps_bp"] <= mark else "not reached"
        for kind in ("cpu", "wall"):
            seconds = median(run["train"][kind] for run in theirs)
            row |= {
                f"theirs, {kind} s": f"{seconds:.1f}",
                f"ours, {kind} s": f"{found['train'][kind]:.1f}",
            }
            row[f"ours / theirs, {kind}"] = f"{found['train'][kind] / seconds:.3f}"
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    return list(tried.values()), rows


def main() -> None:
    made = parser(__doc__)
    made.add_argument("panel", type=lambda path: str(Path(path).resolve()))
    made.add_argument("--year", type=int, default=2017)
    made.add_argument("--epochs", type=int, nargs="+", default=[1, 2, 4, 8, 16, 30])
    asked = made.parse_args()
    if asked.out is None or not (asked.out / "accuracy.runs.json").exists():
        raise SystemExit(
            "Run benchmarks.peers.accuracy with the same --out first: its runs are the mark."
        )
    trainings, rows = compete(asked)
    deliver("sooner", {"trainings": trainings}, rows, asked.out)


if __name__ == "__main__":
    main()
