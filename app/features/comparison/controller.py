"""Compares trainings of this session, and writes the picture of two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.dialogs import ask_save_path
from app.features.spec import FeatureContext, WindowController

if TYPE_CHECKING:
    from app.features.comparison.window import ComparisonWindow

#: Inches of an exported picture: its width, and the height of a row of panels.
_WIDE, _ROW = 11.0, 2.8


class ComparisonController(WindowController["ComparisonWindow"]):
    """Two trainings side by side.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context, "compare_trainings")
        self._session.state_changed.connect(self._refresh_idle)

    def _build(self) -> ComparisonWindow:
        from app.features.comparison.window import ComparisonWindow

        shown = ComparisonWindow(self._window)
        shown.export_requested.connect(self._ask_export)
        return shown

    def _refresh(self, shown: ComparisonWindow) -> None:
        shown.show_trainings(self._session.earlier)

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
        return self._written(
            path, lambda: write(path, None, chart=view, title=view.picture.title, look=look)
        )

    def _ask_export(self) -> None:
        title, kinds = self.tr("Export the picture"), {".png": "PNG", ".svg": "SVG", ".pdf": "PDF"}
        path = ask_save_path(self._window, self._preferences, title, "two-trainings", kinds)
        if path:
            self.export(path)
