"""Walk-forward judgement: fold after fold, train on the past and forecast what was then the future."""

from __future__ import annotations

from forecasting.backtest.folds import Fold, FoldRun, Work, folds_of, run_fold
from forecasting.backtest.outcomes import every, fit_baselines, joined, outcomes_of
from forecasting.backtest.saved import SavedFolds
from forecasting.backtest.walk import walk_forward
from forecasting.backtest.workers import Workers, hired

__all__ = [
    "Fold",
    "FoldRun",
    "SavedFolds",
    "Work",
    "Workers",
    "every",
    "fit_baselines",
    "folds_of",
    "hired",
    "joined",
    "outcomes_of",
    "run_fold",
    "walk_forward",
]
