"""Walking forward through history: how it is to be done, how far it is, fold after fold, and the
judgement at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field
from PySide6.QtCore import QLocale, QSize, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.plot import Columns
from app.model_titles import model_title
from app.number_format import duration
from app.theme import Theme, icon
from app.widgets.empty_state import EmptyState
from app.widgets.form_builder import SettingsForm
from app.widgets.form_scroll import FormScroll
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.steady_label import TimeLeftLabel
from app.widgets.table_view import TableView
from forecasting.config import BacktestConfig, Settings
from forecasting.events import BacktestFinished, Event, FoldEnd, Progress


class Crew(Settings):
    """Where folds are run."""

    workers: int = Field(
        0,
        title="Processes",
        description="How many folds are run at once; where a single one is trained this makes no "
        "difference.",
        ge=0,
        le=256,
        json_schema_extra={"unit": "", "advanced": False, "words": {"0": "Automatic"}},
    )


@dataclass(frozen=True, eq=False)
class FoldScored(Event):
    """One fold of a backtest is done.

    Attributes
    ----------
    fold, folds : int
        Which one, counted from 1, and of how many.
    origins : int
    first, last : datetime64
        Cutoffs of its first and last origin.
    crps : dict of str to float
        By model, the network first, in price units.
    """

    fold: int
    folds: int
    origins: int
    first: np.datetime64
    last: np.datetime64
    crps: dict[str, float]

    @classmethod
    def of(cls, end: FoldEnd) -> FoldScored:
        """Score a fold."""
        from forecasting.baselines import PARTS
        from forecasting.metrics import crps

        item = next(iter(end.outcomes.values()))
        scores = {
            name: float(crps(outcomes))
            for name, outcomes in end.outcomes.items()
            if name not in PARTS
        }
        return cls(end.fold, end.folds, len(item), item.cutoff.min(), item.cutoff.max(), scores)


class BacktestPanel(QWidget):
    """The form at the left; at the right what to do, the folds so far, or the judgement.

    Attributes
    ----------
    start_requested : Signal
        Test; True for going on where one was cut short.
    stop_requested, audit_requested, changed : Signal
        A button was pressed; a setting was changed.
    judgement_requested, report_requested : Signal
        The judgement on the last test is to be shown, or to be written as a page.
    """

    start_requested = Signal(bool)
    judgement_requested = Signal()
    report_requested = Signal()
    stop_requested = Signal()
    audit_requested = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._kept = 0
        self._plan: SettingsForm[BacktestConfig] = SettingsForm(BacktestConfig)
        self._crew: SettingsForm[Crew] = SettingsForm(Crew)
        for form in (self._plan, self._crew):
            form.changed.connect(self.changed)
        text = self.tr(
            "Press Backtest: the network forecasts from every past date of the test part, "
            "knowing only what came before it."
        )
        self._empty = EmptyState("backtest", self.tr("Not tested through history yet"), text)
        self._headline, self._bar = QLabel(), QProgressBar()
        self._time = TimeLeftLabel()
        self._planned = text_label(role="muted")
        self._planned.setVisible(False)
        self._no_fold = EmptyState("backtest", self.tr("No fold is finished yet"), "")
        self.folds = TableView(self.tr("Folds"))
        self.judgement_button = QPushButton(self.tr("Show the judgement"))
        self.judgement_button.setToolTip(self.tr("How the test came out, in the Results panel"))
        self.judgement_button.clicked.connect(self.judgement_requested)
        self.report_button = QPushButton(self.tr("Save report…"))
        self.report_button.setToolTip(self.tr("Write the judgement as an HTML page"))
        self.report_button.clicked.connect(self.report_requested)
        self._sentence = text_label(selectable=True)
        self._how = text_label(role="muted", selectable=True)
        self._after = (self._sentence, self._how, self.judgement_button, self.report_button)
        self._stage = QStackedWidget()
        for page in (self._empty, self._running_page()):
            self._stage.addWidget(page)
        fill(QHBoxLayout(self), self._left(), (self._stage, 1), margins=(0, 0, 0, 0), spacing=0)
        self.show_running(running=False, stopping=False, ready=False)
        self.show_folds(())

    def plan(self) -> BacktestConfig:
        """Return how the test is to move; ConfigError where a value is outside its limits."""
        return self._plan.settings()

    @property
    def workers(self) -> int:
        """How many processes share the folds; 0 leaves that to the program."""
        return self._crew.settings().workers

    def show_plan(self, plan: BacktestConfig) -> None:
        """Fill the form."""
        self._plan.show_settings(plan)

    def show_planned(self, sentence: str, *, fault: bool = False) -> None:
        """Say what the test does and about how long it takes, or why it cannot be begun; ""
        where that is not known.
        """
        self._planned.setText(sentence)
        self._planned.setProperty("role", "danger" if fault else "muted")
        self._planned.style().polish(self._planned)
        self._planned.setVisible(bool(sentence))
        self._no_fold.tell(self.tr("No fold is finished yet"), "" if fault else sentence)

    def show_running(self, *, running: bool, stopping: bool, ready: bool) -> None:
        """Enable what makes sense."""
        self.start_button.setEnabled(ready)
        self.fresh_button.setEnabled(ready)
        self.audit_button.setEnabled(ready)
        self.stop_button.setEnabled(running and not stopping)
        self.stop_button.setText(self.tr("Stopping…") if stopping else self.tr("Stop"))
        self._plan.setEnabled(not running)
        self._crew.setEnabled(not running)

    def offer_resume(self, folds: int) -> None:
        """Offer to go on with a test of these prices and settings of which some folds are done;
        0 for none.
        """
        self._kept = folds
        self.start_button.setText(self.tr("Go on") if folds else self.tr("Backtest"))
        many = self.tr("{n} folds of this test are done already: run the others (Ctrl+B)").format(
            n=folds
        )
        self.start_button.setToolTip(
            many if folds else self.tr("Test the network through history (Ctrl+B)")
        )
        self.fresh_button.setVisible(bool(folds))

    def show_idle(self) -> None:
        """Say what to do."""
        self._stage.setCurrentIndex(0)

    def show_state(self, words: str) -> None:
        """Say what goes on, above the folds so far."""
        self._stage.setCurrentIndex(1)
        self._headline.setText(words)
        self._bar.setVisible(True)
        for part in self._after:
            part.setVisible(False)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar and tell the time left."""
        self._headline.setText(progress.message)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._time.show_left(progress.eta_s)

    def show_folds(self, folds: Sequence[FoldScored]) -> None:
        """List the folds that are done, in order of time."""
        columns = self._columns(sorted(folds, key=lambda item: item.fold))
        tips = (
            self.tr("Trained anew for each fold"),
            self.tr("Cutoff of the first forecast"),
            self.tr("Cutoff of the last forecast"),
            self.tr("Forecasts made"),
            self.tr("CRPS in units of the price: lower is better"),
            self.tr("The baseline with the lowest CRPS in this fold"),
            self.tr("How much lower the network's CRPS is than that of the best baseline"),
        )
        self.folds.show_sheet(columns, tips)
        self._no_fold.setVisible(not folds)
        self.folds.setVisible(bool(folds))

    def show_finished(self, finished: BacktestFinished, folds: int) -> str:
        """Say how a test ran, above its folds, and return that; of an earlier test the folds are
        not known.
        """
        how = self._how_it_ran(finished, folds)
        self._stage.setCurrentIndex(1)
        self._headline.setText(self.tr("Tested through history"))
        self._time.setText("")
        self._bar.setVisible(False)
        self._no_fold.setVisible(False)
        self._sentence.setText(finished.verdict.sentence)
        self._how.setText(how)
        for part in self._after:
            part.setVisible(True)
        return how

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self._no_fold.set_theme(theme)
        self.start_button.setIcon(icon("backtest", replace(theme, text=theme.on_accent)))
        self.stop_button.setIcon(icon("stop", theme))
        self.audit_button.setIcon(icon("audit", theme))

    def _columns(self, folds: Sequence[FoldScored]) -> Columns:
        if not folds:
            return {}
        model, *rivals = folds[0].crps
        best = [min(rivals, key=lambda name, item=item: item.crps[name]) for item in folds]  # type: ignore[misc]
        ours, theirs = (
            [item.crps[model] for item in folds],
            [item.crps[name] for item, name in zip(folds, best, strict=True)],
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            skill = 100 * (1 - np.array(ours) / np.array(theirs))
        return {
            self.tr("Fold"): np.array([item.fold for item in folds]),
            self.tr("From"): np.array([item.first for item in folds]),
            self.tr("To"): np.array([item.last for item in folds]),
            self.tr("Origins"): np.array([item.origins for item in folds]),
            f"CRPS {model}": np.array(ours),
            self.tr("Best baseline"): [model_title(name) for name in best],
            self.tr("Skill %"): skill,
        }

    def _how_it_ran(self, finished: BacktestFinished, folds: int) -> str:
        info, number = finished.info, QLocale().toString
        count = len(next(iter(finished.outcomes.values()), ()))
        if not folds:
            words = self.tr("An earlier test: {epochs} epochs in {time} on {device}, seed {seed}.")
            return words.format(
                epochs=number(info.epochs),
                time=duration(info.seconds),
                device=info.device,
                seed=info.seed,
            )
        words = self.tr(
            "{n} forecasts of {folds}, {epochs} epochs in {time} on {device}, seed {seed}{stopped}."
        )
        several = self.tr("{n} folds").format(n=number(folds))
        return words.format(
            n=number(count),
            folds=self.tr("1 fold") if folds == 1 else several,
            epochs=number(info.epochs),
            time=duration(info.seconds),
            device=info.device,
            seed=info.seed,
            stopped=self.tr(": stopped by you, the folds so far") if info.stopped == "user" else "",
        )

    def _left(self) -> QWidget:
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(10, 8, 10, 8), spacing=6)
        width = max(self._plan.label_width, self._crew.label_width)
        for form in (self._plan, self._crew):
            form.set_label_width(width)
            rows.addWidget(form)
        fill(rows, self._planned, self._buttons(), STRETCH)
        return FormScroll(inside, fixed=True)

    def _buttons(self) -> QVBoxLayout:
        self.start_button, self.stop_button = (
            QPushButton(self.tr("Backtest")),
            QPushButton(self.tr("Stop")),
        )
        self.fresh_button, self.audit_button = (
            QPushButton(self.tr("Begin anew")),
            QPushButton(self.tr("Audit for leaks…")),
        )
        self.start_button.setProperty("primary", True)
        self.stop_button.setToolTip(self.tr("Stop and judge the folds so far (Esc)"))
        self.fresh_button.setToolTip(
            self.tr("Drop the folds that are done, and test from the beginning")
        )
        self.audit_button.setToolTip(
            self.tr("Change the future, and see whether any input or forecast before it notices")
        )
        self.start_button.clicked.connect(lambda: self.start_requested.emit(bool(self._kept)))
        self.fresh_button.clicked.connect(lambda: self.start_requested.emit(False))
        self.stop_button.clicked.connect(self.stop_requested)
        self.audit_button.clicked.connect(self.audit_requested)
        rows = fill(QVBoxLayout(), spacing=6)
        pair = fill(QHBoxLayout(), spacing=8)
        for button, stretch in ((self.start_button, 2), (self.stop_button, 1)):
            button.setIconSize(QSize(16, 16))
            pair.addWidget(button, stretch)
        fill(rows, pair, self.fresh_button, self.audit_button)
        self.offer_resume(0)
        return rows

    def _running_page(self) -> QWidget:
        self._headline.setProperty("role", "heading")
        self._time.setProperty("role", "muted")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the backtest"))
        page, top = QWidget(), QHBoxLayout()
        fill(top, (self._headline, 1), self._time)
        rows = fill(QVBoxLayout(page), margins=(10, 8, 10, 8), spacing=6)
        fill(top, self.judgement_button, self.report_button)
        fill(rows, top, self._bar, self._sentence, self._how, (self._no_fold, 1), (self.folds, 1))
        rows.addStretch(0)
        return page
