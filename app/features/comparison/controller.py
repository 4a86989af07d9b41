"""Compares trainings of this session, and writes the picture of two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from app.features.spec import FeatureContext, FeatureController
from app.theme import LIGHT, Theme
from forecasting.errors import CandlecastError

if TYPE_CHECKING:
    from app.features.comparison.window import ComparisonWindow

#: Inches of an exported picture: its width, and the height of a row of panels.
_WIDE, _ROW = 11.0, 2.8


class ComparisonController(FeatureController):
    """Two trainings side by side.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    shown : ComparisonWindow or None
        The window, once it was opened.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context.window)
        self._context, self._session = context, context.session
        self._theme = LIGHT
        self.shown: ComparisonWindow | None = None
        action = context.actions["compare_trainings"]
        action.triggered.connect(lambda _checked=False: self.show())
        self._session.state_changed.connect(self._follow)

    def show(self) -> None:
        """Open the window with the last two trainings."""
        if self.shown is None:
            from app.features.comparison.window import ComparisonWindow

            self.shown = ComparisonWindow(self._context.window)
            self.shown.set_theme(self._theme)
            self.shown.export_requested.connect(self._ask_export)
        self.shown.show_trainings(self._session.earlier)
        self.shown.show()
        self.shown.raise_()
        self.shown.activateWindow()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self.shown is not None:
            self.shown.set_theme(theme)

    def export(self, path: str | Path) -> bool:
        """Write the picture of both trainings; False, with words, where that fails."""
        from app.export import Look, write

        if self.shown is None:
            return False
        view = self.shown.picture
        rows = max(1, view.picture.rows)
        dark = self._theme.is_dark
        size = (_WIDE, _ROW * rows + 0.8)
        look = Look(size, theme="dark" if dark else "light", footer=False)
        try:
            write(path, None, chart=view, title=view.picture.title, look=look)
        except CandlecastError as error:
            self.refused.emit(error)
            return False
        self.notified.emit(self.tr("Wrote {file}.").format(file=Path(path).name), "")
        return True

    def _follow(self, state: str) -> None:
        if state == "idle" and self.shown is not None and self.shown.isVisible():
            self.shown.show_trainings(self._session.earlier)

    def _ask_export(self) -> None:
        start = str(Path(self._context.preferences.folder) / "two-trainings.png")
        kinds = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"
        title = self.tr("Export the picture")
        path, _kind = QFileDialog.getSaveFileName(self.shown, title, start, kinds)
        if path:
            self._context.preferences.folder = str(Path(path).parent)
            self.export(path)
