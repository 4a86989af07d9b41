"""Charts side by side: the main one, and others that choose their series."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.price import PriceChart
from app.number_format import number, price_decimals
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.name_combo import NameCombo
from forecasting.series import PriceSeries

#: Rows and columns by the number of charts.
SHAPES: dict[int, tuple[int, int]] = {1: (1, 1), 2: (1, 2), 4: (2, 2)}


class ChartCell(QWidget):
    """One more chart, with a box that chooses its series; without one it says what to do.

    Attributes
    ----------
    chart : PriceChart
    symbol_chosen : Signal
        Symbol of the series that is to be shown.
    open_requested : Signal
        Another series is to be loaded.
    """

    symbol_chosen = Signal(str)
    open_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.chart = PriceChart()
        self.box = NameCombo(self.tr("Series of this chart"), 8)
        self.box.setPlaceholderText(self.tr("Choose a series"))
        self.box.setToolTip(self.tr("Choose a loaded series of the watchlist"))
        self.box.textActivated.connect(self.symbol_chosen)
        self._last = text_label(wrap=False, plain=True)
        head = fill(QHBoxLayout(), self.box, self._last, STRETCH, margins=(8, 4, 8, 2), spacing=8)
        rows = fill(QVBoxLayout(self), head, margins=(0, 0, 0, 0), spacing=0)
        self._body = QStackedWidget()
        self._body.addWidget(self.chart)
        self._body.addWidget(self._make_empty())
        rows.addWidget(self._body, 1)

    def _make_empty(self) -> EmptyState:
        """Return what stands in the place of the chart while no series is chosen."""
        self.empty = EmptyState(
            "candles",
            self.tr("No further series is loaded"),
            self.tr("Load another one, or choose one above."),
        )
        button = self.empty.add_button(self.tr("Open files…"))
        button.clicked.connect(self.open_requested)
        return self.empty

    def show_symbols(self, symbols: Sequence[str], current: str) -> None:
        """Offer these series."""
        with QSignalBlocker(self.box):
            if [self.box.itemText(index) for index in range(self.box.count())] != list(symbols):
                self.box.clear()
                self.box.addItems(list(symbols))
            self.box.setCurrentIndex(self.box.findText(current, Qt.MatchFlag.MatchExactly))

    def show_series(self, series: PriceSeries | None, loaded: PriceSeries | None) -> None:
        """Show a series, its bars as loaded or joined for the chart alone."""
        self.chart.show_series(series, loaded)
        self._body.setCurrentIndex(1 if series is None else 0)
        if series is None:
            self._last.clear()
            return
        last = float(series.y[-1])
        self._last.setText(number(last, price_decimals(last)))
        self.chart.setAccessibleName(self.tr("Price chart of {name}").format(name=series.symbol))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)
        self.empty.set_theme(theme)


class ChartGrid(QWidget):
    """Holds one, two or four charts of equal size.

    Parameters
    ----------
    chart : PriceChart
        The main chart, at the top left.
    """

    def __init__(self, chart: PriceChart) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(1)
        self._grid.addWidget(chart, 0, 0)
        self.cells: list[ChartCell] = []

    def show_count(self, count: int) -> list[ChartCell]:
        """Show so many charts, and return the cells that had to be made."""
        rows, columns = SHAPES[count]
        made = [ChartCell() for _ in range(count - 1 - len(self.cells))]
        self.cells += made
        for index, cell in enumerate(self.cells, start=1):
            shown = index < count
            if shown:
                self._grid.addWidget(cell, index // columns, index % columns)
            cell.setVisible(shown)
        for index in range(2):
            self._grid.setRowStretch(index, 1 if index < rows else 0)
            self._grid.setColumnStretch(index, 1 if index < columns else 0)
        return made

    @property
    def shown_cells(self) -> list[ChartCell]:
        """The cells beside the main chart that are shown."""
        return [cell for cell in self.cells if not cell.isHidden()]
