"""What fixed trading rules would have earned on past forecasts, as a plot and as figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.charts.equity import EquityChart
from app.charts.plot import Columns
from app.number_format import number
from app.widgets.form_builder import DecimalBox
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.table_view import TableView
from forecasting.series import Outcomes
from forecasting.trading_rules import Earnings, RuleOptions, RulesJudged, judge_rules
from forecasting.trading_rules.results import NOT_ADVICE

#: Debounce of the costs: rules are traded anew this many milliseconds after the last change.
_REST_MS = 400


class Trading(NamedTuple):
    """What is to be traded."""

    outcomes: Outcomes
    options: RuleOptions
    tries: int


def trade_rules(trading: Trading) -> RulesJudged:
    """Trade the rules; takes a moment. DataError where the forecasts are not of prices."""
    return judge_rules(trading.outcomes, trading.options, tries=trading.tries)


class EarnedTab(QWidget):
    """Costs above a table of figures; the accounts over time beside them.

    Attributes
    ----------
    trading_requested : Signal
        Rules are to be traded (a Trading); whoever does so calls :meth:`show_rules` or
        :meth:`show_fault`.
    export_requested : Signal
        The accounts are to be written to a file (a RulesJudged).
    changed : Signal
        The plot wants to be drawn.
    """

    trading_requested = Signal(object)
    export_requested = Signal(object)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: Outcomes | None = None
        self._tries = 1
        self._due = False
        self._judged: RulesJudged | None = None
        self.chart = EquityChart()
        self.table = TableView(self.tr("Figures of each rule"))
        self._words = text_label(plain=True, selectable=True)
        self._advice = text_label(NOT_ADVICE, "muted")
        self.export_button = QPushButton(self.tr("Save table…"))
        self.export_button.setToolTip(
            self.tr("Write position and value of each rule at every bar as CSV or Parquet")
        )
        self.export_button.clicked.connect(lambda: self.export_requested.emit(self._judged))
        self.fields: dict[str, DecimalBox] = {}
        self._timer = QTimer(self, singleShot=True, interval=_REST_MS)
        self._timer.timeout.connect(self._request)
        self._lay_out()
        self.show_outcomes({}, 1)

    @property
    def judged(self) -> RulesJudged | None:
        """What is shown."""
        return self._judged

    @property
    def text(self) -> str:
        """What is said of the rules."""
        return self._words.text()

    def show_outcomes(self, outcomes: Mapping[str, Outcomes], tries: int) -> None:
        """Take other outcomes, those of the judged model first; rules are traded once the tab is
        seen.
        """
        first = next(iter(outcomes.values()), None)
        if first is self._outcomes and tries == self._tries and first is not None:
            return
        self._outcomes, self._tries = first, tries
        self._due = first is not None and len(first) > 0
        self._clear("" if self._due else self.tr("There are no forecasts to trade."))
        if self.isVisible():
            self._request()

    def show_rules(self, judged: RulesJudged) -> None:
        """Show what came of the rules."""
        self._judged = judged
        self.chart.show_rules(judged)
        names = [*(rule.title for rule in judged.rules), self.tr("Buy and hold")]
        figures = [*(rule.earnings for rule in judged.rules), judged.holding]
        columns = self._columns(names, figures)
        decimals = {self.tr("Sharpe"): 2, self.tr("Turnover"): 1}
        self.table.show_sheet(columns, self._tips(), decimals)
        self._words.setText("\n".join([judged.sentence, *(rule.sentence for rule in judged.rules)]))
        self.export_button.setEnabled(True)
        self.changed.emit()

    def show_fault(self, message: str, hint: str) -> None:
        """Say why nothing was traded."""
        self._clear(f"{message} {hint}".strip())

    def show_note(self, words: str) -> None:
        """Say something beside the figures, such as what was written."""
        self._words.setText("\n".join([words, *self._words.text().split("\n")[-4:]]))

    def showEvent(self, event: QShowEvent) -> None:
        """Trade the rules when somebody looks."""
        super().showEvent(event)
        self._request()

    def options(self) -> RuleOptions:
        """Return what the fields say."""
        return RuleOptions(**{name: field.value() for name, field in self.fields.items()})

    def _request(self) -> None:
        if self._due and self._outcomes is not None and self.isVisible():
            self._due = False
            self._words.setText(self.tr("Trading the rules…"))
            self.trading_requested.emit(Trading(self._outcomes, self.options(), self._tries))

    def _costs_changed(self) -> None:
        self._due = self._outcomes is not None
        self._timer.start()

    def _clear(self, words: str) -> None:
        self._judged = None
        self.chart.show_rules(None)
        self.table.show_sheet({}, ())
        self._words.setText(words)
        self.export_button.setEnabled(False)
        self.changed.emit()

    def _columns(self, names: list[str], figures: list[Earnings]) -> Columns:
        def column(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return np.array([float(getattr(item, name)) for item in figures])

        return {
            self.tr("Rule"): names,
            self.tr("Earned %"): column("total_return"),
            self.tr("A year %"): column("annual_return"),
            self.tr("Sharpe"): column("sharpe"),
            self.tr("Its 95 % interval"): [_interval(item) for item in figures],
            self.tr("Drawdown %"): column("max_drawdown"),
            self.tr("Turnover"): column("turnover"),
            self.tr("Trades"): np.array([item.trades for item in figures]),
        }

    def _tips(self) -> tuple[str, ...]:
        interval = self.tr("95 % interval of the Sharpe ratio, widened for all that was tried")
        return (
            self.tr("Fixed before anything was seen; nothing here is tuned"),
            self.tr("Growth of the account after costs"),
            self.tr("Growth a year after costs"),
            self.tr("Return a year over its standard deviation"),
            interval,
            self.tr("Largest fall from a peak"),
            self.tr("Traded value a year as a multiple of the account"),
            self.tr("Bars at which a position changed"),
        )

    def _lay_out(self) -> None:
        side = fill(QVBoxLayout(), self._form(), margins=(6, 0, 0, 0), spacing=4)
        self.table.setMinimumHeight(130)
        side.addWidget(self.table, 1)
        for part in (self._words, self._advice):
            side.addWidget(part)
        right = QWidget()
        right.setLayout(side)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(right)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setAccessibleName(self.tr("Costs and figures"))
        split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        split.addWidget(self.chart)
        split.addWidget(scroll)
        self.chart.setMinimumWidth(260)
        split.setSizes([420, 560])
        fill(QVBoxLayout(self), split, margins=(0, 6, 0, 6))

    def _form(self) -> QGridLayout:
        """Return costs, slippage and threshold above each other, and the button."""
        grid = QGridLayout()
        grid.setSpacing(4)
        for column, (name, info) in enumerate(RuleOptions.model_fields.items()):
            field = DecimalBox()
            field.setDecimals(2 if name == "up_threshold" else 1)
            field.setSingleStep(0.01 if name == "up_threshold" else 1.0)
            limits = {
                key: getattr(mark, key)
                for mark in info.metadata
                for key in ("ge", "le")
                if hasattr(mark, key)
            }
            field.setRange(limits["ge"], limits["le"])
            field.setValue(info.default)
            field.setSuffix("" if name == "up_threshold" else " bp")
            field.setAccessibleName(str(info.title))
            field.setToolTip(str(info.description))
            field.setMinimumWidth(70)
            field.setMaximumWidth(100)
            field.valueChanged.connect(self._costs_changed)
            label = QLabel(str(info.title))
            label.setBuddy(field)
            label.setToolTip(str(info.description))
            grid.addWidget(label, 0, column)
            grid.addWidget(field, 1, column)
            self.fields[name] = field
        row = fill(QHBoxLayout(), STRETCH, self.export_button)
        grid.addLayout(row, 1, len(self.fields))
        grid.setColumnStretch(len(self.fields), 1)
        return grid


def _interval(item: Earnings) -> str:
    """Write the interval of the Sharpe ratio, a dash where there is none."""
    if not np.isfinite([item.sharpe_low, item.sharpe_high]).all():
        return "–"
    low, high = (
        number(value, 2).replace("-", "−") for value in (item.sharpe_low, item.sharpe_high)
    )
    return f"{low} to {high}"
