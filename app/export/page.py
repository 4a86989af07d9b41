"""One page around a plot: title above, verdict and provenance below, laid out in logical pixels
for any painter.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QGuiApplication, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from app.charts.plot import Plot
from app.export.figure import Figure, Look
from app.theme import Theme, see_through
from forecasting.errors import ExportError

#: Text of charts on a page, in logical pixels.
FONT_PX = 12


@dataclass(frozen=True)
class Page:
    """Something to be encoded as a picture.

    Attributes
    ----------
    paint : callable
        Paints into a rectangle of logical pixels from the origin; called once.
    look : Look
    title, description : str
        Written into the file for those who cannot see it.
    """

    paint: Callable[[QPainter, QRectF], None]
    look: Look
    title: str
    description: str


@contextmanager
def drawn(figure: Figure) -> Iterator[Page]:
    """Hand out the page of a figure (title, plot and footer); a plot that was made for it goes away
    afterwards.

    Raises
    ------
    ExportError
        Nothing to draw, or nothing to draw with.
    """
    need_application()
    plot = figure.plot()

    def paint(painter: QPainter, target: QRectF) -> None:
        _paint(painter, target, figure, plot)

    try:
        yield Page(paint, figure.look, figure.heading()[0], plot.summary())
    finally:
        if plot is not figure.chart and isinstance(plot, QWidget):
            plot.deleteLater()


def bare(plot: Plot, look: Look, title: str, font_px: int = FONT_PX) -> Page:
    """Return a page that is nothing but the plot."""
    need_application()

    def paint(painter: QPainter, target: QRectF) -> None:
        plot.paint_plot(painter, target, look.colors, font_px)

    return Page(paint, look, title, plot.summary())


def need_application() -> None:
    """Make an application that needs no display, unless one runs.

    Raises
    ------
    ExportError
        There are no fonts to write with.
    """
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(_without_display())
        _applications.append(application)
    if not QFontDatabase.families():
        raise ExportError(
            "There are no fonts on this machine, so the picture would have no text.",
            "Install fonts such as DejaVu Sans.",
        )


def _without_display() -> list[str]:
    """Return the words of an application that only draws pictures, whatever the environment says of
    displays.

    A platform that is not there, or that reaches for a display, would end the process.
    """
    for name in _MISLEADING:
        os.environ.pop(name, None)
    platform = {"win32": "windows", "darwin": "cocoa"}.get(sys.platform, "offscreen")
    return ["candlecast", "-platform", platform]


#: What other programs leave in the environment that keeps Qt from starting, or makes it end at a
#: warning.
_MISLEADING = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_PLUGIN_PATH", "QT_FATAL_WARNINGS")
#: Applications made here live as long as the process: Qt allows one, and ends badly when it goes.
_applications: list[QApplication] = []


def font(pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the program's font in a size of its own."""
    made = QFont(QGuiApplication.font())
    made.setPixelSize(pixels)
    made.setWeight(weight)
    return made


def _paint(painter: QPainter, target: QRectF, figure: Figure, plot: Plot) -> None:
    width, height = target.width(), target.height()
    theme = see_through(figure.look.colors) if figure.look.transparent else figure.look.colors
    top = _paint_title(painter, width, figure.heading(), theme)
    bottom = (
        _paint_footer(painter, width, height, figure.footer(), theme)
        if figure.look.footer
        else 12.0
    )
    # Charts are laid out in whole pixels: any other rectangle would stretch their text.
    top, bottom = math.ceil(top), math.ceil(bottom)
    plot.paint_plot(
        painter,
        QRectF(12, top, math.floor(width) - 18, math.floor(height) - top - bottom),
        theme,
        FONT_PX,
    )


def _paint_title(painter: QPainter, width: float, heading: tuple[str, str], theme: Theme) -> float:
    """Write title and subtitle; return the height they took."""
    row = 16.0
    for text, pixels, weight, color in (
        (heading[0], 18, QFont.Weight.DemiBold, theme.text),
        (heading[1], 12, QFont.Weight.Normal, theme.muted),
    ):
        face = font(pixels, weight)
        metrics = QFontMetricsF(face)
        painter.setFont(face)
        painter.setPen(QColor(color))
        painter.drawText(
            QPointF(20, row + metrics.ascent()),
            metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 40),
        )
        row += metrics.height() + 2 if text else 0
    return row + 8


def _paint_footer(
    painter: QPainter, width: float, height: float, footer: tuple[str, str], theme: Theme
) -> float:
    """Write verdict and provenance at the bottom; return the height they took."""
    wrap = int(Qt.TextFlag.TextWordWrap)
    index = height - 12.0
    for text, pixels, weight, color in (
        (footer[1], 10, QFont.Weight.Normal, theme.muted),
        (footer[0], 12, QFont.Weight.Medium, theme.text),
    ):
        if not text:
            continue
        face = font(pixels, weight)
        room = (
            QFontMetricsF(face)
            .boundingRect(QRectF(20, 0, width - 40, height / 3), wrap, text)
            .height()
        )
        index -= room
        painter.setFont(face)
        painter.setPen(QColor(color))
        painter.drawText(QRectF(20, index, width - 40, room + 2), wrap, text)
        index -= 4
    return height - index + 4
