"""A training on screen: state, loss and forecast while it runs, and its result once it has
ended.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from app.charts.memory import Trace
from app.charts.price import PriceChart
from app.features.evaluation.panel import ResultsPanel, named
from app.features.training.panel import TrainingPanel
from app.layout_presets import LayoutPresets
from app.session import Session
from app.training_history import NOTED, TrainingHistory
from forecasting.events import (
    Diagnosis,
    ForecastMade,
    GradientByLag,
    Progress,
    RunResult,
    SplitMade,
)
from forecasting.series import Forecast

#: Throttle of live repaints, in seconds: more frequent ones only slow the training down.
_LOSS_S, _FORECAST_S = 0.1, 0.3
#: What is read with the doctor and told nowhere else: on prices, every network forgets what is long
#: ago, mostly with good reason.
_CALM = (NOTED, "vanishing")


class RunView(QObject):
    """Shows the run at hand, or the last one that has finished, in the chart and the panels.

    Parameters
    ----------
    session : Session
    chart : PriceChart
    training : TrainingPanel
    results : ResultsPanel
        All three are filled from here.
    presets : LayoutPresets
    """

    def __init__(
        self,
        session: Session,
        chart: PriceChart,
        training: TrainingPanel,
        results: ResultsPanel,
        presets: LayoutPresets,
    ) -> None:
        super().__init__(chart)
        self._session = session
        self._chart, self._training, self._results = chart, training, results
        self._presets = presets
        self._epochs_shown = 0
        self._forecast_shown: ForecastMade | None = None
        self._memory_shown: GradientByLag | None = None
        self._due = self._armed = False
        self._training.scrubber.moved.connect(self._scrubbed)
        self._training.view_changed.connect(session.request_repaint)
        self._loss_pace, self._forecast_pace = Pace(_LOSS_S), Pace(_FORECAST_S)

    @property
    def live(self) -> bool:
        """Whether a training is under way."""
        return self._session.task == "training" and self._session.running

    def enter(self, state: str, words: str) -> None:
        """Say what goes on with a training; once it begins, its panel comes to the front."""
        self._training.show_state(self._named(words), running=True)
        self._training.show_progress(Progress(0, 0, words))
        if state == "training" and not self._session.history:
            self._presets.follow("train")
            self._training.scrubber.follow()
            self.show_run()

    def show_split(self, split: SplitMade) -> None:
        """Show what is learnt from, in figures and in the chart."""
        self._training.show_split(split)
        self._chart.show_split(split if self._session.shown_is_trained else None)

    def show_progress(self, progress: Progress) -> None:
        """Show how far the training is."""
        if self.live:
            self._training.show_state(self._named(progress.message), running=True)
            self._training.show_progress(progress)

    def show_advice(self, advice: Diagnosis) -> bool:
        """Add a piece of advice to the doctor's; True for the first of a training that is worth
        telling at once.
        """
        self.show_notices()
        texts = [item for item in self._session.watched.advice if item.topic not in _CALM]
        return texts[:1] == [advice]

    def show_notices(self) -> None:
        """Show what the training at hand has given notice of beside the doctor's advice."""
        if self.live:
            self._training.show_advice(self._session.watched.advice)

    def show_result(self) -> None:
        """Bring the results to the front."""
        self._presets.follow("judge")

    def show_end(self) -> None:
        """Show what has ended, and its results with the next frame: a window that fills all at
        once would not answer meanwhile.
        """
        self._due, self._armed = self._session.result is not None, False
        self.show_run()

    def show_run(self) -> None:
        """Show all that is known of the run at hand, or else of the last one that has finished."""
        session, live = self._session, self.live
        result = session.result if not live else None
        split, history = (
            (result.split, result.history) if result else (session.split, session.history)
        )
        own = session.shown_is_trained
        self._chart.show_split(split if own else None)
        self._show_moments()
        self._show_forecast()
        if not self._due:
            self._show_judged(result)
        self._training.show_split(split)
        self._training.show_steps(session.seen.steps)
        self._training.show_history(history)
        self._show_memory()
        self._training.show_advice(session.seen.advice)
        self._epochs_shown, self._forecast_shown = len(history), session.forecast
        if not live and history:
            self._training.show_state(
                self._named(self.tr("Finished") if result else self.tr("Ended without a result")),
                running=False,
            )
        elif not live:
            self._training.clear()
        elif session.progress is not None:
            self.show_progress(session.progress)
        session.request_repaint()

    def _show_judged(self, result: RunResult | None) -> None:
        """Show results, and past forecasts in the chart."""
        session, own = self._session, self._session.shown_is_trained
        self._chart.show_outcomes(
            next(iter(result.outcomes.values()), None) if result and own else None
        )
        self._results.show_result(result, predicted=session.predicted is not None)

    def _show_what_is_due(self) -> None:
        """Fill the results in the frame after the one in which the training has ended."""
        if self._due and self._armed:
            self._due = self._armed = False
            self._show_judged(None if self.live else self._session.result)
        elif self._due:
            self._armed = True
        self._session.request_repaint()

    def _named(self, words: str) -> str:
        """Return words on the run; with its series in front while another one is on the chart."""
        panel = self._session.run_panel
        return (
            words
            if panel is None or self._session.shown_is_trained
            else f"{named(panel.symbols)}: {words}"
        )

    def draw(self) -> None:
        """Take over what has changed since the last drawing, as often as it is worth it."""
        session = self._session
        if self._due:
            self._show_what_is_due()
        if self.live and len(session.history) != self._epochs_shown and self._loss_pace.due():
            self._epochs_shown = len(session.history)
            self._training.show_steps(session.watched.steps)
            self._training.show_history(session.history)
        if self.live and session.forecast is not self._forecast_shown and self._forecast_pace.due():
            self._forecast_shown = session.forecast
            self._show_moments()
            if self._training.scrubber.place is None:
                self._show_forecast()
        if self.live and session.watched.memory is not self._memory_shown:
            self._show_memory()
        self._training.refresh()

    def _show_moments(self) -> None:
        """Offer what the scrubber can go to; of series that were not trained nothing."""
        replay, own = self._session.seen.replay, self._session.shown_is_trained
        self._training.scrubber.show_moments(
            replay.epochs if own else (), final=own and bool(replay.final)
        )

    def _show_forecast(self) -> None:
        """Draw the forecast of the moment that the scrubber stands at."""
        session, live, series = self._session, self.live, self._session.series
        result = session.result if not live else None
        baseline = self._own(result.baseline_forecasts) if result else None
        replay, index = session.seen.replay, self._training.scrubber.place
        if index is not None and series is not None and session.shown_is_trained:
            self._chart.show_forecast(
                replay.forecast(index, series.symbol), baseline=baseline, final=True
            )
            return
        if session.predicted is not None and not live:
            forecast = self._own(session.predicted.forecasts)
            saved = (
                replace(forecast, model=self.tr("{model} (saved)").format(model=forecast.model))
                if forecast
                else None
            )
            self._chart.show_forecast(saved, baseline=None, final=True)
            return
        forecasts = (
            result.forecasts if result else session.forecast.forecasts if session.forecast else ()
        )
        self._chart.show_forecast(self._own(forecasts), baseline=baseline, final=result is not None)

    def _scrubbed(self) -> None:
        self._show_forecast()
        self._session.request_repaint()

    def _show_memory(self) -> None:
        """Show the gradients of the run, and of those before it."""
        seen = self._session.seen
        self._memory_shown = seen.memory
        earlier = [
            trace for item in self._session.earlier if item is not seen and (trace := _trace(item))
        ]
        self._training.show_memory(_trace(seen), earlier)

    def _own(self, forecasts: Sequence[Forecast]) -> Forecast | None:
        """Return the forecast of the selected series."""
        series = self._session.series
        shown = series.symbol if series and self._session.shown_is_trained else ""
        return next((item for item in forecasts if item.symbol == shown), None)


def _trace(watched: TrainingHistory) -> Trace | None:
    return Trace(watched.name, watched.memory) if watched.memory is not None else None


class Pace:
    """Throttle repaints: at most one in each interval.

    Parameters
    ----------
    seconds : float
        Least time between two repaints.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def due(self) -> bool:
        """Return whether the interval is over; if so, start the next one."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
