"""Is it only yesterday's price? The forecast one step ahead beside what came and what was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting import metrics
from forecasting.series import Dates, Floats, Outcomes
from forecasting.verdict import LAGS, Copycat, copycat


@dataclass(frozen=True, eq=False)
class NextBar:
    """Forecasts of one series one step ahead, in order of time.

    Attributes
    ----------
    symbol : str
    ds : ndarray of datetime64[us], shape [N]
        Dates of the bars that were forecast.
    truth, forecast, yesterday : ndarray of float64, shape [N]
        What came, the point forecast of it, and the last value known when it was made.
    copy : Copycat or None
        Correlation of the changes of the forecast with those of the truth at several lags.
    """

    symbol: str
    ds: Dates
    truth: Floats
    forecast: Floats
    yesterday: Floats
    copy: Copycat | None

    @property
    def best_lag(self) -> int | None:
        """The lag at which the forecast follows the truth best: 1 is yesterday's value."""
        return None if self.copy is None else self.copy.lag

    @property
    def lags(self) -> Floats:
        """The lags of the correlations."""
        return np.arange(-LAGS, LAGS + 1, dtype=np.float64)

    @property
    def moves_guessed(self) -> float:
        """Share of the moves whose direction the forecast named; NaN where nothing moved or was
        named.
        """
        came, named = self.truth - self.yesterday, self.forecast - self.yesterday
        counted = (came != 0) & (named != 0)
        return float((np.sign(came) == np.sign(named))[counted].mean()) if counted.any() else np.nan

    @property
    def moves_up(self) -> float:
        """Share of the moves that went up; NaN where nothing moved."""
        came = self.truth - self.yesterday
        return float((came > 0)[came != 0].mean()) if (came != 0).any() else np.nan

    def distance(self, shift: int) -> float:
        """Return the mean absolute distance of the forecast from the truth when its line is moved
        ``shift`` bars to the left; NaN where nothing is left.
        """
        if abs(shift) >= len(self.truth):
            return np.nan
        moved = np.roll(self.forecast, -shift)
        inner = slice(0, len(moved) - shift) if shift >= 0 else slice(-shift, len(moved))
        return float(np.abs(moved[inner] - self.truth[inner]).mean())

    @property
    def best_shift(self) -> int:
        """The shift of the line at which it fits best."""
        shifts = range(-LAGS, LAGS + 1)
        return min(shifts, key=lambda shift: np.nan_to_num(self.distance(shift), nan=np.inf))


def next_bar(outcomes: Outcomes, symbol: str) -> NextBar | None:
    """Return the forecasts one step ahead of a series; None where there are fewer than two.

    Parameters
    ----------
    outcomes : Outcomes
        Of the network, from the test part.
    symbol : str
    """
    mine = outcomes.of(symbol)
    if len(mine) < 2:
        return None
    order = np.argsort(mine.cutoff, kind="stable")
    truth = mine.y[order, 0]
    known = np.isfinite(truth)
    order, truth = order[known], truth[known]
    if len(order) < 2:
        return None
    point = metrics.point(mine)[order, 0]
    return NextBar(symbol, mine.ds[order, 0], truth, point, mine.y0[order], copycat(mine))
