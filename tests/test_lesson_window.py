"""The lessons, two trainings side by side, yesterday's price and the cells in the window."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel

from app.charts.cell_parts import cell_parts, explain, value_of
from app.charts.cell_picture import CellPicture
from app.charts.gradient import peaks
from app.charts.shapes import ShapePicture
from app.features.cells.window import ShapesWindow
from app.features.comparison.window import ComparisonWindow
from app.features.lessons.window import LessonWindow
from app.features.model.panel import ModelPanel
from app.features.training.views import DiagnosticsView, GradientView
from app.features.yesterday.window import YesterdayWindow
from app.lessons.lesson import (
    Lesson,
    LessonTraining,
    language_names,
    read_all,
    read_lesson,
)
from app.lessons.pictures import inside_part
from app.lessons.run import LessonRun, run_lesson
from app.theme import DARK
from forecasting.config import SHAPES, RunConfig
from forecasting.events import Diagnosis, EpochEnd, StepNorms
from forecasting.generators import run_to_end
from forecasting.models.gru import GruLayer
from forecasting.models.lstm import LstmLayer
from forecasting.next_bar import NextBar
from forecasting.shapes import describe


@pytest.fixture(scope="module")
def finished() -> LessonRun:
    settings = {
        "input_size": 8,
        "horizon": 1,
        "hidden_size": 3,
        "epochs": 1,
        "test_size": 60,
        "val_size": 60,
        "batch_size": 1024,
    }
    trainings = tuple(
        LessonTraining(model, model.upper(), "sample:echo", {**settings, "model": model})
        for model in ("rnn", "gru")
    )
    step = read_lesson(5).steps[0]
    own = type(step)(
        "Reach",
        "It reaches {rnn[reach]} bars.",
        "memory",
        (),
        "How far?",
        ("A", "{rnn[lookback]} at most", "C"),
        1,
        "Because.",
        "Set the lookback to 30.",
        {"input_size": 30},
    )
    last = read_lesson(5).steps[1]
    plain = type(last)("End", "Over.", "losses", (), "Done?", ("Yes", "No"), 0, "So.")
    return run_to_end(run_lesson(Lesson(1, "Tiny", "Little.", trainings, (own, plain))))


def test_a_lesson_is_gone_through_with_questions_answers_and_a_task(
    qtbot: Any, finished: LessonRun
) -> None:
    window = LessonWindow(read_all())
    qtbot.addWidget(window)
    window.set_theme(DARK)
    assert window.list.count() == 8
    with qtbot.waitSignal(window.start_requested) as started:
        window.start.click()
    assert started.args == [1]
    window.show_running(read_lesson(1))
    assert not window.start.isEnabled()
    window.show_run(finished)
    assert "{" not in window.text.text()
    assert window.picture.picture.panels
    assert [button.accessibleName() for button in window.answers] == ["A", "8 at most", "C"]
    window.answers[0].click()
    assert "Not quite" in window.feedback.text()
    window.answers[1].click()
    assert window.feedback.text() == "Right. Because."
    window.task_checked.connect(lambda step: window.show_task(step.task_done(RunConfig())))
    window.check_task.click()
    assert "Not yet" in window.task_note.text()
    window.next.click()
    assert window.title.text() == "End"
    assert window.check_task.isHidden()
    window.back.click()
    assert window.title.text() == "Reach"
    window.next.click()
    window.next.click()
    assert window.run is None
    assert window.list.currentRow() == 1


def test_the_texts_change_their_language_and_the_step_stays(
    qtbot: Any, finished: LessonRun
) -> None:
    window = LessonWindow(read_all())
    qtbot.addWidget(window)
    window.show_languages(language_names(), "en")
    window.show()
    assert window.language.isVisible()
    chosen: list[str] = []
    window.language_chosen.connect(chosen.append)
    window.language_chosen.connect(lambda code: window.show_course(read_all(code)))
    window.show_run(LessonRun(read_lesson(1), {"lstm": finished.trainings["gru"]}))
    window.next.click()
    window.language.setFocus()
    qtbot.keyClick(window.language, Qt.Key.Key_Down)
    assert chosen == ["de"]
    first = window.list.item(0).text()
    assert first == "1. Was ein Fenster und eine Prognose sind (unreviewed)"
    assert window.list.count() == 8
    assert window.title.text() == "Epoche 0 ist die Faustregel"


def test_two_trainings_stand_side_by_side_under_their_own_names(
    qtbot: Any, finished: LessonRun
) -> None:
    window = ComparisonWindow()
    qtbot.addWidget(window)
    window.show_trainings(())
    assert not window.export.isEnabled()
    window.show_trainings(tuple(finished.trainings.values()))
    assert window.export.isEnabled()
    assert [item.name for item in window.chosen] == ["RNN", "GRU"]
    titles = [panel.title for panel in window.picture.picture.panels]
    assert titles[0].startswith("RNN:")
    assert titles[1].startswith("GRU:")
    window.overlay.setChecked(True)
    loss = window.picture.picture.panels[0]
    assert [line.label for line in loss.lines] == ["RNN", "GRU"]


def copied() -> NextBar:
    truth = np.cumsum(np.random.default_rng(2).normal(size=120)) + 100
    ds = np.arange(119).astype("datetime64[D]").astype("datetime64[us]")
    return NextBar("A", ds, truth[1:], truth[:-1], truth[:-1], None)


def test_the_line_of_a_copy_is_dragged_until_it_fits(qtbot: Any) -> None:
    window = YesterdayWindow()
    qtbot.addWidget(window)
    window.resize(700, 420)
    window.show_steps([("#1 LSTM", copied())])
    window.show()
    assert "fits best moved by 1" in window.fit.text()
    window.best.click()
    assert window.chart.shift == 1
    assert "mean distance from what came 0;" in window.fit.text()
    qtbot.keyClick(window.chart, Qt.Key.Key_Right)
    assert window.chart.shift == 0
    bar = window.chart.width() / window.chart.bars
    for kind, x, buttons in (
        (QEvent.Type.MouseButtonPress, 300.0, Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseMove, 300.0 - 2 * bar, Qt.MouseButton.LeftButton),
        (QEvent.Type.MouseButtonRelease, 300.0 - 2 * bar, Qt.MouseButton.NoButton),
    ):
        spot = QPointF(x, 80.0)
        event = QMouseEvent(
            kind, spot, spot, Qt.MouseButton.LeftButton, buttons, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(window.chart, event)
    assert window.chart.shift == 2
    assert window.slider.value() == 2
    before = window.chart.bars
    window.chart.zoom(0.5)
    assert window.chart.bars < before
    window.chart.travel(30)


def epoch(number: int, **more: Any) -> EpochEnd:
    return EpochEnd(number, 3, 0.3, 0.3, 0, 0.3, 0.01, 0.4, 0.0, 1.0, 0.4, **more)


def steps(number: int, values: list[float], clipping: bool) -> StepNorms:
    norms = np.array(values)
    limit = 1.0 if clipping else math.nan
    after = np.minimum(norms, limit) if clipping else norms
    return StepNorms(
        number, norms, after, limit, clipping, ("layer 1", "head"), np.c_[norms, norms]
    )


def test_the_gradient_of_every_step_is_shown_with_its_peak(qtbot: Any) -> None:
    view = GradientView()
    qtbot.addWidget(view)
    view.show_steps((steps(1, [0.1, 2000.0], False), steps(2, [0.1], False)))
    view.show_history((epoch(0), epoch(1), epoch(2)))
    view.chart.refresh()
    shown = " ".join(label.text() for label in view.findChildren(QLabel))
    assert "2e+03, epoch 1" in shown
    assert "clipping is off" in shown
    assert view.log.isChecked()
    view.layers.setChecked(True)
    view.chart.refresh()
    view.show_steps((steps(1, [0.1, 2000.0], True),))
    assert view.chart.clipping


def test_a_line_of_many_steps_keeps_its_peaks() -> None:
    y = np.ones(100_000)
    y[54_321] = 7.0
    x, found = peaks(np.arange(100_000.0), y)
    assert len(x) == len(found) <= 3000
    assert found.max() == 7.0


def test_the_doctor_lists_causes_first(qtbot: Any) -> None:
    view = DiagnosticsView()
    qtbot.addWidget(view)
    view.show_advice(
        [
            Diagnosis("vanishing", "memory", rank=3),
            Diagnosis("learning-rate", "rate", rank=0),
            Diagnosis("longer", "more"),
        ]
    )
    assert [view.item(row).text() for row in range(3)] == ["rate", "memory", "more"]
    assert view.selected is not None
    assert view.selected.topic == "learning-rate"


def test_a_shape_is_chosen_from_the_strip_and_own_values_come_back(qtbot: Any) -> None:
    panel = ModelPanel()
    qtbot.addWidget(panel)
    panel.show_config(RunConfig().changed(input_size=80, horizon=1))
    strip = ShapesWindow({name: name for name in SHAPES})
    qtbot.addWidget(strip)
    strip.show_shapes(
        {name: describe(RunConfig().changed(shape=name)) for name in SHAPES}, "many-to-one"
    )
    strip.chosen.connect(panel.choose_shape)
    qtbot.keyClick(strip.pictures["encoder-decoder"], Qt.Key.Key_Return)
    assert panel.config().model.shape == "encoder-decoder"
    assert panel.config().task.horizon > 1
    qtbot.mouseClick(strip.pictures["many-to-one"], Qt.MouseButton.LeftButton)
    assert (panel.config().task.input_size, panel.config().task.horizon) == (80, 1)


def test_members_and_embedding_are_in_the_picture_of_the_network(qtbot: Any) -> None:
    diagram = describe(RunConfig().changed(members=3, embedding=4, layers=2))
    assert diagram.members == 3
    assert any(cell.label == "t + series" for cell in diagram.cells)
    assert "3 such networks" in diagram.sentence
    assert "4 learned numbers" in diagram.sentence
    picture = ShapePicture()
    qtbot.addWidget(picture)
    picture.resize(300, 150)
    picture.show_diagram(diagram)
    assert not picture.grab().isNull()


@pytest.mark.parametrize("model", ["rnn", "lstm", "gru", "transformer"])
def test_every_part_of_a_cell_says_what_it_is(model: str, qtbot: Any) -> None:
    config = RunConfig().changed(model=model, conv_kernel=5)
    parts = cell_parts(config.model)
    names = {part.name for part in parts}
    assert len(names) == len(parts)
    assert {name for part in parts for name in part.feeds} <= names
    assert {"input", "state", "output"} <= names, "what the network's picture leads to"
    layer = {"lstm": LstmLayer, "gru": GruLayer}.get(model)
    assert {part.gate for part in parts if part.gate} == set(layer.gates if layer else ())
    assert "5 bars at a time" in explain(parts[0], None, None)
    picture = CellPicture()
    qtbot.addWidget(picture)
    picture.resize(600, 300)
    picture.show_parts(parts, {}, "state")
    boxes = [picture.box(part.name) for part in parts]
    assert all(picture.rect().toRectF().contains(box) for box in boxes)
    for index, box in enumerate(boxes):
        assert not any(box.intersects(other) for other in boxes[index + 1 :])
        with qtbot.waitSignal(picture.chosen) as chosen:
            qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=box.center().toPoint())
        assert chosen.args == [parts[index].name]
    with qtbot.waitSignal(picture.chosen) as chosen:
        qtbot.keyClick(picture, Qt.Key.Key_Right)
    assert chosen.args[0] in names
    assert "is chosen" in picture.accessibleDescription()


def test_a_gate_tells_its_mean_opening_and_draws_its_own_line(finished: LessonRun) -> None:
    training = finished.trainings["gru"]
    update = next(part for part in cell_parts(training.config.model) if part.gate == "update")
    assert training.cells is not None
    opening = training.cells.mean_opening("update")
    assert f"{opening:.2f} at epoch" in explain(update, training.cells, training.untrained)
    assert value_of(update, training.cells) == f"{opening:.2f} open"
    (panel,) = inside_part(training, update).panels
    assert {line.label for line in panel.lines} == {"update, untrained", "update, trained"}
    assert "Train a network" in explain(update, None, None)


def test_a_box_of_the_networks_picture_tells_what_it_is(qtbot: Any) -> None:
    picture = ShapePicture()
    qtbot.addWidget(picture)
    picture.resize(300, 150)
    picture.show_diagram(describe(RunConfig()))
    kinds: list[str] = []
    picture.cell_clicked.connect(kinds.append)
    for at in ((150, 25), (40, 75), (260, 75), (40, 125)):
        qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPoint(*at))
    assert set(kinds) >= {"state", "input"}
