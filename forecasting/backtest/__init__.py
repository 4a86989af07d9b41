"""Walk-forward judgement: fold after fold, train on the past and forecast what was then the
future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecasting.lazy import from_modules

if TYPE_CHECKING:
    from forecasting.backtest.executors import make_executor
    from forecasting.backtest.folds import folds_of, run_fold
    from forecasting.backtest.outcomes import (
        evaluated,
        every,
        fit_baselines,
        joined,
        outcomes_of,
    )
    from forecasting.backtest.saved_folds import SavedFolds
    from forecasting.backtest.walk import walk_forward
    from forecasting.backtest.work import Fold, FoldRun, Work
    from forecasting.backtest.workers import Workers

__all__ = [
    "Fold",
    "FoldRun",
    "SavedFolds",
    "Work",
    "Workers",
    "evaluated",
    "every",
    "fit_baselines",
    "folds_of",
    "joined",
    "make_executor",
    "outcomes_of",
    "run_fold",
    "walk_forward",
]

__getattr__ = from_modules(
    __name__,
    {
        "executors": "make_executor",
        "folds": "folds_of run_fold",
        "outcomes": "evaluated every fit_baselines joined outcomes_of",
        "saved_folds": "SavedFolds",
        "walk": "walk_forward",
        "work": "Fold FoldRun Work",
        "workers": "Workers",
    },
)
