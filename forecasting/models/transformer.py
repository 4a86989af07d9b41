"""The Transformer encoder, behind the same interface as the recurrent networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.models.encoder import Encoder, Inside
from forecasting.models.input_layers import drawn

#: Bars whose attention is shown at most.
_QUERIES = 48


class Block(nn.Module):
    """Transformer block: self-attention over the window, then a feed-forward network at each bar,
    each with a residual connection.

    Parameters
    ----------
    config : ModelConfig
        ``bidirectional`` lets a bar attend to later bars of its window too.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need; norms stand before each part, as in Xiong et
    al. (2020).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.heads = config.hidden_size, config.heads
        inner = self.heads * max(1, width // self.heads)
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * inner), nn.Linear(inner, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop = nn.Dropout(config.dropout)
        self.causal = not config.bidirectional

    def forward(self, bars: Tensor) -> Tensor:
        """Map bars [B, L, width] to bars of the same shape; a causal block attends to no
        later bar.
        """
        bars = bars + self.drop(self._attended(self.before_attention(bars)))
        fed: Tensor = bars + self.drop(self.feed(self.before_feed(bars)))
        return fed

    def weights(self, bars: Tensor, queries: Tensor) -> Tensor:
        """Return the mean attention, over heads and windows, of the bars ``queries`` to each of
        bars [B, L, width]: [queries, L].
        """
        batch, length, _ = bars.shape
        query, key, _ = (
            self.ask(self.before_attention(bars))
            .view(batch, length, 3, self.heads, -1)
            .permute(2, 0, 3, 1, 4)
        )
        scores = query[:, :, queries] @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
        if self.causal:
            later = torch.arange(length, device=bars.device)[None] > queries[:, None]
            scores = scores.masked_fill(later, -math.inf)
        weights: Tensor = scores.softmax(dim=-1).mean((0, 1))
        return weights

    def _attended(self, bars: Tensor) -> Tensor:
        batch, length, _ = bars.shape
        query, key, value = (
            self.ask(bars).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        answered: Tensor = self.answer(seen.transpose(1, 2).reshape(batch, length, -1))
        return answered


class Transformer(Encoder):
    """A stack of Transformer blocks; the head reads the output at the last bar.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C.
    length : int
        Most bars that are ever read: there is one position for each. The first bar of a window has
        the first one.
    """

    place: Tensor

    def __init__(self, config: ModelConfig, inputs: int, length: int) -> None:
        super().__init__(config, inputs, length)
        self.width = config.hidden_size
        self.embed = nn.Linear(inputs, self.width)
        if config.positions == "learned":
            self.place = drawn(0.02, length, self.width)
        else:
            self.register_buffer("place", _waves(length, self.width), persistent=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(self.width)

    @property
    def state_size(self) -> int:
        """Return the width of an initial state, for each bar of the context."""
        return self.width

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the output at the last bar, [B, width]."""
        outputs: Tensor = self.norm(self._blocks(self.embed(window))[:, -1])
        return outputs

    def read(self, bars: Tensor, carry: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map bars [B, L, C] to outputs [B, L, width] and the carry: the embedded bars so far, to
        which later ones attend.
        """
        embedded = self.embed(bars)
        known = embedded if carry is None else torch.cat([carry, embedded], dim=1)
        outputs: Tensor = self.norm(self._blocks(known)[:, known.shape[1] - bars.shape[1] :])
        return outputs, known

    def init_state(self, numbers: Tensor) -> Tensor:
        """Return numbers [B, K, state_size] as embedded bars, the carry of :meth:`read`."""
        return numbers

    def context(self, outputs: Tensor) -> Tensor:
        """Return all outputs [B, L, width] as the context of a decoder."""
        return outputs

    def last(self, outputs: Tensor) -> Tensor:
        """Return the output at the last bar, [B, width]."""
        return outputs[:, -1]

    def forward_with_states(
        self, window: Tensor, cuts: Sequence[int]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Return outputs [B, L, width], and each block's inputs at some bars, [B, width] each."""
        found: list[list[Tensor]] = []
        outputs: Tensor = self.norm(self._blocks(self.embed(window), cuts, found))
        return outputs, found

    def inspect(self, window: Tensor) -> Inside:
        """Return the attention of each block, and the size of what enters it at each bar."""
        bars = self.embed(window)
        bars = bars + self.place[: bars.shape[1]]
        length = bars.shape[1]
        queries = torch.linspace(0, length - 1, min(length, _QUERIES)).round().long()
        queries = queries.to(bars.device)
        states, attention = [], []
        for block in self.layers:
            assert isinstance(block, Block)
            states.append(bars.square().mean((0, 2)).sqrt())
            attention.append(block.weights(bars, queries))
            bars = block(bars)
        none = bars.new_empty(len(states), 0, length)
        return Inside((), none, torch.stack(states), 0.0, torch.stack(attention))

    def _blocks(
        self, bars: Tensor, cuts: Sequence[int] = (), found: list[list[Tensor]] | None = None
    ) -> Tensor:
        """Run all blocks over embedded bars; append each block's inputs at the bars ``cuts`` to
        ``found``.
        """
        bars = bars + self.place[: bars.shape[1]]
        for block in self.layers:
            if found is not None:
                # Taken apart and put together again, so that all that follows depends on the kept
                # bars.
                single = list(bars.unbind(1))
                found.append([single[cut] for cut in cuts])
                bars = torch.stack(single, dim=1)
            bars = block(bars)
        return bars


def _waves(length: int, width: int) -> Tensor:
    """Return sinusoidal positions by lag, [L, width], counted back from the last bar."""
    lag = torch.arange(length - 1, -1, -1.0, device="cpu")[:, None]
    pairs = torch.arange((width + 1) // 2, device="cpu")  # also where the rest has shapes only
    angle = lag * torch.exp(-math.log(10_000.0) * 2 * pairs / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).view(length, -1)[:, :width]
