"""What can be done with any plot, wherever it stands: copy it, save it, take its numbers along."""

from __future__ import annotations

from typing import Literal, Protocol, cast, runtime_checkable

from PySide6.QtCore import QEvent, QObject, QPoint, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QMenu, QWidget

from app.background import Reporting
from app.charts.plot import Plot
from app.export.figure import LOGICAL_DPI, Look
from app.export.page import bare
from app.export.pictures import image
from app.export.tables import clipboard_text
from app.theme import Theme, icon

#: Pixels of a copied image for each pixel of the screen, at least: it is pasted where it may be
#: looked at closely.
_DENSITY = 2


class PlotWidget(Plot, Protocol):
    """A widget that is a plot."""

    def accessibleName(self) -> str:
        """Return what the plot is called."""
        ...


@runtime_checkable
class WithMenu(Protocol):
    """A plot that adds entries of its own to the menu, by where it was opened."""

    def fill_menu(self, menu: QMenu, position: QPoint) -> None:
        """Add entries; ``position`` is in pixels of the screen."""
        ...


def plots_in(widget: QWidget) -> list[QWidget]:
    """Return the plots inside a widget, itself included."""
    return [
        item
        for item in (widget, *widget.findChildren(QWidget))
        if hasattr(item, "paint_plot") and hasattr(item, "table")
    ]


class PlotMenu(QObject):
    """The context menu of a plot, by right click, Menu key or Shift+F10; the plot's own actions
    come first.

    Parameters
    ----------
    plot : QWidget
        Has the methods of :class:`app.charts.registry.Plot`; owns the menu.
    theme : Theme

    Attributes
    ----------
    notified : Signal
        Something was copied (words for the status bar).
    image_requested, data_requested : Signal
        The plot is to be saved as a picture; its numbers are.
    refused : Signal
        It could not be copied (an ExportError).
    """

    notified = Signal(str)
    image_requested = Signal(QWidget)
    data_requested = Signal(QWidget)
    refused = Signal(object)

    def __init__(self, plot: QWidget, theme: Theme) -> None:
        super().__init__(plot)
        self._widget, self._theme = plot, theme
        self._plot = cast(PlotWidget, plot)
        views = plot.findChildren(QAbstractScrollArea)
        for part in (plot, *views, *(view.viewport() for view in views)):
            part.installEventFilter(self)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Open the menu where one is asked for."""
        if event.type() == QEvent.Type.ContextMenu and isinstance(event, QContextMenuEvent):
            self.open(event.globalPos())
            return True
        return super().eventFilter(watched, event)

    def open(self, place: QPoint) -> QMenu:
        """Show the menu; does not block."""
        menu = QMenu(self._widget)
        menu.setToolTipsVisible(True)
        menu.aboutToHide.connect(menu.deleteLater)
        if isinstance(self._widget, WithMenu):
            self._widget.fill_menu(menu, place)
        if self._widget.actions():
            menu.addActions(self._widget.actions())
            menu.addSeparator()
        drawn = bool(self._plot.table())
        entries = (
            (
                "copy",
                self.tr("Copy &image"),
                self.tr("Put the plot onto the clipboard as a picture"),
                self.copy_image,
            ),
            (
                "export",
                self.tr("&Save image…"),
                self.tr("Write the plot as PNG, SVG or PDF"),
                self._want_image,
            ),
            (
                "copy",
                self.tr("Copy &data"),
                self.tr("Put the numbers onto the clipboard, ready for a spreadsheet"),
                self.copy_data,
            ),
            (
                "data",
                self.tr("Save da&ta…"),
                self.tr("Write the numbers as CSV or Parquet"),
                self._want_data,
            ),
        )
        for picture, text, tip, do in entries:
            action = menu.addAction(icon(picture, self._theme), text)
            action.setToolTip(tip)
            action.setEnabled(drawn)
            action.triggered.connect(do)
        menu.popup(place)
        return menu

    def copy_image(self) -> None:
        """Put the plot onto the clipboard as it is on screen, in twice its pixels."""
        with Reporting(self.refused.emit):
            width, height = (
                max(side, 2 * LOGICAL_DPI) for side in (self._widget.width(), self._widget.height())
            )
            density = max(_DENSITY, round(self._widget.devicePixelRatioF()))
            look = Look(
                (width / LOGICAL_DPI, height / LOGICAL_DPI),
                LOGICAL_DPI * density,
                self._theme_name(),
            )
            QApplication.clipboard().setImage(
                image(bare(self._plot, look, self._plot.accessibleName(), font_px=0))
            )
            self.notified.emit(self.tr("Copied as an image"))

    def copy_data(self) -> None:
        """Put the numbers onto the clipboard as text with tabs, which every table program takes
        apart.

        Only what Qt itself makes is left there: an object of Python's would outlive Python at the
        end of the program.
        """
        columns = self._plot.table()
        QApplication.clipboard().setText(clipboard_text(columns))
        rows = len(next(iter(columns.values()), ()))
        self.notified.emit(self.tr("Copied {n} rows").format(n=rows))

    def _theme_name(self) -> Literal["light", "dark"]:
        return "dark" if self._theme.is_dark else "light"

    def _want_image(self) -> None:
        self.image_requested.emit(self._widget)

    def _want_data(self) -> None:
        self.data_requested.emit(self._widget)
