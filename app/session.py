"""The only mutable state of the application: what is loaded, what runs, what came of it; it owns
the threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QDeadlineTimer, QObject, QTimer, Signal

from app import tasks
from app.background import Collector, Failure, Job, Task, TaskRunner
from app.heap import bound_heap
from app.tasks import LoadRequest, Refresh, TrainingFile
from app.training_history import TrainingHistory
from app.watchlist import Choice, Row, Watchlist, same
from forecasting import jobs
from forecasting.checks import check_distances, check_findings, grave
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import (
    CellStates,
    Diagnosis,
    EngineReady,
    EpochEnd,
    Event,
    ForecastMade,
    GradientByLag,
    Notice,
    NotLoaded,
    Prediction,
    Progress,
    RunFinished,
    RunResult,
    SeriesLoaded,
    SplitMade,
    StepNorms,
    TrainingPaused,
)
from forecasting.series import Finding, Panel, PriceSeries
from forecasting.sources.options import Interval, Request

#: ``preparing`` waits for torch with a task to start, ``paused`` for the user to go on,
#: ``stopping`` for the result of a task that was told to stop.
State = Literal[
    "idle",
    "loading",
    "preparing",
    "training",
    "paused",
    "searching",
    "tuning",
    "backtesting",
    "auditing",
    "forecasting",
    "stopping",
]

#: What is done with the trained series: each begins once the engine is ready, and can be stopped or
#: cancelled.
Activity = Literal["training", "searching", "tuning", "backtesting", "auditing", "forecasting"]

PULSE_MS = 33
#: Seconds between two looks whether a training that is to be left is written.
_POLL_S = 0.01
#: Milliseconds that the engine waits for prices to come, and to be drawn, before it is prepared.
_LOADING_MS, _SHOWING_MS = 3_000, 120
#: Finished trainings whose gradients stay at hand, to be compared with.
_EARLIER = 8
#: Keys of the background tasks that import torch and run a lesson.
_ENGINE, LESSON = "engine", "lesson"


class Loading(QObject):
    """Handle of a loading, for whoever started it.

    Nothing is emitted where it was cancelled or superseded by another one.

    Attributes
    ----------
    loaded : Signal
        The series are on the watchlist, all but those that were refused; everyone else has heard
        of it.
    failed : Signal
        Nothing could be loaded (a :class:`~app.background.Failure`, which the session has shown).
    """

    loaded = Signal()
    failed = Signal(object)


class Session(QObject):
    """State of the application: loaded series, the running task, the last results. Owns the worker
    threads.

    All signals are emitted in the thread of the window. Once a change is over, :attr:`frame_due` is
    emitted: at most 30 times a second while something runs, once after :meth:`request_repaint`,
    never otherwise.
    """

    state_changed = Signal(str)
    event_received = Signal(object)
    failed = Signal(object)
    list_changed = Signal()
    selected_changed = Signal()
    frame_due = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state: State = "idle"
        self.engine: EngineReady | None = None
        self.watchlist = Watchlist()
        self.selected = 0
        self.refused: Request | None = None
        self.misnamed: Request | None = None
        self.progress: Progress | None = None
        self.finished: RunFinished | None = None
        self.recalled: RunResult | None = None
        self.predicted: Prediction | None = None
        self.unsaved = False
        self.split: SplitMade | None = None
        self.history: list[EpochEnd] = []
        self.forecast: ForecastMade | None = None
        #: Symbol of the series whose forecast is explained while it trains, "" for none.
        self.explained = ""
        self.watched = TrainingHistory(RunConfig())
        self._planned, self._run_count = RunConfig(), 0
        self.earlier: list[TrainingHistory] = []
        self._pausing, self._leaving = threading.Event(), threading.Event()
        self._resumable = False
        self._training_file = TrainingFile()
        bound_heap()
        self._task: Task | None = None
        self.background = TaskRunner(self)
        self.background.started.connect(self._watch)
        self.background.thread_ended.connect(self.background.deliver)
        self.background.unhandled.connect(self.failed)
        self._idle_tasks = {LESSON}
        self._asked = LoadRequest((), "only")
        self.loading: Loading | None = None
        self._trained: Panel | None = None
        self.task: Activity | None = None
        self._waiting: Callable[[Panel], Job] | None = None
        self._held: tuple[Activity, Callable[[Panel], Job]] | None = None
        self._accepted: list[tuple[str, Finding]] = []
        self._collector = Collector()
        self._pulse = QTimer(self, interval=PULSE_MS)
        self._pulse.setObjectName("pulse")
        self._pulse.timeout.connect(self._beat)
        self._soon = QTimer(self, singleShot=True)
        self._soon.timeout.connect(self._do_put_off)
        self._put_off: list[Callable[[], object]] = []
        self._is_fresh = False

    @property
    def panel(self) -> Panel | None:
        """The checked series of the watchlist, which are trained; None while there are none."""
        return self.watchlist.panel

    @property
    def row(self) -> Row | None:
        """The selected row of the watchlist, loaded or not; None for an empty list."""
        return self.watchlist[self.selected] if len(self.watchlist) else None

    @property
    def series(self) -> PriceSeries | None:
        """The selected series, or None while it is not loaded."""
        return self.row.series if self.row else None

    @property
    def references(self) -> tuple[str, ...]:
        """References that the checked series were loaded from."""
        rows = [row for row in self.watchlist.rows if row.checked and row.series is not None]
        return tuple(dict.fromkeys(row.request.reference for row in rows))

    @property
    def result(self) -> RunResult | None:
        """The displayed run: the last finished one, or an earlier one that was recalled."""
        return self.recalled or (self.finished.result if self.finished else None)

    @property
    def shown_is_trained(self) -> bool:
        """Whether the selected series belongs to the current run, or to the displayed one."""
        panel = self.run_panel
        return panel is not None and any(item.has_bars_of(self.series) for item in panel)

    @property
    def run_panel(self) -> Panel | None:
        """The series of the current run, or of the displayed one; None without a run."""
        shown = self.result or self.predicted
        return (
            shown.panel
            if shown and (self.state == "idle" or shown is self.predicted)
            else self._trained
        )

    @property
    def busy(self) -> bool:
        """Whether a task of the user runs or is pending."""
        return self.state != "idle"

    @property
    def running(self) -> bool:
        """Whether a task of the user has begun, not only waits for the engine."""
        return self.state not in ("idle", "loading", "preparing")

    @property
    def warming(self) -> bool:
        """Whether the engine is being imported."""
        return self.background.runs(_ENGINE)

    @property
    def threads(self) -> int:
        """Number of threads that have not ended."""
        return len(self.background.threads)

    @property
    def asked_anew(self) -> bool:
        """Whether the user asked for the last loading, rather than a restore or a reload."""
        return self._asked.choice != "as_before"

    @property
    def asked_to_fetch(self) -> bool:
        """Whether the user asked for current prices: of something new, or by a reload of
        everything.
        """
        return self.asked_anew or self._asked.refresh == "always"

    def select(self, index: int) -> None:
        """Select a series of the watchlist.

        Raises
        ------
        IndexError
            A place that the list does not have.
        """
        if not 0 <= index < len(self.watchlist):
            raise IndexError(index)
        self.selected = index
        self.selected_changed.emit()

    def warm_up(self) -> None:
        """Import torch in the background, unless that is done or under way."""
        if self.engine is None and not self.warming:
            task = self.background.run(lambda _should_stop: jobs.warm_up(), _ENGINE)
            task.yielded.connect(self._take)
            task.returned.connect(self._warmed)
            task.failed.connect(self._warmed)

    def call_once_shown(self, do: Callable[[], object]) -> None:
        """Call a function once what is being loaded is shown, or could not be loaded in three
        seconds; in the next turn of the event loop where nothing is.
        """
        self._put_off.append(do)
        self._soon.start(_LOADING_MS if self.state == "loading" else 0)

    def _do_put_off(self) -> None:
        put_off, self._put_off = self._put_off, []
        for do in put_off:
            do()

    def load(
        self,
        references: Sequence[str | Request],
        choice: Choice = "only",
        refresh: Refresh = "auto",
        instead: Request | None = None,
    ) -> Loading:
        """Load series into the watchlist; a loading that still runs is cancelled.

        Parameters
        ----------
        references : sequence of str or Request
            What to read. What is on the list already is read as it was.
        choice : str
            What is trained from then on: ``only`` these series, these ``also``, or what was checked
            ``as_before``.
        refresh : str
            Whether tickers are fetched.
        instead : Request, optional
            What the one reference takes the place of.

        Raises
        ------
        CandlecastError
            While a run is being trained.
        """
        requests = tuple(self._request(item) for item in references)
        return self._load(LoadRequest(requests, choice, (instead,), refresh))

    def _load(self, asked: LoadRequest) -> Loading:
        if self.state not in ("idle", "loading"):
            raise CandlecastError(
                "The program is still at work.", "Stop or cancel it before you load other prices."
            )
        self._retire()
        self.refused = self.misnamed = None
        self._asked = asked
        self.loading = loading = Loading(self)
        self._task = self._run(tasks.loading(asked.requests, asked.refresh), "load")
        self._enter("loading")
        return loading

    @property
    def refused_requests(self) -> tuple[Request, ...]:
        """Requests of the last loading that failed."""
        return self._asked.refused

    def load_refused(self, interval: Interval | None = None) -> None:
        """Retry the requests that failed; series that were loaded beside them stay. Errors as
        :meth:`load`.

        Parameters
        ----------
        interval : str, optional
            Take the tickers that the price cache holds at other intervals from there, without
            asking anybody: a single one at this interval, of several each at its own.
        """
        asked = self._asked
        again = asked.again() if interval is None else asked.stored(interval, self.watchlist)
        if again.requests:
            self._load(again)

    def relist(self, watchlist: Watchlist, selected: int | None = None) -> None:
        """Take over a changed watchlist, with the row that is selected from now on, if another."""
        self.watchlist = watchlist
        selected = self.selected if selected is None else selected
        self.selected = min(max(selected, 0), max(len(watchlist) - 1, 0))
        self.list_changed.emit()

    def check(self, places: Sequence[int], checked: bool) -> None:
        """Check or uncheck series: the checked ones are trained."""
        self.relist(self.watchlist.with_check(places, checked))

    def check_only(self, place: int) -> None:
        """Check this series alone."""
        none = self.watchlist.with_check(range(len(self.watchlist)), False)
        self.relist(none.with_check((place,), True))

    def remove(self, places: Iterable[int]) -> None:
        """Remove rows; where the selected one is removed, the next one is selected."""
        gone = set(places)
        before = sum(index < self.selected for index in gone)
        self.relist(self.watchlist.without(gone), self.selected - before)

    @property
    def seen(self) -> TrainingHistory:
        """History of the current training, or of the last finished one."""
        if self.finished is None or (self.task == "training" and self.running):
            return self.watched
        return next(
            (item for item in self.earlier if item.result is self.finished.result),
            TrainingHistory(self.finished.result.config),
        )

    @property
    def can_train_on(self) -> bool:
        """Whether the last run left the file that a longer training needs."""
        last = self.earlier[-1].result if self.earlier else None
        return (
            last is not None
            and self.finished is not None
            and last is self.finished.result
            and self._training_file.exists
        )

    def run_while_idle(self, make: Callable[[Panel], Job], key: str) -> Task | None:
        """Run the job of the checked series in the background until a task begins; None while one
        runs, or without series.
        """
        panel = self.panel
        if panel is None or self.engine is None or self.busy or self.background.runs(LESSON):
            return None
        self._idle_tasks.add(key)
        return self.background.run(make(panel), key)

    def train(self, config: RunConfig, resume: Path | None = None) -> None:
        """Train a network on the checked series; errors as :meth:`begin`.

        Parameters
        ----------
        config : RunConfig
        resume : Path, optional
            File of a training of these prices and settings that goes on.
        """
        pausing, leaving, keep = threading.Event(), threading.Event(), self._training_file.claim()
        self._planned = config
        self.begin(
            "training",
            lambda panel: tasks.training(
                panel, config, pausing, leaving, resume, keep, lambda: self.explained
            ),
        )
        self._pausing, self._leaving = pausing, leaving

    def train_on(self, epochs: int) -> None:
        """Continue the finished training for more epochs; errors as :meth:`begin`."""
        assert self.finished is not None
        config, last = self.finished.result.config, self.finished.result.history[-1]
        started = self.seen.replay.begun()
        self.train(config.changed(epochs=last.epoch + epochs), self._training_file.claim())
        self.watched.replay = started

    def pause(self, paused: bool) -> None:
        """Pause a training, or resume it."""
        if self.state == "training" and paused:
            self._resumable = False
            self._pausing.set()
            self._enter("paused")
        elif self.state == "paused" and not paused:
            self._pausing.clear()
            self._leaving.clear()
            self._enter("training")

    def suspend(self, timeout_ms: int = 10_000) -> bool:
        """Pause a training and keep its file when it is cancelled; False where the file is not
        written in time.
        """
        self.pause(True)
        deadline = QDeadlineTimer(timeout_ms)
        while self.state == "paused" and not self._resumable and not deadline.hasExpired():
            if self._task is None or self._task.deliver():
                break
            time.sleep(_POLL_S)
        if self.state == "paused" and self._resumable:
            self._leaving.set()
        return self._leaving.is_set()

    def begin(self, task: Activity, make: Callable[[Panel], Job]) -> None:
        """Start a task on the checked series, as soon as the engine is ready.

        Parameters
        ----------
        task : str
            Becomes the state while it runs.
        make : callable
            Makes the job of the panel.

        Raises
        ------
        CandlecastError
            Where nothing is loaded, or something runs.
        MixedDistancesError, UnacceptedFindingsError
            The checked series cannot be learned together, or their data has errors: see
            :meth:`begin_anyway`.
        """
        if self.panel is None:
            raise CandlecastError(
                "There are no prices to work on.", "Open a file, type a ticker or choose a sample."
            )
        if self.busy:
            raise CandlecastError(
                "The program is still at work.", "Wait for it to end, or cancel it."
            )
        self._held = (task, make)
        self._asked.failed, self._asked.refusals = False, []
        check_distances(self.panel)
        check_findings(
            self.panel,
            self.tr("Look at the data first, or go on with it as it is."),
            self._accepted,
        )
        for (
            key
        ) in self._idle_tasks:  # nothing else may draw random numbers while a network is trained
            self.background.cancel(key, wait=True)
        self.task, self._waiting = task, make
        if self.engine is None:
            self.warm_up()
            self._enter("preparing")
        else:
            self._begin(self.panel)

    def begin_anyway(self) -> None:
        """Start the task that was refused because of errors in the data, and accept these from now
        on; errors as :meth:`begin`.
        """
        if self._held is None or self.panel is None:
            return
        self._accepted = [*self._accepted, *grave(self.panel)]
        self.begin(*self._held)

    def begin_again(self) -> None:
        """Restart the last task; errors as :meth:`begin`."""
        if self._held is not None:
            self.begin(*self._held)

    def stop(self) -> None:
        """Stop a task early and keep its result so far, or a loading and keep the series so far; a
        pending task is cancelled.
        """
        if self.state in (self.task, "paused") and self._task:
            self._task.stop()
            self._enter("stopping")
        elif (
            self.state == "loading"
            and self._task
            and len(self._asked.requests) > 1
            and not self._asked.stopped
        ):
            self._asked.stopped = True
            self._task.stop()
        elif self.state in ("loading", "preparing"):
            self.cancel()

    def cancel(self) -> None:
        """Cancel what runs; the result of the run before it stays."""
        self._waiting = None
        self._retire()
        if self.running and self.task == "training":
            self._clear_run()
        self._enter("idle")

    def forget_run(self) -> None:
        """Clear the displayed run; a network that is not saved is lost."""
        self._clear_run()
        self.finished, self.unsaved, self._trained = None, False, None

    def recall(self, result: RunResult) -> None:
        """Display a stored run instead of the last one."""
        self.forget_run()
        self.recalled = result
        self._select_from(result.panel)

    def show_prediction(self, prediction: Prediction) -> None:
        """Display the forecast of a saved network instead of the last run."""
        self.forget_run()
        self.predicted = prediction
        self._select_from(prediction.panel)

    def _select_from(self, panel: Panel) -> None:
        """Select the first series of a panel, unless one of them is selected."""
        if not any(item.has_bars_of(self.series) for item in panel):
            rows = self.watchlist.rows
            self.selected = next(
                (index for index, row in enumerate(rows) if panel[0].has_bars_of(row.series)),
                self.selected,
            )
        self.list_changed.emit()

    @property
    def pulsing(self) -> bool:
        """Whether :attr:`frame_due` is still to come: something runs, or waits to be drawn."""
        return self._pulse.isActive()

    def request_repaint(self) -> None:
        """Request one :attr:`frame_due`."""
        if not self.pulsing:
            self._pulse.start()

    def close(self, timeout_ms: int = 30_000) -> bool:
        """Cancel everything and wait for all threads, ``timeout_ms`` in all; True when none is
        left.
        """
        self._soon.stop()
        self.cancel()
        self.background.cancel_all()
        ended = self.background.wait(QDeadlineTimer(timeout_ms))
        if ended:
            self._rest()
        self._training_file.remove()
        return ended

    def _run(self, job: Job, name: str) -> Task:
        task = self.background.run(job, name)
        task.yielded.connect(self._take)
        task.returned.connect(self._end)
        task.failed.connect(self._end)
        return task

    def _watch(self) -> None:
        """Start polling for events of a thread."""
        self._collector.hold()
        self._pulse.start()

    def _begin(self, panel: Panel) -> None:
        """Start the pending task."""
        make, self._waiting = self._waiting, None
        assert make is not None
        assert self.task is not None
        if self.task == "training":
            self._clear_run()
            self._run_count += 1
            self._trained, self.watched = panel, TrainingHistory(self._planned, self._run_count)
        self._task = self._run(make(panel), self.task)
        self._enter(self.task)

    def _retire(self) -> None:
        """Discard what runs: its thread may need a moment to end, but its events are ignored."""
        if self._task:
            self._task.cancel()
            self._task = None
        self._let_go_of_loading()

    def _let_go_of_loading(self) -> Loading | None:
        """Clear and return the loading that was under way."""
        loading, self.loading = self.loading, None
        if loading is not None:
            loading.deleteLater()
        return loading

    def _enter(self, state: State) -> None:
        self.progress = None
        if state == "idle":
            self.task = None
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
        self.request_repaint()

    def _beat(self) -> None:
        self.background.deliver()
        if self.background.threads:
            self._collector.collect()
        else:
            self._rest()
        self.frame_due.emit()
        if self._is_fresh and self._soon.isActive():
            self._soon.start(_SHOWING_MS)  # what was put off begins once this frame is painted
        self._is_fresh = False

    def _rest(self) -> None:
        self._pulse.stop()
        self._collector.release()

    def _take(self, event: Event) -> None:
        if isinstance(event, SeriesLoaded) and self._asked.listed:
            self._list_again(event)
        elif isinstance(event, NotLoaded):
            self._asked.refusals.append(event)
        elif isinstance(event, TrainingPaused):
            self._resumable = True
        else:
            self._keep(event)
            self.event_received.emit(event)

    def _keep(self, event: Event) -> None:
        match event:
            case Progress():
                self.progress = event
            case EngineReady():
                self.engine = event
                self._collector.set_apart()
            case SeriesLoaded():
                self._list(event)
                self._is_fresh = True
            case SplitMade():  # a second one where training begins anew on the CPU
                self.split, self.history = event, []
            case EpochEnd():
                self.history.append(event)
                self.watched.take(event)
                self.progress = self._progress_at(event)
            case ForecastMade():
                self.forecast = event
                self.watched.take(event)
            case GradientByLag() | CellStates() | StepNorms() | Diagnosis():
                self.watched.take(event)
            case Notice() if self.task == "training" and self.running:
                self.watched.take(event)
            case RunFinished():
                self.finished, self.unsaved = event, True
                self.watched.take(event)
                for training in self.earlier:
                    training.shrink()
                self.earlier = [*self.earlier, self.watched][-_EARLIER:]
            case _:
                pass

    def _progress_at(self, end: EpochEnd) -> Progress:
        """Return the progress after an epoch: short epochs report none before their end."""
        eta = end.seconds / end.epoch * (end.epochs - end.epoch) if end.epoch else None
        return Progress(
            end.epoch,
            end.epochs,
            self.tr("{n} of {all} epochs done").format(n=end.epoch, all=end.epochs),
            eta,
        )

    def _request(self, reference: str | Request) -> Request:
        if isinstance(reference, Request):
            return reference
        return self.watchlist.request_for(reference) or Request(reference=reference)

    def _list(self, event: SeriesLoaded) -> None:
        """Put loaded series on the list; a run whose series are gone or no longer asked for is
        cleared.
        """
        asked, before = self._asked, self.row
        known = {id(item) for item in self._trained or ()}
        fresh = {id(item) for item in event.panel}
        self._put(event, asked.choice, asked.instead)
        rows = self.watchlist.rows
        first = next((index for index, row in enumerate(rows) if id(row.series) in fresh), 0)
        stays = asked.choice == "as_before" and before is not None and not any(asked.instead)
        same_row = [
            index
            for index, row in enumerate(rows)
            if before and same(row.request, before.request) and row.symbol == before.symbol
        ]
        self.selected = same_row[0] if stays and same_row else first
        if asked.choice == "only" or known - {id(row.series) for row in rows}:
            self.finished, self.unsaved, self._trained = None, False, None
            self._clear_run()
        self.list_changed.emit()

    def _list_again(self, event: SeriesLoaded) -> None:
        """Replace series by the same ones with more findings, without a redraw."""
        self._put(event, "as_before", ())
        self.list_changed.emit()

    def _put(
        self, event: SeriesLoaded, choice: Choice, instead: tuple[Request | None, ...]
    ) -> None:
        series = list(zip(event.places, event.panel, strict=True))
        self.watchlist = self.watchlist.with_series(self._asked.requests, series, choice, instead)
        self._asked.listed = True

    def _clear_run(self) -> None:
        self.split, self.history, self.forecast, self.watched = (
            None,
            [],
            None,
            TrainingHistory(RunConfig()),
        )
        self.recalled = self.predicted = None

    def _end(self, failure: object) -> None:
        """Go idle after the last event of what ran; a failure where it has failed."""
        self._task = None
        loading = self._let_go_of_loading()
        found = failure if isinstance(failure, Failure) else None
        if self.state == "loading":
            self._refuse(found)
        self._enter("idle")
        self._tell(found)
        if loading is not None and found is not None:
            loading.failed.emit(found)
        elif loading is not None:
            loading.loaded.emit()

    def _warmed(self, failure: object) -> None:
        """Start the task that waited for the engine, or cancel it."""
        if self._waiting and self.panel and not isinstance(failure, Failure):
            self._begin(self.panel)
        elif self._waiting:
            self._waiting = None
            self._enter("idle")
        self.request_repaint()
        self._tell(failure)

    def _refuse(self, failure: Failure | None) -> None:
        """Show in the rows why their series could not be loaded; of several requests those that
        failed are listed, too.
        """
        asked = self._asked
        asked.failed = failure is not None
        for event in asked.refusals:
            request = asked.requests[event.place]
            self.relist(
                self.watchlist.with_problem(
                    request, event.message, event.hint, add=asked.choice != "as_before"
                )
            )
        if asked.refusals and not failure:
            first, count = asked.refusals[0], len(asked.refusals)
            many = self.tr("{n} of {all} could not be loaded. {first}").format(
                n=count, all=len(asked.requests), first=first.message
            )
            self.misnamed = asked.requests[first.place]
            self.event_received.emit(
                Notice(
                    many if count > 1 else first.message,
                    first.hint,
                    suggestions=first.suggestions,
                    remedies=first.remedies,
                )
            )
        if failure and len(asked.requests) == 1 and not asked.listed:
            self.refused = self.misnamed = asked.requests[0]
            listed = next(iter(asked.instead), None) or self.refused
            self.relist(
                self.watchlist.with_problem(listed, failure.message, failure.hint, add=False)
            )

    def _tell(self, failure: object) -> None:
        if isinstance(failure, Failure):
            self.failed.emit(failure)
