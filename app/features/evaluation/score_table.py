"""The table of scores: the network beside the baselines, the best of each row with a star."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.model_titles import model_title
from app.number_format import significant
from forecasting.metrics import METRICS, leaders

_BEST = "★"
#: Characters below which titles of rows are not shortened for the sake of the figures.
_LEAST_TITLE = 14


class ScoreTable(QTableWidget):
    """A table as high as its rows; its columns share the width, none but the titles narrower
    than its content.
    """

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
        widths = [
            max(self.sizeHintForColumn(column), header.sectionSizeHint(column))
            for column in range(self.columnCount())
        ]
        titles, *figures = widths or [0]
        least, frame = (
            min(titles, _LEAST_TITLE * self.fontMetrics().averageCharWidth()),
            2 * self.frameWidth(),
        )
        if least + sum(figures) + frame > self._room():  # it scrolls anyway
            least = titles
        self.setMinimumWidth(least + sum(figures) + frame)
        spare = self.viewport().width() - titles - sum(figures)
        for column, width in enumerate(figures, start=1):
            header.resizeSection(column, width + max(0, spare) // len(figures))
        header.resizeSection(0, max(least, titles + min(0, spare)))
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(header.sizeHint().height() + rows + 2 * self.frameWidth())

    def _room(self) -> int:
        """Return the width of what is seen at once: that of the area in which the table is
        scrolled.
        """
        seen: QWidget | None = self.parentWidget()
        while seen is not None and not isinstance(seen, QScrollArea):
            seen = seen.parentWidget()
        return self.width() if seen is None else seen.viewport().width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the new width."""
        super().resizeEvent(event)
        self.spread()

    def show_scores(
        self, scores: Mapping[str, Mapping[str, float]], *, starred: bool = True
    ) -> None:
        """Show every metric that any model has, the best of each row with a star unless too few
        origins tell them apart.
        """
        models = list(scores)
        metrics = [name for name in METRICS if any(name in row for row in scores.values())]
        self.setColumnCount(len(models) + 1)
        self.setRowCount(len(metrics))
        for column, title in enumerate((self.tr("Test part"), *map(model_title, models))):
            head = QTableWidgetItem(title)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            head.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, head)
        for row, metric in enumerate(metrics):
            self._fill_row(row, metric, models, scores, starred)
        self.spread()

    def _fill_row(
        self,
        row: int,
        metric: str,
        models: Sequence[str],
        scores: Mapping[str, Mapping[str, float]],
        starred: bool,
    ) -> None:
        aim = aim_of(metric)
        name = QTableWidgetItem(title_of(metric))
        known = METRICS[metric]
        what = (getattr(known.compute, "func", known.compute).__doc__ or "").partition("\n")[0]
        name.setToolTip("\n".join(filter(None, (name.text(), what, aim))))
        self.setItem(row, 0, name)
        best = leaders(metric, scores) if starred else []
        for column, model in enumerate(models, start=1):
            value = scores[model].get(metric, math.nan)
            lead = model in best
            item = QTableWidgetItem(f"{_BEST} {significant(value)}" if lead else significant(value))
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if lead:
                font = QFont(self.font())
                font.setBold(True)
                item.setFont(font)
                item.setToolTip(self.tr("best; {aim}").format(aim=aim))
            self.setItem(row, column, item)


def title_of(metric: str) -> str:
    """Return what a metric is called, with its unit."""
    known = METRICS[metric]
    return f"{known.label} ({known.unit})" if known.unit and known.unit != "price" else known.label


def aim_of(metric: str) -> str:
    """Return in words which values of a metric are good."""
    better = METRICS[metric].better
    if better == "low":
        return _tr("lower is better")
    return (
        _tr("higher is better")
        if better == "high"
        else _tr("{level} is right").format(level=better)
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("ScoreTable", text)
