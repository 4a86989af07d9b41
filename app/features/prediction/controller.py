"""A saved network at work again: read from a file, it forecasts what is checked, without
training and without judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePath

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from app import dialogs
from app.actions import Actions
from app.background import Job, Reporting
from app.features.export.controller import MODEL_SUFFIX, ExportController
from app.features.journal.controller import JournalController
from app.preferences import Preferences
from app.session import Session
from forecasting.events import Event, ForecastMade, Notice, Prediction
from forecasting.series import Panel


def is_network(reference: str) -> bool:
    """Whether a file is a saved network, by its name."""
    return PurePath(reference).suffix.lower() == MODEL_SUFFIX


@dataclass(frozen=True)
class ModelForecast(Event):
    """A saved network has forecast; ``notes`` tells what is to be known of it, such as series
    that it was not trained on.
    """

    prediction: Prediction
    path: Path
    notes: tuple[str, ...]


class PredictionController(QObject):
    """Lets saved networks forecast.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    actions : Actions
    export_controller : ExportController
        Asks before an unsaved network gives way.
    journal_controller : JournalController
        Enters the forecasts.
    preferences : Preferences
        Keeps the folder of the last file.

    Attributes
    ----------
    shown : Signal
        A forecast is there to be drawn.
    notified : Signal
        Message and hint: what forecasts, and that it was not judged here.
    refused : Signal
        It could not be done (a CandlecastError).
    """

    shown = Signal()
    notified = Signal(str, str)
    refused = Signal(object)

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        actions: Actions,
        export_controller: ExportController,
        journal_controller: JournalController,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        (
            self._window,
            self._session,
            self._export_controller,
            self._journal_controller,
            self._preferences,
        ) = window, session, export_controller, journal_controller, preferences
        self._action = actions["use_model"]
        self._action.triggered.connect(lambda _checked=False: self.ask())
        session.event_received.connect(self._show)

    def ask(self) -> None:
        """Ask for a file and forecast with the network in it."""
        path = dialogs.ask_network(self._window, self._preferences)
        if path:
            self.open(path)

    def open(self, path: str | Path) -> None:
        """Forecast what is checked with the network of a file, as soon as prices are there: where
        they cannot be loaded, nothing else is forecast instead.
        """
        loading = self._session.loading
        if loading is None:
            self._begin(Path(path))
        else:
            loading.loaded.connect(lambda: self._begin(Path(path)))

    def _begin(self, path: Path) -> None:
        if not self._session.busy and not self._export_controller.may_forget():
            return
        with Reporting(self.refused.emit):
            self._session.begin("forecasting", lambda panel: _forecasting(panel, path))

    def _show(self, event: object) -> None:
        if not isinstance(event, ModelForecast):
            return
        prediction = event.prediction
        self._session.show_prediction(prediction)
        self._journal_controller.keep(prediction.forecasts, prediction.panel, prediction.config)
        self.shown.emit()
        first = prediction.forecasts[0]
        words = self.tr("Forecast by the {model} of {file}: {n} bars from {cutoff} on.")
        hint = self.tr("It was not judged on these prices. The forecast is in the journal.")
        text = words.format(
            model=first.model, file=event.path.name, n=len(first), cutoff=str(first.cutoff)[:10]
        )
        self.notified.emit(text, " ".join((*event.notes, hint)))


def _forecasting(panel: Panel, path: Path) -> Job:
    """Return the job that reads a network and lets it forecast the checked series."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs
        from forecasting.bundle import read_bundle, settings_in

        notes: list[str] = []
        for event in jobs.predict(panel, path):
            if isinstance(event, Notice):
                notes.append(event.message)
            elif isinstance(event, ForecastMade):
                config = settings_in(path, read_bundle(path)[0])
                yield ModelForecast(Prediction(config, panel, event.forecasts), path, tuple(notes))
            else:
                yield event

    return job
