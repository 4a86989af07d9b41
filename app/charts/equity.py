"""Accounts of trading rules over time, beside buy and hold."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QWidget

from app.charts.canvas import EmptyText
from app.charts.curves import CurveChart, Line, LineMark
from app.charts.legend import words
from forecasting.trading_rules import RulesJudged
from forecasting.trading_rules.results import CAPITAL

_LOOKS: tuple[tuple[str, LineMark], ...] = (
    ("forecast", "line"),
    ("price", "dashed"),
    ("down", "dashdot"),
)


class EquityChart(CurveChart):
    """What each rule had earned by each bar after costs, in percent, beside buy and hold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        empty = EmptyText(words("Nothing to trade"), words("Train or backtest to see it here."))
        super().__init__("What it would have earned", "date", empty, dates=True, parent=parent)

    def show_rules(self, judged: RulesJudged | None) -> None:
        """Show the accounts of all rules; None shows nothing."""
        if judged is None:
            self.show_lines(())
            return
        x = np.arange(judged.ds.size, dtype=np.float64)
        lines = [
            Line(rule.title, x, 100 * (rule.equity / CAPITAL - 1), color, mark, width=1.8)
            for rule, (color, mark) in zip(judged.rules, _LOOKS, strict=True)
        ]
        held = 100 * (judged.holding_equity / CAPITAL - 1)
        lines.append(Line(words("Buy and hold"), x, held, "baseline", "dotted", width=1.6))
        zero = Line("", x[[0, -1]], np.zeros(2), "muted", "dashed", guide=True, width=1.0)
        self.show_lines([*lines, zero], " %", judged.ds)
