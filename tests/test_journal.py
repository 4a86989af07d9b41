"""The forecast journal: kept once, compared with what happened, and never fooled by hindsight,
splits or another series.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forecasting.store.journal
from app.cli import main
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import SourceError
from forecasting.series import Forecast, Panel, PriceSeries, Provenance
from forecasting.store import Journal
from forecasting.store.journal import PAST

ROOT = Path(__file__).resolve().parents[1]
FRIDAY = np.datetime64("2024-03-08T21:30:00")  # half an hour after the close in New York
LONG_AFTER = np.datetime64("2024-06-01")
ORIGIN = Provenance("yahoo:ACME", "adjusted", "2024-03-08T21:30:00Z", "ab", "a note")
Z = np.array([-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96])


def market(bars: int = 160, seed: int = 0, symbol: str = "ACME", **facts: Any) -> PriceSeries:
    """Daily bars of New York from 2023-09 on, without holidays of its own."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, bars)))
    days = np.busday_offset(
        "2023-09-01", np.arange(bars), roll="forward", holidays=HOLIDAYS
    ).astype("datetime64[us]")
    about = {
        "tz": "America/New_York",
        "calendar": "XNYS",
        "provenance": Provenance("yahoo:ACME", "adjusted", "2024-03-08T21:30:00Z", "ab", "n"),
    }
    return PriceSeries(symbol, days, ("close",), close[:, None], "1D", **{**about, **facts})


HOLIDAYS = np.array(
    [
        "2023-09-04",
        "2023-11-23",
        "2023-12-25",
        "2024-01-01",
        "2024-01-15",
        "2024-02-19",
        "2024-03-29",
    ],
    "datetime64[D]",
)


def until(series: PriceSeries, day: str) -> PriceSeries:
    return series.head(int(np.searchsorted(series.ds, np.datetime64(day), side="right")))


def forecast(
    series: PriceSeries,
    ahead: PriceSeries | None = None,
    horizon: int = 5,
    sd: float = 0.02,
    model: str = "LSTM",
) -> Forecast:
    """A lognormal band around the last close, on the next dates of ``ahead``."""
    later = (ahead or market()).ds
    later = later[later > series.ds[-1]][:horizon]
    y0 = float(series.y[-1])
    values = y0 * np.exp(sd * np.sqrt(np.arange(1, later.size + 1))[:, None] * Z)
    return Forecast(series.symbol, model, series.ds[-1], y0, later, QUANTILES, values)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def known() -> PriceSeries:
    """What was known on Friday, 8 March 2024."""
    return until(market(), "2024-03-08")


def kept(
    journal: Journal,
    series: PriceSeries,
    fcst: Forecast | None = None,
    made_at: np.datetime64 = FRIDAY,
    **settings: Any,
) -> int:
    return journal.add(
        [fcst or forecast(series)], Panel((series,)), RunConfig().changed(**settings), made_at
    )


def test_what_is_read_is_what_was_kept(journal: Journal, known: PriceSeries) -> None:
    fcst = forecast(known)
    assert kept(journal, known, fcst, seed=7) == 1
    with Journal(journal.path) as another:
        (entry,) = another.entries()
    for name in ("symbol", "model", "cutoff", "y0", "quantiles"):
        assert getattr(entry.forecast, name) == getattr(fcst, name)
    assert np.array_equal(entry.forecast.ds, fcst.ds)
    assert np.array_equal(entry.forecast.values, fcst.values)
    assert RunConfig.from_json(entry.config) == RunConfig().changed(seed=7)
    assert (entry.made_at, entry.freq, entry.tz, entry.provenance) == (
        FRIDAY,
        "1D",
        "America/New_York",
        known.provenance,
    )
    assert (entry.state, entry.known.any(), entry.counts.all()) == ("open", False, True)
    assert journal.findings == ()


def test_what_happened_is_entered_as_it_becomes_known(journal: Journal, known: PriceSeries) -> None:
    kept(journal, known)
    assert journal.reconcile(Panel((known,)), FRIDAY) == 0
    two = until(market(), "2024-03-12")
    assert journal.reconcile(Panel((two,)), np.datetime64("2024-03-12T22:00")) == 2
    (entry,) = journal.entries("ACME")
    assert np.isfinite(entry.y).tolist() == [True, True, False, False, False]
    assert entry.state == "open"
    assert journal.reconcile(Panel((two,)), LONG_AFTER) == 0, "once is enough"
    assert journal.reconcile(Panel((market(),)), LONG_AFTER) == 3
    (entry,) = journal.entries()
    truth = market()
    np.testing.assert_allclose(entry.y, truth.y[len(known) : len(known) + 5], rtol=1e-12)
    low, high = entry.forecast.band(80)
    assert entry.hits(80).tolist() == ((low <= entry.y) & (entry.y <= high)).tolist()
    assert entry.state == "closed"
    assert journal.entries("NONE") == ()


@pytest.mark.parametrize("calendar", ["weekdays", "XNYS"])
def test_a_forecast_date_that_was_a_holiday_stands_for_the_next_session(
    journal: Journal, calendar: str
) -> None:
    whole = market(calendar=calendar)
    past = until(whole, "2024-03-27")
    days = np.busday_offset("2024-03-28", np.arange(5)).astype(
        "datetime64[us]"
    )  # Good Friday among them
    fcst = replace(forecast(past), ds=days)
    kept(journal, past, fcst, np.datetime64("2024-03-27T21:30"))
    journal.reconcile(Panel((until(whole, "2024-03-28"),)), LONG_AFTER)
    journal.reconcile(Panel((whole,)), LONG_AFTER)
    (entry,) = journal.entries()
    assert entry.state == "closed"
    np.testing.assert_allclose(entry.y, whole.y[len(past) : len(past) + 5], rtol=1e-12)


def test_a_session_without_a_bar_is_no_holiday(journal: Journal, known: PriceSeries) -> None:
    kept(journal, known)
    truth = market()
    keep = np.arange(len(truth)) != len(known) + 1
    journal.reconcile(
        Panel((replace(truth, ds=truth.ds[keep], values=truth.values[keep]),)), LONG_AFTER
    )
    (entry,) = journal.entries()
    assert np.isfinite(entry.y).tolist() == [True, False, True, True, True]


def test_a_bar_still_under_way_is_left_for_later(journal: Journal, known: PriceSeries) -> None:
    kept(journal, known)
    monday = until(market(), "2024-03-11")
    assert journal.reconcile(Panel((monday,)), np.datetime64("2024-03-11T19:59")) == 0, (
        "New York closes at 20:00 UTC in summer time"
    )
    assert journal.reconcile(Panel((monday,)), np.datetime64("2024-03-11T20:00")) == 1


@pytest.mark.parametrize("factor", [0.5, 10.0, 0.987])
def test_prices_adjusted_anew_fake_no_miss(
    journal: Journal, known: PriceSeries, factor: float
) -> None:
    """After a split or dividend all earlier closes are other numbers, and the later ones too."""
    kept(journal, known)
    adjusted = replace(market(), values=market().values * factor)
    assert journal.reconcile(Panel((adjusted,)), LONG_AFTER) == 5
    (entry,) = journal.entries()
    np.testing.assert_allclose(entry.y, market().y[len(known) : len(known) + 5])


def test_closes_as_traded_are_corrected_for_a_split_but_not_for_a_dividend(
    journal: Journal, known: PriceSeries
) -> None:
    kept(journal, known)
    whole, cut = market(), len(known)
    traded, adjusted = np.array(whole.y), whole.y / 4
    traded[cut + 2 :] /= 4
    adjusted[: cut + 1] *= 0.99
    raw = replace(
        whole, columns=("close", "adj_close"), values=np.stack([traded, adjusted], axis=1)
    )
    journal.reconcile(Panel((raw,)), LONG_AFTER)
    (entry,) = journal.entries()
    np.testing.assert_allclose(entry.y[:2], whole.y[cut : cut + 2])
    np.testing.assert_allclose(entry.y[2:], whole.y[cut + 2 : cut + 5], rtol=0.011)


def test_another_series_of_the_same_name_is_not_mistaken(
    journal: Journal, known: PriceSeries
) -> None:
    kept(journal, known)
    assert journal.reconcile(Panel((market(seed=5),)), LONG_AFTER) == 0
    assert journal.reconcile(Panel((replace(market(), freq="1W"),)), LONG_AFTER) == 0
    assert journal.reconcile(Panel((market(symbol="OTHER"),)), LONG_AFTER) == 0
    later = market()
    assert (
        journal.reconcile(
            Panel((replace(later, ds=later.ds[-20:], values=later.values[-20:]),)), LONG_AFTER
        )
        == 0
    ), "no cutoff bar"
    rounded = replace(market(), values=np.round(market().values, 2))
    assert journal.reconcile(Panel((rounded,)), LONG_AFTER) == 5, "two decimals are the same series"


def test_stamps_of_days_meet_though_one_source_has_a_time(
    journal: Journal, known: PriceSeries
) -> None:
    kept(journal, known)
    stamped = replace(market(), ds=market().ds + np.timedelta64(16, "h"))
    assert journal.reconcile(Panel((stamped,)), LONG_AFTER) == 5


def test_the_same_forecast_counts_once(journal: Journal, known: PriceSeries) -> None:
    assert kept(journal, known) == 1
    assert kept(journal, known) == 0
    assert kept(journal, known, device="cpu", made_at=FRIDAY + np.timedelta64(1, "h")) == 0, (
        "where it was computed does not matter"
    )
    assert kept(journal, known, seed=1) == 1
    assert kept(journal, known, forecast(known, model="GRU"), model="gru") == 1
    monday = until(market(), "2024-03-11")
    assert kept(journal, monday, made_at=np.datetime64("2024-03-11T20:30")) == 1
    assert [str(entry.forecast.cutoff)[:10] for entry in journal.entries()] == [
        "2024-03-11",
        *["2024-03-08"] * 3,
    ]
    assert journal.entries()[-1].made_at == FRIDAY


@pytest.mark.parametrize(
    ("made_at", "counting"),
    [
        ("2024-03-08T21:30", 5),  # Friday night
        ("2024-03-11T13:00", 5),  # Monday, before the opening
        ("2024-03-11T20:00", 4),  # Monday's close has just come
        ("2024-03-13T12:00", 3),  # old prices: two days are known to everybody
        ("2024-05-01T12:00", 0),
    ],
)
def test_only_what_was_unknown_counts(
    journal: Journal, known: PriceSeries, made_at: str, counting: int
) -> None:
    kept(journal, known, made_at=np.datetime64(made_at))
    journal.reconcile(Panel((market(),)), LONG_AFTER)
    (entry,) = journal.entries()
    assert entry.counts.tolist() == [False] * (5 - counting) + [True] * counting
    assert np.isfinite(entry.y).all()
    assert entry.state == ("closed" if counting else "past")
    assert journal.coverage(80).bars.sum() == counting


@pytest.mark.parametrize(
    ("tz", "calendar", "first"),
    [("", "weekdays", "2024-03-10T09:59"), ("UTC", "24/7", "2024-03-11T23:59")],
)
def test_where_no_exchange_tells_the_earliest_close_decides(
    journal: Journal, known: PriceSeries, tz: str, calendar: str, first: str
) -> None:
    unknown = replace(known, tz=tz, calendar=calendar)
    kept(journal, unknown, made_at=np.datetime64(first))
    kept(journal, unknown, made_at=np.datetime64(first) + np.timedelta64(1, "m"), seed=1)
    assert [int(entry.counts.sum()) for entry in journal.entries()] == [4, 5]


def test_coverage_over_time(journal: Journal) -> None:
    """Forecasts from many cutoffs; the bands of the right width hold what they say."""
    whole = market(160, seed=3)
    for cut in range(60, 140):
        series = whole.head(cut)
        kept(
            journal,
            series,
            forecast(series, whole, horizon=1, sd=0.01),
            series.ds[-1] + np.timedelta64(22, "h"),
        )
    assert journal.reconcile(Panel((whole,)), LONG_AFTER) == 80
    cover = journal.coverage(80)
    inside = np.abs(np.diff(np.log(whole.y))[59:139]) <= 1.282 * 0.01
    assert cover.hits.tolist() == inside.astype(int).tolist()
    assert cover.share == pytest.approx(100 * inside.mean())
    assert cover.running[-1] == pytest.approx(cover.share)
    assert (np.diff(cover.ds) > np.timedelta64(0, "D")).all()
    assert journal.coverage(95).share > cover.share > journal.coverage(50).share
    assert np.isnan(journal.coverage(80, "NONE").share)
    assert cover.independent == 80, "forecasts of one bar from 80 days do not overlap"
    assert cover.held.low < cover.share < cover.held.high
    assert journal.coverage(80, "NONE").held.stands(80) == "few"
    assert journal.coverage(33).bars.size == 0, "no such band"


def test_series_that_are_no_prices(journal: Journal) -> None:
    draw = np.random.default_rng(0)
    whole = replace(market(), values=np.round(draw.normal(0, 5, (160, 1))))
    series = until(whole, "2024-03-08")
    fcst = replace(forecast(series), values=np.sort(draw.normal(0, 5, (5, 9)), axis=1))
    kept(journal, series, fcst)
    assert journal.reconcile(Panel((whole,)), LONG_AFTER) == 5
    (entry,) = journal.entries()
    assert entry.y.tolist() == whole.y[len(series) : len(series) + 5].tolist()


def test_short_histories_are_known_again(journal: Journal) -> None:
    for bars in (1, 2, 3):
        series = market(bars, symbol=f"S{bars}")
        kept(journal, series, forecast(series), series.ds[-1] + np.timedelta64(22, "h"))
        assert journal.reconcile(Panel((market(symbol=f"S{bars}"),)), LONG_AFTER) == 5
    assert PAST > 3


def test_all_forecasts_of_a_panel_or_none(journal: Journal, known: PriceSeries) -> None:
    other = replace(known, symbol="B")
    with pytest.raises(KeyError):
        journal.add([forecast(known), forecast(other)], Panel((known,)), RunConfig(), FRIDAY)
    assert journal.entries() == ()
    assert (
        journal.add([forecast(known), forecast(other)], Panel((known, other)), RunConfig(), FRIDAY)
        == 2
    )


def test_a_damaged_entry_is_left_out_and_told(journal: Journal, known: PriceSeries) -> None:
    kept(journal, known)
    kept(journal, known, seed=1)
    with sqlite3.connect(journal.path) as db:
        db.execute("UPDATE journal_entry SET fcst = zeroblob(length(fcst)) WHERE id = 1")
    db.close()
    assert len(journal.entries()) == len(journal.entries()) == 1
    assert [finding.code for finding in journal.findings] == ["journal_damaged"]
    assert journal.reconcile(Panel((market(),)), LONG_AFTER) == 5


def test_prices_and_journal_live_in_one_file_of_any_earlier_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: PriceSeries
) -> None:
    from forecasting.store import PriceStore, database

    path = tmp_path / "store.sqlite"
    with monkeypatch.context() as earlier:
        earlier.setattr(database, "MIGRATIONS", database.MIGRATIONS[:1])
        with PriceStore(path) as store:
            assert store.held() == ()
    with Journal(path) as journal:
        kept(journal, known)
    with PriceStore(path) as store, Journal(path) as journal:
        assert store.held() == ()
        assert len(journal.entries()) == 1


def test_a_store_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be used"):
        Journal(tmp_path / "file" / "store.sqlite")


def test_bars_dated_in_the_future_are_no_truth(journal: Journal, known: PriceSeries) -> None:
    kept(journal, known)
    assert journal.reconcile(Panel((market(),)), np.datetime64("2024-03-12T21:00")) == 2


# In the terminal

QUICK = (
    "--epochs",
    "1",
    "--input-size",
    "12",
    "--horizon",
    "5",
    "--hidden-size",
    "4",
    "--device",
    "cpu",
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the present of the journal."""
    return lambda now: monkeypatch.setattr(forecasting.store.journal, "_now", lambda: now)


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[str, str]:
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out, err


def written(path: Path, series: PriceSeries) -> Path:
    rows = (f"{str(ds)[:10]},{y!r}" for ds, y in zip(series.ds, series.y.tolist(), strict=True))
    path.write_text("Date,Close\n" + "\n".join(rows))
    return path


def test_forecasts_are_entered_and_reconciled_by_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: Any
) -> None:
    csv = written(tmp_path / "ACME.csv", until(market(), "2024-03-08"))
    clock(FRIDAY)
    assert "journal is empty" in told(capsys, "journal")[0]
    model = tmp_path / "model"
    told(capsys, "forecast", csv, *QUICK, "--save", model)
    told(capsys, "forecast", csv, *QUICK, "--seed", "1", "--no-journal")
    told(
        capsys, "forecast", csv, "--model-file", model
    )  # the same settings, the same cutoff: the same forecast
    found = json.loads(told(capsys, "journal", "--json")[0])
    assert [(entry["symbol"], entry["state"], entry["known"]) for entry in found["entries"]] == [
        ("ACME", "open", 0)
    ]
    assert found["coverage"]["80"] == {
        "bars": 0, "hits": 0, "percent": None, "low": None, "high": None, "independent": 0,
        "answer": "few",
    }  # fmt: skip
    clock(LONG_AFTER)
    written(csv, market())
    out, err = told(capsys, "journal", "--update")
    assert err == ""
    assert "of 5 bars of 5 days forecast before they happened" in out
    (entry,) = json.loads(told(capsys, "journal", "--json")[0])["entries"]
    assert (entry["state"], entry["known"]) == ("closed", 5)
    assert [row["y"] for row in entry["forecast"]] == pytest.approx(
        market().y[len(until(market(), "2024-03-08")) :][:5].tolist()
    )


def test_loading_newer_prices_for_anything_reconciles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: Any
) -> None:
    csv = written(tmp_path / "ACME.csv", until(market(), "2024-03-08"))
    clock(FRIDAY)
    told(capsys, "forecast", csv, *QUICK)
    clock(LONG_AFTER)
    written(csv, market())
    told(capsys, "inspect", csv)
    assert json.loads(told(capsys, "journal", "--json")[0])["entries"][0]["known"] == 5
    csv.unlink()
    clock(FRIDAY)
    told(capsys, "forecast", written(tmp_path / "GONE.csv", until(market(), "2024-03-08")), *QUICK)
    (tmp_path / "GONE.csv").unlink()
    assert "GONE.csv" in told(capsys, "journal", "--update")[1], (
        "what cannot be loaded costs a note"
    )


def test_a_journal_that_cannot_be_used_costs_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CANDLECAST_HOME", str(tmp_path / "file"))
    csv = written(tmp_path / "ACME.csv", market())
    out, err = told(capsys, "forecast", csv, *QUICK)
    assert "ACME" in out
    assert "not entered in the journal" in err


_WRITER = """
import sys; sys.path.insert(0, "tests")
import numpy as np
from test_journal import FRIDAY, Journal, Panel, RunConfig, forecast, market, replace, until
series = until(market(), "2024-03-08")
panel = Panel(tuple(replace(series, symbol=f"S{number}") for number in range(40)))
fcsts = [forecast(one) for one in panel]
with Journal() as journal:
    for seed in range(100_000):
        journal.add(fcsts, panel, RunConfig().changed(seed=seed), FRIDAY)
        print(seed, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_in_mid_write_leaves_whole_runs(own_folders: Path) -> None:
    for wait_s in (0.01, 0.13, 0.29):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(3)]
            time.sleep(wait_s)
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.readlines()
        with Journal() as journal:
            entries = journal.entries()
            assert journal.findings == ()
            assert len(entries) % 40 == 0, "a run is there with all its forecasts or not at all"
            assert len(entries) >= 40 * len([line for line in told if line.endswith("\n")])
            assert all(
                entry.forecast.values.shape == (5, 9) and entry.counts.size == 5
                for entry in entries
            )
