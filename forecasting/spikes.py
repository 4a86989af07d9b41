"""Spikes: bars that leave the level of the series and come back at once, as mistyped prices do.

A spike is known only once the series is back. What is fitted holds the spikes that were complete by
then: their bars repeat the bar before (:func:`without_spikes`). What is computed at each bar holds
the spikes that were known at that bar (:func:`as_seen`, :func:`as_known`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from forecasting.cancellation import check_cancelled
from forecasting.series import Floats, Ints, Panel, PriceSeries

#: Most bars that a spike lasts.
LONGEST = 5
#: Changes before a spike that it is compared with; those that the first bars are compared with.
_WINDOW, _EARLY = 250, 30
#: Changes just before a spike that are looked at first, and which of them by size.
_SOON, _SOON_RANK = 24, 8
#: A spike is at least so many robust deviations, and so many times the third largest change.
_DEVIATIONS, _TIMES = 15.0, 3.0
#: Usual changes of the value itself that a spike is large beside, too: near zero, a ratio tells
#: nothing.
_IN_VALUE = 5.0
#: How near to the old level the series must come back: in jumps, in deviations, and at most in
#: jumps.
_BACK, _BACK_DEVIATIONS, _BACK_MOST = 0.1, 3.0, 0.15
#: How far from the old level every bar of a spike is, in jumps.
_OFF = 0.4
#: A change of so many smallest steps of the price may be a rare trade.
_TICKS = 5.0
#: Factor from which a spike is no price, and deviations where there is no factor.
_IMPOSSIBLE, _IMPOSSIBLE_DEVIATIONS = 1.8, 30.0
#: How near to a flipped sign a value below zero must be, in values, to be one.
_SIGN = 0.25
#: Most spikes: this share of the bars seen so far, or this number. More are what the series is
#: like.
_MOST_SHARE, _MOST = 0.02, 3
#: Recent changes whose mean size is the other estimate of the deviation.
_RECENT = 20
#: A robust deviation is so many medians, or means, of the absolute changes of a normal.
_PER_MEDIAN, _PER_MEAN = 1.4826, 1.2533


class Spike(NamedTuple):
    """One spike.

    Attributes
    ----------
    first : int
        First bar that is off the level.
    back : int
        First bar that is back on it.
    known : int
        Bar at whose close it is known to be a spike; at least ``back``.
    jump : float
        Change from the bar before ``first``: of the logarithm, or of the value where not all values
        are positive.
    deviations : float
        Size of the jump in robust deviations of the changes before; infinite where there were none.
    impossible : bool
        Whether no price does so: a factor of 1.8 or more, or 30 deviations where there is no
        factor. A value below zero among positive ones may be real, as that of oil on 20 April 2020,
        unless it is the price with its sign flipped.
    """

    first: int
    back: int
    known: int
    jump: float
    deviations: float
    impossible: bool


def find_spikes(y: Floats) -> tuple[Spike, ...]:
    """Find the spikes of a series, in order of time.

    A jump of at least 15 robust deviations and 3 times the third largest change of the last 250
    bars, and of 5 deviations of the value itself, after which the series comes back, within 5 bars,
    to near the level before. Steps that do not come back (splits, crashes) are no spikes, nor are
    jumps in a time of other large moves.

    Parameters
    ----------
    y : ndarray, shape [T]
        Values. Logarithms are compared where all are positive, otherwise the values themselves.

    Returns
    -------
    tuple of Spike
        Each depends on bars up to its ``known`` only (and on the sign of all values).
    """
    y = np.asarray(y, np.float64)
    if y.size < _EARLY + 2:
        return ()
    path = np.log(y) if y.min() > 0 else y
    size = np.abs(np.diff(path, prepend=path[:1]))
    found: list[Spike] = []
    wrong = np.zeros(y.size, bool)
    for first in _candidates(path, size):
        if (found and first <= found[-1].back) or len(found) >= max(_MOST, _MOST_SHARE * first):
            continue
        spike = _spike(y, path, size, wrong, int(first))
        if spike is not None:
            found.append(spike)
            wrong[spike.first : spike.back] = True
            size[spike.back] = abs(path[spike.back] - path[spike.first - 1])
    return tuple(found)


def open_jump(y: Floats, spikes: Sequence[Spike]) -> int | None:
    """Return the bar of a jump as large as a spike's among the last 5, after which the series is
    not back yet.

    Parameters
    ----------
    y : ndarray, shape [T]
    spikes : sequence of Spike
        Those of ``y`` that are known.
    """
    if y.size < _WINDOW or y.size <= LONGEST:
        return None
    path = np.log(y) if y.min() > 0 else y
    size = np.abs(np.diff(path, prepend=path[:1]))
    wrong = np.zeros(y.size, bool)
    for spike in spikes:
        wrong[spike.first : spike.back + 1] = True
    for first in range(y.size - LONGEST, y.size):
        before = size[max(1, first - _WINDOW) : first][~wrong[max(1, first - _WINDOW) : first]]
        if before.size >= _RECENT and not wrong[first] and size[first] >= _least_jump(before):
            return first
    return None


def _candidates(path: Floats, size: Floats) -> Ints:
    """Return bars that jump away and come back, before the exact look; none that it would find
    is left out.
    """
    bars = np.arange(1, path.size - 1)
    nearest = np.full(bars.size, np.inf)
    for away in range(1, LONGEST + 1):
        apart = np.abs(path[np.minimum(bars + away, path.size - 1)] - path[bars - 1])
        nearest = np.minimum(nearest, np.where(bars + away < path.size, apart, np.inf))
    large = (size[bars] > 0) & (nearest <= _BACK_MOST * size[bars])
    bars = bars[large]
    bars = _beyond(bars, size, _SOON, _SOON_RANK)
    return _beyond(bars, size, _WINDOW, _WINDOW // 8)


def _beyond(bars: Ints, size: Floats, window: int, rank: int) -> Ints:
    """Keep the bars whose change is 3 times the ``rank``-th largest of the ``window`` before; early
    ones are all kept.

    Even with other spikes among them, that one lies below the third largest change of a clean
    series.
    """
    late = bars > window
    if not late.any():
        return bars
    before = np.lib.stride_tricks.sliding_window_view(size, window)[bars[late] - window]
    usual = np.partition(before, window - rank, axis=1)[:, window - rank]
    kept = ~late
    kept[late] = size[bars[late]] >= _TIMES * usual
    return bars[kept]


def _spike(
    y: Floats, path: Floats, size: Floats, wrong: npt.NDArray[np.bool_], first: int
) -> Spike | None:
    """Look at one bar exactly: return the spike that begins there, if one does."""
    jump = float(path[first] - path[first - 1])
    early = first <= _EARLY
    until = _EARLY + 1 if early else first
    begin = max(1, until - _WINDOW)
    for back in range(first + 1, min(first + LONGEST, path.size - 1) + 1):
        away = (path[first:back] - path[first - 1]) * np.sign(jump)
        if away.min() < _OFF * abs(jump):
            return None
        if abs(path[back] - path[first - 1]) > _BACK_MOST * abs(jump):
            continue
        kept = ~wrong[begin:until]
        if early:
            kept[first - begin : back + 1 - begin] = False
        changes = size[begin:until][kept]
        deviation = deviation_of(changes)
        near = max(_BACK * abs(jump), _BACK_DEVIATIONS * deviation * np.sqrt(back - first + 1))
        steps = np.abs(np.diff(y[begin - 1 : until]))
        least = steps[steps > 0].min(initial=np.inf)
        apart = abs(y[first] - y[first - 1])
        usual = _PER_MEDIAN * float(np.median(steps[steps > 0])) if np.isfinite(least) else 0.0
        rare = apart <= max(_TICKS * least, _IN_VALUE * usual) if np.isfinite(least) else False
        if (
            abs(jump) >= _least_jump(changes)
            and not rare
            and abs(path[back] - path[first - 1]) <= near
        ):
            times = abs(jump) / deviation if deviation > 0 else np.inf
            impossible = _impossible(float(y[first - 1]), float(y[first]), float(times))
            return Spike(first, back, max(back, until - 1), jump, float(times), impossible)
    return None


def _impossible(before: float, wrong: float, deviations: float) -> bool:
    if wrong < 0 < before:
        return abs(before + wrong) <= _SIGN * before
    if wrong > 0 and before > 0:
        return max(wrong / before, before / wrong) >= _IMPOSSIBLE
    return deviations >= _IMPOSSIBLE_DEVIATIONS


def _least_jump(changes: Floats) -> float:
    """Return the size from which a jump after some absolute changes is that of a spike."""
    third = float(np.partition(changes, -3)[-3])
    return max(_DEVIATIONS * deviation_of(changes), _TIMES * third)


def deviation_of(changes: Floats) -> float:
    """Return a robust standard deviation of absolute changes: the larger of that of all and that
    of the last 20.
    """
    return max(
        _PER_MEDIAN * float(np.median(changes)), _PER_MEAN * float(changes[-_RECENT:].mean())
    )


_FOUND: WeakKeyDictionary[PriceSeries, tuple[Spike, ...]] = WeakKeyDictionary()


def spikes_of(series: PriceSeries) -> tuple[Spike, ...]:
    """Return the spikes of the closes, as of :func:`find_spikes`; computed once for each series."""
    found = _FOUND.get(series)
    if found is None:
        found = find_spikes(series.y)
        _FOUND[series] = found
    return found


def without_spikes(panel: Panel, known: Sequence[int] | None = None) -> Panel:
    """Return the panel with its spikes held: their bars repeat the bar before. Volumes are kept.

    Parameters
    ----------
    panel : Panel
    known : sequence of int, optional
        Bars of each series that may be looked at: a spike is held where it was known by the last of
        them. So is a jump of a spike's size among the last 5 of them, which cannot be told from one
        yet. All bars by default.

    Returns
    -------
    Panel
        The same panel where there is nothing to hold.
    """
    lengths = [len(s) for s in panel] if known is None else known
    held = tuple(_held_until(s, n) for s, n in zip(panel, lengths, strict=True))
    return (
        panel
        if all(item is other for item, other in zip(held, panel, strict=True))
        else Panel(held)
    )


def _held_until(series: PriceSeries, known: int) -> PriceSeries:
    """Return the series with the spikes held that were known in its first bars, and with a jump
    that was open then.
    """
    check_cancelled()
    spikes = [spike for spike in spikes_of(series) if spike.known < known]
    jump = open_jump(series.y[:known], spikes)
    if jump is not None:
        spikes.append(Spike(jump, known, known, 0.0, 0.0, False))
    return _held(series, spikes)


def impossible_bars(series: PriceSeries) -> npt.NDArray[np.bool_]:
    """Tell which bars are part of a spike that no price makes, shape [T]: neither forecasts from
    them nor of them are judged.
    """
    wrong = np.zeros(len(series), bool)
    for spike in spikes_of(series):
        wrong[spike.first : spike.back] |= spike.impossible
    return wrong


def as_seen(series: PriceSeries, bars: Ints) -> Iterator[tuple[Ints, PriceSeries]]:
    """Group bars by what was known of the series' spikes at them.

    Parameters
    ----------
    series : PriceSeries
    bars : ndarray of int64, shape [N]

    Yields
    ------
    places : ndarray of int64
        Places in ``bars``; every one comes once.
    version : PriceSeries
        The series to use at these bars: with the spikes held that were known there, up to the last
        of them; bars after that are no better than those of the series itself.
    """
    spikes = spikes_of(series)
    number = np.full(bars.size, -1)
    for index, spike in enumerate(spikes):
        number[(bars >= spike.first) & (bars < spike.known)] = index
    for index in np.unique(number):
        mine = np.flatnonzero(number == index)
        if index < 0:
            yield mine, _held(series, spikes)
        else:
            spike = spikes[index]
            yield mine, _held(series, [k for k in spikes if k.known <= spike.first])


def as_known(series: PriceSeries, of: Callable[[PriceSeries], Floats]) -> Floats:
    """Evaluate a function of a series at each bar, with the spikes held that were known at that
    bar.

    Parameters
    ----------
    series : PriceSeries
    of : callable
        Returns an array whose row t looks at bars up to t only, shape [T, ...].

    Returns
    -------
    ndarray of float64, shape [T, ...]
    """
    check_cancelled()
    spikes = spikes_of(series)
    found = of(_held(series, spikes))
    if spikes:
        found = np.array(found)
    for spike in spikes:
        before = _held(series, [k for k in spikes if k.known <= spike.first])
        rows = slice(spike.first, spike.known)
        found[rows] = of(before)[rows]
    return found


def _held(series: PriceSeries, spikes: Sequence[Spike]) -> PriceSeries:
    """Return the series with the bars of some spikes repeating the bar before."""
    if not spikes:
        return series
    values = np.array(series.values)
    prices = [index for index, name in enumerate(series.columns) if name != "volume"]
    for spike in spikes:
        values[spike.first : spike.back, prices] = values[spike.first - 1, prices]
    return replace(series, values=values)
