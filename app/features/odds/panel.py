"""The odds panel: what the lines say, a table of levels, and which paths are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.plot import Columns
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.form_builder import WholeBox
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.table_view import TableView

#: Most bars that odds of a baseline reach.
_MOST_BARS = 250


class OddsPanel(QWidget):
    """Shows odds; everything is decided by the controller.

    Attributes
    ----------
    add_requested, remove_requested : Signal
        A line is to be added; the chosen one is to go.
    renamed : Signal
        Number of a line and its new name.
    until_changed : Signal
        Bars ahead that the odds are to run to.
    drawn_changed : Signal
        Sample paths, or their outer limits, are to be drawn or not.
    """

    add_requested = Signal()
    remove_requested = Signal(int)
    renamed = Signal(int, str)
    until_changed = Signal(int)
    drawn_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "forecast",
            self.tr("No odds yet"),
            self.tr("Load prices, open this panel and press Add line: drag it over the chart."),
        )
        self._source, self._told = QLabel(), QLabel()
        for label in (self._source, self._told):
            label.setWordWrap(True)
        self._source.setProperty("role", "muted")
        self.add_button = QPushButton(self.tr("&Add line"))
        self.remove_button = QPushButton(self.tr("&Remove line"))
        self.line_names = NameCombo(self.tr("Line"), 8)
        self.line_names.setEditable(True)
        self.line_names.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.line_names.setToolTip(self.tr("The line to rename or remove"))
        self.until = WholeBox()
        self.until.setRange(1, _MOST_BARS)
        self.until.setSuffix(self.tr(" bars"))
        self.until.setAccessibleName(self.tr("Bars ahead"))
        self.paths_box = QCheckBox(self.tr("&Twenty paths"))
        self.extremes_box = QCheckBox(self.tr("&Highest and lowest"))
        self.table = TableView(self.tr("Odds of levels"))
        self._stage = QStackedWidget()
        self._stage.addWidget(self._empty)
        self._stage.addWidget(self._page())
        fill(QVBoxLayout(self), self._stage, margins=(0, 0, 0, 0))
        self.add_button.clicked.connect(lambda _checked=False: self.add_requested.emit())
        self.remove_button.clicked.connect(
            lambda _checked=False: self.remove_requested.emit(self.line_names.currentIndex())
        )
        edit = self.line_names.lineEdit()
        assert edit is not None
        edit.editingFinished.connect(self._rename)
        self.until.valueChanged.connect(self.until_changed)
        for box in (self.paths_box, self.extremes_box):
            box.toggled.connect(lambda _checked: self.drawn_changed.emit())

    def _page(self) -> QWidget:
        page = QWidget()
        label = QLabel(self.tr("&Within"))
        label.setBuddy(self.until)
        rows = fill(QVBoxLayout(page), margins=(6, 4, 6, 4), spacing=4)
        for parts in (
            (self.add_button, self.line_names, self.remove_button),
            (label, self.until, self.paths_box, self.extremes_box),
        ):
            bar = fill(QHBoxLayout(), spacing=8)
            for part in parts:
                bar.addWidget(part)
            bar.addStretch(1)
            rows.addLayout(bar)
        fill(rows, self._source, self._told, (self.table, 1))
        return page

    def show_nothing(self) -> None:
        """Say what to do."""
        self._stage.setCurrentIndex(0)

    def show_source(self, text: str) -> None:
        """Say which model the odds come from, or why there are none."""
        self._source.setText(text)
        self._stage.setCurrentIndex(1)

    def show_lines(self, names: Sequence[str]) -> None:
        """List the lines."""
        with QSignalBlocker(self.line_names):
            chosen = self.line_names.currentIndex()
            self.line_names.clear()
            self.line_names.addItems(list(names))
            self.line_names.setCurrentIndex(min(max(chosen, 0), len(names) - 1))
        self.line_names.setEnabled(bool(names))
        self.remove_button.setEnabled(bool(names))

    def choose_line(self, number: int) -> None:
        """Put a line into the field that renames and removes."""
        with QSignalBlocker(self.line_names):
            self.line_names.setCurrentIndex(number)

    def show_until(self, steps: int, most: int) -> None:
        """Show how far the odds run, and how far they can."""
        with QSignalBlocker(self.until):
            self.until.setMaximum(max(most, 1))
            self.until.setValue(steps)

    def show_odds(self, sentences: Sequence[str], table: Columns) -> None:
        """Show what the lines say, and the table of levels."""
        self.show_told(sentences)
        self.table.show_sheet(table)

    def show_told(self, sentences: Sequence[str]) -> None:
        """Show what the lines say, while one is dragged."""
        self._told.setText("\n".join(sentences))
        self._told.setVisible(bool(sentences))

    def summary(self) -> str:
        """Return what the panel says."""
        return f"{self._source.text()} {self._told.text()}".strip()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)

    def _rename(self) -> None:
        number = self.line_names.currentIndex()
        if number >= 0:
            self.renamed.emit(number, self.line_names.currentText().strip()[:100])
