"""What a panel says while it has nothing to show: why, and what to do."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme import Theme, icon
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill

_ICON = QSize(32, 32)
#: Least height, in pixels, at which there is room for the icon.
_LEAST_WITH_ICON = 150


class EmptyState(QWidget):
    """An icon, a heading, one sentence, and buttons for the next step.

    Parameters
    ----------
    picture : str
        Name of an icon.
    heading, text : str
        What is missing, and what to do.
    """

    def __init__(self, picture: str, heading: str, text: str) -> None:
        super().__init__()
        self._picture_name = picture
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._words = (heading, text)
        self._title = title = text_label(heading, "heading")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._body = body = text_label(text, "muted")
        body.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._rows = fill(QVBoxLayout(self), STRETCH, margins=(16, 12, 16, 12), spacing=6)
        for part in (self._picture, title, body):
            self._rows.addWidget(part)
        self._rows.addStretch(1)

    def tell(self, heading: str = "", text: str = "") -> None:
        """Say something else; without words, what was said at first."""
        message = (heading, text) if heading else self._words
        for label, words in zip((self._title, self._body), message, strict=True):
            label.setText(words)

    def add_button(self, text: str) -> QPushButton:
        """Add a button below the text."""
        button = QPushButton(text)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._rows.insertWidget(self._rows.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the icon out where the words would be cut."""
        super().resizeEvent(event)
        self._picture.setVisible(event.size().height() >= _LEAST_WITH_ICON)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icon in the colours of a theme."""
        self._picture.setPixmap(icon(self._picture_name, theme).pixmap(_ICON))
