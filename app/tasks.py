"""What workers run for the session: jobs of the engine, imported in the worker's thread."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal

from app.background import Job
from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.events import Event, SeriesLoaded
from forecasting.series import Panel
from forecasting.sources.options import Request

#: Whether tickers are fetched: when they are old, in any case, or not at all.
Refresh = Literal["auto", "always", "never"]

#: Seconds in which prices that have come are drawn, before they are compared.
SHOWING_S = 0.4


def loading(requests: Sequence[Request], refresh: Refresh) -> Job:
    """Return the job that loads series."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        for event in jobs.load(requests, should_stop=should_stop, refresh=refresh):
            yield event
            if isinstance(event, SeriesLoaded) and not should_stop():
                time.sleep(SHOWING_S)  # what is compared next would hold the chart up
        arrow = sys.modules.get("pyarrow")
        if arrow is not None:  # what reading has needed for a while is given back
            arrow.default_memory_pool().release_unused()

    return job


def training(
    panel: Panel,
    config: RunConfig,
    pausing: threading.Event,
    leaving: threading.Event,
    resume: Path | None,
    keep: Path | None,
    explained: Callable[[], str],
) -> Job:
    """Return the job that trains a network, from the start or a file.

    It waits while ``pausing`` is set, its end goes to ``keep``, and given up while ``leaving`` is
    set it leaves a file from which it can go on. ``explained`` returns the symbol of the series
    whose forecast is explained meanwhile, "" for none.
    """
    return lambda should_stop: jobs.train(
        panel,
        config,
        should_stop,
        should_pause=pausing.is_set,
        should_leave=leaving.is_set,
        resume=resume,
        autosave=jobs.autosave_path(panel, config),
        keep=keep,
        explained=explained,
    )
