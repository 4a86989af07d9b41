"""Heads: map hidden states to quantiles that never cross and start at the baseline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forecasting.models.native_outputs import native_head
from forecasting.models.native_pass import computes

#: Farthest that the head can move the median (in units of the scale) and the log scale of either
#: side: whatever the weights, the forecast stays finite.
_FARTHEST, _WIDEST = 4.0, 1.5
#: How readily the median moves, beside the scales: where a price goes is nearly noise and how far
#: is not, and a head that treats both alike learns the noise first (measured on 100 US stocks, 2015
#: and 2016).
_SHIFT_GAIN = 0.2
_DEGREE = 1


class QuantileHead(nn.Module):
    """Shift and log scales of the forecast relative to a baseline distribution, per step ahead.

    For each of the H steps it outputs a shift of the median and a log scale for either side of it.
    The baseline's quantiles are shifted and scaled by these; the map is increasing, so quantiles
    cannot cross. All weights start at zero, so an untrained head is exactly the baseline. Over the
    steps each output is a polynomial in log h of low degree: neighbouring steps are almost the same
    task, and a free output at every step would fit noise.

    Parameters
    ----------
    width : int
        Size of the state that is read.
    horizon : int
        Steps ahead, H.
    """

    basis: Tensor
    farthest: Tensor
    gain: Tensor

    def __init__(self, width: int, horizon: int) -> None:
        super().__init__()
        steps = torch.linspace(
            1, horizon, horizon, device="cpu"
        ).log()  # also where the rest has shapes only
        index = 2 * steps / max(float(steps[-1]), 1.0) - 1 if horizon > 1 else steps
        powers = torch.stack([index**k for k in range(min(_DEGREE + 1, horizon))])
        self.register_buffer("basis", powers, persistent=False)
        self.register_buffer(
            "farthest", torch.tensor([_FARTHEST, _WIDEST, _WIDEST], device="cpu"), persistent=False
        )
        self.register_buffer(
            "gain",
            torch.tensor([_SHIFT_GAIN, 1.0, 1.0], device="cpu") / self.farthest,
            persistent=False,
        )
        self.residual = nn.Linear(width, 3 * len(powers))
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)

    def forward(self, state: Tensor) -> Tensor:
        """Map states [..., width] to shift, left and right log scale, [..., H, 3]."""
        if computes(state):
            return native_head(state, self.residual, self.basis, self.gain, self.farthest)
        free = self.residual(state).view(*state.shape[:-1], 3, -1) @ self.basis
        return self.farthest * torch.tanh(free.transpose(-1, -2) * self.gain)


class KnownAhead(nn.Module):
    """Linear effect of the calendar of a bar ahead on the median and the log scales of that bar.

    All weights start at zero: untrained it changes nothing.

    Parameters
    ----------
    inputs : int
        Numbers known of each bar ahead, F.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.effect = nn.Linear(inputs, 3, bias=False)
        nn.init.zeros_(self.effect.weight)

    def forward(self, shape: Tensor, ahead: Tensor) -> Tensor:
        """Add the bounded effect of calendar features [..., H, F] to outputs [..., H or 1, 3]."""
        shift, left, right = self.effect(ahead[..., : shape.shape[-2], :]).tanh().unbind(-1)
        return shape + torch.stack([_SHIFT_GAIN * shift, left, right], dim=-1)


def apply_shape(shape: Tensor, baseline: Tensor, median: Tensor) -> Tensor:
    """Apply the head's output to the baseline's quantiles.

    Parameters
    ----------
    shape : Tensor, shape [..., H, 3]
        Shift, left and right log scale.
    baseline : Tensor, shape [H, Q]
        Baseline quantiles in units of the scale, increasing along Q.
    median : Tensor, shape [H]
        The baseline's median.

    Returns
    -------
    Tensor, shape [..., H, Q]
        Quantiles in units of the scale, increasing along Q.
    """
    apart = baseline - median[:, None]
    shift, left, right = shape.unsqueeze(-1).unbind(-2)
    # Products with either side alone cost less, there and back, than a choice between the sides at
    # each level.
    below = torch.addcmul(median[:, None] + shift, left.exp(), apart.clamp(max=0))
    return torch.addcmul(below, right.exp(), apart.clamp(min=0))
