"""Ways into the program: the tour at the first start, the palette of commands, the list of
shortcuts, the full screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QWhatsThisClickedEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QToolBar, QWidget

from app import dialogs
from app.actions import Actions
from app.features.help.command_palette import Palette, entries
from app.features.help.docs_dialog import DocsDialog
from app.features.help.tour import Step, Tour
from app.features.view.controller import ViewController
from app.layout_presets import LayoutPresets
from app.preferences import Preferences
from app.session import Session
from app.widgets.message_bar import MessageBarStack
from forecasting.events import RunFinished, SeriesLoaded
from forecasting.source_registry import source_spec

#: Commands that need a training that has finished, and those that need something that runs.
_AFTER_TRAINING = ("save_model", "longer")
_WHILE_RUNNING = ("stop", "cancel", "pause")
#: Steps of the tour, and what comes after the last.
_TRAIN, _JUDGE, _ENDED = 1, 2, 4


class HelpController(QObject):
    """Shows people the way.

    Parameters
    ----------
    window : QMainWindow
    session : Session
    presets : LayoutPresets
        Brings panels to the front.
    bars : MessageBarStack
        Is held back while the tour is shown.
    actions : Actions
    view_controller : ViewController
        Has the theme.
    preferences : Preferences
        Remembers that the tour was seen.

    Attributes
    ----------
    tour : Tour
    """

    def __init__(
        self,
        window: QMainWindow,
        session: Session,
        presets: LayoutPresets,
        bars: MessageBarStack,
        actions: Actions,
        view_controller: ViewController,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._actions, self._preferences = (
            window,
            session,
            actions,
            preferences,
        )
        self._presets, self._bars = presets, bars
        self.tour = Tour(window, self._steps(), lambda: bars.shown)
        self.tour.ended.connect(self._toured)
        self.tour.learn_requested.connect(actions["lessons"].trigger)
        self.tour.ended.connect(lambda: bars.hold(False))
        # A bar has its place once the layout was made anew.
        bars.arranged.connect(lambda: QTimer.singleShot(0, self, self.tour.refresh))
        self.docs: DocsDialog | None = None
        window.installEventFilter(self)
        actions["docs"].triggered.connect(lambda _checked=False: self.show_docs())
        session.event_received.connect(self._follow)
        session.state_changed.connect(lambda _state: self.tour.refresh())
        session.list_changed.connect(self.tour.refresh)
        view_controller.color_also(self.tour.set_theme)
        actions["palette"].triggered.connect(lambda _checked=False: self.find())
        actions["tour"].triggered.connect(lambda _checked=False: self._begin_tour())
        actions["full_screen"].triggered.connect(self.fill_screen)
        actions["shortcuts"].triggered.connect(
            lambda _checked=False: dialogs.show_shortcuts(window, actions.shortcuts())
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Open the page that a help text leads to."""
        if isinstance(event, QWhatsThisClickedEvent):
            self.show_docs(event.href())
            return True
        return super().eventFilter(watched, event)

    def show_docs(self, link: str = "window.md") -> None:
        """Open the documentation at a page and section, such as ``networks.md#options``."""
        if self.docs is None:
            self.docs = DocsDialog(QApplication.activeModalWidget() or self._window)
            self.docs.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.docs.destroyed.connect(self._docs_closed)
        self.docs.show()  # first: where a section stands follows from the width
        self.docs.show_page(link)
        self.docs.raise_()

    def _docs_closed(self) -> None:
        self.docs = None

    def welcome(self) -> None:
        """Show the tour, unless it was seen or left before."""
        if not self._preferences.toured and not self._preferences.safe:
            self._begin_tour()

    def _begin_tour(self) -> None:
        """Show the tour, and hold offers back until it has ended."""
        self._bars.hold(True)
        self.tour.begin()

    def find(self) -> Palette:
        """Open the palette over all that stands in the menus."""
        panels = {dock.windowTitle(): name for name, dock in self._presets.docks.items()}
        menus = [
            menu
            for action in self._window.menuBar().actions()
            if isinstance(menu := action.menu(), QMenu)
        ]
        found = tuple(
            # In the menu a panel is shown or hidden; who looks for one by its name wants to be
            # there.
            replace(item, do=self._goer(panels[item.text]))
            if item.text in panels and item.where.endswith(self._panels_title)
            else item
            for item in entries(menus, self._why)
        )
        palette = Palette(self._window, found)
        palette.show()  # not modal: a click elsewhere leaves it
        palette.activateWindow()
        return palette

    def fill_screen(self, filled: bool) -> None:
        """Let the window fill the screen, or give it its place back."""
        state = self._window.windowState()
        full = Qt.WindowState.WindowFullScreen
        self._window.setWindowState(state | full if filled else state & ~full)
        self._actions["full_screen"].setChecked(filled)

    def _why(self, action: QAction) -> str:
        """Tell what a command that cannot be used now waits for."""
        name, session = action.objectName(), self._session
        if name in _WHILE_RUNNING:
            return self.tr("nothing runs")
        if session.running or session.state == "preparing":
            return self.tr("stop or wait first")
        if session.row is None:
            return self.tr("load prices first")
        if name in _AFTER_TRAINING:
            return self.tr("train first")
        return self.tr("not now")

    @property
    def _panels_title(self) -> str:
        return self._actions.submenus["Panels"].title().replace("&", "")

    def _goer(self, name: str) -> Callable[[], None]:
        return lambda: self._panel(name).setFocus()

    def _toured(self) -> None:
        """Remember that the tour was seen, and take away what only the tour has shown."""
        self._preferences.toured = True
        if not self._session.history and self._session.result is None:
            self._presets.follow("look")
            self._presets.docks["model"].raise_()

    def _follow(self, event: object) -> None:
        """Let the tour go on once the user has loaded prices of their own, and once a training
        has ended.
        """
        references = self._session.references
        own = any(source_spec(item).options for item in references)
        if isinstance(event, SeriesLoaded) and self._session.asked_anew and own:
            self.tour.reach(_TRAIN)
        elif isinstance(event, RunFinished):
            QTimer.singleShot(0, self, lambda: self.tour.reach(_JUDGE))
        else:
            return
        self.tour.refresh()

    def exported(self) -> None:
        """End the tour once its last step is done."""
        if self._session.result is not None:
            self.tour.reach(_ENDED)

    def _steps(self) -> tuple[Step, ...]:
        return (
            Step(self.tr("Load prices"), self._about_loading, lambda: self._actions.ticker_field),
            Step(self.tr("Train a network"), self._about_training, lambda: self._panel("model")),
            Step(self.tr("Judge it"), self._about_judging, lambda: self._panel("results")),
            Step(self.tr("Save the picture"), self._about_saving, self._export_button),
        )

    def _loaded(self) -> str:
        """Return in words what is loaded; "" for nothing."""
        panel = self._session.panel
        if panel is None:
            return ""
        if len(panel) > 1:
            return self.tr("{n} series are loaded.").format(n=len(panel))
        series = panel[0]
        words = self.tr("{symbol} is loaded: {n} bars, {first} to {last}.")
        days = (str(series.ds[index])[:10] for index in (0, -1))
        first, last = days
        return words.format(symbol=series.symbol, n=f"{len(series):,}", first=first, last=last)

    def _about_loading(self) -> str:
        loaded = self._loaded()
        return " ".join(
            filter(
                None,
                (
                    self.tr(
                        "Drop a price file of your own anywhere on the window, open one (Ctrl+O), "
                        "or type a ticker here."
                    ),
                    loaded,
                    self.tr("Next goes on with that.") if loaded else "",
                ),
            )
        )

    def _about_training(self) -> str:
        if self._session.running:
            return self.tr(
                "It learns: watch the loss below and the forecast in the chart. Stop keeps the "
                "best network so far; Results open when it has ended."
            )
        first = self._loaded() or self.tr("Load prices first: drop a file, or press Ctrl+O.")
        return f"{first} " + self.tr(
            "Choose a network and how far ahead it looks, then press Train (Ctrl+T). Fast gives a "
            "first answer."
        )

    def _about_judging(self) -> str:
        result = self._session.result
        if result is None:
            return self.tr(
                "Results begin with one sentence: does the network beat the random walk on bars it "
                "has never seen? Most do not, and then it says so. Not financial advice."
            )
        from forecasting.summary import summarise

        judged = summarise(result.verdict, result.scores, freq=result.panel[0].freq or "")
        return f"{judged.sentence} " + self.tr("Results give the reasons. Not financial advice.")

    def _about_saving(self) -> str:
        if self._session.result is None:
            return self.tr(
                "After a training, Export (Ctrl+E) writes the chart as a picture, with dates, band "
                "and verdict, or its numbers as a table."
            )
        return self.tr(
            "Export (Ctrl+E) writes this forecast as a picture, with dates, band and verdict, or "
            "its numbers as a table."
        )

    def _export_button(self) -> QWidget:
        """Return the button of the toolbar, or the chart where there is no room for it."""
        for bar in self._window.findChildren(QToolBar):
            button = bar.widgetForAction(self._actions["export"])
            if button is not None and button.isVisible():
                return button
        return self._middle

    @property
    def _middle(self) -> QWidget:
        """What fills the middle of the window."""
        return self._window.centralWidget() or self._window

    def _panel(self, name: str) -> QWidget:
        """Bring a panel to the front and return its dock."""
        self._presets.open(name)
        return self._presets.docks[name]
