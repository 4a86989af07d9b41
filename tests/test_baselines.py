"""Baselines: one contract for all, no look-ahead, and each against what theory or another
library says.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from forecasting.baselines import (
    BASELINES,
    Baseline,
    chosen_baselines,
    default_baselines,
    season_length,
)
from forecasting.baselines.garch_likelihood import fit_garch
from forecasting.config import RunConfig
from forecasting.errors import ConfigError, DataError
from forecasting.series import Floats, Origins, Panel, PriceSeries

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
#: Exponential smoothing spends its time in an optimiser of another library: tested once quickly, at
#: length when slow.
EVERY = pytest.mark.parametrize(
    "baseline",
    [
        pytest.param(b, id=name, marks=pytest.mark.slow if name == "ets" else ())
        for name, b in BASELINES.items()
    ],
)


def series(
    y: Floats, symbol: str = "A", start: str = "2015-01-01", freq: str = "1D", **ranges: Floats
) -> PriceSeries:
    columns = ("open", "high", "low", "close") if ranges else ("close",)
    values = np.stack([*ranges.values(), y], axis=1)
    unit = np.timedelta64(1, {"1D": "D", "1h": "h", "1W": "W"}.get(freq, "D"))
    ds = np.datetime64(start, "us") + np.arange(y.size) * unit
    return PriceSeries(symbol, ds, columns, values, freq, calendar="24/7")


def candles(
    bars: int, seed: int, symbol: str = "A", sd: float = 0.01, persistence: float = 0.0
) -> PriceSeries:
    """Return a simulated price with ranges; log volatility wanders if ``persistence`` is above
    0.
    """
    rng = np.random.default_rng(seed)
    volatility = np.zeros(bars)
    for t in range(1, bars):
        volatility[t] = persistence * volatility[t - 1] + (0.2 * rng.normal() if persistence else 0)
    ticks = rng.normal(0, 1, (bars, 30)).cumsum(1) / np.sqrt(30) * sd * np.exp(volatility)[:, None]
    start = np.concatenate([[0], ticks[:-1, -1].cumsum()])[:, None]
    day = 100 * np.exp(start + np.concatenate([np.zeros((bars, 1)), ticks], axis=1))
    return series(day[:, -1], symbol, open=day[:, 0], high=day.max(1), low=day.min(1))


def panel(kind: str) -> Panel:
    rng = np.random.default_rng(3)
    if kind == "prices":
        return Panel(
            (candles(700, 1, "A", persistence=0.95), candles(500, 2, "B"), candles(90, 3, "C"))
        )
    week = 20 + 10 * np.sin(np.arange(400) % 7)
    if kind == "sales":
        return Panel(
            tuple(series(np.maximum(week + rng.normal(0, 3, 400), 0), f"S{n}") for n in range(2))
        )
    return Panel(
        (series(np.full(300, 5.0)), series(np.repeat(rng.normal(0, 1, 30).cumsum(), 10), "B"))
    )  # stale quotes, negative values


def origins(of: Panel, insample: list[int]) -> Origins:
    bars = np.array([[n - 1, n + 4, len(s) - 1] for s, n in zip(of, insample, strict=True)])
    return Origins(np.repeat(np.arange(len(of)), 3), bars.ravel())


def known(of: Panel) -> list[int]:
    return [int(0.8 * len(s)) for s in of]


@EVERY
@pytest.mark.parametrize("kind", ["prices", "sales", "stale"])
@pytest.mark.parametrize("horizon", [1, 12])
def test_contract(baseline: Baseline, kind: str, horizon: int) -> None:
    of = panel(kind)
    fitted = baseline.fit(of, known(of), horizon)
    where = origins(of, known(of))
    values = fitted.predict(of, where, LEVELS)
    assert fitted.name == baseline.name
    assert values.shape == (len(where), horizon, len(LEVELS))
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=2) >= -1e-12).all()
    np.testing.assert_array_equal(
        values, baseline.fit(of, known(of), horizon).predict(of, where, LEVELS)
    )
    np.testing.assert_allclose(
        fitted.predict(of, where.take(np.array([4])), (0.5, 0.9)), values[4:5, :, [3, 5]]
    )
    if kind == "prices":
        assert baseline.name.startswith("seasonal") or (values > 0).all()


@EVERY
def test_nothing_after_the_cutoff_matters(baseline: Baseline) -> None:
    of = panel("prices")
    insample = [400, 300, 70]
    bars = np.array([450, 350, 80])
    changed = []
    for s, bar in zip(of, bars, strict=True):
        values = s.values.copy()
        values[bar + 1 :] *= np.random.default_rng(0).uniform(0.2, 5, (len(s) - bar - 1, 1))
        changed.append(replace(s, values=values))
    # Only series A's future is known to differ at A's cutoff: a panel's dates must be cut at the
    # same day for all.
    where = Origins(np.arange(3), np.array([80, 80, 80]))
    cut = Panel(tuple(s.head(81) for s in of))
    whole = baseline.fit(of, [70, 70, 70], 5).predict(of, where, LEVELS)
    np.testing.assert_allclose(
        baseline.fit(cut, [70, 70, 70], 5).predict(cut, where, LEVELS), whole, rtol=1e-9
    )
    late = Panel((changed[0], of[1], of[2]))
    where = Origins(np.array([0]), np.array([450]))
    np.testing.assert_allclose(
        baseline.fit(late, insample, 5).predict(late, where, LEVELS),
        baseline.fit(of, insample, 5).predict(of, where, LEVELS),
        rtol=1e-9,
    )


@EVERY
def test_moves_grow_with_the_price(baseline: Baseline) -> None:
    of = panel("prices")
    tenfold = Panel(tuple(replace(s, values=s.values * 10) for s in of))
    where = origins(of, known(of))
    once, ten = (baseline.fit(p, known(of), 3).predict(p, where, LEVELS) for p in (of, tenfold))
    np.testing.assert_allclose(ten, 10 * once, rtol=1e-3)


@pytest.mark.parametrize(
    "name",
    ["random-walk", "drift", "ewma", "historical-simulation", "seasonal-naive", "seasonal-median"],
)
def test_too_little_history_is_an_error_with_a_hint(name: str) -> None:
    of = Panel((series(np.array([1.0, 2.0, 3.0])),))
    with pytest.raises(DataError, match="A has too few bars") as caught:
        BASELINES[name].fit(of, [1], 2).predict(of, Origins(np.array([0]), np.array([0])), LEVELS)
    assert caught.value.hint


def test_random_walk_is_the_normal_law() -> None:
    s = candles(600, 1)
    values = (
        BASELINES["random-walk"]
        .fit(Panel((s,)), [500], 4)
        .predict(Panel((s,)), Origins(np.array([0]), np.array([550])), LEVELS)[0]
    )
    sd = np.diff(np.log(s.y))[300:550].std(ddof=1)
    np.testing.assert_array_equal(values[:, 3], s.y[550])
    normal = [NormalDist().inv_cdf(q) for q in LEVELS]
    np.testing.assert_allclose(
        np.log(values / s.y[550]), sd * np.sqrt([[1], [2], [3], [4]]) * normal, atol=1e-12
    )


def test_drift_goes_on_as_it_went() -> None:
    s = series(100 * 1.01 ** np.arange(300.0))
    values = (
        BASELINES["drift"]
        .fit(Panel((s,)), [200], 4)
        .predict(Panel((s,)), Origins(np.array([0]), np.array([250])), LEVELS)[0]
    )
    np.testing.assert_allclose(values[:, 3], s.y[251:255])


def test_values_below_zero_move_by_differences_at_every_origin() -> None:
    s = series(np.concatenate([100 + np.arange(300.0) % 2, [-37.0], 100 + np.arange(300.0) % 2]))
    for name in ("random-walk", "drift", "ewma", "garch-t", "har"):
        fitted = BASELINES[name].fit(Panel((s,)), [280], 1)
        for found in fitted.predict(
            Panel((s,)), Origins(np.zeros(2, int), np.array([299, 305])), (0.1, 0.5, 0.9)
        )[:, 0]:
            if name != "har":  # its shape is that of the past
                assert found[2] - found[1] == pytest.approx(found[1] - found[0], rel=0.05), (
                    f"{name}: differences are symmetric in steps"
                )
            assert found[2] - found[0] < 6, f"{name}: one bar does not set the spread"


def test_volatility_models_follow_volatility() -> None:
    calm_and_wild = np.repeat([0.005, 0.02], 400)
    rng = np.random.default_rng(0)
    s = series(100 * np.exp(np.cumsum(rng.normal(size=2400) * np.tile(calm_and_wild, 3))))
    where = Origins(
        np.zeros(2, int), np.array([1980, 2380])
    )  # late in the calm, late in the wild times
    for name in ("ewma", "garch-t", "har"):
        values = BASELINES[name].fit(Panel((s,)), [1600], 1).predict(Panel((s,)), where, LEVELS)
        width = np.log(values[:, 0, 5] / values[:, 0, 1])
        assert 2.5 < width[1] / width[0] < 5.5, name


def test_garch_agrees_with_arch() -> None:
    from arch.univariate import GARCH, ConstantMean, StudentsT
    from scipy.stats import t

    s = candles(1500, 5, persistence=0.97)
    returns = 100 * np.diff(np.log(s.y))
    theirs = ConstantMean(returns, volatility=GARCH(1, 0, 1), distribution=StudentsT()).fit(
        disp="off", last_obs=1199
    )
    ahead = theirs.forecast(horizon=5, start=1400).variance.to_numpy()[0]
    values = (
        BASELINES["garch-t"]
        .fit(Panel((s,)), [1200], 5)
        .predict(Panel((s,)), Origins(np.array([0]), np.array([1401])), LEVELS)[0]
    )
    freedoms, mean = theirs.params["nu"], theirs.params["mu"]
    shape = t.ppf(LEVELS, freedoms) * np.sqrt(1 - 2 / freedoms)
    expected = mean * np.arange(1, 6)[:, None] + np.sqrt(ahead.cumsum())[:, None] * shape
    np.testing.assert_allclose(100 * np.log(values / s.y[1401]), expected, rtol=0.02, atol=0.01)


def shocks(bars: int, seed: int, alpha: float, beta: float, freedoms: float) -> np.ndarray:
    """Return moves of a GARCH(1,1) with Student-t shocks, divided by their deviation."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_t(freedoms, bars + 200) * np.sqrt(1 - 2 / freedoms)
    found, variance = np.empty(bars + 200), 1.0
    for bar, draw in enumerate(drawn):
        found[bar] = np.sqrt(variance) * draw
        variance = 1 - alpha - beta + alpha * found[bar] ** 2 + beta * variance
    return found[200:] / found[200:].std()


def test_garch_is_as_likely_as_that_of_arch() -> None:
    from arch.univariate import GARCH, ConstantMean, StudentsT

    lines = [shocks(600 + 100 * seed, seed, 0.08, 0.9, 5.0) for seed in range(5)]
    for line, found in zip(lines, fit_garch(lines), strict=True):
        model = ConstantMean(line, volatility=GARCH(1, 0, 1), distribution=StudentsT())
        theirs = model.fit(disp="off")
        assert model.fix(found).loglikelihood > theirs.loglikelihood - 0.05
        np.testing.assert_allclose(found, theirs.params.to_numpy(), rtol=0.1, atol=0.05)


def test_garch_of_one_series_does_not_depend_on_the_others() -> None:
    lines = [shocks(400 + 150 * seed, seed, 0.1, 0.8, 6.0) for seed in range(4)]
    together = fit_garch(lines)
    for line, found in zip(lines, together, strict=True):
        np.testing.assert_allclose(found, fit_garch([line])[0], rtol=1e-3, atol=1e-4)
    assert fit_garch([]).shape == (0, 5)


def test_garch_copes_with_shocks_that_do_not_cluster() -> None:
    line = np.random.default_rng(0).normal(size=900)
    mean, omega, alpha, beta, freedoms = fit_garch([line / line.std()])[0]
    assert omega / (1 - alpha - beta) == pytest.approx(1, abs=0.1)
    assert alpha < 0.05
    assert freedoms > 15
    assert abs(mean) < 0.1


def test_short_series_borrow_from_the_others() -> None:
    of = Panel((candles(1500, 5, "A", persistence=0.97), candles(120, 6, "B")))
    values = (
        BASELINES["garch-t"]
        .fit(of, [1200, 100], 1)
        .predict(of, Origins(np.array([1]), np.array([110])), LEVELS)
    )
    alone = (
        BASELINES["garch-t"]
        .fit(Panel((of[1],)), [100], 1)
        .predict(Panel((of[1],)), Origins(np.array([0]), np.array([110])), LEVELS)
    )
    for found in (values, alone):
        sd = np.log(found[0, 0, 5] / found[0, 0, 1]) / 2.563
        assert 0.006 < sd < 0.015


def test_seasons_are_inferred() -> None:
    y = np.arange(400.0)
    assert season_length(series(y)) == 7
    every = series(y)
    work = np.is_busday(every.ds.astype("datetime64[D]"))
    assert season_length(replace(every, ds=every.ds[work], values=every.values[work])) == 5
    assert season_length(series(y, freq="1h")) == 24
    assert season_length(series(y, freq="1W")) == 52
    assert season_length(replace(every, freq="1M")) == 12
    assert season_length(replace(every, freq="3M")) == 4
    assert season_length(replace(every, freq="")) == 1


def test_seasonal_forecasts_repeat_the_week() -> None:
    week = np.array([5.0, 1, 2, 3, 4, 8, 9])
    s = series(np.tile(week, 30))
    fitted = BASELINES["seasonal-naive"].fit(Panel((s,)), [150], 10)
    np.testing.assert_array_equal(
        fitted.predict(Panel((s,)), Origins(np.array([0]), np.array([180])), (0.5,))[0, :, 0],
        s.y[181:191],
    )
    gappy = replace(
        s, ds=np.delete(s.ds, [20, 77, 140]), values=np.delete(s.values, [20, 77, 140], axis=0)
    )
    found = fitted.predict(Panel((gappy,)), Origins(np.array([0]), np.array([177])), (0.5,))[
        0, :, 0
    ]
    np.testing.assert_array_equal(found, s.y[181:191], err_msg="missing days shift no weekday")
    spiked = s.values.copy()
    spiked[175] = 99
    median = BASELINES["seasonal-median"].fit(Panel((s,)), [150], 10)
    found = median.predict(
        Panel((replace(s, values=spiked),)), Origins(np.array([0]), np.array([180])), (0.5,)
    )[0, :, 0]
    np.testing.assert_array_equal(found, s.y[181:191])


def test_smoothing_agrees_with_statsmodels() -> None:
    import pandas as pd
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel
    from statsmodels.tsa.forecasting.theta import ThetaModel

    rng = np.random.default_rng(0)
    week = 20 + 10 * np.sin(np.arange(120) % 7 * 0.9)
    sales, start = (
        Panel((series(week + rng.normal(0, 2, 120) - 15),)),
        Origins(np.array([0]), np.array([99])),
    )
    season = {"seasonal": "add", "seasonal_periods": 7, "initialization_method": "heuristic"}
    models = [
        ETSModel(pd.Series(sales[0].y[:100]), trend=t, damped_trend=bool(t), **season).fit(
            disp=False
        )
        for t in (None, "add")
    ]
    expected = min(models, key=lambda m: m.aicc).get_prediction(100, 109)
    values = BASELINES["ets"].fit(sales, [100], 10).predict(sales, start, (0.5, 0.9))[0]
    np.testing.assert_allclose(values[:, 0], expected.predicted_mean, rtol=1e-5)
    np.testing.assert_allclose(
        (values[:, 1] - values[:, 0]) / 1.28155, np.sqrt(expected.forecast_variance), rtol=0.1
    )
    trending = Panel((series(rng.normal(0.3, 1, 120).cumsum() - 5),))
    theirs = (
        ThetaModel(trending[0].y[:100].copy(), period=1, deseasonalize=False).fit().forecast(10)
    )
    values = BASELINES["theta"].fit(trending, [100], 10).predict(trending, start, (0.5,))[0]
    np.testing.assert_allclose(values[:, 0], theirs, rtol=1e-3)


def test_theta_takes_the_season_out() -> None:
    s = series(np.tile([5.0, 1, 2, 3, 4, 8, 9], 20) - 4)
    found = (
        BASELINES["theta"]
        .fit(Panel((s,)), [100], 10)
        .predict(Panel((s,)), Origins(np.array([0]), np.array([110])), (0.5,))
    )
    np.testing.assert_allclose(found[0, :, 0], s.y[111:121], atol=0.3)


def test_smoothing_needs_bars() -> None:
    s = series(np.arange(1.0, 30))
    for name in ("ets", "theta"):
        fitted = BASELINES[name].fit(Panel((s,)), [10], 2)
        values = fitted.predict(Panel((s,)), Origins(np.array([0]), np.array([15])), LEVELS)
        assert values[0, :, LEVELS.index(0.5)] == pytest.approx(
            s.y[15]
        )  # too few to fit: a random walk
        with pytest.raises(DataError, match="A has too few bars before a forecast"):
            fitted.predict(Panel((s,)), Origins(np.array([0]), np.array([1])), LEVELS)


@pytest.mark.parametrize(
    ("name", "module"),
    [("ets", "exponential_smoothing.ets"), ("theta", "forecasting.theta")],
)
def test_smoothing_without_statsmodels_says_what_to_install(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"statsmodels.tsa.{module}", None)
    s = series(np.arange(1.0, 80))
    with pytest.raises(ConfigError, match="need the package statsmodels") as caught:
        BASELINES[name].fit(Panel((s,)), [70], 2)
    assert "pip install statsmodels" in caught.value.hint


def test_one_short_series_takes_no_season_from_the_others() -> None:
    months = [monthly(bars, seed) for seed, bars in enumerate((80, 20))]
    assert {"seasonal-naive", "seasonal-median", "ets", "theta"} <= set(
        default_baselines(Panel(tuple(months)))
    )
    origins = Origins(np.array([0, 1, 1]), np.array([70, 9, 19]))
    for name in ("seasonal-naive", "seasonal-median"):
        fitted = BASELINES[name].fit(Panel(tuple(months)), [60, 15], 3)
        assert np.isfinite(fitted.predict(Panel(tuple(months)), origins, LEVELS)).all()
        early = fitted.predict(Panel(tuple(months)), Origins(np.array([1]), np.array([9])), LEVELS)
        assert early[0, :, LEVELS.index(0.5)] == pytest.approx(np.full(3, months[1].y[9]), rel=0.5)


def monthly(bars: int, seed: int) -> PriceSeries:
    draw = np.random.default_rng(seed)
    ds = np.datetime64("2010-01") + np.arange(bars)
    y = 100 + 20 * np.sin(np.arange(bars) * np.pi / 6) + draw.normal(0, 2, bars)
    return PriceSeries(
        f"M{seed}", ds.astype("datetime64[us]"), ("close",), y[:, None], freq="1M", calendar="24/7"
    )


def test_defaults_suit_the_data() -> None:
    assert default_baselines(panel("prices")) == ("random-walk", "drift", "garch-t", "har")
    assert default_baselines(panel("stale"))[:2] == ("random-walk", "drift")
    assert "seasonal-median" in default_baselines(panel("sales"))
    assert {"garch-t", "har"} <= set(default_baselines(panel("stale"))), (
        "volatility models for differences too"
    )


@pytest.mark.slow
def test_reference_figures_on_real_prices() -> None:
    if not DATA.is_dir():
        pytest.skip("the shared data folder is not here")
    import gzip

    with gzip.open(DATA / "panel_2013_2017.csv.gz", "rt") as file:
        rows = np.array([line.split(",") for line in file.read().split()[1:]])
    chosen = [rows[rows[:, 0] == s] for s in np.unique(rows[:, 0])[::8]]
    of = Panel(
        tuple(
            PriceSeries(
                str(r[0, 0]),
                r[:, 1].astype("datetime64[us]"),
                ("open", "high", "low", "close"),
                r[:, 2:6].astype(float),
            )
            for r in chosen
            if len(r) > 1200
        )
    )
    insample = [int((s.ds < np.datetime64("2017-01-01")).sum()) for s in of]
    bars = [np.arange(n - 1, len(s) - 5) for s, n in zip(of, insample, strict=True)]
    where = Origins(
        np.concatenate([np.full(b.size, n) for n, b in enumerate(bars)]), np.concatenate(bars)
    )
    y0 = np.array([of[s].y[b] for s, b in zip(where.series, where.bar, strict=True)])
    y = np.array([of[s].y[b + 1 : b + 6] for s, b in zip(where.series, where.bar, strict=True)])
    levels = tuple(np.arange(1, 100) / 100)
    loss = {}
    for name in ("random-walk", "garch-t", "har"):
        error = np.log(y)[..., None] - np.log(
            BASELINES[name].fit(of, insample, 5).predict(of, where, levels)
        )
        loss[name] = (
            2e4
            * np.maximum(np.array(levels) * error, (np.array(levels) - 1) * error).mean(
                axis=(0, 2)
            )[[0, 4]]
        )
    assert y0.size > 2000
    assert (loss["garch-t"] < loss["random-walk"]).all(), loss
    assert (loss["har"] < 0.99 * loss["random-walk"]).all(), loss
    assert loss["har"][0] < loss["garch-t"][0], loss


def test_a_run_chooses_its_baselines() -> None:
    prices = panel("prices")
    assert chosen_baselines(prices, "auto") == default_baselines(prices)
    assert chosen_baselines(prices, "theta,ets , theta") == ("random-walk", "theta", "ets"), (
        "the walk is always there, the others once"
    )
    assert chosen_baselines(prices, "auto, ets") == (*default_baselines(prices), "ets")
    assert set(BASELINES) - set(chosen_baselines(prices, "all")) == {
        "seasonal-naive",
        "seasonal-median",
    }
    assert set(chosen_baselines(panel("sales"), "all")) == set(BASELINES)
    with pytest.raises(ConfigError, match="none called 'arima'"):
        chosen_baselines(prices, "auto, arima")
    with pytest.raises(ConfigError, match="baselines"):
        RunConfig().changed(baselines="auto;ets")
