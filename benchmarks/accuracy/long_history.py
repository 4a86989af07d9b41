"""Bands through crises: the network walks forward over decades of daily prices, judged in the worst
months of 2008-09 and 2020.

Usage: python benchmarks/accuracy/long_history.py FOLDER [--since 2000] [--refit 1000] [--workers 1]
[--json FILE] [--set NAME=VALUE ...]

One day ahead. Network and baselines are trained anew every so many days, each time on what lies
before only. Width is the mean of log(upper / lower limit), beside that of GARCH(1,1)-t fitted on
the same dates. Goal: 80 and 95 % bands hold at least 76 and 93 % in both crises, and are at most
1.03 times as wide as those of GARCH-t.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from forecasting import Panel, RunConfig, jobs
from forecasting.config import BacktestConfig
from forecasting.events import BacktestFinished
from forecasting.metrics import coverage, crps_bp
from forecasting.series import Outcomes
from forecasting.sources import source

#: Spans of cutoffs' next days, first and last month.
SPANS: dict[str, tuple[str, str]] = {
    "all": ("1900-01", "2100-01"),
    "2008-09": ("2008-09", "2009-03"),
    "2020": ("2020-02", "2020-05"),
}
RIVAL = "garch-t"


def part(outcomes: Outcomes, span: str, symbol: str | None = None) -> Outcomes:
    """Keep the outcomes dated in a span, of one symbol if wanted."""
    first, last = (np.datetime64(month, "M") for month in SPANS[span])
    month = outcomes.ds[:, 0].astype("datetime64[M]")
    kept = (
        (month >= first) & (month <= last) & (True if symbol is None else outcomes.symbol == symbol)
    )
    names = ("symbol", "cutoff", "ds", "y0", "y", "values", "scale", "rms_scale")
    return dataclasses.replace(outcomes, **{name: getattr(outcomes, name)[kept] for name in names})


def width(outcomes: Outcomes, level: float) -> float:
    """Return the mean of log(upper / lower limit) of a band in percent."""
    low, high = outcomes.quantile(0.5 - level / 200), outcomes.quantile(0.5 + level / 200)
    return 100 * float(np.log(high / low).mean())


def table(found: Mapping[str, Outcomes]) -> list[dict[str, Any]]:
    """Return one row for each span, series (and all together) and model."""
    rows = []
    rival = found[RIVAL]
    for span in SPANS:
        for symbol in [*map(str, np.unique(rival.symbol)), None]:
            theirs = part(rival, span, symbol)
            if not len(theirs):
                continue
            for name, outcomes in found.items():
                ours = part(outcomes, span, symbol)
                row: dict[str, Any] = {
                    "span": span,
                    "symbol": symbol or "all",
                    "model": name,
                    "days": len(ours),
                    "crps_bp": float(crps_bp(ours)),
                }
                for level in (80, 95):
                    row[f"coverage_{level}"] = float(coverage(ours, level=level))
                    row[f"width_{level}"] = width(ours, level) / width(theirs, level)
                rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--since", type=int, default=2000)
    parser.add_argument("--refit", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    settings = {
        name: json.loads(value) for name, value in (pair.split("=", 1) for pair in asked.set)
    }
    panel = Panel(tuple(source(str(path)).load()[0] for path in sorted(asked.folder.glob("*.csv"))))
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    days = int((dates >= np.datetime64(f"{asked.since}-01-01")).sum())
    config = RunConfig().changed(**{"horizon": 1, "test_size": days, **settings})
    started = time.perf_counter()
    *_, last = jobs.backtest(
        panel, config, BacktestConfig(refit=asked.refit), workers=asked.workers
    )
    assert isinstance(last, BacktestFinished)
    rows = table(last.outcomes)
    for row in rows:
        bands = "  ".join(
            f"{level} %: {row[f'coverage_{level}']:5.1f} width {row[f'width_{level}']:.3f}"
            for level in (80, 95)
        )
        print(
            f"{row['span']:8s} {row['symbol']:18s} {row['model']:12s} {row['days']:6d} days  "
            f"{bands}  CRPS {row['crps_bp']:.2f} bp"
        )
    print(f"{time.perf_counter() - started:.0f} s")
    if asked.json:
        asked.json.write_text(
            json.dumps(
                {"settings": settings, "since": asked.since, "refit": asked.refit, "rows": rows},
                indent=1,
            )
        )


if __name__ == "__main__":
    main()
