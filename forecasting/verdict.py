"""The plain answer to "is it any good?": skill, significance, calibration, the copycat check, and one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from forecasting import metrics
from forecasting.baselines import BASELINES
from forecasting.baselines.walks import RandomWalk
from forecasting.events import Verdict
from forecasting.series import Floats, Outcomes

#: Fewer origins whose outcomes do not overlap decide nothing.
MIN_ORIGINS = 20
#: A larger skill than this one bar ahead is more likely a leak than a discovery.
LEAK_SKILL = 0.05
SIGNIFICANCE = 0.05
#: Share of outcomes (percent) in its 80 and its 95 % band from which a baseline counts as far too wide.
BROKEN_80, BROKEN_95 = 95.0, 99.0
#: A skill of less than this is a tie, however certain it is: of no use to anybody, and easily told apart by a large panel.
MATTERS = 0.003
#: A median that is worse than no change by more than this says so.
CLEARLY = 0.02
#: Lags at which the copycat check looks, in both directions.
LAGS = 5

_RELATIONS = {"beats": "beats", "ties": "ties with", "loses": "loses to"}

Result = Literal["beats", "ties", "loses"]


def judge(outcomes: Mapping[str, Outcomes], model: str, *, tries: int = 1) -> Verdict:
    """Judge a model against the best baseline on the same origins, and tell how it stands against the random walk.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        The model and the baselines, from the same origins and on the same quantile levels.
    model : str
        Key of the model; every other key is a baseline.
    tries : int
        How many configurations were tried on these origins, this one included: the p-value of a gain is corrected for
        them (Sidak), because the best of many tries looks good by chance. That of a loss is corrected for the number of
        baselines instead: the best of many baselines looks good by chance as well.

    Returns
    -------
    Verdict
        ``beats`` or ``loses`` only where the test of :func:`compare` tells the two apart at 5 % and the skill is at least
        :data:`MATTERS`, otherwise ``ties``.
    """
    ours = outcomes[model]
    tests = {name: compare(ours, theirs) for name, theirs in outcomes.items() if name != model}
    best = min(tests, key=lambda name: (_or(tests[name].skill, math.inf), name != RandomWalk.name))
    test = tests[best].corrected(tries, rivals=len(tests))
    sentence = _sentence(model, best, len(tests), ours.horizon, test)
    if best != RandomWalk.name and RandomWalk.name in tests:
        sentence += f" {_aside(RandomWalk.name, tests[RandomWalk.name].corrected(tries))}"
    worse = RandomWalk.name in tests and tests[RandomWalk.name].skill < -CLEARLY
    notes = [
        *_doubts(ours, outcomes[best], test, tests[best], tries),
        *_calibration(ours),
        *_direction(ours),
        *_copy_words(copycat(ours), ours.point_name, worse),
    ]
    return Verdict(test.result, sentence, test.skill, test.p_value, best, tuple(notes), tries)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same origins.

    Attributes
    ----------
    skill : float
        1 - CRPS / CRPS of the reference; positive is better.
    p_value : float
        Two-sided, of equal CRPS; NaN where there is nothing to test.
    origins : int
        Dates from which forecasts were made.
    independent : float
        Origins whose outcomes do not overlap, about.
    """

    skill: float
    p_value: float
    origins: int
    independent: float

    @property
    def result(self) -> Result:
        """``beats`` or ``loses`` where that is certain enough and large enough, otherwise ``ties``."""
        if not self.certain or abs(self.skill) < MATTERS:
            return "ties"
        return "beats" if self.skill > 0 else "loses"

    @property
    def certain(self) -> bool:
        """Whether the two are told apart, by however little."""
        return self.independent >= MIN_ORIGINS and self.p_value < SIGNIFICANCE

    def corrected(self, tries: int, rivals: int = 1) -> Comparison:
        """Return the comparison with the p-value of a gain of the best of ``tries``, or of a loss to the best of ``rivals``."""
        choices = tries if self.skill > 0 else rivals
        if choices <= 1 or not self.p_value < 1:
            return self
        return Comparison(self.skill, -math.expm1(choices * math.log1p(-self.p_value)), self.origins, self.independent)


def compare(ours: Outcomes, theirs: Outcomes) -> Comparison:
    """Compare two models by CRPS: of log returns where all values are positive, otherwise in units of each series' MASE scale.

    The test of :func:`diebold_mariano` runs on the difference of losses per origin date: the mean over series and
    steps comes first, because series move together and each date is one observation.
    """
    loss, reference = _losses(ours, theirs)
    known = np.isfinite(ours.y).any(axis=1)
    if not known.any():
        return Comparison(math.nan, math.nan, 0, 0.0)
    mine, base = float(loss[known].mean()), float(reference[known].mean())
    skill = 1 - mine / base if base > 0 else 0.0 if mine == base else math.nan
    dates, place = np.unique(ours.cutoff[known], return_inverse=True)
    difference = np.bincount(place, (reference - loss)[known]) / np.bincount(place)
    overlap = _overlap(ours)
    return Comparison(skill, diebold_mariano(difference, overlap), dates.size, dates.size / (overlap + 1))


def _overlap(outcomes: Outcomes) -> int:
    """Return how many later origins the outcomes of one overlap with, usually; of origins with a known outcome, of which there is one."""
    known = np.isfinite(outcomes.y).any(axis=1)
    dates, place = np.unique(outcomes.cutoff[known], return_inverse=True)
    return int(np.median(np.searchsorted(dates, outcomes.ds[known, -1]) - place - 1))


def diebold_mariano(difference: Floats, overlap: int = 0) -> float:
    """Two-sided p-value of the hypothesis that two forecasts are equally good (Diebold & Mariano 1995).

    Two estimates of the variance are made and the larger p-value counts. The first sums the autocovariances of
    overlapping outcomes, with the small-sample factor of Harvey, Leybourne & Newbold (1997) and as many degrees of
    freedom as there are outcomes that do not overlap. The second is Newey & West's (1987) over 1.3 sqrt(N) lags with the
    critical value of fixed-b theory (Kiefer & Vogelsang 2005; Lazarus et al. 2018): it sees that calm and wild days come
    in clusters, so that neighbouring losses are alike even where outcomes do not overlap.

    Parameters
    ----------
    difference : ndarray, shape [N]
        Loss of one model minus that of the other, by origin in time order.
    overlap : int
        How many later origins an outcome overlaps with: ceil(horizon / step) - 1.

    Returns
    -------
    float
        NaN for too few origins, no difference at all, or a difference that is not finite.
    """
    n = difference.size
    if n < max(4, 2 * (overlap + 1)) or not np.isfinite(difference).all() or np.ptp(difference) <= 1e-12 * np.abs(difference).max():
        return math.nan
    from scipy.special import stdtr

    centred = difference - difference.mean()
    covariances = np.array(
        [centred[lag:] @ centred[: n - lag] for lag in range(min(n, max(2 * overlap + 3, math.ceil(1.3 * math.sqrt(n)) + 1)))]
    )
    covariances /= n
    steps, mean = overlap + 1, float(difference.mean())
    bandwidth = covariances.size
    wide = float(covariances[0] + 2 * (1 - np.arange(1, bandwidth) / bandwidth) @ covariances[1:])
    share = bandwidth / n
    critical = (1.96 + 2.9694 * share + 0.416 * share**2 - 0.5324 * share**3) / 1.96
    p_value = 2 * stdtr(n - 1, -abs(mean) / math.sqrt(wide / n) / critical)
    narrow = float(covariances[0] + 2 * covariances[1:steps].sum())
    if narrow > 0:
        factor = max(n + 1 - 2 * steps + steps * (steps - 1) / n, 0.0) / n
        p_value = max(p_value, 2 * stdtr(max(n / steps - 1, 1.0), -abs(mean) / math.sqrt(narrow / n) * math.sqrt(factor)))
    return float(p_value)


@dataclass(frozen=True)
class Copycat:
    """How forecast changes go with actual changes.

    Attributes
    ----------
    lag : int
        Lag of the strongest correlation; 1: the forecast does what the price did one step before.
    correlations : ndarray, shape [2 * LAGS + 1]
        At lags -LAGS to LAGS; lag 0 is that with the change that was to be forecast.
    share : float
        Share of the variance of forecast changes that the last known change explains, 0 to 1.
    pairs : int
        Changes that were compared.
    """

    lag: int
    correlations: Floats
    share: float
    pairs: int

    @property
    def is_copy(self) -> bool:
        """Whether the forecast repeats the last value: a peak at lag 1 and next to nothing at lag 0."""
        return (
            self.lag == 1
            and bool(self.correlations[LAGS + 1] > 0.5)
            and bool(self.correlations[LAGS] < max(0.1, 3 / math.sqrt(self.pairs)))
        )


def copycat(outcomes: Outcomes) -> Copycat | None:
    """Tell whether the medians only repeat the last known value, one step late.

    Successive medians for successive origins are laid end to end and their changes correlated with the actual changes
    at lags -5 to 5; of each series on its own, then averaged over series.

    Returns
    -------
    Copycat or None
        None where origins are further apart than the horizon, fewer than 30 follow each other, or medians never change.
    """
    sums, pairs, series = np.zeros(2 * LAGS + 1), 0, 0
    for forecast, actual in _changes(outcomes):
        if forecast.size < 30 or np.ptp(forecast) == 0 or np.ptp(actual) == 0:
            continue
        sums += [np.corrcoef(*_lagged(forecast, actual, lag))[0, 1] for lag in range(-LAGS, LAGS + 1)]
        pairs, series = pairs + forecast.size, series + 1
    if not series:
        return None
    mean = sums / series
    return Copycat(int(np.argmax(mean)) - LAGS, mean, float(mean[LAGS + 1] ** 2), pairs)


def _changes(outcomes: Outcomes) -> Iterator[tuple[Floats, Floats]]:
    """Yield, for each series, changes between successive point forecasts and the actual changes, by origin in time order."""
    step = _spacing(outcomes)
    if step is None:
        return
    point, target = metrics.point(outcomes)[:, step], outcomes.y[:, step]
    if (point > 0).all() and (outcomes.y0 > 0).all() and (target[np.isfinite(target)] > 0).all():
        point, target = np.log(point), np.log(target)
    for symbol in np.unique(outcomes.symbol):
        mine = np.flatnonzero(outcomes.symbol == symbol)
        mine = mine[np.argsort(outcomes.cutoff[mine])]
        mine = mine[np.isfinite(target[mine])]
        yield np.diff(point[mine]), np.diff(target[mine])


def _spacing(outcomes: Outcomes) -> int | None:
    """Return the step ahead (from 0) at which most origins' outcomes are the next origins' cutoffs."""
    order = np.lexsort((outcomes.cutoff, outcomes.symbol))
    here, following = order[:-1], order[1:]
    meets = (outcomes.ds[here] == outcomes.cutoff[following][:, None]) & (outcomes.symbol[here] == outcomes.symbol[following])[:, None]
    return int(meets.sum(axis=0).argmax()) if 2 * meets.any(axis=1).sum() > here.size else None


def _lagged(forecast: Floats, actual: Floats, lag: int) -> tuple[Floats, Floats]:
    """Return forecast changes beside the actual changes ``lag`` steps before."""
    if lag >= 0:
        return forecast[lag:], actual[: actual.size - lag]
    return forecast[:lag], actual[-lag:]


def _losses(ours: Outcomes, theirs: Outcomes) -> tuple[Floats, Floats]:
    """Return the loss of both models by origin in one unit, [N] each; NaN where no outcome is known."""
    a, b = metrics.crps_bp(ours, 1), metrics.crps_bp(theirs, 1)
    if np.isfinite(a).any() and np.isfinite(b).any():
        return a, b
    unit = ours.scale if ours.scale.size and (ours.scale > 0).all() else 1.0
    return metrics.crps(ours, 1) / unit, metrics.crps(theirs, 1) / unit


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


def _label(name: str) -> str:
    return BASELINES[name].label if name in BASELINES else name


def _percent(share: float) -> str:
    return f"{100 * abs(share):.1f} %"


def _chance(p_value: float) -> str:
    if not math.isfinite(p_value):
        return ""
    return " (p < 0.001)" if p_value < 0.001 else f" (p = {p_value:.3f})" if p_value < 0.1 else f" (p = {p_value:.2f})"


def _sentence(model: str, reference: str, baselines: int, horizon: int, test: Comparison) -> str:
    bars = "1 bar" if horizon == 1 else f"{horizon} bars"
    rank = f", the best of {baselines} baselines," if baselines > 1 else ""
    if test.origins == 0:
        return f"{model} cannot be judged yet: none of its outcomes over {bars} is known."
    if not math.isfinite(test.skill):
        return f"{model} cannot be compared with {_label(reference)}: a forecast is not a number."
    size = f"CRPS {_percent(test.skill)} {'lower' if test.skill > 0 else 'higher'}" if test.skill else "the same CRPS"
    origins = "1 origin" if test.origins == 1 else f"{test.origins} origins"
    small = ", too little to matter" if test.certain and test.result == "ties" else ""
    return f"{model} {_RELATIONS[test.result]} {_label(reference)}{rank} over {bars}: {size} on {origins}{_chance(test.p_value)}{small}."


def _aside(reference: str, test: Comparison) -> str:
    size = f"CRPS {_percent(test.skill)} {'lower' if test.skill > 0 else 'higher'}" if test.skill else "the same CRPS"
    return f"It {_RELATIONS[test.result]} {_label(reference)}: {size}{_chance(test.p_value)}."


def _doubts(ours: Outcomes, reference: Outcomes, test: Comparison, raw: Comparison, tries: int) -> Iterator[str]:
    """Yield what weakens the verdict."""
    if 0 < test.independent < MIN_ORIGINS:
        worth = max(1, round(test.independent))
        yield f"{test.origins} origins of {ours.horizon} bars each are worth about {worth} independent ones; {MIN_ORIGINS} are needed."
    if tries > 1:
        changed = raw.skill > 0 and test.p_value != raw.p_value
        after = f": p was {raw.p_value:.2g} and is {test.p_value:.2g} after correction for that" if changed else ""
        yield f"{tries} configurations were tried on this test part{after if math.isfinite(raw.p_value) else ''}."
    first = [float(np.nanmean(loss)) for loss in _losses(_first_step(ours), _first_step(reference)) if np.isfinite(loss).any()]
    broken = broken_band(reference)
    if broken:
        yield broken
    elif len(first) == 2 and first[1] > 0 and 1 - first[0] / first[1] > LEAK_SKILL:
        yield f"A skill of {_percent(1 - first[0] / first[1])} one bar ahead is rare: check for a leak before believing it."


def broken_band(baseline: Outcomes) -> str:
    """Return a sentence where a baseline's bands are far too wide to measure a model by, otherwise "".

    Far too wide: its 80 % band holds at least 95 % of the outcomes and its 95 % band at least 99 %, on enough independent
    origins. A spread that is set by a few wrong bars looks so, and any forecast beats it.
    """
    dates = np.unique(baseline.cutoff[np.isfinite(baseline.y).any(axis=1)]).size
    if dates == 0 or dates / (_overlap(baseline) + 1) < MIN_ORIGINS:
        return ""
    inner = float(metrics.coverage(baseline, level=80))
    outer = float(metrics.coverage(baseline, level=95))
    if not (inner >= BROKEN_80 and outer >= BROKEN_95):
        return ""
    name = _label(baseline.model)
    return (
        f"The baseline is broken: the 95 % band of {name} held {outer:.1f} % of outcomes and its 80 % band {inner:.1f} %. "
        "Its spread is far too wide here, so that a lower CRPS shows nothing. Look at the findings about the data."
    )


def _first_step(o: Outcomes) -> Outcomes:
    return replace(o, ds=o.ds[:, :1], y=o.y[:, :1], values=o.values[:, :1])


def _calibration(outcomes: Outcomes) -> Iterator[str]:
    """Yield stated beside realised coverage; off the mark means by more than a point and two standard errors, by date."""
    dates = np.unique(outcomes.cutoff, return_inverse=True)[1]
    for level in (80, 95):
        held = metrics.coverage(outcomes, 1, level=level)
        known = np.isfinite(held)
        if not known.any():
            continue
        counts = np.bincount(dates[known])
        daily = (np.bincount(dates[known], held[known]) / np.maximum(counts, 1))[counts > 0]
        share = float(metrics.coverage(outcomes, level=level))
        error = 2 * float(daily.std()) * math.sqrt(outcomes.horizon / daily.size)
        word = "about right" if abs(share - level) <= max(1.0, error) else "too narrow" if share < level else "too wide"
        yield f"The {level} % band held {share:.1f} % of outcomes: {word}."


def _direction(outcomes: Outcomes) -> Iterator[str]:
    """Yield how often the median called the direction right, with an interval by date, and what one constant call would have got."""
    share = float(metrics.directional_accuracy(outcomes))
    if not math.isfinite(share):
        return
    right, called = metrics.calls(outcomes)
    place = np.unique(outcomes.cutoff, return_inverse=True)[1]
    surprise = np.bincount(place, (right - called * share / 100).sum(axis=1))
    shared = 1 + _overlap(outcomes)
    told = surprise.size >= 2 * shared  # the calls of a single date do not differ from their own mean
    half = 196 * math.sqrt(float(surprise @ surprise) * shared) / int(called.sum()) if told else math.inf
    up = 100 * float((outcomes.y > outcomes.y0[:, None])[called].mean())
    constant, rate = ("up", up) if up >= 50 else ("down", 100 - up)
    standing = "better than" if share - half > rate else "worse than" if share + half < 50 else "no better than"
    spread = f"give or take {half:.1f}" if told else "too few origins to say within what limits"
    rival = "a coin" if standing == "worse than" else f"always calling {constant}, which was right {rate:.1f} %"
    yield f"Its {outcomes.point_name} called the direction right {share:.1f} % of the time ({spread}): {standing} {rival}."


def _copy_words(check: Copycat | None, point: str, worse: bool) -> Iterator[str]:
    if check is None:
        return
    known, coming = check.correlations[LAGS + 1], check.correlations[LAGS]
    if check.is_copy:
        meaning = (
            "It copies, and does so worse than no change would."
            if worse
            else "For prices that is honest, but the line itself tells no direction."
        )
        yield (
            f"The {point} repeats the last value: its changes go with the change already known (correlation {known:.2f}), not with the one "
            f"to come ({coming:.2f}). {meaning}"
        )
    else:
        yield f"The {point} is no copy of the last value: correlation with the change to come {coming:.2f}, with the last one {known:.2f}."
