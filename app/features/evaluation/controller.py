"""Judgements in full: what takes a moment to work out of many outcomes is done beside everything
else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from PySide6.QtCore import QObject

from app.background import Failure
from app.features.evaluation.details import Detail, detail_of
from app.features.evaluation.evaluation_view import EvaluationView
from app.session import Session
from forecasting.events import Event
from forecasting.series import Outcomes


class EvaluationController(QObject):
    """Gives views of judgements the details that they ask for, and lets their plots be drawn.

    Parameters
    ----------
    session : Session
    views : mapping of str to JudgedView
        By names, each of which has its own thread at work.
    """

    def __init__(self, session: Session, views: Mapping[str, EvaluationView]) -> None:
        super().__init__(session)
        self._session, self._views = session, views
        for name, view in views.items():
            view.detail_wanted.connect(self._worker(f"detail-{name}"))
            view.changed.connect(session.request_repaint)
        session.event_received.connect(self._show)
        session.background_failed.connect(self._fail)
        session.frame_due.connect(self._draw)

    def _worker(self, name: str) -> Callable[[Mapping[str, Outcomes]], None]:
        return lambda outcomes: self._session.aside(name, lambda _should_stop: _details(outcomes))

    def _show(self, event: object) -> None:
        if isinstance(event, Detail):
            for view in self._views.values():
                view.show_detail(event)

    def _fail(self, name: str, failure: Failure) -> None:
        if name.removeprefix("detail-") in self._views:
            self._session.failed.emit(failure)

    def _draw(self) -> None:
        for view in self._views.values():
            view.refresh()


def _details(outcomes: Mapping[str, Outcomes]) -> Generator[Event, None, None]:
    yield from detail_of(outcomes)
