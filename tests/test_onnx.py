"""Networks as ONNX files: the file forecasts what the network does, and a short program makes the
same forecast of a CSV file.
"""

from __future__ import annotations

import csv
import json
import re
import runpy
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zlib import compress

import numpy as np
import pytest
import torch

from forecasting import jobs
from forecasting.config import QUANTILES, RunConfig
from forecasting.conformal import SUPPORT
from forecasting.errors import CandlecastError, ConfigError
from forecasting.events import ForecastMade
from forecasting.series import Floats, Origins, Panel, PriceSeries
from forecasting.training import TrainedNetwork
from forecasting.training.onnx_export import graph_of, onnx_metadata
from forecasting.training.onnx_steps import Calibration, Preparation
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
    levels = [about["levels"].index(level) for level in QUANTILES]
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
    found = close * np.exp(np.concatenate(parts)[..., levels])
    assert found == pytest.approx(network.predict(panel, origins), rel=1e-5)
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


PROGRAM = Path(__file__).resolve().parents[1] / "docs" / "onnx_forecast.py"
#: Beside KINDS: what moves are measured from, bars with ranges, gaps and volume, and no calibration.
TARGETS: dict[str, dict[str, Any]] = {
    "level": {"model": "gru", "target": "level"},
    "difference": {"model": "rnn", "target": "difference"},
    "uncalibrated": {"model": "lstm", "calibration": "none"},
    "market": {"model": "gru", "market": True},
}


def _bars(series: PriceSeries) -> PriceSeries:
    """The series with opens, highs, lows and volumes around its closes, some of them unknown."""
    random = np.random.default_rng(len(series.symbol))
    spread = np.sort(np.exp(random.normal(0, 0.01, (4, BARS))), axis=0)
    spread /= spread[1]
    high, opened, low = (series.y * spread[row] for row in (3, 2, 0))
    volume = np.where(np.arange(BARS) % 50 == 7, np.nan, np.exp(random.normal(9, 1, BARS)))
    values = np.column_stack([opened, high, low, series.y, volume])
    return PriceSeries(series.symbol, DS, ("open", "high", "low", "close", "volume"), values)


def _write_csv(series: PriceSeries, folder: Path) -> Path:
    path = folder / f"{series.symbol}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Date", *(name.title() for name in series.columns)])
        for day, row in zip(series.ds, series.values, strict=True):
            writer.writerow([str(day)[:10], *("" if np.isnan(value) else value for value in row)])
    return path


def _own_forecast(network: TrainedNetwork, series: PriceSeries) -> Floats:
    made = jobs.predict(Panel((series,)), network)
    return next(event for event in made if isinstance(event, ForecastMade)).forecasts[0].values


def _runtime(network: TrainedNetwork) -> ModuleType:
    """A stand-in for onnxruntime that computes the file's graphs by torch."""
    about = onnx_metadata(network)
    bars = ("close", "open", "high", "low", "volume", "since", "series")
    graphs: dict[str | bytes, tuple[torch.nn.Module, tuple[str, ...]]] = {
        "model.onnx": (graph_of(network), ("window", "scale")),
        b"before": (Preparation(about), bars),
        b"after": (Calibration(about), ("moves", "start", "closes", "least")),
    }

    class Session:
        def __init__(self, model: str | bytes, providers: list[str]) -> None:
            packed = {part: b64encode(compress(part.encode())) for part in ("before", "after")}
            self.custom_metadata_map = {"candlecast": json.dumps(about), **packed}
            self.graph, self.names = graphs[model]

        def get_modelmeta(self) -> Session:
            return self

        def get_inputs(self) -> list[SimpleNamespace]:
            shape = ["batch" if network.config.model.strategy == "direct" else 1]
            return [SimpleNamespace(name=name, shape=shape) for name in self.names]

        def run(self, names: None, given: dict[str, Any]) -> list[Any]:
            with torch.no_grad():
                made = self.graph(*(torch.as_tensor(given[name]) for name in self.names))
            return [part.numpy() for part in (made if isinstance(made, tuple) else (made,))]

    found = ModuleType("onnxruntime")
    found.InferenceSession = Session  # type: ignore[attr-defined]
    return found


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Floats]:
    """Return ``program(network, path)``: what the program in docs/ forecasts of a CSV file."""

    def forecast(network: TrainedNetwork, path: Path) -> Floats:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
        monkeypatch.setitem(sys.modules, "onnxruntime", _runtime(network))
        levels, values = runpy.run_path(str(PROGRAM))["forecast"]("model.onnx", str(path))
        assert tuple(levels) == SUPPORT
        return np.asarray(values)

    return forecast


@pytest.mark.parametrize("kind", ["series", "level"])
def test_the_three_graphs_make_the_same_forecast_of_a_csv_file(
    kind: str, tmp_path: Path, program: Callable[..., Floats]
) -> None:
    network, panel = _network(**{**KINDS, **TARGETS}[kind])
    series = _bars(panel[1])
    alone = Panel((series,))
    found = program(network.with_training_facts(panel), _write_csv(series, tmp_path))
    own = network.calibrated(alone).predict(alone, Origins.last(alone), SUPPORT)[0]
    assert found == pytest.approx(own, rel=1e-6)
    levels = [SUPPORT.index(level) for level in QUANTILES]
    assert found[:, levels] == pytest.approx(_own_forecast(network, series), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({*KINDS, *TARGETS} - {"dates"}))
def test_the_program_in_the_documentation_prints_what_ours_forecasts(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # it tells Microsoft of its import otherwise
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    network, panel = _network(**{**KINDS, **TARGETS}[kind])
    network = network.with_training_facts(panel)
    network.save(tmp_path / "model.onnx")
    for series in (panel[0], _bars(panel[1])):
        path = _write_csv(series, tmp_path)
        command = [sys.executable, PROGRAM, tmp_path / "model.onnx", path]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        head, *rows = (line.split(",") for line in printed.splitlines())
        found = np.array(rows, float)[:, [head.index(str(level)) for level in QUANTILES]]
        assert found == pytest.approx(_own_forecast(network, series), rel=1e-6)


def test_the_program_says_what_it_cannot_forecast(
    tmp_path: Path, program: Callable[..., Floats]
) -> None:
    network, panel = _network(model="rnn", season="additive")
    network = network.with_training_facts(panel)
    path = _write_csv(panel[0], tmp_path)
    with pytest.raises(SystemExit, match="a season is taken off"):
        program(network, path)
    network = replace(network, scaling=replace(network.scaling, season="none", target="log-return"))
    text = path.read_text()
    for changed, message in {
        re.sub(r"2020-01-02,.*", "2020-01-02,-1", text): "closes above 0",
        re.sub(r"(2020-12-0[12]),.*", r"\1,", text): "with a column close",
        text.replace("Close", "Last"): "with a column close",
        re.sub(r"2020-12-01,.*", "2020-12-01,9999", text): "2020-12-01.* looks mistyped",
        re.sub(r"\n[\d-]+-\d[1-9],.*", "", text): "days apart",
    }.items():
        path.write_text(changed)
        with pytest.raises(SystemExit, match=message):
            program(network, path)
