"""One line that tells what was removed, with a button that puts it back."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.widgets.layouts import STRETCH, fill


class UndoLine(QWidget):
    """Hidden until something is offered.

    Attributes
    ----------
    undo_requested : Signal
        What was removed is to come back.
    undo : QPushButton
    """

    undo_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = QLabel()
        self.undo = QPushButton(self.tr("Undo"))
        self.undo.clicked.connect(self.undo_requested)
        fill(QHBoxLayout(self), self._words, self.undo, STRETCH, margins=(2, 0, 2, 0))
        self.hide()

    def offer(self, words: str, offered: bool) -> None:
        """Show words beside the button, or hide the line."""
        self._words.setText(words)
        self.setVisible(offered)
