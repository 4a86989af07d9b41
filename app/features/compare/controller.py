"""Other series of the watchlist over the prices, all of them from zero percent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QInputDialog, QMenu

from app.charts.overlay_series import MOST_OVERLAYS
from app.features.spec import FeatureContext, FeatureController
from app.preferences import Scale
from forecasting.series import PriceSeries

#: Series that the menu lists; the others are found by typing.
_MOST_LISTED = 40


class CompareController(FeatureController):
    """Fills the menu of series to compare with, and draws what was chosen.

    The first one that is added switches to the percent scale; when the last one goes, the scale of
    before comes back.

    Parameters
    ----------
    context : FeatureContext

    Attributes
    ----------
    symbols : tuple of str
        What is drawn over the shown series, loaded or not.
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._chart, self._actions = context.chart, context.actions
        self._menu: QMenu = context.actions.submenus["Compare with"]
        self._view_controller = context.view_controller
        self.symbols: tuple[str, ...] = ()
        self._scale_before: Scale | None = None
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill)
        self._session.list_changed.connect(self._renew)
        self._session.selected_changed.connect(self._renew)
        self.fill()

    def take(self, symbols: Sequence[str]) -> None:
        """Draw what a project says."""
        self.symbols = tuple(symbols)[:MOST_OVERLAYS]
        self._scale_before = None
        self._renew()

    def add(self, symbol: str) -> None:
        """Draw one more."""
        if symbol not in self.symbols and len(self.symbols) < MOST_OVERLAYS:
            if not self.symbols and self._actions["scale-percent"].isChecked() is False:
                self._scale_before = self._view_controller.scale
                self._view_controller.set_scale("percent")
            self.symbols = (*self.symbols, symbol)
            self._change()

    def remove(self, symbol: str) -> None:
        """Draw one no longer."""
        self.symbols = tuple(item for item in self.symbols if item != symbol)
        self._give_back_scale()
        self._change()

    def clear(self) -> None:
        """Draw the shown series alone."""
        self.symbols = ()
        self._give_back_scale()
        self._change()

    def ask(self) -> QInputDialog:
        """Ask for a series by typing."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(self.tr("Compare"))
        dialog.setLabelText(self.tr("Series of the watchlist"))
        dialog.setComboBoxEditable(True)
        dialog.setComboBoxItems([item.symbol for item in self._others()])
        dialog.textValueSelected.connect(self._add_typed)
        dialog.open()
        return dialog

    def fill(self) -> None:
        """List the loaded series, the drawn ones marked."""
        self._menu.clear()
        others = self._others()
        drawn = set(self.symbols)
        listed = sorted(others, key=lambda item: item.symbol not in drawn)[:_MOST_LISTED]
        for series in listed:
            action = self._menu.addAction(series.symbol.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(series.symbol in drawn)
            action.setToolTip(self.tr("Draw its change in percent beside that of the shown series"))
            action.triggered.connect(self._switching(series.symbol))
        if len(others) > len(listed):
            self._menu.addAction(self.tr("&More…")).triggered.connect(lambda: self.ask())
        if not others:
            nothing = self._menu.addAction(self.tr("Load another series first"))
            nothing.setEnabled(False)
        if self.symbols:
            self._menu.addSeparator()
            self._menu.addAction(self.tr("&None")).triggered.connect(lambda: self.clear())

    def _others(self) -> list[PriceSeries]:
        """Return the loaded series other than the shown one."""
        shown = self._session.series
        rows = self._session.watchlist.rows
        loaded = [row.series for row in rows if row.series is not None]
        return [item for item in loaded if shown is None or item.symbol != shown.symbol]

    def _add_typed(self, symbol: str) -> None:
        if any(item.symbol == symbol for item in self._others()):
            self.add(symbol)

    def _switching(self, symbol: str) -> Callable[[bool], None]:
        def switch(checked: bool) -> None:
            change = self.add if checked else self.remove
            change(symbol)

        return switch

    def _give_back_scale(self) -> None:
        if not self.symbols and self._scale_before is not None:
            self._view_controller.set_scale(self._scale_before)
            self._scale_before = None

    def _change(self) -> None:
        self._renew()
        self.changed.emit()

    def _renew(self) -> None:
        """Draw what is loaded of the chosen series."""
        loaded = {item.symbol: item for item in self._others()}
        overlays = tuple(loaded[symbol] for symbol in self.symbols if symbol in loaded)
        if overlays != self._chart.overlaid:
            self._chart.show_overlays(overlays)
            self._session.request_repaint()
        self.fill()
