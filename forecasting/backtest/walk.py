"""Walking forward through the test part: folds in this process or handed out, in either case the
same numbers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from forecasting.backtest.executors import local_executor
from forecasting.backtest.folds import folds_of, run_fold
from forecasting.backtest.saved_folds import SavedFolds
from forecasting.backtest.work import Fold, FoldRun, Work
from forecasting.backtest.workers import Workers
from forecasting.errors import CandlecastError, ExportError
from forecasting.events import Event, FoldEnd, Notice, Progress
from forecasting.training import StopAsked

#: Times that one fold may lose its worker.
_LOSSES = 3
_POLL_S = 0.2
#: Share of a fold from which the time that the whole takes can be told.
_TELLING = 0.02
#: Units of progress that one fold is worth.
_UNITS = 1000


def walk_forward(
    work: Work,
    should_stop: StopAsked,
    workers: Workers | None = None,
    resume: Path | None = None,
    *,
    spread: bool = False,
) -> Generator[Event, None, list[FoldRun]]:
    """Run all folds.

    Parameters
    ----------
    work : Work
    should_stop : callable
        Polled; once true, folds at hand are given up and those finished are returned. Without
        workers, a first fold at hand is finished with the weights so far instead.
    workers : Workers, optional
        Where folds are run; in this process where it is left out.
    resume : Path, optional
        Folder from which finished folds are taken, and in which they are kept.
    spread : bool
        Without workers, start processes where that pays.

    Yields
    ------
    Event
        Progress, Notice, and a FoldEnd a fold: handed out, the longest (the latest) begin first,
        and each is told when it ends.

    Returns
    -------
    list of FoldRun
        In order of time; the same numbers wherever a fold was run.

    Raises
    ------
    CandlecastError
        What a fold raises, a fold that lost its worker too often, or a folder that holds another
        test.
    """
    folds = folds_of(work)
    saved = SavedFolds(resume, work) if resume else None
    if workers is not None:
        return (yield from _all(work, folds, should_stop, workers, saved))
    with local_executor(work, folds) if spread else nullcontext() as started:
        return (yield from _all(work, folds, should_stop, started, saved))


def _all(
    work: Work,
    folds: Sequence[Fold],
    should_stop: StopAsked,
    workers: Workers | None,
    saved: SavedFolds | None,
) -> Generator[Event, None, list[FoldRun]]:
    """Run those folds that are not saved."""
    runs: dict[int, FoldRun] = {}
    if saved is not None:
        runs = {fold.number: run for fold in folds if (run := saved[fold.number]) is not None}
        if runs:
            yield Notice(
                f"{len(runs)} of {len(folds)} folds were finished before and are taken from "
                f"{saved.folder}."
            )
    for run in runs.values():
        yield FoldEnd(run.number, len(folds), run.outcomes)
    left = [fold for fold in folds if fold.number not in runs]
    clock = _Clock(len(folds), len(runs), workers)
    running = (
        _one_by_one(work, left, should_stop, clock)
        if workers is None
        else _handed_out(left, should_stop, clock, workers)
    )
    for event in running:
        if not isinstance(event, FoldRun):
            yield event
        elif event.stopped != "user" or not runs:
            runs[event.number] = event
            if saved is not None and event.stopped != "user":
                try:
                    saved.keep(event)
                except ExportError as error:
                    saved = None
                    yield Notice(
                        f"Finished folds are not kept from here on: {error.message}",
                        f"{error.hint} The test goes on.",
                    )
            yield FoldEnd(event.number, len(folds), event.outcomes)
    return [runs[number] for number in sorted(runs)]


def _one_by_one(
    work: Work, folds: Sequence[Fold], should_stop: StopAsked, clock: _Clock
) -> Iterator[Event | FoldRun]:
    """Run folds in this process, in order of time."""
    for fold in folds:
        clock.began(fold)
        running = run_fold(work, fold, should_stop)
        while True:
            try:
                event = next(running)
            except StopIteration as finished:
                clock.ended(fold)
                yield finished.value
                break
            if isinstance(event, Progress) and event.total:
                yield clock.progress({fold: event.done / event.total}, event.message.lower())
            elif isinstance(event, Notice):
                yield event
        if should_stop():
            break


def _handed_out(
    folds: Sequence[Fold], should_stop: StopAsked, clock: _Clock, workers: Workers
) -> Iterator[Event | FoldRun]:
    """Keep all workers busy until every fold is done or a stop is asked for; run folds again
    whose worker died.
    """
    waiting, running = list(folds), dict[Future[Any], Fold]()
    losses: Counter[int] = Counter()
    while waiting or running:
        while waiting and len(running) < workers.count:
            fold = waiting.pop()
            running[workers.submit(fold)] = fold
            clock.began(fold)
        ended = wait(running, _POLL_S, FIRST_COMPLETED).done if running else set()
        if not running:
            time.sleep(_POLL_S)
        lost = []
        for future in ended:
            fold = running.pop(future)
            try:
                run = workers.result(fold, future)
            except (BrokenExecutor, CancelledError):
                lost.append(fold)
                continue
            clock.ended(fold)
            yield run
        yield from workers.news()
        if lost:
            losses.update(fold.number for fold in lost)
            yield _lost(lost, losses)
            waiting = sorted([*waiting, *lost], key=lambda fold: fold.number)
        if should_stop():
            break
        yield clock.progress({fold: workers.share(fold) for fold in running.values()})


def _lost(folds: Sequence[Fold], losses: Counter[int]) -> Notice:
    names = ", ".join(str(fold.number) for fold in sorted(folds, key=lambda fold: fold.number))
    hint = "Fewer --workers need less memory."
    if max(losses.values()) >= _LOSSES:
        raise CandlecastError(
            f"Worker processes keep ending unexpectedly: fold {names} lost its worker "
            f"{_LOSSES} times.",
            hint,
        )
    many = len(folds) > 1
    return Notice(
        f"A worker process ended unexpectedly (killed, or out of memory); fold{'s' * many} "
        f"{names} {'are' if many else 'is'} run again.",
        hint,
    )


class _Clock:
    """Progress over all folds, and the time that is left: folds to come take as long as those
    done.
    """

    def __init__(self, folds: int, before: int, workers: Workers | None) -> None:
        self.folds, self.before, self.workers = folds, before, workers
        self.begun: dict[int, float] = {}
        self.took: list[float] = []

    def began(self, fold: Fold) -> None:
        self.begun[fold.number] = time.perf_counter()

    def ended(self, fold: Fold) -> None:
        self.took.append(time.perf_counter() - self.begun.pop(fold.number))

    def progress(self, shares: dict[Fold, float], note: str = "") -> Progress:
        """Return how far the whole test is, given how far each fold at hand is."""
        done = self.before + len(self.took)
        total = min(self.folds, done + sum(shares.values()))
        if note:
            message = f"Fold {next(iter(shares)).number} of {self.folds}: {note}"
        else:
            message = f"{done} of {self.folds} folds done, {len(shares)} at work"
        return Progress(int(_UNITS * total), _UNITS * self.folds, message, self._left(shares))

    def _left(self, shares: dict[Fold, float]) -> float | None:
        now = time.perf_counter()
        spent = {fold: now - self.begun[fold.number] for fold in shares}
        if self.took:
            item = sum(self.took) / len(self.took)
        else:
            known = [spent[fold] / share for fold, share in shares.items() if share > _TELLING]
            if not known:
                return None
            item = sum(known) / len(known)
        left = self.folds - self.before - len(self.took)
        work = left * item - sum(min(seconds, item) for seconds in spent.values())
        at_once = max(1, min(left, self.workers.count if self.workers else 1))
        return work / at_once
