"""What fixed trading rules would have earned on past forecasts, after costs and beside luck.

``positions`` turns forecasts into positions, ``account`` trades them, ``chance`` draws random rules
of the same turnover, and ``judgement`` says whether a rule earned more than those.
"""

from forecasting.trading_rules.judgement import judge_rules
from forecasting.trading_rules.options import RuleOptions
from forecasting.trading_rules.results import Earnings, RulesJudged, document

__all__ = [
    "Earnings",
    "RuleOptions",
    "RulesJudged",
    "document",
    "judge_rules",
]
