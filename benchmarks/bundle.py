"""How soon the bundle starts beside the checkout, in pairs that take turns.

    python tests/desktop/stage.py .venv/bin/python -m benchmarks.bundle PROGRAM [--rounds 7]

PROGRAM is the bundle's ``candlecast``. Both are watched from outside in the same way, on the same
display: the CPU seconds that a process has used when its window is mapped, and those of whole
commands. Settings are those of a first start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from benchmarks.test_csv import write_prices
from benchmarks.turns import ROOT

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 120


def cpu(process: int) -> float:
    """Return the CPU seconds of a process that runs."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def until_seen(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return CPU and wall seconds until the window is mapped; then the program is ended."""
    begun = time.monotonic()
    process = subprocess.Popen(words, env=environment, cwd="/", stderr=subprocess.DEVNULL)
    search = ["xdotool", "search", "--onlyvisible", "--class", "candlecast"]
    try:
        while not subprocess.run(search, capture_output=True, check=False).stdout:
            if process.poll() is not None or time.monotonic() > begun + _PATIENCE_S:
                raise SystemExit(f"no window: {words}")
            time.sleep(0.01)
        return cpu(process.pid), time.monotonic() - begun
    finally:
        process.kill()
        process.wait()


def whole(words: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return CPU and wall seconds of a command."""
    before, begun = os.times(), time.monotonic()
    subprocess.run(words, env=environment, cwd="/", check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system
    return used - before.children_user - before.children_system, time.monotonic() - begun


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    checkout = [sys.executable, "-P", "-m", "app"]
    contestants = {"checkout": checkout, "bundle": [str(given.program)]}
    with TemporaryDirectory() as folder:
        file = str(write_prices(Path(folder) / "small.csv", 500))
        marks = {
            "window": (until_seen, [file]),
            "--version": (whole, ["--version"]),
            "forecast": (whole, ["forecast", file, "--epochs", "1"]),
        }
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for turn in range(given.rounds + 1):  # the first round fills caches and is not counted
            for mark, (measure, words) in marks.items():
                for name, program in contestants.items():
                    environment = {
                        **os.environ,
                        "CANDLECAST_HOME": f"{folder}/{name}",
                        "PYTHONPATH": str(ROOT),
                        "OMP_NUM_THREADS": "1",
                    }
                    figures = measure([*program, *words], environment)
                    if turn:
                        found.setdefault((mark, name), []).append(figures)
    print("| mark | checkout, CPU s | bundle, CPU s | ratio (quartiles) | wall s, both |")
    print("| --- | --- | --- | --- | --- |")
    for mark in marks:
        ours, theirs = found[mark, "bundle"], found[mark, "checkout"]
        ratios = [one[0] / other[0] for one, other in zip(ours, theirs, strict=True)]
        low, middle, high = quantiles(ratios, n=4)
        walls = [median(item[1] for item in side) for side in (theirs, ours)]
        cpus = [median(item[0] for item in side) for side in (theirs, ours)]
        print(
            f"| {mark} | {cpus[0]:.2f} | {cpus[1]:.2f} | {middle:.2f} ({low:.2f}-{high:.2f}) "
            f"| {walls[0]:.2f}, {walls[1]:.2f} |"
        )


if __name__ == "__main__":
    main()
