"""Every lesson on a real desktop, from one click to its last step, on the screen of a projector."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hands
import pytest
from hands import activated, assert_alive, click, picture, press_keys, settled, started, wait_until
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QScrollArea

from app.features.lessons.window import LessonWindow
from app.lessons.lesson import lesson_numbers
from app.window.workbench import Workbench

#: Longest wait for the trainings of a lesson on a busy machine.
_LONG_S = 900.0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Return one window at the size of a projector, with settings of its own."""
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANDLECAST_HOME", str(folder))
        QApplication.instance() or QApplication([])
        with started(folder / "home", "sample:wti", size=(1280, 690), engine=True) as bench:
            bench.model.show_config(bench.model.config().changed(input_size=44, epochs=3))
            yield bench
            bench.session.unsaved = False


def long_wait(condition: Callable[[], object], what: str) -> None:
    """Wait as long as trainings take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hands, "PATIENCE_S", _LONG_S)
        wait_until(condition, what)


def opened(bench: Workbench) -> LessonWindow:
    """Open the lessons by their keys."""
    activated(bench.window)
    press_keys("ctrl+shift+e")
    feature = bench.features["lessons"]
    wait_until(lambda: feature.shown is not None and feature.shown.isVisible(), "lessons are shown")
    window: LessonWindow = feature.shown
    return window


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", lesson_numbers())
def test_a_lesson_from_one_click_to_its_last_step(bench: Workbench, number: int) -> None:
    window = opened(bench)
    window.resize(1240, 660)
    row = window.list.item(number - 1)
    click(window.list.viewport(), window.list.visualItemRect(row).center())
    wait_until(lambda: window.list.currentRow() == number - 1, "the lesson is chosen")
    click(window.start)
    long_wait(lambda: window.run is not None, "its trainings have run")
    run = window.run
    assert run is not None
    first = run.lesson.trainings[0].config
    assert bench.model.config() == first, "all fields are set"
    assert bench.session.row is not None
    assert bench.session.row.request.reference == run.lesson.sample
    for place, step in enumerate(run.lesson.steps):
        wait_until(lambda step=step: window.step is step, "the step is shown")
        for theme in ("light", "dark") if number % 2 else ("dark", "light"):
            bench.set_theme(theme)
            picture(window, f"lesson-{number}-{place + 1}-{theme}")
        assert "{" not in window.text.text()
        button = window.answers[step.right]
        click(button, QPoint(8, button.height() // 2))
        wait_until(lambda: window.feedback.text().startswith("Right."), "the answer is right")
        picture(window, f"lesson-{number}-{place + 1}-answered")
        if step.task:
            bench.model.show_config(bench.model.config().changed(**dict(step.settings or {})))
            click(window.check_task)
            wait_until(lambda: window.task_note.text() == "Done.", "the task is done")
        if place + 1 < len(run.lesson.steps):
            click(window.next)
    press_keys("Escape")
    wait_until(lambda: bench.features["lessons"].shown is None, "the lessons are closed")
    assert bench.model.config().task.input_size == 44, "own settings are back"
    wait_until(lambda: bench.session.state == "idle", "nothing runs")
    assert [row.symbol for row in bench.session.watchlist.rows] == ["wti"]
    settled(bench)
    activated(bench.window)
    assert_alive(bench)


def test_the_lessons_open_and_close_and_leave_the_window_alone(bench: Workbench) -> None:
    window = opened(bench)
    picture(window, "lessons")
    press_keys("Escape")
    wait_until(lambda: bench.features["lessons"].shown is None, "the lessons are closed")
    activated(bench.window)
    assert_alive(bench)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_cell_opens_box_by_box(bench: Workbench, theme: str) -> None:
    bench.set_theme(theme)
    bench.model.show_config(
        bench.model.config().changed(model="lstm", epochs=2, hidden_size=4, input_size=20)
    )
    if bench.session.finished is None:
        press_keys("ctrl+t")
        wait_until(lambda: bench.session.finished is not None, "the network is trained")
        settled(bench)
    activated(bench.window)
    bench.layout.presets.open("model")
    picture_of_network = bench.model.picture
    area = picture_of_network.parentWidget()
    while not isinstance(area, QScrollArea):
        area = area.parentWidget()
    area.ensureWidgetVisible(picture_of_network)
    settled(bench)
    boxes = picture_of_network.cell_boxes("state")
    click(picture_of_network, boxes[0].center().toPoint())
    feature = bench.features["cells"]
    wait_until(lambda: feature.shown is not None and feature.shown.isVisible(), "the cell is open")
    window = feature.shown
    activated(window)
    wait_until(lambda: window.cell.part is not None, "the state is explained")
    assert window.explanation.text().startswith("State: ")
    picture(window, f"cell-state-{theme}")
    click(window.cell, window.cell.box("forget gate").center().toPoint())
    wait_until(lambda: "Open on average" in window.explanation.text(), "so is the gate")
    picture(window, f"cell-forget-{theme}")
    press_keys("Right")
    wait_until(lambda: window.explanation.text().startswith("New value"), "keys go on")
    click(window.all)
    wait_until(lambda: window.cell.part is None, "all parts are shown again")
    picture(window, f"cell-all-{theme}")
    press_keys("Escape")
    wait_until(lambda: not window.isVisible(), "the cell is closed")
    assert_alive(bench)
