"""What stands in the table of runs: its columns, and how it is filtered, sorted and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QDateTime,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import QTableView

from app.accessibility import literal
from app.charts.compare import MOST, hue
from app.number_format import duration, number
from app.theme import LIGHT, Theme
from forecasting.baselines import model_title
from forecasting.store.runs import LONGEST_NOTE, StoredRun

Index = QModelIndex | QPersistentModelIndex


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


@dataclass(frozen=True)
class Column:
    """A column of the table: heading, tool tip, what it says of a run and what it is sorted by."""

    title: str
    tip: str
    text: Callable[[StoredRun], str]
    value: Callable[[StoredRun], Any]
    number: bool = False


def when(run: StoredRun) -> str:
    """Write when a run ended, as the clock on the wall showed it."""
    moment = QDateTime.fromString(run.record.made_at, Qt.DateFormat.ISODateWithMs)
    if not moment.isValid():
        return run.record.made_at[:16]
    local = moment.toLocalTime()
    return f"{local.date().toString(Qt.DateFormat.ISODate)} {local.time().toString('HH:mm')}"


def _figure(value: float, digits: int, share: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return number(100 * value if share else value, digits) + (" %" if share else "")


_WORDS = {"beats": "▲ beats", "ties": "■ ties", "loses": "▼ loses"}

COLUMNS: tuple[Column, ...] = (
    Column(
        "When",
        "When the run ended. Check runs to compare them: on the chart, and two of them by "
        "Differences",
        when,
        lambda run: run.record.made_at,
    ),
    Column(
        "Symbol",
        "Series it was trained on",
        lambda run: run.symbols,
        lambda run: run.symbols.lower(),
    ),
    Column(
        "Network",
        "Network, and whether it was tested through history",
        lambda run: _network(run),
        lambda run: _network(run),
    ),
    Column(
        "Horizon", "Bars ahead", lambda run: str(run.horizon or "–"), lambda run: run.horizon, True
    ),
    Column(
        "Verdict",
        "Beside the best simple forecast",
        lambda run: _tr(
            "? too few" if run.record.verdict.few else _WORDS[run.record.verdict.outcome]
        ),
        lambda run: ("beats", "ties", "loses").index(run.record.verdict.outcome),
    ),
    Column(
        "Skill",
        "Gain in CRPS over the reference; more is better. None where too few independent "
        "origins decide",
        lambda run: "–" if run.record.verdict.few else _figure(run.skill, 1, True),
        lambda run: math.nan if run.record.verdict.few else run.skill,
        True,
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
    Column(
        "Time",
        "Seconds it took",
        lambda run: duration(run.record.seconds),
        lambda run: run.record.seconds,
        True,
    ),
    Column(
        "Seed",
        "Seed of all chance",
        lambda run: str(run.record.seed),
        lambda run: run.record.seed,
        True,
    ),
    Column(
        "Notes",
        "Yours: double click or F2 to write",
        lambda run: run.notes,
        lambda run: run.notes.lower(),
    ),
)
NOTES = len(COLUMNS) - 1


def _network(run: StoredRun) -> str:
    model = model_title(run.model)
    return f"{model} · {_tr('backtest')}" if run.record.kind == "backtest" else model


def _crps(run: StoredRun) -> float:
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
        self.runs: tuple[StoredRun, ...] = ()
        self.shown: dict[str, int] = {}
        self._theme: Theme = LIGHT

    def show_runs(self, runs: tuple[StoredRun, ...]) -> None:
        """Take other runs; what is drawn of them stays so."""
        if tuple(run.key for run in runs) == tuple(run.key for run in self.runs):
            self.runs = runs
            if runs:
                self.dataChanged.emit(self.index(0, 0), self.index(len(runs) - 1, NOTES))
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
        self.shown = {key: index for index, key in enumerate(tuple(dict.fromkeys(keys))[:MOST])}
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, 0))
        self.compared.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
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
                return (
                    Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
                ) | Qt.AlignmentFlag.AlignVCenter
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
                return (
                    Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
                ) | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ToolTipRole:
                return literal(
                    run.record.verdict.sentence
                    if index.column() < NOTES
                    else run.notes or _tr(column.tip)
                )
            case Qt.ItemDataRole.CheckStateRole if index.column() == 0 and run.record.forecasts:
                return Qt.CheckState.Checked if run.key in self.shown else Qt.CheckState.Unchecked
            case Qt.ItemDataRole.DecorationRole if index.column() == 0 and run.key in self.shown:
                return _mark(self.shown[run.key], self._theme)
            case _:
                return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Check or uncheck a run, or write its notes."""
        run = self.runs[index.row()]
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == 0:
            return self._check(run.key, Qt.CheckState(value) is Qt.CheckState.Checked)
        if role == Qt.ItemDataRole.EditRole and index.column() == NOTES and str(value) != run.notes:
            self.noted.emit(run.key, str(value)[:LONGEST_NOTE])
            return True
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0 and self.runs[index.row()].record.forecasts:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NOTES else flags

    def _check(self, key: str, checked: bool) -> bool:
        taken = set(self.shown.values())
        free = next((index for index in range(MOST) if index not in taken), None)
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


class RunsFilter(QSortFilterProxyModel):
    """Shows the runs that hold every word, and sorts them by value: what is unknown comes last."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._told: dict[tuple[str, str], str] = {}

    def look_for(self, text: str) -> None:
        """Show only runs that hold every word of a text."""
        self._words = text.lower().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        """Tell whether a run holds every word."""
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        run = model.runs[row]
        if not self._words:
            return True
        index = (run.key, run.notes)
        if index not in self._told:
            self._told[index] = (
                " ".join(column.text(run) for column in COLUMNS).lower() + f" {run.key}"
            )
        return all(word in self._told[index] for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two runs by a column."""
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        value = COLUMNS[left.column()].value
        item, other = value(model.runs[left.row()]), value(model.runs[right.row()])
        if item == item and other == other:
            return bool(item < other)
        known = (
            item == item,
            other == other,
        )  # what is unknown is not equal to itself, and comes last
        up = self.sortOrder() is Qt.SortOrder.AscendingOrder
        return known == ((True, False) if up else (False, True))


class RunsTable(QTableView):
    """The table; Delete deletes, Space draws on the chart."""

    delete_wanted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete and check by keys; all else as tables do."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            box = self.currentIndex().siblingAtColumn(0)
            if box.flags() & Qt.ItemFlag.ItemIsUserCheckable:
                checked = (
                    Qt.CheckState(box.data(Qt.ItemDataRole.CheckStateRole)) is Qt.CheckState.Checked
                )
                self.model().setData(
                    box,
                    Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked,
                    Qt.ItemDataRole.CheckStateRole,
                )
        else:
            super().keyPressEvent(event)


def _mark(index: int, theme: Theme) -> QIcon:
    """Return the disc with the number that a run has on the chart."""
    side = 32
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(hue(index, theme)))
    painter.drawEllipse(1, 1, side - 2, side - 2)
    font = painter.font()
    font.setPixelSize(22)
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor(theme.surface))
    painter.drawText(pixmap.rect(), Qt.AlignmentFlag.AlignCenter, str(index + 1))
    painter.end()
    drawn = QIcon(pixmap)
    drawn.addPixmap(pixmap, QIcon.Mode.Selected)  # else Qt tints it in selected rows
    return drawn
