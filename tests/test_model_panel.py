"""The model form as a person uses it: presets, undo by key, fields that come and go, shapes that
bring what they need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMainWindow, QSpinBox

from app.charts.learning_rate import LearningRateChart
from app.features.model.panel import PRESETS, ModelPanel
from app.features.training.learning_rate_dialog import LearningRateDialog
from app.theme import DARK, LIGHT
from app.widgets.form_builder import ChoiceButtons
from forecasting.config import GROUPS, SHAPES, RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import CostEstimated, LearningRatesTried
from forecasting.series import Panel, PriceSeries


@pytest.fixture(scope="module")
def shared(qapp: QApplication) -> Iterator[ModelPanel]:
    window = QMainWindow()
    item = ModelPanel()
    item.show_running(running=False, stopping=False, ready=True)
    window.setCentralWidget(item)
    for keys, do in (("Ctrl+Z", item.history.undo), ("Ctrl+Y", item.history.redo)):
        action = QAction(keys, window)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(do)
        window.addAction(action)
    window.show()
    yield item
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def panel(shared: ModelPanel) -> ModelPanel:
    """The panel as a start shows it."""
    shared.set_theme(LIGHT)
    shared.suit(None)
    shared.show_config(RunConfig())
    for form in shared.forms.values():
        form.show_advanced(False)
    shared.history.forget("settings")
    shared.window().resize(320, 700)
    return shared


def choose(panel: ModelPanel, group: str, name: str, value: Any) -> None:
    field = panel.forms[group].fields[name]
    if isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, ChoiceButtons):
        field.show_value(value)
    else:
        assert isinstance(field, QSpinBox)
        field.setValue(value)


def told(panel: ModelPanel) -> str:
    return " ".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def test_what_people_come_for_stands_first_and_never_scrolls_away(
    qtbot: Any, panel: ModelPanel
) -> None:
    panel.window().resize(320, 280)
    fields = panel.forms["model"].fields | panel.forms["task"].fields
    parts = [fields["model"], fields["input_size"], fields["horizon"], panel.train_button]
    for part in parts:
        assert part.isVisible()
        assert part.visibleRegion().boundingRect() == part.rect()
    tops = [part.mapTo(panel, QPoint(0, 0)).y() for part in parts]
    assert tops == sorted(tops)
    panel.forms["train"].show_advanced(True)
    panel._scroll.verticalScrollBar().setValue(10_000)
    assert panel.train_button.visibleRegion().boundingRect() == panel.train_button.rect()


def test_presets_set_what_they_name_and_nothing_else(qtbot: Any, panel: ModelPanel) -> None:
    names = {name for cls in GROUPS.values() for name in cls.model_fields}
    choose(panel, "model", "model", "gru")
    for preset, button in zip(PRESETS, panel._presets, strict=True):
        assert set(preset.values) <= names
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert panel.config() == RunConfig().changed(model="gru", **preset.values)
        assert [item.isChecked() for item in panel._presets] == [
            item is button for item in panel._presets
        ]
    choose(panel, "train", "epochs", 77)
    assert not any(item.isChecked() for item in panel._presets)


def test_defaults_follow_the_loaded_series_until_they_are_changed(panel: ModelPanel) -> None:
    ds = (np.datetime64("2010-01") + np.arange(80)).astype("datetime64[us]")
    months = Panel((PriceSeries("M", ds, ("close",), np.full((80, 1), 5.0), freq="1M"),))
    panel.suit(months)
    assert panel.config().task.input_size == 15
    assert any("monthly" in label.text() for label in panel.findChildren(QLabel))
    panel.suit(None)
    assert panel.config() == RunConfig()
    panel.show_config(RunConfig().changed(input_size=33))
    panel.suit(months)
    assert panel.config().task.input_size == 33


def test_undo_and_redo_by_key_even_from_inside_a_field(qtbot: Any, panel: ModelPanel) -> None:
    first = panel.config()
    choose(panel, "model", "model", "rnn")
    choose(panel, "model", "hidden_size", 16)
    field = panel.forms["model"].fields["hidden_size"]
    field.setFocus()
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert panel.config() == first.changed(model="rnn")
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert panel.config() == first
    assert not panel.history.can_undo
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert panel.config() == first.changed(model="rnn")
    choose(panel, "model", "layers", 3)
    assert not panel.history.can_redo


def test_a_run_of_steps_in_one_field_is_undone_at_once(qtbot: Any, panel: ModelPanel) -> None:
    first = panel.config()
    for epochs in range(31, 40):
        choose(panel, "train", "epochs", epochs)
    panel.history.undo()
    assert panel.config() == first


def test_fields_without_effect_are_not_shown(qtbot: Any, panel: ModelPanel) -> None:
    form = panel.forms["model"]
    form.show_advanced(True)
    shown = {}
    for model in ("rnn", "lstm", "gru", "transformer"):
        choose(panel, "model", "model", model)
        shown[model] = {
            name
            for name in ("activation", "memory", "layer_norm", "heads", "positions")
            if form.fields[name].isVisible()
        }
    assert shown["rnn"] == {"activation", "layer_norm"}
    assert shown["lstm"] == shown["gru"] == {"memory", "layer_norm"}
    assert shown["transformer"] == {"heads", "positions"}
    choose(panel, "model", "model", "lstm")
    assert not form.fields["conv_channels"].isVisible()
    choose(panel, "model", "conv_kernel", 5)
    assert form.fields["conv_channels"].isVisible()
    assert form._beside["conv_channels"].isVisible()


def test_every_rule_names_fields_and_values_that_there_are() -> None:
    for cls in GROUPS.values():
        for name, info in cls.model_fields.items():
            extra: Any = info.json_schema_extra
            for other, values in extra.get("unless", {}).items():
                assert other in cls.model_fields
                assert other != name
                for value in values:
                    assert getattr(cls(**{other: value}), other) == value


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_brings_lookback_and_horizon_that_fit(
    qtbot: Any, panel: ModelPanel, shape: str
) -> None:
    choose(panel, "model", "shape", shape)
    config = panel.config()
    assert config.model.shape == shape
    assert config == RunConfig().changed(shape=shape)
    assert panel.picture._diagram is not None
    assert panel.picture._diagram.inputs == config.task.input_size
    for theme in (LIGHT, DARK):
        panel.set_theme(theme)
        assert not panel.picture.grab().isNull()


def test_looking_at_shapes_loses_no_lookback_and_no_horizon(qtbot: Any, panel: ModelPanel) -> None:
    choose(panel, "task", "input_size", 80)
    choose(panel, "task", "horizon", 1)
    for shape in ("encoder-decoder", "one-to-many", "one-to-one", "many-to-many", "many-to-one"):
        choose(panel, "model", "shape", shape)
        assert panel.config().model.shape == shape
    assert (panel.config().task.input_size, panel.config().task.horizon) == (80, 1)
    # What is set while a shape is looked at is the user's newer wish.
    choose(panel, "model", "shape", "one-to-many")
    choose(panel, "task", "horizon", 7)
    choose(panel, "model", "shape", "many-to-one")
    assert (panel.config().task.input_size, panel.config().task.horizon) == (80, 7)
    # Settings from elsewhere are taken as they are.
    choose(panel, "model", "shape", "one-to-one")
    panel.show_config(RunConfig())
    assert panel.config() == RunConfig()


def test_a_caution_stands_below_the_picture(qtbot: Any, panel: ModelPanel) -> None:
    panel.show_config(RunConfig().changed(model="lstm", memory=80, input_size=20))
    assert "The initial memory of 80 bars is longer than the lookback of 20 bars" in told(panel)


def test_what_contradicts_itself_is_said_beside_the_buttons(qtbot: Any, panel: ModelPanel) -> None:
    choose(panel, "model", "shape", "one-to-one")
    choose(panel, "task", "input_size", 20)
    assert "input_size = 20" in told(panel)
    with pytest.raises(ConfigError):
        panel.config()
    choose(panel, "task", "input_size", 1)
    panel.show_cost(CostEstimated(3442, 566, 75.0))
    assert "566 weights · 3,442 windows · at most about 1:15 min".replace(",", "") in told(
        panel
    ).replace(",", "")


def test_no_field_moves_when_the_cost_is_told(qtbot: Any, panel: ModelPanel) -> None:
    field = panel.forms["train"].fields["epochs"]

    def place() -> QPoint:
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        return field.mapTo(panel, QPoint(0, 0))

    panel.show_cost(None)
    before = place()
    panel.show_cost(CostEstimated(3_442_000, 566_000, 75.0))
    assert place() == before
    panel.show_fault(CandlecastError("No. " * 100, "Try less. " * 30))
    assert place() == before


def test_a_found_rate_is_taken_over(qtbot: Any) -> None:
    rates = np.geomspace(1e-6, 1, 60)
    losses = 1 - 0.05 * np.exp(-((np.log10(rates) + 2) ** 2)) + np.where(rates > 0.1, rates, 0)
    window = QMainWindow()
    qtbot.addWidget(window)
    dialog = LearningRateDialog(window, LearningRatesTried(rates, losses, 3e-3), LIGHT)
    dialog.show()
    taken: list[float] = []
    dialog.rate_requested.connect(taken.append)
    assert dialog.use.text() == "Use 0.003"
    dialog.chart.setFocus()
    qtbot.keyClick(dialog.chart, Qt.Key.Key_Left)
    assert dialog.use.text() == "Use 0.0027"
    assert set(dialog.chart.table()) == {"learning_rate", "loss"}
    qtbot.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    assert taken == [0.0027]


def test_a_search_without_a_finding_keeps_the_present_rate(qtbot: Any) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    dialog = LearningRateDialog(
        window, LearningRatesTried(np.geomspace(1e-6, 1, 60), np.ones(60), None, 5e-4), LIGHT
    )
    assert dialog.use.text() == "Keep 0.0005"
    assert "No learning rate stands out" in " ".join(
        label.text() for label in dialog.findChildren(QLabel)
    )


def test_nothing_tried_is_said(qtbot: Any) -> None:
    chart = LearningRateChart()
    qtbot.addWidget(chart)
    chart.refresh()
    assert chart.summary() == "Nothing tried yet."
