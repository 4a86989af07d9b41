"""The window that asks whether a forecast is only yesterday's value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.features.yesterday.chart import YesterdayChart
from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.screen_fit import resize_on_screen
from forecasting.next_bar import NextBar

_SIZE = (900, 560)
_FARTHEST = 5


class YesterdayWindow(QDialog):
    """Stands beside the window.

    Attributes
    ----------
    level_requested : Signal
        The same network is wanted with the price itself as target, or with log returns again.
    chart : YesterdayChart
    runs : QComboBox
        Which training, and which series of it, is shown.
    """

    level_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(self.tr("Is it only yesterday?"))
        resize_on_screen(self, *_SIZE)
        self._found: tuple[tuple[str, NextBar], ...] = ()
        self.chart = YesterdayChart()
        self.runs = NameCombo(self.tr("Training and series"), 18)
        self.runs.currentIndexChanged.connect(self._show)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-_FARTHEST, _FARTHEST)
        self.slider.setAccessibleName(self.tr("Bars by which the forecast is moved to the left"))
        self.slider.setInvertedAppearance(True)
        self.slider.valueChanged.connect(self._slide)
        self.best = QPushButton(self.tr("&Best fit"))
        self.level = QPushButton(self.tr("Set the other &target"))
        self.level.setToolTip(
            self.tr("Sets the price itself as target, or log returns again: then press Train")
        )
        self.best.clicked.connect(self._fit)
        self.level.clicked.connect(self.level_requested)
        self.facts, self.fit = text_label(role="heading"), text_label()
        self.hint = text_label(
            self.tr(
                "Drag the green line, or use the arrow keys, until it fits what came. Wheel or + "
                "and - zoom, Page Up and Page Down go through time."
            ),
            "muted",
        )
        self.chart.shifted.connect(self._shifted)
        self._lay_out()
        complete(self)
        take_literally(self)

    def show_steps(self, found: Sequence[tuple[str, NextBar]]) -> None:
        """Show the forecasts one step ahead of trainings, the latest first."""
        self._found = tuple(found)
        before = self.runs.currentText()
        self.runs.blockSignals(True)
        self.runs.clear()
        self.runs.addItems([name for name, _ in self._found])
        self.runs.setCurrentIndex(max(0, self.runs.findText(before)))
        self.runs.blockSignals(False)
        self._show()

    @property
    def shown(self) -> NextBar | None:
        """What is shown."""
        row = self.runs.currentIndex()
        return self._found[row][1] if 0 <= row < len(self._found) else None

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)

    def _lay_out(self) -> None:
        head = fill(QHBoxLayout(), (self.runs, 1), self.level)
        move = QHBoxLayout()
        label = QLabel(self.tr("&Move the line"))
        label.setBuddy(self.slider)
        fill(move, label, (self.slider, 1), self.best)
        for button in (self.best, self.level):
            button.setAutoDefault(False)
        fill(QVBoxLayout(self), head, self.facts, (self.chart, 1), move, self.fit, self.hint)

    def _show(self) -> None:
        found = self.shown
        for part in (self.slider, self.best, self.runs):
            part.setEnabled(found is not None)
        self.chart.show_steps(found, self.runs.currentText())
        self.facts.setText("" if found is None else self._facts(found))

    def _facts(self, found: NextBar) -> str:
        lag = self.tr("The lag of best correlation cannot be told")
        if found.best_lag is not None:
            lag = self.tr("Best correlation at a lag of {bars}").format(
                bars=self._bars(found.best_lag)
            )
        guessed = "–" if np.isnan(found.moves_guessed) else f"{100 * found.moves_guessed:.1f} %"
        up = "–" if np.isnan(found.moves_up) else f"{100 * found.moves_up:.1f} %"
        text = self.tr("{lag}; {guessed} of the moves guessed ({up} went up).")
        return text.format(lag=lag, guessed=guessed, up=up)

    def _bars(self, count: int) -> str:
        return self.tr("{n} bar").format(n=count) if count == 1 else f"{count} {self.tr('bars')}"

    def _slide(self, value: int) -> None:
        if value != self.chart.shift:
            self.chart.move_line(value)

    def _fit(self) -> None:
        if self.shown is not None:
            self.chart.move_line(self.shown.best_shift)

    def _shifted(self, shift: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(shift)
        self.slider.blockSignals(False)
        found = self.shown
        if found is None:
            self.fit.clear()
            return
        words = self.tr(
            "Moved {bars} to the left: mean distance from what came {there:.4g}; unmoved "
            "{here:.4g}. It fits best moved by {best}."
        )
        self.fit.setText(
            words.format(
                bars=self._bars(shift),
                there=found.distance(shift),
                here=found.distance(0),
                best=self._bars(found.best_shift),
            )
        )
