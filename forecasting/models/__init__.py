"""The networks: one file a family, one registry from which forms, flags and saved files choose."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from forecasting.config import ModelConfig
from forecasting.models.heads import QuantileHead
from forecasting.models.recurrent import RecurrentNet

#: Network by the name in ``ModelConfig.model``: a function of (config, inputs C, horizon H).
MODELS: dict[str, Callable[[ModelConfig, int, int], nn.Module]] = {
    "rnn": RecurrentNet,
    "lstm": RecurrentNet,
    "gru": RecurrentNet,
}

__all__ = ["MODELS", "QuantileHead", "RecurrentNet"]
