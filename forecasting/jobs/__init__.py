"""The verbs of the program, each a generator of events that a window, a terminal or a test
iterates.

torch and all that needs it is imported inside the jobs, so that importing this package is cheap and
the time it takes is spent where it can be shown.
"""

from forecasting.checks import drop_short_series
from forecasting.jobs.defaults import suited
from forecasting.jobs.engine import versions, warm_up
from forecasting.jobs.evaluation import audit, backtest, plan_backtest
from forecasting.jobs.explaining import explain
from forecasting.jobs.job import Job
from forecasting.jobs.judging_forecasts import judge_forecasts, preview_forecasts
from forecasting.jobs.loading import cached_tickers, load, understand
from forecasting.jobs.odds import PathsPlan, calibrated_baseline, portfolio, simulate
from forecasting.jobs.predicting import future, predict
from forecasting.jobs.searching import search
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
    "Job",
    "PathsPlan",
    "audit",
    "autosave_path",
    "backtest",
    "cached_tickers",
    "calibrated_baseline",
    "check_saving",
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
    "search",
    "simulate",
    "suited",
    "train",
    "understand",
    "unfinished",
    "versions",
    "warm_up",
    "watch",
    "with_target",
]
