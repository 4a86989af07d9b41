"""Mean sMAPE on the NN5 cash machines: train on what lies before the last 56 days, forecast them.

Usage: python benchmarks/accuracy/nn5.py nn5_wide.csv.gz [--back 56] [--seeds 5] [--set NAME=VALUE
...]

``--back`` leaves out so many of the last days altogether: settings are chosen there. With 0 the
test itself is opened. Published on it: best of 45 recurrent networks 21.529, ETS 21.571, median of
the same weekday over 8 weeks 21.27.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from forecasting import Panel, RunConfig, jobs
from forecasting.events import RunFinished
from forecasting.series import Floats, Forecast, PriceSeries
from forecasting.sources import source

HORIZON = 56


def smape(forecast: Forecast, truth: PriceSeries) -> float:
    """Return the mean of 200 |y - f| / (|y| + |f|) over the days that the truth has."""
    days = dict(zip(truth.ds.astype("datetime64[D]"), truth.y, strict=True))
    pairs = [
        (days[day], f)
        for day, f in zip(forecast.ds.astype("datetime64[D]"), forecast.median, strict=True)
        if day in days
    ]
    y, f = (np.array(side) for side in zip(*pairs, strict=True))
    size = np.abs(y) + np.abs(f)
    return float(
        np.mean(np.where(size > 0, 200 * np.abs(y - f) / np.where(size > 0, size, 1), 0.0))
    )


def run(panel: Panel, config: RunConfig) -> tuple[Floats, dict[str, Floats], float, float]:
    """Return the sMAPE of each series for the network and each baseline, the trust and the CPU
    seconds.
    """
    end = max(s.ds[-1] for s in panel) - np.timedelta64(HORIZON, "D")
    known = Panel(tuple(s.head(int(np.searchsorted(s.ds, end, "right"))) for s in panel))
    started = time.process_time()
    *_, last = jobs.train(known, config)
    assert isinstance(last, RunFinished)
    cpu = time.process_time() - started
    network = np.array([smape(f, t) for f, t in zip(last.result.forecasts, panel, strict=True)])
    naive = {
        "first baseline": np.array(
            [smape(f, t) for f, t in zip(last.result.baseline_forecasts, panel, strict=True)]
        )
    }
    return network, naive, last.forecaster.trust, cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    parser.add_argument("--back", type=int, default=HORIZON)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    panel = Panel(source(asked.file).load())
    if asked.back:
        last = max(s.ds[-1] for s in panel) - np.timedelta64(asked.back, "D")
        panel = Panel(tuple(s.head(int(np.searchsorted(s.ds, last, "right"))) for s in panel))
    for seed in range(asked.seeds):
        config = RunConfig().changed(
            **{
                "input_size": 70,
                "horizon": HORIZON,
                "test_size": 56,
                "batch_size": 256,
                "seed": seed,
                **settings,
            }
        )
        network, naive, trust, cpu = run(panel, config)
        rest = "  ".join(f"{name} {values.mean():.2f}" for name, values in naive.items())
        print(
            f"back {asked.back} seed {seed}: {config.model.model.upper()} {network.mean():.2f} "
            f" {rest}  trust {trust:.2f}  {cpu:.0f} CPU s",
            flush=True,
        )


if __name__ == "__main__":
    main()
