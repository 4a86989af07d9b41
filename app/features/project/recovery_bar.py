"""The offer to bring back what was there when the program ended without being closed, as a bar
above the chart that stops nobody.
"""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Qt

from app.number_format import moment
from app.widgets.offer_bar import OfferBar


class RecoveryBar(OfferBar):
    """Names the recovery copy; what it accepts is to open that."""

    def __init__(self) -> None:
        super().__init__(
            self.tr("Candlecast was not closed properly"),
            (
                self.tr("Restore"),
                self.tr(
                    "Open the recovery copy; the project file itself changes only when you save"
                ),
            ),
            self.tr("Throw the recovery copy away"),
            self.tr(
                "Not now: the copy is kept, and stands under File > Recent after the next start"
            ),
        )
        self.setObjectName("recovery")

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
        self.show_text(words)
