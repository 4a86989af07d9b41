"""Walks: no change or a steady change, with a spread that the last bars tell; next to nothing is
fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series, moved, normal_quantiles
from forecasting.baselines.spread import robust_deviation, winsorised
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel, PriceSeries
from forecasting.spikes import as_seen, without_spikes
from forecasting.volatility import Target, moves, resolve_target

_LEAST = 2


class RandomWalk(Baseline):
    """No change: the last value, with normal changes of the size seen lately, growing with the root
    of time.

    Log returns where all values of the panel are positive, otherwise differences, at every origin.
    Spikes that are over by then are held, and changes beyond 6 robust deviations count as that
    many.
    """

    name: ClassVar[str] = "random-walk"
    label: ClassVar[str] = "the random walk"
    title: ClassVar[str] = "Random walk"
    window: int = Field(
        250, title="Window", description="Last changes that give the standard deviation.", ge=_LEAST
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(
            self.name, horizon, self.window, _normal, resolve_target(panel), np.zeros(len(panel))
        )


class Drift(Baseline):
    """The random walk plus the mean in-sample change for every step (none for a series without
    in-sample bars).
    """

    name: ClassVar[str] = "drift"
    label: ClassVar[str] = "the drift"
    title: ClassVar[str] = "Drift"
    window: int = Field(
        250, title="Window", description="Last changes that give the standard deviation.", ge=_LEAST
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Take the mean change of each series over its in-sample bars."""
        target = resolve_target(panel)
        held = without_spikes(panel, insample)
        drift = np.array(
            [_mean_change(moves(s, target)[1:n]) for s, n in zip(held, insample, strict=True)]
        )
        return _Walk(self.name, horizon, self.window, _normal, target, drift)


class Ewma(Baseline):
    """The random walk with exponentially weighted volatility (RiskMetrics 1996), normal."""

    name: ClassVar[str] = "ewma"
    label: ClassVar[str] = "the random walk with EWMA volatility"
    title: ClassVar[str] = "EWMA volatility"
    decay: float = Field(
        0.94,
        title="Decay",
        description="Weight of a squared change relative to that of the next.",
        gt=0.5,
        lt=1.0,
    )
    window: int = Field(
        250, title="Window", description="Last changes that are weighted.", ge=_LEAST
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(
            self.name,
            horizon,
            self.window,
            lambda moves, q: _weighted(moves, q, self.decay),
            resolve_target(panel),
            np.zeros(len(panel)),
        )


class HistoricalSimulation(Baseline):
    """The last ``window`` changes as they were, times the root of the number of steps."""

    name: ClassVar[str] = "historical-simulation"
    label: ClassVar[str] = "historical simulation"
    title: ClassVar[str] = "Historical simulation"
    window: int = Field(
        250, title="Window", description="Last changes whose quantiles are taken.", ge=_LEAST
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(
            self.name, horizon, self.window, _empirical, resolve_target(panel), np.zeros(len(panel))
        )


#: From the last changes [n, W] to the quantiles of the next change [n, Q].
_Shape = Callable[[Floats, tuple[float, ...]], Floats]


@dataclass(frozen=True)
class _Walk:
    """``drift`` [S] is the mean one-bar change, in units of ``target``."""

    name: str
    horizon: int
    window: int
    shape: _Shape
    target: Target
    drift: Floats

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        steps = np.arange(1, self.horizon + 1, dtype=np.float64)[:, None]
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, position, bars in by_series(origins):
            series = panel[index]
            _check_bars(series, bars)
            for seen, version in as_seen(series, bars):
                line = moves(version, self.target)
                for some, last in _last_moves(line, bars[seen], self.window):
                    change = (
                        self.drift[index] * steps
                        + np.sqrt(steps) * self.shape(last, quantiles)[:, None, :]
                    )
                    values[position[seen[some]]] = moved(
                        series.y[bars[seen[some]]], change, self.target == "log-return"
                    )
        return values


def _check_bars(series: PriceSeries, bars: Ints) -> None:
    if bars.min() < _LEAST:
        raise DataError(
            f"{series.symbol} has too few bars before a forecast: {int(bars.min()) + 1}; a "
            f"random walk needs {_LEAST + 1}.",
            "Load more history.",
        )


def _last_moves(line: Floats, bars: Ints, window: int) -> Iterator[tuple[Ints, Floats]]:
    """Group bars: places among them [n], and the last moves [n, W] up to each, of the moves [T] of
    a series.

    W is ``window``, or all the moves there are for an early bar.
    """
    early = bars < window
    full = np.flatnonzero(~early)
    if full.size:
        yield full, np.lib.stride_tricks.sliding_window_view(line, window)[bars[full] - window + 1]
    for n in np.flatnonzero(early):
        yield np.array([n]), line[None, 1 : bars[n] + 1]


def _normal(changes: Floats, quantiles: tuple[float, ...]) -> Floats:
    return robust_deviation(changes)[:, None] * normal_quantiles(quantiles)


def _weighted(changes: Floats, quantiles: tuple[float, ...], decay: float) -> Floats:
    weights = decay ** np.arange(changes.shape[1] - 1, -1, -1.0)
    spread: Floats = np.sqrt(winsorised(changes) ** 2 @ weights / weights.sum())
    return spread[:, None] * normal_quantiles(quantiles)


def _empirical(changes: Floats, quantiles: tuple[float, ...]) -> Floats:
    return np.quantile(changes, quantiles, axis=1).T


def _mean_change(changes: Floats) -> float:
    """Return the mean of the winsorised changes [N], 0 where there is none: a wrong last bar is
    no trend.
    """
    return float(winsorised(changes[None]).mean()) if changes.size else 0.0
