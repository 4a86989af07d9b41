"""Text, colour and points of one drawing, typed in."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDateTimeEdit,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.charts.drawing import KINDS, LARGEST_PRICE, LONGEST_TEXT, Anchor, Drawing
from app.charts.indicators import HUES
from app.number_format import price_decimals
from app.theme import Theme
from app.widgets.form_builder import DecimalBox
from app.widgets.layouts import fill

_COLOR_NAMES = ("Purple", "Brown", "Pink", "Olive", "Teal", "Red")
_TEXT_ROWS = 3


class DrawingDialog(QDialog):
    """Asks for the properties of a drawing; does not block.

    Parameters
    ----------
    parent : QWidget
    drawing : Drawing
    theme : Theme

    Attributes
    ----------
    settled : Signal
        The changed Drawing.
    text : QPlainTextEdit
    color : QComboBox
    dates : list of QDateTimeEdit
    prices : list of DecimalBox
    accept_button : QPushButton
    """

    settled = Signal(object)

    def __init__(self, parent: QWidget, drawing: Drawing, theme: Theme) -> None:
        super().__init__(parent)
        self._drawing = drawing
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr(KINDS[drawing.kind].title))
        self.text = QPlainTextEdit(drawing.text)
        self.text.setAccessibleName(self.tr("Text"))
        self.text.setTabChangesFocus(True)
        height = self.text.fontMetrics().lineSpacing() * _TEXT_ROWS + 14
        self.text.setFixedHeight(height)
        self.color = _color_box(drawing.color, theme)
        form = QFormLayout()
        form.addRow(self.tr("Text"), self.text)
        form.addRow(self.tr("Colour"), self.color)
        self.dates: list[QDateTimeEdit] = []
        self.prices: list[DecimalBox] = []
        for number, anchor in enumerate(drawing.anchors, start=1):
            self._add_anchor(form, anchor, number if len(drawing.anchors) > 1 else 0)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.accept_button = buttons.addButton(
            self.tr("OK"), QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        buttons.accepted.connect(self._settle)
        buttons.rejected.connect(self.reject)
        fill(QVBoxLayout(self), form, buttons, margins=(20, 18, 20, 16), spacing=12)
        self.setMinimumWidth(360)
        self.text.setFocus()
        self.text.selectAll()

    def _add_anchor(self, form: QFormLayout, anchor: Anchor, number: int) -> None:
        """Add the fields that the kind of the drawing uses of one point."""
        suffix = f" {number}" if number else ""
        date = QDateTimeEdit(
            QDateTime.fromString(f"{anchor.ds:%Y-%m-%dT%H:%M:%S}", Qt.DateFormat.ISODate)
        )
        midnight = anchor.ds.time() == datetime.min.time()
        date.setDisplayFormat("yyyy-MM-dd" if midnight else "yyyy-MM-dd HH:mm:ss")
        date.setCalendarPopup(True)
        price = DecimalBox()
        price.setDecimals(price_decimals(anchor.price))
        price.setRange(-LARGEST_PRICE, LARGEST_PRICE)
        price.setValue(anchor.price)
        self.dates.append(date)
        self.prices.append(price)
        for field, label, unused in (
            (date, self.tr("Date"), "horizontal"),
            (price, self.tr("Price"), "vertical"),
        ):
            field.setAccessibleName(f"{label}{suffix}")
            if self._drawing.kind != unused:
                form.addRow(f"{label}{suffix}", field)
            else:
                field.setParent(self)
                field.hide()

    def _anchors(self) -> tuple[Anchor, ...]:
        """Return the points; what was not touched stays as exact as it was."""
        anchors = []
        for before, date, price in zip(self._drawing.anchors, self.dates, self.prices, strict=True):
            typed = datetime.fromisoformat(date.dateTime().toString(Qt.DateFormat.ISODate))
            same_price = round(before.price, price.decimals()) == round(
                price.value(), price.decimals()
            )
            anchors.append(
                Anchor(
                    ds=before.ds if typed == before.ds.replace(microsecond=0) else typed,
                    price=before.price if same_price else price.value(),
                )
            )
        return tuple(anchors)

    def _settle(self) -> None:
        changes = {
            "text": self.text.toPlainText().strip()[:LONGEST_TEXT],
            "color": self.color.currentIndex(),
            "anchors": self._anchors(),
        }
        self.settled.emit(self._drawing.model_copy(update=changes))
        self.accept()


def _color_box(color: int, theme: Theme) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(box.tr("Colour"))
    for name, hue in zip(_COLOR_NAMES, HUES[theme.is_dark], strict=True):
        patch = QPixmap(14, 14)
        patch.fill(QColor(hue))
        box.addItem(QIcon(patch), box.tr(name))
    box.setCurrentIndex(color)
    return box
