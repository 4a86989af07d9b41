"""The store under faults: every earlier version's file, a newer one, damage, a full disk, and
two programs at once.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated import run, walk
from window_bench import idle, price_file, wait, window

from app.cli import main
from app.features.project.recovery_files import Recovery
from forecasting import jobs, store
from forecasting.config import RunConfig
from forecasting.errors import ConfigError, SourceError
from forecasting.events import EngineReady, TrainingKept
from forecasting.files.atomic import FileLock
from forecasting.series import Panel, PriceSeries, Provenance
from forecasting.store import Journal, PriceStore, RunStore, Trials, database
from forecasting.store.runs import recorded
from forecasting.training import TrainingState

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOW = f"{np.datetime64('now')}Z"
#: What each version of the program added to the schema, as it wrote it then: never to be changed.
SCHEMAS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE price_series (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, symbol TEXT NOT NULL, columns TEXT NOT NULL,
        freq TEXT NOT NULL, tz TEXT NOT NULL, currency TEXT NOT NULL, calendar TEXT NOT NULL, source TEXT NOT NULL, adjusted TEXT NOT NULL,
        retrieved_at TEXT NOT NULL, note TEXT NOT NULL, findings TEXT NOT NULL, checksum INTEGER NOT NULL)""",
        """CREATE TABLE price_bar (series INTEGER NOT NULL REFERENCES price_series (id) ON DELETE CASCADE, ds INTEGER NOT NULL, open REAL,
        high REAL, low REAL, close REAL NOT NULL, adj_close REAL, volume REAL, PRIMARY KEY (series, ds)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE journal_entry (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at INTEGER NOT NULL, symbol TEXT NOT NULL,
        model TEXT NOT NULL, freq TEXT NOT NULL, tz TEXT NOT NULL, cutoff INTEGER NOT NULL, y0 REAL NOT NULL, quantiles TEXT NOT NULL,
        fcst BLOB NOT NULL, past BLOB NOT NULL, config TEXT NOT NULL, source TEXT NOT NULL, adjusted TEXT NOT NULL,
        retrieved_at TEXT NOT NULL, content_hash TEXT NOT NULL, note TEXT NOT NULL, checksum INTEGER NOT NULL)""",
        "CREATE INDEX journal_symbol ON journal_entry (symbol, freq)",
        """CREATE TABLE journal_step (entry INTEGER NOT NULL REFERENCES journal_entry (id) ON DELETE CASCADE, step INTEGER NOT NULL,
        ds INTEGER NOT NULL, counts INTEGER NOT NULL, y REAL, PRIMARY KEY (entry, step)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE tried (panel TEXT NOT NULL, settings TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        past BLOB NOT NULL, tried_at INTEGER NOT NULL, PRIMARY KEY (panel, settings, first, last)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE run (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at TEXT NOT NULL, record TEXT NOT NULL,
        curves BLOB NOT NULL, notes TEXT NOT NULL, checksum INTEGER NOT NULL)""",
    ),
    (
        """CREATE TABLE run_outcomes (run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE, told BLOB NOT NULL,
        checksum INTEGER NOT NULL)""",
    ),
    (
        "CREATE TABLE watch_pass (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)",
        """CREATE TABLE watch_source (
            source TEXT PRIMARY KEY, loaded_at INTEGER, asked_at TEXT NOT NULL, asked_day TEXT NOT NULL, problem TEXT NOT NULL)""",
        """CREATE TABLE watch_bar (
            source TEXT NOT NULL, symbol TEXT NOT NULL, ds INTEGER NOT NULL, y REAL NOT NULL, since INTEGER NOT NULL,
            PRIMARY KEY (source, symbol)) WITHOUT ROWID""",
        """CREATE TABLE watch_alert (
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
            symbol TEXT NOT NULL, ds INTEGER NOT NULL, message TEXT NOT NULL, hint TEXT NOT NULL)""",
        "CREATE INDEX watch_topic ON watch_alert (topic, ds)",
        """CREATE TABLE watch_shown (
            alert INTEGER NOT NULL REFERENCES watch_alert (id) ON DELETE CASCADE, channel TEXT NOT NULL,
            PRIMARY KEY (alert, channel)) WITHOUT ROWID""",
        """CREATE TABLE watch_choice (
            id INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL, symbol TEXT NOT NULL, model TEXT NOT NULL,
            UNIQUE (request, symbol))""",
    ),
    (
        """CREATE TABLE search (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, made_at TEXT NOT NULL, digest TEXT NOT NULL,
        state TEXT NOT NULL, seconds REAL NOT NULL, description TEXT NOT NULL, shared BLOB NOT NULL, result TEXT NOT NULL,
        checksum INTEGER NOT NULL)""",
        "CREATE INDEX search_digest ON search (digest)",
        """CREATE TABLE search_trial (search TEXT NOT NULL REFERENCES search (key) ON DELETE CASCADE, number INTEGER NOT NULL,
        record TEXT NOT NULL, losses BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (search, number)) WITHOUT ROWID""",
        """CREATE TABLE run_label (run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE, name TEXT NOT NULL,
        tags TEXT NOT NULL)""",
    ),
    (
        "ALTER TABLE price_series ADD COLUMN event_kinds TEXT NOT NULL DEFAULT '[]'",
        """CREATE TABLE price_event (
            series INTEGER NOT NULL REFERENCES price_series (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, ds INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (series, kind, ds)) WITHOUT ROWID""",
    ),
    ("CREATE TABLE run_candles (run TEXT PRIMARY KEY REFERENCES run (key) ON DELETE CASCADE)",),
)
RESULT = run(walk("ACME"))


class Feed:
    """A source of prices of our own, that can be offline."""

    key = "test:T"

    def __init__(self, bars: int = 40) -> None:
        day = np.datetime64("2020-01-01") + np.arange(bars)
        close = 100.0 + np.sin(np.arange(bars))
        self.series = PriceSeries(
            "T",
            day,
            ("close",),
            close[:, None],
            "1D",
            "UTC",
            "USD",
            "24/7",
            Provenance("test:T", "raw", NOW),
        )

    def download(self, since: np.datetime64 | None = None) -> PriceSeries:
        chosen = self.series.ds >= (since or self.series.ds[0])
        return replace(self.series, ds=self.series.ds[chosen], values=self.series.values[chosen])

    def finish(self, series: PriceSeries) -> PriceSeries:
        return series

    def load(self) -> tuple[PriceSeries, ...]:
        return (self.download(),)


def fill(path: Path) -> None:
    """Put something of everything into a store of this version."""
    store.load(Feed(), "always", path)
    with Journal(path) as journal, RunStore(path) as runs, Trials(path) as tries:
        journal.add(RESULT.forecasts, RESULT.panel, RESULT.config)
        runs.add(*recorded(RESULT)[:2])
        tries.add(
            RESULT.panel,
            RESULT.config,
            np.datetime64("2020-01-01", "us"),
            np.datetime64("2020-06-01", "us"),
        )


def content(path: Path) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with closing(sqlite3.connect(path)) as db:
        names = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        return {name: db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names}


def sizes(rows: dict[str, list[Any]]) -> dict[str, int]:
    """Return how many rows each table has."""
    return {name: len(found) for name, found in rows.items()}


def earlier(path: Path, version: int, rows: dict[str, list[Any]]) -> None:
    """Write the store as that version of the program did: its schema, and the rows of the tables
    that it had.
    """
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in (item for schema in SCHEMAS[:version] for item in schema):
            db.execute(statement)
            name = statement.split()[2]
            if statement.startswith("CREATE TABLE"):
                known = len(db.execute(f"PRAGMA table_info({name})").fetchall())
                for row in rows[name]:
                    db.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * known)})", row[:known])
        db.execute(f"PRAGMA user_version = {version}")


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, list[Any]]:
    fill(tmp_path / "now.sqlite")
    return content(tmp_path / "now.sqlite")


# Versions


def test_the_schema_of_today_is_the_one_that_is_written_down_here(
    tmp_path: Path, rows: dict[str, list[Any]]
) -> None:
    def told(path: Path) -> list[str]:
        with closing(sqlite3.connect(path)) as db:
            return sorted(
                "".join(sql.split())
                for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
            )

    assert len(SCHEMAS) == len(database.MIGRATIONS), "write the new version's schema down here, too"
    earlier(tmp_path / "written.sqlite", len(SCHEMAS), rows)
    assert told(tmp_path / "written.sqlite") == told(tmp_path / "now.sqlite")


@pytest.mark.parametrize("version", range(len(SCHEMAS)))
def test_a_store_of_any_earlier_version_is_brought_up_to_date_with_all_that_is_in_it(
    version: int, tmp_path: Path, rows: dict[str, list[Any]]
) -> None:
    path = tmp_path / "old.sqlite"
    earlier(path, version, rows)
    before = content(path)
    with RunStore(path) as runs, Journal(path) as journal, PriceStore(path) as prices:
        assert (len(runs.runs()), len(journal.entries()), len(prices.held())) == (
            version >= 4,
            version >= 2,
            version >= 1,
        )
        assert not (*runs.findings, *journal.findings, *prices.findings)
    after = content(path)
    for name, old in before.items():  # a column that is new comes last
        assert [row[: len(was)] for row, was in zip(after[name], old, strict=True)] == old
    assert set(after) == set(rows)
    assert list(tmp_path.glob("*damaged*")) == []
    fill(path)


@pytest.mark.parametrize("version", range(len(SCHEMAS)))
def test_a_migration_that_fails_midway_leaves_the_old_version(
    version: int, tmp_path: Path, rows: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.sqlite"
    earlier(path, version, rows)
    before = content(path)
    broken = (*database.MIGRATIONS[:-1], (*database.MIGRATIONS[-1], "CREATE TABLE nonsense ("))
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", broken)
        with pytest.raises(SourceError, match=r"old\.sqlite cannot be opened"):
            RunStore(path)
    assert content(path) == before
    with RunStore(path) as runs:
        assert len(runs.runs()) == (version >= 4)


def test_a_newer_store_is_refused_in_words_and_left_as_it_is(
    own_folders: Path, capsys: pytest.CaptureFixture[str], qapp: object
) -> None:
    path = own_folders / "candlecast.sqlite"
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA user_version = 99")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    assert main(["runs", "list"]) == 2
    told = capsys.readouterr().err
    assert "version 99" in told
    assert "Update Candlecast" in told
    with window(own_folders, price_file(own_folders / "A.csv")) as bench:
        wait(lambda: "version 99" in bench.banner.text)
    assert path.read_bytes() == before
    assert list(own_folders.glob("*damaged*")) == []


# Damage


def damage(path: Path) -> None:
    """Spoil what is inside a store."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = bytearray(path.read_bytes())
    whole[4096:] = np.random.default_rng(0).bytes(len(whole) - 4096)
    path.write_bytes(whole)


def check_set_aside(folder: Path, spoilt: bytes) -> str:
    """Return the name under which the damaged store is kept, whole."""
    (aside,) = folder.glob("candlecast.damaged-*.sqlite")
    assert aside.read_bytes() == spoilt, "what is set aside is as it was"
    with closing(sqlite3.connect(folder / "candlecast.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return aside.name


COMMANDS: dict[str, tuple[str, ...]] = {
    "runs": ("runs", "list"),
    "journal": ("journal",),
    "inspect": ("inspect", "{prices}"),
    "delete": ("runs", "delete", "x"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_store_is_set_aside_and_said_by_every_command(
    command: str, own_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = own_folders / "candlecast.sqlite"
    fill(path)
    damage(path)
    spoilt, prices = path.read_bytes(), price_file(own_folders / "ACME.csv")
    capsys.readouterr()
    main([word.format(prices=prices) for word in COMMANDS[command]])
    told = "".join(capsys.readouterr())
    assert check_set_aside(own_folders, spoilt) in "".join(told.split("\n")), told


def test_a_damaged_store_is_said_in_the_window(own_folders: Path, qapp: object) -> None:
    path = own_folders / "candlecast.sqlite"
    fill(path)
    damage(path)
    spoilt = path.read_bytes()
    with window(own_folders, price_file(own_folders / "ACME.csv")) as bench:
        wait(lambda: "was damaged; it was set aside as candlecast.damaged-" in bench.banner.text)
        bench.load(("sample:sp500",))
        idle(bench)
        assert check_set_aside(own_folders, spoilt) in bench.banner.text, (
            "it stays until it is dismissed"
        )
        bench.banner._dismiss.click()
        assert not bench.banner.text


def test_of_two_programs_that_find_the_damage_one_sets_it_aside(tmp_path: Path) -> None:
    path = tmp_path / "candlecast.sqlite"
    fill(path)
    first, second = RunStore(path), RunStore(path)
    damage(path)
    spoilt = path.read_bytes()
    assert _finds(first)
    first.add(*recorded(RESULT)[:2])
    assert not _finds(second), "it is said once"
    assert len(second.runs()) == 1, "the other program goes on with the new store"
    first.close()
    second.close()
    check_set_aside(tmp_path, spoilt)
    with RunStore(path) as runs:
        assert len(runs.runs()) == 1, "what the first program has kept since is there"


def _finds(opened: RunStore) -> bool:
    """Let a store be read until the end; whether it was found to be damaged."""
    opened.runs()
    return bool(opened.findings)


def test_without_looking_who_was_first_the_new_store_would_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_identity", lambda _path: (0, 0))
    with pytest.raises((AssertionError, ValueError)):
        test_of_two_programs_that_find_the_damage_one_sets_it_aside(tmp_path)


# A disk that fails


def attempts() -> dict[str, Callable[[Path], object]]:
    """Return everything that writes to the store."""
    other = run(walk("OTHER", seed=3))

    def put_back(path: Path) -> None:
        with RunStore(path) as runs:
            runs.put_back(runs.delete([item.key for item in runs.runs()]))

    def do(kind: Any, work: Callable[[Any], object]) -> Callable[[Path], object]:
        def doing(path: Path) -> None:
            with kind(path) as opened:
                work(opened)

        return doing

    first, last = np.datetime64("2021-01-01", "us"), np.datetime64("2021-06-01", "us")
    return {
        "prices": do(
            PriceStore,
            lambda prices: prices._guarded(lambda: prices._write("test:U", Feed(3000).series)),
        ),
        "forgetting prices": do(PriceStore, lambda prices: prices.forget("test:T")),
        "journal": do(
            Journal, lambda journal: journal.add(other.forecasts, other.panel, other.config)
        ),
        "reconciling": do(Journal, lambda journal: journal.reconcile(RESULT.panel)),
        "runs": do(RunStore, lambda runs: runs.add(*recorded(other)[:2])),
        "notes": do(RunStore, lambda runs: runs.note(runs.runs()[0].key, "n" * 4000)),
        "deleting runs": put_back,
        "tries": do(Trials, lambda tries: tries.add(other.panel, other.config, first, last)),
    }


def _refused(attempt: Callable[[Path], object], path: Path) -> SourceError | None:
    try:
        attempt(path)
    except SourceError as error:
        return error
    return None


def _ending(
    connect: Callable[[Path], sqlite3.Connection], index: int
) -> Callable[[Path], sqlite3.Connection]:
    """Return what opens a store whose work is broken off after so many steps of SQLite."""
    left = [index]

    def end() -> int:
        left[0] -= 1
        return int(left[0] < 0)

    def connected(path: Path) -> sqlite3.Connection:
        db = connect(path)
        db.set_progress_handler(end, 1)
        return db

    return connected


@pytest.mark.parametrize("what", attempts())
def test_a_write_that_is_broken_off_anywhere_changes_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, attempt, connect = tmp_path / "candlecast.sqlite", attempts()[what], database._connect
    fill(path)
    shutil.copy(path, tmp_path / "done.sqlite")
    attempt(tmp_path / "done.sqlite")
    before, all_of_it, broken, index = content(path), sizes(content(tmp_path / "done.sqlite")), 0, 0
    while True:
        index = max(index + 1, int(1.04 * index))
        with monkeypatch.context() as patch:
            patch.setattr(database, "_connect", _ending(connect, index))
            refused = _refused(attempt, path)
        if refused is None:
            break
        broken += 1
        assert str(path) in refused.message
        assert refused.hint
        now = content(path)
        if what == "deleting runs":  # of two writes the first may have been done
            now["run"] = before["run"]
        if sizes(now) == all_of_it and now != before:
            break  # broken off after it was all written
        assert now == before, f"broken off at {index}: half of it is there"
    print(f"\n{what}: broken off at {broken} places")
    assert broken > 30
    assert list(tmp_path.glob("*damaged*")) == []


@pytest.mark.parametrize("what", attempts())
def test_a_full_disk_is_told_and_changes_nothing(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, attempt, connect = tmp_path / "candlecast.sqlite", attempts()[what], database._connect
    fill(path)
    before = content(path)

    def full(path: Path) -> sqlite3.Connection:
        db = connect(path)
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        return db

    monkeypatch.setattr(database, "_connect", full)
    told = _refused(attempt, path)
    if told is not None:
        assert content(path) == before
        assert "full" in told.message
        assert "Free some space" in told.hint
    assert told is not None or what not in ("prices", "journal", "runs"), "the disk was not full"
    monkeypatch.undo()
    attempt(path)


def test_a_transaction_that_is_not_rolled_back_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    @contextmanager
    def careless(self: database.Database) -> Iterator[sqlite3.Connection]:
        yield self._db

    monkeypatch.setattr(database.Database, "_writing", careless)
    with pytest.raises(AssertionError, match="half of it is there"):
        test_a_write_that_is_broken_off_anywhere_changes_nothing(
            "prices", tmp_path, pytest.MonkeyPatch()
        )


# Two programs at once

_BUSY = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests", sys.argv[1] + "/tests/reliability"]
from test_store_faults import *
path, number = Path(sys.argv[2]), int(sys.argv[3])
for turn in range(int(sys.argv[4])):
    other = run(walk(f"S{number}", seed=100 * number + turn))
    with RunStore(path) as runs, Journal(path) as journal, PriceStore(path) as prices:
        runs.add(*recorded(other)[:2])
        journal.add(other.forecasts, other.panel, other.config.changed(seed=1000 * number + turn))
        prices._guarded(lambda: prices._write(f"test:{number}", Feed(500 + turn).series))
    print(turn, flush=True)
"""


def test_programs_that_write_at_once_lose_nothing(
    times: Callable[[int], int], tmp_path: Path
) -> None:
    path, turns = tmp_path / "candlecast.sqlite", times(15)
    fill(path)
    command = [sys.executable, "-c", _BUSY, str(ROOT), str(path)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    programs = [
        subprocess.Popen([*command, str(number), str(turns)], **pipes) for number in (1, 2, 3)
    ]
    said = [item.communicate(timeout=300) for item in programs]
    assert [item.returncode for item in programs] == [0, 0, 0], said
    with RunStore(path) as runs, Journal(path) as journal, PriceStore(path) as prices:
        assert len(runs.runs()) == 1 + 3 * turns
        assert len(journal.entries()) == 1 + 3 * turns
        assert sorted(item.bars for item in prices.held()) == [40, *[499 + turns] * 3]
        assert runs._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    print(f"\n3 programs, {3 * turns} turns each of runs, journal and prices: none lost")


def test_a_claim_ends_with_its_program_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "x.training"
    holding = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; "
        "from forecasting.files.atomic import FileLock\n"
    )
    holding += (
        f"one = FileLock(Path({str(path)!r})); assert one.take(); print('held', "
        "flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "held\n"
        assert FileLock.is_taken(path)
        assert not FileLock(path).take()
        program.kill()
        program.wait()
    assert not FileLock.is_taken(path)
    assert list(tmp_path.iterdir()) == [], "a claim leaves no file behind"
    mine = FileLock(path)
    assert mine.take()
    mine.release()


def test_of_many_that_claim_at_once_one_has_it(tmp_path: Path) -> None:
    have, most, fault = [0], [0], list[str]()

    def work() -> None:
        for _ in range(200):
            claim = FileLock(tmp_path / "x")
            if claim.take(0.5):
                have[0] += 1
                most[0] = max(most[0], have[0])
                have[0] -= 1
                claim.release()
            else:
                fault.append("waited in vain")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for item in threads:
        item.start()
    for item in threads:
        item.join()
    assert most == [1]


SMALL = RunConfig().changed(
    model="gru",
    hidden_size=4,
    input_size=10,
    horizon=2,
    epochs=40,
    device="cpu",
    baselines="random-walk",
)


def _begun(panel: Panel) -> Iterator[Any]:
    """Begin a training that is kept, and stop in its midst."""
    job, file = (
        jobs.train(panel, SMALL, autosave=jobs.autosave_path(panel, SMALL)),
        jobs.autosave_path(panel, SMALL),
    )
    while not any(item.suffix == ".training" for item in file.parent.glob("*")):
        next(job)
    return job


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SOON_S", "_EVERY_S"):
        monkeypatch.setattr(f"forecasting.training.checkpoint.{name}", 0.0)
    monkeypatch.setattr("forecasting.training.checkpoint._SHARE", 1e9)


def check_nothing_that_runs_is_offered() -> None:
    panel = Panel((walk("ACME", 200),))
    running = _begun(panel)
    assert list(jobs.unfinished()) == [], "a training that goes on is offered as cut short"
    with pytest.raises(ConfigError, match="goes on in another Candlecast"):
        next(jobs.train(panel, SMALL, resume=jobs.autosave_path(panel, SMALL)))
    again = _begun(panel)
    again.close()
    assert jobs.autosave_path(panel, SMALL).is_file(), "the other program's file was removed"
    with pytest.raises(RuntimeError, match="crash"):
        running.throw(RuntimeError("crash"))
    (kept,) = jobs.unfinished()
    assert isinstance(kept, TrainingKept)
    list(jobs.train(panel, SMALL, resume=kept.path, autosave=jobs.autosave_path(panel, SMALL)))
    assert list(kept.path.parent.iterdir()) == []


def test_a_training_that_goes_on_in_one_window_is_not_offered_by_another(
    hasty: None, own_folders: Path
) -> None:
    check_nothing_that_runs_is_offered()


def test_without_the_claim_it_would_be_offered(
    hasty: None, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileLock, "is_taken", classmethod(lambda _cls, _path: False))
    with pytest.raises(AssertionError, match="offered as cut short"):
        check_nothing_that_runs_is_offered()


def test_a_network_that_was_not_saved_is_offered_after_a_crash_and_only_then(
    own_folders: Path, tmp_path: Path, qapp: object
) -> None:
    prices = price_file(tmp_path / "ACME.csv", 200)
    with window(tmp_path / "settings", prices) as bench:
        bench.session.engine = EngineReady({"cpu": "CPU"}, {}, 0.0)
        bench.model.show_config(SMALL.changed(epochs=3))
        bench.train()
        wait(lambda: bench.session.finished is not None, 60)
        idle(bench)
        (kept,) = (own_folders / "unfinished").glob("last-*.training")
        left = kept.read_bytes()
        assert list(jobs.unfinished()) == [], "it is at hand in this window"
        bench.session.unsaved = False
    assert list((own_folders / "unfinished").iterdir()) == []
    kept.write_bytes(left)  # as a kill would have left it
    with window(tmp_path / "settings", prices) as bench:
        wait(lambda: "was trained, but the program ended" in bench.layout.resume.text)
        bench.session.engine = EngineReady({"cpu": "CPU"}, {}, 0.0)
        bench.layout.resume.accept.click()
        wait(lambda: bench.session.finished is not None, 60)
        idle(bench)
        assert len(bench.session.finished.result.history) == 4  # type: ignore[union-attr]
        bench.session.unsaved = False


def test_two_windows_add_to_one_list(tmp_path: Path, qapp: object) -> None:
    home, files = (
        tmp_path / "settings",
        [price_file(tmp_path / f"{name}.csv", 60, index) for index, name in enumerate("ABCD")],
    )

    def listed() -> set[str]:
        return {row["symbol"] for row in json.loads((home / "watchlist.json").read_text())["rows"]}

    home.mkdir()
    with window(home, *files[:2]) as item:
        item.watchlist_controller.save()
        with window(home) as other:
            other.watchlist_controller.load([files[2]], "also")
            idle(other)
            other.watchlist_controller.save()
            item.watchlist_controller.load([files[3]], "also")
            idle(item)
            item.watchlist_controller.save()
            assert listed() == {"A", "B", "C", "D"}, "what the other window added stays"
            other.session.remove([0])
            other.watchlist_controller.save()
            assert listed() == {"B", "C", "D"}
            item.session.select(1)
            item.session.check([1], False)
            item.watchlist_controller.save()
            assert listed() == {"B", "C", "D"}, "what the other window removed does not come back"
            (home / "watchlist.json").write_text("{broken")
            item.session.check([1], True)
            item.watchlist_controller.save()
            assert len(list(home.glob("watchlist.damaged-*.json"))) == 1
            assert "set aside as watchlist.damaged-" in item.banner.text
            item.session.check([1], False)


def test_recovery_copies_of_a_running_window_are_nobody_elses(tmp_path: Path) -> None:
    item, other = Recovery(tmp_path), Recovery(tmp_path)
    assert item.hold()
    item.file.write_text("{}")
    assert other.left_behind() == []
    shutil.copy(item.file, tmp_path / "left.candleproject")
    assert [path.name for path in other.left_behind()] == ["left.candleproject"]
    assert item.left_behind() == [], "what is offered in one window is not offered in another"
    aside = other.put_aside(tmp_path / "left.candleproject")
    assert aside.read_text() == "{}"
    other.close()
    item.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [aside.name]


def test_a_training_state_of_this_version_reads_back(hasty: None, own_folders: Path) -> None:
    panel = Panel((walk("ACME", 200),))
    job = _begun(panel)
    assert TrainingState.load(jobs.autosave_path(panel, SMALL)).config == SMALL
    job.close()
    assert os.listdir(own_folders / "unfinished") == []
