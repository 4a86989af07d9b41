"""A form that scrolls up and down, and is always as wide as its fields need."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

#: Least height in pixels, for windows in which several panels share one column: a row can still be
#: read.
_LOWEST = 48
_WIDTH_EVENTS = (QEvent.Type.LayoutRequest, QEvent.Type.Polish, QEvent.Type.Show)


class FormScroll(QScrollArea):
    """A scroll area without a horizontal bar whose least width follows its content.

    A width that is reckoned once goes wrong as soon as a font, a style sheet or a fold changes what
    the fields need: they are cut at the right, where nothing scrolls to them.

    Parameters
    ----------
    content : QWidget
    fixed : bool
        Whether the area is never wider than its content needs, either.
    """

    def __init__(self, content: QWidget, *, fixed: bool = False) -> None:
        super().__init__()
        self._content = content
        self._fixed = fixed
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(_LOWEST)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what the content needs; Qt installs this filter on the content."""
        handled = super().eventFilter(watched, event)
        if watched is self._content and event.type() in _WIDTH_EVENTS:
            self._fit()
        return handled

    def _fit(self) -> None:
        # The frame of the style sheet counts, although frameWidth() does not tell of it.
        frame = 2
        width = (
            self._content.minimumSizeHint().width()
            + self.verticalScrollBar().sizeHint().width()
            + 2 * frame
        )
        if width != self.minimumWidth():
            self.setMinimumWidth(width)
            if self._fixed:
                self.setMaximumWidth(width)
