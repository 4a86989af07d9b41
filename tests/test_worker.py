"""The thread border: nothing is lost, nothing floods, nothing is silent, nothing is left
running.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import pytest
from PySide6.QtCore import QObject, QThread

from app.background import Failure, Mailbox, TaskRunner, Worker, versions
from forecasting.errors import DataError
from forecasting.events import EpochEnd, Event, Notice, Progress

Stop = Callable[[], bool]


def epoch(number: int) -> EpochEnd:
    return EpochEnd(number, 100, 1.0, 1.0, 0, 1.0, 1e-3, 0.5, 0.0, 0.1)


def finish(worker: Worker) -> list[Event]:
    """Run a worker to its end the way the session does: take, wait, take."""
    events: list[Event] = []
    worker.start()
    while not worker.wait(5):
        events += worker.take()
    return events + worker.take()


def test_every_epoch_arrives_and_only_the_latest_progress_waits() -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        for number in range(1000):
            yield epoch(number)
            yield Progress(number, 1000, "working")

    worker = Worker(job, "job")
    worker.start()
    assert worker.wait(10_000)
    events = worker.take()
    assert [event.epoch for event in events if isinstance(event, EpochEnd)] == list(range(1000))
    assert [event for event in events if isinstance(event, Progress)] == [
        Progress(999, 1000, "working")
    ]
    assert events[-1] == Progress(999, 1000, "working")
    assert worker.failure is None


def test_a_job_far_ahead_waits_and_loses_nothing() -> None:
    mailbox, taken = Mailbox(limit=10), []

    def fill() -> None:
        for number in range(500):
            assert mailbox.put(epoch(number))

    thread = threading.Thread(target=fill)
    thread.start()
    while thread.is_alive() or len(taken) < 500:
        batch = mailbox.take()
        assert len(batch) <= 10
        taken += batch
    thread.join()
    assert [event.epoch for event in taken] == list(range(500))


def test_closing_the_mailbox_releases_a_waiting_job() -> None:
    mailbox, answers = Mailbox(limit=1), []
    assert mailbox.put(epoch(0))
    thread = threading.Thread(target=lambda: answers.append(mailbox.put(epoch(1))))
    thread.start()
    mailbox.close()
    thread.join(5)
    assert answers == [False]
    assert mailbox.take() == []


def test_a_fault_of_ours_keeps_message_and_hint() -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        yield Notice("before")
        raise DataError("41 bars; 69 are needed.", "Load more history.")

    worker = Worker(job, "job")
    assert finish(worker) == [Notice("before")]
    assert worker.failure == Failure("41 bars; 69 are needed.", "Load more history.")


def test_any_other_fault_carries_traceback_and_versions() -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        yield from ()
        raise ZeroDivisionError("planted")

    worker = Worker(job, "job")
    finish(worker)
    assert worker.failure is not None
    assert worker.failure.message == "ZeroDivisionError: planted"
    assert "in job" in worker.failure.details
    assert versions() in worker.failure.details
    assert "PySide6-Essentials 6." in worker.failure.details


def test_stop_lets_the_job_deliver_what_it_has() -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        yield Notice("started")
        while not should_stop():
            time.sleep(0.001)
        yield Notice("kept")

    worker = Worker(job, "job")
    worker.start()
    worker.stop()
    assert worker.wait(5000)
    assert worker.take()[-1] == Notice("kept")


def test_discard_closes_the_job_at_its_next_event() -> None:
    closed = threading.Event()

    def job(should_stop: Stop) -> Generator[Event, None, None]:
        try:
            while True:
                yield Progress(0, 0, "working")
        finally:
            closed.set()

    worker = Worker(job, "job")
    worker.start()
    worker.discard()
    assert worker.wait(5000)
    assert closed.is_set()
    assert worker.take() == []
    assert worker.failure is None


def test_a_job_that_is_discarded_ends_where_it_asks_and_makes_nothing_of_what_it_has() -> None:
    started, best, cleared = threading.Event(), threading.Event(), threading.Event()

    def job(should_stop: Stop) -> Generator[Event, None, None]:
        try:
            while not should_stop():
                started.set()
                time.sleep(0.001)
            best.set()
            yield Notice("the best of it")
        finally:
            cleared.set()

    worker = Worker(job, "job")
    worker.start()
    assert started.wait(5)
    worker.discard()
    assert worker.wait(5000)
    assert (best.is_set(), cleared.is_set(), worker.failure) == (False, True, None)


def test_a_job_runs_in_another_thread_and_finished_is_heard_in_ours(qtbot: pytest.fixture) -> None:
    indices: dict[str, QThread] = {}

    class Listener(QObject):
        def hear(self) -> None:
            indices["heard"] = QThread.currentThread()

    def job(should_stop: Stop) -> Generator[Event, None, None]:
        indices["ran"] = QThread.currentThread()
        yield from ()

    listener, worker = Listener(), Worker(job, "job")
    worker.finished.connect(listener.hear)
    worker.start()
    qtbot.waitUntil(lambda: "heard" in indices)
    worker.wait()
    assert indices["ran"] is worker
    assert indices["heard"] is not worker
    assert indices["heard"] == listener.thread()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        OSError("Cannot allocate memory"),
    ],
)
def test_memory_that_ran_out_is_told_as_such_and_no_fault_of_the_program(error: Exception) -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        raise error
        yield

    worker = Worker(job, "job")
    finish(worker)
    assert worker.failure is not None
    assert worker.failure.message.startswith("There is not enough memory for this")
    assert "fewer series" in worker.failure.hint
    assert not worker.failure.details


def test_ten_thousand_messages_do_not_flood_the_window() -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        for number in range(10_000):
            yield Progress(number, 10_000, "working")

    worker = Worker(job, "job")
    worker.start()
    assert worker.wait(10_000)
    assert len(worker.take()) == 1


def until(done: Callable[[], bool], runner: TaskRunner) -> None:
    """Deliver as the window's timer does, until something is so."""
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, "waited in vain"
        runner.deliver()
        time.sleep(0.001)


def test_a_task_yields_events_and_returns_a_value(qapp: QObject) -> None:
    def job(should_stop: Stop) -> Generator[Event, None, int]:
        yield Notice("first")
        yield Notice("second")
        return 3

    runner, heard = TaskRunner(), []
    task = runner.run(job)
    task.yielded.connect(lambda event: heard.append(event.message))
    task.returned.connect(heard.append)
    until(lambda: len(heard) == 3, runner)
    assert heard == ["first", "second", 3]
    assert runner.threads == []


def test_a_superseded_result_never_arrives(qapp: QObject) -> None:
    free, heard = threading.Event(), []

    def slow() -> str:
        free.wait(10)
        return "old"

    runner = TaskRunner()
    runner.call(slow, key="read").returned.connect(heard.append)
    runner.call(lambda: "new", key="read").returned.connect(heard.append)
    until(lambda: bool(heard), runner)
    free.set()
    until(lambda: not runner.threads, runner)
    assert heard == ["new"]


def test_tasks_without_a_key_do_not_supersede_each_other(qapp: QObject) -> None:
    runner, heard = TaskRunner(), []
    for number in range(3):
        runner.call(lambda number=number: number).returned.connect(heard.append)
    until(lambda: len(heard) == 3, runner)
    assert sorted(heard) == [0, 1, 2]


def test_a_failure_goes_to_its_handler_or_else_is_unhandled(qapp: QObject) -> None:
    def fail() -> None:
        raise DataError("no prices", "Open a file.")

    runner, heard = TaskRunner(), []
    runner.unhandled.connect(lambda failure: heard.append(("unhandled", failure.message)))
    runner.call(fail).failed.connect(lambda failure: heard.append(("handled", failure.message)))
    until(lambda: len(heard) == 1, runner)
    runner.call(fail)
    until(lambda: len(heard) == 2, runner)
    assert heard == [("handled", "no prices"), ("unhandled", "no prices")]


def test_waiting_for_a_task_delivers_its_result(qapp: QObject) -> None:
    runner, heard = TaskRunner(), []
    task = runner.call(lambda: "done")
    task.returned.connect(heard.append)
    assert task.wait(10_000)
    assert heard == ["done"]


def test_a_cancelled_task_may_be_cancelled_by_its_own_event(qapp: QObject) -> None:
    def job(should_stop: Stop) -> Generator[Event, None, None]:
        for number in range(5):
            yield Notice(str(number))

    runner, heard = TaskRunner(), []
    task = runner.run(job)
    task.yielded.connect(lambda event: (heard.append(event.message), task.cancel()))
    until(lambda: not runner.threads, runner)
    assert heard
    assert heard[0] == "0"
