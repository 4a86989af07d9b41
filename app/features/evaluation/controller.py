"""Compute in the background what the views of judgements show, and draw their plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject

from app.features.evaluation.details import detail_of
from app.features.evaluation.evaluation_view import EvaluationView
from app.session import Session
from forecasting.series import Outcomes


class EvaluationController(QObject):
    """Gives views of judgements the details that they ask for, and lets their plots be drawn.

    Parameters
    ----------
    session : Session
    views : mapping of str to EvaluationView
        By names, each of which has a background task of its own.
    """

    def __init__(self, session: Session, views: Mapping[str, EvaluationView]) -> None:
        super().__init__(session)
        self._session = session
        self._views = views
        for name, view in views.items():
            view.detail_requested.connect(self._computing(f"detail-{name}", view))
            view.changed.connect(session.request_repaint)
        session.frame_due.connect(self._draw)

    def _computing(
        self, key: str, view: EvaluationView
    ) -> Callable[[Mapping[str, Outcomes]], None]:
        def compute(outcomes: Mapping[str, Outcomes]) -> None:
            task = self._session.background.call(detail_of, outcomes, key=key)
            task.returned.connect(view.show_detail)

        return compute

    def _draw(self) -> None:
        for view in self._views.values():
            view.refresh()
