"""A network in one file: a minimal gated unit without a recurrent weight (Feng et al. 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forecasting.model_registry import RECURRENT_SETTINGS, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

#: What the entry point names: read without torch; the class below is imported when it is built.
SPEC = ModelSpec(
    "minGRU",
    "remembers by a gate that reads the bar alone.",
    "candlecast_mingru:network",
    seconds_per_bar=2e-6,
    seconds_per_weight=1.5e-10,
    settings=RECURRENT_SETTINGS,
)


def network(*arguments: Any) -> Any:
    """Return the network; torch is imported here, so that forms and flags need none."""
    import torch
    from torch import nn

    from forecasting.models.recurrent import Recurrent, RecurrentLayer

    class MinGruLayer(RecurrentLayer):
        def make_cell(self, config: Any, inputs: int) -> nn.Module:
            return nn.ModuleList(nn.Linear(inputs, 2 * self.hidden) for _ in range(self.directions))

        def scan(
            self, read: Tensor, state: tuple[Tensor, ...], backward: bool
        ) -> tuple[Tensor, tuple[Tensor, ...]]:
            gate, candidate = self.cell[int(backward)](read).chunk(2, dim=2)
            gate, hidden, outputs = torch.sigmoid(gate), state[0][0], []
            for bar in range(read.shape[1]):
                hidden = (1 - gate[:, bar]) * hidden + gate[:, bar] * torch.tanh(candidate[:, bar])
                outputs.append(hidden)
            return torch.stack(outputs, dim=1), (hidden[None],)

    class MinGru(Recurrent):
        layer = MinGruLayer

    return MinGru(*arguments)
