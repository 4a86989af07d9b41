"""Tickers at work: what is typed becomes loading, with what was chosen to be fetched, and recent
ones are offered.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from app.actions import Actions
from app.background import Failure
from app.features.watchlist.controller import WatchlistController, ticker_options
from app.preferences import Preferences
from app.session import Session
from app.watchlist import Choice
from app.widgets.ticker_field import TickerDialog
from forecasting import jobs
from forecasting.events import TickersHeld
from forecasting.sources.options import Request, TickerOptions


class TickerController(QObject):
    """Stands between the box for tickers, its options, the dialog, and the session.

    Parameters
    ----------
    window : QMainWindow
    session : Session
        Asks the price cache for recent tickers.
    watchlist_controller : WatchlistController
        Loads.
    actions : Actions
        Holds the box and the switch for working offline.
    preferences : Preferences
        Keeps the options.

    Attributes
    ----------
    dialog : TickerDialog or None
        The dialog while it is open.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        watchlist_controller: WatchlistController,
        actions: Actions,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._watchlist_controller, self._preferences = (
            window,
            session,
            watchlist_controller,
            preferences,
        )
        self._field, self._settings, self._offline = (
            actions.ticker_field,
            actions.ticker_settings,
            actions["offline"],
        )
        self.dialog: TickerDialog | None = None
        self._left = ""
        self._settings.show_options(ticker_options(preferences), offline=preferences.offline)
        self._offline.setChecked(preferences.offline)
        self._field.tickers_entered.connect(self._entered)
        self._field.recent_requested.connect(self._ask_recent)
        self._settings.changed.connect(self._keep)
        self._settings.offline_changed.connect(self._set_offline)
        self._offline.toggled.connect(self._set_offline)
        session.state_changed.connect(self._loaded)

    def add(self) -> None:
        """Ask for tickers to add to the watchlist."""
        self._open(TickerDialog(self._settings.options, None, self._window), "also")

    def change(self, request: Request) -> None:
        """Ask what is to be fetched of a ticker that is on the list."""
        self._open(TickerDialog(request.ticker, request, self._window), "as_before", request)

    def _open(self, dialog: TickerDialog, choice: Choice, instead: Request | None = None) -> None:
        if self.dialog is not None:
            self.dialog.close()
        self.dialog = dialog
        dialog.recent_requested.connect(self._ask_recent)
        dialog.accepted.connect(
            lambda: self._watchlist_controller.load(dialog.requests, choice, instead=instead)
        )
        dialog.finished.connect(self._closed)
        dialog.open()
        dialog.start()

    def _closed(self) -> None:
        self.dialog = None

    def _entered(self, references: Sequence[str]) -> None:
        self._left = self._field.text()
        self._watchlist_controller.load(
            [
                self._watchlist_controller.request(reference, self._settings.options)
                for reference in references
            ]
        )

    def _loaded(self, state: str) -> None:
        """Leave in the box what could not be loaded, unless something else was typed meanwhile."""
        if state != "idle" or not self._left or self._field.text() != self._left:
            return
        refused = [item for item in self._session.refused_requests if item.spec.options == "ticker"]
        self._left = ", ".join(item.reference.partition(":")[2] for item in refused)
        self._field.setText(self._left)
        if self._field.hasFocus():
            self._field.selectAll()

    def _ask_recent(self) -> None:
        task = self._session.background.run(lambda _stop: jobs.cached_tickers(), "cached-tickers")
        task.yielded.connect(self._show_recent)
        task.failed.connect(self._show_failure)

    def _show_recent(self, event: TickersHeld) -> None:
        self._field.show_recent(event.tickers)
        if self.dialog is not None:
            self.dialog.show_recent(event.tickers)

    def _show_failure(self, failure: Failure) -> None:
        self._watchlist_controller.notified.emit(
            self.tr("Recent tickers cannot be told: {why}").format(why=failure.message),
            failure.hint,
        )

    def _keep(self, options: TickerOptions) -> None:
        self._preferences.ticker = options.model_dump_json(exclude_defaults=True)

    def _set_offline(self, offline: bool) -> None:
        """Keep the choice, and show it in both places."""
        self._preferences.offline = offline
        self._offline.setChecked(offline)
        self._settings.show_options(self._settings.options, offline=offline)
