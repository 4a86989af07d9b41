"""The journal at work: forecasts are entered as they are made, and compared with what happened
whenever prices are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.background import Task
from app.features.past_forecasts.controller import PastForecastController
from app.features.watchlist.controller import WatchlistController
from app.session import Session
from app.widgets.late import Late
from forecasting.config import RunConfig
from forecasting.events import RunFinished, SeriesLoaded
from forecasting.series import Finding, Forecast, Panel

if TYPE_CHECKING:
    from app.features.journal.panel import JournalPanel, JournalRead

_RECONCILE, _READ = "journal-reconcile", "journal-read"


class JournalController(QObject):
    """Stands between the journal in the store and its panel; all reading and writing is done beside
    everything else.

    Parameters
    ----------
    session : Session
    late : Late
        Builds the panel, which is filled from here.
    watchlist_controller : WatchlistController
        Loads the prices of forecasts that are still open.
    past_forecasts : PastForecastController
        Shows a forecast in the chart.

    Attributes
    ----------
    notified : Signal
        Message and hint of something worth knowing.
    warned : Signal
        Message and hint where something could not be kept or read; nothing else is lost by that.
    """

    notified = Signal(str, str)
    warned = Signal(str, str)

    def __init__(
        self,
        session: Session,
        late: Late[JournalPanel],
        watchlist_controller: WatchlistController,
        past_forecasts: PastForecastController,
    ) -> None:
        super().__init__(late)
        self._session, self._late, self._watchlist_controller, self._stepping = (
            session,
            late,
            watchlist_controller,
            past_forecasts,
        )
        self._found: set[str] = set()
        self._journal: JournalRead | None = None
        late.once_built(self._serve)
        session.event_received.connect(self._show_event)
        session.frame_due.connect(self._draw)
        watchlist_controller.shown.connect(self._series_shown)

    def _serve(self, panel: JournalPanel) -> None:
        """Show what was read before the panel was there, and do what it asks for."""
        if self._journal is not None:
            panel.show_journal(self._journal)
        panel.filtered.connect(self.read)
        panel.update_requested.connect(
            lambda sources: self._watchlist_controller.load(sources, "as_before")
        )
        panel.entry_chosen.connect(self._show_entry)

    def keep(self, forecasts: Sequence[Forecast], panel: Panel, config: RunConfig) -> None:
        """Enter final forecasts of the real future with the prices they were made from."""
        task = self._session.background.call(_add, forecasts, panel, config, self._symbol)
        self._follow(task, self.tr("The forecast was not entered in the journal. {why}"))

    def read(self) -> None:
        """Show what the journal holds."""
        task = self._session.background.call(_read, self._symbol, key=_READ)
        self._follow(task, self.tr("The journal cannot be read. {why}"))

    def _follow(self, task: Task, words: str) -> None:
        """Show what a task read, or why it failed."""
        task.returned.connect(self._show_journal)
        task.failed.connect(
            lambda failure: self.warned.emit(words.format(why=failure.message), failure.hint)
        )

    @property
    def _symbol(self) -> str:
        """The series that the panel is limited to; "" for all."""
        series = self._session.series
        return series.symbol if series and self._limited else ""

    @property
    def _limited(self) -> bool:
        """Whether only the series that is shown is wanted."""
        return self._late.is_built and self._late.content.only.isChecked()

    def _show_event(self, event: object) -> None:
        match event:
            case RunFinished():
                self.keep(event.result.forecasts, event.result.panel, event.result.config)
            case SeriesLoaded():
                task = self._session.background.call(
                    _reconcile, event.panel, self._symbol, key=_RECONCILE
                )
                words = self.tr("The journal was not compared with these prices. {why}")
                self._follow(task, words)

    def _show_journal(self, journal: JournalRead | None) -> None:
        """Show what the journal holds, unless another series is asked for by now."""
        if journal is None or journal.symbol != self._symbol:
            return
        self._journal = journal
        if self._late.is_built:
            self._late.content.show_journal(journal)
        self._session.request_repaint()
        for text in journal.findings:
            if text not in self._found:
                self._found.add(text)
                self.warned.emit(text, "")

    def _series_shown(self) -> None:
        if self._limited:
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
            self.notified.emit(
                self.tr("{symbol} is not loaded, so that the chart cannot show it.").format(
                    symbol=entry.forecast.symbol
                ),
                hint,
            )
            return
        if self._session.row is not rows[index]:
            self._watchlist_controller.select(index)
        self._stepping.show_one(entry.forecast, entry.y)

    def _draw(self) -> None:
        if not self._late.is_built:
            return
        for chart in (self._late.content.chart, self._late.content.score):
            if chart.isVisible():
                chart.refresh()


def _add(
    forecasts: Sequence[Forecast], panel: Panel, config: RunConfig, symbol: str
) -> JournalRead:
    """Enter forecasts in the journal, and read it."""
    from forecasting.store import Journal

    with Journal() as journal:
        journal.add(forecasts, panel, config)
    return _read(symbol, journal.findings)


def _reconcile(panel: Panel, symbol: str) -> JournalRead | None:
    """Compare open forecasts with prices, and read the journal; None without a store."""
    from forecasting.store import Journal, store_path

    if not store_path().is_file():
        return None
    with Journal() as journal:
        journal.reconcile(panel)
    return _read(symbol, journal.findings)


def _read(symbol: str, found: tuple[Finding, ...] = ()) -> JournalRead:
    """Read the journal; without a store there is nothing to read.

    Parameters
    ----------
    symbol : str
        The series to read, "" for all.
    found : tuple of Finding
        What was found in the store just before; it is returned, too.
    """
    from app.features.journal.panel import LEVELS, JournalRead
    from forecasting.store import Journal, store_path
    from forecasting.watch import score_record

    if not store_path().is_file():
        return JournalRead((), {}, symbol)
    with Journal() as journal:
        entries = journal.entries(symbol or None)
        coverage = {level: journal.coverage(level, symbol or None) for level in LEVELS}
    findings = tuple(item.message for item in (*found, *journal.findings))
    return JournalRead(entries, coverage, symbol, findings, score_record(entries))
