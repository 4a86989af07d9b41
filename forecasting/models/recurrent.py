"""Recurrent layers and stacks of them: all that LSTM, GRU, RNN and others share.

Each unit has its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.encoder import Encoder, Inside
from forecasting.models.native_pass import Weights, applies, native_pass

#: A hidden unit beyond this size is at the limits of tanh, where its gradient is next to nothing.
_SATURATED = 0.98
#: What a layer carries from bar to bar: its hidden state h, [directions, B, hidden]; of an LSTM h
#: and the cell state c.
Carry = tuple[Tensor, ...]
#: One direction of a layer: bars [B, L, C] in reading order, the state before them, whether it is
#: the backward one.
Scan = Callable[[Tensor, Carry, bool], tuple[Tensor, Carry]]


class RecurrentLayer(nn.Module):
    """One recurrent layer, in one or both directions, with optional layer norm and residual
    connection.

    A unit implements :meth:`make_cell` and :meth:`scan`; its outputs are its hidden states.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Width of what is read.
    residual : bool
        Whether what is read is added to the outputs (widths must be equal).

    References
    ----------
    Schuster and Paliwal (1997), bidirectional networks; Ba, Kiros and Hinton (2016), Layer
    normalization.
    """

    #: How many tensors a state has.
    states: ClassVar[int] = 1
    #: Names of the gates.
    gates: ClassVar[tuple[str, ...]] = ()
    #: Whether hidden units lie between -1 and 1.
    bounded: bool = True

    def __init__(self, config: ModelConfig, inputs: int, residual: bool) -> None:
        super().__init__()
        self.hidden = config.hidden_size
        self.directions = 2 if config.bidirectional else 1
        self.width = self.hidden * self.directions
        self.cell: Any = self.make_cell(config, inputs)
        self.norm = nn.LayerNorm(self.width) if config.layer_norm else nn.Identity()
        self.residual = residual
        if config.memory:
            self.remember(config.memory)

    def make_cell(self, config: ModelConfig, inputs: int) -> nn.Module:
        """Return the module that holds the weights of the unit, for all directions."""
        raise NotImplementedError

    def scan(self, read: Tensor, state: Carry, backward: bool) -> tuple[Tensor, Carry]:
        """Run one direction.

        Parameters
        ----------
        read : Tensor, shape [B, L, C]
            In reading order: for the backward direction the last bar comes first.
        state : tuple of Tensor, each [1, B, hidden]
            The state before the first bar.
        backward : bool
            Whether to use the weights of the backward direction.

        Returns
        -------
        outputs : Tensor, shape [B, L, hidden]
        state : tuple of Tensor, each [1, B, hidden]
            After the last bar.
        """
        raise NotImplementedError

    def run(self, read: Tensor, carry: Carry | None) -> tuple[Tensor, Carry]:
        """Map inputs [B, L, C] to outputs [B, L, width] and the carry after the last bar, before
        norm and residual connection.
        """
        return self.both_directions(self.scan, read, carry)

    def init_state(self, hidden: Tensor) -> Carry:
        """Return the carry with a hidden state [1, B, hidden]; other parts, such as an LSTM's cell
        state, are zero.
        """
        return (hidden.contiguous(), *(torch.zeros_like(hidden) for _ in range(self.states - 1)))

    def remember(self, bars: int) -> None:
        """Initialise the biases of gates for a memory of 1 to ``bars`` bars; a unit without gates
        has none.
        """

    def fuses(self, read: Tensor) -> bool:
        """Return whether :meth:`run` is one fused function for these bars, whose last state has its
        own gradient.
        """
        return False

    def forward(self, read: Tensor, carry: Carry | None = None) -> tuple[Tensor, Carry]:
        """Map inputs [B, L, C] to outputs [B, L, width] and the carry; without a carry the hidden
        state starts at zero.
        """
        outputs, after = self.run(read, carry)
        return self._around(read, outputs), after

    def last(self, read: Tensor) -> Tensor:
        """Return the output at the last bar, [B, width], of a layer in one direction; a fused pass
        then skips the gradients of the others.
        """
        return self._around(read[:, -1], self.last_state(read))

    def last_state(self, read: Tensor) -> Tensor:
        """Return the hidden state at the last bar, [B, hidden], before norm and residual
        connection.
        """
        outputs, after = self.run(read, None)
        return after[0][-1] if self.fuses(read) else outputs[:, -1]

    def forward_with_states(self, read: Tensor, cuts: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """Run as :meth:`forward`, and return the hidden states at some bars as tensors on which all
        later outputs depend.

        Parameters
        ----------
        read : Tensor, shape [B, L, C]
        cuts : sequence of int
            Indices of bars, increasing; the last is L - 1.

        Returns
        -------
        outputs : Tensor, shape [B, L, width]
        states : list of Tensor
            For each cut the hidden states, [1, B, hidden], of each direction one after the other:
            the gradient of a loss with respect to them is what reaches these bars.
        """
        outputs, states = self._in_pieces(read, cuts, backward=False)
        if self.directions == 1:
            return self._around(read, outputs), states
        length = read.shape[1]
        mirrored = sorted({length - 1 - cut for cut in cuts} | {length - 1})
        reverse, others = self._in_pieces(read.flip(1), mirrored, backward=True)
        by_cut = dict(zip(mirrored, others, strict=True))
        both = [
            state
            for cut, forward in zip(cuts, states, strict=True)
            for state in (forward, by_cut[length - 1 - cut])
        ]
        return self._around(read, torch.cat([outputs, reverse.flip(1)], dim=2)), both

    def openings(self, read: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far the gates are open, and the state that is carried, at each bar.

        Parameters
        ----------
        read : Tensor, shape [B, L, C]
        outputs : Tensor, shape [B, L, hidden]
            The hidden states of the forward direction.

        Returns
        -------
        openings : Tensor, shape [G, B, L, hidden]
        state : Tensor, shape [B, L, hidden]
        """
        return outputs.new_empty(0, *outputs.shape), outputs

    def both_directions(
        self, scan: Scan, read: Tensor, carry: Carry | None
    ) -> tuple[Tensor, Carry]:
        """Run each direction; concatenate outputs [B, L, width] and states [directions,
        B, hidden].
        """
        outputs, after = [], []
        for direction in range(self.directions):
            state = (
                self.zero_state(read)
                if carry is None
                else tuple(part[direction : direction + 1] for part in carry)
            )
            out, state = scan(read.flip(1) if direction else read, state, direction == 1)
            outputs.append(out.flip(1) if direction else out)
            after.append(state)
        if self.directions == 1:
            return outputs[0], after[0]
        return torch.cat(outputs, dim=2), tuple(
            torch.cat(parts) for parts in zip(*after, strict=True)
        )

    def zero_state(self, read: Tensor) -> Carry:
        """Return the state before the first bar of inputs [B, L, C], of one direction."""
        zeros = read.new_zeros(1, len(read), self.hidden)
        return (zeros,) * self.states

    def _around(self, read: Tensor, outputs: Tensor) -> Tensor:
        normed: Tensor = self.norm(outputs)
        return read + normed if self.residual else normed

    def _in_pieces(
        self, read: Tensor, cuts: Sequence[int], backward: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """Run one direction in pieces that end at the cuts; each piece starts from the last hidden
        state of the one before.
        """
        state = self.zero_state(read)
        outputs, states, start = [], [], 0
        for cut in cuts:
            out, state = self.scan(read[:, start : cut + 1], state, backward)
            start = cut + 1
            outputs += [out[:, :-1], state[0].transpose(0, 1)]
            states.append(state[0])
        return torch.cat(outputs, dim=1), states


class TorchLayer(RecurrentLayer):
    """A layer whose cell is one of torch's recurrent modules."""

    #: torch's module, and its function that runs one direction of one layer.
    module: ClassVar[type[nn.RNN | nn.LSTM | nn.GRU]]
    function: Callable[..., tuple[Tensor, ...]]
    #: What the native kernel calls the unit.
    kind: str

    def make_cell(self, config: ModelConfig, inputs: int, **more: Any) -> nn.Module:
        """Return torch's module with one layer, batch first."""
        return self.module(
            inputs, config.hidden_size, batch_first=True, bidirectional=config.bidirectional, **more
        )

    def run(self, read: Tensor, carry: Carry | None) -> tuple[Tensor, Carry]:
        """Run the native kernel where it applies, else :meth:`run_torch`."""
        if self.is_native(read):
            return self.both_directions(self._scan_native, read, carry)
        return self.run_torch(read, carry)

    def last_state(self, read: Tensor) -> Tensor:
        """Leave the other states out of the native kernel's pass."""
        if not self.is_native(read):
            return super().last_state(read)
        weights = Weights(*self.weights(False))
        return native_pass(self.kind, read, (None, None), weights, outputs=False)[1]

    def is_native(self, read: Tensor) -> bool:
        """Return whether the native kernel computes these bars."""
        return applies(read, self.cell.weight_hh_l0)

    def _scan_native(self, read: Tensor, state: Carry, backward: bool) -> tuple[Tensor, Carry]:
        hidden, cell, *_ = (*(part[0] for part in state), None)
        weights = Weights(*self.weights(backward))
        outputs, *after = native_pass(self.kind, read, (hidden, cell), weights)
        assert outputs is not None
        return outputs, tuple(part[None] for part in after if part is not None)

    def run_torch(self, read: Tensor, carry: Carry | None) -> tuple[Tensor, Carry]:
        """Run torch's module, in all directions at once."""
        state = carry if carry is None or self.states > 1 else carry[0]
        outputs, after = self.cell(read, state)
        return outputs, after if isinstance(after, tuple) else (after,)

    def scan(self, read: Tensor, state: Carry, backward: bool) -> tuple[Tensor, Carry]:
        """Run torch's function for one direction."""
        start = state if self.states > 1 else state[0]
        # cuDNN has no backward pass outside of training mode, so it is said to be on; there is no
        # dropout here.
        outputs, *after = self.function(
            read, start, self.weights(backward), True, 1, 0.0, True, False, True
        )
        return outputs, tuple(after)

    def weights(self, backward: bool) -> list[Tensor]:
        """Return input weights, recurrent weights and both biases of one direction."""
        suffix = "_l0_reverse" if backward else "_l0"
        return [
            getattr(self.cell, name + suffix)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]


class Recurrent(Encoder):
    """A stack of recurrent layers; the head reads the last hidden state.

    Bidirectional layers read the window in both directions; the window ends at the cutoff, so no
    bar after the cutoff is read.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    length : int
        Most bars that are ever read; recurrent layers read windows of any length.
    """

    #: The unit.
    layer: ClassVar[type[RecurrentLayer]]

    def __init__(self, config: ModelConfig, inputs: int, length: int) -> None:
        super().__init__(config, inputs, length)
        layers: list[RecurrentLayer] = []
        for number in range(config.layers):
            layers.append(
                self.layer(
                    config, layers[-1].width if layers else inputs, config.residual and number > 0
                )
            )
        self.layers = nn.ModuleList(layers)
        self.between = nn.Dropout(config.dropout)
        self.bidirectional = config.bidirectional
        self.hidden = config.hidden_size
        self.width = layers[-1].width

    @property
    def state_size(self) -> int:
        """Return the width of an initial state: one number for each unit of each layer."""
        return self.hidden * len(self.layers)

    def init_state(self, numbers: Tensor) -> list[Carry]:
        """Return the carry of all layers for :meth:`read`, from numbers [B, 1, state_size] between
        -1 and 1.
        """
        states = torch.split(numbers.transpose(0, 1), self.hidden, dim=2)
        return [
            layer.init_state(hidden) for layer, hidden in zip(self._layers(), states, strict=True)
        ]

    def context(self, outputs: Tensor) -> Tensor:
        """Return the last hidden state of outputs [B, L, width] as the context of a decoder, [B, 1,
        width].
        """
        return self.last(outputs)[:, None]

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the last hidden state, [B, width]."""
        if self.bidirectional:
            return self.last(self.read(window)[0])
        *lower, top = self.layers
        assert isinstance(top, RecurrentLayer)
        for number, layer in enumerate(lower):
            window, _ = layer(self.between(window) if number else window)
        return top.last(self.between(window) if lower else window)

    def read(self, bars: Tensor, carry: list[Carry] | None = None) -> tuple[Tensor, list[Carry]]:
        """Map bars [B, L, C] to outputs [B, L, width] and each layer's carry, which continues with
        later bars.
        """
        after = []
        for number, layer in enumerate(self.layers):
            bars, left = layer(
                self.between(bars) if number else bars, carry[number] if carry else None
            )
            after.append(left)
        return bars, after

    def forward_with_states(
        self, window: Tensor, cuts: Sequence[int]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Return outputs [B, L, width], and each layer's hidden states at some bars (see
        :meth:`RecurrentLayer.forward_with_states`).
        """
        found = []
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, RecurrentLayer)
            window, states = layer.forward_with_states(
                self.between(window) if number else window, cuts
            )
            found.append(states)
        return window, found

    def inspect(self, window: Tensor) -> Inside:
        """Return openings of gates and size of the state of each layer, in reading order of the
        forward direction.
        """
        openings, states, saturated = [], [], 0.0
        for layer in self._layers():
            outputs, _ = layer.scan(window, layer.zero_state(window), False)
            opened, state = layer.openings(window, outputs)
            openings.append(opened.mean((1, 3)))
            states.append(state.square().mean((0, 2)).sqrt())
            if layer.bounded:
                saturated = max(saturated, float((outputs.abs() > _SATURATED).float().mean()))
            window, _ = layer(window)
        gates = next(self._layers()).gates
        return Inside(gates, torch.stack(openings), torch.stack(states), saturated)

    def last(self, outputs: Tensor) -> Tensor:
        """Return the outputs at the last bar of each direction, [B, width]: of the backward one
        that is the first bar.
        """
        if not self.bidirectional:
            return outputs[:, -1]
        half = self.width // 2
        return torch.cat([outputs[:, -1, :half], outputs[:, 0, half:]], dim=1)

    def _layers(self) -> Iterator[RecurrentLayer]:
        for layer in self.layers:
            assert isinstance(layer, RecurrentLayer)
            yield layer


def remember_bias(size: int, bars: int) -> Tensor:
    """Draw biases [size] of gates for memories of 1 to ``bars`` bars (Tallec and Ollivier 2018)."""
    return torch.empty(size).uniform_(1.0, max(1.0, bars - 1.0)).log()
