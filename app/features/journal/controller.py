"""The journal at work: forecasts are entered as they are made, and compared with what happened
whenever prices are loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from PySide6.QtCore import QObject, Signal

from app.background import Failure, Job
from app.features.journal.panel import LEVELS, JournalPanel, JournalRead
from app.features.past_forecasts.controller import PastForecastController
from app.features.watchlist.controller import WatchlistController
from app.session import Session
from forecasting.config import RunConfig
from forecasting.events import Event, RunFinished, SeriesLoaded
from forecasting.series import Finding, Forecast, Panel

_ADD, _RECONCILE, _READ = "journal-add", "journal-reconcile", "journal-read"


class JournalController(QObject):
    """Stands between the journal in the store and its panel; all reading and writing is done beside
    everything else.

    Parameters
    ----------
    session : Session
    panel : JournalPanel
        Is filled from here.
    watching : Watching
        Loads the prices of forecasts that are still open.
    stepping : Stepping
        Shows a forecast in the chart.

    Attributes
    ----------
    told : Signal
        Message and hint of something worth knowing.
    warned : Signal
        Message and hint where something could not be kept or read; nothing else is lost by that.
    """

    told = Signal(str, str)
    warned = Signal(str, str)

    def __init__(
        self,
        session: Session,
        panel: JournalPanel,
        watchlist_controller: WatchlistController,
        past_forecasts: PastForecastController,
    ) -> None:
        super().__init__(panel)
        self._session, self._panel, self._watchlist_controller, self._stepping = (
            session,
            panel,
            watchlist_controller,
            past_forecasts,
        )
        self._added = 0
        self._found: set[str] = set()
        self._panel.filtered.connect(self.read)
        self._panel.update_wanted.connect(
            lambda sources: watchlist_controller.load(sources, "as_before")
        )
        self._panel.entry_chosen.connect(self._show_entry)
        session.event_received.connect(self._show_event)
        session.background_failed.connect(self._fail)
        session.frame_due.connect(self._draw)
        watchlist_controller.shown.connect(self._series_shown)

    def keep(self, forecasts: Sequence[Forecast], panel: Panel, config: RunConfig) -> None:
        """Enter final forecasts of the real future with the prices they were made from."""
        self._added += 1
        # A name for each: one that is still being written is never given up for the next.
        self._session.aside(
            f"{_ADD}-{self._added}", _adding(forecasts, panel, config, self._symbol)
        )

    def read(self) -> None:
        """Show what the journal holds."""
        self._session.aside(_READ, _reading(self._symbol))

    @property
    def _symbol(self) -> str:
        """The series that the panel is limited to; "" for all."""
        series = self._session.series
        return series.symbol if series and self._panel.only.isChecked() else ""

    def _show_event(self, event: object) -> None:
        match event:
            case RunFinished():
                self.keep(event.result.forecasts, event.result.panel, event.result.config)
            case SeriesLoaded():
                self._session.aside(_RECONCILE, _reconciling(event.panel, self._symbol))
            case JournalRead() if event.symbol == self._symbol:
                self._panel.show_journal(event)
                self._session.request_repaint()
                for text in event.findings:
                    if text not in self._found:
                        self._found.add(text)
                        self.warned.emit(text, "")

    def _series_shown(self) -> None:
        if self._panel.only.isChecked():
            self.read()

    def _show_entry(self, entry: object) -> None:
        from forecasting.store import Entry

        assert isinstance(entry, Entry)
        rows = self._session.watchlist.rows
        index = next(
            (index for index, row in enumerate(rows) if row.symbol == entry.forecast.symbol), None
        )
        if index is None or rows[index].series is None:
            hint = self.tr("Load it, then choose the forecast again.")
            self.told.emit(
                self.tr("{symbol} is not loaded, so that the chart cannot show it.").format(
                    symbol=entry.forecast.symbol
                ),
                hint,
            )
            return
        if self._session.row is not rows[index]:
            self._watchlist_controller.select(index)
        self._stepping.show_one(entry.forecast, entry.y)

    def _fail(self, name: str, failure: Failure) -> None:
        words = {
            _ADD: self.tr("The forecast was not entered in the journal. {why}"),
            _RECONCILE: self.tr("The journal was not compared with these prices. {why}"),
            _READ: self.tr("The journal cannot be read. {why}"),
        }
        for start, text in words.items():
            if name.startswith(start):
                self.warned.emit(text.format(why=failure.message), failure.hint)

    def _draw(self) -> None:
        if self._panel.chart.isVisible():
            self._panel.chart.refresh()


def _adding(forecasts: Sequence[Forecast], panel: Panel, config: RunConfig, symbol: str) -> Job:
    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting.store import Journal

        with Journal() as journal:
            journal.add(forecasts, panel, config)
        yield from _reading(symbol, journal.findings)(should_stop)

    return job


def _reconciling(panel: Panel, symbol: str) -> Job:
    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting.store import Journal, store_path

        if store_path().is_file():
            with Journal() as journal:
                journal.reconcile(panel)
            yield from _reading(symbol, journal.findings)(should_stop)

    return job


def _reading(symbol: str, found: tuple[Finding, ...] = ()) -> Job:
    """Return the job that reads the journal; without a store there is nothing to read.

    What was ``found`` just before is told, too.
    """

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting.store import Journal, store_path

        read = JournalRead((), {}, symbol)
        if store_path().is_file():
            with Journal() as journal:
                entries = journal.entries(symbol or None)
                coverage = {level: journal.coverage(level, symbol or None) for level in LEVELS}
                read = JournalRead(
                    entries,
                    coverage,
                    symbol,
                    tuple(item.message for item in (*found, *journal.findings)),
                )
        yield read

    return job
