"""The scores: against hand-made figures, known theory and their own conventions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting import metrics
from forecasting.config import QUANTILES
from forecasting.series import Floats, Outcomes

PERCENTILES = tuple(k / 100 for k in range(1, 100))


def make(
    values: Any,
    y: Any,
    y0: Any = 100.0,
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9),
    scale: Any = 1.0,
) -> Outcomes:
    y = np.atleast_2d(np.asarray(y, np.float64))
    n, h = y.shape
    values = np.broadcast_to(np.asarray(values, np.float64), (n, h, len(quantiles)))
    cutoff = np.datetime64("2024-01-01", "us") + np.arange(n) * np.timedelta64(1, "D")
    ds = cutoff[:, None] + np.arange(1, h + 1) * np.timedelta64(1, "D")
    return Outcomes(
        "m",
        np.full(n, "A"),
        cutoff,
        ds,
        np.full(n, y0),
        y,
        quantiles,
        values,
        np.full(n, scale),
        np.full(n, 2.0 * scale),
    )


def normal(
    n: int, h: int, quantiles: tuple[float, ...], sd: float = 1.0, seed: int = 0
) -> Outcomes:
    shape = np.array([NormalDist().inv_cdf(q) for q in quantiles]) * sd
    return make(
        100 + shape, 100 + np.random.default_rng(seed).normal(size=(n, h)), quantiles=quantiles
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-200, 1e250])
def test_squares_of_prices_of_any_size_are_numbers(unit: float) -> None:
    plain = make([95, 100, 110], [[104, 112], [90, 100]], y0=98.0)
    scaled = make(
        unit * np.array([95, 100, 110]), unit * np.array([[104, 112], [90, 100]]), y0=98.0 * unit
    )
    assert float(metrics.rmse(scaled)) / unit == pytest.approx(float(metrics.rmse(plain)))
    assert float(metrics.theil_u(scaled)) == pytest.approx(float(metrics.theil_u(plain)))


def test_figures_made_by_hand() -> None:
    o = make([95, 100, 110], [[104, 112], [90, 100]], y0=98.0, scale=2.0)
    got = metrics.score(o)
    assert got["mae"] == pytest.approx((4 + 12 + 10 + 0) / 4)
    assert got["rmse"] == pytest.approx(np.sqrt((16 + 144 + 100) / 4))
    assert got["rmsse"] == pytest.approx(got["rmse"] / 4)
    assert got["mase"] == pytest.approx(6.5 / 2)
    pin = [  # by quantile .1, .5, .9
        0.1 * 9 + 0.5 * 4 + 0.1 * 6,
        0.1 * 17 + 0.5 * 12 + 0.9 * 2,
        0.9 * 5 + 0.5 * 10 + 0.1 * 20,
        0.1 * 5 + 0 + 0.1 * 10,
    ]
    assert got["pinball"] == pytest.approx(np.mean(pin) / 3)
    assert got["crps"] == pytest.approx(2 * got["pinball"])
    assert got["coverage_80"] == 50
    assert got["width_80"] == 15
    assert got["directional_accuracy"] == pytest.approx(75)
    assert float(metrics.smape(o)) == pytest.approx(np.mean([800 / 204, 2400 / 212, 2000 / 190, 0]))
    assert float(metrics.theil_u(o)) == pytest.approx(
        np.sqrt((16 + 144 + 100) / (36 + 196 + 64 + 4))
    )
    assert float(metrics.msis(o, level=80)) == pytest.approx((15 * 4 + 10 * 2 + 10 * 5) / 4 / 2)
    assert np.isnan(got["coverage_95"]), "no level that wide was forecast"


def test_axes_agree_with_the_overall_score() -> None:
    o = normal(50, 3, QUANTILES)
    for name, metric in metrics.METRICS.items():
        steps, origins = metric.compute(o, 0), metric.compute(o, 1)
        assert steps.shape == (3,)
        assert origins.shape == (50,)
        if name in {
            "mae",
            "crps",
            "crps_bp",
            "coverage_80",
            "width_80",
            "mase",
            "msis",
            "pinball",
            "smape",
        }:
            assert steps.mean() == pytest.approx(float(metric.compute(o)))
            assert origins.mean() == pytest.approx(float(metric.compute(o)))
    assert {k: v.shape for k, v in metrics.by_step(o).items()} == dict.fromkeys(
        metrics.score(o), (3,)
    )


def test_the_mean_keeps_squared_errors_small_and_the_median_absolute_ones() -> None:
    y = 100 + np.exp(np.random.default_rng(0).normal(0, 1, (20_000, 1)))
    median = make(np.percentile(y, [10, 50, 90]), y)
    mean = replace(median, mean=np.full(y.shape, y.mean()))
    assert metrics.rmse(mean) < metrics.rmse(median)
    assert metrics.mae(median) < metrics.mae(mean)
    assert metrics.crps(mean) == metrics.crps(median)
    assert (median.point_name, mean.point_name, mean.of("A").point_name) == (
        "median",
        "mean",
        "mean",
    )


def test_stated_coverage_stands_beside_what_was_realised() -> None:
    o = make([90, 95, 100, 105, 110], [[92, 100], [111, 96]], quantiles=(0.1, 0.25, 0.5, 0.75, 0.9))
    found = metrics.calibration(o)
    assert found.level.tolist() == [50, 80]
    assert found.realised.tolist() == [50, 75]
    assert found.by_step.tolist() == [[0, 100], [50, 100]]
    assert found.quantile.tolist() == [10, 25, 50, 75, 90]
    assert found.below.tolist() == [0, 25, 75, 75, 75]
    assert metrics.calibration(normal(5_000, 2, QUANTILES)).realised == pytest.approx(
        [50, 80, 90, 95], abs=2
    )
    unknown = metrics.calibration(replace(o, y=np.full((2, 2), np.nan)))
    assert np.isnan(unknown.realised).all()
    assert np.isnan(metrics.calibration(replace(o, values=o.values * np.nan)).below).all(), (
        "a lacking forecast is no miss that counts"
    )


def test_crps_approaches_its_integral() -> None:
    # CRPS of a normal forecast of its own standard normal outcome is 1 / sqrt(pi) (Gneiting &
    # Raftery 2007).
    fine = normal(40_000, 1, tuple((k + 0.5) / 500 for k in range(500)))
    assert float(metrics.crps(fine)) == pytest.approx(1 / np.sqrt(np.pi), rel=0.01)
    assert float(metrics.crps(normal(40_000, 1, PERCENTILES))) == pytest.approx(
        1 / np.sqrt(np.pi), rel=0.03
    )


@pytest.mark.parametrize("quantiles", [QUANTILES, PERCENTILES])
def test_the_true_distribution_wins(quantiles: tuple[float, ...]) -> None:
    o = normal(20_000, 1, quantiles)
    for metric in (metrics.crps, metrics.crps_bp, metrics.msis):
        best = float(metric(o))
        for wrong in (0.8, 1.25):
            assert float(metric(replace(o, values=100 + (o.values - 100) * wrong))) > best
        assert float(metric(replace(o, values=o.values + 0.3))) > best
    assert float(metrics.coverage(o, level=80)) == pytest.approx(80, abs=1)
    assert float(metrics.coverage(o, level=95)) == pytest.approx(95, abs=1), (
        "interpolated where .025 is not among the levels"
    )


@given(factor=st.floats(0.01, 1000), seed=st.integers(0, 99))
def test_units(factor: float, seed: int) -> None:
    o = normal(20, 2, QUANTILES, seed=seed)
    scaled = replace(
        o,
        values=o.values * factor,
        y=o.y * factor,
        y0=o.y0 * factor,
        scale=o.scale * factor,
        rms_scale=o.rms_scale * factor,
    )
    a, b = metrics.score(o), metrics.score(scaled)
    for name, metric in metrics.METRICS.items():
        assert b[name] == pytest.approx(
            a[name] * (factor if metric.unit == "price" else 1), rel=1e-6, nan_ok=True
        ), name


def test_unknown_outcomes_are_skipped() -> None:
    o = normal(40, 3, QUANTILES)
    y = o.y.copy()
    y[30:, 1:] = np.nan
    y[35:] = np.nan
    known = replace(o, y=y)
    first = {k: v[0] for k, v in metrics.by_step(known).items()}
    cut = Outcomes(
        o.model,
        o.symbol[:35],
        o.cutoff[:35],
        o.ds[:35],
        o.y0[:35],
        o.y[:35],
        o.quantiles,
        o.values[:35],
        o.scale[:35],
        o.rms_scale[:35],
    )
    assert first == pytest.approx({k: v[0] for k, v in metrics.by_step(cut).items()}, nan_ok=True)
    assert float(metrics.mae(known)) == pytest.approx(np.nanmean(np.abs(y - 100)))
    assert np.isnan(metrics.crps(known, 1)[35:]).all()
    assert all(np.isnan(v) for v in metrics.score(replace(o, y=np.full_like(y, np.nan))).values())


@pytest.mark.parametrize(
    "metric", [m.compute for n, m in metrics.METRICS.items() if n != "directional_accuracy"]
)
def test_a_missing_forecast_is_not_skipped(metric: Callable[..., Floats]) -> None:
    o = normal(10, 2, QUANTILES)
    values = o.values.copy()
    values[3] = np.nan
    assert np.isnan(metric(replace(o, values=values)))


def test_log_score_is_that_of_returns() -> None:
    o = normal(100, 2, QUANTILES)
    logs = replace(o, y=np.log(o.y / 100), values=np.log(o.values / 100), y0=np.zeros(100))
    assert float(metrics.crps_bp(o)) == pytest.approx(1e4 * float(metrics.crps(logs)))
    assert np.isnan(metrics.crps_bp(logs)), "values that are not positive have no log return"
    y = o.y.copy()
    y[0, 0] = np.nan
    assert np.isfinite(metrics.crps_bp(replace(o, y=y)))


def test_scale_free_scores_need_a_scale() -> None:
    o = normal(10, 2, QUANTILES)
    assert np.isnan(metrics.mase(replace(o, scale=np.empty(0))))
    assert np.isnan(metrics.rmsse(replace(o, rms_scale=np.empty(0))))
    assert np.isnan(metrics.msis(replace(o, scale=np.zeros(10))))


def test_direction_counts_calls_only() -> None:
    o = make(
        np.array([[[99, 100, 101]], [[99, 101, 102]], [[97, 98, 99]], [[99, 101, 102]]], float),
        [[105], [105], [105], [100]],
    )
    assert float(metrics.directional_accuracy(o)) == 50, (
        "no change forecast: no call; no change happened: no direction"
    )
    assert np.isnan(metrics.directional_accuracy(make([99, 100, 101], [[105], [95]])))
    mixed = metrics.directional_share(
        make(np.array([99, 101, 102.0]), [[105], [95], [105], [95], [105]] * 20)
    )
    assert (mixed.low, mixed.high) == pytest.approx((49.7, 69.7), abs=0.3), (
        "Clopper and Pearson's interval of 60 out of 100"
    )
    runs = metrics.directional_share(make(np.array([99, 101, 102.0]), [[105]] * 60 + [[95]] * 40))
    assert runs.high - runs.low > 40, "what comes in two long runs is worth few independent calls"


def test_the_best_are_those_that_look_best() -> None:
    scores = {"GRU": {"mae": 1.23412}, "har": {"mae": 1.23408}, "drift": {"mae": 1.3}}
    assert metrics.leaders("mae", scores) == ["GRU", "har"], (
        "the fourth digit is the last that is shown"
    )
    assert metrics.leaders("mae", {"GRU": {"mae": 1.23412}, "har": {"mae": 1.23408}}) == [], (
        "all level: none is best"
    )
    held = {"GRU": {"coverage_80": 79.0, "coverage_80_low": 74.0, "coverage_80_high": 84.0}}
    held["har"] = {"coverage_80": 82.0, "coverage_80_low": 77.0, "coverage_80_high": 86.0}
    held["drift"] = {"coverage_80": 89.0, "coverage_80_low": 85.0, "coverage_80_high": 92.0}
    assert metrics.leaders("coverage_80", held) == ["GRU", "har"], "both may be right"
    assert metrics.leaders("coverage_80", {"drift": held["drift"], "GRU": held["drift"]}) == [], (
        "none is right"
    )


def test_crps_goes_by_the_levels_that_are_scored() -> None:
    o = normal(40, 2, QUANTILES)
    few = (0.1, 0.5, 0.9)
    part = replace(o, quantiles=few, values=np.stack([o.quantile(q) for q in few], axis=2))
    assert float(metrics.crps(replace(o, scored=few))) == pytest.approx(float(metrics.crps(part)))
    assert float(metrics.coverage(replace(o, scored=few), level=95)) == float(
        metrics.coverage(o, level=95)
    )


def test_a_value_on_the_limit_of_its_band_is_held() -> None:
    level = 10.0
    o = make(np.array([level * (1 + 2e-16)] * 3), np.full((30, 2), level), y0=level)
    assert float(metrics.coverage(o)) == 100


def test_engine_stays_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, forecasting.metrics; assert not {'torch', 'scipy', 'pandas'} & "
        "set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
