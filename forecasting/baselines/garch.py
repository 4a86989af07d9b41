"""The textbook model of volatility that comes in clusters: GARCH(1,1) with Student-t shocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from forecasting.baselines.baseline import Baseline, by_series, moved
from forecasting.baselines.garch_likelihood import carried, fit_garch
from forecasting.baselines.spread import winsorised
from forecasting.cancellation import check_cancelled
from forecasting.events import Predictor
from forecasting.series import Floats, Ints, Origins, Panel
from forecasting.spikes import as_seen, without_spikes
from forecasting.volatility import Target, clear_bars, moves, resolve_target

#: Mean, omega, alpha, beta, degrees of freedom (variance 1): usual values of daily returns, where
#: no series is long enough.
_USUAL = (0.0, 0.02, 0.06, 0.92, 6.0)
_MOST_PERSISTENT = 0.999
_FEWEST_FREEDOMS = 2.1
#: Changes beyond so many robust deviations count as that many where parameters are fitted; the t
#: distribution copes with less.
_MOST_DEVIATIONS = 12.0


class GarchT(Baseline):
    """GARCH(1,1) with constant mean and Student-t shocks (Bollerslev 1987), each series on its own,
    by maximum likelihood.

    Parameters are fitted once, in sample, and frozen; the variance is then filtered bar by bar. The
    variance of an h-bar move is the sum of the forecast variances; its shape is kept the t
    distribution of one bar. A series with fewer than ``least`` in-sample bars takes the median
    parameters of the others and its own variance so far. Changes are log returns where all values
    of the panel are positive, otherwise differences. Spikes are held where they are over, and
    parameters are fitted to changes of at most 12 robust deviations, without times in which a price
    stood still.
    """

    name: ClassVar[str] = "garch-t"
    label: ClassVar[str] = "GARCH(1,1)-t"
    title: ClassVar[str] = "GARCH-t"
    least: int = Field(
        250,
        title="Shortest series",
        description="In-sample bars from which parameters are fitted.",
        ge=50,
    )

    def fit(self, panel: Panel, insample: Sequence[int], horizon: int) -> Predictor:
        """Fit every series to its in-sample bars."""
        target = resolve_target(panel)
        learned: dict[int, Floats] = {}
        units = np.zeros(len(panel))
        for index, (series, known) in enumerate(
            zip(without_spikes(panel, insample), insample, strict=True)
        ):
            check_cancelled()
            if known > self.least and np.ptp(series.y[:known]) > 0:
                trading = clear_bars(series, target, known)[1:] >= 0
                changes = winsorised(
                    moves(series, target)[None, 1:known][:, trading], _MOST_DEVIATIONS
                )[0]
                units[index] = changes.std()
                learned[index] = changes / changes.std()
        own = fit_garch([*learned.values()])
        others = np.median(own, axis=0) if len(own) else np.array(_USUAL)
        parameters = np.tile(others, (len(panel), 1))
        parameters[[*learned]] = own
        return _Garch(self.name, horizon, target, parameters, units)


@dataclass(frozen=True)
class _Garch:
    """``parameters`` [S, 5] as of :func:`fit_garch`; ``units`` [S] they are in, 0: the deviation of
    all seen so far.
    """

    name: str
    horizon: int
    target: Target
    parameters: Floats
    units: Floats

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for index, position, bars in by_series(origins):
            mean, _, _, _, freedoms = self.parameters[index]
            steps = np.arange(1, self.horizon + 1)
            shape = _t_quantiles(max(freedoms, _FEWEST_FREEDOMS), quantiles)
            for seen, version in as_seen(panel[index], bars):
                unit, deviation = self._filtered(moves(version, self.target), index, bars[seen])
                change = (mean * unit[:, None] * steps)[:, :, None] + deviation[:, :, None] * shape
                values[position[seen]] = moved(
                    panel[index].y[bars[seen]], change, self.target == "log-return"
                )
        return values

    def _filtered(self, line: Floats, index: int, bars: Ints) -> tuple[Floats, Floats]:
        """Return the unit [n] and the forecast deviation of the next h-bar moves [n, H], of
        moves [T] up to each bar only.
        """
        mean, omega, alpha, beta, _ = self.parameters[index]
        so_far = np.sqrt(np.cumsum(line**2) / np.maximum(np.arange(line.size), 1))
        unit = np.full(line.size, self.units[index]) if self.units[index] else so_far
        shocks = omega * unit**2 + alpha * (line - mean * unit) ** 2
        shocks[0] += beta * unit[0] ** 2
        ahead = carried(shocks[None], np.array([[beta]]))[0]
        persistence = min(alpha + beta, _MOST_PERSISTENT)
        level = (omega * unit**2 / (1 - persistence))[bars, None]
        variances = level + persistence ** np.arange(self.horizon) * (ahead[bars, None] - level)
        return unit[bars], np.sqrt(np.cumsum(variances, axis=1))


def _t_quantiles(freedoms: float, quantiles: Sequence[float]) -> Floats:
    """Return the quantiles of Student's t scaled to variance 1, shape [Q]."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(freedoms, quantiles) * np.sqrt(1 - 2 / freedoms), np.float64)
