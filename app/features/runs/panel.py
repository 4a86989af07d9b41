"""All runs of the store in one table: found, compared on the chart, told apart, noted, deleted,
done again.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QLocale, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.compare import MOST
from app.features.runs.table import NOTES, RunsFilter, RunsModel, RunsTable
from app.theme import Theme, icon
from app.widgets.empty_state import EmptyState
from app.widgets.undo_line import UndoLine
from forecasting.store.runs import StoredRun

_ROW_HEIGHT = 26
#: Width in pixels of the number that a compared run is given.
_BADGE = 24


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


class RunsPanel(QStackedWidget):
    """Table, filter and what can be done with the chosen runs. It changes nothing: it tells what
    the user wants.

    Attributes
    ----------
    compare_wanted : Signal
        Keys of the runs to be drawn on the chart, each with its place among the hues: a dict.
    difference_wanted : Signal
        Keys of two runs.
    show_wanted, reproduce_wanted : Signal
        Key of a run that is to be shown as if it had just ended, or to be made ready to be done
        again.
    delete_wanted : Signal
        Keys.
    put_back_wanted : Signal
        What was deleted last is to come back.
    note_wanted : Signal
        Key and notes.
    told : Signal
        A sentence worth knowing.
    """

    compare_wanted = Signal(object)
    difference_wanted = Signal(str, str)
    show_wanted = Signal(str)
    reproduce_wanted = Signal(str)
    delete_wanted = Signal(object)
    put_back_wanted = Signal()
    note_wanted = Signal(str, str)
    told = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "runs",
            self.tr("No runs yet"),
            self.tr("Every training that ends is kept here, to be compared, noted and done again."),
        )
        self.model, self._filter, self.table = RunsModel(), RunsFilter(), RunsTable()
        self._filter.setSourceModel(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Filter runs"))
        self.search.setToolTip(self.tr("Show the runs that fit: symbol, network, words of a note"))
        self.search.setAccessibleName(self.tr("Filter runs"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._look)
        self._count = QLabel()
        self._count.setProperty("role", "muted")
        self._undo_line = UndoLine()
        self._undo_line.undo_wanted.connect(self.put_back_wanted)
        self.acts: dict[str, QAction] = {}
        self._buttons: dict[str, QToolButton] = {}
        self._make_actions()
        self._wire_table()
        self.addWidget(self._empty)
        self.addWidget(self._laid_out())
        self._enable()

    @property
    def chosen(self) -> tuple[str, ...]:
        """Keys of the selected runs, from the top."""
        rows = sorted(self.table.selectionModel().selectedRows(), key=lambda index: index.row())
        return tuple(self.model.runs[self._filter.mapToSource(index).row()].key for index in rows)

    @property
    def pair(self) -> tuple[str, ...]:
        """Keys of the runs that Differences tells apart: the checked ones, which the chart
        compares, or else the selected ones.
        """
        checked = tuple(self.model.shown)
        return checked if len(checked) > 1 else self.chosen

    def show_runs(self, runs: tuple[StoredRun, ...]) -> None:
        """Show the runs of the store; what was selected stays selected."""
        before = set(self.chosen)
        self.model.show_runs(runs)
        self.setCurrentIndex(1 if runs or not self._undo_line.isHidden() else 0)
        for row in range(self._filter.rowCount()):
            index = self._filter.index(row, 0)
            if self.model.runs[self._filter.mapToSource(index).row()].key in before:
                self.table.selectionModel().select(
                    index,
                    self.table.selectionModel().SelectionFlag.Select
                    | self.table.selectionModel().SelectionFlag.Rows,
                )
        self._fit_columns()
        self._tell_count()
        self._enable()

    def show_deleted(self, count: int) -> None:
        """Offer to put deleted runs back; nothing is offered of none."""
        words = (
            self.tr("1 run deleted.")
            if count == 1
            else self.tr("{n} runs deleted.").format(n=count)
        )
        self._undo_line.offer(words, count > 0)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.model.set_theme(theme)
        for name, (picture, _text, _tip) in _ACTS.items():
            self.acts[name].setIcon(icon(picture, theme))

    def _make_actions(self) -> None:
        does: dict[str, Callable[[], object]] = {
            "show": lambda: self.show_wanted.emit(self.chosen[0]),
            "difference": lambda: self.difference_wanted.emit(*self.pair),
            "reproduce": lambda: self.reproduce_wanted.emit(self.chosen[0]),
            "delete": self._delete,
        }
        for name, (_picture, text, tip) in _ACTS.items():
            action = QAction(_tr(text), self)
            action.setToolTip(_tr(tip))
            action.triggered.connect(lambda _checked=False, name=name: does[name]())
            self.acts[name] = action
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAccessibleName(_tr(text))
            button.setIconSize(QSize(16, 16))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self._buttons[name] = button

    def _wire_table(self) -> None:
        table = self.table
        table.setModel(self._filter)
        table.setAccessibleName(self.tr("Runs"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setResizeContentsPrecision(
            0
        )  # what is in view decides; looking at thousands of rows takes seconds
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._menu)
        table.delete_wanted.connect(self._delete)
        table.doubleClicked.connect(
            lambda index: self.acts["show"].trigger() if index.column() != NOTES else None
        )
        table.selectionModel().selectionChanged.connect(lambda _new, _old: self._enable())
        self.model.noted.connect(self.note_wanted)
        self.model.compared.connect(lambda: self.compare_wanted.emit(dict(self.model.shown)))
        self.model.compared.connect(self._enable)
        self.model.refused.connect(
            lambda: self.told.emit(
                self.tr("{n} runs are drawn already: uncheck one of them first.").format(n=MOST)
            )
        )

    def _laid_out(self) -> QWidget:
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self._count)
        for button in self._buttons.values():
            top.addWidget(button)
        full = QWidget()
        rows = QVBoxLayout(full)
        rows.setContentsMargins(8, 6, 8, 6)
        rows.setSpacing(6)
        rows.addLayout(top)
        rows.addWidget(self._undo_line)
        rows.addWidget(self.table, 1)
        return full

    def _look(self, text: str) -> None:
        self._filter.look_for(text)
        self._tell_count()
        self._enable()

    def _tell_count(self) -> None:
        seen, there = self._filter.rowCount(), len(self.model.runs)
        number = QLocale().toString
        told = (
            self.tr("{n} of {all}").format(n=number(seen), all=number(there))
            if seen != there
            else self.tr("{n} runs").format(n=number(there))
        )
        self._count.setText(self.tr("1 run") if there == seen == 1 else told)

    def _fit_columns(self) -> None:
        header = self.table.horizontalHeader()
        for column in range(NOTES):
            wide = max(self.table.sizeHintForColumn(column), header.sectionSizeHint(column))
            # The number that a compared run gets stands before the date.
            header.resizeSection(column, min(wide + (_BADGE if column == 0 else 0), 220))

    def _enable(self) -> None:
        """Make what can be pressed fit what is selected."""
        chosen = self.chosen
        runs = {run.key: run for run in self.model.runs}
        item = runs[chosen[0]].record if len(chosen) == 1 else None
        shown = item is not None and (bool(item.forecasts) or item.kind == "backtest")
        lacks = {
            "show": ""
            if shown
            else self.tr("its forecast was not kept")
            if item
            else self.tr("select one run"),
            "difference": "" if len(self.pair) == 2 else self.tr("check two runs"),
            "reproduce": "" if len(chosen) == 1 else self.tr("select one run"),
            "delete": "" if chosen else self.tr("select the runs to delete"),
        }
        for name, why in lacks.items():
            tip = _tr(_ACTS[name][2])
            self.acts[name].setEnabled(not why)
            self.acts[name].setToolTip(
                self.tr("{tip}: {why}").format(tip=tip, why=why) if why else tip
            )
            self._buttons[name].setAccessibleDescription(why)

    def _delete(self) -> None:
        if self.chosen:
            self.delete_wanted.emit(self.chosen)

    def _menu(self, index: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addActions(list(self.acts.values()))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(index))


#: Icon, text and tool tip of what can be done with runs.
_ACTS: dict[str, tuple[str, str, str]] = {
    "show": (
        "results",
        "Show",
        "Show the run as if it had just ended: verdict, forecast, loss, and the forecasts of "
        "its test part",
    ),
    "difference": ("compare", "Differences", "What the two checked runs differ in"),
    "reproduce": (
        "refresh",
        "Reproduce",
        "Load its prices and put its settings in the form, to train it again",
    ),
    "delete": ("delete", "Delete", "Delete the selected runs (Delete)"),
}
