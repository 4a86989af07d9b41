"""A choice of which "as found" is the first answer: what a program worked out by itself can be
seen and overruled.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy


class AutoCombo(QComboBox):
    """One fact: what was found stands first, everything below settles it.

    Parameters
    ----------
    name : str
        What the fact is called.
    choices : mapping of str to str
        Possible values with their names.
    typed : str
        An example of what may be typed besides; "" allows no typing.

    Attributes
    ----------
    settled : Signal
        The user chose or typed something.
    """

    settled = Signal()

    def __init__(self, name: str, choices: Mapping[str, str], *, typed: str = "") -> None:
        super().__init__()
        self._choices = dict(choices)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(8)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setEditable(bool(typed))
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        if (line := self.lineEdit()) is not None:
            line.setPlaceholderText(typed)
            line.textEdited.connect(self.settled)
        self.activated.connect(self.settled)

    @property
    def value(self) -> str:
        """What is settled; "" where what was found holds."""
        index = self.findText(self.currentText())
        return str(self.itemData(index)) if index >= 0 else self.currentText().strip()

    def show_found(self, found: str, value: str, choices: Mapping[str, str] | None = None) -> None:
        """Show what was found and what is settled, "" for nothing; a text that is being typed is
        left alone.
        """
        if choices is not None:
            self._choices = dict(choices)
        line = self.lineEdit()
        if line is not None and line.isModified() and line.hasFocus() and self.value == value:
            return
        known = {
            "": self.tr("Found: {what}").format(what=found) if found else self.tr("As found"),
            **self._choices,
        }
        with QSignalBlocker(self):
            self.clear()
            for code, text in known.items():
                self.addItem(text, code)
            if value not in known and line is None:
                self.addItem(value, value)
            self.setCurrentIndex(self.findData(value))
            if value not in known:
                self.setEditText(value)
        if line is not None:
            line.setCursorPosition(0)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Mark what was found when the user comes to type, so that typing takes its place."""
        super().focusInEvent(event)
        line = self.lineEdit()
        if line is not None and not self.value:
            QTimer.singleShot(0, line, line.selectAll)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the scroll area around, unless the field has the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
