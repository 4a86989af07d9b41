"""Whether a window is sound: judged by its structure, not by its pixels.

:func:`faults` walks everything that is visible in a window and returns, in words, what a person
would see as broken: a text that does not fit its box, siblings that overlap, a control outside its
parent or where a click on it would reach something else, and a button pushed behind the extension
of a toolbar.

A text may be cut by design where its widget has a tool tip that says it whole, and is either an
``ElidedLabel`` or has the dynamic property ``elided``. What lies above others by design, such as
the card of the tour, has the dynamic property ``overlay``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenuBar,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizeGrip,
    QSpinBox,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStyleOptionTab,
    QTabBar,
    QToolBar,
    QToolButton,
    QWidget,
)

from app.widgets.chart_header import ElidedLabel

#: Pixels that rounding may take from a text or add to a box.
_SLACK = 1
#: Pixels around the text of a tool button that belong to its frame.
_FRAME = 8
_TRANSPARENT = Qt.WidgetAttribute.WA_TransparentForMouseEvents
_CONTROLS = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit)


def faults(window: QWidget) -> list[str]:
    """Return what is wrong with the visible widgets of a window, in words; empty where it is
    sound.
    """
    found: list[str] = []
    for widget in _visible(window):
        found += [f"{_name(widget)}: {told}" for told in _faults_of(widget, window)]
        found += [f"{_name(widget)}: {told}" for told in _overlaps(widget)]
    return found


def _visible(window: QWidget) -> Iterator[QWidget]:
    """Go through a window and the widgets that can be seen in it, or would be if it were
    scrolled.
    """
    yield window
    for child in window.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        if child.isVisible() and not child.isWindow() and not _is_behind(child):
            yield from _visible(child)


def _is_behind(widget: QWidget) -> bool:
    """Whether a widget is a dock behind the tab of another one, or the tabs of hidden docks: Qt
    moves those out of the window.
    """
    parent = widget.parentWidget()
    return (
        isinstance(widget, (QDockWidget, QTabBar))
        and parent is not None
        and not parent.rect().intersects(widget.geometry())
    )


def _faults_of(widget: QWidget, window: QWidget) -> Iterator[str]:
    yield from _text_faults(widget)
    if widget is window:
        return
    yield from _place_faults(widget)
    if isinstance(widget, _CONTROLS):
        yield from _reach_faults(widget, window)
    if isinstance(widget, QToolBar):
        yield from _toolbar_faults(widget)


# Texts


def _text_faults(widget: QWidget) -> Iterator[str]:
    """Say which text does not fit the box of its widget."""
    for kind, look in _TEXTS:
        if isinstance(widget, kind):
            yield from look(widget)
            return


def _is_elided(widget: QWidget) -> bool:
    return bool(widget.toolTip()) and (
        isinstance(widget, ElidedLabel) or bool(widget.property("elided"))
    )


def _plain(text: str) -> str:
    """Return a text without the marks of its mnemonics."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def _needed(widget: QWidget, text: str) -> QSize:
    """Return the size that a text without line breaks of its own needs in the font of a widget."""
    metrics = widget.fontMetrics()
    return metrics.size(Qt.TextFlag.TextShowMnemonic, text)


def _width_fault(widget: QWidget, text: str, room: QSize) -> Iterator[str]:
    if not text or _is_elided(widget):
        return
    needed = _needed(widget, text)
    if needed.width() > room.width() + _SLACK or needed.height() > room.height() + _SLACK:
        yield (
            f"the text {_plain(text)!r} needs {needed.width()}x{needed.height()} and has "
            f"{room.width()}x{room.height()}"
        )


def _label_faults(label: QLabel) -> Iterator[str]:
    text = label.text()
    if not text or _is_elided(label):
        return
    if label.wordWrap() or _is_rich(label):
        needed = (
            QSize(0, label.heightForWidth(label.width()))
            if label.wordWrap()
            else label.minimumSizeHint()
        )
        longest = _longest_word(label, text)
        needed.setWidth(max(needed.width(), longest))
        room = QSize(label.contentsRect().width() if longest else label.width(), label.height())
    else:
        needed = label.minimumSizeHint()
        room = label.size()
    if needed.width() > room.width() + _SLACK or needed.height() > room.height() + _SLACK:
        yield (
            f"the text {text[:60]!r} needs {needed.width()}x{needed.height()} and has "
            f"{room.width()}x{room.height()}"
        )


def _longest_word(label: QLabel, text: str) -> int:
    """Return the width of the longest word of a text that breaks its lines: Qt cuts what is
    longer than a line.
    """
    if _is_rich(label):
        document = QTextDocument()
        document.setHtml(text)
        text = document.toPlainText()
    return (
        max((label.fontMetrics().horizontalAdvance(word) for word in text.split()), default=0)
        if label.wordWrap()
        else 0
    )


def _is_rich(label: QLabel) -> bool:
    kind = label.textFormat()
    return kind == Qt.TextFormat.RichText or (
        kind == Qt.TextFormat.AutoText and "</" in label.text()
    )


def _mark_contents(box: QCheckBox | QRadioButton) -> QSize:
    option = QStyleOptionButton()
    box.initStyleOption(option)
    element = (
        QStyle.SubElement.SE_CheckBoxContents
        if isinstance(box, QCheckBox)
        else QStyle.SubElement.SE_RadioButtonContents
    )
    return box.style().subElementRect(element, option, box).size()


def _button_faults(button: QPushButton | QToolButton) -> Iterator[str]:
    text = button.text()
    if isinstance(button, QPushButton):
        option = QStyleOptionButton()
        button.initStyleOption(option)
        room = (
            button.style()
            .subElementRect(QStyle.SubElement.SE_PushButtonContents, option, button)
            .size()
        )
        icon = 0 if button.icon().isNull() else button.iconSize().width() + 4
        yield from _width_fault(button, text, QSize(room.width() - icon, button.height()))
        return
    shows_text = (
        button.toolButtonStyle() != Qt.ToolButtonStyle.ToolButtonIconOnly or button.icon().isNull()
    )
    if shows_text and text and not button.arrowType().value:
        beside = button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        needed = button.sizeHint() if beside else _needed(button, text) + QSize(_FRAME, _FRAME)
        if needed.width() > button.width() + _SLACK or needed.height() > button.height() + _SLACK:
            told = f"{needed.width()}x{needed.height()} and has {button.width()}x{button.height()}"
            yield f"the text {_plain(text)!r} needs a button of {told}"


def _combo_faults(box: QComboBox) -> Iterator[str]:
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    control = QStyle.ComplexControl.CC_ComboBox
    room = (
        box.style()
        .subControlRect(control, option, QStyle.SubControl.SC_ComboBoxEditField, box)
        .size()
    )
    if not box.toolTip():
        yield from _width_fault(box, box.currentText(), QSize(room.width(), box.height()))


def _spin_faults(box: QAbstractSpinBox) -> Iterator[str]:
    line = box.lineEdit()
    room = line.contentsRect().width() - line.textMargins().left() - line.textMargins().right()
    yield from _width_fault(
        box, box.text() if not isinstance(box, QSpinBox) else line.text(), QSize(room, box.height())
    )


def _header_faults(header: QHeaderView) -> Iterator[str]:
    model = header.model()
    if model is None or header.orientation() != Qt.Orientation.Horizontal:
        return
    for index in range(header.count()):
        text = str(model.headerData(index, Qt.Orientation.Horizontal) or "")
        tip = model.headerData(index, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        cut = header.sectionSizeHint(index) > header.sectionSize(index) + _SLACK
        if text and cut and not tip and not header.isSectionHidden(index):
            yield (
                f"the heading {text!r} needs {header.sectionSizeHint(index)} and has "
                f"{header.sectionSize(index)}"
            )


def _tab_faults(bar: QTabBar) -> Iterator[str]:
    for index in range(bar.count()):
        if not bar.isTabVisible(index):
            continue
        option = QStyleOptionTab()
        bar.initStyleOption(option, index)
        room = bar.style().subElementRect(QStyle.SubElement.SE_TabBarTabText, option, bar)
        needed = bar.fontMetrics().size(Qt.TextFlag.TextShowMnemonic, bar.tabText(index)).width()
        if needed > room.width() + _SLACK:
            yield f"the tab {_plain(bar.tabText(index))!r} needs {needed} and has {room.width()}"
        elif not bar.rect().adjusted(-_SLACK, -_SLACK, _SLACK, _SLACK).contains(bar.tabRect(index)):
            yield f"the tab {_plain(bar.tabText(index))!r} lies outside its bar"


def _group_faults(box: QGroupBox) -> Iterator[str]:
    yield from _width_fault(box, box.title(), QSize(box.width() - 20, box.height()))


def _line_faults(line: QLineEdit) -> Iterator[str]:
    """Look at the placeholder only: what is typed scrolls."""
    room = line.contentsRect().width() - line.textMargins().left() - line.textMargins().right()
    if not line.text():
        yield from _width_fault(line, line.placeholderText(), QSize(room, line.height()))


def _mark_faults(box: QCheckBox | QRadioButton) -> Iterator[str]:
    yield from _width_fault(box, box.text(), _mark_contents(box))


def _menu_bar_faults(bar: QMenuBar) -> Iterator[str]:
    for action in bar.actions():
        if action.isVisible() and not bar.rect().contains(bar.actionGeometry(action).center()):
            yield f"the menu {_plain(action.text())!r} does not fit"


def _dock_faults(dock: QDockWidget) -> Iterator[str]:
    buttons = sum(
        button.width()
        for button in dock.findChildren(
            QAbstractButton, options=Qt.FindChildOption.FindDirectChildrenOnly
        )
    )
    yield from _width_fault(
        dock, dock.windowTitle(), QSize(dock.width() - buttons - 20, dock.height())
    )


#: What looks at the texts of a kind of widget, the special kinds first.
_TEXTS: tuple[
    tuple[type[QWidget] | tuple[type[QWidget], ...], Callable[[Any], Iterator[str]]], ...
] = (
    (QLabel, _label_faults),
    ((QCheckBox, QRadioButton), _mark_faults),
    ((QPushButton, QToolButton), _button_faults),
    (QGroupBox, _group_faults),
    (QComboBox, _combo_faults),
    (QAbstractSpinBox, _spin_faults),
    (QLineEdit, _line_faults),
    (QHeaderView, _header_faults),
    (QTabBar, _tab_faults),
    (QMenuBar, _menu_bar_faults),
    (QDockWidget, _dock_faults),
)


# Places


def _place_faults(widget: QWidget) -> Iterator[str]:
    """Say where a widget lies outside its parent, unless it can be scrolled into view."""
    parent = widget.parentWidget()
    if (
        parent is None
        or widget.width() <= 0
        or widget.height() <= 0
        or isinstance(widget, QSizeGrip)
    ):
        return
    area = parent.parentWidget()
    box, room = widget.geometry(), parent.rect().adjusted(-_SLACK, -_SLACK, _SLACK, _SLACK)
    if isinstance(area, QAbstractScrollArea) and area.viewport() is parent:
        off = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if (
            isinstance(area, QScrollArea)
            and area.horizontalScrollBarPolicy() == off
            and box.width() > room.width()
        ):
            yield (
                f"is {box.width()} wide in a view of {parent.width()} that does not scroll sideways"
            )
        if (
            isinstance(area, QScrollArea)
            and area.verticalScrollBarPolicy() == off
            and box.height() > room.height()
        ):
            yield f"is {box.height()} high in a view of {parent.height()} that does not scroll"
        return
    if not room.contains(box):
        yield (
            f"{_rect(box)} lies outside its parent {_name(parent)}, "
            f"{parent.width()}x{parent.height()}"
        )


def _overlaps(parent: QWidget) -> Iterator[str]:
    """Say which children of a widget lie over each other."""
    if isinstance(parent, (QAbstractSpinBox, QComboBox, QLineEdit, QTabBar)):
        return
    children = [
        child
        for child in parent.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        if child.isVisible()
        and not child.isWindow()
        and not _is_behind(child)
        and not _is_above(child)
    ]
    for first, second in combinations(children, 2):
        both = first.geometry().intersected(second.geometry())
        if both.width() > _SLACK and both.height() > _SLACK:
            yield (
                f"{_name(first)} {_rect(first.geometry())} and {_name(second)} "
                f"{_rect(second.geometry())} overlap"
            )


def _is_above(widget: QWidget) -> bool:
    """Whether a widget lies above its siblings by design: an overlay, or the handle between two
    parts.
    """
    handle = widget.metaObject().className().endswith(("Handle", "Separator"))
    return handle or bool(widget.property("overlay")) or isinstance(widget, QSizeGrip)


def _reach_faults(widget: QWidget, window: QWidget) -> Iterator[str]:
    """Say where a click in the middle of a control would reach something else."""
    seen = widget.visibleRegion().boundingRect()
    if (
        seen.isEmpty()
        or not seen.contains(widget.rect().center())
        or _is_covered_by_overlay(widget, window)
    ):
        return
    index = widget.mapTo(window, widget.rect().center())
    hit = window.childAt(index)
    if (
        hit is not None
        and hit is not widget
        and not widget.isAncestorOf(hit)
        and not hit.testAttribute(_TRANSPARENT)
    ):
        yield f"a click on it would reach {_name(hit)}"


def _is_covered_by_overlay(widget: QWidget, window: QWidget) -> bool:
    hit: QWidget | None = window.childAt(widget.mapTo(window, widget.rect().center()))
    while hit is not None and hit is not window:
        if hit.property("overlay"):
            return not hit.isAncestorOf(widget)
        hit = hit.parentWidget()
    return False


def _toolbar_faults(bar: QToolBar) -> Iterator[str]:
    """Say which buttons of a toolbar are behind its extension, where that is not meant so."""
    if bar.property("overflows"):
        return
    for action in bar.actions():
        widget = bar.widgetForAction(action)
        if (
            action.isVisible()
            and not action.isSeparator()
            and widget is not None
            and not widget.isVisible()
        ):
            yield f"{_plain(action.text()) or _name(widget)!r} is behind the extension"


# Words


def _rect(box: QRect) -> str:
    return f"{box.width()}x{box.height()} at {box.x()},{box.y()}"


def _name(widget: QWidget) -> str:
    """Return what finds a widget again: its class, its name, and the names of what it lies in."""
    own = widget.objectName() or widget.accessibleName() or str(widget.property("text") or "")[:30]
    parent = widget.parentWidget()
    within = ""
    while parent is not None and not within:
        within = parent.objectName()
        parent = parent.parentWidget()
    return f"{type(widget).__name__} {own!r}" + (f" in {within!r}" if within else "")
