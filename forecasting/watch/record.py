"""The record of one network on one series: its forecasts in the journal, and how they came out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from forecasting.checks import usual_distance
from forecasting.config import RunConfig
from forecasting.sequential import (
    Reference,
    Scan,
    bars_a_year,
    bins,
    scan,
    scan_losses,
    threshold,
)
from forecasting.series import Dates, Floats, PriceSeries
from forecasting.store import Entry
from forecasting.watch.score import losses_of
from forecasting.watch.subject import identity_of


@dataclass(frozen=True, eq=False)
class Outcome:
    """One close beside the latest forecast made before it."""

    ds: np.datetime64
    y: float
    entry: Entry
    step: int

    def is_outside(self, level: float) -> bool:
        """Return whether it left the central band of ``level`` percent."""
        low, high = (float(limit[self.step]) for limit in self.entry.forecast.band(level))
        return not low <= self.y <= high


@dataclass(frozen=True, eq=False)
class NetworkRecord:
    """The forecasts of one network for one series, oldest first."""

    entries: tuple[Entry, ...]

    @property
    def cutoffs(self) -> Dates:
        """The bars from which it has forecast, shape [N]."""
        return np.array([entry.forecast.cutoff for entry in self.entries], "datetime64[us]")

    @property
    def known(self) -> int:
        """Bars that counted and are known."""
        return sum(int(entry.known.sum()) for entry in self.entries)

    def held(self, level: float) -> float:
        """Return the share of the known bars in a band, in percent; NaN where none is known."""
        known = self.known
        hits = sum(int(entry.hits(level).sum()) for entry in self.entries)
        return 100 * hits / known if known else float("nan")

    def outcomes(self) -> tuple[Outcome, ...]:
        """Return each close that is known beside the latest forecast made before it."""
        found: dict[np.datetime64, Outcome] = {}
        for entry in self.entries:
            for step in np.flatnonzero(entry.known):
                ds = entry.forecast.ds[step]
                found[ds] = Outcome(ds, float(entry.y[step]), entry, int(step))
        return tuple(found[ds] for ds in sorted(found))

    def drift(self, series: PriceSeries) -> tuple[Dates, Scan]:
        """Run the sequential test over the closes since the first forecast.

        Each close is looked at with the forecast made before it, and each return with those before
        the first forecast: nothing later is used.

        Parameters
        ----------
        series : PriceSeries
            Whole, up to the last bar that has ended.

        Returns
        -------
        ds : ndarray of datetime64[us], shape [N]
            The bars.
        scan : Scan
        """
        outcomes = self.outcomes()
        limit = threshold(bars_a_year(usual_distance(series)))
        if not outcomes:
            return np.empty(0, "datetime64[us]"), scan(np.empty(0, np.int64), (0.5,), limit)
        quantiles = outcomes[-1].entry.forecast.quantiles
        start = int(np.searchsorted(series.ds, self.cutoffs.min(), side="right"))
        ds = series.ds[start:]
        bands = np.full(ds.size, -1, np.int64)
        for item in outcomes:
            index = int(np.searchsorted(ds, item.ds))
            there = index < ds.size and ds[index] == item.ds
            if there and item.entry.forecast.quantiles == quantiles:
                limits = item.entry.forecast.values[item.step]
                bands[index] = bins(np.array([item.y]), limits)[0]
        moves = _moves(series.y)
        reference = Reference.of(moves[: max(start - 1, 0)])
        if reference is None:
            return ds, scan(bands, quantiles, limit)
        returns = bins(moves[start - 1 :], reference.limits)
        return ds, scan(bands, quantiles, limit, returns, reference.levels)

    def losses(self, series: PriceSeries) -> tuple[Dates, Floats, Scan]:
        """Run the sequential test of the losses beside those of a random walk.

        Parameters
        ----------
        series : PriceSeries
            Whole, up to the last bar that has ended.

        Returns
        -------
        ds : ndarray of datetime64[us], shape [N]
            The closes that are known.
        losses : ndarray, shape [2, N]
            Of the forecasts and of the random walk.
        scan : Scan
        """
        limit = threshold(bars_a_year(usual_distance(series)))
        ds, rows = [], []
        for item in self.outcomes():
            found = losses_of(item.entry, np.array([item.step]))
            if found is not None:
                ds.append(item.ds)
                rows.append([float(part[0]) for part in found])
        both = np.array(rows).reshape(-1, 3).T
        excess = np.where(both[2] > 0, (both[0] - both[1]) / np.maximum(both[2], 1e-300), 0.0)
        return np.array(ds, "datetime64[us]"), both[:2], scan_losses(excess, limit)


def records_of(entries: Iterable[Entry]) -> dict[str, NetworkRecord]:
    """Return the record of each network among forecasts of one series, by the identity of its
    settings.
    """
    names: dict[str, str] = {}
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.config not in names:
            names[entry.config] = identity_of(RunConfig.from_json(entry.config))
        found.setdefault(names[entry.config], []).append(entry)
    return {
        name: NetworkRecord(tuple(sorted(items, key=lambda entry: entry.forecast.cutoff)))
        for name, items in found.items()
    }


def _moves(y: Floats) -> Floats:
    """Return log returns [T - 1], or differences where a close is not positive."""
    if (y > 0).all():
        return np.diff(np.log(y))
    return np.diff(y)
