"""Causal inputs of the networks: what each bar tells, in units of the volatility known the day before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.series import Floats, Panel, PriceSeries
from forecasting.volatility import Target, panel_moves, panel_variances, trailing_mean

#: Bars over which slow features compare.
_LONG, _MONTH = 250, 22
#: Features are clipped here: a single typo or crash must not drown a window.
_LIMIT = 8.0


@dataclass(frozen=True)
class Bars:
    """What features are computed from: a series, its moves and the scale of the next bar, each [T]."""

    series: PriceSeries
    target: Target
    move: Floats
    variance: Floats
    scale: Floats

    @property
    def known(self) -> Floats:
        """Scale of each bar's move as it was known one bar earlier, shape [T]."""
        return np.concatenate([self.scale[:1], self.scale[:-1]])


def _move(bars: Bars) -> Floats:
    return bars.move / bars.known


def _range(bars: Bars) -> Floats:
    return 0.5 * np.log(bars.variance) - np.log(bars.known)


def _level(bars: Bars) -> Floats:
    return np.log(bars.scale) - 0.5 * np.log(trailing_mean(bars.variance, _LONG))


def _trend(bars: Bars) -> Floats:
    total = np.cumsum(bars.move)
    before = np.concatenate([np.zeros(min(_MONTH, len(total))), total[:-_MONTH]])
    return np.asarray((total - before) / (bars.scale * np.sqrt(_MONTH)), np.float64)


def _gap(bars: Bars) -> Floats | None:
    if bars.target != "log-return" or not bars.series.has_range:
        return None
    before = np.concatenate([bars.series["open"][:1], bars.series.y[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(bars.series["open"] / before) / bars.known, np.float64)


def _volume(bars: Bars) -> Floats | None:
    if "volume" not in bars.series:
        return None
    traded = bars.series["volume"]
    logs = np.log(np.where(np.isfinite(traded) & (traded > 0), traded, 1.0))
    usual = trailing_mean(logs + 1.0, _MONTH) - 1.0
    return np.concatenate([[0.0], (logs[1:] - usual[:-1])])


#: Every input a network can be given: name -> function of the bars, returning [T], or None where the
#: series lacks the columns. Element t looks at bars up to t only.
FEATURES: dict[str, Callable[[Bars], Floats | None]] = {
    "move": _move,
    "range": _range,
    "level": _level,
    "trend": _trend,
    "gap": _gap,
    "volume": _volume,
}


def features(panel: Panel, scales: Sequence[Floats], target: Target) -> tuple[Floats, ...]:
    """Compute all features of a panel.

    Parameters
    ----------
    panel : Panel
    scales : sequence of ndarray, shape [T]
        Scale of the next bar's move seen from bar t, of each series.
    target : str
        What moves are measured from.

    Returns
    -------
    tuple of ndarray of float64, shape [T, C], one a series
        Columns in the order of :data:`FEATURES`; 0 where a series lacks what a feature needs. Row t
        looks at bars up to t only.
    """
    parts = zip(panel, panel_moves(panel, target), panel_variances(panel, target), scales, strict=True)
    return tuple(_table(Bars(series, target, move, variance, scale)) for series, move, variance, scale in parts)


def _table(bars: Bars) -> Floats:
    columns = [function(bars) for function in FEATURES.values()]
    table = np.stack([np.zeros(len(bars.series)) if c is None else c for c in columns], axis=1)
    return np.clip(np.nan_to_num(table, nan=0.0, posinf=_LIMIT, neginf=-_LIMIT), -_LIMIT, _LIMIT)
