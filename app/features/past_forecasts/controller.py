"""Past forecasts in the chart: those of the latest test, all at once or one by one against what
happened.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject

from app.actions import Actions
from app.charts.price import PriceChart
from app.features.backtest.controller import BacktestController, Tested
from app.features.past_forecasts.navigator import PastForecastNavigator
from app.session import Session
from forecasting.events import RunResult
from forecasting.series import Floats, Forecast, Ints, Outcomes


class PastForecastController(QObject):
    """Chooses which past forecasts the chart shows.

    Parameters
    ----------
    session : Session
    chart : PriceChart
    stepper : PastForecastNavigator
    actions : Actions
        Has the commands.
    backtest_controller : BacktestController
        Has the last backtest.
    """

    def __init__(
        self,
        session: Session,
        chart: PriceChart,
        stepper: PastForecastNavigator,
        actions: Actions,
        backtest_controller: BacktestController,
    ) -> None:
        super().__init__(chart)
        self._session, self._backtest_controller = session, backtest_controller
        self._chart, self._stepper = chart, stepper
        self._commands = (actions["past_previous"], actions["past_next"])
        self._tested_last = False
        self._run: RunResult | None = None
        self._test: Tested | None = None
        self._outcomes: Outcomes | None = None
        self._places: Ints = np.empty(0, np.int64)
        self._at: int | None = None
        self._stepper.step_requested.connect(self.step)
        self._stepper.close_requested.connect(self.leave)
        for action, steps in zip(self._commands, (-1, 1), strict=True):
            action.triggered.connect(self._stepping(steps))
        backtest_controller.finished.connect(self.show_past)

    def show_past(self) -> None:
        """Show the past forecasts of the series at hand: of the backtest or of the training's
        test part, whichever ended last.
        """
        outcomes, series = self._latest(), self._session.series
        if outcomes is not None:
            self._chart.show_outcomes(outcomes)
        symbol = series.symbol if series else ""
        mine = (
            np.flatnonzero(outcomes.symbol == symbol)
            if outcomes is not None
            else np.empty(0, np.int64)
        )
        indices = (
            mine[np.argsort(outcomes.cutoff[mine], kind="stable")] if outcomes is not None else mine
        )
        if outcomes is not self._outcomes or not np.array_equal(indices, self._places):
            self._outcomes, self._places = outcomes, indices
            self.leave()
        for action in self._commands:
            action.setEnabled(bool(indices.size))
        self._session.request_repaint()

    def step(self, steps: int) -> None:
        """Go some forecasts back or on; from all of them to the latest, and after the latest
        back to all.
        """
        if not self._places.size:
            return
        here = self._places.size if self._at is None else self._at
        index = max(0, here + steps)
        if index >= self._places.size:
            self.leave()
        else:
            self.show_index(index)

    def index_at(self, date: np.datetime64) -> int | None:
        """Return which of the past forecasts of the shown series is the latest one that was made
        by a date; None where none was.
        """
        if self._outcomes is None or not self._places.size:
            return None
        cutoffs = self._outcomes.cutoff[self._places]
        found = int(np.searchsorted(cutoffs, date, side="right")) - 1
        return found if found >= 0 else None

    def cutoff(self, index: int) -> np.datetime64:
        """Return the date by which a past forecast was made."""
        assert self._outcomes is not None
        made: np.datetime64 = self._outcomes.cutoff[self._places[index]]
        return made

    def show_index(self, index: int) -> None:
        """Show one of the past forecasts of the shown series, counted from the oldest."""
        self._at = index
        outcomes, number = self._outcomes, int(self._places[index])
        assert outcomes is not None
        forecast = Forecast(
            str(outcomes.symbol[number]),
            outcomes.model,
            outcomes.cutoff[number],
            float(outcomes.y0[number]),
            outcomes.ds[number],
            outcomes.quantiles,
            outcomes.values[number],
            outcomes.mean[number] if outcomes.mean.size else None,
        )
        self._show(forecast, outcomes.y[number], index, self._places.size)

    def show_one(self, forecast: Forecast, y: Floats) -> None:
        """Show a forecast of another origin, such as one of the journal, against what happened
        [H].
        """
        self._at = None
        self._show(forecast, y, 0, 1)

    def leave(self) -> None:
        """Show all past forecasts again."""
        self._at = None
        self._stepper.hide()
        self._chart.show_origin(None)
        self._session.request_repaint()

    def _show(self, forecast: Forecast, y: Floats, index: int, count: int) -> None:
        self._stepper.show_origin(forecast, y, index, count)
        self._chart.show_origin(forecast)
        self._session.request_repaint()

    def _latest(self) -> Outcomes | None:
        """Return the network's outcomes of the last test."""
        tested, run = self._backtest_controller.tested, self._session.result
        if tested is not self._test:
            self._test, self._tested_last = tested, tested is not None
        if run is not self._run:  # one that has ended, or an earlier one that is shown again
            self._run, self._tested_last = run, False
        live = self._session.task == "training" and self._session.running
        ran = run.outcomes if run and not live and self._session.shown_is_trained else {}
        walked = tested.result.outcomes if tested else {}
        choices = (walked, ran) if self._tested_last else (ran, walked)
        return next((next(iter(item.values())) for item in choices if item), None)

    def _stepping(self, steps: int) -> Callable[[], None]:
        return lambda: self.step(steps)
