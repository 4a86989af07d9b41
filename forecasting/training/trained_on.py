"""Facts of the training bars in a saved network, and the check whether other bars suit it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from forecasting.checks import Frequency, by_distance, read_frequency, some_names
from forecasting.config import InputConfig
from forecasting.errors import DataError
from forecasting.series import Panel, PriceSeries

Unit = Literal["log-return", "difference"]

#: How many times larger or smaller than those learned usual moves may be without a word.
_FACTOR = 4.0
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class TrainedOn:
    """The bars that a network was trained on.

    Attributes
    ----------
    frequency : Frequency
        Of all series; a panel of different ones is not trained.
    columns : tuple of str
        Columns that every series had.
    move : (float, float)
        Smallest and largest mean absolute change from bar to bar of its series: log returns or
        differences, as learned.
    """

    frequency: Frequency
    columns: tuple[str, ...]
    move: tuple[float, float]

    @classmethod
    def of(cls, panel: Panel, unit: Unit) -> TrainedOn:
        """Return the facts of a panel."""
        columns = tuple(
            name for name in panel[0].columns if all(name in series for series in panel)
        )
        moves = [usual_move(series, unit) for series in panel]
        known = [Frequency.of(series) for series in panel]
        frequency = max(known, key=lambda item: (bool(item.freq), item.distance))
        weekends = all(item.weekends for item in known)
        return cls(
            Frequency(frequency.freq, frequency.distance, weekends),
            columns,
            (min(moves), max(moves)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value of a model file."""
        return {
            "freq": self.frequency.freq,
            "distance_us": self.frequency.distance,
            "weekends": self.frequency.weekends,
            "columns": list(self.columns),
            "move": list(self.move),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> TrainedOn:
        """Read the value of :meth:`to_json`; ValueError for anything else."""
        frequency = Frequency(str(kept["freq"]), int(kept["distance_us"]), bool(kept["weekends"]))
        low, high = (float(move) for move in kept["move"])
        if not read_frequency(frequency.freq) or frequency.distance < 0:
            raise ValueError(
                f"bars of the frequency {frequency.freq[:20]!r} and the distance "
                f"{frequency.distance}"
            )
        if not 0 <= low <= high < np.inf:
            raise ValueError(f"usual moves from {low:g} to {high:g}")
        return cls(frequency, tuple(str(name) for name in kept["columns"]), (low, high))

    def check(self, panel: Panel) -> None:
        """Refuse bars of another frequency than that of the training.

        Raises
        ------
        DataError
            Names both distances and the series.
        """
        strange = [
            (item, symbols)
            for item, symbols in by_distance(panel)
            if not self.frequency.matches(item)
        ]
        if not strange:
            return
        frequency, symbols = strange[0]
        raise DataError(
            f"This network learned {self.frequency.words} bars; those of {some_names(symbols)} "
            f"are {frequency.words}.",
            self._way_out(frequency),
        )

    def _way_out(self, frequency: Frequency) -> str:
        finer = 0 < frequency.distance < self.frequency.distance
        if finer and self.frequency.freq:
            return (
                f"Join the bars to those that it learned: --resample {self.frequency.freq}. Or "
                f"train a network on {frequency.words} bars."
            )
        return f"Load {self.frequency.words} bars, or train a network on {frequency.words} ones."

    def notes(self, panel: Panel, inputs: InputConfig, unit: Unit) -> Iterator[str]:
        """Yield a sentence for each difference between a panel and the training bars."""
        yield from self._other_week(panel)
        yield from self._lacking_inputs(panel, inputs)
        yield from self._other_moves(panel, unit)

    def _other_week(self, panel: Panel) -> Iterator[str]:
        found = [
            item.symbol
            for item in panel
            if Frequency.of(item).distance
            and Frequency.of(item).weekends != self.frequency.weekends
        ]
        daily = 0 < self.frequency.distance <= _DAY_US
        if found and daily:
            days = ("five", "seven") if not self.frequency.weekends else ("seven", "five")
            yield (
                f"This network learned bars of {days[0]} days a week; {some_names(found)} has "
                f"bars on {days[1]}."
            )

    def _lacking_inputs(self, panel: Panel, inputs: InputConfig) -> Iterator[str]:
        wanted = {"volume": inputs.volume, "open": inputs.gaps}
        for column, read in wanted.items():
            lacking = [item.symbol for item in panel if column not in item]
            if read and column in self.columns and lacking:
                yield (
                    f"This network learned with the column {column}, which "
                    f"{some_names(lacking)} lacks: it is read as unknown."
                )

    def _other_moves(self, panel: Panel, unit: Unit) -> Iterator[str]:
        low, high = self.move
        for series in panel:
            move = usual_move(series, unit)
            if move > _FACTOR * high or move * _FACTOR < low:
                yield (
                    f"{series.symbol} moves by {_moved(move, unit)} a bar; this network "
                    "learned series that move by "
                    f"{_moved(low, unit)}{f' to {_moved(high, unit)}' if high > low else ''}. "
                    "Its band may not fit."
                )
                return


def usual_move(series: PriceSeries, unit: Unit) -> float:
    """Return the mean absolute change from bar to bar, of the log where the unit is a log
    return; 0 where none is known.
    """
    y = series.y
    if unit == "log-return":
        y = np.log(y[y > 0])
    return float(np.abs(np.diff(y)).mean()) if y.size > 1 else 0.0


def check_positive(panel: Panel) -> None:
    """Refuse series with values of zero or below for a network of log returns.

    Raises
    ------
    DataError
        Names value, date and how many there are.
    """
    bad = [series for series in panel if not (series.y > 0).all()]
    if not bad:
        return
    series = bad[0]
    index = int(np.argmin(series.y > 0))
    count = int(np.count_nonzero(~(series.y > 0)))
    more = f" So are {count - 1:,} more of its bars." if count > 1 else ""
    others = f" {len(bad) - 1:,} more series have such bars." if len(bad) > 1 else ""
    raise DataError(
        f"{series.symbol} has a close of {series.y[index]:g} on {str(series.ds[index])[:10]}; "
        f"this network learned log returns, which need positive prices.{more}{others}",
        "Train one with --target difference.",
    )


def _moved(move: float, unit: Unit) -> str:
    return f"{move:.2%}" if unit == "log-return" else f"{move:.3g}"
