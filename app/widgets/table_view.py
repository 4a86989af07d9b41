"""Tables of numbers as people read them: sorted by a click, copied by Ctrl+C."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QLocale,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import (
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.accessibility import literal
from app.charts.plot import Columns
from app.export.tables import clipboard_text
from app.number_format import number, significant

_Index = QModelIndex | QPersistentModelIndex
#: Rows whose content decides on the widths of columns.
_MEASURED = 200
#: Decimals of a column of percentages: its numbers are compared down the column.
_PERCENT_DECIMALS = 1
#: Digits of the middle one of other numbers, and decimals beyond which each has an exponent.
_DIGITS, _MOST_DECIMALS = 4, 6
#: Letters from which on a text may be cut off, so that a tool tip shows all of it.
_LONG = 24
#: Least room for wrapped texts, in pixels.
_LEAST_WRAPPED = 260
#: Padding of a cell at either side, in pixels.
_PADDING = 8


class TableModel(QAbstractTableModel):
    """Columns as Qt's views want them."""

    def __init__(
        self, sheet: Columns, tips: Sequence[str] = (), decimals: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        self.sheet = sheet
        self._rows = len(next(iter(sheet.values()), ()))
        self._heads, self._columns, self._tips = tuple(sheet), list(sheet.values()), tips
        self._decimals = [
            (decimals or {}).get(head, _decimals(head, column)) for head, column in sheet.items()
        ]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of rows."""
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return one value as text, or as what it is sorted by."""
        value = self._columns[index.column()][index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            decimals = self._decimals[index.column()]
            if decimals is None or not _is_finite(value):
                return _shown(value)
            text = number(float(value), decimals)
            return f"−{text[1:]}" if text.startswith("-") else text
        if role == Qt.ItemDataRole.UserRole:
            return _sortable(value)
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str) and len(value) > _LONG:
            return literal(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if _is_number(value) else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the heading of a column, its tip, or its side."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._heads[section]
        if role == Qt.ItemDataRole.ToolTipRole and section < len(self._tips):
            return self._tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = self._rows and _is_number(self._columns[section][0])
            return (
                Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            ) | Qt.AlignmentFlag.AlignVCenter
        return None


class _WrappedText(QStyledItemDelegate):
    """Gives wrapped texts the height that they need beside the padding of the style sheet."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the size of one cell."""
        narrower = QStyleOptionViewItem(option)
        narrower.rect.setWidth(narrower.rect.width() - 2 * _PADDING)
        return super().sizeHint(narrower, index)


class TableView(QTableView):
    """Shows a sheet; one that is hidden measures its columns when it comes to the front.

    Parameters
    ----------
    name : str
        For those who cannot see it.
    chosen : callable, optional
        Called with the row of the sheet that was double-clicked or entered.
    empty : str
        What is written where there are no rows.
    wrapped : bool
        Give the last column the room that is left, and wrap its texts; where that is little, the
        columns between the first and the last give way.
    """

    def __init__(
        self,
        name: str,
        chosen: Callable[[int], None] | None = None,
        empty: str = "",
        *,
        wrapped: bool = False,
    ) -> None:
        super().__init__()
        self._empty = empty
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self._wrapped, self._widths = wrapped, [0]
        self.setWordWrap(wrapped)
        if wrapped:
            self.setItemDelegate(_WrappedText(self))
            self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setSortingEnabled(True)
        self.setMinimumSize(120, 56)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.setModel(self._sorted)
        if chosen:
            self.activated.connect(lambda index: chosen(self._sorted.mapToSource(index).row()))
        self._measured = True
        self.show_sheet({})

    @property
    def sheet(self) -> Columns:
        """What is shown."""
        model = self._sorted.sourceModel()
        assert isinstance(model, TableModel)
        return model.sheet

    def show_sheet(
        self, sheet: Columns, tips: Sequence[str] = (), decimals: Mapping[str, int] | None = None
    ) -> None:
        """Show this instead, unsorted.

        Parameters
        ----------
        sheet : Columns
        tips : sequence of str
            Explain the headings.
        decimals : mapping of str to int, optional
            By heading, where the size of the numbers does not choose well.
        """
        model = TableModel(sheet, tips, decimals)
        model.setParent(self)
        old = self._sorted.sourceModel()
        self._sorted.setSourceModel(model)
        if old is not None:
            old.deleteLater()
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setAccessibleDescription("" if model.rowCount() else self._empty)
        self._measured = False
        if self.isVisible():
            self._measure()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Write what is missing where there are no rows."""
        super().paintEvent(event)
        if self._empty and not self._sorted.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(24, 12, -24, -12), flags, self._empty)

    def showEvent(self, event: QShowEvent) -> None:
        """Come to the front with columns as wide as their content."""
        if not self._measured:
            self._measure()
        super().showEvent(event)

    def _measure(self) -> None:
        """Make the columns as wide as their content."""
        self._measured = True
        self.horizontalHeader().setResizeContentsPrecision(_MEASURED)
        count = self._sorted.columnCount()
        for column in range(count):
            self.setColumnHidden(column, False)
        self.resizeColumnsToContents()
        self._widths = [self.horizontalHeader().sectionSize(column) for column in range(count)]
        self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let columns give way where the last one has too little room."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        last = self._sorted.columnCount() - 1
        if not self._wrapped or not self._measured or last < 0:
            return
        left = self.viewport().width() - sum(self._widths[:-1])
        narrow = left < _LEAST_WRAPPED
        for column in range(1, last):
            self.setColumnHidden(column, narrow)
        if narrow:
            left += sum(self._widths[1:-1])
        self.setColumnWidth(last, left)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy the selected rows, or all, with their headings."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the selected rows, or all, onto the clipboard as a table."""
        chosen = sorted({self._sorted.mapToSource(index).row() for index in self.selectedIndexes()})
        sheet = self.sheet
        if chosen:
            sheet = {head: np.asarray(column)[chosen] for head, column in sheet.items()}
        QApplication.clipboard().setText(clipboard_text(sheet))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if isinstance(value, float | np.floating):
        return significant(float(value))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return QLocale().toString(int(value))
    return _date(value) if isinstance(value, np.datetime64) else str(value)


def _decimals(head: str, column: object) -> int | None:
    """Return how many decimals the numbers of a column have, so that they can be compared down the
    column; None where each is written for itself.
    """
    if not isinstance(column, np.ndarray) or column.dtype.kind != "f":
        return _PERCENT_DECIMALS if head.endswith("%") else None
    known = np.abs(column[np.isfinite(column)])
    if head.endswith("%") or not known.size:
        return _PERCENT_DECIMALS
    if (known == np.rint(known)).all():
        return 0
    usual = float(np.median(known[known > 0]))
    decimals = _DIGITS - 1 - math.floor(math.log10(usual))
    return max(decimals, 0) if decimals <= _MOST_DECIMALS else None


def _is_finite(value: object) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isfinite(value))


def _sortable(value: object) -> object:
    """Return what Qt can compare: unknown numbers come first."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else -math.inf
    if isinstance(value, int | np.integer):
        return int(value)
    return _date(value) if isinstance(value, np.datetime64) else str(value)


def _date(value: np.datetime64) -> str:
    """Write a date, with its time where it has one."""
    if np.isnat(value):
        return "–"
    day, _, time = str(value.astype("datetime64[m]")).partition("T")
    return day if time in ("", "00:00") else f"{day} {time}"
