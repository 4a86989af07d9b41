"""How a training is steered beside its start and end: pause and go on, make it longer, take up
one that was cut short.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QMainWindow

from app.actions import Actions
from app.background import Failure
from app.features.model.panel import ModelPanel
from app.features.training.learning_rate_dialog import LearningRateDialog
from app.features.training.panel import TrainingPanel
from app.features.training.resume_bar import ResumeBar
from app.features.watchlist.controller import WatchlistController
from app.session import Session
from app.theme import LIGHT, Theme
from forecasting import jobs
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import EngineReady, LearningRatesTried, TrainingKept

#: Debounce of the cost estimate: it is asked for this many milliseconds after the last change.
_REST_MS = 300


class TrainingController(QObject):
    """Stands between what steers a training and the session.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    offer : ResumeBar
    training : TrainingPanel
    model : ModelPanel
    actions : Actions
    watchlist_controller : WatchlistController
        Loads the series of a training that was cut short.
    report : callable
        Takes an error that is to be shown.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        offer: ResumeBar,
        training: TrainingPanel,
        model: ModelPanel,
        actions: Actions,
        watchlist_controller: WatchlistController,
        report: Callable[[Failure | BaseException], None],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._actions, self._watchlist_controller, self._report = (
            window,
            session,
            actions,
            watchlist_controller,
            report,
        )
        self._offers: list[TrainingKept] = []
        self._theme = LIGHT
        self._rates: LearningRateDialog | None = None
        self._soon = QTimer(self, singleShot=True, interval=_REST_MS)
        self._soon.timeout.connect(self._estimate)
        self._offer, self._training, self._model = offer, training, model
        self._training.pause_requested.connect(self.toggle_pause)
        self._training.longer_requested.connect(self.train_longer)
        actions["pause"].triggered.connect(lambda _checked=False: self.toggle_pause())
        actions["longer"].triggered.connect(lambda _checked=False: self.train_longer())
        self._offer.accept_requested.connect(self.resume)
        self._offer.discard_requested.connect(self.discard)
        self._offer.later_requested.connect(self._later)
        actions["undo"].triggered.connect(lambda _checked=False: model.history.undo())
        actions["redo"].triggered.connect(lambda _checked=False: model.history.redo())
        model.history.changed.connect(self._enable_undo)
        self._model.rate_requested.connect(self.search_rate)
        self._model.config_changed.connect(self._rest)
        session.list_changed.connect(self._rest)
        session.list_changed.connect(self._suit)
        session.event_received.connect(self._hear)
        session.state_changed.connect(self._show_state)
        self._show_state()

    def start(self) -> None:
        """Look for trainings that were cut short."""
        task = self._session.background.run(lambda _stop: jobs.unfinished(), "unfinished")
        task.yielded.connect(self._add_offer)
        task.failed.connect(self._report)

    def toggle_pause(self) -> None:
        """Let the training wait, or go on."""
        self._session.pause(self._session.state == "training")

    def train_longer(self) -> None:
        """Go on with the finished training for as many epochs as the form says."""
        if not self._session.can_train_on:
            return
        self._attempt(lambda: self._session.train_on(self._model.config().train.epochs))

    def search_rate(self) -> None:
        """Look for a learning rate with the settings of the form."""
        self._attempt(self._begin_search)

    def _begin_search(self) -> None:
        config = self._model.config()
        self._session.begin(
            "searching", lambda panel: lambda stop: jobs.find_learning_rate(panel, config, stop)
        )

    def _enable_undo(self) -> None:
        self._actions["undo"].setEnabled(self._model.history.can_undo)
        self._actions["redo"].setEnabled(self._model.history.can_redo)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self._rates is not None:
            self._rates.set_theme(theme)

    def resume(self) -> None:
        """Load the series of the training that is offered, then go on with it."""
        if not self._offers:
            return
        kept = self._offers[0]
        self._model.show_config(kept.config)
        if self._is_loaded(kept):
            self._go_on(kept)
        elif (loading := self._watchlist_controller.load(kept.sources)) is not None:
            loading.loaded.connect(lambda: self._go_on(kept))

    def discard(self) -> None:
        """Throw the training that is offered away."""
        if self._offers:
            with contextlib.suppress(OSError):
                self._offers.pop(0).path.unlink(missing_ok=True)
        self._show_offer()

    def _later(self) -> None:
        self._offers.clear()
        self._show_offer()

    def _hear(self, event: object) -> None:
        if isinstance(event, LearningRatesTried):
            self._show_rates(event)
        elif isinstance(event, EngineReady):
            self._rest()  # what was asked before it was ready has no answer

    def _add_offer(self, left: TrainingKept) -> None:
        """Offer to go on with a training that was cut short."""
        self._offers.append(left)
        self._show_offer()

    def _show_rates(self, tried: LearningRatesTried) -> None:
        if self._rates is not None:
            self._rates.close()
        self._rates = LearningRateDialog(self._window, tried, self._theme)
        self._rates.rate_requested.connect(self._take_rate)
        self._rates.destroyed.connect(self._rates_closed)
        self._rates.show()

    def _rates_closed(self) -> None:
        self._rates = None

    def _take_rate(self, rate: float) -> None:
        self._attempt(
            lambda: self._model.show_config(self._model.config().changed(learning_rate=rate))
        )

    def _suit(self) -> None:
        """Let the form know which series are loaded: defaults depend on their kind."""
        self._model.suit(self._session.panel)

    def _rest(self) -> None:
        """Restart the timer that asks for the cost estimate."""
        self._soon.start()

    def _estimate(self) -> None:
        """Ask what the settings cost, once they rest; a window that is closing asks nothing
        more.
        """
        if not self._window.isVisible():
            return
        try:
            config = self._model.config()
        except ConfigError as error:
            self._model.show_fault(error)
            return
        task = self._session.run_while_idle(
            lambda panel: lambda _stop: jobs.estimate(panel, config), "cost"
        )
        if task is not None:
            task.yielded.connect(self._model.show_cost)
            task.failed.connect(self._not_estimated)

    def _not_estimated(self, failure: Failure) -> None:
        """Say beside the settings why they cannot be trained with; anything unexpected is reported
        like every fault.
        """
        if failure.details:
            self._report(failure)
        else:
            self._model.show_fault(failure)

    def _show_state(self) -> None:
        session, state = self._session, self._session.state
        training = session.task == "training"
        pausing, paused = training and state == "training", state == "paused"
        self._training.show_control(
            pausing=pausing, paused=paused, longer=not session.busy and session.can_train_on
        )
        self._enable_undo()
        self._show_offer()
        if state == "idle":
            self._rest()

    def _show_offer(self) -> None:
        self._offer.show_offer(
            self._offers[0] if self._offers and not self._session.running else None,
            len(self._offers),
        )

    def _is_loaded(self, kept: TrainingKept) -> bool:
        """Whether the very series of the training are there and checked."""
        panel = self._session.panel
        return not self._session.busy and panel is not None and panel.symbols == kept.symbols

    def _go_on(self, kept: TrainingKept) -> None:
        """Check the series of the training and start it; what could not be loaded has been told
        already.
        """
        session = self._session
        if kept not in self._offers:
            return
        wanted = [
            index
            for index, row in enumerate(session.watchlist.rows)
            if row.series is not None and row.symbol in kept.symbols
        ]
        if len(wanted) < len(kept.symbols):
            return
        self._offers.remove(kept)
        self._show_offer()
        if session.panel is None or session.panel.symbols != kept.symbols:
            session.check(range(len(session.watchlist)), False)
            session.check(wanted, True)
        self._attempt(lambda: session.train(kept.config, kept.path))

    def _attempt(self, do: Callable[[], None]) -> None:
        try:
            do()
        except (CandlecastError, ConfigError) as error:
            self._report(error)
