"""The job that repeats a run with other seeds, and stores each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from app.background import Job
from forecasting.config import RunConfig
from forecasting.events import Event, Notice, Progress
from forecasting.jobs.repeating import RepeatFinished, SeedEnded
from forecasting.series import Panel
from forecasting.store.runs import RunStore, recorded


def repeating(panel: Panel, config: RunConfig, count: int, requests: Mapping[str, str]) -> Job:
    """Return the job.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
    count : int
        Seeds, from that of the configuration on.
    requests : mapping of str to str
        Symbol to what loads it again, as JSON.
    """

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        for event in jobs.repeat(panel, config, count, should_stop):
            if isinstance(event, SeedEnded):
                with RunStore() as store:
                    store.add(*recorded(event.result, requests))
            elif isinstance(event, Notice | Progress | RepeatFinished):
                yield event

    return job
