"""The distance of the bars in the chart: joined for looking, while training keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from app.charts.price import PriceChart
from app.session import Session
from app.widgets.chart_header import ChartHeader
from forecasting.errors import CandlecastError
from forecasting.series import PriceSeries
from forecasting.sources.resample import RESAMPLES, coarser, resample

#: The bars as they were loaded.
_OWN = ""


class IntervalController(QObject):
    """Joins the bars of the shown series for the chart.

    Parameters
    ----------
    session : Session
    chart : PriceChart
    header : ChartHeader
        Has the button that opens the menu.
    menu : QMenu

    Attributes
    ----------
    freq : str
        One of :data:`~forecasting.sources.resample.RESAMPLES`, "" for the bars as loaded. It stays
        chosen for other series; those that cannot be joined to it are shown as loaded.
    changed : Signal
        Another distance was chosen: the chart is to be filled anew.
    warned : Signal
        Message and hint of why bars cannot be joined.
    """

    changed = Signal()
    warned = Signal(str, str)

    def __init__(
        self, session: Session, chart: PriceChart, header: ChartHeader, menu: QMenu
    ) -> None:
        super().__init__(chart)
        self._session, self._chart, self._header, self._menu = session, chart, header, menu
        self._group: QActionGroup | None = None
        self._joined: WeakKeyDictionary[PriceSeries, PriceSeries | None] = WeakKeyDictionary()
        self.freq = _OWN
        menu.setToolTipsVisible(True)
        header.show_intervals(menu)

    def choose(self, freq: str) -> None:
        """Show bars of a distance, "" for those that were loaded."""
        if freq != self.freq and (not freq or freq in RESAMPLES):
            self.freq = freq
            self._joined.clear()
            self.changed.emit()

    def show(self, series: PriceSeries | None) -> None:
        """Fill the chart with a series, its bars joined as chosen."""
        shown = series if series is None else self.joined(series)
        self._chart.show_series(shown, loaded=series)
        self._header.offer_spans(shown)
        self._fill(series, shown)

    def joined(self, series: PriceSeries) -> PriceSeries:
        """Return a series with the bars that a chart shows, joined once."""
        if not self.freq or self.freq not in coarser(series):
            return series
        if series not in self._joined:
            self._joined[series] = self._join(series)
        return self._joined[series] or series

    def _join(self, series: PriceSeries) -> PriceSeries | None:
        """Return a series with joined bars, None where there are too few."""
        try:
            return resample(series, self.freq, unfinished=True)
        except CandlecastError as error:
            self.warned.emit(error.message, error.hint)
            return None

    def _fill(self, series: PriceSeries | None, shown: PriceSeries | None) -> None:
        """List the distances that the bars of a series can be joined to."""
        self._menu.clear()
        self._group = QActionGroup(self._menu)
        own = "" if series is None else RESAMPLES.get(series.freq, "")
        label = (
            self.tr("As loaded ({bars})").format(bars=own.lower()) if own else self.tr("As loaded")
        )
        current = _OWN if shown is series else self.freq
        choices = {_OWN: label}
        if series is not None:
            choices |= {freq: self.tr(RESAMPLES[freq]) for freq in coarser(series)}
        for freq, text in choices.items():
            action = self._menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(freq == current)
            action.setToolTip(
                self.tr("Join bars in the chart; training keeps those that were loaded")
            )
            action.triggered.connect(self._choosing(freq))
            self._group.addAction(action)
        self._header.show_interval(choices[current] if current else own or self.tr("Bars"))

    def _choosing(self, freq: str) -> Callable[[bool], None]:
        def choose(_checked: bool = False) -> None:
            self.choose(freq)

        return choose
