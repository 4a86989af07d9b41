"""A training on screen: state, loss and forecast while it runs, and its result once it has ended."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.session import Session
from app.window.layout import Layout
from forecasting.events import ForecastMade, Progress, SplitMade
from forecasting.series import Forecast

#: Seconds between two live drawings: more often than that only slows the training down.
_LOSS_S, _FORECAST_S = 0.1, 0.3


class Running(QObject):
    """Shows the run at hand, or the last one that has finished, in the chart and the panels.

    Parameters
    ----------
    session : Session
    layout : Layout
        Its chart, training and results panels are filled from here.
    """

    def __init__(self, session: Session, layout: Layout) -> None:
        super().__init__(layout)
        self._session = session
        self._chart, self._training, self._results = layout.chart, layout.training, layout.results
        self._docks = layout.docks
        self._epochs_shown = 0
        self._forecast_shown: ForecastMade | None = None
        self._loss_pace, self._forecast_pace = Pace(_LOSS_S), Pace(_FORECAST_S)

    @property
    def live(self) -> bool:
        """Whether a training is under way."""
        return self._session.task == "training" and self._session.running

    def enter(self, state: str, words: str) -> None:
        """Say what goes on with a training; once it begins, its panel comes to the front."""
        self._training.show_state(words, running=True)
        self._training.show_progress(Progress(0, 0, words))
        if state == "training":
            self._docks["training"].raise_()
            self.show_run()

    def show_split(self, split: SplitMade) -> None:
        """Show what is learnt from, in figures and in the chart."""
        self._training.show_split(split)
        self._chart.show_split(split if self._session.shown_is_trained else None)

    def show_progress(self, progress: Progress) -> None:
        """Show how far the training is."""
        if self.live:
            self._training.show_state(progress.message, running=True)
            self._training.show_progress(progress)

    def show_result(self) -> None:
        """Bring the results to the front."""
        self._docks["results"].raise_()

    def show_run(self) -> None:
        """Show all that is known of the run at hand, or else of the last one that has finished."""
        session, live = self._session, self.live
        result = session.finished.result if session.finished and not live else None
        split, history = (result.split, result.history) if result else (session.split, session.history)
        own = session.shown_is_trained
        forecasts = result.forecasts if result else session.forecast.forecasts if session.forecast else ()
        self._chart.show_split(split if own else None)
        self._chart.show_forecast(
            self._own(forecasts), baseline=self._own(result.baseline_forecasts) if result else None, final=result is not None
        )
        self._chart.show_outcomes(next(iter(result.outcomes.values())) if result and own else None)
        self._results.show_result(result)
        self._training.show_split(split)
        self._training.show_history(history)
        self._epochs_shown, self._forecast_shown = len(history), session.forecast
        if not live and history:
            self._training.show_state(self.tr("Finished") if result else self.tr("Ended without a result"), running=False)
        elif not live:
            self._training.clear()
        session.nudge()

    def draw(self) -> None:
        """Take over what has changed since the last drawing, as often as it is worth it."""
        session = self._session
        if self.live and len(session.history) != self._epochs_shown and self._loss_pace.due():
            self._epochs_shown = len(session.history)
            self._training.show_history(session.history)
        if self.live and session.forecast is not self._forecast_shown and self._forecast_pace.due():
            self._forecast_shown = session.forecast
            self._chart.show_forecast(self._own(session.forecast.forecasts if session.forecast else ()), final=False)
        self._training.chart.refresh()

    def _own(self, forecasts: Sequence[Forecast]) -> Forecast | None:
        """Return the forecast of the selected series."""
        series = self._session.series
        shown = series.symbol if series and self._session.shown_is_trained else ""
        return next((one for one in forecasts if one.symbol == shown), None)


class Pace:
    """Tells whether it is time again.

    Parameters
    ----------
    seconds : float
        Least time between two times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def due(self) -> bool:
        """Whether the time has come; asking with that answer starts the next wait."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
