"""A judgement: its first page in plain words, and unfolded the scores, steps, calibration and
residuals, each on a tab.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.charts.canvas import Chart
from app.charts.curves import CurveChart
from app.charts.evaluation import CalibrationChart, ResidualChart, StepChart
from app.charts.plot import Columns
from app.features.evaluation.days import Day, day_of, nearest_residual, outside, worst_at
from app.features.evaluation.details import Detail
from app.features.evaluation.earned_tab import EarnedTab
from app.features.evaluation.score_table import ScoreTable, aim_of, title_of
from app.features.evaluation.summary_page import SummaryPage, color_of
from app.model_titles import model_title
from app.theme import Theme
from app.widgets.chart_header import ElidedLabel
from app.widgets.form_builder import WholeBox
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.left_out import left_out_text
from app.widgets.table_view import TableView
from forecasting.checks import serious
from forecasting.events import Verdict
from forecasting.metrics import METRICS
from forecasting.series import Calibration, Finding, Floats, Outcomes, Panel, Profile
from forecasting.summary import TERMS, Summary, summarise

#: Findings that are told beside a verdict.
_MOST_NAMED = 12


class EvaluationView(QWidget):
    """Shows what came of a test part, of a training's or of a backtest's.

    Attributes
    ----------
    detail_requested : Signal
        Outcomes are shown of which the details are not known yet; whoever works them out calls
        :meth:`show_detail`.
    changed : Signal
        A plot wants to be drawn.
    day_chosen : Signal
        A day was picked in a plot or a table (a Day).
    summary : Summary or None
        What the first page says.
    """

    detail_requested = Signal(object)
    changed = Signal()
    day_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.summary: Summary | None = None
        self._theme: Theme | None = None
        self._verdict: Verdict | None = None
        self._outcomes: Mapping[str, Outcomes] = {}
        self._detail: Detail | None = None
        self._symbol = ""
        self._badge, self._full = QLabel(), text_label(selectable=True)
        self._sentence = text_label(role="heading", selectable=True)
        self._notes = text_label(role="muted", selectable=True)
        self._data = ElidedLabel()
        self._data.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._sentence.setToolTip(f"{TERMS['days']} {TERMS['error']}")
        for label in (self._sentence, self._full, self._notes):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.table = ScoreTable(self.tr("Scores of the network beside the baselines"))
        self.steps = StepTab()
        self.calibration = CalibrationTab()
        self.residuals = ResidualTab()
        self.earned = EarnedTab()
        self.page = SummaryPage()
        self.page.day_chosen.connect(self.day_chosen)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setAccessibleName(self.tr("Parts of the judgement"))
        for tab, title in (
            (self._score_tab(), self.tr("Scores")),
            (self.steps, self.tr("By step")),
            (self.calibration, self.tr("Calibration")),
            (self.residuals, self.tr("Residuals")),
            (self.earned, self.tr("Earned")),
        ):
            self.tabs.addTab(tab, title)
        self.tabs.currentChanged.connect(self.changed)
        self.steps.changed.connect(self.changed)
        self.residuals.changed.connect(self.changed)
        self.earned.changed.connect(self.changed)
        for tab in (self.steps, self.calibration, self.residuals):
            tab.day_chosen.connect(self.day_chosen)
        self._stage = QStackedWidget()
        self._stage.addWidget(self.page)
        self._stage.addWidget(self.tabs)
        self.unfold_button = QToolButton()
        self.unfold_button.setText(self.tr("All figures"))
        self.unfold_button.setCheckable(True)
        self.unfold_button.setToolTip(
            self.tr("Show every score, step, band and residual in tables and plots")
        )
        self.unfold_button.toggled.connect(self._unfold)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(10, 8, 10, 0)
        rows.setSpacing(4)
        rows.addLayout(self._head())
        rows.addWidget(self._data)
        rows.addWidget(self._stage, 1)

    @property
    def charts(self) -> tuple[CurveChart, ...]:
        """The plots."""
        return (
            self.page.chart,
            self.steps.chart,
            self.calibration.chart,
            self.residuals.chart,
            self.earned.chart,
        )

    def add_to_head(self, widget: QWidget) -> None:
        """Put a widget before the button that unfolds all figures."""
        self._head_row.insertWidget(
            self._head_row.count() - 1, widget, 0, Qt.AlignmentFlag.AlignTop
        )

    def show_judged(
        self,
        verdict: Verdict,
        scores: Mapping[str, Mapping[str, float]],
        outcomes: Mapping[str, Outcomes],
        how: str,
        kept: Mapping[str, Profile] | None = None,
        lacking: str = "",
        freq: str = "",
        whose: str = "this network's",
        priced: bool = True,
    ) -> None:
        """Show verdict and scores; the rest follows with :meth:`show_detail`, unless it was kept.

        Parameters
        ----------
        verdict : Verdict
        scores : mapping
            Model to metric to value, the network first.
        outcomes : mapping of str to Outcomes
            The ground of the scores.
        how : str
            How it came about, in one sentence.
        kept : mapping of str to Profile, optional
            The figures of each model, of an earlier run that is shown again.
        lacking : str
            Why not all of an earlier run can be shown.
        freq : str
            Frequency of the bars.
        whose : str
            Whose range is judged, in words.
        priced : bool
            Whether what is forecast can be bought and sold.
        """
        self._verdict = verdict
        self.summary = summarise(verdict, scores, freq=freq, whose=whose)
        self._show_verdict(verdict)
        self.page.show_summary(self.summary, how)
        self.tabs.setTabVisible(self.tabs.indexOf(self.earned), priced)
        self.earned.show_outcomes(outcomes if priced else {}, verdict.tries)
        self.table.show_scores(scores, starred=not verdict.few)
        if outcomes is self._outcomes:
            return
        self._outcomes, self._detail = outcomes, None
        for chart in self.charts:
            chart.say_lacking(lacking)
        self.steps.show_steps({})
        self.calibration.show_profiles({})
        self.residuals.show_outcomes(outcomes)
        for tab in (self.steps, self.calibration):
            tab.outcomes = next(iter(outcomes.values()), None)
        self.page.show_outcomes(outcomes, self._symbol)
        self.changed.emit()
        if kept:
            self.show_detail(Detail(outcomes, kept))
        elif outcomes:
            self.detail_requested.emit(outcomes)

    def show_symbol(self, symbol: str) -> None:
        """Let the picture of what happened be of one series, where it is among those judged."""
        if symbol != self._symbol:
            self._symbol = symbol
            self.page.show_outcomes(self._outcomes, symbol)
            self.changed.emit()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that is shown."""
        return self._verdict

    @property
    def data_notes(self) -> str:
        """What is said of the data beside the verdict."""
        return self._data.text()

    def show_data(self, panel: Panel | None, left_out: Mapping[str, str]) -> None:
        """Show errors and warnings of the data beside the verdict, and which series have no
        forecast: a line each, cut where the room ends.
        """
        found = serious(panel) if panel is not None else []
        lines = []
        if len(found) == 1:
            symbol, item = found[0]
            lines.append(f"{self._gravity(item)} {symbol}: {item.message}")
        elif found:
            many = self.tr("{n} errors and warnings in the data.").format(n=len(found))
            messages = (f"{symbol}: {item.message}" for symbol, item in found[:_MOST_NAMED])
            lines.append(" ".join((many, *messages)))
        if left_out:
            lines.append(left_out_text(left_out.values()))
        self._data.setText("\n".join(lines))
        self._data.setVisible(bool(lines))
        self._settle()

    def showEvent(self, event: QShowEvent) -> None:
        """Come to the front with the layout settled."""
        super().showEvent(event)
        self._settle()

    def _settle(self) -> None:
        """Let texts and table find their heights now: painted before that, they would lie over
        each other.
        """
        if self.isVisible():
            QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)

    def _gravity(self, finding: Finding) -> str:
        return (
            self.tr("Error in the data of")
            if finding.severity == "error"
            else self.tr("Warning in the data of")
        )

    def show_detail(self, detail: Detail) -> None:
        """Fill in the details of the outcomes that are shown; those of others are passed over."""
        if detail.outcomes is not self._outcomes or detail is self._detail:
            return
        self._detail = detail
        self.steps.show_steps({name: item.steps for name, item in detail.profiles.items()})
        self.calibration.show_profiles(detail.profiles)
        self.residuals.show_figures(detail.profiles)
        self.changed.emit()

    def refresh(self) -> None:
        """Draw the plot that is seen, where it has changed."""
        for chart in self.charts:
            if chart.isVisible():
                chart.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._color()
        self.page.set_theme(theme)
        for chart in self.charts:
            chart.set_theme(theme)

    def _head(self) -> QHBoxLayout:
        self._head_row = head = QHBoxLayout()
        head.setSpacing(10)
        top = Qt.AlignmentFlag.AlignTop
        fill(head, (self._badge, 0, top), (self._sentence, 1), (self.unfold_button, 0, top))
        return head

    def _unfold(self, on: bool) -> None:
        self._stage.setCurrentIndex(int(on))
        self.unfold_button.setText(self.tr("Summary") if on else self.tr("All figures"))
        self.changed.emit()
        self._settle()

    def _score_tab(self) -> QScrollArea:
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(0, 6, 0, 8), spacing=6)
        for part in (self._full, self._notes, self.table):
            rows.addWidget(part)
        rows.addStretch(1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        return scroll

    def _show_verdict(self, verdict: Verdict) -> None:
        words = {"beats": self.tr("BEATS"), "ties": self.tr("TIES"), "loses": self.tr("LOSES")}
        word = self.tr("TOO FEW") if verdict.few else words[verdict.outcome]
        self._badge.setText(word)
        self._badge.setAccessibleName(self.tr("Verdict: {word}").format(word=word))
        self._sentence.setText(self.summary.sentence if self.summary else verdict.sentence)
        self._full.setText(verdict.sentence)
        self._notes.setText("\n".join(f"• {note}" for note in verdict.notes))
        self._notes.setVisible(bool(verdict.notes))
        self._color()

    def _color(self) -> None:
        if self._theme is None or self._verdict is None:
            return
        color = color_of(self.summary.standing, self._theme) if self.summary else ""
        self._badge.setStyleSheet(
            f"color: {self._theme.text}; border: 2px solid {color}; border-radius: 6px; "
            "padding: 1px 7px; font-weight: 700;"
        )


class _PlotTab(QWidget):
    """A plot with its table beside it, and what is chosen above the table.

    Attributes
    ----------
    changed : Signal
        The plot wants to be drawn.
    day_chosen : Signal
        A point or a row was picked (a Day).
    outcomes : Outcomes or None
        Those of the judged model, in which days are looked up.
    """

    changed = Signal()
    day_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Outcomes | None = None
        self._side = QVBoxLayout()

    def _set(self, chart: Chart, table: TableView) -> None:
        """Put plot and table side by side."""
        split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        side = QWidget()
        side.setLayout(self._side)
        self._side.setContentsMargins(6, 0, 0, 0)
        self._side.setSpacing(4)
        self._side.addWidget(table, 1)
        split.addWidget(chart)
        split.addWidget(side)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        fill(QVBoxLayout(self), split, margins=(0, 6, 0, 6))

    def _choose(self, label: str, field: QWidget) -> None:
        """Put a choice above the table."""
        row = fill(QHBoxLayout(), margins=(0, 0, 0, 0))
        words = QLabel(label)
        words.setBuddy(field)
        fill(row, words, (field, 1))
        self._side.insertLayout(0, row)


class StepTab(_PlotTab):
    """One metric by bars ahead, as a plot and as a table."""

    def __init__(self) -> None:
        super().__init__()
        self.chart = StepChart()
        self.table = TableView(self.tr("Score by step ahead"), self._choose_step)
        self.chart.picked.connect(lambda x, _value: self._choose_step(round(x) - 1))
        self.table.setToolTip(self.tr("Enter or a double click: the worst miss at this step"))
        self._set(self.chart, self.table)
        self.metrics = QComboBox()
        self.metrics.setAccessibleName(self.tr("Metric"))
        self.metrics.setMinimumContentsLength(8)
        self.metrics.setToolTip(self.tr("What is shown for each bar ahead"))
        self.metrics.currentIndexChanged.connect(self._show)
        self._choose(self.tr("Metric"), self.metrics)
        self._steps: Mapping[str, Mapping[str, Floats]] = {}

    def show_steps(self, steps: Mapping[str, Mapping[str, Floats]]) -> None:
        """Show the scores by step; model to metric to [H]."""
        self._steps = steps
        chosen = self.metrics.currentData()
        names = [
            name for name in METRICS if any(np.isfinite(row[name]).any() for row in steps.values())
        ]
        self.metrics.blockSignals(True)
        self.metrics.clear()
        for name in names:
            self.metrics.addItem(title_of(name), name)
        self.metrics.setCurrentIndex(max(0, self.metrics.findData(chosen)))
        self.metrics.blockSignals(False)
        self._show()

    def _show(self) -> None:
        name = self.metrics.currentData()
        values = {model: row[name] for model, row in self._steps.items()} if name else {}
        known = METRICS[name] if name else None
        level = known.better if known and not isinstance(known.better, str) else None
        self.chart.show_metric(values, known.unit if known else "", level)
        horizon = max((v.size for v in values.values()), default=0)
        titled = {model_title(model): row for model, row in values.items()}
        columns = {self.tr("Step"): np.arange(1, horizon + 1), **titled} if horizon else {}
        self.table.show_sheet(
            columns, [self.tr("Bars ahead"), *[aim_of(name)] * len(values)] if name else ()
        )
        self.changed.emit()

    def _choose_step(self, row: int) -> None:
        """Go to the worst miss at a step, counted from 0."""
        outcomes = self.outcomes
        if outcomes is not None and row < outcomes.horizon:
            day = worst_at(outcomes, row + 1)
            if day is not None:
                self.day_chosen.emit(day)


class CalibrationTab(_PlotTab):
    """Stated and realised coverage, as a plot and as a table."""

    def __init__(self) -> None:
        super().__init__()
        self.chart, self.table = (
            CalibrationChart(),
            TableView(self.tr("Stated and realised coverage"), self._choose_row),
        )
        self.chart.picked.connect(lambda x, _value: self._choose_level(x))
        self.table.setToolTip(self.tr("Enter or a double click: the next day outside this band"))
        self._levels: Floats = np.empty(0)
        self._passed: dict[float, int] = {}
        self._set(self.chart, self.table)

    def show_profiles(self, profiles: Mapping[str, Profile]) -> None:
        """Show the calibration of all models; of none, nothing."""
        found = {name: item.calibration for name, item in profiles.items()}
        self.chart.show_calibration(found)
        first = next(iter(found.values()), None)
        self._levels, self._passed = first.level if first is not None else np.empty(0), {}
        columns: dict[str, Floats] = {}
        if first is not None:
            columns = {
                self.tr("Stated %"): first.level,
                **self._limits(first),
                **{
                    model_title(name): item.realised
                    for name, item in found.items()
                    if len(item.level) == len(first.level)
                },
            }
        tip = self.tr("Share of outcomes inside the band, in percent")
        limits = self.tr(
            "95 % interval of the network's share, on independent origins: where it holds the "
            "stated level, that may be right"
        )
        tips = [limits] * (2 * bool(first is not None and first.low.size))
        self.table.show_sheet(
            columns, [self.tr("Stated coverage of the band"), *tips, *[tip] * len(columns)]
        )

    def _choose_row(self, row: int) -> None:
        if row < self._levels.size:
            self._choose_level(float(self._levels[row]))

    def _choose_level(self, level: float) -> None:
        """Go to the next day outside a band: each time to another one."""
        if self.outcomes is None:
            return
        days = outside(self.outcomes, level)
        if days.size:
            at = self._passed.get(level, 0)
            self._passed[level] = at + 1
            self.day_chosen.emit(day_of(self.outcomes, int(days[at % days.size])))

    def _limits(self, found: Calibration) -> dict[str, Floats]:
        """Return the limits of the network's intervals as columns; none of a run that did not
        keep them.
        """
        return {self.tr("From %"): found.low, self.tr("To %"): found.high} if found.low.size else {}


class ResidualTab(_PlotTab):
    """What happened less the median at one step ahead, as a plot, and its figures beside the
    baselines'.
    """

    def __init__(self) -> None:
        super().__init__()
        self.chart, self.table = ResidualChart(), TableView(self.tr("Figures of the residuals"))
        self._set(self.chart, self.table)
        self.step = WholeBox()
        self.step.setMinimum(1)
        self.step.setAccessibleName(self.tr("Step"))
        self.step.setToolTip(self.tr("How many bars ahead"))
        self.step.valueChanged.connect(self._show)
        self._choose(self.tr("Step"), self.step)
        self._outcomes: Mapping[str, Outcomes] = {}
        self._profiles: Mapping[str, Profile] = {}
        self.chart.picked.connect(self._choose_point)

    def _choose_point(self, x: float, value: float) -> None:
        """Go to the day of a residual."""
        if self.outcomes is not None:
            cutoff = np.unique(self.outcomes.cutoff)[int(x)]
            day: Day = nearest_residual(self.outcomes, self.step.value(), cutoff, value)
            self.day_chosen.emit(day)

    def show_outcomes(self, outcomes: Mapping[str, Outcomes]) -> None:
        """Show the residuals of the first model; the figures of all follow with
        :meth:`show_figures`.
        """
        self._outcomes, self._profiles = outcomes, {}
        self.outcomes = next(iter(outcomes.values()), None)
        self._bound([item.horizon for item in outcomes.values()])
        self._show()

    def show_figures(self, profiles: Mapping[str, Profile]) -> None:
        """Show the figures of each model's residuals."""
        self._profiles = profiles
        self._bound([len(item.residuals) for item in profiles.values()])
        self._show_figures()

    def _bound(self, steps: Sequence[int]) -> None:
        """Offer the steps ahead that there are."""
        self.step.blockSignals(True)
        self.step.setMaximum(max(steps, default=1))
        self.step.blockSignals(False)

    def _show(self) -> None:
        step = self.step.value()
        self.chart.show_residuals(next(iter(self._outcomes.values()), None), step)
        self._show_figures()
        self.changed.emit()

    def _show_figures(self) -> None:
        names = {
            "mean": (
                self.tr("Mean"),
                self.tr("Far from 0 means that the median leans to one side"),
            ),
            "sd": (self.tr("Std dev"), self.tr("How far outcomes scatter around the median")),
            "above": (self.tr("Above %"), self.tr("Outcomes above the median: 50 is right")),
            "memory": (
                self.tr("Autocorrelation"),
                self.tr(
                    "Correlation with the residual before it, where horizons do not overlap: 0 "
                    "is right"
                ),
            ),
        }
        step = self.step.value()
        figures = {name: item.residuals[step - 1] for name, item in self._profiles.items()}
        text = np.array(list(figures.values())).reshape(-1, len(names))
        columns: Columns = {
            self.tr("Model"): [model_title(name) for name in figures],
            **{head: values for (head, _), values in zip(names.values(), text.T, strict=True)},
        }
        self.table.show_sheet(columns, ["", *(tip for _, tip in names.values())])
