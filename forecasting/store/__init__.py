"""What the program remembers between starts: the prices it fetched, the forecasts it made, the
runs, and how often a test part was used.
"""

from __future__ import annotations

from forecasting.store.database import store_path
from forecasting.store.journal import Coverage, Entry, Journal, closed_bars
from forecasting.store.prices import (
    MAX_AGE_S,
    OVERLAP,
    Held,
    Loadable,
    PriceStore,
    Refresh,
    Refreshable,
    load,
)
from forecasting.store.runs import RunRecord, RunStore, StoredRun
from forecasting.store.trials import Trials
from forecasting.store.watches import SeenBar, SourceState, StoredAlert, WatchChoice, WatchStore

__all__ = [
    "MAX_AGE_S",
    "OVERLAP",
    "Coverage",
    "Entry",
    "Held",
    "Journal",
    "Loadable",
    "PriceStore",
    "Refresh",
    "Refreshable",
    "RunRecord",
    "RunStore",
    "SeenBar",
    "SourceState",
    "StoredAlert",
    "StoredRun",
    "Trials",
    "WatchChoice",
    "WatchStore",
    "closed_bars",
    "load",
    "store_path",
]
