"""Series that live by the week or the year: how long a season is, and what past seasons say of
the next bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.calendars import future_sessions, timeline
from forecasting.cancellation import check_cancelled
from forecasting.errors import DataError
from forecasting.memo import per_panel
from forecasting.series import Dates, Floats, Ints, Panel, PriceSeries
from forecasting.spikes import without_spikes

#: How a season is taken off: not at all, as what is added on its days, or as a share of the level.
Season = Literal["none", "additive", "multiplicative"]

_MONTHS, _WEEKS = 12, 52
#: Last seasons whose median is taken; seasons that give the shape, and those that give the level,
#: of the other estimate.
_RECENT, _SHAPE, _LEVEL = 8, 26, 6
#: A place in the season that is usually almost nothing would blow up what little there is.
_LEAST_SHARE = 0.05
#: How far the panel's last year repeats itself, and how many series it takes to tell.
_YEARLY, _ENOUGH, _YEAR = 0.4, 10, 364
_DAY = np.timedelta64(1, "D")


def season_length(series: PriceSeries) -> int:
    """Return the bars of one season: days of the week that trade, bars of a day, 12 months, 52
    weeks; 1 where there is none.

    Looks at the dates of the whole series, not at its values.
    """
    if series.freq.endswith("M"):
        return max(1, _MONTHS // int(series.freq[:-1] or 1))
    if series.freq.endswith("W"):
        return _WEEKS
    days = series.ds.astype("datetime64[D]")
    if series.freq == "1D":
        return _weekdays(days).size
    if series.freq.endswith(("h", "min")):
        return int(np.median(np.unique(days, return_counts=True)[1]))
    return 1


def phases(series: PriceSeries, length: int) -> Ints:
    """Return each bar's place in its season, shape [T]: by weekday for daily bars (gaps do no
    harm), else by counting.
    """
    return _phases_of(series, length, series.ds, 0)


def _phases_of(series: PriceSeries, length: int, ds: Dates, first: int) -> Ints:
    if series.freq != "1D" or length == 1:
        return (first + np.arange(len(ds))) % length
    days = ds.astype("datetime64[D]").astype(np.int64) % 7
    return np.searchsorted(_weekdays(series.ds.astype("datetime64[D]")), days) % length


def _weekdays(days: Dates) -> Ints:
    """Return the days of the week (0 is Thursday) on which at least one bar in fifty falls."""
    counts = np.bincount(days.astype(np.int64) % 7, minlength=7)
    return np.flatnonzero(counts * 50 >= counts.sum())


def is_seasonal(panel: Panel, insample: Sequence[int]) -> bool:
    """Tell whether past seasons forecast a panel better than its last value does.

    Compares the mean absolute errors over one season ahead, in the first ``insample[s]`` bars of
    each series that show four, and takes the majority of the panel. Series with open, high and low
    are prices and never seasonal. Spikes that were over by then are held: one wrong bar makes any
    last value a bad forecast.
    """
    return _is_seasonal(panel, tuple(insample))


@per_panel
def _is_seasonal(panel: Panel, insample: tuple[int, ...]) -> bool:
    panel = without_spikes(panel, insample)
    if any(s.has_range for s in panel):
        return False
    able = [(s, n) for s, n in zip(panel, insample, strict=True) if 1 < season_length(s) <= n // 4]
    votes = 0
    for left, (series, known) in zip(range(len(able), 0, -1), able, strict=True):
        if 2 * votes > len(panel) or 2 * (votes + left) <= len(panel):
            break
        check_cancelled()
        length = season_length(series)
        table, phase, y = _profile(series, length), phases(series, length), series.y
        bars = np.arange(2 * length, known - length)
        ahead = bars[:, None] + np.arange(1, length + 1)
        seasonal = np.abs(y[ahead] - table[bars[:, None], phase[ahead]]).mean()
        votes += bool(seasonal < np.abs(y[ahead] - y[bars][:, None]).mean())
    # What is forecast from past seasons is the whole panel: most of its series must have shown one.
    return 2 * votes > len(panel)


def shows_season(series: PriceSeries) -> bool:
    """Tell whether a series without open, high and low is long enough to show its season three
    times.
    """
    return not series.has_range and 1 < season_length(series) <= len(series) // 3


def anchors(panel: Panel, horizon: int, season: Season = "none") -> tuple[Floats, ...]:
    """Return what past seasons say of the next bars, one array [T, H] a series, in units of the
    values.

    With an additive or multiplicative season it is the recent level (median of 6 seasons, the
    season taken off) and the season of the bar that is due. Otherwise the mean of two estimates:
    the median of the last 8 bars of the same place in the season, and the recent level (median of 6
    seasons) times the usual share of that place (median of 26). In daily panels of ten series or
    more both are moved by what the same days of last year brought, beside what the same estimate
    would have said then.

    Row t looks at values up to bar t, and at the dates of the bars after it.
    """
    if season == "none":
        return tuple(_anchors(panel, horizon))
    return with_season(_levels(panel, season), panel, season, horizon)


def with_season(
    base: Sequence[Floats], panel: Panel, season: Season, horizon: int
) -> tuple[Floats, ...]:
    """Return values without season [T] as they will be with that of the next bars, [T, H] a
    series.
    """
    ahead = seasons_ahead(panel, season, horizon)
    return tuple(
        b[:, None] + s if season == "additive" else b[:, None] * s
        for b, s in zip(base, ahead, strict=True)
    )


def _levels(panel: Panel, season: Season) -> list[Floats]:
    """Return each series' recent level, [T]: the median of the last 6 seasons, the season taken
    off.
    """
    import pandas as pd

    plain = deseasonalised(panel, season)
    return [
        pd.Series(s.y)
        .rolling(_LEVEL * season_length(s), min_periods=1)
        .median()
        .to_numpy(np.float64)
        for s in plain
    ]


@lru_cache(maxsize=2)
def _anchors(panel: Panel, horizon: int) -> tuple[Floats, ...]:
    found, dates = [], []
    for series in panel:
        check_cancelled()
        length = season_length(series)
        ds = np.concatenate([series.ds, future_sessions(series, horizon)])
        phase = _phases_of(series, length, ds, 0)
        bars = np.arange(len(series))[:, None] + np.arange(1, horizon + 1)
        found.append(_profile(series, length)[np.arange(len(series))[:, None], phase[bars]])
        dates.append(ds)
    if len(panel) < _ENOUGH or any(s.freq != "1D" for s in panel):
        return tuple(found)
    yearly = _yearly(panel, found, horizon)
    first = min(s.ds[0] for s in panel).astype("datetime64[D]")
    index = [(s.ds.astype("datetime64[D]") - first).astype(np.int64) for s in panel]
    return tuple(f * yearly[p] for f, p in zip(found, index, strict=True))


def _profile(series: PriceSeries, length: int) -> Floats:
    """Return the estimates for each place in the season as of each bar, shape [T, m]; rows look
    at bars up to their own.
    """
    import pandas as pd

    phase, y = phases(series, length), series.y
    usual = pd.Series(y).rolling(length, min_periods=1).mean().to_numpy()
    ratio = y / np.where(np.abs(usual) > 0, usual, np.nan)
    recent, share = (np.empty((len(y), length)) for _ in range(2))
    for index in range(length):
        here = phase == index
        recent[:, index], share[:, index] = (
            _typical(y, here, _RECENT),
            _typical(ratio, here, _SHAPE),
        )
    recent = np.where(np.isfinite(recent), recent, usual[:, None])
    if not (y >= 0).all():
        return recent
    share = np.where(np.isfinite(share), share, 1.0)
    share /= np.maximum(share.mean(axis=1, keepdims=True), 1e-9)
    level = y / np.maximum(share[np.arange(len(y)), phase], 1e-3)
    level = pd.Series(level).rolling(_LEVEL * length, min_periods=1).median().to_numpy()
    return np.asarray((recent + level[:, None] * share) / 2, np.float64)


def deseasonalised(panel: Panel, season: Season) -> Panel:
    """Return the panel with each bar's season taken off its prices, by what was known of the season
    at that bar.

    Bar t looks at bars up to t only. ``none`` returns the panel itself.

    Raises
    ------
    DataError
        A series without a season (see :func:`season_length`), or values below zero where the season
        is multiplicative.
    """
    return panel if season == "none" else _deseasonalised(panel, season)


@lru_cache(maxsize=2)
def _deseasonalised(panel: Panel, season: Season) -> Panel:
    return Panel(tuple(_without(series, season) for series in panel))


def _without(series: PriceSeries, season: Season) -> PriceSeries:
    table, phase = season_table(series, season), phases(series, season_length(series))
    usual = table[np.arange(len(series)), phase]
    values = np.array(series.values)
    for index, column in enumerate(series.columns):
        if column != "volume":
            values[:, index] = (
                values[:, index] - usual if season == "additive" else values[:, index] / usual
            )
    return replace(series, values=values)


def seasons_ahead(panel: Panel, season: Season, horizon: int) -> tuple[Floats, ...]:
    """Return the season of the next bars as it is known at each bar, one array [T, H] a series:
    added, or a factor.

    Row t looks at bars up to t, and at the dates on which the calendar says that the next bars are
    due.
    """
    found = []
    for series in panel:
        length = season_length(series)
        line, bars = timeline(series, horizon), np.arange(len(series))
        if series.freq == "1D":
            phase = _phases_of(series, length, line.ahead(bars, horizon).ravel(), 0).reshape(
                len(series), horizon
            )
        else:
            phase = (bars[:, None] + np.arange(1, horizon + 1)) % length
        found.append(season_table(series, season)[bars[:, None], phase])
    return tuple(found)


def season_table(series: PriceSeries, season: Season) -> Floats:
    """Return what each place in the season usually adds to the level (mean 0), or its factor (mean
    1), as of each bar, shape [T, m].

    The median of the last 26 bars of the same place, beside the mean of the season up to them. Row
    t looks at bars up to t only.

    Raises
    ------
    DataError
        A series without a season, or values below zero where the season is multiplicative.
    """
    length = season_length(series)
    if not 1 < length <= len(series) // 3:
        raise DataError(
            f"{series.symbol} has {len(series):,} bars and no season that they show three times.",
            "Choose the season 'none', or load more history.",
        )
    if season == "multiplicative" and (series.y < 0).any():
        bad = int(np.argmax(series.y < 0))
        raise DataError(
            f"{series.symbol} is {series.y[bad]:g} on {series.ds[bad].astype('datetime64[D]')}: "
            "a multiplicative season is a share of a level above zero.",
            "Choose the season 'additive'.",
        )
    return _season_table(series, season, length)


@lru_cache(maxsize=256)
def _season_table(series: PriceSeries, season: Season, length: int) -> Floats:
    import pandas as pd

    phase, y = phases(series, length), series.y
    usual = pd.Series(y).rolling(length, min_periods=1).mean().to_numpy()
    apart = y - usual if season == "additive" else y / np.where(usual > 0, usual, np.nan)
    table = np.stack([_typical(apart, phase == index, _SHAPE) for index in range(length)], axis=1)
    if season == "additive":
        table = np.where(np.isfinite(table), table, 0.0)
        return np.asarray(table - table.mean(axis=1, keepdims=True), np.float64)
    table = np.maximum(np.where(np.isfinite(table), table, 1.0), _LEAST_SHARE)
    return np.asarray(table / table.mean(axis=1, keepdims=True), np.float64)


def _typical(values: Floats, here: npt.NDArray[np.bool_], seasons: int) -> Floats:
    """Return the median of the last values at some bars, kept until the next of them, shape [T];
    NaN before the first.
    """
    import pandas as pd

    typical = pd.Series(np.where(here, values, np.nan))
    typical[here] = typical[here].rolling(seasons, min_periods=1).median()
    return np.asarray(typical.ffill().to_numpy(), np.float64)


def mean_by_phase(line: Floats, phase: Ints, length: int) -> Floats:
    """Return what each place in the season adds to the level (mean 0) as it is known at each bar,
    shape [T, m].

    Classical decomposition: the mean of the last 26 distances from the centred moving average over
    one season. A distance is known half a season after its bar, so row t looks at bars up to t
    only. 0 where nothing is known yet.

    Parameters
    ----------
    line : ndarray, shape [T]
    phase : ndarray of int, shape [T]
        Place of each bar in the season.
    length : int
        Bars of a season, m.
    """
    import pandas as pd

    weights = np.ones(length + 1 - length % 2)
    if length % 2 == 0:
        weights[[0, -1]] = 0.5
    half, bars = weights.size // 2, line.size
    table = np.zeros((bars, length))
    if bars < weights.size:
        return table
    away = np.full(bars, np.nan)
    index = np.full(bars, -1)
    away[2 * half :] = line[half : bars - half] - np.convolve(line, weights / length, "valid")
    index[2 * half :] = phase[half : bars - half]
    for item in range(length):
        known = pd.Series(np.where(index == item, away, np.nan))
        known[index == item] = known[index == item].rolling(_SHAPE, min_periods=1).mean()
        table[:, item] = known.ffill().fillna(0.0)
    return np.asarray(table - table.mean(axis=1, keepdims=True), np.float64)


def _yearly(panel: Panel, estimates: Sequence[Floats], horizon: int) -> Floats:
    """Return the panel's move of last year's same days, damped, by day since the first and step
    ahead, shape [D, H].

    For day d and step h: the median over the series of the value on day d + h - 364 over what was
    estimated for it on day d - 364; both are known on day d while h is at most 364.
    """
    first, last = (
        min(s.ds[0] for s in panel).astype("datetime64[D]"),
        max(s.ds[-1] for s in panel).astype("datetime64[D]"),
    )
    days = int((last - first).astype(np.int64)) + 1
    moved = np.ones((days, horizon))
    for origin in range(days - _YEAR):
        day, now = first + origin * _DAY, first + (origin + _YEAR) * _DAY
        ratios = []
        for series, estimate in zip(panel, estimates, strict=True):
            bar = int(np.searchsorted(series.ds, day))
            known = bar + horizon < len(series) and series.ds[bar + horizon] < now + _DAY
            if known and bar >= _RECENT and series.ds[bar].astype("datetime64[D]") == day:
                ratios.append(
                    series.y[bar + 1 : bar + 1 + horizon] / np.maximum(estimate[bar], 1e-9)
                )
        if len(ratios) >= _ENOUGH:
            steps = min(horizon, _YEAR)
            moved[origin + _YEAR, :steps] = (
                np.clip(np.median(ratios, axis=0), 0.2, 5.0)[:steps] ** _YEARLY
            )
    return moved
