"""Settings searched for on the bars before the test part, and what the search itself costs in
certainty.

``space`` and ``arena`` say which settings are tried, ``samplers`` which come next, ``blocks`` what
a trial is judged on, ``trials`` which of them go on, ``loop`` runs them, ``saved`` brings them to
the store and back, and ``correction`` says how many independent tries they are.
"""

from forecasting.search.arena import arena
from forecasting.search.blocks import Blocks, Crew, blocks_before_test
from forecasting.search.correction import RealityCheck, effective_tries, reality_check
from forecasting.search.executors import make_crew
from forecasting.search.importance import importance
from forecasting.search.loop import Means, run_trials
from forecasting.search.samplers import ListSampler, Sampler, make_sampler
from forecasting.search.saved import SavedSearch, described_search, open_saved
from forecasting.search.space import Dimension, SearchSpace, default_space, read_space
from forecasting.search.trials import (
    BaselinesJudged,
    Budget,
    SearchBegan,
    SearchPlan,
    Trial,
    TrialEnded,
    Trials,
)
from forecasting.search.verdict import SearchFinished, SearchVerdict, judge_search

__all__ = [
    "BaselinesJudged",
    "Blocks",
    "Budget",
    "Crew",
    "Dimension",
    "ListSampler",
    "Means",
    "RealityCheck",
    "Sampler",
    "SavedSearch",
    "SearchBegan",
    "SearchFinished",
    "SearchPlan",
    "SearchSpace",
    "SearchVerdict",
    "Trial",
    "TrialEnded",
    "Trials",
    "arena",
    "blocks_before_test",
    "default_space",
    "described_search",
    "effective_tries",
    "importance",
    "judge_search",
    "make_crew",
    "make_sampler",
    "open_saved",
    "read_space",
    "reality_check",
    "run_trials",
]
