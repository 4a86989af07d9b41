"""What a training costs, or why there can be none, below the form."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy

from app.widgets.labels import text_label

#: Lines of text that have room whatever is said, and lines from which on the text scrolls.
_LINES, _MOST = 2, 9


class Note(QScrollArea):
    """Show a text that changes while a form above it is being used.

    The usual lines have their room before there is a text, and a longer text takes its room from
    the end of the form: no field moves under the mouse.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("note")
        self.label = text_label()
        self.label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setWidget(self.label)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.show_text("")

    def show_text(self, text: str, *, fault: bool = False) -> None:
        """Show a text, as something wrong where ``fault`` says so."""
        self.label.setText(text)
        self.label.setProperty("role", "danger" if fault else "muted")
        self.label.style().polish(self.label)
        self.verticalScrollBar().setValue(0)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the room of the text at the present width, in pixels."""
        lines = self.label.heightForWidth(self.viewport().width())
        most = self._height(_MOST)
        return QSize(super().sizeHint().width(), min(max(lines + 4, self._height(_LINES)), most))

    def minimumSizeHint(self) -> QSize:
        """Return the room of the usual lines, in pixels."""
        return QSize(0, self._height(_LINES))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the width and the font; Qt installs this filter on the label."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.FontChange):
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _height(self, lines: int) -> int:
        return lines * self.label.fontMetrics().lineSpacing() + 4
