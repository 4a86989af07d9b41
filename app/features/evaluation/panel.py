"""What came of a training or a backtest: one judgement page for both, or what to do to get one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QStackedWidget, QToolButton, QWidget

from app.number_format import duration
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.late import Late
from app.widgets.layouts import fill
from forecasting.config import RunConfig
from forecasting.events import BacktestFinished, RunResult
from forecasting.series import Panel, Profile

if TYPE_CHECKING:
    from app.features.evaluation.evaluation_view import EvaluationView
    from app.features.evaluation.score_table import ScoreTable

Which = Literal["training", "backtest"]


def named(symbols: Sequence[str]) -> str:
    """Name the series of a run: one, two, or the first and how many more."""
    return (
        " and ".join(symbols) if len(symbols) < 3 else f"{symbols[0]} and {len(symbols) - 1} more"
    )


def _evaluation_view() -> EvaluationView:
    from app.features.evaluation.evaluation_view import EvaluationView

    return EvaluationView()


def _priced(config: RunConfig) -> bool:
    """Tell whether closes were forecast, which can be bought and sold."""
    return config.task.target_column.strip().lower() == "close"


class _Switch(QWidget):
    """Says whether the judgement is of the training or of the backtest, and changes over.

    Attributes
    ----------
    chosen : Signal
        ``training`` or ``backtest``.
    """

    chosen = Signal(str)

    def __init__(self, which: Which) -> None:
        super().__init__()
        self._which = which
        row = fill(QHBoxLayout(self), margins=(0, 0, 0, 0), spacing=2)
        self._group = QButtonGroup(self)
        texts: dict[Which, tuple[str, str]] = {
            "training": (
                self.tr("Training"),
                self.tr("Judgement on the test part of the training"),
            ),
            "backtest": (self.tr("Backtest"), self.tr("Judgement on the backtest")),
        }
        self.buttons: dict[Which, QToolButton] = {}
        for name, (text, tip) in texts.items():
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.setCheckable(True)
            button.setChecked(name == which)
            button.clicked.connect(self._choose)
            self._group.addButton(button)
            self.buttons[name] = button
            row.addWidget(button)

    def _choose(self) -> None:
        other = next(name for name, button in self.buttons.items() if button.isChecked())
        self.buttons[self._which].setChecked(True)
        if other != self._which:
            self.chosen.emit(other)


class ResultsPanel(QStackedWidget):
    """The judgement on a training or on a backtest, whichever ended last, or the empty state.

    Attributes
    ----------
    late, late_tested : Late
        Build the judgement on the training, and on the backtest, when it is first needed.
    changed : Signal
        The other judgement has come to the front.
    yesterday_requested : Signal
        The button under the verdict of the training was pressed.
    """

    changed = Signal()
    yesterday_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "results",
            self.tr("No results yet"),
            self.tr("After training, the network is judged here beside the random walk."),
        )
        self._result: RunResult | None = None
        self._finished: BacktestFinished | None = None
        self._which: Which = "training"
        self._symbol = ""
        self.late, self.late_tested = Late(_evaluation_view), Late(_evaluation_view)
        self._switches: dict[Which, _Switch] = {}
        self.addWidget(self._empty)
        names: tuple[Which, Which] = ("training", "backtest")
        for late, name in zip(self._lates, names, strict=True):
            late.once_built(partial(self._equip, name))
            self.addWidget(late)

    @property
    def judged(self) -> EvaluationView:
        """The judgement on the training."""
        return self.late.content

    @property
    def tested(self) -> EvaluationView:
        """The judgement on the backtest."""
        return self.late_tested.content

    @property
    def _lates(self) -> tuple[Late[EvaluationView], Late[EvaluationView]]:
        return (self.late, self.late_tested)

    def _equip(self, name: Which, view: EvaluationView) -> None:
        """Give a judgement its switch, and the series that is shown."""
        switch = self._switches[name] = _Switch(name)
        switch.chosen.connect(self.choose)
        view.add_to_head(switch)
        switch.setVisible(self._result is not None and self._finished is not None)
        view.show_symbol(self._symbol)
        if name == "training":
            view.add_to_head(self._yesterday_button())

    def _yesterday_button(self) -> QToolButton:
        button = QToolButton()
        button.setText(self.tr("Is it only yesterday?"))
        button.setToolTip(
            self.tr("Lay the forecast one step ahead over what came and yesterday's value")
        )
        button.clicked.connect(self.yesterday_requested)
        return button

    @property
    def table(self) -> ScoreTable:
        """The scores of the training."""
        return self.judged.table

    @property
    def which(self) -> Which:
        """Whether the judgement at hand is of the training or of the backtest."""
        return self._which

    def choose(self, which: Which) -> None:
        """Show the judgement on the training or on the backtest."""
        self._which = which
        self._show()
        self.changed.emit()

    def show_result(self, result: RunResult | None, *, predicted: bool = False) -> None:
        """Show a finished run; without one the backtest or the empty state, and why there is no
        judgement on what a saved network has ``predicted``.
        """
        heading = self.tr("Not judged") if predicted else ""
        text = self.tr(
            "A saved network made this forecast. Train here to see how such a network compares "
            "with the random walk."
        )
        self._empty.tell(heading, text)
        if result is not None and result is not self._result:
            self._which = "training"
        self._result = result
        self._show()
        if result is not None:
            judged = (result.verdict, result.scores, result.outcomes, self._how_it_ran(result))
            freq = result.panel[0].freq or ""
            self.judged.show_judged(
                *judged, result.profiles, result.lacking, freq, priced=_priced(result.config)
            )
            self.judged.show_data(result.panel, result.left_out)

    def show_tested(
        self,
        finished: BacktestFinished | None,
        panel: Panel | None = None,
        how: str = "",
        profiles: dict[str, Profile] | None = None,
        lacking: str = "",
    ) -> None:
        """Show a finished backtest; None forgets the last one.

        Parameters
        ----------
        finished : BacktestFinished or None
        panel : Panel, optional
            What was tested.
        how : str
            How it came about, in one sentence.
        profiles : dict of str to Profile, optional
            What was stored of an earlier test.
        lacking : str
            Why not all of that can be shown.
        """
        if finished is not None and finished is not self._finished:
            self._which = "backtest"
        self._finished = finished
        self._show()
        if finished is not None and panel is not None:
            judged = (finished.verdict, finished.scores, finished.outcomes, how)
            self.tested.show_judged(
                *judged,
                profiles,
                lacking,
                panel[0].freq or "",
                priced=_priced(finished.config),
            )
            self.tested.show_data(panel, finished.left_out)

    def show_symbol(self, symbol: str) -> None:
        """Let the pictures be of one series."""
        self._symbol = symbol
        for late in self._lates:
            if late.is_built:
                late.content.show_symbol(symbol)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        for late in self._lates:
            late.set_theme(theme)

    def _show(self) -> None:
        """Bring what is chosen to the front, or what there is."""
        there = {"training": self._result is not None, "backtest": self._finished is not None}
        if not there[self._which] and any(there.values()):
            self._which = "backtest" if there["backtest"] else "training"
        self.setCurrentIndex(
            0 if not any(there.values()) else 1 if self._which == "training" else 2
        )
        for switch in self._switches.values():
            switch.setVisible(all(there.values()))

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
