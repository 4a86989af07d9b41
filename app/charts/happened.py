"""What happened beside what was forecast: the range at one step ahead over all past days."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.charts.bands import fill_between
from app.charts.canvas import EmptyText, Frame
from app.charts.curves import CurveChart, Line
from app.charts.legend import words
from app.charts.plot import Columns
from app.number_format import number
from forecasting.series import Floats, Outcomes, within

#: Limits of the band that is drawn.
_LOW, _HIGH = 0.1, 0.9


class _Band:
    """The area between two lines."""

    def __init__(self, x: Floats, low: Floats, high: Floats) -> None:
        self.x, self.low, self.high = x, low, high

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint the area where both limits are known."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        if known.sum() > 1:
            low, high = (frame.py(side[known]) for side in (self.low, self.high))
            fill_between(painter, frame.px(self.x[known]), low, high, frame.theme.forecast, 0.28)


class HappenedChart(CurveChart):
    """The 80 % band forecast some bars ahead, and what happened: dots inside, rings outside.

    Changes since the forecast in percent; in units of the series where it is not above zero.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        self._band: _Band | None = None
        super().__init__(
            "What happened",
            "cutoff",
            EmptyText(words("No outcomes at hand"), words("Train or backtest to see them here.")),
            dates=True,
            parent=parent,
        )
        self._table: Columns = {}

    def show_outcomes(self, outcomes: Outcomes | None, step: int = 0) -> None:
        """Show the outcomes of one series.

        Parameters
        ----------
        outcomes : Outcomes or None
        step : int
            Bars ahead, counted from 1; 0 for the farthest.
        """
        self._band, self._table = None, {}
        if outcomes is None or not len(outcomes):
            self.show_lines(())
            return
        own = outcomes.take(np.argsort(outcomes.cutoff, kind="stable"))
        column = (step or own.horizon) - 1
        relative = bool((own.y0 > 0).all())
        came = _change(own.y[:, column], own.y0, relative)
        limits = self._limits(own, column, relative)
        hit = np.ones(came.size, bool)
        if limits is not None:
            hit = within(limits[0], came, limits[1]) | ~np.isfinite(came)
        self._draw(own, column, came, hit, limits, relative)

    def table(self) -> Columns:
        """Return date, band and outcome of each forecast."""
        return self._table

    def _limits(self, own: Outcomes, column: int, relative: bool) -> tuple[Floats, Floats] | None:
        try:
            low, high = (own.quantile(q)[:, column] for q in (_LOW, _HIGH))
        except KeyError:
            return None
        return _change(low, own.y0, relative), _change(high, own.y0, relative)

    def _draw(
        self,
        own: Outcomes,
        column: int,
        came: Floats,
        hit: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        limits: tuple[Floats, Floats] | None,
        relative: bool,
    ) -> None:
        unit = " %" if relative else ""
        x = np.arange(len(own), dtype=np.float64)
        lines = [
            Line(words("outside the 80 % band"), x[~hit], came[~hit], "down", "rings"),
            Line(
                words("what happened {step} ahead").format(step=column + 1),
                x[hit],
                came[hit],
                "text",
                "dots",
            ),
        ]
        self._table = {
            "cutoff": own.cutoff,
            "ds": own.ds[:, column],
            "change %" if relative else "change": came,
        }
        if limits is not None:
            self._band = _Band(x, *limits)
            lines += [
                Line(name, x, side, "forecast", "line", guide=True, width=1.0)
                for name, side in zip((words("80 % band"), ""), limits, strict=True)
            ]
            self._table |= {"80 % from": limits[0], "to": limits[1]}
        zero = Line("", x[[0, -1]], np.zeros(2), "muted", "dashed", guide=True, width=1.0)
        self.show_lines([*(line for line in lines if line.x.size), zero], unit, own.cutoff)

    def _read(self, index: int) -> str:
        """Return the outcome at one of the places, and the band that was forecast."""
        text, at = super()._read(index), int(self._grid_x()[index])
        if self._band is None:
            return text
        low, high = (number(float(side[at]), 2) for side in (self._band.low, self._band.high))
        return f"{text}   {words('80 % band')} {low} – {high}{self._unit}"

    def _update_scene(self) -> None:
        super()._update_scene()
        if self._band is not None and self._lines:
            self._pane.artists.insert(1, self._band)


def _change(values: Floats, y0: Floats, relative: bool) -> Floats:
    """Return the changes from the values at the cutoffs, [N]."""
    return 100 * (values / y0 - 1) if relative else values - y0
