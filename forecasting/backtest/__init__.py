"""Walk-forward judgement: fold after fold, train on the past and forecast what was then the
future.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

#: The module of each name; imported when first used, because some of them import torch, and other
#: processes can be begun before.
_HOMES = {
    "Fold": "work",
    "FoldRun": "work",
    "SavedFolds": "saved_folds",
    "Work": "work",
    "Workers": "workers",
    "every": "outcomes",
    "evaluated": "outcomes",
    "fit_baselines": "outcomes",
    "folds_of": "folds",
    "make_executor": "executors",
    "joined": "outcomes",
    "outcomes_of": "outcomes",
    "run_fold": "folds",
    "walk_forward": "walk",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
