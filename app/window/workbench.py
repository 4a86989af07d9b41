"""All the wiring: builds the panels, hands their intents to the session, and shows what the
session delivers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QWidget

from app import dialogs, log
from app.accessibility import complete, take_literally
from app.actions import Actions
from app.background import Failure, Reporting
from app.features.backtest.controller import BacktestController
from app.features.evaluation.controller import EvaluationController
from app.features.export.controller import ExportController
from app.features.feature_controllers import FeatureControllers
from app.features.help.controller import HelpController
from app.features.importing.clipboard import ClipboardImport
from app.features.importing.controller import ImportController
from app.features.journal.controller import JournalController
from app.features.past_forecasts.controller import PastForecastController
from app.features.past_forecasts.from_here import ForecastFromHere
from app.features.prediction.controller import PredictionController, is_network
from app.features.project.controller import ProjectController
from app.features.project.project_file import is_project
from app.features.remedies.controller import RemedyController, Step
from app.features.runs.controller import RunsController
from app.features.spec import FeatureContext, FeatureController
from app.features.tickers.controller import TickerController
from app.features.training.controller import TrainingController
from app.features.training.run_view import RunView
from app.features.view.controller import ViewController
from app.features.watchlist.controller import WatchlistController
from app.preferences import Preferences
from app.session import Session
from app.watchlist import Choice
from app.widgets.late import Late
from app.window.availability import available
from app.window.features import FEATURES, commands
from app.window.layout import Layout
from app.window.restoring import StateRestorer
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError, ConfigError, Remedy
from forecasting.events import (
    AuditFinished,
    BacktestFinished,
    Diagnosis,
    EngineReady,
    LearningRatesTried,
    Notice,
    Progress,
    RunFinished,
    SeriesLoaded,
    SplitMade,
)
from forecasting.files.atomic import remove_own_stale
from forecasting.plugins import problems

FIRST_SAMPLE = "sample:sp500"
#: Next steps that the banner has room for.
_MOST_STEPS = 2
#: Milliseconds between two steps that each lay out the window anew: it answers between them.
_APART_MS = 50
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
    preferences : Preferences
    actions : Actions
    layout : Layout
    chart, banner, header, data, model, training, results
        The parts of the layout.
    view_controller, watchlist_controller, importer, tickers, export_controller,
    evaluation_controller, backtest_controller, past_forecasts, journal_controller, runs,
    project_controller, training_controller, remedy_controller, prediction_controller,
    help_controller
        The controllers of the features: each wires one thing that people do.
    """

    def __init__(self, window: QMainWindow, preferences: Preferences) -> None:
        super().__init__(window)
        self.window = window
        self.preferences = preferences
        self._closing = False
        self._fault: Failure | None = None
        self._noted: Failure | None = None
        self._fault_shown = False
        self._refused = ""
        self._steps: tuple[Step, ...] = ()
        self._progress_shown: Progress | None = None
        self._restoring = StateRestorer()
        self.session = Session()
        self.actions = Actions(window, commands())
        self.layout = Layout(window, self.actions.submenus["Panels"], FEATURES)
        self.chart, self.banner, self.header, self._status = (
            self.layout.chart,
            self.layout.banner,
            self.layout.header,
            self.layout.status,
        )
        self.data, self.model, self.training, self.results = (
            self.layout.data,
            self.layout.model,
            self.layout.training,
            self.layout.results,
        )
        self._make_controllers()
        self._make_run_controllers()
        self._make_features()
        self._make_guides()
        self.features.make_early()
        self._wire_session()
        self._wire_panels()
        self._wire_actions()
        preferences.told = self.banner.show_lasting
        self.layout.compact_changed.connect(self.actions.set_compact)
        for name, action in self.actions.choices("layout").items():
            action.triggered.connect(partial(self._choose_layout, name))
        self.layout.presets.changed.connect(
            lambda: self.actions.check("layout", self.layout.presets.name)
        )
        self.actions.set_compact(self.layout.compact)
        self.header.set_compact(self.layout.compact)
        self._restore()
        self._adopt(window)

    def _make_controllers(self) -> None:
        """Make the controllers of series and of the chart."""
        self.view_controller = ViewController(
            self.session,
            self.chart,
            self.header,
            self.layout.set_theme,
            self.actions,
            self.preferences,
        )
        self.watchlist_controller = WatchlistController(
            self.session, self.data, self.preferences, self.model.history, self.report
        )
        self.importer = ImportController(self.window, self.session, self.watchlist_controller)
        self.clipboard = ClipboardImport(self.actions, self.importer, self.preferences, self.load)
        self.tickers = TickerController(
            self.window, self.session, self.watchlist_controller, self.actions, self.preferences
        )
        self.export_controller = ExportController(
            self.window,
            self.session,
            self.chart,
            self._status,
            self.view_controller,
            self.preferences,
        )

    def _make_run_controllers(self) -> None:
        """Make the controllers of results and runs."""
        self.evaluation_controller = EvaluationController(
            self.session,
            {"results": self.results.late, "backtest": self.results.late_tested},
            self.preferences,
        )
        self.backtest_controller = BacktestController(
            self.session,
            self.layout.late_backtest,
            self.model,
            self.banner,
            self.layout.presets,
            self.actions,
            self.preferences,
            self.results,
        )
        self.past_forecasts = PastForecastController(
            self.session,
            self.chart,
            self.layout.stepper,
            self.actions,
            self.backtest_controller,
            self.results,
        )
        self.from_here = ForecastFromHere(self.session, self.chart, self.past_forecasts)
        self.journal_controller = JournalController(
            self.session, self.layout.late_journal, self.watchlist_controller, self.past_forecasts
        )
        self.running = RunView(
            self.session, self.chart, self.training, self.results, self.layout.presets
        )
        self.runs = RunsController(
            self.window,
            self.session,
            self.layout.late_runs,
            self.chart,
            self.model,
            self.watchlist_controller,
            self.export_controller.may_forget,
            self.preferences,
        )

    def _make_features(self) -> None:
        """Make the features that stand by themselves, and the project that holds what they have."""
        context = FeatureContext(
            self.window,
            self.session,
            self.actions,
            self.preferences,
            self.chart,
            self.model,
            self.layout.presets,
            self.layout.panels,
            self.view_controller,
            self.export_controller,
        )
        self.features = FeatureControllers(
            context, FEATURES, self.layout.frames, self._wire_feature
        )
        self.project_controller = ProjectController(
            self.features.context,
            self.layout.recovery,
            self._status,
            self.watchlist_controller,
            self.runs,
        )

    def _make_guides(self) -> None:
        """Make the controllers of training, remedies, saved networks and help."""
        self.training_controller = TrainingController(
            self.window,
            self.session,
            self.layout.resume,
            self.training,
            self.model,
            self.actions,
            self.watchlist_controller,
            self.report,
        )
        self.remedy_controller = RemedyController(
            self.session, self.layout.presets, self.watchlist_controller, self.model
        )
        self.prediction_controller = PredictionController(
            self.window,
            self.session,
            self.actions,
            self.export_controller,
            self.journal_controller,
            self.preferences,
        )
        self.help_controller = HelpController(
            self.window,
            self.session,
            self.layout.presets,
            self.layout.bars,
            self.actions,
            self.view_controller,
            self.preferences,
        )

    def start(self, references: Sequence[str] = ()) -> None:
        """Bring back the watchlist, load what was asked for, what was trained last or the
        sample, and prepare the engine.
        """
        back = self._restoring
        restored = back.attempt(self.tr("the watchlist"), self.watchlist_controller.restore)
        back.attempt(self.tr("the project"), self.project_controller.start)
        if all(map(is_network, references)) and restored:
            back.attempt(self.tr("the watchlist"), self.watchlist_controller.start)
        elif all(map(is_network, references)):
            self.load((FIRST_SAMPLE,))
        self.load(references)
        self.session.call_once_shown(self.actions.draw_menus)
        self.session.call_once_shown(self._start_reading)
        self.session.call_once_shown(self._build_next)
        self.session.call_once_shown(self.session.warm_up)  # which would delay the chart
        self._show_state()

    def _adopt(self, part: QWidget) -> None:
        """Complete a part of the window, now, and what is built in it later, once it is there."""
        complete(part)
        take_literally(part)
        self.actions.reach_through_fields(part)
        for late in part.findChildren(Late):
            late.once_built(self._adopt)
        if part is not self.window:
            self.export_controller.offer_all(part)

    def _build_next(self) -> None:
        """Build what is hidden and not there yet, a part or a controller in each turn of the event
        loop.
        """
        parts: list[Late[Any]] = self.window.findChildren(Late)
        part = next((part for part in parts if not part.is_built), None)
        if part is not None:
            _content = part.content
        if part is not None or self.features.make_next():
            QTimer.singleShot(_APART_MS, self, self._build_next)

    def _start_reading(self) -> None:
        """Read what is shown beside the prices: the journal, the runs, and trainings that were
        cut short.
        """
        back = self._restoring
        back.attempt(self.tr("the journal"), self.journal_controller.read)
        back.attempt(self.tr("the watch"), self.features["watch"].start)
        back.attempt(self.tr("the runs"), self.runs.start)
        back.attempt(self.tr("trainings that were cut short"), self.training_controller.start)
        self.session.background.call(
            remove_own_stale, self.preferences.data_file("watchlist.json").parent
        )
        back.tell(self.banner.show_lasting)
        for problem in problems():
            self.banner.show_lasting(problem, self.tr("--safe-mode loads no plugin."))

    def load(self, references: Sequence[str]) -> None:
        """Load files, tickers or samples onto the watchlist; they are what is trained from then
        on, and what a saved network forecasts.
        """
        project = next((item for item in references if is_project(item)), None)
        if project is not None:
            self.project_controller.open(Path(project))
        else:
            self.watchlist_controller.load(
                tuple(item for item in references if not is_network(item))
            )
        network = next((item for item in references if is_network(item)), None)
        if network is not None:
            self.prediction_controller.open(network)

    def open_files(self, files: Sequence[str]) -> None:
        """Open what was dropped or chosen: forecasts are judged, everything else is loaded."""
        taker = self._taker(list(files))
        if taker is not None:
            taker.open(files[0])
        else:
            self.load(files)

    def train(self) -> None:
        """Train with the settings of the form."""
        try:
            config = self.model.config()
        except ConfigError as error:
            self.banner.show_fault(error.message, error.hint)
            return
        self.preferences.run = config.to_json()
        self.banner.pass_on()
        self.attempt(lambda: self.session.train(config))

    def _choose_layout(self, name: str, _checked: bool = False) -> None:
        self.layout.presets.choose(name)

    def cancel(self) -> None:
        """Give up what runs; what was there before it comes back."""
        self.session.cancel()

    def export(self, path: str | Path) -> bool:
        """Begin to write what is shown; see :meth:`Keeping.export`."""
        return self.export_controller.export(path)

    def save_model(self, path: str | Path) -> bool:
        """Write the network of the last run to a file. True when it was written."""
        return self.export_controller.save_model(path)

    def set_theme(self, name: str) -> None:
        """Switch the whole program to a theme: ``system``, ``light`` or ``dark``."""
        self.view_controller.set_theme(name)

    def attempt(self, do: Callable[[], object]) -> None:
        """Do something, and tell in the banner where it is refused."""
        with Reporting(self.report):
            do()

    def report(
        self, fault: Failure | BaseException, again: Callable[[], object] | None = None
    ) -> None:
        """Tell of a fault: ours in the banner, with next steps as buttons, any other with all
        details.

        Parameters
        ----------
        fault : Failure or exception
        again : callable, optional
            Does once more what has failed.
        """
        failure = fault if isinstance(fault, Failure) else Failure.of(fault)
        self._fault = failure
        self._log_fault(failure)
        if not failure.details:
            helps = (
                self.remedy_controller.steps(fault) if isinstance(fault, CandlecastError) else ()
            )
            self._steps = (
                helps
                or self.remedy_controller.corrections(failure.suggestions)
                or self.remedy_controller.remedies(failure.remedies, again)
            )
            self._refused = self.importer.offers()
            if self._refused and len(self._steps) < _MOST_STEPS:
                self._steps += ((self.tr("Import with options…"), self._import_refused),)
            self.banner.show_fault(
                failure.message, failure.hint, choices=[name for name, _ in self._steps]
            )
            return
        self.banner.show_fault(
            self.tr("Something went wrong: {what}").format(what=failure.message), details=True
        )
        self._show_details()

    def _import_refused(self) -> None:
        self.importer.open(self._refused)

    def _tell(self, message: str, hint: str, steps: tuple[Step, ...]) -> None:
        """Tell of something worth knowing, with next steps as buttons."""
        self._steps = steps
        self.banner.show_notice(message, hint, choices=[name for name, _ in steps])

    def _take_step(self, number: int) -> None:
        """Take one of the next steps that the banner offers; what a dialog may still settle
        stays until it is settled.
        """
        take = self._steps[number][1]
        if take != self._import_refused:
            self.banner.pass_on()
        self.attempt(take)

    def _take_remedy(self, remedy: Remedy) -> None:
        """Take a next step that a panel offers."""
        self.attempt(lambda: self.remedy_controller.take(remedy))

    def _log_fault(self, failure: Failure) -> None:
        """Write an unexpected fault into the log, once."""
        if failure.details and failure is not self._noted:
            self._noted = failure
            log.fault(failure.details)

    def may_close(self) -> bool:
        """Ask where a run would be lost, then end all threads; False when the window is to stay.

        What cannot be interrupted, such as the import of torch, is waited for by whoever runs the
        program.
        """
        if not self.export_controller.settle():
            return False
        if self.running.live and not self._leave_run():
            return False
        if self.backtest_controller.live and not dialogs.ask_close_while_testing(self.window):
            return False
        if not self.running.live and not self.export_controller.may_forget():
            return False
        if not self.project_controller.may_close():
            return False
        self.project_controller.close()
        self._remember_settings()
        self.layout.remember(self.preferences)
        self.watchlist_controller.save()
        if self.project_controller.path is None:
            self.features["drawings"].save()
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
        ask = (
            dialogs.ask_close_while_paused
            if self.session.state == "paused"
            else dialogs.ask_close_while_training
        )
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
            self.tr(
                "It is paused. Stop it and save the network, or see that the folder for user "
                "data can be written."
            ),
        )
        return False

    def _remember_settings(self) -> None:
        if self.project_controller.path is not None:
            return  # those of a project are in its file
        try:
            self.preferences.run = self.model.config().to_json()
        except ConfigError:
            self.preferences.run = ""

    def _wire_session(self) -> None:
        self.session.event_received.connect(self._show_event)
        self.session.failed.connect(self.report)
        self.session.background.failed.connect(self._log_fault)
        self.session.state_changed.connect(self._show_state)
        self.session.list_changed.connect(self._enable)
        self.session.selected_changed.connect(self._enable)
        self.session.frame_due.connect(self._draw)

    def _wire_panels(self) -> None:
        self.importer.inputs_chosen.connect(lambda choice: self.features["inputs"].take(choice))
        self.importer.specs = lambda: self.features["inputs"].specs() or ()
        self.view_controller.color_also(self.importer.set_theme)
        self.view_controller.color_also(self.training_controller.set_theme)
        self.chart.readout.connect(self._status.show_readout)
        self.watchlist_controller.shown.connect(self._show_series)
        self.watchlist_controller.notified.connect(self.banner.show_lasting)
        self.watchlist_controller.removed.connect(self.banner.pass_on)
        self.export_controller.refused.connect(
            lambda fault: self.report(fault, self.export_controller.again)
        )
        self.remedy_controller.notified.connect(self._tell)
        self.remedy_controller.train_requested.connect(self.train)
        self.training.remedy_requested.connect(self._take_remedy)
        self.model.remedy_requested.connect(self._take_remedy)
        self.prediction_controller.refused.connect(self.report)
        self.clipboard.refused.connect(self.report)
        self.prediction_controller.notified.connect(self.banner.show_notice)
        self.prediction_controller.shown.connect(self._show_series)
        self.backtest_controller.refused.connect(self.report)
        self.journal_controller.notified.connect(self.banner.show_notice)
        self.journal_controller.warned.connect(self.banner.show_lasting)
        self.watchlist_controller.removed.connect(
            lambda: self.features["watch"].stop(self.watchlist_controller.removed_rows)
        )
        self.project_controller.refused.connect(self.report)
        self.project_controller.notified.connect(self.banner.show_notice)
        self.project_controller.warned.connect(self.banner.show_lasting)
        self.project_controller.changed.connect(self._show_project)
        self.runs.refused.connect(self.report)
        self.runs.notified.connect(self.banner.show_notice)
        self.runs.warned.connect(self.banner.show_lasting)
        self.runs.recalled.connect(self._show_recalled)
        self.features["whole_candles"].drawn.connect(self.runs.keep_candles)
        self.features["drawings"].hinted.connect(self._status.rest)
        self.features["drawings"].odds_requested.connect(
            lambda *line: self.features["odds"].add_along(*line)
        )
        self.view_controller.interval_controller.changed.connect(self._show_interval)
        self.view_controller.interval_controller.warned.connect(self.banner.show_notice)
        self.from_here.notified.connect(self.banner.show_notice)
        self.past_forecasts.notified.connect(self.banner.show_notice)
        self.backtest_controller.notified.connect(self.banner.show_notice)
        for show in (self.running.show_run, self.past_forecasts.show_past):
            self.runs.filled.connect(show)
        self.runs.tested.connect(self.backtest_controller.recall)
        self.runs.tested.connect(lambda *_: self._show_series())
        self.export_controller.wrote.connect(self._title)
        self.export_controller.wrote.connect(self.help_controller.exported)
        self.data.open_requested.connect(self._ask_open)
        self.data.add_file_requested.connect(lambda: self._ask_open("also"))
        self.data.add_ticker_requested.connect(self.tickers.add)
        self.data.options_requested.connect(self._ask_options)
        self.banner.action_requested.connect(lambda: self._take_step(0))
        self.banner.other_requested.connect(lambda: self._take_step(1))
        self.data.sample_requested.connect(lambda: self.load((FIRST_SAMPLE,)))
        self.model.train_requested.connect(self.train)
        self.model.stop_requested.connect(self.session.stop)
        self.banner.details_requested.connect(self._show_details)

    def _find_series(self) -> None:
        self.layout.presets.open("data")
        self.data.begin_search()

    def _wire_feature(self, feature: FeatureController) -> None:
        for dialog in self.window.findChildren(
            QDialog, options=Qt.FindChildOption.FindDirectChildrenOnly
        ):
            if not dialog.property("adopted"):
                dialog.setProperty("adopted", True)
                self._adopt(dialog)
        feature.refused.connect(self.report)
        feature.changed.connect(self.project_controller.touch)
        feature.run_stored.connect(self.runs.show_stored)
        feature.journal_changed.connect(self.journal_controller.read)
        feature.day_requested.connect(self.past_forecasts.show_judged)
        feature.notified.connect(self.banner.show_notice)
        feature.warned.connect(self.banner.show_lasting)
        self.view_controller.color_also(feature.set_theme)

    def _taker(self, files: list[str]) -> FeatureController | None:
        """Return the feature that opens some files, None where they are prices, a project or a
        network.
        """
        features = (self.features[name] for name in self.features)
        return next((feature for feature in features if feature.takes(files)), None)

    def _wire_actions(self) -> None:
        def on(name: str, do: Callable[[], object]) -> None:
            self.actions[name].triggered.connect(lambda _checked=False: do())

        on("open", self._ask_open)
        on("import", self._ask_import)
        on("ticker", self.actions.ticker_field.ask)
        on("reload", self.watchlist_controller.reload)
        on("find_series", self._find_series)
        on("new_project", self.project_controller.new)
        on("save_project", self.project_controller.save)
        on("save_project_as", self.project_controller.save_as)
        on("save_model", self.export_controller.ask_save_model)
        on("export", self.export_controller.ask_export)
        on("copy", self.export_controller.copy_chart)
        on("quit", self.window.close)
        on("train", self.train)
        on("stop", self.session.stop)
        on("cancel", self.cancel)
        on("log", lambda: dialogs.show_folder(self.window, log.log_folder()))
        on("about", lambda: dialogs.show_about(self.window))
        for reference, action in self.actions.choices("sample").items():
            action.triggered.connect(self._opener(reference))

    def _restore(self) -> None:
        """Show what was remembered; what does not fit any more is left at its default."""
        back = self._restoring
        back.attempt(self.tr("the view of the chart"), self.view_controller.restore)
        back.attempt(self.tr("the charts"), self.features["chart_grid"].restore)
        back.attempt(self.tr("the drawings"), self.features["drawings"].restore)
        back.attempt(self.tr("the settings of the last run"), self._restore_config)
        back.attempt(
            self.tr("the places of the panels"), lambda: self.layout.restore(self.preferences)
        )
        back.attempt(self.tr("the recent files"), self._show_recent)
        self._show_state()

    def _restore_config(self) -> None:
        if self.preferences.run:
            try:
                self.model.show_config(RunConfig.from_json(self.preferences.run))
            except ConfigError:
                self.preferences.run = ""

    def _show_event(self, event: object) -> None:
        match event:
            case SeriesLoaded():
                log.note(
                    f"loaded {len(event.panel)} series of {sum(map(len, event.panel))} bars in all"
                )
                self._show_panel()
                text, steps = (
                    self.remedy_controller.settlements(event.panel)
                    if self.session.asked_anew
                    else ("", ())
                )
                if not text and self.session.asked_to_fetch:
                    text, steps = self.remedy_controller.outdated(event.panel)
                if text:
                    message, _, hint = text.partition(". ")
                    self._tell(f"{message}.", hint, steps)
            case EngineReady():
                self.model.offer_devices(event.devices)
                self._status.show_engine(event, warming=False)
            case Notice():
                steps = self.remedy_controller.corrections(
                    event.suggestions
                ) or self.remedy_controller.remedies(event.remedies)
                self._tell(event.message, event.hint, steps)
                self.running.show_notices()
            case Diagnosis():
                if self.running.show_advice(event):
                    self.banner.show_notice(event.message, event.hint)
            case SplitMade():
                self.running.show_split(event)
            case RunFinished():
                log.note(
                    f"trained for {event.result.info.epochs} epochs in "
                    f"{event.result.info.seconds:.1f} s"
                )
                QApplication.alert(self.window)
                QTimer.singleShot(_APART_MS, self, self._bring_results)
            case BacktestFinished() | AuditFinished() | LearningRatesTried():
                QApplication.alert(self.window)

    def _bring_results(self) -> None:
        """Bring the results of the training that has ended to the front, then what it asks for,
        in a turn each: both move the chart.
        """
        if not self.running.live:
            self.running.show_result()
            QTimer.singleShot(_APART_MS, self, self._advise)

    def _advise(self) -> None:
        """Offer what the training that has ended asks for; a fault that is told stays."""
        message, hint, steps = self.remedy_controller.advised()
        if steps and not (self.banner.text and self.banner.urgent):
            self._tell(message, hint, steps)

    def _show_panel(self) -> None:
        """Show freshly loaded prices."""
        session = self.session
        self.banner.pass_on()
        for reference in reversed(session.references):
            self.preferences.remember(reference)
        self._show_recent()
        self._show_series()

    def _show_series(self) -> None:
        """Show the selected series and all that is known of it."""
        series, row = self.session.series, self.session.row
        why = ("", "")
        if row is not None and row.series is None:
            later = (
                self.tr("It is loaded once what runs now has ended.") if self.session.busy else ""
            )
            why = (
                self.tr("{symbol} is not loaded").format(symbol=row.symbol),
                row.problem or later,
            )
        self.layout.show_chart(series is not None, *why)
        self.header.show_series(series)
        self._status.show_series(series)
        self.view_controller.interval_controller.show(series)
        self.features["drawings"].show()
        self.view_controller.show_span()
        self.view_controller.mark_style()
        self.running.show_run()
        self.past_forecasts.show_past()
        if series is not None:
            self.results.show_symbol(series.symbol)
        self._title()

    def _show_interval(self) -> None:
        """Fill the chart with bars of another distance."""
        self._show_series()
        self.features["odds"].refresh()

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
        self.past_forecasts.show_past()
        self._title()

    def _enable(self) -> None:
        """Make everything that can be pressed fit the state of the session, the watchlist and
        the row that is shown.
        """
        session, state = self.session, self.session.state
        running = state not in ("idle", "loading")
        ready = session.panel is not None and not session.busy
        self.model.show_running(
            running=running, stopping=state == "stopping", ready=ready, loading=state == "loading"
        )
        can = available(session, self.actions.commands)
        for name, enabled in can.items():
            self.actions[name].setEnabled(enabled)
        self.actions["pause"].setChecked(state == "paused")
        for action in (
            *self.actions.submenus["Samples"].actions(),
            *self.actions.submenus["Recent"].actions(),
        ):
            action.setEnabled(can["open"])
        self.actions.ticker_field.setEnabled(can["ticker"])

    def _say_state(self, state: str) -> None:
        words = {
            "loading": self.tr("Loading…"),
            "preparing": self.tr("Preparing the engine…"),
            "training": self.tr("Training…"),
            "paused": self.tr("Paused"),
            "searching": self.tr("Looking for a learning rate…"),
            "tuning": self.tr("Trying settings…"),
            "backtesting": self.tr("Testing through history…"),
            "auditing": self.tr("Looking for leaks…"),
            "forecasting": self.tr("Forecasting…"),
            "stopping": self.tr("Stopping…"),
        }
        if state == "idle":
            self._status.rest(self.tr("Ready") if self.session.panel else "")
            self.running.show_end()
            if self._closing:
                QTimer.singleShot(0, self._close_after_run)
            return
        self._status.show_progress(Progress(0, 0, words[state]))
        if self.session.task == "training":
            self.running.enter(state, words[state])

    def _close_after_run(self) -> None:
        """Offer to save the network that "Stop and keep" has kept, then close; without a file
        the window stays.
        """
        self._closing = False
        if (
            self.session.finished
            and self.session.unsaved
            and not self.export_controller.ask_save_model()
        ):
            return
        self.window.close()

    def _title(self) -> None:
        row, progress = self.session.row, self.session.progress
        share = (
            f"[{progress.done * 100 // progress.total} %] "
            if self.session.running and progress and progress.total > 0
            else ""
        )
        project = self.project_controller.path.name if self.project_controller.path else ""
        shown = " – ".join(filter(None, (row.symbol if row else "", project)))
        program = self.tr("Candlecast (safe mode)") if self.preferences.safe else "Candlecast"
        self.window.setWindowTitle(f"{share}{shown}[*]{' – ' if shown else ''}{program}")
        self.window.setWindowModified(
            self.project_controller.dirty if project else self.session.unsaved
        )

    def _draw(self) -> None:
        """Repaint what has changed: the one place from which charts are drawn and progress is
        told, 30 times a second at most.
        """
        if self.session.progress is not None and self.session.progress is not self._progress_shown:
            self._show_progress(self.session.progress)
        self.running.draw()
        self.chart.refresh()
        self._status.show_memory()

    def _show_recent(self) -> None:
        menu = self.actions.submenus["Recent"]
        menu.clear()
        for reference in self.preferences.recent:
            menu.addAction(reference).triggered.connect(self._opener(reference))
        menu.setEnabled(not menu.isEmpty())

    def _opener(self, reference: str) -> Callable[[], None]:
        return lambda: self.load((reference,))

    def _ask_open(self, choice: Choice = "only") -> None:
        files = dialogs.ask_open(self.window, self.preferences)
        taker = self._taker(files)
        if taker is not None:
            taker.open(files[0])
        elif any(is_project(file) or is_network(file) for file in files):
            self.load(files)
        else:
            self.watchlist_controller.load(files, choice)

    def _ask_import(self) -> None:
        files = dialogs.ask_open(self.window, self.preferences, one=True)
        if files:
            self.importer.open(files[0])

    def _ask_options(self, index: int) -> None:
        """Ask how a row is to be loaded."""
        request = self.session.watchlist[index].request
        dialogs_by_options = {"ticker": self.tickers.change, "read": self.importer.open_row}
        if request.spec.options:
            dialogs_by_options[request.spec.options](request)
