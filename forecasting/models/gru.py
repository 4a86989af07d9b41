"""The gated recurrent unit (GRU)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from forecasting.models import fused
from forecasting.models.recurrent import Recurrent, remember_bias


class GruLayer(fused.FusedLayer):
    """A layer of GRUs.

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.
    """

    module = nn.GRU
    kind = "gru"
    function = staticmethod(torch.gru)
    gates = ("reset", "update")

    def openings(self, read: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the openings of reset and update gates, and the hidden state; shapes as of
        :meth:`RecurrentLayer.openings`.

        An update gate that is open keeps the state, in torch's definition.
        """
        ours, back, bias, other = self.weights(False)
        before = torch.nn.functional.pad(outputs[:, :-1], (0, 0, 1, 0))
        sums = read @ ours.t() + before @ back.t() + bias + other
        both = sums[..., : 2 * self.hidden].sigmoid()
        return torch.stack(both.chunk(2, dim=2)), outputs

    def fused(self, bars: Tensor, start: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Run :class:`FusedGru`."""
        states, last = FusedGru.apply(bars, start, *weights)  # type: ignore[no-untyped-call]
        return states, last

    @torch.no_grad()
    def remember(self, bars: int) -> None:
        """Initialise the biases of the update gates for a memory of up to ``bars`` bars (Tallec and
        Ollivier 2018).
        """
        update = slice(self.hidden, 2 * self.hidden)
        for direction in range(self.directions):
            *_, bias, other = self.weights(direction == 1)
            bias[update] = remember_bias(self.hidden, bars)
            other[update] = 0.0


class Gru(Recurrent):
    """A stack of GRU layers."""

    layer = GruLayer


class FusedGru(torch.autograd.Function):
    """Fused GRU over time-major bars, as torch's: n = tanh(W x + b + r (U h + c)), h' = (1 - z) n +
    z h.

    ``FusedGru.apply(bars, start, W, U, b, c)`` has the shapes of
    :class:`forecasting.models.rnn.Elman`.
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
    ) -> tuple[Tensor, Tensor]:
        """Run forward; shapes as of ``Elman.forward``."""
        bars, states, size = bars.contiguous(), fused.state_buffer(start, len(bars)), back.shape[1]
        flat, shape, both = bars.flatten(0, 1), (*bars.shape[:2], -1), 2 * size
        gates = torch.addmm(bias[:both] + other[:both], flat, ours[:both].t()).view(shape)
        news = torch.addmm(bias[both:], flat, ours[both:].t()).view(shape)
        holds = torch.empty_like(news)
        resets, updates = gates.chunk(2, dim=2)
        across, inner, rest = back[:both].t(), back[both:].t(), other[both:]
        before, *after = states.unbind(0)
        parts = (item.unbind(0) for item in (gates, resets, updates, news, holds))
        for gate, reset, update, new, hold, state in zip(*parts, after, strict=True):
            gate.addmm_(before, across).sigmoid_()
            torch.addmm(rest, before, inner, out=hold)
            new.addcmul_(reset, hold).tanh_()
            before = torch.lerp(new, before, update, out=state)
        ctx.save_for_backward(bars, ours, back, states, gates, news, holds)
        ctx.set_materialize_grads(False)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_states: Tensor | None, last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients, as ``Elman.backward`` does."""
        bars, ours, back, states, gates, news, holds = ctx.saved_tensors
        _, batch, size = news.shape
        wanted, keeps = (
            None if grad_states is None else grad_states.unbind(0),
            gates[:, :, size:].unbind(0),
        )
        into, count = fused.Gradients(ctx, bars, ours, back), fused.block_length(states)
        bias = torch.zeros_like(into.other)
        # Behind the error of the state before a block lie those of its states.
        errors = states.new_empty(count + 1, batch, size)
        slopes, fresh = states.new_empty(count, batch, 3, size), torch.empty_like(errors[1:])
        each, shares = errors.unbind(0), slopes.unbind(0)
        flat = slopes.view(count, batch, 3 * size).unbind(0)
        each[0].zero_() if last is None else each[0].copy_(last)
        for begin, end in fused.blocks(len(bars), count):
            here = end - begin
            _slopes(
                slopes[:here],
                fresh[:here],
                states[begin:end],
                gates[begin:end],
                news[begin:end],
                holds[begin:end],
            )
            each[here].copy_(each[0])
            for t in range(here, 0, -1):
                if wanted is not None:
                    each[t].add_(wanted[begin + t - 1])
                shares[t - 1].mul_(each[t].unsqueeze(1))
                torch.mul(each[t], keeps[begin + t - 1], out=each[t - 1]).addmm_(flat[t - 1], back)
            part = slopes[:here].view(here * batch, 3 * size)
            into.recurrent.addmm_(part.t(), states[begin:end].flatten(0, 1))
            into.other += part.sum(0)
            torch.mul(errors[1 : here + 1], fresh[:here], out=slopes[:here, :, 2])
            bias[2 * size :] += slopes[:here, :, 2].sum((0, 1))
            into.read(part, begin, end)
        bias[: 2 * size] = into.other[: 2 * size]
        return into.bars, each[0], into.inputs, into.recurrent, bias, into.other


def _slopes(
    slopes: Tensor, fresh: Tensor, before: Tensor, gates: Tensor, news: Tensor, holds: Tensor
) -> None:
    """Compute the derivatives of the next hidden state with respect to reset, update and U h + c,
    [K, B, 3, hidden], in place; ``fresh`` gets that with respect to the sum of n.
    """
    resets, updates = gates.chunk(2, dim=2)
    torch.mul(news, news, out=fresh).neg_().add_(1)
    fresh.addcmul_(fresh, updates, value=-1)
    torch.mul(fresh, resets, out=slopes[:, :, 2])
    torch.mul(slopes[:, :, 2], holds, out=slopes[:, :, 0])
    slopes[:, :, 0].addcmul_(slopes[:, :, 0], resets, value=-1)
    torch.sub(before, news, out=slopes[:, :, 1]).mul_(updates)
    slopes[:, :, 1].addcmul_(slopes[:, :, 1], updates, value=-1)
