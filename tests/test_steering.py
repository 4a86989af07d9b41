"""Steering a training in the real window: pause, replay, gradients, longer, and taking up one
that was cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QLabel
from window_bench import price_file, rested, texts, wait

from app import theme
from app.preferences import Preferences
from app.window import MainWindow
from app.window.workbench import Workbench
from forecasting.config import RunConfig
from forecasting.events import EpochEnd
from forecasting.series import Panel

TINY = RunConfig().changed(
    model="rnn", hidden_size=4, input_size=10, horizon=3, epochs=3, batch_size=128, seed=1
)
ENDLESS = TINY.changed(epochs=100_000, patience=100_000)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return price_file(tmp_path_factory.mktemp("prices") / "walk.csv", bars=300)


@pytest.fixture(scope="module")
def bench(
    qapp: QApplication, prices: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """One window for all tests, each of which leaves it at rest."""
    theme.apply(qapp, theme.LIGHT)
    window = MainWindow(
        Preferences(tmp_path_factory.mktemp("settings") / "preferences.json"), [prices]
    )
    window.resize(1024, 700)
    window.show()
    item = window.furnish()
    wait(
        lambda: (
            item.session.engine is not None
            and item.session.panel is not None
            and item.session.threads == 0
        ),
        60,
    )
    item.model.show_config(TINY)
    yield item
    item.session.close(60_000)
    item.session.unsaved = False
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def idle(bench: Workbench) -> Callable[[], bool]:
    return lambda: bench.session.state == "idle" and bench.session.threads == 0


def trained(bench: Workbench, config: RunConfig) -> None:
    bench.model.show_config(config)
    bench.actions["train"].trigger()
    wait(idle(bench), 60)
    assert bench.session.finished is not None


def cut_short(panel: Panel) -> Path:
    """Leave the file of a training that was killed after its first epoch."""
    from forecasting import jobs

    path = jobs.autosave_path(panel, TINY)
    seen: list[EpochEnd] = []
    asked: list[bool] = []

    def pause_once() -> bool:
        asked.extend([True] * (len(seen) == 2))
        return len(asked) == 1

    training = jobs.train(panel, TINY, should_pause=pause_once, autosave=path)
    for event in training:
        if isinstance(event, EpochEnd):
            seen.append(event)
        if path.exists():
            break
    saved = path.read_bytes()
    training.close()  # type: ignore[attr-defined]
    path.write_bytes(saved)
    return path


@pytest.mark.slow
def test_a_training_in_the_open(qtbot: Any, bench: Workbench) -> None:
    """One training after the other in one window: each step shows what a person would look for."""
    panel, slider = bench.training, bench.training.scrubber.slider
    # Pause and go on, by key and by button.
    bench.model.show_config(ENDLESS)
    bench.actions["train"].trigger()
    wait(lambda: len(bench.session.history) > 3, 60)
    assert slider.value() == slider.maximum()
    bench.actions["pause"].trigger()
    wait(lambda: bench.session.progress is not None and bench.session.progress.message == "Paused")
    assert "Paused" in texts(panel)
    assert "Paused" in texts(bench.window.statusBar())
    before = len(bench.session.history)
    qtbot.wait(150)
    assert len(bench.session.history) == before
    # What the user has dragged stays; the view is not touched.
    wait(lambda: slider.maximum() == before - 1)
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert panel.scrubber.place == 0
    view = bench.chart.shown_bars
    qtbot.mouseClick(panel._pause, Qt.MouseButton.LeftButton)
    wait(lambda: len(bench.session.history) > before + 2)
    bench.chart.refresh()
    assert panel.scrubber.place == 0
    assert bench.chart.forecasts.forecast is not None
    assert bench.chart.forecasts.forecast.model.endswith("epoch 0")
    assert bench.chart.shown_bars == view
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert panel.scrubber.place is None
    bench.actions["stop"].trigger()
    wait(idle(bench), 60)
    assert slider.maximum() == len(bench.session.seen.replay) - 1
    assert "Final forecast" in texts(panel.scrubber)
    # Memory: its own map, and beside it that of the run before.
    assert panel.memory.compare.count() == 1
    trained(bench, TINY.changed(model="lstm"))
    assert [trace.name for trace in panel.memory.chart._traces] == ["#2 LSTM", "#1 RNN"]
    panel.show_view(2)
    qtbot.mouseClick(panel.memory.curves, Qt.MouseButton.LeftButton)
    wait(lambda: not panel.memory.chart._dirty)
    assert [entry.label for entry in panel.memory.chart._legend.entries][:2] == [
        "#2 LSTM",
        "#1 RNN",
    ]
    # Longer: as many epochs more as the form says.
    assert [epoch.epoch for epoch in bench.session.history] == [0, 1, 2, 3]
    first = bench.session.history[3].val_loss
    qtbot.mouseClick(panel._longer, Qt.MouseButton.LeftButton)
    wait(idle(bench), 60)
    assert [epoch.epoch for epoch in bench.session.history] == [0, 1, 2, 3, 4, 5, 6]
    assert bench.session.history[3].val_loss == first
    # A cancelled run leaves the gradients and the replay of the one before it.
    bench.model.show_config(ENDLESS)
    bench.actions["train"].trigger()
    wait(lambda: len(bench.session.history) > 3)
    bench.actions["cancel"].trigger()
    wait(idle(bench))
    assert slider.maximum() == 7
    assert panel.memory.chart._traces[0].name == "#3 LSTM"


@pytest.mark.slow
def test_a_learning_rate_is_found_and_taken_over(qtbot: Any, bench: Workbench) -> None:
    bench.model.show_config(TINY)

    def weights() -> str:
        return next(
            (
                label.text().split()[0]
                for label in bench.model.findChildren(QLabel)
                if " weights · " in label.text()
            ),
            "",
        )

    rested(bench)  # until then the cost of the settings before is shown
    small = weights()
    assert small
    bench.model.show_config(TINY.changed(hidden_size=40))
    wait(lambda: weights() != small)
    bench.model.history.undo()
    wait(lambda: weights() == small)
    qtbot.mouseClick(bench.model.rate_button, Qt.MouseButton.LeftButton)
    assert bench.session.state == "searching"
    assert not bench.model.train_button.isEnabled()
    wait(lambda: bench.training_controller._rates is not None and bench.session.state == "idle")
    dialog = bench.training_controller._rates
    assert dialog is not None
    rate = dialog.chart.rate
    qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    assert bench.model.config().train.learning_rate == rate
    bench.actions["undo"].trigger()
    assert bench.model.config().train.learning_rate == TINY.train.learning_rate
    wait(idle(bench))


@pytest.mark.slow
def test_one_that_was_cut_short_is_offered_and_goes_on(
    qtbot: Any, bench: Workbench, prices: str
) -> None:
    from forecasting import jobs

    panel = bench.session.panel
    assert panel is not None
    whole = [event.val_loss for event in jobs.train(panel, TINY) if isinstance(event, EpochEnd)]
    path = cut_short(panel)
    saved = path.read_bytes()
    offer = bench.layout.resume
    assert offer.text == ""
    bench.training_controller.start()
    wait(lambda: bool(offer.text))
    assert "walk (RNN, epoch 1 of 3)" in offer.text
    bench.load(["sample:wti"])
    wait(idle(bench))
    assert offer.isVisible()
    qtbot.mouseClick(offer.accept, Qt.MouseButton.LeftButton)
    wait(lambda: bench.session.finished is not None and bench.session.state == "idle", 60)
    assert offer.text == ""
    assert bench.session.panel is not None
    assert bench.session.panel.symbols == ("walk",)
    assert [epoch.val_loss for epoch in bench.session.history] == whole
    assert not path.exists()
    # Discard takes the file away for good.
    path.write_bytes(saved)
    bench.training_controller.start()
    wait(lambda: bool(offer.text))
    qtbot.mouseClick(offer.discard, Qt.MouseButton.LeftButton)
    assert offer.text == ""
    assert not path.exists()
    wait(idle(bench))
