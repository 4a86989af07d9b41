"""What Qt leaves to chance in a finished window: names of the parts inside controls, and whether
a label takes text for markup.
"""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import Qt
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QToolButton, QWidget


def _tr(text: str) -> str:
    return QCoreApplication.translate("access", text)


def complete(root: QWidget) -> None:
    """Name the inner parts of all combo boxes, spin boxes, line edits and bars below a widget after
    the control they belong to.

    Parts that have a name keep it. A list that drops down and a field that is typed in are called
    like their combo box; the cross in a line edit says what it clears; what shows the rest of a bar
    says so.
    """
    for combo in root.findChildren(QComboBox):
        name = _name(combo)
        if _buddy(combo) is None and combo.parentWidget():
            # On Linux the name of a combo box is its text; what it is for is told by the label that
            # has it as its buddy.
            label = QLabel(name, combo.parentWidget())
            label.setBuddy(combo)
            label.hide()
        _give(combo.view(), name)
        edit = combo.lineEdit()
        if edit is not None:
            _give(edit, name)
    for spin in root.findChildren(QAbstractSpinBox):
        _give(spin.lineEdit(), _name(spin))
    for edit in root.findChildren(QLineEdit):
        for button in edit.findChildren(QToolButton):
            _give(button, _tr("Clear {name}").format(name=_name(edit)))
    for button in root.findChildren(QToolButton):
        if button.objectName() in ("qt_toolbar_ext_button", "qt_menubar_ext_button"):
            _give(button, _tr("More"))


def take_literally(root: QWidget) -> None:
    """Let every label below a widget that would guess show its text as it is: names in files are
    not to be read as markup.
    """
    for label in root.findChildren(QLabel):
        if label.textFormat() is Qt.TextFormat.AutoText:
            label.setTextFormat(Qt.TextFormat.PlainText)


def literal(text: str) -> str:
    """Return a tool tip that shows a text as it is: Qt guesses, and would load pictures that the
    names in a file ask for.
    """
    return (
        f"<qt>{escape(text).replace(chr(10), '<br/>')}</qt>" if Qt.mightBeRichText(text) else text
    )


def _give(part: QWidget, name: str) -> None:
    if not part.accessibleName():
        part.setAccessibleName(name)


def _name(control: QWidget) -> str:
    """Return the name of a control, or the text of the label that is its buddy."""
    buddy = _buddy(control)
    return control.accessibleName() or (buddy.text().replace("&", "") if buddy else "")


def _buddy(control: QWidget) -> QLabel | None:
    parent = control.parentWidget()
    return (
        next((label for label in parent.findChildren(QLabel) if label.buddy() is control), None)
        if parent
        else None
    )
