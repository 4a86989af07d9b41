"""First and last rows of a file, with the role of each column above it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QLocale, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QTableWidget, QTableWidgetItem

from app.accessibility import literal
from app.theme import Theme
from forecasting.sources.files import ROLES, Reading

#: Columns of a file that are shown; a panel may have thousands.
_MOST_COLUMNS = 40
_WORDS = {
    "": "–", "date": "Date", "time": "Time", "symbol": "Symbol", "open": "Open", "high": "High",
    "low": "Low", "close": "Close",
    "adj_close": "Adj. close", "volume": "Volume", "bid": "Bid", "ask": "Ask", "year": "Year",
    "quarter": "Quarter", "month": "Month", "week": "ISO week", "day": "Day",
    "dayofyear": "Day of the year", "hour": "Hour",
    "minute": "Minute",
}  # fmt: skip


def _tr(text: str) -> str:
    return QCoreApplication.translate("ImportDialog", text)


def role_word(role: str) -> str:
    """Return what a role is called; ``bid_close`` and its like by their parts."""
    return _tr(_WORDS[role]) if role in _WORDS else role.replace("_", " ").capitalize()


class PreviewTable(QTableWidget):
    """First and last rows of a file; above each column the role it plays.

    Attributes
    ----------
    role_chosen : Signal
        Index of a column and its new role, "" for none.
    """

    role_chosen = Signal(int, str)

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._reading: Reading | None = None
        self._raw = False
        self.roles: list[QComboBox] = []
        self.setAccessibleName(_tr("First and last rows of the file"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setDefaultSectionSize(25)
        self.verticalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)

    def show_reading(self, reading: Reading) -> None:
        """Show the rows of a reading."""
        self._reading = reading
        columns = reading.columns[:_MOST_COLUMNS]
        if [column.name for column in columns] != [box.property("column") for box in self.roles]:
            self._make_columns(reading)
        for box, column in zip(self.roles, columns, strict=True):
            with QSignalBlocker(box):
                if box.findData(column.role) < 0:
                    box.addItem(role_word(column.role), column.role)
                box.setCurrentIndex(box.findData(column.role))
        self._fill()

    def show_raw(self, raw: bool) -> None:
        """Show cells as they stand in the file, or as they are understood."""
        self._raw = raw
        self._fill()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._fill()

    def _make_columns(self, reading: Reading) -> None:
        names = [column.name for column in reading.columns[:_MOST_COLUMNS]]
        self.clear()
        self.roles = []
        self.setRowCount(1)
        self.setColumnCount(len(names))
        self.setHorizontalHeaderLabels(names)
        for index, name in enumerate(names):
            box = QComboBox()
            box.setProperty("column", name)
            box.setAccessibleName(_tr("Role of column {name}").format(name=name))
            for role in ("", *ROLES):
                box.addItem(role_word(role), role)
            box.activated.connect(
                lambda _index, index=index, box=box: self.role_chosen.emit(index, box.currentData())
            )
            self.setCellWidget(0, index, box)
            self.roles.append(box)
        self.setRowHeight(0, 38)

    def _fill(self) -> None:
        reading = self._reading
        if reading is None:
            return
        rows = _numbered(reading, raw=self._raw)
        self.setRowCount(len(rows) + 1)
        self.setVerticalHeaderLabels([_tr("Role"), *(name for name, _raw, _read in rows)])
        for index, (_name, raw, read) in enumerate(rows, start=1):
            for column in range(self.columnCount()):
                self.setItem(index, column, self._cell(raw, read, column, reading))
        self.resizeColumnsToContents()
        for column, box in enumerate(self.roles):
            self.setColumnWidth(
                column, min(max(self.columnWidth(column), box.sizeHint().width() + 6), 260)
            )

    def _cell(
        self, raw: Sequence[str], read: Sequence[str], column: int, reading: Reading
    ) -> QTableWidgetItem:
        role = reading.columns[column].role
        before, after = (cells[column] if column < len(cells) else "" for cells in (raw, read))
        lost = bool(role and before.strip() and not after)
        item = QTableWidgetItem(before if self._raw or lost or not role else after)
        if before != after and role:
            item.setToolTip(
                literal(
                    (_tr("cannot be read: {cell}") if lost else _tr("in the file: {cell}")).format(
                        cell=before
                    )
                )
            )
        if role not in ("", "date", "time", "symbol"):
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if self._theme and (lost or not role):
            item.setForeground(QColor(self._theme.danger if lost else self._theme.muted))
        return item


def _numbered(reading: Reading, *, raw: bool) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """Return the rows to show, each with its number, as they stand in the file and as
    understood; "…" stands for those left out.
    """
    number = QLocale().toString
    first = list(zip(reading.first, reading.first_read or reading.first, strict=True))
    rows: list[tuple[str, Sequence[str], Sequence[str]]] = [
        (number(index), *cells) for index, cells in enumerate(first, start=1)
    ]
    rest = max(0, min(reading.rows - len(first), len(reading.last)))
    if rest:
        last = list(zip(reading.last, reading.last_read or reading.last, strict=True))[-rest:]
        between = reading.rows - len(first) - rest
        if between > 0 or reading.sampled:
            rows.append(("…", (), ()))
        start = 0 if reading.sampled else reading.rows - rest + 1
        rows += [
            (number(start + index) if start else "", *cells) for index, cells in enumerate(last)
        ]
    return rows
