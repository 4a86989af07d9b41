"""What there is to see of a training, one view each: losses, gradients, memory, and the doctor's
advice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QLocale, QRect, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.gradient import GradientChart
from app.charts.loss import LossChart
from app.charts.memory import MemoryChart, Trace, share_text
from app.number_format import significant
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.layouts import fill
from app.widgets.name_combo import NameCombo
from app.widgets.remedies import remedy_label
from forecasting.events import Diagnosis, EpochEnd, SplitMade, StepNorms


class Facts(QGridLayout):
    """Names and figures below each other.

    Parameters
    ----------
    told : dict of str to tuple
        Key of a figure -> its name and what it means.
    widest : str
        The longest figure that is to be expected.
    """

    def __init__(self, told: dict[str, tuple[str, str]], widest: str) -> None:
        super().__init__()
        self.figures: dict[str, QLabel] = {}
        self.setHorizontalSpacing(10)
        self.setVerticalSpacing(3)
        for row, (key, (name, text)) in enumerate(told.items()):
            label, value = QLabel(name), QLabel("–")
            label.setProperty("role", "muted")
            for part in (label, value):
                part.setToolTip(text)
            self.addWidget(label, row, 0)
            self.addWidget(value, row, 1)
            self.figures[key] = value
        first = next(iter(self.figures.values()))
        self.setColumnMinimumWidth(1, first.fontMetrics().horizontalAdvance(widest))

    def tell(self, key: str, text: str) -> None:
        """Write one figure; "" leaves a dash."""
        self.figures[key].setText(text or "–")


def _beside(facts: Facts, tools: Sequence[QWidget], chart: QWidget) -> QHBoxLayout:
    """Put figures and what changes the view at the left of a chart."""
    left = fill(QVBoxLayout(), facts, spacing=4)
    for tool in tools:
        left.addWidget(tool)
    left.addStretch(1)
    return fill(QHBoxLayout(), left, (chart, 1), margins=(0, 0, 0, 0), spacing=14)


class LossView(QWidget):
    """The losses epoch by epoch, beside the baseline's."""

    def __init__(self) -> None:
        super().__init__()
        self.chart = LossChart()
        self.log = QCheckBox(self.tr("Log scale"))
        self.log.setToolTip(self.tr("Equal changes in percent look equal"))
        self.log.toggled.connect(self.chart.set_log)
        self._facts = Facts(
            {
                "loss": (
                    self.tr("Train / val loss"),
                    self.tr("Mean pinball loss in units of the series' own volatility"),
                ),
                "best": (
                    self.tr("Best"),
                    self.tr(
                        "Lowest validation loss: these weights are kept. Epoch 0 is the random walk"
                    ),
                ),
                "windows": (self.tr("Windows"), self.tr("Training / validation / test windows")),
                "weights": (self.tr("Weights"), self.tr("Numbers that the network can learn")),
                "rate": (self.tr("Learning rate"), self.tr("Step size in the last epoch")),
                "device": (self.tr("Device"), self.tr("What the network is trained on")),
            },
            "0.00000 / 0.00000",
        )
        self.setLayout(_beside(self._facts, [self.log], self.chart))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)

    def show_split(self, split: SplitMade | None) -> None:
        """Tell how much there is to learn from, and how much can be learnt."""
        number = QLocale().toString
        self._facts.tell(
            "windows",
            " / ".join(number(split.windows[part]) for part in ("train", "val", "test"))
            if split
            else "",
        )
        self._facts.tell("weights", number(split.parameters) if split else "")
        self._facts.tell("device", split.device.upper() if split else "")

    def show_history(self, history: Sequence[EpochEnd]) -> None:
        """Show all epochs so far, and the figures of the last one."""
        self.chart.show_history(tuple(history))
        last = history[-1] if history else None
        whole = next((epoch for epoch in reversed(history) if epoch.complete), None)
        best = (
            self.tr("{loss} at epoch {n}").format(
                loss=significant(last.best_loss, 5), n=last.best_epoch
            )
            if last
            else ""
        )
        self._facts.tell("best", best)
        self._facts.tell(
            "loss",
            f"{significant(whole.train_loss, 5)} / {significant(whole.val_loss, 5)}"
            if whole
            else "",
        )
        self._facts.tell("rate", significant(last.learning_rate, 3) if last else "")


class GradientView(QWidget):
    """How large the gradient of every step is, and how often it is held back."""

    def __init__(self) -> None:
        super().__init__()
        self.chart = GradientChart()
        self.log = QCheckBox(self.tr("Log scale"))
        self.log.setToolTip(self.tr("Shows explosions and small gradients alike"))
        self.log.setChecked(True)
        self.log.toggled.connect(self.chart.set_log)
        self.layers = QCheckBox(self.tr("By layer"))
        self.layers.setToolTip(self.tr("A line for each part of the network"))
        self.layers.toggled.connect(self.chart.set_by_layer)
        self._facts = Facts(
            {
                "largest": (
                    self.tr("Largest step"),
                    self.tr("Largest norm of all steps, before clipping, and its epoch"),
                ),
                "before": (
                    self.tr("Before clipping"),
                    self.tr("Mean norm of the gradient over the steps of the last epoch"),
                ),
                "after": (
                    self.tr("After clipping"),
                    self.tr("What is left of it once large gradients are held back"),
                ),
                "clipped": (
                    self.tr("Clipped steps"),
                    self.tr("Share of the steps of the last epoch whose gradient was held back"),
                ),
                "all": (
                    self.tr("In all epochs"),
                    self.tr("Share of all steps so far whose gradient was held back"),
                ),
            },
            "clipping is off",
        )
        self._clipping = True
        self.setLayout(_beside(self._facts, [self.log, self.layers], self.chart))

    def show_steps(self, steps: Sequence[StepNorms]) -> None:
        """Show the norms of all steps so far, and the largest of them."""
        self.chart.show_steps(tuple(steps))
        worst = max(steps, key=lambda item: item.largest, default=None)
        text = ""
        if worst is not None:
            size = f"{worst.largest:.3g}" if np.isfinite(worst.largest) else self.tr("infinite")
            text = self.tr("{size}, epoch {n}").format(size=size, n=worst.epoch)
        self._facts.tell("largest", text)
        self._clipping = not steps or steps[-1].clipping
        if not self._clipping:
            for key in ("after", "clipped", "all"):
                self._facts.tell(key, self.tr("clipping is off"))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)

    def show_history(self, history: Sequence[EpochEnd]) -> None:
        """Show all epochs so far, and the figures of the last one."""
        self.chart.show_history(tuple(history))
        trained = [epoch for epoch in history if epoch.epoch > 0 and epoch.complete]
        last = trained[-1] if trained else None
        self._facts.tell("before", f"{last.grad_norm:.3g}" if last else "")
        if not self._clipping:
            return
        self._facts.tell("after", f"{last.grad_norm_after:.3g}" if last else "")
        self._facts.tell("clipped", f"{last.clipped:.0%}" if last else "")
        self._facts.tell(
            "all",
            f"{sum(epoch.clipped for epoch in trained) / len(trained):.0%}" if trained else "",
        )


class MemoryView(QWidget):
    """How far back a network learns, beside another run if that is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.chart = MemoryChart()
        self._shown: Trace | None = None
        self._earlier: tuple[Trace, ...] = ()
        self._facts = Facts(
            {
                "reach": (
                    self.tr("Reaches back"),
                    self.tr(
                        "The farthest bar that still gets a thousandth of the strongest gradient"
                    ),
                ),
                "first": (
                    self.tr("Farthest bar"),
                    self.tr("Its gradient beside the strongest one"),
                ),
                "epoch": (
                    self.tr("Epoch"),
                    self.tr("The epoch in which these gradients were measured"),
                ),
            },
            "000 of 000 bars",
        )
        self.map, self.curves = QToolButton(), QToolButton()
        self.compare = NameCombo(self.tr("Compare with"), 14)
        self.compare.setToolTip(
            self.tr("An earlier training of this session to lay beside this one")
        )
        self.compare.activated.connect(self._show)
        self.setLayout(_beside(self._facts, [self._tools()], self.chart))
        self.show_traces(None, ())

    def _tools(self) -> QWidget:
        choice = QButtonGroup(self)
        kinds = fill(QHBoxLayout(), spacing=4)
        for button, name, text in (
            (self.map, self.tr("Map"), self.tr("Colours by layer and lag")),
            (
                self.curves,
                self.tr("Curves"),
                self.tr("The strongest layer against the lag; another run is dashed"),
            ),
        ):
            button.setText(name)
            button.setToolTip(text)
            button.setCheckable(True)
            choice.addButton(button)
            kinds.addWidget(button)
        kinds.addStretch(1)
        self.map.setChecked(True)
        self.curves.toggled.connect(lambda on: self.chart.set_view("curves" if on else "map"))
        tools = QWidget()
        fill(QVBoxLayout(tools), kinds, self.compare, margins=(0, 0, 0, 0), spacing=6)
        return tools

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)

    def show_traces(self, shown: Trace | None, earlier: Sequence[Trace]) -> None:
        """Show the gradients of a run; ``earlier`` ones, oldest first, may be laid beside it."""
        if [item.memory for item in earlier] != [
            item.memory for item in self._earlier
        ] or not self.compare.count():
            wanted = self.compare.currentData()
            self._earlier = tuple(earlier)
            self.compare.clear()
            self.compare.addItem(self.tr("Compare with…"), None)
            for trace in reversed(self._earlier):
                self.compare.addItem(trace.name, trace)
            kept = next(
                (
                    row
                    for row in range(1, self.compare.count())
                    if self.compare.itemData(row) == wanted
                ),
                None,
            )
            self.compare.setCurrentIndex(
                kept if kept is not None else min(1, self.compare.count() - 1)
            )
            self.compare.setEnabled(self.compare.count() > 1)
        self._shown = shown
        self._show()

    def _show(self) -> None:
        shown, other = self._shown, self.compare.currentData()
        self.chart.show_traces(
            [trace for trace in (shown, other) if trace is not None] if shown else []
        )
        lags = shown.memory.lags if shown else None
        text = (
            self.tr("{n} of {all} bars").format(n=shown.memory.reach, all=lags[-1])
            if shown and lags is not None
            else ""
        )
        self._facts.tell("reach", text)
        self._facts.tell("first", share_text(shown.memory.farthest) if shown else "")
        self._facts.tell("epoch", str(shown.memory.epoch) if shown else "")


class DiagnosticsView(QListWidget):
    """What the gradient doctor says: causes first, among equals the newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Advice of the gradient doctor"))
        self.setWordWrap(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setSpacing(2)
        self._advice: tuple[Diagnosis, ...] = ()
        self._ranked: tuple[Diagnosis, ...] = ()

    def show_advice(self, advice: Sequence[Diagnosis]) -> None:
        """Show what was said, oldest first in ``advice``."""
        if tuple(advice) == self._advice:
            return
        self._advice = tuple(advice)
        newest_first = self._advice[::-1]
        self._ranked = tuple(sorted(newest_first, key=lambda item: item.rank))
        self.clear()
        for item in self._ranked:
            self.addItem(QListWidgetItem("\n".join(filter(None, (item.message, item.hint)))))
        if self.count():
            self.setCurrentRow(0)
        self._fit()

    @property
    def selected(self) -> Diagnosis | None:
        """The advice at which the list stands."""
        row = self.currentRow()
        return self._ranked[row] if 0 <= row < len(self._ranked) else None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give every piece of advice the height that it needs at this width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = QRect(0, 0, max(self.viewport().width() - 32, 80), 10_000)
        for row in range(self.count()):
            item = self.item(row)
            needed = self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, item.text())
            item.setSizeHint(QSize(room.width(), needed.height() + 14))


class DiagnosticsPage(QWidget):
    """The doctor's advice, with a button that takes the selected piece, or why there is none yet.

    Attributes
    ----------
    remedy_requested : Signal
        The remedy of the selected advice is to be taken.
    """

    remedy_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.list = DiagnosticsView()
        self.take = QPushButton()
        self.take.clicked.connect(self._take)
        self._running = False
        self.list.currentRowChanged.connect(lambda _row: self._offer())
        self._empty = EmptyState(
            "info",
            self.tr("Nothing to say"),
            self.tr("The doctor speaks up when it sees what is worth a word."),
        )
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.list)
        rows.addWidget(self.take, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addWidget(self._empty)
        self.show_advice(())

    def show_advice(self, advice: Sequence[Diagnosis]) -> None:
        """Show what was said."""
        self.list.show_advice(advice)
        self.list.setVisible(bool(advice))
        self._empty.setVisible(not advice)
        self._offer()

    def show_running(self, running: bool) -> None:
        """Offer nothing while something runs."""
        self._running = running
        self._offer()

    def _offer(self) -> None:
        advice = self.list.selected
        remedies = advice.remedies if advice is not None else ()
        self.take.setVisible(bool(remedies))
        self.take.setEnabled(not self._running)
        self.take.setText(remedy_label(remedies[0]) if remedies else "")

    def _take(self) -> None:
        advice = self.list.selected
        if advice is not None and advice.remedies:
            self.remedy_requested.emit(advice.remedies[0])

    def set_theme(self, theme: Theme) -> None:
        """Draw the icon in the colours of a theme."""
        self._empty.set_theme(theme)
