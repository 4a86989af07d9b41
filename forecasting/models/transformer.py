"""The Transformer encoder, the successor of the recurrent networks, behind the same interface."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig


class Block(nn.Module):
    """Attention over the window, then a small network at each bar; both are added to what they read.

    Parameters
    ----------
    config : ModelConfig
        ``bidirectional`` lets a bar attend to later bars of its window too.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need; norms stand before each part, as in Xiong et al. (2020).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.heads = config.hidden_size, config.heads
        inner = self.heads * max(1, width // self.heads)
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(config.dropout)
        self.causal = not config.bidirectional

    def forward(self, bars: Tensor) -> Tensor:
        """Map bars [B, L, width] to bars of the same shape; where causal, a bar looks at no later one."""
        bars = bars + self.drop(self._attended(self.before_attention(bars)))
        fed: Tensor = bars + self.drop(self.feed(self.before_feed(bars)))
        return fed

    def _attended(self, bars: Tensor) -> Tensor:
        batch, length, _ = bars.shape
        query, key, value = self.ask(bars).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        answered: Tensor = self.answer(seen.transpose(1, 2).reshape(batch, length, -1))
        return answered


class Transformer(nn.Module):
    """A stack of attention blocks that reads a window; what it says at the last bar is what the head reads.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    input_size : int
        Bars of a window, L: learned positions are one for each lag.
    """

    place: Tensor

    def __init__(self, config: ModelConfig, inputs: int, input_size: int) -> None:
        super().__init__()
        self.width = config.hidden_size
        self.embed = nn.Linear(inputs, self.width)
        if config.positions == "learned":
            self.place = nn.Parameter(0.02 * torch.randn(input_size, self.width))
        else:
            self.register_buffer("place", _waves(input_size, self.width), persistent=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(self.width)

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to what is said at the last bar, [B, width]."""
        return self.kept(window, ())[0]

    def kept(self, window: Tensor, cuts: Sequence[int]) -> tuple[Tensor, list[list[Tensor]]]:
        """Return what is said at the last bar, and of each block what enters it at some bars, [B, width] each."""
        bars, found = self.embed(window) + self.place, []
        for block in self.layers:
            if cuts:
                # Taken apart and put together again, so that all that follows depends on the kept bars.
                single = list(bars.unbind(1))
                found.append([single[cut] for cut in cuts])
                bars = torch.stack(single, dim=1)
            bars = block(bars)
        said: Tensor = self.norm(bars[:, -1])
        return said, found


def _waves(length: int, width: int) -> Tensor:
    """Return sines and cosines of the lag, [L, width], counted back from the last bar."""
    lag = torch.arange(length - 1, -1, -1.0)[:, None]
    angle = lag * torch.exp(-math.log(10_000.0) * 2 * torch.arange((width + 1) // 2) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).view(length, -1)[:, :width]
