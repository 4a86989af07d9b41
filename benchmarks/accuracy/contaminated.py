"""One wrong bar must make no network "beat" everything: random walks with typical faults of price
files, through the whole program.

Usage: python benchmarks/accuracy/contaminated.py [--walks 200] [--signals 40] [--faults zero x10
...] [--kinds price yield]
       [--bars 700] [--signal-bars 1200] [--horizon 1] [--direct] [--json FILE] [--set NAME=VALUE
       ...]

Each walk is simulated, a fault is put somewhere between half of its bars and the end, and the file
is read, trained on (one epoch of a small network) and judged as ``candlecast backtest`` does.
``--direct`` hands the series over without a file, so that a zero is not left out as a missing
close. On a random walk nobody can beat the baselines: at most 5 % of the verdicts of each row may
say so. Walks with a true signal (each change carries .6 of the one before) are judged too, clean
and with each fault.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from forecasting import Panel, PriceSeries, RunConfig, jobs
from forecasting.events import BacktestFinished
from forecasting.series import Dates, Floats
from forecasting.sources import source

Kind = Literal["price", "yield"]
KINDS: tuple[Kind, ...] = ("price", "yield")

#: Deviation of a day's change: of the logarithm of a price, and of a yield in percent.
PRICE_DEVIATION, YIELD_DEVIATION = 0.012, 0.04
#: Share of each change that carries over to the next one where there is a signal.
SIGNAL = 0.6
#: Of the whole program as it is, but for the size and the time of the training.
NULL_SETTINGS: dict[str, Any] = {
    "epochs": 1,
    "hidden_size": 4,
    "input_size": 10,
    "members": 1,
    "batch_size": 128,
}
SIGNAL_SETTINGS: dict[str, Any] = {
    **NULL_SETTINGS,
    "epochs": 40,
    "patience": 40,
    "learning_rate": 0.01,
    "batch_size": 64,
}

Rows = list[tuple[np.datetime64, float]]


def walk(kind: Kind, bars: int, seed: int, signal: float = 0.0) -> Floats:
    """Return a walk, shape [T]: a price from 100 on, or a yield from 2.5 on, which may fall
    below zero.
    """
    shocks = np.random.default_rng([seed, kind == "yield"]).normal(0.0, 1.0, bars)
    changes = np.empty(bars)
    last = 0.0
    for bar, shock in enumerate(shocks):
        last = signal * last + shock
        changes[bar] = last
    path = np.cumsum(changes)
    return 100 * np.exp(PRICE_DEVIATION * path) if kind == "price" else 2.5 + YIELD_DEVIATION * path


def _factor(factor: float) -> Callable[[Rows, int], Rows]:
    def wrong(rows: Rows, bar: int) -> Rows:
        return [*rows[:bar], (rows[bar][0], factor * rows[bar][1]), *rows[bar + 1 :]]

    return wrong


def _stuck(rows: Rows, bar: int) -> Rows:
    return [
        *rows[:bar],
        *((date, rows[bar][1]) for date, _ in rows[bar : bar + 5]),
        *rows[bar + 5 :],
    ]


def _double(rows: Rows, bar: int) -> Rows:
    """Put the day after ``bar`` in twice, first with the close of the day before."""
    return [*rows[: bar + 1], (rows[bar + 1][0], rows[bar][1]), *rows[bar + 1 :]]


#: What is done to the rows of a file at a bar, by name.
FAULTS: dict[str, Callable[[Rows, int], Rows]] = {
    "clean": lambda rows, bar: rows,
    "zero": _factor(0.0),
    "negative": _factor(-1.0),
    "x10": _factor(10.0),
    "/100": _factor(0.01),
    "stuck week": _stuck,
    "double day": _double,
}


def rows_with(fault: str, y: Floats, seed: int) -> Rows:
    """Return the dated rows of a walk with a fault at a bar between half of its bars and the
    last ones.
    """
    ds: Dates = np.busday_offset("2012-01-02", np.arange(y.size))
    bar = int(np.random.default_rng([seed, 7]).integers(y.size // 2, y.size - 6))
    return FAULTS[fault]([(day, float(value)) for day, value in zip(ds, y, strict=True)], bar)


def loaded(rows: Rows, folder: Path | None) -> PriceSeries:
    """Return the series that the program makes of rows: read from a file in a folder, or handed
    over with dates of its own.
    """
    if folder is None:
        ds = np.busday_offset("2012-01-02", np.arange(len(rows))).astype("datetime64[us]")
        return PriceSeries("walk", ds, ("close",), np.array([[value] for _, value in rows]))
    path = folder / "walk.csv"
    path.write_text(
        "\n".join(["Date,Close", *(f"{day},{value:.4f}" for day, value in rows)]) + "\n"
    )
    [series] = source(str(path)).load()
    return series


def judged(series: PriceSeries, settings: dict[str, Any]) -> BacktestFinished:
    """Train, forecast the test part and judge, as the command does."""
    *_, last = jobs.backtest(Panel((series,)), RunConfig().changed(**settings))
    assert isinstance(last, BacktestFinished)
    return last


def cases(
    kinds: tuple[Kind, ...], faults: list[str], walks: int, signals: int
) -> Iterator[tuple[Kind, str, bool, int]]:
    """Yield kind, fault, whether there is a signal, and how many walks."""
    for kind in kinds:
        for fault in faults:
            yield kind, fault, False, walks
            yield kind, fault, True, signals


def run(asked: argparse.Namespace, folder: Path | None) -> list[dict[str, Any]]:
    """Judge all walks, print the table and return its rows."""
    extra = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)}
    found = []
    for kind, fault, signal, count in cases(
        tuple(asked.kinds), asked.faults, asked.walks, asked.signals
    ):
        settings = {
            **(SIGNAL_SETTINGS if signal else NULL_SETTINGS),
            "horizon": asked.horizon,
            **extra,
        }
        started, outcomes, skills = time.process_time(), [], []
        for seed in range(count):
            y = walk(
                kind, asked.signal_bars if signal else asked.bars, seed, SIGNAL if signal else 0.0
            )
            last = judged(loaded(rows_with(fault, y, seed), folder), {**settings, "seed": seed})
            outcomes.append(last.verdict.outcome)
            skills.append(100 * last.verdict.skill)
        if not count:
            continue
        row = {name: outcomes.count(name) for name in ("beats", "ties", "loses")}
        share, skill = 100 * row["beats"] / count, float(np.median(skills))
        seconds = (time.process_time() - started) / count
        what = "signal" if signal else "nothing"
        print(
            f"{kind:6s} {fault:11s} {what:8s} {count:4d} walks: beats {row['beats']:3d} "
            f"({share:5.1f} %)  ties {row['ties']:3d}  "
            f"loses {row['loses']:3d}  median skill {skill:+6.2f} %  {seconds:.2f} CPU s each",
            flush=True,
        )
        found.append(
            {"kind": kind, "fault": fault, "signal": signal, "walks": count, **row, "skill": skill}
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--walks", type=int, default=200)
    parser.add_argument("--signals", type=int, default=40)
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--bars", type=int, default=700)
    parser.add_argument("--signal-bars", type=int, default=1200)
    parser.add_argument("--horizon", type=int, default=1)
    parser.add_argument("--direct", action="store_true", help="hand the series over without a file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["CANDLECAST_HOME"] = home  # the tally of tries is no user's
        rows = run(asked, None if asked.direct else Path(home))
    if asked.json:
        asked.json.write_text(
            json.dumps(
                {
                    "bars": asked.bars,
                    "horizon": asked.horizon,
                    "direct": asked.direct,
                    "rows": rows,
                },
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
