"""Recurrent passes through the native kernel (:mod:`forecasting.native`), as one function of
autograd; torch's own passes are the reference and the fallback.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from forecasting import native
from forecasting.errors import ConfigError

#: Most hidden units for which the kernel is the quicker one, by kind of code (docs/performance.md).
_MOST_HIDDEN = {"avx2": 256, "plain": 32}
#: Products that are worth a thread of their own: about a millisecond.
_THREAD_WORTH = 20_000_000
#: Largest difference between the kernel's and torch's gradients, relative to the largest, in the
#: test before its first use.
_TOLERANCE = 1e-4
_PRECISIONS: dict[torch.dtype, native.Precision] = {torch.float32: "f32", torch.float64: "f64"}


class Weights(NamedTuple):
    """Weights of one direction of a layer, shaped as torch's: [G * hidden, C], [G * hidden,
    hidden] and twice [G * hidden].
    """

    ours: Tensor
    back: Tensor
    bias: Tensor
    other: Tensor


@cache
def fault() -> str:
    """Return why the kernel is not used, "" where it is: it is not there, or a small pass of it
    differs from torch's.
    """
    kernel = native.load()
    if isinstance(kernel, str):
        return kernel
    # Shapes of a saved network are checked on the device meta, where nothing can be computed.
    with (
        torch.device("cpu"),
        torch.random.fork_rng(devices=[]),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        torch.manual_seed(0)
        cell, window = nn.LSTM(3, 8, batch_first=True), torch.randn(20, 9, 3)
        weights = Weights(*cell.parameters())
        ours = native_pass("lstm", window, (None, None), weights, outputs=False)[1].square().sum()
        theirs = cell(window)[0][:, -1].square().sum()
        found = [torch.autograd.grad(loss, [weights.back])[0] for loss in (ours, theirs)]
    apart = float((found[0] - found[1]).abs().max() / found[1].abs().max())
    return "" if apart <= _TOLERANCE else f"its numbers differ from torch's by {apart:.1e}"


def in_use() -> str:
    """Return what computes recurrent layers on the CPU: ``native (avx2)``, ``native (plain)`` or
    ``torch``.

    Raises
    ------
    ConfigError
        ``CANDLECAST_KERNEL`` is ``on`` and the kernel cannot be used, or it is no choice.
    """
    chosen = native.choice()
    if chosen == "off":
        return "torch"
    reason = fault()
    if reason and chosen == "on":
        raise ConfigError(
            f"{native.VARIABLE} = on, but the native kernel cannot be used: {reason}.",
            f"Set {native.VARIABLE} to auto: torch computes the same, slower.",
        )
    kernel = native.load()
    return "torch" if reason or isinstance(kernel, str) else f"native ({kernel.processor})"


_is_on: bool | None = None


def read_setting() -> None:
    """Read what the environment chooses, for all networks of this process; building one does so.

    Raises
    ------
    ConfigError
        As :func:`in_use` does.
    """
    global _is_on
    _is_on = in_use() != "torch"


def computes(tensor: Tensor) -> bool:
    """Return whether the kernel computes with a tensor: on a CPU, in float32, unless a graph is
    being traced.
    """
    if tensor.dtype is not torch.float32 or not tensor.is_cpu:
        return False
    if _is_on is None:
        read_setting()
    return bool(_is_on) and torch._C._get_tracing_state() is None


def applies(read: Tensor, weight: Tensor) -> bool:
    """Return whether the kernel computes bars [B, L, C] with recurrent weights [G * hidden,
    hidden].
    """
    if not computes(read) or weight.dtype != read.dtype or not read.numel():
        return False
    kernel = native.load()
    return not isinstance(kernel, str) and weight.shape[1] <= _MOST_HIDDEN[kernel.processor]


def native_pass(
    kind: str,
    bars: Tensor,
    state: tuple[Tensor | None, Tensor | None],
    weights: Weights,
    *,
    outputs: bool = True,
) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """Run one direction of a layer.

    Parameters
    ----------
    kind : str
        One of :data:`forecasting.native.KINDS`.
    bars : Tensor, shape [B, L, C]
        In reading order.
    state : tuple
        Hidden and cell state before the first bar, [B, hidden]; None for zeros.
    weights : Weights
    outputs : bool
        Whether the hidden states at all bars are asked for.

    Returns
    -------
    outputs : Tensor, shape [B, L, hidden], or None
    hidden : Tensor, shape [B, hidden]
        The last hidden state.
    cell : Tensor or None
        The last cell state of an LSTM.
    """
    found: tuple[Tensor | None, Tensor, Tensor | None] = _Native.apply(  # type: ignore[no-untyped-call]
        native.KINDS.index(kind), outputs, bars, *state, *weights
    )
    return found


class _Native(torch.autograd.Function):
    """The kernel's pass over tiles of windows; a record of the activations waits for the way back,
    which uses it up.
    """

    @staticmethod
    def forward(
        ctx: Any,
        kind: int,
        outputs: bool,
        bars: Tensor,
        hidden: Tensor | None,
        cell: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Run forwards; see :func:`native_pass`."""
        bars = bars if bars.stride(2) == 1 else bars.contiguous()
        hidden, cell = (None if x is None else x.contiguous() for x in (hidden, cell))
        weights = tuple(x.contiguous() for x in weights)
        made = _Pass(kind, bars, hidden, cell, weights)
        found = made.forward(outputs, record=any(ctx.needs_input_grad))
        ctx.made = made
        ctx.save_for_backward(bars, hidden, cell, *weights)
        ctx.set_materialize_grads(False)
        return found

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, outputs: Tensor | None, hidden: Tensor | None, cell: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of bars, states and weights."""
        _ = ctx.saved_tensors  # refused where weights were changed in between
        made: _Pass = ctx.made
        return None, None, *made.backward(outputs, hidden, cell, bars=ctx.needs_input_grad[2])


class _Pass:
    """Arguments of one pass, and the memory that both ways share."""

    def __init__(
        self,
        kind: int,
        bars: Tensor,
        hidden: Tensor | None,
        cell: Tensor | None,
        weights: tuple[Tensor, ...],
    ) -> None:
        kernel = native.load(_PRECISIONS[bars.dtype])
        assert not isinstance(kernel, str)
        self.kernel, self.bars, self.hidden, self.cell = kernel, bars, hidden, cell
        self.weights = weights
        self.record: Tensor | None = None
        self.gated = native.CELL_STATES[kind]
        batch, length, inputs = bars.shape
        self.size = weights[1].shape[1]
        self.tiles = -(-batch // kernel.tile_width)
        self.work = len(weights[1]) * batch * length * (inputs + self.size)
        ours, back, bias, other = (x.data_ptr() for x in weights)
        self.arguments = native.Pass(
            bars=bars.data_ptr(),
            bars_by_window=bars.stride(0),
            bars_by_bar=bars.stride(1),
            hidden=_pointer(hidden),
            cell=_pointer(cell),
            W=ours,
            U=back,
            b=bias,
            c=other,
            kind=kind,
            B=batch,
            L=length,
            C=inputs,
            H=self.size,
        )

    def forward(self, outputs: bool, record: bool) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Run forwards; a record is kept where a way back may follow."""
        batch, length, _ = self.bars.shape
        new, call = self.bars.new_empty, self.arguments
        if record:
            self.record = new(self.tiles * self.kernel.tile_size(call))
        states = new(batch, length, self.size) if outputs else None
        last, cell = new(batch, self.size), new(batch, self.size) if self.gated else None
        call.record, call.outputs = _pointer(self.record), _pointer(states)
        call.last_hidden, call.last_cell = last.data_ptr(), _pointer(cell)
        self._run(self.kernel.forward, [call])
        return states, last, cell

    def backward(
        self, outputs: Tensor | None, hidden: Tensor | None, cell: Tensor | None, *, bars: bool
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of bars, states and weights, from those of what :meth:`forward`
        returned.
        """
        if self.record is None:  # a second way back through the same graph
            self.forward(outputs=False, record=True)
        outputs, hidden, cell = (
            None if x is None else x.contiguous() for x in (outputs, hidden, cell)
        )
        call = self.arguments
        if outputs is not None:
            call.d_outputs = outputs.data_ptr()
            call.d_by_window, call.d_by_bar = outputs.stride(0), outputs.stride(1)
        else:
            call.d_outputs = None
        call.d_last_hidden, call.d_last_cell = _pointer(hidden), _pointer(cell)
        d_bars = (
            torch.empty_like(self.bars, memory_format=torch.contiguous_format) if bars else None
        )
        d_hidden, d_cell = (
            None if x is None else torch.empty_like(x) for x in (self.hidden, self.cell)
        )
        call.d_bars = _pointer(d_bars)
        call.d_hidden, call.d_cell = _pointer(d_hidden), _pointer(d_cell)
        sums = self._weight_gradients()
        self.record = None
        return d_bars, d_hidden, d_cell, *sums

    def _weight_gradients(self) -> list[Tensor]:
        """Run backwards; threads sum up gradients of their own, which are added in order."""
        calls: list[native.Pass] = []
        parts: list[list[Tensor]] = []
        for _ in range(self._threads()):
            zeros = [torch.zeros_like(x) for x in self.weights]
            call = native.Pass.from_buffer_copy(self.arguments) if calls else self.arguments
            call.d_W, call.d_U, call.d_b, call.d_c = (x.data_ptr() for x in zeros)
            calls.append(call)
            parts.append(zeros)
        self._run(self.kernel.backward, calls)
        first, *rest = parts
        for more in rest:
            torch._foreach_add_(first, more)
        return first

    def _threads(self) -> int:
        """Return how many threads share the tiles."""
        return max(1, min(torch.get_num_threads(), self.tiles, self.work // _THREAD_WORTH))

    def _run(self, function: Callable[..., int], calls: list[native.Pass]) -> None:
        """Run all tiles, a part in each thread; a single call is copied for each of them.

        Raises
        ------
        MemoryError
        """
        count = self._threads()
        if len(calls) < count:
            calls = [native.Pass.from_buffer_copy(calls[0]) for _ in range(count)]
        for number, call in enumerate(calls):
            call.first_tile = self.tiles * number // count
            call.end_tile = self.tiles * (number + 1) // count
        codes = [function(ctypes.byref(calls[0]))] if count == 1 else _in_threads(function, calls)
        if any(codes):
            raise MemoryError("out of memory: there is no room for a recurrent pass")


def _in_threads(function: Callable[..., int], calls: list[native.Pass]) -> list[int]:
    """Run each call in a thread of its own, the first in this one; return what they return."""
    codes = [0] * len(calls)

    def work(number: int) -> None:
        codes[number] = function(ctypes.byref(calls[number]))

    others = [threading.Thread(target=work, args=(number,)) for number in range(1, len(calls))]
    for thread in others:
        thread.start()
    work(0)
    for thread in others:
        thread.join()
    return codes


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
