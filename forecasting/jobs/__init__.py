"""The verbs of the program, each a generator of events that a window, a terminal or a test
iterates.

torch and all that needs it is imported inside the jobs, so that importing this package is cheap and
the time it takes is spent where it can be shown.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecasting.checks import drop_short_series
    from forecasting.jobs.combining import CombinationFinished, combine
    from forecasting.jobs.defaults import suited
    from forecasting.jobs.engine import versions, warm_up
    from forecasting.jobs.evaluation import audit, backtest, plan_backtest
    from forecasting.jobs.explaining import ablate, explain
    from forecasting.jobs.job import Job
    from forecasting.jobs.judging_forecasts import judge_forecasts, preview_forecasts
    from forecasting.jobs.loading import cached_tickers, load, understand
    from forecasting.jobs.odds import (
        PathsPlan,
        calibrated_baseline,
        candles,
        candles_of,
        portfolio,
        simulate,
    )
    from forecasting.jobs.predicting import future, predict
    from forecasting.jobs.repeating import repeat
    from forecasting.jobs.searching import search, train_trial
    from forecasting.jobs.targets import with_target
    from forecasting.jobs.training import (
        autosave_path,
        check_saving,
        estimate,
        find_learning_rate,
        train,
        unfinished,
    )
    from forecasting.jobs.watching import rehearsal_path, watch

#: Public names and the modules they live in; imported when first used, so that none costs start-up
#: time.
_PUBLIC = {
    "CombinationFinished": "forecasting.jobs.combining",
    "Job": "forecasting.jobs.job",
    "PathsPlan": "forecasting.jobs.odds",
    "ablate": "forecasting.jobs.explaining",
    "audit": "forecasting.jobs.evaluation",
    "autosave_path": "forecasting.jobs.training",
    "backtest": "forecasting.jobs.evaluation",
    "cached_tickers": "forecasting.jobs.loading",
    "calibrated_baseline": "forecasting.jobs.odds",
    "candles": "forecasting.jobs.odds",
    "candles_of": "forecasting.jobs.odds",
    "check_saving": "forecasting.jobs.training",
    "combine": "forecasting.jobs.combining",
    "drop_short_series": "forecasting.checks",
    "estimate": "forecasting.jobs.training",
    "explain": "forecasting.jobs.explaining",
    "find_learning_rate": "forecasting.jobs.training",
    "future": "forecasting.jobs.predicting",
    "judge_forecasts": "forecasting.jobs.judging_forecasts",
    "load": "forecasting.jobs.loading",
    "plan_backtest": "forecasting.jobs.evaluation",
    "portfolio": "forecasting.jobs.odds",
    "predict": "forecasting.jobs.predicting",
    "preview_forecasts": "forecasting.jobs.judging_forecasts",
    "rehearsal_path": "forecasting.jobs.watching",
    "repeat": "forecasting.jobs.repeating",
    "search": "forecasting.jobs.searching",
    "simulate": "forecasting.jobs.odds",
    "suited": "forecasting.jobs.defaults",
    "train": "forecasting.jobs.training",
    "train_trial": "forecasting.jobs.searching",
    "understand": "forecasting.jobs.loading",
    "unfinished": "forecasting.jobs.training",
    "versions": "forecasting.jobs.engine",
    "warm_up": "forecasting.jobs.engine",
    "watch": "forecasting.jobs.watching",
    "with_target": "forecasting.jobs.targets",
}

__all__ = [
    "CombinationFinished",
    "Job",
    "PathsPlan",
    "ablate",
    "audit",
    "autosave_path",
    "backtest",
    "cached_tickers",
    "calibrated_baseline",
    "candles",
    "candles_of",
    "check_saving",
    "combine",
    "drop_short_series",
    "estimate",
    "explain",
    "find_learning_rate",
    "future",
    "judge_forecasts",
    "load",
    "plan_backtest",
    "portfolio",
    "predict",
    "preview_forecasts",
    "rehearsal_path",
    "repeat",
    "search",
    "simulate",
    "suited",
    "train",
    "train_trial",
    "understand",
    "unfinished",
    "versions",
    "warm_up",
    "watch",
    "with_target",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
