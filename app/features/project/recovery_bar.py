"""The offer to bring back what was there when the program ended without being closed, as a bar
above the chart that stops nobody.
"""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from app.number_format import moment
from app.theme import Theme, icon
from app.widgets.message_bar import MessageBar


class RecoveryBar(MessageBar):
    """One line: what there is, and what may become of it.

    Attributes
    ----------
    restore_requested, discard_requested, later_requested : Signal
        It is to be opened, to be thrown away, or to be kept without being offered again.
    """

    restore_requested = Signal()
    discard_requested = Signal()
    later_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("recovery")
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Candlecast was not closed properly"))
        self._picture, self._words = QLabel(), QLabel()
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.restore, self.discard, self._later = (
            QPushButton(self.tr("Restore")),
            QPushButton(self.tr("Discard")),
            QToolButton(),
        )
        self.restore.setProperty("primary", True)
        self.restore.setToolTip(
            self.tr("Open the recovery copy; the project file itself changes only when you save")
        )
        self.discard.setToolTip(self.tr("Throw the recovery copy away"))
        self._later.setAccessibleName(self.tr("Not now"))
        self._later.setToolTip(
            self.tr(
                "Not now: the copy is kept, and stands under File > Recent after the next start"
            )
        )
        self.restore.clicked.connect(self.restore_requested)
        self.discard.clicked.connect(self.discard_requested)
        self._later.clicked.connect(self.later_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        for part, stretch in (
            (self._picture, 0),
            (self._words, 1),
            (self.restore, 0),
            (self.discard, 0),
            (self._later, 0),
        ):
            row.addWidget(part, stretch)
        self.hide()

    @property
    def text(self) -> str:
        """What is offered; "" while hidden."""
        return self._words.text() if self.wanted else ""

    def show_offer(self, name: str, saved_at: str) -> None:
        """Offer a recovery copy of a project, or of work that had no file yet; ``saved_at`` is
        ISO time (UTC).
        """
        when = QDateTime.fromString(saved_at, Qt.DateFormat.ISODate)
        text = moment(when) if when.isValid() else saved_at
        words = (
            self.tr(
                "Candlecast was not closed properly. A recovery copy of {name} from {when} is "
                "there."
            )
            if name
            else self.tr(
                "Candlecast was not closed properly. A recovery copy of what you worked on, "
                "from {when}, is there."
            )
        ).format(name=name, when=text)
        self._words.setText(words)
        self.setAccessibleDescription(words)
        self.set_active(True)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._picture.setPixmap(icon("refresh", theme).pixmap(18, 18))
        self._later.setIcon(icon("cancel", theme))
