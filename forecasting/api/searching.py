"""Settings searched for in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecasting.api.prices import panel_of
from forecasting.api.progress import Progress, finish
from forecasting.config import RunConfig
from forecasting.errors import ConfigError

if TYPE_CHECKING:
    from forecasting.search import SearchVerdict
    from forecasting.sources.options import ReadOptions


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    config : RunConfig
        The best settings, for ``Forecaster(config=...)``.
    verdict : SearchVerdict
        The one look at the test part: ``sentence``, ``outcome``, ``skill`` and ``p_value``,
        corrected for the search.
    trials : DataFrame
        One row a trial, the defaults first: ``state``, ``loss`` on validation, and the searched
        settings.
    """

    config: RunConfig
    verdict: SearchVerdict
    trials: pd.DataFrame

    def __str__(self) -> str:
        """Return the verdict."""
        return self.verdict.sentence


def search(
    data: Any,
    h: int | None = None,
    *,
    minutes: float | None = None,
    trials: int | None = None,
    space: Mapping[str, Any] | None = None,
    sampler: str = "auto",
    workers: int = 1,
    config: RunConfig | None = None,
    options: ReadOptions | None = None,
    progress: Progress = None,
    **settings: Any,
) -> SearchResult:
    """Search for settings before the test part, and look at that once.

    Parameters
    ----------
    data : DataFrame, PriceSeries, Panel, str or Path
        As of :meth:`Forecaster.fit`.
    h : int, optional
        Bars ahead.
    minutes, trials : float, int, optional
        When the search ends; ten minutes where neither is given.
    space : mapping, optional
        By setting a list of values, or ``{"low": a, "high": b, "log": True}``.
    sampler : str
        ``tpe`` needs Optuna, ``random`` does not; ``auto`` takes the first where it is installed.
    workers : int
        Processes; a script that asks for more than one needs ``if __name__ == "__main__":``.
    config : RunConfig, optional
        The defaults that are to be beaten; without it those that suit the series.
    options : ReadOptions, optional
    progress : callable, optional
    **settings
        Settings that stay fixed, by name.

    Returns
    -------
    SearchResult

    Raises
    ------
    CandlecastError
        Too few bars, a space that cannot be searched, or defaults that fail.
    """
    from forecasting import jobs
    from forecasting.search import Budget, SearchFinished, SearchPlan
    from forecasting.search.space import space_from

    if h is not None and settings.get("horizon", h) != h:
        raise ConfigError(
            f"h = {h} and horizon = {settings['horizon']} are the same setting.",
            "Give one of the two.",
        )
    if h is not None:
        settings["horizon"] = h
    panel = panel_of(data, options)
    asked = (config or RunConfig()).changed(**settings)
    experiment = asked if config else jobs.suited(panel, asked, settings)[0]
    limit = 10.0 if minutes is None and trials is None else minutes or 0.0
    plan = SearchPlan(Budget(limit, trials or 0), sampler=sampler, workers=workers)  # type: ignore[arg-type]
    searched = space_from(space, experiment) if space is not None else None
    found = finish(jobs.search(panel, experiment, plan, searched), SearchFinished, progress)
    rows = [
        {"state": trial.state, "loss": trial.loss, **trial.values} for trial in found.trials.items
    ]
    numbers = pd.Index(np.arange(len(rows)), name="trial")
    return SearchResult(found.best.config, found.verdict, pd.DataFrame(rows, index=numbers))
