"""Windows on what a network is: inside its cell, and the five shapes as a strip."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.accessibility import complete, take_literally
from app.charts.picture import Picture
from app.charts.picture_view import PictureView
from app.charts.shapes import ShapePicture
from app.theme import Theme
from forecasting.config import ShapeName
from forecasting.shapes import Diagram

_CELL, _STRIP = (820, 620), (1180, 330)


class CellWindow(QDialog):
    """Shows the network, its gates and its state, or its attention."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Inside the cell"))
        self.resize(*_CELL)
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.facts.setProperty("role", "heading")
        self.picture = PictureView()
        rows = QVBoxLayout(self)
        rows.addWidget(self.facts)
        rows.addWidget(self.picture, 1)
        complete(self)
        take_literally(self)

    def show_picture(self, picture: Picture, facts: str) -> None:
        """Show a picture of the cells, and what it says in one sentence."""
        self.picture.show_picture(picture)
        self.facts.setText(facts)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
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
        self.resize(*_STRIP)
        self.pictures: dict[ShapeName, ShapePicture] = {}
        self._titles, self._labels = dict(titles), {}
        strip = QHBoxLayout()
        strip.setSpacing(14)
        for name, title in titles.items():
            picture, label = ShapePicture(), QLabel(title)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setMinimumSize(150, 190)
            picture.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
            picture.setAccessibleName(title)
            picture.clicked.connect(lambda name=name: self.chosen.emit(name))
            column = QVBoxLayout()
            column.addWidget(label)
            column.addWidget(picture, 1)
            strip.addLayout(column, 1)
            self.pictures[name], self._labels[name] = picture, label
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        rows = QVBoxLayout(self)
        rows.addLayout(strip, 1)
        rows.addWidget(self.sentence)
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
