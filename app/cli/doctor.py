"""A look at the installation: versions, devices, and one small try of every part that a user
depends on.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.cli.progress import finish
from app.cli.terminal import show
from forecasting import __version__
from forecasting.errors import CandlecastError
from forecasting.files.atomic import TempFolder

#: Packages whose versions matter when something is reported.
PACKAGES = (
    "torch",
    "numpy",
    "pandas",
    "PySide6-Essentials",
    "pyqtgraph",
    "pydantic",
    "arch",
    "exchange-calendars",
    "yfinance",
    "pyarrow",
)
_BARS = 400
#: Relative difference below which two forecasts are the same: numbers of 32 bits round at 6e-8 of a
#: move.
_ROUNDING = 1e-6


def examine() -> int:
    """Print what was found and return 0 where all is well, 1 otherwise."""
    show(f"Candlecast {__version__} on Python {platform.python_version()}, {platform.platform()}")
    for name in PACKAGES:
        show(f"  {name:<20} {_version(name)}")
    show("Self-test")
    with TempFolder() as scratch:
        trials: dict[str, Callable[[Path], str]] = {
            "assets": _assets,
            "engine": _engine,
            "native kernel": lambda _folder: kernel_in_use(),
            "train, save, draw": _journey,
        }
        passed = [_try(name, trial, scratch.path) for name, trial in trials.items()]
    return 0 if all(passed) else 1


def _try(name: str, trial: Callable[[Path], str], folder: Path) -> bool:
    start = time.perf_counter()
    try:
        note = trial(folder)
    except Exception as error:  # whatever it is, it is the finding
        show(f"  FAILED {name}: {type(error).__name__}: {error}")
        return False
    show(f"  ok     {name}: {note} ({time.perf_counter() - start:.1f} s)")
    return True


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _assets(_folder: Path) -> str:
    from app.theme import asset

    return str(asset("candlecast.svg").parent)


def _engine(_folder: Path) -> str:
    from forecasting import jobs
    from forecasting.events import EngineReady

    ready = finish(jobs.warm_up(), EngineReady)
    from forecasting.training import self_test

    faults = {name: self_test(name) for name in ready.devices}
    return ", ".join(
        f"{name} ({words}{f', not usable: {faults[name]}' * bool(faults[name])})"
        for name, words in ready.devices.items()
    )


def kernel_in_use() -> str:
    """Say what computes recurrent layers, and why it is not the native kernel."""
    from forecasting import native
    from forecasting.models.native_pass import fault, in_use

    setting = f"{native.VARIABLE} = {native.choice()}"
    reason = fault()
    words = "the native kernel cannot be used: " + reason if reason else "its numbers are torch's"
    return f"{in_use()} computes recurrent layers on the CPU; {words} ({setting})"


def _journey(folder: Path) -> str:
    """Train on part of a sample, reload the saved model, compare, and draw the forecast."""
    import numpy as np

    from app.export import write
    from forecasting import jobs
    from forecasting.config import RunConfig
    from forecasting.events import ForecastMade, RunFinished, SeriesLoaded
    from forecasting.series import Panel

    (series,) = finish(jobs.load(["sample:sp500"]), SeriesLoaded).panel.series
    panel = Panel((series.head(_BARS),))
    config = RunConfig().changed(epochs=1, input_size=20, horizon=5, device="cpu")
    finished = finish(jobs.train(panel, config), RunFinished)
    finished.forecaster.save(folder / "model")
    again = finish(jobs.predict(panel, folder / "model", "cpu"), ForecastMade).forecasts
    trained = finished.result.forecasts[0].values
    difference = float(np.max(np.abs(again[0].values / trained - 1)))
    if difference > _ROUNDING:
        raise CandlecastError(
            "The saved model forecasts something else than the one that was trained: "
            f"they differ by {difference:.1e} of the price, and rounding explains {_ROUNDING:.0e}."
        )
    write(folder / "forecast.png", finished.result)
    return (
        f"forecast of {len(again[0])} sessions, {(folder / 'forecast.png').stat().st_size:,} "
        "bytes drawn"
    )
