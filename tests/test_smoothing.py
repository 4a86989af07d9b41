"""Exponential smoothing as the start of a network: it looks back only, is chosen where it is
better, and is saved.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting import jobs
from forecasting.audit import simulated_walk
from forecasting.baselines import BASELINES
from forecasting.bundle import read_bundle, write_bundle
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import ModelFileError
from forecasting.events import RunFinished
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.smoothing import smoothed
from forecasting.training import TrainedNetwork

HORIZON = 6


def sales(bars: int, seed: int) -> PriceSeries:
    """Months of a level that wanders, a trend, a season and noise."""
    draw = np.random.default_rng(seed)
    level = np.cumsum(draw.normal(0.003, 0.01, bars)) + draw.normal(0, 0.04, bars)
    season = 0.3 * np.sin(2 * np.pi * (np.arange(bars) / 12 + draw.random()))
    ds = (np.datetime64("2019-12") - bars + np.arange(bars)).astype("datetime64[us]")
    return PriceSeries(
        f"M{seed}",
        ds,
        ("close",),
        100 * np.exp(level + season)[:, None],
        freq="1M",
        calendar="24/7",
    )


PANEL = Panel(tuple(sales(bars, seed) for seed, bars in enumerate((96, 90, 84, 60, 96, 30))))


def run(panel: Panel) -> RunFinished:
    config, _ = jobs.suited(panel, RunConfig().changed(horizon=HORIZON, epochs=1, device="cpu"))
    last = list(jobs.train(panel, config))[-1]
    assert isinstance(last, RunFinished)
    return last


@given(cutoff=st.integers(1, 94), seed=st.integers(0, 1000))
@settings(max_examples=6, deadline=None)
def test_smoothing_looks_at_no_bar_after_its_own(cutoff: int, seed: int) -> None:
    whole = PANEL[0]
    values = np.array(whole.values)
    values[cutoff + 1 :] *= np.exp(
        np.random.default_rng(seed).normal(0, 1, values[cutoff + 1 :].shape)
    )
    for logs in (True, False):
        item, other = (
            smoothed(Panel((s,)), HORIZON, logs)[0]
            for s in (whole, dataclasses.replace(whole, values=values))
        )
        assert item[: cutoff + 1] == pytest.approx(other[: cutoff + 1], rel=1e-9)


def test_smoothing_forecasts_a_line_and_a_season_that_have_no_noise() -> None:
    steps = np.arange(96)
    y = 200 + 0.5 * steps + 20 * np.sin(2 * np.pi * steps / 12)
    series = dataclasses.replace(PANEL[0], values=y[:, None])
    said = smoothed(Panel((series,)), HORIZON, False)[0][-1]
    truth = (
        200
        + 0.5 * (95 + np.arange(1, HORIZON + 1))
        + 20 * np.sin(2 * np.pi * (95 + np.arange(1, HORIZON + 1)) / 12)
    )
    assert np.abs(said - truth).max() < 4.0


@pytest.mark.slow
def test_a_network_of_months_starts_from_smoothing_beats_its_baselines_and_says_so(
    tmp_path: Path,
) -> None:
    known = Panel(tuple(s.head(len(s) - HORIZON) for s in PANEL))
    last = run(known)
    assert last.forecaster.scaling.base == "smoothed"
    assert any("exponential smoothing" in note for note in last.result.verdict.notes)
    truth = {s.symbol: s.y[-HORIZON:] for s in PANEL}
    ours = np.mean(
        [np.abs(np.log(f.median / truth[f.symbol])).mean() for f in last.result.forecasts]
    )
    for name in ("random-walk", "drift", "seasonal-naive", "ets", "theta"):
        fitted = BASELINES[name].fit(known, [len(s) for s in known], HORIZON)
        values = fitted.predict(known, Origins.last(known), (0.1, 0.5, 0.9))[:, :, 1]
        theirs = np.mean(
            [np.abs(np.log(v / truth[s.symbol])).mean() for s, v in zip(known, values, strict=True)]
        )
        assert ours < 1.02 * theirs, name
    last.forecaster.save(tmp_path / "model.candle")
    again = TrainedNetwork.load(tmp_path / "model.candle")
    asked = Origins.last(known)
    assert again.predict(known, asked, QUANTILES) == pytest.approx(
        last.forecaster.predict(known, asked, QUANTILES), rel=1e-6
    )
    manifest, arrays = read_bundle(tmp_path / "model.candle")
    write_bundle(
        tmp_path / "strange.candle",
        {**manifest, "scale": {**manifest["scale"], "base": "oracle"}},
        arrays,
    )
    with pytest.raises(ModelFileError, match="oracle"):
        TrainedNetwork.load(tmp_path / "strange.candle")


def test_prices_start_as_before_and_older_model_files_open(tmp_path: Path) -> None:
    panel = Panel((simulated_walk(300, 1),))
    config = RunConfig().changed(horizon=3, input_size=12, epochs=1, device="cpu")
    last = list(jobs.train(panel, config))[-1]
    assert isinstance(last, RunFinished)
    assert last.forecaster.scaling.base == "usual"
    last.forecaster.save(tmp_path / "model.candle")
    manifest, arrays = read_bundle(tmp_path / "model.candle")
    older = {name: value for name, value in manifest["scale"].items() if name != "base"}
    write_bundle(tmp_path / "older.candle", {**manifest, "scale": older}, arrays)
    asked = Origins.last(panel)
    ours, theirs = (
        TrainedNetwork.load(tmp_path / f"{name}.candle").predict(panel, asked, QUANTILES)
        for name in ("model", "older")
    )
    assert (ours == theirs).all()


def test_defaults_follow_the_kind_of_series_unless_they_were_chosen() -> None:
    config, told = jobs.suited(PANEL, RunConfig(), {"dropout"})
    assert config.task.input_size == 15
    assert config.model.dropout == RunConfig().model.dropout
    assert config.train.learning_rate > RunConfig().train.learning_rate
    assert "monthly" in told
    assert "lookback 15" in told
    assert jobs.suited(PANEL, RunConfig().changed(input_size=30))[0].task.input_size == 30
    assert jobs.suited(Panel((simulated_walk(300, 1),)), RunConfig()) == (RunConfig(), "")
