"""Downsampling of price bars: levels of 4, 16, 64, ... bars merged into one, so that a million bars
are drawn as fast as a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from forecasting.series import Floats, PriceSeries


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars to draw, each standing for ``step`` bars of the series.

    Attributes
    ----------
    x : ndarray of float64, shape [N]
        Centre, as a bar index.
    step : int
        Bars merged into one.
    open, high, low, close : ndarray of float64, shape [N]
    close_low, close_high : ndarray of float64, shape [N]
        Range of the closes alone: what a line of closes covers.
    volume : ndarray of float64, shape [N]
        Largest volume among the merged bars, so that the axis stays "per bar"; NaN where unknown.
    """

    x: Floats
    step: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    close_low: Floats
    close_high: Floats
    volume: Floats


class BarPyramid:
    """Min/max pyramid of one series.

    Missing opens, highs and lows are drawn at the close; a series without them has only closes.

    Parameters
    ----------
    series : PriceSeries
    """

    #: Bars merged from one level to the next. 4 costs a third of the memory of the series itself.
    FACTOR: ClassVar[int] = 4
    _TOP: ClassVar[int] = 256
    _COLUMNS: ClassVar[tuple[str, ...]] = (
        "open",
        "high",
        "low",
        "close",
        "close_low",
        "close_high",
        "volume",
    )

    def __init__(self, series: PriceSeries) -> None:
        close = series.y
        parts = {
            name: _filled(series[name], close) if series.has_range else close
            for name in ("open", "high", "low")
        }
        volume = series["volume"] if "volume" in series else np.full(0, np.nan)
        self.has_volume = bool(np.isfinite(volume).any() and np.nanmax(volume) > 0)
        first = {**parts, "close": close, "close_low": close, "close_high": close}
        if self.has_volume:
            first["volume"] = volume
        self._levels: list[dict[str, Floats]] = [first]
        while self._levels[-1]["close"].size > self._TOP:
            self._levels.append(
                {
                    name: self._merged(name, column, self.FACTOR)
                    for name, column in self._levels[-1].items()
                }
            )

    @property
    def lowest(self) -> float:
        """The lowest price of the whole series."""
        return float(self._levels[-1]["low"].min())

    def __len__(self) -> int:
        """Return the number of bars of the series."""
        return int(self._levels[0]["close"].size)

    def bars(self, start: int, stop: int, step: int = 1) -> Bars:
        """Return the bars of ``[start, stop)``, merged by ``step``.

        Merged bars begin at multiples of ``step``, whatever ``start`` is, so that they do not
        flicker while the view moves; the first and the last may therefore reach beyond the slice.

        Parameters
        ----------
        start, stop : int
            Indices of bars; clipped to the series.
        step : int
            A power of two.
        """
        start, stop = max(0, start), min(len(self), stop)
        level, rest = 0, step
        while rest >= self.FACTOR and level + 1 < len(self._levels):
            level, rest = level + 1, rest // self.FACTOR
        first, last = start // step, -(-max(stop, start) // step)
        index = slice(first * rest, last * rest)
        columns = {
            name: self._merged(name, column[index], rest)
            for name, column in self._levels[level].items()
        }
        centre = np.arange(first, last, dtype=np.float64) * step + (step - 1) / 2
        volume = columns.pop("volume", None)
        return Bars(
            centre,
            step,
            volume=np.full(centre.size, np.nan) if volume is None else volume,
            **columns,
        )

    def extent(
        self, start: int, stop: int, closes_only: bool = False
    ) -> tuple[float, float] | None:
        """Return lowest and highest price of ``[start, stop)``, or None where there is no bar."""
        part = self.bars(start, stop, self._step_for(stop - start))
        if part.x.size == 0:
            return None
        low, high = (part.close_low, part.close_high) if closes_only else (part.low, part.high)
        return float(low.min()), float(high.max())

    def top_volume(self, start: int, stop: int) -> float:
        """Return the largest volume of ``[start, stop)``, 0 where there is none."""
        volume = self.bars(start, stop, self._step_for(stop - start)).volume
        known = volume[np.isfinite(volume)]
        return float(known.max()) if known.size else 0.0

    @staticmethod
    def _step_for(bars: int) -> int:
        """Return a step that leaves at most about 2,000 merged bars, hence an extent at most 0.1
        % too wide.
        """
        return int(2 ** max(0, np.ceil(np.log2(max(bars, 1) / 2000))))

    @staticmethod
    def _merged(name: str, column: Floats, factor: int) -> Floats:
        """Merge ``factor`` neighbours of one column; the last group may be short."""
        if factor == 1 or column.size == 0:
            return column
        starts = np.arange(0, column.size, factor)
        if name in ("open", "close"):
            chosen: Floats = column[
                starts if name == "open" else np.minimum(starts + factor, column.size) - 1
            ]
            return chosen
        return _extremes(column, factor, np.fmin if name in ("low", "close_low") else np.fmax)


class LinePyramid:
    """Min/max pyramid of one line that may begin late: an indicator.

    Parameters
    ----------
    values : ndarray of float64, shape [T]
        NaN where there is nothing to draw.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._levels: list[tuple[Floats, Floats]] = [(values, values)]
        while self._levels[-1][0].size > BarPyramid._TOP:
            low, high = self._levels[-1]
            self._levels.append(
                (
                    _extremes(low, BarPyramid.FACTOR, np.fmin),
                    _extremes(high, BarPyramid.FACTOR, np.fmax),
                )
            )

    def points(self, start: int, stop: int, step: int = 1) -> tuple[Floats, Floats, Floats]:
        """Return centres, lowest and highest values of the bars ``[start, stop)`` merged by
        ``step`` (a power of two), where known.
        """
        start, stop = max(0, start), min(self.values.size, stop)
        level, rest = 0, step
        while rest >= BarPyramid.FACTOR and level + 1 < len(self._levels):
            level, rest = level + 1, rest // BarPyramid.FACTOR
        first, last = start // step, -(-max(stop, start) // step)
        low, high = (column[first * rest : last * rest] for column in self._levels[level])
        low, high = _extremes(low, rest, np.fmin), _extremes(high, rest, np.fmax)
        known = np.isfinite(low)
        return (
            (np.arange(first, first + low.size, dtype=np.float64) * step + (step - 1) / 2)[known],
            low[known],
            high[known],
        )

    def extent(self, start: int, stop: int) -> tuple[float, float] | None:
        """Return lowest and highest value of ``[start, stop)``, or None where there is none."""
        _, low, high = self.points(start, stop, BarPyramid._step_for(stop - start))
        return (float(low.min()), float(high.max())) if low.size else None


def _extremes(column: Floats, factor: int, choose: np.ufunc) -> Floats:
    """Merge ``factor`` neighbours; the last group may be short."""
    if factor == 1 or column.size == 0:
        return column
    whole = column.size // factor
    rows = column[: whole * factor].reshape(-1, factor)
    merged: Floats = rows[:, 0].copy()
    for index in range(1, factor):  # eight times faster than a reduction over so short an axis
        choose(merged, rows[:, index], out=merged)
    return (
        np.append(merged, choose.reduce(column[whole * factor :]))
        if whole * factor < column.size
        else merged
    )


def _filled(column: Floats, close: Floats) -> Floats:
    """Return a column with the close where it is missing."""
    missing = np.isnan(column)
    filled: Floats = np.where(missing, close, column) if missing.any() else column
    return filled
