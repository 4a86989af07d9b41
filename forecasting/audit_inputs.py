"""Checks of the user's inputs: none is read before it was known, and none is stamped earlier
than it can have been known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from forecasting.checks import usual_distance
from forecasting.config import RunConfig
from forecasting.covariates import at_bars
from forecasting.exog import ExogSpec
from forecasting.series import ExogColumn, Floats, Ints, Panel, PriceSeries
from forecasting.volatility import ewma, moves, resolve_target
from forecasting.windows import Scaling, Windows, bars_before

_JUST_AFTER = np.timedelta64(1, "us")
_DAY_US = 86_400_000_000
#: Relative change below which a number is the same.
_ROUNDING = 1e-6
#: Rows that are compared, the last ones of each series before the date.
_ROWS = 500
#: A correlation with the next move that no honest input has: at least so large, so many standard
#: errors, and so many times as large as that with the move of its own bar.
_LEAST, _ERRORS, _TIMES = 0.12, 5.0, 1.5
#: Fewest pairs that a correlation is told from; lags that each side is made independent of.
_PAIRS, _LAGS = 60, 5


def perturbed(
    panel: Panel, spec_index: int, spec: ExogSpec, date: np.datetime64, horizon: int
) -> Panel:
    """Return the panel with every value of one input replaced that was not known on a date.

    Of an input known ahead these are the values beyond the horizon of a forecast made on that date.
    """
    draw = np.random.default_rng(7)
    return Panel(
        tuple(_perturbed(series, spec_index, spec, date, horizon, draw) for series in panel)
    )


def _perturbed(
    series: PriceSeries,
    index: int,
    spec: ExogSpec,
    date: np.datetime64,
    horizon: int,
    draw: np.random.Generator,
) -> PriceSeries:
    last = int(np.searchsorted(series.ds, date, "right")) - 1
    if last < 0 or spec.kind == "stat":
        return series
    column = series.exog[index]
    if spec.kind == "futr":
        beyond = last + horizon + 1
        later = column.ds > (
            series.ds[beyond]
            if beyond < len(series)
            else series.ds[-1] + np.timedelta64(10_000, "D")
        )
    else:
        delay = spec.delay if spec.unit == "bars" else 0
        known = column.ds if column.known is None else column.known
        later = known > (series.ds[last - delay] if last >= delay else series.ds[0] - _JUST_AFTER)
    exog = list(series.exog)
    exog[index] = replace(column, values=wild(column, later, draw))
    return replace(series, exog=tuple(exog))


def wild(
    column: ExogColumn,
    where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    draw: np.random.Generator,
) -> Floats:
    """Return the values of a column with some replaced by others that are possible but far from
    them.
    """
    values, count = np.array(column.values), int(np.count_nonzero(where))
    if column.form == "category":
        values[where] = draw.integers(0, max(1, len(column.labels)), count)
    elif column.form == "flag":
        values[where] = 1 - np.nan_to_num(values[where])
    else:
        size = float(np.nanstd(values)) or 1.0
        values[where] = np.nan_to_num(values[where]) + size * (5 + draw.normal(0, 3, count))
    return values


def leaks(panel: Panel, config: RunConfig, date: np.datetime64, index: int) -> tuple[bool, str]:
    """Compare what is read of one input up to a date with what is read where only values that
    were not known then differ.
    """
    spec = config.inputs.exog[index]
    found = []
    for version in (panel, perturbed(panel, index, spec, date, config.task.horizon)):
        known = bars_before(version, date + _JUST_AFTER)
        windows = Windows(
            version,
            Scaling.fit(version, known, config.task, config.inputs),
            config.task,
            torch.device("cpu"),
        )
        starts = zip(windows.starts, known, strict=False)
        first = config.task.input_size - 1
        rows = [start + np.arange(max(first, n - _ROWS), n) for start, n in starts if n > first]
        batch = windows.covariates(torch.as_tensor(np.concatenate(rows)))
        found.append(
            np.concatenate(
                [
                    part.double().numpy().ravel()
                    for part in (batch.hist[:, -1], batch.futr, batch.stat)
                ]
            )
        )
    changed = ~np.isclose(found[0], found[1], rtol=_ROUNDING, atol=_ROUNDING)
    if not changed.any():
        what = "beyond the horizon" if spec.kind == "futr" else "not known yet"
        return (
            True,
            f"{found[0].size:,} numbers read of {spec.name} did not change when every value "
            f"{what} was replaced.",
        )
    return (
        False,
        f"{changed.mean():.0%} of what is read of {spec.name} changed when only values that "
        "were not known yet were replaced.",
    )


class Timing(NamedTuple):
    """How an input goes with moves: the largest correlation with the next one, that with the
    move of its own bar, and pairs.
    """

    following: float
    same: float
    pairs: int

    @property
    def too_early(self) -> bool:
        """Whether the input knows the next move as no value can that is known at the close of
        its bar.
        """
        least = max(_LEAST, _ERRORS / np.sqrt(max(self.pairs, 1)))
        return (
            self.pairs >= _PAIRS
            and abs(self.following) > least
            and abs(self.following) > _TIMES * abs(self.same)
        )


def timing(panel: Panel, spec: ExogSpec, index: int) -> Timing:
    """Correlate what is new in an input with the move of its own bar and with the next one.

    What each can be told from its own past, and from the weekday and the hour, is taken off both
    sides first (prewhitening: Box and Jenkins 1970). Direction and size of the moves are looked at,
    of the input its values; ranks are correlated, so that single values do not decide. Of a panel
    the mean over its series counts.
    """
    found = [pair for series in panel for pair in [_pairs(series, spec, index)] if pair is not None]
    if not found:
        return Timing(0.0, 0.0, 0)
    correlations = np.mean([pair[0] for pair in found], axis=0)  # [measures, 2]
    pairs = max(pair[1] for pair in found)
    worst = int(np.argmax(np.abs(correlations[:, 1]) - _TIMES * np.abs(correlations[:, 0])))
    return Timing(float(correlations[worst, 1]), float(correlations[worst, 0]), pairs)


def _pairs(series: PriceSeries, spec: ExogSpec, index: int) -> tuple[Floats, int] | None:
    """Return correlations [measures, 2] with the own and the next bar's move, and how many pairs
    they are made of.
    """
    column = series.exog[index]
    if column.form == "category" or len(series) < _PAIRS + 2 * _LAGS:
        return None
    values, age = at_bars(series, column, replace(spec, delay=0) if spec.unit == "bars" else spec)
    target = resolve_target(Panel((series,)), "auto")
    move = moves(series, target if target in ("log-return", "difference") else "difference")
    scale = np.sqrt(ewma(move**2, 0.94))
    scaled = move / np.maximum(np.concatenate([scale[:1], scale[:-1]]), 1e-12)
    fresh = np.isfinite(values) & (np.nan_to_num(age, nan=1.0) < 0.5)
    fresh[: _LAGS + 2] = fresh[-1] = False
    at = np.flatnonzero(fresh)
    if at.size < _PAIRS:
        return None
    calendar = _calendar(series)
    new = _residual(_filled(values), calendar, at)
    if new is None:
        return None
    rows = []
    for measure in (np.clip(scaled, -8, 8), np.log(np.abs(scaled) + 0.05)):
        text = _residual(measure, calendar, np.arange(_LAGS + 1, len(series)))
        if text is None:
            continue
        full = np.full(len(series), np.nan)
        full[_LAGS + 1 :] = text
        rows.append([_rank_correlation(new, full[at]), _rank_correlation(new, full[at + 1])])
    return (np.array(rows), int(at.size)) if len(rows) == 2 else None


def _filled(values: Floats) -> Floats:
    import pandas as pd

    return np.asarray(pd.Series(values).ffill().bfill().to_numpy(np.float64), np.float64)


def _calendar(series: PriceSeries) -> Floats:
    """Return 0 and 1 for each weekday and, of bars within the day, each hour, [T, K]."""
    days = (series.ds.astype("datetime64[D]").astype(np.int64) + 3) % 7
    parts = [days]
    if 0 < usual_distance(series) < _DAY_US:
        parts.append(
            (series.ds - series.ds.astype("datetime64[D]"))
            .astype("timedelta64[h]")
            .astype(np.int64)
        )
    return np.concatenate([_dummies(part) for part in parts], axis=1)


def _dummies(numbers: Ints) -> Floats:
    kinds = np.unique(numbers)[1:]
    return np.asarray(numbers[:, None] == kinds[None, :], np.float64)


def _residual(values: Floats, calendar: Floats, at: Ints) -> Floats | None:
    """Return what neither the last values nor the calendar tell of some values, [N]; None where
    nothing is left.
    """
    lags = np.stack([values[at - lag] for lag in range(1, _LAGS + 1)], axis=1)
    known = np.column_stack([np.ones(at.size), lags, calendar[at]])
    weights, *_ = np.linalg.lstsq(known, values[at], rcond=None)
    left = np.asarray(values[at] - known @ weights, np.float64)
    return left if left.std() > 1e-6 * max(float(values.std()), 1e-300) else None


def _rank_correlation(a: Floats, b: Floats) -> float:
    from scipy.stats import rankdata

    x, y = rankdata(a), rankdata(b)
    return float(np.corrcoef(x, y)[0, 1]) if x.std() > 0 and y.std() > 0 else 0.0


def stamped(panel: Panel, spec: ExogSpec, index: int) -> tuple[bool, str]:
    """Tell whether an input of the past is stamped too early."""
    found = timing(panel, spec, index)
    if not found.pairs:
        return True, f"{spec.name} has too few values for its dates to be checked."
    figures = (
        f"{found.following:+.2f} with the next move, {found.same:+.2f} with that of its own "
        f"bar ({found.pairs:,} values)"
    )
    if not found.too_early:
        return True, f"{spec.name} does not know the next move: correlation {figures}."
    return False, (
        f"{spec.name} is stamped too early: what is new in it correlates {figures}. Nothing "
        "that is known at the close of a bar "
        f"does. Give it a delay (--input {spec.name}:delay=1), or read it as known ahead if it "
        "truly is."
    )
