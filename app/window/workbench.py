"""All the wiring: builds the panels, hands their intents to the session, and shows what the session delivers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

from app import logbook
from app.access import complete, take_literally
from app.project import is_project
from app.session import Session
from app.settings import Preferences
from app.tasks import sweeping
from app.watchlist import Choice
from app.window import dialogs
from app.window.actions import Actions
from app.window.auditing import Auditing
from app.window.availability import DECIDED, available
from app.window.backtesting import Backtesting
from app.window.guiding import Guiding
from app.window.importer import Importer
from app.window.journaling import Journaling
from app.window.judging import Judging
from app.window.keeping import Keeping
from app.window.layout import Layout
from app.window.projecting import Projecting
from app.window.restoring import Restoring
from app.window.reusing import Reusing, is_network
from app.window.reviewing import Reviewing, Step
from app.window.running import Running
from app.window.runs import RunsDesk
from app.window.steering import Steering
from app.window.stepping import Stepping
from app.window.tickers import TickerDesk
from app.window.viewing import Viewing
from app.window.watching import Watching
from app.worker import Failure
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, Remedy
from forecasting.events import (
    Advice,
    AuditFinished,
    BacktestFinished,
    EngineReady,
    LearningRatesTried,
    Notice,
    Progress,
    RunFinished,
    SeriesLoaded,
    SplitMade,
)

FIRST_SAMPLE = "sample:sp500"
#: What runs aside under this name clears away what earlier starts left; no desk listens to it.
SWEEP = "sweep"
#: Next steps that the banner has room for.
_MOST_STEPS = 2
#: Milliseconds that a closing window waits for its threads.
_CLOSE_MS = 300


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
    viewing, watching, importer, tickers, keeping, judging, backtesting, stepping, journaling, auditing, running, runs, projecting,
    steering, reviewing, reusing, guiding
        The desks: each wires one thing that people do.
    """

    def __init__(self, window: QMainWindow, preferences: Preferences) -> None:
        super().__init__(window)
        self.window = window
        self._preferences = preferences
        self._closing = False
        self._fault: Failure | None = None
        self._noted: Failure | None = None
        self._fault_shown = False
        self._refused = ""
        self._steps: tuple[Step, ...] = ()
        self._progress_shown: Progress | None = None
        self._restoring = Restoring()
        self.session = Session()
        self.actions = Actions(window)
        self.layout = Layout(window, self.actions.submenus["Panels"])
        self.chart, self.banner, self.header, self._status = self.layout.chart, self.layout.banner, self.layout.header, self.layout.status
        self.data, self.model, self.training, self.results = self.layout.data, self.layout.model, self.layout.training, self.layout.results
        self.viewing = Viewing(self.session, self.chart, self.header, self.layout.set_theme, self.actions, preferences)
        self.watching = Watching(self.session, self.data, preferences, self.report)
        self.importer = Importer(window, self.session, self.watching)
        self.tickers = TickerDesk(window, self.session, self.watching, self.actions, preferences)
        self.keeping = Keeping(window, self.session, self.chart, self._status, self.viewing, preferences)
        self.judging = Judging(self.session, {"results": self.results.judged, "backtest": self.layout.backtest.judged})
        self.backtesting = Backtesting(
            self.session, self.layout.backtest, self.model, self.banner, self.layout.presets, self.actions, preferences
        )
        self.stepping = Stepping(self.session, self.chart, self.layout.stepper, self.actions, self.backtesting)
        self.journaling = Journaling(self.session, self.layout.journal, self.watching, self.stepping)
        self.auditing = Auditing(window, self.session, self.model, self.layout.backtest, self.actions)
        self.running = Running(self.session, self.chart, self.training, self.results, self.layout.presets)
        self.runs = RunsDesk(window, self.session, self.layout.runs, self.chart, self.model, self.watching, self.keeping.may_forget)
        self.projecting = Projecting(
            window,
            self.session,
            self.chart,
            self.model,
            self.layout.runs,
            self.layout.recovery,
            self._status,
            self.layout.presets,
            self.actions,
            self.viewing,
            self.watching,
            self.runs,
            preferences,
        )
        self.steering = Steering(
            window, self.session, self.layout.resume, self.training, self.model, self.actions, self.watching, self.report
        )
        self.reviewing = Reviewing(self.session, self.layout.presets, self.watching, self.model)
        self.reusing = Reusing(window, self.session, self.actions, self.keeping, self.journaling, preferences)
        self.guiding = Guiding(window, self.session, self.layout.presets, self.layout.bars, self.actions, self.viewing, preferences)
        self._wire_session()
        self._wire_panels()
        self._wire_actions()
        preferences.told = self.banner.show_lasting
        self.layout.compact_changed.connect(self.actions.set_compact)
        for name, action in self.actions.choices("layout").items():
            action.triggered.connect(partial(self._choose_layout, name))
        self.layout.presets.changed.connect(lambda: self.actions.check("layout", self.layout.presets.name))
        self.actions.set_compact(self.layout.compact)
        self.header.set_compact(self.layout.compact)
        self._restore()
        self.actions.reach_through_fields()
        complete(window)
        take_literally(window)

    def start(self, references: Sequence[str] = ()) -> None:
        """Bring back the watchlist, load what was asked for, what was trained last or the sample, and prepare the engine."""
        back = self._restoring
        restored = back.attempt(self.tr("the watchlist"), self.watching.restore)
        back.attempt(self.tr("the project"), self.projecting.start)
        if all(map(is_network, references)) and restored:
            back.attempt(self.tr("the watchlist"), self.watching.start)
        elif all(map(is_network, references)):
            self.load((FIRST_SAMPLE,))
        self.load(references)
        self.session.warm_up_soon()
        back.attempt(self.tr("the journal"), self.journaling.read)
        back.attempt(self.tr("the runs"), self.runs.start)
        back.attempt(self.tr("trainings that were cut short"), self.steering.start)
        self.session.aside(SWEEP, sweeping(self._preferences.data_file("watchlist.json").parent))
        self._show_state()
        back.tell(self.banner.show_lasting)

    def load(self, references: Sequence[str]) -> None:
        """Load files, tickers or samples onto the watchlist; they are what is trained from then on, and what a saved network forecasts."""
        project = next((one for one in references if is_project(one)), None)
        if project is not None:
            self.projecting.open(Path(project))
        else:
            self.watching.load(tuple(one for one in references if not is_network(one)))
        network = next((one for one in references if is_network(one)), None)
        if network is not None:
            self.reusing.open(network)

    def train(self) -> None:
        """Train with the settings of the form."""
        try:
            config = self.model.config()
        except ConfigError as error:
            self.banner.show_fault(error.message, error.hint)
            return
        self._preferences.run = config.to_json()
        self.banner.pass_on()
        self.attempt(lambda: self.session.train(config))

    def _choose_layout(self, name: str, _checked: bool = False) -> None:
        self.layout.presets.choose(name)

    def cancel(self) -> None:
        """Give up what runs; what was there before it comes back."""
        self.session.cancel()

    def export(self, path: str | Path) -> bool:
        """Begin to write what is shown; see :meth:`Keeping.export`."""
        return self.keeping.export(path)

    def save_model(self, path: str | Path) -> bool:
        """Write the network of the last run to a file. True when it was written."""
        return self.keeping.save_model(path)

    def set_theme(self, name: str) -> None:
        """Switch the whole program to a theme: ``system``, ``light`` or ``dark``."""
        self.viewing.set_theme(name)

    def attempt(self, do: Callable[[], object]) -> None:
        """Do something, and tell in the banner where it is refused."""
        try:
            do()
        except CandlecastError as error:
            self.report(error)

    def report(self, fault: Failure | BaseException, again: Callable[[], object] | None = None) -> None:
        """Tell of a fault: ours in the banner, with next steps as buttons, any other with all details.

        Parameters
        ----------
        fault : Failure or exception
        again : callable, optional
            Does once more what has failed.
        """
        failure = fault if isinstance(fault, Failure) else Failure.of(fault)
        self._fault = failure
        self._note("", failure)
        if not failure.details:
            helps = self.reviewing.steps(fault) if isinstance(fault, CandlecastError) else ()
            self._steps = helps or self.reviewing.corrections(failure.suggestions) or self.reviewing.remedies(failure.remedies, again)
            self._refused = self.importer.offers()
            if self._refused and len(self._steps) < _MOST_STEPS:
                self._steps += ((self.tr("Import with options…"), self._import_refused),)
            self.banner.show_fault(failure.message, failure.hint, choices=[name for name, _ in self._steps])
            return
        self.banner.show_fault(self.tr("Something went wrong: {what}").format(what=failure.message), details=True)
        self._show_details()

    def _import_refused(self) -> None:
        self.importer.open(self._refused)

    def _tell(self, message: str, hint: str, steps: tuple[Step, ...]) -> None:
        """Tell of something worth knowing, with next steps as buttons."""
        self._steps = steps
        self.banner.show_notice(message, hint, choices=[name for name, _ in steps])

    def _take_step(self, number: int) -> None:
        """Take one of the next steps that the banner offers; what a dialog may still settle stays until it is settled."""
        take = self._steps[number][1]
        if take != self._import_refused:
            self.banner.pass_on()
        self.attempt(take)

    def _take_remedy(self, remedy: Remedy) -> None:
        """Take a next step that a panel offers."""
        self.attempt(lambda: self.reviewing.take(remedy))

    def _note(self, name: str, failure: Failure) -> None:
        """Write an unexpected fault into the log, once; where no desk tells of what failed aside, tell of it."""
        if failure.details and failure is not self._noted:
            self._noted = failure
            logbook.fault(failure.details)
        if name == SWEEP:
            self.report(failure)

    def may_close(self) -> bool:
        """Ask where a run would be lost, then end all threads; False when the window is to stay.

        What cannot be interrupted, such as the import of torch, is waited for by whoever runs the program.
        """
        if not self.keeping.settle():
            return False
        if self.running.live and not self._leave_run():
            return False
        if self.backtesting.live and not dialogs.ask_close_while_testing(self.window):
            return False
        if not self.running.live and not self.keeping.may_forget():
            return False
        if not self.projecting.may_close():
            return False
        self.projecting.close()
        self._remember_settings()
        self.layout.remember(self._preferences)
        self.watching.save()
        self.session.close(_CLOSE_MS)
        return True

    def _show_details(self) -> None:
        """Show all that is known of the last fault; faults that come in a row share one dialog."""
        if self._fault and not self._fault_shown:
            self._fault_shown = True
            dialogs.show_fault(self.window, self._fault).finished.connect(self._details_closed)

    def _details_closed(self) -> None:
        self._fault_shown = False

    def _leave_run(self) -> bool:
        """Ask what becomes of the run at hand; True when it may be given up."""
        ask = dialogs.ask_close_while_paused if self.session.state == "paused" else dialogs.ask_close_while_training
        answer = "continue" if self._closing else ask(self.window)
        if answer == "keep":
            self._closing = True
            self.session.stop()
        elif answer == "later" and self.session.state == "idle":
            return True  # it ended while the question was open
        elif answer == "later":
            return self._suspend()
        return answer == "discard" or self.session.state == "idle"

    def _suspend(self) -> bool:
        """Keep the training for the next start; False, with words, where it cannot be kept."""
        if self.session.suspend():
            return True
        self.banner.show_fault(
            self.tr("The training could not be kept for the next start."),
            self.tr("It is paused. Stop it and save the network, or see that the folder for user data can be written."),
        )
        return False

    def _remember_settings(self) -> None:
        if self.projecting.path is not None:
            return  # those of a project are in its file
        try:
            self._preferences.run = self.model.config().to_json()
        except ConfigError:
            self._preferences.run = ""

    def _wire_session(self) -> None:
        self.session.delivered.connect(self._show_event)
        self.session.failed.connect(self.report)
        self.session.aside_failed.connect(self._note)
        self.session.state_changed.connect(self._show_state)
        self.session.list_changed.connect(self._enable)
        self.session.selected_changed.connect(self._enable)
        self.session.pulsed.connect(self._draw)

    def _wire_panels(self) -> None:
        self.viewing.color_also(self.importer.set_theme)
        self.viewing.color_also(self.steering.set_theme)
        self.chart.readout.connect(self._status.show_readout)
        self.watching.shown.connect(self._show_series)
        self.watching.told.connect(self.banner.show_lasting)
        self.watching.removed.connect(self.banner.pass_on)
        self.keeping.refused.connect(lambda fault: self.report(fault, self.keeping.again))
        self.reviewing.told.connect(self._tell)
        self.reviewing.train_wanted.connect(self.train)
        self.training.remedy_wanted.connect(self._take_remedy)
        self.model.remedy_wanted.connect(self._take_remedy)
        self.reusing.refused.connect(self.report)
        self.reusing.told.connect(self.banner.show_notice)
        self.reusing.shown.connect(self._show_series)
        self.backtesting.refused.connect(self.report)
        self.auditing.refused.connect(self.report)
        self.journaling.told.connect(self.banner.show_notice)
        self.journaling.warned.connect(self.banner.show_lasting)
        self.viewing.color_also(self.auditing.dialog.set_theme)
        self.projecting.refused.connect(self.report)
        self.projecting.told.connect(self.banner.show_notice)
        self.projecting.warned.connect(self.banner.show_lasting)
        self.projecting.changed.connect(self._show_project)
        self.runs.refused.connect(self.report)
        self.runs.told.connect(self.banner.show_notice)
        self.runs.warned.connect(self.banner.show_lasting)
        self.runs.recalled.connect(self._show_recalled)
        self.runs.deleted.connect(lambda: self.steering.offer_undo(self.runs))
        for show in (self.running.show_run, self.stepping.show_past):
            self.runs.filled.connect(show)
        self.runs.tested.connect(self.backtesting.recall)
        self.runs.tested.connect(lambda *_: self._show_series())
        self.keeping.wrote.connect(self._title)
        self.data.open_wanted.connect(self._ask_open)
        self.data.add_file_wanted.connect(lambda: self._ask_open("also"))
        self.data.add_ticker_wanted.connect(self.tickers.add)
        self.data.options_wanted.connect(self._ask_options)
        self.banner.action_wanted.connect(lambda: self._take_step(0))
        self.banner.other_wanted.connect(lambda: self._take_step(1))
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
        on("new_project", self.projecting.new)
        on("save_project", self.projecting.save)
        on("save_project_as", self.projecting.save_as)
        on("save_model", self.keeping.ask_save_model)
        on("export", self.keeping.ask_export)
        on("copy", self.keeping.copy_chart)
        on("quit", self.window.close)
        on("train", self.train)
        on("stop", self.session.stop)
        on("cancel", self.cancel)
        on("log", lambda: dialogs.show_folder(self.window, logbook.log_folder()))
        on("about", lambda: dialogs.show_about(self.window))
        for reference, action in self.actions.choices("sample").items():
            action.triggered.connect(self._opener(reference))

    def _restore(self) -> None:
        """Show what was remembered; what does not fit any more is left at its default."""
        back = self._restoring
        back.attempt(self.tr("the view of the chart"), self.viewing.restore)
        back.attempt(self.tr("the settings of the last run"), self._restore_config)
        back.attempt(self.tr("the settings of the last backtest"), self.backtesting.restore)
        back.attempt(self.tr("the places of the panels"), lambda: self.layout.restore(self._preferences))
        back.attempt(self.tr("the recent files"), self._show_recent)
        self._show_state()

    def _restore_config(self) -> None:
        if self._preferences.run:
            try:
                self.model.show_config(RunConfig.from_json(self._preferences.run))
            except ConfigError:
                self._preferences.run = ""

    def _show_event(self, event: object) -> None:
        match event:
            case SeriesLoaded():
                logbook.note(f"loaded {len(event.panel)} series of {sum(map(len, event.panel))} bars in all")
                self._show_panel()
                told, steps = self.reviewing.settlements(event.panel) if self.session.asked_anew else ("", ())
                if not told and self.session.asked_to_fetch:
                    told, steps = self.reviewing.outdated(event.panel)
                if told:
                    message, _, hint = told.partition(". ")
                    self._tell(f"{message}.", hint, steps)
            case EngineReady():
                self.model.offer_devices(event.devices)
                self._status.show_engine(event, warming=False)
            case Notice():
                steps = self.reviewing.corrections(event.suggestions) or self.reviewing.remedies(event.remedies)
                self._tell(event.message, event.hint, steps)
                self.running.show_notices()
            case Advice():
                if self.running.show_advice(event):
                    self.banner.show_notice(event.message, event.hint)
            case SplitMade():
                self.running.show_split(event)
            case RunFinished():
                logbook.note(f"trained for {event.result.info.epochs} epochs in {event.result.info.seconds:.1f} s")
                self.running.show_result()
                QApplication.alert(self.window)
                QTimer.singleShot(0, self, self._advise)
            case BacktestFinished() | AuditFinished() | LearningRatesTried():
                QApplication.alert(self.window)

    def _advise(self) -> None:
        """Offer what the training that has ended asks for; a fault that is told stays."""
        message, hint, steps = self.reviewing.advised()
        if steps and not (self.banner.text and self.banner.urgent):
            self._tell(message, hint, steps)

    def _show_panel(self) -> None:
        """Show freshly loaded prices."""
        session = self.session
        self.banner.pass_on()
        for reference in reversed(session.references):
            self._preferences.remember(reference)
        self._show_recent()
        self._show_series()

    def _show_series(self) -> None:
        """Show the selected series and all that is known of it."""
        series, row = self.session.series, self.session.row
        why = ("", "")
        if row is not None and row.series is None:
            later = self.tr("It is loaded once what runs now has ended.") if self.session.busy else ""
            why = (self.tr("{symbol} is not loaded").format(symbol=row.symbol), row.problem or later)
        self.layout.show_chart(series is not None, *why)
        self.header.show_series(series)
        self._status.show_series(series)
        self.chart.show_series(series)
        self.viewing.show_span()
        self.viewing.mark_style()
        self.running.show_run()
        self.stepping.show_past()
        self._title()

    def _show_project(self) -> None:
        self._show_recent()
        self._title()

    def _show_recalled(self) -> None:
        """Show an earlier run as if it had just ended."""
        self._show_series()
        self.running.show_result()

    def _show_progress(self, progress: Progress) -> None:
        self._progress_shown = progress
        if self.session.running or self.session.state == "loading":
            self._status.show_progress(progress)
        self.running.show_progress(progress)
        self._title()

    def _show_state(self) -> None:
        """Say what goes on, and make everything that can be pressed fit that."""
        self._enable()
        self._status.show_engine(self.session.engine, warming=self.session.warming)
        self._say_state(self.session.state)
        self.stepping.show_past()
        self._title()

    def _enable(self) -> None:
        """Make everything that can be pressed fit the state of the session, the watchlist and the row that is shown."""
        session, state = self.session, self.session.state
        running = state not in ("idle", "loading")
        ready = session.panel is not None and not session.busy
        self.model.show_running(running=running, stopping=state == "stopping", ready=ready, loading=state == "loading")
        named = self.actions
        can = available(session)
        for name in DECIDED:
            named[name].setEnabled(name in can)
        named["pause"].setChecked(state == "paused")
        for action in (*self.actions.submenus["Samples"].actions(), *self.actions.submenus["Recent"].actions()):
            action.setEnabled("open" in can)
        named.ticker_field.setEnabled("ticker" in can)

    def _say_state(self, state: str) -> None:
        words = {
            "loading": self.tr("Loading…"),
            "preparing": self.tr("Preparing the engine…"),
            "training": self.tr("Training…"),
            "paused": self.tr("Paused"),
            "searching": self.tr("Looking for a learning rate…"),
            "backtesting": self.tr("Testing through history…"),
            "auditing": self.tr("Looking for leaks…"),
            "forecasting": self.tr("Forecasting…"),
            "stopping": self.tr("Stopping…"),
        }
        if state == "idle":
            self._status.rest(self.tr("Ready") if self.session.panel else "")
            self.running.show_run()
            if self._closing:
                QTimer.singleShot(0, self._close_after_run)
            return
        self._status.show_progress(Progress(0, 0, words[state]))
        if self.session.task == "training":
            self.running.enter(state, words[state])

    def _close_after_run(self) -> None:
        """Offer to save the network that "Stop and keep" has kept, then close; without a file the window stays."""
        self._closing = False
        if self.session.finished and self.session.unsaved and not self.keeping.ask_save_model():
            return
        self.window.close()

    def _title(self) -> None:
        row, progress = self.session.row, self.session.progress
        share = f"[{progress.done * 100 // progress.total} %] " if self.session.running and progress and progress.total > 0 else ""
        project = self.projecting.path.name if self.projecting.path else ""
        shown = " – ".join(filter(None, (row.symbol if row else "", project)))
        program = self.tr("Candlecast (safe mode)") if self._preferences.safe else "Candlecast"
        self.window.setWindowTitle(f"{share}{shown}[*]{' – ' if shown else ''}{program}")
        self.window.setWindowModified(self.projecting.dirty if project else self.session.unsaved)

    def _draw(self) -> None:
        """Repaint what has changed: the one place from which charts are drawn and progress is told, 30 times a second at most."""
        if self.session.progress is not None and self.session.progress is not self._progress_shown:
            self._show_progress(self.session.progress)
        self.running.draw()
        self.chart.refresh()
        self._status.show_memory()

    def _show_recent(self) -> None:
        menu = self.actions.submenus["Recent"]
        menu.clear()
        for reference in self._preferences.recent:
            menu.addAction(reference).triggered.connect(self._opener(reference))
        menu.setEnabled(not menu.isEmpty())

    def _opener(self, reference: str) -> Callable[[], None]:
        return lambda: self.load((reference,))

    def _ask_open(self, choice: Choice = "only") -> None:
        files = dialogs.ask_open(self.window, self._preferences)
        if any(is_project(file) or is_network(file) for file in files):
            self.load(files)
        else:
            self.watching.load(files, choice)

    def _ask_import(self) -> None:
        files = dialogs.ask_open(self.window, self._preferences, one=True)
        if files:
            self.importer.open(files[0])

    def _ask_options(self, place: int) -> None:
        """Ask how a row is to be loaded."""
        request = self.session.watchlist[place].request
        dialogs_by_options = {"ticker": self.tickers.change, "read": self.importer.open_row}
        if request.spec.options:
            dialogs_by_options[request.spec.options](request)
