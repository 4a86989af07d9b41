"""Past forecasts in the chart: those of the latest test, all at once or one by one against what
happened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.actions import Actions
from app.charts.price import PriceChart
from app.features.backtest.controller import BacktestController, Tested
from app.features.evaluation.panel import ResultsPanel
from app.features.past_forecasts.navigator import PastForecastNavigator
from app.session import Session
from forecasting.events import RunResult
from forecasting.series import Floats, Forecast, Ints, Outcomes

if TYPE_CHECKING:
    from app.features.evaluation.days import Day

#: Commands that jump to some days.
_JUMP_ACTIONS = {"past_worst": "worst", "past_best": "best", "past_outside": "outside"}


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
    results : ResultsPanel
        Its judgements lead to days.

    Attributes
    ----------
    notified : Signal
        Message and hint: there is no such day.
    """

    notified = Signal(str, str)

    def __init__(
        self,
        session: Session,
        chart: PriceChart,
        stepper: PastForecastNavigator,
        actions: Actions,
        backtest_controller: BacktestController,
        results: ResultsPanel,
    ) -> None:
        super().__init__(chart)
        self._session, self._backtest_controller = session, backtest_controller
        self._chart, self._stepper = chart, stepper
        self._results = results
        self._commands = tuple(
            actions[name] for name in ("past_previous", "past_next", "past_play", *_JUMP_ACTIONS)
        )
        self._jump = ""
        self._order: Ints = np.empty(0, np.int64)
        self._tested_last = False
        self._run: RunResult | None = None
        self._test: Tested | None = None
        self._judged: Outcomes | None = None
        self._outcomes: Outcomes | None = None
        self._places: Ints = np.empty(0, np.int64)
        self._at: int | None = None
        self._stepper.step_requested.connect(self.step)
        self._stepper.close_requested.connect(self._close)
        self._stepper.index_requested.connect(self._show_in_order)
        self._stepper.jump_requested.connect(self.jump)
        self._stepper.future_hidden.connect(self._hide_future)
        for action, steps in zip(self._commands[:2], (-1, 1), strict=True):
            action.triggered.connect(self._stepping(steps))
        actions["past_play"].triggered.connect(self.play)
        for name, jump in _JUMP_ACTIONS.items():
            actions[name].triggered.connect(partial(self.jump, jump))
        backtest_controller.finished.connect(self.show_past)
        results.changed.connect(self._judgement_changed)
        for late in (results.late, results.late_tested):
            late.once_built(lambda view: view.day_chosen.connect(self.show_day))

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
        if not self._order.size:
            return
        here = self._order.size if self._at is None else self._at
        index = max(0, here + steps)
        if index < self._order.size:
            self._show_in_order(index)
        elif self._stepper.playing:
            self._stepper.play(on=False)
        else:
            self.leave()

    def play(self) -> None:
        """Play the past forecasts from the one at hand on, from the first one where none or the
        last one is shown; or wait.
        """
        if self._stepper.playing or not self._order.size:
            self._stepper.play(on=False)
            return
        if self._at is None or self._at >= self._order.size - 1:
            self._show_in_order(0)
        self._stepper.play(on=True)

    def jump(self, name: str, _checked: bool = False) -> None:
        """Go through some days only, the first of them at once: ``worst``, ``best``, ``outside``;
        "" goes through all of them, from the one at hand on.
        """
        here = None if self._at is None else int(self._order[self._at])
        self._go_through(name)
        if not self._order.size:
            self._go_through("")
            self.notified.emit(
                self.tr("No day to jump to"), self.tr("No past forecast is of that kind.")
            )
            return
        same = np.flatnonzero(self._order == (-1 if here is None else here))
        self._show_in_order(int(same[0]) if same.size and not name else 0)

    def show_day(self, day: Day) -> None:
        """Show the forecast of a day that was picked in a judgement, on the chart of its series."""
        self._judgement_changed()
        if self._session.series is None or self._session.series.symbol != day.symbol:
            self._select(day.symbol)
        self._go_to(day)

    def show_judged(self, outcomes: Outcomes, day: Day) -> None:
        """Show the forecast of a day among those that another program made, of the shown series,
        in place of the own ones until the user leaves them.
        """
        self._judged = outcomes
        self.show_past()
        self._go_to(day)

    def _go_to(self, day: Day) -> None:
        if self._outcomes is None:
            return
        found = np.flatnonzero(self._outcomes.cutoff[self._places] == day.cutoff)
        series = self._session.series
        if found.size and series is not None and series.symbol == day.symbol:
            self.show_index(int(found[0]))

    def _select(self, symbol: str) -> None:
        """Show another series of the watchlist, where it is there."""
        for index, row in enumerate(self._session.watchlist.rows):
            if row.series is not None and row.series.symbol == symbol:
                self._session.select(index)
                return

    def _judgement_changed(self) -> None:
        """Take the past forecasts of the judgement that is shown."""
        self._judged = None
        self._latest()
        self._tested_last = self._results.which == "backtest"
        self.show_past()

    def _go_through(self, name: str) -> None:
        """Choose the days that are gone through, of the shown series."""
        self._jump, self._at = name, None
        self._order = np.arange(self._places.size)
        if name and self._outcomes is not None:
            from app.features.evaluation.days import JUMPS

            self._order = JUMPS[name](self._outcomes.take(self._places))

    def _hide_future(self, hidden: bool) -> None:
        self._chart.hide_future(hidden)
        self._session.request_repaint()

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
        if self._jump:
            self._go_through("")
        self._show_in_order(index)

    def _show_in_order(self, index: int) -> None:
        """Show one of the days that are gone through."""
        if not 0 <= index < self._order.size:
            return
        self._at = index
        outcomes, number = self._outcomes, int(self._places[self._order[index]])
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
        self._show(forecast, outcomes.y[number], index, self._order.size)

    def show_one(self, forecast: Forecast, y: Floats) -> None:
        """Show a forecast of another origin, such as one of the journal, against what happened
        [H].
        """
        self._at = None
        self._show(forecast, y, 0, 1)

    def leave(self) -> None:
        """Show all past forecasts again."""
        self._at = None
        self._stepper.play(on=False)
        self._go_through("")
        self._stepper.hide()
        self._chart.show_origin(None)
        self._session.request_repaint()

    def _close(self) -> None:
        """Show all past forecasts of the own network again."""
        self._judged = None
        self.leave()
        self.show_past()

    def _show(self, forecast: Forecast, y: Floats, index: int, count: int) -> None:
        self._stepper.show_origin(forecast, y, index, count, self._jump)
        self._chart.show_origin(forecast)
        self._session.request_repaint()

    def _latest(self) -> Outcomes | None:
        """Return the network's outcomes of the last test, or those of another program that a
        judgement led to since.
        """
        tested, run = self._backtest_controller.tested, self._session.result
        if tested is not self._test:
            self._test, self._tested_last = tested, tested is not None
            self._judged = None
        if run is not self._run:  # one that has ended, or an earlier one that is shown again
            self._run, self._tested_last = run, False
            self._judged = None
        if self._judged is not None:
            return self._judged
        live = self._session.task == "training" and self._session.running
        ran = run.outcomes if run and not live and self._session.shown_is_trained else {}
        walked = tested.result.outcomes if tested else {}
        choices = (walked, ran) if self._tested_last else (ran, walked)
        return next((next(iter(item.values())) for item in choices if item), None)

    def _stepping(self, steps: int) -> Callable[[], None]:
        return lambda: self.step(steps)
