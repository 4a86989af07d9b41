"""A weighted mean of the quantiles of several models, weighted by how they did on bars that none of
them was fitted to.

References
----------
Lichtendahl, Grushka-Cockayne and Winkler (2013), Is it better to average probabilities or
quantiles? Smith and Wallis (2009), A simple explanation of the forecast combination puzzle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline
from forecasting.cancellation import check_cancelled
from forecasting.errors import ConfigError
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel

PREFIX = "combine:"
#: Levels on which weights are learned.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
#: Share of the bars before the first origin that weights are learned on; fewest and most dates.
_VALIDATION_SHARE, _LEAST_DATES, _MOST_DATES = 0.2, 30, 250
#: Fewest dates whose outcomes do not overlap.
_LEAST_INDEPENDENT = 10
#: Most outcomes that are learned from at once.
_MOST_OUTCOMES = 40_000
#: Steps of the search for weights, and size of the first.
_STEPS, _RATE = 400, 2.0
#: A gain over equal weights counts as 1 - (this / t) squared of it, t its t-statistic by date.
_SURE = 2.0


@dataclass(frozen=True, eq=False)
class Weights:
    """How much each model counts.

    Attributes
    ----------
    names : tuple of str, length M
    values : ndarray of float64, shape [M]
        Not below 0; they add to 1.
    trust : float
        How far they are from equal ones, 0 to 1: by how surely they gained on the validation part.
    dates : int
        Cutoffs that they were learned on.
    """

    names: tuple[str, ...]
    values: Floats
    trust: float = 0.0
    dates: int = 0


def learned_weights(
    names: Sequence[str],
    values: Floats,
    y: Floats,
    scale: Floats,
    date: Ints,
    levels: Sequence[float] = LEVELS,
    overlap: float = 1.0,
) -> Weights:
    """Return the weights with the least pinball loss of the weighted quantiles, drawn towards
    equal ones by how unsure the gain is.

    Parameters
    ----------
    names : sequence of str, length M
    values : ndarray, shape [M, N, H, Q]
        Quantiles of each model from the same origins.
    y : ndarray, shape [N, H]
        What happened; NaN where that is not known.
    scale : ndarray, shape [N]
        Unit of each origin's losses.
    date : ndarray of int64, shape [N]
        Which origins are of one date: series move together.
    levels : sequence of float, length Q
    overlap : float
        Dates that outcomes of one date overlap with, itself included: so many are worth one.
    """
    count = len(names)
    equal = np.full(count, 1 / count)
    known = np.isfinite(y).all(axis=1) & np.isfinite(values).all(axis=(0, 2, 3)) & (scale > 0)
    dates = np.unique(date[known]).size
    if count == 1 or dates < _LEAST_DATES or dates / overlap < _LEAST_INDEPENDENT:
        return Weights(tuple(names), equal, 0.0, dates)
    forecasts = values[:, known] / scale[known, None, None]
    actual = y[known] / scale[known, None]
    best = _descended(forecasts, actual, np.asarray(levels))
    gain = _loss(forecasts, actual, levels, equal) - _loss(forecasts, actual, levels, best)
    trust = _trust(gain, date[known], overlap)
    return Weights(tuple(names), equal + trust * (best - equal), trust, dates)


def _descended(forecasts: Floats, actual: Floats, levels: Floats) -> Floats:
    """Minimise the pinball loss over the simplex by exponentiated gradient steps."""
    log_weights = np.zeros(len(forecasts))
    best, least = np.full(len(forecasts), 1 / len(forecasts)), math.inf
    size = None
    for step in range(_STEPS):
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        combined = np.tensordot(weights, forecasts, 1)
        below = actual[..., None] < combined
        loss = float(((below - levels) * (combined - actual[..., None])).mean())
        if loss < least:
            best, least = weights, loss
        slope = (forecasts * (below - levels)).mean(axis=(1, 2, 3))
        slope -= slope @ weights
        size = size or float(np.abs(slope).max()) or 1.0
        log_weights = log_weights - _RATE / math.sqrt(step + 1) * slope / size
    return best


def _loss(forecasts: Floats, actual: Floats, levels: Sequence[float], weights: Floats) -> Floats:
    """Return the mean pinball loss of each origin, shape [N]."""
    combined = np.tensordot(weights, forecasts, 1)
    error = actual[..., None] - combined
    tilted = np.maximum(np.asarray(levels) * error, (np.asarray(levels) - 1) * error)
    return np.asarray(tilted.mean(axis=(1, 2)), np.float64)


def _trust(gain: Floats, date: Ints, overlap: float) -> float:
    """Return how much of the way from equal weights is gone, by the t-statistic of the gain over
    dates that do not overlap.
    """
    _, index = np.unique(date, return_inverse=True)
    by_date = np.bincount(index, gain) / np.bincount(index)
    spread = float(by_date.std(ddof=1))
    if not spread > 0:
        return 1.0 if by_date.mean() > 0 else 0.0
    t = float(by_date.mean()) / spread * math.sqrt(by_date.size / overlap)
    return max(0.0, 1 - (_SURE / t) ** 2) if t > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Combined:
    """Several fitted models whose quantiles are averaged.

    Attributes
    ----------
    name : str
    members : tuple of Predictor
    weights : Weights
    """

    name: str
    members: tuple[Predictor, ...]
    weights: Weights

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return values in price units, shape [N, H, Q]; a model of weight 0 is not asked."""
        total: Floats | None = None
        for member, weight in zip(self.members, self.weights.values, strict=True):
            if weight <= 0:
                continue
            part = weight * member.predict(panel, origins, quantiles)
            total = part if total is None else total + part
        assert total is not None
        return total


def weigh(members: Sequence[Predictor], panel: Panel, origins: Origins, horizon: int) -> Weights:
    """Learn weights from forecasts of origins that no member was fitted to.

    Parameters
    ----------
    members : sequence of Predictor
    panel : Panel
    origins : Origins
        Each with ``horizon`` known bars after it; thinned to at most 250 dates.
    horizon : int
    """
    names = [member.name for member in members]
    if not len(origins):
        return Weights(tuple(names), np.full(len(names), 1 / len(names)))
    dates = np.array(
        [panel[int(s)].ds[b] for s, b in zip(origins.series, origins.bar, strict=True)]
    )
    distinct = np.unique(dates)
    stride = max(1, -(-distinct.size // _MOST_DATES), len(origins) * horizon // _MOST_OUTCOMES)
    taken = np.isin(dates, distinct[::stride])
    origins, dates = origins.take(np.flatnonzero(taken)), dates[taken]
    values = []
    for member in members:
        check_cancelled()
        values.append(member.predict(panel, origins, LEVELS))
    ahead = np.arange(1, horizon + 1)
    pairs = list(zip(origins.series, origins.bar, strict=True))
    y = np.stack([panel[int(s)].y[b + ahead] for s, b in pairs])
    scale = np.array([abs(panel[int(s)].y[b]) for s, b in pairs])
    index = np.unique(dates, return_inverse=True)[1]
    overlap = max(1.0, horizon / stride)
    return learned_weights(names, np.stack(values), y, scale, index, overlap=overlap)


class Combination(Baseline):
    """A weighted mean of quantiles of other baselines.

    Weights are learned on the last fifth of what it is fitted to; the members are fitted to all of
    it then.
    """

    name: ClassVar[str] = "combine"
    label: ClassVar[str] = "a combination"
    title: ClassVar[str] = "Combination"
    models: tuple[Baseline, ...] = Field(description="What is combined.")
    names: tuple[str, ...] = Field(description="Their names.")

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit the members, and learn their weights on bars that they had not seen."""
        first = [bars - max(round(_VALIDATION_SHARE * bars), horizon + 1) for bars in insample]
        enough = min(first) > max(_LEAST_DATES, horizon)
        whole = tuple(model.fit(panel, insample, horizon) for model in self.models)
        names = tuple(member.name for member in whole)
        weights = Weights(names, np.full(len(names), 1 / len(names)))
        if enough:
            early = [model.fit(panel, first, horizon) for model in self.models]
            weights = weigh(early, panel, _between(first, insample, horizon), horizon)
        return Combined(PREFIX + "+".join(self.names), whole, weights)


def _between(first: Sequence[int], last: Sequence[int], horizon: int) -> Origins:
    """Return the origins from the last bar of ``first`` on whose outcomes lie before ``last``."""
    spans = [np.arange(begin - 1, end - horizon) for begin, end in zip(first, last, strict=True)]
    series = np.concatenate([np.full(span.size, n) for n, span in enumerate(spans)])
    return Origins(series, np.concatenate(spans))


def is_combination(name: str) -> bool:
    """Tell whether a baseline is a combination of others."""
    return name.startswith(PREFIX)


def members_of(name: str) -> tuple[str, ...]:
    """Return the names of what a combination combines.

    Raises
    ------
    ConfigError
        Fewer than two, one twice, or a combination of combinations.
    """
    parts = tuple(part.strip() for part in name.removeprefix(PREFIX).split("+"))
    distinct = len(set(parts)) == len(parts)
    if len(parts) < 2 or not all(parts) or not distinct or any(map(is_combination, parts)):
        raise ConfigError(
            f"baselines: '{name}' combines {len(set(parts))} model(s).",
            "Name two or more different ones: combine:har+garch-t.",
        )
    return parts
