"""The export dialog: which plot, which format, how large and in what colours, with a preview of
what will be written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import (
    QCoreApplication,
    QLocale,
    QPointF,
    QRectF,
    QSize,
    QSizeF,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import complete, take_literally
from app.charts.registry import PLOTS
from app.export import PICTURES, Figure, Look
from app.export.figure import LOGICAL_DPI
from app.export.page import drawn
from app.export.pictures import image, preview
from app.theme import Theme, mixed
from app.widgets.form_builder import WholeBox
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from forecasting.errors import ExportError
from forecasting.events import RunResult

#: Milliseconds from a change to its preview.
_PREVIEW_MS = 120
_PREVIEW = QSize(440, 300)
_SQUARE = 9
#: Densities on offer: screen, and what printers and publishers ask for.
_DENSITIES = (96, 150, 192, 300, 600)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ExportDialog", text)


class ExportDialog(QDialog):
    """Asks how something is to be exported, and shows what will come of it.

    Parameters
    ----------
    parent : QWidget
    figure : Figure
        What is on screen; its look is the first choice.
    theme : Theme
        Of the window.
    formats : mapping of str to str
        Suffixes on offer with their names.
    suffix : str
        The one that is chosen at first; the first of all where it is not on offer.

    Attributes
    ----------
    export_requested : Signal
        The suffix and the figure to be written.
    notified : Signal
        Something was copied (words for the status bar).
    """

    export_requested = Signal(str, object)
    notified = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        figure: Figure,
        theme: Theme,
        formats: Mapping[str, str],
        suffix: str = "",
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Export"))
        self._figure, self._size = figure, figure.look.size
        self._make_fields()
        self._offer(formats)
        self.format.setCurrentIndex(max(0, self.format.findData(suffix)))
        self.preview = Preview(theme)
        self._soon = QTimer(self, singleShot=True, interval=_PREVIEW_MS)
        self._soon.timeout.connect(self._show_preview)
        self._lay_out()
        self._show_look(figure.look)
        self._wire()
        complete(self)
        take_literally(self)
        self._follow_format()
        self.go.setFocus()

    @property
    def suffix(self) -> str:
        """The format that is chosen."""
        return str(self.format.currentData())

    @property
    def figure(self) -> Figure:
        """What is chosen.

        Raises
        ------
        ExportError
            A size or density that cannot be drawn.
        """
        kind = str(self.plot.currentData() or "")
        look = Look(
            self._size,
            self.dpi.currentData(),
            "dark" if self.colors.currentData() == "dark" else "light",
            self.transparent.isChecked() and self.suffix in PICTURES,
            self.footer.isChecked(),
        )
        if kind:
            return replace(self._figure, chart=None, kind=kind, title="", look=look)
        return replace(self._figure, look=look)

    def show_figure(self, figure: Figure, formats: Mapping[str, str]) -> None:
        """Take what is on screen by now: what came of a training since the dialog was opened.

        What was chosen stays chosen.
        """
        self._figure = replace(figure, look=self._figure.look)
        self._offer(formats)
        self._follow_format()
        self._soon.start()

    def _offer(self, formats: Mapping[str, str]) -> None:
        """Offer the plots of the figure, and formats."""
        plots = {"": self.tr("As on screen")}
        if isinstance(self._figure.result, RunResult) and not self._figure.title:
            plots |= {name: kind.title for name, kind in PLOTS.items()}
        for field, choices in ((self.plot, plots), (self.format, formats)):
            chosen = field.currentData()
            field.blockSignals(True)
            field.clear()
            for value, label in choices.items():
                field.addItem(label, value)
            field.setCurrentIndex(max(0, field.findData(chosen)))
            field.blockSignals(False)

    @property
    def shown(self) -> Figure:
        """What is on screen, before anything was chosen."""
        return self._figure

    def _make_fields(self) -> None:
        self.plot, self.format, self.dpi, self.colors = (
            QComboBox(),
            QComboBox(),
            QComboBox(),
            QComboBox(),
        )
        for dpi in sorted({*_DENSITIES, self._figure.look.dpi}):
            self.dpi.addItem(self.tr("{n} dpi").format(n=dpi), dpi)
        self.colors.addItem(self.tr("Light"), "light")
        self.colors.addItem(self.tr("Dark"), "dark")
        self.wide, self.high = WholeBox(), WholeBox()
        for box in (self.wide, self.high):
            box.setRange(100, 40_000)
            box.setSingleStep(10)
            box.setSuffix(self.tr(" px"))
            box.setKeyboardTracking(False)
            box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.physical = text_label(role="muted", wrap=False)
        self.transparent = QCheckBox(self.tr("Transparent ground"))
        self.footer = QCheckBox(self.tr("Footer: verdict, source, dates, model, seed"))
        names = {
            self.plot: self.tr("Plot"), self.format: self.tr("Format"), self.wide: self.tr("Width"),
            self.high: self.tr("Height"),
            self.dpi: self.tr("Density"), self.colors: self.tr("Colours"),
            self.transparent: self.tr("Transparent ground"),
            self.footer: self.tr("Footer"),
        }  # fmt: skip
        for field, name in names.items():
            field.setAccessibleName(name)
        self.dpi.setToolTip(
            self.tr("Pixels an inch: text keeps its size on paper, and gets sharper")
        )
        self.footer.setToolTip(
            self.tr("Write at the bottom how the forecast was judged, and what it was made from")
        )

    def _lay_out(self) -> None:
        size = QHBoxLayout()
        for part in (self.wide, QLabel("×"), self.high):
            size.addWidget(part)
        fill(size, STRETCH, spacing=8)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows: tuple[tuple[str, QWidget | QHBoxLayout], ...] = (
            (self.tr("Plot"), self.plot),
            (self.tr("Format"), self.format),
            (self.tr("Size"), size),
            ("", self.physical),
            (self.tr("Density"), self.dpi),
            (self.tr("Colours"), self.colors),
            ("", self.transparent),
            ("", self.footer),
        )
        for text, field in rows:
            label = QLabel(text)
            label.setContentsMargins(
                0, 4, 0, 4
            )  # as high as its field, so that both stand on one line
            if isinstance(field, QWidget):
                label.setBuddy(field)
            form.addRow(label, field)
        left, across = QVBoxLayout(), QHBoxLayout()
        fill(left, form, STRETCH)
        fill(across, left, (self.preview, 1), spacing=18)
        fill(
            QVBoxLayout(self), (across, 1), self._button_row(), margins=(18, 16, 18, 14), spacing=12
        )

    def _button_row(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox()
        self.go, self.copy = QPushButton(self.tr("&Export…")), QPushButton(self.tr("&Copy"))
        self.go.setProperty("primary", True)
        self.go.setDefault(True)
        self.go.setToolTip(self.tr("Choose a file and write it"))
        self.copy.setToolTip(self.tr("Put the picture onto the clipboard"))
        self.copy.setAutoDefault(False)
        buttons.addButton(self.go, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._want_export)
        buttons.rejected.connect(self.reject)
        self.copy.clicked.connect(self._copy)
        return buttons

    def _wire(self) -> None:
        self.format.currentIndexChanged.connect(self._follow_format)
        self.preview.resized.connect(self._soon.start)
        self.dpi.currentIndexChanged.connect(self._show_size)
        for box in (self.wide, self.high):
            box.valueChanged.connect(self._take_size)
        for combo in (self.plot, self.format, self.dpi, self.colors):
            combo.currentIndexChanged.connect(self._soon.start)
        for switch in (self.transparent, self.footer):
            switch.toggled.connect(self._soon.start)

    def _show_look(self, look: Look) -> None:
        self.dpi.setCurrentIndex(self.dpi.findData(look.dpi))
        self.colors.setCurrentIndex(self.colors.findData(look.theme))
        self.transparent.setChecked(look.transparent)
        self.footer.setChecked(look.footer)
        self._show_size()

    @property
    def _density(self) -> int:
        """Pixels an inch in the fields of the size: those of the file, or of a screen where the
        file has none.
        """
        return int(self.dpi.currentData()) if self.suffix == ".png" else LOGICAL_DPI

    def _show_size(self) -> None:
        """Write the size into its fields: inches stay, pixels follow the density."""
        for box, inches in zip((self.wide, self.high), self._size, strict=True):
            box.blockSignals(True)
            box.setValue(round(inches * self._density))
            box.blockSignals(False)
        self._say_size()

    def _take_size(self) -> None:
        self._size = (self.wide.value() / self._density, self.high.value() / self._density)
        self._say_size()
        self._soon.start()

    def _say_size(self) -> None:
        inches = [QLocale().toString(side, "f", 1) for side in self._size]
        cm = [QLocale().toString(side * 2.54, "f", 1) for side in self._size]
        self.physical.setText(self.tr("{0} × {1} in, {2} × {3} cm").format(*inches, *cm))

    def _follow_format(self) -> None:
        """Let only those fields be changed that the format heeds."""
        picture = self.suffix in PICTURES
        self.plot.setEnabled(picture and self.plot.count() > 1)
        for field in (self.wide, self.high, self.colors, self.transparent, self.footer, self.copy):
            field.setEnabled(picture)
        self.dpi.setEnabled(self.suffix == ".png")
        self._show_size()

    def _show_preview(self) -> None:
        """Draw what will be written, or say what it is, or why it cannot be."""
        self.go.setEnabled(True)
        if self.suffix not in PICTURES:
            self.preview.say(self._words())
            return
        try:
            with drawn(self.figure) as page:
                wide, high = page.look.logical
                room = self.preview.size() * self.preview.devicePixelRatioF()
                shown = preview(page, max(1, int(min(room.width(), room.height() * wide / high))))
        except ExportError as error:
            self.preview.say(str(error))
            self.go.setEnabled(False)
            return
        self.preview.show_image(shown, self.figure.look.colors)

    def _words(self) -> str:
        return {
            ".csv": self.tr(
                "A table of the forecasts of all series: dates, median and bands. Opens in any "
                "spreadsheet."
            ),
            ".parquet": self.tr(
                "The same table as CSV with the types of its columns, for pandas, Polars, R "
                "and DuckDB."
            ),
            ".html": self.tr(
                "One file with the verdict, all plots, scores, settings and how to reproduce "
                "them. Opens in any browser."
            ),
        }.get(self.suffix, "")

    def _copy(self) -> None:
        try:
            with drawn(self.figure) as page:
                QApplication.clipboard().setImage(image(page))
        except ExportError as error:
            self.preview.say(str(error))
            return
        self.notified.emit(self.tr("Copied as an image"))

    def _want_export(self) -> None:
        try:
            chosen = self.figure
        except ExportError as error:
            self.preview.say(str(error))
            return
        self.export_requested.emit(self.suffix, chosen)


class Preview(QWidget):
    """Shows a small picture in the middle, on squares where it is transparent; or says why there is
    none.

    Attributes
    ----------
    resized : Signal
        There is another amount of room.
    """

    resized = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._ground = theme
        self._image: QImage | None = None
        self._text = ""
        self.setMinimumSize(_PREVIEW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(_tr("Preview"))

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    def show_image(self, shown: QImage, ground: Theme) -> None:
        """Show a picture in the colours of a theme."""
        self._image, self._ground, self._text = shown, ground, ""
        self.setAccessibleDescription("")
        self.update()

    def say(self, text: str) -> None:
        """Show words instead of a picture."""
        self._image, self._text = None, text
        self.setAccessibleDescription(text)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for a picture that fits."""
        super().resizeEvent(event)
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture on its squares, in a thin frame, or the words."""
        painter = QPainter(self)
        frame = QRectF(self.rect())
        if self._image is not None:
            size = QSizeF(self._image.size()).scaled(
                frame.size(), Qt.AspectRatioMode.KeepAspectRatio
            )
            frame = QRectF(
                QPointF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2),
                size,
            )
            self._paint_squares(painter, frame)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(frame, self._image)
        else:
            painter.setPen(QColor(self._theme.muted))
            painter.drawText(
                frame.adjusted(32, 16, -32, -16),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                self._text,
            )
        painter.setPen(QColor(self._theme.line))
        painter.drawRect(frame.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint_squares(self, painter: QPainter, frame: QRectF) -> None:
        painter.fillRect(frame, QColor(self._ground.surface))
        square = QColor(mixed(self._ground.surface, self._ground.muted, 0.14))
        columns, rows = (math.ceil(side / _SQUARE) for side in (frame.width(), frame.height()))
        for index in range(columns * rows):
            row, column = divmod(index, columns)
            if (row + column) % 2:
                at = QRectF(
                    frame.x() + column * _SQUARE, frame.y() + row * _SQUARE, _SQUARE, _SQUARE
                )
                painter.fillRect(at & frame, square)
