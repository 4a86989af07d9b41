"""Training objectives: examples and targets of a gradient step, at the end of each window
(many-to-one), at every bar (many-to-many), in long chunks, or with teacher forcing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from forecasting.config import RunConfig
from forecasting.models import Ensemble
from forecasting.models.heads import apply_shape
from forecasting.models.native_outputs import NativePinball
from forecasting.models.native_pass import computes
from forecasting.series import Origins
from forecasting.windows import Windows

#: Windows that a chunk counts as in a batch: most bars of a chunk tell what their neighbours tell.
_CHUNK_COUNTS = 8
#: Most numbers of targets that are computed once instead of in each step: 16 MB.
_MOST_KNOWN = 1 << 22


class Pinball:
    """Pinball (quantile) loss of a network's output, in units of the scale.

    Parameters
    ----------
    levels : Tensor, shape [Q]
    baseline : Tensor, shape [H, Q]
        The baseline's quantiles at these levels.
    median : Tensor, shape [H]
    """

    def __init__(self, levels: Tensor, baseline: Tensor, median: Tensor) -> None:
        self.above, self.below = levels, levels - 1
        self.baseline, self.median = baseline, median
        self.native = NativePinball(levels, baseline, median)

    def __call__(self, shape: Tensor, target: Tensor) -> Tensor:
        """Map outputs [..., H, 3] and targets [..., H] to losses [...], the mean over steps and
        levels.

        Outputs of one step only are those of the first step.
        """
        if computes(shape):
            return self.native(shape, target)
        steps = shape.shape[-2]
        error = target.unsqueeze(-1) - apply_shape(
            shape, self.baseline[:steps], self.median[:steps]
        )
        return (torch.where(error < 0, self.below, self.above) * error).mean((-2, -1))


class Objective(ABC):
    """Examples of one kind, shuffled for each epoch, and their targets.

    Every output that is trained belongs to an origin of the training part, so its target ends
    before the validation part begins.

    Parameters
    ----------
    windows : Windows
    origins : Origins
        Of the training part.
    config : RunConfig
    """

    #: What the examples are called.
    unit: ClassVar[str] = "windows"

    def __init__(self, windows: Windows, origins: Origins, config: RunConfig) -> None:
        self.windows, self.config = windows, config
        self.rows = windows.rows(origins)
        self.lookback, self.horizon = config.task.input_size, config.task.horizon
        self.stepwise = config.model.strategy != "direct"

    @property
    def count(self) -> int:
        """Return the approximate number of examples in an epoch."""
        return len(self.rows)

    @property
    def batch_size(self) -> int:
        """Return how many examples a gradient step takes."""
        return self.config.train.batch_size

    def sample_epoch(self, order: torch.Generator) -> Tensor:
        """Return the shuffled examples of one epoch, on the device."""
        return self.rows[torch.randperm(len(self.rows), generator=order).to(self.rows.device)]

    def outputs(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return the outputs of :meth:`forward` with the effect of the calendar of the
        bars ahead.
        """
        return network.add_calendar(
            self.forward(network, batch), self.windows.known_ahead(self.target_rows(batch))
        )

    @abstractmethod
    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the rows that outputs belong to, [...]."""

    @abstractmethod
    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return each member's outputs for a batch of examples, [M, ..., H, 3], or [M, ..., 1, 3]
        for one step at a time.
        """

    @abstractmethod
    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets, [..., H] or [..., 1], and a mask of the outputs that count, [...];
        None where all do.
        """

    def loss(self, outputs: Tensor, batch: Tensor, pinball: Pinball) -> Tensor:
        """Return the mean loss of the outputs of a batch."""
        targets, counts = self.targets(batch)
        losses = pinball(outputs, targets)
        if counts is None:
            return losses.mean()
        return torch.where(counts, losses, 0.0).sum() / (counts.sum() * losses.shape[0])

    def next_moves(self, rows: Tensor) -> Tensor:
        """Return the move after each row in units of the scale known at it; reads one bar ahead."""
        scale = self.windows.scale(rows.flatten())[:, 0].view(rows.shape)
        return self.windows.move[rows + 1] / scale

    def _target_of(self, rows: Tensor) -> Tensor:
        """Return the targets of rows of any shape, [..., H], or of the next bar alone, [..., 1]."""
        if self.stepwise:
            return self.next_moves(rows).unsqueeze(-1)
        return self.windows.target(rows.flatten()).view(*rows.shape, -1)


class WindowTargets(Objective):
    """One forecast after each window, free-running: all steps at once, or each from the output of
    the last.
    """

    def __init__(self, windows: Windows, origins: Origins, config: RunConfig) -> None:
        super().__init__(windows, origins, config)
        self._known: Tensor | None = None
        if len(self.rows) * self.horizon <= _MOST_KNOWN:
            self._known = windows.target(self.rows)
            self._index = torch.zeros(len(windows.table), dtype=torch.int64, device=windows.device)
            self._index[self.rows] = torch.arange(len(self.rows), device=windows.device)

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return forecasts, [M, B, H, 3]."""
        outputs: Tensor = network(self.windows.window(batch))
        return outputs

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the cutoffs, [B]."""
        return batch

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the moves up to each step, [B, H]."""
        if self._known is None:
            return self.windows.target(batch), None
        return self._known[self._index[batch]], None


class TeacherForced(Objective):
    """Teacher forcing: each of the H steps after a window is forecast from the true bars before it.

    These bars lie after the cutoff and before the last target.
    """

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return the outputs of each step, [M, B, H, 1, 3]."""
        if self.config.model.strategy == "seq2seq":
            return network.forward_teacher_forced(
                self.windows.window(batch), self.next_moves(self.target_rows(batch)[:, :-1])
            )
        back = torch.arange(1 - self.lookback, self.horizon, device=batch.device)
        return network.forward_sequence(self.windows.table[batch[:, None] + back])[
            :, :, self.lookback - 1 :
        ]

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the next move at each step, [B, H, 1]."""
        return self._target_of(self.target_rows(batch)), None

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the bars before each step, [B, H]."""
        return batch[:, None] + torch.arange(self.horizon, device=batch.device)


class ManyToMany(Objective):
    """Many-to-many: an output at every bar of a window, from the bars of the window up to it."""

    def __init__(self, windows: Windows, origins: Origins, config: RunConfig) -> None:
        super().__init__(windows, origins, config)
        self.trained = torch.zeros(len(windows.table), dtype=torch.bool, device=windows.device)
        self.trained[self.rows] = True
        self.back = torch.arange(1 - self.lookback, 1, device=windows.device)

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return the outputs at each bar, [M, B, L, H, 3]."""
        return network.forward_sequence(self.windows.window(batch))

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets of each bar; the mask leaves out bars that are no training origins."""
        rows = self.target_rows(batch)
        return self._target_of(rows), self.trained[rows]

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the bars of the windows, [B, L]."""
        return batch[:, None] + self.back


class ChunkedTargets(Objective):
    """An output at every bar of long chunks that partition the training part: each origin is used
    once an epoch.

    Before the first target of a chunk a lookback of bars is read as warm-up, so that every trained
    output has at least that many bars before it, as in forecasting. The offset of the chunks is
    drawn for each epoch.
    """

    unit = "chunks"

    def __init__(self, windows: Windows, origins: Origins, config: RunConfig) -> None:
        super().__init__(windows, origins, config)
        self.chunk = config.train.chunk
        self.spans = list(_spans(origins, windows.starts))
        self.back = torch.arange(2 - self.chunk - self.lookback, 1, device=windows.device)

    @property
    def count(self) -> int:
        """Return the approximate number of chunks in an epoch."""
        return sum(math.ceil((end - first) / self.chunk) for _, first, end in self.spans)

    @property
    def batch_size(self) -> int:
        """Return how many chunks a gradient step takes."""
        return max(1, self.config.train.batch_size // _CHUNK_COUNTS)

    def sample_epoch(self, order: torch.Generator) -> Tensor:
        """Return chunks [N, 3]: first row of the series, first and last row with a target."""
        offset = int(torch.randint(self.chunk, (1,), generator=order))
        pieces = []
        for start, first, end in self.spans:
            cuts = np.unique(
                np.concatenate([[first], np.arange(first + offset, end, self.chunk), [end]])
            )
            pieces.append(
                np.stack([np.full(len(cuts) - 1, start), cuts[:-1], cuts[1:] - 1], axis=1)
            )
        chunks = torch.as_tensor(np.concatenate(pieces))
        return chunks[torch.randperm(len(chunks), generator=order)].to(self.windows.device)

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return the outputs at the last bars of each chunk, [M, B, K, H, 3]; before the start of a
        series its first bar is repeated.
        """
        rows = torch.maximum(batch[:, 2:] + self.back, batch[:, :1])
        return network.forward_sequence(self.windows.table[rows])[:, :, -self.chunk :]

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the targets of each bar; the mask leaves out bars before a chunk's first
        target.
        """
        counts = batch[:, 2:] + self.back[-self.chunk :] >= batch[:, 1:2]
        return self._target_of(self.target_rows(batch)), counts

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the last bars of each chunk, [B, K], from its first target on."""
        return torch.maximum(batch[:, 2:] + self.back[-self.chunk :], batch[:, 1:2])


def _spans(
    origins: Origins, starts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> Iterator[tuple[int, int, int]]:
    """Yield, for each run of consecutive origins, the first row of its series, its first row, and
    the row behind its last.
    """
    rows = starts[origins.series] + origins.bar
    for index in np.split(
        np.arange(len(rows)),
        np.flatnonzero((np.diff(rows) != 1) | (np.diff(origins.series) != 0)) + 1,
    ):
        yield int(starts[origins.series[index[0]]]), int(rows[index[0]]), int(rows[index[-1]]) + 1


def supervision(windows: Windows, origins: Origins, config: RunConfig) -> Objective:
    """Return the objective of a run."""
    kind: type[Objective] = WindowTargets
    if config.train.supervision == "sequence":
        kind = ChunkedTargets
    elif config.model.shape == "many-to-many":
        kind = ManyToMany
    elif config.model.strategy != "direct" and config.train.teacher_forcing:
        kind = TeacherForced
    return kind(windows, origins, config)
