"""What the charts beside the main one show, and the crosshair that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from app.charts.price import PriceChart
from app.features.chart_grid.grid import SHAPES, ChartCell, ChartGrid
from app.features.drawings.controller import DrawingsController
from app.features.spec import FeatureContext, FeatureController
from app.widgets.chart_header import bars_in, fitting
from forecasting.events import ForecastMade, RunFinished
from forecasting.series import PriceSeries


class ChartGridController(FeatureController):
    """Stands between the grid of charts, the watchlist and the main chart, which the others follow
    in style, scale, indicators, span and distance of bars.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    count : int
        Charts that are shown: 1, 2 or 4.
    symbols : tuple of str
        Series of the charts beside the main one.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._chart, self._actions = context.chart, context.actions
        self._grid: ChartGrid = context.panels["grid"]
        self._view_controller = context.view_controller
        self._export_controller = context.export_controller
        self._drawings: DrawingsController = context.features["drawings"]
        self.count = 1
        self.symbols: tuple[str, ...] = ()
        self._chosen: set[int] = set()
        for number in SHAPES:
            self._actions[f"charts-{number}"].triggered.connect(self._choosing(number))
        self._actions["charts-1"].setChecked(True)
        self._chart.pointed.connect(self._pointing(self._chart))
        self._chart.look_changed.connect(self._follow)
        self._view_controller.span_changed.connect(self._show_spans)
        self._view_controller.interval_controller.changed.connect(self.show)
        self._session.list_changed.connect(self.show)
        self._session.selected_changed.connect(self.show)
        self._session.event_received.connect(self._show_event)
        self._session.frame_due.connect(self._draw)

    def restore(self) -> None:
        """Show as many charts as in the last window."""
        self.take(self._preferences.charts, ())

    def take(self, count: int, symbols: Sequence[str]) -> None:
        """Show so many charts, with these series beside the main one."""
        self.symbols = tuple(symbols)
        self._chosen = {index for index, symbol in enumerate(symbols) if symbol}
        self._show_count(count if count in SHAPES else 1)

    def choose(self, count: int) -> None:
        """Show so many charts, as the user does."""
        self._preferences.charts = count
        self._show_count(count)
        self.changed.emit()

    def choose_symbol(self, cell: ChartCell, symbol: str) -> None:
        """Show another series in a cell."""
        number = self._grid.cells.index(cell)
        symbols = [*self.symbols, *[""] * (number + 1 - len(self.symbols))]
        symbols[number] = symbol
        self._chosen.add(number)
        self.symbols = tuple(symbols)
        self.show()
        self.changed.emit()

    def show(self) -> None:
        """Fill the cells with the series that are loaded."""
        cells = self._grid.shown_cells
        if not cells:
            return
        loaded = {
            row.symbol: row.series for row in self._session.watchlist.rows if row.series is not None
        }
        self.symbols = self._completed(list(loaded), len(cells))
        intervals = self._view_controller.interval_controller
        for cell, symbol in zip(cells, self.symbols, strict=False):
            series = loaded.get(symbol)
            shown = None if series is None else intervals.joined(series)
            before = cell.chart.series
            cell.show_symbols(list(loaded), symbol)
            cell.show_series(shown, series)
            if shown is not before:
                self._show_span(cell.chart)
            self._show_forecast(cell.chart, series)
        self._drawings.show()
        self._session.request_repaint()

    def _completed(self, loaded: list[str], count: int) -> tuple[str, ...]:
        """Return the series of the cells; those that are not loaded, or that repeat the main
        series though nobody chose so, are replaced by the next ones of the watchlist, or by none.
        """
        series = self._session.series
        main = series.symbol if series else ""
        used = {main, *self.symbols[:count]}
        free = [symbol for symbol in loaded if symbol not in used]
        found = []
        for index, symbol in enumerate([*self.symbols, *[""] * count][:count]):
            repeated = symbol == main and index not in self._chosen
            if repeated or symbol not in loaded:
                found.append(free.pop(0) if free else "" if repeated else symbol)
            else:
                found.append(symbol)
        return tuple(found)

    def _show_count(self, count: int) -> None:
        self.count = count
        self._actions[f"charts-{count}"].setChecked(True)
        for cell in self._grid.show_count(count):
            self._begin(cell)
        self._follow()
        self.show()

    def _begin(self, cell: ChartCell) -> None:
        """Wire a new cell."""
        cell.open_requested.connect(self._actions["open"].trigger)
        cell.symbol_chosen.connect(lambda symbol: self.choose_symbol(cell, symbol))
        cell.chart.pointed.connect(self._pointing(cell.chart))
        self._drawings.attach(cell.chart)
        self._export_controller.offer(cell.chart)
        self._view_controller.color_also(cell.set_theme)

    def _show_forecast(self, chart: PriceChart, series: PriceSeries | None) -> None:
        """Draw the forecast of a cell's series, where the run at hand has one."""
        made = self._session.forecast
        forecasts = made.forecasts if made is not None and made.final else ()
        symbol = series.symbol if series is not None else ""
        chart.show_forecast(next((item for item in forecasts if item.symbol == symbol), None))

    def _show_event(self, event: object) -> None:
        if isinstance(event, ForecastMade | RunFinished):
            self.show()

    def _follow(self) -> None:
        for cell in self._grid.shown_cells:
            cell.chart.follow_look(self._chart)
        self._session.request_repaint()

    def _show_spans(self) -> None:
        for cell in self._grid.shown_cells:
            self._show_span(cell.chart)

    def _show_span(self, chart: PriceChart) -> None:
        if chart.series is not None:
            span = fitting(chart.series, self._preferences.span)
            chart.show_range(bars_in(chart.series, span))

    def _pointing(self, source: PriceChart) -> Callable[[object], None]:
        def point(date: object) -> None:
            assert date is None or isinstance(date, np.datetime64)
            charts = [self._chart, *(cell.chart for cell in self._grid.shown_cells)]
            for chart in charts:
                if chart is not source:
                    chart.point_at(date)

        return point

    def _choosing(self, count: int) -> Callable[[bool], None]:
        def choose(_checked: bool = False) -> None:
            self.choose(count)

        return choose

    def _draw(self) -> None:
        for cell in self._grid.shown_cells:
            cell.chart.refresh()
