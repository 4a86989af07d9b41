"""How long a million rows of CSV take, and how much memory, beside pandas' own C reader.

Run as a script it prints medians and ratios of interleaved pairs, each reading in a process of its
own:

    python benchmarks/test_csv.py [ROWS] [PAIRS]
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pytest

#: Most that reading may take: times the wall time, and times the peak memory, of pandas.
TIME, MEMORY = 1.5, 3.0

_ONE = """
import json, resource, sys, time, threading
import pandas as pd, pyarrow.csv, pyarrow.compute
from forecasting.sources import source
path, small, who = sys.argv[1:]
read = (lambda p: pd.read_csv(p, parse_dates=["Date"])) if who == "pandas" else (lambda p: source(p).load())
read(small)
unit = 1024 if sys.platform == "darwin" else 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
wall, cpu = time.perf_counter(), time.process_time()
kept = read(path)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 / unit
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak}))
"""


def write_prices(path: Path, rows: int) -> Path:
    """Write minute bars as Date,Open,High,Low,Close,Volume; in pieces, since a child process
    starts with its parent's peak memory.
    """
    rng = np.random.default_rng(0)
    level = 100.0
    with path.open("w", encoding="ascii") as file:
        file.write("Date,Open,High,Low,Close,Volume\n")
        for begin in range(0, rows, 20_000):
            size = min(20_000, rows - begin)
            close = level * np.exp(np.cumsum(rng.normal(0, 1e-3, size)))
            first, level = close * (1 + rng.normal(0, 5e-4, size)), float(close[-1])
            high, low = np.maximum(first, close) * 1.0004, np.minimum(first, close) * 0.9996
            stamps = np.datetime64("2015-01-01T00:00:00") + (
                begin + np.arange(size)
            ) * np.timedelta64(60, "s")
            for stamp, *prices, shares in zip(
                stamps, first, high, low, close, rng.integers(1, 10**7, size), strict=True
            ):
                file.write(
                    str(stamp).replace("T", " ")
                    + "".join(f",{price:.6f}" for price in prices)
                    + f",{shares}\n"
                )
    return path


def measure(path: Path, small: Path, who: str) -> dict[str, float]:
    """Read a file in a fresh process; return seconds of wall and CPU time, and the growth of the
    peak memory in MB.
    """
    command = [sys.executable, "-c", _ONE, str(path), str(small), who]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def compare(folder: Path, rows: int, pairs: int) -> dict[str, dict[str, float]]:
    """Return medians of both readers and of the ratios of neighbouring runs, ours over pandas'."""
    path, small = (
        write_prices(folder / "prices.csv", rows),
        write_prices(folder / "small.csv", 1000),
    )
    runs = [
        (measure(path, small, "pandas"), measure(path, small, "candlecast")) for _ in range(pairs)
    ]
    keys = ("wall_s", "cpu_s", "peak_mb")
    return {
        "pandas": {key: median(theirs[key] for theirs, _ in runs) for key in keys},
        "candlecast": {key: median(ours[key] for _, ours in runs) for key in keys},
        "ratio": {key: median(ours[key] / theirs[key] for theirs, ours in runs) for key in keys},
    }


@pytest.mark.slow
def test_a_million_rows(tmp_path: Path) -> None:
    found = compare(tmp_path, 1_000_000, 7)
    assert found["ratio"]["wall_s"] <= TIME, found
    assert found["ratio"]["peak_mb"] <= MEMORY, found


def test_read(benchmark: pytest.FixtureRequest, tmp_path: Path) -> None:
    from forecasting.sources import source

    path = write_prices(tmp_path / "prices.csv", 100_000)
    (series,) = benchmark(lambda: source(str(path)).load())  # type: ignore[operator]
    assert len(series) == 100_000


if __name__ == "__main__":
    rows, pairs = (
        (int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000),
        (int(sys.argv[2]) if len(sys.argv) > 2 else 9),
    )
    with TemporaryDirectory() as folder:
        result = compare(Path(folder), rows, pairs)
    print(f"{rows:,} rows, {pairs} interleaved pairs, medians")
    print(f"{'':12}{'wall s':>10}{'CPU s':>10}{'peak MB':>10}")
    for who, figures in result.items():
        print(
            f"{who:12}{figures['wall_s']:10.3f}{figures['cpu_s']:10.3f}{figures['peak_mb']:10.1f}"
        )
