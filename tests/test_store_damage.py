"""One damaged value in any column of any table: that row is left out and told of, everything
else stays readable.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricated import run, walk

from app.cli import main
from forecasting.config import RunConfig
from forecasting.errors import CandlecastError
from forecasting.events import Alert
from forecasting.files.atomic import TempFolder, remove_own_stale
from forecasting.series import Panel, PriceSeries
from forecasting.store import Journal, PriceStore, RunStore, Trials, store_path
from forecasting.store.runs import recorded
from forecasting.store.searches import SearchStore, StoredTrial, TrialRecord
from forecasting.store.watches import SourceState, WatchChoice, WatchStore

TRIAL = TrialRecord(number=0, values={}, config="{}", state="complete")
VALUES: tuple[object, ...] = (
    "x",
    "",
    -1,
    1e400,
    2**62,
    b"\x00\xff",
    "[]",
    "null",
    '{"a": 1}',
    "\x1b[31m" * 200,
)


class Cached:
    """A source whose prices are in the cache."""

    key = "yahoo:CACHED"

    def __init__(self, series: PriceSeries) -> None:
        self._series = series

    def download(self, since: np.datetime64 | None = None) -> PriceSeries:
        return self._series

    def finish(self, series: PriceSeries) -> PriceSeries:
        return series


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with two rows of everything."""
    path = tmp_path_factory.mktemp("store") / "candlecast.sqlite"
    finished = run(walk("AAA", 120))
    (series,) = finished.panel.series[:1]
    with (
        Journal(path) as journal,
        RunStore(path) as runs,
        PriceStore(path) as prices,
        Trials(path) as tries,
        WatchStore(path) as watches,
        SearchStore(path) as searches,
    ):
        now = np.datetime64("2024-01-05T22:00", "us")
        watches.finish_pass(now)
        watches.set_state("prices.csv", SourceState(now, "2024-01-05T22:00", "2024-01-05"))
        watches.set_seen("prices.csv", finished.panel)
        alert = Alert("key", "outside", "AAA", series.ds[-1], "A close left its band.", "")
        watches.add_alerts([alert], now)
        watches.mark_shown(watches.alerts(), "window")
        watches.choose([WatchChoice("{}", "AAA", "net.candlecast")])
        search = searches.begin("digest", {"symbols": ["AAA"]})
        searches.put_trial(search.key, StoredTrial(TRIAL, b"losses"), 1.0)
        for seed in (1, 2):
            config = finished.config.changed(seed=seed)
            journal.add(finished.forecasts, finished.panel, config)
            runs.add(*recorded(replace(finished, config=config)))
            prices._write(f"yahoo:{seed}", series)
            tries.add(finished.panel, config, series.ds[-40], series.ds[-1])
        for stored in runs.runs():
            runs.label(stored.key, "mine", ["a", "b"])
    return path


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        filled = (t for t in tables if db.execute(f"SELECT 1 FROM {t} LIMIT 1").fetchone())
        for table in filled:
            for row in db.execute(f"PRAGMA table_info({table})").fetchall():
                yield table, row[1]


def _damage(path: Path, table: str, column: str, value: object) -> bool:
    """Put a value into a column of the first row; False where the schema does not let it in."""
    with closing(sqlite3.connect(path)) as db:
        key = db.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
        try:
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (value, *key))
            db.commit()
        except (sqlite3.IntegrityError, OverflowError):
            return False
    return True


def _read_all(path: Path) -> None:
    """Read all that the program reads; what is raised is in words."""
    series = walk("AAA", 120)
    with Journal(path) as journal:
        for entry in journal.entries():
            assert np.isfinite(entry.forecast.values).all()
            assert f"{entry.forecast.symbol}{str(entry.made_at)[:10]}{entry.forecast.y0:.2f}{entry.state}"
        journal.coverage(80)
        journal.reconcile(Panel((series,)))
    with RunStore(path) as runs:
        for kept in runs.runs():
            try:
                runs.find(kept.key)
                runs.outcomes(kept.key)
            except CandlecastError:
                continue
    with PriceStore(path) as prices:
        prices.held()
        for key in ("yahoo:1", "yahoo:2"):
            source = Cached(series)
            source.key = key
            assert len(prices.load(source, "auto"))
    with WatchStore(path) as watches:
        watches.last_pass()
        watches.state("prices.csv")
        watches.seen("prices.csv")
        watches.alerts()
        watches.alerts(unseen_by="terminal")
        watches.choices()
    with SearchStore(path) as searches:
        for found in searches.searches():
            searches.trials(found.key)
    with Trials(path) as tries:
        assert tries.add(Panel((series,)), RunConfig(), series.ds[-40], series.ds[-1]) >= 1


@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_every_column_may_hold_anything(every: int, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "candlecast.sqlite"
    for number, (table, column) in enumerate(_columns(sound)):
        for value in VALUES[number % every :: every]:
            shutil.copy(sound, path)
            if _damage(path, table, column, value):
                try:
                    _read_all(path)
                except Exception as error:
                    raise AssertionError(f"{table}.{column} = {value!r}"[:200]) from error
            for tail in ("-wal", "-shm"):
                path.with_name(path.name + tail).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("table", "column"),
    [("journal_entry", "made_at"), ("journal_step", "ds"), ("run", "record"), ("tried", "past")],
)
def test_one_damaged_row_is_left_out_and_told_of(
    sound: Path, table: str, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store_path().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sound, store_path())
    assert _damage(store_path(), table, column, "x")
    commands = {
        "journal_entry": ["journal"],
        "journal_step": ["journal"],
        "run": ["runs", "list"],
        "tried": ["journal"],
    }
    for words in ([], ["--json"]):
        assert main([*commands[table], *words]) == 0
        out, err = capsys.readouterr()
        assert out
        assert ("is damaged and is left out" in err) is (table != "tried")


def test_temporary_folders_that_cannot_be_looked_into_stay_and_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "candlecast-of-another-user"
    folder.mkdir()
    (folder / ".candlecast-alive").symlink_to("x" * 300)  # as unreadable as a forbidden folder
    remove_own_stale(tmp_path / "data")
    assert folder.exists()
    with TempFolder() as own:
        assert own.path.parent == tmp_path
