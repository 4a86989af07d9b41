"""Joint sample paths in time and across series, from the calibrated marginals of any model, and
what they say.

``marginals`` reads quantiles as distributions, ``dependence`` resamples past standardised
residuals, ``sampling`` puts the two together, ``events`` and ``portfolio`` read the odds off the
paths, ``past``, ``scores`` and ``backtest`` judge them.
"""

from forecasting.paths.dependence import Residuals
from forecasting.paths.events import LevelOdds, level_odds
from forecasting.paths.marginals import Marginals
from forecasting.paths.portfolio import hold
from forecasting.paths.results import PathsMade, PortfolioBacktest, PortfolioMade
from forecasting.paths.sampling import Paths, simulate, stream

__all__ = [
    "LevelOdds",
    "Marginals",
    "Paths",
    "PathsMade",
    "PortfolioBacktest",
    "PortfolioMade",
    "Residuals",
    "hold",
    "level_odds",
    "simulate",
    "stream",
]
