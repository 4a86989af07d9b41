"""Jobs for notebooks: progress goes to a callback or a tqdm bar, notices become warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from forecasting.errors import ConfigError
from forecasting.events import EpochEnd, Event, Notice
from forecasting.events import Progress as ProgressEvent

EventT = TypeVar("EventT", bound=Event)

#: What progress is shown by: None for nothing, a function of (done, total, message), or tqdm's
#: class.
Progress = Callable[..., Any] | None


class CandlecastWarning(UserWarning):
    """Something to be known of data or training that stops nothing: series left out, a device
    that is not there, ...
    """


def finish(
    job: Iterator[Event], wanted: type[EventT], progress: Progress = None, verbose: bool = False
) -> EventT:
    """Run a job to its end and return its last event of a kind.

    Parameters
    ----------
    job : iterator of Event
    wanted : type of Event
        What the job is run for.
    progress : callable, optional
        ``progress(done, total, message)``, with a total of 0 where it is unknown; or the class
        ``tqdm.tqdm``.
    verbose : bool
        Print one line an epoch on stderr.

    Warns
    -----
    CandlecastWarning
        For each notice of the job.

    Raises
    ------
    ConfigError
        The job ended without such an event.
    """
    show = _shown_by(progress)
    found: EventT | None = None
    try:
        for event in job:
            if isinstance(event, wanted):
                found = event
            if isinstance(event, ProgressEvent):
                show(event.done, event.total, event.message)
            elif isinstance(event, Notice):
                warnings.warn(
                    f"{event.message} {event.hint}".rstrip(), CandlecastWarning, stacklevel=4
                )
            elif isinstance(event, EpochEnd) and verbose:
                print(_line(event), file=sys.stderr)
    finally:
        if isinstance(show, _Bar):
            show.close()
        _close(job)
    if found is None:
        raise ConfigError("The job ended before it had a result.", "Run it again.")
    return found


def counting_epochs(job: Iterator[Event]) -> Iterator[Event]:
    """Pass on the events of a training, whose progress is counted in epochs instead of steps, at
    each epoch at least.
    """
    epochs = 0
    try:
        for event in job:
            if isinstance(event, EpochEnd):
                epochs = event.epochs
                yield event
                yield ProgressEvent(event.epoch, epochs, f"{event.epoch} of {epochs} epochs done")
            elif isinstance(event, ProgressEvent) and event.total and epochs:
                yield replace(event, done=event.done * epochs // event.total, total=epochs)
            else:
                yield event
    finally:
        _close(job)


def _close(job: Iterator[Event]) -> None:
    """Let a job that is not run to its end release what it holds."""
    if isinstance(job, Generator):
        job.close()


def _shown_by(progress: Progress) -> Callable[[int, int, str], object]:
    """Return what takes (done, total, message)."""
    if progress is None:
        return lambda done, total, message: None
    if not callable(progress):
        raise ConfigError(
            f"progress = {progress!r}: it cannot be called.",
            "Give tqdm.tqdm, or a function of (done, total, message).",
        )
    return _Bar(progress) if hasattr(progress, "update") else progress


class _Bar:
    """A bar of tqdm's kind, made anew for each part of a job."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._bar: Any = None
        self._total = self._done = -1

    def __call__(self, done: int, total: int, message: str) -> None:
        if self._bar is None or total != self._total or done < self._done:
            self.close()
            self._bar, self._total, self._done = (
                self._make(total=total or None, desc=message),
                total,
                0,
            )
        self._bar.set_description(message)
        self._bar.update(done - self._done)
        self._done = done

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _line(event: EpochEnd) -> str:
    return (
        f"Epoch {event.epoch}/{event.epochs}: validation loss {event.val_loss:.5f}, best "
        f"{event.best_loss:.5f} in epoch {event.best_epoch}"
    )
