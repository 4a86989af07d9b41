"""All runs of the store in one table: found, compared on the chart, told apart, noted, deleted,
done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QCoreApplication,
    QItemSelectionModel,
    QLocale,
    QModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.compare import MOST
from app.features.runs.columns import column_groups
from app.features.runs.groups import SEEDS, TAGS, GroupTable, grouped
from app.features.runs.table import RunsFilter, RunsModel, RunsTable
from app.theme import Theme, icon
from app.widgets.empty_state import EmptyState
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.undo_line import UndoLine
from forecasting.store.runs import RunRecord, StoredRun

_ROW_HEIGHT = 26
#: Width in pixels of the number that a compared run is given.
_BADGE = 24


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


class RunsPanel(QStackedWidget):
    """Table, filter and what can be done with the selected runs. It changes nothing: it tells what
    the user wants.

    There is one selection: what is selected is checked, drawn on the chart beside the run that is
    shown there, and is what every command acts on.

    Attributes
    ----------
    compare_requested : Signal
        Keys of the runs to be drawn on the chart, each with its place among the hues: a dict.
    difference_requested : Signal
        Keys of two runs.
    show_requested, reproduce_requested : Signal
        Key of a run that is to be shown as if it had just ended, or to be made ready to be done
        again.
    delete_requested : Signal
        Keys.
    put_back_requested : Signal
        What was deleted last is to come back.
    note_requested : Signal
        Key and notes.
    label_requested : Signal
        Key, name and tags.
    losses_requested : Signal
        Keys of runs whose loss curves are to be drawn over each other.
    repeat_requested : Signal
        Key of a run that is to be repeated with other seeds.
    columns_chosen : Signal
        Keys of the columns, after the user changed them.
    """

    compare_requested = Signal(object)
    difference_requested = Signal(str, str)
    show_requested = Signal(str)
    reproduce_requested = Signal(str)
    delete_requested = Signal(object)
    put_back_requested = Signal()
    note_requested = Signal(str, str)
    label_requested = Signal(str, str, object)
    losses_requested = Signal(object)
    repeat_requested = Signal(str)
    columns_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "runs",
            self.tr("No runs yet"),
            self.tr("Every training that ends is kept here, to be compared, noted and done again."),
        )
        self.model, self._filter, self.table = RunsModel(), RunsFilter(), RunsTable()
        self._filter.setSourceModel(self.model)
        self.search = QLineEdit(placeholderText=self.tr("Filter runs"), clearButtonEnabled=True)
        self.search.setToolTip(self.tr("Show the runs that fit: symbol, network, words of a note"))
        self.search.setAccessibleName(self.tr("Filter runs"))
        self.search.textChanged.connect(self._look)
        self._count = text_label(role="muted", wrap=False)
        self._undo_line = UndoLine()
        self._undo_line.undo_requested.connect(self.put_back_requested)
        self.group, self.groups = QComboBox(), GroupTable()
        self.columns_button, self._columns_menu = QToolButton(), QMenu(self)
        self._drawn: dict[str, int] = {}
        self._shown = ""
        self._awaited: tuple[str, ...] = ()
        self._filling = False
        self.acts: dict[str, QAction] = {}
        self.buttons: dict[str, QToolButton] = {}
        self._make_actions()
        self._make_choices()
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
    def drawn(self) -> dict[str, int]:
        """The selected runs that are drawn on the chart, by key, each with the place of its hue."""
        return dict(self._drawn)

    def show_runs(self, runs: tuple[StoredRun, ...]) -> None:
        """Show the runs of the store; what was selected stays selected."""
        before, current = self.chosen, self._key(self.table.currentIndex())
        self._filling = True
        self.model.show_runs(runs)
        self.setCurrentIndex(1 if runs or not self._undo_line.isHidden() else 0)
        self._filling = False
        self.select((*before, *self._awaited), current)
        self._fit_columns()
        self._show_groups()

    def select(self, keys: Sequence[str], current: str = "") -> None:
        """Select these runs and no others; those that are not there yet, once they are."""
        flag = QItemSelectionModel.SelectionFlag
        self._filling = True
        self.table.clearSelection()
        there = set()
        for row in range(self._filter.rowCount()):
            index = self._filter.index(row, 0)
            key = self._key(index)
            if key == (current or next(iter(keys), "")):
                self.table.selectionModel().setCurrentIndex(index, flag.NoUpdate)
            if key in keys:
                there.add(key)
                self.table.selectionModel().select(index, flag.Select | flag.Rows)
        self._awaited = tuple(key for key in dict.fromkeys(keys) if key not in there)
        self._filling = False
        self._selection_changed()

    def mark_shown(self, key: str) -> None:
        """Mark the run that the window shows; "" for none."""
        if key != self._shown:
            self._shown = key
            self._selection_changed()

    def _key(self, index: QModelIndex) -> str:
        return self.model.runs[self._filter.mapToSource(index).row()].key if index.isValid() else ""

    def _selection_changed(self) -> None:
        """Draw what is selected, beside what is shown, and make all else fit it; runs that are
        drawn already keep their hues.
        """
        if self._filling:
            return
        drawable = {run.key for run in self.model.runs if run.record.forecasts} - {self._shown}
        keys = [key for key in self.chosen if key in drawable]
        drawn = {key: index for key, index in self._drawn.items() if key in keys}
        free = [index for index in range(MOST) if index not in drawn.values()]
        drawn |= dict(zip((key for key in keys if key not in drawn), free, strict=False))
        changed = drawn != self._drawn
        self._drawn = drawn
        self.model.mark(self.chosen, drawn, self._shown)
        self._tell_count()
        self._enable()
        if changed:
            self.compare_requested.emit(dict(drawn))

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
            "show": lambda: self.show_requested.emit(self.chosen[0]),
            "difference": lambda: self.difference_requested.emit(*self.chosen),
            "losses": lambda: self.losses_requested.emit(self.chosen),
            "reproduce": lambda: self.reproduce_requested.emit(self.chosen[0]),
            "repeat": lambda: self.repeat_requested.emit(self.chosen[0]),
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
            self.buttons[name] = button

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
        table.delete_requested.connect(self._delete)
        table.doubleClicked.connect(
            lambda index: (
                None if self.model.columns[index.column()].editable else self.acts["show"].trigger()
            )
        )
        table.show_requested.connect(lambda: self.acts["show"].trigger())
        table.selectionModel().selectionChanged.connect(
            lambda _new, _old: self._selection_changed()
        )
        self.model.noted.connect(self.note_requested)
        self.model.labelled.connect(self.label_requested)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(
            lambda at: self._columns_menu.popup(header.mapToGlobal(at))
        )

    def _laid_out(self) -> QWidget:
        top = fill(
            QHBoxLayout(), (self.search, 1), self._count, self.group, self.columns_button, spacing=4
        )
        buttons = fill(QHBoxLayout(), spacing=0)
        for button in self.buttons.values():
            buttons.addWidget(button)
        buttons.addStretch(1)
        full = QWidget()
        rows = QVBoxLayout(full)
        rows.setContentsMargins(8, 4, 8, 4)
        rows.setSpacing(3)
        rows.addLayout(top)
        rows.addLayout(buttons)
        rows.addWidget(self._undo_line)
        rows.addWidget(self.groups, 1)
        rows.addWidget(self.table, 2)
        return full

    def show_columns(self, keys: Sequence[str]) -> None:
        """Show these columns, as they were chosen at an earlier time."""
        before = self.chosen
        self.model.show_columns(keys)
        shown = {column.key for column in self.model.columns}
        for action in self._columns_menu.findChildren(QAction):
            action.setChecked(action.data() in shown)
        self.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        self.select(before)
        self._fit_columns()
        self._offer_groups()

    def group_by(self, key: str) -> None:
        """Group the runs by a column, by :data:`SEEDS` or :data:`TAGS`; "" for no groups."""
        self.group.setCurrentIndex(max(self.group.findData(key), 0))

    def _make_choices(self) -> None:
        """Make the menu of columns and the list of groups."""
        self.columns_button.setText(self.tr("Columns"))
        self.columns_button.setToolTip(self.tr("Choose columns: settings and scores of the runs"))
        self.columns_button.setAccessibleName(self.tr("Choose columns"))
        self.columns_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.columns_button.setMenu(self._columns_menu)
        self._columns_menu.aboutToShow.connect(self._fill_columns_menu)
        self.group.setAccessibleName(self.tr("Group runs"))
        self.group.setToolTip(self.tr("Group the runs: mean and spread of each group"))
        self.group.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.group.setMinimumContentsLength(9)
        self.group.currentIndexChanged.connect(lambda _index: self._show_groups())
        self.groups.chosen.connect(self._show_only)
        self.groups.hide()
        self._offer_groups()

    def _fill_columns_menu(self) -> None:
        """Fill the menu when it is first opened: it has an entry for every setting."""
        if self._columns_menu.actions():
            return
        shown = {column.key for column in self.model.columns}
        for title, columns in column_groups().items():
            menu = self._columns_menu
            if menu.actions():
                menu = menu.addMenu(_tr(title))
            for column in columns:
                action = menu.addAction(_tr(column.title))
                action.setParent(self._columns_menu)
                action.setCheckable(True)
                action.setChecked(column.key in shown)
                action.setData(column.key)
                action.setToolTip(_tr(column.tip))
                action.triggered.connect(lambda on, key=column.key: self._choose(key, on))
            if menu is self._columns_menu:
                menu.addSeparator()

    def _choose(self, key: str, on: bool) -> None:
        keys = [column.key for column in self.model.columns if column.key != key]
        keys = [*keys, key] if on else keys
        self.show_columns(keys)
        self.columns_chosen.emit(tuple(keys))

    def _offer_groups(self) -> None:
        """Offer to group by what the table shows."""
        before = self.group.currentData() or ""
        self.group.blockSignals(True)
        self.group.clear()
        self.group.addItem(self.tr("No groups"), "")
        self.group.addItem(self.tr("By settings, seeds together"), SEEDS)
        self.group.addItem(self.tr("By tag"), TAGS)
        for column in self.model.columns:
            if column.key not in ("when", "tags", "notes", "time", "crps", "skill", "coverage"):
                self.group.addItem(self.tr("By {what}").format(what=_tr(column.title)), column.key)
        self.group.setCurrentIndex(max(self.group.findData(before), 0))
        self.group.blockSignals(False)

    def _show_groups(self) -> None:
        """Show the groups above the runs."""
        by = str(self.group.currentData() or "")
        self.groups.setVisible(bool(by))
        column = next((item for item in self.model.columns if item.key == by), None)
        found = grouped(self.model.runs, by, column) if by else {}
        self.groups.show_groups(self.group.currentText().removeprefix(self.tr("By ")), found)

    def _show_only(self, keys: frozenset[str] | None) -> None:
        """Show the runs of a group alone."""
        before = self.chosen
        self._filter.show_only(keys)
        self.select([key for key in before if keys is None or key in keys])

    def _look(self, text: str) -> None:
        self._filter.look_for(text)
        self._selection_changed()

    def _tell_count(self) -> None:
        seen, there = self._filter.rowCount(), len(self.model.runs)
        number = QLocale().toString
        text = (
            self.tr("{n} of {all}").format(n=number(seen), all=number(there))
            if seen != there
            else self.tr("{n} runs").format(n=number(there))
        )
        words = [self.tr("1 run") if there == seen == 1 else text]
        if len(self.chosen) > 1:
            words.append(self.tr("{n} selected").format(n=number(len(self.chosen))))
        if 0 < len(self._drawn) < len(self.chosen) and len(self._drawn) == MOST:
            words.append(self.tr("{n} drawn").format(n=MOST))
        self._count.setText(" · ".join(words))

    def _fit_columns(self) -> None:
        header = self.table.horizontalHeader()
        for column in range(len(self.model.columns) - 1):
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
            "difference": "" if len(chosen) == 2 else self.tr("select two runs"),
            "losses": "" if chosen else self.tr("select the runs to compare"),
            "reproduce": "" if len(chosen) == 1 else self.tr("select one run"),
            "repeat": self._lacks_repeat(item),
            "delete": "" if chosen else self.tr("select the runs to delete"),
        }
        for name, why in lacks.items():
            tip = _tr(_ACTS[name][2])
            self.acts[name].setEnabled(not why)
            self.acts[name].setToolTip(
                self.tr("{tip}: {why}").format(tip=tip, why=why) if why else tip
            )
            self.buttons[name].setAccessibleDescription(why)

    def _lacks_repeat(self, record: RunRecord | None) -> str:
        if record is None:
            return self.tr("select one run")
        return self.tr("a backtest is not repeated") if record.kind == "backtest" else ""

    def _delete(self) -> None:
        if self.chosen:
            self.delete_requested.emit(self.chosen)

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
        "Show the run as if it had just ended: verdict, forecast, loss, forecasts of its test "
        "part (Enter)",
    ),
    "difference": ("compare", "Differences", "What the two selected runs differ in"),
    "losses": ("loss", "Losses", "Loss curves of the selected runs over each other"),
    "reproduce": (
        "refresh",
        "Reproduce",
        "Load its prices and put its settings in the form, to train it again",
    ),
    "repeat": (
        "plus",
        "Repeat…",
        "Train it again with several seeds, and show mean and spread",
    ),
    "delete": ("delete", "Delete", "Delete the selected runs (Delete)"),
}
