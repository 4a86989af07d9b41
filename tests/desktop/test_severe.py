"""What once made the window useless on a real desktop: each journey here was red before its
mend.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hands import (
    activated,
    assert_alive,
    click,
    dialog_shown,
    gone,
    maximised,
    painted,
    picture,
    press_keys,
    resized,
    settled,
    started,
    type_text,
    wait_until,
)
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QWidget
from window_bench import price_file

from app.features.help.command_palette import Palette
from app.window.workbench import Workbench

#: Most pixels by which a size may differ after a restart: rounding of shares, no more.
_CLOSE = 3


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Return a file of 400 daily bars."""
    return price_file(tmp_path / "AAA.csv", 400)


def opened(bench: Workbench) -> Palette:
    """Open the command palette by its keys."""
    press_keys("ctrl+k")
    palette = dialog_shown(Palette)
    assert isinstance(palette, Palette)
    return palette


def test_the_window_takes_clicks_and_letters_after_the_command_palette(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    def escape(_palette: Palette) -> None:
        press_keys("Escape")

    def choose(palette: Palette) -> None:
        type_text("logarithmic")
        wait_until(
            lambda: palette.found and palette.found[0].text == "Logarithmic scale", "it is found"
        )
        press_keys("Return")

    def choose_by_mouse(palette: Palette) -> None:
        type_text("percent")
        wait_until(
            lambda: palette.found and palette.found[0].text == "Percent scale", "it is found"
        )
        click(palette.list.viewport(), palette.list.visualItemRect(palette.list.item(0)).center())

    def click_outside(palette: Palette) -> None:
        window = palette.parentWidget()
        click(window, QPoint(window.width() // 2, window.height() - 8))

    ways: tuple[Callable[[Palette], None], ...] = (escape, choose, choose_by_mouse, click_outside)
    with started(tmp_path / "home", prices) as bench:
        assert_alive(bench)
        for way in ways:
            palette = opened(bench)
            closings: list[int] = []
            palette.finished.connect(closings.append)
            picture(bench, f"palette-{way.__name__}")
            way(palette)
            wait_until(gone(palette), f"the palette closes after {way.__name__}")
            assert_alive(bench)
            # Closed once more in the midst of hiding, a modal palette left the window dead.
            chosen = way in (choose, choose_by_mouse)
            assert closings == [int(chosen)], f"it closes once after {way.__name__}"
        assert bench.actions["scale-percent"].isChecked()


def sizes(bench: Workbench) -> dict[str, tuple[int, int]]:
    """Return width and height of the chart and of every dock that is seen."""
    seen: dict[str, QWidget] = {"chart": bench.chart, **bench.layout.docks}
    return {
        name: (part.width(), part.height())
        for name, part in seen.items()
        if not part.visibleRegion().isEmpty()
    }


def changes(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> dict[str, object]:
    """Return what has another size than before, or is seen where it was not."""
    names = before.keys() | after.keys()
    pairs = {name: (before.get(name, (0, 0)), after.get(name, (0, 0))) for name in names}
    return {
        name: pair
        for name, pair in pairs.items()
        if any(abs(a - b) > _CLOSE for a, b in zip(*pair, strict=True))
    }


@pytest.mark.parametrize("is_maximised", [True, False], ids=["maximised", "normal"])
def test_a_restart_keeps_the_sizes_of_chart_and_docks(
    tmp_path: Path, qapp: object, prices: str, is_maximised: bool
) -> None:
    with started(tmp_path / "home", prices) as bench:
        if is_maximised:
            maximised(bench)
        else:
            resized(bench, 1400, 900)
        bench.window.resizeDocks([bench.layout.docks["model"]], [430], Qt.Orientation.Horizontal)
        settled(bench)
        first, whole = sizes(bench), bench.window.size()
    for again in range(2):
        with started(tmp_path / "home", prices, size=None) as bench:
            wait_until(
                lambda bench=bench: bench.window.size() == whole, "the window comes back as it was"
            )  # type: ignore[misc]
            assert bench.window.isMaximized() == is_maximised
            wait_until(
                lambda bench=bench: not changes(first, sizes(bench)),  # type: ignore[misc]
                f"restart {again + 1} keeps the sizes: {changes(first, sizes(bench))}",
            )
            picture(bench, f"restart-{'maximised' if is_maximised else 'normal'}-{again + 1}")
            assert_alive(bench)
    if not is_maximised:  # as from a window manager that grants the size after the first paint
        with started(tmp_path / "home", prices, size=(1000, 700)) as bench:
            resized(bench, whole.width(), whole.height())
            wait_until(
                lambda: not changes(first, sizes(bench)),
                f"a size that is granted late keeps them too: {changes(first, sizes(bench))}",
            )


def test_the_state_of_an_older_version_opens_with_a_chart_that_can_be_read(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices) as bench:
        maximised(bench)
        first, whole = sizes(bench), bench.window.size()
        # That version kept no shares.
        bench.layout.remember = lambda preferences: preferences.keep_bytes(
            "state", bench.layout.presets.state()
        )  # type: ignore[method-assign]
    with started(tmp_path / "home", prices, size=None) as bench:
        assert not bench.preferences.docks
        wait_until(lambda: bench.window.size() == whole, "the window comes back as it was")
        wait_until(
            lambda: not changes(first, sizes(bench)),
            f"and so do its docks: {changes(first, sizes(bench))}",
        )


def test_a_forecast_can_be_exported_after_a_row_that_is_not_loaded(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    other = Path(price_file(tmp_path / "BBB.csv", 400, seed=1))
    with started(tmp_path / "home", prices, str(other)) as bench:
        bench.session.check_only(0)
    other.unlink()
    with started(tmp_path / "home", size=None) as bench:
        names = ("export", "copy", "fit")
        rows = bench.data.list
        press_keys("ctrl+1")
        wait_until(lambda: not rows.visibleRegion().isEmpty(), "the data are in front")

        def click_row(position: int) -> None:
            index = rows.model().index(position, 0)
            click(rows.viewport(), rows.visualRect(index).center())
            wait_until(lambda: bench.session.selected == position, f"row {position} is chosen")

        assert all(bench.actions[name].isEnabled() for name in names)
        click_row(1)
        wait_until(
            lambda: bench.session.row is not None and bench.session.row.problem,
            "the row says that its file is gone",
        )
        assert not any(bench.actions[name].isEnabled() for name in names)
        click_row(0)
        assert bench.session.series is not None
        assert all(bench.actions[name].isEnabled() for name in names)
        press_keys("ctrl+e")
        dialog = dialog_shown()
        press_keys("Escape")
        wait_until(gone(dialog), "the export dialog closes")
        assert_alive(bench)


def test_the_tour_lies_above_everything_at_the_first_start(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices, toured=False) as bench:
        card = bench.help_controller.tour.card
        wait_until(card.isVisible, "the tour begins")
        step = 0
        while card.isVisible():
            step += 1
            picture(bench, f"tour-{step}")
            count = card.next.accessibleDescription()
            click(card.next)
            wait_until(
                lambda count=count: (
                    not card.isVisible() or card.next.accessibleDescription() != count
                ),  # type: ignore[misc]
                f"Next goes on from card {step}",
            )
        assert step >= len(bench.help_controller.tour._steps) - 1, "own prices take the first step"
        assert bench.preferences.toured
        assert_alive(bench)


def test_whatever_is_raised_later_stays_below_the_tour(
    tmp_path: Path, qapp: object, prices: str
) -> None:
    with started(tmp_path / "home", prices, toured=False) as bench:
        card = bench.help_controller.tour.card
        wait_until(card.isVisible, "the tour begins")
        cover = QWidget(bench.window)
        cover.setGeometry(bench.window.rect())
        cover.show()
        count = card.next.accessibleDescription()
        click(card.next)
        wait_until(
            lambda: card.next.accessibleDescription() != count, "Next is clicked through what came"
        )
        painted(bench.window)  # and whatever else has come with the next step
        cover.raise_()
        bench.window.centralWidget().raise_()
        click(card.skip)
        wait_until(lambda: not card.isVisible(), "Skip is clicked through whatever was raised")
        cover.deleteLater()


def test_every_list_of_choices_opens_whole(tmp_path: Path, qapp: object, prices: str) -> None:
    with started(tmp_path / "home", prices, size=(1600, 1100)) as bench:
        press_keys("ctrl+1")
        wait_until(lambda: not bench.data.visibleRegion().isEmpty(), "the data are in front")
        seen = 0
        for box in bench.window.findChildren(QComboBox):
            if box.visibleRegion().isEmpty() or not box.isEnabled() or not box.count():
                continue
            seen += 1
            whole_list_opens(box)
            activated(bench.window)
        assert seen >= 2
        assert_alive(bench)


def whole_list_opens(box: QWidget) -> None:
    """Click a combo box and see every entry, or the last one after End where the list scrolls."""
    assert isinstance(box, QComboBox)
    name = box.accessibleName() or box.objectName()
    click(box, QPoint(box.width() - 12, box.height() // 2))
    view = box.view()
    wait_until(view.isVisible, f"the list of {name} opens")
    press_keys("End")
    last = view.model().index(box.count() - 1, box.modelColumn())
    inside = view.viewport().rect()
    wait_until(
        lambda: inside.contains(view.visualRect(last)), f"the last entry of {name} is seen whole"
    )
    if box.count() <= box.maxVisibleItems():
        assert inside.contains(view.visualRect(view.model().index(0, box.modelColumn()))), (
            f"all of {name} is seen at once"
        )
    picture(view.window(), f"choices-{box.objectName() or name}")
    press_keys("Escape")
    wait_until(lambda: not view.isVisible(), f"the list of {name} closes")
