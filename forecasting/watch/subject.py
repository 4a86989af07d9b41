"""What is watched: sources, each with the network that forecasts it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from forecasting.bundle import read_bundle, settings_in
from forecasting.config import RunConfig
from forecasting.errors import ModelFileError
from forecasting.sources.options import Request
from forecasting.store import WatchChoice


@dataclass(frozen=True)
class Subject:
    """One source and one network.

    Attributes
    ----------
    request : Request
    model : Path
        File of the network.
    symbols : tuple of str
        Series of the source that are watched; all of them where it is empty.
    """

    request: Request
    model: Path
    symbols: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The request as JSON, by which the store knows it."""
        return self.request.model_dump_json(exclude_defaults=True)


@dataclass(frozen=True)
class Network:
    """What the watch has to know of a saved network without torch.

    Attributes
    ----------
    path : Path
    config : RunConfig
    val_start : datetime64[us]
        First date that its weights were not trained on.
    identity : str
        Of its settings: forecasts of the journal that were made with the same ones are its own.
    """

    path: Path
    config: RunConfig
    val_start: np.datetime64
    identity: str

    @classmethod
    def read(cls, path: Path) -> Network:
        """Read the file of a network.

        Raises
        ------
        ModelFileError
            It is missing, damaged, foreign, or of a newer version.
        """
        manifest, _ = read_bundle(path)
        config = settings_in(path, manifest)
        try:
            val_start = np.datetime64(str(manifest["val_start"]), "us")
        except (KeyError, ValueError) as error:
            raise ModelFileError(
                f"{path.name} does not say what it was trained on.", "Train the network again."
            ) from error
        return cls(path, config, val_start, identity_of(config))


def identity_of(config: RunConfig) -> str:
    """Return what tells settings from others, in 12 letters; the device does not count."""
    text = config.changed(device="auto", baselines="auto").to_json()
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def subjects_of(choices: Iterable[WatchChoice]) -> tuple[tuple[Subject, ...], tuple[str, ...]]:
    """Join what was chosen series by series into one subject for each source and network.

    Returns
    -------
    subjects : tuple of Subject
    damaged : tuple of str
        Symbols whose request cannot be read.
    """
    found: dict[tuple[str, str], list[str]] = {}
    damaged: list[str] = []
    for choice in choices:
        found.setdefault((choice.request, choice.model), []).append(choice.symbol)
    subjects = []
    for (text, model), symbols in found.items():
        try:
            request = Request.model_validate_json(text)
        except ValidationError:
            damaged += symbols
            continue
        subjects.append(Subject(request, Path(model), tuple(symbols)))
    return tuple(subjects), tuple(damaged)


def choices_of(rows: Iterable[tuple[Request, str]], model: Path) -> tuple[WatchChoice, ...]:
    """Return choices of series, each given by its request and symbol, for the store."""
    return tuple(
        WatchChoice(request.model_dump_json(exclude_defaults=True), symbol, str(model))
        for request, symbol in rows
    )
