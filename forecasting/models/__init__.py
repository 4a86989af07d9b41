"""The networks: one file a family, one registry from which forms, flags and saved files choose."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.front import CausalConv
from forecasting.models.heads import QuantileHead
from forecasting.models.recurrent import Recurrent
from forecasting.models.transformer import Transformer

#: What reads a window, by the name in ``ModelConfig.model``: a function of (config, inputs C, input_size L).
MODELS: dict[str, type[Recurrent | Transformer]] = {
    "rnn": Recurrent,
    "lstm": Recurrent,
    "gru": Recurrent,
    "transformer": Transformer,
}


class Network(nn.Module):
    """A convolution where one is wanted, one of :data:`MODELS`, and a head that starts as exactly the baseline.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    horizon : int
        Steps ahead, H.
    input_size : int
        Bars of a window, L.
    """

    def __init__(self, config: ModelConfig, inputs: int, horizon: int, input_size: int) -> None:
        super().__init__()
        self.front: nn.Module = nn.Identity()
        if config.conv_kernel:
            self.front = CausalConv(inputs, config.conv_channels, config.conv_kernel)
        self.body = MODELS[config.model](config, config.conv_channels if config.conv_kernel else inputs, input_size)
        self.drop = nn.Dropout(config.dropout)
        self.head = QuantileHead(self.body.width, horizon)

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the head's shift and log scales, [B, H, 3]."""
        shape: Tensor = self.head(self.drop(self.body(self.front(window))))
        return shape

    def kept(self, window: Tensor, cuts: Sequence[int]) -> tuple[Tensor, list[list[Tensor]]]:
        """Return what :meth:`forward` does, and of each layer its states at the bars ``cuts`` (increasing, the last L - 1)."""
        state, states = self.body.kept(self.front(window), cuts)
        return self.head(self.drop(state)), states


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
    input_size : int
        Bars of a window, L.
    """

    def __init__(self, config: ModelConfig, inputs: int, horizon: int, input_size: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(Network(config, inputs, horizon, input_size) for _ in range(config.members))

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to each member's shift and log scales, [M, B, H, 3]."""
        return torch.stack([member(window) for member in self.members])

    def together(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the members' median, [B, H, 3]."""
        shapes: Tensor = self(window)
        return shapes.quantile(0.5, dim=0) if len(shapes) > 1 else shapes[0]


__all__ = ["MODELS", "Ensemble", "Network", "QuantileHead", "Recurrent", "Transformer"]
