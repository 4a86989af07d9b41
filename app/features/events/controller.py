"""The switch of the View menu that shows or hides the marks of events."""

from __future__ import annotations

from app.charts.event_marks import EVENTS
from app.features.spec import FeatureContext, FeatureController


class EventsController(FeatureController):
    """Stands between the switch and the chart, which hides marks as it hides entries of its legend.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._chart, self._action = context.chart, context.actions["events"]
        self._connect("events", lambda: self._chart.toggle(EVENTS))
        self._chart.look_changed.connect(self._mark)
        self._mark()

    def _mark(self) -> None:
        self._action.setChecked(EVENTS not in self._chart.hidden)
