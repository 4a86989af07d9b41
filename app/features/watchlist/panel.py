"""The watchlist with what is known of the chosen series: its facts, its calendar, the distance
of its bars, what was found in them.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PySide6.QtCore import QDateTime, QLocale, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.features.watchlist.list_menu import ListFinder, ListMenu
from app.features.watchlist.series_list import SeriesList, spacing_word
from app.number_format import moment, number
from app.theme import Theme, icon
from app.watchlist import Row
from app.widgets.auto_combo import AutoCombo
from app.widgets.chart_header import ElidedLabel
from app.widgets.empty_state import EmptyState
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from app.widgets.quality_list import QualityList
from app.widgets.undo_line import UndoLine
from forecasting.calendars import SUFFIXES
from forecasting.checks import some_names
from forecasting.series import PriceSeries, Provenance
from forecasting.source_registry import catalog, source_spec
from forecasting.sources.resample import RESAMPLES

#: Most rows that are seen at once, and the share of the height that they may take.
_MOST_ROWS, _LIST_SHARE = 8, 0.5
#: Least height in pixels of what is known of a series: a line can still be read, and the rest
#: scrolls.
_LOWEST = 48
#: Where the exchanges of the larger calendars are.
_CITIES = {
    "XNYS": "New York", "XLON": "London", "XFRA": "Frankfurt", "XPAR": "Paris", "XAMS": "Amsterdam",
    "XSWX": "Zurich", "XMIL": "Milan",
    "XMAD": "Madrid", "XWAR": "Warsaw", "XSTO": "Stockholm", "XTKS": "Tokyo", "XHKG": "Hong Kong",
    "XSHG": "Shanghai", "XBOM": "Mumbai",
    "XASX": "Sydney", "XTSE": "Toronto", "BVMF": "São Paulo", "XKRX": "Seoul", "XSES": "Singapore",
    "XJSE": "Johannesburg",
    "CMES": "Chicago futures",
}  # fmt: skip


class DataPanel(QStackedWidget):
    """The watchlist; facts, choices and findings of the chosen series. It changes nothing: it tells
    what the user wants.

    Attributes
    ----------
    series_chosen, load_requested, options_requested : Signal
        Place of a row to show, to load (again), to load with other options.
    check_requested, only_requested, move_requested, remove_requested : Signal
        Rows are to be trained or not; one alone is; one is to go elsewhere; rows are to be taken
        off the list.
    put_back_requested : Signal
        What was removed last is to come back.
    shape_requested : Signal
        Place of a row, the name of a reading option such as ``resample``, and its value: "" for
        what was found.
    add_file_requested, add_ticker_requested, add_sample_requested : Signal
        Something is to be added; the last with the sample's reference.
    open_requested, sample_requested : Signal
        From the empty state.
    group_requested : Signal
        Places of rows that are to be put into a group.
    import_requested, export_requested : Signal
        The list is to be read from a CSV file, or written to one.
    arranged, columns_chosen : Signal
        The order of the rows (its name, and whether it is reversed), or what is shown of each row
        (names) was chosen.
    folded : Signal
        Keys of the headings that are folded now.
    """

    series_chosen = Signal(int)
    load_requested = Signal(int)
    options_requested = Signal(int)
    check_requested = Signal(object, bool)
    only_requested = Signal(int)
    move_requested = Signal(int, int)
    remove_requested = Signal(object)
    put_back_requested = Signal()
    shape_requested = Signal(int, str, str)
    add_file_requested = Signal()
    add_ticker_requested = Signal()
    add_sample_requested = Signal(str)
    open_requested = Signal()
    sample_requested = Signal()
    group_requested = Signal(object)
    import_requested = Signal()
    export_requested = Signal()
    arranged = Signal(str, bool)
    columns_chosen = Signal(object)
    folded = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row: Row | None = None
        self._empty = EmptyState(
            "data",
            self.tr("No prices yet"),
            self.tr("Open a file, drop one anywhere, or type a ticker above."),
        )
        self._empty.add_button(self.tr("Open a file…")).clicked.connect(self.open_requested)
        self._empty.add_button(self.tr("Show the sample")).clicked.connect(self.sample_requested)
        self.list = SeriesList()
        self._connect_list()
        self._undo = UndoLine()
        self._undo.undo_requested.connect(self.put_back_requested)
        self.finder = ListFinder()
        self.finder.changed.connect(self._arrange)
        self.finder.left.connect(self.list.setFocus)
        self._menu = ListMenu(self)
        self._menu.order_chosen.connect(self._choose_order)
        self._menu.columns_chosen.connect(self._choose_columns)
        self._menu.group_requested.connect(lambda: self.group_requested.emit(self.list.places))
        self._menu.fold_requested.connect(lambda folded: self.list.fold_all(folded=folded))
        self._menu.aboutToShow.connect(lambda: self._menu.offer_folding(self.list.has_headings))
        self._menu.import_requested.connect(self.import_requested)
        self._menu.export_requested.connect(self.export_requested)
        self.buttons: dict[str, QToolButton] = {}
        self._trained = text_label(role="muted")
        self.calendar, self.resample = (
            AutoCombo(self.tr("Calendar"), {}),
            AutoCombo(self.tr("Distance of bars"), RESAMPLES),
        )
        self.calendar.settled.connect(lambda: self._shape("trading_calendar", self.calendar.value))
        self.resample.settled.connect(lambda: self._shape("resample", self.resample.value))
        self._facts = QFormLayout()
        self._facts.setContentsMargins(2, 4, 2, 4)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(4)
        self._shapes = QFormLayout()
        self._shapes.setContentsMargins(2, 4, 2, 4)
        self._shapes.setHorizontalSpacing(12)
        self._shapes.setVerticalSpacing(4)
        self._trouble = _Trouble()
        self._trouble.retry.clicked.connect(lambda: self.load_requested.emit(self.list.current))
        self._trouble.options.clicked.connect(
            lambda: self.options_requested.emit(self.list.current)
        )
        self._quality = text_label(role="heading", wrap=False)
        self._findings = QualityList()
        self._findings.remedy_requested.connect(
            lambda what, value: self.shape_requested.emit(self.list.current, what, value)
        )
        self.addWidget(self._empty)
        self.addWidget(self._laid_out())

    def _connect_list(self) -> None:
        """Pass on what is asked for in the list."""
        self.list.chosen.connect(self.series_chosen)
        self.list.checked.connect(self.check_requested)
        self.list.moved.connect(self.move_requested)
        self.list.removed.connect(self.remove_requested)
        self.list.undo_requested.connect(self.put_back_requested)
        self.list.load_requested.connect(self.load_requested)
        self.list.only_requested.connect(self.only_requested)
        self.list.options_requested.connect(self.options_requested)
        self.list.folded.connect(self._folded)

    def show_list(
        self, rows: tuple[Row, ...], selected: int, too_short: Collection[str] = ()
    ) -> None:
        """Show the rows of the watchlist, and all about the selected one; without rows the empty
        state.

        Parameters
        ----------
        rows : tuple of Row
        selected : int
        too_short : collection of str
            Symbols that were left out of the run at hand.
        """
        self.setCurrentIndex(1 if rows or not self._undo.isHidden() else 0)
        self.list.show_rows(rows, selected)
        self.finder.show_count(self.list.shown_count, len(rows))
        self._share()
        self._row = rows[selected] if rows else None
        if self._row is None:
            self._show_nothing()
            return
        self._show_trained(rows, self._row, too_short)
        self.buttons["up"].setEnabled(self.list.is_natural and selected > 0)
        self.buttons["down"].setEnabled(self.list.is_natural and selected < len(rows) - 1)
        self.buttons["options"].setEnabled(bool(self._row.request.spec.options))
        self._trouble.show_row(self._row)
        for field in (self.resample, self.calendar):
            self._shapes.setRowVisible(field, self._row.series is not None)
        self._show_choices(self._row)
        self._show_facts(self._row)
        self._show_findings(self._row.series)

    def _show_nothing(self) -> None:
        """Show nothing of a series: the list is empty, and what was removed can be put back."""
        self._trained.hide()
        self._trouble.hide()
        for field in (self.resample, self.calendar):
            self._shapes.setRowVisible(field, False)
        while self._facts.rowCount():
            self._facts.removeRow(0)
        self._show_findings(None)

    def show_removed(self, count: int) -> None:
        """Offer to put removed series back; nothing is offered of none."""
        self._undo.offer(self.tr("{n} series removed.").format(n=number(count, 0)), count > 0)
        self.list.set_undo(count > 0)

    def arrange(self, order: str, *, reverse: bool) -> None:
        """Show the rows in an order, without a word to others."""
        self._menu.show_order(order, reverse=reverse)
        self._arrange()

    def show_columns(self, columns: Collection[str]) -> None:
        """Show columns of the rows, without a word to others."""
        self._menu.show_columns(columns)
        self.list.show_columns(columns)

    def begin_search(self) -> None:
        """Let the user type what to look for in the list."""
        self.finder.begin()

    def _arrange(self) -> None:
        order, reverse = self._menu.order, self._menu.reverse
        self.list.arrange(self.finder.phrase, order, reverse=reverse)
        self.finder.show_count(self.list.shown_count, self.list.total_count)
        self._share()
        if self._row is not None:
            current, last = self.list.current, self.list.total_count - 1
            self.buttons["up"].setEnabled(self.list.is_natural and current > 0)
            self.buttons["down"].setEnabled(self.list.is_natural and current < last)

    def _choose_order(self, order: str, reverse: bool) -> None:
        self._arrange()
        self.arranged.emit(order, reverse)

    def _folded(self, keys: object) -> None:
        self._share()
        self.folded.emit(keys)

    def _choose_columns(self, columns: object) -> None:
        assert isinstance(columns, tuple)
        self.list.show_columns(columns)
        self.columns_chosen.emit(columns)

    @property
    def trained_words(self) -> str:
        """What is said of the series that are trained; "" where nothing is."""
        return "" if self._trained.isHidden() else self._trained.text()

    def show_busy(self, *, busy: bool) -> None:
        """Refuse what loads something while a network is trained."""
        for part in (
            self.calendar,
            self.resample,
            self._trouble.retry,
            self._trouble.options,
            self.buttons["add"],
        ):
            part.setEnabled(not busy)
        self.buttons["options"].setEnabled(
            not busy and self._row is not None and bool(self._row.request.spec.options)
        )

    def set_theme(self, theme: Theme) -> None:
        """Draw icons in the colours of a theme."""
        self._empty.set_theme(theme)
        self.list.set_theme(theme)
        for name, button in self.buttons.items():
            button.setIcon(icon(_PICTURES[name], theme))
        self._findings.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the height between the list and what is known of one series."""
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        self.list.fit(min(_MOST_ROWS, int(_LIST_SHARE * self.height() / self.list.row_height)))

    def _laid_out(self) -> QWidget:
        """Return the list above the facts and findings of one series; only these scroll, the
        list does so by itself.
        """
        details = QWidget()
        below = QVBoxLayout(details)
        below.setContentsMargins(8, 0, 8, 8)
        below.setSpacing(6)
        below.addWidget(self._trouble)
        below.addLayout(self._facts)
        below.addWidget(self._quality)
        below.addWidget(self._findings)
        below.addLayout(self._shapes)
        below.addStretch(1)
        for words, field in (
            (self.tr("Bars"), self.resample),
            (self.tr("Calendar"), self.calendar),
        ):
            label = _muted(words)
            label.setBuddy(field)
            label.setContentsMargins(
                0, 4, 0, 4
            )  # as high as its field, so that both stand on one line
            self._shapes.addRow(label, field)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(details)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(_LOWEST)
        full = QWidget()
        rows = fill(QVBoxLayout(full), margins=(0, 4, 0, 0), spacing=4)
        top = QVBoxLayout()
        top.setContentsMargins(8, 0, 8, 0)
        top.setSpacing(4)
        top.addLayout(self._button_row())
        top.addWidget(self.finder)
        top.addWidget(self.list)
        top.addWidget(self._undo)
        top.addWidget(self._trained)
        fill(rows, top, (scroll, 1))
        return full

    def _button_row(self) -> QHBoxLayout:
        texts = {
            "add": (self.tr("Add"), self.tr("Add series to the watchlist and train them too")),
            "up": (self.tr("Move up"), self.tr("Move the series up (Alt+Up)")),
            "down": (self.tr("Move down"), self.tr("Move the series down (Alt+Down)")),
            "options": (self.tr("Options"), self.tr("Load the series with other options")),
            "remove": (self.tr("Remove"), self.tr("Take the series off the list (Delete)")),
            "list": (
                self.tr("List"),
                self.tr("Sort, choose columns, group, import and export the list"),
            ),
        }
        row = fill(QHBoxLayout(), spacing=2)
        for name, (text, tip) in texts.items():
            button = QToolButton()
            button.setAccessibleName(text)
            button.setToolTip(tip)
            button.setIconSize(QSize(16, 16))
            self.buttons[name] = button
            row.addWidget(button)
            if name == "add":
                button.setText(text)
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
                row.addStretch(1)
        self.buttons["list"].setMenu(self._menu)
        self.buttons["list"].setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.buttons["add"].setMenu(self._add_menu())
        self.buttons["add"].setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.buttons["up"].clicked.connect(lambda: self.list.move_current(-1))
        self.buttons["down"].clicked.connect(lambda: self.list.move_current(1))
        self.buttons["options"].clicked.connect(
            lambda: self.options_requested.emit(self.list.current)
        )
        self.buttons["remove"].clicked.connect(lambda: self.remove_requested.emit(self.list.places))
        return row

    def _add_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction(self.tr("&File…")).triggered.connect(self.add_file_requested)
        menu.addAction(self.tr("&Ticker…")).triggered.connect(self.add_ticker_requested)
        samples = menu.addMenu(self.tr("&Sample"))
        for reference, title in catalog().items():
            sampled = samples.addAction(title.replace("&", "&&"))
            sampled.triggered.connect(
                lambda _checked=False, reference=reference: self.add_sample_requested.emit(
                    reference
                )
            )
        return menu

    def _show_trained(self, rows: tuple[Row, ...], shown: Row, too_short: Collection[str]) -> None:
        """Say which series are trained, where the list alone does not make that plain."""
        chosen = [row for row in rows if row.checked and row.series is not None]
        checked = [row for row in chosen if row.symbol not in too_short]
        if len(rows) == 1 and checked:
            self._trained.hide()
            return
        number = QLocale().toString
        if not checked:
            text = self.tr("Check at least one series to train on.")
        elif len(checked) == 1:
            text = self.tr("Training takes {symbol}.").format(symbol=checked[0].symbol)
        else:
            text = self.tr("Training takes {n} of {all} together.").format(
                n=number(len(checked)), all=number(len(rows))
            )
        if len(checked) < len(chosen):
            names = some_names([row.symbol for row in chosen if row.symbol in too_short])
            text += " " + self.tr("Too short: {symbols}.").format(symbols=names)
        if checked and not shown.checked and shown.series is not None:
            text += " " + self.tr("{symbol} is only shown.").format(symbol=shown.symbol)
        self._trained.setText(text)
        self._trained.show()

    def _shape(self, what: str, value: str) -> None:
        assert self._row is not None
        if value != getattr(self._row.request.read, what):
            self.shape_requested.emit(self.list.current, what, value)

    def _show_choices(self, row: Row) -> None:
        """Show calendar and distance of bars: what was found, or what was settled."""
        read, series = row.request.read, row.series
        codes = ["24/7", "weekdays", *_CITIES, *sorted(set(SUFFIXES.values()) - set(_CITIES))]
        calendars = {
            code: f"{code} · {_CITIES[code]}" if code in _CITIES else code for code in codes
        }
        self.calendar.show_found(
            series.calendar if series and not read.trading_calendar else "",
            read.trading_calendar,
            calendars,
        )
        self.resample.show_found(
            spacing_word(series.freq) if series and not read.resample else "", read.resample
        )

    def _show_facts(self, row: Row) -> None:
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for name, value in self._told(row.series) if row.series else []:
            label, text = _muted(name), ElidedLabel()
            text.setText(value)
            text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.addRow(label, text)

    def _told(self, series: PriceSeries) -> list[tuple[str, str]]:
        source = series.provenance
        adjusted = {
            "adjusted": self.tr("adjusted for splits and dividends"),
            "raw": self.tr("as traded (raw)"),
        }.get(source.adjusted, "")
        first, last = (str(day.astype("datetime64[D]")) for day in (series.ds[0], series.ds[-1]))
        texts = [
            (self.tr("Period"), f"{first} – {last}"),
            (self.tr("Prices"), " · ".join(filter(None, (series.currency, adjusted, series.tz)))),
            (self.tr("Source"), _where_from(source)),
            (
                self.tr("Fetched"),
                _moment(source.retrieved_at) if source_spec(source.source).remote else "",
            ),
        ]
        return [(name, value) for name, value in texts if value]

    def _show_findings(self, series: PriceSeries | None) -> None:
        """List what was noticed; nothing is said of what is not loaded."""
        count = len(series.findings) if series else 0
        self._quality.setVisible(series is not None)
        self._quality.setText(
            self.tr("Findings: {n}").format(n=count)
            if count
            else self.tr("Checks: nothing to report")
        )
        self._findings.show_findings(series.findings if series else ())


def _where_from(source: Provenance) -> str:
    """Return the name of the file or ticker, and what a reader should know of it; of a sample
    its description alone.
    """
    spec = source_spec(source.source)
    name = (
        Path(source.source).name if spec.is_path else source.source if spec.shows_reference else ""
    )
    return "; ".join(filter(None, (name, source.note)))


class _Trouble(QFrame):
    """Why the chosen series is not there, or could not be brought up to date, and what can be
    done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._words = text_label(plain=True, selectable=True)
        self.retry, self.options = QPushButton(), QPushButton(self.tr("Options…"))
        buttons = fill(QHBoxLayout(), self.retry, self.options, STRETCH)
        fill(QVBoxLayout(self), self._words, buttons, margins=(10, 8, 10, 8))

    def show_row(self, row: Row) -> None:
        """Tell of the trouble of a row; hidden where there is none."""
        self.setVisible(bool(row.problem) or row.series is None)
        waiting = self.tr("Not loaded yet; what is shown is from the last time.")
        self._words.setText("\n".join(filter(None, (row.problem or waiting, row.hint))))
        self.retry.setText(self.tr("Retry") if row.problem else self.tr("Load"))
        self.options.setVisible(bool(row.problem) and bool(row.request.spec.options))


_PICTURES = {
    "add": "plus",
    "up": "up",
    "down": "down",
    "options": "settings",
    "remove": "minus",
    "list": "sort",
}


def _moment(stamp: str) -> str:
    """Write a moment that is given in UTC as the clock on the wall shows it."""
    when = QDateTime.fromString(stamp, Qt.DateFormat.ISODate)
    return moment(when) if when.isValid() else stamp


def _muted(text: str) -> QLabel:
    return text_label(text, "muted", wrap=False, plain=True)
