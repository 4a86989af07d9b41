"""The layout follows what is done, and never the other way round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from window_bench import price_file, window

from app.window import first_size
from app.window.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path, qapp: object) -> Iterator[Workbench]:
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv", 80)) as bench:
        QApplication.processEvents()
        yield bench


def shown(bench: Workbench) -> set[str]:
    QApplication.processEvents()
    return {name for name in bench.layout.presets.lower if not bench.layout.docks[name].isHidden()}


def front(bench: Workbench, *names: str) -> list[str]:
    QApplication.processEvents()
    return [name for name in names if not bench.layout.docks[name].visibleRegion().isEmpty()]


def test_the_layout_follows_what_is_done_and_begins_with_the_chart_alone(bench: Workbench) -> None:
    assert shown(bench) == set()
    assert front(bench, "data", "model") == ["model"]
    assert bench.layout.presets.name == "look"
    assert bench.actions["layout-look"].isChecked()
    presets = bench.layout.presets
    presets.follow("train")
    assert shown(bench) == set(bench.layout.presets.lower)
    assert front(bench, *bench.layout.presets.lower) == ["training"]
    presets.follow("judge")
    assert front(bench, *bench.layout.presets.lower) == ["results"]
    assert bench.actions["layout-judge"].isChecked()


@pytest.mark.slow
def test_a_preset_that_was_chosen_stays(bench: Workbench) -> None:
    bench.actions["layout-look"].trigger()
    for name in ("train", "judge"):
        bench.layout.presets.follow(name)
        assert shown(bench) == set()
        assert bench.layout.presets.name == "look"
    bench.actions["layout-judge"].trigger()
    bench.layout.presets.follow("train")
    assert front(bench, *bench.layout.presets.lower) == ["results"]


@pytest.mark.slow
def test_what_the_user_has_moved_stays_and_held_back_panels_still_come(bench: Workbench) -> None:
    data = bench.layout.docks["data"]
    data.setFloating(True)
    assert bench.layout.presets.name == ""
    assert not any(action.isChecked() for action in bench.actions.choices("layout").values())
    bench.layout.presets.follow("train")
    assert front(bench, *bench.layout.presets.lower) == ["training"]
    assert data.isFloating()
    assert bench.layout.presets.name == ""


@pytest.mark.slow
def test_a_panel_that_the_user_closed_does_not_come_back_by_itself(bench: Workbench) -> None:
    bench.layout.presets.follow("train")
    QApplication.processEvents()
    bench.layout.docks["results"].close()
    bench.layout.presets.follow("judge")
    assert shown(bench) == set(bench.layout.presets.lower) - {"results"}


@pytest.mark.slow
def test_a_preset_brings_every_panel_home(bench: Workbench) -> None:
    presets = bench.layout.presets
    presets.follow("train")
    bench.layout.docks["results"].setFloating(True)
    bench.layout.docks["model"].close()
    bench.actions["layout-judge"].trigger()
    assert front(bench, *bench.layout.presets.lower) == ["results"]
    assert not bench.layout.docks["results"].isFloating()
    assert not bench.layout.docks["model"].isHidden()


@pytest.mark.slow
def test_what_is_held_back_is_known_at_the_next_start(tmp_path: Path, qapp: object) -> None:
    (tmp_path / "settings").mkdir()
    prices = price_file(tmp_path / "AAA.csv", 80)
    for _ in range(2):
        with window(tmp_path / "settings", prices) as bench:
            assert shown(bench) == set()
            assert bench.layout.presets.name == "look"
            bench.layout.remember(bench.preferences)
    with window(tmp_path / "settings", prices) as bench:
        bench.layout.presets.follow("train")
        assert front(bench, *bench.layout.presets.lower) == ["training"]
        bench.preferences.preset = ""
        # A version without presets.
        bench.layout.remember = lambda preferences: preferences.keep_bytes(
            "state", bench.layout.presets.state()
        )  # type: ignore[method-assign]
    with window(tmp_path / "settings", prices) as bench:
        assert shown(bench) == set(bench.layout.presets.lower)
        assert bench.layout.presets.name == ""


@pytest.mark.slow
def test_the_tour_leaves_the_panels_as_they_were(bench: Workbench) -> None:
    bench.help_controller.tour.begin()
    for _ in range(2):
        bench.help_controller.tour.card.next.click()
    assert front(bench, *bench.layout.presets.lower) == ["results"]
    for _ in range(2):
        bench.help_controller.tour.card.next.click()
    assert shown(bench) == set()
    assert front(bench, "data", "model") == ["model"]


@pytest.mark.parametrize(
    ("screen", "size"),
    [
        ((1366, 740), (1280, 700)),
        ((1024, 700), (1012, 660)),
        ((1280, 820), (1268, 780)),
        ((1920, 1200), (1536, 960)),
        ((3840, 2160), (1760, 1100)),
    ],
)
def test_the_first_window_fits_the_screen(screen: tuple[int, int], size: tuple[int, int]) -> None:
    assert first_size(*screen) == size
