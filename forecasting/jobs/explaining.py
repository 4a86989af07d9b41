"""Why the forecast of the real future is what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecasting.attribution import Ablated, Explained, GroupGain
from forecasting.checks import living
from forecasting.events import Progress
from forecasting.jobs.job import Job
from forecasting.jobs.predicting import load_network
from forecasting.series import Origins, Panel

if TYPE_CHECKING:
    from forecasting.training import TrainedNetwork


def explain(
    panel: Panel,
    model: str | Path | TrainedNetwork,
    device: str = "auto",
    *,
    step: int = 0,
    exog_sources: str = "",
) -> Job:
    """Explain the forecast from the last bar of each series by integrated gradients.

    Parameters
    ----------
    panel : Panel
    model : str, Path or TrainedNetwork
        A model file, or what was read from one.
    device : str
    step : int
        Bars ahead; 0 is the horizon.
    exog_sources : str
        Files of inputs instead of those that the model was trained with.

    Yields
    ------
    LeftOut, Notice, Explained
        Of series that are too short or ended before the others there is no explanation.

    Raises
    ------
    CandlecastError
        As of :func:`forecasting.jobs.predict`.
    """
    yield Progress(0, 0, "Explaining the forecast")
    forecaster, panel = yield from load_network(panel, model, device, exog_sources)
    from forecasting.explain import explain as explanations

    current = living(panel).symbols
    indices = [index for index, series in enumerate(panel) if series.symbol in current]
    last = Origins.last(panel).take(np.array(indices))
    yield Explained(tuple(explanations(forecaster, panel, last, step)))


def ablate(panel: Panel, network: TrainedNetwork) -> Job:
    """Measure on the test part what each input, and each kind of them, adds to the forecast.

    Parameters
    ----------
    panel : Panel
        Of the training.
    network : TrainedNetwork

    Yields
    ------
    Progress, Ablated
        Without gains where no inputs are read.
    """
    from forecasting.ablation import ablate as gains
    from forecasting.windows import split_panel

    yield Progress(0, 0, "Measuring what the inputs add")
    forecaster, panel = yield from load_network(panel, network)
    found: list[GroupGain] = []
    for item in gains(forecaster, panel, split_panel(panel, forecaster.config.task).test):
        if isinstance(item, GroupGain):
            found.append(item)
        else:
            yield item
    yield Ablated(tuple(found), forecaster.covariate_shrinkage)
