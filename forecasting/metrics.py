"""How good a forecast was: flat functions of one signature, so that a new metric is one function
and one line.

Every metric is ``metric(outcomes, axis=None)``. ``axis`` is that of numpy on the [N, H] grid of
origins and steps: None gives one number (a 0-d array), 0 one number a step [H], 1 one number an
origin [N]. An outcome that is not known yet (NaN in ``y``) is skipped; where nothing is known the
result is NaN. A NaN in the *forecast* is never skipped: it makes the result NaN, so that a model
cannot win by leaving hard cases out. Point metrics judge the point forecast: the median, which
makes absolute errors small, or the mean where a run asked for it, which makes squared errors small.
Shares are in percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting import evidence
from forecasting.evidence import Share, share_of
from forecasting.series import ROUNDING, Calibration, Floats, Outcomes, Profile, within

Axis = Literal[0, 1] | None
#: Farthest that the levels beside a band's may lie apart, as a factor between their tails.
_FARTHEST = 3.0


def mae(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Mean absolute error of the point forecast, in price units."""
    return _mean(np.abs(_error(outcomes)), outcomes, axis)


def rmse(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Root mean squared error of the point forecast, in price units."""
    return _root_mean_square(_error(outcomes), outcomes, axis)


def mase(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Mean absolute error over the in-sample mean absolute one-bar change (Hyndman & Koehler 2006);
    no unit.

    NaN where ``outcomes.scale`` is missing or zero.
    """
    return _mean(np.abs(_error(outcomes)) / _unit(outcomes, outcomes.scale), outcomes, axis)


def rmsse(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Root mean squared error, scaled by the in-sample root mean squared one-bar change (M5
    competition, 2020); no unit.

    NaN where ``outcomes.rms_scale`` is missing or zero.
    """
    scaled = _error(outcomes) / _unit(outcomes, outcomes.rms_scale)
    return _root_mean_square(scaled, outcomes, axis)


def smape(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Symmetric mean absolute percentage error, 200 |y - f| / (|y| + |f|), percent (0 to 200); 0
    / 0 counts as 0.
    """
    error = np.abs(_error(outcomes))
    size = np.abs(outcomes.y) + np.abs(point(outcomes))
    return _mean(
        np.divide(200 * error, size, out=np.where(size == 0, 0.0, np.nan), where=size > 0),
        outcomes,
        axis,
    )


def theil_u(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Root mean squared error over that of "no change" from the cutoff (Theil's U2, 1966); no
    unit, below 1 is better.
    """
    naive = _root_mean_square(outcomes.y - outcomes.y0[:, None], outcomes, axis)
    return _ratio(rmse(outcomes, axis), naive)


def pinball(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Pinball (quantile) loss, mean over the levels ``outcomes.scored`` (Koenker & Bassett
    1978), in price units.
    """
    return _mean(_pinball(outcomes, _identity), outcomes, axis)


def crps(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Continuous ranked probability score, in price units: 2 x the plain mean of the pinball loss
    over ``outcomes.scored``.

    With levels .01, .02 ... .99 this is the usual approximation of the CRPS integral (Gneiting &
    Raftery 2007). With few, unevenly spaced levels it is a weighted CRPS: compare models only on
    the same levels.
    """
    return 2 * pinball(outcomes, axis)


def crps_bp(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """CRPS of the log return log(y / y0) in basis points (1e-4): comparable between series of
    different prices.

    Quantiles map through the logarithm, so this is the CRPS of the return that the price forecast
    implies. NaN everywhere unless all known outcomes, all values at the cutoff and all forecast
    quantiles are positive.
    """
    known = np.isfinite(outcomes.y)
    if not (
        (outcomes.y[known] > 0).all() and (outcomes.y0 > 0).all() and (outcomes.values > 0).all()
    ):
        return _mean(np.full(outcomes.y.shape, np.nan), outcomes, axis)
    return 2e4 * _mean(_pinball(outcomes, np.log), outcomes, axis)


def coverage(outcomes: Outcomes, axis: Axis = None, *, level: float = 80) -> Floats:
    """Share of outcomes inside the central band of ``level`` percent, limits included, in percent.

    A value that differs from a limit by rounding only (1e-9 of its size) lies on it.
    """
    return 100 * _mean(_inside(outcomes, level), outcomes, axis)


def coverage_share(outcomes: Outcomes, level: float, step: int | None = None) -> Share:
    """Return the coverage of a band with its interval on independent origins, of all steps or of
    one (from 1).
    """
    inside, known = _inside(outcomes, level), np.isfinite(outcomes.y)
    if not np.isfinite(inside[known]).all():
        return evidence.UNKNOWN
    return _share((inside == 1) & known, known, outcomes, step)


def _inside(outcomes: Outcomes, level: float) -> Floats:
    """Return 1 where an outcome lies in a band, 0 where not, NaN where there is no band or no
    outcome; shape [N, H].
    """
    low, high = _band(outcomes, level)
    return np.where(np.isnan(low + high + outcomes.y), np.nan, within(low, outcomes.y, high))


def _share(
    hits: npt.NDArray[np.bool_],
    counts: npt.NDArray[np.bool_],
    outcomes: Outcomes,
    step: int | None = None,
) -> Share:
    """Return the share of hits among what counts, both [N, H], over all steps or at one."""
    chosen = slice(None) if step is None else slice(step - 1, step)
    hits, counts = hits[:, chosen], counts[:, chosen]
    return share_of(
        evidence.counted(hits),
        evidence.counted(counts),
        outcomes.cutoff,
        outcomes.ds[:, chosen][:, -1],
    )


def width(outcomes: Outcomes, axis: Axis = None, *, level: float = 80) -> Floats:
    """Mean width of the central band of ``level`` percent, in price units."""
    low, high = _band(outcomes, level)
    return _mean(high - low, outcomes, axis)


def msis(outcomes: Outcomes, axis: Axis = None, *, level: float = 95) -> Floats:
    """Mean scaled interval score of the central band of ``level`` percent (Gneiting & Raftery 2007;
    scaled as in M4).

    Width plus 2 / alpha times the miss, over the in-sample mean absolute one-bar change; no unit.
    """
    low, high = _band(outcomes, level)
    miss = np.maximum(low - outcomes.y, 0) + np.maximum(outcomes.y - high, 0)
    return _mean(
        (high - low + miss * 2 / (1 - level / 100)) / _unit(outcomes, outcomes.scale),
        outcomes,
        axis,
    )


def directional_accuracy(outcomes: Outcomes, axis: Axis = None) -> Floats:
    """Share of calls of up or down that came true, in percent.

    A call is a point forecast different from the value at the cutoff by more than rounding. A
    forecast of no change is no call, and an outcome without a change has no direction: both are
    left out. NaN where there was no call (always so for a random walk).
    """
    right, called = calls(outcomes)
    return 100 * _ratio(right.sum(axis, dtype=np.float64), called.sum(axis, dtype=np.float64))


def directional_share(outcomes: Outcomes, step: int | None = None) -> Share:
    """Return the directional accuracy with its interval on independent origins, of all steps or
    of one (from 1).
    """
    right, called = calls(outcomes)
    return _share(right, called, outcomes, step)


@dataclass(frozen=True)
class Metric:
    """All that the program knows of one metric.

    ``better``: ``low``, ``high``, or the ``level`` that it should hit. ``brief``: its heading in
    the table of a terminal; "" for a metric that only the window, reports and ``--json`` have.
    """

    compute: Callable[..., Floats]
    label: str
    unit: str
    better: Literal["low", "high"] | float
    brief: str = ""


#: What :func:`score` reports, in the order in which tables show it; unit "" means none, "price"
#: that of the series.
METRICS: dict[str, Metric] = {
    "crps_bp": Metric(crps_bp, "CRPS of log return", "bp", "low", "CRPS bp"),
    "crps": Metric(crps, "CRPS", "price", "low"),
    "pinball": Metric(pinball, "Pinball loss", "price", "low"),
    "mae": Metric(mae, "MAE", "price", "low", "MAE"),
    "rmse": Metric(rmse, "RMSE", "price", "low", "RMSE"),
    "mase": Metric(mase, "MASE", "", "low", "MASE"),
    "rmsse": Metric(rmsse, "RMSSE", "", "low"),
    "smape": Metric(smape, "sMAPE", "%", "low"),
    "theil_u": Metric(theil_u, "Theil's U", "", "low"),
    "coverage_80": Metric(partial(coverage, level=80), "80 % coverage", "%", 80.0, "in 80 %"),
    "coverage_95": Metric(partial(coverage, level=95), "95 % coverage", "%", 95.0, "in 95 %"),
    "width_80": Metric(partial(width, level=80), "80 % width", "price", "low"),
    "width_95": Metric(partial(width, level=95), "95 % width", "price", "low"),
    "msis": Metric(msis, "MSIS (95 %)", "", "low"),
    "directional_accuracy": Metric(
        directional_accuracy, "Direction right", "%", "high", "up/down %"
    ),
}


def score(outcomes: Outcomes) -> dict[str, float]:
    """Return every metric of :data:`METRICS` over all origins and steps; NaN where a metric does
    not apply.

    Beside them, ``directional_low`` and ``directional_high``, ``coverage_80_low`` and so on: the 95
    % interval of each share by :mod:`forecasting.evidence`, NaN where too few independent origins
    give none.
    """
    scores = {name: float(metric.compute(outcomes)) for name, metric in METRICS.items()}
    return scores | _limits(outcomes)


def by_step(outcomes: Outcomes) -> dict[str, Floats]:
    """Return what :func:`score` does for each step ahead: every metric, and the intervals of
    shares, [H] each.
    """
    scores = {name: metric.compute(outcomes, 0) for name, metric in METRICS.items()}
    limits = [_limits(outcomes, step) for step in range(1, outcomes.horizon + 1)]
    return scores | {
        name: np.array([item[name] for item in limits], np.float64) for name in limits[0]
    }


def _limits(outcomes: Outcomes, step: int | None = None) -> dict[str, float]:
    """Return the intervals of direction and coverage, over all steps or at one (from 1)."""
    shares = {
        "directional": directional_share(outcomes, step),
        "coverage_80": coverage_share(outcomes, 80, step),
        "coverage_95": coverage_share(outcomes, 95, step),
    }
    found = {}
    for name, share in shares.items():
        found[f"{name}_low"] = share.low if share.told else math.nan
        found[f"{name}_high"] = share.high if share.told else math.nan
    return found


def calibration(outcomes: Outcomes) -> Calibration:
    """Compare stated with realised coverage, for every central band that the forecast has,
    narrowest first.
    """
    levels = [
        200 * q - 100
        for q in outcomes.quantiles
        if q > 0.5 and any(abs(p - (1 - q)) < 1e-9 for p in outcomes.quantiles)
    ]
    below = [
        100 * _mean(_not_above(outcomes, index), outcomes, None)
        for index in range(len(outcomes.quantiles))
    ]
    shares = [coverage_share(outcomes, level) for level in levels]
    return Calibration(
        np.array(levels).round(9),
        np.array([coverage(outcomes, level=level) for level in levels], np.float64),
        np.array([coverage(outcomes, 0, level=level) for level in levels], np.float64).reshape(
            -1, outcomes.horizon
        ),
        100 * np.asarray(outcomes.quantiles),
        np.array(below, np.float64),
        np.array([share.low if share.told else np.nan for share in shares], np.float64),
        np.array([share.high if share.told else np.nan for share in shares], np.float64),
    )


def leaders(metric: str, scores: Mapping[str, Mapping[str, float]], digits: int = 4) -> list[str]:
    """Return the models that are best by a metric: all that look level in a table, none where that
    tells nothing.

    Figures are compared with the significant ``digits`` that a table shows. A share that should hit
    a level, as coverage should, is best where its interval holds that level; without intervals the
    closest is.
    """
    known = {
        model: row[metric] for model, row in scores.items() if np.isfinite(row.get(metric, np.nan))
    }
    if len(known) < 2:
        return []
    better = METRICS[metric].better if metric in METRICS else "low"
    if not isinstance(better, str):
        limits = {
            model: (
                scores[model].get(f"{metric}_low", np.nan),
                scores[model].get(f"{metric}_high", np.nan),
            )
            for model in known
        }
        best = [model for model, (low, high) in limits.items() if low <= better <= high]
        if not best and np.isfinite(list(limits.values())).all():
            return []
        known = {model: abs(value - better) for model, value in known.items()}
    else:
        best = []
        known = {
            model: float(f"{value:.{digits}g}") * (-1 if better == "high" else 1)
            for model, value in known.items()
        }
    best = best or [model for model, value in known.items() if value == min(known.values())]
    return best if len(best) < len(known) else []


def profile(outcomes: Outcomes) -> Profile:
    """Return all figures that are shown of the outcomes of one model beside their scores."""
    left = [residual_figures(outcomes, step) for step in range(1, outcomes.horizon + 1)]
    return Profile(
        by_step(outcomes), calibration(outcomes), np.array(left, np.float64).reshape(-1, 4)
    )


def residuals(outcomes: Outcomes, step: int) -> tuple[Floats, bool]:
    """Return what happened less the median at one step [N], and whether it is in percent of the
    value at the cutoff.

    It is where all those values are positive; otherwise it is in the units of the series.
    """
    left = outcomes.y[:, step - 1] - outcomes.quantile(0.5)[:, step - 1]
    if (outcomes.y0 > 0).all():
        return 100 * left / outcomes.y0, True
    return left, False


def residual_figures(outcomes: Outcomes, step: int) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, share above the median in percent, and memory of the
    residuals of one step.

    Memory is the correlation with the residual of the same series whose horizon ended where this
    one begins.
    """
    left, _ = residuals(outcomes, step)
    order = np.lexsort((outcomes.cutoff, outcomes.symbol))
    order = order[np.isfinite(left[order])]
    left, symbol = left[order], outcomes.symbol[order]
    if left.size < 3:
        return (np.nan,) * 4
    same = symbol[:-step] == symbol[step:]
    pairs = left[:-step][same], left[step:][same]
    varied = pairs[0].size > 2 and all(part.std() > 0 for part in pairs)
    memory = float(np.corrcoef(*pairs)[0, 1]) if varied else np.nan
    return float(left.mean()), float(left.std()), float(100 * (left > 0).mean()), memory


def _not_above(outcomes: Outcomes, index: int) -> Floats:
    values = outcomes.values[:, :, index]
    return np.where(np.isnan(values), np.nan, outcomes.y <= values)


def point(outcomes: Outcomes) -> Floats:
    """Return the point forecast, shape [N, H]: the mean where there is one, otherwise the median
    (interpolated if need be).
    """
    return outcomes.mean if outcomes.mean.size else _quantile(outcomes, 0.5)


def _identity(values: Floats) -> Floats:
    return values


def _mean(loss: Floats, outcomes: Outcomes, axis: Axis) -> Floats:
    """Average a loss [N, H] over what is known."""
    known = np.isfinite(outcomes.y)
    return _ratio(np.sum(loss, axis, where=known), known.sum(axis, dtype=np.float64))


def _root_mean_square(error: Floats, outcomes: Outcomes, axis: Axis) -> Floats:
    """Return the root of the mean of squares [N, H] over what is known, in the unit of the errors;
    they are scaled for it, so that the square of a huge or tiny price is a number.
    """
    largest = np.max(np.abs(error), initial=0.0, where=np.isfinite(error)) or 1.0
    return np.asarray(largest * np.sqrt(_mean((error / largest) ** 2, outcomes, axis)))


def _ratio(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Floats:
    """Divide, with NaN where the denominator is zero."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    ratio: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return ratio


def _error(outcomes: Outcomes) -> Floats:
    """Return what happened less the point forecast, shape [N, H]; 0 where they differ by
    rounding only.
    """
    text = point(outcomes)
    return np.where(within(text, outcomes.y, text), 0.0, outcomes.y - text)


def _unit(outcomes: Outcomes, scale: Floats) -> Floats:
    """Return the unit of scaled errors, [N, 1]; NaN where it is unknown or zero."""
    if scale.size == 0:
        return np.full((len(outcomes), 1), np.nan)
    return np.where(scale > 0, scale, np.nan)[:, None]


def _quantile(outcomes: Outcomes, q: float) -> Floats:
    """Return one quantile [N, H], between two levels by linear interpolation, NaN beyond the
    outermost levels.
    """
    levels = np.asarray(outcomes.quantiles)
    nearest = int(np.abs(levels - q).argmin())
    if abs(levels[nearest] - q) < 1e-9:
        return outcomes.values[:, :, nearest]
    above = int(np.searchsorted(levels, q))
    if above in (0, levels.size):
        return np.full(outcomes.y.shape, np.nan)
    weight = float((q - levels[above - 1]) / (levels[above] - levels[above - 1]))
    return (1 - weight) * outcomes.values[:, :, above - 1] + weight * outcomes.values[:, :, above]


def _band(outcomes: Outcomes, level: float) -> tuple[Floats, Floats]:
    """Return the limits of a central band [N, H]; NaN where its levels lie far from those that
    were forecast.
    """
    tail = (1 - level / 100) / 2
    if not _close_levels(outcomes, tail):
        unknown = np.full(outcomes.y.shape, np.nan)
        return unknown, unknown
    return _quantile(outcomes, tail), _quantile(outcomes, 1 - tail)


def _close_levels(outcomes: Outcomes, tail: float) -> bool:
    """Tell whether the levels beside a tail, on both sides, are near enough for a straight line
    between their quantiles.
    """
    for level in (tail, 1 - tail):
        levels = (
            np.minimum(np.asarray(outcomes.quantiles), 1 - np.asarray(outcomes.quantiles))
            if level > 0.5
            else outcomes.quantiles
        )
        side = np.asarray(
            [
                q
                for q, own in zip(levels, outcomes.quantiles, strict=True)
                if (own > 0.5) == (level > 0.5) or own == 0.5
            ]
        )
        below, above = side[side <= tail + 1e-9], side[side >= tail - 1e-9]
        if not below.size or not above.size or above.min() > _FARTHEST * below.max():
            return False
    return True


def _pinball(outcomes: Outcomes, transform: Callable[[Floats], Floats]) -> Floats:
    """Return the pinball loss of transformed values, mean over the scored levels, [N, H]; one
    level at a time to save memory.
    """
    y = transform(np.where(np.isfinite(outcomes.y), outcomes.y, 1.0))
    total: Floats = np.zeros(outcomes.y.shape)
    for q in outcomes.scored_levels:
        error = y - transform(outcomes.quantile(q))
        total += np.maximum(q * error, (q - 1) * error)
    mean: Floats = total / len(outcomes.scored_levels)
    return mean


def _sign(values: Floats, before: Floats) -> Floats:
    """Return the sign of changes, 0 for what is no more than rounding."""
    change = values - before
    return np.where(np.abs(change) <= ROUNDING * np.abs(before), 0.0, np.sign(change))


def calls(outcomes: Outcomes) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return where a call of direction was right and where there was one, both bool [N, H]; see
    :func:`directional_accuracy`.
    """
    before = outcomes.y0[:, None]
    called, happened = _sign(point(outcomes), before), _sign(outcomes.y, before)
    counted = np.isfinite(called) & np.isfinite(happened) & (called != 0) & (happened != 0)
    return (called == happened) & counted, counted
