"""Which settings a search tries: ranges and choices, checked against the declaration in
``config``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.config import GROUPS, RunConfig, choices
from forecasting.errors import ConfigError
from forecasting.files.bounded_read import read_regular_file
from forecasting.series import Panel

#: Settings that decide what is forecast or how it is judged, and those that choose luck or a
#: machine: with other values of them two losses do not compare.
_FIXED = {
    "horizon": "it decides what is forecast, so that losses would not compare",
    "val_size": "it decides what a trial is judged on",
    "test_size": "the test part is looked at once, after the search",
    "baselines": "they are what the result is judged beside",
    "target_column": "it decides what is forecast, so that losses would not compare",
    "point": "the loss is that of all quantiles, which it does not change",
    "seed": "the best of many seeds is luck",
    "device": "it does not change what is learned",
    "exog_sources": "files are loaded before the search",
}
#: Settings that the default space searches where the series suit them.
USUAL = (
    "input_size",
    "model",
    "hidden_size",
    "layers",
    "dropout",
    "learning_rate",
    "indicators",
    "dates",
    "volume",
    "market",
    "target",
)
_MOST_BYTES = 2**20
_MOST_CHOICES = 1000
_EXAMPLE = (
    'Write it as {"input_size": [20, 60], "learning_rate": {"low": 1e-4, "high": 1e-2, '
    '"log": true}}.'
)


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched.

    Attributes
    ----------
    name : str
        A setting of :class:`forecasting.config.RunConfig`.
    choices : tuple
        Values to choose from; empty for a range.
    low, high : float
        Limits of a range, both included.
    log : bool
        Whether each factor is as likely as the next, not each amount.
    whole : bool
        Whether only whole numbers are taken.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> Any:
        """Return a value at random."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        if self.whole:
            low, high = (self.low - 0.5, self.high + 0.5)
        else:
            low, high = self.low, self.high
        value = (
            math.exp(rng.uniform(math.log(low), math.log(high)))
            if self.log
            else float(rng.uniform(low, high))
        )
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(f"{value:.6g}")

    def holds(self, value: Any) -> bool:
        """Tell whether a value is one of the dimension's."""
        if self.choices:
            return value in self.choices
        return bool(self.low <= value <= self.high)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Return the values that have to be possible for all others to be: every choice, or the
        limits.
        """
        if self.choices:
            return self.choices
        return tuple(round(v) if self.whole else v for v in (self.low, self.high))


@dataclass(frozen=True)
class SearchSpace:
    """Everything that a search may change.

    Attributes
    ----------
    dimensions : tuple of Dimension
        At least one, each of another setting.
    """

    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> float:
        """Return how many combinations there are; infinite where a range is not of whole
        numbers.
        """
        sizes = (
            len(d.choices) if d.choices else d.high - d.low + 1 if d.whole else math.inf
            for d in self.dimensions
        )
        return math.prod(sizes)

    def values_of(self, config: RunConfig) -> dict[str, Any]:
        """Return the values that a configuration has of the searched settings."""
        values = {name: value for group in GROUPS for name, value in getattr(config, group)}
        return {d.name: values[d.name] for d in self.dimensions}

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Tell whether all values lie in the space."""
        return all(d.holds(values[d.name]) for d in self.dimensions)


def default_space(config: RunConfig, panel: Panel, longest: int) -> SearchSpace:
    """Return the space that suits a configuration and the bars before the search's blocks.

    Lookback, network, hidden size, layers, dropout, learning rate, inputs and target.

    Parameters
    ----------
    config : RunConfig
        Its values lie within the space, where they can.
    panel : Panel
        Bars before the test part: whether all values are positive decides the targets.
    longest : int
        Longest lookback that every series holds.
    """
    task, model, train = config.task, config.model, config.train
    found = [
        Dimension("model", choices(type(model).model_fields["model"])),
        _integers("hidden_size", min(4, model.hidden_size), max(64, model.hidden_size), log=True),
        _integers("layers", 1, max(2, model.layers)),
        Dimension("dropout", low=0.0, high=max(0.6, model.dropout)),
        Dimension(
            "learning_rate",
            low=min(2e-4, train.learning_rate),
            high=max(1e-2, train.learning_rate),
            log=True,
        ),
    ]
    if model.shape not in ("one-to-one", "one-to-many"):
        found.insert(0, _lookbacks(task.input_size, longest))
    found += [Dimension(name, (False, True)) for name in _switches(panel)]
    if config.model.strategy == "direct" and task.season == "auto":
        positive = all(bool((series.y > 0).all()) for series in panel)
        targets = ("auto", *(("log-return",) if positive else ()), "difference")
        found.append(Dimension("target", targets))
    return SearchSpace(tuple(found))


def limited(space: SearchSpace, names: tuple[str, ...]) -> SearchSpace:
    """Return the part of a space that is of these settings; all of it where none is named.

    Settings that other series could have searched are passed over.

    Raises
    ------
    ConfigError
        A name of none of :data:`USUAL`, or nothing is left.
    """
    known = {*USUAL, *(dimension.name for dimension in space.dimensions)}
    odd = next((name for name in names if name not in known), None)
    found = tuple(d for d in space.dimensions if not names or d.name in names)
    if odd is not None or not found:
        there = ", ".join(sorted(dimension.name for dimension in space.dimensions))
        raise ConfigError(
            f"'{odd or names[0]}' is not among the settings that are searched here.",
            f"Name some of {there}, or give a space of your own.",
        )
    return SearchSpace(found)


def _switches(panel: Panel) -> list[str]:
    """Return the groups of inputs that the series can have and that are worth a try."""
    names = ["indicators", "dates"]
    if any("volume" in series.columns for series in panel):
        names.append("volume")
    if len(panel) > 1:
        names.append("market")
    return names


def _integers(name: str, low: int, high: int, *, log: bool = False) -> Dimension:
    return Dimension(name, low=low, high=high, log=log, whole=True)


def _lookbacks(usual: int, longest: int) -> Dimension:
    """Return lookbacks from a quarter of the usual one to four times it, as far as the bars
    reach.
    """
    most = max(usual, min(4 * usual, longest))
    around = {max(2, round(usual * factor)) for factor in (0.25, 0.5, 1, 2, 4)}
    return Dimension("input_size", tuple(sorted(value for value in around if value <= most)))


def read_space(path: str | Path, config: RunConfig) -> SearchSpace:
    """Read a space from a JSON file; errors as of :func:`space_from`."""
    try:
        text = read_regular_file(Path(path), _MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}.",
            "Check the path given to --space.",
        ) from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"The search space {path} is not JSON: {error}.", _EXAMPLE) from error
    return space_from(document, config)


def space_from(document: Any, config: RunConfig) -> SearchSpace:
    """Make a space of plain values.

    Parameters
    ----------
    document : mapping of str to list or mapping
        By setting: a list of values to choose from, or ``{"low": a, "high": b, "log": true}``.
    config : RunConfig
        Every value has to be possible beside the others of this configuration by itself.

    Raises
    ------
    ConfigError
        No mapping, an unknown setting, one that must not be searched, or an impossible value.
    """
    if not isinstance(document, Mapping) or not document:
        raise ConfigError("A search space is a mapping with one setting or more.", _EXAMPLE)
    known = {name for cls in GROUPS.values() for name in cls.model_fields}
    found = []
    for name, spec in document.items():
        if name not in known:
            raise ConfigError(
                f"The search space names '{name}', which is no setting.",
                f"Settings are: {', '.join(sorted(known - _FIXED.keys()))}.",
            )
        if name in _FIXED:
            raise ConfigError(
                f"'{name}' cannot be searched: {_FIXED[name]}.", "Leave it out of the space."
            )
        dimension = _dimension(name, spec, config)
        for value in dimension.ends:
            _check_value(name, value)
        found.append(dimension)
    return SearchSpace(tuple(found))


def _dimension(name: str, spec: Any, config: RunConfig) -> Dimension:
    if isinstance(spec, list) and 0 < len(spec) <= _MOST_CHOICES:
        if any(isinstance(value, list | dict) for value in spec):
            raise ConfigError(f"'{name}' has a choice that is no single value.", _EXAMPLE)
        return Dimension(name, tuple(dict.fromkeys(spec)))
    if not isinstance(spec, Mapping) or not {"low", "high"} <= spec.keys():
        raise ConfigError(
            f"'{name}' is neither a list of values nor a range with low and high.", _EXAMPLE
        )
    if spec.keys() - {"low", "high", "log"}:
        odd = sorted(spec.keys() - {"low", "high", "log"})
        raise ConfigError(f"The range of '{name}' has the unknown word '{odd[0]}'.", _EXAMPLE)
    low, high, log = spec["low"], spec["high"], spec.get("log", False)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (low, high))
    if not numbers or not math.isfinite(low) or not math.isfinite(high) or not low < high:
        raise ConfigError(
            f"The range of '{name}' from {low!r} to {high!r} is none.", "Give a low below its high."
        )
    if not isinstance(log, bool) or (log and low <= 0):
        raise ConfigError(
            f"The range of '{name}' cannot be logarithmic from {low!r} on.",
            "Give a low above 0, and true or false for log.",
        )
    kind = _kind(name)
    if kind not in (int, float):
        raise ConfigError(f"'{name}' is no number and has no range.", "Give a list of values.")
    whole = kind is int
    if whole and (low != int(low) or high != int(high)):
        raise ConfigError(f"'{name}' takes whole numbers only.", "Give whole numbers.")
    return Dimension(name, low=low, high=high, log=log, whole=whole)


def _kind(name: str) -> Any:
    group = next(cls for cls in GROUPS.values() if name in cls.model_fields)
    return group.model_fields[name].annotation


def _check_value(name: str, value: Any) -> None:
    """Refuse a value outside the limits of its setting, as the declaration says them."""
    group = next(key for key, cls in GROUPS.items() if name in cls.model_fields)
    try:
        GROUPS[group].model_validate({name: value}, strict=False)
    except ValueError as error:
        first = error.errors()[0]["msg"] if hasattr(error, "errors") else str(error)
        raise ConfigError(
            f"The search space gives '{name}' the value {value!r}: {str(first).lower()}.",
            "Correct the space.",
        ) from error
