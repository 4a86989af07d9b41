"""The network of exogenous inputs: it adds a correction to the forecast that is made
without them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Farthest that the median moves, in units of the scale, and the log scale of either side.
_FARTHEST, _WIDEST = 6.0, 2.5
#: Units of the recurrent layer and of the layer that reads what is known ahead; numbers of each
#: static category.
_HIDDEN, _AHEAD, _EMBEDDING = 8, 16, 4
#: Polynomial in the log of the step by which what was known at the cutoff moves each step.
_DEGREE = 1


class CovariateNetwork(nn.Module):
    """Correction of the median and of the log scales of each step, from exogenous inputs alone;
    untrained it is exactly zero.

    Past inputs are read by a GRU over the lookback and, in parallel, by a linear map of the last
    bar's values. Inputs known ahead of a bar of the horizon, and their cumulative sum over the root
    of the step, are read by a linear map and a small hidden layer. Embeddings of static categories
    are read with both.

    Parameters
    ----------
    hist : int
        Columns known at each bar of the lookback, E.
    futr : int
        Columns known ahead, F.
    stat : sequence of int
        Categories of each static input; the number after the last stands for any other.
    horizon : int
        Steps ahead, H.
    """

    powers: Tensor
    steps: Tensor
    farthest: Tensor

    def __init__(self, hist: int, futr: int, stat: Sequence[int], horizon: int) -> None:
        super().__init__()
        steps = torch.arange(1, horizon + 1, dtype=torch.float32, device="cpu")
        index = (
            2 * steps.log() / max(float(steps[-1].log()), 1.0) - 1 if horizon > 1 else steps.log()
        )
        powers = torch.stack([index**k for k in range(min(_DEGREE + 1, horizon))])
        self.register_buffer("powers", powers, persistent=False)
        self.register_buffer("steps", steps[:, None].sqrt(), persistent=False)
        self.register_buffer(
            "farthest", torch.tensor([_FARTHEST, _WIDEST, _WIDEST]), persistent=False
        )
        self.static = nn.ModuleList(nn.Embedding(size + 1, _EMBEDDING) for size in stat)
        context = _EMBEDDING * len(stat)
        self.read = nn.GRU(hist + context, _HIDDEN, batch_first=True) if hist else None
        self.last = _zero(hist + context, 3 * len(powers))
        self.state = _zero(_HIDDEN, 3 * len(powers)) if hist else None
        self.ahead = nn.Linear(2 * futr + context, _AHEAD) if futr else None
        self.said = _zero(_AHEAD, 3) if futr else None
        self.direct = _zero(2 * futr, 3) if futr else None
        self.drop = nn.Dropout(0.3)

    def forward(self, hist: Tensor, futr: Tensor, stat: Tensor) -> Tensor:
        """Map inputs [B, L, E], [B, H, F] and [B, K] to corrections of shift, left and right log
        scale, [B, H, 3].
        """
        context = (
            torch.cat([embed(stat[:, k]) for k, embed in enumerate(self.static)], dim=-1)
            if len(self.static)
            else None
        )
        last = hist[:, -1] if context is None else torch.cat([hist[:, -1], context], dim=-1)
        free = self.last(last)
        if self.read is not None and self.state is not None:
            bars = (
                hist
                if context is None
                else torch.cat([hist, context.unsqueeze(1).expand(-1, hist.shape[1], -1)], dim=-1)
            )
            free = free + self.state(self.drop(self.read(bars)[0][:, -1]))
        moved = (free.view(len(free), 3, -1) @ self.powers).transpose(-1, -2)
        if self.ahead is not None and self.said is not None and self.direct is not None:
            known = torch.cat([futr, futr.cumsum(1) / self.steps], dim=-1)
            read = (
                known
                if context is None
                else torch.cat([known, context.unsqueeze(1).expand(-1, known.shape[1], -1)], dim=-1)
            )
            moved = moved + self.direct(known) + self.said(self.drop(torch.tanh(self.ahead(read))))
        bounded: Tensor = self.farthest * torch.tanh(moved / self.farthest)
        return bounded


def _zero(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
