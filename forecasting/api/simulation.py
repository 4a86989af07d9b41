"""Joint sample paths for notebooks: one long frame, ``unique_id, ds, sample, y``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.api.frames import stamps
from forecasting.api.prices import panel_of
from forecasting.api.progress import Progress, finish
from forecasting.config import RunConfig
from forecasting.sources.options import ReadOptions

if TYPE_CHECKING:
    from forecasting.jobs import PathsPlan
    from forecasting.series import Panel


def simulate(
    data: Any,
    h: int = 20,
    n_paths: int = 1000,
    *,
    model: str = "har",
    seed: int = 0,
    dependence: str = "history",
    options: ReadOptions | None = None,
    progress: Progress = None,
) -> pd.DataFrame:
    """Draw joint paths of the next bars from a baseline, at once and without training.

    Parameters
    ----------
    data : DataFrame, PriceSeries, Panel, str or Path
        As of :meth:`Forecaster.fit`; paths of several series are drawn together.
    h : int
        Bars ahead.
    n_paths : int
    model : str
        A baseline: ``har``, ``garch-t``, ``random-walk``, ... For a network see
        :meth:`Forecaster.simulate`.
    seed : int
        The same numbers give the same paths.
    dependence : str
        ``history`` draws dates of the past again, ``gaussian`` is a copula with shrunk correlation.
    options : ReadOptions, optional
    progress : callable, optional

    Returns
    -------
    DataFrame, S x n_paths x h rows
        ``unique_id, ds, sample, y``, in price units; sample k is one joint future of all series.

    Raises
    ------
    CandlecastError
        No such baseline, too little history, or too many paths.
    """
    from forecasting.jobs import PathsPlan

    panel = panel_of(data, options)
    plan = PathsPlan(baseline=model, n_paths=n_paths, seed=seed, dependence=dependence)  # type: ignore[arg-type]
    return simulated(panel, RunConfig().changed(horizon=h), plan, progress)


def simulated(
    panel: Panel, config: RunConfig, plan: PathsPlan, progress: Progress = None
) -> pd.DataFrame:
    """Draw paths as a plan says, and return them as one long frame."""
    from forecasting import jobs
    from forecasting.paths import PathsMade

    made = finish(jobs.simulate(panel, config, plan), PathsMade, progress)
    zones = {series.symbol: series.tz for series in made.panel}
    paths = made.paths
    parts = [
        pd.DataFrame(
            {
                "unique_id": symbol,
                "ds": stamps(np.tile(ds, paths.n_paths), zones.get(symbol, "")),
                "sample": np.repeat(np.arange(paths.n_paths), paths.horizon),
                "y": samples.T.reshape(-1),
            }
        )
        for symbol, ds, samples in zip(paths.symbols, paths.ds, paths.samples, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)
