"""The watch: forecasts that keep themselves up to date, entered once, compared once, told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from yahoo_server import Market, serving

from app.cli import main
from forecasting import jobs
from forecasting.calendars.exchange import sessions_between
from forecasting.calendars.week import WORKDAYS
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import ModelFileError, SourceError
from forecasting.files.atomic import FileLock
from forecasting.sequential import RUN_LENGTH, Reference, bins, scan, threshold
from forecasting.series import Forecast, PriceSeries, Provenance
from forecasting.sources.options import ReadOptions, Request
from forecasting.store import Entry, Journal, WatchChoice, WatchStore
from forecasting.store.database import Database
from forecasting.watch import (
    Network,
    NetworkRecord,
    Subject,
    WatchFinished,
    choices_of,
    is_due,
    network_alerts,
    subjects_of,
)

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "tests" / "golden" / "first" / "model.candlecast"
PRICES = ROOT / "tests" / "golden" / "first" / "prices.csv"
NEW_YORK = ReadOptions(trading_calendar="XNYS")
Z = np.array([NormalDist().inv_cdf(level) for level in QUANTILES])


def evening(day: str) -> np.datetime64:
    """After the close in New York."""
    return np.datetime64(f"{day}T22:00", "us")


def one_pass(
    source: str | Path, day: str | np.datetime64, read: ReadOptions = NEW_YORK, **more: Any
) -> WatchFinished:
    moment = evening(day) if isinstance(day, str) else day
    subject = Subject(Request(reference=str(source), read=read), MODEL)
    events = list(jobs.watch([subject], moment=moment, **more))
    return next(event for event in events if isinstance(event, WatchFinished))


def alerts(kind: str = "") -> list[str]:
    with WatchStore(jobs.rehearsal_path()) as store:
        found = store.alerts()
    return [item.alert.message for item in found if kind in ("", item.alert.kind)]


def record() -> list[tuple[str, str, tuple[float, ...]]]:
    """All forecasts, with what came of them."""
    with Journal(jobs.rehearsal_path()) as journal:
        return sorted(
            (item.forecast.symbol, str(item.forecast.cutoff), tuple(np.nan_to_num(item.y).round(6)))
            for item in journal.entries()
        )


def test_a_pass_forecasts_once_compares_and_looks_at_no_later_bar() -> None:
    first = one_pass(PRICES, "2018-11-05")
    assert (first.entered, first.reconciled) == (1, 0)
    (row,) = first.series
    assert (row.symbol, str(row.last)[:10], row.forecast) == ("prices", "2018-11-05", "entered")
    again = one_pass(PRICES, "2018-11-05")
    assert (again.entered, again.reconciled, again.series[0].forecast) == (0, 0, "there")
    noon = one_pass(PRICES, np.datetime64("2018-11-06T18:00"))
    assert noon.entered == 0, "the session is not over"
    second = one_pass(PRICES, "2018-11-06")
    assert (second.entered, second.reconciled) == (1, 1)
    assert [cutoff[:10] for _, cutoff, _ in record()] == ["2018-11-05", "2018-11-06"]
    with Journal() as journal:
        assert journal.entries() == (), "a rehearsal is not in the journal"


def test_bars_that_came_while_nothing_watched_are_named_and_not_made_up() -> None:
    one_pass(PRICES, "2018-11-05")
    late = one_pass(PRICES, "2018-11-12")
    assert (late.entered, late.reconciled) == (1, 3)
    (message,) = alerts("missed")
    assert "4 closes of prices" in message
    assert "2018-11-06 to 2018-11-09" in message
    one_pass(PRICES, "2018-11-12")
    assert len(alerts("missed")) == 1


@pytest.fixture
def growing(tmp_path: Path) -> Callable[..., Path]:
    """A file whose closes are changed from a day on, or everywhere."""
    lines = PRICES.read_text().splitlines()
    path = tmp_path / "acme.csv"

    def written(factor: float = 1.0, since: str = "", until: str = "9999") -> Path:
        rows = [lines[0]]
        for line in lines[1:]:
            day, *cells = line.split(",")
            times = factor if day >= since else 1.0
            prices = [f"{float(cell) * times:.6f}" for cell in cells[:5]]
            if day <= until:
                rows.append(",".join([day, *prices, cells[5]]))
        path.write_text("\n".join(rows) + "\n")
        return path

    return written


def test_a_close_outside_its_band_is_told_once(growing: Callable[..., Path]) -> None:
    one_pass(growing(until="2018-11-05"), "2018-11-05")
    for day in ("2018-11-06", "2018-11-06", "2018-11-07"):
        one_pass(growing(0.9, since="2018-11-06", until=day), day)
    found = alerts("outside")
    assert (
        len([message for message in found if "2018-11-06" in message.partition("forecast")[0]]) == 1
    )
    assert "below the 95 % band" in found[0]
    assert "2018-11-05" in found[0]


def test_a_split_is_named_and_forecasts_stay_comparable(growing: Callable[..., Path]) -> None:
    one_pass(growing(until="2018-11-05"), "2018-11-05")
    one_pass(growing(until="2018-11-06"), "2018-11-06")
    plain = record()
    after = one_pass(growing(0.25, until="2018-11-07"), "2018-11-07")
    assert (after.entered, after.reconciled) == (1, 2)
    (message,) = alerts("split")
    assert "0.25" in message
    assert "4-for-1" in message
    assert not alerts("jump")
    assert record()[0][2][0] == plain[0][2][0]
    assert record()[0][2][1] > 2000, "in the prices of the forecast"
    one_pass(growing(0.25, until="2018-11-07"), "2018-11-07")
    assert len(alerts("split")) == 1


def test_a_raw_split_a_source_that_stops_and_one_that_is_gone_are_named(
    growing: Callable[..., Path],
) -> None:
    one_pass(growing(until="2018-11-05"), "2018-11-05")
    path = growing(0.5, since="2018-11-06", until="2018-11-06")
    one_pass(path, "2018-11-06")
    assert "2-for-1" in alerts("jump")[0]
    for day in ("2018-11-08", "2018-11-20", "2018-11-21"):
        one_pass(path, day)
    assert len(alerts("stopped")) == 1
    path.unlink()
    for _ in range(2):
        with pytest.raises(SourceError, match="Nothing could be loaded"):
            one_pass(path, "2018-11-22")
    assert len(alerts("source")) == 1
    assert len(record()) == 2


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, write: int, *, before: bool) -> Iterator[None]:
    """End the work at the n-th transaction, before or after it is committed."""
    count = 0
    whole = Database._writing

    @contextmanager
    def writing(self: Database) -> Iterator[Any]:
        nonlocal count
        with whole(self) as db:
            yield db
            count += 1
            if count == write and before:
                raise Killed
        if count == write:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Database, "_writing", writing)
        yield


@pytest.mark.slow
def test_a_pass_that_is_killed_at_any_write_loses_and_doubles_nothing(
    growing: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one_pass(growing(until="2018-11-05"), "2018-11-05")
    store = jobs.rehearsal_path()
    begun = store.read_bytes()
    path = growing(0.9, since="2018-11-06", until="2018-11-06")
    one_pass(path, "2018-11-06")
    expected, found = record(), sorted(alerts())
    kills = 0
    for write in range(1, 20):
        store.write_bytes(begun)
        try:
            with killed_at(monkeypatch, write, before=write % 2 == 0):
                one_pass(path, "2018-11-06")
            break
        except Killed:
            kills += 1
        one_pass(path, "2018-11-06")
        assert record() == expected
        assert sorted(alerts()) == found
    assert kills >= 5


def test_two_watches_at_once_wait_for_each_other() -> None:
    one_pass(PRICES, "2018-11-05")
    lock = FileLock(jobs.rehearsal_path().with_suffix(".watch"))
    assert lock.take()
    with pytest.raises(SourceError, match="Another watch"):
        one_pass(PRICES, "2018-11-06")
    lock.release()
    assert one_pass(PRICES, "2018-11-06").entered == 1


def test_a_ticker_is_fetched_once_a_day_and_a_delisted_one_is_named() -> None:
    market = Market.made(380, last="2018-11-07")
    with serving(ACME=market.until(378)) as server:
        one_pass("yahoo:ACME", "2018-11-05")
        server.markets["ACME"] = market.until(379)
        asked = len(server.charts)
        for hour in ("T22:30", "T23:10"):
            row = one_pass("yahoo:ACME", np.datetime64(f"2018-11-05{hour}")).series[0]
            assert row.loading == "cached"
        assert len(server.charts) == asked
        day = one_pass("yahoo:ACME", "2018-11-06")
        assert (day.entered, day.reconciled) == (1, 1)
        assert len(server.charts) > asked
        del server.markets["ACME"]
        for moment in ("2018-11-07", "2018-11-07", "2018-11-08"):
            row = one_pass("yahoo:ACME", moment).series[0]
            assert row.loading == "failed" or moment == "2018-11-07"
        (message,) = alerts("delisted")
        assert "ACME" in message
        assert len(record()) == 2


def test_a_clock_that_is_set_back_is_named() -> None:
    one_pass(PRICES, "2018-11-06")
    assert one_pass(PRICES, "2018-11-05").entered == 1
    assert "set back" in alerts("clock")[0]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
def test_days_are_those_of_the_calendar_when_clocks_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        nights = np.array(["2025-03-29T00:30", "2025-03-30T00:30", "2025-03-30T23:30"], "M8[us]")
        for before, after in pairwise(nights):
            assert is_due(before, after), "half past one at night, also when it is summer time"
        assert not is_due(
            np.datetime64("2025-10-25T22:30", "us"), np.datetime64("2025-10-26T22:30")
        )
        assert is_due(np.datetime64("2025-10-26T01:30", "us"), np.datetime64("2025-10-26T01:00"))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_chosen_in_the_window_is_watched_from_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["watch", "--once"]) == 2
    assert "Nothing is watched" in capsys.readouterr().err
    request = Request(reference=str(PRICES), read=NEW_YORK)
    with WatchStore() as store:
        store.choose(choices_of([(request, "prices")], MODEL))
        store.choose(choices_of([(request, "prices")], MODEL))
        (subject,), damaged = subjects_of((*store.choices(), WatchChoice("{", "x", "y")))
    assert (subject.request, subject.model, subject.symbols) == (request, MODEL, ("prices",))
    assert damaged == ("x",)
    assert main(["watch", "--now", "2018-11-05T22:00", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["entered"] == 1
    assert told["rehearsal"] is True
    assert told["series"][0]["journal"] == {"forecasts": 1, "known": 0, "held_80": None}
    assert told["series"][0]["drift"]["threshold"] == RUN_LENGTH
    assert main(["journal", "--rehearsal", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["entries"]) == 1
    assert main(["journal", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == []


def test_an_alert_is_printed_once(
    growing: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model-file", str(MODEL), "--trading-calendar", "XNYS", "--json"]
    one_pass(growing(until="2018-11-05"), "2018-11-05")
    path = str(growing(0.9, since="2018-11-06", until="2018-11-06"))
    found = []
    for _ in range(2):
        assert main(["watch", path, *words, "--now", "2018-11-06T22:00"]) == 0
        found.append([item["kind"] for item in json.loads(capsys.readouterr().out)["alerts"]])
    assert found == [["outside"], []]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prices.csv"], "No network is named"),
        (["prices.csv", "--model-file", "none.candlecast"], "none.candlecast"),
        (["--every", "5s"], "from 1 minute"),
        (["--level", "70"], "no such band"),
        (["--now", "yesterday"], "no moment"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.candlecast"
    path.write_bytes(b"no network")
    subject = Subject(Request(reference=str(PRICES)), path)
    with pytest.raises(ModelFileError):
        list(jobs.watch([subject]))


def alarms_of(seed: int, bars: int, scale: float, sd: float = 1.0) -> tuple[Any, ...]:
    """Alarms over normal closes whose bands are those of the standard deviation ``sd``."""
    draw = np.random.default_rng(seed)
    return alarms_in(draw.normal(size=600), draw.normal(0, scale, bars), sd * Z)


def alarms_in(past: Any, closes: Any, bands: Any) -> tuple[Any, ...]:
    reference = Reference.of(past)
    assert reference is not None
    returns = bins(closes, reference.limits)
    limit = threshold(252)
    return scan(bins(closes, bands), QUANTILES, limit, returns, reference.levels).alarms


def test_the_sequential_test_is_quiet_where_nothing_changes_and_quick_where_it_does() -> None:
    quiet = [len(alarms_of(seed, 252, 1.0)) for seed in range(80)]
    assert np.mean(quiet) < 1, "false alarms a year"
    delays = [alarms_of(seed, 60, 2.0)[0].step + 1 for seed in range(80)]
    assert np.mean(np.array(delays) <= 30) >= 0.9
    assert alarms_of(1, 60, 2.0)[0].change in ("narrow", "volatility")
    assert alarms_of(1, 200, 1.0, sd=2.5)[0].change == "wide"


def test_fat_tails_give_few_false_alarms_and_hide_no_doubled_volatility() -> None:
    """As measured by benchmarks/accuracy/drift.py, on fewer paths."""
    draw = np.random.default_rng(3)
    tails = np.quantile(draw.standard_t(4, 200_000), QUANTILES)
    past = draw.standard_t(4, (80, 600))
    quiet = [len(alarms_in(p, draw.standard_t(4, 252), tails)) for p in past]
    assert np.mean(quiet) < 1
    found = [alarms_in(p, 2 * draw.standard_t(4, 60), tails) for p in past]
    assert np.mean([bool(items) and items[0].step < 30 for items in found]) >= 0.85


def entries_of(series: PriceSeries, first: int, shift: float = 0.0) -> list[Entry]:
    """Forecasts of the next close from each bar on, their median ``shift`` deviations too high."""
    entries = []
    for bar in range(first, len(series) - 1):
        close, ahead = float(series.y[bar]), slice(bar + 1, bar + 2)
        values = close * np.exp(0.01 * (Z + shift))[None]
        fcst = Forecast("ACME", "LSTM", series.ds[bar], close, series.ds[ahead], QUANTILES, values)
        entries.append(
            Entry(
                fcst, series.ds[bar], "1D", "", Provenance("f"), "{}", np.ones(1, bool),
                series.y[ahead], volatility=0.012,
            )
        )  # fmt: skip
    return entries


def test_a_network_that_has_become_worse_than_a_random_walk_is_to_be_trained_anew() -> None:
    ds = np.datetime64("2020-01-01", "us") + np.arange(520) * np.timedelta64(1, "D")
    draw = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, 520)))
    series = PriceSeries("ACME", ds, ("close",), close[:, None], "1D")
    good, bad = (entries_of(series, 300, shift) for shift in (0.0, 0.6))
    network = Network(MODEL, RunConfig(), ds[0], "x")

    def worse(entries: list[Entry]) -> list[Any]:
        record = NetworkRecord(tuple(entries))
        found = network_alerts(series, network, record, 80, ds[300])
        return [item for item in found if item.key.startswith("worse")]

    assert worse(good) == []
    (alert,) = worse([*good[:40], *bad[40:]])
    assert alert.kind == "retrain"
    since = int(alert.message.partition("(")[2].partition(" closes")[0])
    assert 340 < np.searchsorted(ds, alert.ds) < 519
    assert abs(np.searchsorted(ds, alert.ds) - since - 340) < 30, "about where it began"
    assert "larger than a random walk's" in alert.message


def test_a_doubled_volatility_is_told_within_thirty_bars_and_asks_for_a_new_training() -> None:
    first, change, bars = 400, 460, 500
    draw = np.random.default_rng(4)
    scale = np.where(np.arange(bars) > change, 0.02, 0.01)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 1, bars) * scale))
    ds = np.datetime64("2020-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    series = PriceSeries("ACME", ds, ("close",), close[:, None], "1D")
    entries = entries_of(series, first)
    network = Network(MODEL, RunConfig(), ds[0], "x")
    found = list(network_alerts(series, network, NetworkRecord(tuple(entries)), 80, ds[first]))
    drift, retrain = (
        [item for item in found if item.kind == kind] for kind in ("drift", "retrain")
    )
    since_drift = [item for item in retrain if item.key.startswith("retrain")]
    assert [item.ds for item in drift] == [item.ds for item in since_drift]
    assert ds[change] < drift[0].ds <= ds[change + 30]
    assert "too narrow" in drift[0].message or "times as much" in drift[0].message
    outside = [item for item in found if item.kind == "outside"]
    assert len({item.key for item in outside}) == len(outside) > 10
    quiet = NetworkRecord(tuple(entries[: change - first]))
    calm = network_alerts(series.head(change), network, quiet, 80, ds[first])
    assert {item.kind for item in calm} == {"outside"}


@pytest.mark.slow
def test_a_year_of_kills_sleep_clock_changes_a_split_and_a_delisting(
    tmp_path: Path, own_folders: Path
) -> None:
    """365 days on loopback: nothing is lost, nothing is doubled, nothing is asked for twice."""
    days = np.arange(np.datetime64("2017-03-01"), np.datetime64("2018-03-01"))
    asleep = set(range(120, 127))
    traded = sessions_between("XNYS", np.datetime64("2015-06-01"), days[-1], WORKDAYS)
    opens = traded + np.timedelta64(9 * 60 + 30, "m")
    markets = {name: Market.walk(opens) for name in ("ACME", "GONE", "SPLT")}
    gone, split = np.datetime64("2017-09-01"), np.datetime64("2017-06-15")
    draw = np.random.default_rng(11)
    kills = 0
    with serving() as server, _programs(tmp_path, server.port) as watch:
        for number, day in enumerate(days):
            if number in asleep:
                continue
            for name, market in markets.items():
                seen = market.until(int(np.searchsorted(market.ds, day + np.timedelta64(1, "D"))))
                if name == "SPLT" and day >= split:
                    seen = replace(seen, close=seen.close / 4, adj_close=seen.adj_close / 4)
                server.markets[name] = seen
            if day >= gone:
                server.markets.pop("GONE", None)
            server.requests.clear()
            for _ in range(int(draw.integers(0, 3))):
                kills += watch(f"{day}T22:30", float(draw.uniform(0, 0.5))) == -signal.SIGKILL
            assert watch(f"{day}T22:40", 0) == 0
            if number % 5 == 0:
                before = len(server.charts)
                assert watch(f"{day}T22:50", 0) == 0
                assert len(server.charts) == before, "asked again on the same day"
    assert kills >= 50
    with Journal(tmp_path / "rehearsal.sqlite") as journal:
        entries = journal.entries()
    sessions = {
        name: [day for day in np.unique(market.ds.astype("M8[D]")) if days[0] <= day <= days[-1]]
        for name, market in markets.items()
    }
    for name, last in (("ACME", days[-1]), ("SPLT", days[-1]), ("GONE", gone - 1)):
        made = sorted(
            str(item.forecast.cutoff)[:10] for item in entries if item.forecast.symbol == name
        )
        slept = {str(days[number]) for number in asleep}
        lost = {str(day) for day in sessions[name] if day <= last} - set(made) - slept
        assert not lost
        assert len(made) == len(set(made))
    with WatchStore(tmp_path / "rehearsal.sqlite") as store:
        kinds = [item.alert.kind for item in store.alerts()]
    assert (kinds.count("split"), kinds.count("delisted")) == (1, 1)
    assert kinds.count("missed") == 3, "each series after the sleep, and never else"
    assert kinds.count("stopped") == 1


@contextmanager
def _programs(home: Path, port: int) -> Iterator[Callable[[str, float], int]]:
    """Yield what runs a pass in a process of its own, killed after some seconds unless these are
    0, and returns its exit status.
    """
    environment = {**os.environ, "CANDLECAST_HOME": str(home), "TZ": "America/New_York"}
    command = [sys.executable, str(ROOT / "tests" / "watch_year.py"), str(port), str(MODEL)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as origin:
        assert origin.stdin is not None
        assert origin.stdout is not None
        source, sink = origin.stdin, origin.stdout

        def watch(moment: str, seconds: float) -> int:
            source.write(f"{moment} {seconds}\n")
            source.flush()
            return int(sink.readline())

        yield watch
        source.close()
