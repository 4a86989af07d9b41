"""What the program remembers between starts: the prices it fetched, the forecasts it made, the
runs, and how often a test part was used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from forecasting.store.searches import SearchStore, StoredSearch, StoredTrial, TrialRecord
    from forecasting.store.trials import Trials
    from forecasting.store.watches import SeenBar, SourceState, StoredAlert, WatchChoice, WatchStore

#: Public names and the modules they live in; imported when first used, so that none costs start-up
#: time.
_PUBLIC = {
    "Coverage": "forecasting.store.journal",
    "Entry": "forecasting.store.journal",
    "Held": "forecasting.store.prices",
    "Journal": "forecasting.store.journal",
    "Loadable": "forecasting.store.prices",
    "MAX_AGE_S": "forecasting.store.prices",
    "OVERLAP": "forecasting.store.prices",
    "PriceStore": "forecasting.store.prices",
    "Refresh": "forecasting.store.prices",
    "Refreshable": "forecasting.store.prices",
    "RunRecord": "forecasting.store.runs",
    "RunStore": "forecasting.store.runs",
    "SeenBar": "forecasting.store.watches",
    "SourceState": "forecasting.store.watches",
    "StoredAlert": "forecasting.store.watches",
    "StoredRun": "forecasting.store.runs",
    "Trials": "forecasting.store.trials",
    "WatchChoice": "forecasting.store.watches",
    "WatchStore": "forecasting.store.watches",
    "closed_bars": "forecasting.store.journal",
    "load": "forecasting.store.prices",
    "store_path": "forecasting.store.database",
    "SearchStore": "forecasting.store.searches",
    "StoredSearch": "forecasting.store.searches",
    "StoredTrial": "forecasting.store.searches",
    "TrialRecord": "forecasting.store.searches",
}

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


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
