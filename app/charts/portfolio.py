"""The plots of a portfolio: distribution, fall, backtest, and correlation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.charts.canvas import EmptyText, PaintedPlot
from app.charts.curves import CurveChart, Line, LineMark
from app.charts.legend import words
from app.charts.plot import Columns
from app.theme import Theme
from forecasting.series import Dates, Floats

_NOTHING = ("No portfolio yet", "Check series, then press Value the portfolio.")
#: Most bars of a histogram.
_MOST_BINS = 60
#: Most series whose correlations are written as numbers, in a cell of so many pixels at least.
_MOST_NUMBERS, _LEAST_CELL = 15, 28.0


class ValueHistogram(CurveChart):
    """How often the value at the end changes by how much, with VaR and expected shortfall."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Distribution of value", "change %", EmptyText(*map(words, _NOTHING)), parent=parent
        )

    def show_value(
        self, change: Floats | None, var: dict[int, float] | None = None, es: float = 0.0
    ) -> None:
        """Show changes of value [K] as shares of the paths; losses are marked by VaR and ES."""
        if change is None or not change.size:
            self.show_lines([])
            return
        bins = int(np.clip(np.sqrt(change.size), 10, _MOST_BINS))
        count, edges = np.histogram(100 * change, bins=bins)
        share = 100 * count / change.size
        x = np.repeat(edges, 2)
        y = np.concatenate([[0.0], np.repeat(share, 2), [0.0]])
        top = float(share.max())
        lines = [Line(words("share of paths"), x, y, "forecast")]
        for level, loss in (var or {}).items():
            at = np.full(2, -100 * loss)
            mark: LineMark = "dashed" if level < 99 else "dashdot"
            lines.append(Line(f"VaR {level} %", at, np.array([0.0, top]), "down", mark, True))
        if var:
            at = np.full(2, -100 * es)
            name = words("expected shortfall 95 %")
            lines.append(Line(name, at, np.array([0.0, top]), "down", "dotted", True))
        self.show_lines(lines, " %")

    def table(self) -> Columns:
        """Return lower and upper edge of each bar with its share of the paths."""
        line = next(iter(self._lines), None)
        if line is None:
            return {}
        return {
            words("from %"): line.x[1:-1:2],
            words("to %"): line.x[2::2],
            words("share of paths %"): line.y[1:-1:2],
        }


class DrawdownChart(CurveChart):
    """The largest fall so far by bars ahead: median and outer parts of the paths."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Largest fall on the way", "bar", EmptyText(*map(words, _NOTHING)), parent=parent
        )

    def show_drawdown(self, drawdown: Floats | None) -> None:
        """Show the falls of all paths, [H, K] as shares."""
        if drawdown is None:
            self.show_lines([])
            return
        steps = np.arange(1.0, 1 + len(drawdown))
        kinds = (
            (words("half of the paths within"), 0.5, "line"),
            (words("95 % within"), 0.95, "dashed"),
            (words("99 % within"), 0.99, "dotted"),
        )
        self.show_lines(
            [
                Line(name, steps, -100 * np.quantile(drawdown, q, axis=1), "down", mark)  # type: ignore[arg-type]
                for name, q, mark in kinds
            ],
            " %",
        )


class PortfolioBacktestChart(CurveChart):
    """The 80 % band of the value at the end beside what came, by cutoff."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Portfolio backtest",
            "",
            EmptyText(words("Not judged yet"), words("Tick Backtest, then value the portfolio.")),
            dates=True,
            parent=parent,
        )

    def show_backtest(self, cutoffs: Dates, outcome: Floats, low: Floats, high: Floats) -> None:
        """Show values relative to those at the cutoff, [N] each, in percent."""
        if not cutoffs.size:
            self.show_lines([])
            return
        x = np.arange(cutoffs.size, dtype=np.float64)
        values = [100 * (line - 1) for line in (low, high, outcome)]
        missed = (outcome < low) | (outcome > high)
        outside = np.where(missed, values[2], np.nan)
        self.show_lines(
            [
                Line(words("80 % band, lower"), x, values[0], "forecast", "dashed"),
                Line(words("80 % band, upper"), x, values[1], "forecast", "dashed"),
                Line(words("what happened"), x, values[2], "price", width=1.2),
                Line(words("outside the band"), x, outside, "down", "rings"),
            ],
            " %",
            ds=cutoffs,
        )


class CorrelationMap(PaintedPlot):
    """Correlations of the future as coloured cells; read as numbers where there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._symbols: tuple[str, ...] = ()
        self._values = np.empty((0, 0))
        self.setMinimumSize(120, 60)
        self.setAccessibleName(words("Correlation of the future"))

    def show_correlation(self, symbols: Sequence[str], values: Floats) -> None:
        """Show the correlations [S, S] of series."""
        self._symbols, self._values = tuple(symbols), values
        self.setAccessibleDescription(self.summary())
        self.update()

    def _paint(self, painter: QPainter, rect: QRectF, theme: Theme) -> None:
        painter.setPen(QColor(theme.text))
        count = len(self._symbols)
        if not count:
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, words(_NOTHING[0]))
            return
        metrics = painter.fontMetrics()
        longest = max(metrics.horizontalAdvance(symbol) for symbol in self._symbols)
        left = min(longest + 10.0, rect.width() / 3)
        cell = min(
            (rect.width() - left - 4) / count, (rect.height() - metrics.height() - 8) / count
        )
        top = rect.top() + metrics.height() + 4
        for row in range(count):
            self._paint_row(painter, theme, row, QPointF(rect.left() + left, top), cell)

    def _paint_row(
        self, painter: QPainter, theme: Theme, row: int, corner: QPointF, cell: float
    ) -> None:
        high = QRectF(corner.x() - 400, corner.y() + row * cell, 394, cell)
        named = cell >= painter.fontMetrics().height() - 3
        painter.setPen(QColor(theme.text))
        if named:
            side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(high, side, self._symbols[row])
            above = QRectF(corner.x() + row * cell, corner.y() - 24, cell, 22)
            shown = painter.fontMetrics().elidedText(
                self._symbols[row], Qt.TextElideMode.ElideMiddle, int(cell)
            )
            painter.drawText(
                above, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, shown
            )
        for column, value in enumerate(self._values[row]):
            box = QRectF(corner.x() + column * cell, corner.y() + row * cell, cell, cell)
            painter.fillRect(box.adjusted(0, 0, -1, -1), _shade(float(value), theme))
            if len(self._symbols) <= _MOST_NUMBERS and cell >= _LEAST_CELL:
                painter.setPen(QColor(theme.text))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:.2f}")

    def table(self) -> Columns:
        """Return one row a series, one column a series."""
        if not self._symbols:
            return {}
        columns: dict[str, object] = {words("Series"): list(self._symbols)}
        columns |= {symbol: self._values[:, index] for index, symbol in enumerate(self._symbols)}
        return columns  # type: ignore[return-value]

    def summary(self) -> str:
        """Return the mean and the outer correlations in a sentence."""
        count = len(self._symbols)
        if count < 2:
            return words("Fewer than two series: there is no correlation to show.")
        upper = np.triu_indices(count, 1)
        values = self._values[upper]
        first, last = (int(np.argmax(values)), int(np.argmin(values)))

        def pair(index: int) -> str:
            return f"{self._symbols[upper[0][index]]} / {self._symbols[upper[1][index]]}"

        return words(
            "Correlations: mean {mean:.2f}, highest {high:.2f} ({a}), lowest {low:.2f} ({b})."
        ).format(
            mean=float(values.mean()),
            high=float(values[first]),
            a=pair(first),
            low=float(values[last]),
            b=pair(last),
        )


def _shade(value: float, theme: Theme) -> QColor:
    """Return the colour of a correlation, stronger the farther it is from 0."""
    color = QColor(theme.forecast if value >= 0 else theme.down)
    color.setAlphaF(min(abs(value), 1.0) * 0.75)
    return color
