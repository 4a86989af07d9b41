"""The engine on simulated prices: no look-ahead, same seed same numbers, saved equals reloaded."""

from __future__ import annotations

import dataclasses
import weakref
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import forecasting.features
import forecasting.training
from forecasting import jobs
from forecasting.backtest import every, outcomes_of
from forecasting.bundle import read_bundle, write_bundle
from forecasting.config import QUANTILES, BacktestConfig, RunConfig
from forecasting.errors import ConfigError, DataError, ModelFileError
from forecasting.events import (
    BacktestFinished,
    EpochEnd,
    ForecastMade,
    Notice,
    RunFinished,
    SplitMade,
)
from forecasting.features import feature_names, features
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import AdamW, TrainedNetwork, optimizers
from forecasting.volatility import Har
from forecasting.windows import Base, Scaling, Windows, split_panel

COLUMNS = ("open", "high", "low", "close", "volume")


def simulated(
    bars: int = 420, seed: int = 0, symbol: str = "SIM", columns: tuple[str, ...] = COLUMNS
) -> PriceSeries:
    """A random walk with changing volatility, as daily bars from 2015 on."""
    draw = np.random.default_rng(seed)
    sd = 0.01 * np.exp(np.cumsum(draw.normal(0, 0.05, bars)) * 0.3)
    close = 50 * np.exp(np.cumsum(draw.normal(0, 1, bars) * sd))
    opened = close * np.exp(draw.normal(0, 0.3, bars) * sd)
    high = np.maximum(opened, close) * np.exp(np.abs(draw.normal(0, 0.5, bars)) * sd)
    low = np.minimum(opened, close) * np.exp(-np.abs(draw.normal(0, 0.5, bars)) * sd)
    volume = np.exp(draw.normal(12, 0.5, bars))
    table = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    ds = np.busday_offset("2015-01-05", np.arange(bars), roll="forward").astype("datetime64[us]")
    return PriceSeries(symbol, ds, columns, np.stack([table[c] for c in columns], axis=1))


def quick(**values: object) -> RunConfig:
    """Settings small enough for a test."""
    return RunConfig().changed(
        **{"input_size": 12, "horizon": 3, "hidden_size": 4, "epochs": 2, "device": "cpu", **values}
    )


def run(panel: Panel, config: RunConfig) -> RunFinished:
    """Run a training job to its end."""
    last = list(jobs.train(panel, config))[-1]
    assert isinstance(last, RunFinished)
    return last


def with_future(series: PriceSeries, cutoff: int, seed: int) -> PriceSeries:
    """Replace every bar after the cutoff by wild but well-formed other bars."""
    draw = np.random.default_rng(seed)
    values = np.array(series.values)
    ahead = len(series) - cutoff - 1
    values[cutoff + 1 :] = (
        values[cutoff]
        * np.exp(np.cumsum(draw.normal(0, 0.2, (ahead, 1)), axis=0))
        * np.exp(draw.normal(0, 0.01, (ahead, 1)))
    )
    return dataclasses.replace(series, values=values)


@cache
def windows_of(columns: tuple[str, ...]) -> tuple[Panel, Windows]:
    """Two series with every kind of feature: the same for each example."""
    config = quick(dates=True, market=True, indicators=True)
    panel = Panel((simulated(columns=columns), simulated(seed=1, symbol="B", columns=columns)))
    insample = split_panel(panel, config.task).insample
    scaling = Scaling.fit(panel, insample, config.task, config.inputs)
    return panel, Windows(panel, scaling, config.task, torch.device("cpu"))


@given(
    cutoff=st.integers(60, 400),
    seed=st.integers(0, 10_000),
    columns=st.sampled_from([COLUMNS, ("close",)]),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_known_at_a_cutoff_changes_with_the_future(
    cutoff: int, seed: int, columns: tuple[str, ...]
) -> None:
    panel, before = windows_of(columns)
    changed = Panel(tuple(with_future(s, cutoff, seed) for s in panel))
    after = Windows(changed, before.scaling, quick().task, torch.device("cpu"))
    rows = before.rows(Origins([0, 1], [cutoff, cutoff]))
    torch.testing.assert_close(
        before.window(rows), after.window(rows), rtol=0, atol=0, msg="a feature looks ahead"
    )
    torch.testing.assert_close(
        before.scale(rows), after.scale(rows), rtol=0, atol=0, msg="the volatility looks ahead"
    )


@pytest.mark.parametrize("base", ["usual", "smoothed"])
def test_windows_that_begin_later_hold_what_forecasts_from_there_need(base: Base) -> None:
    config = quick(dates=True)
    task = config.task
    panel = Panel((simulated(), simulated(400, symbol="B")))
    scaling = Scaling.fit(panel, [200, 200], task, config.inputs, base)
    whole, part = (
        Windows(panel, scaling, task, torch.device("cpu"), first) for first in (None, (300, 350))
    )
    assert len(part.table) == sum(map(len, panel)) - 650 + 2 * (task.input_size - 1)
    origins = Origins([0, 0, 1, 1], [300, 380, 350, 399 - task.horizon])
    assert part.holds(origins)
    assert not part.holds(Origins([1], [349]))
    for read in ("window", "scale", "target", "known_ahead"):
        found, expected = (getattr(w, read)(w.rows(origins)) for w in (part, whole))
        torch.testing.assert_close(found, expected, rtol=0, atol=0, msg=read)


def test_what_is_fitted_on_a_panel_is_shared_and_forgotten_with_it() -> None:
    panel, task, inputs = Panel((simulated(),)), RunConfig().task, RunConfig().inputs
    one = Scaling.fit(panel, [200], task, inputs)
    assert Scaling.fit(panel, (200,), task, inputs) is one
    assert Scaling.fit(panel, [199], task, inputs) is not one
    assert Scaling.fit(Panel(panel.series), [200], task, inputs) is not one
    alive = weakref.ref(panel)
    del panel
    assert alive() is None


def fitted_before(panel: Panel, config: RunConfig, cutoff: np.datetime64) -> np.ndarray:
    """Train on what lies before a date and forecast from it: what a fold of a backtest does."""
    split = split_panel(panel, config.task, test_start=cutoff + np.timedelta64(1, "us"))
    training = forecasting.training.fit(panel, split, config, lambda: False)
    while True:
        try:
            next(training)
        except StopIteration as end:
            bars = [int(np.searchsorted(s.ds, cutoff)) for s in panel]
            return end.value.forecaster.predict(
                panel, Origins(np.arange(len(panel)), bars), QUANTILES
            )


def assert_no_leak(cutoff: int = 330, seed: int = 3) -> None:
    panel, config = Panel((simulated(),)), quick(learning_rate=0.05, epochs=5)
    changed = Panel((with_future(panel[0], cutoff, seed),))
    before, after = (fitted_before(p, config, panel[0].ds[cutoff]) for p in (panel, changed))
    assert np.array_equal(before, after), (
        "the forecast at the cutoff changed with bars after it: the future leaks into the past"
    )


def test_weights_and_forecast_of_a_fold_do_not_change_with_the_future() -> None:
    assert_no_leak()


@pytest.mark.parametrize("leak", ["feature", "scaling", "split"])
def test_a_planted_leak_is_found_and_said(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if leak == "feature":
        peek = lambda bars: np.roll(bars.move, -1)  # noqa: E731
        monkeypatch.setitem(forecasting.features.FEATURES, "move", peek)
    elif leak == "scaling":
        honest = Har.fit.__func__

        def everything(cls, panel, insample, *rest):  # type: ignore[no-untyped-def]
            return honest(cls, panel, [len(s) for s in panel], *rest)

        monkeypatch.setattr(Har, "fit", classmethod(everything))
    else:
        honest_split = split_panel
        late = lambda panel, task, test_start=None: honest_split(panel, task)  # noqa: E731
        monkeypatch.setitem(globals(), "split_panel", late)
    with pytest.raises(AssertionError, match="the future leaks into the past"):
        assert_no_leak()


@given(
    bars=st.integers(80, 500),
    input_size=st.integers(2, 40),
    horizon=st.integers(1, 15),
    val_size=st.integers(15, 60),
    test_size=st.integers(15, 60),
)
@settings(max_examples=60, deadline=None)
def test_no_bar_is_a_target_in_two_parts(
    bars: int, input_size: int, horizon: int, val_size: int, test_size: int
) -> None:
    task = (
        RunConfig()
        .changed(input_size=input_size, horizon=horizon, val_size=val_size, test_size=test_size)
        .task
    )
    panel = Panel((simulated(bars), simulated(bars - 30, symbol="B")))
    if input_size + horizon + val_size + test_size > bars:
        with pytest.raises(DataError, match=f"need {input_size + horizon + val_size + test_size}"):
            split_panel(panel, task)
        return
    split = split_panel(panel, task)
    seen: dict[tuple[int, int], str] = {}
    for part in ("train", "val", "test"):
        origins = split[part]
        for series, bar in zip(origins.series, origins.bar, strict=True):
            assert bar >= input_size - 1
            assert bar + horizon < len(panel[int(series)])
            for ahead in range(1, horizon + 1):
                assert seen.setdefault((int(series), int(bar) + ahead), part) == part
    starts = {"val": split.val_start, "test": split.test_start}
    for (series, bar), part in seen.items():
        assert part == "train" or panel[series].ds[bar] >= starts[part]


def test_an_untrained_network_is_exactly_the_baseline() -> None:
    panel, config = Panel((simulated(),)), quick()
    split = split_panel(panel, config.task)
    events = forecasting.training.fit(panel, split, config, lambda: True)
    first = next(e for e in events if isinstance(e, ForecastMade))
    scaling = Scaling.fit(panel, split.insample, config.task, config.inputs)
    scaled = scaling.baseline(np.array(QUANTILES)) * scaling.har.scale(panel)[0][-1][:, None]
    np.testing.assert_allclose(
        first.forecasts[0].values, panel[0].y[-1] * np.exp(scaled), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("model", "bidirectional", "members"),
    [
        ("lstm", True, 2),
        pytest.param("lstm", True, 3, marks=pytest.mark.slow),
        pytest.param("rnn", False, 1, marks=pytest.mark.slow),
        pytest.param("gru", False, 1, marks=pytest.mark.slow),
        pytest.param("lstm", False, 1, marks=pytest.mark.slow),
        pytest.param("rnn", True, 3, marks=pytest.mark.slow),
        pytest.param("gru", True, 3, marks=pytest.mark.slow),
    ],
)
def test_same_seed_same_numbers_and_saved_equals_reloaded(
    model: str, bidirectional: bool, members: int, tmp_path: Path
) -> None:
    panel = Panel((simulated(), simulated(300, seed=1, symbol="B")))
    config = quick(
        model=model,
        bidirectional=bidirectional,
        members=members,
        indicators=bidirectional,
        layers=2,
        learning_rate=0.01,
    )
    first, second = run(panel, config), run(panel, config)
    other = run(panel, config.changed(seed=1))
    assert np.array_equal(first.result.forecasts[0].values, second.result.forecasts[0].values)
    losses = [[e.val_loss for e in f.result.history] for f in (first, second, other)]
    assert losses[0] == losses[1] != losses[2]
    first.forecaster.save(tmp_path / "model.candle")
    again = TrainedNetwork.load(tmp_path / "model.candle")
    *_, made = jobs.predict(panel, tmp_path / "model.candle")
    np.testing.assert_allclose(
        made.forecasts[0].values, first.result.forecasts[0].values, rtol=1e-6
    )
    origins = Origins([0, 1, 0], [400, 200, 100])
    np.testing.assert_allclose(
        again.predict(panel, origins, QUANTILES),
        first.forecaster.predict(panel, origins, QUANTILES),
        rtol=1e-6,
    )


def test_a_run_tells_its_whole_story_and_quantiles_never_cross() -> None:
    panel = Panel((simulated(),))
    events = list(jobs.train(panel, quick(epochs=3, learning_rate=0.05)))
    kinds = [type(e) for e in events]
    assert kinds[0] is SplitMade
    assert kinds[-1] is RunFinished
    assert [e.epoch for e in events if isinstance(e, EpochEnd)] == [0, 1, 2, 3]
    result = events[-1].result
    assert next(iter(result.outcomes)) == "LSTM"
    assert {"random-walk", "drift"} <= set(result.scores)
    cutoffs = {name: o.cutoff.tolist() for name, o in result.outcomes.items()}
    assert all(c == cutoffs["LSTM"] for c in cutoffs.values())
    for forecast in (
        *result.forecasts,
        *(f for e in events if isinstance(e, ForecastMade) for f in e.forecasts),
    ):
        assert (np.diff(forecast.values, axis=1) >= 0).all()
        assert forecast.ds[0] > panel[0].ds[-1]
        assert forecast.cutoff == panel[0].ds[-1]


def test_stop_keeps_the_best_weights_and_still_delivers() -> None:
    calls = iter(range(10**9))
    events = list(jobs.train(Panel((simulated(),)), quick(epochs=500), lambda: next(calls) > 20))
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.result.info.stopped == "user"
    assert last.result.info.epochs < 500
    assert len(last.result.forecasts[0]) == 3


def test_the_best_epoch_is_restored_and_training_stops_early() -> None:
    result = run(
        Panel((simulated(),)), quick(epochs=60, patience=3, learning_rate=0.3, weight_decay=0.0)
    ).result
    losses = [e.val_loss for e in result.history]
    assert result.info.stopped == "early"
    assert result.info.best_epoch == int(np.argmin(losses))


def test_training_that_explodes_falls_back_to_its_best_weights() -> None:
    panel = Panel((simulated(),))
    result = run(
        panel, quick(learning_rate=10.0, clip_norm=0.0, weight_decay=10.0, epochs=3)
    ).result
    assert np.isfinite(result.forecasts[0].values).all()
    assert min(e.val_loss for e in result.history) == pytest.approx(result.history[-1].best_loss)


@pytest.mark.parametrize("kernel", [True, False], ids=["torch's kernel", "without it"])
def test_adamw_takes_the_steps_of_torchs_own(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel:  # as on a device or with a torch that has none
        monkeypatch.setattr(optimizers, "_KERNEL", None)

    def weights() -> list[torch.nn.Parameter]:
        torch.manual_seed(0)
        return [torch.nn.Parameter(torch.randn(5, 3)), torch.nn.Parameter(torch.randn(7))]

    ours, theirs = weights(), weights()
    mine, reference = AdamW(ours, 0.1), torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.1)
    assert (mine.kernel is not None) == kernel
    for step in range(20):
        for parameters in (ours, theirs):
            sum(((p - step) ** 3).sum() for p in parameters).backward()
        mine.step(0.01)
        reference.step()
        reference.zero_grad()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_series_with_zeros_are_learned_as_differences() -> None:
    draw = np.random.default_rng(0)
    y = np.maximum(0, 10 + draw.normal(0, 4, 300))
    series = PriceSeries(
        "CASH", np.arange("2020-01-01", 300, dtype="datetime64[D]"), ("close",), y[:, None]
    )
    result = run(Panel((series,)), quick()).result
    assert np.isfinite(result.forecasts[0].values).all()
    with pytest.raises(DataError, match="log returns need positive values"):
        run(Panel((series,)), quick(target="log-return"))


def test_too_few_bars_names_what_is_there_and_what_is_needed() -> None:
    with pytest.raises(DataError, match=r"SIM has 41 bars; lookback 64 and horizon 5 .* need 81"):
        list(jobs.train(Panel((simulated(41),)), quick(input_size=64, horizon=5)))


def test_unknown_device_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no device 'cuda:7'") as error:
        list(jobs.train(Panel((simulated(),)), quick(device="cuda:7")))
    assert "cpu" in error.value.hint


def test_backtest_steps_refits_and_forecasts_from_the_same_origins() -> None:
    panel = Panel((simulated(), simulated(300, seed=1, symbol="B")))
    config = quick(test_size=40, epochs=1)
    last = list(
        jobs.backtest(panel, config, BacktestConfig(step_size=5, refit=4), quantiles=(0.01, 0.99))
    )[-1]
    assert isinstance(last, BacktestFinished)
    network = last.outcomes["LSTM"]
    assert {0.01, 0.5, 0.99} <= set(network.quantiles)
    assert network.y.shape[1] == 3
    expected = every(panel, split_panel(panel, config.task).test, 5)
    assert sorted(map(str, network.cutoff)) == sorted(
        str(panel[int(s)].ds[b]) for s, b in zip(expected.series, expected.bar, strict=True)
    )
    for outcome in last.outcomes.values():
        assert np.array_equal(outcome.y0, network.y0)
        assert (outcome.ds[:, 0] > outcome.cutoff).all()


def test_outcomes_put_the_truth_beside_the_forecast() -> None:
    panel = Panel((simulated(),))
    forecaster = run(panel, quick(epochs=1)).forecaster
    outcomes = outcomes_of(forecaster, panel, Origins([0, 0], [350, 360]), 3, QUANTILES)
    assert outcomes.y[1].tolist() == panel[0].y[361:364].tolist()
    assert outcomes.y0[0] == panel[0].y[350]
    alone = forecaster.predict(Panel((panel[0].head(351),)), Origins([0], [350]), QUANTILES)
    np.testing.assert_allclose(outcomes.values[:1], alone, rtol=1e-6)


def test_a_model_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.candle").write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(ModelFileError):
        TrainedNetwork.load(tmp_path / "model.candle")


def test_a_model_file_with_a_volatility_of_another_kind_is_refused(tmp_path: Path) -> None:
    run(Panel((simulated(),)), quick(epochs=1)).forecaster.save(tmp_path / "model.candle")
    manifest, arrays = read_bundle(tmp_path / "model.candle")
    write_bundle(
        tmp_path / "older.candle", manifest, {**arrays, "scaling.har": arrays["scaling.har"][1:]}
    )
    with pytest.raises(ModelFileError, match="coefficients of shape"):
        TrainedNetwork.load(tmp_path / "older.candle")


def test_a_series_that_begins_late_is_forecast_without_a_past_to_learn_from() -> None:
    late = dataclasses.replace(simulated(seed=2, symbol="LATE"), ds=simulated(440).ds[20:])
    tail = dataclasses.replace(late, ds=late.ds[-30:], values=late.values[-30:])
    result = run(Panel((simulated(440), tail)), quick(test_size=60)).result
    assert np.isfinite(result.forecasts[1].values).all()
    assert np.isfinite(result.scores["LSTM"]["rmsse"])


def test_a_series_shorter_than_the_lookback_is_left_out_before_the_training_and_told() -> None:
    short = dataclasses.replace(
        simulated(seed=2, symbol="NEW"),
        ds=simulated().ds[-6:],
        values=simulated(seed=2).values[-6:],
    )
    *events, end = jobs.train(Panel((simulated(), short)), quick(epochs=1))
    assert isinstance(end, RunFinished)
    assert [series.symbol for series in end.result.panel] == ["SIM"]
    assert any(isinstance(event, Notice) and "NEW has 6 bars" in event.message for event in events)


@pytest.mark.slow
def test_a_weekly_series_is_forecast_from_past_seasons_and_never_below_zero() -> None:
    draw = np.random.default_rng(0)
    week = np.array([5.0, 20, 22, 21, 24, 30, 8])
    days = np.arange("2020-01-01", 500, dtype="datetime64[D]")
    series = []
    for n in range(3):
        y = np.maximum(0, week[np.arange(500) % 7] * draw.gamma(20, 1 / 20, 500) - 4)
        series.append(PriceSeries(f"CASH-{n}", days, ("close",), y[:, None]))
    panel = Panel(tuple(series))
    finished = run(panel, quick(horizon=14, test_size=60))
    result = finished.result
    assert finished.forecaster.scaling.target == "seasonal"
    median = result.forecasts[0].median
    usual = np.array([np.median(series[0].y[n::7][-8:]) for n in (500 + np.arange(14)) % 7])
    np.testing.assert_allclose(median, usual, rtol=0.35, atol=3)
    assert all((f.values >= 0).all() for f in result.forecasts)
    assert result.scores["LSTM"]["mae"] < result.scores["random-walk"]["mae"] / 2
    date = panel[0].ds[400]
    changed = Panel(tuple(with_future(s, 400, 5) for s in panel))
    before, after = (fitted_before(p, quick(target="seasonal"), date) for p in (panel, changed))
    assert np.array_equal(before, after)


def test_prices_are_not_taken_for_seasonal() -> None:
    assert (
        run(Panel((simulated(columns=("close",)),)), quick()).forecaster.scaling.target
        == "log-return"
    )


def test_inputs_are_chosen_and_a_calendar_knows_the_next_bar() -> None:
    assert "rsi" not in feature_names(RunConfig().inputs)
    assert {"volume", "gap"} <= set(feature_names(RunConfig().inputs))
    assert not {"volume", "gap"} & set(
        feature_names(RunConfig().changed(volume=False, gaps=False).inputs)
    )
    friday = int(
        np.flatnonzero(simulated().ds.astype("datetime64[D]") == np.datetime64("2015-01-30"))[0]
    )
    inputs = RunConfig().changed(dates=True).inputs
    panel = Panel((simulated(),))
    [table] = features(panel, [np.full(len(panel[0]), 0.01)], "log-return", inputs)
    columns = dict(zip(feature_names(inputs), table[friday], strict=True))
    assert columns["pause"] == pytest.approx(np.log(3))
    assert columns["month_turn"] == 1
    assert columns["weekday_sin"] == pytest.approx(np.sin(2 * np.pi * 4 / 7))
