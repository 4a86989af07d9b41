"""Networks as ONNX files beside the networks they were made of: difference, size and speed.

    ORT_DISABLE_TELEMETRY=1 python -m benchmarks.onnx_table [--rounds 7] [--out FOLDER]

Needs ``onnx`` and ``onnxruntime``. The networks have random weights that count in full, the hardest
case for the difference: trained ones are drawn towards the baseline. Both sides start from windows
that are made and end with prices, on one thread: 1 forecast, and 256 at once (one after the other
where the file takes one at a time). The difference is the largest over 256 forecasts, all steps and
levels, as a share of the price. Milliseconds are medians of CPU time. ``program`` is the difference
of the calibrated forecast that docs/onnx_forecast.py makes of a series written as CSV, likewise.
"""

from __future__ import annotations

import argparse
import os
import runpy
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.turns import table, write
from forecasting.config import RunConfig
from forecasting.conformal import SUPPORT
from forecasting.series import Floats, Origins, Panel, PriceSeries
from forecasting.training import TrainedNetwork
from forecasting.training.trained_network import build
from forecasting.windows import Scaling, Windows

#: The networks of the table.
NETWORKS: dict[str, dict[str, Any]] = {
    "RNN": {"model": "rnn"},
    "RNN (ReLU)": {"model": "rnn", "activation": "relu"},
    "LSTM": {"model": "lstm"},
    "GRU": {"model": "gru"},
    "Transformer": {"model": "transformer"},
    "LSTM, both directions": {"model": "lstm", "bidirectional": True},
    "GRU, 2 layers, norm, residual": {
        "model": "gru",
        "layers": 2,
        "layer_norm": True,
        "residual": True,
    },
    "convolution, then GRU": {"model": "gru", "conv_kernel": 3},
    "LSTM, 3 members": {"model": "lstm", "members": 3},
    "GRU, series and calendar": {"model": "gru", "embedding": 4, "dates": True},
    "GRU, recursive": {"model": "gru", "decoding": "recursive"},
    "GRU, sequence to sequence": {"model": "gru", "shape": "encoder-decoder"},
}
_BARS, _MANY = 1000, 256
_PROGRAM = Path(__file__).resolve().parents[1] / "docs" / "onnx_forecast.py"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    torch.set_num_threads(1)
    found = {name: measure(settings, given.rounds) for name, settings in NETWORKS.items()}
    head = ("network", "difference", "program", "ONNX KiB", "own file KiB")
    head += ("1: ONNX ms", "1: own ms", "256: ONNX ms", "256: own ms")
    rows = [
        (
            name,
            f"{run['difference']:.1e}",
            f"{run['program']:.1e}" if "program" in run else "-",
            f"{run['onnx_kib']:.0f}",
            f"{run['own_kib']:.0f}",
            *(f"{run[key]:.2f}" for key in ("onnx_1", "own_1", "onnx_256", "own_256")),
        )
        for name, run in found.items()
    ]
    write(given.out, "onnx", found, table(head, rows))


def measure(settings: dict[str, Any], rounds: int) -> dict[str, float]:
    """Return difference, sizes in KiB and milliseconds of one network."""
    import onnxruntime

    panel = Panel((_walk(1), _walk(2)))
    network = _network(panel, settings)
    with tempfile.TemporaryDirectory(prefix="candlecast-bench-") as folder:
        exported, own = Path(folder) / "model.onnx", Path(folder) / "model.candlecast"
        network.save(exported)
        network.save(own)
        program = _of_program(network, panel, exported)
        sizes = {"onnx_kib": exported.stat().st_size / 1024, "own_kib": own.stat().st_size / 1024}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(exported), options, providers=["CPUExecutionProvider"]
        )
    windows = Windows(panel, network.scaling, network.config.task, network.device)
    single = network.config.model.strategy != "direct"
    bars = np.random.default_rng(0).integers(_BARS // 2, _BARS, _MANY)
    many = Origins(np.arange(_MANY) % 2, bars)
    first = Origins(many.series[:1], many.bar[:1])
    figures = {
        "difference": _apart(
            _of_file(session, windows, panel, many, single),
            network.predict_windows(windows, panel, many, SUPPORT),
        )
    }
    for count, origins in ((1, first), (_MANY, many)):
        turns: dict[str, Callable[[], object]] = {
            f"onnx_{count}": lambda o=origins: _of_file(session, windows, panel, o, single),
            f"own_{count}": lambda o=origins: network.predict_windows(windows, panel, o, SUPPORT),
        }
        figures |= _milliseconds(turns, rounds, 200 // count + 1)
    return figures | sizes | program


def _of_program(network: TrainedNetwork, panel: Panel, path: Path) -> dict[str, float]:
    """Return how far the program of numpy is from the forecast of one series; nothing for a
    network that it refuses.
    """
    series = panel[1]
    prices = path.with_name(f"{series.symbol}.csv")
    rows = zip(series.ds.astype("datetime64[D]"), series.y.tolist(), strict=True)
    prices.write_text("date,close\n" + "".join(f"{day},{close!r}\n" for day, close in rows))
    alone = Panel((series,))
    expected = network.calibrated(alone).predict(alone, Origins.last(alone), SUPPORT)[0]
    try:
        _, found = runpy.run_path(str(_PROGRAM))["forecast"](str(path), str(prices))
    except SystemExit:
        return {}
    return {"program": _apart(found, expected)}


def _walk(seed: int) -> PriceSeries:
    moves = np.random.default_rng(seed).normal(0, 0.01, _BARS)
    ds = np.busday_offset("2020-01-01", np.arange(_BARS), roll="forward").astype("datetime64[us]")
    return PriceSeries(f"S{seed}", ds, ("close",), 100 * np.exp(np.cumsum(moves))[:, None])


def _network(panel: Panel, settings: dict[str, Any]) -> TrainedNetwork:
    """Return a network of random weights, scaled by the panel's first half."""
    config = RunConfig().changed(input_size=60, horizon=20, hidden_size=32, **settings)
    scaling = Scaling.fit(panel, [_BARS // 2, _BARS // 2], config.task, config.inputs)
    if config.model.embedding:
        scaling = replace(scaling, symbols=panel.symbols)
    torch.manual_seed(0)
    network = build(config, scaling)
    for weights in network.parameters():
        torch.nn.init.normal_(weights, 0, 0.1)
    device = torch.device("cpu")
    return TrainedNetwork(config, scaling, network.eval(), device, panel[0].ds[_BARS // 2])


def _of_file(
    session: Any, windows: Windows, panel: Panel, origins: Origins, single: bool
) -> Floats:
    """Return the prices that an ONNX file forecasts, [N, H, Q]."""
    rows = windows.rows(origins)
    fed = {"window": windows.window(rows).numpy(), "scale": windows.scale(rows).numpy()}
    ahead = windows.known_ahead(rows)
    if ahead is not None:
        fed["ahead"] = ahead.numpy()
    parts = [slice(k, k + 1) for k in range(len(rows))] if single else [slice(None)]
    moved = np.concatenate(
        [session.run(None, {name: x[part] for name, x in fed.items()})[0] for part in parts]
    )
    close = np.array([panel[int(s)].y[b] for s, b in zip(origins.series, origins.bar, strict=True)])
    return np.asarray(close[:, None, None] * np.exp(moved.astype(np.float64)))


def _apart(found: Floats, expected: Floats) -> float:
    return float(np.max(np.abs(found / expected - 1)))


def _milliseconds(
    turns: dict[str, Callable[[], object]], rounds: int, repeats: int
) -> dict[str, float]:
    """Return the median CPU milliseconds of each, which run in turn."""
    spent: dict[str, list[float]] = {name: [] for name in turns}
    for _round in range(rounds + 1):
        for name, call in turns.items():
            started = time.process_time()
            for _repeat in range(repeats):
                call()
            spent[name].append(1000 * (time.process_time() - started) / repeats)
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


if __name__ == "__main__":
    main()
