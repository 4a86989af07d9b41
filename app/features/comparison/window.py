"""Two trainings in two columns on one scale, to be looked at and exported as one picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.charts.picture import Picture
from app.charts.picture_view import PictureView
from app.theme import Theme
from app.training_history import TrainingHistory
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.screen_fit import resize_on_screen

_SIZE = (1000, 700)
#: Height in pixels of a row of panels.
_ROW = 250


class ComparisonWindow(QDialog):
    """Stands beside the window.

    Attributes
    ----------
    export_requested : Signal
        The picture is to be written.
    left, right : QComboBox
        Which trainings are shown.
    overlay : QCheckBox
        Whether they lie over each other in one plot.
    picture : PictureView
    """

    export_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Two trainings side by side"))
        resize_on_screen(self, *_SIZE)
        self._trainings: tuple[TrainingHistory, ...] = ()
        self.left = NameCombo(self.tr("Training at the left"), 18)
        self.right = NameCombo(self.tr("Training at the right"), 18)
        self.export = QPushButton(self.tr("&Export picture…"))
        self.export.setAutoDefault(False)
        self.export.clicked.connect(self.export_requested)
        self.picture = PictureView()
        self._empty = text_label(
            self.tr("Train two networks, one after the other: they are laid side by side here.")
        )
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        head = QHBoxLayout()
        for combo in (self.left, self.right):
            combo.activated.connect(lambda _row: self._show())
            head.addWidget(combo, 1)
        self.overlay = QCheckBox(self.tr("In &one plot"))
        self.overlay.setToolTip(self.tr("Lay the lines of both over each other"))
        self.overlay.toggled.connect(lambda _on: self._show())
        fill(head, self.overlay, self.export)
        self.area = QScrollArea(widgetResizable=True)
        self.area.setWidget(self.picture)
        self.area.setAccessibleName(self.tr("Picture of both trainings"))
        fill(QVBoxLayout(self), head, (self.area, 1), (self._empty, 1))
        complete(self)
        take_literally(self)

    def show_trainings(self, trainings: Sequence[TrainingHistory]) -> None:
        """Offer trainings, oldest first; the last two are shown unless others were chosen."""
        before = [combo.currentData() for combo in (self.left, self.right)]
        self._trainings = tuple(trainings)
        numbers = [item.number for item in self._trainings]
        usual = (numbers[-2:] + numbers[-1:])[:2]
        for combo, number, last in zip((self.left, self.right), before, usual, strict=False):
            combo.clear()
            for item in self._trainings:
                combo.addItem(item.name, item.number)
            row = combo.findData(number if number in numbers else last)
            combo.setCurrentIndex(max(row, 0))
        self._show()

    @property
    def chosen(self) -> tuple[TrainingHistory, ...]:
        """The trainings that are shown, left and right."""
        by_number = {item.number: item for item in self._trainings}
        numbers = [combo.currentData() for combo in (self.left, self.right)]
        return tuple(by_number[number] for number in numbers if number in by_number)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.picture.set_theme(theme)

    def _show(self) -> None:
        from app.lessons.pictures import overlaid, side_by_side

        ready = len(self._trainings) > 1 and len(self.chosen) == 2
        self.area.setVisible(ready)
        self._empty.setVisible(not ready)
        for part in (self.export, self.left, self.right, self.overlay):
            part.setEnabled(ready)
        make = overlaid if self.overlay.isChecked() else side_by_side
        picture = make(self.chosen) if ready else Picture("", ())
        self.picture.show_picture(picture)
        self.picture.setMinimumHeight(_ROW * max(1, picture.rows))
