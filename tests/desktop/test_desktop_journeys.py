"""Ways through the window on a real desktop that change what is shown, or end it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hands import (
    activated,
    answered,
    assert_alive,
    assert_sound,
    button_of,
    click,
    gone,
    painted,
    press_keys,
    resized,
    started,
    wait_until,
)
from program_states import ENDLESS
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QDockWidget, QMenu, QWidget
from stage import DISPLAYS, stage
from window_bench import price_file

from app.window.workbench import Workbench

FOLDER = Path(__file__).resolve().parent


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Return a file of 400 daily bars."""
    return price_file(tmp_path / "AAA.csv", 400)


def title_of(dock: QDockWidget) -> QPoint:
    """Return a point of a dock's title, beside its text and its buttons."""
    return QPoint(dock.width() // 2, 12)


def test_a_panel_floats_and_docks_by_double_clicks_on_its_title(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices) as bench:
        press_keys("ctrl+2")
        wait_until(
            lambda: not bench.layout.docks["training"].visibleRegion().isEmpty(),
            "the training is shown",
        )
        for name in ("model", "training"):
            dock = bench.layout.docks[name]
            before = dock.size()
            click(dock, title_of(dock), double=True)
            wait_until(dock.isFloating, f"{name} floats")
            painted(dock)
            assert_alive(bench)
            activated_by_click(dock)
            click(dock, title_of(dock), double=True)
            wait_until(lambda dock=dock: not dock.isFloating(), f"{name} is docked again")  # type: ignore[misc]
            painted(bench.window)
            assert_sound(bench.window, f"docked-again-{name}")
            assert abs(dock.width() - before.width()) <= 3
            assert_alive(bench)


def activated_by_click(dock: QDockWidget) -> None:
    """Bring a floating panel to the front, as its window manager does at a click on it."""
    dock.activateWindow()
    activated(dock)


def test_a_floating_panel_comes_back_floating_after_a_restart(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices) as bench:
        bench.layout.presets.open("results")
        bench.layout.docks["results"].setFloating(True)
        painted(bench.layout.docks["results"])
    with started(tmp_path / "home", prices, size=None) as bench:
        assert bench.layout.docks["results"].isFloating()
        assert_alive(bench)


def chosen(bench: Workbench, title: str, entry: str) -> None:
    """Choose an entry of the View menu's submenus by mouse."""
    bar = bench.window.menuBar()
    view = next(action for action in bar.actions() if action.text() == "&View")
    click(bar, bar.actionGeometry(view).center())
    menu = view.menu()
    assert isinstance(menu, QMenu)
    wait_until(menu.isVisible, "the menu opens")
    below = next(action for action in menu.actions() if action.text().replace("&", "") == title)
    click(menu, menu.actionGeometry(below).center())
    submenu = below.menu()
    assert isinstance(submenu, QMenu)
    wait_until(submenu.isVisible, f"{title} opens")
    action = next(action for action in submenu.actions() if action.text().replace("&", "") == entry)
    click(submenu, submenu.actionGeometry(action).center())
    wait_until(lambda: not submenu.isVisible(), f"{title} closes")


def test_the_theme_is_switched_in_the_menu(tmp_path: Path, qapp: object, prices: str) -> None:
    with started(tmp_path / "home", prices) as bench:
        for name in ("Dark", "Light"):
            chosen(bench, "Theme", name)
            wait_until(
                lambda name=name: bench.view_controller.theme.name == name.lower(),
                f"the theme is {name}",
            )  # type: ignore[misc]
            assert_sound(bench.window, f"theme-{name.lower()}")
            assert_alive(bench)


def test_the_window_is_sound_from_the_smallest_size_to_the_whole_screen(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices) as bench:
        for size in ((900, 600), (1280, 720), (1900, 1100)):
            resized(bench, *size)
            assert_sound(bench.window, f"size-{size[0]}x{size[1]}")
            assert_alive(bench)
        press_keys("F11")
        wait_until(bench.window.isFullScreen, "the window fills the screen")
        assert_sound(bench.window, "size-full-screen")
        assert_alive(bench)
        press_keys("F11")
        wait_until(lambda: not bench.window.isFullScreen(), "the window has its place back")
        assert_alive(bench)


def test_a_training_that_runs_can_be_closed(tmp_path: Path, qapp: object, prices: str) -> None:
    with started(tmp_path / "home", prices, engine=True) as bench:
        bench.model.show_config(ENDLESS)
        press_keys("ctrl+t")
        wait_until(lambda: len(bench.session.history) > 1, "it trains")
        assert_sound(bench.window, "training")
        assert_alive(bench)

        def go_on(box: QWidget) -> None:
            assert_sound(box, "close-in-mid-training")
            click(button_of(box, "Continue training"))

        answered(lambda: press_keys("ctrl+q"), go_on)
        epochs = len(bench.session.history)
        wait_until(lambda: len(bench.session.history) > epochs, "it goes on")
        assert_alive(bench)
        answered(
            lambda: press_keys("ctrl+q"), lambda box: click(button_of(box, "Discard and close"))
        )
        wait_until(gone(bench.window), "the window closes")


@pytest.mark.skipif(
    "QT_SCALE_FACTOR" in os.environ, reason="runs these tests at another scale itself"
)
def test_a_screen_of_3840x2160_at_scale_2(tmp_path: Path) -> None:
    wanted = "tour_lies or command_palette or maximised or every_list or 1024x700"
    files = [str(FOLDER / name) for name in ("test_severe.py", "test_desktop_states.py")]
    with stage((3840, 2160)) as screen:
        environment = {**os.environ, **screen, "QT_SCALE_FACTOR": "2"}
        environment.pop(DISPLAYS, None)
        pictures = os.environ.get(
            "CANDLECAST_PICTURES", str(FOLDER.parents[1] / "build" / "desktop")
        )
        environment["CANDLECAST_PICTURES"] = f"{pictures}-scale-2"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            wanted,
            *files,
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "6 passed" in done.stdout, done.stdout[-400:]
