"""Opens the import dialog, has files read for it beside everything else, and loads what was
settled in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from app.features.watchlist.controller import WatchlistController
from app.session import Session
from app.theme import Theme
from forecasting import jobs
from forecasting.exog import ExogSpec, all_specs, quoted
from forecasting.sources.options import AS_FOUND, ReadOptions, Request

if TYPE_CHECKING:
    from app.features.importing.dialog import ImportDialog


class ImportController(QObject):
    """The one import dialog of a window.

    Parameters
    ----------
    window : QMainWindow
    session : Session
        Runs the readings.
    watchlist_controller : WatchlistController
        Loads the result.

    Attributes
    ----------
    dialog : ImportDialog or None
        The dialog while it is open.
    inputs_chosen : Signal
        An InputChoice: the inputs that were chosen in the dialog.
    """

    inputs_chosen = Signal(object)

    def __init__(
        self, window: QMainWindow, session: Session, watchlist_controller: WatchlistController
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._watchlist_controller = (
            window,
            session,
            watchlist_controller,
        )
        self._theme: Theme | None = None
        self._instead: Request | None = None
        self.dialog: ImportDialog | None = None
        #: Returns the inputs that the settings read.
        self.specs: Callable[[], Sequence[ExogSpec]] = tuple

    def open(
        self, path: str, options: ReadOptions | None = None, instead: Request | None = None
    ) -> None:
        """Show how a file is read; once accepted, it takes the place of ``instead``, or is loaded
        as a new one.

        Options that were settled for the same file before hold again.
        """
        from app.features.importing.dialog import ImportDialog

        if self.dialog is not None:
            self.dialog.close()
        known = self._session.watchlist.request_for(path)
        self._instead = instead
        self.dialog = ImportDialog(
            path,
            options or (known.read if known else AS_FOUND),
            self._window,
            self.specs(),
        )
        self.dialog.reading_requested.connect(self._read)
        self.dialog.accepted.connect(self._accepted)
        self.dialog.finished.connect(self._finished)
        if self._theme:
            self.dialog.set_theme(self._theme)
        self.dialog.open()
        self.dialog.start()

    def open_row(self, request: Request) -> None:
        """Show how the file of a row is read."""
        self.open(request.reference, request.read, request)

    def offers(self) -> str:
        """Return the file that has just been refused, and forget it; "" where it was none that a
        dialog could help with.
        """
        refused, self._session.refused = self._session.refused, None
        return (
            refused.reference
            if refused and refused.spec.is_path and Path(refused.reference).is_file()
            else ""
        )

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self.dialog is not None:
            self.dialog.set_theme(theme)

    def _read(self, path: str, options: ReadOptions) -> None:
        assert self.dialog is not None
        task = self._session.background.run(
            lambda _stop: jobs.understand(path, options), "understand"
        )
        task.yielded.connect(self.dialog.show_reading)
        task.failed.connect(self.dialog.show_failure)

    def _accepted(self) -> None:
        assert self.dialog is not None
        options, choice = self.dialog.options, self.dialog.input_choice
        if choice is not None:
            specs = all_specs(choice.hist_exog, choice.futr_exog, choice.stat_exog)
            names = ",".join(quoted(spec.name) for spec in specs)
            options = options.model_copy(update={"exog": names})
            self.inputs_chosen.emit(choice)
        request = Request(reference=self.dialog.path, read=options)
        self._watchlist_controller.load(
            (request,), "as_before" if self._instead else "only", instead=self._instead
        )

    def _finished(self) -> None:
        self._session.background.cancel("understand")
        self.dialog = None
