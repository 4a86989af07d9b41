"""The dialog that asks which columns a network reads."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from app.theme import Theme
from app.widgets.input_table import InputChoice, InputTable
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen
from forecasting.errors import CandlecastError
from forecasting.exog import ExogSpec
from forecasting.series import ExogColumn


class InputsDialog(QDialog):
    """Asks which columns a network reads, as what, how late and in which form.

    Attributes
    ----------
    file_requested : Signal
        A file of further columns is to be named.
    list : InputTable
    """

    file_requested = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Inputs"))
        self._text = text_label(
            self.tr(
                "An input of the past is read from the bar at which it was known. Where its date "
                "is earlier than its publication, give a delay: 2 (bars), 30d (days), 12h (hours). "
                "What is known ahead must reach the last bar of the forecast. Inputs that gain "
                "nothing on the validation part are left out."
            ),
            "muted",
        )
        self._fault = text_label(role="danger")
        self._fault.hide()
        self.list = InputTable(
            self.tr("These prices have no column beside them. Add a file that has some.")
        )
        self.table = self.list.table
        self.file_button = QPushButton(self.tr("Add a file of columns…"))
        self.file_button.clicked.connect(self.file_requested)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.buttons.addButton(self.file_button, QDialogButtonBox.ButtonRole.ResetRole)
        rows = fill(QVBoxLayout(self), margins=(20, 18, 20, 16), spacing=10)
        for part in (self._text, self.list, self._fault, self.buttons):
            rows.addWidget(part)
        resize_on_screen(self, 820, 480)

    def show_columns(
        self, columns: Sequence[ExogColumn], specs: Sequence[ExogSpec], keep: bool = False
    ) -> None:
        """List columns; parameters as of :meth:`InputTable.show_columns`."""
        self.list.show_columns(columns, specs, keep)

    def choice(self) -> InputChoice:
        """Return the settings that the list makes; errors as of :meth:`InputTable.choice`."""
        return self.list.choice()

    def set_theme(self, theme: Theme) -> None:
        """Draw the small pictures in the colours of a theme."""
        self.list.set_theme(theme)

    def show_fault(self, error: CandlecastError | None) -> None:
        """Tell what cannot be read; None takes it away."""
        self._fault.setText(f"{error.message} {error.hint}".strip() if error else "")
        self._fault.setVisible(error is not None)

    def _accept(self) -> None:
        try:
            self.choice()
        except CandlecastError as error:
            self.show_fault(error)
            return
        self.show_fault(None)
        self.accept()
