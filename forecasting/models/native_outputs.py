"""The head, the pinball loss and the clipping of gradients through the native kernel: each one call
instead of a dozen small operations.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from forecasting import native

#: Levels are filled up to a multiple of this, the lanes of the widest vectors.
_LANES = 8


def native_head(
    state: Tensor, linear: nn.Linear, basis: Tensor, gain: Tensor, farthest: Tensor
) -> Tensor:
    """Map states [..., width] to shift, left and right log scale, [..., H, 3], as
    :class:`forecasting.models.heads.QuantileHead` does.
    """
    rows = state.reshape(-1, state.shape[-1]).contiguous()
    out: Tensor = _Head.apply(  # type: ignore[no-untyped-call]
        rows, linear.weight, linear.bias, basis, gain, farthest
    )
    return out.view(*state.shape[:-1], *out.shape[1:])


class _Head(torch.autograd.Function):
    """``farthest * tanh(gain * (W s + b) . basis)`` of states [N, K]."""

    @staticmethod
    def forward(
        ctx: Any,
        state: Tensor,
        weight: Tensor,
        bias: Tensor,
        basis: Tensor,
        gain: Tensor,
        farthest: Tensor,
    ) -> Tensor:
        """Return the outputs, [N, H, 3]."""
        degrees, steps = basis.shape
        weight = weight.contiguous()
        out = state.new_empty(len(state), steps, 3)
        call = native.HeadPass(
            state=state.data_ptr(),
            weight=weight.data_ptr(),
            bias=bias.data_ptr(),
            basis=basis.data_ptr(),
            gain=gain.data_ptr(),
            farthest=farthest.data_ptr(),
            out=out.data_ptr(),
            N=len(state),
            K=state.shape[1],
            D=degrees,
            steps=steps,
        )
        _kernel(state).head_forward(ctypes.byref(call))
        ctx.save_for_backward(state, weight, bias, basis, gain, farthest, out)
        ctx.call = call
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of states, weights and biases."""
        state, weight, bias, *_ = ctx.saved_tensors
        d_out = d_out.contiguous()
        d_state = torch.empty_like(state) if ctx.needs_input_grad[0] else None
        d_weight, d_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        call = ctx.call
        call.d_out = d_out.data_ptr()
        call.d_state = None if d_state is None else d_state.data_ptr()
        call.d_weight, call.d_bias = d_weight.data_ptr(), d_bias.data_ptr()
        _kernel(state).head_backward(ctypes.byref(call))
        return d_state, d_weight, d_bias, None, None, None


class NativePinball:
    """The pinball loss of :class:`forecasting.training.objective.Pinball`, with its derivatives
    found on the way.

    Parameters
    ----------
    levels : Tensor, shape [Q]
    baseline : Tensor, shape [H, Q]
    median : Tensor, shape [H]
    """

    def __init__(self, levels: Tensor, baseline: Tensor, median: Tensor) -> None:
        self.count = len(levels)
        more = -self.count % _LANES
        # Levels of zero at the median add nothing.
        self.levels = torch.cat([levels, levels.new_zeros(more)])
        filling = median[:, None].expand(-1, more)
        self.baseline = torch.cat([baseline, filling], dim=1).contiguous()
        self.median = median.contiguous()

    def __call__(self, shape: Tensor, target: Tensor) -> Tensor:
        """Map outputs [..., H, 3] and targets [..., H], whose leading dimensions may be the last
        ones of the outputs', to losses [...].
        """
        out = shape.reshape(-1, *shape.shape[-2:]).contiguous()
        known = target.expand(*shape.shape[max(0, shape.ndim - 1 - target.ndim) : -1])
        rows = known.reshape(-1, out.shape[1]).contiguous()
        losses: Tensor = _Pinball.apply(out, rows, self)  # type: ignore[no-untyped-call]
        return losses.view(shape.shape[:-2])


class _Pinball(torch.autograd.Function):
    """Losses [N] of outputs [N, H, 3], and their derivatives."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, target: Tensor, loss: NativePinball) -> Tensor:
        """Return the losses."""
        losses = out.new_empty(len(out))
        slopes = torch.empty_like(out) if ctx.needs_input_grad[0] else None
        call = native.PinballPass(
            out=out.data_ptr(),
            target=target.data_ptr(),
            baseline=loss.baseline.data_ptr(),
            median=loss.median.data_ptr(),
            levels=loss.levels.data_ptr(),
            losses=losses.data_ptr(),
            slopes=None if slopes is None else slopes.data_ptr(),
            N=len(out),
            T=max(1, len(target)),
            steps=out.shape[1],
            Q=len(loss.levels),
            count=loss.count,
        )
        _kernel(out).pinball(ctypes.byref(call))
        ctx.slopes = slopes
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_losses: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the outputs."""
        return ctx.slopes * d_losses[:, None, None], None, None


def native_clip(gradients: list[Tensor], limit: float, members: int) -> Tensor:
    """Hold the norm of gradients below a limit (0: none), in place.

    Returns
    -------
    Tensor, shape [P + 3]
        The norm of each before, that of all before and after, and whether they were held back.
    """
    count = len(gradients)
    found = gradients[0].new_empty(count + 3)
    pointers = (ctypes.c_void_p * count)(*(x.data_ptr() for x in gradients))
    sizes = (ctypes.c_int64 * count)(*(x.numel() for x in gradients))
    clip = _kernel(found).clip
    clip(pointers, sizes, count, limit, members, found.data_ptr())
    return found


def _kernel(like: Tensor) -> native.Kernel:
    kernel = native.load("f32" if like.dtype == torch.float32 else "f64")
    assert not isinstance(kernel, str)
    return kernel
