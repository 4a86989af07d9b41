"""What the program remembers between starts: the prices it fetched, the forecasts it made, the runs, and how often a test part was used."""

from __future__ import annotations

from forecasting.store.database import store_path
from forecasting.store.journal import Coverage, Entry, Journal
from forecasting.store.prices import MAX_AGE_S, OVERLAP, Held, Loadable, PriceStore, Refresh, Refreshable, load
from forecasting.store.runs import KeptRun, RunRecord, RunStore
from forecasting.store.tries import Tries

__all__ = [
    "MAX_AGE_S",
    "OVERLAP",
    "Coverage",
    "Entry",
    "Held",
    "Journal",
    "KeptRun",
    "Loadable",
    "PriceStore",
    "Refresh",
    "Refreshable",
    "RunRecord",
    "RunStore",
    "Tries",
    "load",
    "store_path",
]
