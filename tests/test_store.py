"""The price cache: what was fetched once opens offline, and no kill, damage or second window can
make it lie.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from yahoo_server import Market, YahooServer, serving

from forecasting import store
from forecasting.errors import SourceError
from forecasting.series import Finding, PriceSeries, Provenance
from forecasting.sources import SampleSource, yahoo
from forecasting.sources.yahoo import YahooSource
from forecasting.store import PriceStore, database

COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")


def bars(count: int, factor: float = 1.0, start: int = 0) -> PriceSeries:
    day = np.arange(start, count)
    close = 100.0 + np.sin(day)
    values = np.column_stack([close, close + 1, close - 1, close, close * factor, 10.0 * day])
    retrieved = Provenance("test:T", "raw", f"{np.datetime64('now')}Z", "", "a note")
    return PriceSeries(
        "T",
        np.datetime64("2020-01-01") + day,
        COLUMNS,
        values,
        "1D",
        "UTC",
        "USD",
        "24/7",
        retrieved,
    )


@dataclass
class Feed:
    """A source that says what it was asked for and can be offline."""

    series: PriceSeries
    key: str = "test:T"
    offline: bool = False
    asked: list[str] = field(default_factory=list)

    def download(self, since: np.datetime64 | None = None) -> PriceSeries:
        if self.offline:
            raise SourceError("Nobody answers; T was not loaded.", "Check the connection.")
        self.asked.append("all" if since is None else str(since))
        if since is None:
            return self.series
        chosen = self.series.ds >= since
        return replace(self.series, ds=self.series.ds[chosen], values=self.series.values[chosen])

    def finish(self, series: PriceSeries) -> PriceSeries:
        return series

    def load(self) -> tuple[PriceSeries, ...]:
        return (self.download(),)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[PriceStore]:
    with PriceStore(tmp_path / "prices.sqlite") as opened:
        yield opened


def codes(series: PriceSeries) -> list[str]:
    return [finding.code for finding in series.findings]


def same(one: PriceSeries, other: PriceSeries) -> bool:
    return (
        one.columns == other.columns
        and np.array_equal(one.ds, other.ds)
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def test_what_is_read_is_what_was_written(kept: PriceStore) -> None:
    values = bars(50).values.copy()
    values[3, 0], values[4, 5], values[5, 5] = np.nan, np.nan, -0.0
    finding = Finding(
        "no_price", "2 bars have no price.", 2, "warning", "dropped", ("2020-01-03", "2020-01-04")
    )
    whole = replace(
        bars(50),
        values=values,
        findings=(finding,),
        ds=bars(50).ds + np.timedelta64(34_200_000_001, "us"),
    )
    kept.load(Feed(whole))
    again = kept.load(Feed(whole, offline=True))
    assert same(whole, again)
    assert replace(again, findings=again.findings[:1]).findings == (finding,)
    for name in ("symbol", "freq", "tz", "currency", "calendar", "provenance"):
        assert getattr(again, name) == getattr(whole, name)


def test_columns_that_are_not_there_are_not_made_up(kept: PriceStore) -> None:
    closes = replace(bars(9), columns=("close",), values=bars(9).values[:, 3:4])
    kept.load(Feed(closes))
    assert kept.load(Feed(closes, offline=True)).columns == ("close",)


def test_a_second_load_within_minutes_asks_nobody(kept: PriceStore) -> None:
    feed = Feed(bars(30))
    kept.load(feed)
    again = kept.load(feed)
    assert feed.asked == ["all"]
    assert codes(again) == ["cached"]
    assert again.findings[0].message.startswith("Fetched just now (")


def test_an_old_cache_is_refreshed_by_its_tail_only(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    feed = Feed(bars(40))
    fresh = kept.load(feed, max_age_s=0)
    assert feed.asked == ["2020-01-25"], "six bars of overlap"
    assert same(fresh, bars(40))
    assert codes(fresh) == []
    assert same(kept.load(feed), bars(40)), "the tail is kept"


def test_the_last_close_may_be_corrected_without_alarm(kept: PriceStore) -> None:
    values = bars(30).values.copy()
    values[-1, 3] *= 1.002
    kept.load(Feed(replace(bars(30), values=values)))
    feed = Feed(bars(31))
    fresh = kept.load(feed, "always")
    assert same(fresh, bars(31))
    assert len(feed.asked) == 1
    assert codes(fresh) == []


def test_changed_past_prices_are_noticed_and_fetched_whole(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    feed = Feed(bars(31, factor=0.995))
    fresh = kept.load(feed, "always")
    assert feed.asked == ["2020-01-25", "all"]
    assert same(fresh, bars(31, factor=0.995)), "no bar of the old adjustment is left"
    (finding,) = fresh.findings
    assert finding.code == "readjusted"
    assert "changed by 0.50%" in finding.message
    assert finding.action == "fetched again"


def test_noise_of_a_millionth_is_no_change(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    feed = Feed(bars(31, factor=1 + 1e-6))
    assert codes(kept.load(feed, "always")) == []
    assert len(feed.asked) == 1


def test_a_tail_that_does_not_join_is_never_glued_on(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    feed = Feed(bars(90, start=60))
    fresh = kept.load(feed, "always")
    assert same(fresh, bars(90, start=60))
    (finding,) = fresh.findings
    assert (finding.code, finding.count) == ("older_bars_gone", 30)


def test_offline_the_kept_bars_come_with_their_age_and_the_reason(kept: PriceStore) -> None:
    old = replace(
        bars(30),
        provenance=Provenance("test:T", "raw", f"{np.datetime64('now') - np.timedelta64(3, 'D')}Z"),
    )
    kept.load(Feed(old))
    again = kept.load(Feed(old, offline=True))
    assert same(again, old)
    (finding,) = again.findings
    assert (finding.code, finding.severity) == ("outdated", "warning")
    assert finding.message.startswith("These prices were fetched 3 days ago (")
    assert finding.message.endswith("Nobody answers; T was not loaded.")


def test_offline_without_cache_is_the_error_of_the_source(kept: PriceStore) -> None:
    with pytest.raises(SourceError, match="Nobody answers"):
        kept.load(Feed(bars(3), offline=True))
    with pytest.raises(SourceError, match="test:T is not in the cache"):
        kept.load(Feed(bars(3)), "never")


def test_never_does_not_ask_however_old(kept: PriceStore) -> None:
    old = replace(bars(30), provenance=Provenance("test:T", "raw", "2020-03-01T00:00:00Z"))
    kept.load(Feed(old))
    feed = Feed(old)
    assert codes(kept.load(feed, "never")) == ["cached"]
    assert feed.asked == []


def test_the_list_of_what_is_held_and_forgetting(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    kept.load(Feed(bars(10), key="test:U"))
    assert [(item.key, item.bars, str(item.last)[:10]) for item in kept.held()] == [
        ("test:T", 30, "2020-01-30"),
        ("test:U", 10, "2020-01-10"),
    ]
    kept.forget("test:T")
    kept.forget("test:nobody")
    assert [item.key for item in kept.held()] == ["test:U"]
    with sqlite3.connect(kept.path) as db:
        assert db.execute("SELECT count(*) FROM price_bar").fetchone() == (10,)
    db.close()


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "prices.sqlite"
    path.write_bytes(b"this was somebody's letter" * 100)
    (series,) = store.load(Feed(bars(5)), path=path)
    assert same(series, bars(5))
    (finding,) = series.findings
    assert (finding.code, finding.action) == ("store_damaged", "set aside")
    (aside,) = tmp_path.glob("prices.damaged-*.sqlite")
    assert aside.read_bytes().startswith(b"this was somebody's letter")
    assert aside.name in finding.message
    assert codes(store.load(Feed(bars(5), offline=True), path=path)[0]) == ["cached"], (
        "the new store works"
    )


def test_a_database_damaged_inside_is_set_aside_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "prices.sqlite"
    store.load(Feed(bars(3000)), path=path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20_000] = np.random.default_rng(0).bytes(20_000)
    path.write_bytes(content)
    (series,) = store.load(Feed(bars(3000)), path=path)
    assert same(series, bars(3000))
    assert codes(series)[-1] == "store_damaged", (
        "what was found on the way there may be told before"
    )
    assert len(list(tmp_path.glob("prices.damaged-*.sqlite"))) == 1


def test_a_wrong_number_is_found_by_its_checksum(kept: PriceStore) -> None:
    kept.load(Feed(bars(30)))
    kept.load(Feed(bars(30), key="test:U"))
    with sqlite3.connect(kept.path) as db:
        db.execute(
            "UPDATE price_bar SET close = close * 1.0001 WHERE ds = (SELECT max(ds) FROM "
            "price_bar) AND series = 1"
        )
    db.close()
    feed = Feed(bars(30))
    fresh = kept.load(feed)
    assert feed.asked == ["all"]
    assert codes(fresh) == ["kept_damaged"]
    assert [item.key for item in kept.held()] == ["test:T", "test:U"], "others are left alone"


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "prices.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(SourceError, match="is of version 99"):
        PriceStore(path)
    (series,) = store.load(Feed(bars(5)), path=path)
    assert same(series, bars(5))
    assert codes(series) == ["not_kept"]
    assert path.read_bytes() == before


def test_a_later_version_adds_its_tables_and_keeps_the_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prices.sqlite"
    store.load(Feed(bars(5)), path=path)
    later = (
        *database.MIGRATIONS,
        ("CREATE TABLE later (id INTEGER PRIMARY KEY, note TEXT NOT NULL)",),
    )
    monkeypatch.setattr(database, "MIGRATIONS", later)
    (series,) = store.load(Feed(bars(5)), "never", path)
    assert same(series, bars(5))
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM later").fetchone() == (0,)
        assert db.execute("PRAGMA user_version").fetchone() == (len(later),)
    db.close()


def test_a_folder_that_cannot_be_made_costs_a_finding_not_the_prices(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (series,) = store.load(Feed(bars(5)), path=tmp_path / "file" / "prices.sqlite")
    assert codes(series) == ["not_kept"]
    assert "cannot be used" in series.findings[0].message


def test_a_locked_store_costs_a_finding_not_the_prices(kept: PriceStore) -> None:
    kept._db.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(kept.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    series = kept.load(Feed(bars(5)))
    other.execute("ROLLBACK")
    other.close()
    assert same(series, bars(5))
    assert codes(series) == ["not_kept"]
    assert "locked" in series.findings[0].message


def test_two_connections_write_at_once(tmp_path: Path) -> None:
    path, failures = tmp_path / "prices.sqlite", []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                with PriceStore(path) as mine:
                    series = mine.load(Feed(bars(200 + number)), "always")
                    assert not [
                        item
                        for item in series.findings
                        if item.code in ("not_kept", "store_damaged", "kept_damaged")
                    ]
                    mine.load(Feed(bars(50), key=f"test:{number}"), "always")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with PriceStore(path) as read:
        assert {item.key for item in read.held()} == {"test:T", "test:0", "test:1"}
        assert codes(read.load(Feed(bars(1), offline=True), "never")) == ["cached"]


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_store import Feed, bars
from forecasting.store import PriceStore, database
with PriceStore(Path(sys.argv[1])) as kept:
    print("writing", flush=True)
    for turn in range(10_000):
        kept.load(Feed(bars(2000 + turn % 2, factor=1 + turn % 2)), "always")
"""


@pytest.mark.slow
def test_a_kill_in_mid_write_leaves_a_readable_cache(tmp_path: Path) -> None:
    path, chance = tmp_path / "prices.sqlite", np.random.default_rng(40)
    folder = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    for _ in range(40):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n"
            time.sleep(0.1 + 0.1 * chance.random())
            writer.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        with PriceStore(path) as again:
            assert again._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            series = again.load(Feed(bars(1), offline=True), "never")
            assert codes(series) == ["cached"]
            whole = (bars(2000), bars(2001, factor=2))
            assert any(same(series, item) for item in whole), (
                "all of one write, nothing of the next"
            )


def test_files_and_samples_do_not_go_through_the_cache(tmp_path: Path) -> None:
    (series,) = store.load(SampleSource("sp500"), path=tmp_path / "prices.sqlite")
    assert len(series) > 5000
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def server(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    monkeypatch.setattr(yahoo, "_BACKOFF_S", 0.01)
    with serving(AAPL=Market.made(300).until(290)) as running:
        yield running


def test_a_ticker_loads_again_offline_refreshes_its_tail_and_follows_a_dividend(
    server: YahooServer, own_folders: Path
) -> None:
    later = Market.made(300)
    (first,) = store.load(YahooSource("AAPL", period="max"))
    assert len(first) == 290
    assert store.store_path() == own_folders / "candlecast.sqlite"

    server.behaviours = ["reset"]
    (offline,) = store.load(YahooSource("AAPL", period="1mo", auto_adjust=False), "always")
    assert "adj_close" in offline, "another period and adjustment, from the same kept bars"
    assert [finding.code for finding in offline.findings] == ["outdated"]
    assert "The connection to Yahoo was cut" in offline.findings[0].message

    server.behaviours, server.markets["AAPL"] = ["ok"], later
    sent = len(server.charts)
    (fresh,) = store.load(YahooSource("AAPL", period="max"), "always")
    assert len(fresh) == 300
    assert len(server.charts) == sent + 1
    np.testing.assert_allclose(fresh["close"], later.adj_close)

    server.markets["AAPL"] = replace(later, adj_close=later.adj_close * 0.99)
    (whole,) = store.load(YahooSource("AAPL", period="max"), "always")
    assert [finding.code for finding in whole.findings] == ["readjusted"]
    np.testing.assert_allclose(whole["close"], later.adj_close * 0.99)
    assert whole.provenance.content_hash != fresh.provenance.content_hash
