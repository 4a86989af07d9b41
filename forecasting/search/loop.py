"""A search under way: it asks the sampler, hands blocks to the crew, and ends when the budget is
spent. Each step is written to the store, from which :meth:`_Loop._replay` goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from forecasting.cancellation import CancelledWorkError
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import Event, Notice, Progress
from forecasting.search.blocks import BlockResult, Crew
from forecasting.search.samplers import Sampler, Suggestion
from forecasting.search.saved import SavedSearch, losses_of, restore_shared
from forecasting.search.space import SearchSpace
from forecasting.search.trials import (
    BaselinesJudged,
    Budget,
    SearchBegan,
    Trial,
    TrialEnded,
    Trials,
)
from forecasting.series import Floats
from forecasting.store import StoredTrial

#: Suggestions in a row that were tried before, from which the space counts as exhausted.
_MOST_REPEATS = 100
_POLL_S = 0.2
_AFTER_KILL = "Go on with --resume, or search with --workers 1: what was tried is stored."


def _no() -> bool:
    return False


@dataclass(frozen=True, eq=False)
class Means:
    """What a search works with.

    Attributes
    ----------
    config : RunConfig
        The defaults: every setting that is not searched.
    space : SearchSpace
    sampler : Sampler
    budget : Budget
    crew : Crew
    baselines : tuple of str
        Judged once on the blocks, beside the defaults.
    saved : SavedSearch
        Where each step is written; what an earlier session left is taken up.
    should_stop : callable
        Once true no further trial is begun, and those at hand are given up.
    should_pause : callable
        While true no further block is begun, and the time does not count.
    """

    config: RunConfig
    space: SearchSpace
    sampler: Sampler
    budget: Budget
    crew: Crew
    baselines: tuple[str, ...]
    saved: SavedSearch
    should_stop: Callable[[], bool] = _no
    should_pause: Callable[[], bool] = _no


def run_trials(trials: Trials, means: Means) -> Generator[Event, None, float]:
    """Try the defaults, then what the sampler suggests, until the budget is spent.

    Parameters
    ----------
    trials : Trials
        Filled; those that were cut short are left out.
    means : Means

    Yields
    ------
    SearchBegan, Progress, Notice, BaselinesJudged, TrialEnded

    Returns
    -------
    float
        Seconds that the search took, with its earlier sessions.

    Raises
    ------
    CandlecastError
        The defaults themselves fail, or a stop came before they were judged.
    """
    return (yield from _Loop(trials, means).run())


class _Loop:
    """A search under way."""

    def __init__(self, trials: Trials, means: Means) -> None:
        self._trials = trials
        self._means = means
        self._running: dict[Future[BlockResult], Trial] = {}
        self._waiting: list[Trial] = []
        self._tried: dict[str, Trial] = {}
        self._started = time.monotonic() - means.saved.seconds
        self._turn = 0
        self._exhausted = False
        self._warned = False

    def run(self) -> Generator[Event, None, float]:
        """Run the search; see :func:`run_trials`."""
        yield from self._begin()
        yield from self._submit_waiting()
        while self._running or self._has_room():
            yield from self._collect()
            yield from self._pause()
            self._drop_stopped()
            yield from self._fill()
        if self._exhausted:
            yield Notice(
                f"Every combination of the search space was tried: "
                f"{len(self._trials.items) - 1} trials."
            )
        if not any(t.state == "complete" for t in self._trials.items):
            raise CandlecastError(
                "The search ended before the defaults were judged.", "Give it more time."
            )
        return self._spent()

    def _begin(self) -> Generator[Event, None, None]:
        """Take up what an earlier session left, or begin with the defaults."""
        saved, names = self._means.saved, tuple(d.name for d in self._means.space.dimensions)
        earlier = sum(t.record.ended > 0 for t in saved.earlier)
        yield SearchBegan(saved.key, names, self._trials.blocks.count, earlier)
        if earlier and saved.stored is not None and restore_shared(self._trials, saved.stored):
            yield self._progress("Reading the trials of the earlier session")
            yield from self._replay(saved.earlier)
            return
        yield self._progress("Judging the defaults on the validation blocks")
        values = self._means.space.values_of(self._means.config)
        self._enter(Trial(0, values, self._means.config, self._blank()))

    def _replay(self, earlier: Sequence[StoredTrial]) -> Generator[Event, None, None]:
        """Ask and answer the sampler in the turns of the earlier session, so that it suggests
        what it would have.
        """
        turns = [(t.record.asked, False, t) for t in earlier if t.record.asked]
        turns += [(t.record.ended, True, t) for t in earlier if t.record.ended]
        for _turn, ended, stored in sorted(turns, key=lambda item: item[0]):
            if not ended:
                self._waiting.append(self._asked_again(stored))
                continue
            trial = next(t for t in self._waiting if t.number == stored.record.number)
            self._waiting.remove(trial)
            self._report(trial)
            yield self._event(trial)
            if trial.number == 0:
                yield self._baselines()
        self._turn = max(self._turn, *(turn for turn, _, _ in turns))

    def _asked_again(self, stored: StoredTrial) -> Trial:
        """Return a trial of an earlier session as it was; the sampler is asked for it again."""
        record = stored.record
        suggested = self._suggest() if record.number else None
        blank = self._blank()
        trial = Trial(record.number, record.values, RunConfig.from_json(record.config), blank)
        if suggested is not None:
            self._trials.items.remove(suggested)
            heard = suggested.state == "failed"
            if not heard and _key(suggested.config) == _key(trial.config):
                trial.suggestion = suggested.suggestion
        self._trials.items.append(trial)
        self._tried[_key(trial.config)] = trial
        trial.by_date = losses_of(stored, len(blank)).copy()
        trial.running_loss = list(record.running_loss)
        trial.unit, trial.checked, trial.ratios = record.unit, record.checked, list(record.ratios)
        if not record.unit:  # an earlier version wrote no validation losses
            trial.ratios = [1.0] * len(record.running_loss)
        trial.state, trial.reason = record.state, record.reason
        trial.seconds, trial.at = record.seconds, record.at
        trial.asked, trial.ended = record.asked, record.ended
        return trial

    def _blank(self) -> Floats:
        return np.full(len(self._trials.blocks.dates), np.nan)

    def _enter(self, trial: Trial) -> None:
        """Begin a trial."""
        if not trial.asked:
            self._turn += 1
            trial.asked = self._turn
        self._trials.items.append(trial)
        self._tried[_key(trial.config)] = trial
        self._submit(trial)

    def _submit_waiting(self) -> Generator[Event, None, None]:
        """Go on with trials that were at work when the earlier session ended."""
        for trial in self._waiting:
            yield self._progress(f"Going on with trial {trial.number}")
            self._submit(trial)
        self._waiting.clear()

    def _submit(self, trial: Trial) -> None:
        trial.started = trial.started or time.monotonic() - trial.seconds
        self._means.saved.write_trial(trial, self._spent())
        names = self._means.baselines if trial.number == 0 else ()
        work = self._trials.blocks.work(trial.config, names)
        stop = self._means.should_stop if trial.number == 0 else self._over
        number = len(trial.running_loss)
        epochs = self._means.config.train.epochs
        check = None if number else self._trials.early_check(epochs)
        future = self._means.crew.submit(work, number, stop, check)
        self._running[future] = trial

    def _spent(self) -> float:
        return time.monotonic() - self._started

    def _over(self) -> bool:
        """Tell whether a stop was asked for or the time is up."""
        limit = 60 * self._means.budget.minutes
        return self._means.should_stop() or bool(limit and self._spent() >= limit)

    def _has_room(self) -> bool:
        """Tell whether another trial is to be begun; the defaults have to be judged first."""
        there = bool(self._trials.items) and self._trials.defaults.state == "complete"
        if not there or self._over() or self._exhausted:
            return False
        count = len(self._trials.items) - 1
        left = not self._means.budget.trials or count < self._means.budget.trials
        return left and len(self._running) < self._means.crew.count

    def _fill(self) -> Generator[Event, None, None]:
        """Begin trials while there is room for them."""
        while self._has_room():
            yield self._progress(f"Trial {len(self._trials.items)}")
            trial = self._suggest()
            if trial is None:
                self._exhausted = True
            elif trial.state == "failed":
                yield self._event(trial)
            else:
                self._submit(trial)

    def _suggest(self) -> Trial | None:
        """Return the next trial that was not tried before; None where there is none."""
        sampler, config = self._means.sampler, self._means.config
        for _ in range(_MOST_REPEATS):
            suggestion = sampler.ask()
            if suggestion is None:
                return None
            number = 1 + max(trial.number for trial in self._trials.items)
            trial = Trial(number, suggestion.values, config, self._blank())
            trial.suggestion = suggestion
            try:
                trial.config = config.changed(**suggestion.values)
            except CandlecastError as error:
                self._add(trial)
                trial.state, trial.reason = "failed", error.message
                self._end(trial)
                return trial
            earlier = self._tried.get(_key(trial.config))
            if earlier is None:
                self._add(trial)
                self._tried[_key(trial.config)] = trial
                return trial
            _tell(sampler, suggestion, earlier)
            if len(self._tried) >= self._means.space.size:
                break
        return None

    def _add(self, trial: Trial) -> None:
        self._turn += 1
        trial.asked = self._turn
        self._trials.items.append(trial)

    def _collect(self) -> Generator[Event, None, None]:
        """Take in the blocks that are done."""
        done, _ = wait(self._running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        if not done and self._running:
            yield self._progress(f"{len(self._running)} trials at work")
        for future in sorted(done, key=lambda item: self._running[item].number):
            trial = self._running.pop(future)
            self._judge(trial, future)
            if trial.state == "running":
                if trial in self._trials.items:
                    yield from self._pause()
                    self._submit(trial)
                continue
            self._end(trial)
            yield self._event(trial)
            if trial.number == 0:
                self._means.saved.write_shared(self._trials, self._spent())
                yield self._baselines()
            yield self._progress(f"Trial {trial.number}: {trial.state}")
            yield from self._tell_problem()

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
                "A process of the search ended unexpectedly.", _AFTER_KILL
            ) from error
        except CancelledWorkError:
            self._trials.items.remove(trial)
            return
        except CandlecastError as error:
            if trial.number == 0:
                raise
            trial.state, trial.reason = "failed", error.message
            return
        if result.given_up:
            trial.state = "pruned"
        elif len(trial.running_loss) == self._trials.blocks.count:
            trial.state = "complete"
        elif trial.number and not self._trials.goes_on(trial):
            trial.state = "pruned"

    def _end(self, trial: Trial) -> None:
        """Write a trial that is over, and let the sampler hear of it."""
        self._turn += 1
        trial.ended = self._turn
        trial.at = self._spent()
        trial.seconds = time.monotonic() - trial.started if trial.started else 0.0
        self._means.saved.write_trial(trial, self._spent())
        self._report(trial)

    def _report(self, trial: Trial) -> None:
        sampler, complete = self._means.sampler, trial.state == "complete"
        if trial.suggestion is not None:
            _tell(sampler, trial.suggestion, trial)
        elif complete and self._means.space.holds(trial.values):
            sampler.start_from(trial.values, trial.loss)

    def _event(self, trial: Trial) -> TrialEnded:
        complete = (t.loss for t in self._trials.items if t.state == "complete" and t.ended)
        best = min(complete, default=math.nan)
        return TrialEnded(
            trial.number,
            trial.state,
            trial.loss,
            best,
            trial.values,
            tuple(trial.running_loss),
            trial.config,
            trial.seconds,
            trial.at,
            trial.reason,
        )

    def _baselines(self) -> BaselinesJudged:
        losses = self._trials.baselines
        means = {name: float(np.nanmean(loss)) for name, loss in losses.items()}
        return BaselinesJudged(means, self._trials.unit)

    def _tell_problem(self) -> Generator[Event, None, None]:
        """Say once that nothing can be written."""
        if self._means.saved.problem and not self._warned:
            self._warned = True
            yield Notice(
                "The trials cannot be stored: a search that is cut short could not go on.",
                self._means.saved.problem,
            )

    def _pause(self) -> Generator[Event, None, None]:
        """Wait while a pause is asked for; its time does not count."""
        began = time.monotonic()
        while self._means.should_pause() and not self._means.should_stop():
            yield self._progress("Paused")
            time.sleep(_POLL_S)
        self._started += time.monotonic() - began

    def _drop_stopped(self) -> None:
        """Give up what is at work once the search is over; the crew ends it."""
        if self._means.should_stop() or (self._trials.items and self._late()):
            for future, trial in self._running.items():
                future.cancel()
                self._trials.items.remove(trial)
            self._running.clear()

    def _late(self) -> bool:
        """Tell whether the time is up and the defaults, which are always judged, are done."""
        return self._trials.defaults.state == "complete" and self._over()

    def _progress(self, message: str) -> Progress:
        budget = self._means.budget
        done = max(0, sum(t.state != "running" for t in self._trials.items) - 1)
        if budget.trials:
            each = self._spent() / (done + 1)
            eta = each * (budget.trials - done) if done else None
            return Progress(done, budget.trials, message, eta)
        total = max(1, round(60 * budget.minutes))
        spent = min(total, int(self._spent()))
        return Progress(spent, total, message, float(total - spent))


def _tell(sampler: Sampler, suggestion: Suggestion, trial: Trial) -> None:
    """Let a sampler hear how a trial did."""
    losses = trial.running_loss[: len(trial.ratios)] if trial.checked else trial.running_loss
    if trial.state == "failed":
        losses = []
    state = trial.state
    sampler.observe(suggestion, losses, state == "complete", trial.checked, state == "failed")


def _key(config: RunConfig) -> str:
    return config.changed(device="auto").to_json()
