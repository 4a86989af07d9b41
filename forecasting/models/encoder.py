"""The interface of all networks: what a model's file has to implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig


@dataclass(frozen=True)
class Inside:
    """What goes on inside a network while it reads windows, a mean over them and over units.

    Attributes
    ----------
    gates : tuple of str
        Names of the gates of a cell.
    openings : Tensor, shape [layers, G, L]
        Mean opening of each gate at each bar.
    state : Tensor, shape [layers, L]
        Root mean square of what is carried from each bar to the next.
    saturated : float
        Share of hidden units within 2 % of the limits of tanh.
    attention : Tensor, shape [layers, queries, L]
        Weights of attention of some bars, the last included.
    """

    gates: tuple[str, ...]
    openings: Tensor
    state: Tensor
    saturated: float = 0.0
    attention: Tensor = field(default_factory=lambda: torch.empty(0, 0, 0))


class Encoder(nn.Module, ABC):
    """A network that reads a window bar by bar; also used as the decoder of a sequence-to-sequence
    network.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    length : int
        Most bars that are ever read.

    Attributes
    ----------
    width : int
        Numbers in the output at each bar.
    """

    width: int

    @abstractmethod
    def __init__(self, config: ModelConfig, inputs: int, length: int) -> None:
        super().__init__()

    @property
    @abstractmethod
    def state_size(self) -> int:
        """Return how many numbers :meth:`init_state` takes for each bar of the context."""

    @abstractmethod
    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the output at the last bar, [B, width]."""

    @abstractmethod
    def read(self, bars: Tensor, carry: Any = None) -> tuple[Tensor, Any]:
        """Map bars [B, L, C] to outputs [B, L, width] and the carry, the state that continues with
        later bars.
        """

    @abstractmethod
    def init_state(self, numbers: Tensor) -> Any:
        """Return an initial carry for :meth:`read`, from numbers [B, K, state_size] between -1 and
        1.
        """

    @abstractmethod
    def context(self, outputs: Tensor) -> Tensor:
        """Return the context [B, K, width] for a decoder, from outputs [B, L, width]."""

    @abstractmethod
    def last(self, outputs: Tensor) -> Tensor:
        """Return the output at the last bar, [B, width], from outputs [B, L, width]."""

    def inspect(self, window: Tensor) -> Inside | None:
        """Return what goes on inside while windows [B, L, C] are read; None where that is not
        offered.
        """
        return None

    @abstractmethod
    def forward_with_states(
        self, window: Tensor, cuts: Sequence[int]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Return outputs [B, L, width] and each layer's hidden states at the bars ``cuts``
        (increasing, the last L - 1).

        All later outputs depend on the returned states, so that their gradients show how far back
        the network learns.
        """
