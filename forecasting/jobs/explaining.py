"""Why the forecast of the real future is what it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
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
    from forecasting.windows import Windows

#: Seconds between two explanations of a network in training, and the share of time they may take.
_EVERY_S, _SHARE = 0.5, 0.05


def explain(
    panel: Panel,
    model: str | Path | TrainedNetwork,
    device: str = "auto",
    *,
    step: int = 0,
    exog_sources: str = "",
    symbols: Collection[str] = (),
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
    symbols : collection of str
        Series whose forecasts are explained; all where it is empty.

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

    current = [item for item in living(panel).symbols if not symbols or item in symbols]
    indices = [index for index, series in enumerate(panel) if series.symbol in current]
    last = Origins.last(panel).take(np.array(indices, np.int64))
    yield Explained(tuple(explanations(forecaster, panel, last, step)))


class TrainingExplainer:
    """Explains the forecast of one series while its network trains, at a bounded rate.

    Parameters
    ----------
    panel : Panel
        Of the training.
    symbol : callable
        Returns the series to be explained, "" for none; polled after each epoch.
    """

    def __init__(self, panel: Panel, symbol: Callable[[], str]) -> None:
        self._panel, self._symbol = panel, symbol
        self._due = 0.0

    def __call__(self, network: TrainedNetwork, windows: Windows) -> Iterator[Explained]:
        """Explain, unless that is not asked for or was done a moment ago."""
        symbol, started = self._symbol(), time.monotonic()
        if symbol not in self._panel.symbols or started < self._due:
            return
        from forecasting.explain import explain_training

        found = explain_training(network, windows, self._panel, self._panel.symbols.index(symbol))
        spent = time.monotonic() - started
        self._due = started + spent + max(_EVERY_S, spent / _SHARE)
        yield Explained((found,), final=False)


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
