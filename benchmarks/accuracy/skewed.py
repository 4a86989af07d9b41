"""Is the line worse than no change? Skewed and fat-tailed walks, with and without a drift.

Usage: python benchmarks/accuracy/skewed.py [--seeds 40] [--bars 1000 3000] [--horizon 1 20 96]
[--series 1 8]
       [--train] [--json FILE] [--set NAME=VALUE ...]

Simulated: each series is a random walk of independent moves of one kind. The series of a panel
share half of their variance, so that its dates count and not its series. The forecast is fitted on
the first bars and judged on many bars after them, so that what is measured is the error of the
forecast and not the luck of a short test.

A figure is the mean squared error of the line beside that of repeating the last value, in per cent:
0 is no change, above 0 is worse. Without a drift no line can be better, and at most +1 % is
allowed. With a drift of .05 deviations a bar the last column tells how much of what the drift gives
is kept.

Without ``--train`` it is the distribution from which the network starts; with it a network is
trained, too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forecasting import Panel, PriceSeries, RunConfig
from forecasting.events import MEAN_LEVELS
from forecasting.series import Floats, Origins
from forecasting.training import fit
from forecasting.training.trainer import untrained
from forecasting.windows import Split, Windows, split_panel

#: Deviation of a move; drift of a bar in these units, where there is one; bars that are judged
#: after those of the fit.
DEVIATION, DRIFT, JUDGED = 0.01, 0.05, 6000
#: Share of the variance that the series of a panel have in common.
COMMON = 0.5

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


def _crashes(draw: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return normal moves, of which one in fifty is a fall of three deviations more."""
    fall = draw.random(shape) < 0.02
    moves = draw.normal(size=shape) - 3.0 * fall + 0.06
    return np.asarray(moves / np.sqrt(1 + 9 * 0.02 * 0.98), np.float64)


#: Moves with mean 0 and deviation 1, by kind.
KINDS: dict[str, Draw] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "fat tails": lambda draw, shape: draw.standard_t(3, shape) / np.sqrt(3.0),
    "skewed up": lambda draw, shape: (draw.gamma(4.0, size=shape) - 4.0) / 2.0,
    "skewed down": lambda draw, shape: (4.0 - draw.gamma(4.0, size=shape)) / 2.0,
    "exponential": lambda draw, shape: draw.exponential(size=shape) - 1.0,
    "crashes": _crashes,
}


def walks(kind: str, series: int, bars: int, seed: int, drift: float) -> Panel:
    """Return a panel of walks of one kind; ``drift`` in deviations a bar."""
    draw = np.random.default_rng(1000 * seed + 7)
    own = KINDS[kind](draw, (bars, series))
    common = KINDS[kind](draw, (bars, 1)) if series > 1 else own
    share = COMMON if series > 1 else 0.0
    moves = np.sqrt(1 - share) * own + np.sqrt(share) * common + drift
    prices = 100.0 * np.exp(DEVIATION * np.cumsum(moves, axis=0))
    ds = np.busday_offset("1980-01-02", np.arange(bars), roll="forward").astype("datetime64[us]")
    return Panel(
        tuple(PriceSeries(f"S{n}", ds, ("close",), prices[:, n : n + 1]) for n in range(series))
    )


def errors(
    panel: Panel, known: int, config: RunConfig, train: bool
) -> dict[str, tuple[float, float]]:
    """Return squared errors of the line and of no change, by what the line is, for origins after
    ``known`` bars.
    """
    past = Panel(tuple(s.head(known) for s in panel))
    split = split_panel(past, config.task)
    if train:
        training = fit(past, split, config, lambda: False)
        forecaster = _result(training)
    else:
        whole = Split(
            split.val_start,
            split.test_start,
            (known,) * len(panel),
            split.train,
            split.val,
            split.test,
        )
        _, forecaster = untrained(past, whole, config, torch.device("cpu"))
    horizon = config.task.horizon
    bars = np.arange(known - 1, known + JUDGED - horizon, max(1, horizon // 8))
    origins = Origins(np.repeat(np.arange(len(panel)), len(bars)), np.tile(bars, len(panel)))
    windows = Windows(panel, forecaster.scaling, config.task, forecaster.device)
    start = np.concatenate([s.y[bars] for s in panel])
    happened = np.concatenate([s.y[bars + horizon] for s in panel]) / start
    said = (
        forecaster.predict_windows(windows, panel, origins, (0.5, *MEAN_LEVELS))[:, -1]
        / start[:, None]
    )
    still = float(np.mean((happened - 1) ** 2))
    lines = {"median": said[:, 0], "mean": said[:, 1:].mean(axis=1)}
    return {name: (float(np.mean((happened - line) ** 2)), still) for name, line in lines.items()}


def _result(training: Any) -> Any:
    while True:
        try:
            next(training)
        except StopIteration as finished:
            return finished.value.forecaster


def excess(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean excess over no change, in per cent, and its standard error over seeds."""
    ours, still = np.array(pairs).T
    each = 100 * (ours - still) / still.mean()
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--bars", type=int, nargs="+", default=[1000, 3000])
    parser.add_argument("--horizon", type=int, nargs="+", default=[1, 20, 96])
    parser.add_argument("--series", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--drift", type=float, nargs="+", default=[0.0, DRIFT])
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    cases = [
        (drift, kind, bars, series, horizon)
        for drift in asked.drift
        for kind in asked.kinds
        for bars in asked.bars
        for series in asked.series
        for horizon in asked.horizon
    ]
    rows = []
    for drift, kind, bars, series, horizon in cases:
        config = RunConfig().changed(**{"horizon": horizon, **settings})
        found = [
            errors(
                walks(kind, series, bars + JUDGED, seed, drift),
                bars,
                config.changed(seed=seed),
                asked.train,
            )
            for seed in range(asked.seeds)
        ]
        told = {name: excess([item[name] for item in found]) for name in ("median", "mean")}
        ideal = -100 * drift**2 * horizon / (1 + drift**2 * horizon)
        words = "  ".join(
            f"{name} {mean:+6.2f} % (se {error:.2f})" for name, (mean, error) in told.items()
        )
        print(
            f"{kind:12} x {series}, {bars} bars, h={horizon:2}, drift {drift:g} (best "
            f"{ideal:6.2f}): {words}",
            flush=True,
        )
        rows.append(
            {
                "kind": kind,
                "series": series,
                "bars": bars,
                "horizon": horizon,
                "drift": drift,
                "best": ideal,
                **told,
            }
        )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
