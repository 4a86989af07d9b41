"""Which settings are tried next: at random, or by Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from forecasting.errors import ConfigError
from forecasting.search.space import Dimension, SearchSpace

SamplerName = Literal["auto", "tpe", "random"]
#: Trials at random before the estimator has enough to go by.
_STARTUP = 10
INSTALL = "Install it with: pip install optuna, or search with --sampler random."


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Settings to be tried, and the sampler's own handle of them."""

    values: Mapping[str, Any]
    handle: Any = None


class Sampler(ABC):
    """Suggests settings, and hears how they did. The same seed and answers give the same
    suggestions.
    """

    title: str

    @abstractmethod
    def ask(self) -> Suggestion | None:
        """Return the settings to be tried next; None where there are no more."""

    def observe(  # noqa: B027
        self,
        suggestion: Suggestion,
        losses: Sequence[float],
        complete: bool,
        checked: float = 0.0,
        failed: bool = False,
    ) -> None:
        """Hear of a trial; a sampler that learns nothing takes no notice.

        Parameters
        ----------
        suggestion : Suggestion
            As :meth:`ask` returned it.
        losses : sequence of float
            Mean loss after each block that it was trained for, none of a trial that failed.
        complete : bool
            Whether all blocks were run.
        checked : float
            What it had reached at the early check, the less the better; 0 where there was none.
        failed : bool
            Whether it could not be run, or gave no forecasts to judge.
        """

    def start_from(self, values: Mapping[str, Any], loss: float) -> None:  # noqa: B027
        """Hear of the defaults, where they lie within the space."""


class RandomSampler(Sampler):
    """Independent draws (Bergstra & Bengio 2012)."""

    title = "random search"

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._rng = np.random.default_rng(seed)

    def ask(self) -> Suggestion:
        """Return settings drawn at random."""
        return Suggestion({d.name: d.draw(self._rng) for d in self._space.dimensions})


class ListSampler(Sampler):
    """Goes through a list once."""

    title = "list of candidates"

    def __init__(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        self._left = iter(tuple(candidates))

    def ask(self) -> Suggestion | None:
        """Return the next candidate."""
        values = next(self._left, None)
        return None if values is None else Suggestion(values)


class ParzenSampler(Sampler):
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), in memory.

    Numbers to choose from are searched by their rank, so that what is learned of one tells of its
    neighbours.

    Raises
    ------
    ConfigError
        Optuna is not installed.
    """

    title = "tree-structured Parzen estimator (Optuna)"

    def __init__(self, space: SearchSpace, seed: int, parallel: bool = False) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ConfigError(
                "The sampler tpe needs Optuna, which is not installed.", INSTALL
            ) from error
        self._optuna = optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constant_liar is marked as experimental
            estimator = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=_STARTUP, constant_liar=parallel
            )
        self._study = optuna.create_study(sampler=estimator)
        self._ranked = {d.name: sorted(d.choices) for d in space.dimensions if _ordered(d)}
        self._distributions = {d.name: self._distribution(d) for d in space.dimensions}

    def ask(self) -> Suggestion:
        """Return the settings that promise most."""
        trial = self._study.ask(self._distributions)
        values = {name: self._value(name, param) for name, param in trial.params.items()}
        return Suggestion(values, trial)

    def observe(
        self,
        suggestion: Suggestion,
        losses: Sequence[float],
        complete: bool,
        checked: float = 0.0,
        failed: bool = False,
    ) -> None:
        """Pass the losses on."""
        state = self._optuna.trial.TrialState
        if checked:
            suggestion.handle.report(checked, 0)
        for block, loss in enumerate(losses, start=1):
            suggestion.handle.report(loss, block)
        if complete:
            self._study.tell(suggestion.handle, losses[-1])
        else:
            # Pruned without a value is the worst; of a failed one nothing would be learned.
            known = bool(losses) or checked > 0 or failed
            self._study.tell(suggestion.handle, state=state.PRUNED if known else state.FAIL)

    def start_from(self, values: Mapping[str, Any], loss: float) -> None:
        """Add the defaults as a finished trial."""
        params = {
            name: self._ranked[name].index(value) if name in self._ranked else value
            for name, value in values.items()
        }
        made = self._optuna.trial.create_trial(
            params=params, distributions=self._distributions, value=loss
        )
        self._study.add_trial(made)

    def _value(self, name: str, param: Any) -> Any:
        """Return the value of a setting that a parameter of the estimator stands for."""
        if name in self._ranked:
            return self._ranked[name][param]
        return float(f"{param:.6g}") if isinstance(param, float) else param

    def _distribution(self, dimension: Dimension) -> Any:
        known = self._optuna.distributions
        if dimension.name in self._ranked:
            return known.IntDistribution(0, len(dimension.choices) - 1)
        if dimension.choices:
            return known.CategoricalDistribution(dimension.choices)
        if dimension.whole:
            low, high = int(dimension.low), int(dimension.high)
            return known.IntDistribution(low, high, log=dimension.log)
        return known.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _ordered(dimension: Dimension) -> bool:
    """Return whether a dimension is a choice of numbers."""
    return bool(dimension.choices) and all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value in dimension.choices
    )


def make_sampler(
    name: SamplerName, space: SearchSpace, seed: int, parallel: bool = False
) -> Sampler:
    """Return a sampler; ``auto`` takes Optuna's where it is installed.

    Raises
    ------
    ConfigError
        ``tpe`` without Optuna, or no such sampler.
    """
    if name not in ("auto", "tpe", "random"):
        raise ConfigError(f"There is no sampler '{name}'.", "Choose auto, tpe or random.")
    if name == "random" or (name == "auto" and find_spec("optuna") is None):
        return RandomSampler(space, seed)
    return ParzenSampler(space, seed, parallel)
