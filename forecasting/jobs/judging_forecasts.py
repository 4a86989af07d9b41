"""Forecasts that others made, read and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.events import Event, Progress
from forecasting.jobs.job import Job, never
from forecasting.series import Panel

if TYPE_CHECKING:
    from forecasting.imported_forecasts import ForecastOptions, ForecastsPreview


@dataclass(frozen=True, eq=False)
class ForecastsPreviewed(Event):
    """How a file of forecasts is understood."""

    preview: ForecastsPreview


def preview_forecasts(path: str | Path, options: ForecastOptions | None = None) -> Job:
    """Tell how a file of forecasts is read, or why it cannot be.

    Yields
    ------
    ForecastsPreviewed
    """
    from forecasting.imported_forecasts import ForecastOptions, preview_forecasts

    yield ForecastsPreviewed(preview_forecasts(path, options or ForecastOptions()))


def judge_forecasts(
    path: str | Path,
    prices: Panel | None = None,
    options: ForecastOptions | None = None,
    should_stop: Callable[[], bool] = never,
    *,
    baselines: str = "auto",
) -> Job:
    """Judge the forecasts of a file against the baselines, from the same origins.

    Parameters
    ----------
    path : str or Path
        Of the forecasts.
    prices : Panel, optional
        What they are about; without them the actual values in the file.
    options : ForecastOptions, optional
        How the file is to be read.
    should_stop : callable
        Once true, baselines that are not done are left out.
    baselines : str
        Names with commas between them, as of :func:`forecasting.baselines.chosen_baselines`.

    Yields
    ------
    Progress, ForecastsJudged

    Raises
    ------
    CandlecastError
        A file that cannot be read, or forecasts that cannot be placed on the bars.
    """
    yield Progress(0, 0, "Reading the forecasts")
    from forecasting.imported_forecasts import ForecastOptions, read_forecasts
    from forecasting.imported_forecasts.judgement import judge_imported

    imported = read_forecasts(path, options or ForecastOptions())
    yield (yield from judge_imported(imported, prices, baselines, should_stop))
