"""Recurrent networks: the plain RNN, the LSTM and the GRU as one class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models import fused

#: What a layer carries from bar to bar: the state h, [1, B, hidden], of an LSTM (h, c).
Carried = Tensor | tuple[Tensor, Tensor]

#: Modules, and the functions that run one direction of one layer over part of a window.
_CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_SCANS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "rnn-tanh": torch.rnn_tanh,
    "rnn-relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru": torch.gru,
}
#: Fewest bars that are read in a fused pass: of fewer torch's own costs as little.
_FUSED_FROM = 8


class RecurrentLayer(nn.Module):
    """One recurrent layer, in one or both directions, with what stands around it.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Width of what is read.
    residual : bool
        Whether what is read is added to the outputs (widths must be equal).

    References
    ----------
    Elman (1990); Hochreiter and Schmidhuber (1997); Cho et al. (2014); Schuster and Paliwal (1997); Ba, Kiros and Hinton
    (2016), Layer normalization.
    """

    def __init__(self, config: ModelConfig, inputs: int, residual: bool) -> None:
        super().__init__()
        kind: dict[str, Any] = {"nonlinearity": config.activation} if config.model == "rnn" else {}
        self.cell = _CELLS[config.model](inputs, config.hidden_size, batch_first=True, bidirectional=config.bidirectional, **kind)
        self.scan = _SCANS[f"rnn-{config.activation}" if config.model == "rnn" else config.model]
        self.width = config.hidden_size * (2 if config.bidirectional else 1)
        self.norm = nn.LayerNorm(self.width) if config.layer_norm else nn.Identity()
        self.residual = residual
        if config.memory and config.model != "rnn":
            _remember(self.cell, config.model, config.memory)

    def forward(self, read: Tensor, carried: Carried | None = None) -> tuple[Tensor, Carried]:
        """Map what is read, [B, L, inputs], to outputs [B, L, width] and what is carried on; without a start from zeros."""
        outputs, after = self._run(read, carried)
        return self._around(read, outputs), after

    def last(self, read: Tensor) -> Tensor:
        """Return the outputs [B, width] at the last bar, of a layer in one direction; a fused pass makes no gradients of the others."""
        outputs, after = self._run(read, None)
        end = after[-1] if isinstance(after, Tensor) and self._fuses(read) else outputs[:, -1]
        return self._around(read[:, -1], end)

    def kept(self, read: Tensor, cuts: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Run as :meth:`forward` does, keeping the state at some bars as tensors that everything later depends on.

        Parameters
        ----------
        read : Tensor, shape [B, L, inputs]
        cuts : sequence of int
            Places of bars, increasing; the last is L - 1.

        Returns
        -------
        outputs : Tensor, shape [B, L, width]
        states : list of Tensor
            For each cut the states h, [1, B, hidden], of each direction one after the other: the gradient of a loss
            with respect to them is what reaches these bars.
        """
        outputs, states = self._direction(read, cuts, "")
        if not self.cell.bidirectional:
            return self._around(read, outputs), states
        length = read.shape[1]
        mirrored = sorted({length - 1 - cut for cut in cuts} | {length - 1})
        backward, others = self._direction(read.flip(1), mirrored, "_reverse")
        by_cut = dict(zip(mirrored, others, strict=True))
        both = [state for cut, forward in zip(cuts, states, strict=True) for state in (forward, by_cut[length - 1 - cut])]
        return self._around(read, torch.cat([outputs, backward.flip(1)], dim=2)), both

    def _fuses(self, read: Tensor) -> bool:
        """Whether torch's own pass is the slower one; an LSTM's is fused in oneDNN, and those of a GPU in cuDNN."""
        return read.device.type == "cpu" and read.shape[1] >= _FUSED_FROM and not isinstance(self.cell, nn.LSTM)

    def _run(self, read: Tensor, carried: Carried | None) -> tuple[Tensor, Carried]:
        if not self._fuses(read):
            outputs, after = self.cell(read, carried)
            return outputs, after
        assert not isinstance(self.cell, nn.LSTM)
        assert not isinstance(carried, tuple)
        return fused.run(self.cell, read, carried)

    def _around(self, read: Tensor, outputs: Tensor) -> Tensor:
        normed: Tensor = self.norm(outputs)
        return read + normed if self.residual else normed

    def _direction(self, read: Tensor, cuts: Sequence[int], suffix: str) -> tuple[Tensor, list[Tensor]]:
        """Run one direction in pieces that end at the cuts; each piece's last output is the state that goes on."""
        weights = [getattr(self.cell, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        zeros = read.new_zeros(1, len(read), self.cell.hidden_size)
        state: tuple[Tensor, ...] = (zeros, zeros) if isinstance(self.cell, nn.LSTM) else (zeros,)
        outputs, states, start = [], [], 0
        for cut in cuts:
            carried = state if len(state) > 1 else state[0]
            # cuDNN has no backward pass outside of training mode, so it is said to be on; there is no dropout here.
            out, *after = self.scan(read[:, start : cut + 1], carried, weights, True, 1, 0.0, True, False, True)
            state, start = tuple(after), cut + 1
            outputs += [out[:, :-1], state[0].transpose(0, 1)]
            states.append(state[0])
        return torch.cat(outputs, dim=1), states


class Recurrent(nn.Module):
    """A stack of recurrent layers that reads a window; its last state is what the head reads.

    Bidirectional layers read the window in both directions; the window ends at the cutoff, so they
    see no bar after it.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    length : int
        Most bars that are ever read; recurrent layers read windows of any length.
    """

    def __init__(self, config: ModelConfig, inputs: int, length: int) -> None:
        super().__init__()
        layers: list[RecurrentLayer] = []
        for number in range(config.layers):
            layers.append(RecurrentLayer(config, layers[-1].width if layers else inputs, config.residual and number > 0))
        self.layers = nn.ModuleList(layers)
        self.between = nn.Dropout(config.dropout)
        self.bidirectional = config.bidirectional
        self.hidden, self.gated = config.hidden_size, config.model == "lstm"
        self.width = layers[-1].width

    @property
    def state_size(self) -> int:
        """Return how many numbers :meth:`begun` starts from: one a unit of each layer."""
        return self.hidden * len(self.layers)

    def begun(self, numbers: Tensor) -> list[Carried]:
        """Return the states of all layers, as :meth:`read` takes them, from numbers [B, 1, state_size] between -1 and 1."""
        states = torch.split(numbers.transpose(0, 1), self.hidden, dim=2)
        return [(one.contiguous(), torch.zeros_like(one)) if self.gated else one.contiguous() for one in states]

    def told(self, outputs: Tensor) -> Tensor:
        """Return of outputs [B, L, width] what a decoder starts from, [B, 1, width]: the last state."""
        return self.last(outputs)[:, None]

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the last state, [B, width]."""
        if self.bidirectional:
            return self.last(self.read(window)[0])
        *lower, top = self.layers
        assert isinstance(top, RecurrentLayer)
        for number, layer in enumerate(lower):
            window, _ = layer(self.between(window) if number else window)
        return top.last(self.between(window) if lower else window)

    def read(self, bars: Tensor, carried: list[Carried] | None = None) -> tuple[Tensor, list[Carried]]:
        """Map bars [B, L, C] to outputs [B, L, width] and what each layer carries on; later bars are read with that."""
        after = []
        for number, layer in enumerate(self.layers):
            bars, left = layer(self.between(bars) if number else bars, carried[number] if carried else None)
            after.append(left)
        return bars, after

    def kept(self, window: Tensor, cuts: Sequence[int]) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the outputs [B, L, width], and of each layer the states at some bars (see :meth:`RecurrentLayer.kept`)."""
        found = []
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, RecurrentLayer)
            window, states = layer.kept(self.between(window) if number else window, cuts)
            found.append(states)
        return window, found

    def last(self, outputs: Tensor) -> Tensor:
        """Return the outputs [B, width] at the last bar of each direction: of the backward one that is the first."""
        if not self.bidirectional:
            return outputs[:, -1]
        half = self.width // 2
        return torch.cat([outputs[:, -1, :half], outputs[:, 0, half:]], dim=1)


@torch.no_grad()
def _remember(cell: nn.RNN | nn.LSTM | nn.GRU, model: str, bars: int) -> None:
    """Start the gates so that units keep what they hold for 1 to ``bars`` bars (Tallec and Ollivier 2018)."""
    size = cell.hidden_size
    for suffix in ("_l0", "_l0_reverse") if cell.bidirectional else ("_l0",):
        ours, theirs = getattr(cell, f"bias_ih{suffix}"), getattr(cell, f"bias_hh{suffix}")
        keep = torch.empty(size).uniform_(1.0, max(1.0, bars - 1.0)).log()
        # Gates lie behind each other: input, forget, ... in an LSTM, reset, update, ... in a GRU.
        ours[size : 2 * size], theirs[size : 2 * size] = keep, 0.0
        if model == "lstm":
            ours[:size], theirs[:size] = -keep, 0.0
