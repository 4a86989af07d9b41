"""Work on the chart as a trader does it: draw, measure, look closer, compare, look at four."""

from __future__ import annotations

from pathlib import Path

import pytest
from hands import (
    assert_alive,
    assert_sound,
    assert_sound_in_themes,
    button_of,
    click,
    dialog_shown,
    drag_over,
    hover,
    press_keys,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QMenu, QToolButton
from window_bench import price_file

from app.charts.drawing import Drawing
from app.features.drawings.dialog import DrawingDialog
from app.window.workbench import Workbench


@pytest.fixture
def prices(tmp_path: Path) -> list[str]:
    """Return four files of 400 daily bars."""
    names = ("AAA", "BBB", "CCC", "DDD")
    return [price_file(tmp_path / f"{name}.csv", 400, seed=n) for n, name in enumerate(names)]


def spot(bench: Workbench, bar: int) -> QPoint:
    """Return where the high of a bar is in the viewport of the chart."""
    chart = bench.chart
    assert chart.series is not None
    pane = chart.price_pane
    point = pane.mapToScene(pane.frame().at(bar, float(chart.series["high"][bar])))
    found: QPoint = chart._view.mapFromScene(point)
    return found


def tool(bench: Workbench, name: str) -> QToolButton:
    """Return the button of a tool beside the chart."""
    return next(
        button
        for button in bench.layout.drawing_tools.findChildren(QToolButton)
        if button.defaultAction() is bench.actions[name]
    )


def drawn(bench: Workbench) -> tuple[Drawing, ...]:
    assert bench.chart.series is not None
    return bench.features["drawings"].drawings.of(bench.chart.series.symbol)


def test_lines_are_drawn_moved_and_deleted_by_mouse_and_keys(
    tmp_path: Path, qapp: object, prices: list[str]
) -> None:
    with started(tmp_path / "home", prices[0]) as bench:
        port = bench.chart._view.viewport()
        click(tool(bench, "draw-trend"))
        wait_until(bench.actions["draw-trend"].isChecked, "the tool is chosen")
        click(port, spot(bench, 300))
        hover(port, spot(bench, 340))
        click(port, spot(bench, 350))
        wait_until(lambda: len(drawn(bench)) == 1, "a trend line is drawn")
        click(tool(bench, "draw-note"))
        click(port, spot(bench, 380))
        dialog = dialog_shown(DrawingDialog)
        type_text("Look here again")
        click(button_of(dialog, "OK"))
        wait_until(lambda: drawn(bench)[-1].text == "Look here again", "the note is written")
        before = drawn(bench)[0]
        drag_over(port, spot(bench, 300), spot(bench, 300) + QPoint(0, -20), QPoint(80, 80))
        wait_until(lambda: drawn(bench)[0] != before, "its end follows the mouse")
        assert_sound(bench.window, "drawings-light")
        press_keys("ctrl+z")
        wait_until(lambda: drawn(bench)[0] == before, "undo brings it back")
        press_keys("ctrl+shift+z")
        wait_until(lambda: drawn(bench)[0] != before, "redo moves it again")
        press_keys("ctrl+z")
        wait_until(lambda: drawn(bench)[0] == before, "and undo brings it back once more")
        bench.set_theme("dark")
        settled(bench)
        assert_sound(bench.window, "drawings-dark")
        bench.chart.setFocus()
        press_keys("d", "Delete")
        wait_until(lambda: len(drawn(bench)) == 1, "a key deletes what a key chose")
        bench.set_theme("light")
        assert_alive(bench)


def test_a_right_click_and_a_shifted_drag_do_what_traders_expect(
    tmp_path: Path, qapp: object, prices: list[str]
) -> None:
    with started(tmp_path / "home", prices[0]) as bench:
        port = bench.chart._view.viewport()
        drag_over(port, spot(bench, 320), spot(bench, 340), spot(bench, 360), held="shift")
        wait_until(lambda: "40 bars" in bench.chart.measure.text(log=False), "it measures")
        assert_sound(bench.window, "measure")
        press_keys("Escape")
        wait_until(lambda: not bench.chart.measure.shown, "Escape takes the measure away")
        click(port, spot(bench, 330), button=3)
        wait_until(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "a menu opens")
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        texts = [action.text() for action in menu.actions()]
        assert texts[0] == "&Forecast from here"
        press_keys("l", "Return")
        wait_until(lambda: len(drawn(bench)) == 1, "the menu draws a line there")
        assert drawn(bench)[0].kind == "horizontal"
        assert_alive(bench)


def test_four_charts_share_one_crosshair(tmp_path: Path, qapp: object, prices: list[str]) -> None:
    with started(tmp_path / "home", *prices) as bench:
        press_keys("alt+shift+4")
        wait_until(lambda: len(bench.layout.grid.shown_cells) == 3, "four charts are shown")
        settled(bench)
        symbols = {cell.chart.series.symbol for cell in bench.layout.grid.shown_cells}  # type: ignore[union-attr]
        assert len(symbols) == 3
        hover(bench.chart._view.viewport(), spot(bench, 350))
        for cell in bench.layout.grid.shown_cells:
            wait_until(lambda cell=cell: cell.chart.pointed_bar == 350, "it has the crosshair")  # type: ignore[misc]
        bench.features["compare"].add("BBB")
        settled(bench)
        assert_sound_in_themes(bench, bench.window, "four-charts")
        press_keys("alt+shift+1")
        wait_until(lambda: not bench.layout.grid.shown_cells, "one chart is shown")
        assert_alive(bench)
