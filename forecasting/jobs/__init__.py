"""The verbs of the program, each a generator of events that a window, a terminal or a test
iterates.

torch and all that needs it is imported inside the jobs, so that importing this package is cheap and
the time it takes is spent where it can be shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecasting.lazy import from_modules

if TYPE_CHECKING:
    from forecasting.jobs.combining import CombinationFinished, combine
    from forecasting.jobs.defaults import suited
    from forecasting.jobs.engine import warm_up
    from forecasting.jobs.evaluation import audit, backtest, plan_backtest
    from forecasting.jobs.explaining import ablate, explain
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
    from forecasting.jobs.predicting import predict
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


__all__ = [
    "CombinationFinished",
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
    "estimate",
    "explain",
    "find_learning_rate",
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
    "warm_up",
    "watch",
    "with_target",
]

__getattr__ = from_modules(
    __name__,
    {
        "combining": "CombinationFinished combine",
        "defaults": "suited",
        "engine": "warm_up",
        "evaluation": "audit backtest plan_backtest",
        "explaining": "ablate explain",
        "judging_forecasts": "judge_forecasts preview_forecasts",
        "loading": "cached_tickers load understand",
        "odds": "PathsPlan calibrated_baseline candles candles_of portfolio simulate",
        "predicting": "predict",
        "repeating": "repeat",
        "searching": "search train_trial",
        "targets": "with_target",
        "training": "autosave_path check_saving estimate find_learning_rate train unfinished",
        "watching": "rehearsal_path watch",
    },
)
