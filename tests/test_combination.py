"""Models combined by a weighted mean of their quantiles: weights, judgement, tries, command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.cli import main
from forecasting import RunConfig, jobs
from forecasting.baselines import chosen_baselines, find_baseline, model_title
from forecasting.baselines.combination import LEVELS, Combined, learned_weights
from forecasting.errors import CandlecastError, ConfigError
from forecasting.series import Floats, Origins, Panel, PriceSeries
from forecasting.store import RunStore

BARS = 400
SMALL = RunConfig().changed(horizon=3, input_size=20)


def _series(seed: int = 0, bars: int = BARS) -> PriceSeries:
    ds = np.busday_offset("2020-01-01", np.arange(bars), roll="forward").astype("datetime64[us]")
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars)))
    return PriceSeries("AAA", ds, ("close",), close[:, None])


def _normal(size: int, spread: float, shift: Floats | float = 0.0) -> Floats:
    """Quantiles [N, 1, Q] of a normal distribution, drawn once."""
    z = np.quantile(np.random.default_rng(9).normal(size=20_000), LEVELS)
    return np.asarray(np.broadcast_to(shift, (size,))[:, None, None] + spread * z)


def _weights(*forecasts: Floats, y: Floats) -> Any:
    names = [f"m{n}" for n in range(len(forecasts))]
    return learned_weights(names, np.stack(forecasts), y, np.ones(len(y)), np.arange(len(y)))


def test_weights_go_to_the_model_that_knows() -> None:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=500)
    y = (signal + rng.normal(0, 0.5, 500))[:, None]
    knows, blind = _normal(500, 0.5, signal), _normal(500, 1.1)
    found = _weights(blind, knows, y=y)
    assert found.values.sum() == pytest.approx(1)
    assert found.values[1] > 0.9
    assert found.trust > 0.9


def test_two_halves_of_the_truth_share_the_weight() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 2000))
    y = (first + second + rng.normal(0, 0.3, 2000))[:, None]
    found = _weights(_normal(2000, 1, 2 * first), _normal(2000, 1, 2 * second), y=y)
    assert found.values == pytest.approx([0.5, 0.5], abs=0.05)


def test_models_that_are_alike_get_equal_weights_and_few_dates_say_nothing() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(300, 1))
    noisy = [_normal(300, 1, rng.normal(0, 0.2, 300)) for _ in range(4)]
    assert _weights(*noisy, y=y).values == pytest.approx(np.full(4, 0.25), abs=0.12)
    few = _weights(_normal(20, 1), _normal(20, 9), y=y[:20])
    assert few.values.tolist() == [0.5, 0.5]
    assert few.trust == 0


def test_outcomes_that_overlap_are_worth_fewer_dates() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=(200, 1))
    pair = np.stack([_normal(200, 1), _normal(200, 5)])
    facts = (("a", "b"), pair, y, np.ones(200), np.arange(200))
    trusts = [learned_weights(*facts, overlap=overlap).trust for overlap in (1, 4, 30)]
    assert trusts[0] > trusts[1] > trusts[2] == 0


def test_a_combination_is_the_weighted_mean_and_looks_at_nothing_later() -> None:
    panel = Panel((_series(),))
    name = "combine:random-walk+drift"
    fitted = find_baseline(name).fit(panel, [300], 3)
    assert isinstance(fitted, Combined)
    assert model_title(name) == "Random walk + Drift"
    origins = Origins(np.zeros(5, np.int64), np.arange(305, 310))
    made = fitted.predict(panel, origins, (0.1, 0.5, 0.9))
    parts = [member.predict(panel, origins, (0.1, 0.5, 0.9)) for member in fitted.members]
    expected = sum(w * part for w, part in zip(fitted.weights.values, parts, strict=True))
    assert made == pytest.approx(np.asarray(expected))
    values = panel[0].values.copy()
    values[300:] *= 3
    changed = Panel((PriceSeries("AAA", panel[0].ds, ("close",), values),))
    again = find_baseline(name).fit(changed, [300], 3)
    assert isinstance(again, Combined)
    assert again.weights.values.tolist() == fitted.weights.values.tolist()


@pytest.mark.parametrize("name", ["combine:har", "combine:har+har", "combine:har+nix", "combine:"])
def test_impossible_combinations_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"combines|there is none called"):
        chosen_baselines(Panel((_series(),)), f"auto,{name}")


def test_a_combination_is_judged_and_counted_as_one_more_try() -> None:
    panel = Panel((_series(),))
    tries = []
    for members in (["har", "drift"], ["har", "drift"], ["har", "ewma"]):
        *_, finished = jobs.combine(panel, SMALL, members)
        assert isinstance(finished, jobs.CombinationFinished)
        tries.append(finished.result.verdict.tries)
    result = finished.result
    assert tries == [1, 1, 2]
    assert next(iter(result.scores)) == "Combination"
    assert {"random-walk", "har", "ewma"} <= result.scores.keys()
    assert finished.weights.names == ("har", "ewma")
    assert any("weights" in note for note in result.verdict.notes)
    (made,) = result.forecasts
    assert (made.model, len(made)) == ("Combination", 3)
    assert (np.diff(made.values, axis=1) >= 0).all()


def test_the_command_combines_a_network_trained_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "AAA.csv", tmp_path / "made.csv"
    series = _series()
    pd.DataFrame({"Date": series.ds.astype("datetime64[D]"), "Close": series.y}).to_csv(
        path, index=False
    )
    words = ["combine", str(path), "--horizon", "3", "--input-size", "20", "--json"]
    small = ["--epochs", "1", "--hidden-size", "4", "--model", "gru", "--export", str(target)]
    assert main([*words, *small, "--models", "network,har"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["weights"]) == {"GRU", "har"}
    assert {"Combination", "GRU", "har"} <= found["scores"].keys()
    assert found["verdict"]["tries"] == 2, "the network is a try, too"
    assert found["model"] == "Combination"
    assert len(pd.read_csv(target)) == 3
    assert main(["journal", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["model"] == "Combination"
    assert main([*words, "--models", "har"]) == 2
    assert main([*words, "--models", "har,oracle"]) == 2
    assert "There is no model called 'oracle'" in capsys.readouterr().err


def _file(folder: Path, series: PriceSeries, first: int, last: int = BARS - 2) -> Path:
    """Write forecasts of two bars of another program, from bar ``first`` on to ``last``."""
    rows = [
        {
            "unique_id": "AAA",
            "ds": np.datetime64(series.ds[bar], "D"),
            "cutoff": np.datetime64(series.ds[origin], "D"),
            "TFT-lo-80": series.y[origin] * (1 - 0.0128 * step**0.5),
            "TFT-median": series.y[origin],
            "TFT-hi-80": series.y[origin] * (1 + 0.0128 * step**0.5),
        }
        for origin in range(first, last)
        for step, bar in ((1, origin + 1), (2, origin + 2))
    ]
    path = folder / f"others{last}.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_forecasts_of_another_program_are_combined(tmp_path: Path) -> None:
    series = _series()
    path = _file(tmp_path, series, 200)
    panel = Panel((series,))
    events = list(jobs.combine(panel, RunConfig(), [str(path), "har"]))
    finished = events[-1]
    assert isinstance(finished, jobs.CombinationFinished)
    assert finished.weights.names == ("TFT", "har")
    assert finished.weights.dates > 30, "weights are learned from its forecasts of that part"
    own = finished.result.outcomes["TFT"]
    assert own.horizon == 2
    origin = int(np.searchsorted(series.ds, own.cutoff[0]))
    assert own.quantile(0.1)[0] == pytest.approx(
        series.y[origin] * (1 - 0.0128 * np.sqrt([1, 2])), rel=1e-6
    )
    combined, har = (finished.result.outcomes[name] for name in ("Combination", "har"))
    weights = finished.weights.values
    assert combined.values == pytest.approx(weights[0] * own.values + weights[1] * har.values)
    assert finished.result.forecasts == (), "it has none from the last bar"
    assert any("cannot be told" in str(event) for event in events)


def test_forecasts_that_cannot_be_combined_are_refused(tmp_path: Path) -> None:
    series = _series()
    panel = Panel((series,))
    path = str(_file(tmp_path, series, 200))
    early = str(_file(tmp_path, series, 200, 300))
    for members, config, words in (
        ([early, "har"], RunConfig(), "None of the forecasts of TFT"),
        ([path, "har", "run:0000"], RunConfig(), "There is no run"),
    ):
        with pytest.raises(CandlecastError, match=words):
            list(jobs.combine(panel, config, members))
    table = pd.read_csv(path)[["unique_id", "ds", "cutoff", "TFT-median"]]
    table.rename(columns={"TFT-median": "TFT"}).to_csv(tmp_path / "points.csv", index=False)
    with pytest.raises(ConfigError, match="points without bands"):
        list(jobs.combine(panel, RunConfig(), [str(tmp_path / "points.csv"), "har"]))


def test_a_kept_run_is_combined(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, series = tmp_path / "AAA.csv", _series()
    pd.DataFrame({"Date": series.ds.astype("datetime64[D]"), "Close": series.y}).to_csv(
        path, index=False
    )
    small = ["--epochs", "1", "--hidden-size", "4", "--horizon", "3", "--input-size", "20"]
    assert main(["forecast", str(path), *small, "--json"]) == 0
    capsys.readouterr()
    with RunStore() as store:
        run = store.runs()[0]
    assert main(["combine", str(path), "--models", f"run:{run.key},har", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["weights"]) == {f"LSTM of {run.key}", "har"}
    assert len(found["forecast"]) == 3, "it forecast from the last bar, too"
    assert found["scores"]["Combination"]["crps"] > 0
