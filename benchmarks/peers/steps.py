"""What one gradient step costs: ours, a bare torch loop, neuralforecast and Darts, taking turns.

Usage: python -m benchmarks.peers.steps PANEL.csv.gz [--rounds 7] [--threads 1] [--cells rnn lstm
gru] [--sizes 32x32 256x64] [--out FOLDER]

Same cell, one layer, a linear head, the pinball loss of the same 23 levels, lookback 60, horizon 5,
AdamW or Adam, 20 series, float32. A step's cost is the difference of a longer and a shorter
training by the steps it has more, so that what is paid once drops out. Ours clips gradients and
looks for numbers that are not finite besides; the bare loop reads the same windows, several inputs
a bar, and the peers read the value alone. Ratios are medians over rounds, each of neighbours in
time, the quartiles behind them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from benchmarks.peers.environment import Contestant, deliver, parser, python_of
from forecasting.sources import source

LOOKBACK, HORIZON, SERIES = 60, 5, 20
LEVELS = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
#: Steps of the shorter and the longer training, by batch.
COUNTS = {True: (10, 110), False: (5, 35)}


def compete(asked: Any, cell: str, batch: int, hidden: int) -> dict[str, Any]:
    """Return the seconds of every round of each contestant, ours and the bare loop first."""
    few, many = COUNTS[batch * hidden <= 4096]
    rounds: dict[str, list[dict[str, float]]] = {
        "Candlecast": [],
        "bare torch": [],
        "neuralforecast": [],
        "Darts": [],
    }
    ours = {
        "panel": asked.panel,
        "cell": cell,
        "batch": batch,
        "hidden": hidden,
        "lookback": LOOKBACK,
        "h": HORIZON,
        "threads": asked.threads,
    }
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        series = source(asked.panel).load()[:SERIES]
        symbols, lengths = np.array([s.symbol for s in series]), np.array([len(s) for s in series])
        np.savez(data, symbols=symbols, lengths=lengths, y=np.concatenate([s.y for s in series]))
        theirs = {
            "data": str(data),
            "cell": cell,
            "batch": batch,
            "hidden": hidden,
            "lookback": LOOKBACK,
            "h": HORIZON,
            "levels": LEVELS,
        }
        peers = python_of(asked.env)
        with (
            Contestant(Path(sys.executable), "ours.py", asked.threads) as mine,
            Contestant(peers, "peer_neuralforecast.py", asked.threads) as nixtla,
            Contestant(peers, "peer_darts.py", asked.threads) as darts,
        ):
            for number in range(asked.rounds + 1):
                key, counts = f"{cell} {batch} {hidden}", {"few": few, "many": many}
                took = {
                    "Candlecast": mine.ask("steps", key=key, who="ours", **counts, **ours),
                    "bare torch": mine.ask("steps", key=key, who="bare", **counts, **ours),
                }
                if number <= asked.peer_rounds:
                    took["neuralforecast"] = nixtla.ask("steps", **counts, **theirs)
                    took["Darts"] = darts.ask("steps", **counts, **theirs)
                if number:  # the first warms up
                    for name, seconds in took.items():
                        rounds[name].append(seconds)
    return {
        "cell": cell,
        "batch": batch,
        "hidden": hidden,
        "threads": asked.threads,
        "rounds": rounds,
        "load": os.getloadavg()[0],
    }


def spread(values: list[float]) -> str:
    if len(values) < 3:
        return f"{median(values):.2f}"
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def row_of(found: dict[str, Any]) -> dict[str, Any]:
    rounds, ours = found["rounds"], found["rounds"]["Candlecast"]
    row = {
        "cell": found["cell"].upper(),
        "batch, hidden": f"{found['batch']}, {found['hidden']}",
        "threads": found["threads"],
    }
    for name in rounds:
        row[f"{name}, CPU ms"] = spread([1e3 * seconds["cpu"] for seconds in rounds[name]])
    row["ours, wall ms"] = spread([1e3 * seconds["wall"] for seconds in ours])
    for name in ("bare torch", "neuralforecast", "Darts"):
        pairs = list(zip(ours, rounds[name], strict=False))
        ratios = [
            (a["cpu"] / b["cpu"] if name == "bare torch" else b["cpu"] / a["cpu"]) for a, b in pairs
        ]
        row["ours / bare, CPU" if name == "bare torch" else f"{name} / ours, CPU"] = spread(ratios)
    row["load"] = f"{found['load']:.1f}"
    return row


def main() -> None:
    made = parser(__doc__)
    made.add_argument("panel", type=lambda path: str(Path(path).resolve()))
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument(
        "--peer-rounds", type=int, default=5, help="Rounds in which the peers take part"
    )
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--cells", nargs="+", default=["rnn", "lstm", "gru"])
    made.add_argument("--sizes", nargs="+", default=["32x32", "256x64"], metavar="BATCHxHIDDEN")
    asked = made.parse_args()
    found = []
    for size in asked.sizes:
        for cell in asked.cells:
            found.append(compete(asked, cell, *map(int, size.split("x"))))
            print(row_of(found[-1]), file=sys.stderr, flush=True)
    deliver(
        f"steps-{asked.threads}", {"results": found}, [row_of(item) for item in found], asked.out
    )


if __name__ == "__main__":
    main()
