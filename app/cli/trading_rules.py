"""What fixed trading rules would have earned, in a terminal and as a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.flags import given
from app.cli.terminal import say
from app.number_format import plain_number
from forecasting.errors import ConfigError
from forecasting.trading_rules import RuleOptions

if TYPE_CHECKING:
    from forecasting.config import RunConfig
    from forecasting.events import BacktestFinished
    from forecasting.trading_rules import Earnings, RulesJudged


def rule_options(
    rules: bool, targets: Sequence[Path], settings: Mapping[str, Any], experiment: RunConfig
) -> RuleOptions | None:
    """Return what trading costs, None where no rules are asked for.

    Raises
    ------
    ConfigError
        Costs or a file of rules without ``--rules``, or forecasts of something that is no price.
    """
    chosen = given(settings, RuleOptions)
    if not rules:
        names = [f"--{name.replace('_', '-')}" for name in chosen]
        names += ["--rules-export"] * bool(targets)
        if names:
            raise ConfigError(f"{names[0]} has nothing to act on.", "Add --rules.")
        return None
    column = experiment.task.target_column
    if column.strip().lower() != "close":
        raise ConfigError(
            f"--rules trades closes, and these forecasts are of {column}.",
            "Leave out --rules, or forecast the close.",
        )
    return RuleOptions(**chosen)


def judged_rules(finished: BacktestFinished, options: RuleOptions) -> RulesJudged:
    """Trade the rules on the network's forecasts of a backtest; DataError where that is not
    possible.
    """
    from forecasting.trading_rules import judge_rules

    outcomes = next(iter(finished.outcomes.values()))
    return judge_rules(outcomes, options, tries=finished.verdict.tries)


def write_rules(path: Path, judged: RulesJudged) -> None:
    """Write position, close and value of each rule at every bar, to ``.csv`` or ``.parquet``."""
    from app.export.tables import write_table

    write_table(path, judged.columns())
    say(f"Wrote {path}")


def show_rules(judged: RulesJudged) -> None:
    """Print the figures of each rule beside buy and hold, and what they say."""
    from rich.markup import escape

    from app.cli.console import console, titled_table
    from forecasting.trading_rules.results import CAPITAL, NOT_ADVICE

    out = console()
    days = (str(day)[:10] for day in (judged.ds[0], judged.ds[-1]))
    cost = f"{judged.options.costs:g} + {judged.options.slippage:g} bp a trade"
    title = f"What it would have earned, {' to '.join(days)}, {cost}"
    table = titled_table(title)
    table.add_column("Rule", no_wrap=True)
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for rule in judged.rules:
        table.add_row(escape(rule.title), *figures(rule.earnings))
    table.add_row("Buy and hold", *figures(judged.holding))
    for column in table.columns:
        column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    out.print(table, crop=False)
    lines = [
        *(rule.sentence for rule in judged.rules),
        judged.sentence,
        f"Each account begins with {CAPITAL:,.0f}; a position earns from the bar after it was "
        "decided.",
        NOT_ADVICE,
    ]
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


#: Headings of the figures of an account.
HEADINGS = ("Earned %", "A year %", "Sharpe", "95 %", "Drawdown %", "Turnover", "Trades")


def figures(found: Earnings) -> list[str]:
    """Return the figures of an account as text, in the order of :data:`HEADINGS`."""
    return [
        _text(found.total_return, 1),
        _text(found.annual_return, 1),
        _text(found.sharpe, 2),
        _interval(found),
        _text(found.max_drawdown, 1),
        _text(found.turnover, 1),
        f"{found.trades:,}",
    ]


def _text(value: float, decimals: int) -> str:
    return plain_number(value, decimals) if math.isfinite(value) else "-"


def _interval(found: Earnings) -> str:
    if not math.isfinite(found.sharpe_low):
        return "-"
    return f"{found.sharpe_low:.2f} to {found.sharpe_high:.2f}"
