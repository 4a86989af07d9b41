"""The joint forecast of a portfolio judged from past cutoffs, beside independent marginals and
models of its own value.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.baselines import BASELINES
from forecasting.events import Event, Predictor, Progress
from forecasting.paths.calibrated import ValueRecord
from forecasting.paths.dependence import DependenceName, Floats32, Residuals
from forecasting.paths.marginals import LEVELS, Marginals
from forecasting.paths.past import past_marginals
from forecasting.paths.portfolio import RISK_LEVELS, Portfolio
from forecasting.paths.results import JointScores, PortfolioBacktest, RiskHits
from forecasting.paths.sampling import simulate
from forecasting.paths.scores import (
    acerbi_szekely,
    christoffersen,
    energy_score,
    kupiec,
    sample_crps,
    variogram_score,
)
from forecasting.series import Dates, Floats, Origins, Panel, PriceSeries
from forecasting.verdict import diebold_mariano

BANDS = (50, 80, 90, 95)
RIVALS: Mapping[str, str] = {
    "joint": "joint paths",
    "independent": "independent marginals",
    "historical_simulation": "historical simulation of the portfolio",
    "garch_t": "GARCH-t on the portfolio",
}
#: Fewest outcomes on which tests of hits are worth a word; p-value below which a test fails.
_LEAST_OUTCOMES, _SIGNIFICANT = 100, 0.05
_LEAST_BARS = 60
#: Most series whose joint forecast is scored at a cutoff.
_MOST_SCORED = 60


@dataclass(frozen=True, eq=False)
class PortfolioHistory:
    """Samples of the value of portfolios from past cutoffs, beside what happened.

    Attributes
    ----------
    cutoffs : ndarray of datetime64[us], shape [N]
    ds : ndarray of datetime64[us], shape [N, H]
    outcome : ndarray of float64, shape [N, P, H]
    joint, independent : ndarray of float32, shape [N, P, H, K]
    scores : ndarray of float64, shape [N, 2, 2]
        Energy and variogram score of the growth of all series at the last step (of one series: of
        all steps), each of joint paths and of independent marginals.
    """

    cutoffs: Dates
    ds: Dates
    outcome: Floats
    joint: Floats32
    independent: Floats32
    scores: Floats = field(default_factory=lambda: np.empty((0, 2, 2)))


def portfolio_history(
    predictor: Predictor,
    panel: Panel,
    weights: Floats,
    dates: Dates,
    horizon: int,
    n_paths: int,
    seed: int = 0,
    dependence: DependenceName = "history",
    steps: tuple[int, ...] | None = None,
) -> Generator[Event, None, PortfolioHistory]:
    """Value portfolios on the paths from each of some dates.

    Parameters
    ----------
    predictor : Predictor
        Fitted to what lies before ``dates``; looks at bars up to each of them only.
    panel : Panel
    weights : ndarray, shape [P, S]
        Of a series without a bar at a date the weight is held in cash.
    dates : ndarray of datetime64[us], shape [N]
    horizon : int
    steps : tuple of int, optional
        Steps to keep, from 1; all by default.

    Yields
    ------
    Progress
    """
    residuals = Residuals.of(panel)
    rng = np.random.default_rng(seed)
    kept = np.array(steps or range(1, horizon + 1)) - 1
    found: list[tuple[np.datetime64, Dates, Floats, Floats32, Floats32, Floats]] = []
    for marginals, series, y in past_marginals(predictor, panel, dates, horizon):
        cutoff = marginals.cutoff.max()
        paths = simulate(
            marginals, residuals.before(cutoff).take(series), n_paths, seed, dependence
        )
        book = weights[:, series]
        change = paths.samples[:, kept] / paths.y0[:, None, None] - 1
        shuffled = change[np.arange(len(series))[:, None], :, _orders(len(series), n_paths, rng)]
        shuffled = np.moveaxis(shuffled, 1, 2)
        seen = y[:, kept] / paths.y0[:, None] - 1
        found.append(
            (
                cutoff,
                paths.ds[0, kept],
                1 + book @ seen,
                1 + np.tensordot(book, change, 1).astype(np.float32),
                1 + np.tensordot(book, shuffled, 1).astype(np.float32),
                _joint_scores(change, shuffled, seen),
            )
        )
        yield Progress(len(found), dates.size, "Judging the portfolio")
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    return PortfolioHistory(*columns)


def _joint_scores(joint: Floats, shuffled: Floats, seen: Floats) -> Floats:
    """Score joint samples [S, H, K] and those of independent marginals beside what happened
    [S, H]: energy and variogram score, shape [2, 2].
    """
    if len(seen) == 1:
        steps = _in_any_order(joint[0])
        pairs, outcome = (joint[0], steps), seen[0]
    else:
        some = np.linspace(0, len(seen) - 1, min(len(seen), _MOST_SCORED)).astype(np.int64)
        pairs, outcome = (joint[some, -1], shuffled[some, -1]), seen[some, -1]
    scores = [[score(item, outcome) for item in pairs] for score in (energy_score, variogram_score)]
    return np.array(scores)


def _in_any_order(samples: Floats) -> Floats:
    """Return the samples [H, K] of each step in an order of its own: steps as if independent."""
    rng = np.random.default_rng(0)
    return np.asarray(rng.permuted(samples, axis=1), np.float64)


def _orders(series: int, n_paths: int, rng: np.random.Generator) -> np.ndarray:
    """Return one order of the paths for each series, [S, K]."""
    return rng.permuted(np.tile(np.arange(n_paths), (series, 1)), axis=1)


def portfolio_index(panel: Panel, weights: Floats, symbol: str = "portfolio") -> PriceSeries:
    """Return the value of a portfolio that is brought back to its weights on every date, as a
    series of closes.

    It begins where most of its series have begun; a series without a bar stands still.
    """
    held = [(s, w) for s, w in zip(panel, weights, strict=True) if w]
    dates, counts = np.unique(np.concatenate([s.ds for s, _ in held]), return_counts=True)
    dates = dates[counts * 2 > counts.max()]
    change = np.zeros(dates.size)
    for series, weight in held:
        index = np.clip(np.searchsorted(series.ds, dates, side="right") - 1, 0, None)
        closes = series.y[index]
        change[1:] += weight * (closes[1:] / closes[:-1] - 1)
    value = 100 * np.cumprod(np.maximum(1 + change, 1e-3))
    first = held[0][0]
    return PriceSeries(
        symbol,
        dates,
        ("close",),
        value[:, None],
        freq=first.freq,
        tz=first.tz,
        calendar=first.calendar,
    )


def index_samples(
    name: str, index: PriceSeries, first: np.datetime64, dates: Dates, horizon: int, n_paths: int
) -> Floats:
    """Forecast a portfolio's own value by a baseline that is fitted before ``first``; return
    samples by date, [N, H, K].
    """
    panel = Panel((index,))
    known = int(np.searchsorted(index.ds, first))
    predictor = BASELINES[name].fit(panel, [known], horizon)
    bars = np.searchsorted(index.ds, dates, side="right") - 1
    values = predictor.predict(panel, Origins(np.zeros(bars.size, np.int64), bars), LEVELS)
    blank = np.zeros((bars.size, horizon), "datetime64[us]")
    names = tuple(map(str, range(bars.size)))
    marginals = Marginals(name, names, index.ds[bars], index.y[bars], blank, LEVELS, values)
    samples = marginals.at((np.arange(n_paths) + 0.5) / n_paths)
    return np.asarray(samples / index.y[bars][:, None, None], np.float64)


def judge_portfolio(
    predictor: Predictor,
    panel: Panel,
    weights: Floats,
    dates: Dates,
    first: np.datetime64,
    horizon: int,
    n_paths: int,
    seed: int = 0,
) -> Generator[Event, None, tuple[PortfolioBacktest, ValueRecord]]:
    """Judge the joint forecast of one portfolio from past cutoffs.

    Parameters
    ----------
    predictor : Predictor
        Fitted to what lies before ``dates``.
    panel : Panel
    weights : ndarray, shape [S]
    dates : ndarray of datetime64[us], shape [N]
        One bar apart, so that forecasts of one bar do not overlap.
    first : datetime64
        Cutoff from which it is judged; the distribution of the value learns from its misses from
        the first date on. Rivals are fitted to what lies before.

    Yields
    ------
    Progress

    Returns
    -------
    judged : PortfolioBacktest
    record : ValueRecord
        To calibrate the forecast of the real future by.
    """
    made = yield from portfolio_history(
        predictor, panel, weights[None], dates, horizon, n_paths, seed
    )
    raw = np.asarray(made.joint[:, 0], np.float64)
    record = ValueRecord.of(made.cutoffs, made.ds, made.outcome[:, 0], raw)
    judged = made.cutoffs >= first
    outcome, joint = made.outcome[judged, 0], record.calibrated(raw)[judged]
    cutoffs, next_bar = made.cutoffs[judged], made.ds[judged, 0]
    samples = {"joint": joint, "independent": np.asarray(made.independent[judged, 0], np.float64)}
    index = portfolio_index(panel, weights)
    if np.searchsorted(index.ds, first) > _LEAST_BARS:
        for name in ("historical-simulation", "garch-t"):
            samples[name.replace("-", "_")] = index_samples(
                name, index, first, cutoffs, horizon, n_paths
            )
    crps = {name: float(sample_crps(item, outcome).mean()) for name, item in samples.items()}
    covered = {name: float(inside(item, outcome, 80).mean()) for name, item in samples.items()}
    coverage = {level: inside(joint, outcome, level).mean(axis=0) for level in BANDS}
    hits = {
        level: _hits(level, next_bar, joint[:, 0], outcome[:, 0], seed) for level in RISK_LEVELS
    }
    low, high = np.quantile(joint[:, -1], [0.1, 0.9], axis=1)
    scores = joint_scores(made.scores[judged], horizon, len(panel))
    sentences = (*_sentences(len(outcome), coverage, hits, crps, covered), scores.sentence)
    judgement = PortfolioBacktest(
        cutoffs, outcome, low, high, coverage, hits, crps, covered, sentences, scores
    )
    return judgement, record


def joint_scores(scores: Floats, horizon: int, series: int) -> JointScores:
    """Compare the scores [N, 2, 2] of joint paths and of independent marginals by cutoff."""
    mean = scores.mean(axis=0)
    tests = [
        diebold_mariano(scores[:, kind, 0] - scores[:, kind, 1], horizon - 1) for kind in range(2)
    ]
    return JointScores(
        series,
        {"joint": float(mean[0, 0]), "independent": float(mean[0, 1])},
        {"joint": float(mean[1, 0]), "independent": float(mean[1, 1])},
        tests[0],
        tests[1],
    )


def calibrate(held: Portfolio, record: ValueRecord) -> Portfolio:
    """Return a portfolio whose value is calibrated by a record, and whose contributions add up."""
    value = record.apply(held.value, held.cutoff)
    moved = replace(held, value=value)
    before = float(held.contributions.sum())
    share = moved.es(RISK_LEVELS[0]) / before if before else 1.0
    return replace(moved, contributions=held.contributions * share)


def inside(samples: Floats, outcome: Floats, level: float) -> np.ndarray:
    """Tell which outcomes [...] lie inside the central band of samples [..., K]."""
    low, high = np.quantile(samples, [0.5 - level / 200, 0.5 + level / 200], axis=-1)
    return np.asarray((outcome >= low) & (outcome <= high))


def _hits(level: int, dates: Dates, samples: Floats, outcome: Floats, seed: int) -> RiskHits:
    rate = 1 - level / 100
    hits = outcome < np.quantile(samples, rate, axis=1)
    _, size = acerbi_szekely(outcome - 1, samples - 1, level, seed=seed)
    return RiskHits(level, dates, hits, kupiec(hits, rate), christoffersen(hits, rate), size)


def _sentences(
    count: int,
    coverage: Mapping[int, Floats],
    hits: Mapping[int, RiskHits],
    crps: Mapping[str, float],
    covered: Mapping[str, float],
) -> Generator[str]:
    yield (
        f"The 80 % band of the portfolio held {100 * coverage[80].mean():.1f} % of the outcomes "
        f"over all steps, from {count:,} cutoffs."
    )
    if count < _LEAST_OUTCOMES:
        yield (
            f"{count:,} outcomes are too few to test the value at risk: {_LEAST_OUTCOMES} are "
            "needed."
        )
    else:
        yield from (_hit_sentence(item) for item in hits.values())
    for name, words in RIVALS.items():
        if name != "joint" and name in crps:
            gain = 1 - crps["joint"] / crps[name] if crps[name] > 0 else 0.0
            side = "lower" if gain >= 0 else "higher"
            yield (
                f"CRPS {abs(gain):.1%} {side} than {words}, whose 80 % band held "
                f"{100 * covered[name]:.1f} %."
            )


def _hit_sentence(item: RiskHits) -> str:
    tests = {
        "Kupiec's test of the rate": item.kupiec,
        "Christoffersen's of independence": item.christoffersen,
        "Acerbi and Szekely's of the size of losses": item.acerbi_szekely,
    }
    failed = [f"{name} (p = {p:.3f})" for name, p in tests.items() if p < _SIGNIFICANT]
    verdict = f"failed by {' and '.join(failed)}" if failed else "passed all three tests"
    return (
        f"Losses beyond the VaR of {item.level} %: {int(item.hits.sum())} of "
        f"{item.hits.size:,} bars "
        f"({100 * item.share:.1f} %, expected {100 - item.level} %); {verdict}."
    )
