"""Several series held together: the distribution of their value, what can be lost, and who
contributes to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.errors import ConfigError, DataError
from forecasting.paths.events import maximum_drawdown
from forecasting.paths.sampling import Paths
from forecasting.series import Dates, Floats, Ints, Panel

#: Levels of value at risk and expected shortfall, in percent; quantiles of the value that are told.
RISK_LEVELS: tuple[int, ...] = (95, 99)
VALUE_QUANTILES: tuple[float, ...] = (
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
)
#: How near to what is supposed the mean of conditional paths comes; least effective number of
#: paths.
_LEAST_EFFECTIVE = 20


@dataclass(frozen=True, eq=False)
class Portfolio:
    """What paths say of a portfolio that is bought at the cutoff and held.

    Attributes
    ----------
    model : str
    symbols : tuple of str, length S
    weights : ndarray of float64, shape [S]
        Share of the capital in each series, negative where it is sold short; the rest is cash.
    cutoff : datetime64[us]
    ds : ndarray of datetime64[us], shape [H]
    value : ndarray of float64, shape [H, K]
        Relative to the capital at the cutoff, which is 1.
    contributions : ndarray of float64, shape [S]
        To the expected shortfall of 95 % at the last step; they add up to it.
    correlation : ndarray of float64, shape [S, S]
        Of the growth at the last step.
    """

    model: str
    symbols: tuple[str, ...]
    weights: Floats
    cutoff: np.datetime64
    ds: Dates
    value: Floats
    contributions: Floats
    correlation: Floats

    @property
    def n_paths(self) -> int:
        """Number of paths, K."""
        return int(self.value.shape[1])

    def quantiles(self, levels: Sequence[float] = VALUE_QUANTILES) -> Floats:
        """Return quantiles of the value by step, shape [H, Q]."""
        return np.quantile(self.value, levels, axis=1).T

    def var(self, level: float, step: int = -1) -> float:
        """Return the value at risk: the loss that is exceeded with a probability of 100 -
        ``level`` percent, a share of 1.
        """
        return float(1 - np.quantile(self.value[step], 1 - level / 100))

    def es(self, level: float, step: int = -1) -> float:
        """Return the expected shortfall: the mean loss of the worst 100 - ``level`` percent of
        the paths.
        """
        return float(1 - self.value[step][worst(self.value[step], level)].mean())

    def drawdown(self) -> Floats:
        """Return the largest fall from the highest value so far, by step and path, shape [H, K]."""
        return maximum_drawdown(self.value, 1.0)


def worst(value: Floats, level: float) -> Ints:
    """Return the indices of the worst 100 - ``level`` percent of values [K], at least one."""
    count = max(1, round(len(value) * (1 - level / 100)))
    return np.asarray(np.argpartition(value, count - 1)[:count])


def check_prices(panel: Panel) -> None:
    """Refuse series that were at or below zero once: what one of them changes by is no return.

    Parameters
    ----------
    panel : Panel
        All of its bars are looked at, and nothing after them.

    Raises
    ------
    DataError
        It names the first such series, and its last such bar.
    """
    for series in panel:
        low = np.flatnonzero(series.y <= 0)
        if low.size:
            raise DataError(
                f"{series.symbol} was {series.y[low[-1]]:g} on {str(series.ds[low[-1]])[:10]}: its "
                "changes are no returns, so that no share of a portfolio is measured in it.",
                "Leave it out, as a yield or a spread has to be, or load only its bars after that.",
            )


def hold(paths: Paths, weights: Floats) -> Portfolio:
    """Value a portfolio on joint paths.

    Parameters
    ----------
    paths : Paths
        With one cutoff and the same steps for all series.
    weights : ndarray, shape [S]

    Raises
    ------
    DataError
        A value at the cutoff that is not above zero.
    """
    bad = np.flatnonzero(paths.y0 <= 0)
    if bad.size:
        raise DataError(
            f"{paths.symbols[bad[0]]} is {paths.y0[bad[0]]:g} at the cutoff: no share of a "
            "portfolio is measured in it.",
            "Leave it out: a portfolio needs prices above zero.",
        )
    value = np.ones(paths.samples.shape[1:])
    for weight, start, samples in zip(weights, paths.y0, paths.samples, strict=True):
        value += weight * (samples / start - 1)
    last = paths.samples[:, -1] / paths.y0[:, None] - 1
    tail = worst(value[-1], RISK_LEVELS[0])
    contributions = -weights * last[:, tail].mean(axis=1)
    return Portfolio(
        paths.model,
        paths.symbols,
        weights,
        paths.cutoff.max(),
        paths.ds[0],
        value,
        contributions,
        correlation_of(last),
    )


def correlation_of(growth: Floats) -> Floats:
    """Return the correlation of rows [S, K], shape [S, S]; 0 beside a row that does not move."""
    centred = growth - growth.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1))
    unit = centred / np.where(size > 0, size, 1.0)[:, None]
    found = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return np.asarray(np.clip(found, -1.0, 1.0), np.float64)


def conditional(paths: Paths, driver: Floats, change: float, seed: int = 0) -> Paths:
    """Return paths on which the mean of a driver is a given change: the original ones, reweighted
    as little as possible.

    Parameters
    ----------
    paths : Paths
    driver : ndarray, shape [K]
        Growth over the horizon, less 1, of what is supposed to change: a series, or the mean of
        all.
    change : float
        As a share: -0.1 for a fall of 10 %.
    seed : int

    Returns
    -------
    Paths
        As many as before, drawn again with weights of exponential form (minimum relative entropy).

    Raises
    ------
    ConfigError
        A change that hardly any path makes.

    References
    ----------
    Meucci (2008), Fully flexible views: theory and practice.
    """
    low, high = float(driver.min()), float(driver.max())
    hint = "Suppose a smaller change, a longer horizon, or draw more paths."
    if not low < change < high:
        raise ConfigError(
            f"A change of {change:+.1%} is beyond all {driver.size:,} paths ({low:+.1%} to "
            f"{high:+.1%}).",
            hint,
        )
    weights = _tilted(driver, change)
    effective = float(1 / (weights**2).sum())
    if effective < _LEAST_EFFECTIVE:
        raise ConfigError(
            f"A change of {change:+.1%} is made by about {effective:.0f} of {driver.size:,} "
            "paths: too few.",
            hint,
        )
    rng = np.random.default_rng(seed)
    positions = (np.arange(driver.size) + rng.random()) / driver.size
    return paths.take(np.minimum(np.searchsorted(np.cumsum(weights), positions), driver.size - 1))


def _tilted(driver: Floats, mean: float) -> Floats:
    """Return weights [K], proportional to exp(tilt * driver), under which the driver has a mean;
    by bisection.
    """
    scaled = (driver - mean) / max(float(np.ptp(driver)), 1e-300)
    low, high = -1e4, 1e4
    weights = np.full(driver.size, 1 / driver.size)
    for _ in range(200):
        tilt = (low + high) / 2
        exponent = tilt * scaled
        weights = np.exp(exponent - exponent.max())
        weights /= weights.sum()
        low, high = (low, tilt) if weights @ scaled > 0 else (tilt, high)
    return weights


def parse_weights(text: str, symbols: Sequence[str]) -> Floats:
    """Read weights: numbers in the order of the series, or ``SYMBOL=NUMBER`` parts; empty for equal
    ones.

    Returns
    -------
    ndarray of float64, shape [S]
        As they were given: they need not add to 1, the rest is cash.

    Raises
    ------
    ConfigError
        Another number of weights than of series, an unknown symbol, or what is no number.
    """
    count = len(symbols)
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        return np.full(count, 1 / count)
    if any("=" in part for part in parts):
        return _named_weights(parts, symbols)
    if len(parts) != count:
        raise ConfigError(
            f"{len(parts)} {'weight is' if len(parts) == 1 else 'weights are'} given for {count} "
            "series.",
            f"In the order {', '.join(symbols[:8])}.",
        )
    return np.array([_number(part) for part in parts])


def _named_weights(parts: Sequence[str], symbols: Sequence[str]) -> Floats:
    found = np.zeros(len(symbols))
    for part in parts:
        name, _, number = (word.strip() for word in part.rpartition("="))
        if name not in symbols:
            raise ConfigError(
                f"Weights: there is no series '{name}'.", f"There are {', '.join(symbols[:8])}."
            )
        found[list(symbols).index(name)] = _number(number)
    return found


def _number(text: str) -> float:
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = float("nan")
    if not np.isfinite(found) or abs(found) > 1000:
        raise ConfigError(
            f"The weight '{text}' is no usable number.", "For example .5, -.25 or 30%."
        )
    return found
