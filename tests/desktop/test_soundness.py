"""The check of soundness itself: every kind of fault is planted, and has to be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hands import painted
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QTableWidget,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from soundness import faults

from app import theme
from app.widgets.chart_header import ElidedLabel

LONG = "A text that needs far more room than it gets here"


@pytest.fixture
def window(qapp: QApplication) -> Iterator[QMainWindow]:
    theme.apply(qapp, theme.LIGHT)
    shown = QMainWindow()
    middle = QWidget()
    rows = QVBoxLayout(middle)
    rows.addWidget(QLabel("A label"))
    rows.addWidget(QPushButton("A button"))
    rows.addStretch(1)
    shown.setCentralWidget(middle)
    shown.resize(640, 480)
    shown.show()
    painted(shown)
    yield shown
    shown.close()
    shown.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def placed(
    window: QMainWindow,
    widget: QWidget,
    x: int = 200,
    y: int = 200,
    width: int = 60,
    height: int = 30,
) -> QWidget:
    """Put a widget somewhere into the middle of a window, outside any layout."""
    widget.setParent(window.centralWidget())
    widget.setGeometry(x, y, width, height)
    widget.show()
    return widget


def wrapped() -> QLabel:
    label = QLabel(LONG)
    label.setWordWrap(True)
    return label


def chosen() -> QComboBox:
    box = QComboBox()
    box.addItem(LONG)
    return box


def spun() -> QSpinBox:
    box = QSpinBox()
    box.setSuffix(" independent forecasts")
    return box


def tool() -> QToolButton:
    button = QToolButton()
    button.setText(LONG)
    return button


def asked() -> QLineEdit:
    line = QLineEdit()
    line.setPlaceholderText(LONG)
    return line


def table() -> QTableWidget:
    made = QTableWidget(1, 2)
    made.setHorizontalHeaderLabels([LONG, LONG])
    made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    return made


def tabs() -> QTabWidget:
    made = QTabWidget()
    made.addTab(QWidget(), LONG)
    made.addTab(QWidget(), LONG)
    return made


def group() -> QGroupBox:
    return QGroupBox(LONG)


TEXTS: tuple[Callable[[], QWidget], ...] = (
    lambda: QLabel(LONG), wrapped, lambda: QPushButton(LONG), tool, lambda: QCheckBox(LONG), chosen,
    spun, asked, table, tabs, group,
)  # fmt: skip


@pytest.mark.parametrize(
    "make",
    TEXTS,
    ids=[
        "label",
        "wrapped",
        "button",
        "tool",
        "check",
        "combo",
        "spin",
        "line",
        "header",
        "tab",
        "group",
    ],
)
def test_a_text_that_does_not_fit_is_found(
    window: QMainWindow, make: Callable[[], QWidget]
) -> None:
    assert faults(window) == []
    widget = placed(window, make(), width=120, height=90 if make in (table, tabs) else 30)
    assert any("needs" in told or "outside its bar" in told for told in faults(window))
    widget.hide()
    assert faults(window) == []


def test_a_text_cut_by_design_says_itself_in_a_tool_tip(window: QMainWindow) -> None:
    elided = ElidedLabel()
    placed(window, elided)
    elided.setText(LONG)
    assert faults(window) == []
    elided.setToolTip("")
    assert len(faults(window)) == 1


def test_siblings_that_overlap_are_found_unless_one_lies_above_by_design(
    window: QMainWindow,
) -> None:
    placed(window, QWidget(), width=100)
    above = placed(window, QWidget(), x=240)
    assert ["overlap" in told for told in faults(window)] == [True]
    above.setProperty("overlay", True)
    assert faults(window) == []


def test_what_lies_outside_its_parent_is_found(window: QMainWindow) -> None:
    placed(window, QWidget(), x=window.width() - 20)
    assert ["lies outside its parent" in told for told in faults(window)] == [True]


def test_what_a_view_cannot_scroll_to_is_found(window: QMainWindow) -> None:
    area = QScrollArea()
    content = QWidget()
    content.setFixedSize(400, 400)
    area.setWidget(content)
    placed(window, area, y=100, width=200, height=200)
    assert faults(window) == []
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    painted(window)
    assert ["does not scroll sideways" in told for told in faults(window)] == [True]


def test_a_control_below_something_is_found(window: QMainWindow) -> None:
    cover = QWidget(window)
    cover.setGeometry(window.rect())
    cover.show()
    cover.raise_()
    found = faults(window)
    assert any("a click on it would reach" in told for told in found)
    assert any("overlap" in told for told in found)


def test_a_button_behind_the_extension_of_its_toolbar_is_found(window: QMainWindow) -> None:
    bar = QToolBar()
    window.addToolBar(bar)
    for index in range(4):
        bar.addAction(f"Action {index}")
    painted(window)
    assert faults(window) == []
    for index in range(20):
        bar.addAction(f"More {index}")
    painted(window)
    assert any("behind the extension" in told for told in faults(window))
