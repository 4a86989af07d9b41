"""What came of a training: the judgement on its test part, or what to do to get one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget

from app.number_format import duration
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.late import Late
from forecasting.events import RunResult

if TYPE_CHECKING:
    from app.features.evaluation.evaluation_view import EvaluationView
    from app.features.evaluation.score_table import ScoreTable


def named(symbols: Sequence[str]) -> str:
    """Name the series of a run: one, two, or the first and how many more."""
    return (
        " and ".join(symbols) if len(symbols) < 3 else f"{symbols[0]} and {len(symbols) - 1} more"
    )


def _evaluation_view() -> EvaluationView:
    from app.features.evaluation.evaluation_view import EvaluationView

    return EvaluationView()


class ResultsPanel(QStackedWidget):
    """The judgement on a training, or the empty state.

    Attributes
    ----------
    late : Late
        Builds the judgement when it is first needed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "results",
            self.tr("No results yet"),
            self.tr("After training, the network is judged here beside the random walk."),
        )
        self.late = Late(_evaluation_view)
        self.addWidget(self._empty)
        self.addWidget(self.late)

    @property
    def judged(self) -> EvaluationView:
        """The judgement."""
        return self.late.content

    @property
    def table(self) -> ScoreTable:
        """The scores."""
        return self.judged.table

    def show_result(self, result: RunResult | None, *, predicted: bool = False) -> None:
        """Show a finished run; None shows the empty state, and why there is no judgement on what
        a saved network has ``predicted``.
        """
        heading = self.tr("Not judged") if predicted else ""
        text = self.tr(
            "A saved network made this forecast. Train here to see how such a network compares "
            "with the random walk."
        )
        self._empty.tell(heading, text)
        self.setCurrentIndex(0 if result is None else 1)
        if result is not None:
            judged = (result.verdict, result.scores, result.outcomes, self._how_it_ran(result))
            self.judged.show_judged(*judged, result.profiles, result.lacking)
            self.judged.show_data(result.panel, result.left_out)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.late.set_theme(theme)

    def _how_it_ran(self, result: RunResult) -> str:
        info = result.info
        why = {
            "epochs": self.tr("all epochs done"),
            "early": self.tr("no better loss any more"),
            "user": self.tr("stopped by you"),
        }
        words = self.tr(
            "{series}: {n} epochs in {time} on {device}, best at {best}, seed {seed}: {why}."
        )
        return words.format(
            series=named(result.panel.symbols),
            n=info.epochs,
            time=duration(info.seconds),
            device=info.device,
            best=info.best_epoch,
            seed=info.seed,
            why=why[info.stopped],
        )
