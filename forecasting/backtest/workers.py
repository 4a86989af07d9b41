"""Where folds are worked on: processes of this machine, or any executor of
``concurrent.futures``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.backtest.saved_folds import read_fold, write_fold
from forecasting.backtest.work import Fold, FoldRun, Work
from forecasting.errors import CandlecastError
from forecasting.events import Event, Notice, Progress
from forecasting.files.atomic import TempFolder
from forecasting.files.closing import Closing
from forecasting.generators import run_to_end


class Workers(Closing):
    """Takes folds in and gives their results back; which of its workers does what is its own
    affair. Closed as a context manager.
    """

    @property
    @abstractmethod
    def count(self) -> int:
        """Return how many folds it works on at once."""

    @abstractmethod
    def submit(self, fold: Fold) -> Future[Any]:
        """Begin work on a fold."""

    @abstractmethod
    def result(self, fold: Fold, future: Future[Any]) -> FoldRun:
        """Return what a finished future holds, or raise its error."""

    def share(self, fold: Fold) -> float:
        """Return how much of a fold's training is done, 0 to 1; 0 where that is not known."""
        return 0.0

    def news(self) -> Sequence[Notice]:
        """Return what happened since the last call that the user should know."""
        return ()


class Borrowed(Workers):
    """Somebody else's executor: given its folds as plain values, not shut down.

    Parameters
    ----------
    executor : Executor
        Its workers can import this package. Folds that share a process are run one after the other.
    work : Work
    count : int
        Folds handed over at once.
    """

    def __init__(self, executor: Executor, work: Work, count: int) -> None:
        self._executor, self._work, self._count = executor, work, count
        self._given: list[Future[FoldRun]] = []

    @property
    def count(self) -> int:
        """Return how many folds are handed over at once."""
        return self._count

    def submit(self, fold: Fold) -> Future[FoldRun]:
        """Hand a fold over."""
        future = self._executor.submit(finished, self._work, fold)
        self._given.append(future)
        return future

    def result(self, fold: Fold, future: Future[FoldRun]) -> FoldRun:
        """Return what the executor returned."""
        return future.result()

    def close(self) -> None:
        """Take back what has not been begun; what has been is the executor's."""
        for future in self._given:
            future.cancel()


def start_quiet_tracker() -> None:
    """Start the process of Python that frees semaphores after an aborted program, so that it does
    so without a warning; one that runs already stays.
    """
    if sys.platform == "win32":
        return
    from multiprocessing import resource_tracker

    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


class Processes(Workers):
    """A pool of processes of this machine, each with one thread of torch, which they begin to
    import at once.

    A process that is killed costs the folds at work, which fail with ``BrokenExecutor``; the next
    fold starts a new pool. Results come through files, because a process killed while it writes to
    the pool's pipe would block the pool for good.

    Parameters
    ----------
    work : Work
        Sent to each process once.
    count : int
        Processes.
    """

    def __init__(self, work: Work, count: int) -> None:
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        start_quiet_tracker()
        self._folder = TempFolder()
        dates = np.unique(
            np.concatenate([s.ds for s in work.panel])
        )  # more folds than dates there cannot be
        self._shares = self._context.RawArray("d", 1 + dates.size)
        self._bench = _Bench(work, self._folder.path)
        self._pool = self._opened()

    @property
    def count(self) -> int:
        """Return the number of processes."""
        return self._count

    def submit(self, fold: Fold) -> Future[None]:
        """Give a fold to a process."""
        self._shares[fold.number] = 0.0
        try:
            return self._pool.submit(_run, fold.number)
        except BrokenProcessPool:
            self._pool.shutdown(wait=True)
            self._pool = self._opened()
            return self._pool.submit(_run, fold.number)

    def result(self, fold: Fold, future: Future[None]) -> FoldRun:
        """Read what the process wrote."""
        future.result()
        path = self._bench.file(fold.number)
        run = read_fold(path)
        if run is None:
            raise CandlecastError(
                f"The result of fold {fold.number} cannot be read back from {path.parent}.",
                "Is that disk full?",
            )
        path.unlink()
        return run

    def share(self, fold: Fold) -> float:
        """Return how much of a fold's training is done."""
        return float(self._shares[fold.number])

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        for process in [
            *(self._pool._processes or {}).values()
        ]:  # from Python 3.14 on: kill_workers()
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.close()

    def _opened(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(self._count, self._context, _enter, (self._shares, self._bench))
        with without_interrupts():
            for _ in range(self._count):
                pool.submit(_make_ready)
        return pool


@dataclass(frozen=True, eq=False)
class _Bench:
    """What a process of the pool works with."""

    work: Work
    folder: Path

    def file(self, number: int) -> Path:
        return self.folder / f"fold-{number:05}.npz"

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        from forecasting.backtest.folds import folds_of

        return folds_of(self.work)


_bench: _Bench | None = None
_shares: Any = None
training_lock = threading.Lock()


def _enter(shares: Any, bench: _Bench) -> None:
    """Begin life as a process of the pool."""
    global _bench, _shares
    _bench, _shares = bench, shares
    follow_parent()


def follow_parent() -> None:
    """Leave Ctrl-C to the process that started the pool, and end when it ends."""
    # Ctrl-C reaches every process of a terminal; the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the death of the process that started the pool, and follow it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make_ready() -> None:
    """Import what a fold needs; errors of the work itself are told by the process that began the
    test.
    """
    assert _bench is not None
    with contextlib.suppress(CandlecastError):
        _ = _bench.folds


def _run(number: int) -> None:
    """Run a fold in a process of the pool."""
    from forecasting.backtest.folds import run_fold

    assert _bench is not None

    def done(share: float) -> None:
        _shares[number] = share

    run = _exhausted(run_fold(_bench.work, _bench.folds[number - 1], lambda: False), done)
    write_fold(_bench.file(number), run)


def finished(work: Work, fold: Fold, should_stop: Callable[[], bool] = lambda: False) -> FoldRun:
    """Run a fold to its end, alone in its process: torch has one source of random numbers for
    all threads.
    """
    from forecasting.backtest.folds import run_fold

    with training_lock:
        return run_to_end(run_fold(work, fold, should_stop))


def _exhausted(running: Generator[Event, None, FoldRun], done: Any) -> FoldRun:
    def see(event: Event) -> None:
        if isinstance(event, Progress) and event.total:
            done(event.done / event.total)

    return run_to_end(running, see)


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from what is started meanwhile, until it can see to that itself; this process
    gets it afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
