"""Shared parts of fused recurrent passes: a whole sequence in few, large operations, and its
backward pass in blocks.

torch's own plain RNN and GRU are slow on a CPU; its LSTM is fused by oneDNN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from forecasting.models.recurrent import Carry, TorchLayer

#: Numbers of one layer's state that are worked on at once on the way back: what is read and written
#: again stays in the cache.
_AT_ONCE = 1 << 16
#: Fewest bars that are read in a fused pass: of fewer torch's own costs as little.
_FUSED_FROM = 8


class FusedLayer(TorchLayer):
    """A layer of torch's with a fused pass for long sequences on a CPU; on a GPU cuDNN is fused
    already.
    """

    def fused(self, bars: Tensor, start: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map time-major bars [L, B, C] and an initial hidden state [B, hidden] to the states at
        all bars, [L, B, hidden], and the last one.
        """
        raise NotImplementedError

    def fuses(self, read: Tensor) -> bool:
        """Whether torch's own pass is the slower one; what is exported needs torch's own."""
        long = read.device.type == "cpu" and read.shape[1] >= _FUSED_FROM
        return long and not torch.onnx.is_in_onnx_export()

    def run_torch(self, read: Tensor, carry: Carry | None) -> tuple[Tensor, Carry]:
        """Run the fused pass where it is faster."""
        if self.fuses(read):
            return self.both_directions(self._scan_fused, read, carry)
        return super().run_torch(read, carry)

    def _scan_fused(self, read: Tensor, state: Carry, backward: bool) -> tuple[Tensor, Carry]:
        states, last = self.fused(read.transpose(0, 1), state[0][0], self.weights(backward))
        return states.transpose(0, 1), (last[None],)


class Gradients:
    """Accumulate the gradients of weights and bars from block to block of the backward pass."""

    def __init__(self, ctx: Any, bars: Tensor, ours: Tensor, back: Tensor) -> None:
        self.inputs, self.recurrent, self.other = (
            torch.zeros_like(ours),
            torch.zeros_like(back),
            ours.new_zeros(len(ours)),
        )
        self.bars = torch.empty_like(bars) if ctx.needs_input_grad[0] else None
        self._read, self._ours = bars, ours

    def read(self, part: Tensor, begin: int, end: int) -> None:
        """Add the contribution of errors [(end - begin) * B, ...] before the activation to the
        gradients of the input weights and of the bars.
        """
        self.inputs.addmm_(part.t(), self._read[begin:end].flatten(0, 1))
        if self.bars is not None:
            torch.mm(part, self._ours, out=self.bars[begin:end].flatten(0, 1))


def state_buffer(start: Tensor, length: int) -> Tensor:
    """Return a buffer [length + 1, ...] for the hidden states, the initial state first."""
    states = start.new_empty(length + 1, *start.shape)
    states[0] = start
    return states


def block_length(states: Tensor) -> int:
    """Return how many bars a block of the backward pass has, so that it fits the cache."""
    return min(len(states) - 1, max(1, _AT_ONCE // states[0].numel()))


def blocks(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield first and end of blocks of at most ``count`` bars, the last block first."""
    for end in range(length, 0, -count):
        yield max(0, end - count), end
