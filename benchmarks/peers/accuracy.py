"""Ours beside neuralforecast's LSTM with its quantile loss: CRPS and CPU seconds on a panel of
stocks, from the same origins.

Usage: python -m benchmarks.peers.accuracy PANEL.csv.gz [--year 2017] [--horizon 1 5] [--seeds 3]
[--set NAME=VALUE ...] [--out FOLDER]

Both train on what lies before the year and forecast, from each origin in it, the levels .01 ... .99
of the h-day log return; our metric judges both. The peer has its defaults (two LSTM layers of 128,
1000 steps of 128 windows, Adam at .001, scaled windows), but the lookback of 60. It is trained on
closing prices, as its users do, and on the h-day log returns themselves, its best chance. Ours runs
with the settings it ships with, and with those of --set (the frozen ones). One thread each; the
runs take turns.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from benchmarks.accuracy.panel import LEVELS, known_by
from benchmarks.peers.environment import Contestant, deliver, parser, python_of
from forecasting import Panel
from forecasting.metrics import coverage, crps_bp
from forecasting.series import Floats, Outcomes
from forecasting.sources import source

LOOKBACK = 60
#: Prices below this share of the last close do not occur in a day: quantiles of the peer below it
#: are raised to it.
FLOOR = 0.01


def written_for_peer(panel: Panel, horizon: int, target: str, path: Path) -> None:
    """Write closes, or the log return of the ``horizon`` bars up to each bar."""
    values = [s.y if target == "prices" else np.log(s.y[horizon:] / s.y[:-horizon]) for s in panel]
    np.savez(
        path,
        symbols=np.array(panel.symbols),
        lengths=np.array([len(v) for v in values]),
        y=np.concatenate(values),
    )


def judged(panel: Panel, horizon: int, path: Path, target: str, name: str) -> Outcomes:
    """Put what happened beside the forecasts in a file."""
    found = np.load(path)
    symbols, values = found["symbol"], found["values"]
    bars = found["cutoff"] + (horizon if target == "returns" else 0)
    of = {s.symbol: s for s in panel}
    y0, y = (
        np.array([of[symbol].y[bar + ahead] for symbol, bar in zip(symbols, bars, strict=True)])
        for ahead in (0, horizon)
    )
    cutoff, ds = (
        np.array([of[symbol].ds[bar + ahead] for symbol, bar in zip(symbols, bars, strict=True)])
        for ahead in (0, horizon)
    )
    prices = (
        y0[:, None] * np.exp(values)
        if target == "returns"
        else np.maximum(values, FLOOR * y0[:, None])
    )
    ordered: Floats = np.sort(prices, axis=1)[:, None, :]
    return Outcomes(name, symbols, cutoff, ds[:, None], y0, y[:, None], LEVELS, ordered)


def figures(outcomes: Outcomes, took: dict[str, Any]) -> dict[str, Any]:
    return {
        "origins": len(outcomes),
        "crps_bp": float(crps_bp(outcomes)),
        "coverage_80": float(coverage(outcomes, level=80)),
        "coverage_95": float(coverage(outcomes, level=95)),
        **took,
    }


def compete(asked: Any) -> list[dict[str, Any]]:
    """Run every contestant for each horizon and seed, in turn; those that the folder already
    holds are not run again.
    """
    panel = known_by(Panel(source(asked.panel).load()), asked.year)
    test = {int((s.ds >= np.datetime64(f"{asked.year}-01-01")).sum()) for s in panel}
    if len(test) != 1:
        raise SystemExit(
            f"The peer needs the same number of bars of every series in {asked.year}; there "
            f"are {sorted(test)}."
        )
    runs = _kept(asked)
    done = {(run["name"], run["horizon"], run["seed"]) for run in runs}
    for seed in range(asked.seeds):
        for horizon in asked.horizon:
            for name, settings in contestants(asked).items():
                if (name, horizon, seed) not in done:
                    runs.append(
                        {
                            "name": name,
                            "horizon": horizon,
                            "seed": seed,
                            **run(asked, panel, test.copy().pop(), name, horizon, seed, settings),
                        }
                    )
                    _keep(asked, runs)
    return runs


def contestants(asked: Any) -> dict[str, dict[str, Any] | str]:
    """Return by name the settings of each of ours, and the target of each of the peer's."""
    found: dict[str, dict[str, Any] | str] = (
        {} if asked.peers_only else {"Candlecast, as shipped": {}}
    )
    if asked.set:
        found[f"Candlecast, {' '.join(asked.set)}"] = {
            name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
        }
    return found | {f"neuralforecast, {target}": target for target in asked.target}


def run(
    asked: Any,
    panel: Panel,
    test: int,
    name: str,
    horizon: int,
    seed: int,
    settings: dict[str, Any] | str,
) -> dict[str, Any]:
    """Train and forecast once, in a process of its own, and judge."""
    with tempfile.TemporaryDirectory() as folder:
        data, into = Path(folder) / "data.npz", Path(folder) / "found.npz"
        if isinstance(settings, str):
            written_for_peer(panel, horizon, settings, data)
            words = {
                "data": str(data),
                "h": horizon,
                "lookback": LOOKBACK,
                "test": test,
                "seed": seed + 1,
                "max_steps": asked.steps,
            }
            contestant = Contestant(python_of(asked.env), "peer_neuralforecast.py")
        else:
            ours = {**settings, "horizon": horizon, "seed": seed, "input_size": LOOKBACK}
            words = {"panel": asked.panel, "year": asked.year, "settings": ours}
            contestant = Contestant(Path(sys.executable), "ours.py")
        with contestant:
            took = contestant.ask("forecast", into=str(into), levels=LEVELS, **words)
        found = figures(
            judged(panel, horizon, into, settings if isinstance(settings, str) else "prices", name),
            took,
        )
    told = {step: round(found[step]["cpu"], 1) for step in ("imports", "train", "predict")}
    print(
        f"h={horizon} seed={seed} {name}: CRPS {found['crps_bp']:.3f} bp, 80 % "
        f"{found['coverage_80']:.1f}, CPU s {told}",
        file=sys.stderr,
    )
    return found


def _kept(asked: Any) -> list[dict[str, Any]]:
    """Return the runs that an earlier start left in the folder, if they are of the same year and
    number of steps.
    """
    path = asked.out / "accuracy.runs.json" if asked.out else None
    kept = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    return (
        kept["runs"] if (kept.get("year"), kept.get("steps")) == (asked.year, asked.steps) else []
    )


def _keep(asked: Any, runs: list[dict[str, Any]]) -> None:
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"year": asked.year, "steps": asked.steps, "runs": runs}, indent=1)
        (asked.out / "accuracy.runs.json").write_text(text, encoding="utf-8")


def rows_of(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each contestant and horizon: means over seeds of what was scored,
    medians of seconds.
    """
    rows = []
    for name, horizon in dict.fromkeys((run["name"], run["horizon"]) for run in runs):
        mine = [run for run in runs if (run["name"], run["horizon"]) == (name, horizon)]
        scores = [run["crps_bp"] for run in mine]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        row: dict[str, Any] = {
            "h": horizon,
            "": name,
            "seeds": len(mine),
            "CRPS, bp": f"{mean(scores):.2f}{spread}",
        }
        row |= {
            f"{level} %": f"{mean(run[f'coverage_{level}'] for run in mine):.1f}"
            for level in (80, 95)
        }
        for step in ("imports", "train", "predict"):
            row[f"{step}, CPU s"] = f"{median(run[step]['cpu'] for run in mine):.1f}"
        rows.append(row)
    return sorted(rows, key=lambda row: row["h"])


def main() -> None:
    made = parser(__doc__)
    made.add_argument("panel", type=lambda path: str(Path(path).resolve()))
    made.add_argument("--year", type=int, default=2017)
    made.add_argument("--horizon", type=int, nargs="+", default=[1, 5])
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument(
        "--steps", type=int, default=1000, help="Gradient steps of the peer; its default"
    )
    made.add_argument(
        "--target", nargs="*", default=["prices", "returns"], choices=["prices", "returns"]
    )
    made.add_argument("--peers-only", action="store_true", help="Leave out the settings as shipped")
    made.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = made.parse_args()
    runs = compete(asked)
    deliver(
        "accuracy",
        {"year": asked.year, "steps": asked.steps, "runs": runs},
        rows_of(runs),
        asked.out,
    )


if __name__ == "__main__":
    main()
