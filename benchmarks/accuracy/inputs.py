"""What the user's own columns are worth: made series, useless columns, real ones, dates stamped too
early, and the time that further columns cost.

Usage: python benchmarks/accuracy/inputs.py made|early|useless|real|opening [--panel PANEL.csv.gz]
[--history FOLDER] [--seeds 5]

made     The next move is carried by a column: known ahead, of the past, and shuffled.
early    Five kinds of series, four columns each, stamped one bar too early and rightly.
useless  1 and 10 columns of noise on the panel: CRPS of the test part with and without them.
real     Volume-like, volatility-like and calendar columns of real files, with and without.
opening  A file with 40 further columns beside the same file without them.

CRPS is that of all steps over the usual levels; with and without are the same forecast from the
same origins, so that their difference is what the columns add.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from forecasting import Panel, RunConfig, jobs
from forecasting.audit_inputs import timing
from forecasting.backtest import outcomes_of
from forecasting.config import QUANTILES
from forecasting.events import RunFinished
from forecasting.jobs.exog import with_inputs
from forecasting.metrics import crps_bp
from forecasting.series import ExogColumn, PriceSeries
from forecasting.sources import source
from forecasting.training.covariates import with_covariates
from forecasting.training.objective import Pinball
from forecasting.training.trained_network import TrainedNetwork
from forecasting.training.trainer import TRAIN_LEVELS, untrained
from forecasting.windows import split_panel

_DAYS = "2012-01-02"


def prices(move: np.ndarray, freq: str = "B") -> PriceSeries:
    """Return a series of prices with some moves."""
    stamps = pd.date_range(_DAYS, periods=len(move), freq=freq).to_numpy().astype("datetime64[us]")
    values = 100 * np.exp(np.cumsum(move))
    distance = {"B": "1D", "D": "1D", "h": "1h", "W": "1W"}[freq]
    calendar = "24/7" if freq in ("D", "h") else "weekdays"
    return PriceSeries("MADE", stamps, ("close",), values[:, None], distance, calendar=calendar)


def beside(series: PriceSeries, **columns: np.ndarray) -> PriceSeries:
    """Return a series with further columns; those that are longer reach into the future."""
    step = series.ds[-1] - series.ds[-2]
    extras = []
    for name, values in columns.items():
        more = len(values) - len(series)
        later = (
            pd.bdate_range(series.ds[-1], periods=more + 1)[1:].to_numpy().astype(step.dtype.str)
        )
        ds = np.concatenate([series.ds, later.astype("datetime64[us]")])
        extras.append(ExogColumn(name, ds, values))
    return replace(series, extras=tuple(extras))


def trained(panel: Panel, **settings: object) -> RunFinished:
    """Train with settings that are quick, and the inputs named in them."""
    usual = {"epochs": 10, "input_size": 20, "horizon": 5, "baselines": "drift"}
    config = RunConfig().changed(**(usual | settings))
    return next(e for e in jobs.train(panel, config) if isinstance(e, RunFinished))


def made(seeds: int) -> None:
    """Print the skill of a column that carries the next move, by the kind as which it is read."""
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        plan = draw.normal(size=1510)
        move = 0.01 * plan + 0.004 * draw.normal(size=1510)
        series = beside(prices(move[:1500]), plan=plan)
        for kind in ("futr_exog", "hist_exog"):
            scores = trained(Panel((series,)), **{kind: "plan"}, seed=seed).result.scores
            model, without = scores["LSTM"]["crps"], scores["no-inputs"]["crps"]
            walk = scores["random-walk"]["crps"]
            print(
                f"seed {seed} {kind}: skill {1 - model / walk:+.2%} beside the random walk, "
                f"{1 - model / without:+.2%} beside the same without it",
                flush=True,
            )


def kinds(seed: int) -> Iterator[tuple[str, PriceSeries, np.ndarray]]:
    """Yield five kinds of series with their moves: calm, clustered, crypto, hourly and weekly."""
    draw = np.random.default_rng(seed)
    n = 1200
    walk = 0.01 * draw.normal(size=n)
    yield "constant volatility", prices(walk), walk
    log_sd = np.zeros(n)
    for t in range(1, n):
        log_sd[t] = 0.97 * log_sd[t - 1] + 0.2 * draw.normal()
    clustered = 0.01 * np.exp(log_sd) * draw.normal(size=n)
    yield "clustered volatility", prices(clustered), clustered
    heavy = 0.02 * draw.standard_t(3, size=n)
    yield "heavy tails, seven days", prices(heavy, "D"), heavy
    hours = np.arange(n) % 24
    hourly = 0.002 * (1 + 0.8 * np.sin(2 * np.pi * hours / 24)) * draw.normal(size=n)
    yield "hourly with a daily rhythm", prices(hourly, "h"), hourly
    level = np.zeros(n)
    for t in range(1, n):
        level[t] = 0.8 * level[t - 1] + 0.05 * draw.normal()
    weekly = np.diff(level, prepend=0.0)
    yield "weekly, drawn back to a level", prices(weekly, "W"), weekly


def columns_of(move: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Return four columns as they go with the moves of their own bars."""
    n = len(move)
    sd = move.std()
    return {
        "another market": np.cumsum(move + sd * draw.normal(size=n)),
        "sentiment": move / sd + 1.5 * draw.normal(size=n),
        "volume": np.exp(0.6 * np.abs(move) / sd + 0.4 * draw.normal(size=n)),
        "fear": -0.5 * np.convolve(move / sd, 0.9 ** np.arange(40))[:n] + 0.5 * draw.normal(size=n),
    }


def early(seeds: int) -> None:
    """Print how many columns that are stamped a bar too early are found, and how many honest."""
    found, false, worst = 0, 0, []
    total = 0
    for seed in range(seeds):
        for kind, series, move in kinds(seed):
            columns = columns_of(move, np.random.default_rng(100 + seed))
            for name, values in columns.items():
                total += 1
                for shift, label in ((1, "early"), (0, "honest")):
                    shifted = np.append(values[shift:], values[-1:].repeat(shift))
                    inputs = RunConfig().changed(hist_exog="x").inputs
                    panel = with_inputs(Panel((beside(series, x=shifted),)), inputs)
                    told = timing(panel, inputs.exog[0], 0)
                    found += told.too_early and label == "early"
                    false += told.too_early and label == "honest"
                    if told.too_early != (label == "early"):
                        worst.append(f"{kind}, {name}, {label}: {told}")
        print(f"seed {seed}: {found} of {total} found, {false} of {total} honest ones named")
    print("\n".join(worst))


def with_and_without(panel: Panel, config: RunConfig) -> tuple[float, float, float]:
    """Return CRPS with and without inputs on the test part, and how far the inputs count.

    The network itself is left at zero: the difference is that of the inputs alone, and quick.
    """
    panel = with_inputs(panel, config.inputs)
    split = split_panel(panel, config.task)
    device = torch.device("cpu")
    torch.manual_seed(config.train.seed)
    windows, blank = untrained(panel, split, config, device)
    blank = replace(blank, trust=0.0)
    levels = torch.tensor(TRAIN_LEVELS)
    pinball = Pinball(
        levels, blank.table(np.array(TRAIN_LEVELS)), blank.table(np.array([0.5]))[:, 0]
    )
    read = next(
        event
        for event in with_covariates(blank, windows, split, pinball, lambda: False)
        if isinstance(event, TrainedNetwork)
    )
    scores = [
        float(crps_bp(outcomes_of(item, panel, split.test, config.task.horizon, QUANTILES)))
        for item in (read, blank)
    ]
    return scores[0], scores[1], read.covariate_shrinkage


def useless(path: str, seeds: int) -> None:
    """Print what columns of noise cost on a panel."""
    stocks = Panel(source(path).load())
    for count in (1, 10):
        costs = []
        for seed in range(seeds):
            draw = np.random.default_rng(seed)
            noisy = Panel(
                tuple(
                    replace(
                        series,
                        extras=tuple(
                            ExogColumn(f"n{k}", series.ds, draw.normal(size=len(series)))
                            for k in range(count)
                        ),
                    )
                    for series in stocks
                )
            )
            names = ",".join(f"n{k}" for k in range(count))
            config = RunConfig().changed(horizon=5, hist_exog=names, seed=seed)
            started = time.process_time()
            read, blank, counts = with_and_without(noisy, config)
            costs.append(read / blank - 1)
            print(
                f"{count} columns, seed {seed}: CRPS {read:.3f} with, {blank:.3f} without, "
                f"{costs[-1]:+.4%}, counting {counts:.0%} "
                f"({time.process_time() - started:.0f} CPU s)",
                flush=True,
            )
        print(f"{count} columns: mean cost {np.mean(costs):+.4%}, largest {max(costs):+.4%}")


def real(folder: str, path: str) -> None:
    """Print what volatility-like, volume-like and calendar columns of real files add."""
    for file in sorted(Path(folder).glob("*.csv")):
        (series,) = source(str(file)).load()
        series = series.head(len(series))
        _print_real(Panel((series,)), series.symbol)
    stocks = Panel(source(path).load())
    _print_real(stocks, "100 stocks")


def _print_real(panel: Panel, name: str) -> None:
    market = pd.concat(
        [pd.Series(np.diff(np.log(s.y), prepend=np.nan), s.ds) for s in panel], axis=1
    )
    mean = market.mean(axis=1)
    fear = mean.rolling(20, min_periods=5).std() * np.sqrt(250)
    made: dict[str, Callable[[PriceSeries], np.ndarray]] = {
        "fear:log_change": lambda s: fear.reindex(pd.DatetimeIndex(s.ds)).to_numpy(),
        "turnover:zscore=60": lambda s: s["volume"] * s.y,
        "weekday": lambda s: ((s.ds.astype("datetime64[D]").astype(int) + 3) % 7).astype(float),
        "month_end": lambda s: _month_end(s),
    }
    for text, of in made.items():
        key = text.partition(":")[0]
        extended = Panel(
            tuple(
                replace(s, extras=(ExogColumn(key, s.ds, np.asarray(of(s), float)),)) for s in panel
            )
        )
        kind = "futr_exog" if key in ("weekday", "month_end") else "hist_exog"
        config = RunConfig().changed(horizon=5, **{kind: text})
        read, blank, counts = with_and_without(extended, config)
        print(
            f"{name}, {text} ({kind}): CRPS {read:.2f} with, {blank:.2f} without, "
            f"{read / blank - 1:+.3%}, counting {counts:.0%}",
            flush=True,
        )


def _month_end(series: PriceSeries) -> np.ndarray:
    days = series.ds.astype("datetime64[D]")
    next_day = np.busday_offset(days, 1, roll="forward")
    return (next_day.astype("datetime64[M]") != days.astype("datetime64[M]")).astype(float)


def opening() -> None:
    """Print the CPU milliseconds of reading a file with and without 40 further columns, in the
    usual order of columns and in another.
    """
    draw = np.random.default_rng(0)
    n = 5000
    close = (100 * np.exp(np.cumsum(0.01 * draw.normal(size=n)))).round(4)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    volume = draw.integers(1, 1_000_000, n)
    frame = pd.DataFrame({"date": pd.bdate_range("1995-01-02", periods=n), **prices})
    frame["volume"] = volume
    more = pd.DataFrame({f"x{k}": draw.normal(size=n).round(4) for k in range(40)})
    _print_opening("open, high, low, close", frame, more)
    order = ["date", "close", "open", "high", "low", "volume"]
    _print_opening("close, open, high, low", frame[order], more)


def _print_opening(order: str, frame: pd.DataFrame, more: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tables = {"plain": frame, "wide": pd.concat([frame, more], axis=1)}
        seconds: dict[str, list[float]] = {name: [] for name in tables}
        for name, table in tables.items():
            table.to_csv(Path(folder, f"{name}.csv"), index=False)
        for _ in range(25):
            for name, taken in seconds.items():
                started = time.process_time()
                source(str(Path(folder, f"{name}.csv"))).load()
                taken.append(time.process_time() - started)
    ratio = np.median(np.array(seconds["wide"]) / np.array(seconds["plain"]))
    shown = {name: f"{1000 * np.median(taken):.1f} ms" for name, taken in seconds.items()}
    print(f"{order}: {shown}, ratio {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("made", "early", "useless", "real", "opening"))
    parser.add_argument("--panel", default="../shared/data/panel_2013_2017.csv.gz")
    parser.add_argument("--history", default="../shared/data/long_history")
    parser.add_argument("--seeds", type=int, default=5)
    wanted = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "made": lambda: made(wanted.seeds),
        "early": lambda: early(wanted.seeds),
        "useless": lambda: useless(wanted.panel, wanted.seeds),
        "real": lambda: real(wanted.history, wanted.panel),
        "opening": opening,
    }
    parts[wanted.part]()


if __name__ == "__main__":
    main()
