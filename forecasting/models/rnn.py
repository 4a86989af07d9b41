"""The plain (Elman) recurrent network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from forecasting.config import ModelConfig
from forecasting.models import fused
from forecasting.models.recurrent import Recurrent


class RnnLayer(fused.FusedLayer):
    """A layer of plain recurrent units, h' = f(W x + b + U h + c), where f is tanh or ReLU.

    References
    ----------
    Elman (1990), Finding structure in time.
    """

    module = nn.RNN

    def make_cell(self, config: ModelConfig, inputs: int, **more: Any) -> nn.Module:
        """Return torch's module with the configured activation."""
        self.relu = config.activation == "relu"
        self.kind = config.activation
        self.bounded = not self.relu
        self.function = torch.rnn_relu if self.relu else torch.rnn_tanh
        cell = super().make_cell(config, inputs, nonlinearity=config.activation)
        if config.recurrent_gain:
            self._start_recurrence(cell, config.recurrent_gain)
        return cell

    @torch.no_grad()
    def _start_recurrence(self, cell: nn.Module, gain: float) -> None:
        """Initialise the recurrent weights of all directions with a multiple of the identity.

        References
        ----------
        Le, Jaitly and Hinton (2015), A simple way to initialize recurrent networks of rectified
        linear units.
        """
        for name, weights in cell.named_parameters():
            if name.startswith("weight_hh"):
                weights.copy_(gain * torch.eye(len(weights)))

    def fused(self, bars: Tensor, start: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Run :class:`Elman`."""
        states, last = Elman.apply(bars, start, *weights, self.relu)  # type: ignore[no-untyped-call]
        return states, last


class Rnn(Recurrent):
    """A stack of plain recurrent layers."""

    layer = RnnLayer


class Elman(torch.autograd.Function):
    """Fused plain RNN over time-major bars, h' = f(W x + b + U h + c), where f is tanh or ReLU.

    ``Elman.apply(bars, start, W, U, b, c, relu)`` maps bars [L, B, C] and the initial hidden state
    [B, hidden] to the hidden states at all bars, [L, B, hidden], and the last one again, [B,
    hidden]: a caller that uses only the last saves the gradient of the others.
    """

    @staticmethod
    def forward(
        ctx: Any,
        bars: Tensor,
        start: Tensor,
        ours: Tensor,
        back: Tensor,
        bias: Tensor,
        other: Tensor,
        relu: bool,
    ) -> tuple[Tensor, Tensor]:
        """Run forward: input weights in one product for all bars, recurrent weights bar by bar, in
        place.
        """
        bars, states = bars.contiguous(), fused.state_buffer(start, len(bars))
        torch.addmm(bias + other, bars.flatten(0, 1), ours.t(), out=states[1:].flatten(0, 1))
        before, *after = states.unbind(0)
        across, bend = back.t(), torch.relu_ if relu else torch.tanh_
        for state in after:
            before = bend(state.addmm_(before, across))
        ctx.save_for_backward(bars, ours, back, states)
        ctx.relu = relu
        ctx.set_materialize_grads(False)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_states: Tensor | None, last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients; those of the weights in one product for each block of bars."""
        bars, ours, back, states = ctx.saved_tensors
        wanted = None if grad_states is None else grad_states.unbind(0)
        into = fused.Gradients(ctx, bars, ours, back)
        reach = torch.zeros_like(states[0]) if last is None else last.clone()
        errors = torch.empty_like(states[1 : 1 + fused.block_length(states)])
        slopes = torch.empty_like(errors)
        each, steep = errors.unbind(0), slopes.unbind(0)
        for begin, end in fused.blocks(len(bars), len(errors)):
            some = states[begin + 1 : end + 1]
            if ctx.relu:
                torch.sign(some, out=slopes[: end - begin])
            else:
                torch.mul(some, some, out=slopes[: end - begin]).neg_().add_(1)
            for t in range(end - begin - 1, -1, -1):
                if wanted is not None:
                    reach.add_(wanted[begin + t])
                torch.mul(reach, steep[t], out=each[t])
                torch.mm(each[t], back, out=reach)
            part = errors[: end - begin].flatten(0, 1)
            into.recurrent.addmm_(part.t(), states[begin:end].flatten(0, 1))
            into.other += part.sum(0)
            into.read(part, begin, end)
        return into.bars, reach, into.inputs, into.recurrent, into.other, into.other, None
