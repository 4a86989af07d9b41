"""The search panel: what is searched at the left; trials, plots and the verdict at the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.parallel_coordinates import ParallelCoordinates
from app.charts.search import BestSoFarChart, ImportanceBars, TrialPoint
from app.features.search.choice import SearchBudget, SearchScope
from app.features.search.table import TrialsTable
from app.theme import Theme, icon
from app.widgets.empty_state import EmptyState
from app.widgets.form_builder import SettingsForm
from app.widgets.form_scroll import FormScroll
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.steady_label import TimeLeftLabel
from forecasting.events import Progress

if TYPE_CHECKING:
    from forecasting.search import TrialEnded

#: Least height of table and plots in pixels.
_LOWEST = 84
#: Largest width of the list of views in pixels.
_VIEW = 220


class SearchPanel(QWidget):
    """Shows a search; everything is decided by the controller.

    Attributes
    ----------
    search_requested, arena_requested, resume_requested, stop_requested : Signal
        A button was pressed.
    pause_requested : Signal
        True to wait, False to go on.
    use_requested, open_requested : Signal
        Number of a trial whose settings are to be used, or that is to be opened as a run.
    """

    search_requested = Signal()
    arena_requested = Signal()
    resume_requested = Signal()
    stop_requested = Signal()
    pause_requested = Signal(bool)
    use_requested = Signal(int)
    open_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._budget: SettingsForm[SearchBudget] = SettingsForm(SearchBudget)
        self._scope: SettingsForm[SearchScope] = SettingsForm(SearchScope)
        self._resumable, self._ready = 0, False
        self._states: dict[int, str] = {}
        self._make_buttons()
        self._empty = EmptyState(
            "settings",
            self.tr("No settings tried yet"),
            self.tr(
                "Search tries settings on the bars before the test part, then looks at that part "
                "once. Try all sets every network beside the others."
            ),
        )
        self._headline, self._bar = QLabel(), QProgressBar(textVisible=False)
        self._headline.setProperty("role", "heading")
        self._bar.setAccessibleName(self.tr("Progress of the search"))
        self._bar.setMaximumHeight(8)
        self._time = TimeLeftLabel()
        self._time.setProperty("role", "muted")
        self._verdict = text_label(selectable=True)
        self.table = TrialsTable(self.tr("Trials"))
        self.best, self.by_time = BestSoFarChart(), BestSoFarChart(by_time=True)
        self.parallel, self.importance = ParallelCoordinates(), ImportanceBars()
        self.view, self._pages = QComboBox(), QStackedWidget()
        self.view.setAccessibleName(self.tr("What is shown"))
        self.view.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.view.setMinimumContentsLength(6)
        self.view.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.view.setMaximumWidth(_VIEW)
        for title, page in (
            (self.tr("Trials"), self.table),
            (self.tr("Best so far"), self.best),
            (self.tr("Loss by time"), self.by_time),
            (self.tr("Parallel coordinates"), _scrolled(self.parallel)),
            (self.tr("Importance"), self.importance),
        ):
            self.view.addItem(title)
            self._pages.addWidget(page)
        self._stage = QStackedWidget()
        self._stage.addWidget(self._empty)
        self._stage.addWidget(self._right())
        fill(QHBoxLayout(self), self._left(), (self._stage, 1), margins=(0, 0, 0, 0), spacing=0)
        self._wire()
        self.show_choice(SearchBudget(), SearchScope())
        self.show_running(running=False, stopping=False, ready=False)

    def budget(self) -> SearchBudget:
        """Return when the search ends; ConfigError where a value is outside its limits."""
        return self._budget.settings()

    def scope(self) -> SearchScope:
        """Return what is searched."""
        return self._scope.settings()

    def show_choice(self, budget: SearchBudget, scope: SearchScope) -> None:
        """Fill the forms."""
        self._budget.show_settings(budget)
        self._scope.show_settings(scope)

    def show_running(self, *, running: bool, stopping: bool, ready: bool) -> None:
        """Enable what makes sense."""
        self._ready = ready
        for button in (self.search_button, self.arena_button, self.resume_button):
            button.setEnabled(ready)
        self.stop_button.setEnabled(running and not stopping)
        self.stop_button.setText(self.tr("Stopping…") if stopping else self.tr("&Stop"))
        self.pause_button.setEnabled(running and not stopping)
        if not running:
            self.pause_button.setChecked(False)
        self._budget.setEnabled(not running)
        self._scope.setEnabled(not running)
        self._bar.setVisible(running)
        self._time.setVisible(running)
        self._enable()

    def offer_resume(self, trials: int) -> None:
        """Offer to go on with a search that was cut short after so many trials; 0 for none."""
        self._resumable = trials
        self.resume_button.setText(self.tr("&Go on ({n} trials)").format(n=trials))
        self.resume_button.setVisible(trials > 0)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar and tell how far it is."""
        self._stage.setCurrentIndex(1)
        self._headline.setText(progress.message)
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._time.show_left(progress.eta_s)

    def show_headline(self, text: str) -> None:
        """Say what is shown, or what goes on."""
        self._headline.setText(text)
        self._headline.setToolTip(text)

    def show_verdict(self, sentences: Sequence[str]) -> None:
        """Show what the search came to."""
        self._verdict.setText(" ".join(sentences))
        self._verdict.setVisible(bool(sentences))
        self._headline.setVisible(not sentences)

    def show_trials(
        self,
        trials: Sequence[TrialEnded],
        points: Sequence[TrialPoint],
        baselines: Mapping[str, float],
        unit: str,
    ) -> None:
        """Show all trials so far in the table and the plots."""
        self._states = {trial.number: trial.state for trial in trials}
        if trials:
            self._stage.setCurrentIndex(1)
        self.table.show_trials(trials, baselines, unit)
        for chart in (self.best, self.by_time):
            chart.show_trials(points, baselines, unit)
        self.parallel.show_trials(points, unit)
        self._enable()

    def show_importance(self, shares: Mapping[str, float], note: str) -> None:
        """Show how much each setting matters."""
        self.importance.show_importance(shares, note)

    def show_idle(self) -> None:
        """Say what can be done."""
        self._stage.setCurrentIndex(0)

    def summary(self) -> str:
        """Return what the panel says."""
        return f"{self._headline.text()} {self._verdict.text()}".strip()

    def refresh(self) -> None:
        """Repaint the plots."""
        for chart in (self.best, self.by_time):
            chart.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        for part in (self._empty, self.best, self.by_time, self.parallel, self.importance):
            part.set_theme(theme)
        on_accent = replace(theme, text=theme.on_accent)
        self.search_button.setIcon(icon("settings", on_accent))
        self.arena_button.setIcon(icon("compare", theme))
        self.stop_button.setIcon(icon("stop", theme))
        self.pause_button.setIcon(icon("pause", theme))

    def _make_buttons(self) -> None:
        self.search_button = QPushButton(self.tr("S&earch"))
        self.arena_button = QPushButton(self.tr("&Try all"))
        self.resume_button = QPushButton()
        self.pause_button, self.stop_button = QPushButton(self.tr("&Pause")), QPushButton()
        self.use_button = QPushButton(self.tr("&Use these settings"))
        self.open_button = QPushButton(self.tr("&Open"))
        self.open_button.setAccessibleName(self.tr("Open as a run"))
        self.search_button.setProperty("primary", True)
        self.pause_button.setCheckable(True)
        tips = {
            self.search_button: self.tr("Try settings around those of the Model panel"),
            self.arena_button: self.tr(
                "Try every network, with and without each group of inputs, in the time given"
            ),
            self.resume_button: self.tr("Go on with the search that was cut short"),
            self.stop_button: self.tr("End here, and look at the test part with the best so far"),
            self.pause_button: self.tr("Begin nothing more until it is released"),
            self.use_button: self.tr("Put the settings of the selected trial into the Model panel"),
            self.open_button: self.tr(
                "Open as a run: train the selected trial again, judged on the validation "
                "blocks; the test part is not looked at"
            ),
        }
        for button, tip in tips.items():
            button.setToolTip(tip)
            button.setIconSize(QSize(16, 16))

    def _wire(self) -> None:
        self.view.currentIndexChanged.connect(self._pages.setCurrentIndex)
        for button, signal in (
            (self.search_button, self.search_requested),
            (self.arena_button, self.arena_requested),
            (self.resume_button, self.resume_requested),
            (self.stop_button, self.stop_requested),
        ):
            button.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
        self.pause_button.toggled.connect(self.pause_requested)
        self.use_button.clicked.connect(lambda: self.use_requested.emit(self.table.number))
        self.open_button.clicked.connect(lambda: self.open_requested.emit(self.table.number))
        self.table.opened.connect(self._open)
        self.table.selected.connect(self._select)
        self.parallel.chosen.connect(self.table.choose)

    def _open(self, number: int) -> None:
        if self.open_button.isEnabled():
            self.open_requested.emit(number)

    def _select(self, number: int) -> None:
        self.parallel.select(number if number >= 0 else None)
        self._enable()

    def _enable(self) -> None:
        """Make what is done with a trial fit the selected one."""
        state = self._states.get(self.table.number, "")
        self.use_button.setEnabled(self._ready and state in ("complete", "pruned"))
        self.open_button.setEnabled(self._ready and state in ("complete", "pruned"))

    def _left(self) -> QWidget:
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(10, 8, 10, 8), spacing=6)
        width = max(self._budget.label_width, self._scope.label_width)
        for form in (self._budget, self._scope):
            form.set_label_width(width)
        pair, second = QHBoxLayout(), QHBoxLayout()
        fill(pair, (self.search_button, 1), (self.arena_button, 1))
        fill(second, (self.pause_button, 1), (self.stop_button, 1))
        fill(rows, pair, self.resume_button, second, self._budget, self._scope, STRETCH)
        self.offer_resume(0)
        return FormScroll(inside, fixed=True)

    def _right(self) -> QWidget:
        page, top, state = QWidget(), QHBoxLayout(), QHBoxLayout()
        fill(top, (self.view, 2), STRETCH, self.open_button, self.use_button)
        fill(state, (self._headline, 1), self._time)
        self._pages.setMinimumHeight(_LOWEST)
        rows = QVBoxLayout(page)
        rows.setContentsMargins(6, 8, 6, 8)
        rows.setSpacing(6)
        rows.addLayout(top)
        rows.addLayout(state)
        rows.addWidget(self._bar)
        rows.addWidget(self._verdict)
        rows.addWidget(self._pages, 1)
        return page


def _scrolled(chart: ParallelCoordinates) -> QScrollArea:
    """Return a plot that is as wide as its axes need, scrolled where there is less room."""
    area = QScrollArea(widgetResizable=True)
    area.setWidget(chart)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
