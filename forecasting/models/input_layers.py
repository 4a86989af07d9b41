"""What stands before the layers: what each series is by itself, and a convolution that turns
neighbouring bars into patterns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Embedding(nn.Module):
    """What is learned of each series by itself, read with each of its bars.

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
        self.vectors = nn.Parameter(0.1 * torch.randn(series, size))

    def forward(self, window: Tensor) -> Tensor:
        """Put its vector in the place of a series' number, the last column: [B, L, C + 1]
        becomes [B, L, C + size].
        """
        known = torch.cat([self.vectors, self.vectors.mean(0, keepdim=True)])
        return torch.cat([window[..., :-1], known[window[..., -1].long()]], dim=-1)


class CausalConv(nn.Module):
    """A convolution over time whose output at a bar sees that bar and those before it.

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
        """Map bars [B, L, C] to patterns [B, L, channels]; the output at a bar looks at no later
        one.
        """
        padded = nn.functional.pad(window.transpose(1, 2), (self.past, 0))
        patterns: Tensor = self.conv(padded).relu().transpose(1, 2)
        return patterns
