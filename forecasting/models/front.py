"""A convolution before the layers, which turns neighbouring bars into patterns."""

from __future__ import annotations

from torch import Tensor, nn


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
    Waibel et al. (1989), Phoneme recognition using time-delay neural networks; van den Oord et al. (2016), WaveNet.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, channels, kernel)
        self.past = kernel - 1

    def forward(self, window: Tensor) -> Tensor:
        """Map bars [B, L, C] to patterns [B, L, channels]; the output at a bar looks at no later one."""
        padded = nn.functional.pad(window.transpose(1, 2), (self.past, 0))
        patterns: Tensor = self.conv(padded).relu().transpose(1, 2)
        return patterns
