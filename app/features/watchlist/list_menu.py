"""What finds and arranges the rows of the watchlist: the box to type in, and the menu."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from app.features.watchlist.row_order import (
    COLUMNS,
    ORDERS,
    USUAL_COLUMNS,
    column_words,
    order_words,
)
from app.number_format import number
from app.widgets.labels import text_label
from app.widgets.layouts import fill

#: Rows from which the box is shown: fewer are seen at once.
_MANY = 9


class _Box(QLineEdit):
    """A line that Esc empties before the window takes the key."""

    def event(self, event: QEvent) -> bool:
        """Take Esc from the window while there is something to empty."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and self.text():
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.clear()
                return True
        return super().event(event)


class ListFinder(QWidget):
    """A box for what is looked for in the list, and how much was found.

    Attributes
    ----------
    changed : Signal
        Something else is looked for.
    left : Signal
        The user goes on to the list.
    """

    changed = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.box = _Box()
        self.box.setPlaceholderText(self.tr("Find in the list"))
        self.box.setAccessibleName(self.tr("Find in the watchlist"))
        self.box.setToolTip(
            self.tr("Part of a symbol, a file or a group (Ctrl+Alt+F); Esc shows all again")
        )
        self.box.setClearButtonEnabled(True)
        self.box.textChanged.connect(self.changed)
        self._count = text_label(role="muted", wrap=False)
        fill(QHBoxLayout(self), (self.box, 1), self._count, margins=(0, 0, 0, 0), spacing=6)
        self.hide()

    @property
    def phrase(self) -> str:
        """What is looked for."""
        return self.box.text()

    def begin(self) -> None:
        """Show the box, and let the user type."""
        self.show()
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()

    def show_count(self, shown: int, total: int) -> None:
        """Say how many rows were found; the box is there where the list is long."""
        self.setVisible(total >= _MANY or bool(self.phrase) or self.box.hasFocus())
        words = self.tr("{n} of {all}")
        text = words.format(n=number(shown, 0), all=number(total, 0)) if self.phrase else ""
        self._count.setText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down and Enter go to the list."""
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left.emit()
        else:
            super().keyPressEvent(event)


class ListMenu(QMenu):
    """Order of the rows, what is shown of each, groups, and the list as a file.

    Attributes
    ----------
    order_chosen : Signal
        Name of an order, and whether it is reversed.
    columns_chosen : Signal
        Names of the columns.
    fold_requested : Signal
        All headings are to be folded (True) or unfolded.
    group_requested, import_requested, export_requested : Signal
        The marked rows are to be put into a group; the list is to be read or written.
    """

    order_chosen = Signal(str, bool)
    columns_chosen = Signal(object)
    fold_requested = Signal(bool)
    group_requested = Signal()
    import_requested = Signal()
    export_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._orders: dict[str, QAction] = {}
        self._columns: dict[str, QAction] = {}
        sorting = self.addMenu(self.tr("&Sort by"))
        group = QActionGroup(self)
        for name in ORDERS:
            action = sorting.addAction(order_words()[name])
            action.setCheckable(True)
            group.addAction(action)
            self._orders[name] = action
        sorting.addSeparator()
        self._reverse = sorting.addAction(self.tr("&The other way round"))
        self._reverse.setCheckable(True)
        for action in (*self._orders.values(), self._reverse):
            action.triggered.connect(
                lambda _checked=False: self.order_chosen.emit(self.order, self.reverse)
            )
        showing = self.addMenu(self.tr("S&how"))
        for name in COLUMNS:
            action = showing.addAction(column_words()[name])
            action.setCheckable(True)
            action.triggered.connect(lambda _checked=False: self._tell_columns())
            self._columns[name] = action
        self.addSeparator()
        self.addAction(self.tr("&Group…")).triggered.connect(self.group_requested)
        self._folds = [self.addAction(self.tr("&Fold all")), self.addAction(self.tr("&Unfold all"))]
        for action, folded in zip(self._folds, (True, False), strict=True):
            action.triggered.connect(
                lambda _checked=False, folded=folded: self.fold_requested.emit(folded)
            )
        self.addSeparator()
        self.addAction(self.tr("&Import list…")).triggered.connect(self.import_requested)
        self.addAction(self.tr("&Export list…")).triggered.connect(self.export_requested)
        self.show_order("", reverse=False)
        self.show_columns(USUAL_COLUMNS)

    @property
    def order(self) -> str:
        """Name of the order."""
        return next(name for name, action in self._orders.items() if action.isChecked())

    @property
    def reverse(self) -> bool:
        """Whether the order is reversed."""
        return self._reverse.isChecked()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are shown."""
        return tuple(name for name, action in self._columns.items() if action.isChecked())

    def offer_folding(self, able: bool) -> None:
        """Let headings be folded, where there are any."""
        for action in self._folds:
            action.setEnabled(able)

    def show_order(self, order: str, *, reverse: bool) -> None:
        """Check an order; nothing is emitted."""
        self._orders[order].setChecked(True)
        self._reverse.setChecked(reverse)

    def show_columns(self, columns: Collection[str]) -> None:
        """Check columns; nothing is emitted."""
        for name, action in self._columns.items():
            action.setChecked(name in columns)

    def _tell_columns(self) -> None:
        self.columns_chosen.emit(self.columns)
