"""Tickers: the box in which they are typed, what is fetched of them, and the dialog that adds
some or changes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QEvent, QObject, QPoint, QStringListModel, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.widgets.form_builder import SettingsForm
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from forecasting.sources.options import USUAL, Request, TickerOptions

#: Widths in pixels of the box in the toolbar, and of the panel below the button beside it.
_FIELD, _PANEL = 190, 280
_MOST_SHOWN = 12


def tickers_in(text: str) -> tuple[str, ...]:
    """Return the tickers in a text, parted by commas, semicolons or blanks, each once."""
    words = text.replace(",", " ").replace(";", " ").upper().split()
    return tuple(dict.fromkeys(words))


class TickerField(QLineEdit):
    """Where tickers are typed; Enter loads them, and recent ones are offered for the word at the
    cursor.

    Attributes
    ----------
    tickers_entered : Signal
        References ``yahoo:TICKER``, one for each word.
    recent_requested : Signal
        The user has come here: recent tickers are to be given to :meth:`show_recent`.
    """

    tickers_entered = Signal(object)
    recent_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText(self.tr("Tickers, e.g. AAPL, MSFT"))
        self.setAccessibleName(self.tr("Tickers"))
        self.setToolTip(
            self.tr("Load prices from Yahoo Finance: one ticker or several, then Enter (Ctrl+L)")
        )
        self.setClearButtonEnabled(True)
        for button in self.findChildren(QToolButton):
            button.setAccessibleName(self.tr("Clear the tickers"))
        self.setMaxLength(400)
        self._recent = QStringListModel(self)
        self._completer = QCompleter(self._recent, self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setMaxVisibleItems(_MOST_SHOWN)
        self._completer.setWidget(self)
        self._popup = cast("QAbstractItemView", self._completer.popup())
        self._popup.setAccessibleName(self.tr("Recent tickers"))
        self._completer.activated.connect(self._take)
        self.textEdited.connect(self._offer)
        self.returnPressed.connect(self._entered)

    def ask(self) -> None:
        """Take the keyboard, ready for a new ticker."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()
        self.recent_requested.emit()

    def show_recent(self, tickers: Sequence[str]) -> None:
        """Offer these tickers from now on."""
        self._recent.setStringList(list(tickers))

    @property
    def references(self) -> tuple[str, ...]:
        """What is typed, as references."""
        return tuple(f"yahoo:{word}" for word in tickers_in(self.text()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Ask for recent tickers when the user comes here; not when the window does."""
        super().focusInEvent(event)
        reason = Qt.FocusReason
        if event.reason() in (
            reason.MouseFocusReason,
            reason.TabFocusReason,
            reason.BacktabFocusReason,
        ):
            self.recent_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the recent tickers with the Down key; what they want of the keys, they get."""
        popup = self._popup
        if popup.isVisible() and event.key() in (
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
            Qt.Key.Key_Escape,
            Qt.Key.Key_Tab,
        ):
            if popup.currentIndex().isValid() or event.key() == Qt.Key.Key_Escape:
                event.ignore()
                return
            popup.hide()
        if event.key() == Qt.Key.Key_Down and not popup.isVisible():
            self._complete(self._word())
            return
        super().keyPressEvent(event)

    def _word(self) -> str:
        """Return the beginning of the word at the cursor."""
        before = self.text()[: self.cursorPosition()].replace(",", " ").replace(";", " ")
        return before.rpartition(" ")[2]

    def _offer(self) -> None:
        word = self._word()
        if word:
            self._complete(word)
        else:
            self._popup.hide()

    def _complete(self, word: str) -> None:
        self._completer.setCompletionPrefix(word)
        if (
            self._completer.completionCount() == 0
            or self._completer.currentCompletion().upper() == word.upper()
        ):
            self._popup.hide()
            return
        self._completer.complete()

    def _take(self, ticker: str) -> None:
        """Put a ticker in the place of the word at the cursor."""
        end = self.cursorPosition()
        start = end - len(self._word())
        self.setText(f"{self.text()[:start]}{ticker}{self.text()[end:]}")
        self.setCursorPosition(start + len(ticker))

    def _entered(self) -> None:
        if self.references:
            self.tickers_entered.emit(self.references)


class TickerSettings(QToolButton):
    """A button that tells how much of a ticker is fetched, with a panel to change that.

    Attributes
    ----------
    changed : Signal
        Other options were chosen.
    offline_changed : Signal
        Whether to work without the network.
    """

    changed = Signal(object)
    offline_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ticker_settings")
        self.setAccessibleName(self.tr("What is fetched of a ticker"))
        self.setToolTip(
            self.tr("History, distance of bars and kind of prices that are fetched of a ticker")
        )
        self._panel = QFrame(self, Qt.WindowType.Popup)
        self._panel.setProperty("role", "card")
        self._panel.setAccessibleName(self.tr("What is fetched of a ticker"))
        self._panel.installEventFilter(self)
        self.form = SettingsForm(TickerOptions)
        self.offline = QCheckBox(self.tr("Work offline"))
        self.offline.setToolTip(
            self.tr("Take tickers from the price cache of this computer, and tell how old they are")
        )
        fill(QVBoxLayout(self._panel), self.form, self.offline, margins=(14, 12, 14, 12), spacing=8)
        self._panel.setFixedWidth(_PANEL)
        self.form.show_settings(USUAL)
        self.clicked.connect(self.open)
        self.form.changed.connect(self._form_changed)
        self.offline.toggled.connect(self._offline_toggled)
        self._tell()

    @property
    def options(self) -> TickerOptions:
        """What is chosen."""
        return self.form.settings()

    def show_options(self, options: TickerOptions, *, offline: bool) -> None:
        """Show what holds."""
        self.form.show_settings(options)
        self.offline.setChecked(offline)
        self._tell()

    def open(self) -> None:
        """Show the panel below the button, and give it the keyboard."""
        self._panel.adjustSize()
        self._panel.move(self.mapToGlobal(QPoint(0, self.height() + 2)))
        self._panel.show()
        self.form.fields["period"].setFocus()

    def close_panel(self) -> None:
        """Hide the panel."""
        self._panel.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close the panel with Esc and Enter."""
        keys = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.KeyPress
            and event.key() in keys
        ):
            self.close_panel()
            self.setFocus()
            return True
        return super().eventFilter(watched, event)

    def _form_changed(self) -> None:
        self._tell()
        self.changed.emit(self.options)

    def _offline_toggled(self, offline: bool) -> None:
        self._tell()
        self.offline_changed.emit(offline)

    def _tell(self) -> None:
        """Write the choice on the button, as short as it can be."""
        chosen = self.options
        parts = [
            chosen.period,
            chosen.interval,
            self.tr("raw") if chosen.raw else "",
            self.tr("offline") if self.offline.isChecked() else "",
        ]
        text = " · ".join(filter(None, parts))
        self.setText(f"{text} ▾")
        self.setAccessibleDescription(text)


class TickerDialog(QDialog):
    """Asks for tickers to add, or for what is fetched of one that is there.

    Parameters
    ----------
    options : TickerOptions
        What to start with.
    request : Request, optional
        The ticker whose options are to be changed; tickers to add are asked for where it is left
        out.
    parent : QWidget, optional

    Attributes
    ----------
    recent_requested : Signal
        Recent tickers are to be given to :meth:`show_recent`.
    """

    recent_requested = Signal()

    def __init__(
        self,
        options: TickerOptions = USUAL,
        request: Request | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._request = request
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        ticker = request.reference.partition(":")[2] if request else ""
        self.setWindowTitle(
            self.tr("Options of {ticker}").format(ticker=ticker)
            if request
            else self.tr("Add tickers")
        )
        self.field, self.recent = TickerField(), QListWidget()
        self.field.setText(ticker)
        self.field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.form = SettingsForm(TickerOptions)
        self.form.show_settings(options)
        self.load = QPushButton(self.tr("Load") if request else self.tr("Add"))
        self._lay_out(adding=request is None)
        complete(self)
        take_literally(self)
        self.field.textChanged.connect(self._check)
        self.recent.itemActivated.connect(lambda item: self._add_word(item.text()))
        self.recent.itemClicked.connect(lambda item: self._add_word(item.text()))
        self._check()

    @property
    def requests(self) -> tuple[Request, ...]:
        """What was asked for."""
        options = self.form.settings()
        if self._request:
            return (self._request.model_copy(update={"ticker": options}),)
        return tuple(
            Request(reference=reference, ticker=options) for reference in self.field.references
        )

    def start(self) -> None:
        """Ask for recent tickers."""
        if self._request is None:
            self.recent_requested.emit()
            self.field.setFocus()

    def show_recent(self, tickers: Sequence[str]) -> None:
        """Offer these tickers."""
        self.field.show_recent(tickers)
        self.recent.clear()
        self.recent.addItems(list(tickers))
        for part in (self.recent, self._recent_title):
            part.setVisible(bool(tickers) and self._request is None)
        self.adjustSize()

    def _lay_out(self, *, adding: bool) -> None:
        rows = fill(QVBoxLayout(self), margins=(18, 16, 18, 14), spacing=10)
        hint = text_label(
            self.tr(
                "As on finance.yahoo.com: AAPL, SAP.DE, ^GSPC, BTC-USD, EURUSD=X. Several are "
                "parted by commas."
            ),
            "muted",
        )
        self._recent_title = text_label(self.tr("Recent"), "heading", wrap=False)
        self.recent.setAccessibleName(self.tr("Recent tickers"))
        self.recent.setMaximumHeight(150)
        for part in (self.field, hint, self._recent_title, self.recent):
            part.setVisible(adding)
            rows.addWidget(part)
        self._recent_title.hide()
        self.recent.hide()
        fill(rows, self.form, STRETCH)
        buttons = QDialogButtonBox()
        self.load.setProperty("primary", True)
        self.load.setDefault(True)
        buttons.addButton(self.load, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        rows.addWidget(buttons)
        self.setMinimumWidth(400)

    def _add_word(self, ticker: str) -> None:
        """Add a recent ticker to what is typed."""
        words = tickers_in(self.field.text())
        self.field.setText(", ".join((*words, ticker) if ticker not in words else words))

    def _check(self) -> None:
        ready = bool(self.field.references)
        self.load.setEnabled(ready)
        self.load.setToolTip("" if ready else self.tr("Type a ticker first."))
