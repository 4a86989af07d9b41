"""What the window knows of a feature: its commands, the panel of its dock and its controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

from app.actions import Actions, Command
from app.charts.price import PriceChart
from app.features.model.panel import ModelPanel
from app.layout_presets import LayoutPresets
from app.preferences import Preferences
from app.session import Session
from app.theme import Theme


class FeatureController(QObject):
    """Controller of a feature; the window connects what every one of them has.

    Attributes
    ----------
    changed : Signal
        Something that a project holds has changed.
    refused : Signal
        What was asked for does not fit (a CandlecastError): shown in the banner.
    notified : Signal
        Message and hint of something worth knowing.
    warned : Signal
        Message and hint of what could not be read or written.
    undo_offered : Signal
        The last change can be put back by :meth:`put_back`.
    run_stored : Signal
        Key of a run that was stored and is to be shown.
    """

    changed = Signal()
    refused = Signal(object)
    notified = Signal(str, str)
    warned = Signal(str, str)
    undo_offered = Signal()
    run_stored = Signal(str)

    @property
    def can_put_back(self) -> bool:
        """Whether there is a change that can be put back."""
        return False

    def put_back(self) -> bool:
        """Put the last change back; False where there is none."""
        return False

    def takes(self, files: list[str]) -> bool:
        """Tell whether files that are dropped or opened are for this feature."""
        return False

    def open(self, path: str) -> None:
        """Open a file that :meth:`takes` accepts."""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme; the panel in a dock takes them by itself."""


@dataclass(frozen=True, eq=False)
class FeatureContext:
    """What a controller may use of the window.

    Attributes
    ----------
    window : QMainWindow
    session : Session
    actions : Actions
        Has the commands of the feature, by name.
    preferences : Preferences
    chart : PriceChart
    model : ModelPanel
        Has the settings.
    presets : LayoutPresets
        Has the docks by name.
    panels : mapping of str to QWidget
        The panel of every dock by its name.
    """

    window: QMainWindow
    session: Session
    actions: Actions
    preferences: Preferences
    chart: PriceChart
    model: ModelPanel
    presets: LayoutPresets
    panels: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FeatureSpec:
    """A feature of the window.

    Attributes
    ----------
    name : str
        Also the name of its dock.
    controller : callable
        Makes the controller from the context.
    commands : mapping of str to Command
        Each says in ``after`` below which entry of the menus it stands.
    title : str
        Of the dock; "" for a feature without one.
    panel : callable, optional
        Makes the panel of the dock: a widget with ``set_theme``.
    """

    name: str
    controller: Callable[[FeatureContext], FeatureController]
    commands: Mapping[str, Command] = field(default_factory=dict)
    title: str = ""
    panel: Callable[[], Any] | None = None
