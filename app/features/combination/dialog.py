"""The dialog that combines models: which ones, how much each counts, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.plot import Columns
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.screen_fit import resize_on_screen
from app.widgets.table_view import TableView

#: Least heights of the list of models and of the table of scores, and sizes of the dialog before
#: and after there are scores.
_LIST, _TABLE = 150, 150
_SIZE, _WITH_SCORES = (560, 470), (780, 760)


class CombinationDialog(QDialog):
    """Stands beside the window: choose models, combine them, see weights, verdict and scores.

    Attributes
    ----------
    combine_requested, stop_requested, journal_requested, file_requested : Signal
        Combine the chosen models; give that up; enter the forecast in the journal; name a file of
        a saved network.
    """

    combine_requested = Signal()
    stop_requested = Signal()
    journal_requested = Signal()
    file_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Combine models"))
        self._running = False
        about = text_label(
            self.tr(
                "The forecast is a weighted mean of the chosen models, level by level. Weights are "
                "learned on the validation part; where none are surely better than equal ones, "
                "all models count alike."
            ),
            "muted",
        )
        self._message = text_label()
        self._verdict = text_label(role="heading", selectable=True)
        self._notes = text_label(role="muted", selectable=True)
        self.models = QListWidget()
        self.models.setAccessibleName(self.tr("Models to combine"))
        self.models.setMinimumHeight(_LIST)
        self.scores = TableView(self.tr("Scores of the combination and of other models"))
        self.scores.setMinimumHeight(_TABLE)
        self.file_button = QPushButton(self.tr("&Add a network or forecasts…"))
        self.combine_button = QPushButton(self.tr("&Combine"))
        self.journal_button = QPushButton(self.tr("Enter in the &journal"))
        self.file_button.clicked.connect(self.file_requested)
        self.journal_button.clicked.connect(self.journal_requested)
        self.combine_button.clicked.connect(self._press)
        self.combine_button.setProperty("primary", True)
        self.combine_button.setDefault(True)
        foot = fill(
            QHBoxLayout(), self.file_button, STRETCH, self.journal_button, self.combine_button
        )
        rows = fill(QVBoxLayout(self), margins=(20, 18, 20, 16), spacing=12)
        for part, stretch in (
            (about, 0),
            (self.models, 1),
            (self._message, 0),
            (self._verdict, 0),
            (self._notes, 0),
            (self.scores, 1),
        ):
            rows.addWidget(part, stretch)
        rows.addLayout(foot)
        self.show_result("", (), {})
        resize_on_screen(self, *_SIZE)

    def show_models(self, titles: Mapping[str, str], chosen: Sequence[str]) -> None:
        """List models by their keys, some of them checked."""
        self.models.clear()
        for key, title in titles.items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, key)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            state = Qt.CheckState.Checked if key in chosen else Qt.CheckState.Unchecked
            item.setCheckState(state)
            self.models.addItem(item)

    def chosen(self) -> list[str]:
        """Return the keys of the models that are checked."""
        items = [self.models.item(row) for row in range(self.models.count())]
        return [
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item.checkState() == Qt.CheckState.Checked
        ]

    def show_message(self, text: str) -> None:
        """Say how far it is, or what is wrong."""
        self._message.setText(text)
        self._message.setVisible(bool(text))

    def show_running(self, running: bool) -> None:
        """Let the button stop what runs."""
        self._running = running
        self.combine_button.setText(self.tr("&Stop") if running else self.tr("&Combine"))
        self.models.setEnabled(not running)
        self.file_button.setEnabled(not running)

    def show_result(self, sentence: str, notes: Sequence[str], scores: Columns) -> None:
        """Show the verdict and the scores; an empty sentence takes them away."""
        self._verdict.setText(sentence)
        self._notes.setText("\n".join(notes))
        there = bool(sentence)
        for part in (self._verdict, self._notes, self.scores, self.journal_button):
            part.setVisible(there)
        self.scores.show_sheet(scores)
        if there:
            larger = self.size().expandedTo(QSize(*_WITH_SCORES))
            resize_on_screen(self, larger.width(), larger.height())

    def summary(self) -> str:
        """Return what is said in words."""
        return " ".join(
            label.text() for label in (self._message, self._verdict, self._notes) if label.text()
        )

    def _press(self) -> None:
        (self.stop_requested if self._running else self.combine_requested).emit()
