"""The scrubber: a slider through the forecasts of all epochs, so that one sees how a forecast
and its band formed.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from app.widgets.layouts import fill


class Scrubber(QWidget):
    """A slider over the moments of a training; at its right end it follows the newest.

    Attributes
    ----------
    moved : Signal
        Another moment is wanted.
    """

    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._follows = True
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(self.tr("Replay of the forecast by epoch"))
        self.slider.setToolTip(
            self.tr(
                "Show the forecast and its band as they were at an epoch; at the right end the "
                "newest"
            )
        )
        self.slider.setPageStep(10)
        self.slider.valueChanged.connect(self._changed)
        title, self._name = QLabel(self.tr("Replay")), QLabel()
        title.setProperty("role", "muted")
        title.setBuddy(self.slider)
        self._name.setMinimumWidth(
            self.fontMetrics().horizontalAdvance(self.tr("Final forecast") + "00")
        )
        row = fill(QHBoxLayout(self), margins=(0, 0, 0, 0), spacing=10)
        for part, stretch in ((title, 0), (self.slider, 1), (self._name, 0)):
            row.addWidget(part, stretch)
        self.show_moments(())

    @property
    def place(self) -> int | None:
        """The moment that was chosen, counted from 0; None at the right end, which is always the
        newest.
        """
        return None if self._follows else self.slider.value()

    def show_moments(self, epochs: Sequence[int], *, final: bool = False) -> None:
        """Offer epochs, and the final forecast after them; what was chosen stays chosen."""
        names = [self.tr("After epoch {n}").format(n=epoch) for epoch in epochs]
        names += [self.tr("Final forecast")] if final else []
        wanted = self._names[self.slider.value()] if self._names and not self._follows else None
        self._names = tuple(names)
        blocked = self.slider.blockSignals(True)
        self.slider.setRange(0, max(len(names) - 1, 0))
        last = self.slider.maximum()
        self._follows = self._follows or wanted not in names
        self.slider.setValue(last if wanted is None or self._follows else names.index(wanted))
        self.slider.blockSignals(blocked)
        self.slider.setEnabled(len(names) > 1)
        self._tell()

    def follow(self) -> None:
        """Go back to the newest moment."""
        self._follows = True
        self.slider.setValue(self.slider.maximum())

    def _changed(self) -> None:
        self._follows = self.slider.value() == self.slider.maximum()
        self._tell()
        self.moved.emit()

    def _tell(self) -> None:
        self._name.setText(self._names[self.slider.value()] if self._names else "")
