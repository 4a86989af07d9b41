"""The switch of the View menu that shows or hides the marks of events."""

from __future__ import annotations

from PySide6.QtGui import QAction

from app.charts.event_marks import EVENTS
from app.charts.price import PriceChart
from app.features.spec import FeatureController


class EventsController(FeatureController):
    """Stands between the switch and the chart, which hides marks as it hides entries of its legend.

    Parameters
    ----------
    chart : PriceChart
        The main chart, which the others follow.
    action : QAction
    """

    def __init__(self, chart: PriceChart, action: QAction) -> None:
        super().__init__(chart)
        self._chart, self._action = chart, action
        action.triggered.connect(lambda _checked=False: chart.toggle(EVENTS))
        chart.look_changed.connect(self._mark)
        self._mark()

    def _mark(self) -> None:
        self._action.setChecked(EVENTS not in self._chart.hidden)
