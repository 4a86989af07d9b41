"""A network that is in no release: what a contributor writes to add a recurrent unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.recurrent import Carry, Recurrent, RecurrentLayer


class MinGruLayer(RecurrentLayer):
    """A layer of minimal gated units, h' = (1 - z) h + z n, whose gate z and candidate n see the
    input alone.

    References
    ----------
    Feng et al. (2024), Were RNNs all we needed?
    """

    def make_cell(self, config: ModelConfig, inputs: int) -> nn.Module:
        """Return the weights of each direction."""
        return nn.ModuleList(
            nn.Linear(inputs, 2 * config.hidden_size) for _ in range(self.directions)
        )

    def scan(self, read: Tensor, state: Carry, backward: bool) -> tuple[Tensor, Carry]:
        """Run one direction bar by bar."""
        gates, candidates = self.cell[int(backward)](read).chunk(2, dim=2)
        hidden = state[0][0]
        outputs = []
        for gate, candidate in zip(
            gates.sigmoid().unbind(1), candidates.tanh().unbind(1), strict=True
        ):
            hidden = torch.lerp(hidden, candidate, gate)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden[None],)


class MinGru(Recurrent):
    """A stack of layers of minimal gated units."""

    layer = MinGruLayer
