"""Trials, one block after the other: which are run, which of them go on, and when the search ends.

A trial goes on to the next block only while it is among the better half of those that came so far
(asynchronous successive halving, Li et al. 2020).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import Event, Notice, Progress
from forecasting.search.blocks import BlockResult, Blocks, Crew, OriginLosses
from forecasting.search.samplers import Sampler, SamplerName, Suggestion
from forecasting.search.space import SearchSpace
from forecasting.series import Floats

State = Literal["running", "complete", "pruned", "failed"]
#: Of the trials that came to a block, the best 1 / so many go on.
_REDUCTION = 2
#: Trials before any is given up.
_UNPRUNED = 4
#: Suggestions in a row that were tried before, from which the space counts as exhausted.
_MOST_REPEATS = 100
_POLL_S = 0.2


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
    """

    budget: Budget = field(default_factory=lambda: Budget(minutes=10.0))
    blocks: int = 3
    sampler: SamplerName = "auto"
    workers: int = 1


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
    reason : str
        Why it failed.
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
    """

    number: int
    state: State
    loss: float
    best_loss: float
    values: Mapping[str, Any]


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
            self._origins.append(_keys(own))
            self.relative = self.relative and bool(np.isfinite(own.relative).all())
            for name, losses in models:
                self.baselines.setdefault(name, np.full(len(self.blocks.dates), np.nan))
                self._enter(self.baselines[name], losses, number)
        self._enter(trial.by_date, own, number)
        loss = float(np.nanmean(trial.by_date))
        if not math.isfinite(loss):
            raise CandlecastError("Its forecasts have no finite loss.")
        trial.running_loss.append(loss)

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

    def goes_on(self, trial: Trial) -> bool:
        """Tell whether a trial is worth its next block."""
        rung = len(trial.running_loss)
        there = [t.running_loss[rung - 1] for t in self.items if len(t.running_loss) >= rung]
        if len(there) < _UNPRUNED:
            return True
        better = sum(loss < trial.loss for loss in there)
        return better < math.ceil(len(there) / _REDUCTION)


def _keys(losses: OriginLosses) -> set[tuple[str, Any]]:
    return set(zip(losses.symbol, losses.cutoff, strict=True))


def run_trials(
    trials: Trials,
    config: RunConfig,
    space: SearchSpace,
    sampler: Sampler,
    budget: Budget,
    crew: Crew,
    baselines: tuple[str, ...],
    should_stop: Callable[[], bool],
) -> Generator[Event, None, None]:
    """Try the defaults, then what the sampler suggests, until the budget is spent.

    Parameters
    ----------
    trials : Trials
        Filled; those that were cut short are left out.
    config : RunConfig
        The defaults: every setting that is not searched.
    space : SearchSpace
    sampler : Sampler
    budget : Budget
    crew : Crew
    baselines : tuple of str
        Judged once on the blocks, beside the defaults.
    should_stop : callable
        Once true no further trial is begun, and those at hand are given up.

    Yields
    ------
    Progress, Notice, TrialEnded

    Raises
    ------
    CandlecastError
        The defaults themselves fail, or a stop came before they were judged.
    """
    yield from _Loop(trials, config, space, sampler, budget, crew, baselines, should_stop).run()


class _Loop:
    """A search under way."""

    def __init__(
        self,
        trials: Trials,
        config: RunConfig,
        space: SearchSpace,
        sampler: Sampler,
        budget: Budget,
        crew: Crew,
        baselines: tuple[str, ...],
        should_stop: Callable[[], bool],
    ) -> None:
        self._trials = trials
        self._config = config
        self._space = space
        self._sampler = sampler
        self._budget = budget
        self._crew = crew
        self._baselines = baselines
        self._asked = should_stop
        self._running: dict[Future[BlockResult], Trial] = {}
        self._tried: dict[str, Trial] = {}
        self._begun = time.monotonic()
        self._exhausted = False

    def run(self) -> Generator[Event, None, None]:
        yield self._progress("Judging the defaults on the validation blocks")
        values = self._space.values_of(self._config)
        self._start(Trial(0, values, self._config, self._blank()))
        while self._running:
            yield from self._collect()
            self._drop_stopped()
            while self._has_room():
                yield self._progress(f"Trial {len(self._trials.items)}")
                if not self._next():
                    break
        if self._exhausted:
            yield Notice(
                f"Every combination of the search space was tried: "
                f"{len(self._trials.items) - 1} trials."
            )
        if not any(t.state == "complete" for t in self._trials.items):
            raise CandlecastError(
                "The search ended before the defaults were judged.", "Give it more time."
            )

    def _blank(self) -> Floats:
        return np.full(len(self._trials.blocks.dates), np.nan)

    def _start(self, trial: Trial) -> None:
        trial.started = time.monotonic()
        self._trials.items.append(trial)
        self._tried[_key(trial.config)] = trial
        self._submit(trial)

    def _submit(self, trial: Trial) -> None:
        names = self._baselines if trial.number == 0 else ()
        work = self._trials.blocks.work(trial.config, names)
        stop = self._asked if trial.number == 0 else self._over
        self._running[self._crew.submit(work, len(trial.running_loss), stop)] = trial

    def _over(self) -> bool:
        """Tell whether a stop was asked for or the time is up."""
        spent = time.monotonic() - self._begun
        return self._asked() or bool(self._budget.minutes and spent >= 60 * self._budget.minutes)

    def _has_room(self) -> bool:
        """Tell whether another trial is to be begun; the defaults have to be judged first."""
        there = bool(self._trials.items) and self._trials.defaults.state == "complete"
        if not there or self._over() or self._exhausted:
            return False
        begun = len(self._trials.items) - 1
        left = not self._budget.trials or begun < self._budget.trials
        return left and len(self._running) < self._crew.count

    def _next(self) -> bool:
        """Begin the next trial that was not tried before; False where there is none."""
        for _ in range(_MOST_REPEATS):
            suggestion = self._sampler.ask()
            number = len(self._trials.items)
            try:
                config = self._config.changed(**suggestion.values)
            except CandlecastError as error:
                trial = Trial(number, suggestion.values, self._config, self._blank())
                trial.state, trial.reason = "failed", error.message
                self._trials.items.append(trial)
                self._sampler.observe(suggestion, (), complete=False)
                return True
            earlier = self._tried.get(_key(config))
            if earlier is None:
                trial = Trial(number, suggestion.values, config, self._blank())
                trial.suggestion = suggestion
                self._start(trial)
                return True
            complete = earlier.state == "complete"
            self._sampler.observe(suggestion, earlier.running_loss, complete=complete)
            if len(self._tried) >= self._space.size:
                break
        self._exhausted = True
        return False

    def _collect(self) -> Generator[Event, None, None]:
        """Take in the blocks that are done."""
        done, _ = wait(self._running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        if not done:
            yield self._progress(f"{len(self._running)} trials at work")
        for future in sorted(done, key=lambda item: self._running[item].number):
            trial = self._running.pop(future)
            self._judge(trial, future)
            if trial.state == "running":
                if trial in self._trials.items:
                    self._submit(trial)
                continue
            trial.seconds = time.monotonic() - trial.started
            self._report(trial)
            best = min(
                (t.loss for t in self._trials.items if t.state == "complete"), default=math.nan
            )
            yield TrialEnded(trial.number, trial.state, trial.loss, best, trial.values)
            yield self._progress(f"Trial {trial.number}: {trial.state}")

    def _judge(self, trial: Trial, future: Future[BlockResult]) -> None:
        """Enter a block, and decide whether the trial goes on."""
        try:
            result = future.result()
            if result.stopped:
                self._trials.items.remove(trial)
                return
            self._trials.record(trial, len(trial.running_loss), result)
        except BrokenProcessPool as error:
            raise CandlecastError(
                "A process of the search ended unexpectedly.", "Search with --workers 1."
            ) from error
        except CandlecastError as error:
            if trial.number == 0:
                raise
            trial.state, trial.reason = "failed", error.message
            return
        if len(trial.running_loss) == self._trials.blocks.count:
            trial.state = "complete"
        elif trial.number and not self._trials.goes_on(trial):
            trial.state = "pruned"

    def _report(self, trial: Trial) -> None:
        if trial.suggestion is not None:
            losses = () if trial.state == "failed" else trial.running_loss
            self._sampler.observe(trial.suggestion, losses, complete=trial.state == "complete")
        elif trial.number == 0 and self._space.holds(trial.values):
            self._sampler.start_from(trial.values, trial.loss)

    def _drop_stopped(self) -> None:
        """Give up what is at work once the search is over; the crew ends it."""
        if self._asked() or (self._trials.items and self._late()):
            for future, trial in self._running.items():
                future.cancel()
                self._trials.items.remove(trial)
            self._running.clear()

    def _late(self) -> bool:
        """Tell whether the time is up and the defaults, which are always judged, are done."""
        return self._trials.defaults.state == "complete" and self._over()

    def _progress(self, message: str) -> Progress:
        done = max(0, sum(t.state != "running" for t in self._trials.items) - 1)
        if self._budget.trials:
            return Progress(done, self._budget.trials, message)
        total = max(1, round(60 * self._budget.minutes))
        return Progress(min(total, int(time.monotonic() - self._begun)), total, message)


def _key(config: RunConfig) -> str:
    return config.changed(device="auto").to_json()
