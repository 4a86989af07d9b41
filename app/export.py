"""Files that leave the program: pictures, all drawn by one painter path, and the forecast as a table."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.series import Dates, Forecast, PriceSeries
from forecasting.writing import write_whole

# Qt is imported where it is needed: a table can be written on a machine without it.
if TYPE_CHECKING:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QFont, QPainter
    from PySide6.QtWidgets import QApplication

    from app.charts.price import PriceChart
    from app.theme import Theme

#: Levels of the bands in tables, in percent, in the order of their columns.
LEVELS: tuple[int, ...] = (80, 95)
#: Logical pixels of an inch: at this density charts are laid out, whatever the density of the file.
_LOGICAL_DPI = 96
_MOST_PIXELS = 200_000_000


@dataclass(frozen=True)
class Figure:
    """What a picture shows, and how large it is.

    Attributes
    ----------
    result : RunResult, Prediction or None
        The run, or what a saved network says; without one the picture shows what ``chart`` shows.
    symbol : str or None
        Which series of the panel; None takes the first.
    theme : Theme or None
        None for light.
    chart : PriceChart or None
        A chart on screen whose view and style are taken over.
    size : tuple of float
        Width and height in inches.
    dpi : int
        Pixels an inch of raster pictures.
    """

    result: RunResult | Prediction | None
    symbol: str | None
    theme: Theme | None
    chart: PriceChart | None
    size: tuple[float, float]
    dpi: int

    @property
    def colors(self) -> Theme:
        """The theme to draw in."""
        from app.theme import LIGHT

        return self.theme or LIGHT


@dataclass(frozen=True)
class Exporter:
    """One format: what people call it, and what makes the bytes of the file."""

    label: str
    encode: Callable[[Figure], bytes]


def write(
    path: str | Path,
    result: RunResult | Prediction | None,
    *,
    symbol: str | None = None,
    theme: Theme | None = None,
    chart: PriceChart | None = None,
    size: tuple[float, float] = (10.0, 6.0),
    dpi: int = 300,
) -> None:
    """Write a run to a file whose suffix decides on the format; a reader sees the old file or the whole new one.

    Needs no display: without a running application one is made that draws into memory only.

    Parameters
    ----------
    path : str or Path
        Target; one of :data:`EXPORTERS` by its suffix.
    result : RunResult, Prediction or None
        None writes a picture of what ``chart`` shows; tables need a result.
    symbol : str, optional
        Series that a picture shows; the first by default. Tables hold all series.
    theme : Theme, optional
        Colours of a picture; light by default.
    chart : PriceChart, optional
        Take view, style and scale from this chart, so that the file looks like the screen.
    size : tuple of float
        Width and height of a picture in inches.
    dpi : int
        Pixels an inch of a raster picture; text and lines are drawn at this density, not enlarged.

    Raises
    ------
    ExportError
        An unknown suffix, nothing to export, an impossible size, or a file that cannot be written.
    """
    path = Path(path)
    exporter = EXPORTERS.get(path.suffix.lower())
    if exporter is None:
        known = ", ".join(EXPORTERS)
        raise ExportError(f"{path.name}: there is no format '{path.suffix}'.", f"Formats are {known}.")
    write_whole(path, exporter.encode(Figure(result, symbol, theme, chart, size, dpi)))


# Pictures


def _png(figure: Figure, chart: PriceChart) -> bytes:
    """Draw into an image of the very size that was asked for."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF
    from PySide6.QtGui import QImage, QPainter

    width, height = (round(inches * figure.dpi) for inches in figure.size)
    if not (0 < width * height <= _MOST_PIXELS):
        raise ExportError(
            f"A picture of {width} x {height} pixels cannot be made.", f"At most {_MOST_PIXELS // 1_000_000} million are possible."
        )
    image = QImage(width, height, QImage.Format.Format_RGB32)
    if image.isNull():
        raise ExportError(f"There is no memory for a picture of {width} x {height} pixels.", "Choose a smaller size or fewer dpi.")
    metre = round(figure.dpi / 0.0254)
    image.setDotsPerMeterX(metre)
    image.setDotsPerMeterY(metre)
    painter = QPainter(image)
    try:
        paint_figure(painter, QRectF(0, 0, width, height), figure, chart)
    finally:
        painter.end()
    image.setText("Software", "Candlecast")
    image.setText("Description", chart.summary())
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
        raise ExportError("Qt could not encode the picture as PNG.", "Try .svg or .pdf.")
    return bytes(data.data())


def _svg(figure: Figure, chart: PriceChart) -> bytes:
    """Draw into an SVG 1.1 document, in which text stays text."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize
    from PySide6.QtGui import QFont, QFontInfo, QPainter
    from PySide6.QtSvg import QSvgGenerator

    width, height = (inches * _LOGICAL_DPI for inches in figure.size)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)
    generator.setOutputDevice(buffer)
    generator.setResolution(_LOGICAL_DPI)
    generator.setSize(QSize(round(width), round(height)))
    generator.setViewBox(QRectF(0, 0, width, height))
    generator.setTitle(_title(figure)[0])
    generator.setDescription(chart.summary())
    painter = QPainter(generator)
    try:
        paint_figure(painter, QRectF(0, 0, width, height), figure, chart)
    finally:
        painter.end()
    # Qt names one family; readers without it would take a serif.
    family = QFontInfo(_font(12, QFont.Weight.Normal)).family()
    return re.sub(rb'font-family="[^"]*"', f'font-family="{family}, Verdana, Arial, sans-serif"'.encode(), bytes(data.data()))


def _pdf(figure: Figure, chart: PriceChart) -> bytes:
    """Draw onto one page of the size asked for, as vectors."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF
    from PySide6.QtGui import QPageSize, QPainter, QPdfWriter

    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(1200)
    writer.setPageSize(QPageSize(QSizeF(*figure.size), QPageSize.Unit.Inch))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setTitle(_title(figure)[0])
    writer.setCreator("Candlecast")
    painter = QPainter(writer)
    try:
        paint_figure(painter, QRectF(0, 0, writer.width(), writer.height()), figure, chart)
    finally:
        painter.end()
    return bytes(data.data())


def paint_figure(painter: QPainter, target: QRectF, figure: Figure, chart: PriceChart) -> None:
    """Paint title, chart and footer into a rectangle of any painter: the one path of all pictures."""
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QColor

    width, height = (inches * _LOGICAL_DPI for inches in figure.size)
    painter.save()
    try:
        painter.translate(target.topLeft())
        painter.scale(target.width() / width, target.height() / height)
        painter.fillRect(QRectF(0, 0, width, height), QColor(figure.colors.surface))
        top = _paint_title(painter, width, figure)
        bottom = _paint_footer(painter, width, height, figure)
        body = QRectF(12, top, width - 18, height - top - bottom)
        chart.lay_out(body.width(), body.height())
        chart.draw(painter, body)
    finally:
        painter.restore()


def _paint_title(painter: QPainter, width: float, figure: Figure) -> float:
    """Write title and subtitle; return the height they took."""
    from PySide6.QtCore import QPointF, Qt
    from PySide6.QtGui import QColor, QFont, QFontMetricsF

    title, subtitle = _title(figure)
    painter.setPen(QColor(figure.colors.text))
    row = 16.0
    for text, pixels, weight, color in (
        (title, 18, QFont.Weight.DemiBold, figure.colors.text),
        (subtitle, 12, QFont.Weight.Normal, figure.colors.muted),
    ):
        font = _font(pixels, weight)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(QColor(color))
        painter.drawText(QPointF(20, row + metrics.ascent()), metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 40))
        row += metrics.height() + 2 if text else 0
    return row + 8


def _paint_footer(painter: QPainter, width: float, height: float, figure: Figure) -> float:
    """Write verdict and provenance at the bottom; return the height they took."""
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QColor, QFont, QFontMetricsF

    verdict, origin = _footer(figure)
    wrap = int(Qt.TextFlag.TextWordWrap)
    place = height - 12.0
    painter.setPen(QColor(figure.colors.line))
    for text, pixels, weight, color in (
        (origin, 10, QFont.Weight.Normal, figure.colors.muted),
        (verdict, 12, QFont.Weight.Medium, figure.colors.text),
    ):
        if not text:
            continue
        font = _font(pixels, weight)
        room = QFontMetricsF(font).boundingRect(QRectF(20, 0, width - 40, height / 3), wrap, text).height()
        place -= room
        painter.setFont(font)
        painter.setPen(QColor(color))
        painter.drawText(QRectF(20, place, width - 40, room + 2), wrap, text)
        place -= 4
    return height - place + 4


def _chart(figure: Figure) -> PriceChart:
    """Build a chart that shows the figure, and is never shown itself."""
    from app.charts.price import PriceChart

    chart = PriceChart()
    chart.set_theme(figure.colors)
    chart.set_font_size(12)
    if figure.chart is not None:
        chart.copy_from(figure.chart)
        chart.refresh()
        return chart
    assert figure.result is not None
    series, forecast = _chosen(figure)
    chart.show_series(series)
    baseline = None
    if isinstance(figure.result, RunResult):
        baseline = next((b for b in figure.result.baseline_forecasts if b.symbol == series.symbol), None)
        chart.show_split(figure.result.split)
    chart.show_forecast(forecast, baseline)
    chart.refresh()
    return chart


def _chosen(figure: Figure) -> tuple[PriceSeries, Forecast | None]:
    """Return the series of a figure and its forecast."""
    assert figure.result is not None
    panel = figure.result.panel
    series = next((s for s in panel if figure.symbol in (None, s.symbol)), None)
    if series is None:
        raise ExportError(f"There is no series '{figure.symbol}' in this run.", f"It has {', '.join(panel.symbols)}.")
    return series, next((f for f in figure.result.forecasts if f.symbol == series.symbol), None)


def _title(figure: Figure) -> tuple[str, str]:
    """Return title and subtitle of a picture."""
    if figure.result is None:
        return (figure.chart.summary().partition(":")[0] if figure.chart is not None else "Candlecast"), ""
    series, forecast = _chosen(figure)
    if forecast is None:
        return series.symbol, ""
    unit = {"1D": "sessions", "1W": "weeks", "1M": "months"}.get(series.freq, "bars")
    last = _iso(forecast.ds[-1:])[0]
    parts = (
        f"Cutoff {_iso(np.array([forecast.cutoff]))[0]}",
        f"horizon {len(forecast)} {unit} to {last}",
        f"median {forecast.median[-1]:,.2f}" if abs(forecast.median[-1]) >= 1 else f"median {forecast.median[-1]:.6g}",
    )
    return f"{series.symbol} – {forecast.model} forecast", "  ·  ".join(parts)


def _footer(figure: Figure) -> tuple[str, str]:
    """Return the verdict and the line on where all comes from."""
    if figure.result is None:
        return "", "Candlecast  ·  Not financial advice"
    result, (series, _) = figure.result, _chosen(figure)
    source = series.provenance.source
    source = source if ":" in source[2:] and not Path(source).exists() else Path(source).name
    adjusted = {"adjusted": " (adjusted)", "raw": " (not adjusted)"}.get(series.provenance.adjusted, "")
    parts = [f"Source: {source}{adjusted}", f"lookback {result.config.task.input_size}"]
    sentence = "Forecast by a saved network; it was not judged on these prices."
    if isinstance(result, RunResult):
        sentence = result.verdict.sentence
        parts += [f"seed {result.info.seed}", f"best of {result.info.epochs} epochs: {result.info.best_epoch}"]
    return sentence, "  ·  ".join([*parts, "Candlecast", "Not financial advice"])


def _font(pixels: int, weight: QFont.Weight) -> QFont:
    """Return the program's font in a size of its own."""
    from PySide6.QtGui import QFont, QGuiApplication

    font = QFont(QGuiApplication.font())
    font.setPixelSize(pixels)
    font.setWeight(weight)
    return font


def _picture(encode: Callable[[Figure, PriceChart], bytes]) -> Callable[[Figure], bytes]:
    """Wrap an encoder: check that there is something to draw and something to draw with, and build the chart."""

    def checked(figure: Figure) -> bytes:
        if figure.result is None and figure.chart is None:
            raise ExportError("There is nothing to draw.", "Train a network first.")
        if min(figure.size) < 2 or max(figure.size) > 200 or not 10 <= figure.dpi <= 2400:
            raise ExportError(
                f"A picture of {figure.size[0]:g} x {figure.size[1]:g} inches at {figure.dpi} dpi cannot be drawn.",
                "Sides of 2 to 200 inches and 10 to 2400 dpi are possible.",
            )
        _need_application()
        chart = _chart(figure)
        try:
            return encode(figure, chart)
        finally:
            chart.deleteLater()

    return checked


def _need_application() -> None:
    """Make an application that needs no display, unless one runs.

    Raises
    ------
    ExportError
        Qt cannot be loaded, or there are no fonts to write with.
    """
    try:
        from PySide6.QtGui import QFontDatabase
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise ExportError(f"Pictures need Qt, which cannot be loaded: {error}.", "Run 'candlecast doctor', or export .csv.") from error
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        # A platform plugin that reaches for a display which is not there ends the process.
        headless = sys.platform.startswith("linux") and not os.environ.get("QT_QPA_PLATFORM")
        application = QApplication(["candlecast", *(("-platform", "offscreen") if headless else ())])
        _applications.append(application)
    if not QFontDatabase.families():
        raise ExportError("There are no fonts on this machine, so the picture would have no text.", "Install fonts such as DejaVu Sans.")


#: Applications made here live as long as the process: Qt allows one, and ends badly when it goes.
_applications: list[QApplication] = []


# Tables


def _table(figure: Figure) -> bytes:
    """Write the forecasts of all series, one row a bar, columns as Nixtla's libraries name them."""
    if figure.result is None or not figure.result.forecasts:
        raise ExportError("There is no forecast to write.", "Train a network first.")
    forecasts = figure.result.forecasts
    model = forecasts[0].model
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = ["median", *(f"{side}-{level}" for level in LEVELS for side in ("lo", "hi"))]
    table.writerow(["unique_id", "ds", *(_cell(f"{model}-{name}") for name in names)])
    for forecast in forecasts:
        columns = [forecast.median, *(limit for level in LEVELS for limit in forecast.band(level))]
        for ds, *values in zip(_iso(forecast.ds), *columns, strict=True):
            table.writerow([_cell(forecast.symbol), ds, *(repr(float(value)) for value in values)])
    return text.getvalue().encode("utf-8")


def _cell(text: str) -> str:
    """Keep a text from being read as a formula by spreadsheets (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0")) else text


def _iso(ds: Dates) -> list[str]:
    """Return ISO dates, with times where any bar has one."""
    days = ds.astype("datetime64[D]")
    if (days == ds).all():
        return [str(day) for day in days]
    seconds = ds.astype("datetime64[s]")
    return [str(stamp) for stamp in (seconds if (seconds == ds).all() else ds)]


#: The formats, by suffix. A new one is a new entry here.
EXPORTERS: dict[str, Exporter] = {
    ".png": Exporter("PNG picture", _picture(_png)),
    ".svg": Exporter("SVG drawing", _picture(_svg)),
    ".pdf": Exporter("PDF page", _picture(_pdf)),
    ".csv": Exporter("CSV table", _table),
}
