"""Plain RNNs and GRUs run over a whole sequence with few and large operations: what torch's own are slow at on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

#: Numbers of one layer's state that are worked on at once on the way back: what is read and written again stays in the cache.
_AT_ONCE = 1 << 16


class Elman(torch.autograd.Function):
    """A plain RNN over time-major bars, h' = f(W x + b + U h + c), with tanh or ReLU as f.

    ``Elman.apply(bars, start, W, U, b, c, relu)`` maps bars [L, B, C] and the state before them, [B, hidden], to the states at all bars,
    [L, B, hidden], and the last again, [B, hidden]: whoever needs no other saves the others' gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, bars: Tensor, start: Tensor, ours: Tensor, back: Tensor, bias: Tensor, other: Tensor, relu: bool
    ) -> tuple[Tensor, Tensor]:
        """Read all bars: what is seen of them in one product, what is carried on bar by bar, in place."""
        bars, states = bars.contiguous(), _begun(start, len(bars))
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
    def backward(ctx: Any, asked: Tensor | None, last: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients; those of the weights are made in one product for each block of bars."""
        bars, ours, back, states = ctx.saved_tensors
        wanted = None if asked is None else asked.unbind(0)
        into = _Gradients(ctx, bars, ours, back)
        reach = torch.zeros_like(states[0]) if last is None else last.clone()
        errors = torch.empty_like(states[1 : 1 + _at_once(states)])
        slopes = torch.empty_like(errors)
        each, steep = errors.unbind(0), slopes.unbind(0)
        for begin, end in _blocks(len(bars), len(errors)):
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


class Gru(torch.autograd.Function):
    """A GRU as torch's over time-major bars: n = tanh(W x + b + r (U h + c)), h' = (1 - z) n + z h.

    ``Gru.apply(bars, start, W, U, b, c)`` maps as :class:`Elman` does.
    """

    @staticmethod
    def forward(ctx: Any, bars: Tensor, start: Tensor, ours: Tensor, back: Tensor, bias: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Read all bars as :meth:`Elman.forward` does."""
        bars, states, size = bars.contiguous(), _begun(start, len(bars)), back.shape[1]
        flat, shape, both = bars.flatten(0, 1), (*bars.shape[:2], -1), 2 * size
        gates = torch.addmm(bias[:both] + other[:both], flat, ours[:both].t()).view(shape)
        news = torch.addmm(bias[both:], flat, ours[both:].t()).view(shape)
        holds = torch.empty_like(news)
        resets, updates = gates.chunk(2, dim=2)
        across, inner, rest = back[:both].t(), back[both:].t(), other[both:]
        before, *after = states.unbind(0)
        parts = (one.unbind(0) for one in (gates, resets, updates, news, holds))
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
    def backward(ctx: Any, asked: Tensor | None, last: Tensor | None) -> tuple[Tensor | None, ...]:
        """Return the gradients as :meth:`Elman.backward` does."""
        bars, ours, back, states, gates, news, holds = ctx.saved_tensors
        _, batch, size = news.shape
        wanted, keeps = None if asked is None else asked.unbind(0), gates[:, :, size:].unbind(0)
        into, count = _Gradients(ctx, bars, ours, back), _at_once(states)
        bias = torch.zeros_like(into.other)
        # Behind the error of the state before a block lie those of its states.
        errors = states.new_empty(count + 1, batch, size)
        slopes, fresh = states.new_empty(count, batch, 3, size), torch.empty_like(errors[1:])
        each, shares = errors.unbind(0), slopes.unbind(0)
        flat = slopes.view(count, batch, 3 * size).unbind(0)
        each[0].zero_() if last is None else each[0].copy_(last)
        for begin, end in _blocks(len(bars), count):
            here = end - begin
            _slopes(slopes[:here], fresh[:here], states[begin:end], gates[begin:end], news[begin:end], holds[begin:end])
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


def _slopes(slopes: Tensor, fresh: Tensor, before: Tensor, gates: Tensor, news: Tensor, holds: Tensor) -> None:
    """Find what an error of a state makes of those of the reset, the update and U h + c, [K, B, 3, hidden]; ``fresh`` of n's sum."""
    resets, updates = gates.chunk(2, dim=2)
    torch.mul(news, news, out=fresh).neg_().add_(1)
    fresh.addcmul_(fresh, updates, value=-1)
    torch.mul(fresh, resets, out=slopes[:, :, 2])
    torch.mul(slopes[:, :, 2], holds, out=slopes[:, :, 0])
    slopes[:, :, 0].addcmul_(slopes[:, :, 0], resets, value=-1)
    torch.sub(before, news, out=slopes[:, :, 1]).mul_(updates)
    slopes[:, :, 1].addcmul_(slopes[:, :, 1], updates, value=-1)


class _Gradients:
    """Gradients that grow from block to block."""

    def __init__(self, ctx: Any, bars: Tensor, ours: Tensor, back: Tensor) -> None:
        self.inputs, self.recurrent, self.other = torch.zeros_like(ours), torch.zeros_like(back), ours.new_zeros(len(ours))
        self.bars = torch.empty_like(bars) if ctx.needs_input_grad[0] else None
        self._read, self._ours = bars, ours

    def read(self, part: Tensor, begin: int, end: int) -> None:
        """Add what the errors [(end - begin) * B, ...] of some bars' sums make of the input weights and of the bars."""
        self.inputs.addmm_(part.t(), self._read[begin:end].flatten(0, 1))
        if self.bars is not None:
            torch.mm(part, self._ours, out=self.bars[begin:end].flatten(0, 1))


def _begun(start: Tensor, length: int) -> Tensor:
    """Return room for the states at ``length`` bars behind the one they start from."""
    states = start.new_empty(length + 1, *start.shape)
    states[0] = start
    return states


def _at_once(states: Tensor) -> int:
    return min(len(states) - 1, max(1, _AT_ONCE // states[0].numel()))


def _blocks(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield the begins and ends of blocks of at most ``count`` bars, the last bars first."""
    for end in range(length, 0, -count):
        yield max(0, end - count), end


def run(cell: nn.RNN | nn.GRU, read: Tensor, carried: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what a cell of one layer does: outputs [B, L, width] and the last states [directions, B, hidden].

    Parameters
    ----------
    cell : nn.RNN or nn.GRU
        Batch first, one layer.
    read : Tensor, shape [B, L, C]
    carried : Tensor, shape [directions, B, hidden], optional
        States to start from instead of zeros.
    """
    bars, outputs, lasts = read.transpose(0, 1), [], []
    for number, suffix in enumerate(("", "_reverse") if cell.bidirectional else ("",)):
        start = read.new_zeros(len(read), cell.hidden_size) if carried is None else carried[number]
        weights = [getattr(cell, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        directed = bars.flip(0) if suffix else bars
        if isinstance(cell, nn.GRU):
            states, last = Gru.apply(directed, start, *weights)  # type: ignore[no-untyped-call]
        else:
            states, last = Elman.apply(directed, start, *weights, cell.nonlinearity == "relu")  # type: ignore[no-untyped-call]
        outputs.append((states.flip(0) if suffix else states).transpose(0, 1))
        lasts.append(last)
    return torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0], torch.stack(lasts)
