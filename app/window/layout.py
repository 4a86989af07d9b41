"""Where everything stands: the chart in the middle, the panels in docks around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.price import PriceChart
from app.features.chart_grid.grid import ChartGrid
from app.features.drawings.toolbar import DrawingToolbar
from app.features.evaluation.panel import ResultsPanel
from app.features.model.panel import ModelPanel
from app.features.past_forecasts.navigator import PastForecastNavigator
from app.features.project.recovery_bar import RecoveryBar
from app.features.spec import FeatureSpec
from app.features.training.panel import TrainingPanel
from app.features.training.resume_bar import ResumeBar
from app.features.watchlist.panel import DataPanel
from app.layout_presets import LEFT, LayoutPresets
from app.preferences import Preferences
from app.theme import Theme
from app.widgets.banner import Banner
from app.widgets.chart_header import ChartHeader
from app.widgets.empty_state import EmptyState
from app.widgets.late import Late, LatePanels
from app.widgets.layouts import fill
from app.widgets.message_bar import MessageBarStack
from app.widgets.status_line import StatusLine
from app.window.dock_sizes import DockSizes
from app.window.floating import FloatingPanels

if TYPE_CHECKING:
    from app.features.backtest.panel import BacktestPanel
    from app.features.journal.panel import JournalPanel
    from app.features.runs.panel import RunsPanel

#: Width of the window in pixels below which its bars are compact.
_COMPACT = 1100


def _backtest_panel() -> BacktestPanel:
    from app.features.backtest.panel import BacktestPanel

    return BacktestPanel()


def _journal_panel() -> JournalPanel:
    from app.features.journal.panel import JournalPanel

    return JournalPanel()


def _runs_panel() -> RunsPanel:
    from app.features.runs.panel import RunsPanel

    return RunsPanel()


class Layout(QObject):
    """Makes the panels and gives them their places.

    Parameters
    ----------
    window : QMainWindow
    panels_menu : QMenu
        Gets a switch for every dock.
    features : sequence of FeatureSpec
        Those with a panel get a dock below the chart, in their order.

    Attributes
    ----------
    banner, header, stepper, chart, data, model, training, results, status
        The parts.
    late_backtest, late_journal, late_runs
        Build three panels when they are first seen or filled.
    frames : dict of str to QWidget
        What stands in every dock: a panel, or the frame of one that is built late.
    panels : LatePanels
        The panel of every dock, which is built if it is not there yet.
    docks : dict of str to QDockWidget
        ``data``, ``model``, ``training``, ``results``, ``backtest``, ``journal``, ``runs``, and
        those of the features.
    presets : LayoutPresets
    compact_changed : Signal
        The window has become narrow (True), or wide again.
    """

    compact_changed = Signal(bool)

    def __init__(
        self, window: QMainWindow, panels_menu: QMenu, features: Sequence[FeatureSpec]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._compact: bool | None = None
        self.banner, self.header, self.stepper, self.chart = (
            Banner(),
            ChartHeader(),
            PastForecastNavigator(),
            PriceChart(),
        )
        self.data, self.model, self.training, self.results = (
            DataPanel(),
            ModelPanel(),
            TrainingPanel(),
            ResultsPanel(),
        )
        self.resume = ResumeBar()
        self.recovery = RecoveryBar()
        self.late_backtest, self.late_journal, self.late_runs = (
            Late(_backtest_panel),
            Late(_journal_panel),
            Late(_runs_panel),
        )
        self._titles = {
            "data": self.tr("Data"),
            "model": self.tr("Model"),
            "training": self.tr("Training"),
            "results": self.tr("Results"),
            "backtest": self.tr("Backtest"),
            "journal": self.tr("Journal"),
            "runs": self.tr("Runs"),
        }
        self.frames: dict[str, Any] = {
            name: getattr(self, f"late_{name}", None) or getattr(self, name)
            for name in self._titles
        }
        for spec in features:
            if spec.panel:
                self._titles[spec.name] = self.tr(spec.title)
                self.frames[spec.name] = Late(spec.make_panel)
        self.drawing_tools, self.grid = DrawingToolbar(), ChartGrid(self.chart)
        self.panels = LatePanels(
            {**self.frames, "drawing_tools": self.drawing_tools, "grid": self.grid}
        )
        self.status = StatusLine(window.statusBar())
        middle = self._make_middle()
        self.bars = MessageBarStack((self.recovery, self.resume, self.banner))
        window.setCentralWidget(middle)
        self.docks: dict[str, QDockWidget] = {}
        self._dock_panels(panels_menu)
        self.presets = LayoutPresets(window, self.docks, lambda: self._sizes.begin("", None))
        self._sizes = DockSizes(window, self.docks, self.presets.share_room)
        self._floating = FloatingPanels(window, self.docks, self.bars)
        self.compact_changed.connect(self.header.set_compact)
        window.installEventFilter(self)

    def _make_middle(self) -> QWidget:
        """Return the bars above each other, and below them the charts or what stands for none."""
        self._empty = EmptyState(
            "candles",
            self.tr("No prices yet"),
            self.tr("Drop a file here, type a ticker above, or choose a sample."),
        )
        self._stage = QStackedWidget()
        self._stage.addWidget(self._empty)
        self._charts = QWidget()
        beside = QHBoxLayout(self._charts)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(self.drawing_tools)
        beside.addWidget(self.grid, 1)
        self._stage.addWidget(self._charts)
        middle = QWidget()
        rows = fill(QVBoxLayout(middle), margins=(0, 0, 0, 0), spacing=0)
        for part in (self.recovery, self.resume, self.banner, self.header, self.stepper):
            rows.addWidget(part)
        rows.addWidget(self._stage, 1)
        return middle

    @property
    def backtest(self) -> BacktestPanel:
        """The panel of backtests, which is built if it is not there yet."""
        return self.late_backtest.content

    @property
    def journal(self) -> JournalPanel:
        """The panel of the journal, which is built if it is not there yet."""
        return self.late_journal.content

    @property
    def runs(self) -> RunsPanel:
        """The panel of the runs, which is built if it is not there yet."""
        return self.late_runs.content

    @property
    def compact(self) -> bool:
        """Whether the window is so narrow that its bars are to be compact."""
        return self._window.width() < _COMPACT

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tell when the window becomes narrow, or wide again."""
        if (
            watched is self._window
            and event.type() in (QEvent.Type.Resize, QEvent.Type.Show)
            and self.compact != self._compact
        ):
            self._compact = self.compact
            self.compact_changed.emit(self._compact)
        return super().eventFilter(watched, event)

    def show_chart(self, shown: bool, heading: str = "", text: str = "") -> None:
        """Show the chart, or why there is nothing to draw, or what to do about it."""
        self._empty.tell(heading, text)
        self._stage.setCurrentWidget(self._charts if shown else self._empty)

    def set_theme(self, theme: Theme) -> None:
        """Give every part the colours of a theme."""
        for part in (
            self.recovery,
            self.resume,
            self.banner,
            self.header,
            self.stepper,
            *self.frames.values(),
            self.chart,
            self._empty,
        ):
            part.set_theme(theme)

    def restore(self, preferences: Preferences) -> None:
        """Put the docks where they were; without a memory of it, where they fit this window."""
        state = preferences.bytes("state")
        known = self.presets.take_state(state)
        if known:
            self.presets.restore(preferences.preset)
            self._sizes.begin(preferences.docks, lambda: self.presets.take_state(state))
            self._floating.begin()
            return
        self.presets.begin()
        self._sizes.begin("", None)

    def remember(self, preferences: Preferences) -> None:
        """Keep where the docks are, and how large, for the next start."""
        preferences.keep_bytes("state", self.presets.state())
        preferences.docks = self._sizes.text()
        preferences.preset = self.presets.text()

    def _dock_panels(self, panels_menu: QMenu) -> None:
        left, below = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
        self._window.setCorner(Qt.Corner.BottomLeftCorner, left)
        for name, frame in self.frames.items():
            dock = QDockWidget(self._titles[name], self._window)
            dock.setObjectName(name)
            dock.setWidget(frame)
            self._window.addDockWidget(left if name in LEFT else below, dock)
            panels_menu.addAction(dock.toggleViewAction())
            self.docks[name] = dock
        lower = [name for name in self.frames if name not in LEFT]
        for before, after in (*pairwise(LEFT), *pairwise(lower[1:])):
            self._window.tabifyDockWidget(self.docks[before], self.docks[after])
        self.docks["results"].raise_()
        self._window.setTabPosition(left, QTabWidget.TabPosition.North)
        self._window.setDockOptions(
            QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks
        )
