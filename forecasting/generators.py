"""Jobs that pass another one on: its events as they come, its result at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

EventT = TypeVar("EventT")
ResultT = TypeVar("ResultT")


def relay(
    job: Generator[EventT, None, ResultT], change: Callable[[EventT], EventT]
) -> Generator[EventT, None, ResultT]:
    """Yield what a job yields, changed or looked at by a function, and return what it returns."""
    while True:
        try:
            event = next(job)
        except StopIteration as finished:
            result: ResultT = finished.value
            return result
        yield change(event)


def run_to_end(
    job: Generator[EventT, None, ResultT], see: Callable[[EventT], object] | None = None
) -> ResultT:
    """Run a job to its end and return what it returns; ``see`` is called with each event."""
    while True:
        try:
            event = next(job)
        except StopIteration as finished:
            result: ResultT = finished.value
            return result
        if see is not None:
            see(event)
