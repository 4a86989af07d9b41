"""The experiment as a form, with the two buttons that matter below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.forms import SettingsForm
from app.theme import Theme, icon
from forecasting.config import GROUPS, RunConfig, Settings


class ModelPanel(QWidget):
    """Settings of a run, Train and Stop.

    Attributes
    ----------
    train_wanted, stop_wanted : Signal
        A button was pressed.
    config_changed : Signal
        A setting was changed.
    """

    train_wanted = Signal()
    stop_wanted = Signal()
    config_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._forms: dict[str, SettingsForm[Settings]] = {}
        headings = {
            "task": self.tr("What to forecast"),
            "inputs": self.tr("What it reads"),
            "model": self.tr("Network"),
            "train": self.tr("Training"),
        }
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(10, 8, 10, 10)
        rows.setSpacing(6)
        for group, cls in GROUPS.items():
            heading = QLabel(headings.get(group, group))
            heading.setProperty("role", "heading")
            form: SettingsForm[Settings] = SettingsForm(cls)
            form.changed.connect(self.config_changed)
            self._forms[group] = form
            rows.addWidget(heading)
            rows.addWidget(form)
            rows.addSpacing(8)
        width = max(form.label_width for form in self._forms.values())
        for form in self._forms.values():
            form.set_label_width(width)
        self._defaults = QPushButton(self.tr("Restore defaults"))
        self._defaults.clicked.connect(lambda: self.show_config(RunConfig()))
        rows.addWidget(self._defaults, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inside)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setMinimumWidth(inside.minimumSizeHint().width() + self._scroll.verticalScrollBar().sizeHint().width())
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self._scroll, 1)
        whole.addLayout(self._buttons())
        self.show_config(RunConfig())
        self.show_running(running=False, stopping=False, ready=False)

    def config(self) -> RunConfig:
        """Return the experiment that the form describes.

        Raises
        ------
        ConfigError
            A value outside its limits; its form says so, too.
        """
        values = {name: value for form in self._forms.values() for name, value in form.settings()}
        return RunConfig().changed(**values)

    def show_config(self, config: RunConfig) -> None:
        """Fill the form."""
        for group, form in self._forms.items():
            form.show_settings(getattr(config, group))

    def offer_devices(self, devices: Mapping[str, str]) -> None:
        """Offer the devices that the engine has found."""
        self._forms["train"].offer("device", devices)

    def show_running(self, *, running: bool, stopping: bool, ready: bool) -> None:
        """Enable what makes sense: Train with prices and at rest, Stop while something can be stopped."""
        self.train_button.setEnabled(ready and not running)
        self.stop_button.setEnabled(running and not stopping)
        self.stop_button.setText(self.tr("Stopping…") if stopping else self.tr("Stop"))
        for form in self._forms.values():
            form.setEnabled(not running)
        self._defaults.setEnabled(not running)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self.train_button.setIcon(icon("train", replace(theme, text=theme.on_accent)))
        self.stop_button.setIcon(icon("stop", theme))

    def _buttons(self) -> QHBoxLayout:
        self.train_button, self.stop_button = QPushButton(self.tr("Train")), QPushButton(self.tr("Stop"))
        self.train_button.setProperty("primary", True)
        self.train_button.setToolTip(self.tr("Train the network on the loaded prices (Ctrl+T)"))
        self.stop_button.setToolTip(self.tr("Stop and keep the best network so far (Esc)"))
        self.train_button.clicked.connect(self.train_wanted)
        self.stop_button.clicked.connect(self.stop_wanted)
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 10, 10)
        row.setSpacing(8)
        for button, stretch in ((self.train_button, 2), (self.stop_button, 1)):
            button.setMinimumHeight(36)
            button.setIconSize(QSize(16, 16))
            row.addWidget(button, stretch)
        return row
