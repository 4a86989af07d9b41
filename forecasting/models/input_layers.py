"""Input layers before the encoder: an embedding of each series and a causal convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Embedding(nn.Module):
    """Learned vector of each series, concatenated with the features of each of its bars.

    Parameters
    ----------
    series : int
        How many have one; their numbers are 0, 1, ... A series that was not trained has the number
        after the last: it gets their mean.
    size : int
        Numbers learned for each.

    References
    ----------
    Guo and Berkhahn (2016), Entity embeddings of categorical variables.
    """

    def __init__(self, series: int, size: int) -> None:
        super().__init__()
        self.vectors = drawn(0.1, series, size)

    def forward(self, window: Tensor) -> Tensor:
        """Replace the last column, the number of the series, by its vector: [B, L, C + 1] becomes
        [B, L, C + size].
        """
        known = torch.cat([self.vectors, self.vectors.mean(0, keepdim=True)])
        return torch.cat([window[..., :-1], known[window[..., -1].long()]], dim=-1)


def drawn(scale: float, *shape: int) -> nn.Parameter:
    """Return parameters from a normal distribution with mean 0 and standard deviation ``scale``.

    On the device meta, where only shapes are compared, none are drawn: torch would import its
    compiler for that, .8 CPU seconds.
    """
    values = torch.empty(shape)
    return nn.Parameter(values if values.is_meta else values.normal_().mul_(scale))


class CausalConv(nn.Module):
    """Causal convolution over time: the output at a bar reads that bar and earlier ones.

    Parameters
    ----------
    inputs : int
        Features a bar, C.
    channels : int
        Outputs a bar.
    kernel : int
        Bars seen at a time; before the window's first bar there are zeros.

    References
    ----------
    Waibel et al. (1989), Phoneme recognition using time-delay neural networks; van den Oord et al.
    (2016), WaveNet.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel)
        self.past = kernel - 1

    def forward(self, window: Tensor) -> Tensor:
        """Map bars [B, L, C] to channels [B, L, channels]; no output reads a later bar."""
        padded = nn.functional.pad(window.transpose(1, 2), (self.past, 0))
        patterns: Tensor = self.conv(padded).relu().transpose(1, 2)
        return patterns
