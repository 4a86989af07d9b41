"""The odds of a level judged from past cutoffs, beside the plain base rate."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.base_rates import level_rate
from forecasting.events import Event, Predictor, Progress
from forecasting.evidence import MIN_ORIGINS
from forecasting.paths.events import level_odds, reached
from forecasting.paths.past import cutoff_dates, past_paths
from forecasting.paths.scores import brier
from forecasting.series import Panel
from forecasting.verdict import SIGNIFICANCE, Result, diebold_mariano

#: Share of the dates from which odds are judged, most cutoffs, and paths from each.
_JUDGED_SHARE, _MOST_CUTOFFS, _PATHS = 0.25, 300, 1000
#: Fewest cutoffs after which a level was touched, and after which it was not, that tell anything.
_LEAST_EVENTS = 10


@dataclass(frozen=True)
class LevelRecord:
    """How the odds of touching a level fared from past cutoffs that do not overlap.

    Attributes
    ----------
    symbol : str
    change : float
        Distance of the level from the value at each cutoff, as a share.
    horizon : int
        Bars within which it is touched or not.
    cutoffs : int
    first_cutoff, last_cutoff : datetime64
    predicted, realised : float
        Mean probability, and share that happened.
    brier, brier_base : float
        Brier score of the odds, and of the share that was known before the first cutoff.
    p_value : float
        Of equal Brier scores; NaN where there is nothing to test.
    """

    symbol: str
    change: float
    horizon: int
    cutoffs: int
    first_cutoff: np.datetime64
    last_cutoff: np.datetime64
    predicted: float
    realised: float
    brier: float
    brier_base: float
    p_value: float

    @property
    def enough(self) -> bool:
        """Whether a touch came, and did not come, often enough to decide anything."""
        touched = round(self.realised * self.cutoffs)
        rarer = min(touched, self.cutoffs - touched)
        return self.cutoffs >= MIN_ORIGINS and rarer >= _LEAST_EVENTS

    @property
    def result(self) -> Result:
        """Whether the odds beat the base rate, tie with it or lose to it."""
        if not self.enough or not self.p_value < SIGNIFICANCE:
            return "ties"
        return "beats" if self.brier < self.brier_base else "loses"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        text = (
            f"Such odds from {self.cutoffs:,} past cutoffs, {str(self.first_cutoff)[:10]} to "
            f"{str(self.last_cutoff)[:10]}: a touch was given {100 * self.predicted:.1f} % on "
            f"average and came in {100 * self.realised:.1f} %; Brier score {self.brier:.4f}, "
            f"of the plain base rate {self.brier_base:.4f}"
        )
        if not self.enough:
            return (
                f"{text}. Too few to tell the two apart: {MIN_ORIGINS} cutoffs are needed, with "
                f"{_LEAST_EVENTS} touches and as many without."
            )
        words = {
            "beats": "better than the base rate",
            "ties": "not told apart from the base rate",
            "loses": "worse than the base rate",
        }[self.result]
        return f"{text}: {words} (p = {self.p_value:.3f})."


def judge_levels(
    predictor: Predictor,
    panel: Panel,
    horizon: int,
    levels: Sequence[Sequence[float]],
    seed: int = 0,
) -> Generator[Event, None, tuple[LevelRecord, ...]]:
    """Judge the odds of touching levels from past cutoffs, ``horizon`` bars apart.

    Parameters
    ----------
    predictor : Predictor
        Looks at what was known at each cutoff only; its fit may end later than the first of them.
    panel : Panel
    horizon : int
    levels : sequence of sequence of float
        Distances of levels as shares, for each series.

    Yields
    ------
    Progress

    Returns
    -------
    tuple of LevelRecord
        By series and level; a series that no cutoff of enough bars has is left out.
    """
    dates = np.unique(np.concatenate([s.ds for s in panel]))
    begin = dates[int((1 - _JUDGED_SHARE) * dates.size)]
    cutoffs = cutoff_dates(panel, begin, horizon, horizon)[-_MOST_CUTOFFS:]
    seen: dict[tuple[int, int], list[tuple[np.datetime64, float, bool]]] = {}
    past = past_paths(predictor, panel, cutoffs, horizon, _PATHS, seed)
    for done, made in enumerate(past, 1):
        for row, index in enumerate(made.series):
            y0, outcome = float(made.paths.y0[row]), made.y[row]
            for number, change in enumerate(levels[int(index)]):
                level = y0 * (1 + change)
                odds = level_odds(made.paths, row, level)
                happened = reached(outcome[:, None], odds.level, upward=level >= y0).any()
                found = (made.paths.cutoff[row], float(odds.p_touch[-1]), bool(happened))
                seen.setdefault((int(index), number), []).append(found)
        yield Progress(done, cutoffs.size, "Judging such odds in the past")
    return tuple(
        _record(panel, horizon, index, levels[index][number], rows)
        for (index, number), rows in sorted(seen.items())
    )


def _record(
    panel: Panel,
    horizon: int,
    index: int,
    change: float,
    rows: list[tuple[np.datetime64, float, bool]],
) -> LevelRecord:
    series = panel[index]
    cutoffs = np.array([row[0] for row in rows])
    probability = np.array([row[1] for row in rows])
    happened = np.array([row[2] for row in rows])
    known = series.head(int(np.searchsorted(series.ds, cutoffs[0], side="right")))
    rate = level_rate(known, change, horizon)
    base = float(rate.touch[-1]) if rate.windows else 0.5
    plain = np.full(happened.size, base)
    difference = (probability - happened) ** 2 - (plain - happened) ** 2
    return LevelRecord(
        series.symbol,
        change,
        horizon,
        happened.size,
        cutoffs[0],
        cutoffs[-1],
        float(probability.mean()),
        float(happened.mean()),
        brier(probability, happened),
        brier(plain, happened),
        diebold_mariano(difference),
    )
