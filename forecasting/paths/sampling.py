"""Paths whose marginals are the calibrated ones and whose order is that of the past (Schaake
shuffle).

References
----------
Clark et al. (2004), The Schaake shuffle.
Schefzik, Thorarinsdottir and Gneiting (2013), Uncertainty quantification by ensemble copula
coupling.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from forecasting.cancellation import check_cancelled
from forecasting.errors import ConfigError
from forecasting.paths.dependence import Dependence, DependenceName, Floats32, Residuals
from forecasting.paths.marginals import Marginals
from forecasting.series import Dates, Floats, Ints

#: Paths that are drawn where nothing is said, fewest and most.
DEFAULT_PATHS, LEAST_PATHS, MOST_PATHS = 1000, 10, 1_000_000
#: Numbers that are drawn at once: bounds the memory.
_AT_ONCE = 4_000_000
#: Numbers that a call keeps in memory at most.
_MOST_NUMBERS = 400_000_000


@dataclass(frozen=True, eq=False)
class Paths:
    """Sample paths of several series, drawn together.

    Attributes
    ----------
    model : str
    symbols : tuple of str, length S
    cutoff : ndarray of datetime64[us], shape [S]
    y0 : ndarray of float64, shape [S]
        Value at the cutoff.
    ds : ndarray of datetime64[us], shape [S, H]
    samples : ndarray of float64, shape [S, H, K]
        In price units; sample k is one joint future of all series.
    """

    model: str
    symbols: tuple[str, ...]
    cutoff: Dates
    y0: Floats
    ds: Dates
    samples: Floats

    @property
    def n_paths(self) -> int:
        """Number of paths, K."""
        return int(self.samples.shape[2])

    @property
    def horizon(self) -> int:
        """Bars ahead, H."""
        return int(self.samples.shape[1])

    @property
    def growth(self) -> Floats:
        """Value relative to that at the cutoff, shape [S, H, K]."""
        return self.samples / self.y0[:, None, None]

    def take(self, paths: Ints) -> Paths:
        """Return some of the paths by index, in all series alike."""
        return replace(self, samples=self.samples[:, :, paths])

    def until(self, horizon: int) -> Paths:
        """Return the first steps."""
        return replace(self, ds=self.ds[:, :horizon], samples=self.samples[:, :horizon])


def check_paths(n_paths: int) -> None:
    """Refuse too few and too many paths; raises ConfigError."""
    if not LEAST_PATHS <= n_paths <= MOST_PATHS:
        raise ConfigError(
            f"{n_paths:,} paths are not possible.", f"Choose {LEAST_PATHS} to {MOST_PATHS:,}."
        )


def stream(
    marginals: Marginals,
    residuals: Residuals,
    n_paths: int = DEFAULT_PATHS,
    seed: int = 0,
    dependence: DependenceName = "history",
) -> Iterator[tuple[slice, Floats]]:
    """Draw joint paths of many series, some series at a time.

    Parameters
    ----------
    marginals : Marginals
    residuals : Residuals
        Of the same series, up to the cutoff.
    n_paths : int
    seed : int
        The same numbers give the same paths.
    dependence : str
        ``history`` resamples dates of the past, ``gaussian`` draws from a copula with shrunk
        correlation.

    Yields
    ------
    series : slice
    samples : ndarray of float64, shape [s, H, K]
        In price units. At each step the samples of a series, sorted, are its quantiles at the
        probabilities (k + 1/2) / K.

    Raises
    ------
    ConfigError
        Too few or too many paths.
    DataError
        Too few dates in common.
    """
    check_paths(n_paths)
    rng = np.random.default_rng(seed)
    shared = Dependence.of(residuals, marginals.horizon, n_paths, rng, dependence)
    positions = (np.arange(n_paths) + 0.5) / n_paths
    size = max(1, _AT_ONCE // (marginals.horizon * n_paths))
    for first in range(0, len(marginals.symbols), size):
        check_cancelled()
        series = slice(first, min(first + size, len(marginals.symbols)))
        yield series, reordered(shared.template(series), marginals.at(positions, series))


def simulate(
    marginals: Marginals,
    residuals: Residuals,
    n_paths: int = DEFAULT_PATHS,
    seed: int = 0,
    dependence: DependenceName = "history",
) -> Paths:
    """Draw joint paths and keep all of them; as :func:`stream`.

    Raises
    ------
    ConfigError
        More numbers than memory is meant for.
    """
    check_paths(n_paths)
    shape = (len(marginals.symbols), marginals.horizon, n_paths)
    if np.prod(shape, dtype=float) > _MOST_NUMBERS:
        raise ConfigError(
            f"{shape[0]:,} series x {shape[1]:,} steps x {n_paths:,} paths are too many to keep.",
            "Ask for fewer paths or series.",
        )
    samples = np.empty(shape)
    for series, block in stream(marginals, residuals, n_paths, seed, dependence):
        samples[series] = block
    return Paths(
        marginals.model, marginals.symbols, marginals.cutoff, marginals.y0, marginals.ds, samples
    )


def reordered(template: Floats32, ordered: Floats) -> Floats:
    """Give sorted values [S, H, K] the ranks of a template of the same shape."""
    samples = np.empty_like(ordered)
    for out, values, ranks in zip(
        *(a.reshape(-1, a.shape[-1]) for a in (samples, ordered, template)), strict=True
    ):
        out[np.argsort(ranks)] = values
    return samples
