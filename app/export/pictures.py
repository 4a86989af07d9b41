"""Pictures: each hands a page to another painter, in the thread of the window, and returns what
encodes it, in any thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSize, QSizeF
from PySide6.QtGui import QColor, QFontInfo, QImage, QPageSize, QPaintDevice, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator

from app.export.figure import LOGICAL_DPI
from app.export.page import Page, font
from forecasting.errors import ExportError


def image(page: Page) -> QImage:
    """Draw into an image of the very size that was asked for.

    Raises
    ------
    ExportError
        There is no memory for it.
    """
    look = page.look
    width, height = look.pixels
    made = QImage(
        width,
        height,
        QImage.Format.Format_ARGB32_Premultiplied
        if look.transparent
        else QImage.Format.Format_RGB32,
    )
    if made.isNull():
        raise ExportError(
            f"There is no memory for a picture of {width} x {height} pixels.",
            "Choose a smaller size or fewer dpi.",
        )
    made.fill(0)
    metre = round(look.dpi / 0.0254)
    made.setDotsPerMeterX(metre)
    made.setDotsPerMeterY(metre)
    _draw(page, made, width, height)
    return made


def preview(page: Page, width: int) -> QImage:
    """Draw the whole page small, ``width`` pixels wide, as it will look."""
    wide, high = page.look.logical
    made = QImage(
        width, max(1, round(width * high / wide)), QImage.Format.Format_ARGB32_Premultiplied
    )
    made.fill(0)
    _draw(page, made, made.width(), made.height())
    return made


def png(page: Page) -> Callable[[], bytes]:
    """Draw the page; return what makes a PNG file of it, which takes longer."""
    drawn = image(page)
    drawn.setText("Software", "Candlecast")
    drawn.setText("Title", page.title)
    drawn.setText("Description", page.description)

    def encode() -> bytes:
        data, buffer = _buffer()
        if not drawn.save(buffer, "PNG"):  # type: ignore[call-overload]
            raise ExportError("Qt could not encode the picture as PNG.", "Try .svg or .pdf.")
        return bytes(data.data())

    return encode


def svg(page: Page) -> Callable[[], bytes]:
    """Draw the page; return what makes an SVG 1.1 document of it, in which text stays text."""
    width, height = page.look.logical
    data, buffer = _buffer()
    generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)
    generator.setOutputDevice(buffer)
    generator.setResolution(LOGICAL_DPI)
    generator.setSize(QSize(round(width), round(height)))
    generator.setViewBox(QRectF(0, 0, width, height))
    generator.setTitle(page.title)
    generator.setDescription(page.description)
    _draw(page, generator, width, height)
    # Qt names one family; readers without it would take a serif.
    family = QFontInfo(font(12)).family()
    document = bytes(data.data())
    return lambda: re.sub(
        rb'font-family="[^"]*"',
        f'font-family="{family}, Verdana, Arial, sans-serif"'.encode(),
        document,
    )


def pdf(page: Page) -> Callable[[], bytes]:
    """Draw the page as a PDF file of one page of the size asked for, as vectors: the painter
    encodes, and nothing is left to be done.
    """
    data, buffer = _buffer()
    writer = QPdfWriter(buffer)
    writer.setResolution(1200)
    writer.setPageSize(QPageSize(QSizeF(*page.look.size), QPageSize.Unit.Inch))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setTitle(page.title)
    writer.setCreator("Candlecast")
    _draw(page, writer, writer.width(), writer.height())
    document = bytes(data.data())
    return lambda: document


def _draw(page: Page, device: QPaintDevice, width: float, height: float) -> None:
    """Paint a page over the whole of a device: the one path of all pictures."""
    wide, high = page.look.logical
    painter = QPainter(device)
    try:
        painter.scale(width / wide, height / high)
        if not page.look.transparent:
            painter.fillRect(QRectF(0, 0, wide, high), QColor(page.look.colors.surface))
        page.paint(painter, QRectF(0, 0, wide, high))
    finally:
        painter.end()


def _buffer() -> tuple[QByteArray, QBuffer]:
    """Return memory and a device that writes to it."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return data, buffer
