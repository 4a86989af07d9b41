"""From the first start to an exported forecast of one's own prices: how many clicks it takes,
and without a mouse.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import (
    answered,
    assert_alive,
    button_of,
    click,
    counted_clicks,
    dialog_shown,
    gone,
    picture,
    press_keys,
    started,
    type_text,
    wait_until,
)
from PySide6.QtWidgets import QListView, QToolBar, QTreeView, QWidget
from window_bench import price_file

from app.window.workbench import Workbench

#: Most clicks that the way may take.
MOST_CLICKS = 8


@pytest.fixture
def bench(tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """Return a window at its first start, in a folder that holds nothing but a file of the
    user's own.
    """
    documents = tmp_path / "documents"
    documents.mkdir()
    price_file(documents / "mine.csv", 400)
    monkeypatch.chdir(documents)
    monkeypatch.setenv("HOME", str(documents))
    with started(tmp_path / "home", size=None, toured=False, engine=True) as bench:
        wait_until(bench.help_controller.tour.card.isVisible, "the tour begins")
        yield bench
        bench.session.unsaved = False


def is_trained(bench: Workbench) -> bool:
    return (
        bench.session.finished is not None
        and bench.session.state == "idle"
        and bench.session.threads == 0
    )


def toolbar_button(bench: Workbench, name: str) -> QWidget:
    bar = bench.window.findChild(QToolBar, "toolbar")
    assert bar is not None
    button = bar.widgetForAction(bench.actions[name])
    assert button is not None
    return button


def choose_by_mouse(dialog: QWidget, name: str) -> None:
    """Click a file in a dialog of Qt's and then Open."""
    views = [
        view
        for kind in (QTreeView, QListView)
        for view in dialog.findChildren(kind)
        if view.objectName() in ("treeView", "listView")
    ]
    view = next(view for view in views if view.isVisible())

    def row() -> int | None:
        names = (
            view.model().index(index, 0, view.rootIndex()).data()
            for index in range(view.model().rowCount(view.rootIndex()))
        )
        return next((index for index, found in enumerate(names) if found == name), None)

    wait_until(lambda: row() is not None, f"{name} is listed")
    index = row()
    assert index is not None
    click(view.viewport(), view.visualRect(view.model().index(index, 0, view.rootIndex())).center())
    click(button_of(dialog, "Open"))


def test_an_exported_forecast_of_ones_own_prices_takes_eight_clicks_and_no_typing(
    bench: Workbench, record_property: pytest.RecordProperty
) -> None:
    started = time.monotonic()
    with counted_clicks() as clicks:
        card = bench.help_controller.tour.card
        click(card.skip)
        wait_until(lambda: not card.isVisible(), "the tour ends")
        answered(
            lambda: click(toolbar_button(bench, "open")),
            lambda dialog: choose_by_mouse(dialog, "mine.csv"),
        )
        wait_until(
            lambda: bench.session.series is not None and bench.session.series.symbol == "mine",
            "the file is loaded",
        )
        wait_until(bench.model.train_button.isEnabled, "it can be trained")
        click(bench.model.train_button)
        wait_until(lambda: is_trained(bench), "the network is trained")
        click(toolbar_button(bench, "export"))
        dialog = dialog_shown()
        picture(dialog, "happy-path-export")
        answered(
            lambda: click(button_of(dialog, "Export…")),
            lambda box: click(button_of(box, "Save")),
            beyond=dialog,
        )
        wait_until(lambda: list(Path.cwd().glob("*.png")), "the picture is written")
    record_property("clicks", len(clicks))
    record_property("seconds", round(time.monotonic() - started, 1))
    print(
        f"{len(clicks)} clicks, {time.monotonic() - started:.1f} s from the first start to the "
        "exported forecast"
    )
    assert len(clicks) <= MOST_CLICKS
    wait_until(gone(dialog), "the dialog closes")
    picture(bench, "happy-path")
    assert_alive(bench)


def test_an_exported_forecast_of_ones_own_prices_needs_no_mouse(bench: Workbench) -> None:
    def name_it(_dialog: QWidget) -> None:
        type_text("mine.csv")
        press_keys("Return")

    press_keys("Escape")
    wait_until(lambda: not bench.help_controller.tour.card.isVisible(), "the tour ends")
    answered(lambda: press_keys("ctrl+o"), name_it)
    wait_until(
        lambda: bench.session.series is not None and bench.session.series.symbol == "mine",
        "the file is loaded",
    )
    wait_until(bench.model.train_button.isEnabled, "it can be trained")
    press_keys("ctrl+t")
    wait_until(lambda: is_trained(bench), "the network is trained")
    press_keys("ctrl+e")
    dialog = dialog_shown()
    answered(lambda: press_keys("Return"), lambda _box: press_keys("Return"), beyond=dialog)
    wait_until(lambda: list(Path.cwd().glob("*.png")), "the picture is written")
    wait_until(gone(dialog), "the dialog closes")
    assert_alive(bench)


def test_every_control_that_can_be_used_is_reached_by_tab(bench: Workbench) -> None:
    press_keys("Escape")
    wait_until(lambda: not bench.help_controller.tour.card.isVisible(), "the tour ends")
    bench.actions.ticker_field.setFocus()
    seen: list[QWidget] = []
    for _ in range(120):
        now = bench.window.focusWidget()
        assert now is not None
        if now in seen:
            break
        assert not now.visibleRegion().isEmpty(), (
            f"{now.accessibleName() or now.objectName()} has the focus and cannot be seen"
        )
        seen.append(now)
        press_keys("Tab")
        wait_until(lambda now=now: bench.window.focusWidget() is not now, "Tab goes on")  # type: ignore[misc]
    names = {widget.accessibleName() or widget.objectName() for widget in seen}
    assert bench.model.train_button in seen, names
    assert bench.chart in seen or any(bench.chart.isAncestorOf(item) for item in seen), names
