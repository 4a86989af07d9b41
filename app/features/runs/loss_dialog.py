"""Loss curves of the selected runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from app.charts.run_losses import MOST, RunLoss, RunLossChart
from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen

_WIDE, _HIGH = 760, 480


class LossDialog(QDialog):
    """A chart of the validation losses by epoch.

    Parameters
    ----------
    runs : sequence of RunLoss
    theme : Theme
    parent : QWidget
    """

    def __init__(self, runs: Sequence[RunLoss], theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Loss curves"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        resize_on_screen(self, _WIDE, _HIGH)
        self.chart = RunLossChart()
        self.chart.set_theme(theme)
        self.chart.show_runs(runs)
        self.chart.refresh()
        note = text_label(self._note(runs), "muted")
        note.setVisible(bool(note.text()))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        fill(
            QVBoxLayout(self), (self.chart, 1), note, buttons, margins=(20, 18, 20, 16), spacing=12
        )

    def _note(self, runs: Sequence[RunLoss]) -> str:
        without = sum(not run.history for run in runs)
        texts = []
        if without:
            texts.append(self.tr("Selected runs without a loss curve: {n}.").format(n=without))
        if len(runs) - without > MOST:
            texts.append(self.tr("The first {n} are drawn one by one.").format(n=MOST))
        if len({run.label.rpartition(" · ")[0] for run in runs}) > 1:
            texts.append(self.tr("Losses of other symbols, horizons or targets do not compare."))
        return " ".join(texts)
