"""How the training goes: epoch, time left, the figures of the last epoch, and the curve of the loss."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from app.charts.loss import LossChart
from app.panels.empty import EmptyState
from app.theme import Theme
from forecasting.events import EpochEnd, Progress, SplitMade


def duration(seconds: float) -> str:
    """Write a time span for people: ``8 s``, ``2:05 min``, ``1:02 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


class TrainingPanel(QStackedWidget):
    """Progress, figures and the loss chart of the run at hand, or of the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._empty = EmptyState(
            "loss", self.tr("Nothing trained yet"), self.tr("Press Train: the loss and the forecast move while the network learns.")
        )
        self.chart = LossChart()
        self._headline, self._time = QLabel(), QLabel()
        self._headline.setProperty("role", "heading")
        self._time.setProperty("role", "muted")
        top = QHBoxLayout()
        top.addWidget(self._headline)
        top.addStretch(1)
        top.addWidget(self._time)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the training"))
        self._figures: dict[str, QLabel] = {}
        full = QWidget()
        rows = QVBoxLayout(full)
        rows.setContentsMargins(10, 8, 10, 8)
        rows.setSpacing(6)
        rows.addLayout(top)
        rows.addWidget(self._bar)
        below = QHBoxLayout()
        below.setSpacing(14)
        below.addLayout(self._figure_grid())
        below.addWidget(self.chart, 1)
        rows.addLayout(below, 1)
        self.addWidget(self._empty)
        self.addWidget(full)

    def clear(self) -> None:
        """Show the empty state."""
        self.chart.show_history(())
        self.setCurrentIndex(0)

    def show_state(self, headline: str, *, running: bool) -> None:
        """Say in words what goes on; the bar is there only while something runs."""
        self.setCurrentIndex(1)
        self._headline.setText(headline)
        self._bar.setVisible(running)
        if not running:
            self._time.clear()

    def show_progress(self, progress: Progress) -> None:
        """Move the bar and tell the time left."""
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._time.setText(self.tr("{time} left").format(time=duration(progress.eta_s)) if progress.eta_s is not None else "")

    def show_split(self, split: SplitMade | None) -> None:
        """Tell how much there is to learn from, and how much can be learnt."""
        number = QLocale().toString
        windows = " / ".join(number(split.windows[part]) for part in ("train", "val", "test")) if split else "–"
        self._figures["windows"].setText(windows)
        self._figures["weights"].setText(number(split.parameters) if split else "–")

    def show_history(self, history: Sequence[EpochEnd]) -> None:
        """Show all epochs so far in the chart, and the figures of the last one."""
        self.chart.show_history(tuple(history))
        last = history[-1] if history else None
        best = self.tr("{loss} at epoch {n}").format(loss=f"{last.best_loss:.5g}", n=last.best_epoch) if last else "–"
        self._figures["best"].setText(best)
        self._figures["loss"].setText(f"{last.train_loss:.5g} / {last.val_loss:.5g}" if last else "–")
        self._figures["rate"].setText(f"{last.learning_rate:.3g}" if last else "–")
        self._figures["gradient"].setText(f"{last.grad_norm:.3g}" if last else "–")

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.chart.set_theme(theme)

    def _figure_grid(self) -> QGridLayout:
        told = {
            "loss": (self.tr("Train / val loss"), self.tr("Mean pinball loss in units of the series' own volatility")),
            "best": (self.tr("Best"), self.tr("Lowest validation loss: these weights are kept. Epoch 0 is the random walk")),
            "windows": (self.tr("Windows"), self.tr("Training / validation / test windows")),
            "weights": (self.tr("Weights"), self.tr("Numbers that the network can learn")),
            "rate": (self.tr("Learning rate"), self.tr("Step size in the last epoch")),
            "gradient": (self.tr("Gradient"), self.tr("Mean norm of the gradient before clipping")),
        }
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        for row, (key, (name, text)) in enumerate(told.items()):
            label, value = QLabel(name), QLabel("–")
            label.setProperty("role", "muted")
            for part in (label, value):
                part.setToolTip(text)
            grid.addWidget(label, row, 0)
            grid.addWidget(value, row, 1)
            self._figures[key] = value
        grid.setColumnMinimumWidth(1, self.fontMetrics().horizontalAdvance("0.00000 / 0.00000"))
        grid.setRowStretch(len(told), 1)
        return grid
