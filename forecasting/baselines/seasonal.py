"""What sales and cash machines must be measured by: the same day of the last weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series
from forecasting.errors import DataError
from forecasting.events import Predictor
from forecasting.seasonality import phases, season_length
from forecasting.series import Floats, Ints, Origins, Panel, PriceSeries
from forecasting.spikes import as_seen

#: Fewest bars before a forecast.
_LEAST = 2
#: Windows whose errors are in memory at once.
_AT_ONCE = 10_000


class SeasonalNaive(Baseline):
    """The last bar of the same season (weekday, hour, month); the spread is that of past changes
    from season to season.
    """

    name: ClassVar[str] = "seasonal-naive"
    label: ClassVar[str] = "the last season repeated"
    title: ClassVar[str] = "Seasonal naive"
    window: int = Field(
        250, title="Window", description="Last bars whose errors give the spread.", ge=10
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Seasonal(self.name, horizon, self.window, 1, True)


class SeasonalMedian(Baseline):
    """The median of the last ``seasons`` bars of the same season; the spread is that of its past
    errors.
    """

    name: ClassVar[str] = "seasonal-median"
    label: ClassVar[str] = "the median of the last seasons"
    title: ClassVar[str] = "Seasonal median"
    window: int = Field(
        250, title="Window", description="Last bars whose errors give the spread.", ge=10
    )
    seasons: int = Field(
        8, title="Seasons", description="Last seasons whose median is taken.", ge=2
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Return the predictor; nothing is fitted."""
        return _Seasonal(self.name, horizon, self.window, self.seasons, False)


@dataclass(frozen=True)
class _Seasonal:
    """Median of the last ``seasons`` same bars plus quantiles of past errors, which grow with
    time if ``wandering``.
    """

    name: str
    horizon: int
    window: int
    seasons: int
    wandering: bool

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, position, bars in by_series(origins):
            series = panel[index]
            if bars.min() < _LEAST:
                raise DataError(
                    f"{series.symbol} has too few bars before a forecast: "
                    f"{int(bars.min()) + 1}; {_LEAST + 1} are needed.",
                    "Load more history.",
                )
            length = season_length(series)
            # Where a season has not been seen once, the last value stands for it.
            early = bars <= length
            for some, m in ((early, 1), (~early, length)):
                if some.any():
                    values[position[some]] = self._of_series(series, m, bars[some], quantiles)
        return values

    def _of_series(
        self, series: PriceSeries, length: int, bars: Ints, quantiles: tuple[float, ...]
    ) -> Floats:
        values = np.empty((bars.size, self.horizon, len(quantiles)))
        phase = phases(series, length)
        for seen, version in as_seen(series, bars):
            values[seen] = self._forecast(version.y, phase, length, bars[seen], quantiles)
        return values

    def _forecast(
        self, y: Floats, phase: Ints, length: int, bars: Ints, quantiles: tuple[float, ...]
    ) -> Floats:
        """Return the quantiles [n, H, Q] of what comes after some bars [n] of values [T] in
        places [T] of a season.
        """
        ahead = (phase[bars, None] + np.arange(1, self.horizon + 1)) % length
        centre = _typical(y, phase, bars[:, None], ahead, self.seasons)
        errors = self._errors(y, phase, length)
        spread = _spread(errors, bars, self.window, quantiles)
        growth = (
            np.sqrt(np.ceil(np.arange(1, self.horizon + 1) / length))
            if self.wandering
            else np.ones(self.horizon)
        )
        return np.asarray(centre[:, :, None] + growth[:, None] * spread[:, None, :], np.float64)

    def _errors(self, y: Floats, phase: Ints, length: int) -> Floats:
        """Return the error of each bar's forecast from one bar before, shape [T]; NaN where
        there was none.
        """
        errors = np.full(y.size, np.nan)
        bars = np.arange(length, y.size)
        errors[bars] = y[bars] - _typical(y, phase, bars - 1, phase[bars], self.seasons)
        return errors


def _spread(errors: Floats, bars: Ints, window: int, quantiles: Sequence[float]) -> Floats:
    """Return quantiles of the known errors of the last bars about their median, so that the median
    stays the seasonal one.

    Parameters
    ----------
    errors : ndarray, shape [T]
        NaN where nothing is known.
    bars : ndarray of int, shape [N]
        Last bars that may be looked at.
    window : int
        Bars up to each of them whose errors count.
    quantiles : sequence of float, length Q

    Returns
    -------
    ndarray, shape [N, Q]
    """
    windows = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([np.full(window - 1, np.nan), errors]), window
    )
    levels = np.array([*quantiles, 0.5])
    found = np.empty((bars.size, levels.size))
    for start in range(0, bars.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = _quantiles_of_known(windows[bars[part]], levels)
    return found[:, :-1] - found[:, -1:]


def _quantiles_of_known(values: Floats, levels: Floats) -> Floats:
    """Return quantiles [N, Q] of each row of values [N, W], NaN left out, by linear
    interpolation as ``np.quantile``.
    """
    rows = np.sort(values, axis=1)  # NaN comes last
    count = np.isfinite(rows).sum(axis=1)[:, None]
    index = levels * np.maximum(count - 1, 0)
    low = np.floor(index).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    below = np.take_along_axis(rows, low, axis=1)
    above = np.take_along_axis(rows, high, axis=1)
    found: Floats = below + (above - below) * (index - low)
    return found


def _typical(y: Floats, phase: Ints, bars: Ints, wanted: Ints, seasons: int) -> Floats:
    """Return the median of the last ``seasons`` values of a phase, at or before each bar; the last
    value where there is none.

    ``bars`` and ``wanted`` broadcast to one shape, which the result has.
    """
    bars, wanted = np.broadcast_arrays(bars, wanted)
    result = y[bars].copy()
    for kind in np.unique(wanted):
        same = np.flatnonzero(phase == kind)
        here = wanted == kind
        last = np.searchsorted(same, bars[here], side="right") - 1
        back = last[:, None] - np.arange(seasons)
        values = (
            np.where(back >= 0, y[same[np.maximum(back, 0)]], np.nan)
            if same.size
            else np.full(back.shape, np.nan)
        )
        some = back[:, 0] >= 0
        chosen = result[here]
        chosen[some] = _quantiles_of_known(values[some], np.array([0.5]))[:, 0]
        result[here] = chosen
    return result
