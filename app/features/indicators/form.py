"""The parameters of an indicator, asked for in a small form."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.widgets.form_builder import DecimalBox
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from forecasting.errors import ConfigError
from forecasting.indicators import Indicator


class IndicatorForm(QDialog):
    """Asks for the parameters of an indicator; does not block.

    Parameters
    ----------
    parent : QWidget
    indicator : Indicator
        What the form begins with.
    verb : str
        What the button says: Add or Change.

    Attributes
    ----------
    chosen : Signal
        The Indicator that is wanted.
    fields : list of DecimalBox
        One a parameter.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget, indicator: Indicator, verb: str) -> None:
        super().__init__(parent)
        self._name = indicator.name
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr(indicator.spec.title))
        rows = fill(QVBoxLayout(self), margins=(20, 18, 20, 16), spacing=12)
        form = QGridLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(10)
        form.setColumnStretch(1, 1)
        self.fields: list[DecimalBox] = []
        for parameter, value in zip(indicator.spec.parameters, indicator.values, strict=True):
            field = DecimalBox()
            field.setDecimals(parameter.decimals)
            field.setRange(parameter.low, parameter.high)
            field.setSingleStep(10.0**-parameter.decimals)
            field.setValue(value)
            field.setAccessibleName(self.tr(parameter.name))
            field.valueChanged.connect(self._check)
            self.fields.append(field)
            label = QLabel(self.tr(parameter.name))
            label.setBuddy(field)
            form.addWidget(label, len(self.fields), 0)
            form.addWidget(field, len(self.fields), 1)
        self._fault = text_label(role="danger")
        self._fault.hide()
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._accept = self._buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self._accept.setProperty("primary", True)
        self._accept.setDefault(True)
        self._buttons.accepted.connect(self._take)
        self._buttons.rejected.connect(self.reject)
        fill(rows, form, self._fault, self._buttons)
        self.setMinimumWidth(320)

    def _indicator(self) -> Indicator:
        return Indicator(self._name, tuple(field.value() for field in self.fields))

    def _check(self) -> None:
        """Say what does not go together."""
        try:
            self._indicator()
        except ConfigError as error:
            self._fault.setText(str(error))
        else:
            self._fault.clear()
        self._fault.setVisible(bool(self._fault.text()))
        self._accept.setEnabled(not self._fault.text())

    def _take(self) -> None:
        self.chosen.emit(self._indicator())
        self.accept()
