"""A run repeated over several seeds: how much of its result is the luck of a seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.config import RunConfig
from forecasting.errors import ConfigError
from forecasting.events import Event, Notice, Progress, RunFinished, RunResult
from forecasting.jobs.job import Job, never
from forecasting.series import Panel

#: Most seeds of one run.
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes
    ----------
    mean, std : float
        The standard deviation is that of a sample; NaN of a single seed.
    low, high : float
    count : int
        Seeds for which the figure is known.
    """

    mean: float
    std: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise values; those that are not finite are left out."""
        known = np.array([value for value in values if math.isfinite(value)])
        if not known.size:
            return cls(math.nan, math.nan, math.nan, math.nan, 0)
        std = float(known.std(ddof=1)) if known.size > 1 else math.nan
        return cls(float(known.mean()), std, float(known.min()), float(known.max()), known.size)


@dataclass(frozen=True, eq=False)
class SeedEnded(Event):
    """The run of one seed has ended.

    Attributes
    ----------
    seed : int
    result : RunResult
    """

    seed: int
    result: RunResult


@dataclass(frozen=True, eq=False)
class RepeatFinished(Event):
    """A run was repeated over all seeds, or over some where it was stopped.

    Attributes
    ----------
    seeds : tuple of int
    spread : mapping of str to Spread
        By metric of the network; ``skill`` is that of the verdict.
    beats : int
        Runs whose verdict says that they beat the best baseline.
    """

    seeds: tuple[int, ...]
    spread: Mapping[str, Spread]
    beats: int

    @property
    def sentence(self) -> str:
        """Return skill and its spread in a sentence."""
        skill, count = self.spread["skill"], len(self.seeds)
        runs = "1 seed" if count == 1 else f"{count} seeds"
        if not skill.count:
            return f"{runs}: too few independent origins to tell a skill."
        around = f" ± {skill.std:.2%}" if math.isfinite(skill.std) else ""
        return (
            f"{runs}: skill {skill.mean:.2%}{around} (from {skill.low:.2%} to {skill.high:.2%}); "
            f"{self.beats} of {count} beat the best baseline."
        )


def repeat(
    panel: Panel,
    config: RunConfig,
    count: int,
    should_stop: Callable[[], bool] = never,
) -> Job:
    """Train a configuration with ``count`` seeds, from its own seed on.

    Parameters
    ----------
    panel : Panel
    config : RunConfig
    count : int
        From 1 to :data:`MOST_SEEDS`.
    should_stop : callable
        Once true, the seeds that have ended are summarised.

    Yields
    ------
    Progress, Notice, SeedEnded, RepeatFinished

    Raises
    ------
    CandlecastError
        No such number of seeds, or as of the training.
    """
    if not 1 <= count <= MOST_SEEDS:
        raise ConfigError(
            f"A run cannot be repeated with {count} seeds.",
            f"Give a number from 1 to {MOST_SEEDS}.",
        )
    from forecasting.jobs.training import train

    results: list[tuple[int, RunResult]] = []
    for index in range(count):
        if should_stop() and results:
            break
        seed = config.train.seed + index
        yield Progress(index, count, f"Seed {seed}")
        for event in train(panel, config.changed(seed=seed), should_stop):
            if isinstance(event, RunFinished):
                if event.result.info.stopped == "user" and results:
                    break
                results.append((seed, event.result))
                yield SeedEnded(seed, event.result)
            elif isinstance(event, Notice) and not index:
                yield event
            elif isinstance(event, Progress) and event.total:
                yield Progress(index, count, f"Seed {seed}: {event.message}")
    yield _finished(results)


def _finished(results: Sequence[tuple[int, RunResult]]) -> RepeatFinished:
    rows = [next(iter(result.scores.values())) for _, result in results]
    spread = {"skill": Spread.of([result.verdict.skill for _, result in results])}
    spread |= {name: Spread.of([row.get(name, math.nan) for row in rows]) for name in rows[0]}
    beats = sum(result.verdict.outcome == "beats" for _, result in results)
    return RepeatFinished(tuple(seed for seed, _ in results), spread, beats)
