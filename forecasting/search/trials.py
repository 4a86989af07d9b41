"""Trials and how they did: which of them go on to the next block, and which is the best.

A trial goes on to the next block only while it is among the better half of those that came so far
by loss or by validation loss (asynchronous successive halving, Li et al. 2020).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Event
from forecasting.search.blocks import (
    BlockResult,
    Blocks,
    EarlyCheck,
    OriginLosses,
    Reached,
    among_best,
)
from forecasting.search.samplers import SamplerName, Suggestion
from forecasting.series import Floats

State = Literal["running", "complete", "pruned", "failed"]
#: Of the trials that came to the end of a block, the best 1 / so many go on.
_REDUCTION = 2
#: The early check is after this share of the epochs of the defaults; the first epoch tells too
#: little.
_CHECKED_SHARE, _FIRST_CHECKED = 0.2, 2


@dataclass(frozen=True)
class Budget:
    """When a search ends, whichever comes first.

    Attributes
    ----------
    minutes : float
        0 for any.
    trials : int
        The defaults not counted; 0 for any.
    """

    minutes: float = 0.0
    trials: int = 0

    def __post_init__(self) -> None:
        """Refuse a budget that is none."""
        if not (math.isfinite(self.minutes) and self.minutes >= 0 and self.trials >= 0):
            raise ConfigError(
                f"A budget of {self.minutes} minutes and {self.trials} trials is none.",
                "Give a positive number of one of the two.",
            )
        if not self.minutes and not self.trials:
            raise ConfigError(
                "A search without a budget would not end.", "Give minutes, or a number of trials."
            )


@dataclass(frozen=True)
class SearchPlan:
    """How a search goes about.

    Attributes
    ----------
    budget : Budget
    blocks : int
        Validation blocks before the test part.
    sampler : str
        ``tpe``, ``random``, or ``auto`` for the first where Optuna is installed.
    workers : int
        Processes; with more than one, trials depend on which of them is done first.
    cluster : str
        Address of a Dask scheduler whose workers run the trials, instead of processes.
    arena : bool
        Try every network, with and without each group of inputs, instead of a space.
    resume : bool
        Go on with the latest stored search of the same prices and settings.
    only : tuple of str
        Settings of the default space that are searched; empty for all of it.
    """

    budget: Budget = field(default_factory=lambda: Budget(minutes=10.0))
    blocks: int = 3
    sampler: SamplerName = "auto"
    workers: int = 1
    cluster: str = ""
    arena: bool = False
    resume: bool = False
    only: tuple[str, ...] = ()


@dataclass(eq=False)
class Trial:
    """Settings that are tried, and how they did so far.

    Attributes
    ----------
    number : int
        0 for the defaults.
    values : mapping
        Searched settings by name.
    config : RunConfig
    state : str
        ``complete`` where all blocks were run.
    running_loss : list of float
        Mean loss of all origin dates up to the end of each block.
    by_date : ndarray, shape [N]
        Loss by origin date, NaN where it was not run.
    seconds : float
    at : float
        Seconds of the search at which it ended.
    reason : str
        Why it failed.
    asked, ended : int
        Turn of the search in which it was suggested, and in which the sampler heard of it.
    unit : str
        Of its validation losses, as of :class:`BlockResult`; "" while it is not known.
    checked : float
        Share of the validation loss of the untrained network at the early check; 0 without one.
    ratios : list of float
        The same at the end of the training of each block; none of a trial that the check gave up,
        whose loss on the first block is that of the weights so far.
    """

    number: int
    values: Mapping[str, Any]
    config: RunConfig
    by_date: Floats
    state: State = "running"
    running_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    reason: str = ""
    suggestion: Suggestion | None = None
    started: float = 0.0
    at: float = 0.0
    asked: int = 0
    ended: int = 0
    unit: str = ""
    checked: float = 0.0
    ratios: list[float] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Return the mean loss of the dates that were run; NaN where none was."""
        return self.running_loss[-1] if self.running_loss else math.nan


@dataclass(frozen=True)
class TrialEnded(Event):
    """A trial is over.

    Attributes
    ----------
    number : int
    state : str
    loss : float
        Mean validation loss of the blocks that were run.
    best_loss : float
        Least loss of a complete trial so far.
    values : mapping
        Searched settings.
    losses : tuple of float
        Mean loss after each block that was run.
    config : RunConfig
    seconds : float
        Wall time of the trial.
    at : float
        Seconds of the search at which it ended.
    reason : str
        Why it failed.
    """

    number: int
    state: State
    loss: float
    best_loss: float
    values: Mapping[str, Any]
    losses: tuple[float, ...]
    config: RunConfig
    seconds: float
    at: float
    reason: str = ""


@dataclass(frozen=True)
class SearchBegan(Event):
    """A search begins, or goes on.

    Attributes
    ----------
    key : str
        Key in the store; "" where it is not stored.
    names : tuple of str
        Searched settings.
    blocks : int
        Validation blocks.
    earlier : int
        Trials that an earlier session has judged.
    """

    key: str
    names: tuple[str, ...]
    blocks: int
    earlier: int = 0


@dataclass(frozen=True)
class BaselinesJudged(Event):
    """The baselines were judged on the validation blocks.

    Attributes
    ----------
    losses : mapping of str to float
        Mean loss by name.
    unit : str
        ``bp`` or ``scaled``.
    """

    losses: Mapping[str, float]
    unit: str


class Trials:
    """All trials of a search on the same blocks.

    Parameters
    ----------
    blocks : Blocks
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.items: list[Trial] = []
        self.baselines: dict[str, Floats] = {}
        self.relative = True
        self._origins: list[set[tuple[str, Any]]] = []

    @property
    def origins(self) -> tuple[set[tuple[str, Any]], ...]:
        """Return symbol and cutoff of the origins of the defaults, by block."""
        return tuple(self._origins)

    def restore_origins(self, origins: Sequence[set[tuple[str, Any]]]) -> None:
        """Take the origins that an earlier session wrote."""
        self._origins = list(origins)

    @property
    def unit(self) -> str:
        """Return what losses are measured in: ``bp``, or ``scaled`` where values may be 0."""
        return "bp" if self.relative else "scaled"

    @property
    def defaults(self) -> Trial:
        """Return the trial of the defaults."""
        return self.items[0]

    @property
    def best(self) -> Trial:
        """Return the complete trial with the least loss; of equal ones the first."""
        return min((t for t in self.items if t.state == "complete"), key=lambda t: t.loss)

    @property
    def gains(self) -> Floats:
        """Return the loss of the defaults less that of each other trial that was run, [N, M]."""
        others = [t.by_date for t in self.items[1:] if t.running_loss]
        base = self.defaults.by_date
        return (
            np.stack([base - other for other in others], axis=1) if others else base[:, None][:, :0]
        )

    def record(self, trial: Trial, number: int, result: BlockResult) -> None:
        """Enter the losses of a block.

        Raises
        ------
        CandlecastError
            Losses that do not compare with those of the defaults.
        """
        models = iter(result.losses.items())
        own = next(models)[1]
        if trial.number == 0:
            self._origins[number:] = [_keys(own)]
            self.relative = self.relative and bool(np.isfinite(own.relative).all())
            for name, losses in models:
                self.baselines.setdefault(name, np.full(len(self.blocks.dates), np.nan))
                self._enter(self.baselines[name], losses, number)
        self._enter(trial.by_date, own, number)
        loss = float(np.nanmean(trial.by_date))
        if not math.isfinite(loss):
            raise CandlecastError("Its forecasts have no finite loss.")
        trial.running_loss.append(loss)
        if number == 0:
            trial.unit, trial.checked = result.unit, result.checked
        if not result.given_up:
            trial.ratios.append(result.ratio)

    def _enter(self, by_date: Floats, losses: OriginLosses, number: int) -> None:
        """Enter the mean over series of the losses from the origins of the defaults, by date."""
        expected = self._origins[number]
        mine = np.array(
            [key in expected for key in zip(losses.symbol, losses.cutoff, strict=True)], bool
        )
        if int(mine.sum()) != len(expected):
            raise CandlecastError("It reads more bars than some series have before a block.")
        loss = (losses.relative if self.relative else losses.scaled)[mine]
        if not np.isfinite(loss).all():
            raise CandlecastError("Its forecasts have no finite loss.")
        dates, index = np.unique(losses.cutoff[mine], return_inverse=True)
        mean = np.bincount(index, loss) / np.bincount(index)
        by_date[np.searchsorted(self.blocks.dates, dates)] = mean

    def early_check(self, epochs: int) -> EarlyCheck | None:
        """Return what a trial is compared with in its first training, where those of the defaults
        take so many epochs; None where these are too few.
        """
        epoch = round(_CHECKED_SHARE * epochs)
        if epoch < _FIRST_CHECKED:
            return None
        earlier: dict[str, list[Reached]] = {}
        for trial in self.items:
            if trial.checked:
                reached = trial.checked, bool(trial.ratios)
                earlier.setdefault(trial.unit, []).append(reached)
        return EarlyCheck(epoch, earlier)

    def goes_on(self, trial: Trial) -> bool:
        """Tell whether a trial is worth its next block: whether its mean loss on the blocks so far
        is among the best, or the mean of its validation losses before them.

        A block has few dates, and the validation parts before it tell of others. Of these only
        those in the same unit compare.
        """
        rung = len(trial.ratios)
        others = [t for t in self.items if t is not trial and len(t.ratios) >= rung]
        went_on = [len(t.ratios) > rung or t.state != "pruned" for t in others]
        by_loss = [t.running_loss[rung - 1] for t in others]
        if among_best(trial.loss, [*zip(by_loss, went_on, strict=True)], _REDUCTION):
            return True
        by_ratio = [
            (_mean(t.ratios[:rung]), went)
            for t, went in zip(others, went_on, strict=True)
            if t.unit == trial.unit
        ]
        return among_best(_mean(trial.ratios), by_ratio, _REDUCTION)


def _mean(ratios: Sequence[float]) -> float:
    return sum(ratios) / len(ratios)


def _keys(losses: OriginLosses) -> set[tuple[str, Any]]:
    return set(zip(losses.symbol, losses.cutoff, strict=True))
