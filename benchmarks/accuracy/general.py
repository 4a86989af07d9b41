"""General series: simulated sales by month and week, the network beside every baseline that suits
them.

Usage: python benchmarks/accuracy/general.py [--sets monthly weekly] [--seeds 3] [--json FILE]
[--set NAME=VALUE ...]

Simulated, not real. ``monthly`` is of the shape of the CIF 2016 competition: 72 short series of 22
to 108 months, 12 ahead. ``weekly`` is of the shape of M4 Weekly: 40 series of 80 to 2,500 weeks, 13
ahead. Each series has a level that wanders, a trend that is damped or not, a season or none, and
noise; their shares are drawn anew for each series. The last ``horizon`` bars of each series are
held out, and forecast from the bar before them.

Figures: mean sMAPE in per cent, and mean MASE, over the series. All in one unit: lower is better.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.baselines import BASELINES, chosen_baselines
from forecasting.errors import DataError
from forecasting.events import RunFinished
from forecasting.jobs import suited
from forecasting.series import Floats, Origins

#: Series, fewest and most bars, horizon, bars of a season, and pandas' name of the dates.
SETS = {"monthly": (72, 22, 108, 12, 12, "MS"), "weekly": (40, 80, 2500, 13, 52, "W-FRI")}


def path(draw: np.random.Generator, bars: int, season: int) -> Floats:
    """Return a positive series of level, trend, season and noise, [T]."""
    wander, noise = draw.uniform(0.0, 0.05), draw.uniform(0.01, 0.08)
    slope = draw.normal(0.0, 0.004) * (draw.random() < 0.6) * min(1.0, 100 / bars)
    level = np.cumsum(wander * draw.standard_normal(bars)) + slope * np.arange(bars)
    shape = np.zeros(season)
    if draw.random() < 0.6:
        waves = np.arange(season) / season
        shape = sum(
            draw.normal(0.0, 0.15 / k) * np.sin(2 * np.pi * (k * waves + draw.random()))
            for k in range(1, 4)
        )
    return np.asarray(
        draw.lognormal(6.0, 1.0)
        * np.exp(level + shape[np.arange(bars) % season] + noise * draw.standard_t(5, bars))
    )


def simulated(name: str, seed: int) -> Panel:
    """Return one of the sets; all series end on one date."""
    import pandas as pd

    count, least, most, _, season, dates = SETS[name]
    draw = np.random.default_rng(100 + seed)
    made = []
    for number in range(count):
        bars = int(np.exp(draw.uniform(np.log(least), np.log(most))))
        ds = pd.date_range(end="2020-01-03", periods=bars, freq=dates).to_numpy("datetime64[us]")
        freq = "1M" if name == "monthly" else "1W"
        made.append(
            PriceSeries(
                f"{name}-{number}",
                ds,
                ("close",),
                path(draw, bars, season)[:, None],
                freq=freq,
                calendar="24/7",
            )
        )
    return Panel(tuple(made))


def scores(forecast: Floats, truth: Floats, past: Floats, season: int) -> tuple[float, float]:
    """Return sMAPE in per cent and MASE of one series' forecast [H]."""
    lag = season if len(past) > season else 1
    unit = float(np.mean(np.abs(past[lag:] - past[:-lag])))
    error = np.abs(truth - forecast)
    return float(np.mean(200 * error / (np.abs(truth) + np.abs(forecast)))), float(
        np.mean(error)
    ) / unit


def judged(name: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Simulate a set, train on all but the last bars, and return the row of the table."""
    _, _, _, horizon, season, _ = SETS[name]
    panel = simulated(name, seed)
    known = Panel(tuple(s.head(len(s) - horizon) for s in panel))
    usual = RunConfig().changed(horizon=horizon, seed=seed)
    config = suited(known, usual)[0].changed(**settings)
    *_, last = jobs.train(known, config)
    assert isinstance(last, RunFinished)
    by_symbol = {f.symbol: np.asarray(f.median, np.float64) for f in last.result.forecasts}
    truth = {s.symbol: (s.y[-horizon:], s.y[:-horizon]) for s in panel}
    lines: dict[str, dict[str, Floats]] = {"network": by_symbol}
    told = Panel(tuple(s for s in known if s.symbol in by_symbol))
    for rival in dict.fromkeys((*chosen_baselines(told, "auto"), "ets", "theta")):
        try:
            fitted = BASELINES[rival].fit(told, [len(s) for s in told], horizon)
            values = fitted.predict(told, Origins.last(told), (0.1, 0.5, 0.9))[:, :, 1]
        except DataError as error:
            print(f"  {rival} is left out: {error.message}")
            continue
        lines[rival] = {s.symbol: v for s, v in zip(told, values, strict=True)}
    row: dict[str, Any] = {
        "set": name,
        "seed": seed,
        "series": len(told),
        "trust": last.forecaster.trust,
        "base": last.forecaster.scaling.base,
    }
    for rival, found in lines.items():
        row[rival] = np.mean([scores(found[k], *truth[k], season) for k in found], axis=0).tolist()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    rows = []
    for name in asked.sets:
        for seed in range(asked.seeds):
            row = judged(name, seed, settings)
            rows.append(row)
            figures = "  ".join(
                f"{rival} {item[0]:.2f}/{item[1]:.3f}"
                for rival, item in row.items()
                if isinstance(item, list)
            )
            print(
                f"{name} seed {seed} ({row['series']} series, start {row['base']}, trust "
                f"{row['trust']:.2f}): {figures}",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
