"""Prices from the clipboard: cells of a spreadsheet or a table as text, or files that were
copied in a file manager.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import cast

from PySide6.QtCore import QEvent, QMimeData, QObject, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence

from app.actions import Actions
from app.background import Reporting
from app.features.importing.controller import ImportController
from app.preferences import Preferences
from forecasting.errors import DataError
from forecasting.files.atomic import atomic_write

#: Most letters of a table: a million bars with six columns have fewer.
_LONGEST = 100_000_000


class ClipboardImport(QObject):
    """Loads what is on the clipboard.

    Parameters
    ----------
    actions : Actions
        Has the command, and the box for tickers, which keeps it for what is no table.
    importer : Importer
        Shows how a table is read before it is loaded.
    preferences : Preferences
        Tells where tables are kept, so that they can be loaded again.
    load : callable
        Takes files.

    Attributes
    ----------
    refused : Signal
        There is no table on the clipboard, or it cannot be kept (a CandlecastError).
    """

    refused = Signal(object)

    def __init__(
        self,
        actions: Actions,
        importer: ImportController,
        preferences: Preferences,
        load: Callable[[Sequence[str]], None],
    ) -> None:
        super().__init__(importer)
        self._importer, self._load = importer, load
        self._folder = preferences.data_file("pasted")
        actions["paste"].triggered.connect(lambda _checked=False: self.paste())
        actions.ticker_field.installEventFilter(self)

    def paste(self) -> None:
        """Load the files of the clipboard, or look at its table before it is loaded."""
        files, text = _on_clipboard()
        if files:
            self._load(files)
            return
        with Reporting(self.refused.emit):
            self._importer.open(str(self._keep(text)))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep a table out of the box for tickers: it would become one long line."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
        ):
            files, text = _on_clipboard()
            if files or _is_table(text):
                event.ignore()
                return True
        return super().eventFilter(watched, event)

    def _keep(self, text: str) -> Path:
        """Write a table to a file of its own, the same one for the same table.

        Raises
        ------
        CandlecastError
            It is no table, too long, or cannot be written.
        """
        if not _is_table(text):
            raise DataError(
                "There is no table of prices on the clipboard.",
                "Copy cells with dates and prices, at least two rows, in a spreadsheet or from "
                "a text; then paste again.",
            )
        if len(text) > _LONGEST:
            raise DataError(
                f"The table on the clipboard has {len(text):,} letters, more than {_LONGEST:,}.",
                "Save it as a file and open that.",
            )
        data = text.encode()
        path = self._folder / f"pasted-{sha256(data).hexdigest()[:8]}.txt"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"The table cannot be kept in {self._folder}: {error.strerror or error}.",
                "Save it as a file elsewhere and open that.",
            ) from error
        atomic_write(path, data)
        return path


def _on_clipboard() -> tuple[list[str], str]:
    """Return the local files and the text of the clipboard."""
    data = cast(QMimeData | None, QGuiApplication.clipboard().mimeData())
    if data is None:  # an empty clipboard, on some platforms
        return [], ""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()], data.text()


def _is_table(text: str) -> bool:
    """Whether a text has at least two lines."""
    return len(text.strip().splitlines()) > 1
