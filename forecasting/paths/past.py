"""Joint forecasts from past cutoffs beside what happened: the ground on which paths are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.cancellation import check_cancelled
from forecasting.events import Predictor
from forecasting.paths.dependence import DependenceName, Residuals
from forecasting.paths.marginals import LEVELS, Marginals
from forecasting.paths.sampling import Paths, simulate
from forecasting.series import Dates, Floats, Ints, Origins, Panel

#: Quantiles that are forecast at once, N x H x Q.
_AT_ONCE = 20_000_000


@dataclass(frozen=True, eq=False)
class PastPaths:
    """Paths from one past cutoff beside what happened.

    Attributes
    ----------
    paths : Paths
    series : ndarray of int64, shape [s]
        Indices in the panel of the series that had a bar at the cutoff.
    y : ndarray of float64, shape [s, H]
        What happened.
    """

    paths: Paths
    series: Ints
    y: Floats


def cutoff_dates(panel: Panel, first: np.datetime64, horizon: int, step: int = 1) -> Dates:
    """Return every ``step``-th date from the last before ``first`` on from which ``horizon``
    bars of most series are known.
    """
    dates, counts = np.unique(np.concatenate([s.ds for s in panel]), return_counts=True)
    dates = dates[counts * 2 > counts.max()]
    begin = max(0, int(np.searchsorted(dates, first)) - 1)
    found: Dates = dates[begin : max(begin, dates.size - horizon) : step]
    return found


def past_marginals(
    predictor: Predictor, panel: Panel, dates: Dates, horizon: int
) -> Iterator[tuple[Marginals, Ints, Floats]]:
    """Forecast from each of some dates; yield the marginals, the series [s] that have a bar then,
    and what happened, [s, H].

    A series without ``horizon`` bars after the date is passed over.
    """
    indices = np.stack([_bars_at(s.ds, dates) for s in panel])
    lengths = np.array([len(s) for s in panel])[:, None]
    usable = (indices >= 0) & (indices + horizon < lengths)
    chunk = max(1, _AT_ONCE // (len(panel) * horizon * len(LEVELS)))
    symbols = np.array(panel.symbols)
    for first in range(0, dates.size, chunk):
        which = [np.flatnonzero(usable[:, d]) for d in range(first, min(first + chunk, dates.size))]
        bars = [indices[series, first + n] for n, series in enumerate(which)]
        values = predictor.predict(
            panel, Origins(np.concatenate(which), np.concatenate(bars)), LEVELS
        )
        parts = np.split(values, np.cumsum([len(series) for series in which])[:-1])
        for series, bar, part in zip(which, bars, parts, strict=True):
            check_cancelled()
            if not series.size:
                continue
            ahead = bar[:, None] + np.arange(1, horizon + 1)
            held = [panel[int(s)] for s in series]
            y0 = np.array([s.y[b] for s, b in zip(held, bar, strict=True)])
            y = np.stack([s.y[b] for s, b in zip(held, ahead, strict=True)])
            ds = np.stack([s.ds[b] for s, b in zip(held, ahead, strict=True)])
            cutoff = np.array([s.ds[b] for s, b in zip(held, bar, strict=True)])
            names = tuple(str(name) for name in symbols[series])
            yield Marginals(predictor.name, names, cutoff, y0, ds, LEVELS, part), series, y


def past_paths(
    predictor: Predictor,
    panel: Panel,
    dates: Dates,
    horizon: int,
    n_paths: int,
    seed: int = 0,
    dependence: DependenceName = "history",
) -> Iterator[PastPaths]:
    """Draw paths from each of some dates; each looks at what was known at its date only."""
    residuals = Residuals.of(panel)
    for marginals, series, y in past_marginals(predictor, panel, dates, horizon):
        known = residuals.before(marginals.cutoff.max()).take(series)
        yield PastPaths(simulate(marginals, known, n_paths, seed, dependence), series, y)


def _bars_at(ds: Dates, dates: Dates) -> Ints:
    """Return the index of the bar at each date, -1 where there is none."""
    index = np.searchsorted(ds, dates)
    inside = np.minimum(index, ds.size - 1)
    return np.where((index < ds.size) & (ds[inside] == dates), inside, -1)
