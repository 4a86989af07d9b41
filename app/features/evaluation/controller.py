"""Compute in the background what the views of judgements show, and draw their plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.background import Failure
from app.preferences import Preferences
from app.session import Session
from app.widgets.late import Late
from forecasting.errors import CandlecastError
from forecasting.series import Outcomes

if TYPE_CHECKING:
    from app.features.evaluation.earned_tab import EarnedTab, Trading
    from app.features.evaluation.evaluation_view import EvaluationView
    from forecasting.trading_rules import RulesJudged


class EvaluationController(QObject):
    """Gives views of judgements the details that they ask for, and lets their plots be drawn.

    Parameters
    ----------
    session : Session
    views : mapping of str to Late
        By names, each of which has a background task of its own.
    preferences : Preferences
        Has the folder of the last file.
    """

    def __init__(
        self,
        session: Session,
        views: Mapping[str, Late[EvaluationView]],
        preferences: Preferences,
    ) -> None:
        super().__init__(session)
        self._session, self._preferences = session, preferences
        self._views = views
        for name, late in views.items():
            late.once_built(partial(self._serve, name))
        session.frame_due.connect(self._draw)

    def _serve(self, name: str, view: EvaluationView) -> None:
        view.detail_requested.connect(self._computing(f"detail-{name}", view))
        view.changed.connect(self._session.request_repaint)
        view.earned.trading_requested.connect(self._trading(f"rules-{name}", view.earned))
        view.earned.export_requested.connect(partial(self._export, view))

    def _computing(
        self, key: str, view: EvaluationView
    ) -> Callable[[Mapping[str, Outcomes]], None]:
        def compute(outcomes: Mapping[str, Outcomes]) -> None:
            from app.features.evaluation.details import detail_of

            task = self._session.background.call(detail_of, outcomes, key=key)
            task.returned.connect(view.show_detail)

        return compute

    def _trading(self, key: str, tab: EarnedTab) -> Callable[[Trading], None]:
        from app.features.evaluation.earned_tab import trade_rules

        def trade(trading: Trading) -> None:
            task = self._session.background.call(trade_rules, trading, key=key)
            task.returned.connect(tab.show_rules)
            task.failed.connect(lambda failure: self._not_traded(tab, failure))

        return trade

    def _not_traded(self, tab: EarnedTab, failure: Failure) -> None:
        tab.show_fault(failure.message, failure.hint)
        if failure.details:
            self._session.failed.emit(failure)

    def _export(self, view: EvaluationView, judged: RulesJudged) -> None:
        """Ask for a file and write every bar of the rules to it."""
        from app.dialogs import ask_save_path
        from app.export.tables import write_table

        kinds = {".csv": "CSV", ".parquet": "Parquet"}
        path = ask_save_path(view, self._preferences, self.tr("Save table"), "rules", kinds)
        if not path:
            return
        try:
            write_table(path, judged.columns())
        except CandlecastError as error:
            view.earned.show_note(f"{error.message} {error.hint}")
        else:
            view.earned.show_note(self.tr("Wrote {path}").format(path=path))

    def _draw(self) -> None:
        for late in self._views.values():
            if late.is_built:
                late.content.refresh()
