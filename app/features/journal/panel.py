"""The forecast journal: what was forecast before it was known, beside what then happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.charts.evaluation import CoverageChart, SkillChart
from app.charts.plot import Columns
from app.model_titles import model_title
from app.number_format import number
from app.theme import Theme
from app.widgets.empty_state import EmptyState
from app.widgets.labels import text_label
from app.widgets.layouts import fill
from app.widgets.table_view import TableView
from forecasting.checks import some_names

if TYPE_CHECKING:
    from forecasting.events import Alert
    from forecasting.store import Coverage, Entry
    from forecasting.watch import ScoreRecord

#: Stated levels, in percent, that are followed over time.
LEVELS: tuple[float, ...] = (80.0, 95.0)
#: Names of watched series in a tool tip.
_MOST_NAMES = 100


def alert_words() -> dict[str, str]:
    """Return what people call each kind of alert."""
    tr = QCoreApplication.translate
    return {
        "outside": tr("JournalPanel", "outside its band"),
        "drift": tr("JournalPanel", "has changed"),
        "retrain": tr("JournalPanel", "train anew"),
        "split": tr("JournalPanel", "split"),
        "jump": tr("JournalPanel", "looks like a split"),
        "stopped": tr("JournalPanel", "no new bars"),
        "source": tr("JournalPanel", "not loaded"),
        "delisted": tr("JournalPanel", "delisted"),
        "missed": tr("JournalPanel", "missed closes"),
        "clock": tr("JournalPanel", "clock set back"),
    }


@dataclass(frozen=True, eq=False)
class JournalRead:
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
    score : ScoreRecord, optional
        Skill over time.
    """

    entries: tuple[Entry, ...]
    coverage: Mapping[float, Coverage]
    symbol: str = ""
    findings: tuple[str, ...] = ()
    score: ScoreRecord | None = None


class JournalPanel(QStackedWidget):
    """Forecasts as a table, and their coverage over time.

    Attributes
    ----------
    filtered : Signal
        Whether only the shown series is wanted.
    entry_chosen : Signal
        An entry that is to be seen in the chart.
    update_requested : Signal
        References to be loaded, so that it is known what became of open forecasts.
    look_requested : Signal
        The watched series are to be looked at now.
    """

    filtered = Signal(bool)
    entry_chosen = Signal(object)
    update_requested = Signal(object)
    look_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._read = JournalRead((), {})
        self._rows: list[tuple[Entry, ...]] = []
        self._unfolded: set[tuple[np.datetime64, str]] = set()
        text = self.tr(
            "Every forecast is entered here when its training ends, and compared with what "
            "happens once those prices are loaded."
        )
        self._empty = EmptyState("journal", self.tr("No forecasts kept yet"), text)
        self.only = QCheckBox(self.tr("Only the shown series"))
        self.only.setToolTip(self.tr("Leave out the forecasts of other series"))
        self.only.toggled.connect(self.filtered)
        self._show_all = self._empty.add_button(self.tr("Show all series"))
        self._show_all.clicked.connect(lambda: self.only.setChecked(False))
        self.update_button = QPushButton(self.tr("Look what happened"))
        self.update_button.clicked.connect(lambda: self.update_requested.emit(self.open_sources))
        self._headline = text_label(role="heading")
        self.table = TableView(self.tr("Past forecasts against what happened"), self._choose)
        self.table.setToolTip(
            self.tr(
                "Double-click a forecast to see it in the chart, or a run of several series to "
                "unfold it"
            )
        )
        self.chart = CoverageChart()
        self.score = SkillChart()
        self.alerts = TableView(
            self.tr("Alerts of the watch"),
            empty=self.tr(
                "Nothing stood out yet. Mark series in the watchlist and choose Watch with a saved "
                "network… in the File menu: what the watch finds stands here."
            ),
            wrapped=True,
        )
        self.watched = text_label(role="muted", wrap=False, plain=True)
        self.look_button = QPushButton(self.tr("Look now"))
        self.look_button.setToolTip(
            self.tr("Load what is due of the watched series, and forecast each new close")
        )
        self.look_button.clicked.connect(self.look_requested)
        self.record = QTabWidget()
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
        known = {level: item for level, item in read.coverage.items() if item.ds.size}
        first = next(iter(known.values()), None)
        days = first.ds if first is not None else np.empty(0, "datetime64[D]")
        self.chart.show_coverage(
            days,
            {level: item.running for level, item in known.items() if np.array_equal(item.ds, days)},
        )
        if read.score is not None:
            self.score.show_skill(read.score.ds, read.score.skill)
        self._offer_update()

    def show_watched(self, symbols: Sequence[str]) -> None:
        """Say which series are watched."""
        words = self.tr("Watched: {symbols}.").format(symbols=some_names(list(symbols)))
        self.watched.setText(words if symbols else "")
        self.watched.setVisible(bool(symbols))
        self.watched.setToolTip(", ".join(symbols[:_MOST_NAMES]))
        self.look_button.setVisible(bool(symbols))

    def show_alerts(self, alerts: Sequence[tuple[np.datetime64, Alert]]) -> None:
        """List what the watch found, latest first."""
        words = alert_words()
        columns: Columns = {}
        if alerts:
            columns = {
                self.tr("Bar"): np.array([alert.ds for _, alert in alerts]),
                self.tr("Series"): [alert.symbol for _, alert in alerts],
                self.tr("What"): [words[alert.kind] for _, alert in alerts],
                self.tr("Message"): [alert.message for _, alert in alerts],
            }
        self.alerts.show_sheet(columns)
        title = self.tr("Alerts ({n})").format(n=number(len(alerts), 0))
        self.record.setTabText(2, title if alerts else self.tr("Alerts"))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._empty.set_theme(theme)
        self.chart.set_theme(theme)
        self.score.set_theme(theme)

    def _full(self) -> QWidget:
        full, top = QWidget(), QGridLayout()
        self.watched.setWordWrap(True)
        top.setHorizontalSpacing(12)
        top.setVerticalSpacing(4)
        top.setColumnStretch(0, 1)
        top.addWidget(self._headline, 0, 0, 2, 1)
        top.addWidget(self.watched, 2, 0, 1, 3)
        top.addWidget(self.only, 0, 1, 1, 2)
        top.addWidget(self.look_button, 1, 1)
        top.addWidget(self.update_button, 1, 2)
        split = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        split.addWidget(self.table)
        split.addWidget(self._over_time())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        fill(QVBoxLayout(full), top, (split, 1), margins=(10, 8, 10, 6), spacing=6)
        return full

    def _over_time(self) -> QWidget:
        """Return the record over time: coverage, score, and what the watch found."""
        self.record.setAccessibleName(self.tr("Record over time"))
        self.record.setDocumentMode(True)
        self.record.addTab(self.chart, self.tr("Coverage"))
        self.record.addTab(self.score, self.tr("Score"))
        self.record.addTab(self.alerts, self.tr("Alerts"))
        self.record.setTabToolTip(
            1,
            self.tr(
                "By how much all forecasts up to each day were better than a random walk with the "
                "volatility of the 20 bars before (mean pinball loss, in percent)"
            ),
        )
        self.show_watched(())
        self.show_alerts(())
        return self.record

    def _choose(self, row: int) -> None:
        """Show a forecast in the chart, or unfold the forecasts of a run, or fold them again."""
        entries = self._rows[row]
        if len(entries) == 1:
            self.entry_chosen.emit(entries[0])
            return
        self._unfolded ^= {_run_of(entries[0])}
        self._show_table()

    def _offer_update(self) -> None:
        """Say on the button what it does, or why it does nothing."""
        able = bool(self.open_sources)
        has_open = any(entry.state == "open" for entry in self._read.entries)
        why = (
            self.tr(
                "The prices of the open forecasts came from no file and no ticker, and cannot "
                "be loaded again"
            )
            if has_open
            else self.tr(
                "No forecast is open: everything that was forecast has happened or was known before"
            )
        )
        tip = self.tr("Load the prices of all forecasts that are still open") if able else why
        self.update_button.setEnabled(able)
        self.update_button.setToolTip(tip)
        self.update_button.setAccessibleDescription(tip)

    def _sentence(self) -> str:
        """Return in words how the bands held."""
        texts = []
        for level, cover in self._read.coverage.items():
            if cover.ds.size:
                answers = {
                    "right": self.tr("about right"),
                    "low": self.tr("too narrow"),
                    "high": self.tr("too wide"),
                    "few": self.tr("too few independent forecasts to say whether that is right"),
                }
                words = self.tr("{share} % lay in the {level} % band ({answer})")
                share, answer = number(cover.share, 1), answers[cover.held.stands(level)]
                texts.append(words.format(share=share, level=f"{level:g}", answer=answer))
        if not texts:
            return self.tr("Nothing that was forecast is known yet.")
        bars = int(next(iter(self._read.coverage.values())).bars.sum())
        return self.tr("Of {n} bars forecast before they happened, {shares}.").format(
            n=number(bars, 0), shares=self.tr(" and ").join(texts)
        )

    def _show_table(self) -> None:
        self._rows = _by_run(self._read.entries, self._unfolded)
        rows = self._rows
        columns: Columns = {}
        if rows:
            columns = {
                self.tr("Symbol"): [self._name(item) for item in rows],
                self.tr("From"): np.array([item[0].forecast.cutoff for item in rows]),
                self.tr("Bars"): np.array(
                    [sum(len(entry.forecast) for entry in item) for item in rows]
                ),
                self.tr("Known"): np.array(
                    [sum(int(entry.known.sum()) for entry in item) for item in rows]
                ),
                **{
                    self.tr("In {level} %").format(level=f"{level:g}"): np.array(
                        [_inside(item, level) for item in rows]
                    )
                    for level in LEVELS
                },
                self.tr("Miss %"): np.array(
                    [_miss(item[0]) if len(item) == 1 else np.nan for item in rows]
                ),
                self.tr("State"): [self._state(item) for item in rows],
                self.tr("Model"): [model_title(item[0].forecast.model) for item in rows],
                self.tr("Made (UTC)"): np.array([item[0].made_at for item in rows]),
            }
        tips = (
            "",
            self.tr("The last bar that the network saw"),
            self.tr("Bars forecast"),
            self.tr(
                "Bars that have happened since; what was known already when the forecast was "
                "made never counts"
            ),
            *[
                self.tr(
                    "Share of the known bars inside the band, in percent; one forecast alone "
                    "says little"
                )
            ]
            * len(LEVELS),
            self.tr("Last known close less the median, in percent of the close at the cutoff"),
            self.tr(
                "Open: its last bar is still to come. Known before: its bars had happened when "
                "it was made, so that it never counts"
            ),
            "",
            self.tr("When the forecast was made"),
        )
        self.table.show_sheet(columns, tips)

    def _name(self, entries: Sequence[Entry]) -> str:
        """Return the symbol of one forecast, or how many a run made, with a sign that tells
        whether they are unfolded.
        """
        if len(entries) == 1:
            return entries[0].forecast.symbol
        sign = "▾" if _run_of(entries[0]) in self._unfolded else "▸"
        return self.tr("{sign} {n} series").format(sign=sign, n=number(len(entries), 0))

    def _state(self, entries: Sequence[Entry]) -> str:
        """Return what became of one forecast; of several what became of any that is least known."""
        words = {
            "open": self.tr("open"),
            "closed": self.tr("known"),
            "past": self.tr("known before"),
        }
        return next(
            word for state, word in words.items() if any(entry.state == state for entry in entries)
        )


def _run_of(entry: Entry) -> tuple[np.datetime64, str]:
    """Return what the forecasts of one run have in common: when they were made, and the model."""
    return entry.made_at, entry.forecast.model


def _by_run(
    entries: Sequence[Entry], unfolded: Collection[tuple[np.datetime64, str]]
) -> list[tuple[Entry, ...]]:
    """Return one row for each run, followed by one for each of its forecasts where it is
    unfolded; latest first.
    """
    rows: list[tuple[Entry, ...]] = []
    for run, made in groupby(entries, _run_of):
        together = tuple(made)
        rows.append(together)
        if len(together) > 1 and run in unfolded:
            rows += [(entry,) for entry in together]
    return rows


def _inside(entries: Sequence[Entry], level: float) -> float:
    """Return the share of the known bars in a band, in percent; NaN where nothing is known, or a
    forecast has no such band.
    """
    known = sum(int(entry.known.sum()) for entry in entries)
    try:
        return (
            100 * float(sum(entry.hits(level).sum() for entry in entries)) / known
            if known
            else np.nan
        )
    except KeyError:
        return np.nan


def _miss(entry: Entry) -> float:
    """Return the last known close less the median, in percent of the value at the cutoff; NaN
    where there is none.
    """
    happened = np.flatnonzero(np.isfinite(entry.y))
    if not happened.size or not entry.forecast.y0 > 0:
        return np.nan
    last = happened[-1]
    return float(100 * (entry.y[last] - entry.forecast.median[last]) / entry.forecast.y0)
