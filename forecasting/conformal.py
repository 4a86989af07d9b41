"""Conformal calibration of prediction intervals: past misses widen or narrow the next intervals, so
that their coverage is the stated one, for any model and each step ahead.

Every forecast is read as a curve from standard normal scores x (its levels through the inverse
normal) to values, straight between its quantiles and beyond the outermost; values are taken in logs
where all are positive. An outcome's score z is the place at which it lies on its own curve: a
measure that the model's own spread has normalised. A calibration says which x to read instead of
the stated one. The median never moves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from forecasting.cancellation import check_cancelled
from forecasting.config import Settings
from forecasting.events import Predictor
from forecasting.series import Dates, Floats, Ints, Origins, Outcomes, Panel, within
from forecasting.volatility import smoothed_steps

#: Central bands (percent) at which intervals are tracked; other levels follow in between.
TRACKED: tuple[float, ...] = (50, 80, 90, 95, 99)
_LARGEST = float(np.log(20))
_TINY = 1e-12
#: When an outcome is known that is not known yet.
_NEVER = np.datetime64(2**62, "us")
#: Dates that what is known beforehand of a layer's noise is worth; outcomes by which the slow
#: layer's first steps are held back.
_PRIOR_DATES, _PRIOR_SEEN = 20.0, 50.0


class Calibration(Settings, ABC):
    """Calibration of prediction intervals by past outcomes (base class). ``name`` is the value of
    the setting, ``label`` its text in forms.
    """

    name: ClassVar[str]
    label: ClassVar[str]

    def calibrate(self, outcomes: Outcomes, history: Outcomes | Scored | None = None) -> Outcomes:
        """Return the outcomes with calibrated quantiles.

        Parameters
        ----------
        outcomes : Outcomes
            Of one model, with the median among its quantiles. Outcomes not known yet are NaN: so a
            forecast of the real future is calibrated by what came before it.
        history : Outcomes or Scored, optional
            Earlier forecasts of the same model on the same levels, to learn from.

        Returns
        -------
        Outcomes
            An origin's quantiles depend only on outcomes of ``history`` and ``outcomes`` dated at
            or before its cutoff.
        """
        curve = _Curve.of(outcomes)
        everything = Scored.of(outcomes, curve)
        if history is not None:
            everything = Scored.joined(
                [Scored.of(history) if isinstance(history, Outcomes) else history, everything]
            )
        rows = np.arange(len(everything.z) - len(outcomes), len(everything.z))
        used = self.scores(everything, rows)(slice(None))
        return replace(outcomes, values=curve.read(used))

    @abstractmethod
    def scores(self, seen: Scored, rows: Ints) -> Callable[[slice], Floats]:
        """Learn from all outcomes, and return what some forecasts are read at.

        Parameters
        ----------
        seen : Scored, N of them
        rows : ndarray of int, shape [n]
            Places of the forecasts that are to be read.

        Returns
        -------
        callable
            From a slice of ``rows`` to the normal scores at which these forecasts are read instead
            of at their nominal ones, [n, H, Q].
        """


@dataclass(frozen=True)
class Scored:
    """Conformity scores of N forecasts: the normal score at which each outcome lies on the
    forecast's own curve, and the date from which it was known.

    Attributes
    ----------
    symbol : ndarray of str or int, shape [N]
        Name of each forecast's series, or its place in the panel.
    cutoff : ndarray of datetime64[us], shape [N]
    ds : ndarray of datetime64[us], shape [N, H]
    z : ndarray of float64, shape [N, H]
        Normal scores; NaN where the outcome is not known yet.
    quantiles : tuple of float
    """

    symbol: npt.NDArray[Any]
    cutoff: Dates
    ds: Dates
    z: Floats
    quantiles: tuple[float, ...]

    @classmethod
    def of(cls, outcomes: Outcomes, curve: _Curve | None = None) -> Scored:
        """Compute the scores of forecasts; they take about a hundredth of the memory of the
        forecasts.
        """
        z = (curve or _Curve.of(outcomes)).scores(outcomes.y)
        return cls(outcomes.symbol, outcomes.cutoff, outcomes.ds, z, outcomes.quantiles)

    def take(self, rows: Ints) -> Scored:
        """Select forecasts, in the order of ``rows``."""
        return Scored(
            self.symbol[rows], self.cutoff[rows], self.ds[rows], self.z[rows], self.quantiles
        )

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """Concatenate scores of forecasts with the same levels and horizon."""
        first, *others = ((part.quantiles, part.z.shape[1]) for part in parts)
        if any(other != first for other in others):
            raise ValueError(f"history has levels and horizon {first}, outcomes have {others[-1]}")

        def all_of(of: Callable[[Scored], npt.NDArray[Any]]) -> npt.NDArray[Any]:
            return np.concatenate([of(part) for part in parts])

        return cls(
            all_of(lambda p: p.symbol),
            all_of(lambda p: p.cutoff),
            all_of(lambda p: p.ds),
            all_of(lambda p: p.z),
            parts[0].quantiles,
        )


class SplitConformal(Calibration):
    """Split conformal prediction on a moving window: empirical quantiles of the latest scores,
    pooled over all series.

    Sound while the near past resembles the future; slow in a crisis. Forecasts with fewer than
    ``least`` scores before them stay as they are.

    References
    ----------
    Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world; Lei et al. (2018),
    Distribution-free predictive inference for regression.
    """

    name: ClassVar[str] = "split"
    label: ClassVar[str] = "Split conformal"
    window: int = Field(1250, title="Window", description="Last dates whose outcomes count.", ge=20)
    least: int = Field(
        100, title="Least", description="Outcomes needed before anything is changed.", ge=20
    )

    def scores(self, seen: Scored, rows: Ints) -> Callable[[slice], Floats]:
        """Take the quantiles of the latest scores at each cutoff."""
        levels, z = np.asarray(seen.quantiles), seen.z
        used = np.broadcast_to(_normal_scores(levels), (rows.size, z.shape[1], levels.size)).copy()
        order = [np.argsort(seen.ds[:, h], kind="stable") for h in range(z.shape[1])]
        dates, index = np.unique(seen.cutoff, return_inverse=True)
        mine = index[rows]
        for number in np.unique(mine):
            begin, date = dates[max(0, number - self.window)], dates[number]
            here = np.flatnonzero(mine == number)
            for h, known in enumerate(order):
                target = seen.ds[known, h]
                last = z[
                    known[
                        np.searchsorted(target, begin) : np.searchsorted(target, date, side="right")
                    ],
                    h,
                ]
                last = last[np.isfinite(last)]
                if last.size >= self.least:
                    found = np.quantile(last, [*levels, 0.5])
                    used[here, h] = found[:-1] - found[-1]
        return lambda part: used[part]


class Aci(Calibration):
    """Adaptive conformal inference: widen a band after each miss and narrow it a little after each
    hit, every band on its own.

    Two layers multiply the distance of a band's limits from the median. The slow one moves every
    tracked band by the difference of its misses from the stated share, so that coverage comes true
    in the long run whatever happens (Gibbs & Candes 2021, as quantile tracking in log width:
    Angelopoulos, Candes & Tibshirani 2023, conformal PID control). The fast one moves all bands
    together by how far out the last outcomes lay, and fades (the leaking integrator of the latter):
    it answers a crisis within days. Either correction c counts by ``1 - v/c^2`` only, not at all
    where its square is below v, the variance that it would have if nothing was wrong (the shrinkage
    of James & Stein 1961): bands that are right do not follow noise. Misses are those of the bands
    as they were given, so coverage still comes true. In a panel a share of each step is common to
    all series, because they share their crises. Farther steps learn more slowly, because their
    outcomes arrive late and overlap.
    """

    name: ClassVar[str] = "aci"
    label: ClassVar[str] = "Adaptive conformal"
    fast: float = Field(
        0.1,
        title="Fast rate",
        description="How strongly the last outcomes widen or narrow all bands.",
        ge=0,
        le=1,
    )
    fade: float = Field(
        0.02,
        title="Fade",
        description="Share of the fast correction forgotten with each outcome.",
        ge=0,
        lt=1,
    )
    slow: float = Field(
        0.015,
        title="Slow rate",
        description="How strongly a miss widens its own band for good.",
        gt=0,
        le=1,
    )
    common: float = Field(
        0.8,
        title="Common share",
        description="Share of each step that all series of a panel take together.",
        ge=0,
        le=1,
    )

    def scores(self, seen: Scored, rows: Ints) -> Callable[[slice], Floats]:
        """Follow the misses through time, and stretch the distances from the median."""
        knots = _normal_scores(0.5 + np.array(TRACKED) / 200)
        # Forecasts of one date side by side: of many series they are far apart otherwise.
        if not (seen.cutoff[1:] >= seen.cutoff[:-1]).all():
            order = np.argsort(seen.cutoff, kind="stable")
            rank = np.empty_like(order)
            rank[order] = np.arange(order.size)
            seen, rows = seen.take(order), rank[rows]
        asked, index = np.unique(rows, return_inverse=True)
        fast, slow = self._tracked(seen, knots, asked)
        stated = _normal_scores(np.asarray(seen.quantiles))

        def read_at(part: slice) -> Floats:
            mine = index[part]
            # Neighbouring steps learn from nearly the same bars.
            widening = smoothed_steps(np.moveaxis(fast[mine][:, :, None] + slow[mine], 1, 0))
            reach = np.maximum.accumulate(knots * np.exp(np.moveaxis(widening, 0, 1)), axis=2)
            return np.sign(stated) * _stretched(np.abs(stated), knots, reach)

        return read_at

    def _tracked(self, scored: Scored, knots: Floats, asked: Ints) -> tuple[Floats, Floats]:
        """Return both layers of the adaptation, in log width, as they stood at the cutoffs of some
        forecasts ``asked`` [n], in ascending order: [n, H] and [n, H, K].

        Forecasts are in the order of their cutoffs; the layers of each are held until all its
        outcomes are known.
        """
        steps, count = np.arange(1, scored.z.shape[1] + 1), knots.size
        alpha = 1 - np.array(TRACKED) / 100
        series = scored.symbol
        if series.dtype.kind != "i":
            series = np.unique(series, return_inverse=True)[1]
        many = int(series.max(initial=-1)) + 1
        layers = _Layers.zeros(many, steps.size, count)
        held, oldest = _Layers.zeros(0, steps.size, count), 0
        seen = np.zeros((many, steps.size))
        # Of a share between -.5 and .5, and of a miss, where nothing is wrong.
        fast_noise, slow_noise = (
            _Noise(steps.size, np.array([1 / 12])),
            _Noise(steps.size, alpha * (1 - alpha)),
        )
        # Outcomes h bars ahead overlap with h - 1 others: their errors add up like h of one.
        wander = (self.fast**2 / steps / max(1 - (1 - self.fade) ** 2, _TINY))[:, None]
        # How much more is covered by a band that is wider by a small share.
        pull = 2 * _normal_density(knots) * knots
        root = np.sqrt(steps)
        found = _Layers.zeros(asked.size, steps.size, count)
        for news in _in_time(scored, np.isfinite(scored.z)):
            check_cancelled()
            n, h, here = news.n, news.h, series[news.first : news.end]
            held = held.moved_on(news.oldest - oldest, here.size)
            oldest = news.oldest
            if n.size:
                s, far = series[n], np.abs(scored.z[n, h])
                fast_then, slow_then = held.fast[n - oldest, h], held.slow[n - oldest, h]
                out = _normal_share(far / np.exp(fast_then)) - 0.5
                miss = (far[:, None] > knots * np.exp(fast_then[:, None] + slow_then)) - alpha
                out, miss = (
                    self._shared(out[:, None], h, steps.size),
                    self._shared(miss, h, steps.size),
                )
                fast_noise.learn(out, h)
                slow_noise.learn(miss, h)
                rate = self._rate(seen[s, h]) / root[h]
                np.multiply.at(layers.fast, (s, h), 1 - self.fade)
                np.add.at(layers.fast, (s, h), self.fast / steps[h] * out[:, 0])
                np.add.at(layers.slow, (s, h), rate[:, None] * miss)
                np.add.at(seen, (s, h), 1)
                layers.limit()
            now = _Layers(
                fast_noise.beyond(layers.fast[here][:, :, None], wander)[:, :, 0],
                slow_noise.beyond(
                    layers.slow[here],
                    (self._rate(seen[here]) * root)[:, :, None] / (2 * pull),
                ),
            )
            held.put(slice(news.first - oldest, None), now)
            mine = slice(*np.searchsorted(asked, (news.first, news.end)))
            found.put(mine, now.take(asked[mine] - news.first))
        return found.fast, found.slow

    def _rate(self, seen: Floats) -> Floats:
        """Return the learning rate of the slow layer after ``seen`` outcomes: large at first, so
        that it finds its level.
        """
        return np.asarray(np.maximum(self.slow, 2 / (_PRIOR_SEEN + seen)), np.float64)

    def _shared(self, errors: Floats, h: Ints, steps: int) -> Floats:
        """Shrink each error [n, K] towards the mean of all errors of its step that became known at
        the same date.
        """
        count = np.bincount(h, minlength=steps)
        mean = _sums(errors, h, steps)[h] / count[h][:, None]
        return (1 - self.common) * errors + self.common * mean


def _sums(errors: Floats, h: Ints, steps: int) -> Floats:
    """Return the sums [H, K] of errors [n, K] of the same step h [n]."""
    bands = errors.shape[1]
    index = (h[:, None] * bands + np.arange(bands)).ravel()
    summed = np.bincount(index, errors.ravel(), steps * bands)
    return np.asarray(summed, np.float64).reshape(steps, bands)


class _Layers(NamedTuple):
    """Both layers of the adaptation: ``fast`` [n, H] and ``slow`` [n, H, K]."""

    fast: Floats
    slow: Floats

    @classmethod
    def zeros(cls, rows: int, steps: int, bands: int) -> _Layers:
        return cls(np.zeros((rows, steps)), np.zeros((rows, steps, bands)))

    def moved_on(self, gone: int, new: int) -> _Layers:
        """Return them without the first rows, and with rows of zeros behind."""
        more = _Layers.zeros(new, *self.slow.shape[1:])
        return _Layers(
            *(np.concatenate([old[gone:], added]) for old, added in zip(self, more, strict=True))
        )

    def take(self, rows: Ints) -> _Layers:
        return _Layers(self.fast[rows], self.slow[rows])

    def put(self, rows: slice, other: _Layers) -> None:
        self.fast[rows], self.slow[rows] = other

    def limit(self) -> None:
        for layer in self:
            np.clip(layer, -_LARGEST, _LARGEST, out=layer)


class _Noise:
    """Running mean square, over dates, of the errors [n, K] that a layer learns from at each step
    [H]; starts at the prior ``prior`` [K].
    """

    def __init__(self, steps: int, prior: Floats) -> None:
        self.squares, self.dates = (
            np.tile(_PRIOR_DATES * prior, (steps, 1)),
            np.full((steps, 1), _PRIOR_DATES),
        )

    def learn(self, errors: Floats, h: Ints) -> None:
        """Update with errors [n, K] of steps h [n] that became known together."""
        steps = len(self.dates)
        count = np.bincount(h, minlength=steps)[:, None]
        self.squares += _sums(errors**2, h, steps) / np.maximum(count, 1)
        self.dates += count > 0

    def beyond(self, layer: Floats, per_square: Floats) -> Floats:
        """Return the part of a layer [n, H, K] that exceeds noise, whose variance is ``per_square``
        times the mean square.
        """
        variance = per_square * self.squares / self.dates
        return np.asarray(
            layer * np.maximum(0.0, 1 - variance / np.maximum(layer**2, _TINY)), np.float64
        )


#: Every calibration by name, with its default settings.
CALIBRATIONS: dict[str, Calibration] = {c.name: c for c in (SplitConformal(), Aci())}


#: Values forecast at once, N x H x Q, while the past is scored: bounds the memory.
_AT_ONCE = 2_000_000
#: Share of the forecasts to learn from that may be made beforehand, up to the end of the panel.
_AT_THE_END = 0.1
#: Levels at which the inner model is read besides those asked for: enough to follow its curve into
#: the tails.
SUPPORT: tuple[float, ...] = (
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    0.75,
    0.9,
    0.95,
    0.975,
    0.99,
    0.995,
    0.999,
)


@dataclass(frozen=True)
class Calibrated:
    """A predictor whose prediction intervals are calibrated by its own past forecasts of the same
    panel.

    Attributes
    ----------
    inner : Predictor
        Fitted; its bars of training should lie before ``start``, where it looks better than it is.
    calibration : Calibration
    start : tuple of int, length S
        Bar of each series from which past forecasts are made and learned from.
    horizon : int
    lookback : int
        Bars that the inner predictor needs up to a cutoff: a series that begins late is learned
        from once it has them.
    stride : int
        Past forecasts are made from every so many-th date only: bands learn from less, much sooner.
    """

    inner: Predictor
    calibration: Calibration
    start: tuple[int, ...]
    horizon: int
    lookback: int = 1
    stride: int = 1
    _past: dict[tuple[float, ...], _Past] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """Name of the wrapped model."""
        return self.inner.name

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Predict calibrated values in price units, [N, H, Q]. Looks at bars up to the cutoff of
        each origin only.

        Forecasts are made from every bar between ``start`` and the last origin, of all series, so
        that the result for an origin does not depend on which others are asked for.
        """
        levels = tuple(sorted({*quantiles, *SUPPORT}))
        until = max(panel[index].ds[bars.max()] for index, _, bars in origins.by_series())
        seen, rows = self._learned(panel, levels, until).with_asked(origins)
        read_at = self.calibration.scores(seen, rows)
        columns = [levels.index(q) for q in quantiles]
        values = np.empty((len(origins), self.horizon, len(quantiles)))
        for part in self._parts(len(origins), levels):
            made = _outcomes(self.inner, panel, origins.take(part), levels, self.horizon)
            values[part] = _Curve.of(made).read(read_at(part))[:, :, columns]
        return values

    def _parts(self, count: int, levels: tuple[float, ...]) -> Iterator[slice]:
        """Divide ``count`` origins into parts that are forecast at once."""
        size = max(1, _AT_ONCE // (self.horizon * len(levels)))
        for begin in range(0, count, size):
            check_cancelled()
            yield slice(begin, begin + size)

    def _learned(self, panel: Panel, levels: tuple[float, ...], until: np.datetime64) -> _Past:
        """Return the scores of all forecasts from ``start`` to a date; scores of earlier calls are
        reused.
        """
        before = self._past.get(levels)
        first = np.maximum(self.start, self.lookback - 1)
        if before is not None and before.panel is panel and before.until >= until:
            return before  # what an origin is read at depends on what was known at it only
        if before is not None and before.panel is panel:
            first = np.maximum(first, _bars_to(panel, before.until))
        else:
            before = None
        ends, last = _bars_to(panel, until), max(series.ds[-1] for series in panel)
        lengths = np.array([len(series) for series in panel])
        if (lengths - ends).sum() <= _AT_THE_END * np.maximum(ends - first, 0).sum():
            # The forecast from the last bar comes next: to prolong what was learned is to copy it.
            ends, until = lengths, last
        past = [np.arange(bar, end) for bar, end in zip(first, ends, strict=True)]
        if self.stride > 1:
            later = [s.ds[bar:] for s, bar in zip(panel, self.start, strict=True)]
            learned = np.unique(np.concatenate(later))[:: self.stride]
            past = [b[np.isin(s.ds[b], learned)] for s, b in zip(panel, past, strict=True)]
        every = Origins(
            np.concatenate([np.full(bars.size, n) for n, bars in enumerate(past)]),
            np.concatenate(past),
        )
        found = _Past(panel, until, *self._scored(panel, every, levels))
        if before is not None:
            found = before.followed_by(found)
        self._past[levels] = found
        return found

    def _scored(
        self, panel: Panel, origins: Origins, levels: tuple[float, ...]
    ) -> tuple[Origins, Scored]:
        """Forecast from each origin and score it; only the scores are kept. Both are returned in
        the order of their cutoffs.
        """
        cutoff, shape = origins.cutoffs(panel), (len(origins), self.horizon)
        order = np.argsort(cutoff, kind="stable")
        rank = np.empty(order.size, np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        ds, z = np.empty(shape, "datetime64[us]"), np.empty(shape)
        for part in self._parts(len(origins), levels):
            made = _outcomes(self.inner, panel, origins.take(part), levels, self.horizon)
            ds[rank[part]], z[rank[part]] = made.ds, _Curve.of(made).scores(made.y)
        ordered = origins.take(order)
        return ordered, Scored(ordered.series, cutoff[order], ds, z, levels)


def _bars_to(panel: Panel, date: np.datetime64) -> Ints:
    """Return how many bars of each series are dated up to a date, shape [S]."""
    return np.array([int(np.searchsorted(s.ds, date, side="right")) for s in panel])


@dataclass(frozen=True, eq=False)
class _Past:
    """Scores of all forecasts of a panel up to a date, in the order of their cutoffs."""

    panel: Panel
    until: np.datetime64
    origins: Origins
    scored: Scored

    def followed_by(self, later: _Past) -> _Past:
        """Return these scores and those of forecasts that were made later."""
        if not len(later.origins):
            return replace(self, until=later.until)
        both = Origins(
            np.concatenate([self.origins.series, later.origins.series]),
            np.concatenate([self.origins.bar, later.origins.bar]),
        )
        return _Past(self.panel, later.until, both, Scored.joined([self.scored, later.scored]))

    def with_asked(self, origins: Origins) -> tuple[Scored, Ints]:
        """Return the scores, and the places of some origins [n] among them; where one of these is
        not there, all are put behind as forecasts whose outcomes are not known.
        """
        bars = max(len(series) for series in self.panel)
        keys = self.origins.series * bars + self.origins.bar
        asked = origins.series * bars + origins.bar
        order = np.argsort(keys)
        found = np.searchsorted(keys[order], asked)
        rows = order[np.minimum(found, keys.size - 1)] if keys.size else found
        if keys.size and (keys[rows] == asked).all():
            return self.scored, rows
        unknown = Scored(
            origins.series,
            origins.cutoffs(self.panel),
            np.full((len(origins), self.scored.z.shape[1]), _NEVER),
            np.full((len(origins), self.scored.z.shape[1]), np.nan),
            self.scored.quantiles,
        )
        both = Scored.joined([self.scored, unknown])
        return both, np.arange(len(both.z) - len(origins), len(both.z))


@dataclass(frozen=True)
class _Curve:
    """Quantile forecasts as piecewise linear curves from normal scores ``x`` [Q] to values ``v``
    [N, H, Q], in logs for the origins ``log`` [N].
    """

    x: Floats
    v: Floats
    log: npt.NDArray[np.bool_]
    values: Floats

    @classmethod
    def of(cls, outcomes: Outcomes) -> _Curve:
        if len(outcomes.quantiles) < 2:
            raise ValueError("calibration needs at least two quantiles")
        log = (outcomes.values > 0).all(axis=(1, 2)) & (outcomes.y0 > 0)
        return cls(
            _normal_scores(np.asarray(outcomes.quantiles)),
            _logged(outcomes.values, log),
            log,
            outcomes.values,
        )

    def scores(self, y: Floats) -> Floats:
        """Return the normal score at which each outcome lies on its curve, [N, H]; NaN for an
        unknown outcome.

        An outcome that a forecast without spread gave, up to rounding, lies in its middle.
        """
        target = _logged(y, self.log)[:, :, None]
        above = np.clip((self.v <= target).sum(axis=2, keepdims=True), 1, self.x.size - 1)
        low, high = (np.take_along_axis(self.v, k, axis=2) for k in (above - 1, above))
        share = (target - low) / np.maximum(high - low, _TINY)
        found = self.x[above - 1] + share * (self.x[above] - self.x[above - 1])
        bottom, top = self.values[:, :, 0], self.values[:, :, -1]
        certain = within(top, bottom, top) & within(bottom, y, top)
        return np.where(np.isfinite(y), np.where(certain, 0.0, found[:, :, 0]), np.nan)

    def read(self, used: Floats) -> Floats:
        """Evaluate the curves at other normal scores, [N, H, Q]; unchanged where a score is the
        nominal one.
        """
        values = np.empty(used.shape)
        for index in range(self.x.size):
            x = used[:, :, index, None]
            above = np.clip(np.searchsorted(self.x, x, side="right"), 1, self.x.size - 1)
            low, high = (np.take_along_axis(self.v, k, axis=2) for k in (above - 1, above))
            share = (x - self.x[above - 1]) / (self.x[above] - self.x[above - 1])
            values[:, :, index] = (low + share * (high - low))[:, :, 0]
        values[self.log] = np.exp(values[self.log])
        values = np.where(used == self.x, self.values, values)
        return np.maximum.accumulate(values, axis=2)


def _logged(values: Floats, log: npt.NDArray[np.bool_]) -> Floats:
    """Take the logarithm of values [N, ...] where ``log`` [N]; an outcome at or below 0 is mapped
    far below all others.
    """
    taken = values.copy()
    taken[log] = np.log(np.maximum(values[log], _TINY))
    return taken


def _normal_scores(levels: Floats) -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf(q) for q in levels])


def _normal_density(x: Floats) -> Floats:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.float64)


def _normal_share(distance: Floats) -> Floats:
    """Return the probability that a standard normal lies within a distance of 0."""
    from scipy.special import erf

    return np.asarray(erf(distance / np.sqrt(2)), np.float64)


def _stretched(x: Floats, knots: Floats, reach: Floats) -> Floats:
    """Map distances x [Q] by the smooth monotone curve through 0 and the points (knots [K], reach
    [N, H, K]), extrapolated in proportion, [N, H, Q].

    A curve with corners would put steps into the density of a forecast at every tracked band.

    References
    ----------
    Fritsch and Butland (1984), A method for constructing local monotone piecewise cubic
    interpolants.
    """
    edges = np.concatenate([[0.0], knots])
    width = np.diff(edges)
    ends = np.concatenate([np.zeros((*reach.shape[:2], 1)), reach], axis=2)
    slopes = _monotone_slopes(np.diff(ends) / width, width, reach[:, :, -1] / knots[-1])
    mapped = np.empty((*reach.shape[:2], x.size))
    for index, distance in enumerate(x):
        k = int(np.searchsorted(knots, distance))
        if k == knots.size:
            mapped[:, :, index] = reach[:, :, -1] * (distance / knots[-1])
            continue
        t = (distance - edges[k]) / width[k]
        mapped[:, :, index] = (
            (1 + 2 * t) * (1 - t) ** 2 * ends[:, :, k]
            + t**2 * (3 - 2 * t) * ends[:, :, k + 1]
            + width[k] * t * (1 - t) ** 2 * slopes[:, :, k]
            - width[k] * t**2 * (1 - t) * slopes[:, :, k + 1]
        )
    return mapped


def _monotone_slopes(secants: Floats, width: Floats, last: Floats) -> Floats:
    """Return slopes at the ends of K pieces, [N, H, K + 1], with which the cubic curve is monotone.

    Parameters
    ----------
    secants : ndarray, shape [N, H, K]
        Of each piece, not negative. The curve is odd: its first piece goes on below 0.
    width : ndarray, shape [K]
    last : ndarray, shape [N, H]
        Wanted slope at the upper end.
    """
    before, after = secants[:, :, :-1], secants[:, :, 1:]
    share = (2 * width[1:] + width[:-1]) / (3 * (width[1:] + width[:-1]))
    mixed = share * after + (1 - share) * before
    inner = before * after / np.maximum(mixed, _TINY)
    end = np.minimum(last, 3 * secants[:, :, -1])
    return np.concatenate([secants[:, :, :1], inner, end[:, :, None]], axis=2)


class _News(NamedTuple):
    """What happens at one cutoff: forecasts ``first`` to ``end`` are issued, and the outcomes of
    forecasts ``n`` at steps ``h`` became known since the cutoff before; none of a forecast before
    ``oldest`` was still to come.
    """

    first: int
    end: int
    n: Ints
    h: Ints
    oldest: int


def _in_time(scored: Scored, known: npt.NDArray[np.bool_]) -> Iterator[_News]:
    """Iterate over the cutoffs of forecasts that stand in the order of their cutoffs; ``known``
    [N, H] tells which outcomes there are.
    """
    dates, first = np.unique(scored.cutoff, return_index=True)
    first = np.append(first, scored.cutoff.size)
    coming, ready = [], []
    oldest = first[:-1].copy()
    for step in range(known.shape[1]):
        rows = np.flatnonzero(known[:, step])
        ds = scored.ds[rows, step]
        if not (ds[1:] >= ds[:-1]).all():
            order = np.argsort(ds, kind="stable")
            rows, ds = rows[order], ds[order]
        until = np.concatenate([[0], np.searchsorted(ds, dates, side="right")])
        least = np.append(np.minimum.accumulate(rows[::-1])[::-1], scored.cutoff.size)
        oldest = np.minimum(oldest, least[until[:-1]])
        coming.append(rows.astype(np.int32))
        ready.append(until)
    for k in range(dates.size):
        news = [rows[until[k] : until[k + 1]] for rows, until in zip(coming, ready, strict=True)]
        h = np.repeat(np.arange(len(news)), [rows.size for rows in news])
        n = np.concatenate(news).astype(np.int64)
        yield _News(int(first[k]), int(first[k + 1]), n, h, int(oldest[k]))


def _outcomes(
    inner: Predictor, panel: Panel, origins: Origins, levels: tuple[float, ...], horizon: int
) -> Outcomes:
    """Forecast from each origin and join the outcomes; one that is not known yet is NaN and dated
    in the far future.
    """
    ahead = origins.bar[:, None] + np.arange(1, horizon + 1)
    y, ds = np.full(ahead.shape, np.nan), np.full(ahead.shape, _NEVER)
    cutoff, y0 = np.empty(len(origins), "datetime64[us]"), np.empty(len(origins))
    for index, mine, cutoffs in origins.by_series():
        check_cancelled()
        series, bars = panel[index], ahead[mine]
        there = bars < len(series)
        within = np.minimum(bars, len(series) - 1)
        y[mine], ds[mine] = (
            np.where(there, series.y[within], np.nan),
            np.where(there, series.ds[within], _NEVER),
        )
        cutoff[mine], y0[mine] = series.ds[cutoffs], series.y[cutoffs]
    return Outcomes(
        inner.name,
        np.array(panel.symbols)[origins.series],
        cutoff,
        ds,
        y0,
        y,
        levels,
        inner.predict(panel, origins, levels),
    )
