"""A job that tells far more than can be shown: the window goes on, what waits is bounded, and
the last word is heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import pytest
from heartbeat import Heartbeat
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, texts, wait, window

from app import background
from app.background import Mailbox
from app.session import PULSE_MS
from app.window.workbench import Workbench
from forecasting.events import EngineReady, EpochEnd, Event, Notice, Progress

EVENTS, SECONDS = 100_000, 3.0
#: Events that may wait at any moment: of progress the latest, with the last word; of all others as
#: many as the mailbox takes.
PROGRESS_BOUND, BOUND = 2, 4096


@pytest.fixture(scope="module")
def bench(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("flood")
    with window(folder, price_file(folder / "walk.csv", bars=300)) as bench:
        bench.session.engine = EngineReady({"cpu": "Processor"}, {"torch": "0"}, 0.1)
        yield bench
        bench.session.unsaved = False


@dataclass
class Flood:
    """A training that floods the window: so many events, every ``epoch_every``-th the end of an
    epoch.

    Attributes
    ----------
    backlog : int
        Most events that waited at a moment.
    seconds : float
        How long the job took.
    """

    epoch_every: int = 0
    events: int = EVENTS
    spread: float = SECONDS
    backlog: int = 0
    seconds: float = 0.0

    def __call__(self, should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        began = time.monotonic()
        for number in range(1, self.events + 1):
            if self.epoch_every and number % self.epoch_every == 0:
                yield EpochEnd(
                    number // self.epoch_every,
                    self.events,
                    1.0,
                    1.0,
                    0,
                    1.0,
                    1e-3,
                    0.5,
                    0.0,
                    time.monotonic() - began,
                )
            else:
                yield Progress(number, self.events, f"Event {number}")
            if number % 50 == 0:
                time.sleep(max(0.0, began + self.spread * number / self.events - time.monotonic()))
        self.seconds = time.monotonic() - began
        yield Progress(self.events, self.events, "The last of them")
        yield Notice("The last word.")


def flooded(bench: Workbench, flood: Flood) -> Heartbeat:
    """Let a flood come, and check what the window makes of it."""
    bench.banner.set_active(False)
    put = Mailbox.put

    def looked(box: Mailbox, event: Event) -> bool:
        taken = put(box, event)
        flood.backlog = max(flood.backlog, len(box._events))
        return taken

    shown: list[str] = []
    bench.session.frame_due.connect(
        lambda: shown.append(bench.session.progress.message if bench.session.progress else "")
    )
    with pytest.MonkeyPatch.context() as patch, Heartbeat() as heart:
        patch.setattr(Mailbox, "put", looked)
        bench.session.begin("training", lambda _panel: flood)
        wait(lambda: bench.session.state == "idle", 120)
        idle(bench)
    assert flood.backlog <= (BOUND if flood.epoch_every else PROGRESS_BOUND), (
        f"{flood.backlog} events waited"
    )
    assert len(set(shown)) <= 5 + 1.1 * sum(heart.gaps) * 1000 / PULSE_MS, (
        "more was drawn than can be seen"
    )
    assert len(bench.session.history) == (
        flood.events // flood.epoch_every if flood.epoch_every else 0
    ), "no epoch is lost"
    assert "The last word." in texts(bench.banner), "the last word is lost"
    return heart


@pytest.mark.slow
def test_of_much_progress_the_latest_is_shown_and_the_last_word_heard(bench: Workbench) -> None:
    flooded(bench, Flood(events=3000, spread=0.1))


@pytest.mark.slow
def test_many_epochs_wait_their_turn_and_none_is_lost(bench: Workbench) -> None:
    flooded(bench, Flood(epoch_every=2, events=2000, spread=0.05))


@pytest.mark.slow
def test_without_the_bound_of_the_mailbox_the_flood_is_caught(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_LATEST_ONLY", ())
    with pytest.raises(AssertionError, match="events waited"):
        flooded(bench, Flood(events=3000, spread=0.01))


@pytest.mark.slow
def test_a_mailbox_that_drops_what_is_too_much_is_caught(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(box: Mailbox, event: Event) -> bool:
        if len(box._events) < 50:
            box._events[object()] = event
        return True

    monkeypatch.setattr(Mailbox, "put", lossy)
    with pytest.raises(AssertionError, match="no epoch is lost"):
        flooded(bench, Flood(epoch_every=2, events=2000, spread=0.01))


@pytest.mark.slow
@pytest.mark.parametrize("epoch_every", [0, 20], ids=["progress", "5,000 epochs, too"])
def test_a_hundred_thousand_events_in_three_seconds_do_not_stop_the_window(
    bench: Workbench, times: Callable[[int], int], epoch_every: int
) -> None:
    for _ in range(times(1)):
        flood = Flood(epoch_every)
        heart = flooded(bench, flood)
        gaps = sorted(heart.gaps)
        told = (
            f"{EVENTS} events in {flood.seconds:.1f} s, every {epoch_every}th an epoch: at "
            f"most {flood.backlog} waited; gaps of the window"
        )
        print(
            f"\n{told} {gaps[len(gaps) * 99 // 100] * 1000:.0f} ms (99 %), "
            f"{heart.longest * 1000:.0f} ms (most)"
        )
        assert heart.longest < 0.5
