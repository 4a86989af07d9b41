"""Close, cancel, other prices and training anew in every state: nothing hangs, nothing is left,
and the window answers meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from forked_program import Ended, programs
from heartbeat import Heartbeat
from program_states import ENDLESS, STATES, Scene, answers, slowed, when
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QDialog
from window_bench import price_file, rested, wait, window

from app import dialogs
from app.background import Worker
from app.session import Session
from app.window.workbench import Workbench
from forecasting import jobs
from forecasting.events import EngineReady, Event, Notice
from forecasting.training.trainer import Trainer

Times = Callable[[int], int]
Program = Callable[..., Ended]

#: Seconds in which a program that is closed has ended.
CLOSED_S = 3.0
forks = pytest.mark.skipif(sys.platform != "linux", reason="programs are forked to be many")


# Closing


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    """Programs that find all they import in memory."""
    with programs() as run:
        yield run


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return price_file(tmp_path_factory.mktemp("prices") / "walk.csv", bars=300)


def ended_well(ended: Ended) -> None:
    """Check what a user wants of a program that is closed."""
    assert not ended.faults, "\n".join(ended.faults)
    assert ended.seconds <= CLOSED_S


def closed_often(
    program: Program, state: str, often: int, prices: str, folder: Path, longest: float = 0.15
) -> None:
    """Close a program in a state at moments that differ, by its window and by quitting."""
    moments, took = random.Random(state), []
    for number in range(often):
        home = folder / f"{number}"
        ended = program(
            state,
            home,
            prices=prices,
            delay=moments.uniform(0, longest),
            end=("close", "quit")[number % 2],
        )
        ended_well(ended)
        took.append(ended.seconds)
    print(
        f"\nclosed while {state}: {often} times, status 0, ended after "
        f"{sorted(took)[often // 2]:.2f} s (median), {max(took):.2f} s (most)"
    )


@forks
@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("state", ["first paint", *(one for one in STATES if one != "preparing")])
def test_a_closed_program_ends_well_in_every_state(
    program: Program, prices: str, tmp_path: Path, times: Times, state: str
) -> None:
    closed_often(program, state, times(3), prices, tmp_path)


@forks
@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("state", ["engine starting", "preparing"])
def test_a_program_closed_while_its_engine_starts_ends_well(
    prices: str, tmp_path: Path, times: Times, state: str
) -> None:
    with programs(torch=False) as program:
        closed_often(program, state, times(3), prices, tmp_path, longest=2.0)


@forks
@pytest.mark.slow
def test_a_program_that_leaves_its_threads_running_is_caught(
    program: Program, prices: str, tmp_path: Path
) -> None:
    ended = program("training", tmp_path, prices=prices, careless=True)
    assert ended.status < 0, ended.said
    with pytest.raises(AssertionError, match="QThread"):
        ended_well(ended)


def test_all_threads_together_are_waited_for_no_longer_than_was_asked(qapp: QApplication) -> None:
    free = threading.Event()

    def stuck(_should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        free.wait(20)
        yield Notice("late")

    session = Session()
    for name in "abcd":
        session.background.run(stuck, name)
    began = time.monotonic()
    assert not session.close(100)
    assert time.monotonic() - began < 0.39, (
        "four threads must not be waited for one after the other"
    )
    free.set()
    assert session.close()


# Cancel, other prices, training anew


@pytest.fixture(scope="module")
def opened(
    qapp: QApplication, prices: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """One window for all states."""
    warm_up = Session.warm_up
    with (
        window(tmp_path_factory.mktemp("threads"), prices) as bench,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(Session, "warm_up", warm_up)
        answers(patch)
        bench.session.engine = next(
            item for item in jobs.warm_up() if isinstance(item, EngineReady)
        )
        yield bench
        bench.session.unsaved = False


def cancelled(scene: Scene) -> None:
    scene.bench.cancel()


def reloaded(scene: Scene) -> None:
    """Ask for other prices: where something is trained they are refused in words, and nothing of
    it is harmed.
    """
    before, bench = scene.bench.session.state, scene.bench
    bench.load([scene.prices])
    refused = before not in ("idle", "loading")
    assert (bench.session.state == "loading") != refused
    assert ("still at work" in bench.banner.text) >= refused
    if refused:
        bench.cancel()


def retrained(scene: Scene) -> None:
    """Give up what there is and train."""
    bench = scene.bench
    bench.cancel()
    if bench.session.panel is None:
        bench.load([scene.prices])
        wait(lambda: bench.session.panel is not None and bench.session.state == "idle")
    scene.train()
    wait(lambda: len(bench.session.history) > 1)
    bench.cancel()


ACTIONS = {"cancel": cancelled, "reload": reloaded, "retrain": retrained}


def acted(scene: Scene, state: str, act: Callable[[Scene], None]) -> None:
    """Bring the window into a state, act, and wait until it rests."""
    bench = scene.bench
    if bench.session.panel is None:
        bench.load([scene.prices])
        wait(lambda: bench.session.panel is not None and bench.session.state == "idle")
    bench.model.show_config(ENDLESS)
    scene.at_work.clear()
    if state == "preparing":
        bench.session.engine = None
    if state == "asking":
        _acted_behind_a_question(scene, act)
    else:
        STATES[state].enter(scene)
        wait(lambda: STATES[state].reached(scene))
        act(scene)
    for dialog in (
        bench.importer.dialog,
        bench.export_controller.dialog,
        bench.features["audit"].dialog,
        bench.training_controller._rates,
    ):
        if dialog is not None:
            dialog.close()
    bench.cancel()
    at_rest(bench)


def _acted_behind_a_question(scene: Scene, act: Callable[[Scene], None]) -> None:
    scene.train()
    wait(lambda: len(scene.bench.session.history) > 2)
    done: list[QDialog] = []

    def answer() -> None:
        act(scene)
        box = QApplication.activeModalWidget()
        assert isinstance(box, QDialog)
        done.append(box)
        box.reject()

    when(lambda: QApplication.activeModalWidget() is not None, answer)
    assert not dialogs.ask_overwrite(scene.bench.window, "some.candleproject")
    assert done


def at_rest(bench: Workbench, seconds: float = 25) -> None:
    """Wait for the end of all that was given up."""
    wait(
        lambda: (
            bench.session.state == "idle"
            and bench.session.threads == 0
            and bench.session.engine is not None
        ),
        seconds,
    )


def counted(bench: Workbench) -> dict[str, int]:
    """Count what must not grow."""
    rested(bench)
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    gc.collect()
    return {
        "threads of Python": len(
            [item for item in threading.enumerate() if not isinstance(item, threading._DummyThread)]
        ),
        "threads": psutil.Process().num_threads(),
        "timers": sum(timer.isActive() for timer in bench.window.findChildren(QTimer)),
        "objects": len(bench.window.findChildren(QObject)),
        "windows": len(QApplication.topLevelWidgets()),
        "processes": len(psutil.Process().children(recursive=True)) - _trackers(),
    }


def _trackers() -> int:
    return sum(
        "resource_tracker" in " ".join(item.cmdline()) for item in psutil.Process().children()
    )


def repeated(opened: Workbench, prices: str, folder: Path, state: str, often: int) -> None:
    """Act in a state again and again; what is there afterwards is what was there after the first
    time.
    """
    scene = Scene(opened, prices, folder)
    with slowed(state, scene.at_work, patience=0.5):
        for act in ACTIONS.values():
            acted(scene, state, act)
        before = counted(opened)
        for _ in range(often):
            for act in ACTIONS.values():
                acted(scene, state, act)
        grown = {
            what: (before[what], now) for what, now in counted(opened).items() if now > before[what]
        }
    assert not grown, grown
    print(f"\n{', '.join(ACTIONS)} while {state}: {often} times each, nothing left ({before})")


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("state", list(STATES))
def test_cancel_reload_and_retrain_leave_nothing_in_any_state(
    opened: Workbench, prices: str, tmp_path: Path, times: Times, state: str
) -> None:
    repeated(opened, prices, tmp_path, state, times(3))


@pytest.mark.slow
def test_a_job_that_is_not_told_to_end_is_caught(
    opened: Workbench, prices: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[Worker] = []
    monkeypatch.setattr(Worker, "discard", lambda worker: forgotten.append(worker))
    scene = Scene(opened, prices, tmp_path)
    scene.train()
    wait(lambda: len(opened.session.history) > 3)
    opened.cancel()
    with pytest.raises(AssertionError, match="waited in vain"):
        at_rest(opened, seconds=1)
    monkeypatch.undo()
    for worker in forgotten:
        worker.discard()
    at_rest(opened)


# A window that answers


def busy(seconds: float) -> None:
    """Compute for so long as one large step of a network does: in C, one call after the other."""
    left, right = torch.rand(700, 700), torch.rand(700, 700)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = (left @ right).clamp_(0, 1)


@contextlib.contextmanager
def steps_of(seconds: float) -> Iterator[list[float]]:
    """Let every step of a training take so long; the list tells how long they took."""
    took: list[float] = []
    real = Trainer.step

    def slow(run: Trainer, *given: Any) -> None:
        began = time.monotonic()
        busy(seconds)
        real(run, *given)
        took.append(time.monotonic() - began)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", slow)
        yield took


def answered_meanwhile(opened: Workbench, prices: str, folder: Path) -> Heartbeat:
    """Train with steps of two seconds, cancel in the middle of one, and check that the window
    has answered all the time.
    """
    scene = Scene(opened, prices, folder)
    with steps_of(2.0) as took:
        scene.train()
        with Heartbeat() as heart:
            wait(lambda: len(took) >= 2)
            began = time.monotonic()
            opened.cancel()
            assert opened.session.state == "idle"
            assert time.monotonic() - began < 1
        at_rest(opened)
    assert heart.longest < 1.0, f"the window stood still for {heart.longest:.2f} s"
    return heart


@pytest.mark.slow
def test_a_step_of_two_seconds_does_not_block_the_window(
    opened: Workbench, prices: str, tmp_path: Path
) -> None:
    heart = answered_meanwhile(opened, prices, tmp_path)
    print(
        f"\nsteps of 2 s: longest gap of the window {heart.longest * 1000:.0f} ms over "
        f"{heart.beats} beats"
    )


@pytest.mark.slow
def test_a_step_in_the_thread_of_the_window_is_caught(
    opened: Workbench, prices: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Worker.start

    def at_once(worker: Worker) -> None:
        if worker.objectName() == "training":
            QTimer.singleShot(0, lambda: busy(2.0))
        real(worker)

    monkeypatch.setattr(Worker, "start", at_once)
    with pytest.raises(AssertionError, match="stood still"):
        answered_meanwhile(opened, prices, tmp_path)
