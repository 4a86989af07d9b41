"""Odds, portfolio, inputs, forecasts of others and the shape of a network, each by mouse and
keyboard.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hands import (
    activated,
    assert_alive,
    assert_sound,
    button_of,
    click,
    dialog_shown,
    gone,
    press_keys,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.window.workbench import Workbench

BARS = 240


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Return one window on two series with a column beside the prices, in the smallest of usual
    sizes.
    """
    folder = tmp_path_factory.mktemp("rooms")
    draw = np.random.default_rng(3)
    days = pd.bdate_range("2023-01-02", periods=BARS)
    for name in (
        "04_alphavantage_daily_adjusted_2002-2020",
        "Berkshire Hathaway Inc Class B ordinary shares",
    ):
        close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, BARS)))
        frame = pd.DataFrame({"Date": days, "Close": close, "mood": draw.normal(size=BARS)})
        frame.to_csv(folder / f"{name}.csv", index=False)
    told = {"Date": days[1:], "Actual": close[1:], "Predicted": close[:-1]}
    pd.DataFrame(told).to_csv(folder / "told.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        patch.chdir(folder)
        QApplication.instance() or QApplication([])
        files = (
            str(folder / "04_alphavantage_daily_adjusted_2002-2020.csv"),
            str(folder / "Berkshire Hathaway Inc Class B ordinary shares.csv"),
        )
        with started(folder / "home", *files, size=(1024, 700), engine=True) as bench:
            wait_until(lambda: bench.session.engine is not None, "the engine is ready")
            yield bench
            bench.session.unsaved = False


def bring(bench: Workbench, name: str) -> QWidget:
    """Show a panel, and return it."""
    bench.layout.docks[name].show()
    bench.layout.docks[name].raise_()
    panel: QWidget = bench.layout.panels[name]
    wait_until(panel.isVisible, f"{name} is in front")
    activated(bench.window)
    return panel


def choose(combo: QComboBox, text: str) -> None:
    """Open a box of choices by a click, and click one of them."""
    seen(combo)
    click(combo)
    view = combo.view()
    wait_until(view.isVisible, "the choices are shown")
    row = combo.findText(text)
    assert row >= 0, [combo.itemText(index) for index in range(combo.count())]
    click(view.viewport(), view.visualRect(view.model().index(row, 0)).center())
    wait_until(lambda: combo.currentText() == text, f"{text} is chosen")


def seen(widget: QWidget) -> None:
    """Scroll to a widget."""
    area = widget.parentWidget()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if not isinstance(area, QScrollArea):
        return

    def shown() -> bool:
        area.ensureWidgetVisible(widget, 10, 40)
        return bool(widget.visibleRegion().contains(widget.rect().center()))

    wait_until(shown, f"{widget.objectName() or widget} is scrolled to")


def field(bench: Workbench, name: str, kind: type[QWidget] = QWidget) -> QWidget:
    found = bench.model.findChild(kind, name)
    assert found is not None, name
    return found  # type: ignore[no-any-return]


def test_a_network_is_shaped_by_mouse_and_trained(bench: Workbench) -> None:
    bench.session.check_only(0)
    bench.layout.docks["model"].raise_()
    shape = field(bench, "shape", QComboBox)
    (fold,) = (
        button
        for button in bench.model.findChildren(QToolButton, "fold")
        if button.parentWidget().isAncestorOf(shape)
    )
    seen(fold)
    click(fold)
    wait_until(fold.isChecked, "the settings of the network unfold")
    choose(shape, "Encoder-decoder")  # type: ignore[arg-type]
    for name, value in (("members", "2"), ("epochs", "1"), ("input_size", "20"), ("horizon", "3")):
        box = field(bench, name, QSpinBox)
        settled(bench)  # what the value before has changed is told and laid out
        seen(box)
        click(box)
        wait_until(box.hasFocus, f"{name} is clicked")
        press_keys("ctrl+a")
        type_text(value)
        press_keys("Tab")
        wait_until(lambda box=box, value=value: box.value() == int(value), f"{name} is typed")
        wait_until(lambda box=box: not box.hasFocus(), f"{name} is left, which scrolls the form")
    config = bench.model.config()
    assert (config.model.shape, config.model.members) == ("encoder-decoder", 2)
    assert (config.train.epochs, config.task.horizon) == (1, 3)
    assert_sound(bench.window, "shaped-by-mouse")
    click(bench.model.train_button)
    wait_until(
        lambda: bench.session.finished is not None and not bench.session.busy, "it is trained"
    )
    finished = bench.session.finished
    assert finished is not None
    assert finished.result.config.model.members == 2
    fold.setChecked(False)
    assert_alive(bench)


def test_a_line_of_odds_is_added_and_removed(bench: Workbench) -> None:
    panel = bring(bench, "odds")
    press_keys("alt+l")
    controller = bench.features["odds"]
    wait_until(lambda: len(controller.kept.lines) == 1, "a line is there")
    wait_until(lambda: "to close" in panel.summary(), "its odds are told")
    assert_sound(bench.window, "odds-line")
    click(panel.paths_box)
    wait_until(panel.paths_box.isChecked, "paths are drawn")
    click(panel.remove_button)
    wait_until(lambda: not controller.kept.lines, "the line is gone")
    assert_alive(bench)


def test_a_portfolio_is_valued(bench: Workbench) -> None:
    bench.session.check((0, 1), True)
    panel = bring(bench, "portfolio")
    seen(panel.value_button)
    click(panel.value_button)
    wait_until(lambda: bench.features["portfolio"].valued is not None, "it is valued")
    wait_until(lambda: "value at risk" in panel.summary(), "its risk is told")
    for index in range(1, panel.view.count()):
        panel.view.setFocus()
        press_keys("Down")
        wait_until(lambda index=index: panel.view.currentIndex() == index, "the view changes")  # type: ignore[misc]
        assert_sound(bench.window, f"portfolio-{index}")
    assert_alive(bench)


def test_a_column_is_made_an_input(bench: Workbench) -> None:
    press_keys("ctrl+shift+i")
    dialog = dialog_shown()
    wait_until(lambda: dialog.table.rowCount() > 0, "the columns are listed")  # type: ignore[attr-defined]
    assert_sound(dialog, "inputs")
    names = [
        dialog.table.item(row, 0).text()  # type: ignore[attr-defined]
        for row in range(dialog.table.rowCount())  # type: ignore[attr-defined]
    ]
    combo = dialog.table.cellWidget(names.index("mood"), 1)  # type: ignore[attr-defined]
    assert isinstance(combo, QComboBox)
    choose(combo, "Past")
    click(button_of(dialog, "OK"))
    wait_until(gone(dialog), "the dialog closes")
    assert bench.model.config().inputs.hist_exog == "mood"
    assert_alive(bench)


def test_forecasts_of_others_are_judged(bench: Workbench) -> None:
    bench.open_files([str(Path("told.csv").resolve())])
    dialog = dialog_shown()
    judge: QAbstractButton = dialog.judge  # type: ignore[attr-defined]
    wait_until(judge.isEnabled, "it is read")
    assert_sound(dialog, "judge")
    click(judge)
    controller = bench.features["judge"]
    wait_until(lambda: controller.dialog is None and controller.shown.isVisible(), "it is judged")
    activated(controller.shown)
    assert_sound(controller.shown, "judged")
    press_keys("Escape")
    wait_until(lambda: not controller.shown.isVisible(), "the judgement closes")
    activated(bench.window)
    assert_alive(bench)
