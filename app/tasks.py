"""What workers run for the session: jobs of the engine, imported in the worker's thread."""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.background import Job
from app.watchlist import Choice, Watchlist
from forecasting import jobs
from forecasting.config import RunConfig
from forecasting.events import ENDED, Event, NotLoaded, SeriesLoaded
from forecasting.files.atomic import FileLock, data_folder
from forecasting.series import Panel
from forecasting.sources.options import Interval, Request

#: Whether tickers are fetched: when they are old, in any case, or not at all.
Refresh = Literal["auto", "always", "never"]

#: Seconds in which prices that have come are drawn, before they are compared.
SHOWING_S = 0.4


@dataclass
class LoadRequest:
    """Request to load series, and how the result joins the watchlist; ``listed`` once the series
    are on it.
    """

    requests: tuple[Request, ...]
    choice: Choice
    instead: tuple[Request | None, ...] = ()
    refresh: Refresh = "auto"
    listed: bool = False
    stopped: bool = False
    refusals: list[NotLoaded] = field(default_factory=list)
    failed: bool = False

    @property
    def refused(self) -> tuple[Request, ...]:
        """Requests that failed."""
        return (
            self.requests
            if self.failed
            else tuple(self.requests[item.place] for item in self.refusals)
        )

    def again(self) -> LoadRequest:
        """Return the request for what failed; series that were loaded beside it stay."""
        choice: Choice = "also" if self.choice == "only" and self.listed else self.choice
        instead = self.instead if self.failed else ()
        return LoadRequest(self.refused, choice, instead, self.refresh)

    def stored(self, interval: Interval, watchlist: Watchlist) -> LoadRequest:
        """Return the request for the failed tickers that the price cache holds at other intervals,
        without asking anybody: a single one at this interval, of several each at its own.
        """
        intervals = [interval] if self.failed else [_stored(item) for item in self.refusals]
        held = [
            (item, at)
            for item, at in zip(self.refused, intervals, strict=False)
            if at and item.spec.options == "ticker"
        ]
        found = tuple(
            item.model_copy(update={"ticker": item.ticker.model_copy(update={"interval": at})})
            for item, at in held
        )
        listed = tuple(item if watchlist.places(item) else None for item, _at in held)
        single = self.failed and any(self.instead)
        return LoadRequest(found, self.again().choice, self.instead if single else listed, "never")


def _stored(refusal: NotLoaded) -> str:
    """Return the interval at which the price cache has the refused ticker; "" where it has none."""
    remedy = next((item for item in refusal.remedies if item.kind == "stored"), None)
    return str(dict(remedy.values)["interval"]) if remedy is not None else ""


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


class TrainingFile:
    """File in which a finished training is left until the window closes: from there it is made
    longer, and found after a crash.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lock: FileLock | None = None

    @property
    def exists(self) -> bool:
        """Whether a training was left."""
        return self._path is not None and self._path.is_file()

    def claim(self) -> Path:
        """Return the path, which no other window uses from now on.

        Without a place for it a training cannot be made longer later on, and an unsaved network not
        be found after a crash.
        """
        if self._path is None:
            self._path = data_folder() / "unfinished" / f"{ENDED}{secrets.token_hex(6)}.training"
            self._lock = FileLock(self._path)
            self._lock.take()
        return self._path

    def remove(self) -> None:
        """Remove the file: in an orderly close the user has been asked about it."""
        if self._path is not None and self._lock is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._lock.release()
            self._path = self._lock = None
