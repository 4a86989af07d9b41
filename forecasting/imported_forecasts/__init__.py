"""Forecasts that others made, read from files and put on the bars that they are about.

The stages, in order: ``reader`` (a file becomes a table), ``names`` and ``columns`` (which column
is what), ``rows`` (one forecast a row), ``timeline`` (the bars, of price files or of the file's own
actual values), ``cutoffs`` (from when each forecast is), and ``alignment`` (origins by steps ahead,
with what happened). Judging them is a job:
:func:`forecasting.jobs.judge_forecasts`.
"""

from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.imported_forecasts.reader import (
    ForecastsPreview,
    preview_forecasts,
    read_forecasts,
)

__all__ = [
    "ForecastOptions",
    "ForecastsPreview",
    "preview_forecasts",
    "read_forecasts",
]
