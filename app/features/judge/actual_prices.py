"""Where the chart finds the prices that forecasts of others are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forecasting.series import Outcomes, PriceSeries
from forecasting.sources.options import Request

if TYPE_CHECKING:
    from app.features.evaluation.days import Day
    from forecasting.imported_forecasts.reader import ImportedForecasts

#: Roles of a column of forecasts, and what it is as a price.
_AS_PRICES = {"ds": "date", "y": "close", "unique_id": "symbol"}
#: Largest relative distance between two prices that are the same.
_SAME = 1e-6


def prices_within(imported: ImportedForecasts) -> Request | None:
    """Return what loads the actual values in a file of forecasts as prices; None where its layout
    has no columns of dates and actual values.
    """
    columns = {
        _AS_PRICES[column.role]: column.index
        for column in imported.columns.columns
        if column.role in _AS_PRICES
    }
    if not {"date", "close"} <= set(columns):
        return None
    read = imported.options.reading().model_copy(
        update={"columns": columns, "decimal": imported.columns.decimal}
    )
    return Request(reference=imported.path, read=read)


def shows(series: PriceSeries | None, outcomes: Outcomes, day: Day) -> bool:
    """Tell whether a series holds the prices that a forecast was made of: its name, the bar of
    its cutoff, and the value there.
    """
    if series is None or series.symbol != day.symbol:
        return False
    bar = int(np.searchsorted(series.ds, day.cutoff))
    if bar >= len(series) or series.ds[bar] != day.cutoff:
        return False
    mine = (outcomes.symbol == day.symbol) & (outcomes.cutoff == day.cutoff)
    return bool(np.isclose(outcomes.y0[mine], series.y[bar], rtol=_SAME, atol=0).any())
