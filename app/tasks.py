"""What workers run for the session: jobs of the engine, which is imported in the worker and
never before.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal

from app.background import Job
from forecasting.config import BacktestConfig, RunConfig
from forecasting.events import Event, SeriesLoaded
from forecasting.series import Panel
from forecasting.sources.options import ReadOptions, Request

#: Whether tickers are fetched: when they are old, in any case, or not at all.
Refresh = Literal["auto", "always", "never"]

#: Seconds in which prices that have come are drawn.
_SHOWING_S = 0.4


def warm_up(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
    """Prepare the engine."""
    from forecasting import jobs

    yield from jobs.warm_up()


def loading(requests: Sequence[Request], refresh: Refresh) -> Job:
    """Return the job that loads series."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        for event in jobs.load(requests, should_stop=should_stop, refresh=refresh):
            yield event
            if isinstance(event, SeriesLoaded) and not should_stop():
                time.sleep(_SHOWING_S)  # what is compared next would hold the chart up
        arrow = sys.modules.get("pyarrow")
        if arrow is not None:  # what reading has needed for a while is given back
            arrow.default_memory_pool().release_unused()

    return job


def understanding(path: str, options: ReadOptions) -> Job:
    """Return the job that tells how a file is read."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.understand(path, options)

    return job


def estimating(panel: Panel, config: RunConfig) -> Job:
    """Return the job that tells what a training would cost."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.estimate(panel, config)

    return job


def planning(panel: Panel, config: RunConfig, plan: BacktestConfig) -> Job:
    """Return the job that tells folds and time of a backtest."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.plan_backtest(panel, config, plan)

    return job


def searching(panel: Panel, config: RunConfig) -> Job:
    """Return the job that looks for a learning rate."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.find_learning_rate(panel, config, should_stop)

    return job


def unfinished(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
    """Tell which trainings were cut short."""
    from forecasting import jobs

    yield from jobs.unfinished()


def cached_tickers(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
    """Tell which tickers are in the price cache."""
    from forecasting import jobs

    yield from jobs.cached_tickers()


def training(
    panel: Panel,
    config: RunConfig,
    pausing: threading.Event,
    leaving: threading.Event,
    resume: Path | None,
    keep: Path | None,
) -> Job:
    """Return the job that trains a network, from the start or a file.

    It waits while ``pausing`` is set, its end goes to ``keep``, and given up while ``leaving`` is
    set it leaves a file from which it can go on.
    """

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        autosave = jobs.autosave_path(panel, config)
        yield from jobs.train(
            panel,
            config,
            should_stop,
            should_pause=pausing.is_set,
            should_leave=leaving.is_set,
            resume=resume,
            autosave=autosave,
            keep=keep,
        )

    return job


def auditing(panel: Panel, config: RunConfig) -> Job:
    """Return the job that looks for leaks."""

    def job(should_stop: Callable[[], bool]) -> Generator[Event, None, None]:
        from forecasting import jobs

        yield from jobs.audit(panel, config, should_stop)

    return job
