"""Three fixed rules on past forecasts, judged beside buy and hold and beside luck."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from forecasting.evidence import MIN_ORIGINS
from forecasting.sentences import tell
from forecasting.series import Floats, Outcomes
from forecasting.trading_rules.account import bars_per_year, earnings, trade
from forecasting.trading_rules.chance import random_results, timing_p_value
from forecasting.trading_rules.options import RuleOptions
from forecasting.trading_rules.positions import RULES, Market, market
from forecasting.trading_rules.results import (
    CAPITAL,
    RANDOM_RULES,
    Earnings,
    RuleJudgement,
    RulesJudged,
    always_long,
)

#: Level of the test against luck, after correction.
_LEVEL = 0.05


def judge_rules(
    outcomes: Outcomes,
    options: RuleOptions = RuleOptions(),  # noqa: B008 - frozen
    *,
    tries: int = 1,
    random_rules: int = RANDOM_RULES,
    seed: int = 0,
) -> RulesJudged:
    """Trade the three rules on past forecasts, and say whether they earned more than luck.

    A position is decided at the close of an origin from its forecast alone, and earns from the next
    bar on.

    Parameters
    ----------
    outcomes : Outcomes
        Of one model.
    options : RuleOptions
    tries : int
        Configurations tried on these origins, this one included.
    random_rules : int
        Random rules of the same turnover that each rule is compared with.
    seed : int
        Of the random rules.

    Raises
    ------
    DataError
        No outcome is known, or a price is not above zero.
    """
    where = market(outcomes)
    comparisons = len(RULES) * max(tries, 1)
    always = always_long(where.close)
    bought = trade(where.close, always[None], options.rate)
    judged = []
    for name, (title, decide) in RULES.items():
        positions = decide(outcomes, where, options)
        judged.append(
            _judged(name, title, where, positions, options.rate, comparisons, random_rules, seed)
        )
    return RulesJudged(
        outcomes.model,
        options,
        where.symbols,
        where.ds,
        where.close,
        where.step,
        bars_per_year(where.ds),
        tries,
        tuple(judged),
        earnings(bought, 0, where.ds, comparisons),
        bought.equity[0],
        _together(judged),
    )


def _judged(
    name: str,
    title: str,
    where: Market,
    positions: Floats,
    rate: float,
    comparisons: int,
    count: int,
    seed: int,
) -> RuleJudgement:
    targets = where.targets(positions)
    traded = trade(where.close, targets[None], rate)
    found = earnings(traded, 0, where.ds, comparisons)
    final, turnover = random_results(where, positions, rate, count, seed)
    years = max((where.ds.size - 1) / bars_per_year(where.ds), 1e-9)
    least = traded.equity[0, -1] * (1 - 1e-12)
    above = int((final >= least).sum())
    p_value = max((1 + above) / (1 + count), timing_p_value(where, targets))
    still = np.unique(positions).size == 1
    few = np.unique(where.row).size < MIN_ORIGINS
    corrected = -math.expm1(comparisons * math.log1p(-p_value)) if p_value < 1 else 1.0
    outcome: Literal["more", "chance", "few", "still"] = (
        "still" if still else "few" if few else "more" if corrected < _LEVEL else "chance"
    )
    unclear = outcome in ("still", "few")
    return RuleJudgement(
        name,
        title,
        outcome,
        _sentence(title, outcome, found, above, count, corrected),
        found,
        np.sort(100 * (final / CAPITAL - 1)),
        float(turnover.mean()) / years,
        math.nan if unclear else p_value,
        math.nan if unclear else corrected,
        traded.equity[0],
        targets,
    )


def _sentence(
    title: str, outcome: str, found: Earnings, above: int, count: int, corrected: float
) -> str:
    return tell(
        f"rules-{outcome}",
        rule=title,
        earned=f"{found.total_return:+.1f} %",
        above=f"{above:,}",
        count=f"{count:,}",
        chance=f"p = {corrected:.3f}" if corrected >= 0.001 else "p < 0.001",
    )


def _together(judged: list[RuleJudgement]) -> str:
    """Return one sentence on all rules."""
    more = [rule.title for rule in judged if rule.outcome == "more"]
    if more:
        return tell("rules-some", names=" and ".join(more))
    if any(rule.outcome == "chance" for rule in judged):
        return tell("rules-none")
    return tell("rules-open")
