"""What came of the rules: figures of each, and the ways of its account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from forecasting.series import Dates, Floats
from forecasting.trading_rules.options import RuleOptions

#: Money that every account begins with.
CAPITAL = 10_000.0
#: Random rules that each rule is compared with.
RANDOM_RULES = 1_000
NOT_ADVICE = (
    "Not advice: what a rule would have earned on past forecasts does not say what it will earn."
)


@dataclass(frozen=True)
class Earnings:
    """Figures of one account over the bars that were traded.

    Attributes
    ----------
    final_equity : float
        In money; the account began with :data:`CAPITAL`.
    total_return, annual_return, volatility, max_drawdown, exposure : float
        In percent; volatility is annual, and exposure the mean size of the position.
    sharpe, sharpe_low, sharpe_high : float
        Annual Sharpe ratio at a rate of zero, and its 95 % interval widened for the tries; NaN for
        too few bars or an account that never moved.
    deflated_sharpe : float
        Probability that the true Sharpe ratio is above the best that so many tries find by luck
        (Bailey & Lopez de Prado 2014).
    turnover : float
        Traded value a year as a multiple of the account's value.
    trades : int
        Bars at which a position changed, of all series.
    costs : float
        Costs and slippage that were paid, in money.
    """

    final_equity: float
    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    deflated_sharpe: float
    max_drawdown: float
    exposure: float
    turnover: float
    trades: int
    costs: float


@dataclass(frozen=True, eq=False)
class RuleJudgement:
    """One rule, what it earned, and how that stands among random rules.

    Attributes
    ----------
    name, title : str
    outcome : str
        ``more`` than chance, no more (``chance``), too ``few`` decisions to tell, or ``still``:
        its position never changed.
    sentence : str
    earnings : Earnings
    random_returns : ndarray of float64, shape [K]
        Total return of each random rule after the same costs, in percent, increasing.
    random_turnover : float
        Their mean turnover.
    p_value, corrected : float
        The larger of two: the share of random rules that earned as much or more, counting the rule
        itself, and that of a test whether its positions foretell the next return; and corrected for
        the three rules and the configurations tried (Sidak). NaN where nothing can be told.
    equity : ndarray of float64, shape [T]
        Value of the account at each bar.
    targets : ndarray of float64, shape [T, S]
        Position decided at each close as a share of the account; NaN where nothing is decided.
    """

    name: str
    title: str
    outcome: Literal["more", "chance", "few", "still"]
    sentence: str
    earnings: Earnings
    random_returns: Floats
    random_turnover: float
    p_value: float
    corrected: float
    equity: Floats
    targets: Floats


@dataclass(frozen=True, eq=False)
class RulesJudged:
    """All rules on the outcomes of one model, beside buy and hold.

    Attributes
    ----------
    model : str
    options : RuleOptions
    symbols : tuple of str, length S
    ds : ndarray of datetime64[us], shape [T]
    close : ndarray of float64, shape [T, S]
        The last known close of each series; NaN before its first.
    step : int
        Bars ahead that the rules look at: those between two decisions.
    bars_per_year : float
    tries : int
        Configurations that were tried on these origins.
    rules : tuple of RuleJudgement
    holding : Earnings
        Of buy and hold.
    holding_equity : ndarray of float64, shape [T]
    sentence : str
        One sentence on all rules.
    """

    model: str
    options: RuleOptions
    symbols: tuple[str, ...]
    ds: Dates
    close: Floats
    step: int
    bars_per_year: float
    tries: int
    rules: tuple[RuleJudgement, ...]
    holding: Earnings
    holding_equity: Floats
    sentence: str

    def columns(self) -> Mapping[str, Any]:
        """Return every bar as rows: ``rule, unique_id, ds, close, position, decided, equity``.

        ``position`` is the share of the account that was decided last, ``decided`` whether that was
        at this close, and ``equity`` the value of the whole account of the rule.
        """
        parts = [
            self._rows(rule.name, rule.targets, rule.equity, index)
            for rule in self.rules
            for index in range(len(self.symbols))
        ]
        parts += [
            self._rows("buy-and-hold", always_long(self.close), self.holding_equity, index)
            for index in range(len(self.symbols))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _rows(self, name: str, targets: Floats, equity: Floats, index: int) -> dict[str, Any]:
        known = np.isfinite(self.close[:, index])
        decided = np.isfinite(targets[:, index])
        return {
            "rule": np.full(known.sum(), name).astype(object),
            "unique_id": np.full(known.sum(), self.symbols[index]).astype(object),
            "ds": self.ds[known],
            "close": self.close[known, index],
            "position": latest(targets[:, index])[known],
            "decided": decided[known],
            "equity": equity[known],
        }


def latest(values: Floats) -> Floats:
    """Return the last known value at each of T bars, 0 before the first, shape [T]."""
    index = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.size), -1))
    return np.where(index >= 0, values[np.maximum(index, 0)], 0.0)


def always_long(close: Floats) -> Floats:
    """Return the positions of buy and hold: all from the first close of each series on."""
    targets = np.full(close.shape, np.nan)
    first = np.isfinite(close).argmax(axis=0)
    targets[first, np.arange(close.shape[1])] = 1.0
    targets[-1] = 0.0
    return targets


def document(judged: RulesJudged) -> dict[str, Any]:
    """Return what came of the rules as a JSON document."""
    return {
        "model": judged.model,
        "symbols": list(judged.symbols),
        "from": str(judged.ds[0]),
        "to": str(judged.ds[-1]),
        "bars": int(judged.ds.size),
        "step": judged.step,
        "costs_bp": judged.options.costs,
        "slippage_bp": judged.options.slippage,
        "up_threshold": judged.options.up_threshold,
        "capital": CAPITAL,
        "bars_per_year": judged.bars_per_year,
        "tries": judged.tries,
        "sentence": judged.sentence,
        "not_advice": NOT_ADVICE,
        "buy_and_hold": vars(judged.holding),
        "rules": [_rule(rule) for rule in judged.rules],
    }


def _rule(rule: RuleJudgement) -> dict[str, Any]:
    returns = rule.random_returns if rule.random_returns.size else np.full(1, np.nan)
    low, middle, high = (float(np.quantile(returns, q)) for q in (0.05, 0.5, 0.95))
    return {
        "name": rule.name,
        "title": rule.title,
        "outcome": rule.outcome,
        "earned_more_than_chance": rule.outcome == "more",
        "sentence": rule.sentence,
        **vars(rule.earnings),
        "random": {
            "rules": int(rule.random_returns.size),
            "turnover": rule.random_turnover,
            "return_05": low,
            "return_50": middle,
            "return_95": high,
            "p_value": rule.p_value,
            "p_value_corrected": rule.corrected,
        },
    }
