"""What two runs differ in, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import literal
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.screen_fit import resize_on_screen

_WIDE, _HIGH = 620, 360


class DifferenceDialog(QDialog):
    """A table of label and both values.

    Parameters
    ----------
    names : (str, str)
        What the two runs are called.
    rows : sequence of (str, str, str)
        Label and both values; empty where there is no difference.
    parent : QWidget
    """

    def __init__(
        self, names: tuple[str, str], rows: Sequence[tuple[str, str, str]], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Differences"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        resize_on_screen(self, _WIDE, _HIGH)
        title = text_label(
            self.tr("{n} of their settings and prices differ.").format(n=len(rows))
            if len(rows) != 1
            else self.tr("One of their settings and prices differs."),
            "heading",
        )
        if not rows:
            title.setText(self.tr("Both runs had the same settings and the same prices."))
        self.table = self._filled(names, rows)
        self._text = "\n".join("\t".join(row) for row in (("", *names), *rows))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton(self.tr("Copy"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QApplication.clipboard().setText(self._text))
        buttons.rejected.connect(self.reject)
        fill(
            QVBoxLayout(self), title, (self.table, 1), buttons, margins=(20, 18, 20, 16), spacing=12
        )
        self.table.setVisible(bool(rows))

    def _filled(self, names: tuple[str, str], rows: Sequence[tuple[str, str, str]]) -> QTableWidget:
        table = QTableWidget(len(rows), 3)
        table.setAccessibleName(self.tr("Differences of two runs"))
        table.setHorizontalHeaderLabels([self.tr("Setting"), *names])
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        for row, words in enumerate(rows):
            for column, text in enumerate(words):
                item = QTableWidgetItem(text)
                item.setToolTip(literal(text))
                table.setItem(row, column, item)
        for column in range(3):
            head = table.horizontalHeaderItem(column)
            assert head is not None
            head.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.resizeColumnsToContents()
        table.horizontalHeader().setStretchLastSection(True)
        return table
