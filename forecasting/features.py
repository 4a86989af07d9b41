"""Causal inputs of the networks: what each bar tells, in units of the volatility known the day
before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from forecasting.calendars import timeline
from forecasting.config import InputConfig
from forecasting.series import Dates, Floats, Ints, Panel, PriceSeries
from forecasting.spikes import as_known
from forecasting.volatility import (
    Target,
    bar_variance,
    known_moves,
    mean_by_date,
    moves,
    panel_moves,
    panel_variances,
    trailing_mean,
)

#: Bars over which slow features compare.
_LONG, _MONTH = 250, 22
#: Features are clipped here: a single typo or crash must not drown a window.
_LIMIT = 8.0


@dataclass(frozen=True)
class Bars:
    """What features are computed from: a series, its moves, the scale of the next bar, and what the
    panel did, each [T].

    ``market`` is the mean of all series' moves in their own scales on the same date, ``spread`` the
    mean of their sizes.
    """

    series: PriceSeries
    target: Target
    move: Floats
    variance: Floats
    scale: Floats
    market: Floats
    spread: Floats

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


def _weekday(bars: Bars, phase: float) -> Floats:
    return np.sin(2 * np.pi * (_days_to_come(bars) % 7) / 7 + phase)


def _month_turn(bars: Bars) -> Floats:
    months = bars.series.ds.astype("datetime64[M]").astype(np.int64)
    coming = (
        (np.datetime64("1970-01-01") + _days_to_come(bars).astype("timedelta64[D]"))
        .astype("datetime64[M]")
        .astype(np.int64)
    )
    return (coming > months).astype(np.float64)


def _pause(bars: Bars) -> Floats:
    return np.log1p(
        np.maximum(
            _days_to_come(bars) - bars.series.ds.astype("datetime64[D]").astype(np.int64) - 1, 0
        )
    )


def _days_to_come(bars: Bars) -> Ints:
    """Return the day on which the bar after each bar is due, in days since 1970, shape [T]:
    dates are known ahead, values are not.
    """
    due = timeline(bars.series, 1).ahead(np.arange(len(bars.series)), 1)[:, 0]
    return due.astype("datetime64[D]").astype(np.int64)


#: What the calendar tells of a bar before it comes: name -> function of the dates [N] on which bars
#: are due, returning [N].
AHEAD: dict[str, Callable[[Dates], Floats]] = {
    "weekday_sin": lambda ds: np.sin(_turn(ds, "D", 7)),
    "weekday_cos": lambda ds: np.cos(_turn(ds, "D", 7)),
    "hour_sin": lambda ds: np.sin(_turn(ds, "us", 86_400e6)),
    "hour_cos": lambda ds: np.cos(_turn(ds, "us", 86_400e6)),
    "year_sin": lambda ds: np.sin(_turn(ds, "D", 365.2425)),
    "year_cos": lambda ds: np.cos(_turn(ds, "D", 365.2425)),
    "month_turn": lambda ds: (
        np.diff(ds.astype("datetime64[M]").astype(np.int64), prepend=0)
        .astype(bool)
        .astype(np.float64)
    ),
    "pause_before": lambda ds: _closed(ds)[:-1],
    "pause_after": lambda ds: _closed(ds)[1:],
}


def _turn(ds: Dates, unit: str, cycle: float) -> Floats:
    """Return how far dates are through a cycle of so many units, in radians."""
    return np.asarray(
        2 * np.pi * (ds.astype(f"datetime64[{unit}]").astype(np.int64) % cycle) / cycle, np.float64
    )


def _closed(ds: Dates) -> Floats:
    """Return the log of one and the days without a bar before each date and, at last, after the
    last one, which are taken as none.
    """
    days = ds.astype("datetime64[D]").astype(np.int64)
    return np.asarray(
        np.log1p(np.maximum(np.concatenate([[0], np.diff(days) - 1, [0]]), 0)), np.float64
    )


def known_ahead(series: PriceSeries, horizon: int) -> tuple[Floats, Ints]:
    """Return what the calendar tells of every bar that is due, and where the bars of the series
    stand among them.

    Returns
    -------
    table : ndarray of float64, shape [N, F]
        Columns in the order of :data:`AHEAD`.
    place : ndarray of int64, shape [T]
        The h-th bar after bar t is row ``place[t] + h``, up to ``horizon``. Nothing but dates is
        looked at: which bars turned out to be missing makes no difference.
    """
    line = timeline(series, horizon + 1)  # the pause after the last bar of the horizon is known too
    return np.stack(
        [np.asarray(of(line.ds), np.float64) for of in AHEAD.values()], axis=1
    ), line.place


def _indicator(bars: Bars, name: str) -> Floats | None:
    import pandas as pd
    import pandas_ta_classic as ta

    close = pd.Series(bars.series.y)
    if name == "rsi":
        return _unit(ta.rsi(close, 14), 50, 25)
    if name == "macd":
        found = ta.macd(close)
        return (
            None
            if found is None
            else _unit(found.iloc[:, 1] / (close.abs() * bars.scale + 1e-12), 0, 1)
        )
    if name == "bollinger":
        found = ta.bbands(close, 20)
        return None if found is None else _unit(found.iloc[:, 4], 0.5, 0.5)
    if not bars.series.has_range:
        return None
    high, low = pd.Series(bars.series["high"]), pd.Series(bars.series["low"])
    found = ta.adx(high, low, close, 14) if name == "adx" else ta.stoch(high, low, close)
    return None if found is None else _unit(found.iloc[:, 0], 25 if name == "adx" else 50, 25)


def _unit(column: Any, centre: float, spread: float) -> Floats | None:
    """Return an indicator about 0 in units of its usual spread; None where the series is too
    short for it.
    """
    return (
        None
        if column is None
        else np.asarray((column.to_numpy(np.float64) - centre) / spread, np.float64)
    )


#: Every input a network can be given: name -> function of the bars, returning [T], or None where
#: the series lacks the columns. Element t looks at bars up to t only.
FEATURES: dict[str, Callable[[Bars], Floats | None]] = {
    "move": _move,
    "range": _range,
    "level": _level,
    "trend": _trend,
    "gap": _gap,
    "volume": _volume,
    "weekday_sin": partial(_weekday, phase=0.0),
    "weekday_cos": partial(_weekday, phase=np.pi / 2),
    "month_turn": _month_turn,
    "pause": _pause,
    "market": lambda bars: bars.market,
    "spread": lambda bars: bars.spread,
    **{
        name: partial(_indicator, name=name)
        for name in ("rsi", "macd", "bollinger", "adx", "stochastic")
    },
}

#: Features that are read only where a field of ``InputConfig`` asks for them, by that field.
CHOSEN: dict[str, tuple[str, ...]] = {
    "volume": ("volume",),
    "gaps": ("gap",),
    "dates": ("weekday_sin", "weekday_cos", "month_turn", "pause"),
    "market": ("market", "spread"),
    "indicators": ("rsi", "macd", "bollinger", "adx", "stochastic"),
}


def feature_names(inputs: InputConfig) -> tuple[str, ...]:
    """Return the names of the features that settings ask for, in the order of :data:`FEATURES`."""
    left_out = {
        name for field, names in CHOSEN.items() if not getattr(inputs, field) for name in names
    }
    return tuple(name for name in FEATURES if name not in left_out)


def features(
    panel: Panel, scales: Sequence[Floats], target: Target, inputs: InputConfig
) -> Iterator[Floats]:
    """Compute the features of a panel, series by series.

    Parameters
    ----------
    panel : Panel
    scales : sequence of ndarray, shape [T]
        Scale of the next bar's move seen from bar t, of each series.
    target : str
        What moves are measured from.
    inputs : InputConfig
        Which features are wanted.

    Yields
    ------
    ndarray of float64, shape [T, C]
        Columns in the order of :func:`feature_names`; 0 where a series lacks what a feature needs.
        Row t looks at bars up to t only, and at the date of bar t+1. Spikes are held from the bar
        on at which they were over.
    """
    names = feature_names(inputs)
    with _ignored():
        market = mean_by_date(panel, map(_in_scales, known_moves(panel, target), scales))
    if target == "seasonal":
        with _ignored():
            moved, variances = list(panel_moves(panel, target)), panel_variances(panel, target)
        seasonal = zip(panel, moved, variances, scales, market, strict=True)
        for series, move, variance, scale, means in seasonal:
            with _ignored():
                table = _table(Bars(series, target, move, variance, scale, *means.T), names)
            yield table
        return
    for series, *shared in zip(panel, scales, market, strict=True):
        with _ignored():
            table = as_known(series, lambda item: _plain_table(item, target, names, *shared))  # noqa: B023 - called at once
        yield table


def _ignored() -> np.errstate:
    """Return a context in which nothing is told of what is not finite: it becomes 0, or the
    limit.
    """
    return np.errstate(divide="ignore", invalid="ignore", over="ignore")


def _in_scales(move: Floats, scale: Floats) -> Floats:
    """Return moves in their own scales, and their sizes, [T, 2]; one wrong bar must not say what
    the whole panel did.
    """
    scaled = np.clip(move / np.concatenate([scale[:1], scale[:-1]]), -_LIMIT, _LIMIT)
    return np.stack([scaled, np.abs(scaled)], axis=1)


def _plain_table(
    series: PriceSeries, target: Target, names: Sequence[str], scale: Floats, means: Floats
) -> Floats:
    """Return the features of one series whose moves are those from bar to bar, [T, C]; ``means``
    [T, 2] are those of the panel.
    """
    variance = bar_variance(series, target)
    return _table(Bars(series, target, moves(series, target), variance, scale, *means.T), names)


def _table(bars: Bars, names: Sequence[str]) -> Floats:
    """Return the features of one series, [T, C]."""
    table = np.zeros((len(bars.series), len(names)))
    for index, name in enumerate(names):
        column = FEATURES[name](bars)
        if column is not None:
            table[:, index] = np.clip(
                np.nan_to_num(column, nan=0.0, posinf=_LIMIT, neginf=-_LIMIT), -_LIMIT, _LIMIT
            )
    return table
