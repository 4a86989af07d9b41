"""Synthetic series for teaching: each made anew, with the same numbers, for one phenomenon."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from forecasting.series import Floats, PriceSeries, Provenance

#: Usual size of a daily move, and how much sizes differ (log scale).
_MOVE, _SPREAD = 0.01, 0.1


def echoing(
    name: str = "memory", bars: int = 6000, lag: int = 80, changed: float = 0.05
) -> PriceSeries:
    """Make prices whose next move goes, but for one time in twenty, the way the move ``lag`` bars
    before it went.

    The moves between say nothing about it: only who remembers so far back knows the next direction.

    Parameters
    ----------
    name : str
    bars : int
        Length T.
    lag : int
        Even, so that the first ``lag`` bars go up as often as down.
    changed : float
        Probability that a move goes the other way.

    References
    ----------
    After the task of Hochreiter and Schmidhuber (1997): a sign is to be kept over a long stretch of
    distractors.
    """
    draw = np.random.default_rng(lag)
    signs = np.empty(bars)
    signs[:lag] = draw.permutation(np.repeat([-1.0, 1.0], lag // 2))
    turns = np.where(draw.random(bars) < changed, -1.0, 1.0)
    for t in range(lag, bars):
        signs[t] = signs[t - lag] * turns[t]
    return _from_signs(
        name,
        signs,
        draw,
        f"each day goes the way of the day {lag} before, but for one in {round(1 / changed)}",
    )


def adding_up(name: str = "exploding", bars: int = 3000, span: int = 40) -> PriceSeries:
    """Make prices whose next move leans against the sum of the last ``span`` moves.

    To know the next direction one has to add up what came before. A network that adds up carries
    its state on from bar to bar undiminished, which is where states and gradients explode.

    Parameters
    ----------
    name : str
    bars, span : int
    """
    draw = np.random.default_rng(7)
    signs = np.empty(bars)
    signs[:span] = draw.choice([-1.0, 1.0], span)
    for t in range(span, bars):
        rises = 1 / (1 + np.exp(4 * signs[t - span : t].mean()))
        signs[t] = 1.0 if draw.random() < rises else -1.0
    note = f"each day leans against the sum of the {span} days before"
    return _from_signs(name, signs, np.random.default_rng(1), note)


def weekly(name: str = "seasonal", bars: int = 2000, depth: float = 0.04) -> PriceSeries:
    """Make values of a slow random walk times a pattern of five weekdays.

    Parameters
    ----------
    name : str
    bars : int
    depth : float
        How far the pattern goes above and below, as a share of the level.
    """
    draw = np.random.default_rng(5)
    level = 100 * np.exp(np.cumsum(0.004 * draw.normal(size=bars)))
    pattern = depth * np.array([-1.0, -0.3, 0.2, 1.0, 0.1])
    ds = _weekdays(bars)
    weekday = np.arange(bars) % len(pattern)
    close = np.round(level * np.exp(pattern[weekday]), 4)
    note = f"a random walk times a pattern of weekdays, up to {depth:.0%} up and down"
    return _series(name, ds, close, note)


def _from_signs(name: str, signs: Floats, draw: np.random.Generator, note: str) -> PriceSeries:
    """Return prices that move by about a hundredth a day, in the directions of ``signs`` [T]."""
    sizes = _MOVE * np.exp(_SPREAD * draw.normal(size=len(signs)))
    close = np.round(100 * np.exp(np.cumsum(signs * sizes)), 4)
    return _series(name, _weekdays(len(signs)), close, note)


def _weekdays(bars: int) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    days = np.busday_offset("1996-01-01", np.arange(bars), roll="forward")
    return days.astype("datetime64[us]")


def _series(
    name: str,
    ds: np.ndarray[tuple[int, ...], np.dtype[np.datetime64]],
    close: Floats,
    note: str,
) -> PriceSeries:
    return PriceSeries(
        name,
        ds,
        ("close",),
        close[:, None],
        provenance=Provenance(
            "",
            content_hash=sha256(close.tobytes()).hexdigest(),
            note=f"synthetic, no prices of anything: {note}",
        ),
    )
