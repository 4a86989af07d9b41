"""The watchlist: which series are loaded, what is known of the chosen one, and what was found in its bars."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QLocale, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QGridLayout,
    QHeaderView,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty import EmptyState
from app.panels.header import price
from app.theme import Theme, icon
from forecasting.series import Panel, PriceSeries

_ICONS = {"info": "info", "warning": "warning", "error": "warning"}


class DataPanel(QStackedWidget):
    """Series of the panel, facts and findings of the chosen one.

    Attributes
    ----------
    series_chosen : Signal
        Place of a series in the panel.
    open_wanted, sample_wanted : Signal
        From the empty state.
    """

    series_chosen = Signal(int)
    open_wanted = Signal()
    sample_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._series: PriceSeries | None = None
        self._empty = EmptyState("data", self.tr("No prices yet"), self.tr("Open a file, drop one anywhere, or type a ticker above."))
        self._empty.add_button(self.tr("Open a file…")).clicked.connect(self.open_wanted)
        self._empty.add_button(self.tr("Show the sample")).clicked.connect(self.sample_wanted)
        self._table = self._make_table()
        self._facts = QFormLayout()
        self._facts.setContentsMargins(2, 4, 2, 4)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(3)
        self._quality = QLabel()
        self._quality.setProperty("role", "heading")
        self._findings = QGridLayout()
        self._findings.setColumnStretch(1, 1)
        self._findings.setHorizontalSpacing(8)
        full = QWidget()
        rows = QVBoxLayout(full)
        rows.setContentsMargins(8, 8, 8, 8)
        rows.setSpacing(6)
        rows.addWidget(self._table)
        rows.addLayout(self._facts)
        rows.addWidget(self._quality)
        rows.addLayout(self._findings)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(full)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.addWidget(self._empty)
        self.addWidget(scroll)

    def show_panel(self, panel: Panel | None, selected: int = 0) -> None:
        """List the series of a panel and show one of them; None shows the empty state."""
        self.setCurrentIndex(0 if panel is None else 1)
        if panel is None:
            return
        with QSignalBlocker(self._table):
            self._table.setRowCount(len(panel))
            for row, series in enumerate(panel):
                self._fill_row(row, series)
            self._table.selectRow(selected)
        height = self._table.horizontalHeader().sizeHint().height() + 2
        self._table.setFixedHeight(height + sum(self._table.rowHeight(row) for row in range(min(len(panel), 6))))
        self.show_series(panel[selected])

    def show_series(self, series: PriceSeries) -> None:
        """Show facts and findings of one series."""
        self._series = series
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for name, value in self._told(series):
            label, text = QLabel(name), QLabel(value)
            label.setProperty("role", "muted")
            text.setWordWrap(True)
            text.setToolTip(series.provenance.source)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addRow(label, text)
        self._show_findings(series)

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._theme = theme
        self._empty.set_theme(theme)
        if self._series:
            self._show_findings(self._series)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        table.setAccessibleName(self.tr("Loaded series"))
        for column, name in enumerate((self.tr("Series"), self.tr("Bars"), self.tr("Last"))):
            table.setHorizontalHeaderItem(column, _cell(name, right=column > 0))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(28)
        table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            table.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.currentCellChanged.connect(self._row_changed)
        return table

    def _row_changed(self, row: int, _column: int, old_row: int, _old_column: int) -> None:
        if row >= 0 and row != old_row:
            self.series_chosen.emit(row)

    def _fill_row(self, row: int, series: PriceSeries) -> None:
        for column, text in enumerate((series.symbol, QLocale().toString(len(series)), price(series.y[-1]))):
            self._table.setItem(row, column, _cell(text, right=column > 0))

    def _told(self, series: PriceSeries) -> list[tuple[str, str]]:
        source = series.provenance
        spacing = {"1D": self.tr("daily"), "1W": self.tr("weekly"), "1M": self.tr("monthly"), "": self.tr("irregular")}
        adjusted = {"adjusted": self.tr("adjusted for splits and dividends"), "raw": self.tr("as traded (raw)")}.get(source.adjusted, "")
        first, last = (str(day.astype("datetime64[D]")) for day in (series.ds[0], series.ds[-1]))
        told = [
            (self.tr("Period"), f"{first} – {last}"),
            (self.tr("Spacing"), " · ".join(filter(None, (spacing.get(series.freq, series.freq), series.calendar, series.tz)))),
            (self.tr("Prices"), " · ".join(filter(None, (series.currency, adjusted)))),
            (self.tr("Source"), source.note or Path(source.source).name),
        ]
        return [(name, value) for name, value in told if value]

    def _show_findings(self, series: PriceSeries) -> None:
        count = len(series.findings)
        self._quality.setText(self.tr("Checks: {n} findings").format(n=count) if count else self.tr("Checks: nothing to report"))
        while (left := self._findings.takeAt(0)) is not None:
            if (widget := left.widget()) is not None:
                widget.deleteLater()
        for row, finding in enumerate(series.findings):
            mark, text = QLabel(), QLabel(finding.message)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setToolTip("\n".join(filter(None, (finding.action, ", ".join(finding.dates)))))
            mark.setAccessibleName(finding.severity)
            if self._theme:
                mark.setPixmap(icon(_ICONS[finding.severity], self._theme).pixmap(QSize(16, 16)))
            self._findings.addWidget(mark, row, 0, Qt.AlignmentFlag.AlignTop)
            self._findings.addWidget(text, row, 1)


def _cell(text: str, *, right: bool) -> QTableWidgetItem:
    """Return a cell with its text on one side: numbers on the right."""
    item = QTableWidgetItem(text)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item
