"""Forecast from any bar of the chart, as its context menu offers it."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu

from app.background import Failure, Job
from app.charts.price import PriceChart
from app.features.past_forecasts.controller import PastForecastController
from app.session import Session
from forecasting.events import Event, ForecastMade, Saveable
from forecasting.series import Floats, Forecast, Panel, PriceSeries

_KEY = "from_here"


class ForecastFromHere(QObject):
    """Shows what would have been forecast at a bar, against what happened.

    A forecast of the last test is shown where one was made at that bar. Otherwise the trained
    network forecasts anew from the bars up to there; without a network the latest forecast of the
    test before that bar is shown.

    Parameters
    ----------
    session : Session
    chart : PriceChart
    past_forecasts : PastForecastController
        Shows it.

    Attributes
    ----------
    notified : Signal
        Message and hint: what is to be known of the forecast, or why there is none.
    """

    notified = Signal(str, str)

    def __init__(
        self, session: Session, chart: PriceChart, past_forecasts: PastForecastController
    ) -> None:
        super().__init__(chart)
        self._session, self._chart, self._past = session, chart, past_forecasts
        chart.menu_requested.connect(self._fill_menu)

    def _fill_menu(self, menu: QMenu, bar: int, _price: float) -> None:
        first = menu.actions()[0] if menu.actions() else None
        action = menu.addAction(self.tr("&Forecast from here"))
        if first is not None:  # it stands first, whoever else has added entries
            menu.insertAction(first, action)
        loaded = self._chart.mapping.bar(bar)
        why = self._refusal(loaded)
        action.setEnabled(not why)
        action.setToolTip(why or self.tr("Show what the network says of this bar's future"))
        action.triggered.connect(lambda: self.show(loaded))

    def _refusal(self, bar: int) -> str:
        """Return why nothing can be forecast from a loaded bar, "" where it can."""
        series = self._session.series
        if series is None or not series.has_bars_of(self._chart.loaded):
            return self.tr("Wait until the series is loaded")
        if self._session.running:
            return self.tr("Wait until what runs has ended")
        if self._session.finished is None and self._past.index_at(_date(series, bar)) is None:
            return self.tr("Train a network or test one through history first")
        return ""

    def show(self, bar: int) -> None:
        """Show the forecast that was or would have been made at the close of a loaded bar."""
        series = self._session.series
        if series is None or self._refusal(bar):
            return
        date = _date(series, bar)
        index = self._past.index_at(date)
        finished = self._session.finished
        if index is not None and (finished is None or self._past.cutoff(index) == date):
            self._past.show_index(index)
            return
        assert finished is not None
        cutoff = min(max(bar, 0), len(series) - 1)
        job = _forecasting(series.head(cutoff + 1), finished.forecaster)
        task = self._session.background.run(job, _KEY)
        task.returned.connect(lambda forecast: self._take(series, forecast))
        task.failed.connect(self._fail)

    def _take(self, series: PriceSeries, forecast: object) -> None:
        if not isinstance(forecast, Forecast) or not series.has_bars_of(self._session.series):
            return
        self._past.show_one(forecast, _happened(series, forecast))
        split = self._session.result.split if self._session.result is not None else None
        if split is None or not self._session.shown_is_trained:
            return
        if forecast.cutoff < split.test_start:
            part = (
                self.tr("learned from")
                if forecast.cutoff < split.val_start
                else self.tr("was chosen by")
            )
            self.notified.emit(
                self.tr("The network {part} what followed this day.").format(part=part),
                self.tr("How near this forecast came says nothing of its skill."),
            )

    def _fail(self, failure: Failure) -> None:
        self.notified.emit(failure.message, failure.hint)


def _date(series: PriceSeries, bar: int) -> np.datetime64:
    date: np.datetime64 = series.ds[min(max(bar, 0), len(series) - 1)]
    return date


def _happened(series: PriceSeries, forecast: Forecast) -> Floats:
    """Return the closes [H] of the bars that were forecast, NaN where there is none yet."""
    closes = np.full(len(forecast), np.nan)
    start = int(np.searchsorted(series.ds, forecast.cutoff, side="right"))
    known = series.y[start : start + closes.size]
    closes[: known.size] = known
    return closes


def _forecasting(series: PriceSeries, forecaster: Saveable) -> Job:
    """Return the job that lets a network forecast from the end of a series."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, Forecast | None]:
        from forecasting import jobs

        for event in jobs.predict(Panel((series,)), forecaster):  # type: ignore[arg-type]
            if isinstance(event, ForecastMade):
                return event.forecasts[0]
            yield event
        return None

    return job
