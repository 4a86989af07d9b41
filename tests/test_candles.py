"""Whole candles of the next bars: ordered, calibrated, and blind to what comes later."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_bench import finished
from window_bench import exported, idle, price_file, rested, wait, window

from app import dialogs, export
from app.cli import main
from forecasting import RunConfig, jobs
from forecasting.errors import DataError
from forecasting.events import EngineReady
from forecasting.paths.candles import PARTS, BarShapes, CandlesMade, candle_samples
from forecasting.paths.sampling import Paths
from forecasting.series import Panel, PriceSeries
from forecasting.store import RunStore
from forecasting.store.runs import restored

BARS, H, K = 700, 4, 4000


def _bars(seed: int = 0, gap: float = 0.003) -> PriceSeries:
    """A walk of ten moves within each bar, with a gap before it."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(0, gap, BARS)
    inner = np.cumsum(rng.normal(0, 0.003, (BARS, 10)), axis=1)
    last = np.cumsum(gaps + inner[:, -1])
    first = np.concatenate([[0], last[:-1]]) + gaps
    course = first[:, None] + np.concatenate([np.zeros((BARS, 1)), inner], axis=1)
    values = 100 * np.exp(np.stack([first, course.max(1), course.min(1), last], axis=1))
    ds = np.busday_offset("2020-01-01", np.arange(BARS), roll="forward").astype("datetime64[us]")
    return PriceSeries("AAA", ds, PARTS, values)


def _paths(series: PriceSeries) -> Paths:
    """Paths of a walk from the last close."""
    spread = np.sqrt(10 * 0.003**2 + 0.003**2)
    moves = np.random.default_rng(5).normal(0, spread, (1, H, K)).cumsum(axis=1)
    y0 = series.y[-1:]
    ds = (series.ds[-1] + np.arange(1, H + 1) * np.timedelta64(1, "D"))[None]
    return Paths("walk", ("AAA",), series.ds[-1:], y0, ds, y0[:, None, None] * np.exp(moves))


def test_every_sample_is_a_candle_and_the_close_stays_what_it_was() -> None:
    series = _bars()
    paths = _paths(series)
    samples = candle_samples(paths, 0, BarShapes.of(series))
    opens, highs, lows, closes = samples
    assert (lows <= np.minimum(opens, closes)).all()
    assert (highs >= np.maximum(opens, closes)).all()
    assert closes == pytest.approx(paths.samples[0])
    again = candle_samples(paths, 0, BarShapes.of(series))
    assert (again == samples).all()


def test_parts_of_the_candle_have_the_spread_that_they_have_in_truth() -> None:
    """Of a walk whose candles are known, the next one has the distribution of the others."""
    series = _bars()
    made = candle_samples(_paths(series), 0, BarShapes.of(series))[:, 0]
    seen = np.stack([series[part][1:] / series.y[:-1] for part in PARTS])
    for index, part in enumerate(PARTS):
        for q in (0.1, 0.5, 0.9):
            ours = np.quantile(made[index] / series.y[-1], q)
            assert ours == pytest.approx(np.quantile(seen[index], q), abs=0.002), (part, q)


def test_the_high_goes_with_the_close() -> None:
    series = _bars()
    _, highs, lows, closes = np.log(candle_samples(_paths(series), 0, BarShapes.of(series)))
    assert np.corrcoef(highs[0], closes[0])[0, 1] > 0.7
    assert np.corrcoef(lows[0], closes[0])[0, 1] > 0.7


def test_quantiles_keep_the_order_and_are_judged_in_the_past() -> None:
    panel = Panel((_bars(),))
    plan = jobs.PathsPlan(baseline="random-walk", n_paths=500)
    *_, made = jobs.candles(panel, RunConfig().changed(horizon=2), plan, backtest=True)
    assert isinstance(made, CandlesMade)
    (found,) = made.candles
    opens, highs, lows, closes = found.values
    assert (lows <= np.minimum(opens, closes)).all()
    assert (highs >= np.maximum(opens, closes)).all()
    assert (np.diff(found.values, axis=2) >= 0).all()
    record = made.record
    assert record is not None
    assert record.cutoffs > 50
    for bands in record.coverage.values():
        assert 0.65 < bands[80] < 0.95


def test_shapes_look_at_nothing_later() -> None:
    series = _bars()
    values = series.values.copy()
    values[600:] *= np.array([1.0, 1.5, 0.5, 1.0])
    changed = replace(series, values=values)
    before, after = (BarShapes.of(item.head(600)) for item in (series, changed))
    assert (before.above == after.above).all()
    assert BarShapes.of(changed).above.mean() > 2 * BarShapes.of(series).above.mean()


def test_bars_that_stand_still_or_are_broken_give_no_wild_shapes() -> None:
    values = _bars().values.copy()
    values[100:160] = values[100]
    values[300, 1] = np.nan
    values[301, 2] = values[301].max() * 2
    shapes = BarShapes.of(replace(_bars(), values=values))
    assert np.isfinite([shapes.gap, shapes.above, shapes.below]).all()
    assert max(shapes.above.max(), shapes.below.max(), np.abs(shapes.gap).max()) <= 8


def test_what_has_no_candles_is_refused() -> None:
    series = _bars()
    closes = replace(series, columns=("close",), values=series.y[:, None])
    plan = jobs.PathsPlan(baseline="random-walk", n_paths=100)
    for item, words in ((closes, "no open, high and low"), (series.head(50), "whole candles")):
        with pytest.raises(DataError, match=words):
            list(jobs.candles(Panel((item,)), RunConfig().changed(horizon=2), plan))


def test_the_command_prints_and_writes_candles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series = _bars()
    path, target = tmp_path / "AAA.csv", tmp_path / "candles.parquet"
    frame = pd.DataFrame(series.values, columns=[part.capitalize() for part in PARTS])
    frame.insert(0, "Date", series.ds.astype("datetime64[D]"))
    frame.to_csv(path, index=False)
    words = ["candles", str(path), "--with", "random-walk", "--horizon", "2", "--paths", "300"]
    assert main([*words, "--json", "--export", str(target)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["horizon"] == len(found["ds"]) == 2
    for level, lows in found["low"].items():
        assert lows[0] <= min(found["open"][level][0], found["close"][level][0])
    table = pd.read_parquet(target)
    assert list(table.columns[:4]) == ["unique_id", "ds", "part", "q0.025"]
    assert len(table) == 2 * len(PARTS)
    assert main(words) == 0
    assert "Low, 80 %" in " ".join(capsys.readouterr().out.split())


def test_the_window_draws_the_forecast_as_candles(tmp_path: Path, qapp: object) -> None:
    settings = {"epochs": 2, "patience": 2, "hidden_size": 4, "layers": 1, "input_size": 8}
    config = RunConfig().changed(model="gru", horizon=3, baselines="drift", **settings)
    with window(tmp_path, price_file(tmp_path / "AAA.csv", 200)) as bench:
        bench.session.engine = next(e for e in jobs.warm_up() if isinstance(e, EngineReady))
        bench.model.show_config(config)
        artist = bench.chart.forecasts.candles
        switch = bench.actions["whole_candles"]
        assert not switch.isChecked(), "off by default"
        switch.trigger()
        bench.actions["train"].trigger()
        wait(lambda: artist.candles is not None, 60)
        idle(bench)
        bench.chart.refresh()
        first = len(bench.chart.series)
        (entry,) = bench.chart.forecasts.candles.entries(bench.chart.theme, first)
        assert entry in bench.chart.forecasts.entries(bench.chart.theme, first)
        assert re.fullmatch(r"O \S+  H \S+  L \S+  C \S+", entry.value)
        foreseen = bench.chart.forecasts.candles.read(first)
        assert re.fullmatch(r"high 80 % \S+ – \S+   low 80 % \S+ – \S+", foreseen)
        table = bench.chart.table()
        columns = [name for name in table if "-high-" in name]
        assert [name.partition("-")[2] for name in columns] == [
            "high-median",
            "high-lo-80",
            "high-hi-80",
        ]
        assert np.isfinite(table[columns[0]][-3:]).all()
        assert np.isnan(table[columns[0]][:-3]).all()
        bench.chart.toggle("candles")
        assert not [name for name in bench.chart.table() if "-high-" in name], "hidden"
        bench.chart.toggle("candles")
        result = bench.session.finished.result
        again = tuple(replace(item) for item in result.forecasts)
        bench.session.recall(replace(result, forecasts=again))
        bench.runs.recalled.emit()
        wait(lambda: bench.chart.forecasts.forecast in again and artist.candles is not None)
        bench.chart.refresh()
        assert artist.known, "of an earlier run, too"
        switch.trigger()
        bench.chart.refresh()
        assert not artist.known


def test_a_run_and_a_project_keep_that_they_are_drawn_as_candles(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "ask_save_project", lambda *_: "discard")
    (tmp_path / "settings").mkdir()
    with window(tmp_path / "settings", price_file(tmp_path / "AAA.csv", 200)) as bench:
        switch, artist = bench.actions["whole_candles"], bench.chart.forecasts.candles
        finished(bench)
        plain = bench.runs.last
        finished(bench, seed=1)
        switch.trigger()
        wait(lambda: bench.runs.last is not None and bench.runs.last.candles)
        drawn = bench.runs.last
        assert plain is not None
        assert drawn is not None
        idle(bench)
        assert exported(bench, tmp_path / "run.html")
        assert "the next bars as candles" in (tmp_path / "run.html").read_text(encoding="utf-8")
        project = tmp_path / "mine.candleproject"
        assert bench.project_controller.save_to(project)
        bench.preferences.whole_candles = False  # as another window, or another user, prefers
        for key, on in ((plain.key, False), (drawn.key, True)):
            bench.runs.show(key)
            wait(lambda key=key: bench.runs.last is not None and bench.runs.last.key == key)
            rested(bench)
            assert switch.isChecked() == on
            assert (artist.candles is not None) == on
        assert not bench.preferences.whole_candles, "showing a run is no preference"
        switch.trigger()
        rested(bench)
        with RunStore() as store:
            assert not any(run.candles for run in store.runs()), "switched off for this run"
        bench.load([str(project)])
        rested(bench)
        wait(lambda: artist.candles is not None)
        with RunStore() as store:
            panel = bench.session.panel
            assert panel is not None
            again = restored(*store.find(drawn.key), panel)
        for candles in (True, False):
            export.write(tmp_path / "run.html", replace(again, candles=candles))
            page = (tmp_path / "run.html").read_text(encoding="utf-8")
            assert ("the next bars as candles" in page) == candles
        bench.preferences.whole_candles = False
        bench.project_controller.new()
        rested(bench)
        assert not switch.isChecked(), "without a run it is the preference"
        bench.session.unsaved = False
