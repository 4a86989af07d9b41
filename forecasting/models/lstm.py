"""The long short-term memory network (LSTM); torch fuses its pass, on a CPU by oneDNN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forecasting.models.recurrent import Recurrent, TorchLayer, remember_bias


class LstmLayer(TorchLayer):
    """A layer of LSTM units: its state is the hidden state h and the cell state c.

    References
    ----------
    Hochreiter and Schmidhuber (1997), Long short-term memory.
    """

    module = nn.LSTM
    kind = "lstm"
    function = staticmethod(torch.lstm)
    states = 2
    gates = ("input", "forget", "output")

    def openings(self, read: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the openings of input, forget and output gates, and the cell state; shapes as of
        :meth:`RecurrentLayer.openings`.
        """
        ours, back, bias, other = self.weights(False)
        before = torch.nn.functional.pad(outputs[:, :-1], (0, 0, 1, 0))
        sums = read @ ours.t() + before @ back.t() + bias + other
        enter, forget, new, leave = sums.chunk(4, dim=2)
        opened = torch.stack([enter, forget, leave]).sigmoid()
        states = [torch.zeros_like(outputs[:, 0])]
        for item, keep, fresh in zip(
            opened[0].unbind(1), opened[1].unbind(1), new.tanh().unbind(1), strict=True
        ):
            states.append(keep * states[-1] + item * fresh)
        return opened, torch.stack(states[1:], dim=1)

    @torch.no_grad()
    def remember(self, bars: int) -> None:
        """Initialise the biases of forget and input gates for a memory of up to ``bars`` bars
        (Tallec and Ollivier 2018).
        """
        gate, forget = slice(self.hidden), slice(self.hidden, 2 * self.hidden)
        for direction in range(self.directions):
            *_, bias, other = self.weights(direction == 1)
            keep = remember_bias(self.hidden, bars)
            bias[forget], other[forget] = keep, 0.0
            bias[gate], other[gate] = -keep, 0.0


class Lstm(Recurrent):
    """A stack of LSTM layers."""

    layer = LstmLayer
