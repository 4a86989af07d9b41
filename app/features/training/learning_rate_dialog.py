"""What a search for the learning rate found, and the button that takes it over."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from app.charts.learning_rate import LearningRateChart
from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from forecasting.events import LearningRatesTried


class LearningRateDialog(QDialog):
    """The curve of a search; does not block.

    Attributes
    ----------
    rate_requested : Signal
        The rate that was chosen.
    """

    rate_requested = Signal(float)

    def __init__(self, parent: QWidget, tried: LearningRatesTried, theme: Theme) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Learning rate"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._tried = tried
        click = self.tr(
            "The rate was raised step by step; click in the curve to choose another one."
        )
        words = text_label(f"{tried.finding} {click}")
        self.chart = LearningRateChart()
        self.chart.set_theme(theme)
        self.chart.setMinimumSize(520, 260)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.use = buttons.addButton("", QDialogButtonBox.ButtonRole.AcceptRole)
        self.use.setProperty("primary", True)
        self.chart.chosen.connect(self._name_rate)
        buttons.accepted.connect(self._take)
        buttons.rejected.connect(self.reject)
        rows = fill(QVBoxLayout(self), margins=(20, 18, 20, 16), spacing=12)
        for part, stretch in ((words, 0), (self.chart, 1), (buttons, 0)):
            rows.addWidget(part, stretch)
        self.chart.show_tried(tried)
        self.chart.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)
        self.chart.refresh()

    def _name_rate(self, rate: float) -> None:
        present = self._tried.current
        kept = math.isclose(rate, present, rel_tol=0.01)
        self.use.setText(
            (self.tr("Keep {rate}") if kept else self.tr("Use {rate}")).format(rate=f"{rate:.2g}")
        )

    def _take(self) -> None:
        self.rate_requested.emit(self.chart.rate)
        self.accept()
