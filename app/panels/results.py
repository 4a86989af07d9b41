"""What came of a run: first the verdict in one sentence, then the scores of the network beside the baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty import EmptyState
from app.panels.training import duration
from app.theme import Theme
from forecasting.events import RunResult, Verdict
from forecasting.metrics import METRICS

_BEST = "★"
_SAME = 1e-9


def best_models(metric: str, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the models that are best by a metric: several where they are level, none where nothing is known."""
    better = METRICS[metric].better if metric in METRICS else "low"
    ranks: dict[str, float] = {}
    for model, row in scores.items():
        value = row.get(metric, math.nan)
        if math.isfinite(value):
            ranks[model] = -value if better == "high" else value if better == "low" else abs(value - better)
    if len(ranks) < 2:
        return []
    lead = min(ranks.values())
    return [model for model, rank in ranks.items() if rank - lead <= _SAME * max(1.0, abs(lead))]


def figure(value: float) -> str:
    """Write a score with four significant digits in the style of the locale; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 1
    return QLocale().toString(value, "f", min(digits, 6))


class ScoreTable(QTableWidget):
    """A table as high as its rows; its columns share the width, none narrower than its content."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def spread(self) -> None:
        """Fit the columns to content and width, and the height to the rows."""
        header = self.horizontalHeader()
        widths = [max(self.sizeHintForColumn(column), header.sectionSizeHint(column)) for column in range(self.columnCount())]
        self.setMinimumWidth(sum(widths) + 2 * self.frameWidth())
        spare = max(0, self.viewport().width() - sum(widths)) // max(1, len(widths) - 1)
        for column, width in enumerate(widths):
            header.resizeSection(column, width + (spare if column else 0))
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(header.sizeHint().height() + rows + 2 * self.frameWidth())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Share the new width."""
        super().resizeEvent(event)
        self.spread()


class ResultsPanel(QStackedWidget):
    """Verdict, notes, and the table of scores."""

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._result: RunResult | None = None
        self._empty = EmptyState(
            "results", self.tr("No results yet"), self.tr("After training, the network is judged here beside the random walk.")
        )
        self._badge, self._sentence, self._notes, self._how = QLabel(), QLabel(), QLabel(), QLabel()
        self._sentence.setProperty("role", "heading")
        self._notes.setProperty("role", "muted")
        self._how.setProperty("role", "muted")
        for label in (self._sentence, self._notes, self._how):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.table = ScoreTable(self.tr("Scores of the network beside the baselines"))
        self.addWidget(self._empty)
        self.addWidget(self._layout())

    def show_result(self, result: RunResult | None) -> None:
        """Show a finished run; None shows the empty state."""
        self._result = result
        self.setCurrentIndex(0 if result is None else 1)
        if result is None:
            return
        self._show_verdict(result.verdict)
        self._how.setText(self._how_it_ran(result))
        self._show_scores(result.scores)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._empty.set_theme(theme)
        if self._result:
            self._color(self._result.verdict)

    def _layout(self) -> QWidget:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self._badge, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._sentence, 1)
        inside = QWidget()
        rows = QVBoxLayout(inside)
        rows.setContentsMargins(10, 8, 10, 8)
        rows.setSpacing(6)
        rows.addLayout(head)
        rows.addWidget(self.table)
        rows.addWidget(self._notes)
        rows.addWidget(self._how)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        return scroll

    def _show_verdict(self, verdict: Verdict) -> None:
        words = {"beats": self.tr("BEATS"), "ties": self.tr("TIES"), "loses": self.tr("LOSES")}
        self._badge.setText(words[verdict.outcome])
        self._badge.setAccessibleName(self.tr("Verdict"))
        self._sentence.setText(verdict.sentence)
        self._notes.setText("\n".join(f"• {note}" for note in verdict.notes))
        self._notes.setVisible(bool(verdict.notes))
        self._color(verdict)

    def _color(self, verdict: Verdict) -> None:
        if self._theme is None:
            return
        color = {"beats": self._theme.forecast, "ties": self._theme.baseline, "loses": self._theme.down}[verdict.outcome]
        self._badge.setStyleSheet(
            f"color: {self._theme.text}; border: 2px solid {color}; border-radius: 6px; padding: 1px 7px; font-weight: 700;"
        )

    def _how_it_ran(self, result: RunResult) -> str:
        info = result.info
        why = {"epochs": self.tr("all epochs done"), "early": self.tr("no better loss any more"), "user": self.tr("stopped by you")}
        return self.tr("{n} epochs in {time} on {device}, best at {best}, seed {seed}: {why}.").format(
            n=info.epochs, time=duration(info.seconds), device=info.device, best=info.best_epoch, seed=info.seed, why=why[info.stopped]
        )

    def _show_scores(self, scores: Mapping[str, Mapping[str, float]]) -> None:
        models = list(scores)
        metrics = [name for name in METRICS if any(name in row for row in scores.values())]
        self.table.setColumnCount(len(models) + 1)
        self.table.setRowCount(len(metrics))
        for column, title in enumerate((self.tr("Test part"), *models)):
            head = QTableWidgetItem(title)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            head.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.table.setHorizontalHeaderItem(column, head)
        for row, metric in enumerate(metrics):
            self._fill_row(row, metric, models, scores)
        self.table.spread()

    def _fill_row(self, row: int, metric: str, models: Sequence[str], scores: Mapping[str, Mapping[str, float]]) -> None:
        known = METRICS[metric]
        unit = f" ({known.unit})" if known.unit and known.unit != "price" else ""
        aim = {"low": self.tr("lower is better"), "high": self.tr("higher is better")}.get(
            str(known.better), self.tr("{level} is right").format(level=known.better)
        )
        name = QTableWidgetItem(f"{known.label}{unit}")
        what = (getattr(known.compute, "func", known.compute).__doc__ or "").partition("\n")[0]
        name.setToolTip(f"{what}\n{aim}".strip())
        self.table.setItem(row, 0, name)
        leaders = best_models(metric, scores)
        for column, model in enumerate(models, start=1):
            value = scores[model].get(metric, math.nan)
            lead = model in leaders and len(leaders) < len(models)
            item = QTableWidgetItem(f"{_BEST} {figure(value)}" if lead else figure(value))
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if lead:
                font = QFont(self.table.font())
                font.setBold(True)
                item.setFont(font)
                item.setToolTip(self.tr("best; {aim}").format(aim=aim))
            self.table.setItem(row, column, item)
