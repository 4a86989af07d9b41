"""Every settings class makes a form, and what is filled in comes back as settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QSpinBox, QToolButton

import app.widgets.form_builder
from app.number_format import use_english
from app.widgets.form_builder import (
    ChoiceButtons,
    DecimalBox,
    FloatBox,
    SettingsForm,
    TextBox,
    WholeBox,
)
from forecasting.config import (
    GROUPS,
    BacktestConfig,
    ModelConfig,
    Settings,
    TaskConfig,
    TrainConfig,
)
from forecasting.errors import ConfigError

#: A line that makes one of Qt's own spin boxes.
_MAKES = re.compile(r"= ?Q(Double)?SpinBox\(|, Q(Double)?SpinBox\(\)")


@pytest.fixture(params=[*GROUPS.values(), BacktestConfig], ids=lambda cls: cls.__name__)
def cls(request: pytest.FixtureRequest) -> type[Settings]:
    return request.param


def test_an_untouched_form_is_the_default(qtbot: Any, cls: type[Settings]) -> None:
    form = SettingsForm(cls)
    qtbot.addWidget(form)
    form.show_settings(cls())
    assert form.settings() == cls()
    assert list(form.fields) == list(cls.model_fields)


def test_every_field_has_a_name_help_and_a_buddy(qtbot: Any, cls: type[Settings]) -> None:
    form = SettingsForm(cls)
    qtbot.addWidget(form)
    buddies = {label.buddy() for label in form.findChildren(QLabel)}
    for name, field in form.fields.items():
        info = cls.model_fields[name]
        assert field.accessibleName() == info.title
        assert field.toolTip() == info.description
        assert info.description in field.whatsThis()
        assert isinstance(field, QCheckBox) or field in buddies


def test_a_button_beside_every_field_explains_it_in_two_sentences(
    qtbot: Any, cls: type[Settings]
) -> None:
    form = SettingsForm(cls)
    qtbot.addWidget(form)
    for name, field in form.fields.items():
        button = next(
            item
            for item in form.findChildren(QToolButton)
            if item.accessibleName() == f"About {field.accessibleName()}"
        )
        assert button.text() == "?"
        if cls in GROUPS.values():
            told = field.whatsThis().split("<br>")[1]
            assert len([item for item in re.split(r"(?<=\w)[.;:](?:\s|$)", told) if item]) >= 2, (
                name
            )


@pytest.mark.parametrize(
    "settings",
    [
        TaskConfig(input_size=5000, horizon=1, val_size=100, test_size=250, target="difference"),
        ModelConfig(model="rnn", hidden_size=2048, layers=8, dropout=0.85, bidirectional=True),
        TrainConfig(
            epochs=100_000,
            learning_rate=3.5e-7,
            weight_decay=0.0,
            clip_norm=0.0,
            seed=2**31 - 1,
            device="cuda:3",
        ),
        TrainConfig(learning_rate=10.0, device="mps", schedule="constant"),
    ],
)
def test_settings_survive_the_form(qtbot: Any, settings: Settings) -> None:
    form = SettingsForm(type(settings))
    qtbot.addWidget(form)
    form.show_settings(settings)
    assert form.settings() == settings


def test_a_small_number_reads_as_it_was_meant(qtbot: Any) -> None:
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    form.show_settings(TrainConfig(learning_rate=0.001))
    rate = form.fields["learning_rate"]
    assert isinstance(rate, FloatBox)
    assert rate.text() == "0.001"
    rate.stepUp()
    assert rate.text() == "0.0011"
    rate.lineEdit().setText("")
    qtbot.keyClicks(rate, "2.5e-4")
    assert form.settings().learning_rate == 2.5e-4
    assert rate.validate("20", 0)[0] is not QValidator.State.Acceptable


def test_limits_units_and_special_values(qtbot: Any) -> None:
    form = SettingsForm(TaskConfig)
    qtbot.addWidget(form)
    size, lookback = form.fields["val_size"], form.fields["input_size"]
    assert isinstance(size, QSpinBox)
    assert isinstance(lookback, QSpinBox)
    assert size.text() == "15 % of history"
    lookback.setValue(0)
    assert (lookback.value(), lookback.maximum(), lookback.suffix()) == (1, 5000, " bar")


def test_choices_show_their_names(qtbot: Any) -> None:
    form = SettingsForm(ModelConfig)
    qtbot.addWidget(form)
    choice = form.fields["shape"]
    assert isinstance(choice, QComboBox)
    shapes = ["Many to one", "One to one", "One to many", "Many to many", "Encoder-decoder"]
    assert [choice.itemText(index) for index in range(choice.count())] == shapes
    choice.setCurrentText("One to one")
    assert form.settings().shape == "one-to-one"


def test_the_networks_are_buttons_and_the_others_are_behind_more(qtbot: Any) -> None:
    form = SettingsForm(ModelConfig)
    qtbot.addWidget(form)
    form.show()
    choice = form.fields["model"]
    assert isinstance(choice, ChoiceButtons)
    assert [button.text() for button in (*choice.buttons.values(), choice.more)] == [
        "RNN",
        "LSTM",
        "GRU",
        "More",
    ]
    qtbot.mouseClick(choice.buttons["gru"], Qt.MouseButton.LeftButton)
    assert form.settings().model == "gru"
    assert [button.isChecked() for button in choice.buttons.values()] == [False, False, True]
    with qtbot.waitSignal(form.changed):
        choice.more.menu().actions()[0].trigger()
    assert form.settings().model == "transformer"
    assert choice.more.text() == "Transformer"
    assert choice.more.isChecked()
    assert not any(button.isChecked() for button in choice.buttons.values())
    form.show_settings(ModelConfig(model="rnn"))
    assert choice.buttons["rnn"].isChecked()
    assert choice.more.text() == "More"


def test_a_bad_text_is_explained_under_the_field(qtbot: Any) -> None:
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    device = form.fields["device"]
    assert isinstance(device, TextBox)
    device.setEditText("gpu please")
    with pytest.raises(ConfigError, match="Device: 'gpu please' does not fit"):
        form.settings()
    fault = form.findChild(QLabel, "fault")
    assert "gpu please" in fault.text()
    assert not fault.isHidden()
    device.setEditText("cpu")
    assert fault.isHidden()
    assert form.settings().device == "cpu"


def test_offered_devices_show_words_and_give_values(qtbot: Any) -> None:
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    form.show_settings(TrainConfig(device="cuda:0"))
    form.offer("device", {"cpu": "Processor", "cuda:0": "NVIDIA H100"})
    device = form.fields["device"]
    assert isinstance(device, TextBox)
    assert device.currentText() == "NVIDIA H100"
    assert not device.isEditable()
    assert form.settings().device == "cuda:0"
    form.show_settings(TrainConfig(device="cuda:7"))
    assert form.settings().device == "cuda:7"


def test_changed_is_emitted_by_hand_and_once_by_show(qtbot: Any) -> None:
    form = SettingsForm(ModelConfig)
    qtbot.addWidget(form)
    form.show_settings(ModelConfig())
    with qtbot.waitSignals([form.changed] * 1):
        form.show_settings(ModelConfig(layers=3, hidden_size=99))
    heard: list[None] = []
    form.changed.connect(lambda: heard.append(None))
    form.show_settings(ModelConfig(layers=3, hidden_size=99))
    assert heard == []
    form.show_settings(ModelConfig(layers=1, hidden_size=7))
    assert len(heard) == 1


def test_the_fold_hides_advanced_fields(qtbot: Any) -> None:
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    form.show()
    assert form.fields["epochs"].isVisible()
    assert not form.fields["seed"].isVisible()
    form.show_advanced(True)
    assert form.fields["seed"].isVisible()


def test_the_wheel_scrolls_the_form_and_changes_no_value(qtbot: Any) -> None:
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    form.show()
    epochs = form.fields["epochs"]
    assert isinstance(epochs, QSpinBox)
    epochs.clearFocus()
    before = epochs.value()
    centre = QPointF(epochs.rect().center())
    wheel = QWheelEvent(
        centre,
        centre,
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(epochs, wheel)
    assert epochs.value() == before


def test_a_field_of_an_unknown_kind_is_refused_while_building(qtbot: Any) -> None:
    class Odd(Settings):
        things: list[int] = []  # noqa: RUF012 - pydantic copies it
        kind: Literal["a"] = "a"

    with pytest.raises(TypeError, match="no form field"):
        SettingsForm(Odd)


def test_one_bar_is_not_bars(qtbot: Any) -> None:
    form = SettingsForm(TaskConfig)
    qtbot.addWidget(form)
    box = form.fields["horizon"]
    assert isinstance(box, QSpinBox)
    box.setValue(1)
    assert box.text() == "1 bar"
    box.selectAll()
    qtbot.keyClicks(box, "15")
    assert box.value() == 15
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.text() == "15 bars"
    form.show_settings(TaskConfig(horizon=1))
    assert box.text() == "1 bar"
    form.show_settings(TaskConfig(horizon=20))
    assert box.text() == "20 bars"


def test_a_comma_is_never_lost_from_a_typed_number(qtbot: Any) -> None:
    use_english()
    form = SettingsForm(TrainConfig)
    qtbot.addWidget(form)
    for name, typed, value in (
        ("learning_rate", "0,005", 0.005),
        ("epochs", "0,005", 20),
        ("epochs", "1,5", 1),
        ("epochs", "1,200", 1200),
    ):
        form.show_settings(TrainConfig(epochs=20))
        box = form.fields[name]
        assert isinstance(box, WholeBox | DecimalBox)
        box.selectAll()
        qtbot.keyClicks(box, typed)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert box.value() == value, typed


def test_no_field_of_the_window_reads_a_comma_away() -> None:
    """Every spin box of the program is one of ours: Qt's own takes the comma of "0,005" for a
    mark between thousands.
    """
    folder = Path(app.widgets.form_builder.__file__).parent
    plain = [
        f"{path.name}: {line.strip()}"
        for path in folder.rglob("*.py")
        for line in path.read_text().splitlines()
        if _MAKES.search(line)
    ]
    assert plain == []
