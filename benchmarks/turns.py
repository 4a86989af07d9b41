"""Contestants take turns in processes of their own, and medians of their ratios are written
down.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Compiled modules of all runs: those of a first one are compiled once, as after an installation,
#: whatever the environment says of it.
_BYTECODE = tempfile.TemporaryDirectory(prefix="candlecast-bytecode-")

#: Figures of one run by their names.
Figures = dict[str, float]


def run(command: Sequence[str], seconds: float = 300) -> Figures:
    """Run a contestant in a fresh folder for settings, offscreen; return the figures that its last
    line of output holds as JSON.

    The contestant finds in ``CANDLECAST_BEGUN`` when it was started (``time.time()``). Wall and CPU
    seconds of the whole process, threads and children included, are added as ``whole_wall`` and
    ``whole_cpu``.
    """
    with tempfile.TemporaryDirectory(prefix="candlecast-bench-") as home:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": _BYTECODE.name,
            "CANDLECAST_HOME": home,
            "QT_QPA_PLATFORM": "offscreen",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before, started = os.times(), time.perf_counter()
        environment["CANDLECAST_BEGUN"] = repr(time.time())
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=home,
            env=environment,
            check=False,
        )
        wall, after = time.perf_counter() - started, os.times()
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    figures: Figures = json.loads(lines[-1]) if lines else {}
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return {**figures, "whole_wall": wall, "whole_cpu": cpu}


def turns(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Figures]]:
    """Let contestants run in turn, ``rounds`` times each after one round that only warms the
    disk's cache.
    """
    for command in commands.values():
        run(command)
    found: dict[str, list[Figures]] = {name: [] for name in commands}
    for index in range(rounds):
        for name, command in commands.items():
            found[name].append(run(command))
        print(
            f"round {index + 1} of {rounds}, load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
    return found


def median(runs: Sequence[Figures], key: str) -> float:
    """Return the median of one figure."""
    return statistics.median(item[key] for item in runs)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Write the median of the ratios of neighbouring runs, with quartiles where there are
    enough.
    """
    ratios = [item / other for item, other in zip(ours, theirs, strict=True)]
    middle = f"{statistics.median(ratios):.2f}"
    if len(ratios) < 4:
        return middle
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{middle} ({low:.2f}-{high:.2f})"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def write(out: Path | None, name: str, runs: object, text: str) -> None:
    """Print a table; put it, with every single run beside it as JSON, into a folder where one is
    given.
    """
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        load = os.getloadavg() if hasattr(os, "getloadavg") else ()
        (out / f"{name}.json").write_text(
            json.dumps({"load": load, "python": sys.version, "runs": runs}, indent=1)
        )
        (out / f"{name}.md").write_text(f"{text}\n")
