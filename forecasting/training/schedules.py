"""Learning rate schedules by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from forecasting.config import TrainConfig
from forecasting.events import EpochEnd

History = Sequence[EpochEnd]

#: Where one cycle starts and ends, beside its peak, and the share of epochs that rise.
_FIRST, _LAST, _RISE = 1 / 25, 1e-4, 0.3


def _constant(_history: History, _config: TrainConfig) -> float:
    return 1.0


def _cosine(history: History, config: TrainConfig) -> float:
    """Decay along half a cosine (Loshchilov and Hutter 2017)."""
    return _half_wave(1.0, 0.0, (len(history) - 1) / config.epochs)


def _one_cycle(history: History, config: TrainConfig) -> float:
    """Rise for a third of the epochs, then decay to nearly zero (Smith and Topin 2018)."""
    index = (len(history) - 0.5) / config.epochs
    if index < _RISE:
        return _half_wave(_FIRST, 1.0, index / _RISE)
    return _half_wave(1.0, _LAST, min(1.0, (index - _RISE) / (1 - _RISE)))


def _plateau(history: History, config: TrainConfig) -> float:
    """Halve each time the validation loss has not improved for half of the patience."""
    wait = max(1, config.patience // 2)
    share, best, since = 1.0, math.inf, 0
    for epoch in history:
        better = epoch.val_loss < best
        best, since = min(best, epoch.val_loss), 0 if better else since + 1
        if since >= wait:
            share, since = share / 2, 0
    return share


def _half_wave(start: float, end: float, index: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * index))


#: Share of the largest learning rate in the next epoch, by the name in ``TrainConfig.schedule``: a
#: function of the epochs so far (the first is the untrained network) alone, so that a resumed
#: training goes on as it would have.
SCHEDULES: dict[str, Callable[[History, TrainConfig], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "one-cycle": _one_cycle,
    "plateau": _plateau,
}
