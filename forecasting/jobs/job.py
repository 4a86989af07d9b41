"""What a job is, and how one passes another on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from forecasting.events import Event, FoldEnd, SplitMade

Job = Iterator[Event]


def never() -> bool:
    """Stop for nothing."""
    return False


def noting(job: Generator[Event, None, Any], notes: list[Any]) -> Generator[Event, None, Any]:
    """Pass a job's events on, keeping those that its successor needs; return what the job
    returns.
    """
    while True:
        try:
            event = next(job)
        except StopIteration as finished:
            return finished.value
        if isinstance(event, SplitMade | FoldEnd):
            notes.append(event)
        yield event
