"""How much memory training on many series takes, beside the size of their bars: windows are never
materialised.

Usage: python -m benchmarks.memory [--series 500] [--bars 1260] [--lookback 250] [--steps 20] [--out
FOLDER]

The prices are synthetic: random walks with open, high, low, close and volume. Each stage is
measured in a process of its own, on one thread: the most memory that it had at any time, less what
it had with everything imported, a small training done and the panel in memory. A training ends
after some steps, a validation and a forecast: more of the same takes no more memory. The goal is
four times the bars (float64, five columns) besides the model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.environment import deliver

STAGES = ("windows", "training", "training and forecasts of the test part", "training on sequences")


def synthetic(series: int, bars: int, seed: int = 0) -> Any:
    """Return random walks as a panel of daily bars."""
    from forecasting.series import Panel, PriceSeries

    draw, found = np.random.default_rng(seed), []
    ds = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[us]")
    for number in range(series):
        close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, bars)))
        opened = close * np.exp(draw.normal(0, 0.003, bars))
        high, low = (bound(opened, close) for bound in (np.maximum, np.minimum))
        apart = np.exp(np.abs(draw.normal(0, 0.005, bars)))
        values = np.stack(
            [opened, high * apart, low / apart, close, np.exp(draw.normal(12, 0.5, bars))], axis=1
        )
        found.append(
            PriceSeries(f"S{number:03}", ds, ("open", "high", "low", "close", "volume"), values)
        )
    return Panel(tuple(found))


def megabytes(name: str) -> float:
    """Return a figure of this process in MB: VmRSS (now) or VmHWM (the most)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def work(stage: str, panel: Any, lookback: int, steps: int) -> int:
    """Do one stage's work; return the number of parameters of the network."""
    import torch

    from forecasting.backtest import outcomes_of
    from forecasting.config import QUANTILES, RunConfig
    from forecasting.training import fit
    from forecasting.training.trainer import untrained
    from forecasting.windows import split_panel

    supervision = "sequence" if "sequences" in stage else "window"
    same = {
        "input_size": lookback,
        "batch_size": 256,
        "supervision": supervision,
        "device": "cpu",
        "val_size": 60,
    }
    config = RunConfig().changed(**same)
    split = split_panel(panel, config.task)
    if stage == "windows":
        _, forecaster = untrained(panel, split, config, torch.device("cpu"))
        return sum(p.numel() for p in forecaster.network.parameters())
    asked = iter(range(steps))
    training = fit(panel, split, config, lambda: next(asked, None) is None)
    try:
        while True:
            next(training)
    except StopIteration as finished:
        forecaster = finished.value.forecaster
    if "forecasts" in stage:
        outcomes_of(forecaster.calibrated(panel), panel, split.test, config.task.horizon, QUANTILES)
    return sum(p.numel() for p in forecaster.network.parameters())


def measured(stage: str, series: int, bars: int, lookback: int, steps: int) -> dict[str, Any]:
    """Measure a stage in this process."""
    import torch

    torch.set_num_threads(1)
    work(
        "training and forecasts of the test part", synthetic(2, 4 * lookback), lookback, 2
    )  # imports, and what is made once
    panel = synthetic(series, bars)
    data = sum(s.values.nbytes for s in panel) / 2**20
    before = megabytes("VmRSS")
    Path("/proc/self/clear_refs").write_text(
        "5", encoding="ascii"
    )  # the most so far is what there is now
    parameters = work(stage, panel, lookback, steps)
    return {
        "stage": stage,
        "data": data,
        "before": before,
        "peak": megabytes("VmHWM") - before,
        "parameters": parameters,
    }


def main() -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--series", type=int, default=500)
    made.add_argument("--bars", type=int, default=1260)
    made.add_argument("--lookback", type=int, default=250)
    made.add_argument(
        "--steps", type=int, default=20, help="Gradient steps after which a training is ended"
    )
    made.add_argument("--stages", nargs="+", default=STAGES)
    made.add_argument("--here", help="Measure this stage in this process, and print JSON")
    made.add_argument("--out", type=Path)
    asked = made.parse_args()
    size = (asked.series, asked.bars, asked.lookback, asked.steps)
    if asked.here:
        print(json.dumps(measured(asked.here, *size)))
        return
    found = []
    for stage in asked.stages:
        words = [
            f"--{name}={value}"
            for name, value in zip(("series", "bars", "lookback", "steps"), size, strict=True)
        ]
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", *words, "--here", stage],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found.append(json.loads(child.stdout.splitlines()[-1]))
        print(found[-1], file=sys.stderr, flush=True)
    windows = asked.series * (asked.bars - asked.lookback) * asked.lookback * 6 * 4 / 2**20
    rows = [
        {
            "stage": item["stage"],
            "bars, MB": f"{item['data']:.0f}",
            "peak above that, MB": f"{item['peak']:.0f}",
            "peak / bars": f"{item['peak'] / item['data']:.1f}",
            "all windows would be, MB": f"{windows:,.0f}",
            "parameters": f"{item['parameters']:,}",
        }
        for item in found
    ]
    deliver("memory", {"size": size, "runs": found}, rows, asked.out)


if __name__ == "__main__":
    main()
