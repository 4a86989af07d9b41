"""A run that was never trained: series, forecasts, outcomes and history made of numbers, for
tests of what is drawn and written.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from forecasting import metrics
from forecasting.config import QUANTILES, RunConfig
from forecasting.events import EpochEnd, RunInfo, RunResult, SplitMade, Verdict
from forecasting.series import Finding, Forecast, Outcomes, Panel, PriceSeries, Provenance

SENTENCE = "The GRU ties with the random walk: p = 0.41 over 200 forecasts."
_Z = np.array([NormalDist().inv_cdf(q) for q in QUANTILES])


def walk(symbol: str, bars: int = 400, seed: int = 0, step: str = "D") -> PriceSeries:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opened = np.r_[close[:1], close[:-1]]
    values = np.stack(
        [
            opened,
            np.maximum(opened, close) * 1.003,
            np.minimum(opened, close) * 0.997,
            close,
            rng.lognormal(14, 0.4, bars),
        ],
        1,
    )
    ds = np.busday_offset("2017-01-02", np.arange(bars), roll="forward").astype("datetime64[us]")
    if step == "h":
        ds = (np.datetime64("2017-01-02T09:30") + np.arange(bars) * np.timedelta64(60, "m")).astype(
            "datetime64[us]"
        )
    columns = ("open", "high", "low", "close", "volume")
    return PriceSeries(
        symbol,
        ds,
        columns,
        values,
        provenance=Provenance(
            "/home/someone/private/prices.csv", "adjusted", "2018-07-14", "ab" * 32
        ),
        findings=(Finding("gaps", "3 sessions are missing."),),
    )


def forecast(
    series: PriceSeries, model: str = "GRU", spread: float = 0.01, horizon: int = 10
) -> Forecast:
    values = series.y[-1] * np.exp(spread * np.sqrt(np.arange(1, horizon + 1))[:, None] * _Z)
    ds = series.ds[-1] + np.arange(1, horizon + 1) * (series.ds[1] - series.ds[0])
    return Forecast(series.symbol, model, series.ds[-1], float(series.y[-1]), ds, QUANTILES, values)


def outcomes(series: PriceSeries, model: str, spread: float, horizon: int = 10) -> Outcomes:
    """Forecast "no change" from the last bars, and look what happened."""
    bars = np.arange(len(series) - 60 - horizon, len(series) - horizon)
    ahead = bars[:, None] + np.arange(1, horizon + 1)
    values = series.y[bars][:, None, None] * np.exp(
        spread * np.sqrt(np.arange(1, horizon + 1))[:, None] * _Z
    )
    symbol, scale = np.full(bars.size, series.symbol), np.ones(bars.size)
    return Outcomes(
        model,
        symbol,
        series.ds[bars],
        series.ds[ahead],
        series.y[bars],
        series.y[ahead],
        QUANTILES,
        values,
        scale,
        scale,
    )


def history(epochs: int = 12) -> tuple[EpochEnd, ...]:
    losses = 0.3 + 0.1 * np.exp(-np.arange(epochs + 1) / 4)
    return tuple(
        EpochEnd(
            n, epochs, loss * 0.98, loss, epochs, losses[-1], 1e-3, 0.5 / (n + 1), 0.2, 1.0, 0.3
        )
        for n, loss in enumerate(losses)
    )


def run(*series: PriceSeries, sentence: str = SENTENCE) -> RunResult:
    first = series[0]
    judged = {
        "GRU": outcomes(first, "GRU", 0.010),
        "random-walk": outcomes(first, "random-walk", 0.012),
    }
    return RunResult(
        RunConfig().changed(horizon=10, model="gru"),
        Panel(series),
        SplitMade(
            first.ds[len(first) // 2],
            first.ds[len(first) - 80],
            {"train": 200, "val": 50, "test": 60},
            1000,
            "cpu",
        ),
        history(),
        tuple(forecast(item) for item in series),
        tuple(forecast(item, "random-walk", 0.012) for item in series),
        judged,
        {name: metrics.score(item) for name, item in judged.items()},
        Verdict("ties", sentence, 0.01, 0.41, "random walk", ("The 80 % band held 79 %.",)),
        RunInfo(12.5, 30, 7, "cpu", 42, "early", {"torch": "2.6"}),
    )
