"""Recurrent networks: the plain RNN, the LSTM and the GRU as one class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.heads import QuantileHead

_CELLS: dict[str, type[nn.RNN | nn.LSTM | nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNet(nn.Module):
    """A stack of recurrent layers that reads a window and a head that reads its last state.

    Bidirectional layers read the window in both directions; the window ends at the cutoff, so they
    see no bar after it.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    horizon : int
        Steps ahead, H.

    References
    ----------
    Elman (1990); Hochreiter and Schmidhuber (1997); Cho et al. (2014); Schuster and Paliwal (1997).
    """

    def __init__(self, config: ModelConfig, inputs: int, horizon: int) -> None:
        super().__init__()
        self.cell = _CELLS[config.model](
            inputs,
            config.hidden_size,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
            bidirectional=config.bidirectional,
        )
        self.directions = 2 if config.bidirectional else 1
        self.drop = nn.Dropout(config.dropout)
        self.head = QuantileHead(config.hidden_size * self.directions, horizon)

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the head's shift and log scales, [B, H, 3]."""
        states, _ = self.cell(window)
        last = states[:, -1]
        if self.directions == 2:
            half = last.shape[1] // 2
            last = torch.cat([last[:, :half], states[:, 0, half:]], dim=1)
        shape: Tensor = self.head(self.drop(last))
        return shape
