"""What is odd about a series: found, counted and told, never mended in silence."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.calendars.remembered import remembered
from forecasting.series import Dates, Finding, Floats, PriceSeries
from forecasting.spikes import deviation_of, find_spikes

#: Fewest bars with which a forecast can be judged at all.
SHORT = 100

#: Factors by which shares are usually split or merged.
SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)

#: Most closes of zero or below that may be missing prices: a share of the bars, or a number; bars
#: that one gap lasts.
_LONE_SHARE, _LONE, _LONGEST_GAP = 0.005, 3, 5
#: How near to the level before the price is after a gap, and a sign flip at it, in levels; the
#: level in deviations of a change.
_NEAR, _FAR_FROM_ZERO = 0.25, 15.0
#: Bars at either end that repeat one value, from which they are told; factor of a last jump that no
#: series makes.
_TAIL, _LAST_FACTOR = 10, 5.0
#: Largest share of the bars that a number may stand for as missing; last bars in which a jump that
#: is no split is one at the end.
_MOST_CODED, _LAST_BARS = 0.5, 5
#: Usual changes of a series that goes below zero from which one is a jump; most of them, as a
#: number and as a share of the bars, that are told: more are its way.
_JUMP, _FEW_JUMPS, _JUMP_SHARE = 25.0, 2, 0.005
#: Share of the bars at which returns change sign at least.
_SIGN_CHANGES = 0.3
#: Usual deviations from which a log return, and the change itself, are far outside; those that a
#: level is above zero for that.
_LARGE, _ABOVE_ZERO = 8.0, 12.0
#: Log return that is large at least.
_LEAST_LARGE = 0.25
#: How far the move of the day itself may take a split by 1.5, which a crash resembles, and one by
#: 2 and more off its ratio, in logs; the same where the open tells the night from the day.
_DAY_MOVE, _OVERNIGHT, _OF_THE_DAY = np.array([0.05, 0.1]), 0.05, 0.25
#: Bars whose usual change is taken together.
_BLOCK = 250

_DAY_US = 86_400_000_000
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Bars:
    """The bars that are looked over: dates [T], columns by name, each [T] and contiguous, and
    the distance of bars.
    """

    ds: Dates
    columns: Mapping[str, Floats]
    freq: str
    tz: str = ""

    @property
    def close(self) -> Floats:
        """The close, shape [T]."""
        return self.columns["close"]

    @property
    def has_range(self) -> bool:
        """Whether there are open, high and low."""
        return set(_PRICES) <= self.columns.keys()

    @cached_property
    def ratios(self) -> Floats:
        """Each close over the one before, shape [T-1]; empty where a close is not positive.

        Logarithms of all would take long.
        """
        return (
            self.close[1:] / self.close[:-1]
            if self.close.size > 2 and self.close.min() > 0
            else np.empty(0)
        )

    @cached_property
    def unchanged(self) -> npt.NDArray[np.bool_]:
        """Whether each close is that of the bar before, shape [T-1]."""
        return np.asarray(self.close[1:] == self.close[:-1], np.bool_)

    @cached_property
    def usual(self) -> float:
        """Robust standard deviation of the log returns, from at most some 20,000 of them, evenly
        spread.
        """
        picked = np.log(self.ratios[:: max(1, self.ratios.size // 20_000)])
        return float(1.4826 * np.median(np.abs(picked - np.median(picked)))) if picked.size else 0.0

    @cached_property
    def large(self) -> npt.NDArray[np.int64]:
        """Places of the log returns that are far outside of what the series does, as the changes
        themselves are.

        Of a yield near zero a ratio tells nothing: from .01 to .02 is a usual change, and no split.
        """
        least = np.exp(_LEAST_LARGE)
        if not self.ratios.size or (
            self.ratios.max() <= least and self.ratios.min() >= 1 / least
        ):  # as most series: the usual deviation would cost more than all else
            return np.empty(0, np.int64)
        with np.errstate(over="ignore"):  # beyond the largest number nothing is large
            limit = np.exp(max(_LEAST_LARGE, _LARGE * self.usual))
        indices = np.flatnonzero((self.ratios > limit) | (self.ratios < 1 / limit))
        return indices[self._far_in_value(indices)] if indices.size else indices

    def _far_in_value(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell which changes, and the levels they touch, are large beside the usual change on
        their higher side.
        """
        change = np.abs(np.diff(self.close))
        length = max(1, min(_BLOCK, change.size // 4))
        moved = np.where(change > 0, change, np.nan)
        blocks = moved[: change.size // length * length].reshape(-1, length)
        there = ~np.isnan(blocks).all(axis=1)
        usual = np.full(len(blocks), np.nanmedian(moved))
        usual[there] = np.nanmedian(blocks[there], axis=1)
        side = np.where(self.ratios[indices] > 1, 1, -1)
        block = np.clip(indices // length + side, 0, len(blocks) - 1)
        deviation = 1.4826 * usual[block]
        level = np.maximum(self.close[indices], self.close[indices + 1])
        return np.asarray(
            (change[indices] >= _LARGE * deviation) & (level >= _ABOVE_ZERO * deviation), np.bool_
        )

    def step(self, places: npt.NDArray[np.int64]) -> Floats:
        """Return the log returns at some places, 0 beyond the ends."""
        inside = (places >= 0) & (places < self.ratios.size)
        return np.where(
            inside, np.log(self.ratios[np.clip(places, 0, max(0, self.ratios.size - 1))]), 0.0
        )

    @cached_property
    def day_starts(self) -> npt.NDArray[np.int64]:
        """Place of the first bar of each day."""
        return np.concatenate(([0], np.flatnonzero(self.days[1:] != self.days[:-1]) + 1))

    @cached_property
    def days(self) -> npt.NDArray[np.int64]:
        """Days since 1970, shape [T]."""
        return self.ds.view(np.int64) // _DAY_US  # several times as fast as a cast to days


def examine(bars: Bars) -> tuple[Finding, ...]:
    """Look bars over, without their exchange."""
    checks = (
        _short,
        _zero_padding,
        _nonpositive,
        _returns_like,
        _high_below_low,
        _far_ranges,
        _stale,
        _constant_tail,
        _repeated,
        _split_like,
        _outliers,
        _last_jump,
        _jumps,
        _level_steps,
        _mixed_frequency,
        _dst,
        _future,
    )
    return tuple(finding for check in checks if (finding := check(bars)) is not None)


def session_gaps(series: PriceSeries) -> Finding | None:
    """Tell which sessions of the exchange have no bar; None where all have one."""
    from forecasting.calendars import missing_sessions

    missing = missing_sessions(series)
    if missing.size == 0:
        return None
    message = (
        f"Sessions of {series.calendar} without a bar, between the first and the last one: "
        f"{missing.size}."
    )
    return Finding(
        "gaps",
        message,
        int(missing.size),
        "warning" if missing.size > 0.01 * len(series) else "info",
        "kept",
        shown(missing),
    )


def with_session_gaps(series: PriceSeries) -> PriceSeries:
    """Return a series that tells of its gaps; the same one where it has none or tells of them
    already.
    """
    gaps = None if any(item.code == "gaps" for item in series.findings) else session_gaps(series)
    return series if gaps is None else replace(series, findings=(*series.findings, gaps))


def shown(ds: Dates, count: int = 5) -> tuple[str, ...]:
    """Return the first few dates as ISO text, without the time of day where it is midnight."""
    return tuple(
        str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
        for stamp in ds[:count]
    )


def _short(bars: Bars) -> Finding | None:
    if bars.ds.size >= SHORT:
        return None
    message = (
        f"There are only {bars.ds.size} bars; {SHORT} or more are needed to train and to "
        "judge a forecast."
    )
    return Finding("short", message, bars.ds.size, "warning")


def _future(bars: Bars) -> Finding | None:
    """Find bars after today; one that is dated by the end of its period is not among them."""
    if bars.ds.size < 2:
        return None
    now = np.datetime64(time.time_ns() // 1000, "us")
    latest = now + max(np.timedelta64(2, "D"), bars.ds[-1] - bars.ds[-2])
    if bars.ds[-1] <= latest:
        return None
    late = bars.ds > latest
    count = int(np.count_nonzero(late))
    message = (
        f"Bars dated after today: {count}, the last one {shown(bars.ds[-1:])[0]}. Nobody knows "
        "these prices yet: the dates are misread, or the prices are themselves a forecast."
    )
    return Finding("future", message, count, "warning", dates=shown(bars.ds[late]))


def _nonpositive(bars: Bars) -> Finding | None:
    prices = [bars.columns[name] for name in (*_PRICES, "adj_close") if name in bars.columns]
    if all(price.min() > 0 for price in prices):
        return None
    bad = np.any([price <= 0 for price in prices], axis=0)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return None
    what = "price" if bars.has_range else "value"
    message = f"Bars with a {what} of zero or below, for which there is no log return: {count}."
    return Finding(
        "nonpositive",
        message,
        count,
        "warning" if bars.has_range else "info",
        dates=shown(bars.ds[bad]),
    )


def _returns_like(bars: Bars) -> Finding | None:
    """Find values that change sign as often as returns do: each is nearly independent of the one
    before, as no price or yield is.
    """
    size = bars.close.size
    if bars.has_range or size < SHORT or bars.close.min() >= 0:
        return None
    signs = np.sign(bars.close)
    changes = np.count_nonzero(signs[1:] * signs[:-1] < 0)
    if changes < _SIGN_CHANGES * np.count_nonzero(signs):
        return None
    middle = bars.close - np.median(bars.close)
    usual = float(np.median(np.abs(middle)))
    moved = float(np.median(np.abs(np.diff(bars.close))))
    if not moved > usual:
        return None
    message = (
        f"The values change sign {changes} times in {size} bars and hardly depend on the one "
        "before, as returns do, not prices. To repeat the last value is no fair baseline for "
        "them: if they are returns, load the prices that they were made of."
    )
    return Finding("returns", message, int(changes), "warning")


def _high_below_low(bars: Bars) -> Finding | None:
    if not bars.has_range:
        return None
    first, high, low, last = (bars.columns[name] for name in _PRICES)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(
            (first > high) | (last > high) | (first < low) | (last < low) | (high < low)
        )
        if not bad.size:
            return None
        slack = 1e-6 * np.abs(high[bad])
        crossed = high[bad] < low[bad] - slack
        clear = (
            crossed
            | (np.maximum(first, last)[bad] > high[bad] + slack)
            | (np.minimum(first, last)[bad] < low[bad] - slack)
        )
    bad = bad[clear]
    if bad.size == 0:
        return None
    message = (
        f"Bars with a high below the low ({int(crossed.sum())}), or an open or close "
        f"outside of both: {bad.size}."
    )
    severe = bad.size > 0.2 * bars.ds.size
    return Finding(
        "high_below_low",
        message,
        int(bad.size),
        "error" if severe else "warning",
        dates=shown(bars.ds[bad]),
    )


def _far_ranges(bars: Bars) -> Finding | None:
    """Find highs of twice, and lows of half, what opens and closes of the bar are, far beyond what
    the other bars do.
    """
    if not bars.has_range:
        return None
    first, high, low, last = (bars.columns[name] for name in _PRICES)
    with np.errstate(all="ignore"):
        reach = np.maximum(high / np.maximum(first, last), np.minimum(first, last) / low) - 1.0
        if not (reach >= 1.0).any():
            return None
        usual = float(np.nanmedian(reach)) if np.isfinite(reach).any() else 0.0
        far = np.flatnonzero(np.isfinite(reach) & (reach >= max(1.0, _JUMP * usual)))
    if not 0 < far.size <= max(_FEW_JUMPS, _JUMP_SHARE * reach.size):
        return None
    index = int(far[0])
    message = (
        f"Bars with a high or low far outside of open and close, as mistyped prices are: {far.size}"
        f", such as {low[index]:.6g} to {high[index]:.6g} at a close of {last[index]:.6g}."
    )
    return Finding("far_range", message, int(far.size), "warning", dates=shown(bars.ds[far]))


def _stale(bars: Bars) -> Finding | None:
    """Find runs of ten and more bars without any change of the close, and of the volume where
    there is one.
    """
    same = bars.unchanged
    if np.count_nonzero(same) < 9:
        return None
    volume = bars.columns.get("volume")
    if volume is not None and np.nansum(volume) > 0:
        same = same & ((volume[1:] == volume[:-1]) | np.isnan(volume[1:]))
    edges = np.flatnonzero(np.diff(same.astype(np.int8), prepend=0, append=0))
    starts, lengths = edges[::2], edges[1::2] - edges[::2] + 1
    long = lengths >= 10
    if not long.any():
        return None
    count = int(lengths[long].sum())
    message = (
        f"Runs of 10 or more bars that repeat the same close: {int(long.sum())}, the "
        f"longest of {int(lengths.max())} bars."
    )
    return Finding(
        "stale",
        message,
        count,
        "warning" if count > 0.05 * bars.ds.size else "info",
        dates=shown(bars.ds[starts[long]]),
    )


def _split_like(bars: Bars) -> Finding | None:
    """Find steps of about a usual split ratio, far outside of what the series does, that an
    adjusted close does not share.
    """
    if bars.large.size == 0:
        return None
    steps = bars.step(bars.large)
    near = _near_ratio(steps, _DAY_MOVE) & (np.abs(steps) > 0.35)
    if bars.has_range:
        with np.errstate(all="ignore"):  # an open may be missing, or no price
            overnight = np.log(bars.columns["open"][bars.large + 1] / bars.close[bars.large])
        near |= _near_ratio(overnight, np.full(2, _OVERNIGHT)) & (
            np.abs(steps - overnight) <= _OF_THE_DAY
        )
    undone = np.minimum(
        np.abs(steps + bars.step(bars.large - 1)), np.abs(steps + bars.step(bars.large + 1))
    ) < 0.25 * np.abs(steps)
    indices = bars.large[near & ~undone]
    adjusted = bars.columns.get("adj_close")
    if adjusted is not None and indices.size:
        with np.errstate(all="ignore"):
            shared = (
                np.abs(np.log(adjusted[indices + 1] / adjusted[indices]) - bars.step(indices))
                < 0.05
            )
        indices = indices[~shared]
    if indices.size == 0:
        return None
    message = (
        f"Steps that may be splits that are not adjusted: {indices.size}, such as a factor "
        f"of {bars.ratios[indices[0]]:.3g}."
    )
    remedy = () if adjusted is None else ("adjusted", "true")
    if remedy:
        message += " The adjusted close does not have them: read adjusted prices."
    return Finding(
        "split_like",
        message,
        int(indices.size),
        "warning",
        dates=shown(bars.ds[indices + 1]),
        remedy=remedy,
    )


def _near_ratio(steps: Floats, tolerance: Floats) -> npt.NDArray[np.bool_]:
    """Tell which log returns are those of a usual split; ``tolerance`` of that by 1.5, and of the
    larger ones.
    """
    apart = np.abs(np.abs(steps)[:, None] - np.log(SPLITS))
    within = np.column_stack([apart[:, :1] < tolerance[0], apart[:, 1:] < tolerance[1]])
    return np.asarray(within.any(axis=1), np.bool_)


def _outliers(bars: Bars) -> Finding | None:
    """Find bars that leave the level of their neighbours and come back at once: a warning, as
    they enter no fit.
    """
    if bars.ratios.size and not bars.large.size:
        return None
    lone = bars.large[bars.large < bars.ratios.size - 1]
    there = bars.step(lone)
    indices = set((lone[np.abs(there + bars.step(lone + 1)) < 0.25 * np.abs(there)] + 1).tolist())
    spikes = find_spikes(bars.close) if bars.large.size or not bars.ratios.size else ()
    for spike in spikes:
        indices |= set(range(spike.first, spike.back))
    if not indices:
        return None
    found = np.array(sorted(indices))
    message = (
        f"{found.size} {'bar jumps' if found.size == 1 else 'bars jump'} away from the "
        "level and back, as mistyped prices do"
    )
    severe = next((spike for spike in spikes if spike.impossible), None)
    if severe is not None:
        before, wrong = bars.close[severe.first - 1], bars.close[severe.first]
        message += (
            f", such as {wrong:.6g} after {before:.6g}; nothing is fitted to them, and no "
            "forecast is judged by them."
        )
    else:
        message += "; nothing is fitted to them." if spikes else "."
    return Finding("outliers", message, int(found.size), "warning", dates=shown(bars.ds[found]))


def lone_gaps(close: Floats) -> npt.NDArray[np.bool_]:
    """Tell which closes of zero or below are missing prices, shape [T].

    They are few, far below what a positive series does, last 5 bars at most, and the price after
    them is near the one before. A negative one counts only where it is that price with its sign
    flipped: others have been prices. Zeros and negative values of a series that moves about zero
    stay.

    Parameters
    ----------
    close : ndarray, shape [T]
        In order of time.
    """
    missing = np.zeros(close.size, bool)
    if close.min(initial=1.0) > 0:
        return missing
    bad = close <= 0
    count = int(np.count_nonzero(bad))
    if count > max(_LONE, _LONE_SHARE * close.size) or close.size - count < 3:
        return missing
    deviation = deviation_of(np.abs(np.diff(close[~bad])))
    edges = np.flatnonzero(np.diff(bad.astype(np.int8), prepend=0, append=0))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        around = [float(close[index]) for index in (first - 1, after) if 0 <= index < close.size]
        level, length = around[0], after - first
        near = abs(around[-1] - level) <= _NEAR * level and (len(around) == 2 or length == 1)
        if near and length <= _LONGEST_GAP and level >= _FAR_FROM_ZERO * deviation:
            values = close[first:after]
            missing[first:after] = (values == 0) | (np.abs(-values - level) <= _NEAR * level)
    return missing


def missing_codes(close: Floats) -> npt.NDArray[np.bool_]:
    """Tell which closes are a number that stands for a missing value, shape [T]: one of nines, such
    as -999.9 or 99999, 5 times as far from zero as all others, or a negative one such as -99.9
    among values that never are. A positive one at the end may be a price.

    Parameters
    ----------
    close : ndarray, shape [T]
        In order of time.
    """
    size = np.abs(close)
    for code in (float(size.max(initial=0.0)), float(close.min(initial=0.0))):
        digits = f"{abs(code):.12g}".replace(".", "")
        if len(digits) < 2 or set(digits) != {"9"}:
            continue
        coded = size == abs(code)
        others = float(size.max(where=~coded, initial=0.0))
        few = np.count_nonzero(coded) <= _MOST_CODED * close.size and close.size > _TAIL
        alone = code < 0 and close.min(where=~coded, initial=0.0) >= 0
        far = abs(code) >= _LAST_FACTOR * others or alone
        if few and others > 0 and far and close[-1] != abs(code):
            return np.asarray(coded, np.bool_)
    return np.zeros(close.size, bool)


def _zero_padding(bars: Bars) -> Finding | None:
    """Find zeros before the first or after the last price."""
    close = bars.close
    if close[0] != 0 and close[-1] != 0:
        return None
    filled = np.flatnonzero(close)
    if filled.size < 3:
        return None
    inner = close[filled[0] : filled[-1] + 1]
    count = close.size - inner.size
    far = np.median(np.abs(inner)) >= _FAR_FROM_ZERO * deviation_of(np.abs(np.diff(inner)))
    if count < (2 if inner.min() > 0 else _TAIL) or not far:
        return None
    padding = np.ones(close.size, bool)
    padding[filled[0] : filled[-1] + 1] = False
    message = (
        f"Zeros before the first or after the last price: {count}. They are no prices; cut "
        "them off."
    )
    return Finding("zero_padding", message, count, "error", dates=shown(bars.ds[padding]))


def _constant_tail(bars: Bars) -> Finding | None:
    """Find a series whose last bars only repeat one close, after it had moved."""
    if (
        bars.close.size <= _TAIL
        or (bars.close[-_TAIL:] != bars.close[-1]).any()
        or bars.close[-1] == 0
    ):
        return None
    changes = np.flatnonzero(bars.close[1:] != bars.close[:-1])
    if changes.size == 0:
        return None
    count = int(bars.close.size - 1 - changes[-1])
    if count <= 2 * np.diff(changes, prepend=-1).max():
        return None
    message = (
        f"The last {count} bars repeat the same close, {bars.close[-1]:.6g}: the series may "
        "have ended, or been suspended."
    )
    return Finding(
        "constant_tail", message, count, "warning", dates=shown(bars.ds[changes[-1] + 1 :])
    )


def _repeated(bars: Bars) -> Finding | None:
    """Find bars that repeat all numbers of the bar before, with a range and a volume, as a day
    that was written twice does.
    """
    volume = bars.columns.get("volume")
    if not bars.has_range or volume is None or not bars.unchanged.any():
        return None
    same = np.flatnonzero(bars.unchanged & (volume[1:] == volume[:-1]) & (volume[1:] > 0)) + 1
    same = same[bars.columns["high"][same] > bars.columns["low"][same]]
    for column in bars.columns.values():
        same = same[column[same] == column[same - 1]]
    if same.size == 0:
        return None
    message = (
        f"Bars that repeat all numbers of the bar before, volume too: {same.size}. A day "
        "may have been written twice."
    )
    return Finding("repeated", message, int(same.size), "warning", dates=shown(bars.ds[same]))


def _last_jump(bars: Bars) -> Finding | None:
    """Find a jump at the very end that nothing after it explains: a forecast begins at the wrong
    level.
    """
    if bars.ratios.size < SHORT // 2 or bars.large.size == 0:
        return None
    index, back = int(bars.large[-1]), bars.ratios.size - int(bars.large[-1])
    ratio = float(bars.ratios[index])
    factor = max(ratio, 1 / ratio)
    lately = back == 1 or index in _large_steps(bars)[-1:]
    if factor < _LAST_FACTOR or back > _LAST_BARS or not lately:
        return None
    first = index + 1
    what = "The last close is" if back == 1 else f"The last {back} closes begin with"
    message = (
        f"{what} {bars.close[first]:.6g} after {bars.close[index]:.6g}, a factor of {factor:.3g}: "
        "the forecast begins there. Leave the bar out if it is mistyped; adjust the bars "
        "before if it is a split."
    )
    return Finding("last_jump", message, back, "error", dates=shown(bars.ds[first:]))


def _large_steps(bars: Bars) -> npt.NDArray[np.int64]:
    """Return the places of steps by a factor of 5 and more that neither come back nor are those of
    a usual split, in order.
    """
    far = np.abs(bars.step(bars.large)) >= np.log(_LAST_FACTOR)
    indices = np.asarray(bars.large[far], np.int64)
    if not indices.size:
        return indices
    steps = bars.step(indices)
    beside = np.minimum(
        np.abs(steps + bars.step(indices - 1)), np.abs(steps + bars.step(indices + 1))
    )
    lone = [bar for spike in find_spikes(bars.close) for bar in (spike.first, spike.back)]
    back = (beside < 0.25 * np.abs(steps)) | np.isin(indices + 1, lone)
    return np.asarray(indices[~back & ~_near_ratio(steps, _DAY_MOVE)], np.int64)


def _level_steps(bars: Bars) -> Finding | None:
    """Find steps to another level that are no splits, such as a new unit or currency."""
    if bars.ratios.size < SHORT // 2 or bars.large.size == 0:
        return None
    indices = _large_steps(bars)
    if indices.size == 0:
        return None
    first = int(indices[0])
    message = (
        f"Steps by a factor of {_LAST_FACTOR:.0f} and more that are no usual split and do not come "
        f"back: {indices.size}, such as from {bars.close[first]:.6g} to "
        f"{bars.close[first + 1]:.6g}. The unit or the currency may change there."
    )
    return Finding("jumps", message, indices.size, "warning", dates=shown(bars.ds[indices + 1]))


def _jumps(bars: Bars) -> Finding | None:
    """Find a few changes far beyond the usual one where closes at or below zero leave no ratios to
    look at, such as a stretch with the wrong sign; single bars are told by :func:`_outliers`.
    """
    if bars.ratios.size or bars.close.size < SHORT:
        return None
    change = np.abs(np.diff(bars.close))
    usual = 1.4826 * float(np.median(change[change > 0])) if change.any() else 0.0
    far = np.flatnonzero(change > _JUMP * usual)
    lone = {bar for spike in find_spikes(bars.close) for bar in (spike.first, spike.back)}
    far = far[[int(index) + 1 not in lone for index in far]]
    if not 0 < far.size <= max(_FEW_JUMPS, _JUMP_SHARE * change.size):
        return None
    first = int(far[0])
    message = (
        f"Changes of more than {_JUMP:.0f} times the usual one: {far.size}, such as from "
        f"{bars.close[first]:.6g} to {bars.close[first + 1]:.6g}. A sign or a unit may be wrong."
    )
    return Finding("jumps", message, int(far.size), "warning", dates=shown(bars.ds[far + 1]))


def _mixed_frequency(bars: Bars) -> Finding | None:
    """Find a change of the distance of bars: daily after weekly, single days among minutes."""
    size = bars.ds.size
    if size < 12:
        return None
    if not bars.freq:
        return Finding("mixed_frequency", "Bars have no common distance.", size, "warning")
    if re.fullmatch(r"\d+(s|min|h)", bars.freq):
        return _lonely_days(bars)
    blocks = remembered(bars.ds, ("usual gaps",), lambda: _usual_gaps(bars))
    if blocks.max() <= 3.5 * max(float(blocks.min()), 1.0):
        return None
    message = (
        f"The usual distance of bars changes within the series, from {blocks.min():.3g} to "
        f"{blocks.max():.3g} days."
    )
    return Finding("mixed_frequency", message, size, "warning")


def _usual_gaps(bars: Bars) -> Floats:
    """Return the usual distance of bars in days in each tenth of the series."""
    return np.array([np.median(part) for part in np.array_split(np.diff(bars.days), 10)])


def _lonely_days(bars: Bars) -> Finding | None:
    """Find days of one bar among days of many; sessions that cross the midnight of the file's
    clock are not such days.
    """
    counts = np.diff(bars.day_starts, append=bars.ds.size)
    gaps = np.diff(bars.ds)
    beside = gaps <= np.median(gaps)
    follows = np.append(False, beside)
    leads = np.append(beside, False)
    first = bars.day_starts
    alone = int(np.count_nonzero((counts == 1) & ~follows[first] & ~leads[first]))
    if alone <= 3 or alone < 0.02 * counts.size or counts.max() <= 3:
        return None
    message = f"{alone} days have one bar only while others have up to {int(counts.max())}."
    return Finding("mixed_frequency", message, alone, "warning")


def _dst(bars: Bars) -> Finding | None:
    """Find trading days that begin one hour earlier in one half of the year: times are not those
    of the exchange.
    """
    if bars.ds.size < 200 or not re.fullmatch(r"\d+(s|min|h)", bars.freq):
        return None
    first = bars.day_starts
    days = bars.days[first]
    minute = bars.ds[first].astype(np.int64) // 60_000_000 - days * 1440
    usual, counts = np.unique(minute, return_counts=True)
    if usual.size < 2:
        return None
    top = np.sort(usual[np.argsort(counts)[::-1][:2]])
    if (
        top[1] - top[0] != 60
        or np.sort(counts)[-2] < max(10, 0.15 * first.size)
        or np.isin(minute, top).mean() < 0.8
    ):
        return None
    if not _by_season(minute == top[0], days.astype("datetime64[D]")):
        return None
    hours = " and ".join(f"{int(item) // 60:02d}:{int(item) % 60:02d}" for item in top)
    zone = f" ({bars.tz})" if bars.tz else ""
    message = (
        f"Days begin at {hours} by season: the clock of the file{zone} does not follow the "
        "summer time of the exchange."
    )
    return Finding("dst", message, int(first.size), "info")


def _by_season(item: npt.NDArray[np.bool_], days: Dates) -> bool:
    """Tell whether a choice between two values goes with the season: it changes rarely, and in
    spring or autumn.
    """
    turns = np.flatnonzero(item[1:] != item[:-1]) + 1
    if turns.size == 0 or turns.size > 0.1 * item.size:
        return False
    month = days[turns].astype("datetime64[M]").astype(np.int64) % 12 + 1
    return bool(np.mean(np.isin(month, (3, 4, 10, 11))) > 0.7)
