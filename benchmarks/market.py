"""What a market of many series costs: reading, one epoch and the judgement, stage by stage.

Usage: python -m benchmarks.market [--series 125 250 500] [--bars 2520] [--form parquet]
[--baselines random-walk har] [--horizon 5] [--reading ROUNDS] [--out FOLDER]

Synthetic daily walks with open, high, low, close and volume, written as one long file. Each size is
read and trained in a process of its own, on one thread: lookback 60, LSTM of 8, batch 256, one
epoch, then the judgement on the test part beside the usual baselines. CPU seconds of each stage,
the most memory the process had in it (imports are part of the first stage that needs them), and the
exponent of each from the smallest to the largest size; beside them what pandas takes to read the
same file. ``--reading`` only reads, in turns with pandas, after a small file of the same kind.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import megabytes, synthetic
from benchmarks.peers.environment import deliver

#: Series that are written at once.
_AT_ONCE = 250
#: Bytes of a CSV file that are read first, so that what is imported and done once does not count.
_WARM_UP = 3 << 20


def write(path: Path, series: int, bars: int) -> None:
    """Write the prices of a synthetic market as one long table, some series at a time."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for number in range(0, series, _AT_ONCE):
        table = pd.concat(
            pd.DataFrame(
                {
                    "symbol": f"S{number + index:04}",
                    "date": item.ds,
                    **{name: item[name].round(4) for name in item.columns},
                }
            )
            for index, item in enumerate(synthetic(min(_AT_ONCE, series - number), bars, number))
        )
        if path.suffix == ".parquet":
            rows = pa.Table.from_pandas(table, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, rows.schema)
            writer.write_table(rows)
        else:
            table.to_csv(path, index=False, mode="a" if number else "w", header=not number)
    if writer is not None:
        writer.close()


class _Laps:
    """CPU seconds of each stage, and the most memory that the process had in it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self._moment = time.process_time()

    def end(self, name: str) -> None:
        """End a stage, or a part of one, and begin the next."""
        now = time.process_time()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._moment
        self.memory[name] = max(self.memory.get(name, 0.0), megabytes("VmHWM"))
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin the most anew
        self._moment = time.process_time()

    def figures(self) -> dict[str, float]:
        """Return seconds and megabytes by stage, and of the whole."""
        return {
            **{f"{name}, CPU s": value for name, value in self.seconds.items()},
            "whole, CPU s": sum(self.seconds.values()),
            **{f"{name}, MB": value for name, value in self.memory.items()},
            "most, MB": max(self.memory.values()),
        }


def pandas_alone(path: Path) -> dict[str, float]:
    """Return what pandas takes to read a file into a table."""
    import pandas as pd

    laps = _Laps()
    (pd.read_parquet if path.suffix == ".parquet" else pd.read_csv)(path)
    laps.end("pandas")
    return {"pandas, CPU s": laps.seconds["pandas"], "pandas, MB": laps.memory["pandas"]}


def reading_alone(path: Path, name: str) -> dict[str, float]:
    """Return what pandas, or the program with all its checks, takes to read a file after it has
    read the beginning of it: what is imported by then, and once, does not count.
    """
    import pandas as pd

    from forecasting.sources import source

    read: dict[str, Callable[[Path], object]] = {
        "pandas": pd.read_parquet if path.suffix == ".parquet" else pd.read_csv,
        "read": lambda path: source(str(path)).load(),
    }
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / f"small{path.suffix}"
        if path.suffix == ".parquet":
            pd.read_parquet(path, filters=[("symbol", "<", "S0010")]).to_parquet(small)
        else:
            with path.open("rb") as file:
                small.write_bytes(file.read(_WARM_UP).rpartition(b"\n")[0])
        read[name](small)
    laps = _Laps()
    read[name](path)
    laps.end(name)
    return {f"{name}, CPU s": laps.seconds[name], f"{name}, MB": laps.memory[name]}


def in_turns(path: Path, rounds: int) -> dict[str, float]:
    """Read a file with pandas and with the program in turns; return medians and the quartiles of
    the ratio.
    """
    pairs = [
        {
            **measured(path, "--pandas", "--reading", "1"),
            **measured(path, "--reading", "1"),
        }
        for _ in range(rounds)
    ]
    ratios = [pair["read, CPU s"] / pair["pandas, CPU s"] for pair in pairs]
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    medians = {name: float(np.median([pair[name] for pair in pairs])) for name in pairs[0]}
    return {**medians, "ratio": middle, "ratio, low": low, "ratio, high": high}


def stages(path: Path, baselines: tuple[str, ...], changed: dict[str, Any]) -> dict[str, float]:
    """Return CPU seconds and most memory of each stage of reading a file and training on it."""
    import torch

    from forecasting.config import RunConfig
    from forecasting.events import EpochEnd, Progress, RunFinished
    from forecasting.jobs import training
    from forecasting.series import Panel
    from forecasting.sources import source

    torch.set_num_threads(1)
    config = RunConfig().changed(
        input_size=60,
        hidden_size=8,
        batch_size=256,
        epochs=1,
        device="cpu",
        baselines=",".join(baselines),
        **changed,
    )
    laps = _Laps()
    panel = Panel(tuple(source(str(path)).load()))
    laps.end("read")
    stage, future = "prepare", training.future

    def forecast(*words: Any) -> Any:
        laps.end(stage)
        found = future(*words)
        laps.end("forecast")
        return found

    training.future = forecast  # type: ignore[attr-defined]
    for event in training.train(panel, config, counted=False):
        laps.end(stage)
        if isinstance(event, EpochEnd):
            stage = "epoch" if event.epoch == 0 else "after the epoch"
        elif isinstance(event, Progress) and event.message.startswith("Scoring"):
            stage = "judge"
        elif isinstance(event, RunFinished):
            break
    return laps.figures()


def measured(path: Path, *words: str) -> dict[str, float]:
    """Run one measurement in a process of its own and return its figures."""
    command = [sys.executable, "-m", "benchmarks.market", "--worker", str(path), *words]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def exponents(found: dict[int, dict[str, float]]) -> dict[str, str]:
    """Return the power with which each figure grows from the smallest to the largest size."""
    small, large = min(found), max(found)
    if small == large:
        return {}
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
    made.add_argument("--baselines", nargs="+", default=["auto"])
    made.add_argument("--horizon", type=int, default=5)
    made.add_argument("--out", type=Path)
    made.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--pandas", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--reading", type=int, default=0, metavar="ROUNDS")
    asked = made.parse_args()
    if asked.worker:
        if asked.reading:
            found = reading_alone(asked.worker, "pandas" if asked.pandas else "read")
        elif asked.pandas:
            found = pandas_alone(asked.worker)
        else:
            found = stages(asked.worker, tuple(asked.baselines), {"horizon": asked.horizon})
        print(json.dumps(found))
        return
    found_by_size: dict[int, dict[str, float]] = {}
    words = ["--baselines", *asked.baselines, "--horizon", str(asked.horizon)]
    with tempfile.TemporaryDirectory() as folder:
        for size in asked.series:
            path = Path(folder) / f"market-{size}.{asked.form}"
            write(path, size, asked.bars)
            facts = {"file, MB": path.stat().st_size / 1e6}
            if asked.reading:
                found_by_size[size] = {**facts, **in_turns(path, asked.reading)}
            else:
                alone = measured(path, "--pandas")
                found_by_size[size] = {**facts, **alone, **measured(path, *words)}
            print(size, json.dumps(found_by_size[size]), flush=True)
            path.unlink()
    powers = exponents(found_by_size)
    rows: list[dict[str, Any]] = [
        {
            "stage": name,
            **{str(size): f"{figures[name]:.2f}" for size, figures in found_by_size.items()},
            "exponent": powers.get(name, ""),
        }
        for name in found_by_size[asked.series[-1]]
    ]
    deliver("market", {"figures": found_by_size}, rows, asked.out)


if __name__ == "__main__":
    main()
