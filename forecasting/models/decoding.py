"""Forecasts made step by step: what is fed back, how steps add up, and the decoder of a
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


def added_up(steps: Tensor) -> Tensor:
    """Turn what is said of each step into what is said of all steps up to it.

    Moves that follow each other add their medians and their variances; so over h steps of like
    scale the median, in units of the scale of h steps, moves by the sum of the shifts over the root
    of h, and either side widens by the root of the mean of the squared widths. What h steps are
    like that are like the baseline's is left to the baseline: how its scale grows is that of the
    volatility model, and its tails are those of h-step moves. So steps that say nothing are exactly
    the baseline.

    Parameters
    ----------
    steps : Tensor, shape [..., H, 3]
        Shift, left and right log scale of each next move, relative to the baseline of one step.

    Returns
    -------
    Tensor, shape [..., H, 3]
        The same of the move from the cutoff to each step.
    """
    count = torch.arange(1, steps.shape[-2] + 1, device=steps.device, dtype=steps.dtype)
    shift = steps[..., 0].cumsum(-1) / count.sqrt()
    widths = (steps[..., 1:] * 2).exp().cumsum(-2) / count[:, None]
    return torch.cat([shift.unsqueeze(-1), widths.log() / 2], dim=-1)


def fed_back(said: Tensor, side: Tensor) -> Tensor:
    """Return the move that is read as if it had been seen: a quartile of what was said, and how
    wide that was.

    Feeding the median back would tell the network that nothing happens any more, and it would
    answer with bands that are too narrow; a quartile is a move of usual size. There are two paths
    that mirror each other, each going up and down by turns.

    Parameters
    ----------
    said : Tensor, shape [B, 3]
        Shift, left and right log scale of one step.
    side : Tensor, shape [B]
        1 for the upper quartile, -1 for the lower.

    Returns
    -------
    Tensor, shape [B, 2]
        The move in units of its scale, and the log of its width beside the usual one.
    """
    shift, left, right = said.unbind(-1)
    move = shift + QUARTILE * side * torch.where(side > 0, right, left).exp()
    return torch.stack([move, (left + right) / 2], dim=-1)


def sides(count: int, like: Tensor) -> Tensor:
    """Return the first side of two mirrored paths of each of ``count`` windows, shape [2 *
    count].
    """
    up = like.new_ones(count)
    return torch.cat([up, -up])


class Decoder(nn.Module):
    """A second network of the same kind that starts from what the first has read and tells the
    steps ahead one by one.

    Parameters
    ----------
    config : ModelConfig
        Layers and units are those of the encoder; a decoder reads forwards.
    width : int
        Of what the encoder says.
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

    def begun(self, told: Tensor) -> object:
        """Return the state to start from, of what the encoder tells."""
        return self.body.begun(torch.tanh(self.bridge(told)))

    def step(self, place: int, last: Tensor, carried: object) -> tuple[Tensor, object]:
        """Return the state [B, width] at a step, and what is carried on, from the move and width
        [B, 2] of the step before.
        """
        token = torch.cat([last, self.ahead[place].expand(len(last), 1)], dim=1)
        outputs, after = self.body.read(token[:, None], carried)
        return outputs[:, -1], after

    def forward_sequence(self, told: Tensor, moves: Tensor) -> Tensor:
        """Return the states at all steps, [B, H, width], where the moves before them, [B, H -
        1], are known: teacher forcing.
        """
        start = moves.new_zeros(len(moves), 1)
        known = torch.cat([start, moves], dim=1)
        wide = torch.cat([start, _width_of(moves)], dim=1)
        tokens = torch.stack([known, wide, self.ahead.expand(len(moves), -1)], dim=2)
        outputs: Tensor = self.body.read(tokens, self.begun(told))[0]
        return outputs


def _width_of(moves: Tensor) -> Tensor:
    """Return the log of the size of moves beside the usual size, held back where a move is
    nearly nothing.
    """
    return (moves.abs() / QUARTILE).clamp(min=math.exp(-2)).log()
