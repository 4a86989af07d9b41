"""The engine made ready before it is needed, and what it consists of."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from forecasting.config import RunConfig
from forecasting.events import EngineReady, Progress
from forecasting.jobs.job import Job
from forecasting.memory import check_memory


def _load_libraries() -> None:
    """Load torch's largest libraries before ``import`` does, which would hold up the window's
    thread for as long as that takes.

    Python keeps its lock while it loads an extension module, and .2 s of torch's import are spent
    there without a break. A function of C that is called through ctypes runs without the lock.
    Where a library is not found, nothing is lost.
    """
    if sys.platform == "win32":
        return
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for name in ("libtorch_cpu", "libtorch_python"):
        load(os.fsencode(Path(spec.origin).parent / "lib" / f"{name}.{suffix}"), os.RTLD_NOW)


def warm_up() -> Job:
    """Import torch and take one small training step, so that the user's first one is not the slow
    one.

    Yields
    ------
    Progress, EngineReady
    """
    started = time.perf_counter()
    yield Progress(0, 0, "Preparing the engine")
    check_memory()
    _load_libraries()
    import torch

    from forecasting.models import Network
    from forecasting.training import AdamW, devices

    network = Network(RunConfig().model, 4, 2, 8)
    network(torch.zeros(8, 8, 4)).sum().backward()
    AdamW(network.parameters(), 0.0).step(1e-3)
    yield EngineReady(devices(), versions(), time.perf_counter() - started)


def run_versions(device: str) -> dict[str, str]:
    """Return :func:`versions`, and what computes the recurrent layers of a run on a device."""
    from forecasting.models.native_pass import in_use

    return {**versions(), "kernel": in_use() if device == "cpu" else "torch"}


def versions() -> dict[str, str]:
    """Return the versions that decide whether numbers repeat."""
    from importlib.metadata import version

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "pandas")},
    }
