"""The plots that judge a forecast: by step ahead, stated against realised coverage, residuals,
and coverage over time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtWidgets import QWidget

from app.charts.canvas import EmptyText
from app.charts.curves import CurveChart, Line, LineMark
from app.charts.legend import words
from app.charts.plot import Columns
from app.model_titles import model_title
from forecasting.metrics import residuals
from forecasting.series import Calibration, Dates, Floats, Outcomes

#: How the baselines are drawn, in their order: a colour of the theme and a dash.
_RIVALS: tuple[tuple[str, LineMark], ...] = (
    ("baseline", "dotted"),
    ("down", "dashed"),
    ("price", "dotted"),
    ("volume", "dashed"),
    ("down", "dotted"),
    ("price", "dashed"),
    ("baseline", "dashdot"),
    ("up", "dashdot"),
    ("volume", "dotted"),
)
#: What is said where there are no outcomes.
_NOTHING = ("No outcomes at hand", "Train or backtest to see them here.")
#: Points that are drawn at once; more would be one blot.
_MOST_POINTS = 4000


class StepChart(CurveChart):
    """One metric by bars ahead, the network in front of the baselines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Score by step ahead", "step", EmptyText(*map(words, _NOTHING)), parent=parent
        )

    def show_metric(
        self, values: Mapping[str, Floats], unit: str, level: float | None = None
    ) -> None:
        """Show a metric.

        Parameters
        ----------
        values : mapping of str to ndarray, shape [H]
            By model, the network first.
        unit : str
        level : float, optional
            What it should be, where there is such a number.
        """
        steps = np.arange(1.0, 1 + max((v.size for v in values.values()), default=0))
        lines = [
            _line(index, model_title(name), steps, v)
            for index, (name, v) in enumerate(values.items())
        ]
        if level is not None and steps.size:
            lines.append(
                Line(
                    words("stated"),
                    steps[[0, -1]],
                    np.full(2, level),
                    "muted",
                    "dashed",
                    guide=True,
                    width=1.0,
                )
            )
        self.show_lines(lines, f" {unit}" if unit and unit != "price" else "")


class CalibrationChart(CurveChart):
    """Realised against stated coverage: on the diagonal a band holds what it says, below it is too
    narrow.

    A band whose interval crosses the diagonal may be right.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Stated and realised coverage",
            "stated %",
            EmptyText(*map(words, _NOTHING)),
            parent=parent,
        )

    def show_calibration(self, found: Mapping[str, Calibration]) -> None:
        """Show what each model stated and what came true, the network first with its 95 %
        intervals.
        """
        lines = [
            _line(index, model_title(name), item.level, item.realised)
            for index, (name, item) in enumerate(found.items())
            if item.level.size
        ]
        first = next(iter(found.values()), None)
        if lines and first is not None and first.low.size:
            stems = [
                _stem(*limits)
                for limits in zip(first.level, first.low, first.high, strict=True)
                if np.isfinite(limits).all()
            ]
            lines += [
                replace(stem, name=words("95 % interval") if index == 0 else "")
                for index, stem in enumerate(stems)
            ]
        if lines:
            lowest = max(0.0, min(float(line.x.min()) for line in lines) - 5)
            ends = np.array([lowest, 100.0])
            lines.append(
                Line(words("as stated"), ends, ends, "muted", "dashed", guide=True, width=1.0)
            )
        self.show_lines(lines, " %")


class ResidualChart(CurveChart):
    """What happened less the median, by the date of the cutoff; rings lay outside the 95 % band."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Residuals", "cutoff", EmptyText(*map(words, _NOTHING)), dates=True, parent=parent
        )
        self._table: Columns = {}

    def show_residuals(self, outcomes: Outcomes | None, step: int = 1) -> None:
        """Show the residuals of one model at one step ahead, counted from 1."""
        if outcomes is None or not len(outcomes):
            self._table = {}
            self.show_lines(())
            return
        left, relative = residuals(outcomes, step)
        outside = _outside(outcomes, step)
        ds, index = np.unique(outcomes.cutoff, return_inverse=True)
        shown = np.linspace(0, left.size - 1, min(left.size, _MOST_POINTS)).astype(int)
        inside, beyond = shown[~outside[shown]], shown[outside[shown]]
        x = index.astype(np.float64)
        self._table = {
            "cutoff": outcomes.cutoff,
            "symbol": outcomes.symbol,
            "ds": outcomes.ds[:, step - 1],
            "y": outcomes.y[:, step - 1],
            "median": outcomes.quantile(0.5)[:, step - 1],
            "residual %" if relative else "residual": left,
        }
        lines = [
            Line(words("outside the 95 % band"), x[beyond], left[beyond], "down", "rings"),
            Line(
                words("{model}, {step} ahead").format(model=outcomes.model, step=step),
                x[inside],
                left[inside],
                "forecast",
                "dots",
            ),
        ]
        zero = Line(
            "",
            np.array([0.0, ds.size - 1.0]),
            np.zeros(2),
            "muted",
            "dashed",
            guide=True,
            width=1.0,
        )
        self.show_lines(
            [*(line for line in lines if line.x.size), zero], " %" if relative else "", ds
        )

    def table(self) -> Columns:
        """Return all residuals, also those that are too many to be drawn."""
        return self._table


class CoverageChart(CurveChart):
    """Realised coverage of kept forecasts, of all days up to each, beside what was stated."""

    def __init__(self, parent: QWidget | None = None) -> None:
        empty = EmptyText(
            words("Nothing is known yet"),
            words("Coverage is drawn once what was forecast has happened."),
        )
        super().__init__("Coverage over time", "day", empty, dates=True, parent=parent)

    def show_coverage(self, ds: Dates, running: Mapping[float, Floats]) -> None:
        """Show the realised coverage of each stated level over days, in percent."""
        if not ds.size:
            self.show_lines(())
            return
        x = np.arange(ds.size, dtype=np.float64)
        looks: Sequence[tuple[str, LineMark]] = (
            ("forecast", "line"),
            ("price", "line"),
            ("down", "line"),
        )
        lines = []
        for (level, values), (color, mark) in zip(running.items(), looks, strict=False):
            lines.append(
                Line(
                    words("{level} % band").format(level=f"{level:g}"),
                    x,
                    values,
                    color,
                    mark,
                    width=1.8,
                )
            )
            ends = np.array([0.0, max(ds.size - 1.0, 0.5)])
            lines.append(Line("", ends, np.full(2, level), color, "dashed", guide=True, width=1.0))
        self.show_lines(lines, " %", ds)


class SkillChart(CurveChart):
    """Skill of the journal's forecasts against a random walk, of all days up to each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        empty = EmptyText(
            words("Nothing is known yet"),
            words("The score is drawn once what was forecast has happened."),
        )
        super().__init__("Score over time", "day", empty, dates=True, parent=parent)

    def show_skill(self, ds: Dates, skill: Floats) -> None:
        """Show by how much forecasts were better than a random walk over days, in percent."""
        if not ds.size:
            self.show_lines(())
            return
        x = np.arange(ds.size, dtype=np.float64)
        ends = np.array([0.0, max(ds.size - 1.0, 0.5)])
        lines = (
            Line(words("Better than a random walk by"), x, skill, "forecast", "line", width=1.8),
            Line("", ends, np.zeros(2), "price", "dashed", guide=True, width=1.0),
        )
        self.show_lines(lines, " %", ds)


def _outside(outcomes: Outcomes, step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which outcomes lay outside the 95 % band at one step, [N]; none where there is no
    such band.
    """
    y = outcomes.y[:, step - 1]
    try:
        low, high = (outcomes.quantile(q)[:, step - 1] for q in (0.025, 0.975))
    except KeyError:
        return np.zeros(y.size, bool)
    return (y < low) | (y > high)


def _stem(level: float, low: float, high: float) -> Line:
    """Draw an interval as a vertical line with short ends."""
    x = np.array([-0.6, 0.6, 0.0, 0.0, -0.6, 0.6]) + level
    return Line(
        "",
        x,
        np.array([low, low, low, high, high, high]),
        "forecast",
        "line",
        guide=True,
        width=1.2,
    )


def _line(index: int, name: str, x: Floats, y: Floats) -> Line:
    """Draw the network solid and thick, the baselines in colours and dashes of their own."""
    if index == 0:
        return Line(name, x, y, "forecast", "line", width=2.2)
    color, mark = _RIVALS[(index - 1) % len(_RIVALS)]
    return Line(name, x, y, color, mark, width=1.4)
