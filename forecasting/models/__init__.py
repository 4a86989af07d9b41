"""The networks: one file a model, joined with input layers and a head here.

The registry from which forms, flags and saved files choose is :mod:`forecasting.model_registry`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from forecasting.config import ModelConfig
from forecasting.model_registry import MODELS
from forecasting.models.decoding import Decoder, accumulate_steps, mirrored_signs, sampled_feedback
from forecasting.models.encoder import Encoder
from forecasting.models.heads import KnownAhead, QuantileHead
from forecasting.models.input_layers import CausalConv, Embedding
from forecasting.models.native_pass import read_setting


class Network(nn.Module):
    """Input layers, an encoder of :data:`MODELS`, a decoder for sequence-to-sequence, and a
    quantile head; untrained it is exactly the baseline.

    Parameters
    ----------
    config : ModelConfig
    inputs : int
        Features a bar, C; the first is the move, the second the range.
    horizon : int
        Steps ahead, H.
    input_size : int
        Bars of a window, L.
    symbols : int
        Series that have an embedding; where there are any, the column after the features tells the
        number of the series.
    """

    unit: Tensor

    def __init__(
        self, config: ModelConfig, inputs: int, horizon: int, input_size: int, symbols: int = 0
    ) -> None:
        super().__init__()
        self.strategy, self.horizon = config.strategy, horizon
        before: list[nn.Module] = []
        if symbols:
            before.append(Embedding(symbols, config.embedding))
            inputs += config.embedding
        if config.conv_kernel:
            before.append(CausalConv(inputs, config.conv_channels, config.conv_kernel))
        self.front = nn.Sequential(*before)
        self.kernel_size = max(1, config.conv_kernel)
        longest = input_size + horizon - 1 if self.strategy == "recursive" else input_size
        self.body: Encoder = MODELS[config.model].load()(
            config, config.conv_channels if config.conv_kernel else inputs, longest
        )
        self.drop = nn.Dropout(config.dropout)
        if self.strategy == "recursive":
            self.register_buffer("unit", torch.ones(2))
        width = self.body.width
        if self.strategy == "seq2seq":
            self.decoder = Decoder(config, width, input_size, horizon)
            width = self.decoder.width
        self.head = QuantileHead(width, horizon if self.strategy == "direct" else 1)

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the head's outputs (shift, left and right log scale), [B, H, 3];
        step by step models run freely (autoregressive decoding).
        """
        read = self.front(window)
        if self.strategy == "direct":
            shape: Tensor = self.head(self.drop(self.body(read)))
            return shape
        outputs, carry = self.body.read(read)
        return (
            self._decode_recursive(window, outputs, carry)
            if self.strategy == "recursive"
            else self._decode_seq2seq(outputs)
        )

    def forward_sequence(self, bars: Tensor) -> Tensor:
        """Map each bar to an output, from the bars up to it (many-to-many).

        Parameters
        ----------
        bars : Tensor, shape [B, T, C]

        Returns
        -------
        Tensor, shape [B, T, H, 3]
            Of a recursive network [B, T, 1, 3]: it says one step at a time.
        """
        outputs, _ = self.body.read(self.front(bars))
        shape: Tensor = self.head(self.drop(outputs))
        return shape

    def forward_teacher_forced(self, window: Tensor, moves: Tensor) -> Tensor:
        """Return the outputs of a sequence-to-sequence network at each step, [B, H, 1, 3], from the
        true moves before it, [B, H - 1] (teacher forcing).
        """
        outputs, _ = self.body.read(self.front(window))
        shape: Tensor = self.head(
            self.drop(self.decoder.forward_sequence(self.body.context(outputs), moves))
        )
        return shape

    def forward_with_states(
        self, window: Tensor, cuts: Sequence[int]
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Return the outputs of :meth:`forward`, and each layer's hidden states at the bars
        ``cuts`` (increasing, the last L - 1), through which gradients flow.

        A recursive network is evaluated without feedback: all steps get the output of the first.
        """
        outputs, states = self.body.forward_with_states(self.front(window), cuts)
        if self.strategy == "seq2seq":
            return self._decode_seq2seq(outputs), states
        shape: Tensor = self.head(self.drop(self.body.last(outputs)))
        return accumulate_steps(
            shape.expand(-1, self.horizon, -1)
        ) if self.strategy == "recursive" else shape, states

    def _decode_recursive(self, window: Tensor, outputs: Tensor, carry: object) -> Tensor:
        """Decode autoregressively: feed each step back as the next bar; features that are not
        forecast keep their last values.
        """
        steps = [self.head(self.drop(outputs[:, -1]))]
        if self.horizon > 1:
            recent, side = (
                window[:, -self.kernel_size :].repeat(2, 1, 1),
                mirrored_signs(len(window), window),
            )
            carry = _doubled(carry)
            steps = [steps[0].repeat(2, 1, 1)]
        for _ in range(1, self.horizon):
            bar = torch.cat(
                [sampled_feedback(steps[-1][:, 0], side) * self.unit, recent[:, -1, 2:]], dim=1
            )
            recent, side = torch.cat([recent, bar[:, None]], dim=1)[:, -self.kernel_size :], -side
            outputs, carry = self.body.read(self.front(recent)[:, -1:], carry)
            steps.append(self.head(self.drop(outputs[:, -1])))
        return _mirrored(accumulate_steps(torch.cat(steps, dim=1)), len(window))

    def _decode_seq2seq(self, outputs: Tensor) -> Tensor:
        """Decode autoregressively with the decoder: each step reads the one before."""
        context = self.body.context(outputs).repeat(2, 1, 1)
        side, carry = mirrored_signs(len(outputs), outputs), self.decoder.init_state(context)
        last, steps = outputs.new_zeros(len(context), 2), []
        for index in range(self.horizon):
            state, carry = self.decoder.step(index, last, carry)
            steps.append(self.head(self.drop(state)))
            last, side = sampled_feedback(steps[-1][:, 0], side), -side
        return _mirrored(accumulate_steps(torch.cat(steps, dim=1)), len(outputs))


def _doubled(carry: object) -> object:
    """Repeat the carry for two copies of each window."""
    if isinstance(carry, Tensor):  # all bars so far, of a Transformer
        return carry.repeat(2, 1, 1)
    assert isinstance(carry, list)
    return [tuple(state.repeat(1, 2, 1) for state in layer) for layer in carry]


def _mirrored(shapes: Tensor, count: int) -> Tensor:
    """Average the two mirrored paths of each of ``count`` windows."""
    return shapes.view(-1, count, *shapes.shape[1:]).mean(0)


class Ensemble(nn.Module):
    """Ensemble of networks of one kind with different initial weights; the forecast is their
    median.

    Parameters
    ----------
    config : ModelConfig
        Of each member; ``config.members`` of them.
    inputs : int
        Features a bar, C.
    horizon : int
        Steps ahead, H.
    input_size : int
        Bars of a window, L.
    symbols : int
        Series that have an embedding; where there are any, the column after the features tells the
        number of the series.
    ahead : int
        Numbers that the calendar tells of each bar ahead, F.
    """

    def __init__(
        self,
        config: ModelConfig,
        inputs: int,
        horizon: int,
        input_size: int,
        symbols: int = 0,
        ahead: int = 0,
    ) -> None:
        super().__init__()
        read_setting()
        self.members = nn.ModuleList(
            Network(config, inputs, horizon, input_size, symbols) for _ in range(config.members)
        )
        self.ahead = KnownAhead(ahead) if ahead else None

    def forward(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to each member's shift and log scales, [M, B, H, 3]."""
        return torch.stack([member(window) for member in self.members])

    def add_calendar(self, shapes: Tensor, ahead: Tensor | None) -> Tensor:
        """Add the effect of the calendar of the bars ahead, [..., H, F], to outputs [..., H, 3] or
        [..., 1, 3]; None changes nothing.
        """
        if self.ahead is None or ahead is None:
            return shapes
        moved: Tensor = self.ahead(shapes, ahead)
        return moved

    def forward_sequence(self, bars: Tensor) -> Tensor:
        """Map bars [B, T, C] to each member's output at each bar, [M, B, T, H, 3] (see
        :meth:`Network.forward_sequence`).
        """
        return torch.stack([member.forward_sequence(bars) for member in self._each()])

    def forward_teacher_forced(self, window: Tensor, moves: Tensor) -> Tensor:
        """Return each member's outputs from the true moves before each step, [M, B, H, 1, 3]."""
        return torch.stack(
            [member.forward_teacher_forced(window, moves) for member in self._each()]
        )

    def set_input_scale(self, sd: Sequence[float]) -> None:
        """Set the standard deviations of the inputs, of which the first two are fed back by
        recursive members.
        """
        for member in self._each():
            if member.strategy == "recursive":
                member.unit.copy_(1 / torch.as_tensor(sd[:2]))

    def _each(self) -> Iterator[Network]:
        for member in self.members:
            assert isinstance(member, Network)
            yield member

    def median(self, window: Tensor) -> Tensor:
        """Map windows [B, L, C] to the median of the members, [B, H, 3]."""
        shapes: Tensor = self(window)
        return shapes.quantile(0.5, dim=0) if len(shapes) > 1 else shapes[0]


__all__ = ["Ensemble", "Network", "QuantileHead"]
