"""What the program remembers between starts: the prices it fetched, the forecasts it made, the
runs, and how often a test part was used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecasting.lazy import from_modules

if TYPE_CHECKING:
    from forecasting.store.database import store_path
    from forecasting.store.journal import Coverage, Entry, Journal, closed_bars
    from forecasting.store.prices import (
        PriceStore,
        load,
    )
    from forecasting.store.runs import RunRecord, RunStore, StoredRun
    from forecasting.store.searches import SearchStore, StoredSearch, StoredTrial, TrialRecord
    from forecasting.store.trials import Trials
    from forecasting.store.watches import SeenBar, SourceState, StoredAlert, WatchChoice, WatchStore


__all__ = [
    "Coverage",
    "Entry",
    "Journal",
    "PriceStore",
    "RunRecord",
    "RunStore",
    "SearchStore",
    "SeenBar",
    "SourceState",
    "StoredAlert",
    "StoredRun",
    "StoredSearch",
    "StoredTrial",
    "TrialRecord",
    "Trials",
    "WatchChoice",
    "WatchStore",
    "closed_bars",
    "load",
    "store_path",
]

__getattr__ = from_modules(
    __name__,
    {
        "database": "store_path",
        "journal": "Coverage Entry Journal closed_bars",
        "prices": "PriceStore load",
        "runs": "RunRecord RunStore StoredRun",
        "searches": "SearchStore StoredSearch StoredTrial TrialRecord",
        "trials": "Trials",
        "watches": "SeenBar SourceState StoredAlert WatchChoice WatchStore",
    },
)
