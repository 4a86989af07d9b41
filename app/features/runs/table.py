"""What stands in the table of runs: its columns, and how it is filtered, sorted and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QIcon, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QStyle, QTableView

from app.accessibility import literal
from app.charts.compare import hue
from app.features.runs.columns import COLUMNS, Column, chosen_columns
from app.theme import LIGHT, Theme
from forecasting.store.runs import LONGEST_NOTE, StoredRun

Index = QModelIndex | QPersistentModelIndex
#: Pixels around a check box that belong to it.
_BOX_MARGIN = 5


def _tr(text: str) -> str:
    return QCoreApplication.translate("RunsPanel", text)


class RunsModel(QAbstractTableModel):
    """The runs as Qt wants them; nothing of the store is changed here.

    Attributes
    ----------
    noted : Signal
        Key and new notes of a run.
    labelled : Signal
        Key, name and tags of a run.
    """

    noted = Signal(str, str)
    labelled = Signal(str, str, object)

    def __init__(self) -> None:
        super().__init__()
        self.runs: tuple[StoredRun, ...] = ()
        self.columns: tuple[Column, ...] = COLUMNS
        self._selected: frozenset[str] = frozenset()
        self._drawn: dict[str, int] = {}
        self._shown = ""
        self._theme: Theme = LIGHT

    def show_runs(self, runs: tuple[StoredRun, ...]) -> None:
        """Take other runs."""
        if tuple(run.key for run in runs) == tuple(run.key for run in self.runs):
            self.runs = runs
            self._repaint(len(self.columns) - 1)
            return
        self.beginResetModel()
        self.runs = runs
        self.endResetModel()

    def show_columns(self, keys: Sequence[str]) -> None:
        """Show other columns."""
        self.beginResetModel()
        self.columns = chosen_columns(keys)
        self.endResetModel()

    def set_theme(self, theme: Theme) -> None:
        """Draw the marks in the colours of a theme."""
        self._theme = theme
        self._repaint()

    def mark(self, selected: Iterable[str], drawn: Mapping[str, int], shown: str) -> None:
        """Mark runs by their keys.

        Parameters
        ----------
        selected : iterable of str
            Get a check mark.
        drawn : dict of str to int
            Are drawn on the chart for comparison, each with the place of its hue.
        shown : str
            The run that the window shows, in bold; "" where it shows none.
        """
        self._selected, self._drawn, self._shown = frozenset(selected), dict(drawn), shown
        self._repaint(len(self.columns) - 1)

    def _repaint(self, last_column: int = 0) -> None:
        if self.runs:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs) - 1, last_column))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return what stands above a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
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
        run, column = self.runs[index.row()], self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return column.text(run)
            case Qt.ItemDataRole.TextAlignmentRole:
                return (
                    Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
                ) | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ToolTipRole:
                return literal(
                    (column.text(run) or _tr(column.tip))
                    if column.editable
                    else run.record.verdict.sentence
                )
            case Qt.ItemDataRole.CheckStateRole if index.column() == 0:
                return (
                    Qt.CheckState.Checked if run.key in self._selected else Qt.CheckState.Unchecked
                )
            case Qt.ItemDataRole.DecorationRole if index.column() == 0 and run.key in self._drawn:
                return _mark(self._drawn[run.key], self._theme)
            case Qt.ItemDataRole.FontRole if run.key == self._shown:
                return _bold()
            case Qt.ItemDataRole.AccessibleTextRole if (
                index.column() == 0 and run.key == self._shown
            ):
                return f"{column.text(run)}, {_tr('shown')}"
            case _:
                return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Write notes, name or tags of a run."""
        run, column, text = self.runs[index.row()], self.columns[index.column()], str(value)
        if role != Qt.ItemDataRole.EditRole or not column.editable or text == column.text(run):
            return False
        if column.key == "notes":
            self.noted.emit(run.key, text[:LONGEST_NOTE])
        else:
            name = text if column.key == "name" else run.name
            tags = tuple(text.split()) if column.key == "tags" else run.tags
            self.labelled.emit(run.key, name, tags)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a cell; a check mark follows the selection, so that none
        is checked by itself.
        """
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        editable = self.columns[index.column()].editable
        return flags | Qt.ItemFlag.ItemIsEditable if editable else flags


class RunsFilter(QSortFilterProxyModel):
    """Shows the runs that hold every word, and sorts them by value: what is unknown comes last."""

    def __init__(self) -> None:
        super().__init__()
        self._words: list[str] = []
        self._keys: frozenset[str] | None = None
        self._texts: dict[object, str] = {}

    def look_for(self, text: str) -> None:
        """Show only runs that hold every word of a text."""
        self._words = text.lower().split()
        self.invalidate()

    def show_only(self, keys: frozenset[str] | None) -> None:
        """Show only runs of a group; None for all."""
        self._keys = keys
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        """Tell whether a run holds every word."""
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        run = model.runs[row]
        if self._keys is not None and run.key not in self._keys:
            return False
        if not self._words:
            return True
        index = (run.key, run.notes, run.name, run.tags)
        if index not in self._texts:
            words = " ".join(column.text(run) for column in COLUMNS)
            self._texts[index] = f"{words} {run.key}".lower()
        return all(word in self._texts[index] for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Compare two runs by a column."""
        model = self.sourceModel()
        assert isinstance(model, RunsModel)
        value = model.columns[left.column()].value
        item, other = value(model.runs[left.row()]), value(model.runs[right.row()])
        if item == item and other == other:
            return bool(item < other) if type(item) is type(other) else str(item) < str(other)
        known = (
            item == item,
            other == other,
        )  # what is unknown is not equal to itself, and comes last
        up = self.sortOrder() is Qt.SortOrder.AscendingOrder
        return known == ((True, False) if up else (False, True))


class RunsTable(QTableView):
    """The table: a click selects a run, a click on its box or Space one more, Enter shows and
    Delete deletes.

    Attributes
    ----------
    show_requested, delete_requested : Signal
        What is selected is to be shown, or deleted.
    """

    show_requested = Signal()
    delete_requested = Signal()

    def selectionCommand(
        self, index: Index, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        """Add a run to the selection, or take it out, where its box is clicked; all else as
        tables do.
        """
        flag = QItemSelectionModel.SelectionFlag
        if (
            isinstance(event, QMouseEvent)
            and index.isValid()
            and self._on_box(index, event.position().x())
        ):
            pressed = (
                event.type() == QEvent.Type.MouseButtonPress
                and event.button() == Qt.MouseButton.LeftButton
            )
            if not event.modifiers() and pressed:
                return flag.Toggle | flag.Rows
            if not event.modifiers() and event.button() != Qt.MouseButton.RightButton:
                return flag.NoUpdate
        return super().selectionCommand(index, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Show, delete and select by keys; all else as tables do."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_requested.emit()
        elif (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and self.state() != QAbstractItemView.State.EditingState
        ):
            self.show_requested.emit()
        elif event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            flag = QItemSelectionModel.SelectionFlag
            self.selectionModel().select(self.currentIndex(), flag.Toggle | flag.Rows)
        else:
            super().keyPressEvent(event)

    def _on_box(self, index: Index, x: float) -> bool:
        """Whether a place lies on the check box of a row."""
        if index.column() != 0:
            return False
        style = self.style()
        wide = style.pixelMetric(QStyle.PixelMetric.PM_IndicatorWidth, None, self) + 2 * _BOX_MARGIN
        return bool(0 <= x - self.visualRect(index).left() <= wide)


def _bold() -> QFont:
    font = QFont()
    font.setBold(True)
    return font


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
