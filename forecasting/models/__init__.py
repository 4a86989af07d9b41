"""The networks: one file a family, one registry from which forms, flags and saved files choose."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.heads import QuantileHead
from forecasting.models.recurrent import RecurrentNet

#: Network by the name in ``ModelConfig.model``: a function of (config, inputs C, horizon H).
MODELS: dict[str, Callable[[ModelConfig, int, int], nn.Module]] = {
    "rnn": RecurrentNet,
    "lstm": RecurrentNet,
    "gru": RecurrentNet,
}


class Ensemble(nn.Module):
    """Networks of one kind that start from different weights; together they forecast their median.

    Parameters
    ----------
    config : ModelConfig
        Of each member; ``config.members`` of them.
    inputs : int
        Features a bar, C.
    horizon : int
        Steps ahead, H.
    """

    def __init__(self, config: ModelConfig, inputs: int, horizon: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(MODELS[config.model](config, inputs, horizon) for _ in range(config.members))

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to each member's shift and log scales, [M, B, H, 3]."""
        return torch.stack([member(window) for member in self.members])

    def together(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the members' median, [B, H, 3]."""
        shapes: Tensor = self(window)
        return shapes.quantile(0.5, dim=0) if len(shapes) > 1 else shapes[0]


__all__ = ["MODELS", "Ensemble", "QuantileHead", "RecurrentNet"]
