"""How the training goes: epoch and time left, what can be done about it, and views of losses,
gradients, memory and advice.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.loss import LossChart
from app.charts.memory import Trace
from app.features.training.replay import Scrubber
from app.features.training.views import DiagnosticsPage, GradientView, LossView, MemoryView
from app.theme import Theme, icon
from app.widgets.empty_state import EmptyState
from app.widgets.labels import text_label
from app.widgets.late import Late
from app.widgets.layouts import STRETCH, fill
from app.widgets.steady_label import TimeLeftLabel
from forecasting.events import Diagnosis, EpochEnd, Progress, SplitMade, StepNorms


class TrainingPanel(QStackedWidget):
    """Progress, views and replay of the run at hand, or of the last one.

    Attributes
    ----------
    pause_requested, longer_requested, view_changed : Signal
        The button that pauses or goes on, or trains for longer, was pressed; another view, or
        another look at one, is wanted.
    remedy_requested : Signal
        A remedy that the doctor advises is to be taken.
    losses, gradients, memory, doctor
        The views.
    scrubber : Scrubber
    """

    pause_requested = Signal()
    longer_requested = Signal()
    view_changed = Signal()
    remedy_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._empty = EmptyState(
            "loss",
            self.tr("Nothing trained yet"),
            self.tr("Press Train: the loss and the forecast move while the network learns."),
        )
        self._losses, self._gradients, self._memory = (
            Late(self._loss_view),
            Late(self._gradient_view),
            Late(self._memory_view),
        )
        self.doctor = DiagnosticsPage()
        self.doctor.remedy_requested.connect(self.remedy_requested)
        self.scrubber = Scrubber()
        self._bar = QProgressBar(textVisible=False)
        self._bar.setAccessibleName(self.tr("Progress of the training"))
        full = QWidget()
        rows = QVBoxLayout(full)
        rows.setContentsMargins(10, 4, 10, 6)
        rows.setSpacing(4)
        rows.addLayout(self._top())
        rows.addWidget(self._bar)
        rows.addWidget(self._views, 1)
        rows.addWidget(self.scrubber)
        self.addWidget(self._empty)
        self.addWidget(full)

    @property
    def losses(self) -> LossView:
        """The view of the losses."""
        return self._losses.content

    @property
    def gradients(self) -> GradientView:
        """The view of the gradients."""
        return self._gradients.content

    @property
    def memory(self) -> MemoryView:
        """The view of how far back the network learns."""
        return self._memory.content

    @property
    def chart(self) -> LossChart:
        """The plot of the losses."""
        return self.losses.chart

    def clear(self) -> None:
        """Show the empty state."""
        self.show_history(())
        self.setCurrentIndex(0)

    def show_state(self, headline: str, *, running: bool) -> None:
        """Say in words what goes on; the bar is there only while something runs."""
        self.setCurrentIndex(1)
        self._headline.setText(headline)
        self.doctor.show_running(running)
        self._bar.setVisible(running)
        if not running:
            self._time.clear()

    def show_control(self, *, pausing: bool, paused: bool, longer: bool) -> None:
        """Offer what can be done: pause or go on with a training, or make a finished one longer."""
        self._pause.setVisible(pausing or paused)
        self._pause.setChecked(paused)
        self._pause.setText(self.tr("Continue") if paused else self.tr("Pause"))
        if self._theme is not None:
            self._pause.setIcon(icon("train" if paused else "pause", self._theme))
        self._longer.setVisible(longer)

    def show_progress(self, progress: Progress) -> None:
        """Move the bar and tell the time left."""
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._time.show_left(progress.eta_s)

    def show_split(self, split: SplitMade | None) -> None:
        """Tell how much there is to learn from, and how much can be learnt."""
        if split is not None or self._losses.is_built:
            self.losses.show_split(split)

    def show_history(self, history: Sequence[EpochEnd]) -> None:
        """Show all epochs so far, and the figures of the last one."""
        if history or self._losses.is_built:
            self.losses.show_history(history)
        if history or self._gradients.is_built:
            self.gradients.show_history(history)

    def show_steps(self, steps: Sequence[StepNorms]) -> None:
        """Show the gradient norms of all steps so far."""
        if steps or self._gradients.is_built:
            self.gradients.show_steps(steps)

    def show_memory(self, shown: Trace | None, earlier: Sequence[Trace]) -> None:
        """Show how far back the run learns; ``earlier`` runs, oldest first, may be laid beside
        it.
        """
        if shown is not None or earlier or self._memory.is_built:
            self.memory.show_traces(shown, earlier)

    def show_advice(self, advice: Sequence[Diagnosis]) -> None:
        """Show what the gradient doctor has said, oldest first; its tab tells how much that is."""
        self.doctor.show_advice(advice)
        self._tabs.setTabText(
            3, self.tr("Doctor ({n})").format(n=len(advice)) if advice else self.tr("Doctor")
        )

    def show_view(self, place: int) -> None:
        """Bring a view to the front: 0 losses, 1 gradients, 2 memory, 3 the doctor."""
        self._tabs.setCurrentIndex(place)

    def refresh(self) -> None:
        """Repaint the chart in front, if it has changed."""
        part = self._views.currentWidget()
        if isinstance(part, Late) and part.is_built:
            part.content.chart.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.doctor.set_theme(theme)
        for part in (self._losses, self._gradients, self._memory):
            part.set_theme(theme)
        self._theme = theme
        self._pause.setIcon(icon("train" if self._pause.isChecked() else "pause", theme))
        self._longer.setIcon(icon("plus", theme))

    def _look(self, _value: object) -> None:
        """Tell that another view, or another look at one, is wanted."""
        self.view_changed.emit()

    def _loss_view(self) -> LossView:
        view = LossView()
        view.log.toggled.connect(self._look)
        return view

    def _gradient_view(self) -> GradientView:
        view = GradientView()
        view.log.toggled.connect(self._look)
        view.layers.toggled.connect(self._look)
        return view

    def _memory_view(self) -> MemoryView:
        view = MemoryView()
        view.curves.toggled.connect(self._look)
        view.compare.activated.connect(self._look)
        return view

    def _top(self) -> QHBoxLayout:
        self._headline = text_label(role="heading", wrap=False)
        self._time = TimeLeftLabel()
        self._time.setProperty("role", "muted")
        self._pause, self._longer = QToolButton(), QToolButton()
        self._pause.setCheckable(True)
        self._pause.setToolTip(self.tr("Let the training wait, or go on (Ctrl+P)"))
        self._pause.clicked.connect(self.pause_requested)
        self._longer.setText(self.tr("Train longer"))
        self._longer.setToolTip(
            self.tr(
                "Go on with this training for as many more epochs as the form says (Ctrl+Shift+T)"
            )
        )
        self._longer.clicked.connect(self.longer_requested)
        for button in (self._pause, self._longer):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIconSize(QSize(14, 14))
        self._tabs, self._views = QTabBar(), QStackedWidget()
        self._tabs.setAccessibleName(self.tr("Views of the training"))
        self._tabs.setExpanding(False)
        self._tabs.setDrawBase(False)
        views: tuple[QWidget, ...] = (self._losses, self._gradients, self._memory, self.doctor)
        names = (self.tr("Loss"), self.tr("Gradients"), self.tr("Memory"), self.tr("Doctor"))
        for name, view in zip(names, views, strict=True):
            self._tabs.addTab(name)
            self._views.addWidget(view)
        self._tabs.currentChanged.connect(self._views.setCurrentIndex)
        self._tabs.currentChanged.connect(self._look)
        top = fill(QHBoxLayout(), spacing=8)
        for part in (self._headline, self._pause, self._longer, self._time):
            top.addWidget(part)
        fill(top, STRETCH, self._tabs)
        self.show_control(pausing=False, paused=False, longer=False)
        return top
