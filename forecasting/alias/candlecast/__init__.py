"""Candlecast for notebooks and scripts: the public names of :mod:`forecasting`, re-exported.

::

    from candlecast import Forecaster

    forecaster = Forecaster(model="lstm", h=5, epochs=10)
    forecaster.fit(df).predict(level=[80, 95])  # df has the columns unique_id, ds, y
    print(forecaster.evaluate())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import forecasting

if TYPE_CHECKING:
    from forecasting.api import CandlecastWarning, Evaluation, Forecaster, load_prices, simulate
    from forecasting.config import RunConfig
    from forecasting.errors import CandlecastError
    from forecasting.series import Panel, PriceSeries
    from forecasting.sources import ReadOptions, TickerOptions

__all__ = [
    "CandlecastError",
    "CandlecastWarning",
    "Evaluation",
    "Forecaster",
    "Panel",
    "PriceSeries",
    "ReadOptions",
    "RunConfig",
    "TickerOptions",
    "__version__",
    "load_prices",
    "simulate",
]

if "Forecaster" not in getattr(forecasting, "__all__", ()):
    raise ImportError(
        f"The package 'forecasting' in {forecasting.__file__} is not Candlecast's. "
        "Install candlecast into an environment of its own."
    )

__version__: str = forecasting.__version__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(forecasting, name)


def __dir__() -> list[str]:
    return __all__
