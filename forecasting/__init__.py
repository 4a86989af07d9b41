"""The engine of Candlecast: honest, calibrated forecasts of price series with recurrent networks.

Map, bottom to top::

    errors       what a person is told, with the next step
    config       RunConfig: one reproducible experiment
    series       PriceSeries, Panel, Origins, Forecast, Outcomes
    events       everything that leaves the engine while it works
    metrics      scores of outcomes            calendars  the dates of the future
    bundle       the model file                sources    files, tickers, samples; store: the price
    cache volatility   how far a series moves        features   causal inputs windows      splits,
    scaling, windows      models     the networks training     fit(), TrainedNetwork
    baselines, conformal backtest     walk-forward                  verdict    plain words jobs
    the verbs: load, train, backtest, predict as generators of events api          the same for
    notebooks: Forecaster, data frames in and out

Shapes: S series, T bars, L input_size, H horizon, C features, Q quantiles, N origins, B batch.

In a notebook (``import candlecast`` gives the same names)::

    from forecasting import Forecaster
    forecaster = Forecaster(model="lstm", h=5, epochs=10)
    forecaster.fit(df).predict(level=[80, 95])  # df has the columns unique_id, ds, y
    print(forecaster.evaluate())
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Public names and the modules they live in; imported when first used, so that none costs start-up
#: time.
_PUBLIC = {
    "CandlecastError": "errors",
    "CandlecastWarning": "api",
    "Evaluation": "api",
    "Forecaster": "api",
    "simulate": "api",
    "Panel": "series",
    "PriceSeries": "series",
    "ReadOptions": "sources",
    "RunConfig": "config",
    "TickerOptions": "sources",
    "load_prices": "api",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
