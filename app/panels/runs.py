"""All runs of the store in one table: found, compared on the chart, told apart, noted, deleted, done again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QDateTime,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.compare import MOST, hue
from app.panels.empty import EmptyState
from app.panels.training import duration
from app.theme import LIGHT, Theme, icon
from forecasting.store.runs import LONGEST_NOTE, KeptRun

Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT = 26


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


@dataclass(frozen=True)
class Column:
    """A column of the table: heading, tool tip, what it says of a run and what it is sorted by."""

    title: str
    tip: str
    text: Callable[[KeptRun], str]
    value: Callable[[KeptRun], Any]
    number: bool = False


def when(run: KeptRun) -> str:
    """Write when a run ended, as the clock on the wall showed it."""
    moment = QDateTime.fromString(run.record.made_at, Qt.DateFormat.ISODateWithMs)
    if not moment.isValid():
        return run.record.made_at[:16]
    local = moment.toLocalTime()
    return f"{local.date().toString(Qt.DateFormat.ISODate)} {local.time().toString('HH:mm')}"


def _figure(value: float, digits: int, share: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return QLocale().toString(100 * value if share else value, "f", digits) + (" %" if share else "")


_WORDS = {"beats": "▲ beats", "ties": "■ ties", "loses": "▼ loses"}

COLUMNS: tuple[Column, ...] = (
    Column("When", "When the run ended. Check it to draw its forecast on the chart", when, lambda run: run.record.made_at),
    Column("Symbol", "Series it was trained on", lambda run: run.symbols, lambda run: run.symbols.lower()),
    Column("Network", "Network, and whether it was tested through history", lambda run: _network(run), lambda run: _network(run)),
    Column("Horizon", "Bars ahead", lambda run: str(run.horizon or "–"), lambda run: run.horizon, True),
    Column(
        "Verdict",
        "Beside the best simple forecast",
        lambda run: _tr(_WORDS[run.record.verdict.outcome]),
        lambda run: ("beats", "ties", "loses").index(run.record.verdict.outcome),
    ),
    Column(
        "Skill", "Gain in CRPS over the reference; more is better", lambda run: _figure(run.skill, 1, True), lambda run: run.skill, True
    ),
    Column(
        "CRPS",
        "Error of the whole distribution, basis points; less is better",
        lambda run: _figure(_crps(run), 1),
        lambda run: _crps(run),
        True,
    ),
    Column(
        "In 80 %",
        "Outcomes inside the 80 % band",
        lambda run: _figure(run.score("coverage_80"), 1),
        lambda run: run.score("coverage_80"),
        True,
    ),
    Column("Time", "Seconds it took", lambda run: duration(run.record.seconds), lambda run: run.record.seconds, True),
    Column("Seed", "Seed of all chance", lambda run: str(run.record.seed), lambda run: run.record.seed, True),
    Column("Notes", "Yours: double click or F2 to write", lambda run: run.notes, lambda run: run.notes.lower()),
)
_NOTES = len(COLUMNS) - 1


def _network(run: KeptRun) -> str:
    return f"{run.model} · {_tr('backtest')}" if run.record.kind == "backtest" else run.model


def _crps(run: KeptRun) -> float:
    return run.score("crps_bp")


class RunsModel(QAbstractTableModel):
    """The runs as Qt wants them; nothing of the store is changed here.

    Attributes
    ----------
    noted : Signal
        Key and new notes of a run.
    compared : Signal
        Which runs are drawn has changed.
    refused : Signal
        One run more than can be told apart was to be drawn.
    """

    noted = Signal(str, str)
    compared = Signal()
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.runs: tuple[KeptRun, ...] = ()
        self.shown: dict[str, int] = {}
        self._theme: Theme = LIGHT

    def show_runs(self, runs: tuple[KeptRun, ...]) -> None:
        """Take other runs; what is drawn of them stays so."""
        if tuple(run.key for run in runs) == tuple(run.key for run in self.runs):
            self.runs = runs
            if runs:
                self.dataChanged.emit(self.index(0, 0), self.index(len(runs) - 1, _NOTES))
            return
        self.beginResetModel()
        self.runs = runs
        self.endResetModel()
        gone = set(self.shown) - {run.key for run in runs}
        for key in gone:
            del self.shown[key]
        if gone:
            self.compared.emit()

    def set_theme(self, theme: Theme) -> None:
        """Draw the marks in the colours of a theme."""
        self._theme = theme
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, 0))

    def compare(self, keys: Iterable[str]) -> None:
        """Draw these runs and no others, as far as they can be told apart."""
        self.shown = {key: place for place, key in enumerate(tuple(dict.fromkeys(keys))[:MOST])}
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, 0))
        self.compared.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's names
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return what stands above a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _tr(column.title)
            case Qt.ItemDataRole.ToolTipRole:
                return _tr(column.tip)
            case Qt.ItemDataRole.TextAlignmentRole:
                return (Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
            case _:
                return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says."""
        if not index.isValid():
            return None
        run, column = self.runs[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return column.text(run)
            case Qt.ItemDataRole.TextAlignmentRole:
                return (Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ToolTipRole:
                return run.record.verdict.sentence if index.column() < _NOTES else run.notes or _tr(column.tip)
            case Qt.ItemDataRole.CheckStateRole if index.column() == 0:
                return Qt.CheckState.Checked if run.key in self.shown else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.DecorationRole if index.column() == 0 and run.key in self.shown:
                return _mark(self.shown[run.key], self._theme)
            case _:
                return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Check or uncheck a run, or write its notes."""
        run = self.runs[index.row()]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0:
            return self._check(run.key, Qt.CheckState(value) is Qt.CheckState.Checked)
        if role == Qt.ItemDataRole.EditRole and index.column() == _NOTES and str(value) != run.notes:
            self.noted.emit(run.key, str(value)[:LONGEST_NOTE])
            return True
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0 and self.runs[index.row()].record.forecasts:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == _NOTES else flags

    def _check(self, key: str, checked: bool) -> bool:
        taken = set(self.shown.values())
        free = next((place for place in range(MOST) if place not in taken), None)
        if not checked:
            self.shown.pop(key, None)
        elif free is None:
            self.refused.emit()
            return False
        else:
            self.shown[key] = free
        self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, 0))
        self.compared.emit()
        return True


class _Filter(QSortFilterProxyModel):
    """Shows the runs that hold every word, and sorts them by value: what is unknown comes last."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._told: dict[tuple[str, str], str] = {}

    def look_for(self, text: str) -> None:
        """Show only runs that hold every word of a text."""
        self._words = text.lower().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 - Qt's name
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        run = model.runs[row]
        if not self._words:
            return True
        place = (run.key, run.notes)
        if place not in self._told:
            self._told[place] = " ".join(column.text(run) for column in COLUMNS).lower() + f" {run.key}"
        return all(word in self._told[place] for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802 - Qt's name
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        value = COLUMNS[left.column()].value
        one, other = value(model.runs[left.row()]), value(model.runs[right.row()])
        if one == one and other == other:
            return bool(one < other)
        known = one == one, other == other  # what is unknown is not equal to itself, and comes last
        up = self.sortOrder() is Qt.SortOrder.AscendingOrder
        return known == ((True, False) if up else (False, True))


class _Table(QTableView):
    """The table; Delete deletes, Space draws on the chart."""

    delete_wanted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            box = self.currentIndex().siblingAtColumn(0)
            if box.flags() & Qt.ItemFlag.ItemIsUserCheckable:
                checked = Qt.CheckState(box.data(Qt.ItemDataRole.CheckStateRole)) is Qt.CheckState.Checked
                self.model().setData(box, Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
        else:
            super().keyPressEvent(event)


class RunsPanel(QStackedWidget):
    """Table, filter and what can be done with the chosen runs. It changes nothing: it tells what the user wants.

    Attributes
    ----------
    compare_wanted : Signal
        Keys of the runs to be drawn on the chart, each with its place among the hues: a dict.
    difference_wanted : Signal
        Keys of two runs.
    show_wanted, reproduce_wanted : Signal
        Key of a run that is to be shown as if it had just ended, or to be made ready to be done again.
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
            "runs", self.tr("No runs yet"), self.tr("Every training that ends is kept here, to be compared, noted and done again.")
        )
        self.model, self._filter, self.table = RunsModel(), _Filter(), _Table()
        self._filter.setSourceModel(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Filter: symbol, network, words of a note"))
        self.search.setAccessibleName(self.tr("Filter runs"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._look)
        self._count = QLabel()
        self._count.setProperty("role", "muted")
        self._undo_line, self._undo_words = QWidget(), QLabel()
        self._undo = QPushButton(self.tr("Undo"))
        self._undo.clicked.connect(self.put_back_wanted)
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

    def show_runs(self, runs: tuple[KeptRun, ...]) -> None:
        """Show the runs of the store; what was selected stays selected."""
        before = set(self.chosen)
        self.model.show_runs(runs)
        self.setCurrentIndex(1 if runs or not self._undo_line.isHidden() else 0)
        for row in range(self._filter.rowCount()):
            index = self._filter.index(row, 0)
            if self.model.runs[self._filter.mapToSource(index).row()].key in before:
                self.table.selectionModel().select(
                    index, self.table.selectionModel().SelectionFlag.Select | self.table.selectionModel().SelectionFlag.Rows
                )
        self._fit_columns()
        self._tell_count()
        self._enable()

    def show_deleted(self, count: int) -> None:
        """Offer to put deleted runs back; nothing is offered of none."""
        self._undo_words.setText(self.tr("1 run deleted.") if count == 1 else self.tr("{n} runs deleted.").format(n=count))
        self._undo_line.setVisible(count > 0)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.model.set_theme(theme)
        for name, (picture, _text, _tip) in _ACTS.items():
            self.acts[name].setIcon(icon(picture, theme))

    def _make_actions(self) -> None:
        does: dict[str, Callable[[], object]] = {
            "show": lambda: self.show_wanted.emit(self.chosen[0]),
            "difference": lambda: self.difference_wanted.emit(*self.chosen),
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
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setResizeContentsPrecision(0)  # what is in view decides; looking at thousands of rows takes seconds
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._menu)
        table.delete_wanted.connect(self._delete)
        table.doubleClicked.connect(lambda index: self.acts["show"].trigger() if index.column() != _NOTES else None)
        table.selectionModel().selectionChanged.connect(lambda _new, _old: self._enable())
        self.model.noted.connect(self.note_wanted)
        self.model.compared.connect(lambda: self.compare_wanted.emit(dict(self.model.shown)))
        self.model.refused.connect(lambda: self.told.emit(self.tr("{n} runs are drawn already: uncheck one of them first.").format(n=MOST)))

    def _laid_out(self) -> QWidget:
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.search, 1)
        top.addWidget(self._count)
        for button in self._buttons.values():
            top.addWidget(button)
        undo = QHBoxLayout(self._undo_line)
        undo.setContentsMargins(2, 0, 2, 0)
        undo.addWidget(self._undo_words)
        undo.addWidget(self._undo)
        undo.addStretch(1)
        self._undo_line.hide()
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
        for column in range(_NOTES):
            wide = max(self.table.sizeHintForColumn(column), header.sectionSizeHint(column))
            header.resizeSection(column, min(wide, 220))

    def _enable(self) -> None:
        """Make what can be pressed fit what is selected."""
        chosen = self.chosen
        runs = {run.key: run for run in self.model.runs}
        curves = len(chosen) == 1 and bool(runs[chosen[0]].record.forecasts)
        fits = {"show": curves, "difference": len(chosen) == 2, "reproduce": len(chosen) == 1, "delete": bool(chosen)}
        for name, able in fits.items():
            self.acts[name].setEnabled(able)

    def _delete(self) -> None:
        if self.chosen:
            self.delete_wanted.emit(self.chosen)

    def _menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addActions(list(self.acts.values()))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(place))


#: Icon, text and tool tip of what can be done with runs.
_ACTS: dict[str, tuple[str, str, str]] = {
    "show": ("results", "Show", "Show the run as if it had just ended: forecast, verdict and loss"),
    "difference": ("compare", "Differences", "What two selected runs differ in"),
    "reproduce": ("refresh", "Reproduce", "Load its prices and put its settings in the form, to train it again"),
    "delete": ("delete", "Delete", "Delete the selected runs (Delete)"),
}


def _mark(place: int, theme: Theme) -> QIcon:
    """Return the disc with the number that a run has on the chart."""
    side = 32
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(hue(place, theme)))
    painter.drawEllipse(1, 1, side - 2, side - 2)
    font = painter.font()
    font.setPixelSize(22)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(theme.surface))
    painter.drawText(pixmap.rect(), Qt.AlignmentFlag.AlignCenter, str(place + 1))
    painter.end()
    drawn = QIcon(pixmap)
    drawn.addPixmap(pixmap, QIcon.Mode.Selected)  # else Qt tints it in selected rows
    return drawn
