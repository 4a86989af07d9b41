"""The line above the chart: what is shown, its last price, and how much history is in view."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.accessibility import literal
from app.number_format import number, price_decimals
from app.preferences import SPANS
from app.theme import Theme, icon
from app.widgets.layouts import fill
from forecasting.series import PriceSeries

_MONTHS = {"1M": 1, "3M": 3, "6M": 6, "1Y": 12, "5Y": 60}
#: Fewest bars that a range is worth: fewer do not show how a price moves.
FEWEST_BARS = 12


def bars_in(series: PriceSeries, span: str) -> int | None:
    """Return how many of the last bars a span of :data:`app.preferences.SPANS` covers, at least
    two; None means all.
    """
    if span not in SPANS or span == "All":
        return None
    last = series.ds[-1]
    if span == "YTD":
        start = last.astype("datetime64[Y]").astype(series.ds.dtype)
    else:
        month = last.astype("datetime64[M]")
        start = (month - _MONTHS[span]).astype(series.ds.dtype) + (
            last - month.astype(series.ds.dtype)
        )
    count = len(series) - int(np.searchsorted(series.ds, start, side="left"))
    return min(max(count, 2), len(series))


def ranges(series: PriceSeries) -> dict[str, int | None]:
    """Return the spans of :data:`app.preferences.SPANS` that cover enough bars of a series, with
    how many of the last bars each covers.

    A span that covers fewer than :data:`FEWEST_BARS`, such as a month of weekly bars, is left out;
    "All" is always there.
    """
    found = {span: bars_in(series, span) for span in SPANS}
    return {span: bars for span, bars in found.items() if bars is None or bars >= FEWEST_BARS}


def fitting(series: PriceSeries, span: str) -> str:
    """Return a span, or the shortest one beyond it that covers enough bars of a series."""
    enough = ranges(series)
    wanted = bars_in(series, span) or 0
    longer = [
        (bars or len(series), name)
        for name, bars in enough.items()
        if (bars or len(series)) >= wanted
    ]
    return span if span in enough else min(longer, key=lambda pair: pair[0])[1]


def price(value: float, beside: float | None = None) -> str:
    """Write a price, or a change of the price ``beside`` it, with the decimals in which a price
    of that size is quoted.
    """
    decimals = price_decimals(value if beside is None else beside)
    return number(value, decimals) if np.isfinite(value) else "–"


class ElidedLabel(QLabel):
    """Lines of text that give up their ends where there is no room for them; the tool tip has it
    all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(60)

    def setText(self, text: str) -> None:
        """Show a text, as much of it as fits."""
        super().setText(text)
        self.setToolTip(literal(text))
        self.setMinimumWidth(min(60, self.sizeHint().width()))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the text, cut where the room ends."""
        painter = QPainter(self)
        end = Qt.TextElideMode.ElideRight
        lines = [
            self.fontMetrics().elidedText(line, end, self.width())
            for line in self.text().split("\n")
        ]
        painter.drawText(
            self.rect(),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            "\n".join(lines),
        )


class ChartHeader(QWidget):
    """Title and last price on the left, spans on the right.

    Attributes
    ----------
    span_chosen : Signal
        One of :data:`app.preferences.SPANS`.
    """

    span_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._rise = 0.0
        self._title, self._last, self._change = ElidedLabel(), QLabel(), QLabel()
        self._title.setProperty("role", "title")
        self._last.setProperty("role", "title")
        first = fill(QHBoxLayout(self), margins=(12, 6, 8, 6), spacing=10)
        for label in (self._title, self._last, self._change):
            first.addWidget(label)
        first.addStretch(1)
        self._spans = QButtonGroup(self)
        self._spans.setExclusive(True)
        buttons = fill(QHBoxLayout(), spacing=2)
        self._indicators = QToolButton()
        self._indicators.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._indicators.setText(self.tr("Indicators"))
        self._indicators.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._indicators.setToolTip(
            self.tr("Draw averages, bands, RSI and MACD; hide and show what the legend lists")
        )
        self._indicators.setAccessibleName(self.tr("Indicators"))
        buttons.addWidget(self._indicators)
        self._interval = QToolButton()
        self._interval.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._interval.setText(self.tr("Bars"))
        self._interval.setToolTip(self.tr("Join the bars of the chart: minutes to months"))
        self._interval.setAccessibleName(self.tr("Distance of the bars in the chart"))
        buttons.addWidget(self._interval)
        for span in SPANS:
            buttons.addWidget(self._span_button(span))
        first.addLayout(buttons)
        self.hide()

    def show_series(self, series: PriceSeries | None) -> None:
        """Show name, last value and change of a series."""
        self._title.setText(series.symbol if series else "")
        self._last.setText(price(series.y[-1]) if series else "")
        self._rise = float(series.y[-1] - series.y[-2]) if series and len(series) > 1 else 0.0
        before = float(series.y[-2]) if series and len(series) > 1 else 0.0
        self._change.setText(_change_text(self._rise, before) if series else "")
        self.setVisible(series is not None)
        self.offer_spans(series)
        self._color()

    def set_compact(self, compact: bool) -> None:
        """Fit into a small window: an icon alone for the indicators, and the change only in the
        watchlist.
        """
        self._change.setVisible(not compact)
        style = (
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if compact
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        self._indicators.setToolButtonStyle(style)

    def show_menu(self, menu: QMenu) -> None:
        """Open a menu under the button of the indicators."""
        self._indicators.setMenu(menu)

    def show_intervals(self, menu: QMenu) -> None:
        """Open a menu under the button of the bars."""
        self._interval.setMenu(menu)

    def show_interval(self, text: str) -> None:
        """Name the distance of the bars in the chart."""
        self._interval.setText(text)

    def show_span(self, span: str) -> None:
        """Mark a span as the one in view; "" where none is."""
        self._spans.setExclusive(False)
        for button in self._spans.buttons():
            button.setChecked(button.text() == span)
        self._spans.setExclusive(True)

    @property
    def span(self) -> str:
        """The span that is marked, "" for none."""
        button = self._spans.checkedButton()
        return button.text() if button else ""

    def offer_spans(self, series: PriceSeries | None) -> None:
        """Enable the spans that cover enough bars of a series."""
        enough = ranges(series) if series else {}
        for button in self._spans.buttons():
            span = button.text()
            button.setEnabled(span in enough)
            few = self.tr("{span} has fewer than {n} bars here").format(span=span, n=FEWEST_BARS)
            button.setToolTip(few if series and span not in enough else self._span_tip(span))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._indicators.setIcon(icon("indicators", theme))
        self._color()

    def _color(self) -> None:
        if self._theme:
            color = self._theme.down_text if self._rise < 0 else self._theme.up_text
            self._change.setStyleSheet(f"color: {color}; font-weight: 600;")

    def _span_tip(self, span: str) -> str:
        long = {"YTD": self.tr("this year"), "All": self.tr("the whole history")}.get(span, span)
        return self.tr("Show {span}").format(span=long)

    def _span_button(self, span: str) -> QToolButton:
        button = QToolButton()
        button.setText(span)
        button.setCheckable(True)
        button.setMinimumWidth(button.fontMetrics().horizontalAdvance(span) + 18)
        button.setToolTip(self._span_tip(span))
        button.setAccessibleName(button.toolTip())
        button.clicked.connect(lambda: self.span_chosen.emit(span))
        self._spans.addButton(button)
        return button


def _change_text(rise: float, before: float) -> str:
    arrow = "▲" if rise > 0 else "▼" if rise < 0 else "■"
    share = ""
    if before:
        percent = round(abs(rise / before) * 100, 2)
        sign = "" if not percent else "+" if rise > 0 else "-"
        share = f" ({sign}{number(percent, 2)} %)"
    return f"{arrow} {price(abs(rise), before)}{share}"
