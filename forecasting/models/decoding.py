"""Autoregressive decoding: feedback of sampled steps, accumulation of steps, and the decoder of a
sequence-to-sequence network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.model_registry import MODELS
from forecasting.models.encoder import Encoder

#: Distance of the quartiles of daily moves from their median, in units of their scale (0.67 for a
#: normal, less for fat tails).
QUARTILE = 0.65


def accumulate_steps(steps: Tensor) -> Tensor:
    """Accumulate the outputs of single steps into those of the cumulative move up to each step.

    Medians and variances of successive moves add up: over h steps of equal scale the median, in
    units of the scale of h steps, is the sum of the shifts over the root of h, and each width is
    the root of the mean of the squared widths. The growth of the scale over h steps is that of the
    volatility model, and the tails are those of the baseline's h-step moves: outputs of zero give
    exactly the baseline.

    Parameters
    ----------
    steps : Tensor, shape [..., H, 3]
        Shift, left and right log scale of each next move, relative to the baseline of one step.

    Returns
    -------
    Tensor, shape [..., H, 3]
        The same for the move from the cutoff to each step.
    """
    count = torch.arange(1, steps.shape[-2] + 1, device=steps.device, dtype=steps.dtype)
    shift = steps[..., 0].cumsum(-1) / count.sqrt()
    widths = (steps[..., 1:] * 2).exp().cumsum(-2) / count[:, None]
    return torch.cat([shift.unsqueeze(-1), widths.log() / 2], dim=-1)


def sampled_feedback(shape: Tensor, side: Tensor) -> Tensor:
    """Return the autoregressive input of the next step: a quartile of the forecast, and its width.

    Feeding the median back would make the following bands too narrow, because the network would
    read moves of zero; a quartile is a move of usual size. Two mirrored paths alternate between the
    upper and the lower quartile.

    Parameters
    ----------
    said : Tensor, shape [B, 3]
        Shift, left and right log scale of one step.
    side : Tensor, shape [B]
        1 for the upper quartile, -1 for the lower.

    Returns
    -------
    Tensor, shape [B, 2]
        The move in units of its scale, and the log of its width relative to the usual one.
    """
    shift, left, right = shape.unbind(-1)
    move = shift + QUARTILE * side * torch.where(side > 0, right, left).exp()
    return torch.stack([move, (left + right) / 2], dim=-1)


def mirrored_signs(count: int, like: Tensor) -> Tensor:
    """Return the first signs of two mirrored paths of each window: ``count`` times 1, then -1,
    shape [2 * count].
    """
    up = like.new_ones(count)
    return torch.cat([up, -up])


class Decoder(nn.Module):
    """Decoder of a sequence-to-sequence network: a second network of the same kind that starts from
    the context of the encoder and forecasts step by step.

    Parameters
    ----------
    config : ModelConfig
        Layers and units are those of the encoder; a decoder is never bidirectional.
    width : int
        Of the outputs of the encoder.
    length : int
        Bars that the encoder reads, L.
    horizon : int
        Steps ahead, H.

    References
    ----------
    Sutskever, Vinyals and Le (2014); Cho et al. (2014); Williams and Zipser (1989) for teacher
    forcing.
    """

    ahead: Tensor

    def __init__(self, config: ModelConfig, width: int, length: int, horizon: int) -> None:
        super().__init__()
        forwards = config.model_copy(update={"bidirectional": False, "memory": 0})
        self.body: Encoder = MODELS[config.model].load()(forwards, 3, length + horizon)
        self.bridge = nn.Linear(width, self.body.state_size)
        self.register_buffer("ahead", torch.linspace(-1, 1, horizon), persistent=False)
        self.width = self.body.width

    def init_state(self, context: Tensor) -> object:
        """Return the initial state from the context [B, K, width]."""
        return self.body.init_state(torch.tanh(self.bridge(context)))

    def step(self, step: int, last: Tensor, carry: object) -> tuple[Tensor, object]:
        """Decode one step: map the move and width [B, 2] of the step before and the carry to the
        output [B, width] and the next carry.
        """
        token = torch.cat([last, self.ahead[step].expand(len(last), 1)], dim=1)
        outputs, after = self.body.read(token[:, None], carry)
        return outputs[:, -1], after

    def forward_sequence(self, context: Tensor, moves: Tensor) -> Tensor:
        """Return the outputs at all steps, [B, H, width], from the true moves before them, [B, H -
        1]: teacher forcing.
        """
        start = moves.new_zeros(len(moves), 1)
        known = torch.cat([start, moves], dim=1)
        wide = torch.cat([start, _width_of(moves)], dim=1)
        tokens = torch.stack([known, wide, self.ahead.expand(len(moves), -1)], dim=2)
        outputs: Tensor = self.body.read(tokens, self.init_state(context))[0]
        return outputs


def _width_of(moves: Tensor) -> Tensor:
    """Return the log of the size of moves relative to the usual size, bounded below."""
    return (moves.abs() / QUARTILE).clamp(min=math.exp(-2)).log()
