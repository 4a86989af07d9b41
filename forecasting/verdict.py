"""The plain answer to "is it any good?": skill, significance, calibration, the copycat check,
and one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting import evidence, metrics
from forecasting.baselines import BASELINES, NO_INPUTS, NO_NETWORK, PARTS, model_title
from forecasting.baselines.challengers import is_zero_shot
from forecasting.baselines.walks import RandomWalk
from forecasting.events import NetworkAdds, Verdict
from forecasting.evidence import MIN_ORIGINS
from forecasting.sentences import percent, tell
from forecasting.series import Floats, Outcomes

#: A larger skill than this one bar ahead is more likely a leak than a discovery.
LEAK_SKILL = 0.05
#: So are directions of the next bar called right by so many points more often than by the best
#: baseline and by a constant call.
LEAK_POINTS = 15.0
SIGNIFICANCE = 0.05
#: Share of outcomes (percent) in its 80 and its 95 % band from which a baseline counts as far too
#: wide.
BROKEN_80, BROKEN_95 = 95.0, 99.0
#: A skill of less than this is a tie, however certain it is: of no use to anybody, and easily told
#: apart by a large panel.
MATTERS = 0.003
#: A median that is worse than no change by more than this says so.
CLEARLY = 0.02
#: Values are the same within this, relative to their size.
SAME = 1e-9
#: Share of the bars from which on they are most of them.
MOSTLY = 0.5
#: Share of origins after which nothing moves, from which a gain has to hold without them.
SOME_STILL = 0.1
#: Lags at which the copycat check looks, in both directions.
LAGS = 5
#: Losses relative to the size of the values, below which they are rounding.
_ROUNDING = 1e-12

Result = Literal["beats", "ties", "loses"]


def judge(
    outcomes: Mapping[str, Outcomes],
    model: str,
    *,
    tries: int = 1,
    start: str = "the volatility model",
    searched: int = 0,
) -> Verdict:
    """Compare a model with the best baseline, and with the random walk, on the same origins.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        The model and the baselines, from the same origins and on the same quantile levels. The same
        forecast without its network, :data:`NO_NETWORK`, is no rival: it tells what the network
        adds; :data:`NO_INPUTS` likewise for the exogenous inputs.
    model : str
        Key of the model; every other key is a baseline.
    tries : int
        How many configurations were tried on these origins, this one included: the p-value of a
        gain is corrected for them (Sidak), because the best of many tries looks good by chance.
        That of a loss is corrected for the number of baselines instead: the best of many baselines
        looks good by chance as well.
    start : str
        What the network starts from, in words.
    searched : int
        Settings that a search tried before these origins, of which the model's are the best; 0
        without a search. ``tries`` says how many independent ones they are worth.

    Returns
    -------
    Verdict
        ``beats`` or ``loses`` only where the test of :func:`compare` is significant at 5 % and the
        skill is at least :data:`MATTERS`, otherwise ``ties``.
    """
    ours = outcomes[model]
    tests = {
        name: compare(ours, theirs)
        for name, theirs in outcomes.items()
        if name not in (model, *PARTS)
    }
    best = _best(tests)
    test = tests[best].corrected(tries, rivals=len(tests))
    loss = "absolute error" if points_only(ours) else "CRPS"
    sentence = _sentence(model, best, len(tests), ours.horizon, test, loss)
    walk = tests.get(RandomWalk.name)
    if best != RandomWalk.name and walk is not None and test.enough:
        sentence += f" {_aside(RandomWalk.name, walk.corrected(tries), loss)}"
    worse = walk is not None and walk.certain and (walk.flawless or walk.skill < -CLEARLY)
    added, gained = _parts_compared(outcomes, model, tries)
    notes = [
        *(_gained(gained) if gained is not None and gained.origins else ()),
        *(_added(added, start) if added is not None and added.origins else ()),
        *_doubts(ours, outcomes[best], test, tests[best], tries, searched),
        *([tell("points-only", model=model)] if points_only(ours) else _calibration(ours)),
        *_zero_shot(outcomes),
        *_direction(ours),
        *_copy_words(copycat(ours), ours.point_name, worse),
    ]
    adds, inputs = (
        None if item is None else NetworkAdds(item.skill, item.p_value) for item in (added, gained)
    )
    return Verdict(
        test.result,
        sentence,
        test.skill,
        test.p_value,
        best,
        tuple(notes),
        tries,
        test.independent,
        adds,
        inputs,
    )


def _best(tests: Mapping[str, Comparison]) -> str:
    """Return the baseline that the model is ahead of by least; of equal ones the random walk."""
    return min(
        tests,
        key=lambda name: (
            not tests[name].flawless,
            _or(tests[name].skill, math.inf),
            name != RandomWalk.name,
        ),
    )


def _parts_compared(
    outcomes: Mapping[str, Outcomes], model: str, tries: int
) -> tuple[Comparison | None, Comparison | None]:
    """Compare the forecast with that without its network, and with that without its inputs; None
    where there is none.
    """
    ours = outcomes[model]
    plain = outcomes.get(NO_INPUTS, ours)
    network, inputs = None, None
    if NO_NETWORK in outcomes:
        network = compare(plain, outcomes[NO_NETWORK]).corrected(tries)
    if NO_INPUTS in outcomes:
        inputs = compare(ours, plain).corrected(tries)
    return network, inputs


@dataclass(frozen=True)
class Comparison:
    """Comparison of two models on the same origins.

    Attributes
    ----------
    skill : float
        1 - CRPS / CRPS of the reference; positive is better.
    p_value : float
        Two-sided, of equal CRPS; NaN where there is nothing to test, or too few independent origins
        for a test.
    origins : int
        Dates from which forecasts were made.
    independent : float
        Origins whose outcomes do not overlap, about.
    flawless : bool
        Whether the reference made no error at all and the model did, as where the price stands
        still; ``skill`` is NaN then.
    still : float
        Share, 0 to 1, of the origins after which no value moved.
    moving : Comparison or None
        The same on the other origins alone, where more than :data:`SOME_STILL` are still.
    """

    skill: float
    p_value: float
    origins: int
    independent: float
    flawless: bool = False
    still: float = 0.0
    moving: Comparison | None = None

    @property
    def result(self) -> Result:
        """``beats`` or ``loses`` where the difference is significant and large enough, otherwise
        ``ties``.
        """
        if self.flawless and self.enough:
            return "loses"
        if not self.certain or abs(self.skill) < MATTERS or self.stands_still:
            return "ties"
        return "beats" if self.skill > 0 else "loses"

    @property
    def stands_still(self) -> bool:
        """Whether the gain comes from origins after which the price did not move, where the
        narrower band always wins.
        """
        return self.skill > 0 and self.moving is not None and self.moving.result != "beats"

    @property
    def enough(self) -> bool:
        """Whether there are enough independent origins for a decision."""
        return self.independent >= MIN_ORIGINS

    @property
    def certain(self) -> bool:
        """Whether the difference is significant, however small."""
        return self.enough and (self.flawless or self.p_value < SIGNIFICANCE)

    def corrected(self, tries: int, rivals: int = 1) -> Comparison:
        """Return the comparison with the p-value of a gain of the best of ``tries``, or of a
        loss to the best of ``rivals``.
        """
        choices = tries if self.skill > 0 else rivals
        if choices <= 1 or not self.p_value < 1:
            return self
        moving = None if self.moving is None else self.moving.corrected(tries, rivals)
        p_value = -math.expm1(choices * math.log1p(-self.p_value))
        return replace(self, p_value=p_value, moving=moving)


def compare(ours: Outcomes, theirs: Outcomes) -> Comparison:
    """Compare two models by CRPS: of log returns where all values are positive, otherwise in units
    of each series' MASE scale.

    The test of :func:`diebold_mariano` runs on the difference of losses per origin date: the mean
    over series and steps comes first, because series move together and each date is one
    observation.
    """
    loss, reference = _losses(ours, theirs)
    known = np.asarray(np.isfinite(ours.y).any(axis=1), np.bool_)
    found = _compared(ours, loss, reference, known)
    moving: npt.NDArray[np.bool_] = np.logical_and(_moves(ours), known)
    share = 1 - float(moving.sum() / max(1, known.sum()))
    if share <= SOME_STILL:
        return found
    return replace(found, still=share, moving=_compared(ours, loss, reference, moving))


def _moves(outcomes: Outcomes) -> npt.NDArray[np.bool_]:
    """Return after which origins the outcome differs from the last value before, [N]."""
    change = np.abs(outcomes.y - outcomes.y0[:, None])
    return np.asarray((change > SAME * np.abs(outcomes.y)).any(axis=1))


def _compared(
    ours: Outcomes, loss: Floats, reference: Floats, known: npt.NDArray[np.bool_]
) -> Comparison:
    """Compare losses [N] on the origins that are ``known`` [N]."""
    if not known.any():
        return Comparison(math.nan, math.nan, 0, 0.0)
    mine, base = float(loss[known].mean()), float(reference[known].mean())
    skill = 1 - mine / base if base > 0 else 0.0 if mine == base else math.nan
    dates, index = np.unique(ours.cutoff[known], return_inverse=True)
    difference = np.bincount(index, (reference - loss)[known]) / np.bincount(index)
    overlap = _overlap(ours)
    independent = dates.size / (overlap + 1)
    p_value = diebold_mariano(difference, overlap) if independent >= MIN_ORIGINS else math.nan
    return Comparison(skill, p_value, dates.size, independent, flawless=base == 0 < mine)


def _overlap(outcomes: Outcomes) -> int:
    """Return the usual number of later origins with which an origin's outcomes overlap, among those
    with a known outcome.
    """
    known = np.isfinite(outcomes.y).any(axis=1)
    return evidence.overlap(outcomes.cutoff[known], outcomes.ds[known, -1])


def diebold_mariano(difference: Floats, overlap: int = 0) -> float:
    """Return the two-sided p-value of equal accuracy of two forecasts (Diebold & Mariano 1995).

    Two estimates of the variance are made and the larger p-value counts. The first sums the
    autocovariances of overlapping outcomes, with the small-sample factor of Harvey, Leybourne &
    Newbold (1997) and as many degrees of freedom as there are outcomes that do not overlap. The
    second is Newey & West's (1987) over 1.3 sqrt(N) lags with the critical value of fixed-b theory
    (Kiefer & Vogelsang 2005; Lazarus et al. 2018): it sees that calm and wild days come in
    clusters, so that neighbouring losses are alike even where outcomes do not overlap.

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
    if (
        n < max(4, 2 * (overlap + 1))
        or not np.isfinite(difference).all()
        or np.ptp(difference) <= 1e-12 * np.abs(difference).max()
    ):
        return math.nan
    from scipy.special import stdtr

    mean = abs(float(difference.mean()))
    found = evidence.mean_variances(difference, overlap)
    return max(
        float(2 * stdtr(freedom, -mean / math.sqrt(variance))) for variance, freedom in found
    )


@dataclass(frozen=True)
class Copycat:
    """Correlation of forecast changes with actual changes at several lags.

    Attributes
    ----------
    lag : int
        Lag of the strongest correlation; 1: the forecast does what the price did one step before.
    correlations : ndarray, shape [2 * LAGS + 1]
        At lags -LAGS to LAGS; lag 0 is that with the change that was to be forecast.
    share : float
        Share of the variance of forecast changes that the last known change explains, 0 to 1.
    pairs : int
        Changes that were compared, of all series.
    dates : int
        Changes that were compared of the longest series: those of one date count once, because
        series move together.
    """

    lag: int
    correlations: Floats
    share: float
    pairs: int
    dates: int

    @property
    def error(self) -> float:
        """Two standard errors of a correlation of zero."""
        return 2 / math.sqrt(self.dates)

    @property
    def is_no_copy(self) -> bool:
        """Whether the forecast significantly does more than repeat the last value."""
        return bool(
            self.correlations[LAGS + 1] + self.error < 0.5 or self.correlations[LAGS] > self.error
        )

    @property
    def is_copy(self) -> bool:
        """Whether the forecast repeats the last value: the correlation peaks at lag 1 and is next
        to nothing at lag 0.
        """
        return self.late == 1

    @property
    def late(self) -> int:
        """How many steps late the forecast repeats a known value: the lag of a correlation above
        0.5, with next to none at lag 0; 0 where it does not.
        """
        nothing = self.correlations[LAGS] < max(0.1, 3 / math.sqrt(self.pairs))
        repeats = self.lag > 0 and self.correlations[LAGS + self.lag] > 0.5 and nothing
        return self.lag if repeats else 0


def copycat(outcomes: Outcomes) -> Copycat | None:
    """Test whether the medians only repeat the last known value, one step late.

    Successive medians for successive origins are laid end to end and their changes correlated with
    the actual changes at lags -5 to 5; of each series on its own, then averaged over series.

    Returns
    -------
    Copycat or None
        None where origins are further apart than the horizon, fewer than 30 follow each other, or
        medians never change.
    """
    sums, pairs, series, dates = np.zeros(2 * LAGS + 1), 0, 0, 0
    for forecast, actual in _changes(outcomes):
        if forecast.size < 30 or np.ptp(forecast) == 0 or np.ptp(actual) == 0:
            continue
        sums += [
            np.corrcoef(*_lagged(forecast, actual, lag))[0, 1] for lag in range(-LAGS, LAGS + 1)
        ]
        pairs, series, dates = pairs + forecast.size, series + 1, max(dates, forecast.size)
    if not series:
        return None
    mean = sums / series
    return Copycat(int(np.argmax(mean)) - LAGS, mean, float(mean[LAGS + 1] ** 2), pairs, dates)


def _changes(outcomes: Outcomes) -> Iterator[tuple[Floats, Floats]]:
    """Yield, for each series, the changes between successive point forecasts and the actual
    changes, by origin in time order.
    """
    step = _spacing(outcomes)
    if step is None:
        return
    point, target = metrics.point(outcomes)[:, step], outcomes.y[:, step]
    if (point > 0).all() and (outcomes.y0 > 0).all() and (target[np.isfinite(target)] > 0).all():
        point, target = np.log(point), np.log(target)
    order = np.lexsort((outcomes.cutoff, outcomes.symbol))
    symbols = outcomes.symbol[order]
    for every in np.split(order, np.flatnonzero(symbols[1:] != symbols[:-1]) + 1):
        mine = every[np.isfinite(target[every])]
        yield np.diff(point[mine]), np.diff(target[mine])


def _spacing(outcomes: Outcomes) -> int | None:
    """Return the step ahead (from 0) whose outcomes are the cutoffs of the next origins, for most
    origins.
    """
    order = np.lexsort((outcomes.cutoff, outcomes.symbol))
    here, following = order[:-1], order[1:]
    meets = (outcomes.ds[here] == outcomes.cutoff[following][:, None]) & (
        outcomes.symbol[here] == outcomes.symbol[following]
    )[:, None]
    return int(meets.sum(axis=0).argmax()) if 2 * meets.any(axis=1).sum() > here.size else None


def _lagged(forecast: Floats, actual: Floats, lag: int) -> tuple[Floats, Floats]:
    """Return forecast changes and the actual changes ``lag`` steps before."""
    if lag >= 0:
        return forecast[lag:], actual[: actual.size - lag]
    return forecast[:lag], actual[-lag:]


def _losses(ours: Outcomes, theirs: Outcomes) -> tuple[Floats, Floats]:
    """Return the losses of both models by origin in one unit, [N] each; NaN where no outcome is
    known.
    """
    a, b = metrics.crps_bp(ours, 1), metrics.crps_bp(theirs, 1)
    if np.isfinite(a).any() and np.isfinite(b).any():
        return _exact(a, 1e4), _exact(b, 1e4)
    unit = ours.scale if ours.scale.size and (ours.scale > 0).all() else 1.0
    size = np.abs(ours.y0) / unit
    return _exact(metrics.crps(ours, 1) / unit, size), _exact(metrics.crps(theirs, 1) / unit, size)


def _exact(loss: Floats, size: Floats | float) -> Floats:
    """Return losses [N] with rounding errors, relative to values of this size, set to 0."""
    return np.where(loss <= _ROUNDING * np.asarray(size), 0.0, loss)


def _or(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


def _label(name: str) -> str:
    return BASELINES[name].label if name in BASELINES else model_title(name)


def _chance(p_value: float) -> str:
    return f" ({_p(p_value)})" if math.isfinite(p_value) else ""


def _p(p_value: float) -> str:
    return (
        "p < 0.001"
        if p_value < 0.001
        else f"p = {p_value:.3f}"
        if p_value < 0.1
        else f"p = {p_value:.2f}"
    )


def _how(test: Comparison) -> str:
    """Return the key of the sentence that describes a comparison."""
    if test.skill == 0:
        return "same"
    if not test.enough:
        return "few"
    if test.flawless:
        return "flawless"
    if test.stands_still and test.skill >= MATTERS and not test.p_value >= SIGNIFICANCE:
        return "still"
    if test.result != "ties":
        return test.result
    return "small" if test.certain else "chance"


def _side(skill: float) -> str:
    return "lower" if skill > 0 else "higher"


def _sentence(
    model: str, reference: str, baselines: int, horizon: int, test: Comparison, loss: str
) -> str:
    bars = "1 bar" if horizon == 1 else f"{horizon} bars"
    if test.origins == 0:
        return tell("unknown", model=model, bars=bars)
    if not math.isfinite(test.skill) and not test.flawless:
        return tell("no-number", model=model, reference=_label(reference))
    how = _how(test)
    return tell(
        {"small": "ties-small", "chance": "ties-chance"}.get(how, how),
        model=model,
        reference=_label(reference),
        rank=f", the best of {baselines} baselines," if baselines > 1 else "",
        bars=bars,
        size=percent(test.skill),
        side=_side(test.skill),
        origins=_origins(test.origins),
        chance=_chance(test.p_value),
        loss=loss,
        still=f"{100 * test.still:.0f}",
    )


def _origins(count: int) -> str:
    return "1 origin" if count == 1 else f"{count} origins"


def _aside(reference: str, test: Comparison, loss: str) -> str:
    """Return the sentence on the random walk, where that is not the best baseline."""
    if not math.isfinite(test.skill) and not test.flawless:
        return tell("no-number", model="It", reference=_label(reference))
    texts = {
        "size": percent(test.skill),
        "side": _side(test.skill),
        "chance": _chance(test.p_value),
        "loss": loss,
    }
    return tell(f"walk-{_how(test)}", reference=_label(reference), **texts)


#: Ends of the names of the sentences on what the network, and what its inputs, add.
_ADDS = {
    "same": ("adds-none", "inputs-none"),
    "few": ("adds-few", "inputs-few"),
    "small": ("adds-little", "inputs-little"),
    "chance": ("adds-chance", "inputs-chance"),
    "beats": ("adds", "inputs-add"),
    "loses": ("harms", "inputs-harm"),
    "still": ("adds-still", "inputs-still"),
}


def _added(test: Comparison, start: str) -> Iterator[str]:
    """Yield the sentence on what the network adds to the forecast that it starts from."""
    if math.isfinite(test.skill):
        yield tell(_ADDS[_sized(test)][0], start=start, **_gain(test))


def _gained(test: Comparison) -> Iterator[str]:
    """Yield the sentence on what the exogenous inputs add."""
    if math.isfinite(test.skill):
        yield tell(_ADDS[_sized(test)][1], **_gain(test))


def _sized(test: Comparison) -> str:
    """Return how a comparison ended; a difference that matters to nobody is small."""
    how = _how(test)
    if how in ("small", "chance"):
        return "small" if abs(test.skill) < MATTERS else "chance"
    return how


def _gain(test: Comparison) -> dict[str, str]:
    chance = f", {_p(test.p_value)}" if math.isfinite(test.p_value) else ""
    return {"size": percent(test.skill), "side": _side(test.skill), "chance": chance}


def _doubts(
    ours: Outcomes,
    reference: Outcomes,
    test: Comparison,
    raw: Comparison,
    tries: int,
    searched: int = 0,
) -> Iterator[str]:
    """Yield the caveats of the verdict."""
    if test.origins and not test.enough:
        worth = max(1, round(test.independent))
        bars = "1 bar" if ours.horizon == 1 else f"{ours.horizon} bars"
        are = "is" if test.origins == 1 else "each are"
        texts = {"origins": _origins(test.origins), "bars": bars, "are": are, "needed": MIN_ORIGINS}
        yield tell("worth", worth=worth, ones="one" if worth == 1 else "ones", **texts)
    if tries > 1:
        changed = raw.skill > 0 and math.isfinite(raw.p_value) and test.p_value != raw.p_value
        name = "searched" if searched else "tries"
        counts = {"tries": tries} | ({"trials": searched} if searched else {})
        corrected = {"before": f"{raw.p_value:.2g}", "after": f"{test.p_value:.2g}"}
        yield (
            tell(f"{name}-corrected", **counts, **corrected) if changed else tell(name, **counts)
        )
    yield from _leak(_first_step(ours), _first_step(reference), broken_band(reference))


def _leak(ours: Outcomes, reference: Outcomes, broken: str) -> Iterator[str]:
    """Yield why forecasts of one bar ahead are too good, if they are; that the best baseline is
    broken where it is.
    """
    first, share = compare(ours, reference), metrics.directional_share(ours)
    usual = max(_constant_call(ours)[1], _or(metrics.directional_share(reference).percent, 0.0))
    if broken:
        yield broken
    elif first.result == "beats" and first.skill > LEAK_SKILL:
        yield tell("leak", size=percent(first.skill))
    elif share.independent >= MIN_ORIGINS and share.low > usual + LEAK_POINTS:
        yield tell("leak-direction", share=f"{share.percent:.1f}", low=f"{share.low:.1f}")


def broken_band(baseline: Outcomes) -> str:
    """Return a sentence where the bands of a baseline are far too wide to compare with, otherwise
    "".

    Far too wide: its 80 % band holds at least 95 % of the outcomes and its 95 % band at least 99 %,
    on enough independent origins. A spread that is set by a few wrong bars looks so, and any
    forecast beats it. Where the values stand still on most bars, every band holds them, and nothing
    is said.
    """
    dates = np.unique(baseline.cutoff[np.isfinite(baseline.y).any(axis=1)]).size
    if dates == 0 or dates / (_overlap(baseline) + 1) < MIN_ORIGINS:
        return ""
    inner = float(metrics.coverage(baseline, level=80))
    outer = float(metrics.coverage(baseline, level=95))
    if (
        not (inner >= BROKEN_80 and outer >= BROKEN_95)
        or _flat(baseline, 95)
        or _still(baseline) > MOSTLY
    ):
        return ""
    return tell(
        "broken", reference=_label(baseline.model), outer=f"{outer:.1f}", inner=f"{inner:.1f}"
    )


def _first_step(o: Outcomes) -> Outcomes:
    mean = o.mean[:, :1] if o.mean.size else o.mean
    return replace(o, ds=o.ds[:, :1], y=o.y[:, :1], values=o.values[:, :1], mean=mean)


def _calibration(outcomes: Outcomes) -> Iterator[str]:
    """Yield nominal and empirical coverage, with the significance of their difference."""
    for level in _stated(outcomes):
        held = metrics.coverage_share(outcomes, level)
        if not math.isfinite(held.percent):
            continue
        if _flat(outcomes, level):
            yield tell("band-flat", level=f"{level:g}", share=f"{held.percent:.1f}")
            continue
        if _still(outcomes) > MOSTLY and held.stands(level) != "low":
            yield tell(
                "band-still",
                level=f"{level:g}",
                share=f"{held.percent:.1f}",
                still=f"{100 * _still(outcomes):.1f}",
            )
            continue
        name = {
            "right": "band-right",
            "low": "band-narrow",
            "high": "band-wide",
            "few": "band-few",
        }[held.stands(level)]
        yield tell(
            name,
            level=f"{level:g}",
            share=f"{held.percent:.1f}",
            low=f"{held.low:.1f}",
            high=f"{held.high:.1f}",
        )


def _stated(outcomes: Outcomes) -> list[float]:
    """Return the central bands, in percent, that the sentences name: 80 and 95 %, or else the
    narrowest and the widest.
    """
    levels = [
        round(200 * q - 100, 6) for q in outcomes.quantiles if q > 0.5 and _has(outcomes, 1 - q)
    ]
    usual = [level for level in levels if level in (80, 95)]
    return usual or sorted({*levels[:1], *levels[-1:]})


def _has(outcomes: Outcomes, level: float) -> bool:
    return any(abs(q - level) < 1e-9 for q in outcomes.quantiles)


def _zero_shot(outcomes: Mapping[str, Outcomes]) -> Iterator[str]:
    """Yield the caveat on models that were pretrained elsewhere, where some were compared."""
    names = [model_title(name) for name in outcomes if is_zero_shot(name)]
    if names:
        yield tell("zero-shot", names=", ".join(names))


def points_only(outcomes: Outcomes) -> bool:
    """Return whether there is only a point forecast: the CRPS of its median is then its absolute
    error.
    """
    return tuple(outcomes.scored_levels) == (0.5,)


def _flat(outcomes: Outcomes, level: float) -> bool:
    """Return whether a band has no width on most of the bars with a known outcome."""
    known = np.isfinite(outcomes.y)
    tail = (1 - level / 100) / 2
    width = (outcomes.quantile(1 - tail) - outcomes.quantile(tail))[known]
    return (
        bool((width <= SAME * np.abs(outcomes.y[known])).mean() > MOSTLY) if known.any() else False
    )


def _still(outcomes: Outcomes) -> float:
    """Return the share, 0 to 1, of known outcomes that equal the last value before the forecast."""
    known = np.isfinite(outcomes.y)
    change = np.abs(outcomes.y - outcomes.y0[:, None])[known]
    return float((change <= SAME * np.abs(outcomes.y[known])).mean()) if known.any() else 0.0


def _direction(outcomes: Outcomes) -> Iterator[str]:
    """Yield the directional accuracy of the median, with an interval by date, beside that of one
    constant call.
    """
    share = metrics.directional_share(outcomes)
    if not math.isfinite(share.percent):
        return
    texts = {"point": outcomes.point_name, "share": f"{share.percent:.1f}"}
    if share.independent < MIN_ORIGINS:
        yield tell("direction-few", **texts)
        return
    constant, rate = _constant_call(outcomes)
    if share.high < 50:
        name = "direction-worse"
    elif share.percent <= rate:
        name = "direction-no-better"
    else:
        name = "direction-better" if share.low > rate else "direction-open"
    yield tell(
        name,
        **texts,
        low=f"{share.low:.1f}",
        high=f"{share.high:.1f}",
        constant=constant,
        rate=f"{rate:.1f}",
    )


def _constant_call(outcomes: Outcomes) -> tuple[str, float]:
    """Return the direction that was right more often where one was called, and how often in
    percent; NaN where none was.
    """
    _, called = metrics.calls(outcomes)
    rises = (outcomes.y > outcomes.y0[:, None])[called]
    up = 100 * float(rises.mean()) if rises.size else math.nan
    return ("up", up) if up >= 50 else ("down", 100 - up)


def _copy_words(check: Copycat | None, point: str, worse: bool) -> Iterator[str]:
    if check is None:
        return
    name = "no-copy" if check.is_no_copy else "copy-open"
    if check.is_copy:
        name = "copy-worse" if worse else "copy"
    yield tell(
        name,
        point=point,
        known=f"{check.correlations[LAGS + 1]:.2f}",
        coming=f"{check.correlations[LAGS]:.2f}",
    )
