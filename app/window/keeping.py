"""What leaves the program: the exported forecast, the saved network, the copied chart, and the questions before any of it is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QMainWindow

from app.export import EXPORTERS, Look, write
from app.session import Session
from app.settings import Preferences
from app.window import dialogs
from app.window.layout import Layout
from app.window.viewing import Viewing
from forecasting.errors import CandlecastError

MODEL_SUFFIX = ".candlecast"
#: A run that took this many seconds is not closed away without a question.
_WORTH_ASKING_S = 60


class Keeping(QObject):
    """Writes files and asks where.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    layout : Layout
        Its chart is what an image shows, and its status line tells what was written.
    viewing : Viewing
        Has the theme of images.
    preferences : Preferences
        Keeps the folder of the last file.

    Attributes
    ----------
    wrote, refused : Signal
        Something was written; it could not be (a CandlecastError).
    """

    wrote = Signal()
    refused = Signal(object)

    def __init__(self, window: QMainWindow, session: Session, layout: Layout, viewing: Viewing, preferences: Preferences) -> None:
        super().__init__(window)
        self._window, self._session, self._viewing, self._preferences = window, session, viewing, preferences
        self._chart, self._status = layout.chart, layout.status

    def export(self, path: str | Path) -> bool:
        """Write what is shown; the suffix decides on the format, and tables need a finished run. True when it was written."""
        session, series = self._session, self._session.series
        if series is None:
            return False
        live = session.task == "training" and session.running
        result = session.finished.result if session.finished and not live else None
        theme: Literal["light", "dark"] = "dark" if self._viewing.theme.is_dark else "light"
        return self._write(path, lambda: write(path, result, symbol=series.symbol, chart=self._chart, look=Look(theme=theme)))

    def save_model(self, path: str | Path) -> bool:
        """Write the network of the last run to a file. True when it was written."""
        finished = self._session.finished
        return finished is not None and self._write(path, lambda: finished.forecaster.save(Path(path)))

    def copy_chart(self) -> None:
        """Put the chart on the clipboard as an image."""
        QApplication.clipboard().setPixmap(self._chart.grab())
        self._status.rest(self.tr("Chart copied"))

    def ask_export(self) -> bool:
        """Ask for a file and export to it."""
        kinds = {suffix: exporter.label for suffix, exporter in EXPORTERS.items()}
        path = dialogs.ask_save_path(self._window, self._preferences, self.tr("Export the forecast"), self._stem(), kinds)
        return bool(path) and self.export(path)

    def ask_save_model(self) -> bool:
        """Ask for a file and write the network to it."""
        kinds = {MODEL_SUFFIX: self.tr("Candlecast network")}
        path = dialogs.ask_save_path(self._window, self._preferences, self.tr("Save the network"), self._stem(), kinds)
        return bool(path) and self.save_model(path)

    def may_forget(self) -> bool:
        """Ask before a result is lost that is unsaved and took long enough to be missed; False when it is to stay."""
        finished = self._session.finished
        if finished is None or not self._session.unsaved or finished.result.info.seconds < _WORTH_ASKING_S:
            return True
        answer = dialogs.ask_save(self._window)
        return answer == "discard" or (answer == "save" and self.ask_save_model())

    def _stem(self) -> str:
        """Return a file name without suffix for what is shown: symbol, network if there is one, last date."""
        finished, series = self._session.finished, self._session.series
        assert series is not None
        symbol = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in series.symbol)
        network = [finished.result.config.model.model.upper()] if finished else []
        return "-".join([symbol, *network, str(series.ds[-1])[:10]])

    def _write(self, path: str | Path, do: Callable[[], object]) -> bool:
        try:
            do()
        except CandlecastError as error:
            self.refused.emit(error)
            return False
        self._session.unsaved = False
        self._status.rest(self.tr("Wrote {path}").format(path=path))
        self.wrote.emit()
        return True
