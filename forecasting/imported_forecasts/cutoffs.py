"""From which bar each forecast was made, and how many bars ahead it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting.errors import ConfigError, SourceError
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.imported_forecasts.rows import ForecastRows, RowKeys
from forecasting.imported_forecasts.timeline import Timeline, rows_of
from forecasting.series import Dates, Finding, Floats, Ints
from forecasting.sources.files.dates import read_dates

Mask = npt.NDArray[np.bool_]

#: Longest horizon.
MOST_STEPS = 1000
#: Rows from which on a table of one-step forecasts can be told from one long forecast.
_ENOUGH = 20
#: Correlation of the moves of a forecast with those of the last known value, or median distances
#: from it, of a one-step table.
_FOLLOWS, _NEAR = 0.2, 2.0
#: Longest block that is looked for, fewest blocks, and from which p-value and share of the variance
#: on there are blocks.
_LONGEST_BLOCK, _BLOCKS, _SURELY, _EXPLAINED = 60, 4, 1e-5, 0.15
_ASK = (
    "Say how they were made: --horizon 1 (each row from the bar before), --horizon 5 (blocks "
    "of 5 rows), or --cutoff DATE (all at once)."
)
_NAT = np.datetime64("NaT", "us")


@dataclass(frozen=True, eq=False)
class Placed:
    """Rows of one model on the bars of a panel.

    Attributes
    ----------
    series, bar, step : ndarray of int64, shape [R]
        Place of the series, index of the cutoff bar, and bars ahead from 1.
    ds : ndarray of datetime64[us], shape [R]
        Date that was forecast.
    kept : ndarray of bool, shape [R]
        Whether the row could be placed.
    findings : tuple of Finding
    """

    series: Ints
    bar: Ints
    step: Ints
    ds: Dates
    kept: Mask
    findings: tuple[Finding, ...]


@dataclass
class _Rows:
    """The rows of one series while they are placed."""

    stamps: Dates
    ds: Dates
    cutoff: Dates
    start: Dates
    step: Ints
    target: Ints
    point: Floats
    y: Floats
    own: bool
    likely: bool
    known_until: np.datetime64

    @property
    def bars(self) -> int:
        """Return the number of bars that are known."""
        return int(self.stamps.size)


def place_rows(
    model: ForecastRows,
    line: Timeline,
    options: ForecastOptions,
    *,
    likely: bool = True,
    known_until: np.datetime64 = _NAT,
) -> Placed:
    """Find the cutoff and the step ahead of every row of a model.

    Cutoffs come from, in this order: what the user says, the column of cutoffs, that of starts,
    steps ahead with dates. A table with dates alone is taken as one-step forecasts where it looks
    like them, or as one forecast of the future, and a finding says so.

    Parameters
    ----------
    model : ForecastRows
    line : Timeline
    options : ForecastOptions
    likely : bool
        Whether one-step forecasts are likely where nothing else tells: a table of predicted beside
        actual values is of such.
    known_until : datetime64
        Last date of which the file holds the actual value; NaT for none.

    Raises
    ------
    SourceError
        Rows that may have been made in several ways.
    """
    count = len(model.keys)
    series, bar, step = np.full(count, -1), np.full(count, -1), np.zeros(count, np.int64)
    ds, on_bar = np.full(count, _NAT), np.zeros(count, bool)
    findings: list[Finding] = []
    for index, mine in rows_of(model.keys, line):
        keys = _with_steps(model.keys.take(mine), options.horizon)
        dates = line.local(index, keys.ds)
        stamps = line.stamps(index)
        point = model.values[mine, model.levels.index(0.5)]
        y = line.panel[index].y
        rows = _Rows(
            stamps,
            dates,
            line.local(index, keys.cutoff),
            line.local(index, keys.start),
            keys.step,
            _targets(stamps, dates),
            point,
            y,
            line.own,
            likely,
            known_until,
        )
        found = _cutoffs(rows, model.model, options, findings)
        series[mine], bar[mine] = index, found
        target = np.where(np.isnat(dates), found + keys.step, rows.target)
        step[mine] = target - found
        on_bar[mine] = rows.target != -1
        ds[mine] = np.where(np.isnat(dates), _dates_of(line, index, target), dates)
    _say_left_out(model.model, series, bar, step, on_bar, findings)
    kept = (series >= 0) & (bar >= 0) & (step >= 1) & (step <= MOST_STEPS) & on_bar
    return Placed(series, bar, step, ds, kept, tuple(findings))


def _with_steps(keys: RowKeys, horizon: int) -> RowKeys:
    """Return rows with steps ahead, where they have cutoffs alone and the horizon is known."""
    if not horizon or (keys.step > 0).any() or not np.isnat(keys.ds).all():
        return keys
    return replace(keys, step=np.arange(len(keys), dtype=np.int64) % horizon + 1)


def _targets(stamps: Dates, ds: Dates) -> Ints:
    """Return the bar of each date, -1 where there is none, -2 for no date.

    After the last bar they are counted on by the dates of the file.
    """
    index = np.searchsorted(stamps, ds)
    inside = np.minimum(index, stamps.size - 1)
    found = np.where(stamps[inside] == ds, inside, -1)
    later = ds > stamps[-1]
    if later.any():
        found[later] = stamps.size + np.unique(ds[later], return_inverse=True)[1]
    return np.where(np.isnat(ds), -2, found).astype(np.int64)


def _dates_of(line: Timeline, index: int, target: Ints) -> Dates:
    """Return the dates of bars; of those to come by the calendar."""
    from forecasting.calendars import future_sessions

    series = line.panel[index]
    beyond = int(target.max(initial=0)) - len(series) + 1
    ds = (
        np.concatenate([series.ds, future_sessions(series, min(beyond, MOST_STEPS))])
        if beyond > 0
        else series.ds
    )
    return ds[np.clip(target, 0, ds.size - 1)]


def _cutoffs(rows: _Rows, model: str, options: ForecastOptions, findings: list[Finding]) -> Ints:
    """Return the cutoff bar of each row, -1 where it has none."""
    if options.cutoff:
        return _of_one(rows, options.cutoff)
    if options.horizon and not np.isnat(rows.ds).all():
        return _of_blocks(rows, options)
    if not np.isnat(rows.cutoff).all():
        return _of_column(rows, findings)
    if not np.isnat(rows.start).all():
        return np.where(
            np.isnat(rows.start), -1, np.searchsorted(rows.stamps, rows.start) - 1
        ).astype(np.int64)
    if (rows.step > 0).any():
        if np.isnat(rows.ds).all():
            raise SourceError(
                f"{model} tells steps ahead, but neither dates nor cutoffs.",
                "Say when it was made: --cutoff DATE.",
            )
        return np.where((rows.step > 0) & (rows.target >= 0), rows.target - rows.step, -1)
    return _guessed(rows, model, findings)


def _of_one(rows: _Rows, text: str) -> Ints:
    """Return the bar of the cutoff that the user names, for all rows."""
    import pyarrow as pa

    found = read_dates(pa.array([text]))
    if np.isnat(found.ds[0]):
        raise ConfigError(f"--cutoff {text} is no date.", "Write it as 2024-01-31.")
    if found.ds[0] < rows.stamps[0]:
        raise ConfigError(
            f"--cutoff {text} lies before the first price, {str(rows.stamps[0])[:10]}.",
            "Load more history.",
        )
    bar = int(np.searchsorted(rows.stamps, found.ds[0], side="right")) - 1
    return np.full(rows.ds.size, bar, np.int64)


def _of_column(rows: _Rows, findings: list[Finding]) -> Ints:
    """Return the last bar at or before each cutoff.

    Raises
    ------
    SourceError
        Cutoffs that lie after what was forecast from them.
    """
    bar = np.searchsorted(rows.stamps, rows.cutoff, side="right") - 1
    known = ~(np.isnat(rows.cutoff) | np.isnat(rows.ds))
    late, same = known & (rows.cutoff > rows.ds), known & (rows.cutoff == rows.ds)
    if late.any():
        at = int(np.flatnonzero(late)[0])
        raise SourceError(
            f"{int(late.sum())} forecasts are of dates before their cutoff, "
            f"such as {str(rows.ds[at])[:16]} from {str(rows.cutoff[at])[:16]}.",
            "Say which column is which: --columns cutoff=NAME,ds=NAME.",
        )
    if same.any():
        message = (
            "Some cutoffs are the date of the first bar that was forecast: they are taken as "
            "the day on which the forecast was made, "
            "when the bar before was the last one known."
        )
        findings.append(Finding("cutoff_is_start", message, int(same.sum()), "warning", "assumed"))
        bar = np.searchsorted(rows.stamps, rows.cutoff, side="left") - 1
    stale = ~np.isnat(rows.cutoff) & (rows.cutoff > rows.stamps[-1]) & (rows.target > rows.bars)
    if rows.own:
        bar = np.where(_is_next(rows, bar), bar, -1)
    return np.where(np.isnat(rows.cutoff) | (stale & _is_far(rows)), -1, bar).astype(np.int64)


def _is_next(rows: _Rows, bar: Ints) -> Mask:
    """Tell whether the bar that was found is surely that of the cutoff, where bars are only
    those of which the file tells the value.
    """
    exact = rows.stamps[np.maximum(bar, 0)] == rows.cutoff
    if rows.stamps.size < 3:
        return np.asarray(exact)
    usual = np.median(np.diff(rows.stamps).astype(np.int64))
    following = rows.stamps[np.minimum(bar + 1, rows.bars - 1)] - rows.stamps[np.maximum(bar, 0)]
    return np.asarray(exact | ((bar >= 0) & (following.astype(np.int64) <= 5 * usual)))


def _is_far(rows: _Rows) -> Mask:
    """Tell which cutoffs lie so far after the last bar that bars between are lacking."""
    usual = np.median(np.diff(rows.stamps).astype(np.int64)) if rows.bars > 2 else 0
    return np.asarray((rows.cutoff - rows.stamps[-1]).astype(np.int64) > 4 * usual)


def _of_blocks(rows: _Rows, options: ForecastOptions) -> Ints:
    """Return the cutoffs of rows that are forecasts of ``horizon`` bars, one after the other."""
    horizon = options.horizon
    if horizon == 1:
        return np.where(rows.target > 0, rows.target - 1, -1)
    count = rows.ds.size
    first = np.arange(count) // horizon * horizon
    inside = np.diff(rows.target) > 0
    inside[np.arange(horizon - 1, count - 1, horizon)] = True
    starts = rows.target[::horizon]
    steps = np.diff(starts)
    if not inside.all() or (options.step and steps.size and not (steps[:-1] == options.step).all()):
        text = (
            f"of {horizon} rows"
            if not options.step
            else f"of {horizon} rows, {options.step} bars apart"
        )
        raise SourceError(
            f"The rows are no forecasts {text} that follow each other.",
            "Look at the order of the rows, or name a column of cutoffs.",
        )
    return np.where(rows.target[first] > 0, rows.target[first] - 1, -1).astype(np.int64)


def _guessed(rows: _Rows, model: str, findings: list[Finding]) -> Ints:
    """Return the cutoffs of a table with dates alone: one forecast of the future, or one-step
    forecasts; both are told.

    Raises
    ------
    SourceError
        Several forecasts of one date, or rows that do not look like one-step forecasts.
    """
    known = rows.ds[~np.isnat(rows.ds)]
    if np.unique(known).size < known.size:
        raise SourceError(
            f"{model} has several forecasts of the same date, and no column says from when.",
            "Say how they were made: --horizon H (each forecast is H rows), or --columns "
            "cutoff=NAME.",
        )
    if (rows.target >= rows.bars).all():
        message = (
            f"All dates of {model} lie after the last known bar: they are taken as one "
            "forecast from it."
        )
        findings.append(_single_forecast(message, int(rows.ds.size)))
        return np.full(rows.ds.size, rows.bars - 1)
    if _follows_truth(rows):
        message = (
            f"The actual values in the file end on {str(rows.known_until)[:10]}, where {model} "
            "begins: its rows are taken as one forecast from there."
        )
        after = int((rows.ds > rows.known_until).sum())
        findings.append(_single_forecast(message, after))
        last = int(np.searchsorted(rows.stamps, rows.known_until, side="right")) - 1
        return np.full(rows.ds.size, last)
    bar = np.where(rows.target > 0, rows.target - 1, -1)
    if not (rows.likely or known.size >= _ENOUGH) or not _follows(rows, bar):
        raise SourceError(
            f"The rows of {model} do not look like forecasts of one bar each: they may be one "
            "forecast of many bars.",
            _ASK,
        )
    horizon = _period(rows, bar)
    if horizon:
        raise SourceError(
            f"The rows of {model} look like forecasts of {horizon} bars each, one after the "
            "other: their distance from the last value "
            f"grows over {horizon} rows again and again.",
            f"Say how they were made: --horizon {horizon}, or --horizon 1 if each row was made "
            "from the bar before.",
        )
    message = (
        f"No column says from when {model} forecast: each row is taken as made at the bar "
        "before it."
    )
    findings.append(
        Finding(
            "one_step", message, int(rows.ds.size), "warning", "assumed", remedy=("horizon", "1")
        )
    )
    return bar


def _single_forecast(message: str, rows: int) -> Finding:
    """Return the finding that rows are taken as one forecast."""
    return Finding("one_forecast", message, rows, "info", "assumed", remedy=("cutoff", ""))


def _follows_truth(rows: _Rows) -> bool:
    """Tell whether forecasts begin where the actual values of their file end, as spreadsheets write
    them: with one row in common at most.
    """
    if np.isnat(rows.known_until):
        return False
    known = rows.ds[~np.isnat(rows.ds)]
    after = int((known > rows.known_until).sum())
    return after > 1 and known.size - after <= 1


def _follows(rows: _Rows, bar: Ints) -> bool:
    """Tell whether forecasts go with the value of the bar before them, or with what they
    forecast, as one-step forecasts do.
    """
    known = np.flatnonzero((bar >= 1) & (rows.target < rows.bars) & (rows.target > 0))
    known = known[np.argsort(rows.target[known])]
    if known.size < _ENOUGH:
        return True
    point, last, y = rows.point[known], rows.y[bar[known]], rows.y[rows.target[known]]
    move = float(np.median(np.abs(y - last)))
    if float(np.median(np.abs(point - last))) <= _NEAR * move:
        return True
    moves = np.diff(point)
    if np.ptp(moves) == 0:
        return False
    found = [
        np.corrcoef(moves, np.diff(other))[0, 1]
        for other in (last, y)
        if np.ptp(np.diff(other)) > 0
    ]
    return bool(max(found, default=0.0) > _FOLLOWS)


def _period(rows: _Rows, bar: Ints) -> int:
    """Return after how many rows the distance of forecasts from the bar before them repeats, as in
    blocks of one horizon; 0 for never.

    Analysis of variance over the place in a block, with the p-value multiplied by the number of
    lengths that are tried.
    """
    known = np.flatnonzero((bar >= 1) & (rows.target < rows.bars) & (rows.target > 0))
    known = known[np.argsort(rows.target[known])]
    most = min(_LONGEST_BLOCK, known.size // _BLOCKS)
    if most < 2:
        return 0
    from scipy.special import fdtrc

    away = np.abs(rows.point[known] - rows.y[bar[known]])
    total = float(((away - away.mean()) ** 2).sum())
    best, chance = 0, _SURELY
    for length in range(2, most + 1):
        index = np.arange(away.size) % length
        count = np.bincount(index)
        between = float((count * (np.bincount(index, away) / count - away.mean()) ** 2).sum())
        if total > 0 and between > _EXPLAINED * total:
            ratio = between / (length - 1) / max((total - between) / (away.size - length), 1e-300)
            p_value = most * float(fdtrc(length - 1, away.size - length, ratio))
            best, chance = (length, p_value) if p_value < chance else (best, chance)
    return best


def _say_left_out(
    model: str, series: Ints, bar: Ints, step: Ints, on_bar: Mask, findings: list[Finding]
) -> None:
    """Tell which rows could not be placed, and why."""
    there = series >= 0
    for code, mask, why in (
        ("no_bar", there & ~on_bar, "are of dates on which there is no bar"),
        (
            "no_cutoff",
            there & on_bar & (bar < 0),
            "were made before the first bar, or from a bar whose value is not known",
        ),
        (
            "not_ahead",
            there & on_bar & (bar >= 0) & (step < 1),
            "are of bars at or before their cutoff",
        ),
        (
            "too_far",
            there & on_bar & (bar >= 0) & (step > MOST_STEPS),
            f"are of more than {MOST_STEPS} bars ahead",
        ),
    ):
        if mask.any():
            message = (
                f"{model}: {int(mask.sum())} of {mask.size} forecasts {why}, and are left out."
            )
            findings.append(Finding(code, message, int(mask.sum()), "warning", "left out"))
