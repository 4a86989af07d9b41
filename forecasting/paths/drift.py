"""Drift that counts only as far as the past can tell it from none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.events import Predictor
from forecasting.paths.dependence import Residuals
from forecasting.series import Floats, Origins, Panel

#: Baselines whose centre is the mean or median of past moves; others claim no drift, or claim one
#: on purpose.
DRIFTING: frozenset[str] = frozenset({"har", "garch-t", "historical-simulation"})
#: Independent moves lost to the error of a mean; how many more are as much doubt again.
_LOST, _DOUBTED = 5.0, 50.0
_QUARTILES = (0.25, 0.5, 0.75)
_PER_QUARTILE = 1.349
#: Variance of the median of normal draws, in variances of their mean.
_OF_MEDIAN = np.pi / 2


@dataclass(frozen=True)
class SteadyDrift:
    """A predictor whose median is drawn to the last value, as far as its drift is within what
    chance makes of none.

    Of a drift with ratio t to its standard error, ``1 - doubt / t^2`` is left (James and Stein
    1961), at every step. A drift of 20 bars that was fitted in a few good years is mostly theirs.

    Attributes
    ----------
    inner : Predictor
    kept : ndarray, shape [H]
        Share of the drift that is left.
    log : bool
        Whether moves are those of logarithms.
    """

    inner: Predictor
    kept: Floats
    log: bool

    @property
    def name(self) -> str:
        """Name of the model within."""
        return self.inner.name

    @classmethod
    def of(
        cls, inner: Predictor, panel: Panel, insample: tuple[int, ...], horizon: int
    ) -> SteadyDrift:
        """Measure the drift at the last bars in sample; no later bar is looked at.

        Its standard error is that of the mean of all series, which move together.
        """
        known = Panel(tuple(s.head(n) for s, n in zip(panel, insample, strict=True)))
        log = all(bool((s.y > 0).all()) for s in known)
        values = inner.predict(known, Origins.last(known), _QUARTILES)
        start = np.array([s.y[-1] for s in known])[:, None]
        values, start = (np.log(values), np.log(start)) if log else (values, start)
        spread = np.maximum((values[:, :, 2] - values[:, :, 0]) / _PER_QUARTILE, 1e-12)
        ratio = ((values[:, :, 1] - start) / spread).mean(axis=0)
        return cls(inner, _kept(ratio, Residuals.of(known)), log)

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return values in price units, [N, H, Q], shifted by what is not left of the drift."""
        levels = tuple(sorted({*quantiles, 0.5}))
        values = self.inner.predict(panel, origins, levels)
        start = np.array(
            [panel[int(s)].y[b] for s, b in zip(origins.series, origins.bar, strict=True)]
        )[:, None]
        median = values[:, :, levels.index(0.5)]
        lost = 1 - self.kept
        shifted = (
            values * ((start / median) ** lost)[:, :, None]
            if self.log
            else values + ((start - median) * lost)[:, :, None]
        )
        return np.asarray(shifted[:, :, [levels.index(q) for q in quantiles]], np.float64)


def _kept(ratio: Floats, residuals: Residuals) -> Floats:
    """Return the share that is left at each step of a drift in units of the spread of a series
    [H].
    """
    known = np.isfinite(residuals.values)
    dates = known.any(axis=0)
    means = np.where(known, residuals.values, 0.0).sum(axis=0)[dates] / known.sum(axis=0)[dates]
    spread = float(residuals.values[known].var()) if known.any() else 0.0
    together = float(means.var()) / spread if spread > 0 else 1.0
    independent = means.size / np.arange(1, ratio.size + 1) - _LOST
    some = np.maximum(independent, 1e-9)
    doubt = (1 + _DOUBTED / some) * _OF_MEDIAN * together / some
    left = np.maximum(0.0, 1 - doubt / np.maximum(ratio**2, 1e-100))
    return np.where(independent > 0, left, 0.0)
