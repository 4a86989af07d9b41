"""Searches for settings in the store: each trial is written as soon as a block of it was judged, so
that a search goes on where it was after the program was killed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from pydantic import Field

from forecasting.config import Settings
from forecasting.errors import DataError
from forecasting.files.archive import check_crc32, crc32
from forecasting.store.database import Database, text_of

SearchState = Literal["running", "finished"]
#: Most letters of the description of a search, of a trial and of a result.
_MOST_TEXT = 2**20
#: Most bytes of the losses of a trial, and of what was judged once for all trials.
_MOST_BYTES = 64 * 2**20
_ROW = "key, made_at, digest, state, seconds, description, shared, result, checksum"


class TrialRecord(Settings):
    """A trial as it is stored, but for its losses by date.

    Attributes
    ----------
    number : int
        0 for the defaults.
    values : dict
        Searched settings by name.
    config : str
        All settings as JSON.
    state : str
    running_loss : tuple of float
        Mean loss after each block that was run.
    seconds : float
        Wall time of the trial.
    at : float
        Seconds of the search at which it ended.
    reason : str
        Why it failed.
    asked, ended : int
        Turn of the search in which the sampler suggested it and heard of it; 0 for not yet.
    unit, checked, ratios
        Its validation losses, as of :class:`forecasting.search.Trial`; earlier versions wrote none.
    """

    number: int = Field(ge=0)
    values: dict[str, Any] = Field(max_length=1000)
    config: str = Field(max_length=_MOST_TEXT)
    state: Literal["running", "complete", "pruned", "failed"]
    running_loss: tuple[float, ...] = Field((), max_length=1000)
    seconds: float = 0.0
    at: float = 0.0
    reason: str = Field("", max_length=_MOST_TEXT)
    asked: int = 0
    ended: int = 0
    unit: str = Field("", max_length=100)
    checked: float = 0.0
    ratios: tuple[float, ...] = Field((), max_length=1000)


@dataclass(frozen=True, eq=False)
class StoredTrial:
    """A trial of the store, with its losses by date as bytes."""

    record: TrialRecord
    losses: bytes


@dataclass(frozen=True, eq=False)
class StoredSearch:
    """A search of the store, without its trials.

    Attributes
    ----------
    key : str
        Short name.
    made_at : str
        ISO time (UTC) of its beginning.
    digest : str
        The same for searches of the same prices, settings, space, blocks and sampler.
    state : str
        ``running`` also of one that was cut short.
    seconds : float
        Time spent so far.
    description : mapping
        Defaults, space, plan and symbols.
    shared : bytes
        What was judged once for all trials; empty before the defaults were judged.
    result : mapping
        The verdict; empty before the look at the test part.
    """

    key: str
    made_at: str
    digest: str
    state: SearchState
    seconds: float
    description: dict[str, Any]
    shared: bytes
    result: dict[str, Any]


class SearchStore(Database):
    """The searches in the store's file; parameters and errors as of :class:`Database`.

    A damaged search or trial is left out, and :attr:`findings` says so.
    """

    def begin(self, digest: str, description: dict[str, Any]) -> StoredSearch:
        """Enter a new search."""
        made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        seed = f"{digest}{made_at}{secrets.token_hex(4)}"
        key = hashlib.sha256(seed.encode()).hexdigest()[:10]
        search = StoredSearch(key, made_at, digest, "running", 0.0, description, b"", {})
        self.update(search)
        return search

    def update(self, search: StoredSearch) -> None:
        """Write a search anew, its trials apart."""
        texts = (json.dumps(search.description), json.dumps(search.result))
        row = (
            search.key,
            search.made_at,
            search.digest,
            search.state,
            search.seconds,
            texts[0],
            search.shared,
            texts[1],
            crc32(*texts, search.shared),
        )
        update = ", ".join(f"{name} = excluded.{name}" for name in _ROW.split(", ")[1:])
        self._guarded(
            lambda: self._write(
                f"INSERT INTO search ({_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - names of our own
                f"ON CONFLICT (key) DO UPDATE SET {update}",
                row,
            )
        )

    def put_trial(self, key: str, trial: StoredTrial, seconds: float) -> None:
        """Write a trial of a search, in the place of what was there of it; and the time spent."""
        text = trial.record.model_dump_json()
        row = (key, trial.record.number, text, trial.losses, crc32(text, trial.losses))

        def work() -> None:
            with self._writing() as db:
                db.execute(
                    "INSERT OR REPLACE INTO search_trial (search, number, record, losses, "
                    "checksum) VALUES (?, ?, ?, ?, ?)",
                    row,
                )
                db.execute("UPDATE search SET seconds = ? WHERE key = ?", (seconds, key))

        self._guarded(work)

    def searches(self) -> tuple[StoredSearch, ...]:
        """Return all searches, latest first."""
        rows = self._guarded(lambda: self._read("search ORDER BY made_at DESC, id DESC", ()))
        return tuple(found for row in rows if (found := self._found(row)) is not None)

    def find(self, key: str) -> StoredSearch:
        """Return a search by its key, or by as many first letters of it as tell it from others.

        Raises
        ------
        DataError
            No search has that key, or several begin so.
        """
        where = "search WHERE substr(key, 1, ?) = ?"
        rows = self._guarded(lambda: self._read(where, (len(key), key))) if key else []
        found = [item for row in rows if (item := self._found(row)) is not None]
        if len(found) != 1:
            text = "Several searches begin with" if found else "There is no search"
            raise DataError(f"{text} {key!r}.", "`candlecast searches list` shows all of them.")
        return found[0]

    def latest(self, digest: str) -> StoredSearch | None:
        """Return the latest search of a digest."""
        where = "search WHERE digest = ? ORDER BY made_at DESC, id DESC LIMIT 1"
        rows = self._guarded(lambda: self._read(where, (digest,)))
        return self._found(rows[0]) if rows else None

    def trials(self, key: str) -> tuple[StoredTrial, ...]:
        """Return the trials of a search by number."""

        def work() -> list[tuple[Any, ...]]:
            with self._reading() as db:
                return db.execute(
                    "SELECT number, record, losses, checksum FROM search_trial WHERE search = ? "
                    "ORDER BY number",
                    (key,),
                ).fetchall()

        text = f"A trial of the search {key} is damaged in the store and is left out."
        rows = self._guarded(work)
        decoded = (self._decoded(partial(_trial, row), "trial_damaged", text) for row in rows)
        return tuple(trial for trial in decoded if trial is not None)

    def delete(self, keys: Sequence[str]) -> None:
        """Take searches out, with their trials."""

        def work() -> None:
            with self._writing() as db:
                db.executemany("DELETE FROM search WHERE key = ?", [(key,) for key in keys])

        self._guarded(work)

    def drop_running(self, key: str) -> None:
        """Take the trials of a search out that did not end."""

        def work() -> None:
            ended = {t.record.number for t in self.trials(key) if t.record.state != "running"}
            with self._writing() as db:
                rows = db.execute("SELECT number FROM search_trial WHERE search = ?", (key,))
                drop = [(key, n) for (n,) in rows.fetchall() if n not in ended]
                db.executemany("DELETE FROM search_trial WHERE search = ? AND number = ?", drop)

        self._guarded(work)

    def _write(self, statement: str, row: Sequence[object]) -> None:
        with self._writing() as db:
            db.execute(statement, row)

    def _read(self, where: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._reading() as db:
            return db.execute(f"SELECT {_ROW} FROM {where}", values).fetchall()  # noqa: S608

    def _found(self, row: Sequence[Any]) -> StoredSearch | None:
        text = f"The search {row[0]} in the store is damaged and is left out."
        return self._decoded(partial(_search, row), "search_damaged", text)


def _search(row: Sequence[Any]) -> StoredSearch:
    """Return a search as it was written; any error where a column does not hold what it should."""
    key, made_at, digest, state, seconds, description, shared, result, checksum = row
    text_of(key, made_at, digest, state, description, result)
    check_crc32(checksum, description, result, shared)
    if state not in ("running", "finished"):
        raise ValueError("a state that there is not")
    texts = (json.loads(description), json.loads(result))
    if not all(isinstance(text, dict) for text in texts):
        raise ValueError("no mapping")
    return StoredSearch(
        key, made_at, digest, state, float(seconds), texts[0], bytes(shared), texts[1]
    )


def _trial(row: Sequence[Any]) -> StoredTrial:
    number, text, losses, checksum = row
    text_of(text)
    check_crc32(checksum, text, losses)
    if len(losses) > _MOST_BYTES:
        raise ValueError("more losses than any trial has")
    record = TrialRecord.model_validate_json(text)
    if record.number != number:
        raise ValueError("another number")
    return StoredTrial(record, bytes(losses))
