"""The price chart's numbers as one table: bars and what was foreseen for them, by date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from forecasting.series import Dates, Forecast, PriceSeries

#: Levels of the bands in tables, in percent, in the order of their columns.
LEVELS: tuple[int, ...] = (80, 95)


def forecast_columns(forecast: Forecast) -> dict[str, npt.NDArray[np.float64]]:
    """Return median and bands [H] each, called as Nixtla's libraries call them: ``GRU-median``,
    ``GRU-lo-80``, ``GRU-hi-80``.

    Where the mean is the point forecast it comes first: ``GRU-mean``.
    """
    columns = {f"{forecast.model}-median": forecast.median}
    if forecast.mean is not None:
        columns = {f"{forecast.model}-mean": forecast.mean, **columns}
    for level in LEVELS:
        low, high = forecast.band(level)
        columns |= {f"{forecast.model}-lo-{level}": low, f"{forecast.model}-hi-{level}": high}
    return columns


def zoned(ds: Dates, tz: str) -> npt.NDArray[Any]:
    """Return dates for a table: aware datetimes [T] where they have a time of day and a known zone,
    otherwise as they are.

    Parameters
    ----------
    ds : ndarray of datetime64, shape [T]
        Wall-clock in ``tz``.
    tz : str
        IANA zone, or "" where unknown.
    """
    if not tz or not (ds != ds.astype("datetime64[D]")).any():
        return ds
    zone = ZoneInfo(tz)
    aware = np.empty(ds.size, object)
    aware[:] = [item.replace(tzinfo=zone) for item in ds.astype("datetime64[us]").tolist()]
    return aware


def price_table(
    series: PriceSeries,
    forecasts: Sequence[Forecast],
    first: int,
    last: int,
    more: Mapping[str, npt.NDArray[np.float64]] | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Return the bars ``first`` to ``last`` and all dates that are forecast, NaN where a date has
    no value.

    Parameters
    ----------
    series : PriceSeries
    forecasts : sequence of Forecast
        Of this series.
    first, last : int
        Indices of the first and last bar wanted; what lies outside the series is left out.
    more : mapping of str to ndarray, shape [H] each
        Further columns of the first forecast.
    """
    part = slice(max(first, 0), max(last + 1, 0))
    known = series.ds[part]
    ds = np.unique(np.concatenate([known, *(item.ds for item in forecasts)]))
    rows = np.searchsorted(ds, known)

    def spread(
        values: npt.NDArray[np.float64], at: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        column = np.full(ds.size, np.nan)
        column[at] = values
        return column

    table: dict[str, npt.NDArray[Any]] = {
        "unique_id": np.full(ds.size, series.symbol),
        "ds": zoned(ds, series.tz),
    }
    table |= {name: spread(series[name][part], rows) for name in series.columns}
    for index, item in enumerate(forecasts):
        at = np.searchsorted(ds, item.ds)
        columns = {**forecast_columns(item), **(more or {} if index == 0 else {})}
        table |= {name: spread(values, at) for name, values in columns.items()}
    return table
