"""Entry points of other packages: taken in by the registries, refused in words, left out on demand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from forecasting import plugins
from forecasting.baselines import Baseline, Drift
from forecasting.model_registry import ModelSpec

SAMPLE = Path(__file__).resolve().parents[1] / "docs" / "plugin"


def points(monkeypatch: pytest.MonkeyPatch, **named: str) -> None:
    found = EntryPoints(
        EntryPoint(name, value, "candlecast.baselines") for name, value in named.items()
    )
    monkeypatch.setattr(plugins, "_points", lambda: found)
    monkeypatch.setattr(plugins, "_problems", [])
    monkeypatch.delenv(plugins.SAFE_MODE, raising=False)


class Mine(Drift):
    """A baseline of somebody else."""


MINE = Mine()
WRONG = 7


def test_what_suits_is_taken_in_and_the_rest_costs_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = __name__
    points(
        monkeypatch,
        mine=f"{here}:MINE",
        drift=f"{here}:MINE",
        wrong=f"{here}:WRONG",
        lost=f"{here}:NOTHING",
        absent="no_such_package_at_all:X",
    )
    found = plugins.load_plugins("candlecast.baselines", Baseline, {"drift": None})
    assert found == {"mine": MINE}
    told = plugins.problems()
    assert len(told) == 4
    assert any("'drift'" in one and "name is taken" in one for one in told)
    assert any("is a int, no Baseline" in one for one in told)
    assert any("ModuleNotFoundError" in one for one in told)
    monkeypatch.setenv(plugins.SAFE_MODE, "1")
    assert plugins.load_plugins("candlecast.baselines", Baseline, ()) == {}


def test_one_that_ends_the_program_costs_a_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ending_plugin.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    points(monkeypatch, ending="ending_plugin:X")
    assert plugins.load_plugins("candlecast.baselines", ModelSpec, ()) == {}
    assert "SystemExit" in plugins.problems()[0]


def test_the_sample_plugin_is_short() -> None:
    assert len((SAMPLE / "candlecast_mingru.py").read_text().splitlines()) <= 60


@pytest.mark.slow
def test_the_sample_plugin_trains_once_it_is_installed(tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, *install, "--target", str(target), str(SAMPLE)], check=True, timeout=200
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(target), str(SAMPLE.parents[1])])
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )

    tiny = ("--model", "mingru", "--epochs", "1", "--hidden-size", "4", "--input-size", "8")
    save = ("--horizon", "3", "--save", "net.candlecast", "--json")
    trained = run("forecast", "sample:memory", *tiny, *save)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["model"] == "minGRU"
    again = run("forecast", "sample:memory", "--model-file", "net.candlecast", "--json")
    assert again.returncode == 0, again.stderr
    refused = run("--safe-mode", "forecast", "sample:memory", *tiny)
    assert refused.returncode == 2
    assert "mingru" in refused.stderr
