"""Backtests on screen: started, followed fold by fold, stopped, gone on with after an
interruption, and judged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.background import Failure, Job, Reporting
from app.dialogs import ask_save_path
from app.features.backtest.panel import BacktestPanel, FoldScored
from app.features.evaluation.panel import ResultsPanel
from app.features.model.panel import ModelPanel
from app.layout_presets import LayoutPresets
from app.preferences import Preferences
from app.session import Session
from app.widgets.banner import Banner
from app.widgets.late import Late
from forecasting import __version__, jobs
from forecasting.config import BacktestConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.events import BacktestFinished, EngineReady, Event, FoldEnd, Notice, Progress
from forecasting.files.atomic import FileLock
from forecasting.series import Panel, PriceSeries
from forecasting.store.outcomes import StoredOutcomes

#: Interrupted tests whose folds are kept, each in a folder of its own.
_KEPT_TESTS = 5
#: Debounce of the cost estimate: it is asked for this many milliseconds after the last change.
_REST_MS = 400


@dataclass(frozen=True, eq=False)
class Tested:
    """A backtest that has ended, and what it was made of."""

    panel: Panel
    result: BacktestFinished
    folds: tuple[FoldScored, ...]
    kept: StoredOutcomes = field(default_factory=StoredOutcomes)


class BacktestController(QObject):
    """Stands between the backtest panel and the session.

    Parameters
    ----------
    session : Session
    late : Late
        Builds the panel, which is filled from here.
    model : ModelPanel
        Has the network's settings.
    banner : Banner
    presets : LayoutPresets
    actions : Actions
        Has the command.
    preferences : Preferences
        Keeps the plan, and the folder for unfinished tests.
    results : ResultsPanel
        Shows the judgement.

    Attributes
    ----------
    tested : Tested or None
        The last backtest, for as long as its series are on the list.
    refused : Signal
        A setting does not fit, or something else runs (a CandlecastError).
    notified : Signal
        Message and hint: a report was written.
    finished : Signal
        A backtest has ended, or the last one was forgotten.
    """

    refused = Signal(object)
    notified = Signal(str, str)
    finished = Signal()

    def __init__(
        self,
        session: Session,
        late: Late[BacktestPanel],
        model: ModelPanel,
        banner: Banner,
        presets: LayoutPresets,
        actions: Actions,
        preferences: Preferences,
        results: ResultsPanel,
    ) -> None:
        super().__init__(late)
        self._results = results
        self._session, self._late, self._model, self._preferences = (
            session,
            late,
            model,
            preferences,
        )
        self._dock, self._banner, self._presets = presets.docks["backtest"], banner, presets
        self._folder = preferences.data_file("unfinished-backtests")
        self._running: Panel | None = None
        self._folds: list[FoldScored] = []
        self._prints: tuple[tuple[PriceSeries, ...], str] = ((), "")
        self.tested: Tested | None = None
        self._model.config_changed.connect(self._offer)
        actions["backtest"].triggered.connect(lambda: self.start(resume=True))
        session.event_received.connect(self._show_event)
        self._soon = QTimer(self, singleShot=True, interval=_REST_MS)
        self._soon.timeout.connect(self._plan)
        self._dock.visibilityChanged.connect(self._seen)
        session.state_changed.connect(self._show_state)
        session.list_changed.connect(self._list_changed)
        late.once_built(self._serve)

    def _serve(self, panel: BacktestPanel) -> None:
        """Show the plan that was tested last and what goes on, and do what the panel asks for."""
        with contextlib.suppress(ValueError):
            panel.show_plan(BacktestConfig.model_validate_json(self._preferences.plan))
        panel.start_requested.connect(self.start)
        panel.stop_requested.connect(self._session.stop)
        panel.judgement_requested.connect(self.show_judgement)
        panel.report_requested.connect(self._ask_report)
        panel.changed.connect(self._offer)
        self._show_state()

    @property
    def _panel(self) -> BacktestPanel:
        """The panel, which is built if it is not there yet."""
        return self._late.content

    @property
    def live(self) -> bool:
        """Whether a backtest is under way."""
        return self._session.task == "backtesting" and self._session.running

    def start(self, resume: bool = True) -> None:
        """Test the network of the model form through the history of the checked series.

        Parameters
        ----------
        resume : bool
            Take the folds that an interrupted test of the same prices and settings has finished.
        """
        with Reporting(self.refused.emit):
            config, plan, workers = self._model.config(), self._panel.plan(), self._panel.workers
            self._banner.pass_on()
            self._presets.open("backtest")
            self._session.begin("backtesting", self._starter(config, plan, workers, resume))
            self._preferences.plan = plan.model_dump_json()

    def recall(self, panel: Panel, result: BacktestFinished, kept: StoredOutcomes) -> None:
        """Show an earlier test in the place of the last one, with one of its series on the
        chart.
        """
        self.tested = Tested(panel, result, (), kept)
        session = self._session
        if not any(item.has_bars_of(session.series) for item in panel):
            session.select(
                next(
                    index
                    for index, row in enumerate(session.watchlist.rows)
                    if panel[0].has_bars_of(row.series)
                )
            )
            session.list_changed.emit()
        self._show_last()
        self.show_judgement()
        self.finished.emit()

    def show_judgement(self) -> None:
        """Bring the judgement on the last test to the front."""
        self._results.choose("backtest")
        self._presets.open("results")

    def save_report(self, path: str) -> None:
        """Write the judgement on the last test as a page, with what rules would have earned where
        that is known.

        Raises
        ------
        ExportError
            It cannot be written or drawn.
        """
        from app.export.backtest_report import write_backtest_report

        assert self.tested is not None
        late = self._results.late_tested
        rules = late.content.earned.judged if late.is_built else None
        write_backtest_report(path, self.tested.result, self.tested.panel, rules)
        self.notified.emit(self.tr("Wrote {path}").format(path=path), "")

    def _ask_report(self) -> None:
        if self.tested is None:
            return
        title, kinds = self.tr("Save report"), {".html": self.tr("HTML page")}
        path = ask_save_path(self._late, self._preferences, title, "backtest", kinds)
        if not path:
            return
        with Reporting(self.refused.emit):
            self.save_report(path)

    def _starter(
        self, config: RunConfig, plan: BacktestConfig, workers: int, resume: bool
    ) -> Callable[[Panel], Job]:
        def make(panel: Panel) -> Job:
            self._running, self._folds = panel, []
            self._panel.show_folds(())
            return _testing(
                panel, config, plan, workers, self._folder / self._name(panel, config, plan), resume
            )

        return make

    def _show_event(self, event: object) -> None:
        match event:
            case EngineReady():
                self._soon.start()  # what was asked before it was ready has no answer
            case Progress() if self._session.task == "backtesting":
                self._panel.show_progress(event)
            case FoldScored():
                self._folds.append(event)
                self._panel.show_folds(self._folds)
            case BacktestFinished() if self._running is not None:
                self.tested = Tested(self._running, event, tuple(self._folds))
                self._show_last()
                self._presets.bring("results")
                QApplication.alert(self._dock.window())
                self.finished.emit()

    def _show_state(self) -> None:
        if not self._late.is_built:
            return
        session = self._session
        mine = session.task == "backtesting"
        running = mine and session.state != "idle"
        ready = session.panel is not None and not session.busy
        self._panel.show_running(running=running, stopping=session.state == "stopping", ready=ready)
        words = {"preparing": self.tr("Preparing the engine…"), "stopping": self.tr("Stopping…")}
        if running:
            self._panel.show_state(words.get(session.state, self.tr("Testing through history…")))
            self._panel.show_progress(
                Progress(0, 0, words.get(session.state, self.tr("Testing through history…")))
            )
        elif session.state == "idle":
            self._show_last()
            self._offer()

    def _show_last(self) -> None:
        """Show the last judgement again after a test that brought none, or what to do."""
        tested = self.tested
        if tested is None:
            self._panel.show_idle()
            self._results.show_tested(None)
            return
        self._panel.show_folds(tested.folds)
        how = self._panel.show_finished(tested.result, len(tested.folds))
        self._results.show_tested(
            tested.result, tested.panel, how, dict(tested.kept.profiles), tested.kept.lacking
        )

    def _list_changed(self) -> None:
        """Forget a test whose series are gone."""
        if self.tested is not None:
            there = {row.symbol for row in self._session.watchlist.rows}
            if not there & set(self.tested.panel.symbols):
                self.tested = None
                self.finished.emit()
        self._show_state()

    def _seen(self, visible: bool) -> None:
        if visible:
            self._soon.start()

    def _plan(self) -> None:
        """Ask what the test would do, once the settings rest and somebody looks."""
        if not self._late.isVisible() or self._session.busy:
            return
        try:
            config, plan = self._model.config(), self._panel.plan()
        except ConfigError as error:
            self._panel.show_planned(f"{error.message} {error.hint}", fault=True)
            return
        if self._session.panel is None:
            self._panel.show_planned("")
        task = self._session.run_while_idle(
            lambda panel: lambda _stop: jobs.plan_backtest(panel, config, plan), "plan"
        )
        if task is not None:
            task.yielded.connect(lambda planned: self._panel.show_planned(planned.sentence))
            task.failed.connect(self._not_planned)

    def _not_planned(self, failure: Failure) -> None:
        if failure.details:
            self._session.failed.emit(failure)
        else:
            self._panel.show_planned(f"{failure.message} {failure.hint}", fault=True)

    def _offer(self) -> None:
        """Offer to go on where folds of a test of these prices and settings are kept, and say
        soon what the test would do.
        """
        if not self._late.is_built:
            return
        self._soon.start()
        panel = self._session.panel
        found = 0
        if panel is not None and not self._session.busy and self._folder.is_dir():
            with contextlib.suppress(ConfigError, OSError):
                folder = self._folder / self._name(panel, self._model.config(), self._panel.plan())
                found = 0 if FileLock.is_taken(folder) else len(list(folder.glob("fold-*.npz")))
        self._panel.offer_resume(found)

    def _name(self, panel: Panel, config: RunConfig, plan: BacktestConfig) -> str:
        """Return the name of the folder of a test: the same for the same prices and settings."""
        series = tuple(panel)
        if len(series) != len(self._prints[0]) or any(
            item is not other for item, other in zip(series, self._prints[0], strict=True)
        ):
            self._prints = (series, json.dumps([_print(item) for item in series]))
        text = "\n".join((__version__, config.to_json(), plan.model_dump_json(), self._prints[1]))
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def _print(series: PriceSeries) -> list[object]:
    """Return what tells one series from another; whoever takes up the folds looks closer."""
    sums = (zlib.crc32(item.tobytes()) for item in (series.ds, series.values))
    return [series.symbol, series.freq, series.calendar, series.columns, len(series), *sums]


def _testing(
    panel: Panel, config: RunConfig, plan: BacktestConfig, workers: int, folder: Path, resume: bool
) -> Job:
    """Return the job: a backtest whose folds are kept in a folder until all are done."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        claim, why = FileLock(folder), ""
        try:
            if not claim.take() and FileLock.is_taken(folder):
                why = "another Candlecast is running the same test"
            else:
                _make_room(folder, resume)
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            yield Notice(
                f"Finished folds cannot be kept in {folder.parent}: {why}.",
                "A test that is cut short would begin anew.",
            )
        count = workers if plan.refit else 1
        running = jobs.backtest(
            panel,
            config,
            plan,
            should_stop=should_stop,
            workers=count,
            resume=None if why else folder,
        )
        try:
            with contextlib.closing(running) as events:
                for event in events:
                    if (
                        isinstance(event, BacktestFinished)
                        and event.info.stopped != "user"
                        and not why
                    ):
                        shutil.rmtree(folder, ignore_errors=True)
                    yield FoldScored.of(event) if isinstance(event, FoldEnd) else event
        finally:
            claim.release()

    return job


def _make_room(folder: Path, resume: bool) -> None:
    """Drop the folds of this test unless they are wanted, and those of tests that were left long
    ago.
    """
    if not resume and folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    left = [
        item
        for item in folder.parent.iterdir()
        if item != folder and _is_saved_test(item) and not FileLock.is_taken(item)
    ]
    others = sorted(left, key=lambda item: item.stat().st_mtime, reverse=True)
    for old in others[_KEPT_TESTS - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _is_saved_test(folder: Path) -> bool:
    """Tell whether a folder holds the folds of a test and nothing else; whatever it is
    otherwise, it is not ours to remove.
    """
    names = [item.name for item in folder.iterdir()] if folder.is_dir() else []
    return "backtest.json" in names and all(
        name == "backtest.json" or name.startswith("fold-") or name.startswith(".")
        for name in names
    )
