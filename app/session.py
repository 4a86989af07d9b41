"""The only mutable state of the application: what is loaded, what runs, what came of it; it owns the threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.worker import Collector, Failure, Job, Worker
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import EngineReady, EpochEnd, Event, ForecastMade, Progress, RunFinished, SeriesLoaded, SplitMade
from forecasting.series import Panel, PriceSeries

#: ``preparing`` waits for torch with a run to start, ``stopping`` for the result of a run that was told to stop.
State = Literal["idle", "loading", "preparing", "training", "stopping"]

PULSE_MS = 33


class Session(QObject):
    """What is loaded, what runs and what came of it.

    All signals are emitted in the thread of the window. Once a change is over, :attr:`pulsed` is
    emitted: at most 30 times a second while something runs, once after :meth:`nudge`, never otherwise.
    """

    state_changed = Signal(str)
    delivered = Signal(object)
    failed = Signal(object)
    pulsed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state: State = "idle"
        self.engine: EngineReady | None = None
        self.references: tuple[str, ...] = ()
        self.panel: Panel | None = None
        self.selected = 0
        self.progress: Progress | None = None
        self.finished: RunFinished | None = None
        self.unsaved = False
        self.split: SplitMade | None = None
        self.history: list[EpochEnd] = []
        self.forecast: ForecastMade | None = None
        self._worker: Worker | None = None
        self._warmer: Worker | None = None
        self._retired: set[Worker] = set()
        self._asked: tuple[str, ...] = ()
        self._waiting: RunConfig | None = None
        self._collector = Collector()
        self._pulse = QTimer(self)
        self._pulse.setObjectName("pulse")
        self._pulse.setInterval(PULSE_MS)
        self._pulse.timeout.connect(self._beat)

    @property
    def series(self) -> PriceSeries | None:
        """The series that is shown, or None while nothing is loaded."""
        return self.panel[self.selected] if self.panel else None

    @property
    def busy(self) -> bool:
        """Whether a job of the user runs or waits."""
        return self.state != "idle"

    @property
    def warming(self) -> bool:
        """Whether the engine is being prepared."""
        return self._warmer is not None

    @property
    def threads(self) -> int:
        """How many threads have not ended yet."""
        return len(self._workers())

    def select(self, index: int) -> None:
        """Show another series of the panel.

        Raises
        ------
        IndexError
            A place that the panel does not have.
        """
        if self.panel is None or not 0 <= index < len(self.panel):
            raise IndexError(index)
        self.selected = index

    def warm_up(self) -> None:
        """Import torch in the background, unless that is done or under way."""
        if self.engine is None and self._warmer is None:
            self._warmer = self._start(_warm_up, "engine")

    def load(self, references: Sequence[str]) -> None:
        """Read series; a reading that still runs is given up.

        Raises
        ------
        CandlecastError
            While a run is being trained.
        """
        if self.state not in ("idle", "loading"):
            raise CandlecastError("A network is being trained.", "Stop or cancel the training before you load other prices.")
        self._retire()
        self._asked = tuple(references)
        self._worker = self._start(_loading(self._asked), "load")
        self._enter("loading")

    def train(self, config: RunConfig) -> None:
        """Train a network on what is loaded, as soon as the engine is ready.

        Raises
        ------
        CandlecastError
            Where nothing is loaded, or something runs.
        """
        if self.panel is None:
            raise CandlecastError("There are no prices to train on.", "Open a file, type a ticker or choose a sample.")
        if self.busy:
            raise CandlecastError("The program is still at work.", "Wait for it to end, or cancel it.")
        if self.engine is None:
            self._waiting = config
            self.warm_up()
            self._enter("preparing")
        else:
            self._begin(self.panel, config)

    def stop(self) -> None:
        """End a run early and keep the best network so far; what has not begun is given up."""
        if self.state == "training" and self._worker:
            self._worker.stop()
            self._enter("stopping")
        elif self.state in ("loading", "preparing"):
            self.cancel()

    def cancel(self) -> None:
        """Give up what runs; the result of the run before it, if there is one, stays."""
        self._waiting = None
        self._retire()
        if self.state in ("training", "stopping"):
            self._clear_run()
        self._enter("idle")

    def nudge(self) -> None:
        """Ask for one pulse: something was changed that wants to be drawn."""
        if not self._pulse.isActive():
            self._pulse.start()

    def close(self, timeout_ms: int = 30_000) -> bool:
        """Give up everything and wait for all threads; True when none is left."""
        self.cancel()
        if self._warmer:
            self._warmer.discard()
            self._retired.add(self._warmer)
            self._warmer = None
        self._retired = {worker for worker in self._retired if not worker.wait(timeout_ms)}
        if not self._retired:
            self._rest()
        return not self._retired

    def _workers(self) -> list[Worker]:
        return [one for one in (self._worker, self._warmer, *self._retired) if one is not None]

    def _start(self, job: Job, name: str) -> Worker:
        worker = Worker(job, name)
        worker.finished.connect(self._ended)
        self._collector.hold()
        worker.start()
        self._pulse.start()
        return worker

    def _begin(self, panel: Panel, config: RunConfig) -> None:
        self._clear_run()
        self._worker = self._start(_training(panel, config), "train")
        self._enter("training")

    def _retire(self) -> None:
        """Let go of the worker: it may need a moment to end, but nothing of it is listened to any more."""
        if self._worker:
            self._worker.discard()
            self._retired.add(self._worker)
            self._worker = None

    def _enter(self, state: State) -> None:
        self.progress = None
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)
        self.nudge()

    def _beat(self) -> None:
        for worker in (self._warmer, self._worker):
            if worker:
                self._receive(worker)
        if self._workers():
            self._collector.collect()
        else:
            self._rest()
        self.pulsed.emit()

    def _rest(self) -> None:
        self._pulse.stop()
        self._collector.release()

    def _receive(self, worker: Worker) -> None:
        for event in worker.take():
            self._keep(event)
            self.delivered.emit(event)

    def _keep(self, event: Event) -> None:
        match event:
            case Progress():
                self.progress = event
            case EngineReady():
                self.engine = event
            case SeriesLoaded():
                self.panel, self.references, self.selected = event.panel, self._asked, 0
                self.finished, self.unsaved = None, False
                self._clear_run()
            case SplitMade():
                self.split = event
            case EpochEnd():
                self.history.append(event)
                self.progress = self._progress_at(event)
            case ForecastMade():
                self.forecast = event
            case RunFinished():
                self.finished, self.unsaved = event, True
            case _:
                pass

    def _progress_at(self, end: EpochEnd) -> Progress:
        """Return how far a run is after an epoch: short epochs report nothing before their end."""
        eta = end.seconds / end.epoch * (end.epochs - end.epoch) if end.epoch else None
        return Progress(end.epoch, end.epochs, self.tr("Epoch {n} of {all}").format(n=end.epoch, all=end.epochs), eta)

    def _clear_run(self) -> None:
        self.split, self.history, self.forecast = None, [], None

    def _ended(self) -> None:
        """Let go of every worker that has ended, after its last events; the sender may be gone already."""
        self._retired = {worker for worker in self._retired if not (worker.isFinished() and worker.wait())}
        if self._warmer and self._warmer.isFinished():
            warmer, self._warmer = self._warmer, None
            warmer.wait()
            self._receive(warmer)
            self._warmed(warmer.failure)
        if self._worker and self._worker.isFinished():
            worker, self._worker = self._worker, None
            worker.wait()
            self._receive(worker)
            self._enter("idle")
            self._tell(worker.failure)

    def _warmed(self, failure: Failure | None) -> None:
        """Start the run that waited for the engine, or give it up."""
        waiting, self._waiting = self._waiting, None
        if waiting and self.panel and not failure:
            self._begin(self.panel, waiting)
        elif waiting:
            self._enter("idle")
        self.nudge()
        self._tell(failure)

    def _tell(self, failure: Failure | None) -> None:
        if failure:
            self.failed.emit(failure)


def _warm_up(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
    from forecasting import jobs

    yield from jobs.warm_up()


def _loading(references: Sequence[str]) -> Job:
    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.load(references, should_stop=should_stop)

    return job


def _training(panel: Panel, config: RunConfig) -> Job:
    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.train(panel, config, should_stop)

    return job
