"""The offer to go on with a training that was cut short, as a bar above the chart that stops
nobody.
"""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton

from app.number_format import moment
from app.theme import Theme, icon
from app.widgets.message_bar import MessageBar
from forecasting.events import TrainingKept


class ResumeBar(MessageBar):
    """One line: which training, and what may become of it.

    Attributes
    ----------
    resume_requested, discard_requested, later_requested : Signal
        It is to go on, to be thrown away, or to be left until the next start.
    """

    resume_requested = Signal()
    discard_requested = Signal()
    later_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("resume")
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("A training is not finished"))
        self._picture, self._words = QLabel(), QLabel()
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setWordWrap(True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.resume, self.discard, self._later = (
            QPushButton(self.tr("Resume")),
            QPushButton(self.tr("Discard")),
            QToolButton(),
        )
        self.resume.setProperty("primary", True)
        self.resume.setToolTip(self.tr("Load the same series and go on where it ended"))
        self.discard.setToolTip(self.tr("Throw the saved training away"))
        self._later.setAccessibleName(self.tr("Not now"))
        self._later.setToolTip(self.tr("Not now: ask again at the next start"))
        self.resume.clicked.connect(self.resume_requested)
        self.discard.clicked.connect(self.discard_requested)
        self._later.clicked.connect(self.later_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.setSpacing(10)
        for part, stretch in (
            (self._picture, 0),
            (self._words, 1),
            (self.resume, 0),
            (self.discard, 0),
            (self._later, 0),
        ):
            row.addWidget(part, stretch)
        self.hide()

    @property
    def text(self) -> str:
        """What is offered; "" while hidden."""
        return self._words.text() if self.wanted else ""

    def show_offer(self, kept: TrainingKept | None, count: int = 1) -> None:
        """Offer a training, the first of ``count``; None hides the bar."""
        if kept is None:
            self.set_active(False)
            return
        when = QDateTime.fromString(kept.saved_at, Qt.DateFormat.ISODate)
        text = (
            self.tr(
                "The network of {series} ({model}, {epoch} epochs) was trained, but the "
                "program ended on {when} before it was closed."
            )
            if kept.ended
            else self.tr(
                "The training of {series} ({model}, epoch {epoch} of {epochs}) is not "
                "finished. It was kept on {when}."
            )
        )
        words = text.format(
            series=", ".join(kept.symbols[:3]) + ("…" if len(kept.symbols) > 3 else ""),
            model=kept.config.model.title,
            epoch=kept.epoch,
            epochs=kept.config.train.epochs,
            when=moment(when),
        )
        more = self.tr(" {n} more wait.").format(n=count - 1) if count > 1 else ""
        self._words.setText(words + more)
        self.setAccessibleDescription(words)
        self.set_active(True)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._picture.setPixmap(icon("refresh", theme).pixmap(18, 18))
        self._later.setIcon(icon("cancel", theme))
