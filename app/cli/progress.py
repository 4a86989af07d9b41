"""Jobs in a terminal: progress while one looks on, and a first Ctrl-C that stops without losing
what was learnt.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from app.cli.terminal import OutputError, PlainStream, plain, say
from app.interrupts import SIGNALS, end
from forecasting.errors import CandlecastError

if TYPE_CHECKING:
    from forecasting.events import Event, Progress

#: Environment variable of a program that wants progress as lines of JSON on stderr.
PROGRESS_LINES = "CANDLECAST_PROGRESS_LINES"
#: Seconds after a stop in which the result has to be there.
_LONGEST_S = 30
EventT = TypeVar("EventT", bound="Event")


class UnfinishedError(CandlecastError):
    """A job was stopped by the user before it had a result."""

    exit_status = 128 + signal.SIGINT


class Stopper:
    """The ``should_stop`` of a job: turns True at the first SIGINT or SIGTERM; the second one
    aborts.

    A signal aborts at once, too, while there is nothing to keep yet, and once the result is being
    written.

    Attributes
    ----------
    signum : int
        The signal that came, 0 before.
    keeps : bool
        Whether stopping keeps something; otherwise the first signal aborts.
    kept : Path or None
        File in which a training is kept while it goes on.
    """

    def __init__(self) -> None:
        self.signum = 0
        self.keeps = True
        self.kept: Path | None = None
        self._deadline: threading.Timer | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Tell whether a stop was asked for."""
        return self.signum != 0

    @property
    def exit_status(self) -> int:
        """0, or 130 after Ctrl-C and 143 after SIGTERM, as shells count."""
        return 128 + self.signum if self.signum else 0

    def _asked(self, signum: int, frame: FrameType | None) -> None:
        if self.signum or not self.keeps:
            self._abort(signum, frame)
        self.signum = signum
        say("Stopping: keeping the best so far and writing what was asked. Once more aborts.")
        if self._before.get(signal.Signals(signum)) is end:
            self._deadline = threading.Timer(_LONGEST_S, self._give_up)
            self._deadline.daemon = True
            self._deadline.start()

    def _give_up(self) -> None:
        """End the process: judging what was trained takes longer than anyone waits who has asked
        for a stop.
        """
        if self.keeps:
            there = self.kept is not None and self.kept.is_file()
            hint = (
                "The training is kept: the same command with --resume brings its result back."
                if there
                else "Nothing was written."
            )
            say(f"Judging was given up after {_LONGEST_S} s. {hint}")
            end(self.signum)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Stopper]:
        """Catch the signals for the time of a job."""
        if threading.current_thread() is not threading.main_thread():
            yield self  # only the main thread may handle signals
            return
        self._before = {signum: signal.signal(signum, self._asked) for signum in SIGNALS}
        try:
            yield self
        finally:
            for signum, handler in self._before.items():
                signal.signal(signum, handler)
            if self._deadline is not None:
                self._deadline.cancel()

    def following(self, job: Iterator[Event]) -> Iterator[Event]:
        """Pass the events of a job on; before it has done a part of its work, and after its end,
        a signal aborts.
        """
        from forecasting.events import EpochEnd, FoldEnd, Progress, RunFinished

        self.keeps = False
        for event in job:
            started = isinstance(event, EpochEnd | FoldEnd) or (
                isinstance(event, Progress) and event.done > 0
            )
            self.keeps = (self.keeps or started) and not isinstance(event, RunFinished)
            yield event
        self.keeps = False

    def _abort(self, signum: int, frame: FrameType | None) -> None:
        """Do what the signal meant before the job: the program ends at once."""
        before = self._before.get(signal.Signals(signum))
        if callable(before):
            before(signum, frame)
        raise KeyboardInterrupt


def finish(job: Iterator[Event], wanted: type[EventT], *, to_the_end: bool = True) -> EventT:
    """Run a job to its end and return its last event of a kind; progress and notices go to stderr.

    Parameters
    ----------
    job : iterator of Event
    wanted : type of Event
        What the job is run for.
    to_the_end : bool
        Otherwise the job waits at the first such event, for :func:`settled`.

    Raises
    ------
    UnfinishedError
        The job ended without one: it was stopped too early.
    """
    from forecasting.events import BacktestPlanned, Diagnosis, EpochEnd, Notice, Progress

    found: EventT | None = None
    loss = ""
    watched = sys.stderr.isatty()
    with _bar() as show, _libraries_plain():
        for event in job:
            if isinstance(event, wanted):
                found = event
                if not to_the_end:
                    break
            if isinstance(event, Notice):
                say(f"Note: {event.message} {event.hint}".rstrip())
            elif isinstance(event, Diagnosis) and watched:
                say(f"Advice: {event.message} {event.hint}".rstrip())
            elif isinstance(event, BacktestPlanned):
                say(event.sentence)
            elif isinstance(event, EpochEnd):
                loss = (
                    f"loss {event.val_loss:.4f}, best {event.best_loss:.4f} in epoch "
                    f"{event.best_epoch}"
                )
            elif isinstance(event, Progress):
                show(event, loss)
    if found is None:
        raise UnfinishedError("Stopped before there was a result.", "Nothing was written.")
    return found


@contextlib.contextmanager
def settled(job: Iterator[Event], kept: Path) -> Iterator[None]:
    """Let a training end once all of its result is written; where that fails, what is ``kept``
    in case it is cut short stays.
    """
    try:
        yield
    except Exception as error:
        assert isinstance(job, Generator)
        if isinstance(error, OutputError) and error.closed:
            job.close()
            raise
        if kept.is_file():
            hint = "The training is kept: the same command with --resume brings its result back."
            if isinstance(error, CandlecastError):
                error.hint = f"{error.hint}\n{hint}".strip()
            else:
                say(f"Note: {hint}")
        job.throw(error)
    for _ in job:
        pass


@contextlib.contextmanager
def _libraries_plain() -> Iterator[None]:
    """Send what libraries print to stderr, without control characters: stdout belongs to the
    result.
    """
    stream = cast("TextIO", PlainStream(sys.stderr))
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress, str], None]]:
    """Hand out what shows progress: a bar on a terminal, lines of JSON where a program that
    started this one asks for them, nothing where stderr is any other pipe or file.
    """
    if os.environ.get(PROGRESS_LINES):
        yield _progress_line
        return
    if not sys.stderr.isatty():
        yield lambda event, note: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(16),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bar(
        *columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False
    ) as bar:
        task = bar.add_task("Starting", total=None, note="")

        def show(event: Progress, note: str) -> None:
            notes = "  ".join(text for text in (_left(event.eta_s), note) if text)
            bar.update(
                task,
                completed=event.done,
                total=event.total or None,
                description=plain(event.message),
                note=notes,
            )

        yield show


def _progress_line(event: Progress, note: str) -> None:
    message = "  ".join(text for text in (event.message, note) if text)
    found = {"progress": event.done, "total": event.total, "message": message}
    say(json.dumps(found))


def _left(eta_s: float | None) -> str:
    return "" if eta_s is None else f"{int(eta_s) // 60}:{int(eta_s) % 60:02d} left"
