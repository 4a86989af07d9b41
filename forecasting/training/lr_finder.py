"""Learning rate finder: raise the rate step by step and find where the loss falls fastest."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator

import numpy as np
import torch

from forecasting.config import RunConfig
from forecasting.events import Event, LearningRatesTried, Notice, Progress
from forecasting.series import Floats, Panel
from forecasting.training.checkpoint import Autosave
from forecasting.training.hardware import set_threads, tested_device
from forecasting.training.trainer import StopAsked, Trainer, untrained
from forecasting.windows import Split

#: Rates that are tried, the first and the last of them, how losses are smoothed, and where the
#: search has seen enough.
_TRIED, _LOWEST, _HIGHEST, _SMOOTH, _ENOUGH = 120, 1e-6, 10.0, 0.9, 1.5
#: A loss stands out if it falls by this share of the baseline's and so many times its largest rise
#: on the way; rates over which its slope is measured; the largest suggestion as a share of the rate
#: of the lowest loss.
_LEAST_FALL, _CLEAR, _SPAN, _BELOW_LOWEST = 0.002, 3.0, 7, 0.1


def find_learning_rate(
    panel: Panel, split: Split, config: RunConfig, should_stop: StopAsked
) -> Generator[Event, None, None]:
    """Train for some steps while the learning rate rises from 1e-6 to 10, or until the loss
    diverges.

    Losses are relative to the baseline's loss on the same batch, which removes the variation
    between batches.

    Parameters
    ----------
    panel : Panel
    split : Split
        The training part alone is looked at.
    config : RunConfig
    should_stop : callable
        Polled at each step; once true what was tried so far is judged.

    Yields
    ------
    Progress, Notice, LearningRatesTried
        The suggestion is :func:`suggested`'s.

    References
    ----------
    Smith (2017), Cyclical learning rates for training neural networks.
    """
    device, excuse = tested_device(config.train.device)
    if excuse:
        yield Notice(excuse)
    set_threads(config.model, config.train)
    torch.manual_seed(config.train.seed)
    windows, forecaster = untrained(panel, split, config, device)
    run = Trainer(forecaster, windows, split, panel, should_stop, lambda: False, Autosave(None))
    rates, losses = np.geomspace(_LOWEST, _HIGHEST, _TRIED), []
    reported = time.perf_counter()
    for rate, loss in zip(rates, _tried(run, rates), strict=False):
        losses.append(loss)
        if should_stop() or not math.isfinite(loss) or loss > _ENOUGH:
            break
        if time.perf_counter() - reported >= 0.1:
            reported = time.perf_counter()
            yield Progress(len(losses), len(rates), f"Trying a learning rate of {rate:.1e}")
    known = np.array([loss for loss in losses if math.isfinite(loss)])
    rates = rates[: len(known)]
    yield LearningRatesTried(rates, known, suggested(rates, known), config.train.learning_rate)


def _tried(run: Trainer, rates: Floats) -> Iterator[float]:
    """Take one step at each rate; yield the smoothed loss relative to the baseline's."""
    ours = theirs = 0.0
    objective, start, order = run.objective, 0, torch.zeros(0)
    run.network.train()
    for rate in rates:
        if start >= len(order):
            order, start = objective.sample_epoch(run.order), 0
        some = order[start : start + run.batch_size]
        start += run.batch_size
        with torch.no_grad():
            # Answers of zero are the baseline's.
            loss = objective.loss(
                torch.zeros_like(objective.forward(run.network, some)), some, run.pinball
            )
            theirs = _SMOOTH * theirs + (1 - _SMOOTH) * loss.item()
        run.step(some, float(rate))
        ours = _SMOOTH * ours + (1 - _SMOOTH) * float(run.seen.latest(1)[0, 0])
        yield ours / theirs if theirs else math.nan


def suggested(rates: Floats, losses: Floats) -> float | None:
    """Return the rate at which the loss falls fastest over log rates, at most a tenth of the rate
    of the lowest loss.

    Parameters
    ----------
    rates, losses : ndarray, shape [N]
        As of :class:`forecasting.events.LearningRatesTried`.

    Returns
    -------
    float or None
        None where no rate stands out: the loss falls too little, or not clearly more than it wavers
        on its way down. The steepest place of such a curve is chance, mostly just before the loss
        explodes.
    """
    lowest = int(np.argmin(losses)) if len(losses) else 0
    way_down = losses[: lowest + 1]
    if lowest < _SPAN or fall(losses) < max(_LEAST_FALL, _CLEAR * wavering(losses)):
        return None
    even = np.convolve(
        np.pad(way_down, _SPAN // 2, mode="edge"), np.full(_SPAN, 1 / _SPAN), mode="valid"
    )
    slope = np.gradient(even, np.log(rates[: lowest + 1]))
    below = rates[: lowest + 1] <= rates[lowest] * _BELOW_LOWEST
    return float(rates[int(np.argmin(np.where(below, slope, np.inf)))]) if below.any() else None


def fall(losses: Floats) -> float:
    """Return how far the loss falls below the baseline's, as a share of it."""
    return float(max(0.0, 1.0 - losses.min())) if len(losses) else 0.0


def wavering(losses: Floats) -> float:
    """Return the largest rise of the loss before its minimum."""
    way_down = losses[: int(np.argmin(losses)) + 1] if len(losses) else losses
    return float((way_down - np.minimum.accumulate(way_down)).max(initial=0.0))
