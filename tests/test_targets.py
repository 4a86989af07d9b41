"""What is learned: levels, seasons, what the calendar tells ahead, and series that are told
apart.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting import jobs
from forecasting.audit import simulated_walk
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import ConfigError, DataError
from forecasting.events import Notice, RunFinished
from forecasting.features import AHEAD
from forecasting.models import Ensemble
from forecasting.seasonality import deseasonalised
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import TrainedNetwork
from forecasting.verdict import copycat
from forecasting.windows import Scaling, Windows, split_panel

CPU = torch.device("cpu")
WEEK = np.array([-8.0, -3.0, 0.0, 2.0, 4.0, 5.0, 0.0])


def quick(**values: object) -> RunConfig:
    return RunConfig().changed(
        **{"input_size": 12, "horizon": 3, "hidden_size": 4, "epochs": 1, "device": "cpu", **values}
    )


def sales(
    bars: int = 300, seed: int = 0, symbol: str = "SALES", season: str = "additive"
) -> PriceSeries:
    """Days of a shop that sells by the weekday, around a level that wanders."""
    draw = np.random.default_rng(seed)
    ds = np.datetime64("2022-01-03", "us") + np.arange(bars) * np.timedelta64(1, "D")
    level = 50 + np.cumsum(draw.normal(0, 0.3, bars))
    week = WEEK[np.arange(bars) % 7]
    return PriceSeries(
        symbol,
        ds,
        ("close",),
        (level + week if season == "additive" else level * (1 + week / 20))[:, None],
        calendar="24/7",
    )


def made(panel: Panel, config: RunConfig) -> tuple[Scaling, Windows]:
    scaling = Scaling.fit(
        panel, split_panel(panel, config.task).insample, config.task, config.inputs
    )
    return scaling, Windows(panel, scaling, config.task, CPU)


def untrained(panel: Panel, config: RunConfig) -> TrainedNetwork:
    """A network that has learned nothing, whose forecast is the baseline's."""
    scaling, _ = made(panel, config)
    ahead = 2 * len(AHEAD) if config.inputs.dates else 0
    network = Ensemble(
        config.model,
        len(scaling.mean),
        config.task.horizon,
        config.task.input_size,
        len(scaling.symbols),
        ahead,
    )
    return TrainedNetwork(config, scaling, network.eval(), CPU, panel[0].ds[0])


def run(panel: Panel, config: RunConfig) -> RunFinished:
    last = list(jobs.train(panel, config))[-1]
    assert isinstance(last, RunFinished)
    return last


CHOICES = [
    ("difference", "additive"),
    ("difference", "multiplicative"),
    ("log-return", "multiplicative"),
    ("auto", "additive"),
    ("level", "none"),
    ("level", "additive"),
    ("level", "multiplicative"),
    ("seasonal", "auto"),
    ("seasonal", "additive"),
    ("seasonal", "multiplicative"),
]


@given(choice=st.sampled_from(CHOICES), cutoff=st.integers(60, 295), seed=st.integers(0, 10_000))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_target_and_no_season_looks_ahead(
    choice: tuple[str, str], cutoff: int, seed: int
) -> None:
    target, season = choice
    config = quick(target=target, season=season, dates=True)
    panel = Panel((sales(), sales(seed=1, symbol="B", season="multiplicative")))
    scaling, before = made(panel, config)
    draw = np.random.default_rng(seed)
    changed = []
    for series in panel:
        values = np.array(series.values)
        values[cutoff + 1 :] *= np.exp(
            np.cumsum(draw.normal(0, 0.3, (len(series) - cutoff - 1, 1)), axis=0)
        )
        changed.append(replace(series, values=values))
    after = Windows(Panel(tuple(changed)), scaling, config.task, CPU)
    origins = Origins(np.array([0, 1]), np.array([cutoff, cutoff]))
    rows = before.rows(origins)
    assert torch.equal(before.window(rows), after.window(rows)), "an input looks ahead"
    assert torch.equal(before.scale(rows), after.scale(rows)), "the scale looks ahead"
    moved = np.zeros((2, 3, 1))
    assert np.array_equal(before.values(origins, moved), after.values(origins, moved)), (
        "the season that is put back looks ahead"
    )


@pytest.mark.parametrize("season", ["additive", "multiplicative"])
@pytest.mark.parametrize("target", ["difference", "seasonal", "level"])
def test_a_season_is_taken_off_and_put_back(target: str, season: str) -> None:
    panel = Panel((sales(season=season),))
    origins = Origins(np.zeros(40, int), np.arange(240, 280))
    truth = panel[0].y[origins.bar[:, None] + np.arange(1, 4)]
    errors = {}
    for removed in (season, "none" if target != "seasonal" else "auto"):
        median = untrained(panel, quick(target=target, season=removed)).predict(
            panel, origins, (0.5,)
        )[:, :, 0]
        errors[removed] = float(np.abs(median - truth).mean())
    assert errors[season] < 1.5, errors
    if target != "seasonal":
        assert errors[season] < errors["none"] / 2, errors


def test_what_is_left_without_its_season_is_the_level() -> None:
    for season in ("additive", "multiplicative"):
        plain = deseasonalised(Panel((sales(season=season),)), season)[0].y[60:]
        by_day = np.array([plain[day::7].mean() for day in range(7)])
        assert np.ptp(by_day) < 1, "no weekday stands out any more"
    panel = Panel((sales(),))
    assert deseasonalised(panel, "none") is panel


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="season = additive with target = log-return"):
        quick(target="log-return", season="additive")
    with pytest.raises(ConfigError, match="season = none"):
        quick(target="seasonal", season="none")
    with pytest.raises(ConfigError, match="do not add up"):
        quick(target="level", decoding="recursive", shape="one-to-many", input_size=1)
    below = Panel((replace(sales(), values=sales().values - 60),))
    with pytest.raises(DataError, match="share of a level above zero"):
        made(below, quick(season="multiplicative"))
    with pytest.raises(DataError, match="no season"):
        made(Panel((replace(sales(), freq=""),)), quick(season="additive"))


@pytest.mark.slow
def test_a_network_that_learns_levels_copies_and_the_verdict_says_so() -> None:
    panel = Panel((simulated_walk(1000, 1),))
    config = quick(
        target="level",
        horizon=1,
        input_size=20,
        hidden_size=8,
        learning_rate=0.01,
        dropout=0.0,
        weight_decay=0.0,
        epochs=25,
    )
    result = run(panel, config).result
    check = copycat(result.outcomes["LSTM"])
    assert check is not None
    assert check.is_copy
    assert result.verdict.outcome != "beats"
    assert result.verdict.skill < -0.05, "worse than no change"
    assert any(
        note.endswith("It copies, and does so worse than no change would.")
        for note in result.verdict.notes
    )
    level = untrained(panel, config)
    wide = np.diff(level.predict(panel, Origins.last(panel), (0.1, 0.9)))
    daily = np.diff(
        untrained(panel, quick(horizon=1)).predict(panel, Origins.last(panel), (0.1, 0.9))
    )
    assert wide > 2 * daily, "it starts from the mean of the lookback, not from no change"


def test_what_is_known_ahead_reaches_the_bar_it_belongs_to() -> None:
    config = quick(dates=True, horizon=4, calibration="none")
    series = simulated_walk(400, 2)
    panel = Panel((series,))
    forecaster = untrained(panel, config)
    assert forecaster.network.ahead is not None
    origins = Origins(np.zeros(10, int), np.arange(300, 310))
    before = forecaster.predict(panel, origins, QUANTILES)
    pause = list(AHEAD).index("pause_before")
    with torch.no_grad():
        forecaster.network.ahead.effect.weight[1:, pause] = 1.0  # bars after a closed day move more
    after = forecaster.predict(panel, origins, QUANTILES)
    wider = np.ptp(after, axis=2) > 1.01 * np.ptp(before, axis=2)
    mondays = np.diff(series.ds[300:315]) > np.timedelta64(1, "D")
    assert np.array_equal(wider, np.lib.stride_tricks.sliding_window_view(mondays, 4)[:10])

    kept = np.delete(np.arange(400), [305, 307])
    gappy = Panel((replace(series, ds=series.ds[kept], values=series.values[kept]),))
    seen = Origins(np.zeros(2, int), np.array([302, 303]))
    assert np.array_equal(forecaster.predict(gappy, seen, QUANTILES), after[2:4]), (
        "that bars would be missing was not known"
    )


@pytest.mark.slow
def test_a_network_learns_which_days_will_be_wild() -> None:
    draw = np.random.default_rng(0)
    ds = np.busday_offset("2020-01-06", np.arange(600), roll="forward").astype("datetime64[us]")
    monday = np.arange(600) % 5 == 0
    close = 50 * np.exp(np.cumsum(draw.normal(0, 0.01, 600) * np.where(monday, 4, 1)))
    panel = Panel((PriceSeries("WILD", ds, ("close",), close[:, None]),))
    config = quick(dates=True, learning_rate=0.02, epochs=4, hidden_size=2, calibration="none")
    forecaster = run(panel, config).forecaster
    assert isinstance(forecaster, TrainedNetwork)
    bars = np.arange(540, 595)
    values = forecaster.predict(panel, Origins(np.zeros(55, int), bars), (0.1, 0.9))
    width = np.log(values[:, :, 1] / values[:, :, 0]) / forecaster.scaling.har.scale(panel)[0][bars]
    wild = monday[bars[:, None] + np.arange(1, 4)]
    assert width[wild[:, 0], 0].mean() > 1.3 * width[~wild[:, 0], 0].mean(), "a Monday next"
    assert width[wild[:, 2], 2].mean() > 1.05 * width[~wild.any(axis=1), 2].mean(), (
        "a Monday three bars ahead"
    )


def test_the_mean_is_drawn_exported_and_scored_where_it_is_asked_for() -> None:
    panel = Panel((simulated_walk(300, 6),))
    finished = run(panel, quick(point="mean", horizon=2))
    (forecast,), outcomes = finished.result.forecasts, finished.result.outcomes
    assert forecast.mean is not None
    assert np.array_equal(forecast.point, forecast.mean)
    levels = tuple((k + 0.5) / 40 for k in range(40))
    network = finished.forecaster
    assert isinstance(network, TrainedNetwork)
    whole = network.calibrated(panel).predict(panel, Origins.last(panel), levels)[0]
    assert np.allclose(forecast.mean, whole.mean(axis=1))
    for name, item in outcomes.items():
        assert item.mean.shape == item.y.shape, "baselines too"
        assert finished.result.scores[name]["rmse"] == pytest.approx(
            float(np.sqrt(((item.y - item.mean) ** 2).mean()))
        )
    assert any("mean" in note for note in finished.result.verdict.notes)
    plain = run(panel, quick(horizon=2)).result
    assert plain.forecasts[0].mean is None
    assert np.array_equal(plain.forecasts[0].values, forecast.values), (
        "the distribution is the same"
    )


def test_series_are_told_apart_by_their_embedding_saved_and_reloaded(tmp_path: Path) -> None:
    item = simulated_walk(300, 4)
    panel = Panel((item, replace(item, symbol="TWIN"), simulated_walk(300, 5)))
    config = quick(embedding=3, learning_rate=0.05, epochs=3, calibration="none")
    forecaster = run(panel, config).forecaster
    assert isinstance(forecaster, TrainedNetwork)
    forecaster = replace(forecaster, trust=1.0)
    values = forecaster.predict(panel, Origins.last(panel), QUANTILES)
    assert not np.allclose(values[0], values[1]), "the same prices under another name"
    forecaster.save(tmp_path / "m")
    again = TrainedNetwork.load(tmp_path / "m", "cpu")
    assert np.array_equal(again.predict(panel, Origins.last(panel), QUANTILES), values)

    stranger = Panel((replace(item, symbol="STRANGER"),))
    told = [
        event.message
        for event in jobs.predict(stranger, tmp_path / "m", "cpu")
        if isinstance(event, Notice)
    ]
    assert told == ["The network was not trained on STRANGER: taken for the mean of its series."]
    unknown = again.predict(stranger, Origins.last(stranger), QUANTILES)
    with torch.no_grad():
        vectors = again.network.get_parameter("members.0.front.0.vectors")
        vectors[:] = vectors.mean(0)
    assert np.allclose(
        unknown, again.predict(Panel((item,)), Origins.last(Panel((item,))), QUANTILES)
    ), "it has the mean of all"
