"""Background tasks: a worker thread iterates one job, and its events wait in a mailbox until the
window takes them.
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
from itertools import islice

from PySide6.QtCore import QDeadlineTimer, QMetaMethod, QObject, QThread, Signal

from forecasting.errors import CandlecastError, Remedy
from forecasting.events import CellStates, Event, GradientByLag, Progress
from forecasting.memory import HINT, is_out_of_memory, trim_heap

#: What a worker runs: called in the worker's thread with ``should_stop``, it returns the events of
#: the job, a generator whose return value is the result.
Job = Callable[[Callable[[], bool]], Generator[Event, None, object]]

_LATEST_ONLY = (Progress, GradientByLag, CellStates)
#: Seconds that taking in events may last before the window goes on, and events between two looks at
#: the clock.
DELIVERY_S = 0.015
_PORTION = 32
_PACKAGES = ("candlecast", "PySide6-Essentials", "pyqtgraph", "numpy", "pandas", "torch")


@dataclass(frozen=True)
class Failure:
    """An error on its way to the window; ``details`` (traceback and versions) is empty for an error
    that the user can solve.

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
        """Make a failure: message and hint of a :class:`CandlecastError`, traceback and versions of
        any other.
        """
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


class Reporting:
    """Context in which a :class:`CandlecastError` is passed to a function, and ends the block."""

    def __init__(self, report: Callable[[CandlecastError], object]) -> None:
        self._report = report

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, CandlecastError):
            self._report(error)
            return True
        return False


def versions() -> str:
    """Return the versions of Python and the packages for an error report, one a line; imports
    none of them.
    """
    from importlib import metadata

    lines = [f"Python {sys.version.split()[0]} on {platform.platform()}"]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package} (not installed as a package)")
    return "\n".join(lines)


class Collector:
    """Run Python's cyclic garbage collector only in the thread of the window while workers run.

    By default it runs in whichever thread allocates. A cycle that holds a Qt object, such as a
    closed dialog, would then be freed in a worker, and Qt crashes where a timer or widget is
    deleted in another thread.
    """

    def __init__(self) -> None:
        self._automatic: bool | None = None
        self._is_set_apart = False

    def hold(self) -> None:
        """Disable automatic collection; from now on :meth:`collect` must be called regularly."""
        if self._automatic is None:
            self._automatic = gc.isenabled()
        gc.disable()

    def collect(self) -> None:
        """Collect young objects in this thread, as often as the automatic collector would.

        The oldest generation waits for :meth:`release`.
        """
        (young, middle, _old), (most_young, most_middle, _most_old) = (
            gc.get_count(),
            gc.get_threshold(),
        )
        if 0 < most_young < young:
            gc.collect(1 if middle > most_middle else 0)

    def set_apart(self) -> None:
        """Freeze the present objects, so that later collections skip them: those of torch alone
        take 0.15 s. Only the first call does so, and only where objects are collected
        automatically.
        """
        if self._automatic and not self._is_set_apart:
            self._is_set_apart = True
            gc.collect(1)
            gc.freeze()

    def release(self) -> None:
        """Enable automatic collection again, after all workers have ended."""
        automatic, self._automatic = self._automatic, None
        if automatic:
            gc.enable()


class Mailbox:
    """Bounded, thread-safe queue of events between a job and the window.

    Of :class:`Progress` and :class:`GradientByLag` only the latest is stored, so that a fast job
    cannot flood the window; all other events are stored, and :meth:`put` blocks while the queue is
    full.

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
        """Append an event, waiting for space; False once the mailbox is closed."""
        key: object = type(event) if isinstance(event, _LATEST_ONLY) else object()
        with self._room:
            self._events.pop(key, None)
            self._room.wait_for(lambda: self._closed or len(self._events) < self._limit)
            if not self._closed:
                self._events[key] = event
            return not self._closed

    def take(self, most: int | None = None) -> list[Event]:
        """Remove and return the waiting events in order of arrival: all of them, or at most so
        many.
        """
        with self._room:
            keys = list(islice(self._events, most))
            events = [self._events.pop(key) for key in keys]
            self._room.notify_all()
        return events

    @property
    def closed(self) -> bool:
        """Whether the mailbox accepts no more events."""
        return self._closed

    def close(self) -> None:
        """Close the mailbox: drop waiting events, refuse further ones and release a blocked job."""
        with self._room:
            self._closed = True
            self._events.clear()
            self._room.notify_all()


class Worker(QThread):
    """A thread that runs one job.

    Connect ``finished`` to a method of a QObject only: a lambda would run in this thread.
    Afterwards :attr:`failure` or :attr:`result` holds how the job ended. Keep a reference until
    then, and never call ``terminate()``.

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
        """Iterate the job; any exception ends in :attr:`failure`."""
        try:
            self._iterate(self._job(self._should_stop))
        except GeneratorExit:
            return  # from where the job asked
        except Exception as error:  # the one place: a fault in the background is never silent
            self.failure = Failure.of(error)
        finally:
            trim_heap()

    def _iterate(self, events: Generator[Event, None, object]) -> None:
        """Put the events into the mailbox, and store the return value of the job."""
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
        """Return whether the job is to end early; a discarded job is ended by GeneratorExit
        instead.
        """
        if self._mailbox.closed:
            raise GeneratorExit
        return self.isInterruptionRequested()

    def take(self, most: int | None = None) -> list[Event]:
        """Return the events since the last call, oldest first; at most ``most`` of them."""
        return self._mailbox.take(most)

    def stop(self) -> None:
        """Ask the job to end early and deliver its result so far."""
        self.requestInterruption()

    def discard(self) -> None:
        """Ask the job to end, and drop all further events and its result."""
        self._mailbox.close()
        self.requestInterruption()


class Task(QObject):
    """Handle of a background job: its signals deliver events, result or failure.

    Nothing is emitted after :meth:`cancel`, so a superseded result never arrives.

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

    def stop(self) -> None:
        """Ask the job to end early and deliver its result so far."""
        self._worker.stop()

    def cancel(self) -> None:
        """Ask the job to end, and drop all further events and its result."""
        self._runner.discard(self)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for the end of the job and deliver its result; False after the timeout."""
        if not self._worker.wait(QDeadlineTimer(timeout_ms)):
            return False
        self._runner.deliver()
        return True

    def deliver(self) -> bool:
        """Emit waiting events for at most :data:`DELIVERY_S` seconds; True once the job has ended
        and all are emitted.
        """
        deadline = time.monotonic() + DELIVERY_S
        ended = self._worker.isFinished()
        while events := self._worker.take(_PORTION):
            for event in events:
                self.yielded.emit(event)
            if time.monotonic() > deadline:
                return False
        return ended

    def end(self) -> None:
        """Emit the result or failure."""
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
    """Run jobs in the background, each in its own thread, and deliver their results.

    The owner calls :meth:`deliver` from a timer while :attr:`threads` are running.

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
        """Call a function in the background; the task returns its value."""

        def job(_should_stop: Callable[[], bool]) -> Generator[Event, None, object]:
            yield from ()
            return function(*args)

        return self.run(job, key)

    @property
    def threads(self) -> list[Worker]:
        """The threads that have not ended yet, cancelled ones included."""
        return [*(worker for _, worker in self._tasks.values()), *self._cancelled]

    def runs(self, key: str) -> bool:
        """Return whether a task of the key runs."""
        return key in self._tasks

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
        """Cancel a task; its thread may need a moment to end."""
        for key, (running, worker) in list(self._tasks.items()):
            if running is task:
                del self._tasks[key]
                worker.discard()
                self._cancelled.add(worker)

    def wait(self, deadline: QDeadlineTimer) -> bool:
        """Wait for the cancelled threads; True when none is left."""
        self._cancelled = {worker for worker in self._cancelled if not worker.wait(deadline)}
        return not self._cancelled

    def deliver(self) -> None:
        """Emit waiting events and results, and release threads that have ended."""
        self._cancelled = {
            worker for worker in self._cancelled if not (worker.isFinished() and worker.wait())
        }
        for key, (task, worker) in list(self._tasks.items()):
            if not task.deliver() or self._tasks.get(key) != (task, worker):
                continue  # more is to come, or it was cancelled by whoever heard of an event
            del self._tasks[key]
            worker.wait()
            task.end()
