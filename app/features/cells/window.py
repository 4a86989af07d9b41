"""Windows on what a network is: inside its cell, and the five shapes as a strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.charts.cell_parts import CellPart
from app.charts.cell_picture import CellPicture
from app.charts.picture import Picture
from app.charts.picture_view import PictureView
from app.charts.shapes import ShapePicture
from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen
from forecasting.config import ShapeName
from forecasting.shapes import Diagram

_CELL, _STRIP = (860, 640), (1180, 330)


class CellWindow(QDialog):
    """Shows the parts of the cell, what each of them is, and its figures; all at once at first.

    Attributes
    ----------
    part_chosen : Signal
        Name of the part that is to be explained, "" for all.
    """

    part_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Inside the cell"))
        resize_on_screen(self, *_CELL)
        self.facts = text_label(role="heading")
        self.cell, self.picture = CellPicture(), PictureView()
        self.cell.chosen.connect(self.part_chosen)
        self.explanation = text_label(selectable=True)
        self.all = QPushButton(self.tr("&All parts"))
        self.all.setAutoDefault(False)
        self.all.clicked.connect(lambda: self.part_chosen.emit(""))
        words = fill(QHBoxLayout(), (self.explanation, 1), (self.all, 0, Qt.AlignmentFlag.AlignTop))
        fill(QVBoxLayout(self), self.facts, (self.cell, 3), words, (self.picture, 4))
        complete(self)
        take_literally(self)

    def show_picture(self, picture: Picture, facts: str) -> None:
        """Show a picture of the cells, and what it says in one sentence."""
        self.picture.show_picture(picture)
        self.facts.setText(facts)

    def show_parts(
        self, parts: Sequence[CellPart], values: Mapping[str, str], name: str, explanation: str
    ) -> None:
        """Draw the parts with their values, one of them chosen, and explain that one."""
        self.cell.show_parts(parts, values, name)
        self.explanation.setText(explanation)
        self.all.setEnabled(bool(name))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.cell.set_theme(theme)
        self.picture.set_theme(theme)


class ShapesWindow(QDialog):
    """The five shapes side by side; a click chooses one.

    Attributes
    ----------
    chosen : Signal
        Name of the shape.
    pictures : dict of str to ShapePicture
    """

    chosen = Signal(str)

    def __init__(self, titles: Mapping[ShapeName, str], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("The five shapes"))
        resize_on_screen(self, *_STRIP)
        self.pictures: dict[ShapeName, ShapePicture] = {}
        self._titles, self._labels = dict(titles), {}
        strip = fill(QHBoxLayout(), spacing=14)
        for name, title in titles.items():
            picture, label = ShapePicture(), QLabel(title)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setMinimumSize(150, 190)
            picture.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            picture.setAccessibleName(title)
            picture.clicked.connect(lambda name=name: self.chosen.emit(name))
            column = fill(QVBoxLayout(), label, (picture, 1))
            strip.addLayout(column, 1)
            self.pictures[name], self._labels[name] = picture, label
        self.sentence = text_label()
        fill(QVBoxLayout(self), (strip, 1), self.sentence)
        complete(self)
        take_literally(self)

    def show_shapes(self, diagrams: Mapping[ShapeName, Diagram], chosen: ShapeName) -> None:
        """Draw the shapes with the present settings, and mark the one that is chosen."""
        for name, diagram in diagrams.items():
            self.pictures[name].show_diagram(diagram)
            font = self._labels[name].font()
            font.setBold(name == chosen)
            self._labels[name].setFont(font)
            mark = self.tr("{title} (chosen)") if name == chosen else "{title}"
            self._labels[name].setText(mark.format(title=self._titles[name]))
        self.sentence.setText(diagrams[chosen].sentence)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        for picture in self.pictures.values():
            picture.set_theme(theme)
