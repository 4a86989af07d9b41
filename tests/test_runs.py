"""The runs of the store: kept whole, found again, shown again; and what becomes of damaged,
locked and hostile ones.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from forecasting.config import RunConfig
from forecasting.errors import DataError, SourceError
from forecasting.events import BacktestFinished, EpochEnd, RunInfo, RunResult, SplitMade, Verdict
from forecasting.series import Forecast, Panel, PriceSeries, Provenance
from forecasting.store import RunStore, store_path
from forecasting.store.differences import differences
from forecasting.store.runs import (
    Curves,
    RunRecord,
    packed,
    recorded,
    recorded_backtest,
    restored,
    unpacked,
)

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def series(symbol: str = "AAA", bars: int = 60) -> PriceSeries:
    close = 50 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, bars)))
    ds = np.datetime64("2024-01-01", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return PriceSeries(
        symbol, ds, ("close",), close[:, None], provenance=Provenance(f"{symbol}.csv")
    )


def result(horizon: int = 4, seed: int = 0, skill: float = 0.02) -> RunResult:
    """A finished run, made without training."""
    panel = Panel((series(),))
    ds = panel[0].ds[-1] + np.arange(1, horizon + 1) * np.timedelta64(1, "D")
    spread = np.linspace(-1, 1, len(LEVELS)) * np.arange(1, horizon + 1)[:, None]
    forecasts = tuple(
        Forecast(
            "AAA",
            model,
            panel[0].ds[-1],
            float(panel[0].y[-1]),
            ds,
            LEVELS,
            panel[0].y[-1] + wide * spread,
        )
        for model, wide in (("GRU", 0.5), ("random walk", 0.7))
    )
    history = tuple(
        EpochEnd(
            n, 2, 0.3 - n / 10, 0.31 - n / 10, n, 0.31 - n / 10, 1e-3, float("nan"), 0.0, n * 0.5
        )
        for n in range(3)
    )
    split = SplitMade(
        panel[0].ds[40], panel[0].ds[50], {"train": 30, "val": 8, "test": 7}, 321, "cpu"
    )
    config = RunConfig().changed(model="gru", horizon=horizon, input_size=10, seed=seed)
    verdict = Verdict(
        "ties",
        "GRU ties with the random walk.",
        skill,
        float("nan"),
        "random walk",
        ("Few origins.",),
        tries=3,
    )
    info = RunInfo(1.5, 2, 2, "cpu", seed, "epochs", {"python": "3.11", "torch": "2.6"})
    scores = {
        "GRU": {"crps": 0.9, "coverage_80": 79.0, "mase": float("nan")},
        "random walk": {"crps": 1.0, "coverage_80": 81.0},
    }
    return RunResult(
        config, panel, split, history, forecasts[:1], forecasts[1:], {}, scores, verdict, info
    )


def test_a_run_comes_back_as_it_was() -> None:
    made = result()
    with RunStore() as store:
        key = store.add(*recorded(made, {"AAA": '{"reference":"AAA.csv"}'})).key
    with RunStore() as store:
        kept, curves = store.find(key[:4])
    assert (kept.key, kept.symbols, kept.model, kept.horizon, kept.skill) == (
        key,
        "AAA",
        "GRU",
        4,
        0.02,
    )
    assert kept.record.series[0].request == '{"reference":"AAA.csv"}'
    assert kept.record.series[0].fingerprint == series().fingerprint
    back = restored(kept, curves, made.panel)
    assert back.config == made.config
    assert (back.split, back.info) == (made.split, made.info)
    assert str(back.verdict) == str(made.verdict)
    assert str(back.history) == str(made.history), "NaN and all"
    assert str(back.scores) == str(made.scores)
    for item, other in zip(
        (*back.forecasts, *back.baseline_forecasts),
        (*made.forecasts, *made.baseline_forecasts),
        strict=True,
    ):
        np.testing.assert_array_equal(item.values, other.values)
        np.testing.assert_array_equal(item.ds, other.ds)
        assert (item.symbol, item.model, item.cutoff, item.y0, item.quantiles) == (
            other.symbol, other.model, other.cutoff, other.y0, other.quantiles,
        )  # fmt: skip


def test_runs_are_listed_noted_deleted_and_put_back() -> None:
    with RunStore() as store:
        first, second = (store.add(*recorded(result(seed=seed))).key for seed in (1, 2))
        store.note(first, "the better one")
        store.draw_candles(first, on=True)
        store.draw_candles("nothing", on=True)
        assert [(kept.key, kept.notes) for kept in store.runs()] == [
            (second, ""),
            (first, "the better one"),
        ]
        gone = store.delete([first, "nothing"])
        assert [kept.key for kept in store.runs()] == [second]
        assert len(gone) == 1
        store.put_back(gone)
        assert {kept.key: kept.notes for kept in store.runs()} == {
            second: "",
            first: "the better one",
        }
        assert {kept.key: kept.candles for kept in store.runs()} == {second: False, first: True}
        assert store.find(first)[0].candles
        store.draw_candles(first, on=False)
        assert not any(kept.candles for kept in store.runs())
        with pytest.raises(DataError, match="no run"):
            store.find("zzz")


def test_a_walk_forward_test_is_kept_without_curves() -> None:
    made = result()
    finished = BacktestFinished(made.config, {}, made.scores, made.verdict, made.info)
    with RunStore() as store:
        kept = store.add(*recorded_backtest(finished, made.panel))
        assert store.find(kept.key)[1] == Curves() or not store.find(kept.key)[1].forecasts
    with pytest.raises(DataError, match="parts"):
        restored(kept, Curves(), made.panel)


def test_two_runs_differ_in_what_was_changed() -> None:
    with RunStore() as store:
        item, other = (
            store.add(*recorded(result(**changed))) for changed in ({}, {"horizon": 5, "seed": 7})
        )
    assert differences(item, other) == [("Horizon", "4", "5"), ("Seed", "0", "7")]
    assert differences(item, item) == []


def test_a_damaged_run_is_left_out_and_told(own_folders: Path) -> None:
    with RunStore() as store:
        key = store.add(*recorded(result())).key
        store.add(*recorded(result(seed=1)))
    with sqlite3.connect(store_path()) as db:
        db.execute("UPDATE run SET record = replace(record, '0.02', '0.99') WHERE key = ?", (key,))
    db.close()
    with RunStore() as store:
        assert len(store.runs()) == 1
        assert key in store.findings[0].message
        with pytest.raises(DataError, match="damaged"):
            store.find(key)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with RunStore() as store:
        store.add(*recorded(result()))
        store._db.execute("PRAGMA busy_timeout = 10")
        with sqlite3.connect(store_path(), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(SourceError, match="locked"):
                store.add(*recorded(result(seed=1)))
            other.execute("ROLLBACK")
        other.close()
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        made = result(horizon=900)
        noise = np.random.default_rng(0).normal(size=made.forecasts[0].values.shape)
        with pytest.raises(SourceError, match="full"):
            store.add(
                *recorded(replace(made, forecasts=(replace(made.forecasts[0], values=noise),)))
            )
        assert len(store.runs()) == 1


@pytest.mark.slow
def test_hostile_curves_and_records_are_refused() -> None:
    record, curves, _ = recorded(result())
    bomb = zlib.compress(bytes(200_000_000), 9)
    for data in (
        bomb,
        b"",
        b"no zlib",
        curves[:-9],
        zlib.compress(os.urandom(64)),
        zlib.compress(b"\xff" * record.numbers * 8),
    ):
        with pytest.raises(DataError, match="damaged"):
            unpacked(record, data)
    with pytest.raises(DataError, match="damaged"):
        unpacked(
            record.model_copy(update={"history": 10**6, "columns": tuple("abcdefghijk")}), curves
        )
    for text in (
        "",
        "[]",
        "{}",
        "not json",
        record.model_dump_json().replace('"seed":0', '"seed":"x"'),
        '{"version": 2}',
        "[" * 100_000,
    ):
        with pytest.raises(ValidationError):
            RunRecord.model_validate_json(text)
    stored = record.model_dump_json()
    assert RunRecord.model_validate_json(stored) == record
    marked = RunRecord.model_validate_json(stored.replace("GRU ties", "<img src='x'>p < 0.001<b>"))
    assert marked.verdict.sentence.startswith("‹img src='x'>p < 0.001‹b>")
    assert unpacked(record, packed(unpacked(record, curves))).forecasts[0].symbol == "AAA"
