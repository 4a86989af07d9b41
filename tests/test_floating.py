"""Floating panels that were restored: on a screen, and off the message bar."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from window_bench import idle, price_file, wait, window

from app.window.floating import clear_place

SCREEN = QRect(0, 0, 1600, 1000)
BAR = QRect(300, 120, 900, 50)


@pytest.mark.parametrize(
    ("panel", "expected"),
    [
        (QRect(400, 300, 300, 400), (400, 300)),  # clear already
        (QRect(400, 100, 300, 400), (400, 178)),  # below the bar
        (QRect(1150, 100, 300, 850), (1208, 100)),  # too tall to go below
        (QRect(1500, 300, 300, 400), (1300, 300)),  # beyond the right edge
        (QRect(-5000, 2500, 300, 400), (0, 600)),  # on a screen that is gone
        (QRect(400, 100, 1500, 950), (100, 178)),  # larger than all room: below at least
    ],
)
def test_a_panel_stands_on_the_screen_and_off_the_bar(
    panel: QRect, expected: tuple[int, int]
) -> None:
    index = clear_place(panel, BAR, SCREEN)
    assert (index.x(), index.y()) == expected
    assert not QRect(index, panel.size()).intersects(BAR)


@pytest.mark.slow
def test_a_restored_panel_makes_room_for_a_bar_until_it_is_taken_hold_of(
    tmp_path: Path, qapp: QApplication
) -> None:
    with window(tmp_path, price_file(tmp_path / "start.csv")) as bench:
        dock = bench.layout.docks["model"]
        dock.setFloating(True)
        idle(bench)
    with window(tmp_path) as bench:
        dock, banner = bench.layout.docks["model"], bench.banner
        assert dock.isFloating()

        def over() -> bool:
            bar = QRect(banner.mapToGlobal(QPoint(0, 0)), banner.size())
            return dock.frameGeometry().intersects(bar)

        stage = bench.layout.chart.window().centralWidget()
        dock.move(stage.mapToGlobal(QPoint(20, 0)))
        banner.show_notice("Something to press.", choices=("Restore",))
        wait(lambda: not over())
        QTest.mouseClick(dock, qapp.mouseButtons().LeftButton)
        dock.move(banner.mapToGlobal(QPoint(0, 0)))
        banner.show_notice("Something else.")
        QApplication.processEvents()
        assert over(), "the user has put it there"
