"""What is seen at a first start, and what the presets of the layout make of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hands import assert_alive, assert_sound, painted, press_keys, resized, started, wait_until
from PySide6.QtWidgets import QWidget
from window_bench import price_file

from app.window.workbench import Workbench


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Return a file of 400 daily bars."""
    return price_file(tmp_path / "AAA.csv", 400)


def seen_whole(widget: QWidget) -> bool:
    """Whether all of a widget can be seen."""
    return widget.visibleRegion().boundingRect() == widget.rect()


def lower_seen(bench: Workbench) -> list[str]:
    """Return the docks below the chart of which something can be seen."""
    return [
        name
        for name in bench.layout.presets.lower
        if not bench.layout.docks[name].visibleRegion().isEmpty()
    ]


@pytest.mark.parametrize("size", [(1280, 820), (1024, 700)], ids=["1280x820", "1024x700"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_people_come_for_is_seen_without_scrolling(
    tmp_path: Path, qapp: object, prices: str, size: tuple[int, int], theme: str
) -> None:
    with started(tmp_path / "home", prices, size=size) as bench:
        bench.set_theme(theme)
        painted(bench.window)
        fields = bench.model.forms["model"].fields | bench.model.forms["task"].fields
        for part in (
            fields["model"],
            fields["input_size"],
            fields["horizon"],
            bench.model.train_button,
            bench.model.stop_button,
        ):
            assert seen_whole(part), part.objectName()
        assert lower_seen(bench) == []
        assert bench.chart.height() > 0.7 * bench.window.height()
        assert_sound(bench.window, f"first-{size[0]}x{size[1]}-{theme}")
        assert_alive(bench)


def test_presets_of_the_layout_are_chosen_by_keys_and_kept(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    fronts = {"ctrl+1": [], "ctrl+2": ["training"], "ctrl+3": ["results"]}
    with started(tmp_path / "home", prices) as bench:
        for size in ((1280, 820), (1024, 700)):
            resized(bench, *size)
            for keys in ("ctrl+2", "ctrl+3", "ctrl+1", "ctrl+3", "ctrl+2"):
                press_keys(keys)
                wait_until(
                    lambda keys=keys: lower_seen(bench) == fronts[keys],
                    f"{keys} arranges the panels",
                )  # type: ignore[misc]
                assert_sound(bench.window, f"layout-{keys[-1]}-{size[0]}x{size[1]}")
        press_keys("ctrl+3")
        wait_until(lambda: lower_seen(bench) == ["results"], "the results are in front")
        assert bench.actions["layout-judge"].isChecked()
        assert_alive(bench)
    with started(tmp_path / "home", prices, size=None) as bench:
        wait_until(lambda: lower_seen(bench) == ["results"], "the layout comes back")
        assert bench.actions["layout-judge"].isChecked()
