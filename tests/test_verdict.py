"""The verdict: chance is called a tie, skill is found, a copy is called a copy, and words agree with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from forecasting import verdict
from forecasting.config import QUANTILES
from forecasting.series import Floats, Outcomes
from forecasting.verdict import Comparison, compare, copycat, diebold_mariano, judge

SHAPE = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])


def walk(origins: int, horizon: int, series: int, seed: int, step: int = 1, sd: float = 0.01) -> Outcomes:
    """Return the true forecast of simulated random walks from every ``step``-th bar."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0, sd, (1, origins * step + horizon))
    returns = 0.7 * market + 0.714 * rng.normal(0, sd, (series, origins * step + horizon))
    logs = np.concatenate([np.zeros((series, 1)), returns.cumsum(1)], axis=1)
    bars = np.tile(np.arange(0, origins * step, step), series)
    place = np.repeat(np.arange(series), origins)
    ds = np.datetime64("2020-01-01", "us") + np.arange(logs.shape[1]) * np.timedelta64(1, "D")
    steps = np.arange(1, horizon + 1)
    y0 = np.exp(logs[place, bars])
    values = y0[:, None, None] * np.exp(sd * np.sqrt(steps)[:, None] * SHAPE)
    y = np.exp(logs[place[:, None], bars[:, None] + steps])
    symbol = np.array([f"S{s}" for s in place])
    return Outcomes("random-walk", symbol, ds[bars], ds[bars[:, None] + steps], y0, y, QUANTILES, values, np.full(len(bars), 0.01))


def moved(outcomes: Outcomes, shift: Floats | float, spread: float = 1.0, name: str = "GRU") -> Outcomes:
    """Return a model that shifts the median by ``shift`` (log, [N, 1] or number) per step and widens the rest."""
    steps = np.arange(1, outcomes.horizon + 1)[:, None]
    logs = np.log(outcomes.values / outcomes.y0[:, None, None]) * spread + np.asarray(shift)[..., None] * steps
    return replace(outcomes, model=name, values=outcomes.y0[:, None, None] * np.exp(logs))


def judged(reference: Outcomes, model: Outcomes, **others: Outcomes) -> verdict.Verdict:
    everything: Mapping[str, Outcomes] = {"GRU": model, "random-walk": reference, **others}
    return judge(everything, "GRU")


def false_alarms(runs: int, origins: int, horizon: int, step: int = 1) -> float:
    """Return the share of runs in which one of two equally wrong models is said to beat the other."""
    alarms = 0
    for seed in range(runs):
        truth = walk(origins, horizon, 3, seed, step)
        alarms += compare(moved(truth, 0.002), moved(truth, -0.002)).result != "ties"
    return alarms / runs


@pytest.mark.parametrize(("origins", "horizon", "step"), [(60, 1, 1), (150, 5, 1), (60, 5, 5)])
def test_chance_is_a_tie(origins: int, horizon: int, step: int) -> None:
    assert false_alarms(150, origins, horizon, step) <= 0.10  # 5 % is true; 10 % is beyond three standard errors


@pytest.mark.slow
@pytest.mark.parametrize(("origins", "horizon"), [(60, 1), (250, 1), (150, 5), (400, 20)])
def test_chance_is_a_tie_nineteen_times_of_twenty(origins: int, horizon: int) -> None:
    assert false_alarms(2000, origins, horizon) <= 0.075


@pytest.mark.parametrize("shift", [0.0002, -0.0002])
def test_noise_never_beats_the_truth(shift: float) -> None:
    beaten = 0
    for seed in range(60):
        truth = walk(250, 1, 3, seed)
        noise = np.random.default_rng(seed + 1000).normal(0, 0.002, (len(truth), 1))
        beaten += judged(truth, moved(truth, noise + shift)).outcome == "beats"
    assert beaten <= 2


def test_real_skill_beats() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    found = judged(truth, moved(truth, 0.3 * coming, 0.85))
    assert found.outcome == "beats"
    assert 0.05 < found.skill < 0.5
    assert found.sentence == f"GRU beats the random walk over 1 bar: CRPS {100 * found.skill:.1f} % lower on 250 origins (p < 0.001)."
    assert any("check for a leak" in note for note in found.notes)


def test_a_baseline_that_is_far_too_wide_is_called_broken() -> None:
    truth = walk(250, 1, 3, 4)
    wide = moved(truth, 0.0, 4.0, "random-walk")
    found = judged(wide, moved(truth, 0.0))
    assert any("baseline is broken" in note and "95 % band of the random walk held 100.0 %" in note for note in found.notes)
    assert not any("leak" in note for note in found.notes)
    assert verdict.broken_band(truth) == ""
    few = walk(15, 1, 1, 4)
    assert verdict.broken_band(moved(few, 0.0, 4.0, "random-walk")) == "", "too few origins to tell"


def test_a_bad_model_loses() -> None:
    truth = walk(250, 5, 3, 5)
    found = judged(truth, moved(truth, 0.01, 0.7))
    assert found.outcome == "loses"
    assert "GRU loses to the random walk over 5 bars: CRPS" in found.sentence
    assert "higher" in found.sentence
    assert any("80 % band" in note and "too narrow" in note for note in found.notes)


def test_the_same_forecast_ties() -> None:
    truth = walk(100, 2, 1, 0)
    found = judged(truth, replace(truth, model="GRU"))
    assert (found.outcome, found.skill) == ("ties", 0)
    assert np.isnan(found.p_value)
    assert "the same CRPS" in found.sentence


def test_the_best_baseline_is_the_measure() -> None:
    truth = walk(400, 1, 3, 1)
    poor = moved(truth, 0.0, 2.0, "random-walk")
    found = judge({"LSTM": moved(truth, 0.001), "random-walk": poor, "har": replace(truth, model="har")}, "LSTM")
    assert found.reference == "har"
    assert found.outcome != "beats"
    assert "HAR volatility, the best of 2 baselines," in found.sentence
    assert "It beats the random walk" in found.sentence


def test_few_origins_decide_nothing() -> None:
    truth = walk(100, 20, 3, 3)
    found = judged(truth, moved(truth, 0.01, 0.5))
    assert found.skill < -0.1
    assert found.outcome == "ties"
    assert found.notes[0] == "100 origins of 20 bars each are worth about 5 independent ones; 20 are needed."


def test_unknown_outcomes() -> None:
    truth = walk(100, 1, 2, 3)
    y = truth.y.copy()
    y[60:100] = np.nan
    part, whole = judged(replace(truth, y=y), moved(replace(truth, y=y), 0.002)), judged(truth, moved(truth, 0.002))
    assert np.isfinite(part.skill)
    assert part.skill != whole.skill
    nothing = replace(truth, y=np.full_like(y, np.nan))
    assert judged(nothing, moved(nothing, 0.01)).sentence == "GRU cannot be judged yet: none of its outcomes over 1 bar is known."
    broken = replace(truth, values=truth.values * np.nan)
    assert "not a number" in judged(truth, broken).sentence


def test_values_below_zero_are_compared_in_their_own_unit() -> None:
    truth = walk(200, 2, 2, 0)
    factor = np.where(truth.symbol == "S0", 1.0, 1e6)
    lowered = replace(
        truth,
        y=(truth.y - 1) * factor[:, None],
        y0=(truth.y0 - 1) * factor,
        values=(truth.values - 1) * factor[:, None, None],
        scale=0.01 * factor,
    )
    test = compare(replace(lowered, values=lowered.values + 0.01 * factor[:, None, None]), lowered)
    alone = replace(lowered, **{name: getattr(lowered, name)[:200] for name in ("symbol", "cutoff", "ds", "y0", "y", "values", "scale")})
    assert compare(replace(alone, values=alone.values + 0.01), alone).skill == pytest.approx(test.skill, rel=0.3), (
        "no series drowns the others"
    )


def test_many_tries_are_corrected() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    everything = {"GRU": moved(truth, 0.03 * coming), "random-walk": truth}
    once, often = judge(everything, "GRU"), judge(everything, "GRU", tries=10**40)
    assert once.outcome == "beats"
    assert often.outcome == "ties"
    assert any(note.startswith("1" + 40 * "0" + " configurations were tried") for note in often.notes)
    assert Comparison(0.1, 0.01, 100, 100.0).corrected(5).p_value == pytest.approx(1 - 0.99**5)
    assert Comparison(-0.1, 0.01, 100, 100.0).corrected(5).result == "loses", "many tries excuse no loss"
    assert Comparison(-0.1, 0.02, 100, 100.0).corrected(1, rivals=4).result == "ties", "the best of four baselines was lucky"
    assert Comparison(0.1, 0.02, 100, 100.0).corrected(1, rivals=4).result == "beats", "who beats the best of four was not"
    assert often.tries == 10**40


def test_what_is_certain_but_tiny_is_a_tie() -> None:
    assert Comparison(0.002, 1e-9, 1000, 1000.0).result == Comparison(-0.002, 1e-9, 1000, 1000.0).result == "ties"
    assert Comparison(0.004, 1e-9, 1000, 1000.0).result == "beats"
    truth = walk(1500, 1, 10, 4)
    found = judged(truth, moved(truth, 0.0, spread=1.07))
    assert -0.003 < found.skill < 0
    assert found.p_value < 0.01
    assert found.outcome == "ties"
    assert "too little to matter" in found.sentence


def test_diebold_mariano_agrees_with_the_t_test_where_losses_are_independent() -> None:
    from scipy.stats import ttest_1samp

    ratios = []
    for seed in range(50):
        difference = np.random.default_rng(seed).normal(0.2, 1, 400)
        plain = ttest_1samp(difference, 0).pvalue
        ours = diebold_mariano(difference)
        assert ours >= plain * 0.98, "never more certain than the t-test"
        ratios.append(np.log10(ours / plain))
    assert np.median(ratios) < 1
    assert np.isnan(diebold_mariano(np.ones(50)))
    assert np.isnan(diebold_mariano(np.array([1.0, 2.0, 3.0])))


def test_a_copy_of_yesterday_is_found() -> None:
    truth = walk(250, 1, 2, 7)
    check = copycat(truth)
    assert check is not None
    assert check.is_copy
    assert (check.lag, check.share) == (1, pytest.approx(1))
    assert any("repeats the last value" in note for note in judged(truth, moved(truth, 0.0)).notes)
    blurred = moved(truth, np.random.default_rng(0).normal(0, 0.003, (len(truth), 1)))
    assert copycat(blurred).is_copy  # type: ignore[union-attr]


def test_foresight_is_no_copy() -> None:
    truth = walk(250, 1, 2, 7)
    coming = np.log(truth.y / truth.y0[:, None])
    check = copycat(moved(truth, 0.5 * coming))
    assert check is not None
    assert not check.is_copy
    assert check.correlations[verdict.LAGS] > 0.5


def test_copies_are_found_at_any_spacing_that_chains() -> None:
    chained = walk(80, 5, 2, 7, step=5)
    check = copycat(chained)
    assert check is not None
    assert check.is_copy
    apart = walk(80, 3, 2, 7, step=5)
    assert copycat(apart) is None
    short = walk(20, 1, 2, 7)
    assert copycat(short) is None


def test_calibration_is_told_in_words() -> None:
    truth = walk(500, 1, 5, 11)
    assert [n.split(": ")[1] for n in judged(truth, truth).notes[:2]] == ["about right.", "about right."]
    assert [n.split(": ")[1] for n in judged(truth, moved(truth, 0.0, 1.5)).notes[:2]] == ["too wide.", "too wide."]


def test_direction_is_measured_against_a_coin() -> None:
    truth = walk(400, 1, 3, 2)
    coming = np.log(truth.y / truth.y0[:, None])

    def words(shift: Floats | float) -> str:
        return next((note for note in judged(truth, moved(truth, shift)).notes if "direction right" in note), "")

    assert words(0.0) == "", "a random walk makes no calls"
    assert ": no better than always calling " in words(0.001)
    assert ": better than always calling " in words(0.2 * coming)
    assert words(-0.2 * coming).endswith("worse than a coin.")


def test_the_limits_of_direction_go_by_the_origins_that_do_not_overlap() -> None:
    def words(origins: int, step: int) -> str:
        truth = walk(origins, 5, 1, 2, step)
        return next(note for note in judged(truth, moved(truth, 0.001)).notes if "direction right" in note)

    def limit(note: str) -> float:
        return float(note.split("give or take ")[1].split(")")[0])

    assert "too few origins" in words(1, 1)
    assert ": no better than" in words(1, 1)
    assert 0.5 < limit(words(400, 5)) / limit(words(2000, 1)) < 2, "the same bars tell about as much, every fifth or all of them"


def test_rising_prices_are_no_skill_of_direction() -> None:
    truth = walk(400, 1, 3, 2)
    rising = replace(truth, y=truth.y * 1.005)
    note = next(note for note in judged(rising, moved(rising, 0.005)).notes if "direction right" in note)
    assert ": no better than always calling up, which was right" in note
