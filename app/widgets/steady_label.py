"""A label whose text changes often, with room for its widest form."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QLabel

from app.number_format import duration


class SteadyLabel(QLabel):
    """Show a text that changes often, in the room of its widest form: nothing beside it moves, and
    no text is clipped until the layout follows.

    Parameters
    ----------
    widest : str
        The widest text that is usual.
    """

    def __init__(self, widest: str) -> None:
        super().__init__()
        self._widest = widest

    def sizeHint(self) -> QSize:
        """Return the size of the widest text; that of nothing while there is no text."""
        return self._wide(super().sizeHint())

    def minimumSizeHint(self) -> QSize:
        """Return the least size, as :meth:`sizeHint`."""
        return self._wide(super().minimumSizeHint())

    def _wide(self, size: QSize) -> QSize:
        if self.text():
            margins = size.width() - self.fontMetrics().horizontalAdvance(self.text())
            widest = self.fontMetrics().horizontalAdvance(self._widest)
            size.setWidth(max(size.width(), widest + max(margins, 0)))
        return size


class TimeLeftLabel(SteadyLabel):
    """Show how long what runs is still going to take."""

    def __init__(self) -> None:
        super().__init__(self.tr("59:59 min left"))

    def show_left(self, seconds: float | None) -> None:
        """Show a time; None, while it is not known, shows nothing."""
        text = "" if seconds is None else self.tr("{time} left").format(time=duration(seconds))
        self.setText(text)
