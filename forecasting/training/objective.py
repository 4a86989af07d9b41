"""What one gradient step learns from: the end of each window, every bar of it or of a long
chunk, or each step ahead by itself.
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
from forecasting.series import Origins
from forecasting.windows import Windows

#: Windows that a chunk counts as in a batch: most bars of a chunk tell what their neighbours tell.
_CHUNK_COUNTS = 8


class Pinball:
    """The pinball loss of what a network says, in units of the scale.

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

    def __call__(self, shape: Tensor, target: Tensor) -> Tensor:
        """Map shapes [..., H, 3] and what happened, [..., H], to losses [...], mean over steps and
        levels.

        Where there is one step only, it is the first.
        """
        steps = shape.shape[-2]
        error = target.unsqueeze(-1) - apply_shape(
            shape, self.baseline[:steps], self.median[:steps]
        )
        return (torch.where(error < 0, self.below, self.above) * error).mean((-2, -1))


class Objective(ABC):
    """Examples of one kind, drawn anew for each epoch, and what is to be answered in each.

    Whatever the kind, every answer that is learned from belongs to an origin of the training part,
    so that its target ends before the validation part begins.

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
        """Return about how many examples an epoch has."""
        return len(self.rows)

    @property
    def batch_size(self) -> int:
        """Return how many examples a gradient step takes."""
        return self.config.train.batch_size

    def sample_epoch(self, order: torch.Generator) -> Tensor:
        """Return the examples of one epoch in the order in which they are learned from, on the
        device.
        """
        return self.rows[torch.randperm(len(self.rows), generator=order).to(self.rows.device)]

    def outputs(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return the answers of :meth:`forward`, moved by what the calendar says of the bars
        ahead.
        """
        return network.add_calendar(
            self.forward(network, batch), self.windows.known_ahead(self.target_rows(batch))
        )

    @abstractmethod
    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the rows from which answers are given, [...]."""

    @abstractmethod
    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return what each member says in some examples, [M, ..., H, 3], or [M, ..., 1, 3] where
        it says one step at a time.
        """

    @abstractmethod
    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what happened, [..., H] or [..., 1], and which of the answers count, [...];
        None where all do.
        """

    def loss(self, outputs: Tensor, batch: Tensor, pinball: Pinball) -> Tensor:
        """Return the mean loss of answers in some examples."""
        targets, counts = self.targets(batch)
        losses = pinball(outputs, targets)
        if counts is None:
            return losses.mean()
        return torch.where(counts, losses, 0.0).sum() / (counts.sum() * losses.shape[0])

    def next_moves(self, rows: Tensor) -> Tensor:
        """Return the move after each row in units of the scale known at it; looks one bar ahead."""
        scale = self.windows.scale(rows.flatten())[:, 0].view(rows.shape)
        return self.windows.move[rows + 1] / scale

    def _target_of(self, rows: Tensor) -> Tensor:
        """Return the targets after rows of any shape, [..., H], or of the next bar alone, [...,
        1].
        """
        if self.stepwise:
            return self.next_moves(rows).unsqueeze(-1)
        return self.windows.target(rows.flatten()).view(*rows.shape, -1)


class WindowTargets(Objective):
    """The forecast after each window, made as it will be: all steps at once, or each from what
    was said of the last.
    """

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return forecasts, [M, B, H, 3]."""
        outputs: Tensor = network(self.windows.window(batch))
        return outputs

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the cutoffs, [B]."""
        return batch

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the moves up to each step."""
        return self.windows.target(batch), None


class TeacherForced(Objective):
    """Teacher forcing: each of the H steps after a window is told from the true bars before it.

    The bars that are read as if they had been told lie after the cutoff, and before the last
    target.
    """

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return what is said of each step, [M, B, H, 1, 3]."""
        if self.config.model.strategy == "seq2seq":
            return network.forward_teacher_forced(
                self.windows.window(batch), self.next_moves(self.target_rows(batch)[:, :-1])
            )
        back = torch.arange(1 - self.lookback, self.horizon, device=batch.device)
        return network.forward_sequence(self.windows.table[batch[:, None] + back])[
            :, :, self.lookback - 1 :
        ]

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the next move at each step."""
        return self._target_of(self.target_rows(batch)), None

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the bars before each step, [B, H]."""
        return batch[:, None] + torch.arange(self.horizon, device=batch.device)


class ManyToMany(Objective):
    """An answer at every bar of a window, from the bars of the window up to there."""

    def __init__(self, windows: Windows, origins: Origins, config: RunConfig) -> None:
        super().__init__(windows, origins, config)
        self.trained = torch.zeros(len(windows.table), dtype=torch.bool, device=windows.device)
        self.trained[self.rows] = True
        self.back = torch.arange(1 - self.lookback, 1, device=windows.device)

    def forward(self, network: Ensemble, batch: Tensor) -> Tensor:
        """Return what is said at each bar, [M, B, L, H, 3]."""
        return network.forward_sequence(self.windows.window(batch))

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what happened after each bar; those that are no origins of the training part do
        not count.
        """
        rows = self.target_rows(batch)
        return self._target_of(rows), self.trained[rows]

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the bars of the windows, [B, L]."""
        return batch[:, None] + self.back


class ChunkedTargets(Objective):
    """An answer at every bar of long chunks that share out the training part: each origin is
    learned from once an epoch.

    Before the first answer of a chunk as many bars are read as the lookback has, so that what is
    learned is what will be asked: an answer after that many bars or more. Where chunks begin is
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
        """Return about how many chunks an epoch has."""
        return sum(math.ceil((end - first) / self.chunk) for _, first, end in self.spans)

    @property
    def batch_size(self) -> int:
        """Return how many chunks a gradient step takes."""
        return max(1, self.config.train.batch_size // _CHUNK_COUNTS)

    def sample_epoch(self, order: torch.Generator) -> Tensor:
        """Return chunks [N, 3]: first row of the series, first and last row that are answered."""
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
        """Return what is said at the last bars of each chunk, [M, B, K, H, 3]; before a series
        begins its first bar is read again.
        """
        rows = torch.maximum(batch[:, 2:] + self.back, batch[:, :1])
        return network.forward_sequence(self.windows.table[rows])[:, :, -self.chunk :]

    def targets(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what happened after each bar; those before a chunk's first answer do not count."""
        counts = batch[:, 2:] + self.back[-self.chunk :] >= batch[:, 1:2]
        return self._target_of(self.target_rows(batch)), counts

    def target_rows(self, batch: Tensor) -> Tensor:
        """Return the last bars of each chunk, [B, K], from its first answer on."""
        return torch.maximum(batch[:, 2:] + self.back[-self.chunk :], batch[:, 1:2])


def _spans(
    origins: Origins, starts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> Iterator[tuple[int, int, int]]:
    """Yield, of each stretch of origins that follow each other, the first row of its series, its
    first row, and that behind its last.
    """
    rows = starts[origins.series] + origins.bar
    for index in np.split(
        np.arange(len(rows)),
        np.flatnonzero((np.diff(rows) != 1) | (np.diff(origins.series) != 0)) + 1,
    ):
        yield int(starts[origins.series[index[0]]]), int(rows[index[0]]), int(rows[index[-1]]) + 1


def supervision(windows: Windows, origins: Origins, config: RunConfig) -> Objective:
    """Return what a run learns from."""
    kind: type[Objective] = WindowTargets
    if config.train.supervision == "sequence":
        kind = ChunkedTargets
    elif config.model.shape == "many-to-many":
        kind = ManyToMany
    elif config.model.strategy != "direct" and config.train.teacher_forcing:
        kind = TeacherForced
    return kind(windows, origins, config)
