"""The engine for notebooks and scripts: data frames in, data frames out.

:class:`Forecaster` trains, forecasts, tests through history and judges; :func:`load_prices` reads
files, tickers and samples; :func:`simulate` draws joint paths from a baseline at once;
:func:`search` looks for settings. All run the jobs that the window and the command line run, and
give the same numbers. A further verb is a module of this package, and a name in the list below and
in :mod:`forecasting`.
"""

from forecasting.api.evaluation import Evaluation
from forecasting.api.forecaster import Forecaster
from forecasting.api.prices import load_prices
from forecasting.api.progress import CandlecastWarning
from forecasting.api.searching import SearchResult, search
from forecasting.api.simulation import simulate

__all__ = [
    "CandlecastWarning",
    "Evaluation",
    "Forecaster",
    "SearchResult",
    "load_prices",
    "search",
    "simulate",
]
