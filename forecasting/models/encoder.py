"""What every network offers, whichever kind it is: the interface between a model's file and the
rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from forecasting.config import ModelConfig


class Encoder(nn.Module, ABC):
    """A network that reads a window bar by bar, and serves as the decoder of an encoder-decoder as
    well.

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
        """Map bars [B, L, C] to outputs [B, L, width] and the state with which later bars are
        read.
        """

    @abstractmethod
    def init_state(self, numbers: Tensor) -> Any:
        """Return a state as :meth:`read` takes it, from numbers [B, K, state_size] between -1
        and 1.
        """

    @abstractmethod
    def context(self, outputs: Tensor) -> Tensor:
        """Return the context [B, K, width] that a decoder starts from, of outputs [B, L, width]."""

    @abstractmethod
    def last(self, outputs: Tensor) -> Tensor:
        """Return the outputs at the last bar, [B, width]."""

    @abstractmethod
    def forward_with_states(
        self, window: Tensor, cuts: Sequence[int]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Return outputs [B, L, width] and, of each layer, the states at the bars ``cuts``
        (increasing, the last L - 1).

        Everything after a cut depends on the returned states: their gradients show how far learning
        reaches back.
        """
