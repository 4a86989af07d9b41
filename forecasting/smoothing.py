"""Exponential smoothing at every bar of a series: what level, trend and season known at a bar say
of the next ones.

Many smoothers run side by side: with and without a season, with quick and slow levels, without a
trend, with a damped one, and with half the trend so far, which is the Theta method (Assimakopoulos
& Nikolopoulos 2000). At each bar they are averaged, weighted by how well each has forecast that
series up to there. So nothing has to be fitted beforehand, a series that was never seen is smoothed
as any other, and no bar after the one at hand is looked at.

References
----------
Gardner (1985), Exponential smoothing: the state of the art.
Petropoulos and Svetunkov (2020), A simple combination of univariate models.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecasting.seasonality import mean_by_phase, phases, season_length
from forecasting.series import Floats, Panel, PriceSeries

#: Shares of an error that move the level, and of that share what moves the trend; how much of a
#: trend is left a bar later.
_LEVELS = (0.05, 0.12, 0.25, 0.45, 0.7, 1.0)
_TREND, _DAMPING = 0.2, 0.93
#: Errors count by this share less with each bar; the power of the errors by which smoothers are
#: weighted.
_DECAY, _SHARPNESS = 0.98, 10.0
#: Errors that each smoother is thought to have made, as large as those of no change, before there
#: are any.
_PRIOR_ERRORS = 1.0
#: Steps ahead at which errors are looked at.
_LOOKED_AT = 4
#: Longest season; longer ones show too seldom to be averaged.
_LONGEST = 400


@dataclass(frozen=True)
class _States:
    """What smoothers know at each bar of a path: level and two kinds of trend.

    Attributes
    ----------
    level, damped, steady : ndarray, shape [K, T]
        Level; change of the next bar that fades, and that stays.
    """

    level: Floats
    damped: Floats
    steady: Floats

    def ahead(self, step: int) -> Floats:
        """Return the forecasts of one step ahead, without season, [K, T]."""
        return np.asarray(
            self.level + self.damped * _faded(step)[-1] + self.steady * step, np.float64
        )


def _faded(steps: int) -> Floats:
    """Return what a damped trend of 1 has added up to after each step, [H]."""
    return np.asarray(np.cumsum(_DAMPING ** np.arange(1, steps + 1)), np.float64)


def smoothed(panel: Panel, horizon: int, logs: bool) -> tuple[Floats, ...]:
    """Return what exponential smoothing says of the next bars, one array [T, H] a series.

    Parameters
    ----------
    panel : Panel
    horizon : int
    logs : bool
        Whether logs of the values are smoothed and returned; all values must be positive then.

    Returns
    -------
    tuple of ndarray, shape [T, H]
        Row t looks at values up to bar t, and at the dates of the bars after it.
    """
    return _smoothed(panel, horizon, logs)


@lru_cache(maxsize=4)
def _smoothed(panel: Panel, horizon: int, logs: bool) -> tuple[Floats, ...]:
    return tuple(_of_series(s, horizon, logs) for s in panel)


def _of_series(series: PriceSeries, horizon: int, logs: bool) -> Floats:
    line = np.log(series.y) if logs else np.array(series.y)
    length = season_length(series)
    states = [_states(line)]
    seasons = [np.zeros((line.size, horizon))]
    if 1 < length <= min(_LONGEST, line.size // 2):
        phase = phases(series, length)
        table = mean_by_phase(line, phase, length)
        here = table[np.arange(line.size), phase]
        ahead = (phase[:, None] + np.arange(1, horizon + 1)) % length
        states.append(_states(line - here))
        seasons.append(table[np.arange(line.size)[:, None], ahead])
    weights = _weights(line, states, seasons)
    return _averaged(weights, states, seasons, horizon)


def _states(line: Floats) -> _States:
    """Run all smoothers over a path [T]."""
    alpha = np.repeat(_LEVELS, 3)
    kind = np.tile(np.arange(3), len(_LEVELS))
    level, damped = np.empty((2, alpha.size, line.size))
    now = np.full(alpha.size, line[0])
    trend = np.zeros(alpha.size)
    beta = np.where(kind == 1, _TREND, 0.0) * alpha
    # A level that has seen few bars is their mean, not the first of them.
    for t, value in enumerate(line):
        error = value - now - _DAMPING * trend
        share = np.maximum(alpha, 1.0 / (t + 1.0))
        now = now + _DAMPING * trend + share * error
        trend = _DAMPING * trend + beta * error
        level[:, t] = now
        damped[:, t] = trend
    slope = np.where(kind == 2, 0.5, 0.0)[:, None] * _slopes(line)
    seen = (1 - (1 - alpha[:, None]) ** np.arange(1, line.size + 1)) / alpha[:, None]
    # A level that follows half of a trend lags behind it by so many bars.
    return _States(level + slope * (seen - 1), damped, slope)


def _slopes(line: Floats) -> Floats:
    """Return the slope of the least-squares line through the bars up to each, [T]; 0 before the
    tenth.
    """
    count = np.arange(1.0, line.size + 1)
    middle = (count - 1) / 2
    centred = line - line[0]
    total, crossed = np.cumsum(centred), np.cumsum(centred * np.arange(line.size))
    spread = count * (count**2 - 1) / 12
    slope = (crossed - middle * total) / np.maximum(spread, 1.0)
    return np.where(count >= 10, slope, 0.0)


def _weights(line: Floats, states: list[_States], seasons: list[Floats]) -> Floats:
    """Return the weight of each smoother at each bar, [M, K, T], by its errors up to that bar."""
    horizon = seasons[0].shape[1]
    steps = np.unique(np.geomspace(1, horizon, min(_LOOKED_AT, horizon)).round().astype(np.int64))
    score = np.zeros((len(states), states[0].level.shape[0], line.size))
    for step in steps[steps < line.size]:
        still = _mean_error(np.abs(line[step:] - line[:-step])[None], int(step), line.size)
        scale = np.maximum(still, 1e-12 * np.maximum(np.abs(line).max(), 1.0))
        for index, (state, season) in enumerate(zip(states, seasons, strict=True)):
            text = state.ahead(int(step)) + season[:, step - 1]
            score[index] += np.log(
                _mean_error(np.abs(line[step:] - text[:, :-step]), int(step), line.size, still)
                / scale
            )
    power = np.exp(-_SHARPNESS * (score - score.min(axis=(0, 1))) / len(steps))
    return np.asarray(power / power.sum(axis=(0, 1)), np.float64)


def _mean_error(errors: Floats, step: int, bars: int, prior: Floats | None = None) -> Floats:
    """Return the decayed mean of errors [K, T - step] as it is known at each bar, [K, T], drawn
    to ``prior`` [1, T] at first.
    """
    from scipy.signal import lfilter

    known = np.concatenate([np.zeros((len(errors), step)), errors], axis=1)
    there = np.concatenate([np.zeros(step), np.ones(bars - step)])
    total = lfilter([1.0], [1.0, -_DECAY], known, axis=1)
    weight = lfilter([1.0], [1.0, -_DECAY], there)
    if prior is None:
        return np.asarray(total / np.maximum(weight, 1.0) + 1e-300, np.float64)
    # Errors of several steps overlap: so many more are needed to tell as much.
    thought = _PRIOR_ERRORS * np.sqrt(step)
    return np.asarray((total + thought * prior) / (weight + thought) + 1e-300, np.float64)


def _averaged(
    weights: Floats, states: list[_States], seasons: list[Floats], horizon: int
) -> Floats:
    """Return the weighted mean of all smoothers' forecasts, [T, H]."""
    steps = np.arange(1, horizon + 1)
    found = np.zeros_like(seasons[0])
    for weight, state, season in zip(weights, states, seasons, strict=True):
        level, damped, steady = (
            (weight * item).sum(axis=0)[:, None]
            for item in (state.level, state.damped, state.steady)
        )
        found += (
            level + damped * _faded(horizon) + steady * steps + weight.sum(axis=0)[:, None] * season
        )
    return found
