"""The states in which the program can be closed, cancelled, given other prices and told to
train: how each of them is reached.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app import dialogs
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import BacktestConfig, RunConfig

TINY = RunConfig().changed(
    model="gru",
    hidden_size=4,
    input_size=10,
    horizon=3,
    epochs=2,
    batch_size=128,
    test_size=45,
    seed=1,
)
ENDLESS = TINY.changed(epochs=100_000, patience=100_000)
#: What takes its time in a state, so that it is met at work: attribute of a module or of a class of
#: it.
_SLOW = {
    "loading": ("forecasting.jobs.loading", "_series_of"),
    "first batch": ("forecasting.training.trainer", "Trainer.step"),
    "validating": ("forecasting.training.trainer", "Trainer.val_losses"),
    "finishing": ("forecasting.verdict", "judge"),
    "preparing": ("forecasting.jobs.engine", "versions"),
    "backtesting": ("forecasting.training.trainer", "Trainer.val_losses"),
}
_LONGER_S = 0.1


@dataclass
class Scene:
    """A window, and what is needed to bring it into a state.

    Attributes
    ----------
    bench : Workbench
    prices : str
        File of the series that is loaded.
    folder : Path
        For files that are written.
    at_work : threading.Event
        Set as soon as what takes its time has begun.
    """

    bench: Workbench
    prices: str
    folder: Path
    at_work: threading.Event = field(default_factory=threading.Event)

    def train(self, config: RunConfig = ENDLESS) -> None:
        """Press Train."""
        self.bench.model.show_config(config)
        self.bench.actions["train"].trigger()

    def test(self, workers: int) -> None:
        """Press Backtest."""
        self.bench.model.show_config(ENDLESS)
        self.bench.layout.backtest.show_plan(BacktestConfig(step_size=4, refit=4))
        type(self.bench.layout.backtest).workers = property(lambda _panel: workers)  # type: ignore[method-assign, assignment]
        self.bench.backtest_controller.start(resume=False)

    def pause(self) -> None:
        """Press Train, and Pause as soon as that is possible."""
        self.train()
        when(
            lambda: self.bench.session.state == "training",
            self.bench.training_controller.toggle_pause,
        )

    def finish(self) -> None:
        """Press Train, and Stop after some epochs."""
        self.train()
        when(lambda: len(self.bench.session.history) > 2, self.bench.session.stop)

    def ask(self) -> None:
        """Press Train, then let a question stand before the window."""
        self.train()
        when(
            lambda: len(self.bench.session.history) > 2,
            lambda: dialogs.ask_overwrite(self.bench.window, "some.candleproject"),
        )


def when(condition: Callable[[], bool], do: Callable[[], object]) -> None:
    """Do something as soon as a condition holds, while events happen."""
    timer = QTimer(QApplication.instance())

    def look() -> None:
        if condition():
            timer.stop()
            timer.deleteLater()
            do()

    timer.timeout.connect(look)
    timer.start(2)


def _says(scene: Scene, words: str) -> bool:
    return (
        scene.bench.session.progress is not None and words in scene.bench.session.progress.message
    )


def _modal(_scene: Scene) -> bool:
    return QApplication.activeModalWidget() is not None


@dataclass(frozen=True)
class State:
    """How a state is reached, and how it is told."""

    enter: Callable[[Scene], object]
    reached: Callable[[Scene], bool]


STATES = {
    "empty": State(
        lambda s: s.bench.session.remove(range(len(s.bench.session.watchlist))),
        lambda s: s.bench.session.panel is None,
    ),
    "loading": State(lambda s: s.bench.load([s.prices]), lambda s: s.at_work.is_set()),
    "loaded": State(lambda s: s.bench.load([s.prices]), lambda s: s.bench.session.state == "idle"),
    "preparing": State(lambda s: s.train(), lambda s: s.at_work.is_set()),
    "first batch": State(lambda s: s.train(), lambda s: s.at_work.is_set()),
    "training": State(lambda s: s.train(), lambda s: len(s.bench.session.history) > 3),
    "paused": State(lambda s: s.pause(), lambda s: _says(s, "Paused")),
    "validating": State(lambda s: s.train(), lambda s: s.at_work.is_set()),
    "finishing": State(lambda s: s.finish(), lambda s: s.at_work.is_set()),
    "searching": State(
        lambda s: s.bench.training_controller.search_rate(),
        lambda s: s.bench.session.state == "searching",
    ),
    "auditing": State(
        lambda s: s.bench.features["audit"].start(), lambda s: s.bench.session.state == "auditing"
    ),
    "backtesting": State(lambda s: s.test(1), lambda s: s.at_work.is_set()),
    "backtesting in two": State(lambda s: s.test(2), lambda s: _says(s, "at work")),
    "exporting": State(
        lambda s: s.bench.export_controller.ask_export(),
        lambda s: s.bench.export_controller.dialog is not None,
    ),
    "fetching": State(lambda s: s.bench.load(["yahoo:AAPL"]), lambda s: s.at_work.is_set()),
    "importing": State(
        lambda s: s.bench.importer.open(s.prices), lambda s: s.bench.importer.dialog is not None
    ),
    "asking": State(lambda s: s.ask(), _modal),
}


@contextlib.contextmanager
def slowed(state: str, at_work: threading.Event, patience: float = 60) -> Iterator[None]:
    """Let what a state is about take its time, and tell when it begins; what is fetched is
    refused after so many seconds.
    """
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        if state == "fetching":
            _hardly_answered(stack, patch, at_work, patience)
        if state in _SLOW:
            module, name = _SLOW[state]
            *path, last = name.split(".")
            owner: Any = importlib.import_module(module)
            for item in path:
                owner = getattr(owner, item)
            real = getattr(owner, last)

            def slow(*given: Any, **named: Any) -> Any:
                at_work.set()
                time.sleep(_LONGER_S)
                return real(*given, **named)

            patch.setattr(owner, last, slow)
        yield


def _hardly_answered(
    stack: contextlib.ExitStack,
    patch: pytest.MonkeyPatch,
    at_work: threading.Event,
    patience: float,
) -> None:
    import yahoo_server

    server = stack.enter_context(yahoo_server.serving())

    def told() -> str:
        at_work.set()
        server.closing.wait(patience)
        return "404"

    patch.setattr(server, "next_behaviour", told)


def answers(patch: pytest.MonkeyPatch) -> None:
    """Answer every question of a closing window with: never mind."""
    for question in ("ask_close_while_training", "ask_close_while_paused"):
        patch.setattr(dialogs, question, lambda _parent: "discard")
    patch.setattr(dialogs, "ask_close_while_testing", lambda _parent: True)
    patch.setattr(dialogs, "ask_save", lambda _parent: "discard")
    patch.setattr(dialogs, "ask_save_project", lambda _parent, _name: "discard")


# In a process of its own


def run(order: dict[str, Any]) -> int:
    """Start the program, bring it into a state and close it; return its exit status.

    Parameters
    ----------
    order : dict
        ``state`` ("first paint" and "engine starting" beside :data:`STATES`), ``home``, ``prices``,
        ``delay`` in seconds, ``end``: the window is to ``close``, or the program to ``quit``;
        ``careless`` leaves out that threads are ended before the program is.
    """
    from app.__main__ import main

    state, home, at_work = str(order["state"]), Path(order["home"]), threading.Event()
    patch = pytest.MonkeyPatch()
    answers(patch)
    if order.get("careless"):
        patch.setattr("app.session.Session.close", lambda _session, _ms=0: True)
    with slowed(state, at_work):
        opened: list[MainWindow] = []
        real = MainWindow.__init__

        def begun(window: MainWindow, *given: Any) -> None:
            real(window, *given)
            opened.append(window)
            when(lambda: _ready(window, state), enter)

        def enter() -> None:
            bench = opened[0].bench
            if state in STATES:
                assert bench is not None
                scene = Scene(bench, order["prices"], home, at_work)
                at_work.clear()
                STATES[state].enter(scene)
                when(lambda: STATES[state].reached(scene), later)
            else:
                later()

        def later() -> None:
            QTimer.singleShot(int(1000 * order.get("delay", 0.0)), close)

        def close() -> None:
            (home / "closed").write_text(repr(time.monotonic()))
            if state == "exporting":
                QTimer.singleShot(0, leave)
                opened[0].bench.export(home / "chart.pdf")  # type: ignore[union-attr]
            else:
                leave()

        def leave() -> None:
            if order.get("end") == "quit":
                QApplication.closeAllWindows()
            else:
                opened[0].close()

        patch.setattr(MainWindow, "__init__", begun)
        return main([order["prices"]])


def _ready(window: MainWindow, state: str) -> bool:
    """Whether a state can be entered: once prices and engine are there, but for those that come
    before.
    """
    if state == "first paint" or window.bench is None:
        return state == "first paint" and window.isVisible()
    session = window.bench.session
    if state == "engine starting":
        return session.warming
    if state == "preparing":
        return session.panel is not None and session.state == "idle" and session.engine is None
    return session.panel is not None and session.engine is not None and session.threads == 0
