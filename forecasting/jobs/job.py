"""What a job is, and how one passes another on."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from forecasting.events import Event, FoldEnd, SplitMade
from forecasting.generators import relay

Job = Generator[Event, None, None]


def never() -> bool:
    """Stop for nothing."""
    return False


def noting(job: Generator[Event, None, Any], notes: list[Any]) -> Generator[Event, None, Any]:
    """Pass a job's events on, keeping those that its successor needs; return what the job
    returns.
    """

    def note(event: Event) -> Event:
        if isinstance(event, SplitMade | FoldEnd):
            notes.append(event)
        return event

    return relay(job, note)
