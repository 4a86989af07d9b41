"""A settings class becomes a form and a filled form becomes settings, whatever the fields are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QValidator
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWhatsThis,
    QWidget,
)

from app.doc_links import doc_link
from app.number_format import read_decimal, read_whole
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from forecasting.config import Settings, choices, registry_of, value_titles
from forecasting.errors import ConfigError

SettingsT = TypeVar("SettingsT", bound=Settings)

_INT_MAX = 2**31 - 1
_SMALLEST = 1e-9
#: Least width of a field in pixels; left to itself, a number without a limit asks for the room of
#: its longest value.
_FIELD = 110


def _tr(text: str) -> str:
    return QCoreApplication.translate("settings", text)


class _Limits:
    """What the declaration of a field says about its values."""

    def __init__(self, info: FieldInfo) -> None:
        self.low: float = -_INT_MAX
        self.high: float = _INT_MAX
        for mark in info.metadata:
            self.low = getattr(mark, "ge", self.low)
            self.high = getattr(mark, "le", self.high)
            if getattr(mark, "gt", None) is not None:
                self.low = mark.gt + (1 if info.annotation is int else _SMALLEST)
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        self.unit = str(extra.get("unit", ""))
        self.advanced = bool(extra.get("advanced", False))
        #: A second sentence of help.
        self.more = _tr(str(extra.get("more", "")))
        #: What is to be known of each value.
        self.helps = {
            name: f"{spec.title} {_tr(spec.help)}" for name, spec in registry_of(info).items()
        }
        shown = extra.get("shown", 0)
        #: How many values are a button each; 0 where all are in a list.
        self.shown = shown if isinstance(shown, int) else 0
        self.words = {value: _tr(title) for value, title in value_titles(info).items()}


class WholeBox(QSpinBox):
    """A whole number: a typed decimal mark is refused, and never read as a mark between
    thousands.
    """

    def __init__(self) -> None:
        super().__init__()
        _indent(self)

    def valueFromText(self, text: str) -> int:
        """Read what was typed; what is no whole number leaves the value as it is."""
        if self.specialValueText() and text == self.specialValueText():
            return self.minimum()
        value = read_whole(self._bare(text))
        return self.value() if value is None else value

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Accept a whole number within the limits; let digits and marks be typed on, and nothing
        else.
        """
        bare, state = self._bare(text), QValidator.State
        value = read_whole(bare)
        if (self.specialValueText() and text == self.specialValueText()) or (
            value is not None and self.minimum() <= value <= self.maximum()
        ):
            return state.Acceptable, text, position
        typing = all(letter.isdecimal() or letter in "+-., " for letter in bare)
        return (state.Intermediate if typing else state.Invalid), text, position

    def _bare(self, text: str) -> str:
        return text.removeprefix(self.prefix()).removesuffix(self.suffix()).strip()


class DecimalBox(QDoubleSpinBox):
    """A number, typed with a decimal point or a decimal comma."""

    def __init__(self) -> None:
        super().__init__()
        _indent(self)

    def valueFromText(self, text: str) -> float:
        """Read what was typed, also as 1e-3; what is no number leaves the value as it is."""
        value = read_decimal(self._bare(text))
        return self.value() if value is None else value

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Accept a number within the limits; let everything else be typed on."""
        value = read_decimal(self._bare(text))
        good = value is not None and self.minimum() <= value <= self.maximum()
        return (
            QValidator.State.Acceptable if good else QValidator.State.Intermediate,
            text,
            position,
        )

    def _bare(self, text: str) -> str:
        return text.removesuffix(self.suffix()).strip()


class IntBox(WholeBox):
    """A whole number with its unit; the lowest value may have a name of its own."""

    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self.setRange(int(limits.low), int(limits.high))
        self.setGroupSeparatorShown(True)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self._units = (
            (f" {_tr(limits.unit.removesuffix('s'))}", f" {_tr(limits.unit)}")
            if limits.unit
            else ("", "")
        )
        self.setSpecialValueText(limits.words.get(str(int(limits.low)), ""))
        self._name_unit()
        self.valueChanged.connect(self._follow)
        self.editingFinished.connect(self._name_unit)

    def setValue(self, value: int) -> None:
        """Show a value and its unit."""
        super().setValue(value)
        self._name_unit()

    def _follow(self) -> None:
        """Keep the unit as it is while a number is being typed: the text would change under the
        cursor.
        """
        if not self.lineEdit().isModified():
            self._name_unit()

    def _name_unit(self) -> None:
        """Say "1 bar" and "2 bars"."""
        if self.suffix() != (suffix := self._units[self.value() != 1]):
            self.setSuffix(suffix)


class FloatBox(DecimalBox):
    """A number of any size: shows what was meant (0.001, not 0.00), and steps by a tenth of its
    size.
    """

    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self.setDecimals(12)
        self.setRange(limits.low, limits.high)
        self.setSuffix(f" {_tr(limits.unit)}" if limits.unit else "")
        self.setSpecialValueText(limits.words.get(str(float(limits.low)), ""))

    def textFromValue(self, value: float) -> str:
        """Write up to six significant digits."""
        return f"{value:.6g}"

    def stepBy(self, steps: int) -> None:
        """Step by a tenth of the value's power of ten, so that 0.001 goes to 0.0011."""
        size = max(abs(self.value()), 10 * _SMALLEST)
        self.setSingleStep(10.0 ** (math.floor(math.log10(size)) - 1) if self.value() else 0.1)
        super().stepBy(steps)


def _indent(box: QAbstractSpinBox) -> None:
    """Keep the text off the edge: Qt leaves the padding of a style sheet out of a spin box with
    buttons of its own.
    """
    box.lineEdit().setTextMargins(7, 0, 0, 0)


class ChoiceBox(QComboBox):
    """One of the declared values, shown by its name."""

    def __init__(self, values: tuple[Any, ...], limits: _Limits) -> None:
        super().__init__()
        for value in values:
            self.addItem(limits.words.get(str(value), str(value)), value)
        self.setMinimumContentsLength(6)


class ChoiceButtons(QWidget):
    """One of the declared values, the first of them as buttons; the last button opens the others
    and shows the chosen one.

    Parameters
    ----------
    values : tuple
    limits : _Limits
        Its ``shown`` says how many values are a button each.

    Attributes
    ----------
    buttons : dict of object to QToolButton
        By value.
    more : QToolButton
        Its menu has the other values.
    changed : Signal
        Another value was chosen.
    """

    changed = Signal()

    def __init__(self, values: tuple[Any, ...], limits: _Limits) -> None:
        super().__init__()
        self._names = {value: limits.words.get(str(value), str(value)) for value in values}
        self._value: Any = values[0]
        self._group = QButtonGroup(self)
        self.buttons = {value: self._button(self._names[value]) for value in values[: limits.shown]}
        self.more = self._button("")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more)
        for value in values[limits.shown :]:
            menu.addAction(self._names[value]).triggered.connect(
                lambda _checked=False, value=value: self._choose(value)
            )
        self.more.setMenu(menu)
        row = fill(QHBoxLayout(self), margins=(0, 0, 0, 0), spacing=4)
        for value, button in self.buttons.items():
            button.clicked.connect(lambda _checked=False, value=value: self._choose(value))
            row.addWidget(button)
        row.addWidget(self.more)
        self.setFocusProxy(next(iter(self.buttons.values())))
        self.show_value(self._value)

    def value(self) -> Any:
        """Return the chosen value."""
        return self._value

    def show_value(self, value: Any) -> None:
        """Choose a value."""
        other = value not in self.buttons
        changed = value != self._value
        self._value = value
        self.buttons.get(value, self.more).setChecked(True)
        self.more.setText(self._names[value] if other else self.tr("More"))
        self.setFocusProxy(self.buttons.get(value, self.more))
        if changed:
            self.changed.emit()

    def describe(self, title: str, text: str, helps: Mapping[str, str]) -> None:
        """Name the buttons for screen readers after the setting and the value, and give them the
        help of both.
        """
        for value, button in self.buttons.items():
            button.setAccessibleName(f"{title}: {self._names[value]}")
            button.setToolTip(helps.get(value, text))
        self.more.setAccessibleName(f"{title}: {self.tr('More')}")
        self.more.setToolTip(text)

    def _button(self, text: str) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(28)
        self._group.addButton(button)
        return button

    def _choose(self, value: Any) -> None:
        self.show_value(value)


class TextBox(QComboBox):
    """Free text with suggestions, each of which may have a name."""

    def __init__(self, limits: _Limits) -> None:
        super().__init__()
        self._words = limits.words
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMinimumContentsLength(6)
        self.offer({})

    def offer(self, names: Mapping[str, str]) -> None:
        """Replace the suggestions: ``names`` maps each value to what it is called."""
        value = self.value()
        with QSignalBlocker(self):
            self.clear()
            for text, name in {**self._words, **names}.items():
                self.addItem(name, text)
            self.setEditable(not names)
            self.show_value(value)

    def value(self) -> str:
        """Return the value of the suggestion that is shown, or what was typed."""
        index = self.findText(self.currentText())
        return str(self.itemData(index)) if index >= 0 else self.currentText().strip()

    def show_value(self, value: str) -> None:
        """Show a value; one that is not among the suggestions is added."""
        index = self.findData(value)
        if index < 0 and value and not self.isEditable():
            self.addItem(value, value)
            index = self.count() - 1
        self.setCurrentIndex(index)
        if index < 0:
            self.setEditText(value)


class _WheelGuard(QObject):
    """Keeps the wheel for scrolling the form: a value changes by the wheel only where the field
    has the focus.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class _KeysPassOn(QObject):
    """Leaves undo and redo to the window, where they concern settings, and not the letters of
    one field.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            undo, redo = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo
            if event.matches(undo) or event.matches(redo):
                event.ignore()
                return True
        return super().eventFilter(watched, event)


class SettingsForm(QWidget, Generic[SettingsT]):
    """A form for one settings class: plain fields first, the advanced ones under a fold.

    Parameters
    ----------
    cls : type of Settings
        Its fields become rows; label, help, unit and limits come from their declaration.

    Attributes
    ----------
    changed : Signal
        A value was changed by the user or by :meth:`show_settings`.
    """

    changed = Signal()

    def __init__(self, cls: type[SettingsT]) -> None:
        super().__init__()
        self._cls = cls
        self._guard, self._keys = _WheelGuard(self), _KeysPassOn(self)
        self.fields: dict[str, QWidget] = {}
        self._labels: list[QLabel] = []
        self._idle: set[str] = set()
        self._beside: dict[str, QLabel] = {}
        self._helps: dict[str, QToolButton] = {}
        self._folded = QWidget()
        plain, folded = _rows(), _rows()
        self._columns = (plain, folded)
        self._folded.setLayout(folded)
        for name, info in cls.model_fields.items():
            limits = _Limits(info)
            self._add(folded if limits.advanced else plain, name, info, limits)
        self._fold = _fold_button(self.tr("Advanced"), self._folded)
        self._fold.setVisible(folded.count() > 0)
        self._fault = text_label()
        self._fault.setObjectName("fault")
        self._fault.hide()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(6)
        whole.addLayout(plain)
        whole.addWidget(self._fold, 0, Qt.AlignmentFlag.AlignLeft)
        whole.addWidget(self._folded)
        whole.addWidget(self._fault)
        self._leave_out()

    def show_advanced(self, shown: bool) -> None:
        """Unfold or fold the advanced fields."""
        self._fold.setChecked(shown)

    @property
    def label_width(self) -> int:
        """Width in pixels that the widest label needs."""
        return max((label.sizeHint().width() for label in self._labels), default=0)

    def set_label_width(self, width: int) -> None:
        """Give all labels one width, so that the fields of several forms stand in one line."""
        for rows in self._columns:
            rows.setColumnMinimumWidth(0, width)

    def settings(self) -> SettingsT:
        """Return what the form says.

        Raises
        ------
        ConfigError
            A value outside its limits; the form then also says so under its fields.
        """
        values = {name: _value(field) for name, field in self.fields.items()}
        try:
            settings = self._cls.model_validate(values)
        except ValidationError as error:
            fault = self._explain(error)
            self._fault.setText(str(fault))
            self._fault.show()
            raise fault from error
        self._fault.hide()
        return settings

    def show_settings(self, settings: SettingsT) -> None:
        """Fill the form; :attr:`changed` is emitted once where anything is different."""
        before = {name: _value(field) for name, field in self.fields.items()}
        for name, field in self.fields.items():
            with QSignalBlocker(field):
                _show(field, getattr(settings, name))
        if before != {name: _value(field) for name, field in self.fields.items()}:
            self._changed()
        self._leave_out()

    def offer(self, name: str, choices: Mapping[str, str]) -> None:
        """Give a text field suggestions: ``choices`` maps each value to what it is called."""
        field = self.fields[name]
        assert isinstance(field, TextBox)
        field.offer(choices)

    def take(self, name: str) -> tuple[QLabel, QWidget]:
        """Give the label and the field of a setting away, to stand elsewhere; the form goes on
        to read and fill it.
        """
        label, field = self._beside[name], self.fields[name]
        for rows in self._columns:
            for part in (label, field, self._helps[name]):
                rows.removeWidget(part)
        help_button = self._helps.pop(name)
        help_button.setParent(None)
        help_button.deleteLater()
        self._labels.remove(label)
        return label, field

    def _add(self, rows: QGridLayout, name: str, info: FieldInfo, limits: _Limits) -> None:
        field = _field(info, limits)
        title, text = _tr(info.title or name), _tr(info.description or "")
        field.setObjectName(name)
        field.setAccessibleName(title)
        field.setAccessibleDescription(text)
        field.setToolTip(text)
        details = " ".join(filter(None, (text, limits.more, *limits.helps.values())))
        field.setWhatsThis(f"<b>{title}</b><br>{details}{_range_text(limits)}")
        if isinstance(field, ChoiceButtons):
            field.describe(title, text, limits.helps)
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self._guard)
        field.installEventFilter(self._keys)
        for part in field.findChildren(QLineEdit):
            part.installEventFilter(self._keys)
        self.fields[name] = field
        _changed_signal(field).connect(self._changed)
        index = rows.rowCount()
        self._helps[name] = _help_button(title, field, doc_link(self._cls.__name__, name))
        rows.addWidget(self._helps[name], index, 2)
        if isinstance(field, QCheckBox):
            field.setText(title)
            # A column without any label would have no gap beside it.
            rows.addWidget(QLabel(), index, 0)
            rows.addWidget(field, index, 1)
            return
        field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        field.setMinimumWidth(_FIELD)
        label = QLabel(title)
        label.setToolTip(text)
        label.setBuddy(field)
        self._labels.append(label)
        self._beside[name] = label
        rows.addWidget(label, index, 0)
        rows.addWidget(field, index, 1)

    def _changed(self) -> None:
        self._fault.hide()
        self._leave_out()
        self.changed.emit()

    def _leave_out(self) -> None:
        """Hide the fields that have no effect beside what the others say; they keep their
        values.
        """
        values = {name: _value(field) for name, field in self.fields.items()}
        for name in self.fields:
            idle = self._cls.no_effect(name, values) is not None
            if idle == (name in self._idle):
                continue
            self._idle ^= {name}
            self.fields[name].setVisible(not idle)
            if name in self._helps:
                self._helps[name].setVisible(not idle)
            if name in self._beside:
                self._beside[name].setVisible(not idle)

    def _explain(self, error: ValidationError) -> ConfigError:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        info = self._cls.model_fields.get(name)
        title = _tr(info.title or name) if info else self._cls.__name__
        help_text = _tr(info.description or "") if info else ""
        return ConfigError(f"{title}: {first.get('input')!r} does not fit.", help_text)


def _rows() -> QGridLayout:
    rows = QGridLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setHorizontalSpacing(10)
    rows.setVerticalSpacing(6)
    rows.setColumnStretch(1, 1)
    return rows


def _help_button(title: str, field: QWidget, link: str) -> QToolButton:
    """Return the button that explains a field, and leads to the page that tells more.

    A click on that link comes to the window of the program as a ``QWhatsThisClickedEvent``.
    """
    button = QToolButton()
    button.setText("?")
    button.setAccessibleName(_tr("About {name}").format(name=title))
    button.setToolTip(field.whatsThis())
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setProperty("role", "help")
    more = _tr("More in the documentation")
    text = f'{field.whatsThis()}<br><a href="{link}">{more}</a>' if link else field.whatsThis()

    def explain() -> None:
        window = button.window()
        while (parent := window.parentWidget()) is not None:
            window = parent.window()
        QWhatsThis.showText(button.mapToGlobal(button.rect().bottomLeft()), text, window)

    button.clicked.connect(explain)
    return button


def _fold_button(text: str, folded: QWidget) -> QToolButton:
    button = QToolButton()
    button.setObjectName("fold")
    button.setAccessibleName(text)
    button.setCheckable(True)
    button.setAutoRaise(True)

    def fold(opened: bool) -> None:
        folded.setVisible(opened)
        button.setText(f"{'▾' if opened else '▸'} {text}")

    button.toggled.connect(fold)
    fold(False)
    return button


def _field(info: FieldInfo, limits: _Limits) -> QWidget:
    kind = info.annotation
    if values := choices(info):
        return (ChoiceButtons if limits.shown else ChoiceBox)(values, limits)
    if kind is bool:
        return QCheckBox()
    if kind is int:
        return IntBox(limits)
    if kind is float:
        return FloatBox(limits)
    if kind is str:
        return TextBox(limits)
    raise TypeError(f"no form field for {kind!r}")


def _changed_signal(field: QWidget) -> Any:
    match field:
        case ChoiceButtons():
            return field.changed
        case QCheckBox():
            return field.toggled
        case QSpinBox() | QDoubleSpinBox():
            return field.valueChanged
        case TextBox():
            return field.currentTextChanged
        case QComboBox():
            return field.currentIndexChanged
    raise TypeError(field)


def _value(field: QWidget) -> Any:
    match field:
        case QCheckBox():
            return field.isChecked()
        case FloatBox():
            return float(f"{field.value():.12g}")
        case QSpinBox():
            return field.value()
        case TextBox() | ChoiceButtons():
            return field.value()
        case QComboBox():
            return field.currentData()
    raise TypeError(field)


def _show(field: QWidget, value: Any) -> None:
    match field:
        case QCheckBox():
            field.setChecked(value)
        case QSpinBox() | QDoubleSpinBox():
            field.setValue(value)
        case TextBox() | ChoiceButtons():
            field.show_value(value)
        case QComboBox():
            field.setCurrentIndex(field.findData(value))


def _range_text(limits: _Limits) -> str:
    if limits.high >= _INT_MAX and limits.low <= -_INT_MAX:
        return ""
    low = f"{limits.low:g}"
    return f"<br>{low} to {limits.high:,.10g}" if limits.high < _INT_MAX else f"<br>{low} or more"
