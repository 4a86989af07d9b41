"""The first page of a judgement: a sentence without jargon, four numbers, three reasons and one
picture of what happened.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QCoreApplication, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.accessibility import literal
from app.charts.happened import HappenedChart
from app.features.evaluation.days import Day
from app.theme import Theme
from app.widgets.chart_header import ElidedLabel
from app.widgets.labels import text_label
from app.widgets.layouts import STRETCH, fill
from forecasting.series import Outcomes
from forecasting.summary import TERMS, KeyNumber, Standing, Summary

#: Width in pixels from which the four numbers stand in one row.
_WIDE = 480
#: Least height in pixels of reasons and picture: in a low window the numbers go first.
_LEAST = 36


def _tr(text: str) -> str:
    return QCoreApplication.translate("SummaryPage", text)


class NumberTile(QFrame):
    """One number with its name and a word on how good it is; it explains itself to pointer and
    keyboard.
    """

    def __init__(self) -> None:
        super().__init__()
        self._standing: Standing = "open"
        self._theme: Theme | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setProperty("role", "card")
        self._value, self._title, self._mark = QLabel(), QLabel(), QLabel()
        self._value.setProperty("role", "title")
        self._title.setProperty("role", "muted")
        self._title.setWordWrap(True)
        rows = fill(QVBoxLayout(self), margins=(8, 5, 8, 5), spacing=0)
        top = fill(QHBoxLayout(), self._value, self._mark, STRETCH, spacing=5)
        fill(rows, top, self._title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def text(self) -> str:
        """Return name, value and standing."""
        return self.accessibleName()

    def show_number(self, item: KeyNumber) -> None:
        """Show a number."""
        words = {
            "good": _tr("good"),
            "even": _tr("no difference that counts"),
            "bad": _tr("bad"),
            "open": _tr("not known"),
        }
        self._standing = item.standing
        self._value.setText(item.text)
        self._title.setText(item.title)
        self._mark.setText({"good": "▲", "even": "●", "bad": "▼", "open": "?"}[item.standing])
        self.setToolTip(
            literal(f"{item.title}: {item.text}, {words[item.standing]}. ") + item.explanation
        )
        self.setAccessibleName(f"{item.title}: {item.text}, {words[item.standing]}")
        self.setAccessibleDescription(item.explanation)
        self._color()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._color()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Explain the number to those who come by keyboard."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), self.toolTip(), self)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the explanation away."""
        super().focusOutEvent(event)
        QToolTip.hideText()

    def _color(self) -> None:
        if self._theme is not None:
            self._mark.setStyleSheet(f"color: {color_of(self._standing, self._theme)};")


def color_of(standing: Standing, theme: Theme) -> str:
    """Return the colour of a standing."""
    return {
        "good": theme.forecast,
        "even": theme.baseline,
        "bad": theme.down,
        "open": theme.muted,
    }[standing]


class SummaryPage(QWidget):
    """Numbers in a row, below them the reasons at the left, what happened at the right.

    Attributes
    ----------
    day_chosen : Signal
        A point of the picture was picked (a Day).
    """

    day_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: Outcomes | None = None
        self._symbol = ""
        self._columns = 0
        self._reasons = [self._label() for _ in range(3)]
        self._foot = self._label()
        self._foot.setProperty("role", "muted")
        self.tiles = [NumberTile() for _ in range(4)]
        self.chart = HappenedChart()
        self.chart.picked.connect(self._picked)
        self._caption = ElidedLabel()
        self._caption.setProperty("role", "muted")
        self._caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        whole = fill(QVBoxLayout(self), margins=(0, 2, 0, 6), spacing=6)
        self._grid = QGridLayout()
        self._grid.setSpacing(6)
        self._across(2)
        whole.addLayout(self._grid)
        columns = fill(QHBoxLayout(), spacing=10)
        left = self._left()
        for part in (left, self.chart):
            part.setMinimumHeight(_LEAST)
        columns.addWidget(left, 3)
        right = fill(QVBoxLayout(), self._caption, (self.chart, 1), spacing=2)
        columns.addLayout(right, 2)
        whole.addLayout(columns, 1)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons as they are shown."""
        return tuple(label.text() for label in self._reasons)

    def show_summary(self, summary: Summary, foot: str) -> None:
        """Show reasons and numbers, and below them how the judgement came about."""
        terms = (
            f"{TERMS['error']} {TERMS['best']} {TERMS['chance']}",
            TERMS["held"],
            TERMS["network"],
        )
        for label, text, term in zip(self._reasons, summary.reasons, terms, strict=True):
            label.setText(f"• {text}")
            label.setToolTip(literal(term))
        for tile, item in zip(self.tiles, summary.numbers, strict=True):
            tile.show_number(item)
        self._foot.setText(foot)
        self._foot.setVisible(bool(foot))

    def show_outcomes(self, outcomes: Mapping[str, Outcomes], symbol: str = "") -> None:
        """Draw what happened of one series; of the first one where that is not among them."""
        first = next(iter(outcomes.values()), None)
        if first is None or not len(first):
            self._outcomes = None
            self.chart.show_outcomes(None)
            self._say_what(self.tr("What happened"))
            return
        known = np.unique(first.symbol)
        self._symbol = symbol if symbol in known else str(first.symbol[0])
        self._outcomes = first.of(self._symbol)
        self.chart.show_outcomes(self._outcomes)
        words = (
            self.tr("{symbol}: forecast range {step} bars ahead, and what happened")
            if first.horizon > 1
            else self.tr("{symbol}: forecast range of the next bar, and what happened")
        )
        self._say_what(words.format(symbol=self._symbol, step=first.horizon))

    def _say_what(self, text: str) -> None:
        """Write what the picture shows above it."""
        self._caption.setText(text)
        how = self.tr(
            "Click a day, or choose it with the arrow keys and Enter, to see it in the chart."
        )
        self._caption.setToolTip(literal(f"{text}\n{how}"))

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.chart.set_theme(theme)
        for tile in self.tiles:
            tile.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the numbers side by side where there is room."""
        super().resizeEvent(event)
        self._across(4 if self.width() >= _WIDE else 2)

    def _across(self, count: int) -> None:
        if count == self._columns:
            return
        self._columns = count
        for index, tile in enumerate(self.tiles):
            self._grid.removeWidget(tile)
            self._grid.addWidget(tile, index // count, index % count)

    def _label(self) -> QLabel:
        label = text_label(plain=True, selectable=True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        return label

    def _left(self) -> QScrollArea:
        inside = QWidget()
        rows = fill(QVBoxLayout(inside), margins=(0, 0, 0, 0), spacing=5)
        for label in self._reasons:
            rows.addWidget(label)
        fill(rows, self._foot, STRETCH)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setAccessibleName(self.tr("Reasons"))
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        return scroll

    def _picked(self, x: float, _value: float) -> None:
        if self._outcomes is not None:
            cutoffs = np.sort(self._outcomes.cutoff)
            self.day_chosen.emit(Day(self._symbol, cutoffs[int(x)]))
