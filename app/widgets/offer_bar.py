"""An offer above the chart, which stops nobody: one line, and what may become of it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from app.theme import Theme, icon
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.message_bar import MessageBar


class OfferBar(MessageBar):
    """One line of text with a button that accepts, one that discards and one that hides it.

    Parameters
    ----------
    title : str
        Accessible name.
    accept : tuple of str
        Text and tip of the button that accepts.
    discard_tip, later_tip : str
        Tips of the other two.

    Attributes
    ----------
    accept_requested, discard_requested, later_requested : Signal
        The user has chosen.
    accept, discard : QPushButton
    """

    accept_requested = Signal()
    discard_requested = Signal()
    later_requested = Signal()

    def __init__(
        self, title: str, accept: tuple[str, str], discard_tip: str, later_tip: str
    ) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self._picture = QLabel()
        self._words = text_label(plain=True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.accept = QPushButton(accept[0])
        self.accept.setProperty("primary", True)
        self.accept.setToolTip(accept[1])
        self.discard = QPushButton(self.tr("Discard"))
        self.discard.setToolTip(discard_tip)
        self._later = QToolButton()
        self._later.setAccessibleName(self.tr("Not now"))
        self._later.setToolTip(later_tip)
        self.accept.clicked.connect(self.accept_requested)
        self.discard.clicked.connect(self.discard_requested)
        self._later.clicked.connect(self.later_requested)
        row = fill(
            QHBoxLayout(self), self._picture, (self._words, 1), margins=(12, 8, 8, 8), spacing=10
        )
        for button in (self.accept, self.discard, self._later):
            row.addWidget(button)
        self.hide()

    @property
    def text(self) -> str:
        """What is offered; "" while hidden."""
        return self._words.text() if self.wanted else ""

    def show_text(self, text: str) -> None:
        """Offer what a text tells."""
        self._words.setText(text)
        self.setAccessibleDescription(text)
        self.set_active(True)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._picture.setPixmap(icon("refresh", theme).pixmap(18, 18))
        self._later.setIcon(icon("cancel", theme))
