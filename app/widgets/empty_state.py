"""What a panel says while it has nothing to show: why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.accessibility import literal
from app.theme import Theme, icon
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill

_ICON = QSize(32, 32)


class EmptyState(QWidget):
    """An icon, a heading, one sentence, and buttons for the next step. In a low place the icon
    goes first, then the sentence, which is the heading's tool tip then.

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
        self._buttons: list[QPushButton] = []
        self._title = title = text_label(heading, "heading")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._body = body = text_label(text, "muted")
        body.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._soon = QTimer(self)  # the layouts around are not to change while they are laid out
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._fit)
        self._rows = fill(QVBoxLayout(self), STRETCH, margins=(16, 12, 16, 12), spacing=6)
        for part in (self._picture, title, body):
            self._rows.addWidget(part)
        self._rows.addStretch(1)

    def tell(self, heading: str = "", text: str = "") -> None:
        """Say something else; without words, what was said at first."""
        message = (heading, text) if heading else self._words
        for label, words in zip((self._title, self._body), message, strict=True):
            label.setText(words)
        self._soon.start()

    def add_button(self, text: str) -> QPushButton:
        """Add a button below the text."""
        button = QPushButton(text)
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._buttons.append(button)
        self._rows.insertWidget(self._rows.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what there is no room for."""
        super().resizeEvent(event)
        self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Leave out what there is no room for: words and buttons may have changed."""
        super().showEvent(event)
        self._soon.start()

    def minimumSizeHint(self) -> QSize:
        """Return the room of heading and buttons."""
        return QSize(super().minimumSizeHint().width(), self._height_of(self._fixed()))

    def _fixed(self) -> list[QWidget]:
        return [self._title, *self._buttons]

    def _height_of(self, parts: Sequence[QWidget]) -> int:
        """Return the height of parts below each other, in pixels, at the present width."""
        margins = self._rows.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        heights = [
            part.heightForWidth(width) if part.hasHeightForWidth() else part.sizeHint().height()
            for part in parts
        ]
        gaps = self._rows.spacing() * (len(parts) + 1)
        return sum(heights) + gaps + margins.top() + margins.bottom()

    def _fit(self) -> None:
        shown = self._fixed()
        for part in (self._body, self._picture):
            fits = self._height_of([*shown, part]) <= self.height()
            part.setVisible(fits)
            shown += [part] if fits else []
        self._title.setToolTip("" if self._body.isVisible() else literal(self._body.text()))

    def set_theme(self, theme: Theme) -> None:
        """Draw the icon in the colours of a theme."""
        self._picture.setPixmap(icon(self._picture_name, theme).pixmap(_ICON))
