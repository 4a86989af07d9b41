"""The strongest simple forecast of how far prices move: volatility from ranges, shape from the
past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series, moved, normal_quantiles
from forecasting.cancellation import check_cancelled
from forecasting.events import Predictor
from forecasting.series import Floats, Origins, Panel
from forecasting.spikes import without_spikes
from forecasting.volatility import Har, clear_bars, path, resolve_target

_LEAST = 50


class RangeHar(Baseline):
    """Volatility by a heterogeneous autoregression of range variances, pooled over the panel; shape
    by simulation.

    The moves of the in-sample bars, each divided by the volatility then forecast for it, are the
    standardised moves (of all series together); their quantiles times today's forecast of
    volatility are the forecast. A step with fewer than 50 such moves, or with none but zeros, is
    taken as normal. Times in which a price stood still are left out.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility; Barone-Adesi,
    Giannopoulos & Vosper (1999), VaR without correlations for portfolios of derivative securities
    (filtered historical simulation).
    """

    name: ClassVar[str] = "har"
    label: ClassVar[str] = "HAR volatility"
    title: ClassVar[str] = "HAR volatility"
    warm_up: int = Field(
        250,
        title="Warm-up",
        description="First bars whose moves are left out, while averages fill.",
        ge=0,
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit the regression, then collect standardised moves that ended in sample."""
        target = resolve_target(panel)
        panel = without_spikes(panel, insample)
        har = Har.fit(panel, insample, horizon, target)
        moves: list[list[Floats]] = [[] for _ in range(horizon)]
        for index, (series, known) in enumerate(zip(panel, insample, strict=True)):
            check_cancelled()
            scale = har.scale_of(panel, index)
            line = path(series, har.target)[:known]
            clear = clear_bars(series, har.target, known)
            first = min(self.warm_up, known // 4)
            for h in range(1, min(horizon, known - first - 1) + 1):
                bars = first + np.flatnonzero(clear[first : known - h] >= h)
                moves[h - 1].append((line[bars + h] - line[bars]) / scale[bars, h - 1])
        return _Filtered(
            self.name, har, tuple(np.concatenate([*step, np.empty(0)]) for step in moves)
        )


@dataclass(frozen=True, eq=False)
class _Filtered:
    """``moves`` holds the standardised moves of each step; ``shapes`` their quantiles [H, Q] by the
    levels that were asked for.
    """

    name: str
    har: Har
    moves: tuple[Floats, ...]
    shapes: dict[tuple[float, ...], Floats] = field(default_factory=dict, repr=False)

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        if quantiles not in self.shapes:
            self.shapes[quantiles] = self._shape(quantiles)
        shape = self.shapes[quantiles]
        values = np.empty((len(origins), *shape.shape))
        for index, position, bars in by_series(origins):
            change = self.har.scale_of(panel, index)[bars][:, :, None] * shape
            values[position] = moved(panel[index].y[bars], change, self.har.target == "log-return")
        return values

    def _shape(self, quantiles: tuple[float, ...]) -> Floats:
        """Return the quantiles of the standardised moves of each step, [H, Q]."""
        return np.stack(
            [
                np.quantile(step, quantiles)
                if step.size >= _LEAST and step.any()
                else normal_quantiles(quantiles)
                for step in self.moves
            ]
        )
