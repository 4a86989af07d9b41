"""Checkpoints of a training, to resume it later: weights, optimiser, random states and history, in
a file that holds no code.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from forecasting.bundle import Tensors, read_bundle, settings_in, write_bundle
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, ModelFileError
from forecasting.events import EpochEnd, Notice
from forecasting.series import Panel

KIND = "candlecast-training"
#: Settings that may be others when a training goes on: how long it lasts and what it is judged
#: beside, not what it does.
_MAY_DIFFER = ("epochs", "patience", "baselines")
#: Seconds between two savings at most, and at least after a best epoch; the share of the time that
#: they may take.
_EVERY_S, _SOON_S, _SHARE = 60.0, 1.0, 0.02


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The checkpoint: the complete state of a training between two steps.

    Attributes
    ----------
    config : RunConfig
    prices : mapping of str to str
        Of each symbol what its bars are recognised by.
    sources : tuple of str
        References that load the panel again.
    facts : mapping
        Counters and the history, of plain JSON values.
    arrays : mapping of str to ndarray
        Weights, what the optimiser remembers, and the states of the random numbers.
    """

    config: RunConfig
    prices: Mapping[str, str]
    sources: tuple[str, ...]
    facts: Mapping[str, Any]
    arrays: Tensors

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically.

        Raises
        ------
        CandlecastError
            The file cannot be written, or the network is too large for one.
        """
        manifest = {
            "kind": KIND,
            "config": self.config.model_dump(mode="json"),
            "prices": dict(self.prices),
            "sources": list(self.sources),
            "saved_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "facts": dict(self.facts),
        }
        write_bundle(path, manifest, self.arrays)

    @classmethod
    def load(cls, path: str | Path) -> TrainingState:
        """Read a checkpoint; nothing in the file is executed.

        Raises
        ------
        ModelFileError
            The file is missing, damaged, or something else.
        """
        manifest, arrays = read_bundle(path)
        if manifest.get("kind") != KIND:
            raise ModelFileError(
                f"{path} is not a saved training.",
                "Choose a file that was kept while a network was trained.",
            )
        config = settings_in(path, manifest)
        try:
            return cls(
                config,
                dict(manifest["prices"]),
                tuple(manifest["sources"]),
                dict(manifest["facts"]),
                arrays,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise ModelFileError(
                f"{path} does not fit together: {str(error).splitlines()[0]}", "Train anew."
            ) from error

    def check(self, panel: Panel, config: RunConfig) -> None:
        """Refuse to resume with other prices or settings, or with fewer epochs than are done.

        Raises
        ------
        ConfigError
            Names the first difference.
        """
        have = fingerprints(panel)
        other = next(
            (name for name in {**self.prices, **have} if self.prices.get(name) != have.get(name)),
            None,
        )
        if other is not None:
            raise ConfigError(
                f"The saved training had other prices: {other} has {have.get(other, 'none')} here "
                f"and {self.prices.get(other, 'none')} there.",
                "Load the same series as before, or train anew.",
            )
        ours, theirs = (_deciding(item) for item in (config, self.config))
        name = next((name for name in ours if ours[name] != theirs[name]), None)
        if name is not None:
            raise ConfigError(
                f"The saved training had other settings: {name} = {theirs[name]} there and "
                f"{ours[name]} here.",
                "Use the settings it had; epochs and patience may be others.",
            )
        with self.explained():
            done = max((epoch.epoch for epoch in self.history), default=0)
        if config.train.epochs < done:
            raise ConfigError(
                f"epochs = {config.train.epochs}: the saved training has {done} already.",
                "Ask for more epochs.",
            )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of inconsistent parts, raised while a checkpoint is restored, into
        :class:`ModelFileError`.
        """
        try:
            yield
        except (
            KeyError,
            ValueError,
            TypeError,
            RuntimeError,
            IndexError,
            AttributeError,
            OverflowError,
        ) as error:
            raise ModelFileError(
                f"The saved training does not fit together: {str(error).splitlines()[0]}",
                "Train anew.",
            ) from error

    @property
    def history(self) -> list[EpochEnd]:
        """Return the recorded epochs."""
        plain: list[dict[str, Any]] = [
            {name: math.nan if value is None else value for name, value in epoch.items()}
            for epoch in self.facts["history"]
        ]
        return [EpochEnd(**epoch) for epoch in plain]


def history_facts(history: Sequence[EpochEnd]) -> list[dict[str, Any]]:
    """Return epochs as plain JSON values; numbers that are not finite become None."""
    return [
        {k: v if math.isfinite(v) else None for k, v in asdict(epoch).items()} for epoch in history
    ]


def fingerprints(panel: Panel) -> dict[str, str]:
    """Return a fingerprint of each series: its number of bars and a hash of its values."""
    return {series.symbol: series.fingerprint for series in panel}


def _deciding(config: RunConfig) -> dict[str, Any]:
    groups = config.model_dump(mode="json", exclude={"version"})
    return {
        name: value
        for group in groups.values()
        for name, value in group.items()
        if name not in _MAY_DIFFER
    }


def run_name(panel: Panel, config: RunConfig) -> str:
    """Return the file name of the checkpoint of these prices and settings."""
    facts = json.dumps([fingerprints(panel), _deciding(config)], sort_keys=True)
    return f"{hashlib.sha256(facts.encode()).hexdigest()[:20]}.training"


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's random number generators, of the CPU and of the device."""
    found = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["random.cuda"] = torch.cuda.get_rng_state(device)
    return found


def restore_random(arrays: Tensors, device: torch.device) -> None:
    """Restore the random number generators from :func:`random_states`."""
    torch.set_rng_state(as_bytes(arrays["random.cpu"]))
    if device.type == "cuda" and "random.cuda" in arrays:
        torch.cuda.set_rng_state(as_bytes(arrays["random.cuda"]), device)


def as_bytes(array: npt.NDArray[Any]) -> Tensor:
    """Return the state of a random number generator from the integers that a file holds."""
    return torch.as_tensor(array).to(torch.uint8)


def to_arrays(tensors: Mapping[str, Tensor]) -> Tensors:
    """Return tensors as arrays for a file; bytes of random states become integers."""
    return {name: _array(tensor.detach().cpu()) for name, tensor in tensors.items()}


def _array(tensor: Tensor) -> Any:
    return (tensor.to(torch.int32) if tensor.dtype is torch.uint8 else tensor).numpy().copy()


def to_tensors(arrays: Tensors, prefix: str) -> dict[str, Tensor]:
    """Return the arrays whose names have a prefix, without the prefix."""
    return {
        name.removeprefix(prefix): torch.as_tensor(array)
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


class Autosave:
    """Save checkpoints of a running training: at most a minute old, and sooner after a new best
    epoch.

    Saving takes at most two percent of the time; a file that cannot be written does not stop the
    training.

    Parameters
    ----------
    path : Path, optional
        Nothing is kept without one.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.last, self.cost = path, time.perf_counter(), 0.0

    def due(self, best: bool = False) -> bool:
        """Return whether it is time to save; sooner after a new best epoch."""
        wait = max(_SOON_S, self.cost / _SHARE) if best else max(_EVERY_S, self.cost / _SHARE)
        return self.path is not None and time.perf_counter() - self.last >= wait

    def save(self, state: TrainingState) -> Notice | None:
        """Save now; on the first error return a notice and stop saving."""
        if self.path is None:
            return None
        started = time.perf_counter()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            state.save(self.path)
        except (CandlecastError, OSError) as error:
            self.path = None
            return Notice(
                f"This training cannot be kept in case it is cut short: {error}",
                "It goes on nevertheless.",
            )
        self.last = time.perf_counter()
        self.cost = self.last - started
        return None
