"""Record the gradient's norm at every step, of the whole network and of each of its parts."""

from __future__ import annotations

import math
import re

import numpy as np
import torch
from torch import Tensor

from forecasting.config import TrainConfig
from forecasting.events import StepNorms
from forecasting.models import Ensemble
from forecasting.series import Floats
from forecasting.training.diagnostics import Peak

#: Rows that there is room for at first.
_FIRST_ROWS = 1024


class Rows:
    """Rows of numbers, one a step, in one tensor that grows: single small tensors would leave holes
    between the large ones of the steps, and the memory of the process would grow with each.

    Parameters
    ----------
    rows : Tensor, shape [N, K], optional
        The first ones.
    """

    def __init__(self, rows: Tensor | None = None) -> None:
        self._rows = torch.empty(0, 0) if rows is None else rows
        self._count = len(self._rows)

    def __len__(self) -> int:
        """Return the number of rows N."""
        return self._count

    def append(self, row: Tensor) -> None:
        """Append a row [K]."""
        if self._count == len(self._rows):
            grown = row.new_empty((max(_FIRST_ROWS, 2 * self._count), len(row)))
            if self._count:
                grown[: self._count] = self._rows
            self._rows = grown
        self._rows[self._count] = row
        self._count += 1

    def latest(self, count: int) -> Tensor:
        """Return the last rows, at most ``count`` of them."""
        return self._rows[max(0, self._count - count) : self._count]

    @property
    def table(self) -> Tensor:
        """All rows, [N, K]."""
        return self._rows[: self._count]


class StepRecord:
    """Collect the norms that clipping computes anyway, and group them by layer at the end of an
    epoch: a step costs nothing more than a reference.

    Parameters
    ----------
    network : Ensemble
    config : TrainConfig

    Attributes
    ----------
    peak : Peak or None
        The largest step so far, beside the usual one.
    """

    def __init__(self, network: Ensemble, config: TrainConfig) -> None:
        self.peak: Peak | None = None
        self._parts, self._complete = Rows(), True
        self._members = len(network.members)
        self._clipping = config.clip != "off" and config.clip_norm > 0
        self._limit = config.clip_norm if self._clipping and config.clip == "norm" else math.nan
        groups = [layer_of(name) for name, _ in network.named_parameters()]
        self._groups = groups
        self.layers = tuple(sorted(set(groups), key=_order))

    def add(self, parts: Tensor) -> None:
        """Keep the norms of a step, [P], on the device."""
        if parts.numel() == len(self._groups):
            self._parts.append(parts)
        else:
            self._complete = False

    def end_epoch(self, epoch: int, norms: Floats, share: float) -> StepNorms:
        """Return the norms of an epoch, from those before and after clipping [N, 2]."""
        by_layer = np.full((len(norms), len(self.layers)), math.nan)
        # Of a training that was taken up within an epoch, only the whole norms of earlier steps
        # are known; where a parameter had no gradient, parts cannot be told apart.
        recent = self._parts.latest(len(norms))
        if len(recent) and self._complete:
            squares = recent.double().cpu().numpy() ** 2 / self._members
            for column, layer in enumerate(self.layers):
                chosen = np.array([group == layer for group in self._groups])
                by_layer[-len(recent) :, column] = np.sqrt(squares[:, chosen].sum(axis=1))
        self._parts, self._complete = Rows(), True
        found = StepNorms(
            epoch,
            norms[:, 0],
            norms[:, 1],
            self._limit,
            self._clipping,
            self.layers,
            by_layer,
            share,
        )
        self.peak = Peak.of(found, self.peak)
        return found


def layer_of(name: str) -> str:
    """Return the part of the network that a parameter belongs to, from its name in the module."""
    layer = re.search(r"\.body\.layers\.(\d+)\.", name)
    if layer:
        return f"layer {int(layer[1]) + 1}"
    for part, title in (
        (".front.", "input layers"),
        (".body.", "encoder"),
        (".decoder.", "decoder"),
        (".head.", "head"),
    ):
        if part in name:
            return title
    return "calendar"


def _order(layer: str) -> tuple[int, str]:
    titles = ("input layers", "encoder", "layer", "decoder", "head", "calendar")
    return titles.index(layer.split(" ")[0] if layer.startswith("layer") else layer), layer
