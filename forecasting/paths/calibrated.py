"""The value of a portfolio calibrated by its own past misses, as the bands of every series are."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.conformal import CALIBRATIONS
from forecasting.events import Event, Predictor, Progress
from forecasting.paths.dependence import DependenceName
from forecasting.paths.marginals import LEVELS
from forecasting.paths.past import past_paths
from forecasting.series import Dates, Floats, Outcomes, Panel

#: Adaptive: what one portfolio misses tells of nothing but itself.
_CALIBRATION = CALIBRATIONS["aci"].model_copy(update={"common": 1.0})
_FAR = np.datetime64(2**62, "us")
#: Levels at which a distribution is moved: so near to each other that its density keeps no steps.
_FINE: tuple[float, ...] = tuple(sorted({*LEVELS, *(round(0.01 * k, 2) for k in range(1, 100))}))


@dataclass(frozen=True, eq=False)
class ValueRecord:
    """Past forecasts of a value beside what happened.

    Attributes
    ----------
    outcomes : Outcomes
        Quantiles of the value relative to that at the cutoff.
    """

    outcomes: Outcomes

    @classmethod
    def of(cls, cutoffs: Dates, ds: Dates, outcome: Floats, samples: Floats) -> ValueRecord:
        """Keep forecasts.

        Parameters
        ----------
        cutoffs : ndarray of datetime64[us], shape [N]
        ds : ndarray of datetime64[us], shape [N, H]
        outcome : ndarray, shape [N, H]
        samples : ndarray, shape [N, H, K]
        """
        values = np.moveaxis(np.quantile(samples, _FINE, axis=2), 0, 2)
        name = np.full(len(cutoffs), "portfolio")
        start = np.ones(len(cutoffs))
        return cls(Outcomes("portfolio", name, cutoffs, ds, start, outcome, _FINE, values))

    def calibrated(self, samples: Floats) -> Floats:
        """Return the samples [N, H, K] it was made of, each calibrated by what was known at its
        cutoff.
        """
        found = _CALIBRATION.calibrate(self.outcomes)
        return moved(samples, self.outcomes.values, found.values)

    def held(self, percent: int) -> Floats:
        """Return the share of outcomes inside a central band by step, shape [H], each forecast
        calibrated by what was known at its cutoff.
        """
        found = _CALIBRATION.calibrate(self.outcomes)
        low, high = (found.quantile(0.5 + side * percent / 200) for side in (-1, 1))
        return np.asarray(((found.y >= low) & (found.y <= high)).mean(axis=0), np.float64)

    def apply(self, samples: Floats, cutoff: np.datetime64) -> Floats:
        """Return the samples [H, K] of a forecast from a later cutoff, calibrated."""
        values = np.quantile(samples, self.outcomes.quantiles, axis=1).T[None]
        steps = samples.shape[0]
        now = replace(
            self.outcomes,
            symbol=self.outcomes.symbol[:1],
            cutoff=np.array([cutoff], "datetime64[us]"),
            ds=np.full((1, steps), _FAR),
            y0=np.ones(1),
            y=np.full((1, steps), np.nan),
            values=values,
        )
        found = _CALIBRATION.calibrate(now, self.outcomes)
        return np.asarray(moved(samples[None], values, found.values)[0], np.float64)


def value_record(
    predictor: Predictor,
    panel: Panel,
    weights: Floats,
    dates: Dates,
    horizon: int,
    n_paths: int,
    seed: int = 0,
    dependence: DependenceName = "history",
) -> Generator[Event, None, ValueRecord]:
    """Forecast the value of a portfolio from past dates, beside what happened.

    Parameters
    ----------
    predictor : Predictor
        Looks at what was known at each date only.
    panel : Panel
    weights : ndarray, shape [S]
    dates : ndarray of datetime64[us], shape [N]
    horizon : int

    Yields
    ------
    Progress
    """
    cutoffs, ds, outcome, values = [], [], [], []
    for made in past_paths(predictor, panel, dates, horizon, n_paths, seed, dependence):
        book, paths = weights[made.series], made.paths
        cutoffs.append(paths.cutoff.max())
        ds.append(paths.ds[0])
        outcome.append(1 + book @ (made.y / paths.y0[:, None] - 1))
        values.append(1 + np.tensordot(book, paths.growth - 1, 1))
        yield Progress(len(cutoffs), dates.size, "Looking back at the portfolio")
    return ValueRecord.of(*map(np.array, (cutoffs, ds, outcome, values)))


def moved(samples: Floats, before: Floats, after: Floats) -> Floats:
    """Move samples [N, H, K] as their quantiles [N, H, Q] are; beyond the outer ones alike."""
    found = np.empty(samples.shape, samples.dtype)
    shape = (-1, samples.shape[2])
    rows = zip(
        found.reshape(shape),
        samples.reshape(shape),
        before.reshape(-1, before.shape[2]),
        after.reshape(-1, after.shape[2]),
        strict=True,
    )
    for out, line, old, new in rows:
        shift = np.interp(line, old, new - old)
        out[:] = line + shift
    return found
