"""What a pass of the watch has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting.events import Event

#: How the prices came: fetched or read anew, from the cache because today's are there, or not.
Loading = Literal["loaded", "cached", "failed"]
#: Whether a forecast was entered, was there already, or why there is none.
Forecasting = Literal["entered", "there", "none"]


@dataclass(frozen=True)
class WatchedSeries:
    """One series after a pass.

    Attributes
    ----------
    symbol, source, model : str
        ``model`` is the file of the network.
    loading : {"loaded", "cached", "failed"}
    last : datetime64[us]
        Its last bar that has ended; NaT where nothing could be loaded.
    forecast : {"entered", "there", "none"}
    reason : str
        Why there is no forecast, or why the prices are old.
    forecasts, known : int
        Forecasts of this network in the journal, and their bars that counted and are known.
    held : float
        Share of those bars inside the 80 % band, in percent; NaN where nothing is known.
    drift, threshold : float
        The statistic of the sequential test, and the value at which it tells of a change.
    """

    symbol: str
    source: str
    model: str
    loading: Loading
    last: np.datetime64
    forecast: Forecasting
    reason: str = ""
    forecasts: int = 0
    known: int = 0
    held: float = float("nan")
    drift: float = 0.0
    threshold: float = 0.0


@dataclass(frozen=True)
class WatchFinished(Event):
    """A pass has ended.

    Attributes
    ----------
    at : datetime64[us]
        In UTC.
    series : tuple of WatchedSeries
    entered : int
        Forecasts that are new in the journal.
    reconciled : int
        Bars of earlier forecasts that are newly known.
    alerts : int
        New alerts; they are in the store.
    rehearsal : bool
        Whether the moment was given, and the journal of rehearsals was written.
    """

    at: np.datetime64
    series: tuple[WatchedSeries, ...]
    entered: int
    reconciled: int
    alerts: int
    rehearsal: bool = False
