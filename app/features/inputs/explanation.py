"""Why a forecast is what it is: a bar an input, and a strip with a bar for each bar read."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QIODevice, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.charts.legend import words
from app.charts.picture import Line, Panel, Picture
from app.charts.picture_view import PictureView
from app.export.figure import LOGICAL_DPI
from app.export.tables import cell_text
from app.theme import Theme
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.name_combo import NameCombo
from app.widgets.screen_fit import resize_on_screen
from forecasting.attribution import Ablated, Explanation
from forecasting.errors import CandlecastError, ExportError
from forecasting.files.atomic import atomic_write

#: Inputs that are shown; width of their names, of their numbers, height of a row.
_MOST, _NAMES, _NUMBERS, _ROW = 12, 130, 64, 20
#: Height of the dialog for a network with attention.
_WITH_ATTENTION = 660


def _text_of(value: float, percent: bool) -> str:
    """Return a number with its sign; 0 for what rounds to it."""
    text = f"{100 * value:+.1f} %" if percent else f"{value:+.3f}"
    return text if any(sign in "123456789" for sign in text) else "0 %" if percent else "0"


class InputBars(QWidget):
    """Bars to both sides of zero: how much each input moved the median.

    Parameters
    ----------
    percent : bool
        Whether numbers are shares, written in percent.
    """

    def __init__(self, percent: bool = False) -> None:
        super().__init__()
        self._percent = percent
        self._theme: Theme | None = None
        self._rows: list[tuple[str, float]] = []
        self.setAccessibleName(self.tr("How much each input moved the median"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: Sequence[tuple[str, float]]) -> None:
        """Draw some inputs, the largest first."""
        self._rows = list(rows)[:_MOST]
        self.setFixedHeight(_ROW * max(1, len(self._rows)) + 4)
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size in which names, bars and numbers can be read."""
        return QSize(420, _ROW * _MOST)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, bars and numbers."""
        if self._theme is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        most = max((abs(value) for _, value in self._rows), default=0.0) or 1.0
        middle = _NAMES + (self.width() - _NAMES - _NUMBERS) / 2
        half = (self.width() - _NAMES - _NUMBERS) / 2 - 4
        for place, (name, value) in enumerate(self._rows):
            top = place * _ROW + 2
            painter.setPen(QColor(self._theme.text))
            left = QRectF(0, top, _NAMES - 8, _ROW)
            elided = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, _NAMES - 8)
            painter.drawText(left, Qt.AlignmentFlag.AlignVCenter, elided)
            length = half * abs(value) / most
            start = middle if value >= 0 else middle - length
            colour = self._theme.up if value >= 0 else self._theme.down
            painter.fillRect(QRectF(start, top + 3, max(length, 1.0), _ROW - 6), QColor(colour))
            right = QRectF(self.width() - _NUMBERS, top, _NUMBERS, _ROW)
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(right, int(flags), _text_of(value, self._percent))
        painter.end()


class BarStrip(QWidget):
    """One column a bar of the lookback, oldest first: how much it moved the median."""

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._values = np.zeros(0)
        self.setFixedHeight(64)
        self.setAccessibleName(self.tr("How much each bar of the lookback moved the median"))

    def show_values(self, values: np.ndarray) -> None:
        """Draw the bars' shares."""
        self._values = np.asarray(values, np.float64)
        self.update()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the columns around the middle."""
        if self._theme is None or not self._values.size:
            return
        painter = QPainter(self)
        most = float(np.abs(self._values).max()) or 1.0
        wide, middle = self.width() / self._values.size, self.height() / 2
        for place, value in enumerate(self._values):
            tall = (middle - 2) * abs(float(value)) / most
            top = middle - tall if value >= 0 else middle
            colour = self._theme.up if value >= 0 else self._theme.down
            box = QRectF(place * wide, top, max(1.0, wide - 1), max(tall, 0.5))
            painter.fillRect(box, QColor(colour))
        painter.end()


def attention_picture(item: Explanation) -> Picture:
    """Return the maps of attention of a forecast: which bars each bar looks at, layer by layer, and
    what the last bar looks at.
    """
    assert item.attention is not None
    label = words("oldest bar … last bar; each row looks at the bars that are bright")
    maps = [
        Panel(words("Attention, layer {n}").format(n=number), x_label=label, grid=grid)
        for number, grid in enumerate(item.attention, start=1)
    ]
    last = item.attention.mean(axis=0)[-1]
    lags = np.arange(1.0 - last.size, 1.0)
    line = Line(words("share"), lags, last)
    title, x_label = words("What the last bar looks at"), words("bars from the last one")
    summary = words("Most attention of the last bar goes to {day}: {share}.").format(
        day=str(item.ds[int(last.argmax())])[:10], share=f"{100 * last.max():.0f} %"
    )
    panels = (*maps, Panel(title, (line,), x_label))
    return Picture(words("Attention"), panels, min(3, len(panels)), summary)


class ExplanationDialog(QDialog):
    """Stands beside the window: which inputs and bars moved the forecast of a series."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Why this forecast"))
        self._found: tuple[Explanation, ...] = ()
        self.symbol = NameCombo(self.tr("Series"), 14)
        self.symbol.currentIndexChanged.connect(self._show)
        self._text, self._ends = text_label(role="muted"), text_label(role="muted")
        self.inputs, self.strip = InputBars(), BarStrip()
        self.gains = InputBars(percent=True)
        self.gains.setAccessibleName(self.tr("What each input adds on the test part"))
        self.attention = PictureView()
        self.attention.setMinimumHeight(200)
        self._gains_heading = text_label(self.gains.accessibleName(), "heading", wrap=False)
        self._gains_text = text_label(role="muted")
        self._ablated: Ablated | None = None
        self.copy_button = QPushButton(self.tr("Copy as table"))
        self.copy_button.clicked.connect(self._copy)
        self.save_button = QPushButton(self.tr("Save…"))
        self.save_button.setToolTip(self.tr("Save as a picture (.png, .svg) or as a table (.csv)"))
        self.save_button.clicked.connect(self._ask_file)
        self.content = QWidget()
        self._lay_out()
        resize_on_screen(self, 580, 520)

    def _lay_out(self) -> None:
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(self.content)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        whole, rows = QVBoxLayout(self), QVBoxLayout(self.content)
        rows.setContentsMargins(0, 0, 8, 0)
        head, foot = QHBoxLayout(), QHBoxLayout()
        fill(head, self.symbol, STRETCH)
        fill(foot, STRETCH, self.copy_button, self.save_button)
        fill(whole, head, (scroll, 1), foot)
        for text, part in (
            (self.tr("By input"), self.inputs),
            (self.tr("By bar of the lookback"), self.strip),
        ):
            fill(rows, text_label(text, "heading", wrap=False), part)
        fill(rows, self._ends, self._text)
        extra = (self.attention, self._gains_heading, self.gains, self._gains_text)
        for widget in extra:
            rows.addWidget(widget)
            widget.hide()
        rows.addStretch(1)

    def show_explanations(self, found: Sequence[Explanation]) -> None:
        """Show explanations, the first one at once."""
        self._found = tuple(found)
        self.symbol.blockSignals(True)
        self.symbol.clear()
        self.symbol.addItems([item.symbol for item in found])
        self.symbol.blockSignals(False)
        self._show()

    def show_gains(self, found: Ablated | None) -> None:
        """Show what each group of inputs adds; None, or no inputs, takes that away."""
        self._ablated = found
        gains = found.gains if found is not None else ()
        counted = found is not None and found.counted > 0
        self.gains.show_rows([(item.name, item.skill) for item in gains])
        self._gains_heading.setVisible(bool(gains))
        self.gains.setVisible(bool(gains) and counted)
        self._gains_text.setVisible(bool(gains))
        self._gains_text.setText(
            self.tr("The share of CRPS that is lost where they have their usual values.")
            if counted
            else self.tr("On the validation part the inputs gained nothing: none of them counts.")
        )

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        for part in (self.inputs, self.strip, self.gains, self.attention):
            part.set_theme(theme)

    def table(self) -> str:
        """Return what is shown as text with tabs between cells."""
        item = self._item()
        if item is None:
            return ""
        lines = ["input\tmedian\twidth"]
        for name, (median, width) in item.by_input().items():
            lines.append(f"{name}\t{median:.6g}\t{width:.6g}")
        lines += ["", "bar\tmedian\twidth"]
        widths = item.width.sum(axis=1)
        for ds, median, width in zip(item.ds, item.by_bar(), widths, strict=True):
            lines.append(f"{str(ds)[:16]}\t{median:.6g}\t{width:.6g}")
        if self._ablated is not None and self._ablated.gains:
            lines += ["", "inputs\tCRPS saved\tp"]
            for gain in self._ablated.gains:
                lines.append(f"{gain.name}\t{gain.skill:.6g}\t{gain.p_value:.6g}")
        return "\n".join(lines)

    def save(self, path: str | Path) -> None:
        """Write what is shown: a table where the suffix is .csv, otherwise a picture (.png, .svg).

        Raises
        ------
        ExportError
            A file that cannot be written, or a suffix that is neither.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in (".png", ".svg", ".csv"):
            raise ExportError(
                f"{target.name} is no picture and no table.", "End it in .png, .svg or .csv."
            )
        if suffix == ".csv":
            atomic_write(target, _delimited(self.table()).encode())
            return
        data = QBuffer()
        data.open(QIODevice.OpenModeFlag.WriteOnly)
        if suffix == ".svg":
            self._draw_svg(data)
        else:
            self.content.grab().save(data, "PNG")
        atomic_write(target, bytes(data.data().data()))

    def _draw_svg(self, data: QBuffer) -> None:
        """Draw what is shown as vectors, in which text stays text."""
        generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)
        generator.setOutputDevice(data)
        generator.setResolution(LOGICAL_DPI)
        generator.setSize(self.content.size())
        generator.setViewBox(QRectF(self.content.rect()))
        generator.setTitle(self.windowTitle())
        self.content.render(generator)

    def _ask_file(self) -> None:
        kinds = "PNG (*.png);;SVG (*.svg);;CSV (*.csv)"
        path, _kind = QFileDialog.getSaveFileName(self, self.tr("Save"), "why.png", kinds)
        if not path:
            return
        try:
            self.save(path)
        except CandlecastError as error:
            self._text.setText(f"{error.message} {error.hint}".strip())

    def _item(self) -> Explanation | None:
        place = self.symbol.currentIndex()
        return self._found[place] if 0 <= place < len(self._found) else None

    def _show(self) -> None:
        item = self._item()
        if item is None:
            return
        self.inputs.show_rows([(name, median) for name, (median, _) in item.by_input().items()])
        self.strip.show_values(item.by_bar())
        self.attention.setVisible(item.attention is not None)
        if item.attention is not None:
            self.attention.show_picture(attention_picture(item))
            resize_on_screen(self, self.width(), max(self.height(), _WITH_ATTENTION))
        ends = self.tr("{first} to {last}")
        self._ends.setText(ends.format(first=str(item.ds[0])[:10], last=str(item.ds[-1])[:10]))
        moved = self.tr(
            "Bars show how far each input moves the median, in usual moves over {step} bars. "
            "Compared with a window of average inputs, the median moves by {median} in all, and "
            "the width of the band by {width}. Check: without the tenth of the inputs that moved "
            "it most the median changes {times} times as much as without a random tenth."
        )
        times = "–" if np.isnan(item.deletion) else f"{item.deletion:.1f}"
        nothing = self.tr(
            "Neither the network nor the inputs count in this forecast: on the validation part "
            "they gained nothing."
        )
        still = not item.median.any() and not item.ahead_median.any()
        told = moved.format(
            step=item.step,
            median=f"{item.median_change:+.2g}",
            width=f"{100 * item.width_change:+.1f} %",
            times=times,
        )
        self._text.setText(nothing if still else told)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.table())


def _delimited(table: str) -> str:
    """Return a table with tabs as CSV in which no cell is taken for a formula."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for line in table.splitlines():
        name, *numbers = line.split("\t")
        rows.writerow([cell_text(name), *numbers])
    return text.getvalue()
