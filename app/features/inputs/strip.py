"""The strip under the candles that shows what moved the forecast, live while a network trains."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from app.background import Failure
from app.charts.price import PriceChart
from app.preferences import Preferences
from app.session import Session
from forecasting import jobs
from forecasting.attribution import Explained, Explanation
from forecasting.events import ForecastMade, RunFinished, SplitMade

_STRIP = "why-strip"


class WhyStripController(QObject):
    """Stands between the switch, the training that explains itself, and the chart.

    Parameters
    ----------
    session : Session
    chart : PriceChart
    action : QAction
        The switch.
    preferences : Preferences

    Attributes
    ----------
    failed : Signal
        A Failure of an explanation.
    """

    failed = Signal(object)

    def __init__(
        self, session: Session, chart: PriceChart, action: QAction, preferences: Preferences
    ) -> None:
        super().__init__(chart)
        self._session, self._chart, self._preferences = session, chart, preferences
        self._found: dict[str, Explanation] = {}
        action.setChecked(preferences.why_strip)
        action.toggled.connect(self._switch)
        session.selected_changed.connect(self.show)
        session.state_changed.connect(lambda _state: self.show())
        session.event_received.connect(self._take)
        self.show()

    def show(self) -> None:
        """Show what moved the forecast of the selected series; explain it where that is not known
        yet.
        """
        series = self._session.series
        symbol = series.symbol if series is not None and self._preferences.why_strip else ""
        self._session.explained = symbol
        self._chart.show_why(self._found.get(symbol))
        finished = self._session.finished
        if not symbol or symbol in self._found or finished is None or self._session.busy:
            return
        panel = finished.result.panel
        if symbol in panel.symbols:
            job = jobs.explain(panel, finished.forecaster, symbols=(symbol,))  # type: ignore[arg-type]
            task = self._session.background.run(lambda _stop: job, _STRIP)
            task.yielded.connect(self._take)
            task.failed.connect(self._fail)

    def _switch(self, on: bool) -> None:
        self._preferences.why_strip = on
        self.show()
        self._session.request_repaint()

    def _take(self, event: object) -> None:
        if isinstance(event, SplitMade | RunFinished) or (
            isinstance(event, ForecastMade) and event.final
        ):
            self._found = {}
            self.show()
        elif isinstance(event, Explained):
            self._found |= {item.symbol: item for item in event.explanations}
            self._chart.show_why(self._found.get(self._session.explained))
            self._session.request_repaint()

    def _fail(self, failure: Failure) -> None:
        self.failed.emit(failure)
