"""The state machine: what may follow what, and that no old news is ever shown as new."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import run, walk

from app.session import Session
from app.training_history import TrainingHistory
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, SourceError
from forecasting.events import (
    EngineReady,
    EpochEnd,
    Event,
    ForecastMade,
    Notice,
    NotLoaded,
    Progress,
    RunFinished,
    SeriesLoaded,
)
from forecasting.series import Panel, PriceSeries

Stop = Callable[[], bool]


def series(symbol: str, bars: int = 50) -> PriceSeries:
    ds = np.datetime64("2020-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return PriceSeries(symbol, ds, ("close",), np.linspace(100, 110, bars)[:, None])


def epoch(number: int) -> EpochEnd:
    return EpochEnd(number, 10, 1.0, 1.0, 0, 1.0, 1e-3, 0.5, 0.0, 0.1)


class FakeJobs:
    """Jobs that a test steers: each waits at its gate."""

    def __init__(self) -> None:
        self.engine_gate, self.load_gate = threading.Event(), threading.Event()
        self.engine_gate.set()
        self.load_gate.set()
        self.runs: list[RunConfig] = []

    def warm_up(self) -> Iterator[Event]:
        assert self.engine_gate.wait(10)
        yield EngineReady({"cpu": "Processor"}, {"torch": "0"}, 0.1)

    def load(
        self, requests: Any, should_stop: Stop = lambda: False, refresh: str = "auto"
    ) -> Iterator[Event]:
        yield Progress(0, 1, "Loading")
        names = [item.reference for item in requests]
        if names == ["bad"]:
            raise SourceError("bad cannot be read.", "Choose another file.")
        assert self.load_gate.wait(10)
        for index, name in enumerate(names):
            if name == "bad":
                yield NotLoaded("bad cannot be read.", "Choose another file.", index)
        good = [(index, name) for index, name in enumerate(names) if name != "bad"]
        yield SeriesLoaded(
            Panel(tuple(series(name) for _place, name in good)),
            tuple(index for index, _name in good),
        )

    def autosave_path(self, panel: Panel, config: RunConfig) -> Path:
        return Path("unused.training")

    def train(
        self,
        panel: Panel,
        config: RunConfig,
        should_stop: Stop,
        *,
        should_pause: Stop,
        **_files: Any,
    ) -> Iterator[Event]:
        self.runs.append(config)
        yield epoch(0)
        while not should_stop():
            yield Progress(1, 2, "Paused" if should_pause() else "Training")
        yield epoch(1)
        yield ForecastMade((), 1, final=True)
        yield Notice("kept")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    fake = FakeJobs()
    for name in ("warm_up", "load", "autosave_path", "train"):
        monkeypatch.setattr(f"forecasting.jobs.{name}", getattr(fake, name))
    return fake


@pytest.fixture
def session(qtbot: Any, jobs: FakeJobs) -> Iterator[Session]:
    item = Session()
    yield item
    jobs.engine_gate.set()
    jobs.load_gate.set()
    assert item.close()


def heard(session: Session) -> tuple[list[str], list[Event], list[Any]]:
    """Record states, events and failures from now on."""
    record: tuple[list[str], list[Event], list[Any]] = ([], [], [])
    session.state_changed.connect(record[0].append)
    session.event_received.connect(record[1].append)
    session.failed.connect(record[2].append)
    return record


def loaded(qtbot: Any, session: Session, *references: str) -> None:
    session.load(references or ("A",))
    qtbot.waitUntil(lambda: session.state == "idle")


def test_loading_ends_idle_with_the_panel(qtbot: Any, session: Session) -> None:
    states, events, failures = heard(session)
    loaded(qtbot, session, "A", "B")
    assert states == ["loading", "idle"]
    assert isinstance(events[-1], SeriesLoaded)
    assert session.panel is not None
    assert session.panel.symbols == ("A", "B")
    assert session.references == ("A", "B")
    assert failures == []


def test_a_failed_load_keeps_what_was_there(qtbot: Any, session: Session) -> None:
    loaded(qtbot, session)
    states, _events, failures = heard(session)
    loaded(qtbot, session, "bad")
    assert states == ["loading", "idle"]
    assert failures[0].message == "bad cannot be read."
    assert session.panel is not None
    assert session.panel.symbols == ("A",)
    assert session.references == ("A",)


def test_a_second_load_replaces_the_first_and_its_late_news_is_dropped(
    qtbot: Any, session: Session, jobs: FakeJobs
) -> None:
    jobs.load_gate.clear()
    session.load(["old"])
    qtbot.waitUntil(lambda: session.progress is not None)
    session.load(["new"])
    assert session.threads == 2
    jobs.load_gate.set()
    qtbot.waitUntil(lambda: session.threads == 0)
    assert session.panel is not None
    assert session.panel.symbols == ("new",)


def test_training_waits_for_the_engine(qtbot: Any, session: Session, jobs: FakeJobs) -> None:
    loaded(qtbot, session)
    jobs.engine_gate.clear()
    states, _events, _failures = heard(session)
    session.train(RunConfig())
    assert session.state == "preparing"
    assert jobs.runs == []
    jobs.engine_gate.set()
    qtbot.waitUntil(lambda: session.state == "training")
    assert session.engine is not None
    session.stop()
    qtbot.waitUntil(lambda: session.state == "idle")
    assert states == ["preparing", "training", "stopping", "idle"]


def test_stop_keeps_and_cancel_discards(qtbot: Any, session: Session) -> None:
    loaded(qtbot, session)
    session.warm_up()
    _states, events, _failures = heard(session)
    session.train(RunConfig())
    qtbot.waitUntil(lambda: len(session.history) == 1)
    session.stop()
    qtbot.waitUntil(lambda: session.state == "idle")
    assert events[-1] == Notice("kept")
    assert [item.epoch for item in session.history] == [0, 1]

    session.train(RunConfig())
    qtbot.waitUntil(lambda: len(session.history) == 1)
    events.clear()
    session.cancel()
    assert session.state == "idle"
    assert session.history == []
    qtbot.waitUntil(lambda: session.threads == 0)
    assert events == []


def test_a_training_waits_and_goes_on(qtbot: Any, session: Session) -> None:
    loaded(qtbot, session)
    session.pause(True)
    assert session.state == "idle"
    states, _events, failures = heard(session)
    session.warm_up()
    session.train(RunConfig())
    qtbot.waitUntil(lambda: session.state == "training")
    session.pause(True)
    qtbot.waitUntil(lambda: session.progress is not None and session.progress.message == "Paused")
    session.pause(False)
    qtbot.waitUntil(lambda: session.progress is not None and session.progress.message == "Training")
    session.pause(True)
    session.stop()
    qtbot.waitUntil(lambda: session.state == "idle")
    assert states == ["preparing", "training", "paused", "training", "paused", "stopping", "idle"]
    assert failures == []


def test_cancel_while_the_engine_is_prepared_starts_nothing(
    qtbot: Any, session: Session, jobs: FakeJobs
) -> None:
    loaded(qtbot, session)
    jobs.engine_gate.clear()
    session.train(RunConfig())
    session.stop()
    assert session.state == "idle"
    jobs.engine_gate.set()
    qtbot.waitUntil(lambda: session.engine is not None and session.threads == 0)
    assert jobs.runs == []


def test_what_makes_no_sense_is_refused_in_words(qtbot: Any, session: Session) -> None:
    with pytest.raises(CandlecastError, match="no prices"):
        session.train(RunConfig())
    loaded(qtbot, session)
    session.train(RunConfig())
    with pytest.raises(CandlecastError, match="still at work"):
        session.train(RunConfig())
    qtbot.waitUntil(lambda: session.state == "training")
    with pytest.raises(CandlecastError, match="still at work"):
        session.load(["B"])


def test_a_fault_in_training_is_told_and_ends_idle(
    qtbot: Any, session: Session, jobs: FakeJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(panel: Panel, config: RunConfig, should_stop: Stop, **_more: Any) -> Iterator[Event]:
        yield epoch(0)
        raise RuntimeError("planted")

    monkeypatch.setattr("forecasting.jobs.train", broken)
    loaded(qtbot, session)
    _states, _events, failures = heard(session)
    session.train(RunConfig())
    qtbot.waitUntil(lambda: bool(failures))
    assert session.state == "idle"
    assert "planted" in failures[0].details
    assert [item.epoch for item in session.history] == [0]


def test_the_pulse_rests_when_nothing_runs(qtbot: Any, session: Session) -> None:
    beats: list[None] = []
    loaded(qtbot, session)
    qtbot.waitUntil(lambda: not session.pulsing)
    session.frame_due.connect(lambda: beats.append(None))
    session.request_repaint()
    qtbot.waitUntil(lambda: not session.pulsing)
    assert len(beats) == 1


def test_close_ends_every_thread(qtbot: Any, session: Session) -> None:
    loaded(qtbot, session)
    session.train(RunConfig())
    qtbot.waitUntil(lambda: session.state == "training")
    assert session.threads == 1
    assert session.close()
    assert session.threads == 0


def test_select_checks_the_place(qtbot: Any, session: Session) -> None:
    loaded(qtbot, session, "A", "B")
    session.select(1)
    assert session.series is not None
    assert session.series.symbol == "B"
    with pytest.raises(IndexError):
        session.select(2)


def test_cycles_are_freed_in_the_thread_of_the_window_only(
    qtbot: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    def wasteful(*_args: object, **_files: object) -> Iterator[Event]:
        for _ in range(20_000):
            Cycle()
        yield Notice("done")

    freed: list[int] = []
    gc.enable()
    monkeypatch.setattr("forecasting.jobs.train", wasteful)
    loaded(qtbot, session)
    qtbot.waitUntil(lambda: session.threads == 0)
    for _ in range(50):
        weakref.finalize(Cycle(), lambda: freed.append(threading.get_ident()))
    session.train(RunConfig())
    qtbot.waitUntil(lambda: session.state == "idle" and session.threads == 0)
    qtbot.waitUntil(gc.isenabled)
    gc.disable()
    gc.collect()
    assert len(freed) == 50
    assert set(freed) == {threading.get_ident()}


def test_whoever_asked_for_prices_hears_of_their_end(
    session: Session, jobs: FakeJobs, qtbot: Any
) -> None:
    heard: list[str] = []

    def listen(references: list[str]) -> None:
        loading = session.load(references)
        name = references[0]
        loading.loaded.connect(lambda: heard.append(f"{name} loaded, {session.state}"))
        loading.failed.connect(lambda failure: heard.append(failure.message))

    jobs.load_gate.clear()
    listen(["superseded"])
    listen(["cancelled"])
    session.cancel()
    assert session.loading is None
    listen(["good", "bad"])
    jobs.load_gate.set()
    qtbot.waitUntil(lambda: session.state == "idle")
    listen(["bad"])
    qtbot.waitUntil(lambda: session.state == "idle")
    assert heard == ["good loaded, idle", "bad cannot be read."]


def test_what_trainings_leave_is_bounded(qtbot: Any) -> None:
    session, prices = Session(), walk("AAA")
    left: list[dict[str, Any]] = []
    for number in range(20):
        made = run(prices)
        left.append({name: weakref.ref(item) for name, item in made.outcomes.items()})
        session.watched = TrainingHistory(made.config, number)
        session.watched.take(ForecastMade(made.forecasts, 1))
        session._keep(RunFinished(made, None))  # type: ignore[arg-type]
    del made
    gc.collect()
    alive = [{name for name, item in items.items() if item() is not None} for items in left]
    assert alive[-1] == {"GRU", "random-walk"}
    assert alive[12:-1] == [{"GRU"}] * 7
    assert alive[:12] == [set()] * 12
    assert [len(item.replay) for item in session.earlier] == [0] * 7 + [1]
