"""Measure the sequential tests of the watch: false alarms a year, and how fast a change is found.

``python benchmarks/accuracy/drift.py [coverage] [losses] [prices]`` prints the tables of
docs/journal.md (all by default): of simulated closes, and of the samples that come with the
program. All draws are seeded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from forecasting.config import QUANTILES
from forecasting.sequential import Reference, Scan, bins, scan, scan_losses, threshold
from forecasting.sources.samples import SampleSource

YEAR, SOON, PATHS, PAST = 252, (30, 60), 1500, 600
LEVELS = np.array(QUANTILES)
NORMAL = np.array([NormalDist().inv_cdf(level) for level in QUANTILES])
#: Quantiles of Student's t with 4 degrees of freedom, scaled to the variance 1.
FAT = np.array([-2.776445, -2.131847, -1.533206, -0.740697, 0.0]) / np.sqrt(2)
FAT = np.concatenate([FAT, -FAT[3::-1]])
LIMIT = threshold(YEAR)


def draws(fat: bool, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Draw returns [n, T] of the variance 1."""
    return rng.standard_t(4, size) / np.sqrt(2) if fat else rng.normal(size=size)


def smoothed(returns: np.ndarray) -> np.ndarray:
    """Return the volatility [n, T] before each bar, by an exponential average (0.94)."""
    variance = np.ones(len(returns))
    found = np.empty_like(returns)
    for bar in range(returns.shape[1]):
        found[:, bar] = np.sqrt(variance)
        variance = 0.94 * variance + 0.06 * returns[:, bar] ** 2
    return found


def watched(returns: np.ndarray, spread: np.ndarray, unit: np.ndarray, past: int) -> Scan:
    """Run the coverage test over the bars of one path [T] after its past."""
    bands = bins(returns[past:], spread[past:, None] * unit)
    reference = Reference.of(returns[:past])
    assert reference is not None
    moves = bins(returns[past:], reference.limits)
    return scan(bands, QUANTILES, LIMIT, moves, reference.levels)


def delays(scans: list[Scan]) -> str:
    """Return the median delay, and the shares of changes that were found soon, in words."""
    first = np.array([item.alarms[0].step + 1 if item.alarms else np.inf for item in scans])
    shares = " | ".join(f"{100 * np.mean(first <= bars):.1f} %" for bars in SOON)
    return f"{np.median(first):.0f} bars | {shares}"


def simulated(
    fat: bool, adaptive: bool, rng: np.random.Generator, bars: int, scale: float
) -> list[Scan]:
    """Run the coverage test over paths whose volatility changes by a factor after their past."""
    returns = draws(fat, rng, (PATHS, PAST + bars))
    returns[:, PAST:] *= scale
    spread = smoothed(returns) if adaptive else np.ones_like(returns)
    unit = FAT if fat else NORMAL
    pairs = zip(returns, spread, strict=True)
    return [watched(path, wide, unit, PAST) for path, wide in pairs]


def coverage() -> None:
    """Print the table of the coverage test."""
    print("| closes, bands | false alarms a year | found after (median) | within 30 | within 60 |")
    for fat, name in ((False, "normal"), (True, "Student t with 4 degrees of freedom")):
        for adaptive in (False, True):
            rng = np.random.default_rng(20)
            quiet = simulated(fat, adaptive, rng, YEAR, 1.0)
            doubled = simulated(fat, adaptive, rng, max(SOON), 2.0)
            false = np.mean([len(item.alarms) for item in quiet])
            bands = "adaptive" if adaptive else "fixed"
            print(f"| {name}, {bands} | {false:.2f} | {delays(doubled)} |", flush=True)


def pinball(y: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return the mean pinball loss [n, T] of quantiles [n, T, Q]."""
    miss = y[..., None] - quantiles
    return np.maximum(LEVELS * miss, (LEVELS - 1) * miss).mean(axis=-1)


def clustered(fat: bool, rng: np.random.Generator, paths: int, bars: int) -> np.ndarray:
    """Draw returns [n, T] whose volatility comes in clusters: GARCH(1, 1) with 0.08 and 0.87."""
    found = draws(fat, rng, (paths, bars))
    variance = np.ones(paths)
    for bar in range(bars):
        found[:, bar] *= np.sqrt(variance)
        variance = 0.05 + 0.08 * found[:, bar] ** 2 + 0.87 * variance
    return found


def losses() -> None:
    """Print the table of the test of losses, beside what the coverage test finds of the same."""
    kinds = {
        "right": (1.0, 0.0),
        "bands 1.5 times as wide": (1.5, 0.0),
        "bands half as wide": (0.5, 0.0),
        "median half a standard deviation off": (1.0, 0.5),
    }
    paths, past = 400, 300
    print("| closes, forecasts | skill | alarms a year | found within a year | coverage test |")
    for fat, closes in ((False, "normal"), (True, "Student t (4)")):
        for name, (wide, shift) in kinds.items():
            returns = clustered(fat, np.random.default_rng(21), paths, past + YEAR)
            spread = smoothed(returns)[:, past:]
            window = np.lib.stride_tricks.sliding_window_view(returns, 20, axis=1)
            walk = np.sqrt((window[:, past - 20 : -1] ** 2).mean(axis=-1))[..., None] * NORMAL
            y = returns[:, past:]
            unit = wide * (FAT if fat else NORMAL) + shift
            made = spread[..., None] * unit
            ours, theirs = pinball(y, made), pinball(y, walk)
            largest = (np.maximum(LEVELS, 1 - LEVELS) * np.abs(made - walk)).mean(axis=-1)
            found = [scan_losses(row, LIMIT) for row in (ours - theirs) / largest]
            other = [
                watched(path, np.r_[np.ones(past), row], unit, past)
                for path, row in zip(returns, spread, strict=True)
            ]
            year = f"{np.mean([len(item.alarms) for item in found]):.2f}"
            shares = [
                100 * np.mean([bool(item.alarms) for item in part]) for part in (found, other)
            ]
            skill = 100 * (1 - ours.mean() / theirs.mean())
            row = f"{skill:+.1f} % | {year} | {shares[0]:.0f} % | {shares[1]:.0f} %"
            print(f"| {closes}, {name} | {row} |", flush=True)


def years(returns: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield each year of returns with the 1,000 before it."""
    for start in range(1000, returns.size - YEAR + 1, YEAR):
        yield returns[start - 1000 : start + YEAR], 1000


def prices() -> None:
    """Print alarms a year on real prices, with bands that follow the volatility."""
    print("| prices | years | alarms a year | of wider returns |")
    for name in ("sp500", "nasdaq", "wti"):
        series = SampleSource(name).load()[0]
        y = series.y[series.y > 0]
        kinds: list[str] = []
        count = 0
        for returns, past in years(np.diff(np.log(y))):
            spread = smoothed(returns[None] / returns.std())[0]
            unit = np.quantile(returns[100:past] / spread[100:past], QUANTILES)
            kinds += [item.change for item in watched(returns, spread, unit, past).alarms]
            count += 1
        wider = kinds.count("volatility")
        print(f"| {name} | {count} | {len(kinds) / count:.2f} | {wider} of {len(kinds)} |")


if __name__ == "__main__":
    for command in sys.argv[1:] or ["coverage", "losses", "prices"]:
        {"coverage": coverage, "losses": losses, "prices": prices}[command]()
