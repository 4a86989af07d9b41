"""What is odd about a series: found, counted and told, never mended in silence."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates, Finding, Floats, PriceSeries

#: Fewest bars with which a forecast can be judged at all.
SHORT = 100

_SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)


def quality_report(series: PriceSeries, *, sessions: bool = False) -> tuple[Finding, ...]:
    """Look a series over.

    Parameters
    ----------
    series : PriceSeries
    sessions : bool
        Compare the bars with the sessions of the exchange too; this imports exchange_calendars, which takes seconds.

    Returns
    -------
    tuple of Finding
        Nothing is changed: the action of each is ``kept``.
    """
    checks: list[Callable[[PriceSeries], Finding | None]] = [_short, _nonpositive, _high_below_low, _stale, _jumps, _typos, _spacing, _dst]
    if sessions:
        checks.append(session_gaps)
    return tuple(finding for check in checks if (finding := check(series)) is not None)


def session_gaps(series: PriceSeries) -> Finding | None:
    """Tell which sessions of the exchange have no bar."""
    from forecasting.calendars import missing_sessions

    missing = missing_sessions(series)
    if missing.size == 0:
        return None
    message = f"{missing.size} sessions of {series.calendar} between the first and the last bar have no bar."
    return Finding("gaps", message, int(missing.size), "warning" if missing.size > 0.01 * len(series) else "info", "kept", shown(missing))


def shown(ds: Dates, count: int = 5) -> tuple[str, ...]:
    """Return the first few dates as ISO text, without the time of day where it is midnight."""
    return tuple(str(stamp.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ") for stamp in ds[:count])


def _short(series: PriceSeries) -> Finding | None:
    if len(series) >= SHORT:
        return None
    message = f"There are only {len(series)} bars; {SHORT} or more are needed to train and to judge a forecast."
    return Finding("short", message, len(series), "warning")


def _prices(series: PriceSeries) -> list[str]:
    return [name for name in ("open", "high", "low", "close", "adj_close") if name in series]


def _nonpositive(series: PriceSeries) -> Finding | None:
    if not any(series[name].min() <= 0 or np.isnan(series[name].min()) for name in _prices(series)):
        return None
    bad = np.any([series[name] <= 0 for name in _prices(series)], axis=0)
    count = int(np.count_nonzero(bad))
    if count == 0:
        return None
    price = series.has_range
    message = f"{count} bars have a {'price' if price else 'value'} of zero or below, for which there is no log return."
    return Finding("nonpositive", message, count, "warning" if price else "info", dates=shown(series.ds[bad]))


def _high_below_low(series: PriceSeries) -> Finding | None:
    if not series.has_range:
        return None
    high, low, first, last = (series[name] for name in ("high", "low", "open", "close"))
    slack = 1e-6 * np.abs(high)
    crossed = high < low - slack
    outside = (np.maximum(first, last) > high + slack) | (np.minimum(first, last) < low - slack)
    bad = crossed | outside
    count = int(np.count_nonzero(bad))
    if count == 0:
        return None
    severity = "error" if count > 0.2 * len(series) else "warning"
    message = (
        f"{count} bars have a high below the low, or an open or close outside of both ({int(np.count_nonzero(crossed))} of the first kind)."
    )
    return Finding("high_below_low", message, count, severity, dates=shown(series.ds[bad]))


def _stale(series: PriceSeries) -> Finding | None:
    """Find runs of ten and more bars without any change of the close, and of the volume where there is one."""
    close = series.y
    same = close[1:] == close[:-1]
    if "volume" in series and np.nansum(series["volume"]) > 0:
        volume = series["volume"]
        same &= (volume[1:] == volume[:-1]) | np.isnan(volume[1:])
    if np.count_nonzero(same) < 9:
        return None
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts + 1
    long = lengths >= 10
    if not long.any():
        return None
    bars = int(lengths[long].sum())
    message = f"{int(long.sum())} runs of 10 or more bars repeat the same close, the longest {int(lengths.max())} bars."
    severity = "warning" if bars > 0.05 * len(series) else "info"
    return Finding("stale", message, bars, severity, dates=shown(series.ds[starts[long]]))


def _log_steps(series: PriceSeries) -> Floats | None:
    close = series.y
    if close.size < 3 or close.min() <= 0:
        return None
    return np.diff(np.log(close))


def _jumps(series: PriceSeries) -> Finding | None:
    """Find steps whose size is a usual split ratio and far outside of what the series does."""
    steps = _log_steps(series)
    if steps is None:
        return None
    large = np.flatnonzero(np.abs(steps) > max(0.35, 8 * _usual(steps)))
    ratios = np.log(np.array(_SPLITS))
    close = [place for place in large if np.abs(np.abs(steps[place]) - ratios).min() < 0.05 and not _returns(steps, int(place))]
    if not close:
        return None
    place = close[0]
    message = f"{len(close)} steps look like splits that are not adjusted, such as a factor of {np.exp(steps[place]):.3g}."
    return Finding("split_like", message, len(close), "warning", dates=shown(series.ds[np.array(close) + 1]))


def _typos(series: PriceSeries) -> Finding | None:
    """Find single bars that leave the level of their neighbours and come back at once."""
    steps = _log_steps(series)
    if steps is None:
        return None
    limit = max(0.25, 8 * _usual(steps))
    spikes = np.flatnonzero((np.abs(steps[:-1]) > limit) & (np.abs(steps[:-1] + steps[1:]) < 0.25 * np.abs(steps[:-1]))) + 1
    if spikes.size == 0:
        return None
    message = f"{spikes.size} bars jump away from both neighbours and back, as mistyped prices do."
    return Finding("outliers", message, int(spikes.size), "warning", dates=shown(series.ds[spikes]))


def _usual(steps: Floats) -> float:
    """Return a robust standard deviation of the steps: from at most 50,000 of them, evenly spread."""
    picked = steps[:: max(1, steps.size // 50_000)]
    return float(1.4826 * np.median(np.abs(picked - np.median(picked))))


def _returns(steps: Floats, place: int) -> bool:
    """Tell whether the step is undone by the one before or after it."""
    near = [steps[other] for other in (place - 1, place + 1) if 0 <= other < steps.size]
    return any(abs(steps[place] + other) < 0.25 * abs(steps[place]) for other in near)


def _spacing(series: PriceSeries) -> Finding | None:
    """Find a change of the distance of bars: daily after weekly, minutes among days."""
    if len(series) < 12:
        return None
    days = series.ds.astype("datetime64[D]").astype(np.int64)
    gaps = np.diff(series.ds.astype(np.int64)) / 86_400e6
    intraday = bool(np.median(gaps) < 0.9)
    if not series.freq:
        return Finding("mixed_frequency", "Bars have no common distance.", len(series), "warning")
    if intraday:
        last = np.flatnonzero(np.diff(days)) + 1
        counts = np.diff(np.concatenate(([0], last, [days.size])))
        alone = counts == 1
        if alone.sum() > 3 and alone.mean() > 0.02 and counts.max() > 3:
            message = f"{int(alone.sum())} days have one bar only while others have up to {int(counts.max())}."
            return Finding("mixed_frequency", message, int(alone.sum()), "warning")
        return None
    size = max(4, gaps.size // 10)
    blocks = np.array([np.median(part) for part in np.array_split(gaps, max(2, gaps.size // size))])
    if blocks.max() > 3.5 * max(blocks.min(), 0.5):
        message = f"The usual distance of bars changes within the series, from {blocks.min():.3g} to {blocks.max():.3g} days."
        return Finding("mixed_frequency", message, len(series), "warning")
    return None


def _dst(series: PriceSeries) -> Finding | None:
    """Find trading days that begin one hour earlier in one half of the year: times are not those of the exchange."""
    if not re.fullmatch(r"\d+(s|min|h)", series.freq) or len(series) < 200:
        return None
    days = series.ds.astype("datetime64[D]")
    first = np.concatenate(([0], np.flatnonzero(np.diff(days.astype(np.int64))) + 1))
    clock = (series.ds[first] - days[first]).astype(np.int64) // 60_000_000
    usual, counts = np.unique(clock, return_counts=True)
    top = usual[np.argsort(counts)[::-1][:2]]
    if top.size < 2 or abs(int(top[0]) - int(top[1])) != 60 or counts.max() < 20 or np.sort(counts)[-2] < 0.15 * first.size:
        return None
    if np.isin(clock, top).mean() < 0.8 or not _by_season(clock == top[0], days[first]):
        return None
    hours = " and ".join(f"{int(minute) // 60:02d}:{int(minute) % 60:02d}" for minute in np.sort(top))
    zone = f" ({series.tz})" if series.tz else ""
    message = f"Days begin at {hours} by season: the clock of the file{zone} does not follow the summer time of the exchange."
    return Finding("dst", message, int(first.size), "info")


def _by_season(one: npt.NDArray[np.bool_], days: Dates) -> bool:
    """Tell whether a choice between two values goes with the season: it rarely changes, and changes in March, April, October or November."""
    turns = np.flatnonzero(one[1:] != one[:-1]) + 1
    if turns.size == 0 or turns.size > 0.1 * one.size:
        return False
    month = days[turns].astype("datetime64[M]").astype(np.int64) % 12 + 1
    return bool(np.mean(np.isin(month, (3, 4, 10, 11))) > 0.7)
