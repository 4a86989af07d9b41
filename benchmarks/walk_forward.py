"""Wall and CPU time of a walk-forward test in two processes against one, whole programs, in
interleaved pairs.

Usage: python benchmarks/walk_forward.py PANEL.csv.gz [--series 20] [--refit 50] [--pairs 3] [--json
FILE] [-- --epochs 10 ...]

A second process cannot help where others use the cores: the load (tasks that wanted a core in the
last minute) stands beside each pair.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from forecasting import RunConfig
from forecasting.sources import source


def first_series(panel: str, count: int, folder: Path) -> Path:
    """Write the first series of a panel as one long CSV."""
    parts = [
        pd.DataFrame({"symbol": s.symbol, "date": s.ds, **{name: s[name] for name in s.columns}})
        for s in source(panel).load()[:count]
    ]
    path = folder / "panel.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def timed(words: list[str]) -> tuple[float, float]:
    """Run the program; return its wall and CPU seconds, those of its processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "app", "backtest", *words], check=True, capture_output=True
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("panel")
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--origins", type=int, default=250)
    parser.add_argument("--refit", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="File for the seconds of each pair")
    parser.add_argument("settings", nargs="*", help="Flags of the backtest, after --")
    asked = parser.parse_args()
    size = asked.origins + RunConfig().task.horizon - 1
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        path = first_series(asked.panel, asked.series, Path(folder))
        words = [
            str(path),
            "--test-size",
            str(size),
            "--refit",
            str(asked.refit),
            "--json",
            *asked.settings,
        ]
        for number in range(asked.pairs):
            order = (1, 2) if number % 2 else (2, 1)
            before = os.getloadavg()[0]
            took = {workers: timed([*words, "--workers", str(workers)]) for workers in order}
            speedup, extra = took[1][0] / took[2][0], took[2][1] / took[1][1]
            pairs.append(
                {
                    "seconds": took,
                    "speedup": speedup,
                    "cpu_ratio": extra,
                    "load_before": before,
                    "load_after": os.getloadavg()[0],
                }
            )
            told = "  ".join(
                f"{n} process{'es' * (n > 1)}: {took[n][0]:6.1f} s wall, {took[n][1]:6.1f} s CPU"
                for n in (1, 2)
            )
            print(
                f"{told}  speed-up {speedup:.2f}  CPU ratio {extra:.2f}  load before {before:.1f}",
                flush=True,
            )
    medians = {
        name: statistics.median(pair[name] for pair in pairs) for name in ("speedup", "cpu_ratio")
    }
    print(f"median speed-up {medians['speedup']:.2f}, of CPU seconds {medians['cpu_ratio']:.2f}")
    if asked.json:
        asked.json.write_text(
            json.dumps({"settings": words[1:], "medians": medians, "pairs": pairs}, indent=1),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
