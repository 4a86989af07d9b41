"""All threading of the application: one thread iterates one job, and its events wait in a
mailbox until the window asks.
"""

from __future__ import annotations

import gc
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib import metadata
from itertools import islice

from PySide6.QtCore import QDeadlineTimer, QMetaMethod, QObject, QThread, Signal

from app.heap import trim_heap
from forecasting.errors import CandlecastError, Remedy
from forecasting.events import Event, GradientByLag, Progress
from forecasting.memory import HINT, is_out_of_memory

#: What a worker runs: called in the worker's thread with ``should_stop``, it returns the events of
#: the job, a generator whose return value is the result.
Job = Callable[[Callable[[], bool]], Generator[Event, None, object]]

_LATEST_ONLY = (Progress, GradientByLag)
#: Seconds that taking in events may last before the window goes on, and events between two looks at
#: the clock.
DELIVERY_S = 0.015
_PORTION = 32
_PACKAGES = ("candlecast", "PySide6-Essentials", "pyqtgraph", "numpy", "pandas", "torch")


@dataclass(frozen=True)
class Failure:
    """A fault on its way to the window; ``details`` is empty for a fault that the user can mend.

    ``suggestions`` are references that may be meant instead of one that could not be loaded,
    likeliest first; ``remedies`` are next steps that the program can take by itself.
    """

    message: str
    hint: str = ""
    details: str = ""
    suggestions: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Tell a fault of ours by its message and hint, any other with traceback and versions."""
        if isinstance(error, CandlecastError):
            return cls(
                error.message,
                error.hint,
                suggestions=getattr(error, "suggestions", ()),
                remedies=error.remedies,
            )
        if is_out_of_memory(error):
            return cls(f"There is not enough memory for this: {error}".rstrip(": "), HINT)
        trace = "".join(traceback.format_exception(error))
        return cls(f"{type(error).__name__}: {error}", "", f"{trace}\n{versions()}")


def versions() -> str:
    """Return the versions of everything that matters for a report of a fault, one a line;
    imports nothing.
    """
    lines = [f"Python {sys.version.split()[0]} on {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package} (not installed as a package)")
    return "\n".join(lines)


class Collector:
    """Keeps Python's cycle collector in the thread of the window while workers run.

    Left alone, it starts in whichever thread allocates. A cycle that holds a Qt object, such as a
    dialog that was closed, would then be freed in a worker, and Qt crashes where a timer or widget
    ends in a thread that is not its own.
    """

    def __init__(self) -> None:
        self._automatic: bool | None = None

    def hold(self) -> None:
        """Stop automatic collection; from now on :meth:`collect` must be called from time to
        time.
        """
        if self._automatic is None:
            self._automatic = gc.isenabled()
        gc.disable()

    def collect(self) -> None:
        """Collect young objects in this thread, as often as the automatic collector would.

        Old ones wait for :meth:`release`.
        """
        (young, middle, _old), (most_young, most_middle, _most_old) = (
            gc.get_count(),
            gc.get_threshold(),
        )
        if 0 < most_young < young:
            gc.collect(1 if middle > most_middle else 0)

    @staticmethod
    def set_apart() -> None:
        """Leave out of all collections to come what is there now: that of torch alone, which
        stays, holds the window up for 0.15 s.
        """
        if not gc.get_freeze_count():
            gc.collect(1)
            gc.freeze()

    def release(self) -> None:
        """Go back to what was before: only the thread of the window runs Python now."""
        automatic, self._automatic = self._automatic, None
        if automatic:
            gc.enable()


class Mailbox:
    """Bounded queue between a job and the window.

    Of :class:`Progress` and :class:`GradientByLag` only the latest waits, so that a fast job cannot
    flood the window; every other event is kept, and a job that is far ahead waits until the window
    has taken some.

    Parameters
    ----------
    limit : int
        Events that may wait.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._events: dict[object, Event] = {}
        self._room = threading.Condition()
        self._closed = False

    def put(self, event: Event) -> bool:
        """Add an event, waiting for room; False once the mailbox is closed."""
        key: object = type(event) if isinstance(event, _LATEST_ONLY) else object()
        with self._room:
            self._events.pop(key, None)
            self._room.wait_for(lambda: self._closed or len(self._events) < self._limit)
            if not self._closed:
                self._events[key] = event
            return not self._closed

    def take(self, most: int | None = None) -> list[Event]:
        """Return what waits, in the order of arrival, and take it out: all of it, or so many
        events.
        """
        with self._room:
            keys = list(islice(self._events, most))
            events = [self._events.pop(key) for key in keys]
            self._room.notify_all()
        return events

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed

    def close(self) -> None:
        """Refuse further events, drop those that wait and release a waiting job."""
        with self._room:
            self._closed = True
            self._events.clear()
            self._room.notify_all()


class Worker(QThread):
    """One job in a thread of its own.

    Connect ``finished`` to a method of a QObject only: a lambda would run in this thread. After it,
    :attr:`failure` or :attr:`result` tells how the job ended. Keep a reference until then, and
    never ``terminate()``.

    Parameters
    ----------
    job : Job
        The generator function to iterate.
    name : str
        Name of the thread in debuggers and logs.
    """

    def __init__(self, job: Job, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._job = job
        self._mailbox = Mailbox()
        self.failure: Failure | None = None
        self.result: object = None

    def run(self) -> None:
        """Iterate the job; every fault ends in :attr:`failure`, none escapes."""
        try:
            self._iterate(self._job(self._should_stop))
        except GeneratorExit:
            return  # from where the job asked
        except Exception as error:  # the one place: a fault in the background is never silent
            self.failure = Failure.of(error)
        finally:
            trim_heap()

    def _iterate(self, events: Generator[Event, None, object]) -> None:
        """Put the events into the mailbox, and keep what the job returns."""
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                self.result = end.value
                return
            if not self._mailbox.put(event):
                events.close()
                return

    def _should_stop(self) -> bool:
        """Tell the job whether it is to end early; one that is discarded ends where it asks,
        instead of making its best of what it has.
        """
        if self._mailbox.closed:
            raise GeneratorExit
        return self.isInterruptionRequested()

    def take(self, most: int | None = None) -> list[Event]:
        """Return the events since the last call, oldest first; no more than ``most``, where the
        rest can wait.
        """
        return self._mailbox.take(most)

    def stop(self) -> None:
        """Ask the job to end early and keep what it has."""
        self.requestInterruption()

    def discard(self) -> None:
        """Ask the job to end and drop all it delivers from now on."""
        self._mailbox.close()
        self.requestInterruption()


class Task(QObject):
    """Handle of a job that runs in the background: the way back to whoever started it.

    Nothing is emitted any more after :meth:`cancel`, so a superseded result never arrives.

    Attributes
    ----------
    yielded : Signal
        An event of the job.
    returned : Signal
        The return value of the job, once, last.
    failed : Signal
        A :class:`Failure`, once, last. Where nothing is connected to it,
        :attr:`TaskRunner.unhandled` is emitted instead.
    """

    yielded = Signal(object)
    returned = Signal(object)
    failed = Signal(object)

    def __init__(self, worker: Worker, runner: TaskRunner) -> None:
        super().__init__()
        self._worker = worker
        self._runner = runner

    def cancel(self) -> None:
        """Ask the job to end, and drop all it delivers from now on."""
        self._runner.discard(self)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for the end of the job and deliver what came of it; False after the timeout."""
        if not self._worker.wait(QDeadlineTimer(timeout_ms)):
            return False
        self._runner.deliver()
        return True

    def deliver(self) -> bool:
        """Emit what waits, for as long as the window may stand still; True once all is emitted."""
        deadline = time.monotonic() + DELIVERY_S
        ended = self._worker.isFinished()
        while events := self._worker.take(_PORTION):
            for event in events:
                self.yielded.emit(event)
            if time.monotonic() > deadline:
                return False
        return ended

    def end(self) -> None:
        """Emit how the job has ended."""
        failure = self._worker.failure
        if failure is None:
            self.returned.emit(self._worker.result)
            return
        self._runner.failed.emit(failure)
        if self.isSignalConnected(QMetaMethod.fromSignal(self.failed)):
            self.failed.emit(failure)
        else:
            self._runner.unhandled.emit(failure)


class TaskRunner(QObject):
    """Runs jobs in the background, each in a thread of its own, and hands back their results.

    Whoever owns it calls :meth:`deliver` from a timer while :attr:`threads` are at work.

    Attributes
    ----------
    started : Signal
        A thread has been started.
    thread_ended : Signal
        A thread has ended; :meth:`deliver` tells what came of it.
    failed : Signal
        A task has failed (a :class:`Failure`), whoever handles that; for the log.
    unhandled : Signal
        A task has failed whose :attr:`Task.failed` nothing is connected to.
    """

    started = Signal()
    thread_ended = Signal()
    failed = Signal(object)
    unhandled = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: dict[str, tuple[Task, Worker]] = {}
        self._cancelled: set[Worker] = set()
        self._count = 0

    def run(self, job: Job, key: str = "") -> Task:
        """Run a job; a task of the same key that still runs is cancelled first.

        Parameters
        ----------
        job : Job
            The generator function to iterate.
        key : str
            Names what the task is for, and its thread. Tasks without a key never supersede
            each other.
        """
        self.cancel(key)
        self._count += 1
        key = key or f"task-{self._count}"
        worker = Worker(job, key)
        task = Task(worker, self)
        self._tasks[key] = task, worker
        worker.finished.connect(self.thread_ended)
        self.started.emit()
        worker.start()
        return task

    def call(self, function: Callable[..., object], *args: object, key: str = "") -> Task:
        """Call a function in the background; its value is what the task returns."""

        def job(_should_stop: Callable[[], bool]) -> Generator[Event, None, object]:
            yield from ()
            return function(*args)

        return self.run(job, key)

    @property
    def threads(self) -> list[Worker]:
        """The threads that have not been seen to end, cancelled ones too."""
        return [*(worker for _, worker in self._tasks.values()), *self._cancelled]

    def cancel(self, key: str, *, wait: bool = False) -> None:
        """Cancel the task of a key, where there is one.

        Parameters
        ----------
        key : str
        wait : bool
            Whether to return only after the ends of this and all cancelled threads of the key.
        """
        if key in self._tasks:
            self.discard(self._tasks[key][0])
        if wait:
            for worker in self._cancelled:
                if worker.objectName() == key:
                    worker.wait()

    def cancel_all(self) -> None:
        """Cancel every task."""
        for task, _worker in list(self._tasks.values()):
            self.discard(task)

    def discard(self, task: Task) -> None:
        """Let go of a task; its thread may need a moment to end."""
        for key, (running, worker) in list(self._tasks.items()):
            if running is task:
                del self._tasks[key]
                worker.discard()
                self._cancelled.add(worker)

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """Wait for the threads that were cancelled; True when none is left."""
        self._cancelled = {worker for worker in self._cancelled if not worker.wait(deadline)}
        return not self._cancelled

    def deliver(self) -> None:
        """Emit the events and results that wait, and let go of threads that have ended."""
        self._cancelled = {
            worker for worker in self._cancelled if not (worker.isFinished() and worker.wait())
        }
        for key, (task, worker) in list(self._tasks.items()):
            if not task.deliver() or self._tasks.get(key) != (task, worker):
                continue  # more is to come, or it was cancelled by whoever heard of an event
            del self._tasks[key]
            worker.wait()
            task.end()
