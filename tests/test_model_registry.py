"""A network that is added to the registry, and nowhere else, works in every room; no room knows
a network by its name.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QLabel

from app.cli import main
from app.training_history import TrainingHistory
from app.widgets.form_builder import ChoiceButtons, SettingsForm
from forecasting import jobs
from forecasting.checks import cautions
from forecasting.config import ModelConfig, RunConfig
from forecasting.errors import ConfigError
from forecasting.events import CostEstimated, GradientByLag, RunFinished
from forecasting.model_registry import MODELS, ModelSpec
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.shapes import describe
from forecasting.store.differences import _settings
from forecasting.training import TrainedNetwork
from forecasting.training.diagnostics import on_memory

ROOT = Path(__file__).resolve().parents[1]
SPEC = ModelSpec("minGRU", "has one gate.", "mingru:MinGru", 2e-6, 1.5e-10)
SMALL = {
    "model": "mingru",
    "input_size": 12,
    "horizon": 3,
    "epochs": 2,
    "hidden_size": 4,
    "device": "cpu",
    "learning_rate": 0.01,
}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "mingru", SPEC)


@pytest.fixture(scope="module")
def panel() -> Panel:
    close = 50 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 240)))
    ds = np.busday_offset("2020-01-01", np.arange(240), roll="forward").astype("datetime64[us]")
    return Panel((PriceSeries("WALK", ds, ("close",), close[:, None]),))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"shape": "encoder-decoder", "layers": 2, "bidirectional": True},
        {"decoding": "recursive", "layer_norm": True},
        {"supervision": "sequence", "chunk": 20},
    ],
    ids=lambda more: "-".join(more) or "usual",
)
def test_a_registered_network_is_trained_estimated_saved_and_loaded(
    panel: Panel, more: dict[str, Any], tmp_path: Path
) -> None:
    config = RunConfig().changed(**{**SMALL, **more})
    [cost] = jobs.estimate(panel, config)
    assert isinstance(cost, CostEstimated)
    assert cost.seconds > 0
    *events, finished = jobs.train(panel, config)
    assert isinstance(finished, RunFinished)
    assert finished.result.forecasts[0].model == "minGRU"
    looks = [event for event in events if isinstance(event, GradientByLag)]
    assert looks
    assert (looks[-1].norms[:, 0] > 0).all()
    forecast = finished.forecaster.predict(panel, Origins.last(panel))
    finished.forecaster.save(tmp_path / "model")
    assert np.array_equal(
        TrainedNetwork.load(tmp_path / "model", "cpu").predict(panel, Origins.last(panel)), forecast
    )


def test_a_registered_network_is_offered_by_the_form_with_its_own_settings(qtbot: Any) -> None:
    form = SettingsForm(ModelConfig)
    qtbot.addWidget(form)
    choice = form.fields["model"]
    assert isinstance(choice, ChoiceButtons)
    offered = {action.text(): action for action in choice.more.menu().actions()}
    assert list(offered) == ["Transformer", "minGRU"]
    offered["minGRU"].trigger()
    assert form.settings().model == "mingru"
    assert {name for name, field in form.fields.items() if field.isHidden()} == {
        "activation",
        "recurrent_gain",
        "memory",
        "heads",
        "positions",
        "residual",
        "conv_channels",
    }
    assert "minGRU has one gate." in choice.whatsThis()
    assert all(label.text() for label in form.findChildren(QLabel, "fault") if label.isVisible())


def test_a_registered_network_is_run_and_reported_from_the_command_line(
    panel: Panel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices, config = tmp_path / "WALK.csv", tmp_path / "run.json"
    rows = [
        f"{day},{close:.4f}"
        for day, close in zip(
            panel[0].ds.astype("datetime64[D]"), panel[0].values[:, 0], strict=True
        )
    ]
    prices.write_text("\n".join(["Date,Close", *rows]))
    config.write_text(RunConfig().changed(**SMALL).to_json())
    words = ["forecast", prices, "--config", config, "--export", tmp_path / "r.html", "--json"]
    assert main([str(word) for word in words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], next(iter(found["scores"]))) == ("minGRU", "minGRU")
    page = (tmp_path / "r.html").read_text()
    assert "minGRU" in page
    assert "mingru" in page, "the settings and the command that does it again"


def test_what_is_said_of_a_registered_network_follows_from_its_spec(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig().changed(**SMALL)
    assert TrainingHistory(config, 3).name == "#3 minGRU"
    assert _settings(config)["Network"] == "minGRU"
    assert any(cell.label.startswith("minGRU") for cell in describe(config).cells)
    norms = np.array([[1.0, 1e-9, 1e-9]])
    look = GradientByLag(1, np.array([0, 5, 11]), norms)
    assert (
        "Choose the network LSTM or GRU with an initial memory of 12 bars"
        in next(on_memory(look, config)).hint
    )
    gated = ModelSpec(
        "minGRU", "has one gate.", "mingru:MinGru", 2e-6, 1.5e-10, settings=("memory",)
    )
    monkeypatch.setitem(MODELS, "mingru", gated)
    assert "Try an initial memory of 12 bars" in next(on_memory(look, config)).hint
    assert TrainingHistory(config.changed(memory=40), 3).name == "#3 minGRU, memory 40"
    assert cautions(config.changed(memory=40))


def test_names_that_are_not_registered_are_refused_with_those_that_are() -> None:
    with pytest.raises(
        ConfigError, match="input should be 'rnn', 'lstm', 'gru', 'transformer' or 'mingru'"
    ):
        RunConfig().changed(model="mamba")


def test_the_specs_are_read_without_torch() -> None:
    code = (
        "import sys; import forecasting.model_registry, forecasting.config, "
        "app.training_history; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_room_compares_the_name_of_a_network() -> None:
    """Only the registry holds the names; elsewhere a network is a default, an example or a
    sentence.
    """
    names = {name for word in ("rnn", "lstm", "gru") for name in (word, word.upper())}
    names |= {"transformer", "Transformer"}
    quoted = re.compile(rf"[\"'](?:{'|'.join(names)})[\"']")
    found = []
    for path in [*ROOT.glob("app/**/*.py"), *ROOT.glob("forecasting/**/*.py")]:
        source = path.read_text()
        if not quoted.search(source):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Compare):
                texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                if texts & names:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found
