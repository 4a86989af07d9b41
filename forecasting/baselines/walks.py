"""Walks: no change or a steady change, with a spread that the last bars tell; next to nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series, moved, normal_quantiles
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel, PriceSeries

_LEAST = 2


class RandomWalk(Baseline):
    """No change: the last value, with normal changes of the size seen lately, growing with the root of time.

    Log returns where the last ``window`` bars are all positive, otherwise differences.
    """

    name: ClassVar[str] = "random-walk"
    label: ClassVar[str] = "the random walk"
    window: int = Field(250, title="Window", description="Last changes that give the standard deviation.", ge=_LEAST)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(self.name, horizon, self.window, _normal, np.zeros((len(panel), 2)))


class Drift(Baseline):
    """The random walk plus the mean in-sample change for every step (none for a series without in-sample bars)."""

    name: ClassVar[str] = "drift"
    label: ClassVar[str] = "the drift"
    window: int = Field(250, title="Window", description="Last changes that give the standard deviation.", ge=_LEAST)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Take the mean change of each series over its in-sample bars."""
        drift = np.array([_mean_changes(s.y[:n]) for s, n in zip(panel, insample, strict=True)])
        return _Walk(self.name, horizon, self.window, _normal, drift)


class Ewma(Baseline):
    """The random walk with exponentially weighted volatility (RiskMetrics 1996), normal."""

    name: ClassVar[str] = "ewma"
    label: ClassVar[str] = "the random walk with EWMA volatility"
    decay: float = Field(0.94, title="Decay", description="Weight of a squared change relative to that of the next.", gt=0.5, lt=1.0)
    window: int = Field(250, title="Window", description="Last changes that are weighted.", ge=_LEAST)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(self.name, horizon, self.window, lambda moves, q: _weighted(moves, q, self.decay), np.zeros((len(panel), 2)))


class HistoricalSimulation(Baseline):
    """The last ``window`` changes as they were, times the root of the number of steps."""

    name: ClassVar[str] = "historical-simulation"
    label: ClassVar[str] = "historical simulation"
    window: int = Field(250, title="Window", description="Last changes whose quantiles are taken.", ge=_LEAST)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(self.name, horizon, self.window, _empirical, np.zeros((len(panel), 2)))


#: From the last changes [n, W] and the levels to the quantiles of the next change [n, Q].
_Shape = Callable[[Floats, tuple[float, ...]], Floats]


@dataclass(frozen=True)
class _Walk:
    """``drift`` [S, 2] is the mean one-bar change: as log return, and as difference."""

    name: str
    horizon: int
    window: int
    shape: _Shape
    drift: Floats

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        steps = np.arange(1, self.horizon + 1, dtype=np.float64)[:, None]
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, place, bars in by_series(origins):
            series = panel[index]
            for some, log, moves in _last_moves(series, bars, self.window):
                change = self.drift[index, 0 if log else 1] * steps + np.sqrt(steps) * self.shape(moves, quantiles)[:, None, :]
                values[place[some]] = moved(series.y[bars[some]], change, log)
        return values


def _last_moves(series: PriceSeries, bars: Ints, window: int) -> Iterator[tuple[Ints, bool, Floats]]:
    """Group bars: places among them [n], whether their moves are log returns, and the last moves [n, W] up to each bar.

    W is ``window``, or all the moves there are for an early bar.
    """
    if bars.min() < _LEAST:
        raise DataError(
            f"{series.symbol} has too few bars before a forecast: {int(bars.min()) + 1}; a random walk needs {_LEAST + 1}.",
            "Load more history.",
        )
    y = series.y
    negatives = np.concatenate([[0], np.cumsum(y <= 0)])
    log = negatives[bars + 1] == negatives[np.maximum(bars - window, 0)]
    moves = {False: np.diff(y), True: np.diff(np.log(np.where(y > 0, y, np.nan)))}
    early = bars < window
    for kind in np.unique(log):
        full = np.flatnonzero((log == kind) & ~early)
        if full.size:
            yield full, bool(kind), np.lib.stride_tricks.sliding_window_view(moves[bool(kind)], window)[bars[full] - window]
    for n in np.flatnonzero(early):
        yield np.array([n]), bool(log[n]), moves[bool(log[n])][None, : bars[n]]


def _normal(moves: Floats, quantiles: tuple[float, ...]) -> Floats:
    spread: Floats = moves.std(axis=1, ddof=1)
    return spread[:, None] * normal_quantiles(quantiles)


def _weighted(moves: Floats, quantiles: tuple[float, ...], decay: float) -> Floats:
    weights = decay ** np.arange(moves.shape[1] - 1, -1, -1.0)
    spread: Floats = np.sqrt(moves**2 @ weights / weights.sum())
    return spread[:, None] * normal_quantiles(quantiles)


def _empirical(moves: Floats, quantiles: tuple[float, ...]) -> Floats:
    return np.quantile(moves, quantiles, axis=1).T


def _mean_changes(y: Floats) -> tuple[float, float]:
    """Return the mean one-bar change: as log return (0 where a value is not positive), and as difference."""
    if y.size < _LEAST:
        return 0.0, 0.0
    log = float(np.log(y[-1] / y[0])) / (y.size - 1) if y[0] > 0 and y[-1] > 0 else 0.0
    return log, float(y[-1] - y[0]) / (y.size - 1)
