"""What a network must beat: simple forecasts of the distribution, behind the same interface as a network.

A baseline is a frozen config whose one verb, ``fit``, looks at the first ``insample[s]`` bars of each series only and
returns a predictor; the predictor looks, for each origin, at bars up to its cutoff only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.config import Settings
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel, PriceSeries


class Baseline(Settings, ABC):
    """A forecast without a network. ``name`` stands in tables and exports, ``label`` in sentences."""

    name: ClassVar[str]
    label: ClassVar[str]

    @abstractmethod
    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit to the first ``insample[s]`` bars of each series; forecast ``horizon`` bars.

        Raises
        ------
        DataError
            A series too short for this baseline.
        """


class RandomWalk(Baseline):
    """No change: the last value, with normal changes of the size seen lately, growing with the root of time.

    Log returns where the last ``window`` bars are all positive, otherwise differences.
    """

    name: ClassVar[str] = "random-walk"
    label: ClassVar[str] = "the random walk"
    window: int = Field(250, title="Window", description="Bars whose changes give the standard deviation.", ge=2)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Walk(self.name, horizon, self.window, np.zeros((len(panel), 2)))


class Drift(Baseline):
    """The random walk plus the mean in-sample change for every step."""

    name: ClassVar[str] = "drift"
    label: ClassVar[str] = "the drift"
    window: int = Field(250, title="Window", description="Bars whose changes give the standard deviation.", ge=2)

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Take the mean change of each series over its in-sample bars."""
        return _Walk(self.name, horizon, self.window, np.array([_mean_changes(s, n) for s, n in zip(panel, insample, strict=True)]))


#: Every baseline by name, with its default settings.
BASELINES: dict[str, Baseline] = {b.name: b for b in (RandomWalk(), Drift())}


def default_baselines(panel: Panel) -> tuple[str, ...]:
    """Return the names of the baselines that are scored beside every network on this panel."""
    return (RandomWalk.name, Drift.name)


@dataclass(frozen=True)
class _Walk:
    """Normal cumulative changes. ``drift`` [S, 2] is the mean one-bar change: as log return, and as difference."""

    name: str
    horizon: int
    window: int
    drift: Floats

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        steps = np.arange(1, self.horizon + 1, dtype=np.float64)[:, None]
        shock = np.sqrt(steps) * normal_quantiles(quantiles)
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, place, bars in _by_series(origins):
            log, spread = _recent_spread(panel[index], bars, self.window)
            level = panel[index].y[bars][:, None, None]
            drift = np.where(log, *self.drift[index])[:, None, None]
            change = drift * steps + spread[:, None, None] * shock
            values[place] = np.where(log[:, None, None], level * np.exp(np.where(log[:, None, None], change, 0)), level + change)
        return values


def normal_quantiles(quantiles: Sequence[float]) -> Floats:
    """Return the standard normal's quantiles, shape [Q]; exactly 0 for the median."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(q) for q in quantiles])


def _by_series(origins: Origins) -> Iterator[tuple[int, Ints, Ints]]:
    """Group origins: for each series that has some, its index, their places [n], and their bars [n]."""
    order = np.argsort(origins.series, kind="stable")
    indices, starts = np.unique(origins.series[order], return_index=True)
    for index, place in zip(indices, np.split(order, starts[1:]), strict=True):
        yield int(index), place, origins.bar[place]


def _recent_spread(series: PriceSeries, bars: Ints, window: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Floats]:
    """Return, for each bar, whether its last changes are taken in logs, and their standard deviation; both [n].

    Looks at the ``window`` changes that end with the bar, or at all there are.
    """
    if bars.min() < 2:
        raise DataError(f"{series.symbol} has {int(bars.min()) + 1} bars before a forecast; a random walk needs 3.", "Load more history.")
    positive = np.cumsum(np.concatenate([[0], series.y <= 0]))
    start = np.maximum(bars - window, 0)
    log = positive[bars + 1] == positive[start]
    spread = np.empty(bars.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.diff(np.log(series.y))
    changes = np.diff(series.y)
    for n, (begin, end) in enumerate(zip(start, bars, strict=True)):
        spread[n] = np.std((returns if log[n] else changes)[begin:end], ddof=1)
    return log, spread


def _mean_changes(series: PriceSeries, insample: int) -> tuple[float, float]:
    """Return the mean one-bar change in sample: as log return (0 where a value is not positive), and as difference."""
    if insample < 2:
        raise DataError(f"{series.symbol} has {insample} bars to fit; the drift needs 2.", "Load more history.")
    y = series.y[:insample]
    log = float(np.log(y[-1] / y[0])) / (insample - 1) if (y > 0).all() else 0.0
    return log, float(y[-1] - y[0]) / (insample - 1)
