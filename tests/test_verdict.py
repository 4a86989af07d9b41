"""The verdict: chance is called a tie, skill is found, a copy is called a copy, and words agree
with numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from forecasting import metrics, sentences, verdict
from forecasting.config import QUANTILES
from forecasting.evidence import share_of
from forecasting.series import Dates, Floats, Outcomes
from forecasting.verdict import Comparison, compare, copycat, diebold_mariano, judge

SHAPE = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])


def walk(
    origins: int, horizon: int, series: int, seed: int, step: int = 1, sd: float = 0.01
) -> Outcomes:
    """Return the true forecast of simulated random walks from every ``step``-th bar."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0, sd, (1, origins * step + horizon))
    returns = 0.7 * market + 0.714 * rng.normal(0, sd, (series, origins * step + horizon))
    logs = np.concatenate([np.zeros((series, 1)), returns.cumsum(1)], axis=1)
    bars = np.tile(np.arange(0, origins * step, step), series)
    index = np.repeat(np.arange(series), origins)
    ds = np.datetime64("2020-01-01", "us") + np.arange(logs.shape[1]) * np.timedelta64(1, "D")
    steps = np.arange(1, horizon + 1)
    y0 = np.exp(logs[index, bars])
    values = y0[:, None, None] * np.exp(sd * np.sqrt(steps)[:, None] * SHAPE)
    y = np.exp(logs[index[:, None], bars[:, None] + steps])
    symbol = np.array([f"S{s}" for s in index])
    return Outcomes(
        "random-walk",
        symbol,
        ds[bars],
        ds[bars[:, None] + steps],
        y0,
        y,
        QUANTILES,
        values,
        np.full(len(bars), 0.01),
    )


def moved(
    outcomes: Outcomes, shift: Floats | float, spread: float = 1.0, name: str = "GRU"
) -> Outcomes:
    """Return a model that shifts the median by ``shift`` (log, [N, 1] or number) per step and
    widens the rest.
    """
    steps = np.arange(1, outcomes.horizon + 1)[:, None]
    logs = (
        np.log(outcomes.values / outcomes.y0[:, None, None]) * spread
        + np.asarray(shift)[..., None] * steps
    )
    return replace(outcomes, model=name, values=outcomes.y0[:, None, None] * np.exp(logs))


def judged(reference: Outcomes, model: Outcomes, **others: Outcomes) -> verdict.Verdict:
    everything: Mapping[str, Outcomes] = {"GRU": model, "random-walk": reference, **others}
    return judge(everything, "GRU")


def false_alarms(runs: int, origins: int, horizon: int, step: int = 1) -> float:
    """Return the share of runs in which one of two equally wrong models is said to beat the
    other.
    """
    alarms = 0
    for seed in range(runs):
        truth = walk(origins, horizon, 3, seed, step)
        alarms += compare(moved(truth, 0.002), moved(truth, -0.002)).result != "ties"
    return alarms / runs


@pytest.mark.parametrize(("origins", "horizon", "step"), [(60, 1, 1), (150, 5, 1), (60, 5, 5)])
def test_chance_is_a_tie(origins: int, horizon: int, step: int) -> None:
    assert (
        false_alarms(150, origins, horizon, step) <= 0.10
    )  # 5 % is true; 10 % is beyond three standard errors


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


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_narrow_band_on_a_price_that_stands_still_is_no_gain(share: float) -> None:
    truth = walk(250, 1, 1, 5)
    stopped = np.arange(len(truth)) < share * len(truth)
    y = np.where(stopped[:, None], truth.y0[:, None], truth.y)
    halted, spread = replace(truth, y=y), np.where(stopped, 0.01, 1.0)[:, None, None]
    narrow = moved(halted, 0.0, spread)  # type: ignore[arg-type]
    found = judged(halted, narrow)
    assert found.outcome == "ties"
    assert f"after {100 * share:.0f} % of the forecasts nothing moved" in found.sentence
    assert not any("leak" in note for note in found.notes)
    coming = np.log(y / truth.y0[:, None])
    better = judged(halted, moved(halted, 0.3 * coming, 0.85))
    assert better.outcome == ("ties" if share == 1 else "beats")


def test_rounding_is_no_call_of_a_direction() -> None:
    truth = walk(250, 1, 1, 5)
    noise = np.random.default_rng(1).choice([-1, 0, 1], len(truth)) * 3e-16
    hardly = replace(truth, values=truth.values * (1 + noise[:, None, None]))
    assert np.isnan(metrics.directional_accuracy(hardly))
    assert not any("direction right" in note for note in judged(truth, hardly).notes)


def test_real_skill_beats() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    found = judged(truth, moved(truth, 0.3 * coming, 0.85))
    assert found.outcome == "beats"
    assert 0.05 < found.skill < 0.5
    assert (
        found.sentence
        == f"GRU beats the random walk over 1 bar: CRPS {100 * found.skill:.1f} % lower on 250 "
        "origins (p < 0.001)."
    )
    assert any("check for a leak" in note for note in found.notes)


def test_a_baseline_that_is_far_too_wide_is_called_broken() -> None:
    truth = walk(250, 1, 3, 4)
    wide = moved(truth, 0.0, 4.0, "random-walk")
    found = judged(wide, moved(truth, 0.0))
    assert any(
        "baseline is broken" in note and "95 % band of the random walk held 100.0 %" in note
        for note in found.notes
    )
    assert not any("leak" in note for note in found.notes)
    assert verdict.broken_band(truth) == ""
    few = walk(15, 1, 1, 4)
    assert verdict.broken_band(moved(few, 0.0, 4.0, "random-walk")) == "", "too few origins to tell"


def test_a_price_that_stands_still_shows_nothing_of_the_width_of_bands() -> None:
    truth = walk(250, 1, 3, 4)
    still = replace(truth, y=np.repeat(truth.y0[:, None], truth.horizon, axis=1))
    narrow = moved(still, 0.0, 0.001, "har")
    exact = replace(
        still,
        model="random-walk",
        values=np.repeat(still.y[:, :, None], still.values.shape[2], axis=2),
    )
    ours = moved(still, 0.0, 0.1)
    assert verdict.broken_band(narrow) == ""
    found = judge({"GRU": ours, "har": narrow, "random-walk": exact}, "GRU")
    assert (found.outcome, found.reference) == ("loses", "random-walk")
    assert "that baseline made no error on 250 origins" in found.sentence
    words = " ".join(found.notes)
    assert "100.0 % of outcomes, but 100.0 % of them did not move at all" in words
    assert not any(said in words for said in ("too wide", "about right", "broken"))


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
    found = judge(
        {"LSTM": moved(truth, 0.001), "random-walk": poor, "har": replace(truth, model="har")},
        "LSTM",
    )
    assert found.reference == "har"
    assert found.outcome != "beats"
    assert "HAR volatility, the best of 2 baselines," in found.sentence
    assert "It beats the random walk" in found.sentence


def test_few_origins_decide_nothing() -> None:
    truth = walk(100, 20, 3, 3)
    found = judged(truth, moved(truth, 0.01, 0.5))
    assert found.skill < -0.1
    assert found.outcome == "ties"
    assert found.few
    assert np.isnan(found.p_value)
    assert (
        found.sentence
        == "Too few independent origins to say whether GRU beats the random walk over 20 bars."
    )
    assert (
        found.notes[0]
        == "100 origins of 20 bars each are worth about 5 independent ones; 20 are needed."
    )
    assert not any("p " in note or "lower" in note or "leak" in note for note in found.notes)


@pytest.mark.parametrize(("origins", "horizon"), [(46, 30), (2, 3), (1, 1), (19, 1)])
def test_nothing_is_concluded_from_few_origins(origins: int, horizon: int) -> None:
    truth = walk(origins, horizon, 1, 3)
    coming = np.log(truth.y / truth.y0[:, None])
    everything = {
        "GRU": moved(truth, 0.0),
        "random-walk": moved(truth, 0.0, 3.0, "random-walk"),
        "no-network": truth,
    }
    everything["GRU"] = replace(
        everything["GRU"], values=truth.values * np.exp(0.9 * coming)[:, :, None]
    )
    found = judge(everything, "GRU", tries=3)
    told = " ".join((found.sentence, *found.notes))
    assert found.outcome == "ties"
    assert not re.search(
        r"lower|higher|p [<=]|give or take|beats the|better than",
        told.replace("whether GRU beats", ""),
    )
    assert (
        "Too few independent origins to say whether the network adds anything to the "
        "volatility model."
    ) in found.notes
    assert any(
        "; too few independent origins to say whether that is more than chance." in note
        for note in found.notes
    )
    assert ("leak" in told) == (origins >= 20), "one bar ahead, 46 outcomes do not overlap"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.525, 1.0])
def test_two_origins_say_nothing_of_a_band(share: float) -> None:
    found = share_of(np.full(46, share * 30), np.full(46, 30), *_dates(46, 30))
    assert found.independent == pytest.approx(46 / 30)
    assert {found.stands(80), found.stands(95)} == {"few"}


def test_three_answers_about_a_band() -> None:
    rng = np.random.default_rng(0)

    def answer(n: int, share: float, stated: float) -> str:
        return share_of(1.0 * (rng.permutation(n) < share * n), np.ones(n), *_dates(n, 1)).stands(
            stated
        )

    assert [answer(500, share, 80) for share in (0.8, 0.7, 0.9)] == ["right", "low", "high"]
    assert [answer(n, 0.95, 95) for n in (20, 60, 500)] == ["few", "few", "right"]
    assert answer(40, 0.2, 80) == "low", "what is certain from 40 is said"
    assert answer(20_000, 0.805, 80) == "right", "half a point is of no account, however certain"


def test_a_panel_that_moves_as_one_is_worth_its_dates() -> None:
    rng = np.random.default_rng(1)
    together, apart = np.repeat(rng.random(200) < 0.8, 50), rng.random(10_000) < 0.8
    cutoff, end = (np.repeat(item, 50) for item in _dates(200, 1))
    tied, free = (share_of(1.0 * hits, np.ones(10_000), cutoff, end) for hits in (together, apart))
    assert tied.independent <= 220
    assert free.independent > 3000
    assert tied.high - tied.low > 4 * (free.high - free.low)


def test_intervals_hold_what_they_say() -> None:
    """Coverage of overlapping, clustered outcomes: the 95 % interval misses the truth rarely."""
    missed = 0
    for seed in range(200):
        truth = walk(260, 5, 3, seed)
        inside = metrics.coverage_share(truth, 80)
        missed += not inside.low <= 80 <= inside.high
    assert missed <= 20  # 10 is 5 %


def _dates(origins: int, horizon: int) -> tuple[Dates, Dates]:
    cutoff = np.datetime64("2020-01-01", "us") + np.arange(origins) * np.timedelta64(1, "D")
    return cutoff, cutoff + np.timedelta64(horizon, "D")


def test_what_the_network_adds() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    rivals = {"random-walk": moved(truth, 0.0, 1.5, "random-walk")}

    def added(model: Outcomes) -> tuple[str, verdict.Verdict]:
        found = judge(
            {"GRU": model, **rivals, "no-network": replace(truth, model="no-network")}, "GRU"
        )
        return found.notes[0], found

    same, nothing = added(replace(truth, model="GRU"))
    assert same == "The network adds nothing: its forecast is that of the volatility model."
    assert nothing.network_adds is not None
    assert nothing.network_adds.skill == 0
    assert nothing.reference == "random-walk", "the network's own start is no rival"
    assert "of 2 baselines" not in nothing.sentence
    little, found = added(moved(truth, 0.00005))
    assert re.fullmatch(
        r"The network adds nothing beyond the volatility model \(CRPS 0\.\d\d % "
        r"(lower|higher), p = [\d.]+\)\.",
        little,
    )
    assert found.network_adds is not None
    assert abs(found.network_adds.skill) < 0.003
    much, found = added(moved(truth, 0.3 * coming, 0.85))
    assert much.startswith("The network improves on the volatility model (CRPS ")
    worse, found = added(moved(truth, 0.0, 2.0))
    assert worse.startswith(
        "The network makes the forecast worse than the volatility model alone (CRPS "
    )
    assert judge({"GRU": truth, **rivals}, "GRU").network_adds is None


def test_a_price_that_never_moves() -> None:
    truth = walk(60, 2, 1, 0)
    still = replace(
        truth,
        y0=np.full(60, 10.0),
        y=np.full((60, 2), 10.0),
        values=np.full((60, 2, len(QUANTILES)), 10.0),
        scale=np.zeros(60),
    )
    found = judged(still, replace(still, model="GRU", values=still.values * (1 + 2e-16)))
    assert "the same CRPS" in found.sentence
    assert any("80 % band has no width" in note and "held 100.0 %" in note for note in found.notes)


def test_the_list_of_sentences_is_current() -> None:
    path = Path(__file__).parent.parent / "docs" / "verdicts.md"
    assert path.read_text(encoding="utf-8") == sentences.document(), (
        "python -m forecasting.sentences > docs/verdicts.md"
    )
    for name, sentence in sentences.SENTENCES.items():
        text = sentence.text.format(**sentence.example)
        assert sentences.recognised(text) in {name, "copy", "copy-worse"}, text


def test_every_word_of_a_verdict_is_in_the_list() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    models = [
        truth,
        moved(truth, 0.01, 0.7),
        moved(truth, 0.3 * coming, 0.85),
        moved(truth, -0.2 * coming),
        moved(truth, 0.0, 1.5),
    ]
    for short in (truth, walk(60, 20, 1, 3)):
        for model in [short, *(models if short is truth else ())]:
            found = judge(
                {
                    "GRU": model,
                    "random-walk": moved(short, 0.0, 1.2),
                    "har": short,
                    "no-network": short,
                },
                "GRU",
                tries=3,
            )
            for said in (found.sentence.split(". It ")[0].removesuffix(".") + ".", *found.notes):
                assert sentences.recognised(said), said


def test_unknown_outcomes() -> None:
    truth = walk(100, 1, 2, 3)
    y = truth.y.copy()
    y[60:100] = np.nan
    part, whole = (
        judged(replace(truth, y=y), moved(replace(truth, y=y), 0.002)),
        judged(truth, moved(truth, 0.002)),
    )
    assert np.isfinite(part.skill)
    assert part.skill != whole.skill
    nothing = replace(truth, y=np.full_like(y, np.nan))
    assert (
        judged(nothing, moved(nothing, 0.01)).sentence
        == "GRU cannot be judged yet: none of its outcomes over 1 bar is known."
    )
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
    alone = replace(
        lowered,
        **{
            name: getattr(lowered, name)[:200]
            for name in ("symbol", "cutoff", "ds", "y0", "y", "values", "scale")
        },
    )
    assert compare(replace(alone, values=alone.values + 0.01), alone).skill == pytest.approx(
        test.skill, rel=0.3
    ), "no series drowns the others"


def test_many_tries_are_corrected() -> None:
    truth = walk(250, 1, 3, 5)
    coming = np.log(truth.y / truth.y0[:, None])
    everything = {"GRU": moved(truth, 0.03 * coming), "random-walk": truth}
    once, often = judge(everything, "GRU"), judge(everything, "GRU", tries=10**40)
    assert once.outcome == "beats"
    assert often.outcome == "ties"
    assert any(
        note.startswith("1" + 40 * "0" + " configurations were tried") for note in often.notes
    )
    assert Comparison(0.1, 0.01, 100, 100.0).corrected(5).p_value == pytest.approx(1 - 0.99**5)
    assert Comparison(-0.1, 0.01, 100, 100.0).corrected(5).result == "loses", (
        "many tries excuse no loss"
    )
    assert Comparison(-0.1, 0.02, 100, 100.0).corrected(1, rivals=4).result == "ties", (
        "the best of four baselines was lucky"
    )
    assert Comparison(0.1, 0.02, 100, 100.0).corrected(1, rivals=4).result == "beats", (
        "who beats the best of four was not"
    )
    assert often.tries == 10**40


def test_what_is_certain_but_tiny_is_a_tie() -> None:
    assert (
        Comparison(0.002, 1e-9, 1000, 1000.0).result
        == Comparison(-0.002, 1e-9, 1000, 1000.0).result
        == "ties"
    )
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
    right = judged(truth, truth).notes[:2]
    assert [n.split(": ")[1] for n in right] == ["about right.", "about right."]
    assert re.match(
        r"The 80 % band held \d+\.\d % of outcomes \(interval 7\d\.\d to 8\d\.\d %\)", right[0]
    )
    assert [n.split(": ")[1] for n in judged(truth, moved(truth, 0.0, 1.5)).notes[:2]] == [
        "too wide.",
        "too wide.",
    ]


def test_direction_is_measured_against_a_coin() -> None:
    truth = walk(400, 1, 3, 2)
    coming = np.log(truth.y / truth.y0[:, None])

    def words(shift: Floats | float) -> str:
        return next(
            (
                note
                for note in judged(truth, moved(truth, shift)).notes
                if "direction right" in note
            ),
            "",
        )

    assert words(0.0) == "", "a random walk makes no calls"
    assert any(
        said in words(0.001)
        for said in (
            ": no better than always calling ",
            ": not clearly better than always calling ",
        )
    )
    assert ": better than always calling " in words(0.2 * coming)
    assert words(-0.2 * coming).endswith("worse than a coin.")


def test_the_limits_of_direction_go_by_the_origins_that_do_not_overlap() -> None:
    def words(origins: int, step: int) -> str:
        truth = walk(origins, 5, 1, 2, step)
        return next(
            note for note in judged(truth, moved(truth, 0.001)).notes if "direction right" in note
        )

    def width(note: str) -> float:
        low, high = note.split("(interval ")[1].split(" %)")[0].split(" to ")
        return float(high) - float(low)

    assert words(1, 1) == (
        "Its median called the direction right 20.0 % of the time; too few independent origins "
        "to say whether that is more than chance."
    )
    assert 0.5 < width(words(400, 5)) / width(words(2000, 1)) < 2, (
        "the same bars tell about as much, every fifth or all of them"
    )


def test_rising_prices_are_no_skill_of_direction() -> None:
    truth = walk(400, 1, 3, 2)
    rising = replace(truth, y=truth.y * 1.005)
    note = next(
        note for note in judged(rising, moved(rising, 0.005)).notes if "direction right" in note
    )
    assert ": no better than always calling up, which was right" in note
