"""What moved a forecast, by input and bar: the numbers, without the network that made them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.events import Event
from forecasting.series import Dates, Floats


@dataclass(frozen=True, eq=False)
class Explanation:
    """What moved one forecast away from what the network says of a usual window.

    A usual window has every input at its in-sample mean. Attributions are those of integrated
    gradients (Sundararajan, Taly and Yan 2017) and add up to ``median_change`` and
    ``width_change``. They are in units of the scale of the step's move: 0.1 is a tenth of a usual
    move; of the width they are changes of its logarithm.

    Attributes
    ----------
    symbol, model : str
    cutoff : datetime64[us]
    step : int
        Bars ahead of the cutoff.
    scale : float
        Usual size of the move up to the step, in log returns or price units.
    ds : ndarray of datetime64[us], shape [L]
        Bars of the lookback.
    names : tuple of str, length K
        Inputs that are read at each of them.
    median, width : ndarray, shape [L, K]
    ahead_names : tuple of str, length F
        What is known of the bars ahead.
    ahead_median, ahead_width : ndarray, shape [step, F]
    start_median, start_width : float
        What is said of a usual window, beside the baseline.
    median_change, width_change : float
        What this window changes in that.
    deletion : float
        How many times more the median moves when the top tenth of the inputs is made usual than
        when a random tenth is; NaN where nothing moves.
    attention : ndarray of float64, shape [layers, queries, L], optional
        Of a Transformer: how much bars of the lookback, the last included, look at each bar.
    """

    symbol: str
    model: str
    cutoff: np.datetime64
    step: int
    scale: float
    ds: Dates
    names: tuple[str, ...]
    median: Floats
    width: Floats
    ahead_names: tuple[str, ...]
    ahead_median: Floats
    ahead_width: Floats
    start_median: float
    start_width: float
    median_change: float
    width_change: float
    deletion: float
    attention: Floats | None = None

    def by_input(self) -> dict[str, tuple[float, float]]:
        """Return how much each input moved the median and the width, the largest first."""
        found = {name: [0.0, 0.0] for name in (*self.names, *self.ahead_names)}
        parts = (
            (self.names, self.median, self.width),
            (self.ahead_names, self.ahead_median, self.ahead_width),
        )
        for names, median, width in parts:
            for index, name in enumerate(names):
                found[name][0] += float(median[:, index].sum())
                found[name][1] += float(width[:, index].sum())
        order = sorted(found, key=lambda name: -(abs(found[name][0]) + abs(found[name][1])))
        return {name: (found[name][0], found[name][1]) for name in order}

    def by_bar(self) -> Floats:
        """Return how much the inputs of each bar moved the median, [L]."""
        return np.asarray(self.median.sum(axis=1), np.float64)

    @property
    def residual(self) -> float:
        """Largest difference between the sum of the attributions and what they explain."""
        median = self.median.sum() + self.ahead_median.sum() - self.median_change
        width = self.width.sum() + self.ahead_width.sum() - self.width_change
        return float(max(abs(median), abs(width)))


@dataclass(frozen=True)
class Explained(Event):
    """Why forecasts of the real future are what they are, one a series; ``final`` unless the
    network is in training.
    """

    explanations: tuple[Explanation, ...]
    final: bool = True


@dataclass(frozen=True)
class GroupGain:
    """What a group of inputs adds on the test part.

    Attributes
    ----------
    name : str
        Of the group, or of its one input.
    inputs : tuple of str
    skill : float
        1 - CRPS with them / CRPS where they have their usual values; 0 where inputs do not count.
    p_value : float
        Two-sided, of equal CRPS; NaN where there is nothing to test.
    """

    name: str
    inputs: tuple[str, ...]
    skill: float
    p_value: float


@dataclass(frozen=True)
class Ablated(Event):
    """What each group of inputs adds; ``counted`` is the share in which inputs count."""

    gains: tuple[GroupGain, ...]
    counted: float = 0.0
