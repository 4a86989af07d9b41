"""Maximum likelihood of GARCH(1,1) with Student-t shocks, for many series at once.

References
----------
Bollerslev (1987), A conditionally heteroskedastic time series model for speculative prices and
rates of return; Fiorentini, Calzolari & Panattoni (1996), Analytic derivatives and the computation
of GARCH estimates; Berndt, Hall, Hall & Hausman (1974), Estimation and inference in nonlinear
structural models (the matrix of second derivatives from the scores).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.cancellation import check_cancelled
from forecasting.series import Floats

Mask = npt.NDArray[np.bool_]

#: Series fitted side by side: more do not fit the processor's cache.
_AT_ONCE = 32
#: Moves whose squares, weighted down by this factor a bar, stand for the variance before the first.
_BEFORE, _BEFORE_DECAY = 75, 0.94
#: Bars that are summed by one product, and blocks of them below which that is not worth while.
_BLOCK, _FEW_BLOCKS = 16, 8
#: Weight below which the past of a sum does not count.
_FORGOTTEN = 1e-20
#: Begin from the best of these shares of the last shock, and of all that is carried on.
_ALPHAS, _PERSISTENCES, _FREEDOMS = (0.01, 0.03, 0.08, 0.2), (0.4, 0.7, 0.9, 0.97, 0.99), 5.0
#: A step is at most so long, in units of the free parameters.
_LONGEST_STEP = 1.0
_MOST_ITERATIONS, _ENOUGH = 100, 1e-7
#: Degrees of freedom lie above 2, where the variance exists, and below so many, where the shape is
#: that of a normal.
_LEAST_FREEDOMS, _MOST_FREEDOMS = 2.05, 300.0
_SMALLEST = 1e-12


def fit_garch(moves: Sequence[Floats]) -> Floats:
    """Estimate GARCH(1,1) with a constant mean and Student-t shocks of each series.

    Parameters
    ----------
    moves : sequence of ndarray, S of shape [T]
        Divided by their standard deviation, at least 50 each.

    Returns
    -------
    ndarray, shape [S, 5]
        Mean, omega, alpha, beta and degrees of freedom.
    """
    order = sorted(range(len(moves)), key=lambda index: len(moves[index]))
    found = np.empty((len(moves), 5))
    for first in range(0, len(order), _AT_ONCE):
        some = order[first : first + _AT_ONCE]
        found[some] = _maximised(*_padded([moves[index] for index in some]))
    return found


def _padded(moves: Sequence[Floats]) -> tuple[Floats, Mask]:
    """Return moves side by side, [S, T], and which of them are there."""
    bars = max(len(line) for line in moves)
    table, there = np.zeros((len(moves), bars)), np.zeros((len(moves), bars), np.bool_)
    for row, known, line in zip(table, there, moves, strict=True):
        row[: len(line)] = line
        known[: len(line)] = True
    return table, there


def _maximised(moves: Floats, there: Mask) -> Floats:
    """Climb from the best of some starts, all series together; each stops where it gains nothing.

    Steps are those of Levenberg and Marquardt, with the second derivatives of Berndt, Hall, Hall
    and Hausman.
    """
    free = _start(moves, there)
    best, scores = _likelihood(_natural(free), moves, there)
    damping = np.full(len(free), 1e-3)
    active = np.ones(len(free), np.bool_)
    for _ in range(_MOST_ITERATIONS):
        check_cancelled()
        some = np.flatnonzero(active)
        proposed = free[some] + _steps(free[some], scores[some], damping[some])
        value, fresh = _likelihood(_natural(proposed), moves[some], there[some])
        gain = value - best[some]
        better = gain > 0
        taken = some[better]
        free[taken], best[taken], scores[taken] = proposed[better], value[better], fresh[better]
        damping[some] = np.where(better, damping[some] / 5, damping[some] * 8)
        active[some] = np.where(better, gain > _ENOUGH, damping[some] < 1e6)
        if not active.any():
            break
    return _natural(free)


def _steps(free: Floats, scores: Floats, damping: Floats) -> Floats:
    """Return the step of each series, [S, 5], from the scores of its moves, [S, T, 5]."""
    slopes = np.einsum("stp,spq->stq", scores, _jacobian(free), optimize=True)
    gradient = slopes.sum(axis=1)
    curvature = np.einsum("stp,stq->spq", slopes, slopes, optimize=True)
    diagonal = np.einsum("spp->sp", curvature)
    curvature += (damping[:, None] * diagonal + _SMALLEST)[:, :, None] * np.eye(5)
    step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    # Each on its own: a share that runs towards 0 does not hold the others back.
    return np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)


def _start(moves: Floats, there: Mask) -> Floats:
    """Return free parameters of each series: the most likely of some usual ones, whose mean
    variance is that of the series.
    """
    count = there.sum(axis=1)
    mean = moves.sum(axis=1) / count
    variance = np.where(there, (moves - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    best, found = np.full(len(moves), -np.inf), np.empty((len(moves), 5))
    for alpha in _ALPHAS:
        for persistence in _PERSISTENCES:
            natural = np.stack(
                [
                    mean,
                    variance * (1 - persistence),
                    np.full_like(mean, min(alpha, 0.9 * persistence)),
                    np.full_like(mean, persistence - min(alpha, 0.9 * persistence)),
                    np.full_like(mean, _FREEDOMS),
                ],
                axis=1,
            )
            value, _ = _likelihood(natural, moves, there, slopes=False)
            better = value > best
            best[better], found[better] = value[better], natural[better]
    return _free(found)


def _free(natural: Floats) -> Floats:
    """Return parameters without limits: mean, log of omega, log of alpha and beta over what is
    left to 1, log of the degrees of freedom above 2.
    """
    mean, omega, alpha, beta, freedoms = natural.T
    rest = 1 - alpha - beta
    return np.stack(
        [
            mean,
            np.log(omega),
            np.log(alpha / rest),
            np.log(beta / rest),
            np.log(freedoms - _LEAST_FREEDOMS),
        ],
        axis=1,
    )


def _natural(free: Floats) -> Floats:
    """Undo :func:`_free`."""
    mean, omega, alpha, beta, freedoms = np.clip(free, -25.0, 25.0).T
    whole = 1 + np.exp(alpha) + np.exp(beta)
    return np.stack(
        [
            mean,
            np.exp(omega),
            np.exp(alpha) / whole,
            np.exp(beta) / whole,
            np.minimum(_LEAST_FREEDOMS + np.exp(freedoms), _MOST_FREEDOMS),
        ],
        axis=1,
    )


def _jacobian(free: Floats) -> Floats:
    """Return the derivatives of the natural parameters (rows) by the free ones, [S, 5, 5]."""
    _, omega, alpha, beta, freedoms = _natural(free).T
    out = np.zeros((len(free), 5, 5))
    out[:, 0, 0] = 1.0
    out[:, 1, 1] = omega
    out[:, 2, 2], out[:, 2, 3] = alpha * (1 - alpha), -alpha * beta
    out[:, 3, 2], out[:, 3, 3] = -alpha * beta, beta * (1 - beta)
    out[:, 4, 4] = np.where(freedoms < _MOST_FREEDOMS, freedoms - _LEAST_FREEDOMS, 0.0)
    return out


def _likelihood(
    natural: Floats, moves: Floats, there: Mask, *, slopes: bool = True
) -> tuple[Floats, Floats]:
    """Return the log-likelihood of each series [S] and its scores: the derivatives of the share of
    each move, by the natural parameters, [S, T, 5].
    """
    from scipy.special import digamma, gammaln

    mean, omega, alpha, beta, freedoms = (column[:, None] for column in natural.T)
    shock = np.where(there, moves - mean, 0.0)
    start = _variance_before(shock, there)
    before = np.concatenate([start, shock[:, :-1] ** 2], axis=1)
    # The variance before the first move is that of the shocks themselves.
    first = np.zeros_like(before)
    first[:, 0] = beta[:, 0] * start[:, 0]
    variance = np.maximum(carried(omega + alpha * before + first, beta), _SMALLEST)
    ratio = shock**2 / (variance * (freedoms - 2))
    shape = gammaln((freedoms + 1) / 2) - gammaln(freedoms / 2) - 0.5 * np.log(freedoms - 2)
    each = shape - 0.5 * np.log(np.pi) - 0.5 * np.log(variance)
    each -= (freedoms + 1) / 2 * np.log1p(ratio)
    value = np.where(there, each, 0.0).sum(axis=1)
    if not slopes:
        return value, np.empty(0)
    lagged = np.concatenate([start, variance[:, :-1]], axis=1)
    moved = np.concatenate([np.zeros_like(start), -2 * alpha * shock[:, :-1]], axis=1)
    by_variance = (-0.5 + (freedoms + 1) / 2 * ratio / (1 + ratio)) / variance
    out = np.empty((*shock.shape, 5))
    out[:, :, 0] = by_variance * carried(moved, beta)
    out[:, :, 0] += (freedoms + 1) * shock / (variance * (freedoms - 2) * (1 + ratio))
    out[:, :, 1] = by_variance * carried(np.ones_like(shock), beta)
    out[:, :, 2] = by_variance * carried(before, beta)
    out[:, :, 3] = by_variance * carried(lagged, beta)
    out[:, :, 4] = 0.5 * (digamma((freedoms + 1) / 2) - digamma(freedoms / 2) - 1 / (freedoms - 2))
    out[:, :, 4] += -0.5 * np.log1p(ratio) + (freedoms + 1) / 2 * ratio / (
        (1 + ratio) * (freedoms - 2)
    )
    out[~there] = 0.0
    return value, out


def _variance_before(shock: Floats, there: Mask) -> Floats:
    """Return the variance that stands before the first move, [S, 1]: of the first shocks, the
    earliest counting most.
    """
    weights = there[:, :_BEFORE] * _BEFORE_DECAY ** np.arange(min(_BEFORE, shock.shape[1]))
    return np.asarray(
        (shock[:, :_BEFORE] ** 2 * weights).sum(axis=1, keepdims=True)
        / weights.sum(axis=1, keepdims=True)
    )


def carried(values: Floats, decay: Floats) -> Floats:
    """Return what remains of all values so far, [S, T], of each ``decay`` [S, 1] after a bar.

    Bars are summed in blocks, by one product a series, and what the blocks before leave is added.
    """
    series, bars = values.shape
    blocks = -(-bars // _BLOCK)
    if blocks < _FEW_BLOCKS:
        return _doubled(values, decay)
    table = np.zeros((series, blocks * _BLOCK))
    table[:, :bars] = values
    powers = decay ** np.arange(_BLOCK + 1)
    back = np.arange(_BLOCK) - np.arange(_BLOCK)[:, None]
    weights = np.where(back >= 0, powers[:, np.abs(back)], 0.0)
    total = table.reshape(series, blocks, _BLOCK) @ weights
    left = _doubled(total[:, :-1, -1], powers[:, -1:])
    total[:, 1:] += left[:, :, None] * powers[:, None, 1:]
    return np.asarray(total.reshape(series, -1)[:, :bars], np.float64)


def _doubled(values: Floats, decay: Floats) -> Floats:
    """Return the same as :func:`carried`: each pass doubles how far back it reaches."""
    total, power, reach = values.copy(), decay.copy(), 1
    while reach < values.shape[1] and power.max() > _FORGOTTEN:
        total[:, reach:] += power * total[:, :-reach]
        power = power**2
        reach *= 2
    return total
