"""What a market of many series costs: reading, one epoch and the judgement, stage by stage.

Usage: python -m benchmarks.market [--series 125 250 500] [--bars 2520] [--form parquet]
[--baselines random-walk har] [--out FOLDER]

Synthetic daily walks with open, high, low, close and volume, written as one long file. Each size is
read and trained in a process of its own, on one thread: lookback 60, horizon 5, LSTM of 8, batch
256, one epoch, then the judgement on the test part. CPU seconds of each stage, the most memory the
process had, and the exponent of each stage from the smallest to the largest size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import megabytes, synthetic
from benchmarks.peers.environment import deliver


def write(path: Path, series: int, bars: int) -> None:
    """Write the prices of a synthetic market as one long table."""
    import pandas as pd

    frames = [
        pd.DataFrame(
            {
                "symbol": item.symbol,
                "date": item.ds,
                **{name: item[name].round(4) for name in item.columns},
            }
        )
        for item in synthetic(series, bars)
    ]
    table = pd.concat(frames, ignore_index=True)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)


def stages(path: Path, baselines: tuple[str, ...]) -> dict[str, float]:
    """Return the CPU seconds of each stage of reading a file and training on it, and megabytes."""
    import pandas as pd
    import torch

    from forecasting.config import RunConfig
    from forecasting.events import EpochEnd, Progress, RunFinished
    from forecasting.jobs.training import train
    from forecasting.series import Panel
    from forecasting.sources import source

    torch.set_num_threads(1)
    spent: dict[str, float] = {}
    moment = time.process_time()

    def lap(name: str) -> None:
        nonlocal moment
        now = time.process_time()
        spent[name] = spent.get(name, 0.0) + now - moment
        moment = now

    (pd.read_parquet if path.suffix == ".parquet" else pd.read_csv)(path)
    lap("pandas")
    panel = Panel(tuple(source(str(path)).load()))
    lap("read")
    config = RunConfig().changed(
        input_size=60,
        horizon=5,
        hidden_size=8,
        batch_size=256,
        epochs=1,
        device="cpu",
        baselines=",".join(baselines),
    )
    stage = "prepare"
    for event in train(panel, config):
        lap(stage)
        if isinstance(event, EpochEnd):
            stage = "epoch" if event.epoch == 0 else "after the epoch"
        elif isinstance(event, Progress) and event.message.startswith("Scoring"):
            stage = "judge"
        elif isinstance(event, RunFinished):
            break
    spent["whole"] = sum(value for name, value in spent.items() if name != "pandas")
    return {**spent, "peak MB": megabytes("VmHWM")}


def exponents(found: dict[int, dict[str, float]]) -> dict[str, str]:
    """Return the power with which each figure grows from the smallest to the largest size."""
    small, large = min(found), max(found)
    return {
        name: f"{np.log(found[large][name] / found[small][name]) / np.log(large / small):.2f}"
        for name in found[large]
        if min(found[large][name], found[small].get(name, 0.0)) > 0
    }


def main() -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--series", type=int, nargs="+", default=[125, 250, 500])
    made.add_argument("--bars", type=int, default=2520)
    made.add_argument("--form", choices=("parquet", "csv"), default="parquet")
    made.add_argument("--baselines", nargs="+", default=["random-walk", "har"])
    made.add_argument("--out", type=Path)
    made.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    asked = made.parse_args()
    if asked.worker:
        print(json.dumps(stages(asked.worker, tuple(asked.baselines))))
        return
    found: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.series:
            path = Path(folder) / f"market.{asked.form}"
            write(path, size, asked.bars)
            words = ["--worker", str(path), "--baselines", *asked.baselines]
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.market", *words],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found[size] = json.loads(ended.stdout.splitlines()[-1])
    rows: list[dict[str, Any]] = [
        {"stage": name, **{str(size): f"{figures[name]:.2f}" for size, figures in found.items()}}
        for name in found[asked.series[-1]]
    ]
    powers = exponents(found)
    rows = [{**row, "exponent": powers.get(row["stage"], "")} for row in rows]
    deliver("market", {"figures": found}, rows, asked.out)


if __name__ == "__main__":
    main()
