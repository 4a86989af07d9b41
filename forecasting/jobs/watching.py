"""Living forecasts: one pass of the watch loads what is due, compares, forecasts and tells.

Each step is done from what is stored and entered under unique keys, so that a pass can be killed at
any moment: the next one does what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from forecasting.checks import ended
from forecasting.errors import RETRY, CandlecastError, SourceError
from forecasting.events import Alert, Event, ForecastMade, LeftOut, Notice, Progress, SeriesLoaded
from forecasting.files.atomic import FileLock, data_folder
from forecasting.jobs.job import Job, never
from forecasting.jobs.loading import load
from forecasting.jobs.predicting import predict
from forecasting.series import Forecast, Panel, PriceSeries
from forecasting.sources.options import Request
from forecasting.store import Entry, Journal, SourceState, WatchStore, closed_bars
from forecasting.watch.alerts import missed_alert, network_alerts, price_alerts
from forecasting.watch.due import is_due, local_day, utc_now
from forecasting.watch.record import NetworkRecord, records_of
from forecasting.watch.report import Loading, WatchedSeries, WatchFinished
from forecasting.watch.subject import Network, Subject

#: A clock that is behind the last pass by more than this has been set back.
_BACK = np.timedelta64(5, "m")
#: What a source says that does not know a series any more.
_GONE = ("delisted", "does not know")
#: The finding of prices that could not be brought up to date, and the words before the reason.
_STILL, _REASON = "outdated", "could not be fetched: "


def rehearsal_path() -> Path:
    """Return the file of rehearsals, whose forecasts are not in the journal."""
    return data_folder() / "rehearsal.sqlite"


def watch(
    subjects: Sequence[Subject],
    *,
    level: float = 80.0,
    refresh: Literal["auto", "always", "never"] = "auto",
    moment: np.datetime64 | None = None,
    device: str = "auto",
    wait_s: float = 0.0,
    should_stop: Callable[[], bool] = never,
    path: Path | None = None,
) -> Job:
    """Do one pass: load what is due, enter forecasts, compare earlier ones, and find what is to be
    told.

    Parameters
    ----------
    subjects : sequence of Subject
    level : float
        Band, in percent, beyond which a close is told of.
    refresh : {"auto", "always", "never"}
        ``auto`` asks for a ticker at most once a day of the computer's calendar; files are read at
        each pass.
    moment : datetime64, optional
        Rehearse: act as if it were this moment in UTC. No later bar is looked at, and the journal
        of rehearsals is written instead of the journal.
    device : str
        Where networks are computed.
    wait_s : float
        Seconds that another watch at work is waited for.
    should_stop : callable
        Polled between steps.
    path : Path, optional
        The store's file.

    Yields
    ------
    Progress, Notice, WatchFinished

    Raises
    ------
    ModelFileError
        A network's file cannot be read.
    SourceError
        Another watch is at work, the store cannot be used, or nothing could be loaded.
    """
    networks = {subject.model: Network.read(subject.model) for subject in subjects}
    store_file = path or (rehearsal_path() if moment is not None else None)
    lock = FileLock((store_file or data_folder() / "candlecast.sqlite").with_suffix(".watch"))
    yield Progress(0, 0, "Waiting for another watch" if wait_s else "Watching")
    if not lock.take(wait_s):
        raise SourceError(
            f"Another watch is at work, or the folder {lock.path.parent} cannot be written.",
            "It does what is due; try again in a minute.",
            remedies=(RETRY,),
        )
    try:
        with WatchStore(store_file) as store:
            work = _Pass(subjects, networks, store, store_file, level, moment, should_stop)
            yield from work.run(refresh, device)
    finally:
        lock.release()


@dataclass
class _Pass:
    """The state of one pass."""

    subjects: Sequence[Subject]
    networks: dict[Path, Network]
    store: WatchStore
    path: Path | None
    level: float
    moment: np.datetime64 | None
    should_stop: Callable[[], bool]
    loaded: dict[str, _Loaded] = field(default_factory=dict)
    alerts: int = 0
    entered: int = 0
    refused: dict[tuple[Path, str], str] = field(default_factory=dict)
    new: set[tuple[Path, str]] = field(default_factory=set)

    @property
    def now(self) -> np.datetime64:
        """The present, or the moment that is rehearsed, in UTC."""
        return utc_now() if self.moment is None else self.moment

    def run(self, refresh: Literal["auto", "always", "never"], device: str) -> Job:
        """Do all steps."""
        self._check_clock()
        requests = {subject.source: subject.request for subject in self.subjects}
        for index, (source, request) in enumerate(requests.items()):
            if self.should_stop():
                return
            yield Progress(index, len(requests), f"Loading {request.reference}")
            self.loaded[source] = self._load(source, request, refresh)
        reconciled = self._reconcile()
        for model in dict.fromkeys(subject.model for subject in self.subjects):
            if self.should_stop():
                return
            yield from self._forecast(self.networks[model], device)
        rows = [row for subject in self.subjects for row in self._rows(subject)]
        self.store.finish_pass(self.now)
        yield WatchFinished(
            self.now,
            tuple(rows),
            self.entered,
            reconciled,
            self.alerts,
            self.moment is not None,
        )
        yield from (Notice(item.message) for item in self.store.findings)
        self._check_loaded()

    def _check_clock(self) -> None:
        before = self.store.last_pass()
        if np.isnat(before) or self.now >= before - _BACK:
            return
        last, now = (str(item.astype("datetime64[m]")) for item in (before, self.now))
        self._tell(
            Alert(
                f"clock:{before.astype(np.int64)}",
                "clock",
                "",
                self.now,
                f"The clock was set back: it is {now} UTC, and the last pass was at {last} UTC.",
                "Check date and time of the computer: by them is decided what was forecast before "
                "it was known.",
            )
        )

    def _check_loaded(self) -> None:
        """Raise what the only source said, or that none of several could be loaded."""
        if any(item.panel is not None for item in self.loaded.values()):
            return
        first = next(iter(self.loaded.values()))
        raise SourceError(
            f"Nothing could be loaded. {first.problem}", first.hint, remedies=(RETRY,)
        )

    def _load(
        self, source: str, request: Request, refresh: Literal["auto", "always", "never"]
    ) -> _Loaded:
        state = self.store.state(source)
        mode = self._mode(request, state, refresh)
        if mode != "never":
            asked = _retrieved_at(request)
            today = str(local_day(self.now))
            self.store.set_state(source, replace(state, asked_at=asked, asked_day=today))
        found = _loaded(request, mode)
        if mode == "never" and found.panel is None and request.spec.remote and refresh == "auto":
            found = _loaded(request, "always")  # the price cache was emptied
        panel = found.panel
        if panel is not None:
            panel = self._until_now(panel)
            found = replace(found, panel=panel)
        if found.how == "cached":
            found = replace(found, problem=state.problem)
        else:
            self._note_loading(request, source, found)
        if panel is not None:
            self._note_prices(source, panel)
        return found

    def _mode(
        self, request: Request, state: SourceState, refresh: Literal["auto", "always", "never"]
    ) -> Literal["always", "never"]:
        """Return whether a source is asked; one that answered just before a kill is not."""
        if not request.spec.remote:
            return "never" if refresh == "never" else "always"
        if refresh != "auto":
            return refresh
        if not is_due(state.loaded_at, self.now):
            return "never"
        asked = state.asked_day == str(local_day(self.now))
        if asked and _retrieved_at(request) != state.asked_at:
            return "never"
        return "always"

    def _note_loading(self, request: Request, source: str, found: _Loaded) -> None:
        """Remember how the loading went, and tell once of a source that fails."""
        state = self.store.state(source)
        if found.problem and not state.problem:
            gone = any(word in found.problem.lower() for word in _GONE)
            since = str(state.loaded_at) if not np.isnat(state.loaded_at) else "never"
            self._tell(
                Alert(
                    f"source:{request.reference}:{since}",
                    "delisted" if gone else "source",
                    request.reference,
                    self.now,
                    f"{request.reference} could not be loaded: {found.problem}",
                    found.hint or "Its forecasts stay; the watch asks again.",
                )
            )
        loaded_at = state.loaded_at if found.passing else self.now
        self.store.set_state(source, replace(state, loaded_at=loaded_at, problem=found.problem))

    def _note_prices(self, source: str, panel: Panel) -> None:
        seen = self.store.seen(source)
        for series in panel:
            self._tell(*price_alerts(series, seen.get(series.symbol), self.now))
        self.store.set_seen(source, panel)

    def _until_now(self, panel: Panel) -> Panel | None:
        """Return the bars that have ended; None where no series has any."""
        found = []
        for series in panel:
            count = closed_bars(series, self.now)
            if count:
                found.append(series if count == len(series) else series.head(count))
        return replace(panel, series=tuple(found)) if found else None

    def _reconcile(self) -> int:
        """Enter what happened of all earlier forecasts of the series that were loaded."""
        total = 0
        with Journal(self.path) as journal:
            for item in self.loaded.values():
                if item.panel is not None:
                    total += journal.reconcile(item.panel, self.now)
        return total

    def _forecast(self, network: Network, device: str) -> Generator[Event, None, None]:
        """Enter the forecasts of one network from the last bars that it has not forecast from."""
        panel = self._panel_of(network)
        if not panel:
            return
        due = []
        for series in panel:
            record = self._record(series, network)
            if network.config.task.target_column != "close":
                self._refuse(network, series, "The network forecasts no closes.")
            elif len(series) <= network.config.task.input_size:
                self._refuse(network, series, "It has fewer bars than the network looks back.")
            elif series.symbol in ended(Panel(panel)):
                self._refuse(network, series, "It has ended before the others.")
            elif series.ds[-1] not in record.cutoffs:
                due.append(series)
                missed = missed_alert(series, network, record)
                self._tell(*([missed] if missed else []))
        if not due:
            return
        yield Progress(0, 0, f"Forecasting {len(due)} series")
        for group in _groups(panel):
            mine = Panel(tuple(group))
            forecasts = yield from self._predicted(mine, network, device)
            if forecasts:
                with Journal(self.path) as journal:
                    self.entered += journal.add(forecasts, mine, network.config, self.now)
                self.new |= {(network.path, series.symbol) for series in due}

    def _predicted(
        self, panel: Panel, network: Network, device: str
    ) -> Generator[Event, None, Sequence[Forecast]]:
        """Forecast a panel; where that is refused as a whole, series by series."""
        try:
            return (yield from _forecasts(panel, network, device))
        except CandlecastError as error:
            if len(panel) == 1:
                self._refuse(network, panel[0], error.message)
                return ()
        found: list[Forecast] = []
        for series in panel:
            try:
                found += yield from _forecasts(Panel((series,)), network, device)
            except CandlecastError as error:
                self._refuse(network, series, error.message)
        return found

    def _refuse(self, network: Network, series: PriceSeries, reason: str) -> None:
        self.refused[network.path, series.symbol] = reason

    def _panel_of(self, network: Network) -> tuple[PriceSeries, ...]:
        """Return the series that a network forecasts; of two of one symbol the first."""
        found: dict[str, PriceSeries] = {}
        for subject in self.subjects:
            if subject.model == network.path:
                for series in self._series_of(subject):
                    found.setdefault(series.symbol, series)
        return tuple(found.values())

    def _series_of(self, subject: Subject) -> tuple[PriceSeries, ...]:
        panel = self.loaded[subject.source].panel
        if panel is None:
            return ()
        return tuple(
            series for series in panel if not subject.symbols or series.symbol in subject.symbols
        )

    def _record(self, series: PriceSeries, network: Network) -> NetworkRecord:
        with Journal(self.path) as journal:
            entries: Iterable[Entry] = (
                entry for entry in journal.entries(series.symbol) if entry.freq == series.freq
            )
            return records_of(entries).get(network.identity, NetworkRecord(()))

    def _rows(self, subject: Subject) -> list[WatchedSeries]:
        """Return what is to be reported of each series of a subject, and enter its alerts."""
        network, loaded = self.networks[subject.model], self.loaded[subject.source]
        source = subject.request.reference
        if loaded.panel is None:
            names = subject.symbols or (source,)
            return [
                WatchedSeries(
                    name, source, str(subject.model), "failed", _NEVER, "none", loaded.problem
                )
                for name in names
            ]
        rows = []
        seen = self.store.seen(subject.source)
        for series in self._series_of(subject):
            record = self._record(series, network)
            since = seen[series.symbol].since
            self._tell(*network_alerts(series, network, record, self.level, since))
            rows.append(self._row(series, subject, network, record))
        return rows

    def _row(
        self, series: PriceSeries, subject: Subject, network: Network, record: NetworkRecord
    ) -> WatchedSeries:
        loaded = self.loaded[subject.source]
        _, test = record.drift(series)
        there = series.ds[-1] in record.cutoffs
        made = there and (network.path, series.symbol) in self.new
        reason = self.refused.get((network.path, series.symbol), "") or loaded.problem
        return WatchedSeries(
            series.symbol,
            subject.request.reference,
            str(subject.model),
            "failed" if loaded.problem else loaded.how,
            series.ds[-1],
            "entered" if made else "there" if there else "none",
            reason,
            len(record.entries),
            record.known,
            record.held(80.0),
            float(test.statistic[-1]) if test.statistic.size else 0.0,
            test.threshold,
        )

    def _tell(self, *alerts: Alert) -> None:
        if alerts:
            self.alerts += self.store.add_alerts(alerts, self.now)


_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class _Loaded:
    """What came of loading one source; ``passing``: the cause of a problem may be over soon."""

    panel: Panel | None
    how: Loading
    problem: str = ""
    hint: str = ""
    passing: bool = False


def _retrieved_at(request: Request) -> str:
    """Return when the prices in the cache were fetched; "" where there are none."""
    held = _loaded(request, "never").panel if request.spec.remote else None
    return held[0].provenance.retrieved_at if held is not None else ""


def _loaded(request: Request, mode: Literal["always", "never"]) -> _Loaded:
    """Load a source; what goes wrong is returned in words."""
    panel: Panel | None = None
    try:
        for event in load([request], refresh=mode):
            if isinstance(event, SeriesLoaded):
                panel = event.panel
    except CandlecastError as error:
        return _Loaded(None, "failed", error.message, error.hint, RETRY in error.remedies)
    except OSError as error:
        return _Loaded(None, "failed", f"{error.strerror or error}.", "", True)
    if not panel:
        return _Loaded(None, "failed", "It holds no series.")
    old = [item.message for series in panel for item in series.findings if item.code == _STILL]
    how: Loading = "cached" if mode == "never" and request.spec.remote else "loaded"
    if old and mode == "always":
        problem = old[0].partition(_REASON)[2] or old[0]
        gone = any(word in problem.lower() for word in _GONE)
        return _Loaded(panel, how, problem, "", not gone)
    return _Loaded(panel, how)


def _forecasts(
    panel: Panel, network: Network, device: str
) -> Generator[Event, None, tuple[Forecast, ...]]:
    """Forecast a panel, passing on what is not about series that are left out."""
    found: tuple[Forecast, ...] = ()
    for event in predict(panel, network.path, device):
        if isinstance(event, ForecastMade):
            found = event.forecasts
        elif not isinstance(event, LeftOut | Progress):
            yield event
    return found


def _groups(series: Iterable[PriceSeries]) -> list[list[PriceSeries]]:
    """Return series in groups of one distance of bars, which a network can forecast together."""
    found: dict[Any, list[PriceSeries]] = {}
    for item in series:
        found.setdefault(item.freq, []).append(item)
    return list(found.values())
