"""Whole candles of the shown forecast: drawn by a task aside, and put on the chart."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal

from app.background import Failure, Job
from app.features.spec import FeatureContext, FeatureController
from forecasting.errors import CandlecastError, DataError
from forecasting.events import Event, ForecastMade, RunFinished
from forecasting.series import Forecast, PriceSeries

if TYPE_CHECKING:
    from forecasting.paths.candles import Candles

_TASK = "whole-candles"
#: Milliseconds that a change of what is shown rests.
_REST_MS = 150


@dataclass(frozen=True, eq=False)
class _Made:
    """Candles of a forecast of a series."""

    series: PriceSeries
    forecast: Forecast
    candles: Candles


class WholeCandlesController(FeatureController):
    """Stands between the switch, the forecast that the chart shows, and the chart.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    drawn : Signal
        Whether the forecast of the shown run is drawn as candles.
    """

    drawn = Signal(bool)

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._chart, self._action = context.chart, context.actions["whole_candles"]
        self._made: _Made | None = None
        self._asked: Forecast | None = None
        self._run: tuple[Forecast, ...] | None = None
        self._following = False
        box = context.model.candles_box
        for switch in (self._action, box):
            switch.setChecked(self._preferences.whole_candles)
        box.toggled.connect(self._action.setChecked)
        self._action.toggled.connect(box.setChecked)
        self._action.toggled.connect(self._switch)
        self._soon = QTimer(self, singleShot=True, interval=_REST_MS)
        self._soon.timeout.connect(self.show)
        session = self._session
        session.event_received.connect(self._take_event)
        for signal in (session.selected_changed, session.list_changed, session.state_changed):
            signal.connect(lambda *_state: self._soon.start())
        self._soon.start()

    def show(self) -> None:
        """Show the candles of the forecast that the chart shows; make them where they are not
        there yet.
        """
        self._follow_run()
        series, forecast = self._session.series, self._forecast()
        made = self._made
        fits = made is not None and made.series.has_bars_of(series) and made.forecast is forecast
        shown = fits and self._action.isChecked()
        candles = made.candles if shown and made is not None else None
        if candles is not self._chart.forecasts.candles.candles:
            self._chart.show_candles(candles)
        run = self._run or ()
        if any(item is forecast for item in run) and (shown or not self._action.isChecked()):
            self.drawn.emit(shown)
        if fits or not self._action.isChecked() or series is None or forecast is None:
            return
        if self._asked is forecast or self._session.busy or _refusal(series, forecast):
            return
        self._asked = forecast
        task = self._session.background.run(_drawing(series, forecast), _TASK)
        task.returned.connect(self._take)
        task.failed.connect(self._fail)

    def _forecast(self) -> Forecast | None:
        """Return the final forecast of the shown series, also of an earlier run or a saved
        network; None where there is none.
        """
        series, layers = self._session.series, self._chart.forecasts
        forecast = layers.forecast if layers.final else None
        same = series is not None and forecast is not None and forecast.symbol == series.symbol
        return forecast if same else None

    def _follow_run(self) -> None:
        """Draw another run as it was drawn before, or as the user prefers; without one the switch
        says what the user prefers.
        """
        result = self._session.result
        run = None if result is None else result.forecasts
        if run is not self._run:
            drawn = result is not None and result.candles
            self._following = True
            self._action.setChecked(drawn or self._preferences.whole_candles)
            self._following = False
        self._run = run

    def _switch(self, on: bool) -> None:
        if self._following:
            return
        self._preferences.whole_candles = on
        series, forecast = self._session.series, self._forecast()
        self._asked = None
        if on and series is not None and forecast is not None:
            refusal = _refusal(series, forecast)
            if refusal is not None:
                self.refused.emit(refusal)
        elif on:
            self.notified.emit(
                self.tr("Candles are drawn as soon as there is a forecast."),
                self.tr("Train a network first."),
            )
        self.show()
        self._session.request_repaint()

    def _take_event(self, event: object) -> None:
        if isinstance(event, ForecastMade | RunFinished):
            self._soon.start()

    def _take(self, made: object) -> None:
        if isinstance(made, _Made):
            self._made = made
        self.show()
        self._session.request_repaint()

    def _fail(self, failure: Failure) -> None:
        self.refused.emit(CandlecastError(failure.message, failure.hint))


def _refusal(series: PriceSeries, forecast: Forecast) -> DataError | None:
    """Return why a forecast has no candles, None where it has."""
    from forecasting.paths.candles import check_forecast

    try:
        check_forecast(series, forecast)
    except DataError as error:
        return error
    return None


def _drawing(series: PriceSeries, forecast: Forecast) -> Job:
    """Return the job that makes the candles of a forecast."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, _Made]:
        from forecasting import jobs

        return _Made(series, forecast, (yield from jobs.candles_of(series, forecast, should_stop)))

    return job
