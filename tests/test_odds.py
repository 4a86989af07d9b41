"""Joint paths and what is read off them: marginals, dependence, events, portfolios, scores, and
the two commands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fabricated import forecast, walk

from app.cli import main
from forecasting import Forecaster, RunConfig, jobs
from forecasting.api import simulate as simulate_frame
from forecasting.errors import CandlecastError, ConfigError, DataError
from forecasting.events import LeftOut
from forecasting.paths import (
    Marginals,
    Paths,
    PathsMade,
    PortfolioMade,
    Residuals,
    hold,
    level_odds,
    simulate,
    stream,
)
from forecasting.paths.aligned import on_common_dates
from forecasting.paths.backtest import inside, joint_scores
from forecasting.paths.calibrated import ValueRecord, moved
from forecasting.paths.drift import SteadyDrift
from forecasting.paths.events import (
    chance_in_words,
    corridor,
    extremes,
    level_table,
    maximum_drawdown,
    rank_probabilities,
)
from forecasting.paths.holdings import read_holdings
from forecasting.paths.marginals import LEVELS
from forecasting.paths.past import cutoff_dates, past_paths
from forecasting.paths.portfolio import conditional, parse_weights
from forecasting.paths.scores import (
    acerbi_szekely,
    brier,
    christoffersen,
    energy_score,
    kupiec,
    ranked_probability_score,
    reliability,
    sample_crps,
    variogram_score,
)
from forecasting.series import Floats, Origins, Panel, PriceSeries

_NORMAL = NormalDist()
_Z = np.array([_NORMAL.inv_cdf(level) for level in LEVELS])
_H = 10


def _marginals(count: int, deviation: float = 0.01, horizon: int = _H) -> Marginals:
    """Return normal log returns of a walk, with a drift that differs by series."""
    steps = np.arange(1, horizon + 1)[None, :, None]
    values = 100 * np.exp(deviation * np.sqrt(steps) * _Z + 0.001 * np.arange(count)[:, None, None])
    ds = np.datetime64("2024-01-01", "us") + np.arange(horizon) * np.timedelta64(1, "D")
    names = tuple(f"S{n}" for n in range(count))
    return Marginals(
        "made",
        names,
        np.full(count, ds[0]),
        np.full(count, 100.0),
        np.tile(ds, (count, 1)),
        LEVELS,
        values,
    )


def _residuals(count: int, correlation: float = 0.0, bars: int = 1000, seed: int = 0) -> Residuals:
    rng = np.random.default_rng(seed)
    market = rng.standard_normal(bars)
    own = rng.standard_normal((count, bars))
    values = np.sqrt(correlation) * market + np.sqrt(1 - correlation) * own
    return Residuals(np.arange(bars).astype("datetime64[us]"), values, np.ones(count))


@cache
def _panel(count: int = 3, bars: int = 500) -> Panel:
    return Panel(tuple(walk(f"S{n}", bars, seed=n) for n in range(count)))


@pytest.mark.parametrize("dependence", ["history", "gaussian"])
def test_marginals_of_paths_are_the_calibrated_quantiles(dependence: Any) -> None:
    marginals = _marginals(3)
    paths = simulate(marginals, _residuals(3), 2000, 1, dependence)
    inner = [index for index, level in enumerate(LEVELS) if 0.01 <= level <= 0.99]
    read = np.moveaxis(np.quantile(paths.samples, [LEVELS[k] for k in inner], axis=2), 0, 2)
    np.testing.assert_allclose(read, marginals.values[:, :, inner], rtol=1e-3)


def test_the_tail_beyond_the_outermost_level_is_exponential_in_the_log_of_the_price() -> None:
    marginals = _marginals(1)
    deep = np.log(marginals.at(np.array([1e-5, 1e-4, 0.001, 0.0025]))[0, 0])
    slope = (deep[3] - deep[2]) / np.log(2.5)
    assert deep[2] - deep[1] == pytest.approx(slope * np.log(10))
    assert deep[1] - deep[0] == pytest.approx(slope * np.log(10))


@pytest.mark.parametrize("dependence", ["history", "gaussian"])
def test_series_move_together_as_their_past_residuals_did(dependence: Any) -> None:
    paths = simulate(_marginals(4), _residuals(4, 0.6), 4000, 0, dependence)
    growth = np.log(paths.growth)
    for step in (0, _H - 1):
        found = np.corrcoef(growth[:, step])[np.triu_indices(4, 1)]
        assert found == pytest.approx(0.6, abs=0.08)


def test_series_that_parted_of_late_move_together_less() -> None:
    before, after = _residuals(4, 0.7, 800), _residuals(4, 0.0, 200, seed=1)
    parted = np.concatenate([before.values, after.values], axis=1)
    found = []
    for values in (parted, parted[:, ::-1]):
        residuals = replace(before, dates=np.arange(1000).astype("datetime64[us]"), values=values)
        growth = np.log(simulate(_marginals(4), residuals, 2000, 0).growth[:, -1])
        found.append(np.corrcoef(growth)[np.triu_indices(4, 1)].mean())
    plain = np.average([0.0, 0.7], weights=[1 - 0.5**0.4, 0.5**0.4 - 0.25])
    assert found[0] < plain - 0.08
    assert found[1] > plain + 0.08


def test_steps_are_those_of_one_walk_and_not_independent() -> None:
    paths = simulate(_marginals(1), _residuals(1), 4000)
    growth = np.log(paths.growth[0])
    assert np.corrcoef(growth[4], growth[9])[0, 1] == pytest.approx(np.sqrt(5 / 10), abs=0.06)
    moves = np.diff(growth, axis=0)
    assert abs(np.corrcoef(moves[3], moves[6])[0, 1]) < 0.06


def test_probabilities_of_a_walk_equal_theory() -> None:
    """P(touch) of closes by integration over the density that has not touched; P(above) of the
    normal.
    """
    paths = simulate(_marginals(8), _residuals(8, bars=4000), 4000)
    level = 100 * np.exp(0.02)
    drifts = 0.001 * np.arange(8)
    touch, above = np.zeros(8), np.zeros(8)
    for n, drift in enumerate(drifts):
        odds = level_odds(paths, n, level * np.exp(drift))
        touch[n], above[n] = odds.p_touch[-1], odds.p_above[-1]
    grid = np.linspace(0.02 - 0.3, 0.02, 1501)
    width = grid[1] - grid[0]
    middle = grid[:-1] + width / 2
    kernel = (
        np.exp(-(((middle[:, None] - middle) / 0.01) ** 2) / 2)
        * width
        / (0.01 * np.sqrt(2 * np.pi))
    )
    density = np.exp(-((middle / 0.01) ** 2) / 2) / (0.01 * np.sqrt(2 * np.pi))
    for _ in range(_H - 1):
        density = kernel @ density
    assert above.mean() == pytest.approx(1 - _NORMAL.cdf(2 / np.sqrt(_H)), abs=0.002)
    assert touch.mean() == pytest.approx(1 - density.sum() * width, abs=0.01)


def test_the_same_seed_gives_the_same_paths_and_series_come_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marginals, residuals = _marginals(5), _residuals(5, 0.3)
    whole = simulate(marginals, residuals, 50, 3)
    monkeypatch.setattr("forecasting.paths.sampling._AT_ONCE", 2 * _H * 50)
    parts = list(stream(marginals, residuals, 50, 3))
    assert [len(block) for _, block in parts] == [2, 2, 1]
    np.testing.assert_allclose(np.concatenate([block for _, block in parts]), whole.samples)
    assert not np.allclose(simulate(marginals, residuals, 50, 4).samples, whole.samples)


def test_residuals_look_back_only() -> None:
    panel = _panel()
    cut = 400
    changed = Panel(
        tuple(
            replace(s, values=np.concatenate([s.values[:cut], 3 * s.values[cut:]])) for s in panel
        )
    )
    date = panel[0].ds[cut - 1]
    ours, theirs = (Residuals.of(item).before(date) for item in (panel, changed))
    np.testing.assert_allclose(ours.values, theirs.values)
    assert ours.dates[-1] == date


def test_past_paths_do_not_see_what_comes_after_their_cutoff() -> None:
    panel = _panel(2, 400)
    predictor = jobs.calibrated_baseline(panel, "random-walk", 3, before=panel[0].ds[300])
    date = cutoff_dates(panel, panel[0].ds[350], 3)[:1]
    changed = Panel(
        tuple(
            replace(s, values=np.concatenate([s.values[:350], 1.5 * s.values[350:]])) for s in panel
        )
    )
    (before,) = past_paths(predictor, panel, date, 3, 100)
    (after,) = past_paths(predictor, changed, date, 3, 100)
    np.testing.assert_allclose(before.paths.samples, after.paths.samples)
    assert not np.allclose(before.y, after.y)


def test_a_series_with_gaps_takes_its_residual_of_the_nearest_market() -> None:
    residuals = _residuals(3, 0.9, 200)
    values = residuals.values.copy()
    values[0, 100:120] = np.nan
    filled = replace(residuals, values=values).complete()
    assert np.isfinite(filled.values).all()
    assert np.corrcoef(filled.values[0, 100:120], filled.values[1, 100:120])[0, 1] > 0.5


def test_series_of_different_calendars_are_joined_on_common_dates() -> None:
    days = np.arange(np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    rng = np.random.default_rng(0)
    coin = PriceSeries(
        "COIN",
        days.astype("datetime64[us]"),
        ("close",),
        np.exp(rng.normal(0, 0.01, days.size).cumsum())[:, None],
    )
    coin = replace(coin, calendar="24/7")
    work = days[np.is_busday(days)]
    stock = PriceSeries(
        "STOCK",
        work.astype("datetime64[us]"),
        ("close",),
        np.exp(rng.normal(0, 0.01, work.size).cumsum())[:, None],
    )
    joined, note = on_common_dates(Panel((coin, stock)))
    assert [len(s) for s in joined] == [work.size, work.size]
    assert "dates that all have" in note
    same, silence = on_common_dates(_panel())
    assert same is _panel()
    assert silence == ""


def test_too_few_common_dates_are_refused() -> None:
    with pytest.raises(DataError, match="20 dates in common"):
        simulate(_marginals(2), _residuals(2, bars=20), 100)


@pytest.mark.parametrize("count", [0, 3, 10**8])
def test_impossible_numbers_of_paths_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match="paths are not possible"):
        simulate(_marginals(1), _residuals(1), count)


def _two_paths() -> Paths:
    samples = np.array(
        [
            [[101.0, 99.0], [104.0, 96.0], [98.0, 103.0]],
            [[99.0, 100.5], [99.0, 101.0], [99.0, 101.0]],
        ]
    )
    ds = np.tile(np.datetime64("2024-01-01", "us") + np.arange(3) * np.timedelta64(1, "D"), (2, 1))
    return Paths("made", ("A", "B"), ds[:, 0], np.full(2, 100.0), ds, samples)


def test_events_of_two_known_paths() -> None:
    paths = _two_paths()
    up, down = level_odds(paths, 0, 103.0), level_odds(paths, 0, 97.0)
    np.testing.assert_allclose(up.p_above, [0, 0.5, 0])
    np.testing.assert_allclose(up.p_touch, [0, 0.5, 1])
    assert up.first_touch_median == 2
    np.testing.assert_allclose(down.p_touch, [0, 0.5, 0.5])
    assert level_odds(paths, 0, 200.0).first_touch_median is None
    sloped = level_odds(paths, 0, np.array([100.5, 104.5, 110.0]))
    np.testing.assert_allclose(sloped.p_touch, [0.5, 0.5, 0.5])
    np.testing.assert_allclose(maximum_drawdown(paths.samples[0], 100.0)[-1], [6 / 104, 0.04])
    low, high = extremes(paths.samples[0], 100.0)
    assert low[-1].tolist() == [98.0, 96.0]
    assert high[-1].tolist() == [104.0, 103.0]
    np.testing.assert_allclose(
        corridor(paths.samples[0], np.full(3, 98.0), np.full(3, 103.5)), [1, 0, 0]
    )


def test_a_level_beyond_all_paths_says_so() -> None:
    assert chance_in_words(0.0, 1000) == "fewer than 1 in 1,000 paths"
    assert chance_in_words(1.0, 10_000) == "more than 9,999 in 10,000 paths"
    assert chance_in_words(0.314, 1000) == "31 %"
    with pytest.raises(ConfigError, match="no number"):
        level_odds(_two_paths(), 0, float("nan"))


def test_the_table_of_levels_holds_round_ones_and_changes() -> None:
    paths = simulate(_marginals(1), _residuals(1), 500)
    levels = [float(item.level[0]) for item in level_table(paths, 0)]
    assert levels == sorted(levels)
    assert {90.0, 95.0, 105.0, 110.0} <= set(levels)
    assert len(levels) <= 12


def test_rank_probabilities_add_to_one_in_both_directions() -> None:
    growth = np.random.default_rng(0).normal(np.arange(7)[:, None], 2.0, (7, 800))
    found = rank_probabilities(growth, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found.sum(axis=0), 7 / 5)
    assert found[0, 0] > found[6, 0]
    with pytest.raises(ConfigError, match="5 ranks of 2 series"):
        rank_probabilities(growth[:2], 5)


def test_a_portfolio_adds_up() -> None:
    paths = simulate(_marginals(4), _residuals(4, 0.5), 1000)
    held = hold(paths, np.array([0.5, 0.3, 0.4, -0.2]))
    expected = 1 + np.tensordot(held.weights, paths.growth - 1, 1)
    np.testing.assert_allclose(held.value, expected)
    assert held.contributions.sum() == pytest.approx(held.es(95))
    assert held.es(95) > held.var(95) > 0
    assert held.es(99) > held.es(95)
    np.testing.assert_allclose(held.correlation, held.correlation.T)
    assert (np.diff(np.quantile(held.drawdown(), 0.5, axis=1)) >= 0).all()


def test_diversification_needs_joint_paths() -> None:
    weights = np.full(20, 1 / 20)
    tied = hold(simulate(_marginals(20), _residuals(20, 0.5), 1000), weights)
    loose = hold(simulate(_marginals(20), _residuals(20, 0.0), 1000), weights)
    assert tied.var(95) > 2 * loose.var(95)


def test_a_price_that_is_not_above_zero_has_no_share() -> None:
    paths = replace(_two_paths(), y0=np.array([100.0, 0.0]))
    with pytest.raises(DataError, match="B is 0 at the cutoff"):
        hold(paths, np.array([0.5, 0.5]))


def test_conditional_paths_have_the_mean_that_is_supposed() -> None:
    paths = simulate(_marginals(3), _residuals(3, 0.6), 4000)
    driver = paths.growth[:, -1].mean(axis=0) - 1
    fallen = conditional(paths, driver, -0.04)
    growth = fallen.growth[:, -1] - 1
    assert growth.mean() == pytest.approx(-0.04, abs=0.003)
    assert (growth.mean(axis=1) < -0.02).all()
    with pytest.raises(ConfigError, match="beyond all"):
        conditional(paths, driver, -0.9)


def test_weights_are_read_in_order_or_by_name() -> None:
    np.testing.assert_allclose(parse_weights("", ("A", "B")), [0.5, 0.5])
    np.testing.assert_allclose(parse_weights(".7,-.2", ("A", "B")), [0.7, -0.2])
    np.testing.assert_allclose(parse_weights("B=30%", ("A", "B")), [0, 0.3])
    for bad in ("1", "C=1", "x,1", "nan,1", "1e9,1"):
        with pytest.raises(ConfigError):
            parse_weights(bad, ("A", "B"))


def test_holdings_are_read_by_value_or_quantity(tmp_path: Path) -> None:
    panel = Panel(
        tuple(
            PriceSeries(n, walk(n).ds, ("close",), np.full((400, 1), c))
            for n, c in (("A", 10.0), ("B", 30.0))
        )
    )
    path = tmp_path / "held.csv"
    path.write_text("Symbol;Quantity\nA;3\nB;1\n")
    assert read_holdings(path, panel) == {"A": 0.5, "B": 0.5}
    path.write_text("symbol,value\nA,100\nB,300\n")
    assert read_holdings(path, panel) == {"A": 0.25, "B": 0.75}
    for text, said in (
        ("symbol,value\nC,1\n", "'C' is not loaded"),
        ("a,b\n1,2\n", "need symbol"),
        ("symbol,value\nA,x\n", "no amount"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_holdings(path, panel)


def test_scores_prefer_the_true_distribution() -> None:
    rng = np.random.default_rng(0)
    outcome = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 400)
    true = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 400).T
    loose = rng.standard_normal((2, 400))
    for score in (energy_score, variogram_score):
        assert np.mean([score(true, y) for y in outcome]) < np.mean(
            [score(loose, y) for y in outcome]
        )
    wide = 3 * rng.standard_normal((400, 200))
    right = rng.standard_normal((400, 200))
    assert sample_crps(right, outcome[:, 0]).mean() < sample_crps(wide, outcome[:, 0]).mean()
    point = np.zeros((1, 10))
    assert sample_crps(point, np.array([2.0]))[0] == pytest.approx(2.0)
    chance = rng.uniform(size=4000)
    happened = rng.uniform(size=4000) < chance
    table = reliability(chance, happened)
    np.testing.assert_allclose(table.predicted, table.realised, atol=0.08)
    assert brier(chance, happened) < brier(np.full(4000, 0.5), happened)
    assert ranked_probability_score(np.full((1, 5), 0.2), np.eye(5)[:1])[0] == pytest.approx(0.24)


def test_tests_of_hits_find_wrong_rates_clusters_and_deep_losses() -> None:
    rng = np.random.default_rng(1)
    fair = rng.uniform(size=500) < 0.05
    often = rng.uniform(size=500) < 0.12
    clustered = np.zeros(500, bool)
    clustered[100:125] = True
    assert kupiec(fair, 0.05) > 0.05
    assert kupiec(often, 0.05) < 0.01
    assert kupiec(clustered, 0.05) > 0.05
    assert christoffersen(clustered, 0.05) < 0.001
    assert christoffersen(fair, 0.05) > 0.05
    assert kupiec(np.zeros(250, bool), 0.01) == pytest.approx(
        0.025, abs=0.005
    )  # 2 x 250 x -log(.99) = 5.03
    samples = rng.standard_normal((500, 500)) * 0.01
    fair_p = [
        acerbi_szekely(rng.standard_normal(500) * 0.01, samples, 95, 100)[1] for _ in range(8)
    ]
    low, wrong = acerbi_szekely(rng.standard_t(2.5, 500) * 0.01, samples, 95, 200)
    assert 0.2 < np.mean(fair_p) < 0.8
    assert wrong < 0.05
    assert low < 0


def test_a_job_draws_paths_of_a_baseline_at_once() -> None:
    *_, made = jobs.simulate(
        _panel(),
        RunConfig().changed(horizon=5),
        jobs.PathsPlan(baseline="random-walk", n_paths=200),
    )
    assert isinstance(made, PathsMade)
    assert made.paths.samples.shape == (3, 5, 200)
    assert made.paths.model == "random-walk"
    assert (made.paths.cutoff == made.panel[0].ds[-1]).all()


def test_a_run_is_drawn_from_its_cutoff() -> None:
    panel = _panel()
    early = panel[0].head(450)
    plan = jobs.PathsPlan(forecasts=(forecast(early),), n_paths=100)
    *_, made = jobs.simulate(panel, RunConfig(), plan)
    assert isinstance(made, PathsMade)
    assert made.paths.cutoff[0] == early.ds[-1]
    assert len(made.panel[0]) == 450
    with pytest.raises(DataError, match="not loaded"):
        list(jobs.simulate(Panel(panel.series[1:]), RunConfig(), plan))


def test_a_portfolio_leaves_out_what_is_too_short_and_holds_its_weight_in_cash() -> None:
    first, second, third = _panel()
    young = replace(third, ds=third.ds[-20:], values=third.values[-20:])
    panel = Panel((first, young, second))
    job = jobs.portfolio(
        panel,
        RunConfig().changed(horizon=3),
        jobs.PathsPlan(baseline="random-walk", n_paths=200),
        ".5,.2,.3",
    )
    events = list(job)
    made = events[-1]
    assert isinstance(made, PortfolioMade)
    assert made.portfolio.symbols == (first.symbol, second.symbol)
    assert made.portfolio.weights.tolist() == [0.5, 0.3]
    (reason,) = made.left_out.values()
    assert "has 20 bars" in reason
    assert "Its weight of 20.0% is cash." in reason
    (event,) = [event for event in events if isinstance(event, LeftOut)]
    assert set(event.why) == {young.symbol}


def test_a_series_that_was_below_zero_once_is_no_holding() -> None:
    prices, other = _panel()[:2]
    values = other.values.copy()
    values[100] = -0.25
    panel = Panel((prices, replace(other, values=values)))
    job = jobs.portfolio(panel, RunConfig(), jobs.PathsPlan(baseline="random-walk", n_paths=100))
    with pytest.raises(DataError, match=rf"{other.symbol} was -0.25 on .*no returns"):
        list(job)


def test_a_portfolio_is_judged_from_past_cutoffs() -> None:
    plan = jobs.PathsPlan(baseline="random-walk", n_paths=100)
    *_, made = jobs.portfolio(
        _panel(2, 420), RunConfig().changed(horizon=2), plan, ".5,.5", ranks=2, backtest=True
    )
    assert isinstance(made, PortfolioMade)
    judged = made.backtest
    assert judged is not None
    assert set(judged.crps) == {"joint", "independent", "historical_simulation", "garch_t"}
    assert judged.coverage[80].shape == (2,)
    assert judged.hits[95].hits.size == len(judged.cutoffs) >= 60
    assert any("too few" in item for item in judged.sentences)
    assert made.ranks is not None
    np.testing.assert_allclose(made.ranks.sum(axis=1), 1)


def test_a_portfolio_tells_how_its_own_past_bands_held() -> None:
    plan = jobs.PathsPlan(baseline="random-walk", n_paths=100)
    config = RunConfig().changed(horizon=2)
    run = replace(plan, baseline="", forecasts=(forecast(_panel(1)[0]),))
    for panel, asked, said in (
        (_panel(2, 300), plan, "its 80 % band held"),
        (_panel(2, 150), plan, "150 dates are too few"),
        (_panel(1), run, "a kept run has one forecast only"),
    ):
        *_, made = jobs.portfolio(panel, config, asked)
        assert isinstance(made, PortfolioMade)
        assert made.past is not None
        assert said in made.past.sentence
        assert made.portfolio.contributions.sum() == pytest.approx(made.portfolio.es(95))


def test_joint_paths_of_series_that_move_together_score_better_than_independent_ones() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=(60, 1, 400))
    joint = np.repeat(common, 4, axis=1) + 0.2 * rng.normal(size=(60, 4, 400))
    seen = np.repeat(rng.normal(size=(60, 1)), 4, axis=1) + 0.2 * rng.normal(size=(60, 4))
    mixed = rng.permuted(joint, axis=2)
    kinds = (energy_score, variogram_score)
    rows = [
        [[kind(item[n], seen[n]) for item in (joint, mixed)] for kind in kinds] for n in range(60)
    ]
    scores = joint_scores(np.array(rows), 1, 4)
    assert scores.energy["joint"] < scores.energy["independent"]
    assert scores.variogram["joint"] < 0.5 * scores.variogram["independent"]
    assert scores.variogram_p < 0.01
    assert "of all series" in scores.sentence
    assert "lower (p < 0.001)" in scores.sentence


def test_odds_and_a_portfolio_are_written_as_a_page(
    prices: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, qapp: object
) -> None:
    words = [str(prices), "--with", "random-walk", "--horizon", "3", "--paths", "200"]
    page, held = tmp_path / "odds.html", tmp_path / "held.html"
    assert main(["odds", *words, "--level", "+2%", "--report", str(page), "--backtest"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "AAA" in text
    assert "plain base rate" in text
    assert "closes above" in text
    assert main(["portfolio", *words, "--backtest", "--report", str(held)]) == 0
    text = held.read_text(encoding="utf-8")
    assert text.count("<svg") == 4
    assert "As a joint forecast of all series" in text
    assert "<script" not in text
    capsys.readouterr()
    assert main(["odds", *words, "--level", "+2%", "--report", "x.pdf"]) == 2
    assert "a report is a page" in capsys.readouterr().err


def test_a_value_learns_from_its_own_misses() -> None:
    """A band that is half as wide as it should be is widened, and from outcomes before it only."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2020-01-01", "us") + np.arange(301) * np.timedelta64(1, "D")
    outcome = 1 + rng.normal(0, 0.02, (300, 1))
    samples = 1 + rng.normal(0, 0.01, (300, 1, 500))
    record = ValueRecord.of(dates[:300], dates[1:, None], outcome, samples)
    found = record.calibrated(samples)
    before, after = (inside(s[100:], outcome[100:], 80).mean() for s in (samples, found))
    assert before < 0.6
    assert after == pytest.approx(0.8, abs=0.07)
    np.testing.assert_allclose(found[0], samples[0])
    changed = outcome.copy()
    changed[200:] = 5.0
    same = ValueRecord.of(dates[:300], dates[1:, None], changed, samples).calibrated(samples)
    np.testing.assert_allclose(same[:200], found[:200])
    live = record.apply(samples[-1], dates[300])
    assert live.std() > 1.5 * samples[-1].std()


def test_a_calibrated_value_has_no_steps_at_its_bands() -> None:
    """Outcomes with fat tails move the bands by different shares."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2020-01-01", "us") + np.arange(401) * np.timedelta64(1, "D")
    outcome = 1 + rng.normal(0, 0.01, (400, 1)) * rng.choice([0.5, 2.2], (400, 1), p=[0.75, 0.25])
    samples = 1 + rng.normal(0, 0.01, (400, 1, 200))
    record = ValueRecord.of(dates[:400], dates[1:, None], outcome, samples)
    live = np.sort(record.apply(1 + rng.normal(0, 0.01, (1, 100_000)), dates[400])[0])
    near = 400
    for band in (0.05, 0.1, 0.25, 0.75, 0.9, 0.95):
        at = round(band * live.size)
        step = (live[at] - live[at - near]) / (live[at + near] - live[at])
        assert 0.75 < step < 1 / 0.75


def test_samples_move_with_their_quantiles_in_any_memory_order() -> None:
    samples = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 2, 50)))
    before = np.moveaxis(np.quantile(samples, LEVELS, axis=2), 0, 2)
    np.testing.assert_allclose(moved(samples, before, before + 1), samples + 1)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two walks, 300 weekdays long, as one table."""
    path = tmp_path_factory.mktemp("odds") / "two.csv"
    frames = []
    for symbol, seed in (("AAA", 1), ("BBB", 2)):
        close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 300)))
        frames.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": pd.bdate_range("2022-01-03", periods=300),
                    "close": close,
                }
            )
        )
    pd.concat(frames).to_csv(path, index=False)
    return path


def _document(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


def test_odds_command(prices: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "paths.parquet"
    words = (
        "odds",
        prices,
        "--level",
        "+2%",
        "--with",
        "random-walk",
        "--by",
        "2023-03-10",
        "--paths",
        "500",
    )
    both = _document(capsys, *words, "--json", "--export", target)
    found = both[0]
    assert [item["symbol"] for item in both] == ["AAA", "BBB"]
    assert {
        "symbol",
        "model",
        "cutoff",
        "level",
        "horizon",
        "p_above",
        "p_touch",
        "first_touch_median",
    } <= found.keys()
    assert found["ds"][-1].startswith("2023-03-10")
    assert found["horizon"] == len(found["p_above"]) == len(found["p_touch"])
    assert all(
        touch >= above for touch, above in zip(found["p_touch"], found["p_above"], strict=True)
    )
    assert 1 <= found["first_touch_median"] <= found["horizon"]
    frame = pd.read_parquet(target)
    assert list(frame.columns) == ["unique_id", "ds", "sample", "y"]
    assert len(frame) == 2 * 500 * found["horizon"]
    share = (frame[frame.unique_id == "AAA"].groupby("ds").y.last().size, frame["sample"].nunique())
    assert share == (found["horizon"], 500)
    assert (
        main(
            [
                *map(str, words[:3]),
                "9999",
                "--with",
                "random-walk",
                "--paths",
                "500",
                "--horizon",
                "3",
            ]
        )
        == 0
    )
    assert "fewer than 1 in 500 paths" in capsys.readouterr().out


def test_odds_stand_beside_the_base_rate_and_are_judged_by_it(
    prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["odds", prices, "--with", "random-walk", "--horizon", "3", "--paths", "500", "--json"]
    found = _document(capsys, *words, "--level", "+1%", "--level", "-1%", "--backtest")[0]
    closes = pd.read_csv(prices).query("symbol == 'AAA'")["close"].to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(closes, 4)
    touched = (windows[:, 1:] >= windows[:, :1] * 1.01).any(axis=1).mean()
    above = (windows[:, 3] > windows[:, 0] * 1.01).mean()
    rate, verdict = found["base_rate"], found["verdict"]
    assert rate["windows"] == len(windows)
    assert (rate["p_touch"][-1], rate["p_above"][-1]) == pytest.approx((touched, above), abs=0.01)
    assert verdict["cutoffs"] > 20
    assert 0 <= verdict["brier"] <= 1
    assert verdict["result"] in ("beats", "ties", "loses")
    assert "base rate" in verdict["sentence"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--level", "abc"), "--level abc is no price"),
        (("--level", "-200%"), "AAA has never been at or below zero"),
        (("--level", "105", "--level", "0"), "--level 0 is 0"),
        (("--level", "105", "--by", "2001-01-01"), "No bar of AAA"),
        (("--level", "105", "--by", "soon"), "is no date"),
        (("--level", "105", "--by", "2023-03-10", "--horizon", "5"), "does not go with --horizon"),
        (("--level", "105", "--run", "x"), "does not go with --run"),
        (("--level", "105", "--epochs", "3"), "--epochs does not go with --with"),
        (("--level", "105", "--paths", "1"), "paths are not possible"),
        (("--level", "105", "--suppose", "market"), "cannot be read"),
        (("--level", "105", "--suppose", "market=-90%"), "beyond all"),
        (("--level", "105", "--suppose", "market=-150%"), "nothing falls by 150%"),
    ],
)
def test_odds_command_refuses(
    words: tuple[str, ...], said: str, prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["odds", str(prices), "--with", "random-walk", *words]) == 2
    assert said in capsys.readouterr().err


def test_levels_of_a_series_below_zero_are_values(
    prices: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(prices).query("symbol == 'AAA'")
    path = tmp_path / "spread.csv"
    frame.assign(close=frame["close"] - 300).to_csv(path, index=False)
    words = ["odds", str(path), "--with", "random-walk", "--horizon", "2", "--paths", "50"]
    assert main([*words, "--level", "+5%"]) == 2
    assert "of which no share is taken" in capsys.readouterr().err
    assert main([*words, "--level", "-190"]) == 0
    assert "to close above -190" in capsys.readouterr().out


def test_a_baseline_that_there_is_not_is_named(
    prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["odds", str(prices), "--level", "105", "--with", "oracle"]) == 2
    assert "no baseline called 'oracle'" in capsys.readouterr().err


def test_portfolio_command(
    prices: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ("portfolio", prices, "--with", "random-walk", "--horizon", "3", "--paths", "200")
    found = _document(capsys, *words, "--weights", ".5,.5", "--ranks", "2", "--backtest", "--json")
    assert {
        "value",
        "var",
        "es",
        "contributions",
        "correlation",
        "coverage",
        "hits",
        "tests",
        "ranks",
    } <= found.keys()
    assert all(len(by_step) == 3 for by_step in found["value"].values())
    assert sum(found["contributions"].values()) == pytest.approx(found["es"]["95"])
    assert found["correlation"][0][0] == 1
    assert sum(found["ranks"]["AAA"]) == pytest.approx(1)
    assert set(found["tests"]["95"]) == {"kupiec", "christoffersen", "acerbi_szekely"}
    held = tmp_path / "held.csv"
    held.write_text("symbol,value\nAAA,1\nBBB,3\n")
    found = _document(capsys, *words, "--holdings", held, "--json")
    assert found["weights"] == {"AAA": 0.25, "BBB": 0.75}
    assert found["own_past"]["cutoffs"] > 60
    assert len(found["own_past"]["coverage_80"]) == 3
    assert main([*map(str, words), "--weights", "1"]) == 2
    assert "1 weight is given for 2 series" in capsys.readouterr().err


@pytest.mark.slow
def test_odds_of_a_training_a_saved_network_and_a_kept_run(
    prices: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    quick = (
        "--epochs",
        "1",
        "--lookback",
        "12",
        "--horizon",
        "3",
        "--hidden-size",
        "4",
        "--device",
        "cpu",
    )
    trained = _document(
        capsys, "odds", prices, "--level", "+1%", "--paths", "200", *quick, "--json"
    )
    assert trained[0]["model"] == "LSTM"
    model = tmp_path / "x.candlecast"
    assert main(["forecast", str(prices), *quick, "--save", str(model), "--no-journal"]) == 0
    capsys.readouterr()
    saved = _document(
        capsys,
        "odds",
        prices,
        "--level",
        "+1%",
        "--model-file",
        model,
        "--paths",
        "200",
        "--horizon",
        "2",
        "--json",
    )
    assert saved[0]["horizon"] == 2
    key = _document(capsys, "runs", "list", "--json")[0]["key"]
    kept = _document(
        capsys, "odds", prices, "--level", "+1%", "--run", key, "--paths", "200", "--json"
    )
    assert kept[0]["horizon"] == 3
    assert main(["portfolio", str(prices), "--run", key, "--backtest"]) == 2
    assert "cannot be judged" in capsys.readouterr().err


def test_faults_are_errors_for_people() -> None:
    short = Panel((walk("A", 20),))
    with pytest.raises(CandlecastError, match="20 bars"):
        list(
            jobs.simulate(
                short, RunConfig().changed(horizon=5), jobs.PathsPlan(baseline="random-walk")
            )
        )
    with pytest.raises(DataError, match="no forecast"):
        Marginals.of_forecasts(())


@dataclass(frozen=True)
class _Drifting:
    """Forecasts the same normal move of every bar, with a drift."""

    drift: float
    name: str = "drifting"

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        start = np.array(
            [panel[int(s)].y[b] for s, b in zip(origins.series, origins.bar, strict=True)]
        )
        z = np.array([_NORMAL.inv_cdf(q) for q in quantiles])
        return start[:, None, None] * np.exp(self.drift + 0.01 * z)[None, None]


def test_a_drift_within_chance_is_not_believed() -> None:
    """Of 500 moves, a mean of a fiftieth of their deviation is chance, one of a half is not."""
    panel = _panel(2)
    last = Origins.last(panel)
    start = np.array([s.y[-1] for s in panel])
    for drift, kept in ((0.0002, 0.0), (0.005, 0.005)):
        steady = SteadyDrift.of(_Drifting(drift), panel, (500, 500), 1)
        moved = np.log(steady.predict(panel, last, (0.1, 0.9)).mean(axis=2)[:, 0] / start)
        assert moved == pytest.approx(kept, abs=2e-4)


def test_paths_for_notebooks_are_one_long_frame() -> None:
    frame = simulate_frame(_panel(2), h=4, n_paths=50, model="random-walk", seed=2)
    assert list(frame.columns) == ["unique_id", "ds", "sample", "y"]
    assert frame.groupby(["unique_id", "sample"]).size().eq(4).all()
    assert frame["sample"].nunique() == 50
    assert (frame.ds > pd.Timestamp(_panel(2)[0].ds[-1])).all()
    plan = jobs.PathsPlan(baseline="random-walk", n_paths=50, seed=2)
    *_, made = jobs.simulate(_panel(2), RunConfig().changed(horizon=4), plan)
    assert isinstance(made, PathsMade)
    mine = frame[(frame.unique_id == "S1") & (frame["sample"] == 7)].y.to_numpy()
    np.testing.assert_allclose(mine, made.paths.samples[1, :, 7])


@pytest.mark.slow
def test_a_trained_forecaster_draws_paths_from_its_own_quantiles() -> None:
    forecaster = Forecaster("gru", h=3, input_size=12, hidden_size=4, epochs=1, device="cpu")
    forecaster.fit(_panel(1))
    frame, bands = forecaster.simulate(2000), forecaster.predict(level=80)
    read = frame.groupby("ds").y.quantile([0.1, 0.9]).unstack()
    np.testing.assert_allclose(read[0.1], bands["GRU-lo-80"], rtol=2e-3)
    np.testing.assert_allclose(read[0.9], bands["GRU-hi-80"], rtol=2e-3)
