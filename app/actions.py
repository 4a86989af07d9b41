"""Everything the user can command, declared once: menus, toolbar, shortcuts, tool tips and the
list under F1 come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QLineEdit,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QToolBar,
    QWidget,
)

from app.charts.drawing import KINDS
from app.preferences import SCALES, SPANS, STYLES
from app.theme import THEME_NAMES, Theme, icon
from app.widgets.ticker_field import TickerField, TickerSettings
from forecasting.source_registry import catalog

#: Width in pixels of the box for tickers, and in a small window.
_TICKERS, _TICKERS_COMPACT = 190, 130


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    text : str
        For menus.
    keys, picture, help : str
        Shortcut (several are separated by ``; ``), icon, and a sentence for the tool tip.
    group : str
        Choices of one group exclude each other.
    switch : bool
        It is on or off.
    needs : str
        What the session must have for it to be enabled, a key of ``RULES`` in
        ``app/window/availability.py``; "" for nothing.
    after, before : str
        Entry of the menus that a command of a feature stands next to.
    """

    text: str
    keys: str = ""
    picture: str = ""
    help: str = ""
    group: str = ""
    switch: bool = False
    needs: str = ""
    after: str = ""
    before: str = ""


#: Letter that draws prices in a style, with Ctrl and Shift.
_STYLE_KEYS = {"candles": "K", "bars": "B", "line": "L", "area": "R"}

#: Letter that draws each kind of drawing, with Alt and Shift.
_DRAWING_KEYS = {
    "horizontal": "H", "vertical": "V", "trend": "T", "ray": "R", "rectangle": "E", "note": "N",
}  # fmt: skip

#: The commands by name. Those with a group are choices, of which one is checked.
COMMANDS: dict[str, Command] = {
    "open": Command(
        "&Open…",
        "Ctrl+O",
        "open",
        "Open prices, a project or a saved network; several files of prices make one panel",
        needs="rest",
    ),
    "import": Command(
        "&Import…",
        "Ctrl+I",
        "settings",
        "Look at a file and settle how it is read, then load it",
        needs="rest",
    ),
    "paste": Command(
        "&Paste prices…",
        "Ctrl+V",
        "",
        "Look at a table from the clipboard, then load it; or load the files that were copied",
        needs="rest",
    ),
    "ticker": Command(
        "&Ticker…",
        "Ctrl+L",
        "ticker",
        "Load prices from Yahoo Finance (data for personal use)",
        needs="rest",
    ),
    "new_project": Command(
        "&New project",
        "Ctrl+N",
        "project",
        "Begin with an empty watchlist and the default settings",
        needs="rest",
    ),
    "save_project": Command(
        "&Save project",
        "Ctrl+S",
        "save",
        "Write watchlist, settings, shown runs and view to a project file",
    ),
    "save_project_as": Command(
        "Save project &as…", "Ctrl+Shift+S", "", "Write the project to another file"
    ),
    "autosave": Command(
        "Save a&utomatically",
        help="Write a project to its file two seconds after each change",
        switch=True,
    ),
    "reload": Command(
        "Refres&h",
        "F5",
        "refresh",
        "Read the loaded files again and bring tickers up to date",
        needs="row",
    ),
    "find_series": Command(
        "Find in the w&atchlist",
        "Ctrl+Alt+F",
        "find",
        "Type part of a symbol, a file or a group",
    ),
    "offline": Command(
        "Work off&line",
        help="Take tickers from the price cache of this computer, and tell how old they are",
        switch=True,
    ),
    "use_model": Command(
        "&Forecast with a saved network…",
        "Ctrl+Shift+F",
        "forecast",
        "Let a network from a file forecast what is checked",
        needs="prices",
    ),
    "save_model": Command(
        "Save &model…",
        "Ctrl+Shift+M",
        "model",
        "Write the trained network to a file that holds no code",
        needs="network",
    ),
    "export": Command(
        "&Export…",
        "Ctrl+E",
        "export",
        "Write the forecast as PNG, SVG, PDF, CSV, Parquet or HTML report",
        needs="chart",
    ),
    "copy": Command(
        "&Copy chart", "Ctrl+Shift+C", "copy", "Copy the price chart as an image", needs="chart"
    ),
    "quit": Command("&Quit", "Ctrl+Q", "quit", "Close the window"),
    "train": Command(
        "&Train", "Ctrl+T", "train", "Train the network on the loaded prices", needs="prices"
    ),
    "undo": Command(
        "&Undo",
        "Ctrl+Z",
        "undo",
        "Take back what was done last: a setting, a drawing, series off the list, deleted runs",
    ),
    "redo": Command(
        "&Redo", "Ctrl+Y; Ctrl+Shift+Z", "redo", "Make the change again that was taken back"
    ),
    "pause": Command(
        "&Pause",
        "Ctrl+P",
        "pause",
        "Let the training wait, or go on",
        switch=True,
        needs="pausable",
    ),
    "longer": Command(
        "Train &longer",
        "Ctrl+Shift+T",
        "plus",
        "Go on with the finished training for as many more epochs as the form says",
        needs="training",
    ),
    "backtest": Command(
        "&Backtest",
        "Ctrl+B",
        "backtest",
        "Test the network through history, from every date of the test part",
        needs="prices",
    ),
    "past_previous": Command(
        "&Previous past forecast",
        "Alt+Left",
        "previous",
        "Step back through past forecasts, against what happened",
    ),
    "past_next": Command(
        "&Next past forecast",
        "Alt+Right",
        "next",
        "Step on through past forecasts, against what happened",
    ),
    "past_play": Command(
        "Pla&y past forecasts",
        "Ctrl+Shift+Space",
        "train",
        "Play the past forecasts one after the other, or wait",
    ),
    "past_worst": Command(
        "&Worst misses", "", "", "Go through the past forecasts that were farthest off"
    ),
    "past_best": Command("&Best days", "", "", "Go through the past forecasts that were nearest"),
    "past_outside": Command(
        "Days &outside the band", "", "", "Go through the past days outside the 80 % band"
    ),
    **{
        f"draw-{name}": Command(
            spec.title, f"Alt+Shift+{_DRAWING_KEYS[name]}", f"draw-{name}", spec.help, "draw"
        )
        for name, spec in KINDS.items()
    },
    "draw-measure": Command(
        "&Measure",
        "Alt+Shift+M",
        "draw-measure",
        "Drag over the chart to read change, percent, bars and days; Shift and drag do the same",
        "draw",
    ),
    "draw-magnet": Command(
        "Ma&gnet",
        "Alt+Shift+G",
        "draw-magnet",
        "Let open, high, low and close near the pointer catch it; Ctrl does the opposite",
        switch=True,
    ),
    "draw-hide": Command(
        "&Hide drawings",
        "",
        "draw-hide",
        "Hide lines, rectangles and notes, or show them",
        switch=True,
    ),
    "draw-clear": Command(
        "&Delete all drawings", "", "delete", "Delete the drawings of this series; Undo brings back"
    ),
    "draw-dates": Command(
        "Mark dates of a &file…",
        "",
        "",
        "Mark the dates of a CSV or text file at the foot of the chart: one a line, then its text",
    ),
    "draw-bar": Command(
        "Show drawing &tools", "", "", "Show the tools beside the chart, or hide them", switch=True
    ),
    "stop": Command(
        "&Stop", "Esc", "stop", "Stop and keep the best network so far", needs="stoppable"
    ),
    "cancel": Command(
        "&Cancel",
        "Shift+Esc",
        "cancel",
        "Give up what runs and throw its result away",
        needs="busy",
    ),
    "fit": Command("&Fit", "Ctrl+0", "fit", "Show the whole chart", needs="chart"),
    "full_screen": Command(
        "F&ull screen", "F11", "", "Let the window fill the screen, or not", switch=True
    ),
    "palette": Command(
        "&Find a command…",
        "Ctrl+K",
        "",
        "Find any command, recent file or sample by typing a few letters",
    ),
    "tour": Command(
        "&Tour", "", "", "Be shown the four steps: load, train, judge, save the picture"
    ),
    "docs": Command("&Documentation", "", "help", "Read about settings, verdicts, data and files"),
    "shortcuts": Command("&Shortcuts", "F1", "help", "List all shortcuts"),
    "log": Command(
        "Open &log folder",
        "",
        "open",
        "Show the folder of the log: starts, loads and faults, never prices",
    ),
    "about": Command("&About Candlecast", "", "info", "Version, licence, and what it is not"),
    **{
        f"style-{name}": Command(
            f"&{name.capitalize()}",
            f"Ctrl+Shift+{_STYLE_KEYS[name]}",
            name,
            f"Draw prices as {name}",
            "style",
        )
        for name in STYLES
    },
    "scale-linear": Command(
        "&Linear scale", "Ctrl+Shift+N", "linear", "Equal steps of price look equal", "scale"
    ),
    "scale-log": Command(
        "Lo&garithmic scale", "Ctrl+Shift+G", "log", "Equal changes in percent look equal", "scale"
    ),
    "scale-percent": Command(
        "&Percent scale",
        "Ctrl+Shift+P",
        "percent",
        "Change in percent since the first bar in view; B chooses another",
        "scale",
    ),
    **{
        f"span-{span}": Command(span, f"Alt+{place}", "", f"Show {span}", "span")
        for place, span in enumerate(SPANS, start=1)
    },
    "layout-look": Command(
        "Layout &Look",
        "Ctrl+1",
        "",
        "Give the chart all the room, with the data beside it",
        "layout",
    ),
    "layout-train": Command(
        "Layout &Train",
        "Ctrl+2",
        "",
        "Stand the model beside the chart, and its training below",
        "layout",
    ),
    "layout-judge": Command(
        "Layout &Judge", "Ctrl+3", "", "Stand the results below the chart, with more room", "layout"
    ),
    **{
        f"charts-{count}": Command(
            text,
            f"Alt+Shift+{count}",
            "",
            "Show so many series at once, with one crosshair",
            "charts",
        )
        for count, text in {1: "&One chart", 2: "&Two charts", 4: "&Four charts"}.items()
    },
    **{
        f"theme-{name}": Command(f"&{name.capitalize()}", "", "", f"Use the {name} theme", "theme")
        for name in THEME_NAMES
    },
    **{
        f"sample-{reference}": Command(
            title.replace("&", "&&"), "", "", "Load a sample that comes with the program"
        )
        for reference, title in catalog().items()
    },
}
assert set(SCALES) == {
    name.removeprefix("scale-") for name in COMMANDS if name.startswith("scale-")
}

#: Menus from left to right; "-" is a separator, ">" opens a submenu of all commands with a prefix.
MENUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "&File",
        (
            "new_project",
            "open",
            "save_project",
            "save_project_as",
            "autosave",
            "-",
            "import",
            "ticker",
            ">&Samples:sample-",
            ">&Recent:",
            "reload",
            "offline",
            "-",
            "use_model",
            "save_model",
            "export",
            "-",
            "quit",
        ),
    ),
    ("&Edit", ("undo", "redo", "-", "copy", "paste", "-", "find_series")),
    (
        "&View",
        (
            "style-*",
            "-",
            "scale-*",
            "-",
            ">&Range:span-",
            "fit",
            ">Pas&t forecasts:past_",
            ">Dra&w:draw-",
            "-",
            ">&Indicators:",
            ">C&ompare with:",
            ">&Bars in the chart:",
            ">C&harts:charts-",
            ">&Panels:",
            "layout-*",
            "-",
            ">&Theme:theme-",
            "full_screen",
        ),
    ),
    (
        "&Run",
        (
            "train",
            "longer",
            "pause",
            "-",
            "backtest",
            "-",
            "stop",
            "cancel",
        ),
    ),
    ("&Help", ("palette", "tour", "docs", "shortcuts", "-", "log", "about")),
)


#: Keys that a text field keeps for itself although the window has a command for them.
_EDITING = (
    QKeySequence.StandardKey.Undo,
    QKeySequence.StandardKey.Redo,
    QKeySequence.StandardKey.Cut,
    QKeySequence.StandardKey.Copy,
    QKeySequence.StandardKey.Paste,
    QKeySequence.StandardKey.SelectAll,
)


def _with_features(
    commands: Mapping[str, Command],
) -> tuple[dict[str, Command], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return all commands, and the menus with those of the features in their places."""
    every = dict(COMMANDS)
    menus = {title: list(entries) for title, entries in MENUS}
    for name, command in commands.items():
        neighbour = command.after or command.before
        entries = next(entries for entries in menus.values() if neighbour in entries)
        entries.insert(entries.index(neighbour) + bool(command.after), name)
        names = list(every)
        known = neighbour in every  # else it is a submenu
        names.insert(names.index(neighbour) + bool(command.after) if known else len(names), name)
        every[name] = command
        every = {other: every[other] for other in names}
    return every, tuple((title, tuple(entries)) for title, entries in menus.items())


class _CommandsFirst(QObject):
    """Gives the window its shortcuts also while a text field has the focus.

    On X11 a ``QLineEdit`` takes Ctrl+E for "end of line" and Ctrl+K for "delete to the end".
    """

    def __init__(self, window: QMainWindow, actions: Iterable[QAction]) -> None:
        super().__init__(window)
        editing = [keys for standard in _EDITING for keys in QKeySequence.keyBindings(standard)]
        self._commands = [
            keys
            for action in actions
            if not (keys := action.shortcut()).isEmpty() and keys not in editing
        ]

    def watch(self, part: QWidget) -> None:
        """Look at the keys of all text fields of a part of the window."""
        for field in (*part.findChildren(QLineEdit), *part.findChildren(QAbstractSpinBox)):
            field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave a key with Ctrl that belongs to a command to the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if held and QKeySequence(event.keyCombination()) in self._commands:
                event.ignore()
                return True
        return super().eventFilter(watched, event)


class Actions:
    """All actions of the window, its menus and its toolbar.

    Parameters
    ----------
    window : QMainWindow
    features : mapping of str to Command
        Commands of the features by name.

    Attributes
    ----------
    commands : dict of str to Command
        :data:`COMMANDS` and those of the features.
    named : dict of str to QAction
        Every action under the name of its command.
    submenus : dict of str to QMenu
        Menus below menus by their title; "Recent", "Indicators" and "Panels" are for others to
        fill.
    ticker_field : TickerField
    ticker_settings : TickerSettings
    """

    def __init__(self, window: QMainWindow, features: Mapping[str, Command]) -> None:
        self._window = window
        self.commands, menus = _with_features(features)
        self.named: dict[str, QAction] = {}
        self._theme: Theme | None = None
        self._menus_drawn = False
        self._groups: dict[str, QActionGroup] = {}
        for name, command in self.commands.items():
            self.named[name] = self._action(name, command)
        self.submenus: dict[str, QMenu] = {}
        for title, entries in menus:
            self._fill(window.menuBar().addMenu(_tr(title)), entries)
        self.ticker_field, self.ticker_settings = TickerField(), TickerSettings()
        self.ticker_field.setFixedWidth(_TICKERS)
        self._bar = self._toolbar()
        self._commands_first = _CommandsFirst(window, self.named.values())
        self.set_compact(compact=False)

    def __getitem__(self, name: str) -> QAction:
        """Return an action by its name."""
        return self.named[name]

    def reach_through_fields(self, part: QWidget) -> None:
        """Let the shortcuts work while a text field of a part of the window has the focus."""
        self._commands_first.watch(part)

    def set_compact(self, compact: bool) -> None:
        """Fit the toolbar into a small window: a shorter box for tickers."""
        self.ticker_field.setFixedWidth(_TICKERS_COMPACT if compact else _TICKERS)
        self.ticker_field.setPlaceholderText(
            _tr("Tickers") if compact else _tr("Tickers, e.g. AAPL, MSFT")
        )

    def choices(self, group: str) -> dict[str, QAction]:
        """Return the actions of a group, or of all commands that begin with it, under what they
        choose.
        """
        return {
            name.removeprefix(f"{group}-"): action
            for name, action in self.named.items()
            if name.startswith(f"{group}-")
        }

    def check(self, group: str, value: str) -> None:
        """Mark the choice of a group that holds; "" where none does."""
        if value:
            self.named[f"{group}-{value}"].setChecked(True)
            return
        for action in self.choices(group).values():
            action.setChecked(False)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of a theme; those of the menus not before
        :meth:`draw_menus`.
        """
        self._theme = theme
        seen = self.named.values() if self._menus_drawn else self._bar.actions()
        for action in seen:
            picture = self.commands[action.objectName()].picture if action.objectName() else ""
            if picture:
                action.setIcon(icon(picture, theme))

    def draw_menus(self) -> None:
        """Draw also the icons that are seen in menus only; to be called once the window is
        shown.
        """
        self._menus_drawn = True
        if self._theme is not None:
            self.set_theme(self._theme)

    def shortcuts(self) -> list[tuple[str, str]]:
        """Return text and keys of every action that has keys, in the order of the menus."""
        texts = []
        for name, action in self.named.items():
            group = self.commands[name].group
            text = action.iconText()
            if group and not text.startswith(group.capitalize()):
                text = f"{_tr(group.capitalize())}: {text}"
            texts.append((text, action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)))
        return [(text, keys) for text, keys in texts if keys]

    def _action(self, name: str, command: Command) -> QAction:
        action = QAction(_tr(command.text), self._window)
        action.setObjectName(name)
        action.setShortcuts(QKeySequence.listFromString(command.keys))
        help_text = _tr(command.help)
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{help_text} ({keys})" if keys else help_text)
        action.setStatusTip(help_text)
        action.setCheckable(command.switch)
        if command.group:
            action.setIconVisibleInMenu(False)
            group = self._groups.setdefault(command.group, QActionGroup(self._window))
            if command.group in ("layout", "draw"):  # none of them may hold
                group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
            action.setCheckable(True)
            group.addAction(action)
        self._window.addAction(action)
        return action

    def _fill(self, menu: QMenu, entries: tuple[str, ...]) -> None:
        menu.setToolTipsVisible(True)
        for entry in entries:
            if entry == "-":
                menu.addSeparator()
            elif entry.startswith(">"):
                title, _, prefix = entry[1:].partition(":")
                below = menu.addMenu(_tr(title))
                self.submenus[title.replace("&", "")] = below
                below.addActions(self._starting(prefix))
            elif entry.endswith("*"):
                menu.addActions(self._starting(entry[:-1]))
            else:
                menu.addAction(self.named[entry])

    def _starting(self, prefix: str) -> list[QAction]:
        return [action for name, action in self.named.items() if prefix and name.startswith(prefix)]

    def _toolbar(self) -> QToolBar:
        bar = QToolBar(_tr("Toolbar"))
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.addAction(self.named["open"])
        bar.addWidget(self.ticker_field)
        bar.addWidget(self.ticker_settings)
        bar.addSeparator()
        bar.addActions(self._starting("style-"))
        bar.addSeparator()
        bar.addActions(self._starting("scale-"))
        bar.addAction(self.named["fit"])
        room = QWidget()
        room.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(room)
        bar.addAction(self.named["save_model"])
        bar.addAction(self.named["export"])
        for action in bar.actions():
            button = bar.widgetForAction(action)
            if button is not None and action.toolTip():
                button.setAccessibleName(action.iconText())
        self._window.addToolBar(bar)
        return bar
