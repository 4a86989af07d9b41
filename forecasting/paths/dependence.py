"""How series move together and from bar to bar: past standardised residuals, resampled by whole
dates.

References
----------
Barone-Adesi, Giannopoulos and Vosper (1999), VaR without correlations (filtered historical
simulation). Politis and Romano (1994), The stationary bootstrap. Ledoit and Wolf (2004), A
well-conditioned estimator for large-dimensional covariance matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from forecasting.errors import DataError
from forecasting.seasonality import anchors
from forecasting.series import Dates, Floats, Ints, Panel, PriceSeries
from forecasting.spikes import as_known
from forecasting.volatility import Target, bar_variance, ewma, known_moves, path, resolve_target

Floats32 = npt.NDArray[np.float32]

#: ``history`` resamples dates of the past, ``gaussian`` draws from a copula with shrunk
#: correlation.
DependenceName = Literal["history", "gaussian"]

#: Decay of the variance that moves are standardised by; bars that it needs before it is believed.
_DECAY, _WARM_UP = 0.97, 20
#: Dates after which a residual counts half; last dates that are looked at.
_HALF_LIFE, _MOST_DATES = 500.0, 1500
#: Dates after which a residual counts half in what series have had in common of late; how much that
#: counts beside the whole past; least and most that either part is scaled by.
_LATE_HALF_LIFE, _LATE_SHARE, _SCALES = 40.0, 0.5, (0.5, 2.0)
#: Mean number of consecutive dates that are drawn together.
BLOCK = 2.0
#: How the variance of a path answers its own moves: share of the last square, share that persists.
_ANSWER, _PERSISTENCE = 0.05, 0.92
#: Spread of the factor that parts paths which drew the same date, in logs.
JITTER = 0.1
_LEAST_DATES = 30
#: Paths that are added up at once, of some series together: as many as a processor keeps at hand.
_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Residuals:
    """One-bar moves in units of the volatility known before them, by date and series.

    Attributes
    ----------
    dates : ndarray of datetime64[us], shape [D]
    values : ndarray of float64, shape [S, D]
        NaN where a series has no bar, or too few before it. Each looks at bars up to its own date
        only.
    persistence : ndarray of float64, shape [S]
        Share of a deviation that is left one bar later: 1 for walks, less for series with seasons.
    """

    dates: Dates
    values: Floats
    persistence: Floats

    @classmethod
    def of(cls, panel: Panel) -> Residuals:
        """Standardise the moves of each series. Spikes count as they were known at each bar."""
        lengths = [len(s) for s in panel]
        target = resolve_target(panel, "auto", lengths)
        dates = np.unique(np.concatenate([s.ds for s in panel]))
        persistence = np.ones(len(panel))
        if target == "seasonal":
            moves, persistence = _seasonal_moves(panel)
        else:
            moves = list(known_moves(panel, target))
        values = np.full((len(panel), dates.size), np.nan)
        for row, series, line in zip(values, panel, moves, strict=True):
            row[np.searchsorted(dates, series.ds)] = _standardised(series, line, target)
        return cls(dates, values, persistence)

    def before(self, cutoff: np.datetime64) -> Residuals:
        """Return what was known at a cutoff: residuals of dates up to it."""
        end = int(np.searchsorted(self.dates, cutoff, side="right"))
        first = max(0, end - _MOST_DATES)
        return Residuals(self.dates[first:end], self.values[:, first:end], self.persistence)

    def take(self, series: Ints) -> Residuals:
        """Return some series by index."""
        return Residuals(self.dates, self.values[series], self.persistence[series])

    def complete(self) -> Residuals:
        """Return the dates on which most series have a residual, with the gaps filled.

        A series without a bar on a date takes its own residual of the date on which the mean of the
        panel was nearest. Series then move together half as they did of late, and each is scaled
        to mean square 1.

        Raises
        ------
        DataError
            Fewer than 30 dates.
        """
        known = np.isfinite(self.values)
        kept = known.sum(axis=0) * 2 > len(known)
        values, known = self.values[:, kept], known[:, kept]
        if values.shape[1] < _LEAST_DATES:
            raise DataError(
                f"The series have {values.shape[1]} dates in common; paths need {_LEAST_DATES} "
                "to learn from.",
                "Load more history, or series of the same days.",
            )
        counts = np.maximum(known.sum(axis=0), 1)
        market = np.where(known, values, 0.0).sum(axis=0) / counts
        filled = np.stack(
            [_filled(row, there, market) for row, there in zip(values, known, strict=True)]
        )
        values = _scaled(_as_of_late(_scaled(filled)))
        return Residuals(self.dates[kept], values, self.persistence)


def _standardised(series: PriceSeries, moves: Floats, target: Target) -> Floats:
    """Return moves [T] divided by the volatility known one bar before; NaN while that warms up."""
    if target == "seasonal":
        variance = ewma(moves**2, _DECAY)
    else:
        variance = as_known(series, lambda version: ewma(bar_variance(version, target), _DECAY))
    found = np.full(moves.size, np.nan)
    warm_up = min(_WARM_UP, moves.size // 4)
    scale = np.sqrt(np.maximum(variance[:-1], 1e-300))
    found[1:] = moves[1:] / scale
    found[: warm_up + 1] = np.nan
    return found


def _seasonal_moves(panel: Panel) -> tuple[list[Floats], Floats]:
    """Return what each bar adds to the deviation from past seasons, [T] a series, and what share
    persists, [S].
    """
    moves, shares = [], []
    for series, expected in zip(panel, anchors(panel, 1), strict=True):
        deviation = np.concatenate([[0.0], path(series, "difference")[1:] - expected[:-1, 0]])
        square = float(deviation[:-1] @ deviation[:-1])
        share = float(deviation[1:] @ deviation[:-1]) / square if square > 0 else 0.0
        share = float(np.clip(share, 0.0, 1.0))
        moves.append(deviation - share * np.concatenate([[0.0], deviation[:-1]]))
        shares.append(share)
    return moves, np.array(shares)


def _filled(row: Floats, known: npt.NDArray[np.bool_], market: Floats) -> Floats:
    """Fill the gaps of a series [D] from its own dates of the nearest market."""
    if known.all():
        return row
    if not known.any():
        return market
    own = np.flatnonzero(known)
    own = own[np.argsort(market[own], kind="stable")]
    gaps = np.flatnonzero(~known)
    middle = (market[own][1:] + market[own][:-1]) / 2
    filled = row.copy()
    filled[gaps] = row[own[np.searchsorted(middle, market[gaps])]]
    return filled


def _scaled(values: Floats) -> Floats:
    """Scale each series [S, D] to mean square 1, recent dates counting most."""
    size = np.sqrt(values**2 @ recency(values.shape[1]))
    return np.asarray(values / np.maximum(size, 1e-12)[:, None], np.float64)


def _as_of_late(values: Floats) -> Floats:
    """Scale the mean of all series, and what each has of its own, so that the share of the mean in
    the variance lies half-way between that of the whole past and that of the last dates.

    Parameters
    ----------
    values : ndarray, shape [S, D]
        Of mean square 1.
    """
    mean = values.mean(axis=0)
    pair = np.stack([mean**2, (values**2).mean(axis=0)])
    whole, late = (pair @ recency(mean.size, h) for h in (_HALF_LIFE, _LATE_HALF_LIFE))
    if len(values) < 2 or late[1] <= 0:
        return values
    before = float(np.clip(whole[0] / whole[1], 1e-9, 1 - 1e-9))
    after = (1 - _LATE_SHARE) * before + _LATE_SHARE * float(late[0] / late[1])
    common, own = np.clip(np.sqrt([after / before, (1 - after) / (1 - before)]), *_SCALES)
    return np.asarray(common * mean + own * (values - mean), np.float64)


def recency(count: int, half_life: float = 0.0) -> Floats:
    """Return weights of the last ``count`` dates that halve with age and add to 1, shape [D]."""
    age = np.arange(count - 1, -1, -1.0)
    weights = 0.5 ** (age / (half_life or _HALF_LIFE))
    return np.asarray(weights / weights.sum(), np.float64)


@dataclass(frozen=True, eq=False)
class Dependence:
    """Templates of paths: only their ranks are used, so that any marginals can be put on them.

    Attributes
    ----------
    residuals : Residuals
        Complete, up to the cutoff.
    drawn : ndarray of int64, shape [H, K]
        Date of each step of each path.
    factor : ndarray of float32, shape [H, K]
        By which the residuals of that date are multiplied, in all series alike.
    shocks : ndarray of float32, shape [D, H * K], or None
        Normal draws of the copula.
    shrinkage : float
        Share of the identity in the correlation of the copula.
    """

    residuals: Residuals
    drawn: Ints
    factor: Floats32
    rng: np.random.Generator
    shocks: Floats32 | None = None
    shrinkage: float = 0.0

    @classmethod
    def of(
        cls,
        residuals: Residuals,
        horizon: int,
        n_paths: int,
        rng: np.random.Generator,
        name: DependenceName = "history",
    ) -> Dependence:
        """Draw what all series share: the dates of each path, or the shocks of the copula."""
        complete = residuals.complete()
        weights = recency(complete.values.shape[1])
        drawn = _blocks(weights, horizon, n_paths, rng)
        factor = np.exp(JITTER * rng.standard_normal((horizon, n_paths))).astype(np.float32)
        if name == "history":
            return cls(complete, drawn, factor, rng)
        shocks = rng.standard_normal((weights.size, horizon * n_paths), dtype=np.float32)
        return cls(complete, drawn, factor, rng, shocks, shrinkage(complete.values, weights))

    def template(self, series: slice) -> Floats32:
        """Return deviations of some series at each step of each path, [S, H, K] in units of
        today's volatility.
        """
        rows = np.arange(len(self.residuals.values))[series]
        made = np.empty((rows.size, *self.drawn.shape), np.float32)
        size = max(1, _AT_ONCE // self.drawn.shape[1])
        for first in range(0, rows.size, size):
            some = rows[first : first + size]
            innovations = np.stack([self._innovations(int(row)) for row in some])
            persistence = self.residuals.persistence[some, None].astype(np.float32)
            _accumulate(innovations, persistence, made[first : first + size])
        return made

    def _innovations(self, row: int) -> Floats32:
        line = self.residuals.values[row].astype(np.float32)
        if self.shocks is None:
            return np.asarray(line[self.drawn] * self.factor)
        weights = np.sqrt(recency(line.size)).astype(np.float32)
        common = (line * weights) @ self.shocks * np.float32(np.sqrt(1 - self.shrinkage))
        own = self.rng.standard_normal(common.size, dtype=np.float32) * np.float32(
            np.sqrt(self.shrinkage)
        )
        return np.asarray((common + own).reshape(self.drawn.shape))


def _accumulate(innovations: Floats32, persistence: Floats32, out: Floats32) -> None:
    """Add up innovations [S, H, K] with a variance that answers them, into ``out`` [S, H, K]; of a
    sum its ``persistence`` [S, 1] is left one step later.
    """
    variance = np.ones_like(innovations[:, 0])
    total = np.zeros_like(variance)
    rest = np.float32(1 - _ANSWER - _PERSISTENCE)
    for step in range(innovations.shape[1]):
        move = np.sqrt(variance) * innovations[:, step]
        total = total * persistence + move
        out[:, step] = total
        variance = rest + np.float32(_ANSWER) * move**2 + np.float32(_PERSISTENCE) * variance


def _blocks(weights: Floats, horizon: int, n_paths: int, rng: np.random.Generator) -> Ints:
    """Draw dates [H, K] in blocks of geometric length that begin anywhere, by weight [D]."""
    reach = np.cumsum(weights)
    last = weights.size - 1
    strata = (rng.permutation(n_paths) + rng.random(n_paths)) / n_paths
    drawn = np.empty((horizon, n_paths), np.int64)
    drawn[0] = np.minimum(np.searchsorted(reach, strata), last)
    for step in range(1, horizon):
        fresh = np.minimum(np.searchsorted(reach, rng.random(n_paths)), last)
        restart = (rng.random(n_paths) < 1 / BLOCK) | (drawn[step - 1] == last)
        drawn[step] = np.where(restart, fresh, drawn[step - 1] + 1)
    return drawn


def shrinkage(values: Floats, weights: Floats) -> float:
    """Return the share of the identity in the shrunk correlation of standardised values, by Ledoit
    and Wolf.

    Parameters
    ----------
    values : ndarray, shape [S, D]
        Mean square 1 under the weights.
    weights : ndarray, shape [D]
        Add to 1.
    """
    count = float(1 / (weights**2).sum())
    scaled = values * np.sqrt(weights)
    gram = scaled.T @ scaled
    squared = float((gram**2).sum())
    size = len(values)
    distance = squared - size
    fourth = float(weights @ (values**2).sum(axis=0) ** 2)
    noise = (fourth - squared) / count
    return (
        float(np.clip(noise / distance, 0.0, 1.0)) if distance > 0 and size > 1 else float(size > 1)
    )
