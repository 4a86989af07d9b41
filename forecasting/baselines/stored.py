"""Forecasts that were made before, as one more model beside those that forecast now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.baselines.challengers.levels import at_levels
from forecasting.errors import DataError
from forecasting.series import Floats, Forecast, Origins, Outcomes, Panel

#: Largest relative distance between the price that a forecast was made of and that of the panel.
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class StoredForecasts:
    """A model of which nothing is there but its forecasts; it knows no others.

    Quantiles of other levels than its own are drawn as :func:`at_levels` does.

    Attributes
    ----------
    name : str
    outcomes : Outcomes
        Forecasts beside what happened, with two levels or more.
    awaited : tuple of Forecast
        Those of bars that are still to come.
    """

    name: str
    outcomes: Outcomes
    awaited: tuple[Forecast, ...] = ()

    @property
    def horizon(self) -> int:
        """Bars ahead."""
        return self.outcomes.horizon

    def covers(self, panel: Panel, origins: Origins) -> npt.NDArray[np.bool_]:
        """Tell from which origins there is a whole forecast that was made of these prices, [N]."""
        return np.array([self._find(panel, *pair) is not None for pair in _pairs(origins)], bool)

    def predict(self, panel: Panel, origins: Origins, quantiles: tuple[float, ...]) -> Floats:
        """Return stored values in price units, shape [N, H, Q].

        Raises
        ------
        DataError
            An origin that there is no forecast from.
        """
        rows = []
        for series, bar in _pairs(origins):
            row = self._find(panel, series, bar)
            if row is None:
                day = str(panel[series].ds[bar])[:10]
                raise DataError(
                    f"{self.name} has no forecast of {panel[series].symbol} from {day}.",
                    "Combine it on dates that it has forecasts from.",
                )
            rows.append(row)
        if not rows:
            return np.empty((0, self.horizon, len(quantiles)))
        return at_levels(np.stack(rows), self.outcomes.quantiles, quantiles)

    def _find(self, panel: Panel, series: int, bar: int) -> Floats | None:
        """Return the quantiles [H, K] from one origin, None where there are none."""
        item = panel[series]
        y0, values = self._rows.get(
            (item.symbol, item.ds[bar].astype(np.int64).item()), (0.0, None)
        )
        near = abs(y0 - item.y[bar]) <= _SAME * abs(float(item.y[bar]))
        return values if near else None

    @cached_property
    def _rows(self) -> dict[tuple[str, int], tuple[float, Floats | None]]:
        """Value at the cutoff and quantiles of every whole forecast, by symbol and cutoff."""
        own = self.outcomes
        rows: dict[tuple[str, int], tuple[float, Floats | None]] = {
            _key(str(own.symbol[n]), own.cutoff[n]): (float(own.y0[n]), own.values[n])
            for n in np.flatnonzero(np.isfinite(own.values).all(axis=(1, 2)))
        }
        for item in self.awaited:
            if len(item) == self.horizon and np.isfinite(item.values).all():
                values = at_levels(item.values[None], item.quantiles, own.quantiles)[0]
                rows[_key(item.symbol, item.cutoff)] = (item.y0, values)
        return rows


def _key(symbol: str, cutoff: np.datetime64) -> tuple[str, int]:
    return symbol, int(cutoff.astype("datetime64[us]").astype(np.int64))


def _pairs(origins: Origins) -> list[tuple[int, int]]:
    return [(int(s), int(b)) for s, b in zip(origins.series, origins.bar, strict=True)]
