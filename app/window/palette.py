"""Every command of the menus, recent files and samples among them, found by typing a few letters of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QFont, QKeyEvent, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

#: Width in pixels at most, rows seen at once, and room around the text of a row.
_WIDTH, _ROWS, _ROOM = 640, 12, 8
#: Over how many times its length the letters of a word may be spread.
_LOOSEST = 3.5
_ENTRY = Qt.ItemDataRole.UserRole
_SCROLLING = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


@dataclass(frozen=True)
class Entry:
    """One thing that can be done.

    Attributes
    ----------
    text, where, keys : str
        What it is called, the menus it stands in, and its shortcut, or "".
    why : str
        Why it cannot be done now; "" where it can.
    do : callable
    """

    text: str
    where: str
    keys: str
    why: str
    do: Callable[[], object]


def entries(menus: Sequence[QMenu], why: Callable[[QAction], str]) -> Iterator[Entry]:
    """Go through everything that stands in menus; ``why`` tells of a disabled action what it waits for."""
    for menu in menus:
        yield from _below(menu, menu.title().replace("&", ""), why, enabled=True)


def distance(query: str, text: str) -> float | None:
    """Return how far a text is from what was typed; None where it does not fit.

    Each word of the query has to be found: at the start of a word (0), within one (1), or as letters spread in this order (2 and more).
    """
    lower, total = text.casefold(), 0.0
    for word in query.casefold().split():
        place = lower.find(word)
        if place < 0:
            spread = _spread(word, lower)
            if spread is None:
                return None
            total += 2 + spread
        else:
            total += 0 if f" {word}" in f" {lower}" else 1
            total += place / 1000
    return total


def _spread(word: str, text: str) -> float | None:
    """Return over how many times its length the letters of a word are spread in a text; None where they do not all come in this order."""
    place, first = -1, -1
    for letter in word:
        place = text.find(letter, place + 1)
        if place < 0:
            return None
        first = place if first < 0 else first
    spread = (place - first + 1) / len(word)
    return spread if spread <= _LOOSEST else None


def _below(menu: QMenu, where: str, why: Callable[[QAction], str], *, enabled: bool) -> Iterator[Entry]:
    for action in menu.actions():
        below = action.menu()
        if isinstance(below, QMenu):
            yield from _below(below, f"{where} › {below.title().replace('&', '')}", why, enabled=enabled and action.isEnabled())
        elif not action.isSeparator() and action.isVisible():
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            yield Entry(action.iconText(), where, keys, "" if action.isEnabled() and enabled else why(action), action.trigger)


class _Rows(QStyledItemDelegate):
    """Draws the name of a command on the left, where it stands beside it, and its keys or what it waits for on the right."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802 - Qt's name
        return QSize(100, option.fontMetrics.height() + 2 * _ROOM)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        entry: Entry = index.data(_ENTRY)
        style = QApplication.style()
        blank = QStyleOptionViewItem(option)
        blank.state &= ~QStyle.StateFlag.State_HasFocus
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, blank, painter, option.widget)
        palette: QPalette = option.palette
        inner: QRect = option.rect.adjusted(_ROOM + 2, 0, -_ROOM - 2, 0)
        painter.save()
        muted = palette.color(QPalette.ColorRole.PlaceholderText)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(muted)
        right = entry.why or entry.keys
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, right)
        room = inner.width() - painter.fontMetrics().horizontalAdvance(right) - 16
        bold = QFont(painter.font())
        bold.setWeight(QFont.Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(muted if entry.why else palette.color(QPalette.ColorRole.Text))
        name = painter.fontMetrics().elidedText(entry.text, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(inner, middle, name)
        taken = painter.fontMetrics().horizontalAdvance(name) + 12
        painter.setFont(option.font)
        painter.setPen(muted)
        where = painter.fontMetrics().elidedText(entry.where, Qt.TextElideMode.ElideRight, max(room - taken, 0))
        painter.drawText(inner.adjusted(taken, 0, 0, 0), middle, where)
        painter.restore()


class Palette(QDialog):
    """A field above a list of commands: typing finds, the arrow keys choose, Enter does, Esc closes.

    Parameters
    ----------
    window : QMainWindow
        Whose commands they are; the list opens over its upper part.
    offered : sequence of Entry
    """

    def __init__(self, window: QMainWindow, offered: Sequence[Entry]) -> None:
        super().__init__(window, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("palette")
        self.setWindowTitle(self.tr("Commands"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._offered, self._seen_active = tuple(offered), False
        self.field, self.list, self._none = QLineEdit(), QListWidget(), QLabel(self.tr("Nothing is called like that."))
        self.field.setPlaceholderText(self.tr("Type a command, a recent file or a sample"))
        self.field.setAccessibleName(self.tr("Find a command"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.list.setAccessibleName(self.tr("Commands"))
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setFocusProxy(self.field)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._do)
        self.list.currentItemChanged.connect(self._say)
        self._none.setProperty("role", "muted")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(10, 10, 10, 10)
        rows.setSpacing(8)
        for part in (self.field, self._none, self.list):
            rows.addWidget(part)
        self._filter("")
        self.setFixedWidth(min(_WIDTH, window.width() - 40))
        self.adjustSize()
        corner = window.mapToGlobal(QPoint((window.width() - self.width()) // 2, 60))
        self.move(corner)

    @property
    def found(self) -> list[Entry]:
        """What fits to what was typed, the nearest first."""
        return [self.list.item(row).data(_ENTRY) for row in range(self.list.count())]

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override] # noqa: N802 - Qt's name
        """Let arrow keys go through the list and Enter do what is chosen while the field keeps the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _SCROLLING:
                QApplication.sendEvent(self.list, event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Close once another window is used.

        Hiding a window deactivates it: to close it once more in the midst of that would leave Qt with
        a modal window that is never taken off its list, and the whole program deaf to the mouse.
        """
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isVisible():
            if self._seen_active and not self.isActiveWindow():
                QTimer.singleShot(0, self, self._leave)
            self._seen_active = self._seen_active or self.isActiveWindow()

    def _leave(self) -> None:
        """Close if still open and still not the window in use."""
        if self.isVisible() and not self.isActiveWindow():
            self.reject()

    def _filter(self, typed: str) -> None:
        """Show what fits, the nearest first; what cannot be done now counts as farther away."""
        near = [(found + bool(one.why), place) for place, one in enumerate(self._offered) if (found := _fit(typed, one)) is not None]
        self.list.clear()
        for _, place in sorted(near):
            one = self._offered[place]
            item = QListWidgetItem(one.text, self.list)
            item.setData(_ENTRY, one)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (one.text, one.where, one.keys, one.why))))
            if one.why:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
        self._none.setVisible(not near)
        self.list.setVisible(bool(near))
        self.list.setFixedHeight(min(len(near), _ROWS) * max(self.list.sizeHintForRow(0), 1) + 4)
        self.adjustSize()
        if near and not self._offered[min(near)[1]].why:
            self.list.setCurrentRow(0)
        else:
            self._say(None)

    def _say(self, item: QListWidgetItem | None) -> None:
        """Tell screen readers what is chosen: the focus stays in the field."""
        self.field.setAccessibleDescription(str(item.data(Qt.ItemDataRole.AccessibleTextRole)) if item else "")

    def _do(self, item: QListWidgetItem | None) -> None:
        if item is None or item.data(_ENTRY).why:
            return
        entry: Entry = item.data(_ENTRY)
        self.accept()
        entry.do()


def _fit(typed: str, entry: Entry) -> float | None:
    """Return how far an entry is from what was typed; its name counts for more than where it stands."""
    named = distance(typed, entry.text)
    within = distance(typed, f"{entry.where} {entry.text}")
    fit = named if named is not None else within + 1 if within is not None else None
    return fit + len(entry.text) / 10_000 if fit is not None and typed.strip() else fit
