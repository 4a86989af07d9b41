"""Every command of the menus, recent files and samples among them, found by typing a few letters
of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
)
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

from app.widgets.layouts import fill

#: Width in pixels at most, rows seen at once, and room around the text of a row.
_WIDTH, _ROWS, _ROOM = 640, 12, 8
#: Letters from which on a word is also looked for within words, and words that an acronym passes
#: over.
_INSIDE = 3
_SMALL = frozenset({"a", "an", "and", "as", "for", "of", "on", "the", "to", "with"})
#: Other words for commands, by the name of their action.
_ALSO = {
    "open": "load file read", "import": "csv excel columns dates format load file",
    "paste": "clipboard table spreadsheet cells",
    "ticker": "stock symbol yahoo download quote",
    "new_project": "clear empty start", "save_project": "store write",
    "reload": "refresh update again", "quit": "exit close leave",
    "offline": "network internet cache", "use_model": "predict load inference apply",
    "save_model": "network weights store write",
    "export": "save picture image png svg pdf csv html report write",
    "copy": "clipboard picture image", "train": "fit learn run start",
    "undo": "revert back", "redo": "again", "pause": "wait resume hold",
    "longer": "continue more epochs further",
    "backtest": "walk forward cross validation history evaluate test",
    "inputs": "exogenous covariates columns features exog regressors",
    "combine": "ensemble weights average blend stack quantiles mixture",
    "explain": "attribution importance feature saliency integrated gradients shap reason",
    "audit": "leakage look-ahead lookahead check",
    "past_previous": "replay history back", "past_next": "replay history forward",
    "past_play": "replay history animate movie", "past_worst": "replay errors misses jump",
    "past_best": "replay hits jump", "past_outside": "replay misses surprises band jump",
    "stop": "halt end finish keep",
    "cancel": "abort discard",
    "fit": "reset zoom all whole everything", "full_screen": "maximise maximize",
    "tour": "tutorial guide introduction help welcome", "docs": "manual handbook readme help",
    "shortcuts": "keys keyboard hotkeys help", "log": "errors faults folder",
    "about": "version licence license",
    "style-candles": "candlestick ohlc",
    "draw-horizontal": "level support resistance price line drawing",
    "draw-vertical": "date mark line drawing", "draw-trend": "trendline line drawing",
    "draw-ray": "trendline line drawing", "draw-rectangle": "box zone area drawing",
    "draw-note": "text annotation comment label drawing",
    "draw-measure": "ruler distance difference change percent bars days",
    "draw-magnet": "snap ohlc", "draw-hide": "lines annotations show",
    "draw-clear": "remove lines annotations", "draw-bar": "toolbar lines annotations",
    "charts-1": "grid single", "charts-2": "grid split side by side 1x2",
    "charts-4": "grid split 2x2",
    "layout-look": "preset arrange panels chart alone", "layout-train": "preset arrange panels",
    "layout-judge": "preset arrange panels results",
    "style-bars": "ohlc", "scale-log": "exponential", "scale-percent": "relative change compare",
    "theme-dark": "night black mode",
    "theme-light": "day white mode", "theme-system": "automatic mode",
}  # fmt: skip
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
    also : str
        Other words under which it is found.
    """

    text: str
    where: str
    keys: str
    why: str
    do: Callable[[], object]
    also: str = ""


def entries(menus: Sequence[QMenu], why: Callable[[QAction], str]) -> Iterator[Entry]:
    """Go through everything that stands in menus; ``why`` tells of a disabled action what it
    waits for.
    """
    for menu in menus:
        yield from _below(menu, menu.title().replace("&", ""), why, enabled=True)


def distance(query: str, text: str, also: str = "") -> float | None:
    """Return how far a text is from what was typed; None where it does not fit.

    Each word of the query has to be found: as the beginning of a word (0), as the beginnings of
    words in a row, such as "rsi" of "Relative strength index" (0.5), as a word of ``also`` (1), or,
    from three letters on, within a word (2). Letters that are only somewhere in the text do not
    count.
    """
    words, others = _words(text), _words(also)
    total = 0.0
    for typed in query.casefold().split():
        found = _found(typed, words, others)
        if found is None:
            return None
        total += found
    return total


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:[.'’&-][^\W_]+)*", text.casefold())


def _found(typed: str, words: Sequence[str], others: Sequence[str]) -> float | None:
    """Return how far one typed word is from a text; see :func:`distance`.

    Earlier words of the text are a little nearer.
    """
    for index, word in enumerate(words):
        if word.startswith(typed):
            return index / 1000
    for index in range(len(words)):
        if _beginnings(typed, words[index:]):
            return 0.5 + index / 1000
    if any(word.startswith(typed) for word in others):
        return 1.0
    if len(typed) >= _INSIDE:
        for index, word in enumerate(words):
            if typed in word:
                return 2 + index / 1000
    return None


def _beginnings(typed: str, words: Sequence[str]) -> bool:
    """Whether a word is made of beginnings of words in a row, each of one letter or more; short
    words may be passed over.
    """
    if not typed:
        return True
    if not words:
        return False
    word, rest = words[0], words[1:]
    longest = next(
        (n for n in range(min(len(typed), len(word)), -1, -1) if typed[:n] == word[:n]), 0
    )
    if any(_beginnings(typed[n:], rest) for n in range(longest, 0, -1)):
        return True
    return word in _SMALL and _beginnings(typed, rest)


def _below(
    menu: QMenu, where: str, why: Callable[[QAction], str], *, enabled: bool
) -> Iterator[Entry]:
    for action in menu.actions():
        below = action.menu()
        if isinstance(below, QMenu):
            yield from _below(
                below,
                f"{where} › {below.title().replace('&', '')}",
                why,
                enabled=enabled and action.isEnabled(),
            )
        elif not action.isSeparator() and action.isVisible():
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            yield Entry(
                action.iconText(),
                where,
                keys,
                "" if action.isEnabled() and enabled else why(action),
                action.trigger,
                _ALSO.get(action.objectName(), ""),
            )


class _Rows(QStyledItemDelegate):
    """Draws the name of a command on the left, where it stands beside it, and its keys or what
    it waits for on the right.
    """

    def sizeHint(
        self, option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(100, option.fontMetrics.height() + 2 * _ROOM)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        entry: Entry = index.data(_ENTRY)
        style = QApplication.style()
        blank = QStyleOptionViewItem(option)
        blank.state &= ~QStyle.StateFlag.State_HasFocus
        style.drawPrimitive(
            QStyle.PrimitiveElement.PE_PanelItemViewItem, blank, painter, option.widget
        )
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
        where = painter.fontMetrics().elidedText(
            entry.where, Qt.TextElideMode.ElideRight, max(room - taken, 0)
        )
        painter.drawText(inner.adjusted(taken, 0, 0, 0), middle, where)
        painter.restore()


class Palette(QDialog):
    """A field above a list of commands: typing finds, the arrow keys choose, Enter does, Esc
    closes.

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
        self.field, self.list, self._none = (
            QLineEdit(placeholderText=self.tr("Type a command, a recent file or a sample")),
            QListWidget(),
            QLabel(self.tr("Nothing is called like that.")),
        )
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
        rows = fill(QVBoxLayout(self), margins=(10, 10, 10, 10), spacing=8)
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

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        """Let arrow keys go through the list and Enter do what is chosen while the field keeps
        the focus.
        """
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _SCROLLING:
                QApplication.sendEvent(self.list, event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        """Close once another window is used.

        Hiding a window deactivates it, so this is done only after the present event: to close it
        once more in the midst of hiding would finish it twice, and leave Qt with a modal window
        that is never taken off its list.
        """
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange:
            if self._seen_active and not self.isActiveWindow():
                QTimer.singleShot(0, self, self._leave)
            self._seen_active = self._seen_active or self.isActiveWindow()

    def _leave(self) -> None:
        """Close if still open and still not the window in use."""
        if self.isVisible() and not self.isActiveWindow():
            self.reject()

    def _filter(self, typed: str) -> None:
        """Show what fits, the nearest first; what cannot be done now counts as farther away."""
        near = [
            (found + bool(one.why), index)
            for index, one in enumerate(self._offered)
            if (found := _fit(typed, one)) is not None
        ]
        self.list.clear()
        for _, index in sorted(near):
            one = self._offered[index]
            item = QListWidgetItem(one.text, self.list)
            item.setData(_ENTRY, one)
            item.setData(
                Qt.ItemDataRole.AccessibleTextRole,
                ", ".join(filter(None, (one.text, one.where, one.keys, one.why))),
            )
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
        self.field.setAccessibleDescription(
            str(item.data(Qt.ItemDataRole.AccessibleTextRole)) if item else ""
        )

    def _do(self, item: QListWidgetItem | None) -> None:
        if item is None or item.data(_ENTRY).why:
            return
        entry: Entry = item.data(_ENTRY)
        self.accept()
        entry.do()


def _fit(typed: str, entry: Entry) -> float | None:
    """Return how far an entry is from what was typed; its name counts for more than where it
    stands.
    """
    named = distance(typed, entry.text, entry.also)
    within = distance(typed, f"{entry.where} {entry.text}", entry.also)
    fit = named if named is not None else within + 1 if within is not None else None
    return fit + len(entry.text) / 10_000 if fit is not None and typed.strip() else fit
