"""All the wiring: builds the panels, hands their intents to the session, and shows what the session delivers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMainWindow

from app import theme
from app.export import EXPORTERS, write
from app.panels.header import bars_in
from app.session import Session
from app.settings import SPANS, Preferences, Scale, Style
from app.watchlist import Choice
from app.window import dialogs
from app.window.actions import Actions
from app.window.importer import Importer
from app.window.layout import Layout
from app.window.tickers import TickerDesk
from app.window.watching import Watching
from app.worker import Failure
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import EngineReady, EpochEnd, ForecastMade, Notice, Progress, RunFinished, SeriesLoaded, SplitMade
from forecasting.series import Forecast

FIRST_SAMPLE = "sample:sp500"
MODEL_SUFFIX = ".candlecast"
#: Seconds between two live drawings: more often than that only slows the training down.
_LOSS_S, _FORECAST_S = 0.1, 0.3
#: Milliseconds that a closing window waits for its threads.
_CLOSE_MS = 300
#: A run that took this many seconds is not closed away without a question.
_WORTH_ASKING_S = 60


class Workbench(QObject):
    """Everything in the window, wired.

    Parameters
    ----------
    window : QMainWindow
        Is filled with menus, toolbar, chart, docks and status bar.
    preferences : Preferences
        Read at the start, written whenever something is chosen.

    Attributes
    ----------
    session : Session
    actions : Actions
    layout : Layout
    chart, banner, header, data, model, training, results
        The parts of the layout.
    """

    def __init__(self, window: QMainWindow, preferences: Preferences) -> None:
        super().__init__(window)
        self.window = window
        self._preferences = preferences
        self._closing = False
        self._epochs_shown = 0
        self._forecast_shown: ForecastMade | None = None
        self._loss_pace, self._forecast_pace = Pace(_LOSS_S), Pace(_FORECAST_S)
        self._fault: Failure | None = None
        self._fault_shown = False
        self._refused = ""
        self.session = Session()
        self.actions = Actions(window)
        self.layout = Layout(window, self.actions.submenus["Panels"])
        self.chart, self.banner, self.header, self._status = self.layout.chart, self.layout.banner, self.layout.header, self.layout.status
        self.data, self.model, self.training, self.results = self.layout.data, self.layout.model, self.layout.training, self.layout.results
        self.watching = Watching(self.session, self.data, preferences, self.report)
        self.importer = Importer(window, self.session, self.watching)
        self.tickers = TickerDesk(window, self.session, self.watching, self.actions, preferences)
        self._wire_session()
        self._wire_panels()
        self._wire_actions()
        self._restore()

    def start(self, references: Sequence[str] = ()) -> None:
        """Bring back the watchlist, load what was asked for, what was trained last or the sample, and prepare the engine."""
        restored = self.watching.restore()
        if references or not restored:
            self.load(references or (FIRST_SAMPLE,))
        else:
            self.watching.start()
        self.session.warm_up()
        self._show_state()

    def load(self, references: Sequence[str]) -> None:
        """Load files, tickers or samples onto the watchlist; they are what is trained from then on."""
        self.watching.load(tuple(references))

    def train(self) -> None:
        """Train with the settings of the form."""
        try:
            config = self.model.config()
        except ConfigError as error:
            self.banner.show_fault(error.message, error.hint)
            return
        self._preferences.run = config.to_json()
        self.banner.hide()
        self._try(lambda: self.session.train(config))

    def cancel(self) -> None:
        """Give up what runs; what was there before it comes back."""
        self.session.cancel()

    def export(self, path: str | Path) -> bool:
        """Write what is shown; the suffix decides on the format, and tables need a finished run. True when it was written."""
        finished, series = self.session.finished, self.session.series
        if series is None:
            return False
        result = finished.result if finished and not self._live else None
        return self._write(path, lambda: write(path, result, symbol=series.symbol, theme=self._theme, chart=self.chart))

    def save_model(self, path: str | Path) -> bool:
        """Write the network of the last run to a file. True when it was written."""
        finished = self.session.finished
        return finished is not None and self._write(path, lambda: finished.forecaster.save(Path(path)))

    def set_theme(self, name: str) -> None:
        """Switch the whole program to a theme: ``system``, ``light`` or ``dark``."""
        self._preferences.theme = name
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, theme.current(name))
        self._color()

    def report(self, fault: Failure | BaseException) -> None:
        """Tell of a fault: ours in the banner, any other with all details."""
        failure = fault if isinstance(fault, Failure) else Failure.of(fault)
        self._fault = failure
        if not failure.details:
            self._refused = self.importer.offers()
            self.banner.show_fault(failure.message, failure.hint, action=self.tr("Import with options…") if self._refused else "")
            return
        self.banner.show_fault(self.tr("Something went wrong: {what}").format(what=failure.message), details=True)
        self._show_details()

    def may_close(self) -> bool:
        """Ask where a run would be lost, then end all threads; False when the window is to stay.

        What cannot be interrupted, such as the import of torch, is waited for by whoever runs the program.
        """
        if self._live and not self._leave_run():
            return False
        if self._worth_asking() and not self._save_or_drop():
            return False
        self._remember_settings()
        self._preferences.keep_bytes("state", self.window.saveState())
        self.watching.save()
        self.session.close(_CLOSE_MS)
        return True

    def _color(self) -> None:
        """Give all parts the colours of the theme that the application has."""
        self._theme = theme.current(self._preferences.theme)
        self.actions.set_theme(self._theme)
        self.layout.set_theme(self._theme)
        self.importer.set_theme(self._theme)
        self.session.nudge()

    def _show_details(self) -> None:
        """Show all that is known of the last fault; faults that come in a row share one dialog."""
        if self._fault and not self._fault_shown:
            self._fault_shown = True
            dialogs.show_fault(self.window, self._fault).finished.connect(self._details_closed)

    def _details_closed(self) -> None:
        self._fault_shown = False

    def _leave_run(self) -> bool:
        """Ask what becomes of the run at hand; True when it may be given up."""
        answer = "continue" if self._closing else dialogs.ask_close_while_training(self.window)
        if answer == "keep":
            self._closing = True
            self.session.stop()
        return answer == "discard" or self.session.state == "idle"

    def _worth_asking(self) -> bool:
        """Whether a result is unsaved that took long enough to be missed."""
        finished = self.session.finished
        return finished is not None and self.session.unsaved and finished.result.info.seconds >= _WORTH_ASKING_S and not self._live

    def _save_or_drop(self) -> bool:
        answer = dialogs.ask_save(self.window)
        return answer == "discard" or (answer == "save" and self._ask_save_model())

    def _remember_settings(self) -> None:
        try:
            self._preferences.run = self.model.config().to_json()
        except ConfigError:
            self._preferences.run = ""

    @property
    def _live(self) -> bool:
        return self.session.state in ("training", "stopping")

    def _wire_session(self) -> None:
        self.session.delivered.connect(self._show_event)
        self.session.failed.connect(self.report)
        self.session.state_changed.connect(self._show_state)
        self.session.list_changed.connect(self._enable)
        self.session.pulsed.connect(self._draw)

    def _wire_panels(self) -> None:
        self.header.span_chosen.connect(self._set_span)
        self.chart.readout.connect(self._status.show_readout)
        self.watching.shown.connect(self._show_series)
        self.watching.told.connect(self.banner.show_notice)
        self.data.open_wanted.connect(self._ask_open)
        self.data.add_file_wanted.connect(lambda: self._ask_open("also"))
        self.data.add_ticker_wanted.connect(self.tickers.add)
        self.data.options_wanted.connect(self._ask_options)
        self.banner.action_wanted.connect(lambda: self.importer.open(self._refused))
        self.data.sample_wanted.connect(lambda: self.load((FIRST_SAMPLE,)))
        self.model.train_wanted.connect(self.train)
        self.model.stop_wanted.connect(self.session.stop)
        self.banner.details_wanted.connect(self._show_details)

    def _wire_actions(self) -> None:
        def on(name: str, do: Callable[[], object]) -> None:
            self.actions[name].triggered.connect(lambda _checked=False: do())

        on("open", self._ask_open)
        on("import", self._ask_import)
        on("ticker", self.actions.ticker_field.ask)
        on("reload", self.watching.reload)
        on("save_model", self._ask_save_model)
        on("export", self._ask_export)
        on("copy", self._copy_chart)
        on("quit", self.window.close)
        on("train", self.train)
        on("stop", self.session.stop)
        on("cancel", self.cancel)
        on("fit", lambda: self._drawn(self.chart.fit))
        on("shortcuts", lambda: dialogs.show_shortcuts(self.window, self.actions.shortcuts()))
        on("about", lambda: dialogs.show_about(self.window))
        for name, action in self.actions.named.items():
            group, dash, value = name.partition("-")
            if dash:
                action.triggered.connect(self._chooser(group, value))
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_theme_changed)

    def _chooser(self, group: str, value: str) -> Callable[[bool], None]:
        choose: dict[str, Callable[[Any], None]] = {
            "style": self._set_style,
            "scale": self._set_scale,
            "span": self._set_span,
            "theme": self.set_theme,
            "sample": lambda name: self.load((f"sample:{name}",)),
        }

        def chosen(_checked: bool = False) -> None:
            choose[group](value)

        return chosen

    def _restore(self) -> None:
        """Show what was remembered; what does not fit any more is left at its default."""
        self.actions.check("theme", self._preferences.theme)
        self._color()
        self._set_style(self._preferences.style)
        self._set_scale(self._preferences.scale)
        self.actions.check("span", self._preferences.span)
        self.header.show_span(self._preferences.span)
        if self._preferences.run:
            try:
                self.model.show_config(RunConfig.from_json(self._preferences.run))
            except ConfigError:
                self._preferences.run = ""
        self.layout.restore(self._preferences)
        self._show_recent()
        self._show_state()

    def _show_event(self, event: object) -> None:
        match event:
            case SeriesLoaded():
                self._show_panel()
            case EngineReady():
                self.model.offer_devices(event.devices)
                self._status.show_engine(event, warming=False)
            case Progress():
                self._show_progress(event)
            case Notice():
                self.banner.show_notice(event.message, event.hint)
            case SplitMade():
                self.training.show_split(event)
                self.chart.show_split(event if self.session.shown_is_trained else None)
            case EpochEnd() if self.session.progress:
                self._show_progress(self.session.progress)
            case RunFinished():
                self.layout.docks["results"].raise_()
                QApplication.alert(self.window)

    def _show_panel(self) -> None:
        """Show freshly loaded prices."""
        session = self.session
        self.banner.hide()
        for reference in reversed(session.references):
            self._preferences.remember(reference)
        self._show_recent()
        self._show_series()

    def _show_series(self) -> None:
        """Show the selected series and all that is known of it."""
        series, row = self.session.series, self.session.row
        why = (self.tr("{symbol} is not loaded").format(symbol=row.symbol), row.problem) if row and row.problem else ("", "")
        self.layout.show_chart(series is not None, *why)
        self.header.show_series(series)
        self._status.show_series(series)
        self.chart.show_series(series)
        self._show_span()
        self._show_run(live=self._live)
        self._title()

    def _show_run(self, *, live: bool) -> None:
        """Show what is known of the run at hand (``live``), or else of the last one that has finished."""
        session = self.session
        result = session.finished.result if session.finished and not live else None
        split, history = (result.split, result.history) if result else (session.split, session.history)
        own = session.shown_is_trained
        forecasts = result.forecasts if result else session.forecast.forecasts if session.forecast else ()
        self.chart.show_split(split if own else None)
        self.chart.show_forecast(
            self._own(forecasts), baseline=self._own(result.baseline_forecasts) if result else None, final=result is not None
        )
        self.chart.show_outcomes(next(iter(result.outcomes.values())) if result and own else None)
        self.results.show_result(result)
        self.training.show_split(split)
        self.training.show_history(history)
        self._epochs_shown, self._forecast_shown = len(history), session.forecast
        if not live and history:
            self.training.show_state(self.tr("Finished") if result else self.tr("Ended without a result"), running=False)
        elif not live:
            self.training.clear()
        session.nudge()

    def _show_progress(self, progress: Progress) -> None:
        if self._live or self.session.state == "loading":
            self._status.show_progress(progress)
        if self._live:
            self.training.show_state(progress.message, running=True)
            self.training.show_progress(progress)
        self._title()

    def _show_state(self) -> None:
        """Say what goes on, and make everything that can be pressed fit that."""
        self._enable()
        self._status.show_engine(self.session.engine, warming=self.session.warming)
        self._say_state(self.session.state)
        self._title()

    def _enable(self) -> None:
        """Make everything that can be pressed fit the state of the session and of the watchlist."""
        session, state = self.session, self.session.state
        running = state in ("preparing", "training", "stopping")
        ready = session.panel is not None and not session.busy
        self.model.show_running(running=running, stopping=state == "stopping", ready=ready)
        named = self.actions
        for name in ("open", "import", "ticker"):
            named[name].setEnabled(not running)
        named["reload"].setEnabled(not running and session.row is not None)
        for action in (*self.actions.submenus["Samples"].actions(), *self.actions.submenus["Recent"].actions()):
            action.setEnabled(not running)
        named.ticker_field.setEnabled(not running)
        named["train"].setEnabled(ready)
        named["stop"].setEnabled(session.busy and state != "stopping")
        named["cancel"].setEnabled(session.busy)
        named["save_model"].setEnabled(session.finished is not None and not running)
        for name in ("export", "copy", "fit"):
            named[name].setEnabled(session.series is not None)

    def _say_state(self, state: str) -> None:
        words = {
            "loading": self.tr("Loading…"),
            "preparing": self.tr("Preparing the engine…"),
            "training": self.tr("Training…"),
            "stopping": self.tr("Stopping…"),
        }
        if state == "idle":
            self._status.rest(self.tr("Ready") if self.session.panel else "")
            self._show_run(live=False)
            if self._closing:
                QTimer.singleShot(0, self._close_after_run)
            return
        self._status.show_progress(Progress(0, 0, words[state]))
        if state != "loading":
            self.training.show_state(words[state], running=True)
            self.training.show_progress(Progress(0, 0, words[state]))
        if state == "training":
            self.layout.docks["training"].raise_()
            self._show_run(live=True)

    def _close_after_run(self) -> None:
        """Offer to save the network that "Stop and keep" has kept, then close; without a file the window stays."""
        self._closing = False
        if self.session.finished and self.session.unsaved and not self._ask_save_model():
            return
        self.window.close()

    def _title(self) -> None:
        series, progress = self.session.series, self.session.progress
        running = self.session.state == "training" and progress is not None and progress.total > 0
        share = f"[{progress.done * 100 // progress.total} %] " if running and progress else ""
        self.window.setWindowTitle(f"{share}{series.symbol + '[*] – ' if series else '[*]'}Candlecast")
        self.window.setWindowModified(self.session.unsaved)

    def _draw(self) -> None:
        """Repaint what has changed: the one place from which charts are drawn, 30 times a second at most."""
        session = self.session
        if self._live and len(session.history) != self._epochs_shown and self._loss_pace.due():
            self._epochs_shown = len(session.history)
            self.training.show_history(session.history)
        if self._live and session.forecast is not self._forecast_shown and self._forecast_pace.due():
            self._forecast_shown = session.forecast
            self.chart.show_forecast(self._own(session.forecast.forecasts if session.forecast else ()), final=False)
        self.chart.refresh()
        self.training.chart.refresh()

    def _own(self, forecasts: Sequence[Forecast]) -> Forecast | None:
        """Return the forecast of the selected series."""
        series = self.session.series
        shown = series.symbol if series and self.session.shown_is_trained else ""
        return next((one for one in forecasts if one.symbol == shown), None)

    def _drawn(self, change: Callable[[], object]) -> None:
        change()
        self.session.nudge()

    def _set_style(self, name: Style) -> None:
        self._preferences.style = name
        self.actions.check("style", name)
        self._drawn(lambda: self.chart.set_style(name))

    def _set_scale(self, name: Scale) -> None:
        self._preferences.scale = name
        self.actions.check("scale", name)
        self._drawn(lambda: self.chart.set_scale(name))

    def _set_span(self, span: str) -> None:
        assert span in SPANS
        self._preferences.span = span
        self.actions.check("span", span)
        self.header.show_span(span)
        self._show_span()

    def _show_span(self) -> None:
        series = self.session.series
        if series:
            self.chart.show_range(bars_in(series, self._preferences.span))
            self.session.nudge()

    def _show_recent(self) -> None:
        menu = self.actions.submenus["Recent"]
        menu.clear()
        for reference in self._preferences.recent:
            menu.addAction(reference).triggered.connect(self._recent_opener(reference))
        menu.setEnabled(not menu.isEmpty())

    def _recent_opener(self, reference: str) -> Callable[[], None]:
        return lambda: self.load((reference,))

    def _system_theme_changed(self) -> None:
        if self._preferences.theme == "system":
            self.set_theme("system")

    def _ask_open(self, choice: Choice = "only") -> None:
        self.watching.load(dialogs.ask_open(self.window, self._preferences), choice)

    def _ask_import(self) -> None:
        files = dialogs.ask_open(self.window, self._preferences, one=True)
        if files:
            self.importer.open(files[0])

    def _ask_options(self, place: int) -> None:
        """Ask how a row is to be loaded."""
        request = self.session.watchlist[place].request
        if request.kind == "yahoo":
            self.tickers.change(request)
        elif request.kind == "file":
            self.importer.open_row(request)

    def _ask_export(self) -> bool:
        kinds = {suffix: exporter.label for suffix, exporter in EXPORTERS.items()}
        path = dialogs.ask_save_path(self.window, self._preferences, self.tr("Export the forecast"), self._stem(), kinds)
        return bool(path) and self.export(path)

    def _ask_save_model(self) -> bool:
        kinds = {MODEL_SUFFIX: self.tr("Candlecast network")}
        path = dialogs.ask_save_path(self.window, self._preferences, self.tr("Save the network"), self._stem(), kinds)
        return bool(path) and self.save_model(path)

    def _stem(self) -> str:
        """Return a file name without suffix for what is shown: symbol, network if there is one, last date."""
        finished, series = self.session.finished, self.session.series
        assert series is not None
        symbol = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in series.symbol)
        network = [finished.result.config.model.model.upper()] if finished else []
        return "-".join([symbol, *network, str(series.ds[-1])[:10]])

    def _copy_chart(self) -> None:
        QApplication.clipboard().setPixmap(self.chart.grab())
        self._status.rest(self.tr("Chart copied"))

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except CandlecastError as error:
            self.report(error)

    def _write(self, path: str | Path, do: Callable[[], object]) -> bool:
        try:
            do()
        except CandlecastError as error:
            self.report(error)
            return False
        self.session.unsaved = False
        self._status.rest(self.tr("Wrote {path}").format(path=path))
        self._title()
        return True


class Pace:
    """Tells whether it is time again.

    Parameters
    ----------
    seconds : float
        Least time between two times.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def due(self) -> bool:
        """Whether the time has come; asking with that answer starts the next wait."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
