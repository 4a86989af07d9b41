"""Networks as ONNX files: the file forecasts what the network does, and says what stays outside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forecasting import jobs
from forecasting.config import QUANTILES, RunConfig
from forecasting.errors import CandlecastError, ConfigError
from forecasting.series import Origins, Panel, PriceSeries
from forecasting.training import TrainedNetwork
from forecasting.training.trained_network import build
from forecasting.windows import Scaling, Windows

BARS = 300
DS = np.busday_offset("2020-01-01", np.arange(BARS), roll="forward").astype("datetime64[us]")
KINDS: dict[str, dict[str, Any]] = {
    "rnn": {"model": "rnn"},
    "relu": {"model": "rnn", "activation": "relu"},
    "gru": {"model": "gru", "layers": 2, "layer_norm": True, "residual": True},
    "lstm": {"model": "lstm", "bidirectional": True},
    "members": {"model": "lstm", "members": 2},
    "transformer": {"model": "transformer"},
    "conv": {"model": "gru", "conv_kernel": 3},
    "series": {"model": "gru", "embedding": 2},
    "dates": {"model": "gru", "dates": True},
    "recursive": {"model": "gru", "decoding": "recursive"},
    "seq2seq": {"model": "gru", "decoding": "seq2seq", "shape": "encoder-decoder"},
}


def _panel() -> Panel:
    def series(number: int) -> PriceSeries:
        moves = np.random.default_rng(number).normal(0, 0.01, BARS)
        return PriceSeries(f"S{number}", DS, ("close",), 100 * np.exp(np.cumsum(moves))[:, None])

    return Panel((series(1), series(2)))


def _network(**settings: Any) -> tuple[TrainedNetwork, Panel]:
    """Return a network of random weights, of which half counts, and the bars it is scaled by."""
    config, panel = (
        RunConfig().changed(input_size=16, horizon=3, hidden_size=8, **settings),
        _panel(),
    )
    scaling = Scaling.fit(panel, [200, 200], config.task, config.inputs)
    if config.model.embedding:
        scaling = replace(scaling, symbols=panel.symbols)
    torch.manual_seed(0)
    network = build(config, scaling)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, 0, 0.3)
    made = TrainedNetwork(config, scaling, network.eval(), torch.device("cpu"), DS[200], trust=0.5)
    return made, panel


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_forecasts_what_the_network_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # it tells Microsoft of each session otherwise
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, panel = _network(**KINDS[kind])
    path = tmp_path / "model.onnx"
    network.save(path)
    about = json.loads({x.key: x.value for x in onnx.load(path).metadata_props}["candlecast"])
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    origins = Origins(np.zeros(4, np.int64), np.array([210, 220, 250, 280]))
    windows = Windows(panel, network.scaling, network.config.task, network.device)
    rows = windows.rows(origins)
    ahead = windows.known_ahead(rows)
    fed = {"window": windows.window(rows).numpy(), "scale": windows.scale(rows).numpy()}
    if ahead is not None:
        fed["ahead"] = ahead.numpy()
    one = kind in ("recursive", "seq2seq")
    parts = [
        session.run(None, {name: values[index] for name, values in fed.items()})[0]
        for index in ([[k] for k in range(4)] if one else [[0, 1, 2, 3]])
    ]
    close = panel[0].y[origins.bar][:, None, None]
    found = close * np.exp(np.concatenate(parts))
    assert found == pytest.approx(network.predict(panel, origins), rel=1e-5)
    assert about["levels"] == list(QUANTILES)
    assert about["target"] == "log-return"
    assert len(about["features"]) == fed["window"].shape[2]
    assert about["horizon"] == 3


def test_what_cannot_be_written_is_said_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ConfigError) as caught:
        jobs.check_saving(tmp_path / "model.onnx", RunConfig())
    assert "candlecast[onnx]" in str(caught.value)
    jobs.check_saving(tmp_path / "model.candlecast", RunConfig())
    with pytest.raises(CandlecastError):
        _network(model="gru")[0].save(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_inputs_of_the_users_own_are_refused() -> None:
    with pytest.raises(ConfigError, match="inputs of your own"):
        jobs.check_saving(Path("model.onnx"), RunConfig().changed(hist_exog="volume"))
