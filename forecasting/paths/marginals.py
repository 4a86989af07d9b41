"""Calibrated quantiles of each step, read as whole distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from forecasting.calendars import future_sessions
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.series import Dates, Floats, Forecast, Origins, Panel

_TAILS = (0.001, 0.0025, 0.005, 0.01, 0.025)
#: Levels that a predictor is asked for: every 5 %, and the tails down to one in a thousand.
LEVELS: tuple[float, ...] = (
    *_TAILS,
    *(round(0.05 * k, 2) for k in range(1, 20)),
    *(1 - level for level in reversed(_TAILS)),
)


@dataclass(frozen=True, eq=False)
class Marginals:
    """The distribution of each series at each step ahead, from one model.

    Between levels a quantile is linear in the normal score of its probability. Beyond the outermost
    levels the tail is exponential: linear in the logarithm of the tail's probability, through the
    two outermost levels. Both in logs of the value where all values of a series are positive.

    Attributes
    ----------
    model : str
    symbols : tuple of str, length S
    cutoff : ndarray of datetime64[us], shape [S]
    y0 : ndarray of float64, shape [S]
        Value at the cutoff.
    ds : ndarray of datetime64[us], shape [S, H]
    levels : tuple of float, length Q
        Increasing.
    values : ndarray of float64, shape [S, H, Q]
        Quantiles in price units, non-decreasing along Q.
    """

    model: str
    symbols: tuple[str, ...]
    cutoff: Dates
    y0: Floats
    ds: Dates
    levels: tuple[float, ...]
    values: Floats

    @classmethod
    def of_predictor(cls, predictor: Predictor, panel: Panel, horizon: int) -> Marginals:
        """Forecast ``horizon`` bars from the last bar of each series.

        Raises
        ------
        DataError
            A forecast that is no number.
        """
        values = predictor.predict(panel, Origins.last(panel), LEVELS)
        ds = np.stack([future_sessions(s, horizon) for s in panel])
        cutoff = np.array([s.ds[-1] for s in panel])
        y0 = np.array([s.y[-1] for s in panel])
        made = cls(predictor.name, panel.symbols, cutoff, y0, ds, LEVELS, values)
        made.check()
        return made

    @classmethod
    def of_forecasts(cls, forecasts: Sequence[Forecast]) -> Marginals:
        """Take the quantiles of forecasts that were made before, of one model and horizon.

        Raises
        ------
        DataError
            There is none, or their horizons differ.
        """
        if not forecasts:
            raise DataError("There is no forecast to draw paths from.", "Forecast first.")
        first = forecasts[0]
        if len({len(item) for item in forecasts}) > 1:
            raise DataError(
                "The forecasts have different horizons.", "Forecast all series with one horizon."
            )
        made = cls(
            first.model,
            tuple(item.symbol for item in forecasts),
            np.array([item.cutoff for item in forecasts], "datetime64[us]"),
            np.array([item.y0 for item in forecasts]),
            np.stack([item.ds for item in forecasts]),
            first.quantiles,
            np.stack([item.values for item in forecasts]),
        )
        made.check()
        return made

    def check(self) -> None:
        """Refuse quantiles that are no numbers; raises DataError naming the series."""
        bad = np.flatnonzero(~np.isfinite(self.values).all(axis=(1, 2)))
        if bad.size:
            raise DataError(
                f"The forecast of {self.symbols[bad[0]]} by {self.model} is no number.",
                "Check its prices, or choose another model.",
            )

    @property
    def horizon(self) -> int:
        """Bars ahead, H."""
        return int(self.values.shape[1])

    @property
    def log(self) -> npt.NDArray[np.bool_]:
        """Which series are read in logs, shape [S]."""
        return np.asarray((self.values > 0).all(axis=(1, 2)) & (self.y0 > 0))

    def at(self, probabilities: Floats, series: slice = slice(None)) -> Floats:
        """Return quantiles of some series at any probabilities.

        Parameters
        ----------
        probabilities : ndarray, shape [K]
            Between 0 and 1, increasing.
        series : slice

        Returns
        -------
        ndarray of float64, shape [S, H, K]
        """
        log = self.log[series]
        values = self.values[series].copy()
        values[log] = np.log(values[log])
        read = values @ _interpolation(self.levels, probabilities)
        np.exp(read, out=read, where=log[:, None, None])
        return np.asarray(read, np.float64)


def _interpolation(levels: Sequence[float], probabilities: Floats) -> Floats:
    """Return the weights [Q, K] of the known quantiles in those at other probabilities [K]."""
    normal = NormalDist()
    known = np.array([normal.inv_cdf(level) for level in levels])
    asked = np.array([normal.inv_cdf(p) for p in probabilities])
    above = np.clip(np.searchsorted(known, asked), 1, known.size - 1)
    share = (asked - known[above - 1]) / (known[above] - known[above - 1])
    low, high = asked < known[0], asked > known[-1]
    share[low] = np.log(probabilities[low] / levels[0]) / np.log(levels[1] / levels[0])
    upper = np.log((1 - probabilities[high]) / (1 - levels[-1]))
    share[high] = 1 - upper / np.log((1 - levels[-2]) / (1 - levels[-1]))
    weights = np.zeros((known.size, asked.size))
    columns = np.arange(asked.size)
    weights[above - 1, columns] = 1 - share
    weights[above, columns] = share
    return weights
