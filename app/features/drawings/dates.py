"""Dates that the user marks on the charts: typed, or read from a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QInputDialog, QMenu

from app import dialogs
from app.background import Reporting
from app.charts.drawing import LONGEST_TEXT, MarkedDate
from app.charts.marks import Mark
from app.charts.price import PriceChart
from app.features.drawings.controller import DrawingsController
from app.features.drawings.dates_file import read_dates
from app.features.spec import FeatureContext, FeatureController

#: Group of the marks on a chart, and their letter and colour.
_GROUP, _LETTER, _COLOR = "dates", "•", 3


class DatesController(FeatureController):
    """Stands between the marked dates of the drawings and the charts.

    Parameters
    ----------
    context : FeatureContext
    """

    def __init__(self, context: FeatureContext) -> None:
        super().__init__(context)
        self._drawings: DrawingsController = context.features["drawings"]
        self._connect("draw-dates", self.ask_file)
        self._drawings.shown.connect(self._show)
        self._drawings.menu_filled.connect(self._fill_menu)

    def ask_file(self) -> None:
        """Ask for a file and mark its dates."""
        title, kinds = self.tr("Mark the dates of a file"), self.tr("Dates (*.csv *.txt *.tsv)")
        path = dialogs.ask_file(self._window, self._preferences, title, kinds)
        if path:
            self.open(Path(path))

    def open(self, path: str | Path) -> None:
        """Mark the dates of a file, beside those that are marked already."""
        with Reporting(self.refused.emit):
            dates = read_dates(Path(path))
            self._drawings.change(self._drawings.drawings.with_dates(dates))
            self.notified.emit(
                self.tr("{n} dates of {file} are marked.").format(
                    n=len(dates), file=Path(path).name
                ),
                self.tr("Undo takes them away again."),
            )

    def ask_text(self, chart: PriceChart, date: datetime) -> QInputDialog:
        """Ask for the text of a date, then mark it on the shown series."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(self.tr("Mark {date}").format(date=f"{date:%Y-%m-%d}"))
        dialog.setLabelText(self.tr("What happened, or will happen"))
        dialog.setMinimumWidth(360)
        series = chart.series
        symbol = series.symbol if series is not None else ""
        dialog.textValueSelected.connect(
            lambda text: self.mark(MarkedDate(ds=date, text=text[:LONGEST_TEXT], symbol=symbol))
        )
        dialog.open()
        return dialog

    def mark(self, date: MarkedDate) -> None:
        """Mark a date."""
        self._drawings.change(self._drawings.drawings.with_dates((date,)))

    def _show(self, chart: PriceChart) -> None:
        """Draw the marks of a chart's series."""
        symbol = chart.series.symbol if chart.series is not None else ""
        marks = [
            Mark(np.datetime64(item.ds, "us"), _LETTER, item.text or f"{item.ds:%Y-%m-%d}", _COLOR)
            for item in self._drawings.drawings.dates_of(symbol)
        ]
        chart.marks.show(_GROUP, marks)

    def _fill_menu(self, chart: PriceChart, menu: QMenu, date: datetime, bar: int) -> None:
        """Add the marks of a bar to the context menu."""
        menu.addAction(self.tr("Mar&k this date…")).triggered.connect(
            lambda: self.ask_text(chart, date)
        )
        symbol = chart.series.symbol if chart.series is not None else ""
        here = {mark.ds for mark in chart.marks.at(bar)}
        gone = [
            item
            for item in self._drawings.drawings.dates_of(symbol)
            if np.datetime64(item.ds, "us") in here
        ]
        if gone:
            text = self.tr("Re&move the mark") if len(gone) == 1 else self.tr("Re&move the marks")
            menu.addAction(text).triggered.connect(
                lambda: self._drawings.change(self._drawings.drawings.without_dates(gone))
            )
