"""Validation losses of several runs over each other, with mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtWidgets import QWidget

from app.charts.canvas import EmptyText
from app.charts.curves import CurveChart, Line, LineMark
from app.charts.legend import words
from forecasting.events import EpochEnd
from forecasting.series import Floats

#: Colours and dashes of the curves: no two are alike.
_LOOKS: tuple[tuple[str, LineMark], ...] = (
    ("price", "line"),
    ("val_loss", "line"),
    ("forecast", "line"),
    ("price", "dashed"),
    ("val_loss", "dashed"),
    ("forecast", "dashed"),
    ("price", "dotted"),
    ("val_loss", "dotted"),
    ("forecast", "dotted"),
    ("baseline", "line"),
    ("baseline", "dashed"),
    ("baseline", "dotted"),
)
#: Most runs that can be told apart.
MOST = len(_LOOKS)


@dataclass(frozen=True, eq=False)
class RunLoss:
    """The epochs of a run.

    Attributes
    ----------
    label : str
    history : tuple of EpochEnd
    group : str
        The same for runs that differ in their seed only.
    """

    label: str
    history: tuple[EpochEnd, ...]
    group: str


class RunLossChart(CurveChart):
    """A curve for each run; of runs that differ in their seed only, mean, lowest and highest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        text = EmptyText(words("No loss"), words("The selected runs have no loss curves."))
        super().__init__("Validation loss of runs", "epoch", text, parent=parent)

    def show_runs(self, runs: Sequence[RunLoss]) -> None:
        """Show the validation losses of runs, at most :data:`MOST` of them one by one."""
        known = [run for run in runs if run.history]
        lines = [*_spread(known)]
        labels: dict[str, int] = {}
        for run, (color, mark) in zip(known, _LOOKS, strict=False):
            x, y = _curve(run)
            labels[run.label] = labels.get(run.label, 0) + 1
            again = f" ({labels[run.label]})" if labels[run.label] > 1 else ""
            lines.append(Line(run.label + again, x, y, color, mark, width=1.2))
        self.show_lines(lines)


def _curve(run: RunLoss) -> tuple[Floats, Floats]:
    whole = [end for end in run.history if end.complete]
    return (
        np.array([end.epoch for end in whole], np.float64),
        np.array([end.val_loss for end in whole], np.float64),
    )


def _spread(runs: Sequence[RunLoss]) -> list[Line]:
    """Return mean, lowest and highest loss of the largest group of seeds, where it has two."""
    groups: dict[str, list[RunLoss]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    largest = max(groups.values(), key=len, default=[])
    if len(largest) < 2:
        return []
    curves = [dict(zip(*_curve(run), strict=True)) for run in largest]
    x = np.array(sorted({epoch for curve in curves for epoch in curve}))
    table = np.array([[curve.get(epoch, np.nan) for epoch in x] for curve in curves])
    there = np.isfinite(table).all(axis=0)
    x, table = x[there], table[:, there]
    if not x.size:
        return []
    count = len(largest)
    mean = words("mean of {n} seeds").format(n=count)
    return [
        Line(mean, x, table.mean(axis=0), "accent", width=2.6),
        Line(words("lowest, highest"), x, table.min(axis=0), "muted", "dashdot", width=1.0),
        Line("", x, table.max(axis=0), "muted", "dashdot", guide=True, width=1.0),
    ]
