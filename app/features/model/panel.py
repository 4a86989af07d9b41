"""The experiment as a form: what people come for first (network, lookback, horizon, Train), all
else below it, with undo.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QCoreApplication, QLocale, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.background import Failure
from app.charts.shapes import ShapePicture
from app.features.model.note import Note
from app.number_format import duration
from app.theme import Theme, icon
from app.undo_history import Change, UndoHistory
from app.widgets.form_builder import SettingsForm
from app.widgets.form_scroll import FormScroll
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.remedies import remedy_label
from forecasting.checks import cautions
from forecasting.config import GROUPS, RunConfig, Settings
from forecasting.errors import CandlecastError, ConfigError, Remedy
from forecasting.events import CostEstimated
from forecasting.series import Panel
from forecasting.shapes import describe

#: Changes of one field within so many seconds are one step.
_ONE_STEP_S = 1.0
_TOPIC = "settings"
#: Settings that a shape changes where they do not fit it.
_SET_BY_SHAPE = ("input_size", "horizon", "decoding")


@dataclass(frozen=True)
class Preset:
    """Settings that are chosen together; the network, the task and all others stay as they are."""

    title: str
    help: str
    values: Mapping[str, Any]


PRESETS: tuple[Preset, ...] = (
    Preset(
        "Fast",
        "A first look: few epochs, one network",
        {"epochs": 10, "patience": 4, "layers": 1, "hidden_size": 8, "members": 1},
    ),
    Preset(
        "Balanced",
        "The defaults",
        {"epochs": 30, "patience": 8, "layers": 1, "hidden_size": 8, "members": 1},
    ),
    Preset(
        "Thorough",
        "Five networks whose median forecasts, and more patience: steadier, and some ten times "
        "as long",
        {"epochs": 60, "patience": 15, "layers": 1, "hidden_size": 8, "members": 5},
    ),
)


def _tr(text: str) -> str:
    return QCoreApplication.translate("settings", text)


class ModelPanel(QWidget):
    """Settings of a run, Train and Stop.

    Attributes
    ----------
    train_requested, stop_requested, rate_requested : Signal
        A button was pressed: train, stop, look for a learning rate.
    inputs_requested : Signal
        The list of further columns that may be read.
    remedy_requested : Signal
        A remedy of what does not go together.
    shapes_requested : Signal
        The five shapes side by side.
    config_changed : Signal
        A setting was changed.
    forms : dict of str to SettingsForm
        The form of each group of settings.
    """

    train_requested = Signal()
    stop_requested = Signal()
    rate_requested = Signal()
    inputs_requested = Signal()
    remedy_requested = Signal(object)
    config_changed = Signal()
    shapes_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.history = UndoHistory(self)
        self.forms: dict[str, SettingsForm[Settings]] = {}
        self._last = RunConfig()
        self._usual = RunConfig()
        self._overridden: dict[str, Any] = {}
        self._remedy: Remedy | None = None
        self._noted: tuple[str, float] = ("", 0.0)
        self._filling = False
        self._running = False
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(10, 4, 10, 10), spacing=6)
        self._make_forms()
        chosen_first, buttons = self._chosen_first(), self._buttons()
        fill(rows, self._preset_row(), 4)
        self._add_groups(rows)
        self._defaults = QPushButton(self.tr("Restore defaults"))
        self._defaults.clicked.connect(lambda: self.show_config(self._usual))
        self._suits = text_label(role="muted")
        self._suits.setVisible(False)
        fill(rows, self._suits, (self._defaults, 0, Qt.AlignmentFlag.AlignLeft), STRETCH)
        self._scroll = FormScroll(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(chosen_first)
        whole.addLayout(buttons)
        whole.addWidget(self._scroll, 1)
        whole.addLayout(self._note_rows())
        self.show_config(RunConfig())
        self.history.forget(_TOPIC)
        self._show_choice()
        self.show_running(running=False, stopping=False, ready=False)

    def config(self) -> RunConfig:
        """Return the experiment that the form describes.

        Raises
        ------
        ConfigError
            A value outside its limits, or values that contradict each other; the form says so, too.
        """
        values = {name: value for form in self.forms.values() for name, value in form.settings()}
        return RunConfig().changed(**values)

    def show_config(self, config: RunConfig) -> None:
        """Fill the form."""
        if config.model.shape != self._last.model.shape:
            self._overridden = {}
        self._fill(config)
        self._changed()

    @property
    def last_config(self) -> RunConfig:
        """The last settings of the form that went together."""
        return self._last

    def choose_shape(self, shape: str) -> None:
        """Choose a shape as if it was chosen in the form: lookback and horizon follow where they do
        not fit, and come back with the first shape that they fit.
        """
        self._filling = True
        self.forms["model"].show_settings(self._last.model.model_copy(update={"shape": shape}))
        self._filling = False
        self._changed()

    def suit(self, panel: Panel | None) -> None:
        """Take the defaults that suit the loaded series, and say which; settings that are no
        defaults stay.

        Parameters
        ----------
        panel : Panel or None
            None where nothing is loaded.
        """
        usual, text = RunConfig(), ""
        if panel is not None:
            from forecasting.jobs import suited

            usual, text = suited(panel, RunConfig())
        if usual == self._usual:
            return
        untouched = self._last == self._usual
        self._usual = usual
        self._suits.setText(text)
        self._suits.setVisible(bool(text))
        if untouched:
            self.show_config(usual)

    def offer_devices(self, devices: Mapping[str, str]) -> None:
        """Offer the devices that the engine has found."""
        self.forms["train"].offer("device", devices)

    def show_cost(self, cost: CostEstimated | None) -> None:
        """Tell what the settings cost; None where it is not known yet."""
        if cost is None:
            self._tell("")
            return
        number = QLocale().toString
        text = self.tr("{weights} weights · {windows} windows · at most about {time}").format(
            weights=number(cost.parameters),
            windows=number(cost.windows),
            time=duration(max(cost.seconds, 1.0)),
        )
        self._tell(text)

    def show_fault(self, error: CandlecastError | Failure) -> None:
        """Tell what does not go together, with a button for the first remedy."""
        self._tell(f"{error.message} {error.hint}".strip(), fault=True, remedies=error.remedies)

    def show_running(
        self, *, running: bool, stopping: bool, ready: bool, loading: bool = False
    ) -> None:
        """Enable what makes sense: Train with prices and at rest, Stop while something can be
        stopped, also the loading of prices.
        """
        self._running = running
        self.history.changed.emit()
        self.train_button.setEnabled(ready and not running)
        self.stop_button.setEnabled((running or loading) and not stopping)
        self.stop_button.setText(self.tr("Stopping…") if stopping else self.tr("Stop"))
        self.rate_button.setEnabled(ready and not running)
        self.inputs_button.setEnabled(ready and not running)
        for part in (*self.forms.values(), *self._first, *self._presets, self._defaults):
            part.setEnabled(not running)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self.train_button.setIcon(icon("train", replace(theme, text=theme.on_accent)))
        self.stop_button.setIcon(icon("stop", theme))
        self.picture.set_theme(theme)

    def _fill(self, config: RunConfig) -> None:
        self._filling = True
        for group, form in self.forms.items():
            form.show_settings(getattr(config, group))
        self._filling = False

    def _changed(self) -> None:
        """Keep a change for undo, follow a new shape, and say what does not go together."""
        if self._filling:
            return
        try:
            config = self._following_shape()
        except ConfigError as error:
            self.show_fault(error)
            return
        if config != self._last:
            self._note(config)
            self.show_cost(None)
        self._show_choice()
        self.config_changed.emit()

    def _following_shape(self) -> RunConfig:
        """Return what the form says; a shape that was just chosen sets lookback, horizon and
        decoding where they do not fit it.

        What a shape has set aside comes back with the first shape that it fits, unless the user has
        set it anew meanwhile.
        """
        shape = dict(self.forms["model"].settings())["shape"]
        if shape == self._last.model.shape:
            config = self.config()
            ours, theirs = _plain(config), _plain(self._last)
            self._overridden = {
                name: value
                for name, value in self._overridden.items()
                if ours[name] == theirs[name]
            }
            return config
        if not self._overridden:
            with contextlib.suppress(ConfigError):
                return self.config()
        followed = self._shaped(shape)
        self._fill(followed)
        return followed

    def _shaped(self, shape: str) -> RunConfig:
        """Return the last settings in another shape, with all that was set aside for a shape
        before and fits this one.
        """
        before = {**_plain(self._last), **self._overridden}
        back: dict[str, Any] = {}
        for name, value in self._overridden.items():
            with contextlib.suppress(ConfigError):
                self._last.changed(shape=shape, **back, **{name: value})
                back[name] = value
        shaped = self._last.changed(shape=shape, **back)
        now = _plain(shaped)
        self._overridden = {
            name: before[name] for name in _SET_BY_SHAPE if now[name] != before[name]
        }
        return shaped

    def _note(self, config: RunConfig) -> None:
        """Let a change be undone; a run of changes of one field is one step."""
        ours, theirs = _plain(config), _plain(self._last)
        names = [name for name in ours if ours[name] != theirs[name]]
        name, now = names[0] if len(names) == 1 else "", time.monotonic()
        continues = bool(name) and name == self._noted[0] and now - self._noted[1] < _ONE_STEP_S
        before, self._noted, self._last = self._last, (name, now), config
        self.history.record(
            Change(
                _TOPIC,
                lambda: self._restore(before),
                lambda: self._restore(config),
                lambda: not self._running,
            ),
            continues=continues,
        )

    def _restore(self, config: RunConfig) -> None:
        """Show settings that were there before, or again."""
        self._last, self._noted = config, ("", 0.0)
        self.show_config(config)

    def _show_choice(self) -> None:
        """Show the shape of what is chosen, and which preset it is."""
        diagram = describe(self._last)
        self.picture.show_diagram(diagram)
        self._sentence.setText(" ".join((diagram.sentence, *cautions(self._last))))
        values = _plain(self._last)
        self._choice.setExclusive(False)
        for preset, button in zip(PRESETS, self._presets, strict=True):
            button.setChecked(all(values[name] == value for name, value in preset.values.items()))
        self._choice.setExclusive(True)

    def _take(self, preset: Preset) -> None:
        self.show_config(self._last.changed(**preset.values))

    def _tell(self, text: str, *, fault: bool = False, remedies: Sequence[Remedy] = ()) -> None:
        self._note_area.show_text(text, fault=fault)
        self._remedy = next((item for item in remedies if item.kind == "settings"), None)
        self.remedy_button.setText(remedy_label(self._remedy) if self._remedy else "")
        self.remedy_button.setVisible(self._remedy is not None)

    def _take_remedy(self) -> None:
        if self._remedy is not None:
            self.remedy_requested.emit(self._remedy)

    def _preset_row(self) -> QHBoxLayout:
        row = fill(QHBoxLayout(), spacing=4)
        self._presets: list[QToolButton] = []
        self._choice = QButtonGroup(self)
        for preset in PRESETS:
            button = QToolButton()
            button.setText(_tr(preset.title))
            button.setToolTip(_tr(preset.help))
            button.setAccessibleName(self.tr("Preset {name}").format(name=_tr(preset.title)))
            button.setCheckable(True)
            button.clicked.connect(lambda _checked=False, preset=preset: self._take(preset))
            self._choice.addButton(button)
            self._presets.append(button)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _make_forms(self) -> None:
        for group, cls in GROUPS.items():
            form: SettingsForm[Settings] = SettingsForm(cls)
            form.changed.connect(self._changed)
            self.forms[group] = form

    def _chosen_first(self) -> QGridLayout:
        """Return the rows that never scroll away: the network, how far back it looks, and how
        far ahead.
        """
        rows = QGridLayout()
        rows.setContentsMargins(10, 8, 10, 0)
        rows.setHorizontalSpacing(10)
        rows.setVerticalSpacing(6)
        rows.setColumnStretch(1, 1)
        label, network = self.forms["model"].take("model")
        label.deleteLater()
        rows.addWidget(network, 0, 0, 1, 2)
        self._first = [network]
        for index, name in enumerate(("input_size", "horizon"), start=1):
            label, field = self.forms["task"].take(name)
            rows.addWidget(label, index, 0)
            rows.addWidget(field, index, 1)
            self._first.append(field)
        return rows

    def _note_rows(self) -> QVBoxLayout:
        """Return what a training costs, or why there can be none and what would mend it."""
        self._note_area = Note()
        self.remedy_button = QPushButton()
        self.remedy_button.clicked.connect(self._take_remedy)
        self.remedy_button.hide()
        rows = QVBoxLayout()
        rows.setContentsMargins(10, 4, 10, 6)
        rows.setSpacing(6)
        rows.addWidget(self._note_area)
        rows.addWidget(self.remedy_button, 0, Qt.AlignmentFlag.AlignLeft)
        return rows

    def _add_groups(self, rows: QVBoxLayout) -> None:
        headings = {
            "task": self.tr("What to forecast"),
            "inputs": self.tr("What it reads"),
            "model": self.tr("Network"),
            "train": self.tr("Training"),
        }
        self.picture, self._sentence = ShapePicture(), QLabel()
        self.rate_button = QPushButton(self.tr("Find a learning rate…"))
        self.rate_button.setToolTip(
            self.tr(
                "Try ever larger learning rates for some steps, and see where the loss falls "
                "fastest"
            )
        )
        self.rate_button.clicked.connect(self.rate_requested)
        self.shapes_button = QPushButton(self.tr("The five shapes…"))
        self.shapes_button.setToolTip(self.tr("Show the shapes side by side, and choose one"))
        self.shapes_button.clicked.connect(self.shapes_requested)
        self.inputs_button = QPushButton(self.tr("Choose inputs…"))
        self.inputs_button.setToolTip(
            self.tr("Further columns, files and series that the network reads beside the prices")
        )
        self.inputs_button.clicked.connect(self.inputs_requested)
        self.candles_box = QCheckBox(self.tr("Whole candles"))
        self.candles_box.setToolTip(
            self.tr("Forecast open, high and low beside the close, and draw them as candles")
        )
        self._sentence.setProperty("role", "muted")
        self._sentence.setWordWrap(True)
        for group, form in self.forms.items():
            heading = QLabel(headings.get(group, group))
            heading.setProperty("role", "heading")
            rows.addWidget(heading)
            rows.addWidget(form)
            if group == "task":
                rows.addWidget(self.candles_box, 0, Qt.AlignmentFlag.AlignLeft)
            if group == "inputs":
                rows.addWidget(self.inputs_button, 0, Qt.AlignmentFlag.AlignLeft)
            if group == "model":
                rows.addWidget(self.picture)
                rows.addWidget(self._sentence)
                rows.addWidget(self.shapes_button, 0, Qt.AlignmentFlag.AlignLeft)
            if group == "train":
                rows.addWidget(self.rate_button, 0, Qt.AlignmentFlag.AlignLeft)
            rows.addSpacing(8)
        width = max(form.label_width for form in self.forms.values())
        for form in self.forms.values():
            form.set_label_width(width)

    def _buttons(self) -> QHBoxLayout:
        self.train_button, self.stop_button = (
            QPushButton(self.tr("Train")),
            QPushButton(self.tr("Stop")),
        )
        self.train_button.setProperty("primary", True)
        self.train_button.setToolTip(self.tr("Train the network on the loaded prices (Ctrl+T)"))
        self.stop_button.setToolTip(self.tr("Stop and keep the best network so far (Esc)"))
        self.train_button.clicked.connect(self.train_requested)
        self.stop_button.clicked.connect(self.stop_requested)
        row = fill(QHBoxLayout(), margins=(10, 8, 10, 6), spacing=8)
        for button, stretch in ((self.train_button, 2), (self.stop_button, 1)):
            button.setMinimumHeight(36)
            button.setIconSize(QSize(16, 16))
            row.addWidget(button, stretch)
        return row


def _plain(config: RunConfig) -> dict[str, Any]:
    """Return all settings by name."""
    return {name: value for group in GROUPS for name, value in getattr(config, group)}
