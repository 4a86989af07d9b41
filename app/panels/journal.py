"""The forecast journal: what was forecast before it was known, beside what then happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.charts.judging import CoverageChart
from app.charts.plots import Columns
from app.panels.empty import EmptyState
from app.panels.sheets import SheetTable
from app.theme import Theme
from forecasting.events import Event

if TYPE_CHECKING:
    from forecasting.store import Coverage, Entry

#: Stated levels, in percent, that are followed over time.
LEVELS: tuple[float, ...] = (80.0, 95.0)


@dataclass(frozen=True, eq=False)
class JournalRead(Event):
    """What the journal holds.

    Attributes
    ----------
    entries : tuple of Entry
        Latest first.
    coverage : mapping of float to Coverage
        By stated level in percent.
    symbol : str
        The series that it was asked for; "" for all.
    findings : tuple of str
        What is damaged.
    """

    entries: tuple[Entry, ...]
    coverage: Mapping[float, Coverage]
    symbol: str = ""
    findings: tuple[str, ...] = ()


class JournalPanel(QStackedWidget):
    """Forecasts as a table, and their coverage over time.

    Attributes
    ----------
    filtered : Signal
        Whether only the shown series is wanted.
    entry_chosen : Signal
        An entry that is to be seen in the chart.
    update_wanted : Signal
        References to be loaded, so that it is known what became of open forecasts.
    """

    filtered = Signal(bool)
    entry_chosen = Signal(object)
    update_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._read = JournalRead((), {})
        text = self.tr(
            "Every forecast is entered here when its training ends, and compared with what happens once those prices are loaded."
        )
        self._empty = EmptyState("journal", self.tr("No forecasts kept yet"), text)
        self.only = QCheckBox(self.tr("Only the shown series"))
        self.only.setToolTip(self.tr("Leave out the forecasts of other series"))
        self.only.toggled.connect(self.filtered)
        self._show_all = self._empty.add_button(self.tr("Show all series"))
        self._show_all.clicked.connect(lambda: self.only.setChecked(False))
        self.update_button = QPushButton(self.tr("Look what happened"))
        self.update_button.setToolTip(self.tr("Load the prices of all forecasts that are still open"))
        self.update_button.clicked.connect(lambda: self.update_wanted.emit(self.open_sources))
        self._headline = QLabel()
        self._headline.setWordWrap(True)
        self._headline.setProperty("role", "heading")
        self.table = SheetTable(self.tr("Past forecasts against what happened"), self._choose)
        self.table.setToolTip(self.tr("Double-click a forecast to see it in the chart"))
        self.chart = CoverageChart()
        self.addWidget(self._empty)
        self.addWidget(self._full())
        self.show_journal(self._read)

    @property
    def open_sources(self) -> tuple[str, ...]:
        """What has to be loaded to learn what became of the open forecasts, latest first."""
        sources = (entry.provenance.source for entry in self._read.entries if entry.state == "open")
        return tuple(dict.fromkeys(source for source in sources if source not in ("", "memory")))

    def show_journal(self, read: JournalRead) -> None:
        """Show what was read."""
        self._read = read
        filtered = bool(read.symbol)
        self.setCurrentIndex(1 if read.entries else 0)
        self._show_all.setVisible(filtered)
        if filtered:
            self._empty.tell(
                self.tr("No forecast of {symbol} is kept yet").format(symbol=read.symbol),
                self.tr("Train on it, and its forecast is entered here."),
            )
        else:
            self._empty.tell()
        self._headline.setText(self._sentence())
        self._show_table()
        known = {level: one for level, one in read.coverage.items() if one.ds.size}
        first = next(iter(known.values()), None)
        days = first.ds if first is not None else np.empty(0, "datetime64[D]")
        self.chart.show_coverage(days, {level: one.running for level, one in known.items() if np.array_equal(one.ds, days)})
        self.update_button.setEnabled(bool(self.open_sources))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.chart.set_theme(theme)

    def _full(self) -> QWidget:
        full, top = QWidget(), QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._headline, 1)
        top.addWidget(self.only)
        top.addWidget(self.update_button)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self.chart)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        rows = QVBoxLayout(full)
        rows.setContentsMargins(10, 8, 10, 6)
        rows.setSpacing(6)
        rows.addLayout(top)
        rows.addWidget(split, 1)
        return full

    def _choose(self, row: int) -> None:
        self.entry_chosen.emit(self._read.entries[row])

    def _sentence(self) -> str:
        """Return in words how the bands held."""
        number, told = QLocale().toString, []
        for level, cover in self._read.coverage.items():
            if cover.ds.size:
                answers = {
                    "right": self.tr("about right"),
                    "low": self.tr("too narrow"),
                    "high": self.tr("too wide"),
                    "few": self.tr("too few independent forecasts to say whether that is right"),
                }
                words = self.tr("{share} % lay in the {level} % band ({answer})")
                share, answer = number(cover.share, "f", 1), answers[cover.held.stands(level)]
                told.append(words.format(share=share, level=f"{level:g}", answer=answer))
        if not told:
            return self.tr("Nothing that was forecast is known yet.")
        bars = int(next(iter(self._read.coverage.values())).bars.sum())
        return self.tr("Of {n} bars forecast before they happened, {shares}.").format(n=number(bars), shares=self.tr(" and ").join(told))

    def _show_table(self) -> None:
        entries = self._read.entries
        words = {"open": self.tr("open"), "closed": self.tr("known"), "past": self.tr("known before")}
        columns: Columns = {}
        if entries:
            columns = {
                self.tr("Symbol"): [one.forecast.symbol for one in entries],
                self.tr("From"): np.array([one.forecast.cutoff for one in entries]),
                self.tr("Bars"): np.array([len(one.forecast) for one in entries]),
                self.tr("Known"): np.array([int(one.known.sum()) for one in entries]),
                **{
                    self.tr("In {level} %").format(level=f"{level:g}"): np.array([_inside(one, level) for one in entries])
                    for level in LEVELS
                },
                self.tr("Miss %"): np.array([_miss(one) for one in entries]),
                self.tr("State"): [words[one.state] for one in entries],
                self.tr("Model"): [one.forecast.model for one in entries],
                self.tr("Made (UTC)"): np.array([one.made_at for one in entries]),
            }
        tips = (
            "",
            self.tr("The last bar that the network saw"),
            self.tr("Bars forecast"),
            self.tr("Bars that have happened since; what was known already when the forecast was made never counts"),
            *[self.tr("Share of the known bars inside the band, in percent; one forecast alone says little")] * len(LEVELS),
            self.tr("Last known close less the median, in percent of the close at the cutoff"),
            self.tr("Open: its last bar is still to come. Known before: its bars had happened when it was made, so that it never counts"),
            "",
            self.tr("When the forecast was made"),
        )
        self.table.show_sheet(columns, tips)


def _inside(entry: Entry, level: float) -> float:
    """Return the share of the known bars in a band, in percent; NaN where nothing is known."""
    known = int(entry.known.sum())
    try:
        return 100 * float(entry.hits(level).sum()) / known if known else np.nan
    except KeyError:
        return np.nan


def _miss(entry: Entry) -> float:
    """Return the last known close less the median, in percent of the value at the cutoff; NaN where there is none."""
    happened = np.flatnonzero(np.isfinite(entry.y))
    if not happened.size or not entry.forecast.y0 > 0:
        return np.nan
    last = happened[-1]
    return float(100 * (entry.y[last] - entry.forecast.median[last]) / entry.forecast.y0)
