"""The one look at the test part: the settings found beside the defaults, with a p-value that is
corrected for the search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forecasting.events import Event, RunInfo, Verdict
from forecasting.search.trials import Trial, Trials
from forecasting.sentences import percent, tell
from forecasting.series import Outcomes
from forecasting.verdict import MATTERS, Comparison, compare

#: Key of the defaults among the outcomes of the test part.
DEFAULTS = "defaults"


@dataclass(frozen=True)
class SearchVerdict:
    """What a search came to.

    Attributes
    ----------
    outcome : str
        ``beats``, ``ties`` or ``loses``: the settings found against the defaults, on the test part.
    sentence : str
        One plain sentence for people.
    skill : float
        1 - CRPS of the settings found / CRPS of the defaults, on the test part.
    p_value : float
        Of equal CRPS there, that of a gain corrected for ``tries`` (Sidak); 1 where the defaults
        themselves are the best, NaN with too few independent origins.
    p_value_uncorrected : float
        The same without the correction.
    reference : str
        ``defaults``.
    trials : int
        Trials that were judged on validation blocks, the defaults not counted.
    tries : float
        How many independent tries they are worth, and other looks at this test part.
    white, hansen : float
        Second opinion: p-values of no trial being better than the defaults on validation.
    origins : int
        Dates of the test part from which forecasts were made.
    independent : float
        Origins whose outcomes do not overlap, about.
    baselines : Verdict or None
        The settings found against the best baseline, on the test part.
    """

    outcome: Literal["beats", "ties", "loses"]
    sentence: str
    skill: float
    p_value: float
    p_value_uncorrected: float
    reference: str
    trials: int
    tries: float
    white: float
    hansen: float
    origins: int
    independent: float
    baselines: Verdict | None = None


@dataclass(frozen=True, eq=False)
class SearchFinished(Event):
    """The result of a search.

    Attributes
    ----------
    trials : Trials
        All of them, the defaults first.
    verdict : SearchVerdict
    outcomes : mapping of str to Outcomes
        Of the test part: the settings found, the defaults, and the baselines.
    info : RunInfo
    sampler : str
    key : str
        Key in the store; "" where it is not stored.
    """

    trials: Trials
    verdict: SearchVerdict
    outcomes: Mapping[str, Outcomes]
    info: RunInfo
    sampler: str
    key: str = ""

    @property
    def best(self) -> Trial:
        """Return the trial that was chosen."""
        return self.trials.best


def judge_search(
    ours: Outcomes,
    defaults: Outcomes,
    trials: int,
    tries: int,
    second: tuple[float, float],
    baselines: Verdict,
    *,
    same: bool,
) -> SearchVerdict:
    """Judge the settings found against the defaults.

    Parameters
    ----------
    ours, defaults : Outcomes
        From the same origins of the test part.
    trials : int
        Trials other than the defaults.
    tries : int
        Independent tries that a gain is corrected for.
    second : tuple of float
        White's and Hansen's p-values on validation.
    baselines : Verdict
        Of the settings found.
    same : bool
        Whether the defaults are the best settings.
    """
    raw = compare(ours, defaults)
    test = raw.corrected(tries)
    loss = "absolute error" if tuple(ours.scored_levels) == (0.5,) else "CRPS"
    some = "1 trial" if trials == 1 else f"{trials} trials"
    count = "1 origin" if test.origins == 1 else f"{test.origins} origins"
    name = "search-defaults" if same else _name(test)
    sentence = tell(
        name,
        trials=some,
        loss=loss,
        size=percent(test.skill),
        side="lower" if test.skill > 0 else "higher",
        origins=count,
        chance=_chance(test, tries),
    )
    return SearchVerdict(
        "ties" if same else test.result,
        sentence,
        0.0 if same else test.skill,
        1.0 if same or test.skill == 0 else test.p_value,
        1.0 if same or test.skill == 0 else raw.p_value,
        DEFAULTS,
        trials,
        tries,
        *second,
        test.origins,
        test.independent,
        baselines,
    )


def _name(test: Comparison) -> str:
    if test.skill == 0:
        return "search-same"
    if not test.enough or not math.isfinite(test.skill):
        return "search-few"
    if test.result != "ties":
        return f"search-{test.result}"
    if test.certain and test.skill >= MATTERS:
        return "search-still"
    return "search-small" if test.certain and abs(test.skill) < MATTERS else "search-chance"


def _chance(test: Comparison, tries: int) -> str:
    if not math.isfinite(test.p_value):
        return ""
    p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    corrected = f", corrected for {tries} independent tries"
    return f" ({p}{corrected if test.skill > 0 and tries > 1 else ''})"
