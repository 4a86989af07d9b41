"""Odds on a panel of daily stocks: events, portfolios and ranks, from paths whose model is frozen
before the years that judge it.

Usage: python benchmarks/accuracy/odds.py PANEL.csv.gz --first 2014-07-01 --end 2016-01-01 [--with
har] [--paths 1000] [--step 1] [--only events portfolios ranks widths]
       python benchmarks/accuracy/odds.py PANEL.csv.gz ... --truth 400
       python benchmarks/accuracy/odds.py --walks | --cost

``widths`` tells whether portfolios are too wide because their series are, or because of what these
have in common.

--truth draws what happens from the joint forecasts themselves so many times, and tells how far a
true model misses the aims by chance.

Settings are chosen on the years before 2016; 2016 and 2017 are opened once. Touch means that some
close reaches the level.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting import Panel, PriceSeries
from forecasting.baselines import BASELINES
from forecasting.events import Predictor
from forecasting.jobs import calibrated_baseline
from forecasting.paths import Marginals, Residuals, simulate
from forecasting.paths.backtest import (
    PortfolioHistory,
    index_samples,
    inside,
    portfolio_index,
)
from forecasting.paths.calibrated import ValueRecord, moved
from forecasting.paths.dependence import BLOCK, JITTER, Dependence, recency, shrinkage
from forecasting.paths.events import membership, rank_probabilities
from forecasting.paths.marginals import LEVELS
from forecasting.paths.past import cutoff_dates, past_marginals
from forecasting.paths.sampling import Paths, reordered
from forecasting.paths.scores import (
    brier,
    christoffersen,
    kupiec,
    ranked_probability_score,
    reliability,
    sample_crps,
)
from forecasting.series import Dates, Floats, Outcomes
from forecasting.sources import source
from forecasting.verdict import diebold_mariano

HORIZON, STEPS, CHANGES = 20, (1, 5, 20), (-0.05, -0.02, -0.01, 0.01, 0.02, 0.05)
FITTED_SHARE, LEAST_EVENTS = 0.7, 500
#: Events of a tenth that lie on many dates: 500 can be those of one.
MANY_EVENTS = 5000
#: Books by kind.
GROUPS = {"equal weight": slice(0, 1), "tens": slice(1, 51), "long-short": slice(51, 101)}
#: Days before the judged ones from which portfolios learn their own misses.
WARM_UP = np.timedelta64(120, "D")


@dataclass
class Events:
    """Probabilities and what happened, by kind (finish, touch) and step."""

    said: dict[tuple[str, int], list[Floats]]
    seen: dict[tuple[str, int], list[np.ndarray]]

    @classmethod
    def empty(cls) -> Events:
        keys = [(kind, h) for kind in ("finish", "touch") for h in STEPS]
        return cls({key: [] for key in keys}, {key: [] for key in keys})

    def add(self, key: tuple[str, int], said: Floats, seen: np.ndarray) -> None:
        self.said[key].append(said)
        self.seen[key].append(seen)

    def joined(self, kind: str, steps: tuple[int, ...] = STEPS) -> tuple[Floats, np.ndarray]:
        keys = [(kind, h) for h in steps]
        said = np.concatenate([part for key in keys for part in self.said[key]])
        seen = np.concatenate([part for key in keys for part in self.seen[key]])
        return said, seen


def loaded(paths: list[str], first: np.datetime64, end: np.datetime64) -> Panel:
    """Return the series with 300 bars before a date, up to another."""
    found = (series for path in paths for series in source(path).load())
    kept = [s for s in found if np.searchsorted(s.ds, first) >= 300]
    return Panel(tuple(s.head(int(np.searchsorted(s.ds, end))) for s in kept))


def frozen(panel: Panel, name: str, first: np.datetime64, calibration: str) -> Predictor:
    """Fit a baseline to the first seven tenths of what lies before a date; its intervals learn
    from its misses since then.
    """
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    dates = dates[dates < first]
    return calibrated_baseline(
        panel, name, HORIZON, calibration, dates[int(FITTED_SHARE * dates.size)]
    )


def add_events(
    events: Events, paths: Paths, y: Floats, *, independent: Events | None = None
) -> None:
    """Read the odds of all changes off the paths, beside what happened; also as if steps were
    independent.
    """
    growth, seen = paths.growth, y / paths.y0[:, None]
    for change in CHANGES:
        beyond: Callable[[Floats], np.ndarray] = (
            (lambda g, c=change: g >= 1 + c) if change > 0 else (lambda g, c=change: g <= 1 + c)
        )
        said, happened = beyond(growth), beyond(seen)
        finish = said.mean(axis=2)
        touch = np.logical_or.accumulate(said, axis=1).mean(axis=2)
        alone = 1 - np.cumprod(1 - finish, axis=1)
        touched = np.logical_or.accumulate(happened, axis=1)
        for h in STEPS:
            events.add(("finish", h), finish[:, h - 1], happened[:, h - 1])
            events.add(("touch", h), touch[:, h - 1], touched[:, h - 1])
            if independent is not None:
                independent.add(("touch", h), alone[:, h - 1], touched[:, h - 1])


def event_figures(
    panel: Panel, models: dict[str, tuple[Predictor, str]], dates: Dates, n_paths: int
) -> Iterator[str]:
    """Yield figure 1: reliability and Brier scores."""
    residuals = Residuals.of(panel)
    found: dict[str, Events] = {}
    alone = Events.empty()
    for name, (predictor, dependence) in models.items():
        found[name] = Events.empty()
        for marginals, series, y in past_marginals(predictor, panel, dates, HORIZON):
            known = residuals.before(marginals.cutoff.max()).take(series)
            paths = simulate(marginals, known, n_paths, 0, dependence)
            add_events(found[name], paths, y, independent=alone if name == "joint" else None)
    yield f"events from {dates.size} cutoffs, {len(panel)} stocks, {n_paths} paths"
    for kind in ("finish", "touch"):
        for steps in (*((h,) for h in STEPS), STEPS):
            yield _event_line(kind, steps, found, alone)
    for kind in ("finish", "touch"):
        table = reliability(*found["joint"].joined(kind))
        for count, predicted, realised in zip(
            table.count, table.predicted, table.realised, strict=True
        ):
            yield (
                f"  {kind} tenth: {count:9,.0f} events, said {100 * predicted:5.1f}, realised "
                f"{100 * realised:5.1f}"
            )


def _event_line(kind: str, steps: tuple[int, ...], found: dict[str, Events], alone: Events) -> str:
    said, seen = found["joint"].joined(kind, steps)
    table = reliability(said, seen)
    enough = table.count >= LEAST_EVENTS
    gaps = 100 * np.abs(table.predicted - table.realised)[enough]
    scores = {name: brier(*item.joined(kind, steps)) for name, item in found.items()}
    if kind == "touch":
        scores["independent"] = brier(*alone.joined(kind, steps))
    told = "  ".join(f"{name} {score:.5f}" for name, score in scores.items())
    words = ",".join(map(str, steps))
    return (
        f"{kind:6s} h={words:7s} largest gap {gaps.max():4.1f} points, mean {gaps.mean():4.1f} "
        f"({enough.sum()} tenths)  Brier: {told}"
    )


def books(count: int, seed: int = 1, each: int = 50, size: int = 10) -> Floats:
    """Return weights: all equal, random equal tens, and random long-short tens, [1 + 2 each, S];
    of fewer series pairs.
    """
    rng = np.random.default_rng(seed)
    size = size if count >= size else 2
    made = [np.full(count, 1 / count)]
    for short in (False, True):
        for _ in range(each):
            chosen = rng.permutation(count)[:size]
            book = np.zeros(count)
            book[chosen] = 1 / size
            if short:
                book[chosen[size // 2 :]] *= -1
            made.append(book)
    return np.stack(made)


def portfolio_figures(
    panel: Panel, predictor: Predictor, dates: Dates, first: np.datetime64, n_paths: int
) -> Iterator[str]:
    """Yield figure 2: coverage, tests of the value at risk and CRPS of 101 portfolios."""
    weights = books(len(panel))
    raw, made = _valued(panel, predictor, weights, dates, first, n_paths)
    yield from _coverage_lines("as drawn", raw)
    yield from _test_lines(raw)
    yield "calibrated by their own past misses:"
    crps = {
        "joint": sample_crps(made.joint, made.outcome),
        "independent": sample_crps(made.independent, made.outcome),
    }
    held = {"independent": inside(made.independent, made.outcome, 80)}
    for name in ("garch-t", "historical-simulation"):
        crps[name], held[name] = _rival(name, panel, weights, made, n_paths)
    crps["as drawn"] = sample_crps(raw.joint, raw.outcome)
    for position, step in enumerate(STEPS):
        for name, group in GROUPS.items():
            at = (slice(None), group, position)
            gap = (crps["joint"] - crps["garch-t"])[at].mean(axis=1)
            chance = f"p = {diebold_mariano(gap, step - 1):.3f}"
            yield f"h={step:2d} {name:12s} {_book_words(made, at, crps, held)}, {chance}"
    yield from _test_lines(made)


def _book_words(
    made: PortfolioHistory,
    at: tuple[slice, slice, int],
    crps: dict[str, Floats],
    held: dict[str, np.ndarray],
) -> str:
    samples, seen = made.joint[at], made.outcome[at]
    share = 100 * inside(samples, seen, 80).mean(axis=0)
    hits = {
        level: 100 * (seen < np.quantile(samples, 1 - level / 100, axis=2)).mean()
        for level in (95, 99)
    }
    others = ", ".join(f"{name} {100 * item[at].mean():.1f}" for name, item in held.items())
    told = "  ".join(f"{name} {1e4 * item[at].mean():.2f}" for name, item in crps.items())
    wins = np.mean(crps["joint"][at].mean(axis=0) <= crps["garch-t"][at].mean(axis=0))
    return (
        f"80 % band {share.mean():.1f} (each {share.min():.0f}-{share.max():.0f}; {others})  "
        f"VaR-95 hit {hits[95]:.2f}  VaR-99 hit {hits[99]:.2f}  CRPS bp: {told}  "
        f"(<= GARCH-t in {100 * wins:.0f} %)"
    )


def _rival(
    name: str, panel: Panel, weights: Floats, made: PortfolioHistory, n_paths: int
) -> tuple[Floats, np.ndarray]:
    """Return CRPS and whether the 80 % band held of a baseline on each portfolio's own value."""
    crps = np.empty(made.outcome.shape)
    held = np.empty(made.outcome.shape, bool)
    for number, book in enumerate(weights):
        index = portfolio_index(panel, book)
        samples = index_samples(name, index, made.cutoffs[0], made.cutoffs, HORIZON, n_paths)
        samples = samples[:, np.array(STEPS) - 1]
        crps[:, number] = sample_crps(samples, made.outcome[:, number])
        held[:, number] = inside(samples, made.outcome[:, number], 80)
    return crps, held


def _valued(
    panel: Panel,
    predictor: Predictor,
    weights: Floats,
    dates: Dates,
    first: np.datetime64,
    n_paths: int,
) -> tuple[PortfolioHistory, PortfolioHistory]:
    """Return portfolios as drawn and calibrated by their own past misses, at the told steps, from
    the cutoffs from ``first`` on.
    """
    residuals, rng = Residuals.of(panel), np.random.default_rng(0)
    at = np.array(STEPS) - 1
    columns: list[list[np.ndarray]] = [[] for _ in range(6)]
    for marginals, series, y in past_marginals(predictor, panel, dates, HORIZON):
        cutoff = marginals.cutoff.max()
        paths = simulate(marginals, residuals.before(cutoff).take(series), n_paths)
        book, change = weights[:, series], paths.growth - 1
        value = 1 + np.tensordot(book, change, 1)
        alone = 1 + np.tensordot(book, rng.permuted(change[:, at], axis=2), 1)
        quantiles = np.moveaxis(np.quantile(value, LEVELS, axis=2), 0, 2)
        seen = 1 + book @ (y / marginals.y0[:, None] - 1)
        small = (item.astype(np.float32) for item in (value[:, at], alone))
        found = (cutoff, paths.ds[0], seen, quantiles, *small)
        for column, item in zip(columns, found, strict=True):
            column.append(item)
    cutoffs, ds, outcome, quantiles, joint, independent = (np.stack(item) for item in columns)
    judged = cutoffs >= first
    calibrated = np.empty_like(joint[judged])
    for number in range(len(weights)):
        before = quantiles[:, number]
        record = _record(cutoffs, ds, outcome[:, number], before)
        after = record.calibrated(before)[judged][:, at]
        calibrated[:, number] = moved(joint[judged, number], before[judged][:, at], after)
    shared = (cutoffs[judged], ds[judged][:, at], outcome[judged][:, :, at])
    return (
        PortfolioHistory(*shared, joint[judged], independent[judged]),
        PortfolioHistory(*shared, calibrated, independent[judged]),
    )


def _record(cutoffs: Dates, ds: Dates, outcome: Floats, quantiles: Floats) -> ValueRecord:
    name, start = np.full(len(cutoffs), "portfolio"), np.ones(len(cutoffs))
    return ValueRecord(Outcomes("portfolio", name, cutoffs, ds, start, outcome, LEVELS, quantiles))


def _coverage_lines(name: str, made: PortfolioHistory) -> Iterator[str]:
    for position, step in enumerate(STEPS):
        held = inside(made.joint[:, :, position], made.outcome[:, :, position], 80)
        shares = np.round([100 * held[:, group].mean() for group in GROUPS.values()], 1)
        yield f"{name}, h={step}: 80 % band of equal weight, tens, long-short {shares}"


def _test_lines(made: PortfolioHistory) -> Iterator[str]:
    for level in (95, 99):
        rate = 1 - level / 100
        hits = made.outcome[:, :, 0] < np.quantile(made.joint[:, :, 0], rate, axis=2)
        rates = np.array([kupiec(item, rate) >= 0.05 for item in hits.T])
        both = np.array([christoffersen(item, rate) >= 0.05 for item in hits.T])
        shares = (
            f"Kupiec passed by {100 * rates.mean():.0f} %, Christoffersen by "
            f"{100 * both.mean():.0f} %"
        )
        yield f"one day, VaR-{level}: {shares} of {rates.size}"


def width_figures(panel: Panel, predictor: Predictor, dates: Dates, n_paths: int) -> Iterator[str]:
    """Yield why portfolios are too wide or too narrow as drawn: the mean square of what happened in
    units of the forecast variance, of the series alone and of the portfolio, whose ratio is that of
    what they had in common. 1 is right, less is too wide.
    """
    weights, at = books(len(panel)), np.array(STEPS) - 1
    residuals = Residuals.of(panel)
    columns: list[list[np.ndarray]] = [[] for _ in range(5)]
    for marginals, series, y in past_marginals(predictor, panel, dates, HORIZON):
        known = residuals.before(marginals.cutoff.max()).take(series)
        growth = simulate(marginals, known, n_paths).growth[:, at] - 1
        seen = y[:, at] / marginals.y0[:, None] - 1
        book = weights[:, series]
        value, outcome = np.tensordot(book, growth, 1), book @ seen
        alone = book**2 @ growth.var(axis=2)  # as if each series moved by itself
        inner = (inside(growth, seen, 80).mean(axis=0), inside(value, outcome, 80))
        squares = (book**2 @ seen**2 / alone, outcome**2 / alone, value.var(axis=2) / alone)
        for column, item in zip(columns, (*inner, *squares), strict=True):
            column.append(item)
    held, whole, own, together, said = (np.stack(column) for column in columns)
    for position, step in enumerate(STEPS):
        yield f"h={step:2d}: 80 % bands of the series held {100 * held[:, position].mean():.1f} %"
        for name, group in GROUPS.items():
            part = (slice(None), group, position)
            common = together[part].mean() / own[part].mean() / said[part].mean()
            yield (
                f"  {name:12s} 80 % band {100 * whole[part].mean():.1f} %; mean square over "
                f"variance: series {own[part].mean():.3f} x in common {common:.3f}"
            )


def true_outcomes(
    panel: Panel, predictor: Predictor, dates: Dates, n_paths: int, count: int
) -> Iterator[tuple[Floats, Floats, np.ndarray]]:
    """Draw what happens from the joint forecasts themselves; yield, for each of some dates, growth
    on the paths [S, H, K] and in ``count`` made histories followed by the real one [S, H, R + 1],
    and the series [S].

    A made history draws one past date for each bar and keeps it from cutoff to cutoff, so that
    windows overlap as those of the real one do.
    """
    residuals = Residuals.of(panel)
    rng = np.random.default_rng(0)
    drawn, factor = _history_dates(residuals, dates[0], count, rng)
    positions = (np.arange(n_paths + count) + 0.5) / (n_paths + count)
    for marginals, series, y in past_marginals(predictor, panel, dates, HORIZON):
        cutoff = marginals.cutoff.max()
        known = residuals.before(cutoff).take(series)
        shared = Dependence.of(known, HORIZON, n_paths + count, rng)
        ahead = np.searchsorted(residuals.dates, cutoff, side="right") + np.arange(HORIZON)
        days = residuals.dates[drawn[ahead]]
        shared.drawn[:, n_paths:] = np.searchsorted(shared.residuals.dates, days)
        shared.factor[:, n_paths:] = factor[ahead]
        samples = reordered(shared.template(slice(None)), marginals.at(positions))
        growth = samples / marginals.y0[:, None, None]
        seen = (y / marginals.y0[:, None])[:, :, None]
        yield growth[:, :, :n_paths], np.concatenate([growth[:, :, n_paths:], seen], 2), series


def _history_dates(
    residuals: Residuals, first: np.datetime64, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, Floats]:
    """Draw a past date for each bar of each made history, in the blocks that paths have, and the
    factor of its moves, [D, R]. Dates are at least a horizon old: all cutoffs before know them.
    """
    drawn = np.zeros((residuals.dates.size, count), np.int64)
    begin = int(np.flatnonzero(2 * np.isfinite(residuals.values).sum(0) > len(residuals.values))[0])
    for day in range(int(np.searchsorted(residuals.dates, first)), residuals.dates.size):
        reach = np.cumsum(recency(day - HORIZON - begin + 1))
        fresh = begin + np.minimum(np.searchsorted(reach, rng.random(count)), reach.size - 1)
        restart = (rng.random(count) < 1 / BLOCK) | (drawn[day - 1] < begin)
        drawn[day] = np.where(restart, fresh, drawn[day - 1] + 1)
    return drawn, np.exp(JITTER * rng.standard_normal(drawn.shape))


def truth_figures(
    panel: Panel, predictor: Predictor, dates: Dates, n_paths: int, count: int
) -> Iterator[str]:
    """Yield how far a true model misses the aims of figures 1 and 2 by chance, in ``count`` made
    histories, and where the real one lies among them.
    """
    weights, at = books(len(panel)), np.array(STEPS) - 1
    tenths = Tenths.empty(count + 1)
    held, beyond = [], []
    for growth, seen, series in true_outcomes(panel, predictor, dates, n_paths, count):
        tenths.add(growth, seen)
        book = weights[:, series]
        value, outcome = (np.tensordot(book, item[:, at] - 1, 1) for item in (growth, seen))
        limits = np.quantile(value, (0.1, 0.9, 0.05, 0.01), axis=2)[..., None]
        held.append((outcome >= limits[0]) & (outcome <= limits[1]))
        beyond.append(outcome[None, :, 0] < limits[2:, :, 0])
    yield f"{count} histories made by the forecasts themselves; {len(held)} cutoffs"
    for kind in ("finish", "touch"):
        for steps in (*((h,) for h in STEPS), STEPS):
            for least in (LEAST_EVENTS, MANY_EVENTS):
                words = f"{kind} h={','.join(map(str, steps))}, tenths of {least:,} events"
                gaps = 100 * tenths.largest_gap(kind, steps, least)
                yield _among(f"{words}: largest gap in points", gaps, aim=(0, 2))
    yield from _true_books(np.stack(held), np.stack(beyond))


def _true_books(held: np.ndarray, beyond: np.ndarray) -> Iterator[str]:
    """Tell of 80 % bands held [N, P, H, R + 1] and of losses beyond the VaR [N, 2, P, R + 1]."""
    for name, group in GROUPS.items():
        for position, step in enumerate(STEPS):
            shares = 100 * held[:, group, position].mean(axis=0)
            yield _among(f"{name} h={step}: 80 % band", shares.mean(axis=0), aim=(78, 82))
            each = 100 * ((shares >= 78) & (shares <= 82)).mean(axis=0)
            yield _among(f"{name} h={step}: books within 78-82", each)
        for number, (level, aim) in enumerate(((95, (4, 6)), (99, (0.6, 1.6)))):
            rates = 100 * beyond[:, number, group].mean(axis=(0, 1))
            yield _among(f"{name} h=1: VaR-{level} hit", rates, aim=aim)
    for number, level in enumerate((95, 99)):
        for test in (kupiec, christoffersen):
            passed = [
                np.mean([test(hits, 1 - level / 100) >= 0.05 for hits in history.T])
                for history in np.moveaxis(beyond[:, number], 2, 0)
            ]
            words = f"VaR-{level}: books that pass {test.__name__}"
            yield _among(words, 100 * np.array(passed), aim=(90, 100))


def _among(words: str, found: Floats, aim: tuple[float, float] | None = None) -> str:
    """Tell of figures [R + 1] of made histories and, last, of the real one."""
    made, real = found[:-1], float(found[-1])
    low, middle, high = np.quantile(made, (0.1, 0.5, 0.9))
    text = (
        f"{words}: median {middle:.1f}, 80 % of histories {low:.1f} to {high:.1f}; real {real:.1f}"
        f" (as low in {np.mean(made <= real):.1%} of them, as high in {np.mean(made >= real):.1%})"
    )
    if aim is None:
        return text
    return f"{text}; within {aim[0]}-{aim[1]} in {np.mean((made >= aim[0]) & (made <= aim[1])):.0%}"


@dataclass
class Tenths:
    """Events in tenths of predicted probability, by kind, step and tenth: how many, the sum of
    their probabilities, and how many happened in each of so many histories.
    """

    count: dict[tuple[str, int], Floats]
    predicted: dict[tuple[str, int], Floats]
    realised: dict[tuple[str, int], Floats]

    @classmethod
    def empty(cls, histories: int) -> Tenths:
        keys = [(kind, h) for kind in ("finish", "touch") for h in STEPS]
        return cls(
            {key: np.zeros(10) for key in keys},
            {key: np.zeros(10) for key in keys},
            {key: np.zeros((10, histories)) for key in keys},
        )

    def add(self, growth: Floats, seen: Floats) -> None:
        """Count the events of one cutoff: of paths [S, H, K] and of histories [S, H, R]."""
        for change in CHANGES:
            sign = 1 if change > 0 else -1
            said, happened = (sign * (item - 1 - change) >= 0 for item in (growth, seen))
            for kind in ("finish", "touch"):
                if kind == "touch":
                    said, happened = (np.logical_or.accumulate(x, axis=1) for x in (said, happened))
                for h in STEPS:
                    self._count((kind, h), said[:, h - 1].mean(axis=1), happened[:, h - 1])

    def _count(self, key: tuple[str, int], chance: Floats, happened: np.ndarray) -> None:
        index = np.minimum((chance * 10).astype(np.int64), 9)
        self.count[key] += np.bincount(index, minlength=10)
        self.predicted[key] += np.bincount(index, chance, 10)
        for tenth in np.unique(index):
            self.realised[key][tenth] += happened[index == tenth].sum(axis=0)

    def largest_gap(self, kind: str, steps: tuple[int, ...], least: int) -> Floats:
        """Return the largest gap of a tenth that holds enough events in each history, [R]."""
        count, predicted, realised = (
            sum(item[kind, h] for h in steps)
            for item in (self.count, self.predicted, self.realised)
        )
        enough = count >= least
        gaps = (predicted[enough, None] - realised[enough]) / count[enough, None]
        return np.asarray(np.abs(gaps).max(axis=0))


def rank_figures(
    panel: Panel, predictor: Predictor, dates: Dates, n_paths: int, ranks: int = 5
) -> Iterator[str]:
    """Yield figure 3: ranked probability scores of quintiles over non-overlapping blocks."""
    residuals = Residuals.of(panel)
    scores: dict[str, list[float]] = {"joint": [], "gaussian": [], "equal": []}
    said, seen = [], []
    for marginals, series, y in past_marginals(predictor, panel, dates[::HORIZON], HORIZON):
        cutoff = marginals.cutoff.max()
        paths = simulate(marginals, residuals.before(cutoff).take(series), n_paths)
        growth = paths.samples[:, -1] / paths.y0[:, None]
        truth = membership(len(series), ranks)[np.argsort(np.argsort(y[:, -1] / paths.y0))]
        probability = rank_probabilities(growth, ranks)
        rival = rank_probabilities(_gaussian(panel, series, cutoff, n_paths), ranks)
        scores["joint"].append(float(ranked_probability_score(probability, truth).mean()))
        scores["gaussian"].append(float(ranked_probability_score(rival, truth).mean()))
        scores["equal"].append(
            float(ranked_probability_score(np.full_like(probability, 1 / ranks), truth).mean())
        )
        said.append(probability)
        seen.append(truth)
    table = reliability(np.concatenate(said).reshape(-1), np.concatenate(seen).reshape(-1) > 0.5)
    gap = np.array(scores["joint"]) - np.array(scores["gaussian"])
    told = "  ".join(f"{name} {np.mean(item):.5f}" for name, item in scores.items())
    yield (
        f"ranks over {len(gap)} blocks of {HORIZON} days: RPS {told}; better in "
        f"{(gap < 0).mean():.0%} of blocks"
    )
    for count, predicted, realised in zip(
        table.count, table.predicted, table.realised, strict=True
    ):
        if count >= 100:
            yield (
                f"  rank tenth: {count:7,.0f}, said {100 * predicted:5.1f}, realised "
                f"{100 * realised:5.1f}"
            )


def _gaussian(
    panel: Panel, series: np.ndarray, cutoff: np.datetime64, n_paths: int, bars: int = 250
) -> Floats:
    """Draw growth over the horizon from a normal with the Ledoit-Wolf correlation of the last
    bars, [S, K].
    """
    lines = []
    for index in series:
        item = panel[int(index)]
        end = int(np.searchsorted(item.ds, cutoff, side="right"))
        lines.append(np.diff(np.log(item.y[end - bars - 1 : end])))
    moves = np.stack(lines)
    moves -= moves.mean(axis=1, keepdims=True)
    deviation = moves.std(axis=1)
    scaled = moves / deviation[:, None]
    share = shrinkage(scaled, recency(bars, 1e9))
    correlation = (1 - share) * scaled @ scaled.T / bars + share * np.eye(len(lines))
    draws = np.linalg.cholesky(correlation) @ np.random.default_rng(0).standard_normal(
        (len(lines), n_paths)
    )
    return np.exp(draws * deviation[:, None] * np.sqrt(HORIZON))


def walk_figures(walks: int = 400, bars: int = 1000) -> Iterator[str]:
    """Yield figure 5: probabilities of simulated normal walks beside theory, exact for closes
    and by reflection in continuous time; and beside theory at the deviation that the model takes
    each walk to have.
    """
    rng = np.random.default_rng(0)
    deviation = 0.01
    ds = np.arange(bars) * np.timedelta64(1, "D") + np.datetime64("2010-01-01", "us")
    moves = rng.normal(0, deviation, (walks, bars))
    panel = Panel(
        tuple(
            PriceSeries(
                f"W{n}", ds, ("close",), 100 * np.exp(np.cumsum(m))[:, None], calendar="24/7"
            )
            for n, m in enumerate(moves)
        )
    )
    theory = _theory(deviation)
    ratios = np.linspace(0.3, 9, 30)
    touched = {h: [theory(ratio * deviation, h)[0] for ratio in ratios] for h in STEPS}
    for name in ("random-walk", "har", "ewma"):
        predictor = calibrated_baseline(panel, name, HORIZON)
        marginals = Marginals.of_predictor(predictor, panel, HORIZON)
        paths = simulate(marginals, Residuals.of(panel), 2000)
        low, high = (np.log(marginals.values[:, :, LEVELS.index(q)]) for q in (0.1, 0.9))
        own = (high - low) / (2 * NormalDist().inv_cdf(0.9))  # deviation by walk and step
        gaps = []
        for change in CHANGES:
            beyond = paths.growth >= 1 + change if change > 0 else paths.growth <= 1 + change
            finish, touch = (
                beyond.mean(axis=(0, 2)),
                np.logical_or.accumulate(beyond, axis=1).mean(axis=(0, 2)),
            )
            for h in STEPS:
                level = np.log1p(change)
                exact, continuous = theory(level, h)
                normal = NormalDist(0, deviation * h**0.5).cdf(-abs(level))
                taken = np.interp(abs(level) * h**0.5 / own[:, h - 1], ratios, touched[h]).mean()
                found = (finish[h - 1] - normal, touch[h - 1] - exact, touch[h - 1] - taken)
                gaps.append(np.abs(found))
                yield (
                    f"{name:12s} {change:+.0%} h={h:2d}: finish {100 * finish[h - 1]:6.2f} "
                    f"(theory {100 * normal:6.2f})  touch "
                    f"{100 * touch[h - 1]:6.2f} (closes {100 * exact:6.2f}, continuous "
                    f"{100 * continuous:6.2f})"
                )
        finish, touch, taken = 100 * np.max(gaps, axis=0)
        spread = 100 * np.log(own[:, 0]).std()
        yield (
            f"{name}: largest gap, finish {finish:.2f} points, touch {touch:.2f} points, of "
            f"touch to theory at its own deviation {taken:.2f}; that deviates by {spread:.1f} %"
        )


def _theory(deviation: float) -> Callable[[float, int], tuple[float, float]]:
    """Return what gives P(some of h closes of a normal walk reaches a level), by integration,
    and by the reflection principle.
    """

    def of(level: float, steps: int) -> tuple[float, float]:
        barrier = abs(level)
        grid = np.linspace(barrier - 12 * deviation * steps**0.5, barrier, 4001)
        width = grid[1] - grid[0]
        middle = grid[:-1] + width / 2
        kernel = (
            np.exp(-(((middle[:, None] - middle) / deviation) ** 2) / 2)
            * width
            / (deviation * np.sqrt(2 * np.pi))
        )
        density = np.exp(-((middle / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
        for _ in range(steps - 1):
            density = kernel @ density
        alive = float(density.sum() * width)
        return 1 - alive, 2 * NormalDist(0, deviation * steps**0.5).cdf(-barrier)

    return of


def cost_figures() -> Iterator[str]:
    """Yield figure 4: CPU seconds and memory of 500 series x 1,000 paths x 20 steps, and of one
    series' odds while a line is dragged.
    """
    import resource

    from forecasting.paths import level_odds

    rng = np.random.default_rng(0)
    count, bars = 500, 1000
    z = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    values = 100 * np.exp(
        0.01 * np.sqrt(np.arange(1, HORIZON + 1))[None, :, None] * z * np.ones((count, 1, 1))
    )
    ds = np.datetime64("2020-01-01", "us") + np.arange(HORIZON) * np.timedelta64(1, "D")
    names = tuple(f"S{n}" for n in range(count))
    marginals = Marginals(
        "made",
        names,
        np.full(count, ds[0]),
        np.full(count, 100.0),
        np.tile(ds, (count, 1)),
        LEVELS,
        values,
    )
    common = 0.6 * rng.standard_normal(bars) + 0.8 * rng.standard_normal((count, bars))
    residuals = Residuals(np.arange(bars).astype("datetime64[us]"), common, np.ones(count))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for seed in range(5):
        started = time.process_time()
        paths = simulate(marginals, residuals, 1000, seed)
        seconds.append(time.process_time() - started)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = f"{memory / 1024:.0f} MB at most ({before / 1024:.0f} before)"
    yield f"500 series x 1,000 paths x 20 steps: {np.median(seconds):.2f} CPU s, {used}"
    item = simulate(
        Marginals(
            "made",
            names[:1],
            *(getattr(marginals, n)[:1] for n in ("cutoff", "y0", "ds")),
            LEVELS,
            values[:1],
        ),
        residuals.take(np.array([0])),
        10_000,
    )
    started = time.process_time()
    for n in range(200):
        level_odds(item, 0, 100 + n / 20)
    yield (
        "odds of one level from 10,000 paths: "
        f"{1000 * (time.process_time() - started) / 200:.2f} ms"
    )
    assert paths.n_paths == 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("panel", nargs="*")
    parser.add_argument("--first", default="2014-07-01")
    parser.add_argument("--end", default="2016-01-01")
    parser.add_argument("--with", dest="baseline", default="har", choices=list(BASELINES))
    parser.add_argument("--calibration", default="aci")
    parser.add_argument("--paths", type=int, default=1000)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["events", "portfolios", "ranks"])
    parser.add_argument("--truth", type=int, default=0, metavar="HISTORIES")
    parser.add_argument("--walks", action="store_true")
    parser.add_argument("--cost", action="store_true")
    asked = parser.parse_args()
    if asked.walks or asked.cost:
        for line in walk_figures() if asked.walks else cost_figures():
            print(line, flush=True)
        return
    first, end = np.datetime64(asked.first), np.datetime64(asked.end)
    panel = loaded(asked.panel, first, end)
    predictor = frozen(panel, asked.baseline, first, asked.calibration)
    walk = frozen(panel, "random-walk", first, "none")
    dates = cutoff_dates(panel, first, HORIZON)
    warm = cutoff_dates(panel, first - WARM_UP, HORIZON)
    print(
        f"{asked.baseline}, {asked.calibration}: {str(dates[0])[:10]} to {str(dates[-1])[:10]}",
        flush=True,
    )
    figures: dict[str, Callable[[], Iterator[str]]] = {
        "events": lambda: event_figures(
            panel,
            {"joint": (predictor, "history"), "walk-copula": (walk, "gaussian")},
            dates[:: asked.step],
            asked.paths,
        ),
        "portfolios": lambda: portfolio_figures(
            panel, predictor, warm[:: asked.step], first, asked.paths
        ),
        "ranks": lambda: rank_figures(panel, predictor, dates, 4 * asked.paths),
        "widths": lambda: width_figures(panel, predictor, dates[:: asked.step], asked.paths),
    }
    if asked.truth:
        figures["truth"] = lambda: truth_figures(
            panel, predictor, dates[:: asked.step], asked.paths, asked.truth
        )
    for name in ["truth"] if asked.truth else asked.only:
        started = time.process_time()
        for line in figures[name]():
            print(line, flush=True)
        print(f"{name}: {time.process_time() - started:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
