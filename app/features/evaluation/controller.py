"""Compute in the background what the views of judgements show, and draw their plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.session import Session
from app.widgets.late import Late
from forecasting.series import Outcomes

if TYPE_CHECKING:
    from app.features.evaluation.evaluation_view import EvaluationView


class EvaluationController(QObject):
    """Gives views of judgements the details that they ask for, and lets their plots be drawn.

    Parameters
    ----------
    session : Session
    views : mapping of str to Late
        By names, each of which has a background task of its own.
    """

    def __init__(self, session: Session, views: Mapping[str, Late[EvaluationView]]) -> None:
        super().__init__(session)
        self._session = session
        self._views = views
        for name, late in views.items():
            late.once_built(partial(self._serve, f"detail-{name}"))
        session.frame_due.connect(self._draw)

    def _serve(self, key: str, view: EvaluationView) -> None:
        view.detail_requested.connect(self._computing(key, view))
        view.changed.connect(self._session.request_repaint)

    def _computing(
        self, key: str, view: EvaluationView
    ) -> Callable[[Mapping[str, Outcomes]], None]:
        def compute(outcomes: Mapping[str, Outcomes]) -> None:
            from app.features.evaluation.details import detail_of

            task = self._session.background.call(detail_of, outcomes, key=key)
            task.returned.connect(view.show_detail)

        return compute

    def _draw(self) -> None:
        for late in self._views.values():
            if late.is_built:
                late.content.refresh()
