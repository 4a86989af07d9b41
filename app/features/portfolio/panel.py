"""The portfolio panel: weights at the left; distribution, fall, contributions, correlation and
backtest at the right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.charts.legend import words
from app.charts.plot import Columns
from app.charts.portfolio import (
    CorrelationMap,
    DrawdownChart,
    PortfolioBacktestChart,
    ValueHistogram,
)
from app.theme import Theme
from app.widgets.chart_header import ElidedLabel
from app.widgets.form_builder import WholeBox
from app.widgets.form_scroll import FormScroll
from app.widgets.labels import text_label
from app.widgets.late import Late
from app.widgets.layouts import STRETCH, fill
from app.widgets.table_view import TableView
from forecasting.series import Floats

_MOST_BARS = 250
#: Least height in pixels of the chart below the words of the backtest, which scroll with it.
_LOWEST_CHART = 120


class PortfolioPanel(QWidget):
    """Shows a portfolio; everything is decided by the controller.

    Attributes
    ----------
    value_requested, stop_requested : Signal
        Value the portfolio; give that up.
    equal_requested, file_requested : Signal
        Equal weights; weights from a file of holdings.
    edited : Signal
        A weight, the model, the horizon or the choice of a backtest was changed.
    """

    value_requested = Signal()
    stop_requested = Signal()
    equal_requested = Signal()
    file_requested = Signal()
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.weights = QTableWidget(0, 2)
        self.weights.setHorizontalHeaderLabels([self.tr("Series"), self.tr("Weight")])
        self.weights.verticalHeader().hide()
        self.weights.setAccessibleName(self.tr("Weights"))
        self.weights.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.weights.setMinimumHeight(60)
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.horizon = WholeBox()
        self.horizon.setRange(1, _MOST_BARS)
        self.horizon.setSuffix(self.tr(" bars"))
        self.horizon.setAccessibleName(self.tr("Horizon"))
        self.backtest_box = QCheckBox(self.tr("&Backtest"))
        self.backtest_box.setToolTip(
            self.tr("Judge such forecasts of this portfolio from the last 15 % of the dates")
        )
        self.value_button = QPushButton(self.tr("&Value the portfolio"))
        self.value_button.setProperty("primary", True)
        self.equal_button = QPushButton(self.tr("&Equal"))
        self.file_button = QPushButton(self.tr("&Holdings…"))
        self.file_button.setToolTip(
            self.tr("Read a CSV of symbol and value, or symbol and quantity. Nothing is sent.")
        )
        self._told = text_label(selectable=True)
        self._left_out = ElidedLabel()
        self._left_out.setProperty("role", "muted")
        self._left_out.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._left_out.hide()
        self._histogram, self._drawdown = Late(ValueHistogram), Late(DrawdownChart)
        self._correlation, self._judged = Late(CorrelationMap), Late(PortfolioBacktestChart)
        self.contributions = TableView(self.tr("Contributions"))
        self._verdict = text_label()
        self.view, self._pages = QComboBox(), QStackedWidget()
        self.view.setAccessibleName(self.tr("What is shown"))
        pages: tuple[tuple[str, QWidget], ...] = (
            (self.tr("Distribution"), self._histogram),
            (self.tr("Falls on the way"), self._drawdown),
            (self.tr("Contributions"), self.contributions),
            (self.tr("Correlation"), self._correlation),
            (self.tr("Backtest"), self._backtest_page()),
        )
        for title, page in pages:
            self.view.addItem(title)
            self._pages.addWidget(page)
        self.view.currentIndexChanged.connect(self._pages.setCurrentIndex)
        right = QWidget()
        rows = fill(QVBoxLayout(right), self._told, self._left_out)
        choice = fill(QHBoxLayout(), self.view, STRETCH)
        fill(rows, choice, (self._pages, 1))
        fill(QHBoxLayout(self), self._left(), (right, 1), margins=(0, 0, 0, 0))
        self._wire()
        self.show_running(running=False, ready=False)

    @property
    def histogram(self) -> ValueHistogram:
        """The distribution of the value at the end."""
        return self._histogram.content

    @property
    def drawdown(self) -> DrawdownChart:
        """The falls on the way."""
        return self._drawdown.content

    @property
    def correlation(self) -> CorrelationMap:
        """The correlations of the series."""
        return self._correlation.content

    @property
    def judged(self) -> PortfolioBacktestChart:
        """The backtest."""
        return self._judged.content

    def _left(self) -> QWidget:
        left = QWidget()
        rows = fill(QVBoxLayout(left), (self.weights, 1))
        buttons = fill(QHBoxLayout(), self.equal_button, self.file_button)
        rows.addLayout(buttons)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(self.tr("&Model"), self.model)
        form.addRow(self.tr("H&orizon"), self.horizon)
        fill(rows, form, self.backtest_box)
        whole = QWidget()
        # The button stays in view where the rest has to be scrolled.
        scroll = FormScroll(left, fixed=True)
        fill(QVBoxLayout(whole), (scroll, 1), self.value_button, margins=(0, 0, 8, 6))
        return whole

    def _backtest_page(self) -> QWidget:
        page = QWidget()
        rows = fill(QVBoxLayout(page), margins=(0, 0, 0, 0))
        self._judged.setMinimumHeight(_LOWEST_CHART)
        fill(rows, self._verdict, (self._judged, 1))
        return FormScroll(page)

    def _wire(self) -> None:
        self.value_button.clicked.connect(self._press)
        self.equal_button.clicked.connect(lambda _checked=False: self.equal_requested.emit())
        self.file_button.clicked.connect(lambda _checked=False: self.file_requested.emit())
        self.weights.itemChanged.connect(lambda _item: self.edited.emit())
        self.model.currentIndexChanged.connect(lambda _index: self.edited.emit())
        self.horizon.valueChanged.connect(lambda _value: self.edited.emit())
        self.backtest_box.toggled.connect(lambda _on: self.edited.emit())

    def _press(self) -> None:
        (self.stop_requested if self._running else self.value_requested).emit()

    def show_models(self, models: Mapping[str, str], chosen: str) -> None:
        """Offer models by key and title."""
        with QSignalBlocker(self.model):
            self.model.clear()
            for key, title in models.items():
                self.model.addItem(title, key)
            self.model.setCurrentIndex(max(self.model.findData(chosen), 0))

    def show_choices(self, horizon: int, backtest: bool) -> None:
        """Show horizon and whether a backtest is wanted."""
        with QSignalBlocker(self.horizon), QSignalBlocker(self.backtest_box):
            self.horizon.setValue(horizon)
            self.backtest_box.setChecked(backtest)

    def show_weights(self, weights: Mapping[str, float]) -> None:
        """List series with their weights."""
        with QSignalBlocker(self.weights):
            self.weights.setRowCount(len(weights))
            for row, (symbol, weight) in enumerate(weights.items()):
                name = QTableWidgetItem(symbol)
                name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                cell = QTableWidgetItem(f"{weight:.6g}")
                cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.weights.setItem(row, 0, name)
                self.weights.setItem(row, 1, cell)

    def typed(self) -> dict[str, str]:
        """Return what the weights say, as it was typed, by symbol."""
        found = {}
        for row in range(self.weights.rowCount()):
            name, cell = self.weights.item(row, 0), self.weights.item(row, 1)
            if name is not None and cell is not None:
                found[name.text()] = cell.text().strip()
        return found

    def show_running(self, *, running: bool, ready: bool) -> None:
        """Let the button stop what runs, or begin where something can be valued."""
        self._running = running
        self.value_button.setText(self.tr("&Stop") if running else self.tr("&Value the portfolio"))
        self.value_button.setEnabled(running or ready)

    def show_message(self, text: str) -> None:
        """Say how far it is, or what is wrong."""
        self._told.setText(text)

    def show_value(
        self,
        sentences: Sequence[str],
        change: Floats,
        var: dict[int, float],
        es: float,
        drawdown: Floats,
    ) -> None:
        """Show the distribution of the value at the end, and the falls on the way."""
        self._told.setText("  ".join(sentences))
        self.histogram.show_value(change, var, es)
        self.drawdown.show_drawdown(drawdown)

    def show_left_out(self, text: str) -> None:
        """Say which series the portfolio is without, "" for none."""
        self._left_out.setText(text)
        self._left_out.setVisible(bool(text))

    def show_parts(
        self,
        symbols: Sequence[str],
        weights: Floats,
        shares: Floats,
        correlation: Floats,
    ) -> None:
        """Show what each series contributes to the expected shortfall, and the correlations."""
        order = np.argsort(-shares)
        total = float(shares.sum())
        sheet: Columns = {
            words("Series"): [symbols[n] for n in order],
            words("Weight %"): 100 * weights[order],
            words("To expected shortfall %"): 100 * shares[order],
            words("Share of it %"): 100 * shares[order] / (total if total else np.nan),
        }
        self.contributions.show_sheet(sheet)
        self.correlation.show_correlation(symbols, correlation)

    def show_verdict(self, sentences: Sequence[str]) -> None:
        """Show what the backtest says in words."""
        self._verdict.setText(" ".join(sentences))
        self._verdict.setVisible(bool(sentences))

    def summary(self) -> str:
        """Return what the panel says."""
        texts = (self._told.text(), self._left_out.text(), self._verdict.text())
        return " ".join(filter(None, texts))

    def refresh(self) -> None:
        """Repaint the plots."""
        for part in (self._histogram, self._drawdown, self._judged):
            if part.is_built:
                part.content.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        for part in (self._histogram, self._drawdown, self._correlation, self._judged):
            part.set_theme(theme)
