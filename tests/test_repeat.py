"""A run repeated over seeds: each is stored, and mean and spread are told; names and tags."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.errors import ConfigError
from forecasting.jobs.repeating import RepeatFinished, SeedEnded, Spread

SETTINGS = [
    *("--horizon", "1", "--input-size", "6", "--hidden-size", "2", "--epochs", "1"),
    *("--device", "cpu", "--baselines", "drift", "--test-size", "40"),
]


def prices(bars: int = 220) -> Panel:
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    ds = np.datetime64("2022-01-03", "us") + np.arange(bars) * np.timedelta64(1, "D")
    return Panel((PriceSeries("AAA", ds, ("close",), close[:, None]),))


def test_a_spread_is_of_what_is_known() -> None:
    spread = Spread.of([1.0, 3.0, math.nan])
    assert (spread.mean, spread.low, spread.high, spread.count) == (2.0, 1.0, 3.0, 2)
    assert spread.std == pytest.approx(2**0.5)
    assert math.isnan(Spread.of([1.0]).std)
    assert Spread.of([]).count == 0


def test_a_configuration_is_trained_with_each_seed_and_a_stop_keeps_those_that_ended() -> None:
    config = RunConfig().changed(
        horizon=1, input_size=6, hidden_size=2, epochs=1, device="cpu", baselines="drift", seed=7
    )
    seen: list[object] = []
    job = jobs.repeat(prices(), config, 5, lambda: sum(isinstance(e, SeedEnded) for e in seen) >= 2)
    while (event := next(job, None)) is not None:
        seen.append(event)
    ended = [event for event in seen if isinstance(event, SeedEnded)]
    finished = seen[-1]
    assert isinstance(finished, RepeatFinished)
    assert finished.seeds == tuple(event.seed for event in ended) == (7, 8)
    skills = [event.result.verdict.skill for event in ended]
    assert finished.spread["skill"].mean == pytest.approx(np.mean(skills))
    assert ended[0].result.config.train.seed == 7
    assert "2 seeds" in finished.sentence
    with pytest.raises(ConfigError, match="0 seeds"):
        list(jobs.repeat(prices(), config, 0))


def test_the_command_repeats_a_kept_run_and_labels_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "AAA.csv"
    series = prices()[0]
    rows = "\n".join(f"{str(d)[:10]},{v:.6f}" for d, v in zip(series.ds, series.y, strict=True))
    path.write_text(f"Date,Close\n{rows}\n")
    assert main(["forecast", str(path), *SETTINGS, "--no-journal"]) == 0
    capsys.readouterr()
    assert main(["runs", "list", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert main(["runs", "repeat", run["key"], "--seeds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["seed"] for row in found["seeds"]] == [run["seed"], run["seed"] + 1]
    assert found["seeds"][0]["skill"] == pytest.approx(run["verdict"]["skill"], abs=1e-6)
    assert found["spread"]["skill"]["count"] == 2
    assert found["spread"]["crps_bp"]["low"] <= found["spread"]["crps_bp"]["high"]
    assert main(["runs", "label", run["key"], "--name", "first", "--tag", "a", "--tag", "b"]) == 0
    assert "first; tags: a, b" in capsys.readouterr().out
    assert main(["runs", "list", "first", "--json"]) == 0
    (labelled,) = json.loads(capsys.readouterr().out)
    assert (labelled["name"], labelled["tags"]) == ("first", ["a", "b"])
    assert main(["runs", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
