"""The window for those who do not see it or do not use a mouse: names, labels, focus, and one
meaning for each key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fabricated import run, walk
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)
from run_bench import finished
from window_bench import idle, price_file, rested, wait, window

from app import dialogs
from app.export import EXPORTERS, Figure
from app.features.audit.dialog import AuditDialog
from app.features.export.dialog import ExportDialog
from app.features.runs.difference_dialog import DifferenceDialog
from app.features.training.learning_rate_dialog import LearningRateDialog
from app.theme import LIGHT
from app.widgets.ticker_field import TickerDialog
from app.window.workbench import Workbench
from forecasting.events import LearningRatesTried

Role = QAccessible.Role
INTERACTIVE = {
    Role.PushButton, Role.ButtonMenu, Role.ButtonDropDown, Role.CheckBox, Role.RadioButton,
    Role.EditableText, Role.ComboBox, Role.SpinBox,
    Role.Slider, Role.List, Role.Table, Role.Tree, Role.MenuItem, Role.PageTab, Role.Link,
    Role.Dial, Role.ProgressBar,
}  # fmt: skip
CONTROLS = (
    QAbstractButton,
    QLineEdit,
    QComboBox,
    QAbstractSpinBox,
    QAbstractItemView,
    QAbstractSlider,
)


def walked(
    one: QAccessibleInterface | None, path: str = ""
) -> Iterator[tuple[QAccessibleInterface, str]]:
    """Go through an accessible and all below it, with the way there; rows of lists and tables
    are data.
    """
    if one is None or not one.isValid():
        return
    here = f"{path}/{one.role().name}:{one.text(QAccessible.Text.Name)[:24]}"
    yield one, here
    if one.role() not in (Role.List, Role.Table, Role.Tree):
        for index in range(one.childCount()):
            yield from walked(one.child(index), here)


def unnamed(root: QWidget) -> list[str]:
    """Return the way to everything that can be used and has no name; what is hidden for good
    reasons is not offered to anybody.
    """
    found = []
    for item, path in walked(QAccessible.queryAccessibleInterface(root)):
        widget = item.object()
        hidden = (
            isinstance(widget, QWidget)
            and widget.isHidden()
            and not isinstance(widget, QAbstractItemView)
        )
        # The name of a combo box may be no more than its text: what it is for stands on a label.
        called = (
            bool(item.relations(QAccessible.RelationFlag.Label))
            if isinstance(widget, QComboBox)
            else bool(item.text(QAccessible.Text.Name).strip())
        )
        if item.role() in INTERACTIVE and not called and not hidden:
            found.append(
                f"{path} ({type(widget).__name__} {widget.objectName() if widget else ''})"
            )
    return found


def out_of_reach(root: QWidget) -> list[str]:
    """Return the controls that Tab never gets to, and that no action stands for.

    Buttons with the role ``help`` show what Shift+F1 shows on their field.
    """
    found = []
    for item in root.findChildren(QWidget):
        own = (
            isinstance(item, CONTROLS)
            and not isinstance(item, QScrollBar)
            and item.objectName()[:3] != "qt_"
            and not item.isHidden()
        )
        inside = isinstance(
            item.parentWidget(), (QLineEdit, QAbstractItemView, QComboBox, QAbstractSpinBox)
        )
        inner = inside or isinstance(item, QHeaderView)
        commanded = isinstance(item, QAbstractButton) and (
            bool(item.actions()) or item.property("role") == "help"
        )
        if (
            own
            and not inner
            and not commanded
            and not item.focusPolicy() & Qt.FocusPolicy.TabFocus
            and item.focusProxy() is None
        ):
            found.append(f"{type(item).__name__} {item.accessibleName()}")
    return found


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, qapp: object) -> Iterator[Workbench]:
    folder = tmp_path_factory.mktemp("access")
    with window(folder, price_file(folder / "AAA.csv", 80)) as bench:
        yield bench


@pytest.fixture
def bench(opened: Workbench) -> Iterator[Workbench]:
    yield opened
    opened.banner.pass_on()
    opened.session.unsaved = False
    rested(opened)


def test_everything_in_the_window_has_a_name_and_can_be_reached(bench: Workbench) -> None:
    assert unnamed(bench.window) == []
    assert out_of_reach(bench.window) == []
    bench.banner.show_fault(
        "The file prices.csv holds no prices.",
        "Choose another one.",
        details=True,
        choices=["Import with options…"],
    )
    finished(bench)
    assert unnamed(bench.window) == []
    assert out_of_reach(bench.window) == []
    names = [
        item.text(QAccessible.Text.Name)
        for item, _ in walked(QAccessible.queryAccessibleInterface(bench.window))
    ]
    assert {"Train", "Price chart", "Lookback"} <= {name.split(":")[0] for name in names}, (
        "the walk sees what there is"
    )


def test_every_dialog_has_names_and_can_be_reached(bench: Workbench, tmp_path: Path) -> None:
    top, judged = bench.window, run(walk("ACME"))
    bench.importer.open(price_file(tmp_path / "B.csv"))
    assert bench.importer.dialog is not None
    idle(bench)
    rates = LearningRatesTried(np.array([1e-4, 1e-3, 1e-2]), np.array([1.0, 0.9, 2.0]), 1e-3)
    opened: list[Callable[[], QDialog]] = [
        lambda: bench.importer.dialog or QDialog(),
        lambda: ExportDialog(
            top,
            Figure(judged, "ACME", bench.chart),
            LIGHT,
            {key: item.label for key, item in EXPORTERS.items()},
        ),
        lambda: TickerDialog(parent=top),
        lambda: AuditDialog(top),
        lambda: DifferenceDialog(("1", "2"), [("Horizon", "4", "6")], top),
        lambda: LearningRateDialog(top, rates, LIGHT),
        lambda: dialogs.show_about(top),
        lambda: dialogs.show_shortcuts(top, bench.actions.shortcuts()),
        bench.help_controller.find,
    ]
    for make in opened:
        item = make()
        item.show()
        QApplication.processEvents()
        assert unnamed(item) == [], type(item).__name__
        assert out_of_reach(item) == [], type(item).__name__
        assert item.windowTitle(), type(item).__name__
        item.close()
        item.deleteLater()


def test_the_tour_can_be_read_and_reached(bench: Workbench) -> None:
    bench.help_controller.tour.begin()
    assert unnamed(bench.help_controller.tour.card) == []
    assert out_of_reach(bench.help_controller.tour.card) == []
    assert "1 of 4" in bench.help_controller.tour.card.accessibleName()


def test_the_focus_is_seen_wherever_tab_takes_it(bench: Workbench) -> None:
    bench.window.activateWindow()
    wait(lambda: QApplication.activeWindow() is bench.window)
    bench.actions.ticker_field.setFocus()
    seen, unseen = [], []
    for _ in range(150):
        QTest.keyClick(QApplication.focusWidget() or bench.window, Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        if now is None or now in seen:
            break
        seen.append(now)
        focused = now.grab().toImage()
        now.clearFocus()
        if focused == now.grab().toImage():
            unseen.append(f"{type(now).__name__} {now.accessibleName()}")
        now.setFocus(Qt.FocusReason.TabFocusReason)
    assert len(seen) > 20, "tab goes through the window"
    assert unseen == []


def test_no_label_takes_a_name_for_markup(bench: Workbench) -> None:
    labels = [label for label in bench.window.findChildren(QLabel) if label.text()]
    assert [label.text() for label in labels if label.textFormat() is Qt.TextFormat.AutoText] == []
    bench.banner.show_fault("<img src=x> is no price", "<b>Look</b>")
    shown = {label.text(): label.textFormat() for label in bench.banner.findChildren(QLabel)}
    assert shown["<img src=x> is no price"] is shown["<b>Look</b>"] is Qt.TextFormat.PlainText


def test_every_key_means_one_thing(bench: Workbench) -> None:
    keys = [
        action.shortcut().toString()
        for action in bench.window.actions()
        if not action.shortcut().isEmpty()
    ]
    assert len(keys) == len(set(keys)) > 30
    told = bench.actions.shortcuts()
    assert len(told) == len(keys), "F1 lists each of them"
    for action in bench.window.actions():
        if not action.shortcut().isEmpty():
            assert action.shortcut().toString() in action.toolTip(), action.objectName()
    assert {"F1", "F11", "Ctrl+K", "Ctrl+T", "Ctrl+O", "Ctrl+S", "Ctrl+Z", "F5", "Esc"} <= set(keys)
    in_menus = {
        action.objectName()
        for menu in bench.window.menuBar().findChildren(QWidget)
        for action in menu.actions()
    }
    assert {action.objectName() for action in bench.window.actions()} <= in_menus
