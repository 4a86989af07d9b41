"""The offer to go on with a training that was cut short, as a bar above the chart that stops
nobody.
"""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Qt

from app.number_format import moment
from app.widgets.offer_bar import OfferBar
from forecasting.events import TrainingKept


class ResumeBar(OfferBar):
    """Names the training; what it accepts is to go on with it."""

    def __init__(self) -> None:
        super().__init__(
            self.tr("A training is not finished"),
            (self.tr("Resume"), self.tr("Load the same series and go on where it ended")),
            self.tr("Throw the saved training away"),
            self.tr("Not now: ask again at the next start"),
        )
        self.setObjectName("resume")

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
        self.show_text(words + more)
