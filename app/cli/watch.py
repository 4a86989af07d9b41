"""The watch in a terminal: one pass for cron and Task Scheduler, or a loop."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.arguments import AsJson, Refresh
from app.cli.documents import Document, to_json
from app.cli.flags import given
from app.cli.loading import read_options
from app.cli.progress import finish
from app.cli.terminal import say, show
from forecasting.errors import CandlecastError, ConfigError
from forecasting.sources.options import Request, TickerOptions

if TYPE_CHECKING:
    import numpy as np

    from forecasting.store import StoredAlert
    from forecasting.watch import Subject, WatchedSeries, WatchFinished

#: Name of this way of showing alerts: each is shown on it once.
CHANNEL = "terminal"
#: Seconds between two passes of a loop, the shortest that is accepted, and the longest sleep: after
#: the computer slept, the next pass is not later than that.
_HOUR_S, _SHORTEST_S, _NAP_S = 3600.0, 60.0, 20.0
#: Seconds that another watch at work is waited for.
_PATIENCE_S = 600.0
_UNITS = {"": 60.0, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class _Plan:
    """What each pass of a loop does."""

    subjects: tuple[Subject, ...]
    level: float
    refresh: Literal["auto", "always", "never"]
    moment: np.datetime64 | None
    device: str
    as_json: bool
    repeats: bool


@dataclass(frozen=True, kw_only=True)
class WatchArguments:
    """What is watched, and how often."""

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="What to watch; without a source what is watched in the window.",
        ),
    ] = None
    model_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--model-file",
            metavar="FILE",
            help="Saved network that forecasts the sources. Repeatable.",
        ),
    ] = None
    list_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Watch the series of a CSV list too, as the watchlist exports it.",
        ),
    ] = None
    loop: Annotated[
        bool,
        typer.Option("--loop/--once", help="Go on until it is stopped, or do one pass (for cron)."),
    ] = False
    every: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Time between two passes of a loop: 30min, 2h. Implies --loop."
        ),
    ] = ""
    level: Annotated[
        str,
        typer.Option(metavar="PERCENT", help="Tell of a close outside this band: 80 or 95."),
    ] = "80"
    now: Annotated[
        str,
        typer.Option(
            metavar="MOMENT",
            help="Rehearse: act as if it were this moment (UTC), as 2025-03-07T22:00. Later bars "
            "are not looked at, and a journal of rehearsals is written instead of the journal.",
        ),
    ] = ""
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="Where networks are computed: auto, cpu, cuda:0.")
    ] = "auto"
    as_json: AsJson = False
    refresh: Refresh = None

    def plan(self, settings: dict[str, Any]) -> _Plan:
        """Return what each pass does; raises CandlecastError for what cannot be read."""
        band, moment = _level(self.level), _moment(self.now)
        sources = [*(self.sources or []), *_listed(self.list_file)]
        return _Plan(
            _subjects(sources, self.model_file or [], settings),
            band,
            "auto" if self.refresh is None else "always" if self.refresh else "never",
            moment,
            self.device,
            self.as_json,
            self.loop or bool(self.every),
        )


def watch(chosen: WatchArguments, **settings: Any) -> int:
    """Keep forecasts of saved networks up to date: load at most once a day, forecast, compare
    with what happened, and tell what stands out.
    """
    pause = _seconds(chosen.every) if chosen.every else _HOUR_S
    plan = chosen.plan(settings)
    if not plan.repeats:
        _pass(plan)
        return 0
    if plan.moment is not None:
        raise ConfigError("--now goes with --once only.", "Leave --loop and --every out.")
    while True:
        started_at = time.time()
        try:
            _pass(plan)
        except CandlecastError as error:
            say(f"Note: {error.message} {error.hint}".rstrip())
        _sleep_until(started_at + pause)


def _pass(plan: _Plan) -> None:
    """Do one pass and print it; what was printed is not printed again by a later one."""
    from forecasting import jobs
    from forecasting.watch import WatchFinished

    job = jobs.watch(
        plan.subjects,
        level=plan.level,
        refresh=plan.refresh,
        moment=plan.moment,
        device=plan.device,
        wait_s=_PATIENCE_S,
    )
    path = jobs.rehearsal_path() if plan.moment is not None else None
    try:
        done: WatchFinished | None = finish(job, WatchFinished)
    except CandlecastError:
        _show(None, path, as_json=False)
        raise
    _show(done, path, as_json=plan.as_json, compact=plan.repeats)


def _show(
    done: WatchFinished | None, path: Path | None, *, as_json: bool, compact: bool = False
) -> None:
    """Print a pass and the alerts that were not printed yet."""
    from forecasting.store import WatchStore

    with WatchStore(path) as store:
        alerts = store.alerts(unseen_by=CHANNEL)
        if done is None:
            for item in alerts:
                say(_alert_words(item))
        elif as_json:
            text = to_json(document(done, alerts))
            show(json.dumps(json.loads(text)) if compact else text)
        else:
            _show_pass(done, alerts)
        store.mark_shown(alerts, CHANNEL)


def document(done: WatchFinished, alerts: Sequence[StoredAlert]) -> Document:
    """Return a pass and its alerts for JSON."""
    return {
        "at": _time(done.at),
        "rehearsal": done.rehearsal,
        "entered": done.entered,
        "reconciled": done.reconciled,
        "series": [_series(item) for item in done.series],
        "alerts": [_alert(item) for item in alerts],
    }


def _series(item: WatchedSeries) -> Document:
    import numpy as np

    return {
        "symbol": item.symbol,
        "source": item.source,
        "model_file": item.model,
        "loading": item.loading,
        "last": None if np.isnat(item.last) else _time(item.last),
        "forecast": item.forecast,
        "reason": item.reason,
        "journal": {
            "forecasts": item.forecasts,
            "known": item.known,
            "held_80": item.held if math.isfinite(item.held) else None,
        },
        "drift": {"statistic": item.drift, "threshold": item.threshold},
    }


def _alert(item: StoredAlert) -> Document:
    return {
        "id": item.id,
        "at": _time(item.at),
        "kind": item.alert.kind,
        "symbol": item.alert.symbol,
        "ds": _time(item.alert.ds),
        "message": item.alert.message,
        "hint": item.alert.hint,
    }


def _show_pass(done: WatchFinished, alerts: Sequence[StoredAlert]) -> None:
    words = {"entered": "new forecast", "there": "forecast is there", "none": "no forecast"}
    for item in done.series:
        facts = [item.symbol, f"up to {_time(item.last)[:10]}" if item.loading != "failed" else ""]
        facts += [words[item.forecast], item.reason]
        if math.isfinite(item.held):
            facts.append(f"80 % band held {item.held:.1f} % of {item.known} bars")
        show("  ".join(fact for fact in facts if fact))
    show(
        f"{done.entered} new forecast{'s' * (done.entered != 1)}, {done.reconciled} newly known "
        f"bar{'s' * (done.reconciled != 1)}, {len(alerts)} alert{'s' * (len(alerts) != 1)}"
    )
    for alert in alerts:
        show(_alert_words(alert))


def _alert_words(item: StoredAlert) -> str:
    return f"! {item.alert.message} {item.alert.hint}".rstrip()


def _subjects(
    sources: Sequence[str], models: Sequence[Path], settings: dict[str, Any]
) -> tuple[Subject, ...]:
    from forecasting.store import WatchStore
    from forecasting.watch import Subject, subjects_of

    if sources and not models:
        raise ConfigError(
            "No network is named that forecasts these sources.",
            "Add --model-file FILE; candlecast forecast --save FILE trains and saves one.",
        )
    files = [path.resolve() for path in models]
    if sources:
        read, ticker = read_options(settings), TickerOptions(**given(settings, TickerOptions))
        names = [str(Path(name).resolve()) if Path(name).is_file() else name for name in sources]
        return tuple(
            Subject(Request(reference=name, read=read, ticker=ticker), model)
            for name in dict.fromkeys(names)
            for model in dict.fromkeys(files)
        )
    with WatchStore() as store:
        found, damaged = subjects_of(store.choices())
    for symbol in damaged:
        say(f"Note: What loads {symbol} cannot be read; choose it again in the window.")
    if files:
        found = tuple(item for item in found if item.model in files)
    if not found:
        raise ConfigError(
            "Nothing is watched.",
            "Name a SOURCE and a --model-file, or choose Watch on a series in the window.",
        )
    return found


def _listed(path: Path | None) -> list[str]:
    """Return the sources of a list; none without a file."""
    if path is None:
        return []
    from app.watchlist_csv import read_list

    return list(dict.fromkeys(row.request.reference for row in read_list(path)))


def _level(text: str) -> float:
    value = text.strip().rstrip("%").strip()
    if value not in ("80", "95"):
        raise ConfigError(f"--level {text}: there is no such band.", "Choose 80 or 95.")
    return float(value)


def _moment(text: str) -> np.datetime64 | None:
    import numpy as np

    if not text:
        return None
    try:
        found = np.datetime64(text.removesuffix("Z"), "us")
    except ValueError as error:
        raise ConfigError(
            f"--now {text} is no moment.", "Write it as 2025-03-07T22:00 (UTC)."
        ) from error
    if np.isnat(found):
        raise ConfigError("--now is no moment.", "Write it as 2025-03-07T22:00 (UTC).")
    return found


def _seconds(text: str) -> float:
    """Return a time in seconds; a number alone counts minutes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|m|h|d)?\s*", text)
    value = float(found[1]) * _UNITS[found[2] or ""] if found else math.nan
    if not _SHORTEST_S <= value <= 31 * 86400:
        raise ConfigError(
            f"--every {text}: a time from 1 minute to 31 days is needed.", "Write 30min, 2h or 1d."
        )
    return value


def _sleep_until(moment: float) -> None:
    """Sleep by the clock on the wall, which goes on while the computer sleeps; a clock that is set
    back costs one pause at most.
    """
    latest = time.monotonic() + max(0.0, moment - time.time())
    while time.time() < moment and time.monotonic() < latest:
        time.sleep(min(_NAP_S, max(0.0, moment - time.time())))


def _time(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[s]")).replace("T", " ")
