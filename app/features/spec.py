"""What the window knows of a feature: its commands, the panel of its dock and its controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow, QWidget

from app.actions import Actions, Command
from app.background import Reporting
from app.charts.price import PriceChart
from app.features.export.controller import ExportController
from app.features.model.panel import ModelPanel
from app.features.view.controller import ViewController
from app.layout_presets import LayoutPresets
from app.preferences import Preferences
from app.session import Session
from app.theme import LIGHT, Theme


class FeatureController(QObject):
    """Controller of a feature; the window connects what every one of them has.

    Parameters
    ----------
    context : FeatureContext

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
    run_stored : Signal
        Key of a run that was stored and is to be shown.
    journal_changed : Signal
        The journal may hold more than before.
    day_requested : Signal
        :class:`Outcomes` of a model and the day of one of its forecasts, whose series is shown.
    """

    changed = Signal()
    refused = Signal(object)
    notified = Signal(str, str)
    warned = Signal(str, str)
    run_stored = Signal(str)
    journal_changed = Signal()
    day_requested = Signal(object, object)

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context.window)
        self._context, self._session = context, context.session
        self._window, self._preferences = context.window, context.preferences
        self._history = context.model.history

    def takes(self, files: list[str]) -> bool:
        """Tell whether files that are dropped or opened are for this feature."""
        return False

    def open(self, path: str) -> object:
        """Open a file that :meth:`takes` accepts."""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme; the panel in a dock takes them by itself."""

    def _connect(self, command: str, do: Callable[[], object]) -> None:
        """Call a function when a command is chosen."""
        self._context.actions[command].triggered.connect(lambda _checked=False: do())

    def _bring(self, window: QWidget | FeatureWindow) -> None:
        """Show a window before the others, and give it the keyboard."""
        window.show()
        window.raise_()
        window.activateWindow()

    def _written(self, path: str | Path, write: Callable[[], object]) -> bool:
        """Write a file and tell of it; False, with :attr:`refused`, where that fails."""
        with Reporting(self.refused.emit):
            write()
            self.notified.emit(self.tr("Wrote {file}.").format(file=Path(path).name), "")
            return True
        return False


class FeatureWindow(Protocol):
    """A window of a feature: a QWidget that takes the colours of a theme."""

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        ...

    def show(self) -> None:
        """Show the window."""
        ...

    def raise_(self) -> None:
        """Bring the window before the others."""
        ...

    def activateWindow(self) -> None:
        """Give the window the keyboard."""
        ...

    def isVisible(self) -> bool:
        """Return whether the window is open."""
        ...


WindowT = TypeVar("WindowT", bound=FeatureWindow)


class WindowController(FeatureController, Generic[WindowT]):
    """Controller of a window that is built when it is first opened.

    Parameters
    ----------
    context : FeatureContext
    command : str
        The command that opens the window.

    Attributes
    ----------
    shown : QWidget or None
        The window, once it was opened.
    """

    def __init__(self, context: FeatureContext, command: str) -> None:
        super().__init__(context)
        self._theme = LIGHT
        self.shown: WindowT | None = None
        self._connect(command, self.show)

    def show(self) -> None:
        """Open the window, or bring it to the front, with what there is to show now."""
        if self.shown is None:
            self.shown = self._build()
            self.shown.set_theme(self._theme)
        self._refresh(self.shown)
        self._bring(self.shown)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        if self.shown is not None:
            self.shown.set_theme(theme)

    def _build(self) -> WindowT:
        """Import the window, make it and connect it."""
        raise NotImplementedError

    def _refresh(self, shown: WindowT) -> None:
        """Bring what there is to show into the window."""

    def _refresh_idle(self, state: str) -> None:
        """Refresh an open window once nothing runs; for :attr:`Session.state_changed`."""
        if state == "idle" and self.shown is not None and self.shown.isVisible():
            self._refresh(self.shown)


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
        The panel of every dock by its name, the grid of charts and the tools for drawings.
    view_controller : ViewController
    export_controller : ExportController
    features : FeatureControllers
        Of all features that stand by themselves, by name; each is made when it is asked for.
    """

    window: QMainWindow
    session: Session
    actions: Actions
    preferences: Preferences
    chart: PriceChart
    model: ModelPanel
    presets: LayoutPresets
    panels: Mapping[str, Any]
    view_controller: ViewController
    export_controller: ExportController
    features: Any = None


@dataclass(frozen=True, eq=False)
class FeatureSpec:
    """A feature of the window.

    Attributes
    ----------
    name : str
        Also the name of its dock.
    controller : str
        ``package.module:class`` of a :class:`FeatureController`, imported and made once it is
        needed: that may be after the prices have come, so it looks at what is there by then.
    commands : mapping of str to Command
        Each says in ``after`` below which entry of the menus it stands.
    title : str
        Of the dock; "" for a feature without one.
    panel : str
        ``package.module:class`` of the panel of the dock, a widget with ``set_theme``, imported and
        made once it is seen or asked for; "" for a feature without one.
    early : bool
        Make the controller with the window: the chart shows the feature from the start.
    """

    name: str
    controller: str
    commands: Mapping[str, Command] = field(default_factory=dict)
    title: str = ""
    panel: str = ""
    early: bool = False

    def make_controller(self, context: FeatureContext) -> FeatureController:
        """Import and make the controller."""
        made: FeatureController = _load(self.controller)(context)
        return made

    def make_panel(self) -> Any:
        """Import and make the panel."""
        return _load(self.panel)()


def _load(reference: str) -> Any:
    """Import what ``package.module:name`` names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
