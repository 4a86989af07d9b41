"""The other end of a comparison: a process that answers JSON lines; only the standard library,
as it runs in both environments.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Task = Callable[..., dict[str, Any]]


def cpu_seconds() -> float:
    """Return user and system seconds of this process, its threads and its ended children."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Give a dict that holds ``wall`` and ``cpu`` seconds once the block is left."""
    found: dict[str, float] = {}
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield found
    found["wall"], found["cpu"] = time.perf_counter() - wall, cpu_seconds() - cpu


def slope(short: dict[str, float], long: dict[str, float], steps: int) -> dict[str, float]:
    """Return what one of the ``steps`` took that the longer of two runs has more: what both pay
    once drops out.
    """
    return {name: (long[name] - short[name]) / steps for name in ("wall", "cpu")}


def serve(tasks: dict[str, Task]) -> None:
    """Answer requests until stdin ends; libraries may print what they like, it goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(tasks[asked.pop("task")](**asked)), file=answers, flush=True)
