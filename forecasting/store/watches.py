"""What the watch remembers: when each source was loaded, the last bar that was seen, the alerts,
and what was chosen to be watched.

Everything is written in transactions and under unique keys, so that a pass which was killed at any
moment and begins anew neither loses nor doubles anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

import numpy as np

from forecasting.events import Alert, AlertKind
from forecasting.series import Panel
from forecasting.store.database import Database, date_of, text_of

_INSERT = "INSERT OR IGNORE INTO watch_alert (key, topic, at, kind, symbol, ds, message, hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT id, at, key, kind, symbol, ds, message, hint FROM watch_alert"
_UNSEEN = "WHERE id NOT IN (SELECT alert FROM watch_shown WHERE channel = ?) ORDER BY id"


_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True)
class SourceState:
    """What is known of the loading of one source.

    Attributes
    ----------
    loaded_at : datetime64[us]
        When it was loaded last, in UTC as the watch counts time; NaT before the first time.
    asked_at : str
        When the prices that the cache held as it was asked last were fetched; "" where it held
        none. Others in the cache have come since.
    asked_day : str
        Day, as the watch counts time, for which it was asked then.
    problem : str
        Why it could not be loaded the last time; "" where it could.
    """

    loaded_at: np.datetime64 = _NEVER
    asked_at: str = ""
    asked_day: str = ""
    problem: str = ""


@dataclass(frozen=True)
class SeenBar:
    """The last bar of a series at the pass before.

    Attributes
    ----------
    ds : datetime64[us]
    y : float
        Its close as it was then.
    since : datetime64[us]
        Last bar at the first pass: what came later happened under watch.
    """

    ds: np.datetime64
    y: float
    since: np.datetime64


@dataclass(frozen=True)
class StoredAlert:
    """An alert with its number and the moment (UTC) at which it was found."""

    id: int
    at: np.datetime64
    alert: Alert


@dataclass(frozen=True)
class WatchChoice:
    """One series that is to be watched: what loads it (JSON of a request), its symbol, and the
    file of the network.
    """

    request: str
    symbol: str
    model: str


class WatchStore(Database):
    """The watch's tables in the store's file; parameters and errors as of :class:`Database`."""

    def last_pass(self) -> np.datetime64:
        """Return when the last pass ended (UTC); NaT before the first."""
        row = self._guarded(lambda: self._db.execute("SELECT at FROM watch_pass").fetchone())
        text = "The moment of the last watch in the store is damaged: it counts as the first one."
        found = row and self._decoded(partial(date_of, row[0]), "watch_damaged", text)
        return found or _NEVER

    def finish_pass(self, at: np.datetime64) -> None:
        """Remember that a pass has ended."""
        self._guarded(
            lambda: self._change(
                "INSERT OR REPLACE INTO watch_pass (id, at) VALUES (1, ?)", _us(at)
            )
        )

    def state(self, source: str) -> SourceState:
        """Return what is known of a source."""
        query = "SELECT loaded_at, asked_at, asked_day, problem FROM watch_source WHERE source = ?"
        row = self._guarded(lambda: self._db.execute(query, (source,)).fetchone())
        text = f"What the store knows of the loading of {source} is damaged: it is loaded anew."
        found = row and self._decoded(partial(_state, row), "watch_damaged", text)
        return found or SourceState()

    def set_state(self, source: str, state: SourceState) -> None:
        """Write what is known of a source."""
        loaded = None if np.isnat(state.loaded_at) else _us(state.loaded_at)
        query = (
            "INSERT OR REPLACE INTO watch_source "
            "(source, loaded_at, asked_at, asked_day, problem) VALUES (?, ?, ?, ?, ?)"
        )
        values = (source, loaded, state.asked_at, state.asked_day, state.problem)
        self._guarded(lambda: self._change(query, *values))

    def seen(self, source: str) -> dict[str, SeenBar]:
        """Return the last bar of each series of a source at the pass before, by symbol."""
        query = "SELECT symbol, ds, y, since FROM watch_bar WHERE source = ?"
        rows = self._guarded(lambda: self._db.execute(query, (source,)).fetchall())
        text = f"A last bar of {source} in the store is damaged and is left out."
        found = (self._decoded(partial(_seen, row), "watch_damaged", text) for row in rows)
        return dict(item for item in found if item is not None)

    def set_seen(self, source: str, panel: Panel) -> None:
        """Remember the last bar of each series; ``since`` stays as it was."""
        query = (
            "INSERT INTO watch_bar (source, symbol, ds, y, since) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (source, symbol) DO UPDATE SET ds = excluded.ds, y = excluded.y"
        )
        rows = [
            (source, item.symbol, _us(item.ds[-1]), float(item.y[-1]), _us(item.ds[-1]))
            for item in panel
        ]
        self._guarded(lambda: self._change_many(query, rows))

    def add_alerts(self, alerts: Sequence[Alert], at: np.datetime64) -> int:
        """Enter alerts; one of a key that is there already is left out. Return how many are new.

        Of alerts of one topic that are less than ``apart_us`` from each other the first one counts:
        what is computed anew after past prices were adjusted may move by a bar.
        """
        return self._guarded(partial(self._insert_alerts, alerts, at))

    def alerts(self, unseen_by: str = "") -> tuple[StoredAlert, ...]:
        """Return all alerts in the order in which they came, or those that were not yet shown on a
        channel.
        """
        where, values = (_UNSEEN, (unseen_by,)) if unseen_by else ("ORDER BY id", ())
        query = f"{_SELECT} {where}"
        rows = self._guarded(lambda: self._db.execute(query, values).fetchall())
        text = "An alert in the store is damaged and is left out."
        found = (self._decoded(partial(_alert, row), "alert_damaged", text) for row in rows)
        return tuple(item for item in found if item is not None)

    def mark_shown(self, alerts: Iterable[StoredAlert], channel: str) -> None:
        """Remember that alerts were shown on a channel."""
        rows = [(item.id, channel) for item in alerts]
        query = "INSERT OR IGNORE INTO watch_shown (alert, channel) VALUES (?, ?)"
        self._guarded(lambda: self._change_many(query, rows))

    def choices(self) -> tuple[WatchChoice, ...]:
        """Return what is to be watched, in the order in which it was chosen."""
        query = "SELECT request, symbol, model FROM watch_choice ORDER BY id"
        rows = self._guarded(lambda: self._db.execute(query).fetchall())
        return tuple(WatchChoice(*(str(item) for item in row)) for row in rows)

    def choose(self, choices: Sequence[WatchChoice]) -> None:
        """Watch series; one that is watched with another network is watched with this one."""
        query = (
            "INSERT INTO watch_choice (request, symbol, model) VALUES (?, ?, ?) "
            "ON CONFLICT (request, symbol) DO UPDATE SET model = excluded.model"
        )
        rows = [(item.request, item.symbol, item.model) for item in choices]
        self._guarded(lambda: self._change_many(query, rows))

    def drop(self, choices: Sequence[WatchChoice]) -> None:
        """Watch series no longer; their forecasts and alerts stay."""
        query = "DELETE FROM watch_choice WHERE request = ? AND symbol = ?"
        rows = [(item.request, item.symbol) for item in choices]
        self._guarded(lambda: self._change_many(query, rows))

    def _insert_alerts(self, alerts: Sequence[Alert], at: np.datetime64) -> int:
        added = 0
        with self._writing() as db:
            for item in alerts:
                if item.topic and self._is_near(item):
                    continue
                values = (item.key, item.topic, _us(at), item.kind, item.symbol, _us(item.ds))
                added += db.execute(_INSERT, (*values, item.message, item.hint)).rowcount
        return added

    def _is_near(self, alert: Alert) -> bool:
        query = "SELECT 1 FROM watch_alert WHERE topic = ? AND abs(ds - ?) < ? LIMIT 1"
        values = (alert.topic, _us(alert.ds), alert.apart_us)
        return self._db.execute(query, values).fetchone() is not None

    def _change(self, query: str, *values: Any) -> None:
        with self._writing() as db:
            db.execute(query, values)

    def _change_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._writing() as db:
            db.executemany(query, rows)


def _state(row: Sequence[Any]) -> SourceState:
    loaded, *texts = row
    text_of(*texts)
    return SourceState(_NEVER if loaded is None else date_of(loaded), *texts)


def _seen(row: Sequence[Any]) -> tuple[str, SeenBar]:
    symbol, ds, y, since = row
    text_of(symbol)
    return symbol, SeenBar(date_of(ds), float(y), date_of(since))


def _alert(row: Sequence[Any]) -> StoredAlert:
    """Return an alert as it was written; any error where a column does not hold what it should."""
    number, at, key, kind, symbol, ds, message, hint = row
    text_of(key, kind, symbol, message, hint)
    if kind not in get_args(AlertKind):
        raise ValueError(f"an alert of the kind {kind[:20]!r}")
    return StoredAlert(
        int(number), date_of(at), Alert(key, kind, symbol, date_of(ds), message, hint)
    )


def _us(moment: np.datetime64) -> int:
    return int(moment.astype("datetime64[us]").astype(np.int64))
