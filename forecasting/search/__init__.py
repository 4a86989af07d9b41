"""Settings searched for on the bars before the test part, and what the search itself costs in
certainty.

``space`` says which settings are tried, ``samplers`` which come next, ``blocks`` what a trial is
judged on, ``trials`` which of them go on, and ``correction`` how many independent tries they are.
"""

from forecasting.search.blocks import Blocks, Crew, blocks_before_test, make_crew
from forecasting.search.correction import RealityCheck, effective_tries, reality_check
from forecasting.search.samplers import Sampler, make_sampler
from forecasting.search.space import Dimension, SearchSpace, default_space, read_space
from forecasting.search.trials import Budget, SearchPlan, Trial, TrialEnded, Trials, run_trials
from forecasting.search.verdict import SearchFinished, SearchVerdict, judge_search

__all__ = [
    "Blocks",
    "Budget",
    "Crew",
    "Dimension",
    "RealityCheck",
    "Sampler",
    "SearchFinished",
    "SearchPlan",
    "SearchSpace",
    "SearchVerdict",
    "Trial",
    "TrialEnded",
    "Trials",
    "blocks_before_test",
    "default_space",
    "effective_tries",
    "judge_search",
    "make_crew",
    "make_sampler",
    "read_space",
    "reality_check",
    "run_trials",
]
