"""Whole candles of the shown forecast: drawn by a task aside, and put on the chart."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QTimer

from app.background import Failure, Job
from app.features.spec import FeatureContext, FeatureController
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, DataError
from forecasting.events import Event, ForecastMade, RunFinished
from forecasting.series import Forecast, Panel, PriceSeries

if TYPE_CHECKING:
    from forecasting.paths.candles import Candles

_TASK = "whole-candles"
_PATHS = 5000
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
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._chart, self._action = context.chart, context.actions["whole_candles"]
        self._made: _Made | None = None
        self._asked: Forecast | None = None
        box = context.model.candles_box
        for switch in (self._action, box):
            switch.setChecked(self._preferences.whole_candles)
        box.toggled.connect(self._action.setChecked)
        self._action.toggled.connect(box.setChecked)
        self._action.toggled.connect(self._switch)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REST_MS)
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
        series, forecast = self._session.series, self._forecast()
        made = self._made
        fits = made is not None and made.series.has_bars_of(series) and made.forecast is forecast
        shown = fits and self._action.isChecked()
        candles = made.candles if shown and made is not None else None
        if candles is not self._chart.forecasts.candles.candles:
            self._chart.show_candles(candles)
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

    def _switch(self, on: bool) -> None:
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
    if not series.has_range:
        return DataError(
            f"{series.symbol} has no open, high and low, of which candles are made.",
            "Load bars with all four prices.",
        )
    known = int(np.searchsorted(series.ds, forecast.cutoff, side="right"))
    if known == 0 or not np.isclose(series.y[known - 1], forecast.y0):
        return DataError(
            f"The forecast of {series.symbol} is none of closes, of which candles are made.",
            "Train with the close as what is forecast.",
        )
    return None


def _drawing(series: PriceSeries, forecast: Forecast) -> Job:
    """Return the job that makes the candles of a forecast."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, _Made | None]:
        from forecasting import jobs
        from forecasting.paths.candles import CandlesMade

        plan = jobs.PathsPlan(forecasts=(forecast,), n_paths=_PATHS)
        for event in jobs.candles(Panel((series,)), RunConfig(), plan, should_stop):
            if isinstance(event, CandlesMade):
                return _Made(series, forecast, event.candles[0])
        yield from ()
        return None

    return job
