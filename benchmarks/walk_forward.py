"""Wall and CPU time of a walk-forward test in two processes against one, whole programs, in interleaved pairs.

Usage: python benchmarks/walk_forward.py PANEL.csv.gz [--series 20] [--origins 250] [--refit 50] [--pairs 3] [-- --epochs 10 ...]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from forecasting import RunConfig, source


def first_series(panel: str, count: int, folder: Path) -> Path:
    """Write the first series of a panel as one long CSV."""
    parts = [
        pd.DataFrame({"symbol": s.symbol, "date": s.ds, **{name: s[name] for name in s.columns}}) for s in source(panel).load()[:count]
    ]
    path = folder / "panel.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def timed(words: list[str]) -> tuple[float, float]:
    """Run the program; return its wall and CPU seconds, those of its processes included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "app", "backtest", *words], check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panel")
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--origins", type=int, default=250)
    parser.add_argument("--refit", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("settings", nargs="*", help="Flags of the backtest, after --")
    asked = parser.parse_args()
    size = asked.origins + RunConfig().task.horizon - 1
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = first_series(asked.panel, asked.series, Path(folder))
        words = [str(path), "--test-size", str(size), "--refit", str(asked.refit), "--json", *asked.settings]
        for pair in range(asked.pairs):
            order = (1, 2) if pair % 2 else (2, 1)
            took = {workers: timed([*words, "--workers", str(workers)]) for workers in order}
            ratios.append(took[1][0] / took[2][0])
            told = "  ".join(f"{n} process{'es' * (n > 1)}: {took[n][0]:6.1f} s wall, {took[n][1]:6.1f} s CPU" for n in (1, 2))
            print(f"{told}  ratio {ratios[-1]:.2f}  load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
