"""The plain answer to "is it any good?": skill, significance, calibration, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting import metrics
from forecasting.baselines import BASELINES
from forecasting.events import Verdict
from forecasting.series import Floats, Outcomes

#: Fewer independent origins than this decide nothing.
MIN_ORIGINS = 20
#: A larger skill than this one bar ahead is more likely a leak than a discovery.
LEAK_SKILL = 0.05
SIGNIFICANCE = 0.05


def judge(outcomes: Mapping[str, Outcomes], model: str, reference: str = "random-walk") -> Verdict:
    """Judge a model against a baseline on the same origins.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        The model and the baselines, from the same origins and on the same quantile levels.
    model, reference : str
        Keys of ``outcomes``.

    Returns
    -------
    Verdict
        ``beats`` or ``loses`` only where the Diebold-Mariano test tells the two apart at 5 %; otherwise ``ties``.
    """
    ours, theirs = outcomes[model], outcomes[reference]
    test = compare(ours, theirs)
    outcome: Literal["beats", "ties", "loses"] = "ties"
    if test.effective >= MIN_ORIGINS and test.p_value < SIGNIFICANCE:
        outcome = "beats" if test.skill > 0 else "loses"
    return Verdict(
        outcome, _sentence(outcome, model, reference, ours.horizon, test), test.skill, test.p_value, reference, _notes(ours, test)
    )


@dataclass(frozen=True)
class Comparison:
    """Two models on the same origins. ``effective`` is the number of origins whose outcomes do not overlap."""

    skill: float
    p_value: float
    origins: int
    effective: float


def compare(ours: Outcomes, theirs: Outcomes) -> Comparison:
    """Compare two models by CRPS: of log returns where all values are positive, in price units otherwise.

    The Diebold-Mariano test (1995) runs on the difference of losses per origin date (mean over series and steps
    first: series move together, so each date is one observation), with Newey-West variance over as many lags as
    outcomes overlap and the small-sample factor of Harvey, Leybourne & Newbold (1997); two-sided.
    """
    loss, reference = _losses(ours, theirs)
    mine, base = (
        float(np.nanmean(loss)) if np.isfinite(loss).any() else math.nan,
        float(np.nanmean(reference)) if np.isfinite(reference).any() else math.nan,
    )
    skill = 1 - mine / base if base > 0 else 0.0 if mine == base else math.nan
    difference, lags = _by_date(ours, reference - loss)
    return Comparison(skill, diebold_mariano(difference, lags), difference.size, difference.size / (lags + 1))


def diebold_mariano(difference: Floats, lags: int = 0) -> float:
    """Two-sided p-value of the hypothesis that the mean difference of two losses is zero.

    Parameters
    ----------
    difference : ndarray, shape [N]
        Loss of one model minus that of the other, by origin in time order.
    lags : int
        Origins whose outcomes overlap with those of an origin: ceil(horizon / step) - 1.

    Returns
    -------
    float
        NaN for fewer than two origins or no difference at all.
    """
    n = difference.size
    if n < max(2, lags + 2) or np.ptp(difference) == 0:
        return math.nan
    from scipy.special import stdtr

    centred = difference - difference.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / n
    steps = lags + 1
    factor = (n + 1 - 2 * steps + steps * (steps - 1) / n) / n
    statistic = math.sqrt(max(factor, 0.0)) * float(difference.mean()) / math.sqrt(variance / n)
    return float(2 * stdtr(n - 1, -abs(statistic)))


def _losses(ours: Outcomes, theirs: Outcomes) -> tuple[Floats, Floats]:
    """Return the loss of both models by origin, in one unit, [N] each."""
    a, b = metrics.crps_bp(ours, 1), metrics.crps_bp(theirs, 1)
    if np.isfinite(a).any() and np.isfinite(b).any():
        return a, b
    a, b = metrics.crps(ours, 1), metrics.crps(theirs, 1)
    if ours.scale.size and (ours.scale > 0).all():
        return a / ours.scale, b / ours.scale
    return a, b


def _by_date(outcomes: Outcomes, loss: Floats) -> tuple[Floats, int]:
    """Return the mean over series by origin date in time order, and how many later origins an outcome overlaps with."""
    known = np.isfinite(loss)
    dates, place = np.unique(outcomes.cutoff[known], return_inverse=True)
    mean = np.bincount(place, loss[known]) / np.bincount(place)
    overlap = np.searchsorted(dates, outcomes.ds[known, -1]) - place - 1
    return mean, int(np.median(overlap)) if overlap.size else 0


def _sentence(outcome: str, model: str, reference: str, horizon: int, test: Comparison) -> str:
    label = BASELINES[reference].label if reference in BASELINES else reference
    relation = {"beats": "beats", "ties": "ties with", "loses": "loses to"}[outcome]
    bars = "1 bar" if horizon == 1 else f"{horizon} bars"
    if not math.isfinite(test.skill):
        return f"{model} cannot be told from {label}: no outcome is known yet."
    size = f"CRPS {abs(test.skill):.1%}".replace("%", " %") + (" lower" if test.skill > 0 else " higher")
    chance = f" (p = {test.p_value:.2g})" if math.isfinite(test.p_value) else ""
    return f"{model} {relation} {label} over {bars}: {size if test.skill else 'the same CRPS'} on {test.origins} origins{chance}."


def _notes(outcomes: Outcomes, test: Comparison) -> tuple[str, ...]:
    notes = []
    if test.effective < MIN_ORIGINS:
        notes.append(f"{test.effective:.0f} independent origins are too few to tell; {MIN_ORIGINS} are needed.")
    held = [(level, float(metrics.coverage(outcomes, level=level))) for level in (80, 95)]
    words = [f"the {level} % band held {share:.1f} % of outcomes" for level, share in held if math.isfinite(share)]
    if words:
        notes.append((", ".join(words) + ".").capitalize())
    if outcomes.horizon == 1 and test.skill > LEAK_SKILL:
        notes.append("A skill above 5 % one bar ahead is rare: check for a leak.")
    return tuple(notes)
