"""Fall back when a device is out of memory: halve the batch, then train on the CPU, then raise
ConfigError.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import torch

from forecasting.config import RunConfig
from forecasting.errors import ConfigError
from forecasting.events import Event, Notice
from forecasting.series import Panel
from forecasting.training.checkpoint import TrainingState
from forecasting.training.hardware import (
    devices,
    is_out_of_memory,
    release,
    set_threads,
    tested_device,
)
from forecasting.training.trainer import Fitted, Observer, StopAsked, fit_on
from forecasting.windows import Split


def _never() -> bool:
    return False


def fit(
    panel: Panel,
    split: Split,
    config: RunConfig,
    should_stop: StopAsked,
    *,
    should_pause: StopAsked = _never,
    resume: TrainingState | None = None,
    autosave: Path | None = None,
    keep: Path | None = None,
    observe: Observer | None = lambda _network, _windows: iter(()),
) -> Generator[Event, None, Fitted]:
    """Train a network and keep the weights of the best validation loss.

    Parameters
    ----------
    panel : Panel
    split : Split
        Weights come from ``split.train``, the choice of the epoch from ``split.val``; volatility
        and baseline are refitted on bars before ``split.test_start`` at the end. No bar from that
        date on is read.
    config : RunConfig
    should_stop : callable
        Polled every batch; once true, training ends with the best weights so far.
    should_pause : callable
        Polled every batch; training waits for as long as it is true.
    resume : TrainingState, optional
        Checkpoint to resume from; on the CPU of the same machine the numbers are those of an
        uninterrupted training.
    autosave : Path, optional
        File of the checkpoint that is updated while training runs.
    keep : Path, optional
        File of the checkpoint that is written at the end, to train for longer later.
    observe : callable or None
        Called with the network and the windows after each epoch; its events are passed on. None
        where nobody looks at the training: no ForecastMade, GradientByLag or Diagnosis is made.

    Yields
    ------
    Event
        SplitMade, Progress, Notice, GradientByLag, Diagnosis, EpochEnd (epoch 0 is the baseline
        itself; of a resumed training all epochs so far come at once), and after each of these a
        ForecastMade: the real future as the network sees it at that moment.

    Returns
    -------
    Fitted

    Raises
    ------
    ConfigError
        The checkpoint belongs to other prices or settings, the device cannot be used, the memory
        is too small, or the target does not allow step-by-step forecasts.
    """
    if resume is not None:
        resume.check(panel, config)
    device, excuse = tested_device(config.train.device)
    if excuse:
        yield Notice(excuse)
    set_threads(config.model, config.train)

    def on(where: torch.device) -> Generator[Event, None, Fitted]:
        return fit_on(
            where, panel, split, config, should_stop, should_pause, resume, autosave, keep, observe
        )

    cpu = torch.device("cpu")
    made = yield from _attempted(on(device))
    if not isinstance(made, Fitted) and device != cpu:
        release(device)
        yield Notice(
            f"The memory of {devices().get(str(device), str(device))} is too small even for "
            "one window at a time: "
            "training begins anew on the CPU.",
            "Lower the network's size, or the lookback, to train on the device.",
        )
        made = yield from _attempted(on(cpu))
    if isinstance(made, Fitted):
        return made
    words = (
        "The memory of this computer is too small for this network, even for one window at a "
        f"time ({str(made)[:120]})."
    )
    raise ConfigError(
        words, "Lower the network's size, the lookback or the number of members."
    ) from made


def _attempted(
    training: Generator[Event, None, Fitted],
) -> Generator[Event, None, Fitted | Exception]:
    """Relay the events of a training; return its result, or the out-of-memory error without its
    traceback, whose frames would keep the tensors alive.
    """
    try:
        return (yield from training)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return error.with_traceback(None)
